//! Why a rule cannot become part of a machine.

use super::RuleIx;
use thiserror::Error;

/// A rule that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("rule {}: {problem}", rule.0)]
pub struct CompileError {
    /// The rule.
    pub rule: RuleIx,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// No slot is left for the field.
    #[error("field `{field}` is one too many: at most 65536 fields can be asked for")]
    Fields {
        /// The field.
        field: String,
    },
    /// The condition is nested too deeply.
    #[error("the condition is nested deeper than {limit}")]
    Depth {
        /// The bound.
        limit: usize,
    },
    /// The condition asks too much.
    #[error("the condition has more than {limit} tests")]
    Tests {
        /// The bound.
        limit: usize,
    },
    /// A pattern is too long.
    #[error("a pattern has {pieces} pieces and {bytes} bytes, at most {max_pieces} and {max_bytes} are allowed")]
    Pattern {
        /// Its pieces.
        pieces: usize,
        /// The bytes of its literals.
        bytes: usize,
        /// The bound on pieces.
        max_pieces: usize,
        /// The bound on bytes.
        max_bytes: usize,
    },
    /// A regular expression is wrong or compiles to too much.
    #[error("regular expression `{pattern}` cannot be used: {reason}")]
    Regex {
        /// The expression.
        pattern: String,
        /// What the regex compiler says.
        reason: String,
    },
    /// The literals of all rules on one field do not fit one automaton.
    #[error("the texts looked for in `{field}` are too many for one automaton")]
    Automaton {
        /// The field; `*` for keywords.
        field: String,
    },
}
