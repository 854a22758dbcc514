//! The findings of one entity that count now, and what they add up to.

use super::Scoreboard;
use super::board::Scored;
use super::decay::Fading;
use crate::time::Timestamp;
use std::collections::VecDeque;

/// How many findings one entity's window holds; beyond it the oldest are let go, and counted.
pub(super) const FINDINGS: usize = 65_536;

/// The findings that count at the time of the latest of them.
#[derive(Debug, Default)]
pub(super) struct Window {
    findings: VecDeque<Scored>,
    sum: i64,
    /// On a board with a half-life, what fades.
    fading: Fading,
    /// On a board that wants several rules, how many findings each has.
    rules: Vec<(u32, u32)>,
    pub(super) latest: Option<Timestamp>,
}

impl Window {
    /// Puts a finding in its place by time; equal times stay in order of arrival.
    pub(super) fn insert(&mut self, board: &Scoreboard, finding: Scored) {
        self.sum += i64::from(finding.points);
        if let Some(half_life) = board.half_life {
            self.fading.add(half_life, finding.time, finding.points);
        }
        if board.rules > 1 {
            match self.rules.iter_mut().find(|(rule, _)| *rule == finding.rule) {
                Some((_, count)) => *count += 1,
                None => self.rules.push((finding.rule, 1)),
            }
        }
        if self.findings.back().is_none_or(|last| last.time <= finding.time) {
            self.findings.push_back(finding);
            return;
        }
        let place = self.findings.partition_point(|other| other.time <= finding.time);
        self.findings.insert(place, finding);
    }

    /// Takes what is out of the window off the sums; answers how many were let go although they still counted.
    pub(super) fn forget_before(&mut self, board: &Scoreboard, from: Timestamp) -> u64 {
        let mut let_go = 0;
        while let Some(oldest) = self.findings.front().copied() {
            let outside = oldest.time < from;
            if !outside && self.findings.len() <= FINDINGS {
                break;
            }
            let_go += u64::from(!outside);
            self.findings.pop_front();
            self.take(board, oldest);
        }
        let_go
    }

    fn take(&mut self, board: &Scoreboard, finding: Scored) {
        self.sum -= i64::from(finding.points);
        if let Some(half_life) = board.half_life {
            self.fading.take(half_life, finding.time, finding.points);
        }
        if let Some(place) = self.rules.iter().position(|(rule, _)| *rule == finding.rule)
            && let Some((_, count)) = self.rules.get_mut(place)
        {
            *count -= 1;
            if *count == 0 {
                self.rules.swap_remove(place);
            }
        }
    }

    /// What the findings are worth at `now`, which is not before any of them.
    pub(super) fn score(&self, board: &Scoreboard, now: Timestamp) -> i64 {
        board.half_life.map_or(self.sum, |half_life| self.fading.left(half_life, now))
    }

    /// Whether as many different rules are among them as the board wants.
    pub(super) const fn has_rules(&self, board: &Scoreboard) -> bool {
        board.rules <= 1 || self.rules.len() >= board.rules as usize
    }

    /// The findings, oldest first.
    pub(super) fn findings(&self) -> impl Iterator<Item = Scored> {
        self.findings.iter().copied()
    }
}
