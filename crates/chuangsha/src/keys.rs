//! 密钥命令: where the data keys lie, rotation, the end of a service, destruction by month and its certificate.

use std::path::{Path, PathBuf};

use chuangsha_app::{
    App,
    platform::keys::destroy::Certificate,
    registration::{ending, table},
};
use chuangsha_kernel::{
    codes,
    id::OrderId,
    problem::Problem,
    time::{Clock, SystemClock, Timestamp},
};
use chuangsha_vault::{Domain, Month, VaultError};
use serde_json::json;

use crate::{
    audit,
    cli::VaultCommand,
    config::Settings,
    installation,
    say::{Outcome, Say},
    serve::{self, lock, parts::failed},
};

codes! {
    NO_ORDER = "registration.order_unknown", 404,
        "没有登记单 {order}", "there is no order {order}",
        "核对单号，如 A-20261122-7K3QX", "check the number, such as A-20261122-7K3QX";
    BAD_DATE = "vault.bad_date", 400,
        "日期 {text} 不对，或在今天之后", "{text} is no date, or lies after today",
        "写作 2026-11-22", "write it as 2026-11-22";
    BAD_DOMAIN = "vault.unknown_domain", 400,
        "没有密钥域 {text}", "there is no key domain {text}",
        "取 identity、documents、calls、audit、export、messages、staff 之一", "one of identity, documents, calls, audit, export, messages, staff";
    UNWRITTEN = "vault.certificate_not_written", 500,
        "证书写不到 {path}：{reason}", "the certificate cannot be written to {path}: {reason}",
        "销毁已完成；用 chuangsha vault certificate 重新出具", "the destruction is done; have the certificate written again with chuangsha vault certificate";
    UNREADABLE = "vault.certificate_unreadable", 400,
        "读不懂证书 {path}：{reason}", "the certificate {path} cannot be read: {reason}",
        "检查路径与文件", "check path and file";
}

/// `chuangsha vault …`
pub fn run(say: &Say, settings: &Settings, command: VaultCommand) -> Outcome {
    if let VaultCommand::Check { file, key } = &command {
        return check(say, file, key);
    }
    serve::runtime()?.block_on(async {
        match command {
            VaultCommand::Status => status(say, settings).await,
            VaultCommand::Rotate { domain, batch } => rotate(say, settings, &domain, batch).await,
            VaultCommand::EndService { order, on, why } => end(say, settings, &order, on.as_deref(), why).await,
            VaultCommand::DestroyBucket { month, approver, out, dry_run } => destroy(say, settings, &month, approver, out, dry_run).await,
            VaultCommand::Certificate { month, out } => certificate(say, settings, &month, out).await,
            VaultCommand::Check { .. } => Ok(()),
        }
    })
}

async fn status(say: &Say, settings: &Settings) -> Outcome {
    let app = installation::open(settings).await?;
    let census = app.key_census().await.map_err(failed)?;
    let vault = |error: VaultError| Problem::from(error);
    let versions = Domain::ALL.map(|domain| (domain, app.vault.domain_versions(domain)));
    let mut living = Vec::new();
    for (domain, versions) in versions {
        living.push((domain, versions.map_err(vault)?));
    }
    let buckets = app.vault.agent().buckets().map_err(vault)?;
    let value = json!({
        "generation": app.vault.agent().generation(), "census": census, "buckets": buckets,
        "versions": living.iter().map(|(domain, versions)| json!({ "domain": domain, "versions": versions })).collect::<Vec<_>>(),
    });
    say.either(&value, |say| {
        let rows: Vec<Vec<String>> = living
            .iter()
            .map(|(domain, versions)| {
                let text = |list: Vec<String>| if list.is_empty() { "—".to_owned() } else { list.join(" ") };
                let lines = census.iter().filter(|line| line.domain == *domain);
                let place = |line: &chuangsha_app::platform::keys::rotate::Census| match line.bucket.as_str() {
                    "" => format!("v{}: {}", line.version, line.keys),
                    bucket => format!("{bucket}: {}", line.keys),
                };
                let versions = versions.iter().map(|version| format!("v{version}")).collect();
                vec![domain.name().to_owned(), text(versions), text(lines.map(place).collect())]
            })
            .collect();
        say.table(&[say.pick("密钥域", "domain"), say.pick("版本", "versions"), say.pick("数据密钥", "data keys")], &rows);
        let months: Vec<String> = buckets.iter().map(Month::to_string).collect();
        say.facts(&[
            (say.pick("销毁桶", "buckets"), if months.is_empty() { "—".to_owned() } else { months.join(" ") }),
            (say.pick("密钥变更次数", "key changes"), app.vault.agent().generation().to_string()),
        ]);
    });
    app.store.close().await;
    Ok(())
}

/// Beside a running server everything moves but nothing is destroyed: the server may still seal under the old version.
async fn rotate(say: &Say, settings: &Settings, domain: &str, batch: i64) -> Outcome {
    let found = Domain::ALL.into_iter().find(|known| known.name() == domain);
    let found = found.ok_or_else(|| Problem::new(&BAD_DOMAIN).field("DOMAIN").with("text", domain))?;
    let lock = lock::take(&settings.data());
    let app = installation::open(settings).await?;
    let bar = say.progress(0, "换钥", "rotating");
    let rotation = app.rotate_domain(found, batch, lock.is_ok(), |moved, total| {
        bar.set_length(total);
        bar.set_position(moved);
    });
    let rotation = rotation.await.map_err(failed)?;
    bar.finish_and_clear();
    settle(&app).await?;
    say.either(&json!(rotation), |say| {
        let list = |versions: &[u32]| versions.iter().map(|version| format!("v{version}")).collect::<Vec<_>>().join(" ");
        say.facts(&[
            (say.pick("现行版本", "version now"), rotation.version.map_or("—".to_owned(), |version| format!("v{version}"))),
            (say.pick("已移动", "moved"), rotation.moved.to_string()),
            (say.pick("打不开", "would not open"), rotation.stuck.to_string()),
            (say.pick("已销毁", "destroyed"), list(&rotation.destroyed)),
            (say.pick("仍保留", "kept"), list(&rotation.kept)),
        ]);
    });
    if !rotation.kept.is_empty() {
        say.note(
            "旧版本仍保留：停服后再运行一次本命令，即行销毁",
            "old versions are kept: stop the server and run this again to destroy them",
        );
    }
    app.store.close().await;
    Ok(())
}

async fn settle(app: &App) -> Result<(), Problem> {
    chuangsha_app::platform::audit::export::settle(app, "terminal").await.map(drop).map_err(failed)
}

/// The order of a number or an id.
pub async fn order(app: &App, text: &str) -> Result<OrderId, Problem> {
    if let Ok(id) = uuid::Uuid::try_parse(text) {
        return Ok(OrderId(id));
    }
    let code = text.trim().to_ascii_uppercase();
    let found = app.read(move |tx| table::find_code(tx, &code)).await.map_err(failed)?;
    found.ok_or_else(|| Problem::new(&NO_ORDER).field("ORDER").with("order", text))
}

async fn end(say: &Say, settings: &Settings, text: &str, on: Option<&str>, why: String) -> Outcome {
    let now = SystemClock::default().now();
    let at = match on {
        None => now,
        Some(text) => {
            let wrong = || Problem::new(&BAD_DATE).field("--on").with("text", text);
            let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
            Some(Timestamp::start_of(day)).filter(|at| *at <= now).ok_or_else(wrong)?
        }
    };
    let app = installation::open(settings).await?;
    let id = order(&app, text).await?;
    let ended = ending::end(&app, "terminal", id, at, why).await.map_err(failed)?;
    settle(&app).await?;
    say.either(&json!(ended), |say| match ended.bucket {
        Some(bucket) => {
            say.answer(&format!("{} {bucket}", say.pick("服务已终止，资料于此月到期：", "the service has ended; the data is due with")))
        }
        None => say.answer(
            say.pick("服务已终止；该客户仍有其他业务，资料保留", "the service has ended; the customer has others, their data stays"),
        ),
    });
    app.store.close().await;
    Ok(())
}

fn month(text: &str) -> Result<Month, Problem> {
    Month::parse(text).map_err(|error| Problem::from(error).field("MONTH"))
}

async fn destroy(say: &Say, settings: &Settings, text: &str, approver: Vec<String>, out: Option<PathBuf>, dry_run: bool) -> Outcome {
    let month = month(text)?;
    let (app, _lock) = installation::alone(settings).await?;
    let contents = app.bucket_contents(month).await.map_err(failed)?;
    let facts = [
        (say.pick("桶", "bucket"), month.to_string()),
        (say.pick("客户", "subjects"), contents.subjects.to_string()),
        (say.pick("数据密钥", "data keys"), contents.keys.to_string()),
        (say.pick("影像", "pictures"), contents.images.to_string()),
        (say.pick("最早销毁日", "not before"), contents.due.day().to_string()),
    ];
    if dry_run {
        say.either(&json!(contents), |say| say.facts(&facts));
        return Ok(());
    }
    let pair: [String; 2] = approver.try_into().map_err(|given: Vec<String>| {
        let code = &chuangsha_app::platform::keys::destroy::APPROVERS;
        Problem::new(code).field("--approver").with("what", format!("{} / 2", given.len()))
    })?;
    if !say.json && !say.quiet {
        say.facts(&facts);
    }
    let bar = say.progress(contents.images, "删除影像", "removing pictures");
    let done = app.destroy_bucket(month, pair, |gone, total| {
        bar.set_length(total);
        bar.set_position(gone);
    });
    let certificate = done.await.map_err(failed)?;
    bar.finish_and_clear();
    write(say, &certificate, out)?;
    app.store.close().await;
    Ok(())
}

async fn certificate(say: &Say, settings: &Settings, text: &str, out: Option<PathBuf>) -> Outcome {
    let app = installation::open(settings).await?;
    let certificate = app.destruction_certificate(month(text)?).await.map_err(failed)?;
    write(say, &certificate, out)?;
    app.store.close().await;
    Ok(())
}

fn write(say: &Say, certificate: &Certificate, out: Option<PathBuf>) -> Result<(), Problem> {
    let path = out.unwrap_or_else(|| PathBuf::from(format!("destruction-{}.json", certificate.bucket)));
    let unwritten =
        |reason: &dyn std::fmt::Display| Problem::new(&UNWRITTEN).field("--out").with("path", path.display()).with("reason", reason);
    let text = serde_json::to_string_pretty(certificate).map_err(|error| unwritten(&error))?;
    std::fs::write(&path, text).map_err(|error| unwritten(&error))?;
    say.either(&json!({ "certificate": path }), |say| {
        say.answer(&format!("{} {}", say.pick("销毁证书：", "certificate:"), path.display()));
    });
    Ok(())
}

/// Needs only the certificate and the public key.
fn check(say: &Say, file: &Path, key: &[String]) -> Outcome {
    let unreadable = |reason: &dyn std::fmt::Display| {
        Problem::new(&UNREADABLE).field(file.display().to_string()).with("path", file.display()).with("reason", reason)
    };
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(&error))?;
    let certificate: Certificate = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    let statement = certificate.verify(&audit::keys(key)?)?;
    let value = json!({ "bucket": statement.bucket, "keys": statement.keys, "subjects": certificate.commitments.len(), "at": statement.at, "generation": statement.generation });
    say.either(&value, |say| {
        say.answer(say.pick("证书成立", "the certificate holds"));
        say.facts(&[
            (say.pick("桶", "bucket"), statement.bucket.to_string()),
            (say.pick("客户", "subjects"), certificate.commitments.len().to_string()),
            (say.pick("数据密钥", "data keys"), statement.keys.to_string()),
            (say.pick("销毁时间", "destroyed at"), statement.at.clone()),
        ]);
    });
    Ok(())
}
