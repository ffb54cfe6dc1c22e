//! 快照版本: made of ledger, lists and modes as they stand, kept with what changed, put in force, rolled back. Each node follows what is in force by
//! itself; one that cannot reach the store goes on with what it has, and starts with the file it kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chuangsha_kernel::{id::StaffId, problem::Problem, role, time::Timestamp};
use chuangsha_screen::{
    Number, Rule,
    index::{Index, IndexError},
    lists::Marks,
    rules::RulesError,
};
use chuangsha_store::{Tx, params};
use jiff::civil::Date;
use uuid::Uuid;

use super::{
    act,
    base::{self, Base, PART, blocking},
    change::{self, Side},
    code,
    compile::{self, Content, Counts},
    draft::{Draft, Finished},
    kept,
    table::{self, place},
};
pub use super::{
    base::prune,
    change::{Changes, ListChange, mode_name, mode_of},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

/// Versions whose content is kept for a roll-back.
pub const KEPT: i64 = 20;
/// Bases kept for them: a version on an older one is listed and can no longer be put in force.
const BASES: i64 = 3;
/// Times a version is made anew because another one came between.
const TRIES: usize = 5;

/// A version as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct VersionView {
    /// Version.
    pub version: i64,
    /// When it was made, RFC 3339.
    pub made: String,
    /// 工号 of whoever asked for it; absent where it followed a change by itself.
    pub by: Option<String>,
    /// Why, in words.
    pub words: String,
    /// SHA-256 over its content.
    pub hash: String,
    /// How much it holds.
    pub counts: Counts,
    /// What changed against the version it was made from.
    pub changes: Changes,
    /// In force.
    pub active: bool,
    /// It can be put in force: its content is still kept.
    pub kept: bool,
}

/// 快照总览
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct SnapshotsView {
    /// In force for all nodes; 0 = none yet.
    pub active: i64,
    /// In force on the node that answers.
    pub here: i64,
    /// 锁定: changes do not come into force by themselves; so after a roll-back.
    pub held: bool,
    /// Ledger or lists changed since the newest version was made.
    pub pending: bool,
    /// Versions, newest first.
    pub versions: Vec<VersionView>,
}

/// A version as the store has it.
pub(super) struct Stored {
    pub(super) version: i64,
    pub(super) content: Content,
    pub(super) base: i64,
    base_hash: String,
    /// What stands beside the base.
    pub(super) delta: Index,
    /// Of ledger and settings.
    pub(super) fingerprint: String,
    /// Revision of the lists it contains.
    pub(super) through: i64,
    /// Until when beginnings and ends are in it.
    pub(super) seen_at: Timestamp,
    next_change: i64,
    counts: Counts,
    /// Codes of lines that went in closed.
    pub(super) refused: Vec<String>,
}

impl Stored {
    /// Where there was none yet, or none that can be read any more: every change is newer.
    pub(super) fn nothing(version: i64) -> Self {
        Self {
            version,
            content: Content::default(),
            base: 0,
            base_hash: String::new(),
            delta: Index::default(),
            fingerprint: String::new(),
            through: -1,
            seen_at: Timestamp(0),
            next_change: i64::MAX,
            counts: Counts::default(),
            refused: Vec::new(),
        }
    }
}

/// The newest version there is.
pub(super) fn newest(tx: &mut Tx) -> Result<Option<i64>> {
    Ok(tx.query_one("SELECT MAX(version) FROM screen_snapshot", &[])?.opt_int(0)?)
}

/// A version; none once its content is no longer kept.
pub(super) fn fetch(app: &App, tx: &mut Tx, version: i64) -> Result<Option<Stored>> {
    let sql = "SELECT s.hash, s.parts, s.kept, s.base, b.hash, s.revision, s.through, s.seen_at, s.next_change, s.counts, s.changes \
               FROM screen_snapshot s LEFT JOIN screen_base b ON b.base = s.base WHERE s.version = $1";
    let Some(row) = tx.query_opt(sql, &params![version])?.filter(|row| row.flag(2).unwrap_or(false)) else { return Ok(None) };
    let key = table::snapshot_key(app, tx)?;
    let parts = tx.query("SELECT sealed FROM screen_part WHERE version = $1 ORDER BY part", &params![version])?;
    let damaged = || Failure::internal("a snapshot in the store is not whole");
    if parts.len() as i64 != row.int(1)? {
        return Err(damaged());
    }
    let mut whole = Vec::new();
    for part in &parts {
        whole.extend_from_slice(&key.open(place::PART, part.slice(0)?)?);
    }
    let (length, rest) = whole.split_first_chunk::<8>().ok_or_else(damaged)?;
    let (head, delta) = rest.split_at_checked(u64::from_be_bytes(*length) as usize).ok_or_else(damaged)?;
    let base_hash = row.opt_text(4)?.unwrap_or_default();
    if compile::hash(head, delta, &base_hash) != row.str(0)? {
        return Err(damaged());
    }
    let changes: Changes = serde_json::from_str(row.str(10)?).map_err(Failure::internal)?;
    let delta = match Index::from_bytes(delta.to_vec()).and_then(Index::settle) {
        Ok(delta) => delta,
        // Of a program before this one: it is listed, and no longer kept.
        Err(IndexError::Foreign) => return Ok(None),
        Err(other) => return Err(Failure::internal(other)),
    };
    Ok(Some(Stored {
        version,
        content: serde_json::from_slice(head).map_err(Failure::internal)?,
        base: row.int(3)?,
        base_hash,
        delta,
        fingerprint: row.text(5)?,
        through: row.int(6)?,
        seen_at: row.timestamp(7)?,
        next_change: row.int(8)?,
        counts: serde_json::from_str(row.str(9)?).map_err(Failure::internal)?,
        refused: changes.refused,
    }))
}

/// Writes a version; the same content as the newest one adds nothing.
fn insert(app: &App, tx: &mut Tx, made: &Finished, by: Option<StaffId>, words: &str, now: Timestamp) -> Result<i64> {
    let newest = tx.query_opt("SELECT version, hash FROM screen_snapshot ORDER BY version DESC LIMIT 1", &[])?;
    let mut version = 1;
    if let Some(newest) = &newest {
        let last = newest.int(0)?;
        if newest.str(1)? == made.hash {
            tx.push_one(
                "UPDATE screen_snapshot SET revision = $2, next_change = $3, through = $4, seen_at = $5 WHERE version = $1",
                &params![last, &made.fingerprint, made.next_change, made.through, made.seen_at],
            )?;
            return Ok(last);
        }
        version = last + 1;
    }
    let mut whole = (made.head.len() as u64).to_be_bytes().to_vec();
    whole.extend_from_slice(&made.head);
    whole.extend_from_slice(&made.delta);
    let key = table::snapshot_key(app, tx)?;
    let mut parts = 0_i64;
    for part in whole.chunks(PART) {
        let sealed = key.seal(place::PART, part)?;
        tx.push_one("INSERT INTO screen_part (version, part, sealed) VALUES ($1, $2, $3)", &params![version, parts, &sealed])?;
        parts += 1;
    }
    let counts = serde_json::to_string(&made.counts).map_err(Failure::internal)?;
    let changed = serde_json::to_string(&made.changes).map_err(Failure::internal)?;
    tx.push_one(
        "INSERT INTO screen_snapshot (version, made_at, made_by, words, hash, counts, changes, revision, next_change, parts, kept, base, \
         through, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12, $13)",
        &params![
            version,
            now,
            by.as_ref().map(StaffId::as_bytes),
            words,
            &made.hash,
            &counts,
            &changed,
            &made.fingerprint,
            made.next_change,
            parts,
            made.base,
            made.through,
            made.seen_at
        ],
    )?;
    // Old contents go; what is in force stays, however old.
    let bases =
        tx.query("SELECT DISTINCT base FROM screen_snapshot WHERE kept = 1 AND base > 0 ORDER BY base DESC LIMIT $1", &params![BASES])?;
    let oldest_base = bases.last().map_or(Ok(0), |row| row.int(0))?;
    let out = "kept = 1 AND (version <= $1 OR (base > 0 AND base < $2)) AND version NOT IN (SELECT version FROM screen_active)";
    let bounds = params![version - KEPT, oldest_base];
    tx.push(&format!("DELETE FROM screen_part WHERE version IN (SELECT version FROM screen_snapshot WHERE {out})"), &bounds)?;
    tx.push(&format!("UPDATE screen_snapshot SET kept = 0 WHERE {out}"), &bounds)?;
    Ok(version)
}

fn active(tx: &mut Tx) -> Result<Option<(i64, bool)>> {
    let row = tx.query_opt("SELECT version, held FROM screen_active WHERE one = 1", &[])?;
    row.map(|row| Ok((row.int(0)?, row.flag(1)?))).transpose()
}

fn put_active(tx: &mut Tx, version: i64, held: bool, now: Timestamp) -> Result<()> {
    tx.push_one(
        "INSERT INTO screen_active (one, version, held, at) VALUES (1, $1, $2, $3) \
         ON CONFLICT (one) DO UPDATE SET version = excluded.version, held = excluded.held, at = excluded.at",
        &params![version, held, now],
    )?;
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "one line per field of the entry")]
fn record(
    app: &App,
    tx: &mut Tx,
    by: By<'_>,
    action: &str,
    step: &str,
    why: &str,
    facts: &serde_json::Value,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry {
        action,
        case_kind: "screen_snapshot",
        step,
        why,
        article: "R-SCR-3",
        pack: &app.rules.version,
        facts: &facts.to_string(),
        ..Entry::default()
    };
    app.audit(tx, by, &entry, now).map(drop)
}

/// Writes a draft as a version, in one transaction with what `also` does; none where another version came between, or the base went.
async fn commit(
    app: &App,
    made: Finished,
    by: Option<StaffId>,
    words: &str,
    also: impl Fn(&mut Tx, i64) -> Result<()> + Send + 'static,
) -> Result<Option<i64>> {
    let (writer, words, now) = (app.clone(), words.to_owned(), app.clock.now());
    app.write(move |tx| {
        if newest(tx)?.unwrap_or(0) != made.from || !base::is_whole(tx, made.base)? {
            return Ok(None);
        }
        let version = insert(&writer, tx, &made, by, &words, now)?;
        also(tx, version)?;
        Ok(Some(version))
    })
    .await
}

/// A version of ledger and lists as they stand.
async fn compiled(app: &App, now: Timestamp) -> Result<Finished> {
    let mut draft = Draft::make(app, now).await?;
    draft.settle(app).await?;
    blocking(move || draft.finish()).await
}

fn overtaken() -> Failure {
    Failure::internal("other versions were made again and again while this one was")
}

/// 编译: a version of ledger and lists as they stand; put in force with `activate`. Costs what changed since the newest one.
///
/// # Errors
/// `screening.field_invalid`, `people.denied`
pub async fn make(app: &App, actor: &Actor, words: String, activate: bool) -> Result<i64> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let words = act::reason(&words)?;
    for _ in 0..TRIES {
        let now = app.clock.now();
        let made = compiled(app, now).await?;
        let (writer, actor, why, counts) = (app.clone(), actor.clone(), words.trim().to_owned(), made.counts);
        let by = Some(actor.staff);
        let done = commit(app, made, by, words.trim(), move |tx, version| {
            actor.reach(&writer, role::Action::ScreeningManage)?;
            let step = format!("v{version}");
            let facts = serde_json::json!({ "version": version, "activated": activate, "counts": counts });
            record(&writer, tx, By::Actor(&actor), "screening.snapshot", &step, &why, &facts, now)?;
            if activate { put_active(tx, version, false, now) } else { Ok(()) }
        });
        if let Some(version) = done.await? {
            follow(app).await?;
            return Ok(version);
        }
    }
    Err(overtaken())
}

/// 启用 or 回退: puts a version in force on every node. One older than the newest holds: changes wait until a version is made and put in force again.
///
/// # Errors
/// `screening.field_invalid`, `screening.not_found`, `screening.not_kept`, `people.denied`
pub async fn activate(app: &App, actor: &Actor, version: i64, words: &str) -> Result<()> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let (now, words) = (app.clock.now(), act::reason(words)?);
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let row = tx.query_opt("SELECT kept FROM screen_snapshot WHERE version = $1", &params![version])?;
        let row = row.ok_or_else(|| Failure::from(Problem::new(&code::NOT_FOUND)))?;
        if !row.flag(0)? {
            return Err(Problem::new(&code::NOT_KEPT).with("version", version).into());
        }
        let newest = newest(tx)?.unwrap_or(version);
        let before = active(tx)?.map_or(0, |(version, _)| version);
        put_active(tx, version, version < newest, now)?;
        let action = if version < before { "screening.roll_back" } else { "screening.activate" };
        let step = format!("v{before}>v{version}");
        record(&writer, tx, By::Actor(&actor), action, &step, &words, &serde_json::json!({ "held": version < newest }), now)
    })
    .await?;
    follow(app).await.map(drop)
}

/// Makes and puts in force what changed by itself: a line shut down, an entry begun or ended, a file of them. One leased job calls it. Says whether it did.
///
/// # Errors
/// The record failed.
pub async fn keep_up(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let due = app
        .read(move |tx| {
            if active(tx)?.is_some_and(|(_, held)| held) {
                return Ok(false);
            }
            let (fingerprint, through) = compile::fingerprint(tx)?;
            let newest = tx.query_opt("SELECT revision, next_change, through FROM screen_snapshot ORDER BY version DESC LIMIT 1", &[])?;
            Ok(match newest {
                Some(newest) => newest.str(0)? != fingerprint || newest.int(1)? <= now.0 || newest.int(2)? != through,
                None => true,
            })
        })
        .await?;
    if !due {
        return Ok(0);
    }
    let made = compiled(app, now).await?;
    let (writer, counts, refused) = (app.clone(), made.counts, made.changes.refused.clone());
    // Where another version came between, the next turn makes this one anew.
    commit(app, made, None, "", move |tx, version| {
        let before = active(tx)?;
        // Rolled back in the meantime: what was made waits with the rest.
        if before.is_some_and(|(active, held)| held || active == version) {
            return Ok(());
        }
        put_active(tx, version, false, now)?;
        let step = format!("v{}>v{version}", before.map_or(0, |(version, _)| version));
        let facts = serde_json::json!({ "version": version, "counts": counts, "refused": refused });
        record(&writer, tx, By::System("screening"), "screening.activate", &step, "", &facts, now)
    })
    .await?;
    Ok(0)
}

/// Versions, newest first, and which is in force.
///
/// # Errors
/// `people.denied`
pub async fn versions(app: &App, actor: &Actor) -> Result<SnapshotsView> {
    actor.reach(app, role::Action::ScreeningView)?;
    let reader = app.clone();
    app.read(move |tx| {
        let (active, held) = active(tx)?.unwrap_or((0, false));
        let (fingerprint, through) = compile::fingerprint(tx)?;
        let rows = tx.query(
            "SELECT version, made_at, made_by, words, hash, counts, changes, kept, revision, through \
             FROM screen_snapshot ORDER BY version DESC LIMIT 100",
            &[],
        )?;
        let current = |row: &chuangsha_store::Row| Ok::<_, Failure>(row.str(8)? == fingerprint && row.int(9)? == through);
        let pending = !rows.first().map(current).transpose()?.unwrap_or(false);
        let view = |row: &chuangsha_store::Row| {
            let by = match row.opt_uuid(2)?.map(|staff| reader.staff_number(tx, StaffId(staff))) {
                Some(Ok(number)) => Some(number),
                // Nobody, or somebody who is not kept any more.
                None | Some(Err(Failure::Problem(_))) => None,
                Some(Err(failure)) => return Err(failure),
            };
            Ok::<_, Failure>(VersionView {
                version: row.int(0)?,
                made: row.timestamp(1)?.rfc3339(),
                by,
                words: row.text(3)?,
                hash: row.text(4)?,
                counts: serde_json::from_str(row.str(5)?).map_err(Failure::internal)?,
                changes: serde_json::from_str(row.str(6)?).map_err(Failure::internal)?,
                active: row.int(0)? == active,
                kept: row.flag(7)?,
            })
        };
        let here = i64::try_from(reader.engine.snapshot().version).unwrap_or(i64::MAX);
        Ok(SnapshotsView { active, here, held, pending, versions: rows.iter().map(view).collect::<Result<_>>()? })
    })
    .await
}

/// What differs between two versions, from the first to the second. As `from` 0 is the snapshot with nothing in it, as `to` the one in force.
///
/// # Errors
/// `screening.not_kept`, `people.denied`
pub async fn diff(app: &App, actor: &Actor, from: i64, to: i64) -> Result<Changes> {
    actor.reach(app, role::Action::ScreeningView)?;
    let reader = app.clone();
    let both = app
        .read(move |tx| {
            let to = if to == 0 { active(tx)?.map_or(0, |(version, _)| version) } else { to };
            let mut one = |version| {
                let found = if version == 0 { Some(Stored::nothing(0)) } else { fetch(&reader, tx, version)? };
                found.ok_or_else(|| Failure::from(Problem::new(&code::NOT_KEPT).with("version", version)))
            };
            Ok([one(from)?, one(to)?])
        })
        .await?;
    let bases = [base::load(app, both[0].base).await?, base::load(app, both[1].base).await?];
    blocking(move || {
        let deltas = both.each_ref().map(|stored| stored.delta.iter().collect::<BTreeMap<Number, Marks>>());
        let [old, new] = [0, 1].map(|at| Side { content: &both[at].content, base: &bases[at], delta: &deltas[at] });
        Ok(change::between(&old, &new))
    })
    .await
}

/// A version in use.
struct Held {
    version: u64,
    content: Content,
    base: Arc<Base>,
    delta: Arc<Index>,
}

/// What a node has in force besides what the engine shows.
#[derive(Default)]
pub struct Node {
    held: Option<Held>,
    day: Option<Date>,
    /// Lifts carried out here, and from when on they are asked for.
    pub(super) lifted: (BTreeSet<Uuid>, Timestamp),
}

impl Node {
    /// City of a line in the ledger; empty for gateways.
    pub(super) fn region_of(&self, trunk: u32) -> &str {
        self.held.as_ref().and_then(|held| held.content.lines.get(&trunk)).map_or("", |line| line.region.as_str())
    }

    /// The ledger's id of a line; gateways have none.
    pub(super) fn resource_of(&self, trunk: u32) -> Option<Uuid> {
        self.held.as_ref().and_then(|held| held.content.lines.get(&trunk)).map(|line| line.resource)
    }
}

/// Loads what is in force, where this node runs on something else, or another day has begun; carries out lifts. Says how much it did.
///
/// # Errors
/// The store does not answer: the node goes on with what it has.
pub async fn follow(app: &App) -> Result<usize> {
    // One at a time; who only looks at the node does not wait until a list of millions is read.
    let _turn = app.watch.following.lock().await;
    let mut node = app.watch.node.lock().await;
    let mut done = super::appeal::follow_lifts(app, &mut node).await?;
    let here = node.held.as_ref().map_or(0, |held| held.version);
    drop(node);
    let reader = app.clone();
    let found = app
        .read(move |tx| match active(tx)? {
            Some((version, _)) if version as u64 != here => fetch(&reader, tx, version),
            _ => Ok(None),
        })
        .await?;
    if let Some(stored) = found {
        let version = stored.version as u64;
        let base = base::load(app, stored.base).await?;
        let (content, delta) = (stored.content, Arc::new(stored.delta));
        if let Some(folder) = app.config.screening.folder.clone() {
            let (content, base, delta) = (content.clone(), Arc::clone(&base), Arc::clone(&delta));
            blocking(move || kept::keep(&folder, version, &content, &base, &delta)).await?;
        }
        let mut node = app.watch.node.lock().await;
        node.held = Some(Held { version, content, base, delta });
        node.day = None;
        tracing::info!(version, "a screening snapshot was loaded");
    }
    done += usize::from(put_in_force(app, &mut *app.watch.node.lock().await, app.clock.now())?);
    Ok(done)
}

fn put_in_force(app: &App, node: &mut Node, now: Timestamp) -> Result<bool> {
    if node.day == Some(now.day()) {
        return Ok(false);
    }
    let snapshot = match &node.held {
        Some(held) => compile::snapshot(app, held.version, &held.content, &held.base, &held.delta, now)?,
        // Before anything was ever loaded the engine has no lists; plan and rules of the day it has all the same.
        None => compile::snapshot(app, 0, &Content::default(), &Base::default(), &Arc::default(), now)?,
    };
    app.engine.replace(snapshot);
    node.day = Some(now.day());
    Ok(true)
}

/// Starts with the version this node kept as files, before the store is asked. Says its version.
///
/// # Errors
/// The files are there and damaged: the node starts without lists, and enterprise trunks fail closed until the store answers.
pub async fn resume(app: &App) -> Result<Option<u64>> {
    let Some(folder) = app.config.screening.folder.clone() else { return Ok(None) };
    let Some((version, content, base, delta)) = blocking(move || kept::read(&folder)).await? else { return Ok(None) };
    let mut node = app.watch.node.lock().await;
    node.held = Some(Held { version, content, base: base::adopt(app, base).await, delta: Arc::new(delta) });
    node.day = None;
    put_in_force(app, &mut node, app.clock.now())?;
    Ok(Some(version))
}

/// 规则运行方式: puts a rule on, on the canary trunks, in shadow or off (the kill switch); here at once, on every other node within seconds.
///
/// # Errors
/// `screening.rule_unknown`, `screening.mode_unknown`, `screening.always_on` (I3, I4), `screening.field_invalid`, `people.denied`
pub async fn set_mode(app: &App, actor: &Actor, rule: &str, mode: &str, words: &str) -> Result<()> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let rule = Rule::ALL.iter().copied().find(|one| one.as_str() == rule);
    let rule = rule.ok_or_else(|| Failure::from(Problem::new(&code::RULE_UNKNOWN).field("rule")))?;
    let mode = mode_of(mode).ok_or_else(|| Failure::from(Problem::new(&code::MODE_UNKNOWN).field("mode")))?;
    match app.engine.snapshot().rules.clone().set_mode(rule, mode) {
        Ok(()) => {}
        Err(RulesError::AlwaysOn(_)) => return Err(Problem::new(&code::ALWAYS_ON).field("mode").with("rule", rule.as_str()).into()),
        Err(other) => return Err(Failure::internal(other)),
    }
    let (now, words) = (app.clock.now(), act::reason(words)?);
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let before = compile::modes(tx)?.get(&rule).copied().unwrap_or_default();
        tx.push_one(
            "INSERT INTO screen_mode (rule, mode, staff, at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (rule) DO UPDATE SET mode = excluded.mode, staff = excluded.staff, at = excluded.at",
            &params![rule.as_str(), mode as i64, actor.staff.as_bytes(), now],
        )?;
        let step = format!("{}:{}>{}", rule.as_str(), mode_name(before), mode_name(mode));
        record(&writer, tx, By::Actor(&actor), "screening.mode", &step, &words, &serde_json::json!({ "rule": rule }), now)?;
        table::changed(tx)?;
        remode(&writer, tx, actor.staff, &step, now)
    })
    .await?;
    follow(app).await.map(drop)
}

/// The version in force with other modes and nothing else: a rule is stopped at once, whatever waits in ledger and lists and whether or not it is held.
fn remode(app: &App, tx: &mut Tx, by: StaffId, words: &str, now: Timestamp) -> Result<()> {
    let Some((version, held)) = active(tx)? else { return Ok(()) };
    let Some(stored) = fetch(app, tx, version)? else { return Ok(()) };
    let content = Content { modes: compile::modes(tx)?, ..stored.content.clone() };
    let (head, delta) = (compile::bytes_of(&content)?, stored.delta.as_bytes().to_vec());
    let made = Finished {
        from: version,
        hash: compile::hash(&head, &delta, &stored.base_hash),
        base: stored.base,
        counts: Counts { modes: content.modes.len() as u64, read: 0, written: (head.len() + delta.len()) as u64, ..stored.counts },
        changes: Changes { refused: stored.refused, ..change::of_content(&stored.content, &content) },
        fingerprint: stored.fingerprint,
        through: stored.through,
        seen_at: stored.seen_at,
        next_change: stored.next_change,
        head,
        delta,
    };
    let next = insert(app, tx, &made, Some(by), words, now)?;
    put_active(tx, next, held, now)
}
