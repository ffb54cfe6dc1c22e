//! Every problem of the application and of what it stands on says in both languages what happened and what to do about it; every word of the
//! console stands in the one table, and every word of the table is said somewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use chuangsha_app::{channels, figures, hotline, platform, registration, remediation, resources, screening, subscribers, suspension};
use chuangsha_kernel::problem::Code;

/// Every list of codes. A new one is added here: a test counts them.
fn lists() -> Vec<&'static [&'static Code]> {
    vec![
        chuangsha_kernel::document::code::ALL,
        chuangsha_kernel::phone::code::ALL,
        chuangsha_kernel::name::code::ALL,
        chuangsha_kernel::rulebook::code::ALL,
        chuangsha_vault::witness::codes::ALL,
        chuangsha_vault::log_export::codes::ALL,
        chuangsha_vault::error::codes::ALL,
        chuangsha_vault::sealed::codes::ALL,
        chuangsha_store::PROBLEMS,
        registration::refusal::code::ALL,
        registration::ending::ALL,
        remediation::excess::code::ALL,
        remediation::import::code::ALL,
        channels::channel::code::ALL,
        channels::plan::code::ALL,
        resources::resource::code::ALL,
        hotline::ticket::code::ALL,
        hotline::appeal::code::ALL,
        hotline::refund::code::ALL,
        hotline::warning::code::ALL,
        figures::bulletin::code::ALL,
        screening::code::ALL,
        remediation::case::code::ALL,
        suspension::hold::code::ALL,
        subscribers::code::ALL,
        platform::calendar::code::ALL,
        platform::edge::code::ALL,
        platform::failure::code::ALL,
        platform::images::ALL,
        platform::web::views::code::ALL,
        platform::jobs::code::ALL,
        platform::export::code::ALL,
        platform::network::PROBLEMS,
        platform::verify::ALL,
        platform::keys::destroy::ALL,
        platform::people::code::ALL,
        platform::purpose::code::ALL,
        platform::reveal::code::ALL,
        platform::second::code::ALL,
    ]
}

/// How often a file of a folder declares codes.
fn declared(folder: &Path) -> usize {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                return declared(&path);
            }
            let text =
                if path.extension().is_some_and(|end| end == "rs") { std::fs::read_to_string(&path).unwrap() } else { String::new() };
            let begins = |line: &&str| ["codes! {", "crate::codes! {", "chuangsha_kernel::codes! {"].contains(&line.trim());
            text.lines().filter(begins).count()
        })
        .sum()
}

/// The `{name}`s of a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

/// What a name of one language is called in the other: itself, or the other of a pair.
fn answers(name: &str, others: &BTreeSet<&str>, here: &str, there: &str) -> bool {
    let pair =
        if name == here { Some(there.to_owned()) } else { name.strip_suffix(&format!("_{here}")).map(|stem| format!("{stem}_{there}")) };
    others.contains(pair.as_deref().unwrap_or(name))
}

#[test]
fn every_list_is_walked() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let declared: usize = ["kernel", "vault", "store", "app"].iter().map(|name| declared(&crates.join(name).join("src"))).sum();
    assert_eq!(lists().len(), declared, "a file declares codes that lists() does not name");
}

#[test]
fn every_problem_is_said_in_both_languages() {
    let mut seen = BTreeSet::new();
    for code in lists().into_iter().flatten() {
        assert!(seen.insert(code.id), "{} is declared twice", code.id);
        assert!((400..600).contains(&code.status), "{}: status {}", code.id, code.status);
        for (zh, en) in [(code.zh, code.en), (code.remedy_zh, code.remedy_en)] {
            assert!(!zh.trim().is_empty() && !en.trim().is_empty(), "{} says nothing", code.id);
            assert!(!zh.is_ascii() || names(zh).len() == 1, "{} is not Chinese: {zh}", code.id);
            let han = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
            assert!(!en.chars().any(han), "{} is not English: {en}", code.id);
            let (of_zh, of_en) = (names(zh), names(en));
            assert!(of_zh.iter().all(|name| answers(name, &of_en, "zh", "en")), "{}: {of_zh:?} and {of_en:?}", code.id);
            assert!(of_en.iter().all(|name| answers(name, &of_zh, "en", "zh")), "{}: {of_en:?} and {of_zh:?}", code.id);
        }
    }
    assert!(seen.len() > 100, "{}", seen.len());
}

// ---- the words of the console --------------------------------------------------------------------------------------------------------

/// Files below a folder with one of these endings, and what is in them.
fn files(folder: &Path, ends: &[&str], into: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ends, into);
        } else if ends.iter().any(|end| path.extension().is_some_and(|found| found == *end)) {
            let text = std::fs::read_to_string(&path).unwrap();
            into.push((path, text));
        }
    }
}

fn sources(ends: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), ends, &mut found);
    assert!(found.len() > 10, "sources are found");
    found
}

fn han(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}

/// Two words or more: what a person would read, not a name of the code.
fn sentence(text: &str) -> bool {
    let word = |part: &str| part.chars().count() > 1 && part.chars().all(|letter| letter.is_ascii_alphabetic());
    let parts: Vec<_> = text.split(' ').map(|part| part.trim_end_matches(['.', ',', ':', ';', '!', '?'])).collect();
    parts.windows(2).any(|pair| word(pair[0]) && word(pair[1]) && pair[1].chars().all(|letter| letter.is_ascii_lowercase()))
}

/// The text literals of a source file that reach the program, each with its line and what stands before it there. Comments, codes of problems
/// (a table of their own, tested above) and tests are left out.
fn literals(text: &str) -> Vec<(usize, String, String)> {
    let text = text.split("#[cfg(test)]").next().unwrap();
    let letters: Vec<char> = text.chars().collect();
    let at = |index: usize| letters.get(index).copied().unwrap_or('\0');
    let starts = |index: usize, what: &str| what.chars().enumerate().all(|(offset, letter)| at(index + offset) == letter);
    let (mut found, mut index, mut line, mut begin, mut coded) = (Vec::new(), 0, 1, 0, 0_i32);
    while index < letters.len() {
        let letter = at(index);
        if letter == '\n' {
            line += 1;
            begin = index + 1;
            index += 1;
        } else if starts(index, "//") {
            while index < letters.len() && at(index) != '\n' {
                index += 1;
            }
        } else if starts(index, "codes! {") {
            (coded, index) = (1, index + "codes! {".len());
        } else if letter == '\'' {
            // A letter, or a lifetime.
            index += if at(index + 1) == '\\' {
                (index + 2..index + 14).find(|end| at(*end) == '\'').map_or(1, |end| end + 1 - index)
            } else if at(index + 2) == '\'' {
                3
            } else {
                1
            };
        } else if letter == '"' || (letter == 'r' && (at(index + 1) == '"' || at(index + 1) == '#')) {
            let hashes = letters[index + 1..].iter().take_while(|letter| **letter == '#').count();
            let raw = letter == 'r';
            if raw && at(index + 1 + hashes) != '"' {
                index += 1;
                continue;
            }
            let before: String = letters[begin..index].iter().collect();
            let (first, mut said) = (line, String::new());
            index += if raw { hashes + 2 } else { 1 };
            loop {
                let closes = at(index) == '"' && (!raw || (0..hashes).all(|offset| at(index + 1 + offset) == '#'));
                if closes || index >= letters.len() {
                    index += 1 + if raw { hashes } else { 0 };
                    break;
                }
                if at(index) == '\n' {
                    line += 1;
                    begin = index + 1;
                }
                if at(index) == '\\' && !raw {
                    index += 1;
                }
                said.push(at(index));
                index += 1;
            }
            if coded == 0 {
                found.push((first, said, before));
            }
        } else {
            if coded > 0 {
                coded += i32::from(letter == '{') - i32::from(letter == '}');
            }
            index += 1;
        }
    }
    found
}

/// The words a template says by itself: between its tags and in the attributes that are read out.
fn own_words(template: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let close = match rest[start..].chars().nth(1) {
            Some('{') => "}}",
            Some('%') => "%}",
            Some('#') => "#}",
            _ => {
                plain.push_str(&rest[..=start]);
                rest = &rest[start + 1..];
                continue;
            }
        };
        plain.push_str(&rest[..start]);
        rest = rest[start..].find(close).map_or("", |end| &rest[start + end + 2..]);
    }
    plain.push_str(rest);
    let (mut words, mut outside) = (Vec::new(), true);
    for piece in plain.split_inclusive(['<', '>']) {
        let text = piece.trim_end_matches(['<', '>']).trim();
        if outside {
            words.push(text.to_owned());
        } else if !text.starts_with("meta") {
            for name in ["title=", "alt=", "aria-label=", "placeholder="] {
                words.extend(text.split(&format!(" {name}\"")).skip(1).filter_map(|value| value.split('"').next()).map(ToOwned::to_owned));
            }
        }
        outside = if piece.ends_with('<') { false } else { outside || piece.ends_with('>') };
    }
    // Keys of the keyboard and the name of a file are called alike everywhere.
    let alike = ["Enter", "Esc", "Tab", "Ctrl", "openapi.json"];
    words.retain(|text| {
        !alike.contains(&text.as_str())
            && (text.chars().any(han) || text.split(|letter: char| !letter.is_ascii_alphabetic()).any(|word| word.len() > 1))
    });
    words
}

#[test]
fn every_word_of_the_table_is_said() {
    let mut said = BTreeSet::new();
    for (path, text) in sources(&["rs", "html"]) {
        if path.components().any(|part| part.as_os_str() == "words.rs" || part.as_os_str() == "words") {
            continue;
        }
        let name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        said.extend(text.split('.').skip(1).map(|rest| rest.split(|letter: char| !name(letter)).next().unwrap().to_owned()));
        // What is handed to the capture app's scripts by name.
        let handed = text.split("said!(").skip(1).filter_map(|rest| rest.split(')').next());
        said.extend(handed.flat_map(|names| names.split(|letter: char| !name(letter))).map(ToOwned::to_owned));
    }
    let idle: Vec<_> = platform::words::Words::ALL.iter().map(|(name, _, _)| *name).filter(|name| !said.contains(*name)).collect();
    assert!(idle.is_empty(), "nobody says {idle:?}");
}

#[test]
fn templates_have_no_words_of_their_own() {
    let mut wrong = Vec::new();
    for (path, text) in sources(&["html"]) {
        wrong.extend(own_words(&text).into_iter().map(|words| format!("{}: {words:?}", path.display())));
    }
    for (path, text) in sources(&["rs"]) {
        let templates = literals(&text).into_iter().filter(|(_, _, before)| before.trim_end().ends_with("source ="));
        wrong.extend(
            templates
                .flat_map(|(line, said, _)| own_words(&said).into_iter().map(move |words| (line, words)))
                .map(|(line, words)| format!("{}:{line}: {words:?}", path.display())),
        );
    }
    assert!(wrong.is_empty(), "words outside the table:\n{}", wrong.join("\n"));
}

/// Files with Chinese or English of their own, and why.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("platform/words.rs", "the table"),
    ("platform/words/", "the table"),
    ("registration/order.rs", "names of states, pictures and reasons, each in both languages on its line"),
    ("channels/plan/mod.rs", "names of states, each in both languages on its line"),
    ("platform/second/grant.rs", "names of acts, causes and states, each in both languages on its line"),
    ("channels/channel.rs", "names of states and clauses, each in both languages on its line"),
    ("resources/resource.rs", "names of kinds, papers and defects, each in both languages on its line"),
    ("hotline/ticket.rs", "names of kinds, topics, states and stages, each in both languages on its line"),
    ("hotline/appeal.rs", "names of states and steps, each in both languages on its line"),
    ("hotline/refund.rs", "names of states and steps, each in both languages on its line"),
    ("hotline/warning.rs", "names of kinds and states, each in both languages on its line"),
    ("hotline/ivr.rs", "names of branches, each in both languages on its line"),
    ("figures/bulletin/mod.rs", "names of kinds, each in both languages on its line"),
    ("screening/file.rs", "what is wrong with a whole file, in both languages on its line"),
    ("screening/list.rs", "names of lists, each in both languages on its line"),
    ("screening/coded.rs", "names of categories, operators and hours, each in both languages on its line"),
    ("screening/appeal.rs", "names of states, each in both languages on its line"),
    ("remediation/case.rs", "names of states, stages and reasons to wait, each in both languages on its line"),
    ("remediation/campaign.rs", "names of states and steps, each in both languages on its line"),
    ("remediation/table.rs", "names of results, each in both languages on its line"),
    ("remediation/protected.rs", "names of categories, each in both languages on its line; headings as others write them"),
    ("platform/notify/test_line.rs", "a message of the tests"),
    ("remediation/refund.rs", "names of states, each in both languages on its line"),
    ("remediation/contact.rs", "the reason as a message to the customer tells it"),
    ("remediation/carry.rs", "the reason as a message to the customer tells it"),
    ("remediation/import/mapping.rs", "headings as other systems write them"),
    ("resources/watch.rs", "names of signs, each in both languages on its line"),
    ("suspension/hold.rs", "names of grounds, levels and states, each in both languages on its line"),
    ("registration/desk.rs", "what is drawn on a picture of a document"),
    ("platform/images/mark.rs", "what is drawn on a picture of a document"),
    ("registration/bench.rs", "people of a benchmark"),
    ("platform/web/gallery.rs", "a masked name as a sample"),
    ("platform/web/shell.rs", "a language names itself"),
    ("routes.rs", "the interface describes itself in both languages at once"),
];

#[test]
fn pages_have_no_words_of_their_own() {
    // What a page's code says to others than its reader.
    let inner =
        ["tracing::", "expect(", "panic!", "assert", "reason =", "#[", "query", "execute", "push(\"", "Failure::internal", "source ="];
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "ALTER ", "WITH "];
    let mut wrong = Vec::new();
    for (path, text) in sources(&["rs"]) {
        let told = path.display().to_string();
        let tests = ["tests.rs", "tests/", "testkit.rs"].iter().any(|name| told.contains(name) && !told.contains("/app/tests"));
        if tests || OTHER_WORDS.iter().any(|(name, _)| told.contains(&format!("/src/{name}"))) {
            continue;
        }
        let page = told.contains("/page") || told.contains("/web/") || text.contains("web::");
        for (line, said, before) in literals(&text) {
            if inner.iter().any(|one| before.contains(one)) || verbs.iter().any(|verb| said.trim_start().starts_with(verb)) {
                continue;
            }
            // What the style sheet and the browser call the two themes.
            if said == "light dark" {
                continue;
            }
            if said.chars().any(han) || (page && sentence(&said) && !said.contains('<')) {
                wrong.push(format!("{told}:{line}: {said:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "words outside the table:\n{}", wrong.join("\n"));
}

#[test]
fn the_search_for_words_finds_them() {
    assert_eq!(own_words("<p>{{ w.save }}</p><kbd>Enter</kbd><a title=\"{{ w.open }}\">✕</a>"), Vec::<String>::new());
    assert_eq!(own_words("<p>Save it</p><img alt=\"Bild\">{% if a > b %}保存{% endif %}"), ["Save it", "Bild", "保存"]);
    let source = "// \"not this\"\nlet a = '\"'; let b = \"this \\\" one\"; codes! { A = \"no\"; }\nlet c = r#\"and \"this\"\"#;";
    let found: Vec<_> = literals(source).into_iter().map(|(line, said, _)| (line, said)).collect();
    assert_eq!(found, [(2, "this \" one".to_owned()), (3, "and \"this\"".to_owned())]);
    assert!(sentence("Something went wrong") && !sentence("application/json") && !sentence("A-20261122 · x") && !sentence("GB 11643"));
}
