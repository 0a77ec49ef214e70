//! Casbin: one policy line a rule of a role. It has no periods, no clock and no tree of
//! departments that a condition could ask, so that bindings, presence, agreement and
//! training, and which scopes reach the record are worked out outside, and it is asked
//! once for each binding that stands.

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};

use crate::company::{Company, NOW, Question, ROLES};

const MODEL: &str = "
[request_definition]
r = role, act, purpose, class, owner, duty, departments

[policy_definition]
p = role, acts, scope, purposes, classes

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.role == p.role && has(p.acts, r.act) && has(p.purposes, r.purpose) && has(p.classes, r.class) && \
(p.scope == \"all\" || p.scope == r.owner || p.scope == r.duty || p.scope == r.departments)
";

pub(crate) struct Casbin(Enforcer);

impl Casbin {
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let model = DefaultModel::from_str(MODEL).await?;
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
        enforcer.add_function(
            "has",
            casbin::function_map::OperatorFunction::Arg2(|list, name| {
                let list = list.into_string().unwrap_or_default();
                let name = name.into_string().unwrap_or_default();
                list.split('|').any(|one| one == name).into()
            }),
        );
        let list = |names: Vec<&str>| names.join("|");
        for (role, rules) in ROLES {
            for rule in *rules {
                let line = vec![
                    (*role).to_owned(),
                    list(rule.permissions.to_vec()),
                    rule.scope.to_owned(),
                    list(rule.purposes.iter().map(|one| one.as_str_name()).collect()),
                    list(rule.classes.iter().map(|one| one.as_str_name()).collect()),
                ];
                enforcer.add_policy(line).await?;
            }
        }
        Ok(Self(enforcer))
    }

    pub(crate) fn answer(&self, company: &Company, question: &Question) -> anyhow::Result<bool> {
        let person = &company.people[question.person];
        let record = &company.records[question.record];
        if !Company::present(person) || !Company::secret(person, question.class) {
            return Ok(false);
        }
        let when = |reached: bool, name: &'static str| if reached { name } else { "" };
        for binding in &person.bindings {
            if !(binding.start <= NOW && NOW < binding.end) {
                continue;
            }
            let reached = company
                .above(record.department)
                .any(|above| above == binding.department);
            if self.0.enforce((
                binding.role,
                question.permission,
                question.purpose.as_str_name(),
                question.class.as_str_name(),
                when(record.owner == question.person, "owner"),
                when(record.duty.contains(&question.person), "duty"),
                when(reached, "departments"),
            ))? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
