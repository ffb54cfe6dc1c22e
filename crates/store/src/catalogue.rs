//! 库表目录: which tables and columns a database really has, and what their rows add up to.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};

use crate::{
    Engine, Row, Tx, Value,
    error::{Result, StoreError},
    params,
};

/// The three column types of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// In the order of their names, which is the same on both engines whatever way the table grew.
    pub(crate) columns: BTreeMap<String, Kind>,
}

impl Table {
    /// `"a", "b"`
    pub(crate) fn column_list(&self) -> String {
        self.columns.keys().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
    }

    /// Every row, columns in the order of their names.
    pub(crate) fn select(&self) -> String {
        format!("SELECT {} FROM {}", self.column_list(), quoted(&self.name))
    }

    pub(crate) fn count(&self, tx: &mut Tx<'_>) -> Result<i64> {
        tx.query_one(&format!("SELECT COUNT(*) FROM {}", quoted(&self.name)), &[])?.int(0)
    }
}

pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// All tables, each behind those it refers to.
pub(crate) fn tables(tx: &mut Tx<'_>) -> Result<Vec<Table>> {
    let (names, columns, references) = match tx.engine() {
        Engine::Sqlite => (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
            "SELECT name, type FROM pragma_table_info($1)",
            "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list($1)",
        ),
        Engine::Postgres => (
            "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = current_schema() ORDER BY tablename",
            "SELECT a.attname::text, format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = current_schema() AND c.relname::text = $1 AND a.attnum > 0 AND NOT a.attisdropped",
            "SELECT DISTINCT p.relname::text FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
             JOIN pg_catalog.pg_class p ON p.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE k.contype = 'f' AND n.nspname = current_schema() AND c.relname::text = $1",
        ),
    };
    let mut waiting = Vec::new();
    for row in tx.query(names, &[])? {
        let name = row.text(0)?;
        let columns =
            tx.query(columns, &params![&name])?.iter().map(|row| Ok((row.text(0)?, kind(&name, row.str(1)?)?))).collect::<Result<_>>()?;
        let mut owners = tx.query(references, &params![&name])?.iter().map(|row| row.text(0)).collect::<Result<Vec<_>>>()?;
        owners.retain(|owner| *owner != name);
        waiting.push((Table { name, columns }, owners));
    }
    in_order(waiting)
}

fn in_order(mut waiting: Vec<(Table, Vec<String>)>) -> Result<Vec<Table>> {
    let mut placed: Vec<Table> = Vec::new();
    while !waiting.is_empty() {
        let (ready, blocked): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, owners)| owners.iter().all(|owner| placed.iter().any(|table| table.name == *owner)));
        if ready.is_empty() {
            let names: Vec<_> = blocked.into_iter().map(|(table, _)| table.name).collect();
            return Err(StoreError::Copy(format!("the tables {} refer to each other in a circle", names.join(", "))));
        }
        placed.extend(ready.into_iter().map(|(table, _)| table));
        waiting = blocked;
    }
    Ok(placed)
}

fn kind(table: &str, name: &str) -> Result<Kind> {
    match name.to_ascii_uppercase().as_str() {
        "BIGINT" => Ok(Kind::Int),
        "TEXT" => Ok(Kind::Text),
        "BYTEA" => Ok(Kind::Bytes),
        other => Err(StoreError::Copy(format!("the table {table} has a column of type {other}; the store keeps BIGINT, TEXT and BYTEA"))),
    }
}

/// 表摘要: what a table holds, in a form that compares across engines.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TableSum {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Sum of the SHA-256 of every row, hexadecimal: the same whatever order the rows come in.
    pub digest: String,
}

/// Adds rows up. Four words of 64 bits, each added without carry: made to find loss and damage; against forgery stands the hash of the
/// whole backup file.
#[derive(Default)]
pub(crate) struct Summing {
    rows: u64,
    words: [u64; 4],
}

impl Summing {
    pub(crate) fn add(&mut self, row: &Row) {
        let mut bytes = Vec::with_capacity(256);
        for value in row.values() {
            let (tag, content): (u8, &[u8]) = match value {
                Value::Null => (0, &[]),
                Value::Int(number) => {
                    bytes.push(1);
                    bytes.extend_from_slice(&number.to_be_bytes());
                    continue;
                }
                Value::Text(text) => (2, text.as_bytes()),
                Value::Bytes(content) => (3, content),
            };
            bytes.push(tag);
            bytes.extend_from_slice(&(content.len() as u64).to_be_bytes());
            bytes.extend_from_slice(content);
        }
        let hash = digest(&SHA256, &bytes);
        for (word, part) in self.words.iter_mut().zip(hash.as_ref().chunks_exact(8)) {
            *word = word.wrapping_add(part.try_into().map_or(0, u64::from_be_bytes));
        }
        self.rows += 1;
    }

    pub(crate) fn finish(self, table: &str) -> TableSum {
        let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_be_bytes()).collect();
        TableSum { table: table.to_owned(), rows: self.rows, digest: hex::encode(bytes) }
    }
}

/// Reads a whole table and adds it up.
pub(crate) fn sum(tx: &mut Tx<'_>, table: &Table) -> Result<TableSum> {
    let mut summing = Summing::default();
    tx.each(&table.select(), &[], |row| {
        summing.add(&row);
        Ok(())
    })?;
    Ok(summing.finish(&table.name))
}

/// Adds up every table.
pub(crate) fn sums(tx: &mut Tx<'_>) -> Result<Vec<TableSum>> {
    tables(tx)?.iter().map(|table| sum(tx, table)).collect()
}
