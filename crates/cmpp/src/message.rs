//! 消息: every command of both versions.

use crate::{
    Fault, MsgId, Version,
    wire::{Reader, put},
};

/// Length, command, sequence number.
const HEADER: usize = 12;
/// A submit of 3.0 to ninety-nine receivers has about 3,600 bytes; nothing is longer.
const MOST: u32 = 4_096;
/// `DestUsr_tl`: fewer than a hundred.
const MOST_RECEIVERS: usize = 99;
/// A message is an answer.
const ANSWER: u32 = 0x8000_0000;

/// How long the frame is that begins with these bytes; `None` while too few have come to tell.
///
/// # Errors
/// [`Fault::Length`]: nothing that follows can be trusted, the connection is to be closed.
pub fn frame_length(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let Some(length) = bytes.first_chunk().map(|length| u32::from_be_bytes(*length)) else { return Ok(None) };
    if (HEADER as u32..=MOST).contains(&length) { Ok(Some(length as usize)) } else { Err(Fault::Length(length)) }
}

/// 报文: one message with its sequence number; an answer has the number of what it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdu {
    /// `Sequence_Id`.
    pub sequence: u32,
    /// What is said.
    pub body: Body,
}

/// 消息体
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `CMPP_CONNECT`
    Connect(Connect),
    /// `CMPP_CONNECT_RESP`
    ConnectResp(ConnectResp),
    /// `CMPP_TERMINATE`
    Terminate,
    /// `CMPP_TERMINATE_RESP`
    TerminateResp,
    /// `CMPP_SUBMIT`
    Submit(Box<Submit>),
    /// `CMPP_SUBMIT_RESP`
    SubmitResp(SubmitResp),
    /// `CMPP_DELIVER`
    Deliver(Box<Deliver>),
    /// `CMPP_DELIVER_RESP`
    DeliverResp(DeliverResp),
    /// `CMPP_QUERY`
    Query(Query),
    /// `CMPP_QUERY_RESP`
    QueryResp(QueryResp),
    /// `CMPP_CANCEL`: take a message back that was not delivered yet.
    Cancel(MsgId),
    /// `CMPP_CANCEL_RESP`: 0 = taken back.
    CancelResp(u32),
    /// `CMPP_ACTIVE_TEST`
    ActiveTest,
    /// `CMPP_ACTIVE_TEST_RESP`
    ActiveTestResp,
}

/// 请求连接
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    /// `Source_Addr`: the account, the SP's code; at most 6 characters.
    pub account: String,
    /// `AuthenticatorSource` ([`crate::source_sign`]).
    pub sign: [u8; 16],
    /// `Version`.
    pub version: u8,
    /// `Timestamp`: the digits MMDDHHMMSS as a number.
    pub timestamp: u32,
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect").field("account", &self.account).field("version", &self.version).finish_non_exhaustive()
    }
}

/// 连接应答
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectResp {
    /// 0 good, 1 structure, 2 address, 3 authentication, 4 version too high, 5 and more: other.
    pub status: u32,
    /// `AuthenticatorISMG` ([`crate::gateway_sign`]).
    pub sign: [u8; 16],
    /// The highest version the gateway speaks.
    pub version: u8,
}

impl std::fmt::Debug for ConnectResp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectResp").field("status", &self.status).field("version", &self.version).finish_non_exhaustive()
    }
}

/// 提交短信. Debug shows neither receiver nor text.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Submit {
    /// `Msg_Id`: zero when it comes from an SP.
    pub id: MsgId,
    /// `Pk_total`: parts in all.
    pub parts: u8,
    /// `Pk_number`: which one, from 1.
    pub part: u8,
    /// `Registered_Delivery`: 1 = with status report.
    pub registered: u8,
    /// `Msg_level`.
    pub level: u8,
    /// `Service_Id`, 10 characters.
    pub service: String,
    /// `Fee_UserType`: who pays: 0 receiver, 1 sender, 2 SP, 3 `Fee_terminal_Id`.
    pub payer: u8,
    /// `Fee_terminal_Id`.
    pub payer_number: String,
    /// `Fee_terminal_type`, 3.0: 0 number, 1 pseudonym.
    pub payer_kind: u8,
    /// `TP_pId`.
    pub protocol: u8,
    /// `TP_udhi`: 1 = the content begins with a header.
    pub header: u8,
    /// `Msg_Fmt`: 0 ASCII, 3 card, 4 binary, 8 UCS-2, 15 GB.
    pub format: u8,
    /// `Msg_src`: the SP's code, 6 characters.
    pub source: String,
    /// `FeeType`: `01` free, `02` per message, `03` monthly.
    pub fee_type: String,
    /// `FeeCode`, in fen.
    pub fee: String,
    /// `ValId_Time`, 17 characters.
    pub valid: String,
    /// `At_Time`, 17 characters.
    pub at: String,
    /// `Src_Id`: the number the receiver sees.
    pub from: String,
    /// `Dest_terminal_Id`: 1 to 99.
    pub to: Vec<String>,
    /// `Dest_terminal_type`, 3.0.
    pub to_kind: u8,
    /// `Msg_Content`.
    pub content: Vec<u8>,
    /// `LinkID`, 3.0; `Reserve` in 2.0.
    pub link: String,
}

impl std::fmt::Debug for Submit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submit").field("part", &(self.part, self.parts)).field("format", &self.format).finish_non_exhaustive()
    }
}

/// 提交应答
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubmitResp {
    /// The gateway's id of the message.
    pub id: MsgId,
    /// 0 good; 8 flow control; 13 receiver wrong; see the standard for the rest.
    pub result: u32,
}

/// 上行短信或状态报告. Debug shows neither sender nor text.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Deliver {
    /// `Msg_Id`.
    pub id: MsgId,
    /// `Dest_Id`: our number.
    pub to: String,
    /// `Service_Id`.
    pub service: String,
    /// `TP_pid`.
    pub protocol: u8,
    /// `TP_udhi`.
    pub header: u8,
    /// `Msg_Fmt`.
    pub format: u8,
    /// `Src_terminal_Id`.
    pub from: String,
    /// `Src_terminal_type`, 3.0.
    pub from_kind: u8,
    /// `Registered_Delivery`: 1 = the content is a [`crate::Report`].
    pub registered: u8,
    /// `Msg_Content`.
    pub content: Vec<u8>,
    /// `LinkID`, 3.0; reserved in 2.0.
    pub link: String,
}

impl std::fmt::Debug for Deliver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliver").field("id", &self.id).field("registered", &self.registered).finish_non_exhaustive()
    }
}

/// 上行应答
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverResp {
    /// Of the message answered.
    pub id: MsgId,
    /// 0 good.
    pub result: u32,
}

/// 查询: of one day's figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// `YYYYMMDD`.
    pub day: String,
    /// 0 all, 1 one service.
    pub kind: u8,
    /// Which service.
    pub code: String,
    /// Reserved.
    pub reserve: String,
}

/// 查询应答
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryResp {
    /// `YYYYMMDD`.
    pub day: String,
    /// As asked.
    pub kind: u8,
    /// As asked.
    pub code: String,
    /// `MT_TLMsg`, `MT_Tlusr`, `MT_Scs`, `MT_WT`, `MT_FL`, `MO_Scs`, `MO_WT`, `MO_FL`: received from the SP, users, forwarded well, waiting, failed;
    /// then delivered to the SP well, waiting, failed.
    pub counts: [u32; 8],
}

/// Bytes of a terminal's number, and of what stands at the end.
const fn widths(version: Version) -> (usize, usize) {
    match version {
        Version::V20 => (21, 8),
        Version::V30 => (32, 20),
    }
}

impl Body {
    const fn command(&self) -> u32 {
        match self {
            Self::Connect(_) => 1,
            Self::ConnectResp(_) => ANSWER | 1,
            Self::Terminate => 2,
            Self::TerminateResp => ANSWER | 2,
            Self::Submit(_) => 4,
            Self::SubmitResp(_) => ANSWER | 4,
            Self::Deliver(_) => 5,
            Self::DeliverResp(_) => ANSWER | 5,
            Self::Query(_) => 6,
            Self::QueryResp(_) => ANSWER | 6,
            Self::Cancel(_) => 7,
            Self::CancelResp(_) => ANSWER | 7,
            Self::ActiveTest => 8,
            Self::ActiveTestResp => ANSWER | 8,
        }
    }

    /// Whether it answers something.
    pub const fn is_answer(&self) -> bool {
        self.command() & ANSWER != 0
    }
}

impl Pdu {
    /// One whole frame, as [`frame_length`] cut it off.
    ///
    /// # Errors
    /// It is no message of that version. An answer to it can still be addressed: the sequence number stands in bytes 8 to 12.
    pub fn read(frame: &[u8], version: Version) -> Result<Self, Fault> {
        let mut reader = Reader(frame);
        let length = reader.u32("Total_Length")?;
        if length as usize != frame.len() {
            return Err(Fault::Length(length));
        }
        let command = reader.u32("Command_Id")?;
        let sequence = reader.u32("Sequence_Id")?;
        let body = match command {
            1 => Body::Connect(Connect {
                account: reader.text(6, "Source_Addr")?,
                sign: reader.array("AuthenticatorSource")?,
                version: reader.u8("Version")?,
                timestamp: reader.u32("Timestamp")?,
            }),
            // A gateway that does not speak our version says so in its own: here the length tells.
            0x8000_0001 => Body::ConnectResp(ConnectResp {
                status: if frame.len() == HEADER + 18 { u32::from(reader.u8("Status")?) } else { reader.u32("Status")? },
                sign: reader.array("AuthenticatorISMG")?,
                version: reader.u8("Version")?,
            }),
            2 => Body::Terminate,
            0x8000_0002 => Body::TerminateResp,
            4 => Body::Submit(Box::new(submit(&mut reader, version)?)),
            0x8000_0004 => Body::SubmitResp(SubmitResp { id: MsgId(reader.u64("Msg_Id")?), result: result(&mut reader, version)? }),
            5 => Body::Deliver(Box::new(deliver(&mut reader, version)?)),
            0x8000_0005 => Body::DeliverResp(DeliverResp { id: MsgId(reader.u64("Msg_Id")?), result: result(&mut reader, version)? }),
            6 => Body::Query(Query {
                day: reader.text(8, "Time")?,
                kind: reader.u8("Query_Type")?,
                code: reader.text(10, "Query_Code")?,
                reserve: reader.text(8, "Reserve")?,
            }),
            0x8000_0006 => {
                let (day, kind, code) = (reader.text(8, "Time")?, reader.u8("Query_Type")?, reader.text(10, "Query_Code")?);
                let mut counts = [0; 8];
                for count in &mut counts {
                    *count = reader.u32("MT_TLMsg")?;
                }
                Body::QueryResp(QueryResp { day, kind, code, counts })
            }
            7 => Body::Cancel(MsgId(reader.u64("Msg_Id")?)),
            0x8000_0007 => Body::CancelResp(result(&mut reader, version)?),
            8 => Body::ActiveTest,
            0x8000_0008 => {
                // One reserved byte that some gateways leave out.
                if !reader.0.is_empty() {
                    reader.u8("Reserved")?;
                }
                Body::ActiveTestResp
            }
            other => return Err(Fault::Command(other)),
        };
        reader.end()?;
        Ok(Self { sequence, body })
    }

    /// As one frame.
    ///
    /// # Errors
    /// A value does not fit its field.
    pub fn write(&self, version: Version) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; 4];
        bytes.extend_from_slice(&self.body.command().to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        match &self.body {
            Body::Connect(connect) => {
                put(&mut bytes, &connect.account, 6, "Source_Addr")?;
                bytes.extend_from_slice(&connect.sign);
                bytes.push(connect.version);
                bytes.extend_from_slice(&connect.timestamp.to_be_bytes());
            }
            Body::ConnectResp(answer) => {
                put_result(&mut bytes, answer.status, version)?;
                bytes.extend_from_slice(&answer.sign);
                bytes.push(answer.version);
            }
            Body::Submit(message) => put_submit(&mut bytes, message, version)?,
            Body::SubmitResp(SubmitResp { id, result }) | Body::DeliverResp(DeliverResp { id, result }) => {
                bytes.extend_from_slice(&id.0.to_be_bytes());
                put_result(&mut bytes, *result, version)?;
            }
            Body::Deliver(message) => put_deliver(&mut bytes, message, version)?,
            Body::Query(query) => {
                put(&mut bytes, &query.day, 8, "Time")?;
                bytes.push(query.kind);
                put(&mut bytes, &query.code, 10, "Query_Code")?;
                put(&mut bytes, &query.reserve, 8, "Reserve")?;
            }
            Body::QueryResp(answer) => {
                put(&mut bytes, &answer.day, 8, "Time")?;
                bytes.push(answer.kind);
                put(&mut bytes, &answer.code, 10, "Query_Code")?;
                bytes.extend(answer.counts.iter().flat_map(|count| count.to_be_bytes()));
            }
            Body::Cancel(id) => bytes.extend_from_slice(&id.0.to_be_bytes()),
            Body::CancelResp(result) => put_result(&mut bytes, *result, version)?,
            Body::ActiveTestResp => bytes.push(0),
            Body::Terminate | Body::TerminateResp | Body::ActiveTest => {}
        }
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if let Some(place) = bytes.first_chunk_mut() {
            *place = length.to_be_bytes();
        }
        Ok(bytes)
    }
}

fn result(reader: &mut Reader<'_>, version: Version) -> Result<u32, Fault> {
    match version {
        Version::V20 => reader.u8("Result").map(u32::from),
        Version::V30 => reader.u32("Result"),
    }
}

fn put_result(bytes: &mut Vec<u8>, result: u32, version: Version) -> Result<(), Fault> {
    match version {
        Version::V20 => bytes.push(u8::try_from(result).map_err(|_| Fault::Field("Result"))?),
        Version::V30 => bytes.extend_from_slice(&result.to_be_bytes()),
    }
    Ok(())
}

fn content(reader: &mut Reader<'_>) -> Result<Vec<u8>, Fault> {
    let length = usize::from(reader.u8("Msg_Length")?);
    reader.bytes(length, "Msg_Content").map(<[u8]>::to_vec)
}

fn put_content(bytes: &mut Vec<u8>, content: &[u8]) -> Result<(), Fault> {
    bytes.push(u8::try_from(content.len()).map_err(|_| Fault::Field("Msg_Content"))?);
    bytes.extend_from_slice(content);
    Ok(())
}

fn submit(reader: &mut Reader<'_>, version: Version) -> Result<Submit, Fault> {
    let (number, end) = widths(version);
    let mut message = Submit {
        id: MsgId(reader.u64("Msg_Id")?),
        parts: reader.u8("Pk_total")?,
        part: reader.u8("Pk_number")?,
        registered: reader.u8("Registered_Delivery")?,
        level: reader.u8("Msg_level")?,
        service: reader.text(10, "Service_Id")?,
        payer: reader.u8("Fee_UserType")?,
        payer_number: reader.text(number, "Fee_terminal_Id")?,
        ..Submit::default()
    };
    if version == Version::V30 {
        message.payer_kind = reader.u8("Fee_terminal_type")?;
    }
    message.protocol = reader.u8("TP_pId")?;
    message.header = reader.u8("TP_udhi")?;
    message.format = reader.u8("Msg_Fmt")?;
    message.source = reader.text(6, "Msg_src")?;
    message.fee_type = reader.text(2, "FeeType")?;
    message.fee = reader.text(6, "FeeCode")?;
    message.valid = reader.text(17, "ValId_Time")?;
    message.at = reader.text(17, "At_Time")?;
    message.from = reader.text(21, "Src_Id")?;
    let receivers = usize::from(reader.u8("DestUsr_tl")?);
    if !(1..=MOST_RECEIVERS).contains(&receivers) {
        return Err(Fault::Field("DestUsr_tl"));
    }
    message.to = (0..receivers).map(|_| reader.text(number, "Dest_terminal_Id")).collect::<Result<_, _>>()?;
    if version == Version::V30 {
        message.to_kind = reader.u8("Dest_terminal_type")?;
    }
    message.content = content(reader)?;
    message.link = reader.text(end, "LinkID")?;
    Ok(message)
}

fn put_submit(bytes: &mut Vec<u8>, message: &Submit, version: Version) -> Result<(), Fault> {
    let (number, end) = widths(version);
    let Submit { id, parts, part, registered, level, .. } = message;
    bytes.extend_from_slice(&id.0.to_be_bytes());
    bytes.extend_from_slice(&[*parts, *part, *registered, *level]);
    put(bytes, &message.service, 10, "Service_Id")?;
    bytes.push(message.payer);
    put(bytes, &message.payer_number, number, "Fee_terminal_Id")?;
    if version == Version::V30 {
        bytes.push(message.payer_kind);
    }
    bytes.extend_from_slice(&[message.protocol, message.header, message.format]);
    put(bytes, &message.source, 6, "Msg_src")?;
    put(bytes, &message.fee_type, 2, "FeeType")?;
    put(bytes, &message.fee, 6, "FeeCode")?;
    put(bytes, &message.valid, 17, "ValId_Time")?;
    put(bytes, &message.at, 17, "At_Time")?;
    put(bytes, &message.from, 21, "Src_Id")?;
    if !(1..=MOST_RECEIVERS).contains(&message.to.len()) {
        return Err(Fault::Field("DestUsr_tl"));
    }
    bytes.push(message.to.len() as u8);
    for receiver in &message.to {
        put(bytes, receiver, number, "Dest_terminal_Id")?;
    }
    if version == Version::V30 {
        bytes.push(message.to_kind);
    }
    put_content(bytes, &message.content)?;
    put(bytes, &message.link, end, "LinkID")
}

fn deliver(reader: &mut Reader<'_>, version: Version) -> Result<Deliver, Fault> {
    let (number, end) = widths(version);
    let mut message = Deliver {
        id: MsgId(reader.u64("Msg_Id")?),
        to: reader.text(21, "Dest_Id")?,
        service: reader.text(10, "Service_Id")?,
        protocol: reader.u8("TP_pid")?,
        header: reader.u8("TP_udhi")?,
        format: reader.u8("Msg_Fmt")?,
        from: reader.text(number, "Src_terminal_Id")?,
        ..Deliver::default()
    };
    if version == Version::V30 {
        message.from_kind = reader.u8("Src_terminal_type")?;
    }
    message.registered = reader.u8("Registered_Delivery")?;
    message.content = content(reader)?;
    message.link = reader.text(end, "LinkID")?;
    Ok(message)
}

fn put_deliver(bytes: &mut Vec<u8>, message: &Deliver, version: Version) -> Result<(), Fault> {
    let (number, end) = widths(version);
    bytes.extend_from_slice(&message.id.0.to_be_bytes());
    put(bytes, &message.to, 21, "Dest_Id")?;
    put(bytes, &message.service, 10, "Service_Id")?;
    bytes.extend_from_slice(&[message.protocol, message.header, message.format]);
    put(bytes, &message.from, number, "Src_terminal_Id")?;
    if version == Version::V30 {
        bytes.push(message.from_kind);
    }
    bytes.push(message.registered);
    put_content(bytes, &message.content)?;
    put(bytes, &message.link, end, "LinkID")
}
