//! 概略计数 (count-min): how often a number was seen of late, at most, in memory that does not grow. Asked only when the exact table is full.

const ROWS: usize = 4;
const WINDOW_S: u32 = 60;

/// Two minutes of counts: the running one and the one before.
pub struct Sketch {
    /// Counters of one row; a power of two.
    width: usize,
    now: Vec<u8>,
    before: Vec<u8>,
    window: u32,
}

impl Sketch {
    /// Empty. As wide in a small state as in a large one: how many numbers are forged has nothing to do with how many are remembered.
    pub fn new() -> Self {
        let width = 1 << 17;
        Self { width, now: vec![0; width * ROWS], before: vec![0; width * ROWS], window: 0 }
    }

    /// Counts one more and says how many there were within this minute and the last: never fewer than true, seldom more.
    pub fn count(&mut self, hash: u64, now: u32) -> u32 {
        let window = now / WINDOW_S;
        if window != self.window {
            // A clock set back empties the sketch too: it forgets, it never accuses.
            std::mem::swap(&mut self.now, &mut self.before);
            self.now.fill(0);
            if window != self.window.wrapping_add(1) {
                self.before.fill(0);
            }
            self.window = window;
        }
        let places: [usize; ROWS] =
            std::array::from_fn(|row| row * self.width + (hash.rotate_left(row as u32 * 16 + 7) as usize & (self.width - 1)));
        let least = |row: &[u8]| places.iter().filter_map(|at| row.get(*at)).copied().min().unwrap_or(0);
        let (now, before) = (least(&self.now).saturating_add(1), least(&self.before));
        // Only the counters that are behind are raised: strangers share places, and each shares fewer of the counts.
        for at in places {
            if let Some(counter) = self.now.get_mut(at) {
                *counter = (*counter).max(now);
            }
        }
        u32::from(now) + u32::from(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_counts_too_few_and_forgets_after_two_minutes() {
        let mut sketch = Sketch::new();
        let hash = |key: u64| super::super::table::hash(key, 3);
        for turn in 1..=5 {
            for key in 0..500 {
                assert!(sketch.count(hash(key), 600) >= turn, "{key}");
            }
        }
        let over = (1_000..2_000).filter(|key| sketch.count(hash(*key), 601) > 1).count();
        assert!(over < 20, "{over} of 1000 strangers were over-counted");
        assert_eq!(sketch.count(hash(1), 660), 6);
        assert_eq!(sketch.count(hash(1), 60 * 13), 1);
        assert_eq!(sketch.count(hash(1), 5), 1);
    }
}
