//! 到期销毁: the data of ended services, destroyed with the key of their month. Whatever holds a copy, a replica or a backup holds noise from then
//! on. Two named people approve; a certificate says what was destroyed and can be checked with the public key alone.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuangsha_kernel::{
    codes,
    id::{StaffId, SubjectId},
    problem::Problem,
    role::Role,
    time::Timestamp,
};
use chuangsha_store::{Row, Tx, params};
use chuangsha_vault::{
    Destruction, Domain, Field, Month, VaultError,
    agent::Statement,
    merkle::{Frontier, Hash, commit},
    note::VerifierKey,
    proof::LogProof,
};
use uuid::Uuid;

use super::domain_of;
use crate::{
    App,
    platform::{
        audit::{By, Entry, export, http::prove},
        failure::{Failure, Result},
        people::staff,
    },
    registration::ending,
};

/// Data keys a destruction tries to open again.
const ATTEMPTS: usize = 32;

codes! {
    NOT_YET = "vault.bucket_not_due", 409,
        "{bucket} 的资料须保存到 {until}，此前不能销毁", "the data of {bucket} must be kept until {until} and cannot be destroyed before",
        "到期后再执行", "do it after that day";
    EMPTY = "vault.bucket_empty", 404,
        "没有 {bucket} 的销毁桶", "there is no destruction bucket {bucket}",
        "用 chuangsha vault status 查看现有的桶", "chuangsha vault status shows the buckets there are";
    APPROVERS = "vault.two_approvers", 403,
        "销毁须由两名不同的在职人员批准，岗位为个人信息保护负责人或内部审计员：{what}",
        "a destruction is approved by two different members of staff who are privacy officer or internal auditor: {what}",
        "用 --approver 给出两个工号", "name two staff numbers with --approver";
    DONE = "vault.bucket_destroyed", 409,
        "{bucket} 的桶已于 {at} 销毁", "bucket {bucket} was destroyed at {at}",
        "证书见当时写出的文件", "see the certificate written then";
    UNPROVEN = "vault.destruction_unproven", 500,
        "销毁后仍有 {opened} 把密钥可以打开", "{opened} keys still open after the destruction",
        "立即停止服务并按事件流程上报", "stop the server and report an incident";
    CERTIFICATE = "vault.certificate_bad", 422,
        "销毁证书不成立：{what}", "the destruction certificate does not hold: {what}",
        "向出具方索取原件，并核对公钥", "ask the issuer for the original and compare the public key";
}

/// What a bucket holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Contents {
    /// Month.
    pub bucket: Month,
    /// People whose service ended.
    pub subjects: u64,
    /// Data keys.
    pub keys: u64,
    /// Sealed pictures.
    pub images: u64,
    /// From when on it may be destroyed, milliseconds UTC.
    pub due: Timestamp,
    /// Destroyed already.
    pub destroyed_at: Option<Timestamp>,
}

/// 销毁证书. Everything in it can be checked with the public key of the installation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Certificate {
    /// `chuangsha destruction certificate v1`
    pub format: String,
    /// Month.
    pub bucket: Month,
    /// The rule that says so.
    pub article: String,
    /// The agent's signed statement: bucket, count, root, time, generation.
    pub statement: String,
    /// Salted commitments to the subjects, base64, in order: the leaves of the root in the statement.
    pub commitments: Vec<String>,
    /// Pictures removed.
    pub images: u64,
    /// 工号 of those who approved.
    pub approvers: [String; 2],
    /// Data keys tried after the destruction.
    pub tried: u64,
    /// How many of them opened: 0.
    pub opened: u64,
    /// The entry of the audit log about it.
    pub entry: String,
    /// That the entry stands in the log: a C2SP tlog-proof.
    pub proof: String,
}

/// First field of a certificate.
const FORMAT: &str = "chuangsha destruction certificate v1";

impl Certificate {
    /// Checks signature, root, counts and the position in the audit log.
    ///
    /// # Errors
    /// `vault.certificate_bad`
    pub fn verify(&self, known: &[VerifierKey]) -> Result<Statement, Problem> {
        let bad = |what: &dyn std::fmt::Display| Problem::new(&CERTIFICATE).with("what", what);
        if self.format != FORMAT {
            return Err(bad(&"format"));
        }
        let statement = Statement::verify(&self.statement, known).map_err(|error| bad(&error))?;
        let leaves = self.commitments.iter().map(|text| STANDARD.decode(text).ok().and_then(|bytes| Hash::try_from(bytes).ok()));
        let leaves = leaves.collect::<Option<Vec<Hash>>>().ok_or_else(|| bad(&"commitments"))?;
        if statement.bucket != self.bucket || root(&leaves) != statement.subjects {
            return Err(bad(&"the commitments do not give the signed root"));
        }
        if self.opened != 0 || self.approvers[0] == self.approvers[1] {
            return Err(bad(&"approvers or attempts"));
        }
        let proof = LogProof::parse(&self.proof).map_err(|error| bad(&error))?;
        proof.verify(self.entry.as_bytes(), known).map_err(|error| bad(&error))?;
        if !self.entry.contains("\"vault.destroy\"") {
            return Err(bad(&"the entry is about something else"));
        }
        Ok(statement)
    }
}

fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::new();
    leaves.iter().for_each(|leaf| {
        tree.append(leaf);
    });
    tree.root()
}

/// The first moment after a month, China time.
fn end_of(month: Month) -> Result<Timestamp> {
    let first: jiff::civil::Date = format!("{month}-01").parse().map_err(Failure::internal)?;
    let next = first.last_of_month().tomorrow().map_err(Failure::internal)?;
    Ok(Timestamp::start_of(next))
}

/// Whose keys lie in a bucket, each with the salt of their commitment.
type Chosen = Vec<(SubjectId, [u8; 32])>;

struct Begun {
    at: Timestamp,
    keys: u64,
    images: u64,
    root: Hash,
    approvers: [StaffId; 2],
    done: Option<Done>,
}

struct Done {
    at: Timestamp,
    statement: String,
    entry: Uuid,
    tried: u64,
}

fn begun(tx: &mut Tx, bucket: &str) -> Result<Option<Begun>> {
    let sql = "SELECT begun_at, keys, images, root, approver_one, approver_two, ended_at, statement, entry, tried FROM key_destruction WHERE bucket = $1";
    let read = |row: Row| {
        let done = match (row.opt_int(6)?, row.opt_text(7)?, row.opt_uuid(8)?) {
            (Some(at), Some(statement), Some(entry)) => {
                Some(Done { at: Timestamp(at), statement, entry, tried: row.int(9)?.max(0).unsigned_abs() })
            }
            _ => None,
        };
        Ok(Begun {
            at: Timestamp(row.int(0)?),
            keys: row.int(1)?.max(0).unsigned_abs(),
            images: row.int(2)?.max(0).unsigned_abs(),
            root: Hash::try_from(row.bytes(3)?).map_err(|_| Failure::internal("key_destruction.root is not 32 bytes"))?,
            approvers: [StaffId(row.uuid(4)?), StaffId(row.uuid(5)?)],
            done,
        })
    };
    tx.query_opt(sql, &params![bucket])?.map(read).transpose()
}

/// Subjects and salts of a destruction that was begun, in order.
fn chosen(tx: &mut Tx, bucket: &str) -> Result<Chosen> {
    tx.query("SELECT subject, salt FROM key_destruction_subject WHERE bucket = $1 ORDER BY position", &params![bucket])?
        .iter()
        .map(|row| Ok((SubjectId(row.uuid(0)?), row.bytes(1)?.try_into().map_err(|_| Failure::internal("a salt is not 32 bytes"))?)))
        .collect()
}

fn commitments(chosen: &[(SubjectId, [u8; 32])]) -> Vec<Hash> {
    chosen.iter().map(|(subject, salt)| commit(salt, subject.as_bytes())).collect()
}

impl App {
    /// What a bucket holds and when it is due. Changes nothing.
    ///
    /// # Errors
    /// `vault.bucket_empty`
    pub async fn bucket_contents(&self, month: Month) -> Result<Contents> {
        let due = end_of(month)?;
        self.read(move |tx| {
            let bucket = month.to_string();
            let row = tx.query_one("SELECT COUNT(DISTINCT subject), COUNT(*) FROM data_key WHERE bucket = $1", &params![&bucket])?;
            let images = tx.query_one(
                "SELECT COUNT(*) FROM registration_image WHERE subject IN (SELECT subject FROM data_key WHERE bucket = $1)",
                &params![&bucket],
            )?;
            let destroyed_at = begun(tx, &bucket)?.and_then(|begun| begun.done).map(|done| done.at);
            if row.int(1)? == 0 && destroyed_at.is_none() {
                return Err(Problem::new(&EMPTY).field("MONTH").with("bucket", month).into());
            }
            let count = |value: i64| value.max(0).unsigned_abs();
            Ok(Contents {
                bucket: month,
                subjects: count(row.int(0)?),
                keys: count(row.int(1)?),
                images: count(images.int(0)?),
                due,
                destroyed_at,
            })
        })
        .await
    }

    /// Two different people who may approve; their ids.
    fn approvers(&self, tx: &mut Tx, numbers: &[String; 2]) -> Result<[StaffId; 2]> {
        let mut found = Vec::new();
        for text in numbers {
            let refuse = |what: &str| Failure::from(Problem::new(&APPROVERS).field("--approver").with("what", format!("{text} {what}")));
            let number = staff::number(text)?;
            let login = self.vault.blind(Field::StaffLogin, &number)?;
            let account = staff::account(tx, login.as_bytes())?.ok_or_else(|| refuse("?"))?;
            if !account.roles.iter().any(|role| matches!(role, Role::PrivacyOfficer | Role::InternalAuditor)) {
                return Err(refuse("≠ privacy_officer, internal_auditor"));
            }
            found.push(account.id);
        }
        match <[StaffId; 2]>::try_from(found) {
            Ok(pair) if pair[0] != pair[1] => Ok(pair),
            _ => Err(Problem::new(&APPROVERS).field("--approver").with("what", numbers.join(" = ")).into()),
        }
    }

    /// Destroys a bucket. A call after a crash goes on where the last one stopped; the same approvers need not be at hand twice, those of the
    /// beginning stand. `each` is told how many of how many pictures are gone.
    ///
    /// # Errors
    /// `vault.bucket_not_due`, `vault.bucket_empty`, `vault.two_approvers`, `vault.bucket_destroyed`; `vault.destruction_unproven` when a key
    /// still opens afterwards.
    pub async fn destroy_bucket(&self, month: Month, approvers: [String; 2], mut each: impl FnMut(u64, u64)) -> Result<Certificate> {
        let now = self.clock.now();
        let due = end_of(month)?;
        if now < due {
            return Err(Problem::new(&NOT_YET).field("MONTH").with("bucket", month).with("until", due.day()).into());
        }
        let app = self.clone();
        let (chosen, begun) = self.write(move |tx| app.begin_destruction(tx, month, &approvers, now)).await?;
        // Pictures first: they are the heaviest, and removing them twice is no harm.
        let images = self.images_of(&chosen).await?;
        for (gone, id) in (1..).zip(&images) {
            self.objects.delete(*id).await.map_err(Failure::internal)?;
            each(gone, images.len() as u64);
        }
        let samples = self.samples(month).await?;
        let order = Destruction { bucket: month, keys: begun.keys, subjects: begun.root, at: begun.at };
        let statement = self.vault.destroy_bucket(&order, &self.config.origin())?;
        let opened = samples
            .iter()
            .filter(|(subject, domain, wrapped)| !matches!(self.vault.open_key(*subject, *domain, wrapped), Err(VaultError::Destroyed(_))))
            .count();
        if opened > 0 {
            return Err(Problem::new(&UNPROVEN).with("opened", opened).into());
        }
        let (tried, app) = (samples.len() as u64, self.clone());
        let rule = self.rules.article("retention.registration.ceiling", now.day()).map_err(Failure::internal)?;
        self.write(move |tx| {
            for (subject, _) in &chosen {
                ending::forget(&app, tx, *subject, now)?;
            }
            let facts = serde_json::json!({
                "bucket": month, "subjects": chosen.len(), "keys": begun.keys, "images": begun.images, "root": hex::encode(begun.root),
                "approvers": begun.approvers, "tried": tried, "opened": 0,
            })
            .to_string();
            let entry = app.audit(tx, By::System("vault"), &destruction_entry("done", &rule.article, &rule.pack_version, &facts), now)?;
            tx.push_one(
                "UPDATE key_destruction SET ended_at = $2, statement = $3, entry = $4, tried = $5 WHERE bucket = $1 AND ended_at IS NULL",
                &params![&month.to_string(), now.0, &statement, &entry, i64::try_from(tried).map_err(Failure::internal)?],
            )?;
            Ok(())
        })
        .await?;
        self.destruction_certificate(month).await
    }

    /// The certificate of a finished destruction, as often as it is asked for.
    ///
    /// # Errors
    /// `vault.bucket_empty`: nothing of the month was destroyed. `http.not_found`: the log's checkpoint does not cover the destruction yet.
    pub async fn destruction_certificate(&self, month: Month) -> Result<Certificate> {
        export::settle(self, "vault").await?;
        let app = self.clone();
        let (begun, chosen, approvers) = self
            .read(move |tx| {
                let bucket = month.to_string();
                let found = begun(tx, &bucket)?.filter(|begun| begun.done.is_some());
                let found = found.ok_or_else(|| Problem::new(&EMPTY).field("MONTH").with("bucket", month))?;
                let [one, two] = found.approvers;
                let approvers = [app.staff_number(tx, one)?, app.staff_number(tx, two)?];
                Ok::<_, Failure>((found, chosen(tx, &bucket)?, approvers))
            })
            .await?;
        let done = begun.done.ok_or_else(|| Failure::internal("a destruction without its end"))?;
        let proven = prove(self, done.entry).await?;
        let rule = self.rules.article("retention.registration.ceiling", done.at.day()).map_err(Failure::internal)?;
        Ok(Certificate {
            format: FORMAT.to_owned(),
            bucket: month,
            article: rule.article,
            statement: done.statement,
            commitments: commitments(&chosen).iter().map(|leaf| STANDARD.encode(leaf)).collect(),
            images: begun.images,
            approvers,
            tried: done.tried,
            opened: 0,
            entry: proven.entry,
            proof: proven.proof,
        })
    }

    fn begin_destruction(&self, tx: &mut Tx, month: Month, approvers: &[String; 2], now: Timestamp) -> Result<(Chosen, Begun)> {
        let bucket = month.to_string();
        let approvers = self.approvers(tx, approvers)?;
        if let Some(known) = begun(tx, &bucket)? {
            if let Some(done) = known.done {
                return Err(Problem::new(&DONE).field("MONTH").with("bucket", month).with("at", done.at.display()).into());
            }
            return Ok((chosen(tx, &bucket)?, known));
        }
        let rows = tx.query("SELECT subject FROM data_key WHERE bucket = $1 ORDER BY subject, domain", &params![&bucket])?;
        let subjects = rows.iter().map(|row| Ok(row.uuid(0)?)).collect::<Result<BTreeSet<Uuid>>>()?;
        if subjects.is_empty() {
            return Err(Problem::new(&EMPTY).field("MONTH").with("bucket", month).into());
        }
        let mut chosen = Vec::with_capacity(subjects.len());
        for (position, subject) in (0_i64..).zip(subjects) {
            let mut salt = [0_u8; 32];
            self.ids.fill(&mut salt);
            tx.push(
                "INSERT INTO key_destruction_subject (bucket, position, subject, salt) VALUES ($1, $2, $3, $4)",
                &params![&bucket, position, &subject, salt.as_slice()],
            )?;
            chosen.push((SubjectId(subject), salt));
        }
        let images = "SELECT COUNT(*) FROM registration_image WHERE subject IN (SELECT subject FROM data_key WHERE bucket = $1)";
        let images = tx.query_one(images, &params![&bucket])?.int(0)?;
        let root = root(&commitments(&chosen));
        let keys = rows.len() as u64;
        tx.push(
            "INSERT INTO key_destruction (bucket, begun_at, keys, images, root, approver_one, approver_two) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &params![&bucket, now.0, rows.len() as i64, images, root.as_slice(), approvers[0].as_bytes(), approvers[1].as_bytes()],
        )?;
        // Said in the log before anything is gone: a destruction nobody wrote down does not happen.
        let facts = serde_json::json!({
            "bucket": month, "subjects": chosen.len(), "keys": keys, "images": images, "root": hex::encode(root),
            "approvers": approvers,
        })
        .to_string();
        let rule = self.rules.article("retention.registration.ceiling", now.day()).map_err(Failure::internal)?;
        self.audit(tx, By::System("vault"), &destruction_entry("begun", &rule.article, &rule.pack_version, &facts), now)?;
        Ok((chosen, Begun { at: now, keys, images: images.max(0).unsigned_abs(), root, approvers, done: None }))
    }

    async fn images_of(&self, chosen: &[(SubjectId, [u8; 32])]) -> Result<Vec<Uuid>> {
        let subjects: Vec<SubjectId> = chosen.iter().map(|(subject, _)| *subject).collect();
        self.read(move |tx| {
            let mut images = Vec::new();
            for subject in &subjects {
                images.extend(ending::images_of(tx, *subject)?);
            }
            Ok(images)
        })
        .await
    }

    /// Some data keys of the bucket, drawn at random.
    async fn samples(&self, month: Month) -> Result<Vec<(Uuid, Domain, Vec<u8>)>> {
        let mut random = [0_u8; ATTEMPTS * 16];
        self.ids.fill(&mut random);
        self.read(move |tx| {
            let mut samples = Vec::new();
            let bucket = month.to_string();
            for start in random.chunks(16) {
                let sql =
                    "SELECT subject, domain, wrapped FROM data_key WHERE bucket = $1 AND subject >= $2 ORDER BY subject, domain LIMIT 1";
                let first = "SELECT subject, domain, wrapped FROM data_key WHERE bucket = $1 ORDER BY subject, domain LIMIT 1";
                let row = match tx.query_opt(sql, &params![&bucket, start])? {
                    Some(row) => Some(row),
                    None => tx.query_opt(first, &params![&bucket])?,
                };
                if let Some(row) = row {
                    samples.push((row.uuid(0)?, domain_of(row.int(1)?)?, row.bytes(2)?));
                }
            }
            Ok(samples)
        })
        .await
    }
}

fn destruction_entry<'a>(step: &'a str, article: &'a str, pack: &'a str, facts: &'a str) -> Entry<'a> {
    Entry { action: "vault.destroy", case_kind: "bucket", step, article, pack, facts, ..Entry::default() }
}
