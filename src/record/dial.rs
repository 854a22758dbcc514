//! Moments as JSON texts: what is the same for all moments of a second is worked out once.

use super::digits;
use super::pen::Pen;
use crate::time::{Span, Timestamp};

/// The text of the last moment's second, `"2023-11-14T22:13:20.`.
#[derive(Default)]
pub(super) struct Dial {
    /// When the second began.
    second: Option<Timestamp>,
    text: [u8; 32],
}

/// Where the nanoseconds begin.
const FRACTION: usize = 21;

impl Dial {
    /// Writes a moment's text. Inlined, so that the pen's place is no place in memory.
    #[inline(always)]
    pub(super) fn write(&mut self, time: Timestamp, pen: &mut Pen<'_>) {
        const SECOND: i64 = Span::from_secs(1).nanos();
        let since = match self.second.map(|second| time.since(second).nanos()) {
            Some(since @ 0..SECOND) => since as u32,
            _ => self.turn(time),
        };
        let (digits, last) = digits::nanos(since);
        pen.stamp(&self.text, FRACTION);
        pen.text(&digits);
        pen.text(&[last, b'Z', b'"']);
    }

    /// Turns to another second; gives the nanoseconds since it began.
    #[cold]
    fn turn(&mut self, time: Timestamp) -> u32 {
        let since = time.nanosecond();
        self.second = time.nanos().checked_sub(since.into()).map(Timestamp::from_nanos);
        self.text = [b'"'; 32];
        self.text.iter_mut().skip(1).zip(time.rfc3339()).for_each(|(to, from)| *to = from);
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::pen::PAGE;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_moment_reads_as_it_does_without_memory(nanos in prop::collection::vec(any::<i64>(), 4), apart in 0..3_000_000_000_i64) {
            let mut dial = Dial::default();
            for nanos in nanos {
                for time in [nanos, nanos.saturating_add(apart)].map(Timestamp::from_nanos) {
                    let (mut page, mut out) = ([0; PAGE], b"x".to_vec());
                    let mut pen = Pen::new(&mut page, &mut out);
                    dial.write(time, &mut pen);
                    pen.lift();
                    prop_assert_eq!(String::from_utf8(out).unwrap(), format!("x\"{time}\""));
                }
            }
        }
    }
}
