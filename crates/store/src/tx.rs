//! 事务: what a closure may do with the database, the same on both engines.

use crate::{
    Engine, Param, Row, Value,
    catalogue::{Table, quoted},
    error::{Result, StoreError},
    postgres, sqlite,
};

/// Behind the columns of a table: SQLite keeps its rows in the order of the primary key, in one tree instead of two. For narrow rows whose keys
/// grow as they are made.
const IN_KEY_ORDER: &str = " WITHOUT ROWID";

/// 事务: one transaction, handed to the closure of [`Store::write`](crate::Store::write) or [`Store::read`](crate::Store::read).
///
/// The first fault of a statement ends the transaction: every later call answers with the same fault, and a closure that swallows it
/// cannot commit. Both engines behave alike in this.
pub struct Tx<'c> {
    pub(crate) session: Session<'c>,
    pub(crate) fault: Option<StoreError>,
}

/// The connection behind a transaction.
pub(crate) enum Session<'c> {
    Sqlite(sqlite::Session<'c>),
    Postgres(postgres::Session<'c>),
}

impl<'c> Tx<'c> {
    pub(crate) fn new(session: Session<'c>) -> Self {
        Self { session, fault: None }
    }

    /// Which engine this runs on. Business SQL never needs to ask.
    pub fn engine(&self) -> Engine {
        match self.session {
            Session::Sqlite(_) => Engine::Sqlite,
            Session::Postgres(_) => Engine::Postgres,
        }
    }

    fn run<T>(&mut self, work: impl FnOnce(&mut Session<'c>) -> Result<T>) -> Result<T> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        work(&mut self.session).inspect_err(|fault| self.fault = Some(fault.clone()))
    }

    /// All rows of the answer.
    pub fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        self.run(|session| match session {
            Session::Sqlite(session) => session.query(sql, params),
            Session::Postgres(session) => session.query(sql, params),
        })
    }

    /// The only row, or none; more than one is a fault.
    pub fn query_opt(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>> {
        let mut rows = self.query(sql, params)?.into_iter();
        match (rows.next(), rows.next()) {
            (row, None) => Ok(row),
            _ => self.run(|_| Err(StoreError::Shape("wanted at most one row, found more".into()))),
        }
    }

    /// The only row; none or more than one is a fault.
    pub fn query_one(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Row> {
        match self.query_opt(sql, params)? {
            Some(row) => Ok(row),
            None => self.run(|_| Err(StoreError::Shape("wanted one row, found none".into()))),
        }
    }

    /// Runs a statement; the number of rows it touched.
    pub fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        self.run(|session| match session {
            Session::Sqlite(session) => session.execute(sql, params),
            Session::Postgres(session) => session.execute(sql, params),
        })
    }

    /// Runs a statement whose answer is not needed. PostgreSQL sends it without waiting: its faults come to light at the next
    /// statement that waits or at the commit, and then fail the whole transaction.
    pub fn push(&mut self, sql: &str, params: &[Param<'_>]) -> Result<()> {
        self.run(|session| match session {
            Session::Sqlite(session) => session.execute(sql, params).map(drop),
            Session::Postgres(session) => session.push(sql, params),
        })
    }

    /// Runs an INSERT, UPDATE or DELETE (without RETURNING) that must touch exactly one row; anything else is
    /// [`StoreError::Contended`] and nothing of the transaction stays. The way to write a state guard.
    pub fn push_one(&mut self, sql: &str, params: &[Param<'_>]) -> Result<()> {
        self.run(|session| match session {
            Session::Sqlite(session) => match session.execute(sql, params)? {
                1 => Ok(()),
                _ => Err(StoreError::Contended),
            },
            Session::Postgres(session) => session.push_one(sql, params),
        })
    }

    /// Begins a question about many keys of sixteen bytes: a table `wanted (k)` of them. `$1` holds the keys one behind the other, `$2` says
    /// how many there are.
    pub const fn wanted(&self) -> &'static str {
        match self.session {
            Session::Sqlite(_) => {
                "WITH RECURSIVE place (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM place WHERE i + 1 < $2), \
                 wanted (k) AS (SELECT substr($1, i * 16 + 1, 16) FROM place)"
            }
            Session::Postgres(_) => "WITH wanted (k) AS (SELECT substr($1, i::int * 16 + 1, 16) FROM generate_series(0, $2 - 1) AS i)",
        }
    }

    /// Runs several statements without parameters, separated by `;`. For schema changes. A table declared `WITHOUT ROWID` is kept in the
    /// order of its primary key where an engine can do so; PostgreSQL keeps every table as a heap.
    pub fn batch(&mut self, sql: &str) -> Result<()> {
        self.run(|session| match session {
            Session::Sqlite(session) => session.batch(sql),
            Session::Postgres(session) => session.batch(&sql.replace(IN_KEY_ORDER, "")),
        })
    }

    /// Hands every row of the answer to `take` as it comes, without keeping them. For exports; `take` must not use the transaction.
    pub fn each(&mut self, sql: &str, params: &[Param<'_>], mut take: impl FnMut(Row) -> Result<()>) -> Result<()> {
        self.run(|session| match session {
            Session::Sqlite(session) => session.each(sql, params, &mut take),
            Session::Postgres(session) => session.each(sql, params, &mut take),
        })
    }

    /// Writes many rows of one table at once, the fast way in: one prepared statement on SQLite, COPY on PostgreSQL. `columns` is a list as
    /// SQL has it, and the rows are taken one by one, never all held. A row that a constraint forbids fails the transaction.
    pub fn bulk<'p, const WIDTH: usize>(
        &mut self,
        table: &str,
        columns: &str,
        rows: impl IntoIterator<Item = [Param<'p>; WIDTH]>,
    ) -> Result<()> {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let named = columns.split(',').count();
        if named != WIDTH {
            return self.run(|_| Err(StoreError::Statement(format!("rows of {WIDTH} values for {named} columns"))));
        }
        self.run(|session| match session {
            Session::Sqlite(session) => {
                let places: Vec<String> = (1..=WIDTH).map(|number| format!("${number}")).collect();
                session.bulk(&format!("INSERT INTO {table} ({columns}) VALUES ({})", places.join(", ")), rows)
            }
            Session::Postgres(session) => session.bulk(table, columns, rows),
        })
    }

    /// Writes rows into a table until `next` has no more; columns in the order of their names.
    pub(crate) fn load(&mut self, table: &Table, mut next: impl FnMut() -> Result<Option<Vec<Row>>>) -> Result<()> {
        self.run(|session| match session {
            Session::Sqlite(session) => {
                let places: Vec<String> = (1..=table.columns.len()).map(|number| format!("${number}")).collect();
                let sql = format!("INSERT INTO {} ({}) VALUES ({})", quoted(&table.name), table.column_list(), places.join(", "));
                while let Some(rows) = next()? {
                    for row in rows {
                        let params: Vec<Param<'_>> = row.values().iter().map(Value::as_param).collect();
                        session.execute(&sql, &params)?;
                    }
                }
                Ok(())
            }
            Session::Postgres(session) => session.load(table, &mut next),
        })
    }
}
