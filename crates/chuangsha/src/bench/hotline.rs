//! 热线测速: the tag of a caller, asked of the real server over HTTPS on loopback at a steady 2,000 a second, whether or not earlier answers came.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use chuangsha_app::hotline::bench;
use chuangsha_kernel::role::Role;
use reqwest::Method;
use tokio::task::JoinSet;

use super::{
    Figure,
    registration::{Client, Result, Rig, failed},
};
use crate::{say::Say, serve::parts};

/// Questions a second.
const RATE: u32 = 2_000;
/// An answer within so many milliseconds, for all but one in a hundred.
const BAR_MS: f64 = 5.0;

/// Loads `count` numbers, then asks for `seconds`.
pub async fn run(say: &Say, on: &Path, seconds: u64, count: u32, tell: &mut dyn FnMut(Vec<Figure>)) -> Result<()> {
    let rig = Rig::start(say, on, None, 0).await?;
    let now = rig.app.clock.now();
    let bar = say.progress(u64::from(count), "号码", "numbers");
    bench::load(&rig.app, count, now, |written| bar.inc(u64::from(written))).await.map_err(parts::failed)?;
    bar.finish_and_clear();
    // The switch asks with a key of this one action, as another system does.
    let client = rig.sign_in(Role::SystemAdministrator, 1).await?.remove(0).with_key(&["ivr.tag"]).await?;
    // Connections are opened and the pages of the index read once before anything counts.
    // The switch is another machine: here it has a thread and a runtime of its own, and shares the cores with the server alone.
    let switch = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        runtime.block_on(async {
            asked(&client, count, Duration::from_secs(2)).await?;
            asked(&client, count, Duration::from_secs(seconds.max(2))).await
        })
    };
    let mut spent = tokio::task::spawn_blocking(switch).await.map_err(failed)??;
    spent.sort_unstable();
    let at = |part: f64| spent.get((spent.len() as f64 * part) as usize).map_or(0.0, |spent| spent.as_secs_f64() * 1e3);
    tell(vec![
        Figure::new(format!("hotline/ivr_tag_p99_{RATE}_a_second"), at(0.99), "ms", BAR_MS),
        Figure::new(format!("hotline/ivr_tag_p50_{RATE}_a_second"), at(0.50), "ms", BAR_MS),
    ]);
    rig.stop().await;
    Ok(())
}

/// Asks at the rate; each answer's time runs from when it was due to be asked, so that a server that stalls is not asked more kindly.
async fn asked(client: &Client, count: u32, span: Duration) -> Result<Vec<Duration>> {
    let started = Instant::now();
    let (mut asks, mut nth) = (JoinSet::new(), 0_u32);
    let gap = Duration::from_secs(1) / RATE;
    while started.elapsed() < span {
        let due = started + gap * nth;
        tokio::time::sleep_until(due.into()).await;
        let body = format!(r#"{{"number":"{}"}}"#, bench::number(nth.wrapping_mul(2_654_435_761) % count.max(1))).into_bytes();
        let client = client.clone();
        asks.spawn(async move {
            let (status, _) = client.send(Method::POST, "/api/v1/hotline/ivr-tags", "application/json", body).await?;
            if status == 200 { Ok(due.elapsed()) } else { Err(failed(format!("a tag was answered with {status}"))) }
        });
        nth += 1;
    }
    let mut spent = Vec::new();
    while let Some(done) = asks.join_next().await {
        spent.push(done.map_err(failed)??);
    }
    Ok(spent)
}
