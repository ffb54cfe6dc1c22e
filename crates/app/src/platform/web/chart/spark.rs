//! 迷你图: the small drawings that stand beside a figure.

use askama::Template;
use askama::filters::HtmlSafe;

use super::scale::{Scale, at};
use crate::platform::web::parts::Tone;

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
    /// A line through the values that are figures; `None` when there are fewer than two. The words say what it is, with first and last value.
    pub fn new(label: impl Into<String>, values: &[f64]) -> Option<Self> {
        let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        if values.len() < 2 {
            return None;
        }
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let is_flat = values.iter().all(|value| *value == low);
        let scale = Scale::over(values.iter().copied(), false, false);
        let (top, bottom) = (values.iter().map(|value| scale.share(*value)).fold(0.0, f64::max), scale.share(low));
        let step = 120.0 / (values.len() - 1) as f64;
        let points = values.iter().enumerate().map(|(index, value)| {
            // A flat line belongs in the middle, not on the floor.
            let share = if is_flat { 0.5 } else { (scale.share(*value) - bottom) / (top - bottom).max(1e-9) };
            format!("{},{}", at(index as f64 * step), at(25.0 - share * 22.0))
        });
        Some(Self { label: label.into(), points: points.collect::<Vec<_>>().join(" ") })
    }
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

    /// `share` outside 0..=1 is drawn as the nearest end, no figure as nothing.
    pub fn new(text: impl Into<String>, share: f64, tone: Tone) -> Self {
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        Self { text: text.into(), width: at(share * 100.0), class: tone.class() }
    }
}
