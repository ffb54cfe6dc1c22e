//! 保护名单页: who is never stopped, one entered by number, many by a file.

use axum::{
    Form,
    extract::{Multipart, State as Of, multipart::MultipartRejection},
    http::Uri,
    response::Response,
};
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
};
use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use super::{Pairs, choices, detail, read_id, said, value};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::body,
        failure::{Result, code::BODY_INVALID, refuse},
        web::{
            form::{Input, Kind as Field},
            frame::shown,
            list::{self, Asked, Fields, Found, Listing, Look, Window},
            page, page_refused,
            pages::{DetailPage, FormPart, Section},
            parts::{Empty, Facts, Tag, Tone, fact, status},
            see_other,
            shell::Shell,
            table::{Act, BatchAct, Cell, Column, Line, Tool},
        },
        words::Words,
    },
    registration::page::{city_choices, region_name},
    remediation::{
        Refusal,
        protected::{self, COLUMNS_OF_FILE, Category, NewProtected, Taken},
    },
};

/// 保护名单, as a list.
pub struct Protected;

impl Listing for Protected {
    fn path(&self) -> &'static str {
        "/remediation/protected"
    }

    fn id(&self) -> &'static str {
        "remediation_protected"
    }

    fn title(&self, w: &'static Words) -> &'static str {
        w.remediation_protected
    }

    fn lead(&self, w: &'static Words) -> &'static str {
        w.remediation_protected_lead
    }

    fn keys(&self) -> &'static [&'static str] {
        &["city"]
    }

    fn columns(&self, w: &'static Words) -> Vec<Column> {
        vec![
            Column::keyed("number", w.number),
            Column::keyed("category", w.kind),
            Column::keyed("words", w.reason),
            Column::keyed("region", w.region),
            Column::keyed("until", w.remediation_ends).moment(),
            Column::keyed("at", w.remediation_entered).moment(),
            Column::keyed("by", w.remediation_by),
            Column::new(w.actions),
        ]
    }

    fn fields(&self, look: &Look, asked: &Asked) -> Vec<Input> {
        vec![asked.fill(Input::select("city", look.w.region, city_choices(&look.app, look.language, look.w, &look.actor.region)))]
    }

    fn rows<'a>(&'a self, look: &'a Look, asked: &'a Asked, window: Window) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let after = window.after.as_deref().and_then(|text| text.parse().ok());
            let limit = i64::from(window.limit) + 1;
            let (rows, total) = protected::list(&look.app, &look.actor, asked.get("city"), after, limit).await?;
            let total = Some((total.max(0).unsigned_abs(), false));
            Ok(Found::page(rows, window.limit, total, |one| line(look, one), |one| one.subscription.to_string()))
        })
    }

    fn empty(&self, w: &'static Words, _asked: &Asked) -> Empty {
        Empty { title: w.none_yet.into(), hint: w.remediation_protected_lead.into(), action: None }
    }

    fn tools(&self, look: &Look) -> Vec<Tool> {
        if !look.actor.could(&look.app, Action::RemediationWork) {
            return Vec::new();
        }
        vec![
            ("/remediation/protected/new".to_owned(), look.w.remediation_protect.to_owned()),
            ("/remediation/protected/file".to_owned(), look.w.remediation_protected_file.to_owned()),
        ]
    }

    fn acts(&self, look: &Look) -> Vec<BatchAct> {
        if !look.actor.could(&look.app, Action::RemediationWork) {
            return Vec::new();
        }
        let words = Input::text("words", look.w.reason).longest(200).prefix("b");
        vec![BatchAct { danger: true, fields: vec![words], ..BatchAct::new("unprotect", look.w.remediation_unprotect) }]
    }

    fn ready(&self, _look: &Look, _act: &str, form: &Fields) -> Result<()> {
        protected::check_words(form.get("words").map_or("", String::as_str))
    }

    fn apply<'a>(&'a self, look: &'a Look, _act: &'a str, form: &'a Fields, id: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let words = form.get("words").cloned().unwrap_or_default();
            protected::remove(&look.app, &look.actor, read_id(id)?, words).await
        })
    }
}

fn line(look: &Look, one: &protected::Protected) -> Line {
    let w = look.w;
    let acts = one.case.map(|case| Act::page(w.remediation_case, &one.number, format!("/remediation/cases/{case}")));
    Line {
        id: one.subscription.to_string(),
        cells: vec![
            Cell::Code(one.number.clone()),
            Cell::Tag(Tag::new(Tone::Good, said(look.language, one.category.words()))),
            Cell::Text(one.words.clone()),
            Cell::Text(region_name(&look.app, look.language, &one.region)),
            Cell::Text(one.until.map_or_else(|| w.remediation_no_end.to_owned(), |at| at.display())),
            Cell::Text(one.at.display()),
            Cell::Code(one.by.clone()),
            Cell::Actions(acts.into_iter().collect()),
        ],
        current: false,
    }
}

pub(super) async fn list(Of(app): Of<App>, actor: Actor, shell: Shell, uri: Uri) -> Result<Response> {
    list::show(&Protected, &app, &actor, shell, &uri).await
}

/// A page below the protected list.
fn below(shell: Shell, title: &str, sections: Vec<Section>, problem: Option<&Problem>) -> DetailPage {
    let w = shell.w;
    let mut built = detail(shell, title.to_owned(), sections, problem);
    built.trail.push((w.remediation_protected.to_owned(), "/remediation/protected".to_owned()));
    built
}

pub(super) async fn new(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::RemediationWork)?;
    Ok(page(&entering(shell, &Vec::new(), None)))
}

fn entering(shell: Shell, form: &Pairs, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let mut categories = vec![crate::platform::web::form::Choice::new("", w.choose)];
    categories.extend(choices(Category::ALL, None, Category::as_str, |one| said(language, one.words())));
    let fields = vec![
        Input::text("number", w.number).required().inputmode("numeric").longest(20).hint(w.suspension_number_hint).first(),
        Input::select("category", w.kind, categories).required(),
        Input::new("until", w.remediation_ends, Field::Line("date")).hint(w.remediation_ends_hint),
        Input::new("words", w.reason, Field::Area).required().longest(200).wide().hint(w.remediation_protect_hint),
    ];
    let fields = fields.into_iter().map(|input| {
        let typed = value(form, input.name).to_owned();
        input.value(typed).check(problem, language)
    });
    let mut part =
        FormPart::new(w, "/remediation/protected/new", w.remediation_protect, fields.collect()).lead(w.remediation_protected_lead);
    part.cancel = Some(("/remediation/protected".to_owned(), w.cancel.to_owned()));
    below(shell, w.remediation_protect, vec![Section::Form(w.remediation_protect.to_owned(), part)], problem)
}

pub(super) async fn add(Of(app): Of<App>, actor: Actor, shell: Shell, Form(form): Form<Pairs>) -> Result<Response> {
    actor.reach(&app, Action::RemediationWork)?;
    let done = match Category::parse(value(&form, "category")) {
        Some(category) => {
            let number = Zeroizing::new(value(&form, "number").to_owned());
            let input = NewProtected { number, category, until: value(&form, "until").to_owned(), words: value(&form, "words").to_owned() };
            protected::add(&app, &actor, &input).await
        }
        None => Err(refuse(Refusal::FieldInvalid("category"))),
    };
    match done {
        Ok(_) => Ok(see_other("/remediation/protected?done=saved")),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &entering(shell, &form, Some(&problem))))
        }
    }
}

pub(super) async fn file(Of(app): Of<App>, actor: Actor, shell: Shell) -> Result<Response> {
    actor.reach(&app, Action::RemediationWork)?;
    Ok(page(&filing(shell, None, None)))
}

fn filing(shell: Shell, taken: Option<&Taken>, problem: Option<&Problem>) -> DetailPage {
    let (w, language) = (shell.w, shell.language);
    let mut sections = Vec::new();
    if let Some(taken) = taken {
        let tone = if taken.rejected.is_empty() { Tone::Good } else { Tone::Bad };
        let mut facts = vec![
            fact(w.import_rows, taken.rows.to_string()),
            fact(w.import_landed, taken.entered.to_string()),
            fact(w.import_known, taken.known.to_string()),
            status(w.import_rejected, Tag::new(tone, taken.rejected.len().to_string())),
        ];
        facts.extend(taken.rejected.iter().take(200).map(|one| {
            let text = if language == Language::Chinese { &one.zh } else { &one.en };
            fact(&format!("{} {} {}", w.import_row, one.row, one.field), text.clone())
        }));
        sections.push(Section::Facts(w.import_counts.to_owned(), Facts { facts }));
    }
    let columns = COLUMNS_OF_FILE.map(|(name, zh)| if language == Language::Chinese { zh } else { name }).join(", ");
    let fields =
        vec![Input::new("file", w.import_file, Field::File(".csv,.txt", "")).required().hint(columns).wide().check(problem, language)];
    let mut part = FormPart::new(w, "/remediation/protected/file", w.import_start, fields).lead(w.remediation_protected_file_lead);
    part.files = true;
    part.cancel = Some(("/remediation/protected".to_owned(), w.cancel.to_owned()));
    sections.push(Section::Form(w.remediation_protected_file.to_owned(), part));
    below(shell, w.remediation_protected_file, sections, problem)
}

pub(super) async fn take(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    posted: std::result::Result<Multipart, MultipartRejection>,
) -> Result<Response> {
    actor.reach(&app, Action::RemediationWork)?;
    let mut form = posted.map_err(|_| Problem::new(&BODY_INVALID))?;
    let mut bytes = bytes::Bytes::new();
    while let Some(field) = form.next_field().await.map_err(body::broken)? {
        if field.name() == Some("file") {
            bytes = field.bytes().await.map_err(body::broken)?;
        }
    }
    match protected::take(&app, &actor, &bytes).await {
        Ok(taken) => Ok(page(&filing(shell, Some(&taken), None))),
        Err(failure) => {
            let problem = shown(failure)?;
            Ok(page_refused(&problem, &filing(shell, None, Some(&problem))))
        }
    }
}
