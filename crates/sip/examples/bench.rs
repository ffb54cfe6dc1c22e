//! `cargo run --release -p chuangsha-sip --example bench`: the edge alone, with a decision that costs nothing, against the bare echo.

use std::sync::Arc;

use chuangsha_screen::{Attempt, EvidenceId, Outcome, Reasons, Redress, Verdict, Versions};
use chuangsha_sip::{Decide, bench};

struct Pass;

impl Decide for Pass {
    fn decide(&self, attempt: &Attempt<'_>) -> Verdict {
        Verdict {
            action: chuangsha_screen::Action::Pass,
            score: 0,
            reasons: Reasons::default(),
            caller: None,
            callee: None,
            category: 0,
            country: 0,
            versions: Versions::default(),
            evidence: EvidenceId(u128::from(attempt.id)),
            expires: attempt.at,
            redress: Redress::None,
        }
    }

    fn outcome(&self, _: &Outcome) {}
}

fn main() -> std::io::Result<()> {
    let decide: Arc<dyn Decide> = Arc::new(Pass);
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    for figure in bench::run(&decide, seconds)? {
        println!(
            "{:14} {:>12.1} {:8} echo {:>12.1} ratio {:.3}",
            figure.bench,
            figure.value,
            figure.unit,
            figure.baseline,
            figure.value / figure.baseline
        );
    }
    Ok(())
}
