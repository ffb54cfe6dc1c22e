//! 编码: from a text to what goes over the air. Pure.

/// A text in its encoding, cut into parts that each fit one short message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    /// SMPP `data_coding`: 0 default alphabet, 3 Latin-1, 8 UCS-2.
    pub data_coding: u8,
    /// The whole text.
    pub whole: Vec<u8>,
    /// The same in parts, without headers; one part when it fits.
    pub parts: Vec<Vec<u8>>,
}

/// More parts than this is a mistake, not a message.
pub(super) const MAX_PARTS: usize = 16;

/// Encodes a text. The default alphabet is used only for characters that mean the same in it and in ASCII: centres disagree on the rest.
pub(super) fn encode(text: &str) -> Encoded {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" \n\r!\"#%&'()*+,-./:;<=>?".contains(&byte)) {
        return cut(0, text.bytes().map(|byte| vec![byte]), 160, 153);
    }
    let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    if let Some(latin) = latin {
        return cut(3, latin.into_iter().map(|byte| vec![byte]), 140, 134);
    }
    // One unit of cutting is one character: a surrogate pair (𠮷) never ends up in two parts.
    let characters = text.chars().map(|c| {
        let mut units = [0_u16; 2];
        c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()).collect()
    });
    cut(8, characters, 140, 134)
}

fn cut(data_coding: u8, characters: impl Iterator<Item = Vec<u8>>, single: usize, part: usize) -> Encoded {
    let characters: Vec<Vec<u8>> = characters.collect();
    let whole: Vec<u8> = characters.concat();
    if whole.len() <= single {
        return Encoded { data_coding, parts: vec![whole.clone()], whole };
    }
    let mut parts = vec![Vec::new()];
    for character in characters {
        if parts.last().is_some_and(|last: &Vec<u8>| last.len() + character.len() > part) {
            parts.push(Vec::new());
        }
        if let Some(last) = parts.last_mut() {
            last.extend(character);
        }
    }
    Encoded { data_coding, whole, parts }
}

/// The user data header of a part: which message, of how many parts, which one.
pub(super) fn with_header(reference: u8, total: u8, number: u8, part: &[u8]) -> Vec<u8> {
    let mut bytes = vec![5, 0, 3, reference, total, number];
    bytes.extend_from_slice(part);
    bytes
}
