//! Rows grouped into the records that they are about, and ids that are the
//! same each time the same record is imported.

use std::{cell::RefCell, collections::HashMap};

use uuid::Uuid;

use super::{
    join::{Data, Scope},
    reader::{Formats, Reader},
    template::Value,
};

/// Namespace of the ids of requests; kept for ever, or imports would double.
const NAMESPACE: Uuid = Uuid::from_u128(0x6b65_6675_0000_5000_8000_696d_706f_7274);

/// Rows about the same record.
#[derive(Debug, PartialEq)]
pub(super) struct Record {
    /// Identifier of the record in the suite.
    pub(super) external_ref: String,
    /// Numbers of its rows in the order of the file.
    pub(super) rows: Vec<usize>,
}

/// A row that is about no record, and why.
pub(super) type Stray = (usize, String);

/// Groups the rows of the file by their external reference.
pub(super) fn group(
    data: &Data,
    formats: &Formats,
    external_ref: &Value,
) -> (Vec<Record>, Vec<Stray>) {
    let (mut records, mut strays) = (Vec::<Record>::new(), Vec::new());
    let mut known: HashMap<String, usize> = HashMap::new();
    for row in 0..data.main.rows.len() {
        let problems = RefCell::default();
        let reader = Reader::new(Scope::of(data, row), formats, &problems);
        let external_ref = reader.required("external_ref", external_ref);
        let problems = problems.into_inner();
        if !problems.is_empty() {
            strays.push((row, problems.join("; ")));
            continue;
        }
        match known.get(&external_ref) {
            Some(record) => records[*record].rows.push(row),
            None => {
                known.insert(external_ref.clone(), records.len());
                records.push(Record {
                    external_ref,
                    rows: vec![row],
                });
            }
        }
    }
    (records, strays)
}

/// Id of the request that takes this step for this record: the same step of
/// the same record is the same request, whenever it is sent.
pub(super) fn request_id(kind: &str, external_ref: &str, step: &str) -> String {
    // NUL is in no external reference, so that no two names run together.
    let name = format!("{kind}\0{external_ref}\0{step}");
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
        .hyphenated()
        .to_string()
}

/// Name for somebody of another system who is nobody here: the same whenever it is asked for.
pub(super) fn stand_in(reference: &str) -> String {
    format!("employees/{}", request_id("employees", reference, ""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::import::{join::tests::data, mapping::Source};

    #[test]
    fn rows_of_one_record_come_together() {
        let source = Source::default();
        let file = [("f.csv", "id,x\na,1\nb,2\na,3\n,4\n")];
        let data = data(&file, &source, &BTreeMap::new()).unwrap();
        let value = toml::from_str::<BTreeMap<String, Value>>("v = 'ref:{id}'").unwrap();
        let (records, strays) = group(&data, &Formats::of(&source).unwrap(), &value["v"]);
        let record = |name: &str, rows: &[usize]| Record {
            external_ref: name.into(),
            rows: rows.to_vec(),
        };
        assert_eq!(records, [record("ref:a", &[0, 2]), record("ref:b", &[1])]);
        assert_eq!(strays, [(3, "external_ref: no value".to_owned())]);
    }

    #[test]
    fn ids_of_requests_never_change() {
        assert_eq!(
            request_id("orders", "olist:1", "create"),
            "75c830c6-8931-57d5-aa9d-eab4bef68103"
        );
        assert_ne!(
            request_id("orders", "a", "bc"),
            request_id("orders", "ab", "c")
        );
    }
}
