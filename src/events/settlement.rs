//! 医保结算: one settlement with its fee lines, diagnoses and operations.
//!
//! Names are those of the national interface (transactions 2204, 2207, 2301,
//! 2304 and 4101) and of the tables that supervisors export.

use super::Child;
use super::Column;
use super::EventType;
use super::Kind::Amount;
use super::Kind::Date;
use super::Kind::Int;
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

pub static SETTLEMENT: EventType = EventType {
    name: "settlement",
    zh: "医保结算",
    header: Table { name: "header", columns: HEADER },
    blocks: &["setlinfo", "data"],
    children: &[
        Child { table: Table { name: "feedetl", columns: LINE }, lists: &["feedetl", "fee_detl", "feeDetl"], key: Some("feedetl_sn") },
        Child { table: Table { name: "diseinfo", columns: DIAGNOSIS }, lists: &["diseinfo"], key: None },
        Child { table: Table { name: "oprninfo", columns: OPERATION }, lists: &["oprninfo"], key: None },
    ],
    business_id: &["setl_id"],
    person: "psn_no",
    event_time: "setl_time",
    total: Some("medfee_sumamt"),
};

const HEADER: &[Column] = &[
    col("setl_id", Text, "结算ID", "settlement id"),
    col("mdtrt_id", Text, "就诊ID", "visit id; joins lines, diagnoses and prescriptions"),
    col("medins_setl_id", Text, "医药机构结算ID", "the sender's message id"),
    col("init_setl_id", Text, "原结算ID", "settlement that this one reverses"),
    col("refd_setl_flag", Text, "退费结算标志", "1: this settlement was refunded"),
    col("vali_flag", Text, "有效标志", "0: logically deleted"),
    col("updt_time", Time, "更新时间", "last change of the record"),
    col("psn_no", Text, "人员编号", "person number").tag(Pseudonym),
    col("psn_name", Text, "人员姓名", "name").tag(Dropped),
    col("certno", Text, "证件号码", "certificate number").tag(Dropped),
    col("psn_cert_type", Text, "证件类型", "kind of certificate").tag(Dropped),
    col("tel", Text, "联系电话", "telephone").tag(Dropped).also(&["mob", "patn_tel"]),
    col("addr", Text, "地址", "address").tag(Dropped).also(&["live_addr"]),
    col("gend", Text, "性别", "sex: 1 male, 2 female").tag(Personal),
    col("brdy", Date, "出生日期", "date of birth").tag(Personal),
    col("age", Rate, "年龄", "age in years, as stated").tag(Personal),
    col("nwb_flag", Text, "新生儿标志", "1: newborn"),
    col("insutype", Text, "险种类型", "insurance kind"),
    col("psn_type", Text, "人员类别", "person category").tag(Personal),
    col("cvlserv_flag", Text, "公务员标志", "civil servant").tag(Personal),
    col("insu_admdvs", Text, "参保地", "area of insurance").also(&["insuplc_admdvs"]),
    col("fixmedins_code", Text, "定点医药机构编号", "institution"),
    col("fixmedins_name", Text, "定点医药机构名称", "institution's name"),
    col("hosp_lv", Text, "医院等级", "institution level, codes 01 to 14"),
    col("fix_blng_admdvs", Text, "机构归属地", "area of the institution").also(&["mdtrtarea_admvs"]),
    col("med_type", Text, "医疗类别", "medical category; prefix semantics, local tails"),
    col("biz_type_code", Text, "业务类型", "01 in person, 02 online (province extension)"),
    col("fstdiag_flag", Text, "初诊标志", "1: first visit, by the institution's word (province extension)"),
    col("setl_time", Time, "结算时间", "settled at: the event time"),
    col("begntime", Time, "就诊开始时间", "care from").also(&["begndate"]),
    col("endtime", Time, "就诊结束时间", "care to").also(&["enddate"]),
    col("ipt_days", Int, "住院天数", "length of stay in days").also(&["act_ipt_days"]),
    col("dscg_way", Text, "离院方式", "way of discharge"),
    col("medfee_sumamt", Amount, "医疗费总额", "total fee"),
    col("fulamt_ownpay_amt", Amount, "全自费金额", "fully self-paid"),
    col("overlmt_selfpay", Amount, "超限价自费费用", "paid by the person above price ceilings").also(&["overlmt_amt"]),
    col("preselfpay_amt", Amount, "先行自付金额", "first-share self-pay"),
    col("inscp_scp_amt", Amount, "符合政策范围金额", "within policy scope").also(&["inscp_amt"]),
    col("act_pay_dedc", Amount, "起付线", "deductible paid"),
    col("hifp_pay", Amount, "统筹基金支出", "pooled fund paid"),
    col("pool_prop_selfpay", Rate, "统筹支付比例", "pool's share"),
    col("cvlserv_pay", Amount, "公务员补助支出", "civil-servant subsidy paid"),
    col("hifes_pay", Amount, "企业补充支出", "enterprise supplement paid"),
    col("hifmi_pay", Amount, "大病保险支出", "serious-illness insurance paid"),
    col("hifob_pay", Amount, "大额补助支出", "large-amount subsidy paid"),
    col("maf_pay", Amount, "医疗救助支出", "medical aid paid"),
    col("oth_pay", Amount, "其他支出", "other funds paid"),
    col("fund_pay_sumamt", Amount, "基金支付总额", "all funds paid"),
    col("psn_part_amt", Amount, "个人负担总额", "person's part"),
    col("acct_pay", Amount, "个人账户支出", "paid from the personal account"),
    col("psn_cash_pay", Amount, "个人现金支出", "paid in cash"),
    col("acct_mulaid_pay", Amount, "账户共济支付", "paid from a relative's account"),
    col("hosp_part_amt", Amount, "医院负担金额", "hospital's part"),
    col("balc", Amount, "余额", "balance of the personal account").tag(Personal),
    col("clr_optins", Text, "清算经办机构", "clearing body"),
    col("clr_way", Text, "清算方式", "way of clearing"),
    col("clr_type", Text, "清算类别", "kind of clearing"),
    col("hi_paymtd", Text, "医保支付方式", "payment method (DRG, DIP, per item, ...)"),
    col("dise_codg", Text, "病种编码", "disease list code (chronic list, per-disease payment)").tag(Personal).also(&["dise_no"]),
    col("dise_name", Text, "病种名称", "disease list name").tag(Personal),
    col("mid_setl_flag", Text, "中途结算标志", "1: interim bill of a stay"),
    col("manl_reim_rea", Text, "零星报销原因", "reason of a manual claim"),
    col("setl_type", Text, "结算类别", "kind of settlement"),
    col("year", Text, "年度", "insurance year"),
    col("poolarea_no", Text, "统筹区编号", "pooling area"),
    col("chfpdr_code", Text, "主诊医师代码", "doctor in charge").also(&["atddr_no", "dr_codg"]),
    col("adm_caty", Text, "入院科别", "department at admission"),
    col("dscg_caty", Text, "出院科别", "department at discharge"),
];

const LINE: &[Column] = &[
    col("feedetl_sn", Text, "费用明细流水号", "line number, unique within the visit"),
    col("init_feedetl_sn", Text, "原费用流水号", "line that this one refunds"),
    col("chrg_bchno", Text, "收费批次号", "charge batch"),
    col("rx_drord_no", Text, "处方/医嘱号", "prescription or order number").also(&["rxno", "drord_no"]),
    col("rx_circ_flag", Text, "外购处方标志", "1: bought on a circulated prescription"),
    col("fee_ocur_time", Time, "费用发生时间", "incurred at: the fact time"),
    col("med_list_codg", Text, "医疗目录编码", "national catalogue code"),
    col("medins_list_codg", Text, "医药机构目录编码", "institution's own code"),
    col("medins_list_name", Text, "医药机构目录名称", "institution's own name"),
    col("hilist_code", Text, "医保目录编码", "insurance list code"),
    col("hilist_name", Text, "医保目录名称", "insurance list name"),
    col("det_item_fee_sumamt", Amount, "明细项目费用总额", "line amount"),
    col("cnt", Quantity, "数量", "quantity; negative on a refund line"),
    col("pric", Price, "单价", "unit price"),
    col("pric_uplmt_amt", Price, "定价上限金额", "price ceiling; 999999 means none"),
    col("medins_disc_amt", Amount, "医药机构优惠金额", "discount"),
    col("selfpay_prop", Rate, "自付比例", "self-pay share"),
    col("fulamt_ownpay_amt", Amount, "全自费金额", "fully self-paid"),
    col("overlmt_amt", Amount, "超限价金额", "above the price ceiling, paid by the person").also(&["overlmt_selfpay"]),
    col("preselfpay_amt", Amount, "先行自付金额", "first-share self-pay"),
    col("inscp_scp_amt", Amount, "符合政策范围金额", "within policy scope").also(&["inscp_amt"]),
    col("chrgitm_lv", Text, "收费项目等级", "01 甲, 02 乙, 03 丙"),
    col("med_chrgitm_type", Text, "医疗收费项目类别", "fee group"),
    col("list_type", Text, "目录类别", "101 drugs, 201 services, 301 consumables, ..."),
    col("lmt_used_flag", Text, "限制使用标志", "restricted use"),
    col("hosp_appr_flag", Text, "医院审批标志", "0 none needed, 1 approved, 2 refused"),
    col("sin_dos_dscr", Text, "单次剂量描述", "dose, free text"),
    col("used_frqu_dscr", Text, "使用频次描述", "frequency, free text"),
    col("prd_days", Quantity, "周期天数", "days of supply, as declared"),
    col("medc_way_dscr", Text, "用药途径描述", "route, free text"),
    col("bilg_dept_codg", Text, "开单科室编码", "ordering department").also(&["bilg_dept_code"]),
    col("bilg_dept_name", Text, "开单科室名称", "ordering department's name"),
    col("bilg_dr_codg", Text, "开单医生编码", "ordering doctor").also(&["bilg_dr_code"]),
    col("bilg_dr_name", Text, "开单医师姓名", "ordering doctor's name").tag(Dropped),
    col("acord_dept_codg", Text, "受单科室编码", "executing department"),
    col("acord_dept_name", Text, "受单科室名称", "executing department's name"),
    col("orders_dr_code", Text, "受单医生编码", "executing doctor").also(&["acord_dr_code"]),
    col("orders_dr_name", Text, "受单医生姓名", "executing doctor's name").tag(Dropped).also(&["acord_dr_name"]),
    col("tcmdrug_used_way", Text, "中药使用方式", "way of using TCM"),
    col("etip_flag", Text, "外检标志", "test done elsewhere"),
    col("etip_hosp_code", Text, "外检医院编码", "where it was done"),
    col("dscg_tkdrug_flag", Text, "出院带药标志", "1: discharge drugs"),
    col("matn_fee_flag", Text, "生育费用标志", "1: maternity"),
    col("er_flag", Text, "急诊标志", "1: emergency (province extension)"),
    col("spec", Text, "规格", "pack text"),
    col("dosform_name", Text, "剂型名称", "dosage form"),
    col("prodname", Text, "商品名", "brand"),
];

const DIAGNOSIS: &[Column] = &[
    col("diag_type", Text, "诊断类别", "1 western, 2 and 3 TCM").tag(Personal),
    col("maindiag_flag", Text, "主诊断标志", "1: main diagnosis").tag(Personal),
    col("diag_srt_no", Text, "诊断排序号", "order").tag(Personal),
    col("diag_code", Text, "诊断代码", "ICD-10, insurance edition").tag(Personal).also(&["dise_codg"]),
    col("diag_name", Text, "诊断名称", "name").tag(Personal),
    col("adm_cond_type", Text, "入院病情类型", "present on admission").tag(Personal),
];

const OPERATION: &[Column] = &[
    col("oprn_oprt_type", Text, "手术操作类别", "kind").tag(Personal),
    col("oprn_oprt_code", Text, "手术操作代码", "ICD-9-CM-3").tag(Personal),
    col("oprn_oprt_name", Text, "手术操作名称", "name").tag(Personal),
    col("oprn_oprt_date", Time, "手术操作日期", "done at").tag(Personal),
    col("anst_way", Text, "麻醉方式", "anaesthesia").tag(Personal),
    col("oper_dr_code", Text, "术者医师代码", "surgeon"),
    col("anst_dr_code", Text, "麻醉医师代码", "anaesthetist"),
];
