//! Moments as JSON texts: what is the same for all moments of a second is worked out once.

use super::digits;
use crate::time::Timestamp;

/// The text of the last moment, `"2023-11-14T22:13:20.000000000Z"`.
#[derive(Default)]
pub(super) struct Dial {
    second: Option<i64>,
    text: [u8; 32],
}

/// Where the nanoseconds begin.
const FRACTION: usize = 21;

impl Dial {
    /// Appends a moment's text.
    pub(super) fn write(&mut self, time: Timestamp, out: &mut Vec<u8>) {
        if self.second != Some(time.second()) {
            self.turn(time);
        }
        let start = out.len();
        out.extend_from_slice(&self.text);
        if let Some(room) = out.get_mut(start + FRACTION..).and_then(<[u8]>::first_chunk_mut) {
            *room = digits::nanos(time.nanosecond());
        }
    }

    #[cold]
    fn turn(&mut self, time: Timestamp) {
        self.second = Some(time.second());
        self.text = [b'"'; 32];
        self.text.iter_mut().skip(1).zip(time.rfc3339()).for_each(|(to, from)| *to = from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_moment_reads_as_it_does_without_memory(nanos in prop::collection::vec(any::<i64>(), 4), apart in 0..3_000_000_000_i64) {
            let mut dial = Dial::default();
            for nanos in nanos {
                for time in [nanos, nanos.saturating_add(apart)].map(Timestamp::from_nanos) {
                    let mut out = b"x".to_vec();
                    dial.write(time, &mut out);
                    prop_assert_eq!(String::from_utf8(out).unwrap(), format!("x\"{time}\""));
                }
            }
        }
    }
}
