//! Pages of people: sign-in, sessions, staff.

use askama::Template;

use crate::platform::web::pages::FormPart;
use crate::platform::web::shell::Shell;
use crate::platform::words::Words;

/// What the passkey dialog of the browser is started with.
pub struct PasskeyAsk {
    /// Posted here.
    pub action: String,
    /// Options as JSON, as the browser wants them with bytes in base64url.
    pub challenge: String,
    /// Ties the answer to the question.
    pub flow: String,
}

/// 登录
#[derive(Template)]
#[template(path = "platform/people/login.html")]
pub struct Login {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// Which step.
    pub heading: String,
    /// Password, or code.
    pub form: FormPart,
    /// Passkey, where one is asked for.
    pub passkey: Option<PasskeyAsk>,
}
