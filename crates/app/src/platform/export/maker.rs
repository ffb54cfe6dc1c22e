//! 文件生成: a file as pieces in a row. What stands between two pieces is a few numbers, so that a file is as long as it likes in constant
//! memory, and one begun by a process that died is ended by another, byte for byte the same.

use super::{About, Format, csv, xlsx};

/// Where a file stands between two pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stand {
    /// Lines written.
    pub lines: u64,
    /// What an XLSX container must still say of itself.
    pub archive: xlsx::Archive,
}

/// Makes one file.
pub struct Maker<'a> {
    format: Format,
    about: &'a About,
    /// Where it stands.
    pub stand: Stand,
}

impl<'a> Maker<'a> {
    /// Goes on from where a file stands; a new one from the default.
    pub fn new(format: Format, about: &'a About, stand: Stand) -> Self {
        Self { format, about, stand }
    }

    /// How the file begins.
    pub fn head(&mut self) -> Vec<u8> {
        let heads: Vec<String> = self.about.heads.iter().map(|(head, _)| head.clone()).collect();
        let mut bytes = match self.format {
            Format::Xlsx => xlsx::head(&mut self.stand.archive, self.about),
            format => [csv::mark(format), csv::lines(format, &[heads])].concat(),
        };
        bytes.extend(self.mark());
        bytes
    }

    /// 水印: a line that says whose copy this is, where there is one to say.
    fn mark(&mut self) -> Vec<u8> {
        if self.about.mark.is_empty() {
            return Vec::new();
        }
        let mut line = vec![String::new(); self.about.heads.len()];
        if let Some(first) = line.first_mut() {
            first.clone_from(&self.about.mark);
        }
        self.plain(&[line])
    }

    /// More lines; each has a cell for each head. A marked file says whose it is behind them.
    pub fn lines(&mut self, lines: &[Vec<String>]) -> Vec<u8> {
        let mut bytes = self.plain(lines);
        bytes.extend(self.mark());
        bytes
    }

    fn plain(&mut self, lines: &[Vec<String>]) -> Vec<u8> {
        let first = self.stand.lines;
        self.stand.lines += lines.len() as u64;
        match self.format {
            Format::Xlsx => xlsx::lines(&mut self.stand.archive, first, lines),
            format => csv::lines(format, lines),
        }
    }

    /// How the file ends.
    pub fn tail(&mut self) -> Vec<u8> {
        match self.format {
            Format::Xlsx => xlsx::tail(&mut self.stand.archive, self.about),
            _ => Vec::new(),
        }
    }
}
