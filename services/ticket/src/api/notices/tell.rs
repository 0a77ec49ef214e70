//! Notices are written in the transaction of what they tell of.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kefu_contracts::{
    common::Channel,
    journal::{EntryKind, NoticeChanged, event},
    ticket::{
        Language, Notice, NoticeAct, NoticeEvent, NoticeRule, NoticeRulesVersion, NoticeState,
        Ticket,
    },
};
use kefu_journal::Entry;
use kefu_service::{
    call::Call,
    error::Fault,
    fields::{name, parse_name},
    notice::{Outbox, is_news},
    present::entry,
};
use kefu_vault::CustomerKey;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Notices;
use crate::{
    api::{
        Tickets,
        rules::Rules,
        wording::{self, Reader},
    },
    domain::{
        notice::{self, channels},
        phrase::Phrase,
    },
    store::{
        customers,
        notices::{self, NOTICES, NewNotice},
        records, versions,
    },
};

/// The rules that were seen lately.
pub(crate) type Known = Rules<NoticeRulesVersion>;

const WRITTEN: &str = Notices::NAMES.written;

/// What happened to a ticket.
pub(crate) struct News<'a> {
    /// As it is afterwards.
    pub(crate) ticket: &'a Ticket,
    pub(crate) key: &'a CustomerKey,
    pub(crate) events: &'a [NoticeEvent],
    /// When it happened.
    pub(crate) occurred_at: Timestamp,
    pub(crate) now: Timestamp,
}

/// A notice that was written: its id, whose it is, and what the journal says of it.
pub(crate) type Told = (Uuid, Uuid, event::Event);

/// The journal entries of a call's notices.
pub(crate) fn by_call(call: &Call, told: Vec<Told>) -> impl Iterator<Item = Entry> {
    told.into_iter().map(|(id, customer, event)| {
        let resource = name(NOTICES, id);
        let customer = Some(customer);
        entry(call, EntryKind::Change, WRITTEN, resource, customer, event)
    })
}

/// The journal entries of notices about what came by itself.
pub(crate) fn by_itself(
    now: Timestamp,
    request: Uuid,
    told: Vec<Told>,
) -> impl Iterator<Item = Entry> {
    told.into_iter().map(move |(id, customer, event)| {
        let (request, resource) = (request.to_string(), name(NOTICES, id));
        Entry::by_itself(now, request, WRITTEN, resource, Some(customer), event)
    })
}

impl Tickets {
    /// Writes what the customer is told of the news, where there is a rule for it and they
    /// want to hear it. Clause SG-2.4.
    pub(crate) async fn tell(
        &self,
        connection: &mut PgConnection,
        news: &News<'_>,
    ) -> Result<Vec<Told>, Fault> {
        if news.events.is_empty() || !is_news(news.occurred_at, news.now) {
            return Ok(Vec::new());
        }
        let versions: Vec<NoticeRulesVersion> = versions::all(connection).await?;
        let Some((version, definition)) = notice::in_force(&versions, news.now) else {
            return Ok(Vec::new());
        };
        let mut told = Vec::new();
        for event in news.events {
            let rules = notice::rules(definition, *event, news.ticket.kind);
            for rule in rules {
                if let Some(one) = self.tell_by(connection, news, (version, rule)).await? {
                    told.push(one);
                    break;
                }
            }
        }
        Ok(told)
    }

    /// Tells of what came by itself to the ticket of this id.
    pub(crate) async fn tell_by_itself(
        &self,
        connection: &mut PgConnection,
        id: Uuid,
        event: NoticeEvent,
        now: Timestamp,
    ) -> Result<Vec<Told>, Fault> {
        let Some(row) = records::find(connection, id).await? else {
            return Ok(Vec::new());
        };
        let key = self.sealer.open_key(row.customer_id, &row.wrapped).await?;
        let ticket = self.open_whole(&key, &row)?;
        let news = News {
            ticket: &ticket,
            key: &key,
            events: &[event],
            occurred_at: now,
            now,
        };
        self.tell(connection, &news).await
    }

    /// `None`: the rule cannot be put into words for this ticket, or the customer does not
    /// want to hear it.
    async fn tell_by(
        &self,
        connection: &mut PgConnection,
        news: &News<'_>,
        (version, rule): (i32, &NoticeRule),
    ) -> Result<Option<Told>, Fault> {
        let unreadable = || Fault::internal("a ticket without its names");
        let ticket_id = parse_name(&news.ticket.name, "tickets").ok_or_else(unreadable)?;
        let customer = parse_name(&news.ticket.customer, "customers").ok_or_else(unreadable)?;
        let Some(agreed) = customers::agreed(connection, customer).await? else {
            return Ok(None);
        };
        let Some(channels) = channels(rule, agreed.as_deref()) else {
            return Ok(None);
        };
        let Some((language, text)) = self.word(connection, news, ticket_id, rule).await? else {
            return Ok(None);
        };
        let id = self.core.deps.ids.next()?;
        let notice = Notice {
            text,
            ..Notice::default()
        };
        let sealer = self.sealer.of_table("ticket.notice");
        let small = channels.iter().filter_map(|one| i16::try_from(*one).ok());
        let new = NewNotice {
            id,
            ticket_id,
            customer_id: customer,
            event: rule.event(),
            rules_version: version,
            rule: &rule.id,
            language,
            channels: &small.collect::<Vec<_>>(),
            sealed: &sealer.seal(news.key, id, &notice)?,
            now: news.now,
            first_attempt: self.has_connector.then_some(news.now),
        };
        notices::insert(connection, &new).await?;
        let bytes = |id: Uuid| id.as_bytes().to_vec();
        let event = event::Event::NoticeChanged(NoticeChanged {
            notice_id: bytes(id),
            ticket_id: bytes(ticket_id),
            customer_id: bytes(customer),
            event: rule.event,
            act: NoticeAct::Written.into(),
            state: NoticeState::Pending.into(),
            attempt_count: 0,
            channel: Channel::Unspecified.into(),
            revision: 1,
        });
        Ok(Some((id, customer, event)))
    }

    /// What the rule says of the ticket, and in what language. Which one a customer reads is
    /// not known here, so that it is Chinese.
    async fn word(
        &self,
        connection: &mut PgConnection,
        news: &News<'_>,
        ticket: Uuid,
        rule: &NoticeRule,
    ) -> Result<Option<(Language, String)>, Fault> {
        let language = Language::ZhCn;
        let text = rule.texts.iter().find(|text| text.language() == language);
        let phrase = text.and_then(|text| Phrase::parse(&text.text, &BTreeSet::new()).ok());
        let Some(phrase) = phrase else {
            return Ok(None);
        };
        // The customer, who is promised it.
        let reader = Reader {
            language,
            now: news.now,
            tier_cleared: true,
        };
        let facts = wording::facts(connection, &phrase, news.ticket, ticket, &reader).await?;
        Ok(phrase.render(&facts).ok().map(|text| (language, text)))
    }
}
