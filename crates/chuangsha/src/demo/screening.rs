//! 演示甄别: lists, two versions, a quarter of an hour of calls of every kind, an appeal, and a sweep of the ledger; made by the application's own
//! steps and decided by its own engine.

use std::time::Duration;

use chuangsha_app::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
    },
    resources::sweep::{self, Plan},
    screening::{
        appeal::{self, Intake},
        list::{self, List, NewEntry},
        log, rules, snapshot,
    },
};
use chuangsha_kernel::{role::Role, time::DAY_MS};
use chuangsha_screen::{Action, Attempt, Ingress, TrunkId};

use super::{Login, orders, trunks};

/// Calls of the quarter of an hour, one a second.
const CALLS: u64 = 800;

type Listed = (List, &'static str, &'static str, &'static str, &'static str);

const LISTED: [Listed; 6] = [
    (List::Bad, "19900009001", "", "12321", "多人举报，核实为营销骚扰"),
    (List::Bad, "19900009002", "", "公安通报", "涉诈线索"),
    (List::Suspect, "19900009003", "", "12321", "一周内三人举报"),
    (List::Category, "19900009004", "courier", "企业报备", "快递派送号码"),
    (List::Category, "19900009005", "property", "企业报备", "房产营销号码"),
    (List::Preference, "19900008001", "property;finance", "本人设置", "谢绝房产与金融来电"),
];

fn entry(listed: &Listed) -> NewEntry {
    let (list, number, what, source, reason) = *listed;
    let (mut category, mut refuses) = (String::new(), String::new());
    match list {
        List::Category => category = what.to_owned(),
        List::Preference => refuses = what.to_owned(),
        _ => {}
    }
    let (number, source, reason) = (number.to_owned(), source.to_owned(), reason.to_owned());
    NewEntry { number, category, refuses, source, reason, article: "R-SCR-3".to_owned(), ..NewEntry::default() }
}

/// Who calls whom, by which line: most of it is ordinary.
fn call(nth: u64) -> (&'static str, Ingress, String, String) {
    let callee = format!("1990000{:04}", 1_000 + nth * 7 % 900);
    match nth % 40 {
        7 => ("demo-abroad", Ingress::International, "008619900007777".to_owned(), callee),
        11 => ("9901-T02", Ingress::Enterprise, "95588".to_owned(), callee),
        17 => ("demo-own", Ingress::Retail, "19900009001".to_owned(), callee),
        19 => ("demo-peer", Ingress::Interconnect, "0000012".to_owned(), callee),
        23 => ("demo-own", Ingress::Retail, "19900009003".to_owned(), callee),
        29 => ("demo-peer", Ingress::Interconnect, "4009909906".to_owned(), callee),
        31 => ("demo-own", Ingress::Retail, "19900009005".to_owned(), "19900008001".to_owned()),
        37 => ("demo-abroad", Ingress::International, "0044207946000".to_owned(), callee),
        3 | 13 | 27 => ("9901-T01", Ingress::Enterprise, "03997000001".to_owned(), callee),
        _ => ("demo-own", Ingress::Retail, format!("1990001{:04}", nth % 1_000), callee),
    }
}

/// Fills what the pages of screening show.
///
/// # Errors
/// As the steps.
pub async fn seed(app: &App, logins: &[Login]) -> Result<()> {
    let operator = orders::who(app, logins, Role::NetworkOperator, 0, false)?;
    let hotline = orders::who(app, logins, Role::HotlineAgent, 0, false)?;
    let manager = orders::who(app, logins, Role::ProvinceManager, 0, false)?;
    for (code, class) in trunks::NETWORKS {
        let class = Ingress::ALL.iter().copied().find(|one| one.as_str() == class).unwrap_or(Ingress::Retail);
        let peer = if class == Ingress::Interconnect { "china_telecom" } else { "" };
        let input = rules::TrunkInput { code: code.to_owned(), class, number: None, peer: peer.to_owned(), transit: false, canary: false };
        rules::put_trunk(app, &operator, input).await?;
    }
    let (first, rest) = LISTED.split_at(2);
    for (listed, words) in [(first, "演示：首个版本"), (rest, "演示：补充名单")] {
        for one in listed {
            list::add(app, &operator, one.0, &entry(one)).await?;
        }
        snapshot::make(app, &operator, words.to_owned(), true).await?;
    }
    let blocked = calls(app);
    if let Some(evidence) = blocked {
        appealed(app, &operator, &hotline, evidence).await?;
    }
    let today = app.clock.now();
    let plan = Plan {
        name: "重点行业专线与号码清查".to_owned(),
        region: String::new(),
        industries: Vec::new(),
        kinds: Vec::new(),
        starts: today.day(),
        ends: today.plus_ms(30 * DAY_MS).day(),
        lead: manager.number.clone(),
    };
    sweep::plan(app, &manager, plan).await.map(drop)
}

/// Decides the calls; the evidence of one that was blocked by the list.
fn calls(app: &App) -> Option<String> {
    let now = app.clock.now();
    let snapshot = app.engine.snapshot();
    let mut blocked = None;
    for nth in 0..CALLS {
        let (name, ingress, from, to) = call(nth);
        let trunk = snapshot.ledger.named(name).map_or(TrunkId(0), |line| line.id);
        let at = now.plus_ms(-1_000 * i64::try_from(CALLS - nth).unwrap_or(0));
        let attempt = Attempt::new(nth + 1, at, trunk, ingress, Some(&from), &to);
        let verdict = app.screen(&attempt);
        if verdict.action == Action::Block && from == "19900009001" {
            blocked = Some(verdict.evidence.to_string());
        }
    }
    blocked
}

/// The hotline takes the appeal in, once the log has the verdict.
async fn appealed(app: &App, operator: &Actor, hotline: &Actor, evidence: String) -> Result<()> {
    for _ in 0..300 {
        if log::find(app, operator, &evidence).await.is_ok() {
            let words = "来电人称是售后回访，并非骚扰".to_owned();
            return appeal::take(app, hotline, Intake { evidence, words, ..Intake::default() }).await.map(drop);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Failure::internal("the log did not take the demo's verdicts"))
}
