//! 名单标记: sixteen bits beside each number. One look-up tells everything the lists know about a number, as a caller and as a callee.

use serde::{Deserialize, Serialize};

use crate::plan::Operator;

/// 来电类别: what a caller is known to be. The first five may be refused by a callee; those from [`Category::Courier`] on are exempt from the rules of
/// frequency and behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Not known.
    #[default]
    None = 0,
    /// 贷款理财
    Finance = 1,
    /// 保险
    Insurance = 2,
    /// 房产
    Property = 3,
    /// 教育培训
    Education = 4,
    /// 零售推销及其他商业
    Retail = 5,
    /// 快递外卖
    Courier = 8,
    /// 网约车
    RideHailing = 9,
    /// 医院
    Hospital = 10,
    /// 学校
    School = 11,
    /// 银行客服
    Bank = 12,
    /// 来电验证码
    Verification = 13,
    /// 政务热线
    Government = 14,
    /// 紧急与司法
    Emergency = 15,
}

impl Category {
    /// Every category.
    pub const ALL: &[Self] = &[
        Self::None,
        Self::Finance,
        Self::Insurance,
        Self::Property,
        Self::Education,
        Self::Retail,
        Self::Courier,
        Self::RideHailing,
        Self::Hospital,
        Self::School,
        Self::Bank,
        Self::Verification,
        Self::Government,
        Self::Emergency,
    ];

    /// The category of its number; what no category has is none.
    pub fn of(value: u16) -> Self {
        Self::ALL.iter().copied().find(|category| *category as u16 == value).unwrap_or_default()
    }

    /// 商业营销: a callee may refuse it, and quiet hours hold for it.
    pub const fn is_commercial(self) -> bool {
        matches!(self, Self::Finance | Self::Insurance | Self::Property | Self::Education | Self::Retail)
    }

    /// Exempt from frequency and behaviour: couriers, hospitals, schools and the like are busy callers by nature.
    pub const fn is_trusted(self) -> bool {
        self as u16 >= Self::Courier as u16
    }

    /// The bit by which a callee refuses it; 0 for what cannot be refused.
    pub const fn refusal(self) -> u16 {
        if self.is_commercial() { 1 << (self as u16 - 1) } else { 0 }
    }
}

/// 免打扰: when a callee takes commercial calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hours {
    /// Any time.
    #[default]
    Any = 0,
    /// Not at night.
    Night = 1,
    /// Neither at night nor at noon.
    NightAndNoon = 2,
    /// As its own entry says ([`Preference`]).
    Own = 3,
}

/// 标记: what the lists say of one number.
///
/// | bits | meaning |
/// |---|---|
/// | 0 | 不良号码 |
/// | 1 | 疑似骚扰 |
/// | 2–4 | serving operator after porting; 0 = as allotted |
/// | 5–8 | category as a caller |
/// | 9–13 | commercial categories refused as a callee |
/// | 14–15 | hours as a callee |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Marks(pub u16);

impl Marks {
    const BAD: u16 = 1;
    const SUSPECT: u16 = 1 << 1;

    /// 不良号码
    pub const fn bad(self) -> bool {
        self.0 & Self::BAD != 0
    }

    /// 疑似骚扰
    pub const fn suspect(self) -> bool {
        self.0 & Self::SUSPECT != 0
    }

    /// The operator that serves the number now, where it was ported.
    pub fn ported_to(self) -> Option<Operator> {
        let value = self.0 >> 2 & 0b111;
        Operator::ALL.iter().copied().find(|operator| *operator as u16 == value)
    }

    /// What it is as a caller.
    pub fn category(self) -> Category {
        Category::of(self.0 >> 5 & 0b1111)
    }

    /// Whether it refuses a category as a callee.
    pub const fn refuses(self, category: Category) -> bool {
        self.0 >> 9 & 0b1_1111 & category.refusal() != 0
    }

    /// Its hours as a callee.
    pub const fn hours(self) -> Hours {
        match self.0 >> 14 {
            0 => Hours::Any,
            1 => Hours::Night,
            2 => Hours::NightAndNoon,
            _ => Hours::Own,
        }
    }

    /// On the bad list.
    #[must_use]
    pub const fn with_bad(self) -> Self {
        Self(self.0 | Self::BAD)
    }

    /// Suspected.
    #[must_use]
    pub const fn with_suspect(self) -> Self {
        Self(self.0 | Self::SUSPECT)
    }

    /// Ported to an operator.
    #[must_use]
    pub const fn with_operator(self, operator: Operator) -> Self {
        Self(self.0 & !(0b111 << 2) | (operator as u16) << 2)
    }

    /// Known as a caller of a category.
    #[must_use]
    pub const fn with_category(self, category: Category) -> Self {
        Self(self.0 & !(0b1111 << 5) | (category as u16) << 5)
    }

    /// Refuses a commercial category.
    #[must_use]
    pub const fn with_refused(self, category: Category) -> Self {
        Self(self.0 | category.refusal() << 9)
    }

    /// Has hours.
    #[must_use]
    pub const fn with_hours(self, hours: Hours) -> Self {
        Self(self.0 & !(0b11 << 14) | (hours as u16) << 14)
    }
}

/// 被叫偏好 that sixteen bits cannot hold: own windows and single numbers. Few callees have one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preference {
    /// Minutes of the day, from and to, in which commercial calls are not put through; to before from runs past midnight.
    pub quiet: Vec<(u16, u16)>,
    /// Numbers refused, sorted.
    pub refused: Vec<crate::Number>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_hold_everything_apart() {
        for operator in Operator::ALL {
            for category in Category::ALL {
                for hours in [Hours::Any, Hours::Night, Hours::NightAndNoon, Hours::Own] {
                    let marks = Marks::default()
                        .with_operator(*operator)
                        .with_category(*category)
                        .with_hours(hours)
                        .with_refused(Category::Property);
                    assert_eq!((marks.ported_to(), marks.category(), marks.hours()), (Some(*operator), *category, hours));
                    assert!(marks.refuses(Category::Property) && !marks.refuses(Category::Finance) && !marks.refuses(Category::Hospital));
                    assert!(!marks.bad() && !marks.suspect() && marks.with_bad().bad() && marks.with_suspect().suspect());
                    assert_eq!(marks.with_bad().with_suspect().category(), *category);
                }
            }
        }
        assert_eq!(Marks(u16::MAX).ported_to(), None);
    }

    #[test]
    fn what_is_trusted_cannot_be_refused() {
        assert!(Category::ALL.iter().all(|category| !(category.is_trusted() && category.is_commercial())));
        assert!(Category::ALL.iter().filter(|category| category.is_trusted()).all(|category| category.refusal() == 0));
    }
}
