//! 整洁: looks at the tree itself. What the compiler cannot see is checked by the tests of this package, as ordinary tests.

pub mod codes;
pub mod identity;
pub mod licence;
pub mod tree;
