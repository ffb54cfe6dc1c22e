//! 校验: re-checks a whole database: its structure, the store's own tables, and whatever the modules say must hold.

use rusqlite::Connection;

use crate::{
    Engine, Migration, Store, Tx,
    catalogue::{self, Kind, Table, quoted},
    error::{Result, StoreError},
    migrate, sqlite, tx,
};

/// 校验项: a statement that must count nothing.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Stable name: `quota.within_limit`.
    pub name: &'static str,
    /// Answers one number: how many rows offend. In the SQL both engines share.
    pub sql: &'static str,
}

/// 校验结果
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Name of the check.
    pub check: String,
    /// Rows that offend; 0 is well.
    pub offending: i64,
}

/// What must hold of the store's own rows.
const OWN: &[Check] = &[
    Check {
        name: "outbox.settled",
        sql: "SELECT COUNT(*) FROM outbox WHERE (state = 'waiting' AND settled_at IS NOT NULL)
              OR (state <> 'waiting' AND (settled_at IS NULL OR worker IS NOT NULL)) OR (state = 'dead' AND error IS NULL)",
    },
    Check { name: "outbox.attempts", sql: "SELECT COUNT(*) FROM outbox WHERE attempts < 0 OR (state = 'dead' AND attempts = 0)" },
    Check { name: "outbox.keys", sql: "SELECT COUNT(*) FROM (SELECT 1 FROM outbox GROUP BY topic, message_key HAVING COUNT(*) > 1) twice" },
];

impl Store {
    /// Re-checks the database on one snapshot: files and pages, foreign keys, tables and columns as the migrations make them, values of
    /// the type their column has, the outbox, then `checks`. Every check is listed, the good ones too.
    pub async fn verify(&self, migrations: &[Migration], checks: &[Check]) -> Result<Vec<Finding>> {
        let pending = self.pending_migrations(migrations).await?;
        let expected = expected(migrations)?;
        let checks: Vec<Check> = OWN.iter().chain(checks).copied().collect();
        self.read(move |tx| {
            let mut findings = vec![Finding { check: "schema.migrations".into(), offending: pending.len() as i64 }];
            findings.extend(structure(tx)?);
            let present = catalogue::tables(tx)?;
            findings.extend(expected.iter().map(|table| shape(table, &present)));
            for table in &present {
                findings.push(types(tx, table)?);
            }
            for check in &checks {
                findings.push(Finding { check: check.name.into(), offending: tx.query_one(check.sql, &[])?.int(0)? });
            }
            Ok::<_, StoreError>(findings)
        })
        .await
    }
}

/// The schema that all migrations make, built in memory.
fn expected(migrations: &[Migration]) -> Result<Vec<Table>> {
    let connection = Connection::open_in_memory().map_err(sqlite::fault)?;
    connection.execute_batch(migrate::LEDGER).map_err(sqlite::fault)?;
    for migration in migrate::OWN.iter().chain(migrations) {
        connection.execute_batch(migration.sql).map_err(sqlite::fault)?;
    }
    catalogue::tables(&mut Tx::new(tx::Session::Sqlite(sqlite::Session { connection: &connection })))
}

/// A table that is missing, or has other columns than the migrations gave it, offends once.
fn shape(table: &Table, present: &[Table]) -> Finding {
    Finding { check: format!("schema.{}", table.name), offending: i64::from(!present.contains(table)) }
}

fn structure(tx: &mut Tx<'_>) -> Result<Vec<Finding>> {
    let (pages, references) = match tx.engine() {
        Engine::Sqlite => {
            let pages = tx.query("PRAGMA integrity_check", &[])?.iter().map(|row| row.text(0)).collect::<Result<Vec<_>>>()?;
            (pages.iter().filter(|line| *line != "ok").count() as i64, tx.query("PRAGMA foreign_key_check", &[])?.len() as i64)
        }
        Engine::Postgres => {
            // The server holds foreign keys at all times, except those declared without looking at the rows.
            let unchecked = "SELECT COUNT(*) FROM pg_catalog.pg_constraint WHERE NOT convalidated";
            let broken = "SELECT COUNT(*) FROM pg_catalog.pg_index WHERE NOT indisvalid";
            (tx.query_one(broken, &[])?.int(0)?, tx.query_one(unchecked, &[])?.int(0)?)
        }
    };
    Ok(vec![
        Finding { check: "structure.pages".into(), offending: pages },
        Finding { check: "structure.references".into(), offending: references },
    ])
}

/// SQLite lets a column hold a value of another type; the store does not.
fn types(tx: &mut Tx<'_>, table: &Table) -> Result<Finding> {
    let check = format!("types.{}", table.name);
    if tx.engine() == Engine::Postgres {
        return Ok(Finding { check, offending: 0 });
    }
    let wrong = |(name, kind): (&String, &Kind)| {
        let kind = match kind {
            Kind::Int => "integer",
            Kind::Text => "text",
            Kind::Bytes => "blob",
        };
        format!("typeof({}) NOT IN ('{kind}', 'null')", quoted(name))
    };
    let wrong: Vec<String> = table.columns.iter().map(wrong).collect();
    let offending = tx.query_one(&format!("SELECT COUNT(*) FROM {} WHERE {}", quoted(&table.name), wrong.join(" OR ")), &[])?.int(0)?;
    Ok(Finding { check, offending })
}
