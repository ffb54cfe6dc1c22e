//! 本机安装: the application as a command at the terminal has it, with its own keys and record, sending nothing.

use chuangsha_app::App;
use chuangsha_kernel::{codes, problem::Problem};

use crate::{
    config::Settings,
    demo,
    serve::{
        lock::{self, InstanceLock},
        parts,
    },
};

codes! {
    NONE = "installation.none_here", 404,
        "{path} 里没有安装：没有根密钥", "there is no installation in {path}: no root key",
        "用 --data 或 --config 指向安装所在目录", "point at it with --data or --config";
}

/// The installation of the settings, beside a running server or without one.
///
/// # Errors
/// `installation.none_here`; whatever part cannot be had.
pub async fn open(settings: &Settings) -> Result<App, Problem> {
    let root = settings.root_key();
    if !root.is_file() {
        return Err(Problem::new(&NONE).field("--data").with("path", settings.data().display()));
    }
    parts::quiet(settings, demo::is_demo(&settings.data())).await
}

/// The same, set up to bring millions of rows over.
///
/// # Errors
/// As [`open`].
pub async fn open_bulk(settings: &Settings) -> Result<App, Problem> {
    let root = settings.root_key();
    if !root.is_file() {
        return Err(Problem::new(&NONE).field("--data").with("path", settings.data().display()));
    }
    parts::bulk(settings, demo::is_demo(&settings.data())).await
}

/// The same, with no server beside it.
///
/// # Errors
/// `serve.data_in_use`, and as [`open`].
pub async fn alone(settings: &Settings) -> Result<(App, InstanceLock), Problem> {
    let lock = lock::take(&settings.data())?;
    Ok((open(settings).await?, lock))
}
