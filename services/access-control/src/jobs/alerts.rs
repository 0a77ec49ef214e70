//! Looks through the audit log for what is worth an alert, each entry once, and raises each
//! alert once, however many replicas look.
//!
//! Journals are collected one by one, so that an entry may come into the log after later
//! ones. What is new therefore only says which windows to look at: each is counted anew and
//! whole, by when its entries were recorded.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

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
        let next = last.seq + 1;
        let now = self.clock.now();
        for (rule, subject, window) in self.touched(&fresh)? {
            self.judge(connection, rule, subject, window, now).await?;
        }
        alert::move_cursor(connection, next).await
    }

    /// Windows in which the entries may have changed something.
    fn touched(
        &self,
        fresh: &[(Option<Uuid>, Seen)],
    ) -> Result<BTreeSet<(Rule, Uuid, Window)>, Fault> {
        let mut touched = BTreeSet::new();
        for (subject, seen) in fresh {
            let Some(subject) = subject else { continue };
            let rules = Rule::ALL.into_iter();
            for rule in rules.filter(|rule| self.rules.counts(*rule, seen)) {
                let window = self.rules.window(rule, seen.at);
                let window = window.map_err(|_| Fault::internal("an entry at the end of time"))?;
                touched.insert((rule, *subject, window));
            }
        }
        Ok(touched)
    }

    /// Counts a window anew.
    async fn judge(
        &self,
        connection: &mut PgConnection,
        rule: Rule,
        subject: Uuid,
        window: Window,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let held = alert::find(connection, rule, subject, window).await?;
        let bound = match &held {
            Some(alert) => Some(alert.finding.bound),
            None => self.bound(connection, rule, subject, window).await?,
        };
        let Some(bound) = bound else { return Ok(()) };
        let entries = alert::entries_of(connection, rule, subject, window).await?;
        let Some(finding) = self.rules.judge(rule, bound, &entries) else {
            return Ok(());
        };
        let (alert, event) = match held {
            Some(mut alert) => {
                if !alert.grow(finding, now) {
                    return Ok(());
                }
                alert.revision += 1;
                alert::update(connection, &alert).await?;
                (alert, AlertEvent::Grown)
            }
            None => {
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
