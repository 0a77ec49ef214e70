//! Rules that the company sets are read, and get a version more; in the same way whatever they
//! are about. A further kind says in one impl what is its own.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, event},
};
use kefu_journal::Cursor;
use kefu_service::{
    call::{Answer, Call},
    core::Core,
    error::Fault,
    fields::{Fields, etag},
    idempotency::{self, Claim},
    present::{Shown, entry},
    time::to_proto,
};
use prost::Message;
use prost_types::Timestamp as Moment;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::versions::{self, NewVersion, Versioned};

const LONGEST_REASON: usize = 200;

/// What sets rules of one kind apart.
pub(super) trait Revisable: Versioned + Send + 'static {
    /// All versions, as the contract answers them.
    type All: Message + Default + 'static;
    /// By which a version is added.
    type Request: Message + Clone;

    const NAMES: Names;

    fn number(&self) -> i32;
    fn all(versions: Vec<Self>, etag: String) -> Self::All;
    fn asked(request: Self::Request) -> Asked<Self::Definition>;

    /// That there is a version more, for the journal.
    fn changed(number: i32, effective_time: Moment) -> event::Event;

    /// Notes what is wrong with a definition by itself.
    fn check(fields: &mut Fields, definition: &Self::Definition);

    /// Refuses a definition that does not fit what there is, while nobody else adds one.
    fn ensure(
        _connection: &mut PgConnection,
        _definition: &Self::Definition,
    ) -> impl Future<Output = Result<(), Fault>> + Send {
        std::future::ready(Ok(()))
    }
}

/// What rules of one kind are called.
pub(super) struct Names {
    /// Resource name of all there is.
    pub(super) resource: &'static str,
    /// Types of journal entries.
    pub(super) viewed: &'static str,
    pub(super) revised: &'static str,
}

/// What every request for a version more says.
pub(super) struct Asked<D> {
    pub(super) request_id: String,
    pub(super) etag: String,
    pub(super) definition: D,
    pub(super) effective_time: Option<Moment>,
    pub(super) reason: String,
}

/// What the contracts have in common: messages of their own, whose fields are the same for all.
macro_rules! contract {
    ($all:ident, $request:ident, $changed:ident) => {
        type All = $all;
        type Request = $request;

        fn number(&self) -> i32 {
            self.number
        }

        fn all(versions: Vec<Self>, etag: String) -> $all {
            $all { versions, etag }
        }

        fn asked(request: $request) -> $crate::api::versions::Asked<Self::Definition> {
            $crate::api::versions::Asked {
                request_id: request.request_id,
                etag: request.etag,
                definition: request.definition.unwrap_or_default(),
                effective_time: request.effective_time,
                reason: request.reason,
            }
        }

        fn changed(
            version: i32,
            effective_time: prost_types::Timestamp,
        ) -> kefu_contracts::journal::event::Event {
            kefu_contracts::journal::event::Event::$changed($changed {
                version,
                effective_time: Some(effective_time),
            })
        }
    };
}
pub(super) use contract;

/// A version that is to be added, read and checked.
#[derive(Clone)]
struct Wanted<D> {
    /// The revision that it was decided upon.
    revision: i64,
    definition: D,
    effective_at: Timestamp,
    reason: String,
    claim: Option<Claim>,
}

/// All versions.
pub(super) async fn get<V: Revisable>(core: &Core, call: Call) -> Result<Answer<V::All>, Fault> {
    let db = &core.deps.db;
    let versions = db
        .run(|connection| Box::pin(versions::all::<V>(connection)))
        .await?;
    let shown = Shown::of_company(V::NAMES.resource);
    core.views.record(&call, V::NAMES.viewed, &[shown]).await?;
    Ok(Answer::read(all(versions)))
}

/// Adds a version.
pub(super) async fn revise<V: Revisable>(
    core: &Core,
    call: Call,
    request: V::Request,
) -> Result<Answer<V::All>, Fault> {
    let mut fields = Fields::new();
    let asked = V::asked(request.clone());
    let request_id = fields.request_id(&asked.request_id);
    let claim = Claim::of(&call, request_id, &request);
    let revision = fields.etag("etag", &asked.etag).unwrap_or_default();
    fields.required_text("reason", &asked.reason, LONGEST_REASON);
    let told = asked.effective_time.as_ref();
    let effective_at = fields.from_when("effective_time", told, call.now);
    V::check(&mut fields, &asked.definition);
    fields.finish()?;
    let wanted = Wanted {
        revision,
        definition: asked.definition,
        effective_at,
        reason: asked.reason,
        claim,
    };
    let writing = (call, wanted);
    let db = &core.deps.db;
    let written = db.transaction(move |connection| {
        let (call, wanted) = writing.clone();
        Box::pin(async move { write::<V>(connection, &call, &wanted).await })
    });
    let (rules, position) = written.await?;
    Ok(Answer::written(rules, position))
}

async fn write<V: Revisable>(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted<V::Definition>,
) -> Result<(V::All, Cursor), Fault> {
    let number = versions::lock::<V>(connection).await? + 1;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        return Ok((kept.body, kept.position));
    }
    if wanted.revision != i64::from(number) {
        return Err(Fault::new(Reason::EtagMismatch).with("etag", etag(number.into())));
    }
    V::ensure(connection, &wanted.definition).await?;
    let version = NewVersion {
        number,
        definition: &wanted.definition,
        effective_at: wanted.effective_at,
        author: &call.caller(),
        reason: &wanted.reason,
        now: call.now,
    };
    versions::add::<V>(connection, &version).await?;
    let rules = all(versions::all::<V>(connection).await?);
    let event = V::changed(number, to_proto(wanted.effective_at));
    let (kind, resource) = (V::NAMES.revised, V::NAMES.resource.to_owned());
    let entry = entry(call, EntryKind::Change, kind, resource, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, Uuid::nil(), &rules, position).await?;
    Ok((rules, position))
}

/// Their revision counts the version that is shipped as the first.
fn all<V: Revisable>(versions: Vec<V>) -> V::All {
    let last = versions.last().map_or(0, V::number);
    V::all(versions, etag(i64::from(last) + 1))
}
