//! How much a rule may ask for. Rules come from anywhere: each bound is reached long before memory or time is, and
//! reaching it is an ordinary [`Problem`](super::diagnostic::Problem).
//!
//! The figures leave a factor of five, and mostly of ten, above the largest public rule (295 kB, 4,433 values, regexes of 600
//! characters, conditions of 560, 34 search identifiers).

/// Bytes of one file.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// Nodes (scalars, lists, maps) of one file.
pub const MAX_NODES: usize = 60_000;
/// Lists and maps inside each other.
pub const MAX_YAML_DEPTH: usize = 32;
/// Aliases (`*name`) of one file.
pub const MAX_ALIASES: usize = 100;
/// Nodes that anchors and aliases may copy in one file.
pub const MAX_COPIED_NODES: usize = 10_000;
/// Bytes of text that anchors and aliases may copy in one file.
pub const MAX_COPIED_BYTES: usize = 1 << 20;
/// Problems told of one file; the rest are counted.
pub const MAX_PROBLEMS: usize = 100;

/// Steps that looking for what a file's authors did not mean may take; a step is two tests compared, or a text looked up.
pub const MAX_LINT_STEPS: usize = 300_000;

/// Search identifiers of one rule.
pub const MAX_IDENTIFIERS: usize = 1_000;
/// Bytes of one condition.
pub const MAX_CONDITION_BYTES: usize = 16 << 10;
/// Brackets and negations inside each other in a condition.
pub const MAX_CONDITION_DEPTH: usize = 64;
/// Times that one condition may say `1 of` or `all of`.
pub const MAX_QUANTIFIERS: usize = 100;
/// Bytes of one value, before and after modifiers.
pub const MAX_VALUE_BYTES: usize = 16 << 10;
/// Wildcards of one value.
pub const MAX_WILDCARDS: usize = 100;
/// Values that one value may become through `expand`.
pub const MAX_EXPANSIONS: usize = 1_000;
/// Dashes that `windash` may vary in a value that is encoded afterwards: 5³ variants.
pub const MAX_ENCODED_DASHES: usize = 3;
/// Bytes of one regular expression.
pub const MAX_REGEX_BYTES: usize = 4 << 10;
/// Bytes of one compiled regular expression (its NFA), as they are reckoned: perhaps some too many.
pub const MAX_REGEX_SIZE: usize = 2 << 20;
/// Bytes of all compiled regular expressions of one file. Compiling takes some 10 ns for each.
pub const MAX_FILE_REGEX_SIZE: usize = 4 << 20;
/// What the rules of one file may weigh together: see [`Budget`].
pub const MAX_FILE_WEIGHT: usize = 50_000;

/// Rules that one correlation, one alias or one filter may refer to.
pub const MAX_REFERENCES: usize = 1_000;
/// Orders of which one must be followed, that the condition of one correlation is reckoned to unfold into at most; the
/// matcher refuses more.
pub(super) const MAX_ORDERS: usize = 64;
/// Fields of one `group-by`, or of one `field`.
pub const MAX_GROUP_KEYS: usize = 16;
/// Aliases of one correlation: one for each field that may have one.
pub const MAX_GROUP_ALIASES: usize = 2 * MAX_GROUP_KEYS;
/// Transformations of one mapping.
pub const MAX_STEPS: usize = 1_000;
/// Names that a mapping may give one field.
pub const MAX_MAPPED_NAMES: usize = 100;
/// What all copies of filters in all rules may weigh: see [`Budget`].
pub const MAX_FILTER_WEIGHT: usize = 150_000;

/// What the rules of one file may still use.
///
/// A test weighs one, and one more for every 64 bytes of text and every 8 wildcards in it. A condition may name a selection often, and each
/// mention is a copy: without a common purse a small file could become a large rule set.
#[derive(Debug)]
pub(super) struct Budget {
    weight: usize,
    regex: usize,
}

impl Budget {
    /// What a file may use.
    pub(super) const fn new() -> Self {
        Self::of(MAX_FILE_WEIGHT)
    }

    /// A purse of this weight.
    pub(super) const fn of(weight: usize) -> Self {
        Self { weight, regex: MAX_FILE_REGEX_SIZE }
    }

    /// Takes `weight`; false when there is not that much left.
    pub(super) fn take(&mut self, weight: usize) -> bool {
        let enough = weight <= self.weight;
        self.weight = self.weight.saturating_sub(weight);
        enough
    }

    /// Whether there is nothing left.
    pub(super) const fn is_spent(&self) -> bool {
        self.weight == 0
    }

    /// Takes `bytes` of compiled regular expressions; what was compiled is counted, also if it is refused. False when
    /// there is not that much left.
    pub(super) const fn take_regex(&mut self, bytes: usize) -> bool {
        let enough = bytes <= self.regex;
        self.regex = self.regex.saturating_sub(bytes);
        enough
    }

    /// Whether there is nothing left for regular expressions.
    pub(super) const fn is_out_of_regexes(&self) -> bool {
        self.regex == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::testing::assert_manual;

    #[test]
    fn the_manual_has_the_bounds_that_authors_may_meet() {
        let bounds = [
            ("bytes of a file", MAX_FILE_BYTES),
            ("values, lists and maps of a file", MAX_NODES),
            ("lists and maps inside each other", MAX_YAML_DEPTH),
            ("aliases (`*name`) of a file", MAX_ALIASES),
            ("values that aliases, or actions, copy in a file", MAX_COPIED_NODES),
            ("search identifiers of a rule", MAX_IDENTIFIERS),
            ("bytes of a condition", MAX_CONDITION_BYTES),
            ("bytes of a value", MAX_VALUE_BYTES),
            ("wildcards of a value", MAX_WILDCARDS),
            ("values that `expand` makes of one", MAX_EXPANSIONS),
            ("bytes of a regular expression", MAX_REGEX_BYTES),
            ("bytes of a regular expression, compiled", MAX_REGEX_SIZE),
            ("bytes of all regular expressions of a file, compiled", MAX_FILE_REGEX_SIZE),
            ("tests of all rules of a file, one more for every 64 bytes of text or 8 wildcards", MAX_FILE_WEIGHT),
            ("tests that filters add to all rules", MAX_FILTER_WEIGHT),
            ("rules of a correlation, an alias or a filter", MAX_REFERENCES),
            ("fields of a `group-by` or a `field`", MAX_GROUP_KEYS),
        ];
        let rows: String = bounds.iter().map(|(what, most)| format!("| {what} | {most} |\n")).collect();
        assert_manual("bounds", &format!("| what | at most |\n|---|---|\n{rows}"));
    }
}
