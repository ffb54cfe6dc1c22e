//! 控制台导入: a file sent by a person, kept sealed until it is taken in, and the worker that takes it a few transactions at a time.

use bytes::Bytes;
use chuangsha_kernel::{problem::Problem, role::Action};
use chuangsha_vault::{Domain, Place};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    code,
    read::Source,
    row::Reject,
    run::{self, Report, Request},
    table::{self, Run, State},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::By,
        failure::{Failure, Result},
        images::ObjectsError,
    },
};

/// Where a sent file is sealed.
const FILE: Place = Place::new("import_run", "file");
/// Rows of one transaction beside a working day's writes: each waits for it less than half a second.
const BATCH: u64 = 10_000;
/// Transactions of one turn; then the next file has its turn, and a cancellation is noticed.
const TURN: u64 = 3;
/// Rejects a trial shows.
pub const SHOWN: usize = 50;

/// 上传: a file as it was sent.
pub struct Sent {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// Mapping file; empty: the usual headings.
    pub mapping: String,
}

impl Sent {
    fn request(&self) -> Request {
        let source = Source::Bytes(self.bytes.clone());
        Request { source, file_name: self.name.clone(), mapping: self.mapping.clone(), batch: BATCH, most_batches: TURN }
    }
}

/// The region whose imports a person sees; empty: every one.
fn place(app: &App, actor: &Actor) -> Result<String> {
    app.visible_region(actor, Action::ImportManage, "")
}

/// 试运行 of a sent file: what would become of it, and the first rejects. Nothing is kept.
///
/// # Errors
/// The right to import; as [`run::weigh`].
pub async fn weigh(app: &App, actor: &Actor, sent: &Sent) -> Result<(Report, Vec<Reject>)> {
    actor.reach(app, Action::ImportManage)?;
    let mut first = Vec::new();
    let mut refused = |found: &[Reject]| {
        let room = SHOWN.saturating_sub(first.len());
        first.extend(found.iter().take(room).cloned());
        Ok(())
    };
    let report = run::weigh(app, &sent.request(), &mut |_| {}, &mut refused).await?;
    Ok((report, first))
}

/// Takes a sent file into the queue. The same file under the same mapping is the same import: it goes on where it was, or is over.
///
/// # Errors
/// The right to import; a mapping or a file that cannot be read.
pub async fn send(app: &App, actor: &Actor, sent: &Sent) -> Result<Uuid> {
    actor.reach(app, Action::ImportManage)?;
    super::mapping::Mapping::parse(&sent.mapping)?;
    if sent.bytes.is_empty() {
        return Err(Problem::new(&code::NO_FILE).field("file").into());
    }
    let request = sent.request();
    let looked = run::look(&request).await?;
    let (hash, mapping) = (looked.hash, run::mapping_hash(&sent.mapping));
    let known = app.read(move |tx| table::of_file(tx, &hash, &mapping)).await?;
    let id = known.as_ref().map_or_else(|| app.ids.next(app.clock.now()), |run| run.id);
    if known.is_none_or(|run| !run.state.live() && run.state != State::Done) {
        let (writer, bytes) = (app.clone(), sent.bytes.clone());
        let sealed = app.write(move |tx| Ok(writer.key_of(tx, id, Domain::Export)?.seal(FILE, &bytes)?)).await?;
        // Before the row that names it: a crash between the two leaves a file nobody asks for, never a run without its file.
        app.objects.put(id, sealed).await.map_err(Failure::internal)?;
    }
    let run = run::begin(app, id, &request, &looked, Some(actor)).await?;
    app.ring();
    Ok(run.id)
}

/// Takes the next sent file further; says how many had a turn. One leased job calls it.
///
/// # Errors
/// A fault of ours: the file waits and is tried again.
pub async fn turn(app: &App) -> Result<usize> {
    let Some(run) = app.read(table::next).await? else { return Ok(0) };
    let id = run.id;
    let outcome = match open(app, &run).await {
        Ok(bytes) => {
            let sent = Sent { name: run.file_name.clone(), bytes, mapping: run.mapping.clone() };
            run::take(app, &sent.request(), "import", &mut |_| {}).await
        }
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(report) if report.done => forget(app, id).await?,
        Ok(_) => {}
        // Another node, or a terminal, works on the same file.
        Err(Failure::Problem(problem)) if problem.code.id == code::RUNNING.id => return Ok(0),
        Err(Failure::Problem(problem)) if problem.code.status < 500 => {
            tracing::info!(import = %id, code = problem.code.id, "an import cannot go on");
            if let Some(now) = app.read(move |tx| table::find(tx, id)).await?.filter(|run| run.state.live()) {
                run::end(app, now, State::Failed, Some(&problem), "import").await?;
            }
            forget(app, id).await?;
        }
        Err(failure) => return Err(failure),
    }
    Ok(1)
}

async fn open(app: &App, run: &Run) -> Result<Bytes> {
    let (reader, id) = (app.clone(), run.id);
    let key = app.read(move |tx| reader.key_if_any(tx, id, Domain::Export)).await?;
    let sealed = app.objects.get(id).await;
    let (Some(key), Ok(sealed)) = (key, &sealed) else {
        return match sealed {
            Err(ObjectsError::Failed(error)) => Err(Failure::internal(error)),
            _ => Err(Problem::new(&code::FILE_GONE).into()),
        };
    };
    let plain: Zeroizing<Vec<u8>> = key.open(FILE, sealed)?;
    Ok(Bytes::from(plain.to_vec()))
}

/// What was sent is destroyed with its key once nobody needs it.
async fn forget(app: &App, id: Uuid) -> Result<()> {
    let writer = app.clone();
    app.write(move |tx| writer.forget_key(tx, id, Domain::Export)).await?;
    app.objects.delete(id).await.map_err(Failure::internal)
}

/// Stops an import where it is: what landed stays, the file is destroyed.
///
/// # Errors
/// `import.not_found`, `import.not_live`; the right to import.
pub async fn cancel(app: &App, actor: &Actor, id: Uuid) -> Result<()> {
    let run = find(app, actor, id).await?;
    if !run.state.live() {
        return Err(Problem::new(&code::NOT_LIVE).into());
    }
    let (writer, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    app.write(move |tx| {
        let old = table::find(tx, id)?.filter(|run| run.state.live()).ok_or_else(|| Problem::new(&code::NOT_LIVE))?;
        let new = Run { state: State::Cancelled, touched: now, ended: Some(now), version: old.version + 1, ..old.clone() };
        table::advance(tx, &old, &new)?;
        let facts = serde_json::json!({ "rows": new.rows, "landed": new.landed, "rejected": new.rejected }).to_string();
        run::audit(&writer, tx, By::Actor(&actor), id, "import.cancel", "cancelled", &facts)
    })
    .await?;
    forget(app, id).await
}

/// An import this person may see.
///
/// # Errors
/// `import.not_found`
pub async fn find(app: &App, actor: &Actor, id: Uuid) -> Result<Run> {
    let region = place(app, actor)?;
    let run = app.read(move |tx| table::find(tx, id)).await?;
    run.filter(|run| run.region.starts_with(&region)).ok_or_else(|| Problem::new(&code::NOT_FOUND).into())
}

/// Imports this person may see, newest first; how many there are, when asked for.
///
/// # Errors
/// The right to import.
pub async fn list(
    app: &App,
    actor: &Actor,
    state: &'static str,
    after: Option<Uuid>,
    limit: i64,
    count: bool,
) -> Result<(Vec<Run>, Option<i64>)> {
    let region = place(app, actor)?;
    app.read(move |tx| {
        let total = if count { Some(table::count(tx, &region, state)?) } else { None };
        Ok((table::list(tx, &region, state, after, limit)?, total))
    })
    .await
}
