//! 坏行测速: a file of nothing but broken rows, refused one by one. Nothing may be written but the rejects, every one of them stands in the reject
//! file, and memory stays as it was after the first quarter.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::Arc,
    time::Instant,
};

use chuangsha_app::{
    App,
    remediation::import::{
        rejects::{self, Sheet},
        run::BULK,
    },
};
use chuangsha_store::{
    StoreError, params,
    testkit::{Cluster, Directory},
};

use super::{
    Figure,
    import::{Taken, application, engines, resident_mib, take},
    registration::{Result, failed},
};
use crate::{cli::BenchStore, say::Say, serve::parts};

/// Ways a row can be broken, each in another field, some in what is no row at all.
const WAYS: [&[u8]; 14] = [
    b"1990000,,,,,,,,990100,social_outlet,2013-09-01",
    b"+44 20 7946 0000,,,,,,,,990100,social_outlet,2013-09-01",
    b",,,,,,,,990100,social_outlet,2013-09-01",
    b"no fields at all",
    b",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,",
    b"\"never closed,,,,,,,,990100,social_outlet,2013-09-01",
    b"1990\xff\xfe0001,,,,,,,,990100,social_outlet,2013-09-01",
    b"19900000001,\xc3\x28,,,,,,,990100,social_outlet,2013-09-01",
    "19900000001,王小明,resident_id,123,,,,,990100,social_outlet,2013-09-01".as_bytes(),
    "19900000001,王小明,library_card,990101199001011234,,,,,990100,social_outlet,2013-09-01".as_bytes(),
    b"19900000001,,,,,,,,123456,social_outlet,2013-09-01",
    b"19900000001,,,,,,,,990100,street_corner,2013-09-01",
    b"19900000001,,,,,,,,990100,social_outlet,2013-02-30",
    b"19900000001,,,,,,,,990100,social_outlet,2093-01-01",
];

/// On every engine of the machine, or on the one asked for.
pub async fn run(say: &Say, on: &Path, rows: u32, store: Option<BenchStore>, tell: &mut dyn FnMut(Vec<Figure>)) -> Result<()> {
    let directory = Directory::within(on);
    let file = directory.path().join("broken.csv");
    let to = file.clone();
    tokio::task::spawn_blocking(move || make(&to, rows)).await.map_err(failed)?.map_err(failed)?;
    engines(on, store, async |cluster, suffix| {
        tell(measure(say, on, &file, rows, cluster, suffix).await?);
        Ok(())
    })
    .await
}

fn make(file: &Path, rows: u32) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    writeln!(out, "手机号码,姓名,证件类型,证件号码,国籍,地址,签发日期,有效期止,地市,渠道类型,入网日期")?;
    for way in WAYS.iter().cycle().take(usize::try_from(rows).unwrap_or(0)) {
        out.write_all(way)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

async fn measure(say: &Say, on: &Path, file: &Path, rows: u32, cluster: Option<&Arc<Cluster>>, suffix: &str) -> Result<Vec<Figure>> {
    let (app, directory) = application(on, cluster).await?;
    let started = Instant::now();
    let Taken { report: taken, early, most } = take(&app, file, rows, say.progress(u64::from(rows), "退回", "refusing")).await?;
    let sheet = directory.path().join("broken.rejects.csv");
    let mut out = Sheet::new(BufWriter::new(File::create(&sheet).map_err(failed)?)).map_err(parts::failed)?;
    let id = taken.run.ok_or_else(|| failed("a run without an id"))?;
    rejects::write_all(&app, id, &mut out).await.map_err(parts::failed)?;
    out.end().map_err(parts::failed)?.flush().map_err(failed)?;
    let ours = f64::from(rows) / started.elapsed().as_secs_f64();
    let most = most.max(resident_mib());
    if taken.landed != 0 || taken.rejected != u64::from(rows) {
        return Err(failed(format!("{} of {rows} broken numbers landed, {} were refused", taken.landed, taken.rejected)));
    }
    complete(&sheet, rows)?;
    untouched(&app).await?;
    app.store.close().await;
    drop(directory);
    let (app, directory) = application(on, cluster).await?;
    let started = Instant::now();
    bare(&app, id, rows).await?;
    let bare = f64::from(rows) / started.elapsed().as_secs_f64();
    app.store.close().await;
    drop(directory);
    Ok(vec![
        Figure::new(format!("import/broken{suffix}"), ours, "rows/s", bare),
        Figure::new(format!("import/broken_memory{suffix}"), most, "MiB", early),
    ])
}

/// Every row stands in the reject file, once and in its order, with a reason and a remedy.
fn complete(sheet: &Path, rows: u32) -> Result<()> {
    let mut reader = csv::Reader::from_path(sheet).map_err(failed)?;
    let mut next = 2_u32;
    for line in reader.records() {
        let line = line.map_err(failed)?;
        let told = |place: usize| line.get(place).is_some_and(|text| !text.is_empty());
        if line.get(0) != Some(next.to_string().as_str()) || !(told(2) && told(3) && told(4) && told(5)) {
            return Err(failed(format!("row {next} is not told in the reject file")));
        }
        next += 1;
    }
    if next == rows + 2 { Ok(()) } else { Err(failed(format!("the reject file ends at row {}", next - 1))) }
}

/// Nothing came into the base.
async fn untouched(app: &App) -> Result<()> {
    for table in ["subscription", "number_pool", "person", "registration_party", "base_finding", "quota_slot"] {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let count = app.store.read(move |tx| tx.query_one(&sql, &[])?.int(0)).await.map_err(|error: StoreError| failed(error))?;
        if count != 0 {
            return Err(failed(format!("{count} rows of {table} came from rows that are none")));
        }
    }
    Ok(())
}

/// As many rejects loaded as they are, in as many transactions: nothing read, checked or said.
async fn bare(app: &App, run: uuid::Uuid, rows: u32) -> Result<()> {
    let batch = u32::try_from(BULK).unwrap_or(u32::MAX);
    for start in (0..rows).step_by(usize::try_from(batch).unwrap_or(1)) {
        let end = rows.min(start.saturating_add(batch));
        let work = move |tx: &mut chuangsha_store::Tx<'_>| {
            let rows = (start..end).map(|row| params![&run, i64::from(row) + 2, "number", "import.field_missing", "{}"]);
            tx.bulk("import_reject", "run, line, field, code, data", rows)
        };
        app.store.write(work).await.map_err(|error: StoreError| failed(error))?;
    }
    Ok(())
}
