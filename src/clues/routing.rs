//! Who receives a clue: the departments as they stand on the day, and the
//! area whose supervisors are competent.

use crate::clues::finding::Subject;
use crate::ruleset::departments::Departments;
use crate::ruleset::doc::DepartmentDoc;
use crate::ruleset::words::Party;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    pub lead: String,
    pub copy_to: Vec<String>,
    pub refer_if_confirmed: Vec<String>,
}

impl Routing {
    /// `day`: of the event, because the engine knows no today. A copy to a
    /// department that nobody succeeded is left out; a lead never is.
    pub fn of(departments: &Departments, named: &DepartmentDoc, day: i64) -> Self {
        let on = |id: &String| departments.on(id, day).map(|row| row.id.clone());
        let lead = on(&named.lead).unwrap_or_else(|| named.lead.clone());
        let list = |ids: &[String]| {
            let mut found: Vec<String> = Vec::new();
            for id in ids.iter().filter_map(on) {
                if id != lead && !found.contains(&id) {
                    found.push(id);
                }
            }
            found
        };
        Self { copy_to: list(&named.copy_to), refer_if_confirmed: list(&named.refer_if_confirmed), lead }
    }
}

/// The place of care; for a fault of the person alone the place of insurance,
/// and the place of care again where the bill does not say who insures.
pub fn competent_area(party: Party, subject: &Subject) -> Option<String> {
    let insured = subject.area_of_insurance.as_ref().filter(|_| party == Party::Person);
    insured.or(subject.area_of_care.as_ref()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_institutions_go_to_the_place_of_care_and_those_of_persons_to_the_place_of_insurance() {
        for (party, care, insured, expect) in [
            (Party::Institution, Some("990101"), Some("990203"), Some("990101")),
            (Party::Both, Some("990101"), Some("990203"), Some("990101")),
            (Party::Person, Some("990101"), Some("990203"), Some("990203")),
            (Party::Person, Some("990101"), None, Some("990101")),
            (Party::Person, None, Some("990203"), Some("990203")),
            (Party::Institution, None, Some("990203"), None),
            (Party::Person, None, None, None),
        ] {
            let owned = |area: Option<&str>| area.map(str::to_owned);
            let subject = Subject { area_of_care: owned(care), area_of_insurance: owned(insured), ..Subject::default() };
            assert_eq!(competent_area(party, &subject).as_deref(), expect, "{party} {care:?} {insured:?}");
        }
    }
}
