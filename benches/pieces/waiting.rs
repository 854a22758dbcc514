//! Requests that wait for their answers: what many of them cost the next one.

use criterion::{Criterion, Throughput};
use sigmabus::modbus::{self, Mbap, Pairing, Pdu};
use sigmabus::net::{Carrier, Direction, Endpoint, Flow, Transport};
use sigmabus::time::Timestamp;
use std::hint::black_box;

/// Requests that wait for their answers, evenly over conversations, and these evenly over the shards.
struct Waiting {
    shards: Vec<Pairing>,
    conversations: usize,
    turn: usize,
}

impl Waiting {
    const SHARDS: usize = 16;

    fn new(open: usize, conversations: usize) -> Self {
        let shards = (0..Self::SHARDS).map(|_| Pairing::new(&modbus::Config::default())).collect();
        let mut waiting = Self { shards, conversations, turn: 0 };
        for number in 0..open {
            waiting.push(number % conversations, Direction::ToServer, (number / conversations) as u16, READ);
        }
        waiting
    }

    fn push(&mut self, conversation: usize, direction: Direction, trans_id: u16, pdu: &[u8]) {
        let (shard, slot) = (conversation % Self::SHARDS, (conversation / Self::SHARDS) as u32);
        let endpoint = |port| Endpoint { ip: [192, 0, 2, slot as u8].into(), port };
        let (client, server) = (endpoint(40_000), endpoint(502));
        let flow = Flow { slot, serial: u64::from(slot) + 1, transport: Transport::Tcp, client, server };
        let time = Timestamp::from_parts(1_700_000_000, 0);
        let carrier = Carrier { input: 0, frame: 1, time, mac: None, vlan: [0xFFFF; 2], tcp_flags: 0x18 };
        let mbap = Mbap { trans_id, prot_id: 0, length: 1 + pdu.len() as u16, unit_id: 1 };
        let pdu = Pdu { mbap, function_code: pdu[0], data: &pdu[1..] };
        self.shards[shard].push_pdu(&flow, direction, &carrier, pdu, &mut |message| _ = black_box(message.flags));
    }

    /// One more request, and its answer, in the next conversation.
    fn exchange(&mut self) {
        self.turn = (self.turn + 1) % self.conversations;
        self.push(self.turn, Direction::ToServer, 0xFFFF, READ);
        self.push(self.turn, Direction::ToClient, 0xFFFF, ANSWER);
    }
}

/// Read one holding register, and its answer.
const READ: &[u8] = &[3, 0, 0, 0, 1];
const ANSWER: &[u8] = &[3, 2, 0, 1];

/// A request and its answer among few and many.
pub fn open_requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request and answer");
    group.throughput(Throughput::Elements(2));
    for (open, conversations) in [(10, 10), (100_000, 100), (100_000, 10_000)] {
        let mut waiting = Waiting::new(open, conversations);
        let name = format!("among {open} open in {conversations} conversations");
        group.bench_function(name, |bencher| bencher.iter(|| waiting.exchange()));
        let evicted: u64 = waiting.shards.iter().map(|shard| shard.counters().evicted).sum();
        assert_eq!(evicted, 0, "all of them must stay open");
    }
    group.finish();
}
