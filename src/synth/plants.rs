//! The list of everything that is planted on purpose: violations of each rule,
//! cases just beside a limit, and innocent look-alikes.

use crate::base::time::Civil;

use super::billing;
use super::city::City;
use super::controlled;
use super::first_visit;
use super::innocent;
use super::repeat;
use super::stage::Stage;

/// How sure the expected clue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    Clear,
    Suspected,
}

/// What a planted pattern should come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TruthKind {
    /// A clue of this grade.
    Violation { grade: Grade },
    /// A violation that the rule cannot see, and why: an honest miss.
    Missed { grade: Grade, reason: &'static str },
    /// A clue that is raised and withdrawn again: no effective clue.
    Withdrawn,
    /// Just on the quiet side of a limit: no clue.
    NearMiss,
    /// Looks like a violation and is none: no clue.
    Innocent,
}

/// What an expected clue is anchored to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TruthKey {
    /// A fee line of a settlement.
    Line { setl_id: String, mdtrt_id: String, feedetl_sn: String },
    /// A drug line of a prescription; `line` counts from 1.
    PrescriptionLine { fixmedins_code: String, hosp_rxno: String, line: u32 },
    /// A whole prescription.
    Prescription { fixmedins_code: String, hosp_rxno: String },
    /// One substance of one prescription at the prescribing institution.
    Supply { fixmedins_code: String, rx_no: String, substance: String },
    /// A whole settlement.
    Settlement { setl_id: String },
}

/// One planted case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The rule that it violates or might seem to; empty: no rule at all may fire.
    pub rule: &'static str,
    pub kind: TruthKind,
    /// Name of the pattern.
    pub pattern: &'static str,
    pub key: TruthKey,
    /// The raw person number.
    pub person: String,
    /// Event time of the message that the clue is anchored to.
    pub time: Civil,
}

/// A pattern and the function that acts it out.
pub(super) struct Pattern {
    pub rule: &'static str,
    pub name: &'static str,
    pub kind: TruthKind,
    /// Returns `None`, having planted nothing, where the city lacks what it needs.
    pub act: fn(&mut Stage) -> Option<TruthKey>,
}

const ONLINE_SPECIAL: &str = "online-special";
const RETAIL_SPECIAL: &str = "retail-special";
const NAR_OTHER: &str = "nar-other";
const PSY2_7D: &str = "psy2-7d";
const DRUG_SEX: &str = "drug-sex";
const DRUG_AGE: &str = "drug-age";
const PAY_CEILING: &str = "pay-ceiling";
const DELIVERY_FEE: &str = "delivery-fee";
const ONLINE_FIRST: &str = "online-first";
const REPEAT_SUPPLY: &str = "repeat-supply";

/// The rules that the patterns are about.
pub const RULES: [&str; 10] =
    [ONLINE_SPECIAL, RETAIL_SPECIAL, NAR_OTHER, PSY2_7D, DRUG_SEX, DRUG_AGE, PAY_CEILING, DELIVERY_FEE, ONLINE_FIRST, REPEAT_SUPPLY];

const CLEAR: TruthKind = TruthKind::Violation { grade: Grade::Clear };
const SUSPECTED: TruthKind = TruthKind::Violation { grade: Grade::Suspected };
const NEAR: TruthKind = TruthKind::NearMiss;
const INNOCENT: TruthKind = TruthKind::Innocent;
const WITHDRAWN: TruthKind = TruthKind::Withdrawn;

const fn missed(grade: Grade, reason: &'static str) -> TruthKind {
    TruthKind::Missed { grade, reason }
}

const fn pattern(rule: &'static str, kind: TruthKind, name: &'static str, act: fn(&mut Stage) -> Option<TruthKey>) -> Pattern {
    Pattern { rule, name, kind, act }
}

pub(super) const PATTERNS: &[Pattern] = &[
    pattern(ONLINE_SPECIAL, CLEAR, "class_two_psychotropic_online", controlled::psy2_online),
    pattern(ONLINE_SPECIAL, CLEAR, "narcotic_online", controlled::narcotic_online),
    pattern(ONLINE_SPECIAL, CLEAR, "class_one_psychotropic_online", controlled::psy1_online),
    pattern(ONLINE_SPECIAL, NEAR, "special_drug_in_person", controlled::special_in_person),
    pattern(ONLINE_SPECIAL, INNOCENT, "atropine_eye_drops_online", controlled::eye_drops_online),
    pattern(ONLINE_SPECIAL, INNOCENT, "compound_cold_tablets_online", controlled::cold_tablets_online),
    pattern(ONLINE_SPECIAL, INNOCENT, "listed_name_inside_another_online", controlled::like_named_online),
    pattern(RETAIL_SPECIAL, CLEAR, "pharmacy_sells_narcotic", controlled::narcotic_at_pharmacy),
    pattern(RETAIL_SPECIAL, CLEAR, "pharmacy_sells_class_one_psychotropic", controlled::psy1_at_pharmacy),
    pattern(RETAIL_SPECIAL, CLEAR, "pharmacy_sells_class_two_to_minor", controlled::psy2_to_minor),
    pattern(RETAIL_SPECIAL, NEAR, "class_two_on_eighteenth_birthday", controlled::psy2_on_birthday),
    pattern(RETAIL_SPECIAL, INNOCENT, "class_two_to_adult_on_prescription", controlled::psy2_to_adult),
    pattern(RETAIL_SPECIAL, INNOCENT, "sale_taken_back_in_same_bill", controlled::narcotic_sale_taken_back),
    pattern(NAR_OTHER, CLEAR, "narcotic_over_3_days", controlled::narcotic_over_3_days),
    pattern(NAR_OTHER, CLEAR, "narcotic_over_3_days_bill_only", controlled::narcotic_over_3_days_bill_only),
    pattern(NAR_OTHER, CLEAR, "narcotic_for_pain_over_7_days", controlled::narcotic_for_pain_over_7_days),
    pattern(
        NAR_OTHER,
        missed(Grade::Clear, "the visit carries no diagnosis, so the limit is not known"),
        "narcotic_without_diagnosis",
        controlled::narcotic_without_diagnosis,
    ),
    pattern(NAR_OTHER, NEAR, "narcotic_exactly_3_days", controlled::narcotic_exactly_3_days),
    pattern(NAR_OTHER, INNOCENT, "cancer_pain_7_days", controlled::cancer_pain_7_days),
    pattern(NAR_OTHER, INNOCENT, "narcotic_one_whole_pack", controlled::narcotic_one_pack),
    pattern(NAR_OTHER, INNOCENT, "child_with_adhd_15_days", controlled::child_with_adhd),
    pattern(NAR_OTHER, INNOCENT, "sustained_release_7_days", controlled::sustained_release_7_days),
    pattern(PSY2_7D, SUSPECTED, "class_two_over_7_days", controlled::psy2_over_7_days),
    pattern(PSY2_7D, SUSPECTED, "class_two_over_7_days_bill_only", controlled::psy2_over_7_days_bill_only),
    pattern(PSY2_7D, SUSPECTED, "class_two_over_7_days_prescription_only", controlled::psy2_over_7_days_prescription_only),
    pattern(
        PSY2_7D,
        missed(Grade::Suspected, "the bill tells no days and no prescription is known"),
        "class_two_days_not_told",
        controlled::psy2_days_not_told,
    ),
    pattern(PSY2_7D, NEAR, "class_two_exactly_7_days", controlled::psy2_exactly_7_days),
    pattern(PSY2_7D, INNOCENT, "class_two_one_whole_pack", controlled::psy2_one_pack),
    pattern(DRUG_SEX, CLEAR, "mens_drug_for_woman", billing::mens_drug_for_woman),
    pattern(DRUG_SEX, CLEAR, "womens_drug_for_man", billing::womens_drug_for_man),
    pattern(DRUG_SEX, CLEAR, "restricted_drug_refunded_in_part", billing::sex_refunded_in_part),
    pattern(DRUG_SEX, missed(Grade::Clear, "the feed tells no sex"), "sex_not_told", billing::sex_not_told),
    pattern(DRUG_SEX, NEAR, "drug_for_the_right_sex", billing::right_sex),
    pattern(DRUG_SEX, INNOCENT, "restricted_drug_self_paid", billing::sex_self_paid),
    pattern(DRUG_SEX, INNOCENT, "restricted_drug_from_account", billing::sex_from_account),
    pattern(DRUG_SEX, INNOCENT, "restricted_drug_from_relatives_account", billing::sex_from_relatives_account),
    pattern(DRUG_SEX, INNOCENT, "woman_with_pulmonary_hypertension", billing::pulmonary_hypertension),
    pattern(DRUG_SEX, INNOCENT, "restricted_drug_refunded_in_same_bill", billing::sex_refunded),
    pattern(DRUG_AGE, SUSPECTED, "childrens_drug_for_adult", billing::childs_drug_for_adult),
    pattern(DRUG_AGE, SUSPECTED, "childrens_drug_on_eighteenth_birthday", billing::childs_drug_on_birthday),
    pattern(DRUG_AGE, NEAR, "childrens_drug_day_before_birthday", billing::childs_drug_day_before_birthday),
    pattern(DRUG_AGE, INNOCENT, "newborn_on_mothers_card", billing::newborn_on_mother),
    pattern(DRUG_AGE, INNOCENT, "childrens_drug_self_paid", billing::age_self_paid),
    pattern(PAY_CEILING, CLEAR, "fund_pays_above_ceiling", billing::above_ceiling),
    pattern(PAY_CEILING, CLEAR, "excess_split_only_in_part", billing::half_split),
    pattern(PAY_CEILING, CLEAR, "price_above_ceiling_refunded_in_part", billing::ceiling_refunded_in_part),
    pattern(PAY_CEILING, missed(Grade::Clear, "the bill does not tell what was split off"), "split_not_told", billing::split_not_told),
    pattern(PAY_CEILING, NEAR, "price_at_ceiling", billing::at_ceiling),
    pattern(PAY_CEILING, NEAR, "excess_within_rounding", billing::within_rounding),
    pattern(PAY_CEILING, INNOCENT, "excess_split_correctly", billing::correct_split),
    pattern(PAY_CEILING, INNOCENT, "excess_split_correctly_refunded_in_part", billing::correct_split_refunded_in_part),
    pattern(PAY_CEILING, INNOCENT, "price_above_ceiling_self_paid", billing::ceiling_self_paid),
    pattern(PAY_CEILING, INNOCENT, "price_above_ceiling_refunded_in_same_bill", billing::ceiling_refunded),
    pattern(DELIVERY_FEE, CLEAR, "delivery_fee_by_code", billing::delivery_by_code),
    pattern(DELIVERY_FEE, SUSPECTED, "delivery_fee_by_name", billing::delivery_by_name),
    pattern(DELIVERY_FEE, INNOCENT, "delivery_fee_self_paid", billing::delivery_self_paid),
    pattern(DELIVERY_FEE, INNOCENT, "infusion_making_and_herb_boiling", billing::dispensary_fees),
    pattern(ONLINE_FIRST, CLEAR, "first_visit_by_own_word", first_visit::own_word),
    pattern(ONLINE_FIRST, SUSPECTED, "no_earlier_contact", first_visit::no_contact),
    pattern(ONLINE_FIRST, SUSPECTED, "no_earlier_contact_flag_not_told", first_visit::no_contact_no_flag),
    pattern(ONLINE_FIRST, SUSPECTED, "own_bill_is_no_earlier_contact", first_visit::own_bill),
    pattern(ONLINE_FIRST, SUSPECTED, "own_bill_does_not_say_online", first_visit::own_bill_not_called_online),
    pattern(ONLINE_FIRST, SUSPECTED, "earlier_contact_for_other_disease", first_visit::other_disease),
    pattern(ONLINE_FIRST, SUSPECTED, "earlier_purchase_only", first_visit::purchase_only),
    pattern(ONLINE_FIRST, SUSPECTED, "earlier_registration_only", first_visit::registration_only),
    pattern(ONLINE_FIRST, SUSPECTED, "seen_in_person_only_the_day_after", first_visit::seen_afterwards),
    pattern(ONLINE_FIRST, SUSPECTED, "first_visit_by_own_word_insured_elsewhere", first_visit::own_word_insured_elsewhere),
    pattern(
        ONLINE_FIRST,
        missed(Grade::Suspected, "another disease of the same group counts as known"),
        "new_disease_of_known_group",
        first_visit::new_disease_of_known_group,
    ),
    pattern(ONLINE_FIRST, WITHDRAWN, "in_person_bill_arrives_late", first_visit::bill_arrives_late),
    pattern(ONLINE_FIRST, NEAR, "seen_in_person_the_same_day", first_visit::same_day),
    pattern(ONLINE_FIRST, INNOCENT, "same_disease", first_visit::same_disease),
    pattern(ONLINE_FIRST, INNOCENT, "same_disease_group", first_visit::same_group),
    pattern(ONLINE_FIRST, INNOCENT, "registered_chronic_disease", first_visit::registered),
    pattern(ONLINE_FIRST, INNOCENT, "continues_known_prescription", first_visit::continues),
    pattern(ONLINE_FIRST, INNOCENT, "same_substance_after_visit", first_visit::same_substance),
    pattern(ONLINE_FIRST, INNOCENT, "interim_bill_of_a_stay", first_visit::interim_bill),
    pattern(ONLINE_FIRST, INNOCENT, "insured_elsewhere", first_visit::insured_elsewhere),
    pattern(ONLINE_FIRST, INNOCENT, "flag_against_known_contact", first_visit::contradiction),
    pattern(ONLINE_FIRST, INNOCENT, "first_days_of_the_feed", first_visit::first_days_of_feed),
    pattern(REPEAT_SUPPLY, SUSPECTED, "refill_elsewhere_far_too_early", repeat::two_institutions),
    pattern(REPEAT_SUPPLY, SUSPECTED, "three_institutions_in_a_month", repeat::three_institutions),
    pattern(
        REPEAT_SUPPLY,
        missed(Grade::Suspected, "the bills tell no days and no prescription is known"),
        "refill_days_not_told",
        repeat::days_not_told,
    ),
    pattern(REPEAT_SUPPLY, NEAR, "seven_days_left", repeat::seven_days_left),
    pattern(REPEAT_SUPPLY, NEAR, "surplus_of_13_days", repeat::surplus_13_days),
    pattern(REPEAT_SUPPLY, INNOCENT, "dose_raised", repeat::dose_raised),
    pattern(REPEAT_SUPPLY, INNOCENT, "other_release_form", repeat::other_release_form),
    pattern(REPEAT_SUPPLY, INNOCENT, "basal_and_bolus_insulin", repeat::two_insulins),
    pattern(REPEAT_SUPPLY, INNOCENT, "early_refill_at_same_institution", repeat::same_institution),
    pattern(REPEAT_SUPPLY, INNOCENT, "second_prescription_never_dispensed", repeat::never_dispensed),
    pattern(REPEAT_SUPPLY, INNOCENT, "discharge_drugs_before_refill", repeat::discharge_drugs),
    pattern(REPEAT_SUPPLY, INNOCENT, "long_prescription_refilled_in_time", repeat::long_prescription),
    pattern("", INNOCENT, "interim_and_final_bill", innocent::interim_and_final),
    pattern("", INNOCENT, "discount", innocent::discount),
    pattern("", INNOCENT, "refund_in_same_bill", innocent::refund),
    pattern("", INNOCENT, "chronic_disease_list", innocent::chronic_list),
    pattern("", INNOCENT, "day_surgery", innocent::day_surgery),
    pattern("", INNOCENT, "visit_insured_elsewhere", innocent::visit_insured_elsewhere),
];

/// Whether a rule judges by what is not in the feed, which a short feed cannot tell.
pub(super) fn concludes_from_absence(rule: &str) -> bool {
    rule == ONLINE_FIRST
}

/// Acts out every pattern as often as the settings say.
pub(super) fn plant<'c>(mut stage: Stage<'c>, times: impl Fn(&Pattern) -> u32) -> Stage<'c> {
    for pattern in PATTERNS {
        for _ in 0..times(pattern) {
            let first = stage.scripted.len();
            stage.begin();
            let Some(key) = (pattern.act)(&mut stage) else {
                assert_eq!(stage.scripted.len(), first, "{} planted half of itself", pattern.name);
                break;
            };
            stage.tell(pattern, key);
        }
    }
    stage
}

/// Names of the patterns that `city` lacks something for: a drug, an item or an
/// institution. They are left out of the feed.
pub fn patterns_left_out(city: &City) -> Vec<&'static str> {
    let stage = plant(Stage::new(city, 0, 0, 400, 430), |_| 1);
    PATTERNS.iter().map(|pattern| pattern.name).filter(|name| !stage.truths.iter().any(|truth| truth.pattern == *name)).collect()
}
