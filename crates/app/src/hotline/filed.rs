//! 台账: what appeals, refunds and warnings have in common. Each is a row of a city with a state: seen by whoever may see tickets there, listed
//! newest first, changed at the version that was seen by [`change`] and told by [`note`].

use chuangsha_kernel::{role::Action, time::Timestamp};
use chuangsha_store::{Row, Tx, params};
use uuid::Uuid;

use super::{Ticket, place, table};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

/// A row of one of the three.
pub trait Filed: Sized + Send + 'static {
    /// Its table; `id`, `region` and `state` are columns of it.
    const TABLE: &'static str;
    /// What [`Filed::read`] reads, in its order.
    const COLUMNS: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// A column holds what this version does not know.
    fn read(row: &Row) -> Result<Self>;
    /// The refusal where there is none, or none that this person may see.
    fn missing() -> Failure;
    /// City.
    fn region(&self) -> &str;
    /// Ticket it belongs to.
    fn ticket(&self) -> Option<Uuid> {
        None
    }
    /// Grows with every step; 0 for what is changed once.
    fn version(&self) -> i64 {
        0
    }
    /// The refusal where somebody changed it in the meantime.
    fn changed() -> Failure {
        Self::missing()
    }
}

/// What a list of them shows. Every field narrows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Region or the start of one.
    pub region: String,
    /// State, as stored.
    pub state: Option<i64>,
    /// Keyset: id of the last row before.
    pub after: Option<Uuid>,
    /// Rows.
    pub limit: i64,
}

/// One page, newest first.
///
/// # Errors
/// The record failed.
pub fn page<T: Filed>(tx: &mut Tx, filter: &Filter) -> Result<Vec<T>> {
    let sql = format!(
        "SELECT {} FROM {} WHERE ($1 = '' OR substr(region, 1, 2) = $1 OR region = $1) AND ($2 = 0 OR state = $2) AND id < $3 \
         ORDER BY id DESC LIMIT $4",
        T::COLUMNS,
        T::TABLE
    );
    let after = filter.after.unwrap_or(Uuid::max());
    let rows = tx.query(&sql, &params![&filter.region, filter.state.unwrap_or(0), &after, filter.limit.clamp(1, 1_001)])?;
    rows.iter().map(T::read).collect()
}

/// As [`page`], as far as this person sees it, each with the code of its ticket.
///
/// # Errors
/// The right to see tickets.
pub async fn list<T: Filed>(app: &App, actor: &Actor, mut filter: Filter) -> Result<Vec<(T, String)>> {
    filter.region = app.visible_region(actor, Action::TicketView, &filter.region)?;
    app.read(move |tx| page::<T>(tx, &filter)?.into_iter().map(|one| with_code(tx, one)).collect()).await
}

/// One of them with the code of its ticket.
///
/// # Errors
/// [`Filed::missing`]
pub async fn find<T: Filed>(app: &App, actor: &Actor, id: Uuid) -> Result<(T, String)> {
    let (reader, actor) = (app.clone(), actor.clone());
    app.read(move |tx| {
        let one = seen::<T>(&reader, tx, &actor, id)?;
        with_code(tx, one)
    })
    .await
}

pub(super) fn with_code<T: Filed>(tx: &mut Tx, one: T) -> Result<(T, String)> {
    let ticket = match one.ticket() {
        Some(ticket) => table::find(tx, ticket)?,
        None => None,
    };
    Ok((one, ticket.map_or_else(String::new, |ticket| ticket.code)))
}

/// One of them, whoever asks.
pub(super) fn by_id<T: Filed>(tx: &mut Tx, id: Uuid) -> Result<Option<T>> {
    let row = tx.query_opt(&format!("SELECT {} FROM {} WHERE id = $1", T::COLUMNS, T::TABLE), &params![&id])?;
    row.as_ref().map(T::read).transpose()
}

/// One of them, when this person may see it; else as if it were not there.
pub(super) fn seen<T: Filed>(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<T> {
    actor.reach(app, Action::TicketView)?;
    let found = by_id::<T>(tx, id)?.ok_or_else(T::missing)?;
    actor.require(app, Action::TicketView, &place(app, found.region())).map_err(|_| T::missing())?;
    Ok(found)
}

/// One of them, to be changed by somebody who may do this there.
pub(super) fn held<T: Filed>(app: &App, tx: &mut Tx, actor: &Actor, id: Uuid, action: Action) -> Result<T> {
    let one = seen::<T>(app, tx, actor, id)?;
    actor.require(app, action, &place(app, one.region()))?;
    Ok(one)
}

/// 办理: finds one of them where this person may do this, at the version they saw, and does it in one transaction. `work` decides and writes.
///
/// # Errors
/// [`Filed::missing`], [`Filed::changed`]; the right to do this there; what `work` refuses.
pub(super) async fn change<T: Filed, R: Send + 'static>(
    app: &App,
    actor: &Actor,
    (id, version): (Uuid, i64),
    action: Action,
    work: impl Fn(&App, &mut Tx, &Actor, &T, Timestamp) -> Result<R> + Send + 'static,
) -> Result<R> {
    let (writer, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    app.write(move |tx| {
        let old = held::<T>(&writer, tx, &actor, id, action)?;
        if old.version() != version {
            return Err(T::changed());
        }
        work(&writer, tx, &actor, &old, now)
    })
    .await
}

/// What the log is told of one of them.
pub(super) struct Noted<'a> {
    /// `refund.approve`
    pub action: &'a str,
    /// Which of them.
    pub id: Uuid,
    /// `computed>approved`
    pub step: &'a str,
    /// In words.
    pub why: &'a str,
    /// Article.
    pub article: &'a str,
    /// What it stood on.
    pub facts: serde_json::Value,
}

/// One entry of the log, in the transaction of what it tells. The kind of case is the name of the table's thing: `refund` of `refund.approve`.
pub(super) fn note(app: &App, tx: &mut Tx, by: By<'_>, noted: &Noted<'_>, now: Timestamp) -> Result<()> {
    let entry = Entry {
        action: noted.action,
        case_kind: noted.action.split('.').next().unwrap_or_default(),
        case: Some(noted.id),
        step: noted.step,
        why: noted.why,
        article: noted.article,
        pack: &app.rules.version,
        facts: &noted.facts.to_string(),
        ..Entry::default()
    };
    app.audit(tx, by, &entry, now).map(drop)
}

/// The ticket something is filed with, by somebody who may work it.
pub(super) fn of_ticket(app: &App, tx: &mut Tx, actor: &Actor, ticket: Uuid) -> Result<Ticket> {
    let ticket = super::seen(app, tx, actor, ticket)?;
    actor.require(app, Action::TicketWork, &place(app, &ticket.region))?;
    Ok(ticket)
}
