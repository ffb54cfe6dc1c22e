//! 通报数字
pub mod page;
