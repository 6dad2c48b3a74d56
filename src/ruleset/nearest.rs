//! Which known word a mistyped one was meant to be.

/// The known word with the fewest edits, if few enough to be a slip.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let slips_max = 1 + word.chars().count() / 4;
    let edits = known.iter().map(|candidate| (distance(word, candidate), *candidate));
    edits.filter(|(edits, _)| *edits <= slips_max).min().map(|(_, candidate)| candidate)
}

/// Insertions, removals and replacements of characters from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (idx, from) in a.chars().enumerate() {
        let mut next = vec![idx + 1];
        let mut left = idx + 1;
        for ((to, above), above_left) in b.chars().zip(row.iter().skip(1)).zip(&row) {
            left = (above + 1).min(left + 1).min(above_left + usize::from(from != to));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_mended_and_strangers_are_not() {
        let known = ["severity", "status", "title", "lead"];
        for (word, expect) in
            [("sevrity", Some("severity")), ("titel", Some("title")), ("Status", Some("status")), ("zzz", None), ("", None)]
        {
            assert_eq!(nearest(word, &known), expect, "{word}");
        }
    }
}
