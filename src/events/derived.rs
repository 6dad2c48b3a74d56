//! Columns that the engine computes: what several fields say together, and
//! what the reference tables say about a code at fact time.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Column;
use super::EVENT_TYPES;
use super::EventType;
use super::Kind::Amount;
use super::Kind::Flag;
use super::Kind::Int;
use super::Kind::Price;
use super::Kind::Quantity;
use super::Kind::Text;
use super::Kind::Time;
use super::Tag::Personal;
use super::col;
use super::group::GROUP;
use super::supply::SUPPLY;

/// `header.*` beside the fields of the event.
pub const HEADER: &[Column] = &[
    col("online", Flag, "线上", "consulted online; NULL where signals are absent or conflict"),
    col("setting", Text, "就诊场景", "outpatient, emergency, inpatient, day_surgery, pharmacy, chronic, ...; NULL unmapped"),
    col("diag_codes", Text, "诊断代码", "diagnosis codes, each between semicolons; NULL none").tag(Personal),
    col("area", Text, "就医地", "area of care, 6 digits"),
    col("insured_area", Text, "参保地", "area of insurance, 6 digits"),
    col("fact_time", Time, "事实时间", "begin of care, or issued at; of the message where that is not told"),
    col("medicine_cnt", Int, "西药中成药种数", "western and patent medicines on a prescription; NULL where a line does not say what it is"),
];

/// Begins the name of a field's value after refunds.
pub const NET: &str = "net_";

/// `line.*` beside the fields of the line.
pub const LINE: &[Column] = &[
    col("fact_time", Time, "事实时间", "when the line happened; of the header where that is not told"),
    col("net_cnt", Quantity, "净数量", "quantity after the refunds in the same message that name the line"),
];

/// `line.*` where lines name the line that they refund.
pub const REFUNDED: &[Column] = &[
    col("net_det_item_fee_sumamt", Amount, "净明细项目费用总额", "amount after the same refunds; NULL where one of them says none"),
    col("net_inscp_scp_amt", Amount, "净符合政策范围金额", "amount within the scope of insurance after the same refunds"),
    col("net_overlmt_amt", Amount, "净超限价自费金额", "the person's own share above the ceiling after the same refunds"),
];

/// Computed columns of an event's lines.
pub fn of_line(event: &EventType) -> [&'static [Column]; 2] {
    let names_originals = event.lines().table.columns.iter().any(|column| column.name == "init_feedetl_sn");
    [LINE, if names_originals { REFUNDED } else { &[] }]
}

/// `ref.*` at header grain.
pub const REF_HEADER: &[Column] = &[
    col("disease_groups", Text, "疾病组", "disease groups of the diagnoses, each between semicolons; NULL no diagnosis").tag(Personal),
    col("inst_kind", Text, "机构类别", "hospital, pharmacy or online; NULL not registered"),
    col("inst_level", Text, "机构等级", "level code; NULL not registered"),
    col("inst_nature", Text, "机构性质", "public, nonprofit or private; NULL not registered"),
    col("host_code", Text, "实体依托机构", "host of an online body"),
    col("authno_fed", Flag, "上传身份核验号", "the institution's feed carries the identity check of online care; NULL not registered"),
    col("online_licensed", Flag, "互联网诊疗许可", "licensed for online care; NULL not known"),
    col("agreement", Text, "主协议状态", "active, suspended or ended; NULL not known"),
    col("online_agreement", Text, "互联网补充协议状态", "active, suspended or ended; NULL not known"),
    col("department_licensed", Flag, "科室已登记", "the prescribing department is licensed; NULL not known"),
    col("doctor_filed", Flag, "医师已备案", "the doctor is registered or filed there or at the host; NULL not known"),
    col("doctor_suspended", Flag, "医师暂停支付", "the insurance does not pay for the doctor's work; NULL not known"),
    col("narcotic_right", Flag, "麻醉药品处方权", "may prescribe narcotics and class I there; NULL not known"),
    col("psychotropic_right", Flag, "精神药品处方权", "may prescribe class II there; NULL not known"),
];

/// `ref.*` at line grain.
pub const REF_LINE: &[Column] = &[
    col("special_class", Text, "特殊管理类别", "NARC, PSY1, PSY2, TOXIC, RADIO, PRECURSOR or NONE; NULL unclassified"),
    col("sex_limit", Text, "限定性别", "1 men only, 2 women only, 0 no published point"),
    col("child_only", Flag, "限儿童", "published for children only"),
    col("delivery_item", Flag, "配送费项目", "on the list of delivery items"),
    col("online_item", Flag, "线上服务项目", "on the list of online service items"),
    col("service_age", Text, "项目限定年龄", "newborn, infant, child; none no published point"),
    col("inpatient_only", Flag, "限住院", "published as paid for inpatients only"),
    col("level_min", Text, "限机构等级", "2 or 3: paid from this band of institution on; 0 no published point"),
    col("insurance_limit", Text, "限险种", "work_injury or maternity: paid by that insurance; none no published point"),
    col("guide_price", Price, "政府指导价", "guide price in force; NULL not listed"),
    col("ceiling", Price, "限价", "price ceiling in force; NULL not listed"),
    col("substance", Text, "成分", "ingredient by the drug master, else by the code's name part"),
    col("form_group", Text, "剂型组", "injection, sustained, patch or other; NULL unknown"),
];

/// Fields that a computed column reads beside those that are always kept:
/// event type, table and field.
pub const SOURCES: &[(&str, [&str; 3])] = &[
    ("header.medicine_cnt", ["prescription", "rxdrugdetail", "rx_item_type_code"]),
    ("ref.doctor_filed", ["settlement", "header", "chfpdr_code"]),
    ("ref.doctor_suspended", ["settlement", "header", "chfpdr_code"]),
    ("ref.narcotic_right", ["settlement", "header", "chfpdr_code"]),
    ("ref.psychotropic_right", ["settlement", "header", "chfpdr_code"]),
    ("supply.age", ["settlement", "header", "age"]),
    ("supply.audited_at", ["prescription", "header", "phar_chk_time"]),
    ("supply.operation", ["settlement", "feedetl", "med_chrgitm_type"]),
    ("supply.operation", ["settlement", "oprninfo", "oprn_oprt_code"]),
];

/// The column that `name` (`header.gend`, `ref.sex_limit`, ...) means in
/// expressions over `event`.
pub fn find(event: &EventType, name: &str) -> Option<Column> {
    let (table, column) = name.split_once('.')?;
    let (_, lists) = tables(event).into_iter().find(|(known, _)| *known == table)?;
    lists.into_iter().flatten().find(|known| known.name == column).copied()
}

fn tables(event: &EventType) -> [(&'static str, [&'static [Column]; 3]); 5] {
    let [both, refunded] = of_line(event);
    [
        ("header", [event.header.columns, HEADER, &[]]),
        ("line", [event.lines().table.columns, both, refunded]),
        ("ref", [REF_HEADER, REF_LINE, &[]]),
        ("supply", [SUPPLY.columns, &[], &[]]),
        ("group", [GROUP.columns, &[], &[]]),
    ]
}

/// The column that a qualified name means in any event; asked for every value of every clue.
pub fn find_in_any(name: &str) -> Option<&'static Column> {
    static COLUMNS: LazyLock<HashMap<String, Column>> = LazyLock::new(|| {
        let mut columns = HashMap::new();
        for (table, lists) in EVENT_TYPES.iter().flat_map(|event| tables(event)) {
            for column in lists.into_iter().flatten() {
                columns.entry(format!("{table}.{}", column.name)).or_insert(*column);
            }
        }
        columns
    });
    COLUMNS.get(name)
}
