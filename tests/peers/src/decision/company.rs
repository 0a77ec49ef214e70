//! The company that all engines decide about, and the questions they are asked. What
//! an engine makes of it is in the engine's own file.

use std::collections::HashMap;

use kefu_contracts::{
    ClassSet,
    policy::{DataClass, Purpose},
};
use uuid::Uuid;

pub(crate) const DEPARTMENTS: usize = 500;
pub(crate) const EMPLOYEES: usize = 10_000;
pub(crate) const GRANTS: usize = 10_000;
pub(crate) const RECORDS: usize = 20_000;
pub(crate) const QUESTIONS: usize = 20_000;
/// The moment of all questions, in seconds since 1970.
pub(crate) const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

/// A rule of a role: these permissions, on the records of the scope, for these purposes,
/// clearing these classes.
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) permissions: &'static [&'static str],
    pub(crate) scope: &'static str,
    pub(crate) classes: &'static [DataClass],
    pub(crate) purposes: &'static [Purpose],
}

pub(crate) type Role = (&'static str, &'static [Rule]);

pub(crate) struct Binding {
    pub(crate) role: &'static str,
    pub(crate) department: usize,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) department: usize,
    pub(crate) agreement: i64,
    pub(crate) training: i64,
    pub(crate) joins: i64,
    pub(crate) leaves: i64,
    /// At most one a role.
    pub(crate) bindings: Vec<Binding>,
}

pub(crate) struct Record {
    pub(crate) id: Uuid,
    pub(crate) department: usize,
    pub(crate) owner: usize,
    pub(crate) duty: Vec<usize>,
}

pub(crate) struct Grant {
    pub(crate) id: Uuid,
    pub(crate) person: usize,
    pub(crate) records: [usize; 2],
    pub(crate) permission: &'static str,
    pub(crate) classes: &'static [DataClass],
    pub(crate) purpose: Purpose,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// May this person do that for this purpose, and see this class of this record?
pub(crate) struct Question {
    pub(crate) person: usize,
    pub(crate) permission: &'static str,
    pub(crate) purpose: Purpose,
    pub(crate) record: usize,
    pub(crate) class: DataClass,
}

pub(crate) struct Company {
    /// Parent of each; the root is its own.
    pub(crate) parents: Vec<usize>,
    pub(crate) people: Vec<Person>,
    pub(crate) records: Vec<Record>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) questions: Vec<Question>,
    /// The index outside: grants by person and record.
    granted: HashMap<(usize, usize), Vec<usize>>,
}

use DataClass::{Basic, Contact, Financial, Identity, Purchase, Relation, Service};

macro_rules! rule {
    ($id:literal, $scope:literal, [$($p:literal),*], [$($c:ident),*], [$($u:ident),*]) => {
        Rule { id: $id, permissions: &[$($p),*], scope: $scope, classes: &[$($c),*], purposes: &[$(Purpose::$u),*] }
    };
}

/// Posts in the manner of those the suite ships.
pub(crate) const ROLES: &[Role] = &[
    (
        "agent",
        &[
            rule!(
                "duty",
                "duty",
                [
                    "profile.customers.get",
                    "profile.customers.update",
                    "ticket.tickets.get",
                    "order.orders.get"
                ],
                [Basic, Contact, Identity, Purchase, Service, Relation],
                [Service, Complaint]
            ),
            rule!(
                "reception",
                "all",
                ["ticket.tickets.open"],
                [Basic],
                [Service, Complaint]
            ),
        ],
    ),
    (
        "owner",
        &[rule!(
            "own",
            "owner",
            [
                "profile.customers.get",
                "profile.customers.update",
                "order.orders.get"
            ],
            [Basic, Contact, Purchase, Relation],
            [Service, Sales]
        )],
    ),
    (
        "head",
        &[
            rule!(
                "department",
                "departments",
                [
                    "profile.customers.get",
                    "ticket.tickets.get",
                    "order.orders.get"
                ],
                [Basic, Contact, Purchase, Service],
                [Service, Complaint, Quality]
            ),
            rule!(
                "money",
                "departments",
                ["profile.customers.get"],
                [Financial],
                [Complaint]
            ),
        ],
    ),
    (
        "quality",
        &[rule!(
            "review",
            "departments",
            ["ticket.tickets.get", "order.orders.get"],
            [Basic, Service],
            [Quality, Training]
        )],
    ),
    (
        "sales",
        &[rule!(
            "buying",
            "owner",
            ["profile.customers.get", "order.orders.get"],
            [Basic, Contact, Purchase],
            [Sales]
        )],
    ),
    (
        "accounts",
        &[rule!(
            "bills",
            "all",
            ["order.orders.get"],
            [Basic, Purchase, Financial],
            [Complaint, Administration]
        )],
    ),
    (
        "trainer",
        &[rule!(
            "cases",
            "departments",
            ["ticket.tickets.get"],
            [Service],
            [Training]
        )],
    ),
    (
        "auditor",
        &[rule!(
            "all",
            "all",
            [
                "profile.customers.get",
                "ticket.tickets.get",
                "order.orders.get"
            ],
            [Basic, Service],
            [Audit]
        )],
    ),
];

const PERMISSIONS: &[&str] = &[
    "profile.customers.get",
    "profile.customers.update",
    "ticket.tickets.get",
    "ticket.tickets.open",
    "order.orders.get",
];
const PURPOSES: &[Purpose] = &[
    Purpose::Service,
    Purpose::Complaint,
    Purpose::Quality,
    Purpose::Sales,
    Purpose::Training,
    Purpose::Audit,
];
/// What grants are for: for selling they also need the customer's consent, which no
/// record here has.
const LENT: &[Purpose] = &[Purpose::Service, Purpose::Complaint, Purpose::Quality];
const CLASSES: &[DataClass] = &[
    Basic, Contact, Identity, Purchase, Financial, Service, Relation,
];

/// SplitMix64: the same company and questions in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn id(&mut self) -> Uuid {
        let half = |dice: &mut Self| dice.below(usize::MAX) as u64;
        Uuid::from_u64_pair(half(self), half(self))
    }

    /// A moment that is still to come, but for one in so many.
    fn later(&mut self, one_in: usize) -> i64 {
        let days = 1 + self.below(700) as i64;
        if self.below(one_in) == 0 {
            NOW - days * DAY
        } else {
            NOW + days * DAY
        }
    }
}

impl Company {
    pub(crate) fn new() -> Self {
        let mut dice = Dice(3);
        let parents: Vec<usize> = (0..DEPARTMENTS)
            .map(|at| at.saturating_sub(1) / 6)
            .collect();
        let people: Vec<Person> = (0..EMPLOYEES).map(|_| person(&mut dice)).collect();
        let records: Vec<Record> = (0..RECORDS).map(|_| record(&mut dice)).collect();
        let grants: Vec<Grant> = (0..GRANTS).map(|_| grant(&mut dice)).collect();
        let mut granted: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, grant) in grants.iter().enumerate() {
            for record in grant.records {
                granted.entry((grant.person, record)).or_default().push(at);
            }
        }
        let mut company = Self {
            parents,
            people,
            records,
            grants,
            questions: Vec::new(),
            granted,
        };
        company.questions = (0..QUESTIONS)
            .map(|_| company.question(&mut dice))
            .collect();
        company
    }

    /// Four in ten by somebody who has duty on the record or owns it, one in ten by
    /// somebody with a grant, three in ten by a colleague of the same department or one
    /// above, the rest by anybody.
    fn question(&self, dice: &mut Dice) -> Question {
        let mut record = dice.below(RECORDS);
        let mut permission = dice.of(PERMISSIONS);
        let mut purpose = dice.of(PURPOSES);
        let person = match dice.below(10) {
            0..3 => self.records[record].duty[0],
            3 => self.records[record].owner,
            4 => {
                let grant = &self.grants[dice.below(GRANTS)];
                (record, permission, purpose) = (
                    grant.records[dice.below(2)],
                    grant.permission,
                    grant.purpose,
                );
                grant.person
            }
            5..8 => {
                let person = dice.below(EMPLOYEES);
                let department = self.people[person].department;
                while !self
                    .above(self.records[record].department)
                    .any(|above| above == department)
                {
                    record = (record + 1) % RECORDS;
                }
                person
            }
            _ => dice.below(EMPLOYEES),
        };
        Question {
            person,
            permission,
            purpose,
            record,
            class: dice.of(CLASSES),
        }
    }

    /// The department and all above it.
    pub(crate) fn above(&self, from: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(from), |at| (*at != 0).then(|| self.parents[*at]))
    }

    pub(crate) fn present(person: &Person) -> bool {
        person.joins <= NOW && NOW < person.leaves
    }

    /// Whether the class may be shown to the person at all (CF-8.1, CC-2.1).
    pub(crate) fn secret(person: &Person, class: DataClass) -> bool {
        !ClassSet::SENSITIVE.contains(class) || (NOW < person.agreement && NOW < person.training)
    }

    /// What the peers are spared: whether a grant lets it through, by the hash index.
    pub(crate) fn granted(&self, question: &Question) -> bool {
        let Some(grants) = self.granted.get(&(question.person, question.record)) else {
            return false;
        };
        let person = &self.people[question.person];
        Self::present(person)
            && Self::secret(person, question.class)
            && grants.iter().any(|at| {
                let grant = &self.grants[*at];
                grant.permission == question.permission
                    && grant.purpose == question.purpose
                    && grant.classes.contains(&question.class)
                    && grant.start <= NOW
                    && NOW < grant.end
            })
    }
}

fn person(dice: &mut Dice) -> Person {
    let department = dice.below(DEPARTMENTS);
    let mut bindings: Vec<Binding> = Vec::new();
    for at in 0..1 + dice.below(3) {
        // Most answer customers.
        let role = if at == 0 && dice.below(3) > 0 {
            "agent"
        } else {
            dice.of(ROLES).0
        };
        if bindings.iter().all(|binding| binding.role != role) {
            let start = if dice.below(20) == 0 {
                NOW + DAY
            } else {
                NOW - 300 * DAY
            };
            bindings.push(Binding {
                role,
                department,
                start,
                end: dice.later(20).max(start + 1),
            });
        }
    }
    Person {
        id: dice.id(),
        department,
        agreement: dice.later(20),
        training: dice.later(20),
        joins: NOW - 1000 * DAY,
        leaves: dice.later(50),
        bindings,
    }
}

fn record(dice: &mut Dice) -> Record {
    Record {
        id: dice.id(),
        department: dice.below(DEPARTMENTS),
        owner: dice.below(EMPLOYEES),
        duty: (0..1 + dice.below(2))
            .map(|_| dice.below(EMPLOYEES))
            .collect(),
    }
}

fn grant(dice: &mut Dice) -> Grant {
    Grant {
        id: dice.id(),
        person: dice.below(EMPLOYEES),
        records: [dice.below(RECORDS), dice.below(RECORDS)],
        permission: dice.of(&[
            "profile.customers.get",
            "ticket.tickets.get",
            "order.orders.get",
        ]),
        classes: dice.of(&[
            &[Basic, Contact][..],
            &[Basic, Service, Purchase],
            &[Identity, Financial],
        ]),
        purpose: dice.of(LENT),
        start: NOW - DAY,
        end: NOW + DAY,
    }
}
