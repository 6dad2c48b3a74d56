//! Turns hits and revisions into the records that are written.

use crate::base::decimal::Decimal;
use crate::base::ids::ClueId;
use crate::base::ids::PersonKey;
use crate::base::ids::ShardId;
use crate::base::time::Civil;
use crate::clues::build;
use crate::clues::build::ENGINE;
use crate::clues::build::Found;
use crate::clues::finding::Amounts;
use crate::clues::finding::Evidence;
use crate::clues::finding::Finding;
use crate::clues::finding::Place;
use crate::clues::finding::Provenance;
use crate::clues::finding::Subject;
use crate::clues::finding::Tested;
use crate::clues::finding::Text;
use crate::clues::finding::scene;
use crate::clues::money::Money;
use crate::clues::money::Split;
use crate::clues::money::paid_by_item;
use crate::engine::Engine;
use crate::engine::enrich::Batch;
use crate::engine::rows::RowHit;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::events::SETTLEMENT_INPUT;
use crate::ruleset::compile::Rule;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::words::Party;
use crate::ruleset::words::Status;

/// What every record of a step shares.
pub struct Teller<'a> {
    pub engine: &'a Engine,
    pub shard: ShardId,
    pub epoch: u64,
}

/// Whether any basis of the rule is in force on the day in the area.
pub fn has_basis(doc: &RuleDoc, day: i64, area: Option<&str>) -> bool {
    build::in_force(doc, day, area).next().is_some()
}

impl Teller<'_> {
    pub fn place(&self, input: InputId, offset: i64) -> Place {
        Place { topic: self.engine.settings.inputs[input].topic.clone(), partition: self.shard, offset }
    }

    pub fn provenance(&self, shadow: bool, revision: u32, status: &'static str, mut sources: Vec<Place>) -> Provenance {
        sources.sort();
        sources.dedup();
        Provenance {
            revision,
            status,
            reason: None,
            material: None,
            previous_amount: None,
            sources,
            epoch: self.epoch,
            rule_status: if shadow { Status::Shadow.name() } else { Status::Live.name() },
            rule_set: self.engine.versions.rule_set.clone(),
            identity_key: self.engine.versions.identity_key.clone(),
            engine: ENGINE,
        }
    }

    pub fn finding(&self, rule: &Rule, found: Found) -> (ClueId, Finding) {
        build::finding(&self.engine.rules, &rule.doc, found, &self.engine.references_text)
    }

    /// What a row of an event is held to be.
    pub fn row_finding(&self, batch: &Batch, hit: &RowHit, person: PersonKey) -> (ClueId, Finding) {
        let rule = &self.engine.rules.rules[hit.rule];
        let found = self.found(batch, hit, rule, person);
        self.finding(rule, found)
    }

    fn found(&self, batch: &Batch, hit: &RowHit, rule: &Rule, person: PersonKey) -> Found {
        let (header, line) = (batch.header(), batch.line_table());
        let bill = batch.input == SETTLEMENT_INPUT;
        let text = |name: &str| header.texts(name).get(hit.header).map(str::to_owned);
        let of_line = |name: &str| hit.line.and_then(|row| line.texts(name).get(row)).map(str::to_owned);
        let facts = &batch.headers[hit.header];
        let id = text(if bill { "setl_id" } else { "hosp_rxno" }).unwrap_or_default();
        let line_key = line_key(batch, hit);
        let mut anchor = vec![EVENT_TYPES[batch.input].name.to_owned(), text("fixmedins_code").unwrap_or_default(), id.clone()];
        anchor.extend(line_key.clone());
        let fact_time = Civil(hit.line.map_or(facts.fact_time, |row| batch.lines[row].fact_time));
        let number = |name: &str, scale: u8| {
            hit.line.and_then(|row| line.numbers(name).get(row)).map(|units| Decimal::new(i128::from(units), scale))
        };
        let money = self.money(batch, hit, facts.setting);
        let amounts = if bill {
            Amounts { cnt: number("cnt", 4), pric: number("pric", 6), amount: number("det_item_fee_sumamt", 2), vola_amt: money.vola_amt }
        } else {
            Amounts { cnt: number("drug_cnt", 4), pric: number("drug_pric", 6), amount: number("drug_sumamt", 2), vola_amt: money.vola_amt }
        };
        let orderer = of_line("bilg_dr_codg");
        let (doctor, doctor_role) = match (orderer, text("dr_code")) {
            (Some(orderer), _) => (Some(orderer), Some("开单医师")),
            (None, Some(prescriber)) => (Some(prescriber), Some("处方医师")),
            (None, None) => (text("chfpdr_code"), text("chfpdr_code").map(|_| "主诊医师")),
        };
        let subject = Subject {
            fixmedins_code: text("fixmedins_code"),
            fixmedins_name: text("fixmedins_name"),
            department: of_line("bilg_dept_codg").or_else(|| text("prsc_dept_code")),
            doctor,
            doctor_role,
            person: Some(person.to_string()),
            area_of_care: text(if bill { "fix_blng_admdvs" } else { "mdtrtarea_no" }),
            area_of_insurance: text(if bill { "insu_admdvs" } else { "insu_plc_no" }),
        };
        Found {
            clear: hit.clear,
            anchor,
            party: party(rule, &hit.excuses),
            hi_paymtd: text("hi_paymtd"),
            scene: scene(facts.online, facts.setting, &subject),
            event_time: Civil(facts.event_time),
            fact_time,
            values: hit.values.clone(),
            observed: hit.observed.clone(),
            limit: hit.limit.clone(),
            tested: tested(rule, &hit.excuses),
            money,
            evidence: vec![Evidence {
                time: fact_time.to_string(),
                event: EVENT_TYPES[batch.input].name,
                id,
                mdtrt_id: text("mdtrt_id"),
                line: line_key,
                rx_no: of_line("rx_drord_no"),
                fixmedins_code: text("fixmedins_code"),
                code: of_line("med_list_codg"),
                name: of_line(if bill { "medins_list_name" } else { "drug_genname" }),
                spec: of_line(if bill { "spec" } else { "drug_spec" }),
                vola_item_type: 1,
                amounts,
            }],
            subject,
        }
    }

    /// The fund's share is exact for a single-line bill or a line whose own
    /// split is known, if the bill is paid by its items.
    fn money(&self, batch: &Batch, hit: &RowHit, setting: Option<&str>) -> Money {
        let (header, line) = (batch.header(), batch.line_table());
        if batch.input != SETTLEMENT_INPUT {
            return Money::unbilled(hit.money);
        }
        let lines = batch.headers[hit.header].lines.len();
        let split_known = hit.line.is_some_and(|row| line.numbers("inscp_scp_amt").get(row).is_some());
        let by_item = paid_by_item(header.texts("hi_paymtd").get(hit.header), setting);
        let amount = |name: &str| header.numbers(name).get(hit.header);
        let split = Split::of(by_item, lines == 1 || split_known);
        Money::of(hit.money, amount("fund_pay_sumamt"), amount("inscp_scp_amt"), split)
    }
}

/// What names the line of a hit within its event.
pub fn line_key(batch: &Batch, hit: &RowHit) -> Option<String> {
    let row = hit.line?;
    let by_key = || batch.line_table().texts("feedetl_sn").get(row).unwrap_or_default().to_owned();
    let by_place = || (row - batch.headers[hit.header].lines.start + 1).to_string();
    Some(if batch.input == SETTLEMENT_INPUT { by_key() } else { by_place() })
}

/// Whom a clue is about by a gate that holds: a claim that the person brought
/// to the counter is no fault of the institution.
fn party(rule: &Rule, excuses: &[Option<bool>]) -> Option<Party> {
    let list = rule.row.as_ref().map(|row| row.excuses.as_slice()).unwrap_or_default();
    list.iter().zip(excuses).filter(|(_, holds)| **holds == Some(true)).find_map(|(excuse, _)| excuse.party)
}

/// The gates and exemptions of a rule as they came out.
pub fn tested(rule: &Rule, excuses: &[Option<bool>]) -> Vec<Tested> {
    let list = rule.row.as_ref().map(|row| row.excuses.as_slice()).unwrap_or_default();
    list.iter()
        .zip(excuses)
        .map(|(excuse, holds)| Tested { id: excuse.id.clone(), label: Text::from(&excuse.title), holds: *holds })
        .collect()
}
