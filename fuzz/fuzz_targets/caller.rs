//! 主叫规范化: no text makes the caller plan panic, what is read once reads the same from its E.164 form, and an emergency number stays one.
#![no_main]

use std::sync::LazyLock;

use chuangsha_kernel::Rulebook;
use chuangsha_screen::{plan::{Kind, Plan}, rules::PACKS};
use libfuzzer_sys::fuzz_target;

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let book = Rulebook::embedded(PACKS).expect("the packs compile");
    Plan::embedded(book.ranges(), jiff::civil::date(2026, 11, 22)).expect("the plan compiles")
});

fuzz_target!(|text: &str| {
    let emergency = PLAN.is_emergency(text);
    let Ok(line) = PLAN.read(text) else { return };
    assert!(line.number.digits() <= 15, "E.164");
    // A message code of ten digits is written like a line of Beijing: the one number two can have. `a_number_that_is_also_anothers_is_on_no_list`
    if line.kind == Kind::Message106 && line.number.digits() == 12 {
        return;
    }
    let again = PLAN.read(&format!("+{}", line.number.e164())).expect("its own form");
    assert_eq!((again.number, again.kind, again.country), (line.number, line.kind, line.country));
    assert!(!emergency || line.number.digits() <= 10, "an emergency number is short");
});
