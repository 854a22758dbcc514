//! The names of MITRE ATT&CK that tags may hold: enterprise as of version 19, ICS as of version 17.

/// The tactics of both matrices. `defense-evasion` was split in version 19; rules that name it are still about.
pub(super) const TACTICS: [&str; 19] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "stealth",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
    "evasion",
    "inhibit-response-function",
    "impair-process-control",
];

/// Techniques of the ICS matrix that are no more, with what took their place. Every other number from 800 to 895 is one
/// that is in use.
const RETIRED: [(u16, Option<u16>); 13] = [
    (808, Some(888)),
    (810, None),
    (818, None),
    (824, Some(888)),
    (825, None),
    (833, None),
    (841, Some(846)),
    (844, None),
    (850, Some(888)),
    (854, None),
    (870, Some(868)),
    (875, Some(858)),
    (876, Some(880)),
];

/// The numbers of techniques begin here.
const FIRST: u16 = 800;

/// What is to be said of a technique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is in use, or newer than the table.
    Current,
    /// It is no more; what took its place.
    Retired(Option<u16>),
    /// There was never such a one.
    Unknown,
}

/// The standing of a technique: `843` for T0843.
pub(super) fn standing(technique: u16) -> Standing {
    match RETIRED.iter().find(|(retired, _)| *retired == technique) {
        Some((_, heir)) => Standing::Retired(*heir),
        None if technique < FIRST => Standing::Unknown,
        None => Standing::Current,
    }
}

/// A name in the namespace `attack` that is no tactic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// `t0843`, `t1059.001`
    Technique(u16),
    /// A group, a piece of software, a campaign, a data source, a mitigation, a detection strategy or an analytic.
    Other,
}

/// Reads `t1059.001`, `g0010`, `s0002` and their like.
pub(super) fn object(name: &str) -> Option<Object> {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(technique) = name.strip_prefix('t') {
        let (number, sub) = technique.split_once('.').map_or((technique, None), |(number, sub)| (number, Some(sub)));
        if digits(number, 4) && sub.is_none_or(|sub| digits(sub, 3)) {
            return number.parse().ok().map(Object::Technique);
        }
    }
    let is_other = ["ds", "dc", "det", "an", "ta", "g", "s", "c", "m"]
        .iter()
        .any(|kind| name.strip_prefix(kind).is_some_and(|number| digits(number, 4)));
    is_other.then_some(Object::Other)
}
