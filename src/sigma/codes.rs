//! Every kind of problem, by its code: what it means and what to do about it.

use super::diagnostic::Severity::{self, Error, Hint, Warning};
use std::fmt::Write as _;

/// A kind of problem.
#[derive(Debug)]
pub struct Code {
    /// Its short stable name: `unknown-modifier`.
    pub name: &'static str,
    /// How bad it is; most kinds are always the same.
    pub severities: &'static [Severity],
    /// What it says of the rule, in a sentence.
    pub meaning: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

macro_rules! codes {
    ($($name:literal [$($severity:ident)|+] $meaning:literal, $advice:literal;)*) => {
        &[$(Code { name: $name, severities: &[$($severity),+], meaning: $meaning, advice: $advice },)*]
    };
}

static CODES: &[Code] = codes! {
    "always-true" [Warning] "Every event satisfies the condition.",
        "Look at `or` and `not`: `a or not b` is nearly always true.";
    "attack-tag" [Warning] "A tag in the namespace `attack` names nothing of MITRE ATT&CK.",
        "Write a tactic (`attack.initial-access`), a technique (`attack.t0843`, `attack.t1059.001`), a group or software.";
    "bad-absence" [Error] "`absent` of `sigmabus` stands where it cannot, or asks for two things.",
        "It goes with a correlation of type `temporal_ordered` without a condition, and has either `before` or `after`.";
    "bad-action" [Error] "The `action` of a collection is not understood, or has nothing to work on.",
        "Use `global`, `repeat` or `reset`, or write whole rules.";
    "bad-alias" [Error] "An alias has no field for one of the rules.", "Add the rule and its field to the alias.";
    "bad-condition" [Error] "A condition cannot be read, or names what is not there.",
        "Join the names of search identifiers by `and`, `or`, `not` and brackets.";
    "bad-modifier" [Error] "Modifiers do not go together, or not with this line.",
        "The hint says which; the manual's page on Sigma lists what each modifier takes.";
    "bad-regex" [Error] "A regular expression is wrong, too large, or of another dialect.",
        "Look-around and back-references take unbounded time and are not there; lower the counts in `{n,m}`.";
    "bad-timespan" [Error] "A timespan cannot be read.", "Write a number and a unit: 30s, 5m, 1h, 1d.";
    "bad-value" [Error] "A value does not go with its modifiers.", "The hint says what the modifier needs.";
    "circular-reference" [Error] "Correlations refer to each other in a circle.", "Take one of the references out.";
    "duplicate-key" [Error] "A map has the same key twice.", "Put the values into one list, or into two maps in a list.";
    "duplicate-name" [Warning] "Two rules have the same id or name.",
        "Give each its own: correlations and filters cannot refer to either.";
    "duplicate-reference" [Error | Warning] "A correlation lists the same rule twice.", "List it once.";
    "duplicate-value" [Warning] "A list has the same value twice; case and quotes do not make a difference.",
        "Delete one, or write what was meant.";
    "empty-list" [Warning] "A list of values is empty, which reads as `null`.", "Write the values, or `null`.";
    "empty-selection" [Error] "A search identifier asks nothing.", "Give it a line, an element or a keyword.";
    "filter-without-not" [Warning] "A filter keeps what it matches.", "Write `not` to leave out what it matches.";
    "idle-modifier" [Warning] "A modifier changes nothing where it stands.", "Write it before the encoding.";
    "idle-selection" [Warning] "A search identifier is in the condition and can never decide it.",
        "Look at `and`, `or` and the brackets: `a or (a and b)` is `a`.";
    "impossible-value" [Warning] "A field of Modbus records never has such a value.",
        "`sigmabus rules fields` tells the values of each field.";
    "mapping" [Error] "A mapping refuses the rule, or leaves nothing of it.", "Use another mapping, or leave the rule out.";
    "merge-key" [Error] "`<<` is not part of YAML 1.2.", "Write the merged keys out.";
    "metadata" [Warning] "What a rule says about itself is not as Sigma has it.", "The rule runs; correct it for other tools.";
    "missing-field" [Error] "A key that must be there is not.", "Add it.";
    "missing-metadata" [Hint] "A rule has no `id` or no `level`.",
        "Points and filters name a rule by its id; without a level it counts as medium.";
    "misspelt-field" [Warning] "A field is none of these Windows events and looks like a slip of the pen.",
        "Names of fields are compared exactly, case included.";
    "never-true" [Error | Warning] "Nothing can satisfy the condition, or these lines at once.",
        "The hint names two tests that exclude each other. For values of one field write a list.";
    "no-attack-tag" [Hint] "A rule for Modbus has no tag of ATT&CK.", "Add its technique, for example `attack.t0836`.";
    "not-utf8" [Error] "The file is not UTF-8.", "Save it in UTF-8.";
    "null-in-list" [Warning] "`null` stands in a list of values.", "Write it as a selection of its own.";
    "retired-technique" [Warning] "A tag names a technique that ATT&CK has no more.", "Write the one that took its place.";
    "same-selection" [Warning] "Two search identifiers ask the same.", "Delete one, or write what was meant.";
    "shadowed-value" [Hint] "A value of a list is covered by another one.", "It can be left out, unless it is there to be read.";
    "short-value" [Warning] "One byte shows at two of the three places in base64 only.", "Write more of the text, if more is known.";
    "silent-rule" [Hint] "A rule that only feeds correlations has a level, which has no effect.",
        "Such a rule is neither told nor scored; write `generate: true` in the correlation if it should be.";
    "tag-namespace" [Hint] "A tag is in a namespace that Sigma does not have.", "Use attack, car, cve, d3fend, detection, stp or tlp.";
    "too-deep" [Error] "Lists and maps lie too deep inside each other.", "Write it flatter.";
    "too-large" [Error] "A rule asks for more than the bounds allow.", "Split it; the manual's page on Sigma lists the bounds.";
    "too-many-aliases" [Error] "A file has more aliases than the bound allows.", "Write the values out.";
    "too-many-problems" [Error] "A file has so many problems that the rest was not read.", "Correct the first ones.";
    "too-many-remarks" [Hint] "A file has more warnings and hints than are told.", "Correct the first ones.";
    "unknown-correlation" [Error] "There is no such type of correlation.", "The manual's page on Sigma lists the types.";
    "unknown-field" [Error] "Records of Modbus have no such field.", "`sigmabus rules fields` lists every field.";
    "unknown-key" [Error | Warning] "A section has a key that it does not know.", "Correct its name, or delete it.";
    "unknown-modifier" [Error] "There is no such modifier.", "The manual's page on Sigma lists them.";
    "unknown-tag" [Error] "A YAML tag (`!name`) that rules do not have.", "Put a value that begins with `!` in quotes.";
    "unresolved-placeholder" [Error] "A placeholder of `expand` has no values.", "Give its values in the configuration.";
    "unresolved-reference" [Error] "A correlation or filter refers to a rule that is not there, has an error, or is not the only one.",
        "Correct the id or name, and load the files together.";
    "unsupported" [Error] "A mapping asks for what is not supported.", "See [mappings.md](mappings.md) for what is.";
    "unused-alias" [Warning] "Nothing uses an alias.", "Name it in `group-by`, or delete it.";
    "unused-filter" [Warning] "A filter is for no rule, or not for this one.", "Compare its `logsource` with that of the rule.";
    "unused-selection" [Warning] "A search identifier is not in the condition.",
        "Name it there, delete it, or begin its name with `_`.";
    "wrong-type" [Error] "A value is of another type than its key wants.", "The message says which type it should be.";
    "yaml" [Error] "The file is not YAML.", "The place is where reading it stopped; the cause may stand before.";
};

/// Every kind of problem, by name.
#[must_use]
pub fn codes() -> &'static [Code] {
    CODES
}

/// The code of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Code> {
    CODES.binary_search_by(|code| code.name.cmp(name)).ok().and_then(|at| CODES.get(at))
}

impl Code {
    /// How bad it is, in words: `error or warning`.
    #[must_use]
    pub fn severity(&self) -> String {
        self.severities.iter().map(|severity| severity.word()).collect::<Vec<_>>().join(" or ")
    }
}

/// The table for the manual.
#[must_use]
pub fn markdown() -> String {
    let mut table = String::from("| code | severity | what it says | what to do |\n|---|---|---|---|\n");
    for code in CODES {
        // Writing into a string cannot fail.
        let _ = writeln!(table, "| `{}` | {} | {} | {} |", code.name, code.severity(), code.meaning, code.advice);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_name() {
        for code in CODES {
            assert!(
                find(code.name).is_some_and(|found| std::ptr::eq(found, code)),
                "{} stands out of order",
                code.name
            );
        }
        assert!(find("no-such-code").is_none());
    }
}
