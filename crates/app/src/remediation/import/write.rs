//! 落库: the one way a number of the old base gets into the record. Everything a transaction must know is asked in a few statements for all its
//! rows, everything it writes goes in by table.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
};

use chuangsha_kernel::{Timestamp, id::SubjectId, time::DAY_MS};
use chuangsha_store::{Param, Row, Tx, params};
use chuangsha_vault::{DataKey, Domain, shelf};
use ring::digest::{Context, SHA256};
use uuid::Uuid;

use super::{
    code,
    row::Reject,
    seal::{self, Batch, Person, Ready},
};
use crate::{
    App,
    figures::{Cell, Metric},
    platform::failure::{Failure, Result},
    registration::table::NumberState,
    remediation::kind::Kind,
};

/// Older registrations count as of this many days ago: the overview looks back a quarter.
const OLDEST_DAYS: i64 = 90;

/// Looked up by a blind index, or by one and what parts its few entries.
type Keyed<V, K = [u8; 16]> = HashMap<K, V, BuildHasherDefault<Uniform>>;

/// A blind index is as good as drawn, and nobody who lacks the key can choose one: its own bytes say where it goes.
#[derive(Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn write(&mut self, bytes: &[u8]) {
        if self.0 == 0 {
            self.0 = bytes.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
        }
    }

    /// The length of a key: the same for all.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What became of the rows of a transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Landed {
    /// Numbers that are new.
    pub landed: u64,
    /// Numbers that were there already, under the same person.
    pub known: u64,
    /// Rows refused, by the file or by the record.
    pub rejects: Vec<Reject>,
    /// New findings of each kind, a to d.
    pub findings: [u64; 4],
    /// SHA-256 over what landed, for the log.
    pub hash: [u8; 32],
}

/// Asks for many keys at once.
fn look_up(
    tx: &mut Tx,
    keys: &[[u8; 16]],
    sql: &str,
    third: Option<Param<'_>>,
    mut take: impl FnMut([u8; 16], &Row) -> Result<()>,
) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let joined = keys.concat();
    let mut values = params![&joined, i64::try_from(keys.len()).unwrap_or(i64::MAX)].to_vec();
    values.extend(third);
    let asked = format!("{} {sql}", tx.wanted());
    for row in tx.query(&asked, &values)? {
        let key = row.slice(0)?.try_into().map_err(|_| Failure::internal("a key of the record has another length"))?;
        take(key, &row)?;
    }
    Ok(())
}

/// 预查: keys of a transaction's rows that may stand in the record: what a look beforehand found, and what the transaction before it names. Only
/// those are asked for again inside it. Any other is new; should somebody have written it in between, a unique key of the tables refuses the
/// whole transaction, and it is decided anew with every key asked for.
#[derive(Debug, Default)]
pub struct Seen {
    numbers: HashSet<[u8; 16]>,
    persons: HashSet<[u8; 16]>,
}

fn number_keys(batches: &[Batch]) -> impl Iterator<Item = [u8; 16]> {
    batches.iter().flat_map(|batch| batch.ready.iter().map(|ready| ready.number_index))
}

fn person_keys(batches: &[Batch]) -> impl Iterator<Item = [u8; 16]> {
    batches.iter().flat_map(|batch| batch.persons.iter().filter_map(|person| person.key))
}

/// In the order of the index: what lies beside each other is read once.
fn in_order(keys: impl Iterator<Item = [u8; 16]>) -> Vec<[u8; 16]> {
    let mut keys: Vec<_> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Looks beforehand, while the transaction before is written.
///
/// # Errors
/// The record fails.
pub fn foresee(tx: &mut Tx, batches: &[Batch], before: &[Batch]) -> Result<Seen> {
    let (numbers, persons) = (in_order(number_keys(batches)), in_order(person_keys(batches)));
    let mut seen = Seen::default();
    look_up(tx, &numbers, "SELECT w.k FROM wanted w CROSS JOIN number_pool p WHERE p.number_index = w.k", None, |key, _| {
        seen.numbers.insert(key);
        Ok(())
    })?;
    look_up(tx, &persons, "SELECT w.k FROM wanted w CROSS JOIN person p WHERE p.person_key = w.k", None, |key, _| {
        seen.persons.insert(key);
        Ok(())
    })?;
    seen.numbers.extend(number_keys(before).filter(|key| numbers.binary_search(key).is_ok()));
    seen.persons.extend(person_keys(before).filter(|key| persons.binary_search(key).is_ok()));
    Ok(seen)
}

/// A number the record knows.
struct Number {
    pool: Uuid,
    free: bool,
    /// Its subscription's person, when it is in service.
    served: Option<Option<[u8; 16]>>,
}

/// A person the record knows.
struct Known {
    subject: SubjectId,
    /// What their numbers are counted under.
    counted: [u8; 16],
    wrapped: Option<Vec<u8>>,
    bucket: String,
}

/// Subject and sealed texts of each of a row's parties.
type Parties<'a> = Vec<(SubjectId, Cow<'a, [Vec<u8>; 3]>)>;

/// A row that lands.
struct Landing<'a> {
    ready: &'a Ready,
    pool: Option<Uuid>,
    parties: Parties<'a>,
    person_key: Option<[u8; 16]>,
    slot: Option<i64>,
}

/// Everybody of a transaction, as they stand while its rows are decided one after the other.
struct Persons<'a> {
    app: &'a App,
    known: Keyed<Known>,
    opened: Keyed<DataKey>,
    fresh: Keyed<&'a Person>,
    new: Vec<&'a Person>,
    slots: Keyed<i64, ([u8; 16], &'static str)>,
}

/// What a transaction is to write.
struct Decided<'a> {
    landings: Vec<Landing<'a>>,
    new: Vec<&'a Person>,
    landed: Landed,
}

/// Decides what would land, without writing: for a trial.
///
/// # Errors
/// The record or the vault fails.
pub fn weigh(app: &App, tx: &mut Tx, batches: &[Batch]) -> Result<Landed> {
    Ok(decide(app, tx, batches, None, false)?.landed)
}

/// Lands what may land. `import` is the run that brought it, for the findings; `seen` is what [`foresee`] found, where somebody looked.
///
/// # Errors
/// The record or the vault fails; nothing of the transaction stays then. A key that was new when it was looked for is taken by now.
pub fn land(app: &App, tx: &mut Tx, batches: &[Batch], seen: Option<&Seen>, import: Option<Uuid>, now: Timestamp) -> Result<Landed> {
    let decided = decide(app, tx, batches, seen, true)?;
    write(app, tx, &decided, import, now)?;
    Ok(decided.landed)
}

/// Lands numbers that no file brought: the base of the demo, of a test. The same checks, the same tables.
///
/// # Errors
/// As [`land`]; one of them may not land.
pub fn bring(app: &App, tx: &mut Tx, subscribers: Vec<super::row::Subscriber>, now: Timestamp) -> Result<Landed> {
    let pool = std::sync::Arc::new(app.pool_key(tx)?);
    let batch = seal::Sealer::new(app, pool, now).rows(subscribers)?;
    let landed = land(app, tx, &[batch], None, None, now)?;
    match landed.rejects.first() {
        None => Ok(landed),
        Some(reject) => Err(Failure::internal(format!("a made-up number was refused: {}", reject.code.id))),
    }
}

fn decide<'a>(app: &'a App, tx: &mut Tx, batches: &'a [Batch], seen: Option<&Seen>, seal_again: bool) -> Result<Decided<'a>> {
    let rows = batches.iter().map(|batch| batch.ready.len()).sum();
    let numbers = in_order(number_keys(batches).filter(|key| seen.is_none_or(|seen| seen.numbers.contains(key))));
    let mut taken: Keyed<Number> = Keyed::with_capacity_and_hasher(rows, BuildHasherDefault::default());
    look_up(
        tx,
        &numbers,
        "SELECT w.k, p.id, p.state, s.state, s.person_key FROM wanted w CROSS JOIN number_pool p LEFT JOIN subscription s ON s.id = p.holder \
         WHERE p.number_index = w.k",
        None,
        |key, row| {
            let served = match row.opt_int(3)? {
                Some(1) => Some(row.opt_bytes(4)?.and_then(|bytes| bytes.try_into().ok())),
                _ => None,
            };
            let free = row.int(2)? == NumberState::Free as i64 && row.opt_int(3)?.is_none();
            taken.insert(key, Number { pool: row.uuid(1)?, free, served });
            Ok(())
        },
    )?;
    let mut persons = Persons::of(app, tx, batches, seen)?;
    let mut hash = Context::new(&SHA256);
    let (mut landings, mut landed) = (Vec::with_capacity(rows), Landed::default());
    for batch in batches {
        landed.rejects.extend(batch.rejects.iter().cloned());
        for ready in &batch.ready {
            let counted = persons.counted(batch, ready);
            let reject = |field, code| Reject { row: ready.subscriber.row, field, code, data: BTreeMap::new() };
            let mut pool = None;
            if let Some(number) = taken.get(&ready.number_index) {
                if number.served == Some(counted) {
                    landed.known += 1;
                    continue;
                }
                if !number.free {
                    let code = if number.served.is_some() { &code::NUMBER_TAKEN } else { &code::NUMBER_BUSY };
                    landed.rejects.push(reject("number", code));
                    continue;
                }
                pool = Some(number.pool);
            }
            let Some(parties) = persons.parties(tx, batch, ready, seal_again)? else {
                landed.rejects.push(reject("document_number", &code::PERSON_GONE));
                continue;
            };
            let slot = counted.map(|key| persons.slot(key, ready.subscriber.product.quota_class()));
            taken.insert(ready.number_index, Number { pool: ready.number_id, free: false, served: Some(counted) });
            hash.update(ready.id.as_bytes());
            hash.update(&ready.number_index);
            landed.landed += 1;
            if let Some((kind, _)) = ready.subscriber.finding {
                let [a, b, c, d] = &mut landed.findings;
                *match kind {
                    Kind::Unverified => a,
                    Kind::Incomplete => b,
                    Kind::HolderDiffers => c,
                    Kind::GroupCard => d,
                } += 1;
            }
            landings.push(Landing { ready, pool, parties, person_key: counted, slot });
        }
    }
    landed.hash.copy_from_slice(hash.finish().as_ref());
    Ok(Decided { landings, new: persons.new, landed })
}

impl<'a> Persons<'a> {
    fn of(app: &'a App, tx: &mut Tx, batches: &'a [Batch], seen: Option<&Seen>) -> Result<Self> {
        let keys = in_order(person_keys(batches).filter(|key| seen.is_none_or(|seen| seen.persons.contains(key))));
        let mut known = Keyed::default();
        look_up(
            tx,
            &keys,
            "SELECT w.k, p.subject, COALESCE(l.to_key, p.person_key), d.wrapped, d.bucket FROM wanted w CROSS JOIN person p \
             LEFT JOIN person_link l ON l.from_key = p.person_key LEFT JOIN data_key d ON d.subject = p.subject AND d.domain = $3 \
             WHERE p.person_key = w.k",
            Some(Param::from(i64::from(Domain::Identity.byte()))),
            |key, row| {
                let counted = row.slice(2)?.try_into().map_err(|_| Failure::internal("person_link.to_key has another length"))?;
                let bucket = row.opt_text(4)?.unwrap_or_default();
                known.insert(key, Known { subject: SubjectId(row.uuid(1)?), counted, wrapped: row.opt_bytes(3)?, bucket });
                Ok(())
            },
        )?;
        let mut counted: Vec<[u8; 16]> = known.values().map(|known: &Known| known.counted).collect();
        counted.sort_unstable();
        counted.dedup();
        let people = batches.iter().map(|batch| batch.persons.len()).sum();
        let mut slots = Keyed::with_capacity_and_hasher(people, BuildHasherDefault::default());
        let classes = crate::registration::order::Product::ALL.map(crate::registration::order::Product::quota_class);
        look_up(
            tx,
            &counted,
            "SELECT w.k, q.class, MAX(q.slot) FROM wanted w CROSS JOIN quota_slot q WHERE q.operator = $3 AND q.person_key = w.k \
             GROUP BY w.k, q.class",
            Some(Param::from(app.config.operator.code.as_str())),
            |key, row| {
                if let Some(class) = classes.iter().find(|class| row.str(1).is_ok_and(|text| text == **class)) {
                    slots.insert((key, *class), row.int(2)?);
                }
                Ok(())
            },
        )?;
        let fresh = Keyed::with_capacity_and_hasher(people, BuildHasherDefault::default());
        Ok(Self { app, known, opened: Keyed::default(), fresh, new: Vec::with_capacity(people), slots })
    }

    /// The person a number is counted on: a natural person, never an organisation (`R-LIM-2`).
    fn counted(&self, batch: &Batch, ready: &Ready) -> Option<[u8; 16]> {
        let first = ready.recorded.first().filter(|recorded| recorded.holder.role == "holder")?;
        let key = batch.persons.get(first.person)?.key?;
        Some(self.known.get(&key).map_or(key, |known| known.counted))
    }

    /// The next slot. What a person of the old base has beyond the limit is kept; nothing new is given while it stands (`L-LIM-1`).
    fn slot(&mut self, key: [u8; 16], class: &'static str) -> i64 {
        let last = self.slots.entry((key, class)).or_default();
        *last += 1;
        *last
    }

    /// Subjects and sealed texts of a row; `None` when a person's data was destroyed and may not be sealed again.
    fn parties(&mut self, tx: &mut Tx, batch: &'a Batch, ready: &'a Ready, seal_again: bool) -> Result<Option<Parties<'a>>> {
        let mut parties = Vec::with_capacity(ready.recorded.len());
        for recorded in &ready.recorded {
            let Some(person) = batch.persons.get(recorded.person) else { continue };
            let Some(key) = person.key else {
                self.new.push(person);
                parties.push((person.subject, Cow::Borrowed(&recorded.sealed)));
                continue;
            };
            if let Some(known) = self.known.get(&key) {
                if seal_again && !self.opened.contains_key(&key) {
                    match self.app.key_known(tx, known) {
                        Ok(data) => drop(self.opened.insert(key, data)),
                        Err(Failure::Vault(chuangsha_vault::VaultError::Destroyed(_))) => return Ok(None),
                        Err(failure) => return Err(failure),
                    }
                }
                let sealed = self.opened.get(&key).map(|data| seal::sealed(data, &recorded.holder)).transpose()?;
                parties.push((known.subject, sealed.map_or(Cow::Borrowed(&recorded.sealed), Cow::Owned)));
                continue;
            }
            match self.fresh.get(&key) {
                // Named in an earlier batch of the same transaction: theirs is the key that counts.
                Some(first) if first.subject != person.subject => {
                    parties.push((first.subject, Cow::Owned(seal::sealed(&first.data, &recorded.holder)?)));
                }
                Some(_) => parties.push((person.subject, Cow::Borrowed(&recorded.sealed))),
                None => {
                    self.fresh.insert(key, person);
                    self.new.push(person);
                    parties.push((person.subject, Cow::Borrowed(&recorded.sealed)));
                }
            }
        }
        Ok(Some(parties))
    }
}

impl App {
    fn key_known(&self, tx: &mut Tx, known: &Known) -> Result<DataKey> {
        match &known.wrapped {
            Some(wrapped) if known.bucket.is_empty() => Ok(self.vault.open_key(known.subject.0, Domain::Identity, wrapped)?),
            // On another shelf, or never made: the long way, which knows what to do.
            _ => self.key_of(tx, known.subject.0, Domain::Identity),
        }
    }
}

fn write(app: &App, tx: &mut Tx, decided: &Decided<'_>, import: Option<Uuid>, now: Timestamp) -> Result<()> {
    let operator = app.config.operator.code.as_str();
    let identity = i64::from(Domain::Identity.byte());
    let shelves = decided.new.iter().map(|person| Ok(shelf(&person.wrapped)?.1)).collect::<Result<Vec<_>>>()?;
    let buckets: Vec<String> = shelves.iter().map(|shelf| shelf.bucket_text().unwrap_or_default()).collect();
    let keys = decided.new.iter().zip(&shelves).zip(&buckets).map(|((person, shelf), bucket)| {
        params![person.subject.as_bytes(), identity, &person.wrapped, bucket, i64::from(shelf.kek_version())]
    });
    tx.bulk("data_key", "subject, domain, wrapped, bucket, kek_version", keys)?;
    let persons = decided.new.iter().filter_map(|person| person.key.as_ref().map(|key| (key, person.subject)));
    // A blind index falls anywhere: in its own order a page of its tree is written once and not once a row.
    let mut persons: Vec<_> = persons.collect();
    persons.sort_unstable();
    let persons = persons.iter().map(|(key, subject)| params![key.as_slice(), subject.as_bytes(), now]);
    tx.bulk("person", "person_key, subject, created_at", persons)?;

    let landings = &decided.landings;
    for landing in landings.iter().filter(|landing| landing.pool.is_some()) {
        let (pool, id) = (landing.pool.unwrap_or_default(), landing.ready.id);
        crate::registration::table::move_number(tx, pool, NumberState::Free, NumberState::InUse, Some(id))?;
    }
    let mut fresh: Vec<&Landing<'_>> = landings.iter().filter(|landing| landing.pool.is_none()).collect();
    fresh.sort_unstable_by_key(|landing| landing.ready.number_index);
    let numbers = fresh.iter().map(|landing| {
        let (ready, of) = (landing.ready, &landing.ready.subscriber);
        params![
            &ready.number_id,
            &ready.number_index,
            &ready.number_sealed,
            &of.region,
            of.product as i64,
            NumberState::InUse as i64,
            &ready.id
        ]
    });
    tx.bulk("number_pool", "id, number_index, number_sealed, region, product, state, holder", numbers)?;
    let lines = landings.iter().map(|landing| {
        let (ready, of) = (landing.ready, &landing.ready.subscriber);
        params![
            &ready.id,
            landing.pool.as_ref().unwrap_or(&ready.number_id),
            landing.parties.first().map(|(subject, _)| subject.as_bytes()),
            landing.person_key.as_ref().map(<[u8; 16]>::as_slice),
            &of.region,
            of.channel_kind as i64,
            of.product as i64,
            i64::from(of.finding.is_none()),
            1_i64,
            Timestamp::start_of(of.since)
        ]
    });
    let columns = "id, number_id, subject, person_key, region, channel_kind, product, real_name, state, since";
    tx.bulk("subscription", columns, lines)?;
    let counted = |landing: &'_ Landing<'_>| {
        Some((landing.person_key?, landing.ready.subscriber.product.quota_class(), landing.slot?, landing.ready.id))
    };
    let mut slots: Vec<_> = landings.iter().filter_map(counted).collect();
    slots.sort_unstable();
    let slots = slots.iter().map(|(key, class, slot, holder)| params![operator, key.as_slice(), *class, *slot, holder, 1_i64]);
    tx.bulk("quota_slot", "operator, person_key, class, slot, holder, posted", slots)?;
    write_parties(tx, landings)?;
    let findings = landings.iter().filter_map(|landing| {
        let of = &landing.ready.subscriber;
        let (kind, reason) = of.finding?;
        Some(params![&landing.ready.id, kind as i64, reason, now, &of.region, of.channel_kind as i64, import.as_ref()])
    });
    tx.bulk("base_finding", "subscription, kind, reason, found_at, region, channel_kind, batch", findings)?;
    count(app, tx, landings, now)
}

fn write_parties(tx: &mut Tx, landings: &[Landing<'_>]) -> Result<()> {
    // The base was registered before this system: its subscription stands where an order would.
    let days: Vec<[Option<String>; 2]> = landings
        .iter()
        .flat_map(|landing| landing.ready.recorded.iter())
        .map(|recorded| [recorded.holder.valid_from, recorded.holder.valid_until].map(|day| day.map(|day| day.to_string())))
        .collect();
    let parties = landings.iter().flat_map(|landing| landing.ready.recorded.iter().zip(&landing.parties).map(move |pair| (landing, pair)));
    let rows = parties.zip(&days).map(|((landing, (recorded, (subject, sealed))), [from, until])| {
        let [name, number, address] = sealed.as_ref();
        params![
            &landing.ready.id,
            recorded.holder.role,
            subject.as_bytes(),
            recorded.holder.kind.as_str(),
            &recorded.index,
            name,
            number,
            address,
            from.as_deref(),
            until.as_deref()
        ]
    });
    let columns = "order_id, role, subject, document, number_index, name, number, address, valid_from, valid_until";
    Ok(tx.bulk("registration_party", columns, rows)?)
}

/// The figures of the base, one line a cell and not one a number.
fn count(app: &App, tx: &mut Tx, landings: &[Landing<'_>], now: Timestamp) -> Result<()> {
    let oldest = now.plus_ms(-OLDEST_DAYS * DAY_MS).day();
    let mut cells: BTreeMap<Cell, [i64; 4]> = BTreeMap::new();
    for landing in landings {
        let of = &landing.ready.subscriber;
        let cell = Cell { day: of.since.max(oldest), region: of.region.clone(), channel_kind: of.channel_kind as i64 };
        let (recent, known) = (i64::from(of.since > oldest), i64::from(of.finding.is_none()));
        for (count, more) in cells.entry(cell).or_default().iter_mut().zip([1, known, recent, recent * known]) {
            *count += more;
        }
    }
    let metrics = [Metric::Base, Metric::BaseRealName, Metric::NewCustomers, Metric::NewRealName];
    let mut lines = Vec::new();
    for (cell, counts) in &cells {
        for (metric, count) in metrics.into_iter().zip(counts).filter(|(_, count)| **count > 0) {
            lines.push((app.ids.next(now), cell.day.to_string(), cell, metric as i64, *count));
        }
    }
    let rows = lines.iter().map(|(id, day, cell, metric, count)| params![id, day, &cell.region, cell.channel_kind, *metric, *count]);
    Ok(tx.bulk("figure_delta", "id, day, region, channel_kind, metric, delta", rows)?)
}
