//! What files are found by though it is sealed: whole values by keyed hash, and the words of
//! names and addresses by their marks.

use kefu_contracts::profile::Customer;
use kefu_service::{error::Fault, time::civil};
use kefu_vault::IndexKey;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::birthday::Birthday;

const TABLE: &str = "profile.customer";
/// Table and column of the marks of names.
pub(crate) const NAME: (&str, &str) = (TABLE, "name");
/// Table and column of the marks of addresses.
pub(crate) const ADDRESS: (&str, &str) = (TABLE, "address");

/// A value that is looked up by the whole of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    Phone,
    Email,
    IdCard,
    CreditCode,
    Region,
    Tag,
    /// The day of the year, as `domain/birthday.rs` writes it.
    Birthday,
    /// The day of the Chinese year.
    LunarBirthday,
}

impl Key {
    /// No two kinds of value share their hashes.
    fn column(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::IdCard => "id_card",
            Self::CreditCode => "credit_code",
            Self::Region => "region",
            Self::Tag => "tag",
            Self::Birthday => "birthday",
            Self::LunarBirthday => "lunar_birthday",
        }
    }
}

/// The keyed hash of a value, however its letters are written; of a number in E.164.
pub(crate) fn blind(index: &IndexKey, key: Key, value: &str) -> Vec<u8> {
    let value = value.trim().to_lowercase();
    index.blind(TABLE, key.column(), &value).to_vec()
}

/// Fields of a file that it is found by.
pub(crate) const FIELDS: &[&str] = &[
    "phones",
    "emails",
    "id_card",
    "credit_code",
    "region",
    "tags",
    "birth_date",
];

/// What a file is found by.
pub(crate) fn of(index: &IndexKey, customer: &Customer) -> Vec<Vec<u8>> {
    let phones = customer.phones.iter().map(|one| (Key::Phone, &one.number));
    let emails = customer.emails.iter().map(|one| (Key::Email, &one.address));
    let tags = customer.tags.iter().map(|tag| (Key::Tag, tag));
    let single = [
        (Key::IdCard, &customer.id_card),
        (Key::CreditCode, &customer.credit_code),
        (Key::Region, &customer.region),
    ];
    let all = phones.chain(emails).chain(tags).chain(single);
    let some = all.filter(|(_, value)| !value.is_empty());
    let mut found: Vec<_> = some.map(|(key, value)| blind(index, key, value)).collect();
    found.extend(of_birthday(index, customer));
    found
}

/// What a file is found by for the birthday of its customer (OP-3.3).
pub(crate) fn of_birthday(index: &IndexKey, customer: &Customer) -> Vec<Vec<u8>> {
    let Some(birth) = customer.birth_date.as_ref().and_then(civil) else {
        return Vec::new();
    };
    let birthday = Birthday::of(birth);
    let solar = blind(index, Key::Birthday, &birthday.solar);
    let lunar = birthday.lunar.iter();
    let lunar = lunar.map(|day| blind(index, Key::LunarBirthday, day));
    std::iter::once(solar).chain(lunar).collect()
}

/// What the words of a file are found by.
pub(crate) struct Marks {
    pub(crate) name: Vec<i64>,
    pub(crate) address: Vec<i64>,
}

impl Marks {
    pub(crate) fn of(index: &IndexKey, customer: &Customer) -> Self {
        let addresses = customer.addresses.iter().map(|one| {
            [&one.province, &one.city, &one.district, &one.street]
                .map(String::as_str)
                .join(" ")
        });
        let addresses: Vec<String> = addresses.collect();
        Self {
            name: index.marks(NAME.0, NAME.1, [customer.display_name.as_str()]),
            address: index.marks(ADDRESS.0, ADDRESS.1, addresses.iter().map(String::as_str)),
        }
    }
}

/// Replaces what a file is found by.
pub(crate) async fn replace(
    connection: &mut PgConnection,
    customer: Uuid,
    blinds: &[Vec<u8>],
) -> Result<(), Fault> {
    sqlx::query!(
        "DELETE FROM profile.lookup_key WHERE customer_id = $1 AND blind <> ALL($2)",
        customer,
        blinds
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query!(
        "INSERT INTO profile.lookup_key (customer_id, blind) SELECT $1, * FROM UNNEST($2::bytea[])
         ON CONFLICT DO NOTHING",
        customer,
        blinds
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Files, and drafts, that were entered before they were found by their words; at most so
/// many, locked in one order. One that somebody else holds is waited for: what is left out
/// would be left for the next look.
pub(crate) async fn unmarked(
    connection: &mut PgConnection,
    most: i64,
) -> Result<Vec<Unmarked>, Fault> {
    let files = sqlx::query_as!(
        Unmarked,
        "SELECT c.id, c.sealed, k.kek_id, k.wrapped
         FROM profile.customer c JOIN profile.customer_key k ON k.customer_id = c.id
         WHERE c.name_marks IS NULL ORDER BY c.id LIMIT $1 FOR UPDATE OF c",
        most
    )
    .fetch_all(connection)
    .await?;
    Ok(files)
}

/// A file that is not found by its words yet.
pub(crate) struct Unmarked {
    pub(crate) id: Uuid,
    pub(crate) sealed: Vec<u8>,
    pub(crate) kek_id: String,
    pub(crate) wrapped: Vec<u8>,
}

/// Puts what the words of a file are found by.
pub(crate) async fn mark(
    connection: &mut PgConnection,
    customer: Uuid,
    marks: &Marks,
) -> Result<(), Fault> {
    sqlx::query!(
        "UPDATE profile.customer SET name_marks = $2, address_marks = $3 WHERE id = $1",
        customer,
        &marks.name,
        &marks.address
    )
    .execute(connection)
    .await?;
    Ok(())
}
