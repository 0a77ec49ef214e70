//! `SnapshotService`: the policy as gateways hold it.
//!
//! A gateway takes silence for ignorance and refuses personal data (fail closed).
//! So a heartbeat is only sent when the database has just said that the revision
//! still is what the gateway holds; what cannot be known is not said.

use std::{pin::Pin, sync::Arc, time::Duration};

use kefu_contracts::access::{
    RoleRule, SnapshotBinding, SnapshotDepartment, SnapshotGrant, SnapshotRole, SnapshotSubject,
    WatchSnapshotRequest, WatchSnapshotResponse, snapshot_service_server::SnapshotService,
};
use kefu_service::{
    call,
    clock::{Clock, sleep},
    database::Db,
    error::Fault,
    time::to_proto,
};
use tokio::sync::{mpsc, watch};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::Register;
use crate::{
    domain::{
        binding::Binding,
        register::{Department, Employee},
        roles::Roles,
    },
    jobs::revisions,
    store::{
        policy::{self, Policy},
        role::StoredRole,
        share::StoredShare,
    },
};

/// Messages a slow gateway may be behind before its stream waits for it.
const BEHIND: usize = 4;

/// The service over the register.
pub(crate) struct SnapshotApi {
    pub(crate) register: Register,
    /// The longest silence.
    pub(crate) heartbeat: Duration,
}

#[tonic::async_trait]
impl SnapshotService for SnapshotApi {
    type WatchSnapshotStream =
        Pin<Box<dyn Stream<Item = Result<WatchSnapshotResponse, Status>> + Send>>;

    async fn watch_snapshot(
        &self,
        request: Request<WatchSnapshotRequest>,
    ) -> Result<Response<Self::WatchSnapshotStream>, Status> {
        let language = call::of(&request)?.language;
        let deps = &self.register.core.deps;
        let revisions = self.register.revisions.subscribe();
        let whole = policy::whole(&deps.db, deps.clock.now())
            .await
            .map_err(|fault| fault.into_status(language))?;
        let (sender, receiver) = mpsc::channel(BEHIND);
        let watcher = Watcher {
            db: deps.db.clone(),
            clock: deps.clock.clone(),
            roles: self.register.roles.clone(),
            heartbeat: self.heartbeat,
            revisions,
            ending: self.register.core.ending.clone(),
            held: whole.revision,
            sender,
        };
        tokio::spawn(watcher.run(whole));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Keeps one gateway up to date.
struct Watcher {
    db: Db,
    clock: Arc<dyn Clock>,
    roles: Arc<Roles>,
    heartbeat: Duration,
    revisions: watch::Receiver<i64>,
    /// Cancelled when the service is about to end: the gateway goes to another instance.
    ending: CancellationToken,
    /// Revision that the gateway was last told.
    held: i64,
    sender: mpsc::Sender<Result<WatchSnapshotResponse, Status>>,
}

impl Watcher {
    async fn run(mut self, whole: Policy) {
        let mut next: Result<_, Fault> = Ok(message(whole, &self.roles.lent, true));
        loop {
            match next {
                Ok(message) => {
                    self.held = message.revision;
                    if self.sender.send(Ok(message)).await.is_err() {
                        return;
                    }
                    if !self.wait().await {
                        return;
                    }
                }
                Err(fault) => {
                    tracing::warn!(detail = %fault.detail, "policy cannot be read for a gateway");
                    tokio::select! {
                        () = sleep(self.clock.as_ref(), self.heartbeat) => {}
                        () = self.ending.cancelled() => return,
                        () = self.sender.closed() => return,
                    }
                }
            }
            next = self.news().await;
        }
    }

    /// Waits for a change or the next beat; `false` when nobody listens any more, or the service
    /// is about to end.
    async fn wait(&mut self) -> bool {
        let Self {
            clock,
            heartbeat,
            revisions,
            ending,
            held,
            sender,
            ..
        } = self;
        tokio::select! {
            () = sleep(clock.as_ref(), *heartbeat) => true,
            more = revisions::beyond(revisions, *held) => more,
            () = ending.cancelled() => false,
            () = sender.closed() => false,
        }
    }

    /// What changed since the gateway was last told. Where the database has gone
    /// back behind that (it was restored), everything.
    async fn news(&self) -> Result<WatchSnapshotResponse, Fault> {
        let delta = policy::since(&self.db, self.held, self.clock.now()).await?;
        if delta.revision < self.held {
            let whole = policy::whole(&self.db, self.clock.now()).await?;
            return Ok(message(whole, &self.roles.lent, true));
        }
        Ok(message(delta, &self.roles.lent, false))
    }
}

/// `lent`: what a grant lets do.
pub(crate) fn message(policy: Policy, lent: &[String], full: bool) -> WatchSnapshotResponse {
    WatchSnapshotResponse {
        revision: policy.revision,
        full,
        departments: policy.departments.iter().map(department).collect(),
        subjects: policy.employees.iter().map(subject).collect(),
        roles: policy.roles.iter().map(role).collect(),
        bindings: policy.bindings.iter().map(binding).collect(),
        removed_binding_ids: policy.revoked.iter().map(bytes).collect(),
        grants: policy
            .grants
            .iter()
            .filter_map(|share| grant(share, lent))
            .collect(),
        removed_grant_ids: policy.taken_back.iter().map(bytes).collect(),
    }
}

fn bytes(id: &Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

fn optional_bytes(id: Option<Uuid>) -> Vec<u8> {
    id.as_ref().map(bytes).unwrap_or_default()
}

fn department(department: &Department) -> SnapshotDepartment {
    SnapshotDepartment {
        id: bytes(&department.id),
        parent_id: optional_bytes(department.parent),
        title: department.title.clone(),
        head_id: optional_bytes(department.head),
        supervising_leader_id: optional_bytes(department.supervising_leader),
    }
}

fn subject(employee: &Employee) -> SnapshotSubject {
    SnapshotSubject {
        id: bytes(&employee.id),
        kind: employee.kind().into(),
        department_id: optional_bytes(employee.department),
        agreement_valid_until: employee.agreement_valid_until.map(to_proto),
        training_valid_until: employee.training_valid_until.map(to_proto),
        leaves_at: employee.leaves_at.map(to_proto),
        joins_at: employee.joins_at.map(to_proto),
    }
}

pub(crate) fn role(role: &StoredRole) -> SnapshotRole {
    let rules = role.rules.iter().map(|rule| RoleRule {
        id: rule.id.clone(),
        permissions: rule.permissions.clone(),
        scope: rule.scope.template().into(),
        classes: rule.classes.to_numbers(),
        purposes: rule
            .purposes
            .iter()
            .map(|purpose| *purpose as i32)
            .collect(),
        consented_only: rule.consented_only,
    });
    SnapshotRole {
        id: role.id.clone(),
        rules: rules.collect(),
    }
}

fn binding(binding: &Binding) -> SnapshotBinding {
    SnapshotBinding {
        id: bytes(&binding.id),
        subject_id: bytes(&binding.subject),
        role_id: binding.role.clone(),
        department_ids: binding.departments.iter().map(bytes).collect(),
        starts_at: Some(to_proto(binding.starts_at)),
        ends_at: binding.ends_at.map(to_proto),
    }
}

/// A share in use as gateways hold it; its id is the share's.
fn grant(share: &StoredShare, lent: &[String]) -> Option<SnapshotGrant> {
    let (starts_at, ends_at) = share.approval.period?;
    let terms = &share.terms;
    Some(SnapshotGrant {
        id: bytes(&share.approval.id),
        subject_ids: terms.receivers.iter().map(bytes).collect(),
        customer_ids: terms.customers.iter().map(bytes).collect(),
        permissions: lent.to_vec(),
        classes: terms.classes.to_numbers(),
        purpose: share.approval.purpose.into(),
        starts_at: Some(to_proto(starts_at)),
        ends_at: Some(to_proto(ends_at)),
        companion_id: optional_bytes(terms.companion),
        accompanied_until: share.share.accompanied_until.map(to_proto),
    })
}
