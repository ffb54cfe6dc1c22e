//! 中国移动通信互联网短信网关接口协议 (CMPP) 2.0 and 3.0: from bytes to messages and back. Pure: no socket, no clock, no randomness.
//!
//! A frame is a length, a command, a sequence number and a body. The two versions differ in field widths only: terminal numbers have 21 bytes or 32,
//! results one byte or four, and 3.0 adds the kind of a terminal number and the link id. Whatever the bytes are, reading never panics and never reads
//! beyond the frame; a frame with bytes left over is refused.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod content;
mod id;
mod message;
mod sign;
#[cfg(test)]
mod tests;
mod wire;

pub use content::{Part, Report, ascii, parts_of, text, ucs2, with_header};
pub use id::MsgId;
pub use message::{Body, Connect, ConnectResp, Deliver, DeliverResp, Pdu, Query, QueryResp, Submit, SubmitResp, frame_length};
pub use sign::{gateway_sign, source_sign};

/// 协议版本
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// 2.0
    V20,
    /// 3.0
    V30,
}

impl Version {
    /// As it stands in `CMPP_CONNECT`: high half major, low half minor.
    pub const fn code(self) -> u8 {
        match self {
            Self::V20 => 0x20,
            Self::V30 => 0x30,
        }
    }

    /// The version of a code; 2.1 and the like speak as their major version does.
    pub const fn of(code: u8) -> Option<Self> {
        match code >> 4 {
            2 => Some(Self::V20),
            3 => Some(Self::V30),
            _ => None,
        }
    }
}

/// 报文错误: why bytes are no message, or a message is no bytes. Names the field, never what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The length stands outside what any message has: the stream is lost.
    #[error("a frame of {0} bytes, which no message has")]
    Length(u32),
    /// The body ends within a field.
    #[error("the message ends within {0}")]
    Short(&'static str),
    /// Bytes are left over.
    #[error("{0} bytes behind the end of the message")]
    Left(usize),
    /// A command nobody knows.
    #[error("the command {0:#010x} is none")]
    Command(u32),
    /// A value that does not fit its field: too long, or not ASCII.
    #[error("{0} does not fit its field")]
    Field(&'static str),
}
