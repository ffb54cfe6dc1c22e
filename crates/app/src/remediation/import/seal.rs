//! 密封: rows checked, blinded and sealed on every core, before the record is asked. Each person of a batch gets a key of their own; should the
//! record know them already, their part is sealed once more under the key they have.

use std::{collections::HashMap, sync::Arc};

use chuangsha_kernel::{Timestamp, id::SubjectId};
use chuangsha_vault::{DataKey, Domain, Draw, Field, Place};
use jiff::civil::Date;
use uuid::Uuid;

use super::{
    mapping::Plan,
    read::Cells,
    row::{self, Holder, Reject, Subscriber},
};
use crate::{App, platform::failure::Result, registration::desk::place};

/// Ids made at a time.
const IDS: usize = 512;

/// Rows of a file as they were read.
pub struct Chunk {
    /// Rows with their numbers.
    pub rows: Vec<(u64, Cells)>,
    /// Last row it stands for, empty ones included.
    pub through: u64,
    /// How far in the file that is.
    pub position: u64,
}

/// Somebody a row names, with a key that is used if the record does not know them.
pub struct Person {
    /// The person behind the document; none without one.
    pub key: Option<[u8; 16]>,
    /// Subject they would be.
    pub subject: SubjectId,
    /// Their key.
    pub data: DataKey,
    /// The same, wrapped.
    pub wrapped: Vec<u8>,
}

/// What is recorded of somebody beside a number.
pub struct Recorded {
    /// Which of the batch's persons.
    pub person: usize,
    /// In clear, should it have to be sealed again.
    pub holder: Holder,
    /// Blind index of the document number; empty without one.
    pub index: Vec<u8>,
    /// Name, number and address under the person's key.
    pub sealed: [Vec<u8>; 3],
}

/// A number ready to land.
pub struct Ready {
    /// As read.
    pub subscriber: Subscriber,
    /// Subscription.
    pub id: Uuid,
    /// Number in the pool.
    pub number_id: Uuid,
    /// Blind index of the number.
    pub number_index: [u8; 16],
    /// Sealed number, bound to `number_id`.
    pub number_sealed: Vec<u8>,
    /// Who it is recorded on; the first is whose it is.
    pub recorded: Vec<Recorded>,
}

/// 批: rows ready to be written, and those that cannot be.
#[derive(Default)]
pub struct Batch {
    /// Rows it was made of.
    pub rows: u64,
    /// Last row it stands for.
    pub through: u64,
    /// How far in the file that is.
    pub position: u64,
    /// Everybody its rows name.
    pub persons: Vec<Person>,
    /// What may land.
    pub ready: Vec<Ready>,
    /// What may not.
    pub rejects: Vec<Reject>,
}

/// Makes batches; one serves all threads.
pub struct Sealer {
    app: App,
    pool: Arc<DataKey>,
    now: Timestamp,
    today: Date,
}

impl Sealer {
    /// With the key of the number pool.
    pub fn new(app: &App, pool: Arc<DataKey>, now: Timestamp) -> Self {
        Self { app: app.clone(), pool, now, today: now.day() }
    }

    /// Reads and seals a chunk of a file.
    ///
    /// # Errors
    /// The vault fails. A row that cannot be right is a reject, not an error.
    pub fn chunk(&self, plan: &Plan, chunk: Chunk) -> Result<Batch> {
        let mut batch = Batch { rows: chunk.rows.len() as u64, through: chunk.through, position: chunk.position, ..Batch::default() };
        let mut stock = self.stock();
        for (row, cells) in chunk.rows {
            let read = match cells {
                Ok(cells) => row::read(plan, row, &cells, self.app.rules.provinces(), self.today),
                Err(code) => Err(Reject { row, field: "", code, data: std::collections::BTreeMap::new() }),
            };
            match read {
                Ok(subscriber) => self.seal(&mut batch, &mut stock, subscriber)?,
                Err(reject) => batch.rejects.push(reject),
            }
        }
        Ok(batch)
    }

    /// Seals rows that were made elsewhere.
    ///
    /// # Errors
    /// The vault fails.
    pub fn rows(&self, subscribers: Vec<Subscriber>) -> Result<Batch> {
        let mut batch = Batch { rows: subscribers.len() as u64, ..Batch::default() };
        let mut stock = self.stock();
        for subscriber in subscribers {
            self.seal(&mut batch, &mut stock, subscriber)?;
        }
        Ok(batch)
    }

    fn stock(&self) -> Stock<'_> {
        Stock { app: &self.app, now: self.now, ids: Vec::new().into_iter(), draw: Draw::batch(), known: HashMap::new() }
    }

    fn seal(&self, batch: &mut Batch, stock: &mut Stock<'_>, subscriber: Subscriber) -> Result<()> {
        let vault = &self.app.vault;
        let number_index = vault.blind(Field::Phone, &subscriber.number.e164())?.0;
        let (id, number_id) = (stock.id(), stock.id());
        let text = format!("{number_id}{}", subscriber.number.digits());
        let number_sealed = self.pool.seal_of(place::POOL, text.as_bytes(), &mut stock.draw)?;
        let mut recorded = Vec::with_capacity(subscriber.holders.len());
        for holder in &subscriber.holders {
            let key = holder.document.as_ref().map(|document| vault.blind(Field::PersonKey, document.person_key().as_str())).transpose()?;
            let key = key.map(|index| index.0);
            let person = match key.and_then(|key| stock.known.get(&key).copied()) {
                Some(person) => person,
                None => {
                    let subject = SubjectId(stock.id());
                    let (data, wrapped) = vault.new_key_of(subject.0, Domain::Identity, &mut stock.draw)?;
                    batch.persons.push(Person { key, subject, data, wrapped });
                    let person = batch.persons.len() - 1;
                    if let Some(key) = key {
                        stock.known.insert(key, person);
                    }
                    person
                }
            };
            let index = match &holder.document {
                Some(document) => vault.blind(Field::DocumentNumber, document.number())?.as_bytes().to_vec(),
                None => Vec::new(),
            };
            let Some(data) = batch.persons.get(person).map(|person| &person.data) else { continue };
            recorded.push(Recorded { person, sealed: sealed_of(data, holder, &mut stock.draw)?, holder: holder.clone(), index });
        }
        batch.ready.push(Ready { subscriber, id, number_id, number_index, number_sealed, recorded });
        Ok(())
    }
}

/// What the rows of one batch are given: ids and randomness by the hundred, and who was named before.
struct Stock<'a> {
    app: &'a App,
    now: Timestamp,
    ids: std::vec::IntoIter<Uuid>,
    draw: Draw,
    known: HashMap<[u8; 16], usize>,
}

impl Stock<'_> {
    fn id(&mut self) -> Uuid {
        match self.ids.next() {
            Some(id) => id,
            None => {
                self.ids = self.app.ids.many(self.now, IDS).into_iter();
                self.ids.next().unwrap_or_else(|| self.app.ids.next(self.now))
            }
        }
    }
}

/// Name, number and address of a holder under a key; what is not known is sealed as nothing.
pub fn sealed(data: &DataKey, holder: &Holder) -> Result<[Vec<u8>; 3]> {
    sealed_of(data, holder, &mut Draw::batch())
}

fn sealed_of(data: &DataKey, holder: &Holder, draw: &mut Draw) -> Result<[Vec<u8>; 3]> {
    let number = holder.document.as_ref().map_or("", |document| document.number());
    let mut seal = |place: Place, text: &str| data.seal_of(place, text.as_bytes(), draw);
    Ok([seal(place::NAME, &holder.name)?, seal(place::NUMBER, number)?, seal(place::ADDRESS, &holder.address)?])
}
