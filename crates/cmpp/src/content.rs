//! 短信内容: what stands in `Msg_Content`: text, a part of a long text, or a status report.

use crate::{
    Fault, MsgId, Version,
    wire::{Reader, put},
};

/// Bytes of one message that is not ASCII, header included.
const MOST: usize = 140;
/// Characters of one ASCII message: fewer than 160.
const MOST_ASCII: usize = 159;
/// Bytes of a part behind its header of six bytes.
const PART: usize = MOST - 6;

/// `Msg_Fmt` 0, when the whole text fits one message and means the same in ASCII and in the phones' own alphabet.
pub fn ascii(text: &str) -> Option<&[u8]> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" \n\r!\"#%&'()*+,-./:;<=>?".contains(&byte);
    (text.len() <= MOST_ASCII && text.bytes().all(plain)).then_some(text.as_bytes())
}

/// `Msg_Fmt` 8: UCS-2, big-endian; what lies beyond goes as two units, as every phone of today takes it.
pub fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// A text as UCS-2 parts that each fit one message, without headers; one part when it fits whole. No character is cut in two.
pub fn parts_of(text: &str) -> Vec<Vec<u8>> {
    let whole = ucs2(text);
    if whole.len() <= MOST {
        return vec![whole];
    }
    let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
    for character in text.chars() {
        let units = ucs2(character.encode_utf8(&mut [0; 4]));
        if parts.last().is_some_and(|part| part.len() + units.len() > PART) {
            parts.push(Vec::new());
        }
        if let Some(part) = parts.last_mut() {
            part.extend(units);
        }
    }
    parts
}

/// A part with its user data header (`TP_udhi` = 1).
pub fn with_header(reference: u8, total: u8, number: u8, part: &[u8]) -> Vec<u8> {
    let mut bytes = vec![5, 0, 3, reference, total, number];
    bytes.extend_from_slice(part);
    bytes
}

/// 长短信分段: the header of a part, and what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// Which message, the same in all its parts.
    pub reference: u16,
    /// Parts in all.
    pub total: u8,
    /// Which one, from 1.
    pub number: u8,
    /// The text's bytes.
    pub rest: &'a [u8],
}

impl<'a> Part<'a> {
    /// From content whose `TP_udhi` is 1; `None` where the header is broken or about something else.
    pub fn read(content: &'a [u8]) -> Option<Self> {
        let (length, behind) = content.split_first()?;
        let (mut header, rest) = behind.split_at_checked(usize::from(*length))?;
        while let [kind, size, more @ ..] = header {
            let (value, next) = more.split_at_checked(usize::from(*size))?;
            match (kind, value) {
                (0, [reference, total, number]) => {
                    return Some(Self { reference: u16::from(*reference), total: *total, number: *number, rest });
                }
                (8, [high, low, total, number]) => {
                    return Some(Self { reference: u16::from_be_bytes([*high, *low]), total: *total, number: *number, rest });
                }
                _ => header = next,
            }
        }
        None
    }
}

/// Content as text, by its `Msg_Fmt`: 0 ASCII, 8 UCS-2. `None` for the others and for bytes that are no text.
pub fn text(format: u8, content: &[u8]) -> Option<String> {
    match format {
        0 => std::str::from_utf8(content).ok().filter(|text| text.is_ascii()).map(str::to_owned),
        8 => {
            let (units, rest) = content.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok()).flatten()
        }
        _ => None,
    }
}

/// 状态报告: the content of a `CMPP_DELIVER` whose `Registered_Delivery` is 1.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    /// Of the message it is about.
    pub id: MsgId,
    /// `DELIVRD`, `EXPIRED`, `DELETED`, `UNDELIV`, `ACCEPTD`, `UNKNOWN`, `REJECTD`, or a code of the network (`MA:0001`).
    pub stat: String,
    /// `YYMMDDHHMM`.
    pub submitted: String,
    /// `YYMMDDHHMM`.
    pub done: String,
    /// To whom the message went.
    pub to: String,
    /// The message centre's own number of it.
    pub sequence: u32,
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Report").field("id", &self.id).field("stat", &self.stat).finish_non_exhaustive()
    }
}

impl Report {
    /// From content. Which of the two widths the number has, the length tells: gateways of 3.0 are known to send the short form too.
    ///
    /// # Errors
    /// Neither 60 nor 71 bytes, or a field that is no ASCII.
    pub fn read(content: &[u8]) -> Result<Self, Fault> {
        let width = match content.len() {
            60 => 21,
            71 => 32,
            _ => return Err(Fault::Field("Msg_Content")),
        };
        let mut reader = Reader(content);
        Ok(Self {
            id: MsgId(reader.u64("Msg_Id")?),
            stat: reader.text(7, "Stat")?,
            submitted: reader.text(10, "Submit_time")?,
            done: reader.text(10, "Done_time")?,
            to: reader.text(width, "Dest_terminal_Id")?,
            sequence: reader.u32("SMSC_sequence")?,
        })
    }

    /// As content.
    ///
    /// # Errors
    /// A field longer than its place.
    pub fn write(&self, version: Version) -> Result<Vec<u8>, Fault> {
        let mut bytes = self.id.0.to_be_bytes().to_vec();
        put(&mut bytes, &self.stat, 7, "Stat")?;
        put(&mut bytes, &self.submitted, 10, "Submit_time")?;
        put(&mut bytes, &self.done, 10, "Done_time")?;
        put(&mut bytes, &self.to, if version == Version::V20 { 21 } else { 32 }, "Dest_terminal_Id")?;
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        Ok(bytes)
    }
}
