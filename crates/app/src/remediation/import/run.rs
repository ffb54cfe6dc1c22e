//! 导入执行: one thread reads, every core checks and seals, one transaction after the other writes. Nothing grows with the file. How far it is
//! stands in the transaction that wrote it, so that a process may die at any point.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, sync_channel},
    },
};

use chuangsha_kernel::problem::Problem;
use chuangsha_store::StoreError;
use futures_util::future::join;
use ring::digest::{SHA256, digest};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    code,
    mapping::{Mapping, Plan},
    read::{self, How, Looked, Source},
    row::Reject,
    seal::{Batch, Chunk, Sealer},
    table::{self, Run, State},
    write::{self, Landed, Seen},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

/// Rows handed from thread to thread at a time.
const CHUNK: usize = 1_000;
/// Rows of one transaction beside a server that works.
pub const BATCH: u64 = 50_000;
/// The same at the terminal, unless asked otherwise: a page of an index that many rows fall into is written once for all of them.
pub const BULK: u64 = 200_000;
/// Rows of the first transaction, at most: the record has work soon after the first rows are sealed.
const FIRST: u64 = 25_000;

/// Rows of the transaction after one of `rows`. No more than are sealed while that one is written, or the record waits for them.
const fn after(rows: u64) -> u64 {
    rows + rows * 2 / 5
}
/// Threads that check and seal, at most. One core fewer than the machine has: the writer's own, which is the narrowest place and waits for
/// nobody's turn.
const SEALERS: usize = 8;

/// 导入请求
#[derive(Debug, Clone)]
pub struct Request {
    /// Where the rows come from.
    pub source: Source,
    /// Name of the file, without its folder.
    pub file_name: String,
    /// The mapping file's text; empty: the usual headings.
    pub mapping: String,
    /// Rows of one transaction.
    pub batch: u64,
    /// Transactions of this call; the next call goes on behind them. 0: to the end.
    pub most_batches: u64,
}

/// 进度
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Rows read.
    pub rows: u64,
    /// How far in the file: bytes of a CSV file, rows otherwise.
    pub position: u64,
    /// Bytes of the file where the position counts bytes; else 0.
    pub total: u64,
}

/// 导入结果
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Report {
    /// The run; none for a trial.
    pub run: Option<Uuid>,
    /// Name of the file.
    pub file: String,
    /// What it is.
    pub format: String,
    /// Nothing was written.
    pub dry_run: bool,
    /// It was taken in before, to its end.
    pub again: bool,
    /// Row it went on behind; 0: from the start.
    pub resumed_behind: u64,
    /// Whether the end of the file was reached.
    pub done: bool,
    /// Rows read, those of earlier calls included.
    pub rows: u64,
    /// Numbers that are new.
    pub landed: u64,
    /// Numbers that were there already, under the same person.
    pub known: u64,
    /// Rows refused.
    pub rejected: u64,
    /// 未认证
    pub unverified: u64,
    /// 信息不完整
    pub incomplete: u64,
    /// 人机不符
    pub holder_differs: u64,
    /// 集团卡
    pub group_card: u64,
}

/// What a transaction stands for in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// Rows of it.
    pub rows: u64,
    /// Last row.
    pub through: u64,
    /// How far that is.
    pub position: u64,
}

impl Step {
    fn of(batches: &[Batch]) -> Self {
        let last = batches.last();
        Self {
            rows: batches.iter().map(|batch| batch.rows).sum(),
            through: last.map_or(0, |batch| batch.through),
            position: last.map_or(0, |batch| batch.position),
        }
    }
}

impl Report {
    /// As a run stands.
    pub fn of(run: &Run) -> Self {
        let plain = |count: i64| count.unsigned_abs();
        let [a, b, c, d] = run.findings;
        Self {
            run: Some(run.id),
            file: run.file_name.clone(),
            format: run.format.clone(),
            dry_run: false,
            again: false,
            resumed_behind: 0,
            done: run.state == State::Done,
            rows: plain(run.rows),
            landed: plain(run.landed),
            known: plain(run.known),
            rejected: plain(run.rejected),
            unverified: plain(a),
            incomplete: plain(b),
            holder_differs: plain(c),
            group_card: plain(d),
        }
    }

    fn add(&mut self, step: &Step, landed: &Landed) {
        self.rows += step.rows;
        self.landed += landed.landed;
        self.known += landed.known;
        self.rejected += landed.rejects.len() as u64;
        let [a, b, c, d] = landed.findings;
        self.unverified += a;
        self.incomplete += b;
        self.holder_differs += c;
        self.group_card += d;
    }
}

/// Takes a file in, from where an earlier call or process left it. `by` names the job in the log; `told` hears after every transaction.
///
/// # Errors
/// Codes of [`code`]; what the record or the vault could not do. What was committed stays, and the next call goes on behind it.
pub async fn take(app: &App, request: &Request, by: &'static str, told: &mut (dyn FnMut(Progress) + Send)) -> Result<Report> {
    let mapping = Arc::new(Mapping::parse(&request.mapping)?);
    let looked = look(request).await?;
    let found = begin(app, app.ids.next(app.clock.now()), request, &looked, None).await?;
    if found.state == State::Done {
        return Ok(Report { again: true, ..Report::of(&found) });
    }
    let behind = found.through.unsigned_abs();
    let mut run = found;
    let mut flow = Flow::start(app, request, &looked, mapping, behind).await?;
    let mut batches = 0;
    let mut whole = true;
    let mut size = request.batch.min(FIRST);
    let mut next = flow.next(size).await?.map(|rows| (Arc::new(rows), None));
    while let Some((rows, seen)) = next {
        let step = Step::of(&rows);
        batches += 1;
        whole = batches != request.most_batches;
        size = request.batch.min(after(size));
        // While one transaction is written, the rows of the next are looked for in the record.
        let coming = async {
            let Some(coming) = (if whole { flow.next(size).await? } else { None }).map(Arc::new) else { return Ok(None) };
            let (after, before) = (Arc::clone(&coming), Arc::clone(&rows));
            let seen = app.read(move |tx| write::foresee(tx, &after, &before)).await?;
            Ok::<_, Failure>(Some((coming, Some(Arc::new(seen)))))
        };
        let (done, coming) = join(commit(app, run, Arc::clone(&rows), step, seen, by), coming).await;
        run = done?;
        told(flow.progress(&step, run.rows.unsigned_abs()));
        // Millions of small pieces: not on the thread that writes.
        drop(tokio::task::spawn_blocking(move || drop(rows)));
        next = coming?;
    }
    if whole {
        run = end(app, run, State::Done, None, by).await?;
    }
    Ok(Report { resumed_behind: behind, ..Report::of(&run) })
}

/// 试运行: what would become of a file. Nothing is written; `refused` hears of each reject as it is found. A number that stands twice in the
/// file is seen when both stand in one transaction's rows.
///
/// # Errors
/// As [`take`].
pub async fn weigh(
    app: &App,
    request: &Request,
    told: &mut (dyn FnMut(Progress) + Send),
    refused: &mut (dyn FnMut(&[Reject]) -> Result<()> + Send),
) -> Result<Report> {
    let mapping = Arc::new(Mapping::parse(&request.mapping)?);
    let looked = look(request).await?;
    let mut report = Report {
        run: None,
        file: request.file_name.clone(),
        format: looked.format.as_str().to_owned(),
        dry_run: true,
        again: false,
        resumed_behind: 0,
        done: true,
        rows: 0,
        landed: 0,
        known: 0,
        rejected: 0,
        unverified: 0,
        incomplete: 0,
        holder_differs: 0,
        group_card: 0,
    };
    let mut flow = Flow::start(app, request, &looked, mapping, 0).await?;
    while let Some(next) = flow.next(request.batch).await? {
        let step = Step::of(&next);
        let (reader, next) = (app.clone(), Arc::new(next));
        let landed = app.read(move |tx| write::weigh(&reader, tx, &next)).await?;
        refused(&landed.rejects)?;
        report.add(&step, &landed);
        told(flow.progress(&step, report.rows));
    }
    Ok(report)
}

/// Looks through a file once.
///
/// # Errors
/// `import.file`
pub async fn look(request: &Request) -> Result<Looked> {
    let source = request.source.clone();
    tokio::task::spawn_blocking(move || read::look(&source)).await.map_err(Failure::internal)?
}

/// What tells one mapping from another.
pub fn mapping_hash(mapping: &str) -> Vec<u8> {
    digest(&SHA256, mapping.as_bytes()).as_ref().to_vec()
}

/// Finds the run of a file, or writes a new one under `id`: running for the terminal; waiting for the server's own worker when somebody sent it.
///
/// # Errors
/// The record fails.
pub async fn begin(app: &App, id: Uuid, request: &Request, looked: &Looked, actor: Option<&Actor>) -> Result<Run> {
    let now = app.clock.now();
    let uploaded = actor.is_some();
    let run = Run {
        id,
        file_hash: looked.hash.to_vec(),
        mapping_hash: mapping_hash(&request.mapping),
        file_name: request.file_name.chars().filter(|c| !c.is_control()).take(80).collect(),
        mapping: request.mapping.clone(),
        format: looked.format.as_str().to_owned(),
        bytes: i64::try_from(looked.bytes).unwrap_or(i64::MAX),
        state: if uploaded { State::Waiting } else { State::Running },
        uploaded,
        staff: actor.map(|actor| actor.staff),
        organisation: actor.map(|actor| actor.organisation),
        region: actor.map(|actor| actor.region.clone()).unwrap_or_default(),
        through: 0,
        place: 0,
        rows: 0,
        landed: 0,
        known: 0,
        rejected: 0,
        findings: [0; 4],
        error: String::new(),
        error_data: BTreeMap::new(),
        created: now,
        touched: now,
        ended: None,
        version: 0,
    };
    let (writer, actor) = (app.clone(), actor.cloned());
    app.write(move |tx| {
        if let Some(found) = table::of_file(tx, &run.file_hash, &run.mapping_hash)? {
            if found.state == State::Done || found.state.live() {
                return Ok(found);
            }
            // It failed or was cancelled: asked for again, it goes on.
            let next = Run {
                state: run.state,
                error: String::new(),
                error_data: BTreeMap::new(),
                ended: None,
                touched: now,
                version: found.version + 1,
                ..found.clone()
            };
            table::advance(tx, &found, &next)?;
            return Ok(next);
        }
        table::insert(tx, &run)?;
        let facts = serde_json::json!({ "file": hex::encode(&run.file_hash), "bytes": run.bytes, "format": run.format }).to_string();
        let by = actor.as_ref().map_or(By::System("terminal"), By::Actor);
        audit(&writer, tx, by, run.id, "import.start", "begun", &facts)?;
        Ok(run.clone())
    })
    .await
}

pub(super) fn audit(app: &App, tx: &mut chuangsha_store::Tx, by: By<'_>, run: Uuid, action: &str, step: &str, facts: &str) -> Result<()> {
    let entry = Entry {
        action,
        case_kind: "import",
        case: Some(run),
        step,
        article: "R-REM-2",
        pack: &app.rules.version,
        facts,
        ..Entry::default()
    };
    app.audit(tx, by, &entry, app.clock.now()).map(drop)
}

/// One transaction: rows, cursor, rejects, figures and one entry of the log, all or nothing.
async fn commit(app: &App, run: Run, rows: Arc<Vec<Batch>>, step: Step, seen: Option<Arc<Seen>>, by: &'static str) -> Result<Run> {
    let foreseen = seen.is_some();
    match commit_as(app, &run, Arc::clone(&rows), step, seen, by).await {
        // Somebody wrote a number or a person in between that was new a moment ago.
        Err(Failure::Store(StoreError::Duplicate { .. })) if foreseen => commit_as(app, &run, rows, step, None, by).await,
        done => done,
    }
}

async fn commit_as(app: &App, run: &Run, rows: Arc<Vec<Batch>>, step: Step, seen: Option<Arc<Seen>>, by: &'static str) -> Result<Run> {
    let (writer, run, now) = (app.clone(), run.clone(), app.clock.now());
    let (id, error) = (run.id, contended(&run));
    let done = app.write(move |tx| {
        let landed = write::land(&writer, tx, &rows, seen.as_deref(), Some(id), now)?;
        let next = run.after(&step, &landed, now);
        table::advance(tx, &run, &next)?;
        table::put_rejects(tx, id, &landed.rejects)?;
        let [a, b, c, d] = landed.findings;
        let facts = serde_json::json!({
            "rows": step.rows, "landed": landed.landed, "known": landed.known, "rejected": landed.rejects.len(),
            "unverified": a, "incomplete": b, "holder_differs": c, "group_card": d, "hash": hex::encode(landed.hash),
        })
        .to_string();
        let rows = format!("{}>{}", run.through, next.through);
        audit(&writer, tx, By::System(by), id, "import.batch", &rows, &facts)?;
        Ok(next)
    });
    match done.await {
        Err(Failure::Store(StoreError::Contended)) => Err(error),
        other => other,
    }
}

fn contended(run: &Run) -> Failure {
    Problem::new(&code::RUNNING).with("file", &run.file_name).into()
}

/// Ends a run and says so in the log; `stopped`: what ended it before its end.
///
/// # Errors
/// The record fails; another process works on it.
pub async fn end(app: &App, run: Run, state: State, stopped: Option<&Problem>, by: &'static str) -> Result<Run> {
    let (writer, now, failure) = (app.clone(), app.clock.now(), contended(&run));
    let error = stopped.map_or("", |problem| problem.code.id);
    let error_data: BTreeMap<String, String> =
        stopped.iter().flat_map(|problem| &problem.data).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let done = app.write(move |tx| {
        let next = Run {
            state,
            error: error.to_owned(),
            error_data: error_data.clone(),
            touched: now,
            ended: Some(now),
            version: run.version + 1,
            ..run.clone()
        };
        table::advance(tx, &run, &next)?;
        let facts = serde_json::json!({
            "rows": next.rows, "landed": next.landed, "known": next.known, "rejected": next.rejected, "error": error,
        });
        audit(&writer, tx, By::System(by), next.id, "import.end", state.as_str(), &facts.to_string())?;
        Ok(next)
    });
    match done.await {
        Err(Failure::Store(StoreError::Contended)) => Err(failure),
        other => other,
    }
}

/// Threads at work on one file, and what they have ready.
struct Flow {
    ready: mpsc::Receiver<Result<(u64, Batch)>>,
    /// Out of turn: a later chunk that was quicker.
    early: BTreeMap<u64, Batch>,
    next: u64,
    total: u64,
}

impl Flow {
    async fn start(app: &App, request: &Request, looked: &Looked, mapping: Arc<Mapping>, behind: u64) -> Result<Self> {
        let writer = app.clone();
        let pool = app.write(move |tx| writer.pool_key(tx)).await?;
        let sealer = Arc::new(Sealer::new(app, Arc::new(pool), app.clock.now()));
        // Some rows wait while a transaction is written and the next one is looked for.
        let waiting = usize::try_from(request.batch).unwrap_or(CHUNK).div_ceil(CHUNK * 2).max(2);
        let (raw, taken) = sync_channel::<(u64, Arc<Plan>, Chunk)>(4);
        let (made, ready) = mpsc::channel(waiting);
        let taken = Arc::new(Mutex::new(taken));
        let sealers = std::thread::available_parallelism().map_or(1, |cores| cores.get() - 1).clamp(1, SEALERS);
        for _ in 0..sealers {
            let (taken, made, sealer) = (Arc::clone(&taken), made.clone(), Arc::clone(&sealer));
            thread("import-seal", move || seal_chunks(&taken, &made, &sealer))?;
        }
        let (source, format) = (request.source.clone(), looked.format);
        let how = How { delimiter: mapping.delimiter(), sheet: mapping.sheet.clone() };
        thread("import-read", move || {
            let mut reading = Reading { mapping, plan: None, rows: Vec::with_capacity(CHUNK), number: 0, failed: None };
            let mut give = |chunk: (u64, Arc<Plan>, Chunk)| raw.send(chunk).is_ok();
            let mut last = (0, 0);
            let read = read::rows(&source, format, &how, &mut |row, cells, position| {
                last = (row, position);
                reading.take(row, cells, position, behind, &mut give)
            });
            let outcome = read.and_then(|()| match reading.failed.take() {
                Some(failure) => Err(failure),
                None if reading.plan.is_none() => Err(Problem::new(&code::EMPTY).into()),
                None => Ok(()),
            });
            match outcome {
                Ok(()) => drop(reading.flush(last.0, last.1, &mut give)),
                // Whoever waits hears of it; what was read before it has been sent.
                Err(failure) => drop(made.blocking_send(Err(failure))),
            }
        })?;
        let total = if matches!(looked.format, read::Format::Csv(_)) { looked.bytes } else { 0 };
        Ok(Self { ready, early: BTreeMap::new(), next: 0, total })
    }

    /// The next rows in the order of the file, about as many as asked for; `None` behind the last.
    async fn next(&mut self, rows: u64) -> Result<Option<Vec<Batch>>> {
        let (mut batches, mut count) = (Vec::new(), 0);
        while count < rows {
            let batch = match self.early.remove(&self.next) {
                Some(batch) => batch,
                None => match self.ready.recv().await {
                    Some(made) => {
                        let (number, batch) = made?;
                        if number != self.next {
                            self.early.insert(number, batch);
                            continue;
                        }
                        batch
                    }
                    None if self.early.is_empty() => break,
                    None => return Err(Failure::internal("a thread of the import ended before its time")),
                },
            };
            self.next += 1;
            count += batch.rows;
            batches.push(batch);
        }
        Ok((!batches.is_empty()).then_some(batches))
    }

    fn progress(&self, step: &Step, rows: u64) -> Progress {
        Progress { rows, position: step.position, total: self.total }
    }
}

/// A thread that gives way: what it makes ready is waited for less often than the writer that takes it.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let work = move || {
        chuangsha_store::give_way();
        work();
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(Failure::internal)
}

fn seal_chunks(taken: &Mutex<Receiver<(u64, Arc<Plan>, Chunk)>>, made: &mpsc::Sender<Result<(u64, Batch)>>, sealer: &Sealer) {
    loop {
        let next = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, plan, chunk)) = next else { return };
        let batch = sealer.chunk(&plan, chunk).map(|batch| (number, batch));
        let failed = batch.is_err();
        if made.blocking_send(batch).is_err() || failed {
            return;
        }
    }
}

/// What the reading thread keeps from row to row.
struct Reading {
    mapping: Arc<Mapping>,
    plan: Option<Arc<Plan>>,
    rows: Vec<(u64, read::Cells)>,
    number: u64,
    failed: Option<Failure>,
}

impl Reading {
    fn take(
        &mut self,
        row: u64,
        cells: read::Cells,
        position: u64,
        behind: u64,
        give: &mut dyn FnMut((u64, Arc<Plan>, Chunk)) -> bool,
    ) -> bool {
        if self.plan.is_none() {
            let plan = match cells {
                Ok(headings) => self.mapping.plan(&headings.iter().collect::<Vec<_>>()),
                Err(code) => Err(Problem::new(code).into()),
            };
            return match plan {
                Ok(plan) => {
                    self.plan = Some(Arc::new(plan));
                    true
                }
                Err(failure) => {
                    self.failed = Some(failure);
                    false
                }
            };
        }
        if row <= behind {
            return true;
        }
        self.rows.push((row, cells));
        self.rows.len() < CHUNK || self.flush(row, position, give)
    }

    fn flush(&mut self, through: u64, position: u64, give: &mut dyn FnMut((u64, Arc<Plan>, Chunk)) -> bool) -> bool {
        let Some(plan) = &self.plan else { return false };
        if self.rows.is_empty() {
            return true;
        }
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(CHUNK));
        self.number += 1;
        give((self.number - 1, Arc::clone(plan), Chunk { rows, through, position }))
    }
}
