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

const MODIFIERS: [(&str, Modifier); 34] = [
    ("contains", Modifier::Text(Step::Contains)),
    ("startswith", Modifier::Text(Step::Start)),
    ("endswith", Modifier::Text(Step::End)),
    ("base64", Modifier::Text(Step::Base64)),
    ("base64offset", Modifier::Text(Step::Base64Offset)),
    ("wide", Modifier::Text(Step::Utf16(Utf16::Little))),
    ("utf16le", Modifier::Text(Step::Utf16(Utf16::Little))),
    ("utf16be", Modifier::Text(Step::Utf16(Utf16::Big))),
    ("utf16", Modifier::Text(Step::Utf16(Utf16::Marked))),
    ("windash", Modifier::Text(Step::Windash)),
    ("expand", Modifier::Text(Step::Expand)),
    ("all", Modifier::All),
    ("neq", Modifier::Neq),
    ("cased", Modifier::Cased),
    ("re", Modifier::Re),
    ("i", Modifier::IgnoreCase),
    ("ignorecase", Modifier::IgnoreCase),
    ("m", Modifier::MultiLine),
    ("multiline", Modifier::MultiLine),
    ("s", Modifier::DotAll),
    ("dotall", Modifier::DotAll),
    ("cidr", Modifier::Cidr),
    ("lt", Modifier::Compare(Order::Lt)),
    ("lte", Modifier::Compare(Order::Lte)),
    ("gt", Modifier::Compare(Order::Gt)),
    ("gte", Modifier::Compare(Order::Gte)),
    ("minute", Modifier::Part(TimePart::Minute)),
    ("hour", Modifier::Part(TimePart::Hour)),
    ("day", Modifier::Part(TimePart::Day)),
    ("week", Modifier::Part(TimePart::Week)),
    ("month", Modifier::Part(TimePart::Month)),
    ("year", Modifier::Part(TimePart::Year)),
    ("fieldref", Modifier::FieldRef),
    ("exists", Modifier::Exists),
];

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
            return Err(word.refuse("`exists` stands alone").hint("write it as an item of its own"));
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
                if !matches!(&self.how, How::Text(steps) if steps.is_empty()) {
                    return Err(word.misplaced().hint("write `fieldref` before the modifiers that say where it lies"));
                }
                self.how = How::Reference(Place::Whole);
            }
        }
        Ok(())
    }

    /// `re` and `cidr` take the value as written, so nothing may have changed it before.
    fn start(&mut self, modifier: Modifier, word: Word<'_>) -> Result<(), Refusal> {
        if let Some(before) = word.before {
            let message = format!("`{}` must be the first modifier", word.name);
            return Err(word.refuse(message).hint(format!("write `{}|{before}`, if they go together", word.name)));
        }
        self.how = match modifier {
            Modifier::Re => How::Regex { ignore_case: false, multi_line: false, dot_all: false, expand: false },
            _ => How::Cidr,
        };
        Ok(())
    }

    fn add_cased(&mut self, word: Word<'_>) -> Result<(), Refusal> {
        match self.how {
            How::Text(_) | How::Reference(_) => self.cased = true,
            How::Regex { .. } => {
                return Err(word.misplaced().hint("a regular expression is case-sensitive unless `i` follows `re`"));
            }
            _ => return Err(word.misplaced()),
        }
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
                    _ => return Err(word.misplaced()),
                };
                if *place != Place::Whole && *place != lies {
                    return Err(word.misplaced().hint("give one of `contains`, `startswith`, `endswith`"));
                }
                *place = lies;
            }
            _ => return Err(word.misplaced()),
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
            _ => Err(word.misplaced().hint("it compares numbers; the modifiers before it make texts")),
        }
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

    fn misplaced(self) -> Refusal {
        self.refuse(format!("`{}` cannot follow `{}`", self.name, self.before.unwrap_or("")))
    }
}

fn find(name: &str, span: Span) -> Result<Modifier, Refusal> {
    if let Some((_, modifier)) = MODIFIERS.iter().find(|(known, _)| *known == name) {
        return Ok(*modifier);
    }
    let unknown = Problem::error("unknown-modifier", span, format!("no modifier `{}`", short(name)));
    Err(match name {
        "" => Problem::error("unknown-modifier", span, "an empty modifier").hint("take away the `|`"),
        "not" => unknown.hint("write `neq`, or exclude a selection with `not` in the condition"),
        "equals" => unknown.hint("without a modifier the whole value is compared"),
        _ => {
            let lower = name.trim().to_ascii_lowercase();
            unknown.suggest(nearest(&lower, MODIFIERS.iter().map(|(known, _)| *known)))
        }
    })
}
