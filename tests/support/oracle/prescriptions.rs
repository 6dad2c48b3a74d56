//! Reads a prescription, and the rules on one alone.

use super::Event;
use super::Oracle;
use super::clue::Clue;
use super::clue::Money;
use super::has_basis;
use super::registry;
use super::supplies::Half;
use super::tables::Item;
use super::tables::Tables;
use super::told::Fields;
use super::told::online;
use super::told::setting;

impl Oracle {
    pub(super) fn prescription(&mut self, mut fields: Fields, id: String) {
        let time = fields.time("prsc_time").unwrap();
        let lines = fields.rows("rxdrugdetail");
        let institution = fields.or_empty("fixmedins_code");
        let kind = setting(fields.text("med_type").as_deref(), fields.text("otp_ipt_flag").as_deref());
        let usable = self.tables.institution(&institution, time).is_none_or(|row| row["fstdiag_usable"] != "0");
        let item =
            |line: &Fields| Item { code: line.text("med_list_codg"), name: line.text("drug_genname"), form: line.text("drug_dosform") };
        let items: Vec<Item> = lines.iter().map(item).collect();
        let substance = |item: &Item| self.tables.substance(item.code.as_deref(), time).or(item.name.as_deref()).map(str::to_owned);
        let substances: Vec<Option<String>> = items.iter().map(substance).collect();
        let event = Event {
            input: 1,
            national: fields.text("hi_rxno"),
            original: fields.text("init_rxno"),
            visit: fields.text("mdtrt_id"),
            area: fields.or_empty("fix_blng_admdvs"),
            time,
            event_time: time,
            online: online(fields.text("biz_type_code").as_deref(), fields.text("auth_no").is_some(), false),
            setting: kind,
            first: fields.text("fstdiag_flag").filter(|_| usable).map(|flag| flag == "1"),
            covered: self.feed.covers(fields.text("insu_admdvs").as_deref()),
            registered: fields.text("dise_codg"),
            chronic: kind == Some("chronic") || fields.is("sp_dise_flag", "1"),
            diagnoses: fields.diagnoses(),
            substances: substances.iter().flatten().map(|substance| (substance.clone(), time)).collect(),
            audited: fields.time("phar_chk_time"),
            long: fields.is("long_rx_flag", "1"),
            born: fields.born(),
            stated_age: fields.number("age"),
            institution,
            id,
            ..Event::default()
        };
        if self.feed.is_live(time) {
            self.found.extend(registry::of_prescription(&self.tables, &fields, &event));
            self.found.extend(on_header(&fields, &event, &lines));
            self.found.extend(on_lines(&self.tables, &event, &items, &lines));
        }
        let person = self.persons.entry(fields.or_empty("psn_no")).or_default();
        for (place, (line, (item, substance))) in lines.iter().zip(items.into_iter().zip(substances)).enumerate() {
            let Some(substance) = substance else { continue };
            let half = Half {
                event: person.events.len(),
                prescribed: true,
                number: (place + 1).to_string(),
                item,
                time,
                quantity: line.quantity("drug_cnt"),
                amount: line.cents("drug_sumamt"),
                declared: line.quantity("medc_days").filter(|days| *days > 0),
                price: line.number("drug_pric"),
                unit: line.or_empty("drug_dosunt"),
                dose: line.quantity("sin_doscnt"),
                dose_unit: line.or_empty("sin_dosunt"),
                frequency: line.or_empty("used_frqu_codg"),
                ..Half::default()
            };
            person.halves.entry(substance).or_default().push(half);
        }
        person.events.push(event);
    }
}

fn on_header(fields: &Fields, event: &Event, lines: &[Fields]) -> Vec<Clue> {
    let clue = |rule: &str| Clue::new(rule, false, vec![event.evidence("")], Money::unbilled(None));
    let mut found = Vec::new();
    // Western and patent medicines; herbs (13) are prescribed apart. Nobody can
    // count where a line does not say what it is.
    let kinds: Option<Vec<String>> = lines.iter().map(|line| line.text("rx_item_type_code")).collect();
    let medicines = kinds.map_or(0, |kinds| kinds.iter().filter(|kind| ["11", "12"].contains(&kind.as_str())).count());
    if medicines > 5 {
        found.push(clue("rx-count").saying(medicines as f64, 5.0));
    }
    if event.online == Some(true) {
        found.extend(fields.age(event.time).filter(|age| *age < 6.0).map(|age| clue("online-child6").saying(age, 6.0)));
        found.extend(event.diagnoses.iter().any(|code| is_critical(code)).then(|| clue("online-critical")));
    }
    found.retain(|clue| has_basis(&clue.rule, event.time, &event.area));
    found
}

fn on_lines(tables: &Tables, event: &Event, items: &[Item], lines: &[Fields]) -> Vec<Clue> {
    let controlled = |item: &Item| ["NARC", "PSY1", "PSY2", "TOXIC", "RADIO", "PRECURSOR"].contains(&tables.class(item, event.time));
    let forbidden = items.iter().zip(lines).enumerate().filter(|(_, (item, _))| event.online == Some(true) && controlled(item));
    let clue = |(place, (_, line)): (usize, (&Item, &Fields))| {
        let money = Money::unbilled(line.cents("drug_sumamt"));
        Clue::new("online-special", true, vec![event.evidence(&(place + 1).to_string())], money)
    };
    forbidden.map(clue).filter(|clue| has_basis(&clue.rule, event.time, &event.area)).collect()
}

/// Acute states that nobody follows up online.
fn is_critical(code: &str) -> bool {
    let category = code.get(..3).unwrap_or_default();
    let ranges = [("I21", "I22"), ("I60", "I62"), ("A40", "A41"), ("T36", "T50")];
    let single = [
        "I26", "I46", "I71.0", "J46", "J80", "J81", "J96.0", "K35", "K56", "K65.0", "K85", "K92.0", "K92.1", "K92.2", "N17", "G00", "G41",
        "O00", "O15", "R40.2", "R57", "E10.0", "E10.1", "E11.0", "E11.1", "E14.0", "E14.1", "S06.4", "S06.5", "S06.6", "T58", "T60",
        "T78.0", "T78.2", "T79.4", "T88.6",
    ];
    ranges.iter().any(|(from, to)| *from <= category && category <= *to) || single.iter().any(|start| code.starts_with(start))
}
