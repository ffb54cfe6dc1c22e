//! What a form or a program is told at the edge where the story behind it is told elsewhere: a batch or a document refused beside
//! the field, pictures asked for.

use axum::{
    body::Body,
    http::{StatusCode, header},
};
use chuangsha_app::{
    platform::people::OrganisationKind,
    registration::audit_desk,
    remediation::{Case, kind::Kind, table},
    resources::{self, Application, Direction, Industry, Purpose},
    subscribers::view::{self, Protection},
};
use chuangsha_kernel::{OrganisationCode, role::Role, rulebook::ChannelKind, time::MINUTE_MS};
use chuangsha_world::kit;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::kit::{arrive, browse, form, seat, send, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_without_its_reason_comes_back_with_the_field_marked_and_the_lines_ticked() {
    let (_engine, kit, _things, router) = start().await;
    let (_, token) = arrive(&kit, "M-1", kit.city, Role::CityManager).await;
    let (app, now) = (kit.app.clone(), kit.app.clock.now());
    let new = |line: u128| Case {
        region: kit::CITY.into(),
        channel_kind: 2,
        ..Case::identified(app.ids.next(now), Uuid::from_u128(line), Kind::Unverified, now)
    };
    let cases = [new(1), new(2)];
    let ids = [cases[0].id.to_string(), cases[1].id.to_string()];
    kit.app.write(move |tx| cases.iter().try_for_each(|case| table::insert(tx, case).map(drop))).await.unwrap();
    let list = "/remediation/cases?state=identified";
    let post = async |words: &str| {
        let fields = [("list", list), ("act", "exempt"), ("chosen", &ids[1]), ("until", "2026-12-20"), ("words", words)];
        send(&router, "batch", form("/batches", Some(&token), list, &fields)).await
    };
    let refused = post("").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = refused.text();
    assert!(page.contains("<h1>补登工单</h1>"), "the list itself, not a page of its own: {page}");
    let tag = |name: &str| {
        let at = page.find(name).unwrap_or_else(|| panic!("{name} is not in {page}"));
        let (head, tail) = page.split_at(at);
        format!("{}{}", &head[head.rfind('<').unwrap()..], &tail[..tail.find('>').unwrap()])
    };
    let box_of = |id: &str| format!("name=\"chosen\" value=\"{id}\"");
    assert!(tag("name=\"words\"").contains("aria-invalid=\"true\""));
    assert!(tag("name=\"until\"").contains("value=\"2026-12-20\"") && !tag("name=\"until\"").contains("aria-invalid"));
    assert!(tag(&box_of(&ids[1])).contains(" checked") && !tag(&box_of(&ids[0])).contains(" checked"));
    let done = post("本人住院，已核实").await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/remediation/cases?state=identified&done=batch.1.0"));
    let nothing =
        send(&router, "nothing", form("/batches", Some(&token), list, &[("list", list), ("act", "release"), ("words", "核实")])).await;
    assert_eq!(nothing.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(nothing.text().contains("没有选择任何记录") && nothing.text().contains("value=\"核实\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_asks_a_second_person_for_pictures() {
    let (_engine, kit, _things, router) = start().await;
    let clerk = kit.clerk(kit.outlet("S-0002", ChannelKind::SocialOutlet).await);
    let order = kit.submitted(&clerk, kit.numbers(50, 1).await[0], 7).await;
    let auditor = kit.auditor();
    let held = audit_desk::claim(&kit.app, &auditor, order.id).await.unwrap();
    audit_desk::approve(&kit.app, &auditor, order.id, held.version).await.unwrap();
    kit.work().await;
    let id = order.id.0;
    let (staff, token) = arrive(&kit, "P-1", kit.hq, Role::PrivacyOfficer).await;
    let province = seat(&kit, Role::ProvinceManager).await;
    let (_, other) = arrive(&kit, "P-2", province, Role::PrivacyOfficer).await;
    let officer = chuangsha_app::platform::actor::Actor {
        staff,
        ..kit.actor(Role::PrivacyOfficer, chuangsha_app::platform::people::OrganisationKind::CarrierHq, kit.hq, "")
    };
    view::protect(&kit.app, &officer, id, Protection { protect: true, words: "公众人物".into() }).await.unwrap();
    let json_post = async |path: &str, token: &str, body: Value| {
        let request = browse("post", path, Some(token)).header(header::CONTENT_TYPE, "application/json");
        send(&router, path, request.body(Body::from(body.to_string())).unwrap()).await
    };
    let picture = format!("/api/v1/registrations/{id}/images/document_front");
    let look = async || send(&router, "look", browse("get", &picture, Some(&token)).body(Body::empty()).unwrap()).await;
    let refused = look().await;
    assert!(refused.status == StatusCode::FORBIDDEN && refused.text().contains("second.needed"), "{}", refused.text());
    let ask = format!("/api/v1/registrations/{id}/images/second-person");
    let without = json_post(&ask, &token, json!({ "purpose": "complaint", "case": "T-1", "words": "" })).await;
    assert!(without.status == StatusCode::UNPROCESSABLE_ENTITY && without.text().contains("\"words\""), "{}", without.text());
    let asked = json_post(&ask, &token, json!({ "purpose": "complaint", "case": "T-1", "words": "核对投诉" })).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text());
    let request: Value = serde_json::from_str(&asked.text()).unwrap();
    let agree = format!("/api/v1/second-persons/{}/approval", request["id"].as_str().unwrap());
    assert_eq!(json_post(&agree, &token, json!({})).await.status, StatusCode::FORBIDDEN, "nobody agrees with themselves");
    assert_eq!(json_post(&agree, &other, json!({})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(look().await.status, StatusCode::OK);
    kit.clock.advance_ms(2 * MINUTE_MS);
    assert_eq!(look().await.status, StatusCode::FORBIDDEN, "one approval, for a while");
}

fn trunk() -> Application {
    Application {
        code: "T-01".into(),
        kind: resources::Kind::VoiceTrunk,
        region: kit::CITY.into(),
        subject_code: OrganisationCode::compose('9', '1', kit::CITY, "MA000001").unwrap(),
        subject_name: "演示呼叫中心".into(),
        industry: Industry::CallCentre,
        papers: Vec::new(),
        access_point: "演示机楼".into(),
        purpose: Purpose::CustomerService,
        direction: Direction::InboundOnly,
        callers: Vec::new(),
        unit: "政企部".into(),
        owner: "D0051".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permit_without_number_or_last_day_is_refused_beside_the_field() {
    let (_engine, kit, _things, router) = start().await;
    let (_, token) = arrive(&kit, "M-2", kit.city, Role::CityManager).await;
    let manager = kit.actor(Role::CityManager, OrganisationKind::City, kit.city, kit::CITY);
    let line = resources::apply(&kit.app, &manager, trunk()).await.unwrap();
    let here = format!("/ledger/{}", line.id);
    let (papers, interface) = (format!("{here}/papers"), format!("/api/v1{here}/papers"));
    let post = async |number: &str, last: &str| {
        let fields = [("document", "telecom_permit"), ("reference", number), ("valid_until", last), ("in_scope", "yes")];
        send(&router, "paper", form(&papers, Some(&token), &here, &fields)).await
    };
    for (number, last, beside) in [("", "2030-12-31", "paper-reference-wrong"), ("B2-20260001", "", "paper-valid_until-wrong")] {
        let refused = post(number, last).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let page = refused.text();
        assert!(page.contains(&format!("id=\"{beside}\"")) && page.contains("「电信业务经营许可证」须登记"), "{page}");
    }
    let done = post("B2-20260001", "2030-12-31").await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, format!("{here}?done=saved").as_str()));
    let body = json!({ "document": "telecom_permit", "reference": "", "valid_until": null, "in_scope": true }).to_string();
    let request = browse("post", &interface, Some(&token)).header(header::CONTENT_TYPE, "application/json");
    let told = send(&router, "paper", request.body(Body::from(body)).unwrap()).await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = serde_json::from_str(&told.text()).unwrap();
    assert_eq!((&problem["code"], &problem["field"]), (&json!("resources.paper_number"), &json!("reference")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_of_a_line_tells_that_its_subject_was_put_on_the_black_list() {
    let (_engine, kit, _things, router) = start().await;
    let (_, token) = arrive(&kit, "M-3", kit.city, Role::CityManager).await;
    let province = kit.actor(Role::ProvinceManager, OrganisationKind::Province, kit.city, kit::CITY);
    let line = resources::apply(&kit.app, &province, trunk()).await.unwrap();
    let here = format!("/ledger/{}", line.id);
    let look = async || send(&router, "line", browse("get", &here, Some(&token)).body(Body::empty()).unwrap()).await.text();
    // A city neither lists nor takes off: no button says these words to it.
    let words = ["列入不良名单", "移出不良名单"];
    let said = async || {
        let page = look().await;
        words.map(|words| page.contains(words))
    };
    assert_eq!(said().await, [false, false]);
    resources::blacklist(&kit.app, &province, trunk().subject_code, true, "涉诈通报".into()).await.unwrap();
    assert_eq!(said().await, [true, false]);
    assert!(look().await.contains("涉诈通报"));
    resources::blacklist(&kit.app, &province, trunk().subject_code, false, "复核".into()).await.unwrap();
    assert_eq!(said().await, [true, true]);
}
