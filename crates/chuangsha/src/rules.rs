//! 规则: which rule is in force, since when and by which text; and whether a pack may be used.

use std::path::{Path, PathBuf};

use chuangsha_app::rulebook::CHINA;
use chuangsha_kernel::{
    codes,
    problem::{Language, Problem, Refuse},
    rulebook::{Rulebook, Value},
    time::{Clock, SystemClock},
};
use serde_json::json;

use crate::{
    config::Settings,
    say::{Failed, Outcome, Say},
};

codes! {
    UNREADABLE = "rules.unreadable", 400,
        "读不到规则包 {path}：{reason}", "cannot read the rule pack {path}: {reason}",
        "检查路径与权限", "check path and permissions";
    BAD_DATE = "rules.bad_date", 400,
        "日期 {text} 不对", "{text} is no date",
        "写作 2026-11-22", "write it as 2026-11-22";
    NONE = "rules.none_found", 404,
        "没有名字含 {text} 且当日有效的规则", "no rule whose name contains {text} is in force that day",
        "用 chuangsha rules list 查看全部", "chuangsha rules list shows all of them";
}

/// Name and text of packs in files.
///
/// # Errors
/// `rules.unreadable`.
pub fn read(paths: &[PathBuf]) -> Result<Vec<(String, String)>, Problem> {
    let one = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problem::new(&UNREADABLE).field(path.display().to_string()).with("path", path.display()).with("reason", error)
        })?;
        Ok((name(path), text))
    };
    paths.iter().map(one).collect()
}

fn name(path: &Path) -> String {
    path.file_stem().map_or_else(|| path.display().to_string(), |stem| stem.to_string_lossy().into_owned())
}

/// The packs of the settings, as the rulebook takes them.
///
/// # Errors
/// `rules.unreadable`.
pub fn local(settings: &Settings) -> Result<Vec<(String, String)>, Problem> {
    read(&settings.list("rules.local").into_iter().map(PathBuf::from).collect::<Vec<_>>())
}

fn borrowed(packs: &[(String, String)]) -> Vec<(&str, &str)> {
    packs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

/// `chuangsha rules check [FILES]`: the packs that ship, then the given ones as local packs: they may only tighten.
pub fn check(say: &Say, settings: &Settings, files: &[PathBuf]) -> Outcome {
    let packs = if files.is_empty() { local(settings)? } else { read(files)? };
    let findings = Rulebook::check(CHINA, &borrowed(&packs));
    if !findings.is_empty() {
        return Err(Failed { problems: findings.iter().map(Refuse::problem).collect() });
    }
    say.note(
        &format!("规则包无误：内置 {} 个，本地 {} 个", CHINA.len(), packs.len()),
        &format!("the packs are sound: {} built in, {} local", CHINA.len(), packs.len()),
    );
    Ok(())
}

/// `chuangsha rules list [PART] [--on DATE]`: what is in force on a day.
pub fn list(say: &Say, settings: &Settings, part: Option<&str>, on: Option<&str>) -> Outcome {
    let on = match on {
        Some(text) => text.parse().map_err(|_| Problem::new(&BAD_DATE).field("--on").with("text", text))?,
        None => SystemClock::default().now().day(),
    };
    let packs = local(settings)?;
    let book = Rulebook::embedded(CHINA).and_then(|book| book.with_local(&borrowed(&packs))).map_err(Problem::from)?;
    let part = part.unwrap_or_default();
    let mut rules: Vec<_> =
        book.rules().filter(|rule| rule.id.contains(part) && rule.in_force <= on && rule.until.is_none_or(|until| on <= until)).collect();
    rules.sort_by(|a, b| (&a.id, &a.jurisdiction).cmp(&(&b.id, &b.jurisdiction)));
    if rules.is_empty() {
        return Err(Problem::new(&NONE).with("text", part).into());
    }
    say.either(&json!({ "version": book.version, "on": on.to_string(), "rules": rules }), |say| {
        let rows = rules.iter().map(|rule| {
            let words = match say.language {
                Language::Chinese => &rule.zh,
                Language::English => &rule.en,
            };
            let value = match &rule.value {
                Value::Int(number) => format!("{number} {}", rule.unit.as_str()),
                Value::Flag(flag) => flag.to_string(),
                Value::Text(text) => text.clone(),
                Value::List(items) => items.join(" "),
            };
            vec![rule.id.clone(), value, rule.article.clone(), rule.jurisdiction.clone(), rule.in_force.to_string(), words.clone()]
        });
        let heads = [
            say.pick("规则", "rule"),
            say.pick("值", "value"),
            say.pick("条款", "article"),
            say.pick("适用", "where"),
            say.pick("施行", "since"),
            say.pick("说明", "words"),
        ];
        say.table(&heads, &rows.collect::<Vec<_>>());
        say.note(&format!("规则版本 {}", book.version), &format!("rules version {}", book.version));
    });
    Ok(())
}
