//! 补登测速: the stage clock moving cases durably, beside the same rows written bare; a wave simulated over the whole base; a year lived.

use std::{path::Path, sync::Arc, time::Instant};

use chuangsha_app::{
    App,
    figures::bulletin::{self, BulletinKind},
    platform::people::OrganisationKind,
    remediation::{
        clock,
        desk::{self, NewCampaign},
    },
};
use chuangsha_kernel::role::Role;
use chuangsha_store::{
    Config, Engine, Store, StoreError, Tx, params,
    testkit::{Cluster, Directory},
};
use chuangsha_world::{
    kit::{self, Kit},
    lives, year,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Figure, pages,
    registration::{Percentiles, Result, Rig, failed},
};
use crate::{cli::BenchStore, say::Say};

/// What a contact may take of the disk.
const CONTACT_BYTES: f64 = 200.0;
/// Days of a year that is lived.
const DAYS: i32 = 365;
/// Cases the clock moves.
const CASES: u32 = 100_000;

/// On every engine of the machine, or on the one asked for.
pub async fn run(say: &Say, on: &Path, base: u32, store: Option<BenchStore>, tell: &mut dyn FnMut(Vec<Figure>)) -> Result<()> {
    if store != Some(BenchStore::Postgres) {
        let directory = Directory::within(on);
        let url = format!("sqlite:{}", directory.path().join("remediation.db").display());
        tell(measure(say, &url, base, "").await?);
        dashboards(say, on, base, tell).await?;
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
    load(say, &kit.app, kit::CITY, base, cases).await?;
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
    let bytes = contact_bytes(&kit.app).await?;
    let bare_clock = bare_rows(&kit, cases).await?;
    store.close().await;
    Ok(vec![
        Figure::new(format!("remediation/contact_log{suffix}"), bytes, "bytes/contact", CONTACT_BYTES),
        Figure::new(format!("remediation/stage_clock{suffix}"), clocked, "cases/s", bare_clock),
        Figure::new(format!("remediation/dry_run{suffix}"), slowest, "s", bare_s),
        Figure::new(format!("remediation/campaign_page{suffix}"), page, "ms", 100.0),
    ])
}

/// What a contact takes of the disk: the table of contacts with its index, as the engine counts its pages, over its rows.
async fn contact_bytes(app: &App) -> Result<f64> {
    // As they stand in the end: arrived, with the carrier's id of the message.
    let settle = "UPDATE remediation_contact SET result = 2, result_at = at + 60000, receipt = '0123456789abcdef0123'";
    app.store.write(move |tx| tx.execute(settle, &[]).map(drop)).await.map_err(|error: StoreError| failed(error))?;
    let measured = app.store.read(|tx| {
        let size = match tx.engine() {
            Engine::Sqlite => {
                "SELECT SUM(pgsize) FROM dbstat WHERE name IN ('remediation_contact', 'sqlite_autoindex_remediation_contact_1')"
            }
            Engine::Postgres => "SELECT pg_total_relation_size('remediation_contact')",
        };
        let bytes = tx.query_one(size, &[])?.int(0)?;
        Ok::<_, StoreError>((bytes, tx.query_one("SELECT COUNT(*) FROM remediation_contact", &[])?.int(0)?))
    });
    let (bytes, contacts) = measured.await.map_err(failed)?;
    Ok(bytes as f64 / contacts.max(1) as f64)
}

/// The pages people look at all day, with the whole base, a campaign over it and a fortnight of bulletins behind them.
async fn dashboards(say: &Say, on: &Path, base: u32, tell: &mut dyn FnMut(Vec<Figure>)) -> Result<()> {
    let rig = Rig::start(say, on, None, 0).await?;
    let who = rig.sign_in(Role::CityManager, 1).await?.remove(0);
    load(say, &rig.app, &who.region, base, base).await?;
    let now = rig.app.clock.now();
    let day = |after: i64| now.plus_ms(after * chuangsha_kernel::time::DAY_MS).day();
    // The first stage begins tomorrow: nothing moves while the pages are looked at.
    let stages: Vec<_> = ["remind", "suspend", "reregister", "cancel"].into_iter().zip([1, 31, 46, 111]).collect();
    let stages: Vec<_> = stages
        .into_iter()
        .map(|(stage, from)| json!({ "stage": stage, "from": day(from).to_string(), "until": day(300).to_string() }))
        .collect();
    let asked = json!({
        "name": "测速", "region": who.region, "from": day(0).to_string(), "until": day(300).to_string(), "stages": stages,
        "targets": [{ "due": day(200).to_string(), "percent": 95 }],
    });
    let made = who.must(Method::POST, "/remediation/campaigns", asked).await?;
    let id = made["id"].as_str().ok_or_else(|| failed("no campaign"))?.to_owned();
    let at = format!("/remediation/campaigns/{id}");
    who.must(Method::POST, &format!("{at}/steps"), json!({ "version": 1, "step": "start", "words": "" })).await?;
    let cases = CASES.min(base);
    let foretold = who.must(Method::GET, &format!("{at}/simulation?size={cases}"), Value::Null).await?;
    who.must(Method::POST, &format!("{at}/waves"), json!({ "size": cases, "touches": foretold["touches"] })).await?;
    while clock::take_in(&rig.app).await.map_err(parts)? > 0 {}
    while clock::fold(&rig.app).await.map_err(parts)? > 0 {}
    for back in 1..=14 {
        bulletin::make(&rig.app, BulletinKind::Daily, day(-back)).await.map_err(parts)?;
    }
    for (name, path) in [("overview", "/overview"), ("campaign", &format!("/remediation/{id}")), ("bulletins", "/bulletins")] {
        let (spent, _) = pages::ask(&who, path).await?;
        tell(vec![Figure::new(format!("remediation/page_{name}_p95"), Percentiles::of(spent).p95, "ms", 100.0)]);
    }
    rig.stop().await;
    Ok(())
}

fn parts(failure: chuangsha_app::platform::failure::Failure) -> chuangsha_kernel::problem::Problem {
    failed(failure.log_line())
}

/// The base: a finding on every line, and a number behind the first `cases` of them.
async fn load(say: &Say, app: &App, region: &str, base: u32, cases: u32) -> Result<()> {
    let bar = say.progress(u64::from(base), "底数", "base");
    for from in (0..base).step_by(20_000) {
        let until = base.min(from + 20_000);
        let city = region.to_owned();
        let work = move |tx: &mut Tx<'_>| {
            let ids: Vec<(Uuid, Uuid)> = (from..until).map(|index| (id(index, 1), id(index, 2))).collect();
            let findings = ids.iter().zip(from..until).map(|((line, _), index)| {
                let (kind, channel) = (i64::from(index % 4) + 1, i64::from(index % 2) + 1);
                params![line, kind, "bench", 0_i64, &city, channel]
            });
            tx.bulk("base_finding", "subscription, kind, reason, found_at, region, channel_kind", findings)?;
            let lines = ids.iter().zip(from..until).filter(|(_, index)| *index < cases);
            let lines = lines.map(|((line, number), _)| params![line, number, &city, 2_i64, 1_i64, 0_i64, 1_i64, 0_i64]);
            tx.bulk("subscription", "id, number_id, region, channel_kind, product, real_name, state, since", lines)
        };
        app.store.write(move |tx| work(tx)).await.map_err(|error: StoreError| failed(error))?;
        bar.inc(u64::from(until - from));
    }
    // What PostgreSQL counts by itself within a minute; the other engine keeps no statistics.
    let counted = app.store.write(|tx| if tx.engine() == Engine::Postgres { tx.batch("ANALYZE") } else { Ok(()) });
    counted.await.map_err(|error: StoreError| failed(error))?;
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

/// One year: everybody's life through the rules, on every core; then so many of them once more the whole way, through the record and every
/// adapter, on SQLite. The same promises are checked of both.
pub async fn year(say: &Say, on: &Path, seed: u64, subscribers: u32, through: u32) -> Result<()> {
    let bar = say.progress(u64::from(subscribers), "户", "lives");
    let (started, counting) = (Instant::now(), bar.clone());
    let lived = tokio::task::spawn_blocking(move || {
        lives::live(&lives::Province::of(seed, DAYS), u64::from(subscribers), &|some| counting.inc(some))
    });
    let told = lived.await.map_err(failed)?.map_err(failed)?;
    bar.finish_and_clear();
    say.answer(&format!("{told:?}"));
    let seconds = started.elapsed().as_secs_f64();
    say.note(
        &format!("{subscribers} 户全部走完规则，用时 {seconds:.1} 秒"),
        &format!("{subscribers} lives through the rules in {seconds:.1} s, every promise checked at every step"),
    );
    let through = through.min(subscribers);
    if through == 0 {
        return Ok(());
    }
    let directory = Directory::within(on);
    let url = format!("sqlite:{}", directory.path().join("year.db").display());
    let store = Store::open(&Config::new(url)).await.map_err(failed)?;
    let bar = say.progress(u64::from(DAYS.unsigned_abs()), "天", "days");
    let plan = year::Plan { seed, subscribers: through, days: DAYS, restarts: true };
    let started = Instant::now();
    let told = year::live(store, plan, |_| bar.inc(1)).await.map_err(failed)?;
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    say.answer(&format!("{told:?}"));
    say.note(
        &format!("其中 {through} 户走完数据库与全部接口，用时 {seconds:.1} 秒，每日核对全部承诺"),
        &format!("{through} of them the whole way, through the record and every adapter, in {seconds:.1} s, every promise checked daily"),
    );
    Ok(())
}
