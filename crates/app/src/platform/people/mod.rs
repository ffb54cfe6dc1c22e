//! 人员
pub mod page;
