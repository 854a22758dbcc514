//! `placeholders:` what `%name%` stands for in the rules (`expand`).

use super::super::node::{elements, entries, wrong_type, wrong_value};
use super::Reader;
use crate::sigma::diagnostic::{Problem, Refusal, short};
use crate::sigma::scalar::is_null;
use crate::sigma::yaml::{Entry, Kind, Node};
use crate::sigma::{SitePlaceholder, misspelt_site_placeholder, site_placeholders};
use std::collections::BTreeMap;

pub(super) fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> BTreeMap<String, Vec<String>> {
    let entries = reader.keep(entries(node, "`placeholders`")).unwrap_or_default();
    let mut placeholders = BTreeMap::new();
    for entry in entries {
        let items = reader.keep(elements(&entry.value, "values of the placeholder")).unwrap_or_default();
        let known = site_placeholders().iter().find(|known| known.name == entry.key.text);
        reader.keep(spelling(entry));
        let values = items.iter().filter_map(|item| reader.keep(value(item, known))).collect();
        placeholders.insert(entry.key.text.to_string(), values);
    }
    placeholders
}

/// Refuses a name that is nearly one of the built-in rules': nothing would tell that it does nothing.
fn spelling(entry: &Entry<'_>) -> Result<(), Refusal> {
    match misspelt_site_placeholder(&entry.key.text) {
        None => Ok(()),
        Some(meant) => {
            let message = format!("no rule asks for `{}`", short(&entry.key.text));
            let hint = format!("did you mean `{meant}`? One of your own needs a name that is less like it");
            Err(Problem::error("unknown-key", entry.key.span, message).hint(hint))
        }
    }
}

/// A text, which may be empty; numbers and words as they are written. Of the built-in rules' own, what they can use.
fn value(node: &Node<'_>, known: Option<&SitePlaceholder>) -> Result<String, Refusal> {
    match &node.kind {
        Kind::Scalar(scalar) if !is_null(node) => match known {
            Some(known) if !known.takes(&scalar.text) => {
                Err(wrong_value(node, format!("expected {}", known.expected())))
            }
            _ => Ok(scalar.text.to_string()),
        },
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
        let all = [
            "placeholders: [writers]",
            "placeholders: {writers: {a: b}}",
            "placeholders: {writers: [[], ~]}",
            "placeholders: {modbus_writer: [192.0.2.1]}",
            "placeholders: {modbus_writers: [hmi-1, 192.0.2.1/28]}",
            "placeholders: {protected_registers: [100-109, 40001-50000, abc]}",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
