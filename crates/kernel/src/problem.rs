//! 问题: what went wrong, said so that a person can mend it. A module names its refusals as data; the words stand here beside their code in both languages.

use std::collections::BTreeMap;

/// One kind of problem: stable id, HTTP status, and its words in both languages. `{name}` in a text is filled from [`Problem::data`].
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable, dotted, lower case: `registration.quota_full`.
    pub id: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What happened, Chinese.
    pub zh: &'static str,
    /// What happened, English.
    pub en: &'static str,
    /// What to do about it, Chinese.
    pub remedy_zh: &'static str,
    /// What to do about it, English.
    pub remedy_en: &'static str,
}

/// Declares the codes of one module and `ALL`, the list a test walks.
///
/// `codes! { QUOTA_FULL = "registration.quota_full", 409, "…", "…", "…", "…"; }`
#[macro_export]
macro_rules! codes {
    ($($name:ident = $id:literal, $status:literal, $zh:literal, $en:literal, $remedy_zh:literal, $remedy_en:literal;)*) => {
        $(
            #[doc = $en]
            pub static $name: $crate::problem::Code = $crate::problem::Code {
                id: $id, status: $status, zh: $zh, en: $en, remedy_zh: $remedy_zh, remedy_en: $remedy_en,
            };
        )*
        /// Every code of this module.
        pub static ALL: &[&$crate::problem::Code] = &[$(&$name),*];
    };
}

/// Chinese first; English on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Language {
    /// 简体中文
    #[default]
    #[serde(rename = "zh-CN")]
    Chinese,
    /// English
    #[serde(rename = "en")]
    English,
}

/// A refusal on its way to a person. It never carries a personal value: a field is named and its *shape* described, not quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which kind.
    pub code: &'static Code,
    /// The input field it is about, as the caller named it.
    pub field: Option<String>,
    /// Values for the `{…}` in the texts: limits, dates, states; never personal data.
    pub data: BTreeMap<&'static str, String>,
}

impl Problem {
    /// A problem with nothing to fill in.
    pub fn new(code: &'static Code) -> Self {
        Self { code, field: None, data: BTreeMap::new() }
    }

    /// Names the field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Fills one `{key}`.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.data.insert(key, value.to_string());
        self
    }

    /// What happened.
    pub fn title(&self, language: Language) -> String {
        self.fill(match language {
            Language::Chinese => self.code.zh,
            Language::English => self.code.en,
        })
    }

    /// What to do about it.
    pub fn remedy(&self, language: Language) -> String {
        self.fill(match language {
            Language::Chinese => self.code.remedy_zh,
            Language::English => self.code.remedy_en,
        })
    }

    fn fill(&self, text: &str) -> String {
        self.data.iter().fold(text.to_owned(), |text, (key, value)| text.replace(&format!("{{{key}}}"), value))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.id, self.title(Language::English))
    }
}

impl std::error::Error for Problem {}

/// A module's closed list of refusals. One blanket conversion makes a [`Problem`] of any of them.
pub trait Refuse {
    /// The refusal as a problem.
    fn problem(&self) -> Problem;
}

impl<R: Refuse> From<R> for Problem {
    fn from(refusal: R) -> Self {
        refusal.problem()
    }
}
