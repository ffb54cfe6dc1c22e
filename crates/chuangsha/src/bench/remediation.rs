//! 补登测速: the stage clock moving cases durably, beside the same rows written bare; a wave simulated over the whole base; a year lived.

use std::{path::Path, sync::Arc, time::Instant};

use chuangsha_app::{
    platform::people::OrganisationKind,
    remediation::{
        clock,
        desk::{self, NewCampaign},
    },
};
use chuangsha_kernel::role::Role;
use chuangsha_store::{
    Config, Store, StoreError, Tx, params,
    testkit::{Cluster, Directory},
};
use chuangsha_world::{
    kit::{self, Kit},
    year,
};
use uuid::Uuid;

use super::{
    Figure,
    registration::{Result, failed},
};
use crate::{cli::BenchStore, say::Say};

/// Cases the clock moves.
const CASES: u32 = 100_000;

/// On every engine of the machine, or on the one asked for.
pub async fn run(say: &Say, on: &Path, base: u32, store: Option<BenchStore>, tell: &mut dyn FnMut(Vec<Figure>)) -> Result<()> {
    if store != Some(BenchStore::Postgres) {
        let directory = Directory::within(on);
        let url = format!("sqlite:{}", directory.path().join("remediation.db").display());
        tell(measure(say, &url, base, "").await?);
    }
    if store != Some(BenchStore::Sqlite) {
        let parent = on.to_owned();
        let cluster = tokio::task::spawn_blocking(move || Cluster::start_in(&parent, true).map(Arc::new)).await.map_err(failed)?;
        if let Some(cluster) = cluster {
            let maker = Arc::clone(&cluster);
            let url = tokio::task::spawn_blocking(move || maker.new_database()).await.map_err(failed)?;
            let measured = measure(say, &url, base, "_postgres").await;
            tokio::task::spawn_blocking(move || drop(cluster)).await.map_err(failed)?;
            tell(measured?);
        }
    }
    Ok(())
}

async fn measure(say: &Say, url: &str, base: u32, suffix: &str) -> Result<Vec<Figure>> {
    let store = Store::open(&Config::new(url)).await.map_err(failed)?;
    let kit = Kit::new(store.clone()).await;
    let cases = CASES.min(base);
    load(say, &kit, base, cases).await?;
    let manager = kit.actor(Role::CityManager, OrganisationKind::City, kit.city, kit::CITY);
    let day = |after: i64| kit::start().plus_ms(after * chuangsha_kernel::time::DAY_MS).day().to_string();
    let input = NewCampaign {
        name: "测速".to_owned(),
        region: kit::CITY.to_owned(),
        kinds: Vec::new(),
        channels: Vec::new(),
        numbers: Vec::new(),
        from: day(0),
        until: day(300),
        stops_per_day: 0,
        auto_pause: false,
        stages: desk::stages([0, 30, 45, 110].map(day).each_ref().map(String::as_str), &day(300)),
        targets: Vec::new(),
    };
    let campaign = desk::create(&kit.app, &manager, input).await.map_err(parts)?;
    desk::turn(&kit.app, &manager, campaign, 1, chuangsha_app::remediation::campaign::Step::Start, String::new()).await.map_err(parts)?;
    // The dry run over the whole base, cold and warm: the slower counts.
    let mut slowest = 0.0_f64;
    for _ in 0..2 {
        let started = Instant::now();
        desk::simulate(&kit.app, &manager, campaign, i64::from(cases)).await.map_err(parts)?;
        slowest = slowest.max(started.elapsed().as_secs_f64());
    }
    let started = Instant::now();
    let bare = kit.app.store.read(|tx| tx.query_one("SELECT COUNT(*) FROM base_finding", &[])?.int(0)).await.map_err(failed)?;
    let bare_s = started.elapsed().as_secs_f64().max(1e-6);
    say.note(&format!("底数 {bare} 户"), &format!("a base of {bare}"));
    let foretold = desk::simulate(&kit.app, &manager, campaign, i64::from(cases)).await.map_err(parts)?;
    desk::release(&kit.app, &manager, campaign, i64::from(cases), foretold.touches).await.map_err(parts)?;
    while clock::take_in(&kit.app).await.map_err(parts)? > 0 {}
    // One page of figures, as the campaign's page reads it.
    let started = Instant::now();
    desk::whole(&kit.app, &manager, campaign).await.map_err(parts)?;
    let page = started.elapsed().as_secs_f64() * 1_000.0;
    let started = Instant::now();
    let mut moved = 0;
    while moved < cases as usize {
        match clock::tick(&kit.app).await.map_err(parts)? {
            0 => break,
            some => moved += some,
        }
    }
    let clocked = moved as f64 / started.elapsed().as_secs_f64();
    let bare_clock = bare_rows(&kit, cases).await?;
    store.close().await;
    Ok(vec![
        Figure::new(format!("remediation/stage_clock{suffix}"), clocked, "cases/s", bare_clock),
        Figure::new(format!("remediation/dry_run{suffix}"), slowest, "s", bare_s),
        Figure::new(format!("remediation/campaign_page{suffix}"), page, "ms", 100.0),
    ])
}

fn parts(failure: chuangsha_app::platform::failure::Failure) -> chuangsha_kernel::problem::Problem {
    failed(failure.log_line())
}

/// The base: a finding on every line, and a number behind the first `cases` of them.
async fn load(say: &Say, kit: &Kit, base: u32, cases: u32) -> Result<()> {
    let bar = say.progress(u64::from(base), "底数", "base");
    for from in (0..base).step_by(20_000) {
        let until = base.min(from + 20_000);
        let work = move |tx: &mut Tx<'_>| {
            for index in from..until {
                let (line, number) = (id(index, 1), id(index, 2));
                tx.push(
                    "INSERT INTO base_finding (subscription, kind, reason, found_at, region, channel_kind) VALUES ($1, $2, 'bench', 0, $3, $4)",
                    &params![&line, i64::from(index % 4) + 1, kit::CITY, i64::from(index % 2) + 1],
                )?;
                if index < cases {
                    tx.push(
                        "INSERT INTO subscription (id, number_id, number_index, region, channel_kind, product, real_name, state, since) \
                         VALUES ($1, $2, $2, $3, 2, 1, 0, 1, 0)",
                        &params![&line, &number, kit::CITY],
                    )?;
                }
            }
            Ok::<_, StoreError>(())
        };
        kit.app.store.write(work).await.map_err(failed)?;
        bar.inc(u64::from(until - from));
    }
    bar.finish_and_clear();
    Ok(())
}

/// Sorted as they are made, like every id of the application.
fn id(index: u32, kind: u128) -> Uuid {
    Uuid::from_u128((u128::from(index) << 64) | kind)
}

/// What the clock writes a case, without any decision: the case's row, a contact, a message and an entry of the same length.
async fn bare_rows(kit: &Kit, cases: u32) -> Result<f64> {
    let schema = "CREATE TABLE bare_case (id BYTEA PRIMARY KEY, state BIGINT NOT NULL, due BIGINT NOT NULL);
                  CREATE TABLE bare_row (id BYTEA PRIMARY KEY, what BYTEA NOT NULL);";
    kit.app.store.write(move |tx| tx.batch(schema)).await.map_err(failed)?;
    let fill = move |tx: &mut Tx<'_>| {
        (0..cases).try_for_each(|index| tx.push("INSERT INTO bare_case (id, state, due) VALUES ($1, 1, 0)", &params![&id(index, 3)]))
    };
    kit.app.store.write(fill).await.map_err(failed)?;
    let started = Instant::now();
    for from in (0..cases).step_by(1_000) {
        let work = move |tx: &mut Tx<'_>| {
            for index in from..cases.min(from + 1_000) {
                tx.push_one("UPDATE bare_case SET state = 2, due = 1 WHERE id = $1", &params![&id(index, 3)])?;
                for (kind, bytes) in [(4, 40), (5, 120), (6, 900)] {
                    let what = vec![7_u8; bytes];
                    tx.push("INSERT INTO bare_row (id, what) VALUES ($1, $2)", &params![&id(index, kind), &what])?;
                }
            }
            Ok::<_, StoreError>(())
        };
        kit.app.store.write(work).await.map_err(failed)?;
    }
    Ok(f64::from(cases) / started.elapsed().as_secs_f64())
}

/// One year on SQLite, every promise checked daily.
pub async fn year(say: &Say, on: &Path, seed: u64, subscribers: u32) -> Result<()> {
    let directory = Directory::within(on);
    let url = format!("sqlite:{}", directory.path().join("year.db").display());
    let store = Store::open(&Config::new(url)).await.map_err(failed)?;
    let bar = say.progress(365, "天", "days");
    let plan = year::Plan { seed, subscribers, days: 365, restarts: true };
    let started = Instant::now();
    let told = year::live(store, plan, |_| bar.inc(1)).await.map_err(failed)?;
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs();
    say.answer(&format!("{told:?}"));
    say.note(&format!("用时 {seconds} 秒，每日核对全部承诺"), &format!("lived in {seconds} s, every promise checked daily"));
    Ok(())
}
