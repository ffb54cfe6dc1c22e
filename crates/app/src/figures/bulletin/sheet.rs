//! 通报工作表: the XLSX of a bulletin, by the writer every file of the console comes from. Same bulletin, same language, same bytes.

use chuangsha_kernel::{problem::Language, rulebook::ChannelKind};

use super::{Bulletin, BulletinFigures};
use crate::{
    App,
    platform::{
        export::{About, xlsx},
        words::Words,
    },
    registration::page::{channel_words, moment, region_name},
};

/// A count as it is published; a hidden one says below what.
pub fn count(value: Option<i64>, small: i64) -> String {
    value.map_or_else(|| format!("<{small}"), |value| value.to_string())
}

/// `962` → `96.2`
pub fn per_cent(rate: Option<i64>) -> String {
    rate.map_or_else(|| "—".to_owned(), |rate| format!("{}.{}", rate / 10, rate % 10))
}

/// Heads of the figures, in the order of [`cells`].
pub fn heads(w: &'static Words) -> [&'static str; 9] {
    [
        w.bulletin_base,
        w.bulletin_real_name,
        w.bulletin_rate,
        w.bulletin_new,
        w.bulletin_remediated,
        w.bulletin_stopped,
        w.bulletin_restored,
        w.bulletin_complaints,
        w.warning_list,
    ]
}

/// The figures of one place as text. A stock that is hidden is hidden whole: its bound is its rounding.
pub fn cells(one: &BulletinFigures, small: i64, stock: i64) -> [String; 9] {
    [
        count(one.base, stock),
        count(one.real_name, stock),
        per_cent(one.rate),
        count(one.new_customers, small),
        count(one.remediated, small),
        count(one.stopped, small),
        count(one.restored, small),
        count(one.complaints, small),
        one.warnings.to_string(),
    ]
}

/// Title: `通报 日报 2026-11-21`.
pub fn title(w: &'static Words, language: Language, one: &Bulletin) -> String {
    let (zh, en) = one.content.kind.words();
    let kind = if language == Language::Chinese { zh } else { en };
    match one.content.from == one.content.until {
        true => format!("{kind} {}", one.content.until),
        false => format!("{kind} {} {} {}", one.content.from, w.until, one.content.until),
    }
}

/// The file.
pub fn xlsx(app: &App, w: &'static Words, language: Language, one: &Bulletin) -> Vec<u8> {
    let content = &one.content;
    let mut heads_of: Vec<(String, u16)> = vec![(w.region.to_owned(), 16), (w.channel.to_owned(), 14), (w.rank.to_owned(), 8)];
    heads_of.extend(heads(w).iter().map(|head| ((*head).to_owned(), 12)));
    let about = About {
        title: title(w, language, one),
        sheet: w.export_sheet.to_owned(),
        facts: vec![
            (w.bulletin.to_owned(), title(w, language, one)),
            (w.bulletin_made.to_owned(), format!("{} (UTC+8)", moment(&content.made_at))),
            (w.bulletin_digest.to_owned(), one.digest.clone()),
            (w.bulletin_control.to_owned(), control(w, content.small, content.round, content.round_stock)),
            (w.audit_checkpoint.to_owned(), content.checkpoint.clone().unwrap_or_else(|| "—".to_owned())),
        ],
        heads: heads_of,
        mark: String::new(),
    };
    let mut lines = Vec::new();
    let mut line = |region: String, channel: String, rank: Option<i64>, figures: &BulletinFigures| {
        let mut cells_of = vec![region, channel, rank.map_or_else(|| "—".to_owned(), |rank| rank.to_string())];
        cells_of.extend(cells(figures, content.small, content.round_stock));
        lines.push(cells_of);
    };
    let channel = |kind: &str| ChannelKind::parse(kind).map_or(w.bulletin_no_channel, |kind| channel_words(w, kind)).to_owned();
    line(w.total.to_owned(), w.total.to_owned(), None, &content.all);
    for (kind, figures) in &content.channels {
        line(w.total.to_owned(), channel(kind), None, figures);
    }
    for row in &content.rows {
        let name = region_name(app, language, &row.region);
        line(name.clone(), w.total.to_owned(), row.rank, &row.all);
        for (kind, figures) in &row.channels {
            line(name.clone(), channel(kind), None, figures);
        }
    }
    let mut archive = xlsx::Archive::default();
    let mut bytes = xlsx::head(&mut archive, &about);
    bytes.extend(xlsx::lines(&mut archive, 0, &lines));
    bytes.extend(xlsx::tail(&mut archive, &about));
    bytes
}

/// How counts were published, in one sentence.
pub fn control(w: &'static Words, small: i64, round: i64, stock: i64) -> String {
    [small, round, stock].iter().fold(w.bulletin_control_lead.to_owned(), |text, value| text.replacen("{}", &value.to_string(), 1))
}
