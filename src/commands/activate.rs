//! `claimsift activate`: puts the rules and references of a configuration into
//! force for all workers, from their next epoch on.

use std::path::PathBuf;

use clap::Args;

use crate::base::fault::Fault;
use crate::base::time::Zone;
use crate::commands::Failure;
use crate::commands::load;
use crate::commands::observe::SystemClock;
use crate::commands::print;
use crate::commands::rules;
use crate::commands::run::kafka_settings;
use crate::commands::topics::load_config;
use crate::engine::activation::Activation;
use crate::engine::activation::BundleName;
use crate::io::kafka::admin;
use crate::ruleset::compile::EVALUATED;
use crate::runtime::store::BundleFiles;
use crate::runtime::store::Store;
use crate::runtime::worker::Clock as _;
use crate::window::calendar::Month;

#[derive(Debug, Args)]
pub struct Activate {
    #[arg(long)]
    config: PathBuf,
    /// Cases from this month on (yyyy-MM) are gathered for group rules as the
    /// new rules say; absent: from the next calendar month.
    #[arg(long, value_parser = month, conflicts_with = "list")]
    groups_from: Option<Month>,
    /// Show what was put into force, and nothing else.
    #[arg(long)]
    list: bool,
}

fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| "write a month as yyyy-MM".to_owned())
}

impl Activate {
    pub fn execute(&self) -> Result<(), Failure> {
        let settings = load_config(&self.config)?;
        let kafka = kafka_settings(&settings, 0)?;
        if self.list {
            let known = known(&admin::activations(&kafka)?)?;
            known.iter().for_each(|activation| print(&line(activation, settings.zone)));
            return Ok(());
        }
        let Some(path) = &settings.store else {
            return Err(Failure::Plain("`state.store` is not configured: workers could not load what they shall go on under".to_owned()));
        };
        let files = BundleFiles::read(&settings.rules, &settings.reference)?;
        let loaded = load::compiled(&files, EVALUATED)?;
        let mistakes = rules::mistakes(&loaded.book, &settings.rules)?;
        if !mistakes.is_empty() {
            return Err(load::mistakes_of(&mistakes));
        }
        let bundle = loaded.bundle();
        let before = known(&admin::activations(&kafka)?)?;
        Store::new(path.clone()).keep(&bundle, &files)?;
        let wall_ms = SystemClock::default().wall_ms();
        let coming = Month::of(settings.zone.civil(wall_ms)).plus(1);
        match next(&before, &bundle, self.groups_from, coming, wall_ms)? {
            Next::InForce(last) => {
                print(&format!("in force already: {}", line(&last, settings.zone)));
                Ok(())
            }
            Next::Write(activation) => {
                admin::activate(&kafka, &activation.encode())?;
                let now = known(&admin::activations(&kafka)?)?;
                won(&activation, &now)?;
                print(&line(&activation, settings.zone));
                Ok(())
            }
        }
    }
}

fn known(values: &[Vec<u8>]) -> Result<Vec<Activation>, Fault> {
    Activation::decode_all(values).map_err(|fault| Fault::stop("read activations", fault))
}

/// What is to be done for a bundle.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// It was put into force last.
    InForce(Activation),
    Write(Activation),
}

/// How far ahead groups may begin to count otherwise: no later activation may lie before.
const MONTHS_AHEAD_MAX: i32 = 12;

/// The activation that comes after `before`. `coming`: the next calendar month.
///
/// # Errors
/// Group rules would change in months for which an earlier activation has
/// already said otherwise.
pub fn next(before: &[Activation], bundle: &BundleName, groups_from: Option<Month>, coming: Month, wall_ms: i64) -> Result<Next, Failure> {
    let last = before.last();
    if let Some(last) = last.filter(|last| last.bundle == *bundle) {
        if let Some(wanted) = groups_from.filter(|wanted| *wanted != last.groups_from) {
            let reason = format!("activation {} has this bundle with groups from {}, not from {wanted}", last.number, last.groups_from);
            return Err(Failure::Plain(reason));
        }
        return Ok(Next::InForce(last.clone()));
    }
    // Months go on: a later activation never reaches behind an earlier one.
    let latest = before.iter().max_by_key(|activation| activation.groups_from);
    let groups_from = groups_from.unwrap_or_else(|| latest.map_or(coming, |latest| coming.max(latest.groups_from)));
    if let Some(latest) = latest.filter(|latest| groups_from < latest.groups_from) {
        let reason = format!(
            "groups from {groups_from} would reach behind activation {}, whose groups count from {}",
            latest.number, latest.groups_from
        );
        return Err(Failure::Plain(reason));
    }
    let farthest = coming.plus(MONTHS_AHEAD_MAX);
    if groups_from > farthest {
        let reason = format!("groups from {groups_from} is more than a year ahead, and cannot be taken back: {farthest} is the farthest");
        return Err(Failure::Plain(reason));
    }
    Ok(Next::Write(Activation { number: before.len() as u64 + 1, bundle: bundle.clone(), groups_from, wall_ms }))
}

/// Whether what was written is what holds under its number.
///
/// # Errors
/// Another activation was written at the same time and came first.
pub fn won(written: &Activation, now: &[Activation]) -> Result<(), Failure> {
    let number = written.number;
    let holds = usize::try_from(number).ok().and_then(|number| now.get(number.checked_sub(1)?));
    match holds {
        Some(holds) if holds == written => Ok(()),
        Some(other) => Err(Failure::Plain(format!(
            "another activation was written at the same time and has the number {number}: {}. Nothing of this one holds; run it again if it shall follow",
            other.bundle
        ))),
        None => Err(Failure::Plain(format!("activation {number} was written and cannot be read back"))),
    }
}

fn line(activation: &Activation, zone: Zone) -> String {
    let Activation { number, bundle, groups_from, wall_ms } = activation;
    format!("activation {number}: {bundle}, groups from {groups_from}, written {}\n", zone.civil(*wall_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(rules: &str) -> BundleName {
        BundleName { rules: rules.repeat(8), references: "ee".repeat(8) }
    }

    fn activation(number: u64, rules: &str, from: &str) -> Activation {
        Activation { number, bundle: bundle(rules), groups_from: Month::parse(from).unwrap(), wall_ms: 1 }
    }

    #[test]
    fn an_activation_comes_once_and_its_months_go_on() {
        let coming = Month::parse("2026-12").unwrap();
        let before = [activation(1, "aa", "2026-05"), activation(2, "bb", "2027-02")];
        let ask = |before: &[Activation], rules: &str, from: Option<&str>| {
            next(before, &bundle(rules), from.map(|from| Month::parse(from).unwrap()), coming, 1).map_err(|failure| format!("{failure:?}"))
        };
        assert_eq!(ask(&[], "aa", None), Ok(Next::Write(activation(1, "aa", "2026-12"))));
        assert_eq!(ask(&before[..1], "bb", Some("2026-05")), Ok(Next::Write(activation(2, "bb", "2026-05"))));
        assert_eq!(ask(&before, "bb", None), Ok(Next::InForce(before[1].clone())));
        assert!(ask(&before, "bb", Some("2027-03")).unwrap_err().contains("groups from 2027-02"));
        assert_eq!(ask(&before, "aa", None), Ok(Next::Write(activation(3, "aa", "2027-02"))));
        assert!(ask(&before, "cc", Some("2027-01")).unwrap_err().contains("behind activation 2"));
    }

    #[test]
    fn of_two_at_the_same_time_the_second_is_told_that_it_lost() {
        let (one, other) = (activation(1, "aa", "2026-12"), activation(1, "bb", "2026-12"));
        let now = Activation::decode_all(&[one.encode(), other.encode()]).unwrap();
        assert!(won(&one, &now).is_ok());
        let told = format!("{:?}", won(&other, &now).unwrap_err());
        assert!(told.contains("at the same time") && told.contains("rule set aa"), "{told}");
    }
}
