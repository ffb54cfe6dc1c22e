//! 判定接口: whoever decides about calls, as the edge sees it.

use chuangsha_screen::{Attempt, Identity, Outcome, Roaming, Verdict};

/// 判定者. Called on the thread that received the call: it waits for nobody.
pub trait Decide: Send + Sync {
    /// Decides about one call. Called once for a call and its retransmissions.
    fn decide(&self, attempt: &Attempt<'_>) -> Verdict;

    /// Takes in what became of a call.
    fn outcome(&self, outcome: &Outcome);

    /// What is known of the identity token of a call (RFC 8224) without waiting.
    fn identity(&self, token: &[u8]) -> Identity {
        let _ = token;
        Identity::Unchecked
    }

    /// Whether the caller is abroad, where that has to be known.
    fn roaming(&self, attempt: &Attempt<'_>) -> Roaming {
        let _ = attempt;
        Roaming::Unasked
    }
}
