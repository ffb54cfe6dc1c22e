//! 代理: the story of a call that goes through.

mod kit;

use chuangsha_screen::Released;
use chuangsha_sip::Reaction;
use kit::{Rig, TRUNKS, header, message, status, wire};

const CALLER: &str = "192.0.2.1:5060";
const CALLEE: &str = "198.51.100.9:5070";
const OWN: &str = "203.0.113.5:5060";

fn rig() -> Rig {
    let trunks = TRUNKS.replace("next = \"sip:core.example:5070\"", "mode = \"proxy\"\nnext = \"sip:198.51.100.9:5070\"");
    let mut rig = Rig::new(&trunks);
    rig.edge = rig.edge.proxy(OWN.parse().unwrap());
    rig
}

fn invite(callee: &str) -> String {
    message(
        &format!("INVITE sip:{callee}@core.example SIP/2.0"),
        &["Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK-i", "P-Asserted-Identity: <sip:+8619900001234@gw.example>"],
        "v=0",
    )
}

fn send(rig: &mut Rig, from: &str, text: &str) -> (Option<String>, String) {
    let (reaction, out) = rig.send_from(from, &wire(text));
    let to = match reaction {
        Reaction::Quiet | Reaction::Later => None,
        Reaction::Answer(to) | Reaction::Forward(to) => Some(to.to_string()),
    };
    (to, out)
}

/// What the callee's side answers to a forwarded request.
fn answer(forwarded: &str, start: &str) -> String {
    let kept = forwarded
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| ["Via", "From", "Call-ID", "CSeq", "Record-Route"].iter().any(|name| line.starts_with(&format!("{name}: "))));
    let to = header(forwarded, "To").unwrap();
    let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag=callee") };
    format!("{start}\n{}\nTo: {to}\nContact: <sip:198.51.100.9:5070>\nContent-Length: 0\n\n", kept.collect::<Vec<_>>().join("\n"))
}

fn within(method: &str, n: u32, from_callee: bool) -> String {
    let (from, to) = ("<sip:+8619900001234@gw.example>;tag=a1", "<sip:+8619900005678@core.example>;tag=callee");
    let (from, to, target) = if from_callee { (to, from, "192.0.2.1:5060") } else { (from, to, "198.51.100.9:5070") };
    message(
        &format!("{method} sip:{target} SIP/2.0"),
        &[
            &format!("Via: SIP/2.0/UDP x.example;rport;branch=z9hG4bK-{method}{n}"),
            &format!("From: {from}"),
            &format!("To: {to}"),
            &format!("Route: <sip:{OWN};lr>"),
            &format!("CSeq: {n} {method}"),
        ],
        "",
    )
}

#[test]
fn a_call_is_followed_from_ring_to_release() {
    let mut rig = rig();
    let (to, forwarded) = send(&mut rig, CALLER, &invite("+8619900005670"));
    assert_eq!(to.as_deref(), Some(CALLEE));
    let vias: Vec<&str> = forwarded.lines().filter(|line| line.starts_with("Via")).collect();
    assert!(vias[0].starts_with("Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK-cs"), "{vias:?}");
    assert_eq!(vias[1], "Via: SIP/2.0/UDP 192.0.2.1:5060;rport=5060;branch=z9hG4bK-i;received=192.0.2.1");
    assert_eq!(header(&forwarded, "Max-Forwards"), Some("69"));
    assert_eq!(header(&forwarded, "Record-Route"), Some("<sip:203.0.113.5:5060;lr>"));
    assert!(forwarded.ends_with("Content-Length: 3\r\n\r\nv=0"));
    assert_eq!(
        send(&mut rig, CALLER, &invite("+8619900005670")),
        (to, forwarded.clone()),
        "a retransmission goes the same way, byte for byte"
    );
    assert_eq!(rig.edge.counters.calls.get(), 1);

    rig.stopwatch.advance_ms(500);
    let (to, ringing) = send(&mut rig, CALLEE, &answer(&forwarded, "SIP/2.0 180 Ringing"));
    assert_eq!((to.as_deref(), ringing.lines().next()), (Some(CALLER), Some("SIP/2.0 180 Ringing")));
    assert_eq!(ringing.lines().filter(|line| line.starts_with("Via")).count(), 1);
    rig.stopwatch.advance_ms(3_000);
    assert_eq!(send(&mut rig, CALLEE, &answer(&forwarded, "SIP/2.0 200 OK")).0.as_deref(), Some(CALLER));
    let (to, ack) = send(&mut rig, CALLER, &within("ACK", 3, false));
    assert_eq!((to.as_deref(), header(&ack, "Route")), (Some(CALLEE), None), "our own route is taken off");
    rig.stopwatch.advance_ms(60_000);
    let (to, bye) = send(&mut rig, CALLEE, &within("BYE", 9, true));
    assert_eq!(to.as_deref(), Some(CALLER));
    assert_eq!(send(&mut rig, CALLEE, &within("BYE", 9, true)).0, to, "a BYE may have to be sent again");
    assert_eq!(send(&mut rig, CALLER, &answer(&bye, "SIP/2.0 200 OK")).0.as_deref(), Some(CALLEE));
    let outcomes = rig.decider.outcomes.lock().unwrap().clone();
    assert_eq!(outcomes.len(), 1);
    assert_eq!((outcomes[0].ring_ms, outcomes[0].talk_ms, outcomes[0].released), (3_000, 60_000, Released::Callee));
    assert_eq!((outcomes[0].caller.value(), outcomes[0].callee.value(), outcomes[0].trunk.0), (8_619_900_001_234, 8_619_900_005_670, 7));
    assert_eq!(rig.edge.under_way(), 0);
}

#[test]
fn one_ring_and_gone_is_seen() {
    let mut rig = rig();
    let forwarded = send(&mut rig, CALLER, &invite("+8619900005670")).1;
    send(&mut rig, CALLEE, &answer(&forwarded, "SIP/2.0 180 Ringing"));
    rig.stopwatch.advance_ms(1_200);
    let cancel = invite("+8619900005670").replace("INVITE", "CANCEL");
    let (to, cancelled) = send(&mut rig, CALLER, &cancel);
    assert_eq!(to.as_deref(), Some(CALLEE));
    let branch = |text: &str| header(text, "Via").unwrap().split("branch=").nth(1).unwrap().to_owned();
    assert_eq!(branch(&cancelled), branch(&forwarded), "the callee's side must find the call by it");
    let refused = answer(&forwarded, "SIP/2.0 487 Request Terminated");
    assert_eq!(send(&mut rig, CALLEE, &refused).0.as_deref(), Some(CALLER));
    assert_eq!(send(&mut rig, CALLEE, &refused).0.as_deref(), Some(CALLER), "refusals are retransmitted until they are confirmed");
    let (to, ack) = send(&mut rig, CALLER, &invite("+8619900005670").replace("INVITE", "ACK"));
    assert_eq!((to.as_deref(), branch(&ack)), (Some(CALLEE), branch(&forwarded)));
    let outcomes = rig.decider.outcomes.lock().unwrap().clone();
    assert_eq!(outcomes.iter().map(|one| (one.ring_ms, one.talk_ms, one.released)).collect::<Vec<_>>(), [(1_200, 0, Released::Caller)]);
}

#[test]
fn a_blocked_call_goes_nowhere_and_a_labelled_one_carries_its_label() {
    let mut rig = rig();
    let (to, refused) = send(&mut rig, CALLER, &invite("+8619900005672"));
    assert_eq!((to.as_deref(), status(&refused)), (Some(CALLER), 603));
    assert_eq!(send(&mut rig, CALLER, &invite("+8619900005672").replace("INVITE", "ACK")).0, None);
    let text = invite("+8619900005671").replace("z9hG4bK-i", "z9hG4bK-j");
    let (to, labelled) = send(&mut rig, CALLER, &text);
    assert_eq!(to.as_deref(), Some(CALLEE));
    let identities: Vec<&str> = labelled.lines().filter(|line| line.starts_with("P-Asserted-Identity")).collect();
    assert_eq!(identities, ["P-Asserted-Identity: \"疑似骚扰电话\" <sip:+8619900001234@gw.example>"]);
}

#[test]
fn nobody_reaches_somebody_else_through_it() {
    let mut rig = rig();
    let (to, answer_to_stray) = send(&mut rig, CALLER, &within("BYE", 3, false).replace("198.51.100.9", "8.8.8.8"));
    assert_eq!((to.as_deref(), status(&answer_to_stray)), (Some(CALLER), 481), "there is no such call");
    let forwarded = send(&mut rig, CALLER, &invite("+8619900005670")).1;
    let (to, _) = send(&mut rig, CALLER, &within("INFO", 4, false).replace("198.51.100.9:5070 SIP", "8.8.8.8:53 SIP"));
    assert_eq!(to.as_deref(), Some(CALLEE), "the other side of the call, whatever the target says");
    let stray = answer(&forwarded, "SIP/2.0 200 OK").replace("received=192.0.2.1", "received=8.8.8.8");
    assert_eq!(send(&mut rig, CALLEE, &stray).0, None);
    let foreign = answer(&forwarded, "SIP/2.0 200 OK").replace("203.0.113.5", "203.0.113.6");
    assert_eq!(send(&mut rig, CALLEE, &foreign).0, None, "a response that did not come this way");
    assert_eq!(send(&mut rig, "8.8.8.8:5060", &answer(&forwarded, "SIP/2.0 200 OK")).0, None);
    assert_eq!(status(&send(&mut rig, CALLEE, &invite("+8619900005670").replace("7f3@", "8f3@")).1), 403, "the far side opens no calls");
    assert_eq!(
        status(
            &send(
                &mut rig,
                CALLER,
                &invite("+8619900005670")
                    .replace("Max-Forwards: 70", "Max-Forwards: 0")
                    .replace("z9hG4bK-i", "z9hG4bK-k")
                    .replace("7f3@", "9f3@")
            )
            .1
        ),
        483
    );
    assert_eq!(status(&send(&mut rig, CALLER, &message("OPTIONS sip:a@b.example SIP/2.0", &["Proxy-Require: nobodyKnows"], "")).1), 420);
}
