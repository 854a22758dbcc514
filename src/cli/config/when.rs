//! `when:` a Sigma detection on a line, or on a record.

use super::Reader;
use crate::record::schema;
use crate::sigma::diagnostic::nearest;
use crate::sigma::ir::Expr;
use crate::sigma::yaml::Node;
use crate::sigma::{FieldCheck, Options};
use crate::sink::Kind;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The first keys of the lines of a kind; those of records are in the schema.
const fn keys(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Alert => &[
            "type",
            "id",
            "time",
            "kind",
            "title",
            "description",
            "level",
            "entity",
            "entities",
            "attack",
            "first",
            "last",
            "suppressed",
            "incident",
            "score",
            "threshold",
            "window",
            "points_by_rule",
            "evidence",
            "findings",
            "source",
        ],
        Kind::Incident => &[
            "type",
            "id",
            "state",
            "reason",
            "previous",
            "entity",
            "entities",
            "level",
            "alerts",
            "suppressed",
            "members",
            "first",
            "last",
            "rules",
            "techniques",
            "score",
        ],
        Kind::Finding => &["type", "kind", "time", "rule", "points", "group", "window", "record", "source"],
        Kind::Record => &[],
    }
}

/// The names that a condition on lines of a kind may have.
#[derive(Debug)]
struct LineFields(Kind);

impl FieldCheck for LineFields {
    fn knows(&self, field: &str) -> bool {
        let ours = |field: &str| !field.starts_with("modbus.") || schema::find(field).is_some();
        let first = field.split('.').next().unwrap_or(field);
        match self.0 {
            // Stored logs have fields of their own.
            Kind::Record => ours(field),
            kind => keys(kind).contains(&first) && ours(field.strip_prefix("record.").unwrap_or(field)),
        }
    }

    fn suggest(&self, field: &str) -> Option<String> {
        if self.0 == Kind::Record {
            return schema::suggest(field).map(str::to_owned);
        }
        if let Some(inner) = field.strip_prefix("record.") {
            return schema::suggest(inner).map(|name| format!("record.{name}"));
        }
        let (first, rest) = field.split_once('.').map_or((field, ""), |(first, rest)| (first, rest));
        let first = nearest(first, keys(self.0).iter().copied())?;
        Some(if rest.is_empty() { first.to_owned() } else { format!("{first}.{rest}") })
    }
}

/// The condition on lines of this kind.
pub(super) fn read(
    node: &Node<'_>,
    kind: Kind,
    placeholders: &BTreeMap<String, Vec<String>>,
    reader: &mut Reader<'_>,
) -> Option<Expr> {
    let fields: Arc<dyn FieldCheck> = Arc::new(LineFields(kind));
    let options = Options { placeholders: placeholders.clone(), fields: Some(fields), ..Options::default() };
    reader.when(node, &options)
}
