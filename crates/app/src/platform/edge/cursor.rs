//! 翻页: keyset pages. A cursor names the last row seen; it is opaque, checked, and gives no right: the list's own reach is applied to every page.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chuangsha_kernel::problem::Problem;
use ring::digest;
use uuid::Uuid;

use super::code;
use crate::platform::failure::{Failure, Result};

/// 翻页位置: the last row seen, by its moment (or any number the list is ordered by) and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// What the list is ordered by first; 0 when by id alone.
    pub at: i64,
    /// The row.
    pub id: Uuid,
}

/// Four bytes that tell a cursor of this list from a mangled one or one of another list.
fn check(list: &str, body: &[u8]) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"chuangsha cursor\0");
    context.update(list.as_bytes());
    context.update(&[0]);
    context.update(body);
    context.finish().as_ref().iter().take(4).copied().collect()
}

impl Cursor {
    /// As it stands in `next` and `after`.
    pub fn text(&self, list: &str) -> String {
        let mut bytes = self.at.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.id.as_bytes());
        let check = check(list, &bytes);
        bytes.extend_from_slice(&check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads `after`.
    ///
    /// # Errors
    /// `edge.cursor_invalid`
    pub fn read(list: &str, text: &str) -> Result<Self> {
        let parse = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let (body, sum) = bytes.split_at_checked(24)?;
            let (at, id) = body.split_at_checked(8)?;
            let cursor = Self { at: i64::from_be_bytes(at.try_into().ok()?), id: Uuid::from_slice(id).ok()? };
            (check(list, body) == sum).then_some(cursor)
        };
        parse().ok_or_else(|| Problem::new(&code::CURSOR_INVALID).field("after").into())
    }
}

/// Rows of one answer where a program says how many: 1 to 1,000, 50 when it does not.
pub fn rows(limit: Option<i64>) -> i64 {
    limit.unwrap_or(50).clamp(1, 1_000)
}

/// One of a closed list, as an address names it; nothing where it names none.
///
/// # Errors
/// `wrong`: it is none of them.
pub fn one_of<T>(text: &str, parse: impl Fn(&str) -> Option<T>, wrong: impl FnOnce() -> Failure) -> Result<Option<T>> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some).ok_or_else(wrong) }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// Rows.
    pub items: Vec<T>,
    /// Give this as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of rows read with one more than `limit`.
    pub fn cut(list: &str, mut items: Vec<T>, limit: i64, place: impl Fn(&T) -> Cursor) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| place(last).text(list));
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_round_and_nothing_else_passes_for_one() {
        let cursor = Cursor { at: -5, id: Uuid::from_u128(7) };
        let text = cursor.text("orders");
        assert_eq!(Cursor::read("orders", &text).unwrap(), cursor);
        assert!(Cursor::read("people", &text).is_err(), "a cursor of another list");
        for i in 0..text.len() {
            let mut mangled = text.clone().into_bytes();
            mangled[i] = if mangled[i] == b'A' { b'B' } else { b'A' };
            let mangled = String::from_utf8(mangled).unwrap();
            // The last character holds spare bits; the decoder refuses those set.
            assert!(Cursor::read("orders", &mangled).is_err(), "position {i}");
        }
        for text in ["", "x", "AAAA", &text[1..], &format!("{text}AA")] {
            assert!(Cursor::read("orders", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_knows_whether_there_is_another() {
        let place = |n: &u32| Cursor { at: i64::from(*n), id: Uuid::nil() };
        assert_eq!(Page::cut("l", vec![1, 2], 2, place), Page { items: vec![1, 2], next: None });
        let page = Page::cut("l", vec![1, 2, 3], 2, place);
        assert_eq!(page.items, [1, 2]);
        assert_eq!(Cursor::read("l", &page.next.unwrap()).unwrap().at, 2);
    }
}
