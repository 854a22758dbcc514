//! `placeholders:` what `%name%` stands for in the rules (`expand`).

use super::super::node::{elements, entries, wrong_type};
use super::Reader;
use crate::sigma::diagnostic::Refusal;
use crate::sigma::scalar::is_null;
use crate::sigma::yaml::{Kind, Node};
use std::collections::BTreeMap;

pub(super) fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> BTreeMap<String, Vec<String>> {
    let entries = reader.keep(entries(node, "`placeholders`")).unwrap_or_default();
    let mut placeholders = BTreeMap::new();
    for entry in entries {
        let items = reader.keep(elements(&entry.value, "values of the placeholder")).unwrap_or_default();
        let values = items.iter().filter_map(|item| reader.keep(value(item))).collect();
        placeholders.insert(entry.key.text.to_string(), values);
    }
    placeholders
}

/// A text, which may be empty; numbers and words as they are written.
fn value(node: &Node<'_>) -> Result<String, Refusal> {
    match &node.kind {
        Kind::Scalar(scalar) if !is_null(node) => Ok(scalar.text.to_string()),
        _ => Err(wrong_type(node, "expected a value of the placeholder as a text").hint("for the empty text write ''")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};

    #[test]
    fn values_are_texts_as_they_are_written() {
        let source = "placeholders:\n  writers: 10.0.0.1\n  units: [1, 0x10, 'yes', '']\n  nobody: []\n";
        let placeholders = right(&folder(), source).placeholders;
        assert_eq!(placeholders["writers"], ["10.0.0.1"]);
        assert_eq!(placeholders["units"], ["1", "0x10", "yes", ""]);
        assert_eq!(placeholders["nobody"], [""; 0]);
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = ["placeholders: [writers]", "placeholders: {writers: {a: b}}", "placeholders: {writers: [[], ~]}"];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
