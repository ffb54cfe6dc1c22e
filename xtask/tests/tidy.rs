//! House rules over the text of the tree. Each failure names file and line.

use std::collections::BTreeMap;

use xtask::{
    codes, identity,
    tree::{self, TextFile},
};

const LONGEST: usize = 800;

fn sources() -> Vec<TextFile> {
    let files = tree::files();
    assert!(files.iter().any(|file| file.path == "crates/kernel/src/lib.rs"), "the tree was not found");
    files.into_iter().filter(|file| file.ends(".rs")).collect()
}

/// `file:line` of every line that is wrong.
fn lines(files: &[TextFile], wrong: impl Fn(&TextFile, &str) -> bool) -> Vec<String> {
    let of = |file: &TextFile| {
        let bad = file.text.lines().enumerate().filter(|(_, line)| wrong(file, line));
        bad.map(|(i, line)| format!("{}:{}: {}", file.path, i + 1, line.trim())).collect::<Vec<_>>()
    };
    files.iter().flat_map(of).collect()
}

fn none(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// Lines before the file's own tests: a long table of cases is no reason to split what it checks.
fn length(file: &TextFile) -> usize {
    file.text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

#[test]
fn no_source_is_longer_than_can_be_read() {
    let explained = |file: &&TextFile| file.text.lines().take(5).any(|line| line.starts_with("// long:"));
    let sources = sources();
    let long = sources.iter().filter(|file| length(file) > LONGEST && !explained(file));
    let found = long.map(|file| format!("{}: {} lines", file.path, length(file))).collect();
    none(found, "split it by its nouns, or say why not in a line `// long: …` at the top");
}

#[test]
fn every_error_code_speaks_both_languages_and_offers_a_remedy() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|file| file.under("crates/")) {
        let found = codes::read(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        for code in found {
            let at = format!("{}: {}", file.path, code.id);
            let [zh, en, remedy_zh, remedy_en] = &code.texts;
            let chinese = |text: &str| text.chars().any(|character| ('\u{4e00}'..='\u{9fff}').contains(&character));
            let shaped = code.id.split('.').count() == 2
                && code.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte));
            let mut check = |fine: bool, what: &str| {
                if !fine {
                    wrong.push(format!("{at}: {what}"));
                }
            };
            check(shaped, "the id is not module.name");
            check((400..=599).contains(&code.status), "the status is no error");
            check(chinese(zh) || zh == "{zh}", "no Chinese title");
            check(chinese(remedy_zh), "no Chinese remedy");
            check(!en.trim().is_empty() && !chinese(en), "no English title");
            check(!remedy_en.trim().is_empty() && !chinese(remedy_en), "no English remedy");
            check(same_places(zh, en), "the titles fill in different values");
            check(same_places(remedy_zh, remedy_en), "the remedies fill in different values");
            if let Some(other) = seen.insert(code.id.clone(), file.path.clone()) {
                wrong.push(format!("{at}: also in {other}"));
            }
        }
    }
    assert!(seen.len() >= 10, "the codes were not found: {}", seen.len());
    none(wrong, "error codes");
}

/// The same places in any order; `{name_zh}` and `{name_en}`, or `{zh}` and `{en}`, are one place in two languages.
fn same_places(zh: &str, en: &str) -> bool {
    let of = |text: &str, own: &str| {
        let bare = |name: &str| if name == own { String::new() } else { name.strip_suffix(&format!("_{own}")).unwrap_or(name).to_owned() };
        let mut names: Vec<String> = codes::places(text).into_iter().map(bare).collect();
        names.sort();
        names.dedup();
        names
    };
    of(zh, "zh") == of(en, "en")
}

#[test]
fn an_exception_from_a_lint_has_its_reason() {
    let found = lines(&sources(), |file, line| {
        let line = line.trim_start();
        let excepts = ["#[allow(", "#[expect(", "#![allow(", "#![expect("].iter().any(|start| line.starts_with(start));
        excepts && line.ends_with(")]") && !line.contains("reason") && !file.under("xtask/")
    });
    none(found, "write #[allow(…, reason = \"…\")]");
}

#[test]
fn sql_is_the_common_ground_of_both_engines() {
    let banned = [
        "FOR UPDATE",
        "AUTOINCREMENT",
        "SERIAL ",
        " NOW()",
        "CURRENT_TIMESTAMP",
        "ILIKE",
        "JSONB",
        "NEXTVAL(",
        "INSERT OR ",
        "REPLACE INTO",
        "PRAGMA ",
    ];
    let files: Vec<TextFile> = sources().into_iter().filter(|file| file.under("crates/app/src/")).collect();
    let found = lines(&files, |_, line| {
        let code = line.trim_start();
        !code.starts_with("//")
            && !line.contains(".now()")
            && line.contains('"')
            && banned.iter().any(|word| line.to_uppercase().contains(word))
    });
    none(found, "one SQL text serves SQLite and PostgreSQL");
}

#[test]
fn no_page_fetches_anything_from_elsewhere() {
    let files: Vec<TextFile> = tree::files()
        .into_iter()
        .filter(|file| file.under("crates/") && (file.ends(".html") || file.ends(".css") || file.ends(".js")))
        .collect();
    let found = lines(&files, |_, line| {
        [
            "src=\"http",
            "src='http",
            "href=\"http",
            "url(http",
            "url(\"http",
            "@import",
            "import(\"http",
            "from \"http",
            "src=\"//",
            "href=\"//",
        ]
        .iter()
        .any(|start| line.contains(start))
    });
    none(found, "every asset is embedded");
}

#[test]
fn a_page_holds_no_inline_script_or_style() {
    let files: Vec<TextFile> = tree::files().into_iter().filter(|file| file.under("crates/") && file.ends(".html")).collect();
    let found = lines(&files, |_, line| {
        line.contains("<script>")
            || line.contains("<style>")
            || line.contains(" style=\"")
            || line.contains(" onclick=\"")
            || line.contains("javascript:")
    });
    none(found, "the content security policy refuses it");
}

#[test]
fn nobodys_resident_id_stands_in_the_tree() {
    let mut found = Vec::new();
    for file in tree::files() {
        // The standards print these examples; the vectors of the kernel quote them.
        let vectors = file.under("crates/kernel/") && (file.path.contains("vectors") || file.path.contains("golden"));
        let lock = file.ends("Cargo.lock") || file.ends("package-lock.json");
        if !vectors && !lock {
            found.extend(identity::resident_ids(&file.text).iter().map(|id| format!("{}: {}…", file.path, &id[..6])));
        }
    }
    none(found, "use region code 99xxxx in tests and demo data");
}

#[test]
fn duties_named_in_the_law_folder_have_a_test_that_exists() {
    let files = tree::files();
    let tests: Vec<&TextFile> = files.iter().filter(|file| file.ends(".rs")).collect();
    let mut wrong = Vec::new();
    for duty in files.iter().filter(|file| file.under("docs/law/") && file.ends(".md") && !file.ends("README.md")) {
        let named: Vec<&str> = duty.text.lines().filter_map(|line| line.trim().strip_prefix("- test: `")?.split('`').next()).collect();
        if named.is_empty() {
            wrong.push(format!("{}: names no test (a line \"- test: `name`\")", duty.path));
        }
        for test in named {
            let function = test.rsplit("::").next().unwrap_or(test);
            // A story told on every engine is written `story!(name, kit => …)`.
            let written = [format!("fn {function}("), format!("story!({function}, ")];
            if !tests.iter().any(|file| written.iter().any(|start| file.text.contains(start))) {
                wrong.push(format!("{}: there is no test {test}", duty.path));
            }
        }
    }
    none(wrong, "docs/law");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = tree::root();
    let mut broken = Vec::new();
    for file in tree::files().iter().filter(|file| file.ends(".md")) {
        let folder = root.join(&file.path).parent().unwrap().to_owned();
        for target in file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            let elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
            if !elsewhere && !folder.join(path).exists() {
                broken.push(format!("{}: {target}", file.path));
            }
        }
    }
    none(broken, "broken links");
}

/// Every handler of the JSON interface, against the description kept in the tree: one that was never routed is missing there.
#[test]
fn every_json_route_is_described() {
    let kept = std::fs::read_to_string(tree::root().join("docs/api/openapi.json")).unwrap_or_default();
    let mut missing = Vec::new();
    let mut declared = 0;
    for file in sources().iter().filter(|file| file.under("crates/app/src/") && file.ends("/http.rs")) {
        for handler in file.text.split("#[utoipa::path(").skip(1) {
            let path = handler.split_once("path = \"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
            declared += 1;
            if !kept.contains(&format!("\"/api/v1{path}\"")) {
                missing.push(format!("{}: {path}", file.path));
            }
        }
        if file.text.contains(".route(\"") {
            missing.push(format!("{}: a route beside the description", file.path));
        }
    }
    assert!(declared >= 20, "the handlers were not found: {declared}");
    none(missing, "run: cargo run -p xtask -- regenerate");
}
