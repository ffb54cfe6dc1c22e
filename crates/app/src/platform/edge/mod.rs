//! 边缘: what every request passes before a handler sees it and every answer before it leaves.
//!
//! From outside in: number and log line, security headers, body limit, rate limits, origin check, idempotency.

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware};

use crate::{App, platform::web::frame};

pub mod body;
pub mod cursor;
pub mod headers;
pub mod idempotency;
pub mod limit;
pub mod log;
pub mod origin;

#[cfg(test)]
mod tests;

pub use cursor::{Cursor, Page};
pub use idempotency::DDL;
pub use limit::LimitConfig;

/// 边缘配置
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeConfig {
    /// Largest body of a request, bytes. Uploads of pictures included.
    pub body_limit: usize,
    /// Largest form without files and largest JSON, bytes: what people and programs type.
    pub text_limit: usize,
    /// Rate limits.
    pub limits: LimitConfig,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self { body_limit: 32 << 20, text_limit: 1 << 20, limits: LimitConfig::default() }
    }
}

/// Puts the edge around the routes.
pub fn wrap(routes: Router<App>, app: &App, config: &EdgeConfig) -> Router {
    let limits = Arc::new(limit::Limits::new(config.limits, Arc::clone(&app.clock)));
    let bounds = body::Limits { text: config.text_limit, whole: config.body_limit };
    routes
        .layer(middleware::from_fn_with_state(app.clone(), idempotency::once))
        .layer(middleware::from_fn(origin::check))
        .layer(middleware::from_fn_with_state(limits, limit::check))
        .layer(DefaultBodyLimit::max(config.body_limit))
        .layer(middleware::from_fn_with_state(bounds, body::bounded))
        .layer(middleware::from_fn(frame::outside))
        .layer(middleware::from_fn(headers::secure))
        .layer(middleware::from_fn_with_state(app.clone(), log::access))
        .with_state(app.clone())
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        FOREIGN = "edge.foreign", 403, "请求不是从本系统的页面发出的", "The request did not come from our own pages", "请从本系统页面重新操作", "Use our own pages";
        TOO_MANY = "edge.too_many", 429, "请求过于频繁，请 {seconds} 秒后再试", "Too many requests; try again in {seconds} seconds", "请降低请求频率", "Send fewer requests";
        BODY_LARGE = "edge.body_large", 413, "请求内容过大", "The request is too large", "请缩短文字、压缩图片或分批提交", "Shorten the text, make the picture smaller, or send it in parts";
        FILE_LARGE = "edge.file_large", 413, "文件超过 {limit_mib} MB", "The file is larger than {limit_mib} MB", "请分成几个文件，或在终端导入：chuangsha screen list", "Split it, or take it in at the terminal: chuangsha screen list";
        CURSOR_INVALID = "edge.cursor_invalid", 400, "翻页位置无效", "The page cursor is not valid", "请从第一页开始", "Start from the first page";
        KEY_INVALID = "edge.key_invalid", 400, "Idempotency-Key 须为 1 至 255 个 ASCII 字符", "Idempotency-Key has 1 to 255 ASCII characters", "建议使用 UUID", "A UUID is a good choice";
        KEY_IN_FLIGHT = "edge.key_in_flight", 409, "相同幂等键的请求正在处理", "A request with this Idempotency-Key is under way", "请稍后用同一键重试以取得结果", "Try again with the same key in a moment to get its answer";
        KEY_REUSED = "edge.key_reused", 422, "该幂等键已用于另一请求", "This Idempotency-Key was used for another request", "请为新的请求使用新的键", "Use a new key for a new request";
    }
}
