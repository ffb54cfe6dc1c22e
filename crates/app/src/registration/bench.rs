//! 性能: what measuring the registration needs of its tables: a record of a million orders, written fast, and the rows of one order without
//! any decision behind them.

use chuangsha_kernel::{
    document::DocumentKind,
    id::{OrderId, OrganisationId, StaffId, SubjectId},
    time::{DAY_MS, MINUTE_MS, Timestamp},
};
use chuangsha_store::{Param, Store, StoreError, Tx, outbox, params};
use chuangsha_vault::Domain;
use uuid::Uuid;

use super::{
    desk::place,
    order::{Check, Customer, Mode, Order, Product, State, Who},
    table::{self, NumberState},
};
use crate::{
    App, channels, figures,
    platform::{
        failure::{Failure, Result},
        keys,
    },
};

/// Orders written in one transaction.
const BATCH: u32 = 10_000;
/// Rows of one statement: more save little, and SQLite finds a placeholder by its name the slower the more there are.
const ROWS: usize = 8;
/// Persons the orders are spread over; each has one sealed name.
const PERSONS: usize = 1_000;
/// Auditors who hold the oldest orders of the queue, so that the next one is behind all of theirs.
const HELD: u32 = 300;

const ORDER: &str = "id, code, state, version, customer, product, mode, region, channel_kind, captured_by, captured_organisation, number_id, \
     subject, person_key, slot, document, check_result, face_score, lease_staff, lease_organisation, lease_until, decided_staff, \
     decided_organisation, created_at, expires_at, submitted_at, decided_at, activated_at, updated_at";
const NUMBER: &str = "id, number_index, number_sealed, region, product, state, holder";
const PARTY: &str = "order_id, role, subject, document, number_index, name, number, address";

/// Where and by whom the loaded orders were captured and audited.
#[derive(Debug, Clone)]
pub struct Cast {
    /// Outlets that capture.
    pub outlets: Vec<channels::Channel>,
    /// The centre that audits.
    pub audit_centre: OrganisationId,
}

/// One of the persons.
struct Person {
    subject: SubjectId,
    sealed: [Vec<u8>; 3],
}

/// Writes `count` orders of the year before `now`: nine in ten long activated, the newest two in a hundred open in every state, in the
/// proportions of a working day; `done` hears how many are written. No pictures, slots or log entries: no list reads them.
///
/// # Errors
/// The store fails.
pub async fn load(app: &App, cast: &Cast, count: u32, now: Timestamp, mut done: impl FnMut(u32)) -> Result<()> {
    let writer = app.clone();
    let persons = app.store.write(move |tx| (0..PERSONS).map(|_| person(&writer, tx, now)).collect::<Result<Vec<_>>>()).await?;
    let persons = std::sync::Arc::new(persons);
    // Rows in the order of their keys are appended; the indexes are sorted once behind them instead of touched at random by each.
    let set_aside = |tx: &mut Tx<'_>| indexes().try_for_each(|(name, _)| tx.execute(&format!("DROP INDEX {name}"), &[]).map(drop));
    app.store.write(set_aside).await?;
    for from in (0..count).step_by(BATCH as usize) {
        let until = count.min(from + BATCH);
        let (app, cast, persons) = (app.clone(), cast.clone(), std::sync::Arc::clone(&persons));
        let store = app.store.clone();
        store.write(move |tx| batch(&app, tx, &cast, &persons, from..until, count, now)).await?;
        done(until - from);
    }
    let bring_back = |tx: &mut Tx<'_>| indexes().try_for_each(|(_, create)| tx.execute(create, &[]).map(drop));
    app.store.write(bring_back).await.map_err(Failure::from)
}

const ENTRY: &str = "id, seq, at, action, case_kind, case_id, staff, organisation, leaf, leaf_hash, sealed, facts";

/// Writes `count` entries of the year before `now` into the log, in the proportions of a working day. They are copies of the newest entry and
/// far behind the tree, which takes no notice of them: a list reads them, nothing proves them.
///
/// # Errors
/// The store fails, or has no entry to copy.
pub async fn load_log(app: &App, count: u32, now: Timestamp, mut done: impl FnMut(u32)) -> Result<()> {
    let read = "SELECT leaf, leaf_hash, sealed, facts FROM audit_entry ORDER BY id DESC LIMIT 1";
    let found = app.read(move |tx| {
        let row = tx.query_one(read, &[])?;
        Ok((row.bytes(0)?, row.bytes(1)?, row.bytes(2)?, row.text(3)?))
    });
    let found = std::sync::Arc::new(found.await?);
    for from in (0..count).step_by(BATCH as usize) {
        let until = count.min(from + BATCH);
        let found = std::sync::Arc::clone(&found);
        let write = move |tx: &mut Tx<'_>| {
            for first in (from..until).step_by(ROWS) {
                let made: Vec<_> = (first..until.min(first + ROWS as u32))
                    .map(|index| {
                        let age = i64::from(count - 1 - index);
                        let at = now.plus_ms(-(365 * DAY_MS / i64::from(count.max(1))) * age - MINUTE_MS);
                        (id(at, index, 3), at.0, i64::from(index) + (1 << 40), index)
                    })
                    .collect();
                let values: Vec<Param<'_>> = made
                    .iter()
                    .flat_map(|(id, at, seq, index)| {
                        let action = match index.wrapping_mul(2_654_435_761) >> 16 & 1_023 {
                            0..1 => "reveal.field",
                            1..300 => "image.view",
                            300..500 => "order.claim",
                            500..700 => "order.approve",
                            _ => "order.capture",
                        };
                        [
                            Param::from(id.as_bytes().as_slice()),
                            Param::from(*seq),
                            Param::from(*at),
                            Param::from(action),
                            Param::from("order"),
                            Param::from(id.as_bytes().as_slice()),
                            Param::from(id.as_bytes().as_slice()),
                            Param::from(id.as_bytes().as_slice()),
                            Param::from(found.0.as_slice()),
                            Param::from(found.1.as_slice()),
                            Param::from(found.2.as_slice()),
                            Param::from(found.3.as_str()),
                        ]
                    })
                    .collect();
                insert(tx, "audit_entry", ENTRY, &values)?;
            }
            Ok::<_, Failure>(())
        };
        app.store.write(write).await?;
        done(until - from);
    }
    Ok(())
}

/// Name and statement of each index of the loaded tables that constrains nothing.
fn indexes() -> impl Iterator<Item = (&'static str, &'static str)> {
    let dropped = |name: &str| table::DDL_2.contains(&format!("DROP INDEX {name};"));
    let made = |text: &'static str| text.split(';').filter_map(|sql| Some((sql.trim().strip_prefix("CREATE INDEX ")?, sql.trim())));
    let named = |(rest, create): (&'static str, &'static str)| rest.split_once(' ').map(|(name, _)| (name, create));
    made(table::DDL).filter_map(named).filter(move |(name, _)| !dropped(name)).chain(made(table::DDL_2).filter_map(named))
}

fn person(app: &App, tx: &mut Tx<'_>, now: Timestamp) -> Result<Person> {
    let subject = SubjectId(app.ids.next(now));
    let key = app.key_of(tx, subject.0, Domain::Identity)?;
    let sealed = [
        keys::seal(&key, place::NAME, "测试甲")?,
        keys::seal(&key, place::NUMBER, "990101198001010019")?,
        keys::seal(&key, place::ADDRESS, "演示省演示一市示范区一号")?,
    ];
    Ok(Person { subject, sealed })
}

/// Sixteen bytes that grow with `at` and are spread by `index` behind it, as ids of version 7 are.
fn id(at: Timestamp, index: u32, kind: u64) -> Uuid {
    let scattered = (u64::from(index) << 2 | kind).wrapping_mul(0x5851_F42D_4C95_7F2D);
    Uuid::from_u128(u128::from(at.0.unsigned_abs()) << 80 | 0x7000_8000_u128 << 48 << 16 | u128::from(scattered))
}

/// State of the order at this place of the year, `age` counted from the newest.
fn state(index: u32, age: u32, count: u32) -> State {
    let draw = index.wrapping_mul(2_654_435_761) >> 16;
    let open = count / 50;
    if age >= open {
        return match draw % 1_000 {
            0..900 => State::Activated,
            900..940 => State::Rejected,
            940..970 => State::Cancelled,
            970..997 => State::Expired,
            _ => State::Returned,
        };
    }
    if age >= open - HELD.min(open / 4) {
        return State::Auditing;
    }
    match draw % 100 {
        0..60 => State::Submitted,
        60..70 => State::Returned,
        70..73 => State::Escalated,
        73..78 => State::Draft,
        78..83 => State::Reserved,
        83..86 => State::Captured,
        86..88 => State::DeliveryPending,
        _ => State::Activated,
    }
}

fn batch(
    app: &App,
    tx: &mut Tx<'_>,
    cast: &Cast,
    persons: &[Person],
    range: std::ops::Range<u32>,
    count: u32,
    now: Timestamp,
) -> Result<()> {
    let rows = range.map(|index| Made::new(app, tx, cast, persons, index, count, now)).collect::<Result<Vec<_>>>()?;
    for rows in rows.chunks(ROWS) {
        insert(tx, "number_pool", NUMBER, &rows.iter().flat_map(Made::number).collect::<Vec<_>>())?;
        insert(tx, "registration_order", ORDER, &rows.iter().flat_map(Made::order).collect::<Vec<_>>())?;
        let parties: Vec<Param<'_>> = rows.iter().filter(|row| row.state != State::Draft).flat_map(Made::party).collect();
        if !parties.is_empty() {
            insert(tx, "registration_party", PARTY, &parties)?;
        }
        for row in rows.iter().filter(|row| row.sampled) {
            let sql = "INSERT INTO registration_recheck (order_id, drawn_at) VALUES ($1, $2)";
            tx.push(sql, &params![row.id.as_bytes().as_slice(), row.created.0])?;
        }
    }
    Ok(())
}

/// One statement for many rows.
fn insert(tx: &mut Tx<'_>, table: &str, columns: &str, values: &[Param<'_>]) -> Result<()> {
    let width = columns.split(',').count();
    let row = |first: usize| format!("({})", (first..first + width).map(|place| format!("${}", place + 1)).collect::<Vec<_>>().join(", "));
    let rows = (0..values.len()).step_by(width).map(row).collect::<Vec<_>>().join(", ");
    Ok(tx.push(&format!("INSERT INTO {table} ({columns}) VALUES {rows}"), values)?)
}

/// Everything one loaded order's rows are made of.
struct Made<'a> {
    id: Uuid,
    number: Uuid,
    number_sealed: Vec<u8>,
    index: [u8; 16],
    code: String,
    state: State,
    channel: &'a channels::Channel,
    clerk: Uuid,
    auditor: Uuid,
    audit_centre: OrganisationId,
    person: &'a Person,
    person_key: [u8; 16],
    created: Timestamp,
    submitted: Option<i64>,
    checked: bool,
    lease_until: Option<i64>,
    sampled: bool,
}

impl<'a> Made<'a> {
    fn new(app: &App, tx: &mut Tx<'_>, cast: &'a Cast, persons: &'a [Person], index: u32, count: u32, now: Timestamp) -> Result<Self> {
        let age = count - 1 - index;
        let state = state(index, age, count);
        let created = now.plus_ms(-(365 * DAY_MS / i64::from(count.max(1))) * i64::from(age) - MINUTE_MS);
        let channel = cast.outlets.get(index as usize * 7 % cast.outlets.len().max(1)).ok_or_else(|| Failure::internal("no outlet"))?;
        let person = persons.get(index as usize * 13 % PERSONS).ok_or_else(|| Failure::internal("no person"))?;
        let number = id(created, index, 1);
        let digits = format!("199{:08}", 10_000_000 + index);
        let submitted = !matches!(state, State::Draft | State::Reserved | State::Captured | State::Cancelled | State::Expired);
        Ok(Self {
            id: id(created, index, 0),
            number,
            number_sealed: app.seal_pool_number(tx, number, &digits)?,
            index: *id(created, index, 2).as_bytes(),
            code: format!("L-{index:08}"),
            state,
            channel,
            // The clerks of an outlet, the auditors of the centre: stable, and none of them the other.
            clerk: Uuid::from_u128(channel.organisation.0.as_u128() ^ u128::from(index % 3 + 1)),
            auditor: Uuid::from_u128(cast.audit_centre.0.as_u128() ^ u128::from(index % HELD + 1)),
            audit_centre: cast.audit_centre,
            person,
            person_key: *id(Timestamp(0), index % 600_000, 3).as_bytes(),
            created,
            submitted: submitted.then_some(created.0 + MINUTE_MS / 2),
            // The authority is a little behind: the newest few are not answered yet.
            checked: submitted && !(state == State::Submitted && age < count / 5_000),
            // One in twenty is drawn for a second look; the last fortnight's wait for it.
            sampled: state == State::Activated && index.is_multiple_of(20) && age < count / 26,
            lease_until: (state == State::Auditing).then_some(now.0 + 600 * MINUTE_MS),
        })
    }

    fn order(&self) -> [Param<'_>; 29] {
        let holding = self.lease_until.is_some();
        let decided = matches!(self.state, State::Activated | State::Rejected | State::DeliveryPending);
        let named = self.state != State::Draft;
        let changed = self.created.0 + MINUTE_MS;
        let auditor = |there: bool| Param::from(there.then_some(self.auditor.as_bytes().as_slice()));
        let centre = |there: bool| Param::from(there.then_some(self.audit_centre.as_bytes()));
        let text_if = |there: bool, text: &'static str| Param::from(there.then_some(text));
        [
            Param::from(self.id.as_bytes().as_slice()),
            Param::from(self.code.as_str()),
            Param::from(self.state as i64),
            Param::from(5),
            Param::from(Customer::Individual as i64),
            Param::from(Product::Voice as i64),
            Param::from(Mode::Counter as i64),
            Param::from(self.channel.region.as_str()),
            Param::from(self.channel.kind as i64),
            Param::from(self.clerk.as_bytes().as_slice()),
            Param::from(self.channel.organisation.as_bytes()),
            Param::from(self.number.as_bytes().as_slice()),
            Param::from(named.then_some(self.person.subject.as_bytes())),
            Param::from(named.then_some(self.person_key.as_slice())),
            Param::from(named.then_some(1)),
            text_if(named, DocumentKind::ResidentId.as_str()),
            Param::from(if self.checked { Check::Match as i64 } else { Check::Waiting as i64 }),
            Param::from(self.checked.then_some(930)),
            auditor(holding),
            centre(holding),
            Param::from(self.lease_until),
            auditor(decided),
            centre(decided),
            Param::from(self.created.0),
            Param::from(self.created.0 + 400 * DAY_MS),
            Param::from(self.submitted),
            Param::from(decided.then_some(changed)),
            Param::from((self.state == State::Activated).then_some(changed)),
            Param::from(changed),
        ]
    }

    fn number(&self) -> [Param<'_>; 7] {
        let state = match self.state {
            State::Activated => NumberState::InUse,
            State::Rejected | State::Cancelled | State::Expired => NumberState::Quarantined,
            _ => NumberState::Held,
        };
        [
            Param::from(self.number.as_bytes().as_slice()),
            Param::from(self.index.as_slice()),
            Param::from(self.number_sealed.as_slice()),
            Param::from(self.channel.region.as_str()),
            Param::from(Product::Voice as i64),
            Param::from(state as i64),
            Param::from(self.id.as_bytes().as_slice()),
        ]
    }

    fn party(&self) -> [Param<'_>; 8] {
        let [name, number, address] = &self.person.sealed;
        [
            Param::from(self.id.as_bytes().as_slice()),
            Param::from("holder"),
            Param::from(self.person.subject.as_bytes()),
            Param::from(DocumentKind::ResidentId.as_str()),
            Param::from(self.person_key.as_slice()),
            Param::from(name.as_slice()),
            Param::from(number.as_slice()),
            Param::from(address.as_slice()),
        ]
    }
}

/// The id of a loaded order, for the bare look-up by primary key.
pub fn loaded_id(index: u32, count: u32, now: Timestamp) -> OrderId {
    let age = count - 1 - index;
    OrderId(id(now.plus_ms(-(365 * DAY_MS / i64::from(count.max(1))) * i64::from(age) - MINUTE_MS), index, 0))
}

/// One order by primary key and nothing else.
///
/// # Errors
/// The store fails, or has no such order.
pub async fn look_up(store: &Store, id: OrderId) -> Result<String> {
    let sql = "SELECT code FROM registration_order WHERE id = $1";
    store.read(move |tx| Ok::<_, Failure>(tx.query_one(sql, &params![id.as_bytes()])?.text(0)?)).await
}

/// The rows one order writes on its way from the counter to the network, in as many transactions, with nothing decided, sealed, drawn,
/// sent or taken up by a worker: what the store alone allows.
///
/// # Errors
/// The store fails.
pub async fn bare_order(app: &App, cast: &Cast, number: Uuid, nth: u32, now: Timestamp) -> Result<()> {
    let subject = SubjectId(app.ids.next(now));
    let person_key = *app.ids.next(now).as_bytes();
    let clerk =
        Who { staff: StaffId(app.ids.next(now)), organisation: cast.outlets.first().map_or(cast.audit_centre, |one| one.organisation) };
    let draft = Order {
        id: OrderId(app.ids.next(now)),
        code: format!("B-{nth:08}"),
        state: State::Draft,
        version: 1,
        customer: Customer::Individual,
        product: Product::Voice,
        mode: Mode::Counter,
        region: "990100".to_owned(),
        captured_by: clerk,
        subject: None,
        person_key: None,
        existing: None,
        slot: None,
        document: None,
        by_proxy: false,
        check: Check::Waiting,
        face_score: None,
        lease: None,
        decided_by: None,
        first_vote: None,
        defects: Vec::new(),
        reason: None,
        created_at: now,
        expires_at: now.plus_ms(DAY_MS),
        submitted_at: None,
        updated_at: now,
    };
    let (id, bare) = (draft.id, Bare { app: app.clone(), now, subject, id: draft.id.0 });
    let first = draft.clone();
    bare.write(move |bare, tx| {
        table::insert(tx, &first, number, 1)?;
        table::move_number(tx, number, NumberState::Free, NumberState::Held, Some(id.0))?;
        bare.entry(tx)
    })
    .await?;
    let reserved = Order {
        subject: Some(subject),
        person_key: Some(person_key),
        slot: Some(1),
        document: Some(DocumentKind::ResidentId),
        ..draft.clone()
    };
    let reserved = bare
        .step(draft, Order { state: State::Reserved, ..reserved }, move |bare, tx| {
            table::add_person(tx, &person_key, subject, bare.now)?;
            table::take_slot(tx, "demo", &person_key, "mobile", 1, id.0, false)?;
            bare.keys(tx)?;
            let blob = || vec![7_u8; 48];
            let party = table::Party {
                role: "holder".to_owned(),
                subject,
                document: DocumentKind::ResidentId,
                number_index: person_key.to_vec(),
                name: blob(),
                number: blob(),
                address: blob(),
                phone: Some(blob()),
                valid_from: Some("2020-01-01".to_owned()),
                valid_until: Some("2040-01-01".to_owned()),
            };
            table::put_party(tx, id, &party)?;
            table::set_capture(tx, id, Some(1), None)
        })
        .await?;
    for kind in [
        super::order::ImageKind::DocumentFront,
        super::order::ImageKind::DocumentBack,
        super::order::ImageKind::LivePhoto,
        super::order::ImageKind::Signature,
    ] {
        bare.write(move |bare, tx| {
            let image =
                table::Image { id: bare.app.ids.next(bare.now), kind, subject, sha256: vec![7; 32], width: 856, height: 540, at: bare.now };
            table::add_image(tx, id, &image, 50_000)?;
            bare.entry(tx)
        })
        .await?;
    }
    let nothing = |_: &Bare, _: &mut Tx<'_>| Ok(());
    let captured = bare.step(reserved.clone(), Order { state: State::Captured, ..reserved }, nothing).await?;
    let submitted = Order { state: State::Submitted, submitted_at: Some(now), ..captured.clone() };
    let submitted = bare
        .step(captured, submitted, |bare, tx| {
            bare.post(tx, "bare-verification")?;
            bare.post(tx, "bare-received")
        })
        .await?;
    let verified = bare.step(submitted.clone(), Order { check: Check::Match, face_score: Some(930), ..submitted }, nothing).await?;
    let auditor = Who { staff: StaffId(app.ids.next(now)), organisation: cast.audit_centre };
    let lease = super::order::Lease { by: auditor, until: now.plus_ms(10 * MINUTE_MS) };
    let auditing = bare.step(verified.clone(), Order { state: State::Auditing, lease: Some(lease), ..verified }, nothing).await?;
    let activating = Order { state: State::Activating, lease: None, decided_by: Some(auditor), ..auditing.clone() };
    let activating = bare
        .step(auditing, activating, |bare, tx| {
            bare.entry(tx)?;
            bare.post(tx, "bare-network")
        })
        .await?;
    bare.step(activating.clone(), Order { state: State::Activated, ..activating }, move |bare, tx| {
        table::post_slot(tx, id.0)?;
        table::move_number(tx, number, NumberState::Held, NumberState::InUse, Some(id.0))?;
        let subscription = table::Subscription {
            id: id.0,
            number,
            subject: Some(subject),
            person_key: Some(person_key),
            region: "990100".to_owned(),
            channel_kind: 1,
            product: Product::Voice,
            real_name: true,
            since: bare.now,
        };
        table::add_subscription(tx, &subscription)?;
        let cell = figures::Cell { day: bare.now.day(), region: "990100".to_owned(), channel_kind: 1 };
        for metric in [figures::Metric::NewCustomers, figures::Metric::NewRealName, figures::Metric::Base, figures::Metric::BaseRealName] {
            figures::add(tx, bare.app.ids.next(bare.now), &cell, metric, 1)?;
        }
        bare.post(tx, "bare-activated")
    })
    .await
    .map(drop)
}

/// Free numbers for [`bare_order`].
///
/// # Errors
/// The store fails.
pub async fn bare_numbers(app: &App, count: u32, now: Timestamp) -> Result<Vec<Uuid>> {
    let writer = app.clone();
    let add = move |tx: &mut Tx<'_>| {
        (0..count)
            .map(|_| {
                let id = writer.ids.next(now);
                let number = table::PoolNumber {
                    id,
                    index: id.as_bytes().to_vec(),
                    sealed: vec![7; 64],
                    region: "000000".to_owned(),
                    product: Product::Voice,
                    state: NumberState::Free as i64,
                    holder: None,
                };
                table::add_number(tx, &number).map(|()| id)
            })
            .collect::<Result<Vec<_>>>()
    };
    app.store.write(add).await
}

/// One order of the bare loop.
#[derive(Clone)]
struct Bare {
    app: App,
    now: Timestamp,
    subject: SubjectId,
    id: Uuid,
}

impl Bare {
    /// Writes until nobody is in the way: where the application would say "try again", a loop by hand does.
    async fn write(&self, rows: impl Fn(&Self, &mut Tx<'_>) -> Result<()> + Send + Sync + 'static) -> Result<()> {
        let rows = std::sync::Arc::new(rows);
        loop {
            let (bare, rows) = (self.clone(), std::sync::Arc::clone(&rows));
            match self.app.store.write(move |tx| rows(&bare, tx)).await {
                Err(Failure::Store(StoreError::Contended)) => {}
                done => return done,
            }
        }
    }

    /// A change of state with its entry of the log.
    async fn step(&self, old: Order, new: Order, rows: impl Fn(&Self, &mut Tx<'_>) -> Result<()> + Send + Sync + 'static) -> Result<Order> {
        let new = Order { version: old.version + 1, ..new };
        let written = new.clone();
        self.write(move |bare, tx| {
            table::advance(tx, &old, &written)?;
            bare.entry(tx)?;
            rows(bare, tx)
        })
        .await?;
        Ok(new)
    }

    /// A row of the size an entry of the log has.
    fn entry(&self, tx: &mut Tx<'_>) -> Result<()> {
        tx.push(
            "INSERT INTO audit_entry (id, at, action, case_kind, case_id, staff, organisation, subject_mark, leaf, leaf_hash, sealed, facts)
             VALUES ($1, $2, 'bare', 'order', $3, $4, $4, $4, $5, $6, $7, $8)",
            &params![
                self.app.ids.next(self.now).as_bytes().as_slice(),
                self.now.0,
                self.id.as_bytes().as_slice(),
                self.subject.as_bytes(),
                [7_u8; 700].as_slice(),
                [7_u8; 32].as_slice(),
                [7_u8; 140].as_slice(),
                &"7".repeat(300)
            ],
        )?;
        Ok(())
    }

    fn keys(&self, tx: &mut Tx<'_>) -> Result<()> {
        for domain in [Domain::Identity, Domain::Documents] {
            tx.push(
                "INSERT INTO data_key (subject, domain, wrapped) VALUES ($1, $2, $3)",
                &params![self.subject.as_bytes(), domain as i64, [7_u8; 64].as_slice()],
            )?;
        }
        Ok(())
    }

    /// Posted on a topic no worker works, under the topic's name and the order's id.
    fn post(&self, tx: &mut Tx<'_>, topic: &str) -> Result<()> {
        let key = format!("{topic}:{}", self.id);
        let message = outbox::Message { id: self.app.ids.next(self.now), topic, key: &key, case: self.id, payload: b"", due: self.now };
        Ok(outbox::post(tx, &message)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_indexes_set_aside_are_those_of_the_tables() {
        let names: Vec<&str> = indexes().map(|(name, _)| name).collect();
        assert!(names.contains(&"registration_order_queue") && names.contains(&"registration_party_number"), "{names:?}");
        assert!(!names.contains(&"registration_image_current"), "a unique index is a rule, not a help");
    }

    #[test]
    fn the_loaded_year_has_every_kind_of_order_and_a_held_head() {
        let count = 100_000;
        let states: Vec<State> = (0..count).map(|index| state(index, count - 1 - index, count)).collect();
        let share = |wanted: State| states.iter().filter(|state| **state == wanted).count();
        assert!((85_000..93_000).contains(&share(State::Activated)), "{}", share(State::Activated));
        assert_eq!(share(State::Auditing), HELD as usize);
        for open in [State::Submitted, State::Returned, State::Escalated, State::Draft, State::Reserved, State::Captured, State::Rejected] {
            assert!(share(open) > 0, "{open:?}");
        }
        let first = |wanted: State| states.iter().position(|state| *state == wanted);
        assert!(first(State::Auditing) < first(State::Submitted), "the oldest of the queue are held");
    }
}
