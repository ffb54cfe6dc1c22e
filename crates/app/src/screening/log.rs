//! 判定日志: what was decided, kept as long as the law asks and no longer. What did not pass always, of what passed a sample. Caller and callee stand
//! sealed under a key of their month, which goes with the month's last verdict.

use chuangsha_kernel::{problem::Problem, role, time::Timestamp};
use chuangsha_screen::{Action, EvidenceId, Number, replay::VerdictLine, rules::RuleSet};
use chuangsha_store::{Row, Tx, params};
use chuangsha_vault::Domain;
use uuid::Uuid;

use super::{
    code,
    list::number,
    live::masked,
    table::{self, place},
    watch::Seen,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
        keys,
        purpose::Reason,
        reveal::{self, Reveal, Revealed, Thing},
    },
};

/// Verdicts of one transaction.
const BATCH: usize = 1_000;

fn month(at: Timestamp) -> String {
    let day = at.day();
    format!("{:04}-{:02}", day.year(), day.month())
}

/// A verdict ready for its row; what needs the store is done in the transaction.
struct Line {
    seen: Seen,
    code: String,
    region: String,
    rule: &'static str,
    reasons: String,
    caller: Option<Vec<u8>>,
    callee: Option<Vec<u8>>,
    keep_until: Timestamp,
}

fn line(app: &App, rules: &RuleSet, seen: Seen, code: String, region: String) -> Result<Line> {
    let verdict = &seen.verdict;
    let index = |number: Option<Number>| number.map(|number| table::index(app, number)).transpose();
    // A disposal may be appealed for two years; what rang may not.
    let retention = if verdict.action >= Action::Challenge { "retention.disposal.floor" } else { "retention.screening.floor" };
    Ok(Line {
        code,
        region,
        rule: seen.rule().map_or("", chuangsha_screen::Rule::as_str),
        reasons: serde_json::to_string(&VerdictLine::new(verdict, rules).reasons).map_err(Failure::internal)?,
        caller: index(verdict.caller)?,
        callee: index(verdict.callee)?,
        keep_until: table::kept_until(app, retention, seen.at)?,
        seen,
    })
}

fn row_id(evidence: EvidenceId) -> Uuid {
    Uuid::from_u128(evidence.0)
}

fn insert(app: &App, tx: &mut Tx, lines: &[Line]) -> Result<()> {
    let mut figures = std::collections::BTreeMap::<(String, i64, &str, u32, &str), i64>::new();
    let mut held: Option<(String, chuangsha_vault::DataKey)> = None;
    for line in lines {
        let verdict = &line.seen.verdict;
        let month = month(line.seen.at);
        let key = match held.take() {
            Some((of, key)) if of == month => key,
            _ => {
                tx.push("INSERT INTO screen_month (month) VALUES ($1) ON CONFLICT (month) DO NOTHING", &params![&month])?;
                app.key_of(tx, table::of_month(&month), Domain::Calls)?
            }
        };
        let id = row_id(verdict.evidence);
        let digits = |number: Option<Number>| number.map_or_else(String::new, Number::e164);
        let sealed = keys::seal(&key, place::VERDICT, &format!("{id}{},{}", digits(verdict.caller), digits(verdict.callee)))?;
        held = Some((month.clone(), key));
        let redress = redress_name(verdict.redress);
        let added = tx.execute(
            "INSERT INTO screen_verdict (evidence, at, trunk, code, action, rule, score, reasons, category, country, rules, lists, redress, \
             caller_index, callee_index, sealed, month, keep_until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT (evidence) DO NOTHING",
            &params![
                &id,
                line.seen.at,
                line.seen.trunk,
                &line.code,
                verdict.action as i64,
                line.rule,
                verdict.score,
                &line.reasons,
                verdict.category,
                verdict.country,
                &format!("{:016x}", verdict.versions.rules),
                i64::try_from(verdict.versions.lists).unwrap_or(i64::MAX),
                &redress,
                line.caller.as_ref(),
                line.callee.as_ref(),
                &sealed,
                &month,
                line.keep_until
            ],
        )?;
        if added == 1 && verdict.action != Action::Pass {
            let cell = (line.seen.at.day().to_string(), verdict.action as i64, line.rule, line.seen.trunk, line.region.as_str());
            *figures.entry(cell).or_default() += 1;
        }
    }
    for ((day, action, rule, trunk, region), calls) in figures {
        count(tx, &day, action, rule, i64::from(trunk), region, calls)?;
    }
    Ok(())
}

fn count(tx: &mut Tx, day: &str, action: i64, rule: &str, trunk: i64, region: &str, calls: i64) -> Result<()> {
    tx.push(
        "INSERT INTO screen_figure (day, action, rule, trunk, region, calls) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (day, action, rule, trunk, region) DO UPDATE SET calls = screen_figure.calls + excluded.calls",
        &params![day, action, rule, trunk, region, calls],
    )?;
    Ok(())
}

/// Writes what waits, and the counts of the day. Says how many verdicts were written; what the store does not take waits on, as long as there is room.
///
/// # Errors
/// The store does not answer: everything taken out is back in line.
pub async fn write(app: &App) -> Result<usize> {
    let node = app.watch.node.lock().await;
    let snapshot = app.engine.snapshot();
    let taken = app.watch.take(BATCH);
    let describe = |seen: &Seen| {
        let code = snapshot.ledger.trunk(chuangsha_screen::TrunkId(seen.trunk)).map_or_else(String::new, |trunk| trunk.name.clone());
        line(app, &snapshot.rules, *seen, code, node.region_of(seen.trunk).to_owned())
    };
    let lines: Result<Vec<Line>> = taken.iter().map(describe).collect();
    drop(node);
    let written = match lines {
        Ok(lines) => {
            let (writer, lines) = (app.clone(), std::sync::Arc::new(lines));
            let totals = app.watch.uncounted();
            let today = app.clock.now().day().to_string();
            if lines.is_empty() && totals == [0; 4] {
                return Ok(0);
            }
            let counted = totals;
            let done = app
                .write(move |tx| {
                    insert(&writer, tx, &lines)?;
                    for (action, calls) in Action::ALL.iter().zip(totals) {
                        if calls > 0 {
                            // Trunk 0, no rule: every call of the day, whether or not it was written down.
                            count(tx, &today, *action as i64, "", 0, "", i64::try_from(calls).unwrap_or(i64::MAX))?;
                        }
                    }
                    Ok(())
                })
                .await;
            if done.is_ok() {
                app.watch.counted(counted);
            }
            done
        }
        Err(failure) => Err(failure),
    };
    match written {
        Ok(()) => Ok(taken.len()),
        Err(failure) => {
            app.watch.put_back(taken);
            Err(failure)
        }
    }
}

/// Deletes what has been kept long enough, but for what an open appeal is about; a month's key goes with its last verdict. Says how many went.
///
/// # Errors
/// The record failed.
pub async fn prune(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let writer = app.clone();
    app.write(move |tx| {
        let sql = "DELETE FROM screen_verdict WHERE evidence IN (SELECT evidence FROM screen_verdict WHERE keep_until <= $1 \
                   AND evidence NOT IN (SELECT evidence FROM screen_appeal WHERE state = 1 AND evidence IS NOT NULL) LIMIT 10000)";
        let gone = tx.execute(sql, &params![now])?;
        if gone > 0 {
            let left = tx.query("SELECT DISTINCT month FROM screen_verdict", &[])?;
            let left: Vec<String> = left.iter().map(|row| row.text(0)).collect::<std::result::Result<_, _>>()?;
            let last = tx.query("SELECT month FROM screen_month ORDER BY month", &[])?;
            for row in last {
                let month = row.text(0)?;
                if !left.contains(&month) && month < self::month(now) {
                    writer.forget_key(tx, table::of_month(&month), Domain::Calls)?;
                    tx.push("DELETE FROM screen_month WHERE month = $1", &params![&month])?;
                }
            }
        }
        Ok(usize::try_from(gone).unwrap_or(usize::MAX))
    })
    .await
}

/// Stable name, as the engine writes it.
pub(super) fn redress_name(redress: chuangsha_screen::Redress) -> String {
    serde_json::to_value(redress).ok().and_then(|name| name.as_str().map(ToOwned::to_owned)).unwrap_or_default()
}

/// A verdict as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct LogView {
    /// 32 hexadecimal digits.
    pub evidence: String,
    /// RFC 3339.
    pub at: String,
    /// Number of the trunk.
    pub trunk: i64,
    /// Its code in the ledger.
    pub trunk_code: String,
    /// `pass`, `label`, `challenge` or `block`.
    pub action: String,
    /// The rule that decided; empty for what passed.
    pub rule: String,
    /// 0 to 100.
    pub score: i64,
    /// Each rule that spoke: code, article, effect, action, what was measured against what.
    #[schema(value_type = Vec<Object>)]
    pub reasons: serde_json::Value,
    /// Caller, masked.
    pub caller: String,
    /// Callee, masked.
    pub callee: String,
    /// Country code of a caller from abroad; 0 = home.
    pub country: i64,
    /// Version of the rules.
    pub rules: String,
    /// Version of ledger and lists.
    pub lists: i64,
    /// Who can undo it.
    pub redress: String,
    /// Kept until, RFC 3339.
    pub kept_until: String,
}

const COLUMNS: &str = "evidence, at, trunk, code, action, rule, score, reasons, sealed, month, country, rules, lists, redress, keep_until";

/// Caller and callee of a row, in clear; for this module only.
pub(super) fn numbers(app: &App, tx: &mut Tx, id: Uuid, month: &str, sealed: &[u8]) -> Result<[Option<Number>; 2]> {
    let key = app.key_if_any(tx, table::of_month(month), Domain::Calls)?;
    let key = key.ok_or_else(|| Failure::internal("a month of verdicts has no key"))?;
    let text = keys::open(&key, place::VERDICT, sealed)?;
    let broken = || Failure::internal("a sealed verdict belongs to another row of its table");
    let (caller, callee) = text.strip_prefix(&id.to_string()).and_then(|text| text.split_once(',')).ok_or_else(broken)?;
    Ok([caller, callee].map(|digits| digits.parse().ok().and_then(Number::new)))
}

fn view(app: &App, tx: &mut Tx, row: &Row) -> Result<LogView> {
    let id = row.uuid(0)?;
    let [caller, callee] = numbers(app, tx, id, row.str(9)?, row.slice(8)?)?;
    let action = Action::ALL.iter().find(|action| row.int(4).is_ok_and(|held| held == **action as i64));
    Ok(LogView {
        evidence: id.simple().to_string(),
        at: row.timestamp(1)?.rfc3339(),
        trunk: row.int(2)?,
        trunk_code: row.text(3)?,
        action: action.map_or("", |action| action.as_str()).to_owned(),
        rule: row.text(5)?,
        score: row.int(6)?,
        reasons: serde_json::from_str(row.str(7)?).map_err(Failure::internal)?,
        caller: masked(caller),
        callee: masked(callee),
        country: row.int(10)?,
        rules: row.text(11)?,
        lists: row.int(12)?,
        redress: row.text(13)?,
        kept_until: row.timestamp(14)?.rfc3339(),
    })
}

/// What the list of the log may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// `label`, `challenge`, `block`, `pass`; empty = all.
    pub action: String,
    /// The rule that decided.
    pub rule: String,
    /// Code of the trunk.
    pub trunk: String,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
    /// Cursor of the page before: evidence of its last row.
    pub after: String,
}

/// One page of the log, newest first, masked. Not by number: that is a look-up of its own, with a purpose.
///
/// # Errors
/// `screening.field_invalid`, `screening.evidence_invalid`, `people.denied`
pub async fn page(app: &App, actor: &Actor, query: LogQuery) -> Result<Vec<LogView>> {
    actor.reach(app, role::Action::ScreeningView)?;
    let action = match query.action.as_str() {
        "" => -1,
        text => match Action::parse(text) {
            Some(action) => action as i64,
            None => return Err(Problem::new(&code::FIELD_INVALID).field("action").with("field", "action").into()),
        },
    };
    let after = if query.after.is_empty() { None } else { Some(evidence_of(&query.after)?) };
    let reader = app.clone();
    app.read(move |tx| {
        let mut last = (i64::MAX, Uuid::max());
        if let Some(after) = after
            && let Some(row) = tx.query_opt("SELECT at FROM screen_verdict WHERE evidence = $1", &params![&after])?
        {
            last = (row.int(0)?, after);
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM screen_verdict WHERE (at < $1 OR (at = $1 AND evidence < $2)) AND ($3 < 0 OR action = $3) \
             AND ($4 = '' OR rule = $4) AND ($5 = '' OR code = $5) ORDER BY at DESC, evidence DESC LIMIT $6"
        );
        let limit = query.limit.unwrap_or(50).clamp(1, 1_000);
        let rows = tx.query(&sql, &params![last.0, &last.1, action, &query.rule, &query.trunk, limit])?;
        rows.iter().map(|row| view(&reader, tx, row)).collect()
    })
    .await
}

/// One verdict, masked.
///
/// # Errors
/// `screening.evidence_invalid`, `screening.not_found`, `people.denied`
pub async fn find(app: &App, actor: &Actor, evidence: &str) -> Result<LogView> {
    actor.reach(app, role::Action::ScreeningView)?;
    let (reader, id) = (app.clone(), evidence_of(evidence)?);
    app.read(move |tx| {
        let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM screen_verdict WHERE evidence = $1"), &params![&id])?;
        view(&reader, tx, &row.ok_or_else(|| Failure::from(Problem::new(&code::NOT_FOUND)))?)
    })
    .await
}

/// What is left of this person's looks today.
///
/// # Errors
/// The record failed.
pub async fn budget(app: &App, actor: &Actor) -> Result<reveal::Budget> {
    let (reader, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    app.read(move |tx| reveal::budget(&reader, tx, &actor, &actor.region, now)).await
}

/// What the log and a second person are told of a number of a call. A number alone names nobody here: no subject goes with it.
fn thing(tx: &mut Tx, app: &App, actor: &Actor, id: Uuid, field: &str) -> Result<Thing> {
    actor.reach(app, role::Action::ScreeningView)?;
    let row = tx.query_opt(&format!("SELECT {COLUMNS} FROM screen_verdict WHERE evidence = $1"), &params![&id])?;
    let found = view(app, tx, &row.ok_or_else(|| Failure::from(Problem::new(&code::NOT_FOUND)))?)?;
    let object = match field {
        "caller" => found.caller,
        "callee" => found.callee,
        _ => String::new(),
    };
    if object.is_empty() {
        return Err(Problem::new(&reveal::code::FIELD_UNKNOWN).field("field").into());
    }
    let page = format!("/screening/verdicts/{}", found.evidence);
    Ok(Thing { case_kind: "screen_verdict", case: id, subjects: Vec::new(), region: actor.region.clone(), object, page, born: None })
}

/// Shows caller or callee of one call in clear, by the one way a value leaves its seal.
///
/// # Errors
/// As [`reveal::reveal`]; `screening.evidence_invalid`, `screening.not_found`.
pub async fn reveal(app: &App, actor: &Actor, evidence: &str, asked: Reveal) -> Result<Revealed> {
    actor.reach(app, role::Action::RevealField)?;
    let id = evidence_of(evidence)?;
    let (guard, asker, field) = (app.clone(), actor.clone(), asked.field.clone());
    let (opener, wanted) = (app.clone(), asked.field.clone());
    let look = move |tx: &mut Tx<'_>| thing(tx, &guard, &asker, id, &field);
    reveal::reveal(app, actor, &asked, look, move |tx| {
        let row = tx.query_one("SELECT month, sealed FROM screen_verdict WHERE evidence = $1", &params![&id])?;
        let [caller, callee] = numbers(&opener, tx, id, row.str(0)?, row.slice(1)?)?;
        let number = if wanted == "callee" { callee } else { caller };
        let number = number.ok_or_else(|| Failure::from(Problem::new(&reveal::code::FIELD_UNKNOWN).field("field")))?;
        Ok(number.national().map_or_else(|| format!("+{}", number.e164()), |digits| digits.to_string()))
    })
    .await
}

/// Asks a second person for that look.
///
/// # Errors
/// As [`reveal::ask_second`]; `screening.evidence_invalid`, `screening.not_found`.
pub async fn ask_second(app: &App, actor: &Actor, evidence: &str, asked: Reveal) -> Result<Uuid> {
    actor.reach(app, role::Action::RevealField)?;
    let id = evidence_of(evidence)?;
    let (guard, asker, field) = (app.clone(), actor.clone(), asked.field.clone());
    reveal::ask_second(app, actor, &asked, move |tx| thing(tx, &guard, &asker, id, &field)).await
}

/// The id in the store of an evidence id as written.
///
/// # Errors
/// `screening.evidence_invalid`
pub fn evidence_of(text: &str) -> Result<Uuid> {
    let text = text.trim();
    let id = if text.len() == 32 { Uuid::try_parse(text).ok() } else { None };
    id.ok_or_else(|| Problem::new(&code::EVIDENCE_INVALID).field("evidence").into())
}

/// What is looked up in the log, and what for. Wiped when dropped; no Debug.
#[derive(Clone, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LookUp {
    /// Evidence id; or else a number.
    pub evidence: String,
    /// Caller or callee, national digits or with its country code.
    #[schema(value_type = String)]
    pub number: zeroize::Zeroizing<String>,
    /// Purpose code: `audit`, `customer_call`, `complaint`, `lawful_request`, `inspection`.
    pub purpose: String,
    /// Case the purpose belongs to: `T-20931`.
    pub case: String,
    /// Why, in words, 2 to 200 characters.
    pub words: String,
}

/// 查询判定: by evidence id or by an exact number, for a purpose; written to the log before anything is shown. At most 200, newest first.
///
/// # Errors
/// `protection.purpose_unknown`, `.case_missing`, `.words_missing`; `screening.evidence_invalid`, `screening.number_invalid`; `people.denied`
pub async fn look_up(app: &App, actor: &Actor, asked: LookUp) -> Result<Vec<LogView>> {
    actor.reach(app, role::Action::ScreeningView)?;
    let now = app.clock.now();
    let reason = Reason::read(app, now, &asked.purpose, &asked.case, &asked.words)?;
    let (evidence, index) = if asked.evidence.trim().is_empty() {
        (None, table::index(app, number(&app.engine.snapshot().plan, &asked.number, "number")?)?)
    } else {
        (Some(evidence_of(&asked.evidence)?), Vec::new())
    };
    let (writer, actor) = (app.clone(), actor.clone());
    let by_evidence = evidence.is_some();
    app.write(move |tx| {
        let facts = serde_json::json!({ "purpose": reason.purpose, "by": if by_evidence { "evidence" } else { "number" }, "post": actor.roles.names() });
        let entry = Entry {
            action: "screening.look_up",
            case_kind: "screen_verdict",
            case: evidence,
            step: if by_evidence { "evidence" } else { "number" },
            why: &reason.why(),
            article: "R-PIP-3",
            pack: &writer.rules.version,
            facts: &facts.to_string(),
            subject: None,
        };
        writer.audit(tx, By::Actor(&actor), &entry, now).map(drop)
    })
    .await?;
    let reader = app.clone();
    app.read(move |tx| {
        let rows = match evidence {
            Some(id) => tx.query(&format!("SELECT {COLUMNS} FROM screen_verdict WHERE evidence = $1"), &params![&id])?,
            None => {
                let sql = format!(
                    "SELECT {COLUMNS} FROM screen_verdict WHERE caller_index = $1 OR callee_index = $1 ORDER BY at DESC, evidence DESC LIMIT 200"
                );
                tx.query(&sql, &params![&index])?
            }
        };
        rows.iter().map(|row| view(&reader, tx, row)).collect()
    })
    .await
}

/// 甄别日报: calls of one day.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FigureView {
    /// Day in China.
    pub day: String,
    /// `pass`, `label`, `challenge` or `block`.
    pub action: String,
    /// The rule that decided; empty: all calls of the action, also those not written down.
    pub rule: String,
    /// Number of the trunk; 0: all.
    pub trunk: i64,
    /// City of the trunk; empty: all, or a gateway's.
    pub region: String,
    /// Calls.
    pub calls: i64,
}

/// Counts by day, action, rule, trunk and city; at most 10,000 rows.
///
/// # Errors
/// `screening.field_invalid`, `people.denied`
pub async fn figures(app: &App, actor: &Actor, from: &str, until: &str) -> Result<Vec<FigureView>> {
    actor.reach(app, role::Action::ScreeningView)?;
    let today = app.clock.now().day();
    let day = |text: &str, field: &'static str| match text {
        "" => Ok(today),
        text => text.parse().map_err(|_| Failure::from(Problem::new(&code::FIELD_INVALID).field(field).with("field", field))),
    };
    let (from, until): (jiff::civil::Date, jiff::civil::Date) = (day(from, "from")?, day(until, "until")?);
    app.read(move |tx| {
        let rows = tx.query(
            "SELECT day, action, rule, trunk, region, calls FROM screen_figure WHERE day >= $1 AND day <= $2 \
             ORDER BY day, action, rule, trunk, region LIMIT 10000",
            &params![&from.to_string(), &until.to_string()],
        )?;
        rows.iter()
            .map(|row| {
                let action = Action::ALL.iter().find(|action| row.int(1).is_ok_and(|held| held == **action as i64));
                Ok(FigureView {
                    day: row.text(0)?,
                    action: action.map_or("", |action| action.as_str()).to_owned(),
                    rule: row.text(2)?,
                    trunk: row.int(3)?,
                    region: row.text(4)?,
                    calls: row.int(5)?,
                })
            })
            .collect()
    })
    .await
}
