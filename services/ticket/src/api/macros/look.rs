use kefu_contracts::ticket::{GetMacroRequest, ListMacrosRequest, ListMacrosResponse, Macro};
use kefu_service::{
    call::{Answer, Call},
    error::Fault,
    listing::{self, ListSpec, One, asked},
    present::Shown,
    scope::{After, Order},
};

use super::Macros;
use crate::store::macros::{MACROS, RECORD, StoredMacro};

pub(super) const VIEWED: &str = "macro.viewed";

const ONE: One<StoredMacro> = One {
    record: &RECORD,
    collection: MACROS,
    read: StoredMacro::read,
    viewed: VIEWED,
    refused: "macro.refused",
};

const LIST: ListSpec<StoredMacro> = ListSpec {
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
        ONE.show(&self.core, &call, &request.name, |row| {
            Box::pin(async move {
                let shown = Shown::of_company(&row.body.name);
                Ok((row.body, shown))
            })
        })
        .await
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
