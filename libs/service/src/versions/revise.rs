//! Rules are read, and get a version more.

use jiff::Timestamp;
use kefu_contracts::{
    common::Reason,
    journal::{EntryKind, event},
};
use prost::Message;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Moment, NewVersion, Versioned};
use crate::{
    call::{Answer, Call},
    core::Core,
    error::{Fault, Violation},
    fields::{Fields, etag},
    idempotency::{self, Claim},
    present::{Shown, entry},
    time::to_proto,
    written::Written,
};

const LONGEST_REASON: usize = 200;

/// What sets rules of one kind apart.
pub trait Revisable<Owner>: Versioned<Owner> + Send + 'static {
    /// All versions, as the contract answers them.
    type All: Message + Default + 'static;
    /// By which a version is added.
    type Request: Message + Clone;

    /// What the rules are called.
    const NAMES: Names;
    /// Whether a version that leaves its definition out is refused; elsewhere it is one that
    /// says nothing.
    const MUST_SAY: bool = false;

    /// Of the version: from 1 on, 0 is what is shipped.
    fn number(&self) -> i32;

    /// As the contract answers them.
    fn all(versions: Vec<Self>, etag: String) -> Self::All;

    /// What a request says.
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
pub struct Names {
    /// Resource name of all there is.
    pub resource: &'static str,
    /// Type of the journal entry of a look.
    pub viewed: &'static str,
    /// Type of that of a version more.
    pub revised: &'static str,
}

/// What every request for a version more says.
pub struct Asked<D> {
    /// UUID, or empty.
    pub request_id: String,
    /// Of all versions, as they were read.
    pub etag: String,
    /// What the version is to say.
    pub definition: Option<D>,
    /// From when on; from now on where it is left out.
    pub effective_time: Option<Moment>,
    /// Why.
    pub reason: String,
}

/// What the contracts have in common: messages of their own, whose fields are the same for all.
#[macro_export]
macro_rules! revisable {
    ($owner:ty, $all:ident, $request:ident, $changed:ident) => {
        type All = $all;
        type Request = $request;

        fn number(&self) -> i32 {
            self.number
        }

        fn all(versions: Vec<Self>, etag: String) -> $all {
            $all { versions, etag }
        }

        fn asked(
            request: $request,
        ) -> $crate::versions::Asked<<Self as $crate::versions::Versioned<$owner>>::Definition> {
            $crate::versions::Asked {
                request_id: request.request_id,
                etag: request.etag,
                definition: request.definition,
                effective_time: request.effective_time,
                reason: request.reason,
            }
        }

        fn changed(
            version: i32,
            effective_time: $crate::versions::Moment,
        ) -> ::kefu_contracts::journal::event::Event {
            ::kefu_contracts::journal::event::Event::$changed($changed {
                version,
                effective_time: Some(effective_time),
            })
        }
    };
}
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

/// All versions; journaled as a look.
///
/// # Errors
/// When they cannot be read or journaled.
pub async fn get<Owner: 'static, V: Revisable<Owner>>(
    core: &Core,
    call: Call,
) -> Result<Answer<V::All>, Fault> {
    let db = &core.deps.db;
    let versions = db
        .run(|connection| Box::pin(super::all::<Owner, V>(connection)))
        .await?;
    let shown = Shown::of_company(V::NAMES.resource);
    core.views.record(&call, V::NAMES.viewed, &[shown]).await?;
    Ok(Answer::read(all::<Owner, V>(versions)))
}

/// Adds a version, in the place of those that were to come into force then or later.
///
/// # Errors
/// Every field of the request that is wrong, another etag than of the versions that there are,
/// or a definition that does not fit.
pub async fn revise<Owner: 'static, V: Revisable<Owner>>(
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
    let said = asked.definition.is_some() || !V::MUST_SAY;
    fields.ensure(said, "definition", Violation::Required);
    let definition = asked.definition.unwrap_or_default();
    V::check(&mut fields, &definition);
    idempotency::finish(&core.deps.db, fields, claim.as_ref()).await?;
    let wanted = Wanted {
        revision,
        definition,
        effective_at,
        reason: asked.reason,
        claim,
    };
    let writing = (call.clone(), wanted);
    let db = &core.deps.db;
    let written = db.transaction(move |connection| {
        let (call, wanted) = writing.clone();
        Box::pin(async move { write::<Owner, V>(connection, &call, &wanted).await })
    });
    let written = written.await?;
    let views = &core.views;
    written.into_answer(views, &call, V::NAMES.viewed).await
}

async fn write<Owner: 'static, V: Revisable<Owner>>(
    connection: &mut PgConnection,
    call: &Call,
    wanted: &Wanted<V::Definition>,
) -> Result<Written<V::All>, Fault> {
    let number = super::lock::<Owner, V>(connection).await? + 1;
    let claim = wanted.claim.as_ref();
    if let Some(kept) = idempotency::find_plain(connection, claim).await? {
        let shown = Shown::of_company(V::NAMES.resource);
        return Ok(Written::before(kept.body, shown, kept.position));
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
    super::add::<Owner, V>(connection, &version).await?;
    let rules = all::<Owner, V>(super::all::<Owner, V>(connection).await?);
    let event = V::changed(number, to_proto(wanted.effective_at));
    let (kind, resource) = (V::NAMES.revised, V::NAMES.resource.to_owned());
    let entry = entry(call, EntryKind::Change, kind, resource, None, event);
    let position = kefu_journal::append(connection, &[entry]).await?;
    idempotency::keep_plain(connection, call, claim, Uuid::nil(), &rules, position).await?;
    let shown = Shown::of_company(V::NAMES.resource);
    Ok(Written::now(rules, shown, position))
}

/// Their revision counts the version that is shipped as the first.
fn all<Owner, V: Revisable<Owner>>(versions: Vec<V>) -> V::All {
    let last = versions.last().map_or(0, V::number);
    V::all(versions, etag(i64::from(last) + 1))
}
