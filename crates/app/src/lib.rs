//! app
pub mod figures {
    //! 通报数字
    pub mod page;
}
pub mod platform;
pub mod registration {
    //! 实名登记
    pub mod page;
}
