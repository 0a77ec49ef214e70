//! Compares files that were entered or changed with those that share something with them
//! (IH-2.2).

use std::time::Duration;

use jiff::Timestamp;
use kefu_contracts::{
    ClassSet,
    journal::{DuplicateChanged, event::Event},
    policy::DataClass,
    profile::{Customer, DuplicateState},
};
use kefu_journal::Entry;
use kefu_service::{
    core::Deps, database::Use, error::Fault, fields::name, host::Job, sealed::Sealer,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::turns;
use crate::{
    api::TABLE,
    domain::duplicate::{self, Key},
    store::{
        comparing::{self, Sealed},
        due::TO_COMPARE,
        duplicates::{self, Changed},
    },
};

/// Who entered a file twice hears of it while it is at hand.
const EVERY: Duration = Duration::from_secs(2);
/// A value that more files have tells nothing of whose they are.
const MOST_SHARING: i64 = 50;
/// Classes of what is compared.
const COMPARED: ClassSet =
    ClassSet::of(&[DataClass::Basic, DataClass::Contact, DataClass::Identity]);

/// The job that compares.
pub(crate) fn job(deps: Deps) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "files cannot be compared");
    let sealer = Sealer::new(deps.vault.clone(), TABLE);
    Job::every("duplicates", clock, EVERY, trouble, move || {
        let (deps, sealer) = (deps.clone(), sealer.clone());
        async move { look(&deps, &sealer).await }
    })
}

async fn look(deps: &Deps, sealer: &Sealer) -> Result<(), Fault> {
    let trouble = "a file cannot be compared";
    turns::take_all(deps, &TO_COMPARE, trouble, |customer, now| {
        Ok(Turn {
            customer,
            now,
            request: deps.ids.next()?,
            sealer: sealer.clone(),
        })
    })
    .await?;
    Ok(())
}

/// One file is compared.
#[derive(Clone)]
struct Turn {
    customer: Uuid,
    now: Timestamp,
    request: Uuid,
    sealer: Sealer,
}

impl turns::Turn for Turn {
    fn take<'c>(&'c self, connection: &'c mut PgConnection) -> Use<'c, ()> {
        Box::pin(self.compare(connection))
    }
}

impl Turn {
    async fn compare(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        // The file first: whoever changes it holds it before its place on the list.
        let file = comparing::file(connection, self.customer).await?;
        comparing::alone(connection).await?;
        if !TO_COMPARE.take(connection, self.customer, self.now).await? {
            return Ok(());
        }
        let Some(file) = file else {
            return comparing::replace_keys(connection, self.customer, &[]).await;
        };
        let own = self.open(&file).await?;
        comparing::replace_keys(connection, file.id, &self.blinds(&own)).await?;
        let mut changes = Vec::new();
        let mut alike = Vec::new();
        for other in comparing::sharing(connection, &file, MOST_SHARING).await? {
            let signals = duplicate::compare(&own, &self.open(&other).await?);
            if !duplicate::is_alike(&signals) {
                continue;
            }
            alike.push(other.id);
            let files = [file.id.min(other.id), file.id.max(other.id)];
            // The same pair has the same id, whoever finds it.
            let id = Uuid::new_v5(&files[0], files[1].as_bytes());
            changes.extend(duplicates::find(connection, id, files, &signals, self.now).await?);
        }
        changes.extend(duplicates::resolve(connection, file.id, &alike).await?);
        if !changes.is_empty() {
            let entries: Vec<Entry> = changes.iter().map(|one| self.entry(one)).collect();
            kefu_journal::append(connection, &entries).await?;
        }
        Ok(())
    }

    async fn open(&self, file: &Sealed) -> Result<Customer, Fault> {
        let key = self.sealer.open_key(file.id, &file.wrapped).await?;
        let (mut opened, _) =
            self.sealer
                .open::<Customer>(&key, file.id, &file.sealed, COMPARED)?;
        opened.r#type = file.kind.into();
        Ok(opened)
    }

    fn blinds(&self, file: &Customer) -> Vec<Vec<u8>> {
        let index = self.sealer.vault().index_key();
        let keys = duplicate::keys(file).into_iter();
        keys.map(|(key, value)| {
            index
                .blind("profile.duplicate_key", column(key), &value)
                .to_vec()
        })
        .collect()
    }

    fn entry(&self, change: &Changed) -> Entry {
        let kind = match change.state {
            DuplicateState::Resolved => "duplicate.resolved",
            _ => "duplicate.found",
        };
        let event = Event::DuplicateChanged(changed(change));
        let resource = name("duplicates", change.id);
        Entry::by_itself(
            self.now,
            self.request.to_string(),
            kind,
            resource,
            None,
            event,
        )
    }
}

/// The facts of a change of a pair.
pub(crate) fn changed(change: &Changed) -> DuplicateChanged {
    DuplicateChanged {
        duplicate_id: change.id.as_bytes().to_vec(),
        customer_ids: change.files.map(|file| file.as_bytes().to_vec()).to_vec(),
        state: change.state.into(),
        score: change.score,
    }
}

/// No two kinds of value share their hashes.
fn column(key: Key) -> &'static str {
    match key {
        Key::IdCard => "id_card",
        Key::CreditCode => "credit_code",
        Key::Phone => "phone",
        Key::Email => "email",
        Key::Name => "name",
        Key::NameAndBirthDate => "name_and_birth_date",
        Key::Address => "address",
    }
}
