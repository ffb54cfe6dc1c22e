//! 用语: 热线与投诉, the hotline.

/// Hands these words, before its own, to the macro named first.
macro_rules! hotline_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            menu_hotline: "热线工单", "Hotline";
            $($rest)*
        }
    };
}

pub(super) use hotline_words;
