//! Speaking to the person at the terminal: both languages, tables that line up with wide characters, exit codes a script can rely on.

use std::io::{IsTerminal, Write};

use chuangsha_kernel::problem::{Language, Problem};
use unicode_width::UnicodeWidthStr;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did not work.
    Failure = 1,
    /// It was asked wrongly.
    Usage = 2,
    /// What was asked for is not there.
    NotFound = 3,
    /// Not allowed.
    Denied = 4,
    /// Try again later.
    Retry = 75,
}

/// A command that did not succeed: what to print and how to exit.
#[derive(Debug)]
pub struct Failed {
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
}

impl Failed {
    /// The exit code follows the status the same problem has over HTTP.
    pub fn exit(&self) -> Exit {
        match self.problems.first().map_or(500, |problem| problem.code.status) {
            400 | 415 => Exit::Usage,
            401 | 403 => Exit::Denied,
            404 => Exit::NotFound,
            409 | 429 | 503 => Exit::Retry,
            _ => Exit::Failure,
        }
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl From<Vec<Problem>> for Failed {
    fn from(problems: Vec<Problem>) -> Self {
        Self { problems }
    }
}

/// What a command returns.
pub type Outcome = Result<(), Failed>;

/// How to speak.
#[derive(Debug, Clone, Copy)]
pub struct Say {
    /// Which language.
    pub language: Language,
    /// JSON on standard output instead of text.
    pub json: bool,
    /// Only what was asked for and errors.
    pub quiet: bool,
}

impl Say {
    /// Picks the text of the language.
    pub fn pick<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        match self.language {
            Language::Chinese => zh,
            Language::English => en,
        }
    }

    /// A remark on standard error; silenced by `--quiet`.
    pub fn note(&self, zh: &str, en: &str) {
        if !self.quiet {
            line(&mut std::io::stderr(), self.pick(zh, en));
        }
    }

    /// One line of the answer on standard output.
    pub fn answer(&self, text: &str) {
        line(&mut std::io::stdout(), text);
    }

    /// The answer as JSON, when asked for as JSON; else as whatever `text` prints.
    pub fn either(&self, value: &serde_json::Value, text: impl FnOnce(&Self)) {
        if self.json {
            self.answer(&serde_json::to_string_pretty(value).unwrap_or_default());
        } else {
            text(self);
        }
    }

    /// A table with its columns lined up; a Chinese character is two columns wide.
    pub fn table(&self, heads: &[&str], rows: &[Vec<String>]) {
        let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
        let width = |column: usize| std::iter::once(&heads).chain(rows).filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
        let widths: Vec<usize> = (0..heads.len()).map(|column| width(column).unwrap_or(0)).collect();
        let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        for row in [&heads, &rule].into_iter().chain(rows) {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width()))));
            self.answer(cells.collect::<Vec<_>>().join("  ").trim_end());
        }
    }

    /// Names and values, one pair a line.
    pub fn facts(&self, facts: &[(&str, String)]) {
        let width = facts.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
        for (name, value) in facts {
            self.answer(&format!("{name}{}  {value}", " ".repeat(width - name.width())));
        }
    }

    /// Progress on standard error: only on a terminal, never with `--quiet` or `--json`.
    pub fn progress(&self, total: u64, zh: &str, en: &str) -> indicatif::ProgressBar {
        if self.quiet || self.json || !std::io::stderr().is_terminal() {
            return indicatif::ProgressBar::hidden();
        }
        let bar = indicatif::ProgressBar::new(total).with_message(self.pick(zh, en).to_owned());
        match indicatif::ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// Prints what went wrong and what to do about it.
    pub fn failed(&self, failed: &Failed) {
        let mut err = std::io::stderr();
        for problem in &failed.problems {
            if self.json {
                let value = serde_json::json!({
                    "code": problem.code.id, "field": problem.field,
                    "title": problem.title(self.language), "remedy": problem.remedy(self.language),
                });
                line(&mut err, &value.to_string());
            } else {
                let field = problem.field.as_deref().map(|field| format!("{field}: ")).unwrap_or_default();
                line(&mut err, &format!("{} {field}{}", self.pick("错误", "error"), problem.title(self.language)));
                line(&mut err, &format!("  {} {}", self.pick("办法", "remedy"), problem.remedy(self.language)));
            }
        }
    }
}

/// A reader that went away (`| head`) is no failure of ours.
fn line(out: &mut impl Write, text: &str) {
    let _ = writeln!(out, "{text}");
}

/// `--lang` first, then the locale of the terminal. A terminal that says nothing gets English: it may not be able to show anything else.
pub fn language(arguments: &[String], variable: impl Fn(&str) -> Option<String>) -> Language {
    let asked = arguments.iter().enumerate().find_map(|(i, argument)| match argument.strip_prefix("--lang") {
        Some("") => arguments.get(i + 1).cloned(),
        Some(rest) => rest.strip_prefix('=').map(str::to_owned),
        None => None,
    });
    let locale =
        || ["CHUANGSHA_LANG", "LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| variable(name).filter(|text| !text.is_empty()));
    match asked.or_else(locale) {
        Some(text) if text.starts_with("zh") => Language::Chinese,
        _ => Language::English,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(arguments: &[&str], variables: &[(&str, &str)]) -> Language {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        language(&arguments, |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_option_beats_the_locale() {
        assert_eq!(pick(&["serve"], &[("LANG", "zh_CN.UTF-8")]), Language::Chinese);
        assert_eq!(pick(&["serve", "--lang", "en"], &[("LANG", "zh_CN.UTF-8")]), Language::English);
        assert_eq!(pick(&["--lang=zh", "serve"], &[("LANG", "en_GB.UTF-8")]), Language::Chinese);
        assert_eq!(pick(&["serve"], &[("LC_ALL", "C.UTF-8"), ("LANG", "zh_CN.UTF-8")]), Language::English);
        assert_eq!(pick(&["serve"], &[]), Language::English);
    }
}
