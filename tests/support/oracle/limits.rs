//! Limits of one prescription: days, doses, where it may be used, and its audit.

use super::clue::Clue;
use super::has_basis;
use super::supplies::Supply;
use super::tables::Tables;
use super::told::Told;
use super::told::all;
use super::told::any;
use super::told::fires;
use super::told::has_icd;
use super::told::not;

/// Start of the codes of an area whose feed holds the pharmacists' audits.
const AUDITED_AREA: &str = "9902";

pub fn find(tables: &Tables, supply: &Supply<'_>) -> Vec<Clue> {
    let pain = (!supply.diagnoses.is_empty()).then(|| tables.groups(&supply.diagnoses, supply.time).contains("pain"));
    let judged = Judged { supply, class: tables.class(&supply.item, supply.time), pain, level: level(tables, supply) };
    let mut found = Vec::new();
    judged.narcotics(&mut found);
    found.extend([judged.injection(), judged.methylphenidate(), judged.ward(), judged.body(), judged.class_two()].into_iter().flatten());
    found.extend([judged.ordinary("outpatient"), judged.ordinary("emergency"), judged.long(), judged.audit()].into_iter().flatten());
    found.retain(|clue| has_basis(&clue.rule, supply.time, &supply.area));
    found
}

/// Whether the prescribing institution is below the second level.
fn level(tables: &Tables, supply: &Supply<'_>) -> Told {
    let row = tables.institution(supply.institution.as_deref()?, supply.time)?;
    match row["level"].as_str() {
        "08" | "09" | "10" | "14" => Some(true),
        "11" | "" => None,
        _ => Some(false),
    }
}

struct Judged<'a> {
    supply: &'a Supply<'a>,
    class: &'a str,
    /// Whether a diagnosis is of pain that needs more.
    pain: Told,
    /// Whether the institution is below the second level.
    level: Told,
}

impl Judged<'_> {
    /// By the days declared, or by those computed without the last pack.
    fn longer(&self, limit: Option<f64>) -> Told {
        let less = self.supply.computed.zip(self.supply.pack_days).map(|(days, pack)| days - pack);
        let days = self.supply.declared.into_iter().chain(less).reduce(f64::max);
        days.zip(limit).map(|(days, limit)| days > limit + 1e-9)
    }

    fn days(&self) -> Option<f64> {
        self.supply.declared.into_iter().chain(self.supply.computed).reduce(f64::max)
    }

    fn clue(&self, rule: &str, clear: bool) -> Clue {
        Clue::new(rule, clear, self.supply.evidence.clone(), self.supply.money.clone())
    }

    fn of_days(&self, rule: &str, clear: bool, limit: Option<f64>) -> Clue {
        self.clue(rule, clear).saying(self.days(), limit)
    }

    fn is_in(&self, settings: &[&str]) -> Told {
        self.supply.setting.map(|setting| settings.contains(&setting))
    }

    fn releases(&self, kinds: &[&str]) -> Told {
        self.supply.release.map(|release| kinds.contains(&release))
    }

    fn is_controlled(&self) -> Told {
        Some(self.class == "NARC" || self.class == "PSY1")
    }

    fn is_methylphenidate(&self) -> bool {
        ["哌甲酯", "XN06BAP010"].contains(&self.supply.substance)
    }

    /// More than one usual dose.
    fn doses_over(&self) -> Told {
        self.supply.doses.zip(self.supply.drug.and_then(|drug| drug.usual)).map(|(doses, usual)| doses > usual)
    }

    fn limit(&self, with_pain: f64, without: f64) -> Option<f64> {
        self.pain.map(|pain| if pain { with_pain } else { without })
    }

    /// Outpatients: seven days of slow release, fifteen with pain; three days
    /// of ordinary forms, seven with pain. Nobody knows which without a diagnosis.
    fn narcotics(&self, found: &mut Vec<Clue>) {
        let here = self.is_in(&["outpatient", "emergency"]);
        let other = Some(!self.is_methylphenidate());
        let slow = ("nar-sr", ["sustained", "patch"].as_slice(), 15.0, 7.0);
        for (rule, forms, with_pain, without) in [slow, ("nar-other", ["other"].as_slice(), 7.0, 3.0)] {
            let limit = self.limit(with_pain, without);
            let holds = all(&[self.is_controlled(), self.releases(forms), here, other, self.longer(limit)]);
            if fires(holds, &[self.supply.one_pack]) {
                // A patch may stay on for longer or shorter than its days.
                found.push(self.of_days(rule, self.supply.release != Some("patch"), limit));
            }
        }
    }

    /// Outpatients: one usual dose; three days with pain.
    fn injection(&self) -> Option<Clue> {
        let long = self.longer(Some(3.0));
        // Beyond both, the diagnosis does not matter.
        let over = any(&[all(&[self.doses_over(), not(self.pain)]), all(&[long, self.pain]), all(&[self.doses_over(), long])]);
        let holds = all(&[self.is_controlled(), self.releases(&["injection"]), self.is_in(&["outpatient"]), over]);
        let usual = self.supply.drug.and_then(|drug| drug.usual);
        let (observed, limit) = if self.pain == Some(true) { (self.days(), Some(3.0)) } else { (self.supply.doses, usual) };
        fires(holds, &[self.supply.operation]).then(|| self.clue("nar-inj", false).saying(observed, limit))
    }

    /// Fifteen days for a hyperactive child.
    fn methylphenidate(&self) -> Option<Clue> {
        let minor = self.supply.age.map(|age| age < 18.0);
        let hyperactive_child = all(&[has_icd(&self.supply.diagnoses, &["F90"]), minor]);
        let of_form = match self.supply.release {
            Some("sustained") => Some(7.0),
            Some("other") => Some(3.0),
            _ => None,
        };
        let limit = hyperactive_child.and_then(|so| if so { Some(15.0) } else { of_form });
        // Without a diagnosis nobody knows, of whatever age.
        let limit = limit.filter(|_| !self.supply.diagnoses.is_empty());
        let holds =
            all(&[Some(self.class == "PSY1" && self.is_methylphenidate()), self.is_in(&["outpatient", "emergency"]), self.longer(limit)]);
        fires(holds, &[self.supply.one_pack]).then(|| self.of_days("mph", true, limit))
    }

    /// A day at a time in a ward; drugs to take home have the limits of outpatients.
    fn ward(&self) -> Option<Clue> {
        let limit = match (self.supply.discharge, self.supply.release) {
            (false, _) => Some(1.0),
            (true, Some("sustained" | "patch")) => self.limit(15.0, 7.0),
            (true, Some("other")) => self.limit(7.0, 3.0),
            (true, Some("injection")) => self.limit(3.0, 1.0),
            _ => None,
        };
        let holds = all(&[self.is_controlled(), self.is_in(&["inpatient"]), self.longer(limit)]);
        fires(holds, &[]).then(|| self.of_days("ward-1d", false, limit))
    }

    /// One usual dose each. Dihydroetorphine from the second level of hospital
    /// on, pethidine inside the institution.
    fn body(&self) -> Option<Clue> {
        let name = self.supply.item.name.as_deref().unwrap_or_default();
        let is = |substance: &str, forms: &[&str]| {
            let bare = name.trim_start_matches("盐酸");
            Some(self.supply.substance == substance || forms.iter().any(|form| bare == format!("{substance}{form}")))
        };
        let outside = any(&[Some(self.supply.circulated), Some(self.supply.setting == Some("pharmacy")), Some(self.supply.discharge)]);
        let dihydroetorphine = all(&[is("二氢埃托啡", &["", "片", "舌下片"]), any(&[self.doses_over(), self.level])]);
        let pethidine = all(&[is("哌替啶", &["", "片", "注射液"]), any(&[self.doses_over(), outside])]);
        let holds = all(&[Some(self.class == "NARC"), any(&[dihydroetorphine, pethidine])]);
        let usual = self.supply.drug.and_then(|drug| drug.usual);
        fires(holds, &[]).then(|| self.clue("special-body", false).saying(self.supply.doses, usual))
    }

    fn class_two(&self) -> Option<Clue> {
        let holds = all(&[Some(self.class == "PSY2"), not(self.is_in(&["inpatient"])), self.longer(Some(7.0))]);
        fires(holds, &[self.supply.one_pack]).then(|| self.of_days("psy2-7d", false, Some(7.0)))
    }

    /// Seven days, three in an emergency; more for old or chronic patients.
    fn ordinary(&self, setting: &str) -> Option<Clue> {
        let (rule, limit) = if setting == "outpatient" { ("rx-7d", 7.0) } else { ("rx-3d", 3.0) };
        let ordinary = !["NARC", "PSY1", "PSY2"].contains(&self.class);
        let holds = all(&[Some(ordinary), self.is_in(&[setting]), self.longer(Some(limit))]);
        let old = self.supply.age.map(|age| age >= 60.0);
        let long = Some(self.supply.long == Some(true));
        fires(holds, &[long, Some(self.supply.chronic), old, self.supply.one_pack]).then(|| self.of_days(rule, false, Some(limit)))
    }

    /// No long prescriptions of controlled drugs or, but against tuberculosis,
    /// of antimicrobials; twelve weeks of others.
    fn long(&self) -> Option<Clue> {
        let controlled = ["NARC", "PSY1", "PSY2", "TOXIC", "RADIO", "PRECURSOR"].contains(&self.class);
        let code = self.supply.item.code.as_deref().unwrap_or_default();
        let antimicrobial = ["XJ01", "XJ02"].iter().any(|start| code.starts_with(start));
        let tuberculosis = has_icd(&self.supply.diagnoses, &["A15", "A16", "A17", "A18", "A19"]);
        let wrong = any(&[Some(controlled), all(&[Some(antimicrobial), not(tuberculosis)]), self.longer(Some(84.0))]);
        fires(all(&[self.supply.long, wrong]), &[]).then(|| self.of_days("long-rx", false, Some(84.0)))
    }

    /// What a prescription ordered was handed out before a pharmacist saw it.
    fn audit(&self) -> Option<Clue> {
        let sold = self.supply.dispensed_at.filter(|_| self.supply.prescribed && self.supply.area.starts_with(AUDITED_AREA))?;
        self.supply.audited_at.is_none_or(|audited| audited > sold).then(|| self.clue("pharmacist-audit", false))
    }
}
