//! A score that changed, as a JSON line.

use super::json::{key, number, object, rule, source, string, text, threshold, time};
use crate::detect::{Catalogue, Finding, Named};
use crate::score::{Change, Scoreboard};

/// The score of an entity after a finding.
#[derive(Clone, Copy, Debug)]
pub struct ScoreLine<'a> {
    /// On which board.
    pub board: &'a Scoreboard,
    /// Whose.
    pub entity: &'a [Named],
    /// The finding.
    pub finding: &'a Finding<'a>,
    /// What it did.
    pub change: &'a Change,
}

/// Appends a score as one line.
pub fn write_score(score: &ScoreLine<'_>, catalogue: &Catalogue, out: &mut Vec<u8>) {
    text(out, "{\"type\":\"score\",\"time\":");
    time(out, score.change.time);
    key(out, "board");
    string(out, &score.board.name);
    key(out, "entity");
    object(out, score.entity);
    key(out, "score");
    text(out, &score.change.score.to_string());
    key(out, "points");
    number(out, score.finding.points.into());
    key(out, "threshold");
    threshold(out, Some(score.board.threshold));
    key(out, "threat");
    text(out, if score.change.threat.is_some() { "true" } else { "false" });
    key(out, "rule");
    rule(out, score.finding.rule, catalogue);
    key(out, "source");
    source(out, score.finding.place, catalogue);
    text(out, "}\n");
}
