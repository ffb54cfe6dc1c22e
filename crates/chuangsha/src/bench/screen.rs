//! 甄别测速: a decision and a look-up at scale, and how often the engine is wrong in a simulated city.

use std::{error::Error, path::Path};

use chuangsha_kernel::problem::Problem;
use chuangsha_screen::{bench, city};

use super::{FAILED, Figure};
use crate::{
    cli::BenchScreen,
    say::{Outcome, Say},
};

/// Calls decided one by one with a clock beside them.
const DECISIONS: u64 = 1_000_000;
/// Every report of the city is about the same day.
const SEED: u64 = 2_026;

/// One look-up in a `hashbrown` map is what everything here is measured beside.
pub fn figures(size: BenchScreen, on: &Path) -> Result<Vec<Figure>, Box<dyn Error>> {
    let scale = bench::Scale { callers: size.callers, numbers: size.numbers, decisions: DECISIONS };
    let measured = bench::run(scale, on)?;
    let lookup_ns = 1e9 / measured.map_lookups;
    Ok(vec![
        Figure::new("screen/decide", measured.decide_median_ns, "ns", lookup_ns),
        Figure::new("screen/decide_p99", measured.decide_p99_ns, "ns", lookup_ns),
        Figure::new("screen/decide_alone", measured.alone_median_ns, "ns", lookup_ns),
        Figure::new("screen/decide_alone_p99", measured.alone_p99_ns, "ns", lookup_ns),
        Figure::new("screen/decide_1_thread", measured.decides, "decisions/s", measured.decides),
        Figure::new("screen/decide_2_threads", measured.decides_2_threads, "decisions/s", measured.decides),
        Figure::new("screen/memory", measured.resident / 1e6, "MB", measured.map_entry_bytes * size.numbers as f64 / 1e6),
        Figure::new("screen/index", measured.lookups, "lookups/s", measured.map_lookups),
        Figure::new("screen/index_single", measured.single_lookups, "lookups/s", measured.map_lookups),
        Figure::new("screen/index_entry", measured.entry_bytes, "bytes", measured.map_entry_bytes),
        // The bars for these two: they are themselves the baseline.
        Figure::new("screen/index_build", measured.build_s, "s", 60.0),
        Figure::new("screen/index_open", measured.open_ms, "ms", 100.0),
        // Beside the time to write it: verified and moved into large pages, by the control plane before the swap.
        Figure::new("screen/index_settle", measured.settle_ms, "ms", measured.build_s * 1e3),
    ])
}

/// `--accuracy`: a day of the city, by kind and intensity.
pub fn accuracy(say: &Say, people: u64) -> Outcome {
    let report = city::run(people, SEED).map_err(|error| Problem::new(&FAILED).with("group", "screen").with("reason", error))?;
    let (calls, labelled, blocked) = report.honest();
    if say.json {
        for row in &report.rows {
            say.answer(&serde_json::to_string(row).unwrap_or_default());
        }
        say.answer(
            &serde_json::json!({
                "honest_calls": calls, "label_error": report.label_error(), "block_error": report.block_error(),
            })
            .to_string(),
        );
        return Ok(());
    }
    let percent = |part: u64, of: u64| format!("{:.2} %", part as f64 * 100.0 / of.max(1) as f64);
    let rows: Vec<Vec<String>> = report
        .rows
        .iter()
        .map(|row| {
            let kind = serde_json::to_string(&row.kind).unwrap_or_default().replace('"', "");
            vec![kind, row.intensity.to_string(), row.calls.to_string(), percent(row.labelled, row.calls), percent(row.blocked, row.calls)]
        })
        .collect();
    let heads = [
        say.pick("种类", "kind"),
        say.pick("强度", "intensity"),
        say.pick("呼叫", "calls"),
        say.pick("标签", "labelled"),
        say.pick("拦截", "blocked"),
    ];
    say.table(&heads, &rows);
    say.answer(&format!(
        "{} {calls}  {} {labelled} ({:.4} %)  {} {blocked} ({:.1e})",
        say.pick("正常呼叫", "honest calls"),
        say.pick("误标", "labelled in error"),
        report.label_error() * 100.0,
        say.pick("误拦", "blocked in error"),
        report.block_error(),
    ));
    Ok(())
}
