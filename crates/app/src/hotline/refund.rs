//! 退费台账: what is paid back, counted in fen, approved by a second person, and what becomes of it (R-REM-11, R-HOT-5).

use chuangsha_kernel::{
    id::StaffId,
    problem::{Problem, Refuse},
    role::Action,
    time::Timestamp,
};
use chuangsha_store::{Row, Tx, params};
use uuid::Uuid;

use super::filed::{self, Filed, Filter};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::By,
        failure::{Failure, Result, refuse},
        listed::listed,
        money,
    },
    remediation::refund as closing,
};

/// Tables of refunds.
pub const DDL: &str = "
CREATE TABLE refund (
    id BYTEA PRIMARY KEY,
    ticket BYTEA NOT NULL,
    region TEXT NOT NULL,
    amount_fen BIGINT NOT NULL CHECK (amount_fen > 0),
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    computed_by BYTEA NOT NULL,
    approved_by BYTEA,
    computed_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT two_people_pay_back CHECK (approved_by IS NULL OR approved_by <> computed_by),
    CONSTRAINT what_is_paid_was_approved CHECK (state IN (1, 6) OR approved_by IS NOT NULL)
);
CREATE INDEX refund_region ON refund (region, id);
CREATE INDEX refund_ticket ON refund (ticket);
";

listed! {
    /// 退费状态
    RefundState {
        Computed = 1, "computed", "已核算", "Computed";
        Approved = 2, "approved", "已审批", "Approved";
        Paid = 3, "paid", "已退付", "Paid";
        Unclaimed = 4, "unclaimed", "无人领取", "Unclaimed";
        AccountClosed = 5, "account_closed", "账户已销，款项退回", "Account closed, money returned";
        Refused = 6, "refused", "未批准", "Refused";
    }
}

listed! {
    /// 退费步骤
    RefundStep {
        Approve = 1, "approve", "审批", "Approve";
        Refuse = 2, "refuse", "不批准", "Refuse";
        Pay = 3, "pay", "登记退付", "Record the payment";
        Unclaim = 4, "unclaim", "登记无人领取", "Record as unclaimed";
        CloseAccount = 5, "close_account", "登记账户已销、款项退回", "Record that the account is closed and the money came back";
    }
}

/// 退费
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Id.
    pub id: Uuid,
    /// Ticket it belongs to.
    pub ticket: Uuid,
    /// City.
    pub region: String,
    /// 分
    pub amount_fen: i64,
    /// State.
    pub state: RefundState,
    /// Grows with every step.
    pub version: i64,
    /// Who computed it.
    pub computed_by: StaffId,
    /// Who approved or refused it.
    pub approved_by: Option<StaffId>,
    /// Computed.
    pub computed_at: Timestamp,
}

/// Why a step is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's sentence is its code's text below")]
pub enum Refusal {
    #[error("no such refund")]
    NotFound,
    #[error("the refund is {}: it does not take this step", .0.as_str())]
    OutOfOrder(RefundState),
    #[error("whoever computed it does not approve it")]
    OwnComputation,
    #[error("an amount is above zero and below 100,000 yuan")]
    Amount,
    #[error("somebody changed it in the meantime")]
    Changed,
}

/// Codes of refunds.
pub mod code {
    chuangsha_kernel::codes! {
        NOT_FOUND = "refund.not_found", 404, "没有这笔退费，或您无权查看", "There is no such refund, or it is not yours to see", "请核对地址", "Check the address";
        OUT_OF_ORDER = "refund.out_of_order", 409, "该退费当前为「{state_zh}」，不能执行此步骤", "The refund is \"{state_en}\" and does not take this step", "请刷新页面查看最新状态", "Reload the page to see where it stands";
        OWN_COMPUTATION = "refund.own_computation", 409, "核算人不得审批本人核算的退费", "Whoever computed a refund does not approve it", "请由另一人审批", "Have another person approve it";
        AMOUNT = "refund.amount", 422, "金额须大于 0、小于 10 万元，最多两位小数", "An amount is above zero, below 100,000 yuan, with two decimals at most", "例如 12.50", "For example 12.50";
        CHANGED = "refund.changed", 409, "该退费刚被他人修改", "Somebody changed the refund in the meantime", "请刷新后重试", "Reload and try again";
    }
}

impl Refuse for Refusal {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::new(&code::NOT_FOUND),
            Self::OutOfOrder(state) => {
                Problem::new(&code::OUT_OF_ORDER).with("state_zh", state.words().0).with("state_en", state.words().1)
            }
            Self::OwnComputation => Problem::new(&code::OWN_COMPUTATION),
            Self::Amount => Problem::new(&code::AMOUNT).field("amount"),
            Self::Changed => Problem::new(&code::CHANGED),
        }
    }
}

/// What may be paid back, in fen, as it was typed in yuan.
///
/// # Errors
/// [`Refusal::Amount`]
pub fn amount(text: &str) -> Result<i64, Refusal> {
    money::fen(text).filter(|fen| (1..10_000_000).contains(fen)).ok_or(Refusal::Amount)
}

impl Refund {
    /// The only way a refund changes.
    ///
    /// # Errors
    /// The refusal names the guard that held.
    pub fn decide(&self, step: RefundStep, by: StaffId) -> Result<Self, Refusal> {
        use RefundState::{AccountClosed, Approved, Computed, Paid, Refused, Unclaimed};
        let mut next = Self { version: self.version + 1, ..self.clone() };
        next.state = match (self.state, step) {
            (Computed, RefundStep::Approve) => {
                if by == self.computed_by {
                    return Err(Refusal::OwnComputation);
                }
                next.approved_by = Some(by);
                Approved
            }
            (Computed, RefundStep::Refuse) => Refused,
            // Money nobody fetched may still be fetched; what a closed account refused may be paid another way.
            (Approved | Unclaimed | AccountClosed, RefundStep::Pay) => Paid,
            // The money came back: until somebody says where else to send it, it stands in the register of what nobody claimed.
            (Approved | AccountClosed, RefundStep::Unclaim) => Unclaimed,
            (Approved, RefundStep::CloseAccount) => AccountClosed,
            (state, _) => return Err(Refusal::OutOfOrder(state)),
        };
        Ok(next)
    }
}

impl Filed for Refund {
    const TABLE: &'static str = "refund";
    const COLUMNS: &'static str = "id, ticket, region, amount_fen, state, version, computed_by, approved_by, computed_at";

    fn read(row: &Row) -> Result<Self> {
        let broken = |column: &str| Failure::internal(format!("refund.{column} holds a value this version does not know"));
        Ok(Self {
            id: row.uuid(0)?,
            ticket: row.uuid(1)?,
            region: row.text(2)?,
            amount_fen: row.int(3)?,
            state: RefundState::from_i64(row.int(4)?).ok_or_else(|| broken("state"))?,
            version: row.int(5)?,
            computed_by: StaffId(row.uuid(6)?),
            approved_by: row.opt_uuid(7)?.map(StaffId),
            computed_at: Timestamp(row.int(8)?),
        })
    }

    fn missing() -> Failure {
        refuse(Refusal::NotFound)
    }

    fn region(&self) -> &str {
        &self.region
    }

    fn ticket(&self) -> Option<Uuid> {
        Some(self.ticket)
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn changed() -> Failure {
        refuse(Refusal::Changed)
    }
}

listed! {
    /// 退费来源
    RefundOrigin {
        Complaint = 1, "complaint", "投诉退赔", "Of a complaint";
        Closing = 2, "closing", "销户余额", "Closing balance";
    }
}

/// 退费台账的一行: what is paid back, whatever for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// Id: of the refund, or of the case that cancelled the line. Both grow with time.
    pub id: Uuid,
    /// What for.
    pub origin: RefundOrigin,
    /// Code of the ticket; empty for a closing balance.
    pub ticket: String,
    /// City.
    pub region: String,
    /// 分
    pub amount_fen: i64,
    /// State; what is owed of a cancelled line needs nobody's approval.
    pub state: RefundState,
    /// Computed, or owed since.
    pub at: Timestamp,
}

const fn of_closing(state: closing::State) -> RefundState {
    match state {
        closing::State::Computed => RefundState::Computed,
        closing::State::Owed => RefundState::Approved,
        closing::State::Settled => RefundState::Paid,
        closing::State::Unclaimed => RefundState::Unclaimed,
        closing::State::AccountClosed => RefundState::AccountClosed,
    }
}

/// 退费台账: complaints and closing balances in one list, newest first. Closing balances only for whoever may see the remediation.
///
/// # Errors
/// The right to see tickets.
pub async fn ledger(app: &App, actor: &Actor, mut filter: Filter, origin: Option<RefundOrigin>) -> Result<Vec<Entered>> {
    filter.region = app.visible_region(actor, Action::TicketView, &filter.region)?;
    let closings = match actor.could(app, Action::RemediationView) {
        true => Some(app.visible_region(actor, Action::RemediationView, &filter.region)?),
        false => None,
    };
    let wanted = move |one: RefundOrigin| origin.is_none_or(|origin| origin == one);
    app.read(move |tx| {
        let mut rows = Vec::new();
        if wanted(RefundOrigin::Complaint) {
            for one in filed::page::<Refund>(tx, &filter)? {
                let (one, ticket) = filed::with_code(tx, one)?;
                let (origin, at) = (RefundOrigin::Complaint, one.computed_at);
                rows.push(Entered { id: one.id, origin, ticket, region: one.region, amount_fen: one.amount_fen, state: one.state, at });
            }
        }
        if let Some(region) = closings.clone().filter(|_| wanted(RefundOrigin::Closing)) {
            let of = |state: &&closing::State| filter.state.is_none_or(|wanted| wanted == of_closing(**state) as i64);
            let states: Vec<closing::State> = closing::State::ALL.iter().filter(of).copied().collect();
            for one in closing::newest(tx, &region, &states, filter.after, filter.limit)? {
                let (origin, state, ticket) = (RefundOrigin::Closing, of_closing(one.state), String::new());
                rows.push(Entered { id: one.case, origin, ticket, region: one.region, amount_fen: one.amount, state, at: one.at });
            }
        }
        rows.sort_by_key(|one| std::cmp::Reverse(one.id));
        rows.truncate(usize::try_from(filter.limit).unwrap_or(0));
        Ok(rows)
    })
    .await
}

/// The refunds of a ticket.
pub fn of_ticket(tx: &mut Tx, ticket: Uuid) -> Result<Vec<Refund>> {
    let sql = format!("SELECT {} FROM refund WHERE ticket = $1 ORDER BY id", Refund::COLUMNS);
    tx.query(&sql, &params![&ticket])?.iter().map(Refund::read).collect()
}

/// 核算: computes a refund for a ticket.
///
/// # Errors
/// [`Refusal::Amount`]; the right to work the ticket.
pub async fn compute(app: &App, actor: &Actor, ticket: Uuid, amount: String, words: String) -> Result<Refund> {
    actor.reach(app, Action::TicketWork)?;
    let now = app.clock.now();
    let amount_fen = self::amount(&amount).map_err(refuse)?;
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let ticket = filed::of_ticket(&writer, tx, &actor, ticket)?;
        let one = Refund {
            id: writer.ids.next(now),
            ticket: ticket.id,
            region: ticket.region,
            amount_fen,
            state: RefundState::Computed,
            version: 1,
            computed_by: actor.staff,
            approved_by: None,
            computed_at: now,
        };
        tx.push(
            "INSERT INTO refund (id, ticket, region, amount_fen, state, version, computed_by, computed_at, updated_at) \
             VALUES ($1, $2, $3, $4, 1, 1, $5, $6, $6)",
            &params![&one.id, &one.ticket, &one.region, one.amount_fen, one.computed_by.as_bytes(), now.0],
        )?;
        record(&writer, tx, &actor, &one, "refund.compute", words.trim(), now)?;
        Ok(one)
    })
    .await
}

/// Takes a step on a refund. Approving and refusing are decisions; recording what became of it is work.
///
/// # Errors
/// [`Refusal`]; the right to take it.
pub async fn step(app: &App, actor: &Actor, id: Uuid, version: i64, step: RefundStep, words: String) -> Result<Refund> {
    let action = match step {
        RefundStep::Approve | RefundStep::Refuse => Action::TicketDecide,
        _ => Action::TicketWork,
    };
    filed::change(app, actor, (id, version), action, move |app, tx, actor, old: &Refund, now| {
        let next = old.decide(step, actor.staff).map_err(refuse)?;
        tx.push_one(
            "UPDATE refund SET state = $3, version = $4, approved_by = $5, updated_at = $6 WHERE id = $1 AND version = $2",
            &params![&id, old.version, next.state as i64, next.version, next.approved_by.as_ref().map(StaffId::as_bytes), now.0],
        )?;
        record(app, tx, actor, &next, &format!("refund.{}", step.as_str()), words.trim(), now)?;
        Ok(next)
    })
    .await
}

fn record(app: &App, tx: &mut Tx, actor: &Actor, one: &Refund, action: &str, why: &str, now: Timestamp) -> Result<()> {
    let facts = serde_json::json!({ "amount_fen": one.amount_fen, "ticket": one.ticket, "version": one.version });
    let noted = filed::Noted { action, id: one.id, step: one.state.as_str(), why, article: "R-REM-11", facts };
    filed::note(app, tx, By::Actor(actor), &noted, now)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails stops")]

    use super::*;

    #[test]
    fn every_state_takes_exactly_the_steps_of_the_table() {
        use RefundState::{AccountClosed, Approved, Computed, Paid, Refused, Unclaimed};
        // Columns: approve, refuse, pay, unclaim, close account.
        let table: [(RefundState, [Option<RefundState>; 5]); 6] = [
            (Computed, [Some(Approved), Some(Refused), None, None, None]),
            (Approved, [None, None, Some(Paid), Some(Unclaimed), Some(AccountClosed)]),
            (Paid, [None; 5]),
            (Unclaimed, [None, None, Some(Paid), None, None]),
            (AccountClosed, [None, None, Some(Paid), Some(Unclaimed), None]),
            (Refused, [None; 5]),
        ];
        assert_eq!(table.map(|(state, _)| state).as_slice(), RefundState::ALL, "a new state has its row");
        let (one, two) = (StaffId(Uuid::from_u128(1)), StaffId(Uuid::from_u128(2)));
        for (state, row) in table {
            let refund = Refund {
                id: Uuid::nil(),
                ticket: Uuid::nil(),
                region: "990100".into(),
                amount_fen: 1,
                state,
                version: 1,
                computed_by: one,
                approved_by: (state != Computed).then_some(two),
                computed_at: Timestamp(0),
            };
            for (step, wanted) in RefundStep::ALL.iter().zip(row) {
                match (refund.decide(*step, two), wanted) {
                    (Ok(next), Some(wanted)) => assert_eq!(next.state, wanted),
                    (Err(Refusal::OutOfOrder(found)), None) => assert_eq!(found, state),
                    (result, wanted) => panic!("{state:?} {step:?}: {result:?}, wanted {wanted:?}"),
                }
            }
            if state == Computed {
                assert_eq!(refund.decide(RefundStep::Approve, one), Err(Refusal::OwnComputation));
            }
        }
    }

    #[test]
    fn nothing_is_no_amount_and_a_hundred_thousand_yuan_is_too_much() {
        for (text, fen) in [("12.50", 1250), ("0.01", 1), (" 99999.99 ", 9_999_999)] {
            assert_eq!(amount(text), Ok(fen), "{text}");
        }
        for bad in ["", "0", "0.00", "1.234", "100000"] {
            assert_eq!(amount(bad), Err(Refusal::Amount), "{bad}");
        }
    }
}
