//! 机构组: what a clue about a group of cases says, one row per unit and pane.
//!
//! Never read from a topic: the engine computes these values when it looks at
//! a pane, and rules with `kind: ratio` name them in summaries and evidence.

use super::Column;
use super::Kind::Int;
use super::Kind::Quantity;
use super::Kind::Rate;
use super::Kind::Text;
use super::Table;
use super::col;

pub static GROUP: Table = Table { name: "group", columns: COLUMNS };

const COLUMNS: &[Column] = &[
    col("sentence", Text, "说明", "what was found, in one Chinese sentence whose numbers can be computed again"),
    col("sentence_en", Text, "英文说明", "the same in English"),
    col("unit_kind", Text, "对象类别", "institution, department or doctor"),
    col("unit", Text, "对象", "code of the department or doctor; of the institution itself where that is meant"),
    col("period", Text, "期间", "the month, quarter or year to date that was looked at"),
    col("indicator", Text, "指标", "indicator of the baseline"),
    col("measure", Text, "比值", "expected (O/E), over_share (cases or lines) or over_amount above the ceiling"),
    col("grain", Text, "计数单位", "case, or line: what is counted and held against a ceiling"),
    col("n", Int, "例数", "cases, or lines, that count: their value and the cell of the baseline are known"),
    col("observed", Quantity, "实际值", "O, in the indicator's unit, or in cases or lines; each case no more than the cap of its cell"),
    col("expected", Quantity, "预期值", "E, the sum of the means of the cases' cells, for each case or line"),
    col("ratio", Rate, "实际/预期", "O / E"),
    col("raw_ratio", Rate, "未封顶实际/预期", "O / E of the values as they were; NULL of over-ceiling ratios"),
    col("shrunken", Rate, "收缩后比值", "posterior mean of the ratio"),
    col("low", Rate, "区间下限", "lower end of the 90 % interval (EB05)"),
    col("high", Rate, "区间上限", "upper end of the 90 % interval (EB95)"),
    col("limit", Rate, "同类上限", "L: what all but 2.5 % of ordinary peers stay below, at least 1.2"),
    col("excess", Quantity, "超出值", "(shrunken ratio − 1) · E: indicative, no part of fund losses"),
    col("coverage", Rate, "覆盖率", "share of the unit's cases, or lines, that count"),
    col("completeness", Rate, "完整率", "the institution's cases by those that the baseline expects for these months"),
    col("cells", Text, "主要单元", "the five cells with the largest O − E: cell, n, O, E"),
    col("case_share", Rate, "超上限例数占比", "cases, or lines, above their ceiling of all; NULL of O/E"),
    col("spend_share", Rate, "超上限病例费用占比", "what these spend of all spending; NULL of O/E"),
    col("amount_share", Rate, "超上限金额占比", "what lies above the ceilings of all spending; NULL of O/E"),
    col("baseline", Text, "基线摘要", "digest of the baseline's version"),
    col("definition", Text, "口径摘要", "digest of what was counted"),
    col("formula", Text, "公式版本", "what the numbers are computed by"),
];
