//! 折线图: series over days.

use askama::Template;
use askama::filters::HtmlSafe;

use super::{
    Frame, KINDS, Series, ends,
    scale::{Scale, at, figure},
};
use crate::platform::words::Words;

/// Points that are all marked; beyond this only the last one is.
const MARKED: usize = 16;

/// 折线图 with its figures as a table behind a switch.
#[derive(Template)]
#[template(path = "platform/web/chart/lines.html")]
pub struct Lines {
    frame: Frame,
    labels: Vec<String>,
    lines: Vec<Line>,
    /// Per cent from the top and words, highest first.
    ticks: Vec<(String, String)>,
}

struct Line {
    kind: usize,
    /// Points of each unbroken stretch.
    stretches: Vec<String>,
    marks: Vec<Mark>,
}

struct Mark {
    x: String,
    y: String,
    about: String,
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
        let scale = Scale::over(series.iter().flat_map(|line| line.values.iter().copied()), false, decimals == 0);
        let across = |index: usize| match labels.len() {
            0 | 1 => 50.0,
            count => index as f64 * 100.0 / (count - 1) as f64,
        };
        let lines = series
            .iter()
            .enumerate()
            .map(|(order, line)| {
                let points: Vec<(usize, f64)> = line.values.iter().copied().take(labels.len()).enumerate().collect();
                let stretches = points
                    .split(|(_, value)| !value.is_finite())
                    .filter(|stretch| stretch.len() > 1)
                    .map(|stretch| {
                        let drawn = stretch.iter().map(|(index, value)| format!("{},{}", at(across(*index)), at(scale.down(*value))));
                        drawn.collect::<Vec<_>>().join(" ")
                    })
                    .collect();
                let last = points.iter().rposition(|(_, value)| value.is_finite());
                let is_alone = |index: usize| {
                    let figure =
                        |index: Option<usize>| index.and_then(|index| points.get(index)).is_some_and(|(_, value)| value.is_finite());
                    !figure(index.checked_sub(1)) && !figure(index.checked_add(1))
                };
                let marks = points
                    .iter()
                    .filter(|(_, value)| value.is_finite())
                    .filter(|(index, _)| labels.len() <= MARKED || Some(*index) == last || is_alone(*index))
                    .map(|(index, value)| Mark {
                        x: at(across(*index)),
                        y: at(scale.down(*value)),
                        about: format!("{} {} {}", labels.get(*index).map_or("", String::as_str), line.name, figure(*value, decimals)),
                    })
                    .collect();
                Line { kind: order % KINDS, stretches, marks }
            })
            .collect();
        let ticks = scale.ticks().into_iter().map(|value| (at(scale.down(value)), scale.tick(w, value))).collect();
        Self { frame: Frame::new(w, id, title, description, &labels, &series, decimals), labels, lines, ticks }
    }

    fn below(&self) -> Vec<&str> {
        ends(&self.labels)
    }
}
