use super::{Outbox, Stored};
use crate::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, Asked, ListSpec, One, Page},
    present::{Shown, disclose},
    scope::{After, Order},
};

/// One notice, as far as the call may see it.
///
/// # Errors
/// A name of something else, one that is not there or out of scope, and whatever the journal says.
pub async fn get<O: Outbox>(
    outbox: &O,
    call: Call,
    name: &str,
) -> Result<Answer<O::Notice>, Fault> {
    let one = One {
        record: O::RECORD,
        collection: O::COLLECTION,
        read: Stored::read,
        viewed: O::NAMES.viewed,
        refused: O::NAMES.refused,
    };
    let reader = &call;
    one.show(outbox.core(), &call, name, |row| {
        Box::pin(async move { present(outbox, reader, &row).await })
    })
    .await
}

/// A page of those within the caller's scope.
///
/// # Errors
/// Every field of the request that is wrong, and whatever the journal says.
pub async fn list<O: Outbox>(
    outbox: &O,
    call: &Call,
    asked: Asked<'_>,
) -> Result<Page<O::Notice>, Fault> {
    let list = ListSpec {
        record: O::RECORD,
        time: "create_time",
        order: Order {
            column: "n.created_at",
            descending: true,
        },
        read: Stored::read,
        place: |row: &Stored<O>| After {
            at: row.created_at,
            id: row.id,
        },
    };
    listing::show(outbox.core(), call, &list, asked, O::NAMES.viewed, |row| {
        Box::pin(async move { present(outbox, call, &row).await })
    })
    .await
}

/// Opens what the call's rules clear of a row, and says how it is shown.
async fn present<O: Outbox>(
    outbox: &O,
    call: &Call,
    row: &Stored<O>,
) -> Result<(O::Notice, Shown), Fault> {
    let clearance = call.context.clearance(row.matched, call.now);
    let sealer = outbox.sealer();
    let key = sealer.open_key(row.customer_id, &row.wrapped).await?;
    let (opened, account) =
        sealer.open::<O::Notice>(&key, row.id, &row.sealed, clearance.classes)?;
    let mut notice = row.with_opened(opened);
    disclose(&mut notice, &clearance, account);
    let shown = Shown {
        resource: crate::fields::name(O::COLLECTION, row.id),
        customer_id: Some(row.customer_id),
        clearance,
    };
    Ok((notice, shown))
}
