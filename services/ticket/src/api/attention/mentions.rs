//! Where somebody is mentioned.

use kefu_contracts::{
    journal::{EntryKind, MentionChanged, event},
    ticket::{ListMentionsRequest, ListMentionsResponse, MarkMentionReadRequest, Mention},
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::{Fields, name},
    listing::{self, Asked, ListSpec},
    present::{Shown, entry},
    scope::{After, Order},
    time::to_proto,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Attention;
use crate::store::attention::{self, MENTION_NAMES, MENTIONS, NewMention, StoredMention};

const VIEWED: &str = "mention.viewed";

const LIST: ListSpec<StoredMention> = ListSpec {
    record: &MENTIONS,
    time: "mention_time",
    order: Order {
        column: "m.mentioned_at",
        descending: true,
    },
    read: StoredMention::read,
    place: |row| After {
        at: row.mentioned_at,
        id: row.id,
    },
};

impl Attention {
    /// Clause SG-3.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListMentionsRequest,
    ) -> Result<Answer<ListMentionsResponse>, Fault> {
        // Whatever is asked for, it is only where the caller is mentioned.
        let own = ["employee = me"].into_iter();
        let unread = request.unread_only.then_some("unread = 1");
        let asked = Some(request.filter.trim()).filter(|filter| !filter.is_empty());
        let filter: Vec<&str> = own.chain(unread).chain(asked).collect();
        let asked = Asked {
            page_size: request.page_size,
            page_token: &request.page_token,
            filter: &filter.join(" AND "),
            order_by: &request.order_by,
        };
        let reader = &call;
        let page = listing::show(&self.0, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move { Ok(shown(reader, row)) })
        })
        .await?;
        Ok(Answer::read(ListMentionsResponse {
            mentions: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }

    pub(super) async fn read(
        &self,
        call: Call,
        request: MarkMentionReadRequest,
    ) -> Result<Answer<Mention>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, MENTION_NAMES);
        let id = id.unwrap_or_default();
        fields.finish()?;
        let writing = call.clone();
        let db = &self.0.deps.db;
        let outcome = db
            .transaction(move |connection| {
                let call = writing.clone();
                Box::pin(async move { read(connection, &call, id).await })
            })
            .await;
        let views = &self.0.views;
        let outcome = views.or_refused(&call, "mention.refused", &request.name, outcome);
        let (row, position) = outcome.await?;
        let (body, shown) = shown(&call, row);
        // It was read before, and nothing is changed: it is shown.
        if position.is_none() {
            views.record(&call, VIEWED, &[shown]).await?;
        }
        Ok(Answer { body, position })
    }
}

fn shown(call: &Call, row: StoredMention) -> (Mention, Shown) {
    let shown = Shown {
        resource: row.message.name.clone(),
        customer_id: Some(row.customer_id),
        clearance: call.context.clearance(row.matched, call.now),
    };
    (row.message, shown)
}

/// One of the caller's own, read now if it was not before.
async fn read(
    connection: &mut PgConnection,
    call: &Call,
    id: Uuid,
) -> Result<(StoredMention, Option<Cursor>), Fault> {
    let employee = call.context.subject.id;
    let mut query = MENTIONS.get(call, id);
    query.push(" AND m.employee_id = ").push_bind(employee);
    query.push(" FOR UPDATE OF m");
    let row = query.build().fetch_optional(&mut *connection).await?;
    let row = row.ok_or_else(|| Fault::not_found(&name(MENTION_NAMES, id)))?;
    let mut row = StoredMention::read(&row)?;
    if row.message.read_time.is_some() {
        return Ok((row, None));
    }
    attention::read(connection, id, call.now).await?;
    row.message.read_time = Some(to_proto(call.now));
    let entry = changed(call, id, (row.ticket_id, row.customer_id), employee, true);
    let position = kefu_journal::append(connection, &[entry]).await?;
    Ok((row, Some(position)))
}

/// Mentions somebody in a message that is being written; what is to be journaled of it.
pub(crate) async fn mentioned(
    connection: &mut PgConnection,
    call: &Call,
    new: &NewMention,
) -> Result<kefu_journal::Entry, Fault> {
    attention::mention(connection, new).await?;
    let of = (new.ticket_id, new.customer_id);
    Ok(changed(call, new.id, of, new.employee_id, false))
}

fn changed(
    call: &Call,
    mention: Uuid,
    (ticket, customer): (Uuid, Uuid),
    employee: Uuid,
    read: bool,
) -> kefu_journal::Entry {
    let bytes = |id: Uuid| id.as_bytes().to_vec();
    let kind = match read {
        true => "mention.read",
        false => "mention.made",
    };
    let event = event::Event::MentionChanged(MentionChanged {
        mention_id: bytes(mention),
        ticket_id: bytes(ticket),
        customer_id: bytes(customer),
        employee_id: bytes(employee),
        read,
    });
    let resource = name(MENTION_NAMES, mention);
    entry(
        call,
        EntryKind::Change,
        kind,
        resource,
        Some(customer),
        event,
    )
}
