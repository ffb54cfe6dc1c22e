//! 直接处置: what whoever watches the calls does about one of them on the spot: lifts what was done to its caller, or puts its callee on the do-not-call
//! list. Each names the call by its evidence and gives a reason; nobody types a number, and nobody sees one in clear.

use chuangsha_kernel::{problem::Problem, role, time::Timestamp};
use chuangsha_screen::{Action, Number, Rule};
use chuangsha_store::{Tx, params};
use uuid::Uuid;

use super::{
    appeal, code,
    list::{self, Put},
    log, table,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

/// A call of the log, as it is acted on.
struct Call {
    id: Uuid,
    at: Timestamp,
    action: i64,
    rule: String,
    redress: String,
    caller: Option<Number>,
    callee: Option<Number>,
}

fn call(app: &App, tx: &mut Tx, id: Uuid) -> Result<Call> {
    let row = tx.query_opt("SELECT at, action, rule, redress, sealed, month FROM screen_verdict WHERE evidence = $1", &params![&id])?;
    let row = row.ok_or_else(|| Failure::from(Problem::new(&code::NOT_FOUND)))?;
    let [caller, callee] = log::numbers(app, tx, id, row.str(5)?, row.slice(4)?)?;
    Ok(Call { id, at: row.timestamp(0)?, action: row.int(1)?, rule: row.text(2)?, redress: row.text(3)?, caller, callee })
}

/// Why, as the audit trail keeps it.
///
/// # Errors
/// `screening.field_invalid`
pub(super) fn reason(words: &str) -> Result<String> {
    let words = words.trim();
    let fits = (2..=200).contains(&words.chars().count()) && !words.chars().any(char::is_control);
    if fits { Ok(words.to_owned()) } else { Err(Problem::new(&code::FIELD_INVALID).field("words").with("field", "words").into()) }
}

fn record(
    app: &App,
    tx: &mut Tx,
    by: &Actor,
    action: &str,
    call: &Call,
    (step, article, why): (&str, &str, &str),
    now: Timestamp,
) -> Result<()> {
    let facts = serde_json::json!({ "rule": call.rule, "called": call.at.rfc3339() }).to_string();
    let entry = Entry {
        action,
        case_kind: "screen_verdict",
        case: Some(call.id),
        step,
        why,
        article,
        pack: &app.rules.version,
        facts: &facts,
        subject: None,
    };
    app.audit(tx, By::Actor(by), &entry, now).map(drop)
}

/// Whether what was done to the caller of such a call can be taken back on the spot: it was done, and neither ledger nor form of the number asked for it.
pub fn can_lift(action: &str, redress: &str) -> bool {
    action != Action::Pass.as_str() && redress == "appeal"
}

/// 放行: takes back what was done to the caller of this call, on every node within seconds, and spares the number for the time of the rulebook. The list
/// entry that spoke ends, unless the one who lifts made it: that takes an appeal and another person.
///
/// # Errors
/// `screening.not_found`, `.not_lifted_here`, `.same_person`, `.field_invalid`; `people.denied`
pub async fn lift(app: &App, actor: &Actor, evidence: &str, words: &str) -> Result<()> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let (id, now, words) = (log::evidence_of(evidence)?, app.clock.now(), reason(words)?);
    let immune_s = app.clock_rule("screen.lift.immunity", now)?.value / 1_000;
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let call = call(&writer, tx, id)?;
        let done = Action::ALL.iter().find(|action| **action as i64 == call.action).map_or("", |action| action.as_str());
        let Some(caller) = call.caller.filter(|_| can_lift(done, &call.redress)) else {
            return Err(Problem::new(&code::NOT_LIFTED_HERE).into());
        };
        let held = appeal::entry_of(tx, &call.rule, &table::index(&writer, caller)?)?;
        if held.as_ref().is_some_and(|(_, entry)| entry.staff == Some(actor.staff)) {
            return Err(Problem::new(&code::SAME_PERSON).into());
        }
        record(&writer, tx, &actor, "screening.lift", &call, ("lift", "L-SCR-9", &words), now)?;
        appeal::lift(&writer, tx, caller, &call.rule, immune_s, now)?;
        match held {
            Some((list, entry)) => list::refuted(&writer, tx, By::Actor(&actor), list, &entry, now),
            None => Ok(()),
        }
    })
    .await?;
    appeal::carry_out(app).await;
    Ok(())
}

/// 加禁呼: the callee of this call takes no commercial calls any more, whatever it wished besides; said by the callee, written down by whoever heard it.
/// `source` is where it was heard, as the list shows it.
///
/// # Errors
/// `screening.not_found`, `.field_invalid`; `people.denied`
pub async fn do_not_call(app: &App, actor: &Actor, evidence: &str, source: &str, words: &str) -> Result<Put> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let (id, now, words) = (log::evidence_of(evidence)?, app.clock.now(), reason(words)?);
    let snapshot = app.engine.snapshot();
    let article = snapshot.rules.clause(Rule::RefusedCategory).map_or_else(String::new, |clause| clause.article.chars().take(20).collect());
    let (writer, actor, source) = (app.clone(), actor.clone(), source.to_owned());
    app.write(move |tx| {
        let call = call(&writer, tx, id)?;
        let callee = call.callee.ok_or_else(|| Failure::from(Problem::new(&code::NUMBER_INVALID)))?;
        let wish =
            list::Wish { number: callee, source: &source, reason: &words, article: &article, evidence: &call.id.simple().to_string() };
        let put = list::refuse_all(&writer, tx, &actor, &wish, now)?;
        if let Put::Entered(_) = put {
            record(&writer, tx, &actor, "screening.do_not_call", &call, ("refuse", &article, &words), now)?;
        }
        Ok(put)
    })
    .await
}
