//! Conditions: `selection and not 1 of filter_*`.
//!
//! ```text
//! or   := and ("or" and)*          and  := not ("and" not)*          not := "not" not | prim
//! prim := ("1" | "any" | "all") "of" ("them" | pattern) | identifier | "(" or ")"
//! ```

use super::diagnostic::{Problem, Refusal, Span, nearest, short};
use super::limits::{MAX_CONDITION_BYTES, MAX_CONDITION_DEPTH, MAX_QUANTIFIERS};
use super::yaml::part_of;
use std::collections::BTreeMap;
use std::ops::Range;

/// A condition over search identifiers, which it names by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Any(Vec<Self>),
    All(Vec<Self>),
    Not(Box<Self>),
    Selection(usize),
}

/// The search identifiers there are, each with its number. Sorted, so that no choice of names is slow to look up.
pub(super) type Names<'t> = BTreeMap<&'t str, usize>;

/// Reads `text`, which stands at `span` of the file `source`.
pub(super) fn parse(text: &str, span: Span, source: &str, names: &Names<'_>) -> Result<Condition, Refusal> {
    if text.len() > MAX_CONDITION_BYTES {
        let message = format!("a condition of more than {MAX_CONDITION_BYTES} bytes");
        return Err(Problem::error("too-large", span, message));
    }
    let place = Place { text, span, source };
    let tokens = tokens(place)?;
    let mut parser = Parser { tokens, at: 0, depth: 0, quantifiers: 0, names, place };
    let condition = parser.any()?;
    match parser.next() {
        None => Ok(condition),
        Some(Token { kind: Kind::Close, at }) => Err(place.error(at, "a `)` without its `(`")),
        Some(Token { at, .. }) => {
            Err(place.error(at, "`and` or `or` expected here").hint("names of search identifiers have no blanks"))
        }
    }
}

/// Where the condition stands.
#[derive(Clone, Copy)]
struct Place<'t> {
    text: &'t str,
    span: Span,
    source: &'t str,
}

impl Place<'_> {
    fn error(self, at: Range<usize>, message: impl Into<String>) -> Refusal {
        Problem::error("bad-condition", part_of(self.source, self.span, self.text, at), message)
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
                    .hint("a condition names search identifiers of letters, digits, `_` and `-`"));
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
    names: &'t Names<'t>,
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
            return Err(self.place.error(self.place.end(), "a search identifier expected after this"));
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
            Kind::Word(word) => self.selection(word, token.at),
            _ => Err(self.place.error(token.at, "a search identifier expected here")),
        }
    }

    /// What follows `1 of` or `all of`.
    fn quantified(&mut self, quantifier: &str, at: Range<usize>) -> Result<Condition, Refusal> {
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
        let them = matches!(pattern, "them" | "THEM");
        let matches = |name: &str| if them { !name.starts_with('_') } else { glob(pattern, name) };
        // An identifier that starts with `_` is chosen only by a pattern that says so.
        let matches = |name: &str| matches(name) && (pattern.starts_with('_') || !name.starts_with('_'));
        let mut chosen: Vec<_> = self.names.iter().filter(|(name, _)| matches(name)).map(|(_, index)| *index).collect();
        chosen.sort_unstable();
        let chosen: Vec<_> = chosen.into_iter().map(Condition::Selection).collect();
        if chosen.is_empty() {
            let message = format!("no search identifier matches `{}`", short(pattern));
            return Err(self.place.error(at, message).suggest(nearest(pattern, self.names.keys().copied())));
        }
        Ok(one_or(chosen, combine))
    }

    fn selection(&self, name: &str, at: Range<usize>) -> Result<Condition, Refusal> {
        if let Some(index) = self.names.get(name) {
            return Ok(Condition::Selection(*index));
        }
        if name.contains('*') {
            return Err(self.place.error(at, "a pattern without `1 of` or `all of` before it"));
        }
        let message = format!("no search identifier `{}`", short(name));
        Err(self.place.error(at, message).suggest(nearest(name, self.names.keys().copied())))
    }
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
