//! How typed text is brought into one form before anything looks at it.

/// Full-width forms (`０`, `Ａ`, `＋`) as the ASCII characters they stand for; everything else unchanged.
pub(crate) fn half_width(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

/// Half-width, ASCII upper case, no white space: the form in which identifiers are compared.
///
/// Reading stops one past `limit` characters: an identifier is short, and whoever sends megabytes learns only that it is too long.
pub(crate) fn compact(text: &str, limit: usize) -> String {
    text.chars().map(half_width).filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).take(limit + 1).collect()
}

/// Position, counted from 1, of the first character that is not allowed.
pub(crate) fn first_bad(text: &str, allowed: impl Fn(usize, char) -> bool) -> Option<usize> {
    text.chars().enumerate().find(|&(i, c)| !allowed(i, c)).map(|(i, _)| i + 1)
}

/// The characters from `start` to before `end` of an ASCII text; empty when it is shorter or not ASCII there.
pub(crate) fn part(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or("")
}
