use kefu_contracts::profile::{
    LookupCustomerRequest, LookupCustomerResponse, lookup_customer_request::By,
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
};

use sqlx::{Postgres, QueryBuilder};

use super::Customers;
use crate::{
    domain::contact::{normal_email, normal_phone},
    store::{
        keys::{Key, blind},
        records::{FILES, StoredCustomer},
    },
};

/// Most files shown for one number.
const MOST: usize = 20;

impl Customers {
    /// Finds files by a value that must be known in full beforehand, which is why
    /// it may reach further than a list.
    pub(super) async fn lookup(
        &self,
        call: Call,
        request: LookupCustomerRequest,
    ) -> Result<Answer<LookupCustomerResponse>, Fault> {
        let mut fields = Fields::new();
        let mut query = FILES.select(&call);
        let index = self.sealer.vault().index_key();
        match request.by {
            None => fields.refuse("by", Violation::Required),
            Some(By::Phone(written)) => match normal_phone(self.region, &written) {
                None => fields.refuse("phone", Violation::Phone),
                Some(number) => by_key(&mut query, blind(index, Key::Phone, &number)),
            },
            Some(By::Email(written)) => match normal_email(&written) {
                None => fields.refuse("email", Violation::Email),
                Some(address) => by_key(&mut query, blind(index, Key::Email, &address)),
            },
            Some(By::IdCard(number)) => {
                fields.required_text("id_card", &number, 32);
                by_key(&mut query, blind(index, Key::IdCard, &number));
            }
            Some(By::CreditCode(code)) => {
                fields.required_text("credit_code", &code, 32);
                by_key(&mut query, blind(index, Key::CreditCode, &code));
            }
            Some(By::ExternalRef(reference)) => {
                fields.required_text("external_ref", &reference, 120);
                // Also of what became part of the file.
                query
                    .push(" AND c.id IN (SELECT COALESCE(r.merged_into, r.id) FROM profile.customer r WHERE r.external_ref = ")
                    .push_bind(reference)
                    .push(")");
            }
            Some(By::FileNumber(number)) => {
                fields.required_text("file_number", &number, 32);
                query.push(
                    " AND c.id IN (SELECT customer_id FROM profile.file_number WHERE number = ",
                );
                query.push_bind(number).push(")");
            }
        }
        fields.finish()?;
        query.push(format_args!(
            " ORDER BY c.created_at, c.id LIMIT {}",
            MOST + 1
        ));
        let rows = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move { Ok(query.build().fetch_all(connection).await?) })
            })
            .await?;
        let mut customers = Vec::new();
        let mut all_shown = Vec::new();
        for row in rows.iter().take(MOST) {
            let (customer, shown) = self.open(&call, &StoredCustomer::read(row)?).await?;
            customers.push(customer);
            all_shown.push(shown);
        }
        self.core
            .views
            .record(&call, "customer.looked_up", &all_shown)
            .await?;
        Ok(Answer::read(LookupCustomerResponse {
            customers,
            truncated: rows.len() > MOST,
        }))
    }
}

fn by_key(query: &mut QueryBuilder<Postgres>, blind: Vec<u8>) {
    query
        .push(" AND c.id IN (SELECT customer_id FROM profile.lookup_key WHERE blind = ")
        .push_bind(blind)
        .push(")");
}
