//! The alert line of a funnel: how large a ratio must be before it is told.

use crate::reference::baseline;
use crate::reference::baseline_tables::Model;
use crate::stats::shrinkage::CERTAINTY;
use crate::stats::shrinkage::Seen;

/// Beyond this nothing is searched.
const RATIO_MAX: f64 = 100.0;
/// Halvings: some ten digits.
const STEPS: u32 = 40;

/// The least O/E worth so many effective cases whose EB05 reaches the limit of
/// peers. `None` where none up to 100 does.
pub fn alert_from(known: &baseline::Prior, effective: f64) -> Option<f64> {
    let prior = super::prior(known)?;
    let is_alert = |ratio: f64| {
        let seen = match known.model {
            Model::Counts => Seen::Count { observed: ratio * effective, expected: effective },
            Model::Costs => Seen::Cost { ratio, effective },
        };
        Some(prior.posterior(seen)?.survival(prior.limit())? > CERTAINTY)
    };
    let (mut low, mut high) = (0.0, RATIO_MAX);
    if !is_alert(high)? {
        return None;
    }
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if is_alert(middle)? { high = middle } else { low = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::baseline::Component;
    use crate::stats::shrinkage::Decision;

    #[test]
    fn the_line_is_where_the_decision_turns() {
        let outlier = Some((0.05, Component { shape: 6.0, rate: 10.0 }));
        for (model, outlier) in [(Model::Counts, None), (Model::Costs, None), (Model::Costs, outlier)] {
            let known = baseline::Prior { model, ordinary: Component { shape: 102.0, rate: 101.0 }, outlier, units: 1 };
            let prior = super::super::prior(&known).unwrap();
            let mut before = f64::INFINITY;
            for effective in [5.0, 20.0, 80.0, 320.0, 1280.0] {
                let line = alert_from(&known, effective).unwrap();
                assert!(line > prior.limit() && line < before, "more cases need a smaller ratio: {effective} {line}");
                before = line;
                for (ratio, is_alert) in [(line * 0.999, false), (line * 1.001, true)] {
                    let seen = match model {
                        Model::Counts => Seen::Count { observed: ratio * effective, expected: effective },
                        Model::Costs => Seen::Cost { ratio, effective },
                    };
                    let judgment = prior.judge(seen).unwrap();
                    assert_eq!(judgment.decision == Decision::Alert, is_alert, "{model:?} {effective} {ratio}");
                    assert_eq!(judgment.eb05 > judgment.limit, is_alert, "{model:?} {effective} {ratio}");
                }
            }
        }
    }
}
