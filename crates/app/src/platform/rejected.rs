//! 退回行: a row of a file that was not taken, as programs, pages and a file of their own tell it.

use chuangsha_kernel::problem::{Language, Problem};

use super::failure::{Failure, Result};

/// 退回行: one row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Rejected {
    /// Row of the file, the heading being 1; of JSON, the entry from 1.
    pub row: u64,
    /// Field.
    pub field: String,
    /// Stable code of the reason.
    pub code: String,
    /// Reason, Chinese.
    pub reason_zh: String,
    /// Reason, English.
    pub reason_en: String,
    /// What to do, Chinese.
    pub remedy_zh: String,
    /// What to do, English.
    pub remedy_en: String,
}

impl Rejected {
    /// For this reason.
    pub fn new(row: u64, problem: &Problem) -> Self {
        Self {
            row,
            field: problem.field.clone().unwrap_or_default(),
            code: problem.code.id.to_owned(),
            reason_zh: problem.title(Language::Chinese),
            reason_en: problem.title(Language::English),
            remedy_zh: problem.remedy(Language::Chinese),
            remedy_en: problem.remedy(Language::English),
        }
    }

    /// Reason and remedy in one language.
    pub fn words(&self, language: Language) -> (&str, &str) {
        match language {
            Language::Chinese => (&self.reason_zh, &self.remedy_zh),
            Language::English => (&self.reason_en, &self.remedy_en),
        }
    }
}

/// Rejected rows as a file: row, field, code, reason, remedy.
///
/// # Errors
/// A fault of ours.
pub fn sheet(rejected: &[Rejected], language: Language) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["row", "field", "code", "reason", "remedy"]).map_err(Failure::internal)?;
    for one in rejected {
        let (reason, remedy) = one.words(language);
        writer.write_record([&one.row.to_string(), &one.field, &one.code, reason, remedy]).map_err(Failure::internal)?;
    }
    writer.into_inner().map_err(Failure::internal)
}
