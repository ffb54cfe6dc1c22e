//! The configuration shown: as the annotated default file, as the values in force, and as a JSON schema.

use chuangsha_kernel::problem::Language;
use serde_json::{Value, json};

use super::{
    Settings,
    keys::{KEYS, Key, Shape},
};

const REDACTED: &str = "********";

/// The annotated file with every default: what `chuangsha config print --defaults` prints and `docs/operate/chuangsha.toml` holds.
pub fn annotated() -> String {
    let mut text = String::from(
        "# 窗纱配置 · Chuangsha configuration\n# 每一项都可写成环境变量 CHUANGSHA__段__名 或 --set 段.名=值。\n# Each setting can also be given as CHUANGSHA__SECTION__NAME or --set section.name=value.\n",
    );
    let mut section = "";
    for key in KEYS {
        let (this, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if this != section {
            section = this;
            text.push_str(&format!("\n[{section}]\n"));
        }
        text.push_str(&format!("# {}\n# {}\n", key.zh, key.en));
        if key.secret {
            text.push_str(&format!("# 也可用 {name}_file 指定文件 · or name a file with {name}_file\n"));
        }
        text.push_str(&format!("{name} = {}\n", key.default));
    }
    text
}

/// One setting in force, secrets hidden.
pub struct Line {
    /// Key.
    pub key: &'static str,
    /// Value as TOML, or stars.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

impl Settings {
    /// Every setting in force with its origin, in the order of the table.
    pub fn lines(&self) -> Vec<Line> {
        let line = |key: &Key| {
            let (value, origin) = self.values.get(key.name)?;
            let hidden = key.secret && value.as_str().is_some_and(|text| !text.is_empty());
            let value = if hidden { REDACTED.to_owned() } else { value.to_string() };
            Some(Line { key: key.name, value, origin: origin.to_string() })
        };
        KEYS.iter().filter_map(line).collect()
    }
}

/// JSON Schema 2020-12 of the configuration file.
pub fn schema(language: Language) -> Value {
    let mut sections = serde_json::Map::new();
    for key in KEYS {
        let (section, name) = key.name.split_once('.').unwrap_or(("", key.name));
        let entry = sections.entry(section).or_insert_with(|| json!({ "type": "object", "additionalProperties": false, "properties": {} }));
        let text = match language {
            Language::Chinese => key.zh,
            Language::English => key.en,
        };
        let mut property = shape(key.shape);
        property["description"] = json!(text);
        property["default"] = json!(super::default_of(key));
        entry["properties"][name] = property;
        if key.secret {
            entry["properties"][format!("{name}_file")] = json!({ "type": "string", "description": text });
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "chuangsha.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    })
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Number(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Shape::List | Shape::Files(_) => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Listeners => json!({ "type": "array", "items": { "type": "string", "pattern": "^(udp|tcp|tls):.+:[0-9]+$" } }),
        Shape::Choice(words) => json!({ "type": "string", "enum": words }),
        Shape::Address => json!({ "type": "string", "pattern": ":[0-9]+$" }),
        Shape::Text | Shape::Peer | Shape::AddressOrNone | Shape::Path | Shape::Url(_) => json!({ "type": "string" }),
    }
}
