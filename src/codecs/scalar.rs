//! From one JSON scalar to one typed value: exact, without floats, the same
//! for every decoder.

use std::borrow::Cow;

use crate::base::time;
use crate::codecs::FieldFault;
use crate::codecs::lex;
use crate::events::Kind;

/// A JSON value as far as a column cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Null,
    Bool(bool),
    /// The number's own text.
    Number(&'a str),
    /// A string, escapes resolved.
    Text(Cow<'a, str>),
    /// An object or a list.
    Container,
}

impl<'a> Token<'a> {
    /// Reads the raw text of a JSON value that is known to be well-formed.
    pub fn of(raw: Cow<'a, str>) -> Self {
        match raw.as_bytes().first() {
            Some(b'n') | None => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'{' | b'[') => Self::Container,
            Some(b'"') => Self::Text(Self::text(raw)),
            Some(_) => match raw {
                Cow::Borrowed(number) => Self::Number(number),
                Cow::Owned(_) => Self::Container,
            },
        }
    }

    fn text(raw: Cow<'a, str>) -> Cow<'a, str> {
        match raw {
            Cow::Borrowed(text) if !text.contains('\\') => Cow::Borrowed(&text[1..text.len() - 1]),
            escaped => Cow::Owned(lex::unescape(&escaped[1..escaped.len() - 1]).unwrap_or_default()),
        }
    }
}

/// A value as its column stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    /// Units of the column's last decimal place.
    Decimal(i128),
    Int(i32),
    /// Days since 1970-01-01.
    Date(i32),
    /// Civil seconds since 1970-01-01.
    Time(i64),
}

/// Digits before and after the point that a decimal column holds.
pub(crate) fn precision(kind: Kind) -> u8 {
    if kind == Kind::Rate { 9 } else { 18 }
}

/// The value of a column of `kind`. `flag`: whether it also takes JSON
/// booleans, as `1` and `0`.
pub(crate) fn decode<'a>(token: Token<'a>, kind: Kind, flag: bool) -> Result<Value<'a>, FieldFault> {
    let text = match token {
        Token::Null => return Ok(Value::Null),
        Token::Bool(value) if flag && kind == Kind::Text => return Ok(Value::Text(Cow::Borrowed(if value { "1" } else { "0" }))),
        Token::Bool(_) | Token::Container => return Err(FieldFault::Type),
        Token::Number(number) => {
            let integer = !number.contains(['.', 'e', 'E']);
            if !integer && matches!(kind, Kind::Text | Kind::Date | Kind::Time) {
                return Err(FieldFault::Type);
            }
            Cow::Borrowed(number)
        }
        Token::Text(text) if is_blank(&text) => return Ok(Value::Null),
        Token::Text(text) => text,
    };
    match kind {
        Kind::Text => Ok(Value::Text(text)),
        Kind::Amount | Kind::Quantity | Kind::Price | Kind::Rate => {
            decimal(text.as_bytes(), kind.scale().unwrap_or(0), precision(kind)).map(Value::Decimal)
        }
        Kind::Int => {
            let whole = decimal(text.as_bytes(), 0, 10)?;
            i32::try_from(whole).map(Value::Int).map_err(|_| FieldFault::Range)
        }
        Kind::Date => {
            let civil = time::parse(text.as_bytes()).ok_or(FieldFault::Syntax)?;
            i32::try_from(civil.day()).map(Value::Date).map_err(|_| FieldFault::Range)
        }
        Kind::Time => time::parse(text.as_bytes()).map(|civil| Value::Time(civil.0)).ok_or(FieldFault::Syntax),
        Kind::Flag => Err(FieldFault::Type),
    }
}

/// Whether a text says nothing: fixed-width exports fill with spaces, some of
/// them ideographic.
fn is_blank(text: &str) -> bool {
    text.chars().all(|ch| matches!(ch, ' ' | '\t' | '\n' | '\r' | '\u{3000}'))
}

/// Whether a text of these bytes may say nothing.
pub(crate) fn begins_blank(bytes: &[u8]) -> bool {
    matches!(bytes, [b' ', ..] | [0xE3, 0x80, 0x80, ..])
}

/// Reads a decimal number in units of 10^-`scale`. Zeros in front are allowed
/// (fixed-width exports have them), signs other than a leading `-` are not.
pub(crate) fn decimal(text: &[u8], scale: u8, precision: u8) -> Result<i128, FieldFault> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&text[..at], exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) if at + 1 < mantissa.len() => (&mantissa[..at], &mantissa[at + 1..]),
        Some(_) => return Err(FieldFault::Syntax),
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(FieldFault::Syntax);
    }
    // Zeros at either end weigh nothing, so a number of any length is cut to
    // the digits that count before they are added up.
    let zeros_behind = whole.iter().chain(fraction).rev().take_while(|digit| **digit == b'0').count();
    let count = whole.len() + fraction.len();
    if zeros_behind == count {
        return Ok(0);
    }
    let zeros_before = whole.iter().chain(fraction).take_while(|digit| **digit == b'0').count();
    let power = i64::from(scale) + exponent - fraction.len() as i64 + zeros_behind as i64;
    if power < 0 {
        return Err(FieldFault::Scale);
    }
    let digits = count - zeros_behind - zeros_before;
    if digits as i64 + power > i64::from(precision) {
        return Err(FieldFault::Range);
    }
    let significant = whole.iter().chain(fraction).skip(zeros_before).take(digits);
    let value = significant.fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0')) * 10_i128.pow(power as u32);
    Ok(if negative { -value } else { value })
}

/// An exponent; beyond what any number of a message can balance it is cut off.
fn exponent(text: &[u8]) -> Result<i64, FieldFault> {
    const FAR: i64 = 1 << 40;
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(FieldFault::Syntax);
    }
    let size = digits.iter().fold(0, |sum: i64, digit| (sum * 10 + i64::from(digit - b'0')).min(FAR));
    Ok(if negative { -size } else { size })
}

const POWERS: [i64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Reads a plain number (no exponent, at most seven digits before and seven
/// after the point) that starts at `pos`; returns it in units of 10^-`scale`
/// with the place behind it. `None`: let [`decimal`] look.
///
/// What follows the number is not looked at.
#[inline(always)]
pub(crate) fn plain_decimal(bytes: &[u8], pos: usize, scale: u8) -> Option<(i64, usize)> {
    short_signed(bytes, pos, scale).or_else(|| longer_decimal(bytes, pos, scale))
}

/// The characters of a number of at most seven of them, without a sign, that
/// a word begins with.
struct Short {
    /// Digits before the point.
    whole: usize,
    /// All characters: `whole` if it has no point.
    end: usize,
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

#[inline(always)]
fn short(word: u64) -> Option<Short> {
    let lanes = word ^ ZEROS;
    // A lane above 9 carries into its high bit. Only bytes outside ASCII carry
    // further, and upwards: the lowest flag is exact, and so is the next one
    // if the lowest is a point.
    let others = (lanes.wrapping_add(0x7676_7676_7676_7676) | lanes) & 0x8080_8080_8080_8080;
    let whole = others.trailing_zeros() as usize / 8;
    if whole == 0 || others == 0 || (whole > 1 && lanes & 0xff == 0) {
        return None;
    }
    let exponent = |end: usize| word >> (8 * end) & 0xdf == u64::from(b'E');
    if word >> (8 * whole) & 0xff != u64::from(b'.') {
        return (!exponent(whole)).then_some(Short { whole, end: whole });
    }
    let others = others & (others - 1);
    let end = others.trailing_zeros() as usize / 8;
    (others != 0 && end > whole + 1 && !exponent(end)).then_some(Short { whole, end })
}

/// How many characters a number has that is written with at most seven of
/// them, without sign or exponent; 0 if there is none.
#[inline(always)]
pub(crate) fn short_number(word: u64) -> usize {
    short(word).map_or(0, |short| short.end)
}

/// The value of such a number in units of 10^-`scale`, and its length.
#[inline(always)]
pub(crate) fn short_decimal(word: u64, scale: u8) -> Option<(i64, usize)> {
    let Short { whole, end } = short(word)?;
    let scale = usize::from(scale);
    let lanes = word ^ ZEROS;
    let (digits, count, places) = if end > whole {
        // The point's lane is taken out.
        let before = (1 << (8 * whole)) - 1;
        ((lanes & before) | (lanes >> 8 & !before), end - 1, end - whole - 1)
    } else {
        (lanes, whole, 0)
    };
    Some((add_up(digits, count) * POWERS.get(scale.checked_sub(places)?)?, end))
}

/// [`short_decimal`] with a sign or not.
#[inline(always)]
fn short_signed(bytes: &[u8], mut pos: usize, scale: u8) -> Option<(i64, usize)> {
    let negative = *bytes.get(pos)? == b'-';
    pos += usize::from(negative);
    let word = u64::from_le_bytes(*bytes.get(pos..)?.first_chunk::<8>()?);
    let (value, end) = short_decimal(word, scale)?;
    Some((if negative { -value } else { value }, pos + end))
}

/// The number that the lowest `count` lanes (1 to 7) write: they move to the
/// high end, zeros fill in front, then pairs, fours and eights are added up.
#[inline(always)]
fn add_up(lanes: u64, count: usize) -> i64 {
    let digits = lanes << (64 - 8 * count);
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let eight = fours.wrapping_mul(10_000) + (fours >> 32);
    (eight & 0xffff_ffff) as i64
}

/// [`plain_decimal`] for what is longer.
#[inline(never)]
fn longer_decimal(bytes: &[u8], mut pos: usize, scale: u8) -> Option<(i64, usize)> {
    let negative = *bytes.get(pos)? == b'-';
    pos += usize::from(negative);
    let (whole, whole_digits) = up_to_7_digits(bytes, pos)?;
    if whole_digits > 1 && bytes[pos] == b'0' {
        return None;
    }
    pos += whole_digits;
    if bytes.get(pos) != Some(&b'.') {
        return None;
    }
    let (fraction, places) = up_to_7_digits(bytes, pos + 1)?;
    pos += 1 + places;
    if matches!(bytes.get(pos), Some(b'e' | b'E')) {
        return None;
    }
    let scale = usize::from(scale);
    let value = whole * POWERS.get(scale)? + fraction * POWERS.get(scale.checked_sub(places)?)?;
    Some((if negative { -value } else { value }, pos))
}

/// The number that one to seven digits at `pos` write, and how many there are.
fn up_to_7_digits(bytes: &[u8], pos: usize) -> Option<(i64, usize)> {
    let lanes = u64::from_le_bytes(*bytes.get(pos..)?.first_chunk::<8>()?) ^ 0x3030_3030_3030_3030;
    let others = (lanes.wrapping_add(0x7676_7676_7676_7676) | lanes) & 0x8080_8080_8080_8080;
    let count = others.trailing_zeros() as usize / 8;
    (1..8).contains(&count).then(|| (add_up(lanes, count), count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(raw: &str, kind: Kind, expect: Result<Value<'_>, FieldFault>) {
        assert_eq!(decode(Token::of(Cow::Borrowed(raw)), kind, false), expect, "{raw} as {kind:?}");
    }

    #[test]
    fn decimals_are_exact() {
        for (raw, units) in [
            ("12.5", 1250),
            ("12.50", 1250),
            ("12.5000", 1250),
            ("1.25e1", 1250),
            ("125E-1", 1250),
            ("0.00125e4", 1250),
            ("1250e-2", 1250),
            ("-12.5", -1250),
            ("0", 0),
            ("-0", 0),
            ("0e999999999999", 0),
            ("0.000e-9999", 0),
            ("\"12.5\"", 1250),
            ("\"-0.01\"", -1),
            ("\"0012.50\"", 1250),
            ("9999999999999999.99", 999_999_999_999_999_999),
            ("0.1", 10),
            ("1e15", 100_000_000_000_000_000),
            ("1.0000000000000000000000000000000000000000", 100),
            ("1000000000000000000000000000000e-30", 100),
        ] {
            check(raw, Kind::Amount, Ok(Value::Decimal(units)));
        }
    }

    #[test]
    fn numbers_that_do_not_fit_say_why() {
        for (raw, kind, fault) in [
            ("12.505", Kind::Amount, FieldFault::Scale),
            ("1e-400", Kind::Amount, FieldFault::Scale),
            ("0.00001", Kind::Quantity, FieldFault::Scale),
            ("10000000000000000", Kind::Amount, FieldFault::Range),
            ("1e400", Kind::Amount, FieldFault::Range),
            ("1e99999999999999999999", Kind::Amount, FieldFault::Range),
            ("123456", Kind::Rate, FieldFault::Range),
            ("\"NaN\"", Kind::Amount, FieldFault::Syntax),
            ("\"1,234\"", Kind::Amount, FieldFault::Syntax),
            ("\" 1\"", Kind::Amount, FieldFault::Syntax),
            ("\"+1\"", Kind::Amount, FieldFault::Syntax),
            ("\".5\"", Kind::Amount, FieldFault::Syntax),
            ("\"1.\"", Kind::Amount, FieldFault::Syntax),
            ("\"1e\"", Kind::Amount, FieldFault::Syntax),
            ("\"--1\"", Kind::Amount, FieldFault::Syntax),
            ("\"-\"", Kind::Amount, FieldFault::Syntax),
            ("\"１\"", Kind::Amount, FieldFault::Syntax),
            ("true", Kind::Amount, FieldFault::Type),
            ("{}", Kind::Amount, FieldFault::Type),
            ("[]", Kind::Text, FieldFault::Type),
            ("true", Kind::Text, FieldFault::Type),
            ("1.5", Kind::Text, FieldFault::Type),
            ("2147483648", Kind::Int, FieldFault::Range),
            ("1.5", Kind::Int, FieldFault::Scale),
            ("99999999999", Kind::Int, FieldFault::Range),
            ("\"2026-02-30\"", Kind::Date, FieldFault::Syntax),
            ("1772000000000", Kind::Time, FieldFault::Syntax),
            ("20260301.5", Kind::Time, FieldFault::Type),
            ("\"2026-03-01T08:30:00+08:00\"", Kind::Time, FieldFault::Syntax),
            ("false", Kind::Time, FieldFault::Type),
        ] {
            check(raw, kind, Err(fault));
        }
    }

    #[test]
    fn other_kinds_take_the_known_forms() {
        let text = |text: &'static str| Ok(Value::Text(Cow::Borrowed(text)));
        check("7", Kind::Text, text("7"));
        check("\"007\"", Kind::Text, text("007"));
        check("12345678901234567890123", Kind::Text, text("12345678901234567890123"));
        check(r#""\u4e2d\n""#, Kind::Text, text("中\n"));
        check("5.0", Kind::Int, Ok(Value::Int(5)));
        check("\"-3\"", Kind::Int, Ok(Value::Int(-3)));
        check("20260301", Kind::Date, Ok(Value::Date(20_513)));
        check("\"2026-03-01 23:59:59\"", Kind::Date, Ok(Value::Date(20_513)));
        check("20260301083005", Kind::Time, Ok(Value::Time(20_513 * 86_400 + 8 * 3600 + 30 * 60 + 5)));
        for kind in [Kind::Text, Kind::Amount, Kind::Int, Kind::Date, Kind::Time] {
            check("null", kind, Ok(Value::Null));
            check("\"\"", kind, Ok(Value::Null));
        }
        assert_eq!(decode(Token::Bool(true), Kind::Text, true), text("1"));
        assert_eq!(decode(Token::Bool(false), Kind::Text, true), text("0"));
    }

    proptest! {
        #[test]
        fn the_quick_way_agrees_with_the_exact_one(text in r"-?(0|[1-9][0-9]{0,9}|[0-9]{1,3})(\.[0-9]{0,8})?([eE][0-9])?", behind in r#"[,}"中. ]"#, scale in 0u8..=6) {
            let padded = format!("{text}{behind} and more text behind");
            if let Some((value, end)) = plain_decimal(padded.as_bytes(), 0, scale) {
                prop_assert_eq!(decimal(&padded.as_bytes()[..end], scale, 18), Ok(i128::from(value)));
                prop_assert!(end == text.len() || behind == ".", "{}", padded);
            }
        }

        #[test]
        fn decimals_survive_printing(units in -999_999_999_999_999_999_i64..=999_999_999_999_999_999, scale in 1u8..=6) {
            let size = 10_i64.pow(u32::from(scale));
            let text = format!("{}{}.{:0width$}", if units < 0 { "-" } else { "" }, units.abs() / size, units.abs() % size, width = usize::from(scale));
            prop_assert_eq!(decimal(text.as_bytes(), scale, 18), Ok(i128::from(units)));
        }
    }
}
