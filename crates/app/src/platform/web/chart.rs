//! 图表: inline SVG made here. Every chart has a title and the figures themselves: as text for screen readers, or as a table.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::platform::words::Words;

/// 迷你图: days in a line, without axes; the figure it belongs to says the rest.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<svg class="spark" viewBox="0 0 120 28" width="120" height="28" role="img" aria-label="{{ label }}" preserveAspectRatio="none"><polygon class="spark-area" points="0,28 {{ points }} 120,28"/><polyline class="spark-line" points="{{ points }}"/></svg>"#,
    ext = "html"
)]
pub struct Spark {
    label: String,
    points: String,
}

impl HtmlSafe for Spark {}

impl Spark {
    /// A line through the values; `None` when there are fewer than two. The words say what it is, with first and last value.
    pub fn new(label: impl Into<String>, values: &[f64]) -> Option<Self> {
        if values.len() < 2 {
            return None;
        }
        Some(Self { label: label.into(), points: points(values, 120.0, 28.0, 3.0) })
    }
}

/// Evenly spaced points of a polyline, top is the highest value.
fn points(values: &[f64], width: f64, height: f64, margin: f64) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // A flat line belongs in the middle, not on the floor.
    let is_flat = high <= low;
    let span = if is_flat { 1.0 } else { high - low };
    let flat = if is_flat { 0.5 } else { 0.0 };
    let step = width / (values.len().saturating_sub(1).max(1)) as f64;
    let mut text = String::new();
    for (index, value) in values.iter().enumerate() {
        let x = index as f64 * step;
        let y = height - margin - ((value - low) / span + flat) * (height - 2.0 * margin);
        if index > 0 {
            text.push(' ');
        }
        text.push_str(&format!("{x:.1},{y:.1}"));
    }
    text
}

/// A bar in a table cell, 0 to 1, with its words.
#[derive(Debug, Clone, Template)]
#[template(
    source = r#"<span class="bar-cell"><span class="bar-text">{{ text }}</span><svg class="bar" viewBox="0 0 100 8" width="100" height="8" preserveAspectRatio="none" aria-hidden="true" focusable="false"><rect class="bar-back" width="100" height="8"/><rect class="bar-fill bar-{{ class }}" width="{{ width }}" height="8"/></svg></span>"#,
    ext = "html"
)]
pub struct Bar {
    text: String,
    width: String,
    class: &'static str,
}

impl HtmlSafe for Bar {}

impl Bar {
    /// The figure beside the bar.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `share` outside 0..=1 is drawn as the nearest end.
    pub fn new(text: impl Into<String>, share: f64, tone: super::parts::Tone) -> Self {
        Self { text: text.into(), width: format!("{:.1}", share.clamp(0.0, 1.0) * 100.0), class: tone.class() }
    }
}

/// One line of a [`Lines`] chart.
#[derive(Debug, Clone)]
pub struct Series {
    /// Words.
    pub name: String,
    /// One value for each label of the chart.
    pub values: Vec<f64>,
}

/// 折线图 with its figures as a table behind a switch.
#[derive(Template)]
#[template(path = "platform/web/lines.html")]
pub struct Lines {
    w: &'static Words,
    id: String,
    title: String,
    description: String,
    labels: Vec<String>,
    series: Vec<Drawn>,
    ticks: Vec<(String, String)>,
}

struct Drawn {
    name: String,
    points: String,
    values: Vec<String>,
    last: String,
}

impl HtmlSafe for Lines {}

impl Lines {
    /// `labels` along the bottom; every series has as many values. `decimals` for the figures.
    pub fn new(
        w: &'static Words,
        id: &str,
        title: impl Into<String>,
        description: impl Into<String>,
        labels: Vec<String>,
        series: Vec<Series>,
        decimals: usize,
    ) -> Self {
        let all = || series.iter().flat_map(|line| line.values.iter().copied());
        let low = all().fold(f64::INFINITY, f64::min);
        let high = all().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low.is_finite() { (low, if high - low < 1e-9 { low + 1.0 } else { high }) } else { (0.0, 1.0) };
        // Whole numbers need room for four different ones on the axis.
        let high = if decimals == 0 { high.max(low + 3.0) } else { high };
        let margin = if decimals == 0 && high - low < 10.0 { 0.0 } else { (high - low) * 0.1 };
        let (low, high) = ((low - margin).max(0.0), high + margin);
        let y = |value: f64| 150.0 - (value - low) / (high - low) * 140.0;
        let x = |index: usize| 40.0 + index as f64 * 550.0 / (labels.len().saturating_sub(1).max(1)) as f64;
        let drawn = series
            .iter()
            .map(|line| Drawn {
                name: line.name.clone(),
                points: line
                    .values
                    .iter()
                    .enumerate()
                    .map(|(index, value)| format!("{:.1},{:.1}", x(index), y(*value)))
                    .collect::<Vec<_>>()
                    .join(" "),
                values: line.values.iter().map(|value| format!("{value:.decimals$}")).collect(),
                last: line.values.last().map(|value| format!("{value:.decimals$}")).unwrap_or_default(),
            })
            .collect();
        let ticks = (0..=3)
            .map(|step| {
                let value = low + (high - low) * f64::from(step) / 3.0;
                (format!("{:.1}", y(value)), format!("{value:.decimals$}"))
            })
            .collect();
        Self { w, id: id.to_owned(), title: title.into(), description: description.into(), labels, series: drawn, ticks }
    }

    fn first_label(&self) -> &str {
        self.labels.first().map_or("", String::as_str)
    }

    fn last_label(&self) -> &str {
        self.labels.last().map_or("", String::as_str)
    }

    fn rows(&self) -> Vec<(&str, Vec<&str>)> {
        self.labels
            .iter()
            .enumerate()
            .map(|(index, label)| {
                (label.as_str(), self.series.iter().map(|line| line.values.get(index).map_or("", String::as_str)).collect())
            })
            .collect()
    }
}
