//! The error codes as they stand in the sources: every `codes! { … }` block read as text, so that a module nobody calls is seen too.

/// One entry of a block.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `registration.quota_full`
    pub id: String,
    /// HTTP status.
    pub status: u16,
    /// Chinese, English, remedy Chinese, remedy English.
    pub texts: [String; 4],
}

/// Every entry of every block of a source file.
///
/// # Errors
/// The place that cannot be read.
pub fn read(source: &str) -> Result<Vec<Code>, String> {
    let mut codes = Vec::new();
    for block in blocks(source) {
        let mut rest = block.trim_start();
        loop {
            rest = skip_comments(rest);
            if rest.starts_with('}') || rest.is_empty() {
                break;
            }
            let (_, after) = rest.split_once('=').ok_or_else(|| near("no =", rest))?;
            let (id, after) = literal(after)?;
            let after = comma(after)?;
            let (status, after) = after.split_once(',').ok_or_else(|| near("no status", after))?;
            let status = status.trim().parse().map_err(|_| near("status is no number", status))?;
            let mut texts: [String; 4] = Default::default();
            let mut after = after;
            for (i, text) in texts.iter_mut().enumerate() {
                if i > 0 {
                    after = comma(after)?;
                }
                (*text, after) = literal(after)?;
            }
            rest = after.trim_start().strip_prefix(';').ok_or_else(|| near("no ;", after))?.trim_start();
            codes.push(Code { id, status, texts });
        }
    }
    Ok(codes)
}

/// What follows the opening of each block. Comments and strings mention the macro; a block starts its line with it.
fn blocks(source: &str) -> impl Iterator<Item = &str> {
    let mut offset = 0;
    let lines = source.split_inclusive('\n').filter_map(move |line| {
        offset += line.len();
        let opens = ["codes! {", "crate::codes! {", "chuangsha_kernel::codes! {", "kernel::codes! {"];
        opens.contains(&line.trim()).then_some(offset)
    });
    lines.map(|offset| &source[offset..])
}

/// The `{name}` places of a text.
pub fn places(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
}

fn skip_comments(mut text: &str) -> &str {
    while let Some(comment) = text.strip_prefix("//") {
        text = comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    text
}

fn comma(text: &str) -> Result<&str, String> {
    text.trim_start().strip_prefix(',').ok_or_else(|| near("no ,", text))
}

fn literal(text: &str) -> Result<(String, &str), String> {
    let body = skip_comments(text.trim_start()).strip_prefix('"').ok_or_else(|| near("no text", text))?;
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &body[at + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err(near("text without end", text))
}

fn near(what: &str, text: &str) -> String {
    format!("{what} near: {}", text.chars().take(60).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_whole() {
        let source = "use x;\n\n    chuangsha_kernel::codes! {\n    // why\n    A = \"a.b\", 409,\n        \"满 {limit}\", \"full {limit}\",\n        \"走\", \"go \\\"on\\\"\";\n    B = \"a.c\", 400, \"一\", \"one\", \"二\", \"two\";\n}\n";
        let codes = read(source).unwrap();
        assert_eq!(codes.len(), 2);
        assert_eq!((codes[0].id.as_str(), codes[0].status), ("a.b", 409));
        assert_eq!(codes[0].texts[3], "go \"on\"");
        assert_eq!(places(&codes[0].texts[0]), ["limit"]);
        assert!(read("codes! {\n A = 1; }").is_err());
    }
}
