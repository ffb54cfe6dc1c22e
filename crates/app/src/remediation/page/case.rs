//! 工单页: one case.

use axum::{
    Form,
    extract::{Path, State as Of},
    response::Response,
};
use chuangsha_kernel::{
    problem::{Language, Refuse},
    role::Action,
};

use super::{Pairs, choices, detail, kind_words, number, read_id, said, short, state_tag, value};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::query::Seen,
        calendar::NoNotice,
        failure::{Result, refuse},
        money,
        web::{
            form::{Input, Kind as Field, Notice, Wrong},
            frame::shown,
            page, page_refused,
            pages::{Button, DetailPage, Dialog, FormPart, Refused, Section},
            parts::{Fact, Facts, Moment, Tag, Timeline, Tone, code, fact, status},
            see_other,
            shell::Shell,
            table::{Cell, Column, Line, Table},
        },
        words::Words,
    },
    registration::page::region_name,
    remediation::{
        Refusal,
        case::{Medium, State, Wait},
        desk::{self, Asked as Step, CaseFile},
        protected::Category,
        table::{Contact, ContactResult},
    },
};

pub(super) async fn one(Of(app): Of<App>, actor: Actor, shell: Shell, Path(id): Path<String>) -> Result<Response> {
    let file = desk::case_file(&app, &actor, read_id(&id)?).await?;
    Ok(page(&case_page(&app, &actor, shell, &file, None)))
}

fn case_page(app: &App, actor: &Actor, shell: Shell, file: &CaseFile, refused: Option<&Refused<'_>>) -> DetailPage {
    let (w, language, case) = (shell.w, shell.language, &file.case);
    let dialogs = if actor.could(app, Action::RemediationWork) {
        case_dialogs(w, language, file, actor.could(app, Action::RemediationManage), refused)
    } else {
        Vec::new()
    };
    let sections = vec![
        Section::Facts(w.remediation_case.to_owned(), Facts { facts: case_facts(w, language, file) }),
        Section::Timeline(
            w.remediation_contacts.to_owned(),
            Timeline { empty: w.none_yet.to_owned(), moments: file.contacts.iter().map(|contact| moment(language, contact)).collect() },
        ),
        Section::Table(Box::new(hold_table(w, language, file))),
        Section::Timeline(
            w.timeline.to_owned(),
            Timeline {
                empty: w.none_yet.to_owned(),
                moments: file.history.iter().rev().filter_map(|seen| done(w, language, seen)).collect(),
            },
        ),
    ];
    let mut built =
        detail(shell, format!("{} {}", w.remediation_case, short(case.id)), sections, refused.and_then(|refused| refused.untold(&dialogs)));
    built.trail.push((file.campaign.name.clone(), format!("/remediation/{}", case.campaign)));
    built.tags = vec![state_tag(language, case.state)];
    if file.protected {
        built.tags.push(Tag::new(Tone::Good, w.remediation_protected));
    }
    built.lead = [file.number.as_str(), kind_words(w, case.kind), region_name(app, language, &case.region).as_str()].join(" · ");
    built.buttons = dialogs.iter().map(|dialog| Button::Dialog(dialog.id.clone(), dialog.title.clone())).collect();
    if actor.could(app, Action::SubscriberView) {
        built.buttons.push(Button::Page(format!("/persons/{}", case.subscription), w.subscriber.to_owned()));
    }
    if case.wait == Wait::NoCalendar && built.notice.is_none() {
        // Which year is missing, and what brings it.
        let now = app.clock.now().day();
        let problem = app.calendar().missing(now, now).unwrap_or(NoNotice(case.due.day().year())).problem();
        built.notice = Some(Notice { wrong: Wrong::of(&problem, language) });
    }
    built.dialogs = dialogs;
    built
}

/// One entry of the log as a moment: from which state into which, by whom, on which article.
fn done(w: &'static Words, language: Language, seen: &Seen) -> Option<Moment> {
    let name = |text: &str| State::parse(text).map(|state| said(language, state.words()));
    let (from, to) = seen.step.split_once('>').unwrap_or(("", seen.step.as_str()));
    let title = match (name(from), name(to)) {
        (Some(from), Some(to)) if from != to => format!("{from} → {to}"),
        (_, Some(to)) => format!("{to} · {}", deed(w, &seen.action)?),
        _ => deed(w, &seen.action)?.to_owned(),
    };
    let tone = match State::parse(to) {
        Some(State::Restored) => Tone::Good,
        Some(State::SingleStop | State::DoubleStop | State::Cancelled) => Tone::Bad,
        Some(State::Held | State::Warned | State::FinalNotice) => Tone::Warning,
        _ => Tone::Quiet,
    };
    let note = [seen.article.as_str(), seen.why.as_str()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ");
    let by = if seen.staff.is_some() { seen.number.clone() } else { w.system.to_owned() };
    Some(Moment { at: seen.at(), title, by, note, tone })
}

/// What was done, in words; nothing for what is no deed of the case.
fn deed(w: &'static Words, action: &str) -> Option<&'static str> {
    Some(match action {
        "remediation.identify" => w.remediation_identified,
        "remediation.remind" | "remediation.again" | "remediation.call" | "remediation.warn" => w.remediation_contacts,
        "remediation.reach" => w.remediation_reach,
        "remediation.complain" => w.remediation_complain,
        "remediation.release" => w.remediation_release_hold,
        "remediation.own" => w.remediation_own,
        "remediation.parcel" => w.remediation_parcel,
        "remediation.exempt" => w.remediation_exempt,
        "remediation.protect" => w.remediation_protect,
        "remediation.unprotect" => w.remediation_unprotect,
        "remediation.balance" => w.remediation_balance,
        "remediation.settle" => w.remediation_settle,
        "remediation.emergency" => w.remediation_emergency,
        "remediation.search" => return None,
        _ => w.remediation_step,
    })
}

fn moment(language: Language, contact: &Contact) -> Moment {
    use ContactResult as R;
    Moment {
        at: contact.at.display(),
        title: format!("{} · {}", said(language, contact.purpose.words()), said(language, contact.medium.words())),
        by: [said(language, contact.result.words()).to_owned(), contact.result_at.map(|at| at.display()).unwrap_or_default()].join(" "),
        note: contact.receipt.clone().unwrap_or_default(),
        tone: match contact.result {
            R::Delivered => Tone::Good,
            R::Failed => Tone::Bad,
            R::Waiting | R::Handed => Tone::Active,
            R::Dropped => Tone::Quiet,
        },
    }
}

fn case_facts(w: &'static Words, language: Language, file: &CaseFile) -> Vec<Fact> {
    let case = &file.case;
    let dash = |text: &str| if text.is_empty() { "—".to_owned() } else { text.to_owned() };
    let mut facts = vec![
        fact(w.remediation_stage, said(language, case.state.stage().words())),
        fact(w.remediation_since, case.since.display()),
        fact(w.remediation_due, if case.state.is_over() { "—".to_owned() } else { case.due.display() }),
        fact(w.remediation_delivered, format!("{} / {}", file.delivered.contacts, case.contacts)),
        fact(w.remediation_media, file.delivered.media.count_ones().to_string()),
        fact(w.remediation_complaints, case.complaints.to_string()),
        code(w.remediation_owner, dash(&file.owner)),
        code(w.remediation_worker, dash(&file.worker)),
    ];
    if case.wait != Wait::Nothing {
        facts.push(status(w.remediation_wait, Tag::new(Tone::Warning, said(language, case.wait.words()))));
    }
    if let Some(before) = case.before {
        facts.push(status(w.remediation_returns, state_tag(language, before)));
    }
    if let Some(until) = case.exempt_until {
        facts.push(fact(w.remediation_exempt_until, until.display()));
    }
    if let Some(ends) = case.window_ends {
        facts.push(fact(w.remediation_window, ends.display()));
    }
    if let Some(refund) = &file.refund {
        facts.push(fact(w.remediation_refund, format!("¥{} · {}", money::yuan(refund.amount), said(language, refund.state.words()))));
    }
    facts
}

fn hold_table(w: &'static Words, language: Language, file: &CaseFile) -> Table {
    let lines = file
        .standing
        .holds
        .iter()
        .map(|hold| Line {
            id: hold.id.to_string(),
            cells: vec![
                Cell::Text(said(language, hold.ground.words()).to_owned()),
                Cell::Text(said(language, hold.state.words()).to_owned()),
                Cell::Code(hold.article.clone()),
                Cell::Code(hold.interrupted_until.map_or_else(|| "—".to_owned(), |until| until.display())),
            ],
            current: false,
        })
        .collect();
    let columns = vec![
        Column::new(w.remediation_ground),
        Column::new(w.status),
        Column::new(w.remediation_article),
        Column::new(w.remediation_interrupted),
    ];
    Table::within(w, "holds", w.remediation_holds, columns, lines, w.remediation_holds_none)
}

/// What a step leads to, said before it is taken.
fn lead(w: &'static Words, step: &str) -> &'static str {
    match step {
        "emergency" => w.remediation_emergency_lead,
        "release" => w.remediation_release_hold_lead,
        "settle" => w.remediation_settle_lead,
        "complain" => w.remediation_complain_lead,
        "own" => w.remediation_own_lead,
        "parcel" => w.remediation_parcel_lead,
        "reach" => w.remediation_reach_lead,
        "exempt" => w.remediation_exempt_lead,
        "unprotect" => w.remediation_unprotect_lead,
        "protect" => w.remediation_protect_lead,
        "balance" => w.remediation_balance_lead,
        _ => "",
    }
}

/// What may be done to a case as it stands, each as a dialog that asks for what it needs.
fn case_dialogs(w: &'static Words, language: Language, file: &CaseFile, manages: bool, refused: Option<&Refused<'_>>) -> Vec<Dialog> {
    let (case, protected) = (&file.case, file.protected);
    // Its money waits for somebody: paying it moves the case no more.
    let waits = file.refund.as_ref().is_some_and(|refund| refund.state.waits_for_somebody());
    let mut dialogs = Vec::new();
    let mut add = |name: &'static str, title: &str, fields: Vec<Input>, danger: bool| {
        let form = FormPart::new(w, format!("/remediation/cases/{}/steps", case.id), title, fields).keep("version", case.version);
        let form = form.lead(if name == "settle" && waits { w.remediation_settle_late_lead } else { lead(w, name) });
        dialogs.push(Dialog::step(name, title, if danger { form.danger() } else { form }, refused));
    };
    let words = || Input::new("words", w.note, Field::Area).longest(200).hint(w.remediation_words_hint).wide();
    let staff = || Input::text("staff", w.remediation_staff).required().hint(w.remediation_one_staff_hint);
    if case.state.is_stopped() {
        let hours =
            Input::text("hours", w.remediation_hours).required().inputmode("numeric").value("24").hint(w.remediation_emergency_hint);
        add("emergency", w.remediation_emergency, vec![hours, words().required()], false);
    }
    if case.state == State::Held {
        add("release", w.remediation_release_hold, vec![words().required()], false);
    }
    if case.state == State::Refunding || waits {
        let mut fields = vec![Input::text("reference", w.remediation_reference).longest(60)];
        if !waits {
            fields.push(Input::new("account_closed", w.remediation_account_closed, Field::Check));
        }
        add("settle", w.remediation_settle, fields, false);
    }
    if case.state.is_open() {
        add("complain", w.remediation_complain, vec![words().required()], false);
        add("own", w.remediation_own, vec![staff()], false);
        if manages {
            add("parcel", w.remediation_parcel, vec![staff()], false);
        }
        let media: Vec<Medium> = Medium::ALL.iter().copied().filter(|one| *one != Medium::Sms).collect();
        add(
            "reach",
            w.remediation_reach,
            vec![
                Input::select("medium", w.remediation_medium, choices(&media, None, Medium::as_str, |one| said(language, one.words()))),
                Input::text("receipt", w.remediation_receipt).required().longest(40).hint(w.remediation_receipt_hint),
                Input::new("delivered", w.remediation_was_reached, Field::Check),
            ],
            false,
        );
        let until = Input::new("until", w.remediation_exempt_until, Field::Line("date")).required();
        add("exempt", w.remediation_exempt, vec![until, words().required()], false);
        if protected {
            add("unprotect", w.remediation_unprotect, vec![words().required()], true);
        } else {
            let all = choices(Category::ALL, None, Category::as_str, |one| said(language, one.words()));
            let which = Input::select("category", w.remediation_category, all);
            let until = Input::new("until", w.remediation_ends, Field::Line("date")).hint(w.remediation_ends_hint);
            add("protect", w.remediation_protect, vec![which, until, words().required()], false);
        }
        add(
            "balance",
            w.remediation_balance,
            vec![Input::text("amount", w.remediation_amount).required().longest(10).inputmode("decimal").hint(w.remediation_amount_hint)],
            false,
        );
    }
    dialogs
}

fn asked(form: &Pairs) -> Result<Step> {
    let checked = |name: &str| !value(form, name).is_empty();
    Ok(match value(form, "step") {
        "emergency" => Step::Emergency { hours: number(form, "hours")? },
        "complain" => Step::Complain,
        "release" => Step::Release,
        "own" => Step::Own { staff: value(form, "staff").to_owned() },
        "exempt" => Step::Exempt { until: value(form, "until").to_owned() },
        "protect" => Step::Protect { category: value(form, "category").to_owned(), until: value(form, "until").to_owned() },
        "parcel" => Step::Parcel { staff: value(form, "staff").to_owned() },
        "unprotect" => Step::Unprotect,
        "reach" => Step::Reach {
            medium: Medium::parse(value(form, "medium")).ok_or_else(|| refuse(Refusal::FieldInvalid("medium")))?,
            delivered: checked("delivered"),
            receipt: value(form, "receipt").to_owned(),
        },
        "balance" => Step::Balance { amount: money::fen(value(form, "amount")).ok_or_else(|| refuse(Refusal::FieldInvalid("amount")))? },
        "settle" => Step::Settle { reference: value(form, "reference").to_owned(), account_closed: checked("account_closed") },
        _ => return Err(refuse(Refusal::FieldInvalid("step"))),
    })
}

pub(super) async fn step(
    Of(app): Of<App>,
    actor: Actor,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response> {
    let id = read_id(&id)?;
    let file = desk::case_file(&app, &actor, id).await?;
    let done = match (asked(&form), number(&form, "version")) {
        (Ok(asked), Ok(version)) => desk::step(&app, &actor, id, version, asked, value(&form, "words").to_owned()).await,
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    };
    match done {
        Ok(_) => Ok(see_other(&format!("/remediation/cases/{id}?done=saved"))),
        Err(failure) => {
            let problem = shown(failure)?;
            let refused = Refused { step: value(&form, "step"), typed: &form, problem: &problem, language: shell.language };
            Ok(page_refused(&problem, &case_page(&app, &actor, shell, &file, Some(&refused))))
        }
    }
}

/// Whoever presses "back" after a step is led to the case.
pub(super) async fn back(Path(id): Path<String>) -> Result<Response> {
    Ok(see_other(&format!("/remediation/cases/{}", read_id(&id)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_is_typed_in_yuan_and_kept_in_fen() {
        let typed = |amount: &str| asked(&vec![("step".to_owned(), "balance".to_owned()), ("amount".to_owned(), amount.to_owned())]);
        assert!(matches!(typed("12.5"), Ok(Step::Balance { amount: 1_250 })));
        assert!(matches!(typed("0"), Ok(Step::Balance { amount: 0 })), "nothing may be left");
        assert!(typed("12.345").is_err() && typed("").is_err());
    }
}
