//! 网络指令: telling the network to open or close a number, and finding out whether it did.
//!
//! Commands leave only through the outbox (I5): a worker leases a message, calls the element and writes down what came of it. The command's
//! key makes a repetition harmless, so every doubt is resolved by asking again.

mod backoff;
pub(crate) mod client;
pub mod http;
pub mod page;
#[cfg(test)]
mod tests;
mod tmf640;
mod worker;

use futures_util::future::BoxFuture;

pub use backoff::Backoff;
pub use client::http_client;
pub use tmf640::{ALL as PROBLEMS, Feedback, FeedbackRefusal, Tmf640, Tmf640Settings, read_feedback};
pub use worker::{Handled, Handler, Worker, WorkerSettings};

/// 指令: what the element is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkAction {
    /// 开通: open a number for the first time.
    Activate,
    /// 限制: some functions off, calls pass.
    Limit,
    /// 单停: no outgoing calls, no data.
    StopOut,
    /// 双停: neither way.
    StopBoth,
    /// 复机: full service again.
    Restore,
    /// 销号: terminate.
    Terminate,
}

impl NetworkAction {
    /// Stable code, as on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Limit => "limit",
            Self::StopOut => "stop_out",
            Self::StopBoth => "stop_both",
            Self::Restore => "restore",
            Self::Terminate => "terminate",
        }
    }
}

/// 网络指令: one command. Debug shows no number.
#[derive(Clone)]
pub struct NetworkCommand {
    /// Idempotency key: the element does the same key once.
    pub key: String,
    /// What to do.
    pub action: NetworkAction,
    /// The number, 11 national digits.
    pub number: zeroize::Zeroizing<String>,
    /// The case it follows from, for the element's own records.
    pub case: uuid::Uuid,
    /// Counts the commands to this number: the element does none that is older than one it did. 0: not ordered.
    pub sequence: i64,
    /// 始终可达: what can be called from the number all the same, and may reach it: emergency numbers, hotline, registration port (L-REM-4).
    pub reachable: Vec<String>,
}

impl std::fmt::Debug for NetworkCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NetworkCommand({}, {})", self.action.as_str(), self.key)
    }
}

/// 指令结果: what came of it. Only [`NetworkOutcome::Confirmed`] means the network did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkOutcome {
    /// 已确认: done.
    Confirmed {
        /// The element's own id of the service.
        reference: String,
    },
    /// 已受理: the element is at it; ask again later.
    Accepted {
        /// The element's own id of the service.
        reference: String,
    },
    /// 被拒绝: never will be; a person must look.
    Refused {
        /// The element's code: letters, digits, `_-.`, never free text (which might quote the number).
        code: String,
    },
    /// 不可达: nobody knows; the same command goes again later.
    Unreachable {
        /// What happened, without personal data.
        why: &'static str,
    },
}

/// 网元端口: whoever can execute commands.
pub trait NetworkElement: Send + Sync {
    /// Sends a command; the same key again is answered with the state of the first.
    fn submit<'a>(&'a self, command: &'a NetworkCommand) -> BoxFuture<'a, NetworkOutcome>;

    /// Asks what became of a command; `None` when the element has never heard of the key.
    fn poll<'a>(&'a self, key: &'a str, action: NetworkAction) -> BoxFuture<'a, Option<NetworkOutcome>>;
}

/// One turn of a command: a repetition asks first and sends only what the element has never heard of.
pub async fn drive(element: &dyn NetworkElement, command: &NetworkCommand, repeated: bool) -> NetworkOutcome {
    if repeated && let Some(outcome) = element.poll(&command.key, command.action).await {
        return outcome;
    }
    element.submit(command).await
}
