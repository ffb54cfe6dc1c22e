//! 我的待办: where everybody lands. The oldest first, each with one thing to do.

use askama::Template;

use crate::platform::web::parts::Card;
use crate::platform::web::shell::Shell;
use crate::platform::web::table::Table;
use crate::platform::words::Words;

/// 我的待办
#[derive(Template)]
#[template(path = "registration/my_work.html")]
pub struct MyWork {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// One sentence.
    pub lead: String,
    /// Figures of this role.
    pub cards: Vec<Card>,
    /// What waits for this person.
    pub table: Table,
    /// What else may be of interest.
    pub others: Vec<Table>,
}
