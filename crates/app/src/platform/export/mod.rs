//! 导出: a list as a file, masked, for a stated purpose. A file of few lines streams as it is read; one of many is made by a job, sealed piece
//! by piece, and fetched by whoever asked for it.
//!
//! | file | what lives there |
//! |---|---|
//! | maker | pieces of a file, in a row |
//! | csv, xlsx | the forms |
//! | make | reading a list into a file: the stream and the job |
//! | page | asking and fetching |
//! | http | a short list for a program |

use chuangsha_kernel::{role::Action, time::Timestamp};

use super::{
    actor::Actor,
    purpose::Purpose,
    second::page::purpose_words,
    web::{
        list::{Asked, Listing, Look},
        table::Line,
    },
    words::{Words, fill},
};
use crate::App;

pub mod csv;
pub mod http;
pub mod make;
pub mod maker;
pub mod page;
pub mod xlsx;

#[cfg(test)]
mod tests;

/// Tables of this module: the file of a job. Its bytes lie sealed in the object store, under the job's own key.
pub const DDL: &str = "
CREATE TABLE export_file (
    job BYTEA PRIMARY KEY,
    name TEXT NOT NULL,
    parts BIGINT NOT NULL,
    size BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    downloads BIGINT NOT NULL,
    ready BIGINT NOT NULL,
    destroyed_at BIGINT
);
CREATE INDEX export_file_kept ON export_file (expires) WHERE destroyed_at IS NULL;
";

/// 格式
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people: opens as it is, every cell a text.
    Xlsx,
    /// CSV UTF-8 with the mark that spreadsheet programs know it by.
    CsvBom,
    /// CSV GB18030, for older programs.
    CsvGb18030,
    /// CSV UTF-8 as it is, for programs.
    Csv,
}

impl Format {
    /// Every form, the usual one first.
    pub const ALL: [Self; 4] = [Self::Xlsx, Self::CsvBom, Self::CsvGb18030, Self::Csv];

    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::CsvBom => "csv_bom",
            Self::CsvGb18030 => "csv_gb18030",
            Self::Csv => "csv",
        }
    }

    /// Reads a stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// What the browser is told it is.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::CsvBom | Self::Csv => "text/csv; charset=utf-8",
            Self::CsvGb18030 => "text/csv; charset=gb18030",
        }
    }

    fn ending(self) -> &'static str {
        if self == Self::Xlsx { "xlsx" } else { "csv" }
    }

    /// In words.
    pub fn words(self, w: &Words) -> &'static str {
        match self {
            Self::Xlsx => w.format_xlsx,
            Self::CsvBom => w.format_csv_bom,
            Self::CsvGb18030 => w.format_csv_gb18030,
            Self::Csv => w.format_csv,
        }
    }
}

/// What is said of a file inside it: a sheet of its own, or its name alone where the form has no place for it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct About {
    /// Name of the list.
    pub title: String,
    /// Name of the sheet that says all this.
    pub sheet: String,
    /// Words and values: who, when, for what, narrowed to what.
    pub facts: Vec<(String, String)>,
    /// Heads of the columns: words, and how wide in characters.
    pub heads: Vec<(String, u16)>,
    /// On every printed page and between the lines of a file in clear: who took it, when, under which number.
    pub mark: String,
}

impl About {
    /// Of a list as somebody sees it.
    pub fn of(look: &Look, listing: &dyn Listing, asked: &Asked, wish: &Wish, at: Timestamp) -> Self {
        let w = look.w;
        let purpose = Purpose::parse(&wish.purpose).map_or("", |purpose| purpose_words(w, purpose));
        let mut facts = vec![
            (w.export_list.to_owned(), listing.title(w).to_owned()),
            (w.export_by.to_owned(), look.actor.number.clone()),
            (w.export_at.to_owned(), format!("{} (UTC+8)", at.display())),
            (w.purpose.to_owned(), purpose.to_owned()),
            (w.purpose_words.to_owned(), wish.words.trim().to_owned()),
        ];
        if !wish.case.trim().is_empty() {
            facts.push((w.export_case.to_owned(), wish.case.trim().to_owned()));
        }
        facts.extend(filters(look, listing, asked));
        let masking = if wish.clear == "yes" { w.export_in_clear } else { w.export_masked };
        facts.push((w.export_masking.to_owned(), masking.to_owned()));
        let heads =
            shown(listing, look, asked).into_iter().map(|(_, title, class)| (title, if class == "number" { 12 } else { 24 })).collect();
        Self { title: listing.title(w).to_owned(), sheet: w.export_sheet.to_owned(), facts, heads, mark: String::new() }
    }

    /// Name of the file: the list and the minute, nothing that was looked for.
    pub fn file_name(list: &str, at: Timestamp, format: Format) -> String {
        let at: String = at.display().chars().filter(char::is_ascii_digit).take(12).collect();
        format!("{}-{at}.{}", list.trim_matches('/').replace('/', "-"), format.ending())
    }
}

/// What the list was narrowed to, in the words of its own form.
fn filters(look: &Look, listing: &dyn Listing, asked: &Asked) -> Vec<(String, String)> {
    use super::web::form::Kind;
    let fields = listing.fields(look, asked);
    let named = fields.into_iter().filter(|field| !asked.get(field.name).is_empty()).map(|field| {
        let value = match &field.kind {
            Kind::Select(choices) | Kind::Radio(choices) => {
                choices.iter().find(|choice| choice.value == field.value).map_or_else(|| field.value.clone(), |choice| choice.label.clone())
            }
            _ => field.value.clone(),
        };
        (field.label, value)
    });
    named.map(|(label, value)| (fill(look.w.export_filter, label), value)).collect()
}

/// Columns that go into a file: those shown that have a key. Place, words, class.
fn shown(listing: &dyn Listing, look: &Look, asked: &Asked) -> Vec<(usize, String, &'static str)> {
    let columns = listing.columns(look.w).into_iter().enumerate();
    let columns = columns.filter(|(_, column)| !column.key.is_empty() && asked.shows(column));
    columns
        .map(|(place, column)| {
            // What a column of moments means elsewhere must be said: a file travels.
            let title = if column.class == "moment" { format!("{} (UTC+8)", column.title) } else { column.title.clone() };
            (place, title, column.class)
        })
        .collect()
}

/// The cells of a line that go into a file.
fn cells(w: &Words, places: &[usize], line: &Line) -> Vec<String> {
    places.iter().map(|place| line.cells.get(*place).map_or_else(String::new, |cell| cell.in_file(w))).collect()
}

/// Asked for with a form.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct Wish {
    /// Address of the list.
    pub list: String,
    /// Form.
    pub format: String,
    /// Code of the purpose.
    pub purpose: String,
    /// Words to it.
    pub words: String,
    /// `yes`, as a ticked box says it: in clear.
    pub clear: String,
    /// Case it is for; needed in clear.
    pub case: String,
}

/// The columns of a list this person may take in clear, with a second person's approval: the one place that decides it.
pub fn clear_columns(app: &App, actor: &Actor, listing: &dyn Listing) -> &'static [&'static str] {
    if actor.could(app, Action::ExportClear) { listing.clear() } else { &[] }
}

/// What a job's turns remember.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    /// Where the maker stands.
    pub maker: maker::Stand,
    /// What is said of the file: fixed when it began, so that a file begun by one process and ended by another is one file.
    pub about: Option<About>,
    /// Pieces sealed.
    pub parts: i64,
    /// Bytes so far.
    pub size: i64,
}

/// A file as its owner's page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileView {
    /// Name.
    pub name: String,
    /// Bytes.
    pub size: i64,
    /// Gone at.
    pub expires: Timestamp,
    /// Times it may still be fetched.
    pub left: i64,
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        FORMAT = "export.format", 422, "没有这种文件格式", "There is no such form of file", "请选择列出的格式", "Choose one of the forms listed";
        PURPOSE = "export.purpose", 422, "导出须写明用途", "A file needs a purpose", "请选择用途", "Choose a purpose";
        WORDS = "export.words", 422, "请说明用途", "Say what it is for", "4 至 200 个字符", "4 to 200 characters";
        CLEAR_PURPOSE = "export.clear_purpose", 422, "明文导出限投诉处理、依法协助、监督检查", "A file in clear is for a complaint, a request by law or an inspection", "请选择其中之一，或改为脱敏导出", "Choose one of these, or take the list masked";
        CASE = "export.case", 422, "明文导出须填写工单号", "A file in clear names its case", "请填写 2 至 40 个字符的工单号，如 T-20931", "Give the case number, 2 to 40 characters, such as T-20931";
        NOT_CLEAR = "export.not_clear", 403, "您不能以明文导出此列表", "You may not take this list in clear", "请改为脱敏导出", "Take it masked";
        NOT_OFFERED = "export.not_offered", 422, "此列表不提供导出", "This list is not taken away as a file", "请从列表上的“导出”发起", "Start from Export on a list";
        TOO_LARGE = "export.too_large", 422, "一次导出不超过 {most} 条", "A file holds {most} lines at most", "请缩小查询条件", "Narrow the search";
        AT_ONCE = "export.at_once", 422, "接口一次导出少于 {most} 条", "A program takes fewer than {most} lines at a time", "请缩小查询条件，或在控制台导出", "Narrow the search, or export it on the console";
        GONE = "export.gone", 410, "文件已销毁", "The file is destroyed", "请重新导出", "Export it anew";
        SPENT = "export.spent", 409, "文件已下载 {most} 次，不能再下载", "The file was fetched {most} times: no more", "请重新导出", "Export it anew";
        NOT_READY = "export.not_ready", 409, "文件尚未生成", "The file is not made yet", "请在作业页面等待", "Wait on the job's page";
    }
}
