//! Posts to accounts of points, in the transaction of what it is for: a reward that is taken,
//! an order that is completed, an end that has come.

use kefu_contracts::{
    journal::{PointsPosted, event},
    order::{PointsKind, PointsPosting},
};
use kefu_journal::Entry;
use kefu_service::{core::Core, error::Fault, fields::name, ids::Ids, sealed::Sealer};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    desk::By,
    domain::{loyalty, points::Movement},
    store::{
        customers,
        points::{
            accounts::{self, Locked},
            postings::{self, NewPosting, POSTINGS},
        },
    },
};

/// Where points are posted.
#[derive(Clone)]
pub(crate) struct Points {
    ids: Ids,
    sealer: Sealer,
}

/// What postings are for.
#[derive(Default)]
pub(crate) struct Posting<'a> {
    pub(crate) customer: Uuid,
    pub(crate) order: Option<Uuid>,
    pub(crate) reward: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) rules_version: i32,
}

/// Why points of an order go back.
pub(crate) enum Occasion {
    /// It came to nothing: all of them.
    Cancelled,
    /// So much of it was paid back, of so much that was left of it: their share.
    Refunded {
        case: Uuid,
        number: i32,
        nanos: i128,
        left: i128,
    },
}

impl Occasion {
    /// Names it, for each once.
    fn name(&self, order: Uuid) -> String {
        match self {
            Self::Cancelled => format!("cancelled:{order}"),
            Self::Refunded { case, number, .. } => format!("refunded:{case}:{number}"),
        }
    }
}

impl Points {
    pub(crate) fn new(core: &Core) -> Self {
        Self {
            ids: core.deps.ids.clone(),
            sealer: Sealer::new(core.deps.vault.clone(), "orders.points_posting"),
        }
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Takes back what an order had earned, or a share of it, once for an occasion, and never more
    /// than it earned, whatever the occasions are; what the customer has spent of it is owed.
    pub(crate) async fn take_back(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        (order, customer): (Uuid, Uuid),
        occasion: &Occasion,
    ) -> Result<Vec<Entry>, Fault> {
        // Not destroyed until the transaction ends.
        if !customers::is_known(connection, customer).await? {
            return Ok(Vec::new());
        }
        let Some(earned) = postings::earned_by(connection, order).await? else {
            return Ok(Vec::new());
        };
        let mut account = accounts::lock(connection, customer, by.now()).await?;
        let left = earned - postings::reversed_of(connection, order).await?;
        let back = match occasion {
            Occasion::Cancelled => left,
            Occasion::Refunded {
                nanos, left: of, ..
            } => loyalty::share(left, *nanos, *of),
        };
        let occasion = occasion.name(order);
        if !postings::reverse_once(connection, &occasion, order, customer, back).await? {
            return Ok(Vec::new());
        }
        let mut movements = account.ledger.expire(by.now());
        movements.extend(account.ledger.take_back(back));
        let posting = Posting {
            customer,
            order: Some(order),
            ..Posting::default()
        };
        self.post(connection, by, account, &movements, &posting)
            .await
    }

    /// Writes what was done to a locked account, and the account as that leaves it; what the
    /// caller has to journal with it. What has ended is for nothing but its end.
    pub(crate) async fn post(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        mut account: Locked,
        movements: &[Movement],
        posting: &Posting<'_>,
    ) -> Result<Vec<Entry>, Fault> {
        let customer = posting.customer;
        let (key, _) = self.sealer.key(connection, customer, by.now()).await?;
        let moved: i64 = movements.iter().map(|movement| movement.points).sum();
        let mut balance = account.ledger.balance() - moved;
        let mut entries = Vec::with_capacity(movements.len());
        for movement in movements {
            let by_itself = movement.kind == PointsKind::Expired;
            let id = self.ids.next()?;
            balance += movement.points;
            account.number += 1;
            let words = PointsPosting {
                reason: posting.reason.to_owned(),
                ..PointsPosting::default()
            };
            let sealed = match by_itself || posting.reason.is_empty() {
                true => Vec::new(),
                false => self.sealer.seal(&key, id, &words)?,
            };
            let new = NewPosting {
                id,
                customer_id: customer,
                number: account.number,
                movement: *movement,
                balance,
                order_id: posting.order.filter(|_| !by_itself),
                reward: if by_itself { "" } else { posting.reward },
                rules_version: posting.rules_version,
                sealed: &sealed,
                poster: by.who().filter(|_| !by_itself),
                now: by.now(),
            };
            postings::insert(connection, &new).await?;
            let kind = journaled_as(movement.kind);
            entries.push(by.fact(kind, name(POSTINGS, id), Some(customer), posted(&new)));
        }
        accounts::settle(connection, customer, &account, by.now()).await?;
        Ok(entries)
    }
}

/// Type of the journal entry.
fn journaled_as(kind: PointsKind) -> &'static str {
    match kind {
        PointsKind::Earned => "points.earned",
        PointsKind::Reversed => "points.reversed",
        PointsKind::Spent => "points.spent",
        PointsKind::Expired => "points.expired",
        PointsKind::Corrected | PointsKind::Unspecified => "points.corrected",
    }
}

fn posted(new: &NewPosting<'_>) -> event::Event {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    event::Event::PointsPosted(PointsPosted {
        posting_id: bytes(new.id),
        customer_id: bytes(new.customer_id),
        number: new.number,
        kind: new.movement.kind.into(),
        points: new.movement.points,
        balance: new.balance,
        order_id: new.order_id.map(bytes).unwrap_or_default(),
        reward: new.reward.to_owned(),
    })
}
