//! Rules that the company sets, in versions: added, and never changed (IH-6, OP-3.3, OP-3.4.4, SG-2.4).

use kefu_contracts::order::{
    AfterSalesDefinition, AfterSalesVersion, LoyaltyDefinition, LoyaltyRulesVersion,
    NoticeDefinition, NoticeRulesVersion, PromiseDefinition, PromiseRulesVersion,
    RelationPlanDefinition, RelationPlansVersion,
};
use kefu_service::{
    error::Fault,
    versions::{self, Versioned, versioned},
};
use sqlx::PgConnection;

use crate::domain::{case::rules::shipped, loyalty, notice, promise, relation};

/// Whose rules they are.
pub(crate) struct OrderRules;

versioned!(
    OrderRules,
    AfterSalesVersion,
    AfterSalesDefinition,
    "orders.after_sales_version",
    shipped
);
versioned!(
    OrderRules,
    LoyaltyRulesVersion,
    LoyaltyDefinition,
    "orders.loyalty_version",
    loyalty::shipped
);
versioned!(
    OrderRules,
    NoticeRulesVersion,
    NoticeDefinition,
    "orders.notice_version",
    notice::shipped
);
versioned!(
    OrderRules,
    PromiseRulesVersion,
    PromiseDefinition,
    "orders.promise_rules_version",
    promise::rules::shipped
);
versioned!(
    OrderRules,
    RelationPlansVersion,
    RelationPlanDefinition,
    "orders.relation_plan_version",
    relation::shipped
);

/// All versions, oldest first, the one that is shipped before them.
pub(crate) async fn all<V: Versioned<OrderRules>>(
    connection: &mut PgConnection,
) -> Result<Vec<V>, Fault> {
    versions::all::<OrderRules, V>(connection).await
}
