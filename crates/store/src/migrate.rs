//! 迁移: the schema grows by numbered steps, one transaction each, and every start checks that the past has not been rewritten.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};

use crate::{
    Engine, Store, Tx,
    error::{Result, SchemaError, StoreError},
    lease, outbox, params,
};

/// 迁移: one step of one module's schema. An applied one never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The module that owns the tables.
    pub module: &'static str,
    /// 1, 2, 3 … within the module.
    pub version: i64,
    /// Statements separated by `;`, in the SQL both engines share.
    pub sql: &'static str,
}

/// The store's own tables.
pub(crate) const OWN: &[Migration] =
    &[Migration { module: "store", version: 1, sql: outbox::SCHEMA }, Migration { module: "store", version: 2, sql: lease::SCHEMA }];

/// The text stands beside its checksum so that a copy or a backup can build the schema without the program that wrote it.
pub(crate) const LEDGER: &str = "CREATE TABLE IF NOT EXISTS store_migration (
    position BIGINT NOT NULL UNIQUE,
    module TEXT NOT NULL,
    version BIGINT NOT NULL,
    checksum BYTEA NOT NULL,
    statements TEXT NOT NULL,
    PRIMARY KEY (module, version)
)";

impl Store {
    /// Applies what is missing, the store's own tables first, then in the order given. Safe to call from several starting processes.
    ///
    /// `migrations` is the program's whole list: an applied migration that is not in it means a newer program wrote this database, which
    /// is refused, as is a changed text.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<()> {
        let pending = self.pending_migrations(migrations).await?;
        if pending.is_empty() {
            return Ok(());
        }
        self.write(|tx| {
            if tx.engine() == Engine::Postgres {
                // Two starters at once: "if not exists" does not see a table that is just being made.
                tx.batch("SELECT pg_advisory_xact_lock(6283185307179586)")?;
            }
            tx.batch(LEDGER)
        })
        .await?;
        for migration in pending {
            self.write(move |tx| apply(tx, &migration)).await?;
            tracing::info!(module = migration.module, version = migration.version, "migration applied");
        }
        Ok(())
    }

    /// What [`Store::migrate`] would apply, in order; changes nothing. The same refusals.
    pub async fn pending_migrations(&self, migrations: &[Migration]) -> Result<Vec<Migration>> {
        let applied = self.read(applied).await?;
        let all: Vec<Migration> = OWN.iter().chain(migrations).copied().collect();
        let known: BTreeMap<(&str, i64), Migration> = all.iter().map(|m| ((m.module, m.version), *m)).collect();
        for ((module, version), checksum) in &applied {
            let name = (module.clone(), *version);
            match known.get(&(module.as_str(), *version)) {
                None => return Err(StoreError::Schema(SchemaError::Newer { module: name.0, version: name.1 })),
                Some(migration) if checksum != sum(migration.sql).as_slice() => {
                    return Err(StoreError::Schema(SchemaError::Changed { module: name.0, version: name.1 }));
                }
                Some(_) => {}
            }
        }
        let pending: Vec<Migration> = all.into_iter().filter(|m| !applied.contains_key(&(m.module.to_owned(), m.version))).collect();
        for migration in &pending {
            if applied.keys().any(|(module, version)| module == migration.module && *version > migration.version) {
                return Err(StoreError::Schema(SchemaError::OutOfOrder { module: migration.module.into(), version: migration.version }));
            }
        }
        Ok(pending)
    }
}

fn sum(sql: &str) -> Vec<u8> {
    digest(&SHA256, sql.as_bytes()).as_ref().to_owned()
}

/// Module and version of every applied migration, with its checksum.
fn applied(tx: &mut Tx<'_>) -> Result<BTreeMap<(String, i64), Vec<u8>>> {
    if !has_table(tx, "store_migration")? {
        return Ok(BTreeMap::new());
    }
    tx.query("SELECT module, version, checksum FROM store_migration", &[])?
        .iter()
        .map(|row| Ok(((row.text(0)?, row.int(1)?), row.bytes(2)?)))
        .collect()
}

/// Applies one migration unless another starter was faster.
fn apply(tx: &mut Tx<'_>, migration: &Migration) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        // Before the first query, so that the snapshot is taken after the lock: concurrent starters queue here.
        tx.batch("LOCK TABLE store_migration IN ACCESS EXCLUSIVE MODE")?;
    }
    let known = "SELECT checksum FROM store_migration WHERE module = $1 AND version = $2";
    if let Some(row) = tx.query_opt(known, &params![migration.module, migration.version])? {
        if row.slice(0)? == sum(migration.sql).as_slice() {
            return Ok(());
        }
        return Err(StoreError::Schema(SchemaError::Changed { module: migration.module.into(), version: migration.version }));
    }
    tx.batch(migration.sql)?;
    tx.execute(
        "INSERT INTO store_migration (position, module, version, checksum, statements)
         SELECT COALESCE(MAX(position), 0) + 1, $1, $2, $3, $4 FROM store_migration",
        &params![migration.module, migration.version, &sum(migration.sql), migration.sql],
    )
    .map(drop)
}

/// Is there a table of this name?
pub(crate) fn has_table(tx: &mut Tx<'_>, name: &str) -> Result<bool> {
    let sql = match tx.engine() {
        Engine::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
        Engine::Postgres => "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = $1",
    };
    Ok(tx.query_one(sql, &params![name])?.int(0)? > 0)
}
