//! The knowledge base is looked through, and what it has nothing to say to is noted.

use kefu_contracts::ticket::{ArticleHit, SearchArticlesRequest, SearchArticlesResponse};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    page::Binding,
    present::Shown,
};

use super::Knowledge;
use crate::{
    domain::article::words::{Query, noted, snippet},
    store::articles::{
        gaps,
        reading::{self, Find, Search},
    },
};

const LONGEST_CATEGORY: usize = 80;
const MOST: i32 = 50;
const USUAL: usize = 20;

impl Knowledge {
    /// Clauses OP-3.1, SG-8.
    pub(super) async fn search(
        &self,
        call: Call,
        request: SearchArticlesRequest,
    ) -> Result<Answer<SearchArticlesResponse>, Fault> {
        let (search, size) = read(&request)?;
        let key = self.core.deps.vault.index_key();
        let SearchArticlesRequest {
            language, category, ..
        } = &request;
        let filter = format!(
            "{language}\n{category}\n{}\n{}",
            request.audience, request.query
        );
        let binding = Binding::of(&call, &filter, "");
        let after = binding.after(key, &request.page_token)?;
        let mut count = reading::count(&call, &search);
        let mut page = reading::page(&call, &search, after, size);
        let found = self.core.deps.db.snapshot(move |connection| {
            Box::pin(async move {
                let count = count.build_query_scalar();
                let counted: i64 = count.fetch_one(&mut *connection).await?;
                Ok((counted, page.build().fetch_all(connection).await?))
            })
        });
        let (counted, rows) = found.await?;
        let finds = rows.iter().take(size).map(reading::read);
        let finds: Vec<Find> = finds.collect::<Result<_, _>>()?;
        let next = finds.last().filter(|_| rows.len() > size);
        let next_page_token = next
            .map(|last| binding.token(key, last.place))
            .unwrap_or_default();
        let hits: Vec<ArticleHit> = finds.iter().map(|find| hit(find, &search.query)).collect();
        let shown: Vec<Shown> = hits
            .iter()
            .map(|hit| Shown::of_company(&hit.article))
            .collect();
        let views = &self.core.views;
        views.record(&call, "article.searched", &shown).await?;
        if counted == 0 {
            self.miss(&call, &request.query).await?;
        }
        Ok(Answer::read(SearchArticlesResponse {
            hits,
            next_page_token,
            total_size: i32::try_from(counted).unwrap_or(i32::MAX),
        }))
    }

    async fn miss(&self, call: &Call, query: &str) -> Result<(), Fault> {
        let Some(noted) = noted(query) else {
            return Ok(());
        };
        let (id, today) = (self.core.deps.ids.next()?, self.today(call));
        let db = &self.core.deps.db;
        db.run(move |connection| {
            Box::pin(async move { gaps::note(connection, id, &noted, today).await })
        })
        .await
    }
}

fn read(request: &SearchArticlesRequest) -> Result<(Search, usize), Fault> {
    let mut fields = Fields::new();
    let query = Query::read(&request.query);
    if let Err(what) = &query {
        fields.refuse("query", *what);
    }
    fields.text("language", &request.language, LONGEST_CATEGORY);
    fields.text("category", &request.category, LONGEST_CATEGORY);
    let audience = fields.optional_enum("audience", request.audience);
    fields.ensure(
        (0..=MOST).contains(&request.page_size),
        "page_size",
        Violation::OutOfRange(1, MOST.into()),
    );
    fields.finish()?;
    let size = usize::try_from(request.page_size).unwrap_or_default();
    let search = Search {
        query: query.map_err(|what| Fault::fields(vec![("query".to_owned(), what)]))?,
        language: request.language.clone(),
        category: request.category.clone(),
        audience: audience.unwrap_or_default(),
    };
    Ok((search, if size == 0 { USUAL } else { size }))
}

fn hit(find: &Find, query: &Query) -> ArticleHit {
    let article = &find.stored.article;
    ArticleHit {
        article: article.name.clone(),
        version: article.version,
        title: article.title.clone(),
        snippet: snippet(&article.body, query),
        language: article.language.clone(),
        categories: article.categories.clone(),
        audience: article.audience,
    }
}
