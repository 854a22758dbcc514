//! Texts with wildcards while modifiers work on them.

use super::ir::{Pattern, Piece};
use super::limits::MAX_ENCODED_DASHES;

/// The dashes that programs take for each other: hyphen, slash, en dash, em dash, horizontal bar.
const DASHES: [&str; 5] = ["-", "/", "\u{2013}", "\u{2014}", "\u{2015}"];

/// A piece of a value. Unlike [`Piece`] it may be bytes that are no text yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    /// What a UTF-16 modifier left, to be encoded further or matched byte by byte.
    Bytes(Vec<u8>),
    Many,
    One,
    Dash,
}

/// Reads `*`, `?` and `\`, the only special characters outside of `re`.
pub(super) fn parse(text: &str) -> Vec<Part> {
    if memchr::memchr3(b'*', b'?', b'\\', text.as_bytes()).is_none() {
        // Room for a wildcard on either side.
        let mut parts = Vec::with_capacity(3);
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        return parts;
    }
    let mut parts = Vec::new();
    let mut literal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr3(b'*', b'?', b'\\', rest.as_bytes()) {
        let (before, special) = rest.split_at(at);
        literal.push_str(before);
        let mut characters = special.chars();
        let wildcard = match characters.next() {
            Some('*') => Part::Many,
            Some('?') => Part::One,
            _ => {
                let escaped = characters.as_str().chars().next().filter(|next| matches!(next, '*' | '?' | '\\'));
                literal.push(escaped.unwrap_or('\\'));
                rest = if escaped.is_some() { special.get(2..).unwrap_or("") } else { characters.as_str() };
                continue;
            }
        };
        rest = characters.as_str();
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(wildcard);
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    parts
}

/// Neighbouring texts as one.
pub(super) fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match (joined.last_mut(), part) {
            (Some(Part::Text(text)), Part::Text(more)) => text.push_str(&more),
            (_, part) => joined.push(part),
        }
    }
    joined
}

/// `windash`: a `-` at the start of a word, or another of the five, becomes [`Part::Dash`].
///
/// Start of a word as the regex `\B[-/]\b` has it: no word character before, one behind.
pub(super) fn vary_dashes(parts: Vec<Part>) -> Vec<Part> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut varied = Vec::with_capacity(parts.len());
    for part in parts {
        let Part::Text(text) = part else {
            varied.push(part);
            continue;
        };
        let mut literal = String::new();
        let mut before = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let dash = DASHES.iter().any(|dash| dash.starts_with(character))
                && !before.is_some_and(is_word)
                && characters.peek().is_some_and(|next| is_word(*next));
            if dash {
                if !literal.is_empty() {
                    varied.push(Part::Text(std::mem::take(&mut literal)));
                }
                varied.push(Part::Dash);
            } else {
                literal.push(character);
            }
            before = Some(character);
        }
        if !literal.is_empty() {
            varied.push(Part::Text(literal));
        }
    }
    varied
}

/// Every way to write the dashes out, for modifiers that encode; `None` if there are too many.
pub(super) fn spell_dashes(parts: &[Part]) -> Option<Vec<Vec<Part>>> {
    if parts.iter().filter(|part| matches!(part, Part::Dash)).count() > MAX_ENCODED_DASHES {
        return None;
    }
    let mut spelled = vec![Vec::new()];
    for part in parts {
        if matches!(part, Part::Dash) {
            let with = |start: &Vec<Part>, dash: &str| {
                let mut longer = start.clone();
                longer.push(Part::Text(dash.to_owned()));
                longer
            };
            spelled = spelled.iter().flat_map(|start| DASHES.iter().map(move |dash| with(start, dash))).collect();
        } else {
            for parts in &mut spelled {
                parts.push(part.clone());
            }
        }
    }
    Some(spelled)
}

/// The bytes of a value without wildcards; `None` if it has some.
pub(super) fn bytes(parts: &[Part]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => bytes.extend_from_slice(text.as_bytes()),
            Part::Bytes(more) => bytes.extend_from_slice(more),
            Part::Many | Part::One | Part::Dash => return None,
        }
    }
    Some(bytes)
}

/// Bytes of literal text.
pub(super) fn len(parts: &[Part]) -> usize {
    let len = |part: &Part| match part {
        Part::Text(text) => text.len(),
        Part::Bytes(bytes) => bytes.len(),
        Part::Many | Part::One | Part::Dash => 1,
    };
    parts.iter().map(len).sum()
}

/// The finished pattern: neighbours joined, so that equal patterns are equal values.
pub(super) fn finish(parts: Vec<Part>, cased: bool) -> Pattern {
    let mut pieces = Vec::with_capacity(parts.len());
    let mut literal = String::new();
    for part in parts {
        let piece = match part {
            Part::Text(text) if literal.is_empty() => {
                literal = text;
                continue;
            }
            Part::Text(text) => {
                literal.push_str(&text);
                continue;
            }
            // Bytes that stayed bytes are matched as the characters of the same number.
            Part::Bytes(bytes) => {
                literal.extend(bytes.into_iter().map(char::from));
                continue;
            }
            Part::Many if literal.is_empty() && pieces.last() == Some(&Piece::Many) => continue,
            Part::Many => Piece::Many,
            Part::One => Piece::One,
            Part::Dash => Piece::Dash,
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal).into()));
        }
        pieces.push(piece);
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal.into()));
    }
    Pattern { pieces, cased }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        finish(parse(text), false).to_string()
    }

    #[test]
    fn only_star_question_mark_and_backslash_are_special() {
        let text = |text: &str| Piece::Literal(text.into());
        for (written, pieces) in [
            ("", vec![]),
            (r"C:\Windows\n", vec![text(r"C:\Windows\n")]),
            (r"\*\?", vec![text("*?")]),
            (r"\\*", vec![text(r"\"), Piece::Many]),
            (r"\\\*", vec![text(r"\*")]),
            (r"\\\\", vec![text(r"\\")]),
            (r"\\\x", vec![text(r"\\x")]),
            (r"dir\", vec![text(r"dir\")]),
            ("a**b", vec![text("a"), Piece::Many, text("b")]),
            ("*?*", vec![Piece::Many, Piece::One, Piece::Many]),
            ("%x%.[a-z]", vec![text("%x%.[a-z]")]),
        ] {
            assert_eq!(finish(parse(written), false).pieces, pieces, "{written}");
        }
    }

    #[test]
    fn a_printed_pattern_reads_as_the_same_pattern() {
        for text in [r"a\*b*c?\\*", r"\\\\", "plain", r"C:\x\*", ""] {
            let pattern = finish(parse(text), false);
            let printed = printed(text);
            let inner = printed.trim_matches('\'');
            assert_eq!(finish(parse(inner), false), pattern, "{printed}");
        }
    }

    #[test]
    fn dashes_vary_at_the_start_of_a_word_only() {
        let varied = |text: &str| finish(vary_dashes(parse(text)), false).pieces;
        let text = |text: &str| Piece::Literal(text.into());
        assert_eq!(varied(" -enc"), [text(" "), Piece::Dash, text("enc")]);
        assert_eq!(varied("\u{2014}enc"), [Piece::Dash, text("enc")]);
        assert_eq!(varied("/a b-c --d"), [Piece::Dash, text("a b-c -"), Piece::Dash, text("d")]);
        assert_eq!(varied("a - b"), [text("a - b")]);
        assert_eq!(spell_dashes(&vary_dashes(parse("-a -b"))).unwrap().len(), 25);
        assert_eq!(spell_dashes(&vary_dashes(parse("-a -b -c -d"))), None);
    }
}
