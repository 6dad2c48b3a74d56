//! Planted cases of drugs that the basic insurance pays for in a stay, from a
//! level of institution on, or not at all.

use super::Grade::Suspected;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::edits::Edit;
use super::edits::as_it_is;
use super::edits::claimed;
use super::edits::from_account;
use super::edits::from_relative;
use super::edits::half_taken_back;
use super::edits::head;
use super::edits::line;
use super::edits::no_code;
use super::edits::put_line;
use super::edits::self_paid;
use super::edits::taken_back;
use super::edits::text;
use super::innocent::stay;
use super::missed;
use super::pattern;
use crate::base::time::Civil;
use crate::synth::city::Drug;
use crate::synth::city::Institution;
use crate::synth::model::Bill;
use crate::synth::model::Diagnosis;
use crate::synth::model::Dosage;
use crate::synth::model::FREQUENCIES;
use crate::synth::model::Person;
use crate::synth::model::Told;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("drug-setting", SUSPECTED, "inpatients_drug_for_outpatient", "限住院药品用于门诊", |s| fat(s, "11", as_it_is)),
    pattern("drug-setting", SUSPECTED, "inpatients_drug_for_chronic_outpatient", "限住院药品用于门诊慢特病", |s| {
        fat(s, "140104", as_it_is)
    }),
    pattern("drug-setting", SUSPECTED, "inpatients_drug_in_pharmacy", "限住院药品在药店结算", |s| {
        let drug = s.drug(calculus)?;
        let time = s.moment();
        let person = s.adult(time);
        let mut bill = s.purchase(person, time, STROKE);
        bill.lines.push(s.drug_line(drug, 1, time));
        put_line(s, bill, as_it_is)
    }),
    pattern("drug-setting", SUSPECTED, "inpatients_drug_in_emergency", "限住院药品用于急诊（药品说明不允许）", |s| {
        fat(s, "13", as_it_is)
    }),
    pattern(
        "drug-setting",
        SUSPECTED,
        "inpatients_drug_on_emergency_line",
        "限住院药品急诊标志行（药品说明不允许）",
        |s| fat(s, "11", |bill, place| line(bill, place, "er_flag", text("1"))),
    ),
    pattern("drug-setting", SUSPECTED, "emergency_drug_for_outpatient", "限急诊或住院药品用于普通门诊", |s| {
        bought(s, calculus, "11", as_it_is)
    }),
    pattern("drug-setting", SUSPECTED, "inpatients_drug_half_refunded", "限住院药品部分退费", |s| fat(s, "11", half_taken_back)),
    pattern("drug-setting", SUSPECTED, "inpatients_drug_claimed", "限住院药品零星报销", |s| fat(s, "11", claimed)),
    pattern(
        "drug-setting",
        missed(Suspected, "医疗类别不在编码表内"),
        "inpatients_drug_unknown_category",
        "限住院药品，医疗类别不明",
        |s| fat(s, "88", as_it_is),
    ),
    pattern(
        "drug-setting",
        missed(Suspected, "未载明医疗类别"),
        "inpatients_drug_category_not_told",
        "限住院药品，医疗类别未载明",
        |s| fat(s, "11", no_category),
    ),
    pattern(
        "drug-setting",
        missed(Suspected, "药品没有国家编码"),
        "inpatients_drug_without_code",
        "限住院药品无国家编码",
        |s| fat(s, "11", no_code),
    ),
    pattern("drug-setting", NEAR, "inpatients_drug_on_day_of_admission", "入院当日用限住院药品", |s| {
        let drug = s.drug(emulsion)?;
        let time = s.moment();
        let person = s.adult(time);
        let mut bill = stay(s, person, time, PNEUMONIA, 5);
        bill.lines.push(s.drug_line(drug, 1, bill.begin));
        put_line(s, bill, as_it_is)
    }),
    pattern("drug-setting", NEAR, "inpatients_drug_in_stay", "限住院药品用于住院", |s| in_stay(s, emulsion, "21", as_it_is)),
    pattern("drug-setting", INNOCENT, "inpatients_drug_in_stay_with_birth", "限住院药品用于生育住院", |s| {
        in_stay(s, emulsion, "52", as_it_is)
    }),
    pattern("drug-setting", INNOCENT, "inpatients_drug_in_day_surgery", "限住院药品用于日间手术", |s| {
        in_stay(s, emulsion, "28", as_it_is)
    }),
    pattern("drug-setting", INNOCENT, "inpatients_drug_in_bed_at_home", "限住院药品用于家庭病床", |s| fat(s, "71", as_it_is)),
    pattern("drug-setting", INNOCENT, "inpatients_drug_on_discharge", "限住院药品作出院带药", |s| {
        fat(s, "11", |bill, place| bill.lines[place].discharge = true)
    }),
    pattern("drug-setting", INNOCENT, "emergency_drug_in_emergency", "限急诊或住院药品用于急诊", |s| {
        bought(s, calculus, "13", as_it_is)
    }),
    pattern("drug-setting", INNOCENT, "emergency_drug_in_ambulance", "限急诊或住院药品用于急救车", |s| {
        bought(s, calculus, "120", as_it_is)
    }),
    pattern("drug-setting", INNOCENT, "emergency_drug_on_emergency_line", "限急诊或住院药品急诊标志行", |s| {
        bought(s, calculus, "11", |bill, place| line(bill, place, "er_flag", text("1")))
    }),
    pattern("drug-setting", INNOCENT, "inpatients_drug_self_paid", "限住院药品由个人全自费", |s| fat(s, "11", self_paid)),
    pattern("drug-setting", INNOCENT, "inpatients_drug_from_account", "限住院药品由个人账户支付", |s| {
        fat(s, "11", from_account)
    }),
    pattern("drug-setting", INNOCENT, "inpatients_drug_from_relatives_account", "限住院药品由家庭共济账户支付", |s| {
        fat(s, "11", from_relative)
    }),
    pattern("drug-setting", INNOCENT, "inpatients_drug_refunded_in_same_bill", "限住院药品在同一结算单内已退费", |s| {
        fat(s, "11", taken_back)
    }),
    pattern("drug-level", SUSPECTED, "second_level_drug_in_township", "限二级药品在乡镇卫生院结算", |s| {
        at(s, second, |i| i.level == "10", as_it_is)
    }),
    pattern("drug-level", SUSPECTED, "second_level_drug_in_first_level_hospital", "限二级药品在一级医院结算", |s| {
        at(s, second, |i| i.level == "08", as_it_is)
    }),
    pattern("drug-level", SUSPECTED, "third_level_drug_in_second_level_hospital", "限三级药品在二级医院结算", |s| {
        at(s, third, second_band, as_it_is)
    }),
    pattern("drug-level", SUSPECTED, "third_level_drug_in_first_level_hospital", "限三级药品在一级机构结算", |s| {
        at(s, third, first_band, as_it_is)
    }),
    pattern(
        "drug-level",
        SUSPECTED,
        "second_level_drug_level_of_registry",
        "限二级药品，结算单未载明等级、登记为一级",
        |s| at(s, second, first_band, no_level),
    ),
    pattern(
        "drug-level",
        SUSPECTED,
        "third_level_drug_in_first_level_eye_clinic",
        "限三级眼科用药在一级眼科机构结算",
        |s| at_eye_hospital(s, third, |bill, _| head(bill, "hosp_lv", text("09"))),
    ),
    pattern("drug-level", SUSPECTED, "second_level_drug_half_refunded", "限二级药品部分退费", |s| {
        at(s, second, first_band, half_taken_back)
    }),
    pattern("drug-level", SUSPECTED, "second_level_drug_claimed", "限二级药品零星报销", |s| at(s, second, first_band, claimed)),
    pattern(
        "drug-level",
        missed(Suspected, "外流处方的开方机构不在结算单上"),
        "second_level_drug_prescribed_in_township_circulated",
        "限二级药品由一级机构外配处方",
        |s| circulated(s, first_band),
    ),
    pattern(
        "drug-level",
        missed(Suspected, "药店结算单不载明开方机构"),
        "second_level_drug_in_pharmacy",
        "限二级药品在药店结算",
        |s| {
            let drug = s.drug(second)?;
            let time = s.moment();
            let person = s.adult(time);
            let mut bill = s.purchase(person, time, STROKE);
            bill.lines.push(s.drug_line(drug, 1, time));
            put_line(s, bill, as_it_is)
        },
    ),
    pattern(
        "drug-level",
        missed(Suspected, "机构未定级"),
        "second_level_drug_without_level",
        "限二级药品，机构未定级",
        |s| at(s, second, first_band, |bill, _| head(bill, "hosp_lv", text("11"))),
    ),
    pattern(
        "drug-level",
        missed(Suspected, "结算单未载明等级且机构不在登记表"),
        "second_level_drug_institution_unknown",
        "限二级药品，机构未登记",
        |s| {
            at(s, second, first_band, |bill, place| {
                no_level(bill, place);
                head(bill, "fixmedins_code", text(UNREGISTERED));
            })
        },
    ),
    pattern("drug-level", NEAR, "second_level_drug_at_second_level", "限二级药品在二级医院结算", |s| {
        at(s, second, second_band, as_it_is)
    }),
    pattern("drug-level", NEAR, "second_level_drug_at_third_level", "限二级药品在三级医院结算", |s| {
        at(s, second, |i| i.level == "02", as_it_is)
    }),
    pattern("drug-level", NEAR, "third_level_drug_at_third_level", "限三级药品在三级医院结算", |s| {
        at(s, third, |i| i.level == "02", as_it_is)
    }),
    pattern(
        "drug-level",
        INNOCENT,
        "second_level_drug_level_of_registry_fits",
        "限二级药品，结算单未载明等级、登记为二级",
        |s| at(s, second, second_band, no_level),
    ),
    pattern("drug-level", INNOCENT, "third_level_drug_in_eye_hospital", "限三级眼科用药在二级眼科医院结算", |s| {
        at_eye_hospital(s, third, as_it_is)
    }),
    pattern(
        "drug-level",
        INNOCENT,
        "second_level_drug_prescribed_at_second_level_circulated",
        "限二级药品由二级医院外配处方",
        |s| circulated(s, second_band),
    ),
    pattern("drug-level", INNOCENT, "first_prescription_from_higher_level", "仅首次处方限二级的药品在基层续方", |s| {
        at(s, first_only, first_band, as_it_is)
    }),
    pattern("drug-level", INNOCENT, "second_level_drug_self_paid", "限二级药品由个人全自费", |s| {
        at(s, second, first_band, self_paid)
    }),
    pattern("drug-level", INNOCENT, "second_level_drug_from_account", "限二级药品由个人账户支付", |s| {
        at(s, second, first_band, from_account)
    }),
    pattern("drug-level", INNOCENT, "second_level_drug_from_relatives_account", "限二级药品由家庭共济账户支付", |s| {
        at(s, second, first_band, from_relative)
    }),
    pattern("drug-level", INNOCENT, "second_level_drug_refunded_in_same_bill", "限二级药品在同一结算单内已退费", |s| {
        at(s, second, first_band, taken_back)
    }),
    pattern("drug-insurance", SUSPECTED, "work_injury_drug_of_employee", "工伤用药由职工医保支付", |s| {
        injury(s, |bill, _| bill.person.employee = true)
    }),
    pattern("drug-insurance", SUSPECTED, "work_injury_drug_of_resident", "工伤用药由居民医保支付", |s| {
        injury(s, |bill, _| bill.person.employee = false)
    }),
    pattern("drug-insurance", SUSPECTED, "work_injury_drug_of_kind_380", "工伤用药由新农合支付", |s| {
        injury(s, |bill, _| head(bill, "insutype", text("380")))
    }),
    pattern("drug-insurance", SUSPECTED, "work_injury_drug_of_kind_391", "工伤用药由城镇居民医保支付", |s| {
        injury(s, |bill, _| head(bill, "insutype", text("391")))
    }),
    pattern("drug-insurance", SUSPECTED, "other_work_injury_drug_where_one_is_added", "增补地区的其他工伤用药", |s| {
        at(s, |drug| injured(drug) && !thymosin(drug), added, as_it_is)
    }),
    pattern("drug-insurance", SUSPECTED, "work_injury_drug_in_birth_care", "生育住院中的工伤用药", |s| {
        in_birth_care(s, thymosin, "52")
    }),
    pattern("drug-insurance", SUSPECTED, "maternity_drug_for_outpatient", "生育用药用于普通门诊", |s| birth(s, "11", as_it_is)),
    pattern("drug-insurance", SUSPECTED, "maternity_drug_in_ordinary_stay", "生育用药用于普通住院", |s| birth(s, "21", as_it_is)),
    pattern("drug-insurance", SUSPECTED, "maternity_drug_marked_as_other_care", "生育用药，生育标志为否", |s| {
        birth(s, "21", |bill, place| line(bill, place, "matn_fee_flag", text("0")))
    }),
    pattern("drug-insurance", SUSPECTED, "work_injury_drug_half_refunded", "工伤用药部分退费", |s| injury(s, half_taken_back)),
    pattern("drug-insurance", SUSPECTED, "work_injury_drug_claimed", "工伤用药零星报销", |s| injury(s, claimed)),
    pattern(
        "drug-insurance",
        missed(Suspected, "未载明险种"),
        "work_injury_drug_kind_not_told",
        "工伤用药，险种未载明",
        |s| injury(s, |bill, _| head(bill, "insutype", Told::Absent)),
    ),
    pattern(
        "drug-insurance",
        missed(Suspected, "未载明医疗类别"),
        "maternity_drug_category_not_told",
        "生育用药，医疗类别未载明",
        |s| birth(s, "11", no_category),
    ),
    pattern(
        "drug-insurance",
        missed(Suspected, "药品没有国家编码"),
        "work_injury_drug_without_code",
        "工伤用药无国家编码",
        |s| injury(s, no_code),
    ),
    pattern("drug-insurance", NEAR, "work_injury_drug_paid_by_its_insurance", "工伤用药由工伤保险支付", |s| {
        injury(s, |bill, _| head(bill, "insutype", text("410")))
    }),
    pattern("drug-insurance", NEAR, "work_injury_drug_of_other_insurance", "工伤用药由离休统筹支付", |s| {
        injury(s, |bill, _| head(bill, "insutype", text("340")))
    }),
    pattern("drug-insurance", NEAR, "maternity_drug_in_stay_with_birth", "生育用药用于生育住院", |s| {
        in_birth_care(s, prostaglandin, "52")
    }),
    pattern("drug-insurance", NEAR, "maternity_drug_in_newborns_stay", "生育用药用于新生儿随母住院类别", |s| {
        in_birth_care(s, prostaglandin, "5212")
    }),
    pattern("drug-insurance", NEAR, "maternity_drug_in_outpatient_birth_care", "生育用药用于生育门诊", |s| {
        birth(s, "51", as_it_is)
    }),
    pattern("drug-insurance", INNOCENT, "maternity_drug_with_mark_of_birth_care", "生育用药，已填生育标志", |s| {
        birth(s, "21", |bill, place| line(bill, place, "matn_fee_flag", text("1")))
    }),
    pattern("drug-insurance", INNOCENT, "maternity_drug_paid_by_maternity_insurance", "生育用药由生育保险支付", |s| {
        birth(s, "11", |bill, _| head(bill, "insutype", text("510")))
    }),
    pattern("drug-insurance", INNOCENT, "work_injury_drug_added_by_area", "当地增补为基本医保支付的工伤用药", |s| {
        at(s, thymosin, added, as_it_is)
    }),
    pattern("drug-insurance", INNOCENT, "work_injury_drug_self_paid", "工伤用药由个人全自费", |s| injury(s, self_paid)),
    pattern("drug-insurance", INNOCENT, "work_injury_drug_from_account", "工伤用药由个人账户支付", |s| injury(s, from_account)),
    pattern("drug-insurance", INNOCENT, "work_injury_drug_from_relatives_account", "工伤用药由家庭共济账户支付", |s| {
        injury(s, from_relative)
    }),
    pattern("drug-insurance", INNOCENT, "work_injury_drug_refunded_in_same_bill", "工伤用药在同一结算单内已退费", |s| {
        injury(s, taken_back)
    }),
];

const PNEUMONIA: Diagnosis = ("J18.900", "肺炎");
const STROKE: Diagnosis = ("I63.900", "脑梗死");
const DERMATITIS: Diagnosis = ("L30.900", "湿疹");
const BLEEDING: Diagnosis = ("N93.900", "异常的子宫和阴道出血");
/// An institution that no table knows.
pub(super) const UNREGISTERED: &str = "H99010199999";

/// Paid for inpatients, without exception.
fn emulsion(drug: &Drug) -> bool {
    drug.inpatient_only && drug.code.starts_with("XB05")
}

/// 安宫牛黄丸: paid in emergencies too.
fn calculus(drug: &Drug) -> bool {
    drug.inpatient_only && drug.code.starts_with("ZA07AAA0061")
}

fn second(drug: &Drug) -> bool {
    drug.level_min == Some('2') && !first_only(drug)
}

/// Of which the first prescription alone must come from the second level.
fn first_only(drug: &Drug) -> bool {
    drug.level_min == Some('2') && drug.code.starts_with("XA10BJ")
}

fn third(drug: &Drug) -> bool {
    drug.level_min == Some('3') && drug.code.starts_with("XS01L")
}

fn injured(drug: &Drug) -> bool {
    drug.insurance_limit.as_deref() == Some("work_injury")
}

/// The work-injury drug that one area's basic insurance pays.
fn thymosin(drug: &Drug) -> bool {
    injured(drug) && drug.code.starts_with("XL03AXX234")
}

fn prostaglandin(drug: &Drug) -> bool {
    drug.insurance_limit.as_deref() == Some("maternity")
}

fn first_band(institution: &Institution) -> bool {
    matches!(institution.level.as_str(), "08" | "09" | "10" | "14")
}

fn second_band(institution: &Institution) -> bool {
    matches!(institution.level.as_str(), "05" | "06" | "07" | "13")
}

/// Where the basic insurance pays for `thymosin`.
fn added(institution: &Institution) -> bool {
    institution.area == 990_103
}

fn no_level(bill: &mut Bill, _: usize) {
    head(bill, "hosp_lv", Told::Absent);
}

fn no_category(bill: &mut Bill, _: usize) {
    head(bill, "med_type", Told::Absent);
}

/// A visit with the drug at an institution; `med_type` is the bill's.
fn visited(s: &mut Stage, drug: u32, institution: u32, who: (Person, Civil), med_type: &'static str) -> Bill {
    let (person, time) = who;
    let mut bill = s.visit(person, institution, time, DERMATITIS);
    bill.med_type = med_type;
    bill.lines.push(s.drug_line(drug, 1, time.plus_seconds(900)));
    bill
}

fn bought(s: &mut Stage, wanted: fn(&Drug) -> bool, med_type: &'static str, edit: Edit) -> Option<TruthKey> {
    let drug = s.drug(wanted)?;
    let time = s.moment();
    let (person, hospital) = (s.adult(time), s.hospital());
    let bill = visited(s, drug, hospital, (person, time), med_type);
    put_line(s, bill, edit)
}

fn fat(s: &mut Stage, med_type: &'static str, edit: Edit) -> Option<TruthKey> {
    bought(s, emulsion, med_type, edit)
}

fn in_stay(s: &mut Stage, wanted: fn(&Drug) -> bool, med_type: &'static str, edit: Edit) -> Option<TruthKey> {
    let drug = s.drug(wanted)?;
    let time = s.moment();
    let person = s.person(if med_type == "52" { Some("2") } else { None }, 30, 40, time);
    let mut bill = stay(s, person, time, PNEUMONIA, if med_type == "28" { 1 } else { 5 });
    bill.med_type = med_type;
    bill.lines.push(s.drug_line(drug, 1, bill.begin.plus_seconds(7200)));
    put_line(s, bill, edit)
}

/// At a hospital of a kind.
fn at(s: &mut Stage, wanted: fn(&Drug) -> bool, place: fn(&Institution) -> bool, edit: Edit) -> Option<TruthKey> {
    let (drug, hospital) = (s.drug(wanted)?, s.hospital_where(place)?);
    let time = s.moment();
    let person = s.adult(time);
    let bill = visited(s, drug, hospital, (person, time), "11");
    put_line(s, bill, edit)
}

/// At the eye hospital that has just opened.
fn at_eye_hospital(s: &mut Stage, wanted: fn(&Drug) -> bool, edit: Edit) -> Option<TruthKey> {
    let drug = s.drug(wanted)?;
    let hospital = s.city.institutions.iter().position(|row| row.name.contains("眼科") && second_band(row))? as u32;
    let time = s.moment();
    let person = s.adult(time);
    let bill = visited(s, drug, hospital, (person, time), "11");
    put_line(s, bill, edit)
}

/// Prescribed at a hospital of a kind, bought in a pharmacy.
fn circulated(s: &mut Stage, place: fn(&Institution) -> bool) -> Option<TruthKey> {
    let (drug, hospital) = (s.drug(second)?, s.hospital_where(place)?);
    let time = s.moment();
    let person = s.adult(time);
    let dosage = Dosage::covering(drug, s.row(drug), 1, FREQUENCIES[0], 1);
    let rx = s.prescription(person, hospital, time, STROKE, vec![dosage]);
    let bill = s.circulated(&rx);
    s.put_prescription(rx);
    put_line(s, bill, as_it_is)
}

/// The work-injury drug where no area adds it to the basic insurance.
fn injury(s: &mut Stage, edit: Edit) -> Option<TruthKey> {
    at(s, thymosin, |institution| !added(institution), edit)
}

fn birth(s: &mut Stage, med_type: &'static str, edit: Edit) -> Option<TruthKey> {
    let drug = s.drug(prostaglandin)?;
    let time = s.moment();
    let (person, hospital) = (s.person(Some("2"), 22, 40, time), s.hospital());
    let mut bill = visited(s, drug, hospital, (person, time), med_type);
    bill.diagnoses = vec![BLEEDING];
    put_line(s, bill, edit)
}

/// During a stay with birth, where nothing is added by the area.
fn in_birth_care(s: &mut Stage, wanted: fn(&Drug) -> bool, med_type: &'static str) -> Option<TruthKey> {
    let (drug, hospital) = (s.drug(wanted)?, s.hospital_where(|institution| !added(institution))?);
    let time = s.moment();
    let person = s.person(Some("2"), 22, 40, time);
    let mut bill = stay(s, person, time, BLEEDING, 4);
    (bill.institution, bill.med_type) = (hospital, med_type);
    bill.lines.push(s.drug_line(drug, 1, bill.begin.plus_seconds(7200)));
    put_line(s, bill, as_it_is)
}
