//! One scoreboard at work: a window of scored findings for each entity, and when its score is a threat.

use super::window::Window;
use super::{History, Repeat, Scoreboard};
use crate::time::{LEAP, Span, Timestamp};
use hashbrown::HashMap;

/// How many entities a board remembers at most; those that scored longest ago make room.
pub const ENTITIES: usize = 65_536;

/// One finding on a board: 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scored {
    /// When it happened.
    pub time: Timestamp,
    /// Its frame or line number.
    pub number: u64,
    /// Which input holds it.
    pub input: u32,
    /// Which rule or correlation; the caller's own number.
    pub rule: u32,
    /// What it is worth.
    pub points: u32,
}

/// A finding counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The time of the entity's latest finding: the moment for which the score is told.
    pub time: Timestamp,
    /// The entity's score now.
    pub score: i64,
    /// The threat that the finding raised.
    pub threat: Option<Threat>,
}

/// An entity's score passed the threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threat {
    /// The time of the finding that did it.
    pub time: Timestamp,
    /// The score.
    pub score: i64,
    /// Whether the threat was told before and has doubled since.
    pub doubled: bool,
    /// The oldest moment that still counts.
    pub from: Timestamp,
    /// The latest moment that counts.
    pub to: Timestamp,
    /// What made it, oldest first.
    pub findings: Vec<Scored>,
}

/// The scores of one scoreboard's entities.
#[derive(Debug)]
pub struct Board {
    rule: Scoreboard,
    entities: HashMap<Box<[u8]>, Entity, foldhash::fast::RandomState>,
    evicted: u64,
    let_go: u64,
    late: u64,
}

#[derive(Debug, Default)]
struct Entity {
    window: Window,
    /// The window before a leap in time that no other finding confirmed yet.
    before_leap: Option<Box<Window>>,
    /// The last threat that was told.
    told: Option<Told>,
    peak: i64,
    threats: u32,
    history: History,
}

/// A threat that was told.
#[derive(Clone, Copy, Debug)]
struct Told {
    at: Timestamp,
    score: i64,
    /// Whether the score was low enough since then.
    was_below: bool,
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new(rule: Scoreboard) -> Self {
        Self { rule, entities: HashMap::default(), evicted: 0, let_go: 0, late: 0 }
    }

    /// What it watches.
    #[must_use]
    pub const fn rule(&self) -> &Scoreboard {
        &self.rule
    }

    /// Adds a finding about `entity` (any bytes that tell entities apart).
    ///
    /// A finding older than the window of the entity's latest one is counted as late and adds nothing.
    pub fn add(&mut self, entity: &[u8], finding: Scored) -> Option<Change> {
        if !self.entities.contains_key(entity) {
            self.make_room();
            self.entities.insert(entity.into(), Entity::default());
        }
        let state = self.entities.get_mut(entity)?;
        state.leap(finding.time, self.rule.window);
        let window = &mut state.window;
        let latest = window.latest.map_or(finding.time, |latest| latest.max(finding.time));
        let from = latest.minus(self.rule.window);
        if finding.time < from {
            self.late += 1;
            return None;
        }
        window.latest = Some(latest);
        self.let_go += window.forget_before(&self.rule, from);
        state.note_before(&self.rule, latest);
        state.window.insert(&self.rule, finding);
        let score = state.window.score(&self.rule, latest);
        state.peak = state.peak.max(score);
        state.history.note(latest, score);
        let threat = state.judge(&self.rule, from, latest, finding.time, score);
        Some(Change { time: latest, score, threat })
    }

    /// Findings that came too late to count.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// Entities forgotten because there were too many.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Findings let go because one entity had too many in its window.
    #[must_use]
    pub const fn let_go(&self) -> u64 {
        self.let_go
    }

    /// The `count` entities with the highest peak scores: entity, peak, threats, history. Equal peaks are ordered by entity.
    #[must_use]
    pub fn top(&self, count: usize) -> Vec<(&[u8], i64, u32, &History)> {
        let mut all: Vec<_> =
            self.entities.iter().map(|(key, state)| (&**key, state.peak, state.threats, &state.history)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        all.truncate(count);
        all
    }

    /// When the board is full, forgets the quarter of the entities that scored longest ago.
    fn make_room(&mut self) {
        if self.entities.len() < self.rule.entities {
            return;
        }
        let mut ages: Vec<_> = self.entities.iter().map(|(key, state)| (state.window.latest, key.clone())).collect();
        // Equal times are told apart by the key, so that the choice does not depend on hash order.
        ages.sort_unstable();
        for (_, key) in ages.iter().take(self.rule.entities.div_ceil(4)) {
            self.entities.remove(key);
            self.evicted += 1;
        }
    }
}

impl Entity {
    /// Far ahead of all others a finding begins a window of its own, and the one before is kept; the next finding
    /// tells which of them goes on.
    fn leap(&mut self, time: Timestamp, span: Span) {
        let Some(latest) = self.window.latest else { return };
        if time.since(latest) > span.max(LEAP) {
            self.before_leap = Some(Box::new(std::mem::take(&mut self.window)));
        } else if time >= latest.minus(span) {
            self.before_leap = None;
        } else if let Some(before) = self.before_leap.take() {
            self.window = *before;
        }
    }

    /// Notes whether the score is low enough, before a finding is added, for the next threat.
    fn note_before(&mut self, rule: &Scoreboard, now: Timestamp) {
        let Some(told) = self.told.as_mut().filter(|told| !told.was_below) else { return };
        let score = self.window.score(rule, now);
        told.was_below = match rule.rearm_below {
            Some(bound) => score < bound,
            None => !(rule.threshold.passed_by(score) && self.window.has_rules(rule)),
        };
    }

    /// A threat, unless one was told that still stands: the score must have been low enough since and the cool-down be
    /// over, or it has doubled, where the board repeats that.
    fn judge(
        &mut self,
        rule: &Scoreboard,
        from: Timestamp,
        to: Timestamp,
        time: Timestamp,
        score: i64,
    ) -> Option<Threat> {
        if !rule.threshold.passed_by(score) || !self.window.has_rules(rule) {
            return None;
        }
        let stands = self.told.filter(|told| !told.was_below || to.since(told.at) < rule.cool_down);
        let has_doubled = |told: Told| rule.repeat == Repeat::Doubled && score >= told.score.saturating_mul(2).max(1);
        if stands.is_some_and(|told| !has_doubled(told)) {
            return None;
        }
        self.told = Some(Told { at: to, score, was_below: false });
        self.threats += 1;
        Some(Threat { time, score, doubled: stands.is_some(), from, to, findings: self.window.findings().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Threshold;
    use proptest::prelude::*;

    fn board(threshold: Threshold, window: i64, cool_down: i64) -> Board {
        Board::new(Scoreboard {
            threshold,
            window: Span::from_nanos(window),
            cool_down: Span::from_nanos(cool_down),
            ..Scoreboard::default()
        })
    }

    fn at(nanos: i64, points: u32) -> Scored {
        Scored { time: Timestamp::from_nanos(nanos), number: nanos.unsigned_abs(), input: 0, rule: 0, points }
    }

    #[test]
    fn an_event_at_exactly_the_window_s_length_is_still_inside() {
        let mut board = board(Threshold::Gt(100), 600, 0);
        assert_eq!(board.add(b"a", at(0, 60)), None);
        let threat = board.add(b"a", at(600, 60)).unwrap();
        assert_eq!((threat.score, threat.findings.len()), (120, 2));
        assert_eq!((threat.from.nanos(), threat.to.nanos()), (0, 600));
        assert_eq!(board.add(b"b", at(0, 60)), None);
        assert_eq!(board.add(b"b", at(601, 60)), None, "one nanosecond more is outside");
    }

    #[test]
    fn gt_wants_more_and_gte_wants_as_much() {
        assert_eq!(board(Threshold::Gt(100), 10, 0).add(b"a", at(0, 100)), None);
        assert!(board(Threshold::Gte(100), 10, 0).add(b"a", at(0, 100)).is_some());
    }

    #[test]
    fn one_threat_until_the_score_was_below_and_the_cool_down_is_over() {
        let mut board = board(Threshold::Gte(10), 100, 500);
        let mut raised = Vec::new();
        // Above all the time, below in between but within the cool-down, then after it.
        for time in [0, 50, 100, 150, 300, 400, 450, 700, 720] {
            if board.add(b"a", at(time, 10)).is_some() {
                raised.push(time);
            }
        }
        assert_eq!(raised, [0, 700]);
    }

    #[test]
    fn one_far_future_time_wipes_no_window_and_two_move_on() {
        let day = 86_400_000_000_000;
        let mut board = board(Threshold::Gte(30), 100, 0);
        assert_eq!(board.add(b"a", at(0, 10)), None);
        assert_eq!(board.add(b"a", at(day, 10)), None, "nothing else counts a day later");
        assert_eq!(board.add(b"a", at(50, 10)), None);
        assert!(board.add(b"a", at(60, 10)).is_some(), "0, 50 and 60 are together still");
        assert_eq!(board.add(b"a", at(day, 10)), None);
        assert_eq!(board.add(b"a", at(day + 1, 10)), None);
        assert_eq!(board.add(b"a", at(70, 10)), None);
        assert_eq!(board.late(), 1, "by now the leap is believed");
    }

    #[test]
    fn full_boards_forget_who_scored_longest_ago_and_say_so() {
        let mut board = board(Threshold::Gt(1_000), 10, 0);
        for entity in 0..=ENTITIES as u32 {
            board.add(&entity.to_be_bytes(), at(i64::from(entity), 1));
        }
        assert_eq!(board.evicted(), ENTITIES as u64 / 4);
        assert!(board.entities.contains_key(&(ENTITIES as u32).to_be_bytes()[..]));
        assert!(!board.entities.contains_key(&0u32.to_be_bytes()[..]));
    }

    proptest! {
        /// The running sum is what a recount of all events gives, also when events come late and unordered.
        #[test]
        fn sums_are_exact(events in prop::collection::vec((0i64..400, 1u32..50), 1..60)) {
            let mut board = board(Threshold::Gte(0), 100, 0);
            let mut seen: Vec<(i64, u32)> = Vec::new();
            let mut latest = 0;
            for (time, points) in events {
                latest = latest.max(time);
                seen.push((time, points));
                board.add(b"a", at(time, points));
                let expected: i64 = seen
                    .iter()
                    .filter(|(time, _)| latest - time <= 100)
                    .map(|(_, points)| i64::from(*points))
                    .sum();
                prop_assert_eq!(board.entities.get(&b"a"[..]).map(|state| state.window.sum), Some(expected));
            }
        }
    }
}
