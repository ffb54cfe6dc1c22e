//! 世界: everything around the system, played for tests and the demo: the verification authority, a network element, a message centre, and a
//! made-up province with its people. Deterministic from one seed; listens on the loopback only; no real person, number or face anywhere.

pub mod calls;
pub mod city;
pub mod dialler;
pub mod gateway;
pub mod ismg;
pub mod kit;
mod listen;
pub mod lives;
pub mod network;
pub mod pictures;
pub mod promise;
pub mod random;
pub mod reader;
pub mod smsc;
pub mod verification;
pub mod year;

pub use chuangsha_kernel::time::SettableClock;
