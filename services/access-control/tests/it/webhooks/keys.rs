//! Keys of secrets, where there is another key-encryption key.

use super::*;

/// One that cannot be opened stays where it is, and all others are wrapped anew.
#[tokio::test]
async fn a_secret_that_cannot_be_opened_holds_up_no_other() {
    let house = House::new().await;
    let by = house.administrator();
    for login in ["logistics", "erp"] {
        let of_theirs = Webhook {
            account: account_name(&house, login),
            ..webhook(&house)
        };
        create(&by, of_theirs).await.unwrap();
    }
    let mut sql = house.sql().await;
    // The first has the key of the second, which opens for that one alone.
    sqlx::query(
        "UPDATE webhook_secret SET wrapped = (SELECT wrapped FROM webhook_secret ORDER BY id DESC LIMIT 1)
         WHERE id = (SELECT id FROM webhook_secret ORDER BY id LIMIT 1)",
    )
    .execute(&mut sql)
    .await
    .unwrap();
    let _replica = house.with_another_key();
    eventually(async || {
        let under: Vec<String> =
            sqlx::query_scalar("SELECT kek_id FROM webhook_secret ORDER BY id")
                .fetch_all(&mut sql)
                .await
                .unwrap();
        (under == ["k", "k2"]).then_some(())
    })
    .await;
}
