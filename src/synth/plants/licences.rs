//! Planted cases of prescriptions that the registers of doctors, departments
//! and online care deny, on both sides of every day on which a register changes.

use crate::base::time::Civil;

use super::Grade::Suspected;
use super::INNOCENT;
use super::NEAR;
use super::Pattern;
use super::SUSPECTED;
use super::TruthKey;
use super::edits::text;
use super::edits::written;
use super::missed;
use super::pattern;
use super::registry::Day;
use super::registry::changed;
use super::registry::suspension;
use super::scope::UNREGISTERED;
use crate::synth::city::InstitutionKind;
use crate::synth::model::Diagnosis;
use crate::synth::model::Dosage;
use crate::synth::model::FREQUENCIES;
use crate::synth::model::Person;
use crate::synth::model::Prescription;
use crate::synth::model::Told;
use crate::synth::registry::Department;
use crate::synth::registry::Licence;
use crate::synth::registry::Post;
use crate::synth::registry::State;
use crate::synth::stage::Stage;

pub(super) const PATTERNS: &[Pattern] = &[
    pattern("registry-doctor", SUSPECTED, "doctor_of_another_hospital", "其他医院的医师开方", |s| elsewhere(s, as_it_is)),
    pattern("registry-doctor", SUSPECTED, "doctor_of_another_hospital_online", "其他医院的医师在互联网医院开方", |s| {
        let post = alone(s)?;
        let body = s.online_where(|s, body| !s.city.institutions[body as usize].doctors.contains(&post.doctor))?;
        let time = s.moment();
        by(s, body, time, &post.doctor, as_it_is)
    }),
    pattern("registry-doctor", SUSPECTED, "day_on_which_registration_ended", "注册终止当日开方", |s| left(s, 0)),
    pattern("registry-doctor", SUSPECTED, "day_before_registration", "注册生效前一日开方", |s| came(s, -1)),
    pattern("registry-doctor", missed(Suspected, "医师不在登记表"), "prescriber_in_no_registry", "开方医师未登记", |s| {
        elsewhere(s, |rx| written(rx, "dr_code", text("D990101000999")))
    }),
    pattern("registry-doctor", missed(Suspected, "处方未载明医师"), "prescriber_not_told", "开方医师未载明", |s| {
        elsewhere(s, |rx| written(rx, "dr_code", Told::Absent))
    }),
    pattern(
        "registry-doctor",
        missed(Suspected, "就诊场景不明，不能排除急诊"),
        "foreign_doctor_setting_not_told",
        "其他医院的医师开方，场景未载明",
        |s| elsewhere(s, no_setting),
    ),
    pattern(
        "registry-doctor",
        missed(Suspected, "该机构无医师登记"),
        "no_doctor_of_the_institution_registered",
        "机构无医师登记",
        |s| {
            let key = elsewhere(s, |rx| written(rx, "fixmedins_code", text(UNREGISTERED)))?;
            Some(unregistered(key))
        },
    ),
    pattern("registry-doctor", NEAR, "last_day_of_registration", "注册终止前一日开方", |s| left(s, -1)),
    pattern("registry-doctor", NEAR, "first_day_of_registration", "注册生效当日开方", |s| came(s, 0)),
    pattern("registry-doctor", NEAR, "last_day_before_registration_is_renewed", "注册续期前一日开方", |s| doctor_renewed(s, -1)),
    pattern("registry-doctor", NEAR, "day_on_which_registration_is_renewed", "注册续期当日开方", |s| doctor_renewed(s, 0)),
    pattern("registry-doctor", INNOCENT, "doctor_of_the_hospital", "本院注册医师开方", |s| {
        let post = alone(s)?;
        let time = s.moment();
        by(s, post.institution, time, &post.doctor, as_it_is)
    }),
    pattern("registry-doctor", INNOCENT, "doctor_filed_at_several_institutions", "多机构备案医师开方", |s| {
        let time = s.moment();
        let hospital = s.hospital();
        let filed = s
            .city
            .registry
            .posts
            .iter()
            .filter(|post| post.institution == hospital)
            .find(|post| s.city.registry.posts.iter().filter(|other| other.doctor == post.doctor).count() > 2)?;
        by(s, hospital, time, &filed.doctor, as_it_is)
    }),
    pattern("registry-doctor", INNOCENT, "doctor_of_the_host_online", "主办医院的医师在其互联网医院开方", |s| {
        let post = alone(s)?;
        let body = s.online_where(|s, body| s.city.institutions[body as usize].doctors.contains(&post.doctor))?;
        let time = s.moment();
        by(s, body, time, &post.doctor, as_it_is)
    }),
    pattern("registry-doctor", INNOCENT, "doctor_of_another_hospital_in_emergency", "其他医院的医师急诊开方", |s| {
        elsewhere(s, |rx| rx.med_type = "13")
    }),
    pattern("registry-department", SUSPECTED, "department_not_licensed", "未登记科室开方", |s| unlicensed(s, as_it_is)),
    pattern("registry-department", SUSPECTED, "department_not_licensed_online", "互联网医院未登记科室开方", |s| {
        let body = s.online_where(|s, body| listed(s, body))?;
        let time = s.moment();
        of_department(s, body, time, NOWHERE, as_it_is)
    }),
    pattern("registry-department", SUSPECTED, "day_before_department_opened", "科室登记前一日开方", |s| opened(s, -1)),
    pattern("registry-department", SUSPECTED, "day_on_which_department_closed", "科室注销当日开方", |s| closed(s, 0)),
    pattern(
        "registry-department",
        missed(Suspected, "该机构无科室登记"),
        "no_department_registered",
        "机构无科室登记",
        |s| {
            let hospital = (0..s.city.institutions.len() as u32).find(|idx| {
                s.city.institutions[*idx as usize].kind == InstitutionKind::Hospital
                    && !listed(s, *idx)
                    && s.city.institutions[*idx as usize].level == "10"
            })?;
            let time = s.moment();
            of_department(s, hospital, time, NOWHERE, as_it_is)
        },
    ),
    pattern("registry-department", missed(Suspected, "处方未载明科室"), "department_not_told", "科室未载明", |s| {
        unlicensed(s, |rx| written(rx, "prsc_dept_code", Told::Absent))
    }),
    pattern(
        "registry-department",
        missed(Suspected, "就诊场景不明，不能排除急诊"),
        "unlicensed_department_setting_not_told",
        "未登记科室开方，场景未载明",
        |s| unlicensed(s, no_setting),
    ),
    pattern("registry-department", NEAR, "day_on_which_department_opened", "科室登记当日开方", |s| opened(s, 0)),
    pattern("registry-department", NEAR, "last_day_of_department", "科室注销前一日开方", |s| closed(s, -1)),
    pattern("registry-department", NEAR, "last_day_before_department_is_renewed", "科室登记续期前一日开方", |s| {
        department_renewed(s, -1)
    }),
    pattern("registry-department", NEAR, "day_on_which_department_is_renewed", "科室登记续期当日开方", |s| {
        department_renewed(s, 0)
    }),
    pattern("registry-department", INNOCENT, "department_of_online_body", "互联网医院已登记科室开方", |s| {
        let body = s.online_where(|s, body| listed(s, body))?;
        let time = s.moment();
        let department = s.city.registry.departments.iter().find(|row| row.institution == body && row.days.holds(time.day()))?;
        of_department(s, body, time, (&department.code, "门诊"), as_it_is)
    }),
    pattern("registry-department", INNOCENT, "unlicensed_department_in_emergency", "未登记科室急诊开方", |s| {
        unlicensed(s, |rx| rx.med_type = "13")
    }),
    pattern("registry-online", SUSPECTED, "hospital_without_online_licence", "无互联网诊疗许可的医院在线开方", |s| {
        let hospital = s.hospital();
        online_at(s, hospital, None, as_it_is)
    }),
    pattern("registry-online", SUSPECTED, "day_before_online_licence", "互联网诊疗许可生效前一日开方", |s| {
        licence(s, true, -1)
    }),
    pattern("registry-online", SUSPECTED, "day_on_which_online_licence_ended", "互联网诊疗许可终止当日开方", |s| {
        licence(s, false, 0)
    }),
    pattern("registry-online", SUSPECTED, "first_day_of_supplements_suspension", "互联网补充协议中止首日开方", |s| {
        supplement(s, Day::First)
    }),
    pattern("registry-online", SUSPECTED, "last_day_of_supplements_suspension", "互联网补充协议中止末日开方", |s| {
        supplement(s, Day::Last)
    }),
    pattern("registry-online", SUSPECTED, "day_on_which_supplement_ended", "互联网补充协议终止当日开方", |s| {
        supplement_ended(s, 0)
    }),
    pattern(
        "registry-online",
        missed(Suspected, "登记表无补充协议记录"),
        "no_row_of_supplement",
        "无互联网补充协议记录",
        |s| {
            let rows = &s.city.registry.agreements;
            let bare = |idx: &u32| {
                s.city.institutions[*idx as usize].kind == InstitutionKind::Online
                    && !rows.iter().any(|row| row.institution == *idx && row.online)
            };
            let body = (0..s.city.institutions.len() as u32).find(bare)?;
            online_at(s, body, None, as_it_is)
        },
    ),
    pattern(
        "registry-online",
        missed(Suspected, "线上标志相互矛盾"),
        "signals_of_contact_conflict",
        "无许可医院，就诊方式信号矛盾",
        |s| {
            let hospital = s.hospital();
            online_at(s, hospital, None, |rx| written(rx, "biz_type_code", text("01")))
        },
    ),
    pattern(
        "registry-online",
        missed(Suspected, "机构不在登记表"),
        "online_institution_in_no_registry",
        "未登记机构在线开方",
        |s| {
            let hospital = s.hospital();
            let key = online_at(s, hospital, None, |rx| written(rx, "fixmedins_code", text(UNREGISTERED)))?;
            Some(unregistered(key))
        },
    ),
    pattern("registry-online", NEAR, "first_day_of_online_licence", "互联网诊疗许可生效当日开方", |s| licence(s, true, 0)),
    pattern("registry-online", NEAR, "last_day_of_online_licence", "互联网诊疗许可终止前一日开方", |s| licence(s, false, -1)),
    pattern("registry-online", NEAR, "day_before_supplements_suspension", "互联网补充协议中止前一日开方", |s| {
        supplement(s, Day::Before)
    }),
    pattern("registry-online", NEAR, "day_of_supplements_resumption", "互联网补充协议恢复当日开方", |s| {
        supplement(s, Day::After)
    }),
    pattern("registry-online", NEAR, "day_before_supplement_ended", "互联网补充协议终止前一日开方", |s| {
        supplement_ended(s, -1)
    }),
    pattern("registry-online", INNOCENT, "licensed_with_supplement", "有许可且有补充协议", |s| {
        let body = s.online_body()?;
        online_at(s, body, None, as_it_is)
    }),
    pattern("registry-online", INNOCENT, "hospital_without_licence_in_person", "无许可的医院当面开方", |s| {
        let hospital = s.hospital();
        let time = s.moment();
        let person = s.adult(time);
        let rx = prescription(s, person, hospital, time)?;
        put(s, rx)
    }),
    pattern("registry-online", INNOCENT, "hospital_without_licence_in_emergency", "无许可的医院在线急诊开方", |s| {
        let hospital = s.hospital();
        online_at(s, hospital, None, |rx| rx.med_type = "13")
    }),
];

const BACK_PAIN: Diagnosis = ("M54.500", "腰痛");
/// Code and name of a department that no institution is licensed for.
const NOWHERE: (&str, &str) = ("199", "美容中心");

fn as_it_is(_: &mut Prescription) {}

fn no_setting(rx: &mut Prescription) {
    written(rx, "med_type", Told::Absent);
    written(rx, "otp_ipt_flag", Told::Absent);
}

/// The key of a prescription whose institution is in no table.
fn unregistered(key: TruthKey) -> TruthKey {
    match key {
        TruthKey::Prescription { hosp_rxno, .. } => TruthKey::Prescription { fixmedins_code: UNREGISTERED.to_owned(), hosp_rxno },
        other => other,
    }
}

fn put(s: &mut Stage, rx: Prescription) -> Option<TruthKey> {
    let key = s.prescription_key(&rx);
    s.put_prescription(rx);
    Some(key)
}

/// Some days of an ordinary drug. An online body's prescription is for someone
/// seen in person before.
fn prescription(s: &mut Stage, person: Person, institution: u32, time: Civil) -> Option<Prescription> {
    let drug = s.drug(|drug| drug.ordinary() && drug.countable() && drug.code.starts_with("XM01AH"))?;
    let dosage = Dosage::covering(drug, s.row(drug), 1, FREQUENCIES[1], 3);
    let mut rx = s.prescription(person, institution, time, BACK_PAIN, vec![dosage]);
    if s.institution_row(institution).kind == InstitutionKind::Online {
        online(s, &mut rx);
    }
    Some(rx)
}

fn online(s: &mut Stage, rx: &mut Prescription) {
    (rx.online, rx.first_visit) = (true, Some(false));
    let (before, hospital) = (s.before(rx.time, 1, 300), s.hospital());
    let contact = s.visit(rx.person, hospital, before, BACK_PAIN);
    s.put_bill(contact);
}

/// A prescription of the doctor.
fn by(s: &mut Stage, institution: u32, time: Civil, doctor: &str, edit: fn(&mut Prescription)) -> Option<TruthKey> {
    let person = s.adult(time);
    let mut rx = prescription(s, person, institution, time)?;
    written(&mut rx, "dr_code", text(doctor));
    edit(&mut rx);
    put(s, rx)
}

/// The one post of a doctor who has no other and keeps it.
fn alone<'c>(s: &Stage<'c>) -> Option<&'c Post> {
    let posts = &s.city.registry.posts;
    posts.iter().find(|post| {
        let steady = s.city.institutions[post.institution as usize].doctors.contains(&post.doctor);
        steady && posts.iter().filter(|other| other.doctor == post.doctor).count() == 1
    })
}

/// At a hospital where the doctor has no post.
fn elsewhere(s: &mut Stage, edit: fn(&mut Prescription)) -> Option<TruthKey> {
    let post = alone(s)?;
    let time = s.moment();
    let hospital = s.hospitals::<2>()?.into_iter().find(|hospital| *hospital != post.institution)?;
    by(s, hospital, time, &post.doctor, edit)
}

/// So many days after the one on which a doctor's only post ended.
fn left(s: &mut Stage, after: i64) -> Option<TruthKey> {
    let posts = &s.city.registry.posts;
    let post =
        posts.iter().find(|post| s.is_live(post.days.to) && posts.iter().filter(|other| other.doctor == post.doctor).count() == 1)?;
    let time = s.hour(post.days.to + after);
    by(s, post.institution, time, &post.doctor, as_it_is)
}

/// So many days after the one on which a doctor's first post began.
fn came(s: &mut Stage, after: i64) -> Option<TruthKey> {
    let posts = &s.city.registry.posts;
    let post =
        posts.iter().find(|post| s.is_live(post.days.from) && posts.iter().filter(|other| other.doctor == post.doctor).count() == 1)?;
    let time = s.hour(post.days.from + after);
    by(s, post.institution, time, &post.doctor, as_it_is)
}

/// So many days after the one on which a post follows another at the same institution.
fn doctor_renewed(s: &mut Stage, after: i64) -> Option<TruthKey> {
    let posts = &s.city.registry.posts;
    let follows = |post: &Post| {
        posts.iter().any(|old| old.doctor == post.doctor && old.institution == post.institution && old.days.to == post.days.from)
    };
    let post = posts.iter().find(|post| s.is_live(post.days.from) && follows(post))?;
    let time = s.hour(post.days.from + after);
    by(s, post.institution, time, &post.doctor, as_it_is)
}

/// Whether any department of the institution is registered.
fn listed(s: &Stage, institution: u32) -> bool {
    s.city.registry.departments.iter().any(|row| row.institution == institution)
}

fn of_department(s: &mut Stage, institution: u32, time: Civil, department: (&str, &str), edit: fn(&mut Prescription)) -> Option<TruthKey> {
    let person = s.adult(time);
    let mut rx = prescription(s, person, institution, time)?;
    written(&mut rx, "prsc_dept_code", text(department.0));
    written(&mut rx, "prsc_dept_name", text(department.1));
    edit(&mut rx);
    put(s, rx)
}

fn unlicensed(s: &mut Stage, edit: fn(&mut Prescription)) -> Option<TruthKey> {
    let listed: Vec<u32> = s.hospitals::<8>()?.into_iter().filter(|hospital| listed(s, *hospital)).collect();
    let hospital = s.dice.pick_or(&listed)?;
    let time = s.moment();
    of_department(s, hospital, time, NOWHERE, edit)
}

fn neighbours<'c>(s: &Stage<'c>, row: &Department) -> impl Iterator<Item = &'c Department> {
    let (institution, code) = (row.institution, row.code.clone());
    s.city.registry.departments.iter().filter(move |other| other.institution == institution && other.code == code)
}

fn department(s: &mut Stage, wanted: impl Fn(&Stage, &Department) -> Option<i64>, after: i64) -> Option<TruthKey> {
    let (row, day) = s.city.registry.departments.iter().find_map(|row| wanted(s, row).map(|day| (row, day)))?;
    let time = s.hour(day + after);
    of_department(s, row.institution, time, (&row.code, "专科门诊"), as_it_is)
}

fn opened(s: &mut Stage, after: i64) -> Option<TruthKey> {
    department(s, |s, row| (s.is_live(row.days.from) && neighbours(s, row).count() == 1).then_some(row.days.from), after)
}

fn closed(s: &mut Stage, after: i64) -> Option<TruthKey> {
    department(s, |s, row| (s.is_live(row.days.to) && neighbours(s, row).count() == 1).then_some(row.days.to), after)
}

fn department_renewed(s: &mut Stage, after: i64) -> Option<TruthKey> {
    let follows = |s: &Stage, row: &Department| neighbours(s, row).any(|old| old.days.to == row.days.from);
    department(s, |s, row| (s.is_live(row.days.from) && follows(s, row)).then_some(row.days.from), after)
}

/// An online prescription on a day, or on any.
fn online_at(s: &mut Stage, institution: u32, day: Option<i64>, edit: fn(&mut Prescription)) -> Option<TruthKey> {
    let time = match day {
        Some(day) => s.hour(day),
        None => s.moment(),
    };
    let person = s.adult(time);
    let mut rx = prescription(s, person, institution, time)?;
    if !rx.online {
        online(s, &mut rx);
    }
    edit(&mut rx);
    put(s, rx)
}

fn supplement(s: &mut Stage, day: Day) -> Option<TruthKey> {
    let (body, days) = suspension(s, true)?;
    online_at(s, body, Some(day.of(days)), as_it_is)
}

fn supplement_ended(s: &mut Stage, after: i64) -> Option<TruthKey> {
    let row = changed(s, true, State::Ended)?;
    online_at(s, row.institution, Some(row.days.from + after), as_it_is)
}

/// So many days after the one on which a licence begins, or is over.
fn licence(s: &mut Stage, begins: bool, after: i64) -> Option<TruthKey> {
    let rows = &s.city.registry.licences;
    let turns = |row: &Licence| {
        let before = rows.iter().find(|old| old.institution == row.institution && old.days.to == row.days.from);
        row.licensed == begins && before.is_some_and(|old| old.licensed != begins)
    };
    let row = rows.iter().find(|row| s.is_live(row.days.from) && turns(row))?;
    online_at(s, row.institution, Some(row.days.from + after), as_it_is)
}
