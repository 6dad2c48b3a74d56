//! What expressions mean, case by case, over the sample row.

use super::builder::ProgramBuilder;
use super::columns::Grain;
use super::resolve::Want;
use super::resolve::parse;
use super::testing::check;
use super::testing::columns;
use super::testing::params;
use super::testing::typed;

#[test]
fn logic_has_three_values() {
    // header.online is NULL, header.gend is '2', ref.delivery_item is false.
    for (sql, expect) in [
        ("header.online and header.gend = '1'", "false"),
        ("header.online and header.gend = '2'", "NULL"),
        ("header.online or header.gend = '2'", "true"),
        ("header.online or header.gend = '1'", "NULL"),
        ("not header.online", "NULL"),
        ("not ref.delivery_item", "true"),
        ("header.online = true", "NULL"),
        ("header.online is null", "true"),
        ("header.online is unknown", "true"),
        ("header.online is true", "false"),
        ("header.online is not true", "true"),
        ("header.online is false", "false"),
        ("ref.delivery_item is false", "true"),
        ("ref.delivery_item is not false", "false"),
        ("ref.delivery_item is not null", "true"),
        ("header.online and ref.delivery_item", "false"),
        ("null and header.gend = '2'", "NULL"),
        ("null or header.gend = '2'", "true"),
        ("false and header.online", "false"),
        ("header.gend is distinct from null", "true"),
        ("header.online is not distinct from null", "true"),
        ("case when header.online then 1 else 2 end", "2"),
    ] {
        check(sql, expect);
    }
}

#[test]
fn what_cannot_be_computed_is_null() {
    for (sql, expect) in [
        ("line.cnt / 0", "NULL"),
        ("1 / 0", "NULL"),
        ("1.5 / 0", "NULL"),
        ("header.ipt_days % 0", "NULL"),
        ("header.ipt_days / (header.ipt_days - 3)", "NULL"),
        ("line.cnt / (line.cnt - 2.5) > 1", "NULL"),
        ("9223372036854775807 + 1", "NULL"),
        ("header.ipt_days * 9223372036854775807", "NULL"),
        ("-9223372036854775807 - header.ipt_days", "NULL"),
        ("line.cnt * 999999999999999999999999 * 999999999999 > 1", "NULL"),
        ("cast(header.diag_codes as int)", "NULL"),
        ("cast(header.diag_codes as decimal(18, 2)) > 1", "NULL"),
        ("cast(header.diag_codes as date)", "NULL"),
        ("cast(line.cnt * 100000000000 as int)", "NULL"),
        ("cast(line.amount as decimal(3, 2))", "NULL"),
        ("header.setl_time + interval '99999999 years'", "NULL"),
        ("date_trunc(header.diag_codes, header.setl_time)", "NULL"),
        ("split_part(header.diag_codes, ';', header.ipt_days - 3)", "NULL"),
    ] {
        check(sql, expect);
    }
}

#[test]
fn decimals_are_exact() {
    // line.cnt is 2.5000, line.pric 10.000001, line.amount 25.00.
    for (sql, expect) in [
        ("0.1 + 0.2 = 0.3", "true"),
        ("0.5 % 0.2", "0.1"),
        ("line.amount / line.cnt = 10", "true"),
        ("line.cnt * line.pric", "25.0000025000"),
        ("line.cnt * line.pric <= line.amount", "false"),
        ("line.pric > 10", "true"),
        ("line.pric > 10.0000010", "false"),
        ("line.cnt < 2.50001", "true"),
        ("2.50001 > line.cnt", "true"),
        ("line.cnt = 2.50001", "false"),
        ("line.cnt = 2.5", "true"),
        ("line.cnt in (1, 2.5, 3)", "true"),
        ("line.cnt not in (1, 2)", "true"),
        ("line.cnt between 2 and 2.5", "true"),
        ("line.cnt not between 2 and 2.5", "false"),
        ("line.cnt = 99999999999999999999", "false"),
        ("header.ipt_days = 3", "true"),
        ("header.ipt_days < 9223372036854775807", "true"),
        ("7 / 2", "3"),
        ("7 / 2.0 = 3.5", "true"),
        ("-line.cnt", "-2.5000"),
        ("abs(-2.5)", "2.5"),
        ("line.cnt > header.ipt_days", "false"),
        ("greatest(line.cnt, 3) = 3", "true"),
        ("least(line.cnt, line.pric) = 2.5", "true"),
        ("coalesce(nullif(line.cnt, 2.5), 0) = 0", "true"),
        ("round(line.pric, 2) = 10", "true"),
        ("floor(line.cnt) = 2 and ceil(line.cnt) = 3", "true"),
        ("cast(line.cnt as bigint) = 2.5", "false"),
        ("case header.ipt_days when 3 then 0.25 else 1 end", "0.25"),
    ] {
        check(sql, expect);
    }
}

#[test]
fn texts_compare_by_their_bytes() {
    for (sql, expect) in [
        ("header.gend in ('1', '2')", "true"),
        ("header.gend in ('1', '3')", "false"),
        ("header.gend not in ('1', '3')", "true"),
        ("header.gend not in ('1', null)", "NULL"),
        ("header.gend in ('2', null)", "true"),
        ("header.gend <> ref.sex_limit", "true"),
        ("header.gend = '2' and ref.sex_limit in ('1', '2')", "true"),
        ("header.gend <> '2'", "false"),
        ("'2' = header.gend", "true"),
        ("header.area > '5'", "true"),
        ("line.med_list_codg like 'XG04%'", "true"),
        ("line.med_list_codg not like 'XG04%'", "false"),
        ("line.med_list_codg like 'xg04%'", "false"),
        ("line.med_list_codg ilike 'xg04%'", "true"),
        ("header.diag_codes like '%I1_;%'", "true"),
        ("starts_with(line.med_list_codg, param.code)", "true"),
        ("substr(line.med_list_codg, 2, 3)", "G04"),
        ("substring(line.med_list_codg from 2 for 3) = 'G04'", "true"),
        ("substr(line.med_list_codg, 2, 3) in ('G04', 'A01')", "true"),
        ("left(header.area, 2) = '51'", "true"),
        ("length(header.area)", "6"),
        ("length('限性别药品')", "5"),
        ("header.gend || '-' || ref.sex_limit", "2-1"),
        ("concat(header.gend, null, 'x')", "2x"),
        ("upper('a') = 'A' and trim(' a ') = 'a'", "true"),
        ("'it''s'", "it's"),
        ("position('I10' in header.diag_codes)", "2"),
        ("HEADER.GEND = '2'", "true"),
    ] {
        check(sql, expect);
    }
}

#[test]
fn times_meet_dates_and_written_times() {
    // header.setl_time is 2026-03-05 08:30:00, header.brdy 2008-05-10, header.updt_time NULL.
    for (sql, expect) in [
        ("header.setl_time", "2026-03-05 08:30:00"),
        ("header.setl_time >= '2026-03-05'", "true"),
        ("header.setl_time > '2026-03-05 08:30:00'", "false"),
        ("header.setl_time < date '2026-03-06'", "true"),
        ("header.setl_time between '2026-03-01' and '2026-03-31'", "true"),
        ("header.setl_time in ('2026-03-05 08:30:00')", "true"),
        ("header.setl_time < timestamp '2999-12-31 00:00:00'", "true"),
        ("header.setl_time < '2999-12-31'", "true"),
        ("header.brdy = '2008-05-10'", "true"),
        ("header.brdy < '2008-05-10 00:00:01'", "true"),
        ("header.brdy < header.setl_time", "true"),
        ("header.setl_time + interval '16 hours' > '2026-03-06'", "true"),
        ("header.setl_time - interval '1 month' < '2026-02-06'", "true"),
        ("header.brdy + interval '1 year' = '2009-05-10'", "true"),
        ("coalesce(header.updt_time, header.setl_time)", "2026-03-05 08:30:00"),
        ("coalesce(header.updt_time, header.brdy)", "2008-05-10 00:00:00"),
        ("header.updt_time > '2026-01-01'", "NULL"),
        ("date_part('year', header.setl_time)", "2026"),
        ("extract(month from header.setl_time) = 3", "true"),
        ("date_trunc('month', header.setl_time) = '2026-03-01'", "true"),
        ("header.setl_time = line.fee_ocur_time", "true"),
    ] {
        check(sql, expect);
    }
}

#[test]
fn parameters_follow_the_area() {
    // header.area is 510722.
    check("param.child_max", "18");
    check("param.code", "XG04");
    check("param.days_max", "9");
    check("param.share", "1.00");
    check("line.cnt > param.share", "true");
    check("param.days_max * 2", "18");
    assert!(typed("line.cnt > param.days_max").columns().contains("header.area"));
    // By the day of the fact; an area's own value goes before it.
    check("param.today", "4.5");
    check("param.tomorrow", "2");
    check("param.of_area", "9");
    check("param.of_other_area", "3");
    check("param.tomorrow < param.today", "true");
    assert!(typed("line.cnt > param.today").columns().contains("header.setl_time"));
    assert!(!typed("line.cnt > param.child_max").columns().contains("header.area"));
    assert_eq!(typed("param.days_max").grain(), Grain::Header);
}

#[test]
fn a_part_of_a_text_may_begin_or_end_beyond_it() {
    for (sql, expect) in [
        ("substr(line.med_list_codg, 3, 2147483647) = right(line.med_list_codg, length(line.med_list_codg) - 2)", "true"),
        ("substr(line.med_list_codg, 1, 4294967295) = line.med_list_codg", "true"),
        ("substr(line.med_list_codg, 4294967297, 2) = ''", "true"),
        ("substr(line.med_list_codg, 3, 0) = ''", "true"),
    ] {
        check(sql, expect);
    }
}

#[test]
fn the_parts_of_a_condition_name_their_own_columns_whole() {
    let whole = typed("header.gend = '2' and (line.cnt > 1 or header.online) and line.cnt > param.days_max");
    let parts: Vec<Vec<String>> = whole.conjuncts().iter().map(|part| part.columns().iter().cloned().collect()).collect();
    assert_eq!(parts, [vec!["header.gend"], vec!["header.online", "line.cnt"], vec!["header.area", "line.cnt"]]);
}

#[test]
fn the_place_decides_the_type() {
    let check = |sql: &str, want: Want, expect: Option<&str>| {
        let found = parse(sql, &columns(), want, &params()).ok().map(|typed| typed.data_type().to_string());
        assert_eq!(found.as_deref(), expect, "{sql} as {want:?}");
    };
    check("line.cnt", Want::Decimal, Some("Decimal128(18, 4)"));
    check("header.ipt_days", Want::Decimal, Some("Decimal128(20, 0)"));
    check("header.ipt_days", Want::Number, Some("Int32"));
    check("null", Want::Decimal, Some("Decimal128(20, 0)"));
    check("header.gend", Want::Decimal, None);
    check("header.gend", Want::Text, Some("Utf8"));
    check("substr(header.gend, 1)", Want::Text, Some("Utf8"));
    check("line.cnt", Want::Text, None);
    check("header.online", Want::Boolean, Some("Boolean"));
    check("null", Want::Boolean, Some("Boolean"));
    check("header.gend", Want::Boolean, None);
    check("interval '1 day'", Want::Any, None);
}

#[test]
fn long_chains_are_read_within_their_bound() {
    let chain = |parts: usize| vec!["line.cnt > 1"; parts].join(" and ");
    check(&chain(150), "true");
    let sum = vec!["1"; 150].join(" + ");
    check(&sum, "150");
    let list: Vec<String> = (0..2000).map(|code| format!("'X{code}'")).collect();
    check(&format!("line.med_list_codg in ({})", list.join(", ")), "false");
}

/// `a` and `b` both need the column and compare it: a comparison is theirs
/// alone, what is below is split.
#[test]
fn a_shared_node_is_split_evenly_among_its_users() {
    let mut builder = ProgramBuilder::new(&columns());
    let mut add = |sql: &str| builder.add(&typed(sql), Grain::Header);
    let outputs = [add("header.ipt_days + 1 > 5"), add("header.ipt_days + 1 > 7"), add("header.area is null")];
    let program = builder.build();
    // Users: one of the first output, one of the first two, one of the last, one of nothing.
    let shares = program.shares(&[vec![outputs[0]], vec![outputs[0], outputs[1]], vec![outputs[2]], Vec::new()]);
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
    let of_area = 2.0 / program.nodes() as f64;
    assert!((shares[2] - of_area).abs() < 1e-9, "the column and the test of it: {shares:?}");
    let own = shares[1] - shares[0];
    assert!(own > 0.0 && (own * program.nodes() as f64).fract().abs() < 1e-9, "whole nodes are the second user's alone: {shares:?}");
    assert_eq!(shares[3], 0.0);
}
