//! BPF expressions on frames that are read from files.

use super::{Frame, LinkType};

/// The DLT_ value of raw IP on this system, the only link type whose value differs from its LINKTYPE_ value.
const DLT_RAW: i32 = if cfg!(target_os = "openbsd") { 14 } else { 12 };

/// An expression as tcpdump knows it (pcap-filter(7)), compiled for each link type it meets.
pub struct Bpf {
    expression: String,
    /// Few: one for each link type of the input.
    programs: Vec<(LinkType, pcap::BpfProgram)>,
}

/// What is wrong with an expression.
#[derive(Debug, thiserror::Error)]
#[error("filter `{expression}`: {message}")]
pub struct BpfError {
    /// The expression as given.
    pub expression: String,
    /// What libpcap says.
    pub message: String,
}

impl Bpf {
    /// Compiles an expression for one link type; for others it is compiled when they come.
    ///
    /// # Errors
    /// When libpcap does not understand it, or it asks for something the link type does not have.
    pub fn compile(expression: &str, link: LinkType) -> Result<Self, BpfError> {
        let mut bpf = Self { expression: expression.to_owned(), programs: Vec::new() };
        bpf.program(link)?;
        Ok(bpf)
    }

    /// Whether a frame satisfies the expression. `len`, `less` and `greater` look at what was captured of it.
    ///
    /// # Errors
    /// When the frame's link type is a new one and the expression makes no sense for it.
    pub fn matches(&mut self, frame: &Frame<'_>) -> Result<bool, BpfError> {
        Ok(self.program(frame.link)?.filter(frame.bytes))
    }

    fn program(&mut self, link: LinkType) -> Result<&pcap::BpfProgram, BpfError> {
        let index = match self.programs.iter().position(|(known, _)| *known == link) {
            Some(index) => index,
            None => {
                let program = program(&self.expression, link)
                    .map_err(|error| BpfError { expression: self.expression.clone(), message: text(error) })?;
                self.programs.push((link, program));
                self.programs.len() - 1
            }
        };
        Ok(&self.programs[index].1)
    }
}

fn program(expression: &str, link: LinkType) -> Result<pcap::BpfProgram, pcap::Error> {
    let value = if link == LinkType::Raw { DLT_RAW } else { link.value().into() };
    pcap::Capture::dead(pcap::Linktype(value))?.compile(expression, true)
}

/// What libpcap says, without the words its binding puts before it.
pub(super) fn text(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    /// An IPv4 UDP packet from port 1000 to port 502, without payload.
    const UDP: [u8; 28] =
        [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x03, 0xE8, 0x01, 0xF6, 0, 8, 0, 0];

    #[test]
    fn one_expression_serves_several_link_types() {
        let mut bpf = Bpf::compile("udp port 502", LinkType::Ethernet).unwrap();
        let ethernet = [&[0; 12][..], &[8, 0], &UDP[..]].concat();
        let frame = |link, bytes| Frame { number: 1, time: Timestamp::from_nanos(0), link, wire_len: 0, bytes };
        assert!(bpf.matches(&frame(LinkType::Ethernet, &ethernet)).unwrap());
        assert!(!bpf.matches(&frame(LinkType::Ethernet, &UDP)).unwrap());
        assert!(bpf.matches(&frame(LinkType::Raw, &UDP)).unwrap());
        assert!(!bpf.matches(&frame(LinkType::Raw, &[])).unwrap());
    }

    #[test]
    fn a_bad_expression_is_told_in_the_words_of_libpcap() {
        let error = Bpf::compile("port hello there", LinkType::Ethernet).err().unwrap();
        assert!(error.to_string().starts_with("filter `port hello there`: "), "{error}");
        assert!(error.message.contains("hello") || error.message.contains("syntax"), "{error}");
        assert!(Bpf::compile("nul\0", LinkType::Ethernet).is_err());
    }
}
