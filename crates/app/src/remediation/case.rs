// long: one state machine, read in one go: every state with its guards and what each refusal says
//! 补登工单: one line of the old base on its way through the four stages (G2). Pure rules: no clock, no I/O, everything is an argument.
//!
//! The clock takes one step at a time and every length begins when the step is really taken: a clock that comes a month late finds the same
//! stages, each with its whole notice. Exemption is asked before the state. What cannot happen now waits, and says what for.

use chuangsha_kernel::{
    id::StaffId,
    problem::{Problem, Refuse},
    time::{DAY_MS, Timestamp},
};
use uuid::Uuid;

use super::kind::Kind;
use crate::platform::listed::listed;

listed! {
    /// 工单状态 (G2): sixteen of them.
    #[schema(as = RemediationState)]
    State {
        Identified = 1, "identified", "已识别", "Identified";
        SmsSent = 2, "sms_sent", "已发短信", "Message sent";
        Called = 3, "called", "已外呼", "Called";
        RemindExpired = 4, "remind_expired", "催告期满", "Reminder expired";
        Warned = 5, "warned", "停机预告", "Warned";
        SingleStop = 6, "single_stop", "单停", "Single stop";
        DoubleStop = 7, "double_stop", "双停", "Double stop";
        ReRegistering = 8, "re_registering", "补登办理中", "Re-registering";
        Restored = 9, "restored", "已补登复机", "Re-registered";
        EmergencyRestored = 10, "emergency_restored", "紧急复机", "Emergency restoration";
        FinalNotice = 11, "final_notice", "销户预告", "Final notice";
        Cancelled = 12, "cancelled", "已销户", "Cancelled";
        Refunding = 13, "refunding", "退费中", "Refunding";
        Quarantined = 14, "quarantined", "号码冷冻", "Quarantined";
        Closed = 15, "closed", "已结案", "Closed";
        Held = 16, "held", "投诉暂停", "Held";
    }
}

listed! {
    /// 四阶段 (R-REM-1), in order. The numbers are bits.
    #[schema(as = RemediationStage)]
    Stage {
        Remind = 1, "remind", "催告补登期", "Remind";
        Suspend = 2, "suspend", "实施停机期", "Suspend";
        Reregister = 4, "reregister", "停机补登期", "Re-register while suspended";
        Cancel = 8, "cancel", "销户实名登记期", "Cancel";
    }
}

listed! {
    /// 触达方式. The numbers are bits. Message and call are the clock's; the others people make and record.
    Medium {
        Sms = 1, "sms", "短信", "Message";
        Call = 2, "call", "外呼", "Call";
        Letter = 4, "letter", "信函", "Letter";
        Visit = 8, "visit", "上门或到店", "Visit";
        Chat = 16, "chat", "微信", "Chat";
    }
}

listed! {
    /// 触达目的: which notice it carried.
    #[schema(as = ContactPurpose)]
    Purpose {
        Remind = 1, "remind", "催告", "Reminder";
        Warn = 2, "warn", "停机预告", "Warning";
        SecondReminder = 3, "second_reminder", "二次提醒", "Second reminder";
        FinalNotice = 4, "final_notice", "销户预告", "Final notice";
    }
}

listed! {
    /// 等待原因: why the clock does not move a case that is due.
    Wait {
        Nothing = 0, "nothing", "无", "Nothing";
        QuietHours = 1, "quiet_hours", "免打扰时段", "Quiet hours";
        StopHours = 2, "stop_hours", "非停机时段", "Outside the hours of stops";
        NoCalendar = 3, "no_calendar", "缺当年节假日表", "The holidays of the year are missing";
        Cap = 4, "cap", "当日停机已达上限", "The day's cap is reached";
        Stage = 5, "stage", "阶段未开始", "The stage has not begun";
        Undelivered = 6, "undelivered", "触达未送达", "Contacts not delivered";
        Exempt = 7, "exempt", "豁免中", "Exempt";
        Protected = 8, "protected", "保护名单", "On the protected list";
        Balance = 9, "balance", "余额未核", "The balance is not known";
        Order = 10, "order", "补登办理中", "Being re-registered";
        Refused = 11, "refused", "停复机被拒，待人工处理", "The stop was refused; people must look";
        Warning = 12, "warning", "预警暂停", "Paused by a warning";
    }
}

impl State {
    /// The line is stopped in it.
    pub const fn is_stopped(self) -> bool {
        matches!(self, Self::SingleStop | Self::DoubleStop | Self::FinalNotice)
    }

    /// Coming into it is a thing the customer notices and may complain of: told, warned, stopped, given notice. A call after the message touches
    /// nobody new.
    pub const fn touches(self) -> bool {
        matches!(self, Self::SmsSent | Self::Warned | Self::SingleStop | Self::DoubleStop | Self::FinalNotice | Self::Cancelled)
    }

    /// Nothing more happens.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Restored | Self::Closed)
    }

    /// The line is still the customer's: it may be re-registered, complained about, exempted.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Restored | Self::Cancelled | Self::Refunding | Self::Quarantined | Self::Closed)
    }

    /// Which of the four stages it belongs to.
    pub const fn stage(self) -> Stage {
        match self {
            Self::Identified | Self::SmsSent | Self::Called | Self::RemindExpired | Self::Held | Self::ReRegistering | Self::Restored => {
                Stage::Remind
            }
            Self::Warned | Self::SingleStop => Stage::Suspend,
            Self::DoubleStop | Self::EmergencyRestored => Stage::Reregister,
            Self::FinalNotice | Self::Cancelled | Self::Refunding | Self::Quarantined | Self::Closed => Stage::Cancel,
        }
    }
}

/// 阶梯: the lengths and counts of the rule packs on one day and in one place, in milliseconds and pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained in both languages in rules/cn/remediation.toml, under its own name")]
pub struct Ladder {
    pub sms_most: i64,
    pub sms_interval: i64,
    pub call_after: i64,
    pub call_most: i64,
    pub retry_interval: i64,
    pub first_deadline: i64,
    pub warning: i64,
    pub single_stop: i64,
    pub second_reminder: i64,
    pub final_notice: i64,
    pub delivered_contacts: i64,
    pub delivered_media: i64,
    pub complaints_owner: i64,
    pub exemption_most: i64,
    pub refund_unclaimed: i64,
    /// `clock.double_stop_window`
    pub window: i64,
    /// `clock.emergency_restore`
    pub emergency: i64,
    /// `clock.number_quarantine`
    pub quarantine: i64,
}

/// 送达凭证: what arrived, as the contact log says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Contacts with evidence of delivery.
    pub contacts: i64,
    /// Bits of [`Medium`] they came by.
    pub media: i64,
    /// The latest delivered notice of each [`Purpose`]: made at, arrived at.
    pub told: [Option<(Timestamp, Timestamp)>; 4],
}

impl Delivered {
    /// When a notice of this purpose arrived that was made in or after `since`.
    pub fn arrived(&self, purpose: Purpose, since: Timestamp) -> Option<Timestamp> {
        let (made, arrived) = self.told.get(purpose as usize - 1).copied().flatten()?;
        (made >= since).then_some(arrived)
    }
}

/// What the clock must know beside the case.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Stages begun in the case's region, bits of [`Stage`].
    pub stages: i64,
    /// Stages an early warning keeps lines like this one out of, bits of [`Stage`].
    pub paused: i64,
    /// On the list of people who are never stopped.
    pub protected: bool,
    /// The subscription still stands: neither ended nor issued anew.
    pub in_service: bool,
    /// What arrived.
    pub delivered: Delivered,
    /// When somebody may be contacted next: now, or the end of the quiet hours.
    pub contact_at: Timestamp,
    /// When a line may be stopped next: now, or the next working hour; `None`: nobody knows the holidays.
    pub stop_at: Option<Timestamp>,
    /// The day's cap leaves room.
    pub cap_left: bool,
    /// When the cap begins anew.
    pub tomorrow: Timestamp,
    /// What is to be refunded, in fen, where it was computed.
    pub balance: Option<i64>,
    /// An order on this number is under way.
    pub ordered: bool,
}

/// 补登工单
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Id.
    pub id: Uuid,
    /// Campaign.
    pub campaign: Uuid,
    /// Wave it came with.
    pub wave: i64,
    /// The line.
    pub subscription: Uuid,
    /// What is wrong with it.
    pub kind: Kind,
    /// City, six digits.
    pub region: String,
    /// Kind of outlet.
    pub channel_kind: i64,
    /// State.
    pub state: State,
    /// Grows with every step.
    pub version: i64,
    /// Where it returns to from a hold, a re-registration or an emergency restoration.
    pub before: Option<State>,
    /// In this state since.
    pub since: Timestamp,
    /// When the clock looks next.
    pub due: Timestamp,
    /// What was left of the clock when it was put aside, milliseconds.
    pub left_ms: i64,
    /// First contact.
    pub first_at: Option<Timestamp>,
    /// Until when re-registration restores a double stop.
    pub window_ends: Option<Timestamp>,
    /// Contacts made, the last one's number.
    pub contacts: i64,
    /// Contacts made in this state.
    pub tries: i64,
    /// Complaints.
    pub complaints: i64,
    /// 专人: who follows it through.
    pub owner: Option<StaffId>,
    /// 包保人: whom it is parcelled out to.
    pub worker: Option<StaffId>,
    /// Exempt until.
    pub exempt_until: Option<Timestamp>,
    /// The hold that stops the line.
    pub hold: Option<Uuid>,
    /// The order that re-registers it.
    pub order: Option<Uuid>,
    /// Why it waits.
    pub wait: Wait,
}

/// What is done to a case.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// 时钟: the next step that is due, if any.
    Tick(&'a Facts),
    /// 到店补登
    Come {
        /// The order that registers the number anew.
        order: Uuid,
    },
    /// 补登未成
    ComeToNothing,
    /// 补登开通
    Restore,
    /// 紧急复机
    Emergency {
        /// Until when.
        until: Timestamp,
        /// Who asks.
        actor: StaffId,
        /// Who agrees.
        approver: StaffId,
    },
    /// 投诉升级
    Complain,
    /// 解除暂停
    Release {
        /// By whom.
        by: StaffId,
    },
    /// 指定专人
    Own {
        /// Who.
        owner: StaffId,
    },
    /// 豁免
    Exempt {
        /// Until when.
        until: Timestamp,
    },
    /// 列入保护名单
    Protect,
    /// 退费办结
    Settle,
    /// 人工触达: somebody reached the customer and says so.
    Reach,
    /// 分包: whom it is parcelled out to.
    Parcel {
        /// Who.
        worker: StaffId,
    },
}

/// What a step causes beside the new state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// A contact, its number being the case's new count, with the deadline it tells.
    Contact {
        /// By which medium.
        medium: Medium,
        /// With which notice.
        purpose: Purpose,
        /// The deadline told.
        deadline: Timestamp,
    },
    /// 单停
    Stop,
    /// 双停
    Raise,
    /// 复机
    Lift,
    /// 临时复机
    Interrupt {
        /// Until when.
        until: Timestamp,
    },
    /// The line is in order: its finding is closed and the customer is told.
    Settled,
    /// The line ended without being put in order: the finding is closed.
    CloseFinding,
    /// 销号: the subscription ends and the network hears it.
    Terminate,
    /// 退费登记
    Refund {
        /// Fen.
        amount: i64,
    },
    /// 未领登记
    Unclaimed,
    /// The number is free again, without a label of its former holder.
    Free,
}

/// What a step comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The case after it.
    pub case: Case,
    /// What it causes.
    pub effects: Vec<Effect>,
    /// Audit name; empty: nothing happened but that the clock looks later.
    pub action: &'static str,
    /// Article.
    pub article: &'static str,
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence is its code's text below")]
pub enum Refusal {
    #[error("no such case or campaign")]
    NotFound,
    #[error("the case is {}: it does not take this step", .0.as_str())]
    OutOfOrder(State),
    #[error("an emergency restoration ends within the hours of the rule")]
    TooLong { hours: i64 },
    #[error("an emergency restoration needs another person")]
    SamePerson,
    #[error("only the owner releases the case")]
    NotOwner,
    #[error("so many complaints need an owner first")]
    OwnerMissing { complaints: i64 },
    #[error("an exemption ends within the days of the rule")]
    ExemptionTooLong { days: i64 },
    #[error("somebody changed it in the meantime")]
    Changed,
    #[error("the line is in another campaign")]
    Claimed,
    #[error("the field is missing or not of its form")]
    FieldInvalid(&'static str),
    #[error("the campaign does not take this step")]
    CampaignState,
    #[error("a stage begins before the one it follows")]
    StageOrder,
    #[error("a wave is only released after a simulation of the same scope")]
    NotSimulated,
    #[error("no line of ours has this number")]
    NumberUnknown,
    #[error("whoever is protected is looked at one by one")]
    OneByOne,
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "remediation.not_found", 404, "没有这条记录，或您无权查看", "There is no such record, or it is not yours to see", "请核对编号", "Check the address";
        OUT_OF_ORDER = "remediation.out_of_order", 409, "工单当前为「{state_zh}」，不能执行此步骤", "The case is \"{state_en}\" and does not take this step", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        TOO_LONG = "remediation.too_long", 422, "紧急复机最长 {hours} 小时（R-REM-8）", "An emergency restoration lasts {hours} hours at most (R-REM-8)", "填写不超过上限的小时数", "Give no more hours than that";
        SAME_PERSON = "remediation.same_person", 403, "紧急复机须由另一人授权（R-REM-8）", "An emergency restoration needs another person (R-REM-8)", "请另一组织的人在金库授权中批准", "Have somebody of another organisation approve it";
        NOT_OWNER = "remediation.not_owner", 403, "该工单有专人负责，只能由专人解除", "The case has an owner, and only the owner releases it", "请联系专人，或由管理员改派", "Ask the owner, or have it reassigned";
        OWNER_MISSING = "remediation.owner_missing", 422, "投诉次数已到 {complaints} 次，须先指定专人（R-REM-9）", "After {complaints} complaints the case needs an owner first (R-REM-9)", "指定专人后再解除", "Name an owner, then release it";
        EXEMPTION_TOO_LONG = "remediation.exemption_too_long", 422, "豁免须有期限，最长 {days} 日", "An exemption ends within {days} days", "填写今天之后、上限之内的日期", "Give a day after today and within that";
        CHANGED = "remediation.changed", 409, "该记录刚被他人修改", "Somebody changed the record in the meantime", "请刷新后重试", "Reload and try again";
        CLAIMED = "remediation.claimed", 409, "该号码已在另一批次中", "The line is in another campaign already", "在原批次中办理", "Work on it in that campaign";
        FIELD_INVALID = "remediation.field_invalid", 422, "字段缺失或格式不对", "The field is missing or not of its form", "请按提示的格式填写该字段", "Fill the field in the form shown beside it";
        CAMPAIGN_STATE = "remediation.campaign_state", 409, "批次当前不能执行此步骤", "The campaign does not take this step now", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        STAGE_ORDER = "remediation.stage_order", 422, "四个阶段须依次开始（R-REM-1）", "The four stages begin one after the other (R-REM-1)", "每个阶段的开始日期不早于前一阶段", "Let each begin no earlier than the one before";
        NOT_SIMULATED = "remediation.not_simulated", 409, "放行前须先模拟运行", "A wave is simulated before it is released", "点「模拟运行」看结果，再放行", "Simulate, look, then release";
        NUMBER_UNKNOWN = "remediation.number_unknown", 422, "该号码不是本企业在网用户，没有补登工单，或不在您的管辖范围", "The number is no line of this carrier, has no case, or is not yours to see", "请核对完整的 11 位号码", "Check the full 11 digits";
        ONE_BY_ONE = "remediation.one_by_one", 409, "该用户在保护名单中，不参与批量办理（R-REM-15）", "The customer is on the protected list and takes no part in a batch (R-REM-15)", "打开该工单，逐户核实后单独办理", "Open the case, look at it by itself, and act there";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::new(&code::NOT_FOUND),
            Self::OutOfOrder(state) => {
                Problem::new(&code::OUT_OF_ORDER).with("state_zh", state.words().0).with("state_en", state.words().1)
            }
            Self::TooLong { hours } => Problem::new(&code::TOO_LONG).with("hours", hours).field("hours"),
            Self::SamePerson => Problem::new(&code::SAME_PERSON),
            Self::NotOwner => Problem::new(&code::NOT_OWNER),
            Self::OwnerMissing { complaints } => Problem::new(&code::OWNER_MISSING).with("complaints", complaints).field("owner"),
            Self::ExemptionTooLong { days } => Problem::new(&code::EXEMPTION_TOO_LONG).with("days", days).field("until"),
            Self::Changed => Problem::new(&code::CHANGED),
            Self::Claimed => Problem::new(&code::CLAIMED),
            Self::FieldInvalid(field) => Problem::new(&code::FIELD_INVALID).field(*field),
            Self::CampaignState => Problem::new(&code::CAMPAIGN_STATE),
            Self::StageOrder => Problem::new(&code::STAGE_ORDER).field("stages"),
            Self::NotSimulated => Problem::new(&code::NOT_SIMULATED),
            Self::NumberUnknown => Problem::new(&code::NUMBER_UNKNOWN).field("number"),
            Self::OneByOne => Problem::new(&code::ONE_BY_ONE),
        }
    }
}

/// Contacts of one notice before the clock waits for people to find another way.
const TRIES_MOST: i64 = 8;

impl Case {
    /// A new case, identified and not yet begun; campaign, wave and place are the caller's to name.
    pub const fn identified(id: Uuid, subscription: Uuid, kind: Kind, now: Timestamp) -> Self {
        Self {
            id,
            campaign: Uuid::nil(),
            wave: 0,
            subscription,
            kind,
            region: String::new(),
            channel_kind: 0,
            state: State::Identified,
            version: 1,
            before: None,
            since: now,
            due: now,
            left_ms: 0,
            first_at: None,
            window_ends: None,
            contacts: 0,
            tries: 0,
            complaints: 0,
            owner: None,
            worker: None,
            exempt_until: None,
            hold: None,
            order: None,
            wait: Wait::Nothing,
        }
    }

    /// The only way a case changes state.
    ///
    /// # Errors
    /// [`Refusal`]: the case stays as it is. A tick is never refused: what cannot happen waits.
    pub fn decide(&self, step: Step<'_>, ladder: &Ladder, now: Timestamp) -> Result<Decision, Refusal> {
        let state = self.state;
        match step {
            Step::Tick(facts) => Ok(self.tick(facts, ladder, now)),
            Step::Come { order } if matches!(state, State::ReRegistering) && self.order == Some(order) => {
                Ok(self.later(self.due, self.wait))
            }
            Step::Come { order } if state.is_open() && state != State::ReRegistering => {
                let mut done = self.aside(State::ReRegistering, now).done("remediation.come", "R-REM-1");
                done.case.order = Some(order);
                done.case.due = now.plus_ms(DAY_MS);
                Ok(done)
            }
            Step::ComeToNothing if state == State::ReRegistering => {
                Ok(self.back(ladder, now).done("remediation.come_to_nothing", "R-REM-1"))
            }
            Step::Restore if state.is_open() => {
                let mut done = self.to(State::Restored, now, now).done("remediation.restore", "R-REM-10");
                done.effects = vec![Effect::Lift, Effect::Settled];
                done.case.hold = None;
                Ok(done)
            }
            Step::Emergency { actor, approver, .. } if state.is_stopped() && actor == approver => Err(Refusal::SamePerson),
            Step::Emergency { until, .. } if state.is_stopped() => {
                if until <= now || until > now.plus_ms(ladder.emergency) {
                    return Err(Refusal::TooLong { hours: ladder.emergency / 3_600_000 });
                }
                let mut done = self.aside(State::EmergencyRestored, now).done("remediation.emergency", "R-REM-8");
                done.case.due = until;
                done.effects.push(Effect::Interrupt { until });
                Ok(done)
            }
            Step::Complain if state == State::Held => {
                let mut done = self.to(State::Held, self.since, self.due).done("remediation.complain", "R-REM-9");
                done.case.complaints += 1;
                Ok(done)
            }
            Step::Complain if state.is_open() => {
                let mut done = self.aside(State::Held, now).done("remediation.complain", "R-REM-9");
                done.case.complaints += 1;
                Ok(done)
            }
            Step::Release { by } if state == State::Held => {
                match self.owner {
                    None if self.complaints >= ladder.complaints_owner => {
                        return Err(Refusal::OwnerMissing { complaints: self.complaints });
                    }
                    Some(owner) if owner != by => return Err(Refusal::NotOwner),
                    _ => {}
                }
                Ok(self.back(ladder, now).done("remediation.release", "R-REM-9"))
            }
            Step::Own { owner } if state.is_open() => {
                let mut done = self.to(state, self.since, self.due).done("remediation.own", "R-REM-9");
                done.case.owner = Some(owner);
                Ok(done)
            }
            Step::Exempt { until } if state.is_open() => {
                if until <= now || until > now.plus_ms(ladder.exemption_most) {
                    return Err(Refusal::ExemptionTooLong { days: ladder.exemption_most / DAY_MS });
                }
                let mut done = self.shielded(now).done("remediation.exempt", "R-REM-15");
                done.case.exempt_until = Some(until);
                Ok(done)
            }
            Step::Protect if state.is_open() => Ok(self.shielded(now).done("remediation.protect", "R-REM-15")),
            Step::Settle if state == State::Refunding => {
                Ok(self.to(State::Quarantined, now, now.plus_ms(ladder.quarantine)).done("remediation.settle", "R-REM-11"))
            }
            Step::Reach if state.is_open() => {
                let mut done = self.to(state, self.since, self.due).done("remediation.reach", "R-REM-15");
                done.case.contacts += 1;
                Ok(done)
            }
            Step::Parcel { worker } if state.is_open() => {
                let mut done = self.to(state, self.since, self.due).done("remediation.parcel", "R-CHN-17");
                done.case.worker = Some(worker);
                Ok(done)
            }
            _ => Err(Refusal::OutOfOrder(state)),
        }
    }

    /// Which notice a contact carries in this state.
    pub const fn notice(&self) -> Purpose {
        match self.state {
            State::Warned => Purpose::Warn,
            State::DoubleStop => Purpose::SecondReminder,
            State::FinalNotice => Purpose::FinalNotice,
            _ => Purpose::Remind,
        }
    }

    /// The next state, from `since`, looked at again at `due`.
    fn to(&self, state: State, since: Timestamp, due: Timestamp) -> Moved {
        let tries = if state == self.state { self.tries } else { 0 };
        // Only what is put aside has somewhere to return to.
        let aside = matches!(state, State::Held | State::ReRegistering | State::EmergencyRestored);
        let (before, left_ms) = if aside { (self.before, self.left_ms) } else { (None, 0) };
        let version = self.version + 1;
        Moved(Case { state, since, due, tries, before, left_ms, version, wait: Wait::Nothing, ..self.clone() }, Vec::new())
    }

    /// Nothing happens; the clock looks later.
    fn later(&self, due: Timestamp, wait: Wait) -> Decision {
        Decision { case: Case { due, wait, ..self.clone() }, effects: Vec::new(), action: "", article: "" }
    }

    /// Put aside: the clock stops, and what is left of it is kept. From a hold within a hold it returns to where the first one found it.
    fn aside(&self, state: State, now: Timestamp) -> Moved {
        let nested = matches!(self.state, State::Held | State::ReRegistering | State::EmergencyRestored);
        let mut moved = self.to(state, now, now.plus_ms(365 * DAY_MS));
        if nested {
            moved.0.window_ends = self.window_ends.map(|ends| ends.plus_ms((now.0 - self.since.0).max(0)));
        } else {
            moved.0.before = Some(self.state);
            moved.0.left_ms = (self.due.0 - now.0).max(0);
        }
        moved
    }

    /// Back from where it was put aside: with what was left of its clock and never less than a warning's time, and the window by so much longer.
    fn back(&self, ladder: &Ladder, now: Timestamp) -> Moved {
        let state = self.before.unwrap_or(State::Identified);
        let mut moved = self.to(state, now, now.plus_ms(self.left_ms.max(ladder.warning)));
        moved.0.window_ends = self.window_ends.map(|ends| ends.plus_ms((now.0 - self.since.0).max(0)));
        moved.0.order = None;
        moved
    }

    /// Whoever may not be stopped is not: a line that is, is lifted at once, and begins again before the warning.
    fn shielded(&self, now: Timestamp) -> Moved {
        let under = if matches!(self.state, State::Held | State::ReRegistering | State::EmergencyRestored) {
            self.before.unwrap_or(self.state)
        } else {
            self.state
        };
        if !under.is_stopped() {
            return self.to(self.state, self.since, self.due);
        }
        let mut moved = if under == self.state {
            self.to(State::Called, now, now.plus_ms(DAY_MS))
        } else {
            let mut moved = self.to(self.state, self.since, self.due);
            moved.0.before = Some(State::Called);
            moved
        };
        (moved.0.hold, moved.0.window_ends) = (None, None);
        moved.1.push(Effect::Lift);
        moved
    }

    fn tick(&self, facts: &Facts, ladder: &Ladder, now: Timestamp) -> Decision {
        // A clock set back finds nothing due.
        if now < self.due || now < self.since || self.state.is_over() {
            return self.later(self.due, self.wait);
        }
        match self.state {
            State::Cancelled => return self.refund(facts, ladder, now),
            State::Refunding => {
                let mut done = self.to(State::Quarantined, now, now.plus_ms(ladder.quarantine)).done("remediation.unclaimed", "R-REM-11");
                done.effects.push(Effect::Unclaimed);
                return done;
            }
            State::Quarantined => {
                let mut done = self.to(State::Closed, now, now).done("remediation.close", "L-REM-10");
                done.effects.push(Effect::Free);
                return done;
            }
            _ => {}
        }
        if !facts.in_service {
            // Ended or issued anew in the middle: whoever has the number now is not the person this case is about.
            let mut done = self.to(State::Closed, now, now).done("remediation.void", "L-REM-10");
            done.effects = vec![Effect::Lift, Effect::CloseFinding];
            done.case.hold = None;
            return done;
        }
        // Exemption before state.
        let exempt = self.exempt_until.filter(|until| *until > now);
        let shield = match (exempt, facts.protected) {
            (Some(until), _) => Some((until, Wait::Exempt)),
            (None, true) => Some((now.plus_ms(7 * DAY_MS), Wait::Protected)),
            (None, false) => None,
        };
        if let Some((until, wait)) = shield {
            if self.state.is_stopped() || self.before.is_some_and(State::is_stopped) {
                return self.shielded(now).done("remediation.protect", "R-REM-15");
            }
            // The protected are told like everybody; they are only never stopped.
            let told = matches!(self.state, State::Identified | State::SmsSent);
            if wait == Wait::Exempt || !told {
                return self.later(until, wait);
            }
        }
        match self.state {
            State::Held => self.later(now.plus_ms(365 * DAY_MS), Wait::Nothing),
            State::ReRegistering if facts.ordered => self.later(now.plus_ms(DAY_MS), Wait::Order),
            State::ReRegistering => self.back(ladder, now).done("remediation.come_to_nothing", "R-REM-1"),
            State::EmergencyRestored => self.back(ladder, now).done("remediation.emergency_over", "R-REM-8"),
            // Somebody is at the counter with this number: nothing is done against it meanwhile.
            _ if facts.ordered => self.later(now.plus_ms(DAY_MS), Wait::Order),
            _ => {
                let done = self.climb(facts, ladder, now);
                // Judged by where the step leads: the complaints of a cell are about what brought people into it.
                let paused = !done.action.is_empty() && facts.paused & done.case.state.stage() as i64 != 0;
                if paused { self.later(facts.tomorrow, Wait::Warning) } else { done }
            }
        }
    }

    /// One step up the ladder.
    fn climb(&self, facts: &Facts, ladder: &Ladder, now: Timestamp) -> Decision {
        match self.state {
            State::Identified => self.first(facts, ladder, now),
            State::SmsSent => self.remind(facts, ladder, now),
            State::Called => self.called(facts, ladder, now),
            State::RemindExpired => self.warn(facts, ladder, now),
            State::Warned | State::SingleStop => self.stop(facts, ladder, now),
            State::DoubleStop => self.stopped(facts, ladder, now),
            State::FinalNotice => self.cancel(facts, ladder, now),
            _ => self.later(self.due, self.wait),
        }
    }

    /// The way is closed for now: the stage has not begun, or people rest.
    fn may_contact(&self, facts: &Facts, stage: Stage, now: Timestamp) -> Option<Decision> {
        if facts.stages & stage as i64 == 0 {
            return Some(self.later(facts.tomorrow, Wait::Stage));
        }
        (facts.contact_at > now).then(|| self.later(facts.contact_at, Wait::QuietHours))
    }

    fn first(&self, facts: &Facts, ladder: &Ladder, now: Timestamp) -> Decision {
        if let Some(wait) = self.may_contact(facts, Stage::Remind, now) {
            return wait;
        }
        let mut moved = self.to(State::SmsSent, now, now.plus_ms(ladder.sms_interval));
        moved.0.first_at = Some(now);
        moved.contact(Medium::Sms, Purpose::Remind, now.plus_ms(ladder.first_deadline)).done("remediation.remind", "R-REM-3")
    }

    /// The deadline a reminder tells: the first one as it was told first, and never nearer than a warning's time.
    fn told_deadline(&self, ladder: &Ladder, now: Timestamp) -> Timestamp {
        self.first_at.unwrap_or(now).plus_ms(ladder.first_deadline).max(now.plus_ms(ladder.warning))
    }

    fn remind(&self, facts: &Facts, ladder: &Ladder, now: Timestamp) -> Decision {
        if let Some(wait) = self.may_contact(facts, Stage::Remind, now) {
            return wait;
        }
        let deadline = self.told_deadline(ladder, now);
        if self.tries < ladder.sms_most {
            let pause = if self.tries + 1 < ladder.sms_most { ladder.sms_interval } else { ladder.call_after };
            let moved = self.to(State::SmsSent, self.since, now.plus_ms(pause));
            return moved.contact(Medium::Sms, Purpose::Remind, deadline).done("remediation.remind", "R-REM-3");
        }
        let moved = self.to(State::Called, now, now.plus_ms(ladder.retry_interval));
        moved.contact(Medium::Call, Purpose::Remind, deadline).done("remediation.call", "R-REM-3")
    }

    /// At least so many contacts arrived by so many media: without that nobody is warned, still less stopped.
    fn reached(delivered: &Delivered, ladder: &Ladder) -> bool {
        delivered.contacts >= ladder.delivered_contacts && i64::from(delivered.media.count_ones()) >= ladder.delivered_media
    }

    fn called(&self, facts: &Facts, ladder: &Ladder, now: Timestamp) -> Decision {
        if !Self::reached(&facts.delivered, ladder) {
            return self.again(facts, ladder, Stage::Remind, Purpose::Remind, self.told_deadline(ladder, now), now);
        }
        let deadline = self.first_at.unwrap_or(now).plus_ms(ladder.first_deadline);
        if now < deadline {
            return self.later(deadline, Wait::Nothing);
        }
        self.to(State::RemindExpired, now, now).done("remediation.expire", "L-REM-1")
    }

    /// The same notice once more, by the other medium: what did not arrive is not held against anybody.
    fn again(&self, facts: &Facts, ladder: &Ladder, stage: Stage, purpose: Purpose, deadline: Timestamp, now: Timestamp) -> Decision {
        if self.tries >= TRIES_MOST {
            return self.later(now.plus_ms(7 * DAY_MS), Wait::Undelivered);
        }
        if let Some(wait) = self.may_contact(facts, stage, now) {
            return wait;
        }
        // A call was the last of the reminders; the first of every other notice is a message.
        let calls_first = purpose == Purpose::Remind && self.tries < ladder.call_most;
        let medium = if calls_first || self.tries % 2 == 1 { Medium::Call } else { Medium::Sms };
        let pause = if purpose == Purpose::Warn { ladder.warning.max(ladder.retry_interval) } else { ladder.retry_interval };
        let moved = self.to(self.state, self.since, now.plus_ms(pause));
        let mut done = moved.contact(medium, purpose, deadline).done("remediation.again", "R-REM-15");
        done.case.wait = Wait::Undelivered;
        done
    }

    fn warn(&self, facts: &Facts, ladder: &Ladder, now: Timestamp) -> Decision {
        if !Self::reached(&facts.delivered, ladder) {
            return self.later(facts.tomorrow, Wait::Undelivered);
        }
        if let Some(wait) = self.may_contact(facts, Stage::Suspend, now) {
            return wait;
        }
        let deadline = now.plus_ms(ladder.warning);
        let moved = self.to(State::Warned, now, deadline);
        moved.contact(Medium::Sms, Purpose::Warn, deadline).done("remediation.warn", "L-REM-8")
    }

    /// From the warning to the single stop, and from there to the double stop.
    fn stop(&self, facts: &Facts, ladder: &Ladder, now: Timestamp) -> Decision {
        if !Self::reached(&facts.delivered, ladder) {
            return self.later(facts.tomorrow, Wait::Undelivered);
        }
        if self.state == State::Warned {
            match facts.delivered.arrived(Purpose::Warn, self.since) {
                None => return self.again(facts, ladder, Stage::Suspend, Purpose::Warn, now.plus_ms(ladder.warning), now),
                // The time runs from when it arrived.
                Some(arrived) if now < arrived.plus_ms(ladder.warning) => {
                    return self.later(arrived.plus_ms(ladder.warning), Wait::Nothing);
                }
                Some(_) => {}
            }
        }
        if facts.stages & Stage::Suspend as i64 == 0 {
            return self.later(facts.tomorrow, Wait::Stage);
        }
        match facts.stop_at {
            None => return self.later(facts.tomorrow, Wait::NoCalendar),
            Some(at) if at > now => return self.later(at, Wait::StopHours),
            Some(_) if !facts.cap_left => return self.later(facts.tomorrow, Wait::Cap),
            Some(_) => {}
        }
        if self.state == State::Warned {
            let mut done = self.to(State::SingleStop, now, now.plus_ms(ladder.single_stop)).done("remediation.single_stop", "L-REM-3");
            done.effects.push(Effect::Stop);
            return done;
        }
        let mut done = self.to(State::DoubleStop, now, now.plus_ms(ladder.second_reminder)).done("remediation.double_stop", "L-REM-3");
        done.case.window_ends = Some(now.plus_ms(ladder.window));
        done.effects.push(Effect::Raise);
        done
    }

    fn stopped(&self, facts: &Facts, ladder: &Ladder, now: Timestamp) -> Decision {
        let ends = self.window_ends.unwrap_or(now.plus_ms(ladder.window));
        if facts.delivered.arrived(Purpose::SecondReminder, self.since).is_none() {
            let deadline = ends.max(now.plus_ms(ladder.warning));
            return self.again(facts, ladder, Stage::Suspend, Purpose::SecondReminder, deadline, now);
        }
        if now < ends {
            return self.later(ends, Wait::Nothing);
        }
        if let Some(wait) = self.may_contact(facts, Stage::Cancel, now) {
            return wait;
        }
        let deadline = now.plus_ms(ladder.final_notice);
        let moved = self.to(State::FinalNotice, now, deadline);
        moved.contact(Medium::Sms, Purpose::FinalNotice, deadline).done("remediation.final_notice", "L-REM-1")
    }

    fn cancel(&self, facts: &Facts, ladder: &Ladder, now: Timestamp) -> Decision {
        match facts.delivered.arrived(Purpose::FinalNotice, self.since) {
            None => {
                let deadline = now.plus_ms(ladder.final_notice);
                return self.again(facts, ladder, Stage::Cancel, Purpose::FinalNotice, deadline, now);
            }
            Some(arrived) if now < arrived.plus_ms(ladder.final_notice) => {
                return self.later(arrived.plus_ms(ladder.final_notice), Wait::Nothing);
            }
            Some(_) => {}
        }
        let Some(amount) = facts.balance else { return self.later(facts.tomorrow, Wait::Balance) };
        match facts.stop_at {
            None => return self.later(facts.tomorrow, Wait::NoCalendar),
            Some(at) if at > now => return self.later(at, Wait::StopHours),
            Some(_) => {}
        }
        let mut done = self.to(State::Cancelled, now, now).done("remediation.cancel", "R-REM-11");
        done.effects = vec![Effect::Refund { amount }, Effect::Terminate, Effect::CloseFinding];
        done
    }

    /// After the cancellation: what is owed is paid out; where nothing is, the number rests at once.
    fn refund(&self, facts: &Facts, ladder: &Ladder, now: Timestamp) -> Decision {
        match facts.balance {
            Some(amount) if amount > 0 => {
                self.to(State::Refunding, now, now.plus_ms(ladder.refund_unclaimed)).done("remediation.refund", "R-REM-11")
            }
            _ => self.to(State::Quarantined, now, now.plus_ms(ladder.quarantine)).done("remediation.settle", "R-REM-11"),
        }
    }
}

/// A case on its way into its next state, with what that causes.
struct Moved(Case, Vec<Effect>);

impl Moved {
    fn contact(mut self, medium: Medium, purpose: Purpose, deadline: Timestamp) -> Self {
        self.0.contacts += 1;
        self.0.tries += 1;
        self.1.push(Effect::Contact { medium, purpose, deadline });
        self
    }

    fn done(self, action: &'static str, article: &'static str) -> Decision {
        Decision { case: self.0, effects: self.1, action, article }
    }
}
