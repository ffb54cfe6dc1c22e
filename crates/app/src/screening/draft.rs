//! 草稿: what the next version will say, from the newest one and what changed since: entries with a later revision, entries that began or ended in the
//! meantime, numbers the ledger says something else of. Nothing else is looked at, and no transaction reads more than one page of it.
//!
//! What differs from the base stands beside it. When that is more than [`ScreeningConfig::beside`](super::ScreeningConfig) numbers, or more than the 128th
//! part of the base, the base is built anew ([`Draft::settle`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chuangsha_kernel::time::Timestamp;
use chuangsha_screen::{
    Number,
    index::Builder,
    lists::{Category, Hours, Marks},
};
use chuangsha_store::{Row, Tx, params};
use chuangsha_vault::DataKey;
use uuid::Uuid;

use super::{
    base::{self, Base},
    change::{self, Changes, Tally},
    compile::{self, Content, Counts, Own},
    list::{self, List, Said},
    snapshot::{self, Stored},
    table,
};
use crate::{
    App,
    platform::failure::{Failure, Result},
};

/// Changed rows read in one transaction.
const PAGE: i64 = 10_000;
/// Numbers of the ledger looked up in one transaction.
const LOOKED_UP: usize = 1_000;
/// Numbers that stand beside the base while a draft is being made; a backlog of more is built in on the way. Bounds its memory, not its result.
const AT_ONCE: usize = 2_000_000;
/// Of a large base so many numbers allow one beside it.
const PART_BESIDE: u64 = 128;

/// 草稿
pub(super) struct Draft {
    /// The version it was made from; 0 = none.
    pub(super) from: i64,
    pub(super) content: Content,
    pub(super) refused: Vec<String>,
    pub(super) base: Arc<Base>,
    /// What stands beside the base.
    pub(super) delta: BTreeMap<Number, Marks>,
    own: BTreeMap<u64, Option<Own>>,
    tally: Tally,
    lines: Changes,
    /// Of ledger and settings.
    pub(super) fingerprint: String,
    /// Revision of the lists it contains.
    pub(super) through: i64,
    /// Until when beginnings and ends are in it.
    pub(super) seen_at: Timestamp,
    /// When it changes by itself.
    pub(super) next_change: Option<Timestamp>,
    pub(super) read: u64,
    pub(super) written: u64,
}

/// What was touched: which rows, in which order.
#[derive(Clone, Copy)]
enum Touched {
    /// Changed after one revision and up to another.
    Changed(i64, i64),
    /// Began in a span of time.
    Began(Timestamp, Timestamp),
    /// Ended in it.
    Ended(Timestamp, Timestamp),
}

/// Where a page ends: the ordered column's value, and the row.
type Mark = (i64, Uuid);

/// Numbers with what is said of them, and where the page ends.
type Page = (Vec<(Number, Said)>, Option<Mark>);

impl Touched {
    /// Column of the order, the rows meant, and from after which value up to which.
    fn parts(self) -> (&'static str, &'static str, i64, i64) {
        match self {
            Self::Changed(after, until) => ("revision", "1 = 1", after, until),
            Self::Began(after, until) => ("from_at", "ended_at IS NULL AND from_at > at", after.0, until.0),
            Self::Ended(after, until) => ("until_at", "ended_at IS NULL AND until_at IS NOT NULL", after.0, until.0),
        }
    }

    /// One page of the numbers touched, each with everything all lists say of it now; and where the page ends.
    fn page(self, app: &App, tx: &mut Tx, after: Option<Mark>, now: Timestamp) -> Result<Page> {
        let (column, which, first, last) = self.parts();
        // Revisions and moments are whole numbers: the highest id of the last one before.
        let (value, id) = after.unwrap_or((first, Uuid::max()));
        let sql = format!(
            "SELECT t.id, t.place, t.sealed, e.id, e.list, e.sealed, e.content, e.from_at, e.until_at \
             FROM (SELECT id, number_index, sealed, {column} AS place FROM screen_entry \
                   WHERE {which} AND ({column}, id) > ($1, $2) AND {column} <= $3 ORDER BY {column}, id LIMIT {PAGE}) t \
             LEFT JOIN screen_entry e ON e.number_index = t.number_index AND e.list IN (1, 2, 3, 4, 5) AND e.ended_at IS NULL \
             ORDER BY t.place, t.id"
        );
        let rows = tx.query(&sql, &params![value, &id, last])?;
        let Some(end) = rows.last() else { return Ok((Vec::new(), None)) };
        let mark = (end.int(1)?, end.uuid(0)?);
        let key = table::key(app, tx)?;
        let mut found = Vec::new();
        for rows in rows.chunk_by(|one, two| one.uuid(0).ok() == two.uuid(0).ok()) {
            let Some(first) = rows.first() else { continue };
            let (number, _) = list::opened(&key, first.uuid(0)?, first.slice(2)?)?;
            found.push((number, said(&key, rows, 3, now)?));
        }
        Ok((found, Some(mark)))
    }
}

/// What the rows of one number say together; their columns from `at` on: id, list, sealed, content, from, until.
fn said(key: &DataKey, rows: &[Row], at: usize, now: Timestamp) -> Result<Said> {
    let mut said = Said::default();
    for row in rows {
        let Some(id) = row.opt_uuid(at)? else { continue };
        let (from, until) = (row.timestamp(at + 4)?, row.opt_timestamp(at + 5)?);
        let Some(list) = List::from_i64(row.int(at + 1)?) else { continue };
        if from > now || until.is_some_and(|until| until <= now) {
            continue;
        }
        // Only wishes say anything in what is sealed beside the number.
        let private = if list == List::Preference { list::opened(key, id, row.slice(at + 2)?)?.1 } else { list::Private::default() };
        list::say(&mut said, list, row.str(at + 3)?, private);
    }
    Ok(said)
}

fn of_numbers(app: &App, tx: &mut Tx, numbers: &[Number], now: Timestamp) -> Result<Vec<(Number, Said)>> {
    let sql = "SELECT id, list, sealed, content, from_at, until_at FROM screen_entry \
               WHERE list IN (1, 2, 3, 4, 5) AND number_index = $1 AND ended_at IS NULL";
    let one = |number: &Number| {
        let rows = tx.query(sql, &params![&table::index(app, *number)?])?;
        // The key is made with the first entry: while there is none, nobody has asked for one, and a read makes none.
        if rows.is_empty() {
            return Ok((*number, Said::default()));
        }
        Ok((*number, said(&table::key(app, tx)?, &rows, 0, now)?))
    };
    numbers.iter().map(one).collect()
}

/// When the lists next change by themselves.
fn next_change(tx: &mut Tx, now: Timestamp) -> Result<Option<Timestamp>> {
    let begins = "SELECT MIN(from_at) FROM screen_entry WHERE ended_at IS NULL AND from_at > at AND from_at > $1";
    let ends = "SELECT MIN(until_at) FROM screen_entry WHERE ended_at IS NULL AND until_at IS NOT NULL AND until_at > $1";
    let first = tx.query_one(begins, &params![now])?.opt_timestamp(0)?;
    let second = tx.query_one(ends, &params![now])?.opt_timestamp(0)?;
    Ok(first.into_iter().chain(second).min())
}

impl Draft {
    /// What the next version will say.
    ///
    /// # Errors
    /// The store does not answer: nothing has changed.
    pub(super) async fn make(app: &App, now: Timestamp) -> Result<Self> {
        let reader = app.clone();
        let (newest, fingerprint, through, next_change) = app
            .read(move |tx| {
                let newest = match snapshot::newest(tx)? {
                    Some(version) => snapshot::fetch(&reader, tx, version)?.unwrap_or_else(|| Stored::nothing(version)),
                    None => Stored::nothing(0),
                };
                let (fingerprint, through) = compile::fingerprint(tx)?;
                Ok((newest, fingerprint, through, next_change(tx, now)?))
            })
            .await?;
        let mut draft = Self {
            from: newest.version,
            base: base::load(app, newest.base).await?,
            delta: newest.delta.iter().collect(),
            own: BTreeMap::new(),
            content: newest.content,
            refused: newest.refused,
            tally: Tally::default(),
            lines: Changes::default(),
            fingerprint,
            through,
            seen_at: now,
            next_change,
            read: 0,
            written: 0,
        };
        draft.own.extend(std::mem::take(&mut draft.content.own).into_iter().map(|own| (own.number, Some(own))));
        draft.own.extend(std::mem::take(&mut draft.content.gone).into_iter().map(|number| (number, None)));
        if newest.fingerprint != draft.fingerprint {
            draft.compile_content(app, now).await?;
        }
        let touched = [Touched::Changed(newest.through, through), Touched::Began(newest.seen_at, now), Touched::Ended(newest.seen_at, now)];
        for touched in touched {
            let mut after = None;
            loop {
                let reader = app.clone();
                let (said, mark) = app.read(move |tx| touched.page(&reader, tx, after, now)).await?;
                if mark.is_none() {
                    break;
                }
                after = mark;
                draft.take(app, said).await?;
            }
        }
        Ok(draft)
    }

    /// Lines and modes anew, and numbers the ledger says something else of.
    async fn compile_content(&mut self, app: &App, now: Timestamp) -> Result<()> {
        let writer = app.clone();
        let (content, refused, fingerprint) = app
            .write(move |tx| {
                let (content, refused) = compile::content(&writer, tx, now)?;
                Ok::<_, Failure>((content, refused, compile::fingerprint(tx)?.0))
            })
            .await?;
        self.lines = change::of_content(&self.content, &content);
        let old = std::mem::replace(&mut self.content, content);
        (self.refused, self.fingerprint) = (refused, fingerprint);
        let (before, after) = (&old.registered, &self.content.registered);
        let other: BTreeSet<u64> = before.keys().chain(after.keys()).copied().filter(|one| before.get(one) != after.get(one)).collect();
        let numbers: Vec<Number> = other.into_iter().filter_map(Number::new).collect();
        for numbers in numbers.chunks(LOOKED_UP) {
            let (reader, numbers) = (app.clone(), numbers.to_vec());
            let said = app.read(move |tx| of_numbers(&reader, tx, &numbers, now)).await?;
            self.take(app, said).await?;
        }
        Ok(())
    }

    async fn take(&mut self, app: &App, said: Vec<(Number, Said)>) -> Result<()> {
        self.read += said.len() as u64;
        for (number, said) in said {
            self.set(number, said);
        }
        if self.delta.len() + self.own.len() > AT_ONCE {
            self.merge(app).await?;
        }
        Ok(())
    }

    fn set(&mut self, number: Number, said: Said) {
        let mut marks = said.marks;
        if marks.category() == Category::None
            && let Some(category) = self.content.registered.get(&number.value())
        {
            marks = marks.with_category(*category);
        }
        let refused = said.own.refused.iter().map(|number| number.value()).collect();
        let own = (marks.hours() == Hours::Own).then(|| Own { number: number.value(), hours: said.hours, quiet: said.own.quiet, refused });
        let base = self.base.index.get(number).unwrap_or_default();
        let before = self.delta.get(&number).copied().unwrap_or(base);
        let base_own = self.base.own.get(&number.value());
        let before_own = self.own.get(&number.value()).map_or(base_own, Option::as_ref);
        self.tally.differ(number, (before, marks), before_own != own.as_ref());
        if marks == base {
            self.delta.remove(&number);
        } else {
            self.delta.insert(number, marks);
        }
        if own.as_ref() == base_own {
            self.own.remove(&number.value());
        } else {
            self.own.insert(number.value(), own);
        }
    }

    async fn merge(&mut self, app: &App) -> Result<()> {
        self.base = Arc::new(self.base.merged(app, &self.delta, &self.own).await?);
        self.delta.clear();
        self.own.clear();
        Ok(())
    }

    /// Builds the base anew where too much stands beside it, and puts it into the store.
    pub(super) async fn settle(&mut self, app: &App) -> Result<()> {
        let beside = (self.delta.len() + self.own.len()) as u64;
        let merged = self.base.number == 0 && !self.base.index.is_empty();
        if beside <= app.config.screening.beside.max(self.base.index.len() / PART_BESIDE) && !merged {
            return Ok(());
        }
        if beside > 0 {
            self.merge(app).await?;
        }
        self.base = self.base.keep(app, self.seen_at).await?;
        self.written += self.base.index.size() as u64;
        Ok(())
    }

    /// Content and numbers as they are kept, and what the version differs in.
    pub(super) fn finish(mut self) -> Result<Finished> {
        let delta = self.delta.iter().fold(Builder::with_capacity(self.delta.len()), |mut builder, (number, marks)| {
            builder.push(*number, *marks);
            builder
        });
        let delta = delta.finish().map_err(Failure::internal)?;
        let active = self.content.trunks.iter().filter(|trunk| trunk.active).count() as u64;
        let net = |held: u64, more: usize, less: usize| (held + more as u64).saturating_sub(less as u64);
        let new =
            self.delta.iter().filter(|(number, marks)| **marks != Marks::default() && self.base.index.get(**number).is_none()).count();
        let gone = self.delta.values().filter(|marks| **marks == Marks::default()).count();
        let new_own = self.own.iter().filter(|(number, own)| own.is_some() && !self.base.own.contains_key(number)).count();
        let gone_own = self.own.values().filter(|own| own.is_none()).count();
        for (number, own) in std::mem::take(&mut self.own) {
            match own {
                Some(own) => self.content.own.push(own),
                None => self.content.gone.push(number),
            }
        }
        let head = compile::bytes_of(&self.content)?;
        let counts = Counts {
            trunks: active,
            closed: self.content.trunks.len() as u64 - active,
            numbers: net(self.base.index.len(), new, gone),
            own: net(self.base.own.len() as u64, new_own, gone_own),
            modes: self.content.modes.len() as u64,
            base: self.base.number,
            delta: self.delta.len() as u64,
            read: self.read,
            written: self.written + (head.len() + delta.len()) as u64,
        };
        let changes =
            Changes { lists: std::mem::take(&mut self.tally).lists(), refused: self.refused.clone(), ..std::mem::take(&mut self.lines) };
        Ok(Finished {
            from: self.from,
            hash: compile::hash(&head, &delta, &self.base.hash),
            head,
            delta,
            base: self.base.number,
            counts,
            changes,
            fingerprint: self.fingerprint,
            through: self.through,
            seen_at: self.seen_at,
            next_change: self.next_change.map_or(i64::MAX, |at| at.0),
        })
    }
}

/// A version before it has a number.
pub(super) struct Finished {
    /// The version it was made from.
    pub(super) from: i64,
    /// Content, as it is kept.
    pub(super) head: Vec<u8>,
    /// What stands beside the base, as it is kept.
    pub(super) delta: Vec<u8>,
    pub(super) base: i64,
    pub(super) hash: String,
    pub(super) counts: Counts,
    pub(super) changes: Changes,
    pub(super) fingerprint: String,
    pub(super) through: i64,
    pub(super) seen_at: Timestamp,
    pub(super) next_change: i64,
}
