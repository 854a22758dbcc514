//! Lines that are JSON but for single characters: bytes that are not UTF-8, and halves of surrogate pairs. Programs cut
//! texts anywhere, and who writes a text must not be able to hide the event that holds it.

use std::borrow::Cow;

/// What stands for a character that is none.
const REPLACEMENT: &str = "\\uFFFD";

/// The line with each broken character replaced by U+FFFD; `None` if there is none.
#[must_use]
pub fn mend(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    let mut mended = String::with_capacity(text.len());
    let mut rest = &*text;
    let mut broken = matches!(text, Cow::Owned(_));
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        mended.push_str(before);
        let (kept, after) = match (surrogate(escape), escape.get(6..).and_then(surrogate)) {
            (None, _) => cut(escape, two_characters(escape)),
            (Some(Half::High), Some(Half::Low)) => cut(escape, 12),
            (Some(_), _) => {
                broken = true;
                (REPLACEMENT, escape.get(6..).unwrap_or_default())
            }
        };
        mended.push_str(kept);
        rest = after;
    }
    mended.push_str(rest);
    broken.then_some(mended)
}

#[derive(Clone, Copy)]
enum Half {
    High,
    Low,
}

/// The half of a surrogate pair that a text begins with as an escape, `\uD83D`.
fn surrogate(text: &str) -> Option<Half> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::High),
        0xDC00..=0xDFFF => Some(Half::Low),
        _ => None,
    }
}

fn cut(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// The length of a backslash with the character behind it.
fn two_characters(escape: &str) -> usize {
    escape.chars().take(2).map(char::len_utf8).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_character_is_replaced() {
        for (line, mended) in [
            (&br#"{"a":"\ud83d"}"#[..], Some(r#"{"a":"\uFFFD"}"#)),
            (br#"{"a":"x\uDd25y"}"#, Some(r#"{"a":"x\uFFFDy"}"#)),
            (br#"{"a":"\uD83D\uD83D\uDD25"}"#, Some(r#"{"a":"\uFFFD\uD83D\uDD25"}"#)),
            (br#"{"a":"\uDD25\uD83D"}"#, Some(r#"{"a":"\uFFFD\uFFFD"}"#)),
            (br#"{"a":"\uD83D\n\\"}"#, Some(r#"{"a":"\uFFFD\n\\"}"#)),
            (b"{\"a\":\"\xE9\"}", Some("{\"a\":\"\u{FFFD}\"}")),
            (br#"{"a":"\uD83D\uDD25\u00e9"}"#, None),
            (br#"{"a":"\\ud83d"}"#, None),
            (br#"{"a":1"#, None),
            (br#"{"a":"\"#, None),
        ] {
            assert_eq!(mend(line).as_deref(), mended, "{}", line.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn a_mended_text_is_json(parts in prop::collection::vec("[a\u{e9}\u{1F525}]|\\\\u[0-9a-fA-F]{4}|\\\\u[dD][89a-fA-F]00|\\\\n|\\\\\\\\", 0..8)) {
            let line = format!("\"{}\"", parts.concat());
            let mended = mend(line.as_bytes());
            prop_assert_eq!(mended.is_none(), serde_json::from_str::<String>(&line).is_ok());
            prop_assert!(serde_json::from_str::<String>(&mended.unwrap_or(line)).is_ok());
        }
    }
}
