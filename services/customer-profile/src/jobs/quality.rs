//! Measures files (CF-7.3): those that changed, those of which something was found out, and
//! those that time has moved. What falls short becomes a task of whose the file is.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use kefu_contracts::{
    ClassSet, Resource,
    journal::{QualityFindingChanged, event::Event},
    profile::{Customer, QualityFindingAct, Tier, Verification},
};
use kefu_journal::Entry;
use kefu_service::{
    core::Deps,
    database::Use,
    error::Fault,
    fields::{Fields, name},
    host::Job,
    sealed::Sealer,
    time,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::turns;
use crate::{
    api::TABLE,
    config::CustomerProfileConfig,
    domain::{
        attributes::{self, AttributeRule},
        contact::Region,
        entry,
        quality::{self, freshness, problems, rules::QualityRules},
    },
    store::{
        due::TO_MEASURE,
        duty,
        quality::{self as stored, Measurable, NewQuality},
        quality_findings::{self as findings, COLLECTION, Changed},
    },
};

/// Whoever mended something waits this long to see it.
const EVERY: Duration = Duration::from_secs(10);

/// What files are measured by.
#[derive(Clone)]
struct Measures {
    deps: Deps,
    rules: Arc<QualityRules>,
    attributes: Arc<[AttributeRule]>,
    region: Region,
    files: Sealer,
    checks: Sealer,
}

/// The job that looks which files to measure.
pub(crate) fn job(deps: Deps, config: &CustomerProfileConfig) -> Job {
    let (clock, trouble) = (deps.clock.clone(), "files cannot be measured");
    let measures = Measures {
        rules: Arc::new(config.quality.clone()),
        attributes: config.attributes.clone().into(),
        region: Region::parse(&config.phone_region).unwrap_or_else(Region::china),
        files: Sealer::new(deps.vault.clone(), TABLE),
        checks: Sealer::new(deps.vault.clone(), "profile.verification"),
        deps,
    };
    Job::every("quality", clock, EVERY, trouble, move || {
        let measures = measures.clone();
        async move { measures.look().await }
    })
}

/// One file is measured.
#[derive(Clone)]
struct Turn {
    measures: Measures,
    customer: Uuid,
    now: Timestamp,
}

impl turns::Turn for Turn {
    fn take<'c>(&'c self, connection: &'c mut PgConnection) -> Use<'c, ()> {
        Box::pin(self.measures.measure(connection, self.customer, self.now))
    }
}

impl Measures {
    async fn look(&self) -> Result<(), Fault> {
        let db = &self.deps.db;
        let rules =
            toml::to_string(&*self.rules).map_err(|error| Fault::internal(error.to_string()))?;
        db.transaction(move |connection| {
            let rules = rules.clone();
            Box::pin(async move { stored::begin(connection, &rules).await })
        })
        .await?;
        let trouble = "a file cannot be measured";
        let last = turns::take_all(&self.deps, &TO_MEASURE, trouble, |customer, now| {
            let measures = self.clone();
            Ok(Turn {
                measures,
                customer,
                now,
            })
        });
        self.note_overdue(last.await?).await
    }

    /// Writes down that the time of findings went by, once.
    async fn note_overdue(&self, now: Timestamp) -> Result<(), Fault> {
        let request = self.deps.ids.next()?;
        self.deps
            .db
            .transaction(move |connection| {
                Box::pin(async move {
                    let overdue = findings::note_overdue(connection, now).await?;
                    let told = |one| by_itself(one, QualityFindingAct::Overdue, now, request);
                    let entries: Vec<Entry> = overdue.iter().map(told).collect();
                    if !entries.is_empty() {
                        kefu_journal::append(connection, &entries).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn measure(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let Some(file) = stored::take(connection, customer, now).await? else {
            return Ok(());
        };
        let contents = self.contents(connection, customer, &file, now).await?;
        let hands = [file.changed_at, file.confirmed_at, file.reviewed_at];
        let confirmed_at = hands.into_iter().flatten().max().unwrap_or(file.entered_at);
        let (fresh, less_fresh_at) = freshness::of(&self.rules, confirmed_at, now);
        let tier = Tier::try_from(i32::from(file.tier)).unwrap_or_default();
        let last = file.reviewed_at.unwrap_or(file.entered_at);
        let review_due_at = self.rules.review_due(tier, last);
        let new = NewQuality {
            completeness: contents.completeness,
            validity: contents.validity,
            freshness: fresh,
            missing: &contents.missing,
            invalid: &contents.invalid,
            revision: file.revision,
            confirmed_at,
            reviewed_at: file.reviewed_at,
            review_due_at,
            now,
        };
        let scores = [new.completeness, new.validity, Some(fresh)];
        stored::keep(connection, customer, &new, quality::overall(&scores)).await?;

        let review_due = review_due_at <= now;
        let problems = problems::all(&contents, fresh == 0, review_due);
        let again_at = self
            .settle(connection, (customer, &file), &problems, now)
            .await?;
        let review = (!review_due).then_some(review_due_at);
        match less_fresh_at
            .into_iter()
            .chain(review)
            .chain(again_at)
            .min()
        {
            Some(at) => TO_MEASURE.look_at(connection, customer, at).await,
            None => Ok(()),
        }
    }

    /// What is in the file, by today's rules and what checks found.
    async fn contents(
        &self,
        connection: &mut PgConnection,
        customer: Uuid,
        file: &Measurable,
        now: Timestamp,
    ) -> Result<quality::Contents, Fault> {
        let key = self.files.standing_key(connection, customer).await?;
        let everything = ClassSet::of(Customer::CLASSES);
        let (mut opened, _) =
            self.files
                .open::<Customer>(&key, customer, &file.sealed, everything)?;
        opened.r#type = file.kind.into();
        let mut fields = Fields::new();
        let today = now.to_zoned(TimeZone::UTC).date();
        attributes::check(&mut fields, &self.attributes, &opened);
        entry::check(&mut fields, &mut opened, self.region, today);
        let mut faulty: BTreeSet<String> = quality::fields_of(fields);
        for (id, sealed) in &file.failed {
            let everything = ClassSet::of(Verification::CLASSES);
            let (check, _) = self
                .checks
                .open::<Verification>(&key, *id, sealed, everything)?;
            faulty.extend(check.mismatches.into_iter().map(|one| one.field));
        }
        Ok(quality::look(&self.rules, &opened, &faulty))
    }

    /// Opens and closes findings; tells when one that was left as it is is found again.
    async fn settle(
        &self,
        connection: &mut PgConnection,
        (customer, file): (Uuid, &Measurable),
        problems: &[problems::Problem],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Fault> {
        let (open, dismissed) = findings::standing(connection, customer).await?;
        let turned = problems::turn(problems, &open, &dismissed, now);
        let (request, ids) = (self.deps.ids.next()?, &self.deps.ids);
        let mut entries = Vec::new();
        for problem in &turned.resolved {
            if let Some(one) = findings::resolve(connection, customer, problem, now).await? {
                let resource = name(COLLECTION, one.id);
                duty::settle(connection, ids.next()?, &resource, customer, None, now).await?;
                entries.push(by_itself(&one, QualityFindingAct::Resolved, now, request));
            }
        }
        for one in findings::follow_owner(connection, customer, file.owner).await? {
            entries.push(by_itself(&one, QualityFindingAct::Assigned, now, request));
        }
        for problem in &turned.found {
            let due_at = self.rules.due(problem.kind(), now);
            let of = (ids.next()?, customer);
            let one = findings::open(connection, of, problem, file.owner, (now, due_at)).await?;
            entries.push(by_itself(&one, QualityFindingAct::Found, now, request));
        }
        if !entries.is_empty() {
            kefu_journal::append(connection, &entries).await?;
        }
        Ok(turned.again_at)
    }
}

fn by_itself(one: &Changed, act: QualityFindingAct, now: Timestamp, request: Uuid) -> Entry {
    let (kind, event) = told(one, act);
    let resource = name(COLLECTION, one.id);
    Entry::by_itself(
        now,
        request.to_string(),
        kind,
        resource,
        Some(one.customer),
        event,
    )
}

/// What happened to a finding, for the journal: type and facts.
pub(crate) fn told(one: &Changed, act: QualityFindingAct) -> (&'static str, Event) {
    let kind = match act {
        QualityFindingAct::Found | QualityFindingAct::Unspecified => "quality_finding.found",
        QualityFindingAct::Assigned => "quality_finding.assigned",
        QualityFindingAct::Resolved => "quality_finding.resolved",
        QualityFindingAct::Dismissed => "quality_finding.dismissed",
        QualityFindingAct::Overdue => "quality_finding.overdue",
    };
    let assignee = one.assignee.map(|id| id.as_bytes().to_vec());
    let event = Event::QualityFindingChanged(QualityFindingChanged {
        finding_id: one.id.as_bytes().to_vec(),
        customer_id: one.customer.as_bytes().to_vec(),
        kind: one.kind.into(),
        act: act.into(),
        state: one.state.into(),
        assignee_id: assignee.unwrap_or_default(),
        due_time: Some(time::to_proto(one.due_at)),
        revision: one.revision,
    });
    (kind, event)
}
