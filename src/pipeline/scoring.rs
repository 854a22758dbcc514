//! Findings on the scoreboards.

use super::plan::Plan;
use super::summary::{Room, Summary, TopEntity};
use crate::detect::{Finding, Named};
use crate::score::{Board, Change, Scored};
use crate::sink;
use std::sync::Arc;

/// How many entities of each scoreboard a summary names.
const TOP: usize = 5;

/// All scoreboards of a run.
pub(super) struct Scoring {
    plan: Arc<Plan>,
    boards: Vec<Board>,
    /// The key of the entity that a finding is about, kept for its memory.
    key: Vec<u8>,
}

/// What a finding did to one entity's score.
pub(super) struct Counted {
    /// Whose score it is.
    pub(super) entity: Vec<Named>,
    /// What it is now.
    pub(super) change: Change,
}

impl Scoring {
    /// Empty boards.
    pub(super) fn new(plan: &Arc<Plan>) -> Self {
        Self {
            boards: plan.scoreboards.iter().cloned().map(Board::new).collect(),
            plan: Arc::clone(plan),
            key: Vec::new(),
        }
    }

    /// Lets a finding that carries `values` count on a board; `None` where it is about nobody there, or comes too late.
    /// Unless every change is `told`, only threats are.
    pub(super) fn add(&mut self, board: usize, finding: &Finding<'_>, values: &[u8], told: bool) -> Option<Counted> {
        self.plan.entity(board, values, &mut self.key)?;
        let scored = Scored {
            time: finding.time,
            number: finding.place.number,
            input: finding.place.input,
            rule: self.plan.number_of(finding.rule),
            points: finding.points,
        };
        let change = self.boards.get_mut(board)?.add(&self.key, scored)?;
        let wanted = told || change.threat.is_some();
        wanted.then(|| Counted { entity: self.plan.name_entity(board, &self.key), change })
    }

    /// Tells the summary who scored highest and what was lost.
    pub(super) fn sum_up(&self, summary: &mut Summary) {
        for (index, board) in self.boards.iter().enumerate() {
            summary.count(
                Room::Engine,
                [
                    ("scores too late", board.late()),
                    ("entities forgotten", board.evicted()),
                    ("scored findings let go", board.let_go()),
                ],
            );
            for (entity, peak, threats, history) in board.top(TOP) {
                let (columns, width) = history.columns();
                summary.top.push(TopEntity {
                    board: board.rule().name.to_string(),
                    entity: sink::entity(&self.plan.name_entity(index, entity)),
                    peak,
                    threats,
                    columns: columns.to_vec(),
                    width,
                });
            }
        }
    }
}
