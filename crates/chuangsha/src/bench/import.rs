//! 导入测速: a file of made-up subscribers brought over, sealed and blinded, beside the same rows read from the same file and loaded bare into
//! the same tables.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use chuangsha_app::{
    App,
    remediation::import::{
        read::Source,
        run::{self, BULK, Request},
    },
};
use chuangsha_store::{
    StoreError, Tx, params,
    testkit::{Cluster, Directory},
};
use chuangsha_world::city::DemoProvince;
use uuid::Uuid;

use super::{
    Figure,
    registration::{Result, failed},
};
use crate::{
    cli::BenchStore,
    config::{Overrides, Settings},
    say::Say,
    serve::parts,
};

/// Of so many numbers in a row the first one's holder has the next two as well.
const EVERY: u32 = 12;
/// The province of the demo, whose people do not exist.
const SEED: u64 = 20_261_122;

/// On every engine of the machine, or on the one asked for.
pub async fn run(say: &Say, on: &Path, rows: u32, store: Option<BenchStore>, tell: &mut dyn FnMut(Vec<Figure>)) -> Result<()> {
    let directory = Directory::within(on);
    let file = directory.path().join("base.csv");
    let (making, to) = (say.progress(u64::from(rows), "造数据", "making the file"), file.clone());
    tokio::task::spawn_blocking(move || make(&to, rows, &making)).await.map_err(failed)?.map_err(failed)?;
    engines(on, store, async |cluster, suffix| {
        tell(measure(say, on, &file, rows, cluster, suffix).await?);
        Ok(())
    })
    .await
}

/// Measures on every engine of the machine, or on the one asked for; behind the names of PostgreSQL's rows stands `_postgres`.
pub(super) async fn engines(
    on: &Path,
    store: Option<BenchStore>,
    mut measure: impl AsyncFnMut(Option<&Arc<Cluster>>, &str) -> Result<()>,
) -> Result<()> {
    if store != Some(BenchStore::Postgres) {
        measure(None, "").await?;
    }
    if store != Some(BenchStore::Sqlite) {
        let parent = on.to_owned();
        let cluster = tokio::task::spawn_blocking(move || Cluster::start_in(&parent, true).map(Arc::new)).await.map_err(failed)?;
        if let Some(cluster) = cluster {
            let measured = measure(Some(&cluster), "_postgres").await;
            tokio::task::spawn_blocking(move || drop(cluster)).await.map_err(failed)?;
            measured?;
        }
    }
    Ok(())
}

/// What an import came to, and the most this process held in memory: in the first quarter of the rows, and at all.
pub(super) struct Taken {
    pub(super) report: run::Report,
    pub(super) early: f64,
    pub(super) most: f64,
}

/// Takes a file of so many rows in.
pub(super) async fn take(app: &App, file: &Path, rows: u32, bar: indicatif::ProgressBar) -> Result<Taken> {
    let request = Request {
        source: Source::Path(file.to_owned()),
        file_name: "base.csv".into(),
        mapping: String::new(),
        batch: BULK,
        most_batches: 0,
    };
    let (mut early, mut most) = (0.0_f64, 0.0_f64);
    let mut told = |progress: run::Progress| {
        bar.set_position(progress.rows);
        most = most.max(resident_mib());
        if progress.rows <= u64::from(rows) / 4 {
            early = most;
        }
    };
    let report = run::take(app, &request, "terminal", &mut told).await.map_err(parts::failed)?;
    bar.finish_and_clear();
    Ok(Taken { report, early, most })
}

/// One line a number, as an old system gives it out.
fn make(file: &Path, rows: u32, bar: &indicatif::ProgressBar) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    writeln!(out, "手机号码,姓名,证件类型,证件号码,国籍,地址,签发日期,有效期止,地市,渠道类型,入网日期")?;
    let province = DemoProvince::new(SEED);
    let mut several = province.subscriber(0);
    for index in 0..rows {
        let one = province.subscriber(index);
        if !(1..3).contains(&(index % EVERY)) {
            several = one.clone();
        }
        let (who, until) = (&several, several.until.map(|day| day.to_string()).unwrap_or_default());
        if one.real_name {
            let (kind, country) = (who.document.as_str(), who.country.unwrap_or_default());
            write!(out, "{},{},{kind},{},{country},{},{},{until}", one.phone, who.name, who.number, who.address, who.issued)?;
        } else {
            write!(out, "{},,,,,,,", one.phone)?;
        }
        writeln!(out, ",{},social_outlet,{}", one.region, one.registered)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    out.flush()
}

/// An application over an empty record, with a folder of its own.
pub(super) async fn application(on: &Path, cluster: Option<&Arc<Cluster>>) -> Result<(App, Directory)> {
    let directory = Directory::within(on);
    let mut set = vec!["sms.sink=console".to_owned()];
    if let Some(cluster) = cluster {
        let cluster = Arc::clone(cluster);
        let url = tokio::task::spawn_blocking(move || cluster.new_database()).await.map_err(failed)?;
        set.push(format!("store.url={url}"));
    }
    let overrides = Overrides { file: None, data: Some(directory.path().to_owned()), set };
    let settings = Settings::load(&overrides, []).map_err(|problems| failed(format!("{problems:?}")))?;
    Ok((parts::bulk(&settings, true).await?, directory))
}

async fn measure(say: &Say, on: &Path, file: &Path, rows: u32, cluster: Option<&Arc<Cluster>>, suffix: &str) -> Result<Vec<Figure>> {
    let (app, directory) = application(on, cluster).await?;
    let started = Instant::now();
    let Taken { report: taken, early, most } = take(&app, file, rows, say.progress(u64::from(rows), "导入", "importing")).await?;
    let ours = f64::from(rows) / started.elapsed().as_secs_f64();
    if taken.landed != u64::from(rows) || taken.rejected > 0 {
        return Err(failed(format!("{} of {rows} numbers landed, {} were refused", taken.landed, taken.rejected)));
    }
    app.store.close().await;
    drop(directory);
    let (app, directory) = application(on, cluster).await?;
    let started = Instant::now();
    let loaded = bare(&app, file.to_owned(), say.progress(u64::from(rows), "基线", "baseline")).await?;
    let bare = f64::from(loaded) / started.elapsed().as_secs_f64();
    app.store.close().await;
    drop(directory);
    Ok(vec![
        Figure::new(format!("import/subscribers{suffix}"), ours, "rows/s", bare),
        Figure::new(format!("import/memory{suffix}"), most, "MiB", early),
    ])
}

/// What this process holds in memory; 0 where the system does not say.
pub(super) fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok()).map_or(0.0, |kib| kib / 1_024.0)
}

/// One row of the file in clear, with the ids it needs.
struct Plain {
    cells: csv::StringRecord,
    id: Uuid,
    number: Uuid,
    subject: Uuid,
    person: Option<Vec<u8>>,
    slot: i64,
}

/// Reads the file and loads its rows as they are: the same tables and indexes, batches and transactions, and nothing checked, asked or sealed.
async fn bare(app: &App, file: PathBuf, bar: indicatif::ProgressBar) -> Result<u32> {
    let mut reader = csv::Reader::from_path(&file).map_err(failed)?;
    let (mut records, mut loaded) = (reader.records(), 0_u32);
    let (mut last, mut slot): (Option<(Vec<u8>, Uuid)>, i64) = (None, 0);
    loop {
        let now = app.clock.now();
        let mut rows = Vec::new();
        for cells in records.by_ref().take(usize::try_from(BULK).unwrap_or(50_000)) {
            let cells = cells.map_err(failed)?;
            let person = cells.get(3).filter(|text| !text.is_empty()).map(|text| text.as_bytes().to_vec());
            let mut subject = app.ids.next(now);
            match (&person, &last) {
                (Some(person), Some((known, theirs))) if person == known => {
                    subject = *theirs;
                    slot += 1;
                }
                _ => slot = 1,
            }
            last = person.clone().map(|person| (person, subject)).or(last);
            rows.push(Plain { cells, id: app.ids.next(now), number: app.ids.next(now), subject, person, slot });
        }
        if rows.is_empty() {
            bar.finish_and_clear();
            return Ok(loaded);
        }
        loaded += u32::try_from(rows.len()).unwrap_or(0);
        let rows = Arc::new(rows);
        app.store.write(move |tx| load(tx, &rows)).await.map_err(|error: StoreError| failed(error))?;
        bar.set_position(u64::from(loaded));
    }
}

fn load(tx: &mut Tx<'_>, rows: &[Plain]) -> std::result::Result<(), StoreError> {
    let cell = |row: &Plain, place: usize| -> Vec<u8> { row.cells.get(place).unwrap_or_default().as_bytes().to_vec() };
    let texts: Vec<[Vec<u8>; 4]> = rows.iter().map(|row| [0, 1, 3, 5].map(|place| cell(row, place))).collect();
    let known = || rows.iter().zip(&texts).filter_map(|(row, texts)| row.person.as_ref().map(|person| (row, texts, person)));
    let persons = known().filter(|(row, ..)| row.slot == 1).map(|(row, _, person)| params![person, &row.subject, 0_i64]);
    tx.bulk("person", "person_key, subject, created_at", persons)?;
    let region = |row: &Plain| row.cells.get(8).unwrap_or_default().to_owned();
    let regions: Vec<String> = rows.iter().map(region).collect();
    let numbers = rows.iter().zip(&texts).zip(&regions);
    let numbers = numbers.map(|((row, [number, ..]), region)| params![&row.number, number, number, region, 1_i64, 3_i64, &row.id]);
    tx.bulk("number_pool", "id, number_index, number_sealed, region, product, state, holder", numbers)?;
    let lines = rows.iter().zip(&regions).map(|(row, region)| {
        let (subject, person) = (row.person.as_ref().map(|_| &row.subject), row.person.as_ref());
        params![&row.id, &row.number, subject, person, region, 2_i64, 1_i64, i64::from(person.is_some()), 1_i64, 0_i64]
    });
    let columns = "id, number_id, subject, person_key, region, channel_kind, product, real_name, state, since";
    tx.bulk("subscription", columns, lines)?;
    let slots = known().map(|(row, _, person)| params!["demo", person, "mobile", row.slot, &row.id, 1_i64]);
    tx.bulk("quota_slot", "operator, person_key, class, slot, holder, posted", slots)?;
    let parties = known().map(|(row, [_, name, number, address], _)| {
        let text = |place: usize| row.cells.get(place).filter(|text| !text.is_empty());
        params![&row.id, "holder", &row.subject, text(2).unwrap_or_default(), number, name, number, address, text(6), text(7)]
    });
    let columns = "order_id, role, subject, document, number_index, name, number, address, valid_from, valid_until";
    tx.bulk("registration_party", columns, parties)
}
