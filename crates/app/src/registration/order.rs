// long: one state machine, read in one go: every state against every step
//! 实名登记单: one person asks for one number. The case and its rules: no clock, no I/O; what a rule needs is an argument.

use chuangsha_kernel::{
    document::DocumentKind,
    id::{OrderId, OrganisationId, StaffId, SubjectId},
    rulebook::Ruling,
    time::Timestamp,
};
use uuid::Uuid;

use super::refusal::Refusal;

/// 登记单状态. The numbers are what the store keeps: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrderState)]
pub enum State {
    /// 草稿: a number is picked, nobody is named yet.
    Draft = 1,
    /// 已预占: the person holds a slot of the quota and the number is kept for them.
    Reserved = 2,
    /// 已采集: document seen and photographed, live photo and signature taken.
    Captured = 3,
    /// 已提交: waits for the networked check, then for an auditor.
    Submitted = 4,
    /// 审核中: one auditor holds the lease.
    Auditing = 5,
    /// 退回重采: the clerk must capture the marked parts again.
    Returned = 6,
    /// 二级审核: two different seniors decide.
    Escalated = 7,
    /// 审核通过: may be activated, is not yet.
    Approved = 8,
    /// 待交付: an online order whose document is compared at delivery.
    DeliveryPending = 9,
    /// 开通中: the command is on its way to the network, nothing is confirmed.
    Activating = 10,
    /// 已开通: the network confirmed.
    Activated = 11,
    /// 已驳回
    Rejected = 12,
    /// 已取消
    Cancelled = 13,
    /// 已过期
    Expired = 14,
}

impl State {
    /// Every state, in the order of the way through.
    pub const ALL: [Self; 14] = [
        Self::Draft,
        Self::Reserved,
        Self::Captured,
        Self::Submitted,
        Self::Auditing,
        Self::Returned,
        Self::Escalated,
        Self::Approved,
        Self::DeliveryPending,
        Self::Activating,
        Self::Activated,
        Self::Rejected,
        Self::Cancelled,
        Self::Expired,
    ];

    /// From the number in the store.
    pub fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i64 == value)
    }

    /// Stable name, as in JSON and in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Reserved => "reserved",
            Self::Captured => "captured",
            Self::Submitted => "submitted",
            Self::Auditing => "auditing",
            Self::Returned => "returned",
            Self::Escalated => "escalated",
            Self::Approved => "approved",
            Self::DeliveryPending => "delivery_pending",
            Self::Activating => "activating",
            Self::Activated => "activated",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// In a sentence, Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Draft => ("草稿", "a draft"),
            Self::Reserved => ("已预占", "reserved"),
            Self::Captured => ("已采集", "captured"),
            Self::Submitted => ("已提交", "submitted"),
            Self::Auditing => ("审核中", "being audited"),
            Self::Returned => ("退回重采", "returned"),
            Self::Escalated => ("二级审核", "with the seniors"),
            Self::Approved => ("审核通过", "approved"),
            Self::DeliveryPending => ("待交付", "awaiting delivery"),
            Self::Activating => ("开通中", "being activated"),
            Self::Activated => ("已开通", "activated"),
            Self::Rejected => ("已驳回", "rejected"),
            Self::Cancelled => ("已取消", "cancelled"),
            Self::Expired => ("已过期", "expired"),
        }
    }

    /// No step leads out of it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Activated | Self::Rejected | Self::Cancelled | Self::Expired)
    }

    /// The person holds a slot of the quota in this state.
    pub const fn holds_slot(self) -> bool {
        !matches!(self, Self::Draft | Self::Rejected | Self::Cancelled | Self::Expired)
    }
}

/// 受理方式: how the customer comes to the number (R-REG-13, R-CHN-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// 现场受理
    Counter = 1,
    /// 线上选号、配送到家
    OnlineDelivery = 2,
    /// 线上选号、到厅取卡
    OnlineCollect = 3,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Counter, Self::OnlineDelivery, Self::OnlineCollect];

    /// From the number in the store.
    pub fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| *mode as i64 == value)
    }

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::OnlineDelivery => "online_delivery",
            Self::OnlineCollect => "online_collect",
        }
    }

    /// In a sentence, Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Counter => ("现场受理", "at the counter"),
            Self::OnlineDelivery => ("线上选号、配送到家", "select online, delivered"),
            Self::OnlineCollect => ("线上选号、到厅取卡", "select online, collect in a hall"),
        }
    }

    /// Chosen online, handed over in person: the document is compared again then (R-REG-14).
    pub const fn is_online(self) -> bool {
        matches!(self, Self::OnlineDelivery | Self::OnlineCollect)
    }
}

/// 业务种类 (R-REG-12: voice and data cards alike; L-REG-20: IoT cards count on their own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// 移动电话卡
    Voice = 1,
    /// 无线上网卡
    Data = 2,
    /// 物联网卡
    Iot = 3,
}

impl Product {
    /// Every product.
    pub const ALL: [Self; 3] = [Self::Voice, Self::Data, Self::Iot];

    /// From the number in the store.
    pub fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|product| *product as i64 == value)
    }

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Data => "data",
            Self::Iot => "iot",
        }
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|product| product.as_str() == text)
    }

    /// Which counter of the quota it fills: voice and data cards share one.
    pub const fn quota_class(self) -> &'static str {
        match self {
            Self::Voice | Self::Data => "mobile",
            Self::Iot => "iot",
        }
    }

    /// The rule that holds the limit of that counter.
    pub const fn limit_rule(self) -> &'static str {
        match self {
            Self::Voice | Self::Data => "limit.mobile_numbers",
            Self::Iot => "limit.iot_cards",
        }
    }
}

/// 风险等级 of an order in the audit queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// 高: the authority does not confirm the document, or the face does not match it.
    High,
    /// 中: by proxy, in a group, or the last number the limit allows.
    Medium,
    /// 低: none of these.
    Low,
}

impl Risk {
    /// Every grade, the highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|risk| risk.as_str() == text)
    }
}

/// What the grades of [`Risk`] are measured by, from the rules of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RiskBounds {
    /// Thousandths from which a face comparison counts as a match.
    pub face: i64,
    /// Limit of voice and data numbers.
    pub mobile: i64,
    /// Limit of IoT cards.
    pub iot: i64,
}

/// 客户类型
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Customer {
    /// 个人
    Individual = 1,
    /// 集团: an organisation signs, one actual user a number (R-REG-9..11).
    Group = 2,
}

impl Customer {
    /// From the number in the store.
    pub fn from_i64(value: i64) -> Option<Self> {
        [Self::Individual, Self::Group].into_iter().find(|customer| *customer as i64 == value)
    }
}

/// 证件影像种类
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageKind {
    /// 证件正面
    DocumentFront = 1,
    /// 证件背面
    DocumentBack = 2,
    /// 现场照片 (L-REG-15)
    LivePhoto = 3,
    /// 签名
    Signature = 4,
    /// 代理人证件
    AgentDocument = 5,
    /// 营业执照或统一社会信用代码证
    OrganisationCertificate = 6,
}

impl ImageKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::DocumentFront, Self::DocumentBack, Self::LivePhoto, Self::Signature, Self::AgentDocument, Self::OrganisationCertificate];

    /// From the number in the store.
    pub fn from_i64(value: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == value)
    }

    /// Stable name; also the name of the form field that carries the picture.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DocumentFront => "document_front",
            Self::DocumentBack => "document_back",
            Self::LivePhoto => "live_photo",
            Self::Signature => "signature",
            Self::AgentDocument => "agent_document",
            Self::OrganisationCertificate => "organisation_certificate",
        }
    }

    /// In a sentence, Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::DocumentFront => ("证件正面", "front of the document"),
            Self::DocumentBack => ("证件背面", "back of the document"),
            Self::LivePhoto => ("现场照片", "live photo"),
            Self::Signature => ("签名", "signature"),
            Self::AgentDocument => ("代理人证件", "the agent's document"),
            Self::OrganisationCertificate => ("单位证照", "the organisation's certificate"),
        }
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What the networked document check said (R-REG-7, R-REG-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// 未核验: asked, not answered. Nothing passes on it.
    Waiting = 0,
    /// 一致
    Match = 1,
    /// 不一致
    Mismatch = 2,
    /// 库中无此证
    NotFound = 3,
}

impl Check {
    /// From the number in the store.
    pub fn from_i64(value: i64) -> Option<Self> {
        [Self::Waiting, Self::Match, Self::Mismatch, Self::NotFound].into_iter().find(|check| *check as i64 == value)
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Match, Self::Mismatch, Self::NotFound].into_iter().find(|check| check.as_str() == text)
    }

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Match => "match",
            Self::Mismatch => "mismatch",
            Self::NotFound => "not_found",
        }
    }
}

/// 退回原因: what must be captured again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OrderDefect)]
pub enum Defect {
    /// 证件模糊
    DocumentBlurred,
    /// 证件反光
    DocumentGlare,
    /// 证件不完整
    DocumentCropped,
    /// 现场照片不清
    PhotoUnclear,
    /// 签名缺失或不清
    SignatureUnclear,
    /// 填写有误
    FieldsWrong,
    /// 代理人材料不全
    AgentIncomplete,
}

impl Defect {
    /// Every defect.
    pub const ALL: [Self; 7] = [
        Self::DocumentBlurred,
        Self::DocumentGlare,
        Self::DocumentCropped,
        Self::PhotoUnclear,
        Self::SignatureUnclear,
        Self::FieldsWrong,
        Self::AgentIncomplete,
    ];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DocumentBlurred => "document_blurred",
            Self::DocumentGlare => "document_glare",
            Self::DocumentCropped => "document_cropped",
            Self::PhotoUnclear => "photo_unclear",
            Self::SignatureUnclear => "signature_unclear",
            Self::FieldsWrong => "fields_wrong",
            Self::AgentIncomplete => "agent_incomplete",
        }
    }

    /// As a customer is told it.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::DocumentBlurred => "证件影像模糊",
            Self::DocumentGlare => "证件影像反光",
            Self::DocumentCropped => "证件影像不完整",
            Self::PhotoUnclear => "现场照片不清晰",
            Self::SignatureUnclear => "签名缺失或不清晰",
            Self::FieldsWrong => "填写内容与证件不一致",
            Self::AgentIncomplete => "代办材料不全",
        }
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|defect| defect.as_str() == text)
    }
}

/// 驳回原因 (L-REG-6: no override).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// 人证不符
    NotTheHolder,
    /// 证件伪造或涂改
    ForgedDocument,
    /// 证件过期
    ExpiredDocument,
    /// 联网核验不一致
    CheckFailed,
    /// 超出号码数量限制
    QuotaFull,
    /// 代理无授权
    AgentUnauthorised,
    /// 交付时证件不符
    DeliveryMismatch,
    /// 其他
    Other,
}

impl RejectReason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::NotTheHolder,
        Self::ForgedDocument,
        Self::ExpiredDocument,
        Self::CheckFailed,
        Self::QuotaFull,
        Self::AgentUnauthorised,
        Self::DeliveryMismatch,
        Self::Other,
    ];

    /// Stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotTheHolder => "not_the_holder",
            Self::ForgedDocument => "forged_document",
            Self::ExpiredDocument => "expired_document",
            Self::CheckFailed => "check_failed",
            Self::QuotaFull => "quota_full",
            Self::AgentUnauthorised => "agent_unauthorised",
            Self::DeliveryMismatch => "delivery_mismatch",
            Self::Other => "other",
        }
    }

    /// As a customer is told it.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::NotTheHolder => "现场人员与证件不符",
            Self::ForgedDocument => "证件真实性存疑",
            Self::ExpiredDocument => "证件已过有效期",
            Self::CheckFailed => "联网核验不一致",
            Self::QuotaFull => "名下号码已达上限",
            Self::AgentUnauthorised => "代办未获授权",
            Self::DeliveryMismatch => "交付时出示的证件与提交的不一致",
            Self::Other => "资料不符合实名登记要求",
        }
    }

    /// From the stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// Who takes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    /// The member of staff.
    pub staff: StaffId,
    /// Their organisation on the day.
    pub organisation: OrganisationId,
}

/// One person asks for one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Id.
    pub id: OrderId,
    /// 单号, for people: `A-20261122-7K3QX`.
    pub code: String,
    /// Where it stands.
    pub state: State,
    /// Grows by one with every step; a page that shows an older one is stale.
    pub version: i64,
    /// 个人 or 集团.
    pub customer: Customer,
    /// What is asked for.
    pub product: Product,
    /// How the customer comes to it.
    pub mode: Mode,
    /// City the outlet is in, six digits.
    pub region: String,
    /// Who captures, and for which outlet.
    pub captured_by: Who,
    /// The holder of the number: the person, or in a group the actual user (R-LIM-2).
    pub subject: Option<SubjectId>,
    /// Blind index of the canonical person.
    pub person_key: Option<[u8; 16]>,
    /// 补登: the subscription that is registered anew; `None`: a new number.
    pub existing: Option<Uuid>,
    /// Slot of the quota, 1..=limit; none where the number counts for this person already.
    pub slot: Option<i64>,
    /// What the holder showed.
    pub document: Option<DocumentKind>,
    /// By proxy: an agent shows their document beside the holder's (L-REG-4).
    pub by_proxy: bool,
    /// 联网核验.
    pub check: Check,
    /// 人像比对 in thousandths; `None` where the person chose another way (L-REG-17).
    pub face_score: Option<i64>,
    /// The auditor who holds it, until when.
    pub lease: Option<Lease>,
    /// Who approved or rejected.
    pub decided_by: Option<Who>,
    /// First of the two senior votes.
    pub first_vote: Option<Vote>,
    /// Marks of a return.
    pub defects: Vec<Defect>,
    /// Why it was rejected.
    pub reason: Option<RejectReason>,
    /// Created.
    pub created_at: Timestamp,
    /// A reservation nobody completes ends then.
    pub expires_at: Timestamp,
    /// Into the audit queue since.
    pub submitted_at: Option<Timestamp>,
    /// Last change.
    pub updated_at: Timestamp,
}

/// 领取: an auditor's hold on a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Who.
    pub by: Who,
    /// Ends then.
    pub until: Timestamp,
}

/// One senior's decision on an escalated case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub by: Who,
    /// For approval.
    pub approve: bool,
}

/// What the reservation is judged on.
#[derive(Debug, Clone, Copy)]
pub struct ReserveFacts<'a> {
    /// The outlet may register people today.
    pub channel_active: &'a Ruling<bool>,
    /// The clerk passed the training and it has not run out (R-CHN-14).
    pub clerk_trained: &'a Ruling<bool>,
    /// The mode is open in this region today (R-CHN-11).
    pub mode_open: &'a Ruling<bool>,
    /// This kind of document, read in this way, at this kind of outlet (R-CHN-4, R-CHN-5, L-REG-14).
    pub document_allowed: &'a Ruling<bool>,
    /// Agents are admitted here.
    pub proxy_allowed: &'a Ruling<bool>,
    /// Slots the person fills with this operator: in use and reserved.
    pub slots_used: i64,
    /// The limit today.
    pub limit: &'a Ruling<i64>,
    /// The person is on a punishment or black list (L-LIM-6).
    pub listed: bool,
    /// The number is free, or held by this very order.
    pub number_free: bool,
    /// The document has not expired and its dates agree with each other.
    pub document_valid: bool,
    /// 补登: the number counts for this very person already, so that nothing is added.
    pub counted: bool,
    /// 补登: the number is under the true name of another person.
    pub another_holder: bool,
    /// How long an unfinished reservation keeps the slot.
    pub hold_ms: &'a Ruling<i64>,
}

/// Who is named by the reservation.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// Subject of data.
    pub subject: SubjectId,
    /// Canonical person.
    pub person_key: [u8; 16],
    /// Kind of document shown.
    pub document: DocumentKind,
    /// An agent acts.
    pub by_proxy: bool,
    /// The free slot found.
    pub slot: i64,
}

/// What the capture is judged on.
#[derive(Debug, Clone, Copy)]
pub struct CaptureFacts<'a> {
    /// The clerk declares, by name, that the original was shown and checked (R-REG-2).
    pub original_seen: bool,
    /// Kinds of image stored for this order, sealed and hashed.
    pub images: &'a [ImageKind],
    /// The holder took the face comparison, or asked for the other way.
    pub face_declined: bool,
    /// Group: the agreement carries the real-name clause (R-REG-9).
    pub agreement_clause: bool,
    /// Group: the organisation's certificate and handling person are recorded.
    pub organisation_recorded: bool,
    /// Contract signed with the warning of ATNF 30 read.
    pub warning_read: bool,
    /// Rules of the day.
    pub original_rule: &'a Ruling<()>,
    /// R-REG-3.
    pub photograph_rule: &'a Ruling<()>,
}

/// What an approval is judged on.
#[derive(Debug, Clone, Copy)]
pub struct ApproveFacts<'a> {
    /// Slots the person fills, this order's own among them.
    pub slots_used: i64,
    /// Numbers the person held before the limit came (kept, but nothing is added).
    pub limit: &'a Ruling<i64>,
    /// Thousandths from which a face comparison counts as a match.
    pub face_threshold: &'a Ruling<i64>,
    /// How long an approved online order waits for its delivery (R-REG-14).
    pub delivery_ms: &'a Ruling<i64>,
    /// Central audit (R-REG-4, R-REG-6).
    pub audit_rule: &'a Ruling<()>,
}

/// Who compared the face with the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eye {
    Machine,
    TwoPeople,
}

/// One step of the way.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// 预占
    Reserve(Named, ReserveFacts<'a>),
    /// 采集
    Capture(CaptureFacts<'a>),
    /// 提交
    Submit,
    /// 核验结果
    Verified {
        /// The document.
        check: Check,
        /// The face, thousandths.
        face_score: Option<i64>,
    },
    /// 领取
    Claim {
        /// The auditor.
        by: Who,
        /// Length of the lease.
        lease_ms: &'a Ruling<i64>,
    },
    /// 转派
    Assign {
        /// Who hands it out.
        by: Who,
        /// The auditor it goes to.
        to: Who,
        /// How long it is kept for them.
        lease_ms: &'a Ruling<i64>,
    },
    /// 放回
    Release {
        /// The auditor.
        by: Who,
    },
    /// 通过
    Approve {
        /// The auditor.
        by: Who,
        /// Facts.
        facts: ApproveFacts<'a>,
    },
    /// 退回重采
    Return {
        /// The auditor.
        by: Who,
        /// What to capture again.
        defects: &'a [Defect],
        /// How long the clerk has for it.
        window_ms: &'a Ruling<i64>,
    },
    /// 驳回
    Reject {
        /// The auditor.
        by: Who,
        /// Why.
        reason: RejectReason,
    },
    /// 转二级审核
    Escalate {
        /// The auditor.
        by: Who,
    },
    /// 二级审核表决
    Decide {
        /// The senior.
        by: Who,
        /// For approval.
        approve: bool,
        /// Facts.
        facts: ApproveFacts<'a>,
    },
    /// 交付核对
    Deliver {
        /// The document shown is the one submitted.
        same_document: bool,
    },
    /// 下发开通: after approval, and in one step with it for a counter order.
    Activate {
        /// Slots now, this order's own among them.
        slots_used: i64,
        /// The limit now.
        limit: &'a Ruling<i64>,
    },
    /// 网络确认
    Confirm,
    /// 取消
    Cancel,
    /// 到期
    Expire,
}

/// What a step causes beside the new state. Every effect is written in the transaction of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Take the slot.
    TakeSlot,
    /// The slot is in use for good.
    PostSlot,
    /// The slot is free again.
    VoidSlot,
    /// Free the number for others.
    FreeNumber,
    /// Ask the networked check.
    AskVerification,
    /// Command the network.
    CommandActivation,
    /// The subscription exists.
    CreateSubscription,
    /// 补登: the subscription that was there is this person's.
    Reregister,
    /// Tell the customer.
    Tell(Message),
}

/// 通知
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// 已受理
    Received,
    /// 已开通
    Activated,
    /// 已补登
    Reregistered,
    /// 退回重采
    Returned,
    /// 驳回: reason, remedy, documents (L-REM-8).
    Rejected,
}

/// A step taken: the order as it will be, what it causes, the rule that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// As it will be.
    pub order: Order,
    /// What else is written.
    pub effects: Vec<Effect>,
    /// The article that decided, `R-REG-6`.
    pub article: String,
    /// The rule, `registration.central_audit`.
    pub rule: String,
    /// Version of the packs.
    pub pack: String,
}

/// Whether a kind of document has a back that is photographed too.
pub const fn has_back(kind: DocumentKind) -> bool {
    matches!(
        kind,
        DocumentKind::ResidentId
            | DocumentKind::TemporaryId
            | DocumentKind::HongKongMacauResidencePermit
            | DocumentKind::TaiwanResidencePermit
            | DocumentKind::ForeignPermanentResident
            | DocumentKind::HongKongMacauTravelPermit
            | DocumentKind::TaiwanTravelPermit
    )
}

impl Order {
    /// The only way an order changes state.
    ///
    /// # Errors
    /// The refusal names the guard that held; nothing has changed.
    pub fn decide(&self, step: Step<'_>, now: Timestamp) -> Result<Decision, Refusal> {
        match (self.state, step) {
            (State::Draft, Step::Reserve(named, facts)) => self.reserve(named, facts, now),
            (State::Reserved | State::Captured | State::Returned, Step::Capture(facts)) => self.capture(facts, now),
            (State::Captured, Step::Submit) => Ok(self.submit(now)),
            (State::Submitted, Step::Verified { check, face_score }) => Ok(self.to(State::Submitted, now).with(|order| {
                order.check = check;
                order.face_score = face_score;
            })),
            (State::Submitted | State::Auditing, Step::Claim { by, lease_ms }) => self.claim(by, lease_ms, now),
            (State::Submitted | State::Auditing, Step::Assign { by, to, lease_ms }) => self.assign(by, to, lease_ms, now),
            (State::Auditing, Step::Release { by }) => {
                self.held_by(by, now)?;
                Ok(self.to(State::Submitted, now).with(|order| order.lease = None))
            }
            (State::Auditing, Step::Approve { by, facts }) => {
                self.held_by(by, now)?;
                self.may_audit(by)?;
                self.all_green(facts, Eye::Machine)?;
                Ok(self.approved(by, facts, now))
            }
            (State::Auditing, Step::Return { by, defects, window_ms }) => {
                self.held_by(by, now)?;
                self.may_audit(by)?;
                if defects.is_empty() {
                    return Err(Refusal::NoDefectNamed);
                }
                Ok(self.to(State::Returned, now).effect(Effect::Tell(Message::Returned)).with(|order| {
                    order.defects = defects.to_vec();
                    order.lease = None;
                    order.expires_at = order.updated_at.plus_ms(window_ms.value);
                }))
            }
            (State::Auditing, Step::Reject { by, reason }) => {
                self.held_by(by, now)?;
                self.may_audit(by)?;
                Ok(self.rejected(Some(by), reason, now))
            }
            (State::Auditing, Step::Escalate { by }) => {
                self.held_by(by, now)?;
                self.may_audit(by)?;
                Ok(self.to(State::Escalated, now).with(|order| order.lease = None))
            }
            (State::Escalated, Step::Decide { by, approve, facts }) => self.vote(by, approve, facts, now),
            (State::DeliveryPending, Step::Deliver { same_document: false }) => {
                Ok(self.rejected(None, RejectReason::DeliveryMismatch, now).because("registration.delivery_match", "R-REG-14", ""))
            }
            (State::DeliveryPending, Step::Deliver { same_document: true }) => {
                Ok(self.to(State::Approved, now).because("registration.delivery_match", "R-REG-14", ""))
            }
            (State::Approved, Step::Activate { slots_used, limit }) => {
                self.within(slots_used, limit)?;
                if self.existing.is_some() {
                    // The number is in service: there is nothing the network has to open. What was stopped is restored on its own way.
                    return Ok(self
                        .to(State::Activated, now)
                        .effect(Effect::Reregister)
                        .effect(Effect::Tell(Message::Reregistered))
                        .ruled(limit));
                }
                Ok(self.to(State::Activating, now).effect(Effect::CommandActivation).ruled(limit))
            }
            (State::Activating, Step::Confirm) => Ok(self
                .to(State::Activated, now)
                .effect(Effect::PostSlot)
                .effect(Effect::CreateSubscription)
                .effect(Effect::Tell(Message::Activated))),
            (
                State::Draft | State::Reserved | State::Captured | State::Submitted | State::Returned | State::DeliveryPending,
                Step::Cancel,
            ) => Ok(self.freed(State::Cancelled, now)),
            // An approved online order nobody collects gives its number back like a forgotten reservation.
            (State::Draft | State::Reserved | State::Captured | State::Returned | State::DeliveryPending, Step::Expire) => {
                if now < self.expires_at {
                    return Err(Refusal::NotYetExpired);
                }
                Ok(self.freed(State::Expired, now))
            }
            (state, _) => Err(Refusal::OutOfOrder { state }),
        }
    }

    fn reserve(&self, named: Named, facts: ReserveFacts<'_>, now: Timestamp) -> Result<Decision, Refusal> {
        if !facts.channel_active.value {
            return Err(Refusal::ChannelNotActive);
        }
        if !facts.clerk_trained.value {
            return Err(Refusal::ClerkNotTrained);
        }
        if !facts.mode_open.value {
            return Err(Refusal::ModeClosed { mode: self.mode });
        }
        if !facts.document_allowed.value {
            return Err(Refusal::DocumentNotAllowedHere { article: facts.document_allowed.article.clone() });
        }
        if !facts.document_valid {
            return Err(Refusal::DocumentNotValid);
        }
        if named.by_proxy && !facts.proxy_allowed.value {
            return Err(Refusal::ProxyNotAllowed);
        }
        // A punished person gets nothing new; the number they have, they may well put under their name.
        if facts.listed && !facts.counted {
            return Err(Refusal::PersonListed);
        }
        if facts.another_holder {
            return Err(Refusal::AnotherHolder);
        }
        if self.existing.is_some() && facts.counted {
            if !facts.number_free {
                return Err(Refusal::NumberTaken);
            }
            return Ok(self.named(named, facts, now));
        }
        // Legacy holders above the limit keep what they have: they only get nothing new.
        if facts.slots_used >= facts.limit.value || named.slot > facts.limit.value {
            return Err(Refusal::QuotaFull { limit: facts.limit.value });
        }
        if !facts.number_free {
            return Err(Refusal::NumberTaken);
        }
        Ok(self.named(named, facts, now).effect(Effect::TakeSlot).with(|order| order.slot = Some(named.slot)))
    }

    fn named(&self, named: Named, facts: ReserveFacts<'_>, now: Timestamp) -> Decision {
        self.to(State::Reserved, now).ruled(facts.limit).with(|order| {
            order.subject = Some(named.subject);
            order.person_key = Some(named.person_key);
            order.document = Some(named.document);
            order.by_proxy = named.by_proxy;
            order.expires_at = now.plus_ms(facts.hold_ms.value);
        })
    }

    /// The count holds: checked again at approval and activation for whatever adds to it. A number that counts already adds nothing.
    const fn within(&self, slots_used: i64, limit: &Ruling<i64>) -> Result<(), Refusal> {
        if (self.existing.is_none() || self.slot.is_some()) && slots_used > limit.value {
            return Err(Refusal::QuotaFull { limit: limit.value });
        }
        Ok(())
    }

    fn capture(&self, facts: CaptureFacts<'_>, now: Timestamp) -> Result<Decision, Refusal> {
        if !facts.original_seen {
            return Err(Refusal::OriginalNotSeen);
        }
        if !facts.warning_read {
            return Err(Refusal::WarningNotRead);
        }
        if let Some(missing) = self.images_needed(facts.face_declined).find(|kind| !facts.images.contains(kind)) {
            return Err(Refusal::ImageMissing { kind: missing });
        }
        if self.customer == Customer::Group {
            if !facts.agreement_clause {
                return Err(Refusal::AgreementClauseMissing);
            }
            if !facts.organisation_recorded {
                return Err(Refusal::OrganisationMissing);
            }
        }
        Ok(self.to(State::Captured, now).ruled(facts.photograph_rule).with(|order| order.defects.clear()))
    }

    /// The pictures this order cannot do without (R-REG-3, L-REG-4, L-REG-15).
    pub fn images_needed(&self, face_declined: bool) -> impl Iterator<Item = ImageKind> {
        let back = self.document.is_some_and(has_back);
        [
            (ImageKind::DocumentFront, true),
            (ImageKind::DocumentBack, back),
            // A photo of the counter scene is kept either way; declining face comparison only means no machine compares it.
            (ImageKind::LivePhoto, !(face_declined && self.mode.is_online())),
            (ImageKind::Signature, true),
            (ImageKind::AgentDocument, self.by_proxy),
            (ImageKind::OrganisationCertificate, self.customer == Customer::Group),
        ]
        .into_iter()
        .filter_map(|(kind, needed)| needed.then_some(kind))
    }

    fn submit(&self, now: Timestamp) -> Decision {
        self.to(State::Submitted, now).effect(Effect::AskVerification).effect(Effect::Tell(Message::Received)).with(|order| {
            // A re-captured order is checked anew: what was true of the old pictures proves nothing of the new ones.
            order.check = Check::Waiting;
            order.face_score = None;
            order.submitted_at = order.submitted_at.or(Some(now));
        })
    }

    fn claim(&self, by: Who, lease_ms: &Ruling<i64>, now: Timestamp) -> Result<Decision, Refusal> {
        self.may_audit(by)?;
        if self.check == Check::Waiting {
            return Err(Refusal::CheckPending);
        }
        match self.lease {
            Some(lease) if lease.until > now && lease.by.staff != by.staff => Err(Refusal::HeldByAnother),
            _ => Ok(self.to(State::Auditing, now).ruled(lease_ms).with(|order| {
                // An assigned case is kept longer than a claimed one: opening it does not shorten that.
                let own = order.lease.filter(|lease| lease.by == by).map_or(now, |lease| lease.until);
                order.lease = Some(Lease { by, until: own.max(now.plus_ms(lease_ms.value)) });
            })),
        }
    }

    /// Hands the case to an auditor, whoever holds it: a lead takes it from one who is ill or too busy.
    fn assign(&self, by: Who, to: Who, lease_ms: &Ruling<i64>, now: Timestamp) -> Result<Decision, Refusal> {
        self.may_audit(by)?;
        self.may_audit(to)?;
        if self.check == Check::Waiting {
            return Err(Refusal::CheckPending);
        }
        let lease = Lease { by: to, until: now.plus_ms(lease_ms.value) };
        Ok(self.to(State::Auditing, now).ruled(lease_ms).with(|order| order.lease = Some(lease)))
    }

    /// 风险: how closely an auditor should look, from what the checks said and how the order came in.
    pub fn risk(&self, bounds: RiskBounds) -> Risk {
        let last = if self.product == Product::Iot { bounds.iot } else { bounds.mobile };
        if matches!(self.check, Check::Mismatch | Check::NotFound)
            || (self.check == Check::Match && self.face_score.is_none_or(|score| score < bounds.face))
        {
            Risk::High
        } else if self.by_proxy || self.customer == Customer::Group || self.slot.is_some_and(|slot| slot >= last) {
            Risk::Medium
        } else {
            Risk::Low
        }
    }

    /// I1: another person of another organisation than the one that captured.
    fn may_audit(&self, by: Who) -> Result<(), Refusal> {
        if by.staff == self.captured_by.staff {
            return Err(Refusal::OwnOrder);
        }
        if by.organisation == self.captured_by.organisation {
            return Err(Refusal::SameOrganisation);
        }
        Ok(())
    }

    fn held_by(&self, by: Who, now: Timestamp) -> Result<(), Refusal> {
        match self.lease {
            Some(lease) if lease.by.staff != by.staff => Err(Refusal::HeldByAnother),
            Some(lease) if lease.until > now => Ok(()),
            _ => Err(Refusal::LeaseExpired),
        }
    }

    fn all_green(&self, facts: ApproveFacts<'_>, eye: Eye) -> Result<(), Refusal> {
        match self.check {
            Check::Match => {}
            Check::Waiting => return Err(Refusal::CheckPending),
            Check::Mismatch | Check::NotFound => return Err(Refusal::CheckFailed),
        }
        // A low or absent comparison never passes alone, and is never the only way: two seniors look instead (L-REG-17).
        if eye == Eye::Machine && self.face_score.is_none_or(|score| score < facts.face_threshold.value) {
            return Err(Refusal::FaceNotMatched);
        }
        self.within(facts.slots_used, facts.limit)
    }

    fn approved(&self, by: Who, facts: ApproveFacts<'_>, now: Timestamp) -> Decision {
        let next = if self.mode.is_online() { State::DeliveryPending } else { State::Approved };
        self.to(next, now).ruled(facts.audit_rule).with(|order| {
            order.lease = None;
            order.decided_by = Some(by);
            if next == State::DeliveryPending {
                // The reservation's half hour is long over; the delivery has a time of its own.
                order.expires_at = order.updated_at.plus_ms(facts.delivery_ms.value);
            }
        })
    }

    fn vote(&self, by: Who, approve: bool, facts: ApproveFacts<'_>, now: Timestamp) -> Result<Decision, Refusal> {
        self.may_audit(by)?;
        if approve {
            // Two people look at an escalated case in any event, so the face is judged by eye.
            self.all_green(facts, Eye::TwoPeople)?;
        }
        match self.first_vote {
            None => Ok(self.to(State::Escalated, now).with(|order| order.first_vote = Some(Vote { by, approve }))),
            Some(first) if first.by.staff == by.staff => Err(Refusal::SecondSeniorNeeded),
            Some(first) if first.approve && approve => Ok(self.approved(by, facts, now)),
            // One doubt is enough.
            Some(_) => Ok(self.rejected(Some(by), RejectReason::Other, now)),
        }
    }

    fn rejected(&self, by: Option<Who>, reason: RejectReason, now: Timestamp) -> Decision {
        self.freed(State::Rejected, now).effect(Effect::Tell(Message::Rejected)).with(|order| {
            order.reason = Some(reason);
            order.lease = None;
            if by.is_some() {
                order.decided_by = by;
            }
        })
    }

    /// Ends the order and gives slot and number back.
    fn freed(&self, state: State, now: Timestamp) -> Decision {
        // An existing number stays in use, whatever becomes of the order.
        let decision = if self.existing.is_some() { self.to(state, now) } else { self.to(state, now).effect(Effect::FreeNumber) };
        if self.slot.is_some() { decision.effect(Effect::VoidSlot) } else { decision }
    }

    fn to(&self, state: State, now: Timestamp) -> Decision {
        let mut order = self.clone();
        order.state = state;
        order.version += 1;
        // The clock of a case never runs backwards, whatever the machine's does.
        order.updated_at = now.max(self.updated_at);
        Decision { order, effects: Vec::new(), article: "G1".to_owned(), rule: "registration.order".to_owned(), pack: String::new() }
    }
}

impl Decision {
    fn with(mut self, change: impl FnOnce(&mut Order)) -> Self {
        change(&mut self.order);
        self
    }

    fn effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    fn ruled<T>(self, ruling: &Ruling<T>) -> Self {
        self.because(&ruling.rule, &ruling.article, &ruling.pack_version)
    }

    fn because(mut self, rule: &str, article: &str, pack: &str) -> Self {
        rule.clone_into(&mut self.rule);
        article.clone_into(&mut self.article);
        pack.clone_into(&mut self.pack);
        self
    }
}
