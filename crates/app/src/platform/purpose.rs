//! 用途: why somebody wants to see or take personal data. A purpose is a code of a closed list; with it go the case it belongs to and words.

use chuangsha_kernel::{problem::Problem, rulebook::Place, time::Timestamp};

use super::failure::{Failure, Result};
use crate::App;

/// 用途代码. Stable: they stand in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LookPurpose)]
pub enum Purpose {
    /// 登记审核
    Audit,
    /// 客户来电核实
    CustomerCall,
    /// 投诉处理
    Complaint,
    /// 依法协助: shown to the person later than the others (L-PIP-5).
    LawfulRequest,
    /// 监督检查
    Inspection,
    /// 报表统计: of a file, never of a look at one person.
    Report,
    /// 整改核对: of a file, never of a look at one person.
    Rectification,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 7] =
        [Self::Audit, Self::CustomerCall, Self::Complaint, Self::LawfulRequest, Self::Inspection, Self::Report, Self::Rectification];
    /// What one person's data may be looked at for.
    pub const OF_A_LOOK: [Self; 5] = [Self::Audit, Self::CustomerCall, Self::Complaint, Self::LawfulRequest, Self::Inspection];
    /// What a list may be taken away for.
    pub const OF_A_FILE: [Self; 5] = [Self::Report, Self::Inspection, Self::Rectification, Self::Complaint, Self::LawfulRequest];
    /// What a list may be taken away in clear for.
    pub const OF_A_CLEAR_FILE: [Self; 3] = [Self::Complaint, Self::LawfulRequest, Self::Inspection];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::CustomerCall => "customer_call",
            Self::Complaint => "complaint",
            Self::LawfulRequest => "lawful_request",
            Self::Inspection => "inspection",
            Self::Report => "report",
            Self::Rectification => "rectification",
        }
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// 事由: purpose, case and words, checked. The words and the case may name somebody: they are sealed wherever they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What for.
    pub purpose: Purpose,
    /// 关联工单, empty where the purpose needs none: `T-20931`.
    pub case: String,
    /// Why, 2 to 200 characters.
    pub words: String,
}

impl Reason {
    /// Checks what was typed. Which purposes need a case says `protection.purposes_with_case`.
    ///
    /// # Errors
    /// `protection.purpose_unknown`, `protection.case_missing`, `protection.words_missing`
    pub fn read(app: &App, now: Timestamp, purpose: &str, case: &str, words: &str) -> Result<Self> {
        let purpose = Purpose::parse(purpose).ok_or_else(|| Problem::new(&code::PURPOSE_UNKNOWN).field("purpose"))?;
        let case = line(case, 0, 40).ok_or_else(|| Problem::new(&code::CASE_MISSING).field("case"))?;
        let words = line(words, 2, 200).ok_or_else(|| Problem::new(&code::WORDS_MISSING).field("words"))?;
        let with_case = app.rules.list("protection.purposes_with_case", now.day(), &Place::china()).map_err(Failure::internal)?;
        if case.chars().count() < 2 && with_case.value.iter().any(|one| one == purpose.as_str()) {
            return Err(Problem::new(&code::CASE_MISSING).field("case").into());
        }
        Ok(Self { purpose, case, words })
    }

    /// Case and words as one text, as the audit log seals them.
    pub fn why(&self) -> String {
        if self.case.is_empty() { self.words.clone() } else { format!("{} · {}", self.case, self.words) }
    }
}

/// The text without white space around it, when it has so many characters and none of them controls.
fn line(text: &str, least: usize, most: usize) -> Option<String> {
    let text = text.trim();
    let fits = (least..=most).contains(&text.chars().count()) && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\r');
    fits.then(|| text.to_owned())
}

/// Codes of this file.
pub mod code {
    chuangsha_kernel::codes! {
        PURPOSE_UNKNOWN = "protection.purpose_unknown", 422, "没有这个用途", "There is no such purpose", "请从用途列表中选择", "Choose from the list of purposes";
        CASE_MISSING = "protection.case_missing", 422, "此用途须填写关联工单", "This purpose names the case it belongs to", "请填写 2 至 40 个字符的工单号，如 T-20931", "Give the case number, 2 to 40 characters, such as T-20931";
        WORDS_MISSING = "protection.words_missing", 422, "请填写说明", "A few words are needed", "用一句话说明原因（2 至 200 字）", "Say why in one sentence (2 to 200 characters)";
    }
}
