//! YAML as nearly all rules are written: maps and lists by indentation, and scalars that are plain, in quotes or behind `|`.
//!
//! Such text is read line by line, some twenty times as fast as all of YAML. At whatever is not surely that (anchors, tags,
//! brackets, escapes, tabs, and everything wrong) the reader gives up, and the text is for the parser of all of YAML, which
//! knows to say what is wrong. What is read here is the tree that it would give, to the last span: the tests hold them
//! against each other.

use super::limits::MAX_YAML_DEPTH;
use super::yaml::{Entry, Kind, Node, Scalar, Text, refuse_duplicates};
use crate::sigma::diagnostic::Span;
use memchr::{memchr, memchr2, memchr2_iter, memmem};
use std::borrow::Cow;

/// Bytes of a key; YAML's bound is 1024 characters (1.2.2, 7.4.2).
const MAX_KEY: usize = 1_000;

/// All documents of `text`, with at most `most` nodes; `None` if it needs more than this reader knows.
pub(super) fn read(text: &str, most: usize) -> Option<Vec<Node<'_>>> {
    if !text.ends_with('\n') || !is_ordinary(text) {
        return None;
    }
    let mut reader = Reader { text, at: 0, left: most };
    let mut documents = Vec::new();
    loop {
        let marked = reader.pass_marker()?;
        match reader.line() {
            Some(place) if marked || documents.is_empty() => documents.push(reader.block(place, 0)?),
            None if !marked => return (reader.at == text.len()).then_some(documents),
            _ => return None,
        }
    }
}

/// Whether each line break is a `\n`, and every other character is printable and no tab.
fn is_ordinary(text: &str) -> bool {
    let odd = |byte: u8| (byte < b' ') & (byte != b'\n') | (byte == 0x7F);
    // Without a branch for each byte.
    !text.bytes().fold(false, |found, byte| found | odd(byte))
        && (text.is_ascii()
            || !text.chars().any(
                |c| matches!(c, '\u{80}'..='\u{A0}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}'..='\u{FFFF}'),
            ))
}

/// Where a node begins.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    /// Bytes before it on its line.
    column: usize,
}

/// What may be a key or a scalar.
struct Token<'a> {
    text: Cow<'a, str>,
    plain: bool,
    span: Span,
}

struct Reader<'a> {
    text: &'a str,
    /// Where the next line begins.
    at: usize,
    /// Nodes that there may still be.
    left: usize,
}

impl<'a> Reader<'a> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn rest(&self, at: usize) -> &'a [u8] {
        self.text.as_bytes().get(at..).unwrap_or_default()
    }

    /// The end of the line that `at` is in, without its break.
    fn end(&self, at: usize) -> usize {
        memchr(b'\n', self.rest(at)).map_or(self.text.len(), |length| at + length)
    }

    fn past_spaces(&self, at: usize) -> usize {
        at + self.rest(at).iter().take_while(|byte| **byte == b' ').count()
    }

    fn count(&mut self, nodes: usize) -> Option<()> {
        self.left = self.left.checked_sub(nodes)?;
        Some(())
    }

    /// The first place of the document's next line; `None` at its end. Blank lines and comments are passed.
    fn line(&mut self) -> Option<Place> {
        loop {
            let at = self.past_spaces(self.at);
            match self.byte(at)? {
                b'\n' => self.at = at + 1,
                b'#' => self.at = self.end(at) + 1,
                b'-' | b'.' if at == self.at && self.is_marker() => return None,
                _ => return Some(Place { at, column: at - self.at }),
            }
        }
    }

    /// Whether a document begins or ends here.
    fn is_marker(&self) -> bool {
        let rest = self.rest(self.at);
        (rest.starts_with(b"---") || rest.starts_with(b"...")) && matches!(rest.get(3), Some(b' ' | b'\n'))
    }

    /// Passes a `---` with nothing behind it, and tells whether there is one.
    fn pass_marker(&mut self) -> Option<bool> {
        if self.line().is_some() || self.at == self.text.len() {
            return Some(false);
        }
        let rest = self.rest(self.at);
        if !rest.starts_with(b"---\n") {
            return None;
        }
        self.at += 4;
        Some(true)
    }

    /// Whether an item of a list begins here.
    fn is_item(&self, at: usize) -> bool {
        matches!(self.rest(at), [b'-', b' ' | b'\n', ..])
    }

    /// Whether a `:` stands here that makes a key of what is before it.
    fn is_colon(&self, at: usize) -> bool {
        matches!(self.rest(at), [b':', b' ' | b'\n', ..])
    }

    /// A map or a list that begins here.
    fn block(&mut self, place: Place, depth: usize) -> Option<Node<'a>> {
        if depth == MAX_YAML_DEPTH {
            return None;
        }
        self.count(1)?;
        if self.is_item(place.at) { self.sequence(place, depth) } else { self.mapping(place, depth) }
    }

    fn mapping(&mut self, first: Place, depth: usize) -> Option<Node<'a>> {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut end = first.at;
        let mut place = first;
        loop {
            let Token { text, plain, span } = self.token(place.at)?;
            if !self.is_colon(span.end) || span.end - span.start > MAX_KEY || plain && text == "<<" {
                return None;
            }
            self.count(1)?;
            let value = self.value(span.end + 1, place.column, depth, true)?;
            end = end.max(value.span.end).max(span.end);
            entries.push(Entry { key: Text { text, span }, value });
            match self.line() {
                Some(next) if next.column > first.column => return None,
                Some(next) if next.column == first.column && !self.is_item(next.at) => place = next,
                _ => break,
            }
        }
        refuse_duplicates(&entries).ok()?;
        Some(Node { kind: Kind::Mapping(entries), span: Span::new(first.at, end) })
    }

    fn sequence(&mut self, first: Place, depth: usize) -> Option<Node<'a>> {
        let mut items: Vec<Node<'a>> = Vec::new();
        let mut place = first;
        loop {
            let at = self.past_spaces(place.at + 1);
            let inner = Place { at, column: place.column + at - place.at };
            let is_block = self.is_item(at) || self.token(at).is_some_and(|token| self.is_colon(token.span.end));
            items.push(if is_block {
                self.block(inner, depth + 1)?
            } else {
                self.value(place.at + 1, place.column, depth, false)?
            });
            match self.line() {
                Some(next) if next.column > first.column => return None,
                Some(next) if next.column == first.column && self.is_item(next.at) => place = next,
                _ => break,
            }
        }
        let end = items.last().map_or(first.at, |last| last.span.end);
        Some(Node { kind: Kind::Sequence(items), span: Span::new(first.at, end) })
    }

    /// What stands behind a key or a `-` at `column`, on its line or below. A list below a key may stand at the key's column.
    fn value(&mut self, behind: usize, column: usize, depth: usize, keyed: bool) -> Option<Node<'a>> {
        let at = self.past_spaces(behind);
        match self.byte(at)? {
            b'\n' | b'#' => {
                self.end_line(behind)?;
                match self.line() {
                    Some(next) if next.column > column => self.block(next, depth + 1),
                    Some(next) if keyed && next.column == column && self.is_item(next.at) => {
                        // To the other parser such a list begins with what is in it.
                        let start = self.past_spaces(next.at + 1);
                        let list = self.block(next, depth + 1)?;
                        let is_here = !matches!(self.byte(start), Some(b'\n' | b'#'));
                        is_here.then_some(Node { span: Span::new(start, list.span.end), ..list })
                    }
                    // What is not there has the place of the `:`.
                    _ if keyed => self.scalar(Cow::Borrowed(""), true, Span::new(behind - 1, behind - 1)),
                    _ => None,
                }
            }
            b'|' => self.literal(at, column),
            _ => {
                let Token { text, plain, span } = self.token(at)?;
                let open = self.end_line(span.end)?;
                if plain && open { self.folded(span, column) } else { self.scalar(text, plain, span) }
            }
        }
    }

    fn scalar(&mut self, text: Cow<'a, str>, plain: bool, span: Span) -> Option<Node<'a>> {
        self.count(1)?;
        Some(Node { kind: Kind::Scalar(Scalar { text, plain }), span })
    }

    /// Passes the rest of a line that holds nothing more, except perhaps a comment; tells whether it holds none.
    fn end_line(&mut self, behind: usize) -> Option<bool> {
        let at = self.past_spaces(behind);
        let end = match self.byte(at)? {
            b'\n' => at,
            b'#' if at > behind => self.end(at),
            _ => return None,
        };
        self.at = end + 1;
        Some(end == at)
    }

    /// What stands here in quotes, or up to where a plain scalar ends on this line.
    fn token(&self, at: usize) -> Option<Token<'a>> {
        let rest = self.rest(at);
        match rest {
            [b'\'' | b'"', ..] => self.quoted(at),
            [b'-' | b'?' | b':', b' ' | b'\n', ..] => None,
            [b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'%' | b'@' | b'`', ..] => {
                None
            }
            _ => {
                let line = self.text.get(at..self.end(at))?;
                let bytes = line.as_bytes();
                let ends = |place: &usize| match bytes.get(*place..) {
                    Some([b':']) | Some([b':', b' ', ..]) => true,
                    Some([b'#', ..]) => place.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b' '),
                    _ => false,
                };
                let end = memchr2_iter(b':', b'#', bytes).find(ends).unwrap_or(line.len());
                let text = line.get(..end)?.trim_end_matches(' ');
                Some(Token { text: Cow::Borrowed(text), plain: true, span: Span::new(at, at + text.len()) })
            }
        }
    }

    /// A scalar in quotes that ends on its line and has no escapes but a doubled `'`.
    fn quoted(&self, at: usize) -> Option<Token<'a>> {
        let quote = self.byte(at)?;
        let mut doubled = false;
        let mut close = at;
        loop {
            let from = close + 1;
            close = from + memchr2(quote, b'\n', self.rest(from))?;
            match (self.byte(close), self.byte(close + 1)) {
                (Some(b'\n'), _) => return None,
                (Some(b'\''), Some(b'\'')) => {
                    doubled = true;
                    close += 1;
                }
                _ => break,
            }
        }
        let raw = self.text.get(at + 1..close)?;
        if quote == b'"' && memchr(b'\\', raw.as_bytes()).is_some() {
            return None;
        }
        let text = if doubled { Cow::Owned(raw.replace("''", "'")) } else { Cow::Borrowed(raw) };
        Some(Token { text, plain: false, span: Span::new(at, close + 1) })
    }

    /// A plain scalar with the lines below it that continue it: line breaks are folded (YAML 1.2.2, 6.5).
    fn folded(&mut self, first: Span, column: usize) -> Option<Node<'a>> {
        let mut text = Cow::Borrowed(self.text.get(first.start..first.end)?);
        let mut end = first.end;
        let mut breaks = 0;
        let mut line = self.at;
        loop {
            let at = self.past_spaces(line);
            match self.byte(at) {
                Some(b'\n') => {
                    breaks += 1;
                    line = at + 1;
                }
                Some(byte) if at - line > column && byte != b'#' => {
                    let more = self.text.get(at..self.end(at))?.trim_end_matches(' ');
                    if more.ends_with(':')
                        || [": ", " #"].iter().any(|end| memmem::find(more.as_bytes(), end.as_bytes()).is_some())
                    {
                        return None;
                    }
                    let whole = text.to_mut();
                    if breaks == 0 {
                        whole.push(' ');
                    }
                    whole.extend(std::iter::repeat_n('\n', breaks));
                    whole.push_str(more);
                    breaks = 0;
                    end = at + more.len();
                    line = self.end(end) + 1;
                    self.at = line;
                }
                _ => return self.scalar(text, true, Span::new(first.start, end)),
            }
        }
    }

    /// A block behind `|`, whose line breaks are kept.
    fn literal(&mut self, bar: usize, column: usize) -> Option<Node<'a>> {
        let (keep, header) = match self.rest(bar) {
            [b'|', b'\n', ..] => (Some(1), 1),
            [b'|', b'-', b'\n', ..] => (Some(0), 2),
            [b'|', b'+', b'\n', ..] => (None, 2),
            _ => return None,
        };
        self.at = bar + header + 1;
        let start = self.past_spaces(self.at);
        let indent = start - self.at;
        if indent <= column || self.byte(start)? == b'\n' {
            return None;
        }
        let mut text = String::new();
        let mut breaks = 0;
        let end = loop {
            let at = self.past_spaces(self.at);
            match self.byte(at) {
                Some(b'\n') if at - self.at <= indent => {
                    breaks += 1;
                    self.at = at + 1;
                }
                Some(b'\n') => return None,
                Some(_) if at - self.at >= indent => {
                    text.extend(std::iter::repeat_n('\n', breaks));
                    let end = self.end(at);
                    text.push_str(self.text.get(self.at + indent..end)?);
                    breaks = 1;
                    self.at = end + 1;
                }
                _ => break at,
            }
        };
        text.extend(std::iter::repeat_n('\n', keep.unwrap_or(breaks)));
        // The other parser knows that the block has ended where the next line's first character stands.
        self.scalar(Cow::Owned(text), false, Span::new(start, end))
    }
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic::Problems;
    use super::super::limits::MAX_NODES;
    use super::super::testing::corpus;
    use super::super::yaml::parse_all;
    use super::*;
    use proptest::prelude::*;

    /// What both readers say; nothing where this one gives up.
    fn both(text: &str) -> Option<(Vec<Node<'_>>, Vec<Node<'_>>)> {
        let read = read(text, MAX_NODES)?;
        let mut problems = Problems::default();
        let parsed = parse_all(MAX_NODES, text, &mut problems);
        assert_eq!(problems.errors(), 0, "{text:?}");
        Some((read, parsed))
    }

    #[test]
    fn public_rules_are_read_as_by_the_parser_of_all_of_yaml() {
        let sources = corpus();
        let mut given_up = 0;
        for source in &sources {
            match both(std::str::from_utf8(&source.bytes).unwrap()) {
                Some((read, parsed)) => assert_eq!(read, parsed, "{}", source.name),
                None => given_up += 1,
            }
        }
        println!("{given_up} of {} given up", sources.len());
        assert!(given_up * 50 <= sources.len(), "{given_up} of {} given up", sources.len());
    }

    /// Texts that look like YAML from afar.
    fn pieces() -> impl Strategy<Value = String> {
        let pieces = [
            "a",
            "b: ",
            "c:",
            "d: e\n",
            "\n",
            "\n  ",
            "\n    ",
            "\n ",
            "  ",
            " ",
            "- ",
            "\n- ",
            "\n  - ",
            "-",
            ":",
            " #",
            "#",
            "'",
            "''",
            "'f'",
            "\"",
            "\"g\"",
            "|",
            "|\n",
            "|-\n  ",
            "|+\n",
            ">",
            "\n---\n",
            "...",
            "\n\n",
            "h i",
            "é",
            "\\",
            ", ",
            "?",
            "? ",
            "&k ",
            "*",
            "!",
            "%",
            "@",
            "[",
            "]",
            "{",
            "}",
            "~",
            "<<: ",
            "=",
            "x: y\n  z: 1\n",
            " |\n    l\n",
            "  m\n",
            "\n  n: ",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..16)
            .prop_map(|pieces| format!("{}\n", pieces.concat()))
    }

    /// Texts that look more like it.
    fn lines() -> impl Strategy<Value = String> {
        let starts = ["", "  ", "    ", "      ", "- ", "  - ", "    - ", "      - ", "- - ", " "];
        let keys = ["a: ", "b: ", "c: ", "d|e: ", "'f': ", "\"g h\": ", "i:", "j.k-l:", ""];
        let values = [
            "",
            "x",
            "m n",
            "'o''p'",
            "\"q\"",
            "-r",
            "s # t",
            "|",
            "|-",
            "|+",
            "# u",
            "http://v#w",
            "*",
            "~",
            "x, [y]",
        ];
        let line = [starts.to_vec(), keys.to_vec(), values.to_vec()].map(prop::sample::select);
        let end = prop::sample::select(vec!["\n", "\n", "\n", "\n\n", " \n", "\n---\n", "\n# z\n", "\n   \n"]);
        let line = (line, end).prop_map(|(parts, end)| parts.concat() + end);
        prop::collection::vec(line, 0..7).prop_map(|lines| lines.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_read_is_what_the_parser_of_all_of_yaml_reads(text in prop_oneof![pieces(), lines()]) {
            if let Some((read, parsed)) = both(&text) {
                prop_assert_eq!(read, parsed, "{:?}", text);
            }
        }
    }
}
