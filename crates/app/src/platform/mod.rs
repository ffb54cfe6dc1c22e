//! 平台: what every module stands on.

pub mod actor;
pub mod audit;
pub mod calendar;
pub mod edge;
pub mod export;
pub mod failure;
pub mod images;
pub mod jobs;
pub mod keys;
pub(crate) mod listed;
pub mod money;
pub mod network;
pub mod notify;
pub mod people;
pub mod purpose;
pub mod rejected;
pub mod reveal;
pub mod second;
pub mod verify;
pub mod web;
pub mod words;
