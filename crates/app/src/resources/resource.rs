//! 码号与专线: a trunk or a service number somebody may call with, and on what terms. Pure rules: no clock, no I/O.

use chuangsha_kernel::{
    DocumentKind, Provinces,
    document::{self, upgrade_first_generation},
    problem::{Problem, Refuse},
    time::Timestamp,
};
use jiff::civil::Date;
use uuid::Uuid;

use crate::platform::listed::listed;

listed! {
    /// 资源种类 (R-LED-2, L-LED-2).
    Kind {
        VoiceTrunk = 1, "voice_trunk", "语音专线", "Voice trunk";
        Number95 = 2, "number_95", "95 号码", "95 number";
        Number96 = 3, "number_96", "96 号码", "96 number";
        Number400 = 4, "number_400", "400 号码", "400 number";
        OneNumber = 5, "one_number", "一号通", "One-number service";
        Switchboard = 6, "switchboard", "商务总机", "Business switchboard";
    }
}

listed! {
    /// 行业 (R-LED-3): the first four are swept first.
    Industry {
        FinanceInsurance = 1, "finance_insurance", "金融保险", "Finance and insurance";
        RealEstateAgent = 2, "real_estate_agent", "地产中介", "Real-estate agents";
        RetailPromotion = 3, "retail_promotion", "零售推销", "Retail promotion";
        CallCentre = 4, "call_centre", "呼叫中心", "Call centres";
        PublicService = 5, "public_service", "公共服务", "Public services";
        Logistics = 6, "logistics", "物流快递", "Logistics and couriers";
        Other = 9, "other", "其他", "Other";
    }
}

listed! {
    /// 用途: what it may be used for; another use needs approval first (R-LED-5, L-LED-7).
    Purpose {
        CustomerService = 1, "customer_service", "客户服务", "Customer service";
        Notice = 2, "notice", "业务通知", "Service notices";
        Verification = 3, "verification", "身份验证", "Verification";
        Delivery = 4, "delivery", "物流联络", "Delivery contact";
        Marketing = 5, "marketing", "营销推广", "Marketing";
        Internal = 6, "internal", "内部办公", "Internal office";
    }
}

listed! {
    /// 呼叫方向: inbound only unless outbound is granted.
    Direction {
        InboundOnly = 1, "inbound_only", "仅呼入", "Inbound only";
        OutboundOnly = 2, "outbound_only", "仅呼出", "Outbound only";
        Both = 3, "both", "双向", "Both ways";
    }
}

listed! {
    /// 审查材料: what is verified and kept before access (L-LED-2, L-LED-6).
    Document {
        BusinessLicence = 1, "business_licence", "营业执照", "Business licence";
        LegalPersonId = 2, "legal_person_id", "法定代表人身份证件", "Legal person's ID";
        AgentId = 3, "agent_id", "经办人身份证件与授权", "Handling agent's ID and authorisation";
        TelecomPermit = 4, "telecom_permit", "电信业务经营许可证", "Telecom permit";
        NumberCertificate = 5, "number_certificate", "码号使用证书与备案", "Number certificate and filing";
        BusinessPlan = 6, "business_plan", "业务开展方案", "Business plan";
    }
}

listed! {
    /// 协议条款 (R-LED-10). The numbers are bits.
    #[schema(as = ResourceClause)]
    Clause {
        Interception = 1, "interception", "骚扰电话拦截与处置", "Interception and disposal of nuisance calls";
        FrequencyLimit = 2, "frequency_limit", "呼叫频次限制", "Limit of call frequency";
        ReportHandling = 4, "report_handling", "骚扰电话举报处置", "Handling of nuisance reports";
    }
}

listed! {
    /// 清查问题 (L-LED-3): the seven defects of a ledger line.
    #[schema(as = ResourceDefect)]
    Defect {
        SubjectNotRegistered = 1, "subject_not_registered", "使用主体未登记", "Subject not registered";
        SubjectFalse = 2, "subject_false", "使用主体虚假", "Subject false";
        SubjectIncomplete = 3, "subject_incomplete", "登记信息不完整", "Registration incomplete";
        PurposeMissing = 4, "purpose_missing", "用途不明", "Purpose missing";
        ActualDiffers = 5, "actual_differs", "实际使用与登记不符", "Actual use differs";
        NoQualification = 6, "no_qualification", "无相应资质", "No qualification";
        Abnormal = 7, "abnormal", "使用异常", "Abnormal use";
    }
}

listed! {
    /// 资源状态
    #[schema(as = ResourceState)]
    State {
        Applied = 1, "applied", "已申请", "Applied for";
        Vetted = 2, "vetted", "已审查", "Vetted";
        Active = 3, "active", "在用", "In use";
        Correcting = 4, "correcting", "限期整改", "Correcting by a deadline";
        ShutDown = 5, "shut_down", "已关停", "Shut down";
        Closed = 6, "closed", "已注销", "Closed";
    }
}

impl Document {
    /// Recorded with its number. That of a person's ID is not kept here, and a plan has none.
    pub const fn has_number(self) -> bool {
        matches!(self, Self::BusinessLicence | Self::TelecomPermit | Self::NumberCertificate)
    }

    /// Granted for a time, so recorded with its last day: without it nobody sees it run out (R-LED-7, L-LED-6). A licence and an ID may hold
    /// for good.
    pub const fn runs_out(self) -> bool {
        matches!(self, Self::TelecomPermit | Self::NumberCertificate)
    }
}

impl Clause {
    /// All of them, as bits.
    pub const COMPLETE: i64 = 7;
}

impl Industry {
    /// Swept first (R-LED-3).
    pub const fn is_priority(self) -> bool {
        matches!(self, Self::FinanceInsurance | Self::RealEstateAgent | Self::RetailPromotion | Self::CallCentre)
    }
}

impl Direction {
    /// Calls may leave through it.
    pub const fn calls_out(self) -> bool {
        !matches!(self, Self::InboundOnly)
    }
}

/// 材料: one document that was shown. The scan's hash is kept, not what it says about a person.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Paper {
    /// Which.
    pub document: Document,
    /// Number of the licence, permit or certificate, 60 characters at most; empty for the ID of a person, which is not kept here.
    pub reference: String,
    /// Last day it holds; `None`: without end, or not said yet.
    #[schema(value_type = Option<String>)]
    pub valid_until: Option<Date>,
    /// Covers what it is shown for: the licensed scope takes in the use.
    pub in_scope: bool,
}

impl Paper {
    /// Says what a document on record must say (L-LED-6). One ticked at the counter says it later.
    ///
    /// # Errors
    /// [`Refusal::FieldInvalid`], [`Refusal::PaperPersonal`], [`Refusal::PaperNumber`], [`Refusal::PaperLastDay`].
    pub fn complete(&self, provinces: &Provinces) -> Result<(), Refusal> {
        let reference = self.reference.trim();
        if reference.chars().count() > 60 || reference.chars().any(char::is_control) {
            return Err(Refusal::FieldInvalid("reference"));
        }
        self.impersonal("reference", provinces)?;
        if self.document.has_number() && reference.is_empty() {
            return Err(Refusal::PaperNumber(self.document));
        }
        if self.document.runs_out() && self.valid_until.is_none() {
            return Err(Refusal::PaperLastDay(self.document));
        }
        Ok(())
    }

    /// The reference stands in clear: the number of a person's ID may not be in it (I7), alone or beside other words.
    ///
    /// # Errors
    /// [`Refusal::PaperPersonal`], naming the field it was given in.
    pub fn impersonal(&self, field: &'static str, provinces: &Provinces) -> Result<(), Refusal> {
        let outside = |letter: char| !letter.is_numeric() && !letter.is_ascii_alphabetic() && !matches!(letter, 'Ａ'..='Ｚ' | 'ａ'..='ｚ');
        let personal = |text: &str| {
            PERSONAL.iter().any(|kind| document::Document::parse(*kind, text, provinces).is_ok())
                || upgrade_first_generation(text, provinces).is_ok()
        };
        if personal(&self.reference) || self.reference.split(outside).any(personal) {
            return Err(Refusal::PaperPersonal(self.document, field));
        }
        Ok(())
    }
}

/// Kinds whose numbers are told from any other by their place, their day and their check digit.
const PERSONAL: [DocumentKind; 3] =
    [DocumentKind::ResidentId, DocumentKind::HongKongMacauResidencePermit, DocumentKind::TaiwanResidencePermit];

/// 使用主体: the organisation that uses a resource. Never a person (L-LED-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Id.
    pub id: Uuid,
    /// 统一社会信用代码: 18 characters, GB 32100.
    pub code: String,
    /// Name.
    pub name: String,
    /// Industry.
    pub industry: Industry,
    /// On the black list, with the reason's article: no operator may serve it (L-LED-5).
    pub blacklisted: bool,
    /// What it showed.
    pub papers: Vec<Paper>,
}

/// 主叫号码集: a number, or a block of numbers by its first digits, ended by `*`. National digits with area code, no separators.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller(String);

impl Caller {
    /// 3 to 20 digits; a block has 3 to 18 before its `*`.
    ///
    /// # Errors
    /// [`Refusal::CallerInvalid`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let digits = text.strip_suffix('*').unwrap_or(text);
        let longest = if digits.len() == text.len() { 20 } else { 18 };
        let valid = (3..=longest).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if valid { Ok(Self(text.to_owned())) } else { Err(Refusal::CallerInvalid) }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A call showing `number` is within it.
    pub fn covers(&self, number: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(head) => number.starts_with(head),
            None => number == self.0,
        }
    }

    /// A subscriber's number: mobile (11 digits from 1) or fixed (an area code from 0). A call centre's outbound calls must not use one (R-LED-6).
    pub fn is_subscriber(&self) -> bool {
        let digits = self.0.strip_suffix('*').unwrap_or(&self.0);
        digits.starts_with('0') || (digits.starts_with('1') && !digits.starts_with("100") && !digits.starts_with("12") && digits.len() >= 3)
    }

    /// 400 numbers take calls and never make them (L-LED-9).
    pub fn is_400(&self) -> bool {
        self.0.starts_with("400")
    }
}

/// 台账条目: one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Id.
    pub id: Uuid,
    /// 编号: the trunk's code or the number itself.
    pub code: String,
    /// Kind.
    pub kind: Kind,
    /// State.
    pub state: State,
    /// Grows with every change.
    pub version: i64,
    /// Who uses it.
    pub subject: Uuid,
    /// City, six digits.
    pub region: String,
    /// 接入地点
    pub access_point: String,
    /// Purpose.
    pub purpose: Purpose,
    /// Direction.
    pub direction: Direction,
    /// Numbers it may show.
    pub callers: Vec<Caller>,
    /// Calls to one callee a day, from the contract.
    pub calls_per_callee: i64,
    /// Calls a day, from the contract.
    pub calls_per_day: i64,
    /// Clauses of the contract, as bits.
    pub clauses: i64,
    /// 责任单位 (R-LED-1)
    pub unit: String,
    /// 责任人: a staff number, not a name (R-LED-1).
    pub owner: String,
    /// What is wrong with it now.
    pub defects: Vec<Defect>,
    /// Until when that must be corrected.
    pub correct_by: Option<Timestamp>,
    /// Last change.
    pub updated_at: Timestamp,
}

/// What is done to a resource.
#[derive(Debug, Clone)]
pub enum Step {
    /// 审查资质
    Vet,
    /// 开通, with the clauses of the contract.
    Open {
        /// Bits of [`Clause`].
        clauses: i64,
        /// Calls to one callee a day.
        calls_per_callee: i64,
        /// Calls a day.
        calls_per_day: i64,
    },
    /// 变更用途: only with an approval (R-LED-5).
    Repurpose {
        /// New purpose.
        purpose: Purpose,
        /// New direction.
        direction: Direction,
        /// Number of the approval.
        approval: String,
    },
    /// 变更主叫集
    SetCallers {
        /// Numbers it may show from now on.
        callers: Vec<Caller>,
    },
    /// 认定问题, with a deadline.
    Find {
        /// What is wrong.
        defect: Defect,
        /// Until when it must be corrected.
        correct_by: Timestamp,
    },
    /// 整改完成
    Correct {
        /// What was put right.
        defect: Defect,
    },
    /// 关停
    ShutDown,
    /// 注销
    Close,
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence is its code's text below")]
pub enum Refusal {
    #[error("no such resource")]
    NotFound,
    #[error("the resource is {}: it does not take this step", .0.as_str())]
    OutOfOrder(State),
    #[error("only organisations hold such a resource")]
    OrganisationsOnly,
    #[error("only the carrier's own halls take the application")]
    OwnHallsOnly,
    #[error("a document is missing, has run out or does not cover the use")]
    PaperMissing(Document),
    #[error("the document is recorded with its number")]
    PaperNumber(Document),
    #[error("the document is recorded with its last day")]
    PaperLastDay(Document),
    #[error("the reference is the number of a person's ID")]
    PaperPersonal(Document, &'static str),
    #[error("the subject is on the black list")]
    Blacklisted,
    #[error("the contract lacks a clause")]
    ClauseMissing(Clause),
    #[error("a limit of call frequency must be above zero")]
    NoLimit,
    #[error("a change of purpose needs an approval")]
    NoApproval,
    #[error("a subscriber's number may not serve a call centre's outbound calls")]
    SubscriberNumber,
    #[error("a 400 number never calls out")]
    NeverOut,
    #[error("a caller is a number of 3 to 20 digits, or its first digits and a star")]
    CallerInvalid,
    #[error("outbound calls need a set of callers")]
    CallersMissing,
    #[error("there is no such defect to correct")]
    NoSuchDefect,
    #[error("the code is taken")]
    CodeTaken,
    #[error("somebody changed it in the meantime")]
    Changed,
    #[error("the field is missing or not of its form")]
    FieldInvalid(&'static str),
    #[error("no such sweep")]
    SweepNotFound,
    #[error("the sweep is over")]
    SweepClosed,
    #[error("the sweep covers no line in service")]
    SweepEmpty,
    #[error("{0} lines of the sweep have no result")]
    SweepUnfinished(i64),
    #[error("the line has its result in this sweep")]
    AlreadyChecked,
    #[error("the line is still in service")]
    StillInService,
    #[error("a defect needs what shows it")]
    EvidenceMissing,
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "resources.not_found", 404, "没有这条台账，或您无权查看", "There is no such ledger line, or it is not yours to see", "请核对编号", "Check the code";
        OUT_OF_ORDER = "resources.out_of_order", 409, "该资源当前为「{state_zh}」，不能执行此步骤", "The resource is \"{state_en}\" and does not take this step", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        ORGANISATIONS_ONLY = "resources.organisations_only", 422, "此类资源只提供给单位，不提供给个人（L-LED-2）", "Such resources go to organisations, never to persons (L-LED-2)", "填写 18 位统一社会信用代码", "Give the unified social credit code, 18 characters";
        OWN_HALLS_ONLY = "resources.own_halls_only", 403, "只能由自有营业厅受理（L-LED-2）", "Only the carrier's own halls take this application (L-LED-2)", "请到自有实体营业厅办理，代理与网上渠道不受理", "Apply at an own hall; agents and online channels do not take it";
        PAPER_MISSING = "resources.paper_missing", 422, "材料缺失、过期或范围不符：{paper_zh}", "A document is missing, has run out or does not cover the use: {paper_en}", "补齐有效材料后再审查（L-LED-6）", "Bring a valid one and have it vetted again (L-LED-6)";
        PAPER_NUMBER = "resources.paper_number", 422, "「{paper_zh}」须登记证照编号", "\"{paper_en}\" is recorded with its number", "按证照照抄编号，1 至 60 字（L-LED-6）", "Copy the number from the document, 1 to 60 characters (L-LED-6)";
        PAPER_LAST_DAY = "resources.paper_last_day", 422, "「{paper_zh}」须登记有效期的最后一天", "\"{paper_en}\" is recorded with its last day", "按证照填写日期，写作 2030-12-31（R-LED-7、L-LED-6）", "Give the date from the document, as 2030-12-31 (R-LED-7, L-LED-6)";
        PAPER_PERSONAL = "resources.paper_personal", 422, "「{paper_zh}」的编号是个人身份证件号码（18 位或 15 位），台账不保存", "The reference of \"{paper_en}\" is the number of a person's ID (18 or 15 digits), which the ledger does not keep", "填写证照自身的编号，1 至 60 字，如 18 位统一社会信用代码；个人证件的编号留空（L-LED-6）", "Give the number of the licence, permit or certificate itself, 1 to 60 characters, such as the credit code of 18; leave it empty for a person's ID (L-LED-6)";
        BLACKLISTED = "resources.blacklisted", 422, "使用主体在不良名单中（L-LED-5）", "The subject is on the black list (L-LED-5)", "移出名单前不得提供资源", "No resource until it is taken off the list";
        CLAUSE_MISSING = "resources.clause_missing", 422, "协议缺少条款：{clause_zh}", "The contract lacks the clause: {clause_en}", "补签条款后再开通（R-LED-10）", "Add the clause before opening (R-LED-10)";
        NO_LIMIT = "resources.no_limit", 422, "协议须写明呼叫频次限制，且大于 0", "The contract must name a limit of call frequency above zero", "填写每日次数与对同一被叫的次数", "Give calls a day and calls to one callee a day";
        NO_APPROVAL = "resources.no_approval", 422, "变更用途须先经批准（R-LED-5）", "A change of purpose needs approval first (R-LED-5)", "填写批准文号", "Give the number of the approval";
        SUBSCRIBER_NUMBER = "resources.subscriber_number", 422, "经营性呼叫中心外呼不得使用用户号码（R-LED-6）", "A call centre may not call out with subscribers' numbers (R-LED-6)", "改用核配的 95、96 号码", "Use an allotted 95 or 96 number";
        NEVER_OUT = "resources.never_out", 422, "400 号码只能呼入（L-LED-9）", "A 400 number only takes calls (L-LED-9)", "方向改为仅呼入，主叫集中去掉 400 号码", "Make it inbound only and take 400 numbers out of the callers";
        CALLER_INVALID = "resources.caller_invalid", 422, "主叫号码格式不对", "A caller is not of its form", "3 至 20 位数字，号段写作数字加 *，用逗号分隔", "3 to 20 digits; a block as digits and *; separate with commas";
        CALLERS_MISSING = "resources.callers_missing", 422, "可呼出的资源须登记主叫号码集（L-LED-1）", "A resource that calls out needs its set of callers (L-LED-1)", "填写允许显示的主叫号码", "Give the numbers it may show";
        NO_SUCH_DEFECT = "resources.no_such_defect", 409, "没有这项待整改的问题", "There is no such defect to correct", "请刷新页面查看待整改问题", "Reload the page to see what is to be corrected";
        CODE_TAKEN = "resources.code_taken", 409, "该编号已在台账中", "This code is in the ledger already", "核对编号，或更新原条目", "Check the code, or change the line that is there";
        CHANGED = "resources.changed", 409, "该条目刚被他人修改", "Somebody changed the line in the meantime", "请刷新后重试", "Reload and try again";
        FIELD_INVALID = "resources.field_invalid", 422, "「{field}」缺失或格式不对", "\"{field}\" is missing or not of its form", "请按提示的格式填写该字段", "Fill the field in the form shown beside it";
        SWEEP_NOT_FOUND = "resources.sweep_not_found", 404, "没有这次清查，或您无权查看", "There is no such sweep, or it is not yours to see", "请从清查列表进入", "Open it from the list of sweeps";
        SWEEP_CLOSED = "resources.sweep_closed", 409, "这次清查已结束", "This sweep is over", "另行制定清查", "Plan another sweep";
        SWEEP_EMPTY = "resources.sweep_empty", 422, "所选行业和地区没有在用的资源", "No line of these industries is in service there", "扩大行业、种类或地区", "Choose more industries, kinds or a wider region";
        SWEEP_UNFINISHED = "resources.sweep_unfinished", 409, "还有 {open} 条没有核查结果（R-LED-2）", "{open} lines have no result yet (R-LED-2)", "逐条登记结果后再结束", "Give each line its result, then close";
        ALREADY_CHECKED = "resources.already_checked", 409, "该条目在本次清查中已有结果", "The line has its result in this sweep", "新问题请在台账条目中登记", "Record a new defect at the line itself";
        STILL_IN_SERVICE = "resources.still_in_service", 409, "该资源仍在用", "The resource is still in service", "登记“无问题”或具体问题", "Record it as clean, or its defects";
        EVIDENCE_MISSING = "resources.evidence_missing", 422, "登记问题须写明依据", "A defect needs what shows it", "用 2 至 200 字写明看到了什么", "Say in 2 to 200 characters what was seen";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::new(&code::NOT_FOUND),
            Self::OutOfOrder(state) => {
                Problem::new(&code::OUT_OF_ORDER).with("state_zh", state.words().0).with("state_en", state.words().1)
            }
            Self::OrganisationsOnly => Problem::new(&code::ORGANISATIONS_ONLY).field("subject_code"),
            Self::OwnHallsOnly => Problem::new(&code::OWN_HALLS_ONLY),
            Self::PaperMissing(paper) => {
                Problem::new(&code::PAPER_MISSING).with("paper_zh", paper.words().0).with("paper_en", paper.words().1).field("papers")
            }
            Self::PaperNumber(paper) => {
                Problem::new(&code::PAPER_NUMBER).with("paper_zh", paper.words().0).with("paper_en", paper.words().1).field("reference")
            }
            Self::PaperLastDay(paper) => {
                Problem::new(&code::PAPER_LAST_DAY).with("paper_zh", paper.words().0).with("paper_en", paper.words().1).field("valid_until")
            }
            Self::PaperPersonal(paper, field) => {
                Problem::new(&code::PAPER_PERSONAL).with("paper_zh", paper.words().0).with("paper_en", paper.words().1).field(*field)
            }
            Self::Blacklisted => Problem::new(&code::BLACKLISTED).field("subject_code"),
            Self::ClauseMissing(clause) => {
                Problem::new(&code::CLAUSE_MISSING).with("clause_zh", clause.words().0).with("clause_en", clause.words().1).field("clauses")
            }
            Self::NoLimit => Problem::new(&code::NO_LIMIT).field("calls_per_day"),
            Self::NoApproval => Problem::new(&code::NO_APPROVAL).field("approval"),
            Self::SubscriberNumber => Problem::new(&code::SUBSCRIBER_NUMBER).field("callers"),
            Self::NeverOut => Problem::new(&code::NEVER_OUT).field("direction"),
            Self::CallerInvalid => Problem::new(&code::CALLER_INVALID).field("callers"),
            Self::CallersMissing => Problem::new(&code::CALLERS_MISSING).field("callers"),
            Self::NoSuchDefect => Problem::new(&code::NO_SUCH_DEFECT).field("defect"),
            Self::CodeTaken => Problem::new(&code::CODE_TAKEN).field("code"),
            Self::Changed => Problem::new(&code::CHANGED),
            Self::FieldInvalid(field) => Problem::new(&code::FIELD_INVALID).field(*field).with("field", field),
            Self::SweepNotFound => Problem::new(&code::SWEEP_NOT_FOUND),
            Self::SweepClosed => Problem::new(&code::SWEEP_CLOSED),
            Self::SweepEmpty => Problem::new(&code::SWEEP_EMPTY).field("industries"),
            Self::SweepUnfinished(open) => Problem::new(&code::SWEEP_UNFINISHED).with("open", *open),
            Self::AlreadyChecked => Problem::new(&code::ALREADY_CHECKED),
            Self::StillInService => Problem::new(&code::STILL_IN_SERVICE),
            Self::EvidenceMissing => Problem::new(&code::EVIDENCE_MISSING).field("evidence"),
        }
    }
}

impl Subject {
    /// The first last day among the papers its uses need; a permit is needed by call centres only.
    pub fn papers_until(&self) -> Option<Date> {
        let needed = |paper: &&Paper| paper.document != Document::TelecomPermit || self.industry == Industry::CallCentre;
        self.papers.iter().filter(needed).filter_map(|paper| paper.valid_until).min()
    }

    /// The documents this use needs, all there, valid on `today` and in scope; the first that is not, else.
    ///
    /// # Errors
    /// [`Refusal::PaperMissing`], [`Refusal::Blacklisted`].
    pub fn qualifies(&self, resource: &Resource, today: Date) -> Result<(), Refusal> {
        if self.blacklisted {
            return Err(Refusal::Blacklisted);
        }
        let holds = |document: Document| {
            self.papers
                .iter()
                .any(|paper| paper.document == document && paper.in_scope && paper.valid_until.is_none_or(|until| until >= today))
        };
        match Document::ALL.iter().copied().find(|document| resource.needs(*document, self.industry) && !holds(*document)) {
            Some(missing) => Err(Refusal::PaperMissing(missing)),
            None => Ok(()),
        }
    }
}

impl Resource {
    /// Whether a document is asked for: a permit and a number certificate only where the use is a telecom business or the number is allotted.
    pub const fn needs(&self, document: Document, industry: Industry) -> bool {
        match document {
            Document::BusinessLicence | Document::LegalPersonId | Document::AgentId | Document::BusinessPlan => true,
            Document::TelecomPermit => matches!(industry, Industry::CallCentre),
            Document::NumberCertificate => matches!(self.kind, Kind::Number95 | Kind::Number96),
        }
    }

    /// What may be called with it, whatever state it is in.
    ///
    /// # Errors
    /// [`Refusal::NeverOut`], [`Refusal::CallersMissing`], [`Refusal::SubscriberNumber`].
    pub fn terms(&self, industry: Industry) -> Result<(), Refusal> {
        let out = self.direction.calls_out();
        if out && (self.kind == Kind::Number400 || self.callers.iter().any(Caller::is_400)) {
            return Err(Refusal::NeverOut);
        }
        if out && self.callers.is_empty() {
            return Err(Refusal::CallersMissing);
        }
        if out && industry == Industry::CallCentre && self.callers.iter().any(Caller::is_subscriber) {
            return Err(Refusal::SubscriberNumber);
        }
        Ok(())
    }

    /// The only way a resource changes.
    ///
    /// # Errors
    /// The refusal names the guard that held.
    pub fn decide(&self, step: &Step, subject: &Subject, now: Timestamp) -> Result<Self, Refusal> {
        let mut next = Self { version: self.version + 1, updated_at: now.max(self.updated_at), ..self.clone() };
        match (self.state, step) {
            (State::Applied, Step::Vet) => {
                subject.qualifies(self, now.day())?;
                self.terms(subject.industry)?;
                next.state = State::Vetted;
            }
            (State::Vetted, Step::Open { clauses, calls_per_callee, calls_per_day }) => {
                subject.qualifies(self, now.day())?;
                if let Some(missing) = Clause::ALL.iter().copied().find(|clause| clauses & (*clause as i64) == 0) {
                    return Err(Refusal::ClauseMissing(missing));
                }
                if self.direction.calls_out() && (*calls_per_callee < 1 || *calls_per_day < 1) {
                    return Err(Refusal::NoLimit);
                }
                next.clauses = *clauses;
                next.calls_per_callee = (*calls_per_callee).max(0);
                next.calls_per_day = (*calls_per_day).max(0);
                next.state = State::Active;
            }
            (State::Active | State::Correcting, Step::Repurpose { purpose, direction, approval }) => {
                if approval.trim().is_empty() {
                    return Err(Refusal::NoApproval);
                }
                next.purpose = *purpose;
                next.direction = *direction;
                subject.qualifies(&next, now.day())?;
                next.terms(subject.industry)?;
                if direction.calls_out() && (self.calls_per_callee < 1 || self.calls_per_day < 1) {
                    return Err(Refusal::NoLimit);
                }
            }
            (State::Applied | State::Vetted | State::Active | State::Correcting, Step::SetCallers { callers }) => {
                next.callers.clone_from(callers);
                next.callers.sort();
                next.callers.dedup();
                next.terms(subject.industry)?;
            }
            (State::Active | State::Correcting, Step::Find { defect, correct_by }) => {
                if !next.defects.contains(defect) {
                    next.defects.push(*defect);
                    next.defects.sort();
                }
                // A second finding never prolongs the first one's deadline.
                next.correct_by = Some(self.correct_by.map_or(*correct_by, |first| first.min(*correct_by)));
                next.state = State::Correcting;
            }
            (State::Correcting, Step::Correct { defect }) => {
                if !self.defects.contains(defect) {
                    return Err(Refusal::NoSuchDefect);
                }
                next.defects.retain(|one| one != defect);
                if next.defects.is_empty() {
                    subject.qualifies(self, now.day())?;
                    next.correct_by = None;
                    next.state = State::Active;
                }
            }
            (State::Applied | State::Vetted | State::Active | State::Correcting, Step::ShutDown) => next.state = State::ShutDown,
            (State::Applied | State::Vetted | State::Active | State::ShutDown, Step::Close) => next.state = State::Closed,
            (state, _) => return Err(Refusal::OutOfOrder(state)),
        }
        Ok(next)
    }

    /// Calls may pass: in use, or still within the deadline to correct.
    pub const fn in_service(&self) -> bool {
        matches!(self.state, State::Active | State::Correcting)
    }
}
