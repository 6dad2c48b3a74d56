//! Planted cases of bills that the registers of agreements and doctors deny,
//! on both sides of every day on which a register changes.

use crate::base::time::Civil;
use crate::reference::validity::Validity;

use super::CLEAR;
use super::Grade::Clear;
use super::Grade::Suspected;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::edits::claimed;
use super::edits::head;
use super::edits::put_whole;
use super::edits::text;
use super::innocent::stay;
use super::missed;
use super::pattern;
use super::scope::UNREGISTERED;
use crate::synth::city::InstitutionKind;
use crate::synth::model::Bill;
use crate::synth::model::Diagnosis;
use crate::synth::model::Pay;
use crate::synth::model::Split;
use crate::synth::model::Told;
use crate::synth::registry::Agreement;
use crate::synth::registry::State;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("registry-agreement", CLEAR, "first_day_of_suspension", "协议中止首日结算", |s| suspended(s, Day::First, as_it_is)),
    pattern("registry-agreement", CLEAR, "last_day_of_suspension", "协议中止末日结算", |s| suspended(s, Day::Last, as_it_is)),
    pattern("registry-agreement", CLEAR, "ordinary_admission_while_suspended", "协议中止期间普通住院", |s| {
        suspended(s, Day::First, |bill| bill.med_type = "21")
    }),
    pattern("registry-agreement", CLEAR, "day_on_which_agreement_ended", "协议终止当日结算", |s| ended(s, 0)),
    pattern("registry-agreement", CLEAR, "three_days_after_agreement_ended", "协议终止后结算", |s| ended(s, 3)),
    pattern("registry-agreement", CLEAR, "claimed_while_agreement_suspended", "协议中止期间零星报销", |s| {
        suspended(s, Day::First, |bill| claimed(bill, 0))
    }),
    pattern(
        "registry-agreement",
        missed(Clear, "未载明医疗类别，不能排除急诊"),
        "suspended_category_not_told",
        "协议中止期间，医疗类别未载明",
        |s| suspended(s, Day::First, |bill| head(bill, "med_type", Told::Absent)),
    ),
    pattern("registry-agreement", missed(Clear, "机构不在登记表"), "institution_in_no_registry", "未登记机构结算", |s| {
        let time = s.moment();
        let hospital = s.hospital();
        let mut bill = care(s, hospital, time);
        head(&mut bill, "fixmedins_code", text(UNREGISTERED));
        put_whole(s, bill)
    }),
    pattern("registry-agreement", NEAR, "day_before_suspension", "协议中止前一日结算", |s| suspended(s, Day::Before, as_it_is)),
    pattern("registry-agreement", NEAR, "day_of_resumption", "协议恢复当日结算", |s| suspended(s, Day::After, as_it_is)),
    pattern("registry-agreement", NEAR, "day_before_agreement_ended", "协议终止前一日结算", |s| ended(s, -1)),
    pattern("registry-agreement", NEAR, "last_day_of_a_term", "协议到期末日结算", |s| renewed(s, -1)),
    pattern("registry-agreement", NEAR, "day_of_renewal", "协议续签当日结算", |s| renewed(s, 0)),
    pattern("registry-agreement", INNOCENT, "stay_that_began_before_suspension", "中止前已入院、中止期间出院结算", |s| {
        let (institution, days) = suspension(s, false)?;
        let discharge = s.hour(days.from + 2);
        let person = s.adult(discharge);
        let mut bill = stay(s, person, discharge, PNEUMONIA, 4);
        bill.institution = institution;
        put_whole(s, bill)
    }),
    pattern("registry-agreement", INNOCENT, "emergency_while_suspended", "协议中止期间急诊", |s| {
        suspended(s, Day::First, |bill| bill.med_type = "13")
    }),
    pattern("registry-agreement", INNOCENT, "ambulance_while_suspended", "协议中止期间急救车", |s| {
        suspended(s, Day::Last, |bill| bill.med_type = "120")
    }),
    pattern("registry-agreement", INNOCENT, "admitted_from_emergency_while_suspended", "协议中止期间急诊转住院", |s| {
        suspended(s, Day::First, |bill| bill.med_type = "24")
    }),
    pattern("registry-agreement", INNOCENT, "emergency_admission_while_suspended", "协议中止期间急诊住院类别", |s| {
        suspended(s, Day::Last, |bill| bill.med_type = "210104")
    }),
    pattern("registry-agreement", INNOCENT, "nothing_from_the_fund_while_suspended", "协议中止期间基金未支付", |s| {
        suspended(s, Day::First, all_self_paid)
    }),
    pattern("registry-agreement", INNOCENT, "account_alone_while_suspended", "协议中止期间仅个人账户支付", |s| {
        suspended(s, Day::First, |bill| bill.pay = Pay::Account)
    }),
    pattern(
        "registry-agreement",
        INNOCENT,
        "relatives_account_alone_while_suspended",
        "协议中止期间仅家庭共济账户支付",
        |s| suspended(s, Day::Last, |bill| bill.pay = Pay::Relative),
    ),
    pattern("doctor-suspended", SUSPECTED, "doctors_first_day_of_suspension", "医师支付资格暂停首日", |s| {
        by_doctor(s, Day::First, as_it_is)
    }),
    pattern("doctor-suspended", SUSPECTED, "doctors_last_day_of_suspension", "医师支付资格暂停末日", |s| {
        by_doctor(s, Day::Last, as_it_is)
    }),
    pattern(
        "doctor-suspended",
        SUSPECTED,
        "suspended_doctor_at_another_institution",
        "暂停支付资格的医师在其他机构接诊",
        |s| {
            let (doctor, own, days) = doctor(s)?;
            let time = s.hour(days.from + 2);
            let hospital = s.hospitals::<2>()?.into_iter().find(|hospital| *hospital != own)?;
            let mut bill = care(s, hospital, time);
            head(&mut bill, CHARGE, Told::Text(doctor));
            put_whole(s, bill)
        },
    ),
    pattern("doctor-suspended", SUSPECTED, "suspended_doctors_stay", "暂停支付资格的医师主管住院", |s| {
        by_doctor(s, Day::First, |bill| bill.med_type = "21")
    }),
    pattern("doctor-suspended", SUSPECTED, "suspended_doctors_bill_claimed", "暂停支付资格的医师接诊后零星报销", |s| {
        by_doctor(s, Day::First, |bill| claimed(bill, 0))
    }),
    pattern(
        "doctor-suspended",
        missed(Suspected, "结算单未载明主诊医师"),
        "doctor_in_charge_not_told",
        "主诊医师未载明",
        |s| by_doctor(s, Day::First, |bill| head(bill, CHARGE, Told::Absent)),
    ),
    pattern("doctor-suspended", missed(Suspected, "医师不在登记表"), "suspended_doctor_in_no_registry", "医师未登记", |s| {
        by_doctor(s, Day::First, |bill| head(bill, CHARGE, text("D990101000999")))
    }),
    pattern(
        "doctor-suspended",
        missed(Suspected, "未载明医疗类别，不能排除急诊"),
        "suspended_doctor_category_not_told",
        "暂停支付资格的医师，医疗类别未载明",
        |s| by_doctor(s, Day::First, |bill| head(bill, "med_type", Told::Absent)),
    ),
    pattern("doctor-suspended", NEAR, "day_before_doctors_suspension", "医师支付资格暂停前一日", |s| {
        by_doctor(s, Day::Before, as_it_is)
    }),
    pattern("doctor-suspended", NEAR, "day_doctors_right_is_restored", "医师支付资格恢复当日", |s| {
        by_doctor(s, Day::After, as_it_is)
    }),
    pattern("doctor-suspended", INNOCENT, "another_doctor_in_charge", "同机构其他医师主诊", |s| {
        let (_, institution, days) = doctor(s)?;
        let other = s.institution_row(institution).doctors.first()?.clone();
        let time = s.hour(days.from);
        let mut bill = care(s, institution, time);
        head(&mut bill, CHARGE, Told::Text(other));
        put_whole(s, bill)
    }),
    pattern(
        "doctor-suspended",
        INNOCENT,
        "stay_that_began_before_doctors_suspension",
        "医师暂停前已入院、暂停期间出院",
        |s| {
            let (doctor, institution, days) = doctor(s)?;
            let discharge = s.hour(days.from + 2);
            let person = s.adult(discharge);
            let mut bill = stay(s, person, discharge, PNEUMONIA, 4);
            bill.institution = institution;
            head(&mut bill, CHARGE, Told::Text(doctor));
            put_whole(s, bill)
        },
    ),
    pattern("doctor-suspended", INNOCENT, "emergency_of_suspended_doctor", "暂停支付资格的医师处置急诊", |s| {
        by_doctor(s, Day::First, |bill| bill.med_type = "13")
    }),
    pattern(
        "doctor-suspended",
        INNOCENT,
        "emergency_admission_of_suspended_doctor",
        "暂停支付资格的医师收治急诊转住院",
        |s| by_doctor(s, Day::Last, |bill| bill.med_type = "24"),
    ),
    pattern(
        "doctor-suspended",
        INNOCENT,
        "nothing_from_the_fund_for_suspended_doctor",
        "暂停支付资格的医师接诊，基金未支付",
        |s| by_doctor(s, Day::First, all_self_paid),
    ),
    pattern(
        "doctor-suspended",
        INNOCENT,
        "account_alone_for_suspended_doctor",
        "暂停支付资格的医师接诊，仅个人账户支付",
        |s| by_doctor(s, Day::First, |bill| bill.pay = Pay::Account),
    ),
];

const CHECKUP: Diagnosis = ("R53.x00", "乏力");
const PNEUMONIA: Diagnosis = ("J18.900", "肺炎");
/// The doctor in charge of a bill.
const CHARGE: &str = "chfpdr_code";

/// A day beside or within a suspension.
#[derive(Clone, Copy)]
pub(super) enum Day {
    Before,
    First,
    Last,
    After,
}

impl Day {
    pub(super) fn of(self, days: Validity) -> i64 {
        match self {
            Self::Before => days.from - 1,
            Self::First => days.from,
            Self::Last => days.to - 1,
            Self::After => days.to,
        }
    }
}

fn as_it_is(_: &mut Bill) {}

fn all_self_paid(bill: &mut Bill) {
    for line in &mut bill.lines {
        line.split = Split::SelfPaid;
    }
}

/// An agreement row that begins in the live month, and ends there or never.
pub(super) fn changed<'c>(s: &Stage<'c>, online: bool, state: State) -> Option<&'c Agreement> {
    s.city.registry.agreements.iter().find(|row| {
        let ends = row.days.to == Validity::OPEN || s.is_live(row.days.to);
        row.online == online && row.state == state && s.is_live(row.days.from) && ends
    })
}

/// An institution and the days of the live month on which an agreement was suspended.
pub(super) fn suspension(s: &Stage, online: bool) -> Option<(u32, Validity)> {
    changed(s, online, State::Suspended).map(|row| (row.institution, row.days))
}

/// An ordinary visit, or a purchase in a pharmacy, on someone's first and only day.
fn care(s: &mut Stage, institution: u32, time: Civil) -> Bill {
    let person = s.adult(time);
    let mut bill = s.visit(person, institution, time, CHECKUP);
    if s.institution_row(institution).kind == InstitutionKind::Pharmacy
        && let Some(drug) = s.drug(|drug| drug.ordinary() && drug.countable())
    {
        bill.med_type = "41";
        bill.lines = vec![s.drug_line(drug, 2, time)];
    }
    bill
}

fn suspended(s: &mut Stage, day: Day, edit: fn(&mut Bill)) -> Option<TruthKey> {
    let (institution, days) = suspension(s, false)?;
    let time = s.hour(day.of(days));
    let mut bill = care(s, institution, time);
    edit(&mut bill);
    put_whole(s, bill)
}

/// So many days after the one on which an agreement ended.
fn ended(s: &mut Stage, after: i64) -> Option<TruthKey> {
    let row = changed(s, false, State::Ended)?;
    let time = s.hour(row.days.from + after);
    let bill = care(s, row.institution, time);
    put_whole(s, bill)
}

/// So many days after the one on which a term follows another.
fn renewed(s: &mut Stage, after: i64) -> Option<TruthKey> {
    let rows = &s.city.registry.agreements;
    let follows = |row: &Agreement| {
        rows.iter()
            .any(|old| old.institution == row.institution && !old.online && old.state == State::Active && old.days.to == row.days.from)
    };
    let row = rows.iter().find(|row| !row.online && row.state == State::Active && s.is_live(row.days.from) && follows(row))?;
    let time = s.hour(row.days.from + after);
    let bill = care(s, row.institution, time);
    put_whole(s, bill)
}

/// A doctor whose right to be paid is suspended in the live month, and where he or she works.
fn doctor(s: &Stage) -> Option<(String, u32, Validity)> {
    s.city.registry.posts.iter().find_map(|post| {
        let days = post.suspended.filter(|days| s.is_live(days.from) && s.is_live(days.to))?;
        Some((post.doctor.clone(), post.institution, days))
    })
}

fn by_doctor(s: &mut Stage, day: Day, edit: fn(&mut Bill)) -> Option<TruthKey> {
    let (doctor, institution, days) = doctor(s)?;
    let time = s.hour(day.of(days));
    let mut bill = care(s, institution, time);
    head(&mut bill, CHARGE, Told::Text(doctor));
    edit(&mut bill);
    put_whole(s, bill)
}
