//! The traffic generator: what it writes is what it says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "../examples/traffic/generator.rs"]
pub mod generator;
mod naive;

use generator::attack::CATALOGUE;
use generator::file::{Container, Endian, Format, Resolution};
use generator::packet::{Endpoint, Link};
use generator::pdu;
use generator::plan::{Addressing, Options, generate};
use generator::schedule::Network;
use generator::truth::Truth;
use generator::wire::{Side, Wire};
use naive::{Packet, adus, frames, packet, streams};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A network that disturbs every third write.
const HOSTILE: Network = Network { cut: 0.4, reorder: 0.5, retransmit: 0.3, acknowledge: 0.3 };

fn attacked(seed: u64) -> Options {
    Options {
        seed,
        attacks: CATALOGUE.iter().collect(),
        pipeline: 0.2,
        exceptions: 0.02,
        unanswered: 0.02,
        ..Options::default()
    }
}

fn made(options: &Options) -> (Vec<u8>, Truth) {
    generate(Vec::new(), options).unwrap()
}

fn packets(capture: &[u8]) -> Vec<Packet> {
    frames(capture).iter().map(packet).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, truth) = made(&attacked(7));
    let (two, again) = made(&attacked(7));
    assert!(one == two);
    assert_eq!(serde_json::to_string(&truth).unwrap(), serde_json::to_string(&again).unwrap());
    assert!(one != made(&attacked(8)).0);
}

#[test]
fn checksums_are_right_on_every_link() {
    for link in [Link::Ethernet, Link::Sll, Link::Raw] {
        for addressing in [Addressing::V4, Addressing::V6] {
            for vlan in [None, Some(120)] {
                let format = Format { links: vec![link], ..Format::default() };
                let (capture, _) = made(&Options { addressing, vlan, format, transactions: 200, ..attacked(3) });
                let wrong = packets(&capture).iter().filter(|packet| !packet.sums).count();
                assert_eq!(wrong, 0, "{link:?} {addressing:?} {vlan:?}");
            }
        }
    }
}

#[test]
fn a_wrong_byte_is_seen_by_the_checksum_test() {
    let (capture, _) = made(&Options { transactions: 1, ..Options::default() });
    let mut frame = frames(&capture).swap_remove(0);
    frame.bytes[40] ^= 1;
    assert!(!packet(&frame).sums);
}

/// What the streams say, in the truth's terms.
fn counted(packets: &[Packet]) -> Truth {
    let mut truth = Truth { frames: packets.len() as u64, ..Truth::default() };
    truth.connections = packets.iter().filter(|packet| packet.flags & 0x12 == 2).count() as u64;
    for (_, streams) in streams(packets) {
        for adu in adus(&streams.client) {
            truth.queries += 1;
            *truth.functions.entry(adu.pdu[0]).or_default() += 1;
        }
        for adu in adus(&streams.server) {
            if adu.pdu[0] < 0x80 {
                truth.responses += 1;
            } else {
                truth.exceptions += 1;
            }
        }
    }
    truth
}

#[test]
fn the_truth_is_what_a_naive_reader_counts() {
    for options in [
        Options { network: HOSTILE, lifetime: 20, ..attacked(11) },
        Options { network: HOSTILE, connections: 1, rate: 20_000.0, lifetime: 50, ..attacked(12) },
        Options { connections: 300, rate: 5_000.0, gateways: 1.0, ..attacked(13) },
    ] {
        let (capture, truth) = made(&options);
        let found = counted(&packets(&capture));
        assert_eq!(found.functions, truth.functions);
        assert_eq!(found.frames, truth.frames);
        assert_eq!(found.connections, truth.connections);
        assert_eq!(found.queries, truth.queries);
        assert_eq!(found.responses, truth.responses);
        assert_eq!(found.exceptions, truth.exceptions);
        assert_eq!(truth.queries - truth.unanswered + truth.unsolicited, truth.responses + truth.exceptions);
    }
}

#[test]
fn disturbances_change_no_stream() {
    let calm = Options { network: Network::default(), ..attacked(21) };
    let hostile = Options { network: HOSTILE, ..attacked(21) };
    let ((calm, quiet), (rough, loud)) = (made(&calm), made(&hostile));
    assert_eq!((quiet.cut, quiet.reordered, quiet.retransmitted, quiet.pure_acks), (0, 0, 0, 0));
    assert!(loud.cut > 500 && loud.reordered > 200 && loud.retransmitted > 500 && loud.pure_acks > 500);
    assert_eq!(streams(&packets(&calm)), streams(&packets(&rough)));
}

#[test]
fn some_cuts_lie_inside_the_mbap_header() {
    let (capture, _) = made(&Options { network: HOSTILE, ..Options::default() });
    let short = packets(&capture).iter().filter(|packet| (1..7).contains(&packet.payload.len())).count();
    assert!(short > 50, "{short}");
}

#[test]
fn nobody_acknowledges_what_was_not_sent() {
    let (capture, _) = made(&Options { network: HOSTILE, ..attacked(31) });
    let mut sent: BTreeMap<(SocketAddr, SocketAddr), u32> = BTreeMap::new();
    for packet in packets(&capture) {
        let length = packet.payload.len() as u32 + u32::from(packet.flags & 3 != 0);
        let end = packet.seq.wrapping_add(length);
        if packet.flags & 0x10 != 0 {
            let limit = sent[&(packet.to, packet.from)];
            assert!(limit.wrapping_sub(packet.ack) as i32 >= 0, "{packet:?} against {limit}");
        }
        let latest = sent.entry((packet.from, packet.to)).or_insert(end);
        if end.wrapping_sub(*latest) as i32 > 0 {
            *latest = end;
        }
    }
}

#[test]
fn frames_come_in_the_order_of_time() {
    for resolution in [Resolution::Micro, Resolution::Nano] {
        let format = Format { resolution, ..Format::default() };
        let (capture, _) = made(&Options { network: HOSTILE, format, ..attacked(41) });
        assert!(frames(&capture).is_sorted_by_key(|frame| frame.time));
    }
}

#[test]
fn every_format_holds_the_same_frames() {
    let reference = frames(&made(&attacked(51)).0);
    for container in [Container::Pcap, Container::PcapNg] {
        for endian in [Endian::Little, Endian::Big] {
            for resolution in [Resolution::Micro, Resolution::Nano] {
                let format = Format { container, endian, resolution, ..Format::default() };
                let found = frames(&made(&Options { format, ..attacked(51) }).0);
                assert_eq!(found.len(), reference.len());
                for (found, expected) in found.iter().zip(&reference) {
                    assert_eq!(found.bytes, expected.bytes);
                    assert_eq!(found.time / 1_000, expected.time / 1_000);
                }
            }
        }
    }
}

#[test]
fn attacks_lie_where_the_truth_says() {
    let (capture, truth) = made(&Options { transactions: 5_000, ..attacked(61) });
    let packets = packets(&capture);
    assert_eq!(truth.attacks.len(), CATALOGUE.len());
    for (attack, entry) in truth.attacks.iter().zip(CATALOGUE) {
        assert_eq!(attack.name, entry.name);
        let [first, last] = [attack.first_frame, attack.last_frame].map(|number| &packets[number as usize - 1]);
        assert_eq!(first.from.ip().to_string(), attack.client, "{}", attack.name);
        assert_eq!(first.flags, 2, "{} begins with a SYN", attack.name);
        assert!(first.time <= last.time);
        let moment: jiff::Timestamp = attack.first_time.parse().unwrap();
        assert_eq!(moment.as_microsecond() as u64, first.time / 1_000);
        // Rogue clients have an address of their own: they appear nowhere else.
        if attack.client.starts_with("10.66.") {
            let frames = |at: usize| at as u64 + 1 < attack.first_frame || at as u64 + 1 > attack.last_frame;
            let strays =
                packets.iter().enumerate().filter(|(at, packet)| frames(*at) && packet.from.ip() == first.from.ip());
            assert_eq!(strays.count(), 0, "{}", attack.name);
        }
    }
    let fixed = streams(&packets)
        .values()
        .flat_map(|streams| adus(&streams.client))
        .filter(|adu| adu.trans_id == 0x2100 && adu.pdu == [4, 0, 1, 0, 0])
        .count();
    assert_eq!(fixed, 254);
}

#[test]
fn the_shortest_run_holds_every_attack() {
    for transactions in [0, 3] {
        let (capture, truth) = made(&Options { transactions, pipeline: 1.0, ..attacked(71) });
        assert!(truth.attacks.iter().all(|attack| attack.first_frame > 0));
        assert_eq!(truth.attacks.len(), CATALOGUE.len());
        assert_eq!(counted(&packets(&capture)).queries, truth.queries);
    }
}

#[test]
fn normal_traffic_uses_the_functions_of_plants() {
    let (_, truth) = made(&Options { transactions: 20_000, ..Options::default() });
    let functions: Vec<u8> = truth.functions.keys().copied().collect();
    assert_eq!(functions, [1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43]);
    let reads: u64 = (1..=4).map(|function| truth.functions[&function]).sum();
    assert!((0.85..0.95).contains(&(reads as f64 / 20_000.0)), "{reads}");
}

#[test]
fn a_gateways_answers_overtake_each_other() {
    let (capture, _) = made(&Options { gateways: 1.0, pipeline: 0.2, ..Options::default() });
    let streams = streams(&packets(&capture));
    let overtaken = streams.values().filter(|streams| {
        let asked: Vec<u16> = adus(&streams.client).iter().map(|adu| adu.trans_id).collect();
        let answered: Vec<u16> = adus(&streams.server).iter().map(|adu| adu.trans_id).collect();
        let kept: Vec<u16> = asked.into_iter().filter(|trans_id| answered.contains(trans_id)).collect();
        kept != answered
    });
    assert!(overtaken.count() > 3);
}

#[test]
fn a_wire_writes_what_it_is_told() {
    let (client, server) =
        (Endpoint::new(Ipv4Addr::new(192, 0, 2, 1), 40_000), Endpoint::new(Ipv4Addr::new(192, 0, 2, 2), 502));
    let mut wire = Wire::new(Vec::new(), Format::default(), None, Duration::from_secs(10)).unwrap();
    let mut line = wire.connect(client, server).unwrap();
    wire.query(&mut line, 1, 255, &pdu::read(3, 0, 2)).unwrap();
    wire.send_cut(&mut line, Side::Server, &pdu::adu(1, 255, &pdu::registers(3, &[389, 12])), [3]).unwrap();
    wire.close(&mut line).unwrap();
    let packets = packets(&wire.finish().unwrap());
    assert_eq!(packets.len(), 9);
    assert_eq!(packets[3].payload, [0, 1, 0, 0, 0, 6, 255, 3, 0, 0, 0, 2]);
    assert_eq!(
        [packets[4].payload.clone(), packets[5].payload.clone()].concat(),
        [0, 1, 0, 0, 0, 7, 255, 3, 4, 1, 133, 0, 12]
    );
    assert_eq!(packets[8].time, 10_000_000_000 + 8 * 250_000);
    // The last acknowledgement covers everything, both FINs included.
    assert_eq!(packets[8].ack, packets[7].seq + 1);
    assert_eq!(packets[8].seq, packets[6].seq + 1);
}

#[test]
fn options_without_meaning_are_refused() {
    for options in [
        Options { rate: 0.0, ..Options::default() },
        Options { rate: f64::NAN, ..Options::default() },
        Options { connections: 0, ..Options::default() },
        Options { format: Format { links: vec![Link::Raw; 2], ..Format::default() }, ..Options::default() },
    ] {
        assert!(generate(Vec::new(), &options).is_err());
    }
}
