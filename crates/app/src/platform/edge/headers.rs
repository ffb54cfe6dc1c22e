//! 安全响应头: what every answer carries, and the only place that sets it. Nothing inline, nothing from elsewhere, nothing kept by the browser:
//! a handler that wants less says so with [`Fixed`], and there is no way to say more.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// The policy of every page. Pictures may be `blob:`, for the shot just taken with the camera is looked at before it is sent.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'; worker-src 'self'";

/// A page that may reach further than the rest: put it into an answer's extensions.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// One more origin its scripts may connect to; empty: none.
    pub connect: String,
    /// It may ask where the device is.
    pub geolocation: bool,
}

impl Reach {
    fn policy(&self) -> Option<HeaderValue> {
        let plain = !self.connect.is_empty() && self.connect.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":/.-[]".contains(&byte));
        let wider = || CONTENT_SECURITY_POLICY.replacen("connect-src 'self'", &format!("connect-src 'self' {}", self.connect), 1);
        if plain { HeaderValue::from_str(&wider()).ok() } else { None }
    }
}

/// Camera for the capture page; everything else a browser offers is off, the place too unless a page says so.
const PERMISSIONS: &str = "camera=(self), geolocation=(), publickey-credentials-get=(self), publickey-credentials-create=(self), microphone=(), \
                           display-capture=(), payment=(), usb=(), serial=(), bluetooth=(), hid=(), midi=()";
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

const ALWAYS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // For browsers that do not know `frame-ancestors`.
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not "no-referrer": a browser would then send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (PERMISSIONS_POLICY, PERMISSIONS),
];

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// 固定文件: put into an answer's extensions by a route whose address names its content, the same for everybody. All else is personal and is
/// not stored, whatever a handler says.
#[derive(Debug, Clone, Copy)]
pub struct Fixed;

/// 登出: put into an answer's extensions when a session ends: the browser forgets what it kept of it.
#[derive(Debug, Clone, Copy)]
pub struct Farewell;

/// Sets them on every answer, refusals too.
pub async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let fixed = response.extensions().get::<Fixed>().is_some();
    let farewell = response.extensions().get::<Farewell>().is_some();
    let reach = response.extensions_mut().remove::<Reach>();
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let kept = if fixed { "public, max-age=31536000, immutable" } else { "no-store" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    if farewell {
        headers.insert(CLEAR_SITE_DATA, HeaderValue::from_static("\"cache\", \"storage\""));
    }
    if let Some(policy) = reach.as_ref().and_then(Reach::policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if reach.is_some_and(|reach| reach.geolocation) {
        let wider = PERMISSIONS.replacen("geolocation=()", "geolocation=(self)", 1);
        if let Ok(wider) = HeaderValue::from_str(&wider) {
            headers.insert(PERMISSIONS_POLICY, wider);
        }
    }
    response
}
