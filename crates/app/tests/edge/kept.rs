//! A session ends, or a factor grows old, in the middle of a form: what was typed is there again after sign-in, for the same person and nobody else.

use axum::{
    Router,
    body::Body,
    http::{StatusCode, header},
};
use chuangsha_app::{
    platform::{
        actor::Actor,
        people::{extract::SESSION_COOKIE, totp},
    },
    registration::{
        desk::{self, NewOrder},
        order::{Customer, Mode, Product},
    },
};
use chuangsha_kernel::{role::Role, rulebook::ChannelKind, time::MINUTE_MS};
use chuangsha_world::kit::Kit;

use crate::kit::{Answer, PASSWORD, arrive, browse, form, send, start};

/// Goes through the sign-in pages from where a refusal led; gives the new session and the page one ends up on.
async fn sign_in_again(kit: &Kit, router: &Router, number: &str, location: &str) -> (String, String) {
    let (_, to) = location.split_once("to=").unwrap_or(("", ""));
    let to = percent_decoded(to);
    let answer = send(router, "sign in", form("/login", None, location, &[("number", number), ("password", PASSWORD), ("to", &to)])).await;
    let token = session_of(&answer);
    assert!(answer.header("location").starts_with("/login/second"), "{}", answer.header("location"));
    let page = send(router, "second", browse("get", answer.header("location"), Some(&token)).body(Body::empty()).unwrap()).await;
    let to = hidden(&page.text(), "to");
    // A code serves once.
    kit.clock.advance_ms(31_000);
    let code = totp::code(&totp::demo_secret(number), kit.app.clock.now()).unwrap();
    let answer = send(router, "code", form("/login/second", Some(&token), "/login/second", &[("code", &code), ("to", &to)])).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    (session_of(&answer), answer.header("location").to_owned())
}

fn session_of(answer: &Answer) -> String {
    let cookies = answer.headers.get_all(header::SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    let prefix = format!("{SESSION_COOKIE}=");
    cookies
        .filter_map(|cookie| cookie.strip_prefix(&prefix))
        .map(|rest| rest.split(';').next().unwrap().to_owned())
        .next()
        .expect("a session")
}

fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split('"').next().unwrap().replace("&#38;", "&").replace("&#61;", "=")
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| char::from(byte.unwrap()).to_digit(16).unwrap() as u8;
        bytes.push(if byte == b'%' { hex(rest.next()) << 4 | hex(rest.next()) } else { byte });
    }
    String::from_utf8(bytes).unwrap()
}

/// An order of one's own outlet, with somebody signed in who may cancel it.
async fn at_the_counter(kit: &Kit, number: &'static str, person: u16) -> (String, String) {
    let outlet = kit.outlet(&format!("K-{person}"), ChannelKind::SocialOutlet).await;
    let (staff, token) = arrive(kit, number, outlet, Role::Clerk).await;
    let clerk = Actor { staff, ..kit.clerk(outlet) };
    let pool = kit.numbers(u32::from(person) * 10 + 5000, 1).await[0];
    let order = kit.reserved(&clerk, pool, person).await.unwrap();
    (order.to_string(), token)
}

const WORDS: &str = "客户说：<b>改天再来</b> & \"再想想\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_in_the_middle_of_a_form_does_not_cost_what_was_typed() {
    let (_engine, kit, _things, router) = start().await;
    let (order, token) = at_the_counter(&kit, "K-1", 40).await;
    let page = format!("/capture/{order}/portrait");
    let action = format!("/capture/{order}/cancellation");
    kit.clock.advance_ms(16 * MINUTE_MS);
    let refused = send(&router, "too late", form(&action, Some(&token), &page, &[("version", "2"), ("words", WORDS)])).await;
    assert_eq!(refused.status, StatusCode::SEE_OTHER);
    let location = refused.header("location").to_owned();
    assert!(location.starts_with("/login?to=%2Fcapture%2F"), "{location}");
    assert!(!percent_decoded(&location).contains("客户"), "nothing typed stands in an address: {location}");

    // Somebody else who sits down at the same counter, follows the same address, and finds nothing.
    let (_, colleague) = at_the_counter(&kit, "K-2", 41).await;
    let theirs = send(&router, "colleague", browse("get", "/?kept=1", Some(&colleague)).body(Body::empty()).unwrap()).await;
    assert!(theirs.status.is_success() && !theirs.text().contains("改天再来"));

    let (token, back) = sign_in_again(&kit, &router, "K-1", &location).await;
    assert_eq!(back, format!("{page}?kept=1"));
    let shown = send(&router, "back", browse("get", &back, Some(&token)).body(Body::empty()).unwrap()).await;
    let text = shown.text();
    assert!(text.contains("您之前填写的内容已保留"), "it is said");
    assert!(text.contains("客户说：&#60;b&#62;改天再来&#60;/b&#62; &#38; &#34;再想想&#34;</textarea>"), "it is filled in, as text");
    assert!(text.contains("<dialog open data-open id=\"cancel\""), "the dialog is open");
    // Sent again it does its work and is forgotten.
    let sent =
        send(&router, "again", form(&action, Some(&token), &back, &[("version", &hidden(&text, "version")), ("words", WORDS)])).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text());
    assert!(!sent.header("location").starts_with("/login"));
    let again = send(&router, "forgotten", browse("get", "/?kept=1", Some(&token)).body(Body::empty()).unwrap()).await;
    assert!(!again.text().contains("改天再来"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_pictures_keeps_its_texts_and_nothing_of_them_is_at_rest_in_clear() {
    let (_engine, kit, _things, router) = start().await;
    let outlet = kit.outlet("K-42", ChannelKind::SocialOutlet).await;
    let (staff, token) = arrive(&kit, "P-1", outlet, Role::Clerk).await;
    let clerk = Actor { staff, ..kit.clerk(outlet) };
    let number = kit.numbers(5420, 1).await[0];
    let draft = NewOrder { number, mode: Mode::Counter, product: Product::Voice, customer: Customer::Individual };
    let order = desk::open(&kit.app, &clerk, draft).await.unwrap();
    let page = format!("/capture/{order}/document");
    kit.clock.advance_ms(16 * MINUTE_MS);
    let part = |name: &str, value: &str| format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let picture = "--x\r\ncontent-disposition: form-data; name=\"document_front\"; filename=\"a.jpg\"\r\n\r\nPICTUREBYTES\r\n";
    let body = format!("{}{picture}{}--x--\r\n", part("holder.address", "演示乙的住址"), part("entry", "reader"));
    let request = browse("post", &page, Some(&token)).header(header::CONTENT_TYPE, "multipart/form-data; boundary=x");
    let request = request.header(header::REFERER, format!("http://localhost{page}")).body(Body::from(body)).unwrap();
    let refused = send(&router, "too late", request).await;
    assert_eq!(refused.status, StatusCode::SEE_OTHER);
    let sealed = kit
        .app
        .read(|tx| tx.query("SELECT sealed FROM kept_form", &[])?.iter().map(|row| Ok(row.bytes(0)?)).collect::<Result<Vec<_>, _>>())
        .await
        .unwrap();
    assert_eq!(sealed.len(), 1);
    for secret in ["演示乙", "PICTUREBYTES", "holder.address"] {
        assert!(!sealed[0].windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    let (token, back) = sign_in_again(&kit, &router, "P-1", refused.header("location")).await;
    let text = send(&router, "back", browse("get", &back, Some(&token)).body(Body::empty()).unwrap()).await.text();
    assert!(
        text.contains("name=\"holder.address\" type=\"text\" autocomplete=\"off\"") && text.contains("value=\"演示乙的住址\""),
        "{text}"
    );
    // Half an hour later it is gone, from the table too.
    kit.clock.advance_ms(14 * MINUTE_MS);
    let keep_alive = send(&router, "alive", browse("get", "/", Some(&token)).body(Body::empty()).unwrap()).await;
    assert!(keep_alive.status.is_success());
    kit.clock.advance_ms(14 * MINUTE_MS);
    send(&router, "alive", browse("get", "/", Some(&token)).body(Body::empty()).unwrap()).await;
    kit.clock.advance_ms(3 * MINUTE_MS);
    let late = send(&router, "late", browse("get", &back, Some(&token)).body(Body::empty()).unwrap()).await;
    assert!(!late.text().contains("演示乙的住址"));
    kit.app.prune_people().await.unwrap();
    let left = kit.app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM kept_form", &[])?.int(0)?)).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factor_that_grew_old_leads_back_to_the_page_of_the_form_and_nowhere_else() {
    let (_engine, kit, things, router) = start().await;
    let (_, token) = arrive(&kit, "U-1", kit.hq, Role::CarrierAdministrator).await;
    // Kept alive, but the factor is older than a quarter of an hour.
    for _ in 0..2 {
        kit.clock.advance_ms(10 * MINUTE_MS);
        let alive = send(&router, "alive", browse("get", "/people", Some(&token)).body(Body::empty()).unwrap()).await;
        assert_eq!(alive.status, StatusCode::OK);
    }
    let (page, action) = (format!("/people/{}", things.staff), format!("/people/{}/departure", things.staff));
    let refused = send(&router, "stale", form(&action, Some(&token), &page, &[("words", "离职原因")])).await;
    assert_eq!(refused.status, StatusCode::SEE_OTHER);
    let location = percent_decoded(refused.header("location"));
    assert_eq!(location, format!("/login/again?to={page}?kept=1"));
    let asked = send(&router, "again", browse("get", refused.header("location"), Some(&token)).body(Body::empty()).unwrap()).await;
    let code = totp::code(&totp::demo_secret("U-1"), kit.app.clock.now()).unwrap();
    let to = hidden(&asked.text(), "to");
    let given = send(&router, "code", form("/login/again", Some(&token), "/login/again", &[("code", &code), ("to", &to)])).await;
    assert_eq!(given.header("location"), format!("{page}?kept=1"));
    let back = send(&router, "back", browse("get", given.header("location"), Some(&session_of(&given))).body(Body::empty()).unwrap()).await;
    assert!(back.text().contains("离职原因"), "what was typed is on the page");
    // A page elsewhere that posts here is never come back to.
    let mut elsewhere = form(&action, None, "/", &[("words", "x")]);
    elsewhere.headers_mut().insert(header::REFERER, "https://evil.example/orders/1?kept=1".parse().unwrap());
    assert_eq!(send(&router, "elsewhere", elsewhere).await.header("location"), "/login");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_proves_who_somebody_is_is_never_kept() {
    let (_engine, kit, _things, router) = start().await;
    let (_, token) = arrive(&kit, "S-1", kit.hq, Role::CarrierAdministrator).await;
    kit.clock.advance_ms(16 * MINUTE_MS);
    for (path, field) in [("/me/password", "old"), ("/login/again", "code"), ("/login/enrol/code", "code")] {
        let refused = send(&router, path, form(path, Some(&token), path, &[(field, "123456"), ("new", "a secret")])).await;
        assert_eq!(refused.status, StatusCode::SEE_OTHER, "{path}");
        assert!(!refused.header("location").contains("kept"), "{path}: {}", refused.header("location"));
    }
    let kept = kit.app.read(|tx| Ok(tx.query_one("SELECT COUNT(*) FROM kept_form", &[])?.int(0)?)).await.unwrap();
    assert_eq!(kept, 0);
}
