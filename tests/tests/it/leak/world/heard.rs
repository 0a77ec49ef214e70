//! What customers are asked and told.

use kefu_contracts::common::Channel;
use kefu_testkit::{Caller, TestSuite};

use crate::{leak::values::Values, notices, surveys};

/// Every resolution was asked about: the surveys, with their tickets. The customer of the
/// first answers, is not satisfied, and is visited.
pub(super) async fn surveyed(
    suite: &TestSuite,
    caller: &Caller,
    values: &mut Values,
) -> Vec<(String, String)> {
    let all = surveys::listed(caller, "").await;
    let first = all.last().unwrap();
    let issued = surveys::issue(caller, first, Channel::Phone).await.unwrap();
    let given = surveys::give(caller, &issued.token, (2, 1), &values.text()).await;
    given.unwrap();
    let head = suite.caller("zhang.min").after(caller);
    let due = surveys::listed(&head, "visit = DUE").await;
    let visited = surveys::visit(&head, &due[0], &values.text(), "").await;
    assert_eq!(visited.unwrap().ticket, first.ticket);
    let _ = caller.after(&head);
    let names = all.into_iter().map(|one| (one.name, one.ticket));
    names.collect()
}

/// Customers are told that their tickets are resolved; of one somebody says how.
pub(super) async fn told(caller: &Caller, values: &mut Values) -> Vec<(String, String)> {
    let all = notices::listed(caller, "").await.unwrap();
    let marked = notices::sent(caller, &all[0], &values.text(), &values.text()).await;
    marked.unwrap();
    let names = all.into_iter().map(|one| (one.name, one.ticket));
    names.collect()
}
