//! How often what happened.

/// Writes a struct of counters, and what must name every field, from one list.
macro_rules! counters {
    ({ $(#[doc = $about:literal])+ } $($(#[doc = $doc:literal])+ $name:ident,)+) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Counters {
            /// Adds the counts of another shard.
            pub fn merge(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }

            /// All counts with their names, in the order of the fields.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }
        }
    };
}

pub(crate) use counters;

counters! {
    {
        /// What became of the frames, packets and bytes that were pushed.
        ///
        /// `frames + reassembled` is the sum of what was not used (`unknown_link_type`, `not_ip`, `cut_headers`,
        /// `bad_lengths`, `other_transport`, `other_port`), `fragments`, `segments` and `datagrams`.
    }
    /// Frames pushed.
    frames,
    /// Frames of a link type that is not read.
    unknown_link_type,
    /// Frames that carry something else than IP.
    not_ip,
    /// Packets whose headers are longer than what was captured of them.
    cut_headers,
    /// Packets whose headers tell lengths that cannot be: a host would drop them.
    bad_lengths,
    /// IP packets that carry neither TCP nor UDP.
    other_transport,
    /// Segments and datagrams between ports that are not watched, of no conversation found by its exchange.
    other_port,
    /// Conversations found to be Modbus on ports that are not watched. Their first segments count as `other_port`.
    found_elsewhere,
    /// Segments between ports that are not watched that might have been queries, forgotten for newer ones before an answer.
    queries_displaced,
    /// IP fragments.
    fragments,
    /// Packets put together from fragments.
    reassembled,
    /// Incomplete packets given up with their fragments: too old, too many, or too large.
    fragments_dropped,
    /// Packets whose fragments overlap; the first copy of a byte wins.
    fragments_overlapping,
    /// TCP segments of watched ports.
    segments,
    /// UDP datagrams of watched ports.
    datagrams,
    /// Segments of no known conversation that could not begin one: without SYN and without payload.
    strays,
    /// Segments with payload that was there before, in part or whole.
    retransmitted,
    /// Segments that are the same packet captured again, as a mirror port of both sides does.
    duplicates,
    /// Segments that only asked whether the peer is still there.
    keep_alives,
    /// Segments that came before the bytes in front of them.
    out_of_order,
    /// Segments whose copy of earlier bytes differs from the first.
    conflicts,
    /// Segments so far from their direction's place that it was given up.
    jumps,
    /// Holes that were given up.
    gaps,
    /// Segments and datagrams cut by a snap length.
    truncated,
    /// SYN segments that would end a conversation and were not believed yet.
    doubtful_syns,
    /// Conversations opened.
    opened,
    /// Conversations forgotten because nothing came for long.
    expired,
    /// Conversations forgotten because others needed the room.
    evicted,
}
