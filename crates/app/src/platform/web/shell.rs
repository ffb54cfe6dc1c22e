//! 外框: menu, top bar, language, text size and the one message after a form, the same on every page.

use axum::http::{HeaderMap, Uri, header};
use chuangsha_kernel::problem::Language;

use super::assets;
use super::parts::{Icon, Toast};
use super::table::Address;
use crate::platform::{people::extract::cookie, words::Words};

/// Cookie with the chosen language.
pub const LANGUAGE_COOKIE: &str = "lang";
/// Cookie with the chosen text size.
pub const TEXT_COOKIE: &str = "text";
/// Cookie with the chosen theme.
pub const THEME_COOKIE: &str = "theme";

/// 外观: which of the two themes a person looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the device is set.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// In the order of the switch.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// As the cookie, the address and the style sheet call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == name)
    }

    /// What the browser's own parts (scroll bars, date pickers) follow.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Auto => "light dark",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// One choice of the theme switch.
#[derive(Debug, Clone)]
pub struct ThemeChoice {
    /// Words.
    pub label: &'static str,
    /// Drawing.
    pub icon: Icon,
    /// Address.
    pub href: String,
    /// Chosen now.
    pub current: bool,
}

/// 当前用户, as the top bar names them.
#[derive(Debug, Clone)]
pub struct User {
    /// 姓名
    pub name: String,
    /// 工号
    pub number: String,
    /// Role and organisation, in the language of the page.
    pub role: String,
}

/// One line of the side menu; only what the role may open is in it.
#[derive(Debug, Clone)]
pub struct MenuItem {
    /// Address.
    pub href: &'static str,
    /// Words.
    pub label: &'static str,
    /// Drawing.
    pub icon: Icon,
    /// This page or one below it.
    pub current: bool,
    /// How many wait there.
    pub count: Option<u64>,
}

/// What every page needs besides its own content.
#[derive(Debug, Clone)]
pub struct Shell {
    /// Language of the page.
    pub language: Language,
    /// Words of that language.
    pub w: &'static Words,
    /// 大字
    pub large: bool,
    /// 外观
    pub theme: Theme,
    /// Path and query of this page, where the language switch comes back to.
    pub here: String,
    /// `None` before login.
    pub user: Option<User>,
    /// Side menu.
    pub menu: Vec<MenuItem>,
    /// Said once.
    pub toast: Option<Toast>,
    /// 水印: name, number and minute, over every page that somebody signed in sees; `None` on public pages.
    pub mark: Option<String>,
}

impl Shell {
    /// For a visitor nobody knows yet.
    pub fn anonymous(headers: &HeaderMap, uri: &Uri) -> Self {
        let language = language_of(headers);
        Self {
            language,
            w: Words::of(language),
            large: cookie(headers, TEXT_COOKIE) == Some("large"),
            theme: cookie(headers, THEME_COOKIE).and_then(Theme::named).unwrap_or_default(),
            here: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            user: None,
            menu: Vec::new(),
            toast: None,
            mark: None,
        }
    }

    /// For a page that shows nothing of anybody.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.mark = None;
        self
    }

    /// `zh-CN` or `en`
    pub fn lang(&self) -> &'static str {
        match self.language {
            Language::Chinese => "zh-CN",
            Language::English => "en",
        }
    }

    /// Address of an embedded file.
    pub fn asset(&self, name: &str) -> &'static str {
        assets::address(name)
    }

    fn switch_language(&self) -> (&'static str, String, &'static str) {
        match self.language {
            Language::Chinese => ("English", Address::new("/language/en", [("back", self.here.as_str())]).to_string(), "en"),
            Language::English => ("简体中文", Address::new("/language/zh-CN", [("back", self.here.as_str())]).to_string(), "zh-CN"),
        }
    }

    /// Words of the language switch: the other language, named in itself.
    pub fn language_label(&self) -> &'static str {
        self.switch_language().0
    }

    /// Address of the language switch.
    pub fn language_href(&self) -> String {
        self.switch_language().1
    }

    /// `lang` of the switch's words.
    pub fn language_lang(&self) -> &'static str {
        self.switch_language().2
    }

    /// Address of the text size switch.
    pub fn text_href(&self) -> String {
        Address::new(if self.large { "/text/normal" } else { "/text/large" }, [("back", self.here.as_str())]).to_string()
    }

    /// The three choices of the theme switch.
    pub fn themes(&self) -> Vec<ThemeChoice> {
        Theme::ALL
            .into_iter()
            .map(|theme| ThemeChoice {
                label: match theme {
                    Theme::Auto => self.w.theme_auto,
                    Theme::Light => self.w.theme_light,
                    Theme::Dark => self.w.theme_dark,
                },
                icon: Icon(theme.as_str()),
                href: Address::new(&format!("/theme/{}", theme.as_str()), [("back", self.here.as_str())]).to_string(),
                current: theme == self.theme,
            })
            .collect()
    }

    /// Puts one value into words with a `{}`.
    pub fn say(&self, text: &str, value: impl std::fmt::Display) -> String {
        crate::platform::words::fill(text, value)
    }
}

/// The chosen language, else the first the browser asks for that there is, else Chinese.
pub fn language_of(headers: &HeaderMap) -> Language {
    match cookie(headers, LANGUAGE_COOKIE) {
        Some("en") => return Language::English,
        Some("zh-CN") => return Language::Chinese,
        _ => {}
    }
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut best: Option<(f32, Language)> = None;
    for part in accepted.split(',') {
        let (tag, quality) =
            part.trim().split_once(";q=").map_or((part.trim(), 1.0), |(tag, q)| (tag.trim(), q.trim().parse().unwrap_or(0.0)));
        let primary = tag.split('-').next().unwrap_or_default();
        let language = if primary.eq_ignore_ascii_case("zh") {
            Language::Chinese
        } else if primary.eq_ignore_ascii_case("en") {
            Language::English
        } else {
            continue;
        };
        // Equal weights: the earlier one, as browsers list them.
        if quality > 0.0 && best.is_none_or(|(top, _)| quality > top) {
            best = Some((quality, language));
        }
    }
    best.map_or(Language::Chinese, |(_, language)| language)
}
