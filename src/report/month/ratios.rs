//! The cards of rules on groups: a funnel with the alert line, the units that
//! are told of, and whom a plain quotient would have accused.

use std::fmt::Write as _;

use crate::base::decimal::Decimal;
use crate::clues::told::Told;
use crate::engine::effects::Looked;
use crate::evaluators::ratio::Ratio;
use crate::evaluators::ratio::alert_from;
use crate::reference::baseline::Prior;
use crate::reference::baseline_tables::Measure;
use crate::reference::baseline_tables::UnitKind;
use crate::reference::stratum::level_band;
use crate::report::html;
use crate::report::html::Table;
use crate::report::month::Month;
use crate::report::month::funnel;
use crate::report::month::funnel::Point;
use crate::report::month::groups::Family;
use crate::report::month::groups::Groups;
use crate::report::month::groups::PLAIN;
use crate::report::month::groups::accused;
use crate::report::month::groups::is_told;
use crate::report::month::groups::judged;
use crate::report::month::groups::outcome_words;
use crate::report::month::groups::plain;
use crate::report::month::groups::ratio_of;
use crate::report::words;
use crate::ruleset::doc::RatioDoc;
use crate::ruleset::doc::RuleDoc;
use crate::stats::shrinkage::Decision;
use crate::synth::GroupKind;
use crate::synth::GroupTruth;

const KINDS: [(UnitKind, &str, &str); 3] =
    [(UnitKind::Institution, "机构", "institution"), (UnitKind::Department, "科室", "department"), (UnitKind::Doctor, "医师", "doctor")];

/// The two cards; a family whose rules looked at nothing has none.
pub(super) fn groups(month: &Month<'_>) -> String {
    let mut out = "<p class=\"lead\">同样的病例，同类机构通常花费多少（预期 E），实际多少（O）。病例少，比值忽高忽低：本系统先按同类收缩，只有 90 % 区间的下限也高于同类上限 L，才提示。<span class=\"en\" lang=\"en\">What like institutions spend on such cases (E), and what was spent (O). Ratios of few cases jump about: here they are shrunken to what peers are, and told only where the lower end of the 90 % interval lies above the limit L of peers.</span></p>\n".to_owned();
    let cards: String = [Family::Expected, Family::OverCeiling].into_iter().filter_map(|family| card(month, family)).collect();
    if cards.is_empty() {
        out.push_str("<p>本月没有可比较的病例组。<span class=\"en\" lang=\"en\">No group of this month can be compared.</span></p>\n");
    }
    out + &cards
}

/// The rule that a card shows: of those that tell of an institution the one
/// with most planted on institutions, then the one that tells and judges most.
fn shown<'a>(month: &'a Month<'_>, family: Family) -> Option<(&'a RuleDoc, &'a RatioDoc)> {
    let wanted = if family == Family::Expected { Measure::Expected } else { Measure::OverShare };
    let weight = |rule: &RuleDoc, ratio: &RatioDoc| {
        let whole = || month.groups.looked_in_month(rule).filter(|looked| looked.unit_kind == UnitKind::Institution);
        let told = whole().filter(|looked| is_told(looked)).count();
        let planted = whole().filter(|looked| month.groups.planted(looked, ratio).is_some()).count();
        (told > 0, planted, told, whole().filter(|looked| judged(looked).is_some()).count())
    };
    let mut best: Option<((bool, usize, usize, usize), &RuleDoc, &RatioDoc)> = None;
    for rule in &month.book.rules {
        let Some(ratio) = ratio_of(rule).filter(|ratio| ratio.measure() == wanted) else { continue };
        let own = weight(rule, ratio);
        if best.as_ref().is_none_or(|(known, ..)| own > *known) {
            best = Some((own, rule, ratio));
        }
    }
    best.filter(|((.., judged), ..)| *judged > 0).map(|(_, rule, ratio)| (rule, ratio))
}

fn card(month: &Month<'_>, family: Family) -> Option<String> {
    let all = accused(month.book, &month.groups, family)?;
    let [zh, en] = match family {
        Family::Expected => ["实际与预期之比（O/E）", "observed over expected"],
        Family::OverCeiling => ["超上限比", "above the ceiling"],
    };
    let mut out = format!("<article class=\"card\">\n<h3>{}</h3>\n", html::both(zh, en));
    let _ = writeln!(
        out,
        "<p class=\"summary\">简单比值 O/E &gt; {PLAIN} 会指认 <b>{}</b> 家没有植入任何问题的机构；本系统指认 <b>{}</b> 家。</p>\n\
         <p class=\"en\" lang=\"en\">O/E &gt; {PLAIN} would have accused {} institutions with nothing planted at all; {} are accused here.</p>",
        all.plain_institutions, all.own_institutions, all.plain_institutions, all.own_institutions
    );
    if let Some((rule, ratio)) = shown(month, family) {
        let marked = marked(month, rule, ratio);
        let _ = writeln!(out, "<h4>{} <code>{}</code></h4>", html::both(&rule.title.zh, &rule.title.en), html::escape(&rule.id));
        out.push_str(&plot(month, rule, ratio, &marked));
        let _ = writeln!(
            out,
            "<h4>{}</h4>\n{}",
            html::both("有线索和有植入的对象", "units told of, and units with something planted"),
            units(month, ratio, &marked)
        );
        if family == Family::OverCeiling {
            let _ = writeln!(
                out,
                "<h4>{}</h4>\n{}",
                html::both("三个超上限比（* 为主指标）", "the three ratios; * is the one that is judged"),
                shares(month)
            );
        }
    }
    let _ = writeln!(
        out,
        "<h4>{}</h4>\n<p class=\"lead\">本月全部此类规则，一条规则对一个对象计一次；“正当”指植入的问题不能解释。两者都只算已判断的对象。<span class=\"en\" lang=\"en\">All rules of the kind, a rule and a unit counting once; honest: no planted violation explains it. Both speak of judged units alone.</span></p>\n{}",
        html::both("谁会被指认", "who would be accused"),
        beside(&all.kinds)
    );
    if !all.unknown.is_empty() {
        let mut table = Table::new().text("原因", "reason");
        table = KINDS.iter().fold(table, |table, (_, zh, en)| table.number(zh, en));
        for (reason, times) in &all.unknown {
            let why = words::reason_of_group(reason);
            table.row([html::both(&why.zh, &why.en)].into_iter().chain(times.iter().map(|times| html::count(*times))).collect());
        }
        let _ = writeln!(out, "<h4>{}</h4>\n{}", html::both("未下结论的", "of which nothing is said"), table.html());
    }
    out.push_str(&fates(month, family));
    out.push_str("</article>\n");
    Some(out)
}

/// A unit that the plot and the table below it name.
struct Marked<'a> {
    looked: &'a Looked,
    ratio: &'a Ratio,
    truth: Option<&'a GroupTruth>,
}

/// Units that are told of, then those with something planted on them.
fn marked<'a>(month: &'a Month<'_>, rule: &'a RuleDoc, settings: &'a RatioDoc) -> Vec<Marked<'a>> {
    let of = |looked: &'a Looked| {
        let truth = month.groups.planted(looked, settings);
        Some(Marked { looked, ratio: judged(looked)?, truth }).filter(|_| truth.is_some() || is_told(looked))
    };
    let mut marked: Vec<Marked<'a>> = month.groups.looked_in_month(rule).filter_map(of).collect();
    let key = |marked: &Marked<'_>| {
        (marked.looked.unit_kind, !is_told(marked.looked), std::cmp::Reverse(marked.ratio.excess), marked.looked.unit.clone())
    };
    marked.sort_by_key(key);
    marked
}

fn name_of(groups: &Groups<'_>, looked: &Looked) -> String {
    let name = groups.name(&looked.institution);
    match looked.unit_kind {
        UnitKind::Institution => name,
        UnitKind::Department => format!("{name} 科室 {}", looked.unit),
        UnitKind::Doctor => format!("{name} 医师 {}", looked.unit),
    }
}

fn two(units: i128, decimals: u32) -> String {
    // At most six digits.
    let fen = Decimal::new(units, decimals as u8).rescale(2).units;
    html::yuan(i64::try_from(fen).unwrap_or(i64::MAX))
}

fn planted_class(truth: &GroupTruth) -> &'static str {
    if truth.kind == GroupKind::Violation { "violation" } else { "innocent" }
}

fn planted_chip(truth: &GroupTruth) -> String {
    let said = html::both(truth.title, &truth.pattern.replace('_', " "));
    match truth.kind {
        GroupKind::Violation => format!("<span class=\"chip clear\">植入</span> {said}"),
        GroupKind::Innocent => format!("<span class=\"chip good\">正当</span> {said}"),
    }
}

/// The funnel of a rule's institutions.
fn plot(month: &Month<'_>, rule: &RuleDoc, settings: &RatioDoc, marked: &[Marked<'_>]) -> String {
    let groups = &month.groups;
    let units: Vec<(&Looked, &Ratio)> = groups
        .looked_in_month(rule)
        .filter(|looked| looked.unit_kind == UnitKind::Institution)
        .filter_map(|looked| Some((looked, judged(looked)?)))
        .collect();
    let Some(room) = funnel::room(units.iter().map(|(_, ratio)| ratio.effective)) else {
        return "<p>本月没有已判断的机构。<span class=\"en\" lang=\"en\">No institution was judged.</span></p>\n".to_owned();
    };
    let point = |(looked, ratio): &(&Looked, &Ratio)| {
        let number = marked.iter().position(|marked| std::ptr::eq(marked.looked, *looked));
        let said = outcome_words(ratio);
        Point {
            effective: ratio.effective,
            ratio: ratio.ratio,
            raw: ratio.raw,
            class: match ratio.tier {
                Decision::Alert => "alert",
                Decision::Watch => "watch",
                Decision::None => "none",
            },
            planted: groups.planted(looked, settings).map(planted_class),
            number: number.map(|place| place + 1),
            title: format!("{} O/E {:.4} k {:.1} {}", name_of(groups, looked), ratio.ratio, ratio.effective, said.zh),
        }
    };
    let points: Vec<Point> = units.iter().map(point).collect();
    let lines: Vec<Vec<(f64, f64)>> = priors(month, settings, &units)
        .into_iter()
        .map(|prior| funnel::steps(room).filter_map(|k| Some((k, alert_from(prior, k)?))).collect())
        .collect();
    let name = format!("{}：{} 家机构的比值和提示线 funnel plot", rule.title.zh, points.len());
    funnel::svg(&points, &lines, room, PLAIN, &name)
}

/// What the institutions are shrunken to: one for each class of peers that has its own.
fn priors<'a>(month: &'a Month<'_>, settings: &RatioDoc, units: &[(&Looked, &Ratio)]) -> Vec<&'a Prior> {
    let references = month.groups.references;
    let day = month.groups.live.end().day() - 1;
    let mut found: Vec<&Prior> = Vec::new();
    for (looked, ratio) in units {
        let class =
            references.institution(&looked.institution, day).and_then(|known| level_band(&known.level)).map(|band| band.to_string());
        let baseline = references.baselines().map(|(_, baseline)| baseline).find(|baseline| baseline.digest() == ratio.baseline);
        let prior = baseline.and_then(|own| own.prior(&settings.indicator, ratio.measure, looked.unit_kind, class.as_deref()));
        if let Some(prior) = prior.filter(|prior| {
            !found.iter().any(|known| (known.model, known.ordinary, known.outlier) == (prior.model, prior.ordinary, prior.outlier))
        }) {
            found.push(prior);
        }
    }
    found
}

fn units(month: &Month<'_>, settings: &RatioDoc, marked: &[Marked<'_>]) -> String {
    if marked.is_empty() {
        return "<p>没有。<span class=\"en\" lang=\"en\">None.</span></p>\n".to_owned();
    }
    let mut table = Table::new()
        .number("号", "no.")
        .text("对象", "unit")
        .number("例数", "n")
        .number("实际 O", "observed")
        .number("预期 E", "expected")
        .number("O/E", "")
        .number("未封顶 O/E", "not capped")
        .number("收缩后（90 % 区间）", "shrunken (90 % interval)")
        .number("L", "limit")
        .number("超出", "excess")
        .text("结果", "outcome");
    for (place, Marked { looked, ratio, truth }) in marked.iter().enumerate() {
        let judgment = &ratio.judgment;
        let (chip, said) = match ratio.tier {
            Decision::Alert => ("suspected", "有线索"),
            Decision::Watch => ("plain", "只观察"),
            Decision::None => ("plain", "与同类无异"),
        };
        let mut outcome = format!("<p><span class=\"chip {chip}\">{said}</span></p>");
        let cause = truth.or_else(|| month.groups.explains(looked, settings));
        match cause {
            Some(truth) => outcome.push_str(&format!("<p>{}</p>", planted_chip(truth))),
            None => outcome.push_str("<p><span class=\"bad\">误报 false</span></p>"),
        }
        table.row(vec![
            if looked.unit_kind == UnitKind::Institution { (place + 1).to_string() } else { String::new() },
            html::escape(&name_of(&month.groups, looked)),
            ratio.n.to_string(),
            two(ratio.observed, ratio.decimals),
            two(ratio.expected, ratio.decimals),
            format!("{:.4}", ratio.ratio),
            ratio.raw.map_or_else(|| "—".to_owned(), |raw| format!("{raw:.4}")),
            format!("{:.4}（{:.4}–{:.4}）", judgment.eb_mean, judgment.eb05, judgment.eb95),
            format!("{:.4}", judgment.limit),
            two(ratio.excess, ratio.decimals),
            outcome,
        ]);
    }
    table.html()
}

/// The three ratios of clues about what lies above ceilings.
fn shares(month: &Month<'_>) -> String {
    let mut table = Table::new()
        .text("对象", "unit")
        .text("规则", "rule")
        .number("例数占比", "of cases")
        .number("超上限病例费用占比", "of spending, by such cases")
        .number("超上限金额占比", "of spending, above the ceiling");
    let live = month.groups.live.to_string();
    for rule in &month.book.rules {
        let Some(measure) = ratio_of(rule).map(RatioDoc::measure).filter(|measure| *measure != Measure::Expected) else { continue };
        for told in month.clues.iter().filter(|told| told.finding.rule.id == rule.id) {
            let value = |name: &str| value_of(told, name);
            if value("group.period") != Some(live.as_str()) {
                continue;
            }
            let subject = &told.finding.subject;
            let mut name = subject.fixmedins_name.clone().or_else(|| subject.fixmedins_code.clone()).unwrap_or_default();
            if let Some(unit) = subject.doctor.as_ref().or(subject.department.as_ref()) {
                let _ = write!(name, " {unit}");
            }
            let share = |name: &str, headline: bool| {
                let percent = value(name).map_or_else(|| "—".to_owned(), per_cent);
                if headline { format!("<b>{percent} *</b>") } else { percent }
            };
            table.row(vec![
                html::escape(&name),
                html::rule(&rule.title.zh, &rule.id),
                share("group.case_share", measure == Measure::OverShare),
                share("group.spend_share", false),
                share("group.amount_share", measure == Measure::OverAmount),
            ]);
        }
    }
    if table.is_empty() {
        return "<p>本月没有此类线索。<span class=\"en\" lang=\"en\">No clue of the kind this month.</span></p>\n".to_owned();
    }
    table.html()
}

fn value_of<'a>(told: &'a Told, name: &str) -> Option<&'a str> {
    told.finding.values.iter().find(|value| value.column == name)?.value.as_deref()
}

/// A share of four digits as percent of two.
fn per_cent(share: &str) -> String {
    let (whole, places) = share.split_once('.').unwrap_or((share, ""));
    let units: Option<i128> = format!("{whole}{places:0<4}").parse().ok().filter(|_| places.len() <= 4);
    units.map_or_else(|| html::escape(share), |units| format!("{} %", Decimal::new(units, 2)))
}

fn beside(kinds: &[super::groups::OfKind; 3]) -> String {
    let mut table = Table::new()
        .text("对象", "unit")
        .number("已判断", "judged")
        .number("O/E > 1.5", "plain quotient")
        .number("其中正当", "of them honest")
        .number("本系统", "here")
        .number("其中正当", "of them honest")
        .number("未下结论", "unknown");
    for ((_, zh, en), kind) in KINDS.iter().zip(kinds) {
        let own = html::count(kind.own_honest);
        table.row(vec![
            html::both(zh, en),
            html::count(kind.judged),
            html::count(kind.plain),
            format!("<b>{}</b>", html::count(kind.plain_honest)),
            html::count(kind.own),
            if kind.own_honest > 0 { format!("<span class=\"bad\">{own}</span>") } else { format!("<b>{own}</b>") },
            html::count(kind.unknown),
        ]);
    }
    table.html()
}

/// What became of each planted group of the family.
fn fates(month: &Month<'_>, family: Family) -> String {
    let mut table = Table::new()
        .text("植入", "planted")
        .text("对象", "unit")
        .text("规则", "rule")
        .number("简单比值", "plain quotient")
        .number("收缩后（90 % 区间）", "shrunken (90 % interval)")
        .number("L", "limit")
        .text("结果", "outcome");
    for (truth, fate) in month.groups.fates(month.book).filter(|(truth, _)| Family::of(truth.measure) == family) {
        let ratio = fate.looked.and_then(judged);
        let said = fate.words();
        let outcome = html::both(&said.zh, &said.en);
        let none = || "—".to_owned();
        let unit = if truth.unit_kind == UnitKind::Institution { "" } else { truth.unit.as_str() };
        table.row(vec![
            planted_chip(truth),
            html::escape(format!("{} {unit}", month.groups.name(&truth.institution)).trim_end()),
            fate.rule.map_or_else(none, |rule| html::rule(&rule.title.zh, &rule.id)),
            ratio.map_or_else(none, |ratio| format!("{:.4}", plain(ratio))),
            ratio.map_or_else(none, |ratio| {
                format!("{:.4}（{:.4}–{:.4}）", ratio.judgment.eb_mean, ratio.judgment.eb05, ratio.judgment.eb95)
            }),
            ratio.map_or_else(none, |ratio| format!("{:.4}", ratio.judgment.limit)),
            if fate.is_wrong(truth) { format!("<span class=\"bad\">{outcome}</span>") } else { outcome },
        ]);
    }
    if table.is_empty() {
        return String::new();
    }
    format!("<h4>{}</h4>\n{}", html::both("植入的病例组及其结果", "planted groups and what came of them"), table.html())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percent() {
        for (share, expect) in [("0.3333", "33.33 %"), ("1.0", "100.00 %"), ("0", "0.00 %"), ("0.05", "5.00 %"), ("?", "?")] {
            assert_eq!(per_cent(share), expect);
        }
    }
}
