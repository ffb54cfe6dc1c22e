//! Why a registration step is refused. Closed list; the words stand beside the code.

use chuangsha_kernel::problem::{Problem, Refuse};

use super::order::{ImageKind, Mode, State};

/// A step refused: nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence is its code's text below")]
pub enum Refusal {
    #[error("no such order, or not one this person may see")]
    NotFound,
    #[error("the order is {}: it does not take this step", .state.as_str())]
    OutOfOrder { state: State },
    #[error("the page shows an older version of the order")]
    Stale,
    #[error("the outlet may not register people today")]
    ChannelNotActive,
    #[error("the clerk has no valid training")]
    ClerkNotTrained,
    #[error("this mode is closed in the region")]
    ModeClosed { mode: Mode },
    #[error("this document may not be used here")]
    DocumentNotAllowedHere { article: String },
    #[error("the document is not valid today")]
    DocumentNotValid,
    #[error("agents are not admitted here")]
    ProxyNotAllowed,
    #[error("an agent acts but their document is not given")]
    AgentMissing,
    #[error("agent and holder are one person")]
    AgentIsHolder,
    #[error("the person is on a restriction list")]
    PersonListed,
    #[error("the person holds as many numbers as the limit allows")]
    QuotaFull { limit: i64 },
    #[error("the number is taken")]
    NumberTaken,
    #[error("no such number")]
    NumberUnknown,
    #[error("no subscriber of this carrier has the number")]
    NotInServiceHere,
    #[error("an order for this number is open")]
    AlreadyReregistering,
    #[error("the number is under another person's true name")]
    AnotherHolder,
    #[error("the original document was not seen")]
    OriginalNotSeen,
    #[error("the warning was not read")]
    WarningNotRead,
    #[error("a picture is missing")]
    ImageMissing { kind: ImageKind },
    #[error("the group agreement lacks the real-name clause")]
    AgreementClauseMissing,
    #[error("the organisation is not recorded")]
    OrganisationMissing,
    #[error("the networked check has not answered")]
    CheckPending,
    #[error("the networked check does not confirm the document")]
    CheckFailed,
    #[error("the face comparison is absent or too low for one auditor")]
    FaceNotMatched,
    #[error("a clerk does not audit their own order")]
    OwnOrder,
    #[error("an order is audited by another organisation than the one that captured it")]
    SameOrganisation,
    #[error("another auditor holds the order")]
    HeldByAnother,
    #[error("the lease has run out")]
    LeaseExpired,
    #[error("a return names no defect")]
    NoDefectNamed,
    #[error("the second vote must be another senior's")]
    SecondSeniorNeeded,
    #[error("the reservation has not run out")]
    NotYetExpired,
    #[error("this member of staff may not audit the order")]
    AssigneeUnfit,
    #[error("nothing waits in the queue")]
    QueueEmpty,
    #[error("a reason is needed")]
    WordsMissing,
    #[error("the device's times cannot be")]
    OfflineDeviceTime,
    #[error("the order was captured too long ago")]
    OfflineTooOld { hours: i64 },
    #[error("the device's rules were too old when the order was captured")]
    OfflineRulesStale { hours: i64 },
    #[error("another order came under the same id")]
    OfflineDiffers,
    #[error("the field is missing or not of its form")]
    FieldInvalid { field: &'static str },
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "registration.not_found", 404, "没有这张登记单，或您无权查看", "There is no such order, or it is not yours to see", "请核对单号", "Check the order number";
        OUT_OF_ORDER = "registration.out_of_order", 409, "登记单当前为「{state_zh}」，不能执行此步骤", "The order is \"{state_en}\" and does not take this step", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        STALE = "registration.stale", 409, "页面已过期：登记单已被他人更新", "This page is stale: the order has moved on", "请刷新后重试，已填写的内容不会丢失", "Reload and try again";
        CHANNEL_NOT_ACTIVE = "registration.channel_not_active", 403, "本网点当前不具备实名登记权限", "This outlet may not register customers at present", "请联系渠道管理员核对准入、协议条款和状态", "Ask the channel manager to check admission, contract clauses and state";
        CLERK_NOT_TRAINED = "registration.clerk_not_trained", 403, "您的实名登记培训未通过或已过期", "Your real-name training is missing or has run out", "请先完成培训考核", "Pass the training first";
        MODE_CLOSED = "registration.mode_closed", 409, "本地区当前未开放「{mode_zh}」方式", "The mode \"{mode_en}\" is closed in this region", "请改为到厅办理或选择已开放的方式", "Use a hall, or a mode that is open";
        DOCUMENT_NOT_ALLOWED = "registration.document_not_allowed", 422, "本渠道不能使用该证件或该录入方式（{article}）", "This document, or this way of reading it, is not accepted at this channel ({article})", "社会渠道只受理用读卡器读取的居民身份证；其他证件请到自有营业厅", "Social outlets take resident ID cards through a reader only; other documents go to an own hall";
        DOCUMENT_NOT_VALID = "registration.document_not_valid", 422, "证件不在有效期内", "The document is not within its validity", "请出示有效证件原件", "Show an original document that is valid today";
        PROXY_NOT_ALLOWED = "registration.proxy_not_allowed", 422, "此处不受理代办", "Agents are not admitted here", "请机主本人到场", "The holder must come in person";
        AGENT_MISSING = "registration.agent_missing", 422, "代办须同时登记代理人证件", "By proxy, the agent's document is recorded too", "请填写代理人姓名、证件种类和号码", "Give the agent's name, document kind and number";
        AGENT_IS_HOLDER = "registration.agent_is_holder", 422, "代理人与机主是同一人", "Agent and holder are the same person", "本人办理请取消代办", "If the holder is here in person, untick the agent";
        PERSON_LISTED = "registration.person_listed", 403, "该客户在限制名单内，不能新办号码", "This person is on a restriction list and gets no new number", "请告知依据、期限和申诉渠道", "Tell them the basis, the term and how to appeal";
        QUOTA_FULL = "registration.quota_full", 409, "该客户名下号码已达上限（{limit} 个），不能办理", "This person already holds the limit of {limit} numbers", "请先查询并注销不用的号码", "Look up their numbers and cancel one that is not used";
        NUMBER_TAKEN = "registration.number_taken", 409, "该号码已被占用", "This number is taken", "请另选号码", "Pick another number";
        NUMBER_UNKNOWN = "registration.number_unknown", 404, "号码池中没有该号码", "The number is not in the pool", "请从可选号码中选择", "Pick one of the offered numbers";
        NOT_IN_SERVICE_HERE = "registration.not_in_service_here", 404, "该号码不是本企业在网用户，不能补登", "No subscriber of this carrier has this number: there is nothing to re-register", "请与客户核对号码；新入网请另选号码", "Check the number with the customer; for a new one, pick a number";
        ALREADY_REREGISTERING = "registration.already_reregistering", 409, "该号码已有在途的补登单", "An order to re-register this number is open already", "请在登记单列表中继续，或取消后重办", "Go on with it in the list of orders, or cancel it first";
        ANOTHER_HOLDER = "registration.another_holder", 409, "该号码已由他人实名登记，补登不能变更机主", "The number is under another person's true name; re-registration does not change its holder", "请机主本人到场；变更机主须办理过户", "The holder comes in person; a change of holder is a transfer";
        ORIGINAL_NOT_SEEN = "registration.original_not_seen", 422, "必须查验证件原件（R-REG-2）", "The original document must be seen and checked (R-REG-2)", "请查验原件后勾选确认", "Check the original, then tick the box";
        WARNING_NOT_READ = "registration.warning_not_read", 422, "须向客户说明禁止买卖、出租、出借电话卡", "The customer must be told that cards may not be sold, rented or lent", "请宣读提示并勾选", "Read out the warning and tick the box";
        IMAGE_MISSING = "registration.image_missing", 422, "缺少影像：{image_zh}", "A picture is missing: {image_en}", "请拍摄或上传该影像", "Take or upload it";
        AGREEMENT_CLAUSE_MISSING = "registration.agreement_clause_missing", 422, "集团协议须载明实名登记义务", "The group agreement must state the real-name duty", "请核对协议条款后勾选", "Check the clause, then tick the box";
        ORGANISATION_MISSING = "registration.organisation_missing", 422, "须登记单位证照和经办人", "The organisation's certificate and handling person are required", "请填写统一社会信用代码、单位名称和经办人证件", "Give the credit code, the name and the handling person's document";
        CHECK_PENDING = "registration.check_pending", 409, "联网核验尚未返回，登记单等待中", "The networked check has not answered yet: the order waits", "请稍后重试；核验恢复后自动继续", "Try again later; it goes on by itself once the check answers";
        CHECK_FAILED = "registration.check_failed", 409, "联网核验不一致，不能通过", "The networked check does not confirm the document: no approval", "请退回重采或驳回", "Return it for re-capture or reject it";
        FACE_NOT_MATCHED = "registration.face_not_matched", 409, "人像比对缺失或低于阈值，单人不能通过", "The face comparison is absent or below the threshold: one auditor alone cannot approve", "请转二级审核，由两名高级审核员人工判定", "Escalate to two senior auditors, who judge by eye";
        OWN_ORDER = "registration.own_order", 403, "不能审核本人受理的登记单", "You do not audit an order you captured", "由其他组织的审核员处理", "An auditor of another organisation takes it";
        SAME_ORGANISATION = "registration.same_organisation", 403, "审核员与受理网点不得属于同一组织", "An order is audited by another organisation than the one that captured it", "由其他组织的审核员处理", "An auditor of another organisation takes it";
        HELD_BY_ANOTHER = "registration.held_by_another", 409, "该单已由其他审核员领取", "Another auditor holds this order", "请领取下一单", "Claim the next one";
        LEASE_EXPIRED = "registration.lease_expired", 409, "领取已超时", "Your hold on this order has run out", "请重新领取", "Claim it again";
        NO_DEFECT_NAMED = "registration.no_defect_named", 422, "退回须标明缺陷", "A return names what is wrong", "请至少选择一项缺陷", "Tick at least one defect";
        SECOND_SENIOR_NEEDED = "registration.second_senior_needed", 409, "第二票须由另一名高级审核员作出", "The second vote must be another senior's", "请另一名高级审核员处理", "Ask another senior auditor";
        NOT_YET_EXPIRED = "registration.not_yet_expired", 409, "预占尚未到期", "The reservation has not run out", "无需处理", "Nothing to do";
        ASSIGNEE_UNFIT = "registration.assignee_unfit", 422, "该工号不能审核此登记单", "This member of staff may not audit this order", "请填写其他组织在岗审核员的工号", "Give the staff number of a working auditor of another organisation";
        QUEUE_EMPTY = "registration.queue_empty", 404, "队列中没有待审核的登记单", "Nothing waits in the queue", "稍后再来", "Come back later";
        WORDS_MISSING = "registration.words_missing", 422, "请填写说明", "A few words are needed", "用一句话说明原因（2 至 200 字）", "Say why in one sentence (2 to 200 characters)";
        OFFLINE_DEVICE_TIME = "registration.offline_device_time", 422, "设备时间不可能：采集时间晚于上传时间，或早于规则下发时间", "The device's times cannot be: captured after it was sent, or before its rules were given", "请校准设备时钟，并请客户到场重新采集", "Set the device's clock and capture again with the customer present";
        OFFLINE_TOO_OLD = "registration.offline_too_old", 422, "离线采集已超过 {hours} 小时", "This order was captured more than {hours} hours ago", "请删除该单，并请客户到场重新采集", "Delete it and capture again with the customer present";
        OFFLINE_RULES_STALE = "registration.offline_rules_stale", 422, "采集时设备上的规则已超过 {hours} 小时未更新", "When this was captured the rules on the device were older than {hours} hours", "请联网更新后，由客户到场重新采集", "Go online, then capture again with the customer present";
        OFFLINE_DIFFERS = "registration.offline_differs", 409, "同一编号已上传过另一份内容", "Another order was uploaded under the same id", "已上传的登记单不变；请在登记单列表中查看", "The one uploaded stays as it is; find it in the list of orders";
        FIELD_INVALID = "registration.field_invalid", 422, "字段缺失或格式不对", "The field is missing or not of its form", "请按提示的格式填写该字段", "Fill the field in the form shown beside it";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        use code as c;
        match self {
            Self::NotFound => Problem::new(&c::NOT_FOUND),
            Self::OutOfOrder { state } => {
                Problem::new(&c::OUT_OF_ORDER).with("state_zh", state.words().0).with("state_en", state.words().1)
            }
            Self::Stale => Problem::new(&c::STALE),
            Self::ChannelNotActive => Problem::new(&c::CHANNEL_NOT_ACTIVE),
            Self::ClerkNotTrained => Problem::new(&c::CLERK_NOT_TRAINED),
            Self::ModeClosed { mode } => {
                Problem::new(&c::MODE_CLOSED).with("mode_zh", mode.words().0).with("mode_en", mode.words().1).field("mode")
            }
            Self::DocumentNotAllowedHere { article } => {
                Problem::new(&c::DOCUMENT_NOT_ALLOWED).with("article", article).field("document_kind")
            }
            Self::DocumentNotValid => Problem::new(&c::DOCUMENT_NOT_VALID).field("valid_until"),
            Self::ProxyNotAllowed => Problem::new(&c::PROXY_NOT_ALLOWED).field("agent"),
            Self::AgentMissing => Problem::new(&c::AGENT_MISSING).field("agent"),
            Self::AgentIsHolder => Problem::new(&c::AGENT_IS_HOLDER).field("agent"),
            Self::PersonListed => Problem::new(&c::PERSON_LISTED),
            Self::QuotaFull { limit } => Problem::new(&c::QUOTA_FULL).with("limit", limit),
            Self::NumberTaken => Problem::new(&c::NUMBER_TAKEN).field("number"),
            Self::NumberUnknown => Problem::new(&c::NUMBER_UNKNOWN).field("number"),
            Self::NotInServiceHere => Problem::new(&c::NOT_IN_SERVICE_HERE).field("number"),
            Self::AlreadyReregistering => Problem::new(&c::ALREADY_REREGISTERING).field("number"),
            Self::AnotherHolder => Problem::new(&c::ANOTHER_HOLDER),
            Self::OriginalNotSeen => Problem::new(&c::ORIGINAL_NOT_SEEN).field("original_seen"),
            Self::WarningNotRead => Problem::new(&c::WARNING_NOT_READ).field("warning_read"),
            Self::ImageMissing { kind } => {
                Problem::new(&c::IMAGE_MISSING).with("image_zh", kind.words().0).with("image_en", kind.words().1).field(kind.as_str())
            }
            Self::AgreementClauseMissing => Problem::new(&c::AGREEMENT_CLAUSE_MISSING).field("agreement_clause"),
            Self::OrganisationMissing => Problem::new(&c::ORGANISATION_MISSING).field("organisation"),
            Self::CheckPending => Problem::new(&c::CHECK_PENDING),
            Self::CheckFailed => Problem::new(&c::CHECK_FAILED),
            Self::FaceNotMatched => Problem::new(&c::FACE_NOT_MATCHED),
            Self::OwnOrder => Problem::new(&c::OWN_ORDER),
            Self::SameOrganisation => Problem::new(&c::SAME_ORGANISATION),
            Self::HeldByAnother => Problem::new(&c::HELD_BY_ANOTHER),
            Self::LeaseExpired => Problem::new(&c::LEASE_EXPIRED),
            Self::NoDefectNamed => Problem::new(&c::NO_DEFECT_NAMED).field("defects"),
            Self::SecondSeniorNeeded => Problem::new(&c::SECOND_SENIOR_NEEDED),
            Self::NotYetExpired => Problem::new(&c::NOT_YET_EXPIRED),
            Self::AssigneeUnfit => Problem::new(&c::ASSIGNEE_UNFIT).field("assignee"),
            Self::QueueEmpty => Problem::new(&c::QUEUE_EMPTY),
            Self::WordsMissing => Problem::new(&c::WORDS_MISSING).field("words"),
            Self::OfflineDeviceTime => Problem::new(&c::OFFLINE_DEVICE_TIME),
            Self::OfflineTooOld { hours } => Problem::new(&c::OFFLINE_TOO_OLD).with("hours", hours),
            Self::OfflineRulesStale { hours } => Problem::new(&c::OFFLINE_RULES_STALE).with("hours", hours),
            Self::OfflineDiffers => Problem::new(&c::OFFLINE_DIFFERS),
            Self::FieldInvalid { field } => Problem::new(&c::FIELD_INVALID).field(*field),
        }
    }
}
