//! 信令边缘: SIP in front of the call decision (RFC 3261).
//!
//! [`message`] reads and checks what comes in without copying it. [`Edge`] decides what happens to one message: it knows the [`trunk`]s, asks
//! whoever implements [`Decide`], remembers transactions and writes the answer. It has no socket; the transports around it have no rules.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod answer;
pub mod aside;
#[cfg(target_os = "linux")]
pub mod bench;
mod calls;
pub mod datagram;
mod decide;
mod edge;
pub mod feed;
pub mod memory;
pub mod message;
mod proxy;
mod scan;
mod screening;
mod sign;
pub mod stream;
pub mod tls;
pub mod trunk;
#[cfg(target_os = "linux")]
pub mod upstream;
pub mod watch;

pub use calls::{Calls, Ended};
pub use decide::{Decide, UNLISTED};
pub use edge::{Edge, PATIENCE_MICROS, Reaction, Source, TRANSACTIONS, Work};
pub use screening::Screening;
pub use trunk::{Trunks, TrunksError};

/// Every problem code this crate can give.
pub fn codes() -> impl Iterator<Item = &'static chuangsha_kernel::problem::Code> {
    [trunk::code::ALL, feed::code::ALL].into_iter().flatten().copied()
}
