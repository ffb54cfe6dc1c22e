//! 甄别命令: files of millions of numbers into a list; and recorded calls decided again, to show that the same evidence gives the same verdict (I6).

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use chuangsha_app::{
    platform::rejected,
    rulebook,
    screening::{
        file::{self, How, Source},
        list::List,
    },
};
use chuangsha_kernel::{codes, problem::Problem};
use chuangsha_screen::{
    StateConfig,
    replay::{Replay, ReplayError},
};

use crate::{
    cli::ListFile,
    config::Settings,
    installation,
    say::{Failed, Outcome, Say},
    serve::{self, parts::failed},
};

codes! {
    UNREADABLE = "screen.unreadable", 400,
        "读不到回放文件 {path}：{reason}", "cannot read the replay {path}: {reason}",
        "检查路径与权限", "check path and permissions";
    UNREADABLE_LIST = "screen.list_unreadable", 404,
        "打不开名单文件 {path}：{reason}", "the list file {path} cannot be opened: {reason}",
        "检查路径与权限", "check the path and who may read it";
    NO_SUCH_LIST = "screen.no_such_list", 400,
        "没有名单 {list}", "there is no list {list}",
        "可选 bad、suspect、category、ported、preference", "choose bad, suspect, category, ported or preference";
    NOT_A_REPLAY = "screen.not_a_replay", 400,
        "回放停在 {reason}", "the replay stopped: {reason}",
        "每行一个 JSON：snapshot、attempt、outcome 或 lift", "one JSON object a line: snapshot, attempt, outcome or lift";
}

/// `chuangsha screen list …`: a file into a list, a thousand rows a transaction.
pub fn list(say: &Say, settings: &Settings, asked: ListFile) -> Outcome {
    let ListFile { list, file: path, rows, dry_run, rejects } = asked;
    let list = List::parse(&list).ok_or_else(|| Problem::new(&NO_SUCH_LIST).field("LIST").with("list", &list))?;
    let how = How { rows, dry_run };
    let unreadable = |error: io::Error| Problem::new(&UNREADABLE_LIST).with("path", path.display()).with("reason", error);
    drop(File::open(&path).map_err(unreadable)?);
    let bar = say.progress(how.rows.unwrap_or(0), "导入名单", "taking the list in");
    let taken = serve::runtime()?.block_on(async {
        let app = installation::open_bulk(settings).await?;
        let taken = file::run(&app, None, list, Source::Path(path.clone()), &how, |taken| bar.set_position(taken.rows)).await;
        app.store.close().await;
        taken.map_err(failed)
    })?;
    bar.finish_and_clear();
    if !taken.rejected.is_empty() {
        let sheet = rejects.unwrap_or_else(|| {
            let mut name = path.clone().into_os_string();
            name.push(".rejects.csv");
            name.into()
        });
        std::fs::write(&sheet, rejected::sheet(&taken.rejected, say.language).map_err(failed)?).map_err(unreadable)?;
        let (sheet, count) = (sheet.display(), taken.refused);
        say.note(&format!("{count} 行未导入，原因见 {sheet}"), &format!("{count} rows were refused; see {sheet}"));
    }
    let mark = if taken.dry_run { say.pick("试运行，未写入", "trial, nothing written") } else { say.pick("已完成", "done") };
    let facts = [
        (say.pick("结果", "outcome"), mark.to_owned()),
        (say.pick("读入", "rows"), taken.rows.to_string()),
        (say.pick("新增", "entered"), taken.entered.to_string()),
        (say.pick("已在库", "there already"), taken.known.to_string()),
        (say.pick("退回", "refused"), taken.refused.to_string()),
    ];
    say.either(&serde_json::json!(taken), |say| say.facts(&facts));
    Ok(())
}

/// `chuangsha screen replay …`
pub fn replay(say: &Say, path: &Path) -> Outcome {
    let unreadable = |error: io::Error| Problem::new(&UNREADABLE).with("path", path.display()).with("reason", error);
    let lines: Box<dyn BufRead> = match path.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(BufReader::new(File::open(path).map_err(unreadable)?)),
    };
    let book = rulebook::embedded(false).map_err(Problem::from)?;
    let stopped = |error: ReplayError| Failed::from(Problem::new(&NOT_A_REPLAY).with("reason", error));
    let mut replay = Replay::new(&book, StateConfig::default());
    for line in lines.lines() {
        if let Some(verdict) = replay.feed(&line.map_err(unreadable)?).map_err(stopped)? {
            say.answer(&verdict);
        }
    }
    Ok(())
}
