//! What to keep of a log line, worked out once from the fields that somebody asked for.

use super::typed::Typing;
use crate::record::schema::{Field, Guard, Native, find};
use crate::record::{Slot, Slots, moment};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What to keep of a log line.
///
/// Every wanted name is a path of keys, and since keys may hold dots, `a.b.c` may be the key `a.b.c`, or `b.c` in the
/// object `a`, or `c` in `b` in `a`. The plan has a [`Node`] for each beginning of a name that ends at a dot.
#[derive(Clone, Debug)]
pub struct LogPlan {
    pub(super) nodes: Vec<Node>,
    /// The wanted names; the first ones are the slots, in order.
    pub(super) leaves: Vec<Leaf>,
    /// The places of the leaves in a line that has none of them: 0, or [`ELSEWHERE`].
    pub(super) places: Vec<u16>,
    /// How many of them are slots.
    pub(super) slots: LeafId,
    /// The slots for which another leaf is looked at, too.
    pub(super) aliases: Vec<Slot>,
    pub(super) keywords: bool,
    pub(super) guard: Option<GuardLeaves>,
}

/// A place in a line: an object, a value, or either.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Keys to nodes, if this is an object.
    children: FxHashMap<Box<str>, NodeId>,
    /// The lengths of the keys as bits: most keys of a line are not wanted, and most of those by their length.
    lengths: u64,
    /// The wanted value that stands here.
    pub(super) leaf: Option<LeafId>,
    /// If this is a name for the record's time: how it ranks, 0 first.
    pub(super) time: Option<u8>,
}

impl Node {
    /// Where a key leads.
    pub(super) fn child(&self, key: &str) -> Option<NodeId> {
        if self.lengths & length_bit(key) == 0 { None } else { self.children.get(key).copied() }
    }

    /// Whether no key leads anywhere.
    pub(super) const fn is_leaf(&self) -> bool {
        self.lengths == 0
    }

    fn add(&mut self, key: &str, child: NodeId) {
        self.lengths |= length_bit(key);
        self.children.insert(key.into(), child);
    }
}

/// A bit for each length up to 63; longer keys share the last one.
fn length_bit(key: &str) -> u64 {
    1 << key.len().min(63)
}

/// Index into [`LogPlan::nodes`].
pub(super) type NodeId = usize;
/// Index into [`LogPlan::leaves`].
pub(super) type LeafId = usize;

/// The place of a leaf that the line does not have, so that another is to be looked at.
pub(super) const ELSEWHERE: u16 = u16::MAX;

/// A name of more words is looked for as one key only. The longest name of ours and of the usual logs has six; a plan
/// has an edge for each pair of dots in a name.
const MOST_KEYS: usize = 10;

/// The node of the whole line.
pub(super) const ROOT: NodeId = 0;

/// A wanted name.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// How a text becomes a schema field's typed fact.
    pub(super) typing: Option<Typing>,
    /// Where to look when the line does not have the name: under the field's own name, if the guard admits the line.
    pub(super) instead: Option<Instead>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Instead {
    pub(super) leaf: LeafId,
    pub(super) guard: Option<Guard>,
}

/// The leaves that tell which NXLog names a native record has.
#[derive(Clone, Copy, Debug)]
pub(super) struct GuardLeaves {
    pub(super) kind: LeafId,
    pub(super) function: LeafId,
    pub(super) mei_type: LeafId,
    pub(super) request_mei_type: LeafId,
}

impl LogPlan {
    /// The plan for everything in `slots`; with `keywords`, every value of a line is kept as well.
    #[must_use]
    pub fn new(slots: &Slots, keywords: bool) -> Self {
        Self::with_times(slots, keywords, &[])
    }

    /// Likewise; the record's time is looked for in these fields first (the first 32 of them), then under its usual names.
    #[must_use]
    pub fn with_times(slots: &Slots, keywords: bool, times: &[Arc<str>]) -> Self {
        let mut builder = Builder { plan: Self::empty(keywords), paths: FxHashMap::default() };
        builder.paths.insert(String::new(), ROOT);
        // Slots before everything else: a slot's number is its leaf's.
        for (slot, name) in slots.iter() {
            builder.leaf(name, slots.field(slot));
        }
        builder.plan.slots = builder.plan.leaves.len();
        for (slot, name) in slots.iter() {
            if let Some(field) = slots.field(slot).filter(|field| field.guard.is_some() || field.name() != &**name) {
                builder.look_instead(slot, field);
            }
        }
        let named = times.iter().map(|name| &**name).take(moment::MOST_NAMED);
        for (name, rank) in named.chain(moment::NAMES).zip(0..) {
            let node = builder.node(name);
            builder.plan.nodes[node].time.get_or_insert(rank);
        }
        let place = |leaf: &Leaf| if leaf.instead.is_some() { ELSEWHERE } else { 0 };
        builder.plan.places = builder.plan.leaves.iter().map(place).collect();
        builder.plan
    }

    fn empty(keywords: bool) -> Self {
        Self {
            nodes: vec![Node::default()],
            leaves: Vec::new(),
            places: Vec::new(),
            slots: 0,
            aliases: Vec::new(),
            keywords,
            guard: None,
        }
    }
}

/// A plan being built. Indices come from the vectors' own lengths.
struct Builder {
    plan: LogPlan,
    paths: FxHashMap<String, NodeId>,
}

impl Builder {
    /// The leaf of a name, made if it is new.
    fn leaf(&mut self, name: &str, field: Option<Field>) -> LeafId {
        let node = self.node(name);
        if let Some(leaf) = self.plan.nodes[node].leaf {
            return leaf;
        }
        let leaf = self.plan.leaves.len();
        self.plan.leaves.push(Leaf { typing: field.and_then(|field| Typing::of(field.domain())), instead: None });
        self.plan.nodes[node].leaf = Some(leaf);
        leaf
    }

    fn native(&mut self, native: Native) -> LeafId {
        let name = native.row().name;
        self.leaf(name, find(name))
    }

    fn look_instead(&mut self, slot: Slot, field: Field) {
        let leaf = self.native(field.native);
        self.plan.aliases.push(slot);
        self.plan.leaves[usize::from(slot.0)].instead = Some(Instead { leaf, guard: field.guard });
        if field.guard.is_some() && self.plan.guard.is_none() {
            self.plan.guard = Some(GuardLeaves {
                kind: self.native(Native::Kind),
                function: self.native(Native::Function),
                mei_type: self.native(Native::MeiType),
                request_mei_type: self.native(Native::RequestMeiType),
            });
        }
    }

    /// The node of a path, made with an edge from every beginning of the path.
    fn node(&mut self, path: &str) -> NodeId {
        if let Some(node) = self.paths.get(path) {
            return *node;
        }
        let node = self.plan.nodes.len();
        self.plan.nodes.push(Node::default());
        self.paths.insert(path.to_owned(), node);
        self.plan.nodes[ROOT].add(path, node);
        let dots = if path.matches('.').count() < MOST_KEYS { path } else { "" };
        for (dot, _) in dots.match_indices('.') {
            let parent = self.node(&path[..dot]);
            self.plan.nodes[parent].add(&path[dot + 1..], node);
        }
        node
    }
}
