//! 导入接口: files of the base sent by a program, and what became of them.

use axum::{
    Json,
    extract::{FromRequest, Multipart, Path, Query, Request, State as Of},
    http::StatusCode,
};
use bytes::Bytes;
use chuangsha_kernel::{
    problem::{Language, Problem},
    role::Action,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    code,
    desk::{self, Sent},
    rejects,
    run::Report,
    table::{self, Run, State},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        edge::{body, cursor::rows},
        failure::{
            Result,
            code::{BODY_INVALID, REQUEST_INVALID},
        },
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, send))
        .routes(routes!(weigh))
        .routes(routes!(find))
        .routes(routes!(refused))
        .routes(routes!(cancel))
}

/// What became of a file.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ImportReport)]
pub struct ReportView {
    /// Name of the file.
    pub file: String,
    /// What it is.
    pub format: String,
    /// Nothing was written.
    pub dry_run: bool,
    /// Rows read.
    pub rows: u64,
    /// Numbers that are new.
    pub landed: u64,
    /// Numbers that were there already, under the same person.
    pub known: u64,
    /// Rows refused.
    pub rejected: u64,
    /// a 未认证
    pub unverified: u64,
    /// b 信息不完整
    pub incomplete: u64,
    /// c 人机不符
    pub holder_differs: u64,
    /// d 集团卡
    pub group_card: u64,
}

impl From<&Report> for ReportView {
    fn from(report: &Report) -> Self {
        Self {
            file: report.file.clone(),
            format: report.format.clone(),
            dry_run: report.dry_run,
            rows: report.rows,
            landed: report.landed,
            known: report.known,
            rejected: report.rejected,
            unverified: report.unverified,
            incomplete: report.incomplete,
            holder_differs: report.holder_differs,
            group_card: report.group_card,
        }
    }
}

/// What ended an import before its end, and what to do about it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ImportStopped)]
pub struct StoppedView {
    /// Reason, Chinese.
    pub reason_zh: String,
    /// Reason, English.
    pub reason_en: String,
    /// What to do, Chinese.
    pub remedy_zh: String,
    /// What to do, English.
    pub remedy_en: String,
}

impl From<&Problem> for StoppedView {
    fn from(problem: &Problem) -> Self {
        Self {
            reason_zh: problem.title(Language::Chinese),
            reason_en: problem.title(Language::English),
            remedy_zh: problem.remedy(Language::Chinese),
            remedy_en: problem.remedy(Language::English),
        }
    }
}

/// An import as a program reads it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Import)]
pub struct ImportView {
    /// Id.
    pub id: Uuid,
    /// State.
    pub state: State,
    /// Counts so far.
    #[serde(flatten)]
    pub report: ReportView,
    /// Code of what ended it before its end.
    pub error: Option<String>,
    /// The same in words.
    pub stopped_by: Option<StoppedView>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub ended_at: Option<String>,
}

impl From<&Run> for ImportView {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id,
            state: run.state,
            report: ReportView::from(&Report::of(run)),
            error: Some(run.error.clone()).filter(|error| !error.is_empty()),
            stopped_by: run.stopped().as_ref().map(StoppedView::from),
            created_at: run.created.rfc3339(),
            ended_at: run.ended.map(|at| at.rfc3339()),
        }
    }
}

/// A row that was refused: which, in which field, why, what to do. Never the value.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ImportReject)]
pub struct RejectView {
    /// Row of the file, the heading being 1.
    pub row: u64,
    /// Field; empty: the row as a whole.
    pub field: String,
    /// Stable code of the reason.
    pub code: String,
    /// Reason, Chinese.
    pub reason_zh: String,
    /// Reason, English.
    pub reason_en: String,
    /// What to do, Chinese.
    pub remedy_zh: String,
    /// What to do, English.
    pub remedy_en: String,
}

fn reject(row: u64, field: String, code: &str, problem: Option<&Problem>) -> RejectView {
    let title = |language| problem.map(|problem| problem.title(language)).unwrap_or_default();
    let remedy = |language| problem.map(|problem| problem.remedy(language)).unwrap_or_default();
    RejectView {
        row,
        field,
        code: code.to_owned(),
        reason_zh: title(Language::Chinese),
        reason_en: title(Language::English),
        remedy_zh: remedy(Language::Chinese),
        remedy_en: remedy(Language::English),
    }
}

/// What the list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// `waiting`, `running`, `done`, `failed`, `cancelled`; empty: all.
    pub state: String,
    /// Id of the last import of the page before.
    pub after: Option<Uuid>,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

/// Imports one may see, newest first.
#[utoipa::path(get, path = "/imports", tag = "imports", params(ImportQuery), responses((status = 200, body = Vec<ImportView>)))]
async fn list(Of(app): Of<App>, actor: Actor, Query(query): Query<ImportQuery>) -> Result<Json<Vec<ImportView>>> {
    let state = match query.state.as_str() {
        "" => "",
        text => State::parse(text).ok_or_else(|| Problem::new(&REQUEST_INVALID).field("state"))?.as_str(),
    };
    let (runs, _) = desk::list(&app, &actor, state, query.after, rows(query.limit), false).await?;
    Ok(Json(runs.iter().map(ImportView::from).collect()))
}

/// A file with how it is to be read.
#[derive(utoipa::ToSchema)]
#[schema(as = ImportFile)]
#[allow(dead_code, reason = "it describes the form, which is read piece by piece")]
pub struct ImportForm {
    /// CSV (UTF-8, GB18030), XLSX or Parquet.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Mapping, TOML; absent: the usual headings.
    mapping: Option<String>,
}

async fn sent(app: &App, actor: &Actor, request: Request) -> Result<Sent> {
    // Who may not import is told so before a large body is read.
    actor.reach(app, Action::ImportManage)?;
    let mut form = Multipart::from_request(request, app).await.map_err(|_| Problem::new(&BODY_INVALID))?;
    let mut sent = Sent { name: String::new(), bytes: Bytes::new(), mapping: String::new() };
    while let Some(field) = form.next_field().await.map_err(body::broken)? {
        match field.name().unwrap_or_default() {
            "file" => {
                let name = field.file_name().unwrap_or_default();
                sent.name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
                sent.bytes = field.bytes().await.map_err(body::broken)?;
            }
            "mapping" => sent.mapping = body::text(field).await?.to_string(),
            _ => return Err(Problem::new(&BODY_INVALID).into()),
        }
    }
    if sent.bytes.is_empty() {
        return Err(Problem::new(&code::NO_FILE).field("file").into());
    }
    Ok(sent)
}

/// Takes a file into the queue; the same file under the same mapping is the same import.
#[utoipa::path(post, path = "/imports", tag = "imports", request_body(content = ImportForm, content_type = "multipart/form-data"), responses((status = 202, body = ImportView)))]
async fn send(Of(app): Of<App>, actor: Actor, request: Request) -> Result<(StatusCode, Json<ImportView>)> {
    let sent = sent(&app, &actor, request).await?;
    let id = desk::send(&app, &actor, &sent).await?;
    let run = desk::find(&app, &actor, id).await?;
    Ok((StatusCode::ACCEPTED, Json(ImportView::from(&run))))
}

/// What would become of a file, with the first of the rows that would be refused.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ImportTrial)]
pub struct TrialView {
    /// Counts.
    #[serde(flatten)]
    pub report: ReportView,
    /// The first 50.
    pub rejects: Vec<RejectView>,
}

/// Weighs a file: nothing is written and nothing of it is kept.
#[utoipa::path(post, path = "/imports/trial", tag = "imports", request_body(content = ImportForm, content_type = "multipart/form-data"), responses((status = 200, body = TrialView)))]
async fn weigh(Of(app): Of<App>, actor: Actor, request: Request) -> Result<Json<TrialView>> {
    let sent = sent(&app, &actor, request).await?;
    let (report, first) = desk::weigh(&app, &actor, &sent).await?;
    let rejects = first.iter().map(|one| {
        let data = one.data.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        reject(one.row, one.field.to_owned(), one.code.id, rejects::problem(one.code.id, &data).as_ref())
    });
    Ok(Json(TrialView { report: ReportView::from(&report), rejects: rejects.collect() }))
}

/// One import.
#[utoipa::path(get, path = "/imports/{id}", tag = "imports", params(("id" = Uuid, Path)), responses((status = 200, body = ImportView)))]
async fn find(Of(app): Of<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<ImportView>> {
    Ok(Json(ImportView::from(&desk::find(&app, &actor, id).await?)))
}

/// Which rejects.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RejectQuery {
    /// Row of the last one of the page before.
    pub after: i64,
    /// Rows, 1 to 1,000; 50 when absent.
    pub limit: Option<i64>,
}

/// Rows of an import that were refused, in the order of the file.
#[utoipa::path(get, path = "/imports/{id}/rejects", tag = "imports", params(("id" = Uuid, Path), RejectQuery), responses((status = 200, body = Vec<RejectView>)))]
async fn refused(Of(app): Of<App>, actor: Actor, Path(id): Path<Uuid>, Query(query): Query<RejectQuery>) -> Result<Json<Vec<RejectView>>> {
    let run = desk::find(&app, &actor, id).await?.id;
    let found = app.read(move |tx| table::rejects(tx, run, query.after, rows(query.limit))).await?;
    let view = |(row, field, code, data): (i64, String, String, String)| {
        let data = serde_json::from_str(&data).unwrap_or_default();
        reject(row.max(0).unsigned_abs(), field, &code, rejects::problem(&code, &data).as_ref())
    };
    Ok(Json(found.into_iter().map(view).collect()))
}

/// Stops an import where it is: what landed stays, the file is destroyed.
#[utoipa::path(post, path = "/imports/{id}/cancellation", tag = "imports", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn cancel(Of(app): Of<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<StatusCode> {
    desk::cancel(&app, &actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
