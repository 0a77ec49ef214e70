//! Looks through the audit log for what is worth an alert, each entry once, and raises each
//! alert once, however many replicas look.
//!
//! Journals are collected one by one, so that an entry may come into the log after later ones: it
//! counts in the window in which it was recorded. A window without an alert is counted whole each
//! time, as nothing is kept of it; to an alert that there is only what is new is added.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use kefu_contracts::access::AlertEvent;
use kefu_service::{clock::Clock, database::Db, error::Fault, host::Job, ids::Ids};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    api::alerts::entry,
    domain::{
        alert::{Alert, Rule, Rules, Seen, Window},
        binding::Binding,
    },
    store::{
        alert,
        binding::{self, Which},
    },
};

/// Most new entries in one transaction.
const MOST: usize = 5000;

/// Windows of people, by rule, and what is new in each.
type Touched<'a> = BTreeMap<(Rule, Uuid, Window), Vec<&'a Seen>>;

/// A look at what is new.
struct Look {
    /// The entry with which the next one begins.
    next: i64,
    now: Timestamp,
}

/// What looks.
#[derive(Clone)]
pub(crate) struct Alerts {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
    pub(crate) rules: Arc<Rules>,
}

impl Alerts {
    /// The job that looks every so often.
    pub(crate) fn job(self, every: Duration) -> Job {
        let (clock, trouble) = (self.clock.clone(), "the audit log cannot be looked through");
        Job::every("alerts", clock, every, trouble, move || {
            let this = self.clone();
            async move { this.look().await }
        })
    }

    /// Everything new, a batch at a time.
    async fn look(&self) -> Result<(), Fault> {
        while self
            .db
            .run(|connection| Box::pin(alert::is_behind(connection)))
            .await?
        {
            let this = self.clone();
            self.db
                .transaction(move |connection| {
                    let this = this.clone();
                    Box::pin(async move { this.batch(connection).await })
                })
                .await?;
        }
        Ok(())
    }

    async fn batch(&self, connection: &mut PgConnection) -> Result<(), Fault> {
        let next = alert::lock_cursor(connection).await?;
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        let fresh = alert::entries_from(connection, next, most).await?;
        let Some((_, last)) = fresh.last() else {
            return Ok(());
        };
        let look = Look {
            next: last.seq + 1,
            now: self.clock.now(),
        };
        for ((rule, subject, window), seen) in self.touched(&fresh)? {
            let touched = (rule, subject, window, seen.as_slice());
            self.judge(connection, touched, &look).await?;
        }
        alert::move_cursor(connection, look.next).await
    }

    /// Windows in which the entries may have changed something, each with those in it.
    fn touched<'a>(&self, fresh: &'a [(Option<Uuid>, Seen)]) -> Result<Touched<'a>, Fault> {
        let mut touched = Touched::new();
        for (subject, seen) in fresh {
            let Some(subject) = subject else { continue };
            let rules = Rule::ALL.into_iter();
            for rule in rules.filter(|rule| self.rules.counts(*rule, seen)) {
                let window = self.rules.window(rule, seen.at);
                let window = window.map_err(|_| Fault::internal("an entry at the end of time"))?;
                let entries = touched.entry((rule, *subject, window)).or_default();
                entries.push(seen);
            }
        }
        Ok(touched)
    }

    /// Looks at what is new in a window.
    async fn judge(
        &self,
        connection: &mut PgConnection,
        (rule, subject, window, fresh): (Rule, Uuid, Window, &[&Seen]),
        look: &Look,
    ) -> Result<(), Fault> {
        let now = look.now;
        let (alert, event) = match alert::find(connection, rule, subject, window).await? {
            Some(mut alert) => {
                let fresh = fresh.iter().copied();
                let finding = self.rules.with(rule, &alert.finding, fresh);
                if !alert.grow(finding, now) {
                    return Ok(());
                }
                alert.revision += 1;
                alert::update(connection, &alert).await?;
                (alert, AlertEvent::Grown)
            }
            None => {
                let Some(bound) = self.bound(connection, rule, subject, window).await? else {
                    return Ok(());
                };
                let all = alert::entries_of(connection, rule, subject, window, look.next).await?;
                let Some(finding) = self.rules.judge(rule, bound, &all) else {
                    return Ok(());
                };
                let alert = Alert {
                    id: self.ids.next()?,
                    rule,
                    subject,
                    system_account: false,
                    window,
                    finding,
                    raised_at: now,
                    grown_at: None,
                    acknowledged: None,
                    revision: 1,
                };
                alert::insert(connection, &alert).await?;
                (alert, AlertEvent::Raised)
            }
        };
        kefu_journal::append(connection, &[entry(&alert, event, now)]).await?;
        Ok(())
    }

    /// What the person's counts are held against, by every post that they held at some time
    /// of the window.
    async fn bound(
        &self,
        connection: &mut PgConnection,
        rule: Rule,
        subject: Uuid,
        window: Window,
    ) -> Result<Option<usize>, Fault> {
        let bindings = binding::list(connection, Which::Of(subject)).await?;
        let counted = |one: &&Binding| {
            one.starts_at < window.until && one.over_at().is_none_or(|end| window.from < end)
        };
        let roles: Vec<&str> = bindings
            .iter()
            .filter(counted)
            .map(|one| one.role.as_str())
            .collect();
        Ok(self.rules.bound(rule, &roles))
    }
}
