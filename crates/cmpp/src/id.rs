//! 消息标识: the gateway's number of a message; says when and by which gateway it was made.

/// `Msg_Id`: month 4 bits, day 5, hour 5, minute 6, second 6, gateway code 22, sequence 16.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MsgId(pub u64);

impl MsgId {
    /// From `[month, day, hour, minute, second]`, the gateway's code and its sequence number. Bits beyond a field are cut off.
    pub const fn new([month, day, hour, minute, second]: [u8; 5], gateway: u32, sequence: u16) -> Self {
        let moment =
            (month as u64 & 15) << 22 | (day as u64 & 31) << 17 | (hour as u64 & 31) << 12 | (minute as u64 & 63) << 6 | second as u64 & 63;
        Self(moment << 38 | (gateway as u64 & 0x3F_FFFF) << 16 | sequence as u64)
    }

    /// `[month, day, hour, minute, second]` in the gateway's own time.
    pub const fn moment(self) -> [u8; 5] {
        let moment = self.0 >> 38;
        [(moment >> 22 & 15) as u8, (moment >> 17 & 31) as u8, (moment >> 12 & 31) as u8, (moment >> 6 & 63) as u8, (moment & 63) as u8]
    }

    /// The gateway's code.
    pub const fn gateway(self) -> u32 {
        (self.0 >> 16 & 0x3F_FFFF) as u32
    }

    /// Its sequence number.
    pub const fn sequence(self) -> u16 {
        self.0 as u16
    }
}

impl std::fmt::Display for MsgId {
    /// Sixteen hexadecimal digits: the form it is stored and looked up in.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl std::fmt::Debug for MsgId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MsgId({self})")
    }
}
