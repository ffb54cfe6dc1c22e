//! app

pub mod platform;
