//! 实名登记
pub mod page;
