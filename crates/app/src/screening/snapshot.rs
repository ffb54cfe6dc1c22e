//! 快照版本: made of ledger, lists and modes as they stand, kept with what changed, put in force, rolled back. Each node follows what is in force by
//! itself; one that cannot reach the store goes on with what it has, and starts with the file it kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use chuangsha_kernel::{id::StaffId, problem::Problem, role, time::Timestamp};
use chuangsha_screen::{
    Number, Rule, TrunkId,
    index::{self, Index},
    lists::Marks,
    rules::{Mode, RulesError},
};
use chuangsha_store::{Tx, params};
use jiff::civil::Date;
use uuid::Uuid;

use super::{
    code,
    compile::{self, Compiled, Content, Counts},
    live::masked,
    table::{self, place},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

/// Bytes of one sealed piece of a snapshot in the store.
const PART: usize = 512 * 1024;
/// Versions whose content is kept for a roll-back.
pub const KEPT: i64 = 20;
/// Masked numbers shown of a difference.
const SAMPLES: usize = 5;

/// 一处名单差异
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct ListChange {
    /// `bad`, `suspect`, `category`, `ported`, `preference`.
    pub list: String,
    /// Numbers that came on it.
    pub added: u64,
    /// Numbers that went.
    pub removed: u64,
    /// Numbers of which it says something else.
    pub changed: u64,
    /// A few of them, masked, each with `+`, `-` or `~` before it.
    pub samples: Vec<String>,
}

/// 版本差异
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Changes {
    /// Codes of lines that are new.
    pub trunks_added: Vec<String>,
    /// Codes of lines that went.
    pub trunks_removed: Vec<String>,
    /// Codes of lines that are otherwise now.
    pub trunks_changed: Vec<String>,
    /// Rules whose mode changed: `behaviour: on > shadow`.
    pub modes: Vec<String>,
    /// Lists.
    pub lists: Vec<ListChange>,
    /// Codes of lines that went in closed because they could not be used as they stand.
    #[serde(default)]
    pub refused: Vec<String>,
}

impl Changes {
    /// Nothing differs.
    pub fn is_empty(&self) -> bool {
        let Self { trunks_added, trunks_removed, trunks_changed, modes, lists, refused: _ } = self;
        [trunks_added, trunks_removed, trunks_changed, modes].iter().all(|list| list.is_empty()) && lists.is_empty()
    }
}

/// Stable name of a mode.
pub const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::On => "on",
        Mode::Canary => "canary",
        Mode::Shadow => "shadow",
        Mode::Off => "off",
    }
}

/// The mode of a stable name; `enforce` is another word for `on`.
pub fn mode_of(text: &str) -> Option<Mode> {
    match text {
        "on" | "enforce" => Some(Mode::On),
        "canary" => Some(Mode::Canary),
        "shadow" => Some(Mode::Shadow),
        "off" => Some(Mode::Off),
        _ => None,
    }
}

fn changes(old: (&Content, &Index), new: (&Content, &Index)) -> Changes {
    let mut changes = Changes::default();
    let by_id =
        |content: &Content| content.trunks.iter().map(|trunk| (trunk.id, trunk.name.clone())).collect::<BTreeMap<TrunkId, String>>();
    let (before, after) = (by_id(old.0), by_id(new.0));
    for (id, code) in &after {
        if !before.contains_key(id) {
            changes.trunks_added.push(code.clone());
        } else if compile::trunk_of(old.0, *id) != compile::trunk_of(new.0, *id) {
            changes.trunks_changed.push(code.clone());
        }
    }
    changes.trunks_removed = before.iter().filter(|(id, _)| !after.contains_key(id)).map(|(_, code)| code.clone()).collect();
    let rules: BTreeSet<Rule> = old.0.modes.keys().chain(new.0.modes.keys()).copied().collect();
    for rule in rules {
        let mode = |content: &Content| content.modes.get(&rule).copied().unwrap_or_default();
        if mode(old.0) != mode(new.0) {
            changes.modes.push(format!("{}: {} > {}", rule.as_str(), mode_name(mode(old.0)), mode_name(mode(new.0))));
        }
    }
    let mut lists: [ListChange; 5] =
        ["bad", "suspect", "category", "ported", "preference"].map(|list| ListChange { list: list.to_owned(), ..ListChange::default() });
    let mut differ = |number: Number, before: Marks, after: Marks| {
        for (list, (was, is)) in lists.iter_mut().zip(facets(before).into_iter().zip(facets(after))) {
            let (counter, sign) = match (was, is) {
                (was, is) if was == is => continue,
                (0, _) => (&mut list.added, '+'),
                (_, 0) => (&mut list.removed, '-'),
                _ => (&mut list.changed, '~'),
            };
            *counter += 1;
            if list.samples.len() < SAMPLES {
                list.samples.push(format!("{sign}{}", masked(Some(number))));
            }
        }
    };
    for (number, marks) in new.1.iter() {
        differ(number, old.1.get(number).unwrap_or_default(), marks);
    }
    for (number, marks) in old.1.iter() {
        if new.1.get(number).is_none() {
            differ(number, marks, Marks::default());
        }
    }
    let own = |content: &Content| content.own.iter().map(|own| (own.number, own.clone())).collect::<BTreeMap<_, _>>();
    let (before, after) = (own(old.0), own(new.0));
    let [.., preference] = &mut lists;
    preference.changed += after.iter().filter(|(number, own)| before.get(number).is_some_and(|held| held != *own)).count() as u64;
    changes.lists = lists.into_iter().filter(|list| list.added + list.removed + list.changed > 0).collect();
    changes
}

/// What each list says, as a number; 0 = nothing.
const fn facets(marks: Marks) -> [u16; 5] {
    [marks.0 & 1, marks.0 >> 1 & 1, marks.0 >> 5 & 0b1111, marks.0 >> 2 & 0b111, marks.0 >> 9]
}

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
    /// What changed against the version before.
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

fn bytes_of(content: &Content) -> Result<Vec<u8>> {
    serde_json::to_vec(content).map_err(Failure::internal)
}

/// Writes a version; the same content as the newest one adds nothing.
fn insert(app: &App, tx: &mut Tx, compiled: &Compiled, by: Option<StaffId>, words: &str, fingerprint: &str, now: Timestamp) -> Result<i64> {
    let head = bytes_of(&compiled.content)?;
    let hash = compile::hash(&head, &compiled.numbers);
    let newest = tx.query_opt("SELECT version, hash FROM screen_snapshot ORDER BY version DESC LIMIT 1", &[])?;
    let next_change = compiled.next_change.map_or(i64::MAX, |at| at.0);
    let mut version = 1;
    let mut changed = Changes::default();
    if let Some(newest) = &newest {
        let last = newest.int(0)?;
        if newest.str(1)? == hash {
            tx.push_one(
                "UPDATE screen_snapshot SET revision = $2, next_change = $3 WHERE version = $1",
                &params![last, fingerprint, next_change],
            )?;
            return Ok(last);
        }
        version = last + 1;
        if let Some((content, index)) = fetch(app, tx, last)? {
            let new = Index::from_bytes(compiled.numbers.clone()).map_err(Failure::internal)?;
            changed = changes((&content, &index), (&compiled.content, &new));
        }
    }
    changed.refused.clone_from(&compiled.refused);
    let mut whole = (head.len() as u64).to_be_bytes().to_vec();
    whole.extend_from_slice(&head);
    whole.extend_from_slice(&compiled.numbers);
    let key = table::snapshot_key(app, tx)?;
    let mut parts = 0_i64;
    for part in whole.chunks(PART) {
        let sealed = key.seal(place::PART, part)?;
        tx.push_one("INSERT INTO screen_part (version, part, sealed) VALUES ($1, $2, $3)", &params![version, parts, &sealed])?;
        parts += 1;
    }
    let counts = serde_json::to_string(&compiled.counts()?).map_err(Failure::internal)?;
    let changed = serde_json::to_string(&changed).map_err(Failure::internal)?;
    tx.push_one(
        "INSERT INTO screen_snapshot (version, made_at, made_by, words, hash, counts, changes, revision, next_change, parts, kept) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)",
        &params![version, now, by.as_ref().map(StaffId::as_bytes), words, &hash, &counts, &changed, fingerprint, next_change, parts],
    )?;
    // Old contents go; what is in force stays, however old.
    let oldest = version - KEPT;
    let out = "version <= $1 AND version NOT IN (SELECT version FROM screen_active)";
    tx.push(&format!("DELETE FROM screen_part WHERE {out}"), &params![oldest])?;
    tx.push(&format!("UPDATE screen_snapshot SET kept = 0 WHERE {out}"), &params![oldest])?;
    Ok(version)
}

/// Content and numbers of a version; none once they are no longer kept.
fn fetch(app: &App, tx: &mut Tx, version: i64) -> Result<Option<(Content, Index)>> {
    let row = tx.query_opt("SELECT hash, parts, kept FROM screen_snapshot WHERE version = $1", &params![version])?;
    let Some(row) = row.filter(|row| row.flag(2).unwrap_or(false)) else { return Ok(None) };
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
    let (head, numbers) = rest.split_at_checked(u64::from_be_bytes(*length) as usize).ok_or_else(damaged)?;
    if compile::hash(head, numbers) != row.str(0)? {
        return Err(damaged());
    }
    let content = serde_json::from_slice(head).map_err(Failure::internal)?;
    Ok(Some((content, Index::from_bytes(numbers.to_vec()).map_err(Failure::internal)?)))
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

/// 编译: a version of ledger and lists as they stand; put in force with `activate`.
///
/// # Errors
/// `people.denied`
pub async fn make(app: &App, actor: &Actor, words: String, activate: bool) -> Result<i64> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    let version = app
        .write(move |tx| {
            let fingerprint = compile::fingerprint(tx)?;
            let compiled = compile::compile(&writer, tx, now)?;
            let version = insert(&writer, tx, &compiled, Some(actor.staff), words.trim(), &fingerprint, now)?;
            let step = format!("v{version}");
            let facts = serde_json::json!({ "version": version, "activated": activate, "counts": compiled.counts()? });
            record(&writer, tx, By::Actor(&actor), "screening.snapshot", &step, words.trim(), &facts, now)?;
            if activate {
                put_active(tx, version, false, now)?;
            }
            Ok(version)
        })
        .await?;
    follow(app).await?;
    Ok(version)
}

/// 启用 or 回退: puts a version in force on every node. One older than the newest holds: changes wait until a version is made and put in force again.
///
/// # Errors
/// `screening.not_found`, `screening.not_kept`, `people.denied`
pub async fn activate(app: &App, actor: &Actor, version: i64, words: &str) -> Result<()> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let (now, words) = (app.clock.now(), words.trim().to_owned());
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let row = tx.query_opt("SELECT kept FROM screen_snapshot WHERE version = $1", &params![version])?;
        let row = row.ok_or_else(|| Failure::from(Problem::new(&code::NOT_FOUND)))?;
        if !row.flag(0)? {
            return Err(Problem::new(&code::NOT_KEPT).with("version", version).into());
        }
        let newest = tx.query_one("SELECT MAX(version) FROM screen_snapshot", &[])?.int(0)?;
        let before = active(tx)?.map_or(0, |(version, _)| version);
        put_active(tx, version, version < newest, now)?;
        let action = if version < before { "screening.roll_back" } else { "screening.activate" };
        let step = format!("v{before}>v{version}");
        record(&writer, tx, By::Actor(&actor), action, &step, &words, &serde_json::json!({ "held": version < newest }), now)
    })
    .await?;
    follow(app).await.map(drop)
}

/// Makes and puts in force what changed by itself: a line shut down, an entry begun or ended. One leased job calls it. Says whether it did.
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
            let fingerprint = compile::fingerprint(tx)?;
            let newest = tx.query_opt("SELECT revision, next_change FROM screen_snapshot ORDER BY version DESC LIMIT 1", &[])?;
            Ok(match newest {
                Some(newest) => newest.str(0)? != fingerprint || newest.int(1)? <= now.0,
                None => true,
            })
        })
        .await?;
    if !due {
        return Ok(0);
    }
    let writer = app.clone();
    app.write(move |tx| {
        let before = active(tx)?;
        if before.is_some_and(|(_, held)| held) {
            return Ok(());
        }
        let fingerprint = compile::fingerprint(tx)?;
        let compiled = compile::compile(&writer, tx, now)?;
        let version = insert(&writer, tx, &compiled, None, "", &fingerprint, now)?;
        let before = before.map_or(0, |(version, _)| version);
        if version != before {
            put_active(tx, version, false, now)?;
            let step = format!("v{before}>v{version}");
            let facts = serde_json::json!({ "version": version, "counts": compiled.counts()?, "refused": compiled.refused });
            record(&writer, tx, By::System("screening"), "screening.activate", &step, "", &facts, now)?;
        }
        Ok(())
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
        let fingerprint = compile::fingerprint(tx)?;
        let rows = tx.query(
            "SELECT version, made_at, made_by, words, hash, counts, changes, kept, revision \
             FROM screen_snapshot ORDER BY version DESC LIMIT 100",
            &[],
        )?;
        let pending = rows.first().map(|row| row.text(8)).transpose()?.is_none_or(|revision| revision != fingerprint);
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
    let mut both = app
        .read(move |tx| {
            let mut both = Vec::new();
            let to = if to == 0 { active(tx)?.map_or(0, |(version, _)| version) } else { to };
            for version in [from, to] {
                let found = if version == 0 { Some(Default::default()) } else { fetch(&reader, tx, version)? };
                both.push(found.ok_or_else(|| Failure::from(Problem::new(&code::NOT_KEPT).with("version", version)))?);
            }
            Ok(both)
        })
        .await?;
    match (both.pop(), both.pop()) {
        (Some(new), Some(old)) => Ok(changes((&old.0, &old.1), (&new.0, &new.1))),
        _ => Err(Failure::internal("two versions were read and are not there")),
    }
}

/// What a node has in force besides what the engine shows.
#[derive(Default)]
pub struct Node {
    held: Option<(u64, Content, Arc<Index>)>,
    day: Option<Date>,
    /// Lifts carried out here, and from when on they are asked for.
    pub(super) lifted: (BTreeSet<Uuid>, Timestamp),
}

impl Node {
    /// City of a line in the ledger; empty for gateways.
    pub(super) fn region_of(&self, trunk: u32) -> &str {
        self.held.as_ref().and_then(|(_, content, _)| content.lines.get(&trunk)).map_or("", |line| line.region.as_str())
    }

    /// The ledger's id of a line; gateways have none.
    pub(super) fn resource_of(&self, trunk: u32) -> Option<Uuid> {
        self.held.as_ref().and_then(|(_, content, _)| content.lines.get(&trunk)).map(|line| line.resource)
    }
}

/// Loads what is in force, where this node runs on something else, or another day has begun; carries out lifts. Says how much it did.
///
/// # Errors
/// The store does not answer: the node goes on with what it has.
pub async fn follow(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let mut node = app.watch.node.lock().await;
    let mut done = super::appeal::follow_lifts(app, &mut node).await?;
    let reader = app.clone();
    let here = node.held.as_ref().map_or(0, |(version, ..)| *version);
    let found = app
        .read(move |tx| {
            let Some((version, _)) = active(tx)? else { return Ok(None) };
            if version as u64 == here {
                return Ok(None);
            }
            Ok(fetch(&reader, tx, version)?.map(|found| (version as u64, found)))
        })
        .await?;
    if let Some((version, (content, index))) = found {
        let index = match &app.config.screening.folder {
            Some(folder) => keep_file(folder, version, &content, &index)?,
            None => index,
        };
        node.held = Some((version, content, Arc::new(index)));
        node.day = None;
        tracing::info!(version, "a screening snapshot was loaded");
    }
    done += usize::from(put_in_force(app, &mut node, now)?);
    Ok(done)
}

fn put_in_force(app: &App, node: &mut Node, now: Timestamp) -> Result<bool> {
    if node.day == Some(now.day()) {
        return Ok(false);
    }
    // Before anything was ever loaded the engine has no lists; plan and rules of the day it has all the same.
    let (version, content, index) = match &node.held {
        Some((version, content, index)) => (*version, content.clone(), Arc::clone(index)),
        None => (0, Content::default(), Arc::default()),
    };
    app.engine.replace(compile::snapshot(app, version, &content, &index, now)?);
    node.day = Some(now.day());
    Ok(true)
}

/// Starts with the version this node kept as a file, before the store is asked. Says its version.
///
/// # Errors
/// The file is there and damaged: the node starts without lists, and enterprise trunks fail closed until the store answers.
pub async fn resume(app: &App) -> Result<Option<u64>> {
    let Some(folder) = &app.config.screening.folder else { return Ok(None) };
    let mut node = app.watch.node.lock().await;
    let Some((version, content, index)) = read_file(folder)? else { return Ok(None) };
    node.held = Some((version, content, Arc::new(index)));
    node.day = None;
    put_in_force(app, &mut node, app.clock.now())?;
    Ok(Some(version))
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    version: u64,
    hash: String,
    content: Content,
}

fn file_of(folder: &Path, version: u64) -> PathBuf {
    folder.join(format!("numbers-{version}.index"))
}

/// Only this program reads what stands here: numbers are not sealed in it.
fn own(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Keeps a version as files of this node, and gives its index mapped. The description is written last: what it names is whole.
fn keep_file(folder: &Path, version: u64, content: &Content, numbers: &Index) -> Result<Index> {
    let failed = |error: std::io::Error| Failure::internal(format!("the snapshot file cannot be kept: {error}"));
    fs::create_dir_all(folder).map_err(failed)?;
    own(folder, 0o700).map_err(failed)?;
    let path = file_of(folder, version);
    index::write(&path, numbers.as_bytes()).map_err(Failure::internal)?;
    own(&path, 0o400).map_err(failed)?;
    let hash = compile::hash(&bytes_of(content)?, numbers.as_bytes());
    let text = serde_json::to_vec(&Kept { version, hash, content: content.clone() }).map_err(Failure::internal)?;
    let (beside, head) = (folder.join("active.new"), folder.join("active.json"));
    drop(fs::remove_file(&beside));
    let mut file = fs::File::create_new(&beside).map_err(failed)?;
    own(&beside, 0o600).map_err(failed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, &head).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)?.flatten() {
        let name = entry.file_name();
        let old = name.to_str().is_some_and(|name| name.starts_with("numbers-") && name.ends_with(".index"));
        // The map of an index in use outlives its name.
        if old && entry.path() != path {
            drop(fs::remove_file(entry.path()));
        }
    }
    Index::open(&path).map_err(Failure::internal)
}

fn read_file(folder: &Path) -> Result<Option<(u64, Content, Index)>> {
    let text = match fs::read(folder.join("active.json")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::internal(format!("the snapshot file cannot be read: {error}"))),
    };
    let kept: Kept = serde_json::from_slice(&text).map_err(|_| Failure::internal("the snapshot file is damaged"))?;
    let index = Index::open(&file_of(folder, kept.version)).map_err(Failure::internal)?;
    index.verify().map_err(Failure::internal)?;
    if compile::hash(&bytes_of(&kept.content)?, index.as_bytes()) != kept.hash {
        return Err(Failure::internal("the snapshot file and its numbers do not belong together"));
    }
    Ok(Some((kept.version, kept.content, index)))
}

/// 规则运行方式: puts a rule on, on the canary trunks, in shadow or off (the kill switch); here at once, on every other node within seconds.
///
/// # Errors
/// `screening.rule_unknown`, `screening.mode_unknown`, `screening.always_on` (I3, I4), `people.denied`
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
    let (now, words) = (app.clock.now(), words.trim().to_owned());
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
    let Some((content, index)) = fetch(app, tx, version)? else { return Ok(()) };
    let row = tx.query_one("SELECT revision, next_change FROM screen_snapshot WHERE version = $1", &params![version])?;
    let compiled = Compiled {
        content: Content { modes: compile::modes(tx)?, ..content },
        numbers: index.as_bytes().to_vec(),
        refused: Vec::new(),
        next_change: Some(Timestamp(row.int(1)?)),
    };
    let next = insert(app, tx, &compiled, Some(by), words, row.str(0)?, now)?;
    put_active(tx, next, held, now)
}
