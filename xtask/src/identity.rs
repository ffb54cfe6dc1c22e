//! Strings that look like a person's: a resident ID with a right check digit outside the region code no province has.

/// Weights of GB 11643-1999.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK: &[u8; 11] = b"10X98765432";

/// Every 18-character run that could be a living person's resident ID.
pub fn resident_ids(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'X' || byte == b'x';
    let mut found = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        if !bytes[start].is_ascii_digit() {
            start += 1;
            continue;
        }
        let mut end = start;
        while end < bytes.len() && is_part(bytes[end]) {
            end += 1;
        }
        if end - start == 18 && could_be_real(&bytes[start..end]) {
            found.push(&text[start..end]);
        }
        start = end;
    }
    found
}

fn could_be_real(id: &[u8]) -> bool {
    let digit = |i: usize| u32::from(id[i] - b'0');
    if !id[..17].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = WEIGHTS.iter().enumerate().map(|(i, weight)| digit(i) * weight).sum();
    let (province, year, month, day) =
        (digit(0) * 10 + digit(1), digit(6) * 10 + digit(7), digit(10) * 10 + digit(11), digit(12) * 10 + digit(13));
    CHECK[(sum % 11) as usize] == id[17].to_ascii_uppercase()
        && (11..=83).contains(&province)
        && (19..=20).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed here, so that no such number stands in this file.
    fn with_check(seventeen: &str) -> String {
        let sum: u32 = seventeen.bytes().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        format!("{seventeen}{}", char::from(CHECK[(sum % 11) as usize]))
    }

    #[test]
    fn only_what_could_be_a_person_is_found() {
        let real = with_check("14010619900307123");
        let text = format!("id {real}, demo {}, long 1{real}, masked 1****************4", with_check("99010119900307123"));
        assert_eq!(resident_ids(&text), [real.as_str()]);
    }
}
