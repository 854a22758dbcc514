//! Learns what is usual, or tells what is not.

use super::book::{Baseline, Bounds};
use super::extent::{Extent, Value};
use super::index::{Index, Look};
use super::period::{Period, Query, Steps, Tally};
use super::seen::Seen;
use super::{Act, Kind, New, Pair, Thing};
use crate::time::{Clock, LEAP, Span, Timestamp};
use hashbrown::HashMap;
use std::sync::Arc;

/// How much capture time passes before what was learned is to be saved again.
pub const SAVE_EVERY: Span = Span::from_secs(600);

/// What a watcher does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It learns, for so long from the first record on, then it is frozen; without end where no time is given.
    Learn(Option<Span>),
    /// It learns nothing and tells what is new, each time.
    #[default]
    Freeze,
    /// It tells what is new once, and learns it.
    Continue,
}

/// Knows what is usual, and sees what is done.
#[derive(Clone, Debug)]
pub struct Watcher {
    state: State,
    bounds: Bounds,
    /// What was new in the last act.
    news: Vec<Thing>,
    /// Questions that were not watched, because a pair asks too many or there are too many pairs.
    unwatched: u64,
    clock: Clock,
    saved: Option<Timestamp>,
    /// Whether it was frozen since it was last asked.
    froze: bool,
}

#[derive(Clone, Debug)]
enum State {
    /// Learned here, or known from the beginning.
    Frozen {
        known: Arc<Baseline>,
        index: Box<Index>,
        here: bool,
    },
    Learning {
        baseline: Box<Baseline>,
        ends: Option<Span>,
        tells: Option<Judged>,
        tallies: Tallies,
    },
}

/// By pair, the question whose period is judged, with its last steps.
type Judged = HashMap<Pair, (Query, Steps), foldhash::fast::RandomState>;

type Tallies = HashMap<Pair, Tally, foldhash::fast::RandomState>;

impl Mode {
    /// Whether a watcher of `known` learns, and so has to see all acts in their order.
    #[must_use]
    pub const fn learns(self, known: &Baseline) -> bool {
        match self {
            Self::Continue | Self::Learn(None) => true,
            Self::Learn(Some(_)) => known.frozen.is_none(),
            Self::Freeze => false,
        }
    }
}

impl Watcher {
    /// A watcher that knows `known`. One that is to learn for a time and whose baseline has been frozen since, stays
    /// frozen.
    #[must_use]
    pub fn new(known: &Arc<Baseline>, mode: Mode, bounds: Bounds) -> Self {
        let learning = |ends, tells| State::Learning {
            baseline: Box::new(Baseline::clone(known)),
            ends,
            tells,
            tallies: Tallies::default(),
        };
        let state = match mode {
            Mode::Continue => learning(None, Some(judged(known))),
            Mode::Learn(ends) if mode.learns(known) => learning(ends, None),
            Mode::Learn(_) | Mode::Freeze => State::frozen(Arc::clone(known), false),
        };
        Self { state, bounds, news: Vec::new(), unwatched: 0, clock: Clock::default(), saved: None, froze: false }
    }

    /// Sees an act; tells what is new in it.
    pub fn see(&mut self, act: &Act<'_>) -> New {
        self.news.clear();
        if let State::Learning { .. } = self.state {
            self.learn(act);
        }
        let Self { state, news, bounds, .. } = self;
        match state {
            State::Frozen { known, index, .. } => match index.look(known, act) {
                Look::Usual => New::NOTHING,
                Look::Unsure(span) => judge(known, act, span, true, news),
            },
            State::Learning { baseline, tells, .. } => {
                let span = tells.as_mut().and_then(|judged| step(judged, act));
                let new = if tells.is_some() { judge(baseline, act, span, false, news) } else { New::NOTHING };
                learn(baseline, act, *bounds);
                if let (true, Some(span), Some(query)) = (new.has(Kind::Period), span, act.query) {
                    // The tally counts it.
                    let seen = Seen { count: 0, ..Seen::once(act.time) };
                    baseline.learn(&Thing::Period(act.pair, query, Period::of(span)), seen, *bounds);
                }
                new
            }
        }
    }

    /// The things that were new in the last act.
    #[must_use]
    pub fn news(&self) -> &[Thing] {
        &self.news
    }

    /// Lets time pass while it learns: the time of learning may be over, and questions are counted.
    fn learn(&mut self, act: &Act<'_>) {
        let Self { state, bounds, unwatched, clock, .. } = self;
        let State::Learning { baseline, ends, tallies, .. } = state else { return };
        clock.tick(act.time);
        let since = *baseline.since.get_or_insert(act.time);
        if let Some(end) = ends.map(|ends| since.plus(ends))
            && clock.now().is_some_and(|now| end <= now || (end <= act.time && act.time.since(now) <= LEAP))
        {
            return self.freeze(end);
        }
        // Where it matters when learning ends, one early time that is wrong must not end it.
        if ends.is_none() {
            baseline.since = Some(since.min(act.time));
        }
        if let Some(query) = act.query {
            let fits = tallies.len() < bounds.entries || tallies.contains_key(&act.pair);
            let watched = fits && tallies.entry(act.pair).or_default().see(query, act.time);
            *unwatched += u64::from(!watched);
        }
    }

    fn freeze(&mut self, at: Timestamp) {
        let Some(mut baseline) = self.learned() else { return };
        baseline.frozen = Some(at);
        self.state = State::frozen(Arc::new(baseline), true);
        self.froze = true;
    }

    /// What it has learned; `None` if it was frozen from the beginning.
    #[must_use]
    pub fn learned(&self) -> Option<Baseline> {
        match &self.state {
            State::Frozen { here: false, .. } => None,
            State::Frozen { known, .. } => Some(Baseline::clone(known)),
            State::Learning { baseline, tallies, .. } => {
                let mut learned = Baseline::clone(baseline);
                let mut frequent: Vec<_> =
                    tallies.iter().filter_map(|(pair, tally)| Some((*pair, tally.most_frequent()?))).collect();
                // In one order, for the case that not all of them fit.
                frequent.sort_unstable_by_key(|(pair, _)| *pair);
                for (pair, (query, periods)) in frequent {
                    learned.learn(&Thing::Period(pair, query, periods.period), periods.seen, self.bounds);
                }
                Some(learned)
            }
        }
    }

    /// What it has learned, once for every [`SAVE_EVERY`] of capture time, and when it is frozen.
    pub fn due(&mut self) -> Option<Baseline> {
        if std::mem::take(&mut self.froze) {
            return self.learned();
        }
        let (State::Learning { .. }, Some(now)) = (&self.state, self.clock.now()) else { return None };
        let saved = *self.saved.get_or_insert(now);
        if now.since(saved) < SAVE_EVERY {
            return None;
        }
        self.saved = Some(now);
        self.learned()
    }

    /// What it could not learn, with names for the summary.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let not_learned = match &self.state {
            State::Frozen { here: false, .. } => 0,
            State::Frozen { known, .. } => known.not_learned(),
            State::Learning { baseline, .. } => baseline.not_learned(),
        };
        [("baseline things not learned", not_learned), ("baseline questions not watched", self.unwatched)].into_iter()
    }
}

impl State {
    fn frozen(known: Arc<Baseline>, here: bool) -> Self {
        Self::Frozen { index: Box::new(Index::new(&known)), known, here }
    }
}

fn judged(known: &Baseline) -> Judged {
    known.frequent_queries().map(|(pair, query)| (pair, (query, Steps::default()))).collect()
}

/// The period of the act's question, if it is the one that counts.
fn step(judged: &mut Judged, act: &Act<'_>) -> Option<Span> {
    let query = act.query?;
    let (judged, steps) = judged.get_mut(&act.pair)?;
    if *judged == query { steps.step(act.time) } else { None }
}

/// Tells what is new in an act. Where nothing of a kind is known, `only_known` keeps quiet about that kind: hardware
/// addresses cannot be learned from a log, and are not all new because of that.
fn judge(known: &Baseline, act: &Act<'_>, span: Option<Span>, only_known: bool, news: &mut Vec<Thing>) -> New {
    let judges = |kind| !only_known || known.count(kind) > 0;
    let mut new = New::NOTHING;
    let mut tell = |thing: Thing| {
        new = new.with(thing.kind());
        news.push(thing);
    };
    if act.asks {
        if judges(Kind::Pair) && !known.has_pair(act.pair) {
            tell(Thing::Pair(act.pair));
        }
        if let Some((unit, function)) = act.asked.filter(|_| judges(Kind::Function))
            && !known.has_function(act.pair, unit, function)
        {
            tell(Thing::Function(act.pair, unit, function));
        }
        if judges(Kind::Address) {
            for (region, first, last) in act.regions() {
                known.each_missing(&region, first, last, &mut |first, last| tell(Thing::Address(region, first, last)));
            }
        }
    }
    if let Some(device) = act.device() {
        for (tag, value) in act.values {
            if known.excludes_value(device, tag, *value) {
                tell(Thing::Value(device, (*tag).into(), Extent::of(*value)));
            }
        }
    }
    if let (Some(query), Some(span)) = (act.query, span)
        && known.excludes_period(act.pair, query, span)
    {
        tell(Thing::Period(act.pair, query, Period::of(span)));
    }
    if let Some((address, mac)) = act.mac.filter(|_| judges(Kind::Mac))
        && !known.has_mac(address, mac)
    {
        tell(Thing::Mac(address, mac));
    }
    new
}

/// Learns all of an act but its period.
fn learn(baseline: &mut Baseline, act: &Act<'_>, bounds: Bounds) {
    let seen = Seen::once(act.time);
    if act.asks {
        baseline.learn(&Thing::Pair(act.pair), seen, bounds);
        if let Some((unit, function)) = act.asked {
            baseline.learn(&Thing::Function(act.pair, unit, function), seen, bounds);
        }
        for (region, first, last) in act.regions() {
            baseline.learn(&Thing::Address(region, first, last), seen, bounds);
        }
    }
    if let Some(device) = act.device() {
        for (tag, value) in act.values {
            learn_value(baseline, device, tag, *value, seen, bounds);
        }
    }
    if let Some((address, mac)) = act.mac {
        baseline.learn(&Thing::Mac(address, mac), seen, bounds);
    }
}

fn learn_value(
    baseline: &mut Baseline,
    device: super::Device,
    tag: &str,
    value: Value<'_>,
    seen: Seen,
    bounds: Bounds,
) {
    // Most values are usual: then there is nothing to be made.
    if !baseline.note_value(device, tag, value, seen) {
        baseline.learn(&Thing::Value(device, tag.into(), Extent::of(value)), seen, bounds);
    }
}
