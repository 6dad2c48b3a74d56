//! Laws that hold for all numbers, not for examples alone.

use proptest::prelude::*;

use crate::stats::ceiling::OverCeiling;
use crate::stats::ceiling::SHARE_ONE;
use crate::stats::ceiling::Spending;
use crate::stats::funnel::Method;
use crate::stats::funnel::Unit;
use crate::stats::funnel::poisson_limits;
use crate::stats::gamma;
use crate::stats::intervals;
use crate::stats::intervals::Interval;
use crate::stats::oe::Case;
use crate::stats::oe::Sums;
use crate::stats::shrinkage::Component;
use crate::stats::shrinkage::Decision;
use crate::stats::shrinkage::Family;
use crate::stats::shrinkage::Prior;
use crate::stats::shrinkage::Seen;
use crate::stats::special;

fn case() -> impl Strategy<Value = Case> {
    let money = 0..1_000_000_000_i64;
    (money.clone(), money, 0..1_000_000_000_000_000_000_i128).prop_map(|(observed, expected, variance)| Case {
        observed,
        expected,
        variance,
    })
}

fn sums() -> impl Strategy<Value = Sums> {
    prop::collection::vec(case(), 0..6).prop_map(|cases| cases.into_iter().fold(Sums::default(), |sums, case| sums.with(case).unwrap()))
}

fn spending() -> impl Strategy<Value = Spending> {
    (0..1_000_000_i64, 0..1_000_000_i64, 0..=SHARE_ONE).prop_map(|(amount, ceiling, expected_share)| Spending {
        amount,
        ceiling,
        expected_share,
    })
}

fn component() -> impl Strategy<Value = Component> {
    (0.5..60.0_f64, 0.3..3.0_f64).prop_map(|(shape, mean)| Component { shape, rate: shape / mean })
}

fn prior(family: Family) -> impl Strategy<Value = Prior> {
    (component(), prop::option::of((0.0..0.4_f64, component())))
        .prop_map(move |(ordinary, outlier)| Prior::new(family, ordinary, outlier).unwrap())
}

fn seen(family: Family, ratio: f64, size: f64) -> Seen {
    match family {
        Family::Counts => Seen::Count { observed: ratio * size, expected: size },
        Family::Costs => Seen::Cost { ratio, effective: size },
    }
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::Counts), Just(Family::Costs)]
}

fn asked() -> impl Strategy<Value = (Family, Prior)> {
    family().prop_flat_map(|family| (Just(family), prior(family)))
}

/// Any number at all, and often one of the size that statistics have.
fn wild() -> impl Strategy<Value = f64> {
    let odd = [0.0, -0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 5e-324, 0.05, 1e6];
    prop_oneof![any::<f64>(), prop::sample::select(odd.to_vec()), -1.0..1e4_f64, 0.0..1.0_f64]
}

proptest! {
    #[test]
    fn sums_merge_in_any_order_and_grouping(a in sums(), b in sums(), c in sums()) {
        prop_assert_eq!(a.merge(b), b.merge(a));
        prop_assert_eq!(a.merge(b).unwrap().merge(c), a.merge(b.merge(c).unwrap()));
        prop_assert_eq!(a.merge(b).unwrap().subtract(b), Ok(a));
    }

    #[test]
    fn a_retracted_case_leaves_no_trace(sums in sums(), case in case()) {
        prop_assert_eq!(sums.with(case).unwrap().without(case), Ok(sums));
    }

    #[test]
    fn over_ceiling_sums_merge_and_retract(a in spending(), b in spending(), c in spending()) {
        let none = OverCeiling::default();
        let (ab, bc) = (none.with(a).unwrap().with(b).unwrap(), none.with(b).unwrap().with(c).unwrap());
        prop_assert_eq!(ab.merge(bc), bc.merge(ab));
        prop_assert_eq!(ab.without(b), none.with(a));
        prop_assert_eq!(ab.merge(bc).unwrap().subtract(bc), Ok(ab));
    }

    /// Fen or yuan: only ratios of the same unit are told.
    #[test]
    fn the_unit_of_money_changes_nothing(cases in prop::collection::vec(case(), 3..20)) {
        let hundred = |case: &Case| Case { observed: case.observed * 100, expected: case.expected * 100, variance: case.variance * 10_000 };
        let total = |cases: &[Case]| cases.iter().fold(Sums::default(), |sums, case| sums.with(*case).unwrap());
        let (yuan, fen) = (total(&cases), total(&cases.iter().map(hundred).collect::<Vec<_>>()));
        let told = |sums: Sums| {
            let of = |interval: Option<Interval>| interval.map(|interval| [interval.lo, interval.hi]).into_iter().flatten();
            let numbers = [sums.ratio(), sums.se_baseline(), sums.se_sandwich(), sums.effective_cases()].into_iter().flatten();
            numbers.chain(of(sums.delta_log(0.95))).chain(of(sums.baseline_log(0.95))).chain(of(sums.effective_count(0.95))).collect::<Vec<_>>()
        };
        let (yuan, fen) = (told(yuan), told(fen));
        prop_assert_eq!(yuan.len(), fen.len());
        for (a, b) in yuan.iter().zip(&fen) {
            prop_assert!((a - b).abs() <= 1e-11 * a.abs(), "{} and {}", a, b);
        }
    }

    #[test]
    fn more_seen_never_lowers_eb05((family, prior) in asked(), ratio in 0.0..6.0_f64, more in 0.0..2.0_f64, size in 0.1..500.0_f64) {
        let (low, high) = (prior.posterior(seen(family, ratio, size)).unwrap(), prior.posterior(seen(family, ratio + more, size)).unwrap());
        for p in [0.05, 0.5, 0.95] {
            let (low, high) = (low.quantile(p).unwrap(), high.quantile(p).unwrap());
            prop_assert!(high >= low * (1.0 - 1e-12), "{} falls to {}", low, high);
        }
    }

    #[test]
    fn nothing_seen_leaves_the_prior_and_much_seen_the_ratio((family, prior) in asked(), ratio in 0.2..5.0_f64) {
        let mean = |size: f64, ratio: f64| prior.posterior(seen(family, ratio, size)).unwrap().mean();
        // Of inverse gammas some have no mean.
        if let Some(before) = prior.mixture().mean() {
            let after = mean(1e-9, if family == Family::Counts { 0.0 } else { ratio }).unwrap();
            prop_assert!((after - before).abs() <= 1e-5 * before, "{} from {}", after, before);
        }
        let much = mean(1e8, ratio).unwrap();
        prop_assert!((much - ratio).abs() <= 1e-4 * ratio, "{} from {}", much, ratio);
    }

    #[test]
    fn a_quantile_inverts_its_distribution((family, prior) in asked(), ratio in 0.0..6.0_f64, size in 0.1..500.0_f64, p in 0.001..0.999_f64) {
        let posterior = prior.posterior(seen(family, ratio, size)).unwrap();
        let t = posterior.quantile(p).unwrap();
        prop_assert!((posterior.cdf(t).unwrap() - p).abs() <= 1e-12 * p.max(0.01));
        prop_assert!((posterior.survival(t).unwrap() - (1.0 - p)).abs() <= 1e-12 * (1.0 - p).max(0.01));
    }

    #[test]
    fn a_gamma_quantile_inverts_its_distribution(ln_shape in -4.0..14.0_f64, p in 1e-12..1.0_f64) {
        let shape = libm::exp(ln_shape);
        let lower = gamma::gamma_quantile(shape, p).unwrap();
        prop_assert!((gamma::gamma_p(shape, lower).unwrap() - p).abs() <= 1e-12 * p);
        let upper = gamma::gamma_quantile_upper(shape, p).unwrap();
        prop_assert!((gamma::gamma_q(shape, upper).unwrap() - p).abs() <= 1e-12 * p);
    }

    #[test]
    fn a_normal_quantile_inverts_its_distribution(p in 1e-12..1.0_f64) {
        let z = special::normal_quantile(p).unwrap();
        prop_assert!((special::normal_cdf(z).unwrap() - p).abs() <= 1e-14 * p);
    }

    /// What decides and what is shown are one rule.
    #[test]
    fn an_alert_is_an_eb05_above_the_limit((family, prior) in asked(), ratio in 0.0..6.0_f64, size in 0.1..500.0_f64) {
        let Some(told) = prior.judge(seen(family, ratio, size)) else { return Ok(()) };
        prop_assert!(told.limit >= 1.2 && told.p_limit <= told.p_material && told.eb05 < told.eb95);
        let near = |limit: f64| (told.eb05 / limit - 1.0).abs() < 1e-9;
        if !near(told.limit) && !near(1.2) {
            let expect = if told.eb05 > told.limit { Decision::Alert } else if told.eb05 > 1.2 { Decision::Watch } else { Decision::None };
            prop_assert_eq!(told.decision, expect);
        }
    }

    #[test]
    fn no_input_gives_a_number_that_is_not_finite(a in wild(), b in wild(), c in wild(), d in wild(), count in any::<u64>(), n in any::<i64>()) {
        let mut told: Vec<Option<f64>> = vec![special::ln_gamma(a), special::digamma(a), special::normal_cdf(a), special::normal_quantile(a)];
        told.extend([gamma::gamma_p(a, b), gamma::gamma_q(a, b), gamma::gamma_quantile(a, b), gamma::gamma_quantile_upper(a, b)]);
        told.extend([gamma::chi_square_quantile(a, b), special::poisson_pmf(count, a)]);
        let small = count % 1000;
        let mut limits = vec![intervals::exact(count % 1_000_000, a, b), intervals::byar(count, a, b), intervals::mid_p(small, a, b)];
        limits.extend([intervals::fay_feuer(a, b, c, d), intervals::log_scale(a, b, c), intervals::wilson(small, count, a)]);
        limits.push(poisson_limits(a.min(1e6), b));
        for method in [Method::Shmi, Method::Cqc] {
            limits.push(method.limits(a, b, c));
            told.extend([method.z(Unit { observed: a, expected: b }), method.adjusted_z(Unit { observed: a, expected: b }, c)]);
            if let Some(spread) = method.corrected(&[Unit { observed: a, expected: b }, Unit { observed: c, expected: d }, Unit { observed: 3.0, expected: 2.0 }]) {
                told.extend([Some(spread.phi), Some(spread.tau2)]);
            }
        }
        let wide = |a: f64| (a * 1e20) as i128;
        let sums = Sums { n, o: wide(a), e: wide(b), v: wide(c), oo: wide(d), oe: wide(a), ee: wide(b) };
        told.extend([sums.ratio(), sums.se_baseline(), sums.se_sandwich(), sums.effective_cases()]);
        limits.extend([sums.delta_log(0.95), sums.baseline_log(0.95)]);
        told.extend(limits.into_iter().flatten().flat_map(|interval| [Some(interval.lo), Some(interval.hi)]));
        for told in told.into_iter().flatten() {
            prop_assert!(told.is_finite());
        }
    }

    #[test]
    fn no_prior_tells_a_number_that_is_not_finite(a in wild(), b in wild(), c in wild(), d in wild(), weight in wild(), o in wild(), e in wild()) {
        for (family, seen) in [(Family::Counts, Seen::Count { observed: o, expected: e }), (Family::Costs, Seen::Cost { ratio: o, effective: e })] {
            let (ordinary, outlier) = (Component { shape: a, rate: b }, Component { shape: c, rate: d });
            for outlier in [None, Some((weight, outlier))] {
                let Ok(prior) = Prior::new(family, ordinary, outlier) else { continue };
                prop_assert!(prior.limit().is_finite());
                let Some(told) = prior.judge(seen) else { continue };
                let all = [told.outlier_weight, told.eb_mean, told.ebgm, told.eb05, told.eb95, told.p_material, told.p_limit, told.limit];
                prop_assert!(all.iter().all(|told| told.is_finite()), "{:?}", told);
                prop_assert!(told.p_limit >= 0.0 && told.p_material <= 1.0 && told.excess(e).is_none_or(f64::is_finite));
            }
        }
    }
}
