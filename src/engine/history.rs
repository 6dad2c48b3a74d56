//! Judges consultations whose facts changed, and tells of rules that remember
//! how what is found differs from what was told.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::ids::ClueId;
use crate::base::time::Civil;
use crate::clues::build;
use crate::clues::build::Found;
use crate::clues::finding::Evidence;
use crate::clues::finding::Finding;
use crate::clues::finding::Place;
use crate::clues::finding::Scalar;
use crate::clues::finding::Subject;
use crate::clues::finding::scene;
use crate::clues::lifecycle::revise;
use crate::clues::money::Money;
use crate::engine::Engine;
use crate::engine::effects::RuleTally;
use crate::engine::shard::Shard;
use crate::engine::tell::Teller;
use crate::engine::tell::has_basis;
use crate::engine::words::word_record;
use crate::evaluators::contact;
use crate::evaluators::contact::Consultation;
use crate::evaluators::contact::ContactSettings;
use crate::evaluators::contact::ContactTables;
use crate::evaluators::contact::Verdict;
use crate::events::EVENT_TYPES;
use crate::events::PRESCRIPTION_INPUT;
use crate::events::SETTLEMENT_INPUT;
use crate::io::log::Record;
use crate::ruleset::doc::EarlierContactDoc;
use crate::ruleset::doc::Number;
use crate::ruleset::doc::ParamDoc;
use crate::ruleset::doc::ParamValue;
use crate::ruleset::doc::RuleDoc;
use crate::state::clues::ClueScope;
use crate::state::events::EventIdx;
use crate::state::persons::PersonIdx;

/// What was found for one scope, with where it came from.
pub(super) type FoundClues = BTreeMap<ClueId, (Finding, Vec<Place>)>;

/// A setting in ten-thousandths, as it holds in an area on a day.
pub(super) fn setting(doc: &RuleDoc, number: &Number, area: Option<&str>, day: i64) -> i64 {
    match number {
        Number::Value(value) => value.scaled(4).unwrap_or_default(),
        Number::Param(name) => param(doc, name).map(|param| number_of(param.value_at(area, day))).unwrap_or_default(),
    }
}

/// The least that a setting is anywhere, in ten-thousandths.
pub(super) fn least(doc: &RuleDoc, number: &Number) -> i64 {
    match number {
        Number::Value(value) => value.scaled(4).unwrap_or_default(),
        Number::Param(name) => param(doc, name).and_then(|param| param.values().map(number_of).min()).unwrap_or_default(),
    }
}

fn param<'a>(doc: &'a RuleDoc, name: &str) -> Option<&'a ParamDoc> {
    doc.params.iter().find(|param| param.name == name)
}

fn number_of(value: &ParamValue) -> i64 {
    match value {
        ParamValue::Number(value) => value.scaled(4).unwrap_or_default(),
        ParamValue::Text(_) => 0,
    }
}

impl Shard {
    #[expect(clippy::too_many_arguments, reason = "one call, all parts of the step in hand")]
    pub(super) fn judge_contact(
        &mut self,
        engine: &Engine,
        place: usize,
        doc: &EarlierContactDoc,
        person: PersonIdx,
        watermark: Civil,
        teller: &Teller<'_>,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> Vec<Record> {
        let rule = &engine.rules.rules[place];
        let groups = |code: &str, day: i64| engine.references.disease_groups(code, day).map(str::to_owned).collect::<Vec<_>>();
        let tables = ContactTables {
            events: &self.memory.events,
            supplies: &self.memory.supplies,
            texts: &self.memory.texts,
            symbols: &self.memory.symbols,
            groups: &groups,
            complete_from: engine.settings.inputs[SETTLEMENT_INPUT].complete_from,
            prescriptions_from: engine.settings.inputs[PRESCRIPTION_INPUT].complete_from,
            covered_areas: &engine.settings.covered_areas,
        };
        let settings = |area: Option<&str>, day: i64| {
            let days = |number: &Number| setting(&rule.doc, number, area, day) / 10_000;
            let (lookback_days, least) = (days(&doc.lookback_days), days(&doc.min_history_days));
            ContactSettings {
                wait_seconds: doc.wait_seconds,
                lookback_days,
                // What lies before the look-back excuses nobody.
                min_history_days: if lookback_days > 0 { least.min(lookback_days) } else { least },
                icd_characters: doc.same_disease.icd_characters as usize,
                same_group: doc.same_disease.groups,
                same_chronic_list: doc.same_disease.chronic_list,
                same_substance: doc.same_disease.substance,
                initial_prescription: doc.same_disease.init_rxno,
            }
        };
        let number = self.rule_numbers.number(place);
        let tally = tallies.entry(rule.doc.id.clone()).or_default();
        let mut found = FoundClues::new();
        let mut judged = Vec::new();
        for consultation in contact::judge(tables, &settings, person, watermark) {
            let event_time = consultation.events.iter().map(|event| self.memory.events.row(*event).event_time).min().unwrap_or_default();
            if consultation.verdict == Verdict::Waiting || engine.settings.clues_from.is_some_and(|from| event_time < from.0) {
                continue;
            }
            // Of several events of one visit each may come alone.
            let known = consultation.events.iter().any(|event| self.judged.contains_key(&(number, *event)));
            let first = u64::from(!known);
            judged.extend(consultation.events.iter().map(|event| (number, *event)));
            tally.evaluated += first;
            tally.count_quality(contact::told_check(consultation.first_visit), first);
            let area = self.memory.symbols.text(self.memory.events.row(consultation.events[0]).area);
            match consultation.verdict {
                Verdict::Waiting => {}
                Verdict::Quiet => tally.excused += first,
                Verdict::Contradiction => {
                    tally.excused += first;
                    tally.count_quality(contact::CONTRADICTED, first);
                }
                Verdict::Unknown(reason) => tally.count_unknown(reason, first),
                Verdict::Clue { .. } if !has_basis(&rule.doc, consultation.time.day(), area) => {
                    tally.count_unknown("no_basis_in_force", first)
                }
                Verdict::Clue { clear } => {
                    tally.hits += first;
                    let sources = consultation.events.iter().map(|event| self.source(*event, teller)).collect();
                    let (id, finding) = teller.finding(rule, self.consultation_found(&consultation, clear, person));
                    found.insert(id, (finding, sources));
                }
            }
        }
        for consultation in judged {
            self.judged.insert(consultation, ());
        }
        let scope = ClueScope { rule: number, person: person.0, substance: 0 };
        self.tell(engine, scope, found, None, teller, tallies)
    }

    pub(super) fn source(&self, event: EventIdx, teller: &Teller<'_>) -> Place {
        let row = self.memory.events.row(event);
        teller.place(usize::from(row.input), row.offset)
    }

    fn consultation_found(&self, consultation: &Consultation, clear: bool, person: PersonIdx) -> Found {
        let events = &self.memory.events;
        let sym = |sym| self.memory.symbols.text(sym).map(str::to_owned);
        let main = consultation.events.iter().find(|event| usize::from(events.row(**event).input) == PRESCRIPTION_INPUT);
        let main = *main.unwrap_or(&consultation.events[0]);
        let row = events.row(main);
        let own_codes =
            || consultation.events.iter().flat_map(|event| events.diagnoses(*event)).filter_map(|code| self.memory.symbols.text(*code));
        let codes = crate::engine::enrich::joined(own_codes());
        let groups = crate::engine::enrich::groups_text(&self.engine.references, own_codes(), consultation.time.day());
        let value = |name: &str, value: Option<String>| (name.to_owned(), value.map_or(Scalar::Null, Scalar::Text));
        let flag = consultation.first_visit.map(|first| if first { "1" } else { "0" }.to_owned());
        let time = consultation.time.to_string();
        let subject = self.subject(main, person);
        Found {
            clear,
            anchor: vec![self.persons.key(person).to_string(), consultation.anchor.0.clone(), consultation.anchor.1.clone()],
            party: None,
            hi_paymtd: consultation.events.iter().find_map(|event| sym(events.row(*event).hi_paymtd)),
            scene: scene(Some(true), None, &subject),
            subject,
            event_time: Civil(consultation.events.iter().map(|event| events.row(*event).event_time).min().unwrap_or_default()),
            fact_time: consultation.time,
            values: vec![
                value("header.fixmedins_code", sym(row.institution)),
                value("header.fixmedins_name", sym(row.institution_name)),
                value("header.prsc_time", Some(time)),
                value("header.fstdiag_flag", flag),
                value("header.diag_codes", codes),
                value("header.insured_area", sym(row.insured_area)),
                value("header.area", sym(row.area)),
                value("header.mdtrt_id", Some(consultation.anchor.1.clone())),
                value("header.hosp_rxno", Some(self.memory.texts.get(row.id).to_owned())),
                value("header.dr_code", sym(row.doctor)),
                value("ref.disease_groups", groups),
                ("header.online".to_owned(), Scalar::Bool(true)),
            ],
            observed: None,
            limit: None,
            tested: Vec::new(),
            money: Money::NONE,
            evidence: consultation.events.iter().map(|event| self.event_evidence(*event)).collect(),
        }
    }

    pub(super) fn subject(&self, event: EventIdx, person: PersonIdx) -> Subject {
        let row = self.memory.events.row(event);
        let sym = |sym| self.memory.symbols.text(sym).map(str::to_owned);
        Subject {
            fixmedins_code: sym(row.institution),
            fixmedins_name: sym(row.institution_name),
            department: sym(row.department),
            doctor: sym(row.doctor),
            doctor_role: (!row.doctor.is_none()).then_some("处方医师"),
            person: Some(self.persons.key(person).to_string()),
            area_of_care: sym(row.area),
            area_of_insurance: sym(row.insured_area),
        }
    }

    pub(super) fn event_evidence(&self, event: EventIdx) -> Evidence {
        let row = self.memory.events.row(event);
        let visit = self.memory.texts.get(row.mdtrt_id);
        Evidence {
            time: Civil(row.fact_time).to_string(),
            event: EVENT_TYPES[usize::from(row.input)].name,
            id: self.memory.texts.get(row.id).to_owned(),
            mdtrt_id: (!visit.is_empty()).then(|| visit.to_owned()),
            fixmedins_code: self.memory.symbols.text(row.institution).map(str::to_owned),
            vola_item_type: 1,
            ..Evidence::default()
        }
    }

    /// Tells the difference between what was told in a scope and what is found
    /// now. Clues that are not `asked` about stand; `None`: all are.
    #[expect(clippy::too_many_arguments, reason = "one call, all parts of the step in hand")]
    pub(super) fn tell(
        &mut self,
        engine: &Engine,
        scope: ClueScope,
        found: FoundClues,
        asked: Option<&BTreeSet<ClueId>>,
        teller: &Teller<'_>,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> Vec<Record> {
        if found.is_empty() && self.clues.told(scope).is_empty() {
            return Vec::new();
        }
        let Some(place) = self.rule_numbers.place(scope.rule) else { return Vec::new() };
        let rule = &engine.rules.rules[place];
        let tally = tallies.entry(rule.doc.id.clone()).or_default();
        let bytes = found.iter().map(|(id, (finding, _))| (*id, build::encode(finding))).collect();
        let words = revise(self.clues.told_mut(scope), bytes, asked);
        words
            .into_iter()
            .map(|word| {
                let own = found.get(&word.id);
                word_record(rule, word, own, teller, tally)
            })
            .collect()
    }
}
