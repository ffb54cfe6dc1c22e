//! 测速: a decision and a look-up at scale, measured as they run in production. Called by `chuangsha bench screen`.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the machine's clock; nothing is decided by it")]

use std::{
    collections::HashMap,
    fs,
    hash::{BuildHasherDefault, Hasher},
    hint::black_box,
    path::Path,
    time::Instant,
};

use chuangsha_kernel::{Rulebook, Timestamp};

use crate::{
    Ahead, Attempt, Engine, Ingress, Lists, Number, StateConfig, TrunkId,
    index::{self, Builder, Index},
    lists::{Category, Hours, Marks},
    plan::Operator,
    replay::SnapshotSpec,
    rules::PACKS,
    state::hash,
};

/// How large.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Callers, and callees, with a record.
    pub callers: u64,
    /// Numbers in the index.
    pub numbers: u64,
    /// Decisions timed one by one.
    pub decisions: u64,
}

/// What was measured.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Nanoseconds of one decision among sixteen at hand, as the edge takes them from the network; its share of reading ahead and the timer included.
    pub decide_median_ns: f64,
    /// 99th percentile.
    pub decide_p99_ns: f64,
    /// Nanoseconds of one decision that comes alone.
    pub alone_median_ns: f64,
    /// 99th percentile.
    pub alone_p99_ns: f64,
    /// Two readings of the timer, which every decision above contains.
    pub timer_ns: f64,
    /// Resident memory with state, index and everything, bytes.
    pub resident: f64,
    /// Bytes an entry in the index file.
    pub entry_bytes: f64,
    /// Seconds to build and write the file, sorting included.
    pub build_s: f64,
    /// Milliseconds to open it.
    pub open_ms: f64,
    /// Milliseconds until its body is verified and in large pages, before the swap.
    pub settle_ms: f64,
    /// Decisions a second on one thread, without a clock in between.
    pub decides: f64,
    /// The same on two threads at once, both together.
    pub decides_2_threads: f64,
    /// Random look-ups a second, one thread, sixteen at a time.
    pub lookups: f64,
    /// The same one by one.
    pub single_lookups: f64,
    /// The same in a `hashbrown` map with a fast hasher.
    pub map_lookups: f64,
    /// Bytes an entry in that map.
    pub map_entry_bytes: f64,
}

/// A number of the made-up country: in one of fifty blocks of a hundred million, so that the index is as thin as the real one.
fn number(at: u64) -> u64 {
    const HEADS: [u64; 50] = [
        130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 145, 146, 147, 148, 149, 150, 151, 152, 153, 155, 156, 157, 158, 159, 162, 165,
        166, 167, 171, 172, 173, 175, 176, 177, 178, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 193, 195, 199,
    ];
    let draw = hash(at, 17);
    let head = HEADS.get((draw >> 40) as usize % HEADS.len()).copied().unwrap_or(138);
    8_600_000_000_000 + head * 100_000_000 + (draw & 0xFF_FFFF_FFFF) % 100_000_000
}

fn marks(number: u64) -> Marks {
    match number % 50 {
        0 => Marks::default().with_suspect(),
        1 => Marks::default().with_operator(Operator::ChinaMobile),
        2 => Marks::default().with_category(Category::Courier),
        3..10 => Marks::default().with_refused(Category::Property),
        _ => Marks::default().with_hours(Hours::Night),
    }
}

/// Measures everything, on the disk of a folder; leaves nothing behind.
///
/// # Errors
/// The folder cannot be written, or the rules do not compile.
pub fn run(scale: Scale, folder: &Path) -> Result<Figures, Box<dyn std::error::Error>> {
    let mut figures = Figures::default();
    let path = folder.join(format!("screen-{}.index", std::process::id()));
    let measured = measure(scale, &path, &mut figures);
    fs::remove_file(&path).ok();
    measured.map(|()| figures)
}

fn measure(scale: Scale, path: &Path, figures: &mut Figures) -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = Builder::with_capacity(usize::try_from(scale.numbers)?);
    let all = (0..scale.numbers).map(number).filter_map(Number::new);
    all.for_each(|number| builder.push(number, marks(number.value())));
    let started = Instant::now();
    let bytes = builder.finish()?;
    index::write(path, &bytes)?;
    figures.build_s = started.elapsed().as_secs_f64();
    drop(bytes);
    let started = Instant::now();
    let index = Index::open(path)?;
    figures.open_ms = started.elapsed().as_secs_f64() * 1e3;
    let started = Instant::now();
    let index = index.settle()?;
    figures.settle_ms = started.elapsed().as_secs_f64() * 1e3;
    figures.entry_bytes = index.size() as f64 / index.len().max(1) as f64;
    figures.lookups = batches(scale, &index);
    figures.single_lookups = lookups(scale, |number| Number::new(number).and_then(|number| index.get(number)).map(|marks| marks.0));
    decisions(scale, index, figures)?;
    // Last, when the state is gone: the map alone takes more than all of it.
    let mut map: HashMap<u64, u16, BuildHasherDefault<Mix>> = HashMap::default();
    map.reserve(usize::try_from(scale.numbers)?);
    (0..scale.numbers).map(number).for_each(|number| {
        map.insert(number, marks(number).0);
    });
    figures.map_lookups = lookups(scale, |number| map.get(&number).copied());
    // One byte of control and an entry of sixteen for each bucket, a power of two of them, at most seven eighths full.
    figures.map_entry_bytes = (map.capacity() as f64 * 8.0 / 7.0) * 17.0 / map.len().max(1) as f64;
    Ok(())
}

/// Random numbers, four for each decision, half of them not in the list.
fn asked(scale: Scale) -> Vec<u64> {
    let draws = (0..scale.decisions * 4).map(|at| hash(at, 23));
    draws.map(|draw| number(draw % scale.numbers.max(1)) + (draw >> 60 & 1) * 7).collect()
}

/// Random look-ups a second in batches, as a list is checked.
fn batches(scale: Scale, index: &Index) -> f64 {
    let asked: Vec<Number> = asked(scale).into_iter().filter_map(Number::new).collect();
    let best = (0..3).map(|_| {
        let started = Instant::now();
        asked.as_chunks::<16>().0.iter().for_each(|numbers| {
            black_box(index.get_all(*numbers));
        });
        started.elapsed().as_secs_f64()
    });
    asked.len() as f64 / best.fold(f64::INFINITY, f64::min)
}

/// Random look-ups a second, one by one.
fn lookups(scale: Scale, get: impl Fn(u64) -> Option<u16>) -> f64 {
    let asked = asked(scale);
    let best = (0..3).map(|_| {
        let started = Instant::now();
        asked.iter().for_each(|number| {
            black_box(get(*number));
        });
        started.elapsed().as_secs_f64()
    });
    asked.len() as f64 / best.fold(f64::INFINITY, f64::min)
}

/// A number as signalled, without an allocation of its own.
struct Text([u8; 11]);

impl Text {
    fn of(number: u64) -> Self {
        let mut text = [b'0'; 11];
        let mut rest = number % 100_000_000_000;
        for digit in text.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Self(text)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// How long decisions took, by the nanosecond; what took longer than it has room for counts as its last.
struct Histogram(Vec<u64>);

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0; 1 << 17])
    }
}

impl Histogram {
    fn add(&mut self, nanos: u64) {
        let most = self.0.len() - 1;
        if let Some(place) = self.0.get_mut((nanos as usize).min(most)) {
            *place += 1;
        }
    }

    fn quantile(&self, share: f64) -> f64 {
        let wanted = (self.0.iter().sum::<u64>() as f64 * share) as u64;
        let mut seen = 0;
        let reached = self.0.iter().position(|count| {
            seen += count;
            seen > wanted
        });
        reached.unwrap_or_default() as f64
    }
}

/// Calls decided together, as the edge does.
const GROUP: usize = 16;

fn decisions(scale: Scale, index: Index, figures: &mut Figures) -> Result<(), Box<dyn std::error::Error>> {
    const START: i64 = 1_795_312_800_000;
    let book = Rulebook::embedded(PACKS)?;
    let trunk = r#"{"id":1,"name":"UNI","ingress":"interconnect","transit":true}"#;
    let spec: SnapshotSpec =
        serde_json::from_str(&format!(r#"{{"version":1,"home":"china_broadnet","on":"2026-11-22","trunks":[{trunk}]}}"#))?;
    let mut snapshot = spec.compile(&book)?;
    snapshot.lists = Lists { base: index.into(), ..Lists::default() };
    let records = usize::try_from(scale.callers * 23 / 20)?;
    let engine = Engine::new(snapshot, StateConfig { callers: records, callees: records, seed: 41 });
    // A day's traffic: each caller about once an hour, half as many calls a second as there are callers an hour.
    let moment = |at: u64| Timestamp(START + (at.wrapping_mul(7_200_000) / scale.callers.max(1)) as i64);
    let decide = |at: u64, caller: &Text, callee: &Text| {
        let attempt = Attempt::new(at, moment(at), TrunkId(1), Ingress::Interconnect, Some(caller.as_str()), callee.as_str());
        engine.decide(&attempt)
    };
    for at in 0..scale.callers {
        black_box(decide(at, &Text::of(number(at)), &Text::of(number(hash(at, 5) % scale.callers))));
    }
    let calls: Vec<(Text, Text)> = (0..scale.decisions)
        .map(|at| (Text::of(number(hash(at, 6) % scale.callers)), Text::of(number(hash(at, 7) % scale.callers))))
        .collect();
    let mut alone = Histogram::default();
    for (at, (caller, callee)) in (scale.callers..).zip(&calls) {
        let started = Instant::now();
        black_box(decide(at, caller, callee));
        alone.add(started.elapsed().as_nanos() as u64);
    }
    // As the edge does it with what a system call brings: all of a group read ahead, then decided one after the other. Each has its share of the reading.
    let mut grouped = Histogram::default();
    for (group, first) in calls.chunks_exact(GROUP).zip((scale.callers + scale.decisions..).step_by(GROUP)) {
        let mut ahead = [Ahead::NONE; GROUP];
        let started = Instant::now();
        let held = engine.hold();
        for (ahead, (caller, callee)) in ahead.iter_mut().zip(group) {
            *ahead = engine.foresee(&held, Some(caller.as_str()), callee.as_str());
        }
        ahead.iter().for_each(|ahead| engine.reach(&held, ahead));
        let share = started.elapsed().as_nanos() as u64 / GROUP as u64;
        for ((at, ahead), (caller, callee)) in (first..).zip(&ahead).zip(group) {
            let started = Instant::now();
            let attempt = Attempt::new(at, moment(at), TrunkId(1), Ingress::Interconnect, Some(caller.as_str()), callee.as_str());
            black_box(engine.decide_foreseen(&held, &attempt, ahead));
            grouped.add(share + started.elapsed().as_nanos() as u64);
        }
    }
    let timer = (0..10_000).map(|_| Instant::now().elapsed().as_nanos() as u64).min().unwrap_or_default();
    // The same calls again, later, without a clock between them: on one thread, then on two.
    let later = |turn: u64| scale.callers + (turn + 1) * scale.decisions;
    let all = |first: u64, calls: &[(Text, Text)]| {
        for (at, (caller, callee)) in (first..).zip(calls) {
            black_box(decide(at, caller, callee));
        }
    };
    let started = Instant::now();
    all(later(1), &calls);
    figures.decides = calls.len() as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    let (one, two) = calls.split_at(calls.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| all(later(2), one));
        scope.spawn(|| all(later(2) + one.len() as u64, two));
    });
    figures.decides_2_threads = calls.len() as f64 / started.elapsed().as_secs_f64();
    (figures.decide_median_ns, figures.decide_p99_ns) = (grouped.quantile(0.5), grouped.quantile(0.99));
    (figures.alone_median_ns, figures.alone_p99_ns, figures.timer_ns) = (alone.quantile(0.5), alone.quantile(0.99), timer as f64);
    figures.resident = resident() as f64;
    Ok(())
}

/// Resident bytes of this process, where the system tells.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes * 1_024)
}

/// A hasher as fast as they come: the map is given every chance.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }
    fn write_u64(&mut self, value: u64) {
        let folded = u128::from(self.0 ^ value) * 0x9E37_79B9_7F4A_7C15_u128;
        self.0 = folded as u64 ^ (folded >> 64) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_run_gives_every_figure_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let figures = run(Scale { callers: 2_000, numbers: 20_000, decisions: 5_000 }, folder.path()).unwrap();
        let Figures { decide_median_ns, decide_p99_ns, entry_bytes, lookups, map_lookups, map_entry_bytes, .. } = figures;
        assert!(decide_median_ns > 0.0 && decide_p99_ns >= decide_median_ns && lookups > 0.0 && map_lookups > 0.0);
        // A list this thin pays for a cache line a page.
        assert!(entry_bytes < 64.0 && map_entry_bytes > 0.0, "{figures:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
