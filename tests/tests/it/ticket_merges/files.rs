//! Files of tickets that are part of another.

use kefu_contracts::ticket::{Attachment, Ticket};
use kefu_testkit::{Caller, TestSuite};

use super::{LI, merge, now, unmerge};
use crate::{
    attachments::{announced, put},
    records::{enter, open, person, ticket},
};

async fn sent(caller: &Caller, to: &Ticket, text: &str) -> Attachment {
    let request = announced(&to.name, "说明.txt", "text/plain", text.as_bytes());
    put(caller, request, text.as_bytes()).await.unwrap()
}

fn names(one: &Ticket) -> Vec<&str> {
    let all = one.attachments.iter();
    all.map(|file| file.name.as_str()).collect()
}

/// Whether somebody is told that there are files that they are not shown.
fn hinted(one: &Ticket) -> bool {
    assert_eq!(names(one), [""; 0]);
    let disclosure = one.disclosure.as_ref().unwrap();
    disclosure.omitted_fields.contains(&"attachments".into())
}

/// However deep they lie, they are among the files of the whole in the order in which they came,
/// and who may not see them is told of them as of the ticket's own.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_parts_are_shown_and_hinted_at_like_ones_own() {
    let suite = TestSuite::start().await;
    let li = suite.caller(LI);
    let auditor = suite.caller_for("dong.jie", "audit");
    let customer = enter(&li, person()).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(open(&li, ticket(&customer.name)).await);
    }
    let deepest = sent(&li, &all[0], "先到的说明").await;
    let middle = merge(&li, &all[0], &all[1]).await.unwrap();
    assert!(!hinted(&now(&auditor.after(&li), &all[2]).await));
    let merged = merge(&li, &middle, &all[2]).await.unwrap();
    assert_eq!(names(&merged), [&deepest.name]);
    assert!(hinted(&now(&auditor.after(&li), &all[2]).await));

    let own = sent(&li, &merged, "后到的说明").await;
    let whole = now(&li, &all[2]).await;
    assert_eq!(names(&whole), [&deepest.name, &own.name]);
    // What is no part any more is not hinted at either.
    unmerge(&li, &all[0]).await.unwrap();
    assert!(!hinted(&now(&auditor.after(&li), &all[1]).await));
    assert!(hinted(&now(&auditor, &all[2]).await));
    assert_eq!(names(&now(&li, &all[2]).await), [&own.name]);
}
