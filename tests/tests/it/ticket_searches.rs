//! Tickets are found by what was written of them, as far as it is cleared (SG-5, CC-2.4).

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kefu_contracts::{
    common::TotalKind,
    ticket::{
        Direction, GetTicketRequest, ListTicketsRequest, ReopenTicketRequest, ReplyToTicketRequest,
        ResolveTicketRequest, StartTicketRequest, Ticket,
    },
};
use kefu_service::{clock::Clock, ids::system_randomness};
use kefu_testkit::{Caller, TestSuite, eventually};
use kefu_vault::Vault;
use proptest::{
    prelude::Strategy,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tonic::Status;

use crate::{
    destruction::{COOLING, certificate, form, full, id, scheduled, scrubbed},
    records::{enter, open, person, ticket, tickets, violations},
};

/// Pages that are looked at of what is much.
const PAGES: usize = 4;

/// References in their order, whole by pages of two, which the total agrees with.
async fn found(caller: &Caller, filter: &str) -> Result<Vec<String>, Status> {
    let mut all = Vec::new();
    let mut request = ListTicketsRequest {
        page_size: 2,
        filter: filter.into(),
        order_by: "received_time".into(),
        ..Default::default()
    };
    loop {
        let page = tickets(caller).list_tickets(request.clone()).await?;
        let page = page.into_inner();
        all.extend(page.tickets.iter().map(|one| one.external_ref.clone()));
        if page.next_page_token.is_empty() {
            assert_eq!(page.total_size as usize, all.len(), "{filter}");
            assert_eq!(page.total_kind(), TotalKind::Exact);
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

async fn say(caller: &Caller, of: Ticket, direction: Direction, body: &str) -> Ticket {
    let reply = ReplyToTicketRequest {
        name: of.name,
        etag: of.etag,
        direction: direction.into(),
        body: body.into(),
        ..Default::default()
    };
    let said = tickets(caller).reply_to_ticket(reply).await;
    said.unwrap().into_inner()
}

async fn resolve(caller: &Caller, of: Ticket, resolution: &str) -> Ticket {
    let resolve = ResolveTicketRequest {
        name: of.name,
        etag: of.etag,
        resolution: resolution.into(),
        ..Default::default()
    };
    let resolved = tickets(caller).resolve_ticket(resolve).await;
    resolved.unwrap().into_inner()
}

async fn opened(caller: &Caller, reference: &str, subject: &str, description: &str) -> Ticket {
    let customer = enter(caller, person()).await;
    let one = Ticket {
        external_ref: reference.into(),
        subject: subject.into(),
        description: description.into(),
        ..ticket(&customer.name)
    };
    let made = open(caller, one).await;
    let start = StartTicketRequest {
        name: made.name,
        etag: made.etag,
        ..Default::default()
    };
    let started = tickets(caller).start_ticket(start).await;
    started.unwrap().into_inner()
}

/// Three tickets of an agent's, talked about.
async fn desk(suite: &TestSuite) -> Caller {
    let agent = suite.caller("li.wei");
    let printer = opened(
        &agent,
        "oa-1",
        "打印机卡纸",
        "三楼的 LaserJet Pro 总是卡纸。机器很旧",
    )
    .await;
    let printer = say(
        &agent,
        printer,
        Direction::In,
        "换了硒鼓，还是不行。打印，机会渺茫",
    )
    .await;
    let printer = say(&agent, printer, Direction::Internal, "客户脾气急躁").await;
    resolve(&agent, printer, "上门更换搓纸轮").await;
    let parcel = opened(&agent, "oa-2", "快递未到", "订单 20260413 三天没有更新").await;
    say(
        &agent,
        parcel,
        Direction::Out,
        "Ｗｉ－Ｆｉ 打印机明天送到，Müller 先生",
    )
    .await;
    opened(&agent, "ob-3", "发票", "打").await;
    agent
}

/// Clauses SG-5, CC-2.4: by any word of two characters or more in one of the texts, by number and reference also by
/// how they begin; pages and counts are of the same.
#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_found_by_what_was_written_of_them() {
    let suite = TestSuite::start().await;
    let agent = desk(&suite).await;
    let (printer, parcel, invoice) = ("oa-1", "oa-2", "ob-3");
    for (filter, expected) in [
        ("text:打印机", &[printer, parcel][..]),
        ("text:打印", &[printer, parcel]),
        ("subject:打印机", &[printer]),
        ("text:印机卡纸", &[printer]),
        ("text:打印机卡纸", &[printer]),
        ("text:打印机坏纸", &[]),
        // It begins in one message and goes on in none, nor over a comma.
        ("text:机会渺茫", &[printer]),
        ("text:印机会", &[]),
        ("text:纸上门", &[]),
        ("text:更换搓纸", &[printer]),
        ("resolution:更换", &[printer]),
        ("resolution:卡纸", &[]),
        ("subject:更换", &[]),
        ("text:急躁", &[printer]),
        ("text:laserjet", &[printer]),
        ("text:laser", &[printer]),
        ("text:SERJ", &[printer]),
        ("text:lasrejet", &[]),
        ("text:fi AND text:muller", &[parcel]),
        ("text:20260413", &[parcel]),
        ("text:0413", &[parcel]),
        // One text has them all, in any order; or the ticket has each somewhere.
        (r#"text:"卡纸 三楼""#, &[printer]),
        (r#"text:"硒鼓 三楼""#, &[]),
        ("text:硒鼓 AND text:三楼", &[printer]),
        ("text:打印机 AND subject:快递", &[parcel]),
        ("text:打印机 AND state = RESOLVED", &[printer]),
        ("text:发票", &[invoice]),
        ("text:李四", &[]),
        ("number:T100000", &[printer, parcel, invoice]),
        ("number = T1000002", &[parcel]),
        ("number:t1", &[]),
        ("external_ref:oa-", &[printer, parcel]),
        ("external_ref = oa-", &[]),
        (r#"external_ref:"%""#, &[]),
        ("external_ref:o AND text:打印", &[printer, parcel]),
    ] {
        assert_eq!(found(&agent, filter).await.unwrap(), expected, "{filter}");
    }
    for wrong in [
        "text = 打印机",
        "text != 打印机",
        "text:打",
        "text:a",
        "text:。",
        r#"text:"打印机 x""#,
        "description:打印机",
        r#"number:"""#,
        "category:installation",
    ] {
        let refused = found(&agent, wrong).await.unwrap_err();
        assert_eq!(violations(&refused), ["filter"], "{wrong}");
    }
}

/// Clauses SG-5, CF-6.1: what is not cleared finds nothing and counts nothing, whether it is there or not; and
/// nobody finds what lies outside of their scope.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_seen_of_a_ticket_is_not_found_by() {
    let suite = TestSuite::start().await;
    let agent = desk(&suite).await;
    let auditor = suite.caller_for("dong.jie", "audit").after(&agent);
    assert_eq!(found(&auditor, "number:T1").await.unwrap().len(), 3);
    let inspector = suite.caller_for("gao.yuan", "quality").after(&agent);
    let head = suite.caller("zhang.min").after(&agent);
    let (other, elsewhere) = (suite.caller("wang.fang"), suite.caller("ma.chao"));
    for filter in [
        "text:打印机",
        "subject:打印机",
        "resolution:更换",
        "text:急躁",
    ] {
        let all = found(&agent, filter).await.unwrap();
        assert!(!all.is_empty());
        assert_eq!(found(&inspector, filter).await.unwrap(), all, "{filter}");
        assert_eq!(found(&head, filter).await.unwrap(), all, "{filter}");
        assert_eq!(found(&auditor, filter).await.unwrap(), [""; 0], "{filter}");
        for caller in [&other, &elsewhere] {
            let caller = caller.clone().after(&agent);
            assert_eq!(found(&caller, filter).await.unwrap(), [""; 0], "{filter}");
        }
    }
}

/// Clauses CC-2.4, CF-10.2: what is written is found as soon as it is, and a resolution no longer as it was; what was
/// written before is marked, and goes on where it was left; of a destroyed file nothing is found.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_follows_the_ticket() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let one = opened(&agent, "oa-1", "空调不制冷", "").await;
    let one = say(&agent, one, Direction::In, "压缩机不转").await;
    assert_eq!(found(&agent, "text:压缩机").await.unwrap(), ["oa-1"]);
    let one = resolve(&agent, one, "补充冷媒").await;
    assert_eq!(found(&agent, "resolution:冷媒").await.unwrap(), ["oa-1"]);
    let reopen = ReopenTicketRequest {
        name: one.name,
        etag: one.etag,
        reason: "又不冷了".into(),
        ..Default::default()
    };
    let one = tickets(&agent).reopen_ticket(reopen).await.unwrap();
    resolve(&agent, one.into_inner(), "更换压缩机").await;
    assert_eq!(found(&agent, "text:冷媒").await.unwrap(), [""; 0]);
    assert_eq!(found(&agent, "resolution:压缩机").await.unwrap(), ["oa-1"]);

    // As it lay there before there were marks; of some, marks had been made.
    let mut sql = suite.database.connect().await.unwrap();
    let marks = "SELECT part, pairs, longer FROM ticket.text_mark ORDER BY part, pairs";
    let marked: Vec<(i16, Vec<i64>, Vec<i32>)> =
        sqlx::query_as(marks).fetch_all(&mut sql).await.unwrap();
    // The ticket's own two, what was said, and why it was reopened.
    assert_eq!(marked.len(), 4);
    for before in [
        "DELETE FROM ticket.text_mark WHERE part <> 2",
        "INSERT INTO ticket.text_to_mark SELECT id, customer_id FROM ticket.ticket",
    ] {
        sqlx::query(before).execute(&mut sql).await.unwrap();
    }
    // Somebody is at the ticket just as the marks are to be made: that is waited for.
    let mut other = suite.database.connect().await.unwrap();
    for hold in ["BEGIN", "SELECT 1 FROM ticket.ticket FOR UPDATE"] {
        sqlx::query(hold).execute(&mut other).await.unwrap();
    }
    suite.clock.advance(Duration::from_secs(61));
    eventually(|| async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                     AND wait_event_type = 'Lock' AND query LIKE '%text_to_mark%'";
        let mut sql = suite.database.connect().await.unwrap();
        let waits: i64 = sqlx::query_scalar(waits).fetch_one(&mut sql).await.unwrap();
        (waits > 0).then_some(())
    })
    .await;
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    eventually(|| async {
        let mut sql = suite.database.connect().await.unwrap();
        let left = "SELECT count(*) FROM ticket.text_to_mark";
        let left: i64 = sqlx::query_scalar(left).fetch_one(&mut sql).await.unwrap();
        (left == 0).then_some(())
    })
    .await;
    let again: Vec<(i16, Vec<i64>, Vec<i32>)> =
        sqlx::query_as(marks).fetch_all(&mut sql).await.unwrap();
    assert_eq!(again, marked);

    suite.policy_is_fresh().await;
    let (customer, gone) = full(&suite).await;
    let of = "SELECT count(*) FROM ticket.text_mark WHERE ticket_id = $1";
    let count = async |sql: &mut sqlx::PgConnection| -> i64 {
        let counted = sqlx::query_scalar(of).bind(id(&gone.name));
        counted.fetch_one(sql).await.unwrap()
    };
    assert_eq!(count(&mut sql).await, 1);
    let destruction = scheduled(&suite, form(&[&customer.name])).await;
    suite.clock.advance(COOLING);
    certificate(&suite, &destruction).await;
    scrubbed(&suite, &customer.name).await;
    assert_eq!(count(&mut sql).await, 0);
}

/// What looking at every text finds: those that have each word, or of a longer one every four characters that follow
/// each other.
fn has(text: &str, query: &str) -> bool {
    query.split(' ').all(|word| {
        let letters: Vec<char> = word.chars().collect();
        let mut parts = letters.windows(letters.len().min(4));
        parts.all(|part| text.contains(&part.iter().collect::<String>()))
    })
}

/// Clause SG-5: over random talk, a search finds what looking at each text of each ticket finds.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_is_as_looking_at_every_text() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut some = |pattern: &str| {
        let strategy = proptest::string::string_regex(pattern).unwrap();
        strategy.new_tree(&mut runner).unwrap().current()
    };
    let mut written = Vec::new();
    for number in 0..12 {
        let reference = format!("r-{number:02}");
        let (subject, description) = (some("[甲乙丙丁]{1,4}"), some("[甲乙丙丁，]{0,9}"));
        let mut one = opened(&agent, &reference, &subject, &description).await;
        for _ in 0..3 {
            let body = some("[甲乙丙丁戊][甲乙丙丁戊。]{0,7}");
            one = say(&agent, one, Direction::In, &body).await;
        }
        let request = GetTicketRequest { name: one.name };
        let one = tickets(&agent).get_ticket(request).await.unwrap();
        written.push((reference, one.into_inner()));
    }
    let mut hits = 0;
    for number in 0..80 {
        let query = match number % 4 {
            0 => some("[甲乙丙丁戊]{2,3} [甲乙丙丁]{2}"),
            _ => some("[甲乙丙丁戊]{2,5}"),
        };
        let expected = written.iter().filter(|(_, one)| {
            let opening = format!("{}，{}", one.subject, one.description);
            let messages = one.messages.iter().map(|message| message.body.as_str());
            let mut texts = messages.chain([opening.as_str()]);
            texts.any(|text| has(text, &query))
        });
        let expected: BTreeSet<_> = expected.map(|(reference, _)| reference.clone()).collect();
        let seen = found(&agent, &format!("text:\"{query}\"")).await.unwrap();
        assert_eq!(seen.len(), expected.len(), "{query}");
        assert_eq!(BTreeSet::from_iter(seen), expected, "{query}");
        hits += expected.len();
    }
    assert!(hits > 80, "{hits} are few: nothing was tried");
}

/// Tickets of the call centre's, the latest last, of which nothing was written: only marks lie there, of words that
/// so many have, so many times each, and that lie so.
async fn crowd(suite: &TestSuite, like: &Ticket) {
    let mut sql = suite.database.connect().await.unwrap();
    let tickets = "INSERT INTO ticket.ticket (id, number, customer_id, kind, channel, category, impact, urgency, priority,
            state, waiting_for, department_id, reopen_count, external_ref, sealed, received_at, revision, created_at,
            updated_at)
        SELECT gen_random_uuid(), 'X' || n, customer_id, kind, channel, category, impact, urgency, priority, state, 0,
            department_id, 0, lpad(n::text, 5, '0'), '', $2::timestamptz + n * interval '1 s', 1, created_at, updated_at
        FROM ticket.ticket, generate_series(1, 12000) n WHERE id = $1";
    let provider = Arc::new(suite.keys.provider().unwrap());
    let vault = Vault::new(provider, system_randomness());
    let begin = suite.clock.now() - Duration::from_secs(20 * 3600);
    let made = sqlx::query(tickets)
        .bind(id(&like.name))
        .bind(begin.to_string());
    made.execute(&mut sql).await.unwrap();
    for (word, which, times) in [
        ("到处", "n % 2 = 0", 1),
        ("偶尔", "n % 200 = 7", 1),
        ("常常", "n % 12 = 5", 5),
        ("少而多", "n % 30 = 3", 12),
        ("从前", "n <= 900", 5),
        ("当初", "n <= 1500", 3),
        ("刚才", "n > 11600", 1),
        ("时常", "n % 24 = 4", 9),
    ] {
        let marks = vault
            .index_key()
            .text_marks("ticket.text_mark", "text", word);
        let rows = format!(
            "INSERT INTO ticket.text_mark (ticket_id, customer_id, part, pairs, longer)
             SELECT id, customer_id, 3, $1, $2
             FROM (SELECT id, customer_id, external_ref::int AS n FROM ticket.ticket WHERE number LIKE 'X%') t,
                  generate_series(1, {times}) WHERE {which}"
        );
        let added = sqlx::query(sqlx::AssertSqlSafe(rows))
            .bind(marks.pairs)
            .bind(marks.longer);
        added.execute(&mut sql).await.unwrap();
    }
    sqlx::query("ANALYZE ticket.ticket, ticket.text_mark")
        .execute(&mut sql)
        .await
        .unwrap();
}

/// Clause SG-5: however many have a word, and wherever they lie, the same is found and counted as by looking at each;
/// exactly up to a thousand.
#[tokio::test(flavor = "multi_thread")]
async fn the_frequent_and_the_rare_are_found_alike() {
    let suite = TestSuite::start().await;
    let agent = suite.caller("li.wei");
    let like = opened(&agent, "like", "x", "").await;
    crowd(&suite, &like).await;
    let head = suite.caller("zhang.min").after(&agent);
    let expected = |which: &dyn Fn(usize) -> bool| -> Vec<String> {
        let numbers = (1..=12_000).filter(|n| which(*n));
        numbers.map(|n| format!("{n:05}")).collect()
    };
    for (filter, mut expected) in [
        ("text:到处", expected(&|n| n % 2 == 0)),
        ("text:偶尔", expected(&|n| n % 200 == 7)),
        ("text:常常", expected(&|n| n % 12 == 5)),
        ("text:少而多", expected(&|n| n % 30 == 3)),
        ("text:从前", expected(&|n| n <= 900)),
        ("text:当初", expected(&|n| n <= 1500)),
        ("text:刚才", expected(&|n| n > 11_600)),
        (
            "text:刚才 AND text:到处",
            expected(&|n| n > 11_600 && n % 2 == 0),
        ),
        (
            "text:到处 AND text:常常",
            expected(&|n| n % 2 == 0 && n % 12 == 5),
        ),
        ("text:到处 AND text:时常", expected(&|n| n % 24 == 4)),
        (
            "text:时常 AND text:当初",
            expected(&|n| n % 24 == 4 && n <= 1500),
        ),
        (
            "text:到处 AND external_ref:00",
            expected(&|n| n < 1000 && n % 2 == 0),
        ),
        ("text:从前 AND external_ref:1", expected(&|_| false)),
        ("text:无人", expected(&|_| false)),
    ] {
        for descending in [true, false] {
            expected.reverse();
            let mut request = ListTicketsRequest {
                page_size: 150,
                filter: filter.into(),
                order_by: if descending {
                    "received_time desc"
                } else {
                    "received_time"
                }
                .into(),
                ..Default::default()
            };
            if !descending {
                assert!(expected.is_sorted());
            }
            let mut seen = Vec::new();
            // The first pages, and of what is few all.
            for _ in 0..PAGES {
                let page = tickets(&head).list_tickets(request.clone()).await;
                let page = page.unwrap().into_inner();
                let (total, kind) = match expected.len() {
                    many @ 1001.. => (many.min(1000), TotalKind::LowerBound),
                    few => (few, TotalKind::Exact),
                };
                assert_eq!(
                    (page.total_size as usize, page.total_kind()),
                    (total, kind),
                    "{filter}"
                );
                seen.extend(page.tickets.into_iter().map(|one| one.external_ref));
                request.page_token = page.next_page_token;
                if request.page_token.is_empty() {
                    assert_eq!(seen.len(), expected.len(), "{filter}");
                    break;
                }
            }
            assert_eq!(seen[..], expected[..seen.len()], "{filter}");
            assert!(
                seen.len() == expected.len() || seen.len() == PAGES * 150,
                "{filter}"
            );
        }
    }
}
