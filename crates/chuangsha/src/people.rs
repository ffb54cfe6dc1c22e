//! 首任管理员: the first account of a new installation, made at the terminal by whoever holds the machine.

use std::{
    io::{BufRead, IsTerminal, Read},
    path::Path,
};

use chuangsha_app::{
    App,
    platform::{
        audit::{By, Entry},
        people::{
            OrganisationKind, organisation,
            password::{self, Password},
            staff::{self, NewStaff},
        },
    },
};
use chuangsha_kernel::{
    codes,
    id::{OrganisationId, StaffId},
    problem::Problem,
    role::{Role, RoleSet},
};
use chuangsha_store::params;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    cli::NewAdministrator,
    config::Settings,
    demo,
    say::{Outcome, Say},
    serve::{
        self, lock,
        parts::{self, failed},
    },
};

codes! {
    EXISTS = "people.administrator_exists", 409,
        "已有 {count} 名在职系统管理员", "there are {count} system administrators already",
        "由其在控制台添加人员；确需在此新增，用 --force 并以 --why 说明理由", "have one of them add people in the console; to add one here all the same, use --force and say why with --why";
    NO_PASSWORD = "people.no_password", 400,
        "读不到口令：{reason}", "no password could be read: {reason}",
        "在终端输入，或用 --password-file 给出文件，或从标准输入送入", "type it at the terminal, name a file with --password-file, or pipe it in";
    DEMO = "people.demo_data", 409,
        "这是演示数据目录，帐号已备好", "this is the data of a demo province, which has its accounts",
        "用 chuangsha demo logins 查看帐号", "chuangsha demo logins lists them";
}

/// `chuangsha people create-administrator`
pub fn create_administrator(say: &Say, settings: &Settings, new: &NewAdministrator) -> Outcome {
    if demo::is_demo(&settings.data()) {
        return Err(Problem::new(&DEMO).field("--data").into());
    }
    if new.force && new.why.as_deref().is_none_or(|why| why.trim().is_empty()) {
        return Err(Problem::new(&EXISTS).field("--why").with("count", "?").into());
    }
    let _lock = lock::take(&settings.data())?;
    let number = staff::number(&new.number).map_err(failed)?;
    let password = read_password(say, new.password_file.as_deref())?;
    let password = Password::chosen(&password, &number).map_err(failed)?;
    serve::runtime()?.block_on(async {
        let app = parts::quiet(settings, false).await?;
        let hash = password::hash_now(&password, &app.ids).map_err(failed)?;
        let made = make(&app, new, &number, &hash).await;
        app.store.close().await;
        let organisation = made?;
        say.either(&json!({ "number": number, "organisation": organisation }), |say| {
            say.answer(&format!("{} {number}", say.pick("系统管理员已建立：", "the system administrator is there:")));
        });
        say.note("首次登录须改口令，并登记通行密钥", "the password is changed and a passkey registered at the first login");
        Ok(())
    })
}

async fn make(app: &App, new: &NewAdministrator, number: &str, hash: &str) -> Result<OrganisationId, Problem> {
    let now = app.clock.now();
    let (writer, force, why) = (app.clone(), new.force, new.why.clone().unwrap_or_default());
    let (name, number, hash) = (new.name.clone().unwrap_or_else(|| number.to_owned()), number.to_owned(), hash.to_owned());
    let (zh, en) = (new.organisation.clone(), new.organisation_en.clone().unwrap_or_else(|| new.organisation.clone()));
    app.write(move |tx| {
        let bit = RoleSet::of(&[Role::SystemAdministrator]);
        let mut count = 0;
        for row in tx.query("SELECT roles FROM staff WHERE state = 'active'", &[])? {
            count += i64::from(RoleSet::from_bits(row.int(0)?).iter().any(|role| bit.iter().any(|wanted| wanted == role)));
        }
        if count > 0 && !force {
            return Err(Problem::new(&EXISTS).field("--force").with("count", count).into());
        }
        let sql = "SELECT id FROM organisation WHERE kind = $1 AND parent IS NULL AND state = 'active' ORDER BY created LIMIT 1";
        let found = tx.query_opt(sql, &params![OrganisationKind::CarrierHq.as_str()])?;
        let (organisation, founded) = match found {
            Some(row) => (OrganisationId(row.uuid(0)?), false),
            None => {
                let id = OrganisationId(writer.ids.next(now));
                let new =
                    organisation::NewOrganisation { id, kind: OrganisationKind::CarrierHq, parent: None, region: "", zh: &zh, en: &en };
                organisation::create(tx, &new, now)?;
                (id, true)
            }
        };
        let id = StaffId(writer.ids.next(now));
        let roles = RoleSet::of(&[Role::SystemAdministrator]);
        let joiner =
            NewStaff { id, number: &number, name: &name, organisation, roles, password: &hash, must_change: true, trained_until: None };
        writer.join(tx, &joiner, now)?;
        let facts =
            json!({ "role": Role::SystemAdministrator, "organisation_founded": founded, "administrators_before": count, "forced": force });
        let entry = Entry {
            action: "staff.create",
            case_kind: "staff",
            case: Some(id.0),
            step: "terminal",
            why: &why,
            article: "R-PIP-3",
            pack: &writer.rules.version,
            facts: &facts.to_string(),
            ..Entry::default()
        };
        writer.audit(tx, By::System("terminal"), &entry, now)?;
        Ok(organisation)
    })
    .await
    .map_err(failed)
}

/// From the file, the pipe, or the terminal without showing it. Never from an argument: arguments are seen by everybody on the machine.
fn read_password(say: &Say, file: Option<&Path>) -> Result<Zeroizing<String>, Problem> {
    let no = |reason: &dyn std::fmt::Display| Problem::new(&NO_PASSWORD).field("--password-file").with("reason", reason);
    let mut text = Zeroizing::new(String::new());
    if let Some(path) = file {
        std::fs::File::open(path).and_then(|file| file.take(4_096).read_to_string(&mut text)).map_err(|error| no(&error))?;
    } else if std::io::stdin().is_terminal() {
        say.note("口令(输入时不显示)：", "password (not shown while typed):");
        text = Zeroizing::new(rpassword::read_password().map_err(|error| no(&error))?);
    } else {
        std::io::stdin().lock().take(4_096).read_line(&mut text).map_err(|error| no(&error))?;
    }
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() { Err(no(&"")) } else { Ok(Zeroizing::new(line.to_owned())) }
}
