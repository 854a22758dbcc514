//! From findings that matter to alerts and incidents: by policy, each told once.

use super::plan::Plan;
use super::policies::{Asker, Judged};
use crate::alert::{
    Act, Alert, AlertId, Attack, Incident, Incidents, Joining, Raiser, Repeats, Score, Told, Verdict, Whose,
};
use crate::detect::{Catalogue, Finding, Named, Place};
use crate::score::{Scoreboard, Threat};
use crate::sigma::ir::{Level, Meta};
use crate::time::Timestamp;

/// What was told, and what is open.
pub(super) struct Telling {
    asker: Asker,
    raiser: Raiser,
    repeats: Repeats,
    incidents: Option<Incidents>,
    /// Whether anybody is told; if not, alerts are only counted.
    told: bool,
}

/// What becomes of a finding or threat.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) fate: Fate,
    /// What is new of incidents.
    pub(super) incidents: Vec<Incident>,
}

/// What is said of a finding that is an alert.
#[derive(Debug)]
pub(super) enum Fate {
    /// The alert is told.
    Alert(Box<Alert>),
    /// It is an alert of this level, of which nobody is told.
    Untold(Level),
    /// This alert stands for it.
    Repeat(AlertId),
    /// There are not enough of them yet.
    Held,
    /// Its incident tells it; its level.
    Grouped(Level),
}

impl Telling {
    /// Nothing was told. `told` says whether alerts and incidents go anywhere.
    pub(super) fn new(plan: &Plan, told: bool) -> Self {
        Self {
            asker: Asker::default(),
            raiser: Raiser::default(),
            repeats: Repeats::default(),
            incidents: plan.policies.incidents(),
            told,
        }
    }

    /// The policy for a finding whose hit carried these values, by number, and what it does.
    pub(super) fn policy(&mut self, plan: &Plan, finding: &Finding<'_>, meta: &Meta, values: &[u8]) -> (usize, Act) {
        let rule = (meta, plan.number_of(finding.rule));
        let policy = plan.policies.choose(finding, || plan.subject(values), rule, &mut self.asker);
        (policy, plan.policies.act(policy))
    }

    /// Takes a finding that is an alert by this policy.
    pub(super) fn finding(&mut self, plan: &Plan, policy: usize, judged: Judged<'_>, catalogue: &Catalogue) -> Outcome {
        let Judged { finding, meta, entity, .. } = judged;
        let raiser = &mut self.raiser;
        let is_told = self.told;
        let mut id = || if is_told { raiser.id(meta, finding.time, entity) } else { AlertId::UNTOLD };
        let verdict = if plan.policies.act(policy) == Act::Group {
            None
        } else {
            let first = |id| Verdict::Tell(Told { id, suppressed: 0, since: None });
            Some(match plan.policies.key(policy, judged) {
                None => first(id()),
                Some(key) => {
                    let limits = plan.policies.limits(policy);
                    self.repeats.judge(&key, &limits, finding.time, meta.level, &mut id)
                }
            })
        };
        let alert = match verdict {
            None => Some(id()),
            Some(Verdict::Tell(told)) => Some(told.id),
            Some(Verdict::Repeat(_)) => None,
            Some(Verdict::Hold) => return Outcome { fate: Fate::Held, incidents: Vec::new() },
        };
        let attack = plan.policies.attack(judged.number);
        let techniques = attack.map_or(&[][..], |attack| &attack.techniques);
        let mut news = Vec::new();
        let joining = Joining {
            alert,
            time: finding.time,
            level: meta.level,
            rule: (meta.id.as_ref(), &meta.title),
            techniques,
            score: Score::Points(finding.points),
        };
        let joined = self.join(plan, (judged.values, entity), &joining, &mut news);
        let fate = match verdict {
            None => Fate::Grouped(meta.level),
            Some(Verdict::Repeat(id)) => Fate::Repeat(id),
            Some(Verdict::Hold) => Fate::Held,
            Some(Verdict::Tell(_)) if !is_told => Fate::Untold(meta.level),
            Some(Verdict::Tell(told)) => {
                let nothing = Attack::default();
                let attack = attack.unwrap_or(&nothing);
                let alert = Raiser::finding(finding, &told, entity.to_vec(), attack, catalogue);
                Fate::Alert(Box::new(Alert { incident: joined, ..alert }))
            }
        };
        Outcome { fate, incidents: news }
    }

    /// Takes a threat on `board`, which a finding with these values at this place completed.
    pub(super) fn threat(
        &mut self,
        plan: &Plan,
        (threat, board): (&Threat, &Scoreboard),
        (entity, values): (Vec<Named>, &[u8]),
        place: Place,
        catalogue: &Catalogue,
    ) -> Outcome {
        let rule_of = |number| plan.rule_of(number);
        let alert = self.raiser.threat(threat, board, entity, place, catalogue, rule_of);
        let mut news = Vec::new();
        let joining = Joining {
            alert: Some(alert.id),
            time: alert.time,
            level: alert.level,
            rule: (None, &board.name),
            techniques: &alert.attack.techniques,
            score: Score::Sum(alert.score),
        };
        let joined = self.join(plan, (values, &alert.entity), &joining, &mut news);
        let alert = Alert { incident: joined, ..alert };
        Outcome { fate: Fate::Alert(Box::new(alert)), incidents: news }
    }

    /// The incidents that are over by `now`.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<Incident> {
        let mut over = Vec::new();
        if let Some(open) = &mut self.incidents {
            open.expire(now, &mut over);
        }
        over
    }

    /// The incidents that are still open at the end.
    pub(super) fn finish(&mut self) -> Vec<Incident> {
        let mut over = Vec::new();
        if let Some(open) = &mut self.incidents {
            open.finish(&mut over);
        }
        over
    }

    /// How many incidents began.
    pub(super) fn begun(&self) -> u64 {
        self.incidents.as_ref().map_or(0, Incidents::begun)
    }

    /// What was forgotten for lack of room.
    pub(super) fn losses(&self) -> [(&'static str, u64); 3] {
        let incidents = self.incidents.as_ref();
        [
            ("told alerts forgotten", self.repeats.forgotten()),
            ("incidents closed for lack of room", incidents.map_or(0, Incidents::forgotten)),
            ("ended incidents forgotten", incidents.map_or(0, Incidents::ended_forgotten)),
        ]
    }

    fn join(
        &mut self,
        plan: &Plan,
        (values, entity): (&[u8], &[Named]),
        joining: &Joining<'_>,
        news: &mut Vec<Incident>,
    ) -> Option<AlertId> {
        let incidents = self.incidents.as_mut()?;
        let (key, entity) = plan.policies.incident_of(values, entity)?;
        incidents.join(Whose { key: &key, entity: &entity }, joining, news)
    }
}
