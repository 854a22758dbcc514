//! Which values travel with a hit? Those that correlations, scores and alerts asked for when rules were loaded.

use super::RuleIx;
use super::value::{self, Value, encode};
use crate::record::{Facts, Slot};
use std::ops::Range;

/// For each rule, the slots whose values its hits carry.
#[derive(Clone, Debug, Default)]
pub struct Carry {
    /// What all of them carry first.
    common: Vec<Slot>,
    rules: Vec<Vec<Slot>>,
}

impl Carry {
    /// Nothing asked for yet, for so many rules.
    #[must_use]
    pub fn new(rules: usize) -> Self {
        Self::with_common(rules, &[])
    }

    /// The values of these slots, which differ from one another, are carried by hits of all of so many rules, at the same
    /// places.
    #[must_use]
    pub fn with_common(rules: usize, common: &[Slot]) -> Self {
        Self { common: common.to_vec(), rules: vec![common.to_vec(); rules] }
    }

    /// Asks that hits of `rule` carry the value of `slot`; returns its place among the values. `None` for a rule that
    /// is not there.
    pub fn want(&mut self, rule: RuleIx, slot: Slot) -> Option<usize> {
        let slots = self.rules.get_mut(rule.0 as usize)?;
        Some(slots.iter().position(|known| *known == slot).unwrap_or_else(|| {
            slots.push(slot);
            slots.len() - 1
        }))
    }

    /// What hits of `rule` carry, in order.
    #[must_use]
    pub fn slots(&self, rule: RuleIx) -> &[Slot] {
        self.rules.get(rule.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Appends the values that a hit of `rule` by `record` carries.
    pub fn extract<F: Facts + ?Sized>(&self, rule: RuleIx, record: &F, out: &mut Vec<u8>) {
        self.extract_after(&mut (0..0), rule, record, out);
    }

    /// The same where hits of one record follow each other: `common` is where the values that they have in common stand in
    /// `out`, if they do.
    pub fn extract_after<F: Facts + ?Sized>(
        &self,
        common: &mut Range<usize>,
        rule: RuleIx,
        record: &F,
        out: &mut Vec<u8>,
    ) {
        let Some(own) = self.slots(rule).get(self.common.len()..) else { return };
        if common.start == common.end {
            let from = out.len();
            self.common.iter().for_each(|slot| encode(record.fact(*slot), out));
            *common = from..out.len();
        } else {
            out.extend_from_within(common.clone());
        }
        own.iter().for_each(|slot| encode(record.fact(*slot), out));
    }

    /// The value of `slot` in the values of a hit of `rule`; absent if it is not carried.
    #[must_use]
    pub fn value<'a>(&self, rule: RuleIx, slot: Slot, values: &'a [u8]) -> Value<'a> {
        let place = self.slots(rule).iter().position(|known| *known == slot);
        place.and_then(|place| Values::new(values).nth(place)).unwrap_or(Value::Absent)
    }
}

/// Encoded values, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    /// Reads what [`Carry::extract`] wrote, or the group of a correlation.
    #[must_use]
    pub fn new(values: &'a [u8]) -> Self {
        Self { rest: values }
    }

    /// The bytes of the value at `place`.
    #[must_use]
    pub fn encoded(self, place: usize) -> Option<&'a [u8]> {
        let mut rest = self.rest;
        for _ in 0..place {
            rest = rest.get(Value::length(rest)?..)?;
        }
        rest.get(..Value::length(rest)?)
    }
}

impl<'a> Values<'a> {
    /// The bytes of `count` values from the one at `from` on; `None` if one is absent or null.
    #[inline]
    pub(super) fn run(self, from: usize, count: usize) -> Option<&'a [u8]> {
        let mut start = self.rest;
        for _ in 0..from {
            start = start.get(Value::length(start)?..)?;
        }
        let mut rest = start;
        for _ in 0..count {
            if !value::is_some(rest) {
                return None;
            }
            rest = rest.get(Value::length(rest)?..)?;
        }
        start.get(..start.len() - rest.len())
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let (value, rest) = Value::decode(self.rest)?;
        self.rest = rest;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::FakeRecord;
    use super::*;
    use crate::record::Fact;

    #[test]
    fn what_all_hits_carry_is_written_once_and_copied() {
        let mut carry = Carry::with_common(2, &[Slot(1), Slot(0)]);
        assert_eq!(carry.want(RuleIx(0), Slot(0)), Some(1));
        assert_eq!(carry.want(RuleIx(1), Slot(2)), Some(2));
        let record = FakeRecord(vec![Fact::Text("a"), Fact::Text("b"), Fact::Int(3)]);
        let (mut values, mut common) = (Vec::new(), 0..0);
        carry.extract_after(&mut common, RuleIx(0), &record, &mut values);
        let first = values.len();
        carry.extract_after(&mut common, RuleIx(1), &record, &mut values);
        assert_eq!(Values::new(&values[..first]).collect::<Vec<_>>(), [Value::Text("b"), Value::Text("a")]);
        let second = [Value::Text("b"), Value::Text("a"), Value::Int(3)];
        assert_eq!(Values::new(&values[first..]).collect::<Vec<_>>(), second);
        let mut alone = Vec::new();
        carry.extract(RuleIx(1), &record, &mut alone);
        assert_eq!(alone, values[first..]);
        carry.extract(RuleIx(2), &record, &mut alone);
        assert_eq!(alone, values[first..], "there is no such rule");
    }

    #[test]
    fn a_hit_carries_what_was_asked_for_once() {
        let mut carry = Carry::new(2);
        assert_eq!(carry.want(RuleIx(1), Slot(2)), Some(0));
        assert_eq!(carry.want(RuleIx(1), Slot(0)), Some(1));
        assert_eq!(carry.want(RuleIx(1), Slot(2)), Some(0));
        assert_eq!(carry.want(RuleIx(2), Slot(2)), None);
        let record = FakeRecord(vec![Fact::Text("a"), Fact::Text("b"), Fact::Int(3)]);
        let mut values = Vec::new();
        carry.extract(RuleIx(1), &record, &mut values);
        assert_eq!(Values::new(&values).collect::<Vec<_>>(), [Value::Int(3), Value::Text("a")]);
        assert_eq!(carry.value(RuleIx(1), Slot(0), &values), Value::Text("a"));
        assert_eq!(carry.value(RuleIx(1), Slot(1), &values), Value::Absent);
        let before = values.len();
        carry.extract(RuleIx(0), &record, &mut values);
        assert_eq!(values.len(), before);
    }
}
