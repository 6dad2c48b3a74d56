//! What the registers of the made-up city say of its institutions and doctors:
//! agreements, licences, departments, posts and guide prices, each with its days.

use crate::base::time::Civil;
use crate::reference::validity::Validity;

use super::city::CityError;
use super::city::Row;
use super::city::cell;

/// Of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Active,
    Suspended,
    Ended,
}

/// A row of `agreements`. Institutions are places in [`super::City::institutions`].
#[derive(Clone, Debug)]
pub(super) struct Agreement {
    pub institution: u32,
    /// The supplement for online care, not the main agreement.
    pub online: bool,
    pub state: State,
    pub days: Validity,
}

/// Days on which an institution has, or is denied, a licence for online care.
#[derive(Clone, Debug)]
pub(super) struct Licence {
    pub institution: u32,
    pub licensed: bool,
    pub days: Validity,
}

/// A row of `departments`.
#[derive(Clone, Debug)]
pub(super) struct Department {
    pub institution: u32,
    pub code: String,
    pub days: Validity,
}

/// A row of `staff`.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub doctor: String,
    pub institution: u32,
    pub days: Validity,
    /// When the insurance did not pay for what the doctor does.
    pub suspended: Option<Validity>,
}

/// A row of `guide_prices`; an empty text asks for nothing.
#[derive(Clone, Debug)]
pub(super) struct GuidePrice {
    pub item: String,
    pub area: String,
    pub level: String,
    pub nature: String,
    /// 分.
    pub price: i64,
    pub days: Validity,
}

/// 999999 元 says that the market sets the price.
pub(super) const MARKET_PRICE: i64 = 99_999_900;

/// The rows of all times.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry {
    pub agreements: Vec<Agreement>,
    pub licences: Vec<Licence>,
    pub departments: Vec<Department>,
    pub posts: Vec<Post>,
    pub guide_prices: Vec<GuidePrice>,
}

/// Rows of one table, undated.
pub(super) type Rows<'a> = &'a dyn Fn(&str) -> Result<Vec<Row>, CityError>;

impl Registry {
    /// Reads what `place` knows the institution of.
    pub(super) fn read(rows: Rows<'_>, place: &dyn Fn(&str) -> Option<u32>) -> Result<Self, CityError> {
        let mut read = Self::default();
        for row in rows("agreements")? {
            let Some(institution) = place(cell(&row, "fixmedins_code")) else { continue };
            let state = match cell(&row, "state") {
                "active" => State::Active,
                "suspended" => State::Suspended,
                "ended" => State::Ended,
                other => return Err(CityError(format!("agreements: {other} is no state"))),
            };
            read.agreements.push(Agreement { institution, online: cell(&row, "kind") == "online", state, days: days("agreements", &row)? });
        }
        for row in rows("institutions")? {
            let Some(institution) = place(cell(&row, "fixmedins_code")) else { continue };
            let licensed = cell(&row, "online_licence") == "1";
            read.licences.push(Licence { institution, licensed, days: days("institutions", &row)? });
        }
        for row in rows("departments")? {
            let Some(institution) = place(cell(&row, "fixmedins_code")) else { continue };
            read.departments.push(Department { institution, code: cell(&row, "dept_code").to_owned(), days: days("departments", &row)? });
        }
        for row in rows("staff")? {
            let Some(institution) = place(cell(&row, "fixmedins_code")) else { continue };
            let suspended = match cell(&row, "suspended_from") {
                "" => None,
                _ => Some(period("staff", &row, "suspended_from", "suspended_to")?),
            };
            read.posts.push(Post { doctor: cell(&row, "dr_code").to_owned(), institution, days: days("staff", &row)?, suspended });
        }
        for row in rows("guide_prices")? {
            let price: f64 = cell(&row, "price").parse().map_err(|_| CityError("guide_prices: price cannot be read".to_owned()))?;
            let text = |column: &str| cell(&row, column).to_owned();
            read.guide_prices.push(GuidePrice {
                item: text("med_list_codg"),
                area: text("area"),
                level: text("level"),
                nature: text("nature"),
                price: (price * 100.0).round() as i64,
                days: days("guide_prices", &row)?,
            });
        }
        Ok(read)
    }

    /// Whether no register has anything to say against an institution on any
    /// of the days: its agreement is active, and that of an online body for
    /// online care too, for which it is licensed. A city without registers has
    /// nothing to say at all.
    pub(super) fn in_order(&self, institution: u32, online_body: bool, span: Validity) -> bool {
        let active = |online: bool| {
            let rows = self.agreements.iter().filter(|row| row.institution == institution && row.online == online);
            covered(rows.filter(|row| row.state == State::Active).map(|row| row.days), span)
        };
        let licensed = || {
            let rows = self.licences.iter().filter(|row| row.institution == institution && row.licensed);
            covered(rows.map(|row| row.days), span)
        };
        self.agreements.is_empty() || active(false) && (!online_body || active(true) && licensed())
    }

    /// Doctors who are registered or filed at one of the places on all days and
    /// were never suspended.
    pub(super) fn doctors(&self, places: &[u32], span: Validity) -> Vec<String> {
        let here = self.posts.iter().filter(|post| places.contains(&post.institution) && post.days.covers(span));
        let suspended = |doctor: &str| self.posts.iter().any(|post| post.doctor == doctor && post.suspended.is_some());
        let mut found: Vec<String> = here.filter(|post| !suspended(&post.doctor)).map(|post| post.doctor.clone()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn covered(periods: impl Iterator<Item = Validity>, span: Validity) -> bool {
    let mut periods: Vec<Validity> = periods.collect();
    periods.sort_unstable();
    let until = periods.into_iter().fold(span.from, |until, days| if days.from <= until { until.max(days.to) } else { until });
    until >= span.to
}

fn days(table: &str, row: &Row) -> Result<Validity, CityError> {
    period(table, row, "valid_from", "valid_to")
}

fn period(table: &str, row: &Row, from: &str, to: &str) -> Result<Validity, CityError> {
    let day = |column: &str, otherwise: i64| match cell(row, column) {
        "" => Ok(otherwise),
        text => Civil::parse(text).map(Civil::day).ok_or_else(|| CityError(format!("{table}: {column} {text} is no day"))),
    };
    Ok(Validity { from: day(from, i64::MIN)?, to: day(to, Validity::OPEN)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_covered_by_terms_that_follow_one_another() {
        let days = |from, to| Validity { from, to };
        for (terms, expect) in [
            (vec![days(0, 10)], true),
            (vec![days(6, 10), days(0, 6)], true),
            (vec![days(0, 5), days(6, 10)], false),
            (vec![days(2, 10)], false),
            (vec![days(0, 8)], false),
            (Vec::new(), false),
        ] {
            assert_eq!(covered(terms.clone().into_iter(), days(1, 9)), expect, "{terms:?}");
        }
    }
}
