//! 操作人: who acts. It comes from the session or the API key, never from the body of a request.

use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    role::RoleSet,
    time::Timestamp,
};

/// Who acts in this request.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The member of staff; for an API key, the key's own id.
    pub staff: StaffId,
    /// 工号
    pub number: String,
    /// Their organisation.
    pub organisation: OrganisationId,
    /// Its kind.
    pub organisation_kind: crate::platform::people::OrganisationKind,
    /// Where it is: `""` for the whole country, two digits for a province, six for a city.
    pub region: String,
    /// The carrier above it; `None` for ministry and administrations.
    pub carrier: Option<OrganisationId>,
    /// What they may be.
    pub roles: RoleSet,
    /// Second factor given at.
    pub mfa_at: Option<Timestamp>,
    /// Signed in with a passkey.
    pub passkey: bool,
    /// Training passed and not run out until.
    pub trained_until: Option<Timestamp>,
    /// Where the request came from, cut to its network (`10.2.*`).
    pub address: String,
    /// Hash of the session, to find its own row.
    pub session: Option<[u8; 32]>,
    /// The API key's own list of actions, where one is used.
    pub key_actions: Option<chuangsha_kernel::role::ActionSet>,
    /// Cancelled when the session or key loses its ground: a stream stops with it.
    pub alive: tokio_util::sync::CancellationToken,
}

impl Actor {
    /// As the case's rules see them.
    pub fn who(&self) -> crate::registration::order::Who {
        crate::registration::order::Who { staff: self.staff, organisation: self.organisation }
    }
}
