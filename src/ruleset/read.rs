//! From named YAML texts to a rule book, with every mistake of every file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::diagnostic::SourceText;
use crate::base::fault::Fault;
use crate::ruleset::code_map::CodeMap;
use crate::ruleset::departments::Departments;
use crate::ruleset::doc::BasisDoc;
use crate::ruleset::doc::Bilingual;
use crate::ruleset::doc::CaseValueDoc;
use crate::ruleset::doc::ClueDoc;
use crate::ruleset::doc::DatedValue;
use crate::ruleset::doc::DepartmentDoc;
use crate::ruleset::doc::EarlierContactDoc;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::ExemptDoc;
use crate::ruleset::doc::GateDoc;
use crate::ruleset::doc::Origin;
use crate::ruleset::doc::OverlappingSupplyDoc;
use crate::ruleset::doc::PackDoc;
use crate::ruleset::doc::ParamDoc;
use crate::ruleset::doc::QualityDoc;
use crate::ruleset::doc::RatioDoc;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::doc::SameDiseaseDoc;
use crate::ruleset::doc::SummaryDoc;
use crate::ruleset::lints;
use crate::ruleset::read_cases;
use crate::ruleset::shape;
use crate::ruleset::shape::Need;
use crate::ruleset::shape::Object;
use crate::ruleset::shape::Shape;
use crate::ruleset::spec;
use crate::ruleset::view;
use crate::ruleset::view::View;
use crate::ruleset::words::Headline;
use crate::ruleset::words::LookFor;
use crate::ruleset::yaml;
use crate::ruleset::yaml::Node;

/// The file of shared exemptions at the top of the tree.
pub const GATES_FILE: &str = "gates.yaml";
/// Who may receive clues, at the top of the tree.
pub const DEPARTMENTS_FILE: &str = "departments.yaml";
/// National codes of the words in clues, at the top of the tree.
pub const CODE_MAP_FILE: &str = "code_map.yaml";
/// What holds where a ratio rule does not say `min_excess_cases` or `min_excess_lines`.
const MIN_EXCESS_CASES: u32 = 3;
/// Files at the top of the tree.
const TOP_FILES: &[&str] = &[GATES_FILE, DEPARTMENTS_FILE, CODE_MAP_FILE];
/// What a folder of rules may say about itself.
pub const PACK_FILE: &str = "pack.yaml";
/// The folder beside the packs that holds reference tables.
pub const REFERENCE_FOLDER: &str = "reference";

/// Reads and lints a tree of rule files: `gates.yaml`, `departments.yaml`,
/// `code_map.yaml`, `<pack>/pack.yaml` and `<pack>/<rule-id>.yaml`. Only the last two parts of each name matter. The
/// book may be put into force only if there is no diagnostic.
pub fn read(texts: &[Arc<SourceText>]) -> (RuleBook, Vec<Diagnostic>) {
    let mut book = RuleBook::default();
    let mut diagnostics = Vec::new();
    for source in texts {
        let (folder, file) = place_of(&source.name);
        let (node, mistakes) = yaml::parse(source);
        diagnostics.extend(mistakes);
        let Some(node) = node else { continue };
        match file {
            GATES_FILE => read_gates(source, &node, &mut book.gates, &mut diagnostics),
            DEPARTMENTS_FILE => {
                let (origin, mistakes) = origin(source, node, &spec::DEPARTMENTS, "the file");
                diagnostics.extend(mistakes);
                book.departments = Departments::read(origin);
            }
            CODE_MAP_FILE => {
                let (origin, mistakes) = origin(source, node, &spec::CODE_MAP, "the file");
                diagnostics.extend(mistakes);
                book.code_map = CodeMap::read(origin);
            }
            PACK_FILE => {
                diagnostics.extend(shape::check(source, &node, &Shape::Object(&spec::PACK), "the file"));
                let title = View::new(source, &node, &spec::PACK).bilingual("title");
                book.packs.push(PackDoc { id: folder.to_owned(), title: Some(title) });
            }
            _ => {
                let (rule, mistakes) = read_rule(source, node, folder);
                diagnostics.extend(mistakes);
                book.rules.push(rule);
            }
        }
    }
    book.rules.sort_by(|a, b| (&a.id, &a.origin.source.name).cmp(&(&b.id, &b.origin.source.name)));
    book.gates.sort_by(|a, b| (&a.id, a.event, a.grain).cmp(&(&b.id, b.event, b.grain)));
    let untitled: BTreeSet<&String> =
        book.rules.iter().map(|rule| &rule.pack).filter(|id| !book.packs.iter().any(|pack| pack.id == **id)).collect();
    let untitled: Vec<PackDoc> = untitled.into_iter().map(|id| PackDoc { id: id.clone(), title: None }).collect();
    book.packs.extend(untitled);
    book.packs.sort_by(|a, b| a.id.cmp(&b.id));
    diagnostics.extend(lints::run(&book));
    (book, diagnostics)
}

/// The files of a rule tree on disk, in order of their names, and mistakes
/// about files that are no UTF-8 text or stand where no rule is looked for.
///
/// # Errors
/// If the folder or a file in it cannot be read.
pub fn load(folder: &Path) -> Result<(Vec<Arc<SourceText>>, Vec<Diagnostic>), Fault> {
    let (mut sources, mut diagnostics) = (Vec::new(), Vec::new());
    if !folder.is_dir() {
        return Ok((sources, vec![empty(folder, "no folder of rules")]));
    }
    let mut take = |path: &Path, wanted: bool| {
        if wanted {
            let (source, mistakes) = load_file(path)?;
            sources.push(source);
            diagnostics.extend(mistakes);
        } else if path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml") {
            diagnostics.push(stray(path));
        }
        Ok::<(), Fault>(())
    };
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default();
        if !path.is_dir() {
            take(&path, TOP_FILES.iter().any(|file| name == *file))?;
        } else if name != REFERENCE_FOLDER {
            for path in entries(&path)? {
                let wanted = path.is_file() && path.extension().is_some_and(|ext| ext == "yaml");
                take(&path, wanted)?;
            }
        }
    }
    if sources.is_empty() && diagnostics.is_empty() {
        diagnostics.push(empty(folder, "no rule in this folder"));
    }
    Ok((sources, diagnostics))
}

/// Without rules everything would be silence.
fn empty(folder: &Path, message: &str) -> Diagnostic {
    let source = Arc::new(SourceText { name: folder.display().to_string(), text: String::new() });
    Diagnostic::new(&source, 0..0, message).help("Name the folder that holds the packs, like `rules`.")
}

/// A rule that would be overlooked in silence.
fn stray(path: &Path) -> Diagnostic {
    let source = Arc::new(SourceText { name: path.display().to_string(), text: String::new() });
    Diagnostic::new(&source, 0..0, "a YAML file where no rule is looked for")
        .help("Rules are `<pack>/<rule-id>.yaml`; beside the packs stand `gates.yaml`, `departments.yaml` and `code_map.yaml`. Move or rename it.")
}

/// One file's text; bytes that are no UTF-8 are a mistake at their place.
///
/// # Errors
/// If the file cannot be read.
pub fn load_file(path: &Path) -> Result<(Arc<SourceText>, Vec<Diagnostic>), Fault> {
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| Fault::stop(format!("read {name}"), error))?;
    let (text, bad_at) = match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(error.utf8_error().valid_up_to())),
    };
    let source = Arc::new(SourceText { name, text });
    let mistake = bad_at.map(|at| Diagnostic::new(&source, at..at + 1, "not UTF-8 text").help("Save the file as UTF-8."));
    Ok((source, mistake.into_iter().collect()))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let doing = || format!("read folder {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Fault::stop(doing(), error))? {
        paths.push(entry.map_err(|error| Fault::stop(doing(), error))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Folder and file of a path, as far as it has them.
fn place_of(name: &str) -> (&str, &str) {
    let mut parts = name.rsplit(['/', '\\']);
    let file = parts.next().unwrap_or_default();
    (parts.next().unwrap_or_default(), file)
}

/// A file's path within its tree: what content digests name it by.
pub fn path_in_tree(name: &str) -> String {
    match place_of(name) {
        (_, file) if TOP_FILES.contains(&file) => file.to_owned(),
        (folder, file) => format!("{folder}/{file}"),
    }
}

/// The file's name without `.yaml`.
pub fn stem(name: &str) -> &str {
    let (_, file) = place_of(name);
    file.strip_suffix(".yaml").unwrap_or(file)
}

/// Checks each key by itself, to know which of them are to be relied on.
fn origin(source: &Arc<SourceText>, node: Node, object: &'static Object, name: &str) -> (Origin, Vec<Diagnostic>) {
    let diagnostics = shape::check(source, &node, &Shape::Object(object), name);
    let unreliable = |field: &&shape::Field| match node.get(field.key).filter(|value| !value.is_null()) {
        Some(value) => !shape::check(source, value, &field.shape, field.key).is_empty(),
        None => field.need == Need::Required,
    };
    let malformed = object.fields.iter().filter(unreliable).map(|field| field.key.to_owned()).collect();
    (Origin { source: Arc::clone(source), node: Arc::new(node), malformed }, diagnostics)
}

fn read_gates(source: &Arc<SourceText>, node: &Node, gates: &mut Vec<GateDoc>, diagnostics: &mut Vec<Diagnostic>) {
    let (_, mistakes) = origin(source, node.clone(), &spec::GATES, "the file");
    diagnostics.extend(mistakes);
    for item in View::new(source, node, &spec::GATES).items("gates") {
        let (origin, _) = origin(source, item.clone(), &spec::GATE, "gates");
        let view = View::new(source, item, &spec::GATE);
        gates.push(GateDoc {
            id: view.text("id"),
            title: flat_title(&view),
            event: view.choice("event"),
            grain: view.choice("grain"),
            when: view.sql("when"),
            quiet: view.bool("quiet"),
            party: view.maybe_choice("party"),
            origin,
        });
    }
}

fn flat_title(view: &View<'_>) -> Bilingual {
    Bilingual { zh: view.text("zh"), en: view.text("en") }
}

fn read_rule(source: &Arc<SourceText>, node: Node, pack: &str) -> (RuleDoc, Vec<Diagnostic>) {
    let (mut origin, mut diagnostics) = origin(source, node, &spec::RULE, "the rule");
    let node = Arc::clone(&origin.node);
    let view = View::new(source, &node, &spec::RULE);
    let event = view.choice("event");
    let (cases, mistakes) = read_cases::read(&view, event);
    if !mistakes.is_empty() {
        origin.malformed.insert("cases".to_owned());
        diagnostics.extend(mistakes);
    }
    let id = if origin.is_malformed("id") { stem(&source.name).to_owned() } else { view.text("id") };
    let rule = RuleDoc {
        pack: pack.to_owned(),
        id,
        version: view.count("version"),
        title: view.bilingual("title"),
        status: view.choice("status"),
        retired_because: view.maybe_text("retired_because"),
        owner: view.text("owner"),
        department: read_department(&view.within("department", &spec::DEPARTMENT)),
        focus: view.maybe_text("focus"),
        result: view.choice("result"),
        clear_when: view.maybe_sql("clear_when"),
        severity: view.choice("severity"),
        problem_type: view.text("problem_type"),
        party: view.choice("party"),
        event,
        grain: view.choice("grain"),
        evaluate: read_evaluate(&view),
        params: read_params(&view),
        gates: view.texts("gates"),
        exempt: view
            .each("exempt", &spec::EXEMPT)
            .map(|view| ExemptDoc { id: view.text("id"), title: flat_title(&view), when: view.sql("when") })
            .collect(),
        data_quality: view
            .each("data_quality", &spec::DATA_QUALITY)
            .map(|view| QualityDoc { id: view.text("id"), title: flat_title(&view), when: view.sql("when") })
            .collect(),
        clue: read_clue(&view.within("clue", &spec::CLUE)),
        why: view.bilingual("why"),
        basis: view.each("basis", &spec::BASIS).filter_map(|view| read_basis(&view)).collect(),
        innocent_when: view.items("innocent_when").iter().map(view::bilingual).collect(),
        not_seen: view.items("not_seen").iter().map(view::bilingual).collect(),
        cases,
        origin,
    };
    (rule, diagnostics)
}

fn read_department(view: &View<'_>) -> DepartmentDoc {
    DepartmentDoc { lead: view.text("lead"), copy_to: view.texts("copy_to"), refer_if_confirmed: view.texts("refer_if_confirmed") }
}

fn read_evaluate(rule: &View<'_>) -> EvaluateDoc {
    let row = rule.within("evaluate", &spec::ROW);
    match row.choice("kind") {
        spec::EvaluatorKind::Row => EvaluateDoc::Row { when: row.sql("when") },
        spec::EvaluatorKind::History => read_history(rule),
        spec::EvaluatorKind::Ratio => EvaluateDoc::Ratio(read_ratio(&rule.within("evaluate", &spec::RATIO))),
    }
}

fn read_history(rule: &View<'_>) -> EvaluateDoc {
    let view = rule.within("evaluate", &spec::EARLIER_CONTACT);
    match view.choice("look_for") {
        LookFor::EarlierContact => EvaluateDoc::EarlierContact(EarlierContactDoc {
            anchor: view.sql("anchor"),
            told_by: view.maybe_sql("told_by"),
            wait_seconds: view.seconds("wait"),
            lookback_days: view.number("lookback_days"),
            min_history_days: view.number("min_history_days"),
            same_disease: read_same_disease(&view.within("same_disease", &spec::SAME_DISEASE)),
        }),
        LookFor::OverlappingSupply => {
            let view = rule.within("evaluate", &spec::OVERLAPPING_SUPPLY);
            EvaluateDoc::OverlappingSupply(OverlappingSupplyDoc {
                remaining_days: view.number("remaining_days"),
                remaining_share: view.number("remaining_share"),
                surplus_days: view.number("surplus_days"),
                institutions: view.choice("institutions"),
                institutions_min: view.get("institutions_min").map(|_| view.count("institutions_min")),
                same_substance: view.bool("same_substance"),
            })
        }
    }
}

fn read_ratio(view: &View<'_>) -> RatioDoc {
    let value = view.within("value", &spec::CASE_VALUE);
    let by_line = value.get("each").is_some();
    let least = if by_line { "min_excess_lines" } else { "min_excess_cases" };
    RatioDoc {
        compare: view.choice("compare"),
        headline: view.maybe_choice("headline").unwrap_or(if by_line { Headline::ByLine } else { Headline::ByCase }),
        case: view.choice("case"),
        cases: view.sql("cases"),
        value: CaseValueDoc {
            sum: value.maybe_sql("sum"),
            filter: value.maybe_sql("where"),
            per_day: value.bool("per_day"),
            each: value.maybe_sql("each"),
            ceiling: value.maybe_sql("ceiling"),
            times: value.maybe_sql("times"),
        },
        indicator: view.text("indicator"),
        baseline: view.maybe_text("baseline"),
        units: view.choices("units"),
        panes: view.choices("panes"),
        min_excess: view.number("min_excess"),
        min_excess_cases: view.get(least).map_or(MIN_EXCESS_CASES, |_| view.count(least)),
    }
}

fn read_same_disease(view: &View<'_>) -> SameDiseaseDoc {
    SameDiseaseDoc {
        icd_characters: view.count("icd_characters"),
        groups: view.bool("groups"),
        chronic_list: view.bool("chronic_list"),
        substance: view.bool("substance"),
        init_rxno: view.bool("init_rxno"),
    }
}

fn read_params(rule: &View<'_>) -> Vec<ParamDoc> {
    let param = |entry: &yaml::Entry| {
        let view = View::new(rule.source, &entry.value, &spec::PARAM);
        let mut by_area: Vec<_> =
            view.entries("by_area").iter().map(|entry| (entry.key.clone(), view::param_value(&entry.value))).collect();
        by_area.sort_by(|a, b| a.0.cmp(&b.0));
        let dated = |view: View<'_>| {
            let (from, value) = (view.maybe_date("from")?, view.param_value("value"));
            Some(DatedValue { from, value, note: view.maybe_text("note") })
        };
        ParamDoc {
            name: entry.key.clone(),
            default: view.param_value("default"),
            min: view.maybe_decimal("min"),
            max: view.maybe_decimal("max"),
            unit: view.maybe_text("unit"),
            note: view.maybe_text("note"),
            by_area,
            by_date: view.each("by_date", &spec::BY_DATE).filter_map(dated).collect(),
        }
    };
    rule.entries("params").iter().map(param).collect()
}

fn read_clue(view: &View<'_>) -> ClueDoc {
    let summary = view.within("summary", &spec::SUMMARY);
    ClueDoc {
        summary: SummaryDoc { zh: summary.sql("zh"), en: summary.sql("en") },
        evidence: view.sqls("evidence"),
        observed: view.maybe_sql("observed"),
        limit: view.maybe_sql("limit"),
        unit: view.get("unit").map(view::bilingual),
        money: view.maybe_sql("money"),
    }
}

/// `None` without a first day in force, which the check has told.
fn read_basis(view: &View<'_>) -> Option<BasisDoc> {
    Some(BasisDoc {
        text: view.text("text"),
        article: view.text("article"),
        issuer: view.text("issuer"),
        area: view.text("area"),
        valid_from: view.maybe_date("valid_from")?,
        valid_to: view.maybe_date("valid_to"),
        verified: view.bool("verified"),
    })
}
