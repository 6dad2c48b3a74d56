//! What planted patterns are called on the page. A pattern that is not listed
//! is called by its own words.

const NAMES: &[(&str, &str)] = &[
    ("special_drug_in_person", "线下开具特殊管理药品"),
    ("atropine_eye_drops_online", "互联网开具阿托品滴眼液"),
    ("compound_cold_tablets_online", "互联网开具复方感冒药"),
    ("listed_name_inside_another_online", "互联网开具名称含列管成分字样的普通药品"),
    ("class_two_on_eighteenth_birthday", "年满十八周岁当日购买第二类精神药品"),
    ("class_two_to_adult_on_prescription", "成年人凭处方购买第二类精神药品"),
    ("sale_taken_back_in_same_bill", "同一结算单内已退货"),
    ("narcotic_exactly_3_days", "麻醉药品恰好三日量"),
    ("cancer_pain_7_days", "癌痛患者七日量"),
    ("narcotic_one_whole_pack", "仅一个最小包装"),
    ("child_with_adhd_15_days", "多动症儿童十五日量哌甲酯"),
    ("sustained_release_7_days", "缓控释剂七日量"),
    ("class_two_exactly_7_days", "第二类精神药品恰好七日量"),
    ("class_two_one_whole_pack", "第二类精神药品仅一个最小包装"),
    ("drug_for_the_right_sex", "限性别药品用于相符性别"),
    ("restricted_drug_self_paid", "限性别药品由个人全自费"),
    ("restricted_drug_from_account", "限性别药品由个人账户支付"),
    ("restricted_drug_from_relatives_account", "限性别药品由家庭共济账户支付"),
    ("woman_with_pulmonary_hypertension", "女性肺动脉高压患者用西地那非类药品"),
    ("restricted_drug_refunded_in_same_bill", "限性别药品在同一结算单内已退费"),
    ("childrens_drug_day_before_birthday", "十八周岁生日前一日用儿童药品"),
    ("newborn_on_mothers_card", "新生儿费用记于母亲名下"),
    ("childrens_drug_self_paid", "儿童药品由个人全自费"),
    ("price_at_ceiling", "单价恰好等于限价"),
    ("excess_within_rounding", "超出部分在四舍五入之内"),
    ("excess_split_correctly", "超限价部分已正确拆为个人自费"),
    ("excess_split_correctly_refunded_in_part", "已正确拆分且部分退费"),
    ("price_above_ceiling_self_paid", "超限价药品由个人全自费"),
    ("price_above_ceiling_refunded_in_same_bill", "超限价药品在同一结算单内已退费"),
    ("delivery_fee_self_paid", "配送费由个人全自费"),
    ("infusion_making_and_herb_boiling", "静脉配置费与中药代煎费"),
    ("seen_in_person_the_same_day", "当日已线下就诊"),
    ("same_disease", "此前线下就诊过同一疾病"),
    ("same_disease_group", "此前线下就诊过同组疾病"),
    ("registered_chronic_disease", "已登记的门慢特病种"),
    ("continues_known_prescription", "续用已知处方"),
    ("same_substance_after_visit", "线下就诊后已用同一成分药品"),
    ("interim_bill_of_a_stay", "住院中途结算也算线下就诊"),
    ("insured_elsewhere", "异地参保人（历史可能在外地）"),
    ("flag_against_known_contact", "自报首诊但已有线下就诊"),
    ("first_days_of_the_feed", "数据接入初期"),
    ("seven_days_left", "前次用药只剩七日"),
    ("surplus_of_13_days", "累计余量十三日"),
    ("dose_raised", "后一处方加大剂量"),
    ("other_release_form", "更换释放剂型"),
    ("basal_and_bolus_insulin", "基础与餐时胰岛素并用"),
    ("early_refill_at_same_institution", "同一机构提前续药"),
    ("second_prescription_never_dispensed", "第二张处方未配药"),
    ("discharge_drugs_before_refill", "出院带药后续药"),
    ("long_prescription_refilled_in_time", "长期处方按时续药"),
    ("in_person_bill_arrives_late", "线下就诊的结算晚到"),
];

/// In Chinese where it has such a name, and in English.
pub fn name_of_pattern(pattern: &str) -> (String, String) {
    let en = pattern.replace('_', " ");
    let zh = NAMES.iter().find(|(own, _)| *own == pattern).map_or_else(|| en.clone(), |(_, zh)| (*zh).to_owned());
    (zh, en)
}
