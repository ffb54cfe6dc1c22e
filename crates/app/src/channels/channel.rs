//! 渠道: an outlet that may register people, or may not. Pure rules (G8): no clock, no I/O.

use chuangsha_kernel::{
    id::OrganisationId,
    problem::{Problem, Refuse},
    rulebook::ChannelKind,
    time::Timestamp,
};

use crate::registration::order::Mode;

/// 渠道状态. The numbers are what the store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChannelState)]
pub enum State {
    /// 已申请
    Applied = 1,
    /// 已审查: standing and credit looked at (R-CHN-1).
    Vetted = 2,
    /// 已签约
    Signed = 3,
    /// 正常
    Active = 4,
    /// 已警告: still open.
    Warned = 5,
    /// 已暂停
    Suspended = 6,
    /// 已终止
    Terminated = 7,
    /// 黑名单: no operator may use it (L-LED-4).
    Blacklisted = 8,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] =
        [Self::Applied, Self::Vetted, Self::Signed, Self::Active, Self::Warned, Self::Suspended, Self::Terminated, Self::Blacklisted];

    /// From the number in the store.
    pub fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i64 == value)
    }

    /// In a sentence, Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Applied => ("已申请", "applied for"),
            Self::Vetted => ("已审查", "vetted"),
            Self::Signed => ("已签约", "signed"),
            Self::Active => ("正常", "active"),
            Self::Warned => ("已警告", "warned"),
            Self::Suspended => ("已暂停", "suspended"),
            Self::Terminated => ("已终止", "terminated"),
            Self::Blacklisted => ("黑名单", "blacklisted"),
        }
    }

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Vetted => "vetted",
            Self::Signed => "signed",
            Self::Active => "active",
            Self::Warned => "warned",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
            Self::Blacklisted => "blacklisted",
        }
    }
}

/// 协议条款: what a contract must say before an outlet opens (L-REG-21, R-CHN-2, R-CHN-7, L-REG-22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChannelClause)]
pub enum Clause {
    /// 实名登记义务
    RealNameDuty = 1,
    /// 违约处置
    BreachHandling = 2,
    /// 不得发展下级代理
    NoSubAgents = 4,
    /// 个人信息保护
    InformationProtection = 8,
    /// 禁止买卖出租出借电话卡
    NoResale = 16,
}

impl Clause {
    /// Every clause.
    pub const ALL: [Self; 5] = [Self::RealNameDuty, Self::BreachHandling, Self::NoSubAgents, Self::InformationProtection, Self::NoResale];

    /// All of them, as bits.
    pub const COMPLETE: i64 = 31;

    /// In a sentence, Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::RealNameDuty => ("实名登记义务", "real-name duty"),
            Self::BreachHandling => ("违约处置", "handling of breaches"),
            Self::NoSubAgents => ("不得发展下级代理", "no sub-agents"),
            Self::InformationProtection => ("个人信息保护", "protection of personal information"),
            Self::NoResale => ("禁止买卖、出租、出借电话卡", "no sale, lease or lending of cards"),
        }
    }

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RealNameDuty => "real_name_duty",
            Self::BreachHandling => "breach_handling",
            Self::NoSubAgents => "no_sub_agents",
            Self::InformationProtection => "information_protection",
            Self::NoResale => "no_resale",
        }
    }
}

/// 违规种类
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Violation {
    /// 轻微: paperwork, late answers.
    Minor,
    /// 未实名登记 (L-LED-4)
    NotRegistered,
    /// 虚假登记 (L-LED-4)
    FalseRegistration,
    /// 批量开卡 (L-LED-4)
    BulkOpening,
    /// 养卡 (L-LED-4)
    CardFarming,
    /// 发展下级代理 (R-CHN-2)
    SubAgent,
}

impl Violation {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Minor, Self::NotRegistered, Self::FalseRegistration, Self::BulkOpening, Self::CardFarming, Self::SubAgent];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minor => "minor",
            Self::NotRegistered => "not_registered",
            Self::FalseRegistration => "false_registration",
            Self::BulkOpening => "bulk_opening",
            Self::CardFarming => "card_farming",
            Self::SubAgent => "sub_agent",
        }
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|violation| violation.as_str() == text)
    }

    /// One such case ends the cooperation at once.
    pub const fn ends_it(self) -> bool {
        !matches!(self, Self::Minor)
    }
}

/// An outlet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its organisation.
    pub organisation: OrganisationId,
    /// 网点编号, `S-2231`.
    pub code: String,
    /// 自营厅, 社会渠道 or 网上.
    pub kind: ChannelKind,
    /// City, six digits.
    pub region: String,
    /// Where it stands.
    pub state: State,
    /// Grows with every change.
    pub version: i64,
    /// Clauses of its contract, as bits.
    pub clauses: i64,
    /// ID reader deployed (L-REG-14).
    pub reader: bool,
    /// The one registration app deployed (R-REG-8).
    pub app: bool,
    /// Warnings so far.
    pub warnings: i64,
    /// Last change.
    pub updated_at: Timestamp,
}

/// What is done to an outlet.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// 审查通过
    Vet,
    /// 签约, with these clauses.
    Sign {
        /// Bits of [`Clause`].
        clauses: i64,
    },
    /// 装备: reader and app deployed.
    Equip {
        /// Reader.
        reader: bool,
        /// App.
        app: bool,
    },
    /// 开通权限
    Open {
        /// Clerks with valid training.
        trained_clerks: i64,
    },
    /// 处罚
    Penalise {
        /// What was found.
        violation: Violation,
    },
    /// 暂停: training run out, or on suspicion.
    Suspend,
    /// 恢复
    Resume {
        /// Clerks with valid training.
        trained_clerks: i64,
    },
    /// 终止
    Terminate,
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence is its code's text below")]
pub enum Refusal {
    #[error("no such outlet")]
    NotFound,
    #[error("the outlet is {}: it does not take this step", .0.as_str())]
    OutOfOrder(State),
    #[error("the contract lacks a clause")]
    ClauseMissing(Clause),
    #[error("reader or app is not deployed")]
    NotEquipped,
    #[error("no clerk has valid training")]
    NobodyTrained,
    #[error("a channel has no sub-agents")]
    SubAgent,
    #[error("the outlet's code is taken")]
    CodeTaken,
    #[error("the field is missing or not of its form")]
    FieldInvalid(&'static str),
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "channels.not_found", 404, "没有这个网点，或您无权查看", "There is no such outlet, or it is not yours to see", "请核对网点编号", "Check the outlet's code";
        OUT_OF_ORDER = "channels.out_of_order", 409, "网点当前为「{state_zh}」，不能执行此步骤", "The outlet is \"{state_en}\" and does not take this step", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        CLAUSE_MISSING = "channels.clause_missing", 422, "协议缺少条款：{clause_zh}", "The contract lacks the clause: {clause_en}", "补签条款后再开通", "Add the clause before opening";
        NOT_EQUIPPED = "channels.not_equipped", 422, "读卡器或实名登记应用未部署", "ID reader or registration app is not deployed", "部署后再开通（L-REG-14、R-REG-8）", "Deploy both first (L-REG-14, R-REG-8)";
        NOBODY_TRAINED = "channels.nobody_trained", 422, "网点没有培训合格的营业员", "No clerk of the outlet has valid training", "先完成实名登记培训（R-CHN-14）", "Hold the training first (R-CHN-14)";
        SUB_AGENT = "channels.sub_agent", 422, "禁止签约渠道发展下级代理（R-CHN-2）", "A channel may not have sub-agents (R-CHN-2)", "上级单位须为运营商的地市或省公司", "The parent must be a city or province unit of the carrier";
        CODE_TAKEN = "channels.code_taken", 409, "网点编号已被使用", "This outlet code is taken", "换一个编号", "Use another code";
        FIELD_INVALID = "channels.field_invalid", 422, "字段缺失或格式不对", "The field is missing or not of its form", "请按提示的格式填写该字段", "Fill the field in the form shown beside it";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::new(&code::NOT_FOUND),
            Self::OutOfOrder(state) => {
                Problem::new(&code::OUT_OF_ORDER).with("state_zh", state.words().0).with("state_en", state.words().1)
            }
            Self::ClauseMissing(clause) => {
                Problem::new(&code::CLAUSE_MISSING).with("clause_zh", clause.words().0).with("clause_en", clause.words().1).field("clauses")
            }
            Self::NotEquipped => Problem::new(&code::NOT_EQUIPPED),
            Self::NobodyTrained => Problem::new(&code::NOBODY_TRAINED),
            Self::SubAgent => Problem::new(&code::SUB_AGENT).field("parent"),
            Self::CodeTaken => Problem::new(&code::CODE_TAKEN).field("code"),
            Self::FieldInvalid(field) => Problem::new(&code::FIELD_INVALID).field(*field),
        }
    }
}

impl Channel {
    /// The only way an outlet changes state.
    ///
    /// # Errors
    /// The refusal names the guard that held.
    pub fn decide(&self, step: Step, now: Timestamp) -> Result<Self, Refusal> {
        let mut next = Self { version: self.version + 1, updated_at: now.max(self.updated_at), ..self.clone() };
        next.state = match (self.state, step) {
            (State::Applied, Step::Vet) => State::Vetted,
            (State::Vetted, Step::Sign { clauses }) => {
                if let Some(missing) = Clause::ALL.into_iter().find(|clause| clauses & (*clause as i64) == 0) {
                    return Err(Refusal::ClauseMissing(missing));
                }
                next.clauses = clauses;
                State::Signed
            }
            (State::Signed | State::Active | State::Warned | State::Suspended, Step::Equip { reader, app }) => {
                next.reader = reader;
                next.app = app;
                // An outlet that loses its reader cannot go on registering.
                if self.may_register() && !(reader && app) { State::Suspended } else { self.state }
            }
            (State::Signed, Step::Open { trained_clerks }) | (State::Suspended, Step::Resume { trained_clerks }) => {
                self.ready(trained_clerks)?;
                if self.warnings > 0 { State::Warned } else { State::Active }
            }
            (State::Active | State::Warned | State::Suspended, Step::Penalise { violation }) => {
                if violation.ends_it() {
                    State::Blacklisted
                } else {
                    next.warnings += 1;
                    // The second time is not a warning any more (G8: repeat → Suspended).
                    if self.warnings > 0 { State::Suspended } else { State::Warned }
                }
            }
            (State::Active | State::Warned, Step::Suspend) => State::Suspended,
            (State::Applied | State::Vetted | State::Signed | State::Active | State::Warned | State::Suspended, Step::Terminate) => {
                State::Terminated
            }
            (state, _) => return Err(Refusal::OutOfOrder(state)),
        };
        Ok(next)
    }

    fn ready(&self, trained_clerks: i64) -> Result<(), Refusal> {
        if let Some(missing) = Clause::ALL.into_iter().find(|clause| self.clauses & (*clause as i64) == 0) {
            return Err(Refusal::ClauseMissing(missing));
        }
        // An online channel has no counter to put a reader on.
        if self.kind != ChannelKind::Online && !(self.reader && self.app) {
            return Err(Refusal::NotEquipped);
        }
        if trained_clerks < 1 {
            return Err(Refusal::NobodyTrained);
        }
        Ok(())
    }

    /// It may register people.
    pub const fn may_register(&self) -> bool {
        matches!(self.state, State::Active | State::Warned)
    }

    /// The modes that make sense at this kind of outlet.
    pub const fn takes(&self, mode: Mode) -> bool {
        match self.kind {
            ChannelKind::Online => mode.is_online(),
            _ => matches!(mode, Mode::Counter),
        }
    }

    /// Its people lose every session, stream and key at once.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Terminated | State::Blacklisted)
    }
}
