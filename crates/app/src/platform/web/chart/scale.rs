//! 刻度: where a figure stands between two round ends, and how it is written. Whatever comes in, finite positions between 0 and 100 come out.

use crate::platform::words::Words;

/// Beyond this an axis does not go: figures are counts and rates, and a double is exact up to here.
pub(super) const MOST: f64 = 1e15;

/// A linear scale with round ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// Over the finite ones among `values`; `from_zero` where lengths are compared; `whole` where figures are counts.
    pub fn over(values: impl Iterator<Item = f64>, from_zero: bool, whole: bool) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            let value = value.clamp(-MOST, MOST);
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if from_zero {
            low = low.min(0.0);
            high = high.max(0.0);
        }
        let size = high.abs().max(low.abs());
        let narrowest = match whole {
            true => 4.0,
            // All the same, as far as a double can tell.
            false if high - low <= size * 1e-9 => (size * 0.02).max(0.1),
            false => 0.0,
        };
        if high - low < narrowest {
            let pad = narrowest - (high - low);
            // Counts stand on zero, anything else stands in the middle.
            if low >= 0.0 && low < pad { high += pad } else { (low, high) = (low - pad / 2.0, high + pad / 2.0) }
        }
        let step = round_step((high - low) / 4.0, whole);
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    /// Per cent of the way from the low end to the high end; 0 for what is no figure.
    pub fn share(&self, value: f64) -> f64 {
        if !value.is_finite() {
            return 0.0;
        }
        ((value.clamp(-MOST, MOST) - self.low) / (self.high - self.low) * 100.0).clamp(0.0, 100.0)
    }

    /// Per cent from the top.
    pub fn down(&self, value: f64) -> f64 {
        100.0 - self.share(value)
    }

    /// Round figures at even distances, highest first.
    pub fn ticks(&self) -> Vec<f64> {
        let count = ((self.high - self.low) / self.step).round().clamp(1.0, 12.0) as u32;
        (0..=count).rev().map(|index| self.low + (self.high - self.low) * f64::from(index) / f64::from(count)).collect()
    }

    /// Digits after the point that tell two ticks apart.
    fn decimals(&self) -> usize {
        (0..6).find(|decimals| ((self.step * 10_f64.powi(*decimals)).fract()).abs() < 1e-6).map_or(6, |decimals| decimals as usize)
    }

    /// A tick in few letters: `1.2万`, `12K`.
    pub fn tick(&self, w: &'static Words, value: f64) -> String {
        // Chinese counts by ten thousands, English by thousands: the words of the units say which.
        let [small, large] = if w.unit_ten_thousand.is_ascii() { [1e3, 1e6] } else { [1e4, 1e8] };
        let end = self.high.abs().max(self.low.abs());
        let (unit, by) = match end {
            end if end >= large => (w.unit_hundred_million, large),
            end if end >= small * 10.0 => (w.unit_ten_thousand, small),
            _ => ("", 1.0),
        };
        let decimals = Self { step: self.step / by, ..*self }.decimals();
        let value = if value == 0.0 { 0.0 } else { value / by };
        format!("{}{unit}", figure(value, decimals))
    }
}

/// 1, 2 or 5 times a power of ten, at least `raw`.
fn round_step(raw: f64, whole: bool) -> f64 {
    let raw = if whole { raw.max(1.0) } else { raw };
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().map(|times| times * power).find(|step| *step >= raw * 0.999).unwrap_or(10.0 * power);
    if whole { step.round().max(1.0) } else { step }
}

/// A figure for people: grouped by thousands, `—` for none, a power of ten where nobody would count the digits.
pub fn figure(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "—".to_owned();
    }
    if value.abs() >= MOST {
        return format!("{value:.2e}");
    }
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::with_capacity(text.len() + 6);
    if value < 0.0 && text.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        grouped.push('−');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(rest) = rest {
        grouped.push('.');
        grouped.push_str(rest);
    }
    grouped
}

/// A position in an attribute: two digits are finer than any screen.
pub fn at(position: f64) -> String {
    let text = format!("{position:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
