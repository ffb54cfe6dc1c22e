//! 读取: rows out of a file as they come, never the whole of it: CSV in UTF-8, UTF-16 or GB 18030, XLSX, Parquet. What a file is shows in its
//! content, not in its name.

use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor, Read, Seek, SeekFrom},
    path::PathBuf,
};

use bytes::Bytes;
use calamine::{DataRef, Reader as _, Xlsx};
use chuangsha_kernel::problem::Problem;
use csv::StringRecord;
use encoding_rs::{Decoder, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use ring::digest::{Context, SHA256};

use super::code;
use crate::platform::failure::{Failure, Result};

/// Bytes of one row: more is no row, and is not kept.
const ROW_MOST: usize = 64 * 1024;
/// Bytes read at a time.
const BLOCK: usize = 256 * 1024;

/// 文件格式
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text, one row a line.
    Csv(&'static Encoding),
    /// Workbook.
    Xlsx,
    /// Columns.
    Parquet,
}

impl Format {
    /// Name for a report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv(encoding) if encoding == GB18030 => "csv (GB18030)",
            Self::Csv(encoding) if encoding == UTF_8 => "csv (UTF-8)",
            Self::Csv(_) => "csv (UTF-16)",
            Self::Xlsx => "xlsx",
            Self::Parquet => "parquet",
        }
    }
}

/// 文件: what it is, looked through once before anything is taken from it.
#[derive(Debug, Clone)]
pub struct Looked {
    /// Format.
    pub format: Format,
    /// SHA-256 of its bytes: the same file is the same import, whatever it is called.
    pub hash: [u8; 32],
    /// Bytes.
    pub bytes: u64,
}

/// 来源: a file on this machine, or one that was sent and is held open in memory, never on a disk in clear.
#[derive(Debug, Clone)]
pub enum Source {
    /// On this machine.
    Path(PathBuf),
    /// Sent.
    Bytes(Bytes),
}

enum Opened {
    File(File),
    Bytes(Cursor<Bytes>),
}

impl Source {
    fn open(&self) -> Result<Opened> {
        Ok(match self {
            Self::Path(path) => Opened::File(File::open(path).map_err(unreadable)?),
            Self::Bytes(bytes) => Opened::Bytes(Cursor::new(bytes.clone())),
        })
    }
}

impl Read for Opened {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read(out),
            Self::Bytes(bytes) => bytes.read(out),
        }
    }
}

impl Seek for Opened {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Bytes(bytes) => bytes.seek(to),
        }
    }
}

/// The system gave no more of it. What it says is in one language: its kind goes to the log.
fn unreadable(error: std::io::Error) -> Failure {
    tracing::info!(kind = ?error.kind(), "a file of the base cannot be read");
    Problem::new(&code::FILE).into()
}

/// What begins as a workbook or as columns and cannot be read as one. The words are ours: a library's are in one language and may quote what
/// is in the file.
fn broken(source: &Source, format: Format) -> Failure {
    match ends(source, format) {
        Ok(false) => Problem::new(&code::CUT_SHORT).with("format", if format == Format::Xlsx { "XLSX" } else { "Parquet" }).into(),
        Ok(true) => Problem::new(if format == Format::Xlsx { &code::XLSX_BROKEN } else { &code::PARQUET_BROKEN }).into(),
        Err(failure) => failure,
    }
}

/// Whether a file ends as its format does: a workbook with the directory of its archive, columns with the mark they began with.
fn ends(source: &Source, format: Format) -> Result<bool> {
    // The last record of an archive's directory, and the longest comment behind it.
    const TAIL: u64 = 22 + 65_535;
    let mut file = source.open()?;
    let length = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).map_err(unreadable)?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).map_err(unreadable)?;
    Ok(match format {
        Format::Csv(_) => true,
        Format::Xlsx => tail.windows(4).any(|four| four == b"PK\x05\x06"),
        Format::Parquet => length >= 12 && (tail.ends_with(b"PAR1") || tail.ends_with(b"PARE")),
    })
}

/// Reads the file once: its hash, and whether its text is UTF-8: by its heading, or from the first byte to the last where that is plain ASCII.
///
/// # Errors
/// `import.file`: it cannot be opened or read. `import.workbook_old`
pub fn look(source: &Source) -> Result<Looked> {
    let mut file = source.open()?;
    let mut hash = Context::new(&SHA256);
    // The heading, or as much of it as a row may be long.
    let mut head = Vec::new();
    let mut heading = true;
    let (mut bytes, mut utf8) = (0_u64, Some(Vec::<u8>::new()));
    let mut block = vec![0_u8; BLOCK];
    loop {
        let count = match file.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        let part = block.get(..count).unwrap_or_default();
        hash.update(part);
        bytes += count as u64;
        if heading {
            let end = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
            head.extend(part.iter().take(end.min(ROW_MOST - head.len())));
            heading = end == part.len() && head.len() < ROW_MOST;
        }
        utf8 = utf8.and_then(|rest| continues(rest, part));
    }
    let mut digest = [0_u8; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    // A heading in Chinese decides: then a byte that is none spoils its own row and not the whole file.
    let decides = head.len() < ROW_MOST && !head.is_ascii();
    let format = match head.as_slice() {
        [b'P', b'A', b'R', b'1', ..] => Format::Parquet,
        [b'P', b'K', 3, 4, ..] => Format::Xlsx,
        [0xd0, 0xcf, 0x11, 0xe0, ..] => return Err(Problem::new(&code::WORKBOOK_OLD).into()),
        [0xff, 0xfe, ..] => Format::Csv(UTF_16LE),
        [0xfe, 0xff, ..] => Format::Csv(UTF_16BE),
        head if decides && std::str::from_utf8(head).is_ok() => Format::Csv(UTF_8),
        _ if !decides && utf8.is_some_and(|rest| rest.is_empty()) => Format::Csv(UTF_8),
        _ => Format::Csv(GB18030),
    };
    Ok(Looked { format, hash: digest, bytes })
}

/// Whether text goes on as UTF-8: what is left of a character at the end of the part, or nothing when it is none.
fn continues(mut rest: Vec<u8>, part: &[u8]) -> Option<Vec<u8>> {
    let mut part = part;
    while !rest.is_empty() {
        let (first, others) = part.split_first()?;
        rest.push(*first);
        part = others;
        match std::str::from_utf8(&rest) {
            Ok(_) => rest.clear(),
            Err(error) if error.error_len().is_none() && rest.len() < 4 => {}
            Err(_) => return None,
        }
    }
    match std::str::from_utf8(part) {
        Ok(_) => Some(Vec::new()),
        Err(error) if error.error_len().is_none() => Some(part.get(error.valid_up_to()..).unwrap_or_default().to_vec()),
        Err(_) => None,
    }
}

/// 一行: its cells, or why they could not be had.
pub type Cells = std::result::Result<StringRecord, &'static chuangsha_kernel::problem::Code>;

/// Where a reader hands over what it finds: row number (the heading being 1), cells, and how far in the file it is. `false`: no more is wanted.
pub type Take<'a> = dyn FnMut(u64, Cells, u64) -> bool + 'a;

/// How the rows of a file are to be read.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// Byte between the fields of a CSV file.
    pub delimiter: Option<u8>,
    /// Sheet of a workbook.
    pub sheet: Option<String>,
}

/// Reads a file from its heading (row 1) to its end. How far it is counts bytes of a CSV file, rows otherwise.
///
/// # Errors
/// `import.file`, `import.cut_short`, `import.xlsx_broken`, `import.sheet_missing`, `import.parquet_absent`, `import.parquet_broken`,
/// `import.parquet_compression`
pub fn rows(source: &Source, format: Format, how: &How, take: &mut Take<'_>) -> Result<()> {
    match format {
        Format::Csv(encoding) => lines(source, encoding, how.delimiter, take),
        Format::Xlsx => sheet(source, how.sheet.as_deref(), take),
        Format::Parquet => columns(source, take),
    }
}

fn lines(source: &Source, encoding: &'static Encoding, delimiter: Option<u8>, take: &mut Take<'_>) -> Result<()> {
    let file = source.open()?;
    if encoding == UTF_8 {
        return split(BufReader::with_capacity(BLOCK, file), delimiter, take);
    }
    let decoded =
        Decoded { inner: BufReader::with_capacity(BLOCK, file), decoder: encoding.new_decoder(), text: Vec::new(), from: 0, ended: false };
    split(BufReader::with_capacity(BLOCK, decoded), delimiter, take)
}

/// Text of another encoding, read as UTF-8; what has no meaning in it comes as U+FFFD.
struct Decoded<R> {
    inner: R,
    decoder: Decoder,
    text: Vec<u8>,
    from: usize,
    ended: bool,
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.from == self.text.len() && !self.ended {
            let part = self.inner.fill_buf()?;
            self.ended = part.is_empty();
            let room = self.decoder.max_utf8_buffer_length(part.len()).unwrap_or(BLOCK * 4);
            self.text.resize(room, 0);
            let (_, read, written, _) = self.decoder.decode_to_utf8(part, &mut self.text, self.ended);
            self.text.truncate(written);
            self.from = 0;
            self.inner.consume(read);
        }
        let rest = self.text.get(self.from..).unwrap_or_default();
        let count = rest.len().min(out.len());
        if let (Some(out), Some(rest)) = (out.get_mut(..count), rest.get(..count)) {
            out.copy_from_slice(rest);
        }
        self.from += count;
        Ok(count)
    }
}

/// One row a line: a quote that is never closed spoils its own row and not the rest of the file.
fn split(mut text: impl BufRead, delimiter: Option<u8>, take: &mut Take<'_>) -> Result<()> {
    let (mut line, mut row, mut position, mut between) = (Vec::new(), 0_u64, 0_u64, delimiter);
    loop {
        line.clear();
        let (read, whole) = bounded_line(&mut text, &mut line).map_err(unreadable)?;
        if read == 0 {
            return Ok(());
        }
        row += 1;
        position += read;
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        if row == 1 && line.starts_with(&[0xef, 0xbb, 0xbf]) {
            line.drain(..3);
        }
        if whole && line.iter().all(u8::is_ascii_whitespace) && row > 1 {
            continue;
        }
        let between = *between.get_or_insert_with(|| guess(&line));
        let cells = if whole { cells(&line, between) } else { Err(&code::ROW_LONG) };
        if !take(row, cells, position) {
            return Ok(());
        }
    }
}

/// A line with its end, up to the bound; behind it bytes are passed over to the line's end. How many were read, and whether all were kept.
fn bounded_line(text: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<(u64, bool)> {
    let (mut read, mut whole) = (0_u64, true);
    loop {
        let part = match text.fill_buf() {
            Ok(part) => part,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if part.is_empty() {
            return Ok((read, whole));
        }
        let end = part.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let count = end.unwrap_or(part.len());
        if line.len() + count <= ROW_MOST {
            line.extend_from_slice(part.get(..count).unwrap_or_default());
        } else {
            whole = false;
        }
        text.consume(count);
        read += count as u64;
        if end.is_some() {
            return Ok((read, whole));
        }
    }
}

/// What stands between the fields, by what the heading has most of.
fn guess(heading: &[u8]) -> u8 {
    let count = |byte: u8| heading.iter().filter(|other| **other == byte).count();
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|byte| count(*byte)).unwrap_or(b',')
}

/// The fields of one line; quotes as RFC 4180 has them.
fn cells(line: &[u8], between: u8) -> Cells {
    let text = std::str::from_utf8(line).map_err(|_| &code::ENCODING)?;
    if text.contains('\u{fffd}') {
        return Err(&code::ENCODING);
    }
    let mut record = StringRecord::with_capacity(text.len(), 16);
    if !line.contains(&b'"') {
        text.split(char::from(between)).for_each(|field| record.push_field(field));
        return Ok(record);
    }
    let mut rest = text;
    loop {
        let Some(quoted) = rest.trim_start_matches(' ').strip_prefix('"') else {
            match rest.split_once(char::from(between)) {
                Some((field, behind)) => {
                    record.push_field(field);
                    rest = behind;
                    continue;
                }
                None => {
                    record.push_field(rest);
                    return Ok(record);
                }
            }
        };
        let (mut field, mut inside) = (String::new(), quoted);
        let behind = loop {
            let (part, behind) = inside.split_once('"').ok_or(&code::QUOTE)?;
            field.push_str(part);
            match behind.strip_prefix('"') {
                Some(more) => {
                    field.push('"');
                    inside = more;
                }
                None => break behind.trim_start_matches(' '),
            }
        };
        record.push_field(&field);
        if behind.is_empty() {
            return Ok(record);
        }
        rest = behind.strip_prefix(char::from(between)).ok_or(&code::QUOTE)?;
    }
}

/// The cells of a sheet row by row, as the file has them; only the workbook's own table of texts is kept.
fn sheet(source: &Source, name: Option<&str>, take: &mut Take<'_>) -> Result<()> {
    let file = BufReader::with_capacity(BLOCK, source.open()?);
    let refused = |_| broken(source, Format::Xlsx);
    let mut book: Xlsx<_> = Xlsx::new(file).map_err(refused)?;
    let sheets = book.sheet_names();
    let name = match name {
        Some(name) if !sheets.iter().any(|sheet| sheet == name) => {
            return Err(Problem::new(&code::SHEET_MISSING).with("sheet", name).into());
        }
        Some(name) => name.to_owned(),
        None => sheets.first().cloned().ok_or_else(|| broken(source, Format::Xlsx))?,
    };
    let mut reader = book.worksheet_cells_reader(&name).map_err(refused)?;
    let (mut current, mut cells): (Option<u32>, Vec<String>) = (None, Vec::new());
    let mut give = |row: u32, cells: &mut Vec<String>| {
        let filled = cells.iter().any(|cell| !cell.trim().is_empty());
        let record = StringRecord::from_iter(cells.iter());
        cells.clear();
        !filled || take(u64::from(row) + 1, Ok(record), u64::from(row) + 1)
    };
    while let Some(cell) = reader.next_cell().map_err(refused)? {
        let (row, column) = cell.get_position();
        if current.is_some_and(|current| current != row) && !give(current.unwrap_or_default(), &mut cells) {
            return Ok(());
        }
        current = Some(row);
        let place = column as usize;
        // A sheet has 16,384 columns; a base needs sixteen.
        if place < 256 {
            if cells.len() <= place {
                cells.resize(place + 1, String::new());
            }
            if let Some(slot) = cells.get_mut(place) {
                *slot = cell_text(cell.get_value());
            }
        }
    }
    if let Some(row) = current {
        give(row, &mut cells);
    }
    Ok(())
}

fn cell_text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number_text(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTime(time) => {
            let (year, month, day, ..) = time.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

/// A number that stands for digits: without a fraction and without an exponent. Beyond 2^53 digits were lost before it came here, which shows
/// in a check digit.
fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e18 { format!("{number:.0}") } else { number.to_string() }
}

#[cfg(not(feature = "parquet"))]
fn columns(_: &Source, _: &mut Take<'_>) -> Result<()> {
    Err(Problem::new(&code::PARQUET_ABSENT).into())
}

#[cfg(feature = "parquet")]
fn columns(source: &Source, take: &mut Take<'_>) -> Result<()> {
    use parquet::file::reader::SerializedFileReader;
    match source.open()? {
        Opened::File(file) => records(source, &SerializedFileReader::new(file).map_err(|_| broken(source, Format::Parquet))?, take),
        Opened::Bytes(bytes) => {
            records(source, &SerializedFileReader::new(bytes.into_inner()).map_err(|_| broken(source, Format::Parquet))?, take)
        }
    }
}

/// The name of a compression this build does not read.
#[cfg(feature = "parquet")]
const fn foreign(compression: parquet::basic::Compression) -> Option<&'static str> {
    use parquet::basic::Compression;
    match compression {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) => None,
        Compression::LZO => Some("LZO"),
        Compression::BROTLI(_) => Some("BROTLI"),
        Compression::LZ4 | Compression::LZ4_RAW => Some("LZ4"),
        Compression::ZSTD(_) => Some("ZSTD"),
    }
}

#[cfg(feature = "parquet")]
fn records(source: &Source, reader: &dyn parquet::file::reader::FileReader, take: &mut Take<'_>) -> Result<()> {
    use parquet::record::Field;
    const DAY_MS: i64 = 86_400_000;
    let day = |ms: i64| chuangsha_kernel::Timestamp(ms).day().to_string();
    let text = |field: &Field| match field {
        Field::Null | Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => String::new(),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => bytes.as_utf8().unwrap_or_default().to_owned(),
        Field::Double(number) => number_text(*number),
        Field::Float(number) => number_text(f64::from(*number)),
        Field::Date(days) => utc_day(i64::from(*days) * DAY_MS),
        Field::TimestampMillis(ms) => day(*ms),
        Field::TimestampMicros(micros) => day(micros / 1_000),
        other => other.to_string(),
    };
    let refused = |_| broken(source, Format::Parquet);
    // Before anything is taken: a column of another compression further down would be noticed after hours.
    let mut columns = reader.metadata().row_groups().iter().flat_map(|group| group.columns());
    if let Some(name) = columns.find_map(|column| foreign(column.compression())) {
        return Err(Problem::new(&code::PARQUET_COMPRESSION).with("compression", name).into());
    }
    let names: Vec<String> = reader.metadata().file_metadata().schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
    if !take(1, Ok(StringRecord::from_iter(names.iter())), 1) {
        return Ok(());
    }
    for (index, row) in reader.get_row_iter(None).map_err(refused)?.enumerate() {
        let row = row.map_err(refused)?;
        let cells = StringRecord::from_iter(row.get_column_iter().map(|(_, field)| text(field)));
        let at = index as u64 + 2;
        if !take(at, Ok(cells), at) {
            return Ok(());
        }
    }
    Ok(())
}

/// Days of a Parquet column count from 1970-01-01 and have no zone.
#[cfg(feature = "parquet")]
fn utc_day(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()).unwrap_or_default()
}
