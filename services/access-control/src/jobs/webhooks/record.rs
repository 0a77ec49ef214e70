//! The record of an event as its receiver may see it now: decided from the policy of this moment,
//! and asked for by the public call that shows it, under a signed context like one of a gateway's.
//! So scope, redaction and the journal's entry of what was shown are those of any read.

use std::{collections::HashMap, sync::Arc};

use http::uri::PathAndQuery;
use jiff::Timestamp;
use kefu_access::{AccessContext, ContextSigner, Decision, MAX_LIFETIME, Query, SubjectKind};
use kefu_contracts::{Method, method};
use kefu_service::{
    call::{CALL_ID, CONTEXT},
    database::Db,
    dynamic::{DynamicCodec, contracts},
    error::Fault,
    server::GrpcService,
};
use prost_reflect::{DescriptorPool, DynamicMessage, Value};
use tonic::{Code, Request, Status, client::Grpc, metadata::MetadataValue};

use crate::{
    api::held::HeldPolicy,
    domain::webhook::{Delivery, Webhook, event::topic},
};

/// What may be sent of a record.
pub(super) enum Seen {
    /// As it may be seen.
    Record(serde_json::Value),
    /// Nothing: it may not be seen, or is not there.
    Nothing,
    /// It cannot be told now.
    NotNow,
}

/// Reads records in receivers' names. Cheap to clone.
#[derive(Clone)]
pub(super) struct Records {
    owners: Arc<HashMap<&'static str, GrpcService>>,
    signer: Arc<ContextSigner>,
    policy: HeldPolicy,
    lent: Arc<Vec<String>>,
    contracts: &'static DescriptorPool,
}

impl Records {
    pub(super) fn new(
        owners: Vec<(&'static str, GrpcService)>,
        signer: Arc<ContextSigner>,
        policy: HeldPolicy,
        lent: Vec<String>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            owners: Arc::new(owners.into_iter().collect()),
            signer,
            policy,
            lent: Arc::new(lent),
            contracts: contracts()?,
        })
    }

    /// The record of a delivery, as its webhook's account may see it at this moment.
    ///
    /// # Errors
    /// When the policy cannot be read, or the contracts do not fit.
    pub(super) async fn see(
        &self,
        db: &Db,
        webhook: &Webhook,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<Seen, Fault> {
        // Of a type that there is no longer, nothing is told.
        let Some(topic) = topic(&delivery.event_type) else {
            return Ok(Seen::Nothing);
        };
        let rule = method(topic.method)
            .ok_or_else(|| Fault::internal(format!("no call {}", topic.method)))?;
        let policy = self.policy.current(db, &self.lent, now).await?;
        let query = Query {
            subject: webhook.account,
            permission: rule.permission,
            purpose: webhook.purpose,
            purpose_required: rule.purpose_required,
        };
        let allowance = match policy.decide(&query, now) {
            Decision::Allow(allowance) if allowance.subject.kind == SubjectKind::SystemAccount => {
                allowance
            }
            _ => return Ok(Seen::Nothing),
        };
        let rules_end = allowance.rules.iter().filter_map(|rule| rule.expires_at);
        let end = rules_end.chain(allowance.valid_until).min();
        let lifetime = now.saturating_add(MAX_LIFETIME).unwrap_or(now);
        let context = AccessContext {
            subject: allowance.subject,
            permission: rule.permission.to_owned(),
            purpose: webhook.purpose,
            rules: allowance.rules,
            policy_revision: allowance.revision,
            issued_at: now,
            expires_at: end.map_or(lifetime, |end| end.min(lifetime)),
        };
        let answer = self.call(topic.service, rule, &context, delivery).await?;
        match answer {
            Ok(record) => {
                let record = serde_json::to_value(&record);
                record
                    .map(Seen::Record)
                    .map_err(|error| Fault::internal(format!("record as JSON: {error}")))
            }
            Err(status) => Ok(match status.code() {
                Code::NotFound
                | Code::PermissionDenied
                | Code::FailedPrecondition
                | Code::InvalidArgument => Seen::Nothing,
                code => {
                    tracing::warn!(%code, delivery = %delivery.id, "a record cannot be read now");
                    Seen::NotNow
                }
            }),
        }
    }

    async fn call(
        &self,
        service: &str,
        rule: &Method,
        context: &AccessContext,
        delivery: &Delivery,
    ) -> Result<Result<DynamicMessage, Status>, Fault> {
        let strange = || Fault::internal(format!("{} is not in the contracts", rule.path));
        let owner = self.owners.get(service).ok_or_else(strange)?;
        let call = self
            .contracts
            .get_service_by_name(rule.service)
            .and_then(|service| {
                let mut calls = service.methods();
                calls.find(|one| rule.path.ends_with(&format!("/{}", one.name())))
            });
        let call = call.ok_or_else(strange)?;
        let mut message = DynamicMessage::new(call.input());
        message
            .try_set_field_by_name("name", Value::String(delivery.resource.clone()))
            .map_err(|_| strange())?;
        let mut request = Request::new(message);
        let signed = MetadataValue::from_bytes(&self.signer.sign(context));
        request.metadata_mut().insert_bin(CONTEXT, signed);
        let id = call_id(delivery);
        let id = MetadataValue::try_from(id).map_err(|_| strange())?;
        request.metadata_mut().insert(CALL_ID, id);
        let mut client = Grpc::new(owner.clone());
        if client.ready().await.is_err() {
            return Ok(Err(Status::unavailable("not ready")));
        }
        let path = PathAndQuery::from_static(rule.path);
        let codec = DynamicCodec::of(&call);
        let answer = client.unary(request, path, codec).await;
        Ok(answer.map(tonic::Response::into_inner))
    }
}

/// The journal's entry of what was shown names the delivery and its attempt by this.
fn call_id(delivery: &Delivery) -> String {
    format!("{}/{}", delivery.id, delivery.attempts + 1)
}
