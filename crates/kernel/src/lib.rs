//! 词汇: the vocabulary everything else speaks. Pure: no I/O, no clock but the one behind [`time::Clock`].

pub mod id;
pub mod problem;
pub mod role;
pub mod time;
