//! Looking things up (OP-3.1).

use std::{cmp::Reverse, collections::BTreeMap};

use kefu_contracts::ticket::{
    SearchArticlesRequest, SearchArticlesResponse,
    knowledge_search_service_client::KnowledgeSearchServiceClient,
};
use kefu_testkit::TestSuite;
use proptest::{
    prelude::Strategy,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::*;
use crate::records::violations;

pub(crate) async fn search(
    caller: &Caller,
    request: SearchArticlesRequest,
) -> Result<SearchArticlesResponse, Status> {
    let mut client = KnowledgeSearchServiceClient::new(caller.clone());
    let found = client.search_articles(request).await;
    found.map(Response::into_inner)
}

pub(crate) fn asked(query: &str) -> SearchArticlesRequest {
    SearchArticlesRequest {
        query: query.into(),
        ..Default::default()
    }
}

/// Titles, best first, whole by pages of two, which the total agrees with.
pub(crate) async fn titles(caller: &Caller, mut request: SearchArticlesRequest) -> Vec<String> {
    let mut all = Vec::new();
    request.page_size = 2;
    loop {
        let page = search(caller, request.clone()).await.unwrap();
        all.extend(page.hits.into_iter().map(|hit| hit.title));
        if page.next_page_token.is_empty() {
            assert_eq!(page.total_size as usize, all.len(), "{request:?}");
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

/// Clause OP-3.1: Chinese from one character on, Latin by its beginning or with one letter
/// wrong; the title before the keywords before the body.
#[tokio::test(flavor = "multi_thread")]
async fn articles_are_found_by_the_words_in_them() {
    let suite = TestSuite::start().await;
    let (agent, trainer) = (suite.caller(AGENT), suite.caller(TRAINER));
    let keyed = Article {
        keywords: vec!["滤芯".into(), "filter".into()],
        categories: vec!["after_sales".into()],
        audience: ArticleAudience::Customer.into(),
        ..article("净化器的保养", "每半年一次")
    };
    published(&agent, &trainer, keyed).await;
    published(
        &agent,
        &trainer,
        article("KJ500 更换滤芯", "断电后打开 Müller 后盖"),
    )
    .await;
    let body = article("噪音大怎么办", "可能是滤芯没有装好；Wi-Fi 与此无关。");
    published(&agent, &trainer, body).await;
    let english = Article {
        language: "en".into(),
        ..article("Reset the filter light", "Hold the button.")
    };
    published(&agent, &trainer, english).await;
    let (filters, noise) = ("KJ500 更换滤芯", "噪音大怎么办");
    let (care, light) = ("净化器的保养", "Reset the filter light");
    for (query, expected) in [
        ("滤芯", &[filters, care, noise][..]),
        ("芯", &[filters, care, noise]),
        ("噪", &[noise]),
        ("更换滤芯", &[filters]),
        ("净化器怎么保养", &[care]),
        ("kj5", &[filters]),
        ("ＫＪ５００", &[filters]),
        ("j500", &[]),
        ("filter", &[light, care]),
        ("FILTRE", &[light, care]),
        ("fitler", &[light, care]),
        ("fxxter", &[]),
        ("muller", &[filters]),
        ("滤芯 muller", &[filters]),
        ("滤芯 filter", &[care]),
        ("wi", &[noise]),
        ("打印机", &[]),
    ] {
        assert_eq!(titles(&agent, asked(query)).await, expected, "{query}");
    }
    let only = SearchArticlesRequest {
        language: "en".into(),
        ..asked("filter")
    };
    assert_eq!(titles(&agent, only).await, [light]);
    let only = SearchArticlesRequest {
        category: "after_sales".into(),
        ..asked("滤芯")
    };
    assert_eq!(titles(&agent, only).await, [care]);
    let only = SearchArticlesRequest {
        audience: ArticleAudience::Customer.into(),
        ..asked("滤芯")
    };
    assert_eq!(titles(&agent, only).await, [care]);
    let hits = search(&agent, asked("没有装好")).await.unwrap().hits;
    assert_eq!(hits[0].snippet, "可能是滤芯没有装好；Wi-Fi 与此无关。");
    for (wrong, field) in [
        (asked(" "), "query"),
        (asked("？"), "query"),
        (asked(&"长".repeat(101)), "query"),
        (asked("a b c d e f g h i"), "query"),
        (
            SearchArticlesRequest {
                page_size: 51,
                ..asked("滤")
            },
            "page_size",
        ),
    ] {
        let refused = search(&agent, wrong).await.unwrap_err();
        assert_eq!(violations(&refused), [field]);
    }
    let foreign = SearchArticlesRequest {
        page_token: "AAAA".into(),
        ..asked("滤芯")
    };
    let refused = search(&agent, foreign).await.unwrap_err();
    assert_eq!(refusal(&refused).1, "INVALID_PAGE_TOKEN");
}

/// Clause OP-3.1: what may not be read is neither found nor counted, whatever is asked.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_read_is_found_and_counted() {
    let suite = TestSuite::start().await;
    let (agent, trainer) = (suite.caller(AGENT), suite.caller(TRAINER));
    let (other, page) = (
        suite.caller(OTHER),
        suite.caller_for("webshop", "integration"),
    );
    let told = Article {
        audience: ArticleAudience::Customer.into(),
        ..article("公开滤芯", "文")
    };
    published(&agent, &trainer, told).await;
    let restricted = Article {
        departments: vec![department("technical_support")],
        ..article("内部滤芯", "文")
    };
    published(&agent, &trainer, restricted).await;
    create(&agent, article("草稿滤芯", "文")).await.unwrap();
    let now = suite.clock.now();
    let ends = Article {
        valid_until_time: Some(to_proto(now + jiff::SignedDuration::from_mins(10))),
        ..article("短期滤芯", "文")
    };
    published(&agent, &trainer, ends).await;
    let gone = published(&agent, &trainer, article("归档滤芯", "文")).await;
    archive(&trainer, &gone).await.unwrap();
    let old = published(&agent, &trainer, article("旧版滤芯", "文")).await;
    let new = Article {
        title: "新版".into(),
        ..old
    };
    let new = update(&agent, new).await.unwrap();
    let new = submit(&agent, &new).await.unwrap();
    // Found as it is read, until the next version is published.
    let mut found = titles(&agent, asked("旧版")).await;
    assert_eq!(found, ["旧版滤芯"]);
    publish(&trainer, &new).await.unwrap();
    assert_eq!(titles(&agent, asked("旧版")).await, [""; 0]);

    let sorted = async |caller: &Caller| {
        let mut all = titles(caller, asked("滤芯")).await;
        all.sort();
        all
    };
    assert_eq!(sorted(&agent).await, ["公开滤芯", "短期滤芯"]);
    assert_eq!(sorted(&other).await, ["公开滤芯", "内部滤芯", "短期滤芯"]);
    assert_eq!(sorted(&page).await, ["公开滤芯"]);
    suite.clock.advance(std::time::Duration::from_secs(601));
    found = kefu_testkit::eventually(async || {
        let all = search(&agent, asked("短期")).await.ok()?;
        Some(all.hits.into_iter().map(|hit| hit.title).collect())
    })
    .await;
    assert_eq!(found, [""; 0]);
}

/// What a field has of a word: 2 as it is, 1 misspelt, 0 not at all. Looks at each letter.
fn has(text: &str, word: &str) -> u32 {
    let latin = |letter: char| letter.is_ascii_alphanumeric();
    let words: Vec<&str> = text.split(' ').collect();
    if !word.chars().all(latin) {
        let letters: Vec<char> = word.chars().collect();
        if letters.len() <= 4 {
            return if text.contains(word) { 2 } else { 0 };
        }
        let pairs: Vec<String> = letters.windows(2).map(|two| two.iter().collect()).collect();
        let there = pairs.iter().filter(|two| text.contains(two.as_str()));
        return if there.count() * 2 >= pairs.len() {
            2
        } else {
            0
        };
    }
    if words.iter().any(|one| one.starts_with(word)) {
        return 2;
    }
    let without = |word: &str| {
        let all = (0..word.len()).map(|at| format!("{}{}", &word[..at], &word[at + 1..]));
        all.chain([word.to_owned()]).collect::<Vec<_>>()
    };
    let near = words.iter().any(|one| {
        one.len() >= 4
            && word.len() >= 4
            && one.chars().all(latin)
            && without(one).iter().any(|left| without(word).contains(left))
    });
    u32::from(near)
}

/// Clause OP-3.1: over random articles and queries, what is found and in which order is what
/// looking at each article says.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_as_looking_at_every_article() {
    let suite = TestSuite::start().await;
    let (agent, trainer) = (suite.caller(AGENT), suite.caller(TRAINER));
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut some = |pattern: &str| {
        let strategy = proptest::string::string_regex(pattern).unwrap();
        strategy.new_tree(&mut runner).unwrap().current()
    };
    const TEXT: &str = "([滤芯换电]{1,6}|[abc]{1,5})( ([滤芯换电]{1,6}|[abc]{1,5})){0,3}";
    let mut all = BTreeMap::new();
    for at in 0..20 {
        let fields = [some(TEXT), some(TEXT), some(TEXT)];
        let one = Article {
            keywords: vec![fields[1].clone()],
            ..article(&fields[0], &fields[2])
        };
        let one = published(&agent, &trainer, one).await;
        all.insert(one.name, (at, fields));
    }
    let mut hits = 0;
    for _ in 0..80 {
        let query = some("([滤芯换电]{1,6}|[abc]{1,5})( ([滤芯换电]{1,4}|[abc]{2,5}))?");
        let points = |fields: &[String; 3]| {
            let mut sum = 0;
            for word in query.split(' ') {
                let each = fields.iter().zip([10_000, 100, 1]);
                let best = each.map(|(text, weight)| has(text, word) * weight).max()?;
                sum += Some(best).filter(|best| *best > 0)?;
            }
            Some(sum)
        };
        let mut expected: Vec<_> = all
            .iter()
            .filter_map(|(name, (_, fields))| Some((points(fields)?, name.clone())))
            .collect();
        expected.sort_by_key(|(points, name)| Reverse((*points, name.clone())));
        let request = SearchArticlesRequest {
            page_size: 50,
            ..asked(&query)
        };
        let found = search(&agent, request).await.unwrap();
        let names: Vec<_> = found.hits.into_iter().map(|hit| hit.article).collect();
        let right: Vec<_> = expected.into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, right, "{query}: {all:#?}");
        assert_eq!(found.total_size as usize, right.len());
        hits += right.len();
    }
    assert!(hits > 100, "hardly anything was found: {hits}");
}
