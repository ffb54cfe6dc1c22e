//! 命令行: what can be asked. Help texts stand here in English and in [`crate::help`] in Chinese.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Chuangsha: who holds which number, who may call whom, who looked at whose data.
#[derive(Debug, Parser)]
#[command(name = "chuangsha", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// Options every command takes.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// Configuration file [default: chuangsha.toml, when there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data directory [default: ./data]
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub data: Option<PathBuf>,
    /// Set one setting, such as server.listen=127.0.0.1:8443
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Language of messages
    #[arg(long, global = true, value_enum)]
    pub lang: Option<Tongue>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Say only what was asked for, and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// Language of messages.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Tongue {
    /// 简体中文
    Zh,
    /// English
    En,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Serve),
    /// Accounts and one-time codes of the demo province
    #[command(subcommand)]
    Demo(DemoCommand),
    /// Print the description of the JSON interface (OpenAPI 3.1)
    Openapi,
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Move, check, back up and bring back the record
    #[command(subcommand)]
    Store(StoreCommand),
    /// Look up the law in force, check rule packs
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Export, check and watch the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Keys: where they lie, rotation, destruction by month
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Accounts from the terminal
    #[command(subcommand)]
    People(PeopleCommand),
    /// Bring an existing base over
    #[command(subcommand)]
    Import(ImportCommand),
    /// Run a simulator of the outside world by hand
    #[command(subcommand)]
    World(WorldCommand),
    /// Measure speed beside a baseline; use a release build
    Bench {
        /// What to measure
        #[arg(value_enum)]
        group: Group,
        /// Folder for the measured databases, on the disk the record will be kept on
        #[arg(long, default_value = ".")]
        on: PathBuf,
        /// Seconds each measurement of a store takes
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Orders stored while the audit queue and the pages are measured
        #[arg(long, alias = "rows", default_value_t = 1_000_000)]
        orders: u32,
        /// Only on this engine [default: every engine of this machine]
        #[arg(long, value_enum)]
        store: Option<BenchStore>,
        /// Live a province-year of remediation from one seed instead, and check every promise daily
        #[arg(long)]
        province_year: bool,
        /// Subscribers of that year, who live it through the rules
        #[arg(long, default_value_t = 1_000_000)]
        subscribers: u32,
        /// Of them so many go the whole way, through the record and every adapter
        #[arg(long, default_value_t = 2_000)]
        through: u32,
        /// Seed of that year
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Size of the screening bench, and whether to live a day of the simulated city instead
        #[command(flatten)]
        screen: BenchScreen,
    },
    /// Look into the engine of call screening
    #[command(subcommand)]
    Screen(ScreenCommand),
    /// Check this machine and this installation
    Doctor,
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Engine of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchStore {
    /// One file
    Sqlite,
    /// A private server of the measurement
    Postgres,
}

/// Brings an existing base over.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Numbers with their holders, from CSV, XLSX or Parquet; run again after a break, it goes on where it was
    Subscribers {
        /// Files, one after the other
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Which column is which field [default: the usual headings]
        #[arg(long, value_name = "FILE")]
        mapping: Option<PathBuf>,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        /// Where to write what was refused, and why [default: beside the file, as FILE.rejects.csv]
        #[arg(long, value_name = "FILE")]
        rejects: Option<PathBuf>,
        /// Rows of one transaction
        #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
        rows_per_batch: u64,
    },
}

/// Size of the screening bench.
#[derive(Debug, Clone, Copy, Args)]
pub struct BenchScreen {
    /// Callers, and callees, with a record; full scale is 10000000
    #[arg(long, default_value_t = 100_000)]
    pub callers: u64,
    /// Numbers in the index; full scale is 100000000
    #[arg(long, default_value_t = 1_000_000)]
    pub numbers: u64,
    /// Live a day of the simulated city and report errors and recall instead
    #[arg(long)]
    pub accuracy: bool,
    /// People of the simulated city
    #[arg(long, default_value_t = 100_000)]
    pub people: u64,
    /// With `sip`: minutes at 20,000 calls a second instead, to see that memory stays flat
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(3..=1440))]
    pub soak: Option<u64>,
    /// With `sip`: kill this program in the middle of 40,000 calls a second instead, start it again, and see that every call went on
    #[arg(long, conflicts_with = "soak")]
    pub kill: bool,
    /// With `import`: a file of nothing but broken rows instead, each of which must be refused and told
    #[arg(long)]
    pub broken: bool,
}

/// Looks into the engine of call screening.
#[derive(Debug, Subcommand)]
pub enum ScreenCommand {
    /// Decide about recorded calls again, one line of JSON in, one line out for each call
    Replay {
        /// File of snapshots, attempts and outcomes; - reads standard input
        file: PathBuf,
    },
    /// Take a file of millions of numbers into a list, beside a running server or without one
    List(ListFile),
}

/// A file for a list.
#[derive(Debug, Args)]
pub struct ListFile {
    /// Which list: bad, suspect, category, ported, preference
    pub list: String,
    /// CSV file with the columns of the list file page, or a JSON array
    pub file: PathBuf,
    /// How many rows it has; with another number nothing is taken
    #[arg(long, value_name = "ROWS")]
    pub rows: Option<u64>,
    /// Only say what would become of it
    #[arg(long)]
    pub dry_run: bool,
    /// Where refused rows go; FILE.rejects.csv otherwise
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Seed a demo province first and answer for its networks with simulators
    #[arg(long)]
    pub demo: bool,
    /// Speak plain HTTP: only behind a proxy that ends TLS
    #[arg(long)]
    pub plain_http: bool,
}

/// Looks at the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check file, environment and options; print nothing when all is well
    Check,
    /// Print the settings in force and where each came from; secrets are hidden
    Print {
        /// Print the annotated file with every default instead
        #[arg(long)]
        defaults: bool,
    },
    /// Print the JSON schema of the configuration file
    Schema,
}

/// Runs a simulator.
#[derive(Debug, Subcommand)]
pub enum WorldCommand {
    /// The verification authority: document check and face match over HTTP
    Verification {
        /// Port on the loopback; 0 takes a free one
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Answer every question so: match, mismatch, not-found, score:N, slow:MS, status:CODE, garbage, …
        #[arg(long)]
        behaviour: Option<String>,
        /// Decides which documents match
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// A message centre speaking SMPP 3.4
    Smsc {
        /// Port on the loopback
        #[arg(long, default_value_t = 2775)]
        port: u16,
        /// Account it takes
        #[arg(long, default_value = "chuangsha")]
        system_id: String,
        /// Password of the account, at most eight characters
        #[arg(long, default_value = "demo")]
        password: String,
    },
    /// China Mobile's gateway speaking CMPP 2.0 and 3.0
    Ismg {
        /// Port on the loopback; 0 takes a free one
        #[arg(long, default_value_t = 7890)]
        port: u16,
        /// Account it takes, as in sms.cmpp_account
        #[arg(long, default_value = "901234")]
        account: String,
        /// Shared secret of the account
        #[arg(long, default_value = "demo")]
        secret: String,
    },
    /// The bridge to an ID reader on a clerk's machine
    Reader {
        /// Port on the loopback; 0 takes a free one
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Token a page has to show, as in capture.reader_token
        #[arg(long, default_value = "demo")]
        token: String,
        /// Pages of this origin only, such as https://localhost:8443; without it, of any
        #[arg(long)]
        origin: Option<String>,
        /// Behave so: card, slow:MS, no-card, busy, refuse, no-reader
        #[arg(long)]
        behaviour: Option<String>,
    },
    /// Calls of the demo province, honest and not, placed with the SIP edge
    Calls {
        /// The edge, as serve --demo names it
        #[arg(long, default_value = "127.0.0.1:5060")]
        to: std::net::SocketAddr,
        /// Its listener for HEP3, so that it learns how calls ended
        #[arg(long)]
        hep: Option<std::net::SocketAddr>,
        /// Calls a second
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=2000))]
        rate: u32,
        /// Calls in all
        #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
        count: u64,
        /// The same seed makes the same calls
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// A network element in the shape of TMF640
    Network {
        /// Port on the loopback; 0 takes a free one
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Take every order so: done, lost-answer, late, fail:CODE, refuse:CODE, garbage, slow:MS
        #[arg(long)]
        behaviour: Option<String>,
    },
}

/// What can be measured.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Group {
    /// Durable registration transactions, against the same statements by hand
    Store,
    /// Sealing one subscriber
    Vault,
    /// One decision who may do what
    Authz,
    /// Appending to the audit tree
    Audit,
    /// Whole orders over HTTPS, and the audit queue with a million orders stored
    Registration,
    /// Calls answered over UDP, against a bare echo
    Sip,
    /// Every list page with that many orders and log entries stored, with the filters people use
    Pages,
    /// One call decided, one number looked up
    Screen,
    /// Subscribers of an old base brought over, against loading the same rows bare
    Import,
    /// The stage clock of the old base, and a wave simulated over all of it
    Remediation,
    /// The tag of a caller, with that many numbers stored, at 2,000 a second
    Hotline,
    /// All of them
    All,
}

impl Group {
    /// The name as typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Vault => "vault",
            Self::Authz => "authz",
            Self::Audit => "audit",
            Self::Registration => "registration",
            Self::Sip => "sip",
            Self::Pages => "pages",
            Self::Screen => "screen",
            Self::Import => "import",
            Self::Remediation => "remediation",
            Self::Hotline => "hotline",
            Self::All => "all",
        }
    }
}

/// Checks and watches the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Write the whole log and its checkpoints into one file
    Export {
        /// The new file [default: standard output]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Verify an export with nothing but the export and the public key
    Verify {
        /// The export
        file: PathBuf,
        /// Public key, or a file with public keys
        #[arg(long, required = true)]
        key: Vec<String>,
        /// A checkpoint a witness kept
        #[arg(long)]
        seen: Vec<PathBuf>,
    },
    /// Print the public keys of this installation's log
    Key,
    /// Keep the last checkpoint of a log elsewhere and cosign only what goes on from it
    Witness(WitnessOptions),
}

/// Options of `audit witness`.
#[derive(Debug, Args)]
pub struct WitnessOptions {
    /// Public key of the log, or a file with public keys
    #[arg(long, required = true)]
    pub key: Vec<String>,
    /// Name of the witness, a host name
    #[arg(long)]
    pub name: String,
    /// Folder for the witness's own key and the last checkpoint
    #[arg(long)]
    pub state: PathBuf,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:9777")]
    pub listen: String,
}

/// Looks up the law.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Check the packs that ship, and local packs: they may only tighten
    Check {
        /// Local packs [default: those of rules.local]
        files: Vec<PathBuf>,
    },
    /// Print each decision of an order: article, rule, facts
    Explain {
        /// Order number or id
        order: String,
        /// Take each decision again from what it was recorded to be decided on
        #[arg(long)]
        replay: bool,
    },
    /// Print the rules in force: value, article, source
    List {
        /// Part of the rule's name, such as limit
        part: Option<String>,
        /// The day, such as 2026-11-22 [default: today]
        #[arg(long)]
        on: Option<String>,
    },
}

/// Works on the keys.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Count the data keys by domain, version and bucket
    Status,
    /// Make a new version of a domain's key and move every data key to it; goes on where it was cut short
    Rotate {
        /// identity, documents, calls, audit, export, messages or staff
        domain: String,
        /// Data keys in one transaction
        #[arg(long, default_value_t = 500)]
        batch: i64,
    },
    /// Record the end of a service; the customer's data is due with its month
    EndService {
        /// Order number or id
        order: String,
        /// The day it ended, such as 2026-11-22 [default: now]
        #[arg(long)]
        on: Option<String>,
        /// Why
        #[arg(long)]
        why: String,
    },
    /// Destroy the data of a month in every copy; the server must be stopped
    DestroyBucket {
        /// The month, such as 2028-11
        month: String,
        /// Staff number of an approver; two are needed
        #[arg(long)]
        approver: Vec<String>,
        /// The certificate [default: destruction-MONTH.json]
        #[arg(long)]
        out: Option<PathBuf>,
        /// Only say what would be destroyed
        #[arg(long)]
        dry_run: bool,
    },
    /// Write the certificate of a destruction again
    Certificate {
        /// The month, such as 2028-11
        month: String,
        /// The certificate [default: destruction-MONTH.json]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Check a certificate with nothing but the certificate and the public key
    Check {
        /// The certificate
        file: PathBuf,
        /// Public key, or a file with public keys
        #[arg(long, required = true)]
        key: Vec<String>,
    },
}

/// Makes accounts.
#[derive(Debug, Subcommand)]
pub enum PeopleCommand {
    /// Make the first system administrator of a new installation; the server must be stopped
    CreateAdministrator(NewAdministrator),
}

/// Options of `people create-administrator`.
#[derive(Debug, Args)]
pub struct NewAdministrator {
    /// Staff number, the login
    #[arg(long)]
    pub number: String,
    /// Name of the person [default: the number]
    #[arg(long)]
    pub name: Option<String>,
    /// Name of the carrier, founded when there is none
    #[arg(long)]
    pub organisation: String,
    /// Its name in English
    #[arg(long)]
    pub organisation_en: Option<String>,
    /// File whose first line is the password [default: asked for, or standard input]
    #[arg(long)]
    pub password_file: Option<PathBuf>,
    /// Add one although there are others
    #[arg(long)]
    pub force: bool,
    /// Why, with --force
    #[arg(long)]
    pub why: Option<String>,
}

/// Works on the record.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Copy everything into another database and compare: from SQLite to PostgreSQL or back; the server must be stopped
    Copy {
        /// Target, such as postgres://user:password@host/database
        #[arg(long)]
        to: String,
        /// Replace what is in the target
        #[arg(long)]
        replace: bool,
    },
    /// Re-check structure, schema and invariants of the whole record
    Verify,
    /// Write a backup while the server works, and read it back
    Backup {
        /// The new backup file
        file: PathBuf,
    },
    /// Bring a backup back; the server must be stopped
    Restore {
        /// The backup file
        file: PathBuf,
        /// Only check that the backup is whole
        #[arg(long)]
        verify: bool,
        /// Replace what is in the record
        #[arg(long)]
        replace: bool,
    },
    /// Bring the schema up to this version
    Migrate {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
}

/// The demo province.
#[derive(Debug, Subcommand)]
pub enum DemoCommand {
    /// List every account
    Logins,
    /// Print what an account's authenticator shows now
    Code {
        /// Staff number, such as D0001
        number: String,
    },
}
