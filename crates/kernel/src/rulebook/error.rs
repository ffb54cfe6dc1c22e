use super::pack::Unit;
use crate::problem::{Problem, Refuse};

/// Why the rulebook gives no answer, or refuses to be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulebookError {
    /// No pack has such a rule.
    #[error("no rule {0}")]
    Unknown(String),
    /// The rule exists, but not on that day or not there.
    #[error("rule {rule} is not in force on {on}")]
    NotInForce {
        /// Rule.
        rule: String,
        /// Day asked for.
        on: jiff::civil::Date,
    },
    /// The rule was asked for in another unit than it has.
    #[error("rule {rule} is given in {unit:?}")]
    Unit {
        /// Rule.
        rule: String,
        /// The unit it has.
        unit: Unit,
    },
    /// The packs have faults; none is used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Packs(Vec<Finding>),
}

/// One fault of one pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Name of the file.
    pub pack: String,
    /// Rule, or empty for the file as a whole.
    pub rule: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Not TOML, or not of this shape.
    Syntax(String),
    /// No source.
    MissingSource,
    /// No `R-*` or `L-*` id.
    Article(String),
    /// No explanation in one of the languages.
    MissingExplanation,
    /// No such unit.
    UnknownUnit(String),
    /// No such direction, or none that suits the unit.
    UnknownDirection(String),
    /// Not one of the choices.
    NotAChoice(String),
    /// No such evidence label.
    UnknownEvidence(String),
    /// The value cannot be meant in the unit.
    ValueUnit(Unit),
    /// Last day before first day.
    DatesOutOfOrder,
    /// Neither `CN` nor `CN-` and two or four digits.
    Jurisdiction(String),
    /// Two values of one rule for the same place and licence on the same day.
    Overlap(String),
    /// A value for a smaller place or one licence is looser than the general one and would never be used.
    LooserThanGeneral(String),
    /// A local pack names a rule that no pack has.
    UnknownRule,
    /// A local pack loosens a rule.
    Loosened {
        /// Value in the law's pack.
        law: String,
        /// Value in the local pack.
        local: String,
    },
    /// A local pack holds something other than rules and refusals.
    LocalTable,
    /// A region code that is no code, comes twice, or is a city without its province.
    Region(String),
    /// Leading digits that are no mobile prefix.
    Prefix(String),
}

/// What is said about them.
pub mod code {
    crate::codes! {
        UNKNOWN = "rules.unknown", 500, "规则库中没有规则 {rule}", "No rule {rule} in the rulebook",
            "请运行 rules check 核对规则文件", "Run `rules check` and look at the packs";
        NOT_IN_FORCE = "rules.not_in_force", 500, "规则 {rule} 在 {on} 未施行", "Rule {rule} is not in force on {on}",
            "请核对日期与地区", "Check the date and the place";
        UNIT = "rules.unit", 500, "规则 {rule} 的单位是 {unit}", "Rule {rule} is given in {unit}",
            "请按其单位取值", "Ask for it in that unit";
        PACKS = "rules.packs", 500, "规则文件有 {count} 处错误：{first}", "The rule packs have {count} faults: {first}",
            "请更正规则文件；有错的规则不会生效", "Correct the packs; none of them is used until then";
        SYNTAX = "rules.syntax", 422, "{pack}：格式错误：{detail}", "{pack}: cannot be read: {detail}",
            "请按所指行列更正 TOML", "Correct the TOML at the line shown";
        MISSING_SOURCE = "rules.missing_source", 422, "{pack} {rule}：没有注明来源", "{pack} {rule}: no source",
            "请填写 source：文件名称与文号", "Fill in source: title and number of the text";
        ARTICLE = "rules.article", 422, "{pack} {rule}：条款编号“{detail}”不正确", "{pack} {rule}: \"{detail}\" is no article id",
            "请使用 R-LIM-1 或 L-REG-14 这样的编号", "Use an id such as R-LIM-1 or L-REG-14";
        MISSING_EXPLANATION = "rules.missing_explanation", 422, "{pack} {rule}：缺少中文或英文说明", "{pack} {rule}: no explanation in Chinese or English",
            "请填写 zh 和 en", "Fill in zh and en";
        UNKNOWN_UNIT = "rules.unknown_unit", 422, "{pack} {rule}：不识别的单位“{detail}”", "{pack} {rule}: unknown unit \"{detail}\"",
            "请使用 count、percent、second、minute、hour、day、working_day、month、year、byte、pixel、metre、megabyte、flag、text、list 或 window",
            "Use count, percent, second, minute, hour, day, working_day, month, year, byte, pixel, metre, megabyte, flag, text, list or window";
        DIRECTION = "rules.direction", 422, "{pack} {rule}：收紧方向“{detail}”不正确或与单位不符", "{pack} {rule}: \"{detail}\" is no direction for this unit",
            "数值用 lower 或 higher；是/否用 deny 或 require；选项用 later；列表用 more；不可改用 fixed；可自定用 free",
            "Use lower or higher for numbers, deny or require for flags, later for choices, more for lists, fixed for what nobody may change, free for what anybody may";
        NOT_A_CHOICE = "rules.not_a_choice", 422, "{pack} {rule}：值不在可选范围 {detail} 之内", "{pack} {rule}: the value is not one of {detail}",
            "请使用其中之一", "Use one of them";
        EVIDENCE = "rules.evidence", 422, "{pack} {rule}：不识别的依据标记“{detail}”", "{pack} {rule}: unknown evidence label \"{detail}\"",
            "请使用 P、S、D、U 或 C", "Use P, S, D, U or C";
        VALUE_UNIT = "rules.value_unit", 422, "{pack} {rule}：值与单位 {detail} 不符", "{pack} {rule}: the value cannot be meant in {detail}",
            "请核对 value 与 unit；本地规则沿用原单位", "Check value and unit; a local rule keeps the unit of the law's";
        DATES = "rules.dates", 422, "{pack} {rule}：失效日期早于施行日期", "{pack} {rule}: the last day is before the first",
            "请核对 in_force 与 until", "Check in_force and until";
        JURISDICTION = "rules.jurisdiction", 422, "{pack} {rule}：适用地区“{detail}”不正确", "{pack} {rule}: \"{detail}\" is no jurisdiction",
            "请使用 CN、CN-14 或 CN-1401 的形式", "Use CN, CN-14 or CN-1401";
        OVERLAP = "rules.overlap", 422, "{pack} {rule}：与 {detail} 的施行期重叠", "{pack} {rule}: overlaps {detail}",
            "同一地区、同一许可的同一规则在一天只能有一个值：请填写 until", "One rule has one value a day for a place and a licence: set until";
        LOOSER = "rules.looser", 422, "{pack} {rule}：地方或专门的值比 {detail} 的通行规定宽松", "{pack} {rule}: looser than the general value {detail}",
            "地方规定只能更严", "A province or a licence may only be stricter";
        UNKNOWN_RULE = "rules.unknown_rule", 422, "{pack} {rule}：规则库中没有这条规则", "{pack} {rule}: the rulebook has no such rule",
            "本地规则只能收紧已有的规则；请核对编号", "A local pack may only tighten existing rules: check the id";
        LOOSENED = "rules.loosened", 422, "{pack} {rule}：本地值 {local} 放宽了规定 {law}", "{pack} {rule}: the local value {local} loosens the rule, which says {law}",
            "本地规则只能收紧：请改为更严的值或删除", "A local pack may only tighten: choose a stricter value or remove it";
        LOCAL_TABLE = "rules.local_table", 422, "{pack} {rule}：本地规则文件只能包含规则和禁止项", "{pack} {rule}: a local pack may hold only rules and refusals",
            "请删除其他内容；行政区划、号段、目标和准许项由规则库给出", "Remove the rest: regions, number ranges, targets and permissions come from the law's packs";
        REGION = "rules.region", 422, "{pack}：行政区划代码 {detail} 不正确、重复或缺少所属省份", "{pack}: region code {detail} is wrong, repeated or without its province",
            "请核对代码", "Check the code";
        PREFIX = "rules.prefix", 422, "{pack}：号段 {detail} 不是手机号段", "{pack}: {detail} is no mobile prefix",
            "手机号段以 13 至 19 开头，3 至 7 位", "A mobile prefix has 3 to 7 digits and begins with 13 to 19";
    }
}

impl Refuse for RulebookError {
    fn problem(&self) -> Problem {
        match self {
            Self::Unknown(rule) => Problem::new(&code::UNKNOWN).with("rule", rule),
            Self::NotInForce { rule, on } => Problem::new(&code::NOT_IN_FORCE).with("rule", rule).with("on", on),
            Self::Unit { rule, unit } => Problem::new(&code::UNIT).with("rule", rule).with("unit", unit.as_str()),
            Self::Packs(findings) => Problem::new(&code::PACKS)
                .with("count", findings.len())
                .with("first", findings.first().map(ToString::to_string).unwrap_or_default()),
        }
    }
}

impl Refuse for Finding {
    fn problem(&self) -> Problem {
        let (code, detail) = match &self.fault {
            Fault::Syntax(detail) => (&code::SYNTAX, detail.clone()),
            Fault::MissingSource => (&code::MISSING_SOURCE, String::new()),
            Fault::Article(detail) => (&code::ARTICLE, detail.clone()),
            Fault::MissingExplanation => (&code::MISSING_EXPLANATION, String::new()),
            Fault::UnknownUnit(detail) => (&code::UNKNOWN_UNIT, detail.clone()),
            Fault::UnknownDirection(detail) => (&code::DIRECTION, detail.clone()),
            Fault::NotAChoice(detail) => (&code::NOT_A_CHOICE, detail.clone()),
            Fault::UnknownEvidence(detail) => (&code::EVIDENCE, detail.clone()),
            Fault::ValueUnit(unit) => (&code::VALUE_UNIT, unit.as_str().to_owned()),
            Fault::DatesOutOfOrder => (&code::DATES, String::new()),
            Fault::Jurisdiction(detail) => (&code::JURISDICTION, detail.clone()),
            Fault::Overlap(detail) => (&code::OVERLAP, detail.clone()),
            Fault::LooserThanGeneral(detail) => (&code::LOOSER, detail.clone()),
            Fault::UnknownRule => (&code::UNKNOWN_RULE, String::new()),
            Fault::Loosened { law, local } => {
                return Problem::new(&code::LOOSENED)
                    .with("pack", &self.pack)
                    .with("rule", &self.rule)
                    .with("law", law)
                    .with("local", local);
            }
            Fault::LocalTable => (&code::LOCAL_TABLE, String::new()),
            Fault::Region(detail) => (&code::REGION, detail.clone()),
            Fault::Prefix(detail) => (&code::PREFIX, detail.clone()),
        };
        Problem::new(code).with("pack", &self.pack).with("rule", &self.rule).with("detail", detail)
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem().title(crate::problem::Language::English))
    }
}
