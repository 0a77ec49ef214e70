//! What an entry of the audit log says, for looking for it.

use kefu_audit::Leaf;
use kefu_contracts::{journal::event, method};
use uuid::Uuid;

/// The services whose journals make the log, by name.
pub const SERVICES: [&str; 5] = [
    "access-control",
    "analytics",
    "customer-profile",
    "order-followup",
    "ticket",
];

/// What of a leaf can be looked for beside the entry's own fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// gRPC path, of views and refusals.
    pub method: String,
    /// Permission it needed.
    pub permission: String,
    /// Why it was refused.
    pub reason: String,
    /// Classes shown in clear, by number.
    pub cleared: Vec<i32>,
    /// Grants by which it was shown, each once.
    pub grants: Vec<Uuid>,
}

impl Said {
    /// What this leaf says.
    pub fn by(leaf: &Leaf) -> Self {
        let event = leaf.entry.event.as_ref();
        match event.and_then(|event| event.event.as_ref()) {
            Some(event::Event::Viewed(viewed)) => Self {
                permission: method(&viewed.method)
                    .map(|method| method.permission.to_owned())
                    .unwrap_or_default(),
                method: viewed.method.clone(),
                reason: String::new(),
                cleared: viewed.cleared.clone(),
                grants: grants(&viewed.sources),
            },
            Some(event::Event::Refused(refused)) => Self {
                method: refused.method.clone(),
                permission: refused.permission.clone(),
                reason: refused.reason.clone(),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }
}

/// Grants among the sources of a view: `grant:{id}`, `grant:{id}@{companion}+sensitive`;
/// folded sources stand in one text, with commas.
fn grants(sources: &[String]) -> Vec<Uuid> {
    let mut grants = Vec::new();
    for source in sources.iter().flat_map(|source| source.split(", ")) {
        let id = source
            .strip_prefix("grant:")
            .and_then(|rest| rest.get(..36));
        if let Some(id) = id.and_then(|id| Uuid::try_parse(id).ok())
            && !grants.contains(&id)
        {
            grants.push(id);
        }
    }
    grants
}

#[cfg(test)]
mod tests {
    use kefu_contracts::journal::{Entry, Event, Refused, Viewed};

    use super::*;

    fn leaf(event: event::Event) -> Leaf {
        Leaf {
            service: "ticket".into(),
            entry: Entry {
                event: Some(Event { event: Some(event) }),
                ..Entry::default()
            },
        }
    }

    #[test]
    fn a_view_tells_by_which_grants_it_was_seen() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let said = Said::by(&leaf(event::Event::Viewed(Viewed {
            method: "/kefu.ticket.v1.TicketService/GetTicket".into(),
            cleared: vec![1, 6],
            sources: vec![
                format!("grant:{one}"),
                format!("grant:{one}+sensitive"),
                format!("role:agent#duty, grant:{other}@{one}"),
                "grant:x".into(),
            ],
            ..Viewed::default()
        })));
        assert_eq!(said.permission, "ticket.tickets.get");
        assert_eq!((said.cleared, said.grants), (vec![1, 6], vec![one, other]));
    }

    #[test]
    fn a_refusal_tells_why() {
        let said = Said::by(&leaf(event::Event::Refused(Refused {
            method: "/x".into(),
            permission: "p".into(),
            reason: "PERMISSION_MISSING".into(),
            ..Refused::default()
        })));
        assert_eq!(
            (said.reason.as_str(), said.permission.as_str()),
            ("PERMISSION_MISSING", "p")
        );
        assert!(said.grants.is_empty());
    }
}
