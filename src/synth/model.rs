//! A bill and a prescription as the generator thinks of them, and how a bill's
//! money is divided. Amounts are whole 分.

use std::ops::Range;

use crate::base::time::Civil;

use super::city::City;
use super::city::Drug;
use super::city::Item;
use super::text::Id;
use super::text::civil_date;

/// A made-up person.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    /// Counts persons; the placeholder name shows it.
    pub seq: u64,
    /// Digits of `psn_no`.
    pub number: u64,
    /// `1`, `2` or a code that tells nothing.
    pub sex: &'static str,
    /// Day of birth, since 1970-01-01.
    pub birth: i64,
    /// Area of insurance.
    pub area: u32,
    pub employee: bool,
}

impl Person {
    pub(super) fn id(&self) -> Id {
        Id::Person { number: self.number }
    }

    /// Full years at `day`.
    pub(super) fn age(&self, day: i64) -> i64 {
        let ((y0, m0, d0), (y1, m1, d1)) = (civil_date(self.birth), civil_date(day));
        y1 - y0 - i64::from((m1, d1) < (m0, d0))
    }
}

/// A diagnosis: code of the insurance edition and name.
pub(super) type Diagnosis = (&'static str, &'static str);

/// What a message tells of an interface field instead of what the generator
/// would write.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Absent,
    Text(String),
    Fen(i64),
    Number(i64),
    Time(Civil),
}

/// Fields that one message tells in its own way, also such as no other message has.
pub(super) type Own = Vec<(&'static str, Told)>;

/// A fee item that is no drug.
#[derive(Debug)]
pub(super) struct Service {
    pub code: &'static str,
    pub name: &'static str,
    /// 分.
    pub price: i64,
    /// `med_chrgitm_type`.
    pub group: &'static str,
    /// `list_type`.
    pub list: &'static str,
}

/// What a line charges for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goods {
    /// Place in [`City::drugs`].
    Drug(u32),
    /// Place in [`SERVICES`].
    Service(usize),
    /// Place in [`City::delivery`].
    Delivery(usize),
    /// Place in [`City::online`].
    Online(usize),
    /// An item that no table knows.
    Own(&'static str, &'static str),
}

/// How a line's amount is divided between person and fund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    Covered,
    SelfPaid,
    /// So many 分 are above the price ceiling and paid by the person.
    OverLimit(i64),
    /// As `Covered`, but the message does not carry `overlmt_amt`.
    LimitNotTold,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub goods: Goods,
    /// Units of sale; negative on a refund.
    pub count: i64,
    pub price: i64,
    pub discount: i64,
    pub split: Split,
    pub fact: Civil,
    pub order: Option<Id>,
    pub circulated: bool,
    /// `prd_days`.
    pub days: Option<i64>,
    /// Number of the line that this one takes back.
    pub refunds: Option<u64>,
    pub discharge: bool,
    pub own: Own,
}

/// A line's amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shares {
    pub total: i64,
    pub self_paid: i64,
    pub over_limit: i64,
    pub first_share: i64,
    pub in_scope: i64,
}

impl Line {
    pub(super) fn new(goods: Goods, count: i64, price: i64, fact: Civil) -> Self {
        Self {
            goods,
            count,
            price,
            discount: 0,
            split: Split::Covered,
            fact,
            order: None,
            circulated: false,
            days: None,
            refunds: None,
            discharge: false,
            own: Own::new(),
        }
    }

    pub(super) fn shares(&self) -> Shares {
        let total = self.count * self.price - self.discount;
        let mut shares = Shares { total, ..Shares::default() };
        match self.split {
            Split::SelfPaid => shares.self_paid = total,
            Split::OverLimit(excess) => shares.over_limit = excess,
            Split::Covered | Split::LimitNotTold => {}
        }
        let rest = total - shares.self_paid - shares.over_limit;
        // Class 乙 drugs: a tenth is the person's own before the fund pays.
        if matches!(self.goods, Goods::Drug(idx) if idx % 3 == 0) {
            shares.first_share = rest / 10;
        }
        shares.in_scope = rest - shares.first_share;
        shares
    }
}

/// Who pays what is within scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pay {
    /// The pooled fund pays this many percent.
    Pool(i64),
    /// The personal account pays all.
    Account,
    /// A relative's account pays all.
    Relative,
}

/// Where a stay was, and what for.
#[derive(Clone, Copy, Debug)]
pub(super) struct InWard {
    /// Code and name of the disease group.
    pub group: (&'static str, &'static str),
    /// National department code.
    pub caty: &'static str,
    /// Place among the doctors of the institution.
    pub doctor: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Bill {
    pub number: u64,
    pub visit: u64,
    pub person: Person,
    /// Place in [`City::institutions`].
    pub institution: u32,
    pub med_type: &'static str,
    /// `biz_type_code`; many feeds have none.
    pub business: Option<&'static str>,
    pub first_visit: Option<bool>,
    pub newborn: bool,
    pub interim: bool,
    pub stay_days: Option<i64>,
    pub ward: Option<InWard>,
    /// Code and name of a registered chronic disease.
    pub chronic: Option<(&'static str, &'static str)>,
    pub begin: Civil,
    pub end: Civil,
    pub time: Civil,
    pub diagnoses: Vec<Diagnosis>,
    pub operation: Option<(&'static str, &'static str)>,
    pub lines: Vec<Line>,
    /// Number of the first line; a stay's final bill goes on counting.
    pub first_line: u64,
    pub pay: Pay,
    /// Of the header.
    pub own: Own,
}

/// A bill's sums.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub shares: Shares,
    pub fund: i64,
    pub person: i64,
    pub account: i64,
    pub relative: i64,
    pub cash: i64,
}

impl Bill {
    pub(super) fn totals(&self) -> Totals {
        let mut sum = Shares::default();
        for line in &self.lines {
            let shares = line.shares();
            sum.total += shares.total;
            sum.self_paid += shares.self_paid;
            sum.over_limit += shares.over_limit;
            sum.first_share += shares.first_share;
            sum.in_scope += shares.in_scope;
        }
        let mut totals = Totals { shares: sum, ..Totals::default() };
        if let Pay::Pool(percent) = self.pay {
            // A negative bill gives back what was paid.
            totals.fund = (sum.in_scope.abs() * percent + 50) / 100 * sum.in_scope.signum();
        }
        totals.person = sum.total - totals.fund;
        match self.pay {
            Pay::Pool(_) if self.person.employee => totals.account = totals.person * 3 / 5,
            Pay::Pool(_) => {}
            Pay::Account => totals.account = totals.person,
            Pay::Relative => totals.relative = totals.person,
        }
        totals.cash = totals.person - totals.account - totals.relative;
        totals
    }

    pub(super) fn id(&self, city: &City) -> Id {
        Id::Settlement { area: city.institutions[self.institution as usize].area, number: self.number }
    }

    /// Whether it is of a stay, by its medical category.
    pub(super) fn is_stay(&self) -> bool {
        self.med_type.starts_with('2') || self.med_type == "52"
    }

    pub(super) fn visit_id(&self, city: &City) -> Id {
        Id::Visit { area: city.institutions[self.institution as usize].area, number: self.visit }
    }
}

/// How often a dose is taken: national code, name, times in a cycle of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frequency {
    pub code: &'static str,
    pub name: &'static str,
    pub times: i64,
    pub cycle: i64,
}

pub(super) const FREQUENCIES: [Frequency; 4] = [
    Frequency { code: "qd", name: "每日一次", times: 1, cycle: 1 },
    Frequency { code: "bid", name: "每日两次", times: 2, cycle: 1 },
    Frequency { code: "tid", name: "每日三次", times: 3, cycle: 1 },
    Frequency { code: "qid", name: "每日四次", times: 4, cycle: 1 },
];
pub(super) const WHEN_NEEDED: Frequency = Frequency { code: "prn", name: "必要时", times: 1, cycle: 1 };

/// A dose, a frequency and a quantity of one drug.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dosage {
    pub drug: u32,
    /// Dose units at a time.
    pub dose: i64,
    pub frequency: Frequency,
    pub packs: i64,
    /// As declared.
    pub days: i64,
}

impl Dosage {
    /// Packs and whole days of about `days` days, so that the declared days and
    /// those computed from the packs agree.
    pub(super) fn about(drug: u32, row: &Drug, dose: i64, frequency: Frequency, days: i64) -> Self {
        let daily = dose * frequency.times;
        let packs = ((days * daily + row.pack_count / 2) / row.pack_count).max(1);
        Self { drug, dose, frequency, packs, days: (packs * row.pack_count / daily).max(1) }
    }

    /// As many packs as cover `days`, which are declared.
    pub(super) fn covering(drug: u32, row: &Drug, dose: i64, frequency: Frequency, days: i64) -> Self {
        let packs = (days * dose * frequency.times + row.pack_count - 1) / row.pack_count;
        Self { drug, dose, frequency, packs: packs.max(1), days }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Prescription {
    pub number: u64,
    pub visit: u64,
    pub person: Person,
    pub institution: u32,
    pub time: Civil,
    pub med_type: &'static str,
    pub online: bool,
    pub first_visit: Option<bool>,
    pub original: Option<Id>,
    pub long: bool,
    pub chronic: Option<(&'static str, &'static str)>,
    pub diagnoses: Vec<Diagnosis>,
    pub drugs: Vec<Dosage>,
    /// Of the header, and of the drug at a place.
    pub own: Own,
    pub own_of_drugs: Vec<(usize, &'static str, Told)>,
}

impl Prescription {
    /// The institution's own number.
    pub(super) fn id(&self, city: &City) -> Id {
        let code = &city.institutions[self.institution as usize].code;
        let place = code.get(7..).and_then(|digits| digits.parse().ok()).unwrap_or(self.institution);
        Id::Prescription { institution: place, number: self.number }
    }

    pub(super) fn national(&self, city: &City) -> Id {
        Id::National { area: city.institutions[self.institution as usize].area, number: self.number }
    }
}

/// What a message is about.
#[derive(Clone, Debug)]
pub(super) enum Doc {
    Bill(Bill),
    Prescription(Prescription),
}

impl Goods {
    pub(super) fn code<'a>(&self, city: &'a City) -> &'a str {
        let item = |from: &'a [Item], idx: usize| from.get(idx).map_or("", |item| item.code.as_str());
        match *self {
            Self::Drug(idx) => &city.drugs[idx as usize].code,
            Self::Service(idx) => SERVICES[idx].code,
            Self::Delivery(idx) => item(&city.delivery, idx),
            Self::Online(idx) => item(&city.online, idx),
            Self::Own(code, _) => code,
        }
    }

    pub(super) fn name<'a>(&self, city: &'a City) -> &'a str {
        let item = |from: &'a [Item], idx: usize| from.get(idx).map_or("", |item| item.name.as_str());
        match *self {
            Self::Drug(idx) => &city.drugs[idx as usize].name,
            Self::Service(idx) => SERVICES[idx].name,
            Self::Delivery(idx) => item(&city.delivery, idx),
            Self::Online(idx) => item(&city.online, idx),
            Self::Own(_, name) => name,
        }
    }
}

const fn service(code: &'static str, name: &'static str, price: i64, group: &'static str, list: &'static str) -> Service {
    Service { code, name, price, group, list }
}

/// The first is the consultation, the second the bed; the last are consumables.
/// The price of dressings and implants is that of an ordinary stay.
pub(super) const SERVICES: [Service; 36] = [
    service("001102000010000", "普通门诊诊查费", 1200, "02", "201"),
    service("001109000010000", "普通病房床位费", 4000, "01", "201"),
    service("001102000050000", "住院诊查费", 1500, "02", "201"),
    service("001201000020000", "二级护理", 1800, "07", "201"),
    service("001102000030000", "急诊诊查费", 1500, "02", "201"),
    service("002501010150000", "血细胞分析", 1800, "04", "201"),
    service("002501020350000", "尿常规检查", 800, "04", "201"),
    service("002503020010000", "葡萄糖测定", 500, "04", "201"),
    service("002503020030000", "糖化血红蛋白测定", 5500, "04", "201"),
    service("002503030010000", "血清总胆固醇测定", 600, "04", "201"),
    service("002503030020000", "血清甘油三酯测定", 600, "04", "201"),
    service("002503050070000", "血清丙氨酸氨基转移酶测定", 500, "04", "201"),
    service("002503070020000", "肌酐测定", 500, "04", "201"),
    service("002503070010000", "尿素测定", 500, "04", "201"),
    service("003107010010000", "常规心电图检查", 1500, "03", "201"),
    service("002203010020000", "彩色多普勒超声常规检查", 9800, "03", "201"),
    service("002103000010000", "X线计算机体层平扫", 16000, "03", "201"),
    service("002102000010000", "数字化摄影", 5500, "03", "201"),
    service("001204000060000", "静脉输液", 700, "05", "201"),
    service("001204000020000", "皮下注射", 200, "05", "201"),
    service("003401000010000", "红外线治疗", 1000, "05", "201"),
    service("004300000010000", "普通针刺", 2000, "05", "201"),
    service("001204000090000", "静脉药物配置费", 500, "05", "201"),
    service("004800000060000", "煎药机煎药", 300, "05", "201"),
    service("C1403012620000000001", "一次性使用输液器", 250, "08", "301"),
    service("C1403010160000000002", "一次性使用注射器", 60, "08", "301"),
    service("003402000200000", "运动疗法", 4500, "05", "201"),
    service("003402000250000", "手功能训练", 4000, "05", "201"),
    service("003402000310000", "作业疗法", 4500, "05", "201"),
    service("C1401010020000000003", "医用敷料包", 10_000, "08", "301"),
    service("C0302010010000000011", "金属接骨板", 180_000, "08", "301"),
    service("C0301020010000000012", "髓内钉", 120_000, "08", "301"),
    service("C0304010010000000013", "接骨螺钉", 15_000, "08", "301"),
    service("C0201010010000000021", "冠状动脉药物洗脱支架", 80_000, "08", "301"),
    service("C0205010010000000022", "冠状动脉球囊扩张导管", 60_000, "08", "301"),
    service("C0206010010000000023", "导引导丝", 25_000, "08", "301"),
];
pub(super) const CONSULTATION: usize = 0;
pub(super) const BED: usize = 1;
pub(super) const WARD_ROUND: usize = 2;
pub(super) const NURSING: usize = 3;
pub(super) const EMERGENCY: usize = 4;
/// Tests and treatments from here to `DISPENSARY`, without it.
pub(super) const TESTS: usize = 5;
/// Treatments from here to `DISPENSARY`, without it.
pub(super) const TREATMENTS: usize = 18;
pub(super) const INFUSION: usize = 18;
pub(super) const INFUSION_SET: usize = 24;
pub(super) const SYRINGE: usize = 25;
pub(super) const REHABILITATION: Range<usize> = 26..29;
pub(super) const DRESSING: usize = 29;
pub(super) const ORTHOPAEDIC: Range<usize> = 30..33;
pub(super) const CARDIAC: Range<usize> = 33..36;
/// Making up infusions, and boiling herbs: fees that sound like delivery.
pub(super) const DISPENSARY: usize = 22;
