//! 模拟器: the simulators of the outside world, run by hand.

use chuangsha_kernel::{
    codes,
    problem::Problem,
    time::{Clock, SystemClock},
};
use chuangsha_world::{
    calls, ismg::Ismg, network, network::NetworkElement, reader, reader::ReaderBridge, smsc::Smsc, verification,
    verification::VerificationAuthority,
};
use serde_json::json;

use crate::{
    cli::WorldCommand,
    say::{Outcome, Say},
    serve,
};

codes! {
    BEHAVIOUR = "world.unknown_behaviour", 400,
        "不认识的应答方式 {word}", "no such way of answering: {word}",
        "可用：{known}", "known: {known}";
    PORT = "world.port_taken", 503,
        "模拟器无法监听端口 {port}：{reason}", "the simulator cannot listen on port {port}: {reason}",
        "换一个端口，0 取空闲端口", "take another port; 0 takes a free one";
    NOBODY = "world.nobody_answers", 503,
        "{address} 没有应答", "nobody answers at {address}",
        "用 --to 指定 serve --demo 输出的信令地址", "name the SIP address that serve --demo prints with --to";
}

/// `chuangsha world …`: runs until stopped.
pub fn run(say: &Say, command: &WorldCommand) -> Outcome {
    let runtime = serve::runtime()?;
    runtime.block_on(async {
        match command {
            WorldCommand::Verification { port, behaviour, seed } => {
                let behaviour = behaviour.as_deref().map(verification_behaviour).transpose()?;
                let simulator = VerificationAuthority::start_at(*seed, *port).await.map_err(|error| taken(*port, &error))?;
                simulator.always(behaviour);
                running(say, "verification.url", &simulator.url()).await?;
            }
            WorldCommand::Smsc { port, system_id, password } => {
                let simulator = Smsc::start_at(system_id, password, *port).await.map_err(|error| taken(*port, &error))?;
                running(say, "sms.smpp_peer", &simulator.address().to_string()).await?;
            }
            WorldCommand::Ismg { port, account, secret } => {
                let simulator = Ismg::start_at(account, secret, *port).await.map_err(|error| taken(*port, &error))?;
                running(say, "sms.cmpp_peer", &simulator.address().to_string()).await?;
            }
            WorldCommand::Reader { port, token, origin, behaviour } => {
                let behaviour = behaviour.as_deref().map(reader_behaviour).transpose()?;
                let simulator = ReaderBridge::start_at(token, origin.as_deref(), *port).await.map_err(|error| taken(*port, &error))?;
                simulator.behave(behaviour.unwrap_or(reader::Behaviour::Card));
                running(say, "capture.reader_bridge", &simulator.url()).await?;
            }
            WorldCommand::Calls { to, hep, rate, count, seed } => {
                let plan = calls::Plan { to: *to, hep: *hep, rate: *rate, count: *count, seed: *seed };
                place(say, plan).await?;
            }
            WorldCommand::Network { port, behaviour } => {
                let behaviour = behaviour.as_deref().map(network_behaviour).transpose()?;
                let simulator = NetworkElement::start_at(*port).await.map_err(|error| taken(*port, &error))?;
                simulator.always(behaviour);
                running(say, "network.url", &simulator.url()).await?;
            }
        }
        Ok(())
    })
}

/// Places calls and tells once a second what came of them.
async fn place(say: &Say, plan: calls::Plan) -> Outcome {
    let clock = SystemClock::default();
    let now = || u64::try_from(clock.now().0).unwrap_or_default() * 1_000;
    let told = |tally: &calls::Tally| {
        let calls::Tally { placed, passed, labelled, blocked, other } = *tally;
        say.note(
            &format!("已呼 {placed}：放行 {passed}，标签 {labelled}，拦截 {blocked}，其他 {other}"),
            &format!("placed {placed}: passed {passed}, labelled {labelled}, blocked {blocked}, other {other}"),
        );
    };
    let tally = calls::place(plan, now, told).await.map_err(|error| taken(plan.to.port(), &error))?;
    let calls::Tally { placed, passed, labelled, blocked, other } = tally;
    if placed > 0 && tally.answered() == 0 {
        return Err(Problem::new(&NOBODY).field("--to").with("address", plan.to).into());
    }
    if say.json {
        let counted = json!({ "placed": placed, "passed": passed, "labelled": labelled, "blocked": blocked, "other": other });
        say.answer(&counted.to_string());
    }
    Ok(())
}

async fn running(say: &Say, key: &str, value: &str) -> Outcome {
    let signal = serve::StopSignal::listen()?;
    say.answer(&format!("{key} = \"{value}\""));
    say.note("按 Ctrl-C 停止", "Ctrl-C stops");
    signal.wait().await;
    Ok(())
}

fn taken(port: u16, error: &std::io::Error) -> Problem {
    Problem::new(&PORT).with("port", port).with("reason", error)
}

fn number<T: std::str::FromStr>(word: &str) -> Option<T> {
    word.split_once(':')?.1.parse().ok()
}

fn unknown(word: &str, known: &str) -> Problem {
    Problem::new(&BEHAVIOUR).field("--behaviour").with("word", word).with("known", known)
}

fn verification_behaviour(word: &str) -> Result<verification::Behaviour, Problem> {
    use verification::Behaviour::{Garbage, Match, Mismatch, NoEvidence, NotFound, Score, Slow, Status, WrongQuestion};
    let behaviour = match word.split(':').next().unwrap_or_default() {
        "match" => Some(Match),
        "mismatch" => Some(Mismatch),
        "not-found" => Some(NotFound),
        "score" => number(word).map(Score),
        "slow" => number(word).map(Slow),
        "status" => number(word).map(Status),
        "garbage" => Some(Garbage),
        "wrong-question" => Some(WrongQuestion),
        "no-evidence" => Some(NoEvidence),
        _ => None,
    };
    behaviour.ok_or_else(|| unknown(word, "match mismatch not-found score:0-1000 slow:MS status:503 garbage wrong-question no-evidence"))
}

fn reader_behaviour(word: &str) -> Result<reader::Behaviour, Problem> {
    use reader::Behaviour::{Busy, Card, NoCard, NoReader, Refuse, Slow};
    let behaviour = match word.split(':').next().unwrap_or_default() {
        "card" => Some(Card),
        "slow" => number(word).map(Slow),
        "no-card" => Some(NoCard),
        "busy" => Some(Busy),
        "refuse" => Some(Refuse),
        "no-reader" => Some(NoReader),
        _ => None,
    };
    behaviour.ok_or_else(|| unknown(word, "card slow:MS no-card busy refuse no-reader"))
}

fn network_behaviour(word: &str) -> Result<network::Behaviour, Problem> {
    use network::Behaviour::{Done, Fail, Garbage, Late, LatePolls, LostAnswer, Refuse, Slow};
    let behaviour = match word.split(':').next().unwrap_or_default() {
        "done" => Some(Done),
        "lost-answer" => Some(LostAnswer),
        "late" => number(word).map_or(Some(Late), |polls| Some(LatePolls(polls))),
        "fail" => number(word).map(Fail),
        "refuse" => word.split_once(':').map(|(_, code)| Refuse(code.to_owned())),
        "garbage" => Some(Garbage),
        "slow" => number(word).map(Slow),
        _ => None,
    };
    behaviour.ok_or_else(|| unknown(word, "done lost-answer late late:POLLS fail:503 refuse:CODE garbage slow:MS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaviours_are_read_by_name() {
        assert_eq!(verification_behaviour("slow:50").unwrap(), verification::Behaviour::Slow(50));
        assert_eq!(verification_behaviour("not-found").unwrap(), verification::Behaviour::NotFound);
        assert_eq!(reader_behaviour("slow:9000").unwrap(), reader::Behaviour::Slow(9_000));
        assert_eq!(reader_behaviour("no-card").unwrap(), reader::Behaviour::NoCard);
        assert_eq!(network_behaviour("late").unwrap(), network::Behaviour::Late);
        assert_eq!(network_behaviour("late:3").unwrap(), network::Behaviour::LatePolls(3));
        for wrong in ["", "slow", "slow:soon", "maybe"] {
            assert_eq!(verification_behaviour(wrong).unwrap_err().code.id, "world.unknown_behaviour", "{wrong}");
            assert_eq!(reader_behaviour(wrong).unwrap_err().code.id, "world.unknown_behaviour", "{wrong}");
            assert_eq!(network_behaviour(wrong).unwrap_err().code.id, "world.unknown_behaviour", "{wrong}");
        }
    }
}
