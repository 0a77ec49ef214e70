//! Posts to accounts of points, in the transaction of what it is for: a reward that is taken,
//! an order that is completed, an end that has come.

use jiff::Timestamp;
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
            merges::{self, Merged},
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
    /// By which they move from or to another account.
    pub(crate) merge: Option<Uuid>,
}

/// A file that became part of another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merge {
    pub(crate) id: Uuid,
    pub(crate) absorbed: Uuid,
    pub(crate) survivor: Uuid,
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
        let Some(holder) = merges::account_of(connection, customer).await? else {
            return Ok(Vec::new());
        };
        let Some(earned) = postings::earned_by(connection, order).await? else {
            return Ok(Vec::new());
        };
        let mut account = accounts::lock(connection, holder, by.now()).await?;
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
            customer: holder,
            order: Some(order),
            ..Posting::default()
        };
        self.post(connection, by, account, &movements, &posting)
            .await
    }

    /// The points of a file that became part of another go with it (IH-2.2), and what it owes.
    pub(crate) async fn merge(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        merge: Merge,
    ) -> Result<Vec<Entry>, Fault> {
        if !held(connection, merge.absorbed, merge.survivor).await? {
            return Ok(Vec::new());
        }
        let survivor = merges::account_of(connection, merge.survivor).await?;
        let Some(survivor) = survivor.filter(|one| *one != merge.absorbed) else {
            return Ok(Vec::new());
        };
        let mut merged = Merged {
            absorbed: merge.absorbed,
            survivor: merge.survivor,
            owed: 0,
        };
        if !merges::has_account(connection, merge.absorbed).await? {
            merges::keep(connection, merge.id, &merged).await?;
            return Ok(Vec::new());
        }
        let (mut from, to) = two(connection, (merge.absorbed, survivor), by.now()).await?;
        merged.owed = from.ledger.remit(from.ledger.owed());
        if !merges::keep(connection, merge.id, &merged).await? {
            return Ok(Vec::new());
        }
        let all = (i64::MAX, merged.owed);
        let (from, to) = ((merge.absorbed, from), (survivor, to));
        self.move_points(connection, by, merge.id, (from, to), all)
            .await
    }

    /// What had come with a file that is one by itself again goes back, as far as it is there yet.
    pub(crate) async fn part(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        merge: Merge,
    ) -> Result<Vec<Entry>, Fault> {
        if !held(connection, merge.absorbed, merge.survivor).await? {
            return Ok(Vec::new());
        }
        let Some(merged) = merges::forget(connection, merge.id).await? else {
            return Ok(Vec::new());
        };
        let Some(survivor) = merges::account_of(connection, merged.survivor).await? else {
            return Ok(Vec::new());
        };
        let came = postings::came_by(connection, merge.id, by.now()).await?;
        if came == 0 && merged.owed == 0 {
            return Ok(Vec::new());
        }
        let (to, mut from) = two(connection, (merged.absorbed, survivor), by.now()).await?;
        let back = (came, from.ledger.remit(merged.owed));
        let (from, to) = ((survivor, from), (merged.absorbed, to));
        self.move_points(connection, by, merge.id, (from, to), back)
            .await
    }

    /// Moves so many points from one locked account to the other, as far as there are so many, with
    /// what is owed there from now on.
    async fn move_points(
        &self,
        connection: &mut PgConnection,
        by: &By<'_>,
        merge: Uuid,
        ((giver, mut from), (taker, mut to)): ((Uuid, Locked), (Uuid, Locked)),
        (points, owed): (i64, i64),
    ) -> Result<Vec<Entry>, Fault> {
        let mut out = from.ledger.expire(by.now());
        let gone = from.ledger.hand_over(points);
        out.extend(gone.out);
        let mut into = to.ledger.expire(by.now());
        into.extend(to.ledger.take_over(&gone.lots, owed));
        let mut entries = Vec::new();
        for (customer, account, movements) in [(giver, from, out), (taker, to, into)] {
            let posting = Posting {
                customer,
                merge: Some(merge),
                ..Posting::default()
            };
            let posted = self.post(connection, by, account, &movements, &posting);
            entries.extend(posted.await?);
        }
        Ok(entries)
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
                merge: posting
                    .merge
                    .filter(|_| movement.kind == PointsKind::Merged),
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

/// Lets nobody post what is either's, one after the other as whoever else holds two; whether there
/// are both.
async fn held(connection: &mut PgConnection, one: Uuid, other: Uuid) -> Result<bool, Fault> {
    let mut all = true;
    for customer in [one.min(other), one.max(other)] {
        all &= customers::hold(connection, customer).await?;
    }
    Ok(all)
}

/// Two accounts, locked in the order of their customers.
async fn two(
    connection: &mut PgConnection,
    (one, other): (Uuid, Uuid),
    now: Timestamp,
) -> Result<(Locked, Locked), Fault> {
    let first = accounts::lock(connection, one.min(other), now).await?;
    let second = accounts::lock(connection, one.max(other), now).await?;
    Ok(if one < other {
        (first, second)
    } else {
        (second, first)
    })
}

/// Type of the journal entry.
fn journaled_as(kind: PointsKind) -> &'static str {
    match kind {
        PointsKind::Earned => "points.earned",
        PointsKind::Reversed => "points.reversed",
        PointsKind::Spent => "points.spent",
        PointsKind::Expired => "points.expired",
        PointsKind::Merged => "points.merged",
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
