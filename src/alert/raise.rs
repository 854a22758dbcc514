//! Makes alerts of findings and threats.

use super::proof::{self, Proof};
use super::{Alert, AlertId, Attack, Cause, Kind, Numbering, Told, Window, entity};
use crate::detect::{Catalogue, Finding, Named, Place};
use crate::score::{Scoreboard, Scored, Threat};
use crate::sigma::ir::{Meta, RuleRef};
use crate::time::Timestamp;
use serde_json::{Map, Value};

/// Makes alerts and numbers those that nothing else tells apart.
#[derive(Debug, Default)]
pub struct Raiser {
    numbering: Numbering,
}

impl Raiser {
    /// The id of the alert of a finding about `entity`.
    pub fn id(&mut self, meta: &Meta, time: Timestamp, entity: &[Named]) -> AlertId {
        let subject = meta.id.as_ref().unwrap_or(&meta.title);
        self.numbering.id(Kind::Rule, subject, time, entity)
    }

    /// The alert of a finding about `entity`.
    #[must_use]
    pub fn finding(
        finding: &Finding<'_>,
        told: &Told,
        entity: Vec<Named>,
        attack: &Attack,
        catalogue: &Catalogue,
    ) -> Alert {
        let meta = catalogue.meta(finding.rule);
        let window = Window::of(finding, catalogue);
        let record: Map<String, Value> = serde_json::from_slice(finding.record).unwrap_or_default();
        let mut entities = entity::of_fields(entity.iter().chain(finding.group));
        entity::add_of_record(&mut entities, &record, window.is_some());
        let begun = window.map_or(finding.time, |window| window.from.min(finding.time));
        Alert {
            id: told.id,
            time: finding.time,
            kind: Kind::Rule,
            title: meta.title.to_string(),
            description: meta.description.clone(),
            level: meta.level,
            attack: attack.clone(),
            entity,
            entities,
            score: i64::from(finding.points),
            threshold: None,
            window,
            causes: vec![Cause {
                rule: finding.rule,
                time: finding.time,
                points: finding.points,
                place: finding.place,
            }],
            group: finding.group.to_vec(),
            record: finding.record.into(),
            place: finding.place,
            proofs: proofs(finding, &record),
            first: told.since.map_or(begun, |since| since.min(begun)),
            last: finding.time,
            suppressed: told.suppressed,
            incident: None,
        }
    }

    /// The alert of a threat on `board`; `rule_of` turns the board's rule numbers back.
    pub fn threat(
        &mut self,
        threat: &Threat,
        board: &Scoreboard,
        entity: Vec<Named>,
        place: Place,
        catalogue: &Catalogue,
        rule_of: impl Fn(u32) -> RuleRef,
    ) -> Alert {
        let (_, bound) = board.threshold.parts();
        let news = if threat.doubled { format!("doubled to {}", threat.score) } else { format!("passed {bound}") };
        let who: Vec<&str> = entity.iter().map(|named| named.json.trim_matches('"')).collect();
        let cause = |scored: &Scored| Cause {
            rule: rule_of(scored.rule),
            time: scored.time,
            points: scored.points,
            place: Place { input: scored.input, number: scored.number },
        };
        let causes: Vec<Cause> = threat.findings.iter().map(cause).collect();
        let mut rules: Vec<RuleRef> = causes.iter().map(|cause| cause.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        let newest = causes.get(causes.len().saturating_sub(proof::TOLD)..).unwrap_or(&[]);
        Alert {
            id: self.numbering.id(Kind::Threat, &board.name, threat.time, &entity),
            time: threat.time,
            kind: Kind::Threat,
            title: format!("Threat score of {} {} {news}", board.name, who.join(" ")),
            description: None,
            level: board.level,
            attack: Attack::of(rules.iter().flat_map(|rule| &catalogue.meta(*rule).tags)),
            entities: entity::of_fields(&entity),
            entity,
            score: threat.score,
            threshold: Some(board.threshold),
            window: Some(Window { from: threat.from, to: threat.to, span: board.window, counted: None }),
            proofs: newest.iter().map(|cause| Proof::at(cause.place)).collect(),
            first: causes.iter().map(|cause| cause.time).min().unwrap_or(threat.time),
            last: causes.iter().map(|cause| cause.time).max().unwrap_or(threat.time),
            causes,
            group: Vec::new(),
            record: Box::default(),
            place,
            suppressed: 0,
            incident: None,
        }
    }
}

/// The places of what a correlation counted; the last of them, or the only one, with the frames of its record.
fn proofs(finding: &Finding<'_>, record: &Map<String, Value>) -> Vec<Proof> {
    let counted = finding.window.map_or(&[][..], |window| &window.places);
    let newest = counted.get(counted.len().saturating_sub(proof::TOLD)..).unwrap_or(&[]);
    let others = newest.iter().filter(|place| **place != finding.place).map(|place| Proof::at(*place));
    others.chain([Proof::of(record, finding.place)]).collect()
}
