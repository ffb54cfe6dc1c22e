//! 日志: JSON for machines, text for a person at a terminal; on standard error or appended to a file.

use std::{
    fs::OpenOptions,
    io::{IsTerminal, Write},
    sync::Mutex,
};

use chuangsha_kernel::problem::Problem;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, prelude::*};

use super::codes;
use crate::config::Settings;

/// Starts logging as the settings say. A second call in one process changes nothing.
///
/// # Errors
/// `serve.log_unusable`: the filter cannot be read or the file cannot be opened.
pub fn start(settings: &Settings) -> Result<(), Problem> {
    let unusable = |error: &dyn std::fmt::Display| Problem::new(&codes::LOG_UNUSABLE).with("reason", error);
    let filter = EnvFilter::try_new(settings.text("log.level")).map_err(|error| unusable(&error))?;
    // These print what they carry, numbers and texts of customers included, as soon as they are let. Our own adapters say what happened.
    let filter = ["smpp34=off", "hyper=info", "h2=info", "reqwest=info", "tokio_postgres=info"]
        .iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    match settings.set_text("log.file") {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| unusable(&format!("{path}: {error}")))?;
            install(settings, filter, Mutex::new(file), false);
        }
        None => install(settings, filter, std::io::stderr, std::io::stderr().is_terminal()),
    }
    Ok(())
}

fn install<W>(settings: &Settings, filter: EnvFilter, writer: W, terminal: bool)
where
    W: for<'a> MakeWriter<'a, Writer: Write> + Send + Sync + 'static,
{
    let json = match settings.text("log.format") {
        "json" => true,
        "text" => false,
        _ => !terminal,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let done = if json {
        registry.with(layer.json().flatten_event(true).with_current_span(false).with_span_list(false)).try_init()
    } else {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        registry.with(layer.with_ansi(colour).with_target(false)).try_init()
    };
    // Only the tests start twice in one process.
    drop(done);
}
