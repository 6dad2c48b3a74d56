//! Cells of a baseline by stratum: what kind of case a cell is about, and which
//! of several cells answers for a case.

use std::fmt;

use hashbrown::HashMap;

use crate::reference::validity::Validity;

/// Fewest cases of a cell whose mean may be expected of others.
pub const CASES_OF_MEAN: u64 = 30;
/// Fewest cases of a cell whose P95 has an upper limit among them: with fewer
/// the distribution-free 95 % interval of the order statistics has no upper end.
pub const CASES_OF_CEILING: u64 = 72;

/// Stands in a table for every value.
pub const ANY: &str = "*";

/// Bands of institutions (一级, 二级, 三级).
pub const LEVEL_WORDS: &[(&str, Option<u8>)] = &[("1", Some(1)), ("2", Some(2)), ("3", Some(3)), (ANY, None)];

/// The words for where care was given, as events tell it.
pub const SETTING_WORDS: &[(&str, ())] = &[
    ("inpatient", ()),
    ("outpatient", ()),
    ("emergency", ()),
    ("registration", ()),
    ("chronic", ()),
    ("day_surgery", ()),
    ("pharmacy", ()),
    ("maternity_outpatient", ()),
    ("maternity_inpatient", ()),
    ("home_bed", ()),
    ("other", ()),
    (ANY, ()),
];

/// The band of a national level code (`hosp_lv`); `None` for one without a level.
pub fn level_band(code: &str) -> Option<u8> {
    match code {
        "01" | "02" | "03" | "04" | "12" => Some(3),
        "05" | "06" | "07" | "13" => Some(2),
        "08" | "09" | "10" | "14" => Some(1),
        _ => None,
    }
}

/// Whole years of age, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgeBand {
    pub first: u8,
    pub last: u8,
}

impl AgeBand {
    /// `18-64`, or `65-` for all from 65 on; no leading zeros.
    pub fn parse(text: &str) -> Option<Self> {
        let year = |text: &str| text.parse().ok().filter(|year: &u8| year.to_string() == text);
        let (first, last) = text.split_once('-')?;
        let first = year(first)?;
        let last = if last.is_empty() { u8::MAX } else { year(last)? };
        (first <= last).then_some(Self { first, last })
    }

    pub fn holds(self, age: u8) -> bool {
        self.first <= age && age <= self.last
    }

    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for AgeBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            u8::MAX => write!(f, "{}-", self.first),
            last => write!(f, "{}-{last}", self.first),
        }
    }
}

/// What kind of case it is. What is not known of it (`None`) is answered only
/// by rows that say `*` there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stratum<'a> {
    /// A DRG, DIP or other group, as the baseline writes it.
    pub disease_group: Option<&'a str>,
    /// Whole years.
    pub age: Option<u8>,
    /// 1, 2 or 3; see [`level_band`].
    pub inst_level: Option<u8>,
    /// One of [`SETTING_WORDS`].
    pub setting: Option<&'a str>,
    pub insutype: Option<&'a str>,
}

/// How far a cell lies from a case: what it does not ask about. A smaller one
/// is nearer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fallback(u8);

impl Fallback {
    /// From what is dropped first to what is dropped last.
    const PARTS: [&'static str; 5] = ["insutype", "age_band", "inst_level", "setting", "disease_group"];
    const AGE: u8 = 1 << 1;

    /// `stars`: whether the columns say `*`, in the order of `PARTS`.
    pub fn of(stars: [bool; 5]) -> Self {
        Self((0..).zip(stars).map(|(bit, star)| u8::from(star) << bit).sum())
    }

    /// 0 for a cell that asks about everything, up to 31.
    pub fn level(self) -> u8 {
        self.0
    }

    /// The columns that say `*`.
    pub fn dropped(self) -> impl Iterator<Item = &'static str> {
        (0..).zip(Self::PARTS).filter(move |(bit, _)| self.0 >> bit & 1 == 1).map(|(_, part)| part)
    }

    fn drops(self, part: u8) -> bool {
        self.0 & part != 0
    }
}

/// The five parts of a row of the table, `None` for `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    pub disease_group: Option<&'a str>,
    pub age_band: Option<AgeBand>,
    pub inst_level: Option<u8>,
    pub setting: Option<&'a str>,
    pub insutype: Option<&'a str>,
}

/// Numbers of texts, from 1: 0 says `*`.
#[derive(Debug, Default)]
struct Numbers(HashMap<String, u32>);

impl Numbers {
    fn take(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        let next = self.0.len() as u32 + 1;
        *self.0.entry_ref(text).or_insert(next)
    }

    /// `None` for what no row names.
    fn get(&self, text: Option<&str>) -> Option<u32> {
        self.0.get(text?).copied()
    }
}

/// Numbers of disease group and kind of insurance, level and setting.
type Key = (u32, u32, u8, u8);

#[derive(Debug)]
struct Entry<T> {
    age: Option<AgeBand>,
    validity: Validity,
    value: T,
}

/// Values by stratum and day. A look-up hashes two texts and, for each set of
/// `*` that occurs in the table, four small numbers; it allocates nothing.
#[derive(Debug)]
pub struct Strata<T> {
    texts: Numbers,
    by_key: HashMap<Key, Vec<Entry<T>>>,
    /// The sets of `*` that occur, nearest first.
    fallbacks: Vec<Fallback>,
}

impl<T> Default for Strata<T> {
    fn default() -> Self {
        Self { texts: Numbers::default(), by_key: HashMap::new(), fallbacks: Vec::new() }
    }
}

impl<T> Strata<T> {
    pub fn insert(&mut self, place: Place<'_>, validity: Validity, value: T) {
        let key = (
            self.texts.take(place.disease_group),
            self.texts.take(place.insutype),
            place.inst_level.unwrap_or_default(),
            place.setting.and_then(setting_number).unwrap_or_default(),
        );
        let stars = [key.1 == 0, place.age_band.is_none(), key.2 == 0, key.3 == 0, key.0 == 0];
        let fallback = Fallback::of(stars);
        if let Err(at) = self.fallbacks.binary_search(&fallback) {
            self.fallbacks.insert(at, fallback);
        }
        self.by_key.entry(key).or_default().push(Entry { age: place.age_band, validity, value });
    }

    /// Every value that answers for such a case on a day, nearest first.
    pub fn fitting(&self, stratum: Stratum<'_>, day: i64) -> impl Iterator<Item = (Fallback, &T)> {
        let group = self.texts.get(stratum.disease_group);
        let insutype = self.texts.get(stratum.insutype);
        let setting = stratum.setting.and_then(setting_number);
        self.fallbacks.iter().filter_map(move |fallback| {
            let [of_insutype, of_age, of_level, of_setting, of_group] = [1, Fallback::AGE, 4, 8, 16].map(|part| fallback.drops(part));
            let key: Key = (
                if of_group { 0 } else { group? },
                if of_insutype { 0 } else { insutype? },
                if of_level { 0 } else { stratum.inst_level? },
                if of_setting { 0 } else { setting? },
            );
            let fits = |entry: &&Entry<T>| match entry.age {
                Some(band) => !of_age && stratum.age.is_some_and(|age| band.holds(age)),
                None => of_age,
            };
            let entry = self.by_key.get(&key)?.iter().filter(fits).find(|entry| entry.validity.holds(day))?;
            Some((*fallback, &entry.value))
        })
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.by_key.values().flatten().map(|entry| &entry.value)
    }
}

/// From 1.
fn setting_number(word: &str) -> Option<u8> {
    (1..).zip(SETTING_WORDS).find(|(_, (known, ()))| *known == word).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_of_age_are_whole_years() {
        let check = |text: &str, expect: Option<(u8, u8)>| {
            assert_eq!(AgeBand::parse(text), expect.map(|(first, last)| AgeBand { first, last }), "{text}");
        };
        check("0-17", Some((0, 17)));
        check("65-", Some((65, 255)));
        check("7-7", Some((7, 7)));
        for text in ["", "-", "-17", "17-0", "00-17", "0-017", "+1-3", "18", "18-64-", "1.5-3", "0-300", " 0-17", "*", "六十-"] {
            check(text, None);
        }
        for text in ["0-17", "65-", "7-7"] {
            assert_eq!(AgeBand::parse(text).map(|band| band.to_string()).as_deref(), Some(text));
        }
    }

    /// The place that a row of five words stands for.
    fn place(row: &'static str) -> Place<'static> {
        let part: Vec<Option<&str>> = row.split(' ').map(|word| Some(word).filter(|word| *word != ANY)).collect();
        Place {
            disease_group: part[0],
            age_band: part[1].map(|band| AgeBand::parse(band).unwrap()),
            inst_level: part[2].map(|level| level.parse().unwrap()),
            setting: part[3],
            insutype: part[4],
        }
    }

    const ALL_KNOWN: Stratum<'_> =
        Stratum { disease_group: Some("304-3"), age: Some(70), inst_level: Some(3), setting: Some("inpatient"), insutype: Some("310") };

    #[test]
    fn the_nearest_row_answers_first() {
        // In the order in which they answer; put in backwards.
        let rows = [
            "304-3 65- 3 inpatient 310",
            "304-3 65- 3 inpatient *",
            "304-3 * 3 inpatient 310",
            "304-3 * 3 inpatient *",
            "304-3 65- * inpatient *",
            "304-3 * * inpatient *",
            "304-3 65- 3 * 310",
            "304-3 * * * *",
            "* 65- 3 inpatient 310",
            "* * * * *",
        ];
        let mut strata = Strata::default();
        for row in rows.iter().rev() {
            strata.insert(place(row), Validity { from: 10, to: 20 }, *row);
        }
        let found = |stratum: Stratum<'_>, day: i64| strata.fitting(stratum, day).map(|(_, row)| *row).collect::<Vec<_>>();
        assert_eq!(found(ALL_KNOWN, 10), rows);
        assert_eq!((found(ALL_KNOWN, 9), found(ALL_KNOWN, 20)), (vec![], vec![]));
        assert_eq!(found(Stratum { age: None, ..ALL_KNOWN }, 10), [rows[2], rows[3], rows[5], rows[7], rows[9]]);
        assert_eq!(found(Stratum { age: Some(64), insutype: Some("390"), ..ALL_KNOWN }, 10), [rows[3], rows[5], rows[7], rows[9]]);
        assert_eq!(found(Stratum { disease_group: Some("1"), ..ALL_KNOWN }, 10), [rows[8], rows[9]]);
        // A word of one column is none of another.
        assert_eq!(found(Stratum { disease_group: Some("310"), ..ALL_KNOWN }, 10), [rows[8], rows[9]]);
        assert_eq!(found(Stratum { setting: Some("ward"), ..ALL_KNOWN }, 10), [rows[6], rows[7], rows[9]]);
        assert_eq!(found(Stratum::default(), 10), [rows[9]]);
        let dropped: Vec<Vec<&str>> = strata.fitting(ALL_KNOWN, 10).map(|(fallback, _)| fallback.dropped().collect()).collect();
        assert_eq!(dropped[3], ["insutype", "age_band"]);
        assert_eq!(dropped[9], ["insutype", "age_band", "inst_level", "setting", "disease_group"]);
        assert!(strata.fitting(ALL_KNOWN, 10).is_sorted_by_key(|(fallback, _)| fallback.level()));
    }
}
