//! 名单文件: a list taken in from CSV or JSON. A row that is wrong is told with field, reason and remedy and the good ones land; the same file again adds
//! nothing; a file that ends in the middle is refused whole.

use chuangsha_kernel::{
    problem::{Language, Problem},
    role,
};

use super::{
    code,
    list::{Entry, List, NewEntry, Put, put},
    table,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry as Audited},
        failure::{Failure, Result},
    },
};

/// Columns of a CSV file; those a list does not use may be left out.
pub const COLUMNS: [&str; 13] =
    ["number", "category", "operator", "refuses", "hours", "quiet", "refused", "source", "reason", "article", "from", "until", "evidence"];
/// Rows of one file.
pub const MOST: usize = 1_000_000;
/// Rows of one transaction.
const BATCH: usize = 1_000;

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenTaken)]
pub struct Taken {
    /// Rows read.
    pub rows: u64,
    /// New entries.
    pub entered: u64,
    /// Entries that stood already.
    pub known: u64,
    /// Nothing was written: it was a trial.
    pub dry_run: bool,
    /// Rows refused.
    pub rejected: Vec<Rejected>,
}

/// 退回行
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenRejected)]
pub struct Rejected {
    /// Row of the file, the heading being 1; of JSON, the entry from 1.
    pub row: u64,
    /// Field.
    pub field: String,
    /// Stable code of the reason.
    pub code: String,
    /// Reason, Chinese.
    pub reason_zh: String,
    /// Reason, English.
    pub reason_en: String,
    /// What to do, Chinese.
    pub remedy_zh: String,
    /// What to do, English.
    pub remedy_en: String,
}

fn rejected(row: u64, problem: &Problem) -> Rejected {
    Rejected {
        row,
        field: problem.field.clone().unwrap_or_default(),
        code: problem.code.id.to_owned(),
        reason_zh: problem.title(Language::Chinese),
        reason_en: problem.title(Language::English),
        remedy_zh: problem.remedy(Language::Chinese),
        remedy_en: problem.remedy(Language::English),
    }
}

fn whole(reason_zh: &'static str, reason_en: &'static str) -> Failure {
    Problem::new(&code::FILE_REFUSED).field("file").with("zh", reason_zh).with("en", reason_en).into()
}

type Rows = Vec<(u64, Result<NewEntry, Problem>)>;

fn row_refused() -> Problem {
    Problem::new(&code::FIELD_INVALID).field("row").with("field", "row")
}

/// Reads a file to its end before anything of it is used: a part of a list is not the list.
fn read(text: &str) -> Result<Rows> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('[') {
        return read_json(text);
    }
    // Every row ends in a line break, the last one too: a copy that stopped in the middle of a row does not.
    if !text.ends_with('\n') {
        return Err(whole("文件不完整：最后一行没有换行符", "the file is cut short: its last row has no line break"));
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headings = reader.headers().map_err(|_| whole("读不出表头", "the heading cannot be read"))?.clone();
    let places = COLUMNS.map(|name| headings.iter().position(|heading| heading.trim() == name));
    for (name, place) in COLUMNS.iter().zip(&places) {
        if place.is_none() && ["number", "source", "reason"].contains(name) {
            return Err(whole("缺少必需的列：number、source、reason", "a column is missing: number, source and reason are needed"));
        }
    }
    let mut rows = Rows::new();
    for (index, record) in reader.records().enumerate() {
        let row = index as u64 + 2;
        let record = match record {
            Ok(record) if record.len() == headings.len() => record,
            _ => {
                rows.push((row, Err(row_refused())));
                continue;
            }
        };
        let mut cells = places.iter().map(|place| place.and_then(|place| record.get(place)).unwrap_or_default().trim().to_owned());
        let mut next = || cells.next().unwrap_or_default();
        let entry = NewEntry {
            number: next(),
            category: next(),
            operator: next(),
            refuses: next(),
            hours: next(),
            quiet: next(),
            refused: next(),
            source: next(),
            reason: next(),
            article: next(),
            from: next(),
            until: next(),
            evidence: next(),
        };
        rows.push((row, Ok(entry)));
    }
    Ok(rows)
}

fn read_json(text: &str) -> Result<Rows> {
    let entries: Vec<serde_json::Value> =
        serde_json::from_str(text).map_err(|_| whole("不是完整的 JSON 数组", "it is no whole JSON array"))?;
    let one = |(index, value)| {
        let entry = serde_json::from_value::<NewEntry>(value).map_err(|_| row_refused());
        (index as u64 + 1, entry)
    };
    Ok(entries.into_iter().enumerate().map(one).collect())
}

/// Takes a file in. `rows`, where the sender knows how many there are, must be met. With `dry_run` it only says what would become of it.
///
/// # Errors
/// `screening.file_refused`: nothing of it was taken; `people.denied`
pub async fn take(app: &App, actor: &Actor, list: List, text: String, rows: Option<u64>, dry_run: bool) -> Result<Taken> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let now = app.clock.now();
    let read = read(&text)?;
    if read.is_empty() || read.len() > MOST {
        return Err(whole("没有数据行，或超过 100 万行", "it has no rows, or more than a million"));
    }
    if rows.is_some_and(|rows| rows != read.len() as u64) {
        return Err(whole("行数与声明不符", "it has another number of rows than said"));
    }
    let plan = app.engine.snapshot();
    let mut taken = Taken { rows: read.len() as u64, dry_run, ..Taken::default() };
    let mut good: Vec<Entry> = Vec::with_capacity(read.len());
    for (row, entry) in read {
        match entry.map_err(Failure::from).and_then(|entry| entry.read(app, &plan.plan, list, now)) {
            Ok(entry) => good.push(entry),
            Err(Failure::Problem(problem)) => taken.rejected.push(rejected(row, &problem)),
            Err(failure) => return Err(failure),
        }
    }
    for batch in good.chunks(BATCH) {
        let (writer, actor, batch) = (app.clone(), actor.clone(), batch.to_vec());
        let done = app
            .write(move |tx| {
                actor.reach(&writer, role::Action::ScreeningManage)?;
                let (mut entered, mut known) = (0_u64, 0_u64);
                for entry in &batch {
                    match put(&writer, tx, By::Actor(&actor), list, entry, now)? {
                        Put::Entered(_) => entered += 1,
                        Put::Known(_) => known += 1,
                    }
                }
                if entered > 0 {
                    let facts = serde_json::json!({ "list": list, "entered": entered, "known": known }).to_string();
                    let entry = Audited {
                        action: "screening.import",
                        case_kind: "screen_list",
                        step: list.as_str(),
                        article: "R-SCR-3",
                        pack: &writer.rules.version,
                        facts: &facts,
                        ..Audited::default()
                    };
                    writer.audit(tx, By::Actor(&actor), &entry, now)?;
                    table::changed(tx)?;
                }
                if dry_run { Err(Failure::Internal(format!("{TRIAL}{entered},{known}"))) } else { Ok((entered, known)) }
            })
            .await;
        let (entered, known) = match done {
            Ok(counts) => counts,
            Err(Failure::Internal(text)) => match text.strip_prefix(TRIAL).and_then(|counts| counts.split_once(',')) {
                Some((entered, known)) => (entered.parse().unwrap_or_default(), known.parse().unwrap_or_default()),
                None => return Err(Failure::Internal(text)),
            },
            Err(failure) => return Err(failure),
        };
        taken.entered += entered;
        taken.known += known;
    }
    Ok(taken)
}

/// A trial ends here: nothing of it is kept.
const TRIAL: &str = "screening.trial ";

/// The rejected rows as a file of their own.
///
/// # Errors
/// A fault of ours.
pub fn rejects(taken: &Taken, language: Language) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["row", "field", "code", "reason", "remedy"]).map_err(Failure::internal)?;
    for one in &taken.rejected {
        let (reason, remedy) = match language {
            Language::Chinese => (&one.reason_zh, &one.remedy_zh),
            Language::English => (&one.reason_en, &one.remedy_en),
        };
        writer.write_record([&one.row.to_string(), &one.field, &one.code, reason, remedy]).map_err(Failure::internal)?;
    }
    writer.into_inner().map_err(Failure::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cut_short_is_refused_whole() {
        let text = "number,source,reason\n19900001234,12321,reported\n19900001235,12321,reported\n";
        assert_eq!(read(text).unwrap().len(), 2);
        for length in 1..text.len() {
            let Some(part) = text.get(..length) else { continue };
            // What ends after a whole row cannot be told from a shorter file: the sender's count tells it.
            if !part.ends_with('\n') {
                assert!(read(part).is_err(), "{length}");
            }
        }
        let json = r#"[{"number":"19900001234","source":"12321","reason":"reported"}]"#;
        assert_eq!(read(json).unwrap().len(), 1);
        assert!((1..json.len()).all(|length| read(&json[..length]).is_err()));
        assert!(read("number,reason\n1,2\n").is_err());
        let rows = read("number,source,reason\n1,2\n19900001234,12321,ok\n").unwrap();
        assert!(rows[0].1.is_err() && rows[1].1.is_ok(), "a row with a cell too few is refused alone");
    }
}
