//! With which of many pieces does a text begin? One binary search.
//!
//! All pieces that a text begins with begin one another, and stand before the text in the order of bytes: the last piece before
//! it is one of them, or has the longest of them as its own beginning.

/// Pieces in ascending order, each with its number.
#[derive(Debug, Default)]
pub(super) struct Edges {
    pieces: Box<[Piece]>,
}

#[derive(Debug)]
struct Piece {
    text: Box<[u8]>,
    number: u32,
    /// One more than the place of the longest other piece that it begins with; 0 if there is none.
    shorter: u32,
}

impl Edges {
    /// A search for pieces, each once.
    pub(super) fn new(mut pieces: Vec<(Box<[u8]>, u32)>) -> Self {
        pieces.sort_unstable();
        let mut sorted: Vec<Piece> = Vec::with_capacity(pieces.len());
        for (text, number) in pieces {
            let mut shorter = sorted.len();
            while let Some(piece) = shorter.checked_sub(1).and_then(|at| sorted.get(at)) {
                if text.starts_with(&piece.text) {
                    break;
                }
                shorter = piece.shorter as usize;
            }
            sorted.push(Piece { text, number, shorter: shorter as u32 });
        }
        Self { pieces: sorted.into() }
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Tells the pieces that `text` begins with.
    pub(super) fn search(&self, text: &[u8], mut found: impl FnMut(usize)) {
        let mut at = self.pieces.partition_point(|piece| &*piece.text <= text);
        while let Some(piece) = at.checked_sub(1).and_then(|at| self.pieces.get(at)) {
            if text.starts_with(&piece.text) {
                found(piece.number as usize);
            }
            at = piece.shorter as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_search_finds_what_a_comparison_finds(
            pieces in prop::collection::btree_set("[ab]{0,5}", 0..30),
            text in "[abc]{0,6}",
        ) {
            let pieces: Vec<String> = pieces.into_iter().collect();
            let numbered = pieces.iter().zip(0..).map(|(piece, number)| (piece.as_bytes().into(), number)).collect();
            let mut found = Vec::new();
            Edges::new(numbered).search(text.as_bytes(), |piece| found.push(piece));
            found.sort_unstable();
            let wanted: Vec<usize> = (0..pieces.len()).filter(|at| text.starts_with(&pieces[*at])).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
