//! 作业执行: one short turn of the job whose turn it is. Whatever a turn did is committed before the next; a process that dies between two of
//! them is taken up by another where it was.

use chuangsha_kernel::time::Timestamp;
use chuangsha_store::Tx;

use super::{Job, Kind, State, batch, code, table};
use crate::{
    App,
    platform::{
        audit::{By, Entry},
        export,
        failure::{Failure, Result},
        web::list::Look,
        words::Words,
    },
};

/// What a turn came to.
pub enum Outcome {
    /// There is more to do: the job as it stands now.
    On(Box<Job>),
    /// Over, or no longer this worker's: the job as far as this worker knows it.
    Over(Box<Job>),
}

/// One turn of the worker; says how many jobs had one.
pub async fn turn(app: &App) -> Result<usize> {
    let (reading, now) = (app.clone(), app.clock.now());
    let Some(job) = app.read(move |tx| table::next(&reading, tx, now)).await? else { return Ok(0) };
    let id = job.id;
    if let Err(failure) = step(app, job).await {
        // The next job has its turn first: one that fails again and again must not hold up the others.
        let now = app.clock.now();
        app.write(move |tx| table::touch(tx, id, now)).await?;
        return Err(failure);
    }
    Ok(1)
}

/// One turn of one job, for whom it works.
///
/// # Errors
/// A fault of ours; the job stands where it was and is tried again.
pub async fn step(app: &App, job: Job) -> Result<Outcome> {
    let (reading, behalf) = (app.clone(), job.behalf.clone());
    let Some(actor) = app.read(move |tx| reading.on_behalf(tx, &behalf)).await? else {
        return end(app, job, State::Ended, code::LEFT.id).await;
    };
    let look = Look { app: app.clone(), actor, language: job.language, w: Words::of(job.language) };
    let id = job.id;
    let done = match job.kind {
        Kind::Batch => batch::turn(&look, job.clone()).await,
        Kind::Export => export::make::turn(&look, job.clone()).await,
    };
    match done {
        Err(Failure::Problem(problem)) if problem.code.status < 500 => {
            tracing::info!(job = %id, code = problem.code.id, "a job cannot go on");
            end(app, job, State::Failed, problem.code.id).await
        }
        other => other,
    }
}

/// Ends a job, and writes down that and how it ended. A job that is no longer this worker's is left alone.
pub async fn end(app: &App, mut job: Job, state: State, error: &'static str) -> Result<Outcome> {
    let now = app.clock.now();
    job.error = error.to_owned();
    let (writer, writing) = (app.clone(), job.clone());
    app.write(move |tx| {
        let job = writing.clone();
        if table::advance(tx, &job, &table::Turn::default(), state, now)? {
            over(&writer, tx, &job, By::System("jobs"), state, now)?;
        }
        Ok(())
    })
    .await?;
    Ok(Outcome::Over(Box::new(job.after(&table::Turn::default(), state, now))))
}

/// The entry that says how a job ended: how many lines were done and refused, never which.
pub fn over(app: &App, tx: &mut Tx<'_>, job: &Job, by: By<'_>, state: State, now: Timestamp) -> Result<()> {
    let facts =
        serde_json::json!({ "list": job.list, "act": job.act, "done": job.done, "failed": job.failed, "error": job.error }).to_string();
    let entry = Entry { action: "job.end", case_kind: "job", case: Some(job.id), step: state.as_str(), facts: &facts, ..Entry::default() };
    app.audit(tx, by, &entry, now)?;
    Ok(())
}
