//! Standard input that can be given up: a read that waits for more must not keep Ctrl-C from ending the run.

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How much is read at once.
const PIECE: usize = 256 << 10;

/// How many pieces may wait.
const WAITING: usize = 4;

/// How often it is asked whether the run should end.
const ASK: Duration = Duration::from_millis(100);

/// Standard input, read by a thread of its own. Once `stop` is set it is at its end.
pub(super) struct Piped {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
    stop: Arc<AtomicBool>,
}

impl Piped {
    /// Begins to read.
    pub(super) fn stdin(stop: Arc<AtomicBool>) -> Self {
        let (to_reader, pieces) = bounded(WAITING);
        // The thread ends with the input, with its reader, or with the process: nobody has to wait for it.
        thread::spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut piece = vec![0; PIECE];
                let read = stdin.read(&mut piece).map(|count| {
                    piece.truncate(count);
                    piece
                });
                let last = read.as_ref().map_or(true, Vec::is_empty);
                if to_reader.send(read).is_err() || last {
                    break;
                }
            }
        });
        Self { pieces, piece: io::Cursor::default(), stop }
    }
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.pieces.recv_timeout(ASK) {
                Ok(piece) => self.piece = io::Cursor::new(piece?),
                Err(RecvTimeoutError::Timeout) if !self.stop.load(Ordering::Relaxed) => continue,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(0),
            }
            if self.piece.get_ref().is_empty() {
                return Ok(0);
            }
        }
    }
}
