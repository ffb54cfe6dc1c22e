//! 用语: 停复机, stops and restorations.

/// Hands these words, before its own, to the macro named first.
macro_rules! suspension_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            menu_suspension: "停复机", "Stops";
            $($rest)*
        }
    };
}

pub(super) use suspension_words;
