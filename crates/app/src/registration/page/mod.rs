//! Pages of registration: my work, capture, audit queue, orders.

pub mod audit;
pub mod capture;
pub mod work;
