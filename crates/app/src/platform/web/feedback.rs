//! 反馈: what a page says about itself: how far a job is, that something is still coming, that something did not come, and a pane beside the page.

use askama::Template;
use askama::filters::HtmlSafe;

use super::form::Wrong;
use super::pages::Section;
use super::parts::{Tag, Tone};
use crate::platform::words::Words;

/// 进度: how far a job is. The bar is the browser's own; its words stand beside it, so that nobody has to judge a length.
#[derive(Template)]
#[template(path = "platform/web/progress.html")]
pub struct Progress {
    /// Unique on the page.
    pub id: String,
    /// What is being done.
    pub label: String,
    /// 进行中, 已暂停, 失败: words and weight.
    pub state: Tag,
    /// Done of all; `None` while nobody knows how much there is.
    pub done: Option<(u64, u64)>,
    /// `1,204 / 12,586`, what is left, why it stopped.
    pub note: String,
}

impl HtmlSafe for Progress {}

impl Progress {
    /// Done and all for the bar: never more than all, and all is never nothing.
    fn bar(&self) -> Option<(u64, u64)> {
        self.done.map(|(done, all)| (done.min(all.max(1)), all.max(1)))
    }

    /// Per cent, rounded down: a job is not finished before it is.
    fn percent(&self) -> String {
        self.bar().map(|(done, all)| format!("{}%", u128::from(done) * 100 / u128::from(all))).unwrap_or_default()
    }
}

/// 骨架: keeps the room of what is still coming, so that nothing moves when it comes.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<div class="skeleton" role="status"><span class="unseen">{{ w.loading }}</span>{% for _ in 0..lines %}<span></span>{% endfor %}</div>"#,
    ext = "html"
)]
pub struct Skeleton {
    /// Words.
    pub w: &'static Words,
    /// Lines of text it stands for.
    pub lines: usize,
}

impl HtmlSafe for Skeleton {}

/// 加载失败: a part of a page that did not come, and how to ask again; the rest of the page stays of use.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<div class="empty empty-bad" role="alert"><p class="empty-title"><span class="shape" aria-hidden="true">{{ tone.shape() }}</span>{{ wrong.title }}</p><p>{{ wrong.remedy }}</p>{% if !self.quoted().is_empty() %}<p>{{ w.incident }} <strong class="code">{{ self.quoted() }}</strong></p>{% endif %}{% if let Some(href) = again %}<p><a class="button" href="{{ href }}">{{ w.reload }}</a></p>{% endif %}</div>"#,
    ext = "html"
)]
pub struct Failed {
    /// Words.
    pub w: &'static Words,
    /// What, and what to do.
    pub wrong: Wrong,
    /// Number a person can quote; only for failures of ours.
    pub incident: Option<String>,
    /// Address to ask again.
    pub again: Option<String>,
    tone: Tone,
}

impl HtmlSafe for Failed {}

impl Failed {
    /// What did not come, and why.
    pub fn new(w: &'static Words, wrong: Wrong) -> Self {
        Self { w, wrong, incident: None, again: None, tone: Tone::Bad }
    }

    fn quoted(&self) -> &str {
        self.incident.as_deref().unwrap_or_default()
    }
}

/// 抽屉: a pane at the side for looking something up without leaving the page. Native: it traps focus, closes with Escape and gives it back.
#[derive(Template)]
#[template(path = "platform/web/drawer.html")]
pub struct Drawer {
    /// Words.
    pub w: &'static Words,
    /// Named by the button that opens it.
    pub id: String,
    /// Heading.
    pub title: String,
    /// Content.
    pub sections: Vec<Section>,
}

impl HtmlSafe for Drawer {}

/// 页码: pages around this one, the first and the last; `None` stands for those left out.
pub fn page_numbers(current: u64, last: u64) -> Vec<Option<u64>> {
    let mut shown: Vec<Option<u64>> = Vec::new();
    for page in 1..=last {
        let is_near = page + 2 >= current && page <= current.saturating_add(2);
        if page == 1 || page == last || is_near {
            shown.push(Some(page));
        } else if shown.last() != Some(&None) {
            shown.push(None);
        }
        if page > current.saturating_add(2) && page < last {
            // Nothing but the last page is shown from here on.
            shown.push(Some(last));
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_numbers_stay_few_and_always_name_both_ends() {
        let told = |current, last| {
            page_numbers(current, last)
                .into_iter()
                .map(|page| page.map_or("…".to_owned(), |page| page.to_string()))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(told(1, 1), "1");
        assert_eq!(told(1, 7), "1 2 3 … 7");
        assert_eq!(told(4, 7), "1 2 3 4 5 6 7");
        assert_eq!(told(6, 12), "1 … 4 5 6 7 8 … 12");
        assert_eq!(told(12, 12), "1 … 10 11 12");
        assert_eq!(told(1, 0), "");
        assert!(page_numbers(500, 1_000_000).len() <= 9);
    }

    #[test]
    fn a_bar_is_never_more_than_full_nor_full_too_early() {
        let at = |done| {
            Progress { id: "p".into(), label: String::new(), state: Tag::new(Tone::Active, ""), done, note: String::new() }.percent()
        };
        assert_eq!(
            (at(Some((0, 0))), at(Some((999, 1_000))), at(Some((7, 5))), at(None)),
            ("0%".into(), "99%".into(), "100%".into(), String::new())
        );
        assert_eq!(at(Some((u64::MAX, u64::MAX))), "100%");
    }
}
