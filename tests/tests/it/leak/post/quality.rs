//! What is said of the quality of files: only of those that are visible, and which fields fall
//! short only of classes that are cleared there.

use kefu_contracts::policy::DataClass;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use super::{Door, Post};
use crate::leak::{
    calls::request,
    schema::{self, text},
};

impl Post<'_> {
    /// The whole list, or as much of it as a page holds.
    pub(super) async fn qualities(&self, door: &Door<'_>) {
        let asked = request(&door.descriptor.input(), &[("page_size", Value::I32(200))]);
        let answer = self.send(door, asked).await;
        for page in answer.messages(&door.descriptor.output()) {
            for (_, value) in page.fields() {
                for row in schema::messages(value) {
                    self.check_quality(door, row);
                }
            }
        }
    }

    fn check_quality(&self, door: &Door<'_>, row: &DynamicMessage) {
        let customer = text(row, "customer");
        let known = self.leak.known.iter().find(|one| one.name == customer);
        let Some((known, cleared)) =
            known.and_then(|one| Some((one, door.clearance(one, self.leak.now)?)))
        else {
            return self.find(
                door,
                format_args!("tells of {customer}, which is out of scope"),
            );
        };
        let file = known.whole.descriptor();
        let mut fields = Vec::new();
        for list in ["field", "missing_fields", "invalid_fields"] {
            if row.descriptor().get_field_by_name(list).is_some() {
                let value = row.get_field_by_name(list).unwrap();
                fields.extend(schema::texts(&value).into_iter().map(str::to_owned));
            }
        }
        for path in fields.iter().filter(|path| !path.is_empty()) {
            let class = file
                .get_field_by_name(path)
                .map(|field| self.leak.schema.policy(&field).0);
            let seen = class
                .is_some_and(|class| class == DataClass::System || cleared.classes.contains(class));
            if !seen {
                self.find(door, format_args!("tells of {path} of {customer}"));
            }
        }
    }
}
