//! Here is YAML: what does it mean?
//!
//! text -> tree with spans ([`yaml`]) -> documents with spans ([`ast`]) -> meaning ([`ir`]). Every problem becomes a
//! [`diagnostic`] that points at its place; a rule with an error is left out, the others go on.

pub mod ir;
