//! `timestamp_fields:` where log lines tell their time, before the fields of the usual names.

use super::super::node::{elements, text};
use super::Reader;
use crate::sigma::yaml::Node;
use std::sync::Arc;

pub(super) fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Vec<Arc<str>> {
    let what = "the name of a field";
    let items = reader.keep(elements(node, what)).unwrap_or_default();
    items.iter().filter_map(|item| reader.keep(text(item, what))).map(Arc::from).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, told};

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = ["timestamp_fields: ['']", "timestamp_fields: {a: b}", "timestamp_fields: [[a], {b: c}]"];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
