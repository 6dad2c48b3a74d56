//! Reads a bill: its lines after refunds, and what later messages of the
//! person look back at.

use super::Event;
use super::Oracle;
use super::payment;
use super::registry;
use super::supplies::Half;
use super::tables::Item;
use super::told::Fields;
use super::told::Net;
use super::told::Told;
use super::told::nets;
use super::told::online;
use super::told::setting;

pub struct Line {
    pub fields: Fields,
    /// As evidence names it.
    pub number: String,
    pub net: Net,
    pub time: i64,
    /// Where the line itself tells its time.
    pub told: Option<i64>,
    pub item: Item,
}

pub struct Bill {
    pub fields: Fields,
    pub id: String,
    pub event_time: i64,
    /// Begin of care.
    pub time: i64,
    pub area: String,
    pub institution: String,
    pub setting: Option<&'static str>,
    pub online: Told,
    /// Whether it is paid by its items, not by the case.
    pub by_item: bool,
    pub diagnoses: Vec<String>,
    pub lines: Vec<Line>,
}

/// Stays, day surgery and home beds may be paid by the case.
pub fn paid_by_item(method: Option<&str>, setting: Option<&str>) -> bool {
    let usual = ["outpatient", "emergency", "chronic", "registration", "pharmacy", "birth care"];
    method.map_or_else(|| setting.is_some_and(|setting| usual.contains(&setting)), |method| method == "1" || method == "01")
}

impl Oracle {
    pub(super) fn bill(&mut self, mut fields: Fields, id: String) {
        let event_time = fields.time("setl_time").unwrap();
        let rows = fields.rows("feedetl");
        let operated = !fields.rows("oprninfo").is_empty();
        let diagnoses = fields.diagnoses();
        let nets = nets(&rows);
        let line = |(place, (fields, net)): (usize, (Fields, Net))| Line {
            number: fields.text("feedetl_sn").unwrap_or_else(|| (place + 1).to_string()),
            net,
            time: fields.time("fee_ocur_time").unwrap_or(event_time),
            told: fields.time("fee_ocur_time"),
            item: Item { code: fields.text("med_list_codg"), name: fields.text("medins_list_name"), form: fields.text("dosform_name") },
            fields,
        };
        let lines: Vec<Line> = rows.into_iter().zip(nets).enumerate().map(line).collect();
        let online_item = |line: &Line| self.tables.has_point("online_item", line.item.code.as_deref(), line.time) == Some(true);
        let sign = lines.iter().any(online_item);
        let setting = setting(fields.text("med_type").as_deref(), None);
        let bill = Bill {
            id,
            event_time,
            time: fields.time("begntime").unwrap_or(event_time),
            area: fields.or_empty("fix_blng_admdvs"),
            institution: fields.or_empty("fixmedins_code"),
            setting,
            online: online(fields.text("biz_type_code").as_deref(), sign, true),
            by_item: paid_by_item(fields.text("hi_paymtd").as_deref(), setting),
            diagnoses,
            lines,
            fields,
        };
        if self.feed.is_live(event_time) {
            self.found.extend(registry::of_bill(&self.tables, &bill));
            self.found.extend(payment::find(&self.tables, &bill));
        }
        self.remember(bill, operated);
    }

    fn remember(&mut self, bill: Bill, operated: bool) {
        let Bill { fields, setting, .. } = &bill;
        let person = self.persons.entry(fields.or_empty("psn_no")).or_default();
        let place = person.events.len();
        let mut substances = Vec::new();
        for line in bill.lines.iter().filter(|line| !line.net.is_gone()) {
            let kind = line.fields.text("list_type");
            if kind.as_deref().is_some_and(|kind| kind != "101") {
                continue;
            }
            // A drug without a code of its own goes by its name.
            let named = line.item.name.as_deref().filter(|_| kind.is_some());
            let Some(substance) = self.tables.substance(line.item.code.as_deref(), line.time).or(named) else { continue };
            substances.push((substance.to_owned(), line.time));
            let half = Half {
                event: place,
                prescribed: false,
                number: line.number.clone(),
                item: line.item.clone(),
                time: line.time,
                quantity: line.net.count,
                amount: line.net.amount,
                // How many days are left of a line of which some was returned, nobody tells.
                declared: line.fields.quantity("prd_days").filter(|days| *days > 0 && !line.net.refunded),
                price: line.fields.number("pric"),
                order: line.fields.text("rx_drord_no"),
                circulated: line.fields.is("rx_circ_flag", "1"),
                discharge: line.fields.is("dscg_tkdrug_flag", "1"),
                ..Half::default()
            };
            person.halves.entry(substance.to_owned()).or_default().push(half);
        }
        // Fee group 06; local groups of anaesthesia begin with 1413.
        let group = |line: &Line| line.fields.or_empty("med_chrgitm_type");
        let operation = operated || bill.lines.iter().any(|line| group(line).starts_with("06") || group(line).starts_with("1413"));
        let usable = self.tables.institution(&bill.institution, bill.time).is_none_or(|row| row["fstdiag_usable"] != "0");
        person.events.push(Event {
            input: 0,
            visit: fields.text("mdtrt_id"),
            time: bill.time,
            event_time: bill.event_time,
            online: bill.online,
            setting: *setting,
            first: fields.text("fstdiag_flag").filter(|_| usable).map(|flag| flag == "1"),
            covered: self.feed.covers(fields.text("insu_admdvs").as_deref()),
            registered: fields.text("dise_codg"),
            chronic: *setting == Some("chronic"),
            substances,
            operation,
            born: fields.born(),
            stated_age: fields.number("age"),
            paid: fields.cents("fund_pay_sumamt"),
            scope: fields.cents("inscp_scp_amt"),
            id: bill.id,
            institution: bill.institution,
            area: bill.area,
            diagnoses: bill.diagnoses,
            ..Event::default()
        });
    }
}
