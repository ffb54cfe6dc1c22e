//! The rule packs that ship with the program.

use chuangsha_kernel::rulebook::{Rulebook, RulebookError};

macro_rules! pack {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../rules/", $name, ".toml")))
    };
}

/// The packs of the mainland.
pub const CHINA: &[(&str, &str)] = &[
    pack!("cn/limits"),
    pack!("cn/documents"),
    pack!("cn/registration"),
    pack!("cn/clocks"),
    pack!("cn/retention"),
    pack!("cn/quiet_hours"),
    pack!("cn/targets"),
    pack!("cn/numbering"),
    pack!("cn/regions"),
    pack!("cn/protection"),
    pack!("cn/screening"),
    pack!("cn/screening_control"),
    pack!("cn/suspension"),
    pack!("cn/remediation"),
    pack!("cn/hotline"),
];

/// A province that does not exist, so that no demo identity can be real.
pub const DEMO: (&str, &str) = pack!("demo/regions");

/// The rulebook of this program; with the demo province where asked for.
///
/// # Errors
/// A pack does not pass its check.
pub fn embedded(demo: bool) -> Result<Rulebook, RulebookError> {
    let mut packs = CHINA.to_vec();
    if demo {
        packs.push(DEMO);
    }
    Rulebook::embedded(&packs)
}
