//! Stays in hospital: which ward of which hospital someone comes to, for how
//! long, and what is used there.

use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;

use super::SynthSettings;
use super::city::City;
use super::groups::Asked;
use super::groups::Groups;
use super::groups::share;
use super::model::BED;
use super::model::CARDIAC;
use super::model::DRESSING;
use super::model::Diagnosis;
use super::model::Goods;
use super::model::INFUSION;
use super::model::INFUSION_SET;
use super::model::Line;
use super::model::NURSING;
use super::model::ORTHOPAEDIC;
use super::model::REHABILITATION;
use super::model::SERVICES;
use super::model::SYRINGE;
use super::model::TESTS;
use super::model::TREATMENTS;
use super::model::WARD_ROUND;
use super::random::Dice;
use super::random::mix;

/// What a ward treats and how much of what it uses for an ordinary stay.
pub(super) struct Ward {
    /// Made-up code and name of the disease group.
    pub group: (&'static str, &'static str),
    /// National department code.
    pub caty: &'static str,
    pub diagnosis: Diagnosis,
    days: i64,
    /// 分.
    drugs: i64,
    tests: i64,
    /// Dressings and the like, in 分.
    others: i64,
    /// Sets of implants, in thousandths.
    ortho: i64,
    cardiac: i64,
    /// Items of a day, in thousandths.
    rehab: i64,
}

/// Parts in 100 of each ward.
pub(super) type Mix = [u64; WARDS.len()];

pub(super) const GENERAL: Mix = [12, 10, 12, 16, 12, 8, 12, 10, 8];
pub(super) const INNER: Mix = [0, 0, 12, 26, 16, 6, 18, 14, 8];
pub(super) const JOINTS: Mix = [62, 0, 8, 6, 2, 8, 4, 2, 8];
pub(super) const HEARTS: Mix = [0, 62, 4, 8, 8, 0, 6, 4, 8];
pub(super) const RECOVERY: Mix = [6, 2, 4, 10, 16, 46, 4, 4, 8];
pub(super) const HEAVY: Mix = [42, 36, 6, 2, 4, 2, 2, 2, 4];
pub(super) const TOWNSHIP: Mix = [0, 0, 2, 38, 8, 4, 22, 14, 12];

#[rustfmt::skip]
pub(super) const WARDS: [Ward; 9] = [
    Ward { group: ("CS-IB2", "骨折与关节手术"), caty: "A04.03", diagnosis: ("S72.001", "股骨颈骨折"), days: 12, drugs: 90_000, tests: 9, others: 60_000, ortho: 1_600, cardiac: 0, rehab: 400 },
    Ward { group: ("CS-FM2", "冠状动脉介入治疗"), caty: "A03.04", diagnosis: ("I20.000", "不稳定性心绞痛"), days: 7, drugs: 110_000, tests: 11, others: 50_000, ortho: 0, cardiac: 1_700, rehab: 0 },
    Ward { group: ("CS-HC3", "胆囊手术"), caty: "A04.01", diagnosis: ("K80.100", "胆囊结石伴慢性胆囊炎"), days: 8, drugs: 80_000, tests: 9, others: 70_000, ortho: 0, cardiac: 0, rehab: 0 },
    Ward { group: ("CS-ES2", "肺炎"), caty: "A03.01", diagnosis: ("J18.900", "肺炎"), days: 8, drugs: 100_000, tests: 8, others: 25_000, ortho: 0, cardiac: 0, rehab: 0 },
    Ward { group: ("CS-BR2", "脑梗死"), caty: "A03.03", diagnosis: ("I63.900", "脑梗死"), days: 11, drugs: 150_000, tests: 10, others: 30_000, ortho: 0, cardiac: 0, rehab: 600 },
    Ward { group: ("CS-XR2", "康复治疗"), caty: "A21", diagnosis: ("I69.300", "脑梗死后遗症"), days: 13, drugs: 60_000, tests: 5, others: 15_000, ortho: 0, cardiac: 0, rehab: 2_000 },
    Ward { group: ("CS-KS1", "糖尿病"), caty: "A03.06", diagnosis: ("E11.900", "2型糖尿病"), days: 8, drugs: 80_000, tests: 12, others: 20_000, ortho: 0, cardiac: 0, rehab: 0 },
    Ward { group: ("CS-GU2", "胃炎与消化性溃疡"), caty: "A03.02", diagnosis: ("K25.900", "胃溃疡"), days: 6, drugs: 70_000, tests: 8, others: 20_000, ortho: 0, cardiac: 0, rehab: 0 },
    Ward { group: OBSERVATION, caty: "A02", diagnosis: ("R53.x00", "乏力"), days: 4, drugs: 6_000, tests: 3, others: 1_000, ortho: 0, cardiac: 0, rehab: 0 },
];
/// Of short stays in which little is done, planted ones among them.
pub(super) const OBSERVATION: (&str, &str) = ("CS-XZ9", "短期观察");

/// Parts of 100 of what is usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub ortho: u16,
    pub cardiac: u16,
    pub rehab: u16,
    pub tests: u16,
    pub drugs: u16,
    pub days: u16,
    /// Amount of consumables that are neither orthopaedic nor cardiac.
    pub others: u16,
}

impl Usage {
    pub(super) const USUAL: Self = Self { ortho: 100, cardiac: 100, rehab: 100, tests: 100, drugs: 100, days: 100, others: 100 };

    /// Everything that is not counted in days.
    pub(super) const fn all(self, percent: u16) -> Self {
        Self { ortho: percent, cardiac: percent, tests: percent, drugs: percent, others: percent, ..self }
    }
}

/// Sixteen equally likely severities in thousandths: the middles of the
/// sixteenths of a log-normal distribution with sigma 0.25.
const SEVERITY: [i64; 16] = [628, 719, 777, 824, 865, 904, 942, 981, 1020, 1061, 1106, 1156, 1214, 1287, 1390, 1593];

/// A stay that is planned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admission {
    pub institution: u32,
    pub ward: u8,
    /// Place among the doctors of the institution.
    pub doctor: u8,
    pub days: i64,
    /// Of these, days on an interim bill.
    pub billed: i64,
    usage: Usage,
}

impl Admission {
    pub(super) fn ward(&self) -> &'static Ward {
        &WARDS[usize::from(self.ward)]
    }
}

/// Hands out stays evenly: each hospital and ward has its part of any hundred.
#[derive(Debug)]
pub(super) struct Stays {
    /// Places of hospitals, with the sum of parts up to each.
    hospitals: Vec<(u32, u64, &'static Mix)>,
    groups: Groups,
    next: u64,
}

/// Longest stay, in days: what it is charged for is not older when it ends.
const DAYS_MAX: i64 = 34;

impl Stays {
    pub(super) fn new(city: &City, settings: &SynthSettings, hospitals: &[u32], live_first: i64) -> Self {
        let mut sum = 0;
        let mut until = |idx: &u32| {
            let (part, mix) = share(&city.institutions[*idx as usize]);
            sum += part;
            (*idx, sum, mix)
        };
        let hospitals = hospitals.iter().map(&mut until).collect();
        Self { hospitals, groups: Groups::new(settings, city, live_first), next: settings.seed }
    }

    /// The next stay, with its first bill on `day`.
    pub(super) fn admit(&mut self, city: &City, dice: &mut Dice, day: i64, last_day: i64) -> Option<Admission> {
        loop {
            self.next += 1;
            // Points of a sequence that fills the square evenly (R2).
            let across = self.next.wrapping_mul(0xC13F_A9A9_02A6_328F);
            let along = self.next.wrapping_mul(0x91E1_0DA5_C79E_7B1D);
            let scaled = |fraction: u64, whole: u64| ((u128::from(fraction) * u128::from(whole)) >> 64) as u64;
            let at = scaled(across, self.hospitals.last()?.1);
            let (institution, _, mix) = *self.hospitals.iter().find(|(_, until, _)| at < *until)?;
            let mut left = scaled(along, mix.iter().sum());
            let ward = mix.iter().position(|part| {
                let found = left < *part;
                left = left.wrapping_sub(*part);
                found
            })?;
            let row = &city.institutions[institution as usize];
            let doctors = row.doctors.len() as u64;
            // Half of a hospital's stays are those of one doctor.
            let doctor = if doctors < 2 || dice.per_mille(500) { 0 } else { 1 + dice.below(doctors - 1) } as usize;
            let severity = dice.pick(&SEVERITY) * habit(&row.code) / 1000;
            let asked = Asked { institution, caty: WARDS[ward].caty, doctor };
            let Some(usage) = self.groups.usage(asked, day) else { continue };
            let days = (WARDS[ward].days * severity * i64::from(usage.days) / 100 + 500) / 1000;
            let days = days.clamp(1, DAYS_MAX);
            let rest = days - days / 2;
            let billed = if days >= 6 && day + rest <= last_day && dice.per_mille(160) { days / 2 } else { 0 };
            return Some(Admission { institution, ward: ward as u8, doctor: doctor as u8, days, billed, usage });
        }
    }
}

/// By how much a hospital always differs from its peers, in thousandths.
fn habit(code: &str) -> i64 {
    let hash = code.bytes().fold(7, |sum, byte| mix(sum, u64::from(byte)));
    950 + (hash % 101) as i64
}

/// By the level of the hospital.
fn of_level(level: &str) -> i64 {
    match level {
        "01" | "02" | "03" | "04" => 1200,
        "05" | "06" | "07" => 1000,
        _ => 850,
    }
}

fn of_age(age: i64) -> i64 {
    match age {
        ..18 => 850,
        18..45 => 920,
        45..65 => 1000,
        _ => 1120,
    }
}

/// The lines of one bill of a stay. Both bills of a stay throw the same dice.
pub(super) fn lines(
    city: &City,
    stay: &Admission,
    age: i64,
    interim: bool,
    injections: &[u32],
    dice: &mut Dice,
    begin: Civil,
) -> Vec<Line> {
    let (ward, usage) = (stay.ward(), stay.usage);
    let row = &city.institutions[stay.institution as usize];
    let much = dice.pick(&SEVERITY) * habit(&row.code) / 1000 * of_level(&row.level) / 1000 * of_age(age) / 1000;
    let mut used: Vec<(Goods, i64, i64)> = Vec::with_capacity(24);
    let service = |idx: usize, count: i64| (Goods::Service(idx), count, SERVICES[idx].price);
    // A whole number that is so many thousandths on average.
    let whole = |dice: &mut Dice, thousandths: i64| (thousandths + dice.between(0, 999)) / 1000;
    for idx in [BED, WARD_ROUND, NURSING, INFUSION, INFUSION_SET] {
        used.push(service(idx, stay.days));
    }
    used.push(service(SYRINGE, 2 * stay.days));
    let start = dice.below(injections.len().max(1) as u64) as usize;
    for idx in 0..injections.len().min(3) {
        let drug = injections[(start + idx) % injections.len()];
        let price = city.drugs[drug as usize].price.max(1);
        let amount = ward.drugs * much / 1000 * i64::from(usage.drugs) / 300;
        used.push((Goods::Drug(drug), ((amount + price / 2) / price).max(1), price));
    }
    let tests = whole(dice, ward.tests * much * i64::from(usage.tests) / 100);
    let (first, kinds) = (dice.below((TREATMENTS - TESTS) as u64) as usize, tests.min(8));
    for idx in 0..kinds {
        let more = i64::from(idx < tests % kinds);
        used.push(service(TESTS + (first + idx as usize) % (TREATMENTS - TESTS), tests / kinds + more));
    }
    let rehab = whole(dice, ward.rehab * stay.days * much / 1000 * i64::from(usage.rehab) / 100);
    for (idx, item) in REHABILITATION.enumerate() {
        used.push(service(item, (rehab + 2 - idx as i64) / 3));
    }
    let dressings = (SERVICES[DRESSING].price * ward.others / 30_000 * much / 1000 * i64::from(usage.others) / 100).max(1);
    used.push((Goods::Service(DRESSING), 3, dressings));
    for (items, sets, part) in [(ORTHOPAEDIC, ward.ortho, usage.ortho), (CARDIAC, ward.cardiac, usage.cardiac)] {
        for (place, item) in items.enumerate() {
            // Of the last kind more are used: screws, and wires.
            let count = sets * dice.pick(&SEVERITY) / 1000 * i64::from(part) / 100 * if place == 2 { 4 } else { 1 };
            used.push((Goods::Service(item), whole(dice, count), SERVICES[item].price * much / 1000));
        }
    }
    let fact = begin.plus_seconds(if interim { 0 } else { stay.billed } * SECONDS_PER_DAY + 120);
    let billed = |count: i64| {
        let before = count * stay.billed / stay.days.max(1);
        if interim { before } else { count - before }
    };
    used.into_iter()
        .filter(|(_, count, _)| billed(*count) > 0)
        .map(|(goods, count, price)| Line::new(goods, billed(count), price, fact))
        .collect()
}

/// Lines that a stay has, about.
pub(super) const LINES: u16 = 20;
