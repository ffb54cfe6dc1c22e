//! 作业: work that outlasts a request: a batch over many lines, a file of a whole list. A job belongs to whoever asked for it, works with
//! their rights and no others, goes on where it was after a crash, and ends with them.
//!
//! | file | what lives there |
//! |---|---|
//! | table | all SQL |
//! | run | the leased worker: one short turn after the other |
//! | batch | one act to many lines |
//! | page | one's own jobs |

use chuangsha_kernel::{problem::Language, time::Timestamp};
use chuangsha_vault::Place;
use uuid::Uuid;

use super::{people::behalf::Behalf, web::list::Fields};

pub mod batch;
pub mod page;
pub mod run;
pub mod table;

/// Tables of this module. What was asked is sealed under the job's own key: an address may hold what a person looked for, a field what they
/// wrote. `version` guards every turn, so that a worker whose lease ran out writes nothing.
pub const DDL: &str = "
CREATE TABLE job (
    id BYTEA PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('batch', 'export')),
    list TEXT NOT NULL,
    act TEXT NOT NULL,
    staff BYTEA NOT NULL,
    staff_epoch BIGINT NOT NULL,
    organisation_epoch BIGINT NOT NULL,
    roles BIGINT NOT NULL,
    mfa_at BIGINT,
    passkey BIGINT NOT NULL,
    network TEXT NOT NULL,
    language TEXT NOT NULL,
    asked BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'ended')),
    due BIGINT NOT NULL,
    touched BIGINT NOT NULL,
    list_cursor TEXT NOT NULL,
    gathered BIGINT NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    progress TEXT NOT NULL,
    error TEXT NOT NULL,
    created BIGINT NOT NULL,
    started BIGINT,
    ended BIGINT,
    version BIGINT NOT NULL,
    CHECK ((ended IS NULL) = (state IN ('waiting', 'running')))
);
CREATE INDEX job_live ON job (touched, id) WHERE state IN ('waiting', 'running');
CREATE INDEX job_staff ON job (staff, id);
CREATE TABLE job_line (
    job BYTEA NOT NULL,
    position BIGINT NOT NULL,
    line TEXT NOT NULL,
    state BIGINT NOT NULL CHECK (state IN (0, 1, 2)),
    told TEXT NOT NULL,
    PRIMARY KEY (job, position),
    UNIQUE (job, line)
);
CREATE INDEX job_line_open ON job_line (job, position) WHERE state = 0;
CREATE INDEX job_line_failed ON job_line (job, position) WHERE state = 2;
";

/// Where what was asked is sealed.
pub(crate) const ASKED: Place = Place::new("job", "asked");

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 批量操作
    Batch,
    /// 导出
    Export,
}

impl Kind {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Export => "export",
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// 待开始: within the time in which it may be undone, or nobody came by yet.
    Waiting,
    /// 进行中
    Running,
    /// 已完成: every line was tried.
    Done,
    /// 已停止: it could not go on; why is on its page.
    Failed,
    /// 已取消 by who asked.
    Cancelled,
    /// 已失效: who asked is no longer who they were.
    Ended,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] = [Self::Waiting, Self::Running, Self::Done, Self::Failed, Self::Cancelled, Self::Ended];

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Ended => "ended",
        }
    }

    /// Reads the stored name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// There is something left to do.
    pub fn live(self) -> bool {
        matches!(self, Self::Waiting | Self::Running)
    }
}

/// What was asked, sealed in the record.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Asked {
    /// Address of the list with everything asked for.
    pub address: String,
    /// Fields of the act.
    pub fields: Fields,
    /// Code of the purpose, for a file.
    pub purpose: String,
    /// Words to it.
    pub words: String,
    /// Case it is for.
    pub case: String,
    /// In clear, with a second person's approval.
    #[serde(default)]
    pub clear: bool,
}

/// 作业
#[derive(Debug, Clone)]
pub struct Job {
    /// Id.
    pub id: Uuid,
    /// What it does.
    pub kind: Kind,
    /// Path of the list it works on.
    pub list: String,
    /// Act of a batch, or form of a file.
    pub act: String,
    /// For whom.
    pub behalf: Behalf,
    /// Language of its words.
    pub language: Language,
    /// What was asked.
    pub asked: Asked,
    /// Where it stands.
    pub state: State,
    /// Not before: until then it can be undone without a trace on any line.
    pub due: Timestamp,
    /// How far the list was read.
    pub cursor: String,
    /// Every line is known.
    pub gathered: bool,
    /// Lines known.
    pub total: i64,
    /// Lines done.
    pub done: i64,
    /// Lines refused.
    pub failed: i64,
    /// What its kind remembers between turns.
    pub progress: String,
    /// Code of why it could not go on.
    pub error: String,
    /// Asked at.
    pub created: Timestamp,
    /// First turn at.
    pub started: Option<Timestamp>,
    /// Last turn at.
    pub ended: Option<Timestamp>,
    /// Guards every turn.
    pub version: i64,
}

impl Job {
    /// Done and refused, of the total.
    pub fn percent(&self) -> i64 {
        if self.total == 0 { 0 } else { (self.done + self.failed).saturating_mul(100) / self.total }
    }
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        NOTHING_CHOSEN = "job.nothing_chosen", 422, "没有选择任何记录", "Nothing was chosen", "请先勾选要处理的记录", "Tick the lines first";
        ACT_UNKNOWN = "job.act_unknown", 422, "该列表没有此项批量操作，或您没有权限", "This list has no such act, or you may not do it", "请从列表上的按钮发起", "Start it from the buttons of the list";
        LIST_UNKNOWN = "job.list_unknown", 422, "没有这个列表", "There is no such list", "请从列表页面发起", "Start it from a list";
        FIELD_MISSING = "job.field_missing", 422, "批量操作缺少必填内容", "A required field of the act is empty", "请填写后重试", "Fill it in and try again";
        TOO_MANY = "job.too_many", 422, "一次最多处理 {most} 条", "{most} lines at most at a time", "请缩小查询条件", "Narrow the search";
        OVER = "job.over", 409, "作业已结束，不能取消", "The job is over: it cannot be cancelled", "请查看作业结果", "See what came of it";
        LEFT = "job.left", 409, "发起人已离职或岗位已变更，作业失效", "Whoever asked has left or has other roles now: the job ended with it", "请由在岗人员重新发起", "Ask for it anew";
        TOO_MANY_JOBS = "job.too_many_jobs", 429, "您已有 {most} 个作业未结束", "{most} of your jobs are not over yet", "请等待其完成或取消", "Wait for them, or cancel one";
    }
}
