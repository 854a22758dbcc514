//! Which rules does this record satisfy? Which of those together?

mod finding;

pub use finding::{Catalogue, Finding, Input, Named, Place, Unit};
