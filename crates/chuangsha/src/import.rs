//! 存量导入命令: files brought over at the terminal, with a bar, a rate and the time left. Beside a running server or without one.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use chuangsha_app::{
    App,
    remediation::import::{
        read::Source,
        rejects::{self, Sheet},
        run::{self, Progress, Report, Request},
    },
};
use chuangsha_kernel::{codes, problem::Problem};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::{
    cli::ImportCommand,
    config::Settings,
    installation,
    say::{Outcome, Say},
    serve::{self, parts::failed},
};

codes! {
    UNREADABLE = "import.file_unreadable", 404,
        "打不开 {path}：{reason}", "{path} cannot be opened: {reason}",
        "检查路径与权限", "check the path and who may read it";
}

struct Asked {
    mapping: String,
    dry_run: bool,
    rejects: Option<PathBuf>,
    batch: u64,
}

/// `chuangsha import …`
pub fn run(say: &Say, settings: &Settings, command: ImportCommand) -> Outcome {
    let ImportCommand::Subscribers { files, mapping, dry_run, rejects, rows_per_batch } = command;
    let mapping = mapping.map(|path| std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))).transpose()?;
    let asked = Asked { mapping: mapping.unwrap_or_default(), dry_run, rejects, batch: rows_per_batch };
    for file in &files {
        // Before anything is begun: a name spelt wrong in the last place should not be noticed after hours.
        File::open(file).map_err(|error| unreadable(file, &error))?;
    }
    serve::runtime()?.block_on(async {
        let app = installation::open_bulk(settings).await?;
        let taken = all(say, &app, &files, &asked).await;
        app.store.close().await;
        let reports = taken?;
        say.either(&json!(reports), |say| reports.iter().for_each(|report| show(say, report)));
        Ok(())
    })
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(&UNREADABLE).with("path", path.display()).with("reason", error)
}

async fn all(say: &Say, app: &App, files: &[PathBuf], asked: &Asked) -> Result<Vec<Report>, Problem> {
    let mut reports = Vec::new();
    for file in files {
        let sheet = match &asked.rejects {
            Some(path) if files.len() == 1 => path.clone(),
            Some(folder) => folder.join(beside(file).file_name().unwrap_or_default()),
            None => beside(file),
        };
        reports.push(one(say, app, file, &sheet, asked).await?);
    }
    Ok(reports)
}

/// `base.csv` → `base.csv.rejects.csv`.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".rejects.csv");
    PathBuf::from(name)
}

async fn one(say: &Say, app: &App, file: &Path, sheet: &Path, asked: &Asked) -> Result<Report, Problem> {
    let request = Request {
        source: Source::Path(file.to_owned()),
        file_name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        mapping: asked.mapping.clone(),
        batch: asked.batch,
        most_batches: 0,
    };
    let bar = bar(say);
    let mut told = |progress: Progress| {
        bar.set_length(if progress.total == 0 { progress.position } else { progress.total });
        bar.set_position(progress.position);
        bar.set_prefix(progress.rows.to_string());
    };
    let open = || -> Result<Sheet<BufWriter<File>>, Problem> {
        let file = File::create(sheet)
            .map_err(|error| Problem::new(&chuangsha_app::remediation::import::code::REJECTS_FILE).with("reason", error))?;
        Sheet::new(BufWriter::new(file)).map_err(failed)
    };
    let report = if asked.dry_run {
        let mut lines = open()?;
        let report = run::weigh(app, &request, &mut told, &mut |found| lines.rejects(found)).await.map_err(failed)?;
        lines.end().map_err(failed)?;
        report
    } else {
        let report = run::take(app, &request, "terminal", &mut told).await.map_err(failed)?;
        if let (Some(id), true) = (report.run, report.rejected > 0) {
            let mut lines = open()?;
            rejects::write_all(app, id, &mut lines).await.map_err(failed)?;
            lines.end().map_err(failed)?;
        }
        report
    };
    bar.finish_and_clear();
    if report.rejected > 0 {
        let (path, count) = (sheet.display(), report.rejected);
        say.note(&format!("{count} 行未导入，原因见 {path}"), &format!("{count} rows were refused; see {path}"));
    } else if asked.dry_run {
        // A heading alone tells nothing.
        drop(std::fs::remove_file(sheet));
    }
    Ok(report)
}

/// Rows so far, rate by bytes, and the time left.
fn bar(say: &Say) -> ProgressBar {
    let bar = say.progress(0, "导入", "importing");
    let template =
        say.pick("{msg} {wide_bar} {prefix} 行 {bytes_per_sec} 余 {eta}", "{msg} {wide_bar} {prefix} rows {bytes_per_sec} {eta} left");
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn show(say: &Say, report: &Report) {
    let mark = match (report.dry_run, report.again) {
        (true, _) => say.pick("试运行，未写入", "trial, nothing written"),
        (_, true) => say.pick("此前已导入，未重复写入", "taken in before, nothing written twice"),
        _ if report.resumed_behind > 0 => say.pick("从断点继续，已完成", "gone on where it was, done"),
        _ => say.pick("已完成", "done"),
    };
    say.facts(&[
        (say.pick("文件", "file"), format!("{} ({})", report.file, report.format)),
        (say.pick("结果", "outcome"), mark.to_owned()),
        (say.pick("读入", "rows"), report.rows.to_string()),
        (say.pick("新增", "landed"), report.landed.to_string()),
        (say.pick("已在库", "there already"), report.known.to_string()),
        (say.pick("退回", "refused"), report.rejected.to_string()),
        (say.pick("a 未认证", "a unverified"), report.unverified.to_string()),
        (say.pick("b 信息不完整", "b incomplete"), report.incomplete.to_string()),
        (say.pick("c 人机不符", "c holder differs"), report.holder_differs.to_string()),
        (say.pick("d 集团卡", "d group card"), report.group_card.to_string()),
    ]);
}
