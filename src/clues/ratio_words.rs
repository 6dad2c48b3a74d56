//! The sentence about a judged ratio: its numbers are those that a head of
//! department can compute again with a calculator.
//!
//! Totals stand beside means, so that O/E divides out; what is too much is
//! (shrunken ratio − 1) · E of the numbers as printed. Amounts have two digits,
//! ratios four.

use crate::base::decimal::Decimal;
use crate::base::decimal::divide_round;
use crate::evaluators::ratio::Ratio;
use crate::reference::baseline_tables::Case;
use crate::reference::baseline_tables::Grain;
use crate::reference::baseline_tables::Measure;
use crate::reference::baseline_tables::Unit;
use crate::reference::baseline_tables::UnitKind;
use crate::stats::shrinkage::Judgment;

/// Whom and what a sentence is about, in one language.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// 本院; this hospital.
    pub who: &'a str,
    /// 7月; in July.
    pub period: &'a str,
    /// 总费用; total cost.
    pub indicator: &'a str,
    pub case: Case,
    /// Of the indicator.
    pub unit: Unit,
}

/// Numbers of a ratio as they are printed.
struct Printed {
    n: i128,
    observed: String,
    expected: String,
    /// Per case, of [`Measure::Expected`].
    means: [String; 2],
    excess: String,
    above: bool,
    ratio: String,
    raw: Option<String>,
    shrunken: String,
    low: String,
    high: String,
    limit: String,
    over_limit: bool,
}

impl Printed {
    fn of(ratio: &Ratio) -> Self {
        // At most six digits.
        let scale = ratio.decimals as u8;
        let exact = |units: i128| Decimal::new(units, scale).trim_to(2).to_string();
        let two = |units: i128| Decimal::new(units, scale).rescale(2).to_string();
        // Rounded as the excess takes it.
        let four = |value: f64| Decimal::new(libm::round(value * 1e4) as i128, 4).to_string();
        let Judgment { eb_mean, eb05, eb95, limit, .. } = ratio.judgment;
        Self {
            n: ratio.n,
            observed: exact(ratio.observed),
            expected: exact(ratio.expected),
            means: [ratio.observed, ratio.expected].map(|sum| two(divide_round(sum, ratio.n.max(1)))),
            excess: two(ratio.excess),
            above: ratio.excess > 0,
            ratio: four(ratio.ratio),
            raw: ratio.raw.map(four),
            shrunken: four(eb_mean),
            low: four(eb05),
            high: four(eb95),
            limit: four(limit),
            over_limit: eb05 > limit,
        }
    }
}

/// 本院7月住院128例，…
pub fn zh(ratio: &Ratio, about: &Subject<'_>) -> String {
    let Printed { n, observed, expected, means: [mean, usual], excess, above, ratio: of, raw, shrunken, low, high, limit, over_limit } =
        Printed::of(ratio);
    let Subject { who, period, indicator, case, unit } = *about;
    let care = match case {
        Case::Stay => "住院",
        Case::Visit => "就诊",
    };
    let (counted, count) = match ratio.grain {
        Grain::Case => (format!("{care}{n}例"), "例"),
        Grain::Line => (format!("{care}有上限的收费明细{n}笔"), "笔"),
    };
    let peers = match ratio.unit_kind {
        UnitKind::Institution => "同类机构",
        UnitKind::Department => "同类科室",
        UnitKind::Doctor => "同类医师",
    };
    let unit = match (ratio.measure, unit) {
        (Measure::OverShare, _) => count,
        (_, Unit::Amount) => "元",
        (_, Unit::Quantity) => "",
    };
    let seen = match ratio.measure {
        Measure::Expected => format!("{indicator}合计{observed}{unit}（次均{mean}{unit}）"),
        Measure::OverShare => format!("{indicator}超上限{observed}{count}"),
        Measure::OverAmount => format!("{indicator}超上限部分合计{observed}{unit}"),
    };
    let usual = if ratio.measure == Measure::Expected { format!("（次均{usual}{unit}）") } else { String::new() };
    let raw = raw.map(|raw| format!("未封顶{raw}，")).unwrap_or_default();
    let side = if over_limit { "高于" } else { "不高于" };
    let excess = if above { format!("；超出约{excess}{unit}（提示性，不计入基金损失）") } else { String::new() };
    format!(
        "{who}{period}{counted}，{seen}，按同病组同级别应为{expected}{unit}{usual}，实际/预期={of}\
         （{raw}收缩后{shrunken}，90%区间{low}–{high}），区间下限{side}{peers}上限{limit}（97.5%分位，至少1.2）{excess}。"
    )
}

/// This hospital in July: 128 stays, …
pub fn en(ratio: &Ratio, about: &Subject<'_>) -> String {
    let Printed { n, observed, expected, means: [mean, usual], excess, above, ratio: of, raw, shrunken, low, high, limit, over_limit } =
        Printed::of(ratio);
    let Subject { who, period, indicator, case, unit } = *about;
    let care = match case {
        Case::Stay => "stays",
        Case::Visit => "visits",
    };
    let (counted, count) = match ratio.grain {
        Grain::Case => (format!("{n} {care}"), "cases"),
        Grain::Line => (format!("{n} lines of {care} that have a ceiling"), "lines"),
    };
    let peers = match ratio.unit_kind {
        UnitKind::Institution => "institutions",
        UnitKind::Department => "departments",
        UnitKind::Doctor => "doctors",
    };
    let unit = match (ratio.measure, unit) {
        (Measure::OverShare, _) => format!(" {count}"),
        (_, Unit::Amount) => " yuan".to_owned(),
        (_, Unit::Quantity) => String::new(),
    };
    let seen = match ratio.measure {
        Measure::Expected => format!("{indicator} {observed}{unit} in all ({mean}{unit} each)"),
        Measure::OverShare => format!("{observed} {count} over the ceiling of {indicator}"),
        Measure::OverAmount => format!("{observed}{unit} above the ceiling of {indicator}"),
    };
    let usual = if ratio.measure == Measure::Expected { format!(" ({usual}{unit} each)") } else { String::new() };
    let raw = raw.map(|raw| format!("not capped {raw}, ")).unwrap_or_default();
    let side = if over_limit { "above" } else { "not above" };
    let excess = if above { format!("; about {excess}{unit} too much (indicative, no part of fund losses)") } else { String::new() };
    format!(
        "{who} {period}: {counted}, {seen}; for the same disease groups at the same level {expected}{unit}{usual} would be expected, \
         observed/expected={of} ({raw}shrunken {shrunken}, 90 % interval {low}–{high}), its lower end {side} the limit of like {peers} \
         {limit} (97.5 % quantile, at least 1.2){excess}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Digest;
    use crate::evaluators::ratio::FORMULA;
    use crate::evaluators::ratio::Part;
    use crate::stats::shrinkage::Decision;

    fn ratio() -> Ratio {
        let judgment = Judgment {
            outlier_weight: 0.9,
            eb_mean: 1.482_04,
            ebgm: 1.48,
            eb05: 1.331_26,
            eb95: 1.661_26,
            p_material: 0.999,
            p_limit: 0.96,
            limit: 1.32,
            decision: Decision::Alert,
        };
        Ratio {
            measure: Measure::Expected,
            grain: Grain::Case,
            unit_kind: UnitKind::Institution,
            decimals: 2,
            n: 128,
            observed: 207_360_000,
            expected: 128_000_000,
            variance: 1,
            raw: Some(1.7),
            ratio: 1.62,
            effective: 30.0,
            judgment,
            tier: Decision::Alert,
            // (1.4820 − 1) · 1,280,000.00
            excess: 61_696_000,
            coverage: Part { part: 128, whole: 128 },
            completeness: Part { part: 128, whole: 128 },
            top: Vec::new(),
            baseline: Digest([0; 32]),
            formula: FORMULA,
        }
    }

    #[test]
    fn the_sentence_holds_the_numbers_that_it_is_computed_from() {
        let (about, english) = (
            Subject { who: "本院", period: "7月", indicator: "总费用", case: Case::Stay, unit: Unit::Amount },
            Subject { who: "This hospital", period: "in July", indicator: "total cost", case: Case::Stay, unit: Unit::Amount },
        );
        assert_eq!(
            zh(&ratio(), &about),
            "本院7月住院128例，总费用合计2073600.00元（次均16200.00元），按同病组同级别应为1280000.00元（次均10000.00元），\
             实际/预期=1.6200（未封顶1.7000，收缩后1.4820，90%区间1.3313–1.6613），\
             区间下限高于同类机构上限1.3200（97.5%分位，至少1.2）；超出约616960.00元（提示性，不计入基金损失）。"
        );
        assert_eq!(
            en(&ratio(), &english),
            "This hospital in July: 128 stays, total cost 2073600.00 yuan in all (16200.00 yuan each); for the same disease groups at the \
             same level 1280000.00 yuan (10000.00 yuan each) would be expected, observed/expected=1.6200 (not capped 1.7000, shrunken \
             1.4820, 90 % interval 1.3313–1.6613), its lower end above the limit of like institutions 1.3200 (97.5 % quantile, at least \
             1.2); about 616960.00 yuan too much (indicative, no part of fund losses)."
        );
    }

    #[test]
    fn other_grains_say_what_they_count_and_no_excess_where_none_is() {
        let share = Ratio {
            measure: Measure::OverShare,
            decimals: 6,
            observed: 9_000_000,
            expected: 3_141_593,
            raw: None,
            excess: 2_500_000,
            ..ratio()
        };
        let about = Subject { who: "骨科", period: "7月", indicator: "耗材费", case: Case::Stay, unit: Unit::Amount };
        let text = zh(&Ratio { unit_kind: UnitKind::Department, ..share }, &about);
        assert!(text.starts_with("骨科7月住院128例，耗材费超上限9.00例，按同病组同级别应为3.141593例，实际/预期="), "{text}");
        assert!(text.contains("（收缩后") && text.contains("同类科室") && text.contains("；超出约2.50例（提示性"), "{text}");
        let lines = Ratio {
            measure: Measure::OverShare,
            grain: Grain::Line,
            decimals: 6,
            observed: 9_000_000,
            expected: 3_141_593,
            raw: None,
            excess: 2_500_000,
            ..ratio()
        };
        let visits = Subject { who: "本院", period: "7月", indicator: "门诊收费单价", case: Case::Visit, unit: Unit::Amount };
        let text = zh(&lines, &visits);
        assert!(
            text.starts_with("本院7月就诊有上限的收费明细128笔，门诊收费单价超上限9.00笔，按同病组同级别应为3.141593笔，实际"),
            "{text}"
        );
        assert!(text.contains("；超出约2.50笔（提示性"), "{text}");
        let text = en(&lines, &Subject { who: "This hospital", period: "in July", indicator: "unit price", ..visits });
        assert!(
            text.starts_with(
                "This hospital in July: 128 lines of visits that have a ceiling, 9.00 lines over the ceiling of unit price; for"
            ),
            "{text}"
        );
        assert!(text.contains("; about 2.50 lines too much"), "{text}");
        let days = Ratio { decimals: 4, observed: 5_120_000, expected: 6_400_000, excess: -1, ..ratio() };
        let low = Judgment { eb05: 0.7, ..days.judgment };
        let text = zh(&Ratio { judgment: low, ..days }, &Subject { unit: Unit::Quantity, indicator: "住院天数", ..about });
        assert!(text.contains("住院天数合计512.00（次均4.00），按同病组同级别应为640.00（次均5.00）"), "{text}");
        assert!(text.contains("区间下限不高于") && !text.contains("超出"), "{text}");
    }
}
