//! Which text is in every text that a regular expression finds? It is searched for with all others, so that the regular
//! expression itself is seldom asked, and mostly not even compiled.

use super::fold::fold;
use crate::sigma::ir::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Shorter texts are nearly everywhere.
const SHORTEST: usize = 3;
/// Characters that fold to the same are few; larger classes need not be looked at.
const MOST_ALIKE: usize = 4;

/// The longest such text that the pattern shows, folded; `None` if there is none worth a search.
pub(super) fn text(regex: &Regex) -> Option<Box<str>> {
    let mut texts = Texts::default();
    texts.walk(&regex.parse().ok()?);
    texts.end();
    (texts.longest.len() >= SHORTEST).then(|| texts.longest.into())
}

/// What must follow one another.
#[derive(Default)]
struct Texts {
    current: String,
    longest: String,
}

impl Texts {
    fn walk(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => self.current.extend(text.chars().map(fold)),
                Err(_) => self.end(),
            },
            HirKind::Class(class) => match only(class) {
                Some(folded) => self.current.push(folded),
                None => self.end(),
            },
            HirKind::Capture(capture) => self.walk(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.walk(part)),
            // What comes first follows what was before; what comes after it may come after another round.
            HirKind::Repetition(repetition) if repetition.min > 0 => {
                self.walk(&repetition.sub);
                self.end();
            }
            HirKind::Repetition(_) | HirKind::Alternation(_) => self.end(),
        }
    }

    /// Whatever may come next.
    fn end(&mut self) {
        if self.current.len() > self.longest.len() {
            std::mem::swap(&mut self.current, &mut self.longest);
        }
        self.current.clear();
    }
}

/// What all members of a class fold to: `[Aa]`.
fn only(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let mut folded = class.iter().flat_map(|range| range.start()..=range.end()).take(MOST_ALIKE + 1).map(fold);
    let first = folded.next()?;
    folded.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::fold::folded;
    use super::*;
    use proptest::prelude::*;
    use regex::RegexBuilder;

    fn regex(pattern: &str, ignore_case: bool) -> Regex {
        Regex { pattern: pattern.into(), ignore_case, multi_line: false, dot_all: false, measured: true }
    }

    #[test]
    fn the_longest_text_that_must_be_there_is_found_in_any_case() {
        for (pattern, text) in [
            (r"Invoke-\w+\s+Mimi", Some("invoke-")),
            (r"(?i)kisses", Some("kisses")),
            (r"^(foo)(bar)?bazz", Some("bazz")),
            (r"a(bcd)+e", Some("abcd")),
            (r"(?:foo){0,3}", None),
            (r"foo|bar", None),
            (r"a.*b", None),
            (r"[a-f]{8}-[Cc]at\b", Some("-cat")),
        ] {
            assert_eq!(super::text(&regex(pattern, false)).as_deref(), text, "{pattern}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_text_without_it_is_found(
            parts in prop::collection::vec(prop_oneof![
                "[abkſ]{1,3}", "\\([abk]{1,3}\\)[+*?]?", "[abk][+*?]", "\\[[abkAK]{1,3}\\]", Just(".".to_owned()), Just("|".to_owned()),
            ], 1..5),
            ignore_case: bool,
            texts in prop::collection::vec("[abkABK\u{212A}ſsc]{0,9}", 20),
        ) {
            let pattern = parts.concat();
            let compiled = RegexBuilder::new(&pattern).case_insensitive(ignore_case).build();
            let (Ok(compiled), Some(required)) = (compiled, text(&regex(&pattern, ignore_case))) else { return Ok(()) };
            for text in texts.iter().filter(|text| compiled.is_match(text)) {
                prop_assert!(folded(text).contains(&*required), "{} {} {}", pattern, required, text);
            }
        }
    }
}
