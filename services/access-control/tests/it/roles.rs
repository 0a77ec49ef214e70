//! The roles as they are listed.

use kefu_access_control::domain::roles::Roles;
use kefu_contracts::access::ListRolesRequest;

use crate::house::House;

/// Clause OP-7.2: what is listed is what is shipped.
#[tokio::test]
async fn the_shipped_roles_are_listed_with_their_rules() {
    let house = House::new().await;
    let mut client = house.administrator().roles();
    let answer = client
        .list_roles(ListRolesRequest {})
        .await
        .unwrap()
        .into_inner();
    let (listed, apart) = (answer.roles, answer.apart);
    let shipped = Roles::shipped().unwrap();
    assert_eq!(apart.len(), shipped.apart.len());
    for (shown, kept) in apart.iter().zip(&shipped.apart) {
        let names = kept.roles.each_ref().map(|id| format!("roles/{id}"));
        assert_eq!((&shown.roles[..], &shown.reason), (&names[..], &kept.why));
    }
    assert_eq!(listed.len(), shipped.roles.len());
    for role in &shipped.roles {
        let view = listed
            .iter()
            .find(|one| one.name == format!("roles/{}", role.id))
            .unwrap();
        assert_eq!(view.rules.len(), role.rules.len());
        for (shown, rule) in view.rules.iter().zip(&role.rules) {
            assert_eq!(
                (shown.id.as_str(), shown.scope.as_str()),
                (rule.id.as_str(), rule.scope.as_str())
            );
            assert_eq!(shown.permissions, rule.permissions);
            assert_eq!(shown.classes, rule.classes.to_numbers());
            assert_eq!(shown.purposes().collect::<Vec<_>>(), rule.purposes);
            assert_eq!(shown.consented_only, rule.consented_only);
        }
    }
}
