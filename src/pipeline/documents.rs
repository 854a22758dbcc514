//! JSON that is not one object a line: arrays, and objects written over several lines, as the lines they could be.

use crate::record::LONGEST_LINE;
use memchr::memchr;
use std::io::{self, BufRead, Read};

/// A line without an end after so many bytes is handed on as it comes: no record is as long.
const LONGEST: usize = LONGEST_LINE + 1;

/// The lines of an input. Each object stands in the line that it began in, and those it was taken from are empty: numbers
/// of lines stay right.
pub(super) struct Documents {
    reader: Box<dyn BufRead + Send>,
    /// What was read after the last whole line.
    rest: Vec<u8>,
    mode: Mode,
    fold: Fold,
    /// An object that its line does not end, perhaps with blank lines after it, until the next line tells what it is.
    begun: Vec<u8>,
    out: Vec<u8>,
    at: usize,
    is_start: bool,
    /// Objects of arrays, and others over several lines.
    unfolded: [u64; 2],
}

/// How lines are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// One object each, or a row, or whatever else a line can be.
    Lines,
    /// The same, in the middle of a line that is too long.
    Long,
    /// The next line tells whether the object that began goes on.
    Begun,
    /// As parts of an array or of an object over several lines.
    Folded,
}

impl Documents {
    /// The lines of `reader`.
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self {
            reader,
            rest: Vec::new(),
            mode: Mode::Lines,
            fold: Fold::default(),
            begun: Vec::new(),
            out: Vec::new(),
            at: 0,
            is_start: true,
            unfolded: [0; 2],
        }
    }

    /// How many objects were in arrays and how many others over several lines, with names for the summary.
    pub(super) fn counters(&self) -> [(&'static str, u64); 2] {
        let [in_arrays, over_lines] = self.unfolded;
        [("objects in arrays", in_arrays), ("objects over several lines", over_lines)]
    }

    /// Takes the next bytes; whether there were any.
    fn step(&mut self) -> io::Result<bool> {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        let read = self.reader.fill_buf()?;
        let count = read.len();
        let mut buffer = std::mem::take(&mut self.rest);
        buffer.extend_from_slice(read);
        self.reader.consume(count);
        let mut start = 0;
        while let Some(end) = memchr(b'\n', buffer.get(start..).unwrap_or_default()) {
            let mut line = buffer.get(start..=start + end).unwrap_or_default();
            if std::mem::take(&mut self.is_start) {
                line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
            }
            self.line(line);
            start += end + 1;
        }
        buffer.drain(..start);
        if count == 0 {
            self.line(buffer.strip_prefix(BYTE_ORDER_MARK).filter(|_| self.is_start).unwrap_or(&buffer));
            self.out.append(&mut self.begun);
        } else if buffer.len() > LONGEST {
            self.long(&buffer);
        } else {
            self.rest = buffer;
        }
        Ok(count > 0)
    }

    /// Takes a whole line, or the last one.
    fn line(&mut self, line: &[u8]) {
        let text = line.trim_ascii();
        match self.mode {
            Mode::Lines => match (text.first(), text.last()) {
                (Some(b'['), _) if begins_array(text) => self.enter(line),
                (Some(b'{'), Some(last)) if *last != b'}' => {
                    self.begun.extend_from_slice(line);
                    self.mode = Mode::Begun;
                }
                _ => self.out.extend_from_slice(line),
            },
            Mode::Long => {
                self.out.extend_from_slice(line);
                self.mode = Mode::Lines;
            }
            Mode::Begun if text.is_empty() && self.begun.len() < LONGEST => self.begun.extend_from_slice(line),
            Mode::Begun => {
                let begun = std::mem::take(&mut self.begun);
                if goes_on(&begun, text) {
                    self.enter(&begun);
                } else {
                    self.out.extend_from_slice(&begun);
                    self.mode = Mode::Lines;
                }
                self.line(line);
            }
            Mode::Folded => {
                if self.fold.depth > 0 && line.starts_with(b"{") && is_whole(text) {
                    self.fold.cut(&mut self.out);
                }
                self.folded(line);
            }
        }
    }

    /// Takes the first line of an array or of an object over several lines.
    fn enter(&mut self, line: &[u8]) {
        self.mode = Mode::Folded;
        self.folded(line);
    }

    fn folded(&mut self, bytes: &[u8]) {
        let place = usize::from(!self.fold.in_array && !bytes.trim_ascii_start().starts_with(b"["));
        self.fold.take(bytes, &mut self.out);
        if let Some(count) = self.unfolded.get_mut(place) {
            *count += std::mem::take(&mut self.fold.objects);
        }
        if self.fold.is_over() {
            self.mode = Mode::Lines;
        }
    }

    /// Takes the beginning or the middle of a line that is too long to be looked at.
    fn long(&mut self, bytes: &[u8]) {
        match self.mode {
            Mode::Folded => self.folded(bytes),
            _ => {
                self.out.append(&mut self.begun);
                self.out.extend_from_slice(bytes);
                self.mode = Mode::Long;
            }
        }
    }
}

/// Whether a line that begins with a bracket begins an array of objects.
fn begins_array(text: &[u8]) -> bool {
    let rest = text.get(1..).unwrap_or_default().trim_ascii_start();
    matches!(rest.first(), Some(b'{' | b']') | None)
}

/// Whether an object that its line does not end goes on in the next one, or was cut.
fn goes_on(begun: &[u8], next: &[u8]) -> bool {
    let mut fold = Fold::default();
    fold.take(begun.trim_ascii(), &mut Vec::new());
    let next = next.first().copied().unwrap_or_default();
    let value = matches!(next, b'"' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n');
    fold.depth > 0
        && fold.text == Text::Outside
        && match begun.trim_ascii_end().last() {
            Some(b'{' | b',') => matches!(next, b'"' | b'}'),
            Some(b'[') => value || next == b']',
            Some(b':') => value,
            _ => matches!(next, b',' | b'}' | b']'),
        }
}

/// Whether a line is an object by itself.
fn is_whole(text: &[u8]) -> bool {
    let mut fold = Fold::default();
    fold.take(text.strip_suffix(b",").unwrap_or(text), &mut Vec::new());
    fold.depth == 0 && !fold.stray && fold.objects == 1
}

impl Read for Documents {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Documents {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at >= self.out.len() {
            self.out.clear();
            self.at = 0;
            if !self.step()? {
                break;
            }
        }
        Ok(self.out.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

/// Where a byte of an object stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    /// After a backslash.
    Escaped,
}

/// Where in the documents a reader is.
#[derive(Debug, Default)]
struct Fold {
    /// How many braces and brackets are open since the object began.
    depth: usize,
    text: Text,
    /// Line ends that were left out of the object so far, less those that were put between objects of one line.
    owed: i64,
    /// Something that is no object, until its line ends.
    stray: bool,
    /// Whether an array around objects is open.
    in_array: bool,
    /// How many objects began.
    objects: u64,
}

impl Fold {
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            if *byte == b'\n' {
                self.line_end(out);
            } else if self.depth == 0 {
                self.between(*byte, out);
            } else {
                self.inside(*byte, out);
            }
        }
    }

    fn line_end(&mut self, out: &mut Vec<u8>) {
        if self.depth > 0 {
            // No text of JSON goes over a line end: this one was never closed.
            self.text = Text::Outside;
            self.owed += 1;
            out.push(b' ');
            return;
        }
        if self.stray || self.owed >= 0 {
            out.push(b'\n');
        } else {
            self.owed += 1;
        }
        self.stray = false;
    }

    fn between(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'{' if !self.stray => {
                self.depth = 1;
                self.objects += 1;
                out.push(byte);
            }
            b'[' | b']' if !self.stray => self.in_array = byte == b'[',
            b',' if !self.stray => {}
            byte if byte.is_ascii_whitespace() && !self.stray => {}
            byte => {
                self.stray = true;
                out.push(byte);
            }
        }
    }

    fn inside(&mut self, byte: u8, out: &mut Vec<u8>) {
        out.push(byte);
        match (self.text, byte) {
            (Text::Escaped, _) => self.text = Text::Inside,
            (Text::Inside, b'\\') => self.text = Text::Escaped,
            (Text::Inside, b'"') => self.text = Text::Outside,
            (Text::Inside, _) => {}
            (Text::Outside, b'"') => self.text = Text::Inside,
            (Text::Outside, b'{' | b'[') => self.depth += 1,
            (Text::Outside, b'}' | b']') => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.object_end(out);
                }
            }
            (Text::Outside, _) => {}
        }
    }

    /// Ends an object that was never closed.
    fn cut(&mut self, out: &mut Vec<u8>) {
        (self.depth, self.text) = (0, Text::Outside);
        self.object_end(out);
    }

    /// Whether what comes next has nothing to do with what came before.
    const fn is_over(&self) -> bool {
        self.depth == 0 && !self.in_array
    }

    /// One line end ends the object's line, the others make up for the lines it was taken from.
    fn object_end(&mut self, out: &mut Vec<u8>) {
        out.push(b'\n');
        self.owed -= 1;
        while self.owed > 0 {
            out.push(b'\n');
            self.owed -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unfolded(text: &str) -> Vec<(usize, String)> {
        let mut out = String::new();
        let reader = Box::new(io::Cursor::new(text.as_bytes().to_vec()));
        Documents::new(reader).read_to_string(&mut out).unwrap();
        let lines = out.lines().enumerate().map(|(at, line)| (at + 1, line.trim().to_owned()));
        lines.filter(|(_, line)| !line.is_empty()).collect()
    }

    #[test]
    fn objects_stand_where_they_began() {
        for (text, expected) in [
            ("{\"a\":1}\n{\"b\":[\n", vec![(1, "{\"a\":1}"), (2, "{\"b\":[")]),
            ("[{\"a\":1},{\"b\":2}]\n", vec![(1, "{\"a\":1}"), (2, "{\"b\":2}")]),
            ("[\n{\"a\":1},\n{\"b\":2}\n]\n", vec![(2, "{\"a\":1}"), (3, "{\"b\":2}")]),
            ("{\n \"a\": \"}\\\"\"\n}\n{\n \"b\": []\n}\n", vec![(1, "{  \"a\": \"}\\\"\" }"), (4, "{  \"b\": [] }")]),
            ("[{\"a\":\n1},{\"b\":2},\n{\"c\":3}]", vec![(1, "{\"a\": 1}"), (2, "{\"b\":2}"), (3, "{\"c\":3}")]),
            ("[\n1,\n{\"a\":1}]", vec![(2, "1,"), (3, "{\"a\":1}")]),
            // Lines, an array, an object over several lines, lines.
            (
                "{\"a\":1}\nx,y\n[\n{\"b\":2},\n{\"c\":3}\n]\n{\n \"d\": {}\n}\n\n{\"e\":5}\n[{\"f\":6}]\nz\n",
                vec![
                    (1, "{\"a\":1}"),
                    (2, "x,y"),
                    (4, "{\"b\":2}"),
                    (5, "{\"c\":3}"),
                    (7, "{  \"d\": {} }"),
                    (11, "{\"e\":5}"),
                    (12, "{\"f\":6}"),
                    (13, "z"),
                ],
            ),
            // A cut line, or object, costs no more than itself.
            ("{\"a\":\"x\n{\"b\":2}\n", vec![(1, "{\"a\":\"x"), (2, "{\"b\":2}")]),
            ("{\"a\":[1,\ntext, text\n{\"b\":2}\n", vec![(1, "{\"a\":[1,"), (2, "text, text"), (3, "{\"b\":2}")]),
            ("{\n \"a\": [\n{\"b\":2}\n{\"c\":3}\n", vec![(1, "{  \"a\": ["), (3, "{\"b\":2}"), (4, "{\"c\":3}")]),
            ("[\n{\"a\":", vec![(2, "{\"a\":")]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(at, line)| (at, line.to_owned())).collect();
            assert_eq!(unfolded(text), expected, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn any_bytes_in_any_pieces_unfold_alike(bytes in proptest::collection::vec(prop_oneof![
            Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b'\\'), Just(b'\n'), Just(b','), any::<u8>()
        ], 0..200), size in 1_usize..16) {
            let all = |size| {
                let mut out = Vec::new();
                let reader = io::BufReader::with_capacity(size, io::Cursor::new(bytes.clone()));
                Documents::new(Box::new(reader)).read_to_end(&mut out).unwrap();
                out
            };
            let out = all(1_000);
            prop_assert_eq!(&out, &all(size));
            // Nothing is lost but what stands around objects.
            let kept = |bytes: &[u8]| {
                let around = |byte: &&u8| !matches!(**byte, b'[' | b']' | b',') && !byte.is_ascii_whitespace();
                bytes.iter().filter(around).copied().collect::<Vec<_>>()
            };
            let without_mark = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
            prop_assert_eq!(kept(&out), kept(without_mark));
        }

        #[test]
        fn objects_are_found_however_they_are_written(forms in proptest::collection::vec(0_usize..5, 0..12)) {
            let mut text = String::new();
            for (number, form) in forms.iter().enumerate() {
                text += &match form {
                    0 => format!("{{\"a\":{number}}}\n"),
                    1 => format!("{{\n  \"a\": {number}\n}}\n"),
                    2 => format!("[\n  {{\"a\":{number}}}\n]\n"),
                    3 => format!("[{{\n  \"a\":\n{number}}}]\n"),
                    _ => format!("[\n{{\n\"a\":{number}\n}}\n]\n\n"),
                };
            }
            let found: Vec<String> =
                unfolded(&text).iter().map(|(_, line)| line.chars().filter(|c| !c.is_whitespace()).collect()).collect();
            let expected: Vec<String> = (0..forms.len()).map(|number| format!("{{\"a\":{number}}}")).collect();
            prop_assert_eq!(found, expected, "{}", text);
        }
    }
}
