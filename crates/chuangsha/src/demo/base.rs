//! 演示底数: organisations, outlets, staff and the base of subscribers, in one transaction: after a crash there is all of it or none.

use std::{collections::HashMap, sync::Arc};

use chuangsha_app::{
    App,
    channels::{self, Channel, Clause, State},
    platform::{
        audit::{By, Entry},
        failure::{Failure, Result},
        people::{organisation, password, staff::NewStaff, totp},
    },
    registration::{
        order::Product,
        table::{self, NumberState, PoolNumber},
    },
    remediation::{
        import::{
            row::{Holder, Subscriber, reason},
            write,
        },
        kind::Kind,
    },
};
use chuangsha_kernel::{
    document::Document,
    id::{OrganisationId, StaffId},
    phone::Phone,
    problem::{Language, Problem},
    role::{Role, RoleSet},
    rulebook::ChannelKind,
    time::{DAY_MS, Timestamp},
};
use chuangsha_store::Tx;
use chuangsha_vault::Field;
use chuangsha_world::city::{DemoOrganisation, DemoOutlet, DemoProvince, DemoStaff, DemoSubscriber};
use indicatif::ProgressBar;

use super::{Login, PASSWORD, SEED};
use crate::{say::Say, serve::parts};

/// Subscribers of the demo.
pub const SUBSCRIBERS: u32 = 50_000;
/// Numbers nobody has yet, for clerks to offer.
pub const FREE_NUMBERS: u32 = 2_200;
/// Of so many subscribers in a row the first holds the numbers of the next two as well: people with several numbers.
pub const EVERY: u32 = 12;
/// Numbers landed at a time.
const ROWS: usize = 5_000;
/// Two clerks work for the online shop of the first city, so that orders are delivered to the door as well.
const ONLINE_OUTLET: &str = "outlet-0100";

struct Seeding<'a, 'c> {
    app: &'a App,
    tx: &'a mut Tx<'c>,
    now: Timestamp,
    organisations: HashMap<String, (OrganisationId, DemoOrganisation)>,
    outlets: HashMap<String, ChannelKind>,
    /// Somebody who holds the next numbers as well.
    several: Option<DemoSubscriber>,
}

/// Fills the empty record.
pub async fn seed(say: &Say, app: &App, subscribers: u32, free: u32) -> std::result::Result<Vec<Login>, Problem> {
    let now = app.clock.now();
    let hash = {
        let ids = Arc::clone(&app.ids);
        let hashed = tokio::task::spawn_blocking(move || password::hash_now(&password::Password::typed(PASSWORD), &ids)).await;
        hashed.map_err(parts::not_started)?.map_err(parts::failed)?
    };
    let bar = say.progress(u64::from(subscribers), "用户", "subscribers");
    let (writer, progress) = (app.clone(), bar.clone());
    let logins = app.write(move |tx| fill(&writer, tx, &hash, now, (subscribers, free), &progress)).await.map_err(parts::failed)?;
    bar.finish_and_clear();
    Ok(logins)
}

fn fill(app: &App, tx: &mut Tx<'_>, hash: &str, now: Timestamp, (subscribers, free): (u32, u32), bar: &ProgressBar) -> Result<Vec<Login>> {
    let province = DemoProvince::new(SEED);
    let mut seeding = Seeding { app, tx, now, organisations: HashMap::new(), outlets: HashMap::new(), several: None };
    for one in province.organisations() {
        seeding.organisation(one)?;
    }
    for outlet in province.outlets() {
        seeding.outlet(outlet)?;
    }
    let logins = province.staff().into_iter().map(|one| seeding.staff(one, hash)).collect::<Result<Vec<_>>>()?;
    let mut rows = Vec::with_capacity(ROWS);
    for subscriber in province.subscribers().take(subscribers as usize) {
        rows.push(seeding.subscriber(&subscriber)?);
        if rows.len() == ROWS {
            bar.inc(ROWS as u64);
            write::bring(app, seeding.tx, std::mem::take(&mut rows), now)?;
        }
    }
    write::bring(app, seeding.tx, rows, now)?;
    for index in subscribers..subscribers + free {
        seeding.free_number(&province.subscriber(index))?;
    }
    let facts = format!("{{\"subscribers\":{subscribers}}}");
    let entry = Entry { action: "demo.seed", case_kind: "demo", pack: &app.rules.version, facts: &facts, ..Entry::default() };
    app.audit(seeding.tx, By::System("demo"), &entry, now)?;
    Ok(logins)
}

/// `000000`, `990000`, `990100` → `""`, `99`, `990100`.
fn short(region: &str) -> &str {
    match region {
        "000000" => "",
        _ => region.strip_suffix("0000").unwrap_or(region),
    }
}

impl Seeding<'_, '_> {
    fn organisation(&mut self, one: DemoOrganisation) -> Result<OrganisationId> {
        let id = OrganisationId(self.app.ids.next(self.now));
        let parent = match &one.parent {
            Some(handle) => Some(self.of(handle)?.0),
            None => None,
        };
        let new = organisation::NewOrganisation { id, kind: one.kind, parent, region: short(&one.region), zh: &one.zh, en: &one.en };
        organisation::create(self.tx, &new, self.now)?;
        self.organisations.insert(one.handle.clone(), (id, one));
        Ok(id)
    }

    fn of(&self, handle: &str) -> Result<&(OrganisationId, DemoOrganisation)> {
        self.organisations.get(handle).ok_or_else(|| Failure::internal(format!("the demo has no organisation {handle}")))
    }

    fn outlet(&mut self, outlet: DemoOutlet) -> Result<()> {
        let letter = match outlet.kind {
            ChannelKind::OwnHall => "Z",
            ChannelKind::SocialOutlet => "S",
            ChannelKind::Online => "W",
        };
        let code = outlet.organisation.handle.replace("outlet", letter);
        let (handle, region) = (outlet.organisation.handle.clone(), outlet.organisation.region.clone());
        let organisation = self.organisation(outlet.organisation)?;
        // A few are warned or suspended, so that the ledger has something to show.
        let state = match handle.as_bytes().iter().map(|byte| u32::from(*byte)).sum::<u32>() % 41 {
            7 => State::Warned,
            11 => State::Suspended,
            _ => State::Active,
        };
        let state = if outlet.kind == ChannelKind::SocialOutlet { state } else { State::Active };
        let warnings = i64::from(state == State::Warned);
        let (clauses, version) = (Clause::COMPLETE, 5);
        let channel = Channel {
            organisation,
            code,
            kind: outlet.kind,
            region,
            state,
            version,
            clauses,
            reader: true,
            app: true,
            warnings,
            updated_at: self.now,
        };
        channels::insert(self.tx, &channel)?;
        self.outlets.insert(handle, outlet.kind);
        Ok(())
    }

    fn staff(&mut self, one: DemoStaff, hash: &str) -> Result<Login> {
        let id = StaffId(self.app.ids.next(self.now));
        let online = one.role == Role::Clerk && one.organisation == "outlet-0010";
        let handle = if online { ONLINE_OUTLET } else { one.organisation.as_str() };
        let (organisation, found) = self.of(handle)?.clone();
        let new = NewStaff {
            id,
            number: &one.number,
            name: &one.name,
            organisation,
            roles: RoleSet::of(&[one.role]),
            password: hash,
            must_change: false,
            trained_until: Some(self.now.plus_ms(300 * DAY_MS)),
        };
        self.app.join(self.tx, &new, self.now)?;
        self.app.set_totp(self.tx, id, &totp::demo_secret(&one.number), 0)?;
        Ok(Login {
            staff: id,
            number: one.number,
            role: one.role.as_str().to_owned(),
            role_zh: self.app.matrix.role_name(one.role, Language::Chinese).to_owned(),
            role_en: self.app.matrix.role_name(one.role, Language::English).to_owned(),
            organisation,
            organisation_kind: found.kind.as_str().to_owned(),
            region: short(&found.region).to_owned(),
            organisation_zh: found.zh,
            organisation_en: found.en,
            carrier: organisation::find(self.tx, organisation)?.carrier,
        })
    }

    fn free_number(&mut self, of: &DemoSubscriber) -> Result<()> {
        let id = self.app.ids.next(self.now);
        let phone = Phone::parse(&of.phone).map_err(|_| Failure::internal("a demo number is no number"))?;
        let number = PoolNumber {
            id,
            index: self.app.vault.blind(Field::Phone, &phone.e164())?.as_bytes().to_vec(),
            sealed: self.app.seal_pool_number(self.tx, id, phone.digits())?,
            region: of.region.clone(),
            product: Product::Voice,
            state: NumberState::Free as i64,
            holder: None,
        };
        table::add_number(self.tx, &number)
    }

    /// One number of the base, as a row of an import would say it.
    fn subscriber(&mut self, one: &DemoSubscriber) -> Result<Subscriber> {
        let kind = self.outlets.get(&one.outlet).copied().unwrap_or(ChannelKind::SocialOutlet);
        let holders = if one.real_name { vec![self.holder(one)?] } else { Vec::new() };
        Ok(Subscriber {
            row: u64::from(one.index),
            number: Phone::parse(&one.phone).map_err(|_| Failure::internal("a demo number is no number"))?,
            finding: holders.is_empty().then_some((Kind::Unverified, reason::NOBODY)),
            holders,
            region: one.region.clone(),
            channel_kind: kind,
            product: Product::Voice,
            since: one.registered,
        })
    }

    /// Whose number it is: some hold the numbers of the next two as well.
    fn holder(&mut self, one: &DemoSubscriber) -> Result<Holder> {
        let place_in_row = one.index % EVERY;
        // The first of all hold more than the law lets one have, the next exactly as many.
        let many = match one.index / EVERY {
            0..3 => 7,
            3..6 => 5,
            _ => 3,
        };
        let of = self.several.take().filter(|_| (1..many).contains(&place_in_row)).unwrap_or_else(|| one.clone());
        let broken = |_| Failure::internal("a demo document is no document");
        let mut document = Document::parse(of.document, &of.number, self.app.rules.provinces()).map_err(broken)?;
        if let Some(country) = of.country {
            document = document.with_country(country).map_err(broken)?;
        }
        let holder = Holder {
            role: "holder",
            kind: of.document,
            document: Some(document),
            name: of.name.clone(),
            address: of.address.clone(),
            valid_from: Some(of.issued),
            valid_until: of.until,
        };
        if place_in_row + 1 < many {
            self.several = Some(of);
        }
        Ok(holder)
    }
}
