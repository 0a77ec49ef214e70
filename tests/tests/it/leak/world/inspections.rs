//! Inspections, with what each inspector thinks.

use std::collections::BTreeMap;

use kefu_access::RowFacts;
use kefu_contracts::ticket::{CompleteInspectionTaskRequest, InspectionTask, InspectionTaskKind};
use kefu_service::fields::{name, parse_name};
use kefu_testkit::{Caller, TestSuite, employee_id};

use crate::{
    inspections::{self, complete, given},
    leak::values::Values,
};

/// Two tickets are inspected. Of one two inspectors think differently and a third decides, the
/// agent objects and somebody else decides on that; of the other the second has not scored it,
/// so that there is no result. What there is, who sees it whole, and what is known of it.
pub(super) async fn inspected(
    suite: &TestSuite,
    caller: &Caller,
    facts: &BTreeMap<String, RowFacts>,
    values: &mut Values,
) -> Vec<(String, Caller, RowFacts)> {
    let judge = name("employees", employee_id("zhao.lei"));
    inspections::staffed(suite, |rules| rules.deciders.push(judge)).await;
    let quality = |login: &str| suite.caller_for(login, "quality").after(caller);
    let [gao, ding] = ["gao.yuan", "ding.lan"].map(quality);
    let deciders = ["sun.li", "zhao.lei"].map(quality);
    let mut all = Vec::new();
    let mut known = |task: &InspectionTask, reader: &Caller, login: &str| {
        let id = parse_name(&task.customer, "customers");
        let facts = RowFacts {
            customer: id,
            duty: vec![employee_id(login)],
            ..RowFacts::default()
        };
        all.push((task.name.clone(), reader.clone(), facts));
    };
    let tickets: Vec<(&String, &RowFacts)> = facts
        .iter()
        .filter(|(name, facts)| {
            let inspected = ["guo.jing", "hu.tao"].map(|login| Some(employee_id(login)));
            name.starts_with("tickets/") && inspected.contains(&facts.owner)
        })
        .collect();
    for (ticket, facts) in &tickets {
        inspections::order(&gao, ticket, true).await.unwrap();
        let (_, first) = given(&[&gao], ticket, InspectionTaskKind::Inspect).await;
        let (_, second) = given(&[&ding], ticket, InspectionTaskKind::Inspect).await;
        let scored = complete(&gao, sheet(&first, 4, values)).await.unwrap();
        known(&scored, &gao, "gao.yuan");
        if facts.owner == Some(employee_id("hu.tao")) {
            known(&second, &ding, "ding.lan");
            continue;
        }
        let scored = complete(&ding, sheet(&second, 1, values)).await.unwrap();
        known(&scored, &ding, "ding.lan");
    }
    let (ticket, facts) = tickets
        .iter()
        .find(|(_, facts)| facts.owner == Some(employee_id("guo.jing")))
        .unwrap();
    let both: Vec<&Caller> = deciders.iter().collect();
    let who = |caller: &Caller| match std::ptr::eq(caller, &raw const deciders[0]) {
        true => "sun.li",
        false => "zhao.lei",
    };
    let (decider, third) = given(&both, ticket, InspectionTaskKind::Decide).await;
    let scored = complete(decider, sheet(&third, 3, values)).await.unwrap();
    known(&scored, decider, who(decider));
    let agent = quality("guo.jing").after(decider);
    let mut results = inspections::listed(&agent, "").await.inspections;
    let result = results.remove(0);
    let appealed = inspections::appeal(&agent, &result, &values.text(), "").await;
    let (decider, last) = given(&both, ticket, InspectionTaskKind::Appeal).await;
    let upheld = inspections::upheld(&last, &values.text());
    let decided = inspections::decide(decider, upheld).await.unwrap();
    known(&decided, decider, who(decider));
    let head = quality("zhou.ting").after(decider);
    let facts = RowFacts {
        duty: Vec::new(),
        ..(*facts).clone()
    };
    all.push((appealed.unwrap().name, head, facts));
    all
}

/// So many points of each norm, each with a comment of its own.
fn sheet(task: &InspectionTask, points: i32, values: &mut Values) -> CompleteInspectionTaskRequest {
    let mut request = inspections::sheet(task, points, "");
    for comment in &mut request.comments {
        comment.text = values.text();
    }
    request
}
