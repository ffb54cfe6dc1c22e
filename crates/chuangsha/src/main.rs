//! 窗纱: the one binary. It reads its orders, puts the parts together and holds no rule of its own.

mod audit;
mod bench;
mod cli;
mod config;
mod demo;
mod doctor;
mod explain;
mod help;
mod import;
mod installation;
mod keys;
mod people;
mod record;
mod rules;
mod say;
mod screen;
mod serve;
mod world;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use serde_json::json;

use cli::{AuditCommand, Cli, Command, ConfigCommand, DemoCommand, PeopleCommand, RulesCommand};
use config::{Overrides, Settings};
use say::{Outcome, Say};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let language = say::language(&arguments, |name| std::env::var(name).ok());
    let matches = help::localise(Cli::command(), language).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let say = Say { language, json: cli.common.json, quiet: cli.common.quiet };
    match run(&say, cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            say.failed(&failed);
            ExitCode::from(failed.exit() as u8)
        }
    }
}

fn run(say: &Say, cli: Cli) -> Outcome {
    let overrides = Overrides { file: cli.common.config, data: cli.common.data, set: cli.common.set };
    let settings = || Settings::load(&overrides, std::env::vars());
    match cli.command {
        Command::Serve(options) => serve::run(say, settings()?, &options),
        Command::Demo(DemoCommand::Logins) => demo::logins(say, &settings()?),
        Command::Demo(DemoCommand::Code { number }) => demo::code(say, &number),
        Command::Openapi => {
            say.answer(&chuangsha_app::routes::openapi().to_pretty_json().unwrap_or_default());
            Ok(())
        }
        Command::Config(command) => show_config(say, command, settings),
        Command::Doctor => doctor::run(say, settings()),
        Command::Store(command) => record::run(say, &settings()?, command),
        Command::Rules(RulesCommand::Check { files }) => rules::check(say, &settings()?, &files),
        Command::Rules(RulesCommand::List { part, on }) => rules::list(say, &settings()?, part.as_deref(), on.as_deref()),
        Command::Audit(AuditCommand::Verify { file, key, seen }) => audit::verify(say, &file, &key, &seen),
        Command::Rules(RulesCommand::Explain { order, replay }) => explain::run(say, &settings()?, &order, replay),
        Command::Vault(command) => keys::run(say, &settings()?, command),
        Command::People(PeopleCommand::CreateAdministrator(new)) => people::create_administrator(say, &settings()?, &new),
        Command::Audit(AuditCommand::Export { out }) => audit::export(say, &settings()?, out.as_deref()),
        Command::Audit(AuditCommand::Key) => audit::key(say, &settings()?),
        Command::Audit(AuditCommand::Witness(options)) => audit::witness(say, &options),
        Command::World(command) => world::run(say, &command),
        Command::Import(command) => import::run(say, &settings()?, command),
        Command::Bench { group: cli::Group::Remediation, on, seed, subscribers, province_year: true, .. } => {
            bench::province_year(say, &on, seed, subscribers)
        }
        Command::Bench { group, on, seconds, orders, store, screen, .. } => bench::run(say, group, &on, (seconds, orders), store, screen),
        Command::Screen(cli::ScreenCommand::Replay { file }) => screen::replay(say, &file),
        Command::Screen(cli::ScreenCommand::List(list)) => screen::list(say, &settings()?, list),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "chuangsha", &mut std::io::stdout());
            Ok(())
        }
    }
}

fn show_config(
    say: &Say,
    command: ConfigCommand,
    settings: impl Fn() -> Result<Settings, Vec<chuangsha_kernel::problem::Problem>>,
) -> Outcome {
    match command {
        ConfigCommand::Check => {
            settings()?;
            say.note("配置无误", "the configuration is sound");
        }
        ConfigCommand::Print { defaults: true } => say.answer(config::print::annotated().trim_end()),
        ConfigCommand::Print { defaults: false } => {
            let lines = settings()?.lines();
            let value =
                json!(lines.iter().map(|line| json!({ "key": line.key, "value": line.value, "origin": line.origin })).collect::<Vec<_>>());
            say.either(&value, |say| {
                let rows: Vec<Vec<String>> = lines.into_iter().map(|line| vec![line.key.to_owned(), line.value, line.origin]).collect();
                say.table(&[say.pick("配置项", "setting"), say.pick("值", "value"), say.pick("来源", "origin")], &rows);
            });
        }
        ConfigCommand::Schema => say.answer(&serde_json::to_string_pretty(&config::print::schema(say.language)).unwrap_or_default()),
    }
    Ok(())
}
