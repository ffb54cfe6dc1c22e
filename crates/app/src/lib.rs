//! app
pub mod figures;
pub mod platform;
pub mod registration;
