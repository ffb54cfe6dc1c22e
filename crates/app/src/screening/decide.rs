//! 判定接口: the engine for those who do not speak SIP. The same attempt gets the same verdict, byte for byte, whichever way it comes. And how calls ended.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, PoisonError},
};

use chuangsha_kernel::{
    problem::{Language, Problem},
    role,
    time::Timestamp,
};
use chuangsha_screen::{
    Attempt, Identity, Ingress, Number, Observe, Outcome, Released, Roaming, Snapshot, TrunkId, Verdict,
    replay::VerdictLine,
    stir::{MOST_TOKENS, Told},
};

use super::code;
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
    },
};

/// Calls of one batch.
pub const MOST: usize = 1_000;

/// 呼叫尝试 as a program sends it: numbers as signalled. No Debug: numbers are personal.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScreenAttempt)]
pub struct AttemptInput {
    /// The caller's own name for this call, the same when it is sent again; 1 to 128 characters: a Call-ID, a sequence number.
    pub call: String,
    /// When the call came, milliseconds UTC; now when absent.
    #[serde(default)]
    pub at: Option<i64>,
    /// Number of the trunk it came in on, as the snapshot has it; or else its code.
    #[serde(default)]
    pub trunk: Option<u32>,
    /// Code of the trunk in the ledger.
    #[serde(default)]
    pub trunk_code: String,
    /// `international`, `interconnect`, `enterprise`, `retail`; the ledger's class leads where the trunk stands in it.
    #[schema(value_type = String)]
    pub ingress: Ingress,
    /// Presented number, as signalled.
    #[serde(default)]
    pub from: Option<String>,
    /// P-Asserted-Identity.
    #[serde(default)]
    pub pai: Option<String>,
    /// P-Preferred-Identity.
    #[serde(default)]
    pub ppi: Option<String>,
    /// Registered number of the line.
    #[serde(default)]
    pub line: Option<String>,
    /// Callee, as signalled.
    pub callee: String,
    /// The caller hides the number.
    #[serde(default)]
    pub hidden: bool,
    /// The call carries proof of forwarding.
    #[serde(default)]
    pub diverted: bool,
    /// `unasked`, `abroad`, `at_home`, `unreachable`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub roaming: Roaming,
    /// `absent`, `unchecked`, `full`, `partial`, `gateway`, `invalid`, `revoked`: what an edge of its own made of the token. Not beside `identity_tokens`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub identity: Identity,
    /// Values of the Identity headers (RFC 8224), as signalled, at most 8: checked here, against `pai` or `from`, `callee` and `to`. With them `call`
    /// is to be the Call-ID: a token that turns up in too many calls is a copy.
    #[serde(default)]
    pub identity_tokens: Vec<String>,
    /// To, as signalled, where it is another number than `callee`.
    #[serde(default)]
    pub to: Option<String>,
}

/// A verdict with the rules it was made by: written as a replay writes it.
#[derive(Clone)]
pub struct Written(Verdict, Arc<Snapshot>);

impl serde::Serialize for Written {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(&VerdictLine::new(&self.0, &self.1.rules), serializer)
    }
}

/// 判定 as a program reads it: what a SIP edge acts on, for the same call the same bytes.
#[derive(Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenDecided)]
pub struct Decided {
    /// The caller's own name for the call.
    pub call: String,
    /// The verdict: evidence, action, score, reasons with article, category, country, versions, expiry, redress.
    #[schema(value_type = Object)]
    pub verdict: Written,
}

/// Texts of an attempt longer than this are none.
const LONGEST: usize = 256;
/// And tokens longer than this.
const LONGEST_TOKEN: usize = 8_192;

fn field(name: &'static str) -> Problem {
    Problem::new(&code::FIELD_INVALID).field(name).with("field", name)
}

fn check(input: &AttemptInput) -> Result<(), Problem> {
    if !(1..=128).contains(&input.call.len()) {
        return Err(field("call"));
    }
    for (name, text) in [("from", &input.from), ("pai", &input.pai), ("ppi", &input.ppi), ("line", &input.line), ("to", &input.to)] {
        if text.as_ref().is_some_and(|text| text.len() > LONGEST) {
            return Err(field(name));
        }
    }
    if input.callee.is_empty() || input.callee.len() > LONGEST {
        return Err(field("callee"));
    }
    let checked = input.identity_tokens.is_empty() || input.identity == Identity::Absent;
    if !checked || input.identity_tokens.len() > MOST_TOKENS || input.identity_tokens.iter().any(|token| token.len() > LONGEST_TOKEN) {
        return Err(field("identity_tokens"));
    }
    Ok(())
}

/// What the tokens of a call come to, in the time a call has.
async fn identity(app: &App, input: &AttemptInput, now: Timestamp) -> Identity {
    if input.identity_tokens.is_empty() || check(input).is_err() {
        return input.identity;
    }
    let plan = app.engine.snapshot();
    let number = |text: &str| plan.plan.read(text).ok().map(|line| line.number);
    let told = || {
        Some(Told {
            call: input.call.as_bytes().to_vec(),
            caller: number(input.pai.as_deref().or(input.from.as_deref())?)?,
            callee: number(&input.callee)?,
            dialled: input.to.as_deref().and_then(number),
            diverted: input.diverted,
            at: input.at.map_or(now, Timestamp),
        })
    };
    match (&app.tokens, told()) {
        (Some(tokens), Some(told)) => tokens.vouch(input.identity_tokens.clone(), told).await,
        // A caller nobody can read, or nobody who checks.
        _ => Identity::Unchecked,
    }
}

/// The number an edge gives a call of this name.
pub fn call_id(name: &str) -> u64 {
    if let Ok(number) = name.parse() {
        return number;
    }
    // Fixed keys: the same name is the same call on every node.
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Decides about one call; nothing is written and nothing is waited for.
fn decide(app: &App, input: &AttemptInput, identity: Identity, now: Timestamp) -> Result<Decided, Problem> {
    check(input)?;
    let snapshot = app.engine.snapshot();
    let trunk = match (input.trunk, input.trunk_code.as_str()) {
        (Some(number), _) => TrunkId(number),
        (None, "") => return Err(field("trunk")),
        // A code the ledger does not have is no line: what comes in on it is judged by its class alone.
        (None, code) => snapshot.ledger.named(code).map_or(TrunkId(0), |line| line.id),
    };
    let attempt = Attempt {
        id: call_id(&input.call),
        at: input.at.map_or(now, Timestamp),
        trunk,
        ingress: input.ingress,
        from: input.from.as_deref(),
        pai: input.pai.as_deref(),
        ppi: input.ppi.as_deref(),
        line: input.line.as_deref(),
        callee: &input.callee,
        hidden: input.hidden,
        diverted: input.diverted,
        roaming: input.roaming,
        identity,
    };
    let verdict = app.screen(&attempt);
    Ok(Decided { call: input.call.clone(), verdict: Written(verdict, snapshot) })
}

/// 单次判定.
///
/// # Errors
/// `screening.field_invalid`, `people.denied`
pub async fn one(app: &App, actor: &Actor, input: &AttemptInput) -> Result<Decided> {
    actor.reach(app, role::Action::ScreeningDecide)?;
    let now = app.clock.now();
    let identity = identity(app, input, now).await;
    decide(app, input, identity, now).map_err(Failure::from)
}

/// What came of one line of a batch: the verdict, or why there is none.
#[derive(Clone, serde::Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(as = ScreenBatchLine)]
pub enum Answer {
    /// It was decided.
    Decided(Decided),
    /// The line is not of its form; the others were decided all the same.
    Refused(Wrong),
}

/// Why one line of a batch was not taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenWrongLine)]
pub struct Wrong {
    /// Line, from 0.
    pub line: u64,
    /// Field.
    pub field: String,
    /// Stable code.
    pub code: String,
    /// What is wrong, Chinese.
    pub title_zh: String,
    /// What is wrong, English.
    pub title_en: String,
    /// What to do, Chinese.
    pub remedy_zh: String,
    /// What to do, English.
    pub remedy_en: String,
}

impl Wrong {
    /// Of a line of a batch.
    pub fn of(line: usize, problem: &Problem) -> Self {
        Self {
            line: line as u64,
            field: problem.field.clone().unwrap_or_default(),
            code: problem.code.id.to_owned(),
            title_zh: problem.title(Language::Chinese),
            title_en: problem.title(Language::English),
            remedy_zh: problem.remedy(Language::Chinese),
            remedy_en: problem.remedy(Language::English),
        }
    }
}

fn bounded(lines: usize) -> Result<()> {
    if (1..=MOST).contains(&lines) { Ok(()) } else { Err(Problem::new(&code::BATCH_SIZE).with("most", MOST).into()) }
}

/// 批量判定: in the order given, each as if it came alone.
///
/// # Errors
/// `screening.batch_size`, `people.denied`
pub async fn batch(app: &App, actor: &Actor, inputs: &[AttemptInput]) -> Result<Vec<Answer>> {
    actor.reach(app, role::Action::ScreeningDecide)?;
    bounded(inputs.len())?;
    let now = app.clock.now();
    // Tokens first, side by side; then the calls in their order.
    let identities = futures_util::future::join_all(inputs.iter().map(|input| identity(app, input, now))).await;
    let answer = |(line, (input, identity))| match decide(app, input, identity, now) {
        Ok(decided) => Answer::Decided(decided),
        Err(problem) => Answer::Refused(Wrong::of(line, &problem)),
    };
    Ok(inputs.iter().zip(identities).enumerate().map(answer).collect())
}

/// 通话结果 as a program sends it. No Debug.
#[derive(Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScreenOutcome)]
pub struct OutcomeInput {
    /// The caller's own name for this call; told twice it counts once.
    pub call: String,
    /// When the call ended, milliseconds UTC.
    pub at: i64,
    /// Number of the trunk.
    #[serde(default)]
    pub trunk: u32,
    /// Caller, as signalled.
    pub caller: String,
    /// Callee, as signalled.
    pub callee: String,
    /// How long it rang, milliseconds.
    pub ring_ms: u32,
    /// How long they spoke, milliseconds; 0 = never answered.
    pub talk_ms: u32,
    /// Who ended it: `caller`, `callee`, `network`.
    #[schema(value_type = String)]
    pub released: Released,
}

/// What became of outcomes.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenOutcomes)]
pub struct Fedback {
    /// Taken in.
    pub taken: u64,
    /// Told before.
    pub known: u64,
    /// Not of their form.
    pub refused: Vec<Wrong>,
}

/// Calls whose end was told lately: a feed that sends a piece again counts nothing twice. In memory, a fixed number of the newest.
#[derive(Default)]
pub struct Fed {
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

const REMEMBERED: usize = 1 << 18;

impl Fed {
    /// Whether this one is new.
    fn take(&mut self, call: u64) -> bool {
        if !self.known.insert(call) {
            return false;
        }
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(call);
        true
    }
}

/// 结果反馈: takes in how calls ended. The same call told again is known and counts nothing.
///
/// # Errors
/// `screening.batch_size`, `people.denied`
pub fn outcomes(app: &App, actor: &Actor, inputs: &[OutcomeInput]) -> Result<Fedback> {
    actor.reach(app, role::Action::ScreeningDecide)?;
    bounded(inputs.len())?;
    let plan = app.engine.snapshot();
    let mut fed = app.watch.fed.lock().unwrap_or_else(PoisonError::into_inner);
    let mut told = Fedback::default();
    for (line, input) in inputs.iter().enumerate() {
        let number = |text: &str, name: &'static str| -> Result<Number, Problem> {
            plan.plan.read(text).map(|line| line.number).map_err(|_| Problem::new(&code::NUMBER_INVALID).field(name))
        };
        let read = || {
            if !(1..=128).contains(&input.call.len()) {
                return Err(field("call"));
            }
            Ok(Outcome {
                at: Timestamp(input.at),
                trunk: TrunkId(input.trunk),
                caller: number(&input.caller, "caller")?,
                callee: number(&input.callee, "callee")?,
                ring_ms: input.ring_ms,
                talk_ms: input.talk_ms,
                released: input.released,
            })
        };
        match read() {
            Err(problem) => told.refused.push(Wrong::of(line, &problem)),
            Ok(_) if !fed.take(call_id(&input.call)) => told.known += 1,
            Ok(outcome) => {
                app.engine.outcome(&outcome);
                app.watch.ended(&outcome);
                told.taken += 1;
            }
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_told_twice_counts_once_and_the_memory_stays_bounded() {
        let mut fed = Fed::default();
        assert!(fed.take(7) && !fed.take(7));
        for call in 0..REMEMBERED as u64 {
            fed.take(call + 100);
        }
        assert_eq!((fed.order.len(), fed.known.len()), (REMEMBERED, REMEMBERED));
        assert!(fed.take(7), "the oldest is forgotten first");
    }

    #[test]
    fn a_name_that_is_a_number_is_that_number() {
        assert_eq!((call_id("42"), call_id("a84b4c76e66710") == call_id("a84b4c76e66710")), (42, true));
        assert_ne!(call_id("a84b4c76e66710"), call_id("a84b4c76e66711"));
    }
}
