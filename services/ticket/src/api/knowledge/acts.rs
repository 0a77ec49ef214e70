//! What each request asks to be done with an article that is there.

use kefu_contracts::ticket::{
    ArchiveArticleRequest, ArticleAct, ConfirmArticleRequest, PublishArticleRequest,
    SendBackArticleRequest, SubmitArticleRequest, WithdrawArticleRequest,
};
use prost::Message;

/// A request for a step.
pub(super) trait Asks: Message + Send + 'static {
    /// What is asked for.
    const ACT: ArticleAct;

    /// Name, etag and request id.
    fn of(&self) -> (&str, &str, &str);

    /// Why, where that has to be said.
    fn reason(&self) -> Option<&str> {
        None
    }
}

macro_rules! asks {
    ($request:ty, $act:ident $(, $reason:ident)?) => {
        impl Asks for $request {
            const ACT: ArticleAct = ArticleAct::$act;

            fn of(&self) -> (&str, &str, &str) {
                (&self.name, &self.etag, &self.request_id)
            }
            $(
            fn reason(&self) -> Option<&str> {
                Some(&self.$reason)
            }
            )?
        }
    };
}
asks!(SubmitArticleRequest, Submit);
asks!(WithdrawArticleRequest, Withdraw);
asks!(SendBackArticleRequest, SendBack, reason);
asks!(PublishArticleRequest, Publish);
asks!(ConfirmArticleRequest, Confirm);
asks!(ArchiveArticleRequest, Archive, reason);

/// What the journal calls a step.
pub(super) fn journaled_as(act: ArticleAct) -> &'static str {
    match act {
        ArticleAct::Create | ArticleAct::Unspecified => "article.created",
        ArticleAct::Update => "article.updated",
        ArticleAct::Submit => "article.submitted",
        ArticleAct::Withdraw => "article.withdrawn",
        ArticleAct::SendBack => "article.sent_back",
        ArticleAct::Publish => "article.published",
        ArticleAct::Confirm => "article.confirmed",
        ArticleAct::Archive => "article.archived",
        ArticleAct::Revise => "article.revised",
        ArticleAct::Supersede => "article.superseded",
    }
}
