//! Which alerts belong together? Those of one entity, until it is quiet for long enough.
//!
//! An alert belongs to its entity's incident if it is within the window of its first or last one, or between them. That
//! depends on the alerts alone; when an incident is told to be over, on the capture clock, too.

use super::attack::{Technique, push_once};
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

/// How many rules, techniques and the like one incident lists.
const LISTED: usize = 64;

/// How late an alert may come and still find its incident open.
const LATENESS: Span = Span::from_secs(60);

/// Alerts of one entity, as they are known when it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Tells incidents apart; the same input gives the same ids.
    pub id: AlertId,
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
    /// Findings that would be alerts and were not told, since an alert stands for them.
    pub suppressed: u64,
    /// When it began.
    pub first: Timestamp,
    /// The time of its latest finding.
    pub last: Timestamp,
    /// The rules and scoreboards of its alerts, in the order in which they joined.
    pub rules: Vec<Rule>,
    /// The techniques of all of them.
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
    begun: u64,
    forgotten: u64,
}

impl Incidents {
    /// None is open.
    #[must_use]
    pub fn new(rule: Grouping) -> Self {
        Self { rule, open: HashMap::default(), quiet: BTreeSet::new(), begun: 0, forgotten: 0 }
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
                (whose.key.into(), Incident::begin(whose.entity, joining, first))
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
        let due = now.minus(self.rule.window).minus(LATENESS);
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
        if let Some((_, incident)) = self.take(key) {
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
            state: State::Open,
            entities: entity::of_fields(entity),
            entity: entity.to_vec(),
            level: joining.level,
            alerts: 0,
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
