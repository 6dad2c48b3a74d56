//! The tables of a baseline: what was usual in a closed period, for each kind
//! of case, as the standard of later ones.

use serde::Deserialize;
use serde::Serialize;

use crate::reference::stratum::LEVEL_WORDS;
use crate::reference::stratum::SETTING_WORDS;
use crate::reference::tables::Column;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::SOURCE;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::tables::VALID_TO;
use crate::reference::tables::col;

/// What an indicator is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 元; whole 分 in sums.
    Amount,
    /// Days or things; ten-thousandths in sums.
    Quantity,
}

impl Unit {
    /// Decimals of a value; its square has twice as many.
    pub fn decimals(self) -> u32 {
        match self {
            Self::Amount => 2,
            Self::Quantity => VALUE_PLACES,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Quantity => "quantity",
        }
    }
}

/// Which ratio of an indicator a prior is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Observed over expected.
    Expected,
    /// Share of cases, or lines, above the ceiling over the share that is usual.
    OverShare,
    /// Amount above the ceiling over the amount that is usual.
    OverAmount,
}

/// Who is compared with peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitKind {
    Institution,
    Department,
    Doctor,
}

/// The family of a prior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Poisson counts with gamma components.
    Counts,
    /// Money or days with inverse-gamma components.
    Costs,
}

/// What is counted as one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Case {
    Stay,
    Visit,
}

/// What an indicator says a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// A case, all its lines together, against the ceiling of its cell.
    Case,
    /// A line of a case against a ceiling of its own.
    Line,
}

pub const UNIT_WORDS: &[(&str, Unit)] = &[("amount", Unit::Amount), ("quantity", Unit::Quantity)];
pub const MEASURE_WORDS: &[(&str, Measure)] =
    &[("expected", Measure::Expected), ("over_share", Measure::OverShare), ("over_amount", Measure::OverAmount)];
pub const UNIT_KIND_WORDS: &[(&str, UnitKind)] =
    &[("institution", UnitKind::Institution), ("department", UnitKind::Department), ("doctor", UnitKind::Doctor)];
pub const MODEL_WORDS: &[(&str, Model)] = &[("counts", Model::Counts), ("costs", Model::Costs)];
pub const GRAIN_WORDS: &[(&str, Grain)] = &[("case", Grain::Case), ("line", Grain::Line)];
pub const CASE_WORDS: &[(&str, Case)] = &[("stay", Case::Stay), ("visit", Case::Visit)];

/// Decimals of a value in the table, whatever its unit.
pub const VALUE_PLACES: u32 = 4;
/// Decimals of a share: sums count parts of a million.
pub const SHARE_PLACES: u32 = 6;
const PARAMETER_PLACES: u32 = 12;

const VALUE: Kind = Kind::Number { places: VALUE_PLACES, unit: "元 (2 decimals) or things" };
const SQUARE: Kind = Kind::Number { places: 2 * VALUE_PLACES, unit: "its square (元²: 4 decimals)" };
const PARAMETER: Kind = Kind::Number { places: PARAMETER_PLACES, unit: "" };
const BASELINE: Column = col("baseline", Kind::Name, "基线版本", "name of the version; what it says never changes");
const INDICATOR: Column = col("indicator", Kind::Name, "指标", "such as total_cost, drug_cost, consumable_cost, stay_days, tests");

pub static INDICATORS: Table = Table {
    name: "baseline_indicators",
    zh: "基线指标",
    en: "Baselines and their indicators: what each is counted in, and the closed period that its cells come from. The other tables of baselines name only what stands here.",
    columns: &[
        BASELINE,
        INDICATOR,
        col("unit", Kind::Word(&UNIT_WORDS), "计量", "amount: 元 with at most 2 decimals; quantity: days or things with at most 4"),
        col("period_from", Kind::Day, "基期起", "first day of the cases"),
        col("period_to", Kind::DayAfter("period_from"), "基期止", "first day after them: a baseline is closed"),
        col("zh", Kind::Text, "中文名", "the indicator in Chinese"),
        col("en", Kind::Text, "英文名", "the indicator in English"),
        col(
            "grain",
            Kind::Word(&GRAIN_WORDS),
            "计数单位",
            "case: its cells are about cases; line: about single lines, each with a ceiling of its own; empty: case",
        )
        .may_be_missing(),
        SOURCE,
    ],
    key: Key::Cells(&["baseline", "indicator"]),
    example: "city_2025,total_cost,amount,2025-01-01,2026-01-01,次均总费用,total cost per case,case,settlements of 2025",
};

pub static CELLS: Table = Table {
    name: "baseline_cells",
    zh: "基线单元",
    en: "What is usual, by kind of case. Of the rows that fit a case the nearest one answers: one that names a value comes before one that says `*`, and `*` is taken first for insutype, then age_band, inst_level, setting, disease_group. Rows of fewer than 30 cases are passed over for a wider one (fewer than 72 where a ceiling is asked for), so give the wider rows too. A case without a row is left out and counted. Of an indicator whose grain is line, n, mean and variance are those of lines (price times quantity), a row has no cap and no ceiling, and over_rate, over_mean and over_variance stand without them.",
    columns: &[
        BASELINE,
        INDICATOR,
        col("disease_group", Kind::Text, "病组", "code of the disease group (DRG, DIP, ...) as events tell it; `*`: any"),
        col("age_band", Kind::AgeBand, "年龄段", "first and last whole year; bands may not overlap; `*`: any"),
        col("inst_level", Kind::Word(&LEVEL_WORDS), "机构级别", "band of the institution; `*`: any, also one without a level"),
        col("setting", Kind::Word(&SETTING_WORDS), "就医方式", "where care was given; `*`: any"),
        col("insutype", Kind::Text, "险种", "kind of insurance (310, 390, ...); `*`: any"),
        col("n", Kind::Number { places: 0, unit: "cases" }, "例数", "cases, or lines, that the row was computed from, at least 1"),
        col("mean", VALUE, "均值", "mean of values, each no more than the cap"),
        col("variance", SQUARE, "方差", "variance of the same"),
        col("cap", VALUE, "封顶值", "larger values count as this one (P99); empty: none").may_be_empty(),
        col("ceiling", VALUE, "上限", "P95, or an official limit; empty: none, or each line has its own").may_be_empty(),
        col("over_rate", Kind::Number { places: SHARE_PLACES, unit: "part of 1" }, "超上限比例", "cases, or lines, above the ceiling")
            .may_be_empty(),
        col("over_mean", VALUE, "超上限均值", "mean over all cases, or lines, of what is above the ceiling, up to the cap").may_be_empty(),
        col(
            "over_variance",
            SQUARE,
            "超上限方差",
            "variance of the same; these three come with a ceiling, and only so, unless each line has its own",
        )
        .may_be_empty(),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ],
    key: Key::Cells(&["baseline", "indicator", "disease_group", "age_band", "inst_level", "setting", "insutype"]),
    example: "city_2025,total_cost,304-3,65-,3,inpatient,310,412,41250.37,98211034.5512,152300.00,88410.25,0.048544,1210.33,40120551.2004,2026-01-01,,settlements of 2025",
};

pub static PRIORS: Table = Table {
    name: "baseline_priors",
    zh: "基线先验",
    en: "How much peers differ: the prior that a ratio is shrunk to. With w the first component is that of the outliers and the second that of ordinary peers; without it the first one, ordinary peers, stands alone and a2, b2 are empty.",
    columns: &[
        BASELINE,
        INDICATOR,
        col(
            "measure",
            Kind::Word(&MEASURE_WORDS),
            "比值",
            "observed over expected; share of cases (or lines), or amount, above the ceiling",
        ),
        col("unit_kind", Kind::Word(&UNIT_KIND_WORDS), "被比对象", "who is compared"),
        col("peer_class", Kind::Text, "同类", "class of peers; `*`: those of no class with a row of its own"),
        col("model", Kind::Word(&MODEL_WORDS), "模型", "counts: gamma-Poisson; costs (also days): inverse gamma"),
        col("a1", PARAMETER, "形状一", "shape"),
        col("b1", PARAMETER, "速率一", "rate"),
        col("a2", PARAMETER, "形状二", "shape of the second component").may_be_empty(),
        col("b2", PARAMETER, "速率二", "rate of the second component").may_be_empty(),
        col("w", PARAMETER, "异常权重", "weight of the outliers, between 0 and 1").may_be_empty(),
        col("units", Kind::Number { places: 0, unit: "units" }, "拟合对象数", "how many it was fitted to; 0: fixed, not fitted"),
        SOURCE,
    ],
    key: Key::Cells(&["baseline", "indicator", "measure", "unit_kind", "peer_class"]),
    example: "city_2025,total_cost,expected,institution,*,costs,8,14,46,45,0.02,211,fitted to settlements of 2025",
};

pub static EXPECTED: Table = Table {
    name: "baseline_expected",
    zh: "基线应有例数",
    en: "How many cases an institution should have told for a month: whether its data are whole enough to be judged.",
    columns: &[
        BASELINE,
        col("fixmedins_code", Kind::Institution, "机构编码", "institution"),
        col("month", Kind::Month, "月份", "the month that is judged"),
        col("case", Kind::Word(&CASE_WORDS), "病例", "stay: finished stays; visit: every other case but a purchase at a pharmacy"),
        col("expected_cases", Kind::Number { places: VALUE_PLACES, unit: "cases" }, "应有例数", "cases that are expected"),
        SOURCE,
    ],
    key: Key::Cells(&["baseline", "fixmedins_code", "month", "case"]),
    example: "city_2025,H99010100001,2026-07,stay,812.5,same month of the year before",
};
