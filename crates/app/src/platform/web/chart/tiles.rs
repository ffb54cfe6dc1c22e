//! 地市方格图: one tile a city, placed roughly as on the map. Tiles are alike in size, so that a small city is seen as well as a large one.

use askama::Template;
use askama::filters::HtmlSafe;

use super::{
    Frame, Series,
    heat::level,
    scale::{Scale, at, figure},
};
use crate::platform::words::Words;

/// Size of a tile in em, and the gap between two.
const WIDTH: f64 = 6.6;
const HEIGHT: f64 = 4.4;
const GAP: f64 = 0.3;

/// One city of a [`TileMap`].
#[derive(Debug, Clone)]
pub struct Tile {
    /// Column from 0, west to east.
    pub column: u8,
    /// Row from 0, north to south.
    pub row: u8,
    /// 演示一市
    pub name: String,
    /// The figure; `NAN` where there is none.
    pub value: f64,
    /// The list behind it, or nothing.
    pub href: String,
}

/// 地市方格图. A tile's shade and the bar at its foot say the same.
#[derive(Template)]
#[template(path = "platform/web/chart/tiles.html")]
pub struct TileMap {
    frame: Frame,
    tiles: Vec<Drawn>,
    width: String,
    height: String,
    /// Least and most.
    ends: (String, String),
}

struct Drawn {
    x: String,
    y: String,
    level: usize,
    /// Per cent of the tile's width.
    share: String,
    lines: Vec<String>,
    figure: String,
    href: String,
    /// As it is read out: the words that are seen.
    said: String,
}

impl HtmlSafe for TileMap {}

impl TileMap {
    /// `figure_name` heads the figures in the table. Shades spread from the least figure to the most.
    pub fn new(
        w: &'static Words,
        id: &str,
        title: impl Into<String>,
        description: impl Into<String>,
        figure_name: impl Into<String>,
        tiles: Vec<Tile>,
        decimals: usize,
    ) -> Self {
        let all = || tiles.iter().map(|tile| tile.value).filter(|value| value.is_finite());
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let scale = Scale::over(all(), false, false);
        let (from, to) = (scale.share(low), scale.share(high));
        let spread = |value: f64| if to > from { (scale.share(value) - from) / (to - from) * 100.0 } else { 50.0 };
        let drawn: Vec<_> = tiles
            .iter()
            .map(|tile| (tile, wrapped(&tile.name)))
            .map(|(tile, lines)| Drawn {
                x: at(f64::from(tile.column) * (WIDTH + GAP)),
                y: at(f64::from(tile.row) * (HEIGHT + GAP)),
                level: if tile.value.is_finite() { level(spread(tile.value)) } else { 0 },
                share: at(if tile.value.is_finite() { spread(tile.value).clamp(2.0, 100.0) * WIDTH / 100.0 } else { 0.0 }),
                said: format!("{} {}", lines.join(" "), figure(tile.value, decimals)),
                lines,
                figure: figure(tile.value, decimals),
                href: tile.href.clone(),
            })
            .collect();
        let right = tiles.iter().map(|tile| tile.column).max().map_or(0.0, |column| f64::from(column) + 1.0);
        let bottom = tiles.iter().map(|tile| tile.row).max().map_or(0.0, |row| f64::from(row) + 1.0);
        let labels: Vec<_> = tiles.iter().map(|tile| tile.name.clone()).collect();
        let series = [Series { name: figure_name.into(), values: tiles.iter().map(|tile| tile.value).collect() }];
        let mut frame = Frame::new(w, id, title, description, &labels, &series, decimals);
        frame.legend.clear();
        Self {
            frame,
            tiles: drawn,
            width: at((right * (WIDTH + GAP) - GAP).max(0.0)),
            height: at((bottom * (HEIGHT + GAP) - GAP).max(0.0)),
            ends: (figure(low, decimals), figure(high, decimals)),
        }
    }
}

/// A name in at most two lines that fit a tile; what does not fit ends in `…` and stands whole in the table.
fn wrapped(name: &str) -> Vec<String> {
    let wide = |text: &str| text.chars().map(|letter| if letter.is_ascii() { 0.56 } else { 1.0 }).sum::<f64>() * 0.93;
    let room = WIDTH - 0.9;
    let mut lines = vec![String::new()];
    let words: Vec<&str> =
        if name.contains(' ') { name.split_inclusive(' ').collect() } else { name.split_inclusive(|_: char| true).collect() };
    for word in words {
        let full = lines.last().is_some_and(|line| !line.is_empty() && wide(line) + wide(word.trim_end()) > room);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    }
    let cut = lines.len() > 2;
    lines.truncate(2);
    for (index, line) in lines.iter_mut().enumerate() {
        *line = line.trim_end().to_owned();
        let ends = cut && index == 1;
        if ends || wide(line) > room {
            while !line.is_empty() && wide(line) + 1.0 > room {
                line.pop();
            }
            line.push('…');
        }
    }
    lines
}
