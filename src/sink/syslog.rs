//! Syslog messages (RFC 5424) to a log server: over UDP (RFC 5426), TCP with octet counting (RFC 6587) or TLS (RFC 5425).
//!
//! Syslog has no answers. Over UDP a message is gone once it is sent. Over TCP and TLS what was sent in the last seconds
//! is sent again when a connection breaks: a server may get a message twice, it does not miss one unnoticed.

use super::courier::now;
use super::dial::{Dialer, Peer, Wire, is_closed, within};
use super::head::Head;
use super::item::{Item, Kind};
use super::outlet::{Outcome, Outlet};
use super::{cef, shorten};
use crate::sigma::ir::Level;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UdpSocket, lookup_host};

/// What was sent so long ago has arrived, if the connection still stands.
const UNSURE: Duration = Duration::from_secs(30);

/// How many bytes are kept to be sent again.
const UNSURE_BYTES: usize = 1 << 20;

/// How long the other side may take to close its end.
const GOODBYE: Duration = Duration::from_secs(2);

/// The longest message of a datagram: the most that UDP over IPv4 carries.
const DATAGRAM: usize = 65_507;

/// A log server as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogSpec {
    /// How it is reached.
    pub transport: Transport,
    /// Where it is; with TLS if `transport` is a stream and this says so.
    pub peer: Peer,
    /// The facility, 0 to 23.
    pub facility: u8,
    /// `APP-NAME`
    pub app_name: String,
    /// `HOSTNAME`
    pub hostname: String,
    /// `SD-ID` of our structured data: a name, `@` and a private enterprise number.
    pub sd_id: String,
    /// What the message says.
    pub form: Form,
    /// The longest message in bytes. A longer one leaves out its largest parts.
    pub max_bytes: usize,
    /// How long connecting, and sending a batch, may take.
    pub timeout: Duration,
}

/// How a log server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A datagram each.
    Udp,
    /// A stream, with TLS or without.
    Stream,
}

/// What a message says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// The JSON line.
    #[default]
    Json,
    /// ArcSight's common event format.
    Cef,
}

/// The names of the facilities (RFC 5424, 6.2.1), by number.
pub const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

impl SyslogSpec {
    /// A log server with everything else as it is by default.
    #[must_use]
    pub fn new(transport: Transport, peer: Peer) -> Self {
        Self {
            transport,
            peer,
            facility: 16,
            app_name: "sigmabus".into(),
            hostname: own_name(),
            // The enterprise number that RFC 5612 keeps for examples.
            sd_id: "sigmabus@32473".into(),
            form: Form::Json,
            max_bytes: if transport == Transport::Udp { DATAGRAM } else { 1 << 20 },
            timeout: Duration::from_secs(10),
        }
    }

    /// Appends the message of an item.
    fn write(&self, item: &Item, out: &mut Vec<u8>) {
        let head = Head::of(item.json());
        let priority = u32::from(self.facility) * 8 + severity(item.kind, head.level);
        let time = item.time.map_or_else(|| "-".to_owned(), microseconds);
        let (host, app, process) = (name(&self.hostname, 255), name(&self.app_name, 48), std::process::id());
        let mut text = format!("<{priority}>1 {time} {host} {app} {process} {} [{}", head.kind(item.kind), self.sd_id);
        let fields = [("level", head.level.map(Level::word)), ("rule", head.rule()), ("id", head.id.as_deref())];
        for (name, value) in fields {
            if let Some(value) = value {
                text.push_str(&format!(" {name}=\"{}\"", escaped(value)));
            }
        }
        text.push_str("] ");
        out.extend_from_slice(text.as_bytes());
        let room = self.max_bytes.saturating_sub(text.len());
        match self.form {
            Form::Json => out.extend_from_slice(&shorten::to_fit(item.json(), room)),
            Form::Cef => cef::write(item, &head, out),
        }
    }
}

/// The host's name, as the system has it.
fn own_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "-".into())
}

/// A header's field: printable ASCII without spaces, so long at most.
fn name(text: &str, longest: usize) -> String {
    let fit: String = text.chars().filter(char::is_ascii_graphic).take(longest).collect();
    if fit.is_empty() { "-".into() } else { fit }
}

/// Severities of RFC 5424, 6.2.1.
const fn severity(kind: Kind, level: Option<Level>) -> u32 {
    match (kind, level) {
        (Kind::Record, _) | (_, Some(Level::Informational)) | (_, None) => 6,
        (_, Some(Level::Low)) => 5,
        (_, Some(Level::Medium)) => 4,
        (_, Some(Level::High)) => 3,
        (_, Some(Level::Critical)) => 2,
    }
}

/// RFC 5424 allows six decimals (6.2.3).
fn microseconds(time: crate::time::Timestamp) -> String {
    let text = time.to_string();
    format!("{}Z", text.get(..26).unwrap_or(&text))
}

/// A value of structured data (6.3.3).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// Sends datagrams.
pub(super) struct Datagrams {
    spec: SyslogSpec,
    socket: Option<UdpSocket>,
}

impl Datagrams {
    pub(super) const fn new(spec: SyslogSpec) -> Self {
        Self { spec, socket: None }
    }

    async fn connect(&self) -> io::Result<UdpSocket> {
        let peer = (self.spec.peer.host.as_str(), self.spec.peer.port);
        let to = lookup_host(peer).await?.next().ok_or_else(|| io::Error::other("the host's name has no address"))?;
        let any = if to.is_ipv4() { SocketAddr::from(([0; 4], 0)) } else { SocketAddr::from(([0; 16], 0)) };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(to).await?;
        Ok(socket)
    }

    async fn send(&mut self, batch: &[Item], outcomes: &mut Vec<Outcome>) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => within(self.spec.timeout, self.connect()).await?,
        };
        let mut message = Vec::new();
        for item in batch {
            message.clear();
            self.spec.write(item, &mut message);
            if message.len() > DATAGRAM {
                outcomes.push(Outcome::Rejected("longer than a datagram can be".into()));
                continue;
            }
            socket.send(&message).await?;
            outcomes.push(Outcome::Delivered);
        }
        self.socket = Some(socket);
        Ok(())
    }
}

impl Outlet for Datagrams {
    async fn deliver(&mut self, batch: &[Item]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        if let Err(error) = self.send(batch, &mut outcomes).await {
            outcomes.push(Outcome::after(&error));
        }
        outcomes
    }
}

/// Writes messages to a stream.
pub(super) struct Streamed {
    spec: SyslogSpec,
    dialer: Dialer,
    wire: Option<Wire>,
    /// What was sent lately on a connection that stood then.
    unsure: Unsure,
}

/// Frames that may not have arrived, with when each batch of them was sent.
#[derive(Default)]
struct Unsure {
    batches: VecDeque<(Instant, usize, Vec<u8>)>,
    bytes: usize,
}

impl Unsure {
    fn keep(&mut self, items: usize, frames: Vec<u8>) {
        let now = now();
        self.bytes += frames.len();
        self.batches.push_back((now, items, frames));
        while let Some((sent, _, oldest)) = self.batches.front()
            && (now.duration_since(*sent) > UNSURE || self.bytes > UNSURE_BYTES)
        {
            self.bytes -= oldest.len();
            self.batches.pop_front();
        }
    }

    fn frames(&self) -> Vec<u8> {
        self.batches.iter().flat_map(|(_, _, frames)| frames).copied().collect()
    }

    fn items(&self) -> usize {
        self.batches.iter().map(|(_, items, _)| items).sum()
    }
}

impl Streamed {
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(spec: SyslogSpec) -> Result<Self, String> {
        let dialer = Dialer::new(&spec.peer)?;
        Ok(Self { spec, dialer, wire: None, unsure: Unsure::default() })
    }

    /// `MSG-LEN SP SYSLOG-MSG` of each (RFC 6587, 3.4.1).
    fn frames(&self, batch: &[Item]) -> Vec<u8> {
        let (mut frames, mut message) = (Vec::new(), Vec::new());
        for item in batch {
            message.clear();
            self.spec.write(item, &mut message);
            frames.extend_from_slice(message.len().to_string().as_bytes());
            frames.push(b' ');
            frames.extend_from_slice(&message);
        }
        frames
    }

    /// The connection, which may be new; then what may have been lost with the old one goes first.
    async fn connected(&mut self) -> io::Result<Wire> {
        if let Some(mut wire) = self.wire.take()
            && !is_closed(&mut wire).await
        {
            return Ok(wire);
        }
        let mut wire = self.dialer.dial(self.spec.timeout).await?;
        wire.write_all(&self.unsure.frames()).await?;
        Ok(wire)
    }

    async fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        let limit = self.spec.timeout;
        let work = async {
            let mut wire = self.connected().await?;
            wire.write_all(frames).await?;
            wire.flush().await?;
            Ok(wire)
        };
        self.wire = Some(within(limit, work).await?);
        Ok(())
    }

    /// Says goodbye; an error when the other side did not take what it was sent.
    async fn goodbye(&mut self) -> io::Result<()> {
        let Some(mut wire) = self.wire.take() else { return Ok(()) };
        let farewell = async {
            wire.shutdown().await?;
            let mut rest = [0; 64];
            while wire.read(&mut rest).await? > 0 {}
            Ok(())
        };
        match within(GOODBYE, farewell).await {
            // Some servers keep their end open; and some end TLS without a word.
            Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::UnexpectedEof) => Ok(()),
            other => other,
        }
    }
}

impl Outlet for Streamed {
    async fn deliver(&mut self, batch: &[Item]) -> Vec<Outcome> {
        let frames = self.frames(batch);
        match self.send(&frames).await {
            Ok(()) => {
                self.unsure.keep(batch.len(), frames);
                Outcome::Delivered.of_all(batch.len())
            }
            Err(error) => Outcome::after(&error).of_all(batch.len()),
        }
    }

    async fn close(&mut self) -> usize {
        if self.goodbye().await.is_ok() {
            return 0;
        }
        // The connection broke at the very end: once more.
        let again = async {
            self.send(&[]).await?;
            self.goodbye().await
        };
        if again.await.is_ok() { 0 } else { self.unsure.items() }
    }
}
