//! The one HTTP client towards other systems.

/// A client that follows no redirect and uses no proxy: personal data goes to the configured address or nowhere. The binary installs the TLS
/// provider before this is called.
///
/// # Errors
/// TLS set-up fails.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().user_agent("chuangsha").build()
}

/// Reads a body of at most `limit` bytes; `None` when it is longer or breaks off.
pub(crate) async fn read_limited(mut answer: reqwest::Response, limit: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.ok()? {
        if body.len() + part.len() > limit {
            return None;
        }
        body.extend_from_slice(&part);
    }
    Some(body)
}
