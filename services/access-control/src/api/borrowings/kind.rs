//! Borrowings as a kind of requests for approval. None of them is part of the policy
//! that gateways hold: copies are lent, not sight of data.

use jiff::Timestamp;
use kefu_contracts::{
    access::{self as wire, ApprovalEvent},
    journal::ApprovalChanged,
};
use kefu_service::{error::Fault, fields::Fields, scope::RecordSpec};
use sqlx::PgConnection;
use uuid::Uuid;

use super::messages;
use crate::{
    api::approvals::{Desk, Kind, messages::step_type},
    domain::{
        approval::{Case, Finder, Flow, Flows},
        borrowing::{BORROWINGS, BorrowingTerms, KIND, Late},
    },
    store::{
        approval::Stored,
        borrowing::{self, RECORD, StoredBorrowing},
    },
};

impl Kind for StoredBorrowing {
    type Terms = BorrowingTerms;
    type Message = wire::Borrowing;
    type TermsMessage = wire::BorrowingTerms;
    type Heard = ();

    const KIND: &'static str = KIND;
    const COLLECTION: &'static str = BORROWINGS;
    const RECORD: &'static RecordSpec = &RECORD;
    const VIEWED: &'static str = "borrowing.viewed";
    const REFUSED: &'static str = "borrowing.refused";

    fn flow(flows: &Flows) -> &Flow {
        &flows.borrowing
    }

    fn journal_type(event: ApprovalEvent) -> &'static str {
        step_type!("borrowing", event)
    }

    async fn list(connection: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Self>, Fault> {
        borrowing::list(connection, ids).await
    }

    async fn put(
        &self,
        connection: &mut PgConnection,
        desk: &Desk<'_>,
        left: &BorrowingTerms,
    ) -> Result<(), Fault> {
        let every = desk.flow.chase_every;
        borrowing::put(connection, self.approval.id, &self.borrowing, left, every).await
    }

    fn approval(&self) -> &Stored {
        &self.approval
    }

    fn terms(&self) -> &BorrowingTerms {
        &self.terms
    }

    /// The head of the borrower's department, once something is overdue.
    fn concerned(&self, desk: &Desk<'_>) -> Vec<Uuid> {
        let mut lines = self.borrowing.lines.iter();
        let overdue = lines.any(|line| line.is_overdue(desk.now));
        head(self, desk).filter(|_| overdue).into_iter().collect()
    }

    fn describe(&self, desk: &Desk<'_>, changed: &mut ApprovalChanged) {
        let bytes = |id: Option<Uuid>| id.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        changed.borrowing_terms = Some(messages::terms_to_proto(&self.terms));
        changed.borrowing_lines = messages::lines(self, desk);
        changed.department_head_id = bytes(head(self, desk));
        changed.extends_id = bytes(self.borrowing.extends);
    }

    fn message(&self, desk: &Desk<'_>) -> wire::Borrowing {
        messages::borrowing(self, desk)
    }

    fn terms_message(terms: &BorrowingTerms) -> wire::BorrowingTerms {
        messages::terms_to_proto(terms)
    }

    async fn read_terms(
        _: &mut PgConnection,
        fields: &mut Fields,
        desk: &Desk<'_>,
        at: &str,
        message: &wire::BorrowingTerms,
        (): &(),
        _: Uuid,
    ) -> Result<Option<BorrowingTerms>, Fault> {
        Ok(messages::terms(fields, at, message, desk.now))
    }

    fn wider_fields(terms: &BorrowingTerms, than: &BorrowingTerms) -> Vec<&'static str> {
        terms.wider_fields(than)
    }

    /// What went out comes back; it is not withdrawn.
    fn check(
        &self,
        _: &Case<BorrowingTerms>,
        event: ApprovalEvent,
        _: Option<&BorrowingTerms>,
    ) -> Result<(), Fault> {
        let out = !self.borrowing.lines.is_empty();
        if event == ApprovalEvent::Withdrawn && out {
            return Err(Fault::state("HANDED_OUT", "NOT_HANDED_OUT"));
        }
        Ok(())
    }

    fn late(&mut self, desk: &Desk<'_>) -> Vec<(Timestamp, ApprovalEvent)> {
        let late = self.borrowing.late(desk.flow.chase_every, desk.now);
        let event = |what| match what {
            Late::Overdue => ApprovalEvent::Overdue,
            Late::Chased => ApprovalEvent::Chased,
        };
        late.into_iter()
            .map(|(at, what)| (at, event(what)))
            .collect()
    }
}

/// Who heads the borrower's department, or the nearest above where that is the borrower.
pub(super) fn head(stored: &StoredBorrowing, desk: &Desk<'_>) -> Option<Uuid> {
    let Stored {
        applicant,
        department,
        ..
    } = stored.approval;
    let hats = desk
        .chart
        .hats(Finder::DepartmentHead, department, &[applicant].into());
    hats.first().map(|hat| hat.principal)
}
