//! 规则运行: what each rule does here, how often it was wrong, and what would change were it run otherwise.

use chuangsha_kernel::{problem::Problem, role};
use chuangsha_screen::{Action, Ingress, Rule, plan::Operator};
use chuangsha_store::params;

use super::{code, snapshot, table};
use crate::{
    App,
    platform::{
        actor::Actor,
        audit::{By, Entry},
        failure::{Failure, Result},
    },
};

/// One rule as it runs on this node.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenRuleView)]
pub struct RuleView {
    /// Stable code.
    pub rule: String,
    /// Name, Chinese.
    pub zh: String,
    /// Name, English.
    pub en: String,
    /// Explanation of the packs, Chinese.
    pub about_zh: String,
    /// Explanation, English.
    pub about_en: String,
    /// `pass`, `label`, `challenge`, `block`.
    pub action: String,
    /// `on`, `canary`, `shadow`, `off`.
    pub mode: String,
    /// It keeps an invariant and cannot be run otherwise.
    pub always_on: bool,
    /// Article.
    pub article: String,
    /// Title and number of the text.
    pub source: String,
    /// Calls it decided about since the start of this node.
    pub enforced: u64,
    /// Calls it would have decided about.
    pub shadow: u64,
    /// 误报: calls of its kind proven wrong, on this node.
    pub refuted: u64,
    /// 存疑: the two spoke for a minute or longer all the same.
    pub doubted: u64,
    /// Appeals against it that were upheld, ever.
    pub upheld: u64,
    /// Calls stopped by it alone since the start of this node: what would have got through were it off.
    pub alone: u64,
}

/// 影子对比: the version in force against one in which every rule in shadow or canary counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenComparison)]
pub struct Comparison {
    /// Version in force here.
    pub version: u64,
    /// Calls since the start of this node.
    pub calls: u64,
    /// Of these blocked.
    pub blocked: u64,
    /// Blocked besides, were the shadow rules on.
    pub block_more: u64,
    /// Challenged besides.
    pub challenge_more: u64,
    /// Labelled besides.
    pub label_more: u64,
}

/// What the desk of rules shows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenRulesView)]
pub struct RulesView {
    /// Version of the packs the rules are compiled from.
    pub pack: String,
    /// Each rule, in the order they are asked.
    pub rules: Vec<RuleView>,
    /// Shadow against in force.
    pub comparison: Comparison,
}

/// Every rule with its mode and its meters.
///
/// # Errors
/// `people.denied`
pub async fn rules(app: &App, actor: &Actor) -> Result<RulesView> {
    actor.reach(app, role::Action::ScreeningView)?;
    let upheld = app.read(|tx| table::upheld_by_rule(tx)).await?;
    let snapshot = app.engine.snapshot();
    let rules = &snapshot.rules;
    let view = |rule: &Rule| {
        let count = app.engine.state.meters.of(*rule);
        let clause = rules.clause(*rule);
        let text = |pick: fn(&chuangsha_screen::rules::Clause) -> &String| clause.map_or_else(String::new, |clause| pick(clause).clone());
        RuleView {
            rule: rule.as_str().to_owned(),
            zh: rule.zh().to_owned(),
            en: rule.en().to_owned(),
            about_zh: text(|clause| &clause.zh),
            about_en: text(|clause| &clause.en),
            action: rules.action(*rule).as_str().to_owned(),
            mode: snapshot::mode_name(rules.mode(*rule)).to_owned(),
            always_on: rules.clone().set_mode(*rule, chuangsha_screen::rules::Mode::Off).is_err(),
            article: text(|clause| &clause.article),
            source: text(|clause| &clause.source),
            enforced: count.enforced,
            shadow: count.shadow,
            refuted: count.refuted,
            doubted: count.doubted,
            upheld: upheld.iter().find(|(code, _)| code == rule.as_str()).map_or(0, |(_, count)| count.unsigned_abs()),
            alone: app.watch.alone(*rule),
        }
    };
    let decisions = |action| app.engine.state.meters.decisions(action);
    Ok(RulesView {
        pack: rules.pack_version.clone(),
        rules: Rule::ALL.iter().map(view).collect(),
        comparison: Comparison {
            version: snapshot.version,
            calls: Action::ALL.iter().map(|action| decisions(*action)).sum(),
            blocked: decisions(Action::Block),
            block_more: app.watch.harder(Action::Block),
            challenge_more: app.watch.harder(Action::Challenge),
            label_more: app.watch.harder(Action::Label),
        },
    })
}

/// A line as the snapshot numbers it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ScreenTrunkView)]
pub struct TrunkView {
    /// `id` of the trunk in the edge's file. Given out once, never again.
    pub number: u32,
    /// Code in the ledger, or of a gateway.
    pub code: String,
    /// `international`, `interconnect`, `enterprise`, `retail`.
    pub class: String,
    /// `china_telecom`, …; of an interconnect trunk.
    pub peer: Option<String>,
    /// It may bring calls of third networks and from abroad.
    pub transit: bool,
    /// Rules in canary mode count here.
    pub canary: bool,
}

/// Every line with its number.
///
/// # Errors
/// `people.denied`
pub async fn trunks(app: &App, actor: &Actor) -> Result<Vec<TrunkView>> {
    actor.reach(app, role::Action::ScreeningView)?;
    let numbers = app.read(|tx| table::trunk_numbers(tx)).await?;
    let view = |number: table::TrunkNumber| TrunkView {
        number: number.id.0,
        code: number.code,
        class: Ingress::ALL.iter().find(|class| **class as i64 == number.class).map_or("", |class| class.as_str()).to_owned(),
        peer: number.peer.and_then(|peer| serde_json::to_value(peer).ok()).and_then(|peer| peer.as_str().map(ToOwned::to_owned)),
        transit: number.transit,
        canary: number.canary,
    };
    Ok(numbers.into_iter().map(view).collect())
}

/// A gateway of our own, or the canary mark of a line of the ledger.
#[derive(Debug, Clone, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ScreenTrunkInput)]
pub struct TrunkInput {
    /// 2 to 20 letters, digits, hyphens. A code of the ledger names its line.
    pub code: String,
    /// `international`, `interconnect`, `retail`; `enterprise` only for lines of the ledger.
    #[schema(value_type = String)]
    pub class: Ingress,
    /// Number wanted, as the edge's file has it; the next free one when absent.
    #[serde(default)]
    pub number: Option<u32>,
    /// Whose network an interconnect trunk leads to: `china_telecom`, …
    #[serde(default)]
    pub peer: String,
    /// It may bring calls of third networks and from abroad.
    #[serde(default)]
    pub transit: bool,
    /// Rules in canary mode count here.
    #[serde(default)]
    pub canary: bool,
}

/// Gives a line its number, or says otherwise what it is.
///
/// # Errors
/// `screening.field_invalid`, `screening.trunk_taken`, `people.denied`
pub async fn put_trunk(app: &App, actor: &Actor, input: TrunkInput) -> Result<TrunkView> {
    actor.reach(app, role::Action::ScreeningManage)?;
    let now = app.clock.now();
    let wrong = |name: &'static str| Failure::from(Problem::new(&code::FIELD_INVALID).field(name).with("field", name));
    let code_text = input.code.trim().to_owned();
    if !(2..=20).contains(&code_text.len()) || !code_text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(wrong("code"));
    }
    let peer = match input.peer.trim() {
        "" => None,
        text => Some(Operator::parse(text).ok_or_else(|| wrong("peer"))?),
    };
    if input.class != Ingress::Interconnect && (peer.is_some() || input.transit) {
        return Err(wrong("peer"));
    }
    if input.number.is_some_and(|number| number == 0 || number >= chuangsha_screen::ledger::MOST_TRUNKS) {
        return Err(wrong("number"));
    }
    let (writer, actor) = (app.clone(), actor.clone());
    let held = app
        .write(move |tx| {
            let known = table::trunk_numbers(tx)?;
            let held = known.iter().find(|one| one.code == code_text);
            let taken = input.number.is_some_and(|number| known.iter().any(|one| one.id.0 == number && one.code != code_text));
            // A number once given stays: verdicts of years name it.
            if taken || held.is_some_and(|held| input.number.is_some_and(|number| held.id.0 != number)) {
                return Err(Problem::new(&code::TRUNK_TAKEN).field("number").into());
            }
            let id = match held {
                Some(held) => held.id,
                None => table::give_number(tx, &code_text, input.class as i64, input.number)?,
            };
            tx.push_one(
                "UPDATE screen_trunk SET class = $2, peer = $3, transit = $4, canary = $5 WHERE number = $1",
                &params![id.0, input.class as i64, peer.map(|peer| peer as i64), input.transit, input.canary],
            )?;
            let facts = serde_json::json!({ "number": id.0, "class": input.class, "transit": input.transit, "canary": input.canary });
            let entry = Entry {
                action: "screening.trunk",
                case_kind: "screen_trunk",
                step: &code_text,
                article: "R-SCR-1",
                pack: &writer.rules.version,
                facts: &facts.to_string(),
                ..Entry::default()
            };
            writer.audit(tx, By::Actor(&actor), &entry, now)?;
            table::changed(tx)?;
            Ok(TrunkView {
                number: id.0,
                code: code_text.clone(),
                class: input.class.as_str().to_owned(),
                peer: (!input.peer.trim().is_empty()).then(|| input.peer.trim().to_owned()),
                transit: input.transit,
                canary: input.canary,
            })
        })
        .await?;
    Ok(held)
}
