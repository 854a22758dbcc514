//! What was found in a text the last time? Logs say the same again and again: few programs, few users, few command lines.
//!
//! A text is kept when it comes a second time, so that what is there only once, a hash or the id of a process, drives nothing
//! out.

use super::predicate::PredicateIx;
use super::scan::Mark;
use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// How many texts each thread remembers; with what is below, they take 36 MB at most, and mostly one.
const PLACES: usize = 4_096;
/// Bytes of a text that is remembered.
const LONGEST: usize = 512;
/// What may have been found in it, and what may have been answered of it.
const MOST_MARKS: usize = 512;

/// Texts, each in the one place that its hash gives it.
#[derive(Clone, Debug, Default)]
pub(super) struct Familiar {
    hasher: RandomState,
    places: Vec<Place>,
}

/// A text of a field, and what was found in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    field: Option<u32>,
    text: String,
    marks: Vec<Mark>,
    /// Which predicates that no search finds were asked of it, and what they said.
    answers: Vec<(PredicateIx, bool)>,
    /// Tells the text that was last looked for here in vain.
    missed: u32,
}

/// What is known of a text.
pub(super) enum Known<'a> {
    /// This was found in it.
    Marks(&'a [Mark]),
    /// Nothing, but it is to be remembered here.
    Welcome(&'a mut Place),
    /// Nothing.
    Strange,
}

impl Familiar {
    /// What is known of `text` in a field.
    pub(super) fn recall(&mut self, field: u32, text: &str) -> Known<'_> {
        if text.len() > LONGEST {
            return Known::Strange;
        }
        if self.places.is_empty() {
            self.places.resize(PLACES, Place::default());
        }
        let hash = self.hasher.hash_one((field, text));
        let Some(place) = self.places.get_mut(hash as usize % PLACES) else { return Known::Strange };
        if place.is(field, text) {
            return Known::Marks(&place.marks);
        }
        let sign = (hash >> 32) as u32;
        if place.missed == sign {
            return Known::Welcome(place);
        }
        place.missed = sign;
        Known::Strange
    }

    /// What a predicate says of a text, asked only if that is not remembered.
    pub(super) fn answer(
        &mut self,
        field: u32,
        text: &str,
        predicate: PredicateIx,
        ask: impl FnOnce() -> bool,
    ) -> bool {
        let at = self.hasher.hash_one((field, text)) as usize % PLACES;
        let Some(place) = self.places.get_mut(at).filter(|place| place.is(field, text)) else { return ask() };
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
    fn is(&self, field: u32, text: &str) -> bool {
        self.field == Some(field) && self.text == text
    }

    /// Makes room.
    pub(super) fn clear(&mut self) {
        self.field = None;
        self.marks.clear();
        self.answers.clear();
    }

    /// Notes a mark of the text to come.
    pub(super) fn add(&mut self, mark: Mark) {
        if self.marks.len() <= MOST_MARKS {
            self.marks.push(mark);
        }
    }

    /// The marks are those of `text`, if there are not too many of them.
    pub(super) fn keep(&mut self, field: u32, text: &str) {
        if self.marks.len() <= MOST_MARKS {
            self.field = Some(field);
            self.text.clear();
            self.text.push_str(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(familiar: &mut Familiar, field: u32, text: &str, marks: u32) -> Option<usize> {
        match familiar.recall(field, text) {
            Known::Marks(marks) => return Some(marks.len()),
            Known::Strange => {}
            Known::Welcome(place) => {
                place.clear();
                (0..marks).for_each(|predicate| place.add(Mark { predicate, certain: true }));
                place.keep(field, text);
            }
        }
        None
    }

    #[test]
    fn a_text_is_known_from_the_third_time_on_and_only_in_its_field() {
        let mut familiar = Familiar::default();
        let known: Vec<_> = (0..4).map(|_| see(&mut familiar, 1, "cmd.exe", 2)).collect();
        assert_eq!(known, [None, None, Some(2), Some(2)]);
        assert_eq!(see(&mut familiar, 2, "cmd.exe", 0), None);
        assert_eq!(see(&mut familiar, 1, "CMD.exe", 0), None);
        (0..20_000).for_each(|n| _ = see(&mut familiar, 1, &format!("{n}"), 1));
        assert_eq!(see(&mut familiar, 1, "cmd.exe", 2), Some(2), "what comes once drives nothing out");
    }

    #[test]
    fn an_answer_is_remembered_with_its_text() {
        let mut familiar = Familiar::default();
        (0..2).for_each(|_| _ = see(&mut familiar, 1, "cmd.exe", 0));
        assert!(familiar.answer(1, "cmd.exe", 7, || true));
        assert!(familiar.answer(1, "cmd.exe", 7, || unreachable!("it is known")));
        assert!(!familiar.answer(1, "cmd.exe", 8, || false));
        assert!(!familiar.answer(2, "cmd.exe", 7, || false));
        assert!(!familiar.answer(1, "strange", 7, || false));
        let place = familiar.places.iter_mut().find(|place| place.is(1, "cmd.exe")).unwrap();
        place.clear();
        place.keep(1, "cmd.exe");
        assert!(!familiar.answer(1, "cmd.exe", 7, || false), "forgotten with what was there before");
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let mut familiar = Familiar::default();
        let long = "x".repeat(LONGEST + 1);
        assert!((0..4).all(|_| see(&mut familiar, 1, &long, 1).is_none()));
        assert!((0..4).all(|_| see(&mut familiar, 1, "short", MOST_MARKS as u32 + 1).is_none()));
        assert_eq!(familiar.places.len(), PLACES);
        assert!(familiar.places.iter().all(|place| place.marks.len() <= MOST_MARKS + 1));
    }
}
