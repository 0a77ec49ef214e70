//! What keeps customers: relations, visits with what there is to do for them, and points. They
//! are in reach where the file is, and of whoever has to do with them.

use std::time::Duration;

use kefu_access::RowFacts;
use kefu_contracts::order::{
    FollowUp, FollowUpState, ListFollowUpsRequest, ListPointsPostingsRequest, ListVisitsRequest,
    RecordVisitRequest, Visit, VisitState, follow_up_service_client::FollowUpServiceClient,
    loyalty_service_client::LoyaltyServiceClient,
};
use kefu_service::{clock::Clock, fields::parse_name, time::to_proto};
use kefu_testkit::{Caller, TestSuite};
use uuid::Uuid;

use super::values::Values;
use crate::{
    loyalty::{account, correct, decide, revise, rules},
    visits::{came_of_it, record, schedule, visits},
};

/// By resource name; whose follow-ups are open has duty on the files of their customers.
pub(super) struct Kept {
    pub(super) facts: Vec<(String, RowFacts)>,
    /// Customer, and who has duty.
    pub(super) duties: Vec<(String, Uuid)>,
}

/// Makes some of each for the first of these files, which are li.wei's and ma.chao's; `files`
/// are all there are, with what is known of each but for duty by anything but open orders.
pub(super) async fn made(
    suite: &TestSuite,
    maker: &Caller,
    (first, second): (&str, &str),
    files: &[(String, RowFacts)],
    values: &mut Values,
) -> Kept {
    revise(&suite.caller("han.bing"), rules(30), "r1")
        .await
        .unwrap();
    for (customer, asker, decider) in [
        (first, "li.wei", "zhang.min"),
        (second, "ma.chao", "zhao.lei"),
    ] {
        let asker = suite.caller(asker).after(maker);
        let fresh = account(&asker, customer).await.unwrap();
        let asked = correct(&asker, &fresh, 500, &values.text()).await.unwrap();
        let decider = suite.caller(decider).after(&asker);
        let posted = decide(&decider, &asked, true, &values.text())
            .await
            .unwrap();
        let again = correct(&asker, &posted, 100, &values.text()).await;
        again.unwrap();
    }
    let later = |days: u64| {
        let later = Duration::from_secs(days * 86_400);
        suite.clock.now().checked_add(later).unwrap()
    };
    let agent = suite.caller("li.wei").after(maker);
    let planned = schedule(&agent, first, later(1), &values.text())
        .await
        .unwrap();
    let outcome = RecordVisitRequest {
        result: values.text(),
        needs: values.text(),
        feedback: values.text(),
        next_time: Some(to_proto(later(30))),
        ..came_of_it(suite, &planned)
    };
    record(&agent, outcome).await.unwrap();
    let _ = maker.after(&agent);
    found(maker, files).await
}

async fn found(maker: &Caller, files: &[(String, RowFacts)]) -> Kept {
    let of = |customer: &str| {
        let mut all = files.iter();
        let (_, facts) = all.find(|(name, _)| name == customer).unwrap();
        facts.clone()
    };
    let (mut facts, mut duties) = (Vec::new(), Vec::new());
    for (customer, known) in files {
        facts.push((customer.replace("customers/", "relations/"), known.clone()));
    }
    let request = ListVisitsRequest::default();
    let page = visits(maker).list_visits(request).await.unwrap();
    for visit in page.into_inner().visits {
        facts.push((visit.name.clone(), of_visit(&visit)));
    }
    let request = ListFollowUpsRequest::default();
    let mut client = FollowUpServiceClient::new(maker.clone());
    let page = client.list_follow_ups(request).await.unwrap();
    for one in page.into_inner().follow_ups {
        let known = of_follow_up(&one);
        duties.extend(known.duty.iter().map(|who| (one.customer.clone(), *who)));
        facts.push((one.name.clone(), known));
    }
    let request = ListPointsPostingsRequest::default();
    let mut client = LoyaltyServiceClient::new(maker.clone());
    let page = client.list_points_postings(request).await.unwrap();
    for posting in page.into_inner().points_postings {
        let account = posting.customer.replace("customers/", "points-accounts/");
        facts.push((account, of(&posting.customer)));
        facts.push((posting.name, of(&posting.customer)));
    }
    Kept { facts, duties }
}

fn of_visit(visit: &Visit) -> RowFacts {
    let owner = parse_name(&visit.owner, "employees");
    let planned = visit.state() == VisitState::Planned;
    RowFacts {
        department: parse_name(&visit.department, "departments"),
        owner,
        customer: parse_name(&visit.customer, "customers"),
        duty: owner.filter(|_| planned).into_iter().collect(),
        consents: Vec::new(),
    }
}

fn of_follow_up(one: &FollowUp) -> RowFacts {
    let assignee = parse_name(&one.assignee, "employees");
    let open = one.state() == FollowUpState::Open;
    RowFacts {
        department: parse_name(&one.department, "departments"),
        owner: assignee,
        customer: parse_name(&one.customer, "customers"),
        duty: assignee.filter(|_| open).into_iter().collect(),
        consents: Vec::new(),
    }
}
