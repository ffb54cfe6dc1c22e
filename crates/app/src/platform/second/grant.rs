//! 金库授权申请: one request and its rules. Pure: the clock, the people and whether they still work here are arguments.

use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    problem::{Problem, Refuse},
    rulebook::Ruling,
    time::Timestamp,
};
use uuid::Uuid;

use crate::platform::{listed::listed, purpose::Purpose};

listed! {
    /// 高敏操作: what a second person is asked for. Another one is one line here.
    #[schema(as = SecondKind)]
    Kind {
        /// One field of one person.
        RevealField = 1, "reveal_field", "查看明文", "Show a field in clear";
        RevealImage = 2, "reveal_image", "查看影像", "Show an image";
        /// A list or file in clear.
        ExportClear = 3, "export_clear", "明文导出", "Export in clear";
        /// A line stopped for its registration is opened for some hours (R-REM-8).
        EmergencyRestore = 4, "emergency_restore", "紧急复机", "Emergency restoration";
    }
}

listed! {
    /// 高敏原因: why one person alone is not enough.
    #[schema(as = SecondCause)]
    Cause {
        Protected = 1, "protected", "重点保护用户", "Protected subscriber";
        /// L-PIP-26
        Minor = 2, "minor", "未成年人", "Under age";
        Bulk = 3, "bulk", "一小时内查看人数过多", "Too many persons within an hour";
        Far = 4, "far", "外省用户", "Other province";
        Clear = 5, "clear", "含明文", "In clear";
        Emergency = 6, "emergency", "紧急复机", "Emergency restoration";
    }
}

listed! {
    /// 申请状态
    #[schema(as = SecondStored)]
    State {
        Pending = 1, "pending", "待批", "Pending";
        /// Not used yet.
        Approved = 2, "approved", "已批准", "Approved";
        Refused = 3, "refused", "已拒绝", "Refused";
        Withdrawn = 4, "withdrawn", "已撤回", "Withdrawn";
        Used = 5, "used", "已使用", "Used";
    }
}

/// What people see of a state: time and leaving end a request without anybody writing it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SecondState)]
pub enum Shown {
    /// 待批
    Pending,
    /// 已批准
    Approved,
    /// 已拒绝
    Refused,
    /// 已撤回
    Withdrawn,
    /// 已使用
    Used,
    /// 已过期
    Expired,
    /// 已失效: requester or approver left, or has other rights since.
    Ended,
}

/// 签署人: who asked or decided, and the epochs they did it under: whoever leaves or gets other roles is somebody else from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    /// Who.
    pub staff: StaffId,
    /// Their organisation then.
    pub organisation: OrganisationId,
    /// Epoch of the person then.
    pub staff_epoch: i64,
    /// Epoch of the organisation then.
    pub organisation_epoch: i64,
}

/// 金库授权申请: one person asks another for one act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Id.
    pub id: Uuid,
    /// What act.
    pub kind: Kind,
    /// Why it needs two.
    pub cause: Cause,
    /// Where it stands.
    pub state: State,
    /// Counts the steps.
    pub version: i64,
    /// Who asks.
    pub by: Signer,
    /// What for.
    pub purpose: Purpose,
    /// When.
    pub made_at: Timestamp,
    /// Undecided until then: void.
    pub expires_at: Timestamp,
    /// Who decided.
    pub decided: Option<Signer>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Unused until then: void.
    pub good_until: Option<Timestamp>,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// One step.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// 批准
    Approve {
        /// By whom.
        by: Signer,
        /// How long it serves, milliseconds.
        good_ms: &'a Ruling<i64>,
    },
    /// 拒绝
    Refuse {
        /// By whom.
        by: Signer,
    },
    /// 撤回
    Withdraw {
        /// By whom.
        by: StaffId,
    },
    /// 使用: the act itself, in the transaction that does it.
    Take {
        /// By whom.
        by: StaffId,
        /// What act.
        kind: Kind,
        /// It is the very thing that was asked for.
        same: bool,
    },
}

/// Who still stands behind a request, by the record of this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The requester works here, under the same epochs.
    pub requester: bool,
    /// So does the approver; true where nobody decided yet.
    pub approver: bool,
}

impl Standing {
    /// Both.
    pub const fn holds(self) -> bool {
        self.requester && self.approver
    }
}

/// A step refused: nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not there, or not this person's.
    #[error("no such request, or not one this person may see")]
    NotFound,
    /// Another state.
    #[error("the request is {}: it does not take this step", .0.as_str())]
    OutOfOrder(State),
    /// Too late.
    #[error("the request or its approval has run out")]
    Expired,
    /// Somebody left.
    #[error("requester or approver no longer stands behind it")]
    Ended,
    /// Oneself.
    #[error("nobody approves their own request")]
    OwnRequest,
    /// A colleague.
    #[error("a request is decided in another organisation than the requester's")]
    SameOrganisation,
    /// Another thing than was approved.
    #[error("what was approved is something else")]
    Another,
}

impl Request {
    /// The only way a request changes state.
    pub fn decide(&self, step: Step<'_>, standing: Standing, now: Timestamp) -> Result<Self, Refusal> {
        let next = |state| Self { state, version: self.version + 1, ..self.clone() };
        match (self.state, step) {
            // Whose it is comes first: to anybody else it is not there.
            (_, Step::Take { by, .. } | Step::Withdraw { by }) if by != self.by.staff => Err(Refusal::NotFound),
            (State::Pending, Step::Approve { by, .. } | Step::Refuse { by }) if by.staff == self.by.staff => Err(Refusal::OwnRequest),
            (State::Pending, Step::Approve { by, .. } | Step::Refuse { by }) if by.organisation == self.by.organisation => {
                Err(Refusal::SameOrganisation)
            }
            (State::Pending, _) if now >= self.expires_at => Err(Refusal::Expired),
            (State::Pending, Step::Approve { .. }) if !standing.requester => Err(Refusal::Ended),
            (State::Pending, Step::Approve { by, good_ms }) => {
                Ok(Self { decided: Some(by), decided_at: Some(now), good_until: Some(now.plus_ms(good_ms.value)), ..next(State::Approved) })
            }
            (State::Pending, Step::Refuse { by }) => Ok(Self { decided: Some(by), decided_at: Some(now), ..next(State::Refused) }),
            (State::Pending | State::Approved, Step::Withdraw { .. }) => Ok(next(State::Withdrawn)),
            (State::Approved, Step::Take { .. }) if self.good_until.is_none_or(|until| now >= until) => Err(Refusal::Expired),
            (State::Approved, Step::Take { .. }) if !standing.holds() => Err(Refusal::Ended),
            (State::Approved, Step::Take { kind, same, .. }) if kind != self.kind || !same => Err(Refusal::Another),
            (State::Approved, Step::Take { .. }) => Ok(Self { used_at: Some(now), ..next(State::Used) }),
            (state, _) => Err(Refusal::OutOfOrder(state)),
        }
    }

    /// Where it stands for people.
    pub fn shown(&self, standing: Standing, now: Timestamp) -> Shown {
        match self.state {
            State::Refused => Shown::Refused,
            State::Withdrawn => Shown::Withdrawn,
            State::Used => Shown::Used,
            State::Pending if now >= self.expires_at => Shown::Expired,
            State::Approved if self.good_until.is_none_or(|until| now >= until) => Shown::Expired,
            State::Pending | State::Approved if !standing.holds() => Shown::Ended,
            State::Pending => Shown::Pending,
            State::Approved => Shown::Approved,
        }
    }
}

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "second.not_found", 404, "没有这项金库授权申请，或您无权查看", "There is no such request for a second person, or it is not yours to see", "请从列表中打开", "Open it from the list";
        OUT_OF_ORDER = "second.out_of_order", 409, "该申请已经处理，不能再执行此步骤", "This request has been dealt with and does not take this step", "请刷新列表", "Reload the list";
        EXPIRED = "second.expired", 409, "该申请或授权已过期", "The request, or its approval, has run out", "请重新申请", "Ask again";
        ENDED = "second.ended", 409, "申请人或审批人已离岗或变更权限，授权失效", "Requester or approver left or has other rights since: it serves no more", "请重新申请", "Ask again";
        OWN_REQUEST = "second.own_request", 403, "不能审批本人的申请", "Nobody decides their own request", "由另一组织的审批人处理", "An approver of another organisation decides it";
        SAME_ORGANISATION = "second.same_organisation", 403, "申请人与审批人不得属于同一组织", "A request is decided in another organisation than the requester's", "由另一组织的审批人处理", "An approver of another organisation decides it";
        ANOTHER = "second.another", 403, "授权的不是此项操作", "What was approved is something else", "一项授权只用于所申请的对象和字段；请重新申请", "An approval serves what it was asked for; ask again";
        NEEDED = "second.needed", 403, "此操作须金库授权（{cause_zh}）", "This needs a second person ({cause_en})", "请申请金库授权，由另一组织的审批人批准后再办理", "Ask for one; once an approver of another organisation agrees, try again";
        PENDING = "second.pending", 409, "同一事项已有待批申请", "A request for the same thing already waits", "请等待审批，或先撤回", "Wait for it, or withdraw it first";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        Problem::new(match self {
            Self::NotFound => &code::NOT_FOUND,
            Self::OutOfOrder(_) => &code::OUT_OF_ORDER,
            Self::Expired => &code::EXPIRED,
            Self::Ended => &code::ENDED,
            Self::OwnRequest => &code::OWN_REQUEST,
            Self::SameOrganisation => &code::SAME_ORGANISATION,
            Self::Another => &code::ANOTHER,
        })
    }
}
