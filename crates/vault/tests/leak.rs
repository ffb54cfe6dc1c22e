//! What must not leave the server does not compile.

#[test]
fn a_leak_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
