//! Calendar months, and the panes that are made of them: month, quarter, year to date.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;

/// A month of the civil calendar: months since January 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Month(i32);

impl Month {
    /// `month` from 1 to 12; others count on into the years beside.
    pub fn new(year: i32, month: i32) -> Self {
        Self((year - 1970) * 12 + month - 1)
    }

    /// `yyyy-MM`
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |text: &str, count: usize| {
            let whole = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
            whole.then(|| text.parse().ok()).flatten()
        };
        let (year, month) = text.split_once('-')?;
        let (year, month) = (digits(year, 4)?, digits(month, 2).filter(|month| (1..=12).contains(month))?);
        Some(Self::new(year, month))
    }

    /// The month of a day, counted from 1970-01-01.
    pub fn of_day(day: i32) -> Self {
        // Days since 0000-03-01, in eras of 400 years that each have as many days.
        let days = i64::from(day) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // From March, so that the leap day is last.
        let month_of_year = (5 * day_of_year + 2) / 153;
        let months = (era * 400 + year_of_era - 1970) * 12 + month_of_year + 2;
        // Some 71 million at most.
        Self(months as i32)
    }

    /// The month of a time; a time beyond all days that are counted is taken as the last of them.
    pub fn of(time: Civil) -> Self {
        let day = time.day().clamp(i32::MIN.into(), i32::MAX.into());
        Self::of_day(day as i32)
    }

    pub fn year(self) -> i32 {
        1970 + self.0.div_euclid(12)
    }

    /// 1 to 12.
    pub fn of_year(self) -> i32 {
        self.0.rem_euclid(12) + 1
    }

    #[must_use]
    pub fn plus(self, months: i32) -> Self {
        Self(self.0 + months)
    }

    /// Its first second.
    pub fn start(self) -> Civil {
        // A year that starts in March.
        let (year, month) = (1970 + i64::from(self.0 - 2).div_euclid(12), i64::from(self.0 - 2).rem_euclid(12));
        let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5;
        Civil((days - 719_468) * SECONDS_PER_DAY)
    }

    /// The first second after it.
    pub fn end(self) -> Civil {
        self.plus(1).start()
    }
}

impl fmt::Display for Month {
    /// `yyyy-MM`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.of_year())
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How months are put together to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SpanKind {
    Month,
    Quarter,
    /// January up to each month of the year.
    YearToDate,
}

impl SpanKind {
    pub const ALL: [Self; 3] = [Self::Month, Self::Quarter, Self::YearToDate];
}

/// The time of a pane: whole months of one year, from `start` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    kind: SpanKind,
    start: Month,
    last: Month,
}

impl Span {
    /// The span of `kind` that `month` ends; `None` for a quarter unless the month is its last.
    pub fn ending(kind: SpanKind, month: Month) -> Option<Self> {
        let back = match kind {
            SpanKind::Month => 0,
            SpanKind::Quarter if month.of_year() % 3 == 0 => 2,
            SpanKind::Quarter => return None,
            SpanKind::YearToDate => month.of_year() - 1,
        };
        Some(Self { kind, start: month.plus(-back), last: month })
    }

    pub fn kind(&self) -> SpanKind {
        self.kind
    }

    pub fn start(&self) -> Month {
        self.start
    }

    pub fn last(&self) -> Month {
        self.last
    }

    /// The first second after it.
    pub fn end(&self) -> Civil {
        self.last.end()
    }

    pub fn holds(&self, month: Month) -> bool {
        self.start <= month && month <= self.last
    }
}

/// A set of spans of one year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spans(u64);

impl Spans {
    const KINDS: i32 = SpanKind::ALL.len() as i32;

    /// All spans of its year that hold `month`.
    pub(super) fn with(month: Month) -> Self {
        let mut spans = Self::default();
        for last in month.of_year()..=12 {
            let last = Month::new(month.year(), last);
            for span in SpanKind::ALL.into_iter().filter_map(|kind| Span::ending(kind, last)).filter(|span| span.holds(month)) {
                spans.insert(span);
            }
        }
        spans
    }

    fn bit(span: Span) -> u64 {
        1 << ((span.last.of_year() - 1) * Self::KINDS + span.kind as i32)
    }

    pub(super) fn insert(&mut self, span: Span) {
        self.0 |= Self::bit(span);
    }

    pub(super) fn insert_all(&mut self, spans: Self) {
        self.0 |= spans.0;
    }

    pub(super) fn and(self, spans: Self) -> Self {
        Self(self.0 & spans.0)
    }

    pub(super) fn remove(&mut self, span: Span) {
        self.0 &= !Self::bit(span);
    }

    pub(super) fn contains(&self, span: Span) -> bool {
        self.0 & Self::bit(span) != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// The span that ends first, of equal ones the one of the lesser kind.
    pub(super) fn first(&self, year: i32) -> Option<Span> {
        let bit = (!self.is_empty()).then(|| self.0.trailing_zeros() as i32)?;
        let kind = SpanKind::ALL.into_iter().find(|kind| *kind as i32 == bit % Self::KINDS)?;
        Span::ending(kind, Month::new(year, bit / Self::KINDS + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_agree_with_the_calendar() {
        use chrono::Datelike as _;
        let mut date = chrono::NaiveDate::from_ymd_opt(1799, 12, 1).unwrap();
        while date.year() < 2401 {
            let month = Month::of(Civil::from_date(date));
            assert_eq!((month.year(), month.of_year()), (date.year(), date.month() as i32), "{date}");
            if date.day() == 1 {
                assert_eq!(month.start(), Civil::from_date(date));
            }
            date = date.succ_opt().unwrap();
            if Month::of(Civil::from_date(date)) != month {
                assert_eq!(month.end(), Civil::from_date(date));
            }
        }
    }

    #[test]
    fn any_day_and_any_time_has_a_month() {
        for day in [i32::MIN, i32::MIN + 1, -1, 0, i32::MAX] {
            let month = Month::of_day(day);
            let start = Civil(i64::from(day) * SECONDS_PER_DAY);
            assert!(month.start() <= start && start < month.end(), "{day}");
            assert_eq!(Month::of(start), month);
        }
        assert!(Month::of(Civil::MIN) < Month::of(Civil(0)) && Month::of(Civil(0)) < Month::of(Civil::MAX));
    }

    #[test]
    fn a_month_is_held_by_spans_of_its_year() {
        let check = |month: i32, expect: &str| {
            let mut spans = Spans::with(Month::new(2026, month));
            let mut found = Vec::new();
            while let Some(span) = spans.first(2026) {
                spans.remove(span);
                found.push(format!("{:?} {} {}", span.kind(), span.start().of_year(), span.last().of_year()));
            }
            assert_eq!(found.join(", "), expect);
        };
        check(11, "Month 11 11, YearToDate 1 11, Quarter 10 12, YearToDate 1 12");
        check(9, "Month 9 9, Quarter 7 9, YearToDate 1 9, YearToDate 1 10, YearToDate 1 11, YearToDate 1 12");
        check(12, "Month 12 12, Quarter 10 12, YearToDate 1 12");
        assert_eq!(Spans::with(Month::new(2026, 1)).0.count_ones(), 1 + 1 + 12);
        assert_eq!(Span::ending(SpanKind::Quarter, Month::new(2026, 2)), None);
    }
}
