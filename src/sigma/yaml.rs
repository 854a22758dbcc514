//! YAML text to a tree in which every node knows its bytes.
//!
//! What is written as most rules are, is read by [`block`]. Of all else `granit-parser` gives events, and this file composes
//! them under budgets. A document that cannot be read is reported and skipped, the next one is still read.

use super::block;
use super::diagnostic::{Problem, Problems, Refusal, Span, short};
use super::limits::{MAX_ALIASES, MAX_COPIED_BYTES, MAX_COPIED_NODES, MAX_NODES, MAX_YAML_DEPTH};
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput, Tag};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::ops::Range;

/// A node and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) span: Span,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind<'a> {
    Scalar(Scalar<'a>),
    Sequence(Vec<Node<'a>>),
    Mapping(Vec<Entry<'a>>),
}

/// A scalar, not yet given a type: see [`scalar`](super::scalar).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scalar<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Neither quoted nor a block nor tagged as a string.
    pub(crate) plain: bool,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Text<'a>,
    pub(crate) value: Node<'a>,
}

/// A text and its place, quotes included.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) span: Span,
}

impl Node<'_> {
    /// What it is, for messages.
    pub(crate) const fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Scalar(_) => "a scalar",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a map",
        }
    }
}

/// The bytes of `part` of a scalar's text, or of the whole scalar where escapes or folding moved them.
pub(crate) fn part_of(source: &str, span: Span, text: &str, part: Range<usize>) -> Span {
    match start_of(source, span, text) {
        Some(start) => Span::new(start + part.start, start + part.end),
        None => span,
    }
}

/// The byte at which the text of a scalar begins; `None` where escapes or folding moved its characters.
pub(super) fn start_of(source: &str, span: Span, text: &str) -> Option<usize> {
    let raw = source.get(span.start..span.end)?;
    // Nearly always nothing stands before it.
    let at = if raw.starts_with(text) { Some(0) } else { raw.find(text) };
    at.filter(|_| !text.is_empty()).map(|at| span.start + at)
}

/// Reads all documents of `text`; unreadable ones become problems.
pub(crate) fn parse<'a>(text: &'a str, problems: &mut Problems) -> Vec<Node<'a>> {
    parse_up_to(MAX_NODES, text, problems)
}

/// The same of a text that may have so many nodes.
pub(crate) fn parse_up_to<'a>(most: usize, text: &'a str, problems: &mut Problems) -> Vec<Node<'a>> {
    block::read(text, most).unwrap_or_else(|| parse_all(most, text, problems))
}

/// The same by the parser of all of YAML.
pub(super) fn parse_all<'a>(most: usize, text: &'a str, problems: &mut Problems) -> Vec<Node<'a>> {
    let mut composer = Composer::new(text, most);
    let mut documents = Vec::new();
    while !problems.is_full() {
        match composer.document() {
            Ok(Some(root)) => documents.push(root),
            Ok(None) => break,
            Err(refusal) => {
                problems.push(refusal);
                if composer.nodes > composer.most || !composer.parser.proceed_next_document().unwrap_or(false) {
                    break;
                }
            }
        }
    }
    documents
}

/// A list or map that is still open.
struct Open<'a> {
    kind: OpenKind<'a>,
    start: Span,
    anchor: usize,
}

enum OpenKind<'a> {
    Sequence(Vec<Node<'a>>),
    Mapping(Vec<Entry<'a>>, Option<Text<'a>>),
}

struct Composer<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    /// By the number that the parser gave the anchor.
    anchors: FxHashMap<usize, Node<'a>>,
    nodes: usize,
    /// The most nodes there may be.
    most: usize,
    aliases: usize,
    copied_nodes: usize,
    copied_bytes: usize,
}

impl<'a> Composer<'a> {
    fn new(text: &'a str, most: usize) -> Self {
        let mut options = granit_parser::options! {
            flow_nesting_limit: MAX_YAML_DEPTH,
            block_nesting_limit: MAX_YAML_DEPTH,
        };
        options.set_emit_comments(false);
        Self {
            parser: Parser::new_from_str_with_options(text, options),
            text,
            anchors: FxHashMap::default(),
            nodes: 0,
            most,
            aliases: 0,
            copied_nodes: 0,
            copied_bytes: 0,
        }
    }

    /// The next document's root; `None` at the end of the text.
    fn document(&mut self) -> Result<Option<Node<'a>>, Refusal> {
        let mut open = Vec::new();
        let mut root = None;
        self.anchors.clear();
        while let Some(event) = self.parser.next_event() {
            let (event, place) = event.map_err(|error| self.syntax(&error))?;
            let span = place.byte_range().map_or_else(Span::default, |range| Span::new(range.start, range.end));
            let tag_span =
                place.tag_span().and_then(|tag| tag.byte_range()).map_or(span, |r| Span::new(r.start, r.end));
            let (node, anchor) = match event {
                Event::Scalar(text, style, anchor, tag) => {
                    let untyped = style == ScalarStyle::Plain;
                    let plain = plain_under(tag.as_deref(), untyped, tag_span)?;
                    // The parser calls a value that is not there `~`.
                    let absent = untyped && span.start == span.end;
                    let text = if absent { Cow::Borrowed("") } else { text };
                    (Node { kind: Kind::Scalar(Scalar { text, plain }), span }, anchor)
                }
                Event::Alias(id) => (self.alias(id, span)?, 0),
                Event::SequenceStart(_, anchor, tag) => {
                    only_tag("seq", tag.as_deref(), tag_span)?;
                    self.open(&mut open, OpenKind::Sequence(Vec::new()), span, anchor)?;
                    continue;
                }
                Event::MappingStart(_, anchor, tag) => {
                    only_tag("map", tag.as_deref(), tag_span)?;
                    self.open(&mut open, OpenKind::Mapping(Vec::new(), None), span, anchor)?;
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                    Some(done) => (done.kind.close(done.start, span)?, done.anchor),
                    None => continue,
                },
                Event::DocumentEnd if root.is_some() => return Ok(root),
                _ => continue,
            };
            self.count(span)?;
            if anchor != 0 {
                self.copy(&node, span)?;
                self.anchors.insert(anchor, node.clone());
            }
            match open.last_mut() {
                Some(parent) => parent.kind.add(node)?,
                None => root = Some(node),
            }
        }
        Ok(None)
    }

    fn open(&self, open: &mut Vec<Open<'a>>, kind: OpenKind<'a>, start: Span, anchor: usize) -> Result<(), Refusal> {
        // The parser bounds lists in brackets and lists by indentation apart; a document may mix both.
        if open.len() >= MAX_YAML_DEPTH {
            return Err(too_deep(start));
        }
        open.push(Open { kind, start, anchor });
        Ok(())
    }

    fn count(&mut self, span: Span) -> Result<(), Refusal> {
        self.nodes += 1;
        if self.nodes > self.most {
            let message = format!("more than {} values in one file", self.most);
            return Err(Problem::error("too-large", span, message).hint("split the file"));
        }
        Ok(())
    }

    /// A copy of what the alias stands for.
    fn alias(&mut self, id: usize, span: Span) -> Result<Node<'a>, Refusal> {
        self.aliases += 1;
        if self.aliases > MAX_ALIASES {
            return Err(Problem::error(
                "too-many-aliases",
                span,
                format!("more than {MAX_ALIASES} aliases in one file"),
            ));
        }
        // An anchor is known once its node is complete: inside of it the alias would never end.
        let Some(node) = self.anchors.get(&id).cloned() else {
            return Err(Problem::error("yaml", span, "an alias inside of what it stands for"));
        };
        self.copy(&node, span)?;
        Ok(node)
    }

    /// Takes the copy of `node` out of the budget for copies.
    fn copy(&mut self, node: &Node<'_>, span: Span) -> Result<(), Refusal> {
        let (nodes, bytes) = node.size();
        self.copied_nodes += nodes;
        self.copied_bytes += bytes;
        if self.copied_nodes > MAX_COPIED_NODES || self.copied_bytes > MAX_COPIED_BYTES {
            let message = format!("anchors and aliases copy more than {MAX_COPIED_NODES} values in one file");
            return Err(Problem::error("too-many-aliases", span, message));
        }
        Ok(())
    }

    /// A syntax error as a problem, with a hint for what authors of rules run into.
    fn syntax(&self, error: &ScanError) -> Refusal {
        let at = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let at = self.text.floor_char_boundary(at);
        let width = self.text.get(at..).and_then(|rest| rest.chars().next()).filter(|c| *c != '\n');
        let span = Span::new(at, at + width.map_or(0, char::len_utf8));
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return too_deep(span);
        }
        let problem = Problem::error("yaml", span, format!("invalid YAML: {}", error.kind()));
        match error.kind() {
            ErrorKind::UnknownAnchor => problem.hint("a value that starts with `*` needs quotes: '*.exe'"),
            ErrorKind::UnexpectedCharacter { character } if !character.is_control() => {
                problem.hint(format!("a value that starts with `{character}` needs quotes"))
            }
            ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
                problem.hint("indent with spaces")
            }
            ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => {
                problem.hint("use single quotes: in double quotes a backslash starts a YAML escape")
            }
            _ => problem,
        }
    }
}

impl<'a> OpenKind<'a> {
    fn add(&mut self, node: Node<'a>) -> Result<(), Refusal> {
        match self {
            Self::Sequence(items) => items.push(node),
            Self::Mapping(entries, key) => match key.take() {
                Some(key) => entries.push(Entry { key, value: node }),
                None => *key = Some(node.into_key()?),
            },
        }
        Ok(())
    }

    /// The finished node. `start` is the place of its first character, `close` of its bracket, if it has one.
    fn close(self, start: Span, close: Span) -> Result<Node<'a>, Refusal> {
        let (kind, end) = match self {
            Self::Sequence(items) => {
                let end = items.last().map(|last| last.span.end);
                (Kind::Sequence(items), end)
            }
            Self::Mapping(entries, _) => {
                refuse_duplicates(&entries)?;
                let end = entries.last().map(|last| last.value.span.end.max(last.key.span.end));
                (Kind::Mapping(entries), end)
            }
        };
        // Without a bracket the end is told late, after blank lines and comments.
        let end = if close.start < close.end { Some(close.end) } else { end };
        Ok(Node { kind, span: Span::new(start.start, end.unwrap_or(start.end).max(start.end)) })
    }
}

impl<'a> Node<'a> {
    /// Nodes and bytes of text in it.
    pub(super) fn size(&self) -> (usize, usize) {
        let sum = |(nodes, bytes): (usize, usize), (more, text): (usize, usize)| (nodes + more, bytes + text);
        match &self.kind {
            Kind::Scalar(scalar) => (1, scalar.text.len()),
            Kind::Sequence(items) => items.iter().map(Self::size).fold((1, 0), sum),
            Kind::Mapping(entries) => {
                entries.iter().map(|entry| sum(entry.value.size(), (1, entry.key.text.len()))).fold((1, 0), sum)
            }
        }
    }

    fn into_key(self) -> Result<Text<'a>, Refusal> {
        match self.kind {
            Kind::Scalar(scalar) if &*scalar.text == "<<" && scalar.plain => {
                Err(Problem::error("merge-key", self.span, "`<<` is not part of YAML 1.2")
                    .hint("write the merged keys out"))
            }
            Kind::Scalar(scalar) => Ok(Text { text: scalar.text, span: self.span }),
            _ => Err(Problem::error("yaml", self.span, format!("{} as a key", self.noun()))
                .hint("a key is a text; one that starts with `{` or `[` needs quotes")),
        }
    }
}

fn too_deep(span: Span) -> Refusal {
    Problem::error("too-deep", span, format!("more than {MAX_YAML_DEPTH} lists and maps inside each other"))
}

/// The first key that a map holds twice, if any. By sorting: the keys of a large map may be chosen to collide.
pub(super) fn refuse_duplicates(entries: &[Entry<'_>]) -> Result<(), Refusal> {
    const FEW: usize = 8;
    let twice = if entries.len() <= FEW {
        let mut seen = entries.iter().enumerate();
        seen.find_map(|(at, second)| {
            entries.iter().take(at).find(|e| e.key.text == second.key.text).map(|e| (e, second))
        })
    } else {
        let mut sorted: Vec<_> = entries.iter().collect();
        sorted.sort_by(|a, b| a.key.text.cmp(&b.key.text));
        let equal = |pair: &[&Entry<'_>]| matches!(pair, [a, b] if a.key.text == b.key.text);
        sorted.windows(2).find(|pair| equal(pair)).and_then(|pair| Some((*pair.first()?, *pair.get(1)?)))
    };
    let Some((first, second)) = twice else { return Ok(()) };
    Err(Problem::error(
        "duplicate-key",
        second.key.span,
        format!("the key `{}` is here twice", short(&second.key.text)),
    )
    .label("again here")
    .related(first.key.span, "first here")
    .hint("put the values into one list, or into two maps in a list"))
}

/// Whether a scalar with this tag still takes its type from its text.
fn plain_under(tag: Option<&Tag>, plain: bool, span: Span) -> Result<bool, Refusal> {
    let Some(tag) = tag else { return Ok(plain) };
    match tag.core_suffix() {
        Some("str") => Ok(false),
        Some("int" | "float" | "bool" | "null") => Ok(true),
        // The tag `!` alone: no type from the text (YAML 1.2.2, 6.9.1).
        _ if tag.handle().is_empty() && tag.suffix() == "!" => Ok(false),
        _ => Err(unknown_tag(span)),
    }
}

/// Refuses any tag but the one that says what the node is anyway.
fn only_tag(suffix: &str, tag: Option<&Tag>, span: Span) -> Result<(), Refusal> {
    match tag {
        Some(tag) if tag.core_suffix() != Some(suffix) => Err(unknown_tag(span)),
        _ => Ok(()),
    }
}

fn unknown_tag(span: Span) -> Refusal {
    Problem::error("unknown-tag", span, "a tag that rules do not have")
        .hint("a value that starts with `!` needs quotes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::scalar::is_null;
    use crate::sigma::scalar::{self, Value};
    use crate::sigma::testing::{brief, corpus, load_text, meaning, rule};
    use crate::sigma::{Options, SourceText, load};
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use serde::Deserialize;

    /// Whether both readers see the same tree. Where YAML 1.1 and 1.2 differ, types may.
    fn same(node: &Node<'_>, other: &serde_yaml::Value) -> bool {
        match (&node.kind, other) {
            (Kind::Sequence(items), serde_yaml::Value::Sequence(others)) => {
                items.len() == others.len() && items.iter().zip(others).all(|(item, other)| same(item, other))
            }
            (Kind::Mapping(entries), serde_yaml::Value::Mapping(others)) => {
                let entry = |(entry, (key, value)): (&Entry<'_>, (&serde_yaml::Value, &serde_yaml::Value))| {
                    let key = key.as_str().map_or_else(|| serde_yaml::to_string(key).unwrap(), str::to_owned);
                    *entry.key.text == *key.trim_end() && same(&entry.value, value)
                };
                entries.len() == others.len() && entries.iter().zip(others).all(entry)
            }
            (Kind::Scalar(scalar), other) => match (scalar::resolve(scalar), other) {
                (Value::Null, serde_yaml::Value::Null) => true,
                (Value::Bool(value), serde_yaml::Value::Bool(other)) => value == *other,
                (Value::Text(text), serde_yaml::Value::String(other)) => text == other,
                (Value::Number(number), serde_yaml::Value::Number(other)) => number.to_string() == other.to_string(),
                // To the other reader a number with leading zeros is a text.
                (Value::Number(_), serde_yaml::Value::String(other)) => *scalar.text == *other,
                _ => false,
            },
            _ => false,
        }
    }

    #[test]
    fn another_reader_sees_the_same_in_every_public_rule() {
        for source in corpus() {
            let text = source.lossy();
            let mut problems = Problems::default();
            let mut documents = parse(&text, &mut problems);
            documents.retain(|document| !is_null(document));
            let others =
                serde_yaml::Deserializer::from_str(&text).map(|one| serde_yaml::Value::deserialize(one).unwrap());
            let others: Vec<_> = others.filter(|one| !one.is_null()).collect();
            assert_eq!((documents.len(), problems.errors()), (others.len(), 0), "{}", source.name);
            for (document, other) in documents.iter().zip(&others) {
                assert!(same(document, other), "{}", source.name);
            }
        }
    }

    #[test]
    fn every_node_knows_its_bytes() {
        let text = "\u{feff}a: [x, 'y']\nä: {b: \"z\"}\nc:\n  - 1\n\n# end\nd: |\n  two\n  lines\n";
        let documents = parse(text, &mut Problems::default());
        let Kind::Mapping(entries) = &documents[0].kind else { panic!("no map") };
        let raw = |span: Span| &text[span.start..span.end];
        let seen: Vec<_> = entries.iter().map(|entry| (raw(entry.key.span), raw(entry.value.span))).collect();
        assert_eq!(seen, [("a", "[x, 'y']"), ("ä", "{b: \"z\"}"), ("c", "- 1"), ("d", "two\n  lines\n")]);
    }

    #[test]
    fn quotes_and_tags_decide_on_types() {
        let text = "[1, '1', \"1\", !!str 1, !!int '1', ! 1, no, ~, ]";
        let documents = parse(text, &mut Problems::default());
        let Kind::Sequence(items) = &documents[0].kind else { panic!("no list") };
        let plain = |item: &Node<'_>| matches!(&item.kind, Kind::Scalar(scalar) if scalar.plain);
        assert_eq!(items.iter().map(plain).collect::<Vec<_>>(), [true, false, false, false, true, false, true, true]);
    }

    #[test]
    fn aliases_stand_for_their_anchors() {
        let text = rule("  a: &x [k, l]\n  b: {F: *x, G: &y z, H: *y}\n  condition: b\n");
        assert_snapshot!(brief(&text), @"((F = 'k' or F = 'l') and G = 'z' and H = 'z')");
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place() {
        let wrong = [
            "a: *missing",
            "a: %x%",
            "a: @x",
            "a: `x`",
            "a: !x y",
            "a: [1, 2",
            "a: 'x",
            "a: \"C:\\Users\"",
            "\ta: 1",
            "a:\n\t- 1",
            "a: b: c",
            "a: 1\n b: 2",
            "a: &x [*x]",
            "{a: 1}: 2",
            "[a]: 2",
            "<<: {a: 1}",
            "a: {b: 1, c: 2, b: 3}",
        ];
        let told = |text: &&str| format!("{text:?}  =>  {}\n", brief(text));
        assert_snapshot!(wrong.iter().map(told).collect::<String>(), @r#"
        "a: *missing"  =>  yaml: invalid YAML: while parsing node, found unknown anchor AT * (a value that starts with `*` needs quotes: '*.exe')
        "a: %x%"  =>  yaml: invalid YAML: unexpected character: `%' AT % (a value that starts with `%` needs quotes)
        "a: @x"  =>  yaml: invalid YAML: unexpected character: `@' AT @ (a value that starts with `@` needs quotes)
        "a: `x`"  =>  yaml: invalid YAML: unexpected character: ``' AT ` (a value that starts with ``` needs quotes)
        "a: !x y"  =>  unknown-tag: a tag that rules do not have AT !x (a value that starts with `!` needs quotes)
        "a: [1, 2"  =>  yaml: invalid YAML: unclosed bracket '[' AT [
        "a: 'x"  =>  yaml: invalid YAML: unclosed quote AT '
        "a: \"C:\\Users\""  =>  yaml: invalid YAML: while parsing a quoted scalar, did not find expected hexadecimal number AT " (use single quotes: in double quotes a backslash starts a YAML escape)
        "\ta: 1"  =>  missing-field: a rule without `detection` AT a (add a key `detection`)
        "a:\n\t- 1"  =>  yaml: invalid YAML: tabs disallowed within this context (block indentation) AT - (indent with spaces)
        "a: b: c"  =>  yaml: invalid YAML: mapping values are not allowed in this context AT :
        "a: 1\n b: 2"  =>  yaml: invalid YAML: mapping values are not allowed in this context AT :
        "a: &x [*x]"  =>  yaml: an alias inside of what it stands for AT *x
        "{a: 1}: 2"  =>  yaml: a map as a key AT {a: 1} (a key is a text; one that starts with `{` or `[` needs quotes)
        "[a]: 2"  =>  yaml: a list as a key AT [a] (a key is a text; one that starts with `{` or `[` needs quotes)
        "<<: {a: 1}"  =>  merge-key: `<<` is not part of YAML 1.2 AT << (write the merged keys out)
        "a: {b: 1, c: 2, b: 3}"  =>  duplicate-key: the key `b` is here twice AT b (put the values into one list, or into two maps in a list)
        "#);
        assert!(brief("a: \u{0}").starts_with("yaml: invalid YAML: unexpected character"));
        assert_snapshot!(meaning("title: a\nlevel: low\ntitle: b\n"), @r"
        error[duplicate-key]: the key `title` is here twice
         --> rule.yml:3:1
          |
        1 | title: a
          | ----- first here
        2 | level: low
        3 | title: b
          | ^^^^^ again here
          |
          = help: put the values into one list, or into two maps in a list
        ");
    }

    #[test]
    fn files_that_are_no_text_are_told() {
        let told = |bytes: &[u8]| {
            let loaded = load([SourceText::new("f.yml", bytes)], &Options::default());
            loaded.render(false).trim_end().to_owned()
        };
        assert_snapshot!(told(b"title: a\nlevel: l\xF6w\n"), @r"
        error[not-utf8]: the file is not UTF-8 from here on
         --> f.yml:2:9
          |
        2 | level: l�w
          |         ^
          |
          = help: save the file in UTF-8
        ");
        assert_snapshot!(told(&vec![b'a'; 10 << 20]), @r"
        error[too-large]: a rule file may have 1048576 bytes (1 MiB), and this one has 10485760
         --> f.yml:1:1
          |
        1 | aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...
          | ^
          |
          = help: split the file
        ");
        assert_snapshot!(told(b"\xFF\xFEt\0"), @r"
        error[not-utf8]: the file is not UTF-8 from here on
         --> f.yml:1:1
          |
        1 | ��t␀
          | ^
          |
          = help: save the file in UTF-8
        ");
        assert_eq!(told(b""), "");
        assert_eq!(told(b"# nothing\n---\n---\n"), "");
    }

    #[test]
    fn hostile_files_are_refused_soon() {
        let bomb = |levels: usize| {
            let level = |at: usize| format!("b{}: &b{} [{}]\n", at + 1, at + 1, vec![format!("*b{at}"); 9].join(", "));
            format!("b0: &b0 [x, x]\n{}", (0..levels).map(level).collect::<String>())
        };
        for (text, code) in [
            (bomb(9), "too-many-aliases"),
            (format!("a: &a x\nb: [{}]\n", "*a, ".repeat(200)), "too-many-aliases"),
            (format!("a: &a '{}'\nb: [{}]\n", "x".repeat(500_000), "*a, ".repeat(90)), "too-many-aliases"),
            ("[".repeat(1_000_000), "too-deep"),
            ("{a: ".repeat(250_000), "too-deep"),
            ("- ".repeat(500_000), "too-deep"),
            ("? ".repeat(500_000), "too-deep"),
            ("- ".repeat(20) + &"[".repeat(20) + &"]".repeat(20), "too-deep"),
            ((0..1_000).map(|at| format!("{}a:\n", " ".repeat(at))).collect(), "too-deep"),
            (format!("[{}]", "x, ".repeat(300_000)), "too-large"),
            ("[\n---\n".repeat(150_000), "yaml"),
            ("x\n---\n".repeat(150_000), "wrong-type"),
            (format!("{{{}}}", (0..60_000).map(|at| format!("k{at}: 1, ")).collect::<String>()), "too-large"),
            ("!".repeat(1_000_000), "yaml"),
            ("%".repeat(1_000_000), "yaml"),
            ("#".repeat(1_000_000) + "\n[", "yaml"),
            (" ".repeat(1_000_000) + "[", "yaml"),
            ("&a ".repeat(300_000), "yaml"),
            ("a: ".repeat(300_000), "yaml"),
            ("\"".to_owned() + &"\\x41".repeat(250_000), "yaml"),
        ] {
            let loaded = load_text(&text);
            let found = loaded.diagnostics.first().map(|found| found.code);
            assert_eq!(found, Some(code), "{}", &text[..20]);
            assert!(loaded.ruleset.rules.is_empty());
        }
    }

    #[test]
    fn many_problems_are_told_once() {
        let loaded = load_text(&"[\n---\n".repeat(1_000));
        assert_eq!(loaded.diagnostics.len(), 101);
        assert_eq!(loaded.diagnostics.last().unwrap().code, "too-many-problems");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let loaded = load([SourceText::new("f", bytes)], &Options::default());
            let _ = loaded.render(true);
        }

        #[test]
        fn any_rule_is_read_or_refused(
            key in "[a-z|]{0,3}(\\|(contains|re|i|cidr|all|neq|base64offset|wide|windash|expand|gt|hour|fieldref|exists|cased)){0,4}",
            value in "[-/a%*?\\\\1.:(\\[{}\\])+é ]{0,12}|\\PC{0,8}|null|true|-?[0-9]{1,3}(\\.[0-9])?",
            quote in "'|\"|",
        ) {
            let text = rule(&format!("  s:\n    '{key}': {quote}{value}{quote}\n  condition: s\n"));
            let loaded = load_text(&text);
            let _ = loaded.render(false);
            prop_assert!(loaded.ruleset.rules.len() == 1 || !loaded.diagnostics.is_empty());
        }

        #[test]
        fn damaged_files_are_read_or_refused(cut in 0..300_usize, insert in "[-:|>&*!%@`'\"{}\\[\\],?#\n\t a\u{0}]{0,4}") {
            let good = rule("  s:\n    F|re: &x 'a.c'\n    G: [1, *x, {a: \"b\\x41\"}]\n  t: |\n    x\n  condition: s\n---\na: b\n");
            let cut = good.floor_char_boundary(cut.min(good.len()));
            let _ = load_text(&format!("{}{insert}{}", &good[..cut], &good[cut..])).render(false);
        }
    }
}
