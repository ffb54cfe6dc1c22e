//! 用语: 存量补登, remediation of the old base.

/// Hands these words, before its own, to the macro named first.
macro_rules! remediation_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            menu_remediation: "存量补登", "Remediation";
            second_kind_emergency: "紧急复机", "Emergency restoration";
            second_cause_emergency: "紧急复机", "Emergency restoration";
            $($rest)*
        }
    };
}

pub(super) use remediation_words;
