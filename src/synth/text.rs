//! Writing numbers, times, ids and strings as JSON, without a value tree.

use std::fmt;

use crate::base::time::Civil;

/// Days since 1970-01-01 as year, month and day.
pub(super) fn civil_date(day: i64) -> (i64, u32, u32) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let date = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, date)
}

/// The day of a date that exists.
pub(super) fn day_of(year: i64, month: u32, date: u32) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    days + (i64::from(month) * 153 + 2) / 5 + i64::from(date) - 1 - 719_468
}

pub(super) fn push_u64(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

pub(super) fn push_i64(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_u64(out, value.unsigned_abs());
}

/// Writes the last `width` digits, with leading zeros.
pub(super) fn push_padded(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    for at in (start..start + width).rev() {
        out[at] = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Writes 分 as 元 with two places.
pub(super) fn push_fen(out: &mut Vec<u8>, fen: i64) {
    if fen < 0 {
        out.push(b'-');
    }
    let fen = fen.unsigned_abs();
    push_u64(out, fen / 100);
    let cents = (fen % 100) as u8;
    out.extend_from_slice(&[b'.', b'0' + cents / 10, b'0' + cents % 10]);
}

pub(super) fn push_date(out: &mut Vec<u8>, day: i64) {
    let (year, month, date) = civil_date(day);
    let (year, month, date) = (year as u32, month as u8, date as u8);
    let digit = |value: u32| b'0' + (value % 10) as u8;
    out.extend_from_slice(&[
        digit(year / 1000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
        b'-',
        b'0' + month / 10,
        b'0' + month % 10,
        b'-',
        b'0' + date / 10,
        b'0' + date % 10,
    ]);
}

pub(super) fn push_time(out: &mut Vec<u8>, time: Civil) {
    push_date(out, time.day());
    let second = time.0.rem_euclid(86_400) as u32;
    let two = |value: u32| [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
    let ([h0, h1], [m0, m1], [s0, s1]) = (two(second / 3600), two(second / 60 % 60), two(second % 60));
    out.extend_from_slice(&[b' ', h0, h1, b':', m0, m1, b':', s0, s1]);
}

/// Writes a quoted JSON string.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(text.as_bytes());
    } else {
        for ch in text.chars() {
            match ch {
                '"' | '\\' => out.extend_from_slice(&[b'\\', ch as u8]),
                '\0'..='\x1f' => out.extend_from_slice(format!("\\u{:04x}", ch as u32).as_bytes()),
                _ => out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }
    out.push(b'"');
}

/// An id of the feed; its text is a function of these few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Settlement {
        area: u32,
        number: u64,
    },
    Visit {
        area: u32,
        number: u64,
    },
    Person {
        number: u64,
    },
    /// The institution's own prescription number.
    Prescription {
        institution: u32,
        number: u64,
    },
    /// The national prescription number.
    National {
        area: u32,
        number: u64,
    },
    Authorization {
        number: u64,
    },
    Doctor {
        area: u32,
        number: u64,
    },
}

impl Id {
    pub(super) fn push(self, out: &mut Vec<u8>) {
        match self {
            Self::Settlement { area, number } => Self::parts(out, area, b"S", number, 14),
            Self::Visit { area, number } => Self::parts(out, area, b"M", number, 14),
            Self::Person { number } => {
                out.push(b'P');
                push_padded(out, number, 17);
            }
            Self::Prescription { institution, number } => {
                out.extend_from_slice(b"RX");
                push_padded(out, u64::from(institution), 5);
                push_padded(out, number, 13);
            }
            Self::National { area, number } => Self::parts(out, area, b"R", number, 15),
            Self::Authorization { number } => {
                out.extend_from_slice(b"AUTH");
                push_padded(out, number, 16);
            }
            Self::Doctor { area, number } => {
                out.push(b'D');
                push_padded(out, u64::from(area), 6);
                push_padded(out, number, 6);
            }
        }
    }

    fn parts(out: &mut Vec<u8>, area: u32, mark: &[u8], number: u64, width: usize) {
        push_padded(out, u64::from(area), 6);
        out.extend_from_slice(mark);
        push_padded(out, number, width);
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(32);
        self.push(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_read_back() {
        for day in (-30_000..60_000).step_by(17) {
            let (year, month, date) = civil_date(day);
            assert_eq!(day_of(year, month, date), day);
            let mut out = Vec::new();
            push_time(&mut out, Civil(day * 86_400 + 45_296));
            assert_eq!(crate::base::time::parse(&out), Some(Civil(day * 86_400 + 45_296)));
        }
    }

    #[test]
    fn amounts_have_two_places() {
        for (fen, text) in [(0, "0.00"), (5, "0.05"), (1230, "12.30"), (-1, "-0.01"), (-100_000, "-1000.00")] {
            let mut out = Vec::new();
            push_fen(&mut out, fen);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn strings_are_json() {
        for text in ["云川市人民医院", "a\"b\\c", "tab\tnew\nline", "𠮷"] {
            let mut out = Vec::new();
            push_text(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
