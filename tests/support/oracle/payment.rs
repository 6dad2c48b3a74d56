//! Rules on one line of a bill, of which something is left: what the insurance
//! does not pay for, prices and amounts.

use super::DAY;
use super::bills::Bill;
use super::bills::Line;
use super::clue::Clue;
use super::clue::Money;
use super::has_basis;
use super::tables::Place;
use super::tables::Row;
use super::tables::Tables;
use super::told::Told;
use super::told::all;
use super::told::any;
use super::told::either;
use super::told::fires;
use super::told::has_icd;
use super::told::not;
use super::told::scaled;

/// A drug whose published text allows emergencies too: 安宫牛黄丸.
const EMERGENCY_TOO: &str = "ZA07AAA0061";
/// Drugs of which the first prescription alone has to come from a higher level.
const FIRST_ALONE: [&str; 3] = ["XA10BJD332", "XA10BJJ237", "XA10BJL366"];
/// Area, and the start of a drug's code that its basic insurance pays for.
const LOCAL_ADDITION: (&str, &str) = ("990103", "XL03AXX234");

pub fn find(tables: &Tables, bill: &Bill) -> Vec<Clue> {
    let negative = |line: &Line| line.fields.cents("det_item_fee_sumamt").is_some_and(|amount| amount < 0);
    let left = bill.lines.iter().filter(|line| !line.net.may_be_gone() && !negative(line));
    left.flat_map(|line| Judged::new(tables, bill, line).clues()).collect()
}

/// 01 to 04 and 12 are the third band, and so on; 11 has no level.
fn band(level: &str) -> Option<i32> {
    match level {
        "01" | "02" | "03" | "04" | "12" => Some(3),
        "05" | "06" | "07" | "13" => Some(2),
        "08" | "09" | "10" | "14" => Some(1),
        _ => None,
    }
}

/// Whether the fund paid nothing, only an account did.
pub fn account_only(bill: &Bill) -> Told {
    let accounts = [bill.fields.cents("acct_pay"), bill.fields.cents("acct_mulaid_pay")];
    let from_account = accounts.iter().any(Option::is_some).then(|| accounts.iter().flatten().sum::<i128>() > 0);
    match (bill.fields.cents("fund_pay_sumamt").map(|fund| fund == 0), from_account) {
        (None, None) => None,
        (fund, account) => Some(fund.unwrap_or(true) && account.unwrap_or(true)),
    }
}

struct Judged<'a> {
    tables: &'a Tables,
    bill: &'a Bill,
    line: &'a Line,
    code: Option<&'a str>,
    institution: Option<&'a Row>,
    level: Option<String>,
    self_paid: Told,
    account_only: Told,
}

impl<'a> Judged<'a> {
    fn new(tables: &'a Tables, bill: &'a Bill, line: &'a Line) -> Self {
        let institution = tables.institution(&bill.institution, bill.time);
        let fields = &line.fields;
        let (own, total) = (fields.cents("fulamt_ownpay_amt"), fields.cents("det_item_fee_sumamt"));
        let by_amounts = either(fields.cents("inscp_scp_amt").map(|amount| amount == 0), own.zip(total).map(|(own, total)| own == total));
        Self {
            tables,
            bill,
            line,
            code: line.item.code.as_deref(),
            institution,
            level: bill.fields.text("hosp_lv").or_else(|| institution.map(|row| row["level"].clone())),
            self_paid: if fields.is("hosp_appr_flag", "2") { Some(true) } else { by_amounts },
            account_only: account_only(bill),
        }
    }

    fn clues(&self) -> Vec<Clue> {
        let found = [
            self.sex(true),
            self.sex(false),
            self.child_drug(),
            self.service_age(),
            self.setting(),
            self.level(),
            self.insurance(),
            self.amount(),
            self.ceiling(),
            self.guide_price(),
            self.delivery(),
            self.exam(),
            self.retail(),
        ];
        found.into_iter().flatten().filter(|clue| has_basis(&clue.rule, self.line.time, &self.bill.area)).collect()
    }

    fn clue(&self, rule: &str, clear: bool, offending: Option<i128>) -> Clue {
        let evidence = vec![("settlement".to_owned(), self.bill.id.clone(), self.line.number.clone())];
        let (paid, scope) = (self.bill.fields.cents("fund_pay_sumamt"), self.bill.fields.cents("inscp_scp_amt"));
        let of_item = self.bill.lines.len() == 1 || self.line.fields.cents("inscp_scp_amt").is_some();
        Clue::new(rule, clear, evidence, Money::of(offending, paid, scope, self.bill.by_item, of_item))
    }

    /// The rest of the line, whatever it is limited to.
    fn whole(&self, rule: &str, clear: bool) -> Clue {
        self.clue(rule, clear, self.line.net.amount)
    }

    fn point(&self, kind: &str) -> Option<&Row> {
        self.tables.point(kind, self.code, self.line.time).flatten()
    }

    /// By the kind of line, else by its code.
    fn kind(&self, kinds: &[&str], of_code: fn(&str) -> bool) -> Told {
        self.line.fields.is_any("list_type", kinds).or_else(|| self.code.map(of_code))
    }

    fn is_service(&self) -> Told {
        self.kind(&["201"], |code| !code.starts_with(['X', 'Z', 'C']))
    }

    fn names(&self, parts: &[&str]) -> Told {
        self.line.fields.holds_any("medins_list_name", parts)
    }

    fn newborn(&self) -> Told {
        Some(self.bill.fields.is("nwb_flag", "1") || self.names(&["新生儿"]) == Some(true))
    }

    /// When it was done; where that is not told, as stated on the bill.
    fn age(&self) -> Option<f64> {
        self.line.told.map_or_else(|| self.bill.fields.number("age"), |time| self.bill.fields.age(time))
    }

    fn is_setting(&self, settings: &[&str]) -> Told {
        self.bill.setting.map(|setting| settings.contains(&setting))
    }

    fn sex(&self, drug: bool) -> Option<Clue> {
        let point = self.point("sex")?;
        let sex = self.bill.fields.text("gend").filter(|sex| sex == "1" || sex == "2");
        let is_drug = || self.kind(&["101", "102", "103", "104"], |code| code.starts_with(['X', 'Z']));
        let holds = all(&[if drug { is_drug() } else { self.is_service() }, sex.as_ref().map(|sex| *sex != point["value"])]);
        // Sildenafil and tadalafil treat women too, of the lungs' vessels.
        let substance = self.tables.substance(self.code, self.line.time).unwrap_or_default();
        let dilates = ["西地那非", "他达拉非", "XG04BEX006", "XG04BET001"].contains(&substance);
        let lungs = all(&[Some(drug && dilates), sex.map(|sex| sex == "2"), has_icd(&self.bill.diagnoses, &["I27"])]);
        fires(holds, &[self.self_paid, self.account_only, self.newborn(), lungs])
            .then(|| self.whole(if drug { "drug-sex" } else { "service-sex" }, true))
    }

    fn child_drug(&self) -> Option<Clue> {
        self.point("child")?;
        let holds = self.age().map(|age| age >= 18.0);
        fires(holds, &[self.self_paid, self.account_only, self.newborn()]).then(|| self.whole("drug-age", false).saying(self.age(), 18.0))
    }

    /// 新生儿 to 28 days after birth, 婴幼儿 under three, 儿童 under eighteen.
    fn service_age(&self) -> Option<Clue> {
        let point = self.point("service_age")?;
        let newborns = point["value"] == "newborn";
        let days = self.bill.fields.born().zip(self.line.told).map(|(born, time)| {
            let birth = born.and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp();
            (time.div_euclid(DAY) - birth.div_euclid(DAY)) as f64
        });
        let (observed, limit) = match point["value"].as_str() {
            "newborn" => (days, 28.0),
            "infant" => (self.age(), 3.0),
            _ => (self.age(), 18.0),
        };
        let holds = if newborns {
            // A stated age below one says nothing of days.
            days.map(|days| days > limit).or_else(|| self.age().filter(|age| *age >= 1.0).map(|_| true))
        } else {
            observed.map(|age| age >= limit)
        };
        let woman = self.bill.fields.text("gend").map(|sex| sex == "2");
        let mother = all(&[Some(newborns), woman, self.age().map(|age| (12.0..=55.0).contains(&age))]);
        let newborn_bill = Some(self.bill.fields.is("nwb_flag", "1"));
        fires(holds, &[self.self_paid, self.account_only, newborn_bill, mother])
            .then(|| self.whole("service-age", false).saying(observed, limit))
    }

    fn setting(&self) -> Option<Clue> {
        self.point("inpatient")?;
        let holds = not(self.is_setting(&["inpatient", "birth stay"]));
        let emergency = either(self.is_setting(&["emergency"]), Some(self.line.fields.is("er_flag", "1")));
        let excuses = [
            self.self_paid,
            self.account_only,
            self.is_setting(&["day surgery"]),
            self.is_setting(&["home bed"]),
            Some(self.line.fields.is("dscg_tkdrug_flag", "1")),
            all(&[self.code.map(|code| code.starts_with(EMERGENCY_TOO)), emergency]),
        ];
        fires(holds, &excuses).then(|| self.whole("drug-setting", false))
    }

    /// The prescriber's level counts. A bill does not name the prescriber of
    /// what was bought elsewhere.
    fn level(&self) -> Option<Clue> {
        let point = self.point("level")?;
        let needed: i32 = point["value"].parse().unwrap();
        let pharmacy = self.bill.setting == Some("pharmacy") || self.institution.is_some_and(|row| row["kind"] == "pharmacy");
        let elsewhere = pharmacy || self.line.fields.is("rx_circ_flag", "1");
        let own = self.level.as_deref().and_then(band).filter(|_| !elsewhere);
        let code = self.code?;
        let eye_hospital = all(&[
            Some(needed == 3 && code.starts_with("XS01L")),
            own.map(|own| own == 2),
            self.bill.fields.holds_any("fixmedins_name", &["眼"]),
        ]);
        let first_alone = Some(FIRST_ALONE.iter().any(|start| code.starts_with(start)));
        fires(own.map(|own| own < needed), &[self.self_paid, self.account_only, first_alone, eye_hospital])
            .then(|| self.whole("drug-level", false))
    }

    /// Birth care is paid inside the basic insurance: the category of care tells it.
    fn insurance(&self) -> Option<Clue> {
        let point = self.point("insurance")?;
        let holds = if point["value"] == "work_injury" {
            self.bill.fields.is_any("insutype", &["310", "380", "390", "391"])
        } else {
            let birth = self.bill.fields.text("med_type").map(|kind| kind.starts_with("51") || kind.starts_with("52"));
            let marked = Some(self.line.fields.is("matn_fee_flag", "1"));
            all(&[not(self.bill.fields.is_any("insutype", &["510"])), not(birth), not(marked)])
        };
        // What an area adds, nobody knows without the area.
        let area = self.bill.fields.text("fix_blng_admdvs");
        let local = area.map(|area| area.starts_with(LOCAL_ADDITION.0) && self.code.is_some_and(|code| code.starts_with(LOCAL_ADDITION.1)));
        fires(holds, &[self.self_paid, self.account_only, local]).then(|| self.whole("drug-insurance", false))
    }

    fn amount(&self) -> Option<Clue> {
        let (fields, net) = (&self.line.fields, &self.line.net);
        let (count, price) = (fields.number("cnt").filter(|count| *count > 0.0)?, fields.number("pric")?);
        let (left, amount) = (net.count? as f64 / 1e4, net.amount? as f64 / 1e2);
        let expected = left * price - fields.number("medins_disc_amt").unwrap_or_default() * left / count;
        let excess = amount - expected;
        let holds = excess > 1.0 + 1e-9 && excess > expected.abs() * 0.005 + 1e-9;
        // Herbs are billed by doses of many.
        let herbs = either(fields.is_any("list_type", &["102"]), fields.is_any("med_chrgitm_type", &["10"]));
        fires(Some(holds), &[herbs]).then(|| self.clue("amount-mismatch", false, Some(scaled(excess + 1e-9, 2))).saying(amount, expected))
    }

    /// What is above a ceiling is the person's to pay, and is billed as such.
    fn ceiling(&self) -> Option<Clue> {
        let place = Place { area: &self.bill.area, level: self.level.as_deref(), nature: None };
        let listed = self.tables.ceiling(self.code, &place, self.line.time);
        let ceiling = listed.or_else(|| self.line.fields.number("pric_uplmt_amt").map(|limit| scaled(limit, 6)))?;
        let (price, left) = (self.line.fields.number("pric")?, i128::from(self.line.net.count?));
        // All in units of 10^-10 yuan.
        let excess = (scaled(price, 6) - ceiling) * left;
        let split = self.line.net.above? * 100_000_000;
        let sensible = ceiling > 0 && ceiling < 999_999 * 1_000_000;
        let holds = sensible && excess > 0 && split + 500_000_000 < excess && split * 1000 < excess * 995;
        let within = self.line.net.amount.is_some_and(|total| total * 100_000_000 <= ceiling * left);
        let discounted = self.line.fields.cents("medins_disc_amt").is_some_and(|discount| discount > 0) && within;
        let cents = (excess - split + 50_000_000).div_euclid(100_000_000);
        fires(Some(holds), &[self.self_paid, self.account_only, Some(discounted)])
            .then(|| self.clue("pay-ceiling", true, Some(cents)).saying(price, ceiling as f64 / 1e6))
    }

    /// Whoever pays: public and non-profit bodies charge services by it.
    fn guide_price(&self) -> Option<Clue> {
        let nature = self.institution?["nature"].as_str();
        let place = Place { area: &self.bill.area, level: self.level.as_deref(), nature: Some(nature) };
        let guide = self.tables.guide_price(self.code, &place, self.line.time)?;
        let price = scaled(self.line.fields.number("pric")?, 6);
        let surcharge = self.code?.get(11..13) == Some("00") && self.code?.get(13..15) != Some("00");
        let bound = nature == "public" || nature == "nonprofit";
        let holds = all(&[self.is_service(), Some(bound && !surcharge && price > guide)]);
        let wished = either(self.names(&["特需"]), Some(self.line.fields.holds_any("bilg_dept_name", &["特需"]) == Some(true)));
        let excess = self.line.net.count.map(|left| ((price - guide) * i128::from(left) + 50_000_000).div_euclid(100_000_000));
        fires(holds, &[self.names(&["加收"]), wished])
            .then(|| self.clue("guide-price", false, excess).saying(price as f64 / 1e6, guide as f64 / 1e6))
    }

    fn delivery(&self) -> Option<Clue> {
        let fields = &self.line.fields;
        let listed = self.tables.has_point("delivery_fee", self.code, self.line.time);
        let (own, total) = (fields.cents("fulamt_ownpay_amt"), fields.cents("det_item_fee_sumamt"));
        let by_split = || own.zip(total).map(|(own, total)| own < total);
        let covered = fields.cents("inscp_scp_amt").map(|amount| amount > 0).or_else(by_split);
        // Bringing medicine into a drip or decocting herbs is no delivery.
        let dispensary = all(&[Some(listed != Some(true)), self.names(&["静配", "静脉", "调配", "代煎"])]);
        let holds = all(&[either(listed, self.names(&["配送费", "快递费"])), covered]);
        fires(holds, &[self.self_paid, self.account_only, dispensary])
            .then(|| self.clue("delivery-fee", listed == Some(true), self.line.net.scope.or(self.line.net.amount)))
    }

    /// Done by the day on which the online visit ended, and not elsewhere.
    fn exam(&self) -> Option<Clue> {
        let bill = &self.bill.fields;
        let last_day = bill.time("endtime").or_else(|| bill.time("begntime")).unwrap_or(self.bill.event_time);
        let group = self.line.fields.text("med_chrgitm_type")?;
        let exam = ["03", "04", "06"].iter().any(|start| group.starts_with(start));
        let then = self.line.told.map(|time| time.div_euclid(DAY) <= last_day.div_euclid(DAY));
        let holds = all(&[self.bill.online, Some(exam), then]);
        fires(holds, &[Some(self.line.fields.is("etip_flag", "1"))]).then(|| self.whole("online-needs-exam", false))
    }

    fn retail(&self) -> Option<Clue> {
        let class = self.tables.class(&self.line.item, self.line.time);
        let minor = all(&[Some(class == "PSY2"), self.age().map(|age| age < 18.0)]);
        let holds = all(&[Some(self.institution?["kind"] == "pharmacy"), any(&[Some(class == "NARC" || class == "PSY1"), minor])]);
        fires(holds, &[]).then(|| self.whole("retail-special", true))
    }
}
