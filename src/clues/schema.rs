//! JSON Schema of a clue, generated: what readers of the clue topic may rely on.

use serde_json::Value;
use serde_json::json;

use crate::clues::national;

/// Pretty JSON, with a line end.
pub fn clue_schema() -> String {
    let text = |zh: &str, en: &str| json!({ "type": "string", "title": zh, "description": en });
    let optional = |zh: &str, en: &str| json!({ "type": ["string", "null"], "title": zh, "description": en });
    let both = |zh: &str, en: &str| {
        json!({ "type": "object", "title": zh, "description": en, "additionalProperties": false,
                "properties": { "zh": { "type": "string" }, "en": { "type": "string" } }, "required": ["zh", "en"] })
    };
    let number = |zh: &str, en: &str| json!({ "type": ["number", "null"], "title": zh, "description": en });
    let scalar = json!({ "type": ["string", "number", "boolean", "null"] });
    let finding = object(
        "发现",
        "what was found; these bytes are the same however the input was cut",
        &[
            ("clue_id", text("线索编号", "128 bits over rule id, subject and anchor, as 32 hexadecimal digits")),
            (
                "rule",
                object(
                    "规则",
                    "the rule and its version",
                    &[
                        ("id", text("规则编号", "rule id")),
                        ("version", json!({ "type": "integer", "minimum": 1 })),
                        ("title", both("规则名称", "title")),
                    ],
                ),
            ),
            (
                "result",
                json!({ "enum": ["clear", "suspected"], "title": "规则运行结果类型", "description": "clear 明确违规, suspected 可疑; a suspicion, never a verdict" }),
            ),
            ("severity", json!({ "enum": ["low", "medium", "high"], "title": "严重程度" })),
            ("problem_type", text("问题类型", "kind of problem in the words of the fund regulation")),
            ("party", json!({ "enum": ["institution", "person", "both"], "title": "责任方" })),
            ("focus", optional("专项", "campaign focus")),
            ("scene", text("应用场景", "门诊, 住院, 购药, 互联网, or 异地 where the person is insured in another prefecture")),
            ("stage", text("监管环节", "always 事后")),
            ("lead", text("牵头部门", "lead department")),
            ("copy_to", json!({ "type": "array", "items": { "type": "string" }, "title": "抄送部门" })),
            (
                "refer_if_confirmed",
                json!({ "type": "array", "items": { "type": "string" }, "title": "查实后移送部门", "description": "told only once a person has confirmed the clue" }),
            ),
            ("area", optional("管辖地", "6 digits: the place of care, for a fault of the person alone the place of insurance")),
            ("hi_paymtd", optional("医保支付方式", "how the insurance pays the bill, as the bill says")),
            ("subject", subject(&optional)),
            ("event_time", text("事件时间", "yyyy-MM-dd HH:mm:ss on the feed's wall clock")),
            ("fact_time", text("事实时间", "when it happened; limits and law are those of this time")),
            ("vola_cont", both("违规内容", "what was found, in words with numbers")),
            ("observed", json!({ "type": ["string", "number", "boolean", "null"], "title": "实际值" })),
            ("limit", json!({ "type": ["string", "number", "boolean", "null"], "title": "限值" })),
            ("unit", json!({ "anyOf": [both("单位", "unit of observed and limit"), { "type": "null" }] })),
            (
                "values",
                json!({ "type": "array", "title": "取值", "description": "columns as they stood when the rule was evaluated",
                        "items": object("", "", &[("column", text("列", "qualified column")), ("zh", text("中文名", "")), ("en", text("英文名", "")), ("value", scalar)]) }),
            ),
            ("params", json!({ "type": "object", "additionalProperties": { "type": "string" }, "title": "参数" })),
            (
                "exemptions",
                json!({ "type": "array", "title": "已检验的豁免", "description": "gates and exemptions as they came out; null: the data do not say",
                        "items": object("", "", &[("id", text("编号", "")), ("zh", text("中文名", "")), ("en", text("英文名", "")), ("holds", json!({ "type": ["boolean", "null"] }))]) }),
            ),
            (
                "money",
                object(
                    "金额",
                    "元, two decimals",
                    &[
                        ("vola_amt", number("违规金额", "the offending part only")),
                        ("fund_amt", number("基金金额", "the funds' part of it")),
                        ("vola_amt_stas", json!({ "enum": ["exact", "estimated", "not_computable"], "title": "金额计算状态" })),
                    ],
                ),
            ),
            ("evidence", evidence(&text, &optional, &number)),
            ("basis", basis(&text, &optional)),
            ("why", both("理由", "why it matters")),
            ("innocent_when", json!({ "type": "array", "title": "可能的合理解释", "items": both("", "") })),
            ("references", text("参考数据版本", "digest of the reference set")),
            ("group_key", text("分组键", "hash over rule, institution and month")),
            ("national", national::schema()),
        ],
    );
    let provenance = object(
        "来源",
        "which word about the clue this is, and where it came from",
        &[
            ("revision", json!({ "type": "integer", "minimum": 1, "title": "修订号" })),
            ("status", json!({ "enum": ["NEW", "UPDATED", "RETRACTED"], "title": "状态" })),
            ("reason", json!({ "anyOf": [both("修订原因", "why it was revised"), { "type": "null" }] })),
            ("material", json!({ "type": ["boolean", "null"], "title": "实质变化", "description": "whether grade or amount changed" })),
            ("previous_amount", number("修订前金额", "vola_amt of the word before")),
            (
                "sources",
                json!({ "type": "array", "title": "来源位点", "items": object("", "", &[("topic", text("主题", "")), ("partition", json!({ "type": "integer" })), ("offset", json!({ "type": "integer" }))]) }),
            ),
            ("epoch", json!({ "type": "integer", "title": "轮次", "description": "journal entry of the shard" })),
            ("rule_status", json!({ "enum": ["live", "shadow"], "title": "规则状态", "description": "shadow 试运行: nobody acts on it" })),
            ("rule_set", text("规则集版本", "digest")),
            ("identity_key", text("假名密钥编号", "id of the key, never the key")),
            ("engine", text("引擎版本", "build")),
        ],
    );
    let mut root = object("疑似问题线索", "a suspected clue", &[("finding", finding), ("provenance", provenance)]);
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    let mut out = serde_json::to_string_pretty(&root).unwrap_or_default();
    out.push('\n');
    out
}

type TextField<'a> = &'a dyn Fn(&str, &str) -> Value;

fn subject(optional: TextField<'_>) -> Value {
    object(
        "对象",
        "whom and what it is about",
        &[
            ("fixmedins_code", optional("定点医药机构编号", "institution")),
            ("fixmedins_name", optional("定点医药机构名称", "institution's name")),
            ("department", optional("科室", "department code")),
            ("doctor", optional("医师代码", "doctor code")),
            (
                "doctor_role",
                json!({ "enum": ["处方医师", "开单医师", "主诊医师", null], "title": "医师角色", "description": "who prescribed, who ordered, who was in charge" }),
            ),
            ("person", optional("参保人假名", "keyed pseudonym; null of clues about groups of cases")),
            ("area_of_care", optional("就医地", "6 digits")),
            ("area_of_insurance", optional("参保地", "6 digits")),
        ],
    )
}

fn evidence(text: TextField<'_>, optional: TextField<'_>, number: TextField<'_>) -> Value {
    let item = object(
        "",
        "",
        &[
            ("time", text("时间", "fact time")),
            ("event", json!({ "enum": ["settlement", "prescription"], "title": "事件类型" })),
            ("id", text("业务编号", "setl_id or hosp_rxno")),
            ("mdtrt_id", optional("就诊ID", "visit")),
            ("line", optional("明细号", "feedetl_sn, or the line's place in its prescription")),
            ("rx_no", optional("处方号", "prescription or order number")),
            ("fixmedins_code", optional("机构编号", "institution")),
            ("code", optional("医疗目录编码", "national catalogue code")),
            ("name", optional("名称", "name")),
            ("spec", optional("规格", "pack text")),
            ("vola_item_type", json!({ "enum": [1, 2], "title": "违规项目类型", "description": "1 违规项, 2 涉及项" })),
            ("cnt", number("数量", "quantity")),
            ("pric", number("单价", "unit price")),
            ("amount", number("金额", "amount")),
            ("vola_amt", number("违规金额", "the item's part of the clue's vola_amt; null where it has none")),
        ],
    );
    json!({ "type": "array", "title": "证据", "items": item })
}

fn basis(text: TextField<'_>, optional: TextField<'_>) -> Value {
    let item = object(
        "",
        "",
        &[
            ("text", text("依据", "law or notice")),
            ("article", text("条款", "article")),
            ("issuer", text("发布机关", "issuer")),
            ("area", text("适用地区", "area prefix; empty: everywhere")),
            ("valid_from", optional("生效日期", "first day in force")),
            ("valid_to", optional("失效日期", "first day no longer in force")),
            ("verified", json!({ "type": "boolean", "title": "已核对原文" })),
        ],
    );
    json!({ "type": "array", "title": "依据", "description": "in force at fact time", "items": item })
}

/// An object whose members are all present.
pub(super) fn object(zh: &str, en: &str, members: &[(&str, Value)]) -> Value {
    let properties: serde_json::Map<String, Value> = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let mut out = json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required });
    if !zh.is_empty() {
        out["title"] = json!(zh);
        out["description"] = json!(en);
    }
    out
}
