//! 保险库问题: what the vault refuses, in both languages. No variant carries key material or a personal value.

use chuangsha_kernel::problem::{Problem, Refuse};

/// Problem codes of the vault.
pub mod codes {
    chuangsha_kernel::codes! {
        REFUSED = "vault.refused", 500,
            "密文无法打开：被改动、被移到别处，或密钥不符", "the sealed value does not open: altered, moved to another place, or another key",
            "核对该行是否被直接改写；从备份恢复该行，并按事件流程上报", "check whether the row was written around the system; restore it from a backup and report an incident";
        MALFORMED = "vault.malformed", 500,
            "密文格式不对：{what}", "the sealed value is malformed: {what}",
            "核对该列是否写入了未加密的数据", "check whether unsealed data was written into this column";
        KEY_UNKNOWN = "vault.key_unknown", 500,
            "没有版本 {version} 的 {what} 密钥", "there is no {what} key of version {version}",
            "核对密钥文件与数据库是否来自同一份备份", "check that the key file and the database come from the same backup";
        DESTROYED = "vault.destroyed", 410,
            "{bucket} 的销毁桶已销毁，其中的资料无法再打开", "destruction bucket {bucket} was destroyed; nothing in it opens any more",
            "这是按期销毁的结果，无需处理；证明见销毁证书", "this is the outcome of a timely destruction; see the destruction certificate";
        ROOT_PERMISSIONS = "vault.root_permissions", 500,
            "根密钥文件 {path} 的权限是 {mode}，其他用户可读写", "the root key file {path} has mode {mode}: other users can reach it",
            "先查明谁读过它；执行 chmod 600 后重新启动", "find out who may have read it; run chmod 600 on it and start again";
        ROOT_MISSING = "vault.root_missing", 500,
            "密钥文件 {path} 在，但根密钥文件不在", "the key file {path} is there but the root key file is not",
            "从离线保管处恢复根密钥文件；切勿新建，否则现有资料全部无法打开", "restore the root key file from its offline copy; do not make a new one or all present data stays shut";
        KEYS_MISSING = "vault.keys_missing", 500,
            "根密钥文件在，但密钥文件 {path} 不在", "the root key file is there but the key file {path} is not",
            "从备份恢复密钥文件", "restore the key file from a backup";
        FILE_DAMAGED = "vault.file_damaged", 500,
            "文件 {path} 已损坏或不属于这个根密钥", "the file {path} is damaged or does not belong to this root key",
            "从备份恢复，且与根密钥来自同一份备份", "restore it from a backup, the same one as the root key";
        FILE = "vault.file", 500,
            "无法读写 {path}：{reason}", "cannot read or write {path}: {reason}",
            "核对目录是否存在、属主与磁盘空间", "check that the folder exists, who owns it, and the free space";
        IN_USE = "vault.in_use", 409,
            "密钥版本 {version} 仍有 {census} 把数据密钥，不能销毁", "key version {version} still wraps {census} data keys and cannot be destroyed",
            "先完成换钥（rewrap），数量为 0 后再销毁", "finish re-wrapping first; destroy when the count is 0";
        CURRENT = "vault.current_version", 409,
            "密钥版本 {version} 是当前版本，不能销毁", "key version {version} is the current one and cannot be destroyed",
            "先轮换出新版本", "rotate to a new version first";
        HELD = "vault.held", 409,
            "处于法定保留的密钥不能进入销毁桶或被换出", "a key under legal hold is neither moved nor destroyed",
            "先由两人解除保留", "have two people release the hold first";
        BAD_MONTH = "vault.bad_month", 422,
            "月份应为 YYYY-MM", "a month is written YYYY-MM",
            "例如 2028-11", "for example 2028-11";
        RANDOM = "vault.random", 500,
            "操作系统没有给出随机数", "the operating system gave no randomness",
            "检查系统随机源；在此之前不加密任何资料", "check the system's random source; nothing is sealed until then";
        SIGNING = "vault.signing", 500,
            "签名密钥不可用", "the signing key is unusable",
            "核对密钥文件与套件配置", "check the key file and the configured suite";
    }
}

/// 保险库错误. Everything here is fatal to the one operation and leaves stored state as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The tag did not match: altered, moved or sealed under another key.
    #[error("the sealed value does not open")]
    Refused,
    /// Not a sealed value at all.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// The key agent does not hold that version.
    #[error("no {what} key of version {version}")]
    KeyUnknown {
        /// Which kind of key.
        what: &'static str,
        /// The version asked for.
        version: u32,
    },
    /// The bucket's key was destroyed.
    #[error("bucket {0} was destroyed")]
    Destroyed(crate::Month),
    /// Group or world may reach the root key file.
    #[error("{path} has mode {mode:o}")]
    RootPermissions {
        /// The root key file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// Key file without root.
    #[error("{0} is there but its root key file is not")]
    RootMissing(String),
    /// Root without key file.
    #[error("key file {0} is missing")]
    KeysMissing(String),
    /// Does not open or does not parse.
    #[error("{0} is damaged or of another root key")]
    FileDamaged(String),
    /// Input or output failed.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the operating system said.
        reason: String,
    },
    /// Data keys still hang on the version.
    #[error("version {version} still wraps {census} data keys")]
    InUse {
        /// The version.
        version: u32,
        /// How many.
        census: u64,
    },
    /// The current version is never destroyed.
    #[error("version {0} is the current one")]
    Current(u32),
    /// Legal hold.
    #[error("the key is under legal hold")]
    Held,
    /// Not a month.
    #[error("a month is written YYYY-MM")]
    BadMonth,
    /// No randomness.
    #[error("no randomness")]
    Random,
    /// Signing failed.
    #[error("the signing key is unusable")]
    Signing,
}

impl Refuse for VaultError {
    fn problem(&self) -> Problem {
        match self {
            Self::Refused => Problem::new(&codes::REFUSED),
            Self::Malformed(what) => Problem::new(&codes::MALFORMED).with("what", what),
            Self::KeyUnknown { what, version } => Problem::new(&codes::KEY_UNKNOWN).with("what", what).with("version", version),
            Self::Destroyed(month) => Problem::new(&codes::DESTROYED).with("bucket", month),
            Self::RootPermissions { path, mode } => {
                Problem::new(&codes::ROOT_PERMISSIONS).with("path", path).with("mode", format!("{mode:03o}"))
            }
            Self::RootMissing(path) => Problem::new(&codes::ROOT_MISSING).with("path", path),
            Self::KeysMissing(path) => Problem::new(&codes::KEYS_MISSING).with("path", path),
            Self::FileDamaged(path) => Problem::new(&codes::FILE_DAMAGED).with("path", path),
            Self::File { path, reason } => Problem::new(&codes::FILE).with("path", path).with("reason", reason),
            Self::InUse { version, census } => Problem::new(&codes::IN_USE).with("version", version).with("census", census),
            Self::Current(version) => Problem::new(&codes::CURRENT).with("version", version),
            Self::Held => Problem::new(&codes::HELD),
            Self::BadMonth => Problem::new(&codes::BAD_MONTH),
            Self::Random => Problem::new(&codes::RANDOM),
            Self::Signing => Problem::new(&codes::SIGNING),
        }
    }
}
