//! What time does to borrowings, written down by the job.

use std::time::Duration;

use super::*;

async fn until(house: &House, name: &str, wanted: impl Fn(&Borrowing) -> bool) -> Borrowing {
    let person = house.person("song.yue");
    let bound = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        house.clock.advance(Duration::from_secs(1));
        let borrowing = get(&person, name).await.unwrap();
        if wanted(&borrowing) {
            return borrowing;
        }
        assert!(
            tokio::time::Instant::now() < bound,
            "{:?}",
            events(&borrowing)
        );
        tokio::task::yield_now().await;
    }
}

/// Clause CF-9.2: overdue to the second, chased at once and every day, with the head of
/// the borrower's department named, until it is back; once each with two replicas.
#[tokio::test]
async fn what_is_overdue_is_chased_until_it_is_back() {
    let house = House::new().await;
    let _replica = house.replica();
    let borrowing = out(&house, form(&house)).await;
    let due = borrowing.lines[0].due_time.unwrap();
    let left = due.seconds - house.clock.now().as_second();
    house.clock.advance(Duration::from_secs(left as u64 - 1));
    let applicant = house.person("song.yue");
    let before = get(&applicant, &borrowing.name).await.unwrap();
    assert!(before.lines.iter().all(|line| !line.overdue));
    house.clock.advance(Duration::from_secs(1));
    let at = get(&applicant, &borrowing.name).await.unwrap();
    assert!(at.lines.iter().all(|line| line.overdue));

    use ApprovalEvent::{Chased, Ended, Overdue};
    let count = |of: ApprovalEvent| {
        move |one: &Borrowing| events(one).into_iter().filter(|event| *event == of).count()
    };
    until(&house, &borrowing.name, |one| count(Overdue)(one) == 1).await;
    for days in 1..3 {
        house.clock.advance(Duration::from_secs(24 * 3600));
        until(&house, &borrowing.name, |one| count(Chased)(one) == days).await;
    }
    let keeper = archive(&house);
    for item in [copy(1), copy(2)] {
        take_back(&keeper, &borrowing.name, item, CopyCondition::Intact)
            .await
            .unwrap();
    }
    house.clock.advance(Duration::from_secs(48 * 3600));
    let closed = close(&keeper, &borrowing.name).await.unwrap();
    let late: Vec<_> = closed
        .steps
        .iter()
        .filter(|step| step.actor.is_empty())
        .collect();
    let times: Vec<_> = late
        .iter()
        .map(|step| (step.event(), step.event_time.unwrap().seconds - due.seconds))
        .collect();
    assert_eq!(
        times,
        [
            (Ended, 0),
            (Overdue, 0),
            (Chased, 24 * 3600),
            (Chased, 48 * 3600)
        ]
    );
    assert_eq!(closed.department_head, house.employee("qian.hua"));
    let entries = house.journal(EntryKind::Change, 12).await;
    let mut overdue = entries
        .iter()
        .filter(|one| one.entry.r#type == "borrowing.overdue");
    let entry = overdue.next().unwrap().entry.event.clone().unwrap().event;
    let Some(event::Event::ApprovalChanged(changed)) = entry else {
        panic!("{entry:?}")
    };
    assert_eq!(changed.department_head_id, house.id("qian.hua").as_bytes());
    assert!(changed.borrowing_lines.iter().all(|line| line.overdue));
    assert_eq!(overdue.count(), 0);
}

/// Clause CF-9.2: what nobody fetches in time is not handed out any more.
#[tokio::test]
async fn what_is_not_fetched_expires() {
    let house = House::new().await;
    let borrowing = approved(&house, form(&house)).await;
    house.clock.advance(Duration::from_secs(48 * 3600));
    let late = hand_out(&archive(&house), &borrowing.name, &[])
        .await
        .unwrap_err();
    assert_eq!(said(&late, "state"), "EXPIRED");
    let expired = until(&house, &borrowing.name, |one| {
        one.state() == ApprovalState::Expired
    })
    .await;
    assert!(
        states(&expired)
            .iter()
            .all(|one| *one == BorrowedItemState::Dropped)
    );
}
