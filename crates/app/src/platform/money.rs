//! 金额: kept in fen as a whole number, typed and read in yuan.

use super::web::table::thousands;

/// `12.50` → 1250 fen. Nothing where it is no amount, has more than two decimals or reaches a thousand million yuan; never rounded.
pub fn fen(text: &str) -> Option<i64> {
    let (yuan, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if yuan.is_empty() || yuan.len() > 9 || rest.len() > 2 || !digits(yuan) || !digits(rest) {
        return None;
    }
    let yuan: i64 = yuan.parse().ok()?;
    let cents: i64 = format!("{rest:0<2}").parse().ok()?;
    Some(yuan * 100 + cents)
}

/// 125000 fen → `1,250.00`.
pub fn yuan(fen: i64) -> String {
    let fen = fen.unsigned_abs();
    format!("{}.{:02}", thousands(fen / 100), fen % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_to_the_fen_and_never_rounded() {
        let read = [("12.50", 1250), ("0.01", 1), ("0", 0), ("7", 700), ("7.", 700), (" 99999.99 ", 9_999_999), ("1.5", 150)];
        for (text, amount) in read {
            assert_eq!(fen(text), Some(amount), "{text}");
        }
        for bad in ["", "-1", "1.234", "1000000000", "1e3", "１２", ".5", "1,5", "1.-5"] {
            assert_eq!(fen(bad), None, "{bad}");
        }
        assert_eq!([yuan(1250), yuan(5), yuan(100), yuan(123_456)], ["12.50", "0.05", "1.00", "1,234.56"]);
    }
}
