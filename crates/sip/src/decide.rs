//! 判定接口: whoever decides about calls, as the edge sees it.

use chuangsha_screen::{Ahead, Attempt, Held, InForce, Number, Outcome, Roaming, TrunkId, Verdict, stir::Attestation};

use crate::trunk::Trunk;

/// 判定者. Called on the thread that received the call: it waits for nobody.
pub trait Decide: Send + Sync {
    /// Decides about one call. Called once for a call and its retransmissions.
    fn decide(&self, attempt: &Attempt<'_>) -> Verdict;

    /// What calls are decided by, held for those that came together.
    fn hold(&self) -> Option<Held> {
        None
    }

    /// Reads ahead a call whose decision is near: its caller, as asserted or else presented, and its callee.
    fn foresee<'a>(&self, held: &InForce, caller: Option<&'a str>, callee: &'a str) -> Ahead<'a> {
        let _ = (held, caller, callee);
        Ahead::NONE
    }

    /// Second step of that.
    fn reach(&self, held: &InForce, ahead: &Ahead<'_>) {
        let _ = (held, ahead);
    }

    /// Decides about one call that was read ahead: the same verdict.
    fn decide_foreseen(&self, held: &InForce, attempt: &Attempt<'_>, ahead: &Ahead<'_>) -> Verdict {
        let _ = (held, ahead);
        self.decide(attempt)
    }

    /// Takes in what became of a call.
    fn outcome(&self, outcome: &Outcome);

    /// A number as signalled, by the plan in force: what an identity token is held against.
    fn number(&self, text: &str) -> Option<Number> {
        let _ = text;
        None
    }

    /// Whether the caller is abroad, where that has to be known.
    fn roaming(&self, attempt: &Attempt<'_>) -> Roaming {
        let _ = attempt;
        Roaming::Unasked
    }

    /// The subscriber whose whereabouts have to be asked for before this call is decided, where the answer is not there yet.
    fn ask(&self, attempt: &Attempt<'_>) -> Option<Number> {
        let _ = attempt;
        None
    }

    /// What may be said of the caller of a call about which that verdict was given; nothing: it is not ours to sign.
    fn attest(&self, attempt: &Attempt<'_>, verdict: &Verdict) -> Option<Attestation> {
        let _ = (attempt, verdict);
        None
    }

    /// The line of the ledger a trunk is: the one it names by number, or the one of its name.
    fn line(&self, trunk: &Trunk) -> TrunkId {
        trunk.id.unwrap_or(UNLISTED)
    }
}

/// A trunk that is no line of the ledger: as an enterprise trunk nothing passes on it.
pub const UNLISTED: TrunkId = TrunkId(u32::MAX);
