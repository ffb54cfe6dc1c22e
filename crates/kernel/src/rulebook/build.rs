//! From texts to a rulebook, or to the list of everything that is wrong with them.

use std::{cmp::Ordering, collections::BTreeMap};

use sm3::{Digest, Sm3};

use super::{
    Fault, Finding, Rulebook, Value,
    pack::{CalendarDay, Evidence, Pack, Rule, Tighter, is_article, overlap},
};
use crate::{document::Validity, region::Provinces};

pub(super) fn embedded(packs: &[(&str, &str)]) -> Result<Rulebook, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut book = Rulebook {
        version: String::new(),
        rules: BTreeMap::new(),
        permits: Vec::new(),
        validity: Validity::default(),
        provinces: Provinces::default(),
        ranges: Vec::new(),
        targets: Vec::new(),
        days: Vec::new(),
        packs: BTreeMap::new(),
    };
    let mut regions = Vec::new();
    let mut validity = Vec::new();
    for &(name, text) in packs {
        let Some(pack) = read(name, text, &mut findings) else { continue };
        let mut note = |rule: &str, fault| findings.push(Finding { pack: name.to_owned(), rule: rule.to_owned(), fault });
        for raw in pack.rule {
            let id = raw.id.clone();
            match Rule::compile(raw, name, &pack.pack, None, false) {
                Ok(rule) => book.rules.entry(id).or_default().push(rule),
                Err(faults) => faults.into_iter().for_each(|fault| note(&id, fault)),
            }
        }
        for p in &pack.permit {
            sourced(&p.id, &p.article, &p.source, &p.evidence, &mut note);
            dated(&p.id, p.in_force, p.until, &mut note);
        }
        for v in &pack.validity {
            sourced(v.kind.as_str(), &v.article, &v.source, &v.evidence, &mut note);
            dated(v.kind.as_str(), v.issued_from, v.issued_until, &mut note);
        }
        for t in &pack.target {
            sourced(&t.id, &t.article, &t.source, &t.evidence, &mut note);
            dated(&t.id, t.in_force, t.until, &mut note);
        }
        for r in &pack.range {
            let first = r.prefixes.first().map(String::as_str).unwrap_or_default();
            sourced(first, "L-LED-7", &r.source, &r.evidence, &mut note);
            dated(first, r.in_force, r.until, &mut note);
            for prefix in r.prefixes.iter().filter(|p| !is_mobile_prefix(p)) {
                note("", Fault::Prefix(prefix.clone()));
            }
        }
        for d in &pack.day {
            sourced(&d.from.to_string(), "R-HOT-1", &d.source, "P", &mut note);
            dated(&d.from.to_string(), d.from, Some(d.to), &mut note);
        }
        for (i, r) in pack.range.iter().enumerate() {
            let earlier = book.ranges.iter().chain(pack.range.iter().take(i));
            for other in earlier.filter(|o| overlap((o.in_force, o.until), (r.in_force, r.until))) {
                for prefix in r.prefixes.iter().filter(|p| other.prefixes.contains(p)) {
                    note(prefix, Fault::Overlap(other.operator.clone()));
                }
            }
        }
        book.permits.extend(pack.permit);
        book.ranges.extend(pack.range);
        book.targets.extend(pack.target);
        book.days.extend(pack.day);
        regions.extend(pack.region.into_iter().map(|region| (name, region)));
        validity.extend(pack.validity);
        book.packs.insert(name.to_owned(), text.to_owned());
    }
    let last = regions.last().map_or("", |(name, _)| name).to_owned();
    match Provinces::new(regions.into_iter().map(|(_, region)| region)) {
        Ok(provinces) => book.provinces = provinces,
        Err(code) => findings.push(Finding { pack: last, rule: String::new(), fault: Fault::Region(code) }),
    }
    book.validity = Validity::new(validity);
    book.rules.values().for_each(|values| consistent(values, &mut findings));
    finish(book, findings)
}

pub(super) fn with_local(mut book: Rulebook, packs: &[(&str, &str)]) -> Result<Rulebook, Vec<Finding>> {
    let mut findings = Vec::new();
    for &(name, text) in packs {
        let Some(pack) = read(name, text, &mut findings) else { continue };
        let mut note = |rule: &str, fault| findings.push(Finding { pack: name.to_owned(), rule: rule.to_owned(), fault });
        // The holidays of a year nobody has are taken from the operator; those of a year that ships are the law's.
        let known = |day: &CalendarDay| (day.from.year()..=day.to.year()).any(|year| book.knows_year(year));
        let days = pack.day.iter().any(known);
        if days || !(pack.region.is_empty() && pack.range.is_empty() && pack.target.is_empty() && pack.validity.is_empty()) {
            note("", Fault::LocalTable);
        }
        for day in &pack.day {
            sourced(&day.from.to_string(), "R-HOT-1", &day.source, "P", &mut note);
            dated(&day.from.to_string(), day.from, Some(day.to), &mut note);
        }
        book.days.extend(pack.day);
        for permit in &pack.permit {
            sourced(&permit.id, &permit.article, &permit.source, &permit.evidence, &mut note);
            dated(&permit.id, permit.in_force, permit.until, &mut note);
            if permit.allowed {
                note(&permit.id, Fault::LocalTable);
            }
        }
        book.permits.extend(pack.permit);
        for raw in pack.rule {
            let id = raw.id.clone();
            let Some(values) = book.rules.get_mut(&id) else {
                note(&id, Fault::UnknownRule);
                continue;
            };
            let base = values.first().cloned();
            match Rule::compile(raw, name, &pack.pack, base.as_ref(), true) {
                Ok(rule) => {
                    for law in values.iter().filter(|law| !law.local && law.meets(&rule) && !may_replace(law, &rule)) {
                        note(&id, Fault::Loosened { law: shown(&law.value), local: shown(&rule.value) });
                    }
                    values.push(rule);
                }
                Err(faults) => faults.into_iter().for_each(|fault| note(&id, fault)),
            }
        }
        book.packs.insert(format!("local/{name}"), text.to_owned());
    }
    for values in book.rules.values() {
        let local: Vec<Rule> = values.iter().filter(|value| value.local).cloned().collect();
        consistent(&local, &mut findings);
    }
    finish(book, findings)
}

fn finish(mut book: Rulebook, findings: Vec<Finding>) -> Result<Rulebook, Vec<Finding>> {
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut hash = Sm3::new();
    for (name, text) in &book.packs {
        // Lengths first: no two sets of packs run together into the same bytes.
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name.as_bytes());
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    book.version = hex::encode(hash.finalize().into_iter().take(16).collect::<Vec<u8>>());
    Ok(book)
}

fn read(name: &str, text: &str, findings: &mut Vec<Finding>) -> Option<Pack> {
    match toml::from_str(text) {
        Ok(pack) => Some(pack),
        Err(error) => {
            findings.push(Finding { pack: name.to_owned(), rule: String::new(), fault: Fault::Syntax(error.to_string()) });
            None
        }
    }
}

fn sourced(rule: &str, article: &str, source: &str, evidence: &str, note: &mut impl FnMut(&str, Fault)) {
    if source.trim().is_empty() {
        note(rule, Fault::MissingSource);
    }
    if !is_article(article) {
        note(rule, Fault::Article(article.to_owned()));
    }
    if Evidence::parse(evidence).is_none() {
        note(rule, Fault::UnknownEvidence(evidence.to_owned()));
    }
}

fn dated(rule: &str, from: jiff::civil::Date, until: Option<jiff::civil::Date>, note: &mut impl FnMut(&str, Fault)) {
    if until.is_some_and(|until| until < from) {
        note(rule, Fault::DatesOutOfOrder);
    }
}

fn is_mobile_prefix(text: &str) -> bool {
    (3..=7).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && matches!(text.as_bytes(), [b'1', b'3'..=b'9', ..])
}

/// No two values for the same place and licence on one day; none for a smaller place or one licence that is looser than the general one.
fn consistent(values: &[Rule], findings: &mut Vec<Finding>) {
    for (i, one) in values.iter().enumerate() {
        for other in values.iter().skip(i + 1).filter(|other| one.meets(other)) {
            let mut note = |rule: &Rule, fault| findings.push(Finding { pack: rule.pack.clone(), rule: rule.id.clone(), fault });
            if one.unit != other.unit || one.tighter != other.tighter {
                note(other, Fault::ValueUnit(one.unit));
            } else if one.jurisdiction == other.jurisdiction && one.licence == other.licence {
                note(other, Fault::Overlap(format!("{} ({} –)", one.pack, one.in_force)));
            } else {
                let (general, special) = if breadth(one) <= breadth(other) { (one, other) } else { (other, one) };
                if !one.local && !may_replace(general, special) {
                    note(special, Fault::LooserThanGeneral(shown(&general.value)));
                }
            }
        }
    }
}

fn breadth(rule: &Rule) -> (usize, bool) {
    (rule.jurisdiction.len(), rule.licence.is_some())
}

/// Whether `narrower` is at least as tight as `law`.
fn may_replace(law: &Rule, narrower: &Rule) -> bool {
    match law.tighter {
        Tighter::Free => true,
        tighter => matches!(tighter.compare(law.unit, &law.order, &narrower.value, &law.value), Some(Ordering::Equal | Ordering::Greater)),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Int(n) => n.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(list) => list.join(", "),
    }
}
