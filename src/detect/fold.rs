//! When are two characters the same in any case? Unicode simple case folding, one character to one character.
//!
//! `std` has no folding table, but has the case mappings that the table is derived from: the lower case of the upper
//! case of a character is its simple folding, where both are single characters (`ß`, whose upper case is `SS`, keeps
//! to itself). The four exceptions are spelled out. The test below holds this against the table of the `regex` crate,
//! character by character.

/// What `c` folds to: two characters are the same in any case if they fold to the same.
#[must_use]
pub fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    match c {
        // Its upper case is `I`, but it is not an `i`.
        'ı' => c,
        // Pairs that differ in how they are composed, not in case; CaseFolding.txt has them since Unicode 15.1.
        '\u{1FD3}' => '\u{390}',
        '\u{1FE3}' => '\u{3B0}',
        '\u{FB05}' => '\u{FB06}',
        _ => {
            let upper = single(c.to_uppercase()).unwrap_or(c);
            single(upper.to_lowercase()).unwrap_or(upper)
        }
    }
}

/// Replaces what `out` holds by `text`, folded. Allocates only when `out` is too small.
pub(super) fn fold_into(text: &str, out: &mut String) {
    out.clear();
    if text.is_ascii() {
        out.push_str(text);
        out.make_ascii_lowercase();
    } else {
        out.extend(text.chars().map(fold));
    }
}

/// `text`, folded.
pub(super) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

/// The only character of a mapping; `None` if there are several.
fn single(mut mapping: impl Iterator<Item = char>) -> Option<char> {
    let first = mapping.next()?;
    mapping.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustc_hash::FxHashMap;

    #[test]
    fn folding_is_simple_and_symmetric() {
        for (a, b) in [('A', 'a'), ('Σ', 'ς'), ('σ', 'ς'), ('K', 'k'), ('ſ', 'S'), ('ẞ', 'ß'), ('Ж', 'ж'), ('Å', 'å')]
        {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        for (a, b) in [('ß', 's'), ('ı', 'i'), ('İ', 'i'), ('é', 'e'), ('-', '_')] {
            assert_ne!(fold(a), fold(b), "{a} {b}");
        }
    }

    #[test]
    fn folding_agrees_with_the_table_of_the_regex_crate() {
        // `std` may know a later Unicode than `regex`.
        let unassigned = regex::Regex::new(r"\p{Cn}").unwrap();
        let mut classes: FxHashMap<char, String> = FxHashMap::default();
        for c in '\0'..=char::MAX {
            let is_cased = fold(c) != c || single(c.to_uppercase()) != Some(c);
            if is_cased && !unassigned.is_match(c.encode_utf8(&mut [0; 4])) {
                classes.entry(fold(c)).or_insert_with(|| fold(c).to_string()).push(c);
            }
        }
        assert!(classes.len() > 1_000);
        for (folded, members) in &classes {
            let same = regex::Regex::new(&format!("(?i){folded}")).unwrap();
            assert_eq!(same.replace_all(members, ""), "", "{folded} {members}");
            let others: String =
                classes.iter().filter(|(other, _)| *other != folded).map(|(_, text)| &**text).collect();
            assert_eq!(same.find(&others), None, "{folded}");
        }
    }

    #[test]
    fn a_text_folds_into_the_same_buffer() {
        let mut out = String::from("before");
        fold_into("C:\\Windows", &mut out);
        assert_eq!(out, "c:\\windows");
        fold_into("ΌΣΟΣ ſtraße", &mut out);
        assert_eq!(out, "όσοσ straße");
    }
}
