//! Conditions: `selection and not 1 of filter_*`.
//!
//! ```text
//! or   := and ("or" and)*          and  := not ("and" not)*          not := "not" not | prim
//! prim := ("1" | "any" | "all") "of" ("them" | pattern) | identifier | "(" or ")"
//! ```
//!
//! Conditions of temporal correlations are the same over rules, without `of`: `scan and (write or reset)`.

use super::diagnostic::{Problem, Refusal, Span, nearest, short};
use super::limits::{MAX_CONDITION_BYTES, MAX_CONDITION_DEPTH, MAX_QUANTIFIERS, MAX_REFERENCES};
use super::yaml::start_of;
use std::collections::BTreeMap;
use std::ops::Range;

/// A condition over search identifiers or rules, which it names by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Any(Vec<Self>),
    All(Vec<Self>),
    Not(Box<Self>),
    Named(usize),
}

impl Condition {
    /// What is left without what `gone` says of each number; `None` if nothing is.
    pub(super) fn without(self, gone: &[bool]) -> Option<Self> {
        let each = |parts: Vec<Self>| {
            let left: Vec<_> = parts.into_iter().filter_map(|part| part.without(gone)).collect();
            (!left.is_empty()).then_some(left)
        };
        match self {
            Self::Any(parts) => each(parts).map(|parts| one_or(parts, Self::Any)),
            Self::All(parts) => each(parts).map(|parts| one_or(parts, Self::All)),
            Self::Not(inner) => inner.without(gone).map(|inner| Self::Not(Box::new(inner))),
            Self::Named(at) => (gone.get(at) != Some(&true)).then_some(self),
        }
    }
}

/// The search identifiers there are, each with its number. Sorted, so that no choice of names is slow to look up.
pub(super) type Names<'t> = BTreeMap<&'t str, usize>;

/// Rules and their places, as a condition names them.
pub(super) type Mentions<'t> = Vec<(&'t str, Span)>;

/// Reads `text`, which stands at `span` of the file `source`.
pub(super) fn parse(text: &str, span: Span, source: &str, names: &Names<'_>) -> Result<Condition, Refusal> {
    let start = start_of(source, span, text);
    read(Place { text, span, start, noun: "search identifier" }, Words::Selections(names))
        .map(|(condition, _)| condition)
}

/// Reads a condition over rules. Its numbers count the rules in the order in which they are first named; whether there
/// are such rules is not known here.
pub(super) fn parse_rules<'t>(
    text: &'t str,
    span: Span,
    source: &'t str,
) -> Result<(Condition, Mentions<'t>), Refusal> {
    let start = start_of(source, span, text);
    let (condition, words) = read(Place { text, span, start, noun: "rule" }, Words::Rules(Vec::new(), Names::new()))?;
    let mentions = match words {
        Words::Rules(mentions, _) => mentions,
        Words::Selections(_) => Vec::new(),
    };
    Ok((condition, mentions))
}

fn read<'t>(place: Place<'t>, words: Words<'t>) -> Result<(Condition, Words<'t>), Refusal> {
    let Place { text, span, noun, .. } = place;
    if text.len() > MAX_CONDITION_BYTES {
        let message = format!("a condition of more than {MAX_CONDITION_BYTES} bytes");
        return Err(Problem::error("too-large", span, message));
    }
    let tokens = tokens(place)?;
    let mut parser = Parser { tokens, at: 0, depth: 0, quantifiers: 0, words, place };
    let condition = parser.any()?;
    match parser.next() {
        None => Ok((condition, parser.words)),
        Some(Token { kind: Kind::Close, at }) => Err(place.error(at, "a `)` without its `(`")),
        Some(Token { at, .. }) => {
            Err(place.error(at, "`and` or `or` expected here").hint(format!("names of {noun}s have no blanks")))
        }
    }
}

/// Where the condition stands.
#[derive(Clone, Copy)]
struct Place<'t> {
    text: &'t str,
    span: Span,
    /// The byte of the file at which the text begins, if it stands there as it is.
    start: Option<usize>,
    /// What its words name, for messages.
    noun: &'static str,
}

/// What the words of a condition can be.
enum Words<'t> {
    /// Of these.
    Selections(&'t Names<'t>),
    /// Any; those met so far, in order and by name.
    Rules(Mentions<'t>, Names<'t>),
}

impl Place<'_> {
    fn error(self, at: Range<usize>, message: impl Into<String>) -> Refusal {
        Problem::error("bad-condition", self.part(at), message)
    }

    fn part(self, at: Range<usize>) -> Span {
        self.start.map_or(self.span, |start| Span::new(start + at.start, start + at.end))
    }

    fn end(self) -> Range<usize> {
        let end = self.text.trim_end().len();
        end..end
    }
}

#[derive(Clone, Debug)]
struct Token<'t> {
    kind: Kind<'t>,
    at: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind<'t> {
    Open,
    Close,
    And,
    Or,
    Not,
    Of,
    Word(&'t str),
}

fn tokens(place: Place<'_>) -> Result<Vec<Token<'_>>, Refusal> {
    let text = place.text;
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '*');
    let mut tokens = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        let mut end = start + character.len_utf8();
        let kind = match character {
            '(' => Kind::Open,
            ')' => Kind::Close,
            '|' => {
                return Err(place
                    .error(start..text.trim_end().len(), "aggregations were removed from Sigma in version 2")
                    .hint("write a correlation rule: `correlation: {type: event_count, ...}`"));
            }
            _ if character.is_whitespace() => continue,
            _ if is_word(character) => {
                while let Some((at, next)) = characters.next_if(|(_, next)| is_word(*next)) {
                    end = at + next.len_utf8();
                }
                keyword(text.get(start..end).unwrap_or(""))
            }
            _ => {
                return Err(place
                    .error(start..end, format!("`{}` cannot stand in a condition", character.escape_debug()))
                    .hint(format!("a condition names {}s of letters, digits, `_` and `-`", place.noun)));
            }
        };
        tokens.push(Token { kind, at: start..end });
    }
    Ok(tokens)
}

fn keyword(word: &str) -> Kind<'_> {
    match word {
        "and" | "AND" => Kind::And,
        "or" | "OR" => Kind::Or,
        "not" | "NOT" => Kind::Not,
        "of" | "OF" => Kind::Of,
        _ => Kind::Word(word),
    }
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
    depth: usize,
    quantifiers: usize,
    words: Words<'t>,
    place: Place<'t>,
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<Token<'t>> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn next_if(&mut self, kind: Kind<'_>) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|token| token.kind == kind);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Condition, Refusal> {
        let mut parts = vec![self.all()?];
        while self.next_if(Kind::Or) {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, Refusal> {
        let mut parts = vec![self.not()?];
        while self.next_if(Kind::And) {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Condition::All))
    }

    fn not(&mut self) -> Result<Condition, Refusal> {
        let at = self.tokens.get(self.at).map_or_else(|| self.place.end(), |token| token.at.clone());
        if self.depth >= MAX_CONDITION_DEPTH {
            let message = format!("more than {MAX_CONDITION_DEPTH} brackets and negations inside each other");
            return Err(self.place.error(at, message));
        }
        self.depth += 1;
        let condition = if self.next_if(Kind::Not) { Condition::Not(Box::new(self.not()?)) } else { self.primary()? };
        self.depth -= 1;
        Ok(condition)
    }

    fn primary(&mut self) -> Result<Condition, Refusal> {
        let Some(token) = self.next() else {
            let message = format!("a {} expected after this", self.place.noun);
            return Err(self.unnameable(self.place.error(self.place.end(), message)));
        };
        match token.kind {
            Kind::Open => {
                let inner = self.any()?;
                if self.next_if(Kind::Close) {
                    return Ok(inner);
                }
                Err(match self.tokens.get(self.at) {
                    Some(found) => self.place.error(found.at.clone(), "`and`, `or` or `)` expected here"),
                    None => self.place.error(token.at, "a `(` without its `)`"),
                })
            }
            Kind::Word(word) if self.next_if(Kind::Of) => self.quantified(word, token.at),
            Kind::Word(word) => self.named(word, token.at),
            _ => Err(self.unnameable(self.place.error(token.at, format!("a {} expected here", self.place.noun)))),
        }
    }

    /// Says why a search identifier of an operator's name is not found.
    fn unnameable(&self, problem: Refusal) -> Refusal {
        let Words::Selections(names) = self.words else { return problem };
        match names.keys().find(|name| !matches!(keyword(name), Kind::Word(_))) {
            Some(name) => {
                problem.hint(format!("`{name}` is an operator here; give the search identifier another name"))
            }
            None => problem,
        }
    }

    /// What follows `1 of` or `all of`.
    fn quantified(&mut self, quantifier: &str, at: Range<usize>) -> Result<Condition, Refusal> {
        let Words::Selections(names) = self.words else {
            let message = format!("`{} of` cannot stand in a condition over rules", short(quantifier));
            return Err(self.place.error(at, message).hint("join the names of the rules by `and` and `or`"));
        };
        let combine = match quantifier {
            "1" | "any" | "ANY" => Condition::Any,
            "all" | "ALL" => Condition::All,
            _ => {
                let message = format!("`{} of` is not part of Sigma", short(quantifier));
                return Err(self.place.error(at, message).hint("write `1 of` or `all of`"));
            }
        };
        let Some(Token { kind: Kind::Word(pattern), at }) = self.next() else {
            return Err(self
                .place
                .error(at, format!("`{quantifier} of` needs `them` or a pattern such as `selection_*`")));
        };
        self.quantifiers += 1;
        if self.quantifiers > MAX_QUANTIFIERS {
            let message = format!("more than {MAX_QUANTIFIERS} times `of` in one condition");
            return Err(self.place.error(at, message));
        }
        if pattern.contains('-') {
            let problem = self.place.error(at, "a pattern is of letters, digits, `_` and `*`");
            return Err(problem.hint(format!("write `{}`", short(&pattern.replace("-*", "*").replace('-', "*")))));
        }
        let them = matches!(pattern, "them" | "THEM");
        let matches = |name: &str| if them { !name.starts_with('_') } else { glob(pattern, name) };
        // An identifier that starts with `_` is chosen only by a pattern that says so.
        let matches = |name: &str| matches(name) && (pattern.starts_with('_') || !name.starts_with('_'));
        let mut chosen: Vec<_> = names.iter().filter(|(name, _)| matches(name)).map(|(_, index)| *index).collect();
        chosen.sort_unstable();
        let chosen: Vec<_> = chosen.into_iter().map(Condition::Named).collect();
        if chosen.is_empty() {
            let message = format!("no search identifier matches `{}`", short(pattern));
            return Err(suggest(names, self.place.error(at, message), pattern));
        }
        Ok(one_or(chosen, combine))
    }

    fn named(&mut self, name: &'t str, at: Range<usize>) -> Result<Condition, Refusal> {
        let place = self.place;
        match &mut self.words {
            Words::Selections(names) => match names.get(name) {
                Some(index) => Ok(Condition::Named(*index)),
                None if name.contains('*') => Err(place.error(at, "a pattern without `1 of` or `all of` before it")),
                None => {
                    let message = format!("no search identifier `{}`", short(name));
                    Err(suggest(names, place.error(at, message), name))
                }
            },
            Words::Rules(..) if name.contains('*') => {
                let problem = place.error(at, "a condition over rules has no patterns");
                Err(problem.hint("join the names of the rules by `and` and `or`"))
            }
            Words::Rules(mentions, numbers) => {
                if let Some(known) = numbers.get(name) {
                    return Ok(Condition::Named(*known));
                }
                if mentions.len() == MAX_REFERENCES {
                    return Err(place.error(at, format!("more than {MAX_REFERENCES} rules in one condition")));
                }
                let number = mentions.len();
                mentions.push((name, place.part(at)));
                numbers.insert(name, number);
                Ok(Condition::Named(number))
            }
        }
    }
}

/// Adds the search identifier that `wrong` was probably meant to be, or those that there are.
fn suggest(names: &Names<'_>, problem: Refusal, wrong: &str) -> Refusal {
    /// More would not help a reader.
    const SHOWN: usize = 5;
    if let Some(near) = nearest(wrong, names.keys().copied()) {
        return problem.suggest(Some(near));
    }
    let shown: Vec<_> = names.keys().take(SHOWN).map(|name| format!("`{}`", short(name))).collect();
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    problem.hint(format!("the search identifiers are {}{more}", shown.join(", ")))
}

fn one_or(mut parts: Vec<Condition>, combine: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            combine(parts)
        }
        None => combine(parts),
    }
}

/// Whether all of `name` matches `pattern`, in which `*` stands for any text. Linear time: each piece between stars
/// is searched once, from where the one before ended.
fn glob(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        match left.find(piece) {
            Some(at) => left = left.get(at + piece.len()..).unwrap_or(""),
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::testing::{brief, meaning, rule};
    use insta::assert_snapshot;
    use proptest::prelude::*;

    /// The meaning of each condition over five search identifiers, each of which tests a field of its own name.
    fn conditions(conditions: &[&str]) -> String {
        let meaning = |condition: &&str| {
            let names = ["sel", "sel_a", "sel_b.c", "_hidden", "not-x"];
            let selections: String = names.iter().map(|name| format!("  {name}: {{{name}: 1}}\n")).collect();
            let text = rule(&format!("{selections}  condition: {condition}\n"));
            format!("{condition}  =>  {}\n", brief(&text).replace(" = 1", ""))
        };
        conditions.iter().map(meaning).collect()
    }

    #[test]
    fn the_grammar_is_followed() {
        assert_snapshot!(conditions(&[
            "sel",
            "sel and sel_a or not-x and not sel",
            "not sel or sel_a",
            "not not sel",
            "not (sel or sel_a)",
            "(sel)and(sel_a)",
            "1 of them",
            "any of them",
            "all of sel*",
            "ALL OF sel_* AND NOT _hidden",
            "1 of _*",
            "1 of *hidden",
            "all of s*l",
            "1 of sel",
            "not 1 of sel_*",
            "not all of sel_* and not-x",
            "[sel, sel_a and not-x]",
            "\"sel\\n  and\\tsel_a\"",
        ]), @r#"
        sel  =>  sel
        sel and sel_a or not-x and not sel  =>  ((sel and sel_a) or (not-x and not sel))
        not sel or sel_a  =>  (not sel or sel_a)
        not not sel  =>  not not sel
        not (sel or sel_a)  =>  not (sel or sel_a)
        (sel)and(sel_a)  =>  (sel and sel_a)
        1 of them  =>  (sel or sel_a or sel_b.c or not-x)
        any of them  =>  (sel or sel_a or sel_b.c or not-x)
        all of sel*  =>  (sel and sel_a and sel_b.c)
        ALL OF sel_* AND NOT _hidden  =>  ((sel_a and sel_b.c) and not _hidden)
        1 of _*  =>  _hidden
        1 of *hidden  =>  bad-condition: no search identifier matches `*hidden` AT *hidden (did you mean `_hidden`?)
        all of s*l  =>  sel
        1 of sel  =>  sel
        not 1 of sel_*  =>  not (sel_a or sel_b.c)
        not all of sel_* and not-x  =>  (not (sel_a and sel_b.c) and not-x)
        [sel, sel_a and not-x]  =>  (sel or (sel_a and not-x))
        "sel\n  and\tsel_a"  =>  (sel and sel_a)
        "#);
    }

    #[test]
    fn what_is_not_in_the_grammar_is_pointed_at() {
        assert_snapshot!(conditions(&[
            "''",
            "' '",
            "",
            "[]",
            "[sel, '']",
            "[sel, [sel]]",
            "{sel: 1}",
            "and",
            "sel and",
            "sel sel_a",
            "or sel",
            "(sel",
            "(sel sel_a)",
            "sel)",
            "()",
            "not",
            "sel_c",
            "sel*",
            "1 of",
            "1 of sell_*",
            "all of (sel)",
            "1 of not-*",
            "2 of sel*",
            "them",
            "sel.a",
            "sel And sel_a",
            "sel | count() > 5",
            "sel, sel_a",
        ]), @r"
        ''  =>  wrong-type: `condition` must be a text or a list of texts, not empty AT ''
        ' '  =>  wrong-type: `condition` must be a text or a list of texts, not empty AT ' '
          =>  wrong-type: `condition` must be a text or a list of texts, not empty AT 
        []  =>  wrong-type: an empty list of conditions AT []
        [sel, '']  =>  wrong-type: `condition` must be a text or a list of texts, not empty AT ''
        [sel, [sel]]  =>  wrong-type: `condition` must be a text or a list of texts, not a list AT [sel]
        {sel: 1}  =>  wrong-type: `condition` must be a text or a list of texts, not a map AT {sel: 1}
        and  =>  bad-condition: a search identifier expected here AT and
        sel and  =>  bad-condition: a search identifier expected after this AT 
        sel sel_a  =>  bad-condition: `and` or `or` expected here AT sel_a (names of search identifiers have no blanks)
        or sel  =>  bad-condition: a search identifier expected here AT or
        (sel  =>  bad-condition: a `(` without its `)` AT (
        (sel sel_a)  =>  bad-condition: `and`, `or` or `)` expected here AT sel_a
        sel)  =>  bad-condition: a `)` without its `(` AT )
        ()  =>  bad-condition: a search identifier expected here AT )
        not  =>  bad-condition: a search identifier expected after this AT 
        sel_c  =>  bad-condition: no search identifier `sel_c` AT sel_c (did you mean `sel_a`?)
        sel*  =>  bad-condition: a pattern without `1 of` or `all of` before it AT sel*
        1 of  =>  bad-condition: `1 of` needs `them` or a pattern such as `selection_*` AT 1
        1 of sell_*  =>  bad-condition: no search identifier matches `sell_*` AT sell_* (did you mean `sel_a`?)
        all of (sel)  =>  bad-condition: `all of` needs `them` or a pattern such as `selection_*` AT all
        1 of not-*  =>  bad-condition: a pattern is of letters, digits, `_` and `*` AT not-* (write `not*`)
        2 of sel*  =>  bad-condition: `2 of` is not part of Sigma AT 2 (write `1 of` or `all of`)
        them  =>  bad-condition: no search identifier `them` AT them (the search identifiers are `_hidden`, `not-x`, `sel`, `sel_a`, `sel_b.c`)
        sel.a  =>  bad-condition: `.` cannot stand in a condition AT . (a condition names search identifiers of letters, digits, `_` and `-`)
        sel And sel_a  =>  bad-condition: `and` or `or` expected here AT And (names of search identifiers have no blanks)
        sel | count() > 5  =>  bad-condition: aggregations were removed from Sigma in version 2 AT | count() > 5 (write a correlation rule: `correlation: {type: event_count, ...}`)
        sel, sel_a  =>  bad-condition: `,` cannot stand in a condition AT , (a condition names search identifiers of letters, digits, `_` and `-`)
        ");
    }

    #[test]
    fn a_place_in_the_condition_is_shown() {
        assert_snapshot!(meaning(&rule("  selection: {a: 1}\n  condition: selection and not filter\n")), @r"
        error[bad-condition]: no search identifier `filter`
         --> rule.yml:5:32
          |
        5 |   condition: selection and not filter
          |                                ^^^^^^
          |
          = help: the search identifiers are `selection`
        ");
        assert_snapshot!(meaning(&rule("  selection: {a: 1}\n  condition: 'selection | count() by x > 5'\n")), @r"
        error[bad-condition]: aggregations were removed from Sigma in version 2
         --> rule.yml:5:25
          |
        5 |   condition: 'selection | count() by x > 5'
          |                         ^^^^^^^^^^^^^^^^^^
          |
          = help: write a correlation rule: `correlation: {type: event_count, ...}`
        ");
    }

    #[test]
    fn a_name_of_an_operator_cannot_be_named() {
        assert_snapshot!(brief(&rule("  or: {a: 1}\n  condition: or\n")), @"bad-condition: a search identifier expected here AT or (`or` is an operator here; give the search identifier another name)");
        assert_snapshot!(brief(&rule("  not: {a: 1}\n  condition: not\n")), @"bad-condition: a search identifier expected after this AT  (`not` is an operator here; give the search identifier another name)");
    }

    #[test]
    fn hostile_conditions_are_bounded() {
        let refused = |condition: &str| brief(&rule(&format!("  s: {{a: 1}}\n  condition: {condition}\n")));
        assert!(refused(&format!("{}s", "not ".repeat(3_000))).contains("more than 64 brackets"));
        assert!(refused(&format!("{}s", "(".repeat(3_000))).contains("more than 64 brackets"));
        assert!(refused(&format!("s{}", " or s".repeat(5_000))).contains("more than 16384 bytes"));
        assert!(refused(&format!("s{}", " or 1 of s".repeat(200))).contains("more than 100 times"));
        let values = format!("  s: {{a: [{}]}}\n", "x, ".repeat(5_000));
        let copies = rule(&format!("{values}  condition: s{}\n", " or s".repeat(3_000)));
        assert!(brief(&copies).contains("more than 50000 tests"));
    }

    #[test]
    fn stars_match_any_text_at_any_place() {
        for (pattern, name, matches) in [
            ("a*", "a", true),
            ("*a", "ba", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("aa*a", "aa", false),
            ("*", "", true),
            ("**", "x", true),
            ("a", "ab", false),
            ("*ab*ab", "ab", false),
        ] {
            assert_eq!(glob(pattern, name), matches, "{pattern} {name}");
        }
    }

    /// What a condition says, twice told: its text, and by itself.
    #[derive(Clone, Debug)]
    enum Tree {
        Name(usize),
        /// `1 of` or `all of` names that begin so, or of them.
        Of(bool, &'static str),
        Not(Box<Self>),
        Joined(bool, Vec<Self>),
    }

    const NAMES: [&str; 6] = ["sel", "sel_a", "selection", "not-x", "_hidden", "order"];

    impl Tree {
        fn text(&self) -> String {
            match self {
                Self::Name(name) => NAMES[*name].to_owned(),
                Self::Of(all, prefix) => {
                    let of = if prefix.is_empty() { "them".to_owned() } else { format!("{prefix}*") };
                    format!("{} of {of}", if *all { "all" } else { "1" })
                }
                Self::Not(part) => format!("not {}", part.inner()),
                Self::Joined(all, parts) => {
                    let parts: Vec<String> = parts.iter().map(Self::inner).collect();
                    parts.join(if *all { " and " } else { " OR " })
                }
            }
        }

        fn inner(&self) -> String {
            if matches!(self, Self::Joined(..)) { format!("( {})", self.text()) } else { self.text() }
        }

        fn holds(&self, given: [bool; 6]) -> bool {
            match self {
                Self::Name(name) => given[*name],
                Self::Of(all, prefix) => {
                    let is_meant = |name: &str| {
                        if prefix.is_empty() { !name.starts_with('_') } else { name.starts_with(prefix) }
                    };
                    let mut meant = (0..6).filter(|name| is_meant(NAMES[*name])).map(|name| given[name]);
                    if *all { meant.all(|holds| holds) } else { meant.any(|holds| holds) }
                }
                Self::Not(part) => !part.holds(given),
                Self::Joined(true, parts) => parts.iter().all(|part| part.holds(given)),
                Self::Joined(false, parts) => parts.iter().any(|part| part.holds(given)),
            }
        }
    }

    fn a_tree() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            3 => (0..6_usize).prop_map(Tree::Name),
            1 => (any::<bool>(), prop::sample::select(&["", "sel", "sel_", "_", "n", "o"][..]))
                .prop_map(|(all, prefix)| Tree::Of(all, prefix)),
        ];
        leaf.prop_recursive(5, 24, 4, |inner| {
            prop_oneof![
                inner.clone().prop_map(|part| Tree::Not(Box::new(part))),
                (any::<bool>(), prop::collection::vec(inner, 1..4)).prop_map(|(all, parts)| Tree::Joined(all, parts)),
            ]
        })
    }

    fn holds(condition: &Condition, given: [bool; 6]) -> bool {
        match condition {
            Condition::All(parts) => parts.iter().all(|part| holds(part, given)),
            Condition::Any(parts) => parts.iter().any(|part| holds(part, given)),
            Condition::Not(part) => !holds(part, given),
            Condition::Named(name) => given[*name],
        }
    }

    proptest! {
        #[test]
        fn a_condition_means_what_it_says(tree in a_tree()) {
            let text = tree.text();
            let names = NAMES.into_iter().zip(0..).collect();
            let condition = parse(&text, Span::new(0, text.len()), &text, &names).unwrap();
            for bits in 0..1_u8 << 6 {
                let given = std::array::from_fn(|name| bits >> name & 1 == 1);
                prop_assert_eq!(holds(&condition, given), tree.holds(given), "{} for {:?}", text, given);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a-c*()|. 1ofandt\n-]{0,60}|\\PC{0,30}") {
            let names = Names::from([("a", 0), ("b", 1)]);
            let _ = parse(&text, Span::new(3, 9), "source text", &names);
        }
    }
}
