//! CSV: every cell in quotation marks, lines ended as RFC 4180 has it, no cell that a spreadsheet would calculate.

use std::borrow::Cow;

use super::Format;

/// What the file begins with, so that a program knows its encoding.
pub fn mark(format: Format) -> Vec<u8> {
    if format == Format::CsvBom { b"\xEF\xBB\xBF".to_vec() } else { Vec::new() }
}

/// Lines in the file's own encoding.
pub fn lines(format: Format, lines: &[Vec<String>]) -> Vec<u8> {
    let mut text = String::new();
    for line in lines {
        for (index, cell) in line.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push('"');
            for letter in guarded(cell).chars() {
                match letter {
                    '"' => text.push_str("\"\""),
                    '\0' => text.push('\u{fffd}'),
                    letter => text.push(letter),
                }
            }
            text.push('"');
        }
        text.push_str("\r\n");
    }
    // GB18030 holds every character there is: nothing is lost on the way.
    if format == Format::CsvGb18030 { encoding_rs::GB18030.encode(&text).0.into_owned() } else { text.into_bytes() }
}

/// A cell a spreadsheet would take for a formula gets an apostrophe in front. Full-width signs count: some programs narrow them on opening;
/// and so do signs behind blanks, which some programs cut.
pub fn guarded(text: &str) -> Cow<'_, str> {
    let blank = |letter: &char| {
        letter.is_whitespace() || letter.is_control() || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    let formula = |letter: char| matches!(letter, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '﹦' | '﹢' | '﹣' | '﹫');
    let control = text.starts_with(['\t', '\r', '\n']);
    if control || text.chars().find(|letter| !blank(letter)).is_some_and(formula) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}
