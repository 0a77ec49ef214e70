//! Rates customers by the rules in force (CF-2.4, IH-8.2): who has bought something or turned to us, whom
//! time may have moved, and everybody when other rules come into force.

use std::time::Duration;

use jiff::Timestamp;
use kefu_contracts::{
    ClassSet, Resource,
    journal::{CustomerChanged, RatingChanged, RatingRulesChanged, event::Event},
    profile::{
        CreditClass, Customer, CustomerAct, CustomerState, CustomerType, RatingRulesState, Tier,
    },
};
use kefu_journal::Entry;
use kefu_service::{
    core::Deps, database::Use, error::Fault, fields::name, host::Job, sealed::Sealer, time,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::turns;
use crate::{
    domain::{
        file_number::prefix,
        rating::{
            self, Past, Rules, saturated,
            statement::{self, Statement},
        },
        region::division,
    },
    store::{
        customers::Standing,
        due::TO_RATE,
        file_numbers, pasts,
        rating_rules::{self, NewRules, RULES},
        rating_statements,
        ratings::{self, RatedFile, StoredRating},
        revisions::{self, NewRevision},
    },
};

/// Orders arrive at any time; who waits for a tier waits this long.
const EVERY: Duration = Duration::from_secs(10);
/// How often time is looked at: windows are days long.
const DAY: Duration = Duration::from_secs(86_400);

/// The job that looks whom to rate.
pub(crate) fn job(deps: Deps) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "customers cannot be rated");
    let sealer = Sealer::new(deps.vault.clone(), "profile.customer");
    Job::every("rating", clock, EVERY, trouble, move || {
        let (deps, sealer) = (deps.clone(), sealer.clone());
        async move { look(&deps, &sealer).await }
    })
}

async fn look(deps: &Deps, sealer: &Sealer) -> Result<(), Fault> {
    begin(deps).await?;
    let trouble = "a customer cannot be rated";
    turns::take_all(deps, &TO_RATE, trouble, |customer, now| {
        Ok(Turn {
            customer,
            now,
            request: deps.ids.next()?,
            revision_id: deps.ids.next()?,
            sealer: sealer.clone(),
        })
    })
    .await?;
    Ok(())
}

/// Puts the rules that come with the suite in force where there are none.
async fn begin(deps: &Deps) -> Result<(), Fault> {
    let (id, request, now) = (deps.ids.next()?, deps.ids.next()?, deps.clock.now());
    deps.db
        .transaction(move |connection| {
            Box::pin(async move {
                if rating_rules::in_force(connection, now).await?.is_some() {
                    return Ok(());
                }
                rating_rules::alone(connection).await?;
                if rating_rules::in_force(connection, now).await?.is_some() {
                    return Ok(());
                }
                let new = NewRules {
                    id,
                    definition: &rating::shipped().definition(),
                    author: "",
                    reason: "",
                    now,
                };
                rating_rules::insert(connection, &new).await?;
                rating_rules::enforce(connection, id, now, "").await?;
                let mut found = rating_rules::find(connection, Some(id)).await?;
                let version = found.pop().map_or(0, |rules| rules.version);
                let event = Event::RatingRulesChanged(RatingRulesChanged {
                    rules_id: id.as_bytes().to_vec(),
                    version,
                    state: RatingRulesState::Enforced.into(),
                    effective_time: Some(time::to_proto(now)),
                });
                let kind = "rating_rules.enforced";
                let (request, resource) = (request.to_string(), name(RULES, id));
                let entry = Entry::by_itself(now, request, kind, resource, None, event);
                kefu_journal::append(connection, &[entry]).await?;
                Ok(())
            })
        })
        .await
}

/// One customer is rated.
#[derive(Clone)]
pub(crate) struct Turn {
    pub(crate) customer: Uuid,
    pub(crate) now: Timestamp,
    pub(crate) request: Uuid,
    /// Of the revision, if the file moves.
    pub(crate) revision_id: Uuid,
    pub(crate) sealer: Sealer,
}

impl turns::Turn for Turn {
    fn take<'c>(&'c self, connection: &'c mut PgConnection) -> Use<'c, ()> {
        Box::pin(self.rate(connection))
    }
}

impl Turn {
    async fn rate(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        let (customer, now) = (self.customer, self.now);
        // The file first: whoever changes it holds it before its place on the list.
        let file = ratings::lock(connection, customer).await?;
        match (file, TO_RATE.take(connection, customer, now).await?) {
            (Some(file), true) => self.settle(connection, &file).await,
            _ => Ok(()),
        }
    }

    /// Whether or not it was the customer's turn.
    pub(crate) async fn rate_now(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        match ratings::lock(connection, self.customer).await? {
            Some(file) => self.settle(connection, &file).await,
            None => Ok(()),
        }
    }

    async fn settle(&self, connection: &mut PgConnection, file: &RatedFile) -> Result<(), Fault> {
        let (customer, now) = (self.customer, self.now);
        let Some(rules) = rating_rules::in_force(connection, now).await? else {
            return Ok(());
        };
        let mut pasts = pasts::of(connection, &[customer]).await?;
        let past = pasts.remove(&customer).unwrap_or_default();
        let mut said = rating_statements::of(connection, &[customer]).await?;
        let said = rating_statements::standing(&said.remove(&customer).unwrap_or_default());
        let rating = rated(&rules, &past, &said, now);
        let before = ratings::find(connection, customer).await?;
        ratings::keep(connection, customer, &rating).await?;
        let mut entries = Vec::new();
        let mut changed = Vec::new();
        if rating.tier != file.tier {
            changed.push("tier".to_owned());
            entries.push(self.move_file(connection, file, rating.tier).await?);
        }
        if rating.credit != before.map_or(CreditClass::B as i16, |one| one.credit) {
            changed.push("credit".to_owned());
        }
        if !changed.is_empty() {
            let event = Event::RatingChanged(RatingChanged {
                customer_id: customer.as_bytes().to_vec(),
                rules_version: rating.rules_version,
                changed,
                credit: rating.credit.into(),
            });
            entries.push(self.entry("rating.changed", event));
            kefu_journal::append(connection, &entries).await?;
        }
        let tomorrow = (!past.is_empty()).then(|| now + DAY);
        let others = rating_rules::next_moment(connection, now).await?;
        let said = rules.next_moment(&said, now);
        match tomorrow.into_iter().chain(others).chain(said).min() {
            Some(at) => TO_RATE.look_at(connection, customer, at).await,
            None => Ok(()),
        }
    }

    /// Clause CF-4.3: another tier is another number.
    async fn move_file(
        &self,
        connection: &mut PgConnection,
        file: &RatedFile,
        tier: i16,
    ) -> Result<Entry, Fault> {
        let id = self.customer;
        let kind = CustomerType::try_from(i32::from(file.kind)).unwrap_or_default();
        let state = CustomerState::try_from(i32::from(file.state)).unwrap_or_default();
        let to = Tier::try_from(i32::from(tier)).unwrap_or_default();
        let series = prefix(kind, to, &file.business_line);
        let number = file_numbers::issue(connection, &series, id, self.now).await?;
        // The number put the customer on the list again, and this is that rating.
        TO_RATE.take(connection, id, self.now).await?;
        let (sealed, region) = self.without_reason(connection, &file.sealed).await?;
        ratings::move_file(connection, id, tier, &number, &sealed, self.now).await?;
        let changed = ["tier".to_owned(), "file_number".to_owned()];
        let standing = Standing {
            state,
            business_line: &file.business_line,
            file_number: Some(&number),
            owner_id: file.owner_id,
            entered_at: file.entered_at,
            sealed: &sealed,
        };
        let revision = NewRevision {
            id: self.revision_id,
            customer_id: id,
            revision: file.revision + 1,
            act: CustomerAct::Rated,
            actor_id: None,
            actor_is_system: true,
            changed: &changed,
            tier: tier.into(),
            standing: &standing,
            now: self.now,
        };
        revisions::insert(connection, &revision).await?;
        let owner = file.owner_id.map(|owner| owner.as_bytes().to_vec());
        let event = Event::CustomerChanged(CustomerChanged {
            customer_id: id.as_bytes().to_vec(),
            r#type: kind.into(),
            state: state.into(),
            department_id: file.department_id.as_bytes().to_vec(),
            owner_id: owner.unwrap_or_default(),
            changed_fields: changed.to_vec(),
            revision: file.revision + 1,
            tier: tier.into(),
            region,
        });
        Ok(self.entry("customer.rated", event))
    }

    /// The file's data without why it was changed before, and the division that its region names.
    async fn without_reason(
        &self,
        connection: &mut PgConnection,
        sealed: &[u8],
    ) -> Result<(Vec<u8>, String), Fault> {
        let id = self.customer;
        let key = self.sealer.standing_key(connection, id).await?;
        let everything = ClassSet::of(Customer::CLASSES);
        let (mut file, _) = self.sealer.open::<Customer>(&key, id, sealed, everything)?;
        file.change_reason.clear();
        let region = division(&file.region).unwrap_or_default();
        Ok((self.sealer.seal(&key, id, &file)?, region))
    }

    fn entry(&self, kind: &'static str, event: Event) -> Entry {
        let (id, resource) = (self.customer, name("customers", self.customer));
        let request = self.request.to_string();
        Entry::by_itself(self.now, request, kind, resource, Some(id), event)
    }
}

/// How the rules rate a customer, and what counts by what was said.
pub(crate) fn rated(
    rules: &Rules,
    past: &Past,
    said: &[Statement],
    now: Timestamp,
) -> StoredRating {
    let tier = rules.rate_tier(past, now);
    let credit = rules.rate_credit(&past.purchases, &statement::findings(said), now);
    let reached = tier.reached.figures();
    let counting = statement::credit_at(said, now).unwrap_or(credit.credit);
    StoredRating {
        rules_version: i32::try_from(rules.version).unwrap_or_default(),
        tier: statement::tier_at(said, now).unwrap_or(tier.tier) as i16,
        credit: counting.class() as i16,
        computed_tier: tier.tier as i16,
        computed_credit: credit.credit.class() as i16,
        amount: reached.amount,
        orders: reached.order_count,
        loyalty_days: reached.loyalty_days,
        contacts: saturated(tier.reached.contacts),
        paid: credit.paid,
        conditions: credit.conditions.iter().map(|one| one.number()).collect(),
        evaluated_at: now,
    }
}
