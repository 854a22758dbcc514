//! Frames off a wire, through libpcap.

use super::bpf::text;
use super::{Batch, LinkType};
use crate::time::Timestamp;
use std::net::IpAddr;
use std::time::Duration;

/// How much of a frame is captured: all of any that occurs.
const SNAP_LEN: i32 = 65_535;
/// The smallest kernel buffer that is asked for, in bytes: several seconds of a plant's traffic.
pub const MIN_BUFFER: i32 = 64 << 20;
/// How long the kernel may gather frames before it hands them on. Immediate mode is not used: it makes
/// libpcap fall back to slots of the snap length, of which the buffer holds few, and most frames are dropped.
const TIMEOUT_MS: i32 = 10;
/// How long a poll waits when nothing is there. (Linux does not end a wait before the first frame comes, whatever
/// the timeout, so the handle does not wait and this does.)
const PAUSE: Duration = Duration::from_millis(5);
/// How many frames are taken at once before it is asked whether the batch is full.
const TAKE: usize = 64;
/// Time stamps in nanoseconds, which libpcap offers on Linux.
const NANOSECONDS: bool = cfg!(target_os = "linux");

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name, as [`Live::open`] takes it.
    pub name: String,
    /// What the system says about it.
    pub description: Option<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it is up.
    pub up: bool,
    /// Whether it leads nowhere but to this machine.
    pub loopback: bool,
}

/// What to capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The server ports; what [`default_filter`] is made of.
    pub ports: Vec<u16>,
    /// An expression (pcap-filter(7)) in place of [`default_filter`].
    pub filter: Option<String>,
    /// Whether frames for other machines are wanted.
    pub promiscuous: bool,
    /// The kernel's buffer in bytes, at least [`MIN_BUFFER`].
    pub buffer: i32,
}

/// Port 502, promiscuous.
impl Default for Options {
    fn default() -> Self {
        Self { ports: vec![502], filter: None, promiscuous: true, buffer: MIN_BUFFER }
    }
}

/// What has happened to frames since the interface was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames that passed the filter.
    pub received: u64,
    /// Of those, the ones the kernel dropped because its buffer was full.
    pub dropped: u64,
    /// Frames the interface or its driver dropped.
    pub dropped_by_interface: u64,
}

/// What can go wrong with a live capture.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// This user may not capture.
    #[error("no permission to capture on `{interface}` (it takes CAP_NET_RAW)")]
    Permission {
        /// Where.
        interface: String,
    },
    /// There is no such interface.
    #[error("no interface `{interface}`")]
    NoInterface {
        /// Its name.
        interface: String,
    },
    /// The filter makes no sense.
    #[error("filter `{filter}`: {message}")]
    Filter {
        /// The expression.
        filter: String,
        /// What libpcap says.
        message: String,
    },
    /// The interface went away or the system refused.
    #[error("{interface}: {message}")]
    Failed {
        /// Where.
        interface: String,
        /// What libpcap says.
        message: String,
    },
}

/// The interfaces of this machine, in the system's order.
///
/// # Errors
/// When the system does not tell.
pub fn interfaces() -> Result<Vec<Interface>, LiveError> {
    let devices = pcap::Device::list()
        .map_err(|error| LiveError::Failed { interface: "interfaces".to_owned(), message: text(error) })?;
    Ok(devices
        .into_iter()
        .map(|device| Interface {
            name: device.name,
            description: device.desc,
            addresses: device.addresses.iter().map(|address| address.addr).collect(),
            up: device.flags.is_up(),
            loopback: device.flags.is_loopback(),
        })
        .collect())
}

/// An expression for everything that can belong to conversations with these server ports.
///
/// Fragments have no ports but the first, so all others are taken, and so is IPv6 with an extension header,
/// behind which libpcap does not look. On Ethernet the same is asked again behind one and two VLAN tags: the
/// word `vlan` moves what follows it, to the end of the expression, behind a tag.
#[must_use]
pub fn default_filter(ports: &[u16], link: LinkType) -> String {
    let ports: String = ports.iter().map(|port| format!("port {port} or ")).collect();
    let headers = [0, 43, 44, 51, 60].map(|header| format!("ip6[6] = {header}")).join(" or ");
    let wanted = format!("({ports}(ip[6:2] & 0x1fff != 0) or {headers})");
    match link {
        LinkType::Ethernet => format!("{wanted} or (vlan and {wanted}) or (vlan and {wanted})"),
        _ => wanted,
    }
}

/// An open interface.
pub struct Live {
    interface: String,
    capture: pcap::Capture<pcap::Active>,
    link: LinkType,
    /// The number of the next frame.
    number: u64,
}

impl Live {
    /// Opens an interface by name (`any` is one on Linux).
    ///
    /// # Errors
    /// When there is none of that name, this user may not, or the filter makes no sense.
    pub fn open(name: &str, options: &Options) -> Result<Self, LiveError> {
        let capture = activate(name, options).map_err(|error| refusal(name, error))?;
        let link = LinkType::from_value(u16::try_from(capture.get_datalink().0).unwrap_or(u16::MAX));
        let mut live = Self { interface: name.to_owned(), capture, link, number: 1 };
        let filter = options.filter.clone().unwrap_or_else(|| default_filter(&options.ports, link));
        if let Err(error) = live.capture.filter(&filter, true) {
            return Err(LiveError::Filter { filter, message: text(error) });
        }
        Ok(live)
    }

    /// What the first bytes of its frames are.
    #[must_use]
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// Restarts `batch` and fills it with what there is; returns after some 10 ms at most, with an empty batch
    /// when nothing came.
    ///
    /// # Errors
    /// When the interface went away.
    pub fn poll(&mut self, batch: &mut Batch) -> Result<(), LiveError> {
        batch.restart(self.number);
        self.take(batch)?;
        if batch.is_empty() {
            std::thread::sleep(PAUSE);
            self.take(batch)?;
        }
        self.number = batch.next_number();
        Ok(())
    }

    /// Takes frames until there are no more for now or the batch is full.
    fn take(&mut self, batch: &mut Batch) -> Result<(), LiveError> {
        let link = self.link;
        let nanos_per_tick = if NANOSECONDS { 1 } else { 1_000 };
        while !batch.is_full() {
            let taken = self.capture.dispatch(Some(TAKE), |packet| {
                let header = packet.header;
                let time = Timestamp::from_parts(header.ts.tv_sec, header.ts.tv_usec * nanos_per_tick);
                batch.push(time, link, header.len, packet.data);
            });
            match taken {
                Ok(count) if count < TAKE => break,
                Ok(_) => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    /// What has happened to frames so far.
    ///
    /// # Errors
    /// When the interface went away.
    pub fn stats(&mut self) -> Result<Stats, LiveError> {
        let stats = self.capture.stats().map_err(|error| self.failed(error))?;
        Ok(Stats {
            received: stats.received.into(),
            dropped: stats.dropped.into(),
            dropped_by_interface: stats.if_dropped.into(),
        })
    }

    fn failed(&self, error: pcap::Error) -> LiveError {
        LiveError::Failed { interface: self.interface.clone(), message: text(error) }
    }
}

fn activate(name: &str, options: &Options) -> Result<pcap::Capture<pcap::Active>, pcap::Error> {
    let mut capture = pcap::Capture::from_device(name)?
        .snaplen(SNAP_LEN)
        .buffer_size(options.buffer.max(MIN_BUFFER))
        .timeout(TIMEOUT_MS)
        .promisc(options.promiscuous);
    if NANOSECONDS {
        capture = capture.precision(pcap::Precision::Nano);
    }
    capture.open()?.setnonblock()
}

/// What an interface that did not open means. libpcap's binding hands on its words only, not its codes.
fn refusal(name: &str, error: pcap::Error) -> LiveError {
    let interface = name.to_owned();
    let message = text(error);
    let lower = message.to_lowercase();
    if ["permi", "cap_net_raw", "root"].iter().any(|word| lower.contains(word)) {
        return LiveError::Permission { interface };
    }
    match interfaces() {
        Ok(known) if known.iter().all(|known| known.name != name) => LiveError::NoInterface { interface },
        _ => LiveError::Failed { interface, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Bpf, Frame};

    /// An Ethernet frame with these tags around an IPv4 packet with these flags and offset, from port 1 to `port`.
    fn frame(tags: &[u16], fragment: u16, port: u16) -> Vec<u8> {
        let mut bytes = vec![2; 12];
        for tag in tags {
            bytes.extend(tag.to_be_bytes());
            bytes.extend([0, 5]);
        }
        bytes.extend([8, 0, 0x45, 0, 0, 28, 0, 0]);
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 1]);
        bytes.extend(port.to_be_bytes());
        bytes.extend([0, 8, 0, 0]);
        bytes
    }

    #[test]
    fn the_default_filter_keeps_tagged_frames_and_fragments() {
        let mut bpf = Bpf::compile(&default_filter(&[502, 802], LinkType::Ethernet), LinkType::Ethernet).unwrap();
        let mut matches = |bytes: &[u8]| {
            let time = Timestamp::from_nanos(0);
            bpf.matches(&Frame { number: 1, time, link: LinkType::Ethernet, wire_len: 0, bytes }).unwrap()
        };
        for tags in [&[][..], &[0x8100], &[0x88A8, 0x8100]] {
            assert!(matches(&frame(tags, 0, 502)) && matches(&frame(tags, 0, 802)), "{tags:x?}");
            assert!(matches(&frame(tags, 3, 80)), "{tags:x?}");
            assert!(!matches(&frame(tags, 0, 80)), "{tags:x?}");
        }
        let mut ipv6 = [&[2; 12][..], &[0x86, 0xDD, 0x60, 0, 0, 0, 0, 8, 44, 64], &[0; 40][..]].concat();
        assert!(matches(&ipv6));
        ipv6[20] = 58;
        assert!(!matches(&ipv6));
    }

    #[test]
    fn the_default_filter_compiles_where_there_are_no_tags() {
        for link in [LinkType::Sll, LinkType::Sll2, LinkType::Raw, LinkType::Null] {
            Bpf::compile(&default_filter(&[502], link), link).unwrap();
        }
        assert!(Bpf::compile(&default_filter(&[], LinkType::Raw), LinkType::Raw).is_ok());
    }

    #[test]
    fn a_missing_interface_is_told_as_one() {
        let error = Live::open("no-such-wire", &Options::default()).err().unwrap();
        assert!(matches!(error, LiveError::NoInterface { .. } | LiveError::Permission { .. }), "{error:?}");
    }

    #[test]
    fn frames_on_the_loopback_are_captured() {
        let Some(loopback) = interfaces().unwrap().into_iter().find(|interface| interface.loopback) else { return };
        let mut live = match Live::open(&loopback.name, &Options { ports: vec![50_502], ..Options::default() }) {
            Ok(live) => live,
            Err(error) => return eprintln!("skipped: {error}"),
        };
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"sigmabus", "127.0.0.1:50502").unwrap();
        socket.send_to(b"sigmabus", "127.0.0.1:50503").unwrap();
        let mut batch = Batch::new();
        let mut polls = 0;
        while batch.is_empty() && polls < 1_000 {
            live.poll(&mut batch).unwrap();
            polls += 1;
        }
        // Two polls of the same frame occur on a loopback (out and in); the other port never does.
        assert!(batch.frames().all(|frame| frame.bytes.ends_with(b"sigmabus")) && !batch.is_empty());
        let ports: Vec<_> = batch.frames().map(|frame| frame.bytes[36..38].to_vec()).collect();
        assert!(ports.iter().all(|port| port == &50_502_u16.to_be_bytes()));
        assert!(live.stats().unwrap().received >= 1);
    }
}
