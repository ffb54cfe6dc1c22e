//! The control plane of call screening on every store: from the ledger to the engine, lists in and out, what was decided and how a mistake is mended, and
//! what happens while the store is gone (R-SCR, L-SCR).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test that fails stops")]

use std::{os::unix::fs::PermissionsExt, sync::Arc};

use chuangsha_app::{
    App,
    platform::{actor::Actor, failure::Failure, people::OrganisationKind},
    resources::{self, Application, Asked, Clause, Defect, Direction, Document, Industry, Kind, Paper, Purpose, Resource},
    screening::{
        act,
        appeal::{self, Intake, State, Step},
        decide::{self, AttemptInput, OutcomeInput},
        file, finding,
        list::{self, List, NewEntry, Put},
        log::{self, LogQuery, LookUp},
        rules, snapshot,
    },
};
use chuangsha_kernel::{OrganisationCode, role::Role, time::DAY_MS};
use chuangsha_screen::{Action, Attempt, Ingress, Rule, TrunkId, replay::VerdictLine};
use chuangsha_store::{Config, Store, params, testkit};
use chuangsha_world::kit::{self, Kit, refused};
use chuangsha_world::story;

fn manager(kit: &Kit) -> Actor {
    kit.actor(Role::ProvinceManager, OrganisationKind::Province, kit.city, kit::CITY)
}

fn operator(kit: &Kit) -> Actor {
    kit.actor(Role::NetworkOperator, OrganisationKind::CarrierHq, kit.hq, "")
}

fn hotline(kit: &Kit) -> Actor {
    kit.actor(Role::HotlineAgent, OrganisationKind::CallCentre, kit.hq, "")
}

async fn step(kit: &Kit, by: &Actor, line: &Resource, asked: Asked) -> Resource {
    resources::step(&kit.app, by, line.id, line.version, asked, "测试".into()).await.unwrap()
}

/// A trunk in use that may show numbers beginning with 95599.
async fn trunk(kit: &Kit, code: &str) -> Resource {
    let by = manager(kit);
    let application = Application {
        code: code.into(),
        kind: Kind::VoiceTrunk,
        region: kit::CITY.into(),
        subject_code: OrganisationCode::compose('9', '1', kit::CITY, "MA000001").unwrap(),
        subject_name: "演示呼叫中心".into(),
        industry: Industry::CallCentre,
        papers: Document::ALL
            .iter()
            .map(|document| Paper { document: *document, reference: "X-1".into(), valid_until: None, in_scope: true })
            .collect(),
        access_point: "演示机楼".into(),
        purpose: Purpose::CustomerService,
        direction: Direction::Both,
        callers: vec!["95599*".into()],
        unit: "政企部".into(),
        owner: "D0051".into(),
    };
    let line = resources::apply(&kit.app, &by, application).await.unwrap();
    let line = step(kit, &by, &line, Asked::Vet).await;
    step(kit, &by, &line, Asked::Open { clauses: Clause::ALL.to_vec(), calls_per_callee: 2, calls_per_day: 8_000 }).await
}

/// What a node does by itself within seconds.
async fn settle(app: &App) {
    snapshot::keep_up(app).await.unwrap();
    snapshot::follow(app).await.unwrap();
}

fn call(app: &App, id: u64, trunk: u32, ingress: Ingress, from: &str, callee: &str) -> chuangsha_screen::Verdict {
    let attempt = Attempt::new(id, app.clock.now(), TrunkId(trunk), ingress, Some(from), callee);
    let verdict = app.engine.decide(&attempt);
    app.observer().decided(&attempt, &verdict);
    verdict
}

fn number_of(app: &App, code: &str) -> u32 {
    app.engine.snapshot().ledger.named(code).unwrap_or_else(|| panic!("{code} is in no snapshot")).id.0
}

fn entry(number: &str) -> NewEntry {
    NewEntry {
        number: number.into(), source: "12321".into(), reason: "多人举报".into(), article: "R-SCR-3".into(), ..NewEntry::default()
    }
}

fn looks_for(number: &str) -> LookUp {
    LookUp {
        number: number.to_owned().into(),
        purpose: "complaint".into(),
        case: "T-1".into(),
        words: "客户投诉".into(),
        ..LookUp::default()
    }
}

async fn count(app: &App, sql: &'static str) -> i64 {
    app.read(move |tx| Ok(tx.query_one(sql, &[])?.int(0)?)).await.unwrap()
}

story!(a_ledger_with_numbers_and_no_lists_yet_makes_its_version, kit => {
    let by = manager(&kit);
    let papers = || {
        let paper = |document: &Document| Paper { document: *document, reference: "X-1".into(), valid_until: None, in_scope: true };
        Document::ALL.iter().map(paper).collect()
    };
    let application = Application {
        code: "95599".into(),
        kind: Kind::Number95,
        region: kit::CITY.into(),
        subject_code: OrganisationCode::compose('9', '1', kit::CITY, "MA000001").unwrap(),
        subject_name: "演示银行".into(),
        industry: Industry::FinanceInsurance,
        papers: papers(),
        access_point: "演示机楼".into(),
        purpose: Purpose::CustomerService,
        direction: Direction::InboundOnly,
        callers: Vec::new(),
        unit: "政企部".into(),
        owner: "D0051".into(),
    };
    let line = resources::apply(&kit.app, &by, application).await.unwrap();
    let line = step(&kit, &by, &line, Asked::Vet).await;
    step(&kit, &by, &line, Asked::Open { clauses: Clause::ALL.to_vec(), calls_per_callee: 2, calls_per_day: 8_000 }).await;
    settle(&kit.app).await;
    assert_eq!(kit.app.engine.snapshot().version, 1);
});

story!(a_line_opened_carries_calls_and_one_shut_down_carries_none, kit => {
    let app = &kit.app;
    assert_eq!(call(app, 1, 1, Ingress::Enterprise, "95599", "19900002222").action, Action::Block, "nothing loaded: enterprise trunks fail closed");
    assert_eq!(call(app, 2, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Pass, "and ordinary calls pass");
    let line = trunk(&kit, "T-01").await;
    settle(app).await;
    let id = number_of(app, "T-01");
    assert_eq!(call(app, 3, id, Ingress::Enterprise, "955991", "19900002222").action, Action::Pass);
    let stranger = call(app, 4, id, Ingress::Enterprise, "95588", "19900002222");
    assert_eq!((stranger.action, stranger.reasons.of(Rule::NotAllowed).is_some()), (Action::Block, true));
    let first = app.engine.snapshot().version;
    step(&kit, &manager(&kit), &line, Asked::ShutDown).await;
    settle(app).await;
    assert_eq!(call(app, 5, id, Ingress::Enterprise, "955991", "19900002222").action, Action::Block);
    let by = operator(&kit);
    let changes = snapshot::diff(app, &by, i64::try_from(first).unwrap(), 0).await.unwrap();
    assert_eq!((changes.trunks_changed.as_slice(), changes.trunks_added.is_empty(), changes.lists.is_empty()), (["T-01".to_owned()].as_slice(), true, true));
    trunk(&kit, "T-00").await;
    settle(app).await;
    assert_eq!((number_of(app, "T-01"), number_of(app, "T-00")), (id, id + 1), "a number stays with its line, whatever the order of codes");
});

story!(a_call_is_lifted_or_its_callee_spared_on_the_spot_with_a_reason, kit => {
    let (app, by, other) = (&kit.app, operator(&kit), operator(&kit));
    list::add(app, &by, List::Bad, &entry("19900001111")).await.unwrap();
    list::add(app, &by, List::Category, &NewEntry { category: "property".into(), ..entry("19900005555") }).await.unwrap();
    list::add(app, &by, List::Suspect, &entry("19900005555")).await.unwrap();
    let wishes = NewEntry { hours: "night".into(), refused: "95588".into(), refuses: "finance".into(), ..entry("19900002222") };
    list::add(app, &by, List::Preference, &wishes).await.unwrap();
    settle(app).await;
    let blocked = call(app, 1, 9, Ingress::Retail, "19900001111", "19900002222");
    let stranger = call(app, 2, 7, Ingress::Enterprise, "95588", "19900002222");
    let sold = call(app, 3, 9, Ingress::Interconnect, "19900005555", "19900002222");
    assert_eq!((blocked.action, stranger.action, sold.action), (Action::Block, Action::Block, Action::Label), "{:?}", sold.reasons.iter().collect::<Vec<_>>());
    log::write(app).await.unwrap();
    let of = |verdict: &chuangsha_screen::Verdict| verdict.evidence.to_string();

    assert_eq!(refused(act::lift(app, &hotline(&kit), &of(&blocked), "误拦").await), "people.denied");
    assert_eq!(refused(act::lift(app, &other, &of(&blocked), " ").await), "screening.field_invalid");
    assert_eq!(refused(act::lift(app, &by, &of(&blocked), "误拦").await), "screening.same_person", "who listed it takes an appeal");
    assert_eq!(refused(act::lift(app, &other, &of(&stranger), "误拦").await), "screening.not_lifted_here", "the ledger is to be mended");
    act::lift(app, &other, &of(&blocked), "售后回访，误拦").await.unwrap();
    assert_eq!(call(app, 4, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Pass, "at once");
    assert_eq!(list::page(app, &by, List::Bad, "", None, 10).await.unwrap().1, 0, "the entry ended with it");

    assert_eq!(refused(act::do_not_call(app, &hotline(&kit), &of(&sold), "来电甄别", "本人要求").await), "people.denied");
    let Put::Entered(_) = act::do_not_call(app, &other, &of(&sold), "来电甄别", "本人来电要求").await.unwrap() else { panic!("new") };
    assert!(matches!(act::do_not_call(app, &other, &of(&sold), "来电甄别", "再说一次").await.unwrap(), Put::Known(_)));
    settle(app).await;
    assert!(call(app, 5, 9, Ingress::Interconnect, "19900005555", "19900002222").reasons.of(Rule::RefusedCategory).is_some());
    assert!(call(app, 6, 9, Ingress::Interconnect, "95588", "19900002222").reasons.of(Rule::RefusedNumber).is_some(), "what it wished before stays");
    let (wishes, _) = list::page(app, &by, List::Preference, "19900002222", None, 10).await.unwrap();
    assert!(wishes[0].content.starts_with("night|finance;insurance;property"), "{}", wishes[0].content);
    for action in ["screening.lift", "screening.do_not_call"] {
        let sql = format!("SELECT COUNT(*) FROM audit_entry WHERE action = '{action}'");
        assert_eq!(count(app, Box::leak(sql.into_boxed_str())).await, 1, "{action}");
    }
});

story!(versions_are_made_compared_rolled_back_and_held, kit => {
    let (app, by) = (&kit.app, operator(&kit));
    settle(app).await;
    list::add(app, &by, List::Bad, &entry("19900001111")).await.unwrap();
    settle(app).await;
    assert_eq!(call(app, 1, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Block);
    let seen = snapshot::versions(app, &by).await.unwrap();
    assert_eq!((seen.active, seen.here, seen.held, seen.pending, seen.versions.len()), (2, 2, false, false, 2));
    let changes = &seen.versions[0].changes.lists[0];
    assert_eq!((changes.list.as_str(), changes.added, changes.samples.as_slice()), ("bad", 1, ["+199****1111".to_owned()].as_slice()));
    assert_eq!(refused(snapshot::activate(app, &kit.auditor(), 1, "误列").await), "people.denied");
    assert_eq!(refused(snapshot::activate(app, &by, 77, "误列").await), "screening.not_found");
    snapshot::activate(app, &by, 1, "误列").await.unwrap();
    assert_eq!(call(app, 2, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Pass, "rolled back");
    list::add(app, &by, List::Bad, &entry("19900003333")).await.unwrap();
    settle(app).await;
    let seen = snapshot::versions(app, &by).await.unwrap();
    assert_eq!((seen.active, seen.held, seen.pending), (1, true, true), "what was rolled back does not come back by itself");
    // The kill switch works all the same, and takes along nothing that is held.
    snapshot::set_mode(app, &by, "behaviour", "off", "误报多").await.unwrap();
    assert_eq!(app.engine.snapshot().rules.effect(Rule::Behaviour, true), None);
    assert_eq!(call(app, 3, 9, Ingress::Retail, "19900003333", "19900002222").action, Action::Pass);
    snapshot::make(app, &by, "恢复".into(), true).await.unwrap();
    assert_eq!(call(app, 4, 9, Ingress::Retail, "19900003333", "19900002222").action, Action::Block);
    assert!(!snapshot::versions(app, &by).await.unwrap().held);
    assert_eq!(count(app, "SELECT COUNT(*) FROM audit_entry WHERE action IN ('screening.roll_back', 'screening.mode', 'screening.snapshot')").await, 3);
});

story!(a_rule_in_shadow_is_only_counted_and_what_keeps_the_invariants_stays_on, kit => {
    let (app, by) = (&kit.app, operator(&kit));
    list::add(app, &by, List::Bad, &entry("19900001111")).await.unwrap();
    settle(app).await;
    for rule in ["emergency", "trunk", "not_allowed"] {
        assert_eq!(refused(snapshot::set_mode(app, &by, rule, "off", "").await), "screening.always_on");
    }
    assert_eq!(refused(snapshot::set_mode(app, &by, "nonsense", "off", "").await), "screening.rule_unknown");
    assert_eq!(refused(snapshot::set_mode(app, &by, "bad_list", "maybe", "").await), "screening.mode_unknown");
    assert_eq!(call(app, 1, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Block);
    snapshot::set_mode(app, &by, "bad_list", "shadow", "试运行").await.unwrap();
    assert_eq!(call(app, 2, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Pass);
    let seen = rules::rules(app, &by).await.unwrap();
    let bad = seen.rules.iter().find(|rule| rule.rule == "bad_list").unwrap();
    assert_eq!((bad.mode.as_str(), bad.enforced, bad.shadow, bad.alone), ("shadow", 1, 1, 1));
    assert_eq!((seen.comparison.calls, seen.comparison.blocked, seen.comparison.block_more), (2, 1, 1), "one call more would have been stopped");
    assert!(seen.rules.iter().find(|rule| rule.rule == "not_allowed").unwrap().always_on);
    // 灰度: on the marked trunk it counts, elsewhere not.
    let line = rules::TrunkInput { code: "GW-1".into(), class: Ingress::Retail, number: Some(40), peer: String::new(), transit: false, canary: true };
    rules::put_trunk(app, &by, line.clone()).await.unwrap();
    assert_eq!(refused(rules::put_trunk(app, &by, rules::TrunkInput { number: Some(41), ..line.clone() }).await), "screening.trunk_taken");
    assert_eq!(refused(rules::put_trunk(app, &by, rules::TrunkInput { code: "GW-2".into(), ..line }).await), "screening.trunk_taken");
    snapshot::set_mode(app, &by, "bad_list", "canary", "灰度").await.unwrap();
    settle(app).await;
    assert_eq!(call(app, 3, 40, Ingress::Retail, "19900001111", "19900002222").action, Action::Block);
    assert_eq!(call(app, 4, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Pass);
});

story!(lists_say_what_they_say_for_as_long_as_they_say_it, kit => {
    let (app, by) = (&kit.app, operator(&kit));
    let until = NewEntry { until: "2026-11-23".into(), ..entry("19900001111") };
    let Put::Entered(id) = list::add(app, &by, List::Bad, &until).await.unwrap() else { panic!("new") };
    assert_eq!(list::add(app, &by, List::Bad, &until).await.unwrap(), Put::Known(id), "the same again adds nothing");
    let wishes = NewEntry { refuses: "property".into(), refused: "95588".into(), ..entry("19900002222") };
    list::add(app, &by, List::Preference, &wishes).await.unwrap();
    list::add(app, &by, List::Category, &NewEntry { category: "property".into(), ..entry("19900005555") }).await.unwrap();
    list::add(app, &by, List::Ported, &NewEntry { operator: "china_unicom".into(), ..entry("19900006666") }).await.unwrap();
    settle(app).await;
    let says = |id, from: &str, rule| call(app, id, 9, Ingress::Interconnect, from, "19900002222").reasons.of(rule).is_some();
    assert!(says(1, "19900005555", Rule::RefusedCategory) && says(2, "95588", Rule::RefusedNumber) && !says(3, "95599", Rule::RefusedNumber));
    assert!(says(4, "19900001111", Rule::BadList));
    for (field, wrong) in [
        ("number", entry("12")),
        ("source", NewEntry { source: String::new(), ..entry("19900001111") }),
        ("until", NewEntry { until: "2020-01-01".into(), ..entry("19900001111") }),
    ] {
        let code = refused(list::add(app, &by, List::Bad, &wrong).await);
        assert!(code == "screening.field_invalid" || code == "screening.number_invalid", "{field}: {code}");
    }
    assert_eq!(refused(list::add(app, &by, List::Category, &entry("19900001111")).await), "screening.field_invalid");
    // The day after the last day it is over, and nobody has to do anything.
    kit.clock.advance_ms(2 * DAY_MS);
    settle(app).await;
    assert!(!says(5, "19900001111", Rule::BadList));
    let (seen, all) = list::page(app, &by, List::Preference, "", None, 50).await.unwrap();
    assert_eq!((all, seen[0].number.as_str(), seen[0].refused, seen[0].content.as_str()), (1, "199****2222", 1, "any|property"));
    list::end(app, &by, seen[0].id, "本人取消").await.unwrap();
    assert_eq!(refused(list::end(app, &by, seen[0].id, "本人取消").await), "screening.not_found");
    settle(app).await;
    assert!(!says(6, "95588", Rule::RefusedNumber));
});

story!(a_file_lands_but_for_its_wrong_rows_and_once, kit => {
    let (app, by) = (&kit.app, operator(&kit));
    let text = "number,source,reason,article,until\n19900001111,12321,举报,R-SCR-3,\n12,12321,举报,,\n19900003333,12321,举报,,2027-01-01\n";
    let trial = file::take(app, &by, List::Bad, text.to_owned(), None, true).await.unwrap();
    assert_eq!((trial.rows, trial.entered, trial.known, trial.rejected.len()), (3, 2, 0, 1));
    assert_eq!((trial.rejected[0].row, trial.rejected[0].field.as_str()), (3, "number"));
    assert_eq!(count(app, "SELECT COUNT(*) FROM screen_entry").await, 0, "a trial leaves nothing");
    let taken = file::take(app, &by, List::Bad, text.to_owned(), Some(3), false).await.unwrap();
    assert_eq!((taken.entered, taken.known), (2, 0));
    let again = file::take(app, &by, List::Bad, text.to_owned(), Some(3), false).await.unwrap();
    assert_eq!((again.entered, again.known), (0, 2));
    assert_eq!(refused(file::take(app, &by, List::Bad, text[..text.len() - 8].to_owned(), None, false).await), "screening.file_refused");
    assert_eq!(refused(file::take(app, &by, List::Bad, text.to_owned(), Some(4), false).await), "screening.file_refused", "the sender said four");
    let json = r#"[{"number":"19900007777","source":"12321","reason":"举报"}]"#;
    assert_eq!(file::take(app, &by, List::Suspect, json.to_owned(), None, false).await.unwrap().entered, 1);
    settle(app).await;
    assert_eq!(call(app, 1, 9, Ingress::Retail, "19900003333", "19900002222").action, Action::Block);
    assert_eq!(call(app, 2, 9, Ingress::Retail, "19900007777", "19900002222").action, Action::Label);
});

story!(the_same_attempt_gets_the_same_bytes_whichever_way_it_comes, kit => {
    let by = operator(&kit);
    list::add(&kit.app, &by, List::Bad, &entry("19900001111")).await.unwrap();
    settle(&kit.app).await;
    // Another node with the same snapshot and nothing counted yet, asked as an edge asks.
    let edge = kit.app_on(kit.app.store.clone()).await;
    snapshot::follow(&edge).await.unwrap();
    for (id, from) in [("7", "19900001111"), ("8", "95599"), ("9", "")] {
        let input: AttemptInput = serde_json::from_value(serde_json::json!({
            "call": id, "at": kit.app.clock.now().0, "trunk": 9, "ingress": "interconnect", "from": from, "callee": "19900002222",
        })).unwrap();
        let decided = decide::one(&kit.app, &by, &input).await.unwrap();
        let attempt = Attempt::new(id.parse().unwrap(), kit.app.clock.now(), TrunkId(9), Ingress::Interconnect, Some(from), "19900002222");
        let verdict = edge.engine.decide(&attempt);
        let line = serde_json::to_string(&VerdictLine::new(&verdict, &edge.engine.snapshot().rules)).unwrap();
        assert_eq!(serde_json::to_string(&decided.verdict).unwrap(), line, "{from}");
    }
    let inputs: Vec<AttemptInput> = (0..3).map(|index| serde_json::from_value(serde_json::json!({
        "call": format!("c-{index}"), "trunk": 9, "ingress": "retail", "from": "19900005555", "callee": if index == 1 { "" } else { "19900002222" },
    })).unwrap()).collect();
    let answers = decide::batch(&kit.app, &by, &inputs).await.unwrap();
    assert!(matches!(&answers[0], decide::Answer::Decided(one) if one.call == "c-0") && matches!(&answers[2], decide::Answer::Decided(one) if one.call == "c-2"));
    assert!(matches!(&answers[1], decide::Answer::Refused(wrong) if wrong.field == "callee" && !wrong.title_zh.is_empty() && !wrong.title_en.is_empty()));
    assert_eq!(refused(decide::batch(&kit.app, &by, &[]).await), "screening.batch_size");
    assert_eq!(refused(decide::one(&kit.app, &hotline(&kit), &inputs[0]).await), "people.denied");
    let end = |call: &str| -> OutcomeInput {
        serde_json::from_value(serde_json::json!({
            "call": call, "at": kit.app.clock.now().0, "caller": "19900005555", "callee": "19900002222", "ring_ms": 900, "talk_ms": 0, "released": "caller",
        })).unwrap()
    };
    let told = decide::outcomes(&kit.app, &by, &[end("c-0"), end("c-0"), OutcomeInput { caller: "x".into(), ..end("c-2") }]).unwrap();
    assert_eq!((told.taken, told.known, told.refused.len()), (1, 1, 1));
    assert_eq!(decide::outcomes(&kit.app, &by, &[end("c-0")]).unwrap().known, 1, "told again, it counts nothing");
});

story!(what_did_not_pass_is_written_down_found_for_a_purpose_and_forgotten_in_time, kit => {
    let (app, by) = (&kit.app, operator(&kit));
    list::add(app, &by, List::Bad, &entry("19900001111")).await.unwrap();
    list::add(app, &by, List::Suspect, &entry("19900003333")).await.unwrap();
    settle(app).await;
    let blocked = call(app, 1, 9, Ingress::Retail, "19900001111", "19900002222");
    call(app, 2, 9, Ingress::Retail, "19900003333", "19900002222");
    call(app, 3, 9, Ingress::Retail, "19900005555", "19900002222");
    assert_eq!(log::write(app).await.unwrap(), 2, "of what passed only a sample");
    call(app, 1, 9, Ingress::Retail, "19900001111", "19900002222");
    log::write(app).await.unwrap();
    let seen = log::page(app, &by, LogQuery::default()).await.unwrap();
    assert_eq!(seen.len(), 2, "the same call is one row");
    let row = seen.iter().find(|row| row.action == "block").unwrap();
    assert_eq!((row.evidence.clone(), row.caller.as_str(), row.callee.as_str(), row.rule.as_str()), (blocked.evidence.to_string(), "199****1111", "199****2222", "bad_list"));
    assert_eq!(log::page(app, &by, LogQuery { action: "label".into(), ..LogQuery::default() }).await.unwrap().len(), 1);
    // Nothing of the numbers is at rest in clear.
    let at_rest = app.read(|tx| {
        let mut found = Vec::new();
        for table in ["screen_entry", "screen_verdict", "screen_part", "screen_snapshot", "audit_entry"] {
            for row in tx.query(&format!("SELECT * FROM {table}"), &[])? {
                for value in row.values() {
                    let bytes = match value {
                        chuangsha_store::Value::Text(text) => text.clone().into_bytes(),
                        chuangsha_store::Value::Bytes(bytes) => bytes.clone(),
                        _ => continue,
                    };
                    if bytes.windows(8).any(|window| window == b"99000011") { found.push(table); }
                }
            }
        }
        Ok(found)
    }).await.unwrap();
    assert_eq!(at_rest, Vec::<&str>::new());
    assert_eq!(refused(log::look_up(app, &by, LookUp { purpose: "curiosity".into(), ..looks_for("19900001111") }).await), "protection.purpose_unknown");
    let found = log::look_up(app, &by, looks_for("19900001111")).await.unwrap();
    assert_eq!((found.len(), log::look_up(app, &by, looks_for("19900008888")).await.unwrap().len()), (1, 0));
    let by_evidence = LookUp { evidence: blocked.evidence.to_string(), ..looks_for("") };
    assert_eq!(log::look_up(app, &by, by_evidence).await.unwrap(), found);
    assert_eq!(count(app, "SELECT COUNT(*) FROM audit_entry WHERE action = 'screening.look_up'").await, 3, "also a look that found nobody");
    let figures = log::figures(app, &by, "", "").await.unwrap();
    let of = |action: &str, rule: &str| figures.iter().find(|row| row.action == action && row.rule == rule).map_or(0, |row| row.calls);
    assert_eq!((of("block", "bad_list"), of("label", "suspect"), of("pass", ""), of("block", "")), (1, 1, 1, 2), "all calls, and what was written down");
    // Half a year for what rang with a label, two years for what was stopped.
    kit.clock.advance_ms(200 * DAY_MS);
    assert_eq!(log::prune(app).await.unwrap(), 1);
    kit.clock.advance_ms(600 * DAY_MS);
    assert_eq!((log::prune(app).await.unwrap(), count(app, "SELECT COUNT(*) FROM screen_month").await), (1, 0), "and the month's key goes with its last verdict");
});

story!(a_mistake_is_decided_by_another_person_and_gone_on_every_node_at_once, kit => {
    let (app, by, agent) = (&kit.app, operator(&kit), hotline(&kit));
    let (lister, other) = (operator(&kit), operator(&kit));
    list::add(app, &lister, List::Bad, &entry("19900001111")).await.unwrap();
    settle(app).await;
    let second = kit.app_on(app.store.clone()).await;
    snapshot::follow(&second).await.unwrap();
    let blocked = call(app, 1, 9, Ingress::Retail, "19900001111", "19900002222");
    assert_eq!(call(&second, 1, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Block);
    log::write(app).await.unwrap();
    let intake = Intake { evidence: blocked.evidence.to_string(), words: "我是快递员".into(), ..Intake::default() };
    assert_eq!(refused(appeal::take(app, &by, intake.clone()).await), "people.denied", "whoever blocks does not take the appeal in");
    assert_eq!(refused(appeal::take(app, &agent, Intake { evidence: "1".into(), ..intake.clone() }).await), "screening.evidence_invalid");
    let id = appeal::take(app, &agent, intake).await.unwrap();
    assert_eq!(refused(appeal::settle(app, &agent, id, Step::Uphold, "属实").await), "people.denied");
    assert_eq!(refused(appeal::settle(app, &lister, id, Step::Uphold, "属实").await), "screening.same_person", "whoever listed it does not judge");
    assert_eq!(appeal::settle(app, &other, id, Step::Uphold, "属实").await.unwrap(), State::Upheld);
    assert_eq!(call(app, 2, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Pass, "lifted at once");
    snapshot::follow(&second).await.unwrap();
    assert_eq!(call(&second, 2, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Pass, "and on the other node with its next look");
    assert_eq!(app.engine.state.meters.of(Rule::BadList).refuted, 1);
    let seen = rules::rules(app, &by).await.unwrap();
    assert_eq!(seen.rules.iter().find(|rule| rule.rule == "bad_list").unwrap().upheld, 1);
    assert_eq!(refused(appeal::settle(app, &other, id, Step::Reject, "改判").await), "screening.appeal_closed");
    let listed = appeal::page(app, &agent, false, 50).await.unwrap();
    assert_eq!((listed[0].state, listed[0].number.as_str(), listed[0].words.as_str()), (State::Upheld, "199****1111", "我是快递员"));
    // By number and time, where the caller kept no evidence id.
    let at = app.clock.now().rfc3339();
    let intake = Intake { number: "19900001111".to_owned().into(), at, words: "昨天被拦".into(), ..Intake::default() };
    let id = appeal::take(app, &agent, intake).await.unwrap();
    let listed = appeal::page(app, &agent, true, 50).await.unwrap();
    assert_eq!((listed.len(), listed[0].evidence.clone(), listed[0].overdue), (1, Some(blocked.evidence.to_string()), false));
    kit.clock.advance_ms(2 * DAY_MS);
    assert!(appeal::page(app, &by, true, 50).await.unwrap()[0].overdue);
    assert_eq!(appeal::settle(app, &other, id, Step::Reject, "已解除").await.unwrap(), State::Rejected);
    assert_eq!(count(app, "SELECT COUNT(*) FROM audit_entry WHERE case_kind = 'screen_appeal'").await, 4);
});

story!(a_line_that_brings_strangers_is_reported_to_the_ledger_once, kit => {
    let app = &kit.app;
    let line = trunk(&kit, "T-01").await;
    settle(app).await;
    let id = number_of(app, "T-01");
    for stranger in 0..12 {
        call(app, stranger, id, Ingress::Enterprise, &format!("9558{stranger:02}"), "19900002222");
    }
    finding::turn(app).await.unwrap();
    finding::turn(app).await.unwrap();
    let (found, _, history) = resources::find(app, &manager(&kit), line.id).await.unwrap();
    assert_eq!((found.state, found.defects.as_slice()), (resources::State::Correcting, [Defect::SubjectNotRegistered].as_slice()));
    assert_eq!(history.iter().filter(|moment| moment.action == "ledger.find").count(), 1, "said once");
    // 用途变更: a service number that calls and calls.
    for callee in 0..900 {
        call(app, 1_000 + callee, id, Ingress::Enterprise, "955991", &format!("199{:08}", 11_000_000 + callee * 7_919));
    }
    finding::turn(app).await.unwrap();
    let (found, ..) = resources::find(app, &manager(&kit), line.id).await.unwrap();
    assert!(found.defects.contains(&Defect::ActualDiffers), "{:?}", found.defects);
});

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_with_the_snapshot_it_kept_and_only_this_program_may_read_it() {
    let engine = testkit::sqlite().await;
    let kit = Kit::new(engine.store.clone()).await;
    let folder = testkit::Directory::new();
    let place = folder.path().join("screen");
    let here = place.clone();
    let app = kit.app_with(move |config| config.screening.folder = Some(here));
    let by = operator(&kit);
    list::add(&app, &by, List::Bad, &entry("19900001111")).await.unwrap();
    settle(&app).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files: Vec<_> = std::fs::read_dir(&place).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!((mode(&place), files.len()), (0o700, 2), "{files:?}");
    assert!(files.iter().all(|file| mode(file) & 0o177 == 0), "nobody else reads it");
    // Another start, the store gone before anything was asked of it.
    let here = place.clone();
    let again = kit.app_with(move |config| config.screening.folder = Some(here));
    engine.store.close().await;
    assert_eq!(snapshot::resume(&again).await.unwrap(), Some(app.engine.snapshot().version));
    assert_eq!(call(&again, 1, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Block);
    assert!(snapshot::follow(&again).await.is_err(), "the store is gone");
    assert_eq!(call(&again, 2, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Block, "and calls go on being decided");
    // A file cut short is found out; the node starts without lists rather than with half of them.
    let numbers = files.iter().find(|file| file.extension().is_some_and(|end| end == "index")).unwrap();
    let bytes = std::fs::read(numbers).unwrap();
    // Another file under the name: the map of the old one stays whole.
    std::fs::remove_file(numbers).unwrap();
    std::fs::write(numbers, &bytes[..bytes.len() - 1]).unwrap();
    let here = place.clone();
    let third = kit.app_with(move |config| config.screening.folder = Some(here));
    assert!(snapshot::resume(&third).await.is_err());
    assert_eq!(third.engine.snapshot().version, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_store_killed_calls_are_decided_verdicts_wait_or_are_counted_and_writing_resumes() {
    // SQLite: another process holds the file for writing.
    let engine = testkit::sqlite().await;
    let kit = Kit::new(engine.store.clone()).await;
    let app = kit.app_with(|config| config.screening.waiting = 8);
    listed(&kit, &app).await;
    let other = Store::open(&engine.config).await.unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begun, holds) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let lock = tokio::spawn(async move {
        other
            .write(move |tx| {
                tx.execute("UPDATE screen_revision SET number = number WHERE one = 1", &[])?;
                begun.send(()).unwrap();
                held.lock().unwrap().recv().unwrap();
                Ok::<_, Failure>(())
            })
            .await
            .unwrap();
    });
    tokio::task::spawn_blocking(move || holds.recv().unwrap()).await.unwrap();
    outage(&app).await;
    release.send(()).unwrap();
    lock.await.unwrap();
    recovered(&app).await;

    // PostgreSQL: the server is gone and comes back.
    let Some(cluster) = tokio::task::spawn_blocking(|| testkit::Cluster::start(false).map(Arc::new)).await.unwrap() else { return };
    let at = Arc::clone(&cluster);
    let url = tokio::task::spawn_blocking(move || at.new_database()).await.unwrap();
    let store = Store::open(&Config { readers: 1, writers: 2, connect_timeout_ms: 300, ..Config::new(url) }).await.unwrap();
    let kit = Kit::new(store).await;
    let app = kit.app_with(|config| config.screening.waiting = 8);
    listed(&kit, &app).await;
    let at = Arc::clone(&cluster);
    tokio::task::spawn_blocking(move || at.halt()).await.unwrap();
    outage(&app).await;
    let at = Arc::clone(&cluster);
    tokio::task::spawn_blocking(move || at.resume()).await.unwrap();
    recovered(&app).await;
    app.store.close().await;
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}

async fn listed(kit: &Kit, app: &App) {
    list::add(app, &operator(kit), List::Bad, &entry("19900001111")).await.unwrap();
    settle(app).await;
}

async fn outage(app: &App) {
    for id in 0..8 {
        assert_eq!(call(app, id, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Block);
    }
    assert!(log::write(app).await.is_err(), "the store does not take them");
    for id in 8..12 {
        assert_eq!(call(app, id, 9, Ingress::Retail, "19900001111", "19900002222").action, Action::Block, "decided as before");
    }
    assert_eq!(call(app, 99, 9, Ingress::Retail, "19900005555", "19900002222").action, Action::Pass);
    assert_eq!((app.watch.waiting(), app.watch.dropped()), (8, 4), "eight wait, four found no room and are counted");
    let live = app.live_screening();
    assert_eq!((live.calls, live.waiting, live.dropped), (13, 8, 4), "the live page needs no store");
}

async fn recovered(app: &App) {
    let mut written = 0;
    for _ in 0..100 {
        match log::write(app).await {
            Ok(0) => break,
            Ok(more) => written += more,
            // A connection that died with the server is found out when it is used.
            Err(_) => tokio::task::yield_now().await,
        }
    }
    assert_eq!((written, app.watch.waiting()), (8, 0), "what waited is written");
    assert_eq!(count(app, "SELECT COUNT(*) FROM screen_verdict").await, 8);
    let all = app.read(|tx| {
        Ok(tx.query_one("SELECT CAST(SUM(calls) AS BIGINT) FROM screen_figure WHERE rule = '' AND trunk = 0", &params![])?.int(0)?)
    });
    assert_eq!(all.await.unwrap(), 13, "and no call is missing from the figures");
}
