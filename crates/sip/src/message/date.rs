//! 日期头域: `Sat, 13 Nov 2010 23:29:00 GMT`, the only form there is (RFC 3261 section 20.17).

/// Whether it is a well-formed date of an existing zone: GMT.
pub fn is_date(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let mut words = text.split(' ');
    let days = ["Mon,", "Tue,", "Wed,", "Thu,", "Fri,", "Sat,", "Sun,"];
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let time = |text: &str| {
        let mut parts = text.split(':');
        (0..3).all(|_| parts.next().is_some_and(|part| digits(part, 2))) && parts.next().is_none()
    };
    words.next().is_some_and(|day| days.contains(&day))
        && words.next().is_some_and(|day| digits(day, 2))
        && words.next().is_some_and(|month| months.contains(&month))
        && words.next().is_some_and(|year| digits(year, 4))
        && words.next().is_some_and(time)
        && words.next() == Some("GMT")
        && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_greenwich_time_in_its_one_form() {
        assert!(is_date(b"Sat, 13 Nov 2010 23:29:00 GMT"));
        for wrong in [
            "Fri, 01 Jan 2010 16:00:00 EST",
            "Sat, 13 Nov 2010 23:29:00",
            "Saturday, 13 Nov 2010 23:29:00 GMT",
            "13 Nov 2010 23:29:00 GMT",
            "Sat, 3 Nov 2010 23:29:00 GMT",
            "Sat, 13 Nov 2010 23:29 GMT",
            "",
        ] {
            assert!(!is_date(wrong.as_bytes()), "{wrong}");
        }
    }
}
