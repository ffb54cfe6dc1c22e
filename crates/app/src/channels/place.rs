//! 网点位置: where an outlet stands, so that a device can tell whether it is there. The device's own place never leaves it.

use chuangsha_kernel::{id::OrganisationId, role::Action, time::Timestamp};
use chuangsha_store::{Tx, params};

use super::{Refusal, of_organisation, record};
use crate::{
    App,
    platform::{
        actor::Actor,
        failure::{Result, refuse},
        people::organisation,
    },
};

/// Table of this file.
pub const DDL: &str = "
CREATE TABLE channel_place (
    organisation BYTEA PRIMARY KEY,
    latitude_e6 BIGINT NOT NULL,
    longitude_e6 BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK (latitude_e6 BETWEEN -90000000 AND 90000000),
    CHECK (longitude_e6 BETWEEN -180000000 AND 180000000)
);
";

const MILLION: f64 = 1_000_000.0;

/// 坐标 (WGS 84), millionths of a degree: a tenth of a metre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coordinates {
    latitude_e6: i64,
    longitude_e6: i64,
}

impl Coordinates {
    /// From degrees.
    ///
    /// # Errors
    /// Not on the globe.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, Refusal> {
        let within = |value: f64, most: f64, field| {
            if value.is_finite() && value.abs() <= most { Ok((value * MILLION).round() as i64) } else { Err(Refusal::FieldInvalid(field)) }
        };
        Ok(Self { latitude_e6: within(latitude, 90.0, "latitude")?, longitude_e6: within(longitude, 180.0, "longitude")? })
    }

    /// Degrees north.
    pub const fn latitude(self) -> f64 {
        self.latitude_e6 as f64 / MILLION
    }

    /// Degrees east.
    pub const fn longitude(self) -> f64 {
        self.longitude_e6 as f64 / MILLION
    }
}

/// Where an outlet stands, if anybody recorded it.
pub fn find(tx: &mut Tx, id: OrganisationId) -> Result<Option<Coordinates>> {
    let row = tx.query_opt("SELECT latitude_e6, longitude_e6 FROM channel_place WHERE organisation = $1", &params![id.as_bytes()])?;
    row.map(|row| Ok(Coordinates { latitude_e6: row.int(0)?, longitude_e6: row.int(1)? })).transpose()
}

fn put(tx: &mut Tx, id: OrganisationId, at: Coordinates, now: Timestamp) -> Result<()> {
    tx.push_one(
        "INSERT INTO channel_place (organisation, latitude_e6, longitude_e6, updated_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (organisation) DO UPDATE SET latitude_e6 = excluded.latitude_e6, longitude_e6 = excluded.longitude_e6, \
         updated_at = excluded.updated_at",
        &params![id.as_bytes(), at.latitude_e6, at.longitude_e6, now.0],
    )?;
    Ok(())
}

/// Records where an outlet stands.
///
/// # Errors
/// Not on the globe; no such outlet; not one's to admit.
pub async fn set(app: &App, actor: &Actor, id: OrganisationId, at: Coordinates) -> Result<()> {
    let now = app.clock.now();
    let (app, actor) = (app.clone(), actor.clone());
    let store = app.clone();
    store
        .write(move |tx| {
            actor.require(&app, Action::ChannelAdmit, &organisation::find(tx, id)?.resource(None))?;
            of_organisation(tx, id)?.ok_or_else(|| refuse(Refusal::NotFound))?;
            put(tx, id, at, now)?;
            record(&app, tx, &actor, id, "channel.admit", "place", "", "R-CHN-1", now)
        })
        .await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test that fails stops")]
    use super::*;

    #[test]
    fn a_place_is_on_the_globe_to_a_tenth_of_a_metre() {
        let at = Coordinates::new(37.870_123_4, 112.548_879).unwrap();
        assert_eq!((at.latitude(), at.longitude()), (37.870_123, 112.548_879));
        for (latitude, longitude) in [(90.1, 0.0), (0.0, -180.5), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert!(Coordinates::new(latitude, longitude).is_err(), "{latitude} {longitude}");
        }
    }
}
