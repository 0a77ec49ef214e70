//! What customers often ask and why they complain is found in what was written, of whom it concerns.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use kefu_access_control::seed::department_id;
use kefu_contracts::ticket::{
    FindThemesRequest, FindThemesResponse, Theme, ThemeKind, Ticket, TicketKind,
    theme_service_client::ThemeServiceClient,
};
use kefu_service::{
    clock::Clock,
    fields::{name, parse_name},
    time::to_proto,
};
use kefu_testkit::{Caller, TestSuite};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::records::{enter, open, person, ticket, violations};

/// Heads the call centre.
const HEAD: &str = "zhang.min";
/// Heads complaints, a part of it.
const HEAD_BELOW: &str = "zhou.ting";

fn asked(suite: &TestSuite) -> FindThemesRequest {
    let now = suite.clock.now();
    FindThemesRequest {
        kind: ThemeKind::Questions.into(),
        start_time: Some(to_proto(now - SignedDuration::from_hours(24))),
        end_time: Some(to_proto(now + SignedDuration::from_hours(24))),
        ..Default::default()
    }
}

async fn find(caller: &Caller, request: FindThemesRequest) -> Result<FindThemesResponse, Status> {
    let mut client = ThemeServiceClient::new(caller.clone());
    let found = client.find_themes(request).await;
    found.map(tonic::Response::into_inner)
}

fn theme<'f>(found: &'f FindThemesResponse, term: &str) -> Option<&'f Theme> {
    found.themes.iter().find(|theme| theme.term == term)
}

/// Clauses SG-8, CF-6.1: words that many different customers write are told with where they stand,
/// the rising first, within the scope and the classes of whoever asks, and nobody's own data; each
/// ticket that is named is in the journal, with its customer.
#[tokio::test(flavor = "multi_thread")]
async fn frequent_questions_are_found_in_what_was_written() {
    let suite = TestSuite::start().await;
    let erp = suite.caller_for("erp", "integration");
    let now = suite.clock.now();
    let mut named = BTreeMap::new();
    for at in 0..6 {
        let customer = enter(&erp, person()).await.name;
        let days_ago = |days: i64| Some(to_proto(now - SignedDuration::from_hours(24 * days)));
        let of = |subject: &str, description: &str, days| Ticket {
            subject: subject.into(),
            description: description.into(),
            department: name("departments", department_id("call_centre")),
            received_time: days_ago(days),
            ..ticket(&customer)
        };
        // A question of all six, one of four, and one of the period before.
        let asked = of("净化器滤芯怎么更换", "张伟 13812345678 filter broken", 0);
        let opened = open(&erp, asked).await.name;
        named.insert(opened, parse_name(&customer, "customers"));
        if at < 4 {
            open(&erp, of("保修期限", "保修", 0)).await;
        }
        open(&erp, of("发票抬头", "发票", 2)).await;
        let complaint = Ticket {
            kind: TicketKind::Complaint.into(),
            ..of("滤芯漏水", "漏水", 0)
        };
        open(&erp, complaint).await;
    }
    let head = suite.caller_for(HEAD, "quality").after(&erp);
    let found = find(&head, asked(&suite)).await.unwrap();
    let filter = theme(&found, "滤芯").unwrap();
    assert_eq!(
        (filter.ticket_count, filter.customer_count),
        (6, 6),
        "no complaint counts"
    );
    assert_eq!((filter.previous_ticket_count, filter.rising), (0, true));
    assert_eq!(filter.categories[0].category, "installation");
    assert_eq!(filter.categories[0].ticket_count, 6);
    let mut told = filter.tickets.clone();
    told.sort();
    assert!(told.iter().eq(named.keys()), "{told:?}");
    assert!(theme(&found, "broken").is_some(), "in Latin letters too");
    assert!(theme(&found, "保修").is_none(), "of four customers");
    assert!(theme(&found, "发票").is_none(), "of the period before");
    let period = found.period.as_ref().unwrap();
    assert_eq!((period.ticket_count, period.held_back_count), (10, 0));
    assert!(!period.truncated && !found.truncated);
    assert_eq!(found.previous.as_ref().unwrap().ticket_count, 6);
    let whole = format!("{found:?}");
    for part in ["13812345678", "张伟"] {
        assert!(!whole.contains(part), "{part}");
    }
    let few = FindThemesRequest {
        least_customers: 7,
        ..asked(&suite)
    };
    assert!(find(&head, few).await.unwrap().themes.is_empty());

    // Nobody has summarised why it came to the complaints.
    let causes = FindThemesRequest {
        kind: ThemeKind::ComplaintCauses.into(),
        ..asked(&suite)
    };
    let causes = find(&head, causes).await.unwrap();
    assert_eq!(
        (causes.themes.len(), causes.period.unwrap().ticket_count),
        (0, 0)
    );

    // The desk below has none of them; others may not ask.
    let below = suite.caller_for(HEAD_BELOW, "quality").after(&erp);
    let nothing = find(&below, asked(&suite)).await.unwrap();
    assert!(nothing.themes.is_empty() && nothing.period.unwrap().ticket_count == 0);
    for (login, purpose) in [
        ("li.wei", "quality"),
        (HEAD, "analysis"),
        ("han.bing", "quality"),
    ] {
        let refused = find(&suite.caller_for(login, purpose), asked(&suite)).await;
        assert_eq!(
            refused.unwrap_err().code(),
            Code::PermissionDenied,
            "{login}"
        );
    }
    let mut connection = suite.database.connect().await.unwrap();
    let told = "SELECT resource, customer_id FROM ticket.journal WHERE type = 'theme.viewed'";
    let told = sqlx::query_as::<_, (String, Option<Uuid>)>(told);
    let told = told.fetch_all(&mut connection).await.unwrap();
    let (words, mut tickets): (Vec<_>, Vec<_>) = told
        .into_iter()
        .partition(|(resource, _)| resource == "themes");
    assert_eq!(words, vec![("themes".to_owned(), None); 4]);
    tickets.sort();
    assert_eq!(tickets, named.into_iter().collect::<Vec<_>>());

    let wrong = FindThemesRequest {
        kind: 0,
        end_time: None,
        least_customers: 4,
        limit: 201,
        ..asked(&suite)
    };
    let wrong = find(&head, wrong).await.unwrap_err();
    assert_eq!(
        violations(&wrong),
        ["kind", "end_time", "least_customers", "limit"]
    );
    let backward = FindThemesRequest {
        end_time: asked(&suite).start_time,
        ..asked(&suite)
    };
    let wrong = find(&head, backward).await.unwrap_err();
    assert_eq!(violations(&wrong), ["end_time"]);
}
