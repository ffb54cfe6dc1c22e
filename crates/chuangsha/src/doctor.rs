//! 体检: looks at this machine and this installation and says what to mend. Reads only; safe beside a running server.

use std::{fs, net::TcpListener, path::Path};

use chuangsha_kernel::problem::Problem;
use serde_json::json;

use crate::{
    config::Settings,
    say::{Failed, Outcome, Say},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Good,
    Warning,
    Bad,
}

#[derive(Debug, serde::Serialize)]
struct Finding {
    mark: Mark,
    what: &'static str,
    detail: String,
}

/// `chuangsha doctor`: exits 1 when something is bad, 0 with warnings.
pub fn run(say: &Say, settings: Result<Settings, Vec<Problem>>) -> Outcome {
    let settings = settings.map_err(Failed::from)?;
    let mut findings = vec![finding(Mark::Good, say.pick("配置", "configuration"), say.pick("无误", "sound").to_owned())];
    findings.push(data_directory(say, &settings.data()));
    findings.push(root_key(say, &settings));
    for key in ["server.listen", "admin.listen"] {
        findings.push(address(say, key, settings.text(key)));
    }
    findings.extend(adapters(say, &settings));
    findings.push(store(say, &settings));
    let bad = findings.iter().any(|finding| finding.mark == Mark::Bad);
    say.either(&json!({ "sound": !bad, "findings": findings }), |say| {
        let rows = findings.iter().map(|finding| {
            let mark = match finding.mark {
                Mark::Good => say.pick("好", "ok"),
                Mark::Warning => say.pick("注意", "warning"),
                Mark::Bad => say.pick("有误", "bad"),
            };
            vec![mark.to_owned(), finding.what.to_owned(), finding.detail.clone()]
        });
        say.table(&["", say.pick("项目", "what"), say.pick("说明", "detail")], &rows.collect::<Vec<_>>());
    });
    if bad { Err(Failed { problems: Vec::new() }) } else { Ok(()) }
}

fn finding(mark: Mark, what: &'static str, detail: String) -> Finding {
    Finding { mark, what, detail }
}

fn data_directory(say: &Say, path: &Path) -> Finding {
    let what = say.pick("数据目录", "data directory");
    let shown = path.display();
    let Ok(meta) = fs::metadata(path) else {
        return finding(
            Mark::Warning,
            what,
            format!("{shown}: {}", say.pick("尚不存在，首次启动时建立", "not there yet; the first start makes it")),
        );
    };
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0 {
        return finding(Mark::Warning, what, format!("{shown}: {}", say.pick("他人可读，建议 chmod 700", "others can read it: chmod 700")));
    }
    if meta.permissions().readonly() {
        return finding(Mark::Bad, what, format!("{shown}: {}", say.pick("不可写", "cannot be written")));
    }
    finding(Mark::Good, what, shown.to_string())
}

fn root_key(say: &Say, settings: &Settings) -> Finding {
    let what = say.pick("根密钥", "root key");
    let path = settings.root_key();
    let shown = path.display();
    let Ok(meta) = fs::metadata(&path) else {
        return finding(
            Mark::Warning,
            what,
            format!("{shown}: {}", say.pick("尚不存在，首次启动时建立", "not there yet; the first start makes it")),
        );
    };
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0 {
        return finding(
            Mark::Bad,
            what,
            format!("{shown}: {}", say.pick("他人可读：chmod 600，并轮换密钥", "others can read it: chmod 600, then rotate the keys")),
        );
    }
    if path.starts_with(settings.data()) {
        let text = say.pick("与数据同处一地：备份时须分开存放", "it lies beside the data: keep its backup apart from theirs");
        return finding(Mark::Warning, what, format!("{shown}: {text}"));
    }
    finding(Mark::Good, what, shown.to_string())
}

fn address(say: &Say, key: &'static str, address: &str) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => finding(Mark::Good, key, address.to_owned()),
        Err(error) => {
            let text = say.pick("被占用（若窗纱正在运行则正常）", "taken (expected while chuangsha is running)");
            finding(Mark::Warning, key, format!("{address}: {text}: {error}"))
        }
    }
}

fn adapters(say: &Say, settings: &Settings) -> Vec<Finding> {
    let unset =
        |key: &'static str, zh, en| settings.set_text(key).is_none().then(|| finding(Mark::Warning, key, say.pick(zh, en).to_owned()));
    let console = settings.text("sms.sink") == "console";
    [
        unset("verification.url", "未设置：登记单会停在待核验", "not set: orders wait for verification"),
        unset("network.url", "未设置：开通指令留在发件箱", "not set: activation commands stay in the outbox"),
        console.then(|| {
            finding(Mark::Warning, "sms.sink", say.pick("console：短信不会真正发出", "console: no message is really sent").to_owned())
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn store(say: &Say, settings: &Settings) -> Finding {
    let what = say.pick("存储", "store");
    let url = settings.store_url();
    match url.strip_prefix("sqlite:") {
        Some(path) if Path::new(path).exists() => finding(Mark::Good, what, format!("SQLite {path}")),
        Some(path) => finding(
            Mark::Warning,
            what,
            format!("SQLite {path}: {}", say.pick("尚不存在，首次启动时建立", "not there yet; the first start makes it")),
        ),
        // The address may hold a password: only the engine is named.
        None => finding(Mark::Good, what, "PostgreSQL".to_owned()),
    }
}
