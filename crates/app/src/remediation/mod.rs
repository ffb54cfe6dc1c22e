//! 存量补登: the old base, brought over and brought to true names in four stages (R-REM, L-REM).

pub mod import;
pub mod kind;
