//! 回填: puts texts into a form of a page that is already rendered, so that every form of the console can be filled again without knowing of it.
//! It reads only what our own templates write: attributes in double quotes, `<`, `>` and `"` of values escaped.

use super::kept::Typed;

/// `page` with the form the texts belong to filled in, its dialog open and its folded parts unfolded. What a page holds in hidden fields stays as
/// the page has it, and passwords and files stay empty. Texts that have no field on the page any more are given beside it.
pub fn fill<'t>(page: &str, typed: &'t Typed) -> (String, Vec<&'t str>) {
    let place = form(page, typed).and_then(|(start, end)| Some((page.get(..start)?, page.get(start..end)?, page.get(end..)?)));
    let inner = place.map_or("", |(_, inner, _)| inner);
    let lost = typed.fields.iter().filter(|(name, _)| !inner.contains(&named(name)));
    // A version, a mark in a box: what is not worth copying by hand.
    let lost = lost.map(|(_, value)| value.trim()).filter(|value| value.chars().count() > 1 && *value != "yes");
    let filled =
        place.map_or_else(|| page.to_owned(), |(head, inner, tail)| format!("{}{}{tail}", open_dialog(head), fields(inner, typed)));
    (filled, lost.collect())
}

fn named(name: &str) -> String {
    format!(" name=\"{}\"", escape(name))
}

/// Where the form lies that is posted to the address the texts were posted to: the one with most of their names, for a list may have many.
fn form(page: &str, typed: &Typed) -> Option<(usize, usize)> {
    let mut best: Option<(usize, (usize, usize))> = None;
    for (start, _) in page.match_indices("<form ") {
        let rest = page.get(start..)?;
        let tag = rest.get(..=rest.find('>')?)?;
        if attribute(tag, "action").as_deref() != Some(typed.action.as_str()) || attribute(tag, "method").as_deref() != Some("post") {
            continue;
        }
        let inner = rest.get(..rest.find("</form>")?)?;
        let names = typed.fields.iter().filter(|(name, _)| inner.contains(&named(name))).count();
        if best.is_none_or(|(most, _)| names > most) {
            best = Some((names, (start, start + inner.len())));
        }
    }
    best.map(|(_, place)| place)
}

/// The part before the form, with the dialog around it open.
fn open_dialog(head: &str) -> String {
    let opened = head.rfind("<dialog ").filter(|at| head.get(*at..).is_some_and(|rest| !rest.contains("</dialog>")));
    match opened.and_then(|at| head.split_at_checked(at + "<dialog".len())) {
        Some((before, after)) if !after.starts_with(" open") => format!("{before} open data-open{after}"),
        _ => head.to_owned(),
    }
}

/// The inside of the form with every field filled.
fn fields(inner: &str, typed: &Typed) -> String {
    let mut filled = String::with_capacity(inner.len() + 256);
    let mut left: Vec<Option<&(String, String)>> = typed.fields.iter().map(Some).collect();
    let (mut rest, mut choice) = (inner, None);
    while let Some((text, from_tag)) = rest.find('<').and_then(|at| rest.split_at_checked(at)) {
        filled.push_str(text);
        let Some((tag, after)) = from_tag.find('>').and_then(|at| from_tag.split_at_checked(at + 1)) else {
            rest = from_tag;
            break;
        };
        rest = after;
        let name = attribute(tag, "name").unwrap_or_default();
        match tag.split([' ', '>']).next().unwrap_or_default() {
            "<input" => filled.push_str(&input(tag, &name, &mut left)),
            "<textarea" => {
                filled.push_str(tag);
                let old = rest.find("</textarea>").unwrap_or(0);
                if let Some(value) = take(&mut left, &name) {
                    // The first line break after the tag is the browser's.
                    filled.push('\n');
                    filled.push_str(&escape(value));
                    rest = rest.get(old..).unwrap_or_default();
                }
            }
            "<select" => {
                filled.push_str(tag);
                choice = take(&mut left, &name);
            }
            "<option" => match choice {
                Some(value) => {
                    let plain = tag.replace(" selected", "");
                    filled.push_str(&if attribute(tag, "value").as_deref() == Some(value) { with(&plain, " selected") } else { plain });
                }
                None => filled.push_str(tag),
            },
            "<details" => filled.push_str(&if tag.contains(" open") { tag.to_owned() } else { with(tag, " open") }),
            _ => filled.push_str(tag),
        }
        if tag == "</select>" {
            choice = None;
        }
    }
    filled.push_str(rest);
    filled
}

/// The next text under a name, used once: a form may have a name twice.
fn take<'t>(left: &mut [Option<&'t (String, String)>], name: &str) -> Option<&'t str> {
    let next = left.iter_mut().find(|field| field.is_some_and(|(of, _)| of == name))?;
    next.take().map(|(_, value)| value.as_str())
}

fn input(tag: &str, name: &str, left: &mut [Option<&(String, String)>]) -> String {
    match attribute(tag, "type").as_deref() {
        Some("hidden" | "password" | "file" | "submit") => tag.to_owned(),
        Some("checkbox" | "radio") => {
            let value = attribute(tag, "value").unwrap_or_else(|| "on".to_owned());
            let plain = tag.replace(" checked", "");
            let sent = left.iter().flatten().any(|(of, sent)| of == name && *sent == value);
            if sent { with(&plain, " checked") } else { plain }
        }
        _ => match take(left, name) {
            Some(value) => with(&without_value(tag), &format!(" value=\"{}\"", escape(value))),
            None => tag.to_owned(),
        },
    }
}

/// A tag with something more in it.
fn with(tag: &str, more: &str) -> String {
    format!("{}{more}>", tag.strip_suffix('>').unwrap_or(tag))
}

fn without_value(tag: &str) -> String {
    let Some((before, after)) = tag.split_once(" value=\"") else { return tag.to_owned() };
    format!("{before}{}", after.split_once('"').map_or("", |(_, rest)| rest))
}

/// The value of an attribute, as it means.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, from) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = from.split_once('"')?;
    let value = value.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'");
    Some(value.replace("&#38;", "&"))
}

/// A text as it stands in an attribute or between tags.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&#60;"),
            '>' => escaped.push_str("&#62;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '&' => escaped.push_str("&#38;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use askama::Template;
    use chuangsha_kernel::problem::Language;
    use proptest::prelude::*;

    use super::*;
    use crate::platform::{
        web::{
            form::{Choice, Input, Kind},
            pages::{Dialog, FormPart},
        },
        words::Words,
    };

    fn typed(action: &str, fields: &[(&str, &str)]) -> Typed {
        Typed { action: action.to_owned(), fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() }
    }

    fn dialog(id: &str, value: &str, chosen: &str, yes: &str) -> String {
        let w = Words::of(Language::English);
        let choices = || vec![Choice::new("", "choose"), Choice::new("one", "One"), Choice::new("two", "Two")];
        let fields = vec![
            Input::text("line", "Line").value(value),
            Input::new("area", "Area", Kind::Area).value(value),
            Input::select("choice", "Choice", choices()).value(chosen),
            Input::new("radio", "Radio", Kind::Radio(choices())).value(chosen),
            Input::new("yes", "Yes", Kind::Check).value(yes),
            Input::new("secret", "Secret", Kind::Line("password")),
        ];
        let form = FormPart::new(w, format!("/x/{id}?a=1&b=2"), "Go", fields).keep("version", 7);
        Dialog { id: id.to_owned(), title: id.to_owned(), open: false, form }.render().unwrap()
    }

    proptest! {
        /// Filling a form afterwards gives what rendering it with the same values gives.
        #[test]
        fn a_form_filled_afterwards_is_the_form_rendered_with_the_values(text in "[^\r\n\0]{0,40}", second in any::<bool>(), yes in any::<bool>()) {
            let (choice, checked) = (if second { "two" } else { "one" }, if yes { "yes" } else { "" });
            let page = format!("<main>{}{}</main>", dialog("first", "old", "one", "yes"), dialog("second", "old", "one", "yes"));
            let mut fields = vec![("line", text.as_str()), ("area", &text), ("choice", choice), ("radio", choice), ("secret", "hunter2"), ("version", "3")];
            if yes {
                fields.push(("yes", "yes"));
            }
            let kept = typed("/x/second?a=1&b=2", &fields);
            let (filled, lost) = fill(&page, &kept);
            prop_assert!(lost.is_empty());
            let (first, rest) = filled.split_at(filled.find("id=\"second\"").unwrap());
            prop_assert!(first.contains("value=\"old\""), "the other form is left alone");
            prop_assert!(!first.contains("first\" open"));
            let wanted = dialog("second", &text, choice, checked);
            // The order of attributes and the browser's own line break aside, it is the same form.
            let sorted = |html: &str| {
                let mut words: Vec<String> = html.replace(['>', '\n'], " ").split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
                words.sort();
                words
            };
            let opened = wanted.replacen("<dialog id=", "<dialog open data-open id=", 1);
            let whole = format!("<dialog open data-open {}", rest.strip_suffix("</main>").unwrap());
            prop_assert_eq!(sorted(&whole), sorted(&opened));
            prop_assert!(!filled.contains("hunter2"));
            prop_assert!(filled.contains("name=\"version\" value=\"7\""), "the page's own version stays");
        }

        #[test]
        fn no_page_and_no_text_make_it_panic(page in ".{0,200}", action in ".{0,10}", name in ".{0,10}", value in ".{0,20}") {
            let _ = fill(&format!("<form method=\"post\" action=\"{action}\">{page}</form>"), &typed(&action, &[(&name, &value)]));
            let _ = fill(&page, &typed(&action, &[(&name, &value)]));
        }
    }

    #[test]
    fn markup_that_was_typed_stays_text() {
        let page = dialog("d", "", "", "");
        let kept = typed("/x/d?a=1&b=2", &[("line", "\"><script>alert(1)</script>"), ("area", "</textarea><img src=x>")]);
        let (filled, _) = fill(&page, &kept);
        assert!(!filled.contains("<script") && !filled.contains("<img"));
        assert_eq!(filled.matches("</textarea>").count(), 1);
        let elsewhere = typed("/elsewhere", &[("words", "long words"), ("version", "7"), ("yes", "yes")]);
        assert_eq!(fill(&page, &elsewhere), (page.clone(), vec!["long words"]), "its form is gone");
    }
}
