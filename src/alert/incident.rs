//! Which alerts belong together? Those of one entity, until it is quiet for long enough.
//!
//! An alert belongs to its entity's incident if it is within the window of its first or last one, or between them. That
//! depends on the alerts alone; when an incident is told to be over, on the capture clock, too. An entity's next incident
//! names the one before, if that was not long ago.

use super::attack::{Technique, push_once};
use super::ended::Ended;
use super::entity::{self, Entity};
use super::{AlertId, Grouping};
use crate::detect::Named;
use crate::sigma::ir::Level;
use crate::time::{Span, Timestamp};
use hashbrown::HashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many incidents are open at a time; the quarter that was quiet for longest makes room.
pub const OPEN: usize = 65_536;

/// How many alerts, rules and techniques one incident lists; its alerts and findings are counted beyond.
pub const LISTED: usize = 64;

/// How late an alert may come and still find its incident open.
const LATENESS: Span = Span::from_secs(60);

/// Alerts of one entity, as they are known when it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Tells incidents apart; the same input gives the same ids.
    pub id: AlertId,
    /// The entity's incident before, if that was over not long ago.
    pub previous: Option<AlertId>,
    /// What is new.
    pub state: State,
    /// Whose alerts they are: fields and values.
    pub entity: Vec<Named>,
    /// The same, typed.
    pub entities: Vec<Entity>,
    /// The highest level of its alerts.
    pub level: Level,
    /// Alerts, told by themselves or only here.
    pub alerts: u64,
    /// The first of them, at most [`LISTED`].
    pub members: Vec<AlertId>,
    /// Findings that would be alerts and were not told, since an alert stands for them.
    pub suppressed: u64,
    /// When it began.
    pub first: Timestamp,
    /// The time of its latest finding.
    pub last: Timestamp,
    /// The rules and scoreboards of its alerts, in the order in which they joined, at most [`LISTED`].
    pub rules: Vec<Rule>,
    /// The techniques of all of them, at most [`LISTED`].
    pub techniques: Vec<Technique>,
    /// The points of its findings, or the highest sum of a threat in it if that is more.
    pub score: i64,
    points: i64,
    threat: i64,
}

/// What is new of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It begins.
    Open,
    /// It is worse than before, or a rule or technique joined.
    Grown,
    /// It is over, for this reason.
    Closed(Reason),
}

/// Why an incident is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was quiet for longer than the window.
    Silence,
    /// There is no more input.
    EndOfInput,
    /// Too many were open.
    Room,
}

impl State {
    /// Its word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Grown => "grown",
            Self::Closed(_) => "closed",
        }
    }
}

impl Reason {
    /// Its words in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::EndOfInput => "end of input",
            Self::Room => "room",
        }
    }
}

/// A rule or scoreboard in an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The rule's id, if it has one.
    pub id: Option<Arc<str>>,
    /// Its title; of a scoreboard, its name.
    pub title: Arc<str>,
    /// How often.
    pub count: u64,
}

/// What joins an incident: an alert, or a finding that an alert stands for.
#[derive(Debug)]
pub struct Joining<'a> {
    /// The alert, told by itself or not. A finding that one stands for begins no incident.
    pub alert: Option<AlertId>,
    /// When.
    pub time: Timestamp,
    /// How bad.
    pub level: Level,
    /// The rule's id and title, or the scoreboard's name.
    pub rule: (Option<&'a Arc<str>>, &'a Arc<str>),
    /// What was done.
    pub techniques: &'a [Technique],
    /// What it adds to the score.
    pub score: Score,
}

/// Whose an alert is.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'a> {
    /// As bytes that tell entities apart.
    pub key: &'a [u8],
    /// For people.
    pub entity: &'a [Named],
}

/// How an alert adds to the score of its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Points of a finding.
    Points(u32),
    /// The sum that made a threat: of points that are known already, in part.
    Sum(i64),
}

/// The incidents that are open.
#[derive(Debug)]
pub struct Incidents {
    rule: Grouping,
    open: HashMap<Arc<[u8]>, Incident, foldhash::fast::RandomState>,
    /// By the time of the latest finding.
    quiet: BTreeSet<(Timestamp, Arc<[u8]>)>,
    ended: Ended,
    begun: u64,
    forgotten: u64,
}

impl Incidents {
    /// None is open.
    #[must_use]
    pub fn new(rule: Grouping) -> Self {
        let ended = Ended::new(rule.reopen);
        Self { rule, open: HashMap::default(), quiet: BTreeSet::new(), ended, begun: 0, forgotten: 0 }
    }

    /// How many began.
    #[must_use]
    pub const fn begun(&self) -> u64 {
        self.begun
    }

    /// How many were closed because there were too many.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many that were over are not known any more, though they might be the one before another.
    #[must_use]
    pub const fn ended_forgotten(&self) -> u64 {
        self.ended.forgotten()
    }

    /// Puts an alert, or a finding that one stands for, to the incident of its entity; answers with the incident's id,
    /// and appends what is to be told.
    pub fn join(&mut self, whose: Whose<'_>, joining: &Joining<'_>, told: &mut Vec<Incident>) -> Option<AlertId> {
        self.end_if_apart(whose.key, joining.time, told);
        let (key, mut incident) = match (self.take(whose.key), joining.alert) {
            (Some(known), _) => known,
            (None, None) => return None,
            (None, Some(first)) => {
                self.make_room(told);
                self.begun += 1;
                let previous = self.ended.before(whose.key, joining.time);
                (whose.key.into(), Incident { previous, ..Incident::begin(whose.entity, joining, first) })
            }
        };
        let worse = incident.add(joining);
        if worse {
            told.push(incident.clone());
        }
        incident.state = State::Grown;
        let id = incident.id;
        self.put(key, incident);
        Some(id)
    }

    /// Appends the incidents that are over by `now`.
    pub fn expire(&mut self, now: Timestamp, told: &mut Vec<Incident>) {
        let due = now.minus(LATENESS);
        self.ended.expire(due);
        let due = due.minus(self.rule.window);
        while let Some((last, key)) = self.quiet.first() {
            if *last >= due {
                return;
            }
            let key = Arc::clone(key);
            self.close(&key, Reason::Silence, told);
        }
    }

    /// Appends all incidents that are still open.
    pub fn finish(&mut self, told: &mut Vec<Incident>) {
        while let Some((_, key)) = self.quiet.first() {
            let key = Arc::clone(key);
            self.close(&key, Reason::EndOfInput, told);
        }
    }

    fn end_if_apart(&mut self, key: &[u8], time: Timestamp, told: &mut Vec<Incident>) {
        let Some(incident) = self.open.get(key) else { return };
        let near = incident.first.minus(self.rule.window)..=incident.last.plus(self.rule.window);
        if !near.contains(&time) {
            self.close(key, Reason::Silence, told);
        }
    }

    fn close(&mut self, key: &[u8], reason: Reason, told: &mut Vec<Incident>) {
        if let Some((key, incident)) = self.take(key) {
            self.ended.keep(key, incident.last, incident.id);
            told.push(Incident { state: State::Closed(reason), ..incident });
        }
    }

    fn take(&mut self, key: &[u8]) -> Option<(Arc<[u8]>, Incident)> {
        let (key, incident) = self.open.remove_entry(key)?;
        let at = (incident.last, key);
        self.quiet.remove(&at);
        Some((at.1, incident))
    }

    fn put(&mut self, key: Arc<[u8]>, incident: Incident) {
        self.quiet.insert((incident.last, Arc::clone(&key)));
        self.open.insert(key, incident);
    }

    fn make_room(&mut self, told: &mut Vec<Incident>) {
        if self.open.len() < OPEN {
            return;
        }
        for _ in 0..OPEN / 4 {
            let Some((_, key)) = self.quiet.first() else { return };
            let key = Arc::clone(key);
            self.close(&key, Reason::Room, told);
            self.forgotten += 1;
        }
    }
}

impl Incident {
    fn begin(entity: &[Named], joining: &Joining<'_>, first: AlertId) -> Self {
        Self {
            id: AlertId::incident(first, joining.time, entity),
            previous: None,
            state: State::Open,
            entities: entity::of_fields(entity),
            entity: entity.to_vec(),
            level: joining.level,
            alerts: 0,
            members: Vec::new(),
            suppressed: 0,
            first: joining.time,
            last: joining.time,
            rules: Vec::new(),
            techniques: Vec::new(),
            score: 0,
            points: 0,
            threat: 0,
        }
    }

    /// Answers whether it is worse than before, as it always is with its first alert.
    fn add(&mut self, joining: &Joining<'_>) -> bool {
        let (level, rules, techniques) = (self.level, self.rules.len(), self.techniques.len());
        self.alerts += u64::from(joining.alert.is_some());
        if self.members.len() < LISTED {
            self.members.extend(joining.alert);
        }
        self.suppressed += u64::from(joining.alert.is_none());
        self.level = level.max(joining.level);
        self.first = self.first.min(joining.time);
        self.last = self.last.max(joining.time);
        let (id, title) = joining.rule;
        match self.rules.iter_mut().find(|rule| rule.id.as_ref() == id && rule.title == *title) {
            Some(rule) => rule.count += 1,
            None if rules < LISTED => self.rules.push(Rule { id: id.cloned(), title: Arc::clone(title), count: 1 }),
            None => {}
        }
        for technique in joining.techniques {
            if self.techniques.len() < LISTED {
                push_once(&mut self.techniques, technique.clone());
            }
        }
        match joining.score {
            Score::Points(points) => self.points = self.points.saturating_add(points.into()),
            Score::Sum(sum) => self.threat = self.threat.max(sum),
        }
        self.score = self.points.max(self.threat);
        self.level > level || self.rules.len() > rules || self.techniques.len() > techniques
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Numbering};
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600;

    /// Second, entity, rule, level, and whether it is an alert or only counted for one.
    type Happening = (i64, u8, u8, Level, bool);

    fn run(incidents: &mut Incidents, happening: Happening) -> Vec<Incident> {
        run_numbered(incidents, &mut Numbering::default(), happening)
    }

    fn run_numbered(
        incidents: &mut Incidents,
        numbering: &mut Numbering,
        (second, entity, rule, level, is_alert): Happening,
    ) -> Vec<Incident> {
        let mut told = Vec::new();
        let time = Timestamp::from_parts(second, 0);
        let titles = [Arc::from("r0"), Arc::from("r1"), Arc::from("r2")];
        let named = [Named { name: "modbus.client".into(), json: format!("\"10.0.0.{entity}\"").into() }];
        let id = numbering.id(Kind::Rule, &titles[usize::from(rule)], time, &named);
        let alert = is_alert.then_some(id);
        let rule = (None, &titles[usize::from(rule)]);
        let joining = Joining { alert, time, level, rule, techniques: &[], score: Score::Points(10) };
        incidents.join(Whose { key: &[entity], entity: &named }, &joining, &mut told);
        told
    }

    fn short(told: &[Incident]) -> Vec<String> {
        let line = |it: &Incident| {
            let reason =
                if let State::Closed(reason) = it.state { format!(" {}", reason.word()) } else { String::new() };
            let (alerts, more, rules) = (it.alerts, it.suppressed, it.rules.len());
            format!("{}{reason}: {alerts}+{more} of {rules}, {} points, {}", it.state.word(), it.score, it.level.word())
        };
        told.iter().map(line).collect()
    }

    #[test]
    fn an_incident_opens_grows_when_it_gets_worse_and_closes_when_it_is_quiet() {
        use Level::{Critical, High, Medium};
        let mut incidents = Incidents::new(Grouping::default());
        let mut told = |happening| short(&run(&mut incidents, happening));
        assert_eq!(told((0, 1, 0, High, true)), ["open: 1+0 of 1, 10 points, high"]);
        assert!(told((1, 1, 0, High, true)).is_empty(), "more of the same is not told");
        assert!(told((2, 1, 0, High, false)).is_empty());
        assert_eq!(told((3, 1, 1, Medium, true)), ["grown: 3+1 of 2, 40 points, high"]);
        assert_eq!(told((4, 1, 1, Critical, false)), ["grown: 3+2 of 2, 50 points, critical"]);
        assert!(told((HOUR + 4, 1, 0, High, true)).is_empty(), "exactly the window later is the same incident");
        let next = told((2 * HOUR + 5, 1, 0, High, true));
        assert_eq!(next, ["closed silence: 4+2 of 2, 60 points, critical", "open: 1+0 of 1, 10 points, high"]);
        assert!(told((0, 2, 0, High, false)).is_empty(), "what an alert stands for opens nothing");
    }

    #[test]
    fn the_clock_closes_what_is_quiet_and_the_end_the_rest() {
        let mut incidents = Incidents::new(Grouping::default());
        run(&mut incidents, (0, 1, 0, Level::High, true));
        run(&mut incidents, (10, 2, 0, Level::High, true));
        let mut told = Vec::new();
        incidents.expire(Timestamp::from_parts(HOUR + 60, 0), &mut told);
        assert!(told.is_empty(), "an alert may come a minute late");
        incidents.expire(Timestamp::from_parts(HOUR + 61, 0), &mut told);
        assert_eq!((told.len(), told[0].entity[0].json.as_ref()), (1, "\"10.0.0.1\""));
        incidents.finish(&mut told);
        assert_eq!((told.len(), told[1].state), (2, State::Closed(Reason::EndOfInput)));
        assert_eq!((incidents.begun(), incidents.forgotten()), (2, 0));
    }

    #[test]
    fn whoever_acts_again_is_told_with_the_incident_before() {
        let rule = Grouping { window: Span::from_secs(60), reopen: Some(Span::from_secs(HOUR)), ..Grouping::default() };
        let mut incidents = Incidents::new(rule);
        let mut begin = |second: i64, tick: i64| {
            let mut told = Vec::new();
            incidents.expire(Timestamp::from_parts(tick, 0), &mut told);
            told.extend(run(&mut incidents, (second, 1, 0, Level::High, true)));
            let opened = told.into_iter().find(|it| it.state == State::Open).unwrap();
            (opened.id, opened.previous)
        };
        let (first, none) = begin(0, 0);
        assert_eq!(none, None, "there was none before");
        let (second, before) = begin(HOUR, HOUR);
        assert_eq!(before, Some(first), "exactly so long after its last alert it is the same affair");
        let (third, before) = begin(HOUR + 61, HOUR + 61);
        assert_eq!(before, Some(second));
        let (fourth, before) = begin(HOUR + 61 + HOUR + 1, 0);
        assert_eq!(before, None, "too long ago");
        // Late by a minute, when the clock is past its time already.
        let due = 2 * HOUR + 62 + HOUR;
        let (_, before) = begin(due, due + 60);
        assert_eq!(before, Some(fourth));
        assert!(![first, second, third].contains(&fourth));
    }

    #[test]
    fn nobody_is_told_with_the_incident_before_where_that_is_not_wanted() {
        let rule = Grouping { window: Span::from_secs(60), reopen: None, ..Grouping::default() };
        let mut incidents = Incidents::new(rule);
        for second in [0, 61, 122] {
            let told = run(&mut incidents, (second, 1, 0, Level::High, true));
            assert!(told.iter().all(|it| it.previous.is_none()));
        }
    }

    #[test]
    fn an_incident_lists_so_many_alerts_and_counts_the_rest() {
        let mut incidents = Incidents::new(Grouping::default());
        for second in 0..100 {
            run(&mut incidents, (second, 1, 0, Level::High, true));
            run(&mut incidents, (second, 1, 0, Level::High, false));
        }
        let mut told = Vec::new();
        incidents.finish(&mut told);
        let ids: std::collections::HashSet<_> = told[0].members.iter().collect();
        assert_eq!((told[0].alerts, told[0].suppressed, ids.len()), (100, 100, LISTED));
    }

    #[test]
    fn a_threat_counts_by_its_sum_not_besides_its_findings() {
        let mut incidents = Incidents::new(Grouping::default());
        let title = Arc::from("client");
        let score = |sum| Joining {
            alert: Some(Numbering::default().id(Kind::Threat, "client", Timestamp::default(), &[])),
            time: Timestamp::default(),
            level: Level::High,
            rule: (None, &title),
            techniques: &[],
            score: sum,
        };
        let mut told = Vec::new();
        for (sum, expected) in [(Score::Points(70), 70), (Score::Sum(50), 70), (Score::Sum(120), 120)] {
            incidents.join(Whose { key: b"k", entity: &[] }, &score(sum), &mut told);
            assert_eq!(incidents.open.values().next().unwrap().score, expected);
        }
    }

    #[test]
    fn the_quietest_make_room_and_are_told() {
        let mut incidents = Incidents::new(Grouping::default());
        let title = Arc::from("r");
        let mut told = Vec::new();
        let alert = Some(Numbering::default().id(Kind::Rule, "r", Timestamp::default(), &[]));
        for number in 0..=OPEN as u32 {
            let time = Timestamp::from_nanos(number.into());
            let joining = Joining {
                alert,
                time,
                level: Level::High,
                rule: (None, &title),
                techniques: &[],
                score: Score::Sum(1),
            };
            incidents.join(Whose { key: &number.to_be_bytes(), entity: &[] }, &joining, &mut told);
        }
        let closed: Vec<_> = told.iter().filter(|it| it.state == State::Closed(Reason::Room)).collect();
        assert_eq!((closed.len(), incidents.forgotten()), (OPEN / 4, (OPEN / 4) as u64));
        assert_eq!((closed[0].first.nanos(), incidents.open.len()), (0, OPEN - OPEN / 4 + 1));
    }

    /// The incidents of all that happened, each as its entity, first and last second, alerts and findings: grouped anew for
    /// each entity.
    fn grouped(happenings: &[Happening], window: i64) -> Vec<(u8, i64, i64, u64, u64)> {
        let mut all = Vec::new();
        for entity in 0..3 {
            let mut current: Option<(u8, i64, i64, u64, u64)> = None;
            for (second, _, _, _, is_alert) in happenings.iter().filter(|happening| happening.1 == entity) {
                let joins = |it: &(u8, i64, i64, u64, u64)| (it.1 - window..=it.2 + window).contains(second);
                all.extend(current.take_if(|it| !joins(it)));
                match &mut current {
                    None if !is_alert => {}
                    None => current = Some((entity, *second, *second, 1, 0)),
                    Some((_, first, last, alerts, more)) => {
                        (*first, *last) = ((*first).min(*second), (*last).max(*second));
                        *(if *is_alert { alerts } else { more }) += 1;
                    }
                }
            }
            all.extend(current);
        }
        all.sort_unstable();
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn incidents_are_those_of_a_naive_grouping_whenever_the_clock_ticks(
            happenings in prop::collection::vec(
                (0..1_000_i64, 0..3_u8, 0..3_u8, prop::sample::select(&Level::ALL[3..]), any::<bool>()), 0..50),
            ticks in prop::collection::vec(any::<bool>(), 50),
            late in 0..60_i64,
        ) {
            let mut happenings: Vec<Happening> = happenings;
            // Each may come up to a minute after later ones.
            happenings.sort_by_key(|happening| happening.0 + (happening.0 * 7_919) % (late + 1));
            let window = 30;
            let reopen = Span::from_secs(3 * window);
            let grouping = Grouping { window: Span::from_secs(window), by: Vec::new(), reopen: Some(reopen) };
            let (mut incidents, mut numbering) = (Incidents::new(grouping), Numbering::default());
            let (mut told, mut newest) = (Vec::new(), 0);
            for (happening, tick) in happenings.iter().zip(ticks) {
                newest = newest.max(happening.0);
                if tick {
                    incidents.expire(Timestamp::from_parts(newest, 0), &mut told);
                }
                told.extend(run_numbered(&mut incidents, &mut numbering, *happening));
            }
            incidents.finish(&mut told);
            let entity = |it: &Incident| it.entity[0].json.trim_matches('"').rsplit('.').next().unwrap().parse().unwrap();
            let closed = told.iter().filter(|it| matches!(it.state, State::Closed(_)));
            let mut closed: Vec<(u8, i64, i64, u64, u64)> = closed
                .map(|it| (entity(it), it.first.second(), it.last.second(), it.alerts, it.suppressed))
                .collect();
            closed.sort_unstable();
            prop_assert_eq!(closed, grouped(&happenings, window));
            let opened = told.iter().filter(|it| it.state == State::Open).map(|it| it.id);
            let ids: std::collections::HashSet<_> = opened.clone().collect();
            prop_assert_eq!(ids.len(), opened.count(), "each has its own id");
            // Each begins with the entity's incident that was told to be over last, if that was not long ago.
            let mut over: std::collections::HashMap<u8, (Timestamp, AlertId)> = std::collections::HashMap::new();
            for it in &told {
                if it.state == State::Open {
                    let before = over.get(&entity(it)).filter(|(last, _)| (*last..=last.plus(reopen)).contains(&it.first));
                    prop_assert_eq!(it.previous, before.map(|(_, id)| *id));
                }
                if let State::Closed(_) = it.state {
                    over.insert(entity(it), (it.last, it.id));
                }
            }
        }
    }
}
