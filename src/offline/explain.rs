//! Why a rule told a clue or kept silent: the same engine, asked again.
//!
//! A rule over rows is asked by a *probe*: the rule with its condition taken
//! apart, each part and each gate told instead of deciding, so that the engine
//! itself says how every one of them came out. A rule that remembers is asked
//! by *variants*: the same events with one setting loosened, or one event left
//! out; where that changes what the rule says, it was the reason.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::pseudonym::IdentityKey;
use crate::base::record::Message;
use crate::base::record::Messages;
use crate::clues::told::Told;
use crate::clues::told::Value;
use crate::engine::Engine;
use crate::engine::effects::Effects;
use crate::engine::settings::EngineSettings;
use crate::engine::shard::Shard;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::events::SETTLEMENT_INPUT;
use crate::expr::outline;
use crate::reference::snapshot::Snapshot;
use crate::ruleset::compile::compile;
use crate::ruleset::decimal::Decimal;
use crate::ruleset::doc::Bilingual;
use crate::ruleset::doc::EarlierContactDoc;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::GateDoc;
use crate::ruleset::doc::Number;
use crate::ruleset::doc::OverlappingSupplyDoc;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::doc::SameDiseaseDoc;
use crate::ruleset::doc::Sql;
use crate::ruleset::shape::Object;
use crate::ruleset::spec;
use crate::ruleset::words::Expect;
use crate::ruleset::words::Grade;
use crate::ruleset::words::Grain;
use crate::ruleset::words::Institutions;
use crate::ruleset::words::RuleEvent;
use crate::ruleset::words::Status;

/// A message of a person, kept to be asked about. In order of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub input: InputId,
    pub value: Vec<u8>,
    pub timestamp_ms: i64,
}

/// A part of a condition, a gate or an exemption, and how it came out:
/// `None` where the data do not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Empty for a part of the condition.
    pub id: String,
    /// For a part of the condition its SQL in both.
    pub label: Bilingual,
    pub excuses: bool,
    pub holds: Option<bool>,
}

impl Part {
    /// Whether the part alone keeps the rule from telling.
    pub fn stops(&self) -> bool {
        self.holds == Some(self.excuses)
    }
}

/// What a rule says about a case, and why.
#[derive(Clone, Debug)]
pub struct Answer {
    pub said: Expect,
    /// Rows or consultations that the rule judged; 0: all came before go-live.
    pub judged: u64,
    /// Why it does not know, in the words of the tally.
    pub unknown: BTreeSet<String>,
    /// Rules over rows: everything that was tested, at the row nearest to a clue.
    pub parts: Vec<Part>,
    /// Values of the columns that the rule names, at that row.
    pub values: Vec<Value>,
    pub observed: Option<String>,
    pub limit: Option<String>,
    /// Rules that remember: settings (by the labels of the rule file) without
    /// which the rule would speak, or each of which suffices to keep it silent.
    pub settings: Vec<Bilingual>,
    /// The events without which the rule would not keep silent.
    pub events: Vec<Told>,
    /// Rules on overlap: the supplies of the substance, by time.
    pub supplies: Vec<Told>,
}

/// Asks rules about cases, with the feed's settings.
pub struct Explainer<'a> {
    pub book: &'a RuleBook,
    pub references: &'a Arc<Snapshot>,
    pub settings: EngineSettings,
    pub key: IdentityKey,
}

/// True for every row, whatever the columns hold.
const EVERY_ROW: &str = "1 = 1";
/// The same, naming a column: a table of which no column is asked is not looked at.
const EVERY_HEADER: &str = "header.fixmedins_code is null or header.fixmedins_code is not null";
/// What decides whether supplies are held against each other.
const COMPARED: &[&str] = &[
    "supply.fact_time",
    "supply.fixmedins_code",
    "supply.drug_name",
    "supply.substance",
    "supply.form_group",
    "supply.quantity",
    "supply.days_declared",
    "supply.days_computed",
    "supply.dispensed",
    "supply.dscg_tkdrug_flag",
];

impl Explainer<'_> {
    /// What `rule` says about the case that evidence calls `name`, among all
    /// messages of its person.
    pub fn ask(&self, rule: &RuleDoc, name: &str, messages: &[Kept]) -> Answer {
        let mut answer = self.verdict(rule, name, messages);
        match &rule.evaluate {
            EvaluateDoc::Row { when } => self.take_apart(rule, &when.clone(), name, messages, &mut answer),
            EvaluateDoc::EarlierContact(contact) => self.look_for_contact(rule, contact, name, messages, &mut answer),
            EvaluateDoc::OverlappingSupply(overlap) => {
                self.loosen(rule, overlap, name, messages, &mut answer);
                let dispensed = Sql { text: "supply.dispensed".to_owned(), ..self.sql_of(rule) };
                let said = answer.said;
                self.take_apart(rule, &dispensed, name, messages, &mut answer);
                answer.said = said;
            }
            EvaluateDoc::Ratio(_) => {}
        }
        answer
    }

    /// What one message is: its header as a clue would tell it.
    pub fn describe(&self, message: &Kept) -> Option<Told> {
        let event = if message.input == SETTLEMENT_INPUT { RuleEvent::Settlement } else { RuleEvent::Prescription };
        let mut doc = self.probe(self.book.rules.first()?, EVERY_HEADER, Vec::new());
        (doc.event, doc.grain) = (event, Grain::Header);
        let wanted = ["fixmedins_name", "fund_pay_sumamt", "inscp_scp_amt", "med_type"];
        let known = wanted.iter().filter(|name| EVENT_TYPES[message.input].header.index(name).is_some());
        let stand_in = self.sql_of(&doc);
        doc.clue.evidence = known.map(|name| Sql { text: format!("header.{name}"), ..stand_in.clone() }).collect();
        (doc.clue.observed, doc.clue.limit, doc.clue.money, doc.clue.unit) = (None, None, None, None);
        for template in [&mut doc.clue.summary.zh, &mut doc.clue.summary.en] {
            template.text.clear();
        }
        doc.params.clear();
        let mut everything = self.settings.clone();
        everything.clues_from = None;
        self.run(&doc, Vec::new(), everything, std::slice::from_ref(message)).clues.into_iter().next()
    }

    fn verdict(&self, rule: &RuleDoc, name: &str, messages: &[Kept]) -> Answer {
        let seen = self.run(rule, Vec::new(), self.settings.clone(), messages);
        let told = seen.clues.iter().find(|clue| clue.names().contains(name));
        let said = match told {
            Some(_) => Expect::Clue,
            None if seen.unknown.is_empty() => Expect::Quiet,
            None => Expect::Unknown,
        };
        Answer {
            said,
            judged: seen.judged,
            unknown: if said == Expect::Unknown { seen.unknown } else { BTreeSet::new() },
            parts: Vec::new(),
            values: told.map(|clue| clue.finding.values.clone()).unwrap_or_default(),
            observed: told.and_then(|clue| clue.finding.observed.clone()),
            limit: told.and_then(|clue| clue.finding.limit.clone()),
            settings: Vec::new(),
            events: Vec::new(),
            supplies: Vec::new(),
        }
    }

    /// The rule's columns at the row nearest to a clue, and how each part of
    /// its condition and each excuse came out there.
    fn take_apart(&self, rule: &RuleDoc, when: &Sql, name: &str, messages: &[Kept], answer: &mut Answer) {
        let mut gates = Vec::new();
        let mut labels = BTreeMap::new();
        let mut add = |text: String, id: &str, title: Bilingual, excuses: bool, grain: Grain| {
            let own = format!("part_{}", gates.len());
            labels.insert(own.clone(), (id.to_owned(), title.clone(), excuses));
            let sql = Sql { text, ..when.clone() };
            gates.push(GateDoc {
                origin: rule.origin.clone(),
                id: own,
                title,
                event: rule.event,
                grain,
                when: sql,
                quiet: false,
                party: None,
            });
        };
        for part in outline::parts(&when.text) {
            let title = Bilingual { zh: part.clone(), en: part.clone() };
            add(part, "", title, false, rule.grain);
        }
        for gate in rule.gates.iter().filter_map(|id| self.book.gate(id, rule.event, rule.grain)).filter(|gate| gate.quiet) {
            add(gate.when.text.clone(), &gate.id, gate.title.clone(), true, gate.grain);
        }
        for exempt in &rule.exempt {
            add(exempt.when.text.clone(), &exempt.id, exempt.title.clone(), true, rule.grain);
        }
        let mut doc = self.probe(rule, EVERY_ROW, gates.iter().map(|gate| gate.id.clone()).collect());
        let mut columns: BTreeSet<String> = doc.clue.evidence.iter().map(|sql| sql.text.clone()).collect();
        let named = gates.iter().map(|gate| &gate.when).chain(&doc.clue.money).chain(&doc.clue.observed).chain(&doc.clue.limit);
        columns.extend(named.flat_map(|sql| outline::names(&sql.text)).filter(|name| !name.starts_with("param.")));
        if matches!(rule.evaluate, EvaluateDoc::OverlappingSupply(_)) {
            columns.extend(COMPARED.iter().map(|name| (*name).to_owned()));
        }
        doc.clue.evidence = columns.into_iter().map(|text| Sql { text, ..when.clone() }).collect();
        let mut settings = self.settings.clone();
        if !matches!(rule.evaluate, EvaluateDoc::Row { .. }) {
            // What was supplied before go-live is compared too.
            settings.clues_from = None;
        }
        let seen = self.run(&doc, gates, settings, messages);
        let parts_of = |clue: &Told| -> Vec<Part> {
            let tested = clue.finding.exemptions.iter();
            let part = tested.filter_map(|tested| {
                let (id, label, excuses) = labels.get(&tested.id)?.clone();
                Some(Part { id, label, excuses, holds: tested.holds })
            });
            part.collect()
        };
        if matches!(rule.evaluate, EvaluateDoc::OverlappingSupply(_)) {
            answer.supplies = of_same_substance(&seen.clues, name);
        }
        let distance =
            |parts: &[Part]| (parts.iter().filter(|part| part.stops()).count(), parts.iter().filter(|part| part.holds.is_none()).count());
        let rows = seen.clues.into_iter().filter(|clue| clue.names().contains(name));
        let nearest = rows.map(|clue| (parts_of(&clue), clue)).min_by_key(|(parts, clue)| (distance(parts), clue.finding.clue_id.clone()));
        let Some((parts, clue)) = nearest else { return };
        if answer.said != Expect::Clue {
            let stopped = parts.iter().any(Part::stops);
            answer.said = if stopped { Expect::Quiet } else { Expect::Unknown };
            if stopped {
                answer.unknown.clear();
            }
        }
        answer.parts = parts;
        answer.values = clue.finding.values;
        answer.observed = clue.finding.observed;
        answer.limit = clue.finding.limit;
    }

    /// Which kinds of likeness suffice to know the earlier visit, and which
    /// event it was.
    fn look_for_contact(&self, rule: &RuleDoc, contact: &EarlierContactDoc, name: &str, messages: &[Kept], answer: &mut Answer) {
        if answer.said != Expect::Quiet {
            return;
        }
        if answer.judged == 0 {
            let everything = EngineSettings { clues_from: None, ..self.settings.clone() };
            answer.unknown = self.run(rule, Vec::new(), everything, messages).unknown;
            answer.settings.push(label(&spec::CASE_SETTINGS, "clues_from"));
            return;
        }
        let none = SameDiseaseDoc { icd_characters: 0, groups: false, chronic_list: false, substance: false, init_rxno: false };
        let own = contact.same_disease;
        let single = [
            ("icd_characters", SameDiseaseDoc { icd_characters: own.icd_characters, ..none }, own.icd_characters > 0),
            ("groups", SameDiseaseDoc { groups: true, ..none }, own.groups),
            ("chronic_list", SameDiseaseDoc { chronic_list: true, ..none }, own.chronic_list),
            ("substance", SameDiseaseDoc { substance: true, ..none }, own.substance),
            ("init_rxno", SameDiseaseDoc { init_rxno: true, ..none }, own.init_rxno),
        ];
        for (key, same_disease, _) in single.into_iter().filter(|(.., used)| *used) {
            let mut doc = rule.clone();
            doc.evaluate = EvaluateDoc::EarlierContact(EarlierContactDoc { same_disease, ..contact.clone() });
            if self.verdict(&doc, name, messages).said == Expect::Quiet {
                answer.settings.push(label(&spec::SAME_DISEASE, key));
            }
        }
        for (idx, message) in messages.iter().enumerate() {
            let others: Vec<Kept> = messages.iter().enumerate().filter(|(place, _)| *place != idx).map(|(_, kept)| kept.clone()).collect();
            let described = self.describe(message).filter(|told| !told.names().contains(name));
            if let Some(told) = described
                && self.verdict(rule, name, &others).said != Expect::Quiet
            {
                answer.events.push(told);
            }
        }
    }

    /// Which limit or exemption, loosened alone, lets the rule speak.
    fn loosen(&self, rule: &RuleDoc, overlap: &OverlappingSupplyDoc, name: &str, messages: &[Kept], answer: &mut Answer) {
        if answer.said == Expect::Clue {
            return;
        }
        let zero = || Number::Value(Decimal::from_int(0));
        let other = match overlap.institutions {
            Institutions::Several => Institutions::One,
            Institutions::One => Institutions::Several,
        };
        let looser = [
            ("surplus_days", OverlappingSupplyDoc { surplus_days: zero(), ..overlap.clone() }),
            ("remaining_days", OverlappingSupplyDoc { remaining_days: zero(), remaining_share: zero(), ..overlap.clone() }),
            ("institutions_min", OverlappingSupplyDoc { institutions_min: None, ..overlap.clone() }),
            ("institutions", OverlappingSupplyDoc { institutions: other, institutions_min: None, ..overlap.clone() }),
        ];
        let speaks = |looser: &OverlappingSupplyDoc| {
            let mut doc = rule.clone();
            doc.evaluate = EvaluateDoc::OverlappingSupply(looser.clone());
            self.verdict(&doc, name, messages).said == Expect::Clue
        };
        for (key, looser) in &looser {
            if speaks(looser) {
                answer.settings.push(label(&spec::OVERLAPPING_SUPPLY, key));
            }
        }
        let no_days = OverlappingSupplyDoc { remaining_days: zero(), remaining_share: zero(), surplus_days: zero(), ..overlap.clone() };
        if answer.settings.is_empty() && speaks(&no_days) {
            answer.settings.extend(["remaining_days", "surplus_days"].map(|key| label(&spec::OVERLAPPING_SUPPLY, key)));
        }
        for idx in 0..rule.exempt.len() {
            let mut doc = rule.clone();
            let exempt = doc.exempt.remove(idx);
            if self.verdict(&doc, name, messages).said == Expect::Clue {
                answer.settings.push(exempt.title);
            }
        }
    }

    /// The rule that tells every row, with `gates` told beside it.
    fn probe(&self, rule: &RuleDoc, when: &str, gates: Vec<String>) -> RuleDoc {
        let mut doc = rule.clone();
        doc.evaluate = EvaluateDoc::Row { when: Sql { text: when.to_owned(), ..self.sql_of(rule) } };
        (doc.gates, doc.exempt, doc.clear_when, doc.result) = (gates, Vec::new(), None, Grade::Suspected);
        for basis in &mut doc.basis {
            (basis.valid_from, basis.valid_to) = (chrono::NaiveDate::MIN, None);
            basis.area.clear();
        }
        doc
    }

    fn sql_of(&self, rule: &RuleDoc) -> Sql {
        rule.clue.summary.zh.clone()
    }

    fn run(&self, rule: &RuleDoc, gates: Vec<GateDoc>, mut settings: EngineSettings, messages: &[Kept]) -> Seen {
        let mut rule = rule.clone();
        rule.status = Status::Live;
        let gates = self.book.gates.iter().cloned().chain(gates).collect();
        let (set, mistakes) = compile(
            &RuleBook {
                gates,
                rules: vec![rule.clone()],
                packs: Vec::new(),
                departments: self.book.departments.clone(),
                code_map: self.book.code_map.clone(),
            },
            &[Status::Live],
        );
        debug_assert!(mistakes.is_empty(), "{}", crate::base::diagnostic::render(&mistakes));
        // Whoever asks has one person's messages and no partitions.
        settings.partitions = 1;
        for input in &mut settings.inputs {
            input.partitioner = None;
        }
        let engine = Arc::new(Engine::new(Arc::new(set), Arc::clone(self.references), settings, self.key.clone()));
        let mut shard = Shard::new(engine, 0);
        let mut seen = Seen::default();
        for (offset, message) in messages.iter().enumerate() {
            let one = One(Message {
                offset: i64::try_from(offset).unwrap_or(i64::MAX),
                timestamp_ms: message.timestamp_ms,
                key: None,
                value: Some(&message.value),
                watermark: None,
            });
            seen.note(&rule.id, &shard.step(message.input, &one, 1, false));
        }
        for input in 0..EVENT_TYPES.len() {
            let end = Message { offset: i64::MAX / 2, timestamp_ms: 0, key: None, value: None, watermark: Some(b"end") };
            seen.note(&rule.id, &shard.step(input, &One(end), 2, false));
        }
        seen.settle();
        seen
    }
}

/// The supplies of the substance of the one that is called `name`, by time.
fn of_same_substance(supplies: &[Told], name: &str) -> Vec<Told> {
    let substance = |told: &Told| {
        let mut values = told.finding.values.iter();
        values.find(|value| value.column == "supply.substance").and_then(|value| value.value.clone())
    };
    let own = supplies.iter().find(|told| told.names().contains(name)).and_then(substance);
    let mut same: Vec<Told> = supplies.iter().filter(|told| own.is_some() && substance(told) == own).cloned().collect();
    same.sort_by(|a, b| (&a.finding.fact_time, &a.finding.clue_id).cmp(&(&b.finding.fact_time, &b.finding.clue_id)));
    same
}

/// A key of the rule file in both languages, as its table says.
fn label(object: &'static Object, key: &str) -> Bilingual {
    object.field(key).map_or_else(Bilingual::default, |field| Bilingual { zh: field.zh.to_owned(), en: field.en.to_owned() })
}

/// What the steps told about a rule.
#[derive(Default)]
struct Seen {
    last: BTreeMap<String, Told>,
    clues: Vec<Told>,
    unknown: BTreeSet<String>,
    judged: u64,
}

impl Seen {
    fn note(&mut self, rule: &str, effects: &Effects) {
        for told in effects.records.iter().filter_map(|record| Told::read(record.value.as_deref()?)) {
            self.last.insert(told.finding.clue_id.clone(), told);
        }
        self.judged += effects.rules.get(rule).map_or(0, |tally| tally.evaluated);
        self.unknown.extend(effects.rules.get(rule).into_iter().flat_map(|tally| tally.unknown.keys().cloned()));
    }

    fn settle(&mut self) {
        self.clues = std::mem::take(&mut self.last).into_values().filter(|told| !told.is_retracted()).collect();
    }
}

struct One<'a>(Message<'a>);

impl Messages for One<'_> {
    fn len(&self) -> usize {
        1
    }
    fn get(&self, _: usize) -> Message<'_> {
        self.0
    }
}
