//! The records: customers, tickets and orders in several departments, with and
//! without owner, duty and consent, and a canary in every classified text.

mod complaints;
mod files;
mod heard;
mod inspections;
mod offers;
mod orders;
mod tickets;

use std::collections::BTreeMap;

use kefu_access::RowFacts;
use kefu_contracts::access::{
    ListDepartmentsRequest, organisation_service_client::OrganisationServiceClient,
};
use kefu_service::fields::{name, parse_name};
use kefu_testkit::{Caller, TestSuite, employee_id};
use uuid::Uuid;

use super::{after_sales, orders as taken, post::knowledge::Secret, relationship, values::Values};

/// Names of the records and what is known of them.
pub(super) struct World {
    /// Who made them, cleared for everything.
    pub(super) maker: Caller,
    /// Who is cleared for all of what the maker may not know of, by resource name.
    pub(super) readers: BTreeMap<String, Caller>,
    /// By resource name.
    pub(super) facts: BTreeMap<String, RowFacts>,
    /// Scores of reviews, by order.
    pub(super) reviews: Vec<String>,
    /// An article that is not for everybody.
    pub(super) secret: Secret,
    /// Pairs of tickets that have to do with each other.
    pub(super) links: Vec<(String, String)>,
    /// What hangs on a file, with its customer.
    hanging: Vec<(String, String)>,
    /// By code.
    departments: BTreeMap<String, Uuid>,
}

pub(super) async fn make(suite: &TestSuite) -> World {
    let erp = suite.caller_for("erp", "integration");
    let mut values = Values::default();
    let mut world = World {
        maker: erp.clone(),
        readers: BTreeMap::new(),
        facts: BTreeMap::new(),
        reviews: Vec::new(),
        secret: Secret::make(suite, &mut values).await,
        links: Vec::new(),
        hanging: Vec::new(),
        departments: departments(&erp).await,
    };
    let files = files::enter_all(suite, &mut world, &mut values).await;
    orders::place_all(suite, &mut world, &files, &mut values).await;
    tickets::open_all(suite, &mut world, &files, &mut values).await;
    let (bought, departments) = (world.reviews.clone(), world.departments.clone());
    after_sales::complained(&erp, &bought[orders::COMPLAINED]).await;
    after_sales::done_by_hand(suite, &files[0], departments["call_centre"], &mut values).await;
    let cases = after_sales::planted(suite, &erp, &bought, &departments, &mut values).await;
    let taken = taken::planted(suite, &erp, &files, &departments, &mut values).await;
    for one in cases.into_iter().chain(taken) {
        world.add(one);
    }
    world.relate(suite, &files, &mut values).await;
    for one in after_sales::due(&erp).await {
        world.add(one);
    }
    // Whoever reaches a ticket reaches what its customer said about it, and was told.
    let surveys = heard::surveyed(suite, &erp, &mut values).await;
    let notices = heard::told(&erp, &mut values).await;
    world.place_with(surveys.into_iter().chain(notices));
    for (name, reader, facts) in
        inspections::inspected(suite, &erp, &world.facts, &mut values).await
    {
        world.readers.insert(name.clone(), reader);
        world.facts.insert(name, facts);
    }

    // Offers are where they are to be answered.
    let complaints = world.departments["complaints"];
    let of_desk = |(name, facts): (&String, &RowFacts)| {
        let here = facts.department == Some(world.departments["call_centre"]);
        (here && name.starts_with("tickets/")).then(|| name.clone())
    };
    let given: Vec<String> = world.facts.iter().filter_map(of_desk).take(2).collect();
    for (name, customer) in offers::offered(suite, &erp, &given, complaints, &mut values).await {
        let facts = RowFacts {
            department: Some(complaints),
            customer: parse_name(&customer, "customers"),
            ..RowFacts::default()
        };
        world.facts.insert(name, facts);
    }
    // Whoever reaches a file reaches what hangs on it.
    let hanging = std::mem::take(&mut world.hanging);
    world.place_with(hanging);
    world
}

impl World {
    /// What is wherever something else is.
    fn place_with(&mut self, all: impl IntoIterator<Item = (String, String)>) {
        for (name, with) in all {
            let facts = self.facts[&with].clone();
            self.facts.insert(name, facts);
        }
    }

    /// Something else of a customer: duty on it is duty on the file as well.
    fn add(&mut self, one: after_sales::Planted) {
        let customer = one.facts.customer.map(|id| name("customers", id)).unwrap();
        let file = self.facts.get_mut(&customer).unwrap();
        file.duty.extend(&one.facts.duty);
        self.facts.entry(one.name).or_insert(one.facts);
    }

    /// What keeps customers is where their files are, and of whoever follows an order up.
    async fn relate(&mut self, suite: &TestSuite, files: &[String], values: &mut Values) {
        let orders = || {
            self.facts
                .iter()
                .filter(|(name, _)| name.starts_with("orders/"))
        };
        let known = files.iter().map(|file| {
            let of = &self.facts[file];
            let own = orders().filter(|(_, order)| order.customer == of.customer);
            let facts = RowFacts {
                duty: own.flat_map(|(_, order)| order.duty.clone()).collect(),
                consents: Vec::new(),
                ..of.clone()
            };
            (file.clone(), facts)
        });
        let known: Vec<_> = known.collect();
        let (maker, of_whom) = (self.maker.clone(), (&*files[0], &*files[2]));
        let kept = relationship::made(suite, &maker, of_whom, &known, values).await;
        self.facts.extend(kept.facts);
        for (customer, who) in kept.duties {
            self.facts.get_mut(&customer).unwrap().duty.push(who);
        }
    }

    /// A ticket or order: duty on it is duty on the customer's file (CF-9.1).
    fn know(
        &mut self,
        customer: &str,
        name: String,
        department: Uuid,
        owner: Option<&str>,
        duty: Option<Uuid>,
    ) {
        let file = self.facts.get_mut(customer).unwrap();
        file.duty.extend(duty);
        let facts = RowFacts {
            department: Some(department),
            owner: owner.map(employee_id),
            customer: file.customer,
            duty: duty.into_iter().collect(),
            consents: Vec::new(),
        };
        self.facts.insert(name, facts);
    }
}

fn employee(login: &str) -> String {
    format!("employees/{}", employee_id(login))
}

async fn departments(caller: &Caller) -> BTreeMap<String, Uuid> {
    let mut client = OrganisationServiceClient::new(caller.clone());
    let all = client.list_departments(ListDepartmentsRequest {}).await;
    let all = all.unwrap().into_inner().departments;
    all.into_iter()
        .map(|one| (one.code, parse_name(&one.name, "departments").unwrap()))
        .collect()
}
