//! 组件: the small parts. Each is its own template and renders itself where it stands.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::platform::words::{Words, fill};

/// Weight of a status. Colour is never the only sign: each has its own shape and its words beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Done, allowed.
    Good,
    /// Under way.
    Active,
    /// Needs somebody soon.
    Warning,
    /// Refused, failed, late.
    Bad,
    /// Neither good nor bad.
    Quiet,
}

impl Tone {
    /// Class in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Active => "active",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }

    /// Shape in front of the words.
    pub fn shape(self) -> &'static str {
        match self {
            Self::Good => "●",
            Self::Active => "◆",
            Self::Warning => "▲",
            Self::Bad => "■",
            Self::Quiet => "○",
        }
    }
}

/// 标签: status in words, colour and shape.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<span class="tag tag-{{ tone.class() }}"><span aria-hidden="true">{{ tone.shape() }}</span>{{ text }}</span>"#,
    ext = "html"
)]
pub struct Tag {
    /// Weight.
    pub tone: Tone,
    /// Words.
    pub text: String,
}

impl HtmlSafe for Tag {}

impl Tag {
    /// A tag.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// 轻提示: what happened to the form just sent; the next page shows it once.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<div class="toast toast-{{ tone.class() }}" role="status" data-toast><span aria-hidden="true">{{ tone.shape() }} </span>{{ text }}</div>"#,
    ext = "html"
)]
pub struct Toast {
    /// Weight.
    pub tone: Tone,
    /// Words.
    pub text: String,
}

impl HtmlSafe for Toast {}

/// 提示条: something to know before going on; it stays.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<div class="notice notice-{{ tone.class() }}"><p><span aria-hidden="true">{{ tone.shape() }} </span><strong>{{ title }}</strong></p>{% if !text.is_empty() %}<p>{{ text }}</p>{% endif %}</div>"#,
    ext = "html"
)]
pub struct Note {
    /// Weight.
    pub tone: Tone,
    /// What.
    pub title: String,
    /// Why, or what to do; may be empty.
    pub text: String,
}

impl HtmlSafe for Note {}

/// 标签页: one tab of a detail page; a tab is a link, so each has its address.
#[derive(Debug, Clone)]
pub struct Tab {
    /// Words.
    pub label: String,
    /// Address.
    pub href: String,
    /// Shown now.
    pub current: bool,
    /// How many things are behind it.
    pub count: Option<u64>,
}

/// Tabs in a row.
#[derive(Template)]
#[template(
    source = r#"<nav class="tabs" aria-label="{{ label }}"><ul>{% for tab in tabs %}<li><a href="{{ tab.href }}"{% if tab.current %} aria-current="page"{% endif %}>{{ tab.label }}{% if let Some(count) = tab.count %}<span class="count">{{ count }}</span>{% endif %}</a></li>{% endfor %}</ul></nav>"#,
    ext = "html"
)]
pub struct Tabs {
    /// What the tabs are of, for screen readers.
    pub label: String,
    /// In order.
    pub tabs: Vec<Tab>,
}

impl HtmlSafe for Tabs {}

/// 描述: one fact of a detail page.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Words.
    pub label: String,
    /// Text, already masked.
    pub value: Value,
}

/// What stands beside the label of a [`Fact`].
#[derive(Debug, Clone)]
pub enum Value {
    /// Plain.
    Text(String),
    /// Numbers and codes.
    Code(String),
    /// A status.
    Tag(Tag),
    /// A way on.
    Link(String, String),
    /// A masked value with the dialog that reveals it: text, dialog id, words of the button.
    Masked(String, String, String),
}

/// Facts in two columns.
#[derive(Template)]
#[template(path = "platform/web/facts.html")]
pub struct Facts {
    /// In order.
    pub facts: Vec<Fact>,
}

impl HtmlSafe for Facts {}

/// Shorthand for a plain fact.
pub fn fact(label: &str, value: impl Into<String>) -> Fact {
    Fact { label: label.to_owned(), value: Value::Text(value.into()) }
}

/// Shorthand for a number or code.
pub fn code(label: &str, value: impl Into<String>) -> Fact {
    Fact { label: label.to_owned(), value: Value::Code(value.into()) }
}

/// Shorthand for a status.
pub fn status(label: &str, tag: Tag) -> Fact {
    Fact { label: label.to_owned(), value: Value::Tag(tag) }
}

/// 时间线: one step a case took.
#[derive(Debug, Clone)]
pub struct Moment {
    /// `2026-11-22 09:30:00`
    pub at: String,
    /// What.
    pub title: String,
    /// Who, masked or by staff number.
    pub by: String,
    /// Why, and the article that decided.
    pub note: String,
    /// Weight.
    pub tone: Tone,
}

/// Steps, newest first.
#[derive(Template)]
#[template(path = "platform/web/timeline.html")]
pub struct Timeline {
    /// Words for an empty line.
    pub empty: String,
    /// In order.
    pub moments: Vec<Moment>,
}

impl HtmlSafe for Timeline {}

/// 空状态: nothing here, and what to do about it.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<div class="empty"><p class="empty-title">{{ title }}</p>{% if !hint.is_empty() %}<p>{{ hint }}</p>{% endif %}{% if let Some((href, label)) = action %}<p><a class="button" href="{{ href }}">{{ label }}</a></p>{% endif %}</div>"#,
    ext = "html"
)]
pub struct Empty {
    /// What is not here.
    pub title: String,
    /// Why, or what to do.
    pub hint: String,
    /// Address and words of a way on.
    pub action: Option<(String, String)>,
}

impl HtmlSafe for Empty {}

/// 统计卡片: one figure of a row of figures.
#[derive(Template)]
#[template(path = "platform/web/card.html")]
pub struct Card {
    /// What is counted.
    pub label: String,
    /// The figure, formatted.
    pub value: String,
    /// `%`, `单`
    pub unit: String,
    /// Change against yesterday, with its direction for the shape.
    pub change: Option<Change>,
    /// A second, smaller sentence.
    pub note: String,
    /// The list behind the figure.
    pub href: String,
    /// Days in a line.
    pub spark: Option<super::chart::Spark>,
    /// Weight of the figure itself.
    pub tone: Tone,
}

impl HtmlSafe for Card {}

/// Change of a figure.
#[derive(Debug, Clone)]
pub struct Change {
    /// Up or down.
    pub up: bool,
    /// Whether that is welcome.
    pub good: bool,
    /// `0.11`
    pub by: String,
    /// 较昨日
    pub since: String,
}

/// One icon, drawn here: lines of one width in a 20 × 20 field.
#[derive(Debug, Clone, Copy)]
pub struct Icon(pub &'static str);

impl std::fmt::Display for Icon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = match self.0 {
            "work" => "M4 4h12v12H4zM4 8h12M8 12l1.5 1.5L13 10.5",
            "overview" => "M4 16V9M8 16V5M12 16v-6M16 16V7",
            "register" => "M4 5h12v10H4zM7 9a1.5 1.5 0 1 0 .01 0M6 13c.5-1.4 2-1.4 2.5 0M11 8.5h3M11 11.5h3",
            "audit_queue" => "M5 3.5h10v13H5zM8 7.5h4M8 10.5h4M7.5 14l1 1 2-2",
            "orders" => "M5 3.5h7l3 3v10H5zM12 3.5v3h3M8 10h4M8 13h4",
            "channels" => "M4 9v7h12V9M3 9l1.5-5h11L17 9M3 9h14M8.500 16v-4h3v4",
            "people" => {
                "M7.500 9.500a2.500 2.500 0 1 0-.01 0M3 16c.6-4 8.400-4 9 0M13 9a2 2 0 1 0-.5-3.800M14 11.600c1.700.4 2.800 1.800 3 4.400"
            }
            "network" => {
                "M10 10m-2 0a2 2 0 1 0 4 0a2 2 0 1 0-4 0M6 6a5.600 5.600 0 0 0 0 8M14 6a5.600 5.600 0 0 1 0 8M3.500 3.500a9.200 9.200 0 0 0 0 13M16.500 3.500a9.200 9.200 0 0 1 0 13"
            }
            "second" => "M4 6h12v10H4zM7 6a3 3 0 0 1 6 0M10 10m-1.500 0a1.500 1.500 0 1 0 3 0a1.500 1.500 0 1 0-3 0M10 11.500v2",
            "subscribers" => {
                "M9 9m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0M12.700 12.700L17 17M9 7.500a1 1 0 1 0 .01 0M7.200 11.200c.5-1.300 3.100-1.300 3.600 0"
            }
            "bulletins" => "M5 3h7l3 3v11H5zM12 3v3h3M7.500 13v-2M10 13V9M12.500 13v-3",
            "hotline" => "M4 11V9.500a6 6 0 0 1 12 0V11M4 11h2.500v4H4zM13.500 11H16v4h-2.500zM16 15v1.500h-4.500",
            "suspension" => "M10 3.500a6.500 6.500 0 1 0 .01 0M8 7.500v5M12 7.500v5",
            "ledger" => "M4 4h5v12H4zM11 4h5v12h-5zM6 7h1M6 10h1M13 7h1M13 10h1",
            "screening" => "M4 5h12l-4.500 5.500v5l-3-1.500v-3.500zM4 5",
            "imports" => "M10 3v8M6.500 8L10 11.500L13.500 8M4 13v3h12v-3",
            "audit" => "M10 3l6 2v5c0 3.500-2.500 6-6 7-3.500-1-6-3.500-6-7V5zM7.500 10l2 2 3.500-4",
            "auto" => "M10 3.500a6.500 6.500 0 1 0 .01 0M10 3.500v13M10 7l4.500-1.500M10 10.500l6-1M10 14l4.500-.5",
            "light" => {
                "M10 6.500a3.500 3.500 0 1 0 .01 0M10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100"
            }
            "dark" => "M16 11.800A6.500 6.500 0 1 1 8.200 4a5.200 5.200 0 0 0 7.800 7.800z",
            _ => "M4 10h12",
        };
        write!(
            f,
            r#"<svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false"><path d="{path}"/></svg>"#
        )
    }
}

impl askama::FastWritable for Icon {
    fn write_into(&self, dest: &mut dyn std::fmt::Write, _values: &dyn askama::Values) -> askama::Result<()> {
        write!(dest, "{self}")?;
        Ok(())
    }
}

impl HtmlSafe for Icon {}

/// Words the templates of parts share are passed in; this alias keeps their signatures short.
pub type W = &'static Words;

/// 时长: a length of time as people say it, by its two largest units: `20 天 21 小时`, `2 h 7 min`, `47 s`. Milliseconds; nothing below a second.
pub fn duration(w: &Words, ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let parts = match (days, hours, minutes) {
        (0, 0, 0) => return fill(w.span_seconds, seconds),
        (0, 0, minutes) => return fill(w.span_minutes, minutes),
        (0, hours, minutes) => [(w.span_hours, hours), (w.span_minutes, minutes)],
        (days, hours, _) => [(w.span_days, days), (w.span_hours, hours)],
    };
    parts.into_iter().filter(|(_, count)| *count > 0).map(|(word, count)| fill(word, count)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use chuangsha_kernel::problem::Language;

    use super::*;

    #[test]
    fn a_length_of_time_is_said_by_its_two_largest_units() {
        let (zh, en) = (Words::of(Language::Chinese), Words::of(Language::English));
        let (minute, hour, day) = (60_000, 3_600_000, 86_400_000);
        for (ms, chinese, english) in [
            (20 * day + 21 * hour + 59 * minute, "20 天 21 小时", "20 d 21 h"),
            (3 * day + minute, "3 天", "3 d"),
            (2 * hour + 7 * minute + 31_000, "2 小时 7 分", "2 h 7 min"),
            (2 * hour, "2 小时", "2 h"),
            (7 * minute + 31_000, "7 分", "7 min"),
            (47_900, "47 秒", "47 s"),
            (-5, "0 秒", "0 s"),
        ] {
            assert_eq!((duration(zh, ms).as_str(), duration(en, ms).as_str()), (chinese, english));
        }
    }
}
