//! The keys of rule, gate and pack files: shape, need, default and label of
//! each. `read` fills documents by it and `schema` describes it to editors.

use crate::ruleset::shape::AREA;
use crate::ruleset::shape::AREA_OR_EMPTY;
use crate::ruleset::shape::Field;
use crate::ruleset::shape::Form;
use crate::ruleset::shape::KEBAB;
use crate::ruleset::shape::Object;
use crate::ruleset::shape::RowOf;
use crate::ruleset::shape::SNAKE;
use crate::ruleset::shape::Shape;
use crate::ruleset::shape::optional;
use crate::ruleset::shape::required;
use crate::ruleset::words::CasePrior;
use crate::ruleset::words::CaseUnit;
use crate::ruleset::words::Compare;
use crate::ruleset::words::Expect;
use crate::ruleset::words::Grade;
use crate::ruleset::words::Grain;
use crate::ruleset::words::GroupCase;
use crate::ruleset::words::Headline;
use crate::ruleset::words::Institutions;
use crate::ruleset::words::LookFor;
use crate::ruleset::words::PaneWord;
use crate::ruleset::words::Party;
use crate::ruleset::words::RuleEvent;
use crate::ruleset::words::Severity;
use crate::ruleset::words::Status;
use crate::ruleset::words::UnitWord;
use crate::ruleset::words::Words as _;
use crate::ruleset::words::words;

words! {
    /// The word after `kind:`.
    EvaluatorKind {
        Row = "row", "逐行", "each row by itself";
        History = "history", "参保人历史", "against the person's earlier events";
        Ratio = "ratio", "机构组", "the cases of an institution, department or doctor against a baseline";
    }
}

/// Version numbers start here; 0 would look like "none".
const VERSION: Shape = Shape::Int { min: 1, max: 1_000_000 };

/// A rule file.
pub static RULE: Object = Object {
    fields: &[
        required("id", Shape::Form(&KEBAB), "规则编号", "the rule's id, same as the file's name"),
        required("version", VERSION, "版本", "raised whenever the rule's meaning changes"),
        required("title", Shape::Object(&BILINGUAL), "标题", "one line in both languages"),
        required("status", Shape::Choice(Status::CHOICES), "状态", "how far the rule has come"),
        optional("retired_because", Shape::Text, "停用原因", "why the rule was retired"),
        required("owner", Shape::Text, "负责人", "the desk that answers for the rule"),
        required("department", Shape::Object(&DEPARTMENT), "受理部门", "who receives the clues"),
        optional("focus", Shape::Text, "专项重点", "a focus of the year's campaign"),
        required("result", Shape::Choice(Grade::CHOICES), "线索等级", "how sure a clue is"),
        optional("clear_when", Shape::Sql, "明确条件", "rows where it is not true are only suspected; needs `result: clear`"),
        required("severity", Shape::Choice(Severity::CHOICES), "严重程度", "how grave a clue is"),
        required("problem_type", Shape::Text, "问题类型", "the regulation's word for the problem"),
        required("party", Shape::Choice(Party::CHOICES), "责任主体", "whom a clue is about"),
        required("event", Shape::Choice(RuleEvent::CHOICES), "事件", "what the rule judges"),
        required("grain", Shape::Choice(Grain::CHOICES), "粒度", "what one row is"),
        required("evaluate", EVALUATE, "判断方式", "the kind of judging and its settings"),
        optional("params", Shape::Map { key: &SNAKE, value: &PARAM_SHAPE }, "参数", "thresholds, read as `param.name`"),
        optional("gates", Shape::List(&Shape::Form(&SNAKE)), "公共豁免", "ids of gates from gates.yaml"),
        optional("exempt", Shape::List(&Shape::Object(&EXEMPT)), "本规则豁免", "exemptions of this rule alone"),
        optional(
            "data_quality",
            Shape::List(&Shape::Object(&DATA_QUALITY)),
            "数据质量",
            "rows that are counted in the metrics and told to nobody; for rules with `kind: row`",
        ),
        required("clue", Shape::Object(&CLUE), "线索内容", "what a clue says"),
        required("why", Shape::Object(&BILINGUAL), "为何可疑", "why the pattern is suspicious"),
        required("basis", Shape::SomeOf(&Shape::Object(&BASIS)), "依据", "legal bases, each with its dates"),
        required(
            "innocent_when",
            Shape::SomeOf(&Shape::Object(&BILINGUAL)),
            "常见正当情形",
            "known innocent explanations to ask for first",
        ),
        optional(
            "not_seen",
            Shape::SomeOf(&Shape::Object(&BILINGUAL)),
            "已知漏报",
            "violations that the rule means and the data cannot show, each with its reason",
        ),
        required("cases", Shape::SomeOf(&Shape::Object(&CASE)), "用例", "tests of the rule"),
    ],
};

pub static BILINGUAL: Object =
    Object { fields: &[required("zh", Shape::Text, "中文", "in Chinese"), required("en", Shape::Text, "英文", "in English")] };

pub static DEPARTMENT: Object = Object {
    fields: &[
        required("lead", Shape::Form(&SNAKE), "主办", "who handles the clue; an id from departments.yaml"),
        optional("copy_to", Shape::List(&Shape::Form(&SNAKE)), "抄送", "who receives a copy"),
        optional("refer_if_confirmed", Shape::List(&Shape::Form(&SNAKE)), "查实后移送", "who is told only once the clue is confirmed"),
    ],
};

const EVALUATE: Shape = Shape::Tagged {
    tag: "kind",
    variants: &[
        (EvaluatorKind::Row.name(), Shape::Object(&ROW)),
        (
            EvaluatorKind::History.name(),
            Shape::Tagged {
                tag: "look_for",
                variants: &[
                    (LookFor::EarlierContact.name(), Shape::Object(&EARLIER_CONTACT)),
                    (LookFor::OverlappingSupply.name(), Shape::Object(&OVERLAPPING_SUPPLY)),
                ],
            },
        ),
        (EvaluatorKind::Ratio.name(), Shape::Object(&RATIO)),
    ],
};

const KIND: Field = required("kind", Shape::Choice(EvaluatorKind::CHOICES), "类别", "the kind of judging");
const LOOK_FOR: Field = required("look_for", Shape::Choice(LookFor::CHOICES), "查找", "what is looked for in the history");

pub static ROW: Object = Object { fields: &[KIND, required("when", Shape::Sql, "条件", "true for the rows that a clue is about")] };

pub static EARLIER_CONTACT: Object = Object {
    fields: &[
        KIND,
        LOOK_FOR,
        required("anchor", Shape::Sql, "判断对象", "which headers are judged: prescriptions, and bills of care (no purchases)"),
        optional("told_by", Shape::Sql, "自报首诊", "true where the institution itself told of a first visit"),
        optional("wait", Shape::Duration, "等待", "event time until the conclusion from absence").or("1d"),
        required("lookback_days", Shape::NumberOrParam, "回溯天数", "days that are looked at; 0: all"),
        required("min_history_days", Shape::NumberOrParam, "最短历史天数", "days of complete history without which the rule is unknown"),
        required("same_disease", Shape::Object(&SAME_DISEASE), "同病判定", "what makes a visit one for the same disease; any suffices"),
    ],
};

pub static SAME_DISEASE: Object = Object {
    fields: &[
        optional("icd_characters", Shape::Int { min: 0, max: 10 }, "ICD前几位", "leading characters that agree; 0: not looked at").or("3"),
        optional("groups", Shape::Bool, "疾病组", "the same disease group").or("true"),
        optional("chronic_list", Shape::Bool, "门慢特病种", "the same entry of the chronic-disease list").or("true"),
        optional("substance", Shape::Bool, "同成分", "the same substance was supplied").or("true"),
        optional("init_rxno", Shape::Bool, "续方", "the prescription continues an earlier one").or("true"),
    ],
};

pub static OVERLAPPING_SUPPLY: Object = Object {
    fields: &[
        KIND,
        LOOK_FOR,
        required("remaining_days", Shape::NumberOrParam, "剩余天数", "days that the earlier supply still lasts"),
        required("remaining_share", Shape::NumberOrParam, "剩余比例", "share of the earlier supply that still lasts, 0 to 1"),
        required("surplus_days", Shape::NumberOrParam, "累计超量天数", "days of surplus over the run of supplies"),
        optional("institutions", Shape::Choice(Institutions::CHOICES), "机构范围", "which supplies are held against each other")
            .or("several"),
        optional(
            "institutions_min",
            Shape::Int { min: 2, max: 100 },
            "最少机构数",
            "different institutions among the supplies; only with `institutions: several`, 2 where it is absent",
        ),
        optional("same_substance", Shape::Bool, "同成分", "only supplies of one substance are compared").or("true"),
    ],
};

pub static RATIO: Object = Object {
    fields: &[
        KIND,
        required("compare", Shape::Choice(Compare::CHOICES), "比较方式", "what the cases are held against"),
        optional(
            "headline",
            Shape::Choice(Headline::CHOICES),
            "主要比值",
            "which over-ceiling ratio is told; only with `compare: over_ceiling`; absent: `by_line` beside `each`, else `by_case`",
        ),
        required("case", Shape::Choice(GroupCase::CHOICES), "病例", "what is counted as one case"),
        required("cases", Shape::Sql, "纳入条件", "true for the bills whose cases count; header columns only"),
        required("value", Shape::Object(&CASE_VALUE), "病例数值", "what one case adds; `{}`: the days of the stay"),
        required("indicator", Shape::Form(&SNAKE), "指标", "name of the indicator in the baseline"),
        optional(
            "baseline",
            Shape::Form(&SNAKE),
            "基线版本",
            "name of the baseline among the reference tables; absent: of those that have the indicator the one of the latest period",
        ),
        required("units", Shape::SomeOf(&Shape::Choice(UnitWord::CHOICES)), "对象", "whose cases are summed"),
        required("panes", Shape::SomeOf(&Shape::Choice(PaneWord::CHOICES)), "期间", "over which slices of event time they are summed"),
        required("min_excess", Shape::NumberOrParam, "最低超出值", "least (shrunken ratio − 1) · E of a clue, in 元 or things"),
        optional(
            "min_excess_cases",
            Shape::Int { min: 1, max: 1_000_000 },
            "最低超出例数",
            "least cases above their ceiling beyond the usual; only with `headline: by_case`, 3 where it is absent",
        ),
        optional(
            "min_excess_lines",
            Shape::Int { min: 1, max: 1_000_000 },
            "最低超出笔数",
            "least lines above their ceilings beyond the usual; only with `headline: by_line`, 3 where it is absent",
        ),
    ],
};

pub static CASE_VALUE: Object = Object {
    fields: &[
        optional(
            "sum",
            Shape::Sql,
            "累加",
            "summed over the lines of the case's bills, or over the bills if it names header columns alone; absent: the days of the stay",
        ),
        optional("where", Shape::Sql, "明细条件", "true for the lines that are summed or counted; absent: all"),
        optional("per_day", Shape::Bool, "按住院日", "divided by the days of the stay, at least one").or("false"),
        optional(
            "each",
            Shape::Sql,
            "逐笔数值",
            "of each line by itself: what is held against the line's own ceiling; with `ceiling` and `times`, in place of `sum`",
        ),
        optional(
            "ceiling",
            Shape::Sql,
            "逐笔上限",
            "ceiling of the line; a line with none, or one that is not between 0 and 999999, does not count",
        ),
        optional(
            "times",
            Shape::Sql,
            "逐笔数量",
            "quantity of the line, by which `each` and `ceiling` become amounts; a line of none does not count",
        ),
    ],
};

const PARAM_SHAPE: Shape = Shape::Object(&PARAM);

pub static PARAM: Object = Object {
    fields: &[
        required("default", Shape::NumberOrText, "默认值", "the value where no area says otherwise"),
        optional("min", Shape::Decimal, "下限", "the least value that makes sense"),
        optional("max", Shape::Decimal, "上限", "the greatest value that makes sense"),
        optional("unit", Shape::Text, "单位", "the value's unit"),
        optional("note", Shape::Text, "说明", "where the value comes from"),
        optional(
            "by_area",
            Shape::Map { key: &AREA, value: &Shape::NumberOrText },
            "分地区取值",
            "by area prefix; the longest match holds, on every day",
        ),
        optional(
            "by_date",
            Shape::List(&Shape::Object(&BY_DATE)),
            "分日期取值",
            "what holds instead of the default from a day of the fact on; an area's own value goes before it",
        ),
    ],
};

pub static BY_DATE: Object = Object {
    fields: &[
        required("from", Shape::Date, "起始日", "the first day on which the value holds"),
        required("value", Shape::NumberOrText, "取值", "the value from then on, until the next"),
        optional("note", Shape::Text, "说明", "where the value comes from"),
    ],
};

pub static EXEMPT: Object = Object {
    fields: &[
        required("id", Shape::Form(&SNAKE), "编号", "the exemption's id"),
        required("zh", Shape::Text, "中文", "in Chinese"),
        required("en", Shape::Text, "英文", "in English"),
        required("when", Shape::Sql, "条件", "true for the rows that are exempt"),
    ],
};

pub static DATA_QUALITY: Object = Object {
    fields: &[
        required("id", Shape::Form(&SNAKE), "编号", "the check's id, a label of the metric"),
        required("zh", Shape::Text, "中文", "in Chinese"),
        required("en", Shape::Text, "英文", "in English"),
        required(
            "when",
            Shape::Sql,
            "条件",
            "true for the rows that count, whatever the rule says of them; gates and exemptions are not asked",
        ),
    ],
};

pub static CLUE: Object = Object {
    fields: &[
        required("summary", Shape::Object(&SUMMARY), "摘要", "one sentence with {column} placeholders"),
        required("evidence", Shape::SomeOf(&Shape::Sql), "证据字段", "columns whose values the clue carries"),
        optional("observed", Shape::Sql, "实际值", "the value that was found"),
        optional("limit", Shape::Sql, "限值", "the value that was allowed"),
        optional("unit", Shape::Object(&BILINGUAL), "单位", "unit of observed and limit"),
        optional("money", Shape::Sql, "违规金额", "the offending amount in 元"),
    ],
};

pub static SUMMARY: Object =
    Object { fields: &[required("zh", Shape::Template, "中文", "in Chinese"), required("en", Shape::Template, "英文", "in English")] };

pub static BASIS: Object = Object {
    fields: &[
        required("text", Shape::Text, "文件", "title of the law, regulation or notice"),
        optional("article", Shape::TextOrEmpty, "条款", "article, paragraph, item").or(""),
        required("issuer", Shape::Text, "发文机关与文号", "issuer and number"),
        optional("area", Shape::Form(&AREA_OR_EMPTY), "适用地区", "prefix of the areas that it binds; empty: everywhere").or(""),
        required("valid_from", Shape::Date, "施行日期", "the first day in force"),
        optional("valid_to", Shape::Date, "失效日期", "the first day no longer in force; null: still in force"),
        required("verified", Shape::Bool, "已核对原文", "whether a person compared it with the published text"),
    ],
};

pub static CASE: Object = Object {
    fields: &[
        required("name", Shape::Text, "名称", "what the case shows"),
        optional("settings", Shape::Object(&CASE_SETTINGS), "环境", "how the feed differs from the test's default"),
        optional("given", Shape::Object(&GIVEN), "给定", "one event of the rule's type; instead of events"),
        optional("events", Shape::SomeOf(&Shape::OneKey(&CASE_EVENTS)), "事件", "all events, in any order; instead of given"),
        required("expect", Shape::Choice(Expect::CHOICES), "期望", "what the rule says"),
        optional("grade", Shape::Choice(Grade::CHOICES), "期望等级", "the grade of the expected clue"),
        optional("money", Shape::Decimal, "期望金额", "vola_amt of the expected clues together, in yuan"),
        optional("data_quality", Shape::List(&Shape::Form(&SNAKE)), "期望数据质量", "ids of the checks that count something; absent: any"),
    ],
};

pub static CASE_SETTINGS: Object = Object {
    fields: &[
        optional("complete_from", Shape::Date, "数据完整起始日", "since when the inputs are complete"),
        optional("prescriptions_complete_from", Shape::Date, "处方数据完整起始日", "since when prescriptions are, if from another day on"),
        optional("clues_from", Shape::Date, "上线日", "earlier events build state and tell nothing"),
        optional("covered_areas", Shape::List(&Shape::Form(&AREA)), "覆盖地区", "prefixes of the areas that the feed covers"),
        optional(
            "baseline",
            Shape::Object(&CASE_BASELINE),
            "基线",
            "what is usual of any case of the rule's indicator, in place of all baselines of the references; for rules with `kind: ratio`",
        ),
    ],
};

pub static CASE_BASELINE: Object = Object {
    fields: &[
        optional("unit", Shape::Choice(CaseUnit::CHOICES), "计量", "what the numbers are").or("amount"),
        optional("n", Shape::Int { min: 1, max: 1_000_000_000 }, "例数", "cases, or lines, that the numbers were computed from").or("1000"),
        required("mean", Shape::Decimal, "均值", "mean of the values, each no more than the cap"),
        required("variance", Shape::Decimal, "方差", "variance of the same"),
        optional("cap", Shape::Decimal, "封顶值", "larger values count as this one; absent: none"),
        optional(
            "ceiling",
            Shape::Decimal,
            "上限",
            "P95, or an official limit; it and the next three stand together, and these alone where lines have their own",
        ),
        optional("over_rate", Shape::Decimal, "超上限比例", "part of 1 of the cases, or lines, that is above the ceiling"),
        optional("over_mean", Shape::Decimal, "超上限均值", "mean over all cases, or lines, of what is above the ceiling"),
        optional("over_variance", Shape::Decimal, "超上限方差", "variance of the same"),
        optional(
            "expected_cases",
            Shape::Decimal,
            "应有例数",
            "of each institution and month of the case's events, none in other months of their years; absent: not told",
        ),
        optional("prior", Shape::Choice(CasePrior::CHOICES), "先验", "how much peers differ").or("fixed"),
    ],
};

/// The rule's own event, or for rules on supplies its halves.
pub static GIVEN: Object = Object { fields: &[TIMES, HEADER, LINE, LINES, DIAGNOSES, OPERATIONS, SETTLEMENT, PRESCRIPTION] };

pub static CASE_EVENTS: Object = Object { fields: &[SETTLEMENT, PRESCRIPTION] };

pub static CASE_EVENT: Object = Object { fields: &[TIMES, HEADER, LINE, LINES, DIAGNOSES, OPERATIONS] };

const SETTLEMENT: Field = optional("settlement", Shape::Object(&CASE_EVENT), "医保结算", "a settlement");
const PRESCRIPTION: Field = optional("prescription", Shape::Object(&CASE_EVENT), "电子处方", "a prescription");
const TIMES: Field =
    optional("times", Shape::Int { min: 1, max: 10_000 }, "次数", "so many events alike, each with its own number and visit").or("1");
const HEADER: Field = optional("header", Shape::Row(RowOf::Header), "主单字段", "fields of the header that differ from the default event");
const LINE: Field = optional("line", Shape::Row(RowOf::Line), "明细字段", "fields of the one line that differ from the default line");
const LINES: Field = optional("lines", Shape::List(&Shape::Row(RowOf::Line)), "明细", "all lines, each over the default line");
const DIAGNOSES: Field =
    optional("diagnoses", Shape::List(&Shape::Row(RowOf::Diagnoses)), "诊断", "all diagnoses; absent: those of the default event");
const OPERATIONS: Field = optional("operations", Shape::List(&Shape::Row(RowOf::Operations)), "手术操作", "all operations");

/// `gates.yaml`.
pub static GATES: Object =
    Object { fields: &[required("gates", Shape::List(&Shape::Object(&GATE)), "公共豁免", "exemptions that rules share")] };

pub static GATE: Object = Object {
    fields: &[
        required("id", Shape::Form(&SNAKE), "编号", "the gate's id"),
        required("zh", Shape::Text, "中文", "in Chinese"),
        required("en", Shape::Text, "英文", "in English"),
        required("event", Shape::Choice(RuleEvent::CHOICES), "事件", "whose rows it tells about"),
        required("grain", Shape::Choice(Grain::CHOICES), "粒度", "what one row is"),
        required("when", Shape::Sql, "条件", "true for the rows that it tells about"),
        optional("quiet", Shape::Bool, "免于提示", "whether it quiets a rule; if not it only informs").or("true"),
        optional("party", Shape::Choice(Party::CHOICES), "责任主体", "whom a clue is about where the gate holds, whatever the rule says"),
    ],
};

/// `pack.yaml`, which a folder of rules may have.
pub static PACK: Object =
    Object { fields: &[required("title", Shape::Object(&BILINGUAL), "标题", "what the pack is about, in both languages")] };

/// `departments.yaml`.
pub static DEPARTMENTS: Object =
    Object { fields: &[required("departments", Shape::SomeOf(&Shape::Object(&DEPARTMENT_ROW)), "部门", "who may receive clues")] };

pub static DEPARTMENT_ROW: Object = Object {
    fields: &[
        required("id", Shape::Form(&SNAKE), "编号", "the word in rules, clues and headers"),
        required("zh", Shape::Text, "中文", "in Chinese"),
        required("en", Shape::Text, "英文", "in English"),
        required("valid_from", Shape::Date, "设立日期", "the first day on which it receives clues"),
        optional("valid_to", Shape::Date, "撤销日期", "the first day on which it no longer does; null: still does"),
        optional("succeeded_by", Shape::Form(&SNAKE), "承接部门", "who receives its clues from then on"),
        optional("refer_only", Shape::Bool, "仅移送", "whether it may stand under refer_if_confirmed alone").or("false"),
    ],
};

/// A national code: 字符型 3.
pub const CODE: Form = Form {
    regex: "^[0-9A-Za-z]{1,3}$",
    matches: |text| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    help: "A code is one to three letters or digits, in quotes.",
};

const WORD: Form = Form {
    regex: "^\\S(.*\\S)?$",
    matches: |text| !text.is_empty() && text.trim() == text,
    help: "Write the word without blanks around it.",
};

/// `code_map.yaml`.
pub static CODE_MAP: Object = Object {
    fields: &[
        required("sev_deg", Shape::Object(&SEV_DEG), "违规严重程度", "by result, then by severity"),
        required(
            "vola_bhvr_type",
            Shape::Map { key: &WORD, value: &Shape::Form(&CODE) },
            "违规行为分类",
            "by problem type: those that rules may use",
        ),
        required("vola_amt_stas", Shape::Object(&VOLA_AMT_STAS), "违规金额计算状态", "by the status of the money"),
    ],
};

pub static SEV_DEG: Object = Object {
    fields: &[
        required("clear", Shape::Object(&BY_SEVERITY), "明确违规", "of clear clues"),
        required("suspected", Shape::Object(&BY_SEVERITY), "可疑", "of suspected clues"),
    ],
};

pub static BY_SEVERITY: Object = Object {
    fields: &[
        required("low", Shape::Form(&CODE), "低", "of low severity"),
        required("medium", Shape::Form(&CODE), "中", "of medium severity"),
        required("high", Shape::Form(&CODE), "高", "of high severity"),
    ],
};

pub static VOLA_AMT_STAS: Object = Object {
    fields: &[
        required("exact", Shape::Form(&CODE), "精确", "the funds' part is exact"),
        required("estimated", Shape::Form(&CODE), "估算", "the funds' part is the bill's share"),
        required("not_computable", Shape::Form(&CODE), "不可计算", "the funds' part cannot be told"),
    ],
};
