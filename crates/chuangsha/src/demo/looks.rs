//! 演示查看: agents who looked at subscribers, persons under protection, requests for a second person; made by the application's own steps.

use chuangsha_app::{
    App,
    platform::{
        actor::Actor,
        failure::{Failure, Result},
        reveal::Reveal,
        second::{self, Answer},
    },
    subscribers::{
        find::{self, BY_NUMBER, Search},
        view::{self, Protection},
    },
};
use chuangsha_kernel::role::Role;
use chuangsha_world::city::{DemoProvince, DemoSubscriber};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Login, SEED, base, orders};

/// What the agents look at, and why.
const LOOKS: [(&str, &str, &str, &str); 6] = [
    ("document_number", "customer_call", "T-20931", "客户来电核对证件末位"),
    ("address", "customer_call", "T-20934", "客户来电变更邮寄地址"),
    ("name", "complaint", "C-1102", "投诉处理：核对投诉人"),
    ("number", "customer_call", "T-20940", "客户来电，号码听不清"),
    ("document_number", "complaint", "C-1107", "投诉处理：非本人办理"),
    ("address", "lawful_request", "Z-2026-118", "依法协助，文书已核"),
];

/// Lets the two agents look, the officer protect two persons, and leaves a request for a second person in each state a list shows.
pub async fn seed(app: &App, logins: &[Login]) -> Result<()> {
    let agents = [orders::who(app, logins, Role::HotlineAgent, 0, false)?, orders::who(app, logins, Role::HotlineAgent, 1, false)?];
    let officer = orders::who(app, logins, Role::PrivacyOfficer, 0, false)?;
    // Those who hold several numbers first: theirs are the pages with something on them.
    let people: Vec<DemoSubscriber> = DemoProvince::new(SEED)
        .subscribers()
        .take(base::SUBSCRIBERS as usize)
        .step_by(base::EVERY as usize)
        .filter(|one| one.real_name)
        .take(8)
        .collect();
    let mut pages = Vec::new();
    for (nth, one) in people.iter().enumerate() {
        pages.push(page_of(app, &agents[nth % 2], one).await?);
    }
    for ((field, purpose, case, words), (nth, page)) in LOOKS.into_iter().zip(pages.iter().enumerate()) {
        view::reveal(app, &agents[nth % 2], *page, ask(field, purpose, case, words)).await?;
    }
    let [.., sixth, seventh] = pages.as_slice() else { return Err(Failure::internal("the demo has too few subscribers")) };
    for page in [sixth, seventh] {
        view::protect(app, &officer, *page, Protection { protect: true, words: "公众人物，防止窥探".to_owned() }).await?;
    }
    let [first, second] = &agents;
    request(app, first, *sixth, ask("document_number", "customer_call", "T-20951", "客户来电核对证件")).await?;
    request(app, second, *seventh, ask("address", "complaint", "C-1113", "投诉处理：核对安装地址")).await?;
    let agreed = request(app, second, *sixth, ask("name", "complaint", "C-1111", "投诉处理：核对投诉人")).await?;
    second::answer(app, &officer, agreed, Answer::Approve, String::new()).await?;
    let refused = request(app, first, *seventh, ask("number", "customer_call", "T-20960", "客户来电")).await?;
    second::answer(app, &officer, refused, Answer::Refuse, "工单与该用户无关".to_owned()).await
}

async fn page_of(app: &App, agent: &Actor, one: &DemoSubscriber) -> Result<Uuid> {
    find::search(app, agent, Search { by: BY_NUMBER.to_owned(), value: Zeroizing::new(one.phone.clone()), on: String::new() }).await
}

fn ask(field: &str, purpose: &str, case: &str, words: &str) -> Reveal {
    Reveal { field: field.to_owned(), purpose: purpose.to_owned(), case: case.to_owned(), words: words.to_owned(), ..Reveal::default() }
}

async fn request(app: &App, agent: &Actor, page: Uuid, asked: Reveal) -> Result<Uuid> {
    view::ask_second(app, agent, page, asked).await
}
