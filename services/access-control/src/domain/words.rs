//! An explanation in words, in Chinese and English.

use jiff::Timestamp;
use kefu_access::{Considered, Explanation, Miss, Outcome, Purpose, Snapshot, Verdict, Whom};
use kefu_contracts::{access::RuleVerdict, common::Reason};
use kefu_service::error::Language;

/// Number of a verdict as messages carry it.
pub fn verdict(verdict: &Verdict) -> RuleVerdict {
    match verdict {
        Verdict::LetsThrough => RuleVerdict::LetsThrough,
        Verdict::NotBegun(_) => RuleVerdict::NotBegun,
        Verdict::Ended(_) => RuleVerdict::Ended,
        Verdict::Unaccompanied(_) => RuleVerdict::Unaccompanied,
        Verdict::PermissionNotGranted => RuleVerdict::PermissionNotGranted,
        Verdict::PurposeNotAllowed(_) => RuleVerdict::PurposeNotAllowed,
        Verdict::AgreementLapsed(_) => RuleVerdict::AgreementLapsed,
        Verdict::TrainingLapsed(_) => RuleVerdict::TrainingLapsed,
        Verdict::OutOfScope(Miss::Nothing) => RuleVerdict::ReachesNothing,
        Verdict::OutOfScope(Miss::Department(_)) => RuleVerdict::OtherDepartment,
        Verdict::OutOfScope(Miss::Owner(_)) => RuleVerdict::NotOwner,
        Verdict::OutOfScope(Miss::Duty) => RuleVerdict::NoDuty,
        Verdict::OutOfScope(Miss::Customer) => RuleVerdict::NotListed,
        Verdict::OutOfScope(Miss::Consent(_)) => RuleVerdict::NoConsent,
        Verdict::OutOfScope(Miss::Unknown) => RuleVerdict::RecordNotKnown,
    }
}

/// Whom to ask, by whatever they are called.
pub fn of_whom(whom: &Whom, called: &str, language: Language) -> String {
    match language {
        Language::Chinese => whom.in_chinese(called),
        Language::English => whom.in_english(called),
    }
}

/// What a rule has to say.
pub fn of_rule(one: &Considered, policy: &Snapshot, language: Language) -> String {
    let (chinese, english) = match &one.verdict {
        Verdict::LetsThrough => ("准许".to_owned(), "lets through".to_owned()),
        Verdict::NotBegun(at) => (
            format!("自 {at} 起才担任此岗位"),
            format!("is held from {at} on"),
        ),
        Verdict::Ended(at) => (format!("已于 {at} 结束"), format!("was held until {at}")),
        Verdict::Unaccompanied(companion) => (
            format!("须由 employees/{companion} 陪同，其尚未同意"),
            format!("needs employees/{companion} to accompany, who has not agreed"),
        ),
        Verdict::PermissionNotGranted => (
            "不含此项权限".to_owned(),
            "does not grant the permission".to_owned(),
        ),
        Verdict::PurposeNotAllowed(Purpose::Unspecified) => (
            "须说明查阅目的".to_owned(),
            "needs a purpose, and none is stated".to_owned(),
        ),
        Verdict::PurposeNotAllowed(purpose) => (
            format!("不得用于目的“{}”", purpose_name(*purpose)),
            format!("is not for purpose {}", purpose_name(*purpose)),
        ),
        Verdict::AgreementLapsed(at) => lapsed("保密协议", "confidentiality agreement", *at),
        Verdict::TrainingLapsed(at) => lapsed("保密培训", "secrecy training", *at),
        Verdict::OutOfScope(miss) => missed(miss, policy),
    };
    pick(language, chinese, english)
}

fn lapsed(chinese: &str, english: &str, at: Option<Timestamp>) -> (String, String) {
    match at {
        Some(at) => (
            format!("敏感信息不予显示：{chinese}已于 {at} 到期"),
            format!("withholds sensitive data: the {english} ended at {at}"),
        ),
        None => (
            format!("敏感信息不予显示：尚无有效的{chinese}"),
            format!("withholds sensitive data: there is no valid {english}"),
        ),
    }
}

fn missed(miss: &Miss, policy: &Snapshot) -> (String, String) {
    let (chinese, english): (&str, &str) = match miss {
        Miss::Nothing => ("不涉及任何记录", "reaches no record"),
        Miss::Department(Some(id)) => {
            let title = policy.department_title(*id).unwrap_or("?");
            return (
                format!("记录属于{title}，不在所辖部门之内"),
                format!("does not reach {title}, to which the record belongs"),
            );
        }
        Miss::Department(None) => (
            "记录不属于任何部门",
            "reaches departments, and the record belongs to none",
        ),
        Miss::Owner(_) => (
            "记录不由其本人负责",
            "reaches their own records, and this one is not theirs",
        ),
        Miss::Duty => (
            "没有指派给其本人的未结工单、订单或回访",
            "needs duty: no open ticket, order or visit is assigned to them",
        ),
        Miss::Customer => (
            "该客户不在所列客户之内",
            "does not list the record's customer",
        ),
        Miss::Consent(purpose) => {
            let name = purpose_name(*purpose);
            return (
                format!("客户未同意用于目的“{name}”"),
                format!("needs the customer's consent to purpose {name}"),
            );
        }
        Miss::Unknown => (
            "没有此记录，或不在职责范围内",
            "reaches no such record, or it is out of scope",
        ),
    };
    (chinese.to_owned(), english.to_owned())
}

/// The whole in one sentence.
pub fn summary(explanation: &Explanation, language: Language) -> String {
    match &explanation.outcome {
        Outcome::Allowed(clearance) => {
            let rules = clearance.sources.join(", ");
            let classes: Vec<&str> = clearance
                .classes
                .iter()
                .map(|class| class.as_str_name().trim_start_matches("DATA_CLASS_"))
                .collect();
            let (none_zh, none_en) = ("无", "no class");
            let listed = classes.join(", ");
            let of = |none: &str| match listed.is_empty() {
                true => none.to_owned(),
                false => listed.clone(),
            };
            pick(
                language,
                format!("准许，依据 {rules}；可见类别：{}。", of(none_zh)),
                format!("let through by {rules}, which clear {}", of(none_en)),
            )
        }
        Outcome::Refused { reason, rule } => {
            let chinese = match reason {
                Reason::SubjectUnknown => "不予准许：该账号不在册、尚未入职或已离职。",
                Reason::PermissionMissing => "不予准许：所任岗位没有此项权限。",
                Reason::PurposeNotAllowed => "不予准许：所任岗位不得为此目的查阅。",
                _ => "不予准许：没有此记录，或不在职责范围内。",
            };
            pick(language, chinese.to_owned(), format!("refused: {rule}"))
        }
    }
}

/// `service`
pub fn purpose_name(purpose: Purpose) -> String {
    kefu_access::purpose_name(purpose).to_lowercase()
}

fn pick(language: Language, chinese: String, english: String) -> String {
    match language {
        Language::Chinese => chinese,
        Language::English => english,
    }
}
