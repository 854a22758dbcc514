//! The words of the format: transformations and conditions with their keys and meanings.

/// A word of the format: its name, the keys that go with it (one that starts with `?` may be left out), and what it means.
pub(super) type Word = (&'static str, &'static [&'static str], &'static str);

/// The types of transformations.
pub(super) const TRANSFORMATIONS: [Word; 14] = [
    ("field_name_mapping", &["mapping"], "fields of these names get others; of a list of names, any may hold"),
    ("field_name_prefix_mapping", &["mapping"], "the same by how the name starts; the first start that fits"),
    ("field_name_prefix", &["prefix"], "this is put before the names of fields"),
    ("field_name_suffix", &["suffix"], "this is put behind them"),
    ("drop_detection_item", &[], "the line is taken out; a selection without lines is taken out of the condition"),
    (
        "add_condition",
        &["conditions", "?name", "?negated", "?template"],
        "every condition holds only together with this selection; `template` replaces `$category`, `$product`, `$service`",
    ),
    ("change_logsource", &["?category", "?product", "?service"], "the rule is for this log source instead"),
    (
        "value_placeholders",
        &["?include", "?exclude"],
        "placeholders stand for what `vars` says, or else the configuration",
    ),
    (
        "wildcard_placeholders",
        &["?include", "?exclude"],
        "placeholders that the configuration has no values for stand for anything",
    ),
    (
        "replace_string",
        &["regex", "replacement", "?skip_special"],
        "parts of texts are replaced; `\\1` is what the first group found",
    ),
    ("map_string", &["mapping"], "whole texts are replaced, by one or by several of which any may match"),
    ("set_value", &["value", "?force_type"], "the line asks for this value instead"),
    ("rule_failure", &["message"], "the rule is refused with this message"),
    (
        "detection_item_failure",
        &["message"],
        "the same if the conditions hold for a line; with conditions on names alone, also for a field that a correlation groups by",
    ),
];

pub(super) const RULE_CONDITIONS: [Word; 7] = [
    (
        "logsource",
        &["?category", "?product", "?service"],
        "the rule is for this log source; of a correlation, any rule it refers to",
    ),
    ("contains_field", &["field"], "a line asks for this field"),
    ("contains_detection_item", &["field", "value"], "a line asks for this field and, among others, this value"),
    ("tag", &["tag"], "it has this tag"),
    ("is_sigma_rule", &[], "it is a detection rule"),
    ("is_sigma_correlation_rule", &[], "it is a correlation"),
    ("processing_item_applied", &["processing_item_id"], "the step of this id was made for it"),
];

pub(super) const ITEM_CONDITIONS: [Word; 5] = [
    (
        "match_string",
        &["cond", "pattern", "?negate"],
        "a regular expression is found at the start of `any` or `all` of its texts",
    ),
    ("match_value", &["cond", "value"], "`any` or `all` of its values are this one"),
    ("contains_wildcard", &["cond"], "`any` or `all` of its values have wildcards"),
    ("is_null", &["cond"], "`any` or `all` of its values are null"),
    ("processing_item_applied", &["processing_item_id"], "the step of this id changed it"),
];

pub(super) const FIELD_CONDITIONS: [Word; 2] = [
    (
        "include_fields",
        &["fields", "?mode"],
        "the name is one of these; with `mode: re`, one of these expressions fits its start",
    ),
    ("exclude_fields", &["fields", "?mode"], "the name is none of these"),
];

/// Keys of all transformations.
pub(super) const STEP_KEYS: [&str; 11] = [
    "id",
    "type",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_not",
    "detection_item_conditions",
    "detection_item_cond_op",
    "detection_item_cond_not",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_not",
];

pub(super) const TOP_KEYS: [&str; 5] = ["name", "priority", "vars", "transformations", "allowed_backends"];

/// The words of the format by the key they stand under, with their own keys and meaning, for the manual.
pub fn mapping_words() -> impl Iterator<Item = (&'static str, Word)> {
    let under = |key: &'static str, words: &'static [Word]| words.iter().map(move |word| (key, *word));
    under("transformations", &TRANSFORMATIONS)
        .chain(under("rule_conditions", &RULE_CONDITIONS))
        .chain(under("detection_item_conditions", &ITEM_CONDITIONS))
        .chain(under("field_name_conditions", &FIELD_CONDITIONS))
}
