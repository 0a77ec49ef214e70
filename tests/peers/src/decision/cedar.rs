//! Cedar: one policy a rule of a role; people, departments and records are entities,
//! held ready. The department tree is Cedar's own hierarchy. A binding is an attribute
//! of the person, with its period and department.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
    str::FromStr,
};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression as Value,
};
use kefu_contracts::ClassSet;

use crate::company::{Company, NOW, Person, Question, ROLES, Record, Rule};

pub(crate) struct Cedar {
    policies: PolicySet,
    entities: Entities,
    requests: Vec<Request>,
    authorizer: Authorizer,
}

impl Cedar {
    pub(crate) fn new(company: &Company) -> anyhow::Result<Self> {
        let mut text = String::from(
            "forbid(principal, action, resource) when { context.now < principal.joins || context.now >= principal.leaves };\n",
        );
        for (role, rules) in ROLES {
            for rule in *rules {
                policy(&mut text, role, rule)?;
            }
        }
        let mut entities = Vec::new();
        for (own, parent) in company.parents.iter().enumerate() {
            let parents = (own != 0).then(|| uid("Department", parent)).transpose()?;
            entities.push(Entity::new(
                uid("Department", own)?,
                HashMap::new(),
                parents.into_iter().collect(),
            )?);
        }
        for (own, person) in company.people.iter().enumerate() {
            entities.push(self::person(own, person)?);
        }
        for (own, record) in company.records.iter().enumerate() {
            entities.push(self::record(own, record)?);
        }
        let requests = company.questions.iter().map(request);
        Ok(Self {
            policies: PolicySet::from_str(&text)?,
            entities: Entities::from_entities(entities, None)?,
            requests: requests.collect::<Result<_, _>>()?,
            authorizer: Authorizer::new(),
        })
    }

    /// The request is ready: only the decision is timed.
    pub(crate) fn answer(&self, number: usize) -> bool {
        let answer =
            self.authorizer
                .is_authorized(&self.requests[number], &self.policies, &self.entities);
        answer.decision() == Decision::Allow
    }
}

fn policy(text: &mut String, role: &str, rule: &Rule) -> anyhow::Result<()> {
    let actions: Vec<String> = rule
        .permissions
        .iter()
        .map(|one| format!("Action::\"{one}\""))
        .collect();
    let purposes: Vec<String> = rule
        .purposes
        .iter()
        .map(|one| format!("{:?}", one.as_str_name()))
        .collect();
    let classes: Vec<String> = rule
        .classes
        .iter()
        .map(|one| format!("{:?}", one.as_str_name()))
        .collect();
    let scope = match rule.scope {
        "all" => String::from("true"),
        "owner" => String::from("resource.owner == principal"),
        "duty" => String::from("resource.duty.contains(principal)"),
        _ => format!("resource in principal.b_{role}.department"),
    };
    writeln!(
        text,
        "permit(principal, action in [{}], resource) when {{ principal has b_{role} \
         && principal.b_{role}.start <= context.now && context.now < principal.b_{role}.end \
         && [{}].contains(context.purpose) && [{}].contains(context.class) \
         && (!context.sensitive || (context.now < principal.agreement && context.now < principal.training)) \
         && {scope} }};",
        actions.join(", "),
        purposes.join(", "),
        classes.join(", "),
    )?;
    Ok(())
}

fn uid(kind: &str, id: impl ToString) -> anyhow::Result<EntityUid> {
    Ok(EntityUid::from_type_name_and_id(
        EntityTypeName::from_str(kind)?,
        EntityId::new(id.to_string()),
    ))
}

fn person(own: usize, person: &Person) -> anyhow::Result<Entity> {
    let mut attributes = HashMap::from([
        ("agreement".to_owned(), Value::new_long(person.agreement)),
        ("training".to_owned(), Value::new_long(person.training)),
        ("joins".to_owned(), Value::new_long(person.joins)),
        ("leaves".to_owned(), Value::new_long(person.leaves)),
    ]);
    for binding in &person.bindings {
        let value = Value::new_record([
            ("start".to_owned(), Value::new_long(binding.start)),
            ("end".to_owned(), Value::new_long(binding.end)),
            (
                "department".to_owned(),
                Value::new_entity_uid(uid("Department", binding.department)?),
            ),
        ])?;
        attributes.insert(format!("b_{}", binding.role), value);
    }
    Ok(Entity::new(uid("User", own)?, attributes, HashSet::new())?)
}

fn record(own: usize, record: &Record) -> anyhow::Result<Entity> {
    let duty = record
        .duty
        .iter()
        .map(|one| Ok(Value::new_entity_uid(uid("User", one)?)));
    let attributes = HashMap::from([
        (
            "owner".to_owned(),
            Value::new_entity_uid(uid("User", record.owner)?),
        ),
        (
            "duty".to_owned(),
            Value::new_set(duty.collect::<anyhow::Result<Vec<_>>>()?),
        ),
    ]);
    Ok(Entity::new(
        uid("Record", own)?,
        attributes,
        HashSet::from([uid("Department", record.department)?]),
    )?)
}

fn request(question: &Question) -> anyhow::Result<Request> {
    let context = Context::from_pairs([
        ("now".to_owned(), Value::new_long(NOW)),
        (
            "purpose".to_owned(),
            Value::new_string(question.purpose.as_str_name().into()),
        ),
        (
            "class".to_owned(),
            Value::new_string(question.class.as_str_name().into()),
        ),
        (
            "sensitive".to_owned(),
            Value::new_bool(ClassSet::SENSITIVE.contains(question.class)),
        ),
    ])?;
    Ok(Request::new(
        uid("User", question.person)?,
        uid("Action", question.permission)?,
        uid("Record", question.record)?,
        context,
        None,
    )?)
}
