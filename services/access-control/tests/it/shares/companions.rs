//! Looks that somebody of customer service accompanies (CF-9.1).

use kefu_contracts::access::AccompanyShareRequest;

use super::*;

async fn accompany(
    by: &Caller,
    name: &str,
    until: Option<prost_types::Timestamp>,
) -> Result<Share, Status> {
    let request = AccompanyShareRequest {
        name: name.into(),
        until,
        request_id: String::new(),
    };
    by.shares()
        .accompany_share(request)
        .await
        .map(|answer| answer.into_inner())
}

/// Clause CF-9.1: an approver demands a companion; without their standing consent
/// gateways let nobody look, and with it only for so long.
#[tokio::test]
async fn an_approver_demands_a_companion_and_the_companion_agrees() {
    let house = House::new().await;
    let share = handed_in(&house, form(&house)).await;
    let with = |login: &str| ShareTerms {
        companion: house.employee(login),
        ..share.terms.clone().unwrap()
    };
    let head = house.person("qian.hua");
    for login in ["song.yue", "tang.wei", "qian.hua"] {
        let refused = approve(&head, &share, Some(with(login))).await.unwrap_err();
        assert!(
            violations(&refused)[0].starts_with("terms.companion"),
            "{login}"
        );
    }
    let share = approve(&head, &share, Some(with("li.wei"))).await.unwrap();
    let leader = house.person("chen.guodong");
    // What was demanded cannot be dropped again, nor given to another.
    for terms in [
        with("wang.fang"),
        ShareTerms {
            companion: String::new(),
            ..with("li.wei")
        },
    ] {
        let refused = approve(&leader, &share, Some(terms)).await.unwrap_err();
        assert_eq!(violations(&refused), ["terms.companion WIDER"]);
    }
    let share = approve(&leader, &share, None).await.unwrap();
    activate(&house.person("song.yue"), &share.name)
        .await
        .unwrap();
    let mut stream = watch(&house).await;
    let alone = grant_of(&news(&mut stream).await, &share).unwrap();
    assert_eq!(alone.companion_id, house.id("li.wei").as_bytes());
    assert_eq!(alone.accompanied_until, None);

    let companion = house.person("li.wei");
    let other = accompany(&house.person("song.yue"), &share.name, in_hours(&house, 1)).await;
    assert_eq!(
        said(&other.unwrap_err(), "rule"),
        "only whoever is named to accompany"
    );
    let past = accompany(&companion, &share.name, in_hours(&house, -1))
        .await
        .unwrap_err();
    assert_eq!(violations(&past), ["until TIME"]);
    let until = in_hours(&house, 1);
    let agreed = accompany(&companion, &share.name, until).await.unwrap();
    assert_eq!(agreed.accompanied_until, until);
    let together = grant_of(&news(&mut stream).await, &share).unwrap();
    assert_eq!(together.accompanied_until, until);
    accompany(&companion, &share.name, None).await.unwrap();
    let alone = grant_of(&news(&mut stream).await, &share).unwrap();
    assert_eq!(alone.accompanied_until, None);
}
