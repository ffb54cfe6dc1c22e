//! 重定向服务器: the story of a call that asks, and gets its answer.

mod kit;

use std::sync::atomic::Ordering;

use chuangsha_sip::Reaction;
use kit::{Rig, TRUNKS, call, header, message, status, wire};

fn profile(lines: &str) -> Rig {
    Rig::new(&TRUNKS.replace("next = \"sip:core.example:5070\"", lines))
}

#[test]
fn a_clean_call_is_sent_on_in_the_words_of_its_trunk() {
    for (lines, expected) in [("", 404), ("pass = 404", 404), ("pass = 503", 503), ("pass = 302\nnext = \"sip:core.example:5070\"", 302)] {
        let answer = profile(lines).send(&call("+8619900005670", 1));
        assert_eq!(status(&answer), expected, "{lines}");
        assert_eq!(header(&answer, "Retry-After"), None, "503 must not take the server out of service");
        assert_eq!(header(&answer, "Contact"), (expected == 302).then_some("<sip:+8619900005670@core.example:5070>"));
        assert_eq!(header(&answer, "P-Asserted-Identity"), None);
    }
}

#[test]
fn a_labelled_call_goes_on_with_the_label_before_its_caller() {
    let answer = Rig::new(TRUNKS).send(&call("+8619900005671", 1));
    assert_eq!(status(&answer), 302);
    assert_eq!(header(&answer, "Contact"), Some("<sip:+8619900005671@core.example:5070>"));
    assert_eq!(header(&answer, "P-Asserted-Identity"), Some("\"疑似骚扰电话\" <sip:+8619900001234@gw.example>"));
    assert_eq!(header(&answer, "Call-Info"), Some("<https://appeal.example/0000000000000000000000000000abcd>;purpose=info"));
    // Without a next hop the one in front routes on as it does anyway, and takes the label along.
    let answer = profile("").send(&call("+8619900005671", 1));
    assert_eq!((status(&answer), header(&answer, "P-Asserted-Identity").is_some()), (404, true));
}

#[test]
fn the_label_stands_before_the_identity_the_network_vouches_for() {
    let text = call("+8619900005671", 1).replace("Max-Forwards", "P-Asserted-Identity: \"x\" <tel:+8619900009999>\nMax-Forwards");
    let answer = Rig::new(TRUNKS).send(&text);
    assert_eq!(header(&answer, "P-Asserted-Identity"), Some("\"疑似骚扰电话\" <tel:+8619900009999>"));
}

#[test]
fn a_blocked_call_is_told_why_and_where_to_turn() {
    let evidence = "0000000000000000000000000000abcd";
    let card = "card = \"https://appeal.example/card\" }";
    for (block, first, reason) in [
        ("603", "SIP/2.0 603 Decline", format!("SIP;cause=603;text=\"rule=bad_list score=80 evidence={evidence}\"")),
        (
            "603+",
            "SIP/2.0 603 Network Blocked",
            format!("Q.850;cause=21;text=\"v=analytics1;url=https://appeal.example/;tel=+8610000;id={evidence}\";location=LN"),
        ),
        ("607", "SIP/2.0 607 Unwanted", format!("SIP;cause=607;text=\"rule=bad_list score=80 evidence={evidence}\"")),
        ("608", "SIP/2.0 608 Rejected", format!("SIP;cause=608;text=\"rule=bad_list score=80 evidence={evidence}\"")),
    ] {
        let trunks = TRUNKS
            .replace("next =", &format!("block = \"{block}\"\nnext ="))
            .replace("tel = \"+8610000\" }", &format!("tel = \"+8610000\", {card}"));
        let answer = Rig::new(&trunks).send(&call("+8619900005672", 1));
        assert_eq!(answer.lines().next(), Some(first));
        assert_eq!(header(&answer, "Reason"), Some(reason.as_str()));
        assert_eq!(header(&answer, "Error-Info"), Some(format!("<https://appeal.example/{evidence}>").as_str()));
        let call_info = (block == "608").then_some("<https://appeal.example/card>;purpose=jwscard");
        assert_eq!(header(&answer, "Call-Info"), call_info);
        assert!(!answer.lines().any(|line| line.starts_with("Reason") && line.contains("199")), "no number in it");
    }
}

#[test]
fn a_challenge_goes_to_the_machine_that_asks_or_is_a_label() {
    let answer = profile("challenge = \"sip:ask@ivr.example\"").send(&call("+8619900005673", 1));
    assert_eq!((status(&answer), header(&answer, "Contact")), (302, Some("<sip:ask@ivr.example>")));
    let answer = Rig::new(TRUNKS).send(&call("+8619900005673", 1));
    assert_eq!((status(&answer), header(&answer, "Contact")), (302, Some("<sip:+8619900005673@core.example:5070>")));
}

#[test]
fn a_retransmission_gets_the_same_bytes_and_is_counted_once() {
    let mut rig = Rig::new(TRUNKS);
    let text = call("+8619900005672", 1);
    let first = rig.send(&text);
    for _ in 0..6 {
        rig.stopwatch.advance_ms(5_000);
        rig.clock.advance_ms(5_000);
        assert_eq!(rig.send(&text), first);
    }
    assert_eq!(rig.decider.decided.load(Ordering::SeqCst), 1);
    assert_eq!((rig.edge.counters.calls.get(), rig.edge.counters.retransmissions.get()), (1, 6));
    assert_eq!(rig.send(&call("+8619900005672", 2)).lines().next(), first.lines().next());
    assert_eq!(rig.decider.decided.load(Ordering::SeqCst), 2, "another branch and Call-ID is another call");
    rig.stopwatch.advance_ms(2_000);
    rig.send(&text);
    assert_eq!(rig.decider.decided.load(Ordering::SeqCst), 3, "after 32 seconds it is a new call");
}

#[test]
fn a_jump_of_the_clock_ends_no_transaction() {
    let mut rig = Rig::new(TRUNKS);
    let text = call("+8619900005670", 1);
    let first = rig.send(&text);
    rig.clock.advance_ms(86_400_000);
    assert_eq!(rig.send(&text), first);
    rig.clock.advance_ms(-172_800_000);
    assert_eq!(rig.send(&text), first);
    assert_eq!(rig.decider.decided.load(Ordering::SeqCst), 1);
}

#[test]
fn an_ack_is_taken_in_silence_and_a_cancel_is_answered() {
    let mut rig = Rig::new(TRUNKS);
    let invite = call("+8619900005672", 1);
    let of = |method: &str| invite.replace("INVITE", method);
    assert_eq!(status(&rig.send(&of("CANCEL"))), 481, "there is nothing to take back yet");
    let refused = rig.send(&invite);
    let cancelled = rig.send(&of("CANCEL"));
    assert_eq!(status(&cancelled), 200);
    let tag = |answer: &str| header(answer, "To").unwrap().split(";tag=").nth(1).unwrap().to_owned();
    assert_eq!(tag(&cancelled), tag(&refused), "both come from the same side of the same call");
    assert_eq!(header(&cancelled, "CSeq"), Some("3 CANCEL"));
    assert_eq!(rig.send(&of("ACK").replace("core.example>", &format!("core.example>;tag={}", tag(&refused)))), "");
    assert_eq!(rig.send(&invite), refused, "the answer stays what it was");
    assert_eq!(rig.status(&of("BYE")), 481);
    assert_eq!(rig.status(&message("INVITE sip:+8619900005672@core.example SIP/2.0", &["To: <sip:a@b.example>;tag=1"], "")), 481);
}

#[test]
fn the_way_back_is_the_address_it_came_from() {
    let mut rig = Rig::new(TRUNKS);
    let text = message(
        "OPTIONS sip:core.example SIP/2.0",
        &["Via: SIP/2.0/UDP sbc.example:5066;rport ;branch=z9hG4bK1, SIP/2.0/TCP b.example"],
        "",
    );
    let (reaction, answer) = rig.send_from("192.0.2.9:31000", &wire(&text));
    assert_eq!(reaction, Reaction::Answer("192.0.2.9:31000".parse().unwrap()));
    assert_eq!(
        header(&answer, "Via"),
        Some("SIP/2.0/UDP sbc.example:5066;rport=31000 ;branch=z9hG4bK1;received=192.0.2.9, SIP/2.0/TCP b.example")
    );
    let text = message("OPTIONS sip:core.example SIP/2.0", &["Via: SIP/2.0/UDP 192.0.2.9:5066;branch=z9hG4bK1"], "");
    let (reaction, answer) = rig.send_from("192.0.2.9:31000", &wire(&text));
    assert_eq!(reaction, Reaction::Answer("192.0.2.9:5066".parse().unwrap()));
    assert_eq!(header(&answer, "Via"), Some("SIP/2.0/UDP 192.0.2.9:5066;branch=z9hG4bK1"));
    let text = message("OPTIONS sip:core.example SIP/2.0", &["Via: SIP/2.0/UDP victim.example;maddr=198.51.100.7;branch=z9hG4bK1"], "");
    let (reaction, _) = rig.send_from("[2001:db8::7]:31000", &wire(&text));
    assert_eq!(reaction, Reaction::Answer("[2001:db8::7]:5060".parse().unwrap()), "never to anybody else");
}

#[test]
fn a_stranger_is_refused_and_a_flood_of_strangers_is_not_answered() {
    let mut rig = Rig::new(TRUNKS);
    let told: usize =
        (0..1_000).map(|n| usize::from(!rig.send_from("198.51.100.1:5060", &wire(&call("+8619900005670", n))).1.is_empty())).sum();
    assert_eq!(told, 200);
    rig.stopwatch.advance_ms(1_000);
    assert_eq!(status(&rig.send_from("198.51.100.1:5060", &wire(&call("+8619900005670", 1))).1), 403);
    assert_eq!(rig.decider.decided.load(Ordering::SeqCst), 0);
    assert_eq!(rig.edge.counters.unknown_source.get(), 1_001);
    assert_eq!(rig.edge.remembered(), 0, "a stranger takes no room");
    assert_eq!(rig.send_from("198.51.100.1:5060", b"INVITE nonsense SIP/2.0\r\n\r\n").1, "");
}

#[test]
fn what_takes_too_long_passes_unless_it_must_not() {
    let mut rig = Rig::new(TRUNKS);
    let text = call("+8619900005672", 1);
    *rig.decider.slow.lock().unwrap() = Some((rig.stopwatch.clone(), 6));
    let answer = rig.send(&text);
    assert_eq!((status(&answer), rig.edge.counters.late.get()), (404, 1), "the verdict came after 6 ms: not believed any more");
    assert_eq!(rig.send(&text), answer, "and its retransmission gets the same");

    let mut rig = Rig::new(&TRUNKS.replace("\"interconnect\"\n    sources", "\"enterprise\"\n    sources"));
    *rig.decider.slow.lock().unwrap() = Some((rig.stopwatch.clone(), 6));
    assert_eq!((status(&rig.send(&text)), rig.edge.counters.late.get()), (603, 0), "an enterprise trunk fails closed (I4)");
}

#[test]
fn every_form_of_caller_reaches_the_decision() {
    let mut rig = Rig::new(TRUNKS);
    let base = |headers: &[&str]| message("INVITE tel:+86-199-0000-5670;tgrp=x SIP/2.0", headers, "");
    rig.send(&base(&[
        "-From:",
        "f: \"Li\" <sip:%2B8619900001111;phone-context=x@gw.example;user=phone>;tag=1",
        "P-Asserted-Identity: <sip:office@gw.example>, <tel:+861012345678>",
        "P-Preferred-Identity: tel:+8619900003333",
        "Privacy: id;critical",
        "Diversion: <tel:+8619900004444>;reason=unconditional",
    ]));
    rig.send(&message(
        "INVITE sip:x@y.example SIP/2.0",
        &["From: <sip:anonymous@anonymous.invalid>;tag=1", "P-Asserted-Identity: <<<>", "Call-ID: 2"],
        "",
    ));
    rig.send(&message("INVITE sip:core.example SIP/2.0", &["From: <sip:gw.example>;tag=1", "Call-ID: 3"], ""));
    let seen = rig.decider.seen.lock().unwrap().clone();
    assert_eq!(seen[0].from.as_deref(), Some("+8619900001111"));
    assert_eq!(seen[0].pai.as_deref(), Some("+861012345678"), "of two asserted ones the number");
    assert_eq!(seen[0].ppi.as_deref(), Some("+8619900003333"));
    assert_eq!(seen[0].callee, "+86-199-0000-5670");
    assert!(seen[0].hidden && seen[0].diverted);
    assert_eq!(
        (seen[1].from.as_deref(), seen[1].pai.as_deref()),
        (Some("anonymous"), Some("?")),
        "an identity nobody can read is one all the same"
    );
    assert!(seen[1].hidden && !seen[1].diverted);
    assert_eq!((seen[2].from.as_deref(), seen[2].callee.as_str(), seen[2].hidden), (None, "", false));
}

#[test]
fn the_trunk_group_tells_trunks_of_one_source_apart() {
    let second = TRUNKS
        .replace("id = 7", "id = 8")
        .replace("\"interconnect\"\n    class", "\"hz\"\n    class")
        .replace("next =", "group = \"hz-1\"\nnext =");
    let mut rig = Rig::new(&format!("{TRUNKS}{second}"));
    for (n, contact) in
        ["<sip:+8619900001234;tgrp=hz-1;trunk-context=x.example@192.0.2.1>", "<sip:+8619900001234@192.0.2.1;tgrp=hz-1>", "<sip:192.0.2.1>"]
            .iter()
            .enumerate()
    {
        rig.send(&message(
            "INVITE sip:+8619900005670@core.example SIP/2.0",
            &[&format!("Contact: {contact}"), &format!("Call-ID: {n}")],
            "",
        ));
    }
    let trunks: Vec<u32> = rig.decider.seen.lock().unwrap().iter().map(|seen| seen.trunk).collect();
    assert_eq!(trunks, [8, 8, 7]);
}

#[test]
fn a_method_of_no_use_here_is_refused_with_those_that_are() {
    let mut rig = Rig::new(TRUNKS);
    let answer = rig.send(&message("MESSAGE sip:a@b.example SIP/2.0", &[], ""));
    assert_eq!((status(&answer), header(&answer, "Allow")), (405, Some("INVITE, ACK, CANCEL, OPTIONS")));
    assert_eq!(rig.status(&message("OPTIONS sip:core.example SIP/2.0", &[], "")), 200);
}

#[test]
fn a_flood_of_transactions_leaves_the_memory_within_its_bound() {
    let mut rig = Rig::new(TRUNKS);
    rig.decider.forget.store(true, Ordering::SeqCst);
    let bytes = wire(&call("+8619900005670", 1_000_000));
    let text = String::from_utf8(bytes).unwrap();
    for n in 0..40_000 {
        rig.send_from("192.0.2.1:5060", text.replace("1000000", &n.to_string()).as_bytes());
    }
    assert!(rig.edge.remembered() <= 10_100);
    assert!(rig.edge.counters.forgotten.get() >= 29_000);
}
