//! How a file lies in the database, and how it is read under a scope.

use jiff::Timestamp;
use kefu_access::{ConsentSql, DutySql, ScopeColumns};
use kefu_contracts::{
    google::r#type::Money,
    policy::DataClass,
    profile::{Customer, CustomerState, CustomerType, IntakeChannel, PurchaseSummary, Tier},
};
use kefu_service::{
    call::Call,
    error::Fault,
    facts::FactsOf,
    fields::{etag, name},
    filter::{FilterField, FilterKind},
    scope::{Near, RecordSpec},
    time,
};
use kefu_vault::{IndexKey, WrappedKey};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    keys::{self, Key},
    verifications,
};
use crate::domain::contact::{Region, normal_email, normal_phone};

const COLUMNS: &str = "c.id, c.file_number, c.type, c.state, c.business_line, c.department_id, c.owner_id, c.external_ref,
     c.tier, c.sealed, c.revision, c.created_at, c.updated_at, c.intake_channel, c.contact_at, c.entry_due_at,
     c.entered_at, k.kek_id, k.wrapped, p.currencies, p.units, p.nanos, p.orders, p.last_placed_at,
     h.kinds, h.outcomes, h.checked, h.revisions, h.stale";

/// What is shown of a file and lies elsewhere.
const JOINS: &str = "JOIN profile.customer_key k ON k.customer_id = c.id
     LEFT JOIN LATERAL (
         SELECT array_agg(s.currency ORDER BY s.currency) AS currencies,
                array_agg(trunc(s.amount)::bigint ORDER BY s.currency) AS units,
                array_agg(((s.amount - trunc(s.amount)) * 1000000000)::int ORDER BY s.currency) AS nanos,
                sum(s.orders)::int AS orders, max(s.last_placed_at) AS last_placed_at
         FROM (SELECT currency, sum(amount) AS amount, count(*) AS orders, max(placed_at) AS last_placed_at
               FROM profile.purchase WHERE customer_id = c.id GROUP BY currency) s
     ) p ON true
     LEFT JOIN LATERAL (
         SELECT array_agg(v.kind ORDER BY v.kind) AS kinds, array_agg(v.outcome ORDER BY v.kind) AS outcomes,
                array_agg(v.checked_at ORDER BY v.kind) AS checked,
                array_agg(v.revision ORDER BY v.kind) AS revisions,
                array_agg(s.stale ORDER BY v.kind) AS stale
         FROM profile.standing_check s JOIN profile.verification v ON v.id = s.verification_id
         WHERE s.customer_id = c.id
     ) h ON true";

/// Under which every look at files is taken: archived, in review, returned.
pub(crate) const FILES: RecordSpec = spec("c.state IN (2, 3, 4)");
/// Under which every look at drafts is taken: drafts, and what was withdrawn.
pub(crate) const DRAFTS: RecordSpec = spec("c.state IN (1, 5)");
/// What is part of another file.
pub(crate) const MERGED: RecordSpec = spec("c.state = 7");
/// Whatever became of it: for who has just made it what it is.
pub(crate) const ALL: RecordSpec = spec("c.state IN (1, 2, 3, 4, 5)");

/// Under which a call looks at files: what it may see of drafts is a matter of permissions
/// of their own.
pub(crate) fn view(call: &Call) -> &'static RecordSpec {
    if is_about_drafts(call) {
        &DRAFTS
    } else {
        &FILES
    }
}

/// Whether the call is one about drafts.
pub(crate) fn is_about_drafts(call: &Call) -> bool {
    call.method.permission.starts_with("profile.drafts.")
}

/// What scopes look at in a file, and in whatever hangs on one.
pub(crate) const SCOPE: ScopeColumns = ScopeColumns {
    department: Some("c.department_id"),
    owner: Some("c.owner_id"),
    customer: Some("c.id"),
    duty: Some(DutySql {
        before: "EXISTS (SELECT 1 FROM profile.duty d WHERE d.customer_id = c.id AND d.ended_at IS NULL AND d.subject_id = ",
        after: ")",
    }),
    consent: Some(ConsentSql {
        before: "EXISTS (SELECT 1 FROM profile.consent s WHERE s.customer_id = c.id AND s.purpose = ",
        after: ")",
    }),
};

const fn spec(states: &'static str) -> RecordSpec {
    RecordSpec {
        columns: COLUMNS,
        from: "profile.customer c",
        only: states,
        joins: JOINS,
        near: Some(Near {
            owner: "SELECT id FROM profile.customer WHERE owner_id",
            duty: "SELECT customer_id FROM profile.duty WHERE ended_at IS NULL AND subject_id",
        }),
        id: "c.id",
        scope: SCOPE,
        fields: FIELDS,
        ..RecordSpec::PLAIN
    }
}

const FIELDS: &[FilterField] = &[
    FilterField {
        name: "type",
        column: "c.type",
        kind: FilterKind::Enum {
            prefix: "CUSTOMER_TYPE_",
            parse: |name| number(CustomerType::from_str_name(name)),
        },
        class: DataClass::System,
    },
    FilterField {
        name: "state",
        column: "c.state",
        kind: FilterKind::Enum {
            prefix: "CUSTOMER_STATE_",
            parse: |name| number(CustomerState::from_str_name(name)),
        },
        class: DataClass::System,
    },
    FilterField {
        name: "tier",
        column: "c.tier",
        kind: FilterKind::Enum {
            prefix: "TIER_",
            parse: |name| number(Tier::from_str_name(name)),
        },
        class: DataClass::Relation,
    },
    FilterField {
        name: "business_line",
        column: "c.business_line",
        kind: FilterKind::Text,
        class: DataClass::System,
    },
    FilterField {
        name: "external_ref",
        column: "c.external_ref",
        kind: FilterKind::Text,
        class: DataClass::System,
    },
    FilterField {
        name: "department",
        column: "c.department_id",
        kind: FilterKind::Name("departments"),
        class: DataClass::System,
    },
    FilterField {
        name: "owner",
        column: "c.owner_id",
        kind: FilterKind::Name("employees"),
        class: DataClass::System,
    },
    FilterField {
        name: "create_time",
        column: "c.created_at",
        kind: FilterKind::Time,
        class: DataClass::System,
    },
    FilterField {
        name: "entry_due_time",
        column: "c.entry_due_at",
        kind: FilterKind::Time,
        class: DataClass::System,
    },
    FilterField {
        name: "intake_channel",
        column: "c.intake_channel",
        kind: FilterKind::Enum {
            prefix: "INTAKE_CHANNEL_",
            parse: |name| number(IntakeChannel::from_str_name(name)),
        },
        class: DataClass::System,
    },
    key("phone", DataClass::Contact, |index, text| {
        // Without a country, of the mainland.
        let number = normal_phone(Region::china(), text)?;
        Some(keys::blind(index, Key::Phone, &number))
    }),
    key("email", DataClass::Contact, |index, text| {
        Some(keys::blind(index, Key::Email, &normal_email(text)?))
    }),
    key("id_card", DataClass::Identity, |index, text| {
        Some(keys::blind(index, Key::IdCard, text))
    }),
    key("credit_code", DataClass::Identity, |index, text| {
        Some(keys::blind(index, Key::CreditCode, text))
    }),
    key("region", DataClass::Basic, |index, text| {
        Some(keys::blind(index, Key::Region, text))
    }),
    key("tag", DataClass::Relation, |index, text| {
        Some(keys::blind(index, Key::Tag, text))
    }),
    // Whatever number it has, or had (CF-4.3).
    FilterField {
        name: "number",
        column: "c.id",
        kind: FilterKind::Listed {
            of: "SELECT customer_id FROM profile.file_number WHERE number",
        },
        class: DataClass::System,
    },
    FilterField {
        name: "name",
        column: "c.name_marks",
        kind: FilterKind::Words { of: keys::NAME },
        class: DataClass::Basic,
    },
    FilterField {
        name: "address",
        column: "c.address_marks",
        kind: FilterKind::Words { of: keys::ADDRESS },
        class: DataClass::Contact,
    },
];

/// A sealed value that is found by the whole of it.
const fn key(
    name: &'static str,
    class: DataClass,
    blind: fn(&IndexKey, &str) -> Option<Vec<u8>>,
) -> FilterField {
    FilterField {
        name,
        column: "c.id",
        kind: FilterKind::Key {
            of: "SELECT customer_id FROM profile.lookup_key WHERE blind",
            blind,
        },
        class,
    }
}

/// What access-control may be told of, to explain decisions by.
pub(crate) const FACTS: &[FactsOf] = &[FactsOf {
    collection: "customers",
    record: &FILES,
    selectable: Some("state = ARCHIVED"),
}];

fn number<E: Into<i32>>(value: Option<E>) -> Option<i32> {
    value.map(Into::into)
}

/// A row as it was read, its classified fields still sealed.
pub(crate) struct StoredCustomer {
    pub(crate) id: Uuid,
    pub(crate) revision: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) department_id: Uuid,
    pub(crate) sealed: Vec<u8>,
    pub(crate) wrapped: WrappedKey,
    /// Rules of the call that let the row through.
    pub(crate) matched: i64,
    columns: Customer,
}

impl StoredCustomer {
    pub(crate) fn read(row: &PgRow) -> Result<Self, Fault> {
        let id: Uuid = row.try_get("id")?;
        let maybe = |column| {
            row.try_get::<Option<jiff_sqlx::Timestamp>, _>(column)
                .map(|at| at.map(|at| at.to_jiff()))
        };
        let time = |column| {
            row.try_get::<jiff_sqlx::Timestamp, _>(column)
                .map(|at| at.to_jiff())
        };
        let small = |column| row.try_get::<i16, _>(column).map(i32::from);
        let department_id: Uuid = row.try_get("department_id")?;
        let owner_id: Option<Uuid> = row.try_get("owner_id")?;
        let revision = row.try_get("revision")?;
        let (created_at, updated_at) = (time("created_at")?, time("updated_at")?);
        let columns = Customer {
            name: name("customers", id),
            file_number: row
                .try_get::<Option<String>, _>("file_number")?
                .unwrap_or_default(),
            r#type: small("type")?,
            state: small("state")?,
            business_line: row.try_get("business_line")?,
            department: name("departments", department_id),
            owner: owner_id.map(|id| name("employees", id)).unwrap_or_default(),
            external_ref: row
                .try_get::<Option<String>, _>("external_ref")?
                .unwrap_or_default(),
            tier: small("tier")?,
            intake_channel: small("intake_channel")?,
            contact_time: maybe("contact_at")?.map(time::to_proto),
            entry_due_time: maybe("entry_due_at")?.map(time::to_proto),
            entered_time: maybe("entered_at")?.map(time::to_proto),
            purchases: purchases(row)?,
            checks: verifications::states(row)?,
            etag: etag(revision),
            create_time: Some(time::to_proto(created_at)),
            update_time: Some(time::to_proto(updated_at)),
            ..Default::default()
        };
        Ok(Self {
            id,
            revision,
            created_at,
            updated_at,
            department_id,
            sealed: row.try_get("sealed")?,
            wrapped: WrappedKey {
                kek_id: row.try_get("kek_id")?,
                bytes: row.try_get("wrapped")?,
            },
            matched: row.try_get("matched")?,
            columns,
        })
    }

    /// Where it stands.
    pub(crate) fn state(&self) -> CustomerState {
        self.columns.state()
    }

    /// The record: the opened fields with those that are kept in columns.
    pub(crate) fn with_columns(&self, opened: Customer) -> Customer {
        with_columns(self.columns.clone(), opened)
    }
}

/// The opened fields with those that are kept in columns.
pub(crate) fn with_columns(columns: Customer, opened: Customer) -> Customer {
    Customer {
        name: columns.name,
        file_number: columns.file_number,
        r#type: columns.r#type,
        state: columns.state,
        business_line: columns.business_line,
        department: columns.department,
        owner: columns.owner,
        external_ref: columns.external_ref,
        tier: columns.tier,
        intake_channel: columns.intake_channel,
        contact_time: columns.contact_time,
        entry_due_time: columns.entry_due_time,
        entered_time: columns.entered_time,
        purchases: columns.purchases,
        checks: columns.checks,
        etag: columns.etag,
        create_time: columns.create_time,
        update_time: columns.update_time,
        ..opened
    }
}

fn purchases(row: &PgRow) -> Result<Option<PurchaseSummary>, Fault> {
    let Some(order_count) = row.try_get::<Option<i32>, _>("orders")? else {
        return Ok(None);
    };
    let currencies: Vec<String> = row.try_get("currencies")?;
    let units: Vec<i64> = row.try_get("units")?;
    let nanos: Vec<i32> = row.try_get("nanos")?;
    let totals = currencies
        .into_iter()
        .zip(units)
        .zip(nanos)
        .map(|((currency_code, units), nanos)| Money {
            currency_code,
            units,
            nanos,
        })
        .collect();
    let last: Option<jiff_sqlx::Timestamp> = row.try_get("last_placed_at")?;
    Ok(Some(PurchaseSummary {
        order_count,
        totals,
        last_placed_time: last.map(|at| time::to_proto(at.to_jiff())),
    }))
}
