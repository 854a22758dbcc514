//! A text that a regular expression is found in.

use super::prng::Rng;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};
use sigmabus::sigma::ir::Regex;

/// A text in which `regex` is likely found: edges of lines and words are taken on trust.
pub fn text(regex: &Regex, chance: &mut Rng) -> String {
    let mut parser = ParserBuilder::new()
        .case_insensitive(regex.ignore_case)
        .multi_line(regex.multi_line)
        .dot_matches_new_line(regex.dot_all)
        .build();
    let mut made = Vec::new();
    if let Ok(hir) = parser.parse(&regex.pattern) {
        write(&hir, chance, &mut made);
    }
    String::from_utf8_lossy(&made).into_owned()
}

fn write(hir: &Hir, chance: &mut Rng, made: &mut Vec<u8>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => made.extend_from_slice(&literal.0),
        HirKind::Class(class) => made.extend(member(class, chance)),
        HirKind::Repetition(repetition) => {
            let more = if repetition.max == Some(repetition.min) { 0 } else { chance.below(2) };
            (0..repetition.min + more).for_each(|_| write(&repetition.sub, chance, made));
        }
        HirKind::Capture(capture) => write(&capture.sub, chance, made),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, chance, made)),
        HirKind::Alternation(parts) => {
            if let Some(part) = parts.get(chance.below(parts.len() as u32) as usize) {
                write(part, chance, made);
            }
        }
    }
}

/// A character of the class, printable ASCII where there is one.
fn member(class: &Class, chance: &mut Rng) -> Vec<u8> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
        Class::Bytes(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
    };
    let readable: Vec<u32> =
        (0x20..0x7F).filter(|c| ranges.iter().any(|(low, high)| (low..=high).contains(&c))).collect();
    let chosen = readable.get(chance.below(readable.len() as u32) as usize).copied();
    let first = ranges.first().map(|(low, _)| *low);
    chosen.or(first).and_then(char::from_u32).map(|c| c.to_string().into_bytes()).unwrap_or_default()
}
