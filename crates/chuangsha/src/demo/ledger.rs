//! 演示台账: trunks and service numbers of organisations that do not exist, in every state a line can be in.

use chuangsha_app::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
    },
    resources::{self, Application, Asked, Clause, Defect, Direction, Document, Industry, Kind, Paper, Purpose, Resource},
};
use chuangsha_kernel::OrganisationCode;

/// How far a line is taken.
#[derive(Clone, Copy, PartialEq)]
enum Goal {
    Applied,
    Vetted,
    Active,
    Correcting(Defect),
    ShutDown,
}

type Line = (&'static str, Kind, &'static str, Industry, Purpose, Direction, &'static str, Goal);

const PLAN: [Line; 9] = [
    ("9901-T01", Kind::VoiceTrunk, "演示银行", Industry::FinanceInsurance, Purpose::Notice, Direction::Both, "03997000*", Goal::Active),
    (
        "9901-T02",
        Kind::VoiceTrunk,
        "演示外呼中心",
        Industry::CallCentre,
        Purpose::CustomerService,
        Direction::OutboundOnly,
        "95901*",
        Goal::Active,
    ),
    (
        "9901-T03",
        Kind::VoiceTrunk,
        "演示地产经纪",
        Industry::RealEstateAgent,
        Purpose::CustomerService,
        Direction::Both,
        "96901",
        Goal::Correcting(Defect::ActualDiffers),
    ),
    (
        "9901-T04",
        Kind::VoiceTrunk,
        "演示百货",
        Industry::RetailPromotion,
        Purpose::Marketing,
        Direction::Both,
        "96902",
        Goal::Correcting(Defect::Abnormal),
    ),
    ("9901-T05", Kind::VoiceTrunk, "演示快递", Industry::Logistics, Purpose::Delivery, Direction::Both, "03997003*", Goal::Active),
    ("95904", Kind::Number95, "演示保险", Industry::FinanceInsurance, Purpose::CustomerService, Direction::InboundOnly, "", Goal::Vetted),
    ("96905", Kind::Number96, "演示燃气", Industry::PublicService, Purpose::CustomerService, Direction::InboundOnly, "", Goal::Active),
    (
        "4009909906",
        Kind::Number400,
        "演示家电",
        Industry::RetailPromotion,
        Purpose::CustomerService,
        Direction::InboundOnly,
        "",
        Goal::Applied,
    ),
    ("9901-T07", Kind::VoiceTrunk, "演示信息咨询", Industry::Other, Purpose::Marketing, Direction::Both, "95907", Goal::ShutDown),
];

/// The voice trunks of the plan, by code.
pub fn trunks() -> impl Iterator<Item = &'static str> {
    PLAN.iter().filter(|line| line.1 == Kind::VoiceTrunk).map(|line| line.0)
}

/// Writes every line of the plan, by the steps a manager takes.
///
/// # Errors
/// As the steps.
pub async fn seed(app: &App, manager: &Actor) -> Result<()> {
    let province = manager.region.get(..2).unwrap_or_default();
    let provinces = app.rules.provinces();
    let city = provinces.cities(province).next().map(|city| city.code.clone());
    let region = format!("{}00", city.ok_or_else(|| Failure::internal("the demo province has no city"))?);
    for (nth, line) in PLAN.iter().enumerate() {
        carry(app, manager, &region, nth, line).await?;
    }
    Ok(())
}

async fn carry(app: &App, manager: &Actor, region: &str, nth: usize, line: &Line) -> Result<()> {
    let (code, kind, name, industry, purpose, direction, callers, goal) = *line;
    let credit = OrganisationCode::compose('9', '1', region, &format!("MA99{nth:04}"));
    let application = Application {
        code: code.to_owned(),
        kind,
        region: region.to_owned(),
        subject_code: credit.map_err(|error| Failure::internal(error.to_string()))?,
        subject_name: name.to_owned(),
        industry,
        papers: Document::ALL
            .iter()
            .map(|document| Paper { document: *document, reference: format!("DEMO-{nth}"), valid_until: None, in_scope: true })
            .collect(),
        access_point: "演示机楼 3 层".to_owned(),
        purpose,
        direction,
        callers: if callers.is_empty() { Vec::new() } else { vec![callers.to_owned()] },
        unit: "演示政企客户部".to_owned(),
        owner: manager.number.clone(),
    };
    let mut at = resources::apply(app, manager, application).await?;
    for asked in way(goal) {
        at = step(app, manager, &at, asked).await?;
    }
    Ok(())
}

fn way(goal: Goal) -> Vec<Asked> {
    let open = || Asked::Open { clauses: Clause::ALL.to_vec(), calls_per_callee: 2, calls_per_day: 2_000 };
    match goal {
        Goal::Applied => Vec::new(),
        Goal::Vetted => vec![Asked::Vet],
        Goal::Active => vec![Asked::Vet, open()],
        Goal::Correcting(defect) => vec![Asked::Vet, open(), Asked::Find { defect }],
        Goal::ShutDown => vec![Asked::Vet, open(), Asked::ShutDown],
    }
}

async fn step(app: &App, manager: &Actor, at: &Resource, asked: Asked) -> Result<Resource> {
    resources::step(app, manager, at.id, at.version, asked, "演示".to_owned()).await
}
