//! Roles and their rules.

use kefu_contracts::{ClassSet, policy::Purpose};
use kefu_service::error::Fault;
use sqlx::PgConnection;

use crate::domain::roles::{Role, RoleRule, RuleScope};

/// A role as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredRole {
    pub(crate) id: String,
    pub(crate) rules: Vec<RoleRule>,
}

/// All roles, or only these.
pub(crate) async fn list(
    connection: &mut PgConnection,
    only: Option<&[String]>,
) -> Result<Vec<StoredRole>, Fault> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM access.role WHERE $1::text[] IS NULL OR id = ANY($1) ORDER BY id",
        only as Option<&[String]>
    )
    .fetch_all(&mut *connection)
    .await?;
    let rows = sqlx::query!(
        "SELECT role_id, rule_id, permissions, scope, classes, purposes, consented_only
         FROM access.role_rule WHERE role_id = ANY($1) ORDER BY role_id, place",
        &ids
    )
    .fetch_all(connection)
    .await?;
    let mut roles: Vec<StoredRole> = ids
        .into_iter()
        .map(|id| StoredRole {
            id,
            rules: Vec::new(),
        })
        .collect();
    for row in rows {
        let rule = RoleRule {
            id: row.rule_id,
            permissions: row.permissions,
            scope: RuleScope::parse(&row.scope)
                .ok_or_else(|| Fault::internal("scope of a stored role"))?,
            classes: ClassSet::from_numbers(
                &row.classes.into_iter().map(i32::from).collect::<Vec<_>>(),
            ),
            purposes: row
                .purposes
                .into_iter()
                .filter_map(|number| Purpose::try_from(i32::from(number)).ok())
                .collect(),
            consented_only: row.consented_only,
        };
        if let Some(role) = roles.iter_mut().find(|role| role.id == row.role_id) {
            role.rules.push(rule);
        }
    }
    Ok(roles)
}

/// Whether there is this role.
pub(crate) async fn exists(connection: &mut PgConnection, id: &str) -> Result<bool, Fault> {
    let found = sqlx::query_scalar!("SELECT id FROM access.role WHERE id = $1", id)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

/// Puts a role as it shall be.
pub(crate) async fn put(connection: &mut PgConnection, role: &StoredRole) -> Result<(), Fault> {
    sqlx::query!(
        "INSERT INTO access.role (id) VALUES ($1) ON CONFLICT DO NOTHING",
        role.id
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!("DELETE FROM access.role_rule WHERE role_id = $1", role.id)
        .execute(&mut *connection)
        .await?;
    for (place, rule) in (0..).zip(&role.rules) {
        let classes: Vec<i16> = rule.classes.iter().map(|class| class as i16).collect();
        let purposes: Vec<i16> = rule
            .purposes
            .iter()
            .map(|purpose| *purpose as i16)
            .collect();
        sqlx::query!(
            "INSERT INTO access.role_rule (role_id, rule_id, place, permissions, scope, classes, purposes,
                                           consented_only)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            role.id,
            rule.id,
            place,
            &rule.permissions,
            rule.scope.as_str(),
            &classes,
            &purposes,
            rule.consented_only,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

impl From<&Role> for StoredRole {
    fn from(role: &Role) -> Self {
        Self {
            id: role.id.clone(),
            rules: role.rules.clone(),
        }
    }
}
