// long: one state machine, read in one go: every state against every step
//! 停机依据: one lawful reason to limit or stop one subscription, and its rules (G3). Pure: the clock, the people and the facts are arguments.
//! A hold belongs to the subscription, never to the number. Several may stand side by side; each is lifted on its own, and what the network
//! carries out is the highest of them.

use chuangsha_kernel::{
    id::StaffId,
    problem::{Problem, Refuse},
    time::Timestamp,
};
use uuid::Uuid;

use crate::platform::listed::listed;

listed! {
    /// 停机依据: for what lawful reason. The numbers are what the store keeps.
    #[schema(as = SuspensionGround)]
    Ground {
        /// 未实名 (L-REM-1)
        RealName = 1, "real_name", "未实名登记", "Not under a true name";
        /// 风险 (L-REM-7)
        Risk = 2, "risk", "涉诈风险", "Risk of fraud";
        /// 欠费 (L-REM-6)
        Arrears = 3, "arrears", "欠费", "Arrears";
        /// 公安机关通知
        Police = 4, "police", "公安机关通知", "Notice of the police";
        /// 异议号码: not mine (L-LIM-4)
        Dispute = 5, "dispute", "本人否认办理", "Disputed by the person";
        /// 惩戒 (L-LIM-6)
        Punishment = 6, "punishment", "惩戒措施", "Joint punishment";
        /// 业务锁定 (L-REM-5)
        ServiceLock = 7, "service_lock", "业务锁定", "Service lock";
    }
}

listed! {
    /// 限制等级: how far. Each includes the one before.
    #[schema(as = SuspensionLevel)]
    Level {
        /// 限制: some functions only (no tariff change, no SIM replacement, no new orders); calls pass (L-REM-5).
        Limited = 1, "limited", "限制部分功能", "Limited";
        /// 单停: no outgoing calls, no data; incoming calls pass (L-REM-3).
        StoppedOut = 2, "stopped_out", "单停", "Stopped outgoing";
        /// 双停: neither outgoing nor incoming (L-REM-3).
        StoppedBoth = 3, "stopped_both", "双停", "Stopped both ways";
    }
}

listed! {
    /// 状态 of a hold. The numbers are what the store keeps; `active` is never stored: no hold, no row.
    #[schema(as = SuspensionState)]
    State {
        /// 正常: nothing is held against the subscription yet.
        Active = 1, "active", "正常", "Active";
        /// 已标记: a signal with its legal basis.
        Flagged = 2, "flagged", "已标记", "Flagged";
        /// 待核验: the person was asked to prove themselves, by the method of the tier.
        VerifyRequested = 3, "verify_requested", "待核验", "Asked to verify";
        /// 已限制
        Limited = 4, "limited", "已限制", "Limited";
        /// 单停
        StoppedOut = 5, "stopped_out", "单停", "Stopped outgoing";
        /// 双停
        StoppedBoth = 6, "stopped_both", "双停", "Stopped both ways";
        /// 申诉中: stays as it was until somebody else decided.
        Appealing = 7, "appealing", "申诉中", "Under appeal";
        /// 已解除
        Lifted = 8, "lifted", "已解除", "Lifted";
        /// 已终止: the service ended under it.
        Terminated = 9, "terminated", "已终止", "Terminated";
    }
}

listed! {
    /// 风险分级 (L-REM-7): which check is asked for and what follows without it stands in the rules.
    #[schema(as = RiskTier)]
    Tier {
        /// 低
        Low = 1, "low", "低风险", "Low risk";
        /// 中
        Medium = 2, "medium", "中风险", "Medium risk";
        /// 高
        High = 3, "high", "高风险", "High risk";
    }
}

listed! {
    /// 核验方式: how the person proves themselves (L-REM-7).
    #[schema(as = RiskMethod)]
    Method {
        /// 线上实人认证
        Online = 1, "online", "线上实人认证", "A real-person check online";
        /// 到厅补登: the registration order, at the counter.
        Counter = 2, "counter", "到营业厅核验", "A check at the counter";
    }
}

impl Level {
    /// The state of a hold at this level.
    pub const fn state(self) -> State {
        match self {
            Self::Limited => State::Limited,
            Self::StoppedOut => State::StoppedOut,
            Self::StoppedBoth => State::StoppedBoth,
        }
    }
}

impl State {
    /// Nothing leads out of it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Lifted | Self::Terminated)
    }
}

impl Ground {
    /// Measures the carrier takes by its own judgment or on a list: they leave a punished person one basic line (L-LIM-6). What an authority
    /// orders, what is unpaid, unregistered or denied by the person themselves has a basis of its own.
    const fn leaves_a_basic_line(self) -> bool {
        matches!(self, Self::Punishment | Self::Risk | Self::ServiceLock)
    }

    /// May be interrupted in an emergency: never against the police.
    const fn yields(self) -> bool {
        !matches!(self, Self::Police)
    }
}

/// 告知: what a person is told of every measure against them (L-REM-8), and the paper it rests on. No personal data: it is sent, shown and kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SuspensionNotice)]
pub struct Notice {
    /// 原因: why, 2 to 60 characters.
    pub reason: String,
    /// 办理渠道: where it is mended, 2 to 60 characters.
    pub remedy: String,
    /// 所需材料: what to bring, 2 to 60 characters.
    pub documents: String,
    /// 文书编号 of the authority's paper, up to 60 characters; the police's notice has one, others may.
    #[serde(default)]
    pub reference: String,
}

impl Notice {
    /// The three parts.
    pub fn new(reason: &str, remedy: &str, documents: &str) -> Self {
        let own = str::to_owned;
        Self { reason: own(reason), remedy: own(remedy), documents: own(documents), reference: String::new() }
    }

    /// The same with the number of a paper.
    #[must_use]
    pub fn with_reference(self, reference: &str) -> Self {
        Self { reference: reference.to_owned(), ..self }
    }

    /// All three parts are said, none says anything that could be a number of a person.
    ///
    /// # Errors
    /// [`Refusal::NoticeIncomplete`], naming the part.
    pub fn check(&self) -> Result<(), Refusal> {
        for (text, field, least) in
            [(&self.reason, "reason", 2), (&self.remedy, "remedy", 2), (&self.documents, "documents", 2), (&self.reference, "reference", 0)]
        {
            let length = text.trim().chars().count();
            // Eleven digits in a row are a subscriber's number, seventeen the start of a document's.
            let digits = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
            if length < least || length > 60 || digits > 10 || text.chars().any(char::is_control) {
                return Err(Refusal::NoticeIncomplete(field));
            }
        }
        Ok(())
    }
}

/// 停机记录: one ground against one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Id.
    pub id: Uuid,
    /// Subscription.
    pub subscription: Uuid,
    /// Ground.
    pub ground: Ground,
    /// State.
    pub state: State,
    /// How far; `None` before any measure.
    pub level: Option<Level>,
    /// Counts the steps.
    pub version: i64,
    /// Tier of a risk.
    pub tier: Option<Tier>,
    /// How a risk is to be cleared.
    pub method: Option<Method>,
    /// Article the measure rests on (L-REM-11).
    pub article: String,
    /// What the person is told.
    pub notice: Notice,
    /// The case behind it: a campaign's, a ticket's, a report's.
    pub case: Option<Uuid>,
    /// Who decided the measure; `None`: a job, by a rule.
    pub decided_by: Option<StaffId>,
    /// Who looks after the appeal.
    pub appeal_worker: Option<StaffId>,
    /// A timer of this state: the check is due, or the unpaid service may end.
    pub due: Option<Timestamp>,
    /// The measure's own term; over, it is lifted.
    pub until: Option<Timestamp>,
    /// 紧急复机: does not count until then.
    pub interrupted_until: Option<Timestamp>,
    /// First signal.
    pub since: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}

/// One step.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// 标记: a signal.
    Flag,
    /// 要求核验 (L-REM-7): by the method of the tier, until then.
    AskVerification {
        /// Tier.
        tier: Tier,
        /// Method of the tier.
        method: Method,
        /// Until when.
        due: Timestamp,
    },
    /// 核验通过
    Pass,
    /// 核验未通过或超时 (L-REM-9): the measure of the tier.
    Fail {
        /// The person came and did not pass; otherwise the time must be over.
        came: bool,
        /// Measure of the tier.
        level: Level,
        /// It is the basic line of a punished person.
        basic: bool,
    },
    /// 限制或停机
    Stop {
        /// How far.
        level: Level,
        /// Who decides; `None`: a job.
        by: Option<StaffId>,
        /// It is the basic line of a punished person.
        basic: bool,
        /// Days overdue reach the law's (L-REM-6); means nothing for another ground.
        overdue: bool,
        /// Unpaid until then, the service may end.
        due: Option<Timestamp>,
        /// Term.
        until: Option<Timestamp>,
    },
    /// 升级
    Raise {
        /// How far.
        level: Level,
        /// Who decides; `None`: a job.
        by: Option<StaffId>,
        /// It is the basic line of a punished person.
        basic: bool,
    },
    /// 申诉受理: by a case worker who did not decide the measure.
    Appeal {
        /// Case worker.
        worker: StaffId,
    },
    /// 申诉结论
    Decide {
        /// Who decides.
        by: StaffId,
        /// Passed: lifted at once, in the same step.
        passed: bool,
        /// Words of a refusal.
        why: &'a str,
    },
    /// 紧急复机 (R-REM-8)
    Interrupt {
        /// Who asks.
        by: Option<StaffId>,
        /// Who approved.
        approver: StaffId,
        /// Until when.
        until: Timestamp,
        /// Longest the rules allow, milliseconds.
        most_ms: i64,
        /// Why.
        reason: &'a str,
    },
    /// 紧急复机到期: the measure counts again.
    Resume,
    /// 解除
    Lift,
    /// 期满: the term is over.
    Expire,
    /// 终止服务: the service ends, or ended, under this hold.
    End,
    /// 销号: somebody ends the service for it: unpaid until the law's day (L-REM-6), or denied by the person and out of their name (L-LIM-4).
    Terminate {
        /// The line is in nobody's name any more.
        detached: bool,
        /// An order to register it anew is under way.
        ordered: bool,
    },
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence is its code's text below")]
pub enum Refusal {
    #[error("no such hold")]
    NotFound,
    #[error("the subscription is not in service")]
    NotInService,
    #[error("the hold is {}: it does not take this step", .0.as_str())]
    OutOfOrder(State),
    #[error("only a notice of the police stops both ways at once")]
    StepByStep,
    #[error("a measure is raised to a higher level")]
    NotHigher,
    #[error("a measure needs its legal basis")]
    NoBasis,
    #[error("a notice lacks a part")]
    NoticeIncomplete(&'static str),
    #[error("the police's notice has a number")]
    NoReference,
    #[error("the last line of a punished person stays")]
    BasicLine,
    #[error("the bill is not overdue long enough")]
    NotOverdue,
    #[error("the time is not over")]
    NotDue,
    #[error("whoever decided the measure does not handle the appeal")]
    OwnDecision,
    #[error("a reason is missing")]
    NoReason,
    #[error("an emergency restoration lasts too long")]
    TooLong { hours: i64 },
    #[error("an emergency restoration is approved by another person")]
    NotApproved,
    #[error("this ground does not yield to an emergency")]
    DoesNotYield,
    #[error("somebody changed it in the meantime")]
    Changed,
    #[error("only an unpaid or a disputed line is ended for its hold")]
    NotEnding,
    #[error("a disputed line leaves the person's name first")]
    NotDetached,
    #[error("the line is being registered anew")]
    BeingRegistered,
    #[error("the field is missing or not of its form")]
    FieldInvalid(&'static str),
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "suspension.not_found", 404, "没有这条停机记录，或您无权查看", "There is no such hold, or it is not yours to see", "请核对后从用户页面进入", "Open it from the subscriber's page";
        NOT_IN_SERVICE = "suspension.not_in_service", 409, "该号码不是本企业在网用户", "The number is not in service with this carrier", "请核对号码", "Check the number";
        OUT_OF_ORDER = "suspension.out_of_order", 409, "该停机记录当前为「{state_zh}」，不能执行此步骤", "The hold is \"{state_en}\" and does not take this step", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        STEP_BY_STEP = "suspension.step_by_step", 422, "只有公安机关通知可以直接双停；其他情形先限制或单停（G3）", "Only a notice of the police stops both ways at once; other grounds limit or stop outgoing first (G3)", "先单停，到期或情况加重后再双停", "Stop outgoing first, then raise it";
        NOT_HIGHER = "suspension.not_higher", 409, "只能升级到更高的等级", "A measure is only raised to a higher level", "如需降低，请解除后按新依据重新办理", "To lower it, lift it and start anew on its own basis";
        NO_BASIS = "suspension.no_basis", 422, "停机须有法定依据条款（L-REM-11）", "A measure needs its legal basis (L-REM-11)", "填写条款编号，如 L-REM-7", "Give the article, such as L-REM-7";
        NOTICE_INCOMPLETE = "suspension.notice_incomplete", 422, "告知须写明原因、办理渠道和所需材料，各 2 至 60 字，不得含号码（L-REM-8）", "A notice says why, where and with what: 2 to 60 characters each, without anybody's number (L-REM-8)", "补全所指的一项", "Complete the part that is named";
        NO_REFERENCE = "suspension.no_reference", 422, "公安机关通知须填写文书编号", "A notice of the police has the number of its paper", "填写通知书编号，并留存原件", "Give the number of the notice and keep the paper";
        BASIC_LINE = "suspension.basic_line", 422, "被惩戒人员须保留一个号码的基本通信服务，该号码只能限制功能（L-LIM-6）", "A punished person keeps one basic line; this line is limited at most (L-LIM-6)", "将等级改为限制部分功能，或停用其他号码", "Limit this line only, or stop another one";
        NOT_OVERDUE = "suspension.not_overdue", 422, "逾期未满法定天数，不得因欠费停机（L-REM-6）", "The bill is not overdue long enough for a stop (L-REM-6)", "期满后再办理", "Wait until the days are over";
        NOT_DUE = "suspension.not_due", 409, "期限未到", "The time is not over", "期满后再办理", "Wait until it is over";
        OWN_DECISION = "suspension.own_decision", 403, "作出停机决定的人不得办理其申诉（G3）", "Whoever decided the measure does not handle its appeal (G3)", "请由其他人员办理", "Have somebody else take it";
        NO_REASON = "suspension.no_reason", 422, "请写明理由，2 至 200 字", "Give the reason, 2 to 200 characters", "补充理由后重试", "Give the reason and try again";
        TOO_LONG = "suspension.too_long", 422, "紧急复机须定在将来，最长 {hours} 小时", "An emergency restoration ends in the future, {hours} hours from now at most", "缩短时长；需要更久的，请办理补登或申诉", "Shorten it; for longer, re-register or appeal";
        NOT_APPROVED = "suspension.not_approved", 403, "紧急复机须由申请人以外的人批准", "An emergency restoration is approved by somebody other than who asks", "请先取得批准", "Have it approved first";
        DOES_NOT_YIELD = "suspension.does_not_yield", 403, "公安机关通知的停机不适用紧急复机", "A stop the police ordered does not yield to an emergency", "请联系通知机关", "Turn to the authority that ordered it";
        CHANGED = "suspension.changed", 409, "该停机记录刚被他人更新", "Somebody changed the hold in the meantime", "请刷新后重试", "Reload and try again";
        NOT_ENDING = "suspension.not_ending", 409, "只有欠费满期或异议解绑的停机可以销号（L-REM-6、L-LIM-4）", "Only a line unpaid for its time, or disputed and detached, is ended here (L-REM-6, L-LIM-4)", "其他依据到期或解除，不得销号", "Lift it, or let it run its term";
        NOT_DETACHED = "suspension.not_detached", 409, "异议号码须先解绑再销号（L-LIM-4）", "A disputed line leaves the person's name before it is ended (L-LIM-4)", "核实后先「解绑」，再「销号」", "Verify, detach it, then end it";
        BEING_REGISTERED = "suspension.being_registered", 409, "该号码正在补登，不得销号", "The line is being registered anew and is not ended meanwhile", "等补登办结后再看", "Wait until the order has ended";
        FIELD_INVALID = "suspension.field_invalid", 422, "字段缺失或格式不对", "The field is missing or not of its form", "请按提示的格式填写该字段", "Fill the field in the form shown beside it";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::new(&code::NOT_FOUND),
            Self::NotInService => Problem::new(&code::NOT_IN_SERVICE).field("number"),
            Self::OutOfOrder(state) => {
                Problem::new(&code::OUT_OF_ORDER).with("state_zh", state.words().0).with("state_en", state.words().1)
            }
            Self::StepByStep => Problem::new(&code::STEP_BY_STEP).field("level"),
            Self::NotHigher => Problem::new(&code::NOT_HIGHER).field("level"),
            Self::NoBasis => Problem::new(&code::NO_BASIS).field("article"),
            Self::NoticeIncomplete(part) => Problem::new(&code::NOTICE_INCOMPLETE).field(*part),
            Self::NoReference => Problem::new(&code::NO_REFERENCE).field("reference"),
            Self::BasicLine => Problem::new(&code::BASIC_LINE).field("level"),
            Self::NotOverdue => Problem::new(&code::NOT_OVERDUE).field("due_on"),
            Self::NotDue => Problem::new(&code::NOT_DUE),
            Self::OwnDecision => Problem::new(&code::OWN_DECISION),
            Self::NoReason => Problem::new(&code::NO_REASON).field("words"),
            Self::TooLong { hours } => Problem::new(&code::TOO_LONG).with("hours", hours).field("hours"),
            Self::NotApproved => Problem::new(&code::NOT_APPROVED),
            Self::DoesNotYield => Problem::new(&code::DOES_NOT_YIELD),
            Self::Changed => Problem::new(&code::CHANGED),
            Self::NotEnding => Problem::new(&code::NOT_ENDING),
            Self::NotDetached => Problem::new(&code::NOT_DETACHED),
            Self::BeingRegistered => Problem::new(&code::BEING_REGISTERED),
            Self::FieldInvalid(field) => Problem::new(&code::FIELD_INVALID).field(*field),
        }
    }
}

impl Hold {
    /// Nothing yet: where every hold starts. Not written before its first step.
    pub fn new(id: Uuid, subscription: Uuid, ground: Ground, article: &str, notice: Notice, case: Option<Uuid>, now: Timestamp) -> Self {
        Self {
            id,
            subscription,
            ground,
            state: State::Active,
            level: None,
            version: 0,
            tier: None,
            method: None,
            article: article.to_owned(),
            notice,
            case,
            decided_by: None,
            appeal_worker: None,
            due: None,
            until: None,
            interrupted_until: None,
            since: now,
            updated_at: now,
        }
    }

    /// What it contributes to the subscription's standing: nothing while nothing is decided, while it is interrupted, and after its end. An
    /// appeal leaves it as it was.
    pub fn counts(&self) -> Option<Level> {
        if self.state.is_final() || self.interrupted_until.is_some() { None } else { self.level }
    }

    /// The only way a hold changes.
    ///
    /// # Errors
    /// The refusal names the guard that held; nothing has changed.
    pub fn decide(&self, step: Step<'_>, now: Timestamp) -> Result<Self, Refusal> {
        match (self.state, step) {
            (State::Active, Step::Flag) => {
                self.lawful()?;
                Ok(self.to(State::Flagged, now))
            }
            (State::Active | State::Flagged, Step::AskVerification { tier, method, due }) => {
                self.lawful()?;
                if self.ground != Ground::Risk {
                    return Err(Refusal::OutOfOrder(self.state));
                }
                let next = self.to(State::VerifyRequested, now);
                Ok(Self { tier: Some(tier), method: Some(method), due: Some(due), ..next })
            }
            (State::VerifyRequested, Step::Pass) => Ok(self.lifted(now)),
            // Limited for want of a check: coming after all is the remedy the notice named.
            (State::Limited | State::StoppedOut | State::StoppedBoth, Step::Pass) if self.method.is_some() => Ok(self.lifted(now)),
            (State::VerifyRequested, Step::Fail { came, level, basic }) => {
                if !came && self.due.is_none_or(|due| due > now) {
                    return Err(Refusal::NotDue);
                }
                // The last line of a punished person is limited instead: not stopping it at all would reward not coming.
                let level = if basic { Level::Limited } else { level.min(Level::StoppedOut) };
                Ok(self.at(level, None, now))
            }
            (State::Active | State::Flagged | State::VerifyRequested, Step::Stop { level, by, basic, overdue, due, until }) => {
                self.lawful()?;
                if level == Level::StoppedBoth && self.ground != Ground::Police {
                    return Err(Refusal::StepByStep);
                }
                if self.ground == Ground::Police && self.notice.reference.trim().is_empty() {
                    return Err(Refusal::NoReference);
                }
                if self.ground == Ground::Arrears && !overdue {
                    return Err(Refusal::NotOverdue);
                }
                self.leaves_basic(level, basic)?;
                Ok(Self { until, due, ..self.at(level, by, now) })
            }
            (State::Limited | State::StoppedOut | State::StoppedBoth, Step::Raise { level, by, basic }) => {
                if self.level.is_some_and(|now| level <= now) {
                    return Err(Refusal::NotHigher);
                }
                self.leaves_basic(level, basic)?;
                Ok(Self { due: self.due, ..self.at(level, by, now) })
            }
            (State::Limited | State::StoppedOut | State::StoppedBoth, Step::Appeal { worker }) => {
                if self.decided_by == Some(worker) {
                    return Err(Refusal::OwnDecision);
                }
                Ok(Self { appeal_worker: Some(worker), ..self.to(State::Appealing, now) })
            }
            (State::Appealing, Step::Decide { by, passed, why }) => {
                if self.decided_by == Some(by) {
                    return Err(Refusal::OwnDecision);
                }
                if passed {
                    return Ok(self.lifted(now));
                }
                if why.trim().chars().count() < 2 {
                    return Err(Refusal::NoReason);
                }
                Ok(self.to(self.level.map_or(State::Flagged, Level::state), now))
            }
            (
                State::Limited | State::StoppedOut | State::StoppedBoth | State::Appealing,
                Step::Interrupt { by, approver, until, most_ms, reason },
            ) => {
                if !self.ground.yields() {
                    return Err(Refusal::DoesNotYield);
                }
                if !(2..=200).contains(&reason.trim().chars().count()) {
                    return Err(Refusal::NoReason);
                }
                if by == Some(approver) {
                    return Err(Refusal::NotApproved);
                }
                if until <= now || until > now.plus_ms(most_ms) {
                    return Err(Refusal::TooLong { hours: most_ms / chuangsha_kernel::time::HOUR_MS });
                }
                // One that runs is not prolonged: the longest time counts from its start.
                if self.interrupted_until.is_some() {
                    return Err(Refusal::OutOfOrder(self.state));
                }
                Ok(Self { interrupted_until: Some(until), ..self.to(self.state, now) })
            }
            (State::Limited | State::StoppedOut | State::StoppedBoth | State::Appealing, Step::Resume) => match self.interrupted_until {
                Some(until) if until <= now => Ok(Self { interrupted_until: None, ..self.to(self.state, now) }),
                Some(_) => Err(Refusal::NotDue),
                None => Err(Refusal::OutOfOrder(self.state)),
            },
            (
                State::Flagged | State::VerifyRequested | State::Limited | State::StoppedOut | State::StoppedBoth | State::Appealing,
                Step::Lift,
            ) => Ok(self.lifted(now)),
            (State::Limited | State::StoppedOut | State::StoppedBoth | State::Appealing, Step::Expire) => {
                if self.until.is_none_or(|until| until > now) {
                    return Err(Refusal::NotDue);
                }
                Ok(self.lifted(now))
            }
            (
                State::Flagged | State::VerifyRequested | State::Limited | State::StoppedOut | State::StoppedBoth | State::Appealing,
                Step::End,
            ) => Ok(Self { due: None, interrupted_until: None, ..self.to(State::Terminated, now) }),
            (State::Limited | State::StoppedOut | State::StoppedBoth, Step::Terminate { detached, ordered }) => {
                match self.ground {
                    Ground::Arrears if self.due.is_none_or(|due| due > now) => return Err(Refusal::NotDue),
                    Ground::Dispute if !detached => return Err(Refusal::NotDetached),
                    Ground::Arrears | Ground::Dispute => {}
                    _ => return Err(Refusal::NotEnding),
                }
                if ordered {
                    return Err(Refusal::BeingRegistered);
                }
                // Restored for an emergency: nobody ends what was given back until then.
                if self.interrupted_until.is_some() {
                    return Err(Refusal::OutOfOrder(self.state));
                }
                Ok(Self { due: None, ..self.to(State::Terminated, now) })
            }
            (state, _) => Err(Refusal::OutOfOrder(state)),
        }
    }

    /// Every measure has its legal basis and its notice (L-REM-11, L-REM-8).
    fn lawful(&self) -> Result<(), Refusal> {
        let article = self.article.trim();
        if !(article.starts_with("L-") || article.starts_with("R-")) || !(5..=20).contains(&article.len()) {
            return Err(Refusal::NoBasis);
        }
        self.notice.check()
    }

    const fn leaves_basic(&self, level: Level, basic: bool) -> Result<(), Refusal> {
        if basic && self.ground.leaves_a_basic_line() && !matches!(level, Level::Limited) { Err(Refusal::BasicLine) } else { Ok(()) }
    }

    fn at(&self, level: Level, by: Option<StaffId>, now: Timestamp) -> Self {
        // A new decision is a new thing to appeal against: whoever heard the last one may have taken it.
        Self { level: Some(level), decided_by: by, appeal_worker: None, due: None, ..self.to(level.state(), now) }
    }

    fn lifted(&self, now: Timestamp) -> Self {
        Self { due: None, interrupted_until: None, ..self.to(State::Lifted, now) }
    }

    fn to(&self, state: State, now: Timestamp) -> Self {
        // The clock of a case never runs backwards, whatever the machine's does.
        Self { state, version: self.version + 1, updated_at: now.max(self.updated_at), ..self.clone() }
    }
}
