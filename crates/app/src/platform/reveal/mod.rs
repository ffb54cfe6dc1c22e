//! 查看明文: the one way a personal value leaves its seal. One field of one person, for a purpose, counted, for a minute; written to the log
//! before it is shown; with a second person where one alone is not enough. Orders and subscribers use it alike.

pub mod disclosure;
pub mod page;

use chuangsha_kernel::{
    id::SubjectId,
    problem::Problem,
    role::{Action, RegionCode},
    rulebook::{Place, Ruling},
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use jiff::civil::Date;
use uuid::Uuid;

use super::{
    actor::Actor,
    audit::{By, Entry},
    failure::{Failure, Result},
    purpose::{self, Purpose, Reason},
    second::{self, Ask as SecondAsk, Cause, Kind, Shown as SecondShown, What},
};
use crate::App;

/// Tables of this module.
pub const DDL: &str = "
CREATE TABLE reveal_shown (
    id BYTEA PRIMARY KEY,
    staff BYTEA NOT NULL,
    case_id BYTEA NOT NULL,
    step TEXT NOT NULL,
    until BIGINT NOT NULL
);
CREATE INDEX reveal_shown_until ON reveal_shown (until);
CREATE TABLE protected_person (
    subject BYTEA PRIMARY KEY,
    staff BYTEA NOT NULL,
    at BIGINT NOT NULL
);
";

/// One field asked for in clear, as a form or a program sends it.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reveal {
    /// `holder`, `agent`, `organisation` or `handler`; the holder when absent.
    #[serde(default)]
    pub role: String,
    /// `name`, `document_number`, `address`, `phone`, or `number` of a subscriber.
    pub field: String,
    /// Purpose code: `audit`, `customer_call`, `complaint`, `lawful_request`, `inspection`.
    pub purpose: String,
    /// Case the purpose belongs to: `T-20931`.
    #[serde(default)]
    pub case: String,
    /// Why, in words, 2 to 200 characters.
    pub words: String,
    /// Made by the caller, one for each look: sent twice, it is one look.
    #[serde(default)]
    pub once: Option<Uuid>,
}

impl Reveal {
    /// `holder` unless another party is named.
    pub fn role(&self) -> &str {
        if self.role.is_empty() { "holder" } else { &self.role }
    }

    /// Purpose, case and words, checked: a purpose of a look, not one of a file.
    pub(crate) fn reason(&self, app: &App, now: Timestamp) -> Result<Reason> {
        let reason = Reason::read(app, now, &self.purpose, &self.case, &self.words)?;
        if Purpose::OF_A_LOOK.contains(&reason.purpose) {
            return Ok(reason);
        }
        Err(Problem::new(&purpose::code::PURPOSE_UNKNOWN).field("purpose").into())
    }

    /// `holder.document_number`: the field as the log names it.
    pub fn step(&self) -> String {
        format!("{}.{}", self.role(), self.field)
    }
}

/// 被查看的对象: what the module that owns the data says of it, once it has checked that this person may reveal it at all.
#[derive(Debug, Clone)]
pub struct Thing {
    /// `order`, `subscriber`.
    pub case_kind: &'static str,
    /// Which.
    pub case: Uuid,
    /// Whose value it is; the first is the party's own subject, the others the same person's.
    pub subjects: Vec<SubjectId>,
    /// Where they live.
    pub region: String,
    /// As people know it, masked: `199****0001`, an order's code.
    pub object: String,
    /// Page it is shown on.
    pub page: String,
    /// Birth date, where the document tells one.
    pub born: Option<Date>,
}

/// A field in clear, for a while.
#[derive(Clone, serde::Serialize, utoipa::ToSchema)]
pub struct Revealed {
    /// The field in clear.
    pub value: String,
    /// Hide it after so many seconds.
    pub seconds: i64,
    /// Reveals left today.
    pub left_today: i64,
    /// Reveals a day.
    pub budget: i64,
}

/// How many reveals somebody has used today and how many they have.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Used.
    pub used: i64,
    /// A day.
    pub ruling: Ruling<i64>,
}

impl Budget {
    /// Left today.
    pub fn left(&self) -> i64 {
        (self.ruling.value - self.used).max(0)
    }
}

/// What is left of somebody's budget today.
pub fn budget(app: &App, tx: &mut Tx, actor: &Actor, region: &str, now: Timestamp) -> Result<Budget> {
    let ruling = app.number_rule("protection.reveals_per_day", now, region)?;
    let sql = "SELECT COUNT(*) FROM audit_entry WHERE staff = $1 AND at >= $2 AND action = 'reveal.field'";
    let used = tx.query_one(sql, &params![actor.staff.as_bytes(), Timestamp::start_of(now.day())])?.int(0)?;
    Ok(Budget { used, ruling })
}

/// Why a look at this needs a second person, if it does (design: protected persons, minors, another province, many persons at once).
///
/// # Errors
/// Only the record's and the rule packs' own.
pub fn cause(app: &App, tx: &mut Tx, actor: &Actor, thing: &Thing, now: Timestamp) -> Result<Option<Cause>> {
    for subject in &thing.subjects {
        if is_protected(tx, *subject)? {
            return Ok(Some(Cause::Protected));
        }
    }
    // In force since 2024: before its day the rule is not there, and nobody is asked for.
    if let (Some(born), Ok(age)) = (thing.born, app.rules.number("protection.minor_age", now.day(), &Place::china()))
        && years(born, now.day()) < age.value
    {
        return Ok(Some(Cause::Minor));
    }
    let (own, theirs) = (RegionCode::read(&actor.region).province(), RegionCode::read(&thing.region).province());
    if own.is_some() && theirs.is_some() && own != theirs {
        return Ok(Some(Cause::Far));
    }
    let most = app.number_rule("protection.subjects_per_hour", now, &thing.region)?.value;
    let sql = "SELECT COUNT(DISTINCT subject_mark) FROM audit_entry WHERE staff = $1 AND at > $2 AND action = 'reveal.field' AND subject_mark <> $3";
    let mark = match thing.subjects.first() {
        Some(subject) => app.subject_mark(*subject)?.to_vec(),
        None => Vec::new(),
    };
    let others = tx.query_one(sql, &params![actor.staff.as_bytes(), now.plus_ms(-HOUR_MS), &mark])?.int(0)?;
    Ok((others >= most).then_some(Cause::Bulk))
}

/// Full years between two days.
fn years(born: Date, today: Date) -> i64 {
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    i64::from(today.year()) - i64::from(born.year()) - i64::from(!had_birthday)
}

/// What a second person is asked for: the field, of whom, for what. Another purpose is another request.
fn what(asked: &Reveal, purpose: Purpose, thing: &Thing) -> What {
    What {
        key: format!("{} {} {} {}", thing.case_kind, thing.case, asked.step(), purpose.as_str()),
        field: asked.field.clone(),
        object: thing.object.clone(),
        page: thing.page.clone(),
        subject: thing.subjects.first().copied(),
        region: thing.region.clone(),
    }
}

/// Shows one field in clear. `look` guards and describes the thing, `open` opens the value; both run in transactions of this function, the entry
/// of the log between them: it is durable before the value exists anywhere outside its seal.
///
/// # Errors
/// `protection.purpose_unknown`, `.case_missing`, `.words_missing`, `.reveals_spent`, `.shown_already`; `second.needed` and the other codes of
/// [`second::code`]; whatever `look` and `open` refuse.
pub async fn reveal(
    app: &App,
    actor: &Actor,
    asked: &Reveal,
    mut look: impl FnMut(&mut Tx) -> Result<Thing> + Send + 'static,
    open: impl FnMut(&mut Tx) -> Result<String> + Send + 'static,
) -> Result<Revealed> {
    // Who may not is told so before the form is judged.
    actor.reach(app, Action::RevealField)?;
    let now = app.clock.now();
    let reason = asked.reason(app, now)?;
    let window = app.clock_rule("protection.reveal_window", now)?;
    let (writer, asker, asked, window_ms) = (app.clone(), actor.clone(), asked.clone(), window.value);
    let (until, budget, left) = app
        .write(move |tx| {
            let thing = look(tx)?;
            let budget = budget(&writer, tx, &asker, &thing.region, now)?;
            let (once, step) = (asked.once.unwrap_or_else(|| writer.ids.next(now)), asked.step());
            if let Some(until) = shown_until(tx, &asker, once, &thing, &step)? {
                // The same form again, by "back", reload or a double click: one look, as long as it lasts.
                return if now < until {
                    Ok((until, budget.ruling.value, budget.left()))
                } else {
                    Err(Problem::new(&code::SHOWN_ALREADY).into())
                };
            }
            if budget.left() == 0 {
                return Err(Problem::new(&code::REVEALS_SPENT).with("limit", budget.ruling.value).into());
            }
            let cause = cause(&writer, tx, &asker, &thing, now)?;
            let second = match cause {
                Some(cause) => Some(with_second(&writer, tx, &asker, &what(&asked, reason.purpose, &thing), cause, now)?),
                None => None,
            };
            write_down(&writer, tx, &asker, &Look { asked: &asked, reason: &reason, thing: &thing, budget: &budget, cause, second }, now)?;
            let until = now.plus_ms(window_ms);
            tx.push_one(
                "INSERT INTO reveal_shown (id, staff, case_id, step, until) VALUES ($1, $2, $3, $4, $5)",
                &params![&once, asker.staff.as_bytes(), &thing.case, &step, until],
            )?;
            Ok((until, budget.ruling.value, budget.left() - 1))
        })
        .await?;
    let value = app.read(open).await?;
    Ok(Revealed { value, seconds: (until.0 - now.0 + 999) / 1_000, left_today: left, budget })
}

/// Until when a look that was already granted may be seen; `None`: it is a new one.
///
/// # Errors
/// `protection.shown_already`: somebody else's, or another field's.
fn shown_until(tx: &mut Tx, actor: &Actor, once: Uuid, thing: &Thing, step: &str) -> Result<Option<Timestamp>> {
    let row = tx.query_opt("SELECT staff, case_id, step, until FROM reveal_shown WHERE id = $1", &params![&once])?;
    let Some(row) = row else { return Ok(None) };
    let same = row.uuid(0)? == actor.staff.0 && row.uuid(1)? == thing.case && row.str(2)? == step;
    if same { Ok(Some(row.timestamp(3)?)) } else { Err(Problem::new(&code::SHOWN_ALREADY).into()) }
}

/// Uses the approval for this very look up.
fn with_second(app: &App, tx: &mut Tx, actor: &Actor, what: &What, cause: Cause, now: Timestamp) -> Result<Uuid> {
    match second::find_open(app, tx, actor, Kind::RevealField, what, now)? {
        Some((id, SecondShown::Approved)) => {
            second::take(app, tx, actor, id, Kind::RevealField, &what.key, now)?;
            Ok(id)
        }
        _ => Err(second::needed(cause)),
    }
}

/// A look that two people agreed to and that goes on for a while, such as the pictures of an order: the first use takes the approval, and until the
/// window is over the same person looks again without another. Says whether it may be looked at now; `None`: nobody agreed yet.
///
/// # Errors
/// Those of [`second::code`].
pub fn agreed_look(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    (kind, what): (Kind, &What),
    (case, step): (Uuid, &str),
    now: Timestamp,
) -> Result<Option<Uuid>> {
    if let Some(open) = agreed(tx, actor, case, step, now)? {
        return Ok(Some(open));
    }
    let Some((id, SecondShown::Approved)) = second::find_open(app, tx, actor, kind, what, now)? else { return Ok(None) };
    second::take(app, tx, actor, id, kind, &what.key, now)?;
    let until = now.plus_ms(app.clock_rule("protection.reveal_window", now)?.value);
    tx.push_one(
        "INSERT INTO reveal_shown (id, staff, case_id, step, until) VALUES ($1, $2, $3, $4, $5)",
        &params![&id, actor.staff.as_bytes(), &case, step, until],
    )?;
    Ok(Some(id))
}

/// The request whose look still goes on.
fn agreed(tx: &mut Tx, actor: &Actor, case: Uuid, step: &str, now: Timestamp) -> Result<Option<Uuid>> {
    let sql = "SELECT id FROM reveal_shown WHERE staff = $1 AND case_id = $2 AND step = $3 AND until > $4 LIMIT 1";
    Ok(tx.query_opt(sql, &params![actor.staff.as_bytes(), &case, step, now])?.map(|row| row.uuid(0)).transpose()?)
}

/// Whether [`agreed_look`] would let this person look now; nothing is used up.
///
/// # Errors
/// The record failed.
pub fn may_look(
    app: &App,
    tx: &mut Tx,
    actor: &Actor,
    (kind, what): (Kind, &What),
    (case, step): (Uuid, &str),
    now: Timestamp,
) -> Result<bool> {
    let approved = |found| matches!(found, Some((_, SecondShown::Approved)));
    Ok(agreed(tx, actor, case, step, now)?.is_some() || approved(second::find_open(app, tx, actor, kind, what, now)?))
}

/// What the log is told of a look.
struct Look<'a> {
    asked: &'a Reveal,
    reason: &'a Reason,
    thing: &'a Thing,
    budget: &'a Budget,
    cause: Option<Cause>,
    second: Option<Uuid>,
}

fn write_down(app: &App, tx: &mut Tx, actor: &Actor, look: &Look<'_>, now: Timestamp) -> Result<()> {
    let Look { asked, reason, thing, budget, cause, second } = look;
    // An investigation is not told to the person while it runs (L-PIP-5): the day it is told is set now, not later.
    let withheld_until = match reason.purpose {
        Purpose::LawfulRequest => {
            let days = app.number_rule("protection.disclosure_delay", now, &thing.region)?.value;
            Some(now.plus_ms(days * DAY_MS).rfc3339())
        }
        _ => None,
    };
    let facts = serde_json::json!({
        "role": asked.role(), "field": asked.field, "purpose": reason.purpose, "post": actor.roles.names(), "used": budget.used,
        "budget": budget.ruling.value, "cause": cause, "second": second, "withheld_until": withheld_until,
    })
    .to_string();
    let entry = Entry {
        action: "reveal.field",
        case_kind: thing.case_kind,
        case: Some(thing.case),
        step: &asked.step(),
        why: &reason.why(),
        article: &budget.ruling.article,
        pack: &budget.ruling.pack_version,
        facts: &facts,
        subject: thing.subjects.first().copied(),
    };
    app.audit(tx, By::Actor(actor), &entry, now).map(drop)
}

/// One person alone may look.
pub(crate) fn not_needed() -> Failure {
    Problem::new(&code::NOT_NEEDED).into()
}

/// Asks a second person for the look that [`reveal`] refused with `second.needed`.
///
/// # Errors
/// `second.not_needed`: one person alone may look. As [`second::request_in`]; whatever `look` refuses.
pub async fn ask_second(
    app: &App,
    actor: &Actor,
    asked: &Reveal,
    mut look: impl FnMut(&mut Tx) -> Result<Thing> + Send + 'static,
) -> Result<Uuid> {
    // Who may not is told so before the form is judged.
    actor.reach(app, Action::RevealField)?;
    let now = app.clock.now();
    let reason = asked.reason(app, now)?;
    let (writer, asker, asked) = (app.clone(), actor.clone(), asked.clone());
    app.write(move |tx| {
        let thing = look(tx)?;
        let cause = cause(&writer, tx, &asker, &thing, now)?.ok_or_else(not_needed)?;
        let what = what(&asked, reason.purpose, &thing);
        let ask = SecondAsk { kind: Kind::RevealField, cause, reason: reason.clone(), what };
        second::request_in(&writer, tx, &asker, &ask, now)
    })
    .await
}

/// 重点保护: whether a look at this person needs a second person whatever the purpose.
pub fn is_protected(tx: &mut Tx, subject: SubjectId) -> Result<bool> {
    Ok(tx.query_opt("SELECT 1 FROM protected_person WHERE subject = $1", &params![subject.as_bytes()])?.is_some())
}

/// Puts a person under protection or takes it away; says whether that changed anything. The caller writes the entry.
pub fn protect(tx: &mut Tx, actor: &Actor, subject: SubjectId, protect: bool, now: Timestamp) -> Result<bool> {
    let touched = if protect {
        tx.execute(
            "INSERT INTO protected_person (subject, staff, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &params![subject.as_bytes(), actor.staff.as_bytes(), now],
        )?
    } else {
        tx.execute("DELETE FROM protected_person WHERE subject = $1", &params![subject.as_bytes()])?
    };
    Ok(touched > 0)
}

/// Drops looks that are long over: what is kept of them stands in the log.
pub fn prune(tx: &mut Tx, now: Timestamp) -> Result<()> {
    Ok(tx.push("DELETE FROM reveal_shown WHERE until < $1", &params![now.plus_ms(-DAY_MS)])?)
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        REVEALS_SPENT = "protection.reveals_spent", 429, "今日查看明文次数已用完（{limit} 次）", "Today's reveals are spent ({limit})", "确有需要请联系个人信息保护负责人", "If your work needs more, ask the privacy officer";
        SHOWN_ALREADY = "protection.shown_already", 409, "该次查看已结束", "This look is over", "如仍需查看，请重新打开“查看明文”", "If you need it again, open the dialog anew";
        FIELD_UNKNOWN = "protection.field_unknown", 422, "没有这个字段", "There is no such field", "请从列表中选择字段和对象", "Choose field and party from the list";
        NOT_NEEDED = "second.not_needed", 409, "此操作无需金库授权", "This needs no second person", "请直接查看", "Look at it directly";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_year_is_full_on_its_birthday() {
        let born = date(2008, 11, 22);
        assert_eq!(years(born, date(2026, 11, 21)), 17);
        assert_eq!(years(born, date(2026, 11, 22)), 18);
        assert_eq!(years(date(2008, 2, 29), date(2026, 2, 28)), 17);
        assert_eq!(years(date(2008, 2, 29), date(2026, 3, 1)), 18);
    }
}
