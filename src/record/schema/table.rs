//! The table itself: one row for each field of our own records.

use crate::record::{Domain, vocabulary as words};

/// Which part of a message a field tells of. Groups stand together in the table, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Time and frame.
    Moment,
    /// Addresses and ports of sender and receiver.
    Ends,
    /// Who asks and who answers.
    Roles,
    /// What the operator calls these two.
    Parties,
    /// The kind of the message and its MBAP header.
    Header,
    /// What the function code means.
    Function,
    /// What an exception says.
    Exception,
    /// What the PDU says, for most functions.
    Data,
    /// What the PDU says, for the rarer functions.
    Special,
    /// What a device says of itself (function 43/14).
    Identity,
    /// The request that was answered.
    Request,
    /// What is written, told in one way for all functions that write.
    Write,
    /// The change of a register that the record tells of.
    Change,
    /// What is odd.
    Flags,
    /// What is new here.
    Baseline,
}

/// What [`Group::each`] shows its fields to.
pub(in crate::record) trait Visitor {
    /// The next field. Must be inlined for the compiler to use what it knows.
    fn visit(&mut self, native: Native);
}

/// One row.
#[derive(Debug)]
pub(in crate::record) struct Row {
    pub(in crate::record) native: Native,
    pub(in crate::record) name: &'static str,
    /// The name as it stands in JSON after another field: `,"name":`.
    pub(in crate::record) key: Key,
    pub(in crate::record) aliases: &'static [&'static str],
    pub(in crate::record) group: Group,
    pub(in crate::record) domain: fn() -> Domain,
    pub(in crate::record) unit: Option<&'static str>,
    /// A JSON literal as our own records have it.
    pub(in crate::record) example: &'static str,
    pub(in crate::record) meaning: &'static str,
}

/// A short text in room of a fixed size: it is written without a loop.
#[derive(Debug)]
pub(in crate::record) struct Key {
    text: &'static str,
    room: [u8; Self::ROOM],
}

impl Key {
    /// As long as the longest text.
    const ROOM: usize = 32;

    /// Longer texts do not compile.
    const fn new(text: &'static str) -> Self {
        assert!(text.len() <= Self::ROOM);
        let mut room = [0; Self::ROOM];
        let mut at = 0;
        while at < text.len() {
            room[at] = text.as_bytes()[at];
            at += 1;
        }
        Self { text, room }
    }

    pub(in crate::record) const fn text(&self) -> &'static str {
        self.text
    }

    /// The text, and nothing behind it.
    pub(in crate::record) const fn room(&self) -> &[u8; Self::ROOM] {
        &self.room
    }

    /// Appends the text.
    #[inline]
    pub(in crate::record) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.room);
        out.truncate(start + self.text.len());
    }
}

macro_rules! unit {
    () => {
        None
    };
    ($unit:literal) => {
        Some($unit)
    };
}

macro_rules! table {
    ($($group:ident { $(
        $native:ident $name:literal $(= $alias:literal)* : $domain:expr, $([$unit:literal],)? $example:literal, $meaning:literal;
    )* })*) => {
        /// A field of our own records.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub(in crate::record) enum Native { $($( $native, )*)* }

        impl Group {
            /// All groups, in order.
            pub(in crate::record) const ALL: &[Self] = &[$( Self::$group ),*];

            /// Shows `visitor` each field of the group. Written out row by row, so that the compiler knows which field
            /// it is in each of them: what is asked with it comes down to the one answer. Each group has a function of
            /// its own, since one for all has more in hand than a processor has registers.
            #[inline]
            pub(in crate::record) fn each(self, visitor: &mut impl Visitor) {
                match self {
                    $( Self::$group => {
                        #[inline(never)]
                        fn fields(visitor: &mut impl Visitor) {
                            $( visitor.visit(Native::$native); )*
                        }
                        fields(visitor);
                    } )*
                }
            }

            /// The same where it is called, for who keeps much in hand.
            #[inline(always)]
            pub(in crate::record) fn each_here(self, visitor: &mut impl Visitor) {
                match self {
                    $( Self::$group => { $( visitor.visit(Native::$native); )* } )*
                }
            }
        }

        impl Native {
            /// Shows `visitor` this field: one jump to where the compiler knows which it is.
            #[inline(always)]
            pub(in crate::record) fn show(self, visitor: &mut impl Visitor) {
                match self {
                    $($( Self::$native => visitor.visit(Self::$native), )*)*
                }
            }
        }

        /// Every row; a field's number is its place.
        pub(in crate::record) static TABLE: &[Row] = &[$($( Row {
            native: Native::$native,
            name: $name,
            key: Key::new(concat!(",\"", $name, "\":")),
            aliases: &[$($alias),*],
            group: Group::$group,
            domain: || $domain,
            unit: unit!($($unit)?),
            example: $example,
            meaning: $meaning,
        }, )*)*];
    };
}

table! {
    Moment {
        Type "type": Domain::Word(&words::TYPE), r#""record""#, "What the line is: always `record`.";
        EventTime "EventTime" = "@timestamp": Domain::Time, r#""2020-09-23T08:55:39.978090000Z""#,
            "When the frame that completed the message was captured; for a timeout, when it was known.";
        FrameNumber "frame.number": Domain::Int, "4", "The frame that completed the message, counted from 1; for a timeout, the request's.";
        FramePdu "frame.pdu": Domain::U16, "0", "The message's place among those its frame completed, counted from 0.";
    }
    Ends {
        EthSrc "eth.src": Domain::Text, r#""08:00:27:bb:18:24""#, "MAC address of the frame's sender.";
        EthDst "eth.dst": Domain::Text, r#""08:00:27:aa:0f:15""#, "MAC address of the frame's receiver.";
        VlanId "vlan.id": Domain::U16List, "[100]", "VLAN ids from the outermost inward.";
        Ipv4Src "ipv4.src": Domain::Addr, r#""10.0.2.15""#, "Sender, if its address is IPv4.";
        Ipv4Dst "ipv4.dst": Domain::Addr, r#""10.0.2.24""#, "Receiver, if its address is IPv4.";
        Ipv6Src "ipv6.src": Domain::Addr, r#""2001:db8::15""#, "Sender, if its address is IPv6.";
        Ipv6Dst "ipv6.dst": Domain::Addr, r#""2001:db8::24""#, "Receiver, if its address is IPv6.";
        TcpSrcPort "tcp.src_port": Domain::U16, "52701", "Sender's port, over TCP.";
        TcpDstPort "tcp.dst_port": Domain::U16, "502", "Receiver's port, over TCP.";
        TcpFlag "tcp.flag": Domain::Word(&words::TCP_FLAG), r#""[PSH, ACK]""#, "TCP flags of the frame.";
        UdpSrcPort "udp.src_port": Domain::U16, "52701", "Sender's port, over UDP.";
        UdpDstPort "udp.dst_port": Domain::U16, "502", "Receiver's port, over UDP.";
        SrcIp "src_ip" = "source.ip": Domain::Addr, r#""10.0.2.15""#, "Sender.";
        SrcPort "src_port" = "source.port": Domain::U16, "52701", "Sender's port.";
        DstIp "dst_ip" = "destination.ip": Domain::Addr, r#""10.0.2.24""#, "Receiver.";
        DstPort "dst_port" = "destination.port": Domain::U16, "502", "Receiver's port.";
    }
    Roles {
        Client "modbus.client": Domain::Addr, r#""10.0.2.15""#, "Who asks, whichever way this message goes.";
        ClientPort "modbus.client_port": Domain::U16, "52701", "The client's port.";
        Server "modbus.server": Domain::Addr, r#""10.0.2.24""#, "Who answers, whichever way this message goes.";
        ServerPort "modbus.server_port": Domain::U16, "502", "The server's port.";
        Conn "modbus.conn": Domain::Int, "1", "The conversation: a TCP connection or a pair of UDP endpoints.";
        Framing "modbus.framing": Domain::Word(&words::FRAMING), r#""tcp""#, "How ADUs are framed: by MBAP headers over tcp or udp, or as rtu frames with a CRC over TCP.";
    }
    Parties {
        AssetClient "asset.client": Domain::Text, r#""hmi 2""#, "The client's name, where `assets` are configured.";
        AssetServer "asset.server": Domain::Text, r#""boiler plc""#, "The server's name, or that of the unit behind it.";
        ZoneClient "zone.client": Domain::Text, r#""it""#, "The zone that the client is in, where `zones` are configured.";
        ZoneServer "zone.server": Domain::Text, r#""cell""#, "The zone that the server is in.";
    }
    Header {
        Kind "modbus.kind": Domain::Word(&words::KIND), r#""query""#,
            "What the message is: query, response, exception, timeout (a query without an answer) or status (no PDU).";
        Status "modbus.status": Domain::Word(&words::STATUS), r#""connection_open""#,
            "What happened, for a status: connection_open, connection_close, gap, not_modbus, bad_length, tls, new_pair, new_client, new_server, mac_change, register_change.";
        Reason "modbus.reason": Domain::Word(&words::REASON), r#""handshake""#,
            "Why, for a timeout (elapsed, or how the connection ended: fin, reset, reused, idle, evicted, end), a connection_close (the same) or a connection_open (handshake, midstream).";
        TransId "modbus.trans_id": Domain::U16, "10", "Transaction identifier.";
        ProtId "modbus.prot_id": Domain::U16, "0", "Protocol identifier, 0 for Modbus.";
        Length "modbus.length": Domain::U16, ["bytes"], "39", "Length in the header: unit identifier and PDU.";
        UnitId "modbus.unit_id": Domain::U8, "10", "Unit identifier.";
    }
    Function {
        FunctionCode "modbus.function_code": Domain::Word(words::function_code()), r#""Write Multiple Registers (16)""#,
            "Function code on the wire, as text.";
        Function "modbus.function": Domain::U8, "16", "Function code without the exception bit, 0 to 127.";
        Category "modbus.category": Domain::Word(&words::CATEGORY), r#""public""#, "Who gave the function its meaning.";
        Access "modbus.access": Domain::Word(&words::ACCESS), r#""write""#, "What the function does to the device.";
        Table "modbus.table": Domain::Word(&words::TABLE), r#""holding_registers""#, "Which of the device's tables the function touches.";
    }
    Exception {
        Exc "modbus.exc": Domain::U8, "2", "Exception code.";
        ExcCode "modbus.exc_code": Domain::Word(words::exception()), r#""Illegal Data Address (02)""#, "Exception code as text.";
    }
    Data {
        Address "modbus.address": Domain::U16, "31",
            "First address read or written, counted from 0; for function 23 the first one written.";
        AddressEnd "modbus.address_end": Domain::U16, "46", "Last address read or written.";
        Quantity "modbus.quantity": Domain::U16, ["coils, inputs or registers"], "16", "How many are read or written.";
        ByteCount "modbus.byte_count": Domain::U16, ["bytes"], "32", "Byte count in the PDU.";
        Values "modbus.values": Domain::U16List, "[97, 98]", "Registers, or coils and inputs as 0 and 1.";
        Value "modbus.value": Domain::U16, "97", "The first of the values; of a single coil 0xFF00 or 0.";
        ValueMin "modbus.value_min": Domain::U16, "97", "The least of the values.";
        ValueMax "modbus.value_max": Domain::U16, "98", "The greatest of the values.";
        Text "modbus.text": Domain::Text, r#""ab@dp@ssword1234""#,
            "Registers read as text, one printable ASCII character in each; zeros at the end are left out.";
    }
    Special {
        OutputValue "modbus.output_value": Domain::Word(&words::SWITCH), r#""ON""#, "What function 5 sets a coil to.";
        ReadAddress "modbus.read_address": Domain::U16, "0", "First address that function 23 reads.";
        ReadQuantity "modbus.read_quantity": Domain::U16, ["registers"], "6", "How many registers function 23 reads.";
        AndMask "modbus.and_mask": Domain::U16, "242", "AND mask of function 22.";
        OrMask "modbus.or_mask": Domain::U16, "37", "OR mask of function 22.";
        FifoCount "modbus.fifo_count": Domain::U16, ["registers"], "2", "How many registers the queue holds.";
        SubFunction "modbus.sub_function": Domain::U16, "4", "Sub-function of function 8.";
        Diagnostic "modbus.diagnostic": Domain::Word(words::diagnostic()), r#""Force Listen Only Mode (04)""#,
            "Sub-function of function 8 as text, up to 255.";
        DeviceStatus "modbus.device_status": Domain::U16, "65535", "Status of functions 7, 11 and 12.";
        EventCount "modbus.event_count": Domain::U16, ["events"], "264", "Event counter of functions 11 and 12.";
        MessageCount "modbus.message_count": Domain::U16, ["messages"], "289", "Message counter of function 12.";
        Events "modbus.events": Domain::Text, r#""2000""#, "Events of function 12 in hex, the latest first.";
        ServerId "modbus.server_id": Domain::Text, r#""0aff""#, "What function 17 reports, in hex.";
        RunIndicator "modbus.run_indicator": Domain::Word(&words::SWITCH), r#""ON""#,
            "Of function 17: whether the device runs, where its id is one byte long.";
        Files "modbus.files": Domain::U16List, "[4, 3]", "File numbers of functions 20 and 21.";
        SubRequests "modbus.sub_requests": Domain::Text, r#""4:1:2, 3:9:2""#,
            "File, record and length of each group of functions 20 and 21.";
        Records "modbus.records": Domain::Text, r#""0dfe0020, 33cd0040""#, "Record data of functions 20 and 21 in hex.";
        MeiType "modbus.mei_type": Domain::U8, "14", "MEI type of function 43.";
        UmasSession "modbus.umas_session": Domain::U8, "1", "Session byte of function 90.";
        UmasFunction "modbus.umas_function": Domain::U8, "65", "UMAS function of function 90.";
        Data "modbus.data": Domain::Text, r#""a537""#, "Bytes of the PDU that no other field tells of, in hex.";
    }
    Identity {
        ReadDeviceIdCode "modbus.read_device_id_code": Domain::U8, "1", "What is asked for: 1 basic, 2 regular, 3 extended, 4 one object.";
        ObjectId "modbus.object_id": Domain::U8, "0", "The object asked for, or the first of them.";
        ConformityLevel "modbus.conformity_level": Domain::U8, "1", "Conformity level of the device.";
        MoreFollows "modbus.more_follows": Domain::U8, "0", "255 if more objects follow in another transaction.";
        NextObjectId "modbus.next_object_id": Domain::U8, "0", "The object to ask for next.";
        NumberOfObjects "modbus.number_of_objects": Domain::U8, ["objects"], "3", "How many objects the answer has.";
        ObjectIds "modbus.object_ids": Domain::U16List, "[0, 1, 2]", "The ids of the objects.";
        VendorName "modbus.vendor_name": Domain::Text, r#""Schneider Electric""#, "Object 0.";
        ProductCode "modbus.product_code": Domain::Text, r#""BMX P34 2020""#, "Object 1.";
        MajorMinorRevision "modbus.major_minor_revision": Domain::Text, r#""v2.5""#, "Object 2.";
        VendorUrl "modbus.vendor_url": Domain::Text, r#""http://plant.example""#, "Object 3.";
        ProductName "modbus.product_name": Domain::Text, r#""Modicon M340""#, "Object 4.";
        ModelName "modbus.model_name": Domain::Text, r#""M340""#, "Object 5.";
        UserApplicationName "modbus.user_application_name": Domain::Text, r#""boiler 2""#, "Object 6.";
    }
    Request {
        Matched "modbus.matched": Domain::Bool, "true", "Of an answer: whether its request was seen.";
        LatencyMs "modbus.latency_ms": Domain::Float, ["milliseconds"], "0.513", "From the request to its answer.";
        RequestTime "modbus.request.time": Domain::Time, r#""2020-09-23T08:55:39.978090000Z""#, "When the request was captured.";
        RequestFrame "modbus.request.frame": Domain::Int, "4", "The frame that completed the request.";
        RequestTransId "modbus.request.trans_id": Domain::U16, "10", "The request's transaction identifier.";
        RequestUnitId "modbus.request.unit_id": Domain::U8, "10", "The request's unit identifier.";
        RequestFunctionCode "modbus.request.function_code": Domain::Word(words::function_code()),
            r#""Write Multiple Registers (16)""#, "The request's function code as text.";
        RequestAddress "modbus.request.address": Domain::U16, "31", "The request's `modbus.address`.";
        RequestAddressEnd "modbus.request.address_end": Domain::U16, "46", "The request's `modbus.address_end`.";
        RequestQuantity "modbus.request.quantity": Domain::U16, ["coils, inputs or registers"], "16", "The request's `modbus.quantity`.";
        RequestValues "modbus.request.values": Domain::U16List, "[97, 98]", "The request's `modbus.values`.";
        RequestValue "modbus.request.value": Domain::U16, "97", "The request's `modbus.value`.";
        RequestText "modbus.request.text": Domain::Text, r#""abcdef""#, "The request's `modbus.text`.";
        RequestSubFunction "modbus.request.sub_function": Domain::U16, "4", "The request's `modbus.sub_function`.";
        RequestMeiType "modbus.request.mei_type": Domain::U8, "14", "The request's `modbus.mei_type`.";
    }
    Write {
        WriteOutcome "write.outcome": Domain::Word(&words::OUTCOME), r#""confirmed""#,
            "What became of a write: attempted (the query), confirmed (the answer), refused (the exception) or unanswered (the timeout).";
        WriteTable "write.table": Domain::Word(&words::TABLE), r#""holding_registers""#, "Which of the device's tables is written.";
        WriteAddresses "write.addresses": Domain::U16List, r#""31-46""#,
            "Every address written, told as first and last; of function 21 the record numbers.";
        WriteCount "write.count": Domain::Int, ["coils or registers"], "16", "How many are written.";
        WriteValues "write.values": Domain::U16List, "[97, 98]",
            "The values written; of function 22 what it leaves, where that is known.";
        WriteOld "write.old": Domain::U16List, "[0, 0]",
            "What stood there before, where all of it was seen; only with a device map, `--register-changes` or a rule that asks for it.";
    }
    Change {
        Old "modbus.old": Domain::U16, "350", "What the register held when it was last seen.";
        New "modbus.new": Domain::U16, "950", "What it holds now.";
        Delta "modbus.delta": Domain::Int, "600", "The new value less the old one.";
    }
    Flags {
        Flags "modbus.flags": Domain::Words(&words::FLAGS), r#"["late"]"#, "What is odd about the message.";
    }
    Baseline {
        BaselineNew "baseline.new": Domain::Words(&words::NEW), r#"["function"]"#,
            "What the message does that the [baseline](baseline.md) does not have; only with a baseline that is frozen or goes on learning.";
    }
}

impl Native {
    /// Its row.
    #[inline]
    pub(in crate::record) fn row(self) -> &'static Row {
        // The table and the numbers come from the same list.
        &TABLE[self as usize]
    }
}
