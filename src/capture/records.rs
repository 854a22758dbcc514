//! Records of a capture format, read in blocks straight into a batch.

use super::batch::{Batch, Placed};
use super::{CaptureError, Cut, Source};
use std::io::{ErrorKind, Read};

/// How many bytes are asked of the input at once: with all that is made of them they stay in the second-level cache.
const READ: usize = 32 << 10;

/// What stands at the start of some bytes.
pub(super) enum Step {
    /// A record of `size` bytes that holds a frame; the frame's `start` counts from the record's first byte.
    Frame {
        /// The frame.
        frame: Placed,
        /// Of the whole record.
        size: usize,
    },
    /// A record of `size` bytes that holds no frame; it need not be here whole.
    Skip {
        /// Of the whole record.
        size: u64,
    },
    /// Only the beginning of a record that has at least `size` bytes.
    Partial {
        /// Of the record, as far as can be told; bounded by the format.
        size: usize,
    },
}

/// A capture format: told the bytes, it tells the records.
pub(super) trait Format: Send {
    /// What stands at the start of `bytes`.
    ///
    /// # Errors
    /// What is wrong with the record, in the format's own terms.
    fn step(&mut self, bytes: &[u8]) -> Result<Step, &'static str>;
}

/// The records of one input.
pub(super) struct Records<F> {
    input: Box<dyn Read + Send>,
    format: F,
    /// What was read and not yet walked over: less than one record, or what recognition has read.
    carry: Vec<u8>,
    /// How many bytes of a record without a frame are still to be passed over, and how many were.
    skip: u64,
    passed: u64,
    /// Where the next record starts in the input.
    offset: u64,
    /// The number of the next frame.
    number: u64,
    state: State,
}

/// How far reading has come.
enum State {
    Reading,
    /// The input is at its end; what is left over may be a cut.
    Ended(Option<Cut>),
    /// Something is wrong; told once, by the next [`Source::fill`].
    Failed(CaptureError),
}

impl<F: Format> Records<F> {
    /// The records of `input`, of which `carry` was read already; its first byte is number `offset` of the whole.
    pub(super) fn new(input: Box<dyn Read + Send>, format: F, carry: Vec<u8>, offset: u64) -> Self {
        Self { input, format, carry, skip: 0, passed: 0, offset, number: 1, state: State::Reading }
    }

    /// Walks over the whole records from `start` on, and moves it behind them; returns how many bytes must be
    /// read before it can go on.
    fn walk(&mut self, batch: &mut Batch, start: &mut usize) -> Result<usize, CaptureError> {
        loop {
            let bytes = batch.bytes_from(*start);
            let len = bytes.len();
            match self.format.step(bytes) {
                Ok(Step::Frame { mut frame, size }) => {
                    frame.start += *start;
                    batch.place(frame);
                    *start += size;
                    self.offset += size as u64;
                }
                Ok(Step::Skip { size }) => {
                    let here = size.min(len as u64);
                    *start += here as usize;
                    self.offset = self.offset.saturating_add(size);
                    if here < size {
                        (self.skip, self.passed) = (size - here, here);
                        return Ok(1);
                    }
                }
                Ok(Step::Partial { size }) => return Ok(size.saturating_sub(len).max(1)),
                Err(what) => return Err(CaptureError::Malformed { what, offset: self.offset }),
            }
        }
    }

    /// Reads once, at most `len` bytes, to the end of the batch, less the ones to be passed over; returns how
    /// many bytes came.
    fn read(&mut self, batch: &mut Batch, len: usize) -> std::io::Result<usize> {
        let room = batch.room(len);
        let count = loop {
            match self.input.read(room) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?.min(len),
            }
        };
        let passed = self.skip.min(count as u64);
        if passed > 0 {
            self.skip -= passed;
            self.passed += passed;
            room.copy_within(passed as usize..count, 0);
        }
        batch.keep(count - passed as usize);
        Ok(count)
    }

    /// What is left over at the end of the input; `early` when a packed stream broke off.
    fn left_over(&self, unwalked: usize, early: bool) -> Option<Cut> {
        let bytes = if self.skip > 0 { self.passed } else { unwalked as u64 };
        (bytes > 0 || early).then_some(Cut { bytes })
    }

    /// Fills the batch until it is full, the input has no more for now, or reading is over.
    fn advance(&mut self, batch: &mut Batch) -> State {
        let mut start = 0;
        // What was carried over, and holds whole frames, is handed on before more is waited for.
        let mut short = true;
        let state = loop {
            let want = match self.walk(batch, &mut start) {
                Ok(want) => want,
                Err(error) => break State::Failed(error),
            };
            // A pipe gives what there is: frames that are here are not held back until more come.
            if !batch.is_empty() && (short || batch.is_full()) {
                break State::Reading;
            }
            if batch.is_empty() {
                batch.forget(start);
                start = 0;
            }
            let asked = want.max(READ);
            match self.read(batch, asked) {
                Ok(0) => break State::Ended(self.left_over(batch.filled() - start, false)),
                Ok(count) => short = count < asked,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    break State::Ended(self.left_over(batch.filled() - start, true));
                }
                Err(error) => break State::Failed(error.into()),
            }
        };
        if matches!(state, State::Reading) {
            self.carry.extend_from_slice(batch.bytes_from(start));
        }
        state
    }
}

impl<F: Format> Source for Records<F> {
    fn fill(&mut self, batch: &mut Batch) -> Result<(), CaptureError> {
        batch.restart(self.number);
        if matches!(self.state, State::Reading) {
            batch.append(&self.carry);
            self.carry.clear();
            self.state = self.advance(batch);
            self.number = batch.next_number();
        }
        match std::mem::replace(&mut self.state, State::Ended(None)) {
            State::Failed(error) if batch.is_empty() => Err(error),
            state => {
                self.state = state;
                Ok(())
            }
        }
    }

    fn cut(&self) -> Option<Cut> {
        match self.state {
            State::Ended(cut) => cut,
            State::Reading | State::Failed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    /// A toy format: a length byte, then a frame; 0xFF begins a record of 300 bytes without a frame, 0xFE is wrong.
    struct Toy;

    impl Format for Toy {
        fn step(&mut self, bytes: &[u8]) -> Result<Step, &'static str> {
            let Some(&len) = bytes.first() else { return Ok(Step::Partial { size: 1 }) };
            let size = usize::from(len) + 1;
            match len {
                0xFF => Ok(Step::Skip { size: 300 }),
                0xFE => Err("wrong"),
                _ if bytes.len() < size => Ok(Step::Partial { size }),
                _ => {
                    let time = Timestamp::from_nanos(0);
                    let len = usize::from(len);
                    let frame = Placed { time, link: LinkType::Raw, wire_len: 0, start: 1, len };
                    Ok(Step::Frame { frame, size })
                }
            }
        }
    }

    /// An input that gives as many bytes at a time as `steps` say, over and over.
    struct Dribble(std::io::Cursor<Vec<u8>>, Vec<usize>, usize);

    impl Read for Dribble {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.2 += 1;
            let most = self.1[self.2 % self.1.len()].min(out.len());
            self.0.read(&mut out[..most])
        }
    }

    /// All frames, what is left over, and the error.
    fn read_all(bytes: &[u8], steps: Vec<usize>) -> (Vec<Vec<u8>>, Option<Cut>, Option<String>) {
        let input = Dribble(std::io::Cursor::new(bytes.to_vec()), steps, 0);
        let mut records = Records::new(Box::new(input), Toy, Vec::new(), 0);
        let mut batch = Batch::new();
        let mut frames = Vec::new();
        loop {
            let told = records.fill(&mut batch).err().map(|error| error.to_string());
            frames.extend(batch.frames().map(|frame| frame.bytes.to_vec()));
            if told.is_some() || batch.is_empty() {
                return (frames, records.cut(), told);
            }
        }
    }

    #[test]
    fn a_cut_tells_how_many_bytes_are_left_over() {
        assert_eq!(read_all(b"\x01a\x02bc", vec![100]), (vec![b"a".to_vec(), b"bc".to_vec()], None, None));
        assert_eq!(read_all(b"\x01a\x02b", vec![100]), (vec![b"a".to_vec()], Some(Cut { bytes: 2 }), None));
        let mut skipping = vec![0xFF; 299];
        assert_eq!(read_all(&skipping, vec![7]), (vec![], Some(Cut { bytes: 299 }), None));
        skipping.push(0);
        assert_eq!(read_all(&skipping, vec![7]), (vec![], None, None));
    }

    #[test]
    fn an_error_comes_after_the_frames_before_it_and_once() {
        let (frames, cut, told) = read_all(b"\x01a\x00\xFE\x01b", vec![100]);
        assert_eq!((frames, cut, told.as_deref()), (vec![b"a".to_vec(), vec![]], None, Some("wrong at byte 3")));
        let mut records = Records::new(Box::new(&b"\xFE"[..]), Toy, Vec::new(), 40);
        let mut batch = Batch::new();
        assert_eq!(records.fill(&mut batch).unwrap_err().to_string(), "wrong at byte 40");
        records.fill(&mut batch).unwrap();
        assert!(batch.is_empty());
    }

    #[test]
    fn records_without_frames_take_no_memory() {
        let mut input = Vec::new();
        for _ in 0..20_000 {
            input.push(0xFF);
            input.resize(input.len() + 299, 0);
        }
        input.extend(b"\x01a");
        let mut records = Records::new(Box::new(std::io::Cursor::new(input)), Toy, Vec::new(), 0);
        let mut batch = Batch::new();
        records.fill(&mut batch).unwrap();
        assert_eq!((batch.len(), batch.filled() <= 2 * READ), (1, true));
    }

    proptest! {
        #[test]
        fn how_the_input_dribbles_changes_nothing(
            bytes in proptest::collection::vec(any::<u8>(), 0..2_000),
            steps in proptest::collection::vec(1..400_usize, 1..5),
        ) {
            prop_assert_eq!(read_all(&bytes, steps), read_all(&bytes, vec![100_000]));
        }
    }
}
