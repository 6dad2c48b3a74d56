//! Bills and prescriptions as JSON, in the layouts of three made-up vendors.

use crate::base::time::Civil;
use crate::events::camel_case;

use super::city::City;
use super::city::Institution;
use super::city::InstitutionKind;
use super::fields::DIAGNOSIS;
use super::fields::DRUG;
use super::fields::HEADER;
use super::fields::LINE;
use super::fields::PRESCRIPTION;
use super::fields::VISIT;
use super::model::Bill;
use super::model::Diagnosis;
use super::model::Dosage;
use super::model::Goods;
use super::model::Line;
use super::model::Own;
use super::model::Prescription;
use super::model::SERVICES;
use super::model::Shares;
use super::model::Split;
use super::model::Told;
use super::model::Totals;
use super::text::Id;
use super::text::push_date;
use super::text::push_fen;
use super::text::push_i64;
use super::text::push_padded;
use super::text::push_text;
use super::text::push_time;
use super::wards::OBSERVATION;

/// A value of a message, not yet text.
#[derive(Clone, Copy)]
enum Value<'a> {
    Absent,
    Text(&'a str),
    Fen(i64),
    Number(i64),
    Digits(i64),
    Time(Civil),
    Date(i64),
    Id(Id),
    Placeholder(u64),
}

/// What a vendor writes where it has nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absent {
    Omit,
    Null,
    EmptyText,
}

/// A member: the field it holds, and `"key":` as bytes.
type Member = (&'static str, Box<[u8]>);

/// One vendor's way of writing messages.
#[derive(Debug)]
pub(super) struct Layout {
    absent: Absent,
    /// In lines, which are many.
    absent_in_line: Absent,
    /// The header stands in an object of its own under this name.
    block: Option<&'static str>,
    lines_first: bool,
    list_name: &'static str,
    header: Vec<Member>,
    line: Vec<Member>,
    diagnosis: Vec<Member>,
    prescription: Vec<Member>,
    /// Members of the prescription that stand in the block `mdtrtinfo`.
    visit: Vec<Member>,
    drug: Vec<Member>,
    drug_diagnosis: Vec<Member>,
    /// Keys of fields that only some messages have: of a bill, and of a prescription.
    spell_bill: Spelling,
    spell_prescription: Spelling,
}

type Spelling = fn(&str) -> String;

impl Layout {
    /// The vendors, most common first.
    pub(super) fn vendors() -> [Self; 3] {
        let snake = |fields: &[&'static str]| members(fields, str::to_owned);
        let camel = |fields: &[&'static str]| members(fields, camel_case);
        let aliased = |fields: &[&'static str]| members(fields, by_alias);
        let reversed = |mut list: Vec<Member>| {
            list.reverse();
            list
        };
        let flat: Vec<&'static str> = VISIT.iter().chain(PRESCRIPTION).copied().collect();
        [
            Self {
                absent: Absent::Omit,
                absent_in_line: Absent::Omit,
                block: None,
                lines_first: false,
                list_name: "feedetl",
                header: snake(HEADER),
                line: snake(LINE),
                diagnosis: snake(DIAGNOSIS),
                prescription: camel(PRESCRIPTION),
                visit: camel(VISIT),
                drug: camel(DRUG),
                drug_diagnosis: camel(DIAGNOSIS),
                spell_bill: str::to_owned,
                spell_prescription: camel_case,
            },
            Self {
                absent: Absent::Null,
                absent_in_line: Absent::Omit,
                block: None,
                lines_first: true,
                list_name: "feeDetl",
                header: reversed(camel(HEADER)),
                line: camel(LINE),
                diagnosis: camel(DIAGNOSIS),
                prescription: camel(&flat),
                visit: Vec::new(),
                drug: camel(DRUG),
                drug_diagnosis: camel(DIAGNOSIS),
                spell_bill: camel_case,
                spell_prescription: camel_case,
            },
            Self {
                absent: Absent::EmptyText,
                absent_in_line: Absent::Omit,
                block: Some("setlinfo"),
                lines_first: false,
                list_name: "fee_detl",
                header: aliased(HEADER),
                line: aliased(LINE),
                diagnosis: snake(DIAGNOSIS),
                prescription: camel(&flat),
                visit: Vec::new(),
                drug: reversed(camel(DRUG)),
                drug_diagnosis: camel(DIAGNOSIS),
                spell_bill: by_alias,
                spell_prescription: camel_case,
            },
        ]
    }

    pub(super) fn bill(&self, out: &mut Vec<u8>, city: &City, bill: &Bill) {
        let totals = bill.totals();
        out.push(b'{');
        if self.lines_first {
            self.bill_lists(out, city, bill);
        }
        if let Some(block) = self.block {
            push_text(out, block);
            out.extend_from_slice(b":{");
        }
        self.object(out, &self.header, |field| own_or(&bill.own, field, || header_value(field, city, bill, &totals)));
        rest(out, &bill.own, &[&self.header], self.spell_bill);
        if self.block.is_some() {
            out.push(b'}');
        }
        if !self.lines_first {
            self.bill_lists(out, city, bill);
        }
        out.push(b'}');
    }

    fn bill_lists(&self, out: &mut Vec<u8>, city: &City, bill: &Bill) {
        comma(out);
        list(out, "diseinfo", &bill.diagnoses, |out, idx, diagnosis| {
            self.object(out, &self.diagnosis, |field| diagnosis_value(field, idx, diagnosis));
        });
        out.push(b',');
        let biller = Biller::of(city, bill);
        list(out, self.list_name, &bill.lines, |out, idx, line| {
            let shares = line.shares();
            let number = bill.first_line + idx as u64;
            object(out, self.absent_in_line, &self.line, |field| {
                own_or(&line.own, field, || line_value(field, city, line, &shares, number, biller))
            });
            rest(out, &line.own, &[&self.line], self.spell_bill);
        });
        if let Some((code, name)) = bill.operation {
            out.push(b',');
            list(out, "oprninfo", &[(code, name)], |out, _, (code, name)| {
                let keys = members(&["oprn_oprt_type", "oprn_oprt_code", "oprn_oprt_name", "oprn_oprt_date", "anst_way"], str::to_owned);
                self.object(out, &keys, |field| match field {
                    "oprn_oprt_code" => Value::Text(code),
                    "oprn_oprt_name" => Value::Text(name),
                    "oprn_oprt_date" => Value::Time(bill.begin.plus_seconds(3600)),
                    _ => Value::Text("1"),
                });
            });
        }
        if self.lines_first {
            out.push(b',');
        }
    }

    pub(super) fn prescription(&self, out: &mut Vec<u8>, city: &City, rx: &Prescription) {
        out.push(b'{');
        self.object(out, &self.prescription, |field| own_or(&rx.own, field, || prescription_value(field, city, rx)));
        rest(out, &rx.own, &[&self.prescription, &self.visit], self.spell_prescription);
        out.push(b',');
        list(out, "rxdrugdetail", &rx.drugs, |out, idx, dosage| {
            let own: Own = rx.own_of_drugs.iter().filter(|own| own.0 == idx).map(|(_, field, told)| (*field, told.clone())).collect();
            self.object(out, &self.drug, |field| own_or(&own, field, || drug_value(field, city, rx, dosage)));
            rest(out, &own, &[&self.drug], self.spell_prescription);
        });
        if !self.visit.is_empty() {
            out.extend_from_slice(b",\"mdtrtinfo\":{");
            self.object(out, &self.visit, |field| own_or(&rx.own, field, || prescription_value(field, city, rx)));
            out.push(b'}');
        }
        out.push(b',');
        list(out, "diseinfo", &rx.diagnoses, |out, idx, diagnosis| {
            self.object(out, &self.drug_diagnosis, |field| diagnosis_value(field, idx, diagnosis));
        });
        out.push(b'}');
    }

    fn object<'a>(&self, out: &mut Vec<u8>, members: &[Member], value: impl Fn(&'static str) -> Value<'a>) {
        object(out, self.absent, members, value);
    }
}

fn by_alias(field: &str) -> String {
    match field {
        "inscp_scp_amt" => "inscp_amt",
        "overlmt_selfpay" => "overlmt_amt",
        "insu_admdvs" => "insuplc_admdvs",
        "begntime" => "begndate",
        "endtime" => "enddate",
        "rx_drord_no" => "rxno",
        _ => field,
    }
    .to_owned()
}

/// The message's own word about a field, else the usual one.
fn own_or<'a>(own: &'a Own, field: &str, usual: impl FnOnce() -> Value<'a>) -> Value<'a> {
    if own.is_empty() {
        return usual();
    }
    own.iter().rev().find(|(name, _)| *name == field).map_or_else(usual, |(_, told)| value_of(told))
}

fn value_of(told: &Told) -> Value<'_> {
    match told {
        Told::Absent => Value::Absent,
        Told::Text(text) => Value::Text(text),
        Told::Fen(fen) => Value::Fen(*fen),
        Told::Number(number) => Value::Number(*number),
        Told::Time(time) => Value::Time(*time),
    }
}

/// Own fields that are none of `members`, written after them; of two words
/// about a field the last one.
fn rest(out: &mut Vec<u8>, own: &Own, usual: &[&[Member]], spelling: Spelling) {
    let is_usual = |field: &str| usual.iter().any(|members| members.iter().any(|(name, _)| *name == field));
    let is_last = |at: usize| !own[at + 1..].iter().any(|(later, _)| *later == own[at].0);
    for (_, (field, told)) in own.iter().enumerate().filter(|(at, (field, _))| !is_usual(field) && is_last(*at)) {
        object(out, Absent::Omit, &members(&[*field], spelling), |_| value_of(told));
    }
}

/// Writes members without the braces around them.
fn object<'a>(out: &mut Vec<u8>, absent: Absent, members: &[Member], value: impl Fn(&'static str) -> Value<'a>) {
    for (field, key) in members {
        let value = value(field);
        if matches!(value, Value::Absent) && absent == Absent::Omit {
            continue;
        }
        comma(out);
        out.extend_from_slice(key);
        match value {
            Value::Absent if absent == Absent::Null => out.extend_from_slice(b"null"),
            Value::Absent => out.extend_from_slice(b"\"\""),
            Value::Text(text) => push_text(out, text),
            Value::Fen(fen) => push_fen(out, fen),
            Value::Number(number) => push_i64(out, number),
            Value::Digits(number) => quoted(out, |out| push_i64(out, number)),
            Value::Time(time) => quoted(out, |out| push_time(out, time)),
            Value::Date(day) => quoted(out, |out| push_date(out, day)),
            Value::Id(id) => quoted(out, |out| id.push(out)),
            Value::Placeholder(seq) => quoted(out, |out| {
                out.extend_from_slice("参保人".as_bytes());
                push_padded(out, seq, 7);
            }),
        }
    }
}

fn members(fields: &[&'static str], spelling: impl Fn(&str) -> String) -> Vec<Member> {
    fields.iter().map(|field| (*field, format!("\"{}\":", spelling(field)).into_bytes().into_boxed_slice())).collect()
}

fn comma(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'{' | b'[' | b',') | None) {
        out.push(b',');
    }
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

fn list<T>(out: &mut Vec<u8>, name: &str, items: &[T], mut write: impl FnMut(&mut Vec<u8>, usize, &T)) {
    push_text(out, name);
    out.extend_from_slice(b":[");
    for (idx, item) in items.iter().enumerate() {
        if idx > 0 {
            out.push(b',');
        }
        out.push(b'{');
        write(out, idx, item);
        out.push(b'}');
    }
    out.push(b']');
}

fn flag(on: bool) -> Value<'static> {
    if on { Value::Text("1") } else { Value::Absent }
}

fn zero_or_one(value: Option<bool>) -> Value<'static> {
    value.map_or(Value::Absent, |value| Value::Text(if value { "1" } else { "0" }))
}

fn header_value<'a>(field: &str, city: &'a City, bill: &Bill, totals: &Totals) -> Value<'a> {
    let institution = &city.institutions[bill.institution as usize];
    match field {
        "setl_id" => Value::Id(bill.id(city)),
        "mdtrt_id" => Value::Id(bill.visit_id(city)),
        "psn_no" => Value::Id(bill.person.id()),
        "psn_name" => Value::Placeholder(bill.person.seq),
        "gend" => Value::Text(bill.person.sex),
        "brdy" => Value::Date(bill.person.birth),
        "age" => Value::Number(bill.person.age(bill.begin.day())),
        "nwb_flag" => flag(bill.newborn),
        "insutype" => Value::Text(if bill.person.employee { "310" } else { "390" }),
        "psn_type" => Value::Text(if bill.person.employee { "1101" } else { "15" }),
        "insu_admdvs" => Value::Digits(i64::from(bill.person.area)),
        "fixmedins_code" => Value::Text(&institution.code),
        "fixmedins_name" => Value::Text(&institution.name),
        "hosp_lv" => Value::Text(&institution.level),
        "fix_blng_admdvs" => Value::Digits(i64::from(institution.area)),
        "med_type" => Value::Text(bill.med_type),
        "biz_type_code" => bill.business.map_or(Value::Absent, Value::Text),
        "fstdiag_flag" => zero_or_one(bill.first_visit),
        "setl_time" => Value::Time(bill.time),
        "begntime" => Value::Time(bill.begin),
        "endtime" => Value::Time(bill.end),
        "ipt_days" => bill.stay_days.map_or(Value::Absent, Value::Number),
        "medfee_sumamt" => Value::Fen(totals.shares.total),
        "fulamt_ownpay_amt" => Value::Fen(totals.shares.self_paid),
        "overlmt_selfpay" => Value::Fen(totals.shares.over_limit),
        "preselfpay_amt" => Value::Fen(totals.shares.first_share),
        "inscp_scp_amt" => Value::Fen(totals.shares.in_scope),
        "act_pay_dedc" => Value::Fen(0),
        "hifp_pay" | "fund_pay_sumamt" => Value::Fen(totals.fund),
        "psn_part_amt" => Value::Fen(totals.person),
        "acct_pay" => Value::Fen(totals.account),
        "psn_cash_pay" => Value::Fen(totals.cash),
        "acct_mulaid_pay" => Value::Fen(totals.relative),
        "dise_codg" => disease(bill).map_or(Value::Absent, |(code, _)| Value::Text(code)),
        "dise_name" => disease(bill).map_or(Value::Absent, |(_, name)| Value::Text(name)),
        "mid_setl_flag" => zero_or_one((bill.interim || bill.is_stay()).then_some(bill.interim)),
        "chfpdr_code" => {
            let doctor = bill.ward.and_then(|ward| institution.doctors.get(ward.doctor));
            doctor.map_or(Value::Absent, |code| Value::Text(code))
        }
        "adm_caty" | "dscg_caty" => bill.ward.map_or(Value::Absent, |ward| Value::Text(ward.caty)),
        "vali_flag" => Value::Text("1"),
        "refd_setl_flag" => Value::Text("0"),
        _ => Value::Absent,
    }
}

/// The disease list that a visit goes by, or the disease group of a stay.
fn disease(bill: &Bill) -> Option<(&'static str, &'static str)> {
    let of_stay = || bill.is_stay().then_some(bill.ward.map_or(OBSERVATION, |ward| ward.group));
    bill.chronic.or_else(of_stay)
}

/// Who orders what a visit is charged for: told on lines of visits.
#[derive(Clone, Copy)]
struct Biller<'a> {
    department: Value<'a>,
    doctor: Value<'a>,
}

impl<'a> Biller<'a> {
    fn of(city: &'a City, bill: &Bill) -> Self {
        let institution = &city.institutions[bill.institution as usize];
        if bill.is_stay() || institution.kind == InstitutionKind::Pharmacy {
            return Self { department: Value::Absent, doctor: Value::Absent };
        }
        Self { department: Value::Digits(101 + bill.visit as i64 % 12), doctor: doctor(institution, bill.visit) }
    }
}

/// The doctor of a visit.
fn doctor(institution: &Institution, visit: u64) -> Value<'_> {
    match &institution.doctors[..] {
        [] => Value::Id(Id::Doctor { area: institution.area, number: visit % 240 }),
        known => Value::Text(&known[(visit % known.len() as u64) as usize]),
    }
}

fn line_value<'a>(field: &str, city: &'a City, line: &Line, shares: &Shares, number: u64, biller: Biller<'a>) -> Value<'a> {
    let drug = match line.goods {
        Goods::Drug(idx) => Some(&city.drugs[idx as usize]),
        _ => None,
    };
    match field {
        "feedetl_sn" => Value::Digits(number as i64),
        "init_feedetl_sn" => line.refunds.map_or(Value::Absent, |number| Value::Digits(number as i64)),
        "rx_drord_no" => line.order.map_or(Value::Absent, Value::Id),
        "rx_circ_flag" => flag(line.circulated),
        "fee_ocur_time" => Value::Time(line.fact),
        "med_list_codg" => Value::Text(line.goods.code(city)),
        "medins_list_name" => Value::Text(line.goods.name(city)),
        "list_type" => Value::Text(match line.goods {
            Goods::Drug(_) => "101",
            Goods::Service(idx) => SERVICES[idx].list,
            _ => "201",
        }),
        "cnt" => Value::Number(line.count),
        "pric" => Value::Fen(line.price),
        // 999999 says that there is no ceiling.
        "pric_uplmt_amt" => match drug {
            Some(drug) => drug.ceiling.map_or(Value::Number(999_999), Value::Fen),
            None => Value::Absent,
        },
        "medins_disc_amt" if line.discount != 0 => Value::Fen(line.discount),
        "det_item_fee_sumamt" => Value::Fen(shares.total),
        "fulamt_ownpay_amt" if drug.is_some() || shares.self_paid != 0 => Value::Fen(shares.self_paid),
        // Only drugs have ceilings and a first share.
        "overlmt_amt" if drug.is_some() && line.split != Split::LimitNotTold => Value::Fen(shares.over_limit),
        "preselfpay_amt" if drug.is_some() => Value::Fen(shares.first_share),
        "inscp_scp_amt" => Value::Fen(shares.in_scope),
        "med_chrgitm_type" => Value::Text(match line.goods {
            Goods::Drug(_) => "09",
            Goods::Service(idx) => SERVICES[idx].group,
            _ => "14",
        }),
        "prd_days" => line.days.map_or(Value::Absent, Value::Number),
        "dscg_tkdrug_flag" => flag(line.discharge),
        "bilg_dept_codg" => biller.department,
        "bilg_dr_codg" => biller.doctor,
        _ => Value::Absent,
    }
}

fn diagnosis_value(field: &str, idx: usize, (code, name): &Diagnosis) -> Value<'static> {
    match field {
        "diag_type" => Value::Text("1"),
        "maindiag_flag" => Value::Text(if idx == 0 { "1" } else { "0" }),
        "diag_srt_no" => Value::Digits(idx as i64 + 1),
        "diag_code" => Value::Text(code),
        "diag_name" => Value::Text(name),
        _ => Value::Absent,
    }
}

fn prescription_value<'a>(field: &str, city: &'a City, rx: &Prescription) -> Value<'a> {
    let institution = &city.institutions[rx.institution as usize];
    let department = 101 + rx.visit % 12;
    let (main_code, main_name) = rx.diagnoses.first().copied().unwrap_or(("", ""));
    match field {
        "hosp_rxno" => Value::Id(rx.id(city)),
        "hi_rxno" => Value::Id(rx.national(city)),
        "init_rxno" => rx.original.map_or(Value::Absent, Value::Id),
        "biz_type_code" => Value::Text(if rx.online { "02" } else { "01" }),
        "auth_no" if rx.online && institution.authorization_fed => Value::Id(Id::Authorization { number: rx.number }),
        "rx_exra_attr_code" => Value::Text("02"),
        "insu_plc_no" => Value::Digits(i64::from(rx.person.area)),
        "mdtrtarea_no" => Value::Digits(i64::from(institution.area)),
        "rx_type_code" => Value::Text("1"),
        "prsc_time" => Value::Time(rx.time),
        "rx_drug_cnt" => Value::Number(rx.drugs.len() as i64),
        "vali_days" => Value::Digits(3),
        "vali_end_time" => Value::Time(rx.time.plus_days(3)),
        "rept_flag" | "nwb_flag" => Value::Text("0"),
        "rx_cotn_flag" => Value::Text(if rx.original.is_some() { "1" } else { "0" }),
        "long_rx_flag" => Value::Text(if rx.long { "1" } else { "0" }),
        "fixmedins_code" => Value::Text(&institution.code),
        "fixmedins_name" => Value::Text(&institution.name),
        "mdtrt_id" => Value::Id(Id::Visit { area: institution.area, number: rx.visit }),
        "med_type" => Value::Text(rx.med_type),
        "otp_ipt_flag" => Value::Text(if rx.med_type.starts_with("21") { "2" } else { "1" }),
        "psn_no" => Value::Id(rx.person.id()),
        "patn_name" => Value::Placeholder(rx.person.seq),
        "patn_age" => Value::Number(rx.person.age(rx.time.day())),
        "brdy" => Value::Date(rx.person.birth),
        "gend" => Value::Text(rx.person.sex),
        "prsc_dept_code" => Value::Digits(department as i64),
        "prsc_dept_name" => Value::Text(DEPARTMENTS[(rx.visit % 12) as usize]),
        "dr_code" => doctor(institution, rx.visit),
        "mdtrt_time" => Value::Time(rx.time.plus_seconds(-600)),
        "dise_codg" => rx.chronic.map_or(Value::Absent, |(code, _)| Value::Text(code)),
        "sp_dise_flag" => Value::Text(if rx.chronic.is_some() { "1" } else { "0" }),
        "maindiag_code" if !main_code.is_empty() => Value::Text(main_code),
        "maindiag_name" if !main_name.is_empty() => Value::Text(main_name),
        "fstdiag_flag" => zero_or_one(rx.first_visit),
        _ => Value::Absent,
    }
}

const DEPARTMENTS: [&str; 12] =
    ["心血管内科", "内分泌科", "消化内科", "呼吸内科", "神经内科", "骨科", "普外科", "儿科", "妇科", "眼科", "皮肤科", "全科医学科"];

fn drug_value<'a>(field: &str, city: &'a City, rx: &Prescription, dosage: &Dosage) -> Value<'a> {
    let drug = &city.drugs[dosage.drug as usize];
    match field {
        "med_list_codg" => Value::Text(&drug.code),
        "drug_genname" => Value::Text(&drug.name),
        "drug_dosform" => Value::Text(&drug.dosage_form),
        "drug_spec" => Value::Text(&drug.spec),
        "rx_item_type_code" => Value::Text(if drug.code.starts_with('Z') { "12" } else { "11" }),
        "otc_flag" | "hosp_appr_flag" => Value::Text("0"),
        "medc_way_codg" => Value::Text("1"),
        "medc_begntime" => Value::Time(rx.time),
        "medc_endtime" => Value::Time(rx.time.plus_days(dosage.days)),
        "medc_days" => Value::Number(dosage.days),
        "sin_dosunt" => Value::Text(&drug.dose_unit),
        "sin_doscnt" => Value::Number(dosage.dose),
        "used_frqu_codg" => Value::Text(dosage.frequency.code),
        "used_frqu_name" => Value::Text(dosage.frequency.name),
        "drug_cnt" => Value::Number(dosage.packs),
        "drug_dosunt" => Value::Text(&drug.pack_unit),
        "drug_pric" => Value::Fen(drug.price),
        "drug_sumamt" => Value::Fen(drug.price * dosage.packs),
        _ => Value::Absent,
    }
}
