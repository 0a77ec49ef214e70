//! What all requests for approval have in common: how they are looked at, acted upon and
//! written down. What differs is said once for each [`Kind`].

pub(crate) mod act;
pub(crate) mod look;
pub(crate) mod messages;
pub(crate) mod write;

use jiff::Timestamp;
use kefu_contracts::access::ApprovalEvent;
use kefu_contracts::journal::ApprovalChanged;
use kefu_service::{error::Fault, fields::Fields, scope::RecordSpec};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    domain::approval::{Case, Chart, Flow, Flows, case::Terms},
    store::{
        approval::{self, Stored},
        changes::Revision,
    },
};

/// By what a request is judged: the stages of its kind, the organisation, and the moment.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) flow: &'a Flow,
    pub(crate) chart: &'a Chart,
    pub(crate) now: Timestamp,
}

/// A request for approval as it is stored, with what is its kind's own.
pub(crate) trait Kind: Clone + Send + Sync + 'static {
    /// What is asked for.
    type Terms: Terms + Send + Sync;
    /// The resource.
    type Message: Message + Default;
    /// What is asked for, as messages carry it.
    type TermsMessage: Message + Clone;
    /// What other services say of what is asked for.
    type Heard: Clone + Default + Send + Sync;

    /// Name of the kind in the journal: `share`.
    const KIND: &'static str;
    /// Collection of its resource names: `shares`.
    const COLLECTION: &'static str;
    /// Under which every look at it is taken.
    const RECORD: &'static RecordSpec;
    /// Type under which what is shown of it is journaled.
    const VIEWED: &'static str;
    /// Type under which a look that found nothing is journaled.
    const REFUSED: &'static str;
    /// Whether the last approval puts it to use, and nobody has to.
    const BEGINS_BY_ITSELF: bool = false;

    /// The stages it passes.
    fn flow(flows: &Flows) -> &Flow;
    /// Type of the journal entry of this event: `share.approved`.
    fn journal_type(event: ApprovalEvent) -> &'static str;

    /// These requests, in the order asked for.
    fn list(
        connection: &mut PgConnection,
        ids: &[Uuid],
    ) -> impl Future<Output = Result<Vec<Self>, Fault>> + Send;
    /// Keeps what is its kind's own, with what is left of what was asked for.
    fn put(
        &self,
        connection: &mut PgConnection,
        desk: &Desk<'_>,
        left: &Self::Terms,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// What is not its kind's own.
    fn approval(&self) -> &Stored;
    /// What is left of what was asked for.
    fn terms(&self) -> &Self::Terms;
    /// Whom it concerns once it is handed in, beside applicant and approvers.
    fn concerned(&self, desk: &Desk<'_>) -> Vec<Uuid>;
    /// Adds to the journal entry what is its kind's own.
    fn describe(&self, desk: &Desk<'_>, changed: &mut ApprovalChanged);
    /// The whole of it: each approver sees all.
    fn message(&self, desk: &Desk<'_>) -> Self::Message;
    /// Terms as messages and histories carry them.
    fn terms_message(terms: &Self::Terms) -> Self::TermsMessage;

    /// Reads terms as they were `heard` of, and finds the people they name; what is wrong is
    /// noted under `at`.
    fn read_terms(
        connection: &mut PgConnection,
        fields: &mut Fields,
        desk: &Desk<'_>,
        at: &str,
        message: &Self::TermsMessage,
        heard: &Self::Heard,
        reader: Uuid,
    ) -> impl Future<Output = Result<Option<Self::Terms>, Fault>> + Send;
    /// Fields in which these terms ask for more than those.
    fn wider_fields(terms: &Self::Terms, than: &Self::Terms) -> Vec<&'static str>;
    /// Whether this is not to happen to it where it stands, for a reason of its kind's own.
    ///
    /// # Errors
    /// Why not.
    fn check(
        &self,
        case: &Case<Self::Terms>,
        event: ApprovalEvent,
        terms: Option<&Self::Terms>,
    ) -> Result<(), Fault>;

    /// Puts into what was agreed by all what is decided by then.
    ///
    /// # Errors
    /// Why it cannot be agreed to as it is.
    fn settle(_: &mut Self::Terms, _: &Self::Heard) -> Result<(), Fault> {
        Ok(())
    }

    /// What else time has done, each with its moment, in order; the request then says so.
    fn late(&mut self, _: &Desk<'_>) -> Vec<(Timestamp, ApprovalEvent)> {
        Vec::new()
    }

    /// The request on its way.
    fn case(&self) -> Case<Self::Terms> {
        self.approval().case(self.terms().clone())
    }

    /// What else becomes of it once it stands elsewhere than it did.
    fn follow(
        &self,
        _: &mut PgConnection,
        _: &Desk<'_>,
    ) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }

    /// Puts it where it now stands.
    fn save(
        &self,
        revision: &mut Revision<'_>,
        desk: &Desk<'_>,
        case: &Case<Self::Terms>,
    ) -> impl Future<Output = Result<(), Fault>> + Send {
        async move { self.keep(revision.connection, desk, case).await }
    }

    /// Writes where it stands, and what is its kind's own.
    fn keep(
        &self,
        connection: &mut PgConnection,
        desk: &Desk<'_>,
        case: &Case<Self::Terms>,
    ) -> impl Future<Output = Result<(), Fault>> + Send {
        async move {
            let Stored { id, purpose, .. } = *self.approval();
            approval::update(connection, id, purpose, case, desk.flow).await?;
            self.put(connection, desk, &case.terms).await?;
            self.follow(connection, desk).await
        }
    }
}
