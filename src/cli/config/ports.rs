//! `ports:` the TCP and UDP ports that Modbus servers listen on.

use super::super::node::integer;
use super::Reader;
use crate::sigma::yaml::Node;

pub(super) fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Vec<u16> {
    let port = |node: &Node<'_>| integer(node, "a port", 1..=65_535).map(|port| port as u16);
    reader.several(Some(node), "a port", port).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, told};

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = ["ports: [0]", "ports: [http, 65536]", "ports: []", "ports: {a: 502}", "ports: [[502]]"];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
