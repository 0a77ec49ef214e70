//! What happens at the archive's counter, and what the journal says of it.

use kefu_journal::Recorded;

use super::*;

/// Clause CF-9.2: applied for, narrowed by the head, agreed to by the leader, handed out,
/// back and inspected, closed; and nobody sees anything in the system by it.
#[tokio::test]
async fn a_borrowing_goes_its_whole_way() {
    let house = House::new().await;
    let mut stream = house
        .snapshots()
        .watch_snapshot(WatchSnapshotRequest {})
        .await
        .unwrap()
        .into_inner();
    let revision = stream.message().await.unwrap().unwrap().revision;
    let borrowing = handed_in(&house, form(&house)).await;
    let stage = borrowing.stage.clone().unwrap();
    assert_eq!(stage.approvers, [house.employee("qian.hua")]);
    use BorrowedItemState as Is;
    assert_eq!(states(&borrowing), [Is::Requested, Is::Requested]);
    let fewer = BorrowingTerms {
        items: vec![copy(1)],
        end_time: in_hours(&house, 24),
        ..BorrowingTerms::default()
    };
    let borrowing = approve(&house.person("qian.hua"), &borrowing, Some(fewer.clone()))
        .await
        .unwrap();
    let borrowing = approve(&house.person("chen.guodong"), &borrowing, None)
        .await
        .unwrap();
    assert_eq!(
        (borrowing.state(), borrowing.terms.clone()),
        (ApprovalState::Approved, Some(fewer.clone()))
    );
    assert_eq!(borrowing.requested, form(&house).requested);
    assert_eq!(states(&borrowing), [Is::Approved, Is::Dropped]);

    let keeper = archive(&house);
    let borrowing = hand_out(&keeper, &borrowing.name, &[]).await.unwrap();
    let line = borrowing.lines[0].clone();
    assert_eq!(
        (borrowing.state(), line.state()),
        (ApprovalState::Active, Is::Out)
    );
    assert_eq!(line.handed_out_by, house.employee("feng.yulan"));
    assert_eq!(line.due_time, fewer.end_time);
    assert_eq!(line.out_time, Some(to_proto(house.clock.now())));
    let early = close(&keeper, &borrowing.name).await.unwrap_err();
    assert_eq!(
        (said(&early, "state"), said(&early, "wanted")),
        ("OUT".into(), "SETTLED".into())
    );

    house.clock.advance(std::time::Duration::from_secs(3600));
    let back = take_back(&keeper, &borrowing.name, copy(1), CopyCondition::Intact)
        .await
        .unwrap();
    let line = back.lines[0].clone();
    assert_eq!(
        (line.state(), line.condition()),
        (Is::Back, CopyCondition::Intact)
    );
    assert_eq!(line.back_time, Some(to_proto(house.clock.now())));
    assert_eq!(line.inspected_by, house.employee("feng.yulan"));
    let closed = close(&keeper, &borrowing.name).await.unwrap();
    assert_eq!(closed.state(), ApprovalState::Ended);
    assert_eq!(closed.close_time, Some(to_proto(house.clock.now())));
    use ApprovalEvent::{Approved, Closed, Created, HandedOut, Submitted, TakenBack};
    assert_eq!(
        events(&closed),
        [
            Created, Submitted, Approved, Approved, HandedOut, TakenBack, Closed
        ]
    );
    // Of this borrowing: others are journaled too.
    let own = |entries: Vec<Recorded>| {
        let own = entries.into_iter();
        let own: Vec<_> = own
            .filter(|recorded| recorded.entry.resource == closed.name)
            .collect();
        (own.len() >= 7).then_some(own)
    };
    let entries = house.journaled(EntryKind::Change, own).await;
    let told: Vec<(String, usize)> = entries
        .iter()
        .map(|recorded| {
            let event = recorded.entry.event.clone().unwrap().event.unwrap();
            let event::Event::ApprovalChanged(changed) = event else {
                panic!("{recorded:?}")
            };
            assert_eq!(
                (changed.kind.as_str(), changed.policy_revision),
                ("borrowing", 0)
            );
            (recorded.entry.r#type.clone(), changed.borrowing_lines.len())
        })
        .collect();
    let expected = [
        "created",
        "submitted",
        "approved",
        "approved",
        "handed_out",
        "taken_back",
        "closed",
    ];
    assert_eq!(told, expected.map(|step| (format!("borrowing.{step}"), 2)));
    // Gateways were told nothing: there is no grant in a borrowing.
    let mut anew = house
        .snapshots()
        .watch_snapshot(WatchSnapshotRequest {})
        .await
        .unwrap()
        .into_inner();
    let policy = anew.message().await.unwrap().unwrap();
    assert_eq!((policy.revision, policy.grants.len()), (revision, 0));
}

/// Clause CF-9.2: what is damaged or lost is followed up before it is over; what is
/// found again is inspected like anything that comes back.
#[tokio::test]
async fn damage_and_loss_are_followed_up() {
    let house = House::new().await;
    let mut three = form(&house);
    three.requested.as_mut().unwrap().items.push(copy(3));
    let name = out(&house, three).await.name;
    let keeper = archive(&house);
    take_back(&keeper, &name, copy(1), CopyCondition::Damaged)
        .await
        .unwrap();
    report_lost(&house.person("song.yue"), &name, copy(2))
        .await
        .unwrap();
    let lost = report_lost(&keeper, &name, copy(3)).await.unwrap();
    use BorrowedItemState as Is;
    assert_eq!(states(&lost), [Is::Damaged, Is::Lost, Is::Lost]);
    assert_eq!(lost.lines[1].reported_lost_by, house.employee("song.yue"));
    let found = take_back(&keeper, &name, copy(3), CopyCondition::Intact)
        .await
        .unwrap();
    assert_eq!(found.lines[2].state(), Is::Back);
    let open = close(&keeper, &name).await.unwrap_err();
    assert_eq!(said(&open, "state"), "DAMAGED");
    follow_up(&keeper, &name, copy(1)).await.unwrap();
    let settled = follow_up(&keeper, &name, copy(2)).await.unwrap();
    assert_eq!(settled.lines[1].follow_up, "按制度赔偿并补办");
    assert_eq!(
        settled.lines[1].followed_up_by,
        house.employee("feng.yulan")
    );
    let closed = close(&keeper, &name).await.unwrap();
    assert_eq!(states(&closed), [Is::FollowedUp, Is::FollowedUp, Is::Back]);
    assert_eq!(
        said(&close(&keeper, &name).await.unwrap_err(), "state"),
        "CLOSED"
    );
}

/// Clause CF-9.2: there is one of each copy on paper, whoever asks and however the label
/// is written; of copies on carriers there may be several.
#[tokio::test]
async fn a_copy_on_paper_is_out_once() {
    let house = House::new().await;
    let of = |medium: CopyMedium, label: &str| {
        let mut one = form(&house);
        one.requested.as_mut().unwrap().items = vec![BorrowedCopy {
            medium: medium.into(),
            label: label.into(),
            ..copy(1)
        }];
        one
    };
    let first = approved(&house, of(CopyMedium::Physical, "Box 7")).await;
    let second = approved(&house, of(CopyMedium::Physical, "ＢＯＸ　７")).await;
    let keeper = archive(&house);
    let both = futures_util::future::join(
        hand_out(&keeper, &first.name, &[]),
        hand_out(&keeper, &second.name, &[]),
    )
    .await;
    let (won, lost, winner) = match both {
        (Ok(won), Err(lost)) => (won, lost, &first),
        (Err(lost), Ok(won)) => (won, lost, &second),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (reason(&lost).as_str(), said(&lost, "state").as_str()),
        ("STATE_NOT_ALLOWED", "OUT")
    );
    let loser = if winner.name == first.name {
        &second
    } else {
        &first
    };
    let untouched = get(&keeper, &loser.name).await.unwrap();
    assert_eq!(untouched.state(), ApprovalState::Approved);
    // The table itself holds it, whatever code comes by.
    let doubled = sqlx::query(
        "INSERT INTO access.borrowing_line SELECT (SELECT id FROM access.approval WHERE id <> l.approval_id LIMIT 1),
             customer_id, medium, label, label_key, state, out_by, out_at, due_at, inspected_by, inspected_at, condition,
             note, lost_by, lost_at, follow_up, follow_up_by, follow_up_at
         FROM access.borrowing_line l",
    )
    .execute(&mut house.sql().await)
    .await
    .unwrap_err();
    assert!(
        doubled.to_string().contains("borrowing_line_out_once"),
        "{doubled}"
    );
    // Once it is back it goes out again.
    let item = won.lines[0].item.clone().unwrap();
    take_back(&keeper, &won.name, item, CopyCondition::Intact)
        .await
        .unwrap();
    hand_out(&keeper, &loser.name, &[]).await.unwrap();
    for _ in 0..2 {
        out(&house, of(CopyMedium::Electronic, "Disk 1")).await;
    }
}

/// Clause CF-9.2: more time is a new decision; what is out then stays out under it.
#[tokio::test]
async fn more_time_is_a_new_decision_by_both() {
    let house = House::new().await;
    let old = out(&house, form(&house)).await;
    let mut longer = form(&house);
    longer.extends.clone_from(&old.name);
    longer.requested.as_mut().unwrap().items = vec![copy(2)];
    longer.requested.as_mut().unwrap().end_time = in_hours(&house, 96);
    let new = approved(&house, longer).await;
    let still = get(&house.person("song.yue"), &old.name).await.unwrap();
    assert_eq!(
        still.lines, old.lines,
        "nothing changes before it is handed out anew"
    );
    let keeper = archive(&house);
    let new = hand_out(&keeper, &new.name, &[]).await.unwrap();
    use BorrowedItemState as Is;
    assert_eq!(states(&new), [Is::Out]);
    assert_eq!(new.lines[0].due_time, in_hours(&house, 96));
    let old = get(&house.person("song.yue"), &old.name).await.unwrap();
    assert_eq!(states(&old), [Is::Out, Is::Renewed]);
    let step = old.steps.last().unwrap();
    assert_eq!(
        (step.event(), step.actor.clone()),
        (ApprovalEvent::Renewed, house.employee("feng.yulan"))
    );
    take_back(&keeper, &old.name, copy(1), CopyCondition::Intact)
        .await
        .unwrap();
    close(&keeper, &old.name).await.unwrap();
    // Nobody prolongs what is another's, closed, or not there.
    let id = Uuid::from_u128(9);
    for (login, extends) in [
        ("song.yue", old.name.clone()),
        ("tang.wei", new.name.clone()),
        ("song.yue", format!("borrowings/{id}")),
    ] {
        let form = Borrowing {
            extends,
            ..form(&house)
        };
        let refused = create(&house.person(login), form).await.unwrap_err();
        assert_eq!(
            violations(&refused),
            ["borrowing.extends UNKNOWN"],
            "{login}"
        );
    }
}

/// The same request again is the same answer, and one line.
#[tokio::test]
async fn what_is_handed_out_twice_by_one_request_is_handed_out_once() {
    let house = House::new().await;
    let borrowing = approved(&house, form(&house)).await;
    let request = HandOutItemsRequest {
        name: borrowing.name.clone(),
        request_id: Uuid::from_u128(77).to_string(),
        ..HandOutItemsRequest::default()
    };
    let mut keeper = archive(&house).borrowings();
    let first = keeper.hand_out_items(request.clone()).await.unwrap();
    let second = keeper.hand_out_items(request).await.unwrap();
    assert_eq!(first.into_inner(), second.into_inner());
    assert_eq!(
        house
            .count("SELECT count(*) FROM access.borrowing_line")
            .await,
        2
    );
}

/// A borrowing is seen by those it concerns and found by what it is about; each look is
/// journaled.
#[tokio::test]
async fn who_has_a_part_in_a_borrowing_finds_it() {
    let house = House::new().await;
    let draft = create(&house.person("song.yue"), form(&house))
        .await
        .unwrap();
    let hidden = get(&house.person("qian.hua"), &draft.name)
        .await
        .unwrap_err();
    assert_eq!(hidden.code(), Code::NotFound);
    let borrowing = out(&house, form(&house)).await;
    for (login, sees) in [("song.yue", true), ("qian.hua", true), ("tang.wei", false)] {
        let whole = get(&house.person(login), &borrowing.name).await;
        assert_eq!(whole.ok(), sees.then(|| borrowing.clone()), "{login}");
    }
    let due = house.clock.now() + SignedDuration::from_hours(48);
    for (filter, count) in [
        (String::new(), 2),
        ("state = ACTIVE".to_owned(), 1),
        ("state = DRAFT AND purpose = SERVICE".to_owned(), 1),
        (format!("customer = {}", copy(1).customer), 2),
        (format!("customer = {}", copy(9).customer), 0),
        (format!("party = {}", house.employee("chen.guodong")), 1),
        (format!("applicant = {}", house.employee("song.yue")), 2),
        (format!("due_time <= {:?}", due.to_string()), 1),
        (format!("due_time < {:?}", due.to_string()), 0),
    ] {
        let request = ListBorrowingsRequest {
            filter: filter.clone(),
            ..ListBorrowingsRequest::default()
        };
        let mut by = house.person("song.yue").borrowings();
        let listed = by.list_borrowings(request).await.unwrap().into_inner();
        assert_eq!(
            (listed.total_size, listed.borrowings.len() as i32),
            (count, count),
            "{filter}"
        );
    }
    let views = house.journal(EntryKind::View, 3).await;
    assert!(
        views
            .iter()
            .any(|one| one.entry.r#type == "borrowing.viewed")
    );
    let shares = house.person("song.yue").shares();
    let name = borrowing.name.replace("borrowings", "shares");
    let request = kefu_contracts::access::GetShareRequest { name };
    assert_eq!(
        shares.clone().get_share(request).await.unwrap_err().code(),
        Code::NotFound
    );
}
