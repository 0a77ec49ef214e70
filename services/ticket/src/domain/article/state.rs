//! States of a version of an article, as one table (docs/article-states.md).

use ArticleState::{Archived, Draft, InReview, Published, Superseded};
use kefu_contracts::ticket::{ArticleAct, ArticleState};
use kefu_service::error::Fault;

type To = Option<ArticleState>;
const NO: To = None;
const DRAFT: To = Some(Draft);
const IN_REVIEW: To = Some(InReview);
const PUBLISHED: To = Some(Published);
const SUPERSEDED: To = Some(Superseded);
const ARCHIVED: To = Some(Archived);

const STATES: [ArticleState; 5] = [Draft, InReview, Published, Superseded, Archived];

/// What is done, and where it leads from each state. `REVISE` leads to the next version; the
/// one before stays as it is until that is published, which supersedes it.
#[rustfmt::skip]
const TABLE: [(ArticleAct, [To; 5]); 9] = [
    // from:                   DRAFT      IN_REVIEW  PUBLISHED   SUPERSEDED  ARCHIVED
    (ArticleAct::Update,    [ DRAFT,     NO,        NO,         NO,         NO    ]),
    (ArticleAct::Submit,    [ IN_REVIEW, NO,        NO,         NO,         NO    ]),
    (ArticleAct::Withdraw,  [ NO,        DRAFT,     NO,         NO,         NO    ]),
    (ArticleAct::SendBack,  [ NO,        DRAFT,     NO,         NO,         NO    ]),
    (ArticleAct::Publish,   [ NO,        PUBLISHED, NO,         NO,         NO    ]),
    (ArticleAct::Confirm,   [ NO,        NO,        PUBLISHED,  NO,         NO    ]),
    (ArticleAct::Archive,   [ ARCHIVED,  NO,        ARCHIVED,   NO,         NO    ]),
    (ArticleAct::Revise,    [ NO,        NO,        DRAFT,      NO,         DRAFT ]),
    (ArticleAct::Supersede, [ NO,        NO,        SUPERSEDED, NO,         NO    ]),
];

/// Where it leads.
///
/// # Errors
/// `STATE_NOT_ALLOWED` with the states `from` which it may be done.
pub(crate) fn after(state: ArticleState, act: ArticleAct) -> Result<ArticleState, Fault> {
    let row = TABLE.iter().find(|(of, _)| *of == act);
    let ways = row.map_or(&[NO; 5], |(_, ways)| ways);
    let leads = |from: &ArticleState| {
        let at = STATES.iter().position(|one| one == from)?;
        ways[at]
    };
    leads(&state).ok_or_else(|| {
        let from: Vec<_> = STATES.iter().filter(|one| leads(one).is_some()).collect();
        let from: Vec<_> = from.into_iter().map(|one| state_name(*one)).collect();
        Fault::state(state_name(state), act_name(act)).with("from", from.join(", "))
    })
}

/// `IN_REVIEW`: the enum value without its prefix.
fn state_name(state: ArticleState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("ARTICLE_STATE_").unwrap_or(name)
}

fn act_name(act: ArticleAct) -> &'static str {
    let name = act.as_str_name();
    name.strip_prefix("ARTICLE_ACT_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    fn page() -> String {
        let mut page = "# What can be done with an article, and when\n\n\
            A cell says the state that a version is in afterwards; empty: it cannot be done there. REVISE begins the next\n\
            version, and the one before stays as it is until that is published, which supersedes it. Made of\n\
            `services/ticket/src/domain/article/state.rs`; a test holds both together.\n\n| act |"
            .to_owned();
        for state in STATES {
            write!(page, " {} |", state_name(state)).unwrap();
        }
        page += "\n|---|---|---|---|---|---|\n";
        for (act, ways) in TABLE {
            write!(page, "| {} |", act_name(act)).unwrap();
            for to in ways {
                write!(page, " {} |", to.map_or("", state_name)).unwrap();
            }
            page += "\n";
        }
        page
    }

    #[test]
    fn the_page_about_articles_is_the_tables() {
        let written = include_str!("../../../../../docs/article-states.md");
        assert_eq!(
            page(),
            written,
            "docs/article-states.md is to be:\n{}",
            page()
        );
    }

    #[test]
    fn what_is_refused_says_from_where_it_may_be_done() {
        let fault = after(Published, ArticleAct::Archive)
            .and_then(|now| after(now, ArticleAct::Publish))
            .unwrap_err();
        let told = [
            ("state", "ARCHIVED".to_owned()),
            ("wanted", "PUBLISH".to_owned()),
            ("from", "IN_REVIEW".to_owned()),
        ];
        assert_eq!(fault.metadata, told);
    }

    proptest! {
        /// Whatever is done in whatever order: only what was in review is published, and what
        /// was superseded or archived stays so.
        #[test]
        fn no_order_of_acts_publishes_what_was_not_reviewed(
            acts in proptest::collection::vec(proptest::sample::select(TABLE.map(|(act, _)| act).to_vec()), 0..30),
        ) {
            let mut now = Draft;
            for act in acts {
                let Ok(next) = after(now, act) else { continue };
                // The next version is another.
                if act == ArticleAct::Revise {
                    prop_assert!(matches!(now, Published | Archived));
                    continue;
                }
                prop_assert!(next != Published || matches!(now, InReview | Published));
                prop_assert!(!matches!(now, Superseded | Archived));
                now = next;
            }
        }
    }
}
