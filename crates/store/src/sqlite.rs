//! SQLite: one writer thread that joins waiting writes into one durable commit, and a few readers with snapshots of their own.

use std::{
    collections::VecDeque,
    path::Path,
    sync::mpsc::{Receiver, SyncSender},
    time::Duration,
};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, Statement, ToSql,
    ffi::{SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE},
    types::{ToSqlOutput, ValueRef},
};

use crate::{
    Config, Param, Row, Tx, Value,
    error::{Result, StoreError},
    job::{Job, Ran},
    queue::Queue,
    tx,
};

/// Writes joined into one commit at most: bounds how long the first of them waits for the last.
const BATCH_LIMIT: usize = 256;
/// Bytes the log keeps on the disk when it has been carried over.
const LOG_KEPT: i64 = 64 << 20;
/// In bulk, pages of the log from which the writer itself carries over what is left, so that the log is written anew from its beginning: half
/// a GiB. What a file has already is cheaper to write than what it grows by.
const BULK_LOG_PAGES: u32 = 131_072;
/// Prepared statements kept by each connection.
const STATEMENTS: usize = 512;

/// Opens the one connection that writes.
pub(crate) fn open_writer(path: &Path, config: &Config) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    prepare(&connection, config)?;
    // FULL: an acknowledged write survives a power cut. The sub-journals of savepoints stay in memory.
    connection
        .execute_batch(&format!("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = {LOG_KEPT};"))
        .map_err(fault)?;
    connection.execute_batch(&format!("PRAGMA cache_size = -{}", u64::from(config.writer_cache_mib) * 1024)).map_err(fault)?;
    if config.bulk {
        connection
            .execute_batch(&format!("PRAGMA wal_autocheckpoint = {BULK_LOG_PAGES}; PRAGMA journal_size_limit = -1;"))
            .map_err(fault)?;
    }
    Ok(connection)
}

/// Opens the connection that carries pages from the log into the file.
pub(crate) fn open_carrier(path: &Path, config: &Config) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    prepare(&connection, config)?;
    connection.execute_batch("PRAGMA synchronous = FULL;").map_err(fault)?;
    Ok(connection)
}

/// Its life: after a commit, whatever nobody reads any more is carried over. It waits for nobody; what it could not do is done the next time,
/// or by the last connection that closes.
pub(crate) fn carry_loop(connection: &Connection, rung: &Receiver<()>) {
    crate::give_way();
    while rung.recv().is_ok() {
        drop(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
    }
}

/// Opens one connection that reads.
pub(crate) fn open_reader(path: &Path, config: &Config) -> Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fault)?;
    prepare(&connection, config)?;
    Ok(connection)
}

fn prepare(connection: &Connection, config: &Config) -> Result<()> {
    connection.busy_timeout(Duration::from_millis(config.busy_timeout_ms)).map_err(fault)?;
    connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;").map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// The writer thread's life.
pub(crate) fn write_loop(connection: &Connection, queue: &Queue<Box<dyn Job>>, bell: Option<&SyncSender<()>>) {
    while let Some(first) = queue.pop() {
        let Some(bell) = bell else {
            write_batch(connection, first, queue);
            continue;
        };
        write_alone(connection, first);
        // Full: it is about to look anyway.
        bell.try_send(()).unwrap_or_default();
    }
}

/// Runs the first job and all that arrive meanwhile, commits once, then answers. Nobody is told of success before the commit is durable.
fn write_batch(connection: &Connection, first: Box<dyn Job>, queue: &Queue<Box<dyn Job>>) {
    if let Err(fault) = command(connection, "BEGIN IMMEDIATE") {
        return first.settle(Err(fault));
    }
    let mut waiting = VecDeque::from([first]);
    let mut ran: Vec<Box<dyn Job>> = Vec::new();
    let mut outcome = Ok(());
    while let Some(mut job) = waiting.pop_front() {
        if !job.is_abandoned() {
            outcome = run_alone(connection, job.as_mut());
            ran.push(job);
        }
        if outcome.is_err() {
            break;
        }
        if waiting.is_empty() {
            queue.take_into(&mut waiting, BATCH_LIMIT.saturating_sub(ran.len()));
        }
    }
    let outcome = outcome.and_then(|()| command(connection, "COMMIT"));
    if outcome.is_err() && !connection.is_autocommit() {
        // A failed COMMIT leaves the transaction open. When even this fails the next BEGIN says so.
        drop(command(connection, "ROLLBACK"));
    }
    for job in ran.into_iter().chain(waiting) {
        job.settle(outcome.clone());
    }
}

/// Runs one job in a transaction of its own. Without a savepoint no page is kept a second time in memory: for transactions of millions of rows.
fn write_alone(connection: &Connection, mut job: Box<dyn Job>) {
    if job.is_abandoned() {
        return;
    }
    if let Err(fault) = command(connection, "BEGIN IMMEDIATE") {
        return job.settle(Err(fault));
    }
    let ran = job.run(&mut Tx::new(tx::Session::Sqlite(Session { connection })));
    let outcome = match ran {
        _ if connection.is_autocommit() => given_up(ran),
        Ran::Done => command(connection, "COMMIT"),
        Ran::Failed(_) | Ran::Refused => command(connection, "ROLLBACK"),
    };
    if outcome.is_err() && !connection.is_autocommit() {
        drop(command(connection, "ROLLBACK"));
    }
    job.settle(outcome);
}

/// SQLite gave up the whole transaction (disk full, I/O error): what was written in it is gone.
fn given_up(ran: Ran) -> Result<()> {
    Err(match ran {
        Ran::Failed(fault) => fault,
        Ran::Done | Ran::Refused => StoreError::Io("the transaction was given up".into()),
    })
}

/// Runs one job of a batch so that its failure undoes its own work only. An error here means the whole batch is lost.
fn run_alone(connection: &Connection, job: &mut dyn Job) -> Result<()> {
    command(connection, "SAVEPOINT job")?;
    let ran = job.run(&mut Tx::new(tx::Session::Sqlite(Session { connection })));
    if connection.is_autocommit() {
        return given_up(ran);
    }
    if !matches!(ran, Ran::Done) {
        command(connection, "ROLLBACK TO job")?;
    }
    command(connection, "RELEASE job")
}

/// A reader thread's life: each closure sees one snapshot.
pub(crate) fn read_loop(connection: &Connection, queue: &Queue<Box<dyn Job>>) {
    while let Some(mut job) = queue.pop() {
        if job.is_abandoned() {
            continue;
        }
        let begun = command(connection, "BEGIN");
        if begun.is_ok() {
            job.run(&mut Tx::new(tx::Session::Sqlite(Session { connection })));
        }
        if !connection.is_autocommit() {
            drop(command(connection, "ROLLBACK"));
        }
        job.settle(begun);
    }
}

fn command(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.raw_execute()).map(drop).map_err(fault)
}

/// One connection inside a transaction.
pub(crate) struct Session<'c> {
    pub(crate) connection: &'c Connection,
}

impl Session<'_> {
    pub(crate) fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let mut found = Vec::new();
        self.each(sql, params, &mut |row| {
            found.push(row);
            Ok(())
        })?;
        Ok(found)
    }

    pub(crate) fn each(&self, sql: &str, params: &[Param<'_>], take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
        bind(&mut statement, params)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(fault)? {
            let values = (0..columns).map(|column| row.get_ref(column).map_err(fault).and_then(value)).collect::<Result<_>>()?;
            take(Row(values))?;
        }
        Ok(())
    }

    pub(crate) fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
        bind(&mut statement, params)?;
        if statement.column_count() == 0 {
            return statement.raw_execute().map(|count| count as u64).map_err(fault);
        }
        // With RETURNING (or a query) the number of rows is the number of answers, as on PostgreSQL.
        let mut rows = statement.raw_query();
        let mut count = 0;
        while rows.next().map_err(fault)?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Runs one statement for every row. Its placeholders are `$1…$n` in their order, so they are bound by place.
    pub(crate) fn bulk<'p, const WIDTH: usize>(&self, sql: &str, rows: impl Iterator<Item = [Param<'p>; WIDTH]>) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(fault)?;
        for row in rows {
            for (index, param) in row.iter().enumerate() {
                fits(param)?;
                statement.raw_bind_parameter(index + 1, Bound(*param)).map_err(fault)?;
            }
            statement.raw_execute().map_err(fault)?;
        }
        Ok(())
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(fault)
    }
}

/// Binds `$n` by its name: SQLite numbers placeholders by first appearance, so `$2` may well be its first.
fn bind(statement: &mut Statement<'_>, params: &[Param<'_>]) -> Result<()> {
    let mut bound = 0;
    for index in 1..=statement.parameter_count() {
        let number =
            statement.parameter_name(index).and_then(|name| name.strip_prefix('$')).and_then(|digits| digits.parse::<usize>().ok());
        let Some(param) = number.and_then(|number| params.get(number.checked_sub(1)?)) else {
            return Err(StoreError::Statement("a placeholder is not $1…$n or has no parameter".into()));
        };
        fits(param)?;
        statement.raw_bind_parameter(index, Bound(*param)).map_err(fault)?;
        bound += 1;
    }
    if bound == params.len() { Ok(()) } else { Err(StoreError::Statement(format!("{bound} placeholders, {} parameters", params.len()))) }
}

/// PostgreSQL keeps no text with a zero in it; neither does this engine, so that a move is always possible.
fn fits(param: &Param<'_>) -> Result<()> {
    if matches!(param, Param::Text(text) if text.contains('\0')) { Err(StoreError::Character) } else { Ok(()) }
}

struct Bound<'a>(Param<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Param::Null => ValueRef::Null,
            Param::Int(value) => ValueRef::Integer(value),
            Param::Text(value) => ValueRef::Text(value.as_bytes()),
            Param::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

fn value(found: ValueRef<'_>) -> Result<Value> {
    match found {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(value) => Ok(Value::Int(value)),
        ValueRef::Text(text) => {
            std::str::from_utf8(text).map(|text| Value::Text(text.to_owned())).map_err(|_| StoreError::Shape("a text is not UTF-8".into()))
        }
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_owned())),
        ValueRef::Real(_) => Err(StoreError::Shape("a column holds a fraction; the store keeps whole numbers only".into())),
    }
}

/// Sorts SQLite's faults. Its constraint messages name tables and columns, not values.
pub(crate) fn fault(error: rusqlite::Error) -> StoreError {
    let rusqlite::Error::SqliteFailure(failure, message) = &error else {
        return StoreError::Statement(error.to_string());
    };
    let message = message.clone().unwrap_or_else(|| failure.to_string());
    match (failure.code, failure.extended_code) {
        (ErrorCode::ConstraintViolation, SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_ROWID) => {
            duplicate(&message)
        }
        (ErrorCode::ConstraintViolation, SQLITE_CONSTRAINT_FOREIGNKEY) => StoreError::ForeignKey { table: String::new() },
        (ErrorCode::ConstraintViolation, _) => {
            StoreError::Check { constraint: message.split_once(": ").map_or(message.as_str(), |(_, name)| name).to_owned() }
        }
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::Busy,
        (ErrorCode::DiskFull, _) => StoreError::Full,
        (ErrorCode::ReadOnly, _) => StoreError::ReadOnly,
        (ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::PermissionDenied, _) => {
            StoreError::Io(message)
        }
        (ErrorCode::CannotOpen, _) => StoreError::Unavailable(message),
        _ => StoreError::Statement(message),
    }
}

/// `UNIQUE constraint failed: outbox.topic, outbox.message_key` or `…: index 'name'`.
fn duplicate(message: &str) -> StoreError {
    let names = message.split_once(": ").map_or("", |(_, names)| names);
    let mut table = "";
    let mut columns = Vec::new();
    for name in names.split(", ") {
        match name.split_once('.') {
            Some((owner, column)) => {
                table = owner;
                columns.push(column);
            }
            None => columns.push(name.trim_start_matches("index ").trim_matches('\'')),
        }
    }
    StoreError::Duplicate { table: table.to_owned(), columns: columns.join(", ") }
}
