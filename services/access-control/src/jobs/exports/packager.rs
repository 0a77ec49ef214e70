//! Makes packages: records come from the services that own them, and leave their journals
//! as shown to the receiver; lines are encrypted as they come and stored a chunk at a time.
//!
//! Each making has a number. Whoever makes a package holds it for a while, and longer with
//! each chunk; who lost it writes nothing more, so that two never mix.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256};
use jiff::SignedDuration;
use kefu_contracts::{
    access::{
        ExportEvent, ReadFilesRequest, ReadFilesResponse,
        file_export_service_client::FileExportServiceClient,
    },
    policy::DataClass,
};
use kefu_service::{
    clock::Clock, core::Core, database::Db, dynamic::contracts, error::Fault, fields,
    time::to_proto,
};
use kefu_vault::{CustomerKey, Place};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    api::{Owners, exports::journal},
    domain::{
        approval::Flows,
        export::{EXPORTS, Event, State},
        package::{self, Key, Package},
        register::EMPLOYEES,
        share::SHARES,
    },
    jobs::each::Each,
    store::export::{self, Chunk, StoredExport},
};

/// How long a making, or a download, is believed to go on without a word.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// A package to be made.
pub(crate) struct Work {
    pub(crate) id: Uuid,
    pub(crate) attempt: i32,
    pub(crate) key: Key,
}

/// Makes packages, one at a time. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Packager {
    core: Core,
    flows: Arc<Flows>,
    owners: Owners,
    work_factor: u8,
    contracts: &'static DescriptorPool,
    turn: Arc<Semaphore>,
}

/// Where a chunk is sealed.
pub(crate) fn place(export: Uuid, attempt: i32, seq: i32) -> Place {
    Place {
        table: "access.export_chunk",
        column: "sealed",
        row: Uuid::new_v5(&export, format!("{attempt}/{seq}").as_bytes()),
    }
}

impl Packager {
    pub(crate) fn new(
        core: Core,
        flows: Arc<Flows>,
        owners: Owners,
        work_factor: u8,
    ) -> Result<Self, Fault> {
        Ok(Self {
            core,
            flows,
            owners,
            work_factor,
            contracts: contracts()?,
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.core.deps.clock
    }

    pub(super) fn db(&self) -> &Db {
        &self.core.deps.db
    }

    pub(super) fn flows(&self) -> &Arc<Flows> {
        &self.flows
    }

    /// Makes a package on a task of its own. One that fails is taken up again when it is
    /// believed in no longer.
    pub(crate) fn start(&self, work: Work) {
        let packager = self.clone();
        tokio::spawn(async move {
            let (id, attempt) = (work.id, work.attempt);
            if let Err(fault) = packager.make(work).await {
                tracing::warn!(export = %id, attempt, detail = %fault.detail, "a package is not finished");
            }
        });
    }

    /// Packages that nobody makes any more: made anew where the receiver's key is public,
    /// else to be carried out anew.
    pub(super) async fn take_up(&self) -> Result<(), Fault> {
        let now = self.clock().now();
        let left = self
            .db()
            .run(move |connection| Box::pin(export::left_over(connection, now)))
            .await?;
        let mut each = Each::new("a package cannot be taken up");
        for id in left {
            let rule = self.flows.share.export;
            let work = self.db().transaction(move |connection| {
                Box::pin(async move {
                    let stored = export::lock(connection, id).await?;
                    let lapsed = |one: &StoredExport| {
                        one.state == State::Packaging
                            && one.claimed_until.is_none_or(|until| until <= now)
                    };
                    let Some(mut stored) = stored.filter(lapsed) else {
                        return Ok(None);
                    };
                    export::destroy(connection, id).await?;
                    export::uncount(connection, id).await?;
                    stored.size = 0;
                    let key = stored.recipient.as_deref().and_then(Key::recipient);
                    let Some(key) = key else {
                        stored.state = stored.state.after(Event::Interrupt).unwrap_or(stored.state);
                        stored.key = None;
                        stored.claimed_until = None;
                        export::update(connection, &stored, &rule).await?;
                        let event = ExportEvent::Interrupted;
                        journal(connection, now, None, id, event, &[]).await?;
                        return Ok(None);
                    };
                    stored.attempt += 1;
                    stored.claimed_until = now.saturating_add(LEASE).ok();
                    export::update(connection, &stored, &rule).await?;
                    let attempt = stored.attempt;
                    Ok(Some(Work { id, attempt, key }))
                })
            });
            let begun = work.await.map(|work| {
                if let Some(work) = work {
                    self.start(work);
                }
            });
            each.became(id, begun)?;
        }
        each.end()
    }

    async fn make(&self, work: Work) -> Result<(), Fault> {
        let turn = self.turn.clone().acquire_owned().await;
        let _turn = turn.map_err(|_| Fault::internal("no turn"))?;
        let (id, attempt) = (work.id, work.attempt);
        let stored = self
            .db()
            .run(move |connection| Box::pin(export::get(connection, id)))
            .await?;
        let ours = |one: &StoredExport| one.state == State::Packaging && one.attempt == attempt;
        let Some(stored) = stored.filter(ours) else {
            return Ok(());
        };
        let wrapped = stored.key.clone();
        let wrapped = wrapped.ok_or_else(|| Fault::internal("a package without a key"))?;
        let vault = &self.core.deps.vault;
        let own_key = vault.open_key(id, &wrapped).await?;
        vault.forget(id);
        let factor = self.work_factor;
        let package = tokio::task::spawn_blocking(move || Package::new(&work.key, factor))
            .await
            .map_err(|error| Fault::internal(format!("package: {error}")))?
            .map_err(age)?;
        let making = Making {
            packager: self,
            attempt,
            own_key,
            stored,
            digest: Context::new(&SHA256),
            seq: 0,
            rows: 0,
            contents: BTreeMap::new(),
        };
        making.run(package).await
    }
}

fn age(error: std::io::Error) -> Fault {
    Fault::internal(format!("age: {error}"))
}

/// One package in the making.
struct Making<'a> {
    packager: &'a Packager,
    attempt: i32,
    own_key: CustomerKey,
    stored: StoredExport,
    /// Of what is encrypted, for the receiver to check.
    digest: Context,
    seq: i32,
    rows: i64,
    contents: BTreeMap<String, i64>,
}

impl Making<'_> {
    async fn run(mut self, mut package: Package) -> Result<(), Fault> {
        package.line(&self.header()).map_err(age)?;
        let owners = self.packager.owners.clone();
        for owner in [owners.customers, owners.tickets, owners.orders] {
            let mut records = FileExportServiceClient::new(owner)
                .read_files(self.request())
                .await
                .map_err(|status| upstream(&status))?
                .into_inner();
            while let Some(record) = records
                .message()
                .await
                .map_err(|status| upstream(&status))?
            {
                let line = self.record(&record)?;
                package.line(&line).map_err(age)?;
                while let Some(chunk) = package.chunk() {
                    if !self.store(chunk, false).await? {
                        return Ok(());
                    }
                }
            }
        }
        package.line(&self.trailer(&package)).map_err(age)?;
        while let Some(chunk) = package.chunk() {
            if !self.store(chunk, false).await? {
                return Ok(());
            }
        }
        let rest = package.finish().map_err(age)?;
        self.store(rest, true).await.map(|_| ())
    }

    fn request(&self) -> ReadFilesRequest {
        let bytes = |id: Uuid| id.as_bytes().to_vec();
        let customers = self.stored.customers.iter().copied();
        ReadFilesRequest {
            grant_id: bytes(self.stored.share),
            purpose: self.stored.purpose.into(),
            customer_ids: customers.map(bytes).collect(),
            classes: self.stored.classes.to_numbers(),
            receiver_id: bytes(self.stored.receiver),
            until: self.stored.period.map(|(_, end)| to_proto(end)),
            request_id: fields::name(EXPORTS, self.stored.id),
        }
    }

    fn header(&self) -> Value {
        let moment = |at: Option<jiff::Timestamp>| at.map(|at| at.to_string());
        let classes = self.stored.classes.iter();
        let classes: Vec<_> = classes
            .map(|class: DataClass| class.as_str_name())
            .collect();
        json!({ "_kefu": {
            "format": "kefu-export/1",
            "share": fields::name(SHARES, self.stored.share),
            "receiver": fields::name(EMPLOYEES, self.stored.receiver),
            "purpose": self.stored.purpose.as_str_name(),
            "classes": classes,
            "activeFrom": moment(self.stored.period.map(|(start, _)| start)),
            "activeUntil": moment(self.stored.period.map(|(_, end)| end)),
            "customers": self.stored.customers.len(),
        }})
    }

    /// The record in canonical JSON, with whose package it is from on the same line.
    fn record(&mut self, response: &ReadFilesResponse) -> Result<Value, Fault> {
        let strange = || Fault::internal("a record that is not of the contracts");
        let contracts = self.packager.contracts;
        let descriptor = contracts
            .get_message_by_name(&response.r#type)
            .ok_or_else(strange)?;
        let message = DynamicMessage::decode(descriptor, response.record.as_slice());
        let record =
            serde_json::to_value(message.map_err(|_| strange())?).map_err(|_| strange())?;
        let (collection, _) = response.name.split_once('/').ok_or_else(strange)?;
        self.rows += 1;
        *self.contents.entry(collection.to_owned()).or_default() += 1;
        let key = self.packager.core.deps.vault.index_key();
        Ok(json!({
            "_kefu": {
                "share": fields::name(SHARES, self.stored.share),
                "receiver": fields::name(EMPLOYEES, self.stored.receiver),
                "row": self.rows,
                "mark": package::mark(key, self.stored.id, &response.name),
            },
            "type": response.r#type,
            "record": record,
        }))
    }

    fn trailer(&self, package: &Package) -> Value {
        json!({ "_kefu": {
            "records": self.rows,
            "contents": self.contents,
            "sha256": package.digest(),
        }})
    }

    /// Stores a chunk, and with the last one says that the package is whole; `false` when
    /// this making no longer counts.
    async fn store(&mut self, chunk: Vec<u8>, last: bool) -> Result<bool, Fault> {
        let strange = |_| Fault::internal("a package beyond all bounds");
        self.digest.update(&chunk);
        let (id, attempt) = (self.stored.id, self.attempt);
        let deps = &self.packager.core.deps;
        let chunk = Arc::new(Chunk {
            seq: self.seq,
            starts_at: self.stored.size,
            length: i32::try_from(chunk.len()).map_err(strange)?,
            sealed: deps
                .vault
                .seal(&self.own_key, &place(id, attempt, self.seq), &chunk)?,
        });
        self.seq += 1;
        self.stored.size += i64::from(chunk.length);
        let sha256 = last.then(|| self.digest.clone().finish().as_ref().to_vec());
        let (contents, size) = (self.contents.clone(), self.stored.size);
        let (rule, clock) = (self.packager.flows.share.export, deps.clock.clone());
        deps.db
            .transaction(move |connection| {
                let (chunk, contents, sha256) = (chunk.clone(), contents.clone(), sha256.clone());
                let now = clock.now();
                Box::pin(async move {
                    let stored = export::lock(connection, id).await?;
                    let ours = |one: &StoredExport| {
                        one.state == State::Packaging && one.attempt == attempt
                    };
                    let Some(mut stored) = stored.filter(ours) else {
                        return Ok(false);
                    };
                    export::add_chunk(connection, id, attempt, &chunk).await?;
                    for (collection, records) in &contents {
                        export::count(connection, id, collection, *records).await?;
                    }
                    stored.size = size;
                    stored.claimed_until = now.saturating_add(LEASE).ok();
                    let whole = sha256.is_some();
                    if whole {
                        stored.state = stored.state.after(Event::Finish).unwrap_or(stored.state);
                        stored.sha256 = sha256;
                        stored.claimed_until = None;
                    }
                    export::update(connection, &stored, &rule).await?;
                    if whole {
                        let event = ExportEvent::Packaged;
                        journal(connection, now, None, id, event, &[]).await?;
                    }
                    Ok(true)
                })
            })
            .await
    }
}

fn upstream(status: &tonic::Status) -> Fault {
    Fault::internal(format!("records cannot be had: {:?}", status.code()))
}
