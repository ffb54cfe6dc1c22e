//! Numbers that the standards print as examples. They stand here and nowhere else: every other identity in the tree is of the demo province.

/// GB 11643-1999: woman, born 31 December 1949.
pub(crate) const RESIDENT: &str = "11010519491231002X";
/// GB 11643-1999: man, born 1 January 1880.
pub(crate) const RESIDENT_1880: &str = "440524188001010014";
/// The first of them in its first-generation form.
pub(crate) const FIRST_GENERATION: &str = "110105491231002";
/// Residence permit of a Hong Kong resident.
pub(crate) const HONG_KONG: &str = "810000199408230021";
/// Residence permit of a Taiwan resident.
pub(crate) const TAIWAN: &str = "830000199201300022";
/// Permanent resident card of 2023: Canada, issued in Beijing.
pub(crate) const PERMANENT: &str = "911124198108030024";
/// Permanent resident card of 2023: Saudi Arabia, issued in Jiangsu.
pub(crate) const PERMANENT_JIANGSU: &str = "932682198501010017";
/// Unified social credit code, with the organisation code M000100Y4 inside.
pub(crate) const ORGANISATION: &str = "91350100M000100Y43";
