//! 高级表格: the list page. Search form above, toolbar, a real table with a caption that counts, 序号 first and 操作 last, pages below; the address holds the whole state.

use std::collections::BTreeSet;

use askama::Template;
use askama::filters::HtmlSafe;

use super::chart::Bar;
use super::feedback::page_numbers;
use super::form::Input;
use super::parts::{Empty, Tag, Tone};
use crate::platform::words::{Words, fill};

/// Page sizes people may choose.
pub const SIZES: [u32; 3] = [20, 50, 100];

/// 列 of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Words.
    pub title: String,
    /// `number`, `code`, `wide`, `narrow`: class of the cells.
    pub class: &'static str,
    /// Address that sorts by this column, and how it is sorted now (`ascending`, `descending`, `none`).
    pub sort: Option<(String, &'static str)>,
    /// Name in the address and in exports; empty: always shown, never exported.
    pub key: &'static str,
    /// Shown unless the person chose otherwise.
    pub shown: bool,
}

impl Column {
    /// A plain column.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), class: "", sort: None, key: "", shown: true }
    }

    /// Figures, to the right.
    pub fn number(title: impl Into<String>) -> Self {
        Self { class: "number", ..Self::new(title) }
    }

    /// A column people may hide and take away in a file.
    pub fn keyed(key: &'static str, title: impl Into<String>) -> Self {
        Self { key, ..Self::new(title) }
    }

    /// Hidden until chosen.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.shown = false;
        self
    }

    /// Figures, to the right.
    #[must_use]
    pub fn figures(mut self) -> Self {
        self.class = "number";
        self
    }

    /// Moments: a file says of which clock.
    #[must_use]
    pub fn moment(mut self) -> Self {
        self.class = "moment";
        self
    }

    /// A column that sorts.
    #[must_use]
    pub fn sorted(mut self, href: String, now: &'static str) -> Self {
        self.sort = Some((href, now));
        self
    }
}

/// What one cell shows; everything personal is masked before it gets here.
#[derive(Debug, Clone)]
pub enum Cell {
    /// Plain words.
    Text(String),
    /// Numbers, codes, masked values.
    Code(String),
    /// A figure, formatted.
    Number(String),
    /// A figure that leads to its list: address, figure.
    NumberLink(String, String),
    /// The main link of the line.
    Link(String, String),
    /// The main link of the line with a smaller line below: address, words, second line.
    LinkTwo(String, String, String),
    /// A status.
    Tag(Tag),
    /// Two lines, the second smaller.
    Two(String, String),
    /// How old against the clock: words, weight, exact moment.
    Age(String, Tone, String),
    /// A figure with a bar.
    Bar(Bar),
    /// Ways on.
    Actions(Vec<Act>),
}

impl Cell {
    /// The words alone, as a file or a search for text has them; two lines are joined by a dot.
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) | Self::Code(text) | Self::Number(text) | Self::NumberLink(_, text) | Self::Link(_, text) => text.clone(),
            Self::LinkTwo(_, first, second) | Self::Two(first, second) if second.is_empty() => first.clone(),
            Self::LinkTwo(_, first, second) | Self::Two(first, second) => format!("{first} · {second}"),
            Self::Tag(tag) => tag.text.clone(),
            Self::Age(text, ..) => text.clone(),
            Self::Bar(bar) => bar.text().to_owned(),
            Self::Actions(_) => String::new(),
        }
    }
}

impl Cell {
    /// The words alone, as a file has them: there an age is the moment it counts from, for a file is read later.
    pub fn in_file(&self, w: &Words) -> String {
        match self {
            Self::Age(_, _, at) if !at.is_empty() => fill(w.since, at),
            Self::Text(text) | Self::Code(text) | Self::Number(text) if text == "—" => String::new(),
            other => other.plain(),
        }
    }
}

/// One action of a line.
#[derive(Debug, Clone)]
pub struct Act {
    /// Words on the button.
    pub label: String,
    /// What it is done to, for screen readers.
    pub of: String,
    /// GET as a link, POST as a form with one button.
    pub to: To,
    /// The one thing to do here.
    pub primary: bool,
}

/// Where an [`Act`] goes.
#[derive(Debug, Clone)]
pub enum To {
    /// A page.
    Page(String),
    /// A step: posted.
    Step(String),
}

impl Act {
    /// A link to a page.
    pub fn page(label: &str, of: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.to_owned(), of: of.into(), to: To::Page(href.into()), primary: false }
    }

    /// A button that does something.
    pub fn step(label: &str, of: impl Into<String>, action: impl Into<String>) -> Self {
        Self { label: label.to_owned(), of: of.into(), to: To::Step(action.into()), primary: false }
    }

    /// Marks the main one.
    #[must_use]
    pub fn primary(mut self) -> Self {
        self.primary = true;
        self
    }
}

/// One line of a table.
#[derive(Debug, Clone)]
pub struct Line {
    /// Address-safe id, the value of its check box.
    pub id: String,
    /// One cell for each column.
    pub cells: Vec<Cell>,
    /// Open in the pane beside the list.
    pub current: bool,
}

/// 查询: the form above the table.
#[derive(Template)]
#[template(path = "platform/web/search.html")]
pub struct Search {
    /// Words.
    pub w: &'static Words,
    /// Address of the list.
    pub action: String,
    /// Id of the region that is exchanged.
    pub target: String,
    /// Fields, filled with what was asked.
    pub fields: Vec<Input>,
    /// State the form does not show: page size, sorting.
    pub kept: Vec<(String, String)>,
}

impl HtmlSafe for Search {}

/// 分页
#[derive(Debug, Clone, Default)]
pub struct Pager {
    /// How many there are.
    pub total: u64,
    /// There are more than were counted.
    pub capped: bool,
    /// Chosen size.
    pub size: u32,
    /// Sizes and their addresses.
    pub sizes: Vec<(u32, String)>,
    /// First page, when this is not it.
    pub first: Option<String>,
    /// Previous page.
    pub previous: Option<String>,
    /// Next page.
    pub next: Option<String>,
    /// Position of the first line, from 1.
    pub from: u64,
    /// Page numbers, their addresses and which is shown, where the total is known and pages can be asked for by number; `None`: left out.
    pub numbers: Vec<Option<(u64, String, bool)>>,
}

impl Pager {
    /// Everything on one page.
    pub fn single(total: usize) -> Self {
        Self { total: total as u64, size: 0, from: 1, ..Self::default() }
    }

    /// `12,586` or `10,000+`
    pub fn count(&self) -> String {
        let mut text = thousands(self.total);
        if self.capped {
            text.push('+');
        }
        text
    }
}

/// `12586` → `12,586`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The table and everything around it but the search form.
#[derive(Template)]
#[template(path = "platform/web/table.html")]
pub struct Table {
    /// Words.
    pub w: &'static Words,
    /// Id of the region; unique on the page.
    pub id: String,
    /// What is listed.
    pub caption: String,
    /// Columns between 序号 and the end.
    pub columns: Vec<Column>,
    /// Lines.
    pub lines: Vec<Line>,
    /// Pages.
    pub pager: Pager,
    /// Shown instead of an empty table.
    pub empty: Empty,
    /// Buttons right of the title: address and words; the first is the main one.
    pub tools: Vec<Tool>,
    /// What may be done to the chosen lines.
    pub batch: Option<Batch>,
    /// Column chooser, density and export; a table within a page has none.
    pub state: Option<State>,
}

/// A button beside the title: address and words.
pub type Tool = (String, String);

/// 列设置、密度、导出: what a list's address may be changed to.
#[derive(Debug, Clone)]
pub struct State {
    /// Columns to choose from: key, words, shown now.
    pub choices: Vec<(&'static str, String, bool)>,
    /// Path of the list.
    pub action: String,
    /// State the chooser carries along.
    pub kept: Vec<(String, String)>,
    /// 紧凑
    pub dense: bool,
    /// The same list in the other density.
    pub density: String,
    /// Where a file of it is asked for.
    pub export: Option<String>,
    /// The same list anew.
    pub again: String,
}

/// 批量操作: what may be done to the chosen lines, or to all that match.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Posted here.
    pub action: String,
    /// Buttons.
    pub acts: Vec<BatchAct>,
    /// Carried along.
    pub kept: Vec<(String, String)>,
    /// How many match, and whether there are more than were counted.
    pub all: (u64, bool),
    /// Ids of the lines that are ticked already: a form that was refused comes back as it was sent.
    pub chosen: BTreeSet<String>,
    /// All that match were asked for.
    pub everything: bool,
}

/// One thing to do to many lines.
#[derive(Debug, Clone)]
pub struct BatchAct {
    /// Sent as `act`.
    pub key: &'static str,
    /// Words on the button.
    pub label: String,
    /// Refuses or destroys.
    pub danger: bool,
    /// What it needs to know besides.
    pub fields: Vec<Input>,
}

impl BatchAct {
    /// A button alone.
    pub fn new(key: &'static str, label: impl Into<String>) -> Self {
        Self { key, label: label.into(), danger: false, fields: Vec::new() }
    }
}

impl Batch {
    fn matching(&self) -> String {
        let mut text = thousands(self.all.0);
        if self.all.1 {
            text.push('+');
        }
        text
    }
}

impl HtmlSafe for Table {}

impl Table {
    /// A table within a page: everything on one page of it, nothing to choose. `none`: said when it is empty.
    pub fn within(w: &'static Words, id: &str, caption: &str, columns: Vec<Column>, lines: Vec<Line>, none: &str) -> Self {
        Self {
            w,
            id: id.to_owned(),
            caption: caption.to_owned(),
            columns,
            pager: Pager::single(lines.len()),
            lines,
            empty: Empty { title: none.to_owned(), hint: String::new(), action: None },
            tools: Vec::new(),
            batch: None,
            state: None,
        }
    }

    /// What to do, or why nothing is there, when it is empty.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        self.empty.hint = hint.to_owned();
        self
    }

    fn caption_count(&self) -> String {
        fill(self.w.rows_total, self.pager.count())
    }

    fn dense(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.dense)
    }

    fn choose_all(&self, batch: &Batch) -> String {
        fill(self.w.choose_all, batch.matching())
    }

    fn page_label(&self, page: &u64) -> String {
        crate::platform::words::fill(self.w.page_number, page)
    }

    fn position(&self, index: &usize) -> u64 {
        self.pager.from.max(1) + *index as u64
    }
}

/// 地址: a path with its query, from which the addresses of pages, sizes and sortings are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Address {
    /// From a path and what was asked; empty values are left out.
    pub fn new<K: Into<String>, V: Into<String>>(path: &str, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let pairs = pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .filter(|(_, value): &(String, String)| !value.is_empty())
            .collect();
        Self { path: path.to_owned(), pairs }
    }

    /// The same with one value set, or removed when empty.
    #[must_use]
    pub fn with(&self, key: &str, value: impl ToString) -> Self {
        let mut pairs: Vec<_> = self.pairs.iter().filter(|(name, _)| name != key).cloned().collect();
        let value = value.to_string();
        if !value.is_empty() {
            pairs.push((key.to_owned(), value));
        }
        Self { path: self.path.clone(), pairs }
    }

    /// The same without one value.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        self.with(key, "")
    }
}

impl Address {
    /// Keys and values in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl Address {
    /// A value as an address writes it.
    pub fn value(text: &str) -> String {
        Self::new("", [("", text)]).to_string().trim_start_matches("?=").to_owned()
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        for (index, (key, value)) in self.pairs.iter().enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            write_encoded(f, key)?;
            f.write_str("=")?;
            write_encoded(f, value)?;
        }
        Ok(())
    }
}

fn write_encoded(f: &mut std::fmt::Formatter<'_>, text: &str) -> std::fmt::Result {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// Pages of a list that is asked for by offset: `page` from 1, `size` one of [`SIZES`].
pub fn pager(address: &Address, page: u64, size: u32, total: u64, capped: bool) -> Pager {
    let size = if SIZES.contains(&size) { size } else { SIZES[0] };
    let page = page.max(1);
    let from = (page - 1).saturating_mul(u64::from(size)) + 1;
    let at = |page: u64| address.with("page", if page <= 1 { String::new() } else { page.to_string() }).to_string();
    Pager {
        total,
        capped,
        size,
        sizes: SIZES.iter().map(|size| (*size, address.without("page").with("size", size).to_string())).collect(),
        first: (page > 1).then(|| at(1)),
        previous: (page > 1).then(|| at(page - 1)),
        next: (from + u64::from(size) <= total || capped).then(|| at(page + 1)),
        from,
        numbers: if capped {
            Vec::new()
        } else {
            let numbers = page_numbers(page, total.div_ceil(u64::from(size)));
            numbers.into_iter().map(|number| number.map(|number| (number, at(number), number == page))).collect()
        },
    }
}

/// Pages of a list that is asked for by cursor: `after` is the cursor of this page, `next` that of the following one.
pub fn keyset(address: &Address, position: u64, size: u32, total: u64, capped: bool, next: Option<String>) -> Pager {
    let size = if SIZES.contains(&size) { size } else { SIZES[0] };
    let from = position.max(1);
    let start = address.without("after").without("n");
    Pager {
        total,
        capped,
        size,
        sizes: SIZES.iter().map(|size| (*size, start.with("size", size).to_string())).collect(),
        first: (from > 1).then(|| start.to_string()),
        previous: None,
        next: next.map(|cursor| address.with("after", cursor).with("n", from + u64::from(size)).to_string()),
        from,
        numbers: Vec::new(),
    }
}
