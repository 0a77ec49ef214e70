//! What a customer said in two files, when the files become one and when they part: a refusal
//! in either counts for both (CC-2.2).

use std::collections::BTreeMap;

use kefu_contracts::{
    common::Channel,
    journal::{ConsentRecorded, EntryKind, event},
    policy::Purpose,
    profile::{Consent, ConsentDecision},
};
use kefu_journal::Entry;
use kefu_service::{call::Call, error::Fault, fields::name, present::entry, time::to_proto};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{COLLECTION, Ids};
use crate::{
    api::Customers,
    domain::consent::{Said, Statement, stricter},
    store::consents::{self, NewRow},
};

const TABLE: &str = "profile.consent_statement";

/// What was said last in either of two files, before they became one.
pub(super) struct Spoken {
    survivor: BTreeMap<i16, Said>,
    absorbed: BTreeMap<i16, Said>,
}

impl Spoken {
    pub(super) async fn of(
        connection: &mut PgConnection,
        (survivor, absorbed): (Uuid, Uuid),
    ) -> Result<Self, Fault> {
        Ok(Self {
            survivor: consents::last_said(connection, survivor).await?,
            absorbed: consents::last_said(connection, absorbed).await?,
        })
    }

    fn purposes(&self) -> Vec<i16> {
        let mut purposes: Vec<i16> = self
            .survivor
            .keys()
            .chain(self.absorbed.keys())
            .copied()
            .collect();
        purposes.sort_unstable();
        purposes.dedup();
        purposes
    }
}

impl Customers {
    /// Says for the customer of a merged file what is stricter, wherever what was said last
    /// would allow more.
    pub(super) async fn speak_strictly(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        (customer, key): (Uuid, &CustomerKey),
        spoken: &Spoken,
        ids: &Ids,
    ) -> Result<Vec<Entry>, Fault> {
        let purposes = spoken.purposes();
        consents::settle(connection, customer, &purposes).await?;
        let last = consents::last_said(connection, customer).await?;
        let mut free = ids.statements.iter().copied();
        let mut entries = Vec::new();
        for purpose in purposes {
            let (one, other) = (spoken.survivor.get(&purpose), spoken.absorbed.get(&purpose));
            let counts = stricter(one, other);
            if last.get(&purpose) == Some(&counts) {
                continue;
            }
            let id = next(&mut free)?;
            let said = Saying {
                id,
                purpose,
                counts,
                merge: ids.merge,
            };
            entries.push(self.say(connection, call, (customer, key), said).await?);
            consents::by_merge(connection, id, ids.merge).await?;
        }
        Ok(entries)
    }

    /// What was refused in one file while two were one is refused in the other as well.
    pub(super) async fn refuse_too(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        (customer, key): (Uuid, &CustomerKey),
        refused: &[i16],
        ids: &Ids,
    ) -> Result<Vec<Entry>, Fault> {
        let last = consents::last_said(connection, customer).await?;
        let mut free = ids.statements.iter().copied();
        let mut entries = Vec::new();
        for purpose in refused {
            if matches!(last.get(purpose), Some(Some(_))) {
                let said = Saying {
                    id: next(&mut free)?,
                    purpose: *purpose,
                    counts: None,
                    merge: ids.merge,
                };
                entries.push(self.say(connection, call, (customer, key), said).await?);
            }
        }
        Ok(entries)
    }

    async fn say(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        (customer, key): (Uuid, &CustomerKey),
        said: Saying,
    ) -> Result<Entry, Fault> {
        let statement = said.statement(call, customer);
        let consent = Consent {
            evidence: statement.evidence.clone(),
            ..Consent::default()
        };
        let row = NewRow {
            id: said.id,
            statement: &statement,
            recorder: &call.caller(),
            sealed: &self.sealer.of_table(TABLE).seal(key, said.id, &consent)?,
            now: call.now,
        };
        let current = consents::enter(connection, &row).await?;
        let event = event::Event::ConsentRecorded(ConsentRecorded {
            consent_id: said.id.as_bytes().to_vec(),
            customer_id: customer.as_bytes().to_vec(),
            purpose: statement.purpose.into(),
            decision: statement.decision.into(),
            channels: statement
                .channels
                .iter()
                .map(|one| i32::from(*one))
                .collect(),
            said_time: Some(to_proto(call.now)),
            current,
        });
        let resource = name("consents", said.id);
        let kind = EntryKind::Change;
        Ok(entry(
            call,
            kind,
            "consent.recorded",
            resource,
            Some(customer),
            event,
        ))
    }
}

/// A statement that nobody made, and that follows from those that were.
struct Saying {
    id: Uuid,
    purpose: i16,
    counts: Said,
    /// Because of this merge.
    merge: Uuid,
}

impl Saying {
    fn statement(&self, call: &Call, customer: Uuid) -> Statement {
        let channels = self.counts.iter().flatten();
        let channels = channels.filter_map(|one| Channel::try_from(i32::from(*one)).ok());
        Statement {
            customer,
            purpose: Purpose::try_from(i32::from(self.purpose)).unwrap_or_default(),
            decision: match self.counts {
                Some(_) => ConsentDecision::Given,
                None => ConsentDecision::Withdrawn,
            },
            channels: channels.collect(),
            heard: Channel::Unspecified,
            said_at: call.now,
            evidence: name(COLLECTION, self.merge),
        }
    }
}

fn next(free: &mut impl Iterator<Item = Uuid>) -> Result<Uuid, Fault> {
    free.next()
        .ok_or_else(|| Fault::internal("more purposes than a customer can agree to"))
}
