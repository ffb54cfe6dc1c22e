//! 信令边缘: SIP in front of the call decision.
//!
//! [`message`] reads and checks what comes in without copying it.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod message;
mod scan;
