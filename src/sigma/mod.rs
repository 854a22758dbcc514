//! Here is YAML: what does it mean?
//!
//! ```text
//! bytes -> block, yaml (tree with spans) -> collection -> ast (documents) -> lower, filter, correlation -> references -> ir
//!                                                                            |  mapping (shape to shape)
//!                                                                            |  modifiers, value, pattern, encoding, regex
//!                                                                            |  condition, criteria
//! ```
//!
//! [`load`] takes files and gives a [`Ruleset`] and [`Diagnostic`]s. Every problem points at its place and says what
//! to write instead; a rule with an error is left out, the others go on. The language is Sigma 2.1; where the
//! specification is silent, the manual's page on Sigma says what was chosen. [`check`] does the same and also looks for
//! what is right and still not what its author meant; [`codes`] has every kind of problem.
//!
//! Rules come from anywhere, so each thing a rule can ask for is bounded in [`limits`].

mod absence;
mod ast;
pub mod attack;
mod block;
pub mod codes;
mod collection;
mod condition;
mod context;
mod correlation;
mod coverage;
mod criteria;
pub mod diagnostic;
mod encoding;
mod fields;
mod filter;
mod index;
pub mod ir;
pub mod limits;
mod lint;
mod load;
mod lower;
mod mapping;
mod metadata;
mod modifiers;
mod pattern;
mod print;
mod references;
mod regex;
pub(crate) mod scalar;
mod site;
#[cfg(test)]
mod testing;
mod value;
mod when;
pub(crate) mod yaml;

pub use coverage::{Coverage, MATRIX_VERSION, coverage};
pub use criteria::correlation_types;
pub use diagnostic::{Diagnostic, Severity, render};
pub use fields::{MappedFields, SchemaFields};
pub use limits::MAX_FILE_BYTES;
pub use load::{check, load};
pub use mapping::{Mapping, Mappings, Shipped, mapping_words, read_mapping, shipped_mapping, shipped_mappings};
pub use modifiers::modifiers;
pub use site::{SitePlaceholder, SiteValues, misspelt_site_placeholder, site_placeholders, site_placeholders_markdown};
pub(crate) use when::when;

use diagnostic::{Problem, Refusal, Span, short};
use ir::{LogSource, Ruleset};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The `product` of rules for our own records, whose fields are all known.
pub const OWN_PRODUCT: &str = "modbus";

fn is_own(source: &LogSource) -> bool {
    source.product.as_deref() == Some(OWN_PRODUCT)
}

/// A file.
#[derive(Clone, Debug)]
pub struct SourceText {
    /// Its name as given.
    pub name: Arc<str>,
    /// Its content, which should be UTF-8; of a file that is too large, as much as shows it.
    pub bytes: Arc<[u8]>,
    /// Bytes of the file, where more than its content; of a pipe 0.
    pub size: Option<u64>,
}

impl SourceText {
    /// A file of this name and content.
    pub fn new(name: impl Into<Arc<str>>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { name: name.into(), bytes: bytes.into(), size: None }
    }

    /// The same, of a file of `size` bytes.
    #[must_use]
    pub fn of_size(self, size: u64) -> Self {
        Self { size: Some(size), ..self }
    }

    /// The content as text, for [`render`]; what is not UTF-8 is replaced.
    #[must_use]
    pub fn lossy(&self) -> Cow<'_, str> {
        // Nearly always it is, and to see that is ten times as fast as to look for what is not.
        std::str::from_utf8(&self.bytes).map_or_else(|_| String::from_utf8_lossy(&self.bytes), Cow::Borrowed)
    }
}

/// Which fields there are in our own records.
pub trait FieldCheck: fmt::Debug + Send + Sync {
    /// Whether there is a field of this name.
    fn knows(&self, field: &str) -> bool;

    /// The field that was probably meant by a name that is not known.
    fn suggest(&self, field: &str) -> Option<String>;
}

/// What rules may rely on.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Values for the placeholders of `expand`: `%name%`, in place of those that [`site_placeholders`] have by themselves.
    /// They may hold wildcards; networks and ranges of whole numbers where the placeholder stands alone.
    pub placeholders: BTreeMap<String, Vec<String>>,
    /// The mappings that rules go through before they are given a meaning.
    pub mappings: Mappings,
    /// The fields of our own records: rules for [`OWN_PRODUCT`] may name no others. Without it all names are taken.
    pub fields: Option<Arc<dyn FieldCheck>>,
}

impl Options {
    fn check_field(&self, field: &str, span: Span) -> Result<(), Refusal> {
        match &self.fields {
            Some(fields) if !fields.knows(field) => {
                let problem = Problem::error("unknown-field", span, format!("no field `{}`", short(field)));
                Err(problem.suggest(fields.suggest(field).as_deref()))
            }
            _ => Ok(()),
        }
    }
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The rules without an error.
    pub ruleset: Ruleset,
    /// All problems, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that have problems, in input order, for [`render`].
    pub sources: Vec<SourceText>,
}
