//! What a clue about a group says: its numbers, and the sentence that they are in.

use crate::base::decimal::Decimal;
use crate::base::ids::Digest;
use crate::clues::build::Found;
use crate::clues::finding::Scalar;
use crate::clues::finding::Subject;
use crate::clues::finding::scene;
use crate::clues::money::Money;
use crate::clues::ratio_words;
use crate::engine::Engine;
use crate::engine::groups::definition::baseline_of;
use crate::engine::groups::definition::case_of;
use crate::evaluators::ratio::Part;
use crate::evaluators::ratio::Ratio;
use crate::evaluators::ratio::over::OverCeiling;
use crate::reference::baseline_tables::Case;
use crate::reference::baseline_tables::GRAIN_WORDS;
use crate::reference::baseline_tables::MEASURE_WORDS;
use crate::reference::baseline_tables::UNIT_KIND_WORDS;
use crate::reference::baseline_tables::Unit;
use crate::reference::baseline_tables::UnitKind;
use crate::reference::registry::Institution;
use crate::ruleset::doc::RatioDoc;
use crate::window::calendar::Span;
use crate::window::calendar::SpanKind;
use crate::window::group::Text;

/// Digits of ratios.
const RATIO_DIGITS: u8 = 4;

/// Whom and what a clue is about.
pub struct About<'a> {
    pub engine: &'a Engine,
    pub settings: &'a RatioDoc,
    pub span: Span,
    pub definition: Digest,
    pub institution: &'a Text,
    pub known: Option<&'a Institution>,
    pub kind: UnitKind,
    pub unit: &'a Text,
    pub over: Option<&'a OverCeiling>,
}

/// `2026-07`, `2026-Q3`, `2026-01/07`.
pub fn period(span: Span) -> String {
    let last = span.last();
    match span.kind() {
        SpanKind::Month => last.to_string(),
        SpanKind::Quarter => format!("{:04}-Q{}", last.year(), last.of_year() / 3),
        SpanKind::YearToDate => format!("{}/{:02}", span.start(), last.of_year()),
    }
}

/// The same as people say it.
fn period_words(span: Span) -> [String; 2] {
    let (year, month) = (span.last().year(), span.last().of_year());
    match span.kind() {
        SpanKind::Month => [format!("{year}年{month}月"), format!("in {}", period(span))],
        SpanKind::Quarter => [format!("{year}年第{}季度", month / 3), format!("in {}", period(span))],
        SpanKind::YearToDate => [format!("{year}年1月至{month}月"), format!("in {}", period(span))],
    }
}

fn word_of<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, own)| own == value).map_or("", |(word, _)| *word)
}

fn four(value: f64) -> Scalar {
    Scalar::Number(Decimal::new(libm::round(value * 1e4) as i128, RATIO_DIGITS))
}

fn share(part: Part) -> Scalar {
    part.share().map_or(Scalar::Null, four)
}

/// Fixed point with no idle zeros beyond the digits of money.
fn number(units: i128, decimals: u32) -> Scalar {
    // At most six digits.
    Scalar::Number(Decimal::new(units, decimals as u8).trim_to(2))
}

/// What was found of a unit whose ratio is judged.
pub fn found(about: &About<'_>, ratio: &Ratio) -> Found {
    let code = about.institution.to_string();
    let name = about.known.map(|known| known.name.clone()).filter(|name| !name.is_empty());
    let area = about.known.map(|known| known.area.clone());
    let case = case_of(about.settings);
    let indicator = baseline_of(&about.engine.references, about.settings);
    let (zh, en, unit) =
        indicator.map_or((String::new(), String::new(), Unit::Quantity), |(_, _, of)| (of.zh.clone(), of.en.clone(), of.unit));
    let [when_zh, when_en] = period_words(about.span);
    let called = name.as_deref().unwrap_or(&code);
    let (who_zh, who_en) = match about.kind {
        UnitKind::Institution => (called.to_owned(), called.to_owned()),
        UnitKind::Department => (format!("{called}科室{}", about.unit), format!("{called}, department {},", about.unit)),
        UnitKind::Doctor => (format!("{called}医师{}", about.unit), format!("{called}, doctor {},", about.unit)),
    };
    let sentence = ratio_words::zh(ratio, &ratio_words::Subject { who: &who_zh, period: &when_zh, indicator: &zh, case, unit });
    let sentence_en = ratio_words::en(ratio, &ratio_words::Subject { who: &who_en, period: &when_en, indicator: &en, case, unit });
    let judgment = &ratio.judgment;
    let text = |text: &str| Scalar::Text(text.to_owned());
    let cells: Vec<String> = ratio
        .top
        .iter()
        .map(|part| {
            let [observed, expected] = [part.observed, part.expected].map(|units| number(units, ratio.decimals).text());
            format!("{} n={} O={observed} E={expected}", part.cell, part.n)
        })
        .collect();
    let of_over = |part: fn(&OverCeiling) -> Part| about.over.map_or(Scalar::Null, |over| share(part(over)));
    let values = [
        ("sentence", Scalar::Text(sentence)),
        ("sentence_en", Scalar::Text(sentence_en)),
        ("unit_kind", text(word_of(UNIT_KIND_WORDS, &about.kind))),
        ("unit", text(about.unit)),
        ("period", Scalar::Text(period(about.span))),
        ("indicator", text(&about.settings.indicator)),
        ("measure", text(word_of(MEASURE_WORDS, &ratio.measure))),
        ("grain", text(word_of(GRAIN_WORDS, &ratio.grain))),
        ("n", Scalar::Number(Decimal::new(ratio.n, 0))),
        ("observed", number(ratio.observed, ratio.decimals)),
        ("expected", number(ratio.expected, ratio.decimals)),
        ("ratio", four(ratio.ratio)),
        ("raw_ratio", ratio.raw.map_or(Scalar::Null, four)),
        ("shrunken", four(judgment.eb_mean)),
        ("low", four(judgment.eb05)),
        ("high", four(judgment.eb95)),
        ("limit", four(judgment.limit)),
        ("excess", number(ratio.excess, ratio.decimals)),
        ("coverage", share(ratio.coverage)),
        ("completeness", share(ratio.completeness)),
        ("cells", Scalar::Text(cells.join("; "))),
        ("case_share", of_over(|over| over.case_share)),
        ("spend_share", of_over(|over| over.by_spend)),
        ("amount_share", of_over(|over| over.amount_share)),
        ("baseline", Scalar::Text(ratio.baseline.short())),
        ("definition", Scalar::Text(about.definition.short())),
        ("formula", text(ratio.formula)),
    ];
    let last = about.span.end().plus_seconds(-1);
    let (department, doctor) = match about.kind {
        UnitKind::Institution => (None, None),
        UnitKind::Department => (Some(about.unit.to_string()), None),
        UnitKind::Doctor => (None, Some(about.unit.to_string())),
    };
    let role = match case {
        Case::Stay => "主诊医师",
        Case::Visit => "开单医师",
    };
    let subject = Subject {
        fixmedins_code: Some(code.clone()),
        fixmedins_name: name,
        department,
        doctor_role: doctor.as_ref().map(|_| role),
        doctor,
        person: None,
        area_of_care: area,
        area_of_insurance: None,
    };
    let setting = if case == Case::Stay { Some("inpatient") } else { Some("outpatient") };
    Found {
        clear: false,
        anchor: vec![
            "group".to_owned(),
            code,
            word_of(UNIT_KIND_WORDS, &about.kind).to_owned(),
            about.unit.to_string(),
            period(about.span),
        ],
        party: None,
        hi_paymtd: None,
        scene: scene(None, setting, &subject),
        subject,
        event_time: last,
        fact_time: last,
        values: values.into_iter().map(|(name, value)| (format!("group.{name}"), value)).collect(),
        observed: Some(four(ratio.ratio)),
        limit: Some(four(judgment.limit)),
        tested: Vec::new(),
        money: Money::NONE,
        evidence: Vec::new(),
    }
}
