//! 编排: outlets over days and people. One outlet for one day, or all of a city that were not visited yet over the working days of a month.

use super::*;

/// Outlets of one call.
const MOST: usize = 2_000;

/// Days a plan reaches ahead.
const AHEAD: i32 = 366;

/// What is to be planned.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewVisitPlan)]
pub struct NewPlan {
    /// Codes of outlets; empty: every physical outlet of the region that has no open plan and was not visited since `since`.
    #[serde(default)]
    pub outlets: Vec<String>,
    /// Province or city, where no outlet is named.
    #[serde(default)]
    pub region: String,
    /// A day, `2026-11-01`; empty: never visited at all.
    #[serde(default)]
    pub since: String,
    /// `visit` or `mystery`.
    pub kind: String,
    /// Staff numbers of whoever goes, in turn.
    pub staff: Vec<String>,
    /// First day.
    pub from: String,
    /// Last day; only working days between them are used.
    pub until: String,
    /// Visits of one person on one day, 1 to 20.
    pub each: i64,
}

/// Plans visits. All find a place, or none is planned. Says how many there are.
///
/// # Errors
/// [`Refusal`]; `calendar.no_notice`: a year's working days are not known; the right to plan there.
pub async fn plan(app: &App, actor: &Actor, input: NewPlan) -> Result<usize> {
    actor.reach(app, Action::ChannelPlan)?;
    let now = app.clock.now();
    let invalid = |field: &'static str| refuse(Refusal::FieldInvalid(field));
    if !matches!(input.kind.as_str(), "visit" | "mystery") {
        return Err(invalid("kind"));
    }
    if !(1..=20).contains(&input.each) {
        return Err(invalid("each"));
    }
    if input.staff.is_empty() || input.staff.len() > 200 {
        return Err(invalid("staff"));
    }
    if input.outlets.len() > MOST {
        return Err(invalid("outlets"));
    }
    let days = days(app, &input, now.day())?;
    let since = if input.since.trim().is_empty() { Timestamp(0) } else { Timestamp::start_of(day_of(&input.since, "since")?) };
    let region = app.visible_region(actor, Action::ChannelPlan, input.region.trim())?;
    if input.outlets.is_empty() && region != input.region.trim() {
        return Err(invalid("region"));
    }
    let (writer, actor) = (app.clone(), actor.clone());
    app.write(move |tx| {
        let app = &writer;
        let outlets = if input.outlets.is_empty() { unvisited(tx, &region, &input.kind, since)? } else { named(tx, &input.outlets)? };
        if outlets.is_empty() {
            return Err(refuse(Refusal::Nobody));
        }
        let mut staff = Vec::new();
        for number in &input.staff {
            let one = visitor(app, tx, number)?;
            if !staff.contains(&one) {
                staff.push(one);
            }
        }
        let places = places(tx, &days, &staff, input.each)?;
        if outlets.len() > places.len() {
            return Err(refuse(Refusal::NoRoom { outlets: outlets.len(), places: places.len() }));
        }
        for ((channel, code, region), (day, staff)) in outlets.iter().zip(places) {
            actor.require(app, Action::ChannelPlan, &organisation::find(tx, *channel)?.resource(None))?;
            let id = app.ids.next(now);
            let (kind, state) = (input.kind.clone(), State::Planned);
            let one = Planned { id, channel: *channel, region: region.clone(), day, kind, staff, state, version: 1, visit: None };
            let written = tx.execute(
                "INSERT INTO channel_plan (id, channel, region, day, kind, staff, state, version, planned_by, planned_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, 1, 1, $7, $8) ON CONFLICT DO NOTHING",
                &params![
                    &one.id,
                    channel.as_bytes(),
                    &one.region,
                    &one.day.to_string(),
                    &one.kind,
                    staff.as_bytes(),
                    actor.staff.as_bytes(),
                    now.0
                ],
            )?;
            if written == 0 {
                return Err(refuse(Refusal::Twice(code.clone())));
            }
            record(app, tx, By::Actor(&actor), &one, ("visit.plan", ">planned", ""), now)?;
        }
        Ok(outlets.len())
    })
    .await
}

/// The working days of the span. One day alone is taken as it is: whoever names it knows why.
fn days(app: &App, input: &NewPlan, today: Date) -> Result<Vec<Date>> {
    let (from, until) = (day_of(&input.from, "from")?, day_of(&input.until, "until")?);
    if from < today {
        return Err(Problem::new(&code::PAST).field("from").into());
    }
    if until < from || until > today.saturating_add(AHEAD.days()) {
        return Err(refuse(Refusal::FieldInvalid("until")));
    }
    if from == until {
        return Ok(vec![from]);
    }
    let mut days = Vec::new();
    for day in from.series(1.day()).take_while(|day| *day <= until) {
        if app.calendar().is_working(day).map_err(refuse)? {
            days.push(day);
        }
    }
    Ok(days)
}

type Outlet = (OrganisationId, String, String);

fn outlet(row: &Row) -> Result<Outlet> {
    Ok((OrganisationId(row.uuid(0)?), row.text(1)?, row.text(2)?))
}

/// What may be visited: it stands somewhere, and it works.
fn visitable() -> String {
    format!("c.kind <> {} AND c.state IN ({}, {})", ChannelKind::Online as i64, Standing::Active as i64, Standing::Warned as i64)
}

fn unvisited(tx: &mut Tx, region: &str, kind: &str, since: Timestamp) -> Result<Vec<Outlet>> {
    let sql = format!(
        "SELECT c.organisation, c.code, c.region FROM channel c WHERE {} AND ($1 = '' OR substr(c.region, 1, 2) = $1 OR c.region = $1) \
         AND NOT EXISTS (SELECT 1 FROM channel_plan p WHERE p.channel = c.organisation AND p.kind = $2 AND p.state IN (1, 3)) \
         AND NOT EXISTS (SELECT 1 FROM channel_visit v WHERE v.channel = c.organisation AND v.at >= $3) ORDER BY c.code LIMIT $4",
        visitable()
    );
    tx.query(&sql, &params![region, kind, since.0, i64::try_from(MOST).unwrap_or(i64::MAX)])?.iter().map(outlet).collect()
}

fn named(tx: &mut Tx, codes: &[String]) -> Result<Vec<Outlet>> {
    let sql = format!("SELECT c.organisation, c.code, c.region FROM channel c WHERE c.code = $1 AND {}", visitable());
    codes
        .iter()
        .map(|code| {
            let found = tx.query_opt(&sql, &params![code.trim()])?;
            found.as_ref().map(outlet).transpose()?.ok_or_else(|| refuse(Refusal::FieldInvalid("outlets")))
        })
        .collect()
}

/// Days and people, as many as still have room: neighbours go to one person on one day.
fn places(tx: &mut Tx, days: &[Date], staff: &[StaffId], each: i64) -> Result<Vec<(Date, StaffId)>> {
    let mut places = Vec::new();
    for day in days {
        for one in staff {
            let sql = "SELECT COUNT(*) FROM channel_plan WHERE staff = $1 AND day = $2 AND state IN (1, 2)";
            let taken = tx.query_one(sql, &params![one.as_bytes(), &day.to_string()])?.int(0)?;
            places.extend((taken..each).map(|_| (*day, *one)));
            if places.len() > MOST {
                return Ok(places);
            }
        }
    }
    Ok(places)
}
