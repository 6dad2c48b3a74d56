//! `claimsift baseline`: check baselines, and show what they say is usual for
//! a kind of case and which of their cells answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use clap::Subcommand;

use crate::commands::Failure;
use crate::commands::clues::day;
use crate::commands::print;
use crate::commands::reference::Folders;
use crate::commands::reference::date;
use crate::commands::reference::drawn;
use crate::commands::reference::load;
use crate::reference::baseline::Baseline;
use crate::reference::baseline::Cell;
use crate::reference::baseline::Component;
use crate::reference::baseline::Indicator;
use crate::reference::baseline::Prior;
use crate::reference::baseline::PriorRow;
use crate::reference::baseline_tables::MEASURE_WORDS;
use crate::reference::baseline_tables::MODEL_WORDS;
use crate::reference::baseline_tables::Model;
use crate::reference::baseline_tables::SHARE_PLACES;
use crate::reference::baseline_tables::UNIT_KIND_WORDS;
use crate::reference::baseline_tables::Unit;
use crate::reference::snapshot::Snapshot;
use crate::reference::stratum::ANY;
use crate::reference::stratum::CASES_OF_CEILING;
use crate::reference::stratum::CASES_OF_MEAN;
use crate::reference::stratum::Fallback;
use crate::reference::stratum::SETTING_WORDS;
use crate::reference::stratum::Stratum;
use crate::stats::shrinkage;
use crate::stats::shrinkage::PriorError;

#[derive(Debug, Args)]
pub struct BaselineCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell what each baseline holds and its digest, and every mistake of all files with line, caret and help.
    Check {
        #[command(flatten)]
        folders: Folders,
    },
    /// Show the cells of an indicator, or which of them answer for a kind of case.
    Show(Show),
}

#[derive(Debug, Args)]
struct Show {
    /// Name of the baseline [default: the only one].
    #[arg(long)]
    baseline: Option<String>,
    /// Name of the indicator [default: all].
    #[arg(long)]
    indicator: Option<String>,
    /// A kind of case: disease_group=304-3,age=66,inst_level=3,setting=inpatient,insutype=310; what is left out is not known.
    #[arg(long, value_parser = case, requires = "at")]
    cell: Option<Case>,
    /// The day (yyyy-MM-dd) that is asked about.
    #[arg(long, value_parser = day)]
    at: Option<i64>,
    #[command(flatten)]
    folders: Folders,
}

/// A kind of case as it is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Case {
    disease_group: Option<String>,
    age: Option<u8>,
    inst_level: Option<u8>,
    setting: Option<String>,
    insutype: Option<String>,
}

fn case(text: &str) -> Result<Case, String> {
    let mut case = Case::default();
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is not NAME=VALUE"))?;
        let number = || value.parse::<u8>().map_err(|_| format!("`{value}` is no {name}"));
        match name.trim() {
            "disease_group" => case.disease_group = Some(value.to_owned()),
            "age" => case.age = Some(number()?),
            "inst_level" => case.inst_level = Some(number().ok().filter(|level| (1..=3).contains(level)).ok_or("inst_level is 1, 2 or 3")?),
            "setting" => {
                let words: Vec<&str> = SETTING_WORDS.iter().map(|(word, ())| *word).filter(|word| *word != ANY).collect();
                case.setting = Some(value.to_owned()).filter(|_| words.contains(&value));
                case.setting.as_ref().ok_or_else(|| format!("setting is one of {}", words.join(", ")))?;
            }
            "insutype" => case.insutype = Some(value.to_owned()),
            other => return Err(format!("`{other}` is none of disease_group, age, inst_level, setting, insutype")),
        }
    }
    Ok(case)
}

impl Case {
    fn stratum(&self) -> Stratum<'_> {
        Stratum {
            disease_group: self.disease_group.as_deref(),
            age: self.age,
            inst_level: self.inst_level,
            setting: self.setting.as_deref(),
            insutype: self.insutype.as_deref(),
        }
    }
}

impl BaselineCommand {
    pub fn execute(&self) -> Result<(), Failure> {
        match &self.verb {
            Verb::Check { folders } => check(folders),
            Verb::Show(show) => show.execute(),
        }
    }
}

fn check(folders: &Folders) -> Result<(), Failure> {
    let (_, snapshot) = load(&folders.settings()?.reference)?;
    let mut text = String::new();
    let mut count = 0;
    for (name, baseline) in snapshot.baselines() {
        count += 1;
        let _ = writeln!(text, "baseline {name}, digest {}", baseline.digest());
        let rows = baseline.indicators().flat_map(|(name, indicator)| of_indicator(name, indicator));
        let below = [CASES_OF_MEAN, CASES_OF_CEILING].map(|least| format!("< {least}"));
        let heads = ["indicator", "unit", "period", "in force from", "any", "cells", "cases", &below[0], &below[1]];
        let _ = writeln!(text, "{}", drawn(&heads, &[5, 6, 7, 8], rows));
        let priors: Vec<[String; 9]> = baseline.indicators().flat_map(|(name, indicator)| priors(name, indicator)).collect();
        if !priors.is_empty() {
            let heads = ["prior of", "measure", "unit_kind", "peer_class", "model", "ordinary peers", "outliers", "units", "limit L"];
            let _ = writeln!(text, "{}", drawn(&heads, &[7, 8], priors));
        }
        let (institutions, months) = baseline.expected_size();
        let _ = writeln!(text, "expected cases: institutions {institutions}, months {months}\n");
    }
    print(&format!("{text}{count} {}, no mistakes\n", if count == 1 { "baseline" } else { "baselines" }));
    Ok(())
}

/// A row for each set of columns that say `*`: within one no case is counted twice.
fn of_indicator(name: &str, indicator: &Indicator) -> Vec<[String; 9]> {
    let mut sets: BTreeMap<Fallback, Vec<&Cell>> = BTreeMap::new();
    for cell in indicator.cells() {
        sets.entry(cell.place.fallback()).or_default().push(cell);
    }
    let period = format!("{} to {}", date(indicator.period.from), date(indicator.period.to));
    let row = |(fallback, cells): (Fallback, Vec<&Cell>)| {
        let below = |least: u64| cells.iter().filter(|cell| cell.n < least).count().to_string();
        let any: Vec<&str> = fallback.dropped().collect();
        [
            name.to_owned(),
            indicator.unit.word().to_owned(),
            period.clone(),
            cells.iter().map(|cell| cell.validity.from).min().map(date).unwrap_or_default(),
            any.join(" "),
            cells.len().to_string(),
            cells.iter().map(|cell| cell.n).sum::<u64>().to_string(),
            below(CASES_OF_MEAN),
            below(CASES_OF_CEILING),
        ]
    };
    sets.into_iter().map(row).collect()
}

fn priors(name: &str, indicator: &Indicator) -> Vec<[String; 9]> {
    let component = |of: Component| format!("{}, {}", of.shape, of.rate);
    let row = |row: &PriorRow| {
        [
            name.to_owned(),
            word(MEASURE_WORDS, row.measure),
            word(UNIT_KIND_WORDS, row.unit_kind),
            row.peer_class.clone().unwrap_or_else(|| ANY.to_owned()),
            word(MODEL_WORDS, row.prior.model),
            component(row.prior.ordinary),
            row.prior.outlier.map(|(weight, of)| format!("{} × {}", weight, component(of))).unwrap_or_default(),
            row.prior.units.to_string(),
            limit(&row.prior).map_or_else(|error| error.to_string(), |limit| format!("{limit:.6}")),
        ]
    };
    indicator.priors().iter().map(row).collect()
}

/// What the lower end of a unit's ratio must exceed.
fn limit(prior: &Prior) -> Result<f64, PriorError> {
    let family = match prior.model {
        Model::Counts => shrinkage::Family::Counts,
        Model::Costs => shrinkage::Family::Costs,
    };
    let component = |of: Component| shrinkage::Component { shape: of.shape, rate: of.rate };
    let outlier = prior.outlier.map(|(weight, of)| (weight, component(of)));
    Ok(shrinkage::Prior::new(family, component(prior.ordinary), outlier)?.limit())
}

fn word<T: Copy + PartialEq>(words: &[(&str, T)], value: T) -> String {
    words.iter().find(|(_, known)| *known == value).map(|(word, _)| (*word).to_owned()).unwrap_or_default()
}

impl Show {
    fn execute(&self) -> Result<(), Failure> {
        let (_, snapshot) = load(&self.folders.settings()?.reference)?;
        let (name, baseline) = self.baseline(&snapshot)?;
        let wanted = |(name, _): &(&str, &Indicator)| self.indicator.as_deref().is_none_or(|wanted| wanted == *name);
        let indicators: Vec<(&str, &Indicator)> = baseline.indicators().filter(wanted).collect();
        if indicators.is_empty() {
            let known: Vec<&str> = baseline.indicators().map(|(name, _)| name).collect();
            let asked = self.indicator.as_deref().unwrap_or_default();
            return Err(Failure::Mistakes(format!("{asked}: no indicator of baseline {name}; known are {}\n", known.join(", "))));
        }
        let mut text = format!("baseline {name}, digest {}\n", baseline.digest());
        for (name, indicator) in indicators {
            let _ = writeln!(text, "\n{name} {} {}, {}", indicator.zh, indicator.en, unit(indicator.unit));
            match (&self.cell, self.at) {
                (Some(case), Some(at)) => text.push_str(&chain(indicator, case.stratum(), at)),
                (_, at) => text.push_str(&cells(indicator, at)),
            }
        }
        print(&text);
        Ok(())
    }

    fn baseline<'a>(&self, snapshot: &'a Snapshot) -> Result<(&'a str, &'a Baseline), Failure> {
        let known: Vec<(&str, &Baseline)> = snapshot.baselines().collect();
        let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        match (&self.baseline, &known[..]) {
            (_, []) => Err(Failure::Mistakes("no reference table holds a baseline\n".to_owned())),
            (Some(asked), _) => {
                let found = known.iter().find(|(name, _)| name == asked).copied();
                found.ok_or_else(|| Failure::Mistakes(format!("{asked}: no such baseline; known are {}\n", names())))
            }
            (None, [only]) => Ok(*only),
            (None, _) => Err(Failure::Mistakes(format!("name one of the baselines with --baseline: {}\n", names()))),
        }
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Amount => "in 元",
        Unit::Quantity => "in days or things",
    }
}

const HEADS: [&str; 10] =
    ["disease_group age_band inst_level setting insutype", "n", "mean", "sd", "cap", "ceiling", "over_rate", "over_mean", "from", "to"];

fn cells(indicator: &Indicator, at: Option<i64>) -> String {
    let asked = |cell: &&Cell| at.is_none_or(|at| cell.validity.holds(at));
    let rows = indicator.cells().iter().filter(asked).map(|cell| numbers(indicator.unit, cell));
    format!("{}\n", drawn(&HEADS, &[1, 2, 3, 4, 5, 6, 7], rows))
}

/// The cells that fit a case, nearest first, and what each is used for.
fn chain(indicator: &Indicator, stratum: Stratum<'_>, at: i64) -> String {
    let expected = indicator.cell(stratum, at).map(|(fallback, _)| fallback);
    let ceiling = indicator.ceiling(stratum, at).map(|(fallback, ..)| fallback);
    let rows: Vec<[String; 12]> = indicator
        .fitting(stratum, at)
        .map(|(fallback, cell)| {
            let uses = [(expected, "expected"), (ceiling, "ceiling")];
            let of_this = uses.iter().filter(|(of, _)| *of == Some(fallback)).map(|(_, word)| *word);
            let mut used = of_this.collect::<Vec<_>>().join(", ");
            if cell.n < CASES_OF_MEAN {
                used = format!("too few: below {CASES_OF_MEAN}");
            }
            let [place, n, mean, sd, cap, limit, rate, over, from, to] = numbers(indicator.unit, cell);
            [used, fallback.level().to_string(), place, n, mean, sd, cap, limit, rate, over, from, to]
        })
        .collect();
    let none = match (rows.is_empty(), expected) {
        (true, _) => "no cell fits: such a case is left out and counted\n",
        (false, None) => "no cell that fits has enough cases: such a case is left out and counted\n",
        _ => "",
    };
    if rows.is_empty() {
        return none.to_owned();
    }
    let [place, rest @ ..] = HEADS;
    let [n, mean, sd, cap, limit, rate, over, from, to] = rest;
    let heads = ["used for", "fallback", place, n, mean, sd, cap, limit, rate, over, from, to];
    format!("{}\n{none}", drawn(&heads, &[1, 3, 4, 5, 6, 7, 8, 9], rows))
}

fn numbers(unit: Unit, cell: &Cell) -> [String; 10] {
    let value = |number: i64| decimal(number, unit.decimals());
    let sd = (cell.variance as f64).sqrt() / 10_f64.powi(unit.decimals().cast_signed());
    [
        cell.place.to_string(),
        cell.n.to_string(),
        value(cell.mean),
        format!("{sd:.*}", unit.decimals() as usize),
        cell.cap.map(value).unwrap_or_default(),
        cell.over.and_then(|over| over.ceiling).map(value).unwrap_or_default(),
        cell.over.map(|over| decimal(over.rate, SHARE_PLACES)).unwrap_or_default(),
        cell.over.map(|over| value(over.mean)).unwrap_or_default(),
        date(cell.validity.from),
        date(cell.validity.to),
    ]
}

/// A whole number with a point before its last `places` digits.
fn decimal(number: i64, places: u32) -> String {
    let step = 10_i64.pow(places);
    format!("{}.{:0width$}", number / step, number % step, width = places as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed apart from this program.
    #[test]
    fn limits_are_those_of_the_ordinary_peers() {
        let of = |model, ordinary: [f64; 2], outlier: Option<[f64; 3]>| {
            let [shape, rate] = ordinary;
            let outlier = outlier.map(|[weight, shape, rate]| (weight, Component { shape, rate }));
            limit(&Prior { model, ordinary: Component { shape, rate }, outlier, units: 0 }).map(|limit| format!("{limit:.6}"))
        };
        assert_eq!(of(Model::Counts, [44.0, 44.0], Some([0.02, 9.0, 4.0])).as_deref(), Ok("1.316380"));
        assert_eq!(of(Model::Costs, [46.0, 45.0], Some([0.02, 8.0, 14.0])).as_deref(), Ok("1.336193"));
        assert_eq!(of(Model::Counts, [1e11, 1.0], None), Err(PriorError::OrdinaryShape));
    }

    #[test]
    fn a_kind_of_case_is_asked_by_its_parts() {
        let all = Case {
            disease_group: Some("304-3".to_owned()),
            age: Some(66),
            inst_level: Some(3),
            setting: Some("inpatient".to_owned()),
            insutype: Some("310".to_owned()),
        };
        assert_eq!(case("disease_group=304-3,age=66,inst_level=3,setting=inpatient,insutype=310"), Ok(all));
        assert_eq!(case("age=0"), Ok(Case { age: Some(0), ..Case::default() }));
        for (text, told) in [
            ("age", "`age` is not NAME=VALUE"),
            ("age=-1", "`-1` is no age"),
            ("inst_level=4", "inst_level is 1, 2 or 3"),
            ("setting=ward", "setting is one of inpatient, outpatient, "),
            ("group=1", "`group` is none of "),
        ] {
            let error = case(text).unwrap_err();
            assert!(error.starts_with(told), "{text}: {error}");
        }
    }
}
