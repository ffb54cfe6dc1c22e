//! 页面测速: every list page with a record of a million behind it, asked as browsers ask, with the filters people use.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use chuangsha_app::registration::bench;
use chuangsha_kernel::{role::Role, time::DAY_MS};
use reqwest::Method;

use super::{
    Figure,
    registration::{Client, Percentiles, Result, Rig, failed},
};
use crate::{say::Say, serve::parts};

/// Times each page is asked for.
const LOOKS: usize = 25;

/// What the figures stand beside: first rows within so many milliseconds, so many KiB over the wire.
const BAR_MS: f64 = 300.0;
const BAR_KIB: f64 = 40.0;

/// Name, who asks, address. `{day}` is a day of last month, `{code}` the number of an order.
const PAGES: [(&str, Role, &str); 24] = [
    ("orders", Role::Auditor, "/orders"),
    ("orders_state", Role::Auditor, "/orders?state=activated"),
    ("orders_rare_state", Role::Auditor, "/orders?state=escalated"),
    ("orders_city", Role::Auditor, "/orders?city=990300"),
    ("orders_days", Role::Auditor, "/orders?from={day}&until={day}"),
    ("orders_narrow", Role::Auditor, "/orders?state=rejected&city=990100&channel=own_hall&from={day}"),
    ("orders_code", Role::Auditor, "/orders?code={code}"),
    ("orders_province", Role::ProvinceManager, "/orders"),
    ("orders_of_a_city", Role::CityManager, "/orders"),
    ("orders_outlet", Role::Clerk, "/orders"),
    ("audit", Role::SeniorAuditor, "/audit"),
    ("audit_city", Role::SeniorAuditor, "/audit?city=990300"),
    ("audit_risk", Role::SeniorAuditor, "/audit?risk=high"),
    ("audit_product", Role::SeniorAuditor, "/audit?product=iot"),
    ("audit_all", Role::SeniorAuditor, "/audit?queue=all"),
    ("audit_escalated", Role::SeniorAuditor, "/audit?queue=escalated"),
    ("audit_recheck", Role::SeniorAuditor, "/audit?queue=recheck"),
    ("channels", Role::ProvinceManager, "/channels"),
    ("people", Role::ProvinceManager, "/people"),
    ("overview", Role::ProvinceManager, "/overview"),
    ("work", Role::SeniorAuditor, "/"),
    ("log", Role::InternalAuditor, "/log"),
    ("log_rare_action", Role::InternalAuditor, "/log?action=reveal.field"),
    ("log_days", Role::InternalAuditor, "/log?from={day}&until={day}"),
];

/// Loads `count` orders and log entries, and asks for each page.
pub async fn run(say: &Say, on: &Path, count: u32, tell: &mut dyn FnMut(Vec<Figure>)) -> Result<()> {
    let rig = Rig::start(say, on, None, 0).await?;
    let now = rig.app.clock.now();
    let bar = say.progress(u64::from(count) * 2, "记录", "rows");
    bench::load(&rig.app, &rig.cast, count, now, |written| bar.inc(u64::from(written))).await.map_err(parts::failed)?;
    let first = rig.sign_in(Role::Auditor, 1).await?.remove(0);
    bench::load_log(&rig.app, count, now, |written| bar.inc(u64::from(written))).await.map_err(parts::failed)?;
    bar.finish_and_clear();
    let day = now.plus_ms(-30 * DAY_MS).day().to_string();
    let code = format!("L-{:08}", count / 2);
    let mut people: Vec<(Role, Client)> = vec![(Role::Auditor, first)];
    for (name, role, path) in PAGES {
        if !people.iter().any(|(known, _)| *known == role) {
            people.push((role, rig.sign_in(role, 1).await?.remove(0)));
        }
        let Some((_, who)) = people.iter().find(|(known, _)| *known == role) else { continue };
        let path = path.replace("{day}", &day).replace("{code}", &code);
        let (spent, bytes) = ask(who, &path).await?;
        let spent = Percentiles::of(spent);
        tell(vec![
            Figure::new(format!("pages/{name}"), spent.p95, "ms", BAR_MS),
            Figure::new(format!("pages/{name}_p50"), spent.p50, "ms", BAR_MS),
            Figure::new(format!("pages/{name}_size"), bytes as f64 / 1024.0, "KiB", BAR_KIB),
        ]);
    }
    rig.stop().await;
    Ok(())
}

pub(super) async fn ask(who: &Client, path: &str) -> Result<(Vec<Duration>, usize)> {
    let mut spent = Vec::new();
    let mut bytes = 0;
    for _ in 0..LOOKS {
        let started = Instant::now();
        let (status, answer) = who.send(Method::GET, path, "", Vec::new()).await?;
        if status != 200 {
            return Err(failed(format!("{path}: {status}")));
        }
        spent.push(started.elapsed());
        bytes = answer.len();
    }
    Ok((spent, bytes))
}
