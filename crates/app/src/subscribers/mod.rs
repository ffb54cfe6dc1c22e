//! 用户 360: one subscriber as the people who serve them see them. Masked; every look is written down; a value in clear goes through
//! [`crate::platform::reveal`].
//!
//! | file | what lives there |
//! |---|---|
//! | find | from a full number to an opaque address, counted |
//! | view | the masked view, what happened, who looked, reveals, protection |
//! | http, page | JSON and pages |

pub mod find;
pub mod http;
pub mod page;
pub mod view;

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "subscriber.not_found", 404, "没有查到用户，或您无权查看", "No such subscriber, or not yours to see", "请核对完整的号码或证件号码；不支持按姓名查询", "Check the full number or document number; there is no search by name";
        DAY_FORM = "subscriber.day_form", 422, "日期写成 2026-03-01，且只用于按号码查询", "Write the day as 2026-03-01; it goes with a number only", "改正日期；按证件查询时留空", "Correct the day; leave it empty with a document";
        LOOKUPS_SPENT = "subscriber.lookups_spent", 429, "一小时内查询次数已用完（{limit} 次）", "The look-ups of this hour are spent ({limit})", "请稍后再查；确有需要请联系个人信息保护负责人", "Try later; if your work needs more, ask the privacy officer";
        KIND_UNKNOWN = "subscriber.kind_unknown", 422, "查询方式不正确", "There is no such way to look up", "请选择手机号码或证件类型", "Choose mobile number or a kind of document";
    }
}
