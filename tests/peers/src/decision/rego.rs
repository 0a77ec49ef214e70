//! regorus: the rules as data, one Rego rule over them; people are looked up by key, the
//! department tree is a table of what is above each department, made outside.

use kefu_contracts::ClassSet;
use regorus::{CompiledPolicy, Engine, Value};
use serde_json::{Map, json};

use crate::company::{Company, NOW, Question, ROLES};

const POLICY: &str = r#"
package kefu
import rego.v1

default allow := false

allow if {
    person := data.people[input.subject]
    person.joins <= input.now
    input.now < person.leaves
    secret(person)
    some binding in person.bindings
    binding.start <= input.now
    input.now < binding.end
    some rule in data.roles[binding.role][input.permission]
    rule.purposes[input.purpose]
    rule.classes[input.class]
    reaches(rule.scope, binding)
}

secret(person) if not input.sensitive
secret(person) if {
    input.sensitive
    input.now < person.agreement
    input.now < person.training
}

reaches("all", binding) if true
reaches("owner", binding) if input.record.owner == input.subject
reaches("duty", binding) if input.record.duty[input.subject]
reaches("departments", binding) if data.above[input.record.department][binding.department]
"#;

pub(crate) struct Rego {
    policy: CompiledPolicy,
    inputs: Vec<Value>,
}

impl Rego {
    pub(crate) fn new(company: &Company) -> anyhow::Result<Self> {
        let mut engine = Engine::new();
        engine.add_policy("kefu.rego".into(), POLICY.into())?;
        engine.add_data(Value::from_json_str(&data(company).to_string())?)?;
        let inputs = company
            .questions
            .iter()
            .map(|question| input(company, question));
        Ok(Self {
            inputs: inputs.collect::<Result<_, _>>()?,
            policy: engine.compile_with_entrypoint(&"data.kefu.allow".into())?,
        })
    }

    /// The input is ready: only the decision is timed.
    pub(crate) fn answer(&self, number: usize) -> anyhow::Result<bool> {
        Ok(self.policy.eval_with_input(self.inputs[number].clone())? == Value::from(true))
    }
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> serde_json::Value {
    names
        .into_iter()
        .map(|name| (name.to_owned(), json!(true)))
        .collect::<Map<_, _>>()
        .into()
}

fn data(company: &Company) -> serde_json::Value {
    let people = company.people.iter().map(|person| {
        let bindings = person.bindings.iter().map(|binding| {
            json!({ "role": binding.role, "department": binding.department.to_string(),
                    "start": binding.start, "end": binding.end })
        });
        let value = json!({
            "agreement": person.agreement, "training": person.training,
            "joins": person.joins, "leaves": person.leaves,
            "bindings": bindings.collect::<Vec<_>>(),
        });
        (person.id.to_string(), value)
    });
    let above = (0..company.parents.len()).map(|own| {
        let names: Vec<String> = company.above(own).map(|one| one.to_string()).collect();
        (own.to_string(), set(names.iter().map(String::as_str)))
    });
    let mut roles = Map::new();
    for (role, rules) in ROLES {
        let mut by_permission: Map<String, serde_json::Value> = Map::new();
        for rule in *rules {
            for permission in rule.permissions {
                let rules = by_permission
                    .entry(*permission)
                    .or_insert_with(|| json!([]));
                let value = json!({
                    "scope": rule.scope,
                    "purposes": set(rule.purposes.iter().map(|one| one.as_str_name())),
                    "classes": set(rule.classes.iter().map(|one| one.as_str_name())),
                });
                rules
                    .as_array_mut()
                    .into_iter()
                    .for_each(|rules| rules.push(value.clone()));
            }
        }
        roles.insert((*role).to_owned(), by_permission.into());
    }
    json!({
        "people": people.collect::<Map<_, _>>(),
        "above": above.collect::<Map<_, _>>(),
        "roles": roles,
    })
}

fn input(company: &Company, question: &Question) -> anyhow::Result<Value> {
    let record = &company.records[question.record];
    let duty: Vec<String> = record
        .duty
        .iter()
        .map(|one| company.people[*one].id.to_string())
        .collect();
    let value = json!({
        "subject": company.people[question.person].id.to_string(),
        "permission": question.permission,
        "purpose": question.purpose.as_str_name(),
        "class": question.class.as_str_name(),
        "sensitive": ClassSet::SENSITIVE.contains(question.class),
        "now": NOW,
        "record": {
            "department": record.department.to_string(),
            "owner": company.people[record.owner].id.to_string(),
            "duty": set(duty.iter().map(String::as_str)),
        },
    });
    Value::from_json_str(&value.to_string())
}
