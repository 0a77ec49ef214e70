//! Which rows a rule reaches: a small algebra with two readings, [`Scope::matches`]
//! here and SQL in `scope_sql`. Nothing else in the suite decides who sees a row.

use kefu_contracts::policy::Purpose;
use uuid::Uuid;

/// Which rows a rule reaches.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// No row.
    None,
    /// Every row.
    All,
    /// Rows of these departments.
    Departments(Vec<Uuid>),
    /// Rows that belong to this subject (the file is theirs).
    Owner(Uuid),
    /// Rows on which this subject has duty now (CF-9.1).
    Duty(Uuid),
    /// Rows about these customers.
    Customers(Vec<Uuid>),
    /// Rows of the inner scope whose customer consented to the purpose (CC-2.2).
    Consented(Purpose, Box<Scope>),
    /// Rows of any of these.
    Union(Vec<Scope>),
}

/// What a row says about itself, for reading a scope without a database. What a
/// row does not know is in no scope that asks for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowFacts {
    /// Department the row belongs to.
    pub department: Option<Uuid>,
    /// Subject whose row it is.
    pub owner: Option<Uuid>,
    /// Customer the row is about.
    pub customer: Option<Uuid>,
    /// Subjects who have duty on it now.
    pub duty: Vec<Uuid>,
    /// Purposes its customer consented to.
    pub consents: Vec<Purpose>,
}

impl Scope {
    /// Rows of any of these, in the shortest form: nested unions are flattened,
    /// `None` and repetitions dropped, and `All` absorbs the rest.
    pub fn union(scopes: impl IntoIterator<Item = Scope>) -> Scope {
        let mut parts = Vec::new();
        for scope in scopes {
            scope.flatten_into(&mut parts);
        }
        if parts.contains(&Scope::All) {
            return Scope::All;
        }
        match parts.len() {
            0 | 1 => parts.pop().unwrap_or(Scope::None),
            _ => Scope::Union(parts),
        }
    }

    /// What of it may be shared for a purpose: for selling and promotion the rows whose
    /// customer consented to exactly that (CC-2.2), since nobody in the company can approve
    /// in their place.
    pub fn shared_for(self, purpose: Purpose) -> Scope {
        match purpose {
            Purpose::Sales | Purpose::Marketing => Scope::Consented(purpose, Box::new(self)),
            _ => self,
        }
    }

    fn flatten_into(self, parts: &mut Vec<Scope>) {
        match self {
            Scope::None => {}
            Scope::Union(inner) => inner
                .into_iter()
                .for_each(|scope| scope.flatten_into(parts)),
            scope if parts.contains(&scope) => {}
            scope => parts.push(scope),
        }
    }

    /// Whether the row is in the scope.
    pub fn matches(&self, row: &RowFacts) -> bool {
        match self {
            Scope::None => false,
            Scope::All => true,
            Scope::Departments(ids) => row.department.is_some_and(|id| ids.contains(&id)),
            Scope::Owner(id) => row.owner == Some(*id),
            Scope::Duty(id) => row.duty.contains(id),
            Scope::Customers(ids) => row.customer.is_some_and(|id| ids.contains(&id)),
            // Nobody can consent to a purpose that is not named.
            Scope::Consented(Purpose::Unspecified, _) => false,
            Scope::Consented(purpose, inner) => {
                row.consents.contains(purpose) && inner.matches(row)
            }
            Scope::Union(scopes) => scopes.iter().any(|scope| scope.matches(row)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
