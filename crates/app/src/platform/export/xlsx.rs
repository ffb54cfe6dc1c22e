//! XLSX: a zip of a few small parts and one long sheet, written in a row and never held. Each piece of the sheet is deflated by itself up to a
//! whole byte, so that the next may be written by another process; checksum and lengths, which a zip says behind the sheet, are all that is
//! remembered in between. Every cell is an inline text: no number is rounded, no date guessed, no formula calculated.

use flate2::{Compress, Compression, FlushCompress, Status};

use super::About;

/// Longest text of a cell, in UTF-16 units.
const LONGEST: usize = 32_767;

/// One part of the container, as its list at the end names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    name: String,
    crc: u32,
    packed: u64,
    plain: u64,
    at: u64,
}

/// What the container must still say of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Archive {
    parts: Vec<Entry>,
    /// Bytes written.
    at: u64,
}

/// 1980-01-01 00:00, the earliest a zip can say: a file tells its time inside, and equal content makes equal bytes.
const DAY: [u8; 4] = [0, 0, 0x21, 0];
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
/// Checksum and lengths follow the content.
const BEHIND: u16 = 1 << 3;

fn small(number: u64) -> [u8; 4] {
    // A million lines stay far below four gigabytes; a longer file would be cut off here and refused by any reader.
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn deflate(text: &[u8], last: bool) -> Vec<u8> {
    let mut packer = Compress::new(Compression::default(), false);
    let mut packed = Vec::with_capacity(text.len() / 4 + 64);
    let flush = if last { FlushCompress::Finish } else { FlushCompress::Full };
    loop {
        let read = usize::try_from(packer.total_in()).unwrap_or(text.len());
        let room = packed.capacity() == packed.len();
        if room {
            packed.reserve(packed.len().max(256));
        }
        let before = packed.len();
        let status = packer.compress_vec(text.get(read..).unwrap_or_default(), &mut packed, flush);
        let read = usize::try_from(packer.total_in()).unwrap_or(text.len());
        let full = packed.len() == packed.capacity();
        match status {
            Ok(Status::StreamEnd) => return packed,
            // All was taken and the flush fitted: the piece ends at a whole byte.
            Ok(_) if !last && read == text.len() && !full => return packed,
            Ok(_) if packed.len() == before && !full && read == text.len() => return packed,
            Ok(_) => {}
            Err(_) => return packed,
        }
    }
}

impl Archive {
    fn header(&mut self, name: &str, flags: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(b"PK\x03\x04\x14\0");
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&[8, 0]);
        out.extend_from_slice(&DAY);
        if let Some(entry) = self.parts.last() {
            let known = flags & BEHIND == 0;
            out.extend_from_slice(&if known { entry.crc } else { 0 }.to_le_bytes());
            out.extend_from_slice(&small(if known { entry.packed } else { 0 }));
            out.extend_from_slice(&small(if known { entry.plain } else { 0 }));
        }
        out.extend_from_slice(&u16::try_from(name.len()).unwrap_or(0).to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(name.as_bytes());
    }

    /// A small part, whole.
    fn part(&mut self, name: &str, text: &str, out: &mut Vec<u8>) {
        let packed = deflate(text.as_bytes(), true);
        let entry = Entry {
            name: name.to_owned(),
            crc: crc32fast::hash(text.as_bytes()),
            packed: packed.len() as u64,
            plain: text.len() as u64,
            at: self.at,
        };
        self.parts.push(entry);
        let before = out.len();
        self.header(name, UTF8, out);
        out.extend_from_slice(&packed);
        self.at += (out.len() - before) as u64;
    }

    /// The long part begins; it is the last.
    fn begin(&mut self, name: &str, out: &mut Vec<u8>) {
        self.parts.push(Entry { name: name.to_owned(), at: self.at, ..Entry::default() });
        let before = out.len();
        self.header(name, UTF8 | BEHIND, out);
        self.at += (out.len() - before) as u64;
    }

    /// More of the long part.
    fn more(&mut self, text: &str, last: bool, out: &mut Vec<u8>) {
        let packed = deflate(text.as_bytes(), last);
        if let Some(entry) = self.parts.last_mut() {
            let mut crc = crc32fast::Hasher::new_with_initial_len(entry.crc, entry.plain);
            crc.update(text.as_bytes());
            entry.crc = crc.finalize();
            entry.plain += text.len() as u64;
            entry.packed += packed.len() as u64;
        }
        self.at += packed.len() as u64;
        out.extend_from_slice(&packed);
    }

    /// What follows the long part, and the list of all.
    fn end(&mut self, out: &mut Vec<u8>) {
        let before = out.len();
        if let Some(entry) = self.parts.last() {
            out.extend_from_slice(b"PK\x07\x08");
            out.extend_from_slice(&entry.crc.to_le_bytes());
            out.extend_from_slice(&small(entry.packed));
            out.extend_from_slice(&small(entry.plain));
        }
        self.at += (out.len() - before) as u64;
        let (list, count) = (out.len(), self.parts.len());
        for (index, entry) in self.parts.iter().enumerate() {
            let flags = if index + 1 == count { UTF8 | BEHIND } else { UTF8 };
            out.extend_from_slice(b"PK\x01\x02\x14\0\x14\0");
            out.extend_from_slice(&flags.to_le_bytes());
            out.extend_from_slice(&[8, 0]);
            out.extend_from_slice(&DAY);
            out.extend_from_slice(&entry.crc.to_le_bytes());
            out.extend_from_slice(&small(entry.packed));
            out.extend_from_slice(&small(entry.plain));
            out.extend_from_slice(&u16::try_from(entry.name.len()).unwrap_or(0).to_le_bytes());
            // No extra field, no comment, first disk, no attributes.
            out.extend_from_slice(&[0; 12]);
            out.extend_from_slice(&small(entry.at));
            out.extend_from_slice(entry.name.as_bytes());
        }
        let length = (out.len() - list) as u64;
        let count = u16::try_from(count).unwrap_or(0).to_le_bytes();
        out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        out.extend_from_slice(&count);
        out.extend_from_slice(&count);
        out.extend_from_slice(&small(length));
        out.extend_from_slice(&small(self.at));
        out.extend_from_slice(&[0, 0]);
        self.at += (out.len() - list) as u64;
    }
}

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;

const TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/worksheets/sheet2.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>"#;

const ROOT: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;

const BOOK: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet2.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;

/// Style 1: text, so that what is typed over a number stays as typed. Style 2: the head.
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs></styleSheet>"#;

const SHEET: &str = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">"#;

/// The container up to the first line under the heads.
pub fn head(archive: &mut Archive, about: &About) -> Vec<u8> {
    let mut out = Vec::new();
    let mut part = |name: &str, text: &str| archive.part(name, &format!("{DECLARATION}{text}"), &mut out);
    part("[Content_Types].xml", TYPES);
    part("_rels/.rels", ROOT);
    part(
        "xl/workbook.xml",
        &format!(
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="{}" sheetId="1" r:id="rId1"/><sheet name="{}" sheetId="2" r:id="rId2"/></sheets></workbook>"#,
            sheet_name(&about.title),
            sheet_name(&about.sheet)
        ),
    );
    part("xl/_rels/workbook.xml.rels", BOOK);
    part("xl/styles.xml", STYLES);
    part("xl/worksheets/sheet2.xml", &facts(about));
    archive.begin("xl/worksheets/sheet1.xml", &mut out);
    let mut text = format!("{DECLARATION}{SHEET}");
    // The heads stay in sight.
    text.push_str(r#"<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>"#);
    for (index, (_, width)) in about.heads.iter().enumerate() {
        let place = index + 1;
        text.push_str(&format!(r#"<col min="{place}" max="{place}" width="{width}" customWidth="1"/>"#));
    }
    text.push_str("</cols><sheetData>");
    row(&mut text, 1, about.heads.iter().map(|(head, _)| head.as_str()), 2);
    archive.more(&text, false, &mut out);
    out
}

/// Lines, the first of which is the `first`th, counted from nought.
pub fn lines(archive: &mut Archive, first: u64, lines: &[Vec<String>]) -> Vec<u8> {
    let (mut text, mut out) = (String::new(), Vec::new());
    for (number, line) in (first + 2..).zip(lines) {
        row(&mut text, number, line.iter().map(String::as_str), 1);
    }
    archive.more(&text, false, &mut out);
    out
}

/// The rest of the container.
pub fn tail(archive: &mut Archive, about: &About) -> Vec<u8> {
    let mut out = Vec::new();
    let mut text = String::from("</sheetData>");
    text.push_str(&footer(about));
    text.push_str("</worksheet>");
    archive.more(&text, true, &mut out);
    archive.end(&mut out);
    out
}

/// What every printed page says: who took it and when; L-PIP-8 limits paper too.
fn footer(about: &About) -> String {
    let said = about.facts.iter().skip(1).take(2).map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ");
    let said = if about.mark.is_empty() { said } else { about.mark.clone() };
    // An ampersand begins a code there; doubled, it is one.
    let said = escaped(&said.replace('&', "&&"));
    format!("<headerFooter><oddHeader>&amp;L{said}</oddHeader><oddFooter>&amp;L{said}&amp;R&amp;P/&amp;N</oddFooter></headerFooter>")
}

fn facts(about: &About) -> String {
    let mut text = format!(
        r#"{SHEET}<cols><col min="1" max="1" width="24" customWidth="1"/><col min="2" max="2" width="60" customWidth="1"/></cols><sheetData>"#
    );
    for (number, (label, value)) in (1..).zip(&about.facts) {
        row(&mut text, number, [label.as_str(), value.as_str()].into_iter(), 1);
    }
    text.push_str("</sheetData></worksheet>");
    text
}

fn row<'a>(text: &mut String, number: u64, cells: impl Iterator<Item = &'a str>, style: u8) {
    text.push_str(&format!(r#"<row r="{number}">"#));
    for (index, cell) in cells.enumerate() {
        let column = column(index);
        text.push_str(&format!(r#"<c r="{column}{number}" s="{style}" t="inlineStr"><is><t xml:space="preserve">"#));
        text.push_str(&escaped(cell));
        text.push_str("</t></is></c>");
    }
    text.push_str("</row>");
}

/// `0` → `A`, `26` → `AA`
fn column(index: usize) -> String {
    let (mut index, mut name) = (index + 1, String::new());
    while index > 0 {
        index -= 1;
        name.insert(0, char::from(b'A' + u8::try_from(index % 26).unwrap_or(0)));
        index /= 26;
    }
    name
}

/// A text as XML may hold it: what XML has no place for is replaced, what is too long for a cell is cut.
fn escaped(text: &str) -> String {
    let (mut out, mut units) = (String::with_capacity(text.len()), 0);
    for (at, letter) in text.char_indices() {
        units += letter.len_utf16();
        if units > LONGEST {
            break;
        }
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", letter as u32)),
            // `_x0041_` in a cell would be read as a character.
            '_' if text.get(at + 1..).is_some_and(|rest| rest.starts_with('x')) => out.push_str("_x005F_"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter if letter < ' ' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

/// A name a sheet may have: 31 characters at most, none that addresses use.
fn sheet_name(text: &str) -> String {
    let name: String = text.chars().map(|letter| if "[]:*?/\\'".contains(letter) { ' ' } else { letter }).take(31).collect();
    escaped(name.trim())
}
