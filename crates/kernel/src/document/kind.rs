use super::DocumentError;

/// Declares the kinds with code, Chinese and English name.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $code:literal, $zh:literal, $en:literal;)*) => {
        /// 证件种类: the kinds of document Order 25 and later law admit (`L-REG-3`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum DocumentKind {
            $($(#[$doc])* $name = $number,)*
        }

        impl DocumentKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Stable code, for columns, rules and JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// 中文名称
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$name => $zh),* }
            }

            /// English name.
            pub const fn en(self) -> &'static str {
                match self { $(Self::$name => $en),* }
            }

            /// The kind of a stable code.
            pub fn parse(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// From the number in the store, which is `kind as i64` and never changes.
            pub const fn from_i64(value: i64) -> Option<Self> {
                match value {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// 居民身份证, GB 11643
    ResidentId = 1, "resident_id", "居民身份证", "Resident identity card";
    /// 临时居民身份证
    TemporaryId = 2, "temporary_id", "临时居民身份证", "Temporary resident identity card";
    /// 户口簿
    HouseholdRegister = 3, "household_register", "户口簿", "Household register";
    /// 港澳居民居住证, 81/82
    HongKongMacauResidencePermit = 4, "hong_kong_macau_residence_permit", "港澳居民居住证", "Residence permit for Hong Kong and Macao residents";
    /// 台湾居民居住证, 83
    TaiwanResidencePermit = 5, "taiwan_residence_permit", "台湾居民居住证", "Residence permit for Taiwan residents";
    /// 外国人永久居留身份证, both editions
    ForeignPermanentResident = 6, "foreign_permanent_resident", "外国人永久居留身份证", "Foreign permanent resident ID card";
    /// 港澳居民来往内地通行证
    HongKongMacauTravelPermit = 7, "hong_kong_macau_travel_permit", "港澳居民来往内地通行证", "Mainland travel permit for Hong Kong and Macao residents";
    /// 台湾居民来往大陆通行证
    TaiwanTravelPermit = 8, "taiwan_travel_permit", "台湾居民来往大陆通行证", "Mainland travel permit for Taiwan residents";
    /// 护照
    Passport = 9, "passport", "护照", "Passport";
    /// 军人身份证件
    Military = 10, "military", "军人身份证件", "Military identity document";
    /// 武装警察身份证件
    ArmedPolice = 11, "armed_police", "武装警察身份证件", "Armed police identity document";
    /// 统一社会信用代码
    OrganisationCode = 12, "organisation_code", "统一社会信用代码", "Unified social credit code";
}

impl DocumentKind {
    /// Whether it stands for an organisation rather than a person.
    pub const fn is_organisation(self) -> bool {
        matches!(self, Self::OrganisationCode)
    }
}

impl std::str::FromStr for DocumentKind {
    type Err = DocumentError;
    fn from_str(code: &str) -> Result<Self, DocumentError> {
        Self::parse(code).ok_or(DocumentError::UnknownKind)
    }
}
