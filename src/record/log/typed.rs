//! A schema field's value in a log line, turned into the fact that our own record would have.
//!
//! Only where nothing is lost: what is turned prints exactly as it was read. Anything else stays as it is.

use crate::record::{Domain, Fact, List, Vocabulary, moment};
use bumpalo::Bump;
use rustc_hash::FxHashMap;
use std::io::Write;
use std::net::IpAddr;

/// How a value becomes a typed fact.
#[derive(Clone, Debug)]
pub(in crate::record) enum Typing {
    Bool,
    Int,
    Float,
    Word(Words),
    Words(Words),
    U16List,
    Addr,
    Time,
}

/// A vocabulary that can be searched by text.
#[derive(Clone, Debug)]
pub(in crate::record) struct Words {
    vocabulary: &'static Vocabulary,
    by_text: FxHashMap<&'static str, u16>,
}

impl Words {
    fn new(vocabulary: &'static Vocabulary) -> Self {
        // The first of equal texts wins, as it would when searching in order.
        let by_text = (0..=u16::MAX).zip(vocabulary.words).rev().map(|(word, text)| (*text, word)).collect();
        Self { vocabulary, by_text }
    }

    fn find(&self, fact: Fact<'_>) -> Option<u16> {
        match fact {
            Fact::Text(text) => self.by_text.get(text).copied(),
            _ => None,
        }
    }
}

impl Typing {
    /// How values of a domain are typed; `None` for texts, which are what they are.
    pub(in crate::record) fn of(domain: Domain) -> Option<Self> {
        Some(match domain {
            Domain::Bool => Self::Bool,
            Domain::U8 | Domain::U16 | Domain::Int => Self::Int,
            Domain::Float => Self::Float,
            Domain::Word(vocabulary) => Self::Word(Words::new(vocabulary)),
            Domain::Words(vocabulary) => Self::Words(Words::new(vocabulary)),
            Domain::U16List => Self::U16List,
            Domain::Addr => Self::Addr,
            Domain::Time => Self::Time,
            Domain::Text => return None,
        })
    }

    /// The typed fact, or `fact` itself.
    pub(in crate::record) fn apply<'a>(&self, fact: Fact<'a>, arena: &'a Bump) -> Fact<'a> {
        match (self, fact) {
            (Self::Float, Fact::Int(number)) => float(number),
            (Self::Words(words), Fact::List(List::Facts(facts))) => set(words, facts),
            (Self::U16List, Fact::List(List::Facts(facts))) => registers(facts, arena),
            (Self::U16List, Fact::Text(text)) => spans(text, arena),
            (_, Fact::Text(text)) => self.text(text),
            _ => None,
        }
        .unwrap_or(fact)
    }

    fn text<'a>(&self, text: &str) -> Option<Fact<'a>> {
        match self {
            Self::Bool => match text {
                "true" => Some(Fact::Bool(true)),
                "false" => Some(Fact::Bool(false)),
                _ => None,
            },
            Self::Int => int(text),
            Self::Word(words) => words.find(Fact::Text(text)).map(|word| Fact::Word(words.vocabulary, word)),
            Self::Addr => addr(text),
            Self::Time => time(text),
            Self::Float | Self::Words(_) | Self::U16List => None,
        }
    }
}

/// A whole number as a fraction, if it is one exactly.
fn float<'a>(number: i64) -> Option<Fact<'a>> {
    const EXACT: u64 = 1 << 53;
    (number.unsigned_abs() <= EXACT).then_some(Fact::Float(number as f64))
}

fn int<'a>(text: &str) -> Option<Fact<'a>> {
    let number: i64 = text.parse().ok()?;
    (itoa::Buffer::new().format(number) == text).then_some(Fact::Int(number))
}

fn addr<'a>(text: &str) -> Option<Fact<'a>> {
    let address: IpAddr = text.parse().ok()?;
    if address.is_ipv6() {
        // The longest form is `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`.
        let mut printed = [0; 46];
        let mut rest = &mut printed[..];
        write!(rest, "{address}").ok()?;
        let length = 46 - rest.len();
        if printed.get(..length) != Some(text.as_bytes()) {
            return None;
        }
    }
    Some(Fact::Addr(address))
}

/// A time as we print it. In any other form the written clock counts, which a typed time has no more.
fn time<'a>(text: &str) -> Option<Fact<'a>> {
    let ours = text.len() == 30 && text.as_bytes().get(10) == Some(&b'T') && text.ends_with('Z');
    if ours { moment::read_text(text).map(Fact::Time) } else { None }
}

fn set<'a>(words: &Words, facts: &[Fact<'a>]) -> Option<Fact<'a>> {
    let mut bits = 0_u32;
    for fact in facts {
        bits |= 1_u32.checked_shl(words.find(*fact)?.into())?;
    }
    Some(Fact::List(List::Words(words.vocabulary, bits)))
}

/// Ranges as we print them, `31-46, 50`.
fn spans<'a>(text: &str, arena: &'a Bump) -> Option<Fact<'a>> {
    let number = |digits: &str| match int(digits)? {
        Fact::Int(number) => u16::try_from(number).ok(),
        _ => None,
    };
    let mut spans = bumpalo::collections::Vec::new_in(arena);
    for part in text.split(", ") {
        spans.push(match part.split_once('-') {
            Some((first, last)) => [number(first)?, number(last)?],
            None => [number(part)?; 2],
        });
    }
    spans.iter().all(|[first, last]| first <= last).then(|| Fact::List(List::Spans(spans.into_bump_slice())))
}

fn registers<'a>(facts: &[Fact<'a>], arena: &'a Bump) -> Option<Fact<'a>> {
    let mut bytes = bumpalo::collections::Vec::with_capacity_in(facts.len() * 2, arena);
    for fact in facts {
        let Fact::Int(number) = fact else { return None };
        bytes.extend_from_slice(&u16::try_from(*number).ok()?.to_be_bytes());
    }
    Some(Fact::List(List::Registers(bytes.into_bump_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::vocabulary::{FLAGS, KIND};
    use crate::time::Timestamp;

    fn typed(domain: Domain, text: &str) -> Option<Fact<'static>> {
        Typing::of(domain).unwrap().text(text)
    }

    #[test]
    fn a_text_is_typed_only_if_it_prints_the_same() {
        assert_eq!(typed(Domain::U16, "31"), Some(Fact::Int(31)));
        for other in ["031", "+31", " 31", "0x1F", ""] {
            assert_eq!(typed(Domain::U16, other), None, "{other}");
        }
        assert_eq!(typed(Domain::Addr, "10.0.2.15"), Some(Fact::Addr([10, 0, 2, 15].into())));
        assert!(typed(Domain::Addr, "2001:db8::15").is_some());
        for other in ["010.0.2.15", "2001:DB8::15", "2001:db8:0::15", "plc1"] {
            assert_eq!(typed(Domain::Addr, other), None, "{other}");
        }
        assert_eq!(typed(Domain::Bool, "true"), Some(Fact::Bool(true)));
        assert_eq!(typed(Domain::Bool, "True"), None);
        assert_eq!(typed(Domain::Word(&KIND), "response"), Some(Fact::Word(&KIND, 1)));
        assert_eq!(typed(Domain::Word(&KIND), "Response"), None);
        let own = "2023-11-14T22:13:20.000000001Z";
        let moment = Timestamp::parse_rfc3339(own).unwrap();
        assert_eq!(typed(Domain::Time, own), Some(Fact::Time(moment)));
        assert_eq!(typed(Domain::Time, "2023-11-14T22:13:20.000000+03:00"), None);
        assert_eq!(typed(Domain::Time, "2023-11-14 22:13:20.000000001Z"), None);
    }

    #[test]
    fn ranges_are_read_as_they_are_printed() {
        let arena = Bump::new();
        let apply = |text| Typing::of(Domain::U16List).unwrap().apply(Fact::Text(text), &arena);
        assert_eq!(apply("31-46, 50"), Fact::List(List::Spans(&[[31, 46], [50, 50]])));
        assert_eq!(apply("0-65535"), Fact::List(List::Spans(&[[0, 65_535]])));
        for other in ["", "46-31", "31-", "31 - 46", "31,46", "65536", "031", "secret:31"] {
            assert_eq!(apply(other), Fact::Text(other), "{other}");
        }
    }

    #[test]
    fn a_list_is_typed_only_as_a_whole() {
        let arena = Bump::new();
        let apply = |domain, facts: &'static [Fact<'static>]| match Typing::of(domain)
            .unwrap()
            .apply(Fact::List(List::Facts(facts)), &arena)
        {
            Fact::List(list) => format!("{list:?}"),
            fact => format!("{fact:?}"),
        };
        assert_eq!(apply(Domain::U16List, &[Fact::Int(97), Fact::Int(256)]), "Registers([0, 97, 1, 0])");
        assert!(apply(Domain::U16List, &[Fact::Int(97), Fact::Int(65_536)]).starts_with("Facts"));
        assert!(apply(Domain::Words(&FLAGS), &[Fact::Text("malformed"), Fact::Text("late")]).ends_with("4097)"));
        assert!(apply(Domain::Words(&FLAGS), &[Fact::Text("malformed"), Fact::Text("odd")]).starts_with("Facts"));
    }
}
