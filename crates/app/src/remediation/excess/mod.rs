//! 一证多号核对: persons of the base with as many numbers as the law lets one have, or more (R-LIM-3, L-LIM-2). Each is a case that is worked to an
//! outcome: at the counter the person says number by number which they keep, which they give up, and which are not theirs. Beyond the limit
//! somebody must choose; at it every number is verified again, one by one. What is not theirs leaves their name, is stopped as disputed, and ends
//! or is registered by whoever has it.

use std::collections::BTreeSet;

use chuangsha_kernel::{
    problem::{Problem, Refuse},
    role::Action,
    time::Timestamp,
};
use chuangsha_store::Tx;
use uuid::Uuid;

use super::{
    kind::{self, Finding, Kind},
    protected,
};
use crate::{
    App, figures,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result, refuse},
    },
    registration::{
        desk::words,
        ending,
        order::Product,
        reregistration,
        subscription::{self, Held, ServiceState},
        table as registration,
    },
    suspension,
};

pub mod http;
pub mod page;
pub mod table;

pub use table::{Case, DDL, State};

/// Why a number that is not its holder's is on record as that: the finding's reason.
pub const NOT_MINE: &str = "excess.not_mine";
/// Persons looked at in one slice of the search.
const SLICE: i64 = 500;

/// 本人意见: what the person said of one of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExcessSaid)]
pub enum Said {
    /// 保留
    Keep,
    /// 放弃: the service ends.
    GiveUp,
    /// 非本人: never theirs.
    NotMine,
}

impl Said {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Keep, Self::GiveUp, Self::NotMine];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::GiveUp => "give_up",
            Self::NotMine => "not_mine",
        }
    }

    /// From its stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|said| said.as_str() == text)
    }
}

/// Why a case is not settled like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such case, or none this person may see.
    #[error("there is no such case")]
    NotFound,
    /// It is settled.
    #[error("the case is settled")]
    Settled,
    /// A number without an answer, or an answer to a number that is not the person's.
    #[error("every number needs its answer, and only the person's own")]
    Incomplete,
    /// A field is not of its form.
    #[error("the field is not of its form")]
    FieldInvalid(&'static str),
    /// More kept than the law lets one have.
    #[error("{kept} kept, {limit} allowed")]
    TooMany {
        /// Kept.
        kept: usize,
        /// Allowed.
        limit: i64,
    },
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "excess.not_found", 404, "没有这条一证多号核对", "There is no such case of too many numbers",
            "请从列表中打开", "Open it from the list";
        SETTLED = "excess.settled", 409, "该核对已办结", "The case is settled",
            "请刷新页面查看结果", "Look at the page again to see how";
        INCOMPLETE = "excess.incomplete", 422, "每个号码都要有本人意见，且只能是本人名下的号码", "Every number needs its answer, and only the person's own numbers",
            "号码可能已有变动，请刷新后逐个选择", "The numbers may have changed; load the page again and choose for each";
        FIELD_INVALID = "excess.field_invalid", 422, "字段格式不对", "The field is not of its form",
            "请按接口说明填写该字段", "Fill the field as the interface describes it";
        TOO_MANY = "excess.too_many", 422, "选择保留 {kept} 个，最多 {limit} 个", "{kept} are to be kept, {limit} is the most",
            "请本人选出要保留的号码，其余放弃或声明非本人", "The person chooses which to keep; the others are given up or are not theirs";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::new(&code::NOT_FOUND),
            Self::Settled => Problem::new(&code::SETTLED),
            Self::Incomplete => Problem::new(&code::INCOMPLETE),
            Self::FieldInvalid(field) => Problem::new(&code::FIELD_INVALID).field(*field),
            Self::TooMany { kept, limit } => Problem::new(&code::TOO_MANY).with("kept", kept).with("limit", limit),
        }
    }
}

/// Whether what a person said settles their case: each number answered once, and no more kept than `limit`.
///
/// # Errors
/// [`Refusal::Settled`], [`Refusal::Incomplete`], [`Refusal::TooMany`]
pub fn settle(state: State, numbers: &[Uuid], said: &[(Uuid, Said)], limit: i64) -> Result<(), Refusal> {
    if state != State::Open {
        return Err(Refusal::Settled);
    }
    let (wanted, answered): (BTreeSet<_>, BTreeSet<_>) = (numbers.iter().collect(), said.iter().map(|(number, _)| number).collect());
    if wanted != answered || said.len() != numbers.len() {
        return Err(Refusal::Incomplete);
    }
    let kept = said.iter().filter(|(_, said)| *said == Said::Keep).count();
    if i64::try_from(kept).unwrap_or(i64::MAX) > limit {
        return Err(Refusal::TooMany { kept, limit });
    }
    Ok(())
}

/// From how many numbers on a person is looked at: the law's count for mobile numbers (L-LIM-2), one beyond the limit for all else.
fn looked_at_from(app: &App, class: &str, region: &str, now: Timestamp) -> Result<i64> {
    let most = limit(app, class, region, now)?;
    if class != Product::Voice.quota_class() {
        return Ok(most + 1);
    }
    Ok(app.number_rule("limit.reverify_from", now, region)?.value.min(most + 1))
}

/// Whether a person is to be asked. Beyond the limit always; at it only where a number was never verified by an order here, and not again for
/// numbers they were asked about already.
pub fn is_wanted(numbers: i64, limit: i64, from: i64, unverified: bool, asked: bool) -> bool {
    numbers > limit || (numbers >= from && unverified && !asked)
}

fn limit(app: &App, class: &str, region: &str, now: Timestamp) -> Result<i64> {
    let product = Product::ALL.into_iter().find(|product| product.quota_class() == class).unwrap_or(Product::Voice);
    Ok(app.number_rule(product.limit_rule(), now, region)?.value)
}

/// 查找: looks through the whole base and opens a case for every person who is to be asked and has none open. Says how many are new. One leased
/// job calls it, slice by slice; nothing is written where nothing is found.
///
/// # Errors
/// The record fails.
pub async fn find(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let (mut after, mut opened) = ((vec![0; 16], String::new()), 0);
    loop {
        // The strictest national limit finds them; a province may be stricter still, which shows when the case is opened.
        let least = Product::ALL.into_iter().map(|one| looked_at_from(app, one.quota_class(), "", now)).collect::<Result<Vec<_>>>()?;
        let least = least.into_iter().min().unwrap_or(5) - 1;
        let (operator, from) = (app.config.operator.code.clone(), after.clone());
        let slice = app.read(move |tx| table::beyond(tx, &operator, &from, least, SLICE)).await?;
        let Some(last) = slice.last() else { return Ok(opened) };
        after = (last.person_key.to_vec(), last.class.clone());
        // Most were asked already: they are weighed without a place among the writers.
        let reader = app.clone();
        let wanted = app
            .read(move |tx| {
                let mut wanted = Vec::new();
                for beyond in &slice {
                    if weighed(&reader, tx, beyond, now)?.is_some() {
                        wanted.push(beyond.clone());
                    }
                }
                Ok(wanted)
            })
            .await?;
        if !wanted.is_empty() {
            let writer = app.clone();
            opened += app.write(move |tx| wanted.iter().map(|beyond| open(&writer, tx, beyond, now)).sum::<Result<usize>>()).await?;
        }
    }
}

/// The numbers of a person who is to be asked, with the limit where they live: the city of the number held longest.
fn weighed(app: &App, tx: &mut Tx, beyond: &table::Beyond, now: Timestamp) -> Result<Option<(Vec<Held>, i64)>> {
    let held = held(tx, &beyond.person_key, &beyond.class)?;
    let Some(oldest) = held.first() else { return Ok(None) };
    if table::is_open(tx, &beyond.person_key, &beyond.class)? {
        return Ok(None);
    }
    let (limit, from) = (limit(app, &beyond.class, &oldest.region, now)?, looked_at_from(app, &beyond.class, &oldest.region, now)?);
    let numbers = i64::try_from(held.len()).unwrap_or(0);
    let newest = held.iter().map(|one| one.since).max().unwrap_or(now);
    let asked = table::settled_since(tx, &beyond.person_key, &beyond.class, newest)?;
    let mut unverified = false;
    if numbers <= limit && numbers >= from && !asked {
        for one in &held {
            unverified |= !reregistration::was_verified(tx, one.id)?;
        }
    }
    Ok(is_wanted(numbers, limit, from, unverified, asked).then_some((held, limit)))
}

fn open(app: &App, tx: &mut Tx, beyond: &table::Beyond, now: Timestamp) -> Result<usize> {
    let Some((held, limit)) = weighed(app, tx, beyond, now)? else { return Ok(0) };
    let Some(oldest) = held.first() else { return Ok(0) };
    let case = Case {
        id: app.ids.next(now),
        person_key: beyond.person_key,
        class: beyond.class.clone(),
        region: oldest.region.clone(),
        numbers: i64::try_from(held.len()).unwrap_or(0),
        most: limit,
        state: State::Open,
        kept: 0,
        given_up: 0,
        not_mine: 0,
        found_at: now,
        settled_at: None,
        version: 1,
    };
    table::insert(tx, &case)?;
    let facts = serde_json::json!({ "numbers": case.numbers, "limit": limit, "class": case.class }).to_string();
    record(app, tx, By::System("excess"), &case, "excess.find", "open", "", &facts, oldest, now)?;
    Ok(1)
}

/// Numbers of a person in service that one quota counts, the longest held first.
fn held(tx: &mut Tx, person_key: &[u8; 16], class: &str) -> Result<Vec<Held>> {
    let counts = |held: &Held| held.state == ServiceState::InService && held.slot.is_some() && held.product.quota_class() == class;
    Ok(subscription::of_person(tx, person_key)?.into_iter().filter(counts).collect())
}

#[allow(clippy::too_many_arguments, reason = "one line per field of the entry")]
fn record(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    case: &Case,
    action: &str,
    step: &str,
    why: &str,
    facts: &str,
    of: &Held,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry {
        action,
        case_kind: "excess",
        case: Some(case.id),
        step,
        why,
        article: "R-LIM-3",
        pack: &app.rules.version,
        facts,
        subject: of.subject,
    };
    app.audit(tx, by, &entry, now).map(drop)
}

/// 办结: what the person said at the counter, carried out at once: numbers given up end, numbers that are not theirs leave their name and their
/// quota and are found to be somebody else's.
///
/// # Errors
/// [`Refusal`]; the right to work such cases.
pub async fn decide(app: &App, actor: &Actor, id: Uuid, said: Vec<(Uuid, Said)>, why: String) -> Result<Case> {
    let (why, now) = (words(why)?, app.clock.now());
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let case = seen(&app, tx, &actor, id)?;
            let numbers = held(tx, &case.person_key, &case.class)?;
            let ids: Vec<Uuid> = numbers.iter().map(|held| held.id).collect();
            let limit = limit(&app, &case.class, &case.region, now)?;
            settle(case.state, &ids, &said, limit).map_err(refuse)?;
            let count = |wanted: Said| i64::try_from(said.iter().filter(|(_, said)| *said == wanted).count()).unwrap_or(0);
            let settled = Case {
                state: State::Settled,
                kept: count(Said::Keep),
                given_up: count(Said::GiveUp),
                not_mine: count(Said::NotMine),
                settled_at: Some(now),
                version: case.version + 1,
                ..case.clone()
            };
            table::advance(tx, &case, &settled)?;
            for held in &numbers {
                match said.iter().find(|(number, _)| *number == held.id).map(|(_, said)| *said) {
                    Some(Said::NotMine) => detach(&app, tx, By::Actor(&actor), &case, held, now)?,
                    Some(Said::GiveUp) => {
                        suspension::ended(&app, tx, By::Actor(&actor), held.id, now)?;
                        ending::end_line(&app, tx, By::Actor(&actor), held, ending::Rest::Counted, &why, now)?;
                        suspension::line::close(&app, tx, held, now)?;
                    }
                    _ => {}
                }
            }
            let answers: Vec<_> = said.iter().map(|(number, said)| serde_json::json!({ "subscription": number, "said": said })).collect();
            let facts = serde_json::json!({ "limit": limit, "kept": settled.kept, "numbers": answers }).to_string();
            let first = numbers.first().ok_or_else(|| refuse(Refusal::Incomplete))?;
            record(&app, tx, By::Actor(&actor), &settled, "excess.settle", "open>settled", &why, &facts, first, now)?;
            Ok(settled)
        })
        .await
}

/// 解除关联: a number that was never theirs leaves its holder's name and quota (L-LIM-4), is found to be somebody else's, and is stopped outgoing as
/// disputed, so that it is not used any longer in the name of somebody who denies it. Whoever has it is told why and where it is mended: they
/// register it under their own name, which restores it, or it is ended from the page of its stop. A line on the protected list is not stopped.
fn detach(app: &App, tx: &mut Tx, by: By<'_>, case: &Case, held: &Held, now: Timestamp) -> Result<()> {
    if !protected::is_on(tx, held.id)? {
        let ground = suspension::Ground::Dispute;
        let stop = suspension::Stop {
            subscription: held.id,
            ground,
            level: suspension::Level::StoppedOut,
            article: ground.article(),
            notice: suspension::Notice::standard(app, ground),
            case: Some(case.id),
            until: None,
        };
        suspension::stop(app, tx, by, &stop, now)?;
    }
    registration::detach(tx, held.id)?;
    if held.real_name {
        let cell = figures::Cell { day: now.day(), region: held.region.clone(), channel_kind: held.channel_kind };
        figures::add(tx, app.ids.next(now), &cell, figures::Metric::BaseRealName, -1)?;
    }
    let finding = Finding {
        subscription: held.id,
        kind: Kind::HolderDiffers,
        reason: NOT_MINE.to_owned(),
        found_at: now,
        closed_at: None,
        region: held.region.clone(),
        channel_kind: held.channel_kind,
        batch: None,
    };
    kind::open(tx, &finding).map(drop)
}

/// The case, when this person may see it; else as if it were not there.
fn seen(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<Case> {
    let case = table::find(tx, id)?.ok_or_else(|| refuse(Refusal::NotFound))?;
    let place = app.resource(actor.organisation, &case.region, None);
    actor.require(app, Action::ExcessWork, &place).map_err(|failure| match failure {
        Failure::Problem(problem) if problem.code.status == 403 => refuse(Refusal::NotFound),
        other => other,
    })?;
    Ok(case)
}

/// One case with the person's numbers, masked.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Case.
    pub case: Case,
    /// Subscription, masked number, and what is known of it.
    pub numbers: Vec<(Held, String)>,
    /// How many may be kept today.
    pub limit: i64,
}

/// One case.
///
/// # Errors
/// [`Refusal::NotFound`]
pub async fn show(app: &App, actor: &Actor, id: Uuid) -> Result<Shown> {
    let (app, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    let store = app.clone();
    store
        .read(move |tx| {
            let case = seen(&app, tx, &actor, id)?;
            let held = if case.state == State::Open { held(tx, &case.person_key, &case.class)? } else { Vec::new() };
            let mut numbers = Vec::new();
            for held in held {
                let digits = app.open_pool_number(tx, held.number_id, &held.number_sealed)?;
                numbers.push((held, chuangsha_kernel::mask::phone(&digits)));
            }
            Ok(Shown { limit: limit(&app, &case.class, &case.region, now)?, case, numbers })
        })
        .await
}

/// Cases this person may see, the oldest first; how many there are, when asked for.
///
/// # Errors
/// The right to work such cases.
pub async fn list(app: &App, actor: &Actor, filter: table::Filter, count: bool) -> Result<(Vec<Case>, Option<i64>)> {
    let region = app.visible_region(actor, Action::ExcessWork, &filter.region)?;
    let filter = table::Filter { region, ..filter };
    app.read(move |tx| {
        let total = if count { Some(table::count(tx, &filter)?) } else { None };
        Ok((table::list(tx, &filter)?, total))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_settled_when_every_number_has_its_answer_and_no_more_are_kept_than_allowed() {
        let numbers: Vec<Uuid> = (1..=7).map(Uuid::from_u128).collect();
        let said = |answers: [Said; 7]| numbers.iter().copied().zip(answers).collect::<Vec<_>>();
        use Said::{GiveUp, Keep, NotMine};
        let good = said([Keep, Keep, Keep, Keep, Keep, GiveUp, NotMine]);
        assert_eq!(settle(State::Open, &numbers, &good, 5), Ok(()));
        assert_eq!(settle(State::Settled, &numbers, &good, 5), Err(Refusal::Settled));
        assert_eq!(settle(State::Open, &numbers, &good, 4), Err(Refusal::TooMany { kept: 5, limit: 4 }));
        assert_eq!(settle(State::Open, &numbers, &good[..6], 5), Err(Refusal::Incomplete), "one without an answer");
        let twice: Vec<_> = good.iter().copied().chain([(numbers[0], GiveUp)]).collect();
        assert_eq!(settle(State::Open, &numbers, &twice, 5), Err(Refusal::Incomplete), "two answers to one");
        let mut foreign = good.clone();
        foreign[6].0 = Uuid::from_u128(99);
        assert_eq!(settle(State::Open, &numbers, &foreign, 5), Err(Refusal::Incomplete), "somebody else's number");
        assert_eq!(settle(State::Open, &numbers, &said([NotMine; 7]), 5), Ok(()), "none of them theirs");
    }

    #[test]
    fn exactly_five_are_verified_one_by_one_and_asked_once() {
        // Numbers, verified all by orders here, asked already: wanted or not.
        let rows = [
            (4, true, false, false),
            (5, true, false, true),
            (5, false, false, false),
            (5, true, true, false),
            (6, false, true, true),
            (6, true, false, true),
        ];
        for (numbers, unverified, asked, wanted) in rows {
            assert_eq!(is_wanted(numbers, 5, 5, unverified, asked), wanted, "{numbers} {unverified} {asked}");
        }
        assert!(!is_wanted(10, 10, 11, true, false), "cards for things have a limit and no second look at it");
    }
}
