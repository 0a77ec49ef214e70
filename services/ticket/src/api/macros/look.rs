use kefu_contracts::ticket::{GetMacroRequest, ListMacrosRequest, ListMacrosResponse, Macro};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    fields::Fields,
    listing::{self, ListSpec, asked},
    present::Shown,
    scope::{After, Order},
};

use super::Macros;
use crate::store::macros::{MACROS, RECORD, StoredMacro};

const VIEWED: &str = "macro.viewed";

const LIST: ListSpec<'static, StoredMacro> = ListSpec {
    record: &RECORD,
    time: "create_time",
    order: Order {
        column: "m.created_at",
        descending: true,
    },
    read: StoredMacro::read,
    place: |row| After {
        at: row.created_at,
        id: row.id,
    },
};

impl Macros {
    /// Clause SG-2.3.
    pub(super) async fn get(
        &self,
        call: Call,
        request: GetMacroRequest,
    ) -> Result<Answer<Macro>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", &request.name, MACROS);
        fields.finish()?;
        let query = RECORD.get(&call, id.unwrap_or_default());
        let views = &self.core.views;
        let Some(row) = self.core.deps.db.row(query).await? else {
            let fault = Fault::not_found(&request.name);
            return Err(views
                .refuse(&call, "macro.refused", &request.name, fault)
                .await);
        };
        let stored = StoredMacro::read(&row)?;
        let shown = Shown::of_company(&stored.body.name);
        views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(stored.body))
    }

    /// Clause SG-2.3.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListMacrosRequest,
    ) -> Result<Answer<ListMacrosResponse>, Fault> {
        let asked = asked!(request);
        let page = listing::show(&self.core, &call, &LIST, asked, VIEWED, |row| {
            Box::pin(async move {
                let mut body = row.body;
                // A page of whole bodies would be larger than a message may be.
                body.body.clear();
                let shown = Shown::of_company(&body.name);
                Ok((body, shown))
            })
        })
        .await?;
        Ok(Answer::read(ListMacrosResponse {
            macros: page.records,
            next_page_token: page.next_page_token,
            total_size: page.total_size,
            total_kind: page.total_kind,
        }))
    }
}
