//! What access-control's journal tells: grants, for the history of their customers (CF-2.3),
//! and destructions whose cooling-off is over (CF-10.2). All files of a destruction, their
//! certificate and the place in that journal are one transaction: whatever dies leaves all of
//! it before or all of it after.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use kefu_contracts::{
    access::{ApprovalEvent, DestructionDecision, DestructionOrder},
    journal::{
        CertificateIssued, Entry, FileDestroyed,
        event::{self, Event},
    },
    profile::{Certificate, CertifiedDecision, CertifiedFile, DestructionOutcome},
};
use kefu_service::{
    clock::Clock,
    consumer::Effect,
    database::Use,
    error::Fault,
    fields::{name, parse_name},
    time,
};
use kefu_vault::Vault;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{history, id};
use crate::{
    domain::certificate::{fate, text},
    store::{certificates, destruction},
};

/// Destroys what was ordered.
pub(crate) struct Destructions {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vault: Arc<Vault>,
}

impl Effect for Destructions {
    fn apply<'c>(&'c self, connection: &'c mut PgConnection, entries: &'c [Entry]) -> Use<'c, ()> {
        Box::pin(async move {
            for entry in entries {
                history::keep_grants(connection, entry).await?;
                let event = entry.event.as_ref().and_then(|event| event.event.as_ref());
                let Some(Event::ApprovalChanged(changed)) = event else {
                    continue;
                };
                let ordered = changed.destruction.as_ref();
                let ordered = ordered.filter(|_| changed.event() == ApprovalEvent::Begun);
                if let Some((destruction, order)) = id(&changed.approval_id).zip(ordered) {
                    self.carry_out(connection, destruction, order).await?;
                }
            }
            Ok(())
        })
    }
}

impl Destructions {
    async fn carry_out(
        &self,
        connection: &mut PgConnection,
        destruction: Uuid,
        order: &DestructionOrder,
    ) -> Result<(), Fault> {
        if certificates::exists(connection, destruction).await? {
            return Ok(());
        }
        let now = self.clock.now();
        let mut files = Vec::with_capacity(order.customer_ids.len());
        let mut destroyed = Vec::new();
        let mut customers: Vec<Uuid> = order
            .customer_ids
            .iter()
            .filter_map(|one| id(one))
            .collect();
        // In one order, so that two destructions of the same files wait for each other.
        customers.sort_unstable();
        for customer in customers {
            let Some(file) = destruction::lock(connection, customer, now).await? else {
                files.push(CertifiedFile {
                    customer: name("customers", customer),
                    outcome: DestructionOutcome::Absent.into(),
                    ..CertifiedFile::default()
                });
                continue;
            };
            let outcome = fate(file.held, file.due, order.early);
            let mut with = Vec::new();
            if outcome == DestructionOutcome::Destroyed {
                with = destruction::parts(connection, customer).await?;
                for file in with.iter().copied().chain([customer]) {
                    destruction::destroy(connection, file, now).await?;
                    // Should the transaction fail, it is opened again from what stands.
                    self.vault.forget(file);
                    destroyed.push(file);
                }
            }
            files.push(CertifiedFile {
                customer: name("customers", customer),
                outcome: outcome.into(),
                file_numbers: file.numbers,
                create_time: Some(time::to_proto(file.created_at)),
                clock_time: Some(time::to_proto(file.retained_from)),
            });
            files.extend(with.iter().map(|part| CertifiedFile {
                customer: name("customers", *part),
                outcome: outcome.into(),
                ..CertifiedFile::default()
            }));
        }
        // What was ordered by itself, and is part of another that was ordered too.
        files.retain(|file| {
            let gone = parse_name(&file.customer, "customers");
            file.outcome() != DestructionOutcome::Absent
                || !gone.is_some_and(|gone| destroyed.contains(&gone))
        });
        let told = |customer: &Uuid| {
            event::Event::FileDestroyed(FileDestroyed {
                customer_id: customer.as_bytes().to_vec(),
                certificate_id: destruction.as_bytes().to_vec(),
            })
        };
        let entries: Vec<_> = destroyed
            .iter()
            .map(|one| {
                self.entry(
                    "customer.destroyed",
                    name("customers", *one),
                    Some(*one),
                    told(one),
                )
            })
            .collect();
        let mut certificate = certificate(destruction, order, files);
        certificate.issue_time = Some(time::to_proto(now));
        if !entries.is_empty() {
            let position = kefu_journal::append(connection, &entries).await?;
            certificate.journal_position = format!("{}:{position}", crate::NAME);
        }
        certificate.text = text(&certificate);
        certificate.sha256 = digest(&SHA256, certificate.text.as_bytes())
            .as_ref()
            .to_vec();
        certificates::issue(connection, destruction, &certificate, &destroyed, now).await?;
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        let issued = event::Event::CertificateIssued(CertificateIssued {
            certificate_id: destruction.as_bytes().to_vec(),
            sha256: certificate.sha256,
            destroyed_count: count(destroyed.len()),
            spared_count: count(certificate.files.len() - destroyed.len()),
        });
        let entry = self.entry("certificate.issued", certificate.name, None, issued);
        kefu_journal::append(connection, &[entry]).await?;
        Ok(())
    }

    fn entry(
        &self,
        r#type: &'static str,
        resource: String,
        customer_id: Option<Uuid>,
        event: event::Event,
    ) -> kefu_journal::Entry {
        let (now, request) = (self.clock.now(), String::new());
        kefu_journal::Entry::by_itself(now, request, r#type, resource, customer_id, event)
    }
}

fn certificate(
    destruction: Uuid,
    order: &DestructionOrder,
    files: Vec<CertifiedFile>,
) -> Certificate {
    let somebody = |bytes: &[u8]| {
        id(bytes)
            .map(|id| name("employees", id))
            .unwrap_or_default()
    };
    let decision = |one: &DestructionDecision| CertifiedDecision {
        stage: one.stage.clone(),
        approver: somebody(&one.approver_id),
        principal: somebody(&one.principal_id),
        decision_time: one.decision_time,
    };
    Certificate {
        name: name("certificates", destruction),
        destruction: name("destructions", destruction),
        applicant: somebody(&order.applicant_id),
        justification: order.justification.clone(),
        early: order.early,
        decisions: order.decisions.iter().map(decision).collect(),
        files,
        ..Certificate::default()
    }
}
