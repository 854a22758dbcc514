//! A value and its modifiers as tests of one field.

use super::ast::Given;
use super::diagnostic::{Problem, Refusal, Span, short};
use super::encoding::{base64, base64_offsets, utf16};
use super::ir::{Number, Regex, Test};
use super::limits::{MAX_ENCODED_DASHES, MAX_EXPANSIONS, MAX_VALUE_BYTES, MAX_WILDCARDS};
use super::lower::Context;
use super::modifiers::{How, Plan, Step};
use super::pattern::{self, Part};
use super::scalar::{self, Value};
use ipnet::IpNet;
use std::net::IpAddr;

/// The tests that `given` becomes; any of them satisfies it. [`How::Exists`] is no test of a value and gives none.
pub(super) fn tests(context: &mut Context<'_>, plan: &Plan<'_>, given: Given<'_>) -> Result<Vec<Test>, Refusal> {
    if given.text.len() > MAX_VALUE_BYTES {
        return Err(too_long(given.span));
    }
    match &plan.how {
        How::Text(steps) => texts(context, plan, steps, given),
        How::Regex { ignore_case, multi_line, dot_all, expand } => {
            let text = text_form(given, "re")?;
            let patterns = if *expand { expand_regex(context, &text, given.span)? } else { vec![text] };
            let test = |pattern: String| {
                let regex = Regex {
                    pattern: pattern.into(),
                    ignore_case: *ignore_case,
                    multi_line: *multi_line,
                    dot_all: *dot_all,
                };
                context.check_regex(&regex, given)?;
                Ok(Test::Regex(regex))
            };
            patterns.into_iter().map(test).collect()
        }
        How::Cidr => Ok(vec![Test::Cidr(network(given)?)]),
        How::Compare(order) => Ok(vec![Test::Compare(*order, number(given)?)]),
        How::Part(part, order) => match number(given)? {
            Number::Int(value) => {
                let value = i64::try_from(value).unwrap_or(i64::MAX);
                Ok(vec![Test::TimePart { part: *part, order: *order, value }])
            }
            Number::Float(_) => {
                Err(Problem::error("bad-value", given.span, format!("`{part}` compares with an integer")))
            }
        },
        How::Reference(place) => {
            let Value::Text(field) = given.value else {
                return Err(Problem::error("bad-value", given.span, "`fieldref` needs the name of a field"));
            };
            if field.is_empty() {
                return Err(Problem::error("bad-value", given.span, "`fieldref` needs the name of a field"));
            }
            context.check_field(field, given.span)?;
            Ok(vec![Test::FieldRef { field: context.name(field), place: *place, cased: plan.cased }])
        }
        How::Exists => Ok(Vec::new()),
    }
}

/// A value that is compared as it is, or as a text after `steps`.
fn texts(
    context: &mut Context<'_>,
    plan: &Plan<'_>,
    steps: &[(Step, Span)],
    given: Given<'_>,
) -> Result<Vec<Test>, Refusal> {
    let keyword = plan.field.is_empty();
    if steps.is_empty() && !keyword {
        match given.value {
            Value::Null => return Ok(vec![Test::Null]),
            Value::Bool(value) => return Ok(vec![Test::Bool(value)]),
            Value::Number(value) => return Ok(vec![Test::Number(value)]),
            Value::Text(_) => {}
        }
    }
    let place = |step: &Step| matches!(step, Step::Contains | Step::Start | Step::End);
    let anywhere = keyword && !steps.iter().any(|(step, _)| place(step));
    let mut variants = match given.value {
        Value::Text(text) => vec![pattern::parse(text)],
        _ => vec![vec![Part::Text(text_form(given, modifier_name(steps))?)]],
    };
    for (step, span) in steps {
        let mut stepped = Vec::with_capacity(variants.len());
        for parts in variants {
            apply(context, *step, *span, parts, given.span, &mut stepped)?;
        }
        variants = stepped;
        if variants.len() > MAX_EXPANSIONS {
            let message = format!("this value becomes more than {MAX_EXPANSIONS} values");
            return Err(Problem::error("too-large", given.span, message).related(*span, "through this modifier"));
        }
    }
    let mut tests = Vec::with_capacity(variants.len());
    for mut parts in variants {
        if anywhere {
            parts.insert(0, Part::Many);
            parts.push(Part::Many);
        }
        if pattern::len(&parts) > MAX_VALUE_BYTES {
            return Err(too_long(given.span));
        }
        if parts.iter().filter(|part| matches!(part, Part::Many | Part::One)).count() > MAX_WILDCARDS {
            let message = format!("more than {MAX_WILDCARDS} wildcards in one value");
            return Err(Problem::error("too-large", given.span, message));
        }
        tests.push(Test::Text(pattern::finish(parts, plan.cased)));
    }
    Ok(tests)
}

/// Applies one modifier to one value, which may become several.
fn apply(
    context: &Context<'_>,
    step: Step,
    span: Span,
    mut parts: Vec<Part>,
    given: Span,
    out: &mut Vec<Vec<Part>>,
) -> Result<(), Refusal> {
    let encoded = parts.iter().any(|part| matches!(part, Part::Bytes(_)));
    match step {
        Step::Contains => {
            parts.insert(0, Part::Many);
            parts.push(Part::Many);
            out.push(parts);
        }
        Step::Start => {
            parts.push(Part::Many);
            out.push(parts);
        }
        Step::End => {
            parts.insert(0, Part::Many);
            out.push(parts);
        }
        Step::Windash | Step::Expand | Step::Utf16(_) if encoded => {
            let message = "this modifier changes texts, and an earlier one left bytes";
            return Err(Problem::error("bad-modifier", span, message).hint("write it before the UTF-16 modifier"));
        }
        Step::Windash => out.push(pattern::vary_dashes(parts)),
        Step::Expand => expand(context, parts, given, out)?,
        Step::Utf16(encoding) => {
            out.extend(spelled(&parts, span)?.into_iter().map(|parts| utf16(parts, encoding)));
        }
        Step::Base64 => {
            for parts in spelled(&parts, span)? {
                out.push(vec![Part::Text(base64(&encodable(&parts, given, span)?))]);
            }
        }
        Step::Base64Offset => {
            for parts in spelled(&parts, span)? {
                let bytes = encodable(&parts, given, span)?;
                let Some(variants) = base64_offsets(&bytes) else {
                    return Err(Problem::error("bad-value", given, "too short for `base64offset`").hint(
                        "with fewer than two bytes one of the three variants is empty and would match anything",
                    ));
                };
                out.extend(variants.into_iter().map(|variant| vec![Part::Text(variant)]));
            }
        }
    }
    Ok(())
}

/// The value with every dash of `windash` written out, since bytes are encoded and classes of characters are not.
fn spelled(parts: &[Part], span: Span) -> Result<Vec<Vec<Part>>, Refusal> {
    pattern::spell_dashes(parts).ok_or_else(|| {
        let message = format!("more than {MAX_ENCODED_DASHES} dashes to vary in a value that is encoded");
        Problem::error("too-large", span, message)
    })
}

fn encodable(parts: &[Part], given: Span, modifier: Span) -> Result<Vec<u8>, Refusal> {
    pattern::bytes(parts).ok_or_else(|| {
        Problem::error("bad-value", given, "a wildcard in a value that is encoded in base64")
            .related(modifier, "encoded by this")
            .hint("write `\\*` or `\\?` for the character itself, and `contains` after the encoding")
    })
}

/// Replaces `%name%` in a text with wildcards. Placeholder values may hold wildcards of their own.
fn expand(context: &Context<'_>, parts: Vec<Part>, span: Span, out: &mut Vec<Vec<Part>>) -> Result<(), Refusal> {
    let mut expanded = vec![Vec::new()];
    for part in parts {
        let Part::Text(text) = part else {
            expanded.iter_mut().for_each(|parts: &mut Vec<Part>| parts.push(part.clone()));
            continue;
        };
        for piece in placeholders(&text) {
            expanded = match piece {
                Found::Text(text) => extend(&expanded, &[vec![Part::Text(text.to_owned())]], span)?,
                Found::Placeholder(name) => {
                    let values: Vec<_> =
                        context.placeholder(name, span)?.iter().map(|value| pattern::parse(value)).collect();
                    extend(&expanded, &values, span)?
                }
            };
        }
    }
    out.extend(expanded);
    Ok(())
}

/// Replaces `%name%` in a regular expression; there placeholder values stand for themselves.
fn expand_regex(context: &Context<'_>, text: &str, span: Span) -> Result<Vec<String>, Refusal> {
    let mut expanded = vec![Vec::new()];
    for piece in placeholders(text) {
        expanded = match piece {
            Found::Text(text) => extend(&expanded, &[vec![text.to_owned()]], span)?,
            Found::Placeholder(name) => {
                let values: Vec<_> =
                    context.placeholder(name, span)?.iter().map(|value| vec![::regex::escape(value)]).collect();
                extend(&expanded, &values, span)?
            }
        };
    }
    Ok(expanded.into_iter().map(|parts| parts.concat()).collect())
}

/// Every start with every end.
fn extend<T: Clone>(starts: &[Vec<T>], ends: &[Vec<T>], span: Span) -> Result<Vec<Vec<T>>, Refusal> {
    if starts.len().saturating_mul(ends.len()) > MAX_EXPANSIONS {
        let message = format!("this value becomes more than {MAX_EXPANSIONS} values");
        return Err(Problem::error("too-large", span, message));
    }
    Ok(starts.iter().flat_map(|start| ends.iter().map(move |end| [&start[..], &end[..]].concat())).collect())
}

enum Found<'t> {
    Text(&'t str),
    Placeholder(&'t str),
}

/// Takes `a%name%b` apart. What stands between two `%` and is no name is text.
fn placeholders(text: &str) -> Vec<Found<'_>> {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let mut found = Vec::new();
    let mut start = 0;
    let mut search = 0;
    while let Some(open) = memchr::memchr(b'%', text.as_bytes().get(search..).unwrap_or(b"")).map(|at| search + at) {
        let rest = text.get(open + 1..).unwrap_or("");
        let Some((name, _)) = rest.split_once('%') else { break };
        let close = open + 1 + name.len();
        if !is_name(name) {
            // The second `%` may open a placeholder of its own.
            search = close;
            continue;
        }
        found.extend(text.get(start..open).filter(|text| !text.is_empty()).map(Found::Text));
        found.push(Found::Placeholder(name));
        start = close + 1;
        search = start;
    }
    found.extend(text.get(start..).filter(|text| !text.is_empty()).map(Found::Text));
    found
}

/// A value's text: of numbers the decimal form.
fn text_form(given: Given<'_>, modifier: &str) -> Result<String, Refusal> {
    match given.value {
        Value::Text(text) => Ok(text.to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null => Err(Problem::error("bad-value", given.span, format!("`{modifier}` needs a value, not `null`"))
            .hint("write `null` under the field's name without modifiers: it matches an absent field")),
    }
}

fn modifier_name(steps: &[(Step, Span)]) -> &'static str {
    match steps.first() {
        None => "a keyword",
        Some((step, _)) => match step {
            Step::Contains => "contains",
            Step::Start => "startswith",
            Step::End => "endswith",
            Step::Base64 => "base64",
            Step::Base64Offset => "base64offset",
            Step::Utf16(_) => "utf16",
            Step::Windash => "windash",
            Step::Expand => "expand",
        },
    }
}

/// A number, also one in quotes.
fn number(given: Given<'_>) -> Result<Number, Refusal> {
    let number = match given.value {
        Value::Number(number) => Some(number),
        Value::Text(text) => scalar::number(text),
        Value::Bool(_) | Value::Null => None,
    };
    number.ok_or_else(|| {
        Problem::error("bad-value", given.span, format!("`{}` is not a number", short(given.text)))
            .hint("comparisons and parts of times need numbers")
    })
}

/// `10.0.0.0/8`, `2001:db8::/32`, or an address alone.
fn network(given: Given<'_>) -> Result<IpNet, Refusal> {
    let bad = || {
        Problem::error("bad-value", given.span, format!("`{}` is not a network", short(given.text)))
            .hint("write it as 192.168.0.0/16 or 2001:db8::/32")
    };
    if let Ok(address) = given.text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let network: IpNet = given.text.parse().map_err(|_| bad())?;
    if network.trunc() != network {
        return Err(Problem::error("bad-value", given.span, format!("`{network}` has bits set behind its prefix"))
            .hint(format!("the network is {}", network.trunc())));
    }
    Ok(network)
}

fn too_long(span: Span) -> Refusal {
    Problem::error("too-large", span, format!("a value of more than {MAX_VALUE_BYTES} bytes"))
}
