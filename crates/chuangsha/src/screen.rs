//! 回放: recorded calls decided again, to show that the same evidence gives the same verdict (I6).

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use chuangsha_app::rulebook;
use chuangsha_kernel::{codes, problem::Problem};
use chuangsha_screen::{
    StateConfig,
    replay::{Replay, ReplayError},
};

use crate::{
    cli::ScreenCommand,
    say::{Failed, Outcome, Say},
};

codes! {
    UNREADABLE = "screen.unreadable", 400,
        "读不到回放文件 {path}：{reason}", "cannot read the replay {path}: {reason}",
        "检查路径与权限", "check path and permissions";
    NOT_A_REPLAY = "screen.not_a_replay", 400,
        "回放停在 {reason}", "the replay stopped: {reason}",
        "每行一个 JSON：snapshot、attempt、outcome 或 lift", "one JSON object a line: snapshot, attempt, outcome or lift";
}

/// `chuangsha screen …`
pub fn run(say: &Say, command: &ScreenCommand) -> Outcome {
    match command {
        ScreenCommand::Replay { file } => replay(say, file),
    }
}

fn replay(say: &Say, path: &Path) -> Outcome {
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
