//! A sliding window over the events of one group, in the order of their times.
//!
//! The window that ends at an event holds the events of the time span before it, both ends included. The condition is
//! looked at twice for each event: just before it, when the window has slid there, and with it. A *run* is a stretch of
//! events at which it holds each time; its first event is an *edge*, held with it, and not before it or not with the event before.
//! Each run has one alert, at its edge.
//!
//! A late event changes the windows of events after it and may so make edges of them; an alert is due only if
//! that run had none yet. To know those windows the tally of the newest one is not built anew but led back and forth: it
//! stays where it last was needed, so that an event far ahead of all others costs the others nothing.
//!
//! Many late events (a log with the newest first) must not cost a walk through all later windows each. Where more events
//! never make a condition false, windows at which it holds stay as they are; and as long as it could not hold of all events
//! together, none is looked at.

use super::correlated::{MAX_PLACES, Measured};
use super::kept::Events;
use super::question::{MAX_EVENTS, Question};
use super::tally::{Event, Tally};
use crate::sigma::ir::Number;
use crate::time::{Span, Timestamp};

/// The events of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    events: Events,
    /// Of the events from `left` to before `right`; none as long as they are too few for the condition to hold, or where
    /// only their number counts.
    tally: Option<Box<Tally>>,
    left: u32,
    right: u32,
    /// While late events come, all events, whatever their order.
    crowd: Option<Box<Crowd>>,
}

#[derive(Clone, Debug)]
struct Crowd {
    tally: Tally,
    /// How many events came since the last late one.
    in_order: u32,
}

/// After so many events in order no more late ones are reckoned with.
const IN_ORDER: u32 = 1 << 10;

/// An event at which an alert may be due.
#[derive(Clone, Copy, Debug)]
struct Edge {
    first: usize,
    last: usize,
    figure: Number,
}

impl Window {
    /// How many events it keeps.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// The latest event.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.events.latest()
    }

    /// Bytes that its tally takes beside those of events.
    pub(super) fn bytes(&self) -> usize {
        self.tally.as_ref().map_or(0, |tally| tally.bytes())
    }

    /// Forgets events before `limit`, many at a time, and the oldest if it is full; returns how many were forgotten for
    /// lack of room.
    #[inline]
    pub(super) fn make_room(&mut self, limit: Timestamp, at_a_time: Span) -> u64 {
        let full = self.events.len() >= MAX_EVENTS;
        if full || self.events.oldest().is_some_and(|oldest| oldest < limit.minus(at_a_time)) {
            return self.forget(limit);
        }
        0
    }

    fn forget(&mut self, limit: Timestamp) -> u64 {
        while self.events.oldest().is_some_and(|oldest| oldest < limit) {
            self.forget_oldest();
        }
        let full = self.events.len() >= MAX_EVENTS;
        if full {
            self.forget_oldest();
        }
        u64::from(full)
    }

    fn forget_oldest(&mut self) {
        if self.left == 0 && self.right > 0 {
            self.leave();
        }
        if let Some(oldest) = self.events.pop_front() {
            if let Some(crowd) = &mut self.crowd {
                crowd.tally.remove(&oldest);
            }
            self.left = self.left.saturating_sub(1);
            self.right = self.right.saturating_sub(1);
        }
    }

    /// Adds an event and tells the windows for which an alert is due: one at most unless the event is late.
    pub(super) fn add(&mut self, event: Event, span: Span, question: &Question, mut tell: impl FnMut(Measured)) {
        if self.events.is_empty() {
            self.reset(0);
            self.crowd = None;
        }
        let late = self.latest().is_some_and(|latest| latest > event.time);
        if late || self.crowd.is_some() || self.right() != self.events.len() {
            return self.add_anywhere(event, late, span, question).into_iter().for_each(tell);
        }
        self.events.push(event);
        if let Some(edge) = self.step(span, question) {
            tell(self.alert(edge));
        }
    }

    fn add_anywhere(&mut self, event: Event, late: bool, span: Span, question: &Question) -> Vec<Measured> {
        let at = if late { self.events.before(|time| time <= event.time) } else { self.events.len() };
        let grows = late && question.grows();
        self.gather(&event, grows, question);
        let hopeless = grows && self.crowd.as_ref().is_some_and(|crowd| !question.may_hold(&crowd.tally));
        if hopeless {
            self.make_place(at, &event);
        } else {
            self.lead(at, event.time.minus(span));
        }
        self.events.insert(at, event);
        if hopeless {
            return Vec::new();
        }
        let mut edges = Vec::new();
        let end = event.time.plus(span);
        loop {
            while self.time(self.right()).is_some_and(|time| time <= end) {
                if grows && self.right() > at && self.is_held(self.right()) {
                    break;
                }
                edges.extend(self.step(span, question));
            }
            // Windows at which it holds already stay so.
            let rest = self.right()..self.events.len();
            let due = |at: &usize| self.time(*at).is_some_and(|time| time <= end);
            let Some(next) = rest.take_while(due).find(|at| !self.is_held(*at)) else { break };
            let from = self.time(next).unwrap_or(end).minus(span);
            self.lead(next, from);
        }
        edges.retain(|edge| !self.has_alerted(edge.last));
        edges.into_iter().map(|edge| self.alert(edge)).collect()
    }

    /// Notes the event among all, where late ones are reckoned with: from the first that is `late`.
    fn gather(&mut self, event: &Event, late: bool, question: &Question) {
        if late && self.crowd.is_none() {
            let mut tally = question.unordered();
            self.events.iter().for_each(|event| tally.add(&event));
            self.crowd = Some(Box::new(Crowd { tally, in_order: 0 }));
        }
        let Some(crowd) = &mut self.crowd else { return };
        crowd.tally.add(event);
        crowd.in_order = if late { 0 } else { crowd.in_order + 1 };
        if crowd.in_order > IN_ORDER {
            self.crowd = None;
        }
    }

    /// Keeps the tally right for an event that is to stand at `at`, wherever it stays.
    fn make_place(&mut self, at: usize, event: &Event) {
        if at >= self.right() {
            return;
        }
        if at <= self.left() {
            self.left += 1;
            self.right += 1;
        } else if self.is_reversible() {
            if let Some(tally) = &mut self.tally {
                tally.add(event);
            }
            self.right += 1;
        } else {
            self.reset(at);
        }
    }

    /// Whether the condition held just before an event and with it.
    fn is_held(&self, at: usize) -> bool {
        self.events.held(at) == (true, true)
    }

    /// Leads the tally on by one event; tells if that is an edge.
    fn step(&mut self, span: Span, question: &Question) -> Option<Edge> {
        let last = self.right();
        let from = self.time(last)?.minus(span);
        // Where more events never make it false, what does not hold of too many does not hold of fewer: then those that
        // are too old may stay.
        let holds_of_more = !question.grows() || self.holds(question, from);
        if holds_of_more {
            self.slide(last, from);
        }
        let held_before = holds_of_more && self.holds(question, from);
        self.enter();
        let mut holds = self.holds(question, from);
        if holds && !holds_of_more {
            self.slide(last, from);
            holds = self.holds(question, from);
        }
        let held_till_then = held_before && last.checked_sub(1).is_some_and(|before| self.events.held(before).1);
        self.events.hold(last, (held_before, holds));
        if !holds || held_till_then {
            return None;
        }
        let figure = self.tell(question, |tally| question.answer(tally, from))?;
        Some(Edge { first: self.left(), last, figure })
    }

    /// Whether the condition holds of the events that are in the window, which begins at `from`.
    #[inline]
    fn holds(&mut self, question: &Question, from: Timestamp) -> bool {
        (self.right - self.left) as usize >= question.fewest()
            && self.tell(question, |tally| question.holds(tally, from))
    }

    /// Tells of the events that are in the window.
    #[inline]
    fn tell<T>(&mut self, question: &Question, of: impl FnOnce(&Tally) -> T) -> T {
        if question.counts_events() {
            return of(&Tally::Events((self.right - self.left) as usize));
        }
        let (events, inside) = (&self.events, self.left()..self.right());
        of(self.tally.get_or_insert_with(|| {
            let mut tally = question.blank();
            inside.filter_map(|at| events.get(at)).for_each(|event| tally.add(&event));
            Box::new(tally)
        }))
    }

    /// Lets the events go that came before `from`.
    fn slide(&mut self, last: usize, from: Timestamp) {
        while self.left() < last && self.time(self.left()).is_some_and(|time| time < from) {
            self.leave();
        }
    }

    /// Leads the tally to the window just before the event that is to stand at `at`, which begins at `from`.
    fn lead(&mut self, at: usize, from: Timestamp) {
        let lacks_none = |left: usize| left.checked_sub(1).and_then(|at| self.time(at)).is_none_or(|time| time < from);
        if at == self.right() && lacks_none(self.left()) {
            return;
        }
        let left = self.events.before(|time| time < from).min(at);
        let back = at < self.right() || left < self.left();
        if at <= self.left() || left >= self.right() || (back && !self.is_reversible()) {
            self.reset(left);
        }
        while self.right() > at {
            self.right -= 1;
            self.change(self.right(), Tally::remove);
        }
        while self.left() > left {
            self.left -= 1;
            self.change(self.left(), Tally::add);
        }
        while self.right() < at {
            self.enter();
        }
        while self.left() < left {
            self.leave();
        }
    }

    /// Begins anew with no events inside.
    fn reset(&mut self, at: usize) {
        self.tally = None;
        (self.left, self.right) = (at as u32, at as u32);
    }

    fn enter(&mut self) {
        self.change(self.right(), Tally::add);
        self.right += 1;
    }

    fn leave(&mut self) {
        self.change(self.left(), Tally::remove);
        self.left += 1;
    }

    /// Changes the tally, if there is one, by an event.
    #[inline]
    fn change(&mut self, at: usize, change: impl FnOnce(&mut Tally, &Event)) {
        if let Some(tally) = &mut self.tally
            && let Some(event) = self.events.get(at)
        {
            change(tally, &event);
        }
    }

    fn is_reversible(&self) -> bool {
        self.tally.as_ref().is_none_or(|tally| tally.is_reversible())
    }

    fn left(&self) -> usize {
        self.left as usize
    }

    fn right(&self) -> usize {
        self.right as usize
    }

    fn time(&self, at: usize) -> Option<Timestamp> {
        self.events.time(at)
    }

    fn event(&self, at: usize) -> Option<Event> {
        self.events.get(at)
    }

    /// Whether the run that starts at event `edge` had its alert.
    fn has_alerted(&self, edge: usize) -> bool {
        let run = (edge + 1..self.events.len()).take_while(|at| self.is_held(*at));
        std::iter::once(edge).chain(run).any(|at| self.events.has_alerted(at))
    }

    fn alert(&mut self, edge: Edge) -> Measured {
        let Edge { first, last, figure } = edge;
        self.events.note_alert(last);
        let told = first.max((last + 1).saturating_sub(MAX_PLACES));
        Measured {
            first: self.time(first).unwrap_or_default(),
            last: self.time(last).unwrap_or_default(),
            events: last + 1 - first,
            figure,
            places: (told..=last).filter_map(|at| Some(self.event(at)?.place)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::super::fixture::{field, rule, text};
    use super::super::sum::Figure;
    use super::super::tally::{Datum, Tuple};
    use super::*;
    use crate::sigma::ir::{
        Correlation, CorrelationKind, Criterion, GroupKey, Metric, Relation, RuleExpr, RuleRef, Temporal,
    };
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// How many rules the tests' correlations refer to.
    const RULES: usize = 3;

    fn question(kind: CorrelationKind) -> Question {
        Question::of(&Correlation {
            meta: rule(field("f", text("x"))).meta,
            kind,
            group_by: Vec::new(),
            rules: (0..RULES).map(RuleRef::Rule).collect(),
            timespan: Span::from_secs(1),
            generate: false,
            absent: None,
        })
        .unwrap()
    }

    /// An event: when, and a number that stands for what it tells.
    type Told = (i64, u32);

    /// A condition by its definition, over the events of a window in the order of time.
    type Definition = dyn Fn(&[Told]) -> bool;

    /// What a kind asks, twice told.
    struct Case {
        kind: CorrelationKind,
        datum: fn(u32) -> Datum,
        holds: Box<Definition>,
    }

    fn key() -> GroupKey {
        GroupKey { name: "n".into(), fields: Vec::new() }
    }

    fn number(value: u32) -> i64 {
        i64::from(value) - 2
    }

    fn figure(value: u32) -> Datum {
        Datum::Figure(Figure::Int(number(value)))
    }

    fn place(value: u32) -> Datum {
        Datum::Rule(value % RULES as u32)
    }

    fn places(events: &[Told]) -> BTreeSet<u32> {
        events.iter().map(|(_, value)| value % RULES as u32).collect()
    }

    /// The most different rules that events hit in the order of the list; those of one time may be taken in any order.
    fn in_order(events: &[Told]) -> i64 {
        let mut hits: Vec<_> = events.iter().map(|(time, value)| (*time, value % RULES as u32)).collect();
        hits.sort_unstable();
        let chains = (0_u32..1 << RULES).filter(|chain| {
            let mut left = hits.iter();
            let mut wanted = (0..RULES as u32).filter(|place| chain >> place & 1 == 1);
            wanted.all(|place| left.any(|(_, hit)| *hit == place))
        });
        chains.map(|chain| i64::from(chain.count_ones())).max().unwrap_or(0)
    }

    /// The percentile by definition, in halves so that all is exact.
    fn median(events: &[Told]) -> Option<i64> {
        let mut values: Vec<i64> = events.iter().map(|(_, value)| number(*value)).collect();
        values.sort_unstable();
        let last = values.len().checked_sub(1)?;
        Some(values[last / 2] + values[last.div_ceil(2)])
    }

    /// The first quartile in quarters.
    fn quartile(events: &[Told]) -> Option<i64> {
        let mut values: Vec<i64> = events.iter().map(|(_, value)| number(*value)).collect();
        values.sort_unstable();
        let last = values.len().checked_sub(1)?;
        let (at, above) = (last / 4, last as i64 % 4);
        Some(values[at] * (4 - above) + values[last.min(at + 1)] * above)
    }

    fn cases(bound: u32, exactly: bool) -> Vec<Case> {
        let relation = if exactly { Relation::Eq } else { Relation::Gte };
        let criteria = vec![Criterion { relation, value: Number::Int(bound.into()) }];
        let within = move |figure: i64| if exactly { figure == i64::from(bound) } else { figure >= i64::from(bound) };
        let metric = |metric| CorrelationKind::Metric { metric, field: key(), criteria: criteria.clone() };
        let sum = |events: &[Told]| events.iter().map(|(_, value)| number(*value)).sum::<i64>();
        let double =
            move |figure: i64| if exactly { figure == 2 * i64::from(bound) } else { figure >= 2 * i64::from(bound) };
        let fourfold =
            move |figure: i64| if exactly { figure == 4 * i64::from(bound) } else { figure >= 4 * i64::from(bound) };
        let expr = RuleExpr::All(vec![RuleExpr::Any(vec![RuleExpr::Seen(0), RuleExpr::Seen(1)]), RuleExpr::Seen(2)]);
        let (two, either) = (RULES as u32 - 1, |places: &BTreeSet<u32>| places.contains(&0) || places.contains(&1));
        vec![
            Case {
                kind: CorrelationKind::EventCount(criteria.clone()),
                datum: |_| Datum::Nothing,
                holds: Box::new(move |events| within(events.len() as i64)),
            },
            Case {
                kind: CorrelationKind::ValueCount { fields: vec![key()], criteria: criteria.clone() },
                datum: |value| Datum::Tuple(Tuple::of(&[value as u8])),
                holds: Box::new(move |events| {
                    within(events.iter().map(|(_, value)| value).collect::<BTreeSet<_>>().len() as i64)
                }),
            },
            Case {
                kind: CorrelationKind::Temporal(Temporal::Count(criteria.clone())),
                datum: place,
                holds: Box::new(move |events| within(places(events).len() as i64)),
            },
            Case {
                kind: CorrelationKind::Temporal(Temporal::Expr(expr)),
                datum: place,
                holds: Box::new(move |events| either(&places(events)) && places(events).contains(&two)),
            },
            Case {
                kind: CorrelationKind::TemporalOrdered(Temporal::Count(criteria.clone())),
                datum: place,
                holds: Box::new(move |events| within(in_order(events))),
            },
            Case {
                kind: metric(Metric::Sum),
                datum: figure,
                holds: Box::new(move |events| !events.is_empty() && within(sum(events))),
            },
            Case {
                kind: metric(Metric::Avg),
                datum: figure,
                holds: Box::new(move |events| {
                    let (sum, least) = (sum(events), i64::from(bound) * events.len() as i64);
                    !events.is_empty() && if exactly { sum == least } else { sum >= least }
                }),
            },
            Case {
                kind: metric(Metric::Median),
                datum: figure,
                holds: Box::new(move |events| median(events).is_some_and(double)),
            },
            Case {
                kind: metric(Metric::Percentile(25.0)),
                datum: figure,
                holds: Box::new(move |events| quartile(events).is_some_and(fourfold)),
            },
            Case {
                kind: metric(Metric::Percentile(100.0)),
                datum: figure,
                holds: Box::new(move |events| events.iter().map(|(_, value)| number(*value)).max().is_some_and(within)),
            },
        ]
    }

    /// The definition: all windows of all events, looked at anew after each arrival.
    #[derive(Default)]
    struct Truth {
        events: Vec<Told>,
        numbers: Vec<usize>,
        alerted: BTreeSet<usize>,
    }

    impl Truth {
        /// The edges that are due, by time and number of events.
        fn add(&mut self, time: i64, value: u32, span: i64, holds: &Definition) -> Vec<(i64, usize)> {
            let new = self.events.partition_point(|event| event.0 <= time);
            self.events.insert(new, (time, value));
            self.numbers.insert(new, self.numbers.len());
            let mut run: Vec<usize> = Vec::new();
            let mut runs = Vec::new();
            for at in 0..self.events.len() {
                let from = self.events.partition_point(|event| event.0 < self.events[at].0 - span);
                let (before, with) = (holds(&self.events[from..at]), holds(&self.events[from..=at]));
                if !(before && with && !run.is_empty()) {
                    runs.push(std::mem::take(&mut run));
                }
                if with {
                    run.push(at);
                }
            }
            runs.push(run);
            let mut due = Vec::new();
            for run in runs {
                let Some(edge) = run.first().copied() else { continue };
                let changed = edge >= new && self.events[edge].0 - span <= time;
                if changed && !run.iter().any(|at| self.alerted.contains(&self.numbers[*at])) {
                    self.alerted.insert(self.numbers[edge]);
                    let from = self.events.partition_point(|event| event.0 < self.events[edge].0 - span);
                    due.push((self.events[edge].0, edge + 1 - from));
                }
            }
            due
        }
    }

    fn run(events: &[Told], span: i64, question: &Question, datum: fn(u32) -> Datum) -> Vec<Vec<(i64, usize)>> {
        let mut window = Window::default();
        let mut add = |(time, value): &Told| {
            let place = Place { input: 0, number: 0 };
            let event = Event { time: Timestamp::from_nanos(*time), place, datum: datum(*value) };
            let mut due = Vec::new();
            window.add(event, Span::from_nanos(span), question, |measured| due.push(measured));
            due.iter().map(|due| (due.last.nanos(), due.events)).collect()
        };
        events.iter().map(&mut add).collect()
    }

    /// All alerts of events that arrive in this order, when so many make one.
    fn alerts(times: &[i64], span: i64, least: i128) -> Vec<(i64, usize)> {
        let criterion = Criterion { relation: Relation::Gte, value: Number::Int(least) };
        let events: Vec<_> = times.iter().map(|time| (*time, 0)).collect();
        run(&events, span, &question(CorrelationKind::EventCount(vec![criterion])), |_| Datum::Nothing).concat()
    }

    #[test]
    fn an_event_at_exactly_the_span_is_inside() {
        assert_eq!(alerts(&[0, 5, 10], 10, 3), [(10, 3)]);
        assert_eq!(alerts(&[0, 5, 11], 10, 3), []);
    }

    #[test]
    fn a_burst_alerts_once_and_the_next_one_again() {
        assert_eq!(alerts(&[0, 1, 2, 3, 4, 100, 101, 102], 10, 3), [(2, 3), (102, 3)]);
        assert_eq!(alerts(&[0, 100], 10, 1), [(0, 1), (100, 1)]);
    }

    #[test]
    fn a_late_event_counts_where_it_belongs() {
        assert_eq!(alerts(&[0, 20, 5, 6], 10, 3), [(6, 3)]);
        assert_eq!(alerts(&[0, 10, 5], 10, 3), [(10, 3)]);
        assert_eq!(alerts(&[0, 1, 2, 1], 10, 3), [(2, 3)]);
    }

    proptest! {
        #[test]
        fn alerts_are_those_of_a_full_rescan(
            events in prop::collection::vec((0_i64..60, 0_u32..6), 1..40),
            span in 0_i64..15,
            bound in 1_u32..4,
            exactly in any::<bool>(),
            sorted in any::<bool>(),
        ) {
            let mut events = events;
            if sorted {
                events.sort_unstable();
            }
            for case in cases(bound, exactly) {
                let mut truth = Truth::default();
                let expected: Vec<_> =
                    events.iter().map(|(time, value)| truth.add(*time, *value, span, &case.holds)).collect();
                prop_assert_eq!(run(&events, span, &question(case.kind.clone()), case.datum), expected, "{:?}", case.kind);
            }
        }
    }
}
