//! What was found in a text the last time? Logs say the same again and again: few programs, few users, few command lines.
//!
//! A text is kept when a second record has it, so that what is there only once, a hash or the id of a process, drives nothing
//! out.

use super::predicate::PredicateIx;
use super::scan::Mark;
use crate::record::Slot;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// How many texts each thread remembers; with what is below, they take 36 MB at most, and mostly one.
const PLACES: usize = 4_096;
/// Bytes of a text that is remembered.
const LONGEST: usize = 512;
/// What may have been found in it, and what may have been answered of it.
const MOST_MARKS: usize = 512;

/// In which field a text is, and what is looked for there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// `None` is every value.
    pub(super) slot: Option<Slot>,
    pub(super) role: Role,
}

/// What a text in a field is looked up as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// The value of the field.
    #[default]
    Value,
    /// The value of the field, and one of those that keywords search.
    Both,
    /// The text form of a value.
    Form,
}

/// Texts with their fields, each in the one place that its hash gives it.
#[derive(Clone, Debug, Default)]
pub(super) struct Familiar {
    hasher: RandomState,
    places: Vec<Place>,
    /// What can be told of each place without looking there.
    signs: Vec<Signs>,
    /// The number of the current record.
    record: u32,
}

/// Parts of hashes, of texts that may be the one at a place.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    /// The text that is kept.
    kept: u32,
    /// The text that was last looked for in vain, and in which record.
    missed: u32,
    record: u32,
}

/// A text in a field, and what was found in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    text: String,
    field: Field,
    is_kept: bool,
    marks: Vec<Mark>,
    /// Which predicates that no search finds were asked of it, and what they said.
    answers: Vec<(PredicateIx, bool)>,
}

/// What is known of a text.
pub(super) enum Known<'a> {
    /// This was found in it.
    Marks(&'a [Mark]),
    /// Nothing, but what is found is to be remembered here.
    Welcome(&'a mut Place),
    /// Nothing.
    Strange,
}

impl Familiar {
    /// Another record comes.
    pub(super) fn next_record(&mut self) {
        self.record = self.record.wrapping_add(1);
    }

    /// What is known of `text` in a field.
    pub(super) fn recall(&mut self, field: Field, text: &str) -> Known<'_> {
        if text.len() > LONGEST {
            return Known::Strange;
        }
        if self.places.is_empty() {
            self.places.resize(PLACES, Place::default());
            self.signs.resize(PLACES, Signs::default());
        }
        let hash = self.hasher.hash_one((field.slot, text));
        let (at, sign) = (hash as usize % PLACES, (hash >> 32) as u32);
        let (Some(place), Some(signs)) = (self.places.get_mut(at), self.signs.get_mut(at)) else {
            return Known::Strange;
        };
        if signs.kept == sign && place.is(field.slot, text) {
            return if place.field == field { Known::Marks(&place.marks) } else { Known::Strange };
        }
        if signs.missed != sign {
            (signs.missed, signs.record) = (sign, self.record);
            return Known::Strange;
        }
        if signs.record == self.record {
            return Known::Strange;
        }
        signs.kept = sign;
        place.become_that_of(field, text);
        Known::Welcome(place)
    }

    /// What a predicate says of a text, asked only if that is not remembered.
    pub(super) fn answer(
        &mut self,
        slot: Option<Slot>,
        text: &str,
        predicate: PredicateIx,
        ask: impl FnOnce() -> bool,
    ) -> bool {
        let at = self.hasher.hash_one((slot, text)) as usize % PLACES;
        let Some(place) = self.places.get_mut(at).filter(|place| place.is(slot, text)) else { return ask() };
        if let Some((_, answer)) = place.answers.iter().find(|(known, _)| *known == predicate) {
            return *answer;
        }
        let answer = ask();
        if place.answers.len() < MOST_MARKS {
            place.answers.push((predicate, answer));
        }
        answer
    }
}

impl Place {
    fn is(&self, slot: Option<Slot>, text: &str) -> bool {
        self.is_kept && self.field.slot == slot && self.text == text
    }

    fn become_that_of(&mut self, field: Field, text: &str) {
        self.text.clear();
        self.text.push_str(text);
        self.field = field;
        self.is_kept = true;
        self.marks.clear();
        self.answers.clear();
    }

    /// Notes a mark of the text. If there are too many, the text is not kept.
    pub(super) fn add(&mut self, mark: Mark) {
        if self.marks.len() < MOST_MARKS {
            self.marks.push(mark);
        } else {
            self.is_kept = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(slot: u16) -> Field {
        Field { slot: Some(Slot(slot)), role: Role::Value }
    }

    fn see(familiar: &mut Familiar, field: Field, text: &str, marks: u32) -> Option<usize> {
        familiar.next_record();
        see_again(familiar, field, text, marks)
    }

    /// In the same record.
    fn see_again(familiar: &mut Familiar, field: Field, text: &str, marks: u32) -> Option<usize> {
        match familiar.recall(field, text) {
            Known::Marks(marks) => return Some(marks.len()),
            Known::Strange => {}
            Known::Welcome(place) => {
                (0..marks).for_each(|predicate| place.add(Mark { predicate, certain: true }));
            }
        }
        None
    }

    #[test]
    fn a_text_is_known_from_the_third_record_on_each_field_by_itself() {
        let (mut familiar, one, two) = (Familiar::default(), field(1), field(2));
        let known: Vec<_> = (0..4).map(|_| see(&mut familiar, one, "cmd.exe", 2)).collect();
        assert_eq!(known, [None, None, Some(2), Some(2)]);
        let known: Vec<_> = (0..3).map(|_| see(&mut familiar, two, "cmd.exe", 3)).collect();
        assert_eq!(known, [None, None, Some(3)]);
        let form = Field { role: Role::Form, ..one };
        assert!((0..3).all(|_| see(&mut familiar, form, "cmd.exe", 3).is_none()), "the place is another's");
        assert_eq!(see(&mut familiar, one, "cmd.exe", 2), Some(2));
        assert_eq!(see(&mut familiar, one, "CMD.exe", 0), None);
        (0..20_000).for_each(|n| _ = see(&mut familiar, one, &format!("{n}"), 1));
        assert_eq!(see(&mut familiar, one, "cmd.exe", 2), Some(2), "what comes once drives nothing out");
        for n in 20_000..40_000 {
            see(&mut familiar, one, &format!("{n}"), 1);
            assert_eq!(see_again(&mut familiar, one, &format!("{n}"), 1), None);
        }
        assert_eq!(see(&mut familiar, one, "cmd.exe", 2), Some(2), "nor what one record has twice");
    }

    #[test]
    fn an_answer_is_remembered_with_its_text() {
        let (mut familiar, one) = (Familiar::default(), field(1));
        let slot = one.slot;
        (0..2).for_each(|_| _ = see(&mut familiar, one, "cmd.exe", 0));
        assert!(familiar.answer(slot, "cmd.exe", 7, || true));
        assert!(familiar.answer(slot, "cmd.exe", 7, || unreachable!("it is known")));
        assert!(!familiar.answer(slot, "cmd.exe", 8, || false));
        assert!(!familiar.answer(slot, "strange", 7, || false));
        assert!(!familiar.answer(field(2).slot, "cmd.exe", 7, || false));
        let place = familiar.places.iter_mut().find(|place| place.is(slot, "cmd.exe")).unwrap();
        place.become_that_of(one, "cmd.exe");
        assert!(!familiar.answer(slot, "cmd.exe", 7, || false), "forgotten with what was there before");
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let (mut familiar, one) = (Familiar::default(), field(1));
        let long = "x".repeat(LONGEST + 1);
        assert!((0..4).all(|_| see(&mut familiar, one, &long, 1).is_none()));
        assert!((0..4).all(|_| see(&mut familiar, one, "short", MOST_MARKS as u32 + 1).is_none()));
        assert_eq!(familiar.places.len(), PLACES);
        assert!(familiar.places.iter().all(|place| place.marks.len() <= MOST_MARKS));
    }
}
