//! 披露控制: what of a table of counts may be published. A count below the bound is hidden; so is a second one wherever a sum would give the first
//! away; the rest is rounded. Hidden says "below the bound, or hidden for another's sake", and nought is hidden with the small ones: that nobody
//! complained is as telling as that one did.
//!
//! Every figure is rounded by itself from the true count, never added up from rounded ones: a sum of days or cities keeps its own error, and what
//! is left when the others are taken off spans more than one person. A sum that its hidden parts only just reach (9 and 9 are 18) is hidden too;
//! and the bound grows with the days of a bulletin, so that a week is only told where at least one of its days could be. The test below plays
//! whoever tries.

use std::collections::{BTreeMap, BTreeSet};

/// How counts are published.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Below it a count is hidden.
    pub small: i64,
    /// Counts are rounded to multiples of it.
    pub round: i64,
}

/// Values a hidden small count must still be able to have, less one, by the sum of its own line.
const ROOM: i64 = 4;

/// Sum over all of one side, as a place of the table.
pub const ALL: usize = usize::MAX;

/// A table with its sums: row, column; [`ALL`] for a sum.
pub type Grid = BTreeMap<(usize, usize), i64>;

/// 发布表: what may be published; `None`: hidden.
pub type Published = BTreeMap<(usize, usize), Option<i64>>;

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

/// What may be published of the table `cells` and its sums.
pub fn publish(cells: &Grid, rule: Rule) -> Published {
    let grid = with_sums(cells);
    let rows: BTreeSet<usize> = grid.keys().map(|(row, _)| *row).collect();
    let columns: BTreeSet<usize> = grid.keys().map(|(_, column)| *column).collect();
    let mut hidden: BTreeSet<(usize, usize)> = grid.iter().filter(|(_, count)| **count < rule.small).map(|(place, _)| *place).collect();
    // Each sum with what it sums: rows first, then columns; the sums of both sides are lines too.
    let lines: Vec<((usize, usize), Vec<(usize, usize)>)> = rows
        .iter()
        .map(|row| ((*row, ALL), columns.iter().filter(|column| **column != ALL).map(|column| (*row, *column)).collect()))
        .chain(columns.iter().map(|column| ((ALL, *column), rows.iter().filter(|row| **row != ALL).map(|row| (*row, *column)).collect())))
        .collect();
    // Hiding one for the sake of a row may leave it alone in its column: until nothing changes. It ends, for something is hidden every time.
    while let Some(place) = lines.iter().find_map(|(sum, parts)| given_away(&grid, &hidden, rule, *sum, parts)) {
        hidden.insert(place);
    }
    grid.into_iter().map(|(place, count)| (place, (!hidden.contains(&place)).then(|| rounded(count, rule.round)))).collect()
}

/// What else must be hidden so that a line does not give its hidden parts away.
fn given_away(
    grid: &Grid,
    hidden: &BTreeSet<(usize, usize)>,
    rule: Rule,
    sum: (usize, usize),
    parts: &[(usize, usize)],
) -> Option<(usize, usize)> {
    let count = |place: &(usize, usize)| grid.get(place).copied().unwrap_or(0);
    let gone: Vec<_> = parts.iter().filter(|place| hidden.contains(place)).collect();
    if hidden.contains(&sum) {
        // A sum is found from its parts: one of them goes with it.
        return if gone.is_empty() { parts.iter().min_by_key(|place| count(place)).copied() } else { None };
    }
    if let [alone] = gone.as_slice() {
        // The smallest of the others: as little as possible is lost.
        let others = parts.iter().filter(|place| *place != *alone);
        return others.min_by_key(|place| count(place)).copied().or(Some(sum));
    }
    // All of them small: their sum must leave each of them room.
    let slack = rule.round / 2;
    let most = rule.small - 1;
    if gone.is_empty() || gone.iter().any(|place| count(place) > most) {
        return None;
    }
    let seen = parts.iter().filter(|place| !hidden.contains(place));
    let (told, wide) = seen.fold((0, 0), |(told, wide), place| (told + rounded(count(place), rule.round), wide + slack));
    let least = rounded(count(&sum), rule.round) - slack - told - wide;
    let others = i64::try_from(gone.len()).unwrap_or(i64::MAX) - 1;
    (least - others * most > most - ROOM).then_some(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULE: Rule = Rule { small: 10, round: 5 };
    const WEEK: Rule = Rule { small: 70, round: 5 };

    /// What somebody outside knows of a count: from, to.
    type Known = BTreeMap<String, (i64, i64)>;

    fn told(known: &mut Known, name: &str, published: Option<i64>, rule: Rule, truth: i64) {
        let (low, high) = match published {
            // Hidden may be small or hidden for another's sake. The attacker is given which, and more than they could know of the large ones.
            None if truth < rule.small => (0, rule.small - 1),
            None => (0, truth + 10),
            Some(value) => ((value - rule.round / 2).max(rule.small), value + rule.round / 2),
        };
        known.insert(name.to_owned(), (low, high));
    }

    /// Takes known sums apart until nothing more follows: parts from the sum and the other parts, the sum from its parts.
    fn infer(known: &mut Known, sums: &[(String, Vec<String>)]) {
        for _ in 0..200 {
            let mut changed = false;
            let mut narrow = |known: &mut Known, name: &str, low: i64, high: i64| {
                if let Some(now) = known.get_mut(name) {
                    let next = (now.0.max(low), now.1.min(high));
                    changed |= next != *now;
                    *now = next;
                }
            };
            for (sum, parts) in sums {
                let of = |known: &Known, name: &str| known.get(name).copied().unwrap_or((0, 0));
                let (low, high) = parts.iter().map(|part| of(known, part)).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
                narrow(known, sum, low, high);
                let whole = of(known, sum);
                for part in parts {
                    let own = of(known, part);
                    narrow(known, part, whole.0 - (high - own.1), whole.1 - (low - own.0));
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// A week of daily tables and the weekly one, published; whoever has them all takes every sum apart that there is. No small count is ever
    /// narrowed to fewer than three values.
    fn nobody_is_found(week: &[Vec<Vec<i64>>]) -> Result<(), TestCaseError> {
        let (rows, columns) = (week[0].len(), week[0][0].len());
        let grid = |table: &dyn Fn(usize, usize) -> i64| {
            (0..rows)
                .flat_map(|row| (0..columns).map(move |column| (row, column)))
                .map(|(row, column)| ((row, column), table(row, column)))
                .collect::<Grid>()
        };
        let name = |when: &str, row: usize, column: usize| {
            let text = |place: usize| if place == ALL { "all".to_owned() } else { place.to_string() };
            format!("{when}/{}/{}", text(row), text(column))
        };
        let mut known = Known::new();
        let mut truth: BTreeMap<String, i64> = BTreeMap::new();
        let mut hidden = BTreeSet::new();
        let mut sums = Vec::new();
        let whens: Vec<String> = (0..week.len()).map(|day| day.to_string()).chain(["week".to_owned()]).collect();
        for (at, when) in whens.iter().enumerate() {
            let cells = match week.get(at) {
                Some(day) => grid(&|row, column| day[row][column]),
                None => grid(&|row, column| week.iter().map(|day| day[row][column]).sum()),
            };
            let sums_of = with_sums(&cells);
            let rule = if at < week.len() { RULE } else { WEEK };
            for (place, published) in publish(&cells, rule) {
                let name = name(when, place.0, place.1);
                if published.is_none() {
                    hidden.insert(name.clone());
                }
                truth.insert(name.clone(), sums_of[&place]);
                told(&mut known, &name, published, rule, sums_of[&place]);
            }
            for row in (0..rows).chain([ALL]) {
                sums.push((name(when, row, ALL), (0..columns).map(|column| name(when, row, column)).collect()));
            }
            for column in (0..columns).chain([ALL]) {
                sums.push((name(when, ALL, column), (0..rows).map(|row| name(when, row, column)).collect()));
            }
        }
        for row in (0..rows).chain([ALL]) {
            for column in (0..columns).chain([ALL]) {
                sums.push((name("week", row, column), (0..week.len()).map(|day| name(&day.to_string(), row, column)).collect()));
            }
        }
        infer(&mut known, &sums);
        for (name, truth) in &truth {
            let (low, high) = known[name];
            prop_assert!(low <= *truth && *truth <= high, "the attacker's own arithmetic is right: {name}");
            if *truth < RULE.small {
                prop_assert!(hidden.contains(name), "{name} is small and published");
                prop_assert!(high - low >= 2, "{name} is {truth}, found between {low} and {high}");
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
        assert_eq!(published[&(0, 2)], Some(50));
        assert_eq!(published[&(ALL, ALL)], Some(310));
        // Nothing small, nothing hidden.
        let large: Grid = [((0, 0), 30), ((0, 1), 40), ((1, 0), 61), ((1, 1), 70)].into();
        assert!(publish(&large, RULE).values().all(Option::is_some));
        assert_eq!(publish(&Grid::new(), RULE), Published::new());
    }

    #[test]
    fn without_the_second_one_hidden_the_first_is_found() {
        // Why it is done: the same table published by hand with the small one alone hidden gives it away to within the rounding.
        let mut known = Known::new();
        for (name, value) in [("a", None), ("b", Some(40)), ("c", Some(50)), ("all", Some(90))] {
            told(&mut known, name, value, RULE, 0);
        }
        let mut exact: Known = known
            .iter()
            .map(|(name, span)| (name.clone(), if name == "a" { *span } else { ((span.0 + span.1) / 2, (span.0 + span.1) / 2) }))
            .collect();
        infer(&mut exact, &[("all".into(), vec!["a".into(), "b".into(), "c".into()])]);
        assert_eq!(exact["a"], (0, 0), "unrounded, it is known to the person");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

        #[test]
        fn a_series_of_days_cannot_be_differenced(week in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(prop_oneof![0_i64..4, 0_i64..30, 20_i64..200], 3), 4), 7)) {
            nobody_is_found(&week)?;
        }

        #[test]
        fn nor_can_a_city_with_one_channel(week in proptest::collection::vec(
            proptest::collection::vec(proptest::collection::vec(prop_oneof![Just(0_i64), 1_i64..12], 3), 2), 7)) {
            nobody_is_found(&week)?;
        }
    }
}
