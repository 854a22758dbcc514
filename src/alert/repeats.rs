//! What was told already? How often did it happen since?

use super::{AlertId, Limits};
use crate::sigma::ir::Level;
use crate::time::{Span, Timestamp};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// How many keys are remembered; the quarter that was met longest ago makes room.
pub const KEYS: usize = 65_536;

/// How many times of findings all keys together remember, for `before` and `after`; likewise.
pub const TIMES: usize = 1 << 20;

/// What is to be done with a finding that would be an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is told.
    Tell(Told),
    /// It is not told: this alert was, and stands for it.
    Repeat(AlertId),
    /// It is not told: there are not enough of them yet.
    Hold,
}

/// An alert that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its id.
    pub id: AlertId,
    /// How many were not told since the last one that was.
    pub suppressed: u64,
    /// The time of the first of these.
    pub since: Option<Timestamp>,
}

/// What is remembered of every key. Depends on nothing but the findings in their order.
#[derive(Debug, Default)]
pub struct Repeats {
    keys: HashMap<Box<[u8]>, Key, foldhash::fast::RandomState>,
    met: u64,
    times: usize,
    forgotten: u64,
}

#[derive(Debug, Default)]
struct Key {
    /// The newest findings, as far as limits ask for them.
    times: VecDeque<Timestamp>,
    last: Option<Last>,
    suppressed: u64,
    since: Option<Timestamp>,
    /// When it was met, counted in findings.
    met: u64,
}

/// The last one that was told.
#[derive(Clone, Copy, Debug)]
struct Last {
    id: AlertId,
    time: Timestamp,
    level: Level,
}

impl Repeats {
    /// Takes a finding of `key`; `id` is what its alert would be called.
    pub fn judge(
        &mut self,
        key: &[u8],
        limits: &Limits,
        time: Timestamp,
        level: Level,
        id: impl FnOnce() -> AlertId,
    ) -> Verdict {
        if !self.keys.contains_key(key) {
            self.make_room();
            self.keys.insert(key.into(), Key::default());
        }
        self.met += 1;
        let Some(state) = self.keys.get_mut(key) else { return Verdict::Hold };
        state.met = self.met;
        self.times -= state.times.len();
        let verdict = state.judge(limits, time, level, id);
        self.times += state.times.len();
        verdict
    }

    /// Keys forgotten because there were too many.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn make_room(&mut self) {
        if self.keys.len() < KEYS && self.times < TIMES {
            return;
        }
        let mut ages: Vec<u64> = self.keys.values().map(|key| key.met).collect();
        ages.sort_unstable();
        let before = self.keys.len();
        let Some(oldest) = ages.get(before / 4) else { return };
        self.keys.retain(|_, key| key.met >= *oldest);
        self.forgotten += (before - self.keys.len()) as u64;
        self.times = self.keys.values().map(|key| key.times.len()).sum();
    }
}

impl Key {
    fn judge(&mut self, limits: &Limits, time: Timestamp, level: Level, id: impl FnOnce() -> AlertId) -> Verdict {
        let count = self.count(limits, time);
        let enough = limits.after.is_none_or(|after| count >= after as usize);
        let few = limits.before.is_none_or(|before| count <= before as usize);
        let rested = match (limits.repeat, self.last) {
            (Some(repeat), Some(last)) => apart(time, last.time) > repeat,
            _ => true,
        };
        let louder = self.last.is_some_and(|last| level > last.level);
        if enough && (louder || few && rested) {
            let told = Told { id: id(), suppressed: self.suppressed, since: self.since };
            self.last = Some(Last { id: told.id, time, level });
            (self.suppressed, self.since) = (0, None);
            return Verdict::Tell(told);
        }
        self.suppressed += 1;
        self.since = self.since.or(Some(time));
        self.last.filter(|_| enough).map_or(Verdict::Hold, |last| Verdict::Repeat(last.id))
    }

    /// How many findings, this one included, are within the window; no more than the limits ask for.
    fn count(&mut self, limits: &Limits, time: Timestamp) -> usize {
        let most = limits.after.unwrap_or(0).max(limits.before.map_or(0, |before| before.saturating_add(1))) as usize;
        if most == 0 {
            return 0;
        }
        self.times.push_back(time);
        while self.times.len() > most {
            self.times.pop_front();
        }
        self.times.iter().filter(|other| apart(time, **other) <= limits.window).count()
    }
}

/// How far two times are from each other: findings may come out of order.
fn apart(a: Timestamp, b: Timestamp) -> Span {
    if a < b { b.since(a) } else { a.since(b) }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Numbering};
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn id(number: usize) -> AlertId {
        Numbering::default().id(Kind::Rule, &number.to_string(), Timestamp::from_nanos(0), &[])
    }

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * SECOND)
    }

    /// What becomes of findings of one key: `t` told, `r` repeated, `h` held, with what the told ones stand for.
    fn told(limits: Limits, findings: &[(i64, Level)]) -> String {
        let mut repeats = Repeats::default();
        let verdicts = findings.iter().enumerate().map(|(number, (at, level))| {
            match repeats.judge(b"k", &limits, seconds(*at), *level, || id(number)) {
                Verdict::Tell(Told { suppressed: 0, .. }) => "t".to_owned(),
                Verdict::Tell(Told { suppressed, since, .. }) => {
                    format!("t({suppressed} since {})", since.unwrap().second())
                }
                Verdict::Repeat(_) => "r".to_owned(),
                Verdict::Hold => "h".to_owned(),
            }
        });
        verdicts.collect::<Vec<_>>().join(" ")
    }

    fn at(times: &[i64]) -> Vec<(i64, Level)> {
        times.iter().map(|time| (*time, Level::High)).collect()
    }

    #[test]
    fn the_first_is_told_at_once_and_then_one_every_ten_minutes_with_what_was_not_told() {
        let findings = at(&[0, 1, 600, 601, 602, 1201, 1202]);
        assert_eq!(told(Limits::default(), &findings), "t r r t(2 since 1) r r t(2 since 602)");
        assert_eq!(told(Limits::none(), &at(&[0, 0, 1])), "t t t");
    }

    #[test]
    fn a_higher_level_is_told_at_once() {
        use Level::{Critical, High};
        let findings = [(0, High), (1, High), (2, Critical), (3, Critical), (4, High), (700, High), (701, Critical)];
        assert_eq!(told(Limits::default(), &findings), "t r t(1 since 1) r r t(2 since 3) t");
    }

    #[test]
    fn first_only_is_told_again_after_silence() {
        let limits = Limits { before: Some(1), window: Span::from_secs(10), ..Limits::none() };
        assert_eq!(told(limits, &at(&[0, 5, 15, 25, 36, 46])), "t r r r t(3 since 5) r");
    }

    #[test]
    fn thresholds_tell_from_and_to_a_number_in_the_window() {
        let window = Span::from_secs(10);
        let after = Limits { after: Some(3), window, ..Limits::none() };
        assert_eq!(told(after, &at(&[0, 5, 10, 11, 30, 31, 32])), "h h t(2 since 0) t h h t(2 since 30)");
        let both = Limits { before: Some(3), after: Some(2), window, ..Limits::none() };
        assert_eq!(told(both, &at(&[0, 1, 2, 3, 20])), "h t(1 since 0) t r h");
    }

    #[test]
    fn keys_do_not_know_of_each_other_and_the_oldest_make_room() {
        let mut repeats = Repeats::default();
        let limits = Limits { before: Some(1), window: Span::from_secs(1 << 30), ..Limits::none() };
        let mut tells = |key: usize| {
            let verdict = repeats.judge(&key.to_be_bytes(), &limits, seconds(0), Level::High, || id(0));
            (matches!(verdict, Verdict::Tell(_)), repeats.forgotten())
        };
        assert!((0..KEYS).all(|key| tells(key) == (true, 0)));
        assert_eq!(tells(0), (false, 0), "it is remembered, and now the newest");
        let quarter = (KEYS / 4) as u64;
        assert_eq!([KEYS, 0, 2, 1].map(tells), [(true, quarter), (false, quarter), (true, quarter), (true, quarter)]);
    }

    /// A finding's time, key and level.
    type Finding = (i64, u8, Level);

    /// The rules of limits, counted anew from all findings for each of them.
    fn recount(limits: &Limits, findings: &[Finding]) -> Vec<Option<u64>> {
        let mut told: Vec<Option<u64>> = Vec::new();
        for (number, (time, key, level)) in findings.iter().enumerate() {
            let own = |other: &usize| findings[*other].1 == *key;
            let most = limits.after.unwrap_or(0).max(limits.before.map_or(0, |before| before + 1)) as usize;
            let near = |other: &usize| (findings[*other].0 - time).abs() <= limits.window.nanos();
            let newest: Vec<usize> = (0..=number).rev().filter(own).take(most).collect();
            let count = newest.iter().filter(|other| near(other)).count();
            let last = (0..number).rev().filter(own).find(|other| told[*other].is_some());
            let tells = limits.after.is_none_or(|after| count >= after as usize)
                && (last.is_some_and(|last| *level > findings[last].2)
                    || limits.before.is_none_or(|before| count <= before as usize)
                        && last.is_none_or(|last| {
                            limits.repeat.is_none_or(|repeat| (findings[last].0 - time).abs() > repeat.nanos())
                        }));
            let since = last.map_or(0, |last| last + 1);
            told.push(tells.then(|| (since..number).filter(own).count() as u64));
        }
        told
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn limits_are_those_of_a_naive_recount(
            findings in prop::collection::vec(
                (0..60_i64, 0..3_u8, prop::sample::select(&Level::ALL[3..])), 0..60),
            in_order in any::<bool>(),
            window in 0..20_i64,
            before in prop::option::of(1..5_u32),
            after in prop::option::of(1..5_u32),
            repeat in prop::option::of(0..20_i64),
        ) {
            let mut findings: Vec<Finding> = findings;
            if in_order {
                findings.sort_by_key(|finding| finding.0);
            }
            let repeat = repeat.map(Span::from_nanos);
            let limits = Limits { window: Span::from_nanos(window), before, after, repeat };
            let mut repeats = Repeats::default();
            let judge = |(time, key, level): &Finding| {
                match repeats.judge(&[*key], &limits, Timestamp::from_nanos(*time), *level, || id(0)) {
                    Verdict::Tell(told) => Some(told.suppressed),
                    Verdict::Repeat(_) | Verdict::Hold => None,
                }
            };
            let told: Vec<_> = findings.iter().map(judge).collect();
            prop_assert_eq!(told, recount(&limits, &findings));
        }
    }
}
