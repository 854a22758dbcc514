//! `field|modifier|modifier`: what a key says to do with its values.

use super::diagnostic::{Problem, Refusal, Span, nearest, short};
use super::encoding::Utf16;
use super::ir::{Order, Place, TimePart};
use super::yaml::{Text, part_of};

/// A key, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan<'t> {
    /// Empty for keywords.
    pub(super) field: &'t str,
    pub(super) field_span: Span,
    pub(super) how: How,
    pub(super) cased: bool,
    pub(super) all: bool,
    pub(super) neq: bool,
}

/// How a value becomes tests.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum How {
    /// As a text after these steps; with none of them, as what it is.
    Text(Vec<(Step, Span)>),
    Regex {
        ignore_case: bool,
        multi_line: bool,
        dot_all: bool,
        expand: bool,
    },
    Cidr,
    Compare(Order),
    Part(TimePart, Option<Order>),
    Reference(Place),
    Exists,
}

/// What is done to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Contains,
    Start,
    End,
    Base64,
    Base64Offset,
    Utf16(Utf16),
    Windash,
    Expand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Modifier {
    Text(Step),
    All,
    Neq,
    Cased,
    Re,
    IgnoreCase,
    MultiLine,
    DotAll,
    Cidr,
    Compare(Order),
    Part(TimePart),
    FieldRef,
    Exists,
}

/// Name, modifier, and what it means to the author of a rule.
const MODIFIERS: [(&str, Modifier, &str); 34] = [
    ("contains", Modifier::Text(Step::Contains), "the text lies anywhere in the value"),
    ("startswith", Modifier::Text(Step::Start), "the value starts with the text"),
    ("endswith", Modifier::Text(Step::End), "the value ends with the text"),
    ("base64", Modifier::Text(Step::Base64), "the value is the text in base64"),
    (
        "base64offset",
        Modifier::Text(Step::Base64Offset),
        "the value is the text as it looks inside of longer base64, at each of the three offsets; use with `contains`",
    ),
    (
        "wide",
        Modifier::Text(Step::Utf16(Utf16::Little)),
        "the text in UTF-16, low byte first; use before `base64` or `base64offset`",
    ),
    ("utf16le", Modifier::Text(Step::Utf16(Utf16::Little)), "the same as `wide`"),
    ("utf16be", Modifier::Text(Step::Utf16(Utf16::Big)), "the text in UTF-16, high byte first"),
    ("utf16", Modifier::Text(Step::Utf16(Utf16::Marked)), "the text in UTF-16, low byte first, with a byte order mark"),
    ("windash", Modifier::Text(Step::Windash), "a `-` or `/` at the start of a word may be any of `-` `/` `–` `—` `―`"),
    ("expand", Modifier::Text(Step::Expand), "`%name%` in the text stands for the values of that placeholder"),
    ("all", Modifier::All, "all of the listed values must match, not any"),
    ("neq", Modifier::Neq, "none of the listed values matches; true of an absent field"),
    ("cased", Modifier::Cased, "upper and lower case differ"),
    ("re", Modifier::Re, "the regular expression is found in the value; case counts"),
    ("i", Modifier::IgnoreCase, "after `re`: case does not count"),
    ("ignorecase", Modifier::IgnoreCase, "the same as `i`"),
    ("m", Modifier::MultiLine, "after `re`: `^` and `$` also match at line breaks"),
    ("multiline", Modifier::MultiLine, "the same as `m`"),
    ("s", Modifier::DotAll, "after `re`: `.` also matches line breaks"),
    ("dotall", Modifier::DotAll, "the same as `s`"),
    ("cidr", Modifier::Cidr, "the value is an address in this network"),
    ("lt", Modifier::Compare(Order::Lt), "the value is a number below this one"),
    ("lte", Modifier::Compare(Order::Lte), "the value is this number or below"),
    ("gt", Modifier::Compare(Order::Gt), "the value is a number above this one"),
    ("gte", Modifier::Compare(Order::Gte), "the value is this number or above"),
    (
        "minute",
        Modifier::Part(TimePart::Minute),
        "the minute of a time is this number, 0 to 59; may be followed by `lt`, `lte`, `gt`, `gte`, as may the next five",
    ),
    ("hour", Modifier::Part(TimePart::Hour), "its hour, 0 to 23"),
    ("day", Modifier::Part(TimePart::Day), "its day of the month, 1 to 31"),
    ("week", Modifier::Part(TimePart::Week), "its ISO 8601 week, 1 to 53"),
    ("month", Modifier::Part(TimePart::Month), "its month, 1 to 12"),
    ("year", Modifier::Part(TimePart::Year), "its year, all digits"),
    (
        "fieldref",
        Modifier::FieldRef,
        "the value equals that of the field named here; `contains`, `startswith`, `endswith` may follow",
    ),
    (
        "exists",
        Modifier::Exists,
        "`true`: the record has the field, even empty or null; `false`: it has not; no other modifier beside it",
    ),
];

/// The modifiers there are, and what each means.
pub fn modifiers() -> impl Iterator<Item = (&'static str, &'static str)> {
    MODIFIERS.iter().map(|(name, _, meaning)| (*name, *meaning))
}

impl<'t> Plan<'t> {
    /// Reads a key of the file `source`.
    pub(super) fn read(key: &'t Text<'_>, source: &str) -> Result<Self, Refusal> {
        let mut names = key.text.split('|');
        let field = names.next().unwrap_or("");
        let mut plan = Self {
            field,
            field_span: part_of(source, key.span, &key.text, 0..field.len()),
            how: How::Text(Vec::new()),
            cased: false,
            all: false,
            neq: false,
        };
        let mut at = field.len() + 1;
        let mut before = None;
        for name in names {
            let span = part_of(source, key.span, &key.text, at..at + name.len());
            at += name.len() + 1;
            plan.add(find(name, span)?, Word { name, span, before })?;
            before = Some(name);
        }
        Ok(plan)
    }

    fn add(&mut self, modifier: Modifier, word: Word<'_>) -> Result<(), Refusal> {
        if self.how == How::Exists || (modifier == Modifier::Exists && word.before.is_some()) {
            let hint = "write the other modifiers in an item of their own; `neq` is `exists: false`";
            return Err(word.refuse("`exists` stands alone").hint(hint));
        }
        match modifier {
            Modifier::All => self.all = true,
            Modifier::Neq => self.neq = true,
            Modifier::Exists => self.how = How::Exists,
            Modifier::Cased => self.add_cased(word)?,
            Modifier::Text(step) => self.add_step(step, word)?,
            Modifier::Re | Modifier::Cidr => self.start(modifier, word)?,
            Modifier::IgnoreCase | Modifier::MultiLine | Modifier::DotAll => self.add_flag(modifier, word)?,
            Modifier::Compare(order) => self.add_order(order, word)?,
            Modifier::Part(part) => {
                self.need_bare(word)?;
                self.how = How::Part(part, None);
            }
            Modifier::FieldRef => {
                match &self.how {
                    How::Text(steps) if steps.is_empty() => {}
                    How::Text(_) => {
                        let hint = "write `fieldref` before the modifiers that say where it lies";
                        return Err(self.misplaced(word).hint(hint));
                    }
                    _ => return Err(self.misplaced(word)),
                }
                self.how = How::Reference(Place::Whole);
            }
        }
        Ok(())
    }

    /// `re` and `cidr` take the value as written, so nothing may have changed it before.
    fn start(&mut self, modifier: Modifier, word: Word<'_>) -> Result<(), Refusal> {
        if let Some(before) = word.before {
            let problem = word.refuse(format!("`{}` must be the first modifier", word.name));
            return Err(match (modifier, before) {
                (_, "all" | "neq") => problem.hint(format!("write `{}|{before}`", word.name)),
                (Modifier::Re, "contains" | "startswith" | "endswith") => {
                    problem.hint("a regular expression is searched for; anchor it with `^` and `$`")
                }
                _ => problem.hint(format!("`{}` takes the value as written", word.name)),
            });
        }
        self.how = match modifier {
            Modifier::Re => How::Regex { ignore_case: false, multi_line: false, dot_all: false, expand: false },
            _ => How::Cidr,
        };
        Ok(())
    }

    fn add_cased(&mut self, word: Word<'_>) -> Result<(), Refusal> {
        if !matches!(self.how, How::Text(_) | How::Reference(_)) {
            return Err(self.misplaced(word));
        }
        self.cased = true;
        Ok(())
    }

    fn add_step(&mut self, step: Step, word: Word<'_>) -> Result<(), Refusal> {
        match &mut self.how {
            How::Text(steps) => steps.push((step, word.span)),
            How::Regex { expand, .. } if step == Step::Expand => *expand = true,
            // A regular expression is searched for, so there is nothing to add at its ends.
            How::Regex { .. } if matches!(step, Step::Contains | Step::Start | Step::End) => {}
            How::Reference(place) => {
                let lies = match step {
                    Step::Contains => Place::Contains,
                    Step::Start => Place::Start,
                    Step::End => Place::End,
                    _ => return Err(self.misplaced(word)),
                };
                // As with texts, where each adds its wildcard: open on both sides is anywhere.
                *place = if *place == Place::Whole || *place == lies { lies } else { Place::Contains };
            }
            _ => return Err(self.misplaced(word)),
        }
        Ok(())
    }

    fn add_flag(&mut self, modifier: Modifier, word: Word<'_>) -> Result<(), Refusal> {
        let How::Regex { ignore_case, multi_line, dot_all, .. } = &mut self.how else {
            let message = format!("`{}` is a flag of `re` and must follow it", word.name);
            return Err(word.refuse(message).hint(format!("write `re|{}`", word.name)));
        };
        match modifier {
            Modifier::IgnoreCase => *ignore_case = true,
            Modifier::MultiLine => *multi_line = true,
            _ => *dot_all = true,
        }
        Ok(())
    }

    fn add_order(&mut self, order: Order, word: Word<'_>) -> Result<(), Refusal> {
        match &mut self.how {
            How::Compare(_) | How::Part(_, Some(_)) => Err(word
                .refuse("two comparisons in one item")
                .hint("write two items of the same field: both must hold")),
            How::Part(_, slot) => {
                *slot = Some(order);
                Ok(())
            }
            _ => {
                self.need_bare(word)?;
                self.how = How::Compare(order);
                Ok(())
            }
        }
    }

    /// Refuses `word` unless the value is still what was written.
    fn need_bare(&self, word: Word<'_>) -> Result<(), Refusal> {
        match &self.how {
            How::Text(steps) if steps.is_empty() && !self.cased => Ok(()),
            _ => Err(self.misplaced(word)),
        }
    }

    /// `word` does not go with what came before it, and why.
    fn misplaced(&self, word: Word<'_>) -> Refusal {
        let message = format!("`{}` cannot follow `{}`", word.name, word.before.unwrap_or(""));
        word.refuse(message).hint(match self.how {
            How::Text(_) => "it takes the value as written; the modifiers before it make texts",
            How::Regex { .. } => {
                "a regular expression is taken as written; only its flags, `all`, `neq` and `expand` go with it"
            }
            How::Cidr => "an address is compared with a network and not as a text",
            How::Compare(_) | How::Part(..) => "numbers are compared here and not texts",
            How::Reference(_) => "only `contains`, `startswith`, `endswith` and `cased` go with `fieldref`",
            How::Exists => "`exists` stands alone",
        })
    }
}

/// A modifier as it stands in the key.
#[derive(Clone, Copy)]
struct Word<'t> {
    name: &'t str,
    span: Span,
    before: Option<&'t str>,
}

impl Word<'_> {
    fn refuse(self, message: impl Into<String>) -> Refusal {
        Problem::error("bad-modifier", self.span, message)
    }
}

fn find(name: &str, span: Span) -> Result<Modifier, Refusal> {
    if let Some((_, modifier, _)) = MODIFIERS.iter().find(|(known, ..)| *known == name) {
        return Ok(*modifier);
    }
    let unknown = Problem::error("unknown-modifier", span, format!("no modifier `{}`", short(name)));
    Err(match name {
        "" => Problem::error("unknown-modifier", span, "an empty modifier").hint("take away the `|`"),
        "not" => unknown.hint("write `neq`, or exclude a selection with `not` in the condition"),
        "equals" => unknown.hint("without a modifier the whole value is compared"),
        _ => {
            let lower = name.trim().to_ascii_lowercase();
            match nearest(&lower, MODIFIERS.iter().map(|(known, ..)| *known)) {
                Some(name) => unknown.suggest(Some(name)),
                None => unknown.hint("most rules need contains, startswith, endswith, all, re, cidr or exists"),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::sigma::testing::{assert_manual, each, lowered};
    use insta::assert_snapshot;

    #[test]
    fn the_manual_has_every_modifier() {
        let rows = super::modifiers().map(|(name, meaning)| format!("| `{name}` | {meaning} |\n"));
        assert_manual("modifiers", &format!("| modifier | meaning |\n|---|---|\n{}", rows.collect::<String>()));
    }

    #[test]
    fn a_misplaced_modifier_is_pointed_at() {
        assert_snapshot!(lowered("    CommandLine|contains|re: 'a.c'"), @r"
        error[bad-modifier]: `re` must be the first modifier
         --> rule.yml:6:26
          |
        6 |     CommandLine|contains|re: 'a.c'
          |                          ^^
          |
          = help: a regular expression is searched for; anchor it with `^` and `$`
        ");
        assert_snapshot!(lowered("    CommandLine|startwith: a"), @r"
        error[unknown-modifier]: no modifier `startwith`
         --> rule.yml:6:17
          |
        6 |     CommandLine|startwith: a
          |                 ^^^^^^^^^
          |
          = help: did you mean `startswith`?
        ");
    }

    #[test]
    fn every_illegal_combination_is_refused() {
        assert_snapshot!(each(&[
            "F|: a",
            "F||all: a",
            "F|Contains: a",
            "F|not: a",
            "F|equals: a",
            "F|sounds_like: a",
            "F|all|re: a",
            "F|contains|cidr: 10.0.0.0/8",
            "F|cidr|contains: 10.0.0.0/8",
            "F|cidr|cased: 10.0.0.0/8",
            "F|cidr|expand: '%admins%'",
            "F|i: a",
            "F|i|re: a",
            "F|contains|m: a",
            "F|re|cased: a",
            "F|cased|re: a",
            "F|re|base64: a",
            "F|re|re: a",
            "F|re|gt: 1",
            "F|exists|contains: true",
            "F|contains|exists: true",
            "F|exists|neq: true",
            "F|gt|lt: 1",
            "F|hour|gt|lt: 1",
            "F|contains|gt: 1",
            "F|cased|gt: 1",
            "F|gt|contains: 1",
            "F|gt|cased: 1",
            "F|hour|contains: 1",
            "F|contains|hour: 1",
            "F|hour|minute: 1",
            "F|contains|fieldref: G",
            "F|fieldref|base64: G",
            "F|fieldref|gt: G",
            "F|fieldref|re: G",
        ]), @r"
        F|: a  =>  unknown-modifier: an empty modifier AT  (take away the `|`)
        F||all: a  =>  unknown-modifier: an empty modifier AT  (take away the `|`)
        F|Contains: a  =>  unknown-modifier: no modifier `Contains` AT Contains (did you mean `contains`?)
        F|not: a  =>  unknown-modifier: no modifier `not` AT not (write `neq`, or exclude a selection with `not` in the condition)
        F|equals: a  =>  unknown-modifier: no modifier `equals` AT equals (without a modifier the whole value is compared)
        F|sounds_like: a  =>  unknown-modifier: no modifier `sounds_like` AT sounds_like (most rules need contains, startswith, endswith, all, re, cidr or exists)
        F|all|re: a  =>  bad-modifier: `re` must be the first modifier AT re (write `re|all`)
        F|contains|cidr: 10.0.0.0/8  =>  bad-modifier: `cidr` must be the first modifier AT cidr (`cidr` takes the value as written)
        F|cidr|contains: 10.0.0.0/8  =>  bad-modifier: `contains` cannot follow `cidr` AT contains (an address is compared with a network and not as a text)
        F|cidr|cased: 10.0.0.0/8  =>  bad-modifier: `cased` cannot follow `cidr` AT cased (an address is compared with a network and not as a text)
        F|cidr|expand: '%admins%'  =>  bad-modifier: `expand` cannot follow `cidr` AT expand (an address is compared with a network and not as a text)
        F|i: a  =>  bad-modifier: `i` is a flag of `re` and must follow it AT i (write `re|i`)
        F|i|re: a  =>  bad-modifier: `i` is a flag of `re` and must follow it AT i (write `re|i`)
        F|contains|m: a  =>  bad-modifier: `m` is a flag of `re` and must follow it AT m (write `re|m`)
        F|re|cased: a  =>  bad-modifier: `cased` cannot follow `re` AT cased (a regular expression is taken as written; only its flags, `all`, `neq` and `expand` go with it)
        F|cased|re: a  =>  bad-modifier: `re` must be the first modifier AT re (`re` takes the value as written)
        F|re|base64: a  =>  bad-modifier: `base64` cannot follow `re` AT base64 (a regular expression is taken as written; only its flags, `all`, `neq` and `expand` go with it)
        F|re|re: a  =>  bad-modifier: `re` must be the first modifier AT re (`re` takes the value as written)
        F|re|gt: 1  =>  bad-modifier: `gt` cannot follow `re` AT gt (a regular expression is taken as written; only its flags, `all`, `neq` and `expand` go with it)
        F|exists|contains: true  =>  bad-modifier: `exists` stands alone AT contains (write the other modifiers in an item of their own; `neq` is `exists: false`)
        F|contains|exists: true  =>  bad-modifier: `exists` stands alone AT exists (write the other modifiers in an item of their own; `neq` is `exists: false`)
        F|exists|neq: true  =>  bad-modifier: `exists` stands alone AT neq (write the other modifiers in an item of their own; `neq` is `exists: false`)
        F|gt|lt: 1  =>  bad-modifier: two comparisons in one item AT lt (write two items of the same field: both must hold)
        F|hour|gt|lt: 1  =>  bad-modifier: two comparisons in one item AT lt (write two items of the same field: both must hold)
        F|contains|gt: 1  =>  bad-modifier: `gt` cannot follow `contains` AT gt (it takes the value as written; the modifiers before it make texts)
        F|cased|gt: 1  =>  bad-modifier: `gt` cannot follow `cased` AT gt (it takes the value as written; the modifiers before it make texts)
        F|gt|contains: 1  =>  bad-modifier: `contains` cannot follow `gt` AT contains (numbers are compared here and not texts)
        F|gt|cased: 1  =>  bad-modifier: `cased` cannot follow `gt` AT cased (numbers are compared here and not texts)
        F|hour|contains: 1  =>  bad-modifier: `contains` cannot follow `hour` AT contains (numbers are compared here and not texts)
        F|contains|hour: 1  =>  bad-modifier: `hour` cannot follow `contains` AT hour (it takes the value as written; the modifiers before it make texts)
        F|hour|minute: 1  =>  bad-modifier: `minute` cannot follow `hour` AT minute (numbers are compared here and not texts)
        F|contains|fieldref: G  =>  bad-modifier: `fieldref` cannot follow `contains` AT fieldref (write `fieldref` before the modifiers that say where it lies)
        F|fieldref|base64: G  =>  bad-modifier: `base64` cannot follow `fieldref` AT base64 (only `contains`, `startswith`, `endswith` and `cased` go with `fieldref`)
        F|fieldref|gt: G  =>  bad-modifier: `gt` cannot follow `fieldref` AT gt (only `contains`, `startswith`, `endswith` and `cased` go with `fieldref`)
        F|fieldref|re: G  =>  bad-modifier: `re` must be the first modifier AT re (`re` takes the value as written)
        ");
    }
}
