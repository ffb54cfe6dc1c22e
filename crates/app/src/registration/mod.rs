//! 实名登记: orders from the counter to the network (R-REG, R-LIM, G1). Nothing is active before another organisation's audit.

pub mod audit_desk;
pub mod bench;
pub mod carry;
pub mod desk;
pub mod ending;
pub mod gate;
pub mod http;
pub mod offline;
pub mod order;
pub mod page;
pub mod person;
pub mod picture;
pub mod refusal;
pub mod replay;
pub mod reregistration;
pub mod subscription;
pub mod table;
pub mod view;

#[cfg(test)]
mod tests;

pub use refusal::Refusal;
pub use table::{DDL, DDL_2, DDL_3, DDL_4};
