//! 表单: a field knows its label, its hint and what is wrong with it, so that no page repeats the wiring a screen reader needs.

use askama::Template;
use askama::filters::HtmlSafe;
use chuangsha_kernel::problem::{Language, Problem};

/// One option of a choice.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Sent.
    pub value: String,
    /// Shown.
    pub label: String,
}

impl Choice {
    /// A choice.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }
}

/// How a field is filled in.
#[derive(Debug, Clone)]
pub enum Kind {
    /// One line: the HTML input type (`text`, `search`, `tel`, `date`, `password`).
    Line(&'static str),
    /// Several lines.
    Area,
    /// One of a list.
    Select(Vec<Choice>),
    /// One of a few, all seen at once.
    Radio(Vec<Choice>),
    /// Yes or no.
    Check,
    /// A picture or document: accepted kinds, which camera (`environment`, `user`) or none.
    File(&'static str, &'static str),
}

/// What is wrong with a field, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What.
    pub title: String,
    /// What to do.
    pub remedy: String,
}

impl Wrong {
    /// From a refusal, in the language of the page.
    pub fn of(problem: &Problem, language: Language) -> Self {
        Self { title: problem.title(language), remedy: problem.remedy(language) }
    }
}

/// 字段
#[derive(Debug, Clone, Template)]
#[template(path = "platform/web/input.html")]
pub struct Input {
    /// Sent as this.
    pub name: &'static str,
    /// Words.
    pub label: String,
    /// How.
    pub kind: Kind,
    /// Filled in.
    pub value: String,
    /// One sentence under the field.
    pub hint: String,
    /// Wrong with it.
    pub wrong: Option<Wrong>,
    /// Must be filled in.
    pub required: bool,
    /// `autocomplete`
    pub autocomplete: &'static str,
    /// `inputmode`
    pub inputmode: &'static str,
    /// Characters.
    pub longest: Option<u32>,
    /// Takes the whole width of its form.
    pub wide: bool,
    /// The field people start in.
    pub first: bool,
    /// Shown, not changed.
    pub fixed: bool,
    /// Makes ids unique where a page has two forms.
    pub prefix: &'static str,
}

impl HtmlSafe for Input {}

impl Input {
    /// A field.
    pub fn new(name: &'static str, label: impl Into<String>, kind: Kind) -> Self {
        Self {
            name,
            label: label.into(),
            kind,
            value: String::new(),
            hint: String::new(),
            wrong: None,
            required: false,
            autocomplete: "off",
            inputmode: "",
            longest: None,
            wide: false,
            first: false,
            fixed: false,
            prefix: "f",
        }
    }

    /// One line of text.
    pub fn text(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(name, label, Kind::Line("text"))
    }

    /// A choice from a list; an empty value stands for "all" or "choose".
    pub fn select(name: &'static str, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(name, label, Kind::Select(choices))
    }

    /// Fills in.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// A sentence below.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Must be filled in.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Sets `autocomplete`.
    #[must_use]
    pub fn autocomplete(mut self, value: &'static str) -> Self {
        self.autocomplete = value;
        self
    }

    /// Sets `inputmode`.
    #[must_use]
    pub fn inputmode(mut self, value: &'static str) -> Self {
        self.inputmode = value;
        self
    }

    /// Most characters.
    #[must_use]
    pub fn longest(mut self, characters: u32) -> Self {
        self.longest = Some(characters);
        self
    }

    /// Whole width.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// Start here.
    #[must_use]
    pub fn first(mut self) -> Self {
        self.first = true;
        self
    }

    /// Shown, not changed.
    #[must_use]
    pub fn fixed(mut self) -> Self {
        self.fixed = true;
        self
    }

    /// Another id prefix.
    #[must_use]
    pub fn prefix(mut self, prefix: &'static str) -> Self {
        self.prefix = prefix;
        self
    }

    /// Takes the problem when it is about this field.
    #[must_use]
    pub fn check(mut self, problem: Option<&Problem>, language: Language) -> Self {
        if let Some(problem) = problem.filter(|problem| problem.field.as_deref() == Some(self.name)) {
            // The field in the words of the page, not by the name it is sent as.
            self.wrong = Some(Wrong::of(&problem.clone().with("field", &self.label), language));
        }
        self
    }

    fn id(&self) -> String {
        format!("{}-{}", self.prefix, self.name)
    }

    fn described_by(&self) -> String {
        let mut ids = Vec::new();
        if self.wrong.is_some() {
            ids.push(format!("{}-wrong", self.id()));
        }
        if !self.hint.is_empty() {
            ids.push(format!("{}-hint", self.id()));
        }
        ids.join(" ")
    }
}

/// What is wrong with a form as a whole: shown above it and focused.
#[derive(Template)]
#[template(
    source = r#"<div class="notice notice-bad" role="alert" tabindex="-1" data-focus><p><span aria-hidden="true">■ </span><strong>{{ wrong.title }}</strong></p><p>{{ wrong.remedy }}</p></div>"#,
    ext = "html"
)]
pub struct Notice {
    /// What.
    pub wrong: Wrong,
}

impl HtmlSafe for Notice {}

/// The notice for a problem that is about none of the fields of the form.
pub fn notice(problem: Option<&Problem>, fields: &[Input], language: Language) -> Option<Notice> {
    let problem = problem?;
    let shown_at_field = problem.field.as_deref().is_some_and(|field| fields.iter().any(|input| input.name == field));
    (!shown_at_field).then(|| Notice { wrong: Wrong::of(problem, language) })
}
