//! Our bytes, as Wireshark's dissector reads them: 3.0, which is the version it knows.

use std::process::Command;

use chuangsha_cmpp::{
    Body, Connect, ConnectResp, Deliver, DeliverResp, MsgId, Pdu, Report, Submit, SubmitResp, Version, gateway_sign, source_sign, ucs2,
};
use serde_json::Value;

const PORT: u16 = 7_890;
const ID: MsgId = MsgId::new([11, 22, 9, 30, 5], 12_345, 678);

/// A capture file with one segment a message, from us to the gateway and back.
fn capture(messages: &[(bool, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    // Little-endian, version 2.4, raw IPv4.
    for word in [0xA1B2_C3D4_u32, 2 | 4 << 16, 0, 0, 65_535, 228] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    let mut sequences = [1_u32, 1];
    for (at, (ours, bytes)) in messages.iter().enumerate() {
        let (from, to) = if *ours { (40_000, PORT) } else { (PORT, 40_000) };
        let length = (40 + bytes.len()) as u16;
        let mut packet = vec![0x45, 0];
        packet.extend_from_slice(&length.to_be_bytes());
        packet.extend_from_slice(&[0, at as u8, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        packet.extend_from_slice(&from.to_be_bytes());
        packet.extend_from_slice(&to.to_be_bytes());
        packet.extend_from_slice(&sequences[usize::from(!ours)].to_be_bytes());
        packet.extend_from_slice(&sequences[usize::from(*ours)].to_be_bytes());
        packet.extend_from_slice(&[0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
        packet.extend_from_slice(bytes);
        sequences[usize::from(!ours)] += bytes.len() as u32;
        for word in [1_795_312_800 + at as u32, 0, packet.len() as u32, packet.len() as u32] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}

#[test]
fn wireshark_reads_every_field_as_it_was_meant() {
    if Command::new("tshark").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "tshark is missing: .ci/prepare test");
        eprintln!("SKIPPED: tshark is not installed");
        return;
    }
    let sign = source_sign("901234", "secret", 1_122_093_005);
    let report = Report {
        id: ID,
        stat: "DELIVRD".to_owned(),
        submitted: "2611220930".to_owned(),
        done: "2611220931".to_owned(),
        to: "19900000001".to_owned(),
        sequence: 77,
    };
    let submit = Submit {
        parts: 1,
        part: 1,
        registered: 1,
        level: 3,
        service: "CSSM".to_owned(),
        payer: 2,
        payer_number: "19900000002".to_owned(),
        format: 8,
        source: "901234".to_owned(),
        fee_type: "01".to_owned(),
        fee: "000010".to_owned(),
        from: "10086".to_owned(),
        to: vec!["19900000001".to_owned()],
        content: ucs2("您的号码已开通"),
        link: "LINK".to_owned(),
        ..Submit::default()
    };
    let deliver = Deliver {
        id: ID,
        to: "10086".to_owned(),
        service: "CSSM".to_owned(),
        from: "19900000001".to_owned(),
        registered: 1,
        content: report.write(Version::V30).unwrap(),
        ..Deliver::default()
    };
    let bodies = [
        (true, Body::Connect(Connect { account: "901234".to_owned(), sign, version: 0x30, timestamp: 1_122_093_005 })),
        (false, Body::ConnectResp(ConnectResp { status: 0, sign: gateway_sign(Version::V30, 0, &sign, "secret"), version: 0x30 })),
        (true, Body::Submit(Box::new(submit))),
        (false, Body::SubmitResp(SubmitResp { id: ID, result: 8 })),
        (false, Body::Deliver(Box::new(deliver))),
        (true, Body::DeliverResp(DeliverResp { id: ID, result: 0 })),
        (true, Body::ActiveTest),
        (false, Body::ActiveTestResp),
        (true, Body::Terminate),
        (false, Body::TerminateResp),
    ];
    let frames: Vec<_> = (1..)
        .zip(&bodies)
        .map(|(sequence, (ours, body))| (*ours, Pdu { sequence, body: body.clone() }.write(Version::V30).unwrap()))
        .collect();
    let path = std::env::temp_dir().join(format!("cmpp-{}.pcap", std::process::id()));
    std::fs::write(&path, capture(&frames)).unwrap();
    let output = Command::new("tshark")
        .arg("-r")
        .arg(&path)
        .args(["-T", "json", "-d", &format!("tcp.port=={PORT},cmpp"), "--no-duplicate-keys", "-J", "cmpp"])
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let packets: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let read: Vec<String> = packets.iter().map(|packet| packet["_source"]["layers"]["cmpp"].to_string()).collect();
    assert_eq!(read.len(), bodies.len());
    let has = |at: usize, fields: &[(&str, &str)]| {
        for (name, value) in fields {
            assert!(read[at].contains(&format!("\"cmpp.{name}\":\"{value}\"")), "{name} = {value} is not in {}", read[at]);
        }
    };
    for (at, frame) in frames.iter().enumerate() {
        has(at, &[("Total_Length", &frame.1.len().to_string()), ("Sequence_Id", &(at + 1).to_string())]);
        assert!(!read[at].contains("_ws.malformed") && !read[at].contains("error"), "{}", read[at]);
    }
    // The gateway's code is not compared by itself: this dissector drops its lower eight bits.
    let id = [("Msg_Id", "0xbb25e140303902a6"), ("Msg_Id.timestamp", "11/22 09:30:05"), ("Msg_Id.sequence_id", "678")];
    has(0, &[("connect.Source_Addr", "901234"), ("Version", "03.00"), ("connect.Timestamp", "11/22 09:30:05")]);
    has(1, &[("connect_resp.Status", "0"), ("Version", "03.00")]);
    has(
        2,
        &[
            ("submit.Pk_total", "1"),
            ("submit.Pk_number", "1"),
            ("submit.Msg_level", "3"),
            ("Servicd_Id", "CSSM"),
            ("submit.Fee_UserType", "2"),
            ("submit.Fee_terminal_Id", "19900000002"),
            ("Msg_Fmt", "8"),
            ("submit.Msg_src", "901234"),
            ("submit.FeeType", "01"),
            ("submit.FeeCode", "000010"),
            ("submit.Src_Id", "10086"),
            ("submit.DestUsr_tl", "1"),
            ("Dest_terminal_Id", "19900000001"),
            ("Msg_Length", "14"),
            ("LinkID", "LINK"),
        ],
    );
    has(3, &[id[0], id[1], id[2], ("submit_resp.Result", "8")]);
    has(
        4,
        &[
            id[0],
            id[1],
            ("deliver.Dest_Id", "10086"),
            ("Servicd_Id", "CSSM"),
            ("deliver.Src_terminal_Id", "19900000001"),
            ("Msg_Length", "71"),
            ("deliver.Report.Status", "DELIVRD"),
            ("deliver.Report.Submit_time", "2611220930"),
            ("deliver.Report.Done_time", "2611220931"),
            ("Report.SMSC_sequence", "77"),
        ],
    );
    has(5, &[id[0], ("deliver_resp.Result", "0")]);
}
