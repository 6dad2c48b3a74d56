//! From rule documents to a compiled rule set: every expression of a table
//! becomes part of one program, so that what rules share is computed once.

mod groups;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::time::Civil;
use crate::codecs::Projection;
use crate::events::Column;
use crate::events::EVENT_TYPES;
use crate::events::EventType;
use crate::events::InputId;
use crate::events::PRESCRIPTION_INPUT;
use crate::events::SETTLEMENT_INPUT;
use crate::events::Tag;
use crate::events::derived;
use crate::events::supply::SUPPLY;
use crate::expr;
use crate::expr::Columns;
use crate::expr::OutputId;
use crate::expr::Params;
use crate::expr::Program;
use crate::expr::ProgramBuilder;
use crate::expr::Typed;
use crate::expr::Want;
use crate::ruleset::code_map::CodeMap;
use crate::ruleset::departments::Departments;
use crate::ruleset::doc::Bilingual;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::ParamValue;
use crate::ruleset::doc::QualityDoc;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::doc::Sql;
use crate::ruleset::words::Grain;
use crate::ruleset::words::Party;
use crate::ruleset::words::RuleEvent;
use crate::ruleset::words::Status;

pub use groups::CaseSum;
pub use groups::CaseValue;
pub use groups::LineValue;
pub use groups::RatioRule;

/// Tables that rules look at: the two event types and supply.
pub const TABLES: usize = 3;
/// Place of supply among the tables.
pub const SUPPLY_TABLE: usize = 2;

/// All rules that are evaluated, compiled.
pub struct RuleSet {
    pub digest: String,
    pub departments: Departments,
    pub code_map: CodeMap,
    /// Live and shadow rules, by id.
    pub rules: Vec<Rule>,
    /// By table; `None` where no rule looks at it.
    pub tables: Vec<Option<TablePrograms>>,
    /// What the decoder of each input keeps.
    pub projections: Vec<Projection>,
}

/// Rules, by their places in [`RuleSet::rules`], and which part of something
/// that they share is each one's.
pub type Shares = Vec<(usize, f64)>;

/// The programs of one table.
pub struct TablePrograms {
    /// Conditions, exemptions and grades, over all rows.
    pub masks: Program,
    /// What clues carry, over the rows that became one.
    pub details: Program,
    /// Anchors of history rules, over all rows; also evaluated where nothing is told.
    pub history: Program,
    /// What the conditions ask of the item alone: per rule, parts of its
    /// condition of which none may be false. Asked once per item, not per row.
    pub items: Program,
    pub item_conditions: Vec<Vec<OutputId>>,
    /// What ratio rules sum, over all rows; also evaluated where nothing is told.
    pub groups: Program,
    /// Rows of rules: their places in [`RuleSet::rules`].
    pub rules: Vec<usize>,
    /// Anchors of history rules: place in `rules`, anchor, and the
    /// institution's own word.
    pub anchors: Vec<AnchorOutputs>,
    /// Parts of `masks`, `details` and `history`.
    pub mask_shares: Shares,
    pub detail_shares: Shares,
    pub history_shares: Shares,
    pub group_shares: Shares,
}

#[derive(Clone, Copy, Debug)]
pub struct AnchorOutputs {
    pub rule: usize,
    pub anchor: OutputId,
    pub told_by: Option<OutputId>,
}

pub struct Rule {
    pub doc: RuleDoc,
    pub shadow: bool,
    /// `None` for rules on consultations and groups, which judge no rows.
    pub row: Option<RowRule>,
    pub ratio: Option<RatioRule>,
}

/// A rule whose rows are judged by themselves.
pub struct RowRule {
    pub table: usize,
    pub line_grain: bool,
    pub condition: OutputId,
    pub excuses: Vec<Excuse>,
    pub clear_when: Option<OutputId>,
    /// Rows that are counted under an id, and told to nobody.
    pub quality: Vec<(String, OutputId)>,
    pub details: Details,
}

impl RowRule {
    pub fn mask_outputs(&self) -> Vec<OutputId> {
        let excuses = self.excuses.iter().map(|excuse| excuse.output);
        let quality = self.quality.iter().map(|(_, output)| *output);
        std::iter::once(self.condition).chain(excuses).chain(self.clear_when).chain(quality).collect()
    }

    fn detail_outputs(&self) -> Vec<OutputId> {
        let Details { values, observed, limit, money } = &self.details;
        values.iter().map(|(_, output)| *output).chain(*observed).chain(*limit).chain(*money).collect()
    }
}

/// A gate or an exemption.
pub struct Excuse {
    pub id: String,
    pub title: Bilingual,
    pub output: OutputId,
    /// Whether it quiets the row; if not it is only told.
    pub quiet: bool,
    /// Whom the clue is about where it holds.
    pub party: Option<Party>,
}

/// Places in the details program.
pub struct Details {
    /// Qualified column and its value, for evidence and summary.
    pub values: Vec<(String, OutputId)>,
    pub observed: Option<OutputId>,
    pub limit: Option<OutputId>,
    pub money: Option<OutputId>,
}

/// The columns that expressions over a table may name.
pub fn columns_of(table: usize) -> Columns {
    let add = |columns: Columns, qualifier: &str, list: &[Column], grain: expr::Grain| {
        let usable = list.iter().filter(|column| !matches!(column.tag, Tag::Dropped | Tag::Pseudonym));
        usable.fold(columns, |columns, column| columns.with(qualifier, column.name, column.kind.arrow(), grain))
    };
    let columns = Columns::new();
    let Some(event) = EVENT_TYPES.get(table) else {
        return add(columns, "supply", SUPPLY.columns, expr::Grain::Header);
    };
    let columns = add(columns, "header", event.header.columns, expr::Grain::Header);
    let columns = add(columns, "header", derived::HEADER, expr::Grain::Header);
    let columns = add(columns, "line", event.lines().table.columns, expr::Grain::Line);
    let columns = derived::of_line(event).into_iter().fold(columns, |columns, list| add(columns, "line", list, expr::Grain::Line));
    let columns = add(columns, "ref", derived::REF_HEADER, expr::Grain::Header);
    add(columns, "ref", derived::REF_LINE, expr::Grain::Line)
}

fn table_of(event: RuleEvent) -> usize {
    match event {
        RuleEvent::Settlement => SETTLEMENT_INPUT,
        RuleEvent::Prescription => PRESCRIPTION_INPUT,
        RuleEvent::Supply => SUPPLY_TABLE,
    }
}

/// What a clue about a consultation can carry.
pub const CONSULTATION_COLUMNS: &[&str] = &[
    "header.fixmedins_code",
    "header.fixmedins_name",
    "header.prsc_time",
    "header.fstdiag_flag",
    "header.diag_codes",
    "header.dr_code",
    "header.insured_area",
    "header.area",
    "header.mdtrt_id",
    "header.hosp_rxno",
    "header.online",
    "ref.disease_groups",
];

/// Columns of a supply that its item, substance and day decide.
pub const ITEM_COLUMNS: &[&str] =
    &["supply.special_class", "supply.form_group", "supply.substance", "supply.med_list_codg", "supply.drug_name"];

/// What a running engine evaluates.
pub const EVALUATED: &[Status] = &[Status::Live, Status::Shadow];

/// Columns that clues and state need, whatever the rules say.
const SETTLEMENT_KEPT: &[(&str, &str)] = &[
    (
        "header",
        "setl_id medins_setl_id init_setl_id mdtrt_id psn_no refd_setl_flag vali_flag updt_time brdy insu_admdvs fixmedins_code fixmedins_name fix_blng_admdvs med_type biz_type_code fstdiag_flag setl_time begntime medfee_sumamt inscp_scp_amt fund_pay_sumamt hi_paymtd dise_codg hosp_lv manl_reim_rea chfpdr_code",
    ),
    (
        "feedetl",
        "feedetl_sn init_feedetl_sn rx_drord_no rx_circ_flag fee_ocur_time med_list_codg medins_list_name det_item_fee_sumamt cnt pric inscp_scp_amt list_type prd_days bilg_dept_codg bilg_dr_codg dscg_tkdrug_flag spec dosform_name",
    ),
    ("diseinfo", "diag_type diag_code"),
];
/// Header columns that groups need of settlements.
const GROUPS_KEPT: &str = "mid_setl_flag endtime ipt_days dscg_caty adm_caty chfpdr_code insutype age brdy hosp_lv";
const PRESCRIPTION_KEPT: &[(&str, &str)] = &[
    (
        "header",
        "hosp_rxno hi_rxno init_rxno vali_flag updt_time biz_type_code auth_no insu_plc_no mdtrtarea_no prsc_time long_rx_flag fixmedins_code fixmedins_name mdtrt_id med_type otp_ipt_flag psn_no brdy patn_age prsc_dept_code dr_code dise_codg sp_dise_flag maindiag_code fstdiag_flag",
    ),
    (
        "rxdrugdetail",
        "med_list_codg drug_genname drug_dosform drug_spec medc_days sin_dosunt sin_doscnt used_frqu_codg drug_cnt drug_dosunt drug_pric drug_sumamt",
    ),
    ("diseinfo", "diag_type diag_code"),
];

/// Compiles the rules of a book that have one of `statuses`. All mistakes of
/// all expressions are returned; the set is whole only if there are none.
pub fn compile(book: &RuleBook, statuses: &[Status]) -> (RuleSet, Vec<Diagnostic>) {
    let digest = crate::ruleset::digest::digest(book).short();
    let mut compiler = Compiler::new(book);
    for doc in book.rules.iter().filter(|doc| statuses.contains(&doc.status)) {
        compiler.rule(doc);
    }
    compiler.finish(digest)
}

/// Over what an expression is read.
struct Scope {
    table: usize,
    grain: expr::Grain,
    params: Params,
}

impl Scope {
    fn of(doc: &RuleDoc, table: usize) -> Self {
        let grain = if doc.grain == Grain::Line { expr::Grain::Line } else { expr::Grain::Header };
        Self { table, grain, params: params_of(doc, table) }
    }
}

struct Compiler<'a> {
    book: &'a RuleBook,
    columns: Vec<Columns>,
    masks: Vec<ProgramBuilder>,
    details: Vec<ProgramBuilder>,
    history: Vec<ProgramBuilder>,
    groups: Vec<ProgramBuilder>,
    items: Vec<ProgramBuilder>,
    item_conditions: Vec<Vec<Vec<OutputId>>>,
    named: Vec<BTreeSet<String>>,
    table_rules: Vec<Vec<usize>>,
    anchors: Vec<Vec<AnchorOutputs>>,
    rules: Vec<Rule>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Compiler<'a> {
    fn new(book: &'a RuleBook) -> Self {
        Self {
            book,
            columns: (0..TABLES).map(columns_of).collect(),
            masks: (0..TABLES).map(|table| ProgramBuilder::new(&columns_of(table))).collect(),
            details: (0..TABLES).map(|table| ProgramBuilder::new(&columns_of(table))).collect(),
            history: (0..TABLES).map(|table| ProgramBuilder::new(&columns_of(table))).collect(),
            groups: (0..TABLES).map(|table| ProgramBuilder::new(&columns_of(table))).collect(),
            items: (0..TABLES).map(|table| ProgramBuilder::new(&columns_of(table))).collect(),
            item_conditions: vec![Vec::new(); TABLES],
            named: vec![BTreeSet::new(); TABLES],
            table_rules: vec![Vec::new(); TABLES],
            anchors: vec![Vec::new(); TABLES],
            rules: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    fn rule(&mut self, doc: &RuleDoc) {
        let place = self.rules.len();
        let table = table_of(doc.event);
        if let EvaluateDoc::Ratio(ratio) = &doc.evaluate {
            if let Some(ratio) = self.ratio(doc, ratio) {
                self.rules.push(Rule { doc: doc.clone(), shadow: doc.status == Status::Shadow, row: None, ratio: Some(ratio) });
            }
            return;
        }
        let row = match &doc.evaluate {
            EvaluateDoc::Row { when } => self.row(doc, table, when),
            EvaluateDoc::EarlierContact(contact) => {
                self.anchor(place, doc, &contact.anchor, contact.told_by.as_ref());
                None
            }
            // Not judged by rows: its exemptions and what its clues carry are.
            EvaluateDoc::OverlappingSupply(_) => {
                let dispensed =
                    Sql { text: "supply.dispensed".to_owned(), span: doc.origin.at("evaluate"), source: Arc::clone(&doc.origin.source) };
                self.row(doc, table, &dispensed)
            }
            EvaluateDoc::Ratio(_) => None,
        };
        let by_rows = matches!(doc.evaluate, EvaluateDoc::Row { .. });
        let complete = row.is_some() || matches!(doc.evaluate, EvaluateDoc::EarlierContact(_));
        if complete {
            if by_rows {
                self.item_condition(doc, table);
                self.table_rules[table].push(place);
            }
            self.rules.push(Rule { doc: doc.clone(), shadow: doc.status == Status::Shadow, row, ratio: None });
        }
    }

    fn item_condition(&mut self, doc: &RuleDoc, table: usize) {
        let EvaluateDoc::Row { when } = &doc.evaluate else { return };
        let scope = Scope::of(doc, table);
        // What is only counted may be of any item.
        let by_item = table == SUPPLY_TABLE && doc.data_quality.is_empty();
        let typed = if by_item { self.parse(when, Want::Boolean, &scope, false) } else { None };
        let parts = typed.map(|typed| typed.conjuncts()).unwrap_or_default();
        let of_item = parts.into_iter().filter(|part| part.columns().iter().all(|column| ITEM_COLUMNS.contains(&column.as_str())));
        let outputs = of_item.map(|part| self.items[table].add(&part, scope.grain)).collect();
        self.item_conditions[table].push(outputs);
    }

    fn row(&mut self, doc: &RuleDoc, table: usize, when: &Sql) -> Option<RowRule> {
        let scope = Scope::of(doc, table);
        let condition = self.mask(when, Want::Boolean, &scope);
        let mut excuses = Vec::new();
        for id in &doc.gates {
            let Some(gate) = self.book.gate(id, doc.event, doc.grain) else { continue };
            if let Some(output) = self.mask(&gate.when, Want::Boolean, &scope) {
                excuses.push(Excuse { id: id.clone(), title: gate.title.clone(), output, quiet: gate.quiet, party: gate.party });
            }
        }
        for exempt in &doc.exempt {
            if let Some(output) = self.mask(&exempt.when, Want::Boolean, &scope) {
                excuses.push(Excuse { id: exempt.id.clone(), title: exempt.title.clone(), output, quiet: true, party: None });
            }
        }
        let clear_when = doc.clear_when.as_ref().and_then(|sql| self.mask(sql, Want::Boolean, &scope));
        let quality = |quality: &QualityDoc| Some((quality.id.clone(), self.mask(&quality.when, Want::Boolean, &scope)?));
        let quality = doc.data_quality.iter().filter_map(quality).collect();
        let details = self.details_of(doc, &scope);
        Some(RowRule { table, line_grain: doc.grain == Grain::Line, condition: condition?, excuses, clear_when, quality, details })
    }

    fn anchor(&mut self, place: usize, doc: &RuleDoc, anchor: &Sql, told_by: Option<&Sql>) {
        for sql in &doc.clue.evidence {
            self.consultation_column(sql, 0..sql.text.len(), &sql.text);
        }
        for template in [&doc.clue.summary.zh, &doc.clue.summary.en] {
            for (range, name) in template.placeholders().into_iter().flatten() {
                self.consultation_column(template, range, name);
            }
        }
        let own = table_of(doc.event);
        for table in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
            let scope = Scope { table, grain: expr::Grain::Header, params: params_of(doc, table) };
            let reports = table == own;
            let anchor = self.parse(anchor, Want::Boolean, &scope, reports).map(|typed| self.history[table].add(&typed, scope.grain));
            let told_by = told_by.and_then(|sql| self.parse(sql, Want::Boolean, &scope, reports));
            let told_by = told_by.map(|typed| self.history[table].add(&typed, scope.grain));
            if let Some(anchor) = anchor {
                self.anchors[table].push(AnchorOutputs { rule: place, anchor, told_by });
            }
        }
    }

    /// A clue about a consultation is told long after its batch is gone: it
    /// carries what state keeps.
    fn consultation_column(&mut self, sql: &Sql, range: std::ops::Range<usize>, name: &str) {
        if !CONSULTATION_COLUMNS.contains(&name) {
            let help = format!("A clue about earlier contact can carry: {}.", CONSULTATION_COLUMNS.join(", "));
            self.diagnostics.push(sql.diagnostic(range, format!("`{name}` is not kept for consultations")).help(help));
        }
    }

    fn details_of(&mut self, doc: &RuleDoc, scope: &Scope) -> Details {
        let mut values: Vec<(String, OutputId)> = Vec::new();
        let mut wanted: Vec<Sql> = doc.clue.evidence.clone();
        for template in [&doc.clue.summary.zh, &doc.clue.summary.en] {
            for (range, name) in template.placeholders().into_iter().flatten() {
                let span = template.place(range);
                wanted.push(Sql { text: name.to_owned(), span, source: template.source.clone() });
            }
        }
        for sql in wanted {
            if values.iter().any(|(name, _)| *name == sql.text) {
                continue;
            }
            if let Some(output) = self.detail(&sql, Want::Any, scope) {
                values.push((sql.text.clone(), output));
            }
        }
        Details {
            values,
            observed: doc.clue.observed.as_ref().and_then(|sql| self.detail(sql, Want::Any, scope)),
            limit: doc.clue.limit.as_ref().and_then(|sql| self.detail(sql, Want::Any, scope)),
            money: doc.clue.money.as_ref().and_then(|sql| self.detail(sql, Want::Decimal, scope)),
        }
    }

    fn mask(&mut self, sql: &Sql, want: Want, scope: &Scope) -> Option<OutputId> {
        let typed = self.parse(sql, want, scope, true)?;
        Some(self.masks[scope.table].add(&typed, scope.grain))
    }

    fn detail(&mut self, sql: &Sql, want: Want, scope: &Scope) -> Option<OutputId> {
        let typed = self.parse(sql, want, scope, true)?;
        Some(self.details[scope.table].add(&typed, scope.grain))
    }

    fn parse(&mut self, sql: &Sql, want: Want, scope: &Scope, reports: bool) -> Option<Typed> {
        match expr::parse(&sql.text, &self.columns[scope.table], want, &scope.params) {
            Ok(typed) if typed.grain() > scope.grain => {
                if reports {
                    let help = "There is one row per event here: name header columns only.";
                    self.diagnostics.push(sql.diagnostic(0..sql.text.len(), "line columns in an expression over headers").help(help));
                }
                None
            }
            Ok(typed) => {
                self.named[scope.table].extend(typed.columns().iter().cloned());
                Some(typed)
            }
            Err(errors) => {
                if reports {
                    self.diagnostics.extend(errors.into_iter().map(|error| {
                        let diagnostic = sql.diagnostic(error.span, error.message);
                        match error.help {
                            Some(help) => diagnostic.help(help),
                            None => diagnostic,
                        }
                    }));
                }
                None
            }
        }
    }

    fn finish(mut self, digest: String) -> (RuleSet, Vec<Diagnostic>) {
        let mut tables = Vec::new();
        let parts = self
            .masks
            .into_iter()
            .zip(self.details)
            .zip(self.history.into_iter().zip(self.groups))
            .zip(self.items)
            .zip(self.item_conditions)
            .zip(self.table_rules)
            .zip(self.anchors);
        for ((((((masks, details), (history, groups)), items), item_conditions), rules), anchors) in parts {
            let programs = (masks.build(), details.build(), history.build());
            let (masks, details, history) = programs;
            let groups = groups.build();
            let of_groups = tables.len() == SETTLEMENT_INPUT && self.rules.iter().any(|rule| rule.ratio.is_some());
            let used = !masks.columns().is_empty() || !anchors.is_empty() || of_groups;
            let by_rows = |outputs: fn(&RowRule) -> Vec<OutputId>| {
                let own = self.rules.iter().enumerate().filter_map(|(place, rule)| Some((place, rule.row.as_ref()?)));
                own.filter(|(_, row)| row.table == tables.len()).map(|(place, row)| (place, outputs(row))).collect::<Vec<_>>()
            };
            let of_anchors = anchors.iter().map(|anchor| (anchor.rule, std::iter::once(anchor.anchor).chain(anchor.told_by).collect()));
            let (mask_shares, detail_shares) =
                (shares(&masks, by_rows(RowRule::mask_outputs)), shares(&details, by_rows(RowRule::detail_outputs)));
            let history_shares = shares(&history, of_anchors.collect());
            let of_ratios = self.rules.iter().enumerate().filter_map(|(place, rule)| Some((place, rule.ratio.as_ref()?.outputs())));
            let group_shares = if of_groups { shares(&groups, of_ratios.collect()) } else { Shares::new() };
            tables.push(used.then_some(TablePrograms {
                masks,
                details,
                history,
                groups,
                items: items.build(),
                item_conditions,
                rules,
                anchors,
                mask_shares,
                detail_shares,
                history_shares,
                group_shares,
            }));
        }
        let (departments, code_map) = (self.book.departments.clone(), self.book.code_map.clone());
        if self.rules.iter().any(|rule| rule.ratio.is_some()) {
            let names = GROUPS_KEPT.split_whitespace().map(|column| format!("header.{column}"));
            self.named[SETTLEMENT_INPUT].extend(names);
        }
        let projections = [(SETTLEMENT_INPUT, SETTLEMENT_KEPT), (PRESCRIPTION_INPUT, PRESCRIPTION_KEPT)]
            .into_iter()
            .map(|(input, kept)| projection(input, kept, &self.named))
            .collect();
        (RuleSet { digest, departments, code_map, rules: self.rules, tables, projections }, self.diagnostics)
    }
}

fn shares(program: &Program, users: Vec<(usize, Vec<OutputId>)>) -> Shares {
    let (places, outputs): (Vec<usize>, Vec<Vec<OutputId>>) = users.into_iter().unzip();
    places.into_iter().zip(program.shares(&outputs)).collect()
}

/// What the decoder keeps: what state and clues need, and what is named.
fn projection(input: InputId, kept: &[(&str, &str)], named: &[BTreeSet<String>]) -> Projection {
    let event: &EventType = EVENT_TYPES[input];
    let mut projection = Projection::none(event);
    for (table, columns) in kept {
        for column in columns.split_whitespace() {
            assert!(projection.keep(event, table, column), "{table}.{column} is a column of {}", event.name);
        }
    }
    for (name, [of, table, column]) in derived::SOURCES {
        if *of == event.name && named.iter().any(|named| named.contains(*name)) {
            assert!(projection.keep(event, table, column), "{table}.{column} is a column of {of}");
        }
    }
    for name in &named[input] {
        match name.split_once('.') {
            Some(("header", column)) => projection.keep(event, event.header.name, column),
            Some(("line", column)) => {
                // A net column is computed from the field it is named after.
                projection.keep(event, event.lines().table.name, column.strip_prefix(derived::NET).unwrap_or(column))
            }
            _ => false,
        };
    }
    projection
}

fn params_of(doc: &RuleDoc, table: usize) -> Params {
    let area_column = if table == SUPPLY_TABLE { "supply.area" } else { "header.area" };
    let time_column = match (table, doc.grain) {
        (SUPPLY_TABLE, _) => "supply.fact_time",
        (_, Grain::Line) => "line.fact_time",
        _ => "header.fact_time",
    };
    let value = |value: &ParamValue| match value {
        ParamValue::Number(number) => expr::ParamValue::number(&number.to_string()).unwrap_or(expr::ParamValue::from(0)),
        ParamValue::Text(text) => expr::ParamValue::Text(text.clone()),
    };
    let values: BTreeMap<String, expr::Param> = doc
        .params
        .iter()
        .map(|param| {
            let by_area = param.by_area.iter().map(|(prefix, own)| (prefix.clone(), value(own))).collect();
            let mut by_date: Vec<_> = param.by_date.iter().map(|dated| (Civil::from_date(dated.from).0, value(&dated.value))).collect();
            by_date.sort_by_key(|(from, _)| *from);
            (param.name.clone(), expr::Param { default: value(&param.default), by_area, by_date })
        })
        .collect();
    Params { area_column: Some(area_column.to_owned()), time_column: Some(time_column.to_owned()), values }
}
