//! A value and its modifiers as tests of one field.

use super::ast::Given;
use super::context::{Context, Placeholder};
use super::diagnostic::{Problem, Refusal, Span, short};
use super::encoding::{Utf16, base64, base64_offsets, decoded_mark, utf16};
use super::ir::{Number, Regex, Test};
use super::limits::{MAX_ENCODED_DASHES, MAX_EXPANSIONS, MAX_VALUE_BYTES, MAX_WILDCARDS};
use super::modifiers::{How, Plan, Step};
use super::pattern::{self, Part};
use super::regex;
use super::scalar::{self, Value};
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// The tests that `given` becomes; any of them satisfies it. [`How::Exists`] is no test of a value and gives none.
pub(super) fn tests(context: &mut Context<'_>, plan: &Plan<'_>, given: Given<'_>) -> Result<Vec<Test>, Refusal> {
    if given.text.len() > MAX_VALUE_BYTES {
        return Err(too_long(given.span));
    }
    match &plan.how {
        How::Text(steps) => texts(context, plan, steps, given),
        How::Regex { ignore_case, multi_line, dot_all, expand } => {
            let text = text_form(given)?;
            let patterns = if *expand { expand_regex(context, text, given.span)? } else { vec![text.to_owned()] };
            let test = |pattern: String| {
                let mut regex = Regex {
                    pattern: regex::adapt(&pattern).into(),
                    ignore_case: *ignore_case,
                    multi_line: *multi_line,
                    dot_all: *dot_all,
                    measured: false,
                };
                regex.measured = context.check_regex(&regex, given)?;
                Ok(Test::Regex(regex))
            };
            patterns.into_iter().map(test).collect()
        }
        How::Cidr => Ok(vec![Test::Cidr(network(given)?)]),
        How::Compare(order) => Ok(vec![Test::Compare(*order, number(given)?)]),
        How::Part(part, order) => match number(given)? {
            Number::Int(value) => {
                let value = i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX });
                Ok(vec![Test::TimePart { part: *part, order: *order, value }])
            }
            Number::Float(_) => {
                Err(Problem::error("bad-value", given.span, format!("`{part}` compares with an integer")))
            }
        },
        How::Reference(place) => {
            let Value::Text(field) = given.value else { return Err(no_field(given.span)) };
            if !matches!(pattern::parse(field).as_slice(), [Part::Text(_)]) {
                return Err(no_field(given.span));
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
    if !keyword {
        match given.value {
            // In a list it is an alternative to the texts beside it, whatever becomes of these.
            Value::Null if steps.is_empty() && !plan.cased || given.listed => return Ok(vec![Test::Null]),
            Value::Bool(value) if steps.is_empty() => return Ok(vec![Test::Bool(value)]),
            Value::Number(value) if steps.is_empty() => return Ok(number_tests(value, given.text)),
            _ => {}
        }
    }
    if let ([(Step::Expand, _)], false) = (steps, keyword)
        && let Some(name) = lone_placeholder(given.text)
    {
        return placeholder_tests(context, plan, name, given.span);
    }
    let place = |step: &Step| matches!(step, Step::Contains | Step::Start | Step::End);
    let anywhere = keyword && !steps.iter().any(|(step, _)| place(step));
    let mut variants = vec![pattern::parse(text_form(given)?)];
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
    if steps.iter().any(|(step, _)| *step == Step::Utf16(Utf16::Marked)) {
        let decoded: Vec<_> = variants.iter().filter_map(|parts| decoded_mark(parts)).collect();
        variants.extend(decoded);
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
    if steps.is_empty() && !keyword {
        tests.extend(beyond_64_bits(given.text).map(Test::Number));
    }
    Ok(tests)
}

/// The float as which a record holds an integer that is written so and needs more than 64 bits: the text form of that
/// float is another one.
fn beyond_64_bits(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_decimal = digits.len() > 18 && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    scalar::number(text).filter(|number| is_decimal && matches!(number, Number::Float(_)))
}

/// A number, and the text it was written as where that is another decimal form: `1.10` is also the version 1.10.
fn number_tests(number: Number, written: &str) -> Vec<Test> {
    let mut tests = vec![Test::Number(number)];
    if let Number::Float(value) = number
        && written.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-'))
        && value.to_string() != written
    {
        tests.push(Test::Text(pattern::finish(pattern::parse(written), false)));
    }
    tests
}

/// Applies one modifier to one value, which may become several.
fn apply(
    context: &mut Context<'_>,
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
        Step::Expand | Step::Utf16(_) if encoded => {
            let message = "this modifier changes texts, and an earlier one left bytes";
            return Err(Problem::error("bad-modifier", span, message).hint("write it before the UTF-16 modifier"));
        }
        Step::Windash if encoded => {
            let message = "no dash starts a word in UTF-16, so this modifier changes nothing";
            let problem = Problem::warning("idle-modifier", span, message);
            context.problems.push_first(problem.hint("write it before the UTF-16 modifier"));
            out.push(parts);
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
                let variants = base64_offsets(&encodable(&parts, given, span)?);
                match variants.len() {
                    0 => {
                        let problem = Problem::error("bad-value", given, "an empty text for `base64offset`");
                        return Err(problem.hint("each of its three variants is empty and would be in any value"));
                    }
                    3 => {}
                    _ => {
                        let message = "of one byte `base64offset` finds two of three places";
                        let problem = Problem::warning("short-value", given, message);
                        context.problems.push_first(problem.hint("at the other place no digit belongs to it alone"));
                    }
                }
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

/// The name, if a text is one placeholder and nothing else.
fn lone_placeholder(text: &str) -> Option<&str> {
    match placeholders(text).as_slice() {
        [Found::Placeholder(name)] => Some(name),
        _ => None,
    }
}

/// What a line asks whose value is one placeholder: here its values may also be networks, and ranges of whole numbers.
fn placeholder_tests(context: &Context<'_>, plan: &Plan<'_>, name: &str, span: Span) -> Result<Vec<Test>, Refusal> {
    let text = |value: &str| Test::Text(pattern::finish(pattern::parse(value), plan.cased));
    let Placeholder::Values(values) = context.placeholder(name, span)? else { return Ok(vec![text("*")]) };
    let too_many = || {
        let message = format!("`%{}%` stands for more than {MAX_EXPANSIONS} values", short(name));
        Problem::error("too-large", span, message)
    };
    let mut tests = Vec::with_capacity(values.len());
    for value in values {
        match (value.parse::<IpNet>(), number_range(value)) {
            (Ok(network), _) => tests.push(Test::Cidr(network.trunc())),
            (_, Some(range)) if range.end().abs_diff(*range.start()) as usize >= MAX_EXPANSIONS => {
                return Err(too_many());
            }
            (_, Some(range)) => tests.extend(range.map(|number| Test::Number(Number::Int(number.into())))),
            _ => {}
        }
        tests.push(text(value));
    }
    if tests.len() > MAX_EXPANSIONS + values.len() { Err(too_many()) } else { Ok(tests) }
}

/// `100-109`
pub(super) fn number_range(text: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = text.split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some(first..=last)
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
                    let values: Vec<_> = match context.placeholder(name, span)? {
                        Placeholder::Values(values) => values.iter().map(|value| pattern::parse(value)).collect(),
                        Placeholder::Anything => vec![vec![Part::Many]],
                    };
                    extend(&expanded, &values, span)?
                }
            };
        }
    }
    out.extend(expanded.into_iter().map(pattern::joined));
    Ok(())
}

/// Replaces `%name%` in a regular expression; there placeholder values stand for themselves.
fn expand_regex(context: &Context<'_>, text: &str, span: Span) -> Result<Vec<String>, Refusal> {
    let mut expanded = vec![Vec::new()];
    for piece in placeholders(text) {
        expanded = match piece {
            Found::Text(text) => extend(&expanded, &[vec![text.to_owned()]], span)?,
            Found::Placeholder(name) => {
                let values: Vec<_> = match context.placeholder(name, span)? {
                    Placeholder::Values(values) => values.iter().map(|value| vec![::regex::escape(value)]).collect(),
                    Placeholder::Anything => vec![vec![".*".to_owned()]],
                };
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

/// A value's text: of numbers the one written, so that `contains: 00000429` keeps its zeros.
fn text_form(given: Given<'_>) -> Result<&str, Refusal> {
    match given.value {
        Value::Text(_) | Value::Number(_) | Value::Bool(_) => Ok(given.text),
        Value::Null => Err(Problem::error("bad-value", given.span, "`null` has no text to compare")
            .hint("write it under a field's name without modifiers: there it matches an absent field")),
    }
}

/// A number, also one in quotes or beyond 64 bits.
fn number(given: Given<'_>) -> Result<Number, Refusal> {
    let number = match given.value {
        // An integer beyond 64 bits has its exact value in its text only.
        Value::Number(Number::Float(float)) => scalar::decimal(given.text).or(Some(Number::Float(float))),
        Value::Number(number) => Some(number),
        Value::Text(text) => scalar::decimal(text),
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

fn no_field(span: Span) -> Refusal {
    Problem::error("bad-value", span, "`fieldref` needs the name of a field").hint("names have no wildcards")
}

fn too_long(span: Span) -> Refusal {
    Problem::error("too-large", span, format!("a value of more than {MAX_VALUE_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use crate::sigma::testing::{each, lowered, options, rule};
    use crate::sigma::{Options, SourceText, load};
    use insta::assert_snapshot;

    #[test]
    fn a_value_without_modifiers_is_what_yaml_says_it_is() {
        assert_snapshot!(each(&[
            "F: abc",
            "F: 4624",
            "F: '4624'",
            "F: 010",
            "F: 1e3",
            "F: 1.10",
            "F: true",
            "F: 'true'",
            "F: yes",
            "F: 2024-01-31",
            "F: null",
            "F:",
            "F: ''",
            "F: 99999999999999999999",
            "F: '99999999999999999999'",
            "F: [a, 1, null]",
            "F|contains: [a, null]",
            "F|contains: null",
            "F: []",
            "F|contains|neq: []",
            "F|cidr: []",
            "F: [[a]]",
            "F: {a: b}",
            r"F: 'C:\*\?\\*'",
            "'|contains': x",
        ]), @r"
        F: abc  =>  F = 'abc'
        F: 4624  =>  F = 4624
        F: '4624'  =>  F = '4624'
        F: 010  =>  F = 10
        F: 1e3  =>  F = 1000
        F: 1.10  =>  (F = 1.1 or F = '1.10')
        F: true  =>  F = true
        F: 'true'  =>  F = 'true'
        F: yes  =>  F = 'yes'
        F: 2024-01-31  =>  F = '2024-01-31'
        F: null  =>  F is null
        F:  =>  F is null
        F: ''  =>  F = ''
        F: 99999999999999999999  =>  (F = 100000000000000000000 or F = '99999999999999999999')
        F: '99999999999999999999'  =>  (F = '99999999999999999999' or F = 100000000000000000000)
        F: [a, 1, null]  =>  (F = 'a' or F = 1 or F is null); null-in-list: `null` in a list of values AT null (it means: or the field is absent. Sigma asks to write that as a selection of its own)
        F|contains: [a, null]  =>  (F = '*a*' or F is null); null-in-list: `null` in a list of values AT null (it means: or the field is absent. Sigma asks to write that as a selection of its own)
        F|contains: null  =>  bad-value: `null` has no text to compare AT null (write it under a field's name without modifiers: there it matches an absent field)
        F: []  =>  F is null; empty-list: an empty list of values for `F` AT [] (it counts as `null`: the field is absent)
        F|contains|neq: []  =>  not F is null; empty-list: an empty list of values for `F|contains|neq` AT [] (it counts as `null`: the field is absent)
        F|cidr: []  =>  F is null; empty-list: an empty list of values for `F|cidr` AT [] (it counts as `null`: the field is absent)
        F: [[a]]  =>  wrong-type: a list as a value of `F` AT [a] (a value is a scalar, or a list of scalars)
        F: {a: b}  =>  wrong-type: a map as a value of `F` AT {a: b} (a value is a scalar, or a list of scalars)
        F: 'C:\*\?\\*'  =>  F = 'C:\*\?\\*'
        '|contains': x  =>  any value = '*x*'
        ");
    }

    #[test]
    fn texts_take_wildcards_and_case() {
        assert_snapshot!(each(&[
            "F|contains: a",
            r"F|startswith: 'C:\dir\'",
            r"F|endswith: '*\x.exe'",
            "F|startswith|endswith: a",
            "F|contains: 62",
            "F|contains: 1.5",
            "F|contains: 00000429",
            "F|contains: true",
            "F|contains: null",
            "F|contains: ''",
            "F|cased: aB*",
            "F|cased|contains: aB",
            "F|contains|cased: aB",
            "F|cased: [a, 1, null, true]",
        ]), @r"
        F|contains: a  =>  F = '*a*'
        F|startswith: 'C:\dir\'  =>  F = 'C:\dir\\*'
        F|endswith: '*\x.exe'  =>  F = '*\x.exe'
        F|startswith|endswith: a  =>  F = '*a*'
        F|contains: 62  =>  F = '*62*'
        F|contains: 1.5  =>  F = '*1.5*'
        F|contains: 00000429  =>  F = '*00000429*'
        F|contains: true  =>  F = '*true*'
        F|contains: null  =>  bad-value: `null` has no text to compare AT null (write it under a field's name without modifiers: there it matches an absent field)
        F|contains: ''  =>  F = '*'
        F|cased: aB*  =>  F = cased 'aB*'
        F|cased|contains: aB  =>  F = cased '*aB*'
        F|contains|cased: aB  =>  F = cased '*aB*'
        F|cased: [a, 1, null, true]  =>  (F = cased 'a' or F = 1 or F is null or F = true); null-in-list: `null` in a list of values AT null (it means: or the field is absent. Sigma asks to write that as a selection of its own)
        ");
    }

    #[test]
    fn lists_are_alternatives_unless_all_and_neq_negates_the_whole() {
        assert_snapshot!(each(&[
            "F: [a, b]",
            "F|all: [a, b]",
            "F|contains|all: [a, b]",
            "F|all|contains: [a, b]",
            "F|all: a",
            "F|neq: a",
            "F|neq: [a, b]",
            "F|neq: null",
            "F|re|neq: a.c",
            "F|cidr|neq: 10.0.0.0/8",
            "F|fieldref|neq: G",
            "F|contains|all|neq: [a, b]",
            "F|base64offset|contains|all: [ab, cd]",
            "{F|contains: a, F|endswith: b, G: c}",
        ]), @r"
        F: [a, b]  =>  (F = 'a' or F = 'b')
        F|all: [a, b]  =>  (F = 'a' and F = 'b')
        F|contains|all: [a, b]  =>  (F = '*a*' and F = '*b*')
        F|all|contains: [a, b]  =>  (F = '*a*' and F = '*b*')
        F|all: a  =>  F = 'a'
        F|neq: a  =>  not F = 'a'
        F|neq: [a, b]  =>  not (F = 'a' or F = 'b')
        F|neq: null  =>  not F is null
        F|re|neq: a.c  =>  not F =~ /a.c/
        F|cidr|neq: 10.0.0.0/8  =>  not F in 10.0.0.0/8
        F|fieldref|neq: G  =>  not F = field G
        F|contains|all|neq: [a, b]  =>  not (F = '*a*' and F = '*b*')
        F|base64offset|contains|all: [ab, cd]  =>  ((F = '*YW*' or F = '*Fi*' or F = '*hY*') and (F = '*Y2*' or F = '*Nk*' or F = '*jZ*'))
        {F|contains: a, F|endswith: b, G: c}  =>  (F = '*a*' and F = '*b' and G = 'c')
        ");
    }

    #[test]
    fn encodings_apply_in_the_order_written() {
        assert_snapshot!(each(&[
            "F|base64: foobar",
            r"F|base64: 'a\*'",
            "F|base64: 'a*'",
            "F|base64: 12",
            "F|contains|base64: a",
            "F|base64offset: http://",
            "F|base64offset|contains: http://",
            "F|base64offset: a",
            "F|base64offset: 'a?c'",
            "F|wide: ab",
            "F|utf16le: 'a*'",
            "F|utf16be|contains: a",
            "F|wide|base64: ab",
            "F|utf16le|base64: ä",
            "F|utf16be|base64: ab",
            "F|utf16|base64: ab",
            "F|wide|base64offset|contains: ping",
            "F|base64|wide: a",
            "F|wide|wide: a",
            "F|wide|windash: -a",
            "F|windash|base64: -a",
            "F|windash|base64: -a -b -c -d",
        ]), @r"
        F|base64: foobar  =>  F = 'Zm9vYmFy'
        F|base64: 'a\*'  =>  F = 'YSo='
        F|base64: 'a*'  =>  bad-value: a wildcard in a value that is encoded in base64 AT 'a*' (write `\*` or `\?` for the character itself, and `contains` after the encoding)
        F|base64: 12  =>  F = 'MTI='
        F|contains|base64: a  =>  bad-value: a wildcard in a value that is encoded in base64 AT a (write `\*` or `\?` for the character itself, and `contains` after the encoding)
        F|base64offset: http://  =>  (F = 'aHR0cDovL' or F = 'h0dHA6Ly' or F = 'odHRwOi8v')
        F|base64offset|contains: http://  =>  (F = '*aHR0cDovL*' or F = '*h0dHA6Ly*' or F = '*odHRwOi8v*')
        F|base64offset: a  =>  (F = 'Y' or F = 'h'); short-value: of one byte `base64offset` finds two of three places AT a (at the other place no digit belongs to it alone)
        F|base64offset: 'a?c'  =>  bad-value: a wildcard in a value that is encoded in base64 AT 'a?c' (write `\*` or `\?` for the character itself, and `contains` after the encoding)
        F|wide: ab  =>  F = 'a\u{0}b\u{0}'
        F|utf16le: 'a*'  =>  F = 'a\u{0}*'
        F|utf16be|contains: a  =>  F = '*\u{0}a*'
        F|wide|base64: ab  =>  F = 'YQBiAA=='
        F|utf16le|base64: ä  =>  F = '5AA='
        F|utf16be|base64: ab  =>  F = 'AGEAYg=='
        F|utf16|base64: ab  =>  F = '//5hAGIA'
        F|wide|base64offset|contains: ping  =>  (F = '*cABpAG4AZw*' or F = '*AAaQBuAGcA*' or F = '*wAGkAbgBnA*')
        F|base64|wide: a  =>  F = 'Y\u{0}Q\u{0}=\u{0}=\u{0}'
        F|wide|wide: a  =>  bad-modifier: this modifier changes texts, and an earlier one left bytes AT wide (write it before the UTF-16 modifier)
        F|wide|windash: -a  =>  F = '-\u{0}a\u{0}'; idle-modifier: no dash starts a word in UTF-16, so this modifier changes nothing AT windash (write it before the UTF-16 modifier)
        F|windash|base64: -a  =>  (F = 'LWE=' or F = 'L2E=' or F = '4oCTYQ==' or F = '4oCUYQ==' or F = '4oCVYQ==')
        F|windash|base64: -a -b -c -d  =>  too-large: more than 3 dashes to vary in a value that is encoded AT base64
        ");
    }

    #[test]
    fn dashes_vary_without_multiplying_the_value() {
        assert_snapshot!(each(&[
            "F|windash: -a",
            "F|contains|windash: ' -enc '",
            "F|windash|contains|all: [' -a', ' /b']",
            "F|endswith|windash: a-b --c -",
        ]), @r"
        F|windash: -a  =>  F = '<dash>a'
        F|contains|windash: ' -enc '  =>  F = '* <dash>enc *'
        F|windash|contains|all: [' -a', ' /b']  =>  (F = '* <dash>a*' and F = '* <dash>b*')
        F|endswith|windash: a-b --c -  =>  F = '*a-b -<dash>c -'
        ");
    }

    #[test]
    fn networks_are_checked() {
        assert_snapshot!(each(&[
            "F|cidr: 10.0.0.0/8",
            "F|cidr: [10.0.0.1, '2001:db8::/32', '::1']",
            "F|cidr: 10.0.0.1/8",
            "F|cidr: 10.0.0.0/33",
            "F|cidr: 10.0.*",
            "F|cidr: 10",
            "F|cidr: null",
        ]), @r"
        F|cidr: 10.0.0.0/8  =>  F in 10.0.0.0/8
        F|cidr: [10.0.0.1, '2001:db8::/32', '::1']  =>  (F in 10.0.0.1/32 or F in 2001:db8::/32 or F in ::1/128)
        F|cidr: 10.0.0.1/8  =>  bad-value: `10.0.0.1/8` has bits set behind its prefix AT 10.0.0.1/8 (the network is 10.0.0.0/8)
        F|cidr: 10.0.0.0/33  =>  bad-value: `10.0.0.0/33` is not a network AT 10.0.0.0/33 (write it as 192.168.0.0/16 or 2001:db8::/32)
        F|cidr: 10.0.*  =>  bad-value: `10.0.*` is not a network AT 10.0.* (write it as 192.168.0.0/16 or 2001:db8::/32)
        F|cidr: 10  =>  bad-value: `10` is not a network AT 10 (write it as 192.168.0.0/16 or 2001:db8::/32)
        F|cidr: null  =>  bad-value: `null` is not a network AT null (write it as 192.168.0.0/16 or 2001:db8::/32)
        ");
    }

    #[test]
    fn comparisons_and_parts_of_times_need_numbers() {
        assert_snapshot!(each(&[
            "F|lt: 5",
            "F|lte: -1.5",
            "F|gt: '5'",
            "F|gte: [5, 0x10]",
            "F|gt|neq: 5",
            "F|lt: 99999999999999999999",
            "F|gt: '0x10'",
            "F|gt: five",
            "F|gt: null",
            "F|gt: true",
            "F|hour: 3",
            "F|hour|gte: 18",
            "F|week: [1, '2']",
            "F|minute|lt: 1.5",
            "F|day: monday",
            "F|month: 12",
            "F|year|neq: 2026",
        ]), @r"
        F|lt: 5  =>  F < 5
        F|lte: -1.5  =>  F <= -1.5
        F|gt: '5'  =>  F > 5
        F|gte: [5, 0x10]  =>  (F >= 5 or F >= 16)
        F|gt|neq: 5  =>  not F > 5
        F|lt: 99999999999999999999  =>  F < 99999999999999999999
        F|gt: '0x10'  =>  bad-value: `0x10` is not a number AT '0x10' (comparisons and parts of times need numbers)
        F|gt: five  =>  bad-value: `five` is not a number AT five (comparisons and parts of times need numbers)
        F|gt: null  =>  bad-value: `null` is not a number AT null (comparisons and parts of times need numbers)
        F|gt: true  =>  bad-value: `true` is not a number AT true (comparisons and parts of times need numbers)
        F|hour: 3  =>  hour of F = 3
        F|hour|gte: 18  =>  hour of F >= 18
        F|week: [1, '2']  =>  (week of F = 1 or week of F = 2)
        F|minute|lt: 1.5  =>  bad-value: `minute` compares with an integer AT 1.5
        F|day: monday  =>  bad-value: `monday` is not a number AT monday (comparisons and parts of times need numbers)
        F|month: 12  =>  month of F = 12
        F|year|neq: 2026  =>  not year of F = 2026
        ");
    }

    #[test]
    fn a_reference_may_say_where_it_lies() {
        assert_snapshot!(each(&[
            "F|fieldref: G",
            "F|fieldref: [G, H]",
            "F|fieldref|startswith: G",
            "F|fieldref|endswith: G",
            "F|fieldref|contains|cased: G",
            "F|fieldref|startswith|endswith: G",
            "F|fieldref|contains|endswith: G",
            "F|cased|fieldref: G",
            "F|fieldref: ''",
            "F|fieldref: 1",
        ]), @r"
        F|fieldref: G  =>  F = field G
        F|fieldref: [G, H]  =>  (F = field G or F = field H)
        F|fieldref|startswith: G  =>  F starts with field G
        F|fieldref|endswith: G  =>  F ends with field G
        F|fieldref|contains|cased: G  =>  F contains cased field G
        F|fieldref|startswith|endswith: G  =>  F contains field G
        F|fieldref|contains|endswith: G  =>  F contains field G
        F|cased|fieldref: G  =>  F = cased field G
        F|fieldref: ''  =>  bad-value: `fieldref` needs the name of a field AT '' (names have no wildcards)
        F|fieldref: 1  =>  bad-value: `fieldref` needs the name of a field AT 1 (names have no wildcards)
        ");
    }

    #[test]
    fn presence_takes_one_truth_value() {
        assert_snapshot!(each(&[
            "F|exists: true",
            "F|exists: false",
            "F|exists: 'true'",
            "F|exists: 1",
            "F|exists: [true, false]",
            "F|exists: null",
        ]), @r"
        F|exists: true  =>  F exists
        F|exists: false  =>  not F exists
        F|exists: 'true'  =>  bad-value: `exists` needs true or false, without quotes AT 'true' (write true or false)
        F|exists: 1  =>  bad-value: `exists` needs true or false, without quotes AT 1 (write true or false)
        F|exists: [true, false]  =>  bad-value: `exists` takes one value AT F|exists (write true or false)
        F|exists: null  =>  bad-value: `exists` needs true or false, without quotes AT null (write true or false)
        ");
    }

    #[test]
    fn regexes_are_taken_raw_and_checked() {
        assert_snapshot!(each(&[
            r"F|re: '^a\d+\*.exe$'",
            "F|re|i|m|s: a.c",
            "F|re|ignorecase|multiline|dotall: a.c",
            "F|re: 4624",
            "F|re: null",
            "F|re|contains: a",
            "F|re|all: [a, b]",
            r"F|re: 'a(?=b)'",
            r"F|re: '(a)\1'",
            r"F|re: 'a[b'",
            r"F|re: '(\w{100}){1000}'",
        ]), @r"
        F|re: '^a\d+\*.exe$'  =>  F =~ /^a\d+\*.exe$/
        F|re|i|m|s: a.c  =>  F =~ /a.c/ims
        F|re|ignorecase|multiline|dotall: a.c  =>  F =~ /a.c/ims
        F|re: 4624  =>  F =~ /4624/
        F|re: null  =>  bad-value: `null` has no text to compare AT null (write it under a field's name without modifiers: there it matches an absent field)
        F|re|contains: a  =>  F =~ /a/
        F|re|all: [a, b]  =>  (F =~ /a/ and F =~ /b/)
        F|re: 'a(?=b)'  =>  bad-regex: invalid regular expression: look-around, including look-ahead and look-behind, is not supported AT (?= (write a second item, or exclude it with a negated selection)
        F|re: '(a)\1'  =>  bad-regex: invalid regular expression: backreferences are not supported AT \1 (back-references need unbounded time and are in no Sigma dialect)
        F|re: 'a[b'  =>  bad-regex: invalid regular expression: unclosed character class AT [
        F|re: '(\w{100}){1000}'  =>  bad-regex: this regular expression needs 1760048724 bytes, and 2097152 are the most AT '(\w{100}){1000}' (classes such as `\w` and `\pL` and `i` cost most: write [a-z0-9], and lower the counts in `{n,m}`)
        ");
    }

    #[test]
    fn placeholders_need_values() {
        assert_snapshot!(each(&[
            "F|expand: '%admins%'",
            r"F|expand|contains: '\%admins%x'",
            "F|contains|expand: 'a%admins%-%admins%'",
            "F|contains|expand|all: ['%admins%', x]",
            "F|expand: '100% of %admins%'",
            "F|expand|windash: '-%admins%'",
            "F|expand: '%none%'",
            "F|expand: 'a%unknown%b'",
            "F: '%unknown%'",
            "F|re|expand: '^%admins%$'",
        ]), @r"
        F|expand: '%admins%'  =>  (F = 'alice' or F = 'b*b')
        F|expand|contains: '\%admins%x'  =>  (F = '*\alicex*' or F = '*\b*bx*')
        F|contains|expand: 'a%admins%-%admins%'  =>  (F = '*aalice-alice*' or F = '*aalice-b*b*' or F = '*ab*b-alice*' or F = '*ab*b-b*b*')
        F|contains|expand|all: ['%admins%', x]  =>  ((F = '*alice*' or F = '*b*b*') and F = '*x*')
        F|expand: '100% of %admins%'  =>  (F = '100% of alice' or F = '100% of b*b')
        F|expand|windash: '-%admins%'  =>  (F = '<dash>alice' or F = '<dash>b*b')
        F|expand: '%none%'  =>  false
        F|expand: 'a%unknown%b'  =>  unresolved-placeholder: no values for `%unknown%` AT %unknown% (give values for this placeholder in the configuration)
        F: '%unknown%'  =>  F = '%unknown%'
        F|re|expand: '^%admins%$'  =>  (F =~ /^alice$/ or F =~ /^b\*b$/)
        ");
    }

    #[test]
    fn a_placeholder_that_stands_alone_may_be_networks_and_ranges() {
        let site = |selection: &str| {
            let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
            let placeholders = [
                ("hosts".to_owned(), values(&["192.0.2.7", "198.51.100.9/28", "10.*"])),
                ("numbers".to_owned(), values(&["7-9", "12", "9-7", "a-b"])),
                ("many".to_owned(), values(&["0-1000"])),
                ("asset_scanners".to_owned(), values(&["x"])),
            ];
            let options = Options { placeholders: placeholders.into(), ..options() };
            let text = rule(&format!("  condition: s\n  s: {{{selection}}}\n"));
            let loaded = load([SourceText::new("rule.yml", text.as_bytes())], &options);
            let told = loaded.diagnostics.iter().map(|found| found.message.clone());
            loaded.ruleset.rules.iter().map(|rule| rule.condition.to_string()).chain(told).collect::<String>()
        };
        assert_snapshot!(site("F|expand: '%hosts%'"), @"(F = '192.0.2.7' or F in 198.51.100.0/28 or F = '198.51.100.9/28' or F = '10.*')");
        assert_snapshot!(site("F|expand: '%numbers%'"), @"(F = 7 or F = 8 or F = 9 or F = '7-9' or F = '12' or F = '9-7' or F = 'a-b')");
        assert_snapshot!(site("F|expand: ['%numbers%', x]"), @"((F = 7 or F = 8 or F = 9 or F = '7-9' or F = '12' or F = '9-7' or F = 'a-b') or F = 'x')");
        assert_snapshot!(site("F|contains|expand: '%hosts%'"), @"(F = '*192.0.2.7*' or F = '*198.51.100.9/28*' or F = '*10.*')");
        assert_snapshot!(site("F|expand: '%many%'"), @"`%many%` stands for more than 1000 values");
        // What the built-in rules ask for has a value before it is configured.
        assert_snapshot!(site("F|expand: ['%modbus_writers%', '%modbus_gateways%', '%asset_scanners%']"), @"(F = '*' or false or F = 'x')");
    }

    #[test]
    fn keywords_occur_anywhere_in_any_value() {
        assert_snapshot!(each(&[
            "abc",
            "[abc, 'a*b', 12, true]",
            "'|all': [a, b]",
            "'|re': a.c",
            "'|cased': Ab",
            "'|contains': ab",
            "'|startswith': ab",
            "'|base64offset': ab",
            "'|cidr': 10.0.0.0/8",
            "'|neq': a",
            "'': a",
            "'|all': [a, null]",
            "'|exists': true",
            "'|gt': 5",
            "'|fieldref': G",
            "'|hour': 5",
        ]), @r"
        abc  =>  any value = '*abc*'
        [abc, 'a*b', 12, true]  =>  (any value = '*abc*' or any value = '*a*b*' or any value = '*12*' or any value = '*true*')
        '|all': [a, b]  =>  (any value = '*a*' and any value = '*b*')
        '|re': a.c  =>  any value =~ /a.c/
        '|cased': Ab  =>  any value = cased '*Ab*'
        '|contains': ab  =>  any value = '*ab*'
        '|startswith': ab  =>  any value = 'ab*'
        '|base64offset': ab  =>  (any value = '*YW*' or any value = '*Fi*' or any value = '*hY*')
        '|cidr': 10.0.0.0/8  =>  any value in 10.0.0.0/8
        '|neq': a  =>  not any value = '*a*'
        '': a  =>  any value = '*a*'
        '|all': [a, null]  =>  null-in-list: `null` in a list of values AT null (it means: or the field is absent. Sigma asks to write that as a selection of its own); bad-value: `null` has no text to compare AT null (write it under a field's name without modifiers: there it matches an absent field)
        '|exists': true  =>  bad-modifier: this modifier needs a field AT '|exists' (write the field's name before the `|`)
        '|gt': 5  =>  bad-modifier: this modifier needs a field AT '|gt' (write the field's name before the `|`)
        '|fieldref': G  =>  bad-modifier: this modifier needs a field AT '|fieldref' (write the field's name before the `|`)
        '|hour': 5  =>  bad-modifier: this modifier needs a field AT '|hour' (write the field's name before the `|`)
        ");
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let long = |item: &str| lowered(&format!("    {item}")).lines().take(1).collect::<String>();
        assert_snapshot!(long(&format!("F: {}", "a".repeat(20_000))), @"error[too-large]: a value of more than 16384 bytes");
        assert_snapshot!(long(&format!("F|base64|base64: {}", "a".repeat(12_000))), @"error[too-large]: a value of more than 16384 bytes");
        assert_snapshot!(long(&format!("F: {}", "a*".repeat(101))), @"error[too-large]: more than 100 wildcards in one value");
        assert_snapshot!(long(&format!("F|expand: {}", "'%admins%".to_owned() + &"%admins%".repeat(20) + "'")), @"error[too-large]: this value becomes more than 1000 values");
    }
}
