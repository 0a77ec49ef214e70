use kefu_contracts::{
    Account, ClassSet, Redact, Resource,
    order::{Order, Review},
    policy::DataClass,
    profile::{Address, Customer, Phone, Sex},
    redact::Path,
};

fn customer() -> Customer {
    Customer {
        name: "customers/1".into(),
        display_name: "张三丰".into(),
        sex: Sex::Male as i32,
        phones: vec![
            Phone {
                number: "+8613812345678".into(),
                primary: true,
                ..Default::default()
            },
            Phone {
                number: "+8613987654321".into(),
                ..Default::default()
            },
        ],
        addresses: vec![Address {
            district: "南山区".into(),
            street: "科技园路 1 号".into(),
            ..Default::default()
        }],
        id_card: "11010519491231002X".into(),
        bank_card: "4111111111111111".into(),
        ..Default::default()
    }
}

fn redacted(cleared: &[DataClass]) -> (Customer, Account) {
    let mut customer = customer();
    let mut account = Account::default();
    customer.redact(ClassSet::of(cleared), &Path::ROOT, &mut account);
    (customer, account)
}

/// Clause IH-5, CF-6.1.
#[test]
fn with_nothing_cleared_only_masks_are_left_and_all_is_accounted_for() {
    let (customer, account) = redacted(&[]);
    assert_eq!(customer.display_name, "张*");
    assert_eq!(customer.phones[0].number, "138****5678");
    assert!(customer.phones[0].primary);
    assert_eq!(
        (
            customer.addresses[0].district.as_str(),
            customer.addresses[0].street.as_str()
        ),
        ("南山区", "")
    );
    assert_eq!(customer.id_card, "110***********002X");
    assert_eq!(customer.bank_card, "**** **** **** 1111");
    assert_eq!(customer.sex, 0);
    assert_eq!(
        account.masked,
        ["display_name", "phones.number", "id_card", "bank_card"]
    );
    assert_eq!(account.omitted, ["sex", "addresses.street"]);
}

#[test]
fn exactly_the_cleared_classes_stay() {
    let (shown, account) = redacted(&[DataClass::Contact]);
    assert_eq!(shown.phones, customer().phones);
    assert_eq!(shown.addresses, customer().addresses);
    assert_eq!(shown.display_name, "张*");
    assert_eq!(account.masked, ["display_name", "id_card", "bank_card"]);
}

/// A masked form masked again is the same: redaction may run more than once.
#[test]
fn masking_twice_is_masking_once() {
    let (once, _) = redacted(&[]);
    let mut twice = once.clone();
    twice.redact(ClassSet::NONE, &Path::ROOT, &mut Account::default());
    assert_eq!(once, twice);
}

#[test]
fn sections_hold_one_class_each_and_together_everything_classified() {
    let whole = customer();
    let mut together = Customer {
        name: whole.name.clone(),
        ..Default::default()
    };
    for class in Customer::CLASSES {
        let section = whole.section(*class);
        assert!(section.name.is_empty());
        prost::Message::merge(
            &mut together,
            prost::Message::encode_to_vec(&section).as_slice(),
        )
        .unwrap();
    }
    assert_eq!(together, whole);
}

/// What is left out altogether takes its parts with it.
#[test]
fn an_omitted_message_leaves_nothing_behind() {
    let mut order = Order {
        reviews: vec![Review {
            score: 5,
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut account = Account::default();
    order.redact(
        ClassSet::of(&[DataClass::Purchase]),
        &Path::ROOT,
        &mut account,
    );
    assert!(order.reviews.is_empty());
    assert_eq!(account.omitted, ["reviews"]);
}
