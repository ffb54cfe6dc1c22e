//! 存储命令: move, check, back up and bring back the record. What is in the way of a command is said before anything is written.

use std::{path::Path, sync::Arc};

use chuangsha_app::{MIGRATIONS, platform::audit::check as log, registration::table::CHECKS};
use chuangsha_kernel::{
    codes,
    problem::{Problem, Refuse},
    time::{Clock, SystemClock},
};
use chuangsha_store::{Check, Config, Progress, Store, StoreError, backup};
use chuangsha_vault::{LocalAgent, Vault};
use serde_json::json;

use crate::{
    audit,
    cli::StoreCommand,
    config::Settings,
    say::{Outcome, Say},
    serve::{self, lock},
};

codes! {
    BROKEN = "store.invariant_broken", 500,
        "{count} 项检查未通过", "{count} checks failed",
        "保全数据库与最近的备份，停止写入，联系维护人员；勿自行改数据", "secure the database and the last backup, stop writing, call maintenance; do not mend the data by hand";
    FAULT = "store.fault", 500,
        "存储出错：{reason}", "the store failed: {reason}",
        "运行 chuangsha store verify；必要时从备份恢复", "run chuangsha store verify; restore a backup where needed";
    SAME = "store.same_place", 400,
        "源与目标是同一个库", "source and target are the same database",
        "用 --to 指定另一个库", "name another one with --to";
}

/// A fault of the store in words: whoever works on the record may see the reason, which an answer over the network hides.
pub fn fault(error: StoreError) -> Problem {
    let problem = error.problem();
    if problem.code.status == 500 || matches!(error, StoreError::Copy(_)) { Problem::new(&FAULT).with("reason", error) } else { problem }
}

/// How the settings open the store.
pub fn config(settings: &Settings) -> Config {
    let readers = usize::try_from(settings.number("store.readers")).unwrap_or(4);
    Config { readers, ..Config::new(settings.store_url()) }
}

/// The same for a process that brings millions of rows over and then ends: it may keep more pages in memory than a server. The index of a
/// blind value is met anywhere, so what does not fit is read and written again for nearly every row.
pub fn bulk_config(settings: &Settings) -> Config {
    Config {
        writer_cache_mib: memory_mib().map_or(512, |all| (all / 4).clamp(256, 2_048)),
        bulk: true,
        readers: 2,
        writers: 2,
        ..config(settings)
    }
}

/// What this process may use of the machine's memory; `None` where the system does not say.
fn memory_mib() -> Option<u32> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = machine.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix(" kB")?.parse::<u64>().ok()?;
    // Of a container; "max" where it has no limit of its own.
    let given = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse::<u64>().ok());
    u32::try_from((kib / 1_024).min(given.map_or(u64::MAX, |bytes| bytes >> 20))).ok()
}

async fn open(url: &str) -> Result<Store, Problem> {
    Store::open(&Config::new(url)).await.map_err(fault)
}

/// A bar over the rows of one table after another.
fn bar(say: &Say, zh: &str, en: &str) -> impl FnMut(Progress) + Send + 'static {
    let bar = say.progress(0, zh, en);
    move |progress: Progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.rows);
        bar.set_prefix(progress.table);
    }
}

/// `chuangsha store …`
pub fn run(say: &Say, settings: &Settings, command: StoreCommand) -> Outcome {
    let runtime = serve::runtime()?;
    runtime.block_on(async {
        match command {
            StoreCommand::Copy { to, replace } => copy(say, settings, &to, replace).await,
            StoreCommand::Verify => verify(say, settings).await,
            StoreCommand::Backup { file } => back_up(say, settings, &file).await,
            StoreCommand::Restore { file, verify: true, .. } => check_backup(say, &file).await,
            StoreCommand::Restore { file, replace, .. } => restore(say, settings, &file, replace).await,
            StoreCommand::Migrate { dry_run } => migrate(say, settings, dry_run).await,
        }
    })
}

/// The server must be down: what it writes during a copy would be missing in the target.
async fn copy(say: &Say, settings: &Settings, to: &str, replace: bool) -> Outcome {
    if to == settings.store_url() {
        return Err(Problem::new(&SAME).field("--to").into());
    }
    let _lock = lock::take(&settings.data())?;
    let (from, target) = (open(&settings.store_url()).await?, open(to).await?);
    let sums = chuangsha_store::copy(&from, &target, replace, bar(say, "复制", "copying")).await;
    from.close().await;
    target.close().await;
    tables(say, &sums.map_err(fault)?);
    say.note("逐表比对一致；把 store.url 指向新库后启动", "every table compared equal; point store.url at the new database and start");
    Ok(())
}

fn tables(say: &Say, sums: &[chuangsha_store::TableSum]) {
    say.either(&json!(sums), |say| {
        let rows: Vec<Vec<String>> = sums.iter().map(|sum| vec![sum.table.clone(), sum.rows.to_string()]).collect();
        say.table(&[say.pick("表", "table"), say.pick("行", "rows")], &rows);
    });
}

/// Structure, types, schema, outbox, and what the modules say must hold.
async fn verify(say: &Say, settings: &Settings) -> Outcome {
    let store = open(&settings.store_url()).await?;
    let checks: Vec<Check> = CHECKS.iter().map(|(name, sql)| Check { name, sql }).collect();
    let mut findings = store.verify(MIGRATIONS, &checks).await.map_err(fault)?;
    let schema = findings.iter().all(|finding| finding.offending == 0 || !finding.check.starts_with("schema."));
    // The log is held against its keys where they are at hand: a copy elsewhere is checked without.
    if schema && settings.root_key().is_file() {
        let suite = audit::suite(settings);
        let agent = LocalAgent::open_or_create(settings.root_key(), suite).map_err(Problem::from)?;
        let vault = Vault::new(Arc::new(agent), settings.text("vault.tenant"), suite);
        let bar = say.progress(0, "核验日志", "checking the log");
        let log = log::verify(&store, &vault, settings.text("audit.origin"), |read| bar.set_position(read)).await;
        bar.finish_and_clear();
        findings.extend(log.map_err(serve::parts::failed)?);
    } else {
        say.note("未核验审计日志：没有根密钥或表结构不符", "the audit log was not checked: no root key here, or another schema");
    }
    store.close().await;
    let broken = findings.iter().filter(|finding| finding.offending > 0).count();
    say.either(&json!({ "sound": broken == 0, "findings": findings }), |say| {
        let shown = findings.iter().filter(|finding| !say.quiet || finding.offending > 0);
        let rows: Vec<Vec<String>> = shown
            .map(|finding| {
                let mark = if finding.offending == 0 { say.pick("好", "ok") } else { say.pick("有误", "bad") };
                vec![mark.to_owned(), finding.check.clone(), finding.offending.to_string()]
            })
            .collect();
        say.table(&["", say.pick("检查", "check"), say.pick("违反行数", "offending rows")], &rows);
    });
    if broken == 0 { Ok(()) } else { Err(Problem::new(&BROKEN).with("count", broken).into()) }
}

/// Online: the server goes on working.
async fn back_up(say: &Say, settings: &Settings, file: &Path) -> Outcome {
    let store = open(&settings.store_url()).await?;
    let manifest = store.backup(file, SystemClock::default().now(), bar(say, "备份", "backing up")).await;
    store.close().await;
    tables(say, &manifest.map_err(fault)?.tables);
    say.note(
        &format!("已备份并读回核对：{}。影像目录 objects 与根密钥须另行备份，且分开存放", file.display()),
        &format!(
            "backed up and read back: {}. Back up the objects folder and the root key as well, and keep the key apart",
            file.display()
        ),
    );
    Ok(())
}

async fn check_backup(say: &Say, file: &Path) -> Outcome {
    tables(say, &backup::verify(file).await.map_err(fault)?.tables);
    say.note("备份完整", "the backup is whole");
    Ok(())
}

async fn restore(say: &Say, settings: &Settings, file: &Path, replace: bool) -> Outcome {
    let _lock = lock::take(&settings.data())?;
    let target = open(&settings.store_url()).await?;
    let manifest = backup::restore(file, &target, replace, bar(say, "恢复", "restoring")).await;
    target.close().await;
    tables(say, &manifest.map_err(fault)?.tables);
    say.note("已恢复并逐表比对；启动前请运行 chuangsha store verify", "restored and compared; run chuangsha store verify before starting");
    Ok(())
}

async fn migrate(say: &Say, settings: &Settings, dry_run: bool) -> Outcome {
    let _lock = if dry_run { None } else { Some(lock::take(&settings.data())?) };
    let store = open(&settings.store_url()).await?;
    let pending = store.pending_migrations(MIGRATIONS).await;
    let applied = if dry_run { Ok(()) } else { store.migrate(MIGRATIONS).await };
    store.close().await;
    let pending = pending.map_err(fault)?;
    applied.map_err(fault)?;
    let value = json!(pending.iter().map(|step| json!({ "module": step.module, "version": step.version })).collect::<Vec<_>>());
    say.either(&value, |say| {
        let rows: Vec<Vec<String>> = pending.iter().map(|step| vec![step.module.to_owned(), step.version.to_string()]).collect();
        if rows.is_empty() {
            say.answer(say.pick("没有待执行的迁移", "nothing to migrate"));
        } else {
            say.table(&[say.pick("模块", "module"), say.pick("版本", "version")], &rows);
        }
    });
    Ok(())
}
