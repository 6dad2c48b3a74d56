//! Where stays happen, and what is planted in the live month on whole groups of
//! them: institutions, departments and doctors whose cases are not as usual.

use crate::reference::baseline_tables::Measure;
use crate::reference::baseline_tables::UnitKind;

use super::SynthSettings;
use super::city::City;
use super::city::Institution;
use super::wards::GENERAL;
use super::wards::HEARTS;
use super::wards::HEAVY;
use super::wards::INNER;
use super::wards::JOINTS;
use super::wards::Mix;
use super::wards::RECOVERY;
use super::wards::TOWNSHIP;
use super::wards::Usage;

/// What the cases of a planted group should come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// A clue about the unit.
    Violation,
    /// A plain quotient would accuse the unit; no clue.
    Innocent,
}

/// A planted group. It has no rule: whichever judges its indicator is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTruth {
    pub kind: GroupKind,
    /// Name of the pattern, and what it is called in Chinese.
    pub pattern: &'static str,
    pub title: &'static str,
    pub institution: String,
    pub unit_kind: UnitKind,
    /// Code of the department or doctor; of the institution itself where that is meant.
    pub unit: String,
    /// Indicator of the baseline, and the ratio of it.
    pub indicator: &'static str,
    pub measure: Measure,
    /// Further indicators that the same conduct raises.
    pub beside: &'static [&'static str],
}

impl GroupTruth {
    /// Whether it was planted for whoever judges this ratio of this indicator.
    pub fn is_meant(&self, indicator: &str, measure: Measure) -> bool {
        (self.indicator, self.measure) == (indicator, measure)
    }

    /// Whether a clue about any unit of an institution comes of this conduct: a
    /// department's excess is also its hospital's, and that of its doctors.
    pub fn explains(&self, institution: &str, indicator: &str) -> bool {
        let same = self.indicator == indicator || self.beside.contains(&indicator);
        self.kind == GroupKind::Violation && self.institution == institution && same
    }
}

/// What a group does in the live month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conduct {
    /// All its stays use this part of what is usual.
    Uses(Usage),
    /// So do those of one department.
    Department(&'static str, Usage),
    /// So do those of its first doctor.
    Doctor(Usage),
    /// So do three of ten stays.
    Often(Usage),
    /// So do two stays.
    Twice(Usage),
    /// Two of three stays are not told, and the others use this.
    Missing(Usage),
    /// Of its visits' drugs with a ceiling so many in a thousand are sold above
    /// it; the person pays what is above.
    Above(u64),
    /// They are all sold right at it.
    AtCeiling,
    /// Nothing: its cases are costly ones in every month.
    Nothing,
}

struct Pattern {
    name: &'static str,
    title: &'static str,
    institution: &'static str,
    conduct: Conduct,
    kind: GroupKind,
    indicator: &'static str,
    measure: Measure,
    beside: &'static [&'static str],
}

const USUAL: Usage = Usage::USUAL;

#[rustfmt::skip]
const PATTERNS: [Pattern; 12] = [
    Pattern {
        name: "orthopaedic_consumables_twice", title: "骨科耗材次均费用为同类的两倍",
        institution: "H99010100006", conduct: Conduct::Uses(Usage { ortho: 200, ..USUAL }), kind: GroupKind::Violation,
        indicator: "ortho_consumable_cost", measure: Measure::Expected,
        beside: &["ortho_consumable_count", "consumable_cost", "total_cost"],
    },
    Pattern {
        name: "cardiac_consumables_high", title: "心脏介入耗材次均费用为同类的1.8倍",
        institution: "H99010200002", conduct: Conduct::Uses(Usage { cardiac: 180, ..USUAL }), kind: GroupKind::Violation,
        indicator: "cardiac_consumable_cost", measure: Measure::Expected,
        beside: &["cardiac_consumable_count", "consumable_cost", "total_cost"],
    },
    Pattern {
        name: "rehabilitation_three_times", title: "康复科每日康复项目为同类的三倍",
        institution: "H99010100002", conduct: Conduct::Department("A21", Usage { rehab: 300, ..USUAL }), kind: GroupKind::Violation,
        indicator: "rehab_per_day", measure: Measure::Expected,
        beside: &["total_cost"],
    },
    Pattern {
        name: "doctors_tests_high", title: "主诊医师次均检查检验为同类的2.5倍",
        institution: "H99010200001", conduct: Conduct::Doctor(Usage { tests: 250, ..USUAL }), kind: GroupKind::Violation,
        indicator: "tests", measure: Measure::Expected,
        beside: &["total_cost"],
    },
    Pattern {
        name: "drug_cost_high", title: "住院次均药费为同类的1.6倍",
        institution: "H99010300002", conduct: Conduct::Uses(Usage { drugs: 160, ..USUAL }), kind: GroupKind::Violation,
        indicator: "drug_cost", measure: Measure::Expected,
        beside: &["total_cost"],
    },
    Pattern {
        name: "long_stays", title: "平均住院日为同类的1.6倍",
        institution: "H99010200003", conduct: Conduct::Uses(Usage { days: 160, ..USUAL }), kind: GroupKind::Violation,
        indicator: "stay_days", measure: Measure::Expected,
        beside: &["total_cost", "consumable_cost"],
    },
    Pattern {
        name: "consumable_ceiling_passed_often", title: "三成住院病例耗材费用超上限",
        institution: "H99010300005", conduct: Conduct::Often(Usage { others: 300, ..USUAL }), kind: GroupKind::Violation,
        indicator: "consumable_cost", measure: Measure::OverShare,
        beside: &["total_cost"],
    },
    Pattern {
        name: "sold_above_ceilings_often", title: "半数限价药品高于支付限价销售",
        institution: "H99010100003", conduct: Conduct::Above(500), kind: GroupKind::Violation,
        indicator: "pay_ceiling_lines", measure: Measure::OverShare,
        beside: &["visit_drug_cost", "visit_cost"],
    },
    Pattern {
        name: "sold_at_the_ceiling", title: "限价药品一律按支付限价销售",
        institution: "H99010300001", conduct: Conduct::AtCeiling, kind: GroupKind::Innocent,
        indicator: "pay_ceiling_lines", measure: Measure::OverShare, beside: &[],
    },
    Pattern {
        name: "two_costly_stays_of_few", title: "小医院少数病例费用极高",
        institution: "H99010300004", conduct: Conduct::Twice(USUAL.all(1_000)), kind: GroupKind::Innocent,
        indicator: "total_cost", measure: Measure::Expected, beside: &[],
    },
    Pattern {
        name: "heavy_case_mix", title: "收治病例更重",
        institution: "H99010100007", conduct: Conduct::Nothing, kind: GroupKind::Innocent,
        indicator: "total_cost", measure: Measure::Expected, beside: &[],
    },
    Pattern {
        name: "two_thirds_of_cases_missing", title: "数据只到三分之一",
        institution: "H99010300003", conduct: Conduct::Missing(USUAL.all(170)), kind: GroupKind::Innocent,
        indicator: "total_cost", measure: Measure::Expected, beside: &[],
    },
];

/// Hospitals that only stays are told of, with their part of all stays and what they treat.
const HOUSES: [(&str, u64, &Mix); 10] = [
    ("H99010100006", 50, &JOINTS),
    ("H99010200002", 50, &HEARTS),
    ("H99010300002", 46, &INNER),
    ("H99010200003", 46, &RECOVERY),
    ("H99010100007", 50, &HEAVY),
    ("H99010300003", 46, &GENERAL),
    ("H99010100008", 60, &GENERAL),
    ("H99010200004", 46, &GENERAL),
    ("H99010300004", 12, &TOWNSHIP),
    ("H99010300005", 46, &INNER),
];
/// Others of which more is asked than their level says.
const OTHERS: [(&str, u64, &Mix); 2] = [("H99010100002", 70, &RECOVERY), ("H99010200001", 90, &GENERAL)];

/// Of a thousand drugs with a ceiling so many are sold above it wherever one goes.
const ABOVE: u64 = 120;

/// Settlements below which months hold too few stays for groups.
const SETTLEMENTS_MIN: u64 = 60_000;

/// Whether an institution tells of nothing but stays; nothing else is planted there.
pub(super) fn is_house(institution: &Institution) -> bool {
    HOUSES.iter().any(|(code, ..)| *code == institution.code)
}

/// How many of some 700 stays an institution has, and what it treats.
pub(super) fn share(institution: &Institution) -> (u64, &'static Mix) {
    let named = HOUSES.iter().chain(&OTHERS).find(|(code, ..)| *code == institution.code);
    named.map_or_else(
        || match institution.level.as_str() {
            "01" | "02" | "03" | "04" => (60, &GENERAL),
            "05" | "06" | "07" => (44, &GENERAL),
            "08" | "09" => (34, &GENERAL),
            _ => (5, &TOWNSHIP),
        },
        |(_, stays, mix)| (*stays, *mix),
    )
}

/// Whether a feed has room for planted groups of a kind.
fn is_planted(settings: &SynthSettings, kind: GroupKind) -> bool {
    let times = match kind {
        GroupKind::Violation => settings.planted.violations,
        GroupKind::Innocent => settings.planted.innocents,
    };
    times > 0 && settings.history_months >= 12 && settings.settlements >= SETTLEMENTS_MIN
}

/// The groups that are planted in the live month of such a feed.
pub fn group_truths(settings: &SynthSettings, city: &City) -> Vec<GroupTruth> {
    let truth = |pattern: &Pattern| {
        let row = city.institutions.iter().find(|row| row.code == pattern.institution)?;
        let (unit_kind, unit) = match pattern.conduct {
            Conduct::Department(caty, _) => (UnitKind::Department, caty.to_owned()),
            Conduct::Doctor(_) => (UnitKind::Doctor, row.doctors.first()?.clone()),
            _ => (UnitKind::Institution, row.code.clone()),
        };
        Some(GroupTruth {
            kind: pattern.kind,
            pattern: pattern.name,
            title: pattern.title,
            institution: row.code.clone(),
            unit_kind,
            unit,
            indicator: pattern.indicator,
            measure: pattern.measure,
            beside: pattern.beside,
        })
    };
    PATTERNS.iter().filter(|pattern| is_planted(settings, pattern.kind)).filter_map(truth).collect()
}

/// What is asked about a stay that is planned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub institution: u32,
    pub caty: &'static str,
    /// Place among the doctors of the institution.
    pub doctor: usize,
}

/// The conduct of each institution in the live month.
#[derive(Debug)]
pub(super) struct Groups {
    live_first: i64,
    /// By place of the institution, with the stays of the live month so far.
    conducts: Vec<(Conduct, u64)>,
}

impl Groups {
    pub(super) fn new(settings: &SynthSettings, city: &City, live_first: i64) -> Self {
        let of = |row: &Institution| {
            let found = PATTERNS.iter().find(|pattern| pattern.institution == row.code && is_planted(settings, pattern.kind));
            (found.map_or(Conduct::Nothing, |pattern| pattern.conduct), 0)
        };
        Self { live_first, conducts: city.institutions.iter().map(of).collect() }
    }

    /// How a stay that ends on `day` is; `None` if it is not told.
    pub(super) fn usage(&mut self, asked: Asked, day: i64) -> Option<Usage> {
        let Some((conduct, seen)) = self.conducts.get_mut(asked.institution as usize) else { return Some(USUAL) };
        if day < self.live_first {
            return Some(USUAL);
        }
        *seen += 1;
        let (meant, usage) = match *conduct {
            Conduct::Uses(usage) => (true, usage),
            Conduct::Department(caty, usage) => (asked.caty == caty, usage),
            Conduct::Doctor(usage) => (asked.doctor == 0, usage),
            Conduct::Often(usage) => (matches!(*seen % 10, 2 | 5 | 8), usage),
            Conduct::Twice(usage) => (matches!(*seen, 3 | 8), usage),
            Conduct::Missing(_) if *seen % 3 != 0 => return None,
            Conduct::Missing(usage) => (true, usage),
            Conduct::Above(_) | Conduct::AtCeiling | Conduct::Nothing => (false, USUAL),
        };
        Some(if meant { usage } else { USUAL })
    }
}

/// How a hospital prices a drug that has a ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pricing {
    Usual,
    AtCeiling,
    Above,
}

/// The prices of each institution.
#[derive(Debug)]
pub(super) struct Prices {
    groups: Groups,
}

impl Prices {
    pub(super) fn new(settings: &SynthSettings, city: &City, live_first: i64) -> Self {
        Self { groups: Groups::new(settings, city, live_first) }
    }

    /// Of a line on `day`; `throw` is its own.
    pub(super) fn of(&self, institution: u32, day: i64, throw: u64) -> Pricing {
        let conduct = self.groups.conducts.get(institution as usize).filter(|_| day >= self.groups.live_first);
        let above = match conduct {
            Some((Conduct::AtCeiling, _)) => return Pricing::AtCeiling,
            Some((Conduct::Above(often), _)) => *often,
            _ => ABOVE,
        };
        if throw % 1000 < above { Pricing::Above } else { Pricing::Usual }
    }
}
