//! 平台

pub mod images;
pub mod network;

pub mod notify;
pub mod verify;
