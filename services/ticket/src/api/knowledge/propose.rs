//! From a solved ticket to an article. What a proposal says is the customer's; only what
//! somebody mended becomes the company's.

use std::collections::BTreeMap;

use kefu_contracts::{
    common::Reason,
    policy::DataClass,
    ticket::{
        AdoptProposalRequest, Article, ArticleProposal, LeftOut, ListArticleSourcesRequest,
        ListArticleSourcesResponse, PersonalData, ProposeArticleRequest, Ticket, TicketState,
    },
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Language},
    fields::{Fields, name},
    idempotency::{self, Claim},
    present::Shown,
    written::Written,
};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{
    Knowledge, read,
    uses::worked_on,
    write::{Wanted, begun},
};
use crate::{
    domain::article::personal::leave_out,
    store::{
        articles::{ARTICLES, sources},
        records::{RECORD, StoredTicket},
    },
};

const VIEWED: &str = "ticket.viewed";
const REFUSED: &str = "ticket.refused";
/// Characters of a description that are a title where there is no subject.
const TITLE: usize = 50;

impl Knowledge {
    /// Clause OP-3.1.
    pub(super) async fn propose(
        &self,
        call: Call,
        request: ProposeArticleRequest,
    ) -> Result<Answer<ArticleProposal>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("ticket", &request.ticket, "tickets");
        fields.finish()?;
        let views = &self.core.views;
        let query = RECORD.get(&call, id.unwrap_or_default());
        let Some(row) = self.core.deps.db.row(query).await? else {
            let fault = Fault::not_found(&request.ticket);
            return Err(views.refuse(&call, REFUSED, &request.ticket, fault).await);
        };
        let row = StoredTicket::read(&row)?;
        let (ticket, shown) = self.tickets.present(&call, &row, None).await?;
        if !shown.clearance.classes.contains(DataClass::Service) {
            let class = DataClass::Service.as_str_name();
            let fault = Fault::new(Reason::PermissionMissing).with("classes", class);
            return Err(views.refuse(&call, REFUSED, &request.ticket, fault).await);
        }
        ensure_solved(ticket.state())?;
        let proposal = proposal(&ticket, call.language);
        views.record(&call, VIEWED, &[shown]).await?;
        Ok(Answer::read(proposal))
    }

    /// Clauses OP-3.1, CC-2.4.
    pub(super) async fn adopt(
        &self,
        call: Call,
        request: AdoptProposalRequest,
    ) -> Result<Answer<Article>, Fault> {
        let mut fields = Fields::new();
        let request_id = fields.request_id(&request.request_id);
        let claim = Claim::of(&call, request_id, &request);
        let ticket = fields.name("ticket", &request.ticket, "tickets");
        let step = begun(&mut fields, &call, &request.article.unwrap_or_default());
        idempotency::finish(&self.core.deps.db, fields, claim.as_ref()).await?;
        let ticket = ticket.unwrap_or_default();
        let wanted = Wanted {
            id: self.core.deps.ids.next()?,
            step,
            claim,
        };
        let (service, writing) = (self.clone(), (call.clone(), wanted));
        let outcome = self
            .core
            .deps
            .db
            .transaction(move |connection| {
                let (service, (call, wanted)) = (service.clone(), writing.clone());
                Box::pin(
                    async move { service.adopt_from(connection, &call, ticket, &wanted).await },
                )
            })
            .await;
        let views = &self.core.views;
        let adopted = views
            .or_not_allowed(&call, REFUSED, &request.ticket, outcome)
            .await?;
        adopted.into_answer(views, &call, read::VIEWED).await
    }

    async fn adopt_from(
        &self,
        connection: &mut PgConnection,
        call: &Call,
        ticket: Uuid,
        wanted: &Wanted,
    ) -> Result<Written<Article>, Fault> {
        let (row, _) = worked_on(connection, call, ticket).await?;
        ensure_solved(row.standing().state)?;
        let adopted = self.write(connection, call, wanted).await?;
        // Asked for again, it is the article of before, which has its source.
        if !adopted.replayed {
            sources::insert(connection, wanted.id, row.id, row.customer_id).await?;
        }
        Ok(adopted)
    }

    /// Clause CC-2.4.
    pub(super) async fn sources(
        &self,
        call: Call,
        request: ListArticleSourcesRequest,
    ) -> Result<Answer<ListArticleSourcesResponse>, Fault> {
        let mut fields = Fields::new();
        let id = fields.name("article", &request.article, ARTICLES);
        fields.finish()?;
        let mut query = sources::of(&call, id.unwrap_or_default());
        let rows = self.core.deps.db.run(move |connection| {
            Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
        });
        let mut tickets = Vec::new();
        let mut all_shown = Vec::new();
        for row in rows.await? {
            let ticket = name("tickets", row.try_get("id")?);
            tickets.push(ticket.clone());
            all_shown.push(Shown {
                resource: ticket,
                customer_id: row.try_get("customer_id")?,
                clearance: call.context.clearance(row.try_get("matched")?, call.now),
            });
        }
        let views = &self.core.views;
        views.record(&call, VIEWED, &all_shown).await?;
        Ok(Answer::read(ListArticleSourcesResponse { tickets }))
    }
}

fn ensure_solved(state: TicketState) -> Result<(), Fault> {
    match state {
        TicketState::Resolved | TicketState::Closed => Ok(()),
        other => {
            let name = other.as_str_name();
            let name = name.strip_prefix("TICKET_STATE_").unwrap_or(name);
            Err(Fault::state(name, "PROPOSE").with("from", "RESOLVED, CLOSED"))
        }
    }
}

/// Question and solution, without what looks like personal data.
fn proposal(ticket: &Ticket, language: Language) -> ArticleProposal {
    let mut left_out = BTreeMap::<PersonalData, i32>::new();
    let mut clean = |text: &str| {
        let (clean, kinds) = leave_out(text);
        for kind in kinds {
            *left_out.entry(kind).or_default() += 1;
        }
        clean
    };
    let (subject, question) = (clean(&ticket.subject), clean(&ticket.description));
    let solution = clean(&ticket.resolution);
    let title = match subject.trim().is_empty() {
        true => question.chars().take(TITLE).collect(),
        false => subject,
    };
    let (asked, solved) = match language {
        Language::Chinese => ("问题", "解答"),
        Language::English => ("Question", "Answer"),
    };
    let left_out = left_out.into_iter().map(|(kind, count)| LeftOut {
        kind: kind.into(),
        count,
    });
    ArticleProposal {
        title,
        body: format!("## {asked}\n\n{question}\n\n## {solved}\n\n{solution}\n"),
        categories: [ticket.category.clone()]
            .into_iter()
            .filter(|category| !category.is_empty())
            .collect(),
        left_out: left_out.collect(),
    }
}
