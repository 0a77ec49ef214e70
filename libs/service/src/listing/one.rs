use futures_util::future::BoxFuture;
use sqlx::postgres::PgRow;

use crate::{
    call::{Answer, Call},
    core::Core,
    error::Fault,
    fields::Fields,
    present::Shown,
    scope::RecordSpec,
};

/// How one record is found that is asked for by its name.
pub struct One<S> {
    /// Under which every look at it is taken.
    pub record: &'static RecordSpec,
    /// Collection of the resource names: `tickets`.
    pub collection: &'static str,
    /// Reads a row.
    pub read: fn(&PgRow) -> Result<S, Fault>,
    /// Type of the journal entry of a look: `ticket.viewed`.
    pub viewed: &'static str,
    /// Type of that of a refusal.
    pub refused: &'static str,
}

impl<S> One<S> {
    /// Opens the record, as far as the call may see it; that it is shown, or was asked for and
    /// is not there, is journaled before it is answered.
    ///
    /// # Errors
    /// A name of something else, a record that is not there or out of scope, and whatever
    /// opening it or the journal says.
    pub async fn show<'a, M>(
        &self,
        core: &Core,
        call: &Call,
        name: &str,
        open: impl FnOnce(S) -> BoxFuture<'a, Result<(M, Shown), Fault>>,
    ) -> Result<Answer<M>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("name", name, self.collection);
        fields.finish()?;
        let query = self.record.get(call, id.unwrap_or_default());
        let Some(row) = core.deps.db.row(query).await? else {
            let fault = Fault::not_found(name);
            return Err(core.views.refuse(call, self.refused, name, fault).await);
        };
        let (record, shown) = open((self.read)(&row)?).await?;
        core.views.record(call, self.viewed, &[shown]).await?;
        Ok(Answer::read(record))
    }
}
