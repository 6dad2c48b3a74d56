//! How long a quantity lasts: packs, dose units and days from the units of a
//! prescription line, the drug master's row and the frequency.

use crate::base::decimal::divide_round;
use crate::reference::frequencies::Frequency;
use crate::reference::units::Content;
use crate::reference::units::Ratio;
use crate::reference::units::dose_units;
use crate::reference::units::same_unit;

/// Ten-thousandths: the scale of quantities, doses and days.
const ONE: i128 = 10_000;

/// What the drug master says about an item's smallest pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack<'a> {
    /// Unit of one dose (片) and of one pack (盒).
    pub dose_unit: &'a str,
    pub pack_unit: &'a str,
    /// Dose units in the smallest pack.
    pub doses_per_pack: i64,
    /// What one dose unit holds.
    pub contents: &'a [Content],
    /// What is left of an opened dose unit is thrown away: an ampoule.
    pub used_up: bool,
}

/// What a prescription line says. Numbers in ten-thousandths.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub quantity: i64,
    pub unit: &'a str,
    pub dose: Option<i64>,
    pub dose_unit: &'a str,
    pub form: &'a str,
    pub frequency: Option<Frequency>,
}

/// What comes of it, in ten-thousandths; `None` where it cannot be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub packs: Option<i64>,
    pub doses: Option<i64>,
    /// Dose units a day.
    pub daily_dose: Option<i64>,
    pub days: Option<i64>,
    /// Days of one smallest pack.
    pub days_pack: Option<i64>,
}

impl Pack<'_> {
    /// Whether a quantity of this unit can be counted.
    pub fn counts(&self, unit: &str) -> bool {
        self.quantity(0, unit).is_some()
    }

    /// Whether a dose of this unit can be.
    pub fn doses(&self, unit: &str) -> bool {
        dose_units(0, unit, self.dose_unit, self.contents).is_some()
    }

    /// The dose units of a quantity in packs, in dose units, or in a measure.
    fn quantity(&self, quantity: i64, unit: &str) -> Option<Ratio> {
        let quantity = i128::from(quantity);
        if same_unit(unit, self.pack_unit) {
            // One word for the pack and for what is in it tells them apart only where they are one.
            let told = self.doses_per_pack == 1 || !same_unit(self.pack_unit, self.dose_unit);
            return told.then(|| Ratio::whole(quantity * i128::from(self.doses_per_pack)));
        }
        dose_units(quantity, unit, self.dose_unit, self.contents)
    }

    /// The dose units that one dose uses.
    fn dose(&self, dose: i64, unit: &str) -> Option<Ratio> {
        let dose = dose_units(i128::from(dose), unit, self.dose_unit, self.contents).filter(|dose| dose.over > 0)?;
        let opened = dose.under.checked_mul(ONE)?;
        Some(if self.used_up { Ratio::whole((dose.over + opened - 1) / opened * ONE) } else { dose })
    }
}

/// Days = quantity in dose units over dose times doses a day. Unknown where a
/// unit cannot be converted, a frequency has no meaning or means "when needed",
/// or the form has no countable dose.
pub fn count(pack: &Pack<'_>, told: &Told<'_>) -> Counted {
    let mut counted = Counted::default();
    if pack.doses_per_pack <= 0 {
        return counted;
    }
    let Some(doses) = pack.quantity(told.quantity, told.unit) else { return counted };
    let smallest = Ratio::whole(i128::from(pack.doses_per_pack) * ONE);
    counted.packs = quotient(&[doses.over, ONE], &[doses.under, smallest.over]);
    counted.doses = quotient(&[doses.over], &[doses.under]);
    if uncountable(told.form) {
        return counted;
    }
    let Some(dose) = told.dose.and_then(|dose| pack.dose(dose, told.dose_unit)) else { return counted };
    match told.frequency {
        // One dose, taken at once: a day, and no pack that lasts longer.
        Some(Frequency::Once) if product(&[doses.over, dose.under]).is_some_and(|all| Some(all) <= product(&[doses.under, dose.over])) => {
            (counted.days, counted.days_pack) = (Some(10_000), Some(10_000));
        }
        Some(Frequency::Regular { times, cycle }) => {
            counted.daily_dose =
                product(&[dose.over, times]).zip(product(&[dose.under, cycle])).and_then(|(a, b)| i64::try_from(a / b).ok());
            let days = |doses: Ratio| quotient(&[doses.over, ONE, cycle, dose.under], &[dose.over, times, doses.under]);
            (counted.days, counted.days_pack) = (days(doses), days(smallest));
        }
        _ => {}
    }
    counted
}

fn product(factors: &[i128]) -> Option<i128> {
    factors.iter().try_fold(1_i128, |product, factor| product.checked_mul(*factor))
}

/// The product of some over that of others, rounded; the latter are positive.
fn quotient(over: &[i128], under: &[i128]) -> Option<i64> {
    i64::try_from(divide_round(product(over)?, product(under)?)).ok()
}

/// Forms whose dose cannot be counted in the pack's units.
fn uncountable(form: &str) -> bool {
    ["滴", "膏", "吸入", "喷", "凝胶", "洗", "搽"].iter().any(|part| form.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::units::contents;

    struct Drug {
        units: [&'static str; 2],
        count: i64,
        content: &'static str,
        used_up: bool,
    }

    const TABLETS: Drug = Drug { units: ["片", "盒"], count: 14, content: "5mg", used_up: false };
    const PEN: Drug = Drug { units: ["支", "支"], count: 1, content: "3ml;300IU", used_up: false };
    const AMPOULES: Drug = Drug { units: ["支", "盒"], count: 5, content: "2ml;10mg", used_up: true };
    const SYRUP: Drug = Drug { units: ["ml", "瓶"], count: 100, content: "", used_up: false };
    const BARE: Drug = Drug { units: ["片", "盒"], count: 14, content: "", used_up: false };
    const ODD: Drug = Drug { units: ["瓶", "瓶"], count: 2, content: "", used_up: false };

    const QD: Option<Frequency> = Some(Frequency::Regular { times: 1, cycle: 1 });
    const BID: Option<Frequency> = Some(Frequency::Regular { times: 2, cycle: 1 });
    const TID: Option<Frequency> = Some(Frequency::Regular { times: 3, cycle: 1 });
    const QOD: Option<Frequency> = Some(Frequency::Regular { times: 1, cycle: 2 });
    const ST: Option<Frequency> = Some(Frequency::Once);
    const PRN: Option<Frequency> = Some(Frequency::AsNeeded);

    /// Days and doses, in ten-thousandths, of a quantity and a dose in tenths.
    #[track_caller]
    fn check(drug: &Drug, quantity: (i64, &str), dose: (i64, &str), frequency: Option<Frequency>, days: Option<i64>, doses: Option<i64>) {
        let contents = contents(drug.content).unwrap_or_default();
        let [dose_unit, pack_unit] = drug.units;
        let pack = Pack { dose_unit, pack_unit, doses_per_pack: drug.count, contents: &contents, used_up: drug.used_up };
        let (dose, dose_unit) = (Some(dose.0 * 1000), dose.1);
        let told = Told { quantity: quantity.0 * 10_000, unit: quantity.1, dose, dose_unit, form: "", frequency };
        let counted = count(&pack, &told);
        assert_eq!((counted.days, counted.doses), (days, doses), "{quantity:?} by {told:?}");
    }

    #[test]
    fn days_come_of_all_units_that_the_master_converts() {
        for (drug, quantity, dose, frequency, days, doses) in [
            (&TABLETS, (2, "盒"), (10, "片"), BID, Some(140_000), Some(280_000)),
            (&TABLETS, (28, "片"), (10, "片"), BID, Some(140_000), Some(280_000)),
            (&TABLETS, (2, "盒"), (100, "mg"), QD, Some(140_000), Some(280_000)),
            (&TABLETS, (2, "盒"), (25, "毫克"), QD, Some(560_000), Some(280_000)),
            (&TABLETS, (70, "mg"), (50, "mg"), QD, Some(140_000), Some(140_000)),
            (&TABLETS, (1, "盒"), (10, "片"), QOD, Some(280_000), Some(140_000)),
            // A third of a tablet is no loss of exactness.
            (&Drug { content: "3mg", ..TABLETS }, (3, "片"), (10, "mg"), TID, Some(30_000), Some(30_000)),
            // A pen of 300 IU, 10 IU three times a day.
            (&PEN, (1, "支"), (100, "IU"), TID, Some(100_000), Some(10_000)),
            (&PEN, (2, "支"), (200, "单位"), QD, Some(300_000), Some(20_000)),
            // Half an ampoule is an ampoule.
            (&AMPOULES, (1, "盒"), (50, "mg"), QD, Some(50_000), Some(50_000)),
            (&AMPOULES, (2, "支"), (100, "mg"), QD, Some(20_000), Some(20_000)),
            (&AMPOULES, (4, "支"), (150, "mg"), QD, Some(20_000), Some(40_000)),
            (&SYRUP, (1, "瓶"), (100, "毫升"), BID, Some(50_000), Some(1_000_000)),
            (&SYRUP, (200, "ML"), (100, "ml"), BID, Some(100_000), Some(2_000_000)),
            (&AMPOULES, (1, "支"), (100, "mg"), ST, Some(10_000), Some(10_000)),
            // Unknown: when needed, no meaning, more than one dose at once.
            (&TABLETS, (2, "盒"), (10, "片"), PRN, None, Some(280_000)),
            (&TABLETS, (2, "盒"), (10, "片"), None, None, Some(280_000)),
            (&AMPOULES, (2, "支"), (100, "mg"), ST, None, Some(20_000)),
            // Unknown: units that nothing converts.
            (&BARE, (2, "盒"), (50, "mg"), QD, None, Some(280_000)),
            (&BARE, (10, "粒"), (10, "片"), QD, None, None),
            (&TABLETS, (2, "盒"), (10, "IU"), QD, None, Some(280_000)),
            (&TABLETS, (2, ""), (10, "片"), QD, None, None),
            (&TABLETS, (2, "盒"), (0, "片"), QD, None, Some(280_000)),
            (&ODD, (2, "瓶"), (10, "瓶"), QD, None, None),
        ] {
            check(drug, quantity, dose, frequency, days, doses);
        }
    }

    #[test]
    fn drops_and_sprays_have_no_days() {
        let pack = Pack { dose_unit: "支", pack_unit: "支", doses_per_pack: 1, contents: &[], used_up: false };
        let told = Told { quantity: 10_000, unit: "支", dose: Some(10_000), dose_unit: "支", form: "滴眼剂", frequency: QD };
        assert_eq!(count(&pack, &told), Counted { packs: Some(10_000), doses: Some(10_000), ..Counted::default() });
        let told = Told { form: "注射剂", ..told };
        assert_eq!(count(&pack, &told).days_pack, Some(10_000));
    }
}
