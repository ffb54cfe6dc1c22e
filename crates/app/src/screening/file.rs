//! 名单文件: a list taken in from CSV or JSON. A row that is wrong is told with field, reason and remedy and the good ones land; the same file again adds
//! nothing; a file that ends in the middle is refused whole.

use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor, Read as _},
    path::PathBuf,
};

use bytes::Bytes;
use chuangsha_kernel::{problem::Problem, role, time::Timestamp};

use super::{
    base::blocking,
    code,
    list::{Entry, List, NewEntry, Put, Writer},
    table,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry as Audited},
        failure::{Failure, Result},
        rejected::Rejected,
    },
};

/// Columns of a CSV file; those a list does not use may be left out.
pub const COLUMNS: [&str; 13] =
    ["number", "category", "operator", "refuses", "hours", "quiet", "refused", "source", "reason", "article", "from", "until", "evidence"];
/// Rows of one file.
pub const MOST: u64 = 100_000_000;
/// Rows of one transaction.
const BATCH: usize = 1_000;
/// Bytes of one row.
const LINE_MOST: u64 = 64 * 1024;
/// Refused rows that are told one by one; of more only the number.
pub const TOLD: usize = 10_000;

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
    pub refused: u64,
    /// The first 10,000 of them.
    pub rejected: Vec<Rejected>,
}

fn whole(reason_zh: &'static str, reason_en: &'static str) -> Failure {
    Problem::new(&code::FILE_REFUSED).field("file").with("zh", reason_zh).with("en", reason_en).into()
}

fn row_refused() -> Problem {
    Problem::new(&code::FIELD_INVALID).field("row").with("field", "row")
}

/// 来源: where a file is read from, from its beginning as often as it is opened.
#[derive(Clone)]
pub enum Source {
    /// Sent, and held in memory.
    Sent(Bytes),
    /// On this machine.
    Path(PathBuf),
}

impl Source {
    fn open(&self) -> Result<Box<dyn BufRead + Send>> {
        Ok(match self {
            Self::Sent(bytes) => Box::new(Cursor::new(bytes.clone())),
            Self::Path(path) => Box::new(BufReader::with_capacity(1 << 16, File::open(path).map_err(unreadable)?)),
        })
    }
}

fn unreadable(error: std::io::Error) -> Failure {
    Problem::new(&code::FILE_REFUSED)
        .field("file")
        .with("zh", format!("读不了：{error}"))
        .with("en", format!("it cannot be read: {error}"))
        .into()
}

/// The rows of a file, one after the other; never more than one is in memory.
#[allow(clippy::large_enum_variant, reason = "there is one of them for a whole file")]
enum Rows {
    Csv { text: Box<dyn BufRead + Send>, places: [Option<usize>; COLUMNS.len()], width: usize, row: u64, line: Vec<u8> },
    Json { text: Box<dyn BufRead + Send>, row: u64, element: Vec<u8> },
}

impl Rows {
    fn open(source: &Source) -> Result<Self> {
        let mut text = source.open()?;
        if text.fill_buf().map_err(unreadable)?.starts_with(&[0xef, 0xbb, 0xbf]) {
            text.consume(3);
        }
        let first = text.fill_buf().map_err(unreadable)?.iter().find(|byte| !byte.is_ascii_whitespace()).copied();
        if first == Some(b'[') {
            token(&mut *text)?;
            return Ok(Self::Json { text, row: 0, element: Vec::new() });
        }
        let mut line = Vec::new();
        read_line(&mut *text, &mut line)?;
        let headings = cells(&line).ok_or_else(|| whole("读不出表头", "the heading cannot be read"))?;
        let places = COLUMNS.map(|name| headings.iter().position(|heading| heading.trim() == name));
        for (name, place) in COLUMNS.iter().zip(&places) {
            if place.is_none() && ["number", "source", "reason"].contains(name) {
                return Err(whole("缺少必需的列：number、source、reason", "a column is missing: number, source and reason are needed"));
            }
        }
        Ok(Self::Csv { text, places, width: headings.len(), row: 1, line })
    }

    fn next(&mut self) -> Result<Option<(u64, Result<NewEntry, Problem>)>> {
        match self {
            Self::Json { text, row, element } => {
                let read = read_element(&mut **text, *row == 0, element)?;
                *row += 1;
                match read {
                    Read::End => Ok(None),
                    Read::Long => Ok(Some((*row, Err(row_refused())))),
                    Read::Line => match serde_json::from_slice::<NewEntry>(element) {
                        Err(error) if !error.is_data() => Err(no_array()),
                        entry => Ok(Some((*row, entry.map_err(|_| row_refused())))),
                    },
                }
            }
            Self::Csv { text, places, width, row, line } => {
                loop {
                    *row += 1;
                    match read_line(&mut **text, line)? {
                        Read::End => return Ok(None),
                        Read::Long => return Ok(Some((*row, Err(row_refused())))),
                        // An empty line is no row.
                        Read::Line if line.iter().all(u8::is_ascii_whitespace) => {}
                        Read::Line => break,
                    }
                }
                let record = cells(line).filter(|record| record.len() == *width);
                Ok(Some((*row, record.map(|record| entry(&record, places)).ok_or_else(row_refused))))
            }
        }
    }
}

enum Read {
    Line,
    /// Longer than any row is: passed over.
    Long,
    End,
}

/// One line with its break. Every row ends in one, the last one too: a copy that stopped in the middle of a row does not.
fn read_line(text: &mut (dyn BufRead + Send), line: &mut Vec<u8>) -> Result<Read> {
    line.clear();
    let mut long = false;
    loop {
        let count = (&mut *text).take(LINE_MOST).read_until(b'\n', line).map_err(unreadable)?;
        match line.last() {
            Some(b'\n') => return Ok(if long { Read::Long } else { Read::Line }),
            None if !long => return Ok(Read::End),
            _ if count == 0 => {
                return Err(whole("文件不完整：最后一行没有换行符", "the file is cut short: its last row has no line break"));
            }
            _ if line.len() as u64 >= LINE_MOST => {
                long = true;
                line.clear();
            }
            _ => {}
        }
    }
}

fn no_array() -> Failure {
    whole("不是完整的 JSON 数组", "it is no whole JSON array")
}

/// The next byte that is no white space, taken; none at the end.
fn token(text: &mut (dyn BufRead + Send)) -> Result<Option<u8>> {
    loop {
        let here = text.fill_buf().map_err(unreadable)?;
        let Some(at) = here.iter().position(|byte| !byte.is_ascii_whitespace()) else {
            let count = here.len();
            if count == 0 {
                return Ok(None);
            }
            text.consume(count);
            continue;
        };
        let found = here.get(at).copied();
        text.consume(at + 1);
        return Ok(found);
    }
}

/// The next element of a JSON array, whose bracket has been read, with the comma before it. What is in `element` is one element as far as its brackets
/// and quotes say; whether it is JSON is for who reads it.
fn read_element(text: &mut (dyn BufRead + Send), first: bool, element: &mut Vec<u8>) -> Result<Read> {
    element.clear();
    let mut begun = match (token(text)?, first) {
        (Some(b']'), _) => {
            return if token(text)?.is_none() { Ok(Read::End) } else { Err(no_array()) };
        }
        (Some(b','), false) => token(text)?.ok_or_else(no_array)?,
        (Some(byte), true) => byte,
        _ => return Err(no_array()),
    };
    let (mut depth, mut quoted, mut escaped, mut long) = (0_u32, false, false, false);
    loop {
        match begun {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1).ok_or_else(no_array)?,
            _ => {}
        }
        if element.len() as u64 >= LINE_MOST {
            long = true;
        } else {
            element.push(begun);
        }
        let next = text.fill_buf().map_err(unreadable)?.first().copied().ok_or_else(no_array)?;
        if depth == 0 && !quoted && (next == b',' || next == b']') {
            return Ok(if long { Read::Long } else { Read::Line });
        }
        text.consume(1);
        begun = next;
    }
}

fn cells(line: &[u8]) -> Option<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).buffer_capacity(line.len().max(64)).from_reader(line);
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record).ok().filter(|read| *read).map(|_| record)
}

fn entry(record: &csv::StringRecord, places: &[Option<usize>]) -> NewEntry {
    let mut cells = places.iter().map(|place| place.and_then(|place| record.get(place)).unwrap_or_default().trim().to_owned());
    let mut next = || cells.next().unwrap_or_default();
    NewEntry {
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
    }
}

/// Reads a file to its end before anything of it is used: a part of a list is not the list. Says how many rows it has.
fn survey(source: &Source) -> Result<u64> {
    let mut rows = Rows::open(source)?;
    let mut count = 0_u64;
    while rows.next()?.is_some() {
        count += 1;
    }
    if count == 0 || count > MOST {
        return Err(whole("没有数据行，或超过 1 亿行", "it has no rows, or more than a hundred million"));
    }
    Ok(count)
}

/// Takes a file in. `rows`, where the sender knows how many there are, must be met. With `dry_run` it only says what would become of it.
///
/// # Errors
/// `screening.file_refused`: nothing of it was taken; `people.denied`
pub async fn take(app: &App, actor: &Actor, list: List, sent: impl Into<Bytes>, rows: Option<u64>, dry_run: bool) -> Result<Taken> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let source = Source::Sent(sent.into());
    run(app, Some(actor), list, source, &How { rows, dry_run }, |_| {}).await
}

/// How a file is taken in.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Rows there must be, where the sender knows.
    pub rows: Option<u64>,
    /// Only say what would become of it.
    pub dry_run: bool,
}

/// Takes a file in, a thousand rows a transaction; what is in memory does not grow with the file. Without an actor it is the terminal that asks.
/// `told` hears after every transaction how far it is.
///
/// # Errors
/// `screening.file_refused`: nothing of it was taken; `people.denied`
pub async fn run(
    app: &App,
    actor: Option<&Actor>,
    list: List,
    source: Source,
    how: &How,
    mut told: impl FnMut(&Taken) + Send,
) -> Result<Taken> {
    let now = app.clock.now();
    let looked = source.clone();
    let count = blocking(move || survey(&looked)).await?;
    if how.rows.is_some_and(|rows| rows != count) {
        return Err(whole("行数与声明不符", "it has another number of rows than said"));
    }
    let plan = app.engine.snapshot();
    let mut taken = Taken { dry_run: how.dry_run, ..Taken::default() };
    let mut rows = blocking(move || Rows::open(&source)).await?;
    while taken.rows < count {
        let (reader, snapshot) = (app.clone(), plan.clone());
        let (left, read, good, refused) = blocking(move || {
            let (mut good, mut refused, mut read) = (Vec::with_capacity(BATCH), Vec::new(), 0_u64);
            while good.len() + refused.len() < BATCH {
                let Some((row, entry)) = rows.next()? else { break };
                read += 1;
                match entry.map_err(Failure::from).and_then(|entry| entry.read(&reader, &snapshot.plan, list, now)) {
                    Ok(entry) => good.push(entry),
                    Err(Failure::Problem(problem)) => refused.push(Rejected::new(row, &problem)),
                    Err(failure) => return Err(failure),
                }
            }
            Ok((rows, read, good, refused))
        })
        .await?;
        rows = left;
        if read == 0 {
            return Err(whole("文件在读取过程中被改动", "the file changed while it was read"));
        }
        let (entered, known) = batch(app, actor, list, good, how.dry_run, now).await?;
        taken.rows += read;
        taken.entered += entered;
        taken.known += known;
        taken.refused += refused.len() as u64;
        taken.rejected.extend(refused.into_iter().take(TOLD.saturating_sub(taken.rejected.len())));
        told(&taken);
    }
    Ok(taken)
}

/// One transaction of it: how many entries are new, and how many stood.
async fn batch(app: &App, actor: Option<&Actor>, list: List, good: Vec<Entry>, dry_run: bool, now: Timestamp) -> Result<(u64, u64)> {
    if good.is_empty() {
        return Ok((0, 0));
    }
    let (writer, actor) = (app.clone(), actor.cloned());
    let done = app
        .write(move |tx| {
            let by = match &actor {
                Some(actor) => {
                    actor.reach(&writer, role::Action::ScreeningManage)?;
                    By::Actor(actor)
                }
                None => By::System("terminal"),
            };
            let (mut entered, mut known) = (0_u64, 0_u64);
            let mut entries = Writer::new(&writer, tx, by, list, now)?;
            for entry in &good {
                match entries.put(tx, entry)? {
                    Put::Entered(_) => entered += 1,
                    Put::Known(_) => known += 1,
                }
            }
            if dry_run {
                return Err(Failure::Internal(format!("{TRIAL}{entered},{known}")));
            }
            entries.finish(tx)?;
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
                writer.audit(tx, by, &entry, now)?;
                table::changed_lists(tx)?;
            }
            Ok((entered, known))
        })
        .await;
    match done {
        Err(Failure::Internal(text)) => match text.strip_prefix(TRIAL).and_then(|counts| counts.split_once(',')) {
            Some((entered, known)) => Ok((entered.parse().unwrap_or_default(), known.parse().unwrap_or_default())),
            None => Err(Failure::Internal(text)),
        },
        done => done,
    }
}

/// A trial ends here: nothing of it is kept.
const TRIAL: &str = "screening.trial ";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(u64, Result<NewEntry, Problem>)>> {
        let source = Source::Sent(Bytes::copy_from_slice(text.as_bytes()));
        survey(&source)?;
        let mut rows = Rows::open(&source)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(row);
        }
        Ok(all)
    }

    #[test]
    fn a_quote_never_closed_or_a_line_without_end_spoils_its_own_row() {
        let long = "x".repeat(LINE_MOST as usize + 10);
        let text = format!("number,source,reason\n1,\"2,3\n\n{long},1,2\n{long}{long},1,2\n19900001234,12321,ok\n");
        let rows = read(&text).unwrap();
        let good: Vec<(u64, bool)> = rows.iter().map(|(row, entry)| (*row, entry.is_ok())).collect();
        assert_eq!(good, [(2, false), (4, false), (5, false), (6, true)]);
    }

    #[test]
    fn an_array_is_read_element_by_element_whatever_stands_in_it() {
        let good = r#"{"number":"19900001234","source":"12321","reason":"a \"quote\", a ] and a }, \\"}"#;
        let long = format!(r#"{{"number":"1","reason":"{}"}}"#, "x".repeat(LINE_MOST as usize));
        let text = format!(" [ {good} ,\n{{\"nonsense\":1}},{long}, 7 , null,{good}]\n");
        let rows = read(&text).unwrap();
        let good_rows: Vec<(u64, bool)> = rows.iter().map(|(row, entry)| (*row, entry.is_ok())).collect();
        assert_eq!(good_rows, [(1, true), (2, false), (3, false), (4, false), (5, false), (6, true)]);
        assert_eq!(rows[0].1.as_ref().unwrap().reason, "a \"quote\", a ] and a }, \\");
        for broken in
            ["[]", "[", "[,]", "[{},]", "[{}{}]", "[{]}]", "[{}] []", "[{}]]", "[{} {}]", "[{\"number\":}]", "[\"a]", "{}", "[nul]"]
        {
            assert!(read(broken).is_err(), "{broken}");
        }
    }

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
