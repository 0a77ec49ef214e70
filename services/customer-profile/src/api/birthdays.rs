//! `kefu.profile.v1.BirthdayService`: who has a birthday, for whoever greets them.

use kefu_contracts::profile::{
    ListBirthdaysRequest, ListBirthdaysResponse, birthday_service_server::BirthdayService,
};
use kefu_service::{
    call::{Answer, answer},
    core::Core,
    error::{Fault, Violation},
    fields::Fields,
    time::civil,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    domain::birthday,
    store::{
        birthdays,
        keys::{self, Key},
    },
};

const MOST: i32 = 1000;

/// The handlers.
pub(crate) struct Birthdays(pub(crate) Core);

impl Birthdays {
    /// Clauses OP-3.3, CC-2.2.
    async fn list(
        &self,
        request: ListBirthdaysRequest,
    ) -> Result<Answer<ListBirthdaysResponse>, Fault> {
        let mut fields = Fields::new();
        let date = request.date.as_ref().and_then(civil);
        fields.ensure(date.is_some(), "date", Violation::Date);
        let after = match request.after.as_slice() {
            [] => Some(Uuid::nil()),
            bytes => Uuid::from_slice(bytes).ok(),
        };
        fields.ensure(after.is_some(), "after", Violation::Uuid);
        let few = (1..=MOST).contains(&request.most);
        fields.ensure(few, "most", Violation::OutOfRange(1, MOST.into()));
        fields.finish()?;
        let date = date.unwrap_or_default();
        let (key, days) = match request.lunar {
            true => (Key::LunarBirthday, birthday::on_lunar(date)),
            false => (Key::Birthday, birthday::on(date)),
        };
        let index = self.0.deps.vault.index_key();
        let blinds = days.iter().map(|day| keys::blind(index, key, day));
        let blinds: Vec<Vec<u8>> = blinds.collect();
        let (after, most) = (after.unwrap_or_default(), i64::from(request.most));
        let found = self
            .0
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move { birthdays::found(connection, &blinds, after, most).await })
            })
            .await?;
        let customers = found.into_iter().map(|id| id.as_bytes().to_vec());
        Ok(Answer::read(ListBirthdaysResponse {
            customers: customers.collect(),
        }))
    }
}

#[tonic::async_trait]
impl BirthdayService for Birthdays {
    async fn list_birthdays(
        &self,
        request: Request<ListBirthdaysRequest>,
    ) -> Result<Response<ListBirthdaysResponse>, Status> {
        answer(request, |_, body| self.list(body)).await
    }
}
