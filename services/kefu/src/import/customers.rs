//! Rows that become customer files (CF-2.1, CF-3.1).

use kefu_contracts::profile::{
    Address, Attribute, ContactKind, ContactPerson, CreateCustomerRequest, Credibility, Customer,
    CustomerType, Email, Phone, Sex, SourceChannel, SourceHand,
};

use super::{
    drive::{Importer, is_there},
    mapping::{AddressFields, AttributeFields, ContactFields, CustomerFields, PersonFields},
    reader::Reader,
    record::request_id,
    report::Sent,
    session::{Failure, Session},
};

impl Importer for CustomerFields {
    const KIND: &'static str = "customers";
    type Plan = Customer;

    /// The file of a customer, from the first of the rows about them.
    fn plan(&self, external_ref: &str, rows: &[Reader<'_>]) -> Customer {
        let row = &rows[0];
        Customer {
            external_ref: external_ref.to_owned(),
            r#type: row.number_of("type", &self.r#type, CustomerType::from_str_name),
            display_name: row.required("display_name", &self.display_name),
            business_line: row.text("business_line", &self.business_line),
            department: row.text("department", &self.department),
            owner: row.text("owner", &self.owner),
            sex: row.number_of("sex", &self.sex, Sex::from_str_name),
            birth_date: row.date("birth_date", &self.birth_date),
            occupation: row.text("occupation", &self.occupation),
            region: row.text("region", &self.region),
            source_channel: row.number_of(
                "source_channel",
                &self.source_channel,
                SourceChannel::from_str_name,
            ),
            special_needs: row.text("special_needs", &self.special_needs),
            id_card: row.text("id_card", &self.id_card),
            credit_code: row.text("credit_code", &self.credit_code),
            bank_card: row.text("bank_card", &self.bank_card),
            source_hand: row.number_of("source_hand", &self.source_hand, SourceHand::from_str_name),
            source_credibility: row.number_of(
                "source_credibility",
                &self.source_credibility,
                Credibility::from_str_name,
            ),
            signing_date: row.date("signing_date", &self.signing_date),
            contact_persons: self
                .contact_persons
                .iter()
                .filter_map(|fields| person(row, fields))
                .collect(),
            basic_attributes: attributes(row, &self.basic_attributes),
            contact_attributes: attributes(row, &self.contact_attributes),
            identity_attributes: attributes(row, &self.identity_attributes),
            financial_attributes: attributes(row, &self.financial_attributes),
            purchase_attributes: attributes(row, &self.purchase_attributes),
            relation_attributes: attributes(row, &self.relation_attributes),
            phones: contacts(row, &self.phones, |number, kind, primary| Phone {
                number,
                kind,
                primary,
            }),
            emails: contacts(row, &self.emails, |address, kind, primary| Email {
                address,
                kind,
                primary,
            }),
            addresses: self
                .addresses
                .iter()
                .filter_map(|fields| address(row, fields))
                .collect(),
            ..Customer::default()
        }
    }

    async fn send(&self, session: &Session, customer: &Customer) -> Result<Sent, Failure> {
        let request = CreateCustomerRequest {
            request_id: request_id(Self::KIND, &customer.external_ref, "create"),
            customer: Some(customer.clone()),
        };
        let answer = session
            .call(&request, async |request| {
                session.customer_service().create_customer(request).await
            })
            .await;
        let created = match answer {
            Ok(customer) => session.is_new(customer.create_time.as_ref()),
            Err(Failure::Refused(refusal)) if is_there(&refusal) => false,
            Err(failure) => return Err(failure),
        };
        Ok(Sent {
            created,
            parts: Vec::new(),
        })
    }
}

fn person(row: &Reader<'_>, fields: &PersonFields) -> Option<ContactPerson> {
    let name = row.text("name", &fields.name);
    (!name.is_empty()).then(|| ContactPerson {
        name,
        title: row.text("title", &fields.title),
        phone: row.text("phone", &fields.phone),
        email: row.text("email", &fields.email),
        primary: fields.primary,
    })
}

fn attributes(row: &Reader<'_>, all: &[AttributeFields]) -> Vec<Attribute> {
    all.iter()
        .filter_map(|fields| {
            let value = row.text("value", &fields.value);
            let id = fields.id.clone();
            (!value.is_empty()).then_some(Attribute { id, value })
        })
        .collect()
}

fn contacts<T>(
    row: &Reader<'_>,
    all: &[ContactFields],
    make: impl Fn(String, i32, bool) -> T,
) -> Vec<T> {
    all.iter()
        .filter_map(|fields| {
            let value = row.text("value", &fields.value);
            let kind = row.number_of("kind", &fields.kind, ContactKind::from_str_name);
            (!value.is_empty()).then(|| make(value, kind, fields.primary))
        })
        .collect()
}

fn address(row: &Reader<'_>, fields: &AddressFields) -> Option<Address> {
    let parts = Address {
        province: row.text("province", &fields.province),
        city: row.text("city", &fields.city),
        district: row.text("district", &fields.district),
        street: row.text("street", &fields.street),
        postal_code: row.text("postal_code", &fields.postal_code),
        ..Address::default()
    };
    (parts != Address::default()).then(|| Address {
        kind: row.number_of("kind", &fields.kind, ContactKind::from_str_name),
        primary: fields.primary,
        ..parts
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::drive::tests::planned;

    const MAPPING: &str = r#"
        external_ref = "s:{id}"
        [customer]
        type = { from = "{kind}", map = { p = "CUSTOMER_TYPE_PERSON" } }
        display_name = "customer {id}"
        birth_date = "{born}"
        [[customer.phones]]
        value = "{phone}"
        kind = "CONTACT_KIND_MOBILE"
        primary = true
        [[customer.addresses]]
        city = "{city}"
        primary = true
    "#;

    /// Clauses CF-2.4, SG-1.1: what files got later can be brought along as well.
    #[test]
    fn later_fields_are_brought_along() {
        let mapping = r#"
            external_ref = "s:{id}"
            [customer]
            type = "CUSTOMER_TYPE_ENTERPRISE"
            display_name = "customer {id}"
            source_hand = "SOURCE_HAND_FIRST"
            source_credibility = "CREDIBILITY_HIGH"
            signing_date = "{signed}"
            [[customer.contact_persons]]
            name = "{who}"
            title = "{post}"
            primary = true
            [[customer.relation_attributes]]
            id = "referred_by"
            value = "{by}"
        "#;
        let file = "id,signed,who,post,by\na,2020-02-29,赵敏,采购经理,老客户\nb,,,经理,\n";
        let plans = planned(mapping, &[("f.csv", file)], |mapping| mapping.customer);
        let [Ok(first), Ok(second)] = plans.as_slice() else {
            panic!("{plans:?}")
        };
        assert_eq!(first.source_hand(), SourceHand::First);
        assert_eq!(first.source_credibility(), Credibility::High);
        assert_eq!(first.signing_date.as_ref().map(|date| date.day), Some(29));
        assert_eq!(first.contact_persons[0].title, "采购经理");
        assert!(first.contact_persons[0].primary);
        assert_eq!(first.relation_attributes[0].id, "referred_by");
        assert_eq!(first.relation_attributes[0].value, "老客户");
        assert!(second.contact_persons.is_empty() && second.relation_attributes.is_empty());
        assert_eq!(second.signing_date, None);
    }

    #[test]
    fn the_first_row_about_a_customer_is_their_file() {
        let file =
            "id,kind,born,phone,city\na,p,1990-03-07,13812345678,Rio\na,p,,,Recife\nb,p,,,\n";
        let plans = planned(MAPPING, &[("f.csv", file)], |mapping| mapping.customer);
        let [Ok(first), Ok(second)] = plans.as_slice() else {
            panic!("{plans:?}")
        };
        assert_eq!(first.external_ref, "s:a");
        assert_eq!(first.r#type(), CustomerType::Person);
        assert_eq!(first.display_name, "customer a");
        assert_eq!(first.birth_date.as_ref().map(|date| date.month), Some(3));
        assert_eq!(first.phones[0].kind(), ContactKind::Mobile);
        assert_eq!(first.addresses[0].city, "Rio");
        assert!(second.phones.is_empty() && second.addresses.is_empty());
    }

    #[test]
    fn everything_wrong_with_a_row_is_told_at_once() {
        let file = "id,kind,born,phone,city\na,x,yesterday,,\n";
        let plans = planned(MAPPING, &[("f.csv", file)], |mapping| mapping.customer);
        assert_eq!(
            plans,
            [Err("type: \"x\" is not in the mapping's value map; \
                 birth_date: \"yesterday\" is not a date of the form %Y-%m-%d"
                .to_owned())]
        );
    }
}
