//! A macro is put into words for a ticket.

use kefu_contracts::{
    common::Reason,
    policy::DataClass,
    ticket::{RenderMacroRequest, RenderMacroResponse},
};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    present::Shown,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Macros;
use crate::{
    api::wording::{self, Reader},
    domain::macros::{check_asked, check_given, ensure_for, missing, phrase},
    store::{
        macros::{self, MACROS},
        records::{RECORD, StoredTicket},
    },
};

/// Macro and ticket.
type Which = (Uuid, Uuid);

impl Macros {
    /// Clauses SG-2.3, OP-3.1.
    pub(super) async fn render(
        &self,
        call: Call,
        request: RenderMacroRequest,
    ) -> Result<Answer<RenderMacroResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, MACROS);
        let ticket = fields.name("ticket", &request.ticket, "tickets");
        check_given(&mut fields, &request.values);
        fields.finish()?;
        let which = (id.unwrap_or_default(), ticket.unwrap_or_default());
        let resource = request.ticket.clone();
        let (service, reading) = (self.clone(), (call.clone(), request));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, request)) = (service.clone(), reading.clone());
                Box::pin(async move { service.put(connection, &call, &request, which).await })
            })
            .await;
        let views = &self.core.views;
        let (text, shown) = views
            .or_not_allowed(&call, "macro.refused", &resource, outcome)
            .await?;
        views.record(&call, "macro.rendered", &[shown]).await?;
        Ok(Answer::read(RenderMacroResponse { text }))
    }

    async fn put(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        request: &RenderMacroRequest,
        (id, ticket): Which,
    ) -> Result<(String, Shown), Fault> {
        let mut query = RECORD.get(call, ticket);
        let row = query.build().fetch_optional(&mut *connection).await?;
        let row = row.as_ref().map(StoredTicket::read).transpose()?;
        let row = row.ok_or_else(|| Fault::not_found(&request.ticket))?;
        let clearance = call.context.clearance(row.matched, call.now);
        if !clearance.classes.contains(DataClass::Service) {
            let class = DataClass::Service.as_str_name();
            return Err(Fault::new(Reason::PermissionMissing).with("classes", class));
        }
        let stored = macros::find(connection, id).await?;
        let stored = stored.ok_or_else(|| Fault::not_found(&request.name))?;
        let key = self
            .tickets
            .sealer
            .open_key(row.customer_id, &row.wrapped)
            .await?;
        let ticket = self.tickets.open_whole(&key, &row)?;
        ensure_for(&stored.body, &ticket)?;
        let mut fields = Fields::new();
        check_asked(&mut fields, &stored.body, &request.values);
        fields.finish()?;
        let phrase = phrase(&stored.body)?;
        let reader = Reader {
            language: stored.body.language(),
            now: call.now,
            tier_cleared: clearance.classes.contains(DataClass::Relation),
        };
        let mut facts = wording::facts(connection, &phrase, &ticket, row.id, &reader).await?;
        let values = request.values.iter();
        facts.values = values
            .map(|one| (one.key.clone(), one.text.clone()))
            .collect();
        let text = phrase.render(&facts).map_err(missing)?;
        let shown = Shown {
            resource: request.ticket.clone(),
            customer_id: Some(row.customer_id),
            clearance,
        };
        Ok((text, shown))
    }
}
