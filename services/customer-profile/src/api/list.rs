use kefu_contracts::{
    common::TotalKind,
    profile::{ListCustomersRequest, ListCustomersResponse},
};
use kefu_service::{
    call::{Answer, Call},
    error::{Fault, Violation},
    fields::Fields,
    filter::Filter,
    page::{self, Binding},
    scope::{After, Order, total},
};

use super::Customers;
use crate::store::records::{RECORD, StoredCustomer};

impl Customers {
    /// Clause CF-4.2.
    pub(super) async fn list(
        &self,
        call: Call,
        request: ListCustomersRequest,
    ) -> Result<Answer<ListCustomersResponse>, Fault> {
        let mut fields = Fields::new();
        let size = page::size(&mut fields, request.page_size);
        let filter = Filter::parse(&request.filter, RECORD.fields).unwrap_or_else(|what| {
            fields.refuse("filter", what);
            Filter::default()
        });
        let descending = match request.order_by.as_str() {
            "" | "create_time" => false,
            "create_time desc" => true,
            _ => {
                fields.refuse("order_by", Violation::OrderBy);
                false
            }
        };
        fields.finish()?;

        let binding = Binding::of(&call, &request.filter, &request.order_by);
        let key = self.sealer.vault().index_key();
        let after = binding.after(key, &request.page_token)?;
        let order = Order {
            column: "c.created_at",
            descending,
        };
        let mut page = RECORD.page(&call, &filter, order, after, size);
        let mut count = RECORD.count(&call, &filter);
        let (rows, counted) = self
            .core
            .deps
            .db
            .run(move |connection| {
                Box::pin(async move {
                    let rows = page.build().fetch_all(&mut *connection).await?;
                    let counted: i64 = count.build_query_scalar().fetch_one(connection).await?;
                    Ok((rows, counted))
                })
            })
            .await?;

        let stored: Vec<_> = rows
            .iter()
            .take(size)
            .map(StoredCustomer::read)
            .collect::<Result<_, _>>()?;
        let next = stored.last().filter(|_| rows.len() > size);
        let next_page_token = next
            .map(|last| {
                binding.token(
                    key,
                    After {
                        at: last.created_at,
                        id: last.id,
                    },
                )
            })
            .unwrap_or_default();
        let mut customers = Vec::with_capacity(stored.len());
        let mut all_shown = Vec::with_capacity(stored.len());
        for row in &stored {
            let (customer, shown) = self.open(&call, row).await?;
            customers.push(customer);
            all_shown.push(shown);
        }
        self.core
            .views
            .record(&call, "customer.viewed", &all_shown)
            .await?;
        let (total_size, total_kind): (i32, TotalKind) = total(counted);
        Ok(Answer::read(ListCustomersResponse {
            customers,
            next_page_token,
            total_size,
            total_kind: total_kind as i32,
        }))
    }
}
