use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn number(value: u64) -> Number {
    Number::new(value).unwrap()
}

fn built(entries: impl IntoIterator<Item = (u64, u16)>) -> Vec<u8> {
    let mut builder = Builder::default();
    entries.into_iter().for_each(|(value, marks)| builder.push(number(value), Marks(marks)));
    builder.finish().unwrap()
}

/// Spread over all forms of page: full, dense, middling, sparse, single.
fn mixed() -> BTreeMap<u64, u16> {
    let mut all = BTreeMap::new();
    let mut state = 7_u64;
    let mut bits = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 24
    };
    let base = 8_613_800_000_000_u64 >> PAGE_BITS << PAGE_BITS;
    for value in 0..40_000 {
        all.insert(base + value, bits() as u16);
    }
    for (page, count) in [(2, 200_000), (3, 6_000), (4, 5_000), (5, 520), (6, 500), (7, 33), (8, 31), (9, 1)] {
        for _ in 0..count {
            all.insert(base + (page << PAGE_BITS) + bits() % (1 << PAGE_BITS), bits() as u16);
        }
    }
    for _ in 0..2_000 {
        all.insert(1 + bits() % 999_999_999_999, bits() as u16);
    }
    all.extend([(110, 1), (999_999_999_999_999, 2), (8_695_588, 3)]);
    all
}

#[test]
fn every_form_of_page_gives_back_what_was_put_in_and_nothing_else() {
    let all = mixed();
    let index = Index::from_bytes(built(all.iter().rev().map(|(value, marks)| (*value, *marks)))).unwrap();
    index.verify().unwrap();
    assert_eq!(index.len(), all.len() as u64);
    for (value, marks) in &all {
        assert_eq!(index.get(number(*value)), Some(Marks(*marks)), "{value}");
        for near in [value - 1, value + 1, value ^ 256, value ^ 4_096, value ^ 65_536] {
            if let Some(near) = Number::new(near) {
                assert_eq!(index.get(near), all.get(&near.value()).copied().map(Marks), "{near:?}");
            }
        }
    }
    let pairs: Vec<_> = all.keys().copied().chain([1, 2]).collect();
    for pair in pairs.windows(2) {
        let pair = [number(pair[0]), number((pair[1] + 2).min(999_999_999_999_999))];
        assert_eq!(index.get_all(pair), pair.map(|number| index.get(number)));
    }
    let again: BTreeMap<u64, u16> = index.iter().map(|(number, marks)| (number.value(), marks.0)).collect();
    assert_eq!(again, all);
}

/// A base and what differs, merged.
fn merged(base: &BTreeMap<u64, u16>, delta: &BTreeMap<u64, u16>) -> Vec<u8> {
    let base = Index::from_bytes(built(base.clone())).unwrap();
    let delta: Vec<_> = delta.iter().map(|(value, marks)| (number(*value), Marks(*marks))).collect();
    let mut out = std::io::Cursor::new(Vec::new());
    merge(&base, &delta, &mut out).unwrap();
    out.into_inner()
}

#[test]
fn a_base_with_its_delta_built_in_is_byte_for_byte_the_index_built_from_the_start() {
    let base = mixed();
    let mut delta: BTreeMap<u64, u16> = base.keys().step_by(7).map(|value| (*value, 0)).collect();
    delta.extend(base.keys().step_by(11).map(|value| (value + 1, 77)));
    delta.extend([(1_u64 << 49, 5), (2, 0)]);
    // A whole page goes, and another grows from a list into a full one.
    let base_page = 8_613_800_000_000_u64 >> PAGE_BITS << PAGE_BITS;
    delta.extend(base.range(base_page + (6 << PAGE_BITS)..base_page + (7 << PAGE_BITS)).map(|(value, _)| (*value, 0)));
    delta.extend((0..30_000).map(|value| (base_page + (9 << PAGE_BITS) + value * 3, 9)));
    let mut wanted = base.clone();
    for (value, marks) in &delta {
        if *marks == 0 {
            wanted.remove(value);
        } else {
            wanted.insert(*value, *marks);
        }
    }
    wanted.retain(|_, marks| *marks != 0);
    let base: BTreeMap<u64, u16> = base.into_iter().filter(|(_, marks)| *marks != 0).collect();
    let bytes = merged(&base, &delta);
    assert!(bytes == built(wanted.clone()), "the same bytes");
    let index = Index::from_bytes(bytes).unwrap().settle().unwrap();
    assert_eq!(index.len(), wanted.len() as u64);
    assert!(merged(&BTreeMap::new(), &wanted) == built(wanted.clone()), "onto nothing");
    let gone = wanted.keys().map(|value| (*value, 0)).collect();
    assert!(Index::from_bytes(merged(&wanted, &gone)).unwrap().is_empty(), "everything taken off");
    assert!(merged(&wanted, &BTreeMap::new()) == built(wanted));
}

#[test]
fn an_empty_index_knows_nobody() {
    assert_eq!(Index::default().get(number(110)), None);
    let index = Index::from_bytes(built([])).unwrap();
    assert!(index.is_empty() && index.verify().is_ok() && index.get(number(110)).is_none() && index.iter().next().is_none());
}

#[test]
fn a_number_that_stands_twice_is_named_unless_it_says_the_same() {
    let twice = |marks| {
        let mut builder = Builder::default();
        [(5, 1), (9, 2), (9, marks)].into_iter().for_each(|(value, marks)| builder.push(number(value), Marks(marks)));
        builder.finish()
    };
    assert!(matches!(twice(3), Err(IndexError::Twice(1))));
    assert_eq!(Index::from_bytes(twice(2).unwrap()).unwrap().len(), 2);
}

#[test]
fn a_file_is_mapped_and_replaced_while_the_old_one_goes_on_answering() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers.index");
    write(&path, &built([(8_619_900_001_234, 1)])).unwrap();
    let old = Index::open(&path).unwrap();
    write(&path, &built([(8_619_900_001_234, 2)])).unwrap();
    let new = Index::open(&path).unwrap().settle().unwrap();
    let marks = |index: &Index| index.get(number(8_619_900_001_234));
    assert_eq!((marks(&old), marks(&new)), (Some(Marks(1)), Some(Marks(2))));
    assert!(std::fs::metadata(&path).unwrap().permissions().readonly());
    assert!(!folder.path().join("numbers.new").exists());
}

#[test]
fn a_truncated_or_damaged_file_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers.index");
    let good = built(mixed());
    let open = |bytes: &[u8]| {
        std::fs::remove_file(&path).ok();
        std::fs::write(&path, bytes).unwrap();
        Index::open(&path).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(open(&good[..good.len() - 1]).contains("truncated"));
    assert!(open(&good[..good.len() / 2]).contains("truncated"));
    assert!(open(&good[..30]).contains("truncated"));
    assert!(open(b"").contains("no number index") && open(b"PK\x03\x04 something else").contains("no number index"));
    let spoilt = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    assert!(open(&spoilt(8)).contains("header") && open(&spoilt(40)).contains("header"));
    assert!(open(&spoilt(HEADER + 5)).contains("page table"));
    let body = Index::from_bytes(spoilt(good.len() - 100)).unwrap();
    assert!(matches!(body.verify(), Err(IndexError::Checksum("body"))));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(Index::open(&path), Err(IndexError::Io(_))));
}

proptest! {
    #[test]
    fn any_list_reads_back(entries in prop::collection::btree_map(1_u64..1_000_000_000_000_000, any::<u16>(), 0..300), near in 0_u64..4_000_000) {
        let close = entries.iter().map(|(value, marks)| (value % 3_000_000 + 1, *marks)).collect::<BTreeMap<_, _>>();
        for list in [entries, close] {
            let index = Index::from_bytes(built(list.clone())).unwrap();
            for (value, marks) in &list {
                prop_assert_eq!(index.get(number(*value)), Some(Marks(*marks)));
            }
            prop_assert_eq!(index.get(number(near + 1)), list.get(&(near + 1)).copied().map(Marks));
        }
    }

    #[test]
    fn no_damage_makes_it_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40), ask in 1_u64..1_000_000_000_000_000) {
        let mut bytes = DAMAGED.with(Clone::clone);
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // Past the checks on purpose: only the bounds are left to hold.
        let slots = 2_usize.pow(12);
        let index = Index { body: HEADER + slots * SLOT, slots, entries: 1, body_crc: 0, bytes: Bytes::Owned(bytes) };
        let base = 8_613_800_000_000_u64 >> PAGE_BITS << PAGE_BITS;
        for value in (0..12_u64).map(|page| base + (page << PAGE_BITS) + ask % (1 << PAGE_BITS)).chain([ask]) {
            let _ = index.get(number(value));
        }
    }

    #[test]
    fn a_single_flipped_bit_is_found_wherever_it_is(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut bytes = DAMAGED.with(Clone::clone);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let refused = Index::from_bytes(bytes).and_then(Index::settle).err().map(|error| error.to_string());
        prop_assert!(refused.is_some(), "byte {at}");
    }

    #[test]
    fn eight_bytes_at_a_time_find_what_one_by_one_finds(bytes in prop::collection::vec(any::<u8>(), 0..70), wanted in any::<u8>()) {
        prop_assert_eq!(byte_at(&bytes, wanted), bytes.iter().position(|byte| *byte == wanted));
        if let Some(first) = bytes.first_chunk::<16>() {
            for count in 0..16 {
                prop_assert_eq!(sixteen(*first, count, wanted), first[..count].iter().position(|byte| *byte == wanted));
            }
        }
    }
}

thread_local! {
    static DAMAGED: Vec<u8> = built(mixed());
}
