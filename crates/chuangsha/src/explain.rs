//! 判定说明: each decision of an order, the article that decided and what it was decided on; with `--replay` taken again from the record.

use chuangsha_app::{
    platform::audit::query,
    registration::{
        replay::{self, Outcome as Again},
        table,
    },
};
use chuangsha_kernel::{problem::Language, time::Timestamp};
use serde_json::{Value, json};

use crate::{
    config::Settings,
    installation, keys,
    say::{Outcome, Say},
    serve::{self, parts::failed},
};

/// `chuangsha rules explain ORDER [--replay]`
pub fn run(say: &Say, settings: &Settings, text: &str, again: bool) -> Outcome {
    serve::runtime()?.block_on(async {
        let app = installation::open(settings).await?;
        let id = keys::order(&app, text).await?;
        let reader = app.clone();
        let found = app.read(move |tx| Ok::<_, chuangsha_app::platform::failure::Failure>((table::find(tx, id)?, query::of_case(&reader, tx, id.0)?)));
        let (order, entries) = found.await.map_err(failed)?;
        let replayed = if again { replay::replay(&app.rules, &order, &entries) } else { Vec::new() };
        let mut decisions = Vec::new();
        for entry in entries.iter().filter(|entry| replay::is_decision(entry)) {
            let facts: Value = serde_json::from_str(&entry.facts).unwrap_or_default();
            let day = Timestamp(entry.at_ms).day();
            let named = facts.get("rules").and_then(Value::as_array).cloned().unwrap_or_default();
            let rules: Vec<Value> = named
                .iter()
                .filter_map(Value::as_str)
                .map(|rule| {
                    let (zh, en) = app.rules.explain(rule, day).unwrap_or_default();
                    let article = app.rules.article(rule, day).map(|found| found.article).unwrap_or_default();
                    json!({ "rule": rule, "article": article, "zh": zh, "en": en, "decided": article == entry.article })
                })
                .collect();
            let again = replayed.iter().find(|replayed| replayed.entry == entry.id);
            decisions.push(json!({
                "at": Timestamp(entry.at_ms).rfc3339(), "step": entry.step, "action": entry.action, "by": entry.number, "article": entry.article,
                "pack": entry.pack, "facts": facts, "rules": rules, "replay": again,
            }));
        }
        say.either(&json!({ "order": order.code, "id": order.id, "decisions": decisions }), |say| {
            say.answer(&order.code);
            decisions.iter().for_each(|decision| show(say, decision));
            if again {
                let equal = replayed.iter().filter(|replayed| replayed.outcome == Again::Equal).count();
                say.answer(&format!("{} {equal} / {}", say.pick("复算一致", "replayed equal"), replayed.len()));
            }
        });
        app.store.close().await;
        Ok(())
    })
}

fn show(say: &Say, decision: &Value) {
    let text = |name: &str| decision.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    say.answer("");
    say.answer(&format!("{}  {}  {}  {}", text("at"), text("step"), text("article"), text("by")));
    for rule in decision.get("rules").and_then(Value::as_array).into_iter().flatten() {
        let field = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
        let words = match say.language {
            Language::Chinese => field("zh"),
            Language::English => field("en"),
        };
        let mark = if rule.get("decided") == Some(&Value::Bool(true)) { "→" } else { " " };
        say.answer(&format!("  {mark} {} {}  {words}", field("article"), field("rule")));
    }
    say.answer(&format!("    {} {}", say.pick("事实", "facts"), decision.get("facts").cloned().unwrap_or_default()));
    say.answer(&format!("    {} {}", say.pick("规则包", "packs"), text("pack")));
    if let Some(again) = decision.get("replay").filter(|again| !again.is_null()) {
        let field = |name: &str| again.get(name).and_then(Value::as_str).unwrap_or_default();
        let told = match field("result") {
            "equal" => say.pick("复算一致", "replayed: equal").to_owned(),
            "different" => format!("{} {}", say.pick("复算不一致：", "replayed: different:"), field("got")),
            _ => format!("{} {}", say.pick("无法复算，缺少", "cannot be replayed, missing"), field("missing")),
        };
        say.answer(&format!("    {told}"));
    }
}
