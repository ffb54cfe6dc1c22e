//! 投诉率: whether so many complaints are more than a cell had before, per customer touched, and whether they are more than anybody may have
//! (R-HOT-4). Pure: numbers in, a chance out.
//!
//! A cell is a city × stage × kind of outlet. What is weighed is the rate: complaints of a day over the customers who may complain on it, those a
//! step of the ladder touched in the four weeks before. Most complain within the first week, so the first seven days weigh four times as much as
//! the rest. A wave ten times as large may have ten times the complaints; the same complaints after a small wave are a warning.
//!
//! Two tests share the false alarms a cell is let:
//! - **against its own baseline**, exact: given all complaints of the days looked at, those of today are binomial if the rate did not change,
//!   with the share of the weight that is today's, whatever the rate is;
//! - **against the ceiling** that no cell may pass: the upper tail of a Poisson count at the ceiling. It sees the first wave of a city, which
//!   has no baseline.
//!
//! Each warns where its chance is at most half of the false alarms a year over 365, so that both together keep the promise. The count of a day
//! only grows and is weighed against the whole day, so that looking often raises no more false alarms than looking once.

/// How long a touch is weighed, days.
pub const REACH: i64 = 28;

/// Days in which a touch weighs four times as much.
const FRESH: i64 = 7;

/// Weight of one touch over all its days.
const WHOLE: i64 = FRESH * 4 + (REACH - FRESH);

/// Weight of the customers of a cell who may complain on `day`; `touched` by day.
pub fn weight(touched: impl IntoIterator<Item = (i64, i64)>, day: i64) -> i64 {
    touched
        .into_iter()
        .map(|(on, count)| match day - on {
            0..FRESH => count * 4,
            FRESH..REACH => count,
            _ => 0,
        })
        .sum()
}

/// 格: what one city × stage × kind of outlet had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    /// Complaints today.
    pub today: i64,
    /// Complaints of the days before.
    pub before: i64,
    /// Weight of today's customers, see [`weight`].
    pub weight: i64,
    /// Weight of the days before together.
    pub weight_before: i64,
}

/// What raises a warning.
#[derive(Debug, Clone, Copy)]
pub struct Threshold {
    /// False alarms let to a hundred cells in a year.
    pub false_alarms: i64,
    /// Fewer in a day are never a warning.
    pub least: i64,
    /// Days of the baseline.
    pub days: i64,
    /// Complaints of a thousand customers touched, over all the days they may complain in, that no cell may pass.
    pub ceiling: i64,
}

impl Threshold {
    /// Highest chance that still raises a warning: each of the two tests has half of what is let.
    pub fn level(&self) -> f64 {
        self.false_alarms as f64 / 100.0 / 365.0 / 2.0
    }

    /// Today's share of all the weight looked at. Where nobody was touched a day weighs as much as any other.
    fn share(&self, cell: &Cell) -> f64 {
        match (cell.weight, cell.weight_before) {
            (0, 0) => 1.0 / (self.days.max(1) as f64 + 1.0),
            // Complaints come of somebody: whoever was touched longer ago still counts a little.
            (today, before) => (today.max(1) as f64) / (today.max(1) + before) as f64,
        }
    }

    /// Complaints today if the cell's rate were what it was.
    pub fn expected(&self, cell: &Cell) -> f64 {
        let share = self.share(cell);
        if share < 1.0 { cell.before as f64 * share / (1.0 - share) } else { self.most(cell) }
    }

    /// Complaints today at the ceiling.
    fn most(&self, cell: &Cell) -> f64 {
        self.ceiling as f64 / 1_000.0 * cell.weight as f64 / WHOLE as f64
    }

    /// The smaller of the two chances, and whether it warns.
    pub fn judge(&self, cell: &Cell) -> (f64, bool) {
        let mut chance = binomial_tail(cell.today, cell.before, self.share(cell));
        if cell.weight > 0 {
            chance = chance.min(poisson_tail(cell.today, self.most(cell)));
        }
        (chance, cell.today >= self.least && chance <= self.level())
    }
}

/// ln Γ(x) for x ≥ 1, by Lanczos' series; exact to 1e-10 for what is counted here.
fn ln_gamma(x: f64) -> f64 {
    const SERIES: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.120_865_097_386_617_9e-2,
        -0.539_523_938_495_3e-5,
    ];
    let t = x + 5.5;
    let sum = SERIES.iter().enumerate().fold(1.000_000_000_190_015, |sum, (index, term)| sum + term / (x + 1.0 + index as f64));
    (x + 0.5) * t.ln() - t + (2.506_628_274_631_000_5 * sum / x).ln()
}

/// Chance of `today` or more of all complaints on the day that has the share `q` of the weight.
fn binomial_tail(today: i64, before: i64, q: f64) -> f64 {
    if today <= 0 || q >= 1.0 {
        return 1.0;
    }
    let (n, x) = ((today + before.max(0)) as f64, today as f64);
    let odds = q / (1.0 - q);
    let mut term = (ln_gamma(n + 1.0) - ln_gamma(x + 1.0) - ln_gamma(n - x + 1.0) + x * q.ln() + (n - x) * (1.0 - q).ln()).exp();
    let (mut sum, mut k) = (0.0, x);
    while k <= n && (term > sum * 1e-12 || k < n * q) {
        sum += term;
        term *= (n - k) / (k + 1.0) * odds;
        k += 1.0;
    }
    sum.min(1.0)
}

/// Chance of `today` or more of a Poisson count with this mean.
fn poisson_tail(today: i64, mean: f64) -> f64 {
    if today <= 0 {
        return 1.0;
    }
    let mut k = today as f64;
    let mut term = (k * mean.ln() - mean - ln_gamma(k + 1.0)).exp();
    let mut sum = 0.0;
    while term > sum * 1e-12 || k < mean {
        sum += term;
        k += 1.0;
        term *= mean / k;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Threshold = Threshold { false_alarms: 50, least: 3, days: 28, ceiling: 1 };

    /// A small generator of its own: the same simulation every time.
    struct Dice(u64);

    impl Dice {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut x = self.0;
            x ^= x >> 33;
            x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
            x ^= x >> 33;
            (x >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// Poisson, by multiplying; means here stay below 200.
        fn poisson(&mut self, mean: f64) -> i64 {
            let (end, mut product, mut count) = ((-mean).exp(), self.next(), 0);
            while product > end {
                product *= self.next();
                count += 1;
            }
            count
        }
    }

    fn days(count: i64, before: i64) -> Cell {
        Cell { today: count, before, ..Cell::default() }
    }

    #[test]
    fn the_tails_are_what_they_are_called() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * b.max(1e-3), "{a} {b}");
        near(binomial_tail(1, 0, 1.0 / 29.0), 1.0 / 29.0);
        near(binomial_tail(3, 0, 1.0 / 29.0), (1.0_f64 / 29.0).powi(3));
        // Two or more of three with chance 1/2: 3/8 + 1/8.
        near(binomial_tail(2, 1, 0.5), 0.5);
        near(binomial_tail(0, 10, 0.5), 1.0);
        near(poisson_tail(1, 0.5), 1.0 - (-0.5_f64).exp());
        near(poisson_tail(2, 3.0), 1.0 - 4.0 * (-3.0_f64).exp());
        near(poisson_tail(0, 3.0), 1.0);
        near(poisson_tail(5, 0.0), 0.0);
        assert!(poisson_tail(40, 100.0) > 0.999 && poisson_tail(200, 100.0) < 1e-15);
    }

    #[test]
    fn a_touch_weighs_most_in_its_first_week_and_nothing_after_four() {
        let wave = [(10, 100)];
        assert_eq!([9, 10, 16, 17, 37, 38].map(|day| weight(wave, day)), [0, 400, 400, 100, 100, 0]);
        assert_eq!((10..38).map(|day| weight(wave, day)).sum::<i64>(), 100 * WHOLE);
    }

    #[test]
    fn the_same_complaints_are_a_warning_after_a_small_wave_and_none_after_a_large_one() {
        // Ten complaints of forty thousand touched at an even pace before; today twelve.
        let cell = |weight| Cell { today: 12, before: 10, weight, weight_before: 28 * 4_000 };
        assert!(USUAL.judge(&cell(4_000)).1, "nobody more was touched");
        assert!(!USUAL.judge(&cell(400_000)).1, "a hundred times as many were touched");
        // The first wave of a city has nothing before; the ceiling sees it.
        let first = |today, weight| USUAL.judge(&Cell { today, before: 0, weight, weight_before: 0 }).1;
        assert!(first(8, 5_000 * 4) && !first(8, 50_000 * 4));
        // Complaints of nobody in the remediation are weighed by the day.
        assert!(USUAL.judge(&days(9, 10)).1 && !USUAL.judge(&days(3, 28)).1);
    }

    /// The promise: whatever rate a cell has below the ceiling, and however unevenly its customers are touched, it raises no more false alarms a
    /// year than it is let. 1,000 cell-years each; the allowance is three standard deviations of what the simulation itself wavers.
    #[test]
    fn false_alarms_stay_below_what_is_stated() {
        const CELLS: usize = 1_000;
        let stated = USUAL.false_alarms as f64 / 100.0;
        // Complaints of a thousand touched, customers of a wave, days from one wave to the next.
        for (rate, wave, every) in
            [(0.05, 2_000, 1), (0.5, 500, 1), (0.5, 20_000, 14), (1.0, 5_000, 1), (1.0, 60_000, 30), (0.2, 100_000, 45)]
        {
            let (mut dice, mut alarms) = (Dice(7), 0_u32);
            for _ in 0..CELLS {
                let wave =
                    |day: usize, dice: &mut Dice| if day.is_multiple_of(every) { (wave as f64 * (0.2 + dice.next())) as i64 } else { 0 };
                let touched: Vec<(i64, i64)> = (0..365 + 56).map(|day| (day as i64, wave(day, &mut dice))).collect();
                let weights: Vec<i64> =
                    (28..touched.len()).map(|day| weight(touched[day - 27..=day].iter().copied(), day as i64)).collect();
                let counts: Vec<i64> = weights.iter().map(|weight| dice.poisson(rate / 1_000.0 * *weight as f64 / WHOLE as f64)).collect();
                for day in 28..counts.len() {
                    let sum = |of: &[i64]| of[day - 28..day].iter().sum::<i64>();
                    let cell = Cell { today: counts[day], before: sum(&counts), weight: weights[day], weight_before: sum(&weights) };
                    alarms += u32::from(USUAL.judge(&cell).1);
                }
            }
            let a_year = f64::from(alarms) / CELLS as f64;
            assert!(
                a_year <= stated + 3.0 * (stated / CELLS as f64).sqrt(),
                "{rate} ‰, {wave} every {every}: {a_year} a year, stated {stated}"
            );
        }
    }

    #[test]
    fn a_cell_whose_rate_rises_is_seen_within_days() {
        // A test that never warns would pass the one above. Complaints a day, times as many, days until it is seen.
        for (mean, times, within) in [(1.0, 6.0, 3), (4.0, 3.0, 3), (15.0, 2.0, 3)] {
            let (mut dice, mut days) = (Dice(11), 0_u32);
            let even = 1_000_000;
            for _ in 0..500 {
                let before: i64 = (0..USUAL.days).map(|_| dice.poisson(mean)).sum();
                days += 1;
                let cell = |today| Cell { today, before, weight: even, weight_before: even * USUAL.days };
                while !USUAL.judge(&cell(dice.poisson(mean * times))).1 {
                    days += 1;
                }
            }
            assert!(f64::from(days) / 500.0 <= f64::from(within), "{mean} × {times}: {} days", f64::from(days) / 500.0);
        }
    }
}
