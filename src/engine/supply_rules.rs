//! Judges the supplies of persons and substances whose facts changed: rules
//! over their rows, and overlaps among them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use arrow::array::Array as _;
use arrow::array::BooleanArray;
use arrow::array::UInt32Array;

use crate::base::decimal::Decimal;
use crate::base::ids::ClueId;
use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::clues::build::Found;
use crate::clues::build::clue_id;
use crate::clues::finding::Amounts;
use crate::clues::finding::Evidence;
use crate::clues::finding::Scalar;
use crate::clues::finding::Subject;
use crate::clues::finding::Tested;
use crate::clues::finding::scene;
use crate::clues::money::Money;
use crate::clues::money::Split;
use crate::clues::money::apportion;
use crate::clues::money::paid_by_item;
use crate::engine::Engine;
use crate::engine::affected::Affected;
use crate::engine::affected::Compared;
use crate::engine::affected::Kind;
use crate::engine::affected::SupplyRules;
use crate::engine::effects::RuleTally;
use crate::engine::facts::is_stay;
use crate::engine::history::FoundClues;
use crate::engine::history::least;
use crate::engine::history::setting;
use crate::engine::meter::Laps;
use crate::engine::remember::Changed;
use crate::engine::rows;
use crate::engine::rows::Concern;
use crate::engine::rows::RowHit;
use crate::engine::rows::Rows;
use crate::engine::shard::Shard;
use crate::engine::supply_rows::SupplyRow;
use crate::engine::tell::Teller;
use crate::engine::tell::has_basis;
use crate::engine::tell::tested;
use crate::evaluators::overlap::Among;
use crate::evaluators::overlap::OverlapLimits;
use crate::evaluators::overlap::overlaps;
use crate::evaluators::supply::Anchor;
use crate::evaluators::supply::Number;
use crate::evaluators::supply::Supply;
use crate::io::log::Record;
use crate::ruleset::compile::SUPPLY_TABLE;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::OverlappingSupplyDoc;
use crate::ruleset::words::Institutions;
use crate::state::clues::ClueScope;
use crate::state::events::EventIdx;
use crate::state::supplies::Half;
use crate::state::supplies::SupplyKey;

/// The supplies of one person and substance, for one rule.
struct OverlapView<'a> {
    place: usize,
    doc: &'a OverlappingSupplyDoc,
    rows: &'a [SupplyRow<'a>],
    /// Place of the first row in `excused`, where there are several.
    start: usize,
    excused: &'a BooleanArray,
}

impl Shard {
    /// Rules on supply, for every person and substance whose facts changed.
    pub(super) fn judge_supplies(
        &mut self,
        engine: &Engine,
        changed: &Changed,
        teller: &Teller<'_>,
        laps: &mut Laps,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> Vec<Record> {
        let overlap_rules: Vec<usize> = (0..engine.rules.rules.len())
            .filter(|place| matches!(engine.rules.rules[*place].doc.evaluate, EvaluateDoc::OverlappingSupply(_)))
            .collect();
        let row_rules = engine.rules.tables[SUPPLY_TABLE].as_ref().map(|table| table.rules.clone()).unwrap_or_default();
        if changed.supplies.is_empty() || (overlap_rules.is_empty() && row_rules.is_empty()) {
            return Vec::new();
        }
        let rules = supply_rules(engine, &row_rules, &overlap_rules);
        let needs = self.needs(engine, changed, rules, tallies);
        let affected = self.affected(&needs, changed, rules);
        if let Some(table) = &engine.rules.tables[SUPPLY_TABLE] {
            laps.shared(&engine.rules, &table.mask_shares, tallies);
        }
        let mut found = self.found_supplies(&affected, &overlap_rules, teller, laps, tallies);
        let asked = self.asked(engine, changed, &affected, rules);
        // What was told about these facts is compared even where nothing is found any more.
        for scope in asked.keys() {
            found.entry(*scope).or_default();
        }
        let mut records = Vec::new();
        let mut found = found.into_iter().peekable();
        while let Some((scope, clues)) = found.next() {
            let Some(place) = self.rule_numbers.place(scope.rule) else { continue };
            records.extend(self.tell(engine, scope, clues, asked.get(&scope).and_then(Option::as_ref), teller, tallies));
            // Scopes come by rule.
            if found.peek().is_none_or(|(next, _)| next.rule != scope.rule) {
                laps.of_rule(&engine.rules, place, tallies);
            }
        }
        records
    }

    /// Where something was told before: the clues that what is found now has a
    /// word about, `None` for all of the scope. Other clues stand.
    fn asked(
        &self,
        engine: &Engine,
        changed: &Changed,
        affected: &Affected<'_>,
        rules: SupplyRules<'_>,
    ) -> BTreeMap<ClueScope, Option<BTreeSet<ClueId>>> {
        let mut asked = BTreeMap::new();
        let mut rows = affected.rows.chunk_by(|one, other| one.key == other.key).peekable();
        for key in &changed.supplies {
            let of_key = rows.next_if(|of_key| of_key[0].key == *key).unwrap_or_default();
            for place in rules.all() {
                let scope = self.supply_scope(place, key);
                if self.clues.told(scope).is_empty() {
                    continue;
                }
                let some = rules.by_row.contains(&place) && !affected.whole.contains(key);
                let anchors = || {
                    let there = of_key.iter().filter(|row| row.asked).map(|row| &row.supply.anchor);
                    there.chain(affected.gone.get(key).into_iter().flatten())
                };
                let id = |anchor| clue_id(&engine.rules.rules[place].doc.id, &supply_anchor(self, key, anchor));
                asked.insert(scope, some.then(|| anchors().map(id).collect()));
            }
        }
        asked
    }

    /// What rules on supply find.
    fn found_supplies(
        &self,
        affected: &Affected<'_>,
        overlap_rules: &[usize],
        teller: &Teller<'_>,
        laps: &mut Laps,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> BTreeMap<ClueScope, FoundClues> {
        let (engine, rows) = (teller.engine, &affected.rows);
        let mut found: BTreeMap<ClueScope, FoundClues> = BTreeMap::new();
        let hits = self.supply_hits(engine, rows, laps, tallies);
        for of_rule in hits.chunk_by(|one, other| one.rule == other.rule) {
            let place = of_rule[0].rule;
            for hit in of_rule {
                let row = &rows[hit.header];
                let sources = row.supply.halves.iter().map(|half| self.source(half.event, teller)).collect();
                let (id, finding) = teller.finding(&engine.rules.rules[place], self.supply_found(engine, row, hit));
                found.entry(self.supply_scope(place, &row.key)).or_default().insert(id, (finding, sources));
            }
            laps.of_rule(&engine.rules, place, tallies);
        }
        let by_key: Vec<&[SupplyRow<'_>]> = rows.chunk_by(|one, other| one.key == other.key).collect();
        for place in overlap_rules {
            let EvaluateDoc::OverlappingSupply(doc) = &engine.rules.rules[*place].doc.evaluate else { continue };
            let is_compared = |key| affected.compared.get(key).is_some_and(|compared| compared.by(doc.institutions));
            let by_key: Vec<&[SupplyRow<'_>]> = by_key.iter().copied().filter(|of_key| is_compared(&of_key[0].key)).collect();
            // One supply overlaps nothing.
            let compared: Vec<&SupplyRow<'_>> = by_key.iter().filter(|of_key| of_key.len() > 1).flat_map(|of_key| *of_key).collect();
            let excused = self.excused(engine, *place, &compared);
            let mut start = 0;
            for of_key in &by_key {
                let view = OverlapView { place: *place, doc, rows: of_key, start, excused: &excused };
                start += if of_key.len() > 1 { of_key.len() } else { 0 };
                let clues = self.overlap_clues(engine, &view, teller, tallies);
                if !clues.is_empty() {
                    found.entry(self.supply_scope(*place, &of_key[0].key)).or_default().extend(clues);
                }
            }
            laps.of_rule(&engine.rules, *place, tallies);
        }
        found
    }

    /// Every row by the rules that its kind of item can concern, rule by rule over
    /// all kinds; hits come in the order of rules, then rows.
    fn supply_hits(
        &self,
        engine: &Engine,
        rows: &[SupplyRow<'_>],
        laps: &mut Laps,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> Vec<RowHit> {
        let Some(table) = engine.rules.tables[SUPPLY_TABLE].as_ref() else { return Vec::new() };
        let clues_from = engine.settings.clues_from;
        let judged =
            |row: &SupplyRow<'_>| row.asked && clues_from.is_none_or(|from| self.memory.events.row(row.supply.visit).event_time >= from.0);
        let places: Vec<usize> = (0..rows.len()).filter(|place| judged(&rows[*place])).collect();
        let own: Vec<&SupplyRow<'_>> = places.iter().map(|place| &rows[*place]).collect();
        let kinds: Vec<Option<Kind>> = own.iter().map(|row| self.concerns.of(row)).collect();
        let of_rule = |rule: usize| {
            let may = |kind: &Option<Kind>| kind.is_none_or(|kind| self.concerns.rules(kind).contains(&rule));
            let rows = kinds.iter().enumerate().filter(|(_, kind)| may(kind)).map(|(row, _)| u32::try_from(row).unwrap_or(u32::MAX));
            Concern { rule, rows: Some(UInt32Array::from_iter_values(rows)) }
        };
        let by: Vec<Concern> = table
            .rules
            .iter()
            .map(|rule| of_rule(*rule))
            .filter(|concern| concern.rows.as_ref().is_some_and(|rows| !rows.is_empty()))
            .collect();
        let found = self.with_rows(engine, &own, |view| rows::judge(&engine.rules, table, &by, view, laps, tallies));
        let mut hits: Vec<RowHit> = found.into_iter().map(|hit| RowHit { header: places[hit.header], ..hit }).collect();
        hits.sort_by_key(|hit| (hit.rule, hit.header));
        hits
    }

    /// What supplies are as rows of a table.
    fn with_rows<T>(&self, engine: &Engine, rows: &[&SupplyRow<'_>], then: impl FnOnce(&Rows<'_>) -> T) -> T {
        let in_force = |rule: usize, header: usize, _: Option<usize>| {
            let row = rows[header];
            let area = self.memory.symbols.text(self.memory.events.row(row.supply.visit).area);
            has_basis(&engine.rules.rules[rule].doc, row.supply.time.div_euclid(SECONDS_PER_DAY), area)
        };
        let picked = |name: &str, at: &UInt32Array| {
            let own: Vec<&SupplyRow<'_>> = at.values().iter().map(|row| rows[*row as usize]).collect();
            self.memory.supply_column(name, &own, &engine.references)
        };
        let parents = UInt32Array::from(Vec::<u32>::new());
        then(&Rows {
            header_rows: rows.len(),
            parents: &parents,
            column: &|name| self.memory.supply_column(name, rows, &engine.references),
            picked: &picked,
            judged: &|_| true,
            enters: &|row| rows[row].fresh,
            in_force: &in_force,
        })
    }

    /// Whether the rule's gates and exemptions excuse each of the supplies.
    fn excused(&self, engine: &Engine, place: usize, rows: &[&SupplyRow<'_>]) -> BooleanArray {
        let rule = engine.rules.rules[place].row.as_ref();
        match rule.zip(engine.rules.tables[SUPPLY_TABLE].as_ref()) {
            Some((rule, table)) if !rows.is_empty() => self.with_rows(engine, rows, |view| rows::excused(rule, table, view)),
            _ => BooleanArray::new_null(rows.len()),
        }
    }

    fn supply_found(&self, engine: &Engine, row: &SupplyRow<'_>, hit: &RowHit) -> Found {
        let visit = self.memory.events.row(row.supply.visit);
        let rule = &engine.rules.rules[hit.rule];
        let money = self.supply_money(&row.supply, hit.money);
        let mut subject = self.subject(row.supply.visit, row.key.person);
        subject.fixmedins_code = row.supply.anchor.institution.map(str::to_owned);
        Found {
            clear: hit.clear,
            anchor: supply_anchor(self, &row.key, &row.supply.anchor),
            party: None,
            hi_paymtd: self.hi_paymtd(&row.supply),
            scene: scene(visit.online, self.memory.symbols.text(visit.setting), &subject),
            subject,
            event_time: Civil(visit.event_time),
            fact_time: Civil(row.supply.time),
            values: hit.values.clone(),
            observed: hit.observed.clone(),
            limit: hit.limit.clone(),
            tested: tested(rule, &hit.excuses),
            evidence: self.supply_evidence(&row.supply, 1, money.vola_amt),
            money,
        }
    }

    /// By the bills where there are any: what the funds paid of all of them
    /// over what lay within their scope, and so estimated.
    fn supply_money(&self, supply: &Supply<'_>, amount: Option<Decimal>) -> Money {
        let bills: BTreeSet<EventIdx> = supply.halves.iter().filter(|half| !half.prescribed).map(|half| half.event).collect();
        if bills.is_empty() {
            return Money::unbilled(amount);
        }
        let rows = || bills.iter().map(|bill| self.memory.events.row(*bill));
        let sym = |sym| self.memory.symbols.text(sym);
        let by_item = rows().all(|row| paid_by_item(sym(row.hi_paymtd), sym(row.setting)));
        let (fund_pay, within_scope) = (rows().map(|row| row.fund_pay.get()).sum(), rows().map(|row| row.within_scope.get()).sum());
        Money::of(amount, fund_pay, within_scope, Split::of(by_item, false))
    }

    fn hi_paymtd(&self, supply: &Supply<'_>) -> Option<String> {
        supply.halves.iter().find_map(|half| self.memory.symbols.text(self.memory.events.row(half.event).hi_paymtd)).map(str::to_owned)
    }

    /// The clue's amount lies on the lines of bills; on those of the
    /// prescription only where nothing was billed.
    fn supply_evidence(&self, supply: &Supply<'_>, vola_item_type: u8, vola_amt: Option<Decimal>) -> Vec<Evidence> {
        let billed = supply.halves.iter().any(|half| !half.prescribed);
        let carries = |half: &Half<'_>| half.prescribed != billed;
        let weights: Vec<i128> =
            supply.halves.iter().filter(|half| carries(half)).map(|half| i128::from(half.amount.unwrap_or_default())).collect();
        let mut parts = vola_amt.map(|amount| apportion(amount, &weights)).unwrap_or_default().into_iter();
        let sym = |sym| self.memory.symbols.text(sym).map(str::to_owned);
        let number = |units: Option<i64>, scale: u8| units.map(|units| Decimal::new(i128::from(units), scale));
        supply
            .halves
            .iter()
            .map(|half| Evidence {
                time: Civil(half.time).to_string(),
                line: Some(self.memory.texts.get(half.line).to_owned()),
                rx_no: Some(self.memory.texts.get(half.rx_no).to_owned()).filter(|number| !number.is_empty()),
                code: sym(half.profile.code),
                name: sym(half.profile.name),
                spec: sym(half.profile.spec),
                vola_item_type,
                amounts: Amounts {
                    cnt: number(half.quantity, 4),
                    pric: number(half.profile.price, 6),
                    amount: number(half.amount, 2),
                    vola_amt: if carries(half) { parts.next() } else { None },
                },
                ..self.event_evidence(half.event)
            })
            .collect()
    }

    fn overlap_clues(
        &self,
        engine: &Engine,
        view: &OverlapView<'_>,
        teller: &Teller<'_>,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> FoundClues {
        let (doc, rows) = (view.doc, view.rows);
        let rule = &engine.rules.rules[view.place];
        let tally = tallies.entry(rule.doc.id.clone()).or_default();
        let supplies: Vec<&Supply<'_>> = rows.iter().map(|row| &row.supply).collect();
        let event_time = |idx: usize| {
            let times = supplies[idx].halves.iter().map(|half| self.memory.events.row(half.event).event_time);
            times.max().unwrap_or_default()
        };
        let Some(last) = supplies.iter().rposition(|supply| supply.dispensed) else { return FoundClues::new() };
        if engine.settings.clues_from.is_some_and(|from| event_time(last) < from.0) {
            return FoundClues::new();
        }
        let area = |idx: usize| self.memory.symbols.text(self.memory.events.row(supplies[idx].visit).area);
        let limits = |idx: usize| {
            let own = |number| setting(&rule.doc, number, area(idx), supplies[idx].time.div_euclid(SECONDS_PER_DAY));
            OverlapLimits {
                remaining_days: own(&doc.remaining_days),
                remaining_share: own(&doc.remaining_share),
                surplus_days: own(&doc.surplus_days),
            }
        };
        let among = match doc.institutions {
            Institutions::Several => Among::Several { least: doc.different_institutions() as usize },
            Institutions::One => Among::One,
        };
        let form = |supply: &Supply<'_>| {
            let row = rows.iter().find(|row| row.supply.anchor == supply.anchor);
            row.and_then(|row| row.facts.form_group)
        };
        let code_name =
            |supply: &Supply<'_>| supply.halves.first().and_then(|half| self.memory.symbols.text(half.profile.name)).map(str::to_owned);
        let excused = |later: &Supply<'_>| {
            let at = rows.iter().position(|row| row.supply.anchor == later.anchor).unwrap_or_default();
            let at = view.start + at;
            view.excused.is_valid(at).then(|| view.excused.value(at))
        };
        let one_issue = |earlier: &Supply<'_>, later: &Supply<'_>| match doc.institutions {
            Institutions::One => self.one_issue(earlier, later),
            Institutions::Several => {
                let same = earlier.anchor.institution.is_some() && earlier.anchor.institution == later.anchor.institution;
                Some(same && self.one_issue(earlier, later) == Some(true))
            }
        };
        let related = |earlier: &Supply<'_>, later: &Supply<'_>| {
            let excuses = [
                excused(later),
                earlier.anchor.institution.zip(later.anchor.institution).map(|(earlier, later)| match doc.institutions {
                    Institutions::Several => earlier == later,
                    Institutions::One => earlier != later,
                }),
                one_issue(earlier, later),
                form(earlier).zip(form(later)).map(|(earlier, later)| earlier != later),
                Some(earlier.discharge || later.discharge),
                // What was used on a ward is not at home.
                self.setting_of(earlier).map(is_stay),
                raised(earlier, later),
                // Basal and bolus insulin share a substance, not a name.
                Some(code_name(earlier).is_some_and(|name| name.contains("胰岛素")) && code_name(earlier) != code_name(later)),
            ];
            if excuses.contains(&Some(true)) { Some(false) } else { (!excuses.contains(&None)).then_some(true) }
        };
        let result = overlaps(&supplies, among, &limits, &related, &one_issue);
        let enters = |idx: &&usize| rows[**idx].fresh;
        tally.count_unknown("excuse_not_decidable", result.undecided.iter().filter(enters).count() as u64);
        tally.count_unknown("days_not_computable", result.unknown.iter().filter(enters).count() as u64);
        let mut found = FoundClues::new();
        for chain in result.chains {
            let last = chain.members.iter().copied().max().unwrap_or(last);
            if engine.settings.clues_from.is_some_and(|from| event_time(last) < from.0) {
                continue;
            }
            let time = supplies[last].time;
            let grew = u64::from(chain.members.iter().any(|idx| rows[*idx].fresh));
            if !has_basis(&rule.doc, time.div_euclid(SECONDS_PER_DAY), area(last)) {
                tally.count_unknown("no_basis_in_force", grew);
                continue;
            }
            tally.hits += grew;
            let members: Vec<&SupplyRow<'_>> = chain.members.iter().map(|idx| &rows[*idx]).collect();
            let carried = self.carried(engine, view.place, members[members.len() - 1]);
            let sources = members.iter().flat_map(|row| &row.supply.halves).map(|half| self.source(half.event, teller)).collect();
            let (id, finding) = teller.finding(rule, self.overlap_found(&members, chain.surplus, &limits(last), event_time(last), carried));
            found.insert(id, (finding, sources));
        }
        found
    }

    /// Whether two supplies of one institution may be parts of one: of one
    /// visit or day, or instalments of one prescription. Orders of several
    /// visits may have one number by chance.
    fn one_issue(&self, earlier: &Supply<'_>, later: &Supply<'_>) -> Option<bool> {
        if earlier.time.div_euclid(SECONDS_PER_DAY) == later.time.div_euclid(SECONDS_PER_DAY) {
            return Some(true);
        }
        let (one, other) = (self.visits_of(earlier), self.visits_of(later));
        if one.is_empty() || other.is_empty() {
            return None;
        }
        if !one.is_disjoint(&other) {
            return Some(true);
        }
        (earlier.anchor.number != later.anchor.number || matches!(earlier.anchor.number, Number::Line(_))).then_some(false)
    }

    /// As its first event tells it.
    fn setting_of(&self, supply: &Supply<'_>) -> Option<&str> {
        let halves = supply.halves.iter().map(|half| half.event);
        std::iter::once(supply.visit).chain(halves).find_map(|event| self.memory.symbols.text(self.memory.events.row(event).setting))
    }

    /// The visits at the supply's own institution that its lines tell.
    fn visits_of(&self, supply: &Supply<'_>) -> BTreeSet<&str> {
        let events = supply.halves.iter().map(|half| self.memory.events.row(half.event));
        let own = events.filter(|event| self.memory.symbols.text(event.institution) == supply.anchor.institution);
        own.map(|event| self.memory.texts.get(event.mdtrt_id)).filter(|visit| !visit.is_empty()).collect()
    }

    fn overlap_found(&self, members: &[&SupplyRow<'_>], surplus: i64, limits: &OverlapLimits, event_time: i64, carried: RowHit) -> Found {
        let last = members[members.len() - 1];
        let days = |units: i64| Scalar::Number(Decimal::new(i128::from(units), 4).trim_to(1));
        let mut anchor = vec![
            self.persons.key(last.key.person).to_string(),
            self.memory.symbols.text(last.key.substance).unwrap_or_default().to_owned(),
        ];
        anchor.extend(supply_anchor(self, &members[0].key, &members[0].supply.anchor));
        let money = self.supply_money(&last.supply, carried.money);
        // What is too much is what came last.
        let of_last = |row: &SupplyRow<'_>| money.vola_amt.filter(|_| std::ptr::eq(row, last));
        let offending = |row: &SupplyRow<'_>| if std::ptr::eq(row, last) { 1 } else { 2 };
        Found {
            clear: false,
            anchor,
            party: None,
            hi_paymtd: self.hi_paymtd(&last.supply),
            subject: Subject { department: None, doctor: None, doctor_role: None, ..self.subject(last.supply.visit, last.key.person) },
            scene: "购药",
            event_time: Civil(event_time),
            fact_time: Civil(last.supply.time),
            values: carried.values,
            observed: Some(days(surplus)),
            limit: Some(days(limits.surplus_days)),
            tested: Vec::<Tested>::new(),
            evidence: members.iter().flat_map(|row| self.supply_evidence(&row.supply, offending(row), of_last(row))).collect(),
            money,
        }
    }

    /// What a clue of the rule carries about one supply.
    fn carried(&self, engine: &Engine, place: usize, row: &SupplyRow<'_>) -> RowHit {
        let mut hits = [RowHit::new(place)];
        if let Some(table) = &engine.rules.tables[SUPPLY_TABLE] {
            self.with_rows(engine, &[row], |view| rows::carry(&engine.rules, table, view, &mut hits));
        }
        let [hit] = hits;
        hit
    }
}

fn supply_rules<'a>(engine: &Engine, by_row: &'a [usize], overlap: &'a [usize]) -> SupplyRules<'a> {
    let (mut compared, mut tolerance) = (Compared::default(), i64::MAX);
    for place in overlap {
        let rule = &engine.rules.rules[*place].doc;
        let EvaluateDoc::OverlappingSupply(doc) = &rule.evaluate else { continue };
        match doc.institutions {
            Institutions::Several => compared.several = true,
            Institutions::One => compared.one = true,
        }
        tolerance = tolerance.min(least(rule, &doc.remaining_days));
    }
    SupplyRules { by_row, overlap, compared, tolerance }
}

/// Whether the later supply is for a greater daily dose: by dose and frequency,
/// else, for one item, by quantity over days; `None` where neither is told.
fn raised(earlier: &Supply<'_>, later: &Supply<'_>) -> Option<bool> {
    if let Some((later, earlier)) = later.daily_dose.zip(earlier.daily_dose) {
        return Some(later > earlier);
    }
    let same_item =
        || later.halves.first().zip(earlier.halves.first()).is_some_and(|(later, earlier)| later.profile.is_same_item(earlier.profile));
    // Lines tell no unit. A price says whether both count packs, or both doses.
    let price = |supply: &Supply<'_>| supply.halves.iter().find_map(|half| half.profile.price).map(i128::from);
    price(later).zip(price(earlier)).filter(|(later, earlier)| later * 2 < earlier * 3 && earlier * 2 < later * 3)?;
    let rate = |supply: &Supply<'_>| Some((i128::from(supply.quantity?), i128::from(supply.days_declared.filter(|days| *days > 0)?)));
    let ((later_cnt, later_days), (earlier_cnt, earlier_days)) = rate(later).zip(rate(earlier)).filter(|_| same_item())?;
    Some(later_cnt * earlier_days > earlier_cnt * later_days)
}

/// The person stands in it because numbers of orders are often counted by
/// visit: two persons' supplies must never be words about one clue.
fn supply_anchor(shard: &Shard, key: &SupplyKey, anchor: &Anchor<'_>) -> Vec<String> {
    let substance = shard.memory.symbols.text(key.substance).unwrap_or_default();
    let institution = anchor.institution.unwrap_or_default().to_owned();
    vec![
        "supply".to_owned(),
        shard.persons.key(key.person).to_string(),
        institution,
        anchor.visit.to_owned(),
        anchor.number.key(),
        substance.to_owned(),
    ]
}
