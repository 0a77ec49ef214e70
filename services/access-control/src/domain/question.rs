//! What is asked when a decision is to be explained.

use kefu_contracts::{METHODS, Method, access::ExplainRequest, policy::Purpose};
use kefu_service::{
    error::{Fault, Violation},
    fields::{Fields, parse_name},
};
use uuid::Uuid;

use super::register::parse_subject;

/// A kind of record whose scope can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Customer files.
    Customer,
    /// Tickets.
    Ticket,
    /// Orders.
    Order,
}

impl Kind {
    const EVERY: [Self; 3] = [Self::Customer, Self::Ticket, Self::Order];

    /// `customers`
    pub fn collection(self) -> &'static str {
        match self {
            Self::Customer => "customers",
            Self::Ticket => "tickets",
            Self::Order => "orders",
        }
    }

    /// Beginning of the permissions on them: `profile.customers.`.
    pub fn permissions(self) -> &'static str {
        match self {
            Self::Customer => "profile.customers.",
            Self::Ticket => "ticket.tickets.",
            Self::Order => "order.orders.",
        }
    }

    /// Permission by which one learns that such a record is there.
    pub fn get(self) -> &'static str {
        match self {
            Self::Customer => "profile.customers.get",
            Self::Ticket => "ticket.tickets.get",
            Self::Order => "order.orders.get",
        }
    }
}

/// A question, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// About whom, and whether it is a system account; none: the caller.
    pub subject: Option<(Uuid, bool)>,
    /// A method that needs the permission.
    pub method: &'static Method,
    /// On which record.
    pub record: Option<Kind>,
    /// `Unspecified` when none is stated.
    pub purpose: Purpose,
}

impl Question {
    /// Reads a question.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(request: &ExplainRequest) -> Result<Self, Fault> {
        let mut fields = Fields::new();
        let subject = parse_subject(&request.subject);
        let said = !request.subject.is_empty();
        fields.ensure(
            subject.is_some() || !said,
            "subject",
            Violation::ResourceName,
        );
        let method = needing(&request.permission);
        let unknown = match request.permission.as_str() {
            "" => Violation::Required,
            _ => Violation::UnknownValue,
        };
        fields.ensure(method.is_some(), "permission", unknown);
        let record = kind(&mut fields, &request.record);
        if let (Some(kind), Some(method)) = (record, method) {
            let fits = method.permission.starts_with(kind.permissions());
            fields.ensure(fits, "record", Violation::Contradiction);
        }
        let purpose = Purpose::try_from(request.purpose);
        fields.ensure(purpose.is_ok(), "purpose", Violation::UnknownValue);
        fields.finish()?;
        Ok(Self {
            subject,
            method: method.ok_or_else(|| Fault::internal("a violation was lost"))?,
            record,
            purpose: purpose.unwrap_or_default(),
        })
    }
}

/// A public method that needs this permission.
pub fn needing(permission: &str) -> Option<&'static Method> {
    METHODS
        .iter()
        .find(|method| !method.internal && method.permission == permission)
}

fn kind(fields: &mut Fields, record: &str) -> Option<Kind> {
    if record.is_empty() {
        return None;
    }
    let kind = Kind::EVERY
        .into_iter()
        .find(|kind| parse_name(record, kind.collection()).is_some());
    fields.ensure(kind.is_some(), "record", Violation::ResourceName);
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a purpose is needed is a property of the permission.
    #[test]
    fn methods_of_one_permission_agree_on_the_purpose() {
        for method in METHODS.iter().filter(|method| !method.internal) {
            let first = needing(method.permission).unwrap();
            assert_eq!(
                first.purpose_required, method.purpose_required,
                "{}",
                method.permission
            );
        }
    }

    #[test]
    fn every_kind_can_be_got_by_a_permission_of_its_own() {
        for kind in Kind::EVERY {
            assert!(kind.get().starts_with(kind.permissions()));
            assert!(needing(kind.get()).is_some());
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let id = Uuid::from_u128(1);
        let question = |permission: &str, record: String| {
            Question::read(&ExplainRequest {
                subject: format!("employees/{id}"),
                permission: permission.into(),
                record,
                purpose: 1,
            })
        };
        let good = question("ticket.tickets.get", format!("tickets/{id}")).unwrap();
        assert_eq!(good.record, Some(Kind::Ticket));
        assert_eq!(good.subject, Some((id, false)));
        let other = question("ticket.tickets.get", format!("orders/{id}")).unwrap_err();
        assert_eq!(
            other.violations,
            [("record".to_owned(), Violation::Contradiction)]
        );
        let internal = question("internal.facts.get", String::new()).unwrap_err();
        assert_eq!(
            internal.violations,
            [("permission".to_owned(), Violation::UnknownValue)]
        );
        let all = Question::read(&ExplainRequest {
            subject: "li.wei".into(),
            permission: String::new(),
            record: "customers/7".into(),
            purpose: 99,
        });
        let fields: Vec<_> = all
            .unwrap_err()
            .violations
            .into_iter()
            .map(|(field, _)| field)
            .collect();
        assert_eq!(fields, ["subject", "permission", "record", "purpose"]);
    }
}
