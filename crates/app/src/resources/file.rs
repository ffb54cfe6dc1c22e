//! 台账文件: the ledger taken in from a CSV file and given out as one. A row that is wrong is told with field, shape and remedy; the good ones land.

use chuangsha_kernel::role::Action;
use csv::StringRecord;

use super::{
    Application, Caller, Clause, Document, Filter, Paper, Refusal, Resource, State, Step,
    resource::{Direction, Industry, Kind, Purpose},
    table,
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::By,
        failure::{Failure, Result, refuse},
        rejected::Rejected,
    },
};

/// Columns of the file, in order. Lists within a cell are parted by `;`.
pub const COLUMNS: [&str; 17] = [
    "code",
    "kind",
    "region",
    "subject_code",
    "subject_name",
    "industry",
    "papers",
    "access_point",
    "purpose",
    "direction",
    "callers",
    "unit",
    "owner",
    "state",
    "clauses",
    "calls_per_callee",
    "calls_per_day",
];

/// Rows of one file.
const MOST: usize = 100_000;

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Taken {
    /// Rows read.
    pub rows: u64,
    /// New lines.
    pub entered: u64,
    /// Lines that were there already, unchanged.
    pub known: u64,
    /// Nothing was written: it was a trial.
    pub dry_run: bool,
    /// Rows refused.
    pub rejected: Vec<Rejected>,
}

/// A row as it is to stand in the ledger.
struct Wanted {
    application: Application,
    state: State,
    clauses: i64,
    calls_per_callee: i64,
    calls_per_day: i64,
}

fn cell<'r>(row: &'r StringRecord, places: &[Option<usize>; 17], column: usize) -> &'r str {
    places.get(column).copied().flatten().and_then(|place| row.get(place)).unwrap_or_default().trim()
}

fn wanted(row: &StringRecord, places: &[Option<usize>; 17]) -> std::result::Result<Wanted, Refusal> {
    let of = |column: usize| cell(row, places, column);
    let invalid = |field: &'static str| Refusal::FieldInvalid(field);
    let list = |column: usize| of(column).split(';').map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned);
    let count = |column: usize, field: &'static str| match of(column) {
        "" => Ok(0),
        text => text.parse::<i64>().ok().filter(|count| (0..=10_000_000).contains(count)).ok_or(invalid(field)),
    };
    let application = Application {
        code: of(0).to_owned(),
        kind: Kind::parse(of(1)).ok_or(invalid("kind"))?,
        region: of(2).to_owned(),
        subject_code: of(3).to_owned(),
        subject_name: of(4).to_owned(),
        industry: Industry::parse(of(5)).ok_or(invalid("industry"))?,
        papers: list(6).map(|text| paper(&text).ok_or(invalid("papers"))).collect::<std::result::Result<_, _>>()?,
        access_point: of(7).to_owned(),
        purpose: Purpose::parse(of(8)).ok_or(invalid("purpose"))?,
        direction: match of(9) {
            "" => Direction::InboundOnly,
            text => Direction::parse(text).ok_or(invalid("direction"))?,
        },
        callers: list(10).collect(),
        unit: of(11).to_owned(),
        owner: of(12).to_owned(),
    };
    let state = match of(13) {
        "" | "applied" => State::Applied,
        "active" => State::Active,
        _ => return Err(invalid("state")),
    };
    let clauses = list(14)
        .map(|text| Clause::parse(&text).map(|clause| clause as i64).ok_or(invalid("clauses")))
        .try_fold(0, |bits, clause| clause.map(|clause| bits | clause))?;
    Ok(Wanted { application, state, clauses, calls_per_callee: count(15, "calls_per_callee")?, calls_per_day: count(16, "calls_per_day")? })
}

/// `business_licence:91990100…:2030-01-01:yes`, the reference and the day may be empty.
fn paper(text: &str) -> Option<Paper> {
    let mut parts = text.split(':');
    let document = Document::parse(parts.next()?.trim())?;
    let reference = parts.next()?.trim().to_owned();
    let valid_until = match parts.next()?.trim() {
        "" => None,
        day => Some(day.parse().ok()?),
    };
    let in_scope = match parts.next().map(str::trim) {
        None | Some("yes" | "") => true,
        Some("no") => false,
        Some(_) => return None,
    };
    parts.next().is_none().then_some(Paper { document, reference, valid_until, in_scope })
}

fn paper_text(paper: &Paper) -> String {
    let until = paper.valid_until.map(|day| day.to_string()).unwrap_or_default();
    format!("{}:{}:{until}:{}", paper.document.as_str(), paper.reference, if paper.in_scope { "yes" } else { "no" })
}

/// Takes a file in. Each row is its own transaction: what is good lands, and the same file again adds nothing.
///
/// # Errors
/// The right to take applications; a file without the columns it must have; [`Refusal::FieldInvalid`] `file` when it is too long.
pub async fn take(app: &App, actor: &Actor, text: &str, dry_run: bool) -> Result<Taken> {
    actor.reach(app, Action::LedgerManage)?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let headings = reader.headers().map_err(|_| refuse(Refusal::FieldInvalid("file")))?.clone();
    let places = COLUMNS.map(|name| headings.iter().position(|heading| heading.trim() == name));
    if let Some((missing, _)) = COLUMNS.iter().zip(&places).take(13).find(|(_, place)| place.is_none()) {
        return Err(refuse(Refusal::FieldInvalid(missing)));
    }
    let mut taken = Taken { dry_run, ..Taken::default() };
    for (index, record) in reader.records().enumerate() {
        if index >= MOST {
            return Err(refuse(Refusal::FieldInvalid("file")));
        }
        let row = index as u64 + 2;
        taken.rows += 1;
        let outcome = match record.map_err(|_| Refusal::FieldInvalid("file")).and_then(|record| wanted(&record, &places)) {
            Ok(wanted) => one(app, actor, wanted, dry_run).await,
            Err(refusal) => Err(refuse(refusal)),
        };
        match outcome {
            Ok(true) => taken.entered += 1,
            Ok(false) => taken.known += 1,
            Err(Failure::Problem(problem)) if problem.code.status < 500 => taken.rejected.push(Rejected::new(row, &problem)),
            Err(failure) => return Err(failure),
        }
    }
    Ok(taken)
}

/// The trial of a row ends here: nothing of it is kept.
const TRIAL: &str = "ledger.trial";

async fn one(app: &App, actor: &Actor, wanted: Wanted, dry_run: bool) -> Result<bool> {
    let now = app.clock.now();
    let (writer, asker) = (app.clone(), actor.clone());
    let done = app
        .write(move |tx| {
            asker.require(&writer, Action::LedgerManage, &writer.resource(asker.organisation, &wanted.application.region, None))?;
            if let Some(id) = table::id_of(tx, wanted.application.code.trim())? {
                let known = table::find(tx, id)?.ok_or_else(|| refuse(Refusal::NotFound))?;
                let subject = table::subject(tx, known.subject)?.ok_or_else(|| refuse(Refusal::NotFound))?;
                let (new, new_subject) = wanted.application.read(&writer, id, subject.id, now).map_err(refuse)?;
                let same = (&new.access_point, new.kind, new.purpose, new.direction, &new.callers, &new_subject.code)
                    == (&known.access_point, known.kind, known.purpose, known.direction, &known.callers, &subject.code);
                // The file may not change what stands there: that takes a step with its reason.
                return if same { Ok(false) } else { Err(refuse(Refusal::CodeTaken)) };
            }
            let mut line = super::enter(&writer, tx, By::Actor(&asker), &wanted.application, now)?;
            if wanted.state == State::Active {
                let open =
                    Step::Open { clauses: wanted.clauses, calls_per_callee: wanted.calls_per_callee, calls_per_day: wanted.calls_per_day };
                line = super::carry(&writer, tx, By::Actor(&asker), &line, &Step::Vet, "", "L-LED-6", now)?;
                super::carry(&writer, tx, By::Actor(&asker), &line, &open, "", "R-LED-10", now)?;
            }
            if dry_run { Err(Failure::Internal(TRIAL.to_owned())) } else { Ok(true) }
        })
        .await;
    match done {
        Err(Failure::Internal(text)) if text == TRIAL => Ok(true),
        other => other,
    }
}

/// The ledger as a file that [`take`] reads back, as far as this person sees it.
///
/// # Errors
/// The right to see the ledger.
pub async fn give(app: &App, actor: &Actor, filter: Filter) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(Failure::internal)?;
    let mut filter = Filter { limit: 1_000, uncounted: true, after: String::new(), ..filter };
    loop {
        let (rows, _) = super::list(app, actor, filter.clone()).await?;
        for listed in &rows {
            let line: &Resource = &listed.resource;
            let join = |parts: Vec<String>| parts.join(";");
            let clauses =
                Clause::ALL.iter().filter(|clause| line.clauses & (**clause as i64) != 0).map(|clause| clause.as_str().to_owned());
            let state = if line.in_service() { State::Active } else { line.state };
            writer
                .write_record([
                    line.code.as_str(),
                    line.kind.as_str(),
                    &line.region,
                    &listed.subject_code,
                    &listed.subject,
                    listed.industry.as_str(),
                    &join(listed.papers.iter().map(paper_text).collect()),
                    &line.access_point,
                    line.purpose.as_str(),
                    line.direction.as_str(),
                    &join(line.callers.iter().map(Caller::as_str).map(ToOwned::to_owned).collect()),
                    &line.unit,
                    &line.owner,
                    state.as_str(),
                    &join(clauses.collect()),
                    &line.calls_per_callee.to_string(),
                    &line.calls_per_day.to_string(),
                ])
                .map_err(Failure::internal)?;
        }
        match rows.last() {
            Some(last) if rows.len() == 1_000 => filter.after.clone_from(&last.resource.code),
            _ => break,
        }
    }
    writer.into_inner().map_err(Failure::internal)
}
