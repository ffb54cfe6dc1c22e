//! 工作人员: joiners, movers, leavers. Number and name are sealed; a blind index of the number finds the row at login.

use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    problem::{Language, Problem},
    role::{Resource, Role, RoleSet},
    time::Timestamp,
};
use chuangsha_store::{Param, Row, Tx, params};
use chuangsha_vault::{Domain, Field, Place};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{
    code, epoch,
    organisation::{self, Organisation},
};
use crate::{
    App,
    platform::{
        failure::{Failure, Result},
        keys,
    },
};

const NUMBER: Place = Place::new("staff", "number");
const NAME: Place = Place::new("staff", "name");
const TOTP: Place = Place::new("staff", "totp");
const TOTP_PENDING: Place = Place::new("staff", "totp_pending");

/// A joiner.
#[derive(Debug, Clone)]
pub struct NewStaff<'a> {
    /// Id, made by the caller.
    pub id: StaffId,
    /// 工号, the login: 1 to 20 letters, digits or hyphens.
    pub number: &'a str,
    /// 姓名
    pub name: &'a str,
    /// Where.
    pub organisation: OrganisationId,
    /// As what.
    pub roles: RoleSet,
    /// Argon2id hash of the first password ([`super::password::hash_now`]).
    pub password: &'a str,
    /// The password was chosen by somebody else: it must be changed at first login.
    pub must_change: bool,
    /// Training passed and current until.
    pub trained_until: Option<Timestamp>,
}

/// A member of staff as others may see them.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
pub struct StaffView {
    /// Id.
    #[schema(value_type = String)]
    pub id: StaffId,
    /// 工号
    pub number: String,
    /// 姓名, masked: 张**
    pub name: String,
    /// Roles, by stable name.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
    /// Organisation.
    #[schema(value_type = String)]
    pub organisation: OrganisationId,
    /// Still works here.
    pub active: bool,
    /// Training current until, milliseconds UTC.
    #[schema(value_type = Option<i64>)]
    pub trained_until: Option<Timestamp>,
    /// Has a one-time code generator.
    pub totp: bool,
}

/// What login needs to know.
#[derive(Debug, Clone)]
pub struct Account {
    /// Id.
    pub id: StaffId,
    /// Argon2id hash.
    pub password: String,
    /// Roles.
    pub roles: RoleSet,
    /// Organisation.
    pub organisation: OrganisationId,
    /// Epoch of the person.
    pub epoch: i64,
    /// Epoch of the organisation.
    pub organisation_epoch: i64,
    /// The password was chosen by somebody else.
    pub must_change: bool,
}

/// Reads a staff number: upper case, 1 to 20 letters, digits or hyphens.
///
/// # Errors
/// `people.number_invalid`
pub fn number(text: &str) -> Result<String> {
    let number: String = text.nfkc().filter(|c| !c.is_whitespace()).take(21).collect::<String>().to_ascii_uppercase();
    let fits = (1..=20).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { Ok(number) } else { Err(Problem::new(&code::NUMBER_INVALID).field("number").into()) }
}

/// Checks that one person may hold these roles in this organisation.
///
/// # Errors
/// `people.role_unknown` (none), `people.role_conflict`, `people.role_misfit`
pub fn check_roles(app: &App, roles: RoleSet, organisation: &Organisation) -> Result<()> {
    if roles == RoleSet::EMPTY {
        return Err(Problem::new(&code::ROLE_UNKNOWN).field("roles").into());
    }
    if let Some(conflict) = app.matrix.conflict(roles) {
        let problem = Problem::new(&code::ROLE_CONFLICT).field("roles").with("rule", &conflict.id);
        return Err(problem.with("zh", &conflict.zh).with("en", &conflict.en).into());
    }
    match roles.iter().find(|role| !app.matrix.fits(*role, organisation.kind)) {
        Some(role) => Err(Problem::new(&code::ROLE_MISFIT).field("roles").with("role", role).into()),
        None => Ok(()),
    }
}

/// What a list of staff is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// 工号, whole.
    pub number: String,
    /// Who holds this role.
    pub role: Option<Role>,
    /// Still here, or gone.
    pub active: Option<bool>,
}

/// Where-clause of a list and its values.
fn conditions<'a>(within: &'a Within, filter: &'a Filter, login: &'a Vec<u8>, values: &mut Vec<Param<'a>>) -> String {
    let mut sql = String::from("1 = 1");
    let mut add = |text: &str, value: Param<'a>| {
        values.push(value);
        sql.push_str(" AND ");
        sql.push_str(&text.replace('?', &format!("${}", values.len())));
    };
    match within {
        Within::Organisation(id) => add("s.organisation = ?", Param::from(&id.0)),
        Within::Region { carrier, from, to } => {
            if let Some(carrier) = carrier {
                add("o.carrier = ?", Param::from(&carrier.0));
            }
            add("o.region >= ?", Param::from(from));
            add("o.region < ?", Param::from(to));
        }
    }
    if !login.is_empty() {
        add("s.login = ?", Param::from(login));
    }
    if let Some(role) = filter.role {
        add("(s.roles & ?) <> 0", Param::from(RoleSet::of(&[role]).bits()));
    }
    if let Some(active) = filter.active {
        add("s.state = ?", Param::from(if active { "active" } else { "left" }));
    }
    sql
}

impl App {
    /// Takes a person in.
    ///
    /// # Errors
    /// Number of another form or in use, name empty or too long, roles that do not go together or not into the organisation.
    pub fn join(&self, tx: &mut Tx<'_>, new: &NewStaff<'_>, at: Timestamp) -> Result<()> {
        let number = number(new.number)?;
        let name: String = new.name.trim().nfc().collect();
        if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
            return Err(Problem::new(&code::NAME_INVALID).field("name").into());
        }
        check_roles(self, new.roles, &organisation::active(tx, new.organisation)?)?;
        let login = self.vault.blind(Field::StaffLogin, &number)?;
        if tx.query_opt("SELECT id FROM staff WHERE login = $1", &params![login.as_bytes()])?.is_some() {
            return Err(Problem::new(&code::NUMBER_TAKEN).field("number").into());
        }
        let key = self.key_of(tx, new.id.0, Domain::Staff)?;
        tx.push(
            "INSERT INTO staff (id, login, number, name, password, must_change, roles, organisation, state, epoch, training_passed_until, totp_step, created)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'active', 1, $9, 0, $10)",
            &params![
                &new.id.0,
                login.as_bytes(),
                &keys::seal(&key, NUMBER, &number)?,
                &keys::seal(&key, NAME, &name)?,
                new.password,
                new.must_change,
                new.roles.bits(),
                &new.organisation.0,
                new.trained_until,
                at
            ],
        )?;
        Ok(())
    }

    /// The number of a member of staff, for whoever may see it.
    pub fn staff_number(&self, tx: &mut Tx<'_>, id: StaffId) -> Result<String> {
        let row = tx.query_opt("SELECT number FROM staff WHERE id = $1", &params![&id.0])?;
        let row = row.ok_or_else(|| Failure::from(Problem::new(&code::STAFF_NOT_FOUND)))?;
        self.open_staff(tx, id, NUMBER, &row.bytes(0)?)
    }

    /// The name of a member of staff, for their own pages and the marks on them.
    pub fn staff_name(&self, tx: &mut Tx<'_>, id: StaffId) -> Result<String> {
        let row = tx.query_opt("SELECT name FROM staff WHERE id = $1", &params![&id.0])?;
        let row = row.ok_or_else(|| Failure::from(Problem::new(&code::STAFF_NOT_FOUND)))?;
        self.open_staff(tx, id, NAME, &row.bytes(0)?)
    }

    pub(super) fn open_number(&self, tx: &mut Tx<'_>, id: StaffId, sealed: &[u8]) -> Result<String> {
        self.open_staff(tx, id, NUMBER, sealed)
    }

    fn open_staff(&self, tx: &mut Tx<'_>, id: StaffId, place: Place, sealed: &[u8]) -> Result<String> {
        match self.key_if_any(tx, id.0, Domain::Staff)? {
            Some(key) => keys::open(&key, place, sealed),
            None => Ok(String::new()),
        }
    }

    /// Members of staff for a list: everybody whose organisation the reach covers; a page in id order after `after`.
    pub fn staff_list(&self, tx: &mut Tx<'_>, within: &Within, after: Option<StaffId>, limit: i64) -> Result<Vec<StaffView>> {
        self.staff_page(tx, within, &Filter::default(), after, limit)
    }

    /// As [`App::staff_list`], narrowed.
    pub fn staff_page(
        &self,
        tx: &mut Tx<'_>,
        within: &Within,
        filter: &Filter,
        after: Option<StaffId>,
        limit: i64,
    ) -> Result<Vec<StaffView>> {
        let Some(login) = self.login_asked(filter)? else { return Ok(Vec::new()) };
        let after = after.map_or(uuid::Uuid::nil(), |after| after.0);
        let mut values = Vec::new();
        let found = conditions(within, filter, &login, &mut values);
        values.push(Param::from(&after));
        values.push(Param::from(limit));
        let sql = format!(
            "SELECT s.id, s.number, s.name, s.roles, s.organisation, s.state, s.training_passed_until, s.totp IS NOT NULL
             FROM staff s JOIN organisation o ON o.id = s.organisation WHERE {found} AND s.id > ${} ORDER BY s.id LIMIT ${}",
            values.len() - 1,
            values.len()
        );
        tx.query(&sql, &values)?.iter().map(|row| self.staff_view(tx, row)).collect()
    }

    /// How many a list would show.
    pub fn staff_count(&self, tx: &mut Tx<'_>, within: &Within, filter: &Filter) -> Result<i64> {
        let Some(login) = self.login_asked(filter)? else { return Ok(0) };
        let mut values = Vec::new();
        let found = conditions(within, filter, &login, &mut values);
        let sql = format!("SELECT COUNT(*) FROM staff s JOIN organisation o ON o.id = s.organisation WHERE {found}");
        Ok(tx.query_one(&sql, &values)?.int(0)?)
    }

    /// The blind index of the number asked for: empty when none is, `None` when what was asked can be nobody's number.
    fn login_asked(&self, filter: &Filter) -> Result<Option<Vec<u8>>> {
        if filter.number.is_empty() {
            return Ok(Some(Vec::new()));
        }
        match number(&filter.number) {
            Ok(number) => Ok(Some(self.vault.blind(Field::StaffLogin, &number)?.as_bytes().to_vec())),
            Err(_) => Ok(None),
        }
    }

    /// One member of staff, as a list shows them; who may see them is the caller's guard.
    pub fn staff_one(&self, tx: &mut Tx<'_>, id: StaffId) -> Result<StaffView> {
        let row = tx.query_opt(
            "SELECT s.id, s.number, s.name, s.roles, s.organisation, s.state, s.training_passed_until, s.totp IS NOT NULL
             FROM staff s WHERE s.id = $1",
            &params![&id.0],
        )?;
        self.staff_view(tx, &row.ok_or_else(|| Failure::from(Problem::new(&code::STAFF_NOT_FOUND)))?)
    }

    fn staff_view(&self, tx: &mut Tx<'_>, row: &Row) -> Result<StaffView> {
        let id = StaffId(row.uuid(0)?);
        let name = self.open_staff(tx, id, NAME, &row.bytes(2)?)?;
        Ok(StaffView {
            id,
            number: self.open_staff(tx, id, NUMBER, &row.bytes(1)?)?,
            name: mask(&name),
            roles: RoleSet::from_bits(row.int(3)?).iter().collect(),
            organisation: OrganisationId(row.uuid(4)?),
            active: row.str(5)? == "active",
            trained_until: row.opt_timestamp(6)?,
            totp: row.flag(7)?,
        })
    }

    /// The generator's secret; `None` when not enrolled.
    pub(super) fn totp_secret(&self, tx: &mut Tx<'_>, id: StaffId) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let row = tx.query_one("SELECT totp FROM staff WHERE id = $1", &params![&id.0])?;
        self.open_secret(tx, id, TOTP, row.opt_bytes(0)?)
    }

    /// The secret waiting for its first code.
    pub(super) fn totp_pending(&self, tx: &mut Tx<'_>, id: StaffId) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let row = tx.query_one("SELECT totp_pending FROM staff WHERE id = $1", &params![&id.0])?;
        self.open_secret(tx, id, TOTP_PENDING, row.opt_bytes(0)?)
    }

    fn open_secret(&self, tx: &mut Tx<'_>, id: StaffId, place: Place, sealed: Option<Vec<u8>>) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let (Some(sealed), Some(key)) = (sealed, self.key_if_any(tx, id.0, Domain::Staff)?) else { return Ok(None) };
        Ok(Some(key.open(place, &sealed)?))
    }

    /// Keeps a secret until its first code proves that it arrived.
    pub(super) fn keep_totp_pending(&self, tx: &mut Tx<'_>, id: StaffId, secret: &[u8]) -> Result<()> {
        let sealed = self.key_of(tx, id.0, Domain::Staff)?.seal(TOTP_PENDING, secret)?;
        Ok(tx.push_one("UPDATE staff SET totp_pending = $2 WHERE id = $1", &params![&id.0, &sealed])?)
    }

    /// Makes a secret the person's generator: after its first code, or for the demo's seed.
    pub fn set_totp(&self, tx: &mut Tx<'_>, id: StaffId, secret: &[u8], step: i64) -> Result<()> {
        let sealed = self.key_of(tx, id.0, Domain::Staff)?.seal(TOTP, secret)?;
        Ok(tx.push_one("UPDATE staff SET totp = $2, totp_pending = NULL, totp_step = $3 WHERE id = $1", &params![&id.0, &sealed, step])?)
    }
}

/// 范围: which organisations a list covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    /// One.
    Organisation(OrganisationId),
    /// Those whose region code lies in `from..to`, of one carrier or of all.
    Region {
        /// The carrier; `None` for regulators.
        carrier: Option<OrganisationId>,
        /// First region code.
        from: String,
        /// First region code beyond.
        to: String,
    },
}

/// 张** until the kernel's own mask is asked: the surname stays.
fn mask(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => format!("{first}{}", "*".repeat(chars.count().clamp(1, 3))),
        None => String::new(),
    }
}

/// The account behind a login; `None` for an unknown number, a leaver, or an organisation that does not work.
pub fn account(tx: &mut Tx<'_>, login: &[u8]) -> Result<Option<Account>> {
    let row = tx.query_opt(
        "SELECT s.id, s.password, s.roles, s.organisation, s.epoch, o.epoch, s.must_change
         FROM staff s JOIN organisation o ON o.id = s.organisation
         WHERE s.login = $1 AND s.state = 'active' AND o.state = 'active'",
        &params![login],
    )?;
    let account = row.map(|row| -> Result<Account> {
        Ok(Account {
            id: StaffId(row.uuid(0)?),
            password: row.text(1)?,
            roles: RoleSet::from_bits(row.int(2)?),
            organisation: OrganisationId(row.uuid(3)?),
            epoch: row.int(4)?,
            organisation_epoch: row.int(5)?,
            must_change: row.flag(6)?,
        })
    });
    account.transpose()
}

/// A member of staff as the role table sees them, and whether they still work here.
pub fn resource(tx: &mut Tx<'_>, id: StaffId) -> Result<(Resource, bool)> {
    let row = tx.query_opt("SELECT organisation, state FROM staff WHERE id = $1", &params![&id.0])?;
    let row = row.ok_or_else(|| Failure::from(Problem::new(&code::STAFF_NOT_FOUND)))?;
    let organisation = organisation::find(tx, OrganisationId(row.uuid(0)?))?;
    Ok((organisation.resource(Some(id)), row.str(1)? == "active"))
}

/// The roles a member of staff holds now, or held when they left.
pub fn roles(tx: &mut Tx<'_>, id: StaffId) -> Result<Option<RoleSet>> {
    let row = tx.query_opt("SELECT roles FROM staff WHERE id = $1", &params![&id.0])?;
    row.map(|row| Ok(RoleSet::from_bits(row.int(0)?))).transpose()
}

/// Under which epochs somebody works here: their organisation, their own epoch and its. `None`: they left, or it does not work.
pub fn epochs(tx: &mut Tx<'_>, id: StaffId) -> Result<Option<(OrganisationId, i64, i64)>> {
    let row = tx.query_opt(
        "SELECT o.id, s.epoch, o.epoch FROM staff s JOIN organisation o ON o.id = s.organisation
         WHERE s.id = $1 AND s.state = 'active' AND o.state = 'active'",
        &params![&id.0],
    )?;
    row.map(|row| Ok((OrganisationId(row.uuid(0)?), row.int(1)?, row.int(2)?))).transpose()
}

/// Lets a person go: in the same transaction every session, stream and API key of theirs loses its ground.
///
/// # Errors
/// `people.staff_not_found`, `people.staff_left`
pub fn leave(tx: &mut Tx<'_>, id: StaffId, at: Timestamp) -> Result<()> {
    match resource(tx, id)? {
        (_, false) => Err(Problem::new(&code::STAFF_LEFT).into()),
        (_, true) => {
            let row = tx.query_one(
                "UPDATE staff SET state = 'left', left_at = $2, epoch = epoch + 1 WHERE id = $1 RETURNING epoch",
                &params![&id.0, at],
            )?;
            epoch::bump(tx, id.0, row.int(0)?, at)
        }
    }
}

/// Gives a person other roles. Their sessions end: nobody works on under rights they no longer hold.
///
/// # Errors
/// As [`check_roles`].
pub fn change_roles(app: &App, tx: &mut Tx<'_>, id: StaffId, roles: RoleSet, at: Timestamp) -> Result<()> {
    let row = tx.query_opt("SELECT organisation FROM staff WHERE id = $1 AND state = 'active'", &params![&id.0])?;
    let row = row.ok_or_else(|| Failure::from(Problem::new(&code::STAFF_NOT_FOUND)))?;
    check_roles(app, roles, &organisation::active(tx, OrganisationId(row.uuid(0)?))?)?;
    let row =
        tx.query_one("UPDATE staff SET roles = $2, epoch = epoch + 1 WHERE id = $1 RETURNING epoch", &params![&id.0, roles.bits()])?;
    epoch::bump(tx, id.0, row.int(0)?, at)
}

/// Records training passed: known to every session at its next request.
pub fn train(tx: &mut Tx<'_>, id: StaffId, until: Timestamp, at: Timestamp) -> Result<()> {
    let row = tx.query_opt(
        "UPDATE staff SET training_passed_until = $2 WHERE id = $1 AND state = 'active' RETURNING epoch",
        &params![&id.0, until],
    )?;
    let row = row.ok_or_else(|| Failure::from(Problem::new(&code::STAFF_NOT_FOUND)))?;
    epoch::bump(tx, id.0, row.int(0)?, at)
}

/// Sets a password. The caller ends the person's other sessions ([`super::session::end_others`]); API keys live on.
pub(super) fn set_password(tx: &mut Tx<'_>, id: StaffId, hash: &str, must_change: bool) -> Result<()> {
    Ok(tx.push_one("UPDATE staff SET password = $2, must_change = $3 WHERE id = $1", &params![&id.0, hash, must_change])?)
}

/// Forgets generator, passkeys and known devices: a device was lost.
pub(super) fn forget_factors(tx: &mut Tx<'_>, id: StaffId) -> Result<()> {
    tx.push("DELETE FROM passkey WHERE staff = $1", &params![&id.0])?;
    tx.push("DELETE FROM known_device WHERE login = (SELECT login FROM staff WHERE id = $1)", &params![&id.0])?;
    Ok(tx.push_one("UPDATE staff SET totp = NULL, totp_pending = NULL WHERE id = $1", &params![&id.0])?)
}

/// Accepts a step of the generator once; `false` when it, or a later one, was accepted before.
pub(super) fn spend_step(tx: &mut Tx<'_>, id: StaffId, step: i64) -> Result<bool> {
    Ok(tx.execute("UPDATE staff SET totp_step = $2 WHERE id = $1 AND totp_step < $2", &params![&id.0, step])? == 1)
}

/// Names a language's words of the roles of a person: 营业员、审核员
pub fn role_names(app: &App, roles: RoleSet, language: Language) -> String {
    let separator = if language == Language::Chinese { "、" } else { ", " };
    roles.iter().map(|role| app.matrix.role_name(role, language)).collect::<Vec<_>>().join(separator)
}
