//! 保护名单: lines that are told like all others and never stopped: emergency services, hospitals, the elderly (R-REM-15). An entry says why, may
//! end by itself, and is kept sealed: that somebody is on it says something about them.

use std::collections::BTreeMap;

use chuangsha_kernel::{
    id::StaffId,
    phone::Phone,
    problem::{Language, Problem},
    role::Action,
    time::{DAY_MS, Timestamp},
};
use chuangsha_store::{Tx, params};
use chuangsha_vault::{Domain, Field, Place as Sealed};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Refusal, Step, Wait, carry, case::Case, case::Ladder, table};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result, refuse},
        keys,
    },
    registration::subscription::{self, Held, ServiceState},
};

/// What this file adds to the table: when an entry ends, and where its line is.
pub const DDL: &str = "
ALTER TABLE remediation_protected ADD COLUMN until_at BIGINT;
ALTER TABLE remediation_protected ADD COLUMN region TEXT NOT NULL DEFAULT '';
UPDATE remediation_protected SET region = COALESCE((SELECT s.region FROM subscription s WHERE s.id = remediation_protected.subscription), '');
CREATE INDEX remediation_protected_until ON remediation_protected (until_at, subscription) WHERE until_at IS NOT NULL;
";

/// Where the words of an entry are sealed.
const PLACE: Sealed = Sealed::new("remediation_protected", "sealed");

/// The subject whose data key seals the list.
const LIST_SUBJECT: Uuid = Uuid::from_u128(0x7265_6d65_6479_7000_8000_0000_0000_0001);

/// Rows of one file: each is its own transaction while somebody waits.
const MOST_ROWS: usize = 5_000;

/// Entries that end in one transaction.
const BATCH: i64 = 200;

crate::platform::listed::listed! {
    /// 保护类别: why a line is never stopped.
    #[schema(as = RemediationProtectedCategory)]
    Category {
        Emergency = 1, "emergency", "应急", "Emergency services";
        Hospital = 2, "hospital", "医疗", "Hospital";
        Elderly = 3, "elderly", "老人", "Elderly";
        Other = 4, "other", "其他", "Other";
    }
}

/// An entry asked for. Wiped when dropped; no Debug.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RemediationNewProtected)]
pub struct NewProtected {
    /// The full number, 11 digits.
    #[schema(value_type = String)]
    pub number: Zeroizing<String>,
    /// Why.
    pub category: Category,
    /// Last day, `2026-12-31`; empty: until somebody takes it off.
    #[serde(default)]
    pub until: String,
    /// In words, 2 to 200 characters.
    pub words: String,
}

/// 名单条目: one line that is never stopped.
#[derive(Debug, Clone)]
pub struct Protected {
    /// The line.
    pub subscription: Uuid,
    /// Its number, masked.
    pub number: String,
    /// City.
    pub region: String,
    /// Why.
    pub category: Category,
    /// In words.
    pub words: String,
    /// Ends then; `None`: not by itself.
    pub until: Option<Timestamp>,
    /// Entered at.
    pub at: Timestamp,
    /// By whom, staff number.
    pub by: String,
    /// The line's open case.
    pub case: Option<Uuid>,
}

/// Whether a line is on the list.
///
/// # Errors
/// The record fails.
pub fn is_on(tx: &mut Tx, subscription: Uuid) -> Result<bool> {
    let row = tx.query_opt("SELECT 1 FROM remediation_protected WHERE subscription = $1", &params![&subscription])?;
    Ok(row.is_some())
}

/// How many lines are on it, of a region or the start of one.
///
/// # Errors
/// The record fails.
pub fn count(tx: &mut Tx, region: &str) -> Result<i64> {
    let sql = format!("SELECT COUNT(*) FROM remediation_protected WHERE substr(region, 1, {}) = $1", region.chars().count());
    Ok(tx.query_one(&sql, &params![region])?.int(0)?)
}

/// The end of the last day, in China; an empty text has none.
///
/// # Errors
/// [`Refusal::FieldInvalid`]: no day, or not one that lies ahead.
pub fn read_until(text: &str, now: Timestamp) -> Result<Option<Timestamp>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let day = text.parse().map_err(|_| refuse(Refusal::FieldInvalid("until")))?;
    let ends = Timestamp::start_of(day).plus_ms(DAY_MS);
    if ends > now { Ok(Some(ends)) } else { Err(refuse(Refusal::FieldInvalid("until"))) }
}

/// Why somebody is taken off is said.
///
/// # Errors
/// [`Refusal::FieldInvalid`] `words`
pub fn check_words(words: &str) -> Result<()> {
    if words.trim().chars().count() < 2 { Err(refuse(Refusal::FieldInvalid("words"))) } else { Ok(()) }
}

/// What an entry says.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Why.
    pub category: Category,
    /// Ends then.
    pub until: Option<Timestamp>,
    /// In words.
    pub words: &'a str,
}

/// Writes the entry. What follows for the line's case is the caller's.
///
/// # Errors
/// The record fails.
pub fn put(app: &App, tx: &mut Tx, staff: StaffId, (subscription, region): (Uuid, &str), said: Said<'_>, now: Timestamp) -> Result<()> {
    let key = app.key_of(tx, LIST_SUBJECT, Domain::Identity)?;
    // Bound to its row: an entry moved to another line does not open as that line's.
    let sealed = keys::seal(&key, PLACE, &format!("{subscription}|{}|{}", said.category.as_str(), said.words))?;
    let until = said.until.map(|at| at.0);
    tx.push(
        "INSERT INTO remediation_protected (subscription, sealed, staff, at, until_at, region) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (subscription) DO UPDATE SET sealed = excluded.sealed, staff = excluded.staff, at = excluded.at, \
         until_at = excluded.until_at, region = excluded.region",
        &params![&subscription, &sealed, staff.as_bytes(), now.0, until, region],
    )?;
    Ok(())
}

/// 列入: a line found by its number. One that is stopped by its case is lifted in the same transaction. Says the line, and whether anything changed.
///
/// # Errors
/// [`Refusal::NumberUnknown`], [`Refusal::FieldInvalid`]; the right to work on cases.
pub async fn add(app: &App, actor: &Actor, input: &NewProtected) -> Result<(Uuid, bool)> {
    // The right first: who may not enter anybody learns nothing of what was typed.
    actor.reach(app, Action::RemediationWork)?;
    let now = app.clock.now();
    let phone = Phone::parse(input.number.trim()).map_err(|error| {
        use chuangsha_kernel::problem::Refuse;
        Failure::from(error.problem().field("number"))
    })?;
    let index = app.vault.blind(Field::Phone, &phone.e164())?.0;
    let words = input.words.trim().to_owned();
    if !(2..=200).contains(&words.chars().count()) {
        return Err(refuse(Refusal::FieldInvalid("words")));
    }
    let (until, category) = (read_until(&input.until, now)?, input.category);
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let found = subscription::of_number(tx, &index)?.filter(|held| held.state == ServiceState::InService);
        let held = found.ok_or_else(|| refuse(Refusal::NumberUnknown))?;
        // Whose subscribers one does not reach are not told of.
        if !actor.may(&writer, Action::RemediationWork, &writer.resource(actor.organisation, &held.region, None)) {
            return Err(refuse(Refusal::NumberUnknown));
        }
        if let Some(known) = entry(&writer, tx, held.id)?
            && (known.category, known.until, known.words.as_str()) == (category, until, words.as_str())
        {
            return Ok((held.id, false));
        }
        put(&writer, tx, actor.staff, (held.id, &held.region), Said { category, until, words: &words }, now)?;
        match table::open_of(tx, held.id)?.filter(|case| case.state.is_open()) {
            Some(case) => {
                let ladder = Ladder::read(&writer.rules, &case.region, now)?;
                let decision = case.decide(Step::Protect, &ladder, now).map_err(refuse)?;
                carry::one(&writer, tx, By::Actor(&actor), &case, decision, &words, now)?;
            }
            None => note(&writer, tx, By::Actor(&actor), &held, "remediation.protect", &words, now)?,
        }
        Ok((held.id, true))
    })
    .await
}

/// An entry without a case: the log names the line.
fn note(app: &App, tx: &mut Tx, by: By<'_>, held: &Held, action: &str, why: &str, now: Timestamp) -> Result<()> {
    let entry = Entry {
        action,
        case_kind: "subscription",
        case: Some(held.id),
        article: "R-REM-15",
        pack: &app.rules.version,
        facts: "{}",
        why,
        subject: held.subject,
        ..Entry::default()
    };
    app.audit(tx, by, &entry, now).map(drop)
}

/// Off the list: the clock looks at the line's case now and begins where it stands, with every notice and every deadline still ahead of it.
fn off(app: &App, tx: &mut Tx, by: By<'_>, subscription: Uuid, why: &str, now: Timestamp) -> Result<bool> {
    let gone = tx.execute("DELETE FROM remediation_protected WHERE subscription = $1", &params![&subscription])?;
    if gone == 0 {
        return Ok(false);
    }
    let open = table::open_of(tx, subscription)?;
    let (case_kind, case) = open.as_ref().map_or(("subscription", subscription), |case| ("remediation", case.id));
    let entry = Entry {
        action: "remediation.unprotect",
        case_kind,
        case: Some(case),
        article: "R-REM-15",
        pack: &app.rules.version,
        facts: "{}",
        why,
        ..Entry::default()
    };
    app.audit(tx, by, &entry, now)?;
    if let Some(case) = open.filter(|case| case.wait == Wait::Protected) {
        table::look_later(tx, &case, now, Wait::Nothing)?;
    }
    Ok(true)
}

/// 移出, of one line. One that is not on the list stays off it.
///
/// # Errors
/// [`Refusal::NotFound`]: no such line, or not this person's; [`Refusal::FieldInvalid`] `words`.
pub async fn remove(app: &App, actor: &Actor, subscription: Uuid, words: String) -> Result<()> {
    actor.reach(app, Action::RemediationWork)?;
    let (writer, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    let words = words.trim().chars().take(200).collect::<String>();
    app.write(move |tx| {
        let held = subscription::find(tx, subscription)?.ok_or_else(|| refuse(Refusal::NotFound))?;
        let place = writer.resource(actor.organisation, &held.region, None);
        actor.require(&writer, Action::RemediationWork, &place).map_err(|_| refuse(Refusal::NotFound))?;
        check_words(&words)?;
        off(&writer, tx, By::Actor(&actor), subscription, &words, now).map(drop)
    })
    .await
}

/// The same inside a step on a case.
///
/// # Errors
/// The record fails.
pub fn remove_in(app: &App, tx: &mut Tx, actor: &Actor, case: &Case, words: &str, now: Timestamp) -> Result<Case> {
    off(app, tx, By::Actor(actor), case.subscription, words, now)?;
    table::find(tx, case.id)?.ok_or_else(|| refuse(Refusal::NotFound))
}

/// 到期移出: what has ended is taken off, with an entry each. The leased clock calls it; says how many.
///
/// # Errors
/// The record fails.
pub async fn expire(app: &App, now: Timestamp) -> Result<usize> {
    let writer = app.clone();
    let ended = app
        .read(move |tx| {
            let sql = "SELECT subscription FROM remediation_protected WHERE until_at <= $1 ORDER BY until_at, subscription LIMIT $2";
            tx.query(sql, &params![now.0, BATCH])?.iter().map(|row| Ok(row.uuid(0)?)).collect::<Result<Vec<_>>>()
        })
        .await?;
    if ended.is_empty() {
        return Ok(0);
    }
    app.write(move |tx| {
        let mut gone = 0;
        for subscription in &ended {
            gone += usize::from(off(&writer, tx, By::System("remediation"), *subscription, "expired", now)?);
        }
        Ok(gone)
    })
    .await
}

const COLUMNS: &str = "subscription, sealed, staff, at, until_at, region";

fn entry(app: &App, tx: &mut Tx, subscription: Uuid) -> Result<Option<Protected>> {
    let sql = format!("SELECT {COLUMNS} FROM remediation_protected WHERE subscription = $1");
    let row = tx.query_opt(&sql, &params![&subscription])?;
    row.map(|row| read(app, tx, &row)).transpose()
}

fn read(app: &App, tx: &mut Tx, row: &chuangsha_store::Row) -> Result<Protected> {
    let subscription = row.uuid(0)?;
    let key = app.key_if_any(tx, LIST_SUBJECT, Domain::Identity)?.ok_or_else(|| Failure::internal("the protected list has no key"))?;
    let text = keys::open(&key, PLACE, &row.bytes(1)?)?;
    let broken = || Failure::internal("an entry of the protected list is another line's");
    let said = text.strip_prefix(&format!("{subscription}|")).ok_or_else(broken)?;
    let (category, words) = said.split_once('|').ok_or_else(broken)?;
    let number = match subscription::find(tx, subscription)? {
        Some(held) => {
            let digits = Zeroizing::new(app.open_pool_number(tx, held.number_id, &held.number_sealed)?);
            chuangsha_kernel::mask::phone(&digits)
        }
        None => String::new(),
    };
    let by = match row.opt_uuid(2)? {
        Some(staff) => super::desk::number_of(app, tx, StaffId(staff))?,
        None => String::new(),
    };
    Ok(Protected {
        subscription,
        number,
        region: row.text(5)?,
        category: Category::parse(category).unwrap_or(Category::Other),
        words: words.to_owned(),
        until: row.opt_timestamp(4)?,
        at: row.timestamp(3)?,
        by,
        case: table::open_of(tx, subscription)?.map(|case| case.id),
    })
}

/// One page of the list, as far as this person sees it, and how many there are.
///
/// # Errors
/// The right to see cases.
pub async fn list(app: &App, actor: &Actor, region: &str, after: Option<Uuid>, limit: i64) -> Result<(Vec<Protected>, i64)> {
    let region = app.visible_region(actor, Action::RemediationView, region)?;
    let (reader, after) = (app.clone(), after.unwrap_or(Uuid::nil()));
    app.read(move |tx| {
        let sql = format!(
            "SELECT {COLUMNS} FROM remediation_protected WHERE substr(region, 1, {}) = $1 AND subscription > $2 ORDER BY subscription LIMIT $3",
            region.chars().count()
        );
        let rows = tx.query(&sql, &params![&region, &after, limit.clamp(1, 1_001)])?;
        let total = count(tx, &region)?;
        Ok((rows.iter().map(|row| read(&reader, tx, row)).collect::<Result<Vec<_>>>()?, total))
    })
    .await
}

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RemediationProtectedTaken)]
pub struct Taken {
    /// Rows read.
    pub rows: u64,
    /// Entries made or changed.
    pub entered: u64,
    /// Entries that stood already.
    pub known: u64,
    /// Rows refused.
    pub rejected: Vec<Rejected>,
}

/// 退回行: which, in which field, why, what to do. Never the value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RemediationProtectedRejected)]
pub struct Rejected {
    /// Row of the file, the heading being 1.
    pub row: u64,
    /// Field.
    pub field: String,
    /// Stable code of the reason.
    pub code: String,
    /// Reason and remedy, Chinese.
    pub zh: String,
    /// Reason and remedy, English.
    pub en: String,
}

impl Rejected {
    fn of(row: u64, problem: &Problem) -> Self {
        let said = |language| format!("{} {}", problem.title(language), problem.remedy(language));
        Self {
            row,
            field: problem.field.clone().unwrap_or_default(),
            code: problem.code.id.to_owned(),
            zh: said(Language::Chinese),
            en: said(Language::English),
        }
    }
}

/// Columns of a file, with the headings people write.
pub const COLUMNS_OF_FILE: [(&str, &str); 4] = [("number", "号码"), ("category", "类别"), ("until", "期限"), ("words", "理由")];

/// 名单文件: CSV in UTF-8 or GB18030. Each row is its own transaction: what is good lands, and the same file again changes nothing.
///
/// # Errors
/// The right to work on cases; [`Refusal::FieldInvalid`] `file`: no heading, a column missing, or too many rows.
pub async fn take(app: &App, actor: &Actor, bytes: &[u8]) -> Result<Taken> {
    actor.reach(app, Action::RemediationWork)?;
    let wrong = || refuse(Refusal::FieldInvalid("file"));
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Zeroizing::new(text.to_owned()),
        Err(_) => {
            Zeroizing::new(encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(wrong)?.into_owned())
        }
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let headings = reader.headers().map_err(|_| wrong())?.clone();
    let place = |(name, zh): (&str, &str)| headings.iter().position(|heading| [name, zh].contains(&heading.trim()));
    let places = COLUMNS_OF_FILE.map(place);
    if [0, 1, 3].iter().any(|column| places.get(*column).copied().flatten().is_none()) {
        return Err(wrong());
    }
    let words: BTreeMap<&str, Category> =
        Category::ALL.iter().flat_map(|one| [(one.as_str(), *one), (one.words().0, *one), (one.words().1, *one)]).collect();
    let mut taken = Taken::default();
    for (index, record) in reader.records().enumerate() {
        if index >= MOST_ROWS {
            return Err(wrong());
        }
        taken.rows += 1;
        let row = index as u64 + 2;
        let done = match record {
            Ok(record) => {
                let cell =
                    |column: usize| places.get(column).copied().flatten().and_then(|place| record.get(place)).unwrap_or_default().trim();
                match words.get(cell(1)) {
                    Some(category) => {
                        let number = Zeroizing::new(cell(0).to_owned());
                        let input = NewProtected { number, category: *category, until: cell(2).to_owned(), words: cell(3).to_owned() };
                        add(app, actor, &input).await
                    }
                    None => Err(refuse(Refusal::FieldInvalid("category"))),
                }
            }
            Err(_) => Err(refuse(Refusal::FieldInvalid("row"))),
        };
        match done {
            Ok((_, true)) => taken.entered += 1,
            Ok((_, false)) => taken.known += 1,
            Err(Failure::Problem(problem)) if problem.code.status < 500 => taken.rejected.push(Rejected::of(row, &problem)),
            Err(failure) => return Err(failure),
        }
    }
    Ok(taken)
}
