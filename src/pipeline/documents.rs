//! JSON that is not one object a line: arrays, and objects written over several lines, as the lines they could be.

use std::io::{self, BufRead, BufReader, Read};

/// How much is unfolded at once.
const PIECE: usize = 64 << 10;

/// The lines of `reader`. An array or an object of several lines at its start says how all of it is written; then each
/// object stands in the line that it began in, and those it was taken from are empty: numbers of lines stay right.
///
/// # Errors
/// When its first bytes cannot be read.
pub(super) fn unfold(mut reader: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
    let start = reader.fill_buf()?;
    if is_folded(start) {
        let mark = if start.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        reader.consume(mark);
        return Ok(Box::new(BufReader::new(Documents { reader, fold: Fold::default(), out: Vec::new(), at: 0 })));
    }
    Ok(reader)
}

/// Whether an input begins with an array or with an object that the first line does not end.
fn is_folded(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
    let mut lines = start.splitn(2, |byte| *byte == b'\n');
    let (Some(first), rest) = (lines.next(), lines.next()) else { return false };
    match first.first() {
        Some(b'[') => true,
        // A line without an end may yet end well.
        Some(b'{') if rest.is_some_and(|rest| !rest.trim_ascii_start().starts_with(b"{")) => {
            let mut fold = Fold::default();
            fold.take(first, &mut Vec::new());
            fold.depth > 0
        }
        _ => false,
    }
}

/// Where in the documents a reader is.
#[derive(Debug, Default)]
struct Fold {
    /// How many braces and brackets are open since the object began.
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// Line ends that were left out of the object so far, less those that were put between objects of one line.
    owed: i64,
    /// Something that is no object, until its line ends.
    stray: bool,
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
            (self.in_text, self.escaped) = (false, false);
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
                out.push(byte);
            }
            b'[' | b']' | b',' if !self.stray => {}
            byte if byte.is_ascii_whitespace() && !self.stray => {}
            byte => {
                self.stray = true;
                out.push(byte);
            }
        }
    }

    fn inside(&mut self, byte: u8, out: &mut Vec<u8>) {
        out.push(byte);
        if self.in_text {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.object_end(out);
                }
            }
            _ => {}
        }
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

/// Reads documents as lines.
struct Documents {
    reader: Box<dyn BufRead + Send>,
    fold: Fold,
    out: Vec<u8>,
    at: usize,
}

impl Read for Documents {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() {
            self.out.clear();
            self.at = 0;
            let read = self.reader.fill_buf()?;
            if read.is_empty() {
                return Ok(0);
            }
            let piece = read.get(..PIECE).unwrap_or(read);
            self.fold.take(piece, &mut self.out);
            let count = piece.len();
            self.reader.consume(count);
        }
        let mut rest = self.out.get(self.at..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unfolded(text: &str) -> Vec<(usize, String)> {
        let mut out = String::new();
        let reader = Box::new(io::Cursor::new(text.as_bytes().to_vec()));
        unfold(reader).unwrap().read_to_string(&mut out).unwrap();
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
            ("[1,\n{\"a\":1}]", vec![(1, "1,"), (2, "{\"a\":1}")]),
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
            let all = |pieces: &mut dyn Iterator<Item = &[u8]>| {
                let (mut fold, mut out) = (Fold::default(), Vec::new());
                pieces.for_each(|piece| fold.take(piece, &mut out));
                out
            };
            prop_assert_eq!(all(&mut std::iter::once(bytes.as_slice())), all(&mut bytes.chunks(size)));
        }
    }
}
