//! Civil time: seconds on the wall clock of the configured zone.
//!
//! National fields carry no zone. Windows, ages and dates are a matter of the
//! wall clock, so the engine counts civil seconds and turns to UTC only where
//! it meets a broker's record timestamps.

use std::fmt;

use chrono::DateTime;
use chrono::Datelike as _;
use chrono::NaiveDate;
use chrono::NaiveDateTime;
use chrono::Offset as _;
use chrono::TimeZone as _;
use chrono_tz::Tz;
use serde::Deserialize;
use serde::Serialize;

pub const SECONDS_PER_DAY: i64 = 86_400;

/// Seconds since 1970-01-01 00:00:00 on the wall clock of the configured zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Civil(pub i64);

impl Civil {
    /// Later than every event: the watermark of an input that has ended.
    pub const MAX: Self = Self(i64::MAX / 4);
    /// Earlier than every event: the watermark of an input not yet seen.
    pub const MIN: Self = Self(i64::MIN / 4);

    /// Days since 1970-01-01, rounded down.
    pub fn day(self) -> i64 {
        self.0.div_euclid(SECONDS_PER_DAY)
    }

    pub fn plus_days(self, days: i64) -> Self {
        Self(self.0 + days * SECONDS_PER_DAY)
    }

    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0 + seconds)
    }

    pub fn from_date(date: NaiveDate) -> Self {
        Self(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
    }

    /// Reads `yyyy-MM-dd` or `yyyy-MM-dd HH:mm:ss`, and the other forms that
    /// feeds are known to use; see [`parse`].
    pub fn parse(text: &str) -> Option<Self> {
        parse(text.as_bytes())
    }
}

impl fmt::Display for Civil {
    /// `yyyy-MM-dd HH:mm:ss`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp(self.0, 0) {
            Some(time) => write!(f, "{}", time.naive_utc().format("%Y-%m-%d %H:%M:%S")),
            None => f.write_str("-"),
        }
    }
}

/// The zone whose wall clock the events tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(pub Tz);

impl Default for Zone {
    fn default() -> Self {
        Self(Tz::Asia__Shanghai)
    }
}

impl Zone {
    /// A record timestamp (milliseconds since the Unix epoch) on this wall clock.
    pub fn civil(self, utc_ms: i64) -> Civil {
        let seconds = utc_ms.div_euclid(1000);
        let offset =
            DateTime::from_timestamp(seconds, 0).map_or(0, |utc| self.0.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc());
        Civil(seconds + i64::from(offset))
    }

    /// Milliseconds since the Unix epoch. Where a clock was turned back the
    /// earlier of the two instants, where it was turned forward the offset before.
    pub fn utc_ms(self, civil: Civil) -> i64 {
        let Some(local) = DateTime::from_timestamp(civil.0, 0) else { return civil.0 };
        let local: NaiveDateTime = local.naive_utc();
        let offset = self
            .0
            .offset_from_local_datetime(&local)
            .earliest()
            .map_or_else(|| self.0.offset_from_utc_datetime(&local).fix().local_minus_utc(), |offset| offset.fix().local_minus_utc());
        (civil.0 - i64::from(offset)) * 1000
    }
}

/// Full years from `birth` to `at`; a birthday counts from its first second,
/// and someone born on 29 February has the birthday on 1 March in other years.
pub fn age_years(birth: NaiveDate, at: NaiveDate) -> i32 {
    let before_birthday = (at.month(), at.day()) < (birth.month(), birth.day());
    at.year() - birth.year() - i32::from(before_birthday)
}

/// Reads a time as national feeds write it. Accepted:
/// `2026-03-01`, `20260301`, `2026-03-01 08:30:00`, `2026-03-01T08:30:00`,
/// `20260301083000`, each with an optional fraction of a second, which is cut off.
/// A zone suffix is not accepted: fields are told in the feed's own zone.
pub fn parse(text: &[u8]) -> Option<Civil> {
    let (date, rest) = match text {
        [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, rest @ ..] => (days_from([*y0, *y1, *y2, *y3, *m0, *m1, *d0, *d1])?, rest),
        [y0, y1, y2, y3, m0, m1, d0, d1, rest @ ..] => (days_from([*y0, *y1, *y2, *y3, *m0, *m1, *d0, *d1])?, rest),
        _ => return None,
    };
    let (clock, fraction) = match rest {
        [] => return Some(Civil(date * SECONDS_PER_DAY)),
        [b' ' | b'T', h0, h1, b':', m0, m1, b':', s0, s1, fraction @ ..] | [h0, h1, m0, m1, s0, s1, fraction @ ..] => {
            ([*h0, *h1, *m0, *m1, *s0, *s1], fraction)
        }
        _ => return None,
    };
    let fraction_ok = match fraction {
        [] => true,
        [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let (hour, minute, second) = (two(clock[0], clock[1])?, two(clock[2], clock[3])?, two(clock[4], clock[5])?);
    (fraction_ok && hour < 24 && minute < 60 && second < 60).then_some(Civil(date * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second))
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// Days since 1970-01-01 of eight digits `yyyyMMdd`; `None` for a day that
/// does not exist and outside 1800 to 2999.
fn days_from(d: [u8; 8]) -> Option<i64> {
    let year = two(d[0], d[1])? * 100 + two(d[2], d[3])?;
    let (month, day) = (two(d[4], d[5])?, two(d[6], d[7])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1800..3000).contains(&year) || !(1..=last).contains(&day) {
        return None;
    }
    // Days since 0000-03-01, a year that starts in March so that the leap day is last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1;
    Some(days - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_forms_agree() {
        let expect = Civil(NaiveDate::from_ymd_opt(2026, 3, 1).unwrap().and_hms_opt(8, 30, 5).unwrap().and_utc().timestamp());
        for text in ["2026-03-01 08:30:05", "2026-03-01T08:30:05", "20260301083005", "2026-03-01 08:30:05.123"] {
            assert_eq!(Civil::parse(text), Some(expect), "{text}");
        }
        assert_eq!(Civil::parse("2026-03-01"), Civil::parse("20260301"));
        assert_eq!(expect.to_string(), "2026-03-01 08:30:05");
    }

    #[test]
    fn days_agree_with_the_calendar() {
        let mut date = NaiveDate::from_ymd_opt(1890, 1, 1).unwrap();
        while date.year() < 2105 {
            assert_eq!(Civil::parse(&date.to_string()), Some(Civil::from_date(date)));
            date = date.succ_opt().unwrap();
        }
    }

    #[test]
    fn other_texts_are_no_time() {
        for text in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "2026-01-01 24:00:00",
            "2026-01-01 00:60:00",
            "2026-01-01 00:00",
            "2026/01/01",
            "2026-01-01Z",
            "2026-01-01T00:00:00+08:00",
            "2026-01-01 00:00:00.",
            "0000-00-00",
            "99991231",
            "二〇二六",
            "2026-1-1",
        ] {
            assert_eq!(Civil::parse(text), None, "{text}");
        }
    }

    #[test]
    fn shanghai_is_eight_hours_ahead_also_through_old_summer_time() {
        let zone = Zone::default();
        assert_eq!(zone.civil(0), Civil(8 * 3600));
        for text in ["2026-03-01 00:00:00", "1988-07-01 12:00:00", "1990-01-01 12:00:00"] {
            let civil = Civil::parse(text).unwrap();
            assert_eq!(zone.civil(zone.utc_ms(civil)), civil, "{text}");
        }
    }

    #[test]
    fn age_turns_on_the_birthday() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(age_years(day("2008-05-10"), day("2026-05-09")), 17);
        assert_eq!(age_years(day("2008-05-10"), day("2026-05-10")), 18);
        assert_eq!(age_years(day("2008-02-29"), day("2026-02-28")), 17);
        assert_eq!(age_years(day("2008-02-29"), day("2026-03-01")), 18);
    }
}
