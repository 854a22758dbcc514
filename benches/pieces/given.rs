//! What the pieces are given: traffic, as frames, as chunks, as messages.

use super::generator;
use sigmabus::capture::{self, Batch, Opened};
use sigmabus::modbus::{self, Body, Message, Pairing, Request};
use sigmabus::net::{self, Chunk, Event, Net, Packet};
use std::io::Cursor;

/// Normal traffic of 20,000 transactions, with cuts, retransmissions and attacks.
pub fn traffic() -> Vec<u8> {
    let options = generator::plan::Options {
        transactions: 20_000,
        connections: 200,
        attacks: generator::attack::CATALOGUE.iter().take(4).collect(),
        ..generator::plan::Options::default()
    };
    generator::plan::generate(Vec::new(), &options).expect("writing to memory").0
}

/// Its frames.
pub fn batches(bytes: &[u8]) -> Vec<Batch> {
    let Ok(Opened::Capture(mut source)) = capture::open(Box::new(Cursor::new(bytes.to_vec()))) else {
        unreachable!("the generator writes captures")
    };
    let mut batches = Vec::new();
    loop {
        let mut batch = Batch::new();
        source.fill(&mut batch).expect("a whole capture");
        if batch.is_empty() {
            return batches;
        }
        batches.push(batch);
    }
}

/// Does something with each frame.
pub fn each_frame(batches: &[Batch], mut act: impl FnMut(&capture::Frame<'_>)) {
    batches.iter().flat_map(Batch::frames).for_each(|frame| act(&frame));
}

/// Its chunks, kept for as long as the bench runs.
pub fn chunks(batches: &[Batch]) -> Vec<Chunk<'static>> {
    let (mut net, mut chunks) = (Net::new(&net::Config::default()), Vec::new());
    each_frame(batches, |frame| {
        net.push(&Packet::parse(frame), &mut |chunk| {
            let event = match chunk.event {
                Event::Data { bytes, conflict, truncated } => Event::Data { bytes: kept(bytes), conflict, truncated },
                Event::Datagram { bytes, truncated } => Event::Datagram { bytes: kept(bytes), truncated },
                Event::Open { handshake } => Event::Open { handshake },
                Event::BothEnds => Event::BothEnds,
                Event::Gap { cut } => Event::Gap { cut },
                Event::Close(closing) => Event::Close(closing),
            };
            let (flow, carrier) = (Box::leak(Box::new(*chunk.flow)), Box::leak(Box::new(*chunk.carrier)));
            chunks.push(Chunk { flow, carrier, direction: chunk.direction, event });
        });
    });
    chunks
}

/// The first of its messages, as many as fit into a processor's memory; kept for as long as the bench runs. Only polls and
/// what has no request: the requests of others lend bytes.
pub fn messages(chunks: &[Chunk<'static>]) -> Vec<Message<'static>> {
    const COUNT: usize = 4_000;
    let (mut pairing, mut messages) = (Pairing::new(&modbus::Config::default()), Vec::new());
    for chunk in chunks {
        pairing.push(chunk, &mut |message| messages.extend(kept_message(message)));
    }
    messages.truncate(COUNT);
    messages
}

fn kept_message(message: &Message<'_>) -> Option<Message<'static>> {
    let request = match message.request {
        None => None,
        Some(Request { time, frame, mbap, function_code, body: Body::ReadQuery { address, quantity } }) => {
            Some(Request { time, frame, mbap, function_code, body: Body::ReadQuery { address, quantity } })
        }
        Some(_) => return None,
    };
    let Message { time, index, direction, framing, kind, status, reason, mbap, function_code, flags, .. } = *message;
    let data = kept(message.data);
    let (body, _) = Body::decode(kind, function_code, data);
    let (flow, carrier) = (Box::leak(Box::new(*message.flow)), Box::leak(Box::new(*message.carrier)));
    Some(Message {
        flow,
        carrier,
        time,
        index,
        direction,
        framing,
        kind,
        status,
        reason,
        mbap,
        function_code,
        body,
        data,
        flags,
        request,
    })
}

fn kept(bytes: &[u8]) -> &'static [u8] {
    bytes.to_vec().leak()
}
