//! 名单: what is said of single numbers, by whom, why and how long: bad, suspected, what a caller is, where a number was ported, what a callee refuses.
//! An entry is never changed: it ends, and another begins.

use std::collections::HashSet;

use chuangsha_kernel::{id::StaffId, problem::Problem, role, time::Timestamp};
use chuangsha_screen::{
    Number,
    lists::{Category, Hours, Marks, Preference},
    plan::{Kind, Line, Operator, Plan},
};
use chuangsha_store::{Row, Tx, params};
use chuangsha_vault::DataKey;
use uuid::Uuid;

use super::{
    code,
    live::masked,
    table::{self, place},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry as Audited},
        failure::{Failure, Result},
        keys,
    },
};

/// 名单种类. The numbers are what the store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScreenList)]
pub enum List {
    /// 不良号码: blocked as callers.
    Bad = 1,
    /// 疑似骚扰: labelled as callers.
    Suspect = 2,
    /// 来电类别: what a caller is; emergency services pass, couriers, hospitals, schools and banks are spared the rules of frequency and behaviour.
    Category = 3,
    /// 携号转网: which operator serves the number now.
    Ported = 4,
    /// 被叫偏好: what a callee refuses, and when.
    Preference = 5,
}

impl List {
    /// Every list.
    pub const ALL: [Self; 5] = [Self::Bad, Self::Suspect, Self::Category, Self::Ported, Self::Preference];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Suspect => "suspect",
            Self::Category => "category",
            Self::Ported => "ported",
            Self::Preference => "preference",
        }
    }

    /// Chinese, English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Bad => ("不良号码", "Bad numbers"),
            Self::Suspect => ("疑似骚扰", "Suspected nuisance"),
            Self::Category => ("来电类别", "Caller categories"),
            Self::Ported => ("携号转网", "Ported numbers"),
            Self::Preference => ("被叫偏好", "Callee preferences"),
        }
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.as_str() == text)
    }

    /// From the number in the store.
    pub fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|list| *list as i64 == value)
    }
}

/// A word of a closed list by its stable name, as the engine writes it.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

/// An entry as somebody gives it: by a form, a program or a row of a file.
#[derive(Clone, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewEntry {
    /// The number: national digits (`19900001234`, `0351…`, `95588`) or with its country code (`+44…`).
    pub number: String,
    /// Category of a caller: `courier`, `hospital`, `school`, `bank`, `emergency`, `finance`, …; empty on other lists.
    pub category: String,
    /// Operator a number was ported to: `china_telecom`, `china_mobile`, `china_unicom`, `china_broadnet`; empty on other lists.
    pub operator: String,
    /// Commercial categories a callee refuses, parted by `;`.
    pub refuses: String,
    /// When a callee takes commercial calls: `any`, `night` (not at night), `night_and_noon`; empty = any.
    pub hours: String,
    /// Own windows without commercial calls, `22:00-08:00`, parted by `;`.
    pub quiet: String,
    /// Numbers a callee refuses, parted by `;`, at most 32.
    pub refused: String,
    /// Where it comes from, 2 to 60 characters: `12321`, `银保监名录`.
    pub source: String,
    /// Why, 2 to 200 characters; no names.
    pub reason: String,
    /// Article it rests on: `R-SCR-3`.
    pub article: String,
    /// From when, a day; empty = now.
    pub from: String,
    /// Last day; empty = without end (of a suspected number: after the default time).
    pub until: String,
    /// What proves it: number of the report, hash of the file; up to 120 characters.
    pub evidence: String,
}

/// What stands beside a number, private as the number itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Private {
    pub(super) quiet: Vec<(u16, u16)>,
    pub(super) refused: Vec<u64>,
}

/// An entry, read and checked.
#[derive(Clone)]
pub struct Entry {
    number: Number,
    content: String,
    private: Private,
    source: String,
    reason: String,
    article: String,
    evidence: String,
    from: Timestamp,
    until: Option<Timestamp>,
}

fn invalid(field: &'static str) -> Failure {
    Problem::new(&code::FIELD_INVALID).field(field).with("field", field).into()
}

fn line(text: &str, least: usize, most: usize, field: &'static str) -> Result<String> {
    let text = text.trim();
    let fits = (least..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(invalid(field)) }
}

/// The number a text means, by the plan of the day.
pub fn number(plan: &Plan, text: &str, field: &'static str) -> Result<Number> {
    // A message code of ten digits is, with the country code, written like a line of Beijing (010 6…): listing one would list the other.
    let somebody_elses = |line: &Line| {
        line.kind == Kind::Message106 && plan.read(&format!("+{}", line.number.e164())).is_ok_and(|again| again.kind != Kind::Message106)
    };
    let read = plan.read(text.trim()).ok().filter(|line| !somebody_elses(line));
    read.map(|line| line.number).ok_or_else(|| Problem::new(&code::NUMBER_INVALID).field(field).into())
}

fn window(text: &str) -> Option<(u16, u16)> {
    let minute = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from != to).then_some((from, to))
}

impl NewEntry {
    /// Checks every field.
    ///
    /// # Errors
    /// `screening.field_invalid`, `screening.number_invalid`, naming the field.
    pub fn read(&self, app: &App, plan: &Plan, list: List, now: Timestamp) -> Result<Entry> {
        let number = number(plan, &self.number, "number")?;
        let parts = |text: &str| text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect::<Vec<_>>();
        let day = |text: &str, field: &'static str| match text.trim() {
            "" => Ok(None),
            text => text.parse::<jiff::civil::Date>().map(Some).map_err(|_| invalid(field)),
        };
        let mut private = Private::default();
        let content = match list {
            List::Bad | List::Suspect => String::new(),
            List::Category => {
                let category = word::<Category>(self.category.trim()).filter(|category| *category != Category::None);
                category.ok_or_else(|| invalid("category"))?;
                self.category.trim().to_owned()
            }
            List::Ported => {
                Operator::parse(self.operator.trim()).ok_or_else(|| invalid("operator"))?;
                self.operator.trim().to_owned()
            }
            List::Preference => {
                let refuses = parts(&self.refuses);
                if refuses.iter().any(|text| !word::<Category>(text).is_some_and(Category::is_commercial)) {
                    return Err(invalid("refuses"));
                }
                let hours = if self.hours.trim().is_empty() { "any" } else { self.hours.trim() };
                if !matches!(hours, "any" | "night" | "night_and_noon") {
                    return Err(invalid("hours"));
                }
                let windows = parts(&self.quiet).iter().map(|text| window(text)).collect::<Option<Vec<_>>>();
                private.quiet = windows.filter(|windows| windows.len() <= 4).ok_or_else(|| invalid("quiet"))?;
                for text in parts(&self.refused) {
                    private.refused.push(self::number(plan, &text, "refused")?.value());
                }
                private.refused.sort_unstable();
                private.refused.dedup();
                if private.refused.len() > 32 {
                    return Err(invalid("refused"));
                }
                if refuses.is_empty() && hours == "any" && private == Private::default() {
                    return Err(invalid("refuses"));
                }
                format!("{hours}|{}", refuses.join(";"))
            }
        };
        let from = day(&self.from, "from")?.map_or(now, Timestamp::start_of);
        let until = match day(&self.until, "until")? {
            Some(last) => Some(Timestamp::start_of(last.tomorrow().map_err(|_| invalid("until"))?)),
            None if list == List::Suspect => Some(from.plus_ms(app.clock_rule("screen.list.suspect_days", now)?.value)),
            None => None,
        };
        if until.is_some_and(|until| until <= from || until <= now) {
            return Err(invalid("until"));
        }
        Ok(Entry {
            number,
            content,
            private,
            source: line(&self.source, 2, 60, "source")?,
            reason: line(&self.reason, 2, 200, "reason")?,
            article: line(&self.article, 0, 20, "article")?,
            evidence: line(&self.evidence, 0, 120, "evidence")?,
            from,
            until,
        })
    }
}

/// An entry that stands, as the store has it.
pub(super) struct Standing {
    pub(super) id: Uuid,
    sealed: Vec<u8>,
    pub(super) content: String,
    pub(super) staff: Option<StaffId>,
    source: String,
    reason: String,
    article: String,
    evidence: String,
    from: Timestamp,
    until: Option<Timestamp>,
    at: Timestamp,
}

const COLUMNS: &str = "id, sealed, content, staff, source, reason, article, evidence, from_at, until_at, at";

fn standing(row: &Row) -> Result<Standing> {
    Ok(Standing {
        id: row.uuid(0)?,
        sealed: row.bytes(1)?,
        content: row.text(2)?,
        staff: row.opt_uuid(3)?.map(StaffId),
        source: row.text(4)?,
        reason: row.text(5)?,
        article: row.text(6)?,
        evidence: row.text(7)?,
        from: row.timestamp(8)?,
        until: row.opt_timestamp(9)?,
        at: row.timestamp(10)?,
    })
}

/// The entry of a number on a list, if one stands.
pub(super) fn of_number(tx: &mut Tx, list: List, index: &[u8]) -> Result<Option<Standing>> {
    let sql = format!("SELECT {COLUMNS} FROM screen_entry WHERE list = $1 AND number_index = $2 AND ended_at IS NULL");
    tx.query_opt(&sql, &params![list as i64, index])?.as_ref().map(standing).transpose()
}

pub(super) fn opened(key: &DataKey, row: Uuid, sealed: &[u8]) -> Result<(Number, Private)> {
    let text = keys::open(key, place::ENTRY, sealed)?;
    let broken = || Failure::internal("a sealed entry belongs to another row of its table");
    let rest = text.strip_prefix(&row.to_string()).ok_or_else(broken)?;
    let (digits, private) = rest.split_once(' ').ok_or_else(broken)?;
    let number = digits.parse().ok().and_then(Number::new).ok_or_else(broken)?;
    Ok((number, if private.is_empty() { Private::default() } else { serde_json::from_str(private).map_err(Failure::internal)? }))
}

/// What became of an entry that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It stands now.
    Entered(Uuid),
    /// The same stood already.
    Known(Uuid),
}

/// 登记簿: puts entries on one list, in a transaction of somebody else's; what is new is written by [`Writer::finish`], all at once.
pub(super) struct Writer<'a> {
    app: &'a App,
    key: DataKey,
    list: List,
    staff: Option<Uuid>,
    revision: i64,
    now: Timestamp,
    fresh: Vec<Fresh>,
    /// Numbers among them.
    numbers: HashSet<Vec<u8>>,
}

/// A row to be written.
struct Fresh {
    id: Uuid,
    index: Vec<u8>,
    sealed: Vec<u8>,
    entry: Entry,
}

impl<'a> Writer<'a> {
    pub(super) fn new(app: &'a App, tx: &mut Tx, by: By<'_>, list: List, now: Timestamp) -> Result<Self> {
        let staff = match by {
            By::Actor(actor) => Some(actor.staff.0),
            By::System(_) => None,
        };
        let (key, revision) = (table::key(app, tx)?, table::next_revision(tx)?);
        Ok(Self { app, key, list, staff, revision, now, fresh: Vec::new(), numbers: HashSet::new() })
    }

    /// Puts an entry on the list. The same again adds nothing; another about the same number ends the one before.
    pub(super) fn put(&mut self, tx: &mut Tx, entry: &Entry) -> Result<Put> {
        let index = table::index(self.app, entry.number)?;
        if self.numbers.contains(&index) {
            self.flush(tx)?;
        }
        if let Some(held) = of_number(tx, self.list, &index)? {
            let (_, private) = opened(&self.key, held.id, &held.sealed)?;
            // A row without its own beginning begins when it is taken: given again later it is the same all the same.
            let same = (&held.content, &private, &held.source, &held.reason)
                == (&entry.content, &entry.private, &entry.source, &entry.reason)
                && (&held.article, &held.evidence) == (&entry.article, &entry.evidence)
                && held.until.is_none_or(|until| until > self.now)
                && (self.list == List::Suspect || held.until == entry.until);
            if same {
                return Ok(Put::Known(held.id));
            }
            finish(tx, held.id, "replaced", self.revision, self.now)?;
        }
        let id = self.app.ids.next(self.now);
        let private = if entry.private == Private::default() {
            String::new()
        } else {
            serde_json::to_string(&entry.private).map_err(Failure::internal)?
        };
        let sealed = keys::seal(&self.key, place::ENTRY, &format!("{id}{} {private}", entry.number.e164()))?;
        self.numbers.insert(index.clone());
        self.fresh.push(Fresh { id, index, sealed, entry: entry.clone() });
        Ok(Put::Entered(id))
    }

    fn flush(&mut self, tx: &mut Tx) -> Result<()> {
        let rows = self.fresh.iter().map(|Fresh { id, index, sealed, entry }| {
            params![
                id,
                self.list as i64,
                index,
                sealed,
                &entry.content,
                &entry.source,
                &entry.reason,
                &entry.article,
                &entry.evidence,
                entry.from,
                entry.until,
                self.staff.as_ref(),
                self.now,
                self.revision
            ]
        });
        let columns = "id, list, number_index, sealed, content, source, reason, article, evidence, from_at, until_at, staff, at, revision";
        tx.bulk("screen_entry", columns, rows)?;
        self.fresh.clear();
        self.numbers.clear();
        Ok(())
    }

    /// Writes what is new.
    pub(super) fn finish(mut self, tx: &mut Tx) -> Result<()> {
        self.flush(tx)
    }
}

fn finish(tx: &mut Tx, id: Uuid, why: &str, revision: i64, now: Timestamp) -> Result<()> {
    let sql = "UPDATE screen_entry SET ended_at = $2, ended_why = $3, revision = $4 WHERE id = $1 AND ended_at IS NULL";
    Ok(tx.push_one(sql, &params![&id, now, why, revision])?)
}

#[allow(clippy::too_many_arguments, reason = "one line per field of the entry")]
fn record(app: &App, tx: &mut Tx, by: By<'_>, action: &str, id: Uuid, list: List, article: &str, why: &str, now: Timestamp) -> Result<()> {
    let facts = serde_json::json!({ "list": list }).to_string();
    let entry = Audited {
        action,
        case_kind: "screen_entry",
        case: Some(id),
        step: list.as_str(),
        why,
        article,
        pack: &app.rules.version,
        facts: &facts,
        subject: None,
    };
    app.audit(tx, by, &entry, now)?;
    table::changed_lists(tx)
}

/// Ends an entry because an appeal against it was upheld, with its audit entry.
pub(super) fn refuted(app: &App, tx: &mut Tx, by: By<'_>, list: List, held: &Standing, now: Timestamp) -> Result<()> {
    let revision = table::next_revision(tx)?;
    finish(tx, held.id, "appeal", revision, now)?;
    record(app, tx, by, "screening.unlist", held.id, list, "L-SCR-9", "", now)
}

/// 列入: puts one number on a list.
///
/// # Errors
/// `screening.field_invalid`, `screening.number_invalid`, `people.denied`
pub async fn add(app: &App, actor: &Actor, list: List, input: &NewEntry) -> Result<Put> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let now = app.clock.now();
    let entry = input.read(app, &app.engine.snapshot().plan, list, now)?;
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        actor.reach(&writer, role::Action::ScreeningManage)?;
        let mut entries = Writer::new(&writer, tx, By::Actor(&actor), list, now)?;
        let put = entries.put(tx, &entry)?;
        entries.finish(tx)?;
        if let Put::Entered(id) = put {
            record(&writer, tx, By::Actor(&actor), "screening.list", id, list, &entry.article, &entry.reason, now)?;
        }
        Ok(put)
    })
    .await
}

/// 谢绝 of a callee, told through somebody else.
pub(super) struct Wish<'a> {
    pub(super) number: Number,
    pub(super) source: &'a str,
    pub(super) reason: &'a str,
    pub(super) article: &'a str,
    pub(super) evidence: &'a str,
}

/// The callee refuses every commercial category from now on; its hours, windows and single numbers stay as they were. In a transaction of somebody
/// else's.
pub(super) fn refuse_all(app: &App, tx: &mut Tx, actor: &Actor, wish: &Wish<'_>, now: Timestamp) -> Result<Put> {
    let names = Category::ALL.iter().filter(|category| category.is_commercial()).filter_map(|category| serde_json::to_value(category).ok());
    let all = names.filter_map(|name| name.as_str().map(ToOwned::to_owned)).collect::<Vec<_>>().join(";");
    let (key, index) = (table::key(app, tx)?, table::index(app, wish.number)?);
    let held = of_number(tx, List::Preference, &index)?.filter(|held| held.until.is_none_or(|until| until > now));
    let (hours, private, until) = match &held {
        Some(held) => {
            let hours = held.content.split_once('|').map_or("any", |(hours, _)| hours).to_owned();
            if held.content == format!("{hours}|{all}") {
                return Ok(Put::Known(held.id));
            }
            (hours, opened(&key, held.id, &held.sealed)?.1, held.until)
        }
        None => ("any".to_owned(), Private::default(), None),
    };
    let entry = Entry {
        number: wish.number,
        content: format!("{hours}|{all}"),
        private,
        source: wish.source.to_owned(),
        reason: wish.reason.to_owned(),
        article: wish.article.to_owned(),
        evidence: wish.evidence.to_owned(),
        from: now,
        until,
    };
    let mut entries = Writer::new(app, tx, By::Actor(actor), List::Preference, now)?;
    let put = entries.put(tx, &entry)?;
    entries.finish(tx)?;
    if let Put::Entered(id) = put {
        record(app, tx, By::Actor(actor), "screening.list", id, List::Preference, &entry.article, &entry.reason, now)?;
    }
    Ok(put)
}

/// 移出: ends an entry.
///
/// # Errors
/// `screening.not_found`, `screening.field_invalid`, `people.denied`
pub async fn end(app: &App, actor: &Actor, id: Uuid, words: &str) -> Result<()> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let (now, words) = (app.clock.now(), line(words, 2, 200, "words")?);
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let row = tx.query_opt("SELECT list FROM screen_entry WHERE id = $1 AND ended_at IS NULL", &params![&id])?;
        let list = row.map(|row| row.int(0)).transpose()?.and_then(List::from_i64);
        let list = list.ok_or_else(|| Failure::from(Problem::new(&code::NOT_FOUND)))?;
        let revision = table::next_revision(tx)?;
        finish(tx, id, "ended", revision, now)?;
        record(&writer, tx, By::Actor(&actor), "screening.unlist", id, list, "", &words, now)
    })
    .await
}

/// An entry as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct EntryView {
    /// Id.
    pub id: Uuid,
    /// The number, masked.
    pub number: String,
    /// Category, operator, or hours and refused categories.
    pub content: String,
    /// Own windows of a callee.
    pub windows: u64,
    /// Numbers a callee refuses.
    pub refused: u64,
    /// Source.
    pub source: String,
    /// Reason.
    pub reason: String,
    /// Article.
    pub article: String,
    /// Evidence.
    pub evidence: String,
    /// RFC 3339.
    pub from: String,
    /// First moment it no longer stands, RFC 3339.
    pub until: Option<String>,
    /// When it was entered, RFC 3339.
    pub entered: String,
}

/// One page of a list, newest first: entries after the id `after`, and how many stand in all.
///
/// # Errors
/// `people.denied`
pub async fn page(app: &App, actor: &Actor, list: List, number: &str, after: Option<Uuid>, limit: i64) -> Result<(Vec<EntryView>, i64)> {
    actor.reach(app, role::Action::ScreeningView)?;
    // An exact number finds its one entry: nobody pages through a list in search of somebody.
    let index = match number.trim() {
        "" => None,
        text => Some(table::index(app, self::number(&app.engine.snapshot().plan, text, "number")?)?),
    };
    let reader = app.clone();
    app.read(move |tx| {
        let rows = match &index {
            Some(index) => of_number(tx, list, index)?.into_iter().collect::<Vec<_>>(),
            None => {
                let sql = format!(
                    "SELECT {COLUMNS} FROM screen_entry WHERE list = $1 AND ended_at IS NULL AND ($2 = 0 OR id < $3) ORDER BY id DESC LIMIT $4"
                );
                let last = after.unwrap_or_default();
                let rows = tx.query(&sql, &params![list as i64, i64::from(after.is_some()), &last, limit.clamp(1, 1_001)])?;
                rows.iter().map(standing).collect::<Result<Vec<_>>>()?
            }
        };
        let total = tx.query_one("SELECT COUNT(*) FROM screen_entry WHERE list = $1 AND ended_at IS NULL", &params![list as i64])?.int(0)?;
        if rows.is_empty() {
            return Ok((Vec::new(), total));
        }
        let key = table::key(&reader, tx)?;
        Ok((rows.into_iter().map(|held| view(&key, held)).collect::<Result<Vec<_>>>()?, total))
    })
    .await
}

fn view(key: &DataKey, held: Standing) -> Result<EntryView> {
    let (number, private) = opened(key, held.id, &held.sealed)?;
    Ok(EntryView {
        id: held.id,
        number: masked(Some(number)),
        content: held.content,
        windows: private.quiet.len() as u64,
        refused: private.refused.len() as u64,
        source: held.source,
        reason: held.reason,
        article: held.article,
        evidence: held.evidence,
        from: held.from.rfc3339(),
        until: held.until.map(Timestamp::rfc3339),
        entered: held.at.rfc3339(),
    })
}

/// One entry that stands, and its list.
///
/// # Errors
/// `screening.not_found`, `people.denied`
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<(List, EntryView)> {
    actor.reach(app, role::Action::ScreeningView)?;
    let reader = app.clone();
    app.read(move |tx| {
        let missing = || Failure::from(Problem::new(&code::NOT_FOUND));
        let listed = tx.query_opt("SELECT list FROM screen_entry WHERE id = $1 AND ended_at IS NULL", &params![&id])?;
        let list = List::from_i64(listed.ok_or_else(missing)?.int(0)?).ok_or_else(missing)?;
        let row = tx.query_one(&format!("SELECT {COLUMNS} FROM screen_entry WHERE id = $1"), &params![&id])?;
        Ok((list, view(&table::key(&reader, tx)?, standing(&row)?)?))
    })
    .await
}

/// What the lists say of one number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) marks: Marks,
    /// Hours by name, where the callee has wishes of its own besides.
    pub(super) hours: Hours,
    pub(super) own: Preference,
}

/// What one list says of a number besides what others say of it.
pub(super) fn say(said: &mut Said, list: List, content: &str, private: Private) {
    let marks = said.marks;
    said.marks = match list {
        List::Bad => marks.with_bad(),
        List::Suspect => marks.with_suspect(),
        List::Category => marks.with_category(word(content).unwrap_or_default()),
        List::Ported => Operator::parse(content).map_or(marks, |operator| marks.with_operator(operator)),
        List::Preference => {
            let (hours, refuses) = content.split_once('|').unwrap_or((content, ""));
            let own = private != Private::default();
            said.hours = word(hours).unwrap_or_default();
            let hours = if own { Hours::Own } else { said.hours };
            said.own = Preference { quiet: private.quiet, refused: private.refused.into_iter().filter_map(Number::new).collect() };
            refuses.split(';').filter_map(word::<Category>).fold(marks.with_hours(hours), Marks::with_refused)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_also_anothers_is_on_no_list() {
        let book = crate::rulebook::embedded(false).unwrap();
        let plan = Plan::embedded(book.ranges(), jiff::civil::date(2026, 11, 22)).unwrap();
        let read = |text: &str| number(&plan, text, "number").map(Number::value).ok();
        assert_eq!((read("1061060909"), read("01061060909")), (None, Some(861_061_060_909)));
        assert_eq!((read("10690001234"), read(" 95588 ")), (Some(8_610_690_001_234), Some(8_695_588)));
    }

    #[test]
    fn windows_are_read_and_nothing_else_passes_for_one() {
        assert_eq!((window("22:00-08:00"), window(" 12:30 - 13:00 ")), (Some((1_320, 480)), Some((750, 780))));
        for text in ["", "22:00", "24:00-01:00", "22:60-01:00", "08:00-08:00", "a-b", "22-08"] {
            assert_eq!(window(text), None, "{text}");
        }
    }

    #[test]
    fn what_several_lists_say_of_one_number_is_said_together() {
        let mut said = Said::default();
        say(&mut said, List::Suspect, "", Private::default());
        say(&mut said, List::Category, "courier", Private::default());
        say(&mut said, List::Ported, "china_unicom", Private::default());
        say(&mut said, List::Preference, "night|finance;property", Private::default());
        assert!(
            said.marks.suspect() && !said.marks.bad() && said.marks.refuses(Category::Finance) && !said.marks.refuses(Category::Retail)
        );
        assert_eq!(
            (said.marks.category(), said.marks.ported_to(), said.marks.hours()),
            (Category::Courier, Some(Operator::ChinaUnicom), Hours::Night)
        );
        say(&mut said, List::Preference, "any|", Private { quiet: vec![(1_320, 480)], refused: vec![8_695_588] });
        assert_eq!((said.marks.hours(), said.own.refused.len()), (Hours::Own, 1));
    }
}
