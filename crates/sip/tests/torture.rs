//! 刁难报文: the kinds of message RFC 4475 and RFC 5118 collect, written anew for this edge. Every valid one is taken, every invalid one refused
//! with the answer those documents ask for. The name of a case is the section's keyword.

mod kit;

use chuangsha_sip::message::{Fields, Head, Method};
use kit::{Rig, TRUNKS, header, message, status, wire};

fn rig() -> Rig {
    Rig::new(TRUNKS)
}

/// What reading alone says: the status of the refusal, 0 for a sound request.
fn read(bytes: &[u8]) -> u16 {
    let mut fields = Fields::default();
    let head = Head::read(bytes, &mut fields).unwrap();
    head.request().map_or_else(|refusal| refusal.status, |_| 0)
}

const INVITE: &str = "INVITE sip:+8619900005678@core.example SIP/2.0";
const OPTIONS: &str = "OPTIONS sip:+8619900005678@core.example SIP/2.0";
const REGISTER: &str = "REGISTER sip:core.example SIP/2.0";

fn long(unit: &str, times: usize) -> String {
    unit.repeat(times)
}

/// Valid as they stand: name, message, and what this edge answers (a redirect server registers nobody: 405; unknown methods: 501).
fn valid() -> Vec<(&'static str, Vec<u8>, u16)> {
    let text = |name, text: String, status| (name, wire(&text), status);
    let tortuous = [
        "INVITE sip:callee@core.example;unknownparam SIP/2.0",
        "TO :",
        " sip:callee@core.example ;   tag    = 1918181833n",
        "from   : \"Li Lei \\\\\\\"\"       <sip:lilei@example.com>",
        "  ;",
        "  tag = 98asjd8",
        "MaX-fOrWaRdS: 0068",
        "Call-ID: tortuous.4ija@192.0.2.1",
        "Content-Length   : 3",
        "cseq: 0009",
        "  INVITE",
        "Via  : SIP  /   2.0",
        " /UDP",
        "    192.0.2.2;branch=390skdjuw",
        "s :",
        "NewFangledHeader:   newfangled value",
        " continued newfangled value",
        "UnknownHeaderWithUnusualValue: ;;,,;;,;",
        "Content-Type: application/sdp",
        "Route:",
        " <sip:services.example.com;lr;unknownwith=value;unknown-no-value>",
        "v:  SIP  / 2.0  / TCP     hop.example   ;",
        "  branch  =   z9hG4bK9ikj8  ,",
        " SIP  /    2.0   / UDP  192.168.255.111   ; branch=",
        " z9hG4bK30239",
        "m:\"Quoted \\\"\\\"\" <sip:lilei@example.com> ; newparam =",
        "      newvalue ;",
        "  secondparam ; q = 0.33",
        "",
        "v=0",
    ];
    let mut intmeth = wire(&message(
        "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0",
        &[
            "Via: SIP/2.0/UDP host1.example.com;rport;branch=z9hG4bK-.!%66*_+`'~",
            "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com> ;fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
            "To: \"BEL:\\BEL NUL:\\NUL DEL:\\DEL\" <sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>",
            "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~",
            "extensionHeader-!.%*+_`'~: 大停电",
        ],
        "",
    ));
    for (word, byte) in [(&b"BEL:\\BEL"[..], 7), (b"NUL:\\NUL", 0), (b"DEL:\\DEL", 0x7F)] {
        let at = intmeth.windows(word.len()).position(|part| part == word).unwrap();
        intmeth.splice(at + 5..at + 8, [byte]);
    }
    let mut multipart = wire(&message(
        "MESSAGE sip:kumiko@example.org SIP/2.0",
        &["Content-Type: multipart/mixed;boundary=7a9cbec02ceef655", "Content-Length: 1500"],
        "",
    ));
    multipart.extend((0..1_500_u32).map(|i| (i % 256) as u8));
    let hops: Vec<String> = (1..=34).map(|i| format!("Via: SIP/2.0/TCP sip{i}.example.com")).collect();
    let long_branch = format!("Via: SIP/2.0/UDP 192.0.2.9;branch=very{}longbranchvalue", long("very", 50));
    let mut long_request: Vec<&str> = vec![&long_branch];
    long_request.extend(hops.iter().map(String::as_str));
    let long_to = format!(
        "To: \"I have a user name of {} length\" <sip:user@example.com:6000;unknownparam1=very{}longvalue;longparam{}=short>",
        long("extreme", 30),
        long("long", 60),
        long("name", 60)
    );
    let long_from = format!(
        "From: sip:{}@example.com;tag=12{};unknownheaderparam{}=unknown{}value",
        long("amazing", 30),
        long("982424", 50),
        long("name", 30),
        long("long", 60)
    );
    let long_call = format!("Call-ID: longreq.one{}longcallid", long("really", 60));
    let long_contact = format!("Contact: <sip:{}@host5.example.net>", long("amazing", 40));
    let long_unknown = format!(
        "Unknown-{}-Name: unknown-{}-value; unknown-{}-parameter-name = unknown-value",
        long("Long", 60),
        long("long", 60),
        long("long", 60)
    );
    long_request.extend([&*long_to, &*long_from, &*long_call, &*long_contact, &*long_unknown]);

    vec![
        ("wsinv", wire(&tortuous.join("\n")), 481),
        ("intmeth", intmeth, 501),
        text(
            "esc01",
            message(
                "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
                &["To: sip:%75se%72@example.com", "From: <sip:I%20have%20spaces@example.net>;tag=938"],
                "",
            ),
            404,
        ),
        text(
            "escnull",
            message(
                "REGISTER sip:example.com SIP/2.0",
                &[
                    "To: sip:null-%00-null@example.com",
                    "From: sip:null-%00-null@example.com;tag=83",
                    "Contact: <sip:%00@host5.example.com>,<sip:%00%00@host5.example.com>",
                ],
                "",
            ),
            405,
        ),
        text(
            "esc02",
            message(
                "RE%47IST%45R sip:registrar.example.com SIP/2.0",
                &[
                    "To: \"%Z%45\" <sip:resource@example.com>",
                    "From: \"%Z%45\" <sip:resource@example.com>;tag=f2",
                    "C%6Fntact: <sip:alias2@host2.example.com>",
                ],
                "",
            ),
            501,
        ),
        text("lwsdisp", message(OPTIONS, &["From: caller<sip:caller@example.com>;tag=323"], ""), 200),
        text("longreq", message("INVITE sip:user@example.com SIP/2.0", &long_request, ""), 404),
        text("dblreq", message(REGISTER, &["Content-Length: 0"], "INVITE sip:joe@example.com SIP/2.0\nt: sip:joe@example.com\n\n"), 405),
        text(
            "semiuri",
            message("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0", &["Accept: application/sdp, application/pkcs7-mime"], ""),
            200,
        ),
        text(
            "transports",
            message(
                OPTIONS,
                &[
                    "Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw",
                    "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
                    "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj",
                    "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
                    "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee",
                ],
                "",
            ),
            200,
        ),
        ("mpart01", multipart, 405),
        // Section 3.2 and 3.3: sound as text, odd in what they say.
        text("badbranch", message(OPTIONS, &["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"], ""), 200),
        text(
            "unksm2",
            message(REGISTER, &["To: isbn:2983792873", "From: <http://www.example.com>;tag=3234233", "Contact: <name:John_Smith>"], ""),
            405,
        ),
        text("invut", message(INVITE, &["Content-Type: application/unknownformat"], "<audio>\n <pcmu port=\"443\"/>\n</audio>"), 404),
        text("regaut01", message(REGISTER, &["Authorization: NoOneKnowsThisScheme opaque-data=here"], ""), 405),
        text("zeromf", message(OPTIONS, &["Max-Forwards: 0"], ""), 200),
        text("cparam01", message(REGISTER, &["Contact: sip:+19725552222@gw1.example.net;unknownparam"], ""), 405),
        text("cparam02", message(REGISTER, &["Contact: <sip:+19725552222@gw1.example.net;unknownparam>"], ""), 405),
        text("regescrt", message(REGISTER, &["Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"], ""), 405),
        text("sdp01", message(INVITE, &["Accept: text/nobodyKnowsThis", "Content-Type: application/sdp"], "v=0\n"), 404),
        text(
            "inv2543",
            message(
                INVITE,
                &[
                    "Via: SIP/2.0/UDP gw.example.com",
                    "-Max-Forwards:",
                    "From: <sip:+19990001234@gw.example.com>",
                    "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>",
                ],
                "",
            ),
            404,
        ),
        // RFC 5118.
        text(
            "ipv6-good",
            message(
                "REGISTER sip:[2001:db8::10] SIP/2.0",
                &["Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111", "Contact: \"Caller\" <sip:caller@[2001:db8::1]>"],
                "",
            ),
            405,
        ),
        text("port-ambiguous", message("REGISTER sip:[2001:db8::10:5070] SIP/2.0", &[], ""), 405),
        text("port-unambiguous", message("REGISTER sip:[2001:db8::10]:5070 SIP/2.0", &[], ""), 405),
        text(
            "via-received-param-with-delim",
            message(OPTIONS, &["Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3"], ""),
            200,
        ),
        text(
            "via-received-param-no-delim",
            message(OPTIONS, &["Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3"], ""),
            200,
        ),
        text(
            "ipv6-in-sdp",
            message(INVITE, &["Content-Type: application/sdp"], "v=0\no=a 1 1 IN IP6 2001:db8::20\nc=IN IP6 2001:db8::20\n"),
            404,
        ),
        text(
            "mult-ip-in-header",
            message(
                "OPTIONS sip:user@[2001:db8::10] SIP/2.0",
                &[
                    "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111",
                    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144",
                    "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200",
                ],
                "",
            ),
            200,
        ),
        text(
            "mult-ip-in-sdp",
            message(
                INVITE,
                &["Contact: \"Caller\" <sip:caller@[2001:db8::1]>", "Content-Type: application/sdp"],
                "v=0\no=a 1 1 IN IP6 2001:db8::20\ns=x\nt=0 0\nm=audio 22334 RTP/AVP 0\nc=IN IP4 192.0.2.1\nm=video 6024 RTP/AVP 107\nc=IN IP6 2001:db8::1\n",
            ),
            404,
        ),
        text(
            "ipv6-correct-abnf-2-colons",
            message("OPTIONS sip:user@[2001:db8::192.0.2.1] SIP/2.0", &["To: sip:user@[2001:db8::192.0.2.1]"], ""),
            200,
        ),
        // Tolerated, as the document asks; what is no such address is still none, below.
        text(
            "ipv6-bug-abnf-3-colons",
            message("OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0", &["To: sip:user@[2001:db8:::192.0.2.1]"], ""),
            200,
        ),
        text(
            "ipv4-mapped-ipv6",
            message(
                "OPTIONS sip:user@example.com SIP/2.0",
                &[
                    "Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
                    "Contact: \"T. desk phone\" <sip:ted@[::ffff:192.0.2.2]>",
                ],
                "",
            ),
            200,
        ),
    ]
}

/// Refused, each with its answer.
fn invalid() -> Vec<(&'static str, String, u16)> {
    vec![
        ("badinv01", message(INVITE, &["Via: SIP/2.0/UDP 192.0.2.15;;,;,,", "Contact: \"Joe\" <sip:joe@example.org>;;;;"], ""), 400),
        ("badinv01 contact", message(INVITE, &["Contact: \"Joe\" <sip:joe@example.org>;;;;"], ""), 400),
        ("clerr", message(INVITE, &["Content-Length: 9999"], "v=0\n"), 400),
        ("ncl", message(INVITE, &["Content-Length: -999"], ""), 400),
        (
            "scalar02",
            message(REGISTER, &["CSeq: 36893488147419103232 REGISTER", "Max-Forwards: 300", "Expires: 10000000000000000000"], ""),
            400,
        ),
        ("quotbal", message(INVITE, &["To: \"Mr. J. User <sip:j.user@example.com>"], ""), 400),
        ("ltgtruri", message("INVITE <sip:user@example.com> SIP/2.0", &[], ""), 400),
        ("lwsruri", message("INVITE sip:user@example.com; lr SIP/2.0", &[], ""), 400),
        ("lwsstart", message("INVITE  sip:user@example.com  SIP/2.0", &[], ""), 400),
        ("trws", message("OPTIONS sip:remote-target@example.com SIP/2.0  ", &[], ""), 400),
        ("escruri", message("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", &[], ""), 400),
        ("baddate", message(INVITE, &["Date: Fri, 01 Jan 2010 16:00:00 EST"], ""), 400),
        ("regbadct", message(REGISTER, &["Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"], ""), 400),
        ("badaspec", message(OPTIONS, &["To: \"Watson, Thomas\" < sip:t.watson@example.org >"], ""), 400),
        ("baddn", message(OPTIONS, &["From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"], ""), 400),
        ("badvers", message("OPTIONS sip:t.watson@example.org SIP/7.0", &["Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw"], ""), 505),
        ("mismatch01", message(OPTIONS, &["CSeq: 8 INVITE"], ""), 400),
        ("mismatch02", message("NEWMETHOD sip:user@example.com SIP/2.0", &["CSeq: 8 INVITE"], ""), 501),
        ("insuf", message(INVITE, &["-Call-ID:", "-From:", "-To:"], ""), 400),
        ("unkscm", message("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", &[], ""), 416),
        ("novelsc", message("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", &[], ""), 416),
        (
            "bext01",
            message(OPTIONS, &["Require: nothingSupportsThis, nothingSupportsThisEither", "Proxy-Require: noProxiesSupportThis"], ""),
            420,
        ),
        (
            "multi01",
            message(
                INVITE,
                &[
                    "CSeq: 5 INVITE",
                    "CSeq: 59 INVITE",
                    "Call-ID: a@x.example",
                    "Call-ID: b@x.example",
                    "From: <sip:a@x.example>;tag=1",
                    "From: <sip:b@x.example>;tag=2",
                ],
                "",
            ),
            400,
        ),
        ("mcl01", message(OPTIONS, &["Content-Length: 13", "Content-Length: 5"], "There's no wa"), 400),
        // RFC 5118.
        ("ipv6-bad", message("REGISTER sip:2001:db8::10 SIP/2.0", &[], ""), 400),
        ("three colons before no address", message("OPTIONS sip:user@[2001:db8:::1] SIP/2.0", &[], ""), 400),
        ("three colons twice", message("OPTIONS sip:user@[2001:::db8:::192.0.2.1] SIP/2.0", &[], ""), 400),
        ("three colons beside two", message("OPTIONS sip:user@[2001::db8:::192.0.2.1] SIP/2.0", &[], ""), 400),
        ("four colons", message("OPTIONS sip:user@[2001:db8::::192.0.2.1] SIP/2.0", &[], ""), 400),
        ("three colons before more than an address", message("OPTIONS sip:user@[2001:db8:::192.0.2.1:1] SIP/2.0", &[], ""), 400),
    ]
}

/// Responses: name, message, and what is read of them; none: dropped.
fn responses() -> Vec<(&'static str, Vec<u8>, Option<u16>)> {
    vec![
        ("unreason", response("SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять - простое", &[]), Some(200)),
        ("noreason", response("SIP/2.0 100 ", &[]), Some(100)),
        ("bcast", response("SIP/2.0 200 OK", &["Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23"]), Some(200)),
        ("bigcode", response("SIP/2.0 4294967301 better not break the receiver", &[]), None),
        ("scalarlg", response("SIP/2.0 503 Service Unavailable", &["CSeq: 9292394834772304023312 OPTIONS"]), None),
        ("clerr of a response", response("SIP/2.0 200 OK", &["Content-Length: 9999"]), None),
    ]
}

/// The keywords of the forty-nine messages of RFC 4475 and the twelve of RFC 5118, in their order.
const DOCUMENTS: [&str; 61] = [
    "wsinv",
    "intmeth",
    "esc01",
    "escnull",
    "esc02",
    "lwsdisp",
    "longreq",
    "dblreq",
    "semiuri",
    "transports",
    "mpart01",
    "unreason",
    "noreason",
    "badinv01",
    "clerr",
    "ncl",
    "scalar02",
    "scalarlg",
    "quotbal",
    "ltgtruri",
    "lwsruri",
    "lwsstart",
    "trws",
    "escruri",
    "baddate",
    "regbadct",
    "badaspec",
    "baddn",
    "badvers",
    "mismatch01",
    "mismatch02",
    "bigcode",
    "badbranch",
    "insuf",
    "unkscm",
    "novelsc",
    "unksm2",
    "bext01",
    "invut",
    "regaut01",
    "multi01",
    "mcl01",
    "bcast",
    "zeromf",
    "cparam01",
    "cparam02",
    "regescrt",
    "sdp01",
    "inv2543",
    "ipv6-good",
    "ipv6-bad",
    "port-ambiguous",
    "port-unambiguous",
    "via-received-param-with-delim",
    "via-received-param-no-delim",
    "ipv6-in-sdp",
    "mult-ip-in-header",
    "mult-ip-in-sdp",
    "ipv4-mapped-ipv6",
    "ipv6-bug-abnf-3-colons",
    "ipv6-correct-abnf-2-colons",
];

#[test]
fn every_message_of_both_documents_is_here() {
    let here: Vec<&str> =
        valid().iter().map(|case| case.0).chain(invalid().iter().map(|case| case.0)).chain(responses().iter().map(|case| case.0)).collect();
    let missing: Vec<_> = DOCUMENTS.iter().filter(|name| !here.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_valid_message_is_taken() {
    for (name, bytes, expected) in valid() {
        assert_eq!(read(&bytes), 0, "{name}: read");
        let answer = rig().send_from("192.0.2.1:5060", &bytes).1;
        assert_eq!(status(&answer), expected, "{name}: {answer}");
    }
}

#[test]
fn every_invalid_message_is_refused_as_the_standard_asks() {
    for (name, text, expected) in invalid() {
        let mut rig = rig();
        let answer = rig.send(&text);
        assert_eq!(status(&answer), expected, "{name}: {answer}");
        assert_eq!(rig.decider.seen.lock().unwrap().len(), 0, "{name}: nothing is decided about it");
    }
}

#[test]
fn the_refusal_of_an_extension_names_it() {
    let answer = rig().send(&message(OPTIONS, &["Require: nothingSupportsThis, timer, nothingSupportsThisEither"], ""));
    let named: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("Unsupported: ")).collect();
    assert_eq!(named, ["nothingSupportsThis", "nothingSupportsThisEither"]);
}

#[test]
fn the_answer_to_a_malformed_request_finds_its_way_back() {
    let answer = rig().send(&message(INVITE, &["To: \"Mr. J. User <sip:j.user@example.com>"], ""));
    assert_eq!(header(&answer, "Via"), Some("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-7d1"));
    assert_eq!(header(&answer, "CSeq"), Some("3 INVITE"));
    assert_eq!(header(&answer, "Call-ID"), Some("7f3@gw.example"));
    assert_eq!(rig().send(&message("ACK sip:a@b.example SIP/2.0", &["To: \"open <sip:a@b.example>"], "")), "", "an ACK is never answered");
    assert_eq!(rig().send(&message(INVITE, &["-Via:"], "")), "", "no way back, no answer");
}

fn response(start: &str, headers: &[&str]) -> Vec<u8> {
    let all: Vec<&str> = [&["CSeq: 35 INVITE"][..], headers].concat();
    wire(&message(start, &all, ""))
}

#[test]
fn responses_are_read_or_dropped() {
    for (name, bytes, status) in responses() {
        let mut fields = Fields::default();
        let head = Head::read(&bytes, &mut fields).unwrap();
        assert!(head.is_response());
        let read = head.response().map(|response| (response.status, response.method == Method::Invite)).ok();
        assert_eq!(read, status.map(|status| (status, true)), "{name}");
        assert_eq!(rig().send_from("192.0.2.1:5060", &bytes).1, "", "{name}: nobody is sent on what nobody asked for");
    }
}

#[test]
fn what_is_no_sip_is_dropped() {
    for noise in [&b""[..], b"\r\n\r\n", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"hello", b"\xff\xff\xff", b"SIP", b"/2.0"] {
        assert_eq!(rig().send_from("192.0.2.1:5060", noise).1, "", "{}", noise.escape_ascii());
    }
}

#[test]
fn a_bomb_of_headers_or_a_whole_datagram_of_rubbish_is_answered_at_once() {
    let many = "X: y\n".repeat(10_000);
    assert_eq!(rig().status(&message(INVITE, &[many.trim_end()], "")), 400);
    let commas = format!("Contact: {}", "<sip:a@b.example>,".repeat(3_000));
    assert_eq!(rig().status(&message(INVITE, &[&commas], "")), 400);
    let semicolons = format!("From: <sip:a@b.example>{}", ";".repeat(60_000));
    assert_eq!(rig().status(&message(INVITE, &[&semicolons], "")), 400);
    let folds = format!("Subject: a{}", "\n b".repeat(15_000));
    assert_eq!(rig().status(&message(INVITE, &[&folds], "")), 404, "long, folded, and sound");
    let hops = format!("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1{}", ",SIP/2.0/UDP 192.0.2.1".repeat(2_500));
    assert_eq!(rig().status(&message(INVITE, &[&hops], "")), 404);
    let open = [b"INVITE sip:a@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nX: ".to_vec(), vec![b'a'; 65_000]].concat();
    assert_eq!(status(&rig().send_from("192.0.2.1:5060", &open).1), 400);
    assert_eq!(rig().send_from("192.0.2.1:5060", &vec![b'a'; 70_000]).1, "");
}

#[test]
fn a_line_break_that_is_none_smuggles_nothing() {
    let sound = wire(&message(INVITE, &["Subject: a"], ""));
    for (from, to) in [("Subject: a", "Subject: a\nX: b"), ("Subject: a", "Subject: a\rX: b"), ("\r\n\r\n", "\n\n")] {
        let spoilt = String::from_utf8(sound.clone()).unwrap().replace(from, to);
        assert_eq!(status(&rig().send_from("192.0.2.1:5060", spoilt.as_bytes()).1), 400, "{to:?}");
    }
}

/// Every message above, cut at every byte and with every byte changed: whatever comes of it, nothing panics.
#[test]
fn no_damage_makes_it_panic() {
    let mut rig = rig();
    let all = valid().into_iter().map(|(_, bytes, _)| bytes).chain(invalid().into_iter().map(|(_, text, _)| wire(&text)));
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for bytes in all {
        for end in 0..bytes.len().min(1_200) {
            rig.send_from("192.0.2.1:5060", &bytes[..end]);
        }
        for at in 0..bytes.len().min(1_200) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut damaged = bytes.clone();
            damaged[at] = random as u8;
            rig.send_from("192.0.2.1:5060", &damaged);
        }
    }
}
