//! Mappings: TOML files that say how the rows of a CSV file become customers,
//! orders or tickets. Keys that are not documented here are refused.
//!
//! ```toml
//! # Which record a row is about; rows with the same are one record.
//! external_ref = "shop:{order_id}"
//!
//! [source]                        # how the file is written; all optional
//! delimiter = ","
//! null = ["?"]                    # texts that mean "not known"; empty cells always do
//! time_zone = "America/Sao_Paulo" # of times without an offset; UTC by default
//! time_format = "%Y-%m-%d %H:%M:%S"
//! date_format = "%Y-%m-%d"
//!
//! [join.items]                    # rows of another file, in the same folder
//! file = "items.csv"
//! on = "order_id"                 # column of FILE, or of the join in `from`
//! key = "order_id"                # column of the other file; as `on` by default
//! many = true                     # several rows for one; usable in `each` only
//! from = "…"                      # the join that `on` is a column of
//!
//! [order]                         # [customer], [order] or [ticket]: see the types
//! ```
//!
//! What a field takes its text from is told in [`super::template`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::template::Value;

/// A whole mapping.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapping {
    /// Identifier of the record in the suite; rows with the same are one record.
    pub(super) external_ref: Value,
    #[serde(default)]
    pub(super) source: Source,
    #[serde(default)]
    pub(super) join: BTreeMap<String, Join>,
    pub(super) customer: Option<CustomerFields>,
    pub(super) order: Option<OrderFields>,
    pub(super) ticket: Option<TicketFields>,
}

/// How the file and those joined to it are written. Always UTF-8.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Source {
    pub(super) delimiter: char,
    pub(super) null: Vec<String>,
    pub(super) time_zone: String,
    pub(super) time_format: String,
    pub(super) date_format: String,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            delimiter: ',',
            null: Vec::new(),
            time_zone: "UTC".to_owned(),
            time_format: "%Y-%m-%d %H:%M:%S".to_owned(),
            date_format: "%Y-%m-%d".to_owned(),
        }
    }
}

/// Rows of another file that belong to a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    pub(super) file: String,
    pub(super) on: String,
    pub(super) key: Option<String>,
    pub(super) from: Option<String>,
    #[serde(default)]
    pub(super) many: bool,
}

/// Fields of kefu.profile.v1.Customer, enums by their full names. Of several
/// rows about one customer the first counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CustomerFields {
    pub(super) r#type: Value,
    pub(super) display_name: Value,
    pub(super) business_line: Option<Value>,
    pub(super) department: Option<Value>,
    pub(super) owner: Option<Value>,
    pub(super) sex: Option<Value>,
    pub(super) birth_date: Option<Value>,
    pub(super) occupation: Option<Value>,
    pub(super) region: Option<Value>,
    pub(super) source_channel: Option<Value>,
    pub(super) special_needs: Option<Value>,
    pub(super) id_card: Option<Value>,
    pub(super) credit_code: Option<Value>,
    pub(super) bank_card: Option<Value>,
    pub(super) source_hand: Option<Value>,
    pub(super) source_credibility: Option<Value>,
    pub(super) signing_date: Option<Value>,
    #[serde(default)]
    pub(super) contact_persons: Vec<PersonFields>,
    #[serde(default)]
    pub(super) basic_attributes: Vec<AttributeFields>,
    #[serde(default)]
    pub(super) contact_attributes: Vec<AttributeFields>,
    #[serde(default)]
    pub(super) identity_attributes: Vec<AttributeFields>,
    #[serde(default)]
    pub(super) financial_attributes: Vec<AttributeFields>,
    #[serde(default)]
    pub(super) purchase_attributes: Vec<AttributeFields>,
    #[serde(default)]
    pub(super) relation_attributes: Vec<AttributeFields>,
    #[serde(default)]
    pub(super) phones: Vec<ContactFields>,
    #[serde(default)]
    pub(super) emails: Vec<ContactFields>,
    #[serde(default)]
    pub(super) addresses: Vec<AddressFields>,
}

/// A contact person; left out where they have no name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonFields {
    pub(super) name: Value,
    pub(super) title: Option<Value>,
    pub(super) phone: Option<Value>,
    pub(super) email: Option<Value>,
    #[serde(default)]
    pub(super) primary: bool,
}

/// What the company declares beside; left out where it has no value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttributeFields {
    /// As it is declared.
    pub(super) id: String,
    pub(super) value: Value,
}

/// A phone or an e-mail address; left out where it has no value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactFields {
    /// The number or the address.
    pub(super) value: Value,
    pub(super) kind: Option<Value>,
    #[serde(default)]
    pub(super) primary: bool,
}

/// An address; left out where none of its parts has a value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressFields {
    pub(super) province: Option<Value>,
    pub(super) city: Option<Value>,
    pub(super) district: Option<Value>,
    pub(super) street: Option<Value>,
    pub(super) postal_code: Option<Value>,
    pub(super) kind: Option<Value>,
    #[serde(default)]
    pub(super) primary: bool,
}

/// Fields of kefu.order.v1.Order. Of several rows about one order the first counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderFields {
    /// The customer's external reference.
    pub(super) customer: Value,
    /// ISO 4217.
    pub(super) currency: Value,
    pub(super) department: Option<Value>,
    pub(super) owner: Option<Value>,
    pub(super) placed_time: Option<Value>,
    pub(super) promised_time: Option<Value>,
    pub(super) lines: Option<LineFields>,
    /// Stages with the times they were reached at.
    #[serde(default)]
    pub(super) stages: Vec<StageFields>,
    /// The stage that the order is at: it is recorded last, at its own time or,
    /// where it has none or others are later, at the latest time known.
    pub(super) stage: Option<Value>,
    pub(super) reviews: Option<ReviewFields>,
}

/// A line of an order for each row of a join.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LineFields {
    /// Name of the join.
    pub(super) each: String,
    pub(super) product: Value,
    pub(super) specification: Option<Value>,
    pub(super) category: Option<Value>,
    pub(super) quantity: Value,
    pub(super) unit_price: Value,
    pub(super) freight: Option<Value>,
    pub(super) discount: Option<Value>,
    pub(super) tax: Option<Value>,
}

/// A stage is recorded where its time has a value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageFields {
    pub(super) stage: Value,
    pub(super) time: Value,
}

/// A review of an order for each row of a join.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReviewFields {
    /// Name of the join.
    pub(super) each: String,
    pub(super) external_ref: Value,
    pub(super) score: Value,
    pub(super) comment: Option<Value>,
    pub(super) answered_time: Option<Value>,
    /// `true` or `false`.
    pub(super) arrived: Option<Value>,
}

/// Fields of kefu.ticket.v1.Ticket. The first row of a ticket opens it; those
/// that follow are its history.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TicketFields {
    /// The customer's external reference.
    pub(super) customer: Value,
    pub(super) kind: Value,
    pub(super) channel: Value,
    pub(super) subject: Value,
    pub(super) description: Option<Value>,
    pub(super) category: Option<Value>,
    pub(super) impact: Option<Value>,
    pub(super) urgency: Option<Value>,
    pub(super) department: Option<Value>,
    pub(super) received_time: Option<Value>,
    pub(super) history: Option<HistoryFields>,
}

/// What a row tells about the ticket at a moment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryFields {
    /// When it was so.
    pub(super) time: Value,
    /// A kefu.ticket.v1.TicketState.
    pub(super) state: Value,
    /// For whom it waits, with TICKET_STATE_PENDING.
    pub(super) waiting_for: Option<Value>,
    /// What was done about it, when it is resolved.
    pub(super) resolution: Value,
    /// Why it was taken up again.
    pub(super) reopen_reason: Value,
    /// Who has it: `employees/…`, or whatever the other system calls them, which stands for
    /// somebody who is nobody here, so that it is kept who is who. Map those who are to go on.
    pub(super) assignee: Option<Value>,
    /// How often it had been given to somebody else; where it is left out, each change of
    /// `assignee` is once.
    pub(super) reassignments: Option<Value>,
    /// When it was last resolved, where that is not the time of a row: of the last row.
    pub(super) resolved_time: Option<Value>,
    /// The same of its closing.
    pub(super) closed_time: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_wherever_they_stand() {
        let ticket = "customer = 'c'\nkind = 'k'\nchannel = 'c'\nsubject = 's'\n";
        for wrong in [
            "external_ref = 'x'\nexternal = 'y'".to_owned(),
            "external_ref = 'x'\n[source]\nencoding = 'latin1'".to_owned(),
            "external_ref = 'x'\n[join.a]\nfile = 'f'\non = 'o'\nonn = 'p'".to_owned(),
            format!("external_ref = 'x'\n[ticket]\npriority = 'p'\n{ticket}"),
        ] {
            let error = toml::from_str::<Mapping>(&wrong).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{error}");
        }
        let right = format!("external_ref = 'x'\n[ticket]\n{ticket}");
        assert!(toml::from_str::<Mapping>(&right).unwrap().ticket.is_some());
    }
}
