//! 热力条: how much, hour by hour or day by day, one strip for each series.

use askama::Template;
use askama::filters::HtmlSafe;

use super::{
    Frame, Series, ends,
    scale::{Scale, at, figure},
};
use crate::platform::words::Words;

/// 热力条. A cell's shade and the height of the line in it say the same, so that neither colour nor its absence is needed.
#[derive(Template)]
#[template(path = "platform/web/chart/heat.html")]
pub struct HeatStrip {
    frame: Frame,
    labels: Vec<String>,
    strips: Vec<(String, Vec<Cell>)>,
    width: String,
    /// Least and most.
    ends: (String, String),
}

struct Cell {
    x: String,
    level: usize,
    /// Per cent from the top.
    y: String,
    about: String,
}

impl HtmlSafe for HeatStrip {}

impl HeatStrip {
    /// `labels` along the strips, in order; every series is one strip with as many values. Nothing is drawn where there is no figure.
    pub fn new(
        w: &'static Words,
        id: &str,
        title: impl Into<String>,
        description: impl Into<String>,
        labels: Vec<String>,
        series: Vec<Series>,
        decimals: usize,
    ) -> Self {
        let all = || series.iter().flat_map(|line| line.values.iter().copied().take(labels.len())).filter(|value| value.is_finite());
        let scale = Scale::over(all(), true, decimals == 0);
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let slot = 100.0 / labels.len().max(1) as f64;
        let strips = series
            .iter()
            .map(|line| {
                let cells = line.values.iter().copied().take(labels.len()).enumerate().filter(|(_, value)| value.is_finite());
                let cells = cells.map(|(index, value)| Cell {
                    x: at(index as f64 * slot),
                    level: level(scale.share(value)),
                    y: at(scale.down(value).clamp(4.0, 94.0)),
                    about: format!("{} {} {}", labels.get(index).map_or("", String::as_str), line.name, figure(value, decimals)),
                });
                (line.name.clone(), cells.collect())
            })
            .collect();
        let mut frame = Frame::new(w, id, title, description, &labels, &series, decimals);
        // Strips carry their names; the key is the shades.
        frame.legend.clear();
        Self { frame, labels, strips, width: at(slot), ends: (figure(low, decimals), figure(high, decimals)) }
    }

    fn below(&self) -> Vec<&str> {
        ends(&self.labels)
    }
}

/// One of five shades.
pub(super) fn level(share: f64) -> usize {
    ((share / 20.0) as usize).min(4)
}
