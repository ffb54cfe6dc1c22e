//! 话单: what is taken, and what is rejected with its reason.

use std::io::Cursor;

use chuangsha_kernel::{Language, problem::Refuse};
use chuangsha_screen::Released;
use chuangsha_sip::feed::{
    Fault, Record, Row, asterisk, freeswitch,
    hep::{self, HepError, Probe},
    kamailio,
};
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn china() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(8))
}

fn taken(rows: impl Iterator<Item = Row>) -> Vec<Record> {
    rows.filter_map(Result::ok).collect()
}

fn faults(rows: impl Iterator<Item = Row>) -> Vec<(u64, Fault)> {
    rows.filter_map(Result::err).map(|reject| (reject.row, reject.fault)).collect()
}

const ASTERISK: &str = r#""","19900001234","19900005678","from-trunk","""Li"" <19900001234>","SIP/gw-1","SIP/core-1","Dial","SIP/core/19900005678","2026-11-22 09:30:00","2026-11-22 09:30:04","2026-11-22 09:31:04",64,60,"ANSWERED","DOCUMENTATION","1795339800.1",""
"","19900001234","19900005678","from-trunk","x","SIP/gw-2","","Dial","x","2026-11-22 09:30:00","","2026-11-22 09:30:02",2,0,"NO ANSWER","DOCUMENTATION","1795339800.2",""
"","19900001234","19900005678","from-trunk","x","SIP/gw-3","","Dial","x","2026-11-22 09:30:00","","2026-11-22 09:30:01",1,0,"BUSY","DOCUMENTATION"
"","19900001234","19900005678","from-trunk","x","SIP/gw-4","","Dial","x","2026-11-22 09:30:05","","2026-11-22 09:30:01",1,0,"FAILED","DOCUMENTATION"
"","","19900005678","from-trunk","x","SIP/gw-5","","Dial","x","2026-11-22 09:30:00","","2026-11-22 09:30:01",1,0,"FAILED","DOCUMENTATION"
"","19900001234","19900005678","from-trunk","x","SIP/gw-6","","Dial","x","22.11.2026 09:30","","2026-11-22 09:30:01",1,0,"FAILED","DOCUMENTATION"
short,row
"","19900001234","19900005678","from-trunk","x","SIP/gw-8","","Dial","x","2026-11-22 09:30:00","","2026-11-22 09:30:01",1,0,"WHATEVER","DOCUMENTATION"
"#;

#[test]
fn asterisk_records_are_taken_row_by_row() {
    let read = || asterisk::read(Cursor::new(ASTERISK), china());
    let records = taken(read());
    assert_eq!(records.len(), 3);
    assert_eq!(
        (records[0].ring_ms, records[0].talk_ms, records[0].released, records[0].call.as_str()),
        (Some(4_000), 60_000, None, "1795339800.1")
    );
    assert_eq!(records[0].at.display(), "2026-11-22 09:31:04");
    assert_eq!((records[0].caller.as_str(), records[0].callee.as_str()), ("19900001234", "19900005678"));
    assert_eq!((records[1].ring_ms, records[1].talk_ms, records[1].released), (Some(2_000), 0, None));
    assert_eq!((records[2].ring_ms, records[2].talk_ms, records[2].released), (None, 0, Some(Released::Callee)));
    let expected = [
        (4, Fault::Backwards),
        (5, Fault::Missing("src")),
        (6, Fault::Malformed("start")),
        (7, Fault::Missing("start")),
        (8, Fault::Malformed("disposition")),
    ];
    assert_eq!(faults(read()), expected);
    let utc = taken(asterisk::read(Cursor::new(ASTERISK), TimeZone::UTC));
    assert_eq!(utc[0].at.0 - records[0].at.0, 8 * 3_600_000);
}

#[test]
fn a_name_in_another_encoding_does_not_cost_the_row() {
    // As Asterisk 16.28 wrote it: the display name of the From as it came, here in GBK.
    let row = [
        &br#""","+8619900012701","+8619900002001","screened",""""#[..],
        b"\xd2\xc9\xcb\xc6",
        &br#""" <+8619900012701>","PJSIP/caller-00000097","PJSIP/core-00000099","Dial","PJSIP/+8619900002001@core","2026-11-22 22:34:01","2026-11-22 22:34:03","2026-11-22 22:34:06",4,3,"ANSWERED","DOCUMENTATION","1795386841.234","""#[..],
        b"\n",
    ]
    .concat();
    let records = taken(asterisk::read(&row[..], TimeZone::UTC));
    assert_eq!(records.len(), 1, "{:?}", faults(asterisk::read(&row[..], TimeZone::UTC)));
    let record = &records[0];
    assert_eq!((record.caller.as_str(), record.callee.as_str()), ("+8619900012701", "+8619900002001"));
    assert_eq!((record.ring_ms, record.talk_ms, record.at.0), (Some(2_000), 3_000, 1_795_386_846_000));
    // And a callee's words for its refusal, in Kamailio's log.
    let line = [
        &b"ACC: transaction answered: timestamp=1795311070;method=INVITE;call_id=2@x;code=486;reason="[..],
        b"\xc3\xa6",
        b";src_user=+8619900001234;dst_user=+8619900005678;ring_ms=\n",
    ]
    .concat();
    assert_eq!(taken(kamailio::read(&line[..])).len(), 1);
}

#[test]
fn who_gave_up_is_told_by_the_last_column() {
    let row = |last: &str| {
        format!(
            r#""","+8619900012701","+8619900002001","screened","","PJSIP/a-1","PJSIP/b-1","Dial","x","2026-11-22 22:34:01",,"2026-11-22 22:34:03",2,0,"NO ANSWER","DOCUMENTATION"{last}"#
        )
    };
    let told = |last: &str| {
        let record = taken(asterisk::read(Cursor::new(row(last)), TimeZone::UTC)).remove(0);
        (record.released, record.ring_ms, record.talk_ms)
    };
    assert_eq!(told(r#","1795386841.2","CANCEL""#), (Some(Released::Caller), Some(2_000), 0));
    assert_eq!(told(r#","CANCEL""#), (Some(Released::Caller), Some(2_000), 0), "without loguniqueid");
    assert_eq!(told(r#","1795386841.2","NOANSWER""#), (None, Some(2_000), 0));
    assert_eq!(told(""), (None, Some(2_000), 0));
}

#[test]
fn a_reason_quotes_nothing_that_stood_in_the_row() {
    for reject in asterisk::read(Cursor::new(ASTERISK), china()).filter_map(Result::err) {
        let problem = reject.problem();
        for text in
            [problem.title(Language::Chinese), problem.title(Language::English), problem.remedy(Language::English), reject.to_string()]
        {
            assert!(!text.contains("1990000") && !text.contains('{'), "{text}");
        }
    }
    let record = &taken(asterisk::read(Cursor::new(ASTERISK), china()))[0];
    assert!(!format!("{record:?}").contains("1990000"));
}

#[test]
fn freeswitch_records_tell_who_released() {
    let row = |answer: &str, cause: &str, rest: &str| {
        format!(
            r#""Li","19900001234","19900005678","public","2026-11-22 09:30:00","{answer}","2026-11-22 09:30:10","10","6","{cause}","u-1","","","PCMA","PCMA"{rest}"#
        )
    };
    let one = |answer, cause, rest: &str| freeswitch::read(Cursor::new(row(answer, cause, rest)), china()).next().unwrap();
    let answered = one("2026-11-22 09:30:04", "NORMAL_CLEARING", ",\"recv_bye\"").unwrap();
    assert_eq!(
        (answered.ring_ms, answered.talk_ms, answered.released, answered.call.as_str()),
        (Some(4_000), 6_000, Some(Released::Caller), "u-1")
    );
    assert_eq!(one("2026-11-22 09:30:04", "NORMAL_CLEARING", ",\"send_bye\"").unwrap().released, Some(Released::Callee));
    assert_eq!(one("2026-11-22 09:30:04", "NORMAL_CLEARING", "").unwrap().released, None, "the plain template does not tell");
    assert_eq!(one("", "ORIGINATOR_CANCEL", "").unwrap().released, Some(Released::Caller));
    assert_eq!(one("", "USER_BUSY", "").unwrap().released, Some(Released::Callee));
    assert_eq!(one("", "NETWORK_OUT_OF_ORDER", "").unwrap().released, Some(Released::Network));
    assert_eq!(one("", "no good", "").unwrap_err().fault, Fault::Malformed("hangup_cause"));
    assert_eq!(one("2026-11-22 09:29:00", "USER_BUSY", "").unwrap_err().fault, Fault::Backwards);
}

const KAMAILIO: &str = "Nov 22 09:30:00 gw kamailio[9]: INFO: <core> starting\n\
 1(27) ERROR: acc [acc.c:287]: acc_log_request(): ACC: transaction answered: timestamp=1795311060;method=INVITE;from_tag=a;to_tag=b;call_id=1@x;code=200;reason=OK;src_user=+8619900001234;dst_user=+8619900005678;ring_ms=\n\
 1(27) ERROR: acc [acc.c:287]: acc_log_request(): ACC: transaction answered: timestamp=1795311070;method=INVITE;from_tag=a;to_tag=b;call_id=2@x;code=487;reason=Request Terminated;src_user=+8619900001234;dst_user=+8619900005678;ring_ms=1800\n\
 2(27) NOTICE: acc [acc_cdr.c:309]: log_write_cdr(): start_time=1795311060.250000; end_time=1795311120.500000; duration=60.250000; src_user=+8619900001234; dst_user=+8619900005678; call_id=1@x; ring_ms=4000; released=callee\n\
 ACC: transaction answered: timestamp=1795311070;method=INVITE;code=503;reason=x;src_user=;dst_user=+8619900005678\n\
 ACC: transaction answered: timestamp=soon;method=INVITE;code=503;reason=x;src_user=1;dst_user=2\n\
 ACC: transaction answered: timestamp=1795311070;method=BYE;code=200;reason=OK\n\
 log_write_cdr(): start_time=1795311060.0;end_time=1795311050.0;duration=1;src_user=1;dst_user=2\n\
 log_write_cdr(): start_time=1795311060.0;end_time=1795311070.0;duration=ten;src_user=1;dst_user=2\n";

#[test]
fn kamailio_lines_are_found_in_its_log() {
    let records = taken(kamailio::read(Cursor::new(KAMAILIO)));
    assert_eq!(records.len(), 2);
    assert_eq!((records[0].ring_ms, records[0].talk_ms, records[0].released), (Some(1_800), 0, Some(Released::Caller)));
    assert_eq!((records[1].ring_ms, records[1].talk_ms, records[1].released), (Some(4_000), 60_250, Some(Released::Callee)));
    assert_eq!((records[1].at.0, records[1].call.as_str(), records[1].caller.as_str()), (1_795_311_120_500, "1@x", "+8619900001234"));
    let expected =
        [(5, Fault::Missing("src_user")), (6, Fault::Malformed("timestamp")), (8, Fault::Backwards), (9, Fault::Malformed("duration"))];
    assert_eq!(faults(kamailio::read(Cursor::new(KAMAILIO))), expected);
}

#[test]
fn an_endless_line_does_not_fill_the_memory() {
    let bomb = [vec![b'a'; 10_000_000], b"\n".to_vec(), KAMAILIO.as_bytes().to_vec()].concat();
    assert_eq!(taken(kamailio::read(Cursor::new(bomb))).len(), 2);
}

fn chunk(kind: u16, value: &[u8]) -> Vec<u8> {
    [&[0, 0][..], &kind.to_be_bytes(), &(value.len() as u16 + 6).to_be_bytes(), value].concat()
}

fn hep3(micros: u64, payload: &str, more: &[u8]) -> Vec<u8> {
    let payload = payload.replace('\n', "\r\n");
    let seconds = (micros / 1_000_000) as u32;
    let rest = (micros % 1_000_000) as u32;
    let body = [
        chunk(1, &[2]),
        chunk(2, &[17]),
        chunk(3, &[192, 0, 2, 1]),
        chunk(4, &[192, 0, 2, 2]),
        chunk(7, &5_060_u16.to_be_bytes()),
        chunk(8, &5_070_u16.to_be_bytes()),
        chunk(9, &seconds.to_be_bytes()),
        chunk(10, &rest.to_be_bytes()),
        chunk(11, &[1]),
        chunk(14, b"secret"),
        chunk(15, payload.as_bytes()),
        more.to_vec(),
    ]
    .concat();
    [b"HEP3", &(body.len() as u16 + 6).to_be_bytes()[..], &body].concat()
}

fn sip(start: &str, method: &str, from_tag: &str, to_tag: &str) -> String {
    format!(
        "{start}\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\nFrom: <sip:+8619900001234@a.example>{from_tag}\nTo: <sip:+8619900005678@b.example>{to_tag}\nCall-ID: 1@x\nCSeq: 1 {method}\nContent-Length: 0\n\n"
    )
}

#[test]
fn a_probe_puts_frames_together_to_a_call() {
    let mut probe = Probe::new(100, "secret", [1; 16]);
    let start = 1_795_311_060_000_000;
    let invite = sip("INVITE sip:+8619900005678@b.example SIP/2.0", "INVITE", ";tag=1", "");
    for (ms, text) in [
        (0, invite.clone()),
        (3, invite),
        (10, sip("SIP/2.0 100 Trying", "INVITE", ";tag=1", "")),
        (500, sip("SIP/2.0 180 Ringing", "INVITE", ";tag=1", ";tag=2")),
        (2_500, sip("SIP/2.0 200 OK", "INVITE", ";tag=1", ";tag=2")),
        (2_600, "not sip at all".to_owned()),
    ] {
        assert_eq!(probe.take(&hep3(start + ms * 1_000, &text, &[])), Ok(None));
    }
    let bye = sip("BYE sip:+8619900001234@a.example SIP/2.0", "BYE", ";tag=2", ";tag=1");
    let record = probe.take(&hep3(start + 12_500_000, &bye, &[])).unwrap().unwrap();
    assert_eq!((record.ring_ms, record.talk_ms, record.released), (Some(2_000), 10_000, Some(Released::Callee)));
    assert_eq!((record.caller.as_str(), record.callee.as_str(), record.call.as_str()), ("+8619900001234", "+8619900005678", "1@x"));
    assert_eq!(record.at.0, (start + 12_500_000) as i64 / 1_000);
    assert_eq!(probe.take(&hep3(start + 12_600_000, &bye, &[])), Ok(None), "the same BYE on the next leg ends nothing twice");
}

#[test]
fn a_frame_that_is_none_is_refused() {
    let sound = hep3(1, "x", &[]);
    let frame = hep::frame(&sound).unwrap();
    assert_eq!((frame.source, frame.destination), (Some("192.0.2.1:5060".parse().unwrap()), Some("192.0.2.2:5070".parse().unwrap())));
    assert_eq!(hep::frame(b"HEP1"), Err(HepError::NotHep));
    assert_eq!(hep::frame(&sound[..sound.len() - 1]), Err(HepError::Cut));
    assert_eq!(hep::frame(&hep3(1, "x", &[0, 0, 0])), Err(HepError::Cut));
    assert_eq!(hep::frame(&hep3(1, "x", &[0, 0, 0, 15, 0, 3])), Err(HepError::Cut));
    assert_eq!(hep::frame(&hep3(1, "x", &chunk(11, &[5]))), Err(HepError::NotSip));
    assert_eq!(hep::frame(b"HEP3\0\x06"), Err(HepError::Missing));
    assert!(hep::frame(&hep3(1, "x", &[0, 9, 0, 15, 0, 6])).is_ok(), "a chunk of another vendor is passed over");
    assert_eq!(Probe::new(1, "other", [1; 16]).take(&sound), Err(HepError::Password));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0_usize..400, at in 0_usize..400) {
        let zone = china();
        let spoil = |text: &str| {
            let mut spoilt = text.as_bytes().to_vec();
            let at = at % spoilt.len();
            spoilt.splice(at..at, bytes.iter().copied());
            spoilt
        };
        for input in [bytes.clone(), spoil(ASTERISK), spoil(KAMAILIO)] {
            asterisk::read(Cursor::new(&input), zone.clone()).count();
            freeswitch::read(Cursor::new(&input), zone.clone()).count();
            kamailio::read(Cursor::new(&input)).count();
        }
        let mut frame = hep3(1, "INVITE sip:a@b.example SIP/2.0\n\n", &bytes);
        let _ = Probe::new(2, "", [1; 16]).take(&frame);
        frame.truncate(cut);
        let _ = hep::frame(&frame);
        let _ = hep::frame(&[b"HEP3", &bytes[..]].concat());
    }
}
