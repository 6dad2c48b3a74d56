//! The root of a function that only rises, to the last bits of its place.

/// Steps after which the place is taken as it is. Halving alone crosses every
/// bracket that the callers ask for in fewer.
const STEPS_MAX: usize = 200;
/// Where a step no longer moves the place, as a part of it.
const STILL: f64 = 2.220_446_049_250_313e-16;

/// Where `rising` passes zero between `lo` and `hi`: Newton steps that stay in
/// the bracket, else halving. `rising` gives value and slope; its value is at
/// most zero at `lo` and at least zero at `hi`.
pub fn root(lo: f64, hi: f64, rising: impl Fn(f64) -> (f64, f64)) -> f64 {
    let (mut lo, mut hi) = (lo, hi);
    let mut place = lo + (hi - lo) / 2.0;
    let mut last_step = hi - lo;
    for _ in 0..STEPS_MAX {
        let (value, slope) = rising(place);
        if value == 0.0 {
            return place;
        }
        if value < 0.0 {
            lo = place;
        } else {
            hi = place;
        }
        let newton = place - value / slope;
        let inside = newton > lo && newton < hi && (newton - place).abs() < last_step / 2.0;
        let next = if inside { newton } else { lo + (hi - lo) / 2.0 };
        last_step = (next - place).abs();
        if last_step <= STILL * place.abs() {
            return next;
        }
        place = next;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_smooth_flat_and_broken_functions_are_found() {
        let check = |expect: f64, found: f64| assert!((found - expect).abs() <= 1e-15 * expect, "{found} is not {expect}");
        check(2.0_f64.sqrt(), root(0.0, 2.0, |x| (x * x - 2.0, 2.0 * x)));
        check(1.0, root(0.0, 3.0, |x| ((x - 1.0).powi(3), 3.0 * (x - 1.0).powi(2))));
        check(0.3, root(0.0, 1.0, |x| (if x < 0.3 { -1.0 } else { 1.0 }, 0.0)));
    }
}
