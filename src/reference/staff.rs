//! Doctors: where they are registered or filed, what they may prescribe, and
//! when their right to be paid was suspended.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::base::diagnostic::Diagnostic;
use crate::reference::registry::institution_code;
use crate::reference::sheet::Sheet;
use crate::reference::validity::Keys;
use crate::reference::validity::Validity;

pub const COLUMNS: &[&str] = &[
    "dr_code",
    "fixmedins_code",
    "filing",
    "narcotic_right",
    "psychotropic_right",
    "suspended_from",
    "suspended_to",
    "valid_from",
    "valid_to",
    "source",
];

/// 主执业机构 and 多机构备案.
const FILING_WORDS: &[(&str, ())] = &[("registered", ()), ("filed", ())];
const RIGHT_WORDS: &[(&str, Option<bool>)] = &[("", None), ("1", Some(true)), ("0", Some(false))];

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
    pub fn build(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Self::default();
        let mut keys = Keys::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let validity = row.validity(diagnostics);
            let institution = institution_code(row, "fixmedins_code", diagnostics);
            let doctor = row.required("dr_code", diagnostics);
            let filing = row.choice("filing", FILING_WORDS, diagnostics);
            let narcotic = row.choice("narcotic_right", RIGHT_WORDS, diagnostics);
            let psychotropic = row.choice("psychotropic_right", RIGHT_WORDS, diagnostics);
            let suspended = row.period("suspended_from", "suspended_to", diagnostics);
            let (Some(validity), Some(institution), Some(doctor), Some(()), Some(narcotic), Some(psychotropic), Some(suspended)) =
                (validity, institution, doctor, filing, narcotic, psychotropic, suspended)
            else {
                continue;
            };
            keys.add(format!("{doctor} {institution}"), validity, row.place("dr_code"));
            let institution = institution.to_owned();
            built.institutions.insert(institution.clone());
            built.by_doctor.entry(doctor.to_owned()).or_default().push(Post { institution, validity, narcotic, psychotropic, suspended });
        }
        keys.report_overlaps(diagnostics);
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
