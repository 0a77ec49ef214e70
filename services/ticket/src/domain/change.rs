//! Corrections: which fields a mask names, and how they are taken over. All of
//! them tell the work, not the customer, so none needs a data class.

use jiff::Timestamp;
use kefu_contracts::ticket::{HandlingDefinition, Level, Ticket, TicketKind};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
};

use super::{
    complaint::is_judged,
    entry::check_category,
    handling::{ensure_category, prioritise},
    talk,
};

/// A field that can be corrected.
struct Field {
    path: &'static str,
    check: fn(&mut Fields, &Ticket),
    take: fn(&mut Ticket, &Ticket),
}

const FIELDS: &[Field] = &[
    Field {
        path: "kind",
        check: |fields, wanted| {
            fields.required_enum::<TicketKind>("ticket.kind", wanted.kind);
        },
        take: |into, from| into.kind = from.kind,
    },
    Field {
        path: "category",
        check: |fields, wanted| check_category(fields, &wanted.category),
        take: |into, from| into.category.clone_from(&from.category),
    },
    Field {
        path: "impact",
        check: |fields, wanted| {
            fields.optional_enum::<Level>("ticket.impact", wanted.impact);
        },
        take: |into, from| into.impact = from.impact,
    },
    Field {
        path: "urgency",
        check: |fields, wanted| {
            fields.optional_enum::<Level>("ticket.urgency", wanted.urgency);
        },
        take: |into, from| into.urgency = from.urgency,
    },
    // Whether the times fit is told by both of them and the channel.
    Field {
        path: "call_start_time",
        check: |_, _| {},
        take: |into, from| into.call_start_time = from.call_start_time,
    },
    Field {
        path: "call_end_time",
        check: |_, _| {},
        take: |into, from| into.call_end_time = from.call_end_time,
    },
];

/// Fields that exist and are not corrected: given once, or changed by commands.
const FIXED: &[&str] = &[
    "name",
    "number",
    "customer",
    "channel",
    "priority",
    "state",
    "waiting_for",
    "assignee",
    "reopen_count",
    "external_ref",
    "order",
    "subject",
    "description",
    "resolution",
    "satisfaction",
    "messages",
    "call_seconds",
    "legitimacy",
    "nature",
    "gravity",
    "stage",
    "attempt_count",
    "result_answer",
    "escalated_time",
    "closing_asked_by",
    "closing_approved_by",
    "cause",
    "improvement",
    "compensations",
    "tags",
    "department",
    "received_time",
    "resolved_time",
    "closed_time",
    "history",
    "merged_into",
    "merged_time",
    "etag",
    "create_time",
    "update_time",
    "disclosure",
];

/// A correction that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    paths: Vec<&'static str>,
    /// Carries the named fields; the others have no meaning.
    wanted: Box<Ticket>,
}

impl Change {
    /// Reads a mask and the values it names; what is wrong is noted.
    pub(crate) fn parse(fields: &mut Fields, paths: &[String], wanted: Ticket) -> Self {
        fields.ensure(!paths.is_empty(), "update_mask", Violation::Required);
        let mut known = Vec::new();
        for (at, path) in paths.iter().enumerate() {
            let place = format!("update_mask.paths[{at}]");
            match FIELDS.iter().find(|field| field.path == path) {
                Some(field) if known.contains(&field.path) => {
                    fields.refuse(place, Violation::Duplicate);
                }
                Some(field) => {
                    (field.check)(fields, &wanted);
                    known.push(field.path);
                }
                None if FIXED.contains(&path.as_str()) => {
                    fields.refuse(place, Violation::Immutable);
                }
                None => fields.refuse(place, Violation::UnknownValue),
            }
        }
        Self {
            paths: known,
            wanted: Box::new(wanted),
        }
    }

    /// Takes the named fields over, and what follows from them.
    ///
    /// # Errors
    /// Violations, where they do not fit the ticket or the company's rules.
    pub(super) fn take(
        &self,
        ticket: &mut Ticket,
        rules: &HandlingDefinition,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let (kind, judged) = (ticket.kind, is_judged(ticket));
        self.apply(ticket);
        let mut fields = Fields::new();
        let same = kind == ticket.kind;
        fields.ensure(same || !judged, "ticket.kind", Violation::Immutable);
        if self.names("call_start_time") || self.names("call_end_time") {
            talk::check(&mut fields, ticket, now);
            ticket.call_seconds = talk::seconds(ticket);
        }
        fields.finish()?;
        if self.names("category") || !same {
            ensure_category(rules, &ticket.category, ticket.kind())?;
        }
        if self.names("impact") || self.names("urgency") {
            prioritise(rules, ticket);
        }
        Ok(())
    }

    fn names(&self, path: &str) -> bool {
        self.paths.contains(&path)
    }

    /// Takes the named fields over.
    fn apply(&self, into: &mut Ticket) {
        for field in FIELDS
            .iter()
            .filter(|field| self.paths.contains(&field.path))
        {
            (field.take)(into, &self.wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_taken_over() {
        let wanted = Ticket {
            category: "logistics".into(),
            impact: 3,
            ..Default::default()
        };
        let mut fields = Fields::new();
        let change = Change::parse(&mut fields, &["impact".into()], wanted);
        assert!(fields.is_clean());
        let mut ticket = Ticket {
            category: "billing".into(),
            ..Default::default()
        };
        change.apply(&mut ticket);
        let expected = Ticket {
            category: "billing".into(),
            impact: 3,
            ..Default::default()
        };
        assert_eq!(ticket, expected);
    }

    #[test]
    fn masks_and_values_are_refused_together() {
        let paths = ["kind", "state", "nonsense", "kind", "department"].map(str::to_owned);
        let mut fields = Fields::new();
        Change::parse(&mut fields, &paths, Ticket::default());
        let found: Vec<_> = fields
            .finish()
            .unwrap_err()
            .violations
            .into_iter()
            .map(|(_, what)| what)
            .collect();
        let expected = [
            Violation::Required,
            Violation::Immutable,
            Violation::UnknownValue,
            Violation::Duplicate,
            Violation::Immutable,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn no_field_is_both_fixed_and_changed() {
        assert!(FIELDS.iter().all(|field| !FIXED.contains(&field.path)));
    }
}
