//! `mappings:` what rules go through where the command line names no mapping.

use super::super::node::{elements, text};
use super::Reader;
use crate::sigma::diagnostic::{Problem, nearest, short};
use crate::sigma::yaml::Node;
use crate::sigma::{self, Mapping, Mappings};

pub(super) fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Mappings {
    let items = reader.keep(elements(node, "a mapping")).unwrap_or_default();
    Mappings::new(items.iter().filter_map(|item| mapping(item, reader)).collect())
}

/// A shipped mapping, or that of a file beside the configuration.
fn mapping(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Mapping> {
    let name = reader.keep(text(node, "the name or the file of a mapping"))?;
    let source = match sigma::shipped_mapping(name) {
        Some(shipped) => shipped,
        None if reader.path(name).exists() => reader.file(name, node)?,
        None => {
            let shipped = || sigma::shipped_mappings().map(|shipped| shipped.name);
            let message = format!("no shipped mapping `{}`, and no such file beside the configuration", short(name));
            let problem = Problem::error("unknown-word", node.span, message);
            reader.problems.push(match nearest(name, shipped()) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("shipped are {}", shipped().collect::<Vec<_>>().join(", "))),
            });
            return None;
        }
    };
    match sigma::read_mapping(&source) {
        Ok(mapping) => Some(mapping),
        Err(found) => {
            reader.elsewhere.push((source, found));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{folder, right, told};

    #[test]
    fn a_mapping_is_a_shipped_one_or_a_file_beside_the_configuration() {
        assert!(!right(&folder(), "mappings: zeek").mappings.is_empty());
        assert!(!right(&folder(), "mappings: [mapping.yml]").mappings.is_empty());
        assert!(right(&folder(), "mappings: []").mappings.is_empty());
    }

    #[test]
    fn every_mistake_is_shown_in_its_place() {
        let all = [
            "mappings: {a: b}",
            "mappings: [zek]",
            "mappings: [nothing-like-it.yml]",
            "mappings: [wrong-mapping.yml]",
            "mappings: [latin.yml]",
        ];
        insta::assert_snapshot!(told(&folder(), &all));
    }
}
