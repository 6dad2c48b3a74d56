//! SQL of rules in Chinese words: columns by their labels, codes by their
//! meaning. The words stand for the text beside them and are never read back.

use crate::base::decimal::Decimal;
use crate::events::Column;
use crate::events::Kind;
use crate::events::Tag;
use crate::events::derived;
use crate::expr::outline;
use crate::ruleset::doc::Bilingual;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::doc::RuleDoc;

/// The column that a qualified name means in any event.
pub fn column(name: &str) -> Option<Column> {
    derived::find_in_any(name).copied()
}

/// Whether a page may show the column's values.
pub fn is_open(name: &str) -> bool {
    column(name).is_some_and(|column| column.tag == Tag::Open)
}

/// Operators and functions as they are read aloud. A word that ends in `（`
/// opens the list of arguments that follows.
const WORDS: &[(&str, &str)] = &[
    ("and", "且"),
    ("or", "或"),
    ("not", "非"),
    ("in", "属于"),
    ("is", "为"),
    ("null", "空"),
    ("between", "介于"),
    ("like", "形如"),
    ("case", ""),
    ("when", "若"),
    ("then", "则"),
    ("else", "否则"),
    ("end", ""),
    ("true", "是"),
    ("false", "否"),
    ("coalesce", "首个已知值"),
    ("greatest", "较大者"),
    ("least", "较小者"),
    ("abs", "绝对值"),
    ("contains", "包含"),
    ("starts_with", "开头为"),
    ("days_between", "相隔天数"),
    ("age_on", "周岁"),
    ("date_of", "日期"),
    ("in_group", "属于疾病组"),
    ("icd_in", "诊断属于"),
    ("date", "日期"),
    ("cast", ""),
    ("as", "作为"),
];

/// Codes that conditions compare with.
const CODES: &[(&str, &str)] = &[
    ("NARC", "麻醉药品"),
    ("PSY1", "第一类精神药品"),
    ("PSY2", "第二类精神药品"),
    ("TOXIC", "医疗用毒性药品"),
    ("RADIO", "放射性药品"),
    ("PRECURSOR", "药品类易制毒化学品"),
    ("NONE", "非特殊管理药品"),
    ("outpatient", "门诊"),
    ("emergency", "急诊"),
    ("inpatient", "住院"),
    ("day_surgery", "日间手术"),
    ("maternity_inpatient", "生育住院"),
    ("chronic", "门慢特"),
    ("pharmacy", "零售药店"),
    ("hospital", "医疗机构"),
    ("online", "互联网医院"),
    ("injection", "注射剂"),
    ("sustained", "缓控释剂"),
    ("patch", "贴剂"),
    ("other", "其他剂型"),
    ("pain", "疼痛"),
    ("newborn", "新生儿"),
    ("infant", "婴幼儿"),
    ("child", "儿童"),
    ("work_injury", "工伤保险"),
    ("maternity", "生育保险"),
    ("suspended", "暂停"),
    ("ended", "终止"),
    ("active", "有效"),
    ("settlement", "医保结算"),
    ("prescription", "电子处方"),
    ("supply", "用药供给"),
    ("institution", "机构"),
    ("department", "科室"),
    ("doctor", "医师"),
    ("expected", "实际与预期之比"),
    ("over_share", "超上限例数（笔数）比"),
    ("case", "病例"),
    ("line", "明细"),
    ("over_amount", "超上限金额比"),
];

/// A code in Chinese, itself where it has no other name.
pub fn code(text: &str) -> &str {
    CODES.iter().find(|(own, _)| *own == text).map_or(text, |(_, zh)| zh)
}

/// SQL in words. `value` says what stands for a qualified name; `None`: its label.
pub fn say(sql: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let readable = outline::readable(sql);
    let mut out = String::new();
    let mut rest = readable.as_str();
    while let Some(first) = rest.chars().next() {
        let taken = if first == '\'' {
            let end = rest.get(1..).and_then(|text| text.find('\'')).map_or(rest.len(), |at| at + 2);
            let text = rest.get(..end).unwrap_or(rest);
            out.push_str(&literal(text));
            end
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|ch: char| !(ch.is_ascii_alphanumeric() || matches!(ch, '_' | '.'))).unwrap_or(rest.len());
            let word = rest.get(..end).unwrap_or(rest);
            out.push_str(&spoken(word, value));
            end
        } else {
            let (text, len) = symbol(rest, first);
            out.push_str(text);
            len
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    let mut said = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for (wide, narrow) in [(" （", "（"), ("非 属于", "不属于"), ("（ ", "（"), (" ）", "）"), ("） ", "）"), ("， ", "，"), (" ，", "，")]
    {
        said = said.replace(wide, narrow);
    }
    said
}

fn literal(quoted: &str) -> String {
    let text = quoted.trim_matches('\'');
    match CODES.iter().find(|(own, _)| *own == text) {
        Some((_, zh)) => (*zh).to_owned(),
        None => format!("“{text}”"),
    }
}

fn spoken(word: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    if word.contains('.') {
        return value(word).unwrap_or_else(|| match column(word) {
            Some(column) => format!("「{}」", column.zh),
            None => word.to_owned(),
        });
    }
    let lower = word.to_lowercase();
    WORDS.iter().find(|(own, _)| *own == lower).map_or_else(|| word.to_owned(), |(_, zh)| format!(" {zh} "))
}

fn symbol(rest: &str, first: char) -> (&str, usize) {
    const LONG: &[(&str, &str)] = &[(">=", " ≥ "), ("<=", " ≤ "), ("<>", " ≠ "), ("!=", " ≠ ")];
    if let Some((own, text)) = LONG.iter().find(|(own, _)| rest.starts_with(own)) {
        return (text, own.len());
    }
    let text = match first {
        '>' => " > ",
        '<' => " < ",
        '=' => " = ",
        '*' => " × ",
        '/' => " ÷ ",
        '-' => " − ",
        '+' => " + ",
        '(' => "（",
        ')' => "）",
        ',' => "，",
        _ => rest.get(..first.len_utf8()).unwrap_or_default(),
    };
    (text, first.len_utf8())
}

/// A number without idle zeros behind the point; other texts as they are.
pub fn number(text: &str) -> String {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = digits.contains('.') && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !is_number {
        return text.to_owned();
    }
    let trimmed = text.trim_end_matches('0');
    trimmed.strip_suffix('.').unwrap_or(trimmed).to_owned()
}

/// A value as people read it.
pub fn value(text: &str) -> String {
    match text {
        "true" => "是".to_owned(),
        "false" => "否".to_owned(),
        other => number(code(other)),
    }
}

/// Why rules do not know, in the words of the tally.
const REASONS: &[(&str, &str, &str)] = &[
    ("condition", "条件所需的数据缺失", "data that the condition needs are missing"),
    ("no_basis_in_force", "事实发生时没有依据在施行", "no basis was in force at the time of the fact"),
    ("history_too_short", "完整历史不足，不能由“未见”下结论", "the complete history is too short to conclude from absence"),
    ("history_elsewhere", "参保地不在数据覆盖范围，历史可能在外地", "insured where the feed does not reach: the history may be elsewhere"),
    ("diagnosis_not_comparable", "诊断无法比较（未填、中医编码或Z类）", "the diagnoses cannot be compared (none, TCM codes, Z codes)"),
    ("contact_not_decidable", "此前的记录可能是线下就诊，无法确定", "something earlier may have been care in person"),
    ("excuse_not_decidable", "无法判断豁免是否成立", "it cannot be told whether an exemption holds"),
    ("days_not_computable", "用药天数无法计算", "days of supply cannot be computed"),
];

/// Why nothing is said about a group, in the words of the tally.
const GROUP_REASONS: &[(&str, &str, &str)] = &[
    ("no_baseline", "参考数据中没有该基线", "the references lack the baseline"),
    ("other_grain", "基线按病例计而规则按明细计，或相反", "the baseline counts cases and the rule lines, or the other way round"),
    ("no_baseline_cells", "基线没有这些病例所属的单元，或单元例数不足", "the baseline has no cell for these cases, or too few cases in it"),
    ("no_expected_cases", "基线未载明该机构应有多少病例，不知数据是否完整", "the baseline does not say how many cases there should be"),
    ("incomplete", "数据不完整：病例明显少于应有例数", "incomplete: too many of the expected cases are missing"),
    ("no_prior", "没有可比的同类", "no peers to compare with"),
    ("too_few_cases", "病例过少", "too few cases"),
    ("zero_expected", "预期值为零", "nothing is expected"),
    ("no_variance", "基线无变异，无从判断差异是否偶然", "the cells do not vary, so chance cannot be told"),
    ("negative_observed", "退费多于收费", "refunds exceed what was charged"),
    ("overflow", "数值过大，无法计算", "a number is too large to be told"),
    ("definition_changed", "期间内口径有变", "part of the pane was counted otherwise"),
    ("setting", "就医方式不明", "the setting of care is not known"),
];

/// A reason why a group is unknown, in both languages.
pub fn reason_of_group(reason: &str) -> Bilingual {
    let known = GROUP_REASONS.iter().find(|(own, ..)| *own == reason);
    known.map_or_else(
        || Bilingual { zh: reason.to_owned(), en: reason.to_owned() },
        |(_, zh, en)| Bilingual { zh: (*zh).to_owned(), en: (*en).to_owned() },
    )
}

/// A reason of a rule in both languages; its own gates and exemptions by their titles.
pub fn reason(book: &RuleBook, rule: Option<&RuleDoc>, reason: &str) -> Bilingual {
    if let Some((_, zh, en)) = REASONS.iter().find(|(own, ..)| *own == reason) {
        return Bilingual { zh: (*zh).to_owned(), en: (*en).to_owned() };
    }
    let gate = rule.and_then(|rule| book.gate(reason, rule.event, rule.grain)).map(|gate| &gate.title);
    let exempt = rule.and_then(|rule| rule.exempt.iter().find(|exempt| exempt.id == reason)).map(|exempt| &exempt.title);
    match gate.or(exempt) {
        Some(title) => {
            Bilingual { zh: format!("无法判断是否属于：{}", title.zh), en: format!("it cannot be told whether: {}", title.en) }
        }
        None => reason_of_group(reason),
    }
}

/// A column's value as people read it: quantities to two places.
pub fn value_of(name: &str, text: &str) -> String {
    let is_quantity = column(name).is_some_and(|column| column.kind == Kind::Quantity);
    let decimal = text.split_once('.').filter(|(_, places)| is_quantity && places.len() > 2);
    let units = decimal.and_then(|(whole, places)| Some((format!("{whole}{places}").parse::<i128>().ok()?, places.len())));
    match units {
        Some((units, places)) => number(&Decimal::new(units, u8::try_from(places).unwrap_or(4)).rescale(2).to_string()),
        None => value(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_said_in_words() {
        let values = |name: &str| (name == "param.days").then(|| "3".to_owned());
        for (sql, expect) in [
            ("supply.special_class IN ('NARC', 'PSY1')", "「特殊管理类别」 属于（麻醉药品，第一类精神药品）"),
            ("supply.days_declared > param.days", "「申报天数」 > 3"),
            ("contains(line.medins_list_name, '新生儿')", "包含（「医药机构目录名称」，“新生儿”）"),
            ("line.cnt >= 2 AND NOT header.online", "「数量」 ≥ 2 且 非 「线上」"),
            ("param.other", "param.other"),
        ] {
            let column = column("line.medins_list_name").map(|column| column.zh).unwrap_or_default();
            assert_eq!(say(sql, &values), expect.replace("医药机构目录名称", column), "{sql}");
        }
    }

    #[test]
    fn every_reason_of_a_group_has_words() {
        for reason in crate::evaluators::ratio::Unknown::ALL {
            assert_ne!(reason_of_group(reason.name()).zh, reason.name());
        }
    }

    #[test]
    fn numbers_lose_idle_zeros_and_codes_keep_theirs() {
        for (text, expect) in
            [("21.0000", "21"), ("0.50", "0.5"), ("100", "100"), ("J06.900x", "J06.900x"), ("true", "是"), ("-1.20", "-1.2")]
        {
            assert_eq!(value(text), expect);
        }
    }
}
