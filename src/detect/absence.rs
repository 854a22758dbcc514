//! What did not happen, before events or after them: correlations of which one rule must not be hit.
//!
//! ```text
//!  an event -> waits until no earlier one can come (`turns`) -> is taken in the order of time, so that the order of
//!              arrival does not matter -> its group (`Watch`)
//!
//!  before:  the absent one, last seen at a  ...  the others done at t    told at t      unless t - a <= timespan
//!  after:   the others done at t  ...  nothing until t + timespan        told then      unless the absent one came
//! ```
//!
//! At one and the same time events stand in the order of the rules. Both ends of a timespan belong to it. What was told
//! holds for a timespan, or with `once` until the absent one is seen: meanwhile nothing is told again.

use super::correlated::{Correlated, Ending, Losses, MAX_PLACES, Measured};
use super::counter::{Counted, GROUP_BYTES, MAX_BYTES, MAX_GROUPS};
use super::groups::Groups;
use super::recent::Recents;
use super::refusal::{CorrelationIx, Reason};
use super::tally::Datum;
use super::turns::{Rank, Turns, Waiting};
use super::{Place, RuleIx};
use crate::sigma::ir::{Absent, Correlation, Number, Side};
use crate::time::{LEAP, Span, Timestamp};
use std::collections::BTreeSet;

/// Rules that must be hit beside one that must not.
pub(super) const MAX_PRESENT: usize = 64;
/// Bytes of events that wait for earlier ones; beyond, the earliest wait no longer.
const MAX_WAITING_BYTES: usize = 48 << 20;
/// Bytes reckoned for a place of an event.
const PLACE_BYTES: usize = size_of::<Place>();

/// One correlation with an absent rule.
#[derive(Clone, Debug)]
pub(super) struct Absence {
    correlation: CorrelationIx,
    absent: Absent,
    /// How many rules must be hit, one after the other.
    present: usize,
    timespan: Span,
    lateness: Span,
    /// The time that the caller vouches for.
    watermark: Option<Timestamp>,
    /// Events before it were taken.
    settled: Timestamp,
    waiting: Turns,
    /// Of those by the absent rule, the newest of each group.
    recents: Recents<Rank>,
    /// How many events came so far.
    count: u64,
    groups: Groups<Watch>,
    /// When the absent rule is missed, with the group's place.
    ends: BTreeSet<(Timestamp, u32)>,
    /// Bytes that the groups take.
    held: usize,
    swept: Option<Timestamp>,
    /// For what the event tells whose turn it is.
    room: Vec<u8>,
}

/// What is known of a group.
#[derive(Clone, Debug, Default)]
struct Watch {
    /// For each rule but the last, the chain of hits that came there and began latest.
    chains: Vec<Option<Chain>>,
    /// When the rule that is to be absent was hit last.
    seen: Option<Timestamp>,
    /// When the last alert was told, as long as that keeps others back.
    told: Option<Timestamp>,
    /// What waits for the absent rule.
    open: Option<Open>,
}

/// Hits one after the other.
#[derive(Clone, Debug)]
struct Chain {
    began: Timestamp,
    places: Vec<Place>,
}

/// Hits of all rules, after which one is to come.
#[derive(Clone, Debug)]
struct Open {
    chain: Chain,
    /// The event that completed them, by which an alert is raised.
    since: Timestamp,
    rule: RuleIx,
    place: Place,
    values: Box<[u8]>,
    /// The last event since, and how many there were.
    last: Timestamp,
    events: usize,
}

impl Absence {
    /// What `correlation`, the one at this index, watches for; `None` if it has no absent rule.
    pub(super) fn of(ix: CorrelationIx, correlation: &Correlation, lateness: Span) -> Result<Option<Self>, Reason> {
        let Some(absent) = correlation.absent else { return Ok(None) };
        let present = correlation.present().0;
        let repeated =
            (1..correlation.rules.len()).find(|at| correlation.rules[..*at].contains(&correlation.rules[*at]));
        if let Some(rule) = repeated.and_then(|at| correlation.rules.get(at)) {
            return Err(Reason::Repeated(*rule));
        }
        if !(1..=MAX_PRESENT).contains(&present.len()) {
            return Err(Reason::Present { limit: MAX_PRESENT });
        }
        Ok(Some(Self {
            correlation: ix,
            absent,
            present: present.len(),
            timespan: correlation.timespan,
            lateness,
            watermark: None,
            settled: Timestamp::MIN,
            waiting: Turns::default(),
            recents: Recents::new(),
            count: 0,
            groups: Groups::new(),
            ends: BTreeSet::new(),
            held: 0,
            swept: None,
            room: Vec::new(),
        }))
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Takes an event, which waits until no earlier one can come.
    pub(super) fn count(&mut self, counted: &Counted<'_>, losses: &mut Losses, out: &mut Vec<Correlated>) {
        let Datum::Rule(step) = counted.event.datum else { return };
        let (time, step) = (counted.event.time, step as usize);
        let is_late = |watermark: Timestamp| time < watermark.minus(self.lateness);
        if time < self.settled || self.watermark.is_some_and(is_late) {
            losses.late += 1;
            return;
        }
        self.count += 1;
        let rank = Rank::new(time, step, counted.event.place, self.count);
        let Counted { key, rule, values, .. } = *counted;
        if self.is_absent(step) {
            let timespan = self.timespan;
            let wait = self.recents.add(key, rank, |one, later| later.time.since(one.time) <= timespan);
            wait.into_iter().flatten().for_each(|rank| self.waiting.add(rank, absent(key, rule)));
        } else {
            self.waiting.add(rank, Waiting { key, rule, values });
        }
        while self.waiting.bytes() > MAX_WAITING_BYTES {
            self.relieve(losses, out);
        }
    }

    fn is_absent(&self, step: usize) -> bool {
        match self.absent.side {
            Side::Before => step == 0,
            Side::After => step >= self.present,
        }
    }

    /// Takes the earliest event before its turn, or forgets one whose time is far ahead of all others': it must not make
    /// those late.
    fn relieve(&mut self, losses: &mut Losses, out: &mut Vec<Correlated>) {
        let far = self.watermark.map_or(Timestamp::MAX, |watermark| watermark.plus(LEAP));
        if self.waiting.last().is_some_and(|time| time > far) {
            if let Some((rank, event)) = self.waiting.take_last(&mut self.room) {
                let mut forgotten = Some(rank);
                while let Some(rank) = forgotten {
                    losses.dropped_events += 1;
                    forgotten = self.recents.take(event.key, rank);
                }
            }
            return;
        }
        if let Some(time) = self.waiting.first() {
            self.close(|end| end < time, out);
            self.settled = time;
            self.take_first(losses, out);
        }
    }

    /// Takes the caller's time: takes the events whose turn has come and appends the alerts that are due, and forgets
    /// groups that no event can add to.
    pub(super) fn expire(&mut self, watermark: Timestamp, losses: &mut Losses, out: &mut Vec<Correlated>) {
        self.watermark = Some(watermark);
        let limit = watermark.minus(self.lateness);
        self.settle(|time| time < limit, losses, out);
        // After a leap back time begins anew.
        let back = self.settled.since(limit) > LEAP;
        self.settled = if back { limit } else { self.settled.max(limit) };
        // Groups are looked through once for each quarter of a timespan.
        let pause = Span::from_nanos(self.timespan.nanos() / 4);
        if self.swept.is_some_and(|swept| swept <= watermark && watermark < swept.plus(pause)) {
            return;
        }
        self.swept = Some(watermark);
        let (limit, once, held) = (limit.minus(self.timespan), self.absent.once, &mut self.held);
        self.groups.retain(|key, watch| {
            let keep = watch.matters(limit, once);
            *held -= if keep { 0 } else { watch.weight(key.len()) };
            keep
        });
    }

    /// Ends: appends the alerts that are due by then; returns how many were not, because not the whole timespan was
    /// watched.
    pub(super) fn finish(&mut self, ending: Ending, losses: &mut Losses, out: &mut Vec<Correlated>) -> u64 {
        match ending {
            // An event at the very last moment was still read.
            Ending::Complete(now) => self.settle(|time| now.is_some_and(|now| time <= now), losses, out),
            Ending::Cut(now) => self.settle(|time| now.is_some_and(|now| time < now), losses, out),
        }
        // What was before an event is known, whatever its time.
        while !self.waiting.is_empty() {
            self.take_first(losses, out);
        }
        let open = self.ends.len() as u64;
        self.ends.clear();
        self.groups = Groups::new();
        self.held = 0;
        open
    }

    /// Takes events and ends that are `due`, in the order of time; at one time events come first, since they still count.
    fn settle(&mut self, due: impl Fn(Timestamp) -> bool, losses: &mut Losses, out: &mut Vec<Correlated>) {
        while let Some(time) = self.waiting.first().filter(|time| due(*time)) {
            self.close(|end| end < time, out);
            self.take_first(losses, out);
        }
        self.close(due, out);
    }

    fn take_first(&mut self, losses: &mut Losses, out: &mut Vec<Correlated>) {
        let mut room = std::mem::take(&mut self.room);
        if let Some((rank, event)) = self.waiting.take_first(&mut room) {
            let step = rank.step as usize;
            if self.is_absent(step) {
                if let Some(last) = self.recents.take(event.key, rank) {
                    self.waiting.add(last, absent(event.key, event.rule));
                }
                self.clear(rank.time, event.key);
            } else {
                let step = if self.absent.side == Side::Before { step - 1 } else { step };
                self.advance((rank.time, step, rank.place()), event, out);
            }
            self.make_room(losses);
        }
        self.room = room;
    }

    /// The absent rule was hit: nothing is missed.
    fn clear(&mut self, time: Timestamp, key: &[u8]) {
        let (at, watch) = match self.absent.side {
            Side::Before => self.groups.touch(key),
            // Where nothing waits for it, it says nothing.
            Side::After => match self.groups.touch_known(key) {
                Some(known) => known,
                None => return,
            },
        };
        let before = watch.weight(key.len());
        watch.told = watch.told.filter(|_| !self.absent.once);
        match self.absent.side {
            Side::Before => watch.seen = Some(time),
            Side::After => {
                if let Some(open) = watch.open.take() {
                    self.ends.remove(&(open.end(self.timespan), at));
                }
            }
        }
        self.held = self.held + watch.weight(key.len()) - before;
        self.forget_idle(at);
    }

    /// The rule at `step` of those that must be hit was.
    fn advance(
        &mut self,
        (time, step, place): (Timestamp, usize, Place),
        event: Waiting<'_>,
        out: &mut Vec<Correlated>,
    ) {
        let Self { absent: Absent { side, once }, present, timespan, .. } = *self;
        let Waiting { key, rule, values } = event;
        let (at, watch) = self.groups.touch(key);
        let before = watch.weight(key.len());
        let from = time.minus(timespan);
        if !watch.comes_to(step, from) {
            // What must be hit before was not.
        } else if step + 1 < present {
            watch.keep(step, time, place, present);
        } else if side == Side::Before {
            if watch.is_missed_before(time, timespan, once) {
                out.push(Correlated {
                    correlation: self.correlation,
                    time,
                    window: watch.chain(step, time, place).measure(time, present, present),
                    group: key.to_vec(),
                    rule,
                    place,
                    values: values.to_vec(),
                });
            }
        } else if let Some(open) = &mut watch.open {
            open.add(time, place);
        } else if watch.told.is_none() {
            let chain = watch.chain(step, time, place);
            let open = Open { chain, since: time, rule, place, values: values.into(), last: time, events: present };
            self.ends.insert((open.end(timespan), at));
            watch.open = Some(open);
        }
        self.held = self.held + watch.weight(key.len()) - before;
        self.forget_idle(at);
    }

    /// Tells of the groups in which the absent rule was missed, where the end is `due`.
    fn close(&mut self, due: impl Fn(Timestamp) -> bool, out: &mut Vec<Correlated>) {
        while let Some((end, at)) = self.ends.first().copied().filter(|(end, _)| due(*end)) {
            self.ends.pop_first();
            let (key, watch) = self.groups.at(at);
            let before = watch.weight(key.len());
            let Some(Open { chain, rule, place, values, last, events, .. }) = watch.open.take() else { continue };
            watch.told = self.absent.once.then_some(end);
            let group = key.to_vec();
            self.held = self.held + watch.weight(group.len()) - before;
            out.push(Correlated {
                correlation: self.correlation,
                time: end,
                window: chain.measure(last, events, self.present),
                group,
                rule,
                place,
                values: values.into(),
            });
            self.forget_idle(at);
        }
    }

    /// Gives up a group of which there is nothing to know.
    fn forget_idle(&mut self, at: u32) {
        if self.groups.at(at).1.is_idle() {
            self.groups.remove(at);
        }
    }

    /// Gives up the groups that were quiet longest, as many as must go.
    fn make_room(&mut self, losses: &mut Losses) {
        while self.groups.len() > MAX_GROUPS || self.held > MAX_BYTES {
            let Some(at) = self.groups.quietest() else { break };
            let (key, watch) = self.groups.remove(at);
            self.held -= watch.weight(key);
            watch.open.map(|open| self.ends.remove(&(open.end(self.timespan), at)));
            losses.evicted_groups += 1;
        }
    }
}

/// A hit of the absent rule never raises anything, so nobody will ask what it carried.
fn absent(key: &[u8], rule: RuleIx) -> Waiting<'_> {
    Waiting { key, rule, values: &[] }
}

impl Watch {
    /// Whether nothing is known of it.
    fn is_idle(&self) -> bool {
        self.open.is_none() && self.seen.is_none() && self.told.is_none() && self.chains.is_empty()
    }

    /// Whether events from a timespan after `limit` on can make a difference to it.
    fn matters(&self, limit: Timestamp, once: bool) -> bool {
        let is_within = |time: &Option<Timestamp>| time.is_some_and(|time| time >= limit);
        let told = if once { self.told.is_some() } else { is_within(&self.told) };
        let goes_on = |chain: &Chain| chain.began >= limit;
        self.open.is_some() || told || is_within(&self.seen) || self.chains.iter().flatten().any(goes_on)
    }

    /// Bytes that it is reckoned to take with its key; none where nothing is known.
    fn weight(&self, key: usize) -> usize {
        if self.is_idle() {
            return 0;
        }
        let chains = self.chains.iter().map(|chain| {
            size_of::<Option<Chain>>() + chain.as_ref().map_or(0, |chain| PLACE_BYTES * chain.places.len())
        });
        let open = self.open.as_ref().map_or(0, |open| open.values.len() + PLACE_BYTES * open.chain.places.len());
        GROUP_BYTES + key + chains.sum::<usize>() + open
    }

    /// Whether a chain of hits that began at `from` or later goes on with one at `step`.
    fn comes_to(&self, step: usize, from: Timestamp) -> bool {
        let Some(before) = step.checked_sub(1) else { return true };
        self.chains.get(before).is_some_and(|chain| chain.as_ref().is_some_and(|chain| chain.began >= from))
    }

    /// The chain of hits that one at `step` ends.
    fn chain(&self, step: usize, time: Timestamp, place: Place) -> Chain {
        let before = step.checked_sub(1).and_then(|before| self.chains.get(before)?.clone());
        // Mostly it is one.
        let mut chain = before.unwrap_or_else(|| Chain { began: time, places: Vec::with_capacity(1) });
        chain.add(place);
        chain
    }

    /// Keeps the chain that came to `step` of so many.
    fn keep(&mut self, step: usize, time: Timestamp, place: Place, steps: usize) {
        let chain = self.chain(step, time, place);
        self.chains.resize_with(steps - 1, || None);
        if let Some(slot) = self.chains.get_mut(step) {
            *slot = Some(chain);
        }
    }

    /// Whether, for what is done at `time`, the absent rule was not hit, and that is to be told.
    fn is_missed_before(&mut self, time: Timestamp, timespan: Span, once: bool) -> bool {
        let is_within = |before: Timestamp| (time.minus(timespan)..=time).contains(&before);
        let was_seen = self.seen.is_some_and(is_within);
        let was_told = self.told.is_some_and(|told| once || is_within(told));
        let missed = !was_seen && !was_told;
        if missed {
            self.told = Some(time);
        }
        missed
    }
}

impl Chain {
    /// Adds the next event; of many, the newest are kept.
    fn add(&mut self, place: Place) {
        if self.places.len() >= MAX_PLACES {
            self.places.remove(0);
        }
        self.places.push(place);
    }

    fn measure(self, last: Timestamp, events: usize, present: usize) -> Measured {
        let figure = Number::Int(present as i128);
        Measured { first: self.began, last, events, figure, places: self.places }
    }
}

impl Open {
    /// The last moment at which the absent rule may be hit.
    fn end(&self, timespan: Span) -> Timestamp {
        self.since.plus(timespan)
    }

    /// Adds an event for which the absent rule must be hit, too.
    fn add(&mut self, time: Timestamp, place: Place) {
        self.last = time;
        self.events += 1;
        self.chain.add(place);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{field, rule, text};
    use super::super::tally::Event;
    use super::*;
    use crate::sigma::ir::{CorrelationKind, Criterion, Relation, RuleRef, Temporal};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// What is asked: the side, `once`, how many rules must be hit, the timespan and the lateness in seconds.
    #[derive(Clone, Copy, Debug)]
    struct Asked {
        side: Side,
        once: bool,
        present: usize,
        span: i64,
        lateness: i64,
    }

    const BEFORE: Asked = Asked { side: Side::Before, once: false, present: 1, span: 10, lateness: 0 };
    const AFTER: Asked = Asked { side: Side::After, ..BEFORE };

    impl Asked {
        /// Of the rules, the one that must not be hit.
        fn absent(self) -> usize {
            if self.side == Side::Before { 0 } else { self.present }
        }

        /// The first of those that must be.
        fn first(self) -> usize {
            usize::from(self.side == Side::Before)
        }
    }

    /// An event: when in nanoseconds, by which rule of the order, in which group.
    type Told = (i64, usize, u8);

    struct Bench {
        absence: Absence,
        losses: Losses,
        out: Vec<Correlated>,
        number: u64,
    }

    fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    impl Bench {
        fn new(asked: Asked) -> Self {
            let all = Criterion { relation: Relation::Gte, value: Number::Int(asked.present as i128) };
            let correlation = Correlation {
                meta: rule(field("f", text("x"))).meta,
                kind: CorrelationKind::TemporalOrdered(Temporal::Count(vec![all])),
                rules: (0..=asked.present).map(RuleRef::Rule).collect(),
                group_by: Vec::new(),
                timespan: Span::from_secs(asked.span),
                generate: false,
                absent: Some(Absent { side: asked.side, once: asked.once }),
            };
            let absence = Absence::of(CorrelationIx(0), &correlation, Span::from_secs(asked.lateness));
            Self { absence: absence.unwrap().unwrap(), losses: Losses::default(), out: Vec::new(), number: 0 }
        }

        fn event(&mut self, time: Timestamp, step: usize, key: &[u8], values: &[u8]) {
            self.number += 1;
            let place = Place { input: 0, number: self.number };
            let event = Event { time, place, datum: Datum::Rule(step as u32) };
            let counted = Counted { key, event, rule: RuleIx(step as u32), values };
            self.absence.count(&counted, &mut self.losses, &mut self.out);
        }

        /// Events of one group, by second and rule.
        fn hits(&mut self, hits: &[(i64, usize)]) {
            hits.iter().for_each(|(second, step)| self.event(seconds(*second), *step, b"g", b""));
        }

        fn expire(&mut self, second: i64) -> Vec<i64> {
            self.absence.expire(seconds(second), &mut self.losses, &mut self.out);
            self.told()
        }

        fn finish(&mut self, ending: Ending) -> (Vec<i64>, u64) {
            let open = self.absence.finish(ending, &mut self.losses, &mut self.out);
            (self.told(), open)
        }

        /// When something was told since.
        fn told(&mut self) -> Vec<i64> {
            self.out.drain(..).map(|told| told.time.second()).collect()
        }
    }

    const END: Ending = Ending::Complete(None);

    #[test]
    fn what_does_not_follow_is_told_at_the_end_of_the_timespan() {
        let mut bench = Bench::new(AFTER);
        bench.hits(&[(0, 0), (3, 0)]);
        assert_eq!(bench.expire(10), [0; 0], "it may still come");
        assert_eq!(bench.expire(11), [10]);
        bench.hits(&[(20, 0), (30, 1), (31, 0), (42, 1)]);
        assert_eq!(bench.expire(100), [41], "exactly a timespan after is in time");
        assert_eq!(bench.absence.groups(), 0, "nothing is kept of what is over");
    }

    #[test]
    fn what_did_not_come_before_is_told_of_the_event() {
        let mut bench = Bench::new(BEFORE);
        bench.hits(&[(0, 0), (10, 1), (11, 1), (15, 1), (21, 1), (22, 1), (30, 0), (33, 1)]);
        assert_eq!(
            bench.expire(100),
            [11, 22],
            "exactly a timespan before is in time, and so is a timespan of silence"
        );
        assert_eq!(bench.absence.groups(), 0);
    }

    #[test]
    fn once_told_it_is_told_again_only_when_the_absent_one_was_seen() {
        let mut bench = Bench::new(Asked { once: true, ..AFTER });
        bench.hits(&[(0, 0), (20, 0), (40, 0), (50, 1), (60, 0)]);
        assert_eq!(bench.expire(100), [10, 70]);
        assert_eq!(bench.absence.groups(), 1);
        let mut bench = Bench::new(Asked { once: true, ..BEFORE });
        bench.hits(&[(0, 1), (20, 1), (40, 1), (50, 0), (55, 1), (61, 1)]);
        assert_eq!(bench.expire(100), [0, 61]);
    }

    #[test]
    fn a_nanosecond_more_is_too_late() {
        for (late, told) in [(0, 0), (1, 1)] {
            let end = 10_000_000_000 + 7;
            let mut bench = Bench::new(AFTER);
            bench.event(Timestamp::from_nanos(7), 0, b"g", b"");
            bench.event(Timestamp::from_nanos(end + late), 1, b"g", b"");
            bench.absence.expire(seconds(20), &mut bench.losses, &mut bench.out);
            assert_eq!(bench.out.iter().map(|told| told.time.nanos()).collect::<Vec<_>>(), vec![end; told]);
            let mut bench = Bench::new(BEFORE);
            bench.event(Timestamp::from_nanos(7), 0, b"g", b"");
            bench.event(Timestamp::from_nanos(end + late), 1, b"g", b"");
            assert_eq!(bench.expire(20).len(), told);
        }
    }

    #[test]
    fn at_one_time_the_order_of_the_rules_counts() {
        for hits in [[(5, 0), (5, 1)], [(5, 1), (5, 0)]] {
            for asked in [BEFORE, AFTER] {
                let mut bench = Bench::new(asked);
                bench.hits(&hits);
                assert_eq!(bench.expire(100), [0; 0], "{asked:?} {hits:?}");
            }
        }
    }

    #[test]
    fn at_the_end_only_what_was_watched_for_the_whole_timespan_is_told() {
        for (ending, told, open) in [
            (Ending::Complete(Some(seconds(9))), vec![], 1),
            (Ending::Complete(Some(seconds(10))), vec![10], 0),
            (Ending::Cut(Some(seconds(10))), vec![], 1),
            (Ending::Cut(Some(seconds(11))), vec![10], 0),
            (END, vec![], 1),
        ] {
            let mut bench = Bench::new(Asked { lateness: 60, ..AFTER });
            bench.hits(&[(0, 0)]);
            assert_eq!(bench.finish(ending), (told, open), "{ending:?}");
            let mut bench = Bench::new(Asked { lateness: 60, ..BEFORE });
            bench.hits(&[(9, 1)]);
            assert_eq!(bench.finish(ending), (vec![9], 0), "what was before is known");
        }
    }

    #[test]
    fn an_alert_tells_what_waited() {
        let mut bench = Bench::new(Asked { present: 2, ..AFTER });
        bench.hits(&[(0, 0), (1, 0), (2, 1), (3, 0), (9, 1), (12, 1)]);
        bench.event(seconds(30), 1, b"h", b"");
        bench.absence.expire(seconds(100), &mut bench.losses, &mut bench.out);
        let [told] = &bench.out[..] else { panic!("{:?}", bench.out) };
        assert_eq!((told.time.second(), told.place.number, told.rule), (12, 3, RuleIx(1)), "the event that began it");
        let Measured { first, last, events, figure, places } = &told.window;
        assert_eq!((first.second(), last.second(), *events, *figure), (1, 12, 4, Number::Int(2)));
        assert_eq!(places.iter().map(|place| place.number).collect::<Vec<_>>(), [2, 3, 5, 6]);
    }

    #[test]
    fn several_rules_must_be_hit_within_the_timespan() {
        let mut bench = Bench::new(Asked { present: 2, ..BEFORE });
        bench.hits(&[(0, 1), (11, 2), (12, 1), (13, 0), (14, 2), (24, 1), (25, 2)]);
        assert_eq!(bench.expire(100), [25]);
    }

    #[test]
    fn a_far_future_time_moves_nothing() {
        for asked in [BEFORE, AFTER] {
            let mut bench = Bench::new(Asked { lateness: 5, ..asked });
            bench.expire(0);
            bench.event(seconds(9_000_000_000), asked.absent(), b"g", b"");
            bench.event(seconds(9_000_000_000), asked.first(), b"h", b"");
            bench.hits(&[(1, asked.first())]);
            assert_eq!(bench.expire(30).len(), 1, "{asked:?}");
            bench.hits(&[(40, asked.first())]);
            assert_eq!(bench.expire(80).len(), 1, "{asked:?}");
            assert_eq!(bench.losses.late, 0);
        }
    }

    #[test]
    fn what_comes_too_late_is_counted() {
        let mut bench = Bench::new(Asked { lateness: 5, ..AFTER });
        bench.expire(20);
        bench.hits(&[(14, 0), (15, 0)]);
        assert_eq!((bench.expire(100), bench.losses.late), (vec![25], 1));
    }

    #[test]
    fn groups_and_events_that_wait_are_bounded() {
        let mut bench = Bench::new(AFTER);
        for number in 0..MAX_GROUPS as u32 + 10 {
            bench.event(seconds(0), 0, &number.to_be_bytes(), b"");
        }
        bench.expire(1);
        assert_eq!((bench.absence.groups(), bench.absence.ends.len()), (MAX_GROUPS, MAX_GROUPS));
        assert_eq!((bench.losses.evicted_groups, bench.expire(11).len()), (10, MAX_GROUPS));
        assert_eq!((bench.absence.groups(), bench.absence.held, bench.absence.waiting.bytes()), (0, 0, 0));
        let mut bench = Bench::new(Asked { lateness: 60, ..AFTER });
        bench.expire(0);
        let values = vec![0; 1 << 20];
        bench.event(seconds(9_000_000_000), 0, b"g", &values);
        (0..60).for_each(|_| bench.event(seconds(1), 0, b"g", &values));
        assert!(bench.absence.waiting.bytes() <= MAX_WAITING_BYTES);
        assert_eq!((bench.losses.dropped_events, bench.losses.late), (1, 0), "what is far ahead goes first");
        bench.event(seconds(0), 0, b"g", b"");
        assert_eq!(bench.losses.late, 1, "the earliest wait no longer");
        assert_eq!(bench.expire(100), [11]);
    }

    /// By definition: when something is told of one group, and how many waits are not over `now`. Events are looked through
    /// for each question anew.
    fn truth(asked: Asked, events: &[(i64, usize)], now: i64) -> (Vec<i64>, u64) {
        let absent: BTreeSet<i64> = events.iter().filter(|it| it.1 == asked.absent()).map(|it| it.0).collect();
        let hits = |step: usize| events.iter().filter(move |it| it.1 == asked.first() + step).map(|it| it.0);
        // Whether rules up to `step` were hit one after the other, at `time` the last, all since `from`.
        fn is_chain(hits: &dyn Fn(usize) -> Vec<i64>, step: usize, time: i64, from: i64) -> bool {
            let before = |earlier: &i64| (from..=time).contains(earlier);
            step == 0 || hits(step - 1).iter().filter(|it| before(it)).any(|it| is_chain(hits, step - 1, *it, from))
        }
        let each = |step: usize| hits(step).collect::<Vec<_>>();
        let done: BTreeSet<i64> =
            hits(asked.present - 1).filter(|it| is_chain(&each, asked.present - 1, *it, it - asked.span)).collect();
        let (mut told, mut open) = (Vec::new(), 0);
        match asked.side {
            Side::Before => {
                for time in done.into_iter().filter(|it| absent.range(it - asked.span..=*it).next().is_none()) {
                    let is_free = |last: &i64| {
                        if asked.once { absent.range(last..=&time).next().is_some() } else { time > last + asked.span }
                    };
                    if told.last().is_none_or(is_free) {
                        told.push(time);
                    }
                }
            }
            Side::After => {
                let mut from = i64::MIN;
                while let Some(time) = done.range(from..).next().copied() {
                    let end = time + asked.span;
                    let next = absent.range(time..).next().copied();
                    from = match next.filter(|it| *it <= end) {
                        Some(came) => came + 1,
                        None if end > now => {
                            open += 1;
                            break;
                        }
                        None => {
                            told.push(end);
                            if asked.once { next.map_or(i64::MAX, |came| came + 1) } else { end + 1 }
                        }
                    };
                }
            }
        }
        (told, open)
    }

    /// Events of three groups that come up to `lateness` late.
    fn late_events(steps: usize, lateness: i64) -> impl Strategy<Value = Vec<Told>> {
        prop::collection::vec((0..steps, 0_i64..4, 0..=lateness, 0_u8..3), 1..80).prop_map(|events| {
            let mut now = 0;
            let told = events.into_iter().map(|(step, pause, late, group)| {
                now += pause;
                (now - late, step, group)
            });
            told.collect()
        })
    }

    proptest! {
        /// Whatever the order of arrival, what is told is what the definition says.
        #[test]
        fn order_of_arrival_does_not_matter(
            (present, events) in (1_usize..4).prop_flat_map(|present| (Just(present), late_events(present + 1, 6))),
            after in any::<bool>(),
            once in any::<bool>(),
            span in 1_i64..12,
        ) {
            let side = if after { Side::After } else { Side::Before };
            let asked = Asked { side, once, present, span, lateness: 6 };
            let mut bench = Bench::new(asked);
            let mut now = i64::MIN;
            for (time, step, group) in &events {
                if *time > now {
                    now = *time;
                    bench.absence.expire(seconds(now), &mut bench.losses, &mut bench.out);
                }
                bench.event(seconds(*time), *step, &[*group], b"");
            }
            let open = bench.absence.finish(Ending::Complete(Some(seconds(now))), &mut bench.losses, &mut bench.out);
            prop_assert_eq!(bench.losses, Losses::default());
            let mut left = 0;
            for group in 0..3 {
                let own: Vec<_> = events.iter().filter(|it| it.2 == group).map(|it| (it.0, it.1)).collect();
                let (told, open) = truth(asked, &own, now);
                left += open;
                let found: Vec<i64> =
                    bench.out.iter().filter(|it| it.group == [group]).map(|it| it.time.second()).collect();
                prop_assert_eq!(found, told, "group {}", group);
            }
            prop_assert_eq!(open, left);
            prop_assert!(bench.out.is_sorted_by_key(|told| told.time));
        }
    }
}
