//! What must hold of any bytes: the fuzz targets call these with theirs.
//!
//! `make fuzz` runs every target for a while; `fuzz/README.md` tells the rest.

pub mod rules;
pub mod traffic;
