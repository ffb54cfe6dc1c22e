//! 平台
pub mod people;
pub mod web;
pub mod words;
