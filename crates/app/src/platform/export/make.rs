//! 读列表入文件: page by page, as a stream to a person who waits, or as the turns of a job. Neither ever holds more than one page.

use axum::body::{Body, Bytes};
use chuangsha_kernel::{problem::Problem, time::Timestamp};
use chuangsha_store::{Tx, params};
use chuangsha_vault::{DataKey, Domain, Place};
use futures_util::{Stream, stream};
use ring::digest;
use uuid::Uuid;

use super::{
    About, FileView, Format, Progress, cells, code,
    maker::{Maker, Stand},
    shown,
};
use crate::{
    App,
    platform::{
        failure::{Failure, Result},
        jobs::{
            self, Job, State, batch,
            run::{self, Outcome},
            table::Turn,
        },
        web::list::{Asked, Listing, Look, Window},
    },
};

/// Lines read at a time.
const PAGE: u32 = 100;

/// Pages of one turn of a job: a piece of the file is what they make.
const PAGES: usize = 10;

/// Where a piece is sealed.
const PART: Place = Place::new("export_file", "part");

/// The lines of a page, as they go into a file, and the cursor of what follows.
async fn page(
    look: &Look,
    listing: &dyn Listing,
    asked: &Asked,
    after: Option<String>,
    clear: bool,
) -> Result<(Vec<Vec<String>>, Option<String>)> {
    let places: Vec<usize> = shown(listing, look, asked).into_iter().map(|(place, ..)| place).collect();
    let window = Window { after, limit: PAGE, count: false };
    let found = if clear { listing.rows_clear(look, asked, window).await? } else { listing.rows(look, asked, window).await? };
    Ok((found.lines.iter().map(|line| cells(look.w, &places, line)).collect(), found.next))
}

/// A file being streamed: what to read next.
enum Next {
    Head,
    Page(Option<String>),
    Tail,
    Over,
}

/// The whole list as a file, read as fast as it is taken. It ends early, and visibly broken off, when the record fails or whoever asked is
/// signed out in the middle.
pub fn stream(look: Look, listing: &'static dyn Listing, asked: Asked, format: Format, about: About) -> impl Stream<Item = Result<Bytes>> {
    stream::try_unfold((Next::Head, Stand::default()), move |(next, stand)| {
        let (look, asked, about) = (look.clone(), asked.clone(), about.clone());
        async move {
            let mut maker = Maker::new(format, &about, stand);
            let (bytes, next) = match next {
                Next::Over => return Ok(None),
                _ if look.actor.alive.is_cancelled() => return Err(Problem::new(&jobs::code::LEFT).into()),
                Next::Head => (maker.head(), Next::Page(None)),
                Next::Page(after) => {
                    let (lines, following) = page(&look, listing, &asked, after, false).await?;
                    (maker.lines(&lines), following.map_or(Next::Tail, |cursor| Next::Page(Some(cursor))))
                }
                Next::Tail => (maker.tail(), Next::Over),
            };
            Ok(Some((Bytes::from(bytes), (next, maker.stand))))
        }
    })
}

/// The stream as the body of an answer.
pub fn body(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Body {
    Body::from_stream(stream)
}

/// One turn of a job: a few pages, sealed as one piece, noted together with how far the list was read. A piece that was put and not noted is put
/// again, under the same name and with the same content.
///
/// # Errors
/// A refusal ends the job; a fault leaves it where it is.
pub async fn turn(look: &Look, mut job: Job) -> Result<Outcome> {
    let (app, now) = (&look.app, look.app.clock.now());
    let listing = batch::listing_of(&job.list)?;
    let format = Format::parse(&job.act).ok_or_else(|| Failure::from(Problem::new(&code::FORMAT)))?;
    let asked = Asked::read_address(listing, &job.asked.address);
    let most = app.number_rule("protection.export_most", now, "")?.value;
    let mut progress: Progress = serde_json::from_str(&job.progress).map_err(Failure::internal)?;
    let about = progress.about.clone().ok_or_else(|| Failure::internal("a job of a file does not say what the file is of"))?;
    let mut maker = Maker::new(format, &about, progress.maker.clone());
    let mut bytes = if progress.parts == 0 { maker.head() } else { Vec::new() };
    let mut read = 0_i64;
    for _ in 0..PAGES {
        let (lines, next) =
            page(look, listing, &asked, Some(job.cursor.clone()).filter(|cursor| !cursor.is_empty()), job.asked.clear).await?;
        read += i64::try_from(lines.len()).unwrap_or(0);
        bytes.extend(maker.lines(&lines));
        job.gathered = next.is_none();
        job.cursor = next.unwrap_or_default();
        if job.gathered {
            bytes.extend(maker.tail());
            break;
        }
    }
    if job.done + read > most {
        return Err(Problem::new(&code::TOO_LARGE).with("most", most).into());
    }
    let (part, over) = (progress.parts, job.gathered);
    progress.maker = maker.stand;
    progress.parts += 1;
    progress.size += i64::try_from(bytes.len()).unwrap_or(0);
    job.progress = serde_json::to_string(&progress).map_err(Failure::internal)?;
    let (reading, id) = (app.clone(), job.id);
    let key = app.read(move |tx| reading.key_if_any(tx, id, Domain::Export)).await?;
    let key = key.ok_or_else(|| Failure::from(Problem::new(&code::GONE)))?;
    app.objects.put(part_id(id, part), sealed(&key, part, &bytes)?).await.map_err(Failure::internal)?;
    let window_ms = app.clock_rule("protection.export_window", now)?.value;
    // Nobody counted the list beforehand: what is known to be there is what was read, until the end.
    let turn = Turn { found: (job.done + read - job.total).max(0), done: read, failed: 0 };
    let state = if over { State::Done } else { State::Running };
    let (writer, writing, noted) = (app.clone(), job.clone(), turn.clone());
    let ours = app
        .write(move |tx| {
            if !jobs::table::advance(tx, &writing, &noted, state, now)? {
                return Ok(false);
            }
            tx.push_one(
                "UPDATE export_file SET parts = $2, size = $3, ready = $4, expires = $5 WHERE job = $1",
                &params![&writing.id, progress.parts, progress.size, over, now.plus_ms(window_ms)],
            )?;
            if over {
                run::over(&writer, tx, &writing.clone().after(&noted, state, now), crate::platform::audit::By::System("jobs"), state, now)?;
            }
            Ok::<_, Failure>(true)
        })
        .await?;
    let job = Box::new(if ours { job.after(&turn, state, now) } else { job });
    Ok(if ours && !over { Outcome::On(job) } else { Outcome::Over(job) })
}

/// Name of a piece: the same whoever makes it, so that making it again leaves nothing behind.
fn part_id(job: Uuid, part: i64) -> Uuid {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(job.as_bytes());
    context.update(&part.to_be_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// A piece knows its place in the file: two of them exchanged do not open.
fn sealed(key: &DataKey, part: i64, bytes: &[u8]) -> Result<Vec<u8>> {
    Ok(key.seal(PART, &[&part.to_be_bytes(), bytes].concat())?)
}

fn opened(key: &DataKey, part: i64, sealed: &[u8]) -> Result<Bytes> {
    let plain = key.open(PART, sealed)?;
    match plain.split_first_chunk::<8>() {
        Some((place, bytes)) if i64::from_be_bytes(*place) == part => Ok(Bytes::copy_from_slice(bytes)),
        _ => Err(Failure::internal("a piece of a file is not in its place")),
    }
}

/// The pieces of a finished file, opened one after the other.
pub fn pieces(app: App, job: Uuid, key: DataKey, parts: i64) -> impl Stream<Item = Result<Bytes>> {
    stream::try_unfold((0, key), move |(part, key)| {
        let app = app.clone();
        async move {
            if part >= parts {
                return Ok(None);
            }
            let piece = app.objects.get(part_id(job, part)).await.map_err(Failure::internal)?;
            let bytes = opened(&key, part, &piece)?;
            Ok(Some((bytes, (part + 1, key))))
        }
    })
}

/// The file of a job, with the job. It is there from the first turn on and ready after the last.
pub fn begin(tx: &mut Tx<'_>, job: Uuid, name: &str, expires: Timestamp) -> Result<()> {
    Ok(tx.push(
        "INSERT INTO export_file (job, name, parts, size, expires, downloads, ready) VALUES ($1, $2, 0, 0, $3, 0, 0)",
        &params![&job, name, expires],
    )?)
}

/// The file of a job, where it is ready and still there.
pub fn file_of(app: &App, tx: &mut Tx<'_>, job: Uuid, now: Timestamp) -> Result<Option<FileView>> {
    let most = app.number_rule("protection.export_downloads", now, "")?.value;
    let sql =
        "SELECT name, size, expires, downloads FROM export_file WHERE job = $1 AND ready = 1 AND destroyed_at IS NULL AND expires > $2";
    let row = tx.query_opt(sql, &params![&job, now])?;
    row.map(|row| Ok(FileView { name: row.text(0)?, size: row.int(1)?, expires: row.timestamp(2)?, left: (most - row.int(3)?).max(0) }))
        .transpose()
}

/// Counts one more fetching; how many pieces there are.
///
/// # Errors
/// `export.gone`, `export.not_ready`, `export.spent`
pub fn fetch(app: &App, tx: &mut Tx<'_>, job: Uuid, now: Timestamp) -> Result<i64> {
    let most = app.number_rule("protection.export_downloads", now, "")?.value;
    let sql = "SELECT parts, ready, downloads FROM export_file WHERE job = $1 AND destroyed_at IS NULL AND expires > $2";
    let row = tx.query_opt(sql, &params![&job, now])?.ok_or_else(|| Failure::from(Problem::new(&code::GONE)))?;
    if !row.flag(1)? {
        return Err(Problem::new(&code::NOT_READY).into());
    }
    let counted = tx.execute("UPDATE export_file SET downloads = downloads + 1 WHERE job = $1 AND downloads < $2", &params![&job, most])?;
    if counted == 0 {
        return Err(Problem::new(&code::SPENT).with("most", most).into());
    }
    Ok(row.int(0)?)
}

/// Destroys files whose time is over, and those of jobs that came to nothing: first the key, then the pieces. Says how many.
///
/// # Errors
/// A fault of ours; what is left is tried again.
pub async fn sweep(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let due = app
        .read(move |tx| {
            let sql = "SELECT f.job, f.parts FROM export_file f JOIN job j ON j.id = f.job WHERE f.destroyed_at IS NULL \
                       AND ((f.expires <= $1 AND j.ended IS NOT NULL) OR j.state IN ('failed', 'cancelled', 'ended')) LIMIT 100";
            tx.query(sql, &params![now])?.iter().map(|row| Ok((row.uuid(0)?, row.int(1)?))).collect::<Result<Vec<_>>>()
        })
        .await?;
    let count = due.len();
    for (job, parts) in due {
        let writer = app.clone();
        app.write(move |tx| writer.forget_key(tx, job, Domain::Export)).await?;
        // One more than was noted: the piece of a turn that was never written down.
        for part in 0..=parts {
            app.objects.delete(part_id(job, part)).await.map_err(Failure::internal)?;
        }
        app.write(move |tx| Ok(tx.push("UPDATE export_file SET destroyed_at = $2 WHERE job = $1", &params![&job, now])?)).await?;
    }
    Ok(count)
}
