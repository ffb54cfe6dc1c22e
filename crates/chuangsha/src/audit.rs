//! 审计日志: checked with the export and the public key alone, and watched by a witness elsewhere.

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use chuangsha_app::platform::audit::export as log;
use chuangsha_kernel::{
    codes,
    problem::{Problem, Refuse},
    time::{Clock, SystemClock},
};
use chuangsha_vault::{
    LocalAgent, Suite, Vault,
    checkpoint::Checkpoint,
    log_export,
    note::{NoteError, VerifierKey},
    witness::{Refusal, Request, Witness},
};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    cli::WitnessOptions,
    config::Settings,
    installation,
    say::{Outcome, Say},
    serve::{self, parts::failed},
};

codes! {
    UNREADABLE = "audit.unreadable", 400,
        "读不到 {path}：{reason}", "cannot read {path}: {reason}",
        "检查路径与权限", "check path and permissions";
    KEY = "audit.bad_key", 400,
        "{text} 不是审计日志的公钥", "{text} is no public key of an audit log",
        "用 chuangsha audit key 打印公钥，或给出存有公钥的文件", "print the key with chuangsha audit key, or name a file that holds it";
    SEEN = "audit.bad_checkpoint", 400,
        "{path} 不是该日志签名的检查点：{reason}", "{path} is no checkpoint signed by that log: {reason}",
        "向见证方索取它保存的检查点", "ask the witness for the checkpoint it keeps";
    LISTEN = "audit.witness_cannot_listen", 503,
        "见证方无法监听 {address}：{reason}", "the witness cannot listen on {address}: {reason}",
        "换一个地址", "take another address";
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(&UNREADABLE).field(path.display().to_string()).with("path", path.display()).with("reason", error)
}

/// A key as text, or every key of a file.
pub fn keys(texts: &[String]) -> Result<Vec<VerifierKey>, Problem> {
    let mut keys = Vec::new();
    for text in texts {
        if let Ok(key) = VerifierKey::parse(text) {
            keys.push(key);
            continue;
        }
        let wrong = || Problem::new(&KEY).field("--key").with("text", text);
        let file = std::fs::read_to_string(text).map_err(|_| wrong())?;
        for line in file.lines().filter(|line| !line.trim().is_empty()) {
            keys.push(VerifierKey::parse(line).map_err(|_: NoteError| wrong())?);
        }
    }
    Ok(keys)
}

/// `chuangsha audit verify FILE --key KEY`: needs nothing else, no server and no store.
pub fn verify(say: &Say, file: &Path, key: &[String], seen: &[PathBuf]) -> Outcome {
    let known = keys(key)?;
    let read = |path: &PathBuf| {
        let note = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        Checkpoint::verify(&note, &known)
            .map_err(|error| Problem::new(&SEEN).field(path.display().to_string()).with("path", path.display()).with("reason", error))
    };
    let seen = seen.iter().map(read).collect::<Result<Vec<_>, Problem>>()?;
    let input = File::open(file).map_err(|error| unreadable(file, &error))?;
    let bytes = input.metadata().map_or(0, |meta| meta.len());
    let bar = say.progress(bytes, "核验", "verifying");
    let input = BufReader::new(bar.wrap_read(input));
    let verified = log_export::verify(input, &known, &seen, &mut |_, _| {}).map_err(|error| unreadable(file, &error))?;
    bar.finish_and_clear();
    let verified = verified.map_err(|broken| broken.problem())?;
    let value = json!({
        "origin": verified.origin, "start": verified.start, "size": verified.size, "root": hex::encode(verified.root),
        "checkpoints": verified.checkpoints, "witnessed": verified.witnessed, "exported_at": verified.exported_at,
    });
    say.either(&value, |say| {
        say.answer(say.pick("日志完整，未被改动", "the log is whole and unchanged"));
        say.facts(&[
            (say.pick("日志", "log"), verified.origin.clone()),
            (say.pick("条目", "entries"), format!("{} … {}", verified.start, verified.size)),
            (say.pick("检查点", "checkpoints"), verified.checkpoints.to_string()),
            (say.pick("见证相符", "seen by witnesses"), format!("{} / {}", verified.witnessed, seen.len())),
            (say.pick("根", "root"), hex::encode(verified.root)),
            (say.pick("导出时间", "exported"), verified.exported_at.clone()),
        ]);
    });
    if seen.is_empty() {
        say.note(
            "未提供见证方的检查点(--seen)：只能证明导出前后一致，不能排除整体被改写",
            "no checkpoint of a witness was given (--seen): the export is consistent in itself, but a wholly rewritten log would be too",
        );
    }
    Ok(())
}

/// `chuangsha audit key`: the public keys a verifier needs.
pub fn key(say: &Say, settings: &Settings) -> Outcome {
    let suite = suite(settings);
    let agent = LocalAgent::open_or_create(settings.root_key(), suite).map_err(Problem::from)?;
    let vault = Vault::new(Arc::new(agent), settings.text("vault.tenant"), suite);
    for key in vault.verifier_keys(settings.text("audit.origin")).map_err(Problem::from)? {
        say.answer(&key.to_string());
    }
    Ok(())
}

/// `chuangsha audit export [--out FILE]`: the whole log up to its last checkpoint, beside a running server or without one.
pub fn export(say: &Say, settings: &Settings, out: Option<&Path>) -> Outcome {
    serve::runtime()?.block_on(async {
        let app = installation::open(settings).await?;
        log::settle(&app, "export").await.map_err(failed)?;
        let bar = say.progress(0, "导出", "exporting");
        let each = |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        };
        let (origin, now) = (app.config.origin(), app.clock.now());
        let unwritten = |error: io::Error| unreadable(out.unwrap_or(Path::new("-")), &error);
        let sink: Box<dyn io::Write> = match out {
            Some(path) => Box::new(File::create_new(path).map_err(unwritten)?),
            None => Box::new(io::stdout().lock()),
        };
        let written = log::export(&app.store, &app.vault, &origin, io::BufWriter::new(sink), now, each).await.map_err(failed)?;
        let (mut sink, exported) = written;
        io::Write::flush(&mut sink).map_err(unwritten)?;
        bar.finish_and_clear();
        app.store.close().await;
        if out.is_some() {
            say.either(&json!(exported), |say| {
                say.facts(&[
                    (say.pick("条目", "entries"), exported.entries.to_string()),
                    (say.pick("检查点", "checkpoints"), exported.checkpoints.to_string()),
                    (say.pick("待编入", "waiting"), exported.waiting.to_string()),
                ]);
            });
        }
        Ok(())
    })
}

/// The suite of the settings.
pub fn suite(settings: &Settings) -> Suite {
    match settings.text("vault.suite") {
        "gm" => Suite::Gm,
        _ => Suite::International,
    }
}

/// `chuangsha audit witness`: answers `POST /add-checkpoint` of the C2SP tlog-witness protocol until stopped.
pub fn witness(say: &Say, options: &WitnessOptions) -> Outcome {
    let known = keys(&options.key)?;
    serve::lock::private_directory(&options.state).map_err(|error| unreadable(&options.state, &error))?;
    let agent = LocalAgent::open_or_create(options.state.join("witness.key"), Suite::International).map_err(Problem::from)?;
    let witness = Arc::new(Witness::new(Arc::new(agent), &options.name, known, options.state.join("last.checkpoint")));
    let own = witness.verifier_key().map_err(Problem::from)?;
    serve::runtime()?.block_on(async {
        let failed = |error: io::Error| Problem::new(&LISTEN).field("--listen").with("address", &options.listen).with("reason", error);
        let listener = TcpListener::bind(&options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let signal = serve::StopSignal::listen()?;
        say.answer(&format!("http://{address}/add-checkpoint"));
        say.answer(&own.to_string());
        say.note("按 Ctrl-C 停止", "Ctrl-C stops");
        axum::serve(listener, router(witness)).with_graceful_shutdown(signal.wait()).await.map_err(failed)
    })?;
    Ok(())
}

fn router(witness: Arc<Witness>) -> Router {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .layer(axum::extract::DefaultBodyLimit::max(64 << 10))
        .with_state((witness, clock))
}

/// 200 with the cosignature; 409 with the size seen when the proof starts elsewhere; else the status of the refusal.
async fn add_checkpoint(State((witness, clock)): State<(Arc<Witness>, Arc<dyn Clock>)>, body: String) -> (StatusCode, String) {
    let added = tokio::task::spawn_blocking(move || witness.add_checkpoint(&Request::parse(&body)?, clock.now())).await;
    match added {
        Ok(Ok(signature)) => (StatusCode::OK, signature),
        Ok(Err(Refusal::Stale(size))) => (StatusCode::CONFLICT, format!("{size}\n")),
        Ok(Err(refusal)) => {
            let problem = refusal.problem();
            tracing::warn!(code = problem.code.id, "checkpoint not cosigned");
            let status = StatusCode::from_u16(problem.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, format!("{problem}\n"))
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    }
}
