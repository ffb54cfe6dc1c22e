//! 页面: the three kinds of page most of the console is: a list, a detail with tabs, and "this did not work".

use askama::Template;
use askama::filters::HtmlSafe;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chuangsha_kernel::problem::{Language, Problem};

use super::chart::Columns;
use super::form::{Input, Notice, Wrong, notice};
use super::parts::{Card, Facts, Tabs, Tag, Timeline};
use super::shell::Shell;
use super::table::{Search, Table};
use crate::platform::words::{Words, fill};

/// A way back: words and address, outermost first.
pub type Trail = Vec<(String, String)>;

/// 列表页
#[derive(Template)]
#[template(path = "platform/web/list.html")]
pub struct ListPage {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// Heading and title.
    pub title: String,
    /// One sentence below the heading, or nothing.
    pub lead: String,
    /// Figures above the list.
    pub cards: Vec<Card>,
    /// Queues of the list.
    pub tabs: Option<Tabs>,
    /// Refused just now.
    pub notice: Option<Notice>,
    /// Search form.
    pub search: Option<Search>,
    /// Saved views.
    pub views: Option<super::views::Views>,
    /// The list.
    pub table: Table,
    /// Below the list.
    pub sections: Vec<Section>,
}

/// One block of a detail page.
pub enum Section {
    /// Heading and facts.
    Facts(String, Facts),
    /// Heading and steps.
    Timeline(String, Timeline),
    /// A table with its own heading.
    Table(Box<Table>),
    /// Heading and a form.
    Form(String, FormPart),
    /// Heading and pictures.
    Pictures(String, Vec<Picture>),
    /// Heading and checks.
    Checks(String, Vec<Check>),
    /// A chart with its own heading.
    Chart(Box<Columns>),
}

/// 证件影像: an image of an order, fetched from an address that checks who asks and records it.
#[derive(Debug, Clone)]
pub struct Picture {
    /// 证件正面
    pub label: String,
    /// Address of the image.
    pub href: String,
    /// What the image is of, without personal data.
    pub note: String,
}

/// 核验项: one check and the article that asks for it.
#[derive(Debug, Clone)]
pub struct Check {
    /// Passed, failed, waiting.
    pub tag: Tag,
    /// What was checked.
    pub text: String,
    /// `R-LIM-1`
    pub article: String,
}

/// A form within a page.
#[derive(Template)]
#[template(path = "platform/web/form_part.html")]
pub struct FormPart {
    /// Words.
    pub w: &'static Words,
    /// Posted here.
    pub action: String,
    /// Carries files.
    pub files: bool,
    /// Refused just now.
    pub notice: Option<Notice>,
    /// One sentence above the fields.
    pub lead: String,
    /// Fields.
    pub fields: Vec<Input>,
    /// Values the page remembers for the form.
    pub hidden: Vec<(String, String)>,
    /// Words on the button.
    pub submit: String,
    /// The button destroys or refuses.
    pub danger: bool,
    /// Way out: address and words; in a dialog, empty address closes it.
    pub cancel: Option<(String, String)>,
}

impl HtmlSafe for FormPart {}

impl FormPart {
    /// A form with a button.
    pub fn new(w: &'static Words, action: impl Into<String>, submit: impl Into<String>, fields: Vec<Input>) -> Self {
        Self {
            w,
            action: action.into(),
            files: false,
            notice: None,
            lead: String::new(),
            fields,
            hidden: Vec::new(),
            submit: submit.into(),
            danger: false,
            cancel: None,
        }
    }

    /// A sentence above the fields.
    #[must_use]
    pub fn lead(mut self, lead: impl Into<String>) -> Self {
        self.lead = lead.into();
        self
    }

    /// Carries a value along.
    #[must_use]
    pub fn keep(mut self, name: &str, value: impl ToString) -> Self {
        self.hidden.push((name.to_owned(), value.to_string()));
        self
    }

    /// Refuses or destroys.
    #[must_use]
    pub fn danger(mut self) -> Self {
        self.danger = true;
        self
    }
}

/// 对话框: native, opened by a button that names it.
#[derive(Template)]
#[template(path = "platform/web/dialog.html")]
pub struct Dialog {
    /// Named by the button.
    pub id: String,
    /// Heading.
    pub title: String,
    /// Opened by the server: the form in it was refused.
    pub open: bool,
    /// What it asks.
    pub form: FormPart,
}

impl HtmlSafe for Dialog {}

/// 退回的步骤: what a step was asked with and why it was refused.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// Which step, or which dialog by its id.
    pub step: &'a str,
    /// What was typed, by the names of the fields.
    pub typed: &'a [(String, String)],
    /// Why it was refused.
    pub problem: &'a Problem,
    /// Language of the page.
    pub language: Language,
}

impl<'a> Refused<'a> {
    /// Why it was refused, where no dialog of the page is open to tell it: then the page does, at its top.
    pub fn untold(&self, dialogs: &[Dialog]) -> Option<&'a Problem> {
        (!dialogs.iter().any(|dialog| dialog.open)).then_some(self.problem)
    }
}

impl Dialog {
    /// 办理步骤: one step on a case, asked for in a dialog of its own. Where this very step was just refused, the dialog is open again: filled as it
    /// was, what is wrong beside its field, or above where it is about none.
    pub fn step(name: &'static str, title: &str, mut form: FormPart, refused: Option<&Refused<'_>>) -> Self {
        form.fields = form.fields.into_iter().map(|input| input.prefix(name)).collect();
        let dialog = Self { id: format!("step-{name}"), title: title.to_owned(), open: false, form: form.keep("step", name) };
        match refused {
            Some(refused) if refused.step == name => dialog.again(refused),
            _ => dialog,
        }
    }

    /// Those of a page, of which the one whose id was refused is open again, as [`Self::step`] says.
    pub fn reopened(dialogs: Vec<Self>, refused: Option<&Refused<'_>>) -> Vec<Self> {
        let again = |dialog: Self| match refused {
            Some(refused) if refused.step == dialog.id => dialog.again(refused),
            _ => dialog,
        };
        dialogs.into_iter().map(again).collect()
    }

    fn again(mut self, Refused { typed, problem, language, .. }: &Refused<'_>) -> Self {
        let fields = self.form.fields.into_iter().map(|input| {
            let value = typed.iter().find(|(key, _)| key == input.name).map(|(_, value)| value.clone());
            // A box that is not ticked is not sent.
            input.value(value.unwrap_or_default()).check(Some(problem), *language)
        });
        self.form.fields = fields.collect();
        self.form.notice = notice(Some(problem), &self.form.fields, *language);
        self.open = true;
        self
    }
}

/// A button of a detail page.
#[derive(Debug, Clone)]
pub enum Button {
    /// Opens a dialog: id, words.
    Dialog(String, String),
    /// A page: address, words.
    Page(String, String),
    /// A step: address, words.
    Step(String, String),
}

/// 详情页
#[derive(Template)]
#[template(path = "platform/web/detail.html")]
pub struct DetailPage {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// Heading and title.
    pub title: String,
    /// Way back.
    pub trail: Trail,
    /// Status beside the heading.
    pub tags: Vec<Tag>,
    /// One sentence below the heading.
    pub lead: String,
    /// Buttons; the first is the main one.
    pub buttons: Vec<Button>,
    /// Tabs.
    pub tabs: Option<Tabs>,
    /// Refused just now.
    pub notice: Option<Notice>,
    /// What was asked to be seen, once: label, value, seconds.
    pub revealed: Option<(String, String, u32)>,
    /// Content.
    pub sections: Vec<Section>,
    /// Dialogs of the buttons.
    pub dialogs: Vec<Dialog>,
}

/// 出错页: a problem as a page, for people; programs get the same problem as JSON.
#[derive(Template)]
#[template(path = "platform/web/error.html")]
pub struct ErrorPage {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// HTTP status.
    pub status: u16,
    /// What and remedy.
    pub wrong: Wrong,
    /// Number a person can quote; only for failures of ours.
    pub incident: Option<String>,
}

/// Nothing at this address, or nothing this person may see: the same answer, so that trying addresses tells nothing.
pub fn not_found_page(shell: Shell) -> Response {
    let w = shell.w;
    let wrong = Wrong { title: w.not_found.to_owned(), remedy: w.not_found_remedy.to_owned() };
    super::page_with(StatusCode::NOT_FOUND, &ErrorPage { w, shell, status: 404, wrong, incident: None })
}

/// A page that shows one value for a while: the browser itself leaves it, with or without scripts.
pub fn for_seconds(mut response: Response, seconds: u32, then: &str) -> Response {
    if let Ok(value) = axum::http::HeaderValue::from_str(&format!("{seconds};url={then}")) {
        response.headers_mut().insert(header::HeaderName::from_static("refresh"), value);
    }
    response.into_response()
}

impl DetailPage {
    fn seconds_left(&self, seconds: &u32) -> String {
        fill(self.w.shown_for, seconds)
    }
}
