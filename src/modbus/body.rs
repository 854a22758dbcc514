//! What one PDU says: the bytes after the function code, taken apart.
//!
//! [`Body::decode`](super::decode) makes it, [`Body::encode`](super::encode) turns it back into bytes; here are the
//! questions that need no function's name: which addresses, how many, which values.

/// What one PDU says. Slices borrow from the PDU; lengths in the PDU that disagree with its bytes are kept
/// as written and flagged on the [`Message`](super::Message).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A function without data: queries 7, 11, 12, 17.
    Empty,
    /// Queries 1, 2, 3, 4 (6.1 to 6.4).
    ReadQuery {
        /// The first address.
        address: u16,
        /// How many bits or registers.
        quantity: u16,
    },
    /// Responses 1, 2: bits, least significant first, padded to bytes.
    Bits {
        /// How many bytes of bits, as written.
        byte_count: u8,
        /// The bits, at most `byte_count` bytes.
        bits: &'a [u8],
    },
    /// Responses 3, 4, 23: big-endian registers.
    Registers {
        /// How many bytes of registers, as written.
        byte_count: u8,
        /// The registers, at most `byte_count` bytes.
        registers: &'a [u8],
    },
    /// Queries and responses 5, 6 (6.5, 6.6).
    WriteSingle {
        /// The coil's or register's address.
        address: u16,
        /// The register's value; for a coil 0xFF00 is on and 0x0000 is off.
        value: u16,
    },
    /// Queries 15, 16 (6.11, 6.12): bits or registers by function.
    WriteMultiple {
        /// The first address.
        address: u16,
        /// How many coils or registers.
        quantity: u16,
        /// How many bytes of values, as written.
        byte_count: u8,
        /// The values, at most `byte_count` bytes.
        values: &'a [u8],
    },
    /// Responses 15, 16.
    WriteMultipleResponse {
        /// The first address.
        address: u16,
        /// How many were written.
        quantity: u16,
    },
    /// Response 7 (6.7).
    ExceptionStatus {
        /// Eight outputs whose meaning is the device's own.
        status: u8,
    },
    /// Queries and responses 8 (6.8).
    Diagnostics {
        /// The sub-function.
        sub_function: u16,
        /// Two bytes; any number for sub-function 0.
        data: &'a [u8],
    },
    /// Response 11 (6.9).
    CommEventCounter {
        /// 0xFFFF while a program command is still being processed, else 0.
        status: u16,
        /// Completed messages.
        event_count: u16,
    },
    /// Response 12 (6.10).
    CommEventLog {
        /// How many bytes follow it, as written.
        byte_count: u8,
        /// As in [`Body::CommEventCounter`].
        status: u16,
        /// As in [`Body::CommEventCounter`].
        event_count: u16,
        /// Messages processed since the last restart.
        message_count: u16,
        /// One byte an event, the latest first.
        events: &'a [u8],
    },
    /// Response 17 (6.13): device specific; the run indicator is the last byte of the id where it can be told.
    ServerId {
        /// How many bytes of data, as written.
        byte_count: u8,
        /// The data, at most `byte_count` bytes.
        data: &'a [u8],
    },
    /// Query 20 (6.14): groups of 7 bytes {reference type, file, record, length}.
    ReadFileQuery {
        /// How many bytes of groups, as written.
        byte_count: u8,
        /// The groups: see [`Body::file_groups`].
        groups: &'a [u8],
    },
    /// Response 20: groups {length (counts the reference type), reference type, data}.
    ReadFileResponse {
        /// How many bytes of groups, as written.
        byte_count: u8,
        /// The groups: see [`Body::file_groups`].
        groups: &'a [u8],
    },
    /// Queries and responses 21 (6.15): groups {reference type, file, record, length, data}.
    WriteFile {
        /// How many bytes of groups, as written.
        byte_count: u8,
        /// The groups: see [`Body::file_groups`].
        groups: &'a [u8],
    },
    /// Queries and responses 22 (6.16).
    MaskWrite {
        /// The register's address.
        address: u16,
        /// Bits to keep.
        and_mask: u16,
        /// Bits to set where none are kept.
        or_mask: u16,
    },
    /// Query 23 (6.17).
    ReadWriteQuery {
        /// The first address to read.
        read_address: u16,
        /// How many registers to read.
        read_quantity: u16,
        /// The first address to write.
        write_address: u16,
        /// How many registers to write.
        write_quantity: u16,
        /// How many bytes of registers, as written.
        byte_count: u8,
        /// The registers to write, at most `byte_count` bytes.
        registers: &'a [u8],
    },
    /// Query 24 (6.18).
    FifoQuery {
        /// The queue's pointer address.
        address: u16,
    },
    /// Response 24.
    FifoResponse {
        /// How many bytes follow it, as written.
        byte_count: u16,
        /// How many registers, as written.
        fifo_count: u16,
        /// The queued registers, at most `byte_count - 2` bytes.
        registers: &'a [u8],
    },
    /// Query 43/14 (6.21).
    DeviceIdQuery {
        /// 1 basic, 2 regular, 3 extended, 4 one object.
        code: u8,
        /// The first object, or the one.
        object_id: u8,
    },
    /// Response 43/14: objects {id, length, value}.
    DeviceIdResponse {
        /// As in the query.
        code: u8,
        /// What the device can tell: 1 to 3, plus 0x80 where single objects can be asked for.
        conformity: u8,
        /// 0xFF where another query is needed for the rest, else 0.
        more_follows: u8,
        /// The object to ask for next.
        next_object_id: u8,
        /// How many objects, as written.
        object_count: u8,
        /// The objects: see [`Body::device_objects`].
        objects: &'a [u8],
    },
    /// Queries and responses 43/13 (6.20), payload opaque (CiA 309).
    CanOpen {
        /// The payload after the MEI type.
        data: &'a [u8],
    },
    /// Other MEI types of function 43.
    Mei {
        /// The MEI type.
        mei_type: u8,
        /// The bytes after it.
        data: &'a [u8],
    },
    /// Function 90 as Schneider uses it.
    Umas {
        /// The session that a reservation gave out.
        session: u8,
        /// The UMAS function; in answers 0xFE for done and 0xFD for refused.
        function: u8,
        /// The bytes after it.
        data: &'a [u8],
    },
    /// An exception answer; no code where the byte is missing.
    Exception {
        /// The exception code.
        code: Option<u8>,
    },
    /// A PDU that begins with an address and ends before its fixed part does.
    CutShort {
        /// The address.
        address: u16,
        /// All bytes after the function code, those of the address included.
        data: &'a [u8],
    },
    /// A function without a public layout, or a PDU whose bytes do not fit its layout: the bytes after the function code.
    Opaque(&'a [u8]),
}

/// One of the common bodies that borrow nothing, small enough to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Small {
    /// [`Body::ReadQuery`].
    ReadQuery { address: u16, quantity: u16 },
    /// [`Body::WriteSingle`].
    WriteSingle { address: u16, value: u16 },
}

impl Small {
    /// What is to be kept of a body; none of those that are not so common, which are decoded again.
    #[inline]
    pub(super) const fn of(body: &Body<'_>) -> Option<Self> {
        match *body {
            Body::ReadQuery { address, quantity } => Some(Self::ReadQuery { address, quantity }),
            Body::WriteSingle { address, value } => Some(Self::WriteSingle { address, value }),
            _ => None,
        }
    }

    /// The body that it was.
    #[inline]
    pub(super) const fn body(self) -> Body<'static> {
        match self {
            Self::ReadQuery { address, quantity } => Body::ReadQuery { address, quantity },
            Self::WriteSingle { address, value } => Body::WriteSingle { address, value },
        }
    }
}

/// The MEI type of CANopen General Reference (6.20).
pub(super) const MEI_CANOPEN: u8 = 13;
/// The MEI type of Read Device Identification (6.21).
pub(super) const MEI_DEVICE_ID: u8 = 14;

/// The data values that a PDU carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values<'a> {
    /// It carries none.
    None,
    /// Big-endian registers; a last odd byte is not one.
    Registers(&'a [u8]),
    /// The first `count` bits, least significant first.
    Bits {
        /// The bytes that hold them.
        bytes: &'a [u8],
        /// How many bits count.
        count: u16,
    },
    /// One register, or one coil as the wire has it.
    One(u16),
}

/// One group of a file record PDU (6.14, 6.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileGroup<'a> {
    /// 6 by the specification.
    pub reference_type: u8,
    /// The file and the first record in it; answers to Read File Record do not repeat them.
    pub place: Option<(u16, u16)>,
    /// How many registers, as written.
    pub length: u16,
    /// The records' bytes, as far as they are there; none in a query to read.
    pub data: &'a [u8],
}

/// One object of an answer to Read Device Identification (6.21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceObject<'a> {
    /// 0 to 2 basic, 3 to 0x7F regular, 0x80 and above the vendor's own.
    pub id: u8,
    /// Its value, as far as it is there.
    pub value: &'a [u8],
}

impl<'a> Body<'a> {
    /// The first address it names; of function 23 the first to read.
    #[must_use]
    pub const fn address(&self) -> Option<u16> {
        match *self {
            Self::ReadQuery { address, .. }
            | Self::WriteSingle { address, .. }
            | Self::WriteMultiple { address, .. }
            | Self::WriteMultipleResponse { address, .. }
            | Self::MaskWrite { address, .. }
            | Self::FifoQuery { address }
            | Self::CutShort { address, .. } => Some(address),
            Self::ReadWriteQuery { read_address, .. } => Some(read_address),
            _ => None,
        }
    }

    /// How many coils, inputs or registers it names; of function 23 those to read.
    #[must_use]
    pub const fn quantity(&self) -> Option<u16> {
        match *self {
            Self::ReadQuery { quantity, .. }
            | Self::WriteMultiple { quantity, .. }
            | Self::WriteMultipleResponse { quantity, .. } => Some(quantity),
            Self::WriteSingle { .. } | Self::MaskWrite { .. } => Some(1),
            Self::ReadWriteQuery { read_quantity, .. } => Some(read_quantity),
            _ => None,
        }
    }

    /// The last address it names, held at 65,535; none where the quantity is 0.
    #[must_use]
    pub fn address_end(&self) -> Option<u16> {
        let beyond = self.quantity()?.checked_sub(1)?;
        self.address().map(|address| address.saturating_add(beyond))
    }

    /// The values it carries. `function_code` tells coils from registers.
    #[must_use]
    pub fn values(&self, function_code: u8) -> Values<'a> {
        match *self {
            Self::Bits { bits, .. } => Values::Bits { bytes: bits, count: bit_count(bits) },
            Self::Registers { registers, .. }
            | Self::ReadWriteQuery { registers, .. }
            | Self::FifoResponse { registers, .. } => Values::Registers(registers),
            Self::WriteMultiple { quantity, values, .. } if function_code == 15 => {
                Values::Bits { bytes: values, count: quantity.min(bit_count(values)) }
            }
            Self::WriteMultiple { values, .. } => Values::Registers(values),
            Self::WriteSingle { value, .. } => Values::One(value),
            _ => Values::None,
        }
    }

    /// The sub-function of Diagnostics.
    #[must_use]
    pub const fn sub_function(&self) -> Option<u16> {
        match *self {
            Self::Diagnostics { sub_function, .. } => Some(sub_function),
            _ => None,
        }
    }

    /// The MEI type of function 43.
    #[must_use]
    pub const fn mei_type(&self) -> Option<u8> {
        match *self {
            Self::DeviceIdQuery { .. } | Self::DeviceIdResponse { .. } => Some(MEI_DEVICE_ID),
            Self::CanOpen { .. } => Some(MEI_CANOPEN),
            Self::Mei { mei_type, .. } => Some(mei_type),
            _ => None,
        }
    }

    /// The code of an exception answer.
    #[must_use]
    pub const fn exception_code(&self) -> Option<u8> {
        match *self {
            Self::Exception { code } => code,
            _ => None,
        }
    }

    /// The groups of functions 20 and 21; ends where the bytes no longer hold one.
    #[must_use]
    pub const fn file_groups(&self) -> FileGroups<'a> {
        match *self {
            Self::ReadFileQuery { groups, .. } => FileGroups { rest: groups, layout: GroupLayout::ReadQuery },
            Self::ReadFileResponse { groups, .. } => FileGroups { rest: groups, layout: GroupLayout::ReadResponse },
            Self::WriteFile { groups, .. } => FileGroups { rest: groups, layout: GroupLayout::Write },
            _ => FileGroups { rest: &[], layout: GroupLayout::Write },
        }
    }

    /// The objects of an answer to Read Device Identification; ends where the bytes no longer hold one.
    #[must_use]
    pub const fn device_objects(&self) -> DeviceObjects<'a> {
        match *self {
            Self::DeviceIdResponse { objects, .. } => DeviceObjects { rest: objects },
            _ => DeviceObjects { rest: &[] },
        }
    }
}

/// Whether `function_code` of a query changes data in the device's tables or files (what unit 0 broadcasts).
pub(super) const fn writes(function_code: u8) -> bool {
    matches!(function_code, 5 | 6 | 15 | 16 | 21 | 22 | 23)
}

/// How many bits `bytes` hold; a PDU's never pass 2,032.
fn bit_count(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len().saturating_mul(8)).unwrap_or(u16::MAX)
}

/// How the groups of a file record PDU are laid out.
#[derive(Clone, Copy, Debug)]
enum GroupLayout {
    ReadQuery,
    ReadResponse,
    Write,
}

/// The groups of a file record PDU, in order. After the last whole group [`FileGroups::rest`] is what was not one.
#[derive(Clone, Copy, Debug)]
pub struct FileGroups<'a> {
    rest: &'a [u8],
    layout: GroupLayout,
}

impl<'a> FileGroups<'a> {
    /// The bytes not yet read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for FileGroups<'a> {
    type Item = FileGroup<'a>;

    fn next(&mut self) -> Option<FileGroup<'a>> {
        if let GroupLayout::ReadResponse = self.layout {
            let [length, reference_type, rest @ ..] = self.rest else { return None };
            let (data, rest) = split(rest, usize::from(length.saturating_sub(1)));
            self.rest = rest;
            return Some(FileGroup {
                reference_type: *reference_type,
                place: None,
                length: u16::from(length.saturating_sub(1)) / 2,
                data,
            });
        }
        let [reference_type, f0, f1, r0, r1, l0, l1, rest @ ..] = self.rest else { return None };
        let length = u16::from_be_bytes([*l0, *l1]);
        let bytes = if let GroupLayout::Write = self.layout { usize::from(length) * 2 } else { 0 };
        let (data, rest) = split(rest, bytes);
        self.rest = rest;
        let place = Some((u16::from_be_bytes([*f0, *f1]), u16::from_be_bytes([*r0, *r1])));
        Some(FileGroup { reference_type: *reference_type, place, length, data })
    }
}

/// The objects of an answer to Read Device Identification, in order.
#[derive(Clone, Copy, Debug)]
pub struct DeviceObjects<'a> {
    rest: &'a [u8],
}

impl<'a> DeviceObjects<'a> {
    /// The bytes not yet read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for DeviceObjects<'a> {
    type Item = DeviceObject<'a>;

    fn next(&mut self) -> Option<DeviceObject<'a>> {
        let [id, length, rest @ ..] = self.rest else { return None };
        let (value, rest) = split(rest, usize::from(*length));
        self.rest = rest;
        Some(DeviceObject { id: *id, value })
    }
}

/// The first `at` bytes and the others; fewer where there are fewer.
fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_end_at_the_last_one_named() {
        let read = |address, quantity| Body::ReadQuery { address, quantity };
        assert_eq!(read(31, 2).address_end(), Some(32));
        assert_eq!(read(0xFFF0, 32).address_end(), Some(0xFFFF));
        assert_eq!(read(31, 0).address_end(), None);
        assert_eq!(Body::WriteSingle { address: 7, value: 0 }.address_end(), Some(7));
        assert_eq!(Body::FifoQuery { address: 7 }.address_end(), None);
    }

    #[test]
    fn coils_count_no_padding() {
        let body = Body::WriteMultiple { address: 0x13, quantity: 10, byte_count: 2, values: &[0xCD, 0x01] };
        assert_eq!(body.values(15), Values::Bits { bytes: &[0xCD, 0x01], count: 10 });
        assert_eq!(body.values(16), Values::Registers(&[0xCD, 0x01]));
        let cut = Body::WriteMultiple { address: 0, quantity: 2000, byte_count: 1, values: &[0xFF] };
        assert_eq!(cut.values(15), Values::Bits { bytes: &[0xFF], count: 8 });
    }

    #[test]
    fn file_groups_come_one_by_one() {
        // 6.14: the specification's example asks for two groups and gets them.
        let groups = [6, 0, 4, 0, 1, 0, 2, 6, 0, 3, 0, 9, 0, 2];
        let places: Vec<_> = Body::ReadFileQuery { byte_count: 14, groups: &groups }
            .file_groups()
            .map(|group| (group.place, group.length, group.data.len()))
            .collect();
        assert_eq!(places, [(Some((4, 1)), 2, 0), (Some((3, 9)), 2, 0)]);

        let groups = [5, 6, 0x0D, 0xFE, 0x00, 0x20, 5, 6, 0x33, 0xCD, 0x00, 0x40];
        let answers: Vec<_> =
            Body::ReadFileResponse { byte_count: 12, groups: &groups }.file_groups().map(|group| group.data).collect();
        assert_eq!(answers, [[0x0D, 0xFE, 0x00, 0x20], [0x33, 0xCD, 0x00, 0x40]]);

        let groups = [6, 0, 4, 0, 7, 0, 3, 0x06, 0xAF, 0x04, 0xBE, 0x10, 0x0D];
        let mut written = Body::WriteFile { byte_count: 13, groups: &groups }.file_groups();
        let group = written.next().unwrap();
        assert_eq!((group.place, group.length, group.data), (Some((4, 7)), 3, &groups[7..]));
        assert!(written.next().is_none() && written.rest().is_empty());
    }

    #[test]
    fn device_objects_come_one_by_one_and_a_cut_one_is_shown() {
        let objects = [0, 2, b'A', b'B', 1, 4, b'C'];
        let body = Body::DeviceIdResponse {
            code: 1,
            conformity: 1,
            more_follows: 0,
            next_object_id: 0,
            object_count: 2,
            objects: &objects,
        };
        let found: Vec<_> = body.device_objects().map(|object| (object.id, object.value)).collect();
        assert_eq!(found, [(0, b"AB".as_slice()), (1, b"C")]);
    }
}
