//! Whatever figures come in, a chart stands: positions on the drawing, figures in the table, no NaN anywhere.

use askama::Template;
use chuangsha_kernel::problem::Language;
use proptest::prelude::*;

use super::{
    scale::{Scale, figure},
    *,
};
use crate::platform::{web::parts::Tone, words::Words};

const HARD: [&[f64]; 12] = [
    &[],
    &[f64::NAN],
    &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY],
    &[0.0],
    &[7.0],
    &[96.23],
    &[5.0, 5.0, 5.0],
    &[1.0, f64::NAN, 3.0, 4.0, f64::NAN],
    &[1e308, -1e308, 0.0],
    &[f64::MAX, f64::MIN, f64::EPSILON],
    &[-3.0, -1.0, -2.0],
    &[99.98, 99.99, 100.0],
];

fn w() -> &'static Words {
    Words::of(Language::English)
}

/// Every chart of these figures.
fn drawn(values: &[f64], decimals: usize) -> Vec<String> {
    let labels: Vec<String> = (0..values.len()).map(|index| format!("d{index}")).collect();
    let series =
        |count: usize| -> Vec<Series> { (0..count).map(|index| Series { name: format!("s{index}"), values: values.to_vec() }).collect() };
    let tiles = values.iter().enumerate().map(|(index, value)| Tile {
        column: (index % 4) as u8,
        row: (index / 4) as u8,
        name: format!("City number {index}"),
        value: *value,
        href: "/orders".into(),
    });
    let mut all = vec![
        Lines::new(w(), "a", "Title", "About", labels.clone(), series(2), decimals).render().unwrap(),
        HeatStrip::new(w(), "b", "Title", "About", labels.clone(), series(2), decimals).render().unwrap(),
        TileMap::new(w(), "c", "Title", "About", "Rate", tiles.collect(), decimals).render().unwrap(),
        Spark::new("trend", values).map_or_else(String::new, |spark| spark.render().unwrap()),
        Bar::new("x", values.first().copied().unwrap_or(0.0), Tone::Good).render().unwrap(),
    ];
    for stacked in [false, true] {
        all.push(Columns::new(w(), "d", "Title", "About", labels.clone(), series(3), decimals, stacked).render().unwrap());
        all.push(Bars::new(w(), "e", "Title", "About", labels.clone(), series(3), decimals, stacked).render().unwrap());
    }
    all
}

/// Every number in the geometry of a drawing.
fn positions(html: &str) -> Vec<f64> {
    let names = [" x=\"", " y=\"", " width=\"", " height=\"", " x1=\"", " y1=\"", " y2=\"", " points=\""];
    names
        .iter()
        .flat_map(|name| html.split(name).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .flat_map(|text| text.split([' ', ',']))
        .map(|number| {
            let number = number.trim_end_matches('%').trim_end_matches("em");
            number.parse().unwrap_or_else(|_| panic!("{number:?} is no position"))
        })
        .collect()
}

#[test]
fn no_figures_draw_nothing_wrong() {
    for values in HARD {
        for decimals in [0, 2] {
            for html in drawn(values, decimals) {
                assert!(!html.contains("NaN") && !html.contains("inf"), "{values:?}: {html}");
                for position in positions(&html) {
                    assert!((-0.01..=600.0).contains(&position), "{values:?}: {position} in {html}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_figures_stay_on_the_drawing(values in prop::collection::vec(prop::num::f64::ANY, 0..12), decimals in 0_usize..3) {
        for html in drawn(&values, decimals) {
            prop_assert!(!html.contains("NaN") && !html.contains("inf"));
            // A tile map is as large as it has tiles.
            for position in positions(&html).into_iter().filter(|_| !html.contains("class=\"tiles\"")) {
                prop_assert!((-0.01..=160.0).contains(&position), "{}", position);
            }
        }
    }

    #[test]
    fn ticks_are_round_and_hold_every_figure(values in prop::collection::vec(-1e9..1e9_f64, 1..20), whole: bool, zero: bool) {
        let scale = Scale::over(values.iter().copied(), zero, whole);
        let ticks = scale.ticks();
        prop_assert!((2..=13).contains(&ticks.len()), "{:?}", ticks);
        prop_assert!(ticks.windows(2).all(|pair| pair[0] > pair[1]));
        for value in &values {
            prop_assert!(*value <= ticks[0] + 1e-3 && *value >= ticks[ticks.len() - 1] - 1e-3, "{} outside {:?}", value, ticks);
        }
        let words: std::collections::BTreeSet<_> = ticks.iter().map(|tick| scale.tick(w(), *tick)).collect();
        prop_assert_eq!(words.len(), ticks.len(), "two ticks read alike: {:?}", words);
    }
}

#[test]
fn one_value_is_marked_and_a_gap_stays_a_gap() {
    let chart = |values: &[f64]| {
        let labels = (0..values.len()).map(|index| index.to_string()).collect();
        Lines::new(w(), "a", "T", "A", labels, vec![Series { name: "s".into(), values: values.to_vec() }], 0).render().unwrap()
    };
    let one = chart(&[7.0]);
    assert_eq!((one.matches("<polyline").count(), one.matches("x=\"50%\"").count()), (0, 1), "{one}");
    let gap = chart(&[1.0, 2.0, f64::NAN, 4.0, 5.0, f64::NAN, 7.0]);
    assert_eq!(gap.matches("<polyline").count(), 2, "a line does not jump over a day without a figure: {gap}");
    assert!(gap.contains("<td class=\"number\">—</td>"));
    let many = chart(&[1.0; 90]);
    assert_eq!(many.matches("<use").count(), 2, "of many points the last is marked, and the key: {many}");
    assert!(chart(&[]).contains(w().no_figures));
}

#[test]
fn figures_read_like_figures() {
    assert_eq!(figure(12_586.0, 0), "12,586");
    assert_eq!(figure(-1_234.5, 1), "−1,234.5");
    assert_eq!(figure(-0.001, 1), "0.0");
    assert_eq!(figure(f64::NAN, 2), "—");
    assert_eq!(figure(1e300, 0), "1.00e300");
    let tick = |language, high: f64| {
        let scale = Scale::over([0.0, high].into_iter(), true, true);
        scale.tick(Words::of(language), *scale.ticks().first().unwrap())
    };
    assert_eq!(tick(Language::Chinese, 250_000.0), "30万");
    assert_eq!(tick(Language::English, 250_000.0), "300K");
    assert_eq!(tick(Language::Chinese, 4_000.0), "4,000");
    assert_eq!(tick(Language::Chinese, 0.0), "4");
}

#[test]
fn a_chart_says_itself_and_shows_its_table() {
    let mut charts = drawn(&[3.0, 1.0, 2.0], 0);
    charts.retain(|html| html.contains("<figure"));
    assert_eq!(charts.len(), 7);
    for html in charts {
        let id = html.split(" id=\"").nth(1).unwrap().split('-').next().unwrap();
        assert!(
            html.contains(&format!("<title id=\"{id}-title\">Title</title>"))
                && html.contains(&format!("<desc id=\"{id}-about\">About</desc>")),
            "{html}"
        );
        assert!(html.contains(&format!("aria-labelledby=\"{id}-title {id}-about\"")));
        assert!(html.contains("<details><summary>") && html.matches("<tr>").count() == 4, "{html}");
        assert!(!html.contains("style="), "the policy forbids inline style");
    }
}

#[test]
fn stacked_series_stand_on_each_other_and_carry_patterns() {
    let series = vec![Series { name: "a".into(), values: vec![1.0] }, Series { name: "b".into(), values: vec![3.0] }];
    let html = Columns::new(w(), "x", "T", "A", vec!["d".into()], series.clone(), 0, true).render().unwrap();
    assert!(html.contains("y=\"75%\"") && html.contains("y=\"0%\""), "{html}");
    assert!(html.contains("url(#x-1)") && html.contains("id=\"x-1\""));
    let bars = Bars::new(w(), "x", "T", "A", vec!["d".into()], series, 0, true).render().unwrap();
    assert!(bars.contains("<b>4</b>"), "the figure of a stack is its sum: {bars}");
}

#[test]
fn words_cannot_break_out_of_a_drawing() {
    let evil = "\"><script>alert(1)</script>";
    let series = vec![Series { name: evil.into(), values: vec![1.0] }];
    for html in [
        Lines::new(w(), "a", evil, evil, vec![evil.into()], series.clone(), 0).render().unwrap(),
        Columns::new(w(), "a", evil, evil, vec![evil.into()], series.clone(), 0, false).render().unwrap(),
        Bars::new(w(), "a", evil, evil, vec![evil.into()], series.clone(), 0, true).render().unwrap(),
        HeatStrip::new(w(), "a", evil, evil, vec![evil.into()], series, 0).render().unwrap(),
        TileMap::new(w(), "a", evil, evil, evil, vec![Tile { column: 0, row: 0, name: evil.into(), value: 1.0, href: evil.into() }], 0)
            .render()
            .unwrap(),
    ] {
        assert!(!html.contains("<script") && !html.contains("\"\"><"), "{html}");
    }
}
