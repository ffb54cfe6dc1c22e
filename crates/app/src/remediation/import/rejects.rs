//! 退回文件: row, field, reason and remedy of every row that was not taken. The value itself is never repeated: whoever has the file has it.

use std::{collections::BTreeMap, io::Write};

use chuangsha_kernel::problem::{Code, Language, Problem};
use uuid::Uuid;

use super::{code, row::Reject, table};
use crate::{
    App,
    platform::failure::{Failure, Result},
};

/// Columns of the file.
pub const COLUMNS: [&str; 6] = ["row", "field", "code", "reason_zh", "reason_en", "remedy"];

/// The `{name}`s of a code's words, as [`Problem::with`] wants them.
fn names(code: &'static Code) -> impl Iterator<Item = &'static str> {
    let texts = [code.zh, code.en, code.remedy_zh, code.remedy_en];
    texts.into_iter().flat_map(|text| text.split('{').skip(1)).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// What a reject says, or what ended an import: the words of its code, filled with what was kept beside it.
pub fn problem(code: &str, data: &BTreeMap<String, String>) -> Option<Problem> {
    let mut codes = chuangsha_kernel::codes().chain(code::ALL.iter().copied());
    let code: &'static Code = codes.find(|known| known.id == code)?;
    let known = names(code).filter_map(|name| Some((name, data.get(name)?)));
    Some(known.fold(Problem::new(code), |problem, (name, value)| problem.with(name, value)))
}

/// Writes rejects as lines of CSV; the heading is [`heading`].
pub struct Sheet<W: Write>(csv::Writer<W>);

impl<W: Write> Sheet<W> {
    /// With its heading. A mark in front tells Excel that the text is UTF-8.
    ///
    /// # Errors
    /// `import.rejects_file`: it cannot be written.
    pub fn new(mut out: W) -> Result<Self> {
        out.write_all("\u{feff}".as_bytes()).map_err(unwritable)?;
        let mut sheet = csv::Writer::from_writer(out);
        sheet.write_record(COLUMNS).map_err(unwritable)?;
        Ok(Self(sheet))
    }

    /// One line.
    ///
    /// # Errors
    /// As [`Sheet::new`].
    pub fn line(&mut self, row: i64, field: &str, code: &str, data: &BTreeMap<String, String>) -> Result<()> {
        let problem = problem(code, data);
        let told = |language| problem.as_ref().map(|problem| problem.title(language)).unwrap_or_default();
        let remedy = problem
            .as_ref()
            .map(|problem| format!("{} / {}", problem.remedy(Language::Chinese), problem.remedy(Language::English)))
            .unwrap_or_default();
        let line = [&row.to_string(), field, code, &told(Language::Chinese), &told(Language::English), &remedy];
        self.0.write_record(line).map_err(unwritable)
    }

    /// What a trial refused.
    ///
    /// # Errors
    /// As [`Sheet::new`].
    pub fn rejects(&mut self, rejects: &[Reject]) -> Result<()> {
        for reject in rejects {
            let data = reject.data.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            self.line(i64::try_from(reject.row).unwrap_or(i64::MAX), reject.field, reject.code.id, &data)?;
        }
        Ok(())
    }

    /// To the end; what it was written to.
    ///
    /// # Errors
    /// As [`Sheet::new`].
    pub fn end(self) -> Result<W> {
        self.0.into_inner().map_err(unwritable)
    }
}

fn unwritable(error: impl std::fmt::Display) -> Failure {
    Problem::new(&code::REJECTS_FILE).with("reason", error).into()
}

/// Lines read from the record at a time.
const PAGE: i64 = 5_000;

/// Writes all rejects of a run, a page at a time; says how many.
///
/// # Errors
/// The record fails, or the file cannot be written.
pub async fn write_all<W: Write>(app: &App, run: Uuid, sheet: &mut Sheet<W>) -> Result<u64> {
    let (mut after, mut written) = (-1, 0);
    loop {
        let page = app.read(move |tx| table::rejects(tx, run, after, PAGE)).await?;
        for (row, field, code, data) in &page {
            let data = serde_json::from_str(data).map_err(Failure::internal)?;
            sheet.line(*row, field, code, &data)?;
            after = *row;
        }
        written += page.len() as u64;
        if page.len() < usize::try_from(PAGE).unwrap_or(0) {
            return Ok(written);
        }
    }
}
