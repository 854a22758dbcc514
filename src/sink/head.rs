//! What a line says first: as much as headers of other formats need.

use super::item::Kind;
use crate::sigma::ir::Level;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;

/// The parts of a line that headers are made of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) title: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "level")]
    pub(super) level: Option<Level>,
    #[serde(borrow)]
    rule: Rule<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rule<'a> {
    #[serde(borrow)]
    title: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "level")]
    level: Option<Level>,
}

fn level<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Level>, D::Error> {
    let word = Option::<Cow<'de, str>>::deserialize(input)?;
    Ok(word.and_then(|word| Level::from_word(&word)))
}

impl<'a> Head<'a> {
    /// Reads a line; what it does not say, or says in another way, is left out.
    pub(super) fn of(line: &'a [u8]) -> Self {
        let mut head: Self = serde_json::from_slice(line).unwrap_or_default();
        head.level = head.level.or(head.rule.level);
        head
    }

    /// The title of the rule, or of the alert.
    pub(super) fn rule(&self) -> Option<&str> {
        self.rule.title.as_deref().or(self.title.as_deref())
    }

    /// The word that tells what it is.
    pub(super) fn kind(&self, kind: Kind) -> &str {
        let known = |word: &&str| ["alert", "incident", "finding", "record"].contains(word);
        self.r#type.as_deref().filter(known).unwrap_or(match kind {
            Kind::Alert => "alert",
            Kind::Incident => "incident",
            Kind::Finding => "finding",
            Kind::Record => "record",
        })
    }
}
