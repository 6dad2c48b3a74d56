//! 电子处方: one electronic prescription with its drug lines and diagnoses.
//!
//! Names are those of transaction D001 and its life cycle (D003, D005 to
//! D007). The blocks of D001 may come nested or flat.

use super::Child;
use super::Column;
use super::EventType;
use super::Kind::Amount;
use super::Kind::Date;
use super::Kind::Price;
use super::Kind::Quantity;
use super::Kind::Rate;
use super::Kind::Text;
use super::Kind::Time;
use super::Table;
use super::Tag::Dropped;
use super::Tag::Personal;
use super::Tag::Pseudonym;
use super::col;

pub static PRESCRIPTION: EventType = EventType {
    name: "prescription",
    zh: "电子处方",
    header: Table { name: "header", columns: HEADER },
    blocks: &["data", "rxinfo", "mdtrtinfo"],
    children: &[
        Child {
            table: Table { name: "rxdrugdetail", columns: LINE },
            lists: &["rxdrugdetail", "rx_drug_detail", "rxDrugDetail"],
            key: None,
        },
        Child { table: Table { name: "diseinfo", columns: DIAGNOSIS }, lists: &["diseinfo"], key: None },
    ],
    business_id: &["fixmedins_code", "hosp_rxno"],
    person: "psn_no",
    event_time: "prsc_time",
    total: None,
};

const HEADER: &[Column] = &[
    col("hosp_rxno", Text, "定点医疗机构处方编号", "the institution's prescription number"),
    col("hi_rxno", Text, "医保处方编号", "national prescription number"),
    col("rx_trace_code", Text, "处方追溯码", "one-time code"),
    col("init_rxno", Text, "续方的原处方编号", "original of a continuation"),
    col("vali_flag", Text, "有效标志", "0: withdrawn"),
    col("updt_time", Time, "更新时间", "last change of the record"),
    col("biz_type_code", Text, "业务类型", "01 in person, 02 online"),
    col("auth_no", Text, "线上身份核验号", "identity check of an online consultation"),
    col("rx_exra_attr_code", Text, "处方附加属性", "01 dual channel, 02 outpatient pool, 03 other"),
    col("insu_plc_no", Text, "参保地", "area of insurance").also(&["insu_admdvs", "insuplc_admdvs"]),
    col("mdtrtarea_no", Text, "就医地", "area of care").also(&["fix_blng_admdvs", "mdtrtarea_admvs"]),
    col("rx_type_code", Text, "处方类别", "kind of prescription"),
    col("prsc_time", Time, "开方时间", "issued at: event time and fact time"),
    col("rx_drug_cnt", Quantity, "药品类目数", "number of drugs"),
    col("vali_days", Quantity, "有效天数", "days of validity"),
    col("vali_end_time", Time, "有效截止时间", "valid until"),
    col("rept_flag", Text, "复用标志", "reuse"),
    col("rx_cotn_flag", Text, "续方标志", "continuation"),
    col("long_rx_flag", Text, "长期处方标志", "1: long prescription"),
    col("fixmedins_code", Text, "定点医疗机构编号", "institution"),
    col("fixmedins_name", Text, "定点医疗机构名称", "institution's name"),
    col("mdtrt_id", Text, "就诊ID", "visit id"),
    col("med_type", Text, "医疗类别", "medical category"),
    col("ipt_otp_no", Text, "住院/门诊号", "visit number at the institution").tag(Dropped),
    col("otp_ipt_flag", Text, "门诊住院标志", "1 outpatient, 2 inpatient"),
    col("psn_no", Text, "人员编号", "person number").tag(Pseudonym),
    col("patn_name", Text, "患者姓名", "name").tag(Dropped).also(&["psn_name"]),
    col("certno", Text, "证件号码", "certificate number").tag(Dropped),
    col("patn_age", Rate, "年龄", "age in years, as stated").tag(Personal),
    col("brdy", Date, "出生日期", "date of birth, where the feed has it").tag(Personal),
    col("patn_wt", Quantity, "体重", "weight in kg").tag(Personal),
    col("gend", Text, "性别", "sex: 1 male, 2 female").tag(Personal),
    col("nwb_flag", Text, "新生儿标志", "1: newborn").tag(Personal),
    col("prsc_dept_code", Text, "开方科室编码", "prescribing department"),
    col("prsc_dept_name", Text, "开方科室名称", "prescribing department's name"),
    col("dr_code", Text, "开方医师代码", "prescriber").also(&["prsc_dr_code"]),
    col("prsc_dr_name", Text, "开方医师姓名", "prescriber's name").tag(Dropped),
    col("mdtrt_time", Time, "就诊时间", "consultation at"),
    col("dise_codg", Text, "病种编码", "disease list code").tag(Personal),
    col("sp_dise_flag", Text, "特殊病种标志", "1: chronic list").tag(Personal),
    col("maindiag_code", Text, "主诊断代码", "main diagnosis").tag(Personal),
    col("maindiag_name", Text, "主诊断名称", "main diagnosis' name").tag(Personal),
    col("dise_cond_dscr", Text, "疾病病情描述", "free text").tag(Dropped),
    col("fstdiag_flag", Text, "是否初诊", "1: first visit, by the institution's word"),
    col("phar_code", Text, "审方药师代码", "auditing pharmacist"),
    col("phar_chk_time", Time, "审方时间", "audited at"),
    col("rx_chk_stas_codg", Text, "处方审核状态", "audit result"),
];

const LINE: &[Column] = &[
    col("med_list_codg", Text, "医疗目录编码", "national catalogue code"),
    col("drug_genname", Text, "药品通用名", "generic name"),
    col("drug_dosform", Text, "药品剂型", "dosage form"),
    col("drug_spec", Text, "药品规格", "pack text"),
    col("rx_item_type_code", Text, "处方项目分类", "11 western, 12 patent, 13 herbs"),
    col("otc_flag", Text, "非处方药标志", "1: over the counter"),
    col("medc_way_codg", Text, "用药途径", "route"),
    col("medc_begntime", Time, "用药开始时间", "from"),
    col("medc_endtime", Time, "用药结束时间", "to"),
    col("medc_days", Quantity, "用药天数", "days of supply, as declared"),
    col("sin_dosunt", Text, "单次剂量单位", "unit of one dose"),
    col("sin_doscnt", Quantity, "单次用量", "one dose"),
    col("used_frqu_codg", Text, "使用频次编码", "frequency"),
    col("used_frqu_name", Text, "使用频次名称", "frequency's name"),
    col("drug_cnt", Quantity, "药品发药量", "quantity dispensed"),
    col("drug_dosunt", Text, "药品发药单位", "unit of the quantity"),
    col("drug_pric", Price, "药品单价", "unit price"),
    col("drug_sumamt", Amount, "药品总额", "amount"),
    col("hosp_appr_flag", Text, "医院审批标志", "0 none needed, 1 approved, 2 refused"),
    col("self_pay_rea", Text, "自费原因", "why self-paid"),
];

const DIAGNOSIS: &[Column] = &[
    col("diag_type", Text, "诊断类别", "1 western, 2 and 3 TCM").tag(Personal),
    col("maindiag_flag", Text, "主诊断标志", "1: main diagnosis").tag(Personal),
    col("diag_srt_no", Text, "诊断排序号", "order").tag(Personal),
    col("diag_code", Text, "诊断代码", "ICD-10, insurance edition").tag(Personal),
    col("diag_name", Text, "诊断名称", "name").tag(Personal),
];
