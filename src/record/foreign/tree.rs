//! JSON as it stands, keys twice and all, and its values by their paths.

use rustc_hash::FxHashMap;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JSON value. Unlike `serde_json::Value` it keeps keys that come twice: tshark writes one for each PDU of a packet.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Null,
    Leaf(Leaf),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// A single value as text, and whether it was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) text: String,
    pub(super) is_text: bool,
}

impl Tree {
    /// All values of `key`; of a list, its elements.
    pub(super) fn all<'a>(&'a self, key: &str) -> Vec<&'a Self> {
        let Self::Object(members) = self else { return Vec::new() };
        let values = members.iter().filter(|(name, _)| name == key).map(|(_, value)| value);
        values
            .flat_map(|value| if let Self::List(list) = value { list.as_slice() } else { std::slice::from_ref(value) })
            .collect()
    }

    /// Calls `visit` with each value and the path to it, its keys joined by dots.
    pub(super) fn each(&self, path: &str, visit: &mut dyn FnMut(&str, &Leaf)) {
        match self {
            Self::Null => {}
            Self::Leaf(leaf) => visit(path, leaf),
            Self::List(list) => list.iter().for_each(|element| element.each(path, visit)),
            Self::Object(members) => {
                for (key, value) in members {
                    if path.is_empty() {
                        value.each(key, visit);
                    } else {
                        value.each(&format!("{path}.{key}"), visit);
                    }
                }
            }
        }
    }
}

/// The values of a line by name or path; a list has several.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(FxHashMap<String, Vec<Leaf>>);

impl Fields {
    /// Paths that are longer name no field of any log: they are left out, so that depth costs no memory.
    const LONGEST_PATH: usize = 128;

    pub(super) fn of(tree: &Tree) -> Self {
        let mut fields = Self::default();
        tree.each("", &mut |path, leaf| fields.add(path, leaf.clone()));
        fields
    }

    pub(super) fn add(&mut self, name: &str, leaf: Leaf) {
        if name.len() <= Self::LONGEST_PATH {
            self.0.entry(name.to_owned()).or_default().push(leaf);
        }
    }

    /// The values of the first of these names that has any.
    pub(super) fn all(&self, names: &[&str]) -> &[Leaf] {
        names.iter().find_map(|name| self.0.get(*name)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn has_below(&self, prefix: &str) -> bool {
        self.0.keys().any(|name| name.starts_with(prefix))
    }

    /// The text of the only value of `name`.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|values| values.first()).map(|leaf| leaf.text.as_str())
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl TreeVisitor {
    fn leaf(text: String, is_text: bool) -> Tree {
        Tree::Leaf(Leaf { text, is_text })
    }
}

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Self::leaf(value.to_string(), false))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Self::leaf(value.to_string(), false))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Self::leaf(value.to_string(), false))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Self::leaf(value.to_string(), false))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Self::leaf(value.to_owned(), true))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Tree::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}
