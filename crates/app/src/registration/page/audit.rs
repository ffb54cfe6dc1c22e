//! 审核队列: list left, one claimed case right.

use askama::Template;

use crate::platform::web::form::Notice;
use crate::platform::web::pages::{Check, Dialog, Picture};
use crate::platform::web::parts::{Empty, Tabs, Tag, Timeline};
use crate::platform::web::shell::Shell;
use crate::platform::web::table::{Search, Table};
use crate::platform::words::Words;

/// One field beside what was found out about it.
#[derive(Debug, Clone)]
pub struct Compared {
    /// 姓名
    pub label: String,
    /// As declared, masked.
    pub declared: String,
    /// What a check said.
    pub verified: Tag,
}

/// The case one auditor holds.
pub struct Case {
    /// Id of the order.
    pub id: String,
    /// 单号
    pub number: String,
    /// Where it stands.
    pub state: Tag,
    /// "claimed by me, left".
    pub held: String,
    /// End of the lease, milliseconds UTC.
    pub lease_until_ms: i64,
    /// Time left when the page was made, `09:48`.
    pub lease_left: String,
    /// Product, mode, outlet, city in one line.
    pub line: String,
    /// Version the decision will be about: an older page is refused.
    pub version: i64,
    /// Images.
    pub pictures: Vec<Picture>,
    /// Fields.
    pub compare: Vec<Compared>,
    /// Checks with their articles.
    pub checks: Vec<Check>,
    /// Steps so far, and whether there are any.
    pub history: String,
    /// Steps so far.
    pub timeline: Timeline,
    /// Where approval is posted; `None` while something keeps it from being approved.
    pub approve: Option<String>,
    /// Return, reject, escalate.
    pub dialogs: Vec<Dialog>,
}

/// 审核队列
#[derive(Template)]
#[template(path = "registration/audit.html")]
pub struct AuditPage {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// Refused just now.
    pub notice: Option<Notice>,
    /// Queues.
    pub tabs: Tabs,
    /// Search form.
    pub search: Search,
    /// The list.
    pub table: Table,
    /// The claimed case.
    pub case: Option<Case>,
    /// Instead of a case.
    pub none: Empty,
}
