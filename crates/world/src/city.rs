//! 演示省: a province that does not exist, with its organisations, outlets, staff and subscribers. Plain data, no store: whoever seeds a demo or
//! a test walks these iterators. The region code 99 belongs to no province, so no identity here can be a real one.

use chuangsha_kernel::{
    document::{DocumentKind, ResidentId, Sex},
    organisation::OrganisationCode,
    role::{OrganisationKind, Role},
    rulebook::ChannelKind,
};
use jiff::{
    ToSpan,
    civil::{Date, date},
};

use crate::random::Random;

/// How many cities the province has.
pub const CITIES: usize = 11;
/// How many outlets.
pub const OUTLETS: usize = 400;
/// How many members of staff.
pub const STAFF: usize = 60;
/// More subscribers would need a second number range.
pub const MOST_SUBSCRIBERS: u32 = 10_000_000;

/// 演示省, from one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoProvince {
    seed: u64,
}

/// 组织
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoOrganisation {
    /// Stable handle within the demo: `carrier`, `city-03`, `outlet-0042`.
    pub handle: String,
    /// Handle of the organisation above.
    pub parent: Option<String>,
    /// What it is.
    pub kind: OrganisationKind,
    /// 名称
    pub zh: String,
    /// English name.
    pub en: String,
    /// `000000` for the whole country, `990000`, `990100`.
    pub region: String,
    /// 统一社会信用代码, valid.
    pub code: String,
}

/// 网点
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoOutlet {
    /// As an organisation.
    pub organisation: DemoOrganisation,
    /// Own hall, social outlet or online.
    pub kind: ChannelKind,
    /// 地址
    pub address: String,
    /// Day the agreement was signed.
    pub since: Date,
}

/// 工作人员
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoStaff {
    /// 工号, the login: `D0001`.
    pub number: String,
    /// 姓名
    pub name: String,
    /// 岗位
    pub role: Role,
    /// Handle of the organisation.
    pub organisation: String,
    /// Region of duty.
    pub region: String,
}

/// 客户: one number and its holder.
#[derive(Clone, PartialEq, Eq)]
pub struct DemoSubscriber {
    /// Position in the sequence; also the seed of the person's pictures.
    pub index: u32,
    /// 姓名
    pub name: String,
    /// 性别
    pub sex: Sex,
    /// 出生日期
    pub birth: Date,
    /// 证件类型
    pub document: DocumentKind,
    /// 证件号码
    pub number: String,
    /// Country of a passport: `UTO`, which is none (ICAO 9303).
    pub country: Option<&'static str>,
    /// First day of validity.
    pub issued: Date,
    /// Last day of validity; `None`: for life.
    pub until: Option<Date>,
    /// 住址
    pub address: String,
    /// 手机号码, 11 digits.
    pub phone: String,
    /// Handle of the outlet where the number was sold.
    pub outlet: String,
    /// `990100`.
    pub region: String,
    /// Day of registration.
    pub registered: Date,
    /// Whether the base knows the holder: some numbers from before 2013-09-01 are not registered.
    pub real_name: bool,
}

impl std::fmt::Debug for DemoSubscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DemoSubscriber({}, {})", self.index, self.region)
    }
}

const ORDINALS: [(&str, &str); CITIES] = [
    ("一", "One"),
    ("二", "Two"),
    ("三", "Three"),
    ("四", "Four"),
    ("五", "Five"),
    ("六", "Six"),
    ("七", "Seven"),
    ("八", "Eight"),
    ("九", "Nine"),
    ("十", "Ten"),
    ("十一", "Eleven"),
];

const SURNAMES: [&str; 28] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "马", "罗", "梁", "宋",
    "郑", "谢", "欧阳", "上官", "司马", "诸葛",
];
const GIVEN: [&str; 40] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "霞", "平", "刚", "文", "辉",
    "玲", "桂", "英", "华", "建", "国", "红", "梅", "春", "晓", "宇", "轩", "子", "涵", "思", "雨", "嘉", "怡",
];
/// Characters outside the common sets: extension A, extension B (two UTF-16 units), and one added to the basic block late.
const RARE: [&str; 6] = ["㼆", "𠮷", "鿃", "䶮", "𬱖", "堃"];
const LONG: [&str; 4] = ["阿依古丽", "巴图尔", "库尔班", "米热依"];
const STREETS: [&str; 10] = ["人民路", "解放路", "建设街", "文化路", "和平街", "中山路", "新华街", "胜利路", "迎宾道", "工业路"];

/// Who works where: role, how many, kind of organisation.
const POSTS: [(Role, usize, OrganisationKind); 15] = [
    (Role::MinistryInspector, 1, OrganisationKind::Ministry),
    (Role::AdministrationInspector, 2, OrganisationKind::Administration),
    (Role::CarrierAdministrator, 1, OrganisationKind::CarrierHq),
    (Role::ProvinceManager, 2, OrganisationKind::Province),
    (Role::CityManager, 11, OrganisationKind::City),
    (Role::ChannelManager, 4, OrganisationKind::City),
    (Role::Clerk, 20, OrganisationKind::Channel),
    (Role::Auditor, 6, OrganisationKind::AuditCentre),
    (Role::SeniorAuditor, 3, OrganisationKind::AuditCentre),
    (Role::NetworkOperator, 2, OrganisationKind::Province),
    (Role::HotlineAgent, 2, OrganisationKind::CallCentre),
    (Role::PrivacyOfficer, 1, OrganisationKind::Province),
    (Role::InternalAuditor, 1, OrganisationKind::CarrierHq),
    (Role::SystemAdministrator, 1, OrganisationKind::Province),
    (Role::CallCentreManager, 3, OrganisationKind::CallCentre),
];

/// Persons who differ in city, county and sequence; beyond these, the birth date differs.
const PERSONS_A_ROUND: u32 = 11 * 9 * 1000;
/// First day of birth and how many days follow.
const FIRST_BIRTH: Date = date(1946, 1, 1);
const BIRTH_DAYS: u64 = 21_900;
/// The day the demo is played; nobody registered later.
const TODAY: Date = date(2026, 11, 20);

impl DemoProvince {
    /// The province of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Everything but the outlets: ministry, administration, carrier, province, eleven cities, audit centre, call centre.
    pub fn organisations(&self) -> Vec<DemoOrganisation> {
        use OrganisationKind as Kind;
        let mut all = vec![
            organisation("ministry", None, Kind::Ministry, "演示部", "Demo Ministry", "000000", 1),
            organisation(
                "administration",
                Some("ministry"),
                Kind::Administration,
                "演示省通信管理局",
                "Demo Province Administration",
                "990000",
                2,
            ),
            organisation("carrier", None, Kind::CarrierHq, "示范电信集团", "Model Telecom", "000000", 3),
            organisation("province", Some("carrier"), Kind::Province, "示范电信演示省公司", "Model Telecom Demo Province", "990000", 4),
            organisation("audit-centre", Some("province"), Kind::AuditCentre, "演示省实名审核中心", "Real-name Audit Centre", "990000", 5),
            organisation("call-centre", Some("province"), Kind::CallCentre, "演示省客服中心", "Customer Call Centre", "990000", 6),
        ];
        for (at, (zh, en)) in ORDINALS.iter().enumerate() {
            let (handle, zh, en) = (city_handle(at), format!("示范电信演示{zh}市公司"), format!("Model Telecom City {en}"));
            all.push(organisation(&handle, Some("province"), Kind::City, &zh, &en, &city_region(at), 10 + at));
        }
        all
    }

    /// The outlets: of each ten in a city, two are own halls, seven social outlets, one is online.
    pub fn outlets(&self) -> impl Iterator<Item = DemoOutlet> + use<> {
        let seed = self.seed;
        (0..OUTLETS).map(move |at| outlet(seed, at))
    }

    /// The staff, one of every role at least. Clerks work at the first outlets, two by two.
    pub fn staff(&self) -> Vec<DemoStaff> {
        let mut random = Random::stream(self.seed, "staff");
        let mut all = Vec::with_capacity(STAFF);
        for (role, count, kind) in POSTS {
            for nth in 0..count {
                let (organisation, region) = match kind {
                    OrganisationKind::Ministry => ("ministry".to_owned(), "000000".to_owned()),
                    OrganisationKind::Administration => ("administration".to_owned(), "990000".to_owned()),
                    OrganisationKind::CarrierHq => ("carrier".to_owned(), "000000".to_owned()),
                    OrganisationKind::Province => ("province".to_owned(), "990000".to_owned()),
                    OrganisationKind::AuditCentre => ("audit-centre".to_owned(), "990000".to_owned()),
                    OrganisationKind::CallCentre => ("call-centre".to_owned(), "990000".to_owned()),
                    OrganisationKind::City => (city_handle(nth % CITIES), city_region(nth % CITIES)),
                    OrganisationKind::Channel => (outlet_handle(nth / 2), city_region(nth / 2 % CITIES)),
                };
                let number = format!("D{:04}", all.len() + 1);
                all.push(DemoStaff { number, name: plain_name(&mut random), role, organisation, region });
            }
        }
        all
    }

    /// Subscribers without end (up to [`MOST_SUBSCRIBERS`]): take as many as needed. The nth is the same however many are taken.
    pub fn subscribers(&self) -> impl Iterator<Item = DemoSubscriber> + use<> {
        let seed = self.seed;
        (0..MOST_SUBSCRIBERS).map(move |index| subscriber(seed, index))
    }

    /// One subscriber.
    pub fn subscriber(&self, index: u32) -> DemoSubscriber {
        subscriber(self.seed, index % MOST_SUBSCRIBERS)
    }
}

fn city_handle(at: usize) -> String {
    format!("city-{:02}", at + 1)
}

fn city_region(at: usize) -> String {
    format!("99{:02}00", at + 1)
}

fn outlet_handle(at: usize) -> String {
    format!("outlet-{:04}", at + 1)
}

fn organisation(
    handle: &str,
    parent: Option<&str>,
    kind: OrganisationKind,
    zh: &str,
    en: &str,
    region: &str,
    serial: usize,
) -> DemoOrganisation {
    let code = OrganisationCode::compose('9', '1', "990000", &format!("MADEMO{serial:02}").replace('O', "0"));
    DemoOrganisation {
        handle: handle.to_owned(),
        parent: parent.map(str::to_owned),
        kind,
        zh: zh.to_owned(),
        en: en.to_owned(),
        region: region.to_owned(),
        code: code.expect("the parts have the right length and alphabet"),
    }
}

fn outlet(seed: u64, at: usize) -> DemoOutlet {
    let mut random = Random::stream(seed, &format!("outlet {at}"));
    let city = at % CITIES;
    let (kind, zh, en) = match at / CITIES % 10 {
        0 | 5 => (ChannelKind::OwnHall, "营业厅", "Hall"),
        9 => (ChannelKind::Online, "网上营业厅", "Online Shop"),
        _ => (ChannelKind::SocialOutlet, "代理店", "Dealer"),
    };
    let street = *random.pick(&STREETS);
    let (ordinal, english) = ORDINALS.get(city).copied().unwrap_or(("一", "One"));
    let handle = outlet_handle(at);
    let code = OrganisationCode::compose('9', '1', "990000", &format!("MA{at:06}")).expect("the parts have the right length and alphabet");
    let organisation = DemoOrganisation {
        parent: Some(city_handle(city)),
        kind: OrganisationKind::Channel,
        zh: format!("演示{ordinal}市{street}{zh}{:03}", at + 1),
        en: format!("City {english} {en} {:03}", at + 1),
        region: city_region(city),
        code,
        handle,
    };
    let address = format!("演示省演示{ordinal}市{street}{}号", 1 + random.below(400));
    let since = days_after(date(2020, 1, 1), random.below(2_000));
    DemoOutlet { organisation, kind, address, since }
}

fn subscriber(seed: u64, index: u32) -> DemoSubscriber {
    let mut random = Random::stream(seed, &format!("subscriber {index}"));
    let city = index as usize % CITIES;
    let county = index as usize / CITIES % 9 + 1;
    let sequence = u16::try_from(index / 99 % 1000).unwrap_or(0);
    // Two people with the same city, county and sequence are a whole round apart, and every round shifts the birth date by another step.
    let shift = u64::from(index / PERSONS_A_ROUND) * 7_919;
    let birth = days_after(
        FIRST_BIRTH,
        (Random::stream(seed, &format!("birth {}", index % PERSONS_A_ROUND)).below(BIRTH_DAYS) + shift) % BIRTH_DAYS,
    );
    let sex = if sequence % 2 == 1 { Sex::Male } else { Sex::Female };
    let (document, number, country) = match random.below(100) {
        0 | 1 => (DocumentKind::Passport, format!("X{index:08}"), Some("UTO")),
        kind => {
            let region = format!("99{:02}{county:02}", city + 1);
            let number =
                ResidentId::compose(&region, birth, sequence).expect("a region of six digits and a birth date of this century or the last");
            let document = if kind == 2 { DocumentKind::HouseholdRegister } else { DocumentKind::ResidentId };
            (document, number, None)
        }
    };
    let (issued, until) = validity(&mut random, birth);
    let (ordinal, _) = ORDINALS.get(city).copied().unwrap_or(("一", "One"));
    let address = format!("演示省演示{ordinal}市第{county}区{}{}号", random.pick(&STREETS), 1 + random.below(900));
    let outlet = city + CITIES * usize::try_from(random.below((OUTLETS / CITIES) as u64)).unwrap_or(0);
    // Multiplying by a number without a common factor visits every number of the range once, and neighbours do not look alike.
    let phone = u64::from(index) * 3_141_593 % u64::from(MOST_SUBSCRIBERS);
    let registered = days_after(date(2012, 1, 1), random.below(5_430));
    DemoSubscriber {
        index,
        name: if country.is_some() { format!("DEMO PERSON {}", letters(index)) } else { name(&mut random) },
        sex,
        birth,
        document,
        number,
        country,
        issued,
        until,
        address,
        phone: format!("1990{phone:07}"),
        outlet: outlet_handle(outlet),
        region: city_region(city),
        registered,
        real_name: registered >= date(2013, 9, 1) || random.permille(700),
    }
}

/// Dates a card of somebody of that age may carry (ID law, article 5).
fn validity(random: &mut Random, birth: Date) -> (Date, Option<Date>) {
    let issued = TODAY.saturating_sub(i64::try_from(random.below(1_500)).unwrap_or(0).days());
    let age = birth.until((jiff::Unit::Year, issued)).map_or(30, |span| span.get_years());
    let years = match age {
        ..16 => 5,
        16..=25 => 10,
        26..=45 => 20,
        _ => return (issued, None),
    };
    (issued, Some(issued.saturating_add(years.years())))
}

fn name(random: &mut Random) -> String {
    match random.below(1000) {
        // One in fifty carries a rare character: the ones that break systems.
        0..20 => format!("{}{}{}", random.pick(&SURNAMES), random.pick(&GIVEN), random.pick(&RARE)),
        20..30 => format!("{}·{}", random.pick(&LONG), random.pick(&LONG)),
        _ => plain_name(random),
    }
}

fn plain_name(random: &mut Random) -> String {
    let (surname, first) = (*random.pick(&SURNAMES), *random.pick(&GIVEN));
    if random.permille(300) { format!("{surname}{first}") } else { format!("{surname}{first}{}", random.pick(&GIVEN)) }
}

/// A number as letters, because a name has no digits.
fn letters(mut number: u32) -> String {
    let mut text = String::new();
    loop {
        text.push(char::from(b'A' + u8::try_from(number % 26).unwrap_or(0)));
        number /= 26;
        if number == 0 {
            return text;
        }
    }
}

fn days_after(day: Date, days: u64) -> Date {
    day.saturating_add(i64::try_from(days).unwrap_or(0).days())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use chuangsha_kernel::{
        document::Document,
        name::{Address, PersonName},
        phone::Phone,
        region::{Provinces, Region},
        role::Matrix,
    };

    use super::*;

    fn provinces() -> Provinces {
        let demo = Region { code: "99".to_owned(), zh: "演示省".to_owned(), en: "Demo Province".to_owned() };
        Provinces::new([demo]).expect("one region")
    }

    #[test]
    fn one_seed_is_one_province() {
        let (one, same, other) = (DemoProvince::new(1), DemoProvince::new(1), DemoProvince::new(2));
        assert_eq!(one.staff(), same.staff());
        assert!(one.outlets().eq(same.outlets()));
        assert!(one.subscribers().take(200).eq(same.subscribers().take(200)));
        assert_eq!(one.subscribers().nth(77), Some(one.subscriber(77)));
        assert!(!one.subscribers().take(200).eq(other.subscribers().take(200)));
    }

    #[test]
    fn organisations_form_a_tree_and_their_codes_are_valid() {
        let province = DemoProvince::new(1);
        let mut all = province.organisations();
        assert_eq!(all.iter().filter(|one| one.kind == OrganisationKind::City).count(), CITIES);
        let outlets: Vec<DemoOutlet> = province.outlets().collect();
        assert_eq!(outlets.len(), OUTLETS);
        for kind in ChannelKind::ALL {
            assert!(outlets.iter().any(|outlet| outlet.kind == *kind), "{kind:?}");
        }
        all.extend(outlets.into_iter().map(|outlet| outlet.organisation));
        let handles: HashSet<&str> = all.iter().map(|one| one.handle.as_str()).collect();
        let codes: HashSet<&str> = all.iter().map(|one| one.code.as_str()).collect();
        assert_eq!((handles.len(), codes.len()), (all.len(), all.len()), "each its own");
        for one in &all {
            assert!(one.parent.as_deref().is_none_or(|parent| handles.contains(parent)), "{}", one.handle);
            assert!(OrganisationCode::parse(&one.code, &provinces()).is_ok(), "{}: {}", one.handle, one.code);
        }
    }

    #[test]
    fn sixty_staff_in_every_role_and_where_the_role_belongs() {
        let province = DemoProvince::new(1);
        let staff = province.staff();
        assert_eq!(staff.len(), STAFF);
        let matrix = Matrix::embedded().expect("the role table");
        let mut kinds: Vec<(String, OrganisationKind)> = province.organisations().into_iter().map(|one| (one.handle, one.kind)).collect();
        kinds.extend(province.outlets().map(|outlet| (outlet.organisation.handle, outlet.organisation.kind)));
        for role in Role::ALL {
            assert!(staff.iter().any(|one| one.role == *role), "{role:?}");
        }
        for one in &staff {
            let kind = kinds.iter().find(|(handle, _)| *handle == one.organisation).map(|(_, kind)| *kind).expect("an organisation");
            assert!(matrix.fits(one.role, kind), "{:?} at {kind:?}", one.role);
            assert!(PersonName::parse(&one.name).is_ok());
        }
        assert_eq!(staff.iter().map(|one| &one.number).collect::<HashSet<_>>().len(), STAFF);
    }

    #[test]
    fn subscribers_pass_every_check_of_the_registration_and_none_appears_twice() {
        let (provinces, count) = (provinces(), 100_500);
        let (mut numbers, mut phones, mut rare) = (HashSet::new(), HashSet::new(), 0);
        for one in DemoProvince::new(1).subscribers().take(count) {
            let document = Document::parse(one.document, &one.number, &provinces).expect("a valid number");
            assert!(one.country.is_some() || document.birth() == Some(one.birth) && document.sex() == Some(one.sex), "{one:?}");
            assert!(one.country.is_some() || one.number.starts_with("99"));
            assert!(PersonName::parse(&one.name).is_ok(), "{}", one.name);
            assert!(Address::parse(&one.address).is_ok() && Phone::parse(&one.phone).is_ok());
            assert!(one.phone.starts_with("1990") && one.issued <= TODAY && one.registered <= TODAY && one.birth < one.issued);
            assert!(one.until.is_none_or(|until| until > TODAY));
            rare += usize::from(RARE.iter().any(|character| one.name.contains(character)));
            assert!(numbers.insert(one.number) && phones.insert(one.phone));
        }
        assert!((1_000..4_000).contains(&rare), "{rare} rare names");
    }
}
