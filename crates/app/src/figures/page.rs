//! 总览: figures of registration, each with the list behind it.

use askama::Template;

use crate::platform::web::chart::Lines;
use crate::platform::web::parts::Card;
use crate::platform::web::shell::Shell;
use crate::platform::web::table::{Search, Table};
use crate::platform::words::Words;

/// 总览
#[derive(Template)]
#[template(path = "figures/overview.html")]
pub struct Overview {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// One sentence.
    pub lead: String,
    /// Period, city, channel.
    pub search: Search,
    /// Figures in a row.
    pub cards: Vec<Card>,
    /// 地市 × 渠道
    pub cities: Table,
    /// Days in a line.
    pub trend: Lines,
}
