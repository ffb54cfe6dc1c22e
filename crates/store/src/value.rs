//! Values on their way in ([`Param`]) and out ([`Row`]). Three kinds only: whole numbers, text, bytes.

use chuangsha_kernel::time::Timestamp;
use uuid::Uuid;

use crate::error::{Result, StoreError};

/// 参数: one value bound to `$n`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Param<'a> {
    /// SQL NULL
    Null,
    /// BIGINT
    Int(i64),
    /// TEXT
    Text(&'a str),
    /// BYTEA
    Bytes(&'a [u8]),
}

/// Builds the parameters of a statement: `&params![id, now, "open"]`.
#[macro_export]
macro_rules! params {
    () => { [] as [$crate::Param<'static>; 0] };
    ($($value:expr),+ $(,)?) => { [$($crate::Param::from($value)),+] };
}

macro_rules! from {
    ($($type:ty, $value:ident => $make:expr;)*) => { $(
        impl<'a> From<$type> for Param<'a> {
            fn from($value: $type) -> Self { $make }
        }
    )* };
}

from! {
    i64, v => Self::Int(v);
    i32, v => Self::Int(v.into());
    u32, v => Self::Int(v.into());
    u16, v => Self::Int(v.into());
    u8, v => Self::Int(v.into());
    bool, v => Self::Int(v.into());
    Timestamp, v => Self::Int(v.0);
    &'a str, v => Self::Text(v);
    &'a String, v => Self::Text(v);
    &'a [u8], v => Self::Bytes(v);
    &'a Vec<u8>, v => Self::Bytes(v);
    &'a Uuid, v => Self::Bytes(v.as_bytes());
    &'a Value, v => v.as_param();
}

impl<'a, const N: usize> From<&'a [u8; N]> for Param<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a, T> From<Option<T>> for Param<'a>
where
    Param<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::from)
    }
}

impl std::fmt::Debug for Param<'_> {
    /// The kind only: a parameter may be personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Int(_) => "Int",
            Self::Text(_) => "Text",
            Self::Bytes(_) => "Bytes",
        })
    }
}

/// 值: one value read from the store.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// SQL NULL
    Null,
    /// BIGINT
    Int(i64),
    /// TEXT
    Text(String),
    /// BYTEA
    Bytes(Vec<u8>),
}

impl Value {
    /// The same value, to be bound again.
    pub fn as_param(&self) -> Param<'_> {
        match self {
            Self::Null => Param::Null,
            Self::Int(value) => Param::Int(*value),
            Self::Text(value) => Param::Text(value),
            Self::Bytes(value) => Param::Bytes(value),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "BIGINT",
            Self::Text(_) => "TEXT",
            Self::Bytes(_) => "BYTEA",
        }
    }
}

impl From<Param<'_>> for Value {
    fn from(param: Param<'_>) -> Self {
        match param {
            Param::Null => Self::Null,
            Param::Int(value) => Self::Int(value),
            Param::Text(value) => Self::Text(value.to_owned()),
            Param::Bytes(value) => Self::Bytes(value.to_owned()),
        }
    }
}

/// 行: one row of an answer; columns by position from 0.
#[derive(Clone, PartialEq, Eq)]
pub struct Row(pub(crate) Vec<Value>);

macro_rules! getters {
    ($($name:ident, $opt:ident, $variant:ident, $type:ty, $value:ident => $make:expr, $doc:literal;)*) => { $(
        #[doc = $doc]
        pub fn $name(&self, column: usize) -> Result<$type> {
            self.$opt(column)?.ok_or_else(|| shape(column, $doc, "NULL"))
        }

        #[doc = $doc]
        /// `None` for NULL.
        pub fn $opt(&self, column: usize) -> Result<Option<$type>> {
            match self.0.get(column) {
                Some(Value::Null) => Ok(None),
                Some(Value::$variant($value)) => Ok(Some($make)),
                Some(other) => Err(shape(column, $doc, other.kind())),
                None => Err(shape(column, $doc, "no such column")),
            }
        }
    )* };
}

impl Row {
    getters! {
        int, opt_int, Int, i64, v => *v, "A BIGINT.";
        flag, opt_flag, Int, bool, v => *v != 0, "A BIGINT that is 0 or 1, or a condition.";
        timestamp, opt_timestamp, Int, Timestamp, v => Timestamp(*v), "A BIGINT of milliseconds UTC.";
        str, opt_str, Text, &str, v => v.as_str(), "A TEXT, borrowed.";
        text, opt_text, Text, String, v => v.clone(), "A TEXT.";
        slice, opt_slice, Bytes, &[u8], v => v.as_slice(), "A BYTEA, borrowed.";
        bytes, opt_bytes, Bytes, Vec<u8>, v => v.clone(), "A BYTEA.";
    }

    /// A BYTEA of exactly sixteen bytes.
    pub fn uuid(&self, column: usize) -> Result<Uuid> {
        self.opt_uuid(column)?.ok_or_else(|| shape(column, "A UUID", "NULL"))
    }

    /// A BYTEA of exactly sixteen bytes; `None` for NULL.
    pub fn opt_uuid(&self, column: usize) -> Result<Option<Uuid>> {
        self.opt_slice(column)?.map(|bytes| Uuid::from_slice(bytes).map_err(|_| shape(column, "A UUID", "another length"))).transpose()
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Has the row no columns at all?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values in order.
    pub fn values(&self) -> &[Value] {
        &self.0
    }
}

fn shape(column: usize, wanted: &str, found: &str) -> StoreError {
    StoreError::Shape(format!("column {column}: wanted {}, found {found}", wanted.trim_end_matches('.').to_lowercase()))
}

impl std::fmt::Debug for Row {
    /// The kinds only: a row may hold personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(Value::kind)).finish()
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}
