//! 工单: what somebody turned to the hotline with, and the clock it runs against. Pure rules: no clock, no I/O.

use chuangsha_kernel::{
    id::StaffId,
    problem::{Problem, Refuse},
    time::{DAY_MS, Timestamp},
};
use uuid::Uuid;

use crate::platform::listed::listed;

listed! {
    /// 工单种类. The clock hangs on it.
    TicketKind {
        Question = 1, "question", "咨询", "Question";
        Complaint = 2, "complaint", "投诉", "Complaint";
        PersonalInformation = 3, "personal_information", "个人信息投诉", "Complaint about personal information";
        Refund = 4, "refund", "退费", "Refund";
        Dispute = 5, "dispute", "非本人办理", "Not mine";
        Restore = 6, "restore", "紧急复机诉求", "Emergency restoration wished";
    }
}

listed! {
    /// 事由
    TicketTopic {
        RealName = 1, "real_name", "实名补登", "Real-name registration";
        Suspension = 2, "suspension", "停机限制", "Suspension";
        Fee = 3, "fee", "话费", "Fees";
        Nuisance = 4, "nuisance", "骚扰电话", "Nuisance calls";
        Outlet = 5, "outlet", "网点服务", "Service at an outlet";
        Data = 6, "data", "个人信息", "Personal data";
        Other = 9, "other", "其他", "Other";
    }
}

listed! {
    /// 工单状态
    TicketState {
        Open = 1, "open", "待处理", "Waiting for somebody";
        Working = 2, "working", "处理中", "Worked on";
        Waiting = 3, "waiting", "待用户补充", "Waiting for the customer";
        Answered = 4, "answered", "已答复", "Answered";
        Closed = 5, "closed", "已办结", "Closed";
        Withdrawn = 6, "withdrawn", "已撤回", "Withdrawn";
    }
}

listed! {
    /// 处理结论
    TicketOutcome {
        Upheld = 1, "upheld", "属实，已处理", "Justified and put right";
        Partly = 2, "partly", "部分属实", "Partly justified";
        Unfounded = 3, "unfounded", "不属实", "Not justified";
        Informed = 4, "informed", "已解释说明", "Explained";
    }
}

listed! {
    /// 整治阶段 the customer was in when they complained: the ladder's stages, or none.
    TicketStage {
        None = 0, "none", "未在整治", "Not in remediation";
        First = 1, "first", "催告补登期", "Remind";
        Second = 2, "second", "实施停机期", "Suspend";
        Third = 3, "third", "停机补登期", "Re-register while suspended";
        Fourth = 4, "fourth", "销户实名登记期", "Cancel";
    }
}

pub use self::{TicketKind as Kind, TicketOutcome as Outcome, TicketStage as Stage, TicketState as State, TicketTopic as Topic};

impl Kind {
    /// Counts as a complaint: towards the named owner, the warning and the bulletin.
    pub const fn is_complaint(self) -> bool {
        matches!(self, Self::Complaint | Self::PersonalInformation | Self::Dispute)
    }

    /// Rule of its clock.
    pub const fn clock_rule(self) -> &'static str {
        match self {
            Self::Question => "hotline.clock.question",
            Self::Complaint | Self::Refund => "clock.complaint",
            Self::PersonalInformation => "hotline.clock.personal_information",
            Self::Dispute => "hotline.clock.dispute",
            Self::Restore => "hotline.clock.restore",
        }
    }
}

/// 计时: what a ticket's deadline is made of. The parts are kept apart so that a change of class moves the base and nothing that was waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clocked {
    /// End of the kind's clock as it runs from the opening without a stop; `None`: held, the holidays of a year are not known.
    pub base: Option<Timestamp>,
    /// Waited for the customer in stops that are over, milliseconds.
    pub waited_ms: i64,
    /// Spent answered before it was opened again, milliseconds.
    pub rested_ms: i64,
    /// Since when the customer is waited for now.
    pub waiting_since: Option<Timestamp>,
}

impl Clocked {
    /// Waited for the customer up to `now`, as far as the rule lets it count.
    fn counted(&self, now: Timestamp, longest_ms: i64) -> i64 {
        let running = self.waiting_since.map_or(0, |since| (now.0 - since.0).max(0));
        (self.waited_ms + running).min(longest_ms)
    }

    /// 到期 as it stands at `now`.
    pub fn due(&self, now: Timestamp, longest_ms: i64) -> Option<Timestamp> {
        self.base.map(|base| base.plus_ms(self.counted(now, longest_ms) + self.rested_ms))
    }

    fn resume(&mut self, now: Timestamp) {
        if let Some(since) = self.waiting_since.take() {
            self.waited_ms += (now.0 - since.0).max(0);
        }
    }
}

/// 工单
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Id.
    pub id: Uuid,
    /// `T-20261122-7K3QX`
    pub code: String,
    /// Kind.
    pub kind: Kind,
    /// Topic.
    pub topic: Topic,
    /// State.
    pub state: State,
    /// Grows with every step.
    pub version: i64,
    /// City.
    pub region: String,
    /// Kind of outlet the number belongs to; 0 where none is known.
    pub channel_kind: i64,
    /// Stage of the remediation at the opening.
    pub stage: Stage,
    /// Code of the outlet it is about, or empty.
    pub place: String,
    /// Whose number; `None`: anonymous.
    pub subscription: Option<Uuid>,
    /// Opened.
    pub opened_at: Timestamp,
    /// Clock.
    pub clock: Clocked,
    /// Who works on it.
    pub worker: Option<StaffId>,
    /// 专人: a named owner; nobody else answers (R-REM-9).
    pub named: bool,
    /// Conclusion.
    pub outcome: Option<Outcome>,
    /// Answered.
    pub answered_at: Option<Timestamp>,
    /// 满意: what the customer said of the answer.
    pub satisfied: Option<bool>,
    /// Turned to the hotline again within the days that say "not resolved".
    pub recontacted: bool,
    /// Holds the remediation of this number.
    pub holds: bool,
}

/// What is done to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// 领取
    Claim,
    /// 指派, to somebody by name.
    Assign {
        /// To whom.
        to: StaffId,
    },
    /// 待用户补充: the clock stops.
    Pause,
    /// 用户已补充: the clock goes on.
    Resume,
    /// 变更种类: another clock from the same opening.
    Reclassify {
        /// What it is.
        kind: Kind,
        /// End of that kind's clock from the opening; `None`: the holidays are not known.
        base: Option<Timestamp>,
    },
    /// 答复
    Answer {
        /// Conclusion.
        outcome: Outcome,
        /// Words to the customer, 2 to 500 characters.
        words: String,
    },
    /// 回访
    Survey {
        /// What they said.
        satisfied: bool,
    },
    /// 重办
    Reopen,
    /// 办结
    Close,
    /// 撤回
    Withdraw,
}

impl Step {
    /// Stable name, the stem of the audit entry.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Assign { .. } => "assign",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Reclassify { .. } => "reclassify",
            Self::Answer { .. } => "answer",
            Self::Survey { .. } => "survey",
            Self::Reopen => "reopen",
            Self::Close => "close",
            Self::Withdraw => "withdraw",
        }
    }
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence is its code's text below")]
pub enum Refusal {
    #[error("no such ticket")]
    NotFound,
    #[error("the ticket is {}: it does not take this step", .0.as_str())]
    OutOfOrder(State),
    #[error("only whoever works on the ticket takes this step")]
    NotTheWorker,
    #[error("the ticket has a named owner")]
    NamedOwner,
    #[error("an answer has 2 to 500 characters")]
    WordsMissing,
    #[error("the customer was asked already")]
    SurveyedAlready,
    #[error("somebody changed it in the meantime")]
    Changed,
    #[error("the field is missing or not of its form")]
    FieldInvalid(&'static str),
    #[error("no such member of staff, or not one who works tickets")]
    NotAnAgent,
}

/// Codes of tickets.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "hotline.not_found", 404, "没有这张工单，或您无权查看", "There is no such ticket, or it is not yours to see", "请核对工单号", "Check the ticket's code";
        OUT_OF_ORDER = "hotline.out_of_order", 409, "工单当前为「{state_zh}」，不能执行此步骤", "The ticket is \"{state_en}\" and does not take this step", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        NOT_THE_WORKER = "hotline.not_the_worker", 409, "只有处理人可以执行此步骤", "Only whoever works on the ticket takes this step", "请先领取工单，或请管理人员指派给您", "Claim the ticket first, or have it assigned to you";
        NAMED_OWNER = "hotline.named_owner", 409, "该用户多次投诉，由专人跟踪处理（R-REM-9）", "This customer complained often and has a named owner (R-REM-9)", "请转给专人，或请管理人员另行指派", "Pass it to the owner, or have a manager assign it anew";
        WORDS_MISSING = "hotline.words_missing", 422, "答复内容须为 2 至 500 字", "An answer has 2 to 500 characters", "写明处理结果与依据", "Say what was done and on what ground";
        SURVEYED_ALREADY = "hotline.surveyed_already", 409, "该答复已回访过", "The customer was asked about this answer already", "重办后可再次回访", "After it is opened again they may be asked again";
        CHANGED = "hotline.changed", 409, "该工单刚被他人修改", "Somebody changed the ticket in the meantime", "请刷新后重试", "Reload and try again";
        FIELD_INVALID = "hotline.field_invalid", 422, "字段缺失或格式不对", "The field is missing or not of its form", "请按提示的格式填写该字段", "Fill the field in the form shown beside it";
        NOT_AN_AGENT = "hotline.not_an_agent", 422, "没有该工号，或其岗位不办理工单", "There is no such staff number, or its post does not work tickets", "请填写客服坐席的工号", "Give the staff number of a hotline agent";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::new(&code::NOT_FOUND),
            Self::OutOfOrder(state) => {
                Problem::new(&code::OUT_OF_ORDER).with("state_zh", state.words().0).with("state_en", state.words().1)
            }
            Self::NotTheWorker => Problem::new(&code::NOT_THE_WORKER),
            Self::NamedOwner => Problem::new(&code::NAMED_OWNER),
            Self::WordsMissing => Problem::new(&code::WORDS_MISSING).field("words"),
            Self::SurveyedAlready => Problem::new(&code::SURVEYED_ALREADY),
            Self::Changed => Problem::new(&code::CHANGED),
            Self::FieldInvalid(field) => Problem::new(&code::FIELD_INVALID).field(*field),
            Self::NotAnAgent => Problem::new(&code::NOT_AN_AGENT).field("to"),
        }
    }
}

impl Ticket {
    /// The only way a ticket changes. `by` acts.
    ///
    /// # Errors
    /// The refusal names the guard that held.
    pub fn decide(&self, step: &Step, by: StaffId, now: Timestamp) -> Result<Self, Refusal> {
        let mut next = Self { version: self.version + 1, ..self.clone() };
        let mine = self.worker == Some(by);
        match (self.state, step) {
            (State::Open, Step::Claim) => {
                if self.named && self.worker.is_some_and(|owner| owner != by) {
                    return Err(Refusal::NamedOwner);
                }
                next.worker = Some(by);
                next.state = State::Working;
            }
            (State::Open | State::Working | State::Waiting, Step::Assign { to }) => {
                next.worker = Some(*to);
                next.state = if self.state == State::Open { State::Working } else { self.state };
            }
            (State::Working, Step::Pause) => {
                self.worked_by(mine)?;
                next.clock.waiting_since = Some(now);
                next.state = State::Waiting;
            }
            (State::Waiting, Step::Resume) => {
                next.clock.resume(now);
                next.state = State::Working;
            }
            (State::Open | State::Working | State::Waiting, Step::Reclassify { kind, base }) => {
                next.kind = *kind;
                next.clock.base = *base;
                next.holds = kind.is_complaint() && self.subscription.is_some();
            }
            (State::Working, Step::Answer { outcome, words }) => {
                self.worked_by(mine)?;
                if !(2..=500).contains(&words.trim().chars().count()) {
                    return Err(Refusal::WordsMissing);
                }
                next.outcome = Some(*outcome);
                next.answered_at = Some(now);
                next.satisfied = None;
                next.holds = false;
                next.state = State::Answered;
            }
            (State::Answered | State::Closed, Step::Survey { satisfied }) => {
                if self.satisfied.is_some() {
                    return Err(Refusal::SurveyedAlready);
                }
                next.satisfied = Some(*satisfied);
            }
            (State::Answered | State::Closed, Step::Reopen) => {
                // The ball lay with the customer since the answer: that time is nobody's delay.
                next.clock.rested_ms += self.answered_at.map_or(0, |at| (now.0 - at.0).max(0));
                next.outcome = None;
                next.answered_at = None;
                next.satisfied = None;
                next.recontacted = false;
                next.holds = self.kind.is_complaint() && self.subscription.is_some();
                next.state = if self.worker.is_some() { State::Working } else { State::Open };
            }
            (State::Answered, Step::Close) => next.state = State::Closed,
            (State::Open | State::Working | State::Waiting, Step::Withdraw) => {
                next.clock.resume(now);
                next.holds = false;
                next.state = State::Withdrawn;
            }
            (state, _) => return Err(Refusal::OutOfOrder(state)),
        }
        Ok(next)
    }

    const fn worked_by(&self, mine: bool) -> Result<(), Refusal> {
        match (mine, self.named) {
            (true, _) => Ok(()),
            (false, true) => Err(Refusal::NamedOwner),
            (false, false) => Err(Refusal::NotTheWorker),
        }
    }

    /// Neither answered nor ended.
    pub const fn pending(&self) -> bool {
        matches!(self.state, State::Open | State::Working | State::Waiting)
    }

    /// 超期: past its clock, answered late or not answered yet.
    pub fn late(&self, now: Timestamp, longest_ms: i64) -> bool {
        if matches!(self.state, State::Withdrawn | State::Waiting) {
            return false;
        }
        let until = self.answered_at.unwrap_or(now);
        self.clock.due(until, longest_ms).is_some_and(|due| until > due)
    }
}

/// 热线指标 of a period, counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Quality {
    /// Answers the customer was asked about.
    pub surveyed: i64,
    /// Of them: satisfied.
    pub satisfied: i64,
    /// Answers old enough to tell.
    pub settled: i64,
    /// Of them: the customer did not come again in time.
    pub resolved: i64,
}

impl Quality {
    /// Counts one ticket. `days`: within so many days a customer who comes again was not helped.
    pub fn count(&mut self, ticket: &Ticket, now: Timestamp, days: i64) {
        let Some(answered) = ticket.answered_at else { return };
        if let Some(satisfied) = ticket.satisfied {
            self.surveyed += 1;
            self.satisfied += i64::from(satisfied);
        }
        // Who came again tells at once; who did not tells when the days are over.
        if ticket.recontacted || now.0 - answered.0 >= days * DAY_MS {
            self.settled += 1;
            self.resolved += i64::from(!ticket.recontacted);
        }
    }

    /// 满意率, per mille; `None`: nobody was asked.
    pub fn satisfaction(&self) -> Option<i64> {
        (self.surveyed > 0).then(|| self.satisfied * 1_000 / self.surveyed)
    }

    /// 解决率, per mille; `None`: nothing is old enough.
    pub fn resolution(&self) -> Option<i64> {
        (self.settled > 0).then(|| self.resolved * 1_000 / self.settled)
    }
}
