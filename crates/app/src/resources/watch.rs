//! 台账监测: what real traffic, the calendar and silence say about a line (L-LED-6, L-LED-7, L-LED-8).

use chuangsha_kernel::{role::Action, time::Timestamp};
use chuangsha_store::Tx;
use uuid::Uuid;

use super::{Defect, Filter, Paper, Refusal, Step, table};
use crate::platform::listed::listed;
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{
            By, Entry,
            query::{self, Seen},
        },
        failure::{Result, refuse},
    },
};

listed! {
    /// 监测: what the ledger may be narrowed to.
    Watch {
        Expiring = 1, "expiring", "材料将到期", "Papers run out";
        Idle = 2, "idle", "闲置", "Idle";
        Blacklisted = 3, "blacklisted", "主体在不良名单", "Subject on the black list";
    }
}

listed! {
    /// 线索: what real traffic or the calendar shows, as it stands in front of a finding's evidence.
    Sign {
        SubLease = 1, "sub_lease", "疑似转租：通话主体与签约主体不符", "Looks sub-let: calls are not the subject's";
        PurposeChange = 2, "purpose_change", "疑似擅自变更用途", "Looks used for another purpose";
        ForeignCaller = 3, "foreign_caller", "显示登记范围外的主叫", "Shows callers outside its set";
        BeyondLimit = 4, "beyond_limit", "超出协议呼叫频次", "Calls beyond the contract";
        PaperExpired = 5, "paper_expired", "资质材料已过期", "A paper has run out";
    }
}

impl Sign {
    /// The sign in front of an evidence, and what follows it: `sub_lease:0190…` → the sign and `0190…`.
    pub fn read(evidence: &str) -> Option<(Self, &str)> {
        let (head, rest) = evidence.split_once(':').unwrap_or((evidence, ""));
        Self::parse(head).map(|sign| (sign, rest))
    }
}

/// The moments that part what is watched from what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// No call since: idle (L-LED-7).
    pub silent_since: Timestamp,
    /// A paper's last day begins before: runs out soon (L-LED-6).
    pub papers_before: Timestamp,
}

impl Bounds {
    /// By the rules of the day.
    ///
    /// # Errors
    /// A rule is missing from the packs.
    pub fn of(app: &App, now: Timestamp) -> Result<Self> {
        Ok(Self {
            silent_since: now.plus_ms(-app.clock_rule("ledger.idle", now)?.value),
            papers_before: now.plus_ms(app.clock_rule("ledger.paper_notice", now)?.value),
        })
    }
}

/// 问题线索 of one line. Only ever added to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// When.
    pub at: Timestamp,
    /// Which defect.
    pub defect: Defect,
    /// Staff number of who found it, or the part of the system that did.
    pub by: String,
    /// What shows it: words, or a [`Sign`] with what it rests on.
    pub evidence: String,
    /// Until when it was to be corrected.
    pub correct_by: Timestamp,
}

/// 不良名单变更: a subject put on the black list or taken off. The audit log alone keeps it: it is nothing of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blacklisting {
    /// When.
    pub at: Timestamp,
    /// Put on the list, or taken off.
    pub listed: bool,
    /// Staff number.
    pub by: String,
    /// Why, in words.
    pub why: String,
}

impl Blacklisting {
    /// Name in the log of what puts on the list.
    pub(super) const ON: &'static str = "ledger.blacklist";
    /// Name in the log of what takes off it.
    pub(super) const OFF: &'static str = "ledger.unlist";

    fn read(seen: Seen) -> Option<Self> {
        let listed = match seen.action.as_str() {
            Self::ON => true,
            Self::OFF => false,
            _ => return None,
        };
        Some(Self { at: Timestamp(seen.at_ms), listed, by: seen.number, why: seen.why })
    }
}

/// What is known of a line besides its terms.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Findings, newest first.
    pub found: Vec<Found>,
    /// Last check in a sweep.
    pub checked_at: Option<Timestamp>,
    /// Last call seen.
    pub called_at: Option<Timestamp>,
    /// When its subject was put on the black list and taken off, newest first.
    pub blacklistings: Vec<Blacklisting>,
}

/// 线索: real traffic contradicts the ledger (sub-lease, another purpose, callers outside the set). `evidence` is a [`Sign`]'s name, with `:` and
/// the evidence id of a verdict where there is one. The line is to be corrected by the deadline. Whether this is news: a defect that stands
/// already, or a line that is out of service, is none.
///
/// # Errors
/// No such line.
pub fn report_finding(app: &App, tx: &mut Tx, resource: Uuid, defect: Defect, evidence: &str, now: Timestamp) -> Result<bool> {
    find_by(app, tx, By::System("screening"), resource, defect, evidence, "L-LED-8", now)
}

#[allow(clippy::too_many_arguments, reason = "one line per thing a finding says")]
fn find_by(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    resource: Uuid,
    defect: Defect,
    evidence: &str,
    article: &str,
    now: Timestamp,
) -> Result<bool> {
    let old = table::find(tx, resource)?.ok_or_else(|| refuse(Refusal::NotFound))?;
    if !old.in_service() || old.defects.contains(&defect) {
        return Ok(false);
    }
    let step = Step::Find { defect, correct_by: super::deadline(app, now)? };
    super::carry(app, tx, by, &old, &step, evidence, article, now)?;
    Ok(true)
}

/// 话务: calls passed a line, the last of them at `last`. Said in bulk, once in a while: it is only asked how long a line has been silent.
///
/// # Errors
/// The record failed.
pub fn saw_calls(tx: &mut Tx, resource: Uuid, calls: i64, last: Timestamp) -> Result<()> {
    table::saw_calls(tx, resource, calls, last)
}

/// What is known of a line besides its terms.
///
/// # Errors
/// No such line, or not this person's to see.
pub async fn about(app: &App, actor: &Actor, id: Uuid) -> Result<About> {
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .read(move |tx| {
            let line = super::seen(&app, tx, &actor, id)?;
            let of_subject = query::of_case(&app, tx, line.subject)?;
            Ok(About {
                found: table::findings(tx, id)?,
                checked_at: super::sweep::table::last_check(tx, id)?,
                called_at: table::last_call(tx, id)?,
                blacklistings: of_subject.into_iter().rev().filter_map(Blacklisting::read).collect(),
            })
        })
        .await
}

/// How many lines in a city (or everywhere this person sees) are watched so.
///
/// # Errors
/// The person may not see the ledger.
pub async fn count(app: &App, actor: &Actor, watch: Watch, city: &str) -> Result<i64> {
    let filter = Filter { watch: Some(watch), region: city.to_owned(), limit: 1, ..Filter::default() };
    Ok(super::list(app, actor, filter).await?.1)
}

/// 登记材料: a document shown anew takes the place of the one that stands (L-LED-6).
///
/// # Errors
/// The right to vet; what [`Paper::complete`] refuses; no such line.
pub async fn renew(app: &App, actor: &Actor, id: Uuid, paper: Paper) -> Result<()> {
    let now = app.clock.now();
    let paper = Paper { reference: paper.reference.trim().to_owned(), ..paper };
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            let line = super::seen(&app, tx, &actor, id)?;
            actor.require(&app, Action::LedgerManage, &super::place(&app, &actor, &line))?;
            paper.complete(app.rules.provinces()).map_err(refuse)?;
            let mut subject = table::subject(tx, line.subject)?.ok_or_else(|| refuse(Refusal::NotFound))?;
            subject.papers.retain(|one| one.document != paper.document);
            subject.papers.push(paper.clone());
            subject.papers.sort_by_key(|one| one.document);
            table::put_subject(tx, &subject, now)?;
            let until = paper.valid_until.map(|day| day.to_string());
            let facts = serde_json::json!({ "document": paper.document, "valid_until": until, "in_scope": paper.in_scope }).to_string();
            let entry = Entry {
                action: "ledger.paper",
                case_kind: "ledger",
                case: Some(id),
                article: "L-LED-6",
                pack: &app.rules.version,
                facts: &facts,
                ..Entry::default()
            };
            app.audit(tx, By::Actor(&actor), &entry, now).map(drop)
        })
        .await
}

/// 值守: shuts down what was not corrected in time, and finds the lines whose papers have run out. Says how many.
///
/// # Errors
/// The record failed.
pub async fn turn(app: &App) -> Result<usize> {
    let now = app.clock.now();
    app.write(move |tx| table::undated(tx, 500)?.iter().try_for_each(|subject| table::put_subject(tx, subject, now))).await?;
    Ok(super::shut_overdue(app).await? + note_expired(app).await?)
}

/// 资质过期: a line in service whose subject no longer qualifies is a finding like any other, with its deadline (R-LED-7).
///
/// # Errors
/// The record failed.
pub async fn note_expired(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let (mut after, mut noted) = (String::new(), 0);
    loop {
        let from = after.clone();
        let lines = app.read(move |tx| table::expired(tx, Timestamp::start_of(now.day()), &from, 200)).await?;
        for (id, code) in &lines {
            let (app, id) = (app.clone(), *id);
            let store = app.clone();
            let found = store
                .write(move |tx| {
                    let Some(line) = table::find(tx, id)? else { return Ok(false) };
                    let subject = table::subject(tx, line.subject)?.ok_or_else(|| refuse(Refusal::NotFound))?;
                    match subject.qualifies(&line, now.day()) {
                        Err(Refusal::PaperMissing(document)) => {
                            let evidence = format!("{}:{}", Sign::PaperExpired.as_str(), document.as_str());
                            find_by(&app, tx, By::System("ledger"), id, Defect::NoQualification, &evidence, "R-LED-7", now)
                        }
                        _ => Ok(false),
                    }
                })
                .await?;
            noted += usize::from(found);
            after.clone_from(code);
        }
        if lines.len() < 200 {
            return Ok(noted);
        }
    }
}
