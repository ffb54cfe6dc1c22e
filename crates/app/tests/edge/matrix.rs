//! 权限矩阵: every role on every route, near and far, and what each sees of a person. The oracle below is written from the duties, not from
//! `rules/roles.toml`; a route nobody has placed in it fails the test, and so does a place whose route is gone.
// long: one row a route, and the oracle beside them

use std::collections::BTreeMap;

use axum::{
    Router,
    body::Body,
    http::{StatusCode, header},
};
use chuangsha_app::{
    channels,
    platform::{
        actor::Actor,
        people::{OrganisationKind, organisation, staff::NewStaff},
    },
    registration::order::ImageKind,
};
use chuangsha_kernel::{
    id::{OrganisationId, StaffId},
    role::{Role, RoleSet},
    rulebook::ChannelKind,
};
use chuangsha_world::{
    kit::{self, CITY, Kit},
    pictures,
};
use serde_json::Value;
use uuid::Uuid;

use crate::kit::{Answer, Operation, Things, addresses, arrive, browse, form, operations, router, send};

/// How far something reaches, seen from one outlet of one city: the things of the story lie one at each distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Nothing at all.
    No,
    /// Only places that are not in this story: the own call centre.
    Elsewhere,
    /// The own outlet.
    Outlet,
    City,
    Province,
    /// All of the carrier.
    Carrier,
}

const DISTANCES: [(&str, Reach); 4] =
    [("own outlet", Reach::Outlet), ("same city", Reach::City), ("same province", Reach::Province), ("elsewhere", Reach::Carrier)];

/// What a route is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Orders,
    Capture,
    Cancel,
    Pictures,
    Audit,
    Senior,
    Reveal,
    Dispute,
    Link,
    Channels,
    Visit,
    VisitPlan,
    Train,
    Admit,
    Step,
    People,
    Manage,
    Keys,
    Figures,
    Network,
    Retry,
    Log,
    Assign,
    Queue,
    Ledger,
    LedgerApply,
    LedgerManage,
    LedgerDispose,
    Remediation,
    RemediationRun,
    RemediationWork,
    Import,
    Excess,
    Subscribers,
    Tickets,
    TicketWork,
    IvrTags,
    Screening,
    ScreeningManage,
    ScreeningDecide,
    ScreeningAppeal,
    Suspensions,
    SuspensionStop,
    SuspensionOpen,
    SuspensionLift,
}

/// The oracle: who does what, how far (R-PIP-2, R-PIP-3, R-REG-6, R-GOV-4, R-GOV-9, L-PIP-19).
fn reach(topic: Topic, role: Role) -> Reach {
    use Reach::{Carrier, City, Elsewhere, No, Outlet, Province};
    use Role as R;
    match (topic, role) {
        // Whoever captures sees and does only what their own outlet captured, and undoes only their own.
        (Topic::Orders | Topic::Capture | Topic::Channels | Topic::Figures, R::Clerk) => Outlet,
        // Two documents of one person are joined where the person stands with both.
        (Topic::Cancel | Topic::Pictures | Topic::Link, R::Clerk) => Outlet,
        // Auditors sit centrally.
        (Topic::Orders | Topic::Pictures | Topic::Audit, R::Auditor | R::SeniorAuditor) => Carrier,
        (Topic::Senior | Topic::Assign | Topic::Figures, R::SeniorAuditor) => Carrier,
        // Whoever hands out work sees what waits.
        (Topic::Queue, R::Auditor | R::SeniorAuditor) => Carrier,
        (Topic::Assign | Topic::Queue, R::ProvinceManager) => Province,
        // A city runs its city, a province its province.
        (Topic::Orders | Topic::Channels | Topic::Visit | Topic::Train | Topic::Figures, R::ChannelManager | R::CityManager) => City,
        (Topic::VisitPlan, R::ChannelManager | R::CityManager) => City,
        (Topic::VisitPlan, R::ProvinceManager) => Province,
        (Topic::Admit | Topic::Step | Topic::People | Topic::Manage, R::CityManager) => City,
        (Topic::Orders | Topic::Channels | Topic::Visit | Topic::Train | Topic::Admit | Topic::Step, R::ProvinceManager) => Province,
        (Topic::People | Topic::Manage | Topic::Figures, R::ProvinceManager) => Province,
        // Headquarters.
        (Topic::Orders | Topic::Channels | Topic::Step | Topic::People | Topic::Manage, R::CarrierAdministrator) => Carrier,
        (Topic::Keys | Topic::Figures | Topic::Network, R::CarrierAdministrator) => Carrier,
        // Whoever keeps the machines keeps accounts and sees no customer.
        (Topic::People | Topic::Manage | Topic::Keys | Topic::Network, R::SystemAdministrator) => Carrier,
        (Topic::Network | Topic::Retry, R::NetworkOperator) => Carrier,
        // Whoever answers customers, and whoever answers for their data.
        (Topic::Orders | Topic::Reveal | Topic::Dispute | Topic::Subscribers, R::HotlineAgent | R::PrivacyOfficer) => Carrier,
        (Topic::Pictures | Topic::Figures, R::PrivacyOfficer) => Carrier,
        // Whoever watches reads the log, and no customer's order.
        (Topic::Log | Topic::Figures, R::InternalAuditor) => Carrier,
        // The state looks on, and takes no step.
        (Topic::Orders | Topic::Channels | Topic::Visit | Topic::Log | Topic::Figures, R::AdministrationInspector) => Province,
        (Topic::Orders | Topic::Channels | Topic::Visit | Topic::Log | Topic::Figures, R::MinistryInspector) => Carrier,
        // The resources of organisations: taken at the counter, vetted by the city, shut down by the province, seen from above.
        (Topic::LedgerApply, R::Clerk) => Outlet,
        (Topic::Ledger | Topic::LedgerApply | Topic::LedgerManage, R::CityManager) => City,
        (Topic::Ledger | Topic::LedgerApply | Topic::LedgerManage | Topic::LedgerDispose, R::ProvinceManager) => Province,
        (Topic::Ledger, R::NetworkOperator | R::AdministrationInspector) => Province,
        (Topic::Ledger, R::CarrierAdministrator | R::MinistryInspector) => Carrier,
        // The hotline: worked by its agents, decided by the province and headquarters, seen by the city and the administration.
        (Topic::Tickets | Topic::TicketWork, R::HotlineAgent | R::PrivacyOfficer) => Carrier,
        (Topic::Tickets, R::CityManager) => City,
        (Topic::Tickets, R::AdministrationInspector) => Province,
        (Topic::Tickets, R::ProvinceManager) => Province,
        (Topic::Tickets, R::CarrierAdministrator) => Carrier,
        // Its switch asks with the key of whoever runs machines or the call centre.
        (Topic::IvrTags, R::SystemAdministrator | R::CarrierAdministrator | R::CallCentreManager) => Carrier,
        // Call screening is the network's; the hotline hears who was stopped by mistake; who watches reads.
        (Topic::Screening | Topic::ScreeningManage | Topic::ScreeningDecide, R::NetworkOperator) => Carrier,
        (Topic::Screening | Topic::ScreeningAppeal, R::HotlineAgent) => Carrier,
        (Topic::Screening, R::InternalAuditor | R::CarrierAdministrator | R::MinistryInspector) => Carrier,
        // The old base: each city and province its own, whoever answers customers and whoever visits outlets works on cases, the state looks on.
        (Topic::Remediation | Topic::RemediationRun | Topic::RemediationWork, R::CityManager) => City,
        (Topic::Remediation | Topic::RemediationRun | Topic::RemediationWork, R::ProvinceManager) => Province,
        (Topic::Remediation | Topic::RemediationWork, R::ChannelManager) => City,
        (Topic::RemediationWork, R::HotlineAgent) => Carrier,
        (Topic::Remediation, R::AdministrationInspector) => Province,
        (Topic::Remediation, R::HotlineAgent | R::CarrierAdministrator | R::MinistryInspector) => Carrier,
        // Whoever answers customers hears what they say against a stop; whoever is responsible for a place stops and restores there; the state
        // and whoever keeps the network see it.
        (Topic::Suspensions, R::HotlineAgent | R::PrivacyOfficer | R::NetworkOperator | R::CarrierAdministrator) => Carrier,
        (Topic::Suspensions, R::MinistryInspector) => Carrier,
        (Topic::Suspensions, R::ProvinceManager | R::AdministrationInspector) => Province,
        (Topic::Suspensions, R::CityManager) => City,
        (Topic::SuspensionOpen, R::HotlineAgent) => Carrier,
        (Topic::SuspensionOpen | Topic::SuspensionStop | Topic::SuspensionLift, R::CityManager) => City,
        (Topic::SuspensionOpen | Topic::SuspensionStop | Topic::SuspensionLift, R::ProvinceManager) => Province,
        (Topic::SuspensionOpen | Topic::SuspensionStop | Topic::SuspensionLift, R::CarrierAdministrator) => Carrier,
        // The old base is brought over by whoever runs the province, or all of it.
        (Topic::Excess, R::CityManager) => City,
        (Topic::Import | Topic::Excess, R::ProvinceManager) => Province,
        (Topic::Import, R::CarrierAdministrator) => Carrier,
        // A call centre runs itself.
        (Topic::Channels | Topic::People | Topic::Manage | Topic::Keys | Topic::Figures, R::CallCentreManager) => Elsewhere,
        _ => No,
    }
}

/// Where a route stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Anybody, signed in or not.
    Public,
    /// Anybody signed in, about themselves or about nobody.
    Own,
    /// Whoever has the topic anywhere.
    Any(Topic),
    /// Whoever reaches the thing the address names.
    At(Topic),
    /// Nothing of the kind is in this story: nobody finds it, whatever their role.
    Absent,
}

/// Every route there is. Add a new one here, from what it is for.
const PLACES: &[(&str, &str, Place)] = {
    use Place::{Absent, Any, At, Own, Public};
    use Topic as T;
    &[
        // Pages.
        ("get", "/", Own),
        ("get", "/api", Public),
        ("get", "/api/openapi.json", Public),
        ("get", "/language/{language}", Public),
        ("get", "/text/{size}", Public),
        ("get", "/theme/{theme}", Public),
        // The shell of the capture app: words and drawings, no data; what it does it does through the JSON below.
        ("get", "/app", Public),
        ("get", "/app/", Public),
        ("get", "/app/worker.js", Public),
        ("get", "/app/{file}", Public),
        // One's own requests, and those one may decide.
        ("get", "/second", Own),
        ("get", "/second/{id}", Absent),
        ("get", "/second/{id}/approval", Public),
        ("post", "/second/{id}/approval", Absent),
        ("get", "/second/{id}/refusal", Public),
        ("post", "/second/{id}/refusal", Absent),
        ("post", "/second/{id}/withdrawal", Absent),
        ("get", "/api/v1/second-persons", Own),
        ("get", "/api/v1/second-persons/{id}", Absent),
        ("delete", "/api/v1/second-persons/{id}", Absent),
        ("post", "/api/v1/second-persons/{id}/approval", Absent),
        ("post", "/api/v1/second-persons/{id}/refusal", Absent),
        // Whoever presses "back" after a form is led to the page it stood on, which asks for itself.
        ("get", "/orders/{id}/reveal", Public),
        ("get", "/orders/{id}/second", Public),
        ("post", "/orders/{id}/second", At(T::Reveal)),
        ("post", "/api/v1/registrations/{id}/reveals/second-person", At(T::Reveal)),
        ("get", "/persons", Any(T::Subscribers)),
        ("post", "/persons", Any(T::Subscribers)),
        ("get", "/persons/{id}", Absent),
        ("get", "/persons/{id}/reveal", Public),
        ("post", "/persons/{id}/reveal", Absent),
        ("get", "/persons/{id}/second", Public),
        ("post", "/persons/{id}/second", Absent),
        ("get", "/persons/{id}/protection", Public),
        ("post", "/persons/{id}/protection", Absent),
        ("post", "/api/v1/subscribers/search", Any(T::Subscribers)),
        ("get", "/api/v1/subscribers/{id}", Absent),
        ("get", "/api/v1/subscribers/{id}/access", Absent),
        ("get", "/api/v1/subscribers/{id}/disclosures", Absent),
        ("post", "/api/v1/subscribers/{id}/protection", Absent),
        ("post", "/api/v1/subscribers/{id}/reveals", Absent),
        ("post", "/api/v1/subscribers/{id}/reveals/second-person", Absent),
        ("get", "/api/v1/capture-limits", Any(T::Capture)),
        ("post", "/api/v1/offline-registrations", Any(T::Capture)),
        ("put", "/api/v1/channels/{id}/place", At(T::Admit)),
        // Sample data.
        ("get", "/_parts", Own),
        ("get", "/static/{name}", Public),
        ("get", "/login", Public),
        ("post", "/login", Public),
        ("get", "/login/second", Own),
        ("post", "/login/second", Own),
        ("get", "/login/again", Own),
        ("post", "/login/again", Own),
        ("post", "/login/passkey", Own),
        ("get", "/login/enrol", Own),
        ("post", "/login/enrol/code", Own),
        ("post", "/login/enrol/passkey", Own),
        ("post", "/logout", Public),
        ("get", "/me", Own),
        ("get", "/me/password", Own),
        ("post", "/me/password", Own),
        ("get", "/me/factors", Own),
        // Somebody else's session, or none: not found for everybody here.
        ("post", "/sessions/{id}/end", Own),
        // A batch and a file reach what the list reaches: each list asks for itself.
        ("post", "/batches", Own),
        ("get", "/exports/new", Own),
        ("post", "/exports", Own),
        ("get", "/api/v1/exports", Own),
        ("get", "/jobs", Own),
        ("get", "/jobs/{id}", Absent),
        ("post", "/jobs/{id}/cancel", Absent),
        ("post", "/jobs/{id}/file", Absent),
        ("get", "/suspensions", Any(T::Suspensions)),
        ("get", "/suspensions/new", Any(T::SuspensionOpen)),
        ("post", "/suspensions/new", Any(T::SuspensionOpen)),
        ("get", "/suspensions/{id}", Absent),
        ("post", "/suspensions/{id}/steps", Absent),
        ("get", "/suspensions/{id}/interruption", Public),
        ("post", "/suspensions/{id}/interruption", Absent),
        ("get", "/api/v1/suspensions", Any(T::Suspensions)),
        ("post", "/api/v1/suspensions", Any(T::SuspensionStop)),
        ("post", "/api/v1/suspensions/payments", Any(T::SuspensionLift)),
        ("get", "/api/v1/suspensions/{id}", Absent),
        ("post", "/api/v1/suspensions/{id}/steps", Absent),
        ("post", "/api/v1/suspensions/{id}/interruption", Absent),
        ("get", "/capture/existing", Any(T::Capture)),
        ("post", "/capture/existing", Any(T::Capture)),
        ("post", "/api/v1/registrations/existing", Any(T::Capture)),
        ("get", "/excess", Any(T::Excess)),
        ("get", "/excess/{id}", Absent),
        ("post", "/excess/{id}/settlement", Absent),
        ("get", "/imports", Any(T::Import)),
        ("get", "/imports/new", Any(T::Import)),
        ("post", "/imports/new", Any(T::Import)),
        ("get", "/imports/{id}", Absent),
        ("get", "/imports/{id}/rejects", Absent),
        ("post", "/imports/{id}/cancellation", Absent),
        ("get", "/ledger", Any(T::Ledger)),
        ("get", "/ledger/new", Any(T::LedgerApply)),
        ("post", "/ledger/new", Any(T::LedgerApply)),
        ("get", "/ledger/file", Any(T::LedgerManage)),
        ("post", "/ledger/file", Any(T::LedgerManage)),
        ("get", "/ledger/sweeps", Any(T::Ledger)),
        ("get", "/ledger/sweeps/new", Any(T::LedgerManage)),
        ("post", "/ledger/sweeps/new", Any(T::LedgerManage)),
        ("get", "/ledger/sweeps/{id}", Absent),
        ("post", "/ledger/sweeps/{id}/closure", Absent),
        ("get", "/ledger/sweeps/{id}/{resource}", Absent),
        ("post", "/ledger/sweeps/{id}/{resource}", Absent),
        ("get", "/ledger/checks", Any(T::Ledger)),
        ("get", "/screening", Any(T::Screening)),
        ("get", "/screening/stream", Any(T::Screening)),
        ("get", "/screening/verdicts", Any(T::Screening)),
        ("get", "/screening/verdicts/{evidence}", Absent),
        ("get", "/screening/verdicts/{evidence}/reveal", Public),
        ("post", "/screening/verdicts/{evidence}/reveal", Absent),
        ("get", "/screening/verdicts/{evidence}/second", Public),
        ("post", "/screening/verdicts/{evidence}/second", Absent),
        ("get", "/screening/verdicts/{evidence}/lift", Public),
        ("post", "/screening/verdicts/{evidence}/lift", Absent),
        ("get", "/screening/verdicts/{evidence}/do-not-call", Public),
        ("post", "/screening/verdicts/{evidence}/do-not-call", Absent),
        ("get", "/screening/appeals", Any(T::Screening)),
        ("get", "/screening/appeals/new", Any(T::ScreeningAppeal)),
        ("post", "/screening/appeals/new", Any(T::ScreeningAppeal)),
        ("get", "/screening/appeals/{id}", Absent),
        ("post", "/screening/appeals/{id}/steps", Absent),
        ("get", "/screening/rules", Any(T::Screening)),
        ("get", "/screening/rules/{rule}", Any(T::Screening)),
        ("post", "/screening/rules/{rule}", Any(T::ScreeningManage)),
        ("get", "/screening/lists", Any(T::Screening)),
        ("get", "/screening/lists/new", Any(T::ScreeningManage)),
        ("post", "/screening/lists/new", Any(T::ScreeningManage)),
        ("get", "/screening/lists/file", Any(T::ScreeningManage)),
        ("post", "/screening/lists/file", Any(T::ScreeningManage)),
        ("get", "/screening/lists/{id}", Absent),
        ("post", "/screening/lists/{id}", Absent),
        ("get", "/screening/versions", Any(T::Screening)),
        ("get", "/screening/versions/new", Any(T::ScreeningManage)),
        ("post", "/screening/versions/new", Any(T::ScreeningManage)),
        ("get", "/screening/versions/{version}", Absent),
        ("post", "/screening/versions/{version}", Any(T::ScreeningManage)),
        ("get", "/screening/figures", Any(T::Screening)),
        ("get", "/ledger/{id}", Absent),
        ("post", "/ledger/{id}/blacklist", Absent),
        ("post", "/ledger/{id}/papers", Absent),
        ("post", "/ledger/{id}/steps", Absent),
        ("get", "/remediation", Any(T::Remediation)),
        ("get", "/remediation/new", Any(T::RemediationRun)),
        ("post", "/remediation/new", Any(T::RemediationRun)),
        ("get", "/remediation/cases", Any(T::Remediation)),
        ("get", "/remediation/cases/search", Any(T::Remediation)),
        ("post", "/remediation/cases/search", Any(T::Remediation)),
        ("get", "/remediation/cases/{id}", Absent),
        ("get", "/remediation/cases/{id}/steps", Public),
        ("get", "/remediation/protected", Any(T::Remediation)),
        ("get", "/remediation/protected/new", Any(T::RemediationWork)),
        ("post", "/remediation/protected/new", Any(T::RemediationWork)),
        ("get", "/remediation/protected/file", Any(T::RemediationWork)),
        ("post", "/remediation/protected/file", Any(T::RemediationWork)),
        ("get", "/remediation/{id}/field", Absent),
        ("post", "/remediation/cases/{id}/steps", Absent),
        ("get", "/remediation/{id}", Absent),
        ("post", "/remediation/{id}/steps", Absent),
        ("get", "/tickets", Any(T::Tickets)),
        ("get", "/tickets/new", Any(T::TicketWork)),
        ("post", "/tickets/new", Any(T::TicketWork)),
        ("get", "/tickets/{id}", Absent),
        ("post", "/tickets/{id}/steps", Absent),
        ("post", "/tickets/{id}/appeals", Absent),
        ("post", "/tickets/{id}/refunds", Absent),
        ("get", "/tickets/{id}/reveal", Public),
        ("post", "/tickets/{id}/reveal", Absent),
        ("get", "/tickets/{id}/second", Public),
        ("post", "/tickets/{id}/second", Absent),
        ("get", "/appeals", Any(T::Tickets)),
        ("get", "/appeals/{id}", Absent),
        ("post", "/appeals/{id}/steps", Absent),
        ("get", "/refunds", Any(T::Tickets)),
        ("get", "/refunds/{id}", Absent),
        ("post", "/refunds/{id}/steps", Absent),
        ("get", "/warnings", Any(T::Tickets)),
        ("get", "/warnings/{id}", Absent),
        ("post", "/warnings/{id}/acknowledgement", Absent),
        ("get", "/bulletins", Any(T::Figures)),
        ("get", "/bulletins/compare", Any(T::Figures)),
        ("get", "/bulletins/{id}", Absent),
        ("get", "/bulletins/{id}/print", Absent),
        ("get", "/bulletins/{id}/xlsx", Absent),
        ("get", "/api/v1/bulletins", Any(T::Figures)),
        ("get", "/api/v1/bulletins/{id}", Absent),
        ("get", "/api/v1/tickets", Any(T::Tickets)),
        ("post", "/api/v1/tickets", Any(T::TicketWork)),
        ("get", "/api/v1/tickets/{id}", Absent),
        ("post", "/api/v1/tickets/{id}/steps", Absent),
        // Asked with a ticket nobody has.
        ("post", "/api/v1/appeals", Any(T::TicketWork)),
        ("post", "/api/v1/appeals/{id}/steps", Absent),
        ("post", "/api/v1/refunds", Any(T::TicketWork)),
        ("post", "/api/v1/refunds/{id}/steps", Absent),
        ("post", "/api/v1/hotline/ivr-tags", Any(T::IvrTags)),
        ("get", "/api/v1/hotline/always-reachable", Any(T::IvrTags)),
        ("post", "/views", Own),
        ("post", "/views/removal", Own),
        ("get", "/overview", Any(T::Figures)),
        ("get", "/capture", Any(T::Capture)),
        ("post", "/capture", Any(T::Capture)),
        ("get", "/capture/{id}", At(T::Capture)),
        ("get", "/capture/{id}/document", At(T::Capture)),
        ("post", "/capture/{id}/document", At(T::Capture)),
        ("get", "/capture/{id}/portrait", At(T::Capture)),
        ("post", "/capture/{id}/portrait", At(T::Capture)),
        ("get", "/capture/{id}/signature", At(T::Capture)),
        ("post", "/capture/{id}/signature", At(T::Capture)),
        ("get", "/capture/{id}/submission", At(T::Capture)),
        ("post", "/capture/{id}/submission", At(T::Capture)),
        ("post", "/capture/{id}/cancellation", At(T::Cancel)),
        ("get", "/orders", Any(T::Orders)),
        ("get", "/orders/{id}", At(T::Orders)),
        ("get", "/orders/{id}/images/{kind}", At(T::Pictures)),
        ("get", "/orders/{id}/images/second", Public),
        ("post", "/orders/{id}/images/second", At(T::Pictures)),
        ("post", "/orders/{id}/reveal", At(T::Reveal)),
        ("post", "/orders/{id}/decision", At(T::Senior)),
        ("post", "/orders/{id}/recheck", At(T::Senior)),
        ("post", "/orders/{id}/delivery", At(T::Capture)),
        ("get", "/audit", Any(T::Queue)),
        ("post", "/audit/next", Any(T::Audit)),
        ("post", "/audit/{id}/claim", At(T::Audit)),
        ("post", "/audit/{id}/release", At(T::Audit)),
        ("post", "/audit/{id}/approval", At(T::Audit)),
        ("post", "/audit/{id}/return", At(T::Audit)),
        ("post", "/audit/{id}/rejection", At(T::Audit)),
        ("post", "/audit/{id}/escalation", At(T::Audit)),
        ("post", "/audit/{id}/decision", At(T::Senior)),
        ("post", "/audit/{id}/recheck", At(T::Senior)),
        ("get", "/channels", Any(T::Channels)),
        ("get", "/channels/{id}", At(T::Channels)),
        ("post", "/channels/{id}/step", At(T::Step)),
        ("get", "/people", Any(T::People)),
        ("get", "/people/new", Any(T::Manage)),
        ("post", "/people/new", Any(T::Manage)),
        ("get", "/people/{id}", At(T::People)),
        ("post", "/people/{id}/departure", At(T::Manage)),
        ("get", "/network", Any(T::Network)),
        ("post", "/network/{id}/retry", Any(T::Retry)),
        ("get", "/log", Any(T::Log)),
        // JSON.
        ("post", "/api/v1/session", Public),
        ("get", "/api/v1/session", Own),
        ("delete", "/api/v1/session", Own),
        ("post", "/api/v1/session/totp", Own),
        ("post", "/api/v1/session/password", Own),
        ("post", "/api/v1/session/passkey/begin", Own),
        ("post", "/api/v1/session/passkey/finish", Own),
        ("get", "/api/v1/passkeys", Own),
        ("post", "/api/v1/passkeys/begin", Own),
        ("post", "/api/v1/passkeys/finish", Own),
        ("post", "/api/v1/totp/begin", Own),
        ("post", "/api/v1/totp/confirm", Own),
        ("get", "/api/v1/sessions", Own),
        ("delete", "/api/v1/sessions/{id}", Own),
        ("get", "/api/v1/people", Any(T::People)),
        ("post", "/api/v1/people", Any(T::Manage)),
        ("put", "/api/v1/people/{id}/departure", At(T::Manage)),
        ("put", "/api/v1/people/{id}/roles", At(T::Manage)),
        ("put", "/api/v1/people/{id}/password", At(T::Manage)),
        ("delete", "/api/v1/people/{id}/factors", At(T::Manage)),
        ("post", "/api/v1/people/{id}/training", At(T::Train)),
        ("get", "/api/v1/api-keys", Any(T::Keys)),
        ("post", "/api/v1/api-keys", Any(T::Keys)),
        ("delete", "/api/v1/api-keys/{id}", Any(T::Keys)),
        ("get", "/api/v1/numbers/free", Any(T::Capture)),
        ("get", "/api/v1/registrations", Any(T::Orders)),
        ("post", "/api/v1/registrations", Any(T::Capture)),
        ("get", "/api/v1/registrations/{id}", At(T::Orders)),
        ("delete", "/api/v1/registrations/{id}", At(T::Cancel)),
        ("post", "/api/v1/registrations/{id}/reservation", At(T::Capture)),
        ("post", "/api/v1/registrations/{id}/images/{kind}", At(T::Capture)),
        ("get", "/api/v1/registrations/{id}/images/{kind}", At(T::Pictures)),
        ("post", "/api/v1/registrations/{id}/images/second-person", At(T::Pictures)),
        ("post", "/api/v1/registrations/{id}/capture", At(T::Capture)),
        ("post", "/api/v1/registrations/{id}/submission", At(T::Capture)),
        ("post", "/api/v1/registrations/{id}/delivery", At(T::Capture)),
        ("get", "/api/v1/registrations/{id}/timeline", At(T::Orders)),
        ("get", "/api/v1/registrations/{id}/same-person", At(T::Orders)),
        ("post", "/api/v1/registrations/{id}/reveals", At(T::Reveal)),
        ("get", "/api/v1/audit-queue", Any(T::Audit)),
        ("post", "/api/v1/audit-queue/next", Any(T::Audit)),
        ("post", "/api/v1/registrations/{id}/lease", At(T::Audit)),
        ("delete", "/api/v1/registrations/{id}/lease", At(T::Audit)),
        // Asked with a number nobody has: how far it reaches is told with the queue.
        ("put", "/api/v1/registrations/{id}/lease", Any(T::Assign)),
        ("post", "/api/v1/registrations/{id}/approval", At(T::Audit)),
        ("post", "/api/v1/registrations/{id}/return", At(T::Audit)),
        ("post", "/api/v1/registrations/{id}/rejection", At(T::Audit)),
        ("post", "/api/v1/registrations/{id}/escalation", At(T::Audit)),
        ("post", "/api/v1/registrations/{id}/votes", At(T::Senior)),
        ("post", "/api/v1/registrations/{id}/recheck", At(T::Senior)),
        ("post", "/api/v1/persons/links", Any(T::Link)),
        ("post", "/api/v1/persons/restrictions", Any(T::Dispute)),
        ("get", "/api/v1/channels", Any(T::Channels)),
        ("post", "/api/v1/channels", Any(T::Admit)),
        ("get", "/api/v1/channels/{id}", At(T::Channels)),
        // Asked with the first step, vetting; a penalty is asked on the page.
        ("post", "/api/v1/channels/{id}/steps", At(T::Admit)),
        ("post", "/api/v1/channels/{id}/visits", At(T::Visit)),
        // An outlet does not hear beforehand who comes when.
        ("get", "/visits", Any(T::Visit)),
        ("get", "/visits/new", Any(T::VisitPlan)),
        ("post", "/visits/new", Any(T::VisitPlan)),
        ("get", "/visits/{id}", Absent),
        ("post", "/visits/{id}/steps", Absent),
        ("get", "/api/v1/visits", Any(T::Visit)),
        ("post", "/api/v1/visits", Any(T::VisitPlan)),
        ("get", "/api/v1/visits/{id}", Absent),
        ("post", "/api/v1/visits/{id}/steps", Absent),
        ("post", "/api/v1/region-modes", Any(T::Admit)),
        ("get", "/api/v1/figures", Any(T::Figures)),
        ("get", "/api/v1/ledger", Any(T::Ledger)),
        ("post", "/api/v1/ledger", Any(T::LedgerApply)),
        ("post", "/api/v1/ledger/files", Any(T::LedgerManage)),
        ("get", "/api/v1/ledger/files", Any(T::Ledger)),
        ("post", "/api/v1/ledger/blacklist", Any(T::LedgerDispose)),
        ("get", "/api/v1/ledger/sweeps", Any(T::Ledger)),
        ("post", "/api/v1/ledger/sweeps", Any(T::LedgerManage)),
        ("get", "/api/v1/ledger/sweeps/{id}", Absent),
        ("get", "/api/v1/ledger/sweeps/{id}/checks", Absent),
        ("put", "/api/v1/ledger/sweeps/{id}/checks/{resource}", Absent),
        ("post", "/api/v1/ledger/sweeps/{id}/closure", Absent),
        ("get", "/api/v1/ledger/{id}", Absent),
        ("get", "/api/v1/ledger/{id}/findings", Absent),
        ("post", "/api/v1/ledger/{id}/papers", Absent),
        ("post", "/api/v1/ledger/{id}/steps", Absent),
        ("post", "/api/v1/screening/decisions", Any(T::ScreeningDecide)),
        ("post", "/api/v1/screening/decisions/batch", Any(T::ScreeningDecide)),
        ("post", "/api/v1/screening/outcomes", Any(T::ScreeningDecide)),
        ("get", "/api/v1/screening/live", Any(T::Screening)),
        ("get", "/api/v1/screening/verdicts", Any(T::Screening)),
        ("post", "/api/v1/screening/verdicts/search", Any(T::Screening)),
        ("get", "/api/v1/screening/figures", Any(T::Screening)),
        ("get", "/api/v1/screening/lists/{list}", Any(T::Screening)),
        ("post", "/api/v1/screening/lists/{list}", Any(T::ScreeningManage)),
        ("post", "/api/v1/screening/lists/{list}/files", Any(T::ScreeningManage)),
        ("post", "/api/v1/screening/entries/{id}/end", Any(T::ScreeningManage)),
        ("get", "/api/v1/screening/rules", Any(T::Screening)),
        ("put", "/api/v1/screening/rules", Any(T::ScreeningManage)),
        ("get", "/api/v1/screening/trunks", Any(T::Screening)),
        ("put", "/api/v1/screening/trunks", Any(T::ScreeningManage)),
        ("get", "/api/v1/screening/snapshots", Any(T::Screening)),
        ("post", "/api/v1/screening/snapshots", Any(T::ScreeningManage)),
        ("put", "/api/v1/screening/snapshots/active", Any(T::ScreeningManage)),
        ("get", "/api/v1/screening/snapshots/difference", Any(T::Screening)),
        ("get", "/api/v1/screening/appeals", Any(T::Screening)),
        ("post", "/api/v1/screening/appeals", Any(T::ScreeningAppeal)),
        ("post", "/api/v1/screening/appeals/{id}/decision", Any(T::ScreeningManage)),
        ("get", "/api/v1/remediation/campaigns", Any(T::Remediation)),
        ("post", "/api/v1/remediation/campaigns", Any(T::RemediationRun)),
        ("get", "/api/v1/remediation/campaigns/{id}", Absent),
        ("post", "/api/v1/remediation/campaigns/{id}/steps", Absent),
        ("get", "/api/v1/remediation/campaigns/{id}/simulation", Absent),
        ("post", "/api/v1/remediation/campaigns/{id}/waves", Absent),
        ("post", "/api/v1/remediation/campaigns/{id}/plan", Absent),
        ("post", "/api/v1/remediation/campaigns/{id}/targets", Absent),
        ("post", "/api/v1/remediation/campaigns/{id}/parcels", Absent),
        ("post", "/api/v1/remediation/campaigns/{id}/publicity", Absent),
        ("get", "/api/v1/remediation/cases", Any(T::Remediation)),
        ("get", "/api/v1/remediation/cases/{id}", Absent),
        ("post", "/api/v1/remediation/cases/{id}/steps", Absent),
        ("get", "/api/v1/remediation/refunds", Any(T::Remediation)),
        ("get", "/api/v1/remediation/protected", Any(T::Remediation)),
        ("post", "/api/v1/remediation/protected", Any(T::RemediationWork)),
        ("post", "/api/v1/remediation/protected/files", Any(T::RemediationWork)),
        ("post", "/api/v1/remediation/protected/{id}/removal", Absent),
        ("get", "/api/v1/excess-numbers", Any(T::Excess)),
        ("get", "/api/v1/excess-numbers/{id}", Absent),
        ("post", "/api/v1/excess-numbers/{id}/settlement", Absent),
        ("get", "/api/v1/imports", Any(T::Import)),
        ("post", "/api/v1/imports", Any(T::Import)),
        ("post", "/api/v1/imports/trial", Any(T::Import)),
        ("get", "/api/v1/imports/{id}", Absent),
        ("get", "/api/v1/imports/{id}/rejects", Absent),
        ("post", "/api/v1/imports/{id}/cancellation", Absent),
        ("get", "/api/v1/dead-letters", Any(T::Network)),
        ("post", "/api/v1/dead-letters/{id}/retry", Any(T::Retry)),
        ("post", "/api/v1/network/feedback", Public),
        ("get", "/api/v1/audit-log", Any(T::Log)),
        ("get", "/api/v1/audit-log/checkpoint", Public),
        ("get", "/api/v1/audit-log/entries/{id}/proof", Any(T::Log)),
        ("get", "/api/v1/audit-log/consistency", Any(T::Log)),
    ]
};

/// How a field of a view is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Masked,
    Clear,
}

/// What the JSON of one order, one row of orders and one row of people says of somebody, to every role that may see it at all. Clear values are
/// had one at a time, with a purpose, by whoever [`Topic::Reveal`] reaches.
const FIELDS: [(&str, &str, Shown); 10] = [
    ("/api/v1/registrations/{id}", "/parties/0/name", Shown::Masked),
    ("/api/v1/registrations/{id}", "/parties/0/document_number", Shown::Masked),
    ("/api/v1/registrations/{id}", "/parties/0/address", Shown::Masked),
    ("/api/v1/registrations/{id}", "/parties/0/phone", Shown::Masked),
    ("/api/v1/registrations/{id}", "/number", Shown::Masked),
    ("/api/v1/registrations/{id}", "/parties/0/document_kind", Shown::Clear),
    ("/api/v1/registrations", "/items/0/name", Shown::Masked),
    ("/api/v1/registrations", "/items/0/number", Shown::Masked),
    ("/api/v1/people", "/items/0/name", Shown::Masked),
    ("/api/v1/people", "/items/0/number", Shown::Clear),
];

/// A name nobody may read in a list, and the numbers of the customers.
const COLLEAGUE: &str = "欧阳隐名";
const CUSTOMER: [&str; 4] = ["测试甲", "示范区一号", "19900009999", "19900006"];

/// Four outlets, one at each distance, each with an order, a picture and a colleague.
struct Country {
    kit: Kit,
    router: Router,
    near: Vec<Things>,
    tokens: Vec<(Role, String)>,
}

async fn found(kit: &Kit, kind: OrganisationKind, region: &'static str, under_hq: bool) -> OrganisationId {
    let (id, hq) = (OrganisationId(kit.app.ids.next(kit::start())), kit.hq);
    let new = move || organisation::NewOrganisation { id, kind, parent: under_hq.then_some(hq), region, zh: "单位", en: "Unit" };
    kit.app.write(move |tx| organisation::create(tx, &new(), kit::start())).await.unwrap();
    id
}

async fn outlet(kit: &Kit, code: &'static str, region: &'static str) -> OrganisationId {
    let id = found(kit, OrganisationKind::Channel, region, true).await;
    let new = move || channels::Channel {
        organisation: id,
        code: code.to_owned(),
        kind: ChannelKind::SocialOutlet,
        region: region.to_owned(),
        state: channels::State::Active,
        version: 1,
        clauses: channels::Clause::COMPLETE,
        reader: true,
        app: true,
        warnings: 0,
        updated_at: kit::start(),
    };
    kit.app.write(move |tx| channels::insert(tx, &new())).await.unwrap();
    id
}

async fn country() -> (chuangsha_store::testkit::TestStore, Country) {
    let engine = chuangsha_store::testkit::sqlite().await;
    let kit = Kit::new(engine.store.clone()).await;
    let province = found(&kit, OrganisationKind::Province, "99", true).await;
    let call_centre = found(&kit, OrganisationKind::CallCentre, CITY, true).await;
    let administration = found(&kit, OrganisationKind::Administration, "99", false).await;
    let ministry = found(&kit, OrganisationKind::Ministry, "", false).await;
    let places = [("N-1", CITY), ("N-2", CITY), ("N-3", "990200"), ("N-4", "980100")];
    let (mut near, mut tokens, mut own) = (Vec::new(), Vec::new(), None);
    for (index, (code, region)) in (0_u16..).zip(places) {
        let outlet = outlet(&kit, code, region).await;
        let mut clerk = kit.clerk(outlet);
        region.clone_into(&mut clerk.region);
        if index == 0 {
            let (staff, token) = arrive(&kit, "R-0", outlet, Role::Clerk).await;
            clerk = Actor { staff, ..clerk };
            tokens.push((Role::Clerk, token));
            own = Some(outlet);
        }
        let number = numbers(&kit, region, index).await;
        let order = kit.reserved(&clerk, number, 70 + index).await.unwrap();
        let card = pictures::Card { name: "TEST", number: "990101", address: "DEMO", valid: "2020-01-01 - 2040-01-01", seed: 1 };
        let front = pictures::document_front(&card, None);
        chuangsha_app::registration::desk::add_image(&kit.app, &clerk, order, ImageKind::DocumentFront, front).await.unwrap();
        let staff = colleague(&kit, outlet, index).await;
        near.push(Things { order: order.0, outlet: outlet.0, staff: staff.0 });
    }
    assert!(own.is_some());
    const NUMBERS: [&str; 15] =
        ["R-1", "R-2", "R-3", "R-4", "R-5", "R-6", "R-7", "R-8", "R-9", "R-10", "R-11", "R-12", "R-13", "R-14", "R-15"];
    for (role, number) in Role::ALL.iter().copied().filter(|role| *role != Role::Clerk).zip(NUMBERS) {
        let seat = match role {
            Role::MinistryInspector => ministry,
            Role::AdministrationInspector => administration,
            Role::CityManager | Role::ChannelManager => kit.city,
            Role::ProvinceManager => province,
            Role::Auditor | Role::SeniorAuditor => kit.audit_centre,
            Role::CallCentreManager => call_centre,
            _ => kit.hq,
        };
        tokens.push((role, arrive(&kit, number, seat, role).await.1));
    }
    assert_eq!(tokens.len(), Role::ALL.len(), "every role is asked");
    let router = router(&kit);
    (engine, Country { kit, router, near, tokens })
}

async fn numbers(kit: &Kit, region: &'static str, index: u16) -> Uuid {
    use chuangsha_app::registration::{order::Product, table};
    let (app, id) = (kit.app.clone(), kit.app.ids.next(kit::start()));
    kit.app
        .write(move |tx| {
            let digits = format!("19900006{index:03}");
            let number = table::PoolNumber {
                id,
                index: app.vault.blind(chuangsha_vault::Field::Phone, &digits)?.0.to_vec(),
                sealed: app.seal_pool_number(tx, id, &digits)?,
                region: region.to_owned(),
                product: Product::Voice,
                state: table::NumberState::Free as i64,
                holder: None,
            };
            table::add_number(tx, &number)
        })
        .await
        .unwrap();
    id
}

async fn colleague(kit: &Kit, organisation: OrganisationId, index: u16) -> StaffId {
    let (app, id) = (kit.app.clone(), StaffId(kit.app.ids.next(kit::start())));
    kit.app
        .write(move |tx| {
            let number = format!("C-{index}");
            let roles = RoleSet::of(&[Role::Clerk]);
            let new = NewStaff {
                id,
                number: &number,
                name: COLLEAGUE,
                organisation,
                roles,
                password: "-",
                must_change: true,
                trained_until: None,
            };
            app.join(tx, &new, kit::start())
        })
        .await
        .unwrap();
    id
}

/// One field in clear; this form takes nothing else.
const REVEAL: [(&str, &str); 5] =
    [("role", "holder"), ("field", "name"), ("purpose", "customer_call"), ("case", "T-20931"), ("words", "客户来电")];

/// A full number nobody has.
const LOOK_UP: [(&str, &str); 2] = [("by", "number"), ("value", "19900007999")];

const PROTECT: [(&str, &str); 2] = [("protect", "true"), ("words", "测试")];

/// Everything any form of ours asks for: what a handler does not know it leaves alone.
const EVERYTHING: [(&str, &str); 19] = [
    ("version", "1"),
    ("words", "测试"),
    ("reason", "other"),
    ("role", "holder"),
    ("field", "name"),
    ("purpose", "audit"),
    ("vote", "approve"),
    ("finding", "sound"),
    ("step", "penalise"),
    ("violation", "minor"),
    ("responsible_unit", "单位"),
    ("responsible_post", "岗位"),
    ("document_kind", "resident_id"),
    ("list", "/orders"),
    ("name", "x"),
    ("old", "x"),
    ("new", "x"),
    ("code", "000000"),
    ("answer", "{}"),
];

impl Country {
    async fn ask(&self, what: &str, method: &str, path: &str, things: &Things, token: &str, operation: Option<&Operation>) -> Answer {
        let request = match operation {
            Some(operation) => operation.proper(things, Some(token)),
            None if method == "get" => browse(method, &things.fill(path), Some(token)).body(Body::empty()).unwrap(),
            None if path.starts_with("/capture") && !path.ends_with("cancellation") => {
                let request = browse(method, &things.fill(path), Some(token));
                let body = "--x\r\ncontent-disposition: form-data; name=\"version\"\r\n\r\n1\r\n--x--\r\n";
                request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=x").body(Body::from(body)).unwrap()
            }
            None if path.ends_with("/reveal") || path.ends_with("/second") => form(&things.fill(path), Some(token), "/", &REVEAL),
            None if path == "/persons" => form(path, Some(token), "/", &LOOK_UP),
            None if path.ends_with("/protection") => form(&things.fill(path), Some(token), "/", &PROTECT),
            None => {
                let number = kit::resident_id(1);
                let fields: Vec<_> = EVERYTHING.into_iter().chain([("document_number", number.as_str())]).collect();
                form(&things.fill(path), Some(token), "/", &fields)
            }
        };
        send(&self.router, what, request).await
    }
}

fn refused(answer: &Answer) -> bool {
    matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_on_every_route_near_and_far_and_what_it_sees() {
    let (_engine, country) = country().await;
    let described: BTreeMap<(String, String), Operation> =
        operations().into_iter().map(|operation| ((operation.method.clone(), operation.path.clone()), operation)).collect();
    let there = addresses(&country.router);
    let unplaced: Vec<_> = there.iter().filter(|(method, path)| !PLACES.iter().any(|place| place.0 == method && place.1 == path)).collect();
    assert!(unplaced.is_empty(), "say in PLACES who may do this: {unplaced:?}");
    let gone: Vec<_> = PLACES.iter().filter(|place| !there.contains(&(place.0.to_owned(), place.1.to_owned()))).collect();
    assert!(gone.is_empty(), "no route any more: {gone:?}");

    let (mut wrong, mut asked) = (Vec::new(), 0);
    // Looking first: a step may change what there is to see.
    let (looks, steps): (Vec<_>, Vec<_>) = PLACES.iter().partition(|place| place.0 == "get");
    for &(method, path, place) in looks.into_iter().chain(steps) {
        let operation = described.get(&(method.to_owned(), path.to_owned()));
        let topic = match place {
            // What is everybody's own is asked elsewhere; it may end the session that asks.
            Place::Public | Place::Own => continue,
            Place::Any(topic) | Place::At(topic) => Some(topic),
            Place::Absent => None,
        };
        for (role, token) in &country.tokens {
            let far = topic.map_or(Reach::No, |topic| reach(topic, *role));
            for ((distance, at), things) in DISTANCES.iter().zip(&country.near) {
                let one = matches!(place, Place::At(_));
                let may = if one { far >= *at } else { far > Reach::No };
                let what = format!("{role}: {method} {path} ({distance})");
                let answer = country.ask(&what, method, path, things, token, operation).await;
                asked += 1;
                let text = answer.text();
                // Whatever the answer, nobody reads a customer or a colleague by it.
                if !path.ends_with("/reveals") && !path.ends_with("/reveal") {
                    for secret in CUSTOMER.iter().chain([&COLLEAGUE]) {
                        // Free numbers are nobody's yet.
                        let offered = *secret == "19900006" && (path.starts_with("/capture") || path.contains("/numbers/"));
                        if text.contains(secret) && !offered {
                            wrong.push(format!("{what}: shows {secret}"));
                        }
                    }
                }
                let ok = match (may, method) {
                    // An empty gap of the address, or a state in which the step is not possible, is another answer than "you may not".
                    (true, "get") => {
                        answer.status.is_success()
                            || (answer.status.is_redirection() && !answer.header("location").starts_with("/login"))
                            || (path.starts_with("/api/v1/audit-log/") && text.contains("platform.not_found"))
                    }
                    // A program is told why; an outlet that was penalised meanwhile, or is nobody's own hall, is refused for that.
                    (true, _) => {
                        answer.status != StatusCode::FORBIDDEN
                            || ["registration.channel_not_active", "resources.own_halls_only"].iter().any(|code| text.contains(code))
                    }
                    (false, _) => refused(&answer),
                };
                if !ok {
                    let told = if path.starts_with("/api/") { text.as_str() } else { "" };
                    wrong.push(format!("{what}: {} where the oracle says {} {told}", answer.status, if may { "yes" } else { "no" }));
                }
                for (_, pointer, shown) in FIELDS.iter().filter(|field| field.0 == path && may && method == "get") {
                    let view: Value = serde_json::from_str(&text).unwrap();
                    let value = view.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{what}: no {pointer} in {text}"));
                    if value.contains('*') != (*shown == Shown::Masked) {
                        wrong.push(format!("{what}: {pointer} is not {shown:?}"));
                    }
                }
                if (path.ends_with("/reveals") || path.ends_with("/reveal"))
                    && may != (text.contains(CUSTOMER[0]) && answer.status.is_success())
                {
                    wrong.push(format!("{what}: {} of a field in clear", answer.status));
                }
                if !one {
                    break;
                }
            }
        }
    }
    println!("{asked} asked");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(country.kit.broken().await, Vec::<&str>::new());
}
