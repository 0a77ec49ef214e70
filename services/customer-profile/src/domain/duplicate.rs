//! Files that may be of one customer (IH-2.2): what they are compared by, and what speaks for
//! it and against it.

mod form;

use kefu_contracts::{
    ClassSet,
    policy::DataClass,
    profile::{Customer, CustomerType, DuplicateSignal, DuplicateSignalKind, DuplicateState},
};
use kefu_service::error::Fault;

use self::form::{code, name, place};

/// From how many points on two files are told to be alike.
const ENOUGH: i32 = 50;
/// How alike names are that are similar: of one letter in three.
const SIMILAR: f64 = 0.65;
/// A kind of value that two files of one customer would share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    IdCard,
    CreditCode,
    Phone,
    Email,
    /// Of a company, whose names are its own.
    Name,
    NameAndBirthDate,
    Address,
}

/// What a file is compared by: it may be of one customer with whatever shares one of them.
pub(crate) fn keys(file: &Customer) -> Vec<(Key, String)> {
    let name = name(file);
    let mut keys = vec![
        (Key::IdCard, code(&file.id_card)),
        (Key::CreditCode, code(&file.credit_code)),
    ];
    let phones = file
        .phones
        .iter()
        .map(|one| (Key::Phone, one.number.clone()));
    let emails = file
        .emails
        .iter()
        .map(|one| (Key::Email, one.address.to_lowercase()));
    let addresses = file.addresses.iter().map(|one| (Key::Address, place(one)));
    keys.extend(phones.chain(emails).chain(addresses));
    match (file.r#type(), &file.birth_date) {
        (CustomerType::Enterprise, _) => keys.push((Key::Name, name)),
        (_, Some(date)) if !name.is_empty() => {
            let date = format!("{name} {}-{}-{}", date.year, date.month, date.day);
            keys.push((Key::NameAndBirthDate, date));
        }
        _ => {}
    }
    keys.retain(|(_, value)| !value.is_empty());
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What speaks for two files of one type being of one customer, and against it.
pub(crate) fn compare(one: &Customer, other: &Customer) -> Vec<DuplicateSignalKind> {
    use DuplicateSignalKind as Kind;
    let mut signals = Vec::new();
    let mut either = |one: &str, other: &str, same: Kind, differs: Kind| {
        if !one.is_empty() && !other.is_empty() {
            signals.push(if one == other { same } else { differs });
        }
    };
    either(
        &code(&one.id_card),
        &code(&other.id_card),
        Kind::SameIdCard,
        Kind::OtherIdCard,
    );
    either(
        &code(&one.credit_code),
        &code(&other.credit_code),
        Kind::SameCreditCode,
        Kind::OtherCreditCode,
    );
    let shares = |key: Key| {
        let (one, other) = (keys(one), keys(other));
        one.iter()
            .any(|value| value.0 == key && other.contains(value))
    };
    for (key, kind) in [
        (Key::Phone, Kind::SamePhone),
        (Key::Email, Kind::SameEmail),
        (Key::Address, Kind::SameAddress),
    ] {
        signals.extend(shares(key).then_some(kind));
    }
    let (own, others) = (name(one), name(other));
    if !own.is_empty() && !others.is_empty() {
        signals.push(match strsim::normalized_levenshtein(&own, &others) {
            1.0 => Kind::SameName,
            likeness if likeness >= SIMILAR => Kind::SimilarName,
            _ => Kind::OtherName,
        });
    }
    if let Some((own, others)) = one.birth_date.as_ref().zip(other.birth_date.as_ref()) {
        signals.push(if own == others {
            Kind::SameBirthDate
        } else {
            Kind::OtherBirthDate
        });
    }
    signals.sort_unstable();
    signals
}

/// What a signal adds to the score, and the class of the data that it is about.
pub(crate) fn weight(kind: DuplicateSignalKind) -> (i32, DataClass) {
    use DuplicateSignalKind as Kind;
    match kind {
        Kind::SameIdCard | Kind::SameCreditCode => (90, DataClass::Identity),
        Kind::SamePhone | Kind::SameEmail => (40, DataClass::Contact),
        Kind::SameName => (30, DataClass::Basic),
        Kind::SameAddress => (25, DataClass::Contact),
        Kind::SimilarName | Kind::SameBirthDate => (15, DataClass::Basic),
        Kind::OtherIdCard | Kind::OtherCreditCode => (-60, DataClass::Identity),
        Kind::OtherName => (-30, DataClass::Basic),
        Kind::OtherBirthDate => (-40, DataClass::Basic),
        Kind::Unspecified => (0, DataClass::System),
    }
}

/// 0–100.
pub(crate) fn score(signals: &[DuplicateSignalKind]) -> i32 {
    let points = signals.iter().map(|kind| weight(*kind).0);
    points.sum::<i32>().clamp(0, 100)
}

/// Whether two files are told to be alike.
pub(crate) fn is_alike(signals: &[DuplicateSignalKind]) -> bool {
    score(signals) >= ENOUGH
}

/// The most sensitive class of what makes two files alike: that they are tells of it.
pub(crate) fn class(signals: &[DuplicateSignalKind]) -> DataClass {
    let alike = signals.iter().map(|kind| weight(*kind));
    let classes: ClassSet = alike
        .filter(|(points, _)| *points > 0)
        .map(|(_, class)| class)
        .collect();
    [DataClass::Identity, DataClass::Contact, DataClass::Basic]
        .into_iter()
        .find(|class| classes.contains(*class))
        .unwrap_or(DataClass::Basic)
}

/// What of the signals is shown to whom these classes are cleared in both files.
pub(crate) fn shown(
    signals: &[DuplicateSignalKind],
    cleared: ClassSet,
) -> (i32, Vec<DuplicateSignal>) {
    let shown: Vec<DuplicateSignalKind> = signals
        .iter()
        .copied()
        .filter(|kind| cleared.contains(weight(*kind).1))
        .collect();
    let told = shown.iter().map(|kind| DuplicateSignal {
        kind: (*kind).into(),
        points: weight(*kind).0,
    });
    (score(&shown), told.collect())
}

/// Only what is open is dismissed.
///
/// # Errors
/// `STATE_NOT_ALLOWED`.
pub(crate) fn ensure_open(state: DuplicateState) -> Result<(), Fault> {
    let state = match state {
        DuplicateState::Open => return Ok(()),
        DuplicateState::Dismissed => "DISMISSED",
        DuplicateState::Resolved | DuplicateState::Unspecified => "RESOLVED",
    };
    Err(Fault::state(state, "dismiss").with("allowed", "OPEN"))
}

#[cfg(test)]
mod tests {
    use kefu_contracts::{
        google::r#type::Date,
        profile::{Address, Email, Phone},
    };
    use proptest::prelude::*;

    use super::*;

    fn person(name: &str) -> Customer {
        Customer {
            r#type: CustomerType::Person.into(),
            display_name: name.into(),
            ..Customer::default()
        }
    }

    fn firm(name: &str) -> Customer {
        Customer {
            r#type: CustomerType::Enterprise.into(),
            ..person(name)
        }
    }

    fn at(street: &str) -> Address {
        Address {
            province: "上海市".into(),
            city: "上海市".into(),
            district: "浦东新区".into(),
            street: street.into(),
            ..Address::default()
        }
    }

    /// Clause IH-2.2: the same customer as two people would write them, and two customers who
    /// share something.
    #[test]
    fn the_same_customer_is_found_however_written() {
        let phone = |number: &str| Phone {
            number: number.into(),
            ..Phone::default()
        };
        let with = |name: &str, number: &str| Customer {
            phones: vec![phone(number)],
            ..person(name)
        };
        let lives = |name: &str, address: Address| Customer {
            addresses: vec![address],
            ..person(name)
        };
        let short = Address {
            city: "上海".into(),
            district: "浦东新".into(),
            province: String::new(),
            street: "世纪大道１００号".into(),
            ..Address::default()
        };
        let born = |name: &str, day| Customer {
            birth_date: Some(Date {
                year: 1980,
                month: 1,
                day,
            }),
            ..person(name)
        };
        let card = |name: &str, card: &str| Customer {
            id_card: card.into(),
            ..person(name)
        };
        let code = |name: &str, code: &str| Customer {
            credit_code: code.into(),
            ..firm(name)
        };
        let mail = |name: &str, address: &str| Customer {
            emails: vec![Email {
                address: address.into(),
                ..Email::default()
            }],
            ..firm(name)
        };
        let cases = [
            (with("张三丰", "+861"), with("张三 丰", "+861"), 70),
            (with("张三丰", "+861"), with("张三豐", "+861"), 55),
            (with("Li Wei", "+861"), with("WEI, LI", "+861"), 70),
            // A family with one telephone.
            (with("张三丰", "+861"), with("李四", "+861"), 10),
            (
                lives("王伟", at("世纪大道 100 号")),
                lives("王伟", short),
                55,
            ),
            (
                lives("王伟", at("世纪大道100号")),
                lives("刘洋", at("世纪大道100号")),
                0,
            ),
            (born("王伟", 1), born("王伟", 1), 45),
            (born("王伟", 1), born("王伟", 2), 0),
            (
                card("张三丰", "11010519491231002x"),
                card("刘洋", "11010519491231002X"),
                60,
            ),
            (card("王伟", "1"), card("王伟", "2"), 0),
            (
                code("上海静音科技有限公司", "1"),
                code("静音（上海）", "1"),
                60,
            ),
            (
                mail("静音科技有限公司", "a@b.cn"),
                mail("静音科技股份有限公司", "A@B.cn"),
                70,
            ),
        ];
        for (one, other, expected) in cases {
            let (there, back) = (compare(&one, &other), compare(&other, &one));
            assert_eq!(there, back);
            assert_eq!(score(&there), expected, "{one:?} {other:?}");
            let shared = keys(&one).iter().any(|key| keys(&other).contains(key));
            assert!(shared || !is_alike(&there), "never compared: {one:?}");
        }
    }

    #[test]
    fn what_is_not_cleared_is_not_told() {
        use DuplicateSignalKind::{SameIdCard, SameName, SamePhone};
        let signals = [SameIdCard, SamePhone, SameName];
        assert_eq!(class(&signals), DataClass::Identity);
        assert_eq!(class(&signals[1..]), DataClass::Contact);
        let (score, told) = shown(&signals, ClassSet::of(&[DataClass::Basic]));
        assert_eq!((score, told.len()), (30, 1));
        assert_eq!(shown(&signals, ClassSet::NONE).0, 0);
    }

    fn file() -> impl Strategy<Value = Customer> {
        let word = prop::sample::select(vec!["", "张三丰", "张三豐", "Li Wei", "王伟"]);
        let few = || prop::sample::select(vec!["", "1", "2"]);
        let street = prop::sample::select(vec!["", "世纪大道100号", "人民路1号"]);
        let day = prop::option::of(1..3_i32);
        (word, few(), few(), few(), street, day).prop_map(
            |(name, phone, mail, card, street, day)| Customer {
                phones: vec![Phone {
                    number: phone.into(),
                    ..Phone::default()
                }],
                emails: vec![Email {
                    address: mail.into(),
                    ..Email::default()
                }],
                id_card: card.into(),
                addresses: vec![at(street)],
                birth_date: day.map(|day| Date {
                    year: 1980,
                    month: 1,
                    day,
                }),
                ..person(name)
            },
        )
    }

    proptest! {
        /// Clause IH-2.2: whatever is alike shares a key, so that comparing by keys misses
        /// nothing that comparing everything with everything would find.
        #[test]
        fn what_is_alike_shares_a_key(one in file(), other in file()) {
            let signals = compare(&one, &other);
            prop_assert_eq!(&signals, &compare(&other, &one));
            if is_alike(&signals) {
                prop_assert!(keys(&one).iter().any(|key| keys(&other).contains(key)), "{:?}", signals);
            }
        }
    }
}
