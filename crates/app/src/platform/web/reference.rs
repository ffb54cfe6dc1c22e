//! 接口说明: the description of the JSON interface as a page to read, from the same source as `openapi.json`. Nothing is fetched from elsewhere.

use std::sync::OnceLock;

use askama::Template;
use axum::{Router, response::Response, routing::get};
use serde_json::Value;

use super::{page, shell::Shell};
use crate::{App, platform::words::Words, routes};

/// One operation.
pub struct Operation {
    /// `POST`
    pub method: String,
    /// `/api/v1/registrations/{id}/approval`
    pub path: String,
    /// First sentence of its docstring.
    pub summary: String,
    /// Name, place and type of each parameter.
    pub parameters: Vec<String>,
    /// Type of the body.
    pub body: String,
    /// Status and type of the answers.
    pub answers: Vec<String>,
}

/// One type of a body or an answer.
pub struct Shape {
    /// Name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Name, type and meaning of each field.
    pub fields: Vec<(String, String, String)>,
}

/// Operations of one tag.
pub type Group = (String, Vec<Operation>);

/// 接口说明页
#[derive(Template)]
#[template(path = "platform/web/reference.html")]
pub struct ReferencePage {
    /// Frame.
    pub shell: Shell,
    /// Words.
    pub w: &'static Words,
    /// Operations by their tag.
    pub groups: &'static [Group],
    /// Types.
    pub shapes: &'static [Shape],
}

/// Routes of this file.
pub fn pages() -> Router<App> {
    Router::new().route("/api", get(show)).route("/api/openapi.json", get(|| async { axum::Json(routes::openapi()) }))
}

async fn show(shell: Shell) -> Response {
    let shell = shell.public();
    static READ: OnceLock<(Vec<Group>, Vec<Shape>)> = OnceLock::new();
    let (groups, shapes) = READ.get_or_init(|| {
        let described = serde_json::to_value(routes::openapi()).unwrap_or_default();
        (groups(&described), shapes(&described))
    });
    let w = shell.w;
    page(&ReferencePage { shell, w, groups, shapes })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A type in one word or two: the name of a shape, a list of one, or the plain type.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if schema["items"].is_object() {
        return format!("[{}]", kind(&schema["items"]));
    }
    let either = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    if let Some(either) = either {
        return either.iter().map(kind).filter(|kind| kind != "null").collect::<Vec<_>>().join(" | ");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(text).collect::<Vec<_>>().join(" | ");
    }
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" | "),
        kind => text(kind),
    }
}

fn groups(described: &Value) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let paths = described["paths"].as_object().into_iter().flatten();
    for (path, methods) in paths {
        for (method, told) in methods.as_object().into_iter().flatten() {
            let parameters = told["parameters"].as_array().into_iter().flatten();
            let answers = told["responses"].as_object().into_iter().flatten();
            let operation = Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                summary: text(&told["summary"]),
                parameters: parameters
                    .map(|one| format!("{} ({}): {}", text(&one["name"]), text(&one["in"]), kind(&one["schema"])))
                    .collect(),
                body: content(&told["requestBody"]),
                answers: answers.map(|(status, answer)| format!("{status} {}", content(answer)).trim().to_owned()).collect(),
            };
            let tag = text(&told["tags"][0]);
            match groups.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, operations)) => operations.push(operation),
                None => groups.push((tag, vec![operation])),
            }
        }
    }
    groups
}

fn content(of: &Value) -> String {
    let kinds = of["content"].as_object().into_iter().flatten();
    kinds
        .map(|(media, told)| match kind(&told["schema"]) {
            shape if media == "application/json" => shape,
            shape => format!("{shape} ({media})"),
        })
        .collect::<Vec<_>>()
        .join(" | ")
}

fn shapes(described: &Value) -> Vec<Shape> {
    let schemas = described["components"]["schemas"].as_object().into_iter().flatten();
    schemas
        .map(|(name, schema)| {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let mut fields: Vec<_> = properties.map(|(field, told)| (field.clone(), kind(told), text(&told["description"]))).collect();
            if fields.is_empty() {
                fields.push((String::new(), kind(schema), String::new()));
            }
            Shape { name: name.clone(), about: text(&schema["description"]), fields }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_and_every_shape_is_on_the_page() {
        let described = serde_json::to_value(routes::openapi()).expect("JSON");
        let groups = groups(&described);
        let told: usize =
            described["paths"].as_object().expect("paths").values().map(|path| path.as_object().map_or(0, serde_json::Map::len)).sum();
        assert_eq!(groups.iter().map(|(_, operations)| operations.len()).sum::<usize>(), told);
        let approval = groups.iter().flat_map(|(_, operations)| operations).find(|one| one.path.ends_with("/approval")).expect("approval");
        assert_eq!((approval.method.as_str(), approval.body.as_str()), ("POST", "OnVersion"));
        let shapes = shapes(&described);
        let order = shapes.iter().find(|shape| shape.name == "OrderView").expect("OrderView");
        assert!(order.fields.iter().any(|(name, kind, about)| name == "version" && kind == "integer" && !about.is_empty()));
        assert!(groups.iter().all(|(tag, operations)| !tag.is_empty() && operations.iter().all(|one| !one.summary.is_empty())));
    }
}
