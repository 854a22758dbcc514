//! Capture files: pcap and pcapng, both byte orders, micro- and nanoseconds, several interfaces.

use super::packet::Link;
use std::io::{self, Write};
use std::time::Duration;

/// The file format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Container {
    /// Classic pcap, one link type.
    #[default]
    Pcap,
    /// pcapng, a link type for each interface.
    PcapNg,
}

/// What a time stamp counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolution {
    /// Microseconds.
    #[default]
    Micro,
    /// Nanoseconds.
    Nano,
}

/// The byte order of the file's own numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endian {
    /// Least significant byte first.
    #[default]
    Little,
    /// Most significant byte first.
    Big,
}

/// How frames are written to a file.
#[derive(Clone, Debug)]
pub struct Format {
    /// The file format.
    pub container: Container,
    /// What a time stamp counts.
    pub resolution: Resolution,
    /// The byte order.
    pub endian: Endian,
    /// The link type of each interface; pcap has one.
    pub links: Vec<Link>,
    /// Frames are cut to so many bytes.
    pub snap_len: u32,
}

impl Default for Format {
    fn default() -> Self {
        Self {
            container: Container::default(),
            resolution: Resolution::default(),
            endian: Endian::default(),
            links: vec![Link::Ethernet],
            snap_len: 262_144,
        }
    }
}

/// Writes frames to a file.
#[derive(Debug)]
pub struct FrameWriter<W> {
    out: W,
    format: Format,
    frames: u64,
    block: Vec<u8>,
}

impl<W: Write> FrameWriter<W> {
    /// Writes the file's header.
    ///
    /// # Errors
    /// What `out` says; [`io::ErrorKind::InvalidInput`] where the format has no interface, or a pcap has several.
    pub fn new(out: W, format: Format) -> io::Result<Self> {
        let mut file = Self { out, format, frames: 0, block: Vec::with_capacity(2_048) };
        match (file.format.container, file.format.links.as_slice()) {
            (Container::Pcap, &[link]) => file.pcap_header(link)?,
            (Container::PcapNg, &[_, ..]) => file.pcapng_header()?,
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a pcap has one interface, a pcapng at least one",
                ));
            }
        }
        Ok(file)
    }

    /// How many frames were written.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// The link type of an interface; of the first where there is no such interface.
    pub fn link(&self, interface: usize) -> Link {
        self.format.links.get(interface).or(self.format.links.first()).copied().unwrap_or(Link::Ethernet)
    }

    /// Writes one frame, captured at `time` since the epoch, and cuts it to the snap length.
    ///
    /// # Errors
    /// What the output says.
    pub fn frame(&mut self, time: Duration, interface: usize, bytes: &[u8]) -> io::Result<()> {
        let kept = &bytes[..bytes.len().min(self.format.snap_len as usize)];
        self.frames += 1;
        self.block.clear();
        match self.format.container {
            Container::Pcap => {
                let fraction = match self.format.resolution {
                    Resolution::Micro => time.subsec_micros(),
                    Resolution::Nano => time.subsec_nanos(),
                };
                for word in [time.as_secs() as u32, fraction, kept.len() as u32, bytes.len() as u32] {
                    self.put32(word);
                }
                self.block.extend_from_slice(kept);
                self.out.write_all(&self.block)
            }
            Container::PcapNg => {
                let units = match self.format.resolution {
                    Resolution::Micro => time.as_micros(),
                    Resolution::Nano => time.as_nanos(),
                };
                let lengths = [kept.len() as u32, bytes.len() as u32];
                for word in [interface as u32, (units >> 32) as u32, units as u32].into_iter().chain(lengths) {
                    self.put32(word);
                }
                self.block.extend_from_slice(kept);
                self.close_block(6)
            }
        }
    }

    /// Hands the output back, everything flushed.
    ///
    /// # Errors
    /// What the output says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn pcap_header(&mut self, link: Link) -> io::Result<()> {
        self.put32(match self.format.resolution {
            Resolution::Micro => 0xA1B2_C3D4,
            Resolution::Nano => 0xA1B2_3C4D,
        });
        self.put16(2);
        self.put16(4);
        for word in [0, 0, self.format.snap_len, u32::from(link.value())] {
            self.put32(word);
        }
        self.out.write_all(&self.block)
    }

    /// Section header and one interface description for each link.
    fn pcapng_header(&mut self) -> io::Result<()> {
        self.put32(0x1A2B_3C4D);
        self.put16(1);
        self.put16(0);
        // Section length: not given.
        self.put32(u32::MAX);
        self.put32(u32::MAX);
        self.close_block(0x0A0D_0D0A)?;
        for interface in 0..self.format.links.len() {
            self.block.clear();
            self.put16(self.link(interface).value());
            self.put16(0);
            self.put32(self.format.snap_len);
            // if_tsresol, a power of ten; then the end of options.
            self.put16(9);
            self.put16(1);
            let digits = match self.format.resolution {
                Resolution::Micro => 6,
                Resolution::Nano => 9,
            };
            self.block.extend_from_slice(&[digits, 0, 0, 0, 0, 0, 0, 0]);
            self.close_block(1)?;
        }
        Ok(())
    }

    /// Writes the block's body in its frame of type and lengths, padded to 32 bits.
    fn close_block(&mut self, kind: u32) -> io::Result<()> {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
        let total = self.block.len() as u32 + 12;
        let (kind, total) = (self.bytes32(kind), self.bytes32(total));
        self.out.write_all(&kind)?;
        self.out.write_all(&total)?;
        self.out.write_all(&self.block)?;
        self.out.write_all(&total)
    }

    fn put16(&mut self, value: u16) {
        let bytes = match self.format.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        };
        self.block.extend_from_slice(&bytes);
    }

    fn put32(&mut self, value: u32) {
        let bytes = self.bytes32(value);
        self.block.extend_from_slice(&bytes);
    }

    const fn bytes32(&self, value: u32) -> [u8; 4] {
        match self.format.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        }
    }
}
