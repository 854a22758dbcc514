//! How much of what was seen: nothing is dropped without being counted here.

crate::net::counters! {
    {
        /// What happened in one shard, or, [merged](Counters::merge), in all of them.
    }
    /// Requests.
    queries,
    /// Normal answers.
    responses,
    /// Exception answers.
    exceptions,
    /// Requests told to be unanswered.
    timeouts,
    /// Of these, the ones that were still waiting when their conversation ended.
    hung_up,
    /// Messages about a connection.
    statuses,
    /// Answers that found their request, in time or late.
    matched,
    /// Answers that came after their request's time was out.
    late,
    /// Answers to no request that was seen.
    unsolicited,
    /// Answers given before.
    duplicates,
    /// Requests without an answer where the capture holds no packet of the server: nobody can tell.
    one_sided,
    /// Waiting requests dropped because too many were open, or because their time lay in the far future.
    evicted,
    /// Requests dropped before the time for late answers was over.
    forgotten_early,
    /// ADUs cut by a snap length or by the end of their datagram.
    cut,
    /// Places where a stream lost its step.
    lost_step,
    /// Bytes passed by while looking for a header, or lost with an incomplete ADU.
    skipped_bytes,
    /// Pairs of client and server forgotten because others came: they are new when they come back.
    pairs_forgotten,
    /// Hardware addresses that were not told because their owner had too many.
    macs_untold,
    /// Events of conversations beyond the number that a shard can hold.
    unplaced,
}
