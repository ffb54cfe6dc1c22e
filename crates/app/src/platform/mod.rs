//! 平台

pub mod images;
pub mod network;
pub mod people {
    //! 人员
    pub mod page;
}

pub mod notify;
pub mod verify;
pub mod web;
pub mod words;
