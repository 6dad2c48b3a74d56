//! What a rule set is, as one digest: the name that clues, journal and
//! activations call it by.

use crate::base::ids::Digest;
use crate::ruleset::doc::RuleBook;
use crate::ruleset::json::Json;
use crate::ruleset::read::path_in_tree;
use crate::ruleset::yaml::Node;

/// The digest of all rules and gates, of the departments and of the code map. Comments, layout, order of keys, cases
/// and packs' titles do not change it; file names do.
pub fn digest(book: &RuleBook) -> Digest {
    let rules = book.rules.iter().map(|rule| (path_in_tree(&rule.origin.source.name), canonical(&rule.origin.node, |key| key != "cases")));
    let gates = book.gates.iter().map(|gate| (path_in_tree(&gate.origin.source.name), canonical(&gate.origin.node, |_| true)));
    let tops = [book.departments.origin(), book.code_map.origin()].into_iter().flatten();
    let tops = tops.map(|origin| (path_in_tree(&origin.source.name), canonical(&origin.node, |_| true)));
    let mut parts: Vec<(String, String)> = rules.chain(gates).chain(tops).collect();
    parts.sort();
    Digest::of(parts.iter().flat_map(|(path, text)| [path.as_bytes(), text.as_bytes()]))
}

/// The top-level keys that are kept, as JSON with sorted keys throughout.
pub(super) fn canonical(node: &Node, keep: impl Fn(&str) -> bool) -> String {
    let value = match node.to_json() {
        Json::Map(members) => Json::Map(members.into_iter().filter(|(key, _)| keep(key)).collect()),
        other => other,
    };
    sorted(value).to_text()
}

fn sorted(value: Json) -> Json {
    match value {
        Json::Map(members) => {
            let mut members: Vec<_> = members.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Map(members)
        }
        Json::List(items) => Json::List(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
