//! PostgreSQL: each worker thread owns one connection and the small runtime that drives it, so a closure waits for an answer without a
//! detour through another thread, and statements whose answers nobody needs travel together with the next one that waits.

use std::{
    collections::HashMap,
    error::Error as _,
    future::Future,
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    str::FromStr,
    sync::Arc,
    task::{self, Waker},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt, pin_mut, poll};
use tokio::{runtime::Runtime, task::yield_now, time::Instant};
use tokio_postgres::{
    Client, CopyInSink, NoTls, Statement,
    config::SslMode,
    error::SqlState,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

use crate::{
    Config, Param, Row, Tx, Value,
    catalogue::{Kind, Table, quoted},
    error::{Result, StoreError},
    job::{Job, Ran},
    queue::Queue,
    tx,
};

/// How often work that others' work got in the way of is given again.
const CONTENTION_RETRIES: u32 = 20;
/// How often a guard that did not hold is looked at again: a stale caller stays stale, so hardly ever.
const GUARD_RETRIES: u32 = 2;
/// How often work is given again after a connection lost before its commit.
const LOST_RETRIES: u32 = 3;
/// Longest single pause between two tries, in milliseconds.
const PAUSE_LIMIT_MS: u64 = 64;
/// Pause between two attempts to connect, in milliseconds.
const CONNECT_PAUSE_MS: u64 = 50;
/// A connection unused for longer is looked at before it is used.
const IDLE: Duration = Duration::from_millis(20);
/// Prepared statements kept by each connection; beyond that all are forgotten and prepared anew.
const STATEMENTS: usize = 1_000;

/// SERIALIZABLE locks what a plan looks at: a sequential scan of a small table locks all of it and every writer stands in every other's
/// way, so an index is taken wherever there is one. Statements are few and prepared: one plan each serves. A scan there is no way around
/// then looks so dear that the server would compile it first, for a tenth of a second, whatever it reads: it does not.
const SESSION: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET client_encoding = 'UTF8';
    SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off";

type Fault = tokio_postgres::Error;
type Flight = Pin<Box<dyn Future<Output = Result<(), Fault>>>>;

/// Reads the connection settings; the store speaks plain TCP or a Unix socket.
pub(crate) fn settings(url: &str) -> Result<tokio_postgres::Config> {
    let mut settings = tokio_postgres::Config::from_str(url).map_err(|error| {
        StoreError::Config(format!(
            "the PostgreSQL URL cannot be read: {}",
            error.source().map_or_else(|| error.to_string(), ToString::to_string)
        ))
    })?;
    if settings.get_ssl_mode() == SslMode::Require {
        return Err(StoreError::Config(
            "sslmode=require is not built in: reach the server over a Unix socket or a private network and set sslmode=disable".into(),
        ));
    }
    if settings.get_application_name().is_none() {
        settings.application_name("chuangsha");
    }
    Ok(settings)
}

/// A worker thread: one connection, made when first needed and again when lost.
pub(crate) struct Worker {
    settings: tokio_postgres::Config,
    connect_timeout: Duration,
    runtime: Runtime,
    link: Option<Link>,
    /// When the connection was last used.
    used: Instant,
    /// State of the pauses' jitter.
    jitter: u64,
}

struct Link {
    client: Arc<Client>,
    statements: HashMap<String, Vec<Statement>>,
    /// The same for [`Session::push_one`], whose text is wrapped.
    guards: HashMap<String, Vec<Statement>>,
}

/// Why a statement failed, as far as a retry is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Serialisation failure or deadlock.
    Contention,
    /// A unique key was taken; the hash tells which value of which key.
    Taken(u64),
    /// `push_one` touched another number of rows than one.
    Guard,
    /// The connection is gone, before the commit was sent.
    Lost,
    /// Anything else: trying again would not help.
    Final,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    Read,
}

impl Worker {
    pub(crate) fn new(settings: tokio_postgres::Config, config: &Config, number: u64) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| StoreError::Io(format!("no runtime for the store: {error}")))?;
        let connect_timeout = Duration::from_millis(config.connect_timeout_ms);
        Ok(Self {
            settings,
            connect_timeout,
            runtime,
            link: None,
            used: Instant::now(),
            jitter: number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        })
    }

    /// The worker thread's life.
    pub(crate) fn run(mut self, mode: Mode, queue: &Queue<Box<dyn Job>>) {
        while let Some(job) = queue.pop() {
            if !job.is_abandoned() {
                self.serve(mode, job);
            }
        }
        // Let the server hear that the connection ends.
        if let Some(link) = self.link.take() {
            drop(link);
            self.runtime.block_on(settle_io());
        }
    }

    fn serve(&mut self, mode: Mode, mut job: Box<dyn Job>) {
        let mut tries = Tries::default();
        loop {
            let mut session = match self.session(mode) {
                Ok(session) => session,
                Err(fault) => return job.settle(Err(fault)),
            };
            let mut tx = Tx::new(tx::Session::Postgres(session));
            let ran = job.run(&mut tx);
            let tx::Session::Postgres(ended) = tx.session else { return job.settle(Err(StoreError::Closed)) };
            session = ended;
            let outcome = match ran {
                // A read has nothing to lose at its end, and a refusal stands whatever the server says to the rollback: answer first.
                Ran::Done if mode == Mode::Read => {
                    job.settle(Ok(()));
                    return session.roll_back();
                }
                Ran::Refused => {
                    job.settle(Ok(()));
                    return session.roll_back();
                }
                Ran::Done => session.commit().map_err(Some),
                Ran::Failed(fault) => {
                    // A closure may find the contention by itself.
                    let cause = if session.cause == Cause::Final && fault == StoreError::Contended { Cause::Guard } else { session.cause };
                    session.roll_back();
                    session.cause = cause;
                    Err(None)
                }
            };
            let cause = session.cause;
            match outcome {
                Ok(()) => return job.settle(Ok(())),
                Err(fault) => match tries.next(cause) {
                    Some(pause_ms) => self.pause(pause_ms),
                    None => return job.settle(fault.map_or(Ok(()), Err)),
                },
            }
            if job.is_abandoned() {
                return;
            }
        }
    }

    /// A pause of half to one and a half times `ms`, so that those who collided do not meet again.
    #[allow(clippy::disallowed_methods, reason = "a back-off against the server, no business time")]
    fn pause(&mut self, ms: u64) {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        let micros = ms * 500 + self.jitter % (ms * 1_000).max(1);
        if ms > 0 {
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_micros(micros)).await });
        }
    }

    /// A connection with a transaction begun on it, though the server need not have heard of it yet.
    fn session(&mut self, mode: Mode) -> Result<Session<'_>> {
        if self.used.elapsed() > IDLE {
            // A connection the server closed meanwhile is noticed here, before anything is entrusted to it.
            self.runtime.block_on(settle_io());
        }
        self.used = Instant::now();
        if self.link.as_ref().is_none_or(|link| link.client.is_closed()) {
            self.link = None;
            let client = self.runtime.block_on(connect(&self.settings, self.connect_timeout))?;
            self.link = Some(Link { client: Arc::new(client), statements: HashMap::new(), guards: HashMap::new() });
        }
        let link = self.link.as_mut().ok_or(StoreError::Closed)?;
        let mut session = Session { runtime: &self.runtime, link, flights: Vec::new(), cause: Cause::Final };
        session.send_command(match mode {
            Mode::Write => "BEGIN",
            Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        });
        Ok(session)
    }
}

/// Lets the connection's task handle what the socket has for it, without waiting.
async fn settle_io() {
    yield_now().await;
    yield_now().await;
}

/// Counts the tries of one job by what went wrong.
#[derive(Default)]
struct Tries {
    contention: u32,
    guard: u32,
    lost: u32,
    taken: Option<u64>,
}

impl Tries {
    /// Milliseconds to pause before the next try; `None`: give up.
    fn next(&mut self, cause: Cause) -> Option<u64> {
        let allowed = |count: &mut u32, limit: u32| {
            *count += 1;
            (*count <= limit).then_some(*count)
        };
        match cause {
            Cause::Contention => {
                allowed(&mut self.contention, CONTENTION_RETRIES).map(|count| (1_u64 << count.min(10)).min(PAUSE_LIMIT_MS) / 2)
            }
            Cause::Guard => allowed(&mut self.guard, GUARD_RETRIES).map(u64::from),
            Cause::Lost => allowed(&mut self.lost, LOST_RETRIES).map(|_| CONNECT_PAUSE_MS),
            // Whoever took the key has committed, so a fresh look shows it. The same key taken again means the closure insists.
            Cause::Taken(key) if self.taken == Some(key) => None,
            Cause::Taken(key) => {
                self.taken = Some(key);
                allowed(&mut self.contention, CONTENTION_RETRIES).map(|_| 0)
            }
            Cause::Final => None,
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "waits for a server that is starting, no business time")]
async fn connect(settings: &tokio_postgres::Config, timeout: Duration) -> Result<Client> {
    let deadline = Instant::now() + timeout;
    loop {
        let attempt = tokio::time::timeout_at(deadline, open(settings)).await;
        let fault = match attempt {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(fault)) => fault,
            Err(_) => return Err(StoreError::Unavailable("no answer in time".into())),
        };
        // The server answered and refused: wrong password, no such database. Waiting does not mend that; its start-up does end.
        let refused = fault.code().is_some_and(|code| {
            *code != SqlState::CANNOT_CONNECT_NOW && *code != SqlState::ADMIN_SHUTDOWN && *code != SqlState::TOO_MANY_CONNECTIONS
        });
        if refused || Instant::now() + Duration::from_millis(CONNECT_PAUSE_MS) >= deadline {
            return Err(StoreError::Unavailable(describe(&fault)));
        }
        tokio::time::sleep(Duration::from_millis(CONNECT_PAUSE_MS)).await;
    }
}

async fn open(settings: &tokio_postgres::Config) -> Result<Client, Fault> {
    let (client, connection) = settings.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(error = describe(&error), "connection to PostgreSQL lost");
        }
    });
    client.batch_execute(SESSION).await?;
    Ok(client)
}

/// One connection inside a transaction.
pub(crate) struct Session<'c> {
    runtime: &'c Runtime,
    link: &'c mut Link,
    /// Sent, not answered yet, in order.
    flights: Vec<(Flight, bool)>,
    cause: Cause,
}

impl Session<'_> {
    pub(crate) fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let mut found = Vec::new();
        self.each(sql, params, &mut |row| {
            found.push(row);
            Ok(())
        })?;
        Ok(found)
    }

    /// Streams the answer to `take`; what was pushed before travels with the question.
    pub(crate) fn each(&mut self, sql: &str, params: &[Param<'_>], take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
        let statement = self.statement(sql, params, false)?;
        let client = Arc::clone(&self.link.client);
        let flights = std::mem::take(&mut self.flights);
        let answer = self.runtime.block_on(async {
            let question = client.query_raw(&statement, params);
            pin_mut!(question);
            let first = poll!(question.as_mut());
            land(flights).await.map_err(Failed::Sent)?;
            let rows = match first {
                task::Poll::Ready(rows) => rows,
                task::Poll::Pending => question.await,
            };
            let rows = rows.map_err(Failed::alone)?;
            pin_mut!(rows);
            while let Some(row) = rows.next().await {
                let row = row.map_err(Failed::alone)?;
                take(read(&row).map_err(Failed::Own)?).map_err(Failed::Own)?;
            }
            Ok(())
        });
        answer.map_err(|failed| self.failed(failed))
    }

    pub(crate) fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        let statement = self.statement(sql, params, false)?;
        let client = Arc::clone(&self.link.client);
        let flights = std::mem::take(&mut self.flights);
        let answer = self.runtime.block_on(async {
            let question = client.execute_raw(&statement, params);
            pin_mut!(question);
            let first = poll!(question.as_mut());
            land(flights).await?;
            match first {
                task::Poll::Ready(count) => count,
                task::Poll::Pending => question.await,
            }
            .map_err(|fault| (fault, false))
        });
        answer.map_err(|(fault, guard)| self.fault(&fault, guard))
    }

    /// Sends the statement without waiting for its answer.
    pub(crate) fn push(&mut self, sql: &str, params: &[Param<'_>]) -> Result<()> {
        self.send(sql, params, false)
    }

    /// As [`Session::push`]; the server itself fails the transaction when not exactly one row is touched, so that a COMMIT already under
    /// way behind it cannot succeed.
    pub(crate) fn push_one(&mut self, sql: &str, params: &[Param<'_>]) -> Result<()> {
        self.send(sql, params, true)
    }

    fn send(&mut self, sql: &str, params: &[Param<'_>], guard: bool) -> Result<()> {
        let statement = self.statement(sql, params, guard)?;
        let client = Arc::clone(&self.link.client);
        let params: Vec<Value> = params.iter().copied().map(Value::from).collect();
        let flight = Box::pin(async move { client.execute_raw(&statement, params.iter().map(Value::as_param)).await.map(drop) });
        self.launch(flight, guard);
        Ok(())
    }

    pub(crate) fn batch(&mut self, sql: &str) -> Result<()> {
        let (client, sql) = (Arc::clone(&self.link.client), sql.to_owned());
        self.launch(Box::pin(async move { client.batch_execute(&sql).await }), false);
        self.land()
    }

    fn failed(&mut self, failed: Failed) -> StoreError {
        match failed {
            Failed::Sent((fault, guard)) => self.fault(&fault, guard),
            Failed::Own(fault) => fault,
        }
    }

    /// COPY in binary form: the fast way in.
    pub(crate) fn load(&mut self, table: &Table, next: &mut dyn FnMut() -> Result<Option<Vec<Row>>>) -> Result<()> {
        self.land()?;
        let client = Arc::clone(&self.link.client);
        let sql = format!("COPY {} ({}) FROM STDIN BINARY", quoted(&table.name), table.column_list());
        let types: Vec<Type> = table.columns.values().map(column_type).collect();
        let loaded = self.runtime.block_on(async {
            let mut copy = Copy::start(&client, &sql).await?;
            while let Some(rows) = next().map_err(Failed::Own)? {
                for row in rows {
                    let params: Vec<Param<'_>> = row.values().iter().map(Value::as_param).collect();
                    if let Some((param, ty)) = params.iter().zip(&types).find(|(param, ty)| !takes(param, ty)) {
                        return Err(Failed::Own(StoreError::Copy(format!("table {}: a {ty} column does not take {param:?}", table.name))));
                    }
                    copy.row(&params).await?;
                }
            }
            copy.finish().await
        });
        loaded.map_err(|failed| self.failed(failed))
    }

    /// As [`Session::load`], of rows that are at hand.
    pub(crate) fn bulk<'p, const WIDTH: usize>(
        &mut self,
        table: &str,
        columns: &str,
        rows: impl Iterator<Item = [Param<'p>; WIDTH]>,
    ) -> Result<()> {
        self.land()?;
        let client = Arc::clone(&self.link.client);
        let sql = format!("COPY {table} ({columns}) FROM STDIN BINARY");
        // What a column takes shows in its first value; until there is one, nothing is sent that had a type.
        let mut types = [const { Type::UNKNOWN }; WIDTH];
        let loaded = self.runtime.block_on(async {
            let mut copy = Copy::start(&client, &sql).await?;
            for row in rows {
                for (param, ty) in row.iter().zip(&mut types) {
                    if *ty == Type::UNKNOWN {
                        *ty = wanted(param);
                    } else if !takes(param, ty) {
                        return Err(Failed::Own(StoreError::Statement(format!("table {table}: a {ty} column does not take {param:?}"))));
                    }
                }
                copy.row(&row).await?;
            }
            copy.finish().await
        });
        loaded.map_err(|failed| self.failed(failed))
    }

    fn send_command(&mut self, sql: &'static str) {
        let client = Arc::clone(&self.link.client);
        self.launch(Box::pin(async move { client.batch_execute(sql).await }), false);
    }

    /// The first poll hands the request to the connection; the answer is collected when the transaction next waits.
    fn launch(&mut self, mut flight: Flight, guard: bool) {
        if let task::Poll::Ready(landed) = flight.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
            flight = Box::pin(std::future::ready(landed));
        }
        self.flights.push((flight, guard));
    }

    fn land(&mut self) -> Result<()> {
        let flights = std::mem::take(&mut self.flights);
        let landed = self.runtime.block_on(land(flights));
        landed.map_err(|(fault, guard)| self.fault(&fault, guard))
    }

    fn commit(&mut self) -> Result<()> {
        self.send_command("COMMIT");
        let landed = self.land();
        if landed.is_err() && self.cause == Cause::Lost {
            // The COMMIT may have arrived. Only the caller can look whether it did.
            self.cause = Cause::Final;
            return Err(StoreError::Unknown);
        }
        landed
    }

    fn roll_back(&mut self) {
        self.send_command("ROLLBACK");
        // The faults of pushed statements no longer matter; a lost connection is noticed by the next transaction.
        drop(self.land());
    }

    /// The prepared statement whose parameter types suit these parameters.
    fn statement(&mut self, sql: &str, params: &[Param<'_>], guard: bool) -> Result<Statement> {
        let known = if guard { &self.link.guards } else { &self.link.statements };
        let fits = |statement: &&Statement| {
            statement.params().len() == params.len() && statement.params().iter().zip(params).all(|(ty, param)| takes(param, ty))
        };
        if let Some(statement) = known.get(sql).and_then(|all| all.iter().find(fits)) {
            return Ok(statement.clone());
        }
        let types: Vec<Type> = params.iter().map(wanted).collect();
        let client = Arc::clone(&self.link.client);
        let flights = std::mem::take(&mut self.flights);
        let wrapped =
            guard.then(|| format!("WITH touched AS ({sql} RETURNING 1) SELECT 1 / CASE COUNT(*) WHEN 1 THEN 1 ELSE 0 END FROM touched"));
        let prepared = self.runtime.block_on(async {
            land(flights).await?;
            client.prepare_typed(wrapped.as_deref().unwrap_or(sql), &types).await.map_err(|fault| (fault, false))
        });
        let statement = prepared.map_err(|(fault, guard)| self.fault(&fault, guard))?;
        if statement.params().len() != params.len() {
            return Err(StoreError::Statement(format!("{} placeholders, {} parameters", statement.params().len(), params.len())));
        }
        if let Some((ty, param)) = statement.params().iter().zip(params).find(|(ty, param)| !takes(param, ty)) {
            return Err(StoreError::Statement(format!("a {ty} column or expression does not take {param:?}")));
        }
        let known = if guard { &mut self.link.guards } else { &mut self.link.statements };
        if known.len() >= STATEMENTS {
            known.clear();
        }
        known.entry(sql.to_owned()).or_default().push(statement.clone());
        Ok(statement)
    }

    /// Sorts the server's faults. Its texts may quote values, so only names of things are taken over.
    fn fault(&mut self, error: &Fault, guard: bool) -> StoreError {
        let (cause, fault) = sort(error, guard);
        self.cause = cause;
        if matches!(fault, StoreError::Statement(_)) {
            // A changed schema makes prepared plans unusable: prepare anew.
            self.link.statements.clear();
            self.link.guards.clear();
        }
        fault
    }
}

enum Failed {
    Sent((Fault, bool)),
    Own(StoreError),
}

impl Failed {
    /// Of a statement that guards no state.
    fn alone(fault: Fault) -> Self {
        Self::Sent((fault, false))
    }
}

/// Collects the answers in order; the first fault is the true one, those behind it only say that the transaction is over.
async fn land(flights: Vec<(Flight, bool)>) -> Result<(), (Fault, bool)> {
    let mut first = Ok(());
    for (flight, guard) in flights {
        let landed = flight.await;
        if first.is_ok() {
            first = landed.map_err(|fault| (fault, guard));
        }
    }
    first
}

fn sort(error: &Fault, guard: bool) -> (Cause, StoreError) {
    let Some(refusal) = error.as_db_error() else {
        return match error.source().and_then(|source| source.downcast_ref::<StoreError>()) {
            Some(own) => (Cause::Final, own.clone()),
            None if error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>()) => {
                (Cause::Lost, StoreError::Unavailable(describe(error)))
            }
            None => (Cause::Final, StoreError::Statement(describe(error))),
        };
    };
    let table = refusal.table().unwrap_or_default().to_owned();
    let constraint = refusal.constraint().or(refusal.column()).unwrap_or_default().to_owned();
    let code = refusal.code();
    match code.code() {
        "40001" | "40P01" => (Cause::Contention, StoreError::Contended),
        "XX000" if refusal.message() == "tuple concurrently updated" => (Cause::Contention, StoreError::Contended),
        "22012" if guard => (Cause::Guard, StoreError::Contended),
        "23505" => {
            let detail = refusal.detail().unwrap_or_default();
            let columns =
                detail.split_once("Key (").and_then(|(_, rest)| rest.split_once(")=")).map_or(constraint.as_str(), |(columns, _)| columns);
            let mut key = DefaultHasher::new();
            (refusal.constraint(), detail).hash(&mut key);
            (Cause::Taken(key.finish()), StoreError::Duplicate { table, columns: columns.to_owned() })
        }
        "23503" => (Cause::Final, StoreError::ForeignKey { table }),
        "23502" | "23514" => (Cause::Final, StoreError::Check { constraint: format!("{table}.{constraint}") }),
        // CREATE TABLE IF NOT EXISTS beside another that does the same: there next time.
        "42P07" => (Cause::Guard, StoreError::Statement(describe(error))),
        "53100" => (Cause::Final, StoreError::Full),
        "25006" => (Cause::Final, StoreError::ReadOnly),
        "57P01" | "57P02" | "57P03" => (Cause::Lost, StoreError::Unavailable(describe(error))),
        code if code.starts_with("08") => (Cause::Lost, StoreError::Unavailable(describe(error))),
        code if code.starts_with("58") => (Cause::Final, StoreError::Io(describe(error))),
        _ => (Cause::Final, StoreError::Statement(describe(error))),
    }
}

/// A fault in words without values: classes 22 and 23 quote what was given.
fn describe(error: &Fault) -> String {
    match error.as_db_error() {
        Some(refusal) if refusal.code().code().starts_with("22") || refusal.code().code().starts_with("23") => {
            format!("SQLSTATE {}", refusal.code().code())
        }
        Some(refusal) => format!("SQLSTATE {}: {}", refusal.code().code(), refusal.message()),
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

fn column_type(kind: &Kind) -> Type {
    match kind {
        Kind::Int => Type::INT8,
        Kind::Text => Type::TEXT,
        Kind::Bytes => Type::BYTEA,
    }
}

/// The type a parameter is announced as; an absent value leaves the choice to the server.
fn wanted(param: &Param<'_>) -> Type {
    match param {
        Param::Null => Type::UNKNOWN,
        Param::Int(_) => Type::INT8,
        Param::Text(_) => Type::TEXT,
        Param::Bytes(_) => Type::BYTEA,
    }
}

/// Rows on their way into a table, in the binary form of COPY. They go out in pieces large enough that neither side is woken for every few rows.
struct Copy {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    out: BytesMut,
}

impl Copy {
    /// Signature, flags and the length of what no version has put behind them yet.
    const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    /// Bytes of a piece.
    const PIECE: usize = 64 << 10;

    async fn start(client: &Client, sql: &str) -> Result<Self, Failed> {
        let sink = client.copy_in(sql).await.map_err(Failed::alone)?;
        Ok(Self { sink: Box::pin(sink), out: BytesMut::from(Self::HEAD) })
    }

    async fn row(&mut self, row: &[Param<'_>]) -> Result<(), Failed> {
        let too_long = || Failed::Own(StoreError::Statement("a value of 2 GiB or more".into()));
        self.out.put_i16(i16::try_from(row.len()).map_err(|_| too_long())?);
        for param in row {
            let bytes = match param {
                Param::Null => {
                    self.out.put_i32(-1);
                    continue;
                }
                Param::Int(value) => {
                    self.out.put_i32(8);
                    self.out.put_i64(*value);
                    continue;
                }
                Param::Text(text) if text.contains('\0') => return Err(Failed::Own(StoreError::Character)),
                Param::Text(text) => text.as_bytes(),
                Param::Bytes(bytes) => bytes,
            };
            self.out.put_i32(i32::try_from(bytes.len()).map_err(|_| too_long())?);
            self.out.put_slice(bytes);
        }
        if self.out.len() < Self::PIECE {
            return Ok(());
        }
        self.send().await
    }

    async fn send(&mut self) -> Result<(), Failed> {
        let piece = std::mem::replace(&mut self.out, BytesMut::with_capacity(Self::PIECE + (4 << 10)));
        self.sink.feed(piece.freeze()).await.map_err(Failed::alone)
    }

    async fn finish(mut self) -> Result<(), Failed> {
        self.out.put_i16(-1);
        self.send().await?;
        self.sink.as_mut().finish().await.map(drop).map_err(Failed::alone)
    }
}

fn takes(param: &Param<'_>, ty: &Type) -> bool {
    match param {
        Param::Null => true,
        Param::Int(_) => *ty == Type::INT8,
        Param::Text(_) => *ty == Type::TEXT,
        Param::Bytes(_) => *ty == Type::BYTEA,
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Int(value) => out.put_i64(*value),
            Self::Text(value) if value.contains('\0') => return Err(Box::new(StoreError::Character)),
            Self::Text(value) => out.put_slice(value.as_bytes()),
            Self::Bytes(value) => out.put_slice(value),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // The types were compared when the statement was chosen.
        true
    }

    to_sql_checked!();
}

fn read(row: &tokio_postgres::Row) -> Result<Row> {
    let column = |index| row.try_get::<_, Value>(index).map_err(|error| StoreError::Shape(describe(&error)));
    (0..row.len()).map(column).collect::<Result<_>>().map(Row)
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        match *ty {
            Type::INT8 => Ok(Self::Int(i64::from_sql(ty, raw)?)),
            Type::INT4 => Ok(Self::Int(i32::from_sql(ty, raw)?.into())),
            Type::INT2 => Ok(Self::Int(i16::from_sql(ty, raw)?.into())),
            Type::BOOL => Ok(Self::Int(bool::from_sql(ty, raw)?.into())),
            // SUM over BIGINT is NUMERIC.
            Type::NUMERIC => whole(raw).map(Self::Int).ok_or_else(|| "a number that is not whole or too large".into()),
            Type::BYTEA => Ok(Self::Bytes(raw.to_owned())),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::BPCHAR | Type::UNKNOWN => Ok(Self::Text(std::str::from_utf8(raw)?.to_owned())),
            _ => Err(format!("a column of type {ty}; the store keeps BIGINT, TEXT and BYTEA").into()),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A NUMERIC in wire form (count, weight, sign, scale, then digits to the base 10,000) as a whole number.
fn whole(raw: &[u8]) -> Option<i64> {
    let mut words = raw.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok()).map(i16::from_be_bytes);
    let (_count, weight, sign, _scale) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let mut value = 0_i128;
    let mut position = i32::from(weight);
    for digit in words {
        if position < 0 && digit != 0 {
            return None;
        }
        if position >= 0 {
            value = value.checked_add(i128::from(digit).checked_mul(10_000_i128.checked_pow(position.unsigned_abs())?)?)?;
        }
        position -= 1;
    }
    match sign {
        0 => i64::try_from(value).ok(),
        0x4000 => i64::try_from(-value).ok(),
        _ => None,
    }
}
