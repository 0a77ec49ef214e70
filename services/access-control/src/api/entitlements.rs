//! `EntitlementService`: whether others may see a record and work on it, before somebody puts
//! them to work on it (SG-2.2). Decided from the policy as gateways do.

use kefu_access::{Decision, Query, RowFacts, Snapshot};
use kefu_contracts::{
    access::{
        CheckEntitlementsRequest, CheckEntitlementsResponse, Entitlement, SubjectKind,
        entitlement_service_server::EntitlementService,
    },
    common::Reason,
    policy::Purpose,
};
use kefu_service::{
    call::{Answer, Call, answer},
    error::{Fault, Violation},
    fields::Fields,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Register, held::HeldPolicy};

/// Most subjects asked about at once.
const MOST: usize = 100;

/// The service over the register.
pub(crate) struct Entitlements {
    pub(crate) register: Register,
    pub(crate) policy: HeldPolicy,
}

/// A question, read and checked.
struct Asked {
    subjects: Vec<Uuid>,
    permissions: Vec<String>,
    /// None: any that there is.
    purposes: Vec<Purpose>,
    row: RowFacts,
    as_theirs: bool,
}

#[tonic::async_trait]
impl EntitlementService for Entitlements {
    async fn check_entitlements(
        &self,
        request: Request<CheckEntitlementsRequest>,
    ) -> Result<Response<CheckEntitlementsResponse>, Status> {
        answer(request, |call, message| self.check(call, message)).await
    }
}

impl Entitlements {
    async fn check(
        &self,
        call: Call,
        request: CheckEntitlementsRequest,
    ) -> Result<Answer<CheckEntitlementsResponse>, Fault> {
        let asked = Asked::read(&request)?;
        let (db, lent) = (&self.register.core.deps.db, &self.register.roles.lent);
        let policy = self.policy.current(db, lent, call.now).await?;
        let entitlements = asked.subjects.iter().map(|subject| Entitlement {
            subject_id: subject.as_bytes().to_vec(),
            known: asked.knows(&policy, *subject, &call),
            entitled: asked.entitles(&policy, *subject, &call),
        });
        Ok(Answer::read(CheckEntitlementsResponse {
            entitlements: entitlements.collect(),
        }))
    }
}

impl Asked {
    fn read(request: &CheckEntitlementsRequest) -> Result<Self, Fault> {
        let mut fields = Fields::new();
        let ids = |all: &[Vec<u8>]| -> Option<Vec<Uuid>> {
            all.iter().map(|id| Uuid::from_slice(id).ok()).collect()
        };
        let count = request.subject_ids.len();
        fields.ensure(count > 0, "subject_ids", Violation::Required);
        fields.ensure(count <= MOST, "subject_ids", Violation::TooMany(MOST));
        let subjects = ids(&request.subject_ids);
        fields.ensure(subjects.is_some(), "subject_ids", Violation::Uuid);
        let duty = ids(&request.duty_subject_ids);
        fields.ensure(duty.is_some(), "duty_subject_ids", Violation::Uuid);
        let any = !request.permissions.is_empty();
        fields.ensure(any, "permissions", Violation::Required);
        let mut optional = |field, bytes: &[u8]| match bytes {
            [] => None,
            bytes => {
                let id = Uuid::from_slice(bytes).ok();
                fields.ensure(id.is_some(), field, Violation::Uuid);
                id
            }
        };
        let row = RowFacts {
            department: optional("department_id", &request.department_id),
            owner: optional("owner_id", &request.owner_id),
            customer: optional("customer_id", &request.customer_id),
            duty: duty.unwrap_or_default(),
            consents: Vec::new(),
        };
        fields.finish()?;
        Ok(Self {
            subjects: subjects.unwrap_or_default(),
            permissions: request.permissions.clone(),
            purposes: request.purposes().collect(),
            row,
            as_theirs: request.as_theirs,
        })
    }

    /// An employee who is with the company.
    fn knows(&self, policy: &Snapshot, subject: Uuid, call: &Call) -> bool {
        let found = policy.subject(subject);
        let query = Query {
            subject,
            permission: self.permissions.first().map_or("", String::as_str),
            purpose: Purpose::Unspecified,
            purpose_required: true,
        };
        let gone = match policy.decide(&query, call.now) {
            Decision::Deny(denial) => denial.reason == Reason::SubjectUnknown,
            Decision::Allow(_) => false,
        };
        !gone && found.is_some_and(|found| found.kind == SubjectKind::Employee)
    }

    /// Whether all of it is let through, each for one of the purposes.
    fn entitles(&self, policy: &Snapshot, subject: Uuid, call: &Call) -> bool {
        let mut row = self.row.clone();
        if self.as_theirs {
            (row.owner, row.duty) = (Some(subject), vec![subject]);
        }
        self.permissions.iter().all(|permission| {
            if self.purposes.is_empty() {
                return policy.may_know_of(subject, permission, &row, call.now);
            }
            self.purposes.iter().any(|purpose| {
                let query = Query {
                    subject,
                    permission,
                    purpose: *purpose,
                    purpose_required: true,
                };
                policy.classes_of(&query, &row, call.now).is_some()
            })
        })
    }
}
