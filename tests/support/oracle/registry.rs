//! Rules that the registries of institutions, agreements, departments and
//! doctors decide. What no row tells, nobody can tell.

use super::Event;
use super::bills::Bill;
use super::clue::Clue;
use super::clue::Money;
use super::has_basis;
use super::payment::account_only;
use super::tables::Tables;
use super::told::Fields;
use super::told::Told;
use super::told::all;
use super::told::any;
use super::told::fires;
use super::told::not;

fn emergency(setting: Option<&str>) -> Told {
    setting.map(|setting| setting == "emergency")
}

pub fn of_bill(tables: &Tables, bill: &Bill) -> Vec<Clue> {
    let (paid, scope) = (bill.fields.cents("fund_pay_sumamt"), bill.fields.cents("inscp_scp_amt"));
    let clue = |rule: &str, clear: bool| {
        let money = Money::of(scope, paid, scope, bill.by_item, bill.lines.len() == 1);
        Clue::new(rule, clear, vec![("settlement".to_owned(), bill.id.clone(), String::new())], money)
    };
    // Emergency admissions: from the emergency ward, or by a local category.
    let admitted = bill.fields.text("med_type").map(|kind| kind.starts_with("24") || kind == "210104");
    let urgent = if admitted == Some(true) { Some(true) } else { emergency(bill.setting) };
    let by_fund = paid.map(|paid| paid > 0);
    let stopped = tables.agreement(&bill.institution, "main", bill.time).map(|state| state != "active");
    let suspended = bill.fields.text("chfpdr_code").and_then(|doctor| tables.suspended(&doctor, bill.time));
    let excuses = [account_only(bill), urgent];
    let found = [("registry-agreement", true, stopped), ("doctor-suspended", false, suspended)];
    let found = found.into_iter().filter(|(rule, _, so)| fires(all(&[*so, by_fund]), &excuses) && has_basis(rule, bill.time, &bill.area));
    found.map(|(rule, clear, _)| clue(rule, clear)).collect()
}

pub fn of_prescription(tables: &Tables, fields: &Fields, event: &Event) -> Vec<Clue> {
    let (institution, time) = (event.institution.as_str(), event.time);
    let registered = tables.institution(institution, time);
    let filed = fields.text("dr_code").and_then(|doctor| tables.filed(&doctor, institution, time));
    let licensed = fields.text("prsc_dept_code").and_then(|department| tables.licensed(institution, &department, time));
    let unlicensed = registered.map(|row| row["online_licence"].as_str()).filter(|told| !told.is_empty()).map(|told| told == "0");
    let stopped = tables.agreement(institution, "online", time).map(|state| state != "active");
    let anonymous = all(&[event.online, Some(fields.text("auth_no").is_none())]);
    let not_fed = registered.map(|row| row["authno_fed"] == "0");
    let urgent = emergency(event.setting);
    let found = [
        ("registry-doctor", not(filed), urgent),
        ("registry-department", not(licensed), urgent),
        ("registry-online", all(&[event.online, any(&[unlicensed, stopped])]), urgent),
        ("realname", anonymous, not_fed),
    ];
    let found = found.into_iter().filter(|(rule, so, excuse)| fires(*so, &[*excuse]) && has_basis(rule, time, &event.area));
    found.map(|(rule, ..)| Clue::new(rule, false, vec![event.evidence("")], Money::unbilled(None))).collect()
}
