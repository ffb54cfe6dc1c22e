//! 图表: inline SVG made here. Every chart has a title, a description and its figures as a table behind a switch; series differ in shape or
//! pattern as well as in colour. Words stand in rem beside the drawing, never inside a scaled one, so that large text is large and a narrow
//! screen stays readable.

mod bars;
mod heat;
mod lines;
mod scale;
mod spark;
#[cfg(test)]
mod tests;
mod tiles;

pub use bars::{Bars, Columns};
pub use heat::HeatStrip;
pub use lines::Lines;
pub use spark::{Bar, Spark};
pub use tiles::{Tile, TileMap};

use self::scale::figure;
use crate::platform::words::Words;

/// Patterns and colours there are: a chart of more series than this reads like none.
const KINDS: usize = 5;

/// One series of a chart.
#[derive(Debug, Clone)]
pub struct Series {
    /// Words.
    pub name: String,
    /// One value for each label of the chart; `NAN` where there is no figure.
    pub values: Vec<f64>,
}

/// What every chart says besides its drawing.
struct Frame {
    w: &'static Words,
    id: String,
    title: String,
    description: String,
    /// Heading of the column of labels, then of the series.
    head: Vec<String>,
    /// Label, then the figures.
    rows: Vec<(String, Vec<String>)>,
    /// Name, pattern and last figure of each series; empty where one series needs no key.
    legend: Vec<(String, usize, String)>,
}

impl Frame {
    fn new(
        w: &'static Words,
        id: &str,
        title: impl Into<String>,
        description: impl Into<String>,
        labels: &[String],
        series: &[Series],
        decimals: usize,
    ) -> Self {
        let of = |line: &Series, index: usize| line.values.get(index).copied().unwrap_or(f64::NAN);
        let rows = labels
            .iter()
            .enumerate()
            .map(|(index, label)| (label.clone(), series.iter().map(|line| figure(of(line, index), decimals)).collect()))
            .collect();
        let last = |line: &Series| labels.len().checked_sub(1).map_or_else(String::new, |index| figure(of(line, index), decimals));
        let legend = series.iter().enumerate().map(|(index, line)| (line.name.clone(), index % KINDS, last(line))).collect();
        let head = std::iter::once(w.item.to_owned()).chain(series.iter().map(|line| line.name.clone())).collect();
        Self { w, id: id.to_owned(), title: title.into(), description: description.into(), head, rows, legend }
    }

    /// Nothing to draw.
    fn is_empty(&self) -> bool {
        self.rows.is_empty() || self.rows.iter().all(|(_, figures)| figures.iter().all(|text| text == "—"))
    }
}

/// First, middle where there is one, and last label: what fits below any drawing.
fn ends(labels: &[String]) -> Vec<&str> {
    let middle = if labels.len() >= 5 && labels.len() % 2 == 1 { labels.get(labels.len() / 2) } else { None };
    let last = if labels.len() > 1 { labels.last() } else { None };
    [labels.first(), middle, last].into_iter().flatten().map(String::as_str).collect()
}
