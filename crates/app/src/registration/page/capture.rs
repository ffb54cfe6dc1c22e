//! 现场采集: one task a screen, from number to submission. Every step is an ordinary form; camera and signature pad only fill its file fields.

use askama::Template;

use crate::platform::web::form::{Input, Kind, Notice};
use crate::platform::web::pages::{Check, Dialog};
use crate::platform::web::parts::Facts;
use crate::platform::web::shell::Shell;
use crate::platform::words::Words;

/// One step of the way, as the line of steps shows it.
#[derive(Debug, Clone)]
pub struct StepMark {
    /// Words.
    pub label: &'static str,
    /// `done`, `now` or `later`.
    pub state: &'static str,
    /// Where it can be seen again.
    pub href: Option<String>,
}

/// A picture to take: the file field and what the camera or pad needs to know.
#[derive(Debug, Clone)]
pub struct Shot {
    /// The file field.
    pub input: Input,
    /// `environment` or `user`.
    pub facing: &'static str,
    /// Written by hand instead of photographed.
    pub pad: bool,
}

/// Pictures a browser may send; the server decodes and encodes them again.
pub const PICTURES: &str = "image/jpeg,image/png,image/webp";

impl Shot {
    /// Taken with the camera.
    pub fn camera(name: &'static str, label: &str, hint: &str, facing: &'static str) -> Self {
        Self { input: Input::new(name, label, Kind::File(PICTURES, facing)).hint(hint), facing, pad: false }
    }

    /// Written on the pad.
    pub fn pad(name: &'static str, label: &str, hint: &str) -> Self {
        Self { input: Input::new(name, label, Kind::File(PICTURES, "")).hint(hint), facing: "", pad: true }
    }
}

/// One screen of the capture.
#[derive(Template)]
#[template(path = "registration/capture.html")]
pub struct CapturePage {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// 单号, once there is one.
    pub number: String,
    /// The line of steps.
    pub steps: Vec<StepMark>,
    /// What this step is.
    pub heading: String,
    /// One sentence.
    pub lead: String,
    /// Posted here.
    pub action: String,
    /// Idempotency key of this form: a second press changes nothing.
    pub key: String,
    /// Refused just now.
    pub notice: Option<Notice>,
    /// Fields.
    pub fields: Vec<Input>,
    /// Pictures.
    pub shots: Vec<Shot>,
    /// Fields of a proxy, folded away.
    pub proxy: Vec<Input>,
    /// The proxy's fields are filled in.
    pub proxy_open: bool,
    /// What will be submitted.
    pub summary: Option<Facts>,
    /// Words on the button.
    pub submit: String,
    /// Previous step.
    pub back: Option<String>,
    /// Words of the button that cancels.
    pub cancel: Option<String>,
    /// Asks before cancelling.
    pub dialog: Option<Dialog>,
    /// Rules of the step, with their articles.
    pub checks: Vec<Check>,
}

/// The line of steps with `now` (0..5) as the present one; earlier ones lead back when the order is known.
pub fn steps(w: &'static Words, now: usize, order: Option<&str>) -> Vec<StepMark> {
    [
        (w.step_number, ""),
        (w.step_document, "document"),
        (w.step_portrait, "portrait"),
        (w.step_signature, "signature"),
        (w.step_submit, "submission"),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, (label, path))| StepMark {
        label,
        state: if index < now {
            "done"
        } else if index == now {
            "now"
        } else {
            "later"
        },
        // The number is held once it is picked: there is no way back to picking another, only to cancelling.
        href: order.filter(|_| index > 0 && index < now).map(|order| format!("/capture/{order}/{path}")),
    })
    .collect()
}
