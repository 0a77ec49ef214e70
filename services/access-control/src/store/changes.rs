//! Revisions of the policy and what each of them changed.
//!
//! Every change locks the one row that counts revisions and bumps it in the same
//! transaction: revisions have no gaps, come in the order of their commits, and
//! two changes never overlook each other.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use kefu_contracts::journal::{OrganisationChanged, event};
use kefu_service::error::Fault;
use sqlx::PgConnection;
use uuid::Uuid;

/// A record of the register.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Record {
    Department(Uuid),
    Employee(Uuid),
    Role(String),
    Binding(Uuid),
    Grant(Uuid),
    Delegation(Uuid),
    Transfer(Uuid),
    Qualification(Uuid),
    Device(Uuid),
}

impl Record {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Department(_) => "department",
            Self::Employee(_) => "employee",
            Self::Role(_) => "role",
            Self::Binding(_) => "binding",
            Self::Grant(_) => "grant",
            Self::Delegation(_) => "delegation",
            Self::Transfer(_) => "transfer",
            Self::Qualification(_) => "qualification",
            Self::Device(_) => "device",
        }
    }

    pub(crate) fn key(&self) -> String {
        match self {
            Self::Role(id) => id.clone(),
            Self::Department(id)
            | Self::Employee(id)
            | Self::Binding(id)
            | Self::Grant(id)
            | Self::Delegation(id)
            | Self::Transfer(id)
            | Self::Qualification(id)
            | Self::Device(id) => id.to_string(),
        }
    }

    fn parse(kind: &str, key: String) -> Result<Self, Fault> {
        let strange = || Fault::internal(format!("policy change of {kind} {key}"));
        let id = || Uuid::try_parse(&key).map_err(|_| strange());
        Ok(match kind {
            "department" => Self::Department(id()?),
            "employee" => Self::Employee(id()?),
            "binding" => Self::Binding(id()?),
            "grant" => Self::Grant(id()?),
            "delegation" => Self::Delegation(id()?),
            "transfer" => Self::Transfer(id()?),
            "qualification" => Self::Qualification(id()?),
            "device" => Self::Device(id()?),
            "role" => Self::Role(key),
            _ => return Err(strange()),
        })
    }
}

/// Who changes something, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By {
    /// Nobody where the suite does it by itself.
    pub(crate) actor: Option<Uuid>,
    pub(crate) at: Timestamp,
}

/// A revision in the making; the row that counts them is locked until the
/// transaction ends.
pub(crate) struct Revision<'c> {
    pub(crate) connection: &'c mut PgConnection,
    pub(crate) number: i64,
    by: By,
    changed: bool,
    /// What its journal entry says, where that is more than that the policy changed.
    event: Option<event::Event>,
}

impl<'c> Revision<'c> {
    /// Waits for changes under way and begins the next revision.
    pub(crate) async fn begin(connection: &'c mut PgConnection, by: By) -> Result<Self, Fault> {
        let held = sqlx::query_scalar!("SELECT revision FROM access.policy_revision FOR UPDATE")
            .fetch_one(&mut *connection)
            .await?;
        Ok(Self {
            connection,
            number: held + 1,
            by,
            changed: false,
            event: None,
        })
    }

    /// The record as the database holds it, for [`Revision::note`].
    pub(crate) async fn image(&mut self, record: &Record) -> Result<Option<String>, Fault> {
        let connection = &mut *self.connection;
        let image = match record {
            Record::Department(id) => {
                sqlx::query_scalar!(r#"SELECT to_jsonb(d)::text AS "row!" FROM access.department d WHERE id = $1"#, id)
                    .fetch_optional(connection)
                    .await?
            }
            Record::Employee(id) => {
                sqlx::query_scalar!(r#"SELECT to_jsonb(e)::text AS "row!" FROM access.employee e WHERE id = $1"#, id)
                    .fetch_optional(connection)
                    .await?
            }
            Record::Binding(id) => {
                sqlx::query_scalar!(r#"SELECT to_jsonb(b)::text AS "row!" FROM access.binding b WHERE id = $1"#, id)
                    .fetch_optional(connection)
                    .await?
            }
            Record::Delegation(id) => {
                sqlx::query_scalar!(r#"SELECT to_jsonb(d)::text AS "row!" FROM access.delegation d WHERE id = $1"#, id)
                    .fetch_optional(connection)
                    .await?
            }
            Record::Transfer(id) => {
                sqlx::query_scalar!(r#"SELECT to_jsonb(t)::text AS "row!" FROM access.transfer t WHERE id = $1"#, id)
                    .fetch_optional(connection)
                    .await?
            }
            Record::Qualification(id) => {
                sqlx::query_scalar!(r#"SELECT to_jsonb(q)::text AS "row!" FROM access.qualification q WHERE id = $1"#, id)
                    .fetch_optional(connection)
                    .await?
            }
            Record::Device(id) => {
                sqlx::query_scalar!(r#"SELECT to_jsonb(d)::text AS "row!" FROM access.device d WHERE id = $1"#, id)
                    .fetch_optional(connection)
                    .await?
            }
            Record::Grant(id) => {
                sqlx::query_scalar!(
                    r#"SELECT (to_jsonb(a) || to_jsonb(s) || to_jsonb(t))::text AS "row!"
                       FROM access.approval a JOIN access.share s ON s.approval_id = a.id
                       JOIN access.share_terms t ON t.approval_id = a.id AND t.which = 'current'
                       WHERE a.id = $1"#,
                    id
                )
                .fetch_optional(connection)
                .await?
            }
            Record::Role(id) => {
                sqlx::query_scalar!(
                    r#"SELECT jsonb_build_object('id', id, 'rules', (
                           SELECT jsonb_agg(to_jsonb(r) ORDER BY place) FROM access.role_rule r WHERE role_id = $1
                       ))::text AS "row!"
                       FROM access.role WHERE id = $1"#,
                    id
                )
                .fetch_optional(connection)
                .await?
            }
        };
        Ok(image)
    }

    /// Notes that the record was changed, and keeps it as it was and as it is.
    pub(crate) async fn note(
        &mut self,
        record: &Record,
        before: Option<String>,
    ) -> Result<(), Fault> {
        let after = self.image(record).await?;
        sqlx::query!(
            "INSERT INTO access.policy_change (revision, kind, key, before, after, actor_id, recorded_at)
             VALUES ($1, $2, $3, $4::text::jsonb, $5::text::jsonb, $6, $7)
             ON CONFLICT (revision, kind, key) DO UPDATE SET after = EXCLUDED.after",
            self.number,
            record.kind(),
            record.key(),
            before,
            after,
            self.by.actor,
            self.by.at.to_sqlx(),
        )
        .execute(&mut *self.connection)
        .await?;
        self.changed = true;
        Ok(())
    }

    /// Says what its journal entry tells.
    pub(crate) fn tell(&mut self, event: event::Event) {
        self.event = Some(event);
    }

    /// What its journal entry tells.
    pub(crate) fn told(&mut self) -> event::Event {
        let changed = event::Event::OrganisationChanged(OrganisationChanged {
            policy_revision: self.number,
        });
        self.event.take().unwrap_or(changed)
    }

    /// Whether anything was noted.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed
    }

    /// Ends the revision; one that changed nothing does not count.
    pub(crate) async fn close(self) -> Result<Option<i64>, Fault> {
        if !self.changed {
            return Ok(None);
        }
        sqlx::query!(
            "UPDATE access.policy_revision SET revision = $1",
            self.number
        )
        .execute(self.connection)
        .await?;
        Ok(Some(self.number))
    }
}

/// The revision that is committed.
pub(crate) async fn revision(connection: &mut PgConnection) -> Result<i64, Fault> {
    Ok(
        sqlx::query_scalar!("SELECT revision FROM access.policy_revision")
            .fetch_one(connection)
            .await?,
    )
}

/// Records changed after a revision, each once.
pub(crate) async fn since(
    connection: &mut PgConnection,
    revision: i64,
) -> Result<Vec<Record>, Fault> {
    let rows = sqlx::query!(
        "SELECT DISTINCT kind, key FROM access.policy_change WHERE revision > $1 ORDER BY kind, key",
        revision
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Record::parse(&row.kind, row.key))
        .collect()
}
