//! What stops a request: a refusal a person can mend, or a fault only we can. A fault shows an incident number and nothing else.

use axum::{
    Json,
    body::to_bytes,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chuangsha_kernel::problem::{Language, Problem, Refuse};
use chuangsha_store::{StoreError, TxError};
use chuangsha_vault::VaultError;

/// Why a request ends without its answer.
#[derive(Debug)]
pub enum Failure {
    /// A refusal, in words for the person who asked.
    Problem(Box<Problem>),
    /// The store did not do it.
    Store(StoreError),
    /// The vault did not do it.
    Vault(VaultError),
    /// A fault of ours. The text is logged, never shown, and carries no personal data.
    Internal(String),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

impl From<crate::registration::Refusal> for Failure {
    fn from(refusal: crate::registration::Refusal) -> Self {
        refusal.problem().into()
    }
}

impl TxError for Failure {
    fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Problem(problem) => problem.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Vault(error) => error.fmt(f),
            Self::Internal(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Failure {}

/// Shorthand of every module.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// A refusal of any module becomes a failure.
pub fn refuse(refusal: impl Refuse) -> Failure {
    refusal.problem().into()
}

impl Failure {
    /// A fault of ours, in words for the log.
    pub fn internal(text: impl std::fmt::Display) -> Self {
        Self::Internal(text.to_string())
    }

    /// One line for a worker's record: no personal data in it.
    pub fn log_line(&self) -> String {
        match self {
            Self::Problem(problem) => problem.code.id.to_owned(),
            other => other.to_string(),
        }
    }

    /// The problem a person is shown. A fault is logged here, once, under the incident number it shows.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => *problem,
            Self::Store(error) => {
                let problem = error.problem();
                if problem.code.status >= 500 { incident(&error, problem) } else { problem }
            }
            Self::Vault(error) => incident(&error, Problem::new(&code::INTERNAL)),
            Self::Internal(text) => incident(&text, Problem::new(&code::INTERNAL)),
        }
    }
}

fn incident(error: &dyn std::fmt::Display, problem: Problem) -> Problem {
    let mut random = [0_u8; 5];
    chuangsha_kernel::id::Ids::system().fill(&mut random);
    let number = hex::encode(random);
    tracing::error!(incident = %number, code = problem.code.id, error = %error, "request failed");
    problem.with("incident", number)
}

/// The body of RFC 9457, in both languages: the reader's own first.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// Stable address of this kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// Stable code.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What happened.
    pub title: String,
    /// What to do about it.
    pub detail: String,
    /// What happened, in the other language.
    pub title_other: String,
    /// What to do about it, in the other language.
    pub detail_other: String,
    /// The input field it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Where a fault can be found in our log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

impl ProblemBody {
    /// The body for a reader of one language.
    pub fn of(problem: &Problem, language: Language) -> Self {
        let other = match language {
            Language::Chinese => Language::English,
            Language::English => Language::Chinese,
        };
        Self {
            kind: format!("urn:chuangsha:problem:{}", problem.code.id),
            code: problem.code.id,
            status: problem.code.status,
            title: problem.title(language),
            detail: problem.remedy(language),
            title_other: problem.title(other),
            detail_other: problem.remedy(other),
            field: problem.field.clone(),
            incident: problem.data.get("incident").cloned(),
        }
    }
}

/// The answer to a program.
pub fn problem_response(problem: &Problem, language: Language) -> Response {
    let status = StatusCode::from_u16(problem.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(ProblemBody::of(problem, language))).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    // For the frame of the pages, which need not read the body to know what it says.
    response.extensions_mut().insert(problem.code);
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static("2"));
    }
    response
}

tokio::task_local! {
    /// Language of the request being answered, set once at the edge.
    pub static LANGUAGE: Language;
}

/// Language of the request being answered; Chinese outside one.
pub fn language() -> Language {
    LANGUAGE.try_with(|language| *language).unwrap_or_default()
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        problem_response(&self.into_problem(), language())
    }
}

/// Puts a refusal of the web library (an id that is none, a parameter that is missing, a method nobody serves) into the house's own words. Its
/// own text is not passed on: it may quote what was sent.
pub async fn in_own_words(response: Response) -> Response {
    let own = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json");
    let code = match response.status() {
        status if own || !status.is_client_error() => return response,
        StatusCode::METHOD_NOT_ALLOWED => &code::METHOD,
        StatusCode::NOT_FOUND => &code::NOT_FOUND,
        StatusCode::PAYLOAD_TOO_LARGE => &super::edge::code::BODY_LARGE,
        _ => &code::REQUEST_INVALID,
    };
    let (parts, body) = response.into_parts();
    let mut problem = Problem::new(code);
    let text = to_bytes(body, 4096).await.unwrap_or_default();
    if let Some(field) = named_field(&String::from_utf8_lossy(&text)) {
        problem = problem.field(field);
    }
    let mut told = problem_response(&problem, language());
    if let Some(allowed) = parts.headers.get(header::ALLOW) {
        told.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    told
}

/// The field a refusal of the web library is about: it names it between backticks. Nothing else of its text is used, and only what looks like
/// a name of ours.
pub fn named_field(text: &str) -> Option<&str> {
    let name = text.split('`').nth(1)?;
    let fits = (1..=40).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.'));
    fits.then_some(name)
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        INTERNAL = "platform.internal", 500, "系统出错，已记录（事件号 {incident}）", "Something went wrong on our side (incident {incident})", "请稍后重试；若仍失败，把事件号告诉管理员", "Try again shortly; if it persists, give the incident number to an administrator";
        BODY_INVALID = "platform.body_invalid", 400, "请求内容不是有效的 JSON 或缺少字段", "The body is not valid JSON of this form", "请对照接口文档检查字段名和类型", "Compare field names and types with the API page";
        REQUEST_INVALID = "platform.request_invalid", 400, "请求的地址、参数或格式不正确", "The address, a parameter or the form of the request is not valid", "请对照接口文档检查地址、参数和 Content-Type", "Compare address, parameters and Content-Type with the API page";
        METHOD = "platform.method", 405, "该地址不接受此请求方法", "This address does not take this method", "请对照接口文档检查请求方法", "Compare the method with the API page";
        NOT_FOUND = "platform.not_found", 404, "没有这个页面或资源", "There is no such page or resource", "请检查地址", "Check the address";
        FORBIDDEN = "platform.forbidden", 403, "您没有此项权限（规则 {rule}）", "You may not do this (rule {rule})", "如确需办理，请联系管理员", "If your work needs it, ask an administrator";
        SIGN_IN = "platform.sign_in", 401, "请先登录", "Please sign in", "登录后重试", "Sign in and try again";
    }
}
