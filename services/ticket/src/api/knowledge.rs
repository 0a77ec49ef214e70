//! `kefu.ticket.v1.KnowledgeService` and what belongs to it: articles are written, reviewed and
//! read, searched, used for tickets, made of tickets, and missed.

mod acts;
mod gaps;
mod propose;
mod read;
mod search;
mod uses;
mod write;

use jiff::{civil::Date, tz::TimeZone};
use kefu_contracts::ticket::{
    AdoptProposalRequest, ArchiveArticleRequest, Article, ArticleProposal, ArticleUse,
    CloseKnowledgeGapRequest, ConfirmArticleRequest, CreateArticleRequest, GetArticleRequest,
    KnowledgeGap, ListArticleSourcesRequest, ListArticleSourcesResponse,
    ListArticleVersionsRequest, ListArticleVersionsResponse, ListArticlesRequest,
    ListArticlesResponse, ListKnowledgeGapsRequest, ListKnowledgeGapsResponse,
    ListTicketArticlesRequest, ListTicketArticlesResponse, ListUncoveredCategoriesRequest,
    ListUncoveredCategoriesResponse, MeasureArticlesRequest, MeasureArticlesResponse,
    ProposeArticleRequest, PublishArticleRequest, ReadArticleRequest, SearchArticlesRequest,
    SearchArticlesResponse, SendBackArticleRequest, SubmitArticleRequest, UpdateArticleRequest,
    UseArticleRequest, WithdrawArticleRequest, knowledge_gap_service_server::KnowledgeGapService,
    knowledge_proposal_service_server::KnowledgeProposalService,
    knowledge_search_service_server::KnowledgeSearchService,
    knowledge_service_server::KnowledgeService, knowledge_use_service_server::KnowledgeUseService,
};
use kefu_service::{
    call::{Call, answer},
    core::Core,
    error::Violation,
    fields::Fields,
};
use tonic::{Request, Response, Status};

use super::Tickets;
use crate::config::TicketConfig;

const REFUSED: &str = "article.refused";

/// The handlers and what they share.
#[derive(Clone)]
pub(crate) struct Knowledge {
    core: Core,
    tickets: Tickets,
    /// After how many months an article is to be gone through again.
    review_months: u32,
    /// Whose days are counted.
    zone: TimeZone,
}

impl Knowledge {
    pub(crate) fn new(core: &Core, tickets: Tickets, config: &TicketConfig) -> Self {
        Self {
            core: core.clone(),
            tickets,
            review_months: config.article_review_months,
            zone: config.zone(),
        }
    }

    /// The company's day.
    fn today(&self, call: &Call) -> Date {
        call.now.to_zoned(self.zone.clone()).date()
    }
}

/// A day that may be left out: `2026-11-28`.
fn day(fields: &mut Fields, field: &str, text: &str) -> Option<Date> {
    let day = text.parse::<Date>().ok();
    let day = day.filter(|day| day.to_string() == text);
    fields.ensure(text.is_empty() || day.is_some(), field, Violation::Date);
    day
}

#[tonic::async_trait]
impl KnowledgeService for Knowledge {
    async fn create_article(
        &self,
        request: Request<CreateArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.create(call, body)).await
    }

    async fn update_article(
        &self,
        request: Request<UpdateArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.update(call, body)).await
    }

    async fn submit_article(
        &self,
        request: Request<SubmitArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.act(call, body)).await
    }

    async fn withdraw_article(
        &self,
        request: Request<WithdrawArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.act(call, body)).await
    }

    async fn send_back_article(
        &self,
        request: Request<SendBackArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.act(call, body)).await
    }

    async fn publish_article(
        &self,
        request: Request<PublishArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.act(call, body)).await
    }

    async fn confirm_article(
        &self,
        request: Request<ConfirmArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.act(call, body)).await
    }

    async fn archive_article(
        &self,
        request: Request<ArchiveArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.act(call, body)).await
    }

    async fn get_article(
        &self,
        request: Request<GetArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.get(call, body)).await
    }

    async fn list_articles(
        &self,
        request: Request<ListArticlesRequest>,
    ) -> Result<Response<ListArticlesResponse>, Status> {
        answer(request, |call, body| self.list(call, body)).await
    }

    async fn list_article_versions(
        &self,
        request: Request<ListArticleVersionsRequest>,
    ) -> Result<Response<ListArticleVersionsResponse>, Status> {
        answer(request, |call, body| self.versions(call, body)).await
    }

    async fn read_article(
        &self,
        request: Request<ReadArticleRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.read(call, body)).await
    }
}

#[tonic::async_trait]
impl KnowledgeSearchService for Knowledge {
    async fn search_articles(
        &self,
        request: Request<SearchArticlesRequest>,
    ) -> Result<Response<SearchArticlesResponse>, Status> {
        answer(request, |call, body| self.search(call, body)).await
    }
}

#[tonic::async_trait]
impl KnowledgeUseService for Knowledge {
    async fn use_article(
        &self,
        request: Request<UseArticleRequest>,
    ) -> Result<Response<ArticleUse>, Status> {
        answer(request, |call, body| self.use_for(call, body)).await
    }

    async fn list_ticket_articles(
        &self,
        request: Request<ListTicketArticlesRequest>,
    ) -> Result<Response<ListTicketArticlesResponse>, Status> {
        answer(request, |call, body| self.uses(call, body)).await
    }

    async fn measure_articles(
        &self,
        request: Request<MeasureArticlesRequest>,
    ) -> Result<Response<MeasureArticlesResponse>, Status> {
        answer(request, |call, body| self.measure(call, body)).await
    }
}

#[tonic::async_trait]
impl KnowledgeProposalService for Knowledge {
    async fn propose_article(
        &self,
        request: Request<ProposeArticleRequest>,
    ) -> Result<Response<ArticleProposal>, Status> {
        answer(request, |call, body| self.propose(call, body)).await
    }

    async fn adopt_proposal(
        &self,
        request: Request<AdoptProposalRequest>,
    ) -> Result<Response<Article>, Status> {
        answer(request, |call, body| self.adopt(call, body)).await
    }

    async fn list_article_sources(
        &self,
        request: Request<ListArticleSourcesRequest>,
    ) -> Result<Response<ListArticleSourcesResponse>, Status> {
        answer(request, |call, body| self.sources(call, body)).await
    }
}

#[tonic::async_trait]
impl KnowledgeGapService for Knowledge {
    async fn list_knowledge_gaps(
        &self,
        request: Request<ListKnowledgeGapsRequest>,
    ) -> Result<Response<ListKnowledgeGapsResponse>, Status> {
        answer(request, |call, body| self.gaps(call, body)).await
    }

    async fn close_knowledge_gap(
        &self,
        request: Request<CloseKnowledgeGapRequest>,
    ) -> Result<Response<KnowledgeGap>, Status> {
        answer(request, |call, body| self.close(call, body)).await
    }

    async fn list_uncovered_categories(
        &self,
        request: Request<ListUncoveredCategoriesRequest>,
    ) -> Result<Response<ListUncoveredCategoriesResponse>, Status> {
        answer(request, |call, body| self.uncovered(call, body)).await
    }
}
