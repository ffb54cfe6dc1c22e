//! 停复机指令: what the network is asked for and what it confirmed. One command a change of standing, one at a time a number, each with its
//! place in the order: a late stop never overtakes a newer restoration.

use chuangsha_kernel::{rulebook::Ruling, time::Timestamp};
use chuangsha_store::{Tx, outbox, outbox::Leased};
use uuid::Uuid;
use zeroize::Zeroizing;

pub use super::table::next_sequence;
use super::{
    hold::{Hold, Level},
    notice, standing,
    table::{self, Line},
};
use crate::{
    App, figures,
    platform::{
        audit::{By, Entry},
        failure::{Failure, Result},
        network::{Handled, NetworkAction, NetworkCommand, NetworkOutcome, drive},
    },
    registration::subscription::{self, Held, ServiceState},
};

/// What a message of this module begins with, in the topic `network`.
pub const KEY: &str = "line:";

/// What the command that closes an ended line begins with.
pub const END: &str = "line-end:";

/// How soon a command that waits for another one of its number looks again, milliseconds.
const WAIT_MS: i64 = 1_000;

/// The command's key: however often it is sent, the network carries it out once.
fn key(subscription: Uuid, sequence: i64) -> String {
    format!("{KEY}{subscription}:{sequence}")
}

/// Reads a message's key: subscription, sequence, and whether the watchdog sent it again.
fn read_key(key: &str) -> Option<(Uuid, i64, bool)> {
    let mut parts = key.strip_prefix(KEY)?.split(':');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next().is_some()))
}

/// What asks the network for a standing.
const fn action(wanted: Option<Level>) -> NetworkAction {
    match wanted {
        None => NetworkAction::Restore,
        Some(Level::Limited) => NetworkAction::Limit,
        Some(Level::StoppedOut) => NetworkAction::StopOut,
        Some(Level::StoppedBoth) => NetworkAction::StopBoth,
    }
}

/// Where the standing changed, the network is asked for the new one, under the number's next sequence; otherwise nothing is sent.
pub(super) fn settle(app: &App, tx: &mut Tx, held: &Held, now: Timestamp) -> Result<()> {
    let wanted = standing(tx, held.id)?.level;
    let known = table::line(tx, held.id)?;
    if known.and_then(|line| line.wanted) == wanted {
        return Ok(());
    }
    let sequence = next_sequence(tx, held.number_id)?;
    let before = known.unwrap_or(Line {
        subscription: held.id,
        number: held.number_id,
        wanted: None,
        sequence: 0,
        wanted_at: now,
        confirmed: None,
        confirmed_sequence: 0,
        confirmed_at: None,
        in_hand: (0, Timestamp(0)),
        asked: 0,
        look_at: now,
        alarmed_at: None,
    });
    // By the machine's own time: what is told of the past is not late already.
    let look_at = now.max(app.clock.now()).plus_ms(app.clock_rule("suspension.watchdog", now)?.value);
    table::put_line(tx, &Line { wanted, sequence, wanted_at: now, asked: 1, look_at, alarmed_at: None, ..before })?;
    count(app, tx, held, before.wanted.is_some(), wanted.is_some(), now)?;
    post(app, tx, held.id, &key(held.id, sequence), now)
}

/// 停机、复机 as the bulletins count them: leaving full service and coming back to it. One level more is neither.
fn count(app: &App, tx: &mut Tx, held: &Held, before: bool, after: bool, now: Timestamp) -> Result<()> {
    let metric = match (before, after) {
        (false, true) => figures::Metric::Stopped,
        (true, false) => figures::Metric::Restored,
        _ => return Ok(()),
    };
    let cell = figures::Cell { day: now.day(), region: held.region.clone(), channel_kind: held.channel_kind };
    figures::add(tx, app.ids.next(now), &cell, metric, 1)
}

/// Asks for the same once more: the same key to the network, another message of ours.
pub(super) fn ask_again(app: &App, tx: &mut Tx, line: &Line, look_at: Timestamp, now: Timestamp) -> Result<()> {
    let asked = line.asked + 1;
    table::put_line(tx, &Line { asked, look_at, alarmed_at: line.alarmed_at.or(Some(now)), ..*line })?;
    post(app, tx, line.subscription, &format!("{}:{asked}", key(line.subscription, line.sequence)), now)
}

fn post(app: &App, tx: &mut Tx, case: Uuid, key: &str, now: Timestamp) -> Result<()> {
    outbox::post(tx, &outbox::Message { id: app.ids.next(now), topic: "network", key, case, payload: &[], due: now })?;
    Ok(())
}

/// 关闭: the network is told that the line has ended, under the number's next sequence: a stop that is still on its way is older.
pub fn close(app: &App, tx: &mut Tx, held: &Held, now: Timestamp) -> Result<()> {
    let sequence = next_sequence(tx, held.number_id)?.to_string();
    let key = format!("{END}{}", held.id);
    let message =
        outbox::Message { id: app.ids.next(now), topic: "network", key: &key, case: held.id, payload: sequence.as_bytes(), due: now };
    outbox::post(tx, &message)?;
    Ok(())
}

/// Topic `network`: closes an ended line at the element. A number that is free again is somebody else's soon, and is not closed any more.
///
/// # Errors
/// The record fails.
pub async fn ended(app: &App, message: &Leased) -> Result<Handled> {
    let (reader, id) = (app.clone(), message.case);
    let sequence = std::str::from_utf8(&message.payload).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let number = app
        .read(move |tx| {
            let Some(held) = subscription::find(tx, id)?.filter(|held| held.state == ServiceState::Ended) else { return Ok(None) };
            if crate::registration::ending::is_freed(tx, id)? {
                return Ok(None);
            }
            Ok::<_, Failure>(Some(Zeroizing::new(reader.open_pool_number(tx, held.number_id, &held.number_sealed)?)))
        })
        .await?;
    let Some(number) = number else { return Ok(Handled::Done) };
    let command =
        NetworkCommand { key: message.key.clone(), action: NetworkAction::Terminate, number, case: id, sequence, reachable: Vec::new() };
    Ok(drive(&*app.network, &command, message.attempts > 1).await.into())
}

/// What becomes of a message before anything is sent.
enum Turn {
    /// Its time is over: a newer one was asked for, it is done, or the line is nobody's any more.
    Over,
    /// Another command of the number is on its way.
    Wait,
    /// To be sent.
    Go(Box<NetworkCommand>),
}

/// Topic `network`: commands the element and notes what it confirmed.
///
/// # Errors
/// The record fails.
pub async fn command(app: &App, message: &Leased) -> Result<Handled> {
    let Some((subscription, sequence, again)) = read_key(&message.key) else {
        return Ok(Handled::Bury { why: "the key of a line's command is not of its form".to_owned() });
    };
    let (writer, until, now) = (app.clone(), message.until, app.clock.now());
    let turn = app.store.write(move |tx| take(&writer, tx, (subscription, sequence), until, now)).await?;
    let command = match turn {
        Turn::Over => return Ok(Handled::Done),
        Turn::Wait => return Ok(Handled::Later { after_ms: WAIT_MS }),
        Turn::Go(command) => command,
    };
    let outcome = drive(&*app.network, &command, again || message.attempts > 1).await;
    let (writer, confirmed, now) = (app.clone(), matches!(outcome, NetworkOutcome::Confirmed { .. }), app.clock.now());
    let stands = app.write(move |tx| put_down(&writer, tx, (subscription, sequence), confirmed, now)).await?;
    Ok(match outcome {
        // Whatever the element says of it, a newer command is on its way.
        _ if !stands => Handled::Done,
        outcome => outcome.into(),
    })
}

/// Takes the line in hand: nobody else commands this number until it is put down, or until the lease of a worker that died is over.
fn take(app: &App, tx: &mut Tx, (subscription, sequence): (Uuid, i64), until: Timestamp, now: Timestamp) -> Result<Turn> {
    let Some(line) = table::line(tx, subscription)? else { return Ok(Turn::Over) };
    let held = match subscription::find(tx, subscription)? {
        // The number may be somebody else's by now: nothing more is said of it.
        Some(held) if held.state == ServiceState::InService && held.number_id == line.number => held,
        _ => return Ok(Turn::Over),
    };
    if line.sequence != sequence || line.is_settled() {
        return Ok(Turn::Over);
    }
    if line.in_hand.1 > now {
        return Ok(Turn::Wait);
    }
    table::put_line(tx, &Line { in_hand: (sequence, until), ..line })?;
    let reachable = match line.wanted {
        Some(_) => reachable(app, &held.region, now)?.value,
        None => Vec::new(),
    };
    Ok(Turn::Go(Box::new(NetworkCommand {
        key: key(subscription, sequence),
        action: action(line.wanted),
        number: Zeroizing::new(app.open_pool_number(tx, held.number_id, &held.number_sealed)?),
        case: subscription,
        sequence,
        reachable,
    })))
}

/// 始终可达: what connects in every stop, whatever it is for: emergency numbers, the hotline, the registration (L-REM-4, L-REM-11).
///
/// # Errors
/// The rule is missing.
pub fn reachable(app: &App, region: &str, now: Timestamp) -> Result<Ruling<Vec<String>>> {
    let place = chuangsha_kernel::rulebook::Place::region(region);
    let mut ruling = app.rules.list("suspension.reachable", now.day(), &place).map_err(Failure::internal)?;
    for own in [&app.config.operator.hotline, &app.config.operator.registration_port] {
        if !own.is_empty() && !ruling.value.contains(own) {
            ruling.value.push(own.clone());
        }
    }
    Ok(ruling)
}

/// Puts the line down and notes what was confirmed; says whether this command is still what is wanted.
fn put_down(app: &App, tx: &mut Tx, (subscription, sequence): (Uuid, i64), confirmed: bool, now: Timestamp) -> Result<bool> {
    let Some(line) = table::line(tx, subscription)? else { return Ok(false) };
    let in_hand = if line.in_hand.0 == sequence { (0, Timestamp(0)) } else { line.in_hand };
    let stands = line.sequence == sequence;
    let Some(held) = subscription::find(tx, subscription)?.filter(|_| stands && confirmed && !line.is_settled()) else {
        if in_hand != line.in_hand {
            table::put_line(tx, &Line { in_hand, ..line })?;
        }
        return Ok(stands);
    };
    let done = Line { confirmed: line.wanted, confirmed_sequence: sequence, confirmed_at: Some(now), alarmed_at: None, in_hand, ..line };
    table::put_line(tx, &done)?;
    let level = |level: Option<Level>| level.map_or("active", Level::as_str);
    let facts = serde_json::json!({ "sequence": sequence, "asked": line.asked, "after_ms": now.0 - line.wanted_at.0 }).to_string();
    let entry = Entry {
        action: "suspension.confirm",
        case_kind: "subscription",
        case: Some(subscription),
        step: &format!("{}>{}", level(line.confirmed), level(line.wanted)),
        article: "L-REM-8",
        pack: &app.rules.version,
        facts: &facts,
        subject: held.subject,
        ..Entry::default()
    };
    app.audit(tx, By::System("network"), &entry, now)?;
    // Told when it is true, not when it is asked for; somebody restored for an emergency was told of its end already.
    if line.wanted.is_none()
        && standing(tx, subscription)?.holds.iter().filter(|hold| hold.level.is_some()).all(|hold: &Hold| hold.interrupted_until.is_none())
    {
        notice::restored(app, tx, subscription, sequence, now)?;
    }
    Ok(true)
}

/// The element calls back about a command: it is asked, and only its own answer counts.
///
/// # Errors
/// The record fails.
pub async fn hint(app: &App, key: &str) -> Result<()> {
    let Some((subscription, sequence, _)) = read_key(key) else { return Ok(()) };
    let line = app.read(move |tx| table::line(tx, subscription)).await?;
    let Some(line) = line.filter(|line| line.sequence == sequence && !line.is_settled()) else { return Ok(()) };
    if let Some(NetworkOutcome::Confirmed { .. }) = app.network.poll(&self::key(subscription, sequence), action(line.wanted)).await {
        let (writer, now) = (app.clone(), app.clock.now());
        app.write(move |tx| put_down(&writer, tx, (subscription, sequence), true, now)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{key, read_key};

    #[test]
    fn a_key_is_read_back_and_a_repetition_keeps_it() {
        let id = Uuid::from_u128(7);
        assert_eq!(read_key(&key(id, 3)), Some((id, 3, false)));
        assert_eq!(read_key(&format!("{}:2", key(id, 3))), Some((id, 3, true)));
        for bad in ["", "line:", "activate:7", "line:x:1", "line:00000000-0000-0000-0000-000000000007"] {
            assert_eq!(read_key(bad), None, "{bad}");
        }
    }
}
