//! Secrets among values: what is shown in their place.

use super::maps::{MapId, Maps};
use super::{Fact, List};
use crate::modbus::Table;
use bumpalo::Bump;
use bumpalo::collections::Vec;

/// A run of values that nobody may see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hidden<'a> {
    /// The place of the first among the values.
    pub(super) first: usize,
    /// The place of the last.
    pub(super) last: usize,
    /// What is shown for all of them.
    pub(super) mark: &'a str,
}

/// The hidden runs of a message's values, in order.
pub(super) type Veil<'a> = &'a [Hidden<'a>];

/// The mark that stands in place of a secret.
pub(super) fn mark<'a>(maps: &Maps, words: &[u16], arena: &'a Bump) -> &'a str {
    let mark = arena.alloc(maps.key().mark(words));
    std::str::from_utf8(mark).unwrap_or_default()
}

/// The secrets in values that stand in a table from an address on.
pub(super) fn of<'a>(
    maps: &Maps,
    map: MapId,
    (table, start): (Table, u16),
    words: &[u16],
    arena: &'a Bump,
) -> Veil<'a> {
    let start_at = usize::from(start);
    if start_at + words.len() > 0x1_0000 {
        // Nobody knows where a device puts what passes the last address.
        return whole(maps, map, table, words, arena);
    }
    if words.is_empty() || !maps.has_secrets_in(map, table) {
        return &[];
    }
    let mut veil = Vec::new_in(arena);
    for (register, _) in maps.touched(map, table, start, words.len()) {
        if register.secret {
            let first = usize::from(register.address.max(start)) - start_at;
            let last = (usize::from(register.last()) - start_at).min(words.len() - 1);
            let mark = mark(maps, words.get(first..=last).unwrap_or_default(), arena);
            veil.push(Hidden { first, last, mark });
        }
    }
    veil.into_bump_slice()
}

/// All of values that may be secret, since nobody saw where they come from.
pub(super) fn whole<'a>(maps: &Maps, map: MapId, table: Table, words: &[u16], arena: &'a Bump) -> Veil<'a> {
    if words.is_empty() || !maps.has_secrets_in(map, table) {
        return &[];
    }
    std::slice::from_ref(arena.alloc(Hidden { first: 0, last: usize::MAX, mark: mark(maps, words, arena) }))
}

/// The mark of the value at a place, if it is hidden.
pub(super) fn mark_at<'a>(veil: Veil<'a>, place: usize) -> Option<&'a str> {
    veil.iter().find(|hidden| (hidden.first..=hidden.last).contains(&place)).map(|hidden| hidden.mark)
}

/// The values with one mark in place of each hidden run.
#[inline(never)]
pub(super) fn hide<'a>(list: List<'a>, veil: Veil<'a>, arena: &'a Bump) -> List<'a> {
    if veil.is_empty() {
        return list;
    }
    let mut shown = Vec::new_in(arena);
    for (place, value) in list.elements().enumerate() {
        match veil.iter().find(|hidden| (hidden.first..=hidden.last).contains(&place)) {
            None => shown.push(value),
            Some(hidden) if hidden.first == place => shown.push(Fact::Text(hidden.mark)),
            Some(_) => {}
        }
    }
    List::Facts(shown.into_bump_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_run_is_one_mark_and_the_rest_stays() {
        let arena = Bump::new();
        let veil = [Hidden { first: 1, last: 2, mark: "x" }, Hidden { first: 4, last: 9, mark: "y" }];
        let list = List::Registers(&[0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]);
        let shown: std::vec::Vec<_> = hide(list, &veil, &arena).elements().collect();
        assert_eq!(shown, [Fact::Int(1), Fact::Text("x"), Fact::Int(4), Fact::Text("y")]);
        assert_eq!(hide(list, &[], &arena), list);
        assert_eq!((mark_at(&veil, 0), mark_at(&veil, 2), mark_at(&veil, 9)), (None, Some("x"), Some("y")));
    }
}
