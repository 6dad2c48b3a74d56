//! The national projection of a clue: the violation record of transactions
//! 3101 and 3102, with their names and lengths. English stands in keys of its
//! own (`..._en`), which the national record does not have; its `task_id` is
//! left out, because a stream has no task.

use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::base::decimal::Decimal;
use crate::base::ids::ClueId;
use crate::clues::finding::BasisRef;
use crate::clues::finding::Evidence;
use crate::clues::finding::Finding;
use crate::clues::schema::object;
use crate::ruleset::code_map::CodeMap;

/// Characters of ids, of the rule's name, of texts, and of codes.
pub const ID_MAX: usize = 50;
pub const NAME_MAX: usize = 200;
pub const TEXT_MAX: usize = 500;
pub const CODE_MAX: usize = 3;

/// Longer texts are cut at a sentence; the finding has them whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct National {
    pub jr_id: String,
    pub rule_id: String,
    pub rule_name: String,
    pub rule_name_en: String,
    pub vola_cont: String,
    pub vola_cont_en: String,
    /// The person's pseudonym.
    pub patn_id: Option<String>,
    /// One of the visits.
    pub mdtrt_id: Option<String>,
    pub judge_result_detail_dtos: Vec<Detail>,
    pub vola_amt: Option<Decimal>,
    pub vola_amt_stas: Option<String>,
    pub sev_deg: Option<String>,
    pub vola_evid: Option<String>,
    pub vola_bhvr_type: Option<String>,
}

/// One item of evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Detail {
    pub jrd_id: String,
    pub patn_id: Option<String>,
    pub mdtrt_id: Option<String>,
    pub rx_id: Option<String>,
    /// 1 违规项 the offending item, 2 涉及项 a related one.
    pub vola_item_type: String,
    pub vola_amt: Option<Decimal>,
}

/// `finding.national` itself is not looked at.
pub fn project(finding: &Finding, codes: &CodeMap) -> National {
    let owned = |code: Option<&str>| code.map(str::to_owned);
    let evid = finding.basis.iter().map(cited).collect::<Vec<_>>().join("；");
    National {
        jr_id: finding.clue_id.clone(),
        rule_id: finding.rule.id.clone(),
        rule_name: cut(&finding.rule.title.zh, NAME_MAX).to_owned(),
        rule_name_en: cut(&finding.rule.title.en, NAME_MAX).to_owned(),
        vola_cont: cut(&finding.vola_cont.zh, TEXT_MAX).to_owned(),
        vola_cont_en: cut(&finding.vola_cont.en, TEXT_MAX).to_owned(),
        patn_id: id(finding.subject.person.as_deref()),
        mdtrt_id: finding.evidence.iter().find_map(|item| id(item.mdtrt_id.as_deref())),
        judge_result_detail_dtos: finding.evidence.iter().map(|item| detail(finding, item)).collect(),
        vola_amt: finding.money.vola_amt.map(|amount| amount.rescale(2)),
        vola_amt_stas: owned(codes.vola_amt_stas(finding.money.vola_amt_stas)),
        sev_deg: owned(codes.sev_deg(finding.result, &finding.severity)),
        vola_evid: Some(cut(&evid, TEXT_MAX).to_owned()).filter(|text| !text.is_empty()),
        vola_bhvr_type: owned(codes.vola_bhvr_type(&finding.problem_type)),
    }
}

fn detail(finding: &Finding, item: &Evidence) -> Detail {
    let institution = item.fixmedins_code.as_deref().unwrap_or_default();
    let line = item.line.as_deref().unwrap_or_default();
    let visit = item.mdtrt_id.as_deref().unwrap_or_default();
    let key = [finding.clue_id.as_str(), item.event, institution, &item.id, visit, line];
    Detail {
        jrd_id: ClueId::of(key.map(str::as_bytes)).to_string(),
        patn_id: id(finding.subject.person.as_deref()),
        mdtrt_id: id(item.mdtrt_id.as_deref()),
        rx_id: id(item.rx_no.as_deref()),
        vola_item_type: item.vola_item_type.to_string(),
        vola_amt: item.amounts.vola_amt.map(|amount| amount.rescale(2)),
    }
}

/// An id that is too long for its field is none: a part of it names something else.
fn id(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| !text.is_empty() && text.chars().count() <= ID_MAX).map(str::to_owned)
}

fn cited(basis: &BasisRef) -> String {
    let title = if basis.text.starts_with('《') { basis.text.clone() } else { format!("《{}》", basis.text) };
    format!("{title}{}（{}）", basis.article, basis.issuer)
}

/// The longest beginning of at most `max` characters that ends with a
/// sentence, else with a clause, else wherever it ends.
pub fn cut(text: &str, max: usize) -> &str {
    let Some((end, _)) = text.char_indices().nth(max) else { return text };
    let head = &text[..end];
    let after = |at: Option<usize>| at.and_then(|at| head[at..].chars().next().map(|mark| at + mark.len_utf8()));
    let stops = |marks: &'static [char]| {
        // A Latin mark ends something only before a blank: not within 3.5 or 1,000.
        let ends = |at: usize, mark: char| !mark.is_ascii() || text[at + 1..].starts_with(char::is_whitespace);
        after(head.char_indices().rev().find(|(at, mark)| marks.contains(mark) && ends(*at, *mark)).map(|(at, _)| at))
    };
    let place = stops(&['。', '！', '？', '；', '.', '!', '?', ';']).or_else(|| stops(&['，', '、', '：', ',', ':']));
    &head[..place.unwrap_or(head.len())]
}

/// JSON Schema of the projection.
pub(super) fn schema() -> Value {
    let text = |zh: &str, max: usize| json!({ "type": "string", "title": zh, "minLength": 1, "maxLength": max });
    let optional = |zh: &str, max: usize| json!({ "type": ["string", "null"], "title": zh, "minLength": 1, "maxLength": max });
    let amount = |zh: &str| json!({ "type": ["number", "null"], "title": zh, "description": "元, two decimals" });
    let item = object(
        "",
        "",
        &[
            ("jrd_id", text("明细标识", ID_MAX)),
            ("patn_id", optional("参保人标识", ID_MAX)),
            ("mdtrt_id", optional("就诊标识", ID_MAX)),
            ("rx_id", optional("处方标识", ID_MAX)),
            ("vola_item_type", json!({ "enum": ["1", "2"], "title": "违规项目类型", "description": "1 违规项, 2 涉及项" })),
            ("vola_amt", amount("违规金额")),
        ],
    );
    object(
        "国家接口格式",
        "the violation record of transactions 3101 and 3102; codes by code_map.yaml, English in keys of its own",
        &[
            ("jr_id", text("标识", ID_MAX)),
            ("rule_id", text("规则标识", ID_MAX)),
            ("rule_name", text("规则名称", NAME_MAX)),
            ("rule_name_en", text("规则名称（英文）", NAME_MAX)),
            ("vola_cont", text("违规内容", TEXT_MAX)),
            ("vola_cont_en", text("违规内容（英文）", TEXT_MAX)),
            ("patn_id", optional("参保人标识", ID_MAX)),
            ("mdtrt_id", optional("就诊标识", ID_MAX)),
            ("judge_result_detail_dtos", json!({ "type": "array", "title": "违规明细", "items": item })),
            ("vola_amt", amount("违规金额")),
            ("vola_amt_stas", optional("违规金额计算状态", CODE_MAX)),
            ("sev_deg", optional("严重程度", CODE_MAX)),
            ("vola_evid", optional("违规依据", TEXT_MAX)),
            ("vola_bhvr_type", optional("违规行为分类", CODE_MAX)),
        ],
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_cut_at_a_sentence() {
        for (text, max, expect) in [
            ("甲乙。丙丁。", 6, "甲乙。丙丁。"),
            ("甲乙。丙丁。", 5, "甲乙。"),
            ("甲乙。丙，丁戊", 6, "甲乙。"),
            ("甲，乙丙丁", 4, "甲，"),
            ("甲乙丙丁", 3, "甲乙丙"),
            ("Of 3.5 days. More follows", 20, "Of 3.5 days."),
            ("Of 3.50 and so on", 7, "Of 3.50"),
            ("a, b c", 4, "a,"),
            ("", 3, ""),
        ] {
            assert_eq!(cut(text, max), expect, "{text} {max}");
        }
    }

    proptest! {
        #[test]
        fn a_cut_text_is_a_beginning_that_fits(text in "\\PC{0,80}", max in 1_usize..60) {
            let short = cut(&text, max);
            prop_assert!(text.starts_with(short));
            prop_assert!(short.chars().count() <= max);
            prop_assert_eq!(short.is_empty(), text.is_empty());
            prop_assert_eq!(cut(short, max), short);
        }
    }

    #[test]
    fn an_id_that_does_not_fit_is_none() {
        let long = "X".repeat(ID_MAX + 1);
        assert_eq!(id(Some(&long)), None);
        assert_eq!(id(Some(&long[1..])).as_deref(), Some(&long[1..]));
        assert_eq!((id(Some(" ")), id(None)), (None, None));
    }
}
