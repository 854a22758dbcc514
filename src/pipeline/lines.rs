//! Stored logs, from lines to alerts.

use super::RunError;
use super::captures::Run;
use super::documents::Documents;
use super::engine::Engine;
use super::evidence::{Evidence, Order, Phase, Problems};
use super::join::Joiner;
use super::judge::Judge;
use super::rows::Rows;
use super::spread::{Deal, Feed, Go, Work, spread};
use super::summary::{Room, Summary};
use crate::detect::Input;
use crate::record::LONGEST_LINE;
use crate::record::foreign::is_header;
use crate::sink::Sink;
use memchr::{memchr, memchr_iter, memrchr};
use std::io::{self, BufRead};
use std::sync::Arc;

/// About how many bytes of lines are handed on at once.
const CHUNK: usize = 1 << 20;

/// A line without an end after so many bytes is not read: no record is as long.
const LONGEST: usize = if LONGEST_LINE > CHUNK { LONGEST_LINE } else { CHUNK };

/// Whole lines.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    first: u64,
    /// Lines that were too long to be kept, by number.
    too_long: Vec<u64>,
}

/// A log, cut into chunks of whole lines.
pub(super) struct Lines {
    reader: Documents,
    /// What was read after the last whole line.
    rest: Vec<u8>,
    /// The number of the next line, counted from 1.
    next: u64,
}

impl Lines {
    /// The lines of `reader`.
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader: Documents::new(reader), rest: Vec::new(), next: 1 }
    }

    fn fill(&mut self, chunk: &mut Chunk) -> io::Result<bool> {
        chunk.bytes.clear();
        chunk.too_long.clear();
        chunk.first = self.next;
        chunk.bytes.append(&mut self.rest);
        loop {
            let read = self.reader.fill_buf()?;
            if read.is_empty() {
                break;
            }
            let len = read.len();
            chunk.bytes.extend_from_slice(read);
            self.reader.consume(len);
            if chunk.bytes.len() < CHUNK {
                continue;
            }
            if let Some(end) = memrchr(b'\n', &chunk.bytes) {
                self.rest.extend_from_slice(chunk.bytes.get(end + 1..).unwrap_or_default());
                chunk.bytes.truncate(end + 1);
                break;
            }
            if chunk.bytes.len() > LONGEST {
                self.skip_line()?;
                chunk.bytes.clear();
                chunk.too_long.push(chunk.first);
                self.next += 1;
                return Ok(true);
            }
        }
        let unfinished = u64::from(chunk.bytes.last().is_some_and(|last| *last != b'\n'));
        self.next += memchr_iter(b'\n', &chunk.bytes).count() as u64 + unfinished;
        Ok(!chunk.bytes.is_empty())
    }

    /// Reads on to the start of the next line.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let read = self.reader.fill_buf()?;
            if read.is_empty() {
                return Ok(());
            }
            let end = memchr(b'\n', read);
            let len = end.map_or(read.len(), |end| end + 1);
            self.reader.consume(len);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

impl Feed<Chunk> for Lines {
    fn next(&mut self, chunk: &mut Chunk) -> Result<bool, RunError> {
        self.fill(chunk).map_err(RunError::Input)
    }
}

/// Reads the lines of chunks.
struct Reader {
    judge: Judge,
    lines: u64,
}

impl Work for Reader {
    type Batch = Chunk;

    fn run(&mut self, chunk: &Chunk, evidence: &mut Evidence) {
        // By the chunk, so that it does not depend on which worker reads it.
        self.judge.restart_clock();
        for number in &chunk.too_long {
            evidence.problems.note(*number, format!("a line of more than {LONGEST} bytes"));
        }
        let text = chunk.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&chunk.bytes);
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            self.lines += 1;
            let order = Order { number: chunk.first + index as u64, phase: Phase::Frame, shard: 0 };
            self.judge.line(line, order, evidence);
        }
        evidence.reached = self.judge.reached();
    }
}

impl Run<'_> {
    /// Runs a log of JSON lines to its end.
    ///
    /// # Errors
    /// When it cannot be read (what came before is handed over) or the sink cannot be written.
    pub fn log(&mut self, input: Input, reader: Box<dyn BufRead + Send>, sink: &mut dyn Sink) -> Result<(), RunError> {
        self.close_captures(sink).map_err(RunError::Output)?;
        let name = Arc::clone(&input.name);
        let input = self.engine.begin(input);
        let Self { plan, threads, progress, engine, .. } = self;
        let worker = || Reader { judge: Judge::new(Arc::clone(plan)), lines: 0 };
        let workers = (0..*threads).map(|_| worker()).collect();
        let mut joiner = Joiner::new(plan, input);
        joiner.remember(engine.lend_past());
        let mut problems = Problems::default();
        let mut lines = Lines::new(reader);
        let ran = spread(&mut lines, workers, Deal::ToOne, &mut |_, evidence| {
            for evidence in evidence {
                problems.merge(&evidence.problems);
                hand_over(input, evidence, &mut joiner, &mut problems, engine, sink)?;
            }
            sink.flush().map_err(RunError::Output)?;
            if let Some(learned) = engine.take_learned() {
                progress.learned(&learned);
            }
            progress.step();
            Ok(if progress.stopped() { Go::Stop } else { Go::On })
        });
        let (workers, read) = match ran {
            Ok(done) => done,
            Err(error) => {
                // What was learned before a line that nothing can be made of is kept.
                engine.keep_past(joiner.give_back());
                return Err(error);
            }
        };
        for worker in &workers {
            worker.report(engine.summary());
        }
        let unfolded = lines.reader.counters();
        let rest = joiner.end(&mut problems, lines.next.saturating_sub(1));
        tell_joined(input, rest, engine, &mut Rows::new(sink, engine.prints_records())).map_err(RunError::Output)?;
        joiner.report(engine.summary());
        engine.keep_past(joiner.give_back());
        let lines: u64 = workers.iter().map(|worker| worker.lines).sum();
        if let (true, Some((line, reason))) = (lines > 0 && problems.count == lines, problems.first.first()) {
            return Err(RunError::NotALog { line: *line, reason: reason.clone() });
        }
        let summary = engine.summary();
        summary.warn_of(&name, &problems);
        summary.count(Room::Log, [("unreadable lines", problems.count)]);
        summary.count(Room::Log, unfolded);
        read
    }
}

/// Gives the evidence of one chunk to the engine; what has to be joined goes through `joiner` first.
fn hand_over(
    input: u32,
    evidence: &Evidence,
    joiner: &mut Joiner,
    problems: &mut Problems,
    engine: &mut Engine,
    sink: &mut dyn Sink,
) -> Result<(), RunError> {
    let mut rows = Rows::new(sink, engine.prints_records());
    for entry in evidence.entries() {
        if !entry.to_join {
            rows.take(evidence, entry).map_err(RunError::Output)?;
            engine.observe(input, evidence, entry, &mut rows).map_err(RunError::Output)?;
            continue;
        }
        let joined = joiner.join(evidence.object_of(entry), entry.number, problems);
        let joined = joined.map_err(|reason| RunError::Header { line: entry.number, reason })?;
        engine.learn(joined);
        tell_joined(input, joined, engine, &mut rows).map_err(RunError::Output)?;
    }
    follow(evidence, engine, &mut rows).map_err(RunError::Output)?;
    rows.hand_on().map_err(RunError::Output)
}

/// Gives what lines were joined to, which will not be there for long.
fn tell_joined(input: u32, joined: &Evidence, engine: &mut Engine, rows: &mut Rows<'_>) -> io::Result<()> {
    for entry in joined.entries() {
        rows.take_now(joined.line_of(entry))?;
        engine.observe(input, joined, entry, rows)?;
    }
    follow(joined, engine, rows)
}

/// Lets the engine take the time that lines have reached, also those that no rule found.
fn follow(evidence: &Evidence, engine: &mut Engine, sink: &mut dyn Sink) -> io::Result<()> {
    evidence.reached.map_or(Ok(()), |time| engine.follow(time, sink))
}

impl Reader {
    fn report(&self, summary: &mut Summary) {
        summary.lines += self.lines;
        self.judge.report(summary);
    }
}

/// Whether an input that starts so is a log of JSON lines, perhaps of blank ones only.
#[must_use]
pub fn looks_like_json_lines(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    matches!(start.trim_ascii_start().first(), Some(b'{') | None)
}

/// Whether an input that starts so is a log: JSON lines, an array, or a table with a header, perhaps after comments.
#[must_use]
pub fn looks_like_a_log(start: &[u8]) -> bool {
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
    let array = text.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    let lines = text.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    looks_like_json_lines(start) || array.is_some_and(|rest| matches!(rest.first(), Some(b'{' | b']') | None)) || {
        lines
    }
    .any(|line| is_header(&String::from_utf8_lossy(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(text: Vec<u8>) -> Vec<(u64, usize, usize)> {
        let mut lines = Lines::new(Box::new(io::BufReader::new(io::Cursor::new(text))));
        let mut chunk = Chunk::default();
        let mut all = Vec::new();
        while lines.fill(&mut chunk).unwrap() {
            all.push((chunk.first, chunk.bytes.len(), chunk.too_long.len()));
        }
        all
    }

    #[test]
    fn chunks_end_at_line_ends_and_know_their_line_numbers() {
        let line = vec![b'x'; 400_000];
        let text = [line.as_slice(), &line, &line, &line, b"last"].join(&b'\n');
        let found = chunks(text);
        let firsts: Vec<u64> = found.iter().map(|(first, ..)| *first).collect();
        assert_eq!(firsts[0], 1);
        assert_eq!(found.iter().map(|(_, len, _)| len).sum::<usize>(), 4 * 400_001 + 4);
        assert!(firsts.len() > 1 && firsts.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_line_too_long_is_left_out_and_the_next_one_is_read() {
        let mut text = vec![b'x'; LONGEST + 3 * CHUNK];
        text.extend_from_slice(b"\n{}\n");
        assert_eq!(chunks(text), [(1, 0, 1), (2, 3, 0)]);
    }
}
