//! The style sheet keeps its promises: one place for colours, two themes alike, contrast in both.

use std::collections::BTreeMap;

const TOKENS: &str = include_str!("assets/tokens.css");
const RULES: [&str; 2] = [include_str!("assets/style.css"), include_str!("assets/charts.css")];

/// The custom properties of the block that follows `head`.
fn block(head: &str) -> BTreeMap<&'static str, &'static str> {
    let body = TOKENS.split_once(head).unwrap_or_else(|| panic!("{head} is gone")).1;
    let body = body.split_once('}').unwrap().0;
    body.split(';').filter_map(|one| one.trim().strip_prefix("--")?.split_once(':')).map(|(name, value)| (name, value.trim())).collect()
}

fn light() -> BTreeMap<&'static str, &'static str> {
    block(":root{")
}

fn dark() -> BTreeMap<&'static str, &'static str> {
    let mut all = light();
    all.extend(block(":root[data-theme=dark]{"));
    all
}

/// Relative luminance of WCAG.
fn luminance(colour: &str) -> f64 {
    let digits = colour.strip_prefix('#').unwrap_or_else(|| panic!("{colour} is no plain colour"));
    let wide = digits.len() == 6;
    let channel = |index: usize| {
        let text = if wide { digits[index * 2..index * 2 + 2].to_owned() } else { digits[index..=index].repeat(2) };
        let value = f64::from(u8::from_str_radix(&text, 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn the_dark_theme_is_one_theme() {
    assert_eq!(block(":root:not([data-theme=light]){"), block(":root[data-theme=dark]{"));
    let light = light();
    assert!(block(":root[data-theme=dark]{").keys().all(|name| light.contains_key(name)), "dark has a token light has not");
}

#[test]
fn text_and_shapes_are_seen_in_both_themes() {
    let grounds = ["ground", "surface", "raised", "sunken"];
    for (theme, tokens) in [("light", light()), ("dark", dark())] {
        let mut wrong = Vec::new();
        let mut ask = |one: &str, other: &str, least: f64| {
            let found = contrast(tokens[one], tokens[other]);
            if found < least {
                wrong.push(format!("{theme}: {one} on {other} is {found:.2}, not {least}"));
            }
        };
        for ground in grounds {
            for text in ["ink", "soft", "link", "accent", "good", "active", "warning", "bad", "quiet"] {
                ask(text, ground, 4.5);
            }
            for shape in ["edge", "data-0", "data-1", "data-2", "data-3", "data-4"] {
                ask(shape, ground, 3.0);
            }
        }
        for tone in ["good", "active", "warning", "bad", "quiet", "accent"] {
            ask(tone, &format!("{tone}-soft"), 4.5);
            ask("ink", &format!("{tone}-soft"), 4.5);
        }
        ask("accent-ink", "accent", 4.5);
        for (ink, level) in [("heat-ink", 0), ("heat-ink", 1), ("heat-ink", 2), ("heat-ink-3", 3), ("heat-ink-4", 4)] {
            ask(ink, &format!("heat-{level}"), 4.5);
        }
        ask("night-ink", "night", 4.5);
        ask("night-soft", "night", 4.5);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn colours_are_named_once() {
    for rules in RULES {
        for (number, line) in rules.lines().enumerate() {
            let colour = line.split('#').skip(1).any(|rest| rest.len() >= 3 && rest.bytes().take(3).all(|byte| byte.is_ascii_hexdigit()));
            assert!(!colour && !line.contains("rgb("), "line {}: a colour outside tokens.css: {line}", number + 1);
        }
    }
}

#[test]
fn every_token_that_is_used_is_there_and_every_one_there_is_used() {
    let there = light();
    // Set where they are used: the mark of a card, the colour of a progress bar.
    let local = ["mark", "fill"];
    let mut used = std::collections::BTreeSet::new();
    for text in RULES.into_iter().chain([TOKENS]) {
        used.extend(text.split("var(--").skip(1).filter_map(|rest| rest.split([')', ',']).next()));
    }
    let missing: Vec<_> = used.iter().filter(|name| !there.contains_key(*name) && !local.contains(name)).collect();
    assert!(missing.is_empty(), "no such token: {missing:?}");
    let idle: Vec<_> = there.keys().filter(|name| !used.contains(*name)).collect();
    assert!(idle.is_empty(), "nobody uses {idle:?}");
}

#[test]
fn motion_is_only_for_those_who_want_it() {
    for rules in RULES {
        let mut allowed = false;
        for line in rules.lines() {
            allowed = (allowed || line.contains("prefers-reduced-motion:no-preference")) && line != "}";
            assert!(allowed || !(line.contains("animation") || line.contains("transition")), "moves for everybody: {line}");
        }
    }
}
