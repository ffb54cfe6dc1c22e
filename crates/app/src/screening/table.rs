//! 甄别表: the tables of this module. Numbers stand in them sealed, with a blind index to find one exactly; never in clear.

use chuangsha_kernel::time::Timestamp;
use chuangsha_screen::{Number, TrunkId, ledger::MOST_TRUNKS, plan::Operator};
use chuangsha_store::{Tx, params};
use chuangsha_vault::{DataKey, Domain, Field, Place};
use uuid::Uuid;

use crate::{
    App,
    platform::{
        failure::{Failure, Result},
        keys,
    },
};

/// Tables of this module.
pub const DDL: &str = "
CREATE TABLE screen_revision (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    number BIGINT NOT NULL
);
INSERT INTO screen_revision (one, number) VALUES (1, 1);
CREATE TABLE screen_trunk (
    number BIGINT PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    class BIGINT NOT NULL,
    peer BIGINT,
    transit BIGINT NOT NULL,
    canary BIGINT NOT NULL,
    CONSTRAINT the_number_is_small CHECK (number > 0 AND number < 1048576),
    CONSTRAINT a_peer_is_of_an_interconnect_trunk CHECK (class = 2 OR (peer IS NULL AND transit = 0))
);
CREATE TABLE screen_mode (
    rule TEXT PRIMARY KEY,
    mode BIGINT NOT NULL,
    staff BYTEA NOT NULL,
    at BIGINT NOT NULL
);
CREATE TABLE screen_entry (
    id BYTEA PRIMARY KEY,
    list BIGINT NOT NULL,
    number_index BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    content TEXT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    article TEXT NOT NULL,
    evidence TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT,
    staff BYTEA,
    at BIGINT NOT NULL,
    ended_at BIGINT,
    ended_why TEXT NOT NULL DEFAULT '',
    CONSTRAINT an_end_comes_after_the_beginning CHECK (until_at IS NULL OR until_at > from_at)
);
CREATE UNIQUE INDEX screen_entry_number ON screen_entry (list, number_index) WHERE ended_at IS NULL;
CREATE INDEX screen_entry_standing ON screen_entry (list, id) WHERE ended_at IS NULL;
CREATE TABLE screen_snapshot (
    version BIGINT PRIMARY KEY,
    made_at BIGINT NOT NULL,
    made_by BYTEA,
    words TEXT NOT NULL,
    hash TEXT NOT NULL,
    counts TEXT NOT NULL,
    changes TEXT NOT NULL,
    revision TEXT NOT NULL,
    next_change BIGINT NOT NULL,
    parts BIGINT NOT NULL,
    kept BIGINT NOT NULL
);
CREATE TABLE screen_part (
    version BIGINT NOT NULL,
    part BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (version, part)
);
CREATE TABLE screen_active (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    version BIGINT NOT NULL,
    held BIGINT NOT NULL,
    at BIGINT NOT NULL
);
CREATE TABLE screen_lift (
    id BYTEA PRIMARY KEY,
    at BIGINT NOT NULL,
    immune_s BIGINT NOT NULL,
    rule TEXT NOT NULL,
    number_index BYTEA NOT NULL,
    sealed BYTEA NOT NULL
);
CREATE INDEX screen_lift_at ON screen_lift (at);
CREATE TABLE screen_verdict (
    evidence BYTEA PRIMARY KEY,
    at BIGINT NOT NULL,
    trunk BIGINT NOT NULL,
    code TEXT NOT NULL,
    action BIGINT NOT NULL,
    rule TEXT NOT NULL,
    score BIGINT NOT NULL,
    reasons TEXT NOT NULL,
    category BIGINT NOT NULL,
    country BIGINT NOT NULL,
    rules TEXT NOT NULL,
    lists BIGINT NOT NULL,
    redress TEXT NOT NULL,
    caller_index BYTEA,
    callee_index BYTEA,
    sealed BYTEA NOT NULL,
    month TEXT NOT NULL,
    keep_until BIGINT NOT NULL
);
CREATE INDEX screen_verdict_at ON screen_verdict (at, evidence);
CREATE INDEX screen_verdict_caller ON screen_verdict (caller_index, at);
CREATE INDEX screen_verdict_callee ON screen_verdict (callee_index, at);
CREATE INDEX screen_verdict_keep ON screen_verdict (keep_until);
CREATE TABLE screen_month (
    month TEXT PRIMARY KEY
);
CREATE TABLE screen_figure (
    day TEXT NOT NULL,
    action BIGINT NOT NULL,
    rule TEXT NOT NULL,
    trunk BIGINT NOT NULL,
    region TEXT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (day, action, rule, trunk, region)
);
CREATE TABLE screen_appeal (
    id BYTEA PRIMARY KEY,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    evidence BYTEA,
    rule TEXT NOT NULL,
    number_index BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    called_at BIGINT NOT NULL,
    words BYTEA NOT NULL,
    taken_by BYTEA NOT NULL,
    taken_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    decided_by BYTEA,
    decided_at BIGINT,
    CONSTRAINT whoever_took_it_does_not_decide CHECK (decided_by IS NULL OR state = 4 OR decided_by <> taken_by),
    CONSTRAINT what_is_decided_names_who_and_when CHECK (state = 1 OR (decided_by IS NOT NULL AND decided_at IS NOT NULL))
);
CREATE INDEX screen_appeal_open ON screen_appeal (due_at) WHERE state = 1;
CREATE INDEX screen_appeal_number ON screen_appeal (number_index);
";

/// Versions stand on a base and hold what differs from it. Every entry carries the revision it last changed with, so that the next version looks at what
/// changed and at nothing else; what was there before this step carries 0 and is looked at once.
pub const DDL_2: &str = "
ALTER TABLE screen_revision ADD COLUMN settings BIGINT NOT NULL DEFAULT 1;
ALTER TABLE screen_entry ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
CREATE INDEX screen_entry_revision ON screen_entry (revision, id);
CREATE INDEX screen_entry_begins ON screen_entry (from_at, id) WHERE ended_at IS NULL AND from_at > at;
CREATE INDEX screen_entry_ends ON screen_entry (until_at, id) WHERE ended_at IS NULL AND until_at IS NOT NULL;
ALTER TABLE screen_snapshot ADD COLUMN base BIGINT NOT NULL DEFAULT 0;
ALTER TABLE screen_snapshot ADD COLUMN through BIGINT NOT NULL DEFAULT -1;
ALTER TABLE screen_snapshot ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;
CREATE TABLE screen_base (
    base BIGINT PRIMARY KEY,
    made_at BIGINT NOT NULL,
    hash TEXT NOT NULL,
    entries BIGINT NOT NULL,
    heads BIGINT NOT NULL,
    parts BIGINT NOT NULL,
    whole BIGINT NOT NULL
);
CREATE TABLE screen_base_part (
    base BIGINT NOT NULL,
    part BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (base, part)
);
";

/// The subject whose key seals numbers on lists, in lifts and appeals: they are kept by list and case, not by person.
const LISTED: Uuid = Uuid::from_u128(0x7363_7265_656e_7000_8000_0000_0000_0001);
/// The subject whose key seals snapshots.
const SNAPSHOTS: Uuid = Uuid::from_u128(0x7363_7265_656e_7000_8000_0000_0000_0002);

/// Where numbers of this module are sealed.
pub mod place {
    use super::Place;

    /// On a list.
    pub const ENTRY: Place = Place::new("screen_entry", "sealed");
    /// Of a lift.
    pub const LIFT: Place = Place::new("screen_lift", "sealed");
    /// Of an appeal.
    pub const APPEAL: Place = Place::new("screen_appeal", "sealed");
    /// Words of an appeal.
    pub const WORDS: Place = Place::new("screen_appeal", "words");
    /// Caller and callee of a verdict.
    pub const VERDICT: Place = Place::new("screen_verdict", "sealed");
    /// A piece of a snapshot.
    pub const PART: Place = Place::new("screen_part", "sealed");
    /// A piece of a base.
    pub const BASE: Place = Place::new("screen_base_part", "sealed");
}

/// The key of lists, lifts and appeals.
pub fn key(app: &App, tx: &mut Tx) -> Result<DataKey> {
    app.key_of(tx, LISTED, Domain::Calls)
}

/// The key of snapshots.
pub fn snapshot_key(app: &App, tx: &mut Tx) -> Result<DataKey> {
    app.key_of(tx, SNAPSHOTS, Domain::Calls)
}

/// Whose key seals the verdicts of a month: destroyed with the last of them.
pub fn of_month(month: &str) -> Uuid {
    let digits = month.bytes().filter(u8::is_ascii_digit).fold(0_u128, |sum, digit| sum * 10 + u128::from(digit - b'0'));
    Uuid::from_u128(0x7363_7265_656e_7000_8000_0001_0000_0000 | digits)
}

/// Where a number is found again. The same for a subscriber's number as everywhere else.
pub fn index(app: &App, number: Number) -> Result<Vec<u8>> {
    Ok(app.vault.blind(Field::Phone, &number.e164())?.0.to_vec())
}

/// Seals a number, bound to its row.
pub fn seal(key: &DataKey, place: Place, row: Uuid, number: Number) -> Result<Vec<u8>> {
    keys::seal(key, place, &format!("{row}{}", number.e164()))
}

/// Opens a number; one that was moved to another row is refused.
pub fn open(key: &DataKey, place: Place, row: Uuid, sealed: &[u8]) -> Result<Number> {
    let text = keys::open(key, place, sealed)?;
    let digits = text.strip_prefix(&row.to_string()).and_then(|digits| digits.parse().ok());
    digits.and_then(Number::new).ok_or_else(|| Failure::internal("a sealed number belongs to another row of its table"))
}

/// Counts one change of modes or trunks: the next snapshot is due.
pub fn changed(tx: &mut Tx) -> Result<()> {
    Ok(tx.push_one("UPDATE screen_revision SET settings = settings + 1 WHERE one = 1", &[])?)
}

/// The revision a change of lists in this transaction belongs to: every row it touches carries it. Counted by [`changed_lists`]; two transactions never
/// have the same, so that what is committed up to a revision is all there ever is up to it.
pub fn next_revision(tx: &mut Tx) -> Result<i64> {
    Ok(revisions(tx)?.0 + 1)
}

/// Counts one change of lists.
pub fn changed_lists(tx: &mut Tx) -> Result<()> {
    Ok(tx.push_one("UPDATE screen_revision SET number = number + 1 WHERE one = 1", &[])?)
}

/// How often lists changed, and how often modes and trunks.
pub fn revisions(tx: &mut Tx) -> Result<(i64, i64)> {
    let row = tx.query_one("SELECT number, settings FROM screen_revision WHERE one = 1", &[])?;
    Ok((row.int(0)?, row.int(1)?))
}

/// 中继编号: what the network calls a line. Given out once and never again, whatever becomes of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkNumber {
    /// `id` of the trunk in the edge's file.
    pub id: TrunkId,
    /// Code in the ledger, or of a gateway of our own.
    pub code: String,
    /// Row of the caller-format table, as the engine numbers them.
    pub class: i64,
    /// Whose network an interconnect trunk leads to.
    pub peer: Option<Operator>,
    /// It may bring calls of third networks.
    pub transit: bool,
    /// Rules in canary mode count here.
    pub canary: bool,
}

/// Every number given out.
pub fn trunk_numbers(tx: &mut Tx) -> Result<Vec<TrunkNumber>> {
    tx.query("SELECT number, code, class, peer, transit, canary FROM screen_trunk ORDER BY number", &[])?
        .iter()
        .map(|row| {
            Ok(TrunkNumber {
                id: TrunkId(row.int(0)? as u32),
                code: row.text(1)?,
                class: row.int(2)?,
                peer: row.opt_int(3)?.and_then(|peer| Operator::ALL.iter().copied().find(|one| *one as i64 == peer)),
                transit: row.flag(4)?,
                canary: row.flag(5)?,
            })
        })
        .collect()
}

/// Gives a line its number: the one asked for, or the next above all there ever were.
pub fn give_number(tx: &mut Tx, code: &str, class: i64, asked: Option<u32>) -> Result<TrunkId> {
    let next = tx.query_one("SELECT COALESCE(MAX(number), 0) + 1 FROM screen_trunk", &[])?.int(0)?;
    let number = asked.map_or(next, i64::from);
    if number >= i64::from(MOST_TRUNKS) {
        return Err(Failure::internal("there are more trunks than the engine has numbers for"));
    }
    tx.push_one(
        "INSERT INTO screen_trunk (number, code, class, peer, transit, canary) VALUES ($1, $2, $3, NULL, 0, 0)",
        &params![number, code, class],
    )?;
    Ok(TrunkId(number as u32))
}

/// How much of a rule's hits were mistakes: appeals upheld, by rule.
pub fn upheld_by_rule(tx: &mut Tx) -> Result<Vec<(String, i64)>> {
    tx.query("SELECT rule, COUNT(*) FROM screen_appeal WHERE state = 2 GROUP BY rule", &[])?
        .iter()
        .map(|row| Ok((row.text(0)?, row.int(1)?)))
        .collect()
}

/// Until when something is kept that the rulebook gives a time for.
pub fn kept_until(app: &App, rule: &str, from: Timestamp) -> Result<Timestamp> {
    let place = chuangsha_kernel::rulebook::Place::china();
    Ok(app.rules.deadline(rule, from, &place).map_err(Failure::internal)?.value)
}
