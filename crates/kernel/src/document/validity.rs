use jiff::{ToSpan, civil::Date};
use serde::Deserialize;

use super::{DocumentError, DocumentKind};

/// 有效期规则: for how long documents of one kind are issued at one age, from `rules/*/documents.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidityRule {
    /// Kind of document.
    pub kind: DocumentKind,
    /// Youngest age at issue, in full years.
    #[serde(default)]
    pub age_from: i16,
    /// Oldest age at issue; none = any.
    pub age_to: Option<i16>,
    /// Years of validity.
    pub years: Option<i32>,
    /// Months of validity.
    pub months: Option<i32>,
    /// 长期: no last day.
    #[serde(default)]
    pub long_term: bool,
    /// Documents issued from this day.
    #[serde(deserialize_with = "crate::rulebook::date")]
    pub issued_from: Date,
    /// Documents issued up to this day.
    #[serde(default, deserialize_with = "crate::rulebook::optional_date")]
    pub issued_until: Option<Date>,
    /// `R-*` or `L-*`.
    pub article: String,
    /// Title and number of the text.
    pub source: String,
    /// P, S, D, U or C.
    pub evidence: String,
}

/// 有效期规则表. Kinds without a rule may be valid for any period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validity {
    rules: Vec<ValidityRule>,
}

/// A card is applied for before it is issued; the age that counts may be the one at application. Also the tolerance of the last day.
const APPLICATION_DAYS: i32 = 90;

impl Validity {
    /// A table of these rules.
    pub fn new(rules: Vec<ValidityRule>) -> Self {
        Self { rules }
    }

    /// The rules, for `rules check`.
    pub fn rules(&self) -> &[ValidityRule] {
        &self.rules
    }

    pub(super) fn check(
        &self,
        kind: DocumentKind,
        birth: Option<Date>,
        issued: Option<Date>,
        until: Option<Date>,
        today: Date,
    ) -> Result<(), DocumentError> {
        if let Some(from) = issued
            && (birth.is_some_and(|birth| birth > from) || until.is_some_and(|until| until <= from))
        {
            return Err(DocumentError::DatesOutOfOrder);
        }
        match (issued, until) {
            (Some(from), _) if from > today => return Err(DocumentError::NotYetValid { from }),
            (_, Some(until)) if until < today => return Err(DocumentError::Expired { until }),
            _ => {}
        }
        let Some(issued) = issued else { return Ok(()) };
        let candidates: Vec<&ValidityRule> =
            self.rules.iter().filter(|rule| rule.kind == kind && rule.could_apply(birth, issued)).collect();
        // Nothing known about this kind at that time: nothing to doubt.
        if candidates.is_empty() || candidates.iter().any(|rule| rule.gives(issued, until)) {
            return Ok(());
        }
        Err(DocumentError::ImplausiblePeriod { expected: candidates.iter().map(|rule| rule.period()).collect::<Vec<_>>().join(" / ") })
    }
}

impl ValidityRule {
    fn could_apply(&self, birth: Option<Date>, issued: Date) -> bool {
        if issued < self.issued_from || self.issued_until.is_some_and(|until| issued > until) {
            return false;
        }
        let Some(birth) = birth else { return true };
        let at_issue = full_years(birth, issued);
        let at_application = full_years(birth, issued.saturating_sub(APPLICATION_DAYS.days()));
        let fits = |age: i16| age >= self.age_from && self.age_to.is_none_or(|to| age <= to);
        fits(at_issue) || fits(at_application)
    }

    fn gives(&self, issued: Date, until: Option<Date>) -> bool {
        match until {
            None => self.long_term,
            Some(until) => {
                let span = self.years.unwrap_or(0).years().months(self.months.unwrap_or(0));
                // The last day is the same calendar day; some issuers print the day before, and 29 February has to go somewhere.
                !self.long_term
                    && issued
                        .checked_add(span)
                        .is_ok_and(|last| until >= last.saturating_sub(1.day()) && until <= last.saturating_add(1.day()))
            }
        }
    }

    fn period(&self) -> String {
        match (self.long_term, self.years, self.months) {
            (true, ..) => "长期 long-term".to_owned(),
            (_, Some(years), _) => format!("{years} 年 years"),
            (_, _, months) => format!("{} 个月 months", months.unwrap_or(0)),
        }
    }
}

/// Full years from birth to a day; negative spans count as 0.
fn full_years(birth: Date, on: Date) -> i16 {
    let passed = (on.month(), on.day()) >= (birth.month(), birth.day());
    (on.year() - birth.year() - i16::from(!passed)).max(0)
}
