//! The statistics of ratios against the published and recomputed numbers of
//! `reference/statistics`: every row that a function of `stats` has a say in.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::Path;

use claimsift::stats::ceiling;
use claimsift::stats::ceiling::OverCeiling;
use claimsift::stats::ceiling::SHARE_ONE;
use claimsift::stats::ceiling::Spending;
use claimsift::stats::funnel;
use claimsift::stats::funnel::Method;
use claimsift::stats::funnel::Unit;
use claimsift::stats::intervals;
use claimsift::stats::intervals::Interval;
use claimsift::stats::oe::Case;
use claimsift::stats::oe::Sums;
use claimsift::stats::quantile::Sorted;
use claimsift::stats::quantile::ranks;
use claimsift::stats::shrinkage::Component;
use claimsift::stats::shrinkage::Decision;
use claimsift::stats::shrinkage::FALLBACK;
use claimsift::stats::shrinkage::Family;
use claimsift::stats::shrinkage::Prior;
use claimsift::stats::shrinkage::Seen;

type Row = HashMap<String, String>;

/// All rows of a file, which has this many.
fn rows(name: &str, n: usize) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/statistics").join(name);
    let rows: Vec<Row> = csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), n, "rows of {name}");
    rows
}

fn num(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?} is no number"))
}

fn whole(row: &Row, column: &str) -> u64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?} is no whole number"))
}

/// The rows of a file of named values, and the names that no function tells.
fn values(name: &str, n: usize, untold: &[&str]) -> HashMap<String, f64> {
    let named = rows(name, n).into_iter().map(|row| (row["quantity"].clone(), num(&row, "value"))).collect::<HashMap<_, _>>();
    assert!(untold.iter().all(|name| named.contains_key(*name)), "{untold:?} are not all in {name}");
    named.into_iter().filter(|(name, _)| !untold.contains(&name.as_str())).collect()
}

/// `found` is the number of the column, to a part of it.
fn check(row: &Row, column: &str, found: impl Into<Option<f64>>, tolerance: f64) {
    let (found, expect) = (found.into(), num(row, column));
    let near = found.is_some_and(|found| (found - expect).abs() <= tolerance * if expect == 0.0 { 1.0 } else { expect.abs() });
    assert!(near, "{column}: {found:?} is not {expect:e} of {row:?}");
}

fn check_interval(row: &Row, found: Option<Interval>, tolerance: f64) {
    check(row, "lower", found.map(|found| found.lo), tolerance);
    check(row, "upper", found.map(|found| found.hi), tolerance);
}

fn component(shape: f64, rate: f64) -> Component {
    Component { shape, rate }
}

/// The default priors of the alert lines.
fn counts() -> Prior {
    Prior::new(Family::Counts, component(44.0, 44.0), Some((0.02, component(9.0, 4.0)))).unwrap()
}

fn costs() -> Prior {
    Prior::new(Family::Costs, component(46.0, 45.0), Some((0.02, component(8.0, 14.0)))).unwrap()
}

fn count(observed: f64, expected: f64) -> Seen {
    Seen::Count { observed, expected }
}

fn cost(ratio: f64, effective: f64) -> Seen {
    Seen::Cost { ratio, effective }
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::None => "none",
        Decision::Watch => "watch",
        Decision::Alert => "alert",
    }
}

#[test]
fn limits_of_counts() {
    for row in rows("ref_poisson_ci.csv", 200) {
        let (observed, expected, confidence) = (whole(&row, "O"), num(&row, "E"), num(&row, "conf"));
        match row["method"].as_str() {
            "exact_garwood" => check_interval(&row, intervals::exact(observed, expected, confidence), 1e-9),
            "byar_breslow_day" => check_interval(&row, intervals::byar(observed, expected, confidence), 1e-9),
            "mid_p" => check_interval(&row, intervals::mid_p(observed, expected, confidence), 1e-9),
            // Another formula under the same name: ours must not be it.
            "byar_rothman_half" => {
                let ours = intervals::byar(observed, expected, confidence).unwrap();
                assert!((ours.hi / num(&row, "upper") - 1.0).abs() > 1e-6, "{ours:?} of {row:?}");
            }
            other => panic!("{other} is no method of counts"),
        }
    }
}

#[test]
fn limits_of_weighted_sums() {
    for row in rows("ref_gamma_fay_feuer.csv", 15) {
        let found = intervals::fay_feuer(num(&row, "x"), num(&row, "v"), num(&row, "wmax"), num(&row, "conf"));
        check_interval(&row, found, 1e-9);
    }
}

/// Cases of the fixed file as provider, group, cost and baseline.
fn cost_cases() -> Vec<(String, String, Case)> {
    let case = |row: &Row| {
        let sd = i128::from(whole(row, "sd_fen"));
        Case { observed: whole(row, "cost_fen") as i64, expected: whole(row, "expected_fen") as i64, variance: sd * sd }
    };
    rows("cost_cases.csv", 402).iter().map(|row| (row["provider"].clone(), row["group"].clone(), case(row))).collect()
}

#[test]
fn limits_of_cost_ratios() {
    const UNTOLD: [&str; 6] =
        ["bootstrap_bca", "bootstrap_percentile", "delta_log_t", "fieller_t", "geometric_mean_ratio_t", "jackknife_z"];
    let mut providers: BTreeMap<String, Sums> = BTreeMap::new();
    for (provider, _, case) in cost_cases() {
        let sums = providers.entry(provider).or_default();
        *sums = sums.with(case).unwrap();
    }
    let (mut untold, mut told) = (BTreeSet::new(), 0);
    for row in rows("ref_cost_ratio_ci.csv", 79) {
        let sums = providers[&row["provider"]];
        let exact = [("n", i128::from(sums.n)), ("sumO", sums.o), ("sumE", sums.e), ("sumVar", sums.v)];
        for (column, sum) in exact {
            assert_eq!(row[column], sum.to_string(), "{column} of {row:?}");
        }
        let ratio = sums.ratio().unwrap();
        check(&row, "ratio", ratio, 1e-9);
        let tolerance = num(&row, "tol");
        let method = row["method"].clone();
        let (interval, se) = match method.as_str() {
            "delta_linearised_z" => {
                let (se, z) = (sums.se_sandwich().unwrap(), intervals::z_of(0.95).unwrap());
                (Some(Interval { lo: ratio - z * se, hi: ratio + z * se }), Some(se))
            }
            "delta_log_z" => (sums.delta_log(0.95), sums.se_sandwich().map(|se| se / ratio)),
            "baseline_var_log_z" => (sums.baseline_log(0.95), sums.se_baseline().map(|se| se / ratio)),
            "effective_count_gamma" => (sums.effective_count(0.95), sums.effective_cases().map(|k| (ratio / k).sqrt())),
            _ => {
                untold.insert(method);
                continue;
            }
        };
        check_interval(&row, interval, tolerance);
        check(&row, "se", se, tolerance);
        told += 1;
    }
    assert_eq!((untold.iter().map(String::as_str).collect::<Vec<_>>(), told), (UNTOLD.to_vec(), 8 * 4));
}

#[test]
fn posteriors_of_single_priors() {
    for row in rows("ref_gamma_poisson_posterior.csv", 80) {
        let own = component(num(&row, "a"), num(&row, "b"));
        let seen = count(num(&row, "O"), num(&row, "E"));
        let posterior = Prior::new(Family::Counts, own, None).unwrap().posterior(seen).unwrap();
        check(&row, "post_mean", posterior.mean(), 1e-9);
        check(&row, "post_sd", posterior.sd(), 1e-9);
        check(&row, "ebgm", posterior.geometric_mean(), 1e-9);
        for (column, p) in [("q05", 0.05), ("q50", 0.5), ("q95", 0.95)] {
            check(&row, column, posterior.quantile(p), 1e-9);
        }
        for (column, t) in [("p_gt_1", 1.0), ("p_gt_1_2", 1.2), ("p_gt_1_5", 1.5)] {
            check(&row, column, posterior.survival(t), 1e-9);
        }
        check(&row, "loglik_nb", own.ln_marginal(seen), 1e-9);
    }
}

/// Clayton & Kaldor 1987, at the prior that the file was made with.
#[test]
fn lip_cancer_in_scotland() {
    const UNTOLD: [&str; 6] = ["a_ml_glmnb", "b_ml_glmnb", "negloglik_ml", "a_mom_marshall", "b_mom_marshall", "prior_mean_mom"];
    let given: HashMap<String, f64> =
        rows("ref_scotland_prior.csv", 8).iter().map(|row| (row["parameter"].clone(), num(row, "value"))).collect();
    let own = component(given["a_ml_nlminb"], given["b_ml_nlminb"]);
    assert_eq!(given.len() - UNTOLD.iter().filter(|name| given.contains_key(**name)).count(), 2);
    let prior = Prior::new(Family::Counts, own, None).unwrap();
    let mut ln_likelihood = 0.0;
    for row in rows("ref_scotland_eb.csv", 56) {
        let seen = count(num(&row, "O"), num(&row, "E"));
        let posterior = prior.posterior(seen).unwrap();
        check(&row, "eb_mean", posterior.mean(), 1e-9);
        check(&row, "eb_q05", posterior.quantile(0.05), 1e-9);
        check(&row, "eb_q95", posterior.quantile(0.95), 1e-9);
        check(&row, "p_gt_1_2", posterior.survival(1.2), 1e-9);
        ln_likelihood += own.ln_marginal(seen).unwrap();
    }
    assert!((-ln_likelihood / given["negloglik_ml"] - 1.0).abs() < 1e-8);
}

/// DuMouchel's MGPS at the published hyperparameters of CAERS.
#[test]
fn signals_of_caers() {
    const UNTOLD: [&str; 8] = [
        "n_pairs",
        // The 17,189 pairs that it counts are not at hand.
        "n_eb05_ge_2",
        "negLL_squashed_at_published_theta",
        "theta_refit_alpha1",
        "theta_refit_beta1",
        "theta_refit_alpha2",
        "theta_refit_beta2",
        "theta_refit_P",
    ];
    let theta = values("ref_mgps_summary.csv", 13, &UNTOLD);
    assert_eq!(theta.len(), 5);
    let of = |number: u8| component(theta[&format!("theta_alpha{number}")], theta[&format!("theta_beta{number}")]);
    let prior = Prior::new(Family::Counts, of(2), Some((theta["theta_P"], of(1)))).unwrap();
    for row in rows("ref_mgps_caers.csv", 29) {
        let told = prior.judge(count(num(&row, "N"), num(&row, "E"))).unwrap();
        check(&row, "qn", told.outlier_weight, 1e-9);
        check(&row, "ebgm", told.ebgm, 1e-9);
        check(&row, "eb05", told.eb05, 1e-9);
        check(&row, "eb95", told.eb95, 1e-9);
        // The package stops its bisection at 0.005, then rounds.
        assert!((told.eb05 - num(&row, "eb05_pkg_2dp")).abs() <= 0.0101, "{told:?} of {row:?}");
    }
}

#[test]
fn decisions_about_counts() {
    let prior = counts();
    for row in rows("ref_default_counts.csv", 39) {
        let told = prior.judge(count(num(&row, "O"), num(&row, "E"))).unwrap();
        check(&row, "oe", num(&row, "O") / num(&row, "E"), 1e-8);
        check(&row, "ebgm", told.ebgm, 1e-8);
        check(&row, "qn_outlier", told.outlier_weight, 1e-8);
        check(&row, "eb_mean", told.eb_mean, 1e-8);
        check(&row, "eb05", told.eb05, 1e-8);
        check(&row, "eb95", told.eb95, 1e-8);
        check(&row, "p_gt_1_2", told.p_material, 1e-8);
        check(&row, "p_gt_peer", told.p_limit, 1e-8);
        check(&row, "peer_limit", told.limit, 1e-8);
        assert_eq!(word(told.decision), row["decision"], "{row:?}");
    }
}

#[test]
fn decisions_about_costs() {
    let prior = costs();
    for row in rows("ref_default_costs.csv", 24) {
        let seen = cost(num(&row, "ratio"), num(&row, "k_eff"));
        let told = prior.judge(seen).unwrap();
        check(&row, "qn_outlier", told.outlier_weight, 1e-8);
        check(&row, "eb_mean", told.eb_mean, 1e-8);
        check(&row, "eb05", told.eb05, 1e-8);
        check(&row, "eb95", told.eb95, 1e-8);
        check(&row, "p_gt_1_2", told.p_material, 1e-8);
        check(&row, "p_gt_peer", told.p_limit, 1e-8);
        check(&row, "peer_limit", told.limit, 1e-8);
        check(&row, "loglik_c1", component(8.0, 14.0).ln_marginal(seen), 1e-8);
        check(&row, "loglik_c2", component(46.0, 45.0).ln_marginal(seen), 1e-8);
        assert_eq!(word(told.decision), row["decision"], "{row:?}");
    }
}

/// Without a fitted prior the limit is that of the fixed one.
#[test]
fn the_fixed_prior_has_its_limit() {
    let prior = Prior::new(Family::Counts, FALLBACK, None).unwrap();
    assert!((prior.limit() - 1.43).abs() < 0.005);
    // Peers that hardly differ: what is immaterial stays so.
    let narrow = Prior::new(Family::Counts, component(1e4, 1e4), None).unwrap();
    assert_eq!(narrow.limit(), 1.2);
    assert_eq!(word(prior.judge(count(5.0, 1.0)).unwrap().decision), "none");
}

/// The fewest events for which `reached` holds, which then holds for all more.
fn fewest(reached: impl Fn(u64) -> bool) -> u64 {
    let (mut no, mut yes) = (0, 10_000);
    assert!(!reached(no) && reached(yes));
    while yes - no > 1 {
        let middle = no + (yes - no) / 2;
        if reached(middle) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    yes
}

#[test]
fn alert_line_of_counts() {
    let prior = counts();
    for row in rows("ref_alert_line_counts.csv", 19) {
        let expected = num(&row, "E");
        let decision = |observed: u64| prior.judge(count(observed as f64, expected)).unwrap().decision;
        let line = |column: &str, reached: &dyn Fn(u64) -> bool| assert_eq!(fewest(reached), whole(&row, column), "{column} of {row:?}");
        line("watch_min_O", &|observed| decision(observed) >= Decision::Watch);
        line("alert_min_O", &|observed| decision(observed) == Decision::Alert);
        line("byar95_lower_gt_peer_min_O", &|observed| intervals::byar(observed, expected, 0.95).unwrap().lo > prior.limit());
        line("naive_1_5_min_O", &|observed| observed as f64 / expected > 1.5);
        // A spread of 0.15 between ratios is half of it between their roots.
        let three_sigma = Method::Cqc.limits(expected, 0.075 * 0.075, 3.0).unwrap().hi;
        line("funnel3s_tau15_min_O", &|observed| observed as f64 / expected > three_sigma);
    }
}

#[test]
fn alert_line_of_costs() {
    let prior = costs();
    for row in rows("ref_alert_line_costs.csv", 14) {
        let effective = num(&row, "k_eff");
        for (column, least) in [("watch_min_ratio", Decision::Watch), ("alert_min_ratio", Decision::Alert)] {
            let (mut no, mut yes) = (1.0, 100.0);
            while yes - no > 1e-9 {
                let middle = (no + yes) / 2.0;
                if prior.judge(cost(middle, effective)).unwrap().decision >= least {
                    yes = middle;
                } else {
                    no = middle;
                }
            }
            check(&row, column, yes, 1e-5);
        }
    }
}

/// The multipliers that the reference was made with.
const Z_95: f64 = 1.959_964;
const Z_998: f64 = 3.090_232;

fn unit(row: &Row) -> Unit {
    Unit { observed: num(row, "O"), expected: num(row, "E") }
}

/// What the CQC columns of the reference were made from: E before rounding.
fn unrounded(row: &Row) -> Unit {
    Unit { observed: num(row, "O"), expected: num(row, "E_unrounded") }
}

/// Lengths of stay in 54 hospitals. The reference gives CQC limits of the root
/// of O/E; ours are of O/E.
#[test]
fn funnel_of_medpar() {
    let rows = rows("ref_funnel_medpar.csv", 54);
    let units: Vec<Unit> = rows.iter().map(unit).collect();
    let shmi = Method::Shmi.dispersion(&units).unwrap();
    let cqc = Method::Cqc.dispersion(&rows.iter().map(unrounded).collect::<Vec<_>>()).unwrap();
    let mut order: Vec<f64> = units.iter().map(|unit| Method::Shmi.z(*unit).unwrap()).collect();
    order.sort_by(f64::total_cmp);
    let (mut poisson_out, mut shmi_out, mut roots_out) = (0, 0, 0);
    for (row, unit) in rows.iter().zip(&units) {
        let ratio = unit.observed / unit.expected;
        check(row, "rr", ratio, 1e-9);
        let (poisson_95, poisson) = (funnel::poisson_limits(unit.expected, 0.95), funnel::poisson_limits(unit.expected, 0.998).unwrap());
        check(row, "ll95_poisson", poisson_95.map(|limits| limits.lo), 1e-9);
        check(row, "ul95_poisson", poisson_95.map(|limits| limits.hi), 1e-9);
        check(row, "ll998_poisson", poisson.lo, 1e-9);
        check(row, "ul998_poisson", poisson.hi, 1e-9);

        let z = Method::Shmi.z(*unit).unwrap();
        check(row, "z_shmi", z, 1e-9);
        let kept = z >= order[5] && z <= order[48];
        check(row, "kept_shmi", f64::from(u8::from(kept)), 0.0);
        check(row, "odul95_shmi", Method::Shmi.limits(unit.expected, shmi.tau2, Z_95).map(|limits| limits.hi), 1e-9);
        let wide = Method::Shmi.limits(unit.expected, shmi.tau2, Z_998).unwrap();
        check(row, "odul998_shmi", wide.hi, 1e-9);
        check(row, "odll998_shmi", wide.lo, 1e-9);

        check(row, "z_cqc", Method::Cqc.z(unrounded(row)), 1e-9);
        let roots = Method::Cqc.limits(unrounded(row).expected, cqc.tau2, Z_998).unwrap();
        let roots = Interval { lo: roots.lo.sqrt(), hi: roots.hi.sqrt() };
        check(row, "odul998_cqc", roots.hi, 1e-9);
        check(row, "odll998_cqc", roots.lo, 1e-9);

        let out = |column: &str, limits: Interval, n: &mut i32| {
            let out = ratio > limits.hi || ratio < limits.lo;
            check(row, column, f64::from(u8::from(out)), 0.0);
            *n += i32::from(out);
        };
        out("out_poisson998", poisson, &mut poisson_out);
        out("out_shmi998", wide, &mut shmi_out);
        // As the reference has it: O/E itself against limits of its root, which
        // `limits_and_scores_of_medpar_agree` puts right.
        out("out_cqc998", roots, &mut roots_out);
    }

    let told = [
        ("n_units", units.len() as f64),
        ("cqc_n", cqc.kept as f64),
        ("cqc_phi", cqc.phi),
        ("cqc_tau2", cqc.tau2),
        ("shmi_n_kept", shmi.kept as f64),
        ("shmi_phi", shmi.phi),
        ("shmi_tau2", shmi.tau2),
        ("outliers_poisson_998", f64::from(poisson_out)),
        ("outliers_shmi_998", f64::from(shmi_out)),
        ("outliers_cqc_998", f64::from(roots_out)),
    ];
    // Of single stays, which are not at hand.
    let given = values("ref_funnel_medpar_summary.csv", 11, &["pearson_dispersion"]);
    assert_eq!(given.len(), told.len());
    for (name, found) in told {
        assert!((found / given[name] - 1.0).abs() <= 1e-9, "{name}: {found} is not {}", given[name]);
    }
}

/// Limits of O/E and z scores with allowance for the spread are one rule.
#[test]
fn limits_and_scores_of_medpar_agree() {
    let units: Vec<Unit> = rows("ref_funnel_medpar.csv", 54).iter().map(unit).collect();
    for (method, expect) in [(Method::Shmi, 9), (Method::Cqc, 2)] {
        let tau2 = method.dispersion(&units).unwrap().tau2;
        let mut found = 0;
        for unit in &units {
            let (ratio, limits) = (unit.observed / unit.expected, method.limits(unit.expected, tau2, Z_998).unwrap());
            let out = ratio > limits.hi || ratio < limits.lo;
            assert_eq!(out, method.adjusted_z(*unit, tau2).unwrap().abs() > Z_998, "{unit:?}");
            found += i32::from(out);
        }
        assert_eq!(found, expect, "{method:?}");
    }
}

#[test]
fn funnels_of_a_few_sizes() {
    // The package's own test has these.
    let units = [(100.0, 108.0), (150.0, 112.0), (180.0, 165.0), (80.0, 95.0), (120.0, 100.0), (225.0, 220.0)];
    let units = units.map(|(observed, expected)| Unit { observed, expected });
    let spread = Method::Shmi.dispersion(&units).unwrap();
    for row in rows("ref_funnel_small.csv", 14) {
        let expected = num(&row, "x");
        let item = row["item"].as_str();
        let confidence = if item.contains("998") { 0.998 } else { 0.95 };
        match item {
            "ll95_poisson" | "ll998_poisson" => check(&row, "value", funnel::poisson_limits(expected, confidence).unwrap().lo, 1e-9),
            "ul95_poisson" | "ul998_poisson" => check(&row, "value", funnel::poisson_limits(expected, confidence).unwrap().hi, 1e-9),
            "phi_shmi_6units" => check(&row, "value", spread.phi, 1e-9),
            "tau2_shmi_6units" => check(&row, "value", spread.tau2, 1e-9),
            other => panic!("{other} is nothing of a funnel"),
        }
    }
}

#[test]
fn ranks_around_quantiles() {
    for row in rows("ref_quantile_order_ci.csv", 16) {
        let n: u32 = row["n"].parse().unwrap();
        let level = (num(&row, "q") * 1000.0).round() as u32;
        let found = ranks(n, level, 0.95).unwrap();
        assert_eq!(found.lo.map(u64::from), Some(whole(&row, "rank_lo")), "{row:?}");
        assert_eq!(found.hi.is_some(), row["hi_exists"] == "TRUE", "{row:?}");
        assert_eq!(u64::from(found.hi.unwrap_or(n + 1)), whole(&row, "rank_hi"), "{row:?}");
        check(&row, "coverage", found.coverage, 1e-9);
    }
}

/// Ascending costs of each group, in fen.
fn groups() -> BTreeMap<String, Sorted> {
    let mut groups: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (_, group, case) in cost_cases() {
        groups.entry(group).or_default().push(case.observed);
    }
    groups.into_iter().map(|(group, costs)| (group, Sorted::new(costs))).collect()
}

fn ceiling_of(name: &str, costs: &Sorted) -> Option<f64> {
    match name {
        "p90_type7" => costs.interpolated(900),
        "p95_type7" => costs.interpolated(950),
        "p90_type1" => costs.inverse(900).map(|cost| cost as f64),
        "p95_type1" => costs.inverse(950).map(|cost| cost as f64),
        "gm2" => ceiling::geometric(costs),
        "tukey_1.5" => ceiling::tukey(costs, 1.5),
        "tukey_3" => ceiling::tukey(costs, 3.0),
        "log_tukey_1.5" => ceiling::log_tukey(costs, 1.5),
        "x2_mean" => ceiling::times_mean(costs, 2.0),
        "x3_mean" => ceiling::times_mean(costs, 3.0),
        _ => None,
    }
}

#[test]
fn ceilings_of_groups() {
    let groups = groups();
    let mut untold = BTreeSet::new();
    for row in rows("ref_ceiling_group.csv", 102) {
        let costs = &groups[&row["group"]];
        let found = match row["quantity"].as_str() {
            "n" => Some(costs.values().len() as f64),
            "mean" => costs.mean(),
            "median" => costs.interpolated(500),
            "log_mean" => ceiling::log_moments(costs).map(|(mean, _)| mean),
            "log_sd" => ceiling::log_moments(costs).map(|(_, sd)| sd),
            "medcouple" | "adjusted_box" => {
                untold.insert(row["quantity"].clone());
                continue;
            }
            other => ceiling_of(other, costs),
        };
        check(&row, "value", found, 1e-9);
    }
    assert_eq!(untold.into_iter().collect::<Vec<_>>(), ["adjusted_box", "medcouple"]);
}

/// All columns but the Clopper-Pearson limits.
#[test]
fn over_ceiling_ratios_of_providers() {
    /// Ceilings between two fen: money is counted in millionths of one here.
    const FINE: f64 = 1e6;
    let (groups, cases) = (groups(), cost_cases());
    for row in rows("ref_ceiling_provider.csv", 56) {
        let ceilings: BTreeMap<&str, (f64, i64)> = groups
            .iter()
            .map(|(group, costs)| {
                let ceiling = ceiling_of(&row["ceiling"], costs).unwrap();
                let over = costs.values().iter().filter(|cost| **cost as f64 > ceiling).count();
                let share = over as f64 / costs.values().len() as f64;
                (group.as_str(), (ceiling, (share * SHARE_ONE as f64).round() as i64))
            })
            .collect();
        let mut sums = OverCeiling::default();
        for (_, group, case) in cases.iter().filter(|(provider, ..)| *provider == row["provider"]) {
            let (ceiling, expected_share) = ceilings[group.as_str()];
            let amount = case.observed * FINE as i64;
            sums = sums.with(Spending { amount, ceiling: (ceiling * FINE).round() as i64, expected_share }).unwrap();
        }
        let n = u64::try_from(sums.cases.n).unwrap();
        assert_eq!((n, sums.over()), (whole(&row, "n"), whole(&row, "over_n")), "{row:?}");
        check(&row, "ocr_count", sums.share_of_cases(), 1e-9);
        check(&row, "ocr_spend", sums.share_of_spend(), 1e-9);
        check(&row, "ocr_amount", sums.share_of_amount(), 1e-9);
        check(&row, "expected_over", sums.counts().map(|counts| counts.expected), 1e-9);
        check(&row, "var_over", sums.counts().map(|counts| counts.variance), 1e-9);
        check(&row, "oe_over", sums.cases.ratio(), 1e-9);
        let wilson = intervals::wilson(sums.over(), n, 0.95).unwrap();
        check(&row, "wilson_lo", wilson.lo, 1e-9);
        check(&row, "wilson_hi", wilson.hi, 1e-9);
    }
}
