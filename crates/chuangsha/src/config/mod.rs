//! 配置: defaults, then a TOML file, then `CHUANGSHA__SECTION__NAME`, then `--set section.name=value`. What comes later wins; each value knows where it came from.

pub mod codes;
pub mod keys;
pub mod print;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use chuangsha_kernel::problem::Problem;

use keys::{KEYS, Key};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// The command line.
    CommandLine(&'static str),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::CommandLine(option) => f.write_str(option),
        }
    }
}

/// What the command line says about the configuration.
#[derive(Debug, Default, Clone)]
pub struct Overrides {
    /// `--config FILE`
    pub file: Option<PathBuf>,
    /// `--data DIRECTORY`
    pub data: Option<PathBuf>,
    /// `--set section.name=value`
    pub set: Vec<String>,
}

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Settings {
    values: BTreeMap<&'static str, (toml::Value, Origin)>,
}

/// The file read when `--config` names none: absent is fine.
pub const DEFAULT_FILE: &str = "chuangsha.toml";
const PREFIX: &str = "CHUANGSHA__";

impl Settings {
    /// The defaults alone.
    pub fn defaults() -> Self {
        let values = KEYS.iter().map(|key| (key.name, (default_of(key), Origin::Default)));
        Self { values: values.collect() }
    }

    /// Reads all layers. `environment` is an argument so that a test can bring its own.
    ///
    /// # Errors
    /// Every problem found, not only the first: each names key, shape and remedy.
    pub fn load(overrides: &Overrides, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, Vec<Problem>> {
        let mut settings = Self::defaults();
        let mut problems = Vec::new();
        let file = overrides.file.clone().or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()));
        if let Some(path) = file {
            match read_file(&path) {
                Ok(table) => settings.merge_table(&table, &path, &mut problems),
                Err(problem) => problems.push(*problem),
            }
        }
        let mut variables: Vec<_> = environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        variables.sort();
        for (variable, text) in variables {
            let name = variable[PREFIX.len()..].to_lowercase().replace("__", ".");
            settings.merge_text(&name, &text, Origin::Environment(variable), &mut problems);
        }
        if let Some(data) = &overrides.data {
            settings.merge_text("data.directory", &data.display().to_string(), Origin::CommandLine("--data"), &mut problems);
        }
        for pair in &overrides.set {
            match pair.split_once('=') {
                Some((name, text)) => settings.merge_text(name.trim(), text, Origin::CommandLine("--set"), &mut problems),
                None => problems.push(Problem::new(&codes::NOT_A_PAIR).field("--set")),
            }
        }
        settings.check_together(&mut problems);
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }

    fn merge_table(&mut self, table: &toml::Table, path: &Path, problems: &mut Vec<Problem>) {
        for (section, content) in table {
            let Some(content) = content.as_table() else {
                problems.push(unknown(section));
                continue;
            };
            for (name, value) in content {
                self.merge(&format!("{section}.{name}"), value.clone(), Origin::File(path.to_owned()), problems);
            }
        }
    }

    fn merge_text(&mut self, name: &str, text: &str, origin: Origin, problems: &mut Vec<Problem>) {
        let value = match keys::find(name) {
            Some(key) => match key.shape.read(text) {
                Some(value) => value,
                None => return problems.push(misshapen(key, &origin)),
            },
            None => toml::Value::String(text.to_owned()),
        };
        self.merge(name, value, origin, problems);
    }

    fn merge(&mut self, name: &str, value: toml::Value, origin: Origin, problems: &mut Vec<Problem>) {
        if let Some(key) = keys::find(name) {
            if key.shape.fits(&value) {
                self.values.insert(key.name, (value, origin));
            } else {
                problems.push(misshapen(key, &origin));
            }
            return;
        }
        // A secret may stand in a file of its own (systemd LoadCredential, container secrets).
        let secret = name.strip_suffix("_file").and_then(keys::find).filter(|key| key.secret);
        match (secret, value.as_str()) {
            (Some(key), Some(path)) => match std::fs::read_to_string(path) {
                Ok(text) => self.merge_text(key.name, text.trim_end_matches(['\r', '\n']), origin, problems),
                Err(error) => problems.push(unreadable(Path::new(path), &error).field(name)),
            },
            _ => problems.push(unknown(name)),
        }
    }

    /// What a single value cannot show: settings that need one another.
    fn check_together(&self, problems: &mut Vec<Problem>) {
        let mut needs = |when: &str, name: &str| {
            if self.text(name).is_empty() {
                problems.push(Problem::new(&codes::MISSING).field(name).with("key", name).with("when", when));
            }
        };
        if self.text("server.tls") == "files" {
            needs("server.tls = \"files\"", "server.tls_certificate");
            needs("server.tls = \"files\"", "server.tls_key");
        }
        match self.text("sms.sink") {
            "smpp" => {
                needs("sms.sink = \"smpp\"", "sms.smpp_peer");
                needs("sms.sink = \"smpp\"", "sms.smpp_system_id");
            }
            "cmpp" => {
                needs("sms.sink = \"cmpp\"", "sms.cmpp_peer");
                needs("sms.sink = \"cmpp\"", "sms.cmpp_account");
            }
            "http" => needs("sms.sink = \"http\"", "sms.http_url"),
            _ => {}
        }
        if !self.list("screening.identity_hosts").is_empty() {
            needs("screening.identity_hosts", "screening.identity_anchors");
        }
        if !self.list("screening.identity_revocations").is_empty() {
            needs("screening.identity_revocations", "screening.identity_anchors");
        }
        if self.set_text("sip.signing_key").is_some() {
            needs("sip.signing_key", "sip.signing_certificate");
            needs("sip.signing_key", "sip.own_address");
        }
        if self.set_text("sip.signing_certificate").is_some() {
            needs("sip.signing_certificate", "sip.signing_key");
        }
        if !self.list("sip.listen").is_empty() {
            needs("sip.listen", "sip.trunks");
        }
        if self.list("sip.listen").iter().any(|one| one.starts_with("tls:")) {
            needs("sip.listen = \"tls:…\"", "sip.certificate");
            needs("sip.listen = \"tls:…\"", "sip.key");
        }
    }

    fn value(&self, name: &str) -> &toml::Value {
        // Every name used by the code stands in the table: a test walks the table, and a slip here shows on the first start.
        &self.values.get(name).unwrap_or_else(|| panic!("{name} is not a setting")).0
    }

    /// A text, path, address or choice.
    pub fn text(&self, name: &str) -> &str {
        self.value(name).as_str().unwrap_or_default()
    }

    /// A text, or `None` when it is empty.
    pub fn set_text(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// A whole number; its bounds are those of its shape.
    pub fn number(&self, name: &str) -> u64 {
        self.value(name).as_integer().and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
    }

    /// A list of texts.
    pub fn list(&self, name: &str) -> Vec<String> {
        let items = self.value(name).as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// Sets a value from within the program: the demo points its adapters at its own simulators.
    pub fn put(&mut self, name: &'static str, text: &str, why: &'static str) {
        if let Some(value) = keys::find(name).and_then(|key| key.shape.read(text)) {
            self.values.insert(name, (value, Origin::CommandLine(why)));
        }
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        PathBuf::from(self.text("data.directory"))
    }

    /// Address of the store, the default filled in.
    pub fn store_url(&self) -> String {
        self.set_text("store.url").map_or_else(|| format!("sqlite:{}", self.data().join("chuangsha.db").display()), str::to_owned)
    }

    /// The root key file, the default filled in.
    pub fn root_key(&self) -> PathBuf {
        self.set_text("vault.root").map_or_else(|| self.data().join("root.key"), PathBuf::from)
    }
}

fn default_of(key: &Key) -> toml::Value {
    let line = format!("value = {}", key.default);
    let table: toml::Table = line.parse().unwrap_or_else(|error| panic!("default of {}: {error}", key.name));
    table["value"].clone()
}

fn read_file(path: &Path) -> Result<toml::Table, Box<Problem>> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        Box::new(Problem::new(&codes::NOT_TOML).field(path.display().to_string()).with("line", line).with("reason", error.message()))
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(&codes::UNREADABLE).field(path.display().to_string()).with("path", path.display()).with("reason", error)
}

fn unknown(name: &str) -> Problem {
    let hint = keys::nearest(name).unwrap_or("chuangsha config print --defaults");
    Problem::new(&codes::UNKNOWN).field(name).with("key", name).with("hint", hint)
}

fn misshapen(key: &Key, origin: &Origin) -> Problem {
    let (zh, en) = key.shape.describe();
    Problem::new(&codes::MISSHAPEN)
        .field(key.name)
        .with("key", key.name)
        .with("origin", origin)
        .with("shape_zh", zh)
        .with("shape_en", en)
        .with("default", key.default)
}
