//! Where a correlation reads what it needs of an event: of a hit, or of an inner correlation's alert.

use super::carry::{Carry, Values};
use super::refusal::Reason;
use super::sum::Figure;
use super::tally::{Datum, Tuple};
use super::value::{self, Value};
use super::{Place, RuleIx, number};
use crate::record::Slots;
use crate::sigma::ir::{Correlation, CorrelationKind, GroupKey, Number, RuleRef};
use crate::time::Timestamp;
use std::sync::Arc;

/// A correlation that refers to something.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    /// Which.
    pub(super) correlation: usize,
    group: Group,
    asks: Asks,
}

/// Where the values of a group are read.
#[derive(Clone, Debug)]
enum Group {
    /// They stand side by side in the values of the hit: so many from this place on.
    Together(usize, usize),
    /// Each where it is.
    Each(Vec<Source>),
}

/// What it wants of each event beside the group.
#[derive(Clone, Debug)]
enum Asks {
    Nothing,
    /// The place of the rule in its list.
    Rule(u32),
    Tuple(Vec<Source>),
    Figure(Source),
}

/// Where a value is read.
#[derive(Clone, Debug)]
enum Source {
    /// In the group of the inner correlation, at this place.
    Inner(usize),
    /// In the values of the hit, at this place.
    Own(usize),
    /// The same of an inner alert, at a place for each rule that may have raised it.
    Carried(Vec<(RuleIx, usize)>),
}

/// A hit, or an inner alert with the hit that raised it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trigger<'a> {
    pub(super) time: Timestamp,
    pub(super) place: Place,
    pub(super) rule: RuleIx,
    /// What the hit carried.
    pub(super) values: &'a [u8],
    /// The inner group.
    pub(super) inner: &'a [u8],
}

/// Something that an event does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// A field of the group.
    Group,
    /// A value to count, or a number.
    Value,
}

/// Who may raise the events of a reference, and what they can be asked for.
pub(super) struct Origin<'a> {
    /// Its place in the list of rules.
    pub(super) place: usize,
    /// The correlation it refers to, if it does.
    pub(super) inner: Option<&'a Correlation>,
    /// The detection rules at the bottom.
    pub(super) bases: &'a [RuleIx],
}

impl Listener {
    /// How `correlation`, the one at this index, listens to the events of `origin`. Hits must then carry what it asks for.
    pub(super) fn new(
        index: usize,
        correlation: &Correlation,
        origin: &Origin<'_>,
        slots: &mut Slots,
        carry: &mut Carry,
    ) -> Result<Self, Reason> {
        let mut source = |key: &GroupKey| origin.source(key, slots, carry);
        let group = Group::of(correlation.group_by.iter().map(&mut source).collect::<Result<_, _>>()?);
        let asks = match &correlation.kind {
            CorrelationKind::EventCount(_) => Asks::Nothing,
            CorrelationKind::Temporal(_) | CorrelationKind::TemporalOrdered(_) => Asks::Rule(origin.place as u32),
            CorrelationKind::ValueCount { fields, .. } => {
                Asks::Tuple(fields.iter().map(&mut source).collect::<Result<_, _>>()?)
            }
            CorrelationKind::Metric { field, .. } => Asks::Figure(source(field)?),
        };
        Ok(Self { correlation: index, group, asks })
    }

    /// The group of an event, for which there is `room` if it must be put together.
    #[inline]
    pub(super) fn group<'a>(&self, trigger: &Trigger<'a>, room: &'a mut Vec<u8>) -> Result<&'a [u8], Missing> {
        let group = match &self.group {
            Group::Together(from, count) => Values::new(trigger.values).run(*from, *count),
            Group::Each(sources) => read_all(sources, trigger, room).map(|()| &room[..]),
        };
        group.ok_or(Missing::Group)
    }

    /// What is counted of an event; `scratch` is for passing use.
    #[inline]
    pub(super) fn datum(&self, trigger: &Trigger<'_>, scratch: &mut Vec<u8>) -> Result<Datum, Missing> {
        Ok(match &self.asks {
            Asks::Nothing => Datum::Nothing,
            Asks::Rule(place) => Datum::Rule(*place),
            Asks::Tuple(sources) => {
                read_all(sources, trigger, scratch).ok_or(Missing::Value)?;
                Datum::Tuple(Tuple::of(scratch))
            }
            Asks::Figure(source) => Datum::Figure(source.read(trigger).and_then(figure).ok_or(Missing::Value)?),
        })
    }
}

/// Replaces `out` by the values of all sources; `None` if one is absent or null.
fn read_all(sources: &[Source], trigger: &Trigger<'_>, out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    for source in sources {
        out.extend_from_slice(source.read(trigger).filter(|value| value::is_some(value))?);
    }
    Some(())
}

impl Origin<'_> {
    fn source(&self, key: &GroupKey, slots: &mut Slots, carry: &mut Carry) -> Result<Source, Reason> {
        let field: &Arc<str> = key.fields.get(self.place).unwrap_or(&key.name);
        let inner = self.inner.and_then(|inner| inner.group_by.iter().position(|key| key.name == *field));
        if let Some(place) = inner {
            return Ok(Source::Inner(place));
        }
        let slot = slots.want(field).ok_or_else(|| Reason::Fields(field.to_string()))?;
        let mut places = self.bases.iter().filter_map(|rule| Some((*rule, carry.want(*rule, slot)?)));
        Ok(match (self.inner, places.next()) {
            (None, Some((_, place))) => Source::Own(place),
            (_, first) => Source::Carried(first.into_iter().chain(places).collect()),
        })
    }
}

impl Group {
    fn of(sources: Vec<Source>) -> Self {
        let first = match sources.first() {
            Some(Source::Own(place)) => *place,
            _ => return Self::Each(sources),
        };
        let in_line = |(place, source): (usize, &Source)| matches!(source, Source::Own(at) if *at == place);
        let together = (first..).zip(&sources).all(in_line);
        if together { Self::Together(first, sources.len()) } else { Self::Each(sources) }
    }
}

impl Source {
    fn read<'a>(&self, trigger: &Trigger<'a>) -> Option<&'a [u8]> {
        match self {
            Self::Inner(place) => Values::new(trigger.inner).encoded(*place),
            Self::Own(place) => Values::new(trigger.values).encoded(*place),
            Self::Carried(places) => {
                let (_, place) = places.iter().find(|(rule, _)| *rule == trigger.rule)?;
                Values::new(trigger.values).encoded(*place)
            }
        }
    }
}

/// The number that an encoded value is, or that its text reads as.
fn figure(encoded: &[u8]) -> Option<Figure> {
    let number = match Value::decode(encoded)?.0 {
        Value::Int(value) => return Some(Figure::Int(value)),
        Value::Uint(value) => return Some(Figure::Float(value as f64)),
        Value::Float(value) => Number::Float(value),
        Value::Text(text) => number::read(text)?,
        _ => return None,
    };
    Some(match number::normal(number) {
        Number::Int(value) => i64::try_from(value).map_or(Figure::Float(value as f64), Figure::Int),
        Number::Float(value) => Figure::Float(value),
    })
}

/// What `reference` refers to among the correlations.
pub(super) fn inner_of(reference: RuleRef, all: &[Correlation]) -> Option<&Correlation> {
    match reference {
        RuleRef::Rule(_) => None,
        RuleRef::Correlation(inner) => all.get(inner),
    }
}
