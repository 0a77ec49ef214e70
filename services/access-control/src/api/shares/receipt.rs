//! What was seen by a share: whoever allowed it learns what came of it (CF-6.3).

use kefu_contracts::access::{ExportReceipt, GetShareReceiptRequest, ShareLook, ShareReceipt};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{self, Fields},
    present::Shown,
    time::to_proto,
};

use crate::{
    api::{
        Register,
        approvals::{Kind, look::reached},
        exports,
    },
    domain::{register::EMPLOYEES, share::SHARES},
    store::{
        approval::Reached,
        audit::{self, Looked},
        share::StoredShare,
    },
};

struct Seen {
    reached: Reached,
    looks: Vec<audit::Look>,
    log_size: u64,
    exports: Vec<ExportReceipt>,
}

/// The looks at each file by each person, as the audit log has them, and the packages that
/// left.
pub(super) async fn get(
    register: &Register,
    call: Call,
    request: GetShareReceiptRequest,
) -> Result<Answer<ShareReceipt>, Fault> {
    let mut fields = Fields::new();
    let id = fields.name("name", &request.name, SHARES);
    fields.finish()?;
    let (id, reader) = (id.unwrap_or_default(), call.clone());
    let rule = register.flows.share.export;
    let found = register
        .core
        .deps
        .db
        .snapshot(move |connection| {
            let by_grant = Looked {
                grant: Some(id),
                ..Looked::default()
            };
            Box::pin(async move {
                let Some((reached, _)) = reached::<StoredShare>(connection, &reader, id).await?
                else {
                    return Ok(None);
                };
                Ok(Some(Seen {
                    reached,
                    looks: audit::looks(connection, &by_grant).await?,
                    log_size: audit::head(connection).await?,
                    exports: exports::of_share(connection, id, &rule).await?,
                }))
            })
        })
        .await?;
    let views = &register.core.views;
    let Some(seen) = found else {
        let fault = Fault::not_found(&request.name);
        return Err(views
            .refuse(&call, StoredShare::REFUSED, &request.name, fault)
            .await);
    };
    let shown = Shown {
        resource: request.name.clone(),
        customer_id: None,
        clearance: call.context.clearance(seen.reached.matched, call.now),
    };
    views.record(&call, StoredShare::VIEWED, &[shown]).await?;
    let mut looks = seen.looks;
    looks.sort_by_key(|look| (look.first_at.to_jiff(), look.actor_id, look.customer_id));
    Ok(Answer::read(ShareReceipt {
        share: request.name,
        looks: looks.into_iter().map(look).collect(),
        log_size: i64::try_from(seen.log_size).unwrap_or(i64::MAX),
        exports: seen.exports,
    }))
}

fn look(look: audit::Look) -> ShareLook {
    ShareLook {
        receiver: fields::name(EMPLOYEES, look.actor_id),
        customer: fields::name("customers", look.customer_id),
        first_time: Some(to_proto(look.first_at.to_jiff())),
        last_time: Some(to_proto(look.last_at.to_jiff())),
        record_count: look.count,
        classes: look.classes.into_iter().map(i32::from).collect(),
        permissions: look.permissions,
    }
}
