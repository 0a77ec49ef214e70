//! Shares as a kind of requests for approval: a share in use is a grant, and a part of
//! the policy that gateways hold.

use kefu_contracts::{
    access::{self as wire, ApprovalEvent, ShareMode},
    journal::ApprovalChanged,
};
use kefu_service::{
    error::{Fault, Violation},
    fields::Fields,
    scope::RecordSpec,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    form, messages,
    selection::{self, Heard},
};
use crate::{
    api::{
        approvals::{Desk, Kind, messages::step_type, write},
        exports,
    },
    domain::{
        approval::{Case, Flow, Flows, Refusal, State},
        share::{KIND, SHARES, ShareTerms},
    },
    store::{
        approval::Stored,
        changes::{Record, Revision},
        share::{self, RECORD, StoredShare},
    },
};

impl Kind for StoredShare {
    type Terms = ShareTerms;
    type Message = wire::Share;
    type TermsMessage = wire::ShareTerms;
    type Heard = Heard;

    const KIND: &'static str = KIND;
    const COLLECTION: &'static str = SHARES;
    const RECORD: &'static RecordSpec = &RECORD;
    const VIEWED: &'static str = "share.viewed";
    const REFUSED: &'static str = "share.refused";

    fn flow(flows: &Flows) -> &Flow {
        &flows.share
    }

    fn journal_type(event: ApprovalEvent) -> &'static str {
        step_type!("share", event)
    }

    async fn list(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Self>, Fault> {
        share::list(connection, ids).await
    }

    async fn put(
        &self,
        connection: &mut PgConnection,
        _: &Desk<'_>,
        left: &ShareTerms,
    ) -> Result<(), Fault> {
        share::put(connection, self.approval.id, &self.share, left).await
    }

    fn approval(&self) -> &Stored {
        &self.approval
    }

    fn terms(&self) -> &ShareTerms {
        &self.terms
    }

    fn concerned(&self, _: &Desk<'_>) -> Vec<Uuid> {
        let receivers = self.terms.receivers.iter().copied();
        receivers.chain(self.terms.companion).collect()
    }

    fn describe(&self, _: &Desk<'_>, changed: &mut ApprovalChanged) {
        changed.terms = Some(messages::terms_to_proto(&self.terms));
        changed.share_mode = self.share.mode.into();
    }

    fn message(&self, desk: &Desk<'_>) -> wire::Share {
        messages::share(self, desk)
    }

    fn terms_message(terms: &ShareTerms) -> wire::ShareTerms {
        messages::terms_to_proto(terms)
    }

    async fn read_terms(
        connection: &mut PgConnection,
        fields: &mut Fields,
        desk: &Desk<'_>,
        at: &str,
        message: &wire::ShareTerms,
        heard: &Heard,
        reader: Uuid,
    ) -> Result<Option<ShareTerms>, Fault> {
        let terms = messages::terms(fields, at, message, heard, desk.now);
        if let Some(terms) = &terms {
            form::people(connection, fields, desk, at, terms, reader).await?;
        }
        Ok(terms)
    }

    fn wider_fields(terms: &ShareTerms, than: &ShareTerms) -> Vec<&'static str> {
        terms.wider_fields(than)
    }

    /// From here on the files of a rule are those that it selects now (CF-6.2).
    fn settle(terms: &mut ShareTerms, heard: &Heard) -> Result<(), Fault> {
        selection::freeze(terms, heard)
    }

    /// Nobody accompanies themselves, and packages are carried out.
    fn check(
        &self,
        _: &Case<ShareTerms>,
        event: ApprovalEvent,
        terms: Option<&ShareTerms>,
    ) -> Result<(), Fault> {
        let companion = terms.and_then(|terms| terms.companion);
        if companion == Some(self.approval.applicant) {
            let field = "terms.companion".to_owned();
            return Err(Fault::fields(vec![(field, Violation::Contradiction)]));
        }
        if event == ApprovalEvent::Activated && self.share.mode == ShareMode::Export {
            return Err(write::refused(Refusal::CarriedOutInstead));
        }
        Ok(())
    }

    /// Its exports go with it.
    async fn follow(&self, connection: &mut PgConnection, desk: &Desk<'_>) -> Result<(), Fault> {
        exports::follow(connection, desk, self).await
    }

    /// Where it is, or was, a grant, the policy changes.
    async fn save(
        &self,
        revision: &mut Revision<'_>,
        desk: &Desk<'_>,
        case: &Case<ShareTerms>,
    ) -> Result<(), Fault> {
        let granted = |state| matches!(state, State::Scheduled | State::Active);
        if self.share.mode != ShareMode::Access
            || !(granted(self.approval.state) || granted(case.state))
        {
            return self.keep(revision.connection, desk, case).await;
        }
        let record = Record::Grant(self.approval.id);
        let image = revision.image(&record).await?;
        self.keep(revision.connection, desk, case).await?;
        revision.note(&record, image).await
    }
}
