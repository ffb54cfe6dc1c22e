//! 披露控制: what of a table of counts may be published. A count below the bound is hidden; so is a second one wherever a sum would give the first
//! away; the rest is rounded. Hidden says "below the bound, or hidden for another's sake", and nought is hidden with the small ones: that nobody
//! complained is as telling as that one did.
//!
//! Before a table is published, this file plays whoever tries to take it apart: from what would be told it narrows every hidden count down as far
//! as sums and rounding allow, and hides more until each small count may still be any of [`ROOM`] values and one. A week is told by adding up its
//! published days and says nothing that they do not; so a series of bulletins is no better than its days.

use std::collections::{BTreeMap, BTreeSet};

/// How counts are published.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Below it a count is hidden.
    pub small: i64,
    /// Counts are rounded to multiples of it.
    pub round: i64,
}

/// How far apart the least and the most a hidden small count may be must stay.
pub const ROOM: i64 = 4;

/// Sum over all of one side, as a place of the table.
pub const ALL: usize = usize::MAX;

/// Row and column.
pub type Place = (usize, usize);

/// A table with its sums: row, column; [`ALL`] for a sum.
pub type Grid = BTreeMap<Place, i64>;

/// 发布表: what may be published; `None`: hidden.
pub type Published = BTreeMap<Place, Option<i64>>;

/// Each sum with what it sums.
type Lines = Vec<(Place, Vec<Place>)>;

/// The table with its sums over rows, columns and everything.
pub fn with_sums(cells: &Grid) -> Grid {
    let mut grid = Grid::new();
    for ((row, column), count) in cells {
        for place in [(*row, *column), (*row, ALL), (ALL, *column), (ALL, ALL)] {
            *grid.entry(place).or_default() += count;
        }
    }
    grid
}

/// To the nearest multiple, a half upwards.
fn rounded(count: i64, to: i64) -> i64 {
    if to <= 1 { count } else { (count + to / 2).div_euclid(to) * to }
}

/// Rows first, then columns; the sums of both sides are lines too.
fn lines(grid: &Grid) -> Lines {
    let rows: BTreeSet<usize> = grid.keys().map(|(row, _)| *row).collect();
    let columns: BTreeSet<usize> = grid.keys().map(|(_, column)| *column).collect();
    let along = rows.iter().map(|row| ((*row, ALL), columns.iter().filter(|one| **one != ALL).map(|one| (*row, *one)).collect()));
    let down = columns.iter().map(|column| ((ALL, *column), rows.iter().filter(|one| **one != ALL).map(|one| (*one, *column)).collect()));
    along.chain(down).collect()
}

/// The table of one day: what may be published of `cells` and its sums.
pub fn publish(cells: &Grid, rule: Rule) -> Published {
    let grid = with_sums(cells);
    let lines = lines(&grid);
    let mut hidden: BTreeSet<Place> = grid.iter().filter(|(_, count)| **count < rule.small).map(|(place, _)| *place).collect();
    // Hiding one for the sake of a row may leave it alone in its column: until nothing changes. It ends, for something is hidden every time.
    while let Some(place) = alone(&grid, &hidden, &lines).or_else(|| found(&grid, &hidden, &lines, rule)) {
        hidden.insert(place);
    }
    grid.into_iter().map(|(place, count)| (place, (!hidden.contains(&place)).then(|| rounded(count, rule.round)))).collect()
}

/// Several days told as one: sums of what was published, hidden where a day is.
pub fn added(days: &[Published]) -> Published {
    let places: BTreeSet<Place> = days.iter().flat_map(BTreeMap::keys).copied().collect();
    // A place a day does not know had nothing to tell, and nothing is told of it.
    places.into_iter().map(|place| (place, days.iter().map(|day| day.get(&place).copied().flatten()).sum())).collect()
}

/// The smallest of `places` that is still told.
fn smallest<'a>(grid: &Grid, hidden: &BTreeSet<Place>, places: impl Iterator<Item = &'a Place>) -> Option<Place> {
    places.filter(|place| !hidden.contains(*place)).min_by_key(|place| grid.get(*place)).copied()
}

/// Whoever is hidden alone in a line is what the others leave: one more is hidden there, so that as little as possible is lost.
fn alone(grid: &Grid, hidden: &BTreeSet<Place>, lines: &Lines) -> Option<Place> {
    lines.iter().find_map(|(sum, parts)| {
        let line = || parts.iter().chain([sum]);
        (line().filter(|place| hidden.contains(*place)).count() == 1).then(|| smallest(grid, hidden, line())).flatten()
    })
}

/// What else must be hidden because a small count could be found: the sum of a line it stands in, or what else of the line is told.
fn found(grid: &Grid, hidden: &BTreeSet<Place>, lines: &Lines, rule: Rule) -> Option<Place> {
    let known = narrowed(grid, hidden, lines, rule);
    let narrow = |place: &&Place| {
        let small = grid.get(*place).is_some_and(|count| *count < rule.small);
        small && known.get(*place).is_some_and(|(low, high)| high - low < ROOM)
    };
    let place = hidden.iter().find(narrow)?;
    let near = lines
        .iter()
        .filter(|(sum, parts)| sum == place || parts.contains(place))
        .find_map(|(sum, parts)| if hidden.contains(sum) { smallest(grid, hidden, parts.iter()) } else { Some(*sum) });
    near.or_else(|| smallest(grid, hidden, grid.keys()))
}

/// What somebody outside can know of each count, from and to. They are taken to know which of the hidden are small, and more of the others than
/// anybody could.
fn narrowed(grid: &Grid, hidden: &BTreeSet<Place>, lines: &Lines, rule: Rule) -> BTreeMap<Place, (i64, i64)> {
    let told = |(place, count): (&Place, &i64)| {
        let span = match (hidden.contains(place), *count < rule.small) {
            (true, true) => (0, rule.small - 1),
            (true, false) => (0, count + rule.small),
            (false, _) => {
                let value = rounded(*count, rule.round);
                ((value - rule.round / 2).max(rule.small), value + rule.round / 2)
            }
        };
        (*place, span)
    };
    let mut known: BTreeMap<Place, (i64, i64)> = grid.iter().map(told).collect();
    for _ in 0..100 {
        let before = known.clone();
        for (sum, parts) in lines {
            infer(&mut known, sum, parts);
        }
        if known == before {
            break;
        }
    }
    known
}

/// A sum from its parts, and each part from the sum and the others.
fn infer<K: Ord>(known: &mut BTreeMap<K, (i64, i64)>, sum: &K, parts: &[K]) {
    let of = |known: &BTreeMap<K, (i64, i64)>, place: &K| known.get(place).copied().unwrap_or((0, 0));
    let (low, high) = parts.iter().map(|part| of(known, part)).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    let whole = of(known, sum);
    let whole = (whole.0.max(low), whole.1.min(high));
    if let Some(span) = known.get_mut(sum) {
        *span = whole;
    }
    for part in parts {
        let own = of(known, part);
        if let Some(span) = known.get_mut(part) {
            *span = (own.0.max(whole.0 - (high - own.1)), own.1.min(whole.1 - (low - own.0)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULE: Rule = Rule { small: 10, round: 5 };

    type Week = Vec<Vec<Vec<i64>>>;

    fn table(day: &[Vec<i64>]) -> Grid {
        let cells =
            day.iter().enumerate().flat_map(|(row, line)| line.iter().enumerate().map(move |(column, count)| ((row, column), *count)));
        cells.collect()
    }

    /// Whoever has a week of daily bulletins and the weekly one takes every sum apart that there is, over places and over days together. No
    /// small count of any day is ever told, nor narrowed to fewer than four values.
    fn nobody_is_found(week: &Week) -> Result<(), TestCaseError> {
        let days: Vec<Published> = week.iter().map(|day| publish(&table(day), RULE)).collect();
        let weekly = added(&days);
        let truths: Vec<Grid> = week.iter().map(|day| with_sums(&table(day))).collect();
        let mut known: BTreeMap<(usize, Place), (i64, i64)> = BTreeMap::new();
        let mut sums = Vec::new();
        let slack = RULE.round / 2;
        for (at, (published, truth)) in days.iter().zip(&truths).enumerate() {
            for (place, value) in published {
                let count = truth.get(place).copied().unwrap_or(0);
                let span = match value {
                    Some(value) => ((value - slack).max(RULE.small), value + slack),
                    None if count < RULE.small => (0, RULE.small - 1),
                    None => (0, count + RULE.small),
                };
                known.insert((at, *place), span);
            }
            for (sum, parts) in lines(truth) {
                sums.push(((at, sum), parts.into_iter().map(|part| (at, part)).collect::<Vec<_>>()));
            }
        }
        for (place, value) in &weekly {
            let wide = slack * i64::try_from(week.len()).unwrap_or(0);
            known.insert((week.len(), *place), value.map_or((0, i64::MAX / 4), |value| (value - wide, value + wide)));
            sums.push(((week.len(), *place), (0..week.len()).map(|at| (at, *place)).collect()));
        }
        for _ in 0..100 {
            let before = known.clone();
            sums.iter().for_each(|(sum, parts)| infer(&mut known, sum, parts));
            if known == before {
                break;
            }
        }
        for (at, truth) in truths.iter().enumerate() {
            for (place, count) in truth {
                let (low, high) = known.get(&(at, *place)).copied().unwrap_or_default();
                prop_assert!(low <= *count && *count <= high, "the attacker's own arithmetic is right");
                if *count < RULE.small {
                    let told = days.get(at).and_then(|day| day.get(place)).copied().flatten();
                    prop_assert_eq!(told, None, "a small count is told");
                    prop_assert!(high - low >= 3, "{} is found between {} and {}", count, low, high);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn a_small_count_takes_another_with_it() {
        // One small cell in a row and in a column of large ones: three more are hidden, so that each line has two.
        let cells: Grid = [((0, 0), 3), ((0, 1), 40), ((0, 2), 52), ((1, 0), 61), ((1, 1), 70), ((1, 2), 83)].into();
        let published = publish(&cells, RULE);
        let gone: Vec<_> = published.iter().filter(|(_, value)| value.is_none()).map(|(place, _)| *place).collect();
        assert_eq!(gone, [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(published.get(&(0, 2)), Some(&Some(50)));
        assert_eq!(published.get(&(ALL, ALL)), Some(&Some(310)));
        // Nothing small, nothing hidden.
        let large: Grid = [((0, 0), 30), ((0, 1), 40), ((1, 0), 61), ((1, 1), 70)].into();
        assert!(publish(&large, RULE).values().all(Option::is_some));
        assert_eq!(publish(&Grid::new(), RULE), Published::new());
    }

    #[test]
    fn two_nines_are_not_told_by_their_eighteen() {
        // Why whoever tries is played: 9 and 9 are hidden, and 18, told as 20, would say of both that they are nine.
        let cells: Grid = [((0, 0), 9), ((0, 1), 9), ((1, 0), 50), ((1, 1), 60)].into();
        let published = publish(&cells, RULE);
        assert_eq!(published.get(&(0, ALL)), Some(&None));
        let bare: BTreeSet<Place> = [(0, 0), (0, 1)].into();
        let grid = with_sums(&cells);
        assert_eq!(narrowed(&grid, &bare, &lines(&grid), RULE).get(&(0, 0)), Some(&(9, 9)), "without it they are found");
    }

    #[test]
    fn a_week_is_the_sum_of_its_told_days() {
        let day = |count: i64| -> Published { [((0, 0), Some(count)), ((0, 1), None)].into() };
        let week = added(&[day(10), day(25)]);
        assert_eq!(week, [((0, 0), Some(35)), ((0, 1), None)].into());
        assert_eq!(added(&[day(10), Published::new()]).get(&(0, 0)), Some(&None), "a day that is not there is not nought");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_series_of_days_cannot_be_differenced(week in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(prop_oneof![0_i64..4, 0_i64..30, 20_i64..200], 3), 4), 7)) {
            nobody_is_found(&week)?;
        }

        #[test]
        fn nor_can_a_place_where_little_happens(week in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(prop_oneof![Just(0_i64), 1_i64..12, 7_i64..12], 3), 2), 7)) {
            nobody_is_found(&week)?;
        }
    }
}
