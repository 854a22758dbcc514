//! Values that need not be told again.
//!
//! Who asks whom is the same for thousands of hits. A lane gives the values of such a hit a sign and tells them once; the
//! ordered side keeps what a sign means, and where in each correlation it counts, until the lane gives it another meaning.

use crate::detect::{RuleIx, Seats};
use crate::record::Ends;

/// Signs of a lane. One that is needed for something else is told anew.
const SIGNS: usize = 1 << 12;

/// Stands for the values of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sign {
    lane: u16,
    number: u16,
}

/// The signs of one lane.
#[derive(Debug)]
pub(super) struct Shorthand {
    lane: u16,
    meanings: Vec<Option<(Ends, RuleIx)>>,
}

impl Shorthand {
    /// No sign has a meaning yet.
    pub(super) fn new(lane: usize) -> Self {
        Self { lane: lane as u16, meanings: vec![None; SIGNS] }
    }

    /// The sign for what hits of `rule` between these ends carry, and whether it has just got this meaning.
    #[inline]
    pub(super) fn sign(&mut self, ends: Ends, rule: RuleIx) -> (Sign, bool) {
        let number = (ends.mixed(rule.0) % SIGNS as u64) as u16;
        let sign = Sign { lane: self.lane, number };
        let Some(meaning) = self.meanings.get_mut(usize::from(number)) else { return (sign, true) };
        let is_new = *meaning != Some((ends, rule));
        *meaning = Some((ends, rule));
        (sign, is_new)
    }
}

/// What signs mean.
#[derive(Debug, Default)]
pub(super) struct Glossary {
    lanes: Vec<Vec<Meaning>>,
}

/// Values, and where they count.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// As they were told.
    pub(super) values: Vec<u8>,
    /// Their groups.
    pub(super) seats: Seats,
}

impl Glossary {
    /// Gives a sign the meaning of these values, if there are any: its last meaning.
    pub(super) fn read(&mut self, sign: Sign, values: &[u8]) -> &mut Meaning {
        let lane = usize::from(sign.lane);
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, Vec::new);
        }
        let meanings = &mut self.lanes[lane];
        if meanings.is_empty() {
            meanings.resize_with(SIGNS, Meaning::default);
        }
        let meaning = &mut meanings[usize::from(sign.number) % SIGNS];
        if !values.is_empty() {
            meaning.values.clear();
            meaning.values.extend_from_slice(values);
            meaning.seats.clear();
        }
        meaning
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever hits come, each is read as it was meant.
        #[test]
        fn what_is_read_is_what_was_meant(hits in prop::collection::vec((0_usize..3, any::<u8>(), 0_u32..64), 1..3_000)) {
            let mut lanes = [0, 1, 2].map(Shorthand::new);
            let mut glossary = Glossary::default();
            for (lane, host, rule) in hits {
                let ends = Ends::between([10, 0, 0, host].into(), [10, 0, 1, host % 4].into(), Some(host / 2)).unwrap();
                let values = [&[host][..], &rule.to_le_bytes()].concat();
                let (sign, is_new) = lanes[lane].sign(ends, RuleIx(rule));
                let told = if is_new { &values[..] } else { &[] };
                prop_assert_eq!(&glossary.read(sign, told).values, &values);
            }
        }
    }
}
