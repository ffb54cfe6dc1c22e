//! 柱状图, 条形图: lengths. Columns over days, bars over names; side by side or stacked.

use askama::Template;
use askama::filters::HtmlSafe;

use super::{
    Frame, KINDS, Series, ends,
    scale::{MOST, Scale, at, figure},
};
use crate::platform::words::Words;

/// One drawn length.
struct Piece {
    kind: usize,
    /// Per cent along the scale: where it begins and how long it is.
    from: String,
    size: String,
    /// Per cent across: columns only.
    across: String,
    about: String,
}

/// A part of a sum: what is no figure, or below nothing, adds nothing, and no sum leaves the scale's reach.
fn height(value: f64) -> f64 {
    if value.is_finite() { value.clamp(0.0, MOST) } else { 0.0 }
}

fn scale(labels: &[String], series: &[Series], decimals: usize, stacked: bool) -> Scale {
    let of = |line: &Series, index: usize| line.values.get(index).copied().unwrap_or(f64::NAN);
    if stacked {
        let sums = (0..labels.len()).map(|index| series.iter().map(|line| height(of(line, index))).sum());
        Scale::over(sums, true, decimals == 0)
    } else {
        Scale::over(series.iter().flat_map(|line| line.values.iter().copied().take(labels.len())), true, decimals == 0)
    }
}

/// Where one value of a series begins and ends, in figures.
fn reach(series: &[Series], order: usize, index: usize, stacked: bool) -> Option<(f64, f64)> {
    let of = |line: &Series| line.values.get(index).copied().unwrap_or(f64::NAN);
    let value = series.get(order).map(of).filter(|value| value.is_finite())?;
    if !stacked {
        return Some((value.min(0.0), value.max(0.0)));
    }
    let below = series.iter().take(order).map(|line| height(of(line))).sum::<f64>();
    Some((below, below + height(value)))
}

/// 柱状图: columns over days.
#[derive(Template)]
#[template(path = "platform/web/chart/columns.html")]
pub struct Columns {
    frame: Frame,
    labels: Vec<String>,
    pieces: Vec<Piece>,
    width: String,
    /// Per cent from the top and words, highest first.
    ticks: Vec<(String, String)>,
}

impl HtmlSafe for Columns {}

impl Columns {
    /// `labels` along the bottom; every series has as many values. Stacked, the series are shares of one column and none is below nothing.
    #[allow(clippy::too_many_arguments, reason = "each is a word of the chart")]
    pub fn new(
        w: &'static Words,
        id: &str,
        title: impl Into<String>,
        description: impl Into<String>,
        labels: Vec<String>,
        series: Vec<Series>,
        decimals: usize,
        stacked: bool,
    ) -> Self {
        let scale = scale(&labels, &series, decimals, stacked);
        let slot = 100.0 / labels.len().max(1) as f64;
        let beside = if stacked { 1.0 } else { series.len().max(1) as f64 };
        let width = slot * 0.72 / beside;
        let mut pieces = Vec::new();
        for (index, label) in labels.iter().enumerate() {
            for (order, line) in series.iter().enumerate() {
                let Some((low, high)) = reach(&series, order, index, stacked) else { continue };
                let aside = if stacked { 0.0 } else { order as f64 * width };
                pieces.push(Piece {
                    kind: order % KINDS,
                    from: at(scale.down(high)),
                    size: at(scale.share(high) - scale.share(low)),
                    across: at(index as f64 * slot + slot * 0.14 + aside),
                    about: format!("{label} {} {}", line.name, figure(line.values.get(index).copied().unwrap_or(f64::NAN), decimals)),
                });
            }
        }
        let ticks = scale.ticks().into_iter().map(|value| (at(scale.down(value)), scale.tick(w, value))).collect();
        Self { frame: Frame::new(w, id, title, description, &labels, &series, decimals), labels, pieces, width: at(width), ticks }
    }

    fn below(&self) -> Vec<&str> {
        ends(&self.labels)
    }
}

/// 条形图: bars over names, each with its name and figure above it, so that neither is ever cut off.
#[derive(Template)]
#[template(path = "platform/web/chart/bars.html")]
pub struct Bars {
    frame: Frame,
    rows: Vec<Row>,
    /// Bars of one name, one below the other.
    deep: usize,
}

struct Row {
    name: String,
    figure: String,
    pieces: Vec<Piece>,
}

impl HtmlSafe for Bars {}

impl Bars {
    /// One bar for each of `names`, or one of each series; stacked, the series are shares of one bar and the figure is their sum.
    #[allow(clippy::too_many_arguments, reason = "each is a word of the chart")]
    pub fn new(
        w: &'static Words,
        id: &str,
        title: impl Into<String>,
        description: impl Into<String>,
        names: Vec<String>,
        series: Vec<Series>,
        decimals: usize,
        stacked: bool,
    ) -> Self {
        let scale = scale(&names, &series, decimals, stacked);
        let rows = names
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let of = |line: &Series| line.values.get(index).copied().unwrap_or(f64::NAN);
                let pieces: Vec<_> = series
                    .iter()
                    .enumerate()
                    .filter_map(|(order, line)| {
                        let (low, high) = reach(&series, order, index, stacked)?;
                        Some(Piece {
                            kind: order % KINDS,
                            from: at(scale.share(low)),
                            size: at(scale.share(high) - scale.share(low)),
                            across: if stacked { 0 } else { order }.to_string(),
                            about: format!("{name} {} {}", line.name, figure(of(line), decimals)),
                        })
                    })
                    .collect();
                let told = match series.as_slice() {
                    _ if pieces.is_empty() => f64::NAN,
                    lines if stacked => lines.iter().map(|line| height(of(line))).sum(),
                    [line, ..] => of(line),
                    [] => f64::NAN,
                };
                let figures: Vec<_> = series.iter().map(|line| figure(of(line), decimals)).collect();
                let figure = if stacked { figure(told, decimals) } else { figures.join(" · ") };
                Row { name: name.clone(), figure, pieces }
            })
            .collect();
        let deep = if stacked { 1 } else { series.len().max(1) };
        Self { frame: Frame::new(w, id, title, description, &names, &series, decimals), rows, deep }
    }
}
