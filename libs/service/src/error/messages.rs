//! What people read, in Chinese and English.

use kefu_contracts::common::Reason;

/// Language of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// zh-CN
    Chinese,
    /// en
    #[default]
    English,
}

impl Language {
    /// From `accept-language` metadata; English when it names neither.
    pub fn from_header(value: &str) -> Self {
        let first = value.split([',', ';']).next().unwrap_or_default().trim();
        if first.to_ascii_lowercase().starts_with("zh") {
            Self::Chinese
        } else {
            Self::English
        }
    }

    /// BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }
}

/// What a part of a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LooksLike {
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
    /// An ID card number.
    IdCard,
    /// A bank card number.
    BankCard,
}

impl LooksLike {
    fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Phone => ("电话号码", "a phone number"),
            Self::Email => ("电子邮箱", "an e-mail address"),
            Self::IdCard => ("身份证号码", "an ID card number"),
            Self::BankCard => ("银行卡号", "a bank card number"),
        }
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// Must be given.
    Required,
    /// Longer than this many characters.
    TooLong(usize),
    /// More than this many items.
    TooMany(usize),
    /// Outside of these bounds.
    OutOfRange(i64, i64),
    /// Not a value of the contract.
    UnknownValue,
    /// Not a resource name of the kind asked for.
    ResourceName,
    /// Not a UUID.
    Uuid,
    /// Not a point in time.
    Time,
    /// Lies in the future.
    InFuture,
    /// Only system accounts that transfer records may say when it happened.
    NotForPeople,
    /// Not a phone number.
    Phone,
    /// Not an e-mail address.
    Email,
    /// Not an ID card number (GB 11643).
    IdCard,
    /// Not a unified social credit code (GB 32100).
    CreditCode,
    /// Not a bank card number (ISO/IEC 7812).
    BankCard,
    /// Not a date of the calendar.
    Date,
    /// Does not agree with another field.
    Contradiction,
    /// Not an amount in the currency of the record.
    Amount,
    /// Not a currency code (ISO 4217).
    Currency,
    /// Cannot be changed.
    Immutable,
    /// The filter cannot be read.
    Filter,
    /// The order cannot be read.
    OrderBy,
    /// No such record that the caller may use here.
    Unknown,
    /// Given twice.
    Duplicate,
    /// Not for this kind of record.
    NotApplicable,
    /// Contains control characters.
    ControlCharacters,
    /// Not of the form asked for.
    Format,
    /// Asks for more than is left.
    Wider,
    /// Holds what looks like this, at that line and place in it, where no personal data may be.
    PersonalData(LooksLike, usize, usize),
    /// Somebody whose post does not let them do it.
    NotEntitled,
    /// The contract has no such field.
    UnknownField,
}

impl Violation {
    /// Name for programs: `TOO_LONG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Required => "REQUIRED",
            Self::TooLong(_) => "TOO_LONG",
            Self::TooMany(_) => "TOO_MANY",
            Self::OutOfRange(..) => "OUT_OF_RANGE",
            Self::UnknownValue => "UNKNOWN_VALUE",
            Self::ResourceName => "RESOURCE_NAME",
            Self::Uuid => "UUID",
            Self::Time => "TIME",
            Self::InFuture => "IN_FUTURE",
            Self::NotForPeople => "NOT_FOR_PEOPLE",
            Self::Phone => "PHONE",
            Self::Email => "EMAIL",
            Self::IdCard => "ID_CARD",
            Self::CreditCode => "CREDIT_CODE",
            Self::BankCard => "BANK_CARD",
            Self::Date => "DATE",
            Self::Contradiction => "CONTRADICTION",
            Self::Amount => "AMOUNT",
            Self::Currency => "CURRENCY",
            Self::Immutable => "IMMUTABLE",
            Self::Filter => "FILTER",
            Self::OrderBy => "ORDER_BY",
            Self::Unknown => "UNKNOWN",
            Self::Duplicate => "DUPLICATE",
            Self::NotApplicable => "NOT_APPLICABLE",
            Self::ControlCharacters => "CONTROL_CHARACTERS",
            Self::Format => "FORMAT",
            Self::Wider => "WIDER",
            Self::PersonalData(..) => "PERSONAL_DATA",
            Self::NotEntitled => "NOT_ENTITLED",
            Self::UnknownField => "UNKNOWN_FIELD",
        }
    }

    /// For people.
    pub fn text(self, language: Language) -> String {
        let (chinese, english): (String, String) = match self {
            Self::Required => ("必须填写".into(), "must be given".into()),
            Self::TooLong(most) => (
                format!("不得超过 {most} 个字符"),
                format!("must be at most {most} characters"),
            ),
            Self::TooMany(most) => (
                format!("不得超过 {most} 项"),
                format!("must be at most {most} items"),
            ),
            Self::OutOfRange(from, to) => (
                format!("须在 {from} 至 {to} 之间"),
                format!("must be from {from} to {to}"),
            ),
            Self::UnknownValue => (
                "不是可用的取值".into(),
                "is not a value of the contract".into(),
            ),
            Self::ResourceName => (
                "不是正确的资源名称".into(),
                "is not a resource name of this kind".into(),
            ),
            Self::Uuid => ("不是 UUID".into(), "is not a UUID".into()),
            Self::Time => ("不是有效的时间".into(), "is not a point in time".into()),
            Self::InFuture => (
                "不得晚于当前时间".into(),
                "must not lie in the future".into(),
            ),
            Self::NotForPeople => (
                "仅限移交记录的系统账号填写".into(),
                "is only for system accounts that transfer records".into(),
            ),
            Self::Phone => ("不是有效的电话号码".into(), "is not a phone number".into()),
            Self::Email => (
                "不是有效的电子邮箱".into(),
                "is not an e-mail address".into(),
            ),
            Self::IdCard => (
                "不是有效的身份证号码".into(),
                "is not an ID card number".into(),
            ),
            Self::CreditCode => (
                "不是有效的统一社会信用代码".into(),
                "is not a unified social credit code".into(),
            ),
            Self::BankCard => (
                "不是有效的银行卡号".into(),
                "is not a bank card number".into(),
            ),
            Self::Date => ("不是有效的日期".into(), "is not a date".into()),
            Self::Contradiction => (
                "与其他字段矛盾".into(),
                "does not agree with another field".into(),
            ),
            Self::Amount => (
                "不是该币种的有效金额".into(),
                "is not an amount in the currency of the record".into(),
            ),
            Self::Currency => ("不是货币代码".into(), "is not a currency code".into()),
            Self::Immutable => ("不可更改".into(), "cannot be changed".into()),
            Self::Filter => (
                "筛选条件无法识别".into(),
                "is not a filter over the fields of this list".into(),
            ),
            Self::OrderBy => (
                "排序方式无法识别".into(),
                "is not an order of this list".into(),
            ),
            Self::Unknown => (
                "没有可用的此项记录".into(),
                "names no record that can be used here".into(),
            ),
            Self::Duplicate => ("重复".into(), "is given twice".into()),
            Self::NotApplicable => (
                "不适用于此类记录".into(),
                "does not apply to this kind of record".into(),
            ),
            Self::ControlCharacters => {
                ("含有控制字符".into(), "contains control characters".into())
            }
            Self::Format => ("格式不正确".into(), "is not of the form asked for".into()),
            Self::Wider => (
                "只能缩小范围，不能扩大".into(),
                "asks for more than is left: it may be narrowed, never widened".into(),
            ),
            Self::PersonalData(looks, line, place) => {
                let (chinese, english) = looks.text();
                (
                    format!("不得含有个人资料：第 {line} 行第 {place} 字起像是{chinese}"),
                    format!(
                        "must hold no personal data: line {line}, character {place} begins what looks like {english}"
                    ),
                )
            }
            Self::UnknownField => (
                "接口中没有此字段".into(),
                "is no field of the contract".into(),
            ),
            Self::NotEntitled => (
                "该人员的岗位不允许其查看或处理此记录".into(),
                "is somebody whose post does not let them see the record, or work on it".into(),
            ),
        };
        match language {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }
}

/// A reason in a sentence.
pub(crate) fn reason(reason: Reason, language: Language) -> &'static str {
    let (chinese, english) = match reason {
        Reason::InvalidFields => ("有字段填写不正确。", "some fields are not right"),
        Reason::InvalidPageToken => (
            "翻页标记无效，请从第一页重新开始。",
            "the page token does not belong to this list",
        ),
        Reason::PurposeRequired => (
            "请说明查阅目的。",
            "the call needs a purpose in kefu-purpose metadata",
        ),
        Reason::TokenMissing => ("请先登录。", "no bearer token"),
        Reason::TokenInvalid => ("登录凭证无效。", "the bearer token cannot be believed"),
        Reason::TokenExpired => (
            "登录已过期，请重新登录。",
            "the bearer token is past its time",
        ),
        Reason::SubjectUnknown => (
            "该账号不存在或已停用。",
            "the subject is not, or no longer, known",
        ),
        Reason::ContextInvalid => ("访问凭据无效。", "the access context cannot be believed"),
        Reason::ContextExpired => ("访问凭据已过期。", "the access context is past its time"),
        Reason::PermissionMissing => ("您的岗位没有此项权限。", "no rule grants the permission"),
        Reason::PurposeNotAllowed => (
            "您的岗位不得为此目的查阅。",
            "no rule grants the permission for this purpose",
        ),
        Reason::NotFoundOrOutOfScope => (
            "没有此记录，或不在您的职责范围内。",
            "no such record, or not within your scope",
        ),
        Reason::AlreadyExists => ("该外部编号已被使用。", "the external reference is taken"),
        Reason::EtagMismatch => (
            "记录已被他人更改，请刷新后再试。",
            "the record has changed meanwhile, read it again",
        ),
        Reason::Conflict => (
            "他人正在更改，请稍后再试。",
            "others changed the same at once, try again",
        ),
        Reason::RequestIdReused => (
            "该请求编号已用于另一请求。",
            "the request id was used for another request",
        ),
        Reason::StateNotAllowed => (
            "当前状态不允许此操作。",
            "the state of the record does not allow it",
        ),
        Reason::CustomerDestroyed => ("该客户档案已销毁。", "the customer's file is destroyed"),
        Reason::MethodUnknown => ("没有此接口。", "no such method"),
        Reason::PolicyStale => (
            "权限信息暂不可用，请稍后再试。",
            "the policy cannot be relied upon just now",
        ),
        Reason::IssuerUnavailable => (
            "登录服务暂不可用，请稍后再试。",
            "the issuer of tokens cannot be reached",
        ),
        Reason::UpstreamUnavailable => (
            "服务暂不可用，请稍后再试。",
            "the service cannot be reached",
        ),
        Reason::StorageUnavailable => (
            "数据暂不可用，请稍后再试。",
            "the database cannot be reached",
        ),
        Reason::Overloaded => ("请求过多，请稍后再试。", "too many calls"),
        Reason::MessageTooLarge => (
            "请求超过允许的大小。",
            "the request is larger than is allowed",
        ),
        Reason::NoConnector => (
            "公司未配置该核验接口，请人工核验。",
            "there is no connector for this check; it is made by hand",
        ),
        Reason::FrameInvalid => (
            "请求格式不正确。",
            "the body is not the one message that the method takes",
        ),
        Reason::DeadlineExceeded => ("处理超时。", "the deadline has passed"),
        Reason::PositionNotReached => (
            "数据尚未同步到所需位置。",
            "the position asked for was not reached in time",
        ),
        Reason::BeyondLimit => ("超出可批准的限额。", "more than may be approved"),
        Reason::StepMissing => ("须先完成前面的步骤。", "another step has to come first"),
        Reason::SecondPersonRequired => (
            "须由未参与处理的另一人决定。",
            "a second person has to do it, who had no hand in it",
        ),
        Reason::SeparationOfDuties => (
            "这两个角色不得由同一人担任。",
            "two of these roles may not be held by one person",
        ),
        Reason::NotTheCallersTurn => (
            "此申请不由您处理。",
            "the request is not the caller's to decide or to act upon",
        ),
        Reason::Internal | Reason::Unspecified => ("内部错误，请联系管理员。", "internal error"),
    };
    match language {
        Language::Chinese => chinese,
        Language::English => english,
    }
}
