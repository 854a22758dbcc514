//! One scoreboard at work: a window of scored findings for each entity, and when its score is a threat.

use super::window::Window;
use super::{History, Repeat, Scoreboard};
use crate::time::{LEAP, Span, Timestamp};
use hashbrown::HashMap;
use std::cmp::Reverse;

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

/// An entity, its peak score, how many threats it raised, and how its score went.
pub type Peak<'a> = (&'a [u8], i64, u32, &'a History);

/// The scores of one scoreboard's entities.
#[derive(Debug)]
pub struct Board {
    rule: Scoreboard,
    entities: HashMap<Vec<u8>, Entity, foldhash::fast::RandomState>,
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
        if self.is_full() && !self.entities.contains_key(entity) {
            self.make_room();
        }
        let state = self.entities.entry_ref(entity).or_default();
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

    /// The `count` entities with the highest peak scores, the highest first. Equal peaks are ordered by entity.
    #[must_use]
    pub fn top<'a>(&'a self, count: usize) -> Vec<Peak<'a>> {
        let told =
            |(key, state): (&'a Vec<u8>, &'a Entity)| (key.as_slice(), state.peak, state.threats, &state.history);
        let mut all: Vec<Peak<'a>> = self.entities.iter().map(told).collect();
        let order = |(key, peak, ..): &Peak<'a>| (Reverse(*peak), *key);
        if count < all.len() {
            all.select_nth_unstable_by_key(count, order);
            all.truncate(count);
        }
        all.sort_unstable_by_key(order);
        all
    }

    fn is_full(&self) -> bool {
        self.entities.len() >= self.rule.entities
    }

    /// Forgets the quarter of the entities that scored longest ago.
    fn make_room(&mut self) {
        // Equal times are told apart by the key, so that the choice does not depend on hash order.
        let mut ages: Vec<_> = self.entities.iter().map(|(key, state)| (state.window.latest, key.as_slice())).collect();
        let share = self.rule.entities.div_ceil(4);
        if share >= ages.len() {
            self.evicted += ages.len() as u64;
            return self.entities.clear();
        }
        let (_, (time, key), _) = ages.select_nth_unstable(share);
        let first_kept = (*time, key.to_vec());
        self.entities.retain(|key, state| (state.window.latest, key) >= (first_kept.0, &first_kept.1));
        self.evicted += share as u64;
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

    /// The threat that a finding raises.
    fn add(board: &mut Board, entity: &[u8], finding: Scored) -> Option<Threat> {
        board.add(entity, finding)?.threat
    }

    /// When threats are raised by findings of one entity, each of so many points at its time.
    fn raised(board: &mut Board, findings: &[(i64, u32)]) -> Vec<i64> {
        findings.iter().filter(|(time, points)| add(board, b"a", at(*time, *points)).is_some()).map(|it| it.0).collect()
    }

    #[test]
    fn an_event_at_exactly_the_window_s_length_is_still_inside() {
        let mut board = board(Threshold::Gt(100), 600, 0);
        assert_eq!(add(&mut board, b"a", at(0, 60)), None);
        let threat = add(&mut board, b"a", at(600, 60)).unwrap();
        assert_eq!((threat.score, threat.findings.len()), (120, 2));
        assert_eq!((threat.from.nanos(), threat.to.nanos()), (0, 600));
        assert_eq!(add(&mut board, b"b", at(0, 60)), None);
        assert_eq!(add(&mut board, b"b", at(601, 60)), None, "one nanosecond more is outside");
    }

    #[test]
    fn gt_wants_more_and_gte_wants_as_much() {
        assert_eq!(add(&mut board(Threshold::Gt(100), 10, 0), b"a", at(0, 100)), None);
        assert!(add(&mut board(Threshold::Gte(100), 10, 0), b"a", at(0, 100)).is_some());
    }

    #[test]
    fn one_threat_until_the_score_was_below_and_the_cool_down_is_over() {
        let mut board = board(Threshold::Gte(10), 100, 500);
        // Above all the time, below in between but within the cool-down, then after it.
        let times = [0, 50, 100, 150, 300, 400, 450, 700, 720];
        assert_eq!(raised(&mut board, &times.map(|time| (time, 10))), [0, 700]);
    }

    #[test]
    fn a_board_is_armed_again_only_below_its_own_bound() {
        let mut plain = board(Threshold::Gte(100), 100, 0);
        let findings = [(0, 100), (101, 60), (102, 60), (203, 10), (204, 100)];
        assert_eq!(raised(&mut plain, &findings), [0, 102, 204]);
        let mut rearmed = board(Threshold::Gte(100), 100, 0);
        rearmed.rule.rearm_below = Some(20);
        // At 203 the score was 60 before; at 204 it was 10.
        let findings = [(0, 100), (50, 60), (101, 60), (203, 10), (204, 100)];
        assert_eq!(raised(&mut rearmed, &findings), [0, 204]);
    }

    #[test]
    fn a_threat_that_doubles_is_told_again_where_that_is_asked_for() {
        let mut board = board(Threshold::Gte(10), 1_000, 1_000);
        board.rule.repeat = Repeat::Doubled;
        let findings: Vec<(i64, u32)> = (0..40).map(|time| (time, 2)).collect();
        // 10, 20, 40, 80 points.
        assert_eq!(raised(&mut board, &findings), [4, 9, 19, 39]);
    }

    #[test]
    fn a_board_that_wants_several_rules_waits_for_them() {
        let mut board = board(Threshold::Gte(10), 100, 0);
        board.rule.rules = 2;
        let by = |time, rule| Scored { rule, ..at(time, 10) };
        assert_eq!(add(&mut board, b"a", by(0, 1)), None);
        assert_eq!(add(&mut board, b"a", by(10, 1)), None);
        assert!(add(&mut board, b"a", by(20, 2)).is_some());
        assert_eq!(add(&mut board, b"b", by(0, 1)), None);
        assert_eq!(add(&mut board, b"b", by(101, 2)), None, "the other is outside by now");
    }

    #[test]
    fn points_fade_by_half_and_a_slow_drip_never_is_a_threat() {
        let mut board = board(Threshold::Gt(100), 10_000, 0);
        board.rule.half_life = Some(Span::from_nanos(100));
        let mut scores = Vec::new();
        for time in [0, 100, 200, 300, 400, 500, 600] {
            scores.push(board.add(b"a", at(time, 50)).unwrap().score);
        }
        assert_eq!(scores, [50, 75, 87, 93, 96, 98, 99]);
        assert!(add(&mut board, b"a", at(601, 50)).is_some(), "two at once are");
    }

    #[test]
    fn one_far_future_time_wipes_no_window_and_two_move_on() {
        let day = 86_400_000_000_000;
        let mut board = board(Threshold::Gte(30), 100, 0);
        assert_eq!(add(&mut board, b"a", at(0, 10)), None);
        assert_eq!(add(&mut board, b"a", at(day, 10)), None, "nothing else counts a day later");
        assert_eq!(add(&mut board, b"a", at(50, 10)), None);
        assert!(add(&mut board, b"a", at(60, 10)).is_some(), "0, 50 and 60 are together still");
        assert_eq!(add(&mut board, b"a", at(day, 10)), None);
        assert_eq!(add(&mut board, b"a", at(day + 1, 10)), None);
        assert_eq!(add(&mut board, b"a", at(70, 10)), None);
        assert_eq!(board.late(), 1, "by now the leap is believed");
    }

    #[test]
    fn full_boards_forget_who_scored_longest_ago_and_say_so() {
        let mut board = board(Threshold::Gt(1_000), 10, 0);
        board.rule.entities = 100;
        for entity in 0..=100u32 {
            board.add(&entity.to_be_bytes(), at(i64::from(entity), 1));
        }
        assert_eq!(board.evicted(), 25);
        assert!(board.entities.contains_key(&100u32.to_be_bytes()[..]));
        assert!(!board.entities.contains_key(&0u32.to_be_bytes()[..]));
    }

    /// What a board should say, worked out anew from all findings each time.
    struct Recount {
        board: Scoreboard,
        seen: Vec<Scored>,
        told: Option<(i64, i64, bool)>,
    }

    impl Recount {
        /// The score of these findings at `latest`, and whether it is one of a threat.
        fn sum(&self, findings: &[Scored], latest: i64) -> (i64, bool) {
            let from = latest - self.board.window.nanos();
            let inside: Vec<&Scored> = findings.iter().filter(|scored| scored.time.nanos() >= from).collect();
            let mut fading = super::super::decay::Fading::default();
            let rules: std::collections::BTreeSet<u32> = inside.iter().map(|scored| scored.rule).collect();
            let score = match self.board.half_life {
                None => inside.iter().map(|scored| i64::from(scored.points)).sum(),
                Some(half_life) => {
                    inside.iter().for_each(|scored| fading.add(half_life, scored.time, scored.points));
                    fading.left(half_life, Timestamp::from_nanos(latest))
                }
            };
            (score, self.board.threshold.passed_by(score) && rules.len() >= self.board.rules as usize)
        }

        /// The score after a finding, and whether it raises a threat; `None` if it is too late.
        fn add(&mut self, finding: Scored) -> Option<(i64, bool)> {
            let time = finding.time.nanos();
            let latest = self.seen.iter().map(|scored| scored.time.nanos()).max().unwrap_or(time).max(time);
            if time < latest - self.board.window.nanos() {
                return None;
            }
            let (before, stood) = self.sum(&self.seen, latest);
            let low = self.board.rearm_below.map_or(!stood, |bound| before < bound);
            if let Some((_, _, was_below)) = &mut self.told {
                *was_below |= low;
            }
            self.seen.push(finding);
            let (score, passed) = self.sum(&self.seen, latest);
            let stands =
                |(at, _, was_below): (i64, i64, bool)| !was_below || latest - at < self.board.cool_down.nanos();
            let raised = passed
                && match self.told.filter(|told| stands(*told)) {
                    None => true,
                    Some((_, told, _)) => self.board.repeat == Repeat::Doubled && score >= 2 * told,
                };
            if raised {
                self.told = Some((latest, score, false));
            }
            Some((score, raised))
        }
    }

    proptest! {
        /// Scores and threats are what a recount of all findings gives, also when these come late and unordered.
        #[test]
        fn scores_and_threats_are_those_of_a_recount(
            findings in prop::collection::vec((0i64..400, 1u32..50, 0u32..4), 1..60),
            half_life in prop::option::of(1i64..200),
            (bound, rules, cool_down) in (1i64..150, 1u32..4, 0i64..150),
            rearm_below in prop::option::of(1i64..100),
            doubled: bool,
        ) {
            let board = Scoreboard {
                window: Span::from_nanos(100),
                half_life: half_life.map(Span::from_nanos),
                threshold: Threshold::Gte(bound),
                rules,
                cool_down: Span::from_nanos(cool_down),
                rearm_below: rearm_below.map(|below| below.min(bound)),
                repeat: if doubled { Repeat::Doubled } else { Repeat::Never },
                ..Scoreboard::default()
            };
            let mut recount = Recount { board: board.clone(), seen: Vec::new(), told: None };
            let mut board = Board::new(board);
            for (time, points, rule) in findings {
                let finding = Scored { rule, ..at(time, points) };
                let said = board.add(b"a", finding).map(|change| (change.score, change.threat.is_some()));
                prop_assert_eq!(said, recount.add(finding));
            }
        }
    }
}
