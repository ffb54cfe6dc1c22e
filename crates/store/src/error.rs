//! What can go wrong between a closure and the disk, told apart so that a caller knows whether to retry, wait, mend or apologise.

use chuangsha_kernel::{
    codes,
    problem::{Problem, Refuse},
};

/// 存储故障. It names tables, columns and conditions, never a stored value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A unique key already holds this value.
    #[error("{table} already holds a row with this {columns}")]
    Duplicate {
        /// The table.
        table: String,
        /// The columns of the key, `a, b`; or the name of the index when it is over an expression.
        columns: String,
    },
    /// A row names another that is not there, or is still named by one.
    #[error("a row of {table} names a row that is not there, or is still named by one")]
    ForeignKey {
        /// The table; empty where the engine does not say (SQLite).
        table: String,
    },
    /// A CHECK or NOT NULL constraint refused the row.
    #[error("the constraint {constraint} refused the row")]
    Check {
        /// Name or text of the constraint.
        constraint: String,
    },
    /// A text holds a character no engine keeps.
    #[error("a text holds the character NUL")]
    Character,
    /// Others changed the same rows; the retries are used up.
    #[error("other work changed the same rows; try again")]
    Contended,
    /// Another process holds the database's write lock.
    #[error("another process holds the database")]
    Busy,
    /// No space left.
    #[error("no space is left for the database")]
    Full,
    /// The disk or the file system refused.
    #[error("the disk refused: {0}")]
    Io(String),
    /// The database cannot be reached. Nothing was written.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The connection was lost while the commit was under way: it may or may not have happened.
    #[error("the connection was lost during the commit; whether it happened is not known")]
    Unknown,
    /// A closure given to `read` tried to write.
    #[error("a read may not write")]
    ReadOnly,
    /// The database refused the statement: a fault of the program.
    #[error("the database refused the statement: {0}")]
    Statement(String),
    /// A row does not have the shape the program expects: a fault of the program or of the data.
    #[error("{0}")]
    Shape(String),
    /// A closure panicked; its work was rolled back.
    #[error("the work on the database stopped in a panic and was rolled back")]
    Panicked,
    /// The store is shut.
    #[error("the store is shut")]
    Closed,
    /// The database's schema and the program do not fit.
    #[error("{0}")]
    Schema(SchemaError),
    /// A copy, backup or restore was refused or did not compare equal.
    #[error("{0}")]
    Copy(String),
    /// The store's settings cannot be used.
    #[error("{0}")]
    Config(String),
}

/// 库表版本不符: why the program will not use this database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The text of an applied migration was changed afterwards.
    #[error(
        "migration {module} {version} was changed after it was applied to this database: put the old text back and add a new migration"
    )]
    Changed {
        /// Module of the migration.
        module: String,
        /// Its version.
        version: i64,
    },
    /// The database was written by a later program.
    #[error(
        "the database has migration {module} {version}, which this program does not know: start the program version that wrote it, or restore an older backup"
    )]
    Newer {
        /// Module of the migration.
        module: String,
        /// The version found.
        version: i64,
    },
    /// A migration stands before one that was already applied.
    #[error("migration {module} {version} stands before one already applied: give it the next free version")]
    OutOfOrder {
        /// Module of the migration.
        module: String,
        /// The version.
        version: i64,
    },
}

/// Result of everything in this crate.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The error of a transaction's closure: its own refusals and, within, the store's faults.
pub trait TxError: From<StoreError> + Send + 'static {
    /// The store's fault, where this is one: it decides about retries.
    fn store(&self) -> Option<&StoreError>;
}

impl TxError for StoreError {
    fn store(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl StoreError {
    /// May the very same write be given again without harm or thought?
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Contended | Self::Busy | Self::Full | Self::Unavailable(_))
    }
}

codes! {
    DUPLICATE = "store.duplicate", 409, "相同的记录已存在", "The same record already exists", "请刷新后查看已有记录", "Reload and look at the record that is there";
    REFERENCE = "store.reference", 409, "所引用的记录不存在或仍被引用", "A record this one names is not there, or is still named by another", "请刷新后重试", "Reload and try again";
    CHARACTER = "store.character", 422, "输入中含有不能保存的空字符（U+0000）", "The input holds a character that cannot be kept (U+0000)", "请删除该字符后重新提交", "Remove that character and send it again";
    CONTENDED = "store.contended", 503, "同一数据正被多人修改", "Others are changing the same data", "请稍后重试，未写入任何内容", "Try again in a moment; nothing was written";
    BUSY = "store.busy", 503, "数据库正被另一程序占用", "Another program holds the database", "请稍后重试；如持续出现，请检查是否有另一个进程打开同一数据库", "Try again; if it lasts, look for another process with the same database open";
    FULL = "store.full", 507, "数据库所在磁盘空间不足", "The disk of the database is full", "未写入任何内容；请管理员释放空间后重试", "Nothing was written; have an administrator free space, then try again";
    IO = "store.io", 500, "磁盘读写失败", "The disk failed to read or write", "未写入任何内容；请管理员检查磁盘与日志", "Nothing was written; have an administrator look at the disk and the log";
    UNAVAILABLE = "store.unavailable", 503, "数据库暂时无法连接", "The database cannot be reached", "未写入任何内容，请稍后重试", "Nothing was written; try again in a moment";
    UNKNOWN = "store.unknown", 503, "提交时与数据库的连接中断，结果未知", "The connection was lost during the commit; its outcome is not known", "请刷新查看结果，再决定是否重试", "Reload to see whether it took effect before trying again";
    INTERNAL = "store.internal", 500, "数据库内部错误", "Internal fault of the database layer", "请将编号告知管理员", "Give the incident number to an administrator";
    CLOSED = "store.closed", 503, "服务正在停止", "The service is stopping", "请稍后重试", "Try again in a moment";
    SCHEMA = "store.schema", 500, "数据库版本与程序不符：{reason}", "Database and program do not fit: {reason}", "请使用写入该库的程序版本，或从备份恢复", "Use the program version that wrote the database, or restore a backup";
    COPY = "store.copy", 409, "复制、备份或恢复未完成：{reason}", "Copy, backup or restore was not done: {reason}", "请按说明处理后重新执行", "Mend what it names and run it again";
    CONFIG = "store.config", 500, "数据库配置不可用：{reason}", "The database settings cannot be used: {reason}", "请修改配置 store.url", "Correct store.url in the configuration";
}

impl Refuse for StoreError {
    fn problem(&self) -> Problem {
        match self {
            Self::Duplicate { .. } => Problem::new(&DUPLICATE),
            Self::ForeignKey { .. } => Problem::new(&REFERENCE),
            Self::Character => Problem::new(&CHARACTER),
            Self::Contended => Problem::new(&CONTENDED),
            Self::Busy => Problem::new(&BUSY),
            Self::Full => Problem::new(&FULL),
            Self::Io(_) => Problem::new(&IO),
            Self::Unavailable(_) => Problem::new(&UNAVAILABLE),
            Self::Unknown => Problem::new(&UNKNOWN),
            Self::Closed => Problem::new(&CLOSED),
            Self::Check { .. } | Self::ReadOnly | Self::Statement(_) | Self::Shape(_) | Self::Panicked => Problem::new(&INTERNAL),
            Self::Schema(reason) => Problem::new(&SCHEMA).with("reason", reason),
            Self::Copy(reason) => Problem::new(&COPY).with("reason", reason),
            Self::Config(reason) => Problem::new(&CONFIG).with("reason", reason),
        }
    }
}
