//! Duties: of the files that are visible, whoever the facts say has one, and no other.

use std::collections::BTreeSet;

use prost_reflect::Value;

use super::{CUSTOMER, Door, Post};
use crate::leak::{
    calls::request,
    schema::{messages, number, text},
};

impl Post<'_> {
    pub(super) async fn duties(&self, door: &Door<'_>) {
        let asked = [
            ("page_size", Value::I32(200)),
            ("standing_only", Value::Bool(true)),
        ];
        let input = door.descriptor.input();
        let answer = self.send(door, request(&input, &asked)).await;
        let visible = self
            .known(CUSTOMER)
            .filter(|one| door.clearance(one, self.leak.now).is_some());
        let expected: BTreeSet<(String, String)> = visible
            .flat_map(|one| {
                let employees = one.facts.duty.iter();
                employees.map(|id| (one.name.clone(), format!("employees/{id}")))
            })
            .collect();
        for page in answer.messages(&door.descriptor.output()) {
            let duties = page.get_field_by_name("duties").unwrap().into_owned();
            let duties = messages(&duties);
            let listed: BTreeSet<_> = duties
                .iter()
                .map(|duty| (text(duty, "customer"), text(duty, "employee")))
                .collect();
            if listed != expected || number(&page, "total_size") != duties.len() as i64 {
                self.find(
                    door,
                    format_args!("duties are {listed:?}, the oracle says {expected:?}"),
                );
            }
        }
    }
}
