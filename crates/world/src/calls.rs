//! 话务: callers of the demo province, honest and not, placing calls with the SIP edge at a bounded rate; what becomes of them is told to its probe.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{net::UdpSocket, time};

use crate::random::Random;

/// Most calls a second: this shows life, it does not measure.
pub const MOST_RATE: u32 = 2_000;
/// Answers still waited for after the last call.
const PATIENCE: Duration = Duration::from_millis(500);

/// 话务计划: how many calls, how fast, to whom.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The edge, over UDP.
    pub to: SocketAddr,
    /// Its listener for HEP3; without one nobody learns how calls ended.
    pub hep: Option<SocketAddr>,
    /// Calls a second.
    pub rate: u32,
    /// Calls in all.
    pub count: u64,
    /// The same seed makes the same calls.
    pub seed: u64,
}

/// What came of them so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls placed.
    pub placed: u64,
    /// Let through.
    pub passed: u64,
    /// Let through with a label.
    pub labelled: u64,
    /// Blocked.
    pub blocked: u64,
    /// Anything else.
    pub other: u64,
}

impl Tally {
    /// Answers seen.
    pub const fn answered(&self) -> u64 {
        self.passed + self.labelled + self.blocked + self.other
    }

    fn take(&mut self, answer: &[u8]) {
        let text = String::from_utf8_lossy(answer);
        let count = match text.split(' ').nth(1) {
            Some("404" | "503" | "302") if text.contains("\r\nP-Asserted-Identity:") => &mut self.labelled,
            Some("404" | "503" | "302") => &mut self.passed,
            Some("603" | "607" | "608") => &mut self.blocked,
            _ => &mut self.other,
        };
        *count += 1;
    }
}

/// How a call goes that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The callee picks up and talks.
    Talk,
    /// The caller hangs up at the first ring.
    OneRing,
}

struct Call {
    group: &'static str,
    caller: String,
    callee: String,
    end: End,
}

/// One call out of a day of the demo province; every number is one nobody has.
fn call(random: &mut Random, nth: u64) -> Call {
    let person = |random: &mut Random| format!("1990000{:04}", random.below(10_000));
    let callee = person(random);
    let honest = |group, caller| Call { group, caller, callee: callee.clone(), end: End::Talk };
    match random.below(1_000) {
        0..740 => honest("demo-peer", person(random)),
        740..800 => honest("demo-own", person(random)),
        // 企业专线, with callers of its own and with others.
        800..850 => honest("9901-T01", format!("03997000{:03}", random.below(1_000))),
        850..890 => honest("9901-T05", format!("03997003{:03}", random.below(1_000))),
        890..920 => honest("9901-T02", person(random)),
        920..930 => honest("9901-T07", "95907".to_owned()),
        // 境外, and home numbers forged abroad.
        930..950 => honest("demo-abroad", format!("+4420799{:05}", random.below(100_000))),
        950..970 => honest("demo-abroad", format!("+86{}", person(random))),
        // 响一声, 号段顺拨, 呼死你.
        970..985 => Call { end: End::OneRing, ..honest("demo-abroad", format!("+2392299{:03}", random.below(3))) },
        985..995 => Call { callee: format!("1990000{:04}", nth % 10_000), ..honest("demo-peer", "19900009999".to_owned()) },
        _ => Call { callee: "19900000001".to_owned(), ..honest("demo-peer", person(random)) },
    }
}

fn invite(call: &Call, id: &str, own: SocketAddr) -> String {
    let Call { group, caller, callee, .. } = call;
    format!(
        "INVITE sip:{callee}@127.0.0.1;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bK-{id}\r\nMax-Forwards: 70\r\n\
         From: <sip:{caller}@127.0.0.1;user=phone>;tag={id}\r\nTo: <sip:{callee}@127.0.0.1;user=phone>\r\nCall-ID: {id}@demo.example\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:{caller};tgrp={group};trunk-context=demo.example@{own}>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// A message as a probe reports it.
fn frame(payload: &str, at: u64) -> Vec<u8> {
    let mut chunks = Vec::new();
    let mut chunk = |kind: u16, value: &[u8]| {
        chunks.extend_from_slice(&[0, 0]);
        chunks.extend_from_slice(&kind.to_be_bytes());
        chunks.extend_from_slice(&((value.len() + 6) as u16).to_be_bytes());
        chunks.extend_from_slice(value);
    };
    chunk(9, &((at / 1_000_000) as u32).to_be_bytes());
    chunk(10, &((at % 1_000_000) as u32).to_be_bytes());
    chunk(11, &[1]);
    chunk(15, payload.as_bytes());
    let mut frame = b"HEP3".to_vec();
    frame.extend_from_slice(&((chunks.len() + 6) as u16).to_be_bytes());
    frame.extend_from_slice(&chunks);
    frame
}

/// What a probe behind the switch sees of a call that went on, from the first INVITE to its end.
fn seen(call: &Call, id: &str, own: SocketAddr, at: u64) -> Vec<Vec<u8>> {
    let first = invite(call, id, own);
    let answer =
        |status: &str| first.replacen(&format!("INVITE sip:{}@127.0.0.1;user=phone SIP/2.0", call.callee), &format!("SIP/2.0 {status}"), 1);
    let bye = || first.replacen("INVITE", "BYE", 1).replace("CSeq: 1 INVITE", "CSeq: 2 BYE");
    let cancel = || first.replacen("INVITE", "CANCEL", 1).replace("CSeq: 1 INVITE", "CSeq: 1 CANCEL");
    let steps = match call.end {
        End::Talk => vec![(0, first.clone()), (1_000, answer("180 Ringing")), (7_000, answer("200 OK")), (67_000, bye())],
        End::OneRing => {
            vec![(0, first.clone()), (1_000, answer("180 Ringing")), (1_900, cancel()), (2_000, answer("487 Request Terminated"))]
        }
    };
    steps.into_iter().map(|(ms, text)| frame(&text, at + ms * 1_000)).collect()
}

/// Places the calls; `told` is asked once a second and at the end. Calls that are let through are told to the probe as if they had been made:
/// no time passes for them.
///
/// # Errors
/// No socket.
pub async fn place(plan: Plan, now_micros: impl Fn() -> u64, mut told: impl FnMut(&Tally)) -> io::Result<Tally> {
    let local: SocketAddr = if plan.to.is_ipv6() { ([0_u16, 0, 0, 0, 0, 0, 0, 1], 0).into() } else { ([127, 0, 0, 1], 0).into() };
    let socket = UdpSocket::bind(local).await?;
    let own = socket.local_addr()?;
    let mut random = Random::stream(plan.seed, "calls");
    let mut tally = Tally::default();
    let mut waiting = std::collections::HashMap::new();
    let rate = plan.rate.clamp(1, MOST_RATE);
    let mut beat = time::interval(Duration::from_secs(1) / rate);
    let mut room = [0; 4_096];
    // Calls of another run are other calls.
    let run = now_micros();
    let mut second = tally.placed;
    loop {
        tokio::select! {
            received = time::timeout(PATIENCE, socket.recv_from(&mut room)) => match received {
                Ok(received) => note(received, &room, &mut tally, &mut waiting, &plan, &socket, &now_micros).await,
                Err(_) if tally.placed >= plan.count => break,
                Err(_) => {}
            },
            _ = beat.tick(), if tally.placed < plan.count => {
                let id = format!("{run:x}-{:08}", tally.placed);
                let call = call(&mut random, tally.placed);
                let sent = socket.send_to(invite(&call, &id, own).as_bytes(), plan.to).await;
                if sent.is_ok() && plan.hep.is_some() {
                    waiting.insert(id, call);
                }
                tally.placed += 1;
                if tally.placed - second >= u64::from(rate) {
                    second = tally.placed;
                    told(&tally);
                }
            }
        }
        if tally.placed >= plan.count && tally.answered() >= tally.placed {
            break;
        }
    }
    told(&tally);
    Ok(tally)
}

/// Counts an answer; of a call that was let through the probe is told the rest.
async fn note(
    received: io::Result<(usize, SocketAddr)>,
    room: &[u8],
    tally: &mut Tally,
    waiting: &mut std::collections::HashMap<String, Call>,
    plan: &Plan,
    socket: &UdpSocket,
    now_micros: &impl Fn() -> u64,
) {
    // Nobody listens there: what is refused by the machine is no answer.
    let Ok((length, _)) = received else { return };
    let answer = &room[..length];
    let blocked = tally.blocked;
    tally.take(answer);
    let text = String::from_utf8_lossy(answer);
    let id = text.split_once("Call-ID: ").and_then(|(_, rest)| rest.split_once('@')).map(|(id, _)| id);
    let (Some(call), Some(hep)) = (id.and_then(|id| waiting.remove_entry(id)), plan.hep) else { return };
    if tally.blocked == blocked {
        let own = socket.local_addr().unwrap_or(plan.to);
        for frame in seen(&call.1, &call.0, own, now_micros()) {
            let _ = socket.send_to(&frame, hep).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_calls_and_every_kind_of_them() {
        let calls = |seed| {
            let mut random = Random::stream(seed, "calls");
            (0..5_000).map(|nth| call(&mut random, nth)).collect::<Vec<_>>()
        };
        let (one, two) = (calls(7), calls(7));
        assert!(one.iter().zip(&two).all(|(a, b)| (a.group, &a.caller, &a.callee) == (b.group, &b.caller, &b.callee)));
        for group in ["demo-peer", "demo-own", "demo-abroad", "9901-T01", "9901-T02", "9901-T05", "9901-T07"] {
            assert!(one.iter().any(|call| call.group == group), "{group}");
        }
        assert!(one.iter().any(|call| call.end == End::OneRing));
        let demo = |number: &str| {
            ["1990000", "03997000", "03997003", "95907", "+86199000", "+4420799", "+2392299"].iter().any(|start| number.starts_with(start))
        };
        assert!(one.iter().all(|call| demo(&call.caller) && call.callee.starts_with("1990000")));
    }

    #[tokio::test]
    async fn answers_are_told_apart_and_ends_are_told_to_the_probe() {
        let (edge, probe) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let plan = Plan { to: edge.local_addr().unwrap(), hep: probe.local_addr().ok(), rate: 1_000, count: 30, seed: 1 };
        let answering = tokio::spawn(async move {
            let mut room = [0; 4_096];
            for nth in 0_u32.. {
                let (length, from) = edge.recv_from(&mut room).await.unwrap();
                let request = String::from_utf8_lossy(&room[..length]).into_owned();
                let start = ["404 Not Found", "404 Not Found\r\nP-Asserted-Identity: \"x\" <tel:+1>", "603 Decline"][nth as usize % 3];
                let (_, headers) = request.split_once("\r\n").unwrap();
                edge.send_to(format!("SIP/2.0 {start}\r\n{headers}").as_bytes(), from).await.unwrap();
            }
        });
        let mut told = 0;
        let tally = place(plan, || 1_795_320_000_000_000, |_| told += 1).await.unwrap();
        assert_eq!(tally, Tally { placed: 30, passed: 10, labelled: 10, blocked: 10, other: 0 });
        assert!(told > 0);
        let mut room = [0; 4_096];
        let mut frames = 0;
        while let Ok(Ok((length, _))) = time::timeout(Duration::from_millis(200), probe.recv_from(&mut room)).await {
            assert!(room[..length].starts_with(b"HEP3"));
            frames += 1;
        }
        assert_eq!(frames, 20 * 4, "each call that was let through rings and ends");
        answering.abort();
    }
}
