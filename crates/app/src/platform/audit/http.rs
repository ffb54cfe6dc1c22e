//! 审计接口: reading the log and its checkpoints. Reading is recorded.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use chuangsha_kernel::{id::StaffId, problem::Problem, role::Action};
use chuangsha_store::params;
use chuangsha_vault::{merkle, proof::LogProof};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    By, Entry, integrate, nodes,
    query::{self, Filter, Seen},
};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{self, Failure, Result},
    },
};

/// Every route of this module.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(checkpoint)).routes(routes!(proof)).routes(routes!(consistency))
}

/// What the list may be narrowed by.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Action, from its start.
    pub action: String,
    /// Who.
    pub staff: Option<Uuid>,
    /// Case.
    pub case: Option<Uuid>,
    /// Id of the last row of the page before.
    pub after: Option<Uuid>,
    /// Rows, 1 to 200; 50 when absent.
    pub limit: Option<i64>,
}

/// One page of the log, newest first. That it was read is in the log.
pub async fn read(app: &App, actor: &Actor, asked: LogQuery) -> Result<Vec<Seen>> {
    let now = app.clock.now();
    let (writer, actor) = (app.clone(), actor.clone());
    let filter = Filter {
        action: asked.action,
        staff: asked.staff.map(StaffId),
        case: asked.case,
        after: asked.after,
        limit: asked.limit.unwrap_or(50),
        ..Filter::default()
    };
    app.store
        .write(move |tx| {
            actor.require(&writer, Action::AuditView, &writer.resource(actor.organisation, &actor.region, None))?;
            let facts = serde_json::json!({ "action": filter.action, "staff": filter.staff, "case": filter.case }).to_string();
            let entry = Entry {
                action: "audit.view",
                case_kind: "audit",
                article: "R-PIP-3",
                pack: &writer.rules.version,
                facts: &facts,
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&actor), &entry, now)?;
            query::list(&writer, tx, &filter)
        })
        .await
}

/// One page of the log, newest first.
#[utoipa::path(get, path = "/audit-log", tag = "audit-log", params(LogQuery), responses((status = 200, body = Vec<Seen>)))]
async fn list(State(app): State<App>, actor: Actor, Query(query): Query<LogQuery>) -> Result<Json<Vec<Seen>>> {
    Ok(Json(read(&app, &actor, query).await?))
}

/// The last signed checkpoint, for a witness. Public: it says how long the log is and what its root is, nothing else.
#[utoipa::path(get, path = "/audit-log/checkpoint", tag = "audit-log", responses((status = 200, content_type = "text/plain", body = String)))]
async fn checkpoint(State(app): State<App>) -> Result<Response> {
    let last = app.store.read(integrate::last).await?;
    let (_, _, note) = last.ok_or_else(|| Problem::new(&failure::code::NOT_FOUND))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], note).into_response())
}

/// That one entry stands in the log.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct EntryProof {
    /// Place in the tree, from 0.
    pub index: u64,
    /// Entries the checkpoint covers.
    pub size: u64,
    /// SHA-256 leaf hash, hex.
    pub leaf_hash: String,
    /// The canonical entry; it carries no personal data.
    pub entry: String,
    /// Inclusion proof of RFC 6962, the leaf's sibling first, hex.
    pub hashes: Vec<String>,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// All of it as a C2SP tlog-proof, checked offline with the public key alone.
    pub proof: String,
}

/// Whoever reads the log may have it proven; that they did is in the log.
async fn record_proof(app: &App, actor: &Actor, step: &'static str, facts: String) -> Result<()> {
    let (writer, actor, now) = (app.clone(), actor.clone(), app.clock.now());
    app.write(move |tx| {
        actor.require(&writer, Action::AuditView, &writer.resource(actor.organisation, &actor.region, None))?;
        let entry = Entry {
            action: "audit.view",
            case_kind: "audit",
            step,
            article: "R-PIP-3",
            pack: &writer.rules.version,
            facts: &facts,
            ..Entry::default()
        };
        writer.audit(tx, By::Actor(&actor), &entry, now).map(drop)
    })
    .await
}

/// Proves that an entry stands in the log, under the last checkpoint.
///
/// # Errors
/// `http.not_found`: no such entry, or no checkpoint covers it yet (at most a second after it was written).
pub async fn prove(app: &App, id: Uuid) -> Result<EntryProof> {
    let missing = || Failure::from(Problem::new(&failure::code::NOT_FOUND));
    app.store
        .read(move |tx| {
            let (size, _, checkpoint) = integrate::last(tx)?.ok_or_else(missing)?;
            let size = u64::try_from(size).map_err(Failure::internal)?;
            let row = tx.query_opt("SELECT seq, leaf FROM audit_entry WHERE id = $1", &params![&id])?.ok_or_else(missing)?;
            let index = row.opt_int(0)?.and_then(|seq| u64::try_from(seq).ok()).ok_or_else(missing)?;
            let entry = row.bytes(1)?;
            let hashes = nodes::walk(tx, |tree| merkle::inclusion_proof(tree, index, size)).ok_or_else(missing)?;
            let proof = LogProof { extra: None, index, hashes: hashes.clone(), checkpoint: checkpoint.clone() }.to_string();
            Ok(EntryProof {
                index,
                size,
                leaf_hash: hex::encode(merkle::leaf_hash(&entry)),
                entry: String::from_utf8_lossy(&entry).into_owned(),
                hashes: hashes.iter().map(hex::encode).collect(),
                checkpoint,
                proof,
            })
        })
        .await
}

/// Proves that one entry stands in the log.
#[utoipa::path(get, path = "/audit-log/entries/{id}/proof", tag = "audit-log", params(("id" = Uuid, Path)), responses((status = 200, body = EntryProof)))]
async fn proof(State(app): State<App>, actor: Actor, Path(id): Path<Uuid>) -> Result<Json<EntryProof>> {
    record_proof(&app, &actor, "proof", serde_json::json!({ "entry": id }).to_string()).await?;
    Ok(Json(prove(&app, id).await?))
}

/// That the log goes on from an older size of it.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct ConsistencyProof {
    /// The older size.
    pub old: u64,
    /// The size of the checkpoint.
    pub size: u64,
    /// Consistency proof of RFC 6962, hex.
    pub hashes: Vec<String>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// The size to go on from.
#[derive(Debug, Clone, Copy, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Since {
    /// Entries the caller's own checkpoint covers, at least 1.
    pub old: u64,
}

/// Proves that the log goes on from an older size; what a witness needs beside the checkpoint.
#[utoipa::path(get, path = "/audit-log/consistency", tag = "audit-log", params(Since), responses((status = 200, body = ConsistencyProof)))]
async fn consistency(State(app): State<App>, actor: Actor, Query(since): Query<Since>) -> Result<Json<ConsistencyProof>> {
    record_proof(&app, &actor, "consistency", serde_json::json!({ "old": since.old }).to_string()).await?;
    let missing = || Failure::from(Problem::new(&failure::code::NOT_FOUND));
    let proof = app
        .store
        .read(move |tx| {
            let (size, _, checkpoint) = integrate::last(tx)?.ok_or_else(missing)?;
            let size = u64::try_from(size).map_err(Failure::internal)?;
            let hashes = nodes::walk(tx, |tree| merkle::consistency_proof(tree, since.old, size)).ok_or_else(missing)?;
            Ok::<_, Failure>(ConsistencyProof { old: since.old, size, hashes: hashes.iter().map(hex::encode).collect(), checkpoint })
        })
        .await?;
    Ok(Json(proof))
}
