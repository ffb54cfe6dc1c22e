//! 短信模板: the words of every message, as data, in both languages.

use std::collections::BTreeMap;

use chuangsha_kernel::problem::Language;
use zeroize::Zeroizing;

/// The three things a refusal must tell (L-REM-8): why, where to have it mended, what to bring.
const MANDATORY: [&str; 3] = ["reason", "channel", "documents"];

/// 模板
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Tells of a service refused, limited or stopped.
    #[serde(default)]
    pub refusing: bool,
    /// 中文
    pub zh: String,
    /// English
    pub en: String,
}

/// Why a template cannot be loaded or filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not readable as TOML of the right shape.
    #[error("the templates cannot be read: {0}")]
    Unreadable(String),
    /// A template tells of a refusal without one of the three mandatory parts.
    #[error("template {template} tells of a refusal and lacks {{{part}}} (L-REM-8)")]
    Incomplete {
        /// Which template.
        template: String,
        /// Which part.
        part: &'static str,
    },
    /// The two languages of a template ask for different values.
    #[error("template {template}: the two languages do not use the same values")]
    Uneven {
        /// Which template.
        template: String,
    },
    /// No template of this name.
    #[error("there is no template {0}")]
    Unknown(String),
    /// A value is not given, or empty.
    #[error("template {template} needs {value}")]
    Missing {
        /// Which template.
        template: String,
        /// Which value.
        value: String,
    },
}

/// 模板集
#[derive(Debug, Clone)]
pub struct Templates(BTreeMap<String, Template>);

impl Templates {
    /// The templates that come with the program.
    ///
    /// # Errors
    /// Never for a released program: a test loads them.
    pub fn embedded() -> Result<Self, TemplateError> {
        Self::parse(include_str!("templates.toml"))
    }

    /// Templates of an operator.
    ///
    /// # Errors
    /// [`TemplateError::Unreadable`], [`TemplateError::Incomplete`], [`TemplateError::Uneven`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let templates: BTreeMap<String, Template> = toml::from_str(text).map_err(|error| TemplateError::Unreadable(error.to_string()))?;
        for (name, template) in &templates {
            let used = placeholders(&template.zh);
            if used != placeholders(&template.en) {
                return Err(TemplateError::Uneven { template: name.clone() });
            }
            if let Some(part) = MANDATORY.into_iter().find(|part| template.refusing && !used.iter().any(|one| one == part)) {
                return Err(TemplateError::Incomplete { template: name.clone(), part });
            }
        }
        Ok(Self(templates))
    }

    /// Names and templates.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.0.iter().map(|(name, template)| (name.as_str(), template))
    }

    /// Fills a template. Every value it uses must be given and not be blank: a refusal without its reason is not sent. Braces and control
    /// characters in a value are dropped.
    ///
    /// # Errors
    /// [`TemplateError::Unknown`], [`TemplateError::Missing`].
    pub fn render(&self, name: &str, language: Language, values: &[(&str, &str)]) -> Result<Zeroizing<String>, TemplateError> {
        let template = self.0.get(name).ok_or_else(|| TemplateError::Unknown(name.to_owned()))?;
        let mut text = match language {
            Language::Chinese => template.zh.clone(),
            Language::English => template.en.clone(),
        };
        for placeholder in placeholders(&text) {
            let value =
                values.iter().find(|(name, _)| *name == placeholder).map(|(_, value)| value.trim()).filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| TemplateError::Missing { template: name.to_owned(), value: placeholder.clone() })?;
            let plain: String = value.chars().filter(|c| !c.is_control() && *c != '{' && *c != '}').collect();
            text = text.replace(&format!("{{{placeholder}}}"), &plain);
        }
        Ok(Zeroizing::new(text))
    }
}

/// Names in braces, sorted, each once.
fn placeholders(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names.dedup();
    names
}
