//! Notices are written in the transaction that finds what they tell of.

use jiff::{Timestamp, tz::TimeZone};
use kefu_contracts::{
    common::Channel,
    journal::{OrderNoticeChanged, event},
    order::{
        NoticeAct, NoticeRule, NoticeRulesVersion, NoticeState, OrderNotice, RelationPlansVersion,
    },
};
use kefu_journal::Entry;
use kefu_service::{
    error::Fault,
    fields::name,
    notice::{Outbox, is_news},
    versions::in_force,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Notices;
use crate::{
    domain::{
        notice::{self, Facts, News, channels, word},
        relation,
    },
    store::{
        customers,
        notices::{self, NOTICES, NewNotice},
        versions::{self, OrderRules},
    },
};

/// What is told of, to whom.
pub(crate) struct Subject<'a> {
    pub(crate) order: Uuid,
    pub(crate) number: &'a str,
    pub(crate) customer: Uuid,
}

/// By what customers are told of orders that are looked at together.
pub(crate) struct Telling<'a> {
    notices: &'a Notices,
    rules: Vec<NoticeRulesVersion>,
    zone: Option<TimeZone>,
    now: Timestamp,
    request: Uuid,
}

impl Notices {
    /// The rules of now.
    pub(crate) async fn telling(
        &self,
        connection: &mut PgConnection,
        (now, request): (Timestamp, Uuid),
    ) -> Result<Telling<'_>, Fault> {
        let rules = versions::all(connection).await?;
        let plans: Vec<RelationPlansVersion> = versions::all(connection).await?;
        let plan = in_force::<OrderRules, _>(&plans, now);
        let plan = plan.and_then(|version| version.definition.as_ref());
        Ok(Telling {
            notices: self,
            rules,
            zone: plan.and_then(relation::zone),
            now,
            request,
        })
    }
}

impl Telling<'_> {
    /// Writes what the customer is told of the news, where there is a rule for it, they want to
    /// hear it and were not told before; what the journal says of it. Clause OP-3.4.4.
    pub(crate) async fn tell(
        &self,
        connection: &mut PgConnection,
        subject: &Subject<'_>,
        news: News,
    ) -> Result<Option<Entry>, Fault> {
        if !is_news(news.occurred_at, self.now) {
            return Ok(None);
        }
        let Some((version, definition)) = notice::in_force(&self.rules, self.now) else {
            return Ok(None);
        };
        let mut rules = notice::rules(definition, news.event, news.since.stage).peekable();
        if rules.peek().is_none() {
            return Ok(None);
        }
        let Some(agreed) = customers::agreed(connection, subject.customer).await? else {
            return Ok(None);
        };
        let facts = Facts {
            number: subject.number,
            news,
            now: self.now,
            zone: self.zone.as_ref(),
        };
        // The first that can be put into words, and that they want to hear.
        let told = rules.find_map(|rule| {
            let channels = channels(rule, agreed.as_deref())?;
            Some((rule, channels, word(rule, &facts)?))
        });
        let Some((rule, channels, (language, text))) = told else {
            return Ok(None);
        };
        let notice = OrderNotice {
            event: news.event.into(),
            rules_version: version,
            language: language.into(),
            channels,
            text,
            ..OrderNotice::default()
        };
        self.write(connection, subject, &news, rule, notice).await
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        subject: &Subject<'_>,
        news: &News,
        rule: &NoticeRule,
        notice: OrderNotice,
    ) -> Result<Option<Entry>, Fault> {
        let Notices {
            core,
            sealer,
            has_connector,
        } = self.notices;
        let id = core.deps.ids.next()?;
        let key = sealer.key(connection, subject.customer, self.now).await?;
        let words = OrderNotice {
            text: notice.text.clone(),
            ..OrderNotice::default()
        };
        let channels = notice.channels.iter();
        let small = channels.filter_map(|one| i16::try_from(*one).ok());
        let new = NewNotice {
            id,
            cause: &news.cause(subject.order),
            order_id: subject.order,
            customer_id: subject.customer,
            event: news.event,
            rules_version: notice.rules_version,
            rule: &rule.id,
            language: notice.language(),
            channels: &small.collect::<Vec<_>>(),
            sealed: &sealer.seal(&key.0, id, &words)?,
            now: self.now,
            first_attempt: has_connector.then_some(self.now),
        };
        if !notices::insert(connection, &new).await? {
            return Ok(None);
        }
        let bytes = |id: Uuid| id.as_bytes().to_vec();
        let event = event::Event::OrderNoticeChanged(OrderNoticeChanged {
            notice_id: bytes(id),
            order_id: bytes(subject.order),
            customer_id: bytes(subject.customer),
            event: news.event.into(),
            act: NoticeAct::Written.into(),
            state: NoticeState::Pending.into(),
            attempt_count: 0,
            channel: Channel::Unspecified.into(),
            revision: 1,
        });
        let (request, resource) = (self.request.to_string(), name(NOTICES, id));
        let (kind, customer) = (Notices::NAMES.written, Some(subject.customer));
        let entry = Entry::by_itself(self.now, request, kind, resource, customer, event);
        Ok(Some(entry))
    }
}
