//! From a key file to transit, with nothing refused meanwhile.

use kefu_vault::{KeyProvider, TransitKeyProvider, VaultError};

use super::house::House;
use crate::fixture::{CUSTOMER, STRANGER, customer_key, provider};

#[tokio::test]
async fn transit_takes_over_from_a_key_file() {
    let house = House::new().await;
    let file = provider("k2");
    let old = file.wrap(CUSTOMER, &customer_key([5; 32])).await.unwrap();
    let both = TransitKeyProvider::after(&house.options, provider("k2")).unwrap();

    assert_eq!(
        both.unwrap(CUSTOMER, &old).await.unwrap().expose(),
        &[5; 32]
    );
    assert!(house.lines().is_empty(), "by the file");
    let new = both.wrap(STRANGER, &customer_key([6; 32])).await.unwrap();
    assert_eq!(new.kek_id, "kefu:v1");
    assert_eq!(both.current_kek().await.unwrap().unwrap(), "kefu:v1");

    let keys = [
        (STRANGER, old.clone()),
        (CUSTOMER, old.clone()),
        (STRANGER, new.clone()),
    ];
    let mut moved = both.rewrap_all(&keys).await.unwrap();
    assert_eq!(moved.pop().unwrap().unwrap(), None);
    let after = moved.pop().unwrap().unwrap().unwrap();
    let stolen = moved.pop().unwrap().unwrap_err();
    assert!(matches!(stolen, VaultError::Tampered), "{stolen}");
    assert_eq!(after.kek_id, "kefu:v1");

    let many: Vec<_> = (0..250).map(|_| (CUSTOMER, old.clone())).collect();
    house.lines();
    assert!(
        both.rewrap_all(&many)
            .await
            .unwrap()
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(house.lines().len(), 3);

    // The file is gone.
    let alone = house.provider();
    assert_eq!(
        alone.unwrap(CUSTOMER, &after).await.unwrap().expose(),
        &[5; 32]
    );
    let blind = |provider: &dyn KeyProvider| provider.index_key().blind("t", "c", "v");
    assert_eq!(blind(&alone), blind(&both));
    let error = alone.unwrap(CUSTOMER, &old).await.unwrap_err();
    assert_eq!(error.to_string(), "unknown key-encryption key `k2`");
}

/// The first of two restarts: some processes have transit wrap already, others not yet, and all unwrap all.
#[tokio::test]
async fn whoever_is_restarted_first_wraps_for_all() {
    let house = House::new().await;
    let beside = TransitKeyProvider::beside(&house.options, provider("k2")).unwrap();
    let after = TransitKeyProvider::after(&house.options, provider("k2")).unwrap();
    let by_file = beside.wrap(CUSTOMER, &customer_key([5; 32])).await.unwrap();
    assert_eq!(by_file.kek_id, "k2");
    assert_eq!(beside.current_kek().await.unwrap().unwrap(), "k2");
    assert!(house.lines().is_empty());
    let by_transit = after.wrap(CUSTOMER, &customer_key([6; 32])).await.unwrap();
    for process in [&beside, &after] {
        assert_eq!(
            process.unwrap(CUSTOMER, &by_file).await.unwrap().expose(),
            &[5; 32]
        );
        assert_eq!(
            process
                .unwrap(CUSTOMER, &by_transit)
                .await
                .unwrap()
                .expose(),
            &[6; 32]
        );
    }

    // And the way back, should transit not be what was hoped for.
    let older = provider("k1")
        .wrap(CUSTOMER, &customer_key([7; 32]))
        .await
        .unwrap();
    let keys = [
        (CUSTOMER, by_file),
        (CUSTOMER, by_transit.clone()),
        (STRANGER, by_transit),
        (CUSTOMER, older),
    ];
    let mut back = beside.rewrap_all(&keys).await.unwrap();
    for expected in [[7; 32], [6; 32]] {
        let wrapped = back.pop().unwrap().unwrap().unwrap();
        assert_eq!(wrapped.kek_id, "k2");
        let key = provider("k2").unwrap(CUSTOMER, &wrapped).await.unwrap();
        assert_eq!(key.expose(), &expected);
        if expected == [7; 32] {
            let stolen = back.pop().unwrap().unwrap_err();
            assert!(matches!(stolen, VaultError::Tampered), "{stolen}");
        }
    }
    assert_eq!(back.pop().unwrap().unwrap(), None);
}
