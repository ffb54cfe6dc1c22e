//! 用语: 存量导入, the base brought over.

/// Hands these words, before its own, to the macro named first.
macro_rules! import_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            menu_import: "存量导入", "Base import";
            $($rest)*
        }
    };
}

pub(super) use import_words;
