// long: the closed vocabularies of roles and actions stand beside what compiles them
//! 岗位与权限: who may do what. One TOML table (`rules/roles.toml`) is compiled at start into bit masks: a decision is a handful of integer
//! comparisons, and every denial names the row it comes from. Unknown role, unknown action or no row at all: denied.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use crate::{
    id::{OrganisationId, StaffId},
    problem::Language,
};

/// The table that ships with the program.
pub const EMBEDDED: &str = include_str!("../../../rules/roles.toml");

/// Declares a closed vocabulary of dotted or snake-case names.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The stable name used in tables, tokens and the rule file.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }

            /// Reads a stable name; `None` for any other text.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }

            /// This value as one bit of a mask.
            pub const fn bit(self) -> u64 {
                1 << (self as u8)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(concat!("not a known ", stringify!($name))))
            }
        }
    };
}

vocabulary! {
    /// 岗位: what a person is employed as. A person may hold several, unless a `conflict` row forbids it.
    Role {
        /// 部检查员
        MinistryInspector = "ministry_inspector",
        /// 通信管理局检查员
        AdministrationInspector = "administration_inspector",
        /// 集团实名制管理员
        CarrierAdministrator = "carrier_administrator",
        /// 省公司管理员
        ProvinceManager = "province_manager",
        /// 地市管理员
        CityManager = "city_manager",
        /// 渠道经理
        ChannelManager = "channel_manager",
        /// 营业员
        Clerk = "clerk",
        /// 审核员
        Auditor = "auditor",
        /// 高级审核员
        SeniorAuditor = "senior_auditor",
        /// 网络运维
        NetworkOperator = "network_operator",
        /// 客服坐席
        HotlineAgent = "hotline_agent",
        /// 个人信息保护负责人
        PrivacyOfficer = "privacy_officer",
        /// 内部审计员
        InternalAuditor = "internal_auditor",
        /// 系统管理员
        SystemAdministrator = "system_administrator",
        /// 呼叫中心管理员
        CallCentreManager = "call_centre_manager",
    }
}

vocabulary! {
    /// 操作: what can be allowed or denied. The names are the scopes of API keys and the stems of audit entries.
    Action {
        /// 预占号码
        OrderReserve = "order.reserve",
        /// 采集资料
        OrderCapture = "order.capture",
        /// 提交审核
        OrderSubmit = "order.submit",
        /// 撤销登记单
        OrderCancel = "order.cancel",
        /// 查看登记单
        OrderView = "order.view",
        /// 领取审核
        OrderClaim = "order.claim",
        /// 审核通过
        OrderApprove = "order.approve",
        /// 退回重拍
        OrderReturn = "order.return",
        /// 审核驳回
        OrderReject = "order.reject",
        /// 转二级审核
        OrderEscalate = "order.escalate",
        /// 二级审核决定
        OrderDecide = "order.decide",
        /// 抽检
        OrderSample = "order.sample",
        /// 交付核验
        OrderDeliver = "order.deliver",
        /// 异议受理
        OrderDispute = "order.dispute",
        /// 查看渠道
        ChannelView = "channel.view",
        /// 渠道准入
        ChannelAdmit = "channel.admit",
        /// 走访暗访
        ChannelVisit = "channel.visit",
        /// 走访计划
        ChannelPlan = "channel.plan",
        /// 渠道处罚
        ChannelPenalise = "channel.penalise",
        /// 渠道培训
        ChannelTrain = "channel.train",
        /// 查看码号台账
        LedgerView = "ledger.view",
        /// 受理码号资源
        LedgerApply = "ledger.apply",
        /// 审查开通码号资源
        LedgerManage = "ledger.manage",
        /// 变更用途与关停
        LedgerDispose = "ledger.dispose",
        /// 码号清查
        LedgerSweep = "ledger.sweep",
        /// 查看存量补登
        RemediationView = "remediation.view",
        /// 管理补登批次
        RemediationManage = "remediation.manage",
        /// 办理补登工单
        RemediationWork = "remediation.work",
        /// 存量导入
        ImportManage = "import.manage",
        /// 一证多号核对
        ExcessWork = "excess.work",
        /// 查看人员
        PeopleView = "people.view",
        /// 管理人员
        PeopleManage = "people.manage",
        /// 结束会话
        SessionRevoke = "session.revoke",
        /// 管理接口密钥
        ApikeyManage = "apikey.manage",
        /// 查看明文
        RevealField = "reveal.field",
        /// 查看影像
        ImageView = "image.view",
        /// 查看网络指令
        NetworkView = "network.view",
        /// 重试网络指令
        NetworkRetry = "network.retry",
        /// 查看审计日志
        AuditView = "audit.view",
        /// 导出审计日志
        AuditExport = "audit.export",
        /// 查看通报
        FiguresView = "figures.view",
        /// 查看规则
        RulesView = "rules.view",
        /// 查看用户
        SubscriberView = "subscriber.view",
        /// 列为重点保护
        SubscriberProtect = "subscriber.protect",
        /// 查看用户的访问记录
        SubscriberAccess = "subscriber.access",
        /// 金库授权审批
        SecondApprove = "second.approve",
        /// 转派审核
        OrderAssign = "order.assign",
        /// 查看本人作业
        JobView = "job.view",
        /// 脱敏导出
        ExportMasked = "export.masked",
        /// 明文导出
        ExportClear = "export.clear",
        /// 查看工单
        TicketView = "ticket.view",
        /// 办理工单
        TicketWork = "ticket.work",
        /// 指派工单、裁定申诉、审批退费、处置预警
        TicketDecide = "ticket.decide",
        /// 查询语音导航标签
        IvrTag = "ivr.tag",
        /// 查看停复机
        SuspensionView = "suspension.view",
        /// 停机
        SuspensionStop = "suspension.stop",
        /// 复机
        SuspensionLift = "suspension.lift",
        /// 受理停机异议与申诉
        SuspensionAppeal = "suspension.appeal",
        /// 紧急复机
        SuspensionInterrupt = "suspension.interrupt",
        /// 欠费或异议销号
        SuspensionEnd = "suspension.end",
        /// 查看来电甄别
        ScreeningView = "screening.view",
        /// 管理名单、规则与快照，裁定误拦申诉
        ScreeningManage = "screening.manage",
        /// 请求判定、报送通话结果
        ScreeningDecide = "screening.decide",
        /// 受理误拦申诉
        ScreeningAppeal = "screening.appeal",
    }
}

vocabulary! {
    /// 范围: how far from the actor a thing may lie.
    Scope {
        /// 本人
        Own = "own",
        /// 本组织
        Organisation = "organisation",
        /// 本地市
        City = "city",
        /// 本省
        Province = "province",
        /// 本运营商
        Carrier = "carrier",
        /// 全部
        All = "all",
    }
}

vocabulary! {
    /// 条件: the closed list a row may require.
    Condition {
        /// 已完成双因素登录
        Mfa = "mfa",
        /// 已使用通行密钥登录
        Passkey = "passkey",
        /// 近期重新验证
        Recent = "recent",
        /// 受理组织以外的组织
        OtherOrganisation = "other_organisation",
        /// 培训在有效期内
        Trained = "trained",
        /// 非本人受理
        NotRegistrar = "not_registrar",
    }
}

vocabulary! {
    /// 登录因素: the second factor a role must use.
    Factor {
        /// 仅口令
        Password = "password",
        /// 动态口令 (a passkey serves as well)
        Totp = "totp",
        /// 通行密钥
        Passkey = "passkey",
    }
}

vocabulary! {
    /// 组织类别: what kind of organisation a person works for.
    OrganisationKind {
        /// 工业和信息化部
        Ministry = "ministry",
        /// 省通信管理局
        Administration = "administration",
        /// 集团总部
        CarrierHq = "carrier_hq",
        /// 省公司
        Province = "province",
        /// 地市公司
        City = "city",
        /// 渠道网点
        Channel = "channel",
        /// 呼叫中心
        CallCentre = "call_centre",
        /// 集中审核中心
        AuditCentre = "audit_centre",
    }
}

/// 岗位集合: the roles of one person, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RoleSet(u32);

impl RoleSet {
    /// No role: nothing is allowed.
    pub const EMPTY: Self = Self(0);

    /// A set of the given roles.
    pub fn of(roles: &[Role]) -> Self {
        roles.iter().fold(Self::EMPTY, |set, role| set.with(*role))
    }

    /// This set and one role more.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | 1 << (role as u8))
    }

    /// Whether the role is in the set.
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << (role as u8)) != 0
    }

    /// Whether the two sets share a role.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The roles, in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |role| self.has(*role))
    }

    /// The bits, as the store keeps them. Bits of unknown roles are dropped by [`RoleSet::from_bits`].
    pub const fn bits(self) -> i64 {
        self.0 as i64
    }

    /// Reads stored bits; a bit no role has is ignored, which denies.
    pub fn from_bits(bits: i64) -> Self {
        let known = Role::ALL.iter().fold(0_u32, |all, role| all | 1 << (*role as u8));
        Self(u32::try_from(bits).unwrap_or(0) & known)
    }

    /// `clerk,auditor`
    pub fn names(self) -> String {
        self.iter().map(Role::as_str).collect::<Vec<_>>().join(",")
    }
}

/// 操作集合: the scopes of one API key, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ActionSet(u64);

impl ActionSet {
    /// A set of the given actions.
    pub fn of(actions: &[Action]) -> Self {
        Self(actions.iter().fold(0, |set, action| set | action.bit()))
    }

    /// Whether the action is in the set.
    pub const fn has(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }

    /// The actions, in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL.iter().copied().filter(move |action| self.has(*action))
    }
}

/// 地区代码: `140100`; the first two digits are the province, the first four the city. A province may be written `14`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RegionCode(u32);

impl RegionCode {
    /// Reads two, four or six ASCII digits; anything else (and `""`, the whole country) lies in no city and no province.
    pub fn read(text: &str) -> Self {
        let number = if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().unwrap_or(0) } else { 0 };
        Self(match text.len() {
            2 => number * 10_000,
            4 => number * 100,
            6 => number,
            _ => 0,
        })
    }

    /// The two digits of the province; `None` for the whole country.
    pub fn province(self) -> Option<String> {
        (self.0 != 0).then(|| format!("{:02}", self.0 / 10_000))
    }

    /// The four digits of the city; `None` for a province or the whole country.
    pub fn city(self) -> Option<String> {
        (!(self.0 / 100).is_multiple_of(100)).then(|| format!("{:04}", self.0 / 100))
    }

    const fn same_province(self, other: Self) -> bool {
        self.0 != 0 && self.0 / 10_000 == other.0 / 10_000
    }

    const fn same_city(self, other: Self) -> bool {
        !(self.0 / 100).is_multiple_of(100) && self.0 / 100 == other.0 / 100
    }
}

/// 操作人: what a decision needs to know about the one who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Who.
    pub staff: StaffId,
    /// Where employed.
    pub organisation: OrganisationId,
    /// The carrier above that organisation; `None` for ministry and administrations, which stand above all carriers.
    pub carrier: Option<OrganisationId>,
    /// Region of the organisation.
    pub region: RegionCode,
    /// Roles held.
    pub roles: RoleSet,
    /// A second factor was given in this session.
    pub mfa: bool,
    /// That factor was a passkey.
    pub passkey: bool,
    /// That factor is younger than the pack's `recent_minutes`.
    pub recent: bool,
    /// Training passed and not expired.
    pub trained: bool,
}

/// 操作对象: what a decision needs to know about the thing acted upon. What is unknown (`None`) matches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resource {
    /// The person the thing belongs to or who captured it.
    pub owner: Option<StaffId>,
    /// The organisation it belongs to or that captured it.
    pub organisation: Option<OrganisationId>,
    /// The carrier above that organisation.
    pub carrier: Option<OrganisationId>,
    /// Its region.
    pub region: RegionCode,
}

/// What holds between a subject and a resource: six scope bits, six condition bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts(u16);

const fn scope_bit(scope: Scope) -> u16 {
    1 << (scope as u8)
}

const fn condition_bit(condition: Condition) -> u16 {
    1 << (condition as u8 + 6)
}

impl Facts {
    /// The facts of one request.
    pub fn of(subject: &Subject, resource: &Resource) -> Self {
        // A regulator has no carrier and sees every carrier of its region; everyone else stays within the own carrier.
        let same_carrier = match subject.carrier {
            None => true,
            carrier => resource.carrier == carrier,
        };
        let own = resource.owner == Some(subject.staff);
        let same_organisation = resource.organisation == Some(subject.organisation);
        Self::from_parts(
            &[
                (Scope::Own, own),
                (Scope::Organisation, same_organisation),
                (Scope::City, same_carrier && subject.region.same_city(resource.region)),
                (Scope::Province, same_carrier && subject.region.same_province(resource.region)),
                (Scope::Carrier, subject.carrier.is_some() && same_carrier),
                (Scope::All, true),
            ],
            &[
                (Condition::Mfa, subject.mfa),
                (Condition::Passkey, subject.passkey),
                (Condition::Recent, subject.recent),
                (Condition::OtherOrganisation, resource.organisation.is_some() && !same_organisation),
                (Condition::Trained, subject.trained),
                (Condition::NotRegistrar, resource.owner.is_some() && !own),
            ],
        )
    }

    fn from_parts(scopes: &[(Scope, bool)], conditions: &[(Condition, bool)]) -> Self {
        let scopes = scopes.iter().filter(|(_, holds)| *holds).fold(0, |bits, (scope, _)| bits | scope_bit(*scope));
        Self(conditions.iter().filter(|(_, holds)| *holds).fold(scopes, |bits, (condition, _)| bits | condition_bit(*condition)))
    }
}

/// 判定: allowed by a row, or denied by the row that came nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the action may go on.
    pub allowed: bool,
    row: Option<u16>,
    missing: u16,
}

impl Verdict {
    /// Whether this condition, and nothing else, was missing.
    pub const fn missing_only(&self, condition: Condition) -> bool {
        self.missing == condition_bit(condition)
    }

    /// The conditions that were missing, for a caller that can mend one: asking for a fresh passkey, pointing at training.
    pub fn missing(&self) -> impl Iterator<Item = Condition> {
        let missing = self.missing;
        Condition::ALL.iter().copied().filter(move |condition| missing & condition_bit(*condition) != 0)
    }
}

#[derive(Debug, Clone, Copy)]
struct Mask {
    roles: u32,
    required: u16,
    row: u16,
}

/// One row, for people to read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rule {
    /// `R11`
    pub id: String,
    /// Roles it speaks of.
    pub roles: Vec<Role>,
    /// Actions it allows.
    pub actions: Vec<Action>,
    /// How far.
    pub scope: Scope,
    /// Under which conditions.
    pub require: Vec<Condition>,
    /// In words, Chinese.
    pub zh: String,
    /// In words, English.
    pub en: String,
    /// The article it serves.
    pub source: String,
}

/// 不相容岗位: two sets of roles one person may not hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// `C01`
    pub id: String,
    /// In words, Chinese.
    pub zh: String,
    /// In words, English.
    pub en: String,
    roles: RoleSet,
    with: RoleSet,
}

/// 会话规则: the clocks of a session, from the pack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionClocks {
    /// Minutes without a request after which a session ends.
    pub idle_minutes: u32,
    /// Minutes after login at which a session ends.
    pub absolute_minutes: u32,
    /// Minutes a second factor counts as recent.
    pub recent_minutes: u32,
    /// The article.
    pub source: String,
}

/// What is wrong with a role table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// Not TOML, or not of this shape.
    #[error("roles table: {0}")]
    Shape(String),
    /// An id is used twice.
    #[error("roles table: {0} is declared twice")]
    Twice(String),
    /// A role has no `[[role]]` row.
    #[error("roles table: role {0} has no [[role]] row")]
    Missing(Role),
    /// A row names no role or no action, so it can never allow anything.
    #[error("roles table: row {0} names no role or no action")]
    Empty(String),
    /// The roles of a row are not written as `["*"]` or as known roles.
    #[error("roles table: row {row} names the unknown role {name}")]
    UnknownRole {
        /// The row.
        row: String,
        /// The name.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pack {
    format: u32,
    in_force: String,
    session: SessionClocks,
    role: Vec<RoleRow>,
    rule: Vec<RuleRow>,
    #[serde(default)]
    conflict: Vec<ConflictRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleRow {
    id: Role,
    zh: String,
    en: String,
    factor: Factor,
    kinds: Vec<OrganisationKind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleRow {
    id: String,
    roles: Vec<String>,
    actions: Vec<Action>,
    scope: Scope,
    require: Vec<Condition>,
    zh: String,
    en: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConflictRow {
    id: String,
    roles: Vec<Role>,
    with: Vec<Role>,
    zh: String,
    en: String,
    #[allow(dead_code, reason = "required in the file so that no row stands without its article")]
    source: String,
}

/// 权限矩阵: the compiled table.
#[derive(Debug)]
pub struct Matrix {
    by_action: Vec<Vec<Mask>>,
    rules: Vec<Rule>,
    conflicts: Vec<Conflict>,
    posts: BTreeMap<Role, RoleRow>,
    /// The clocks of a session.
    pub session: SessionClocks,
    /// The day the table came into force.
    pub in_force: String,
}

impl Matrix {
    /// Compiles a role table.
    ///
    /// # Errors
    /// Anything but the exact shape: unknown keys, roles, actions, scopes or conditions, ids used twice, rows that allow nothing.
    pub fn compile(toml: &str) -> Result<Self, MatrixError> {
        let pack: Pack = toml::from_str(toml).map_err(|error| MatrixError::Shape(error.to_string()))?;
        if pack.format != 1 {
            return Err(MatrixError::Shape(format!("format {} is not known here", pack.format)));
        }
        let mut posts = BTreeMap::new();
        for row in pack.role {
            if let Some(before) = posts.insert(row.id, row) {
                return Err(MatrixError::Twice(before.id.as_str().to_owned()));
            }
        }
        if let Some(role) = Role::ALL.iter().find(|role| !posts.contains_key(role)) {
            return Err(MatrixError::Missing(*role));
        }
        let rules = pack.rule.into_iter().map(rule).collect::<Result<Vec<_>, _>>()?;
        let conflicts: Vec<Conflict> = pack.conflict.into_iter().map(conflict).collect();
        let mut seen = std::collections::BTreeSet::new();
        for id in rules.iter().map(|rule| &rule.id).chain(conflicts.iter().map(|conflict| &conflict.id)) {
            if !seen.insert(id) {
                return Err(MatrixError::Twice(id.clone()));
            }
        }
        let by_action = Action::ALL.iter().map(|action| masks(&rules, *action)).collect();
        Ok(Self { by_action, rules, conflicts, posts, session: pack.session, in_force: pack.in_force })
    }

    /// The embedded table.
    ///
    /// # Errors
    /// Only when the table in the source tree is broken; a test compiles it.
    pub fn embedded() -> Result<Self, MatrixError> {
        Self::compile(EMBEDDED)
    }

    /// The one question: may this subject do this to that?
    pub fn decide(&self, subject: &Subject, action: Action, resource: &Resource) -> Verdict {
        self.judge(subject.roles, action, Facts::of(subject, resource))
    }

    /// The same question with the facts already known.
    pub fn judge(&self, roles: RoleSet, action: Action, facts: Facts) -> Verdict {
        let mut nearest: Option<(u16, u16)> = None;
        for mask in self.by_action.get(action as usize).map_or(&[][..], Vec::as_slice) {
            if mask.roles & roles.0 == 0 {
                continue;
            }
            let missing = mask.required & !facts.0;
            if missing == 0 {
                return Verdict { allowed: true, row: Some(mask.row), missing: 0 };
            }
            if nearest.is_none_or(|(_, before)| missing.count_ones() < before.count_ones()) {
                nearest = Some((mask.row, missing));
            }
        }
        Verdict { allowed: false, row: nearest.map(|(row, _)| row), missing: nearest.map_or(0, |(_, missing)| missing) }
    }

    /// How far the subject reaches with an action, for lists: the widest scope of the rows whose own conditions (factors, training) hold.
    /// `None`: not at all. Conditions about a single thing (other organisation, not the registrar) are left to [`Matrix::decide`].
    pub fn reach(&self, subject: &Subject, action: Action) -> Option<Scope> {
        let of_the_thing = condition_bit(Condition::OtherOrganisation) | condition_bit(Condition::NotRegistrar);
        let facts = Facts::of(subject, &Resource::default()).0 | of_the_thing | 0b11_1111;
        let masks = self.by_action.get(action as usize)?;
        let rows = masks.iter().filter(|mask| mask.roles & subject.roles.0 != 0 && mask.required & !facts == 0);
        rows.filter_map(|mask| self.rules.get(usize::from(mask.row))).map(|rule| rule.scope).max()
    }

    /// Whether any of the roles could ever do this, whatever the circumstances: what a menu shows.
    pub fn could(&self, roles: RoleSet, action: Action) -> bool {
        self.by_action.get(action as usize).is_some_and(|masks| masks.iter().any(|mask| mask.roles & roles.0 != 0))
    }

    /// The id of the row that decided; `R00` when there was none.
    pub fn rule_id(&self, verdict: &Verdict) -> &str {
        self.row(verdict).map_or("R00", |rule| rule.id.as_str())
    }

    /// `denied by rule R11: …` with what was missing.
    pub fn explain(&self, verdict: &Verdict, language: Language) -> String {
        let Some(rule) = self.row(verdict) else {
            return match language {
                Language::Chinese => "被规则 R00 拒绝：没有任何规则允许该岗位进行此操作".to_owned(),
                Language::English => "denied by rule R00: no rule lets this role do this".to_owned(),
            };
        };
        match (language, verdict.allowed) {
            (Language::Chinese, true) => format!("规则 {} 允许：{}", rule.id, rule.zh),
            (Language::English, true) => format!("allowed by rule {}: {}", rule.id, rule.en),
            (Language::Chinese, false) => {
                format!("被规则 {} 拒绝：{}（缺：{}）", rule.id, rule.zh, missing_words(verdict.missing, language))
            }
            (Language::English, false) => {
                format!("denied by rule {}: {} (missing: {})", rule.id, rule.en, missing_words(verdict.missing, language))
            }
        }
    }

    /// The first pair of roles in the set that one person may not hold together.
    pub fn conflict(&self, roles: RoleSet) -> Option<&Conflict> {
        self.conflicts.iter().find(|conflict| conflict.roles.meets(roles) && conflict.with.meets(roles))
    }

    /// The strongest factor any of the roles asks for.
    pub fn factor(&self, roles: RoleSet) -> Factor {
        roles.iter().filter_map(|role| self.posts.get(&role)).map(|post| post.factor).max().unwrap_or(Factor::Passkey)
    }

    /// What a role is called.
    pub fn role_name(&self, role: Role, language: Language) -> &str {
        self.posts.get(&role).map_or(role.as_str(), |post| match language {
            Language::Chinese => post.zh.as_str(),
            Language::English => post.en.as_str(),
        })
    }

    /// Whether such an organisation employs people in this role.
    pub fn fits(&self, role: Role, kind: OrganisationKind) -> bool {
        self.posts.get(&role).is_some_and(|post| post.kinds.contains(&kind))
    }

    /// Every row, for the page that shows the rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    fn row(&self, verdict: &Verdict) -> Option<&Rule> {
        verdict.row.and_then(|row| self.rules.get(usize::from(row)))
    }
}

fn rule(row: RuleRow) -> Result<Rule, MatrixError> {
    let roles = match row.roles.as_slice() {
        [star] if star == "*" => Role::ALL.to_vec(),
        names => names
            .iter()
            .map(|name| Role::parse(name).ok_or_else(|| MatrixError::UnknownRole { row: row.id.clone(), name: name.clone() }))
            .collect::<Result<_, _>>()?,
    };
    if roles.is_empty() || row.actions.is_empty() {
        return Err(MatrixError::Empty(row.id));
    }
    Ok(Rule { id: row.id, roles, actions: row.actions, scope: row.scope, require: row.require, zh: row.zh, en: row.en, source: row.source })
}

fn conflict(row: ConflictRow) -> Conflict {
    Conflict { id: row.id, zh: row.zh, en: row.en, roles: RoleSet::of(&row.roles), with: RoleSet::of(&row.with) }
}

fn masks(rules: &[Rule], action: Action) -> Vec<Mask> {
    let rows = (0_u16..).zip(rules).filter(|(_, rule)| rule.actions.contains(&action));
    rows.map(|(row, rule)| Mask {
        roles: RoleSet::of(&rule.roles).0,
        required: rule.require.iter().fold(scope_bit(rule.scope), |bits, condition| bits | condition_bit(*condition)),
        row,
    })
    .collect()
}

fn missing_words(missing: u16, language: Language) -> String {
    let scopes = Scope::ALL.iter().filter(|scope| missing & scope_bit(**scope) != 0).map(|scope| match (language, scope) {
        (Language::Chinese, Scope::Own) => "本人范围",
        (Language::Chinese, Scope::Organisation) => "本组织范围",
        (Language::Chinese, Scope::City) => "本地市范围",
        (Language::Chinese, Scope::Province) => "本省范围",
        (Language::Chinese, Scope::Carrier) => "本运营商范围",
        (Language::Chinese, Scope::All) => "全部范围",
        (Language::English, Scope::Own) => "your own",
        (Language::English, Scope::Organisation) => "in your organisation",
        (Language::English, Scope::City) => "in your city",
        (Language::English, Scope::Province) => "in your province",
        (Language::English, Scope::Carrier) => "of your carrier",
        (Language::English, Scope::All) => "anywhere",
    });
    let conditions =
        Condition::ALL.iter().filter(|condition| missing & condition_bit(**condition) != 0).map(|condition| match (language, condition) {
            (Language::Chinese, Condition::Mfa) => "双因素登录",
            (Language::Chinese, Condition::Passkey) => "通行密钥登录",
            (Language::Chinese, Condition::Recent) => "近期重新验证",
            (Language::Chinese, Condition::OtherOrganisation) => "由另一组织办理",
            (Language::Chinese, Condition::Trained) => "有效的培训记录",
            (Language::Chinese, Condition::NotRegistrar) => "由受理人以外的人办理",
            (Language::English, Condition::Mfa) => "a second factor",
            (Language::English, Condition::Passkey) => "a passkey",
            (Language::English, Condition::Recent) => "a fresh second factor",
            (Language::English, Condition::OtherOrganisation) => "another organisation",
            (Language::English, Condition::Trained) => "a current training record",
            (Language::English, Condition::NotRegistrar) => "another person than the registrar",
        });
    let separator = if language == Language::Chinese { "、" } else { ", " };
    scopes.chain(conditions).collect::<Vec<_>>().join(separator)
}

/// Nanoseconds one decision takes, over a million of a fixed mix. Figure to meet: 100.
pub fn bench() -> Result<f64, MatrixError> {
    let matrix = Matrix::embedded()?;
    walk(&matrix, 100_000);
    let start = std::time::Instant::now();
    let (made, _) = walk(&matrix, 1_000_000);
    Ok(start.elapsed().as_secs_f64() * 1e9 / made as f64)
}

/// Makes a fixed mix of decisions and says how many were made and how many were allowed.
///
/// Every role meets every action with a thing of the own organisation, of the own city and of another province, in turn, so that allowed and
/// denied paths are both walked.
fn walk(matrix: &Matrix, decisions: u64) -> (u64, u64) {
    let organisation = OrganisationId(uuid::Uuid::from_u128(1));
    let carrier = Some(OrganisationId(uuid::Uuid::from_u128(9)));
    let subjects: Vec<Subject> = Role::ALL
        .iter()
        .map(|role| Subject {
            staff: StaffId(uuid::Uuid::from_u128(7)),
            organisation,
            carrier,
            region: RegionCode::read("990100"),
            roles: RoleSet::of(&[*role]),
            mfa: true,
            passkey: true,
            recent: false,
            trained: true,
        })
        .collect();
    let resources = [
        Resource {
            owner: Some(StaffId(uuid::Uuid::from_u128(8))),
            organisation: Some(organisation),
            carrier,
            region: RegionCode::read("990100"),
        },
        Resource {
            owner: Some(StaffId(uuid::Uuid::from_u128(8))),
            organisation: Some(OrganisationId(uuid::Uuid::from_u128(2))),
            carrier,
            region: RegionCode::read("990100"),
        },
        Resource {
            owner: Some(StaffId(uuid::Uuid::from_u128(8))),
            organisation: Some(OrganisationId(uuid::Uuid::from_u128(3))),
            carrier: None,
            region: RegionCode::read("110100"),
        },
    ];
    let mut allowed = 0;
    let mut made = 0;
    'all: loop {
        for subject in &subjects {
            for action in Action::ALL {
                for resource in &resources {
                    if made >= decisions {
                        break 'all;
                    }
                    allowed += u64::from(std::hint::black_box(matrix.decide(std::hint::black_box(subject), *action, resource)).allowed);
                    made += 1;
                }
            }
        }
    }
    (made, allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A straight reading of the file's rows as text: no masks, no compiled types.
    fn oracle(rows: &[toml::Value], role: &str, action: &str, scopes: &[&str], conditions: &[&str]) -> bool {
        let texts = |row: &toml::Value, key: &str| -> Vec<String> {
            row[key].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
        };
        rows.iter().any(|row| {
            let roles = texts(row, "roles");
            (roles.iter().any(|name| name == role || name == "*"))
                && texts(row, "actions").iter().any(|name| name == action)
                && scopes.contains(&row["scope"].as_str().unwrap())
                && texts(row, "require").iter().all(|needed| conditions.contains(&needed.as_str()))
        })
    }

    #[test]
    fn every_decision_equals_a_straight_reading_of_the_table() {
        let matrix = Matrix::embedded().unwrap();
        let file: toml::Value = toml::from_str(EMBEDDED).unwrap();
        let rows = file["rule"].as_array().unwrap();
        let (mut allowed, mut all) = (0_u32, 0_u32);
        for role in Role::ALL {
            for action in Action::ALL {
                let of_both: Vec<toml::Value> = rows
                    .iter()
                    .filter(|row| oracle(&[(*row).clone()], role.as_str(), action.as_str(), &SCOPES, &CONDITIONS))
                    .cloned()
                    .collect();
                for bits in 0_u16..1 << 12 {
                    let scopes: Vec<&str> = SCOPES.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0).map(|(_, s)| *s).collect();
                    let conditions: Vec<&str> =
                        CONDITIONS.iter().enumerate().filter(|(i, _)| bits & (1 << (i + 6)) != 0).map(|(_, s)| *s).collect();
                    let expected = !of_both.is_empty() && oracle(&of_both, role.as_str(), action.as_str(), &scopes, &conditions);
                    let verdict = matrix.judge(RoleSet::of(&[*role]), *action, Facts(bits));
                    assert_eq!(verdict.allowed, expected, "{role} {action} {scopes:?} {conditions:?}");
                    allowed += u32::from(expected);
                    all += 1;
                }
            }
        }
        assert_eq!(all as usize, 15 * Action::ALL.len() * 4096);
        assert!(allowed > 0 && allowed < all / 2, "{allowed} of {all}");
    }

    const SCOPES: [&str; 6] = ["own", "organisation", "city", "province", "carrier", "all"];
    const CONDITIONS: [&str; 6] = ["mfa", "passkey", "recent", "other_organisation", "trained", "not_registrar"];

    #[test]
    fn roles_add_up_and_nothing_else_does() {
        let matrix = Matrix::embedded().unwrap();
        for action in Action::ALL {
            for bits in [0_u16, 0b1, 0b10, 0b11_1111, 0xFFF, 0b1111_1110_0000] {
                let facts = Facts(bits);
                assert!(!matrix.judge(RoleSet::EMPTY, *action, facts).allowed, "no role, no right");
                for first in Role::ALL {
                    for second in Role::ALL {
                        let both = matrix.judge(RoleSet::of(&[*first, *second]), *action, facts).allowed;
                        let either = [first, second].iter().any(|role| matrix.judge(RoleSet::of(&[**role]), *action, facts).allowed);
                        assert_eq!(both, either);
                    }
                }
            }
        }
    }

    fn auditor() -> Subject {
        Subject {
            staff: StaffId(uuid::Uuid::from_u128(1)),
            organisation: OrganisationId(uuid::Uuid::from_u128(10)),
            carrier: Some(OrganisationId(uuid::Uuid::from_u128(99))),
            region: RegionCode::read("990000"),
            roles: RoleSet::of(&[Role::Auditor]),
            mfa: true,
            passkey: true,
            recent: false,
            trained: true,
        }
    }

    fn order() -> Resource {
        Resource {
            owner: Some(StaffId(uuid::Uuid::from_u128(2))),
            organisation: Some(OrganisationId(uuid::Uuid::from_u128(20))),
            carrier: Some(OrganisationId(uuid::Uuid::from_u128(99))),
            region: RegionCode::read("990100"),
        }
    }

    #[test]
    fn the_auditor_is_another_person_of_another_organisation_of_the_same_carrier() {
        let matrix = Matrix::embedded().unwrap();
        assert!(matrix.decide(&auditor(), Action::OrderApprove, &order()).allowed);
        let same_shop = Resource { organisation: Some(auditor().organisation), ..order() };
        let denied = matrix.decide(&auditor(), Action::OrderApprove, &same_shop);
        assert!(!denied.allowed);
        assert_eq!(
            matrix.explain(&denied, Language::English),
            "denied by rule R11: an order is audited with a passkey, by another person of another organisation than the one that captured it (missing: another organisation)"
        );
        assert_eq!(
            matrix.explain(&denied, Language::Chinese),
            "被规则 R11 拒绝：审核人须属于受理网点以外的组织，且不得审核本人受理的登记单，须以通行密钥登录（缺：由另一组织办理）"
        );
        let own = Resource { owner: Some(auditor().staff), ..order() };
        assert!(!matrix.decide(&auditor(), Action::OrderApprove, &own).allowed);
        let unknown_registrar = Resource { owner: None, ..order() };
        assert!(
            !matrix.decide(&auditor(), Action::OrderApprove, &unknown_registrar).allowed,
            "not knowing who captured it is no proof of another person"
        );
        let other_carrier = Resource { carrier: Some(OrganisationId(uuid::Uuid::from_u128(98))), ..order() };
        assert!(!matrix.decide(&auditor(), Action::OrderApprove, &other_carrier).allowed);
        let password_only = Subject { mfa: false, passkey: false, ..auditor() };
        let denied = matrix.decide(&password_only, Action::OrderApprove, &order());
        assert_eq!(denied.missing().collect::<Vec<_>>(), [Condition::Passkey]);
    }

    #[test]
    fn no_row_at_all_is_r00() {
        let matrix = Matrix::embedded().unwrap();
        let denied = matrix.decide(&auditor(), Action::PeopleManage, &order());
        assert!(!denied.allowed);
        assert_eq!(matrix.rule_id(&denied), "R00");
        assert!(matrix.explain(&denied, Language::English).contains("R00"));
    }

    #[test]
    fn regions_bound_the_managers_and_carriers_do_not_bound_the_regulators() {
        let matrix = Matrix::embedded().unwrap();
        let manager = Subject { roles: RoleSet::of(&[Role::CityManager]), region: RegionCode::read("990100"), ..auditor() };
        assert!(matrix.decide(&manager, Action::ChannelAdmit, &order()).allowed);
        let next_city = Resource { region: RegionCode::read("990200"), ..order() };
        assert!(!matrix.decide(&manager, Action::ChannelAdmit, &next_city).allowed);
        let nowhere = Resource { region: RegionCode::default(), ..order() };
        let from_nowhere = Subject { region: RegionCode::default(), ..manager };
        assert!(!matrix.decide(&from_nowhere, Action::ChannelAdmit, &nowhere).allowed, "two unknown regions are not the same region");
        let inspector = Subject { roles: RoleSet::of(&[Role::AdministrationInspector]), carrier: None, ..auditor() };
        assert!(matrix.decide(&inspector, Action::ChannelVisit, &order()).allowed);
        let other_carrier = Resource { carrier: Some(OrganisationId(uuid::Uuid::from_u128(98))), ..order() };
        assert!(matrix.decide(&inspector, Action::ChannelVisit, &other_carrier).allowed);
        let other_province = Resource { region: RegionCode::read("110100"), ..order() };
        assert!(!matrix.decide(&inspector, Action::ChannelVisit, &other_province).allowed);
    }

    #[test]
    fn region_codes_are_read_at_every_level() {
        assert_eq!(RegionCode::read("99"), RegionCode::read("990000"));
        assert_eq!(RegionCode::read("9901"), RegionCode::read("990100"));
        for text in ["", "9", "99010", "9901000", "99a100", "９９０１００", "-99010"] {
            assert_eq!(RegionCode::read(text), RegionCode::default(), "{text}");
        }
        assert_eq!(RegionCode::read("990100").province().as_deref(), Some("99"));
        assert_eq!(RegionCode::read("990100").city().as_deref(), Some("9901"));
        assert_eq!(RegionCode::read("99").city(), None);
        assert!(!RegionCode::read("99").same_city(RegionCode::read("99")), "a province is no city");
    }

    #[test]
    fn lists_reach_as_far_as_the_rows_and_the_factor_allow() {
        let matrix = Matrix::embedded().unwrap();
        assert_eq!(matrix.reach(&auditor(), Action::OrderView), Some(Scope::Carrier));
        assert_eq!(matrix.reach(&auditor(), Action::OrderClaim), Some(Scope::Carrier));
        assert_eq!(matrix.reach(&Subject { passkey: false, ..auditor() }, Action::OrderClaim), None);
        let clerk = Subject { roles: RoleSet::of(&[Role::Clerk]), ..auditor() };
        assert_eq!(matrix.reach(&clerk, Action::OrderView), Some(Scope::Organisation));
        assert_eq!(matrix.reach(&clerk, Action::OrderCancel), Some(Scope::Own));
        assert_eq!(matrix.reach(&Subject { trained: false, ..clerk }, Action::OrderSubmit), None);
        assert_eq!(matrix.reach(&clerk, Action::OrderApprove), None);
    }

    #[test]
    fn audit_and_administration_roles_need_a_passkey_and_duties_stay_apart() {
        let matrix = Matrix::embedded().unwrap();
        for role in [
            Role::Auditor,
            Role::SeniorAuditor,
            Role::InternalAuditor,
            Role::SystemAdministrator,
            Role::CarrierAdministrator,
            Role::ProvinceManager,
            Role::CityManager,
        ] {
            assert_eq!(matrix.factor(RoleSet::of(&[role])), Factor::Passkey, "{role}");
        }
        assert_eq!(matrix.factor(RoleSet::of(&[Role::Clerk])), Factor::Totp);
        assert_eq!(matrix.factor(RoleSet::EMPTY), Factor::Passkey);
        assert!(matrix.fits(Role::Clerk, OrganisationKind::Channel));
        assert!(!matrix.fits(Role::CarrierAdministrator, OrganisationKind::City), "a city cannot appoint the headquarters");
        assert_eq!(matrix.conflict(RoleSet::of(&[Role::Clerk, Role::Auditor])).unwrap().id, "C01");
        assert_eq!(matrix.conflict(RoleSet::of(&[Role::Auditor, Role::SeniorAuditor])), None);
        for action in [Action::AuditView, Action::AuditExport, Action::RevealField, Action::ImageView, Action::OrderView] {
            assert!(!matrix.could(RoleSet::of(&[Role::SystemAdministrator]), action), "{action}");
        }
    }

    #[test]
    fn a_broken_table_is_refused_with_its_place() {
        let change = |from: &str, to: &str| Matrix::compile(&EMBEDDED.replacen(from, to, 1));
        assert_eq!(change("id = \"R02\"", "id = \"R01\"").unwrap_err(), MatrixError::Twice("R01".to_owned()));
        assert!(matches!(change("\"order.reserve\"", "\"order.steal\""), Err(MatrixError::Shape(text)) if text.contains("Action")));
        assert!(matches!(change("scope = \"own\"", "scope = \"galaxy\""), Err(MatrixError::Shape(_))));
        assert!(matches!(change("[\"mfa\", \"trained\"]", "[\"mfa\", \"tall\"]"), Err(MatrixError::Shape(_))));
        assert!(
            matches!(change("roles = [\"clerk\"]", "roles = [\"pirate\"]"), Err(MatrixError::UnknownRole { row, name }) if row == "R01" && name == "pirate")
        );
        assert!(matches!(change("roles = [\"clerk\"]", "roles = []"), Err(MatrixError::Empty(row)) if row == "R01"));
        assert!(matches!(change("format = 1", "format = 2"), Err(MatrixError::Shape(_))));
        assert!(Matrix::compile("").is_err());
    }

    #[test]
    fn role_bits_survive_the_store_and_unknown_bits_do_not() {
        let set = RoleSet::of(&[Role::Clerk, Role::CallCentreManager]);
        assert_eq!(RoleSet::from_bits(set.bits()), set);
        assert_eq!(RoleSet::from_bits(1 << 20), RoleSet::EMPTY);
        assert_eq!(RoleSet::from_bits(-1), RoleSet::EMPTY);
        assert_eq!(set.names(), "clerk,call_centre_manager");
    }

    #[test]
    fn the_bench_walks_both_paths() {
        let matrix = Matrix::embedded().unwrap();
        let (made, allowed) = walk(&matrix, 5_000);
        assert_eq!(made, 5_000);
        assert!(allowed > 100 && allowed < 4_000, "{allowed}");
    }
}
