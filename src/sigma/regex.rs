//! Regular expressions: the dialect of the `regex` crate, which runs in linear time.

use super::ir::Regex;
use super::limits::{Budget, MAX_FILE_REGEX_SIZE, MAX_REGEX_BYTES, MAX_REGEX_SIZE};
use regex_automata::nfa::thompson::{Compiler, Config, State, Transition, WhichCaptures};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Why a regular expression is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    /// Bytes of the pattern, where the fault has a place.
    pub(super) part: Option<Range<usize>>,
    pub(super) hint: Option<&'static str>,
}

/// A pattern as the `regex` crate reads it. Elsewhere `\<` and `\>` are those characters and not the edges of a word,
/// a `{` that begins no `{n}`, `{n,}` or `{n,m}` is a brace, and in a class `[`, `&&` and `~~` are only characters.
pub(super) fn adapt(pattern: &str) -> String {
    let mut adapted = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        let rest = characters.as_str();
        let mut taken = "";
        match character {
            '\\' => match characters.next() {
                Some(edge @ ('<' | '>')) => adapted.push(edge),
                escaped => {
                    adapted.push('\\');
                    adapted.extend(escaped);
                    // `\x{41}`, `\p{Greek}`
                    if escaped.is_some_and(|c| "xuUpPb".contains(c)) && characters.as_str().starts_with('{') {
                        adapted.extend(characters.next());
                    }
                }
            },
            '[' if in_class => {
                taken = posix_class(rest);
                adapted.push_str(if taken.is_empty() { "\\[" } else { "[" });
            }
            '[' => {
                in_class = true;
                adapted.push('[');
                // A `]` in front is a member.
                taken = ["^]", "]", "^"].into_iter().find(|front| rest.starts_with(front)).unwrap_or("");
            }
            ']' => {
                in_class = false;
                adapted.push(']');
            }
            '&' | '~' if in_class => adapted.extend(['\\', character]),
            '{' if !in_class && !is_count(rest) => adapted.push_str("\\{"),
            _ => adapted.push(character),
        }
        if !taken.is_empty() {
            adapted.push_str(taken);
            characters = rest.get(taken.len()..).unwrap_or("").chars();
        }
    }
    adapted
}

/// Whether this follows the `{` of a count.
fn is_count(rest: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    let behind = rest.trim_start_matches(digit);
    let end = behind.strip_prefix(',').map_or(behind, |most| most.trim_start_matches(digit));
    behind.len() < rest.len() && end.starts_with('}')
}

/// What follows the `[` of `[:alpha:]`; nothing if it is none.
fn posix_class(rest: &str) -> &str {
    let Some(name) = rest.strip_prefix(':').and_then(|rest| rest.split(':').next()) else { return "" };
    rest.get(..name.len() + 3).filter(|class| class.ends_with(":]")).unwrap_or("")
}

/// Bytes of a state of an automaton, and of one more way out of it.
const STATE: usize = size_of::<State>();
const WAY: usize = size_of::<Transition>();
/// Bytes of an automaton for nothing at all, some more than there are.
const BARE: usize = 700;
/// Classes whose sizes are remembered; a rule set has few.
const MAX_KNOWN: usize = 1_000;

/// Checks regular expressions. One serves all files.
#[derive(Debug)]
pub(super) struct Checker(Mutex<Classes>);

/// What classes of more than ASCII take, measured: what is reckoned would be far too much.
#[derive(Debug)]
struct Classes {
    /// Its tables take longer to set up than a class to build.
    compiler: Compiler,
    known: BTreeMap<Box<[ClassUnicodeRange]>, usize>,
}

impl Checker {
    pub(super) fn new() -> Self {
        let mut compiler = Compiler::new();
        compiler.configure(Config::new().which_captures(WhichCaptures::Implicit));
        Self(Mutex::new(Classes { compiler, known: BTreeMap::new() }))
    }

    /// Checks syntax and size.
    pub(super) fn check(&self, regex: &Regex, budget: &mut Budget) -> Result<(), Fault> {
        let fault = |message| Fault { message, part: None, hint: None };
        if regex.pattern.len() > MAX_REGEX_BYTES {
            return Err(fault(format!("a regular expression of more than {MAX_REGEX_BYTES} bytes")));
        }
        if budget.is_out_of_regexes() {
            let message = format!("the regular expressions of this file need more than {MAX_FILE_REGEX_SIZE} bytes");
            return Err(fault(message));
        }
        let hir = parse(regex).inspect_err(|_| {
            // Parsing costs time in proportion to the text, large classes more.
            budget.take_regex(regex.pattern.len());
        })?;
        let bytes = self.size(&hir).saturating_add(BARE);
        let message = if bytes > MAX_REGEX_SIZE {
            budget.take_regex(MAX_REGEX_SIZE);
            format!("this regular expression needs {bytes} bytes, and {MAX_REGEX_SIZE} are the most")
        } else if budget.take_regex(bytes) {
            return Ok(());
        } else {
            format!(
                "with the {bytes} bytes of this regular expression, those of this file need more than {MAX_FILE_REGEX_SIZE}"
            )
        };
        let hint =
            "classes such as `\\w` and `\\pL` and `i` cost most: write [a-z0-9], and lower the counts in `{n,m}`";
        Err(Fault { hint: Some(hint), ..fault(message) })
    }

    /// Bytes that the automaton (NFA) of a regular expression takes at most: reckoned, since building it takes far longer.
    fn size(&self, hir: &Hir) -> usize {
        let all = |parts: &[Hir]| parts.iter().fold(0, |sum: usize, part| sum.saturating_add(self.size(part)));
        match hir.kind() {
            HirKind::Empty => 0,
            HirKind::Look(_) => STATE,
            HirKind::Literal(literal) => literal.0.len() * (STATE + WAY),
            HirKind::Class(Class::Unicode(class)) => self.size_of_class(class),
            HirKind::Class(Class::Bytes(class)) => STATE + class.ranges().len() * WAY,
            HirKind::Capture(capture) => self.size(&capture.sub),
            HirKind::Concat(parts) => all(parts),
            HirKind::Alternation(parts) => all(parts).saturating_add((1 + 2 * parts.len()) * (STATE + WAY)),
            HirKind::Repetition(repetition) => {
                let copies = repetition.max.unwrap_or(0).max(repetition.min).max(1) as usize;
                self.size(&repetition.sub).saturating_add(STATE).saturating_mul(copies).saturating_add(STATE)
            }
        }
    }

    fn size_of_class(&self, class: &ClassUnicode) -> usize {
        if class.is_ascii() {
            return STATE + class.ranges().len() * WAY;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size(class)
    }
}

impl Classes {
    fn size(&mut self, class: &ClassUnicode) -> usize {
        if let Some(size) = self.known.get(class.ranges()) {
            return *size;
        }
        let alone = self.built(&Hir::class(Class::Unicode(class.clone())));
        // An automaton for nothing has a state in its place.
        let size = (alone + STATE).saturating_sub(self.built(&Hir::empty()));
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(class.ranges().into(), size);
        size
    }

    /// Bytes of the automaton of `hir`, from building it.
    fn built(&self, hir: &Hir) -> usize {
        // Without a bound on its size nothing is refused but more states than 32 bits can number.
        self.compiler.build_from_hir(hir).map_or(MAX_REGEX_SIZE, |nfa| nfa.memory_usage())
    }
}

fn parse(regex: &Regex) -> Result<Hir, Fault> {
    regex.parse().map_err(|error| explain(&regex.pattern, &error.to_string()))
}

/// Takes a message of `regex-syntax` apart: pattern and carets, indented by four, then `error: MESSAGE`.
fn explain(pattern: &str, printed: &str) -> Fault {
    let message = printed.rsplit("error: ").next().unwrap_or(printed).to_owned();
    let carets = if pattern.contains('\n') { None } else { printed.lines().nth(2) };
    let part = carets.and_then(|line| line.strip_prefix("    ")).and_then(|line| {
        let byte = |column: usize| pattern.char_indices().nth(column).map_or(pattern.len(), |(at, _)| at);
        let start = line.find('^')?;
        let width = line.get(start..)?.bytes().take_while(|b| *b == b'^').count();
        Some(byte(start)..byte(start + width))
    });
    let hint = if message.contains("look-around") {
        Some("write a second item, or exclude it with a negated selection")
    } else if message.contains("backreferences") {
        Some("back-references need unbounded time and are in no Sigma dialect")
    } else {
        None
    };
    Fault { message: format!("invalid regular expression: {message}"), part, hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::ir::{Expr, Predicate, Test};
    use crate::sigma::testing::corpus;
    use crate::sigma::{Options, load};
    use proptest::prelude::*;

    fn faults(pattern: &str) -> Option<Fault> {
        let regex =
            Regex { pattern: pattern.into(), ignore_case: false, multi_line: false, dot_all: false, measured: false };
        Checker::new().check(&regex, &mut Budget::new()).err()
    }

    #[test]
    fn the_dialect_is_that_of_linear_time() {
        for pattern in [r"^(?i)a\d{1,4}\b[^x]+?$", r"\w\s.", "", "ä|ö"] {
            assert_eq!(faults(pattern), None, "{pattern}");
        }
        let fault = faults("äb(?=c)").unwrap();
        assert!(fault.message.contains("look-around"), "{}", fault.message);
        assert_eq!((fault.part, fault.hint.is_some()), (Some(3..6), true));
        assert!(faults(r"(a)\1").unwrap().message.contains("backreferences"));
        assert!(faults("a(b").unwrap().message.contains("unclosed group"));
    }

    #[test]
    fn what_only_the_crate_reads_otherwise_is_adapted() {
        for (written, adapted) in [
            (r"\<a\>", "<a>"),
            (r"\\<a", r"\\<a"),
            (r"{a}|x{2,3}|${", r"\{a}|x{2,3}|$\{"),
            (r"\x{41}\p{Greek}\{[{a]\", r"\x{41}\p{Greek}\{[{a]\"),
            ("[[(]{a[[x:]", r"[\[(]\{a[\[x:]"),
            ("[]a[][^][]", r"[]a\[][^]\[]"),
            ("[[:^digit:][:x]", r"[[:^digit:]\[:x]"),
            ("[a&&b~~c]&&", r"[a\&\&b\~\~c]&&"),
            ("[[:alpha:]]{a", r"[[:alpha:]]\{a"),
            ("ä{,3}b{1,}c{2}d{3", r"ä\{,3}b{1,}c{2}d\{3"),
        ] {
            assert_eq!(adapt(written), adapted);
        }
    }

    #[test]
    fn a_regex_that_would_become_huge_is_refused() {
        assert!(faults(r"(\w{100}){1000}").unwrap().message.contains("bytes, and 2097152 are the most"));
        assert!(faults(&"a".repeat(MAX_REGEX_BYTES + 1)).unwrap().message.contains("more than"));
    }

    /// What is reckoned, and what an automaton takes.
    fn sizes(regex: &Regex) -> Option<(usize, usize)> {
        let hir = parse(regex).ok()?;
        let checker = Checker::new();
        let taken = checker.0.lock().unwrap().built(&hir);
        Some((checker.size(&hir) + BARE, taken))
    }

    #[test]
    fn sizes_of_public_rules_are_reckoned_well() {
        let loaded = load(corpus(), &Options::default());
        let mut expressions: Vec<&Expr> = loaded.ruleset.rules.iter().map(|rule| &rule.condition).collect();
        while let Some(expression) = expressions.pop() {
            match expression {
                Expr::All(parts) | Expr::Any(parts) => expressions.extend(parts),
                Expr::Not(inner) => expressions.push(inner),
                Expr::Test(Predicate { test: Test::Regex(regex), .. }) => {
                    let (reckoned, taken) = sizes(regex).unwrap();
                    assert!((taken..=2 * taken).contains(&reckoned), "{}: {reckoned} for {taken}", regex.pattern);
                }
                Expr::Test(_) => {}
            }
        }
    }

    proptest! {
        #[test]
        fn no_automaton_takes_more_than_reckoned(
            pattern in prop::collection::vec(
                prop::sample::select(vec![
                    "a", "bc", "é", "漢", "k", ".", "\\w", "\\d", "\\s", "\\b", "^", "$", "[a-z0-9]", "[^x]", "[à-ÿ]", "\\pL", "\\PL",
                    "(", "(?:", "(?i:", ")", ")", "|", "*", "+", "?", "{2}", "{3,}", "{0,4}", "{2,5}", "abc|abd|xyz", "[[:^alpha:]]",
                ]),
                0..12,
            ),
            ignore_case: bool,
            dot_all: bool,
        ) {
            let pattern = pattern.concat().into();
            let regex = Regex { pattern, ignore_case, multi_line: false, dot_all, measured: false };
            if let Some((reckoned, taken)) = sizes(&regex) {
                prop_assert!(reckoned >= taken, "{reckoned} for {taken}: {}", regex.pattern);
            }
        }
    }
}
