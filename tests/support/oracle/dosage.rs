//! How many doses something is that is told in packs, doses or a measure, and
//! how long it lasts.

use super::supplies::Half;
use super::tables::Drug;
use super::tables::Often;

/// What a unit measures, and how many of the least one it is: ng, μl, IU.
fn measure(unit: &str) -> Option<(&'static str, f64)> {
    match unit.trim().replace('µ', "μ").to_lowercase().as_str() {
        "ng" | "纳克" => Some(("mass", 1.0)),
        "μg" | "ug" | "mcg" | "微克" => Some(("mass", 1e3)),
        "mg" | "毫克" => Some(("mass", 1e6)),
        "g" | "克" => Some(("mass", 1e9)),
        "μl" | "ul" | "微升" => Some(("volume", 1.0)),
        "ml" | "毫升" => Some(("volume", 1e3)),
        "l" | "升" => Some(("volume", 1e6)),
        "iu" | "u" | "单位" | "国际单位" => Some(("activity", 1.0)),
        "万iu" | "万u" | "万单位" => Some(("activity", 1e4)),
        _ => None,
    }
}

fn is_same(one: &str, other: &str) -> bool {
    !one.is_empty() && (one.eq_ignore_ascii_case(other) || measure(one).is_some() && measure(one) == measure(other))
}

/// What one dose unit of a drug holds, by what is measured: `3ml;300IU`.
fn content(drug: &Drug) -> impl Iterator<Item = (&'static str, f64)> {
    drug.content.split(';').filter_map(|part| {
        let (digits, unit) = part.split_at(part.find(|ch: char| !ch.is_ascii_digit() && ch != '.')?);
        let (kind, least) = measure(unit)?;
        Some((kind, digits.parse::<f64>().ok()? * least))
    })
}

fn in_doses(amount: f64, unit: &str, drug: &Drug) -> Option<f64> {
    if is_same(unit, &drug.dose_unit) {
        return Some(amount);
    }
    let (kind, least) = measure(unit)?;
    let own = measure(&drug.dose_unit).filter(|(own, _)| *own == kind);
    own.or_else(|| content(drug).find(|(own, _)| *own == kind)).map(|(_, holds)| amount * least / holds)
}

/// The doses of a quantity.
pub fn doses(quantity: f64, unit: &str, drug: &Drug) -> Option<f64> {
    if drug.pack <= 0.0 {
        return None;
    }
    if is_same(unit, &drug.pack_unit) {
        // One word for a pack and for what is in it tells neither.
        return (drug.pack == 1.0 || !is_same(&drug.pack_unit, &drug.dose_unit)).then_some(quantity * drug.pack);
    }
    in_doses(quantity, unit, drug)
}

fn to_ten_thousandths(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// What a supply comes to by how it is to be taken.
#[derive(Default)]
pub struct Lasts {
    pub days: Option<f64>,
    /// Days of one smallest pack.
    pub pack: Option<f64>,
    /// Doses a day.
    pub daily: Option<f64>,
}

pub fn lasts(half: &Half, drug: &Drug, doses: f64, often: Option<Often>) -> Lasts {
    let uncountable = |form: &str| ["滴", "膏", "吸入", "喷", "凝胶", "洗", "搽"].iter().any(|part| form.contains(part));
    let told = half.item.form.as_deref().is_some_and(uncountable) || uncountable(&drug.form);
    let dose = half.dose.and_then(|dose| in_doses(dose as f64 / 1e4, &half.dose_unit, drug));
    let Some(dose) = dose.filter(|dose| *dose > 0.0 && !told) else { return Lasts::default() };
    // What is left of an opened ampoule is thrown away; a pen is used dose by dose.
    let pen = content(drug).any(|(kind, _)| kind == "activity");
    let dose = if drug.release == "injection" && !pen { (dose - 1e-9).ceil() } else { dose };
    match often {
        Some(Often::Once) if doses <= dose + 1e-9 => Lasts { days: Some(1.0), pack: Some(1.0), daily: None },
        Some(Often::Times(times, cycle)) => {
            let lasts = |doses: f64| Some(to_ten_thousandths(doses * cycle / (dose * times)));
            Lasts { days: lasts(doses), pack: lasts(drug.pack), daily: Some(dose * times / cycle) }
        }
        _ => Lasts::default(),
    }
}
