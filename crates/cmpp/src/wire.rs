//! 字段: fixed-width fields, one after the other.

use crate::Fault;

/// Reads fields from the front.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn bytes(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Fault::Short(field))?;
        self.0 = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Fault::Short(field))?;
        self.0 = rest;
        Ok(*taken)
    }

    pub fn u8(&mut self, field: &'static str) -> Result<u8, Fault> {
        self.array(field).map(|[byte]| byte)
    }

    pub fn u32(&mut self, field: &'static str) -> Result<u32, Fault> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub fn u64(&mut self, field: &'static str) -> Result<u64, Fault> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// Text of a fixed width, ended by a zero or by the width. Some gateways pad with spaces.
    pub fn text(&mut self, width: usize, field: &'static str) -> Result<String, Fault> {
        let bytes = self.bytes(width, field)?;
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii()).ok_or(Fault::Field(field))?;
        Ok(text.trim_end_matches(' ').to_owned())
    }

    pub const fn end(&self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault::Left(self.0.len())) }
    }
}

/// Text of a fixed width, filled with zeros.
pub fn put(bytes: &mut Vec<u8>, text: &str, width: usize, field: &'static str) -> Result<(), Fault> {
    if text.len() > width || !text.is_ascii() || text.contains('\0') {
        return Err(Fault::Field(field));
    }
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(bytes.len() + width - text.len(), 0);
    Ok(())
}
