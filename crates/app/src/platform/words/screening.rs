//! 用语: 来电甄别, call screening.

/// Hands these words, before its own, to the macro named first.
macro_rules! screening_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            menu_screening: "来电甄别", "Screening";
            $($rest)*
        }
    };
}

pub(super) use screening_words;
