//! 安全响应头: what every answer carries. Nothing inline, nothing from elsewhere, nothing kept by the browser unless a route says so.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// `Clear-Site-Data`, sent at sign-out.
pub const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// The policy of every page.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; \
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

const PERMISSIONS: &str =
    "camera=(self), publickey-credentials-get=(self), publickey-credentials-create=(self), microphone=(), geolocation=()";
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

const ALWAYS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not "no-referrer": a browser would then send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // The camera is for the capture page; everything else a browser offers is off.
    (PERMISSIONS_POLICY, PERMISSIONS),
];

/// Sets them. A route that serves fixed assets sets its own `Cache-Control`; all else is personal and is not stored.
pub async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let reach = response.extensions_mut().remove::<Reach>();
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
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
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
