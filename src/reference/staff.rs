//! Doctors: where they are registered or filed, what they may prescribe, and
//! when their right to be paid was suspended.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::reference::sheet::Sheet;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::SOURCE;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::tables::VALID_TO;
use crate::reference::tables::col;
use crate::reference::validity::Validity;

pub static TABLE: Table = Table {
    name: "staff",
    zh: "医师备案",
    en: "Doctors and the institutions where they are registered or filed. List all places of a doctor: one without a row is unknown, one with rows is known. An online body's host counts as its own place.",
    columns: &[
        col("dr_code", Kind::Text, "医师编码", "doctor").asked(),
        col("fixmedins_code", Kind::Institution, "机构编码", "institution").asked(),
        col("filing", Kind::Word(&FILING_WORDS), "备案类别", "registered there (主执业机构), or filed beside (多机构备案)"),
        col("narcotic_right", Kind::Word(&RIGHT_WORDS), "麻醉药品处方权", "may prescribe narcotics there; empty: not known").may_be_empty(),
        col("psychotropic_right", Kind::Word(&RIGHT_WORDS), "精神药品处方权", "may prescribe psychotropics there; empty: not known")
            .may_be_empty(),
        col("suspended_from", Kind::Day, "暂停支付起", "first day on which the insurance does not pay for the doctor").may_be_empty(),
        col("suspended_to", Kind::DayAfter("suspended_from"), "暂停支付止", "first day on which it pays again; empty: open").may_be_empty(),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ],
    key: Key::Cells(&["dr_code", "fixmedins_code"]),
    example: "D990101000001,H99010100001,registered,1,1,2026-05-01,2026-08-01,2018-01-01,,register of doctors",
};

/// 主执业机构 and 多机构备案.
const FILING_WORDS: &[(&str, ())] = &[("registered", ()), ("filed", ())];
const RIGHT_WORDS: &[(&str, bool)] = &[("1", true), ("0", false)];

#[derive(Debug)]
struct Post {
    institution: String,
    validity: Validity,
    narcotic: Option<bool>,
    psychotropic: Option<bool>,
    /// When the insurance did not pay for what the doctor does.
    suspended: Option<Validity>,
}

#[derive(Debug, Default)]
pub struct Staff {
    by_doctor: HashMap<String, Vec<Post>>,
    /// Institutions of which any doctor is told.
    institutions: HashSet<String>,
}

/// What a doctor's rows say on a day. `None` is not known throughout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoctorFacts {
    /// Registered or filed at the institution, or at the host of an online body;
    /// not known where no doctor of theirs is told.
    pub filed: Option<bool>,
    pub suspended: Option<bool>,
    pub narcotic: Option<bool>,
    pub psychotropic: Option<bool>,
}

impl Staff {
    pub fn build(sheets: &[Sheet]) -> Self {
        let mut built = Self::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let (validity, institution, doctor) = (row.validity(), row.sound("fixmedins_code"), row.sound("dr_code"));
            let [narcotic, psychotropic] = ["narcotic_right", "psychotropic_right"].map(|column| row.choice(column, RIGHT_WORDS));
            let suspended = row.period("suspended_from", "suspended_to");
            let filing = row.choice("filing", FILING_WORDS);
            let (Some(validity), Some(institution), Some(doctor), Some(()), Some(suspended)) =
                (validity, institution, doctor, filing, suspended)
            else {
                continue;
            };
            let institution = institution.to_owned();
            built.institutions.insert(institution.clone());
            built.by_doctor.entry(doctor.to_owned()).or_default().push(Post { institution, validity, narcotic, psychotropic, suspended });
        }
        built
    }

    /// `institutions`: the one at hand, and the host of an online body.
    pub fn facts(&self, doctor: &str, institutions: [Option<&str>; 2], day: i64) -> DoctorFacts {
        let Some(posts) = self.by_doctor.get(doctor) else { return DoctorFacts::default() };
        let here = |post: &&Post| institutions.contains(&Some(post.institution.as_str())) && post.validity.holds(day);
        let right = |of: fn(&Post) -> Option<bool>| {
            let told: Vec<bool> = posts.iter().filter(here).filter_map(of).collect();
            (!told.is_empty()).then(|| told.contains(&true))
        };
        let told = institutions.into_iter().flatten().any(|code| self.institutions.contains(code));
        DoctorFacts {
            filed: told.then(|| posts.iter().any(|post| here(&post))),
            suspended: Some(posts.iter().any(|post| post.suspended.is_some_and(|period| period.holds(day)))),
            narcotic: right(|post| post.narcotic),
            psychotropic: right(|post| post.psychotropic),
        }
    }
}
