//! 工作日历: working days and working hours, from the dated notices in `rules/`. A year whose notice was not taken in has no working days that
//! anybody knows: what depends on one is held with a message, never guessed from the day of the week.

use chuangsha_kernel::{
    problem::{Problem, Refuse},
    rulebook::{Rulebook, Window},
    time::Timestamp,
};
use jiff::civil::Date;

use crate::App;

/// 缺少节假日安排: the year asked for is not in `rules/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the holidays of {0} are not in the rules")]
pub struct NoNotice(pub i16);

/// Codes of this piece.
pub mod code {
    chuangsha_kernel::codes! {
        NO_NOTICE = "calendar.no_notice", 409, "缺少 {year} 年节假日安排，工作日无法计算，已暂缓办理", "The holidays of {year} are not in the rules: working days cannot be counted, and the step is held", "把国务院办公厅关于 {year} 年部分节假日安排的通知写成 [[day]] 条目，放入本地规则包目录，或升级到含该年的版本；补录前停机与工作日时限一律暂缓", "Write the State Council's notice on the holidays of {year} as [[day]] entries into a local rule pack, or upgrade to a version that has the year; until then stops and clocks of working days wait";
    }
}

impl Refuse for NoNotice {
    fn problem(&self) -> Problem {
        Problem::new(&code::NO_NOTICE).with("year", self.0)
    }
}

/// 工作日历
#[derive(Debug, Clone, Copy)]
pub struct Calendar<'r>(&'r Rulebook);

/// Far enough for any clock of the law, and an end to a loop over wrong data.
const LONGEST_DAYS: i64 = 400;

impl<'r> Calendar<'r> {
    /// The calendar of these rules.
    pub const fn new(rules: &'r Rulebook) -> Self {
        Self(rules)
    }

    /// Whether people work that day.
    ///
    /// # Errors
    /// [`NoNotice`]: the year's notice is missing.
    pub fn is_working(self, day: Date) -> Result<bool, NoNotice> {
        if self.0.knows_year(day.year()) { Ok(self.0.is_working_day(day)) } else { Err(NoNotice(day.year())) }
    }

    /// 缺哪一年: the first year between two days whose notice is missing.
    pub fn missing(self, from: Date, until: Date) -> Option<NoNotice> {
        (from.year()..=until.year()).find(|year| !self.0.knows_year(*year)).map(NoNotice)
    }

    /// The last of `days` working days after `from`, the first not counted; `from` itself for none. At most 400.
    ///
    /// # Errors
    /// [`NoNotice`]: one of the days lies in a year whose notice is missing.
    pub fn working_days_after(self, from: Date, days: i64) -> Result<Date, NoNotice> {
        let (mut day, mut left) = (from, days.clamp(0, LONGEST_DAYS));
        while left > 0 {
            day = day.tomorrow().map_err(|_| NoNotice(day.year()))?;
            left -= i64::from(self.is_working(day)?);
        }
        Ok(day)
    }

    /// Until when a clock of so many working days runs: midnight in China after the last of them.
    ///
    /// # Errors
    /// As [`Self::working_days_after`].
    pub fn end_of_working_days(self, from: Timestamp, days: i64) -> Result<Timestamp, NoNotice> {
        let last = self.working_days_after(from.day(), days)?;
        Ok(Timestamp::start_of(last.tomorrow().map_err(|_| NoNotice(last.year()))?))
    }

    /// Whether a moment is a working day's and inside the hours, China Standard Time: `09:00-18:00`.
    ///
    /// # Errors
    /// [`NoNotice`]. Outside the hours no day needs to be known: the answer is no.
    pub fn within_hours(self, at: Timestamp, hours: Window) -> Result<bool, NoNotice> {
        if !hours.contains(at.civil().time()) {
            return Ok(false);
        }
        self.is_working(at.day())
    }

    /// The first moment from `at` on that is inside the hours of a working day; `at` itself when it is.
    ///
    /// # Errors
    /// As [`Self::working_days_after`].
    pub fn next_within(self, at: Timestamp, hours: Window) -> Result<Timestamp, NoNotice> {
        if self.within_hours(at, hours)? {
            return Ok(at);
        }
        let opens = |day: Date| day.to_datetime(hours.from);
        let offset = |day: Date| opens(day).duration_since(day.to_datetime(jiff::civil::Time::midnight())).as_millis();
        let mut day = at.day();
        for _ in 0..LONGEST_DAYS {
            let start = Timestamp::start_of(day).plus_ms(i64::try_from(offset(day)).unwrap_or(0));
            if start >= at && self.is_working(day)? {
                return Ok(start);
            }
            day = day.tomorrow().map_err(|_| NoNotice(day.year()))?;
        }
        Err(NoNotice(day.year()))
    }
}

impl App {
    /// 工作日历 of the rules in force.
    pub fn calendar(&self) -> Calendar<'_> {
        Calendar::new(&self.rules)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails stops")]

    use chuangsha_kernel::time::HOUR_MS;
    use jiff::civil::date;

    use super::*;

    fn at(day: Date, hour: i64) -> Timestamp {
        Timestamp::start_of(day).plus_ms(hour * HOUR_MS)
    }

    #[test]
    fn working_days_follow_the_notice_and_not_the_week() {
        let rules = crate::rulebook::embedded(true).unwrap();
        let calendar = Calendar::new(&rules);
        // Friday 13 February 2026: Saturday is worked, then the holidays until Monday 23.
        assert_eq!(calendar.is_working(date(2026, 2, 14)), Ok(true));
        // 2024: the Sunday before the Spring Festival was worked, 17 February was still a holiday.
        assert_eq!(calendar.is_working(date(2024, 2, 4)), Ok(true));
        assert_eq!(calendar.is_working(date(2024, 2, 16)), Ok(false));
        assert_eq!(calendar.is_working(date(2024, 10, 12)), Ok(true));
        assert_eq!(calendar.is_working(date(2026, 2, 16)), Ok(false));
        assert_eq!(calendar.working_days_after(date(2026, 2, 13), 0), Ok(date(2026, 2, 13)));
        assert_eq!(calendar.working_days_after(date(2026, 2, 13), 5), Ok(date(2026, 2, 27)));
        assert_eq!(calendar.end_of_working_days(at(date(2026, 11, 20), 23), 5), Ok(at(date(2026, 11, 28), 0)));
    }

    #[test]
    fn a_year_without_its_notice_is_said_and_never_guessed() {
        let rules = crate::rulebook::embedded(true).unwrap();
        let calendar = Calendar::new(&rules);
        assert!(rules.knows_year(2026) && !rules.knows_year(2031));
        assert_eq!(calendar.is_working(date(2031, 3, 3)), Err(NoNotice(2031)));
        // The clock starts in a known year and would end in an unknown one.
        let last = (2026..2031).filter(|year| rules.knows_year(*year)).max().unwrap();
        assert_eq!(calendar.working_days_after(date(last, 12, 30), 5), Err(NoNotice(last + 1)));
        assert_eq!(calendar.missing(date(last, 3, 1), date(last, 12, 31)), None);
        assert_eq!(calendar.missing(date(last, 3, 1), date(last + 2, 1, 1)), Some(NoNotice(last + 1)), "the first one that is missing");
        let problem = NoNotice(2031).problem();
        assert_eq!(problem.code.id, "calendar.no_notice");
    }

    #[test]
    fn hours_count_on_working_days_only() {
        let rules = crate::rulebook::embedded(true).unwrap();
        let calendar = Calendar::new(&rules);
        let hours = Window::parse("09:00-18:00").unwrap();
        let friday = date(2026, 11, 20);
        assert_eq!(calendar.within_hours(at(friday, 9), hours), Ok(true));
        assert_eq!(calendar.within_hours(at(friday, 18), hours), Ok(false));
        assert_eq!(calendar.within_hours(at(date(2026, 11, 21), 10), hours), Ok(false));
        assert_eq!(calendar.within_hours(at(date(2031, 3, 3), 10), hours), Err(NoNotice(2031)));
        assert_eq!(calendar.within_hours(at(date(2031, 3, 3), 3), hours), Ok(false), "at night no day needs to be known");
        assert_eq!(calendar.next_within(at(friday, 10), hours), Ok(at(friday, 10)));
        assert_eq!(calendar.next_within(at(friday, 20), hours), Ok(at(date(2026, 11, 23), 9)));
        assert_eq!(calendar.next_within(at(friday, 3), hours), Ok(at(friday, 9)));
    }
}
