//! The shipped roles: what each post of the policy may do (OP-7.2).

use kefu_contracts::{ClassSet, access::ScopeTemplate, policy::Purpose};

pub use super::roles_file::RolesProblem;

/// The roles and which of them are kept apart; from `roles.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Roles {
    /// In the order of the file.
    pub roles: Vec<Role>,
    /// Pairs that one person may not hold at the same time.
    pub apart: Vec<Apart>,
    /// What a share of files lends to those who receive it: looking at them.
    pub lent: Vec<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// `agent`
    pub id: String,
    /// Who can hold it.
    pub holder: Holder,
    /// What it lets through.
    pub rules: Vec<RoleRule>,
}

/// Who can hold a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// People and system accounts.
    #[default]
    Anyone,
    /// System accounts alone.
    SystemAccount,
}

/// One rule of a role.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleRule {
    /// Names it within the role: `duty`.
    pub id: String,
    /// What it lets do.
    pub permissions: Vec<String>,
    /// On which records; the binding fills it in.
    pub scope: RuleScope,
    /// What it clears on them.
    pub classes: ClassSet,
    /// For which purposes.
    pub purposes: Vec<Purpose>,
    /// Only records whose customer consented to the purpose of the call.
    pub consented_only: bool,
}

/// The scope of a rule before a binding fills it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleScope {
    /// Every record.
    All,
    /// Records of the binding's departments and those below (CF-9.1).
    Departments,
    /// Records that belong to the holder.
    Owner,
    /// Records on which the holder has duty now (CF-9.1).
    Duty,
}

impl RuleScope {
    /// Each of them.
    pub const EVERY: [Self; 4] = [Self::All, Self::Departments, Self::Owner, Self::Duty];

    /// As files, the database and `RoleRuleView` name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Departments => "departments",
            Self::Owner => "owner",
            Self::Duty => "duty",
        }
    }

    /// The scope of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|scope| scope.as_str() == name)
    }

    /// As gateways hold it.
    pub fn template(self) -> ScopeTemplate {
        match self {
            Self::All => ScopeTemplate::All,
            Self::Departments => ScopeTemplate::Departments,
            Self::Owner => ScopeTemplate::Owner,
            Self::Duty => ScopeTemplate::Duty,
        }
    }
}

/// A pair of roles that one person may not hold at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apart {
    /// The two, in no order.
    pub roles: [String; 2],
    /// Why.
    pub why: String,
}

impl Roles {
    /// The roles that come with the suite.
    ///
    /// # Errors
    /// When `roles.toml` does not hold together; a test sees to it that it does.
    pub fn shipped() -> Result<Self, RolesProblem> {
        Self::from_toml(include_str!("../../roles.toml"))
    }

    /// The role of this id.
    pub fn role(&self, id: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.id == id)
    }

    /// Why the two may not be held by one person, where they may not.
    pub fn kept_apart(&self, one: &str, other: &str) -> Option<&str> {
        let pair = |apart: &&Apart| {
            let [a, b] = &apart.roles;
            (a == one && b == other) || (a == other && b == one)
        };
        self.apart.iter().find(pair).map(|apart| apart.why.as_str())
    }
}

#[cfg(test)]
mod tests;
