//! The mappings that sigmabus brings along.

use super::SourceText;

/// A mapping that sigmabus brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// What `--mapping` calls it.
    pub name: &'static str,
    /// Which rules it makes fit which logs, in a line.
    pub summary: &'static str,
    /// The file.
    pub text: &'static str,
}

const SHIPPED: [Shipped; 0] = [];

/// The mappings that sigmabus brings along.
pub fn shipped_mappings() -> impl Iterator<Item = Shipped> {
    SHIPPED.into_iter()
}

/// The file of the shipped mapping of this name.
#[must_use]
pub fn shipped_mapping(name: &str) -> Option<SourceText> {
    let found = shipped_mappings().find(|shipped| shipped.name == name)?;
    Some(SourceText::new(format!("builtin:mappings/{name}.yml"), found.text.as_bytes()))
}
