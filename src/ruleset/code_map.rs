//! The national codes of the words in clues. The national values are
//! unpublished, so each province writes its own file.

use std::collections::BTreeMap;

use crate::ruleset::doc::Origin;
use crate::ruleset::spec;
use crate::ruleset::view::View;

/// `code_map.yaml`; empty where there is no such file.
#[derive(Clone, Debug, Default)]
pub struct CodeMap {
    origin: Option<Origin>,
    sev_deg: BTreeMap<(String, String), String>,
    vola_bhvr_type: BTreeMap<String, String>,
    vola_amt_stas: BTreeMap<String, String>,
}

impl CodeMap {
    pub(super) fn read(origin: Origin) -> Self {
        let view = View::new(&origin.source, &origin.node, &spec::CODE_MAP);
        let by_result = view.within("sev_deg", &spec::SEV_DEG);
        let mut sev_deg = BTreeMap::new();
        for result in spec::SEV_DEG.fields {
            let by_severity = by_result.within(result.key, &spec::BY_SEVERITY);
            for severity in spec::BY_SEVERITY.fields {
                sev_deg.insert((result.key.to_owned(), severity.key.to_owned()), by_severity.text(severity.key));
            }
        }
        let code = |entry: &crate::ruleset::yaml::Entry| (entry.key.clone(), entry.value.scalar().unwrap_or_default().to_owned());
        let stas = view.within("vola_amt_stas", &spec::VOLA_AMT_STAS);
        Self {
            sev_deg,
            vola_bhvr_type: view.entries("vola_bhvr_type").iter().map(code).collect(),
            vola_amt_stas: spec::VOLA_AMT_STAS.fields.iter().map(|field| (field.key.to_owned(), stas.text(field.key))).collect(),
            origin: Some(origin),
        }
    }

    /// `None`: there is no file.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    pub fn sev_deg(&self, result: &str, severity: &str) -> Option<&str> {
        self.sev_deg.get(&(result.to_owned(), severity.to_owned())).map(String::as_str)
    }

    pub fn vola_bhvr_type(&self, problem_type: &str) -> Option<&str> {
        self.vola_bhvr_type.get(problem_type).map(String::as_str)
    }

    pub fn vola_amt_stas(&self, status: &str) -> Option<&str> {
        self.vola_amt_stas.get(status).map(String::as_str)
    }

    /// Those that rules may use.
    pub fn problem_types(&self) -> impl Iterator<Item = &str> {
        self.vola_bhvr_type.keys().map(String::as_str)
    }
}
