//! 测速: each figure beside a baseline measured in the same run on the same machine, so that a ratio means the same everywhere.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the machine's clock; nothing is decided by it")]

mod broken;
mod hotline;
mod import;
mod kill;
mod pages;
mod registration;
mod remediation;
mod screen;

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use chuangsha_kernel::{
    codes,
    problem::Problem,
    role::{Action, Matrix, Role},
};
use chuangsha_vault::{Suite, VaultError, bench as measured};

use crate::{
    cli::{BenchScreen, BenchStore, Group},
    say::{Outcome, Say},
    serve,
};

codes! {
    FAILED = "bench.failed", 500,
        "测量 {group} 未完成：{reason}", "measuring {group} did not finish: {reason}",
        "检查磁盘空间与临时目录后重试", "check disk space and the temporary directory, then try again";
}

/// One measured figure.
#[derive(Debug, serde::Serialize)]
struct Figure {
    bench: String,
    value: f64,
    unit: &'static str,
    baseline: f64,
    ratio: f64,
}

impl Figure {
    fn new(bench: impl Into<String>, value: f64, unit: &'static str, baseline: f64) -> Self {
        Self { bench: bench.into(), value: short(value), unit, baseline: short(baseline), ratio: short(value / baseline) }
    }
}

/// Three digits that matter.
fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powi(2 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}

/// `chuangsha bench GROUP`: prints the figures of each group as soon as they are measured.
pub fn run(say: &Say, group: Group, on: &Path, sizes: (u64, u32), store: Option<BenchStore>, size: BenchScreen) -> Outcome {
    if cfg!(debug_assertions) {
        say.note("注意：这是调试版，数字没有意义", "careful: this is a debug build, its figures mean nothing");
    }
    let groups: &[Group] = match &group {
        Group::All => {
            &[Group::Store, Group::Vault, Group::Authz, Group::Audit, Group::Sip, Group::Registration, Group::Screen, Group::Import]
        }
        one => std::slice::from_ref(one),
    };
    if matches!(group, Group::Screen) && size.accuracy {
        return screen::accuracy(say, size.people);
    }
    let mut rows = Vec::new();
    let mut tell = |figures: Vec<Figure>| {
        if say.json {
            figures.iter().for_each(|figure| say.answer(&serde_json::to_string(figure).unwrap_or_default()));
        }
        rows.extend(figures.into_iter().map(|figure| {
            let Figure { bench, value, unit, baseline, ratio } = figure;
            vec![bench, value.to_string(), unit.to_owned(), baseline.to_string(), ratio.to_string()]
        }));
    };
    // What was measured before something failed is told all the same.
    let measured = groups.iter().try_for_each(|group| measure(say, *group, on, sizes, (store, size), &mut tell));
    if !say.json && !rows.is_empty() {
        let heads = [
            say.pick("项目", "bench"),
            say.pick("值", "value"),
            say.pick("单位", "unit"),
            say.pick("基线", "baseline"),
            say.pick("比", "ratio"),
        ];
        say.table(&heads, &rows);
    }
    Ok(measured?)
}

fn measure(
    say: &Say,
    group: Group,
    on: &Path,
    (seconds, orders): (u64, u32),
    (engine, size): (Option<BenchStore>, BenchScreen),
    tell: &mut dyn FnMut(Vec<Figure>),
) -> Result<(), Problem> {
    let failed = |reason: &dyn std::fmt::Display| Problem::new(&FAILED).with("group", group.name()).with("reason", reason);
    match group {
        Group::Store => tell(store(on, seconds)?),
        Group::Vault => tell(vault().map_err(|error| failed(&error))?),
        Group::Authz => tell(authz().map_err(|error| failed(&error))?),
        Group::Audit => tell(audit().map_err(|error| failed(&error))?),
        Group::Registration => serve::runtime()?.block_on(registration::run(say, on, seconds, orders.max(10_000), tell))?,
        Group::Sip => tell(
            match size.soak {
                Some(minutes) => soak(say, minutes),
                None if size.kill => kill::run(say, on),
                None => sip(seconds),
            }
            .map_err(|error| failed(&error))?,
        ),
        Group::Pages => serve::runtime()?.block_on(pages::run(say, on, orders.max(10_000), tell))?,
        Group::Screen => tell(screen::figures(size, on).map_err(|error| failed(&error))?),
        Group::Import if size.broken => serve::runtime()?.block_on(broken::run(say, on, orders.max(10_000), engine, tell))?,
        Group::Import => serve::runtime()?.block_on(import::run(say, on, orders.max(10_000), engine, tell))?,
        Group::Remediation => serve::runtime()?.block_on(remediation::run(say, on, orders.max(10_000), engine, tell))?,
        Group::Hotline => serve::runtime()?.block_on(hotline::run(say, on, seconds, orders, tell))?,
        Group::All => {}
    }
    Ok(())
}

/// `chuangsha bench remediation --province-year`: lives one year of the old base and says what came of it, or which promise broke on which day.
pub fn province_year(say: &Say, on: &Path, seed: u64, subscribers: u32, through: u32) -> Outcome {
    Ok(serve::runtime()?.block_on(remediation::year(say, on, seed, subscribers, through))?)
}

/// Repeats for about half a second and gives the best of five rounds in seconds a turn: the least disturbed one.
fn seconds(mut turn: impl FnMut()) -> f64 {
    let started = Instant::now();
    let mut turns = 0_u32;
    while started.elapsed() < Duration::from_millis(100) {
        turn();
        turns += 1;
    }
    let round = |turn: &mut dyn FnMut()| {
        let started = Instant::now();
        (0..turns).for_each(|_| turn());
        started.elapsed().as_secs_f64() / f64::from(turns)
    };
    (0..5).map(|_| round(&mut turn)).fold(f64::INFINITY, f64::min)
}

/// Durable registration transactions of 64 clients.
fn store(on: &Path, seconds: u64) -> Result<Vec<Figure>, Problem> {
    let figures = serve::runtime()?.block_on(chuangsha_store::bench::run(on, seconds));
    let figure = |figure: chuangsha_store::bench::Figure| Figure::new(figure.bench, figure.value, figure.unit, figure.baseline);
    Ok(figures.into_iter().map(figure).collect())
}

/// Six fields sealed and two blind indexes, against the bare primitives.
fn vault() -> Result<Vec<Figure>, VaultError> {
    const SUBSCRIBERS: u64 = 50_000;
    let measure = |name: &str, suite| {
        let measured = measured::subscriber(suite, SUBSCRIBERS)?;
        Ok(Figure::new(name, measured.ours.micros(), "µs", measured.baseline.micros()))
    };
    Ok(vec![measure("vault/subscriber", Suite::International)?, measure("vault/subscriber_gm", Suite::Gm)?])
}

/// One decision of the compiled table, against a search of the table row by row.
fn authz() -> Result<Vec<Figure>, chuangsha_kernel::role::MatrixError> {
    let value = chuangsha_kernel::role::bench()?;
    let matrix = Matrix::embedded()?;
    let pairs = Role::ALL.iter().flat_map(|role| Action::ALL.iter().map(move |action| (*role, *action))).collect::<Vec<_>>();
    let search = seconds(|| {
        for (role, action) in &pairs {
            let row = matrix.rules().iter().find(|rule| rule.roles.contains(role) && rule.actions.contains(action));
            black_box(row.map(|rule| rule.id.as_str()));
        }
    });
    let baseline = search * 1e9 / pairs.len() as f64;
    Ok(vec![Figure::new("authz/decision", value, "ns", baseline)])
}

/// Entries of 300 bytes into the tree, against hashing them and nothing else.
fn audit() -> Result<Vec<Figure>, VaultError> {
    let measured = measured::audit_append(1_000_000)?;
    Ok(vec![Figure::new("audit/append", measured.ours.per_second(), "entries/s", measured.baseline.per_second())])
}

/// Calls answered by one UDP loop with the engine behind it, against a bare echo by the same loop.
#[cfg(target_os = "linux")]
fn sip(seconds: u64) -> Result<Vec<Figure>, Box<dyn std::error::Error>> {
    let figures = chuangsha_sip::bench::run(&chuangsha_sip::bench::engine()?, seconds)?;
    Ok(figures.into_iter().map(|figure| Figure::new(figure.bench, figure.value, figure.unit, figure.baseline)).collect())
}

/// 20,000 calls a second for so many minutes: what stays resident, against what was once the tables were full.
#[cfg(target_os = "linux")]
fn soak(say: &Say, minutes: u64) -> Result<Vec<Figure>, Box<dyn std::error::Error>> {
    let told = |minute, held: u64, sent, lost, p99: f64| {
        let held = held >> 20;
        say.note(
            &format!("第 {minute} 分钟：常驻 {held} MiB，已发 {sent}，丢失 {lost}，p99 {p99:.0} µs"),
            &format!("minute {minute}: {held} MiB resident, {sent} sent, {lost} lost, p99 {p99:.0} µs"),
        );
    };
    let figures = chuangsha_sip::bench::soak(&chuangsha_sip::bench::engine()?, minutes, told)?;
    Ok(figures.into_iter().map(|figure| Figure::new(figure.bench, figure.value, figure.unit, figure.baseline)).collect())
}

#[cfg(not(target_os = "linux"))]
fn soak(_: &Say, _: u64) -> Result<Vec<Figure>, Box<dyn std::error::Error>> {
    Err("it is measured on Linux only".into())
}

#[cfg(not(target_os = "linux"))]
fn sip(_: u64) -> Result<Vec<Figure>, Box<dyn std::error::Error>> {
    Err("it is measured on Linux only".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_their_ratio_is_of_the_measured_values() {
        let figure = Figure::new("a/b", 9_312.4, "tx/s", 17_003.0);
        assert_eq!((figure.value, figure.baseline, figure.ratio), (9_310.0, 17_000.0, 0.548));
        assert_eq!(short(0.001_234), 0.001_23);
    }
}
