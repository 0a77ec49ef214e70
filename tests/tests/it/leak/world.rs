//! The records: customers, tickets and orders in several departments, with and
//! without owner, duty and consent, and a canary in every classified text.

use std::{collections::BTreeMap, time::Duration};

use kefu_access::{Purpose, RowFacts};
use kefu_contracts::{
    access::{ListDepartmentsRequest, organisation_service_client::OrganisationServiceClient},
    common::Channel,
    google::r#type::{Date, Money},
    order::{Order, OrderLine, OrderStage, RecordReviewRequest, RecordStageRequest, Review},
    profile::{
        Address, AssignDataRequestRequest, Consent, ConsentDecision, ContactKind, ContactPerson,
        CopyForm, CreateDraftRequest, Credibility, Customer, CustomerType, DataRequest,
        DataRequestKind, Email, FulfilDataRequestRequest, IntakeChannel, Mismatch, Phone,
        RecordConsentRequest, ReturnCustomerRequest, ReturnReason, Sex, SourceChannel, SourceHand,
        UpdateCustomerRequest, VerificationCheck, VerificationOutcome,
        consent_service_client::ConsentServiceClient,
    },
    ticket::{
        AnalyseComplaintRequest, AnswerResultRequest, AssignTicketRequest, CheckLegitimacyRequest,
        CloseTicketRequest, CompensationRule, ComplaintNature, CompleteInspectionTaskRequest,
        DecideOnCompensationRequest, DeclineOfferRequest, Direction, GetHandlingRulesRequest,
        GetTicketRequest, Gravity, InspectionTask, InspectionTaskKind, Legitimacy, LinkKind,
        LinkTicketsRequest, NoticeEvent, NoticeRule, OfferCompensationRequest, OfferTicketRequest,
        RateTicketRequest, RecordCompensationPaymentRequest, ReopenTicketRequest,
        ReplyToTicketRequest, ResolveTicketRequest, ResultAnswer, ReviseHandlingRulesRequest,
        SummariseComplaintRequest, TagTicketRequest, Ticket, TicketKind, TicketState,
        compensation_service_client::CompensationServiceClient,
        hand_over_service_client::HandOverServiceClient,
        handling_service_client::HandlingServiceClient, link_service_client::LinkServiceClient,
        tag_service_client::TagServiceClient,
    },
};
use kefu_service::{
    clock::Clock,
    fields::{name, parse_name},
    time,
};
use kefu_testkit::{Caller, TestSuite, employee_id};
use prost_types::FieldMask;
use uuid::Uuid;

use super::{after_sales, orders, post::knowledge::Secret, relationship, values::Values};
use crate::{
    attachments::{announced, put},
    data_requests::{ask, asked, copied, data_requests},
    inspections::{self, complete, given},
    notices,
    records::{
        customers, enter, intake, open, order, orders, place, said_consent, ticket, tickets,
    },
    surveys,
    verifications::{found, record},
};

/// Department, owner, consents.
const CUSTOMERS: &[(&str, Option<&str>, &[Purpose])] = &[
    ("call_centre", Some("li.wei"), &[Purpose::Marketing]),
    ("complaints", None, &[]),
    ("technical_support", Some("ma.chao"), &[Purpose::Sales]),
    // An enterprise.
    ("sales", None, &[Purpose::Sales, Purpose::Marketing]),
    ("archive", Some("xu.jing"), &[]),
    ("it", None, &[]),
];
const ENTERPRISE: usize = 3;
/// Entered by its owner, and sent back by the reviewer.
const RETURNED: usize = 0;
/// Changed once more, with a reason.
const CHANGED: usize = 4;

/// Customer, department, assignee, closed.
const TICKETS: &[(usize, &str, Option<&str>, bool)] = &[
    (0, "call_centre", Some("wang.fang"), false),
    (1, "complaints", Some("guo.jing"), false),
    (2, "technical_support", Some("zhao.lei"), false),
    (3, "sales", None, false),
    (4, "it", Some("ma.chao"), true),
    (5, "call_centre", Some("hu.tao"), false),
    (5, "complaints", Some("xu.jing"), false),
];

/// What customers are told.
const TOLD: &str = "尊敬的客户：您的工单{ticket.number}已经解决。";

const REQUEST: usize = 0;
const COMPLAINT: usize = 1;
/// The order that it is about.
const COMPLAINED: usize = 1;

/// Tickets of two desks, of one, and one that is closed.
const LINKS: &[(usize, usize)] = &[(0, 1), (0, 5), (6, 1), (4, 2)];

/// Customer, department, owner, cancelled.
const ORDERS: &[(usize, &str, Option<&str>, bool)] = &[
    (0, "call_centre", Some("wang.fang"), false),
    (1, "complaints", Some("luo.yong"), false),
    (4, "technical_support", Some("ma.chao"), true),
    (5, "sales", None, false),
];

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
    };
    let departments = departments(&erp).await;
    let mut files = Vec::new();
    for (at, (department, owner, consents)) in CUSTOMERS.iter().enumerate() {
        let mut one = customer(&mut values, at == ENTERPRISE);
        one.department = format!("departments/{}", departments[*department]);
        one.owner = owner.map(employee).unwrap_or_default();
        one.external_ref = format!("CRM-{at}");
        let entered = match at {
            RETURNED => returned(suite, &erp, one, &mut values).await,
            CHANGED => changed(&erp, enter(&erp, one).await, &mut values).await,
            _ => enter(&erp, one).await,
        };
        let id = parse_name(&entered.name, "customers").unwrap();
        let facts = RowFacts {
            department: Some(departments[*department]),
            owner: owner.map(employee_id),
            customer: Some(id),
            duty: Vec::new(),
            consents: consents.to_vec(),
        };
        for purpose in *consents {
            let statement = consent(&erp, &entered.name, *purpose, &mut values).await;
            world.hanging.push(statement);
        }
        world.facts.insert(entered.name.clone(), facts);
        files.push(entered.name);
    }
    for (name, customer) in verified(suite, &erp, &files, &mut values).await {
        world.hanging.push((name, customer));
    }
    for (name, customer) in requested(suite, &erp, &files, &mut values).await {
        world.hanging.push((name, customer));
    }
    let draft = draft(suite, &mut values, departments["call_centre"]).await;
    let id = parse_name(&draft, "customers").unwrap();
    let facts = RowFacts {
        department: Some(departments["call_centre"]),
        customer: Some(id),
        ..RowFacts::default()
    };
    world.facts.insert(draft, facts);
    let admin = suite.caller("han.bing");
    // A complaint is resolved more than once, and would be told the same again.
    let kinds = [TicketKind::Consultation, TicketKind::ServiceRequest];
    let rule = NoticeRule {
        kinds: kinds.map(Into::into).to_vec(),
        ..notices::rule("told", NoticeEvent::Resolved, TOLD)
    };
    notices::revise(&admin, vec![rule]).await.unwrap();
    for (at, (customer, department, owner, cancelled)) in ORDERS.iter().enumerate() {
        let mut one = order(&files[*customer]);
        one.lines = vec![line(&mut values)];
        let promised = suite.clock.now() + Duration::from_secs(86_400);
        one.promised_time = Some(time::to_proto(promised));
        one.department = format!("departments/{}", departments[*department]);
        one.owner = owner.map(employee).unwrap_or_default();
        one.external_ref = format!("SHOP-{at}");
        let name = follow(suite, &erp, one, *cancelled, &mut values).await;
        let duty = owner.filter(|_| !cancelled).map(employee_id);
        world.reviews.push(name.clone());
        world.know(
            &files[*customer],
            name,
            departments[*department],
            *owner,
            duty,
        );
    }
    let mut made = Vec::new();
    for (at, (customer, department, assignee, closed)) in TICKETS.iter().enumerate() {
        let mut one = ticket(&files[*customer]);
        one.subject = values.text();
        one.description = values.text();
        one.department = format!("departments/{}", departments[*department]);
        one.external_ref = format!("CASE-{at}");
        match at {
            REQUEST => one.set_kind(TicketKind::ServiceRequest),
            // Of an order of the same customer.
            COMPLAINT => {
                one.set_kind(TicketKind::Complaint);
                one.order.clone_from(&world.reviews[COMPLAINED]);
            }
            _ => {}
        }
        let name = work(suite, &erp, one, *assignee, *closed, &mut values).await;
        let duty = assignee.filter(|_| !closed).map(employee_id);
        made.push(name.clone());
        world.know(
            &files[*customer],
            name,
            departments[*department],
            *assignee,
            duty,
        );
    }
    for (from, to) in LINKS {
        let link = LinkTicketsRequest {
            kind: LinkKind::CausedBy.into(),
            from: made[*from].clone(),
            to: made[*to].clone(),
            ..Default::default()
        };
        let mut client = LinkServiceClient::new(erp.clone());
        client.link_tickets(link).await.unwrap();
        world.links.push((made[*from].clone(), made[*to].clone()));
    }
    let bought: Vec<String> = world.reviews.clone();
    after_sales::complained(&erp, &bought[COMPLAINED]).await;
    after_sales::done_by_hand(suite, &files[0], departments["call_centre"], &mut values).await;
    let cases = after_sales::planted(suite, &erp, &bought, &departments, &mut values).await;
    let taken = orders::planted(suite, &erp, &files, &departments, &mut values).await;
    for one in cases.into_iter().chain(taken) {
        world.add(one);
    }
    world.relate(suite, &files, &mut values).await;
    for one in after_sales::due(&erp).await {
        world.add(one);
    }
    // Whoever reaches a ticket reaches what its customer said about it.
    for (name, ticket) in surveyed(suite, &erp, &mut values).await {
        let facts = world.facts[&ticket].clone();
        world.facts.insert(name, facts);
    }
    for (name, ticket) in told(&erp, &mut values).await {
        let facts = world.facts[&ticket].clone();
        world.facts.insert(name, facts);
    }
    for (name, reader, facts) in inspected(suite, &erp, &world.facts, &mut values).await {
        world.readers.insert(name.clone(), reader);
        world.facts.insert(name, facts);
    }

    // Offers are where they are to be answered.
    let complaints = departments["complaints"];
    let of_desk = |(name, facts): (&String, &RowFacts)| {
        let here = facts.department == Some(departments["call_centre"]);
        (here && name.starts_with("tickets/")).then(|| name.clone())
    };
    let given: Vec<String> = world.facts.iter().filter_map(of_desk).take(2).collect();
    for (name, customer) in offered(suite, &erp, &given, complaints, &mut values).await {
        let facts = RowFacts {
            department: Some(complaints),
            customer: parse_name(&customer, "customers"),
            ..RowFacts::default()
        };
        world.facts.insert(name, facts);
    }
    // Whoever reaches a file reaches what hangs on it.
    for (name, customer) in std::mem::take(&mut world.hanging) {
        let facts = world.facts[&customer].clone();
        world.facts.insert(name, facts);
    }
    world
}

impl World {
    /// Something else of a customer: duty on it is duty on the file as well.
    fn add(&mut self, one: after_sales::Planted) {
        let customer = one.facts.customer.map(|id| name("customers", id)).unwrap();
        let file = self.facts.get_mut(&customer).unwrap();
        file.duty.extend(&one.facts.duty);
        self.facts.entry(one.name).or_insert(one.facts);
    }

    /// What keeps customers is where their files are, and of whoever follows an order up.
    async fn relate(&mut self, suite: &TestSuite, files: &[String], values: &mut Values) {
        let known = files.iter().enumerate().map(|(at, file)| {
            let open = ORDERS.iter().filter(|(of, _, _, over)| *of == at && !over);
            let owners = open.filter_map(|(_, _, owner, _)| owner.map(employee_id));
            let facts = RowFacts {
                duty: owners.collect(),
                consents: Vec::new(),
                ..self.facts[file].clone()
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

/// The statement's name, and whose it is.
async fn consent(
    caller: &Caller,
    customer: &str,
    purpose: Purpose,
    values: &mut Values,
) -> (String, String) {
    let request = RecordConsentRequest {
        consent: Some(Consent {
            evidence: values.text(),
            ..said_consent(customer, purpose, ConsentDecision::Given)
        }),
        request_id: String::new(),
    };
    let mut consents = ConsentServiceClient::new(caller.clone());
    let statement = consents.record_consent(request).await.unwrap().into_inner();
    (statement.name, customer.to_owned())
}

/// What was found out of files, one that does not agree among it, and their confirmation.
async fn verified(
    suite: &TestSuite,
    maker: &Caller,
    files: &[String],
    values: &mut Values,
) -> Vec<(String, String)> {
    let archivist = suite
        .caller_for("feng.yulan", "administration")
        .after(maker);
    let mut names = Vec::new();
    for (at, check) in [
        (1, VerificationCheck::Document),
        (2, VerificationCheck::Account),
        (2, VerificationCheck::Confirmation),
    ] {
        let confirms = check == VerificationCheck::Confirmation;
        let mut one = found(&files[at], check, confirms);
        one.evidence = values.text();
        one.note = values.text();
        if confirms {
            one.confirmed_by = values.name();
        } else {
            one.mismatches = vec![Mismatch {
                field: "display_name".into(),
                text: values.text(),
            }];
            one.outcome = VerificationOutcome::Mismatch.into();
        }
        let caller = if confirms { maker } else { &archivist };
        let entered = record(caller, one).await.unwrap();
        names.push((entered.name, files[at].clone()));
    }
    let _ = maker.after(&archivist);
    names
}

/// What customers asked for: one that is fulfilled, one that is given to somebody.
async fn requested(
    suite: &TestSuite,
    maker: &Caller,
    files: &[String],
    values: &mut Values,
) -> Vec<(String, String)> {
    let archivist = suite
        .caller_for("feng.yulan", "administration")
        .after(maker);
    let mut names = Vec::new();
    for (at, kind) in [(0, DataRequestKind::Access), (3, DataRequestKind::Deletion)] {
        let request = DataRequest {
            asker: values.name(),
            identity_evidence: values.text(),
            wish: values.text(),
            ..asked(&files[at], kind)
        };
        let made = ask(maker, request).await.unwrap();
        names.push((made.name.clone(), files[at].clone()));
        let assign = AssignDataRequestRequest {
            name: made.name.clone(),
            etag: made.etag,
            assignee: employee("li.wei"),
            ..Default::default()
        };
        let mut client = data_requests(&archivist.after(maker));
        let made = client
            .assign_data_request(assign)
            .await
            .unwrap()
            .into_inner();
        if kind == DataRequestKind::Access {
            copied(&archivist, &made.name, CopyForm::Html)
                .await
                .unwrap();
            let fulfil = FulfilDataRequestRequest {
                name: made.name,
                etag: made.etag,
                answer: values.text(),
                reference: values.text(),
                ..Default::default()
            };
            client.fulfil_data_request(fulfil).await.unwrap();
        }
    }
    let _ = maker.after(&archivist);
    names
}

/// A file on its way: what the reviewer says of it is data about the customer as well.
async fn returned(
    suite: &TestSuite,
    maker: &Caller,
    customer: Customer,
    values: &mut Values,
) -> Customer {
    let agent = suite.caller("li.wei");
    let entered = enter(&agent, customer).await;
    let reviewer = suite.caller("lin.na");
    let reason = ReturnReason {
        field: "id_card".into(),
        text: values.text(),
    };
    let request = ReturnCustomerRequest {
        name: entered.name,
        etag: entered.etag,
        reasons: vec![reason],
        ..Default::default()
    };
    let returned = intake(&reviewer).return_customer(request).await.unwrap();
    let _ = maker.after(&reviewer);
    returned.into_inner()
}

async fn changed(maker: &Caller, customer: Customer, values: &mut Values) -> Customer {
    let request = UpdateCustomerRequest {
        customer: Some(Customer {
            special_needs: values.text(),
            ..customer
        }),
        update_mask: Some(FieldMask {
            paths: vec!["special_needs".into()],
        }),
        reason: values.text(),
        ..Default::default()
    };
    let changed = customers(maker).update_customer(request).await.unwrap();
    changed.into_inner()
}

async fn draft(suite: &TestSuite, values: &mut Values, department: Uuid) -> String {
    let mut one = customer(values, false);
    one.department = format!("departments/{department}");
    one.external_ref = "CRM-DRAFT".into();
    one.intake_channel = IntakeChannel::SelfService as i32;
    let request = CreateDraftRequest {
        customer: Some(one),
        ..Default::default()
    };
    let mut shop = intake(&suite.caller_for("webshop", "integration"));
    shop.create_draft(request).await.unwrap().into_inner().name
}

fn customer(values: &mut Values, enterprise: bool) -> Customer {
    let mut customer = Customer {
        r#type: CustomerType::Enterprise as i32,
        display_name: values.name(),
        occupation: values.text(),
        region: values.text(),
        phones: vec![Phone {
            number: values.phone(),
            kind: ContactKind::Mobile as i32,
            primary: true,
        }],
        emails: vec![Email {
            address: values.email(),
            kind: ContactKind::Work as i32,
            primary: true,
        }],
        addresses: vec![Address {
            province: "北京市".into(),
            city: "北京市".into(),
            district: "朝阳区".into(),
            street: values.text(),
            postal_code: values.text(),
            kind: ContactKind::Home as i32,
            primary: true,
        }],
        bank_card: values.bank_card(),
        purchase_preferences: vec![values.text(), values.text()],
        source_channel: SourceChannel::WordOfMouth as i32,
        special_needs: values.text(),
        tags: vec![values.text()],
        contact_persons: vec![ContactPerson {
            name: values.name(),
            title: values.text(),
            phone: values.phone(),
            email: values.email(),
            primary: true,
        }],
        source_hand: SourceHand::Second as i32,
        source_credibility: Credibility::High as i32,
        signing_date: Some(Date {
            year: 2020,
            month: 2,
            day: 29,
        }),
        basic_attributes: vec![values.attribute("native_place")],
        contact_attributes: vec![values.attribute("wechat")],
        identity_attributes: vec![values.attribute("passport")],
        financial_attributes: vec![values.attribute("invoice_title")],
        purchase_attributes: vec![values.attribute("usual_shop")],
        relation_attributes: vec![values.attribute("referred_by")],
        ..Default::default()
    };
    if enterprise {
        customer.credit_code = values.credit_code();
    } else {
        let (id_card, birth_date) = values.id_card();
        customer.r#type = CustomerType::Person as i32;
        customer.sex = Sex::Female as i32;
        customer.birth_date = Some(birth_date);
        customer.id_card = id_card;
    }
    customer
}

fn line(values: &mut Values) -> OrderLine {
    let money = |units| {
        Some(Money {
            currency_code: "CNY".into(),
            units,
            nanos: 500_000_000,
        })
    };
    OrderLine {
        product: values.text(),
        specification: values.text(),
        category: values.text(),
        quantity: 2,
        unit_price: money(1299),
        freight: money(10),
        discount: money(1),
        tax: money(2),
        ..OrderLine::default()
    }
}

/// Opens a ticket and does with it everything that leaves a text.
async fn work(
    suite: &TestSuite,
    caller: &Caller,
    ticket: Ticket,
    assignee: Option<&str>,
    closed: bool,
    values: &mut Values,
) -> String {
    let mut client = tickets(caller);
    let mut now = open(caller, ticket).await;
    let name = now.name.clone();
    now = judged(caller, now, values).await;
    if let Some(assignee) = assignee {
        let request = AssignTicketRequest {
            name: name.clone(),
            etag: now.etag,
            assignee: employee(assignee),
            ..Default::default()
        };
        now = client.assign_ticket(request).await.unwrap().into_inner();
    }
    let tags = TagTicketRequest {
        name: name.clone(),
        etag: now.etag,
        tags: vec![assignee.unwrap_or("nobody").to_owned(), "加急".into()],
        ..Default::default()
    };
    let mut sorting = TagServiceClient::new(caller.clone());
    now = sorting.tag_ticket(tags).await.unwrap().into_inner();
    let reply = ReplyToTicketRequest {
        name: name.clone(),
        etag: now.etag,
        direction: Direction::In as i32,
        body: values.text(),
        ..Default::default()
    };
    now = client.reply_to_ticket(reply).await.unwrap().into_inner();
    // Only what a person says has an author.
    if let Some(login @ "wang.fang") = assignee {
        let reply = ReplyToTicketRequest {
            name: name.clone(),
            etag: now.etag,
            direction: Direction::Out as i32,
            body: values.text(),
            ..Default::default()
        };
        let mut agent = tickets(&suite.caller(login).after(caller));
        now = agent.reply_to_ticket(reply).await.unwrap().into_inner();
        now = conversed(suite, caller, now, values).await;
    }
    let resolve = ResolveTicketRequest {
        name: name.clone(),
        etag: now.etag,
        resolution: values.text(),
        ..Default::default()
    };
    now = client.resolve_ticket(resolve).await.unwrap().into_inner();
    let rate = RateTicketRequest {
        name: name.clone(),
        etag: now.etag,
        score: 4,
        comment: values.text(),
        ..Default::default()
    };
    now = client.rate_ticket(rate).await.unwrap().into_inner();
    if now.kind() == TicketKind::Complaint {
        now = complained(caller, now, values).await;
        now = compensated(suite, caller, now, values).await;
    }
    // One is still to be done.
    if !closed && assignee == Some("wang.fang") {
        let reopen = ReopenTicketRequest {
            name: name.clone(),
            etag: now.etag.clone(),
            reason: values.text(),
            ..Default::default()
        };
        now = client.reopen_ticket(reopen).await.unwrap().into_inner();
    }
    if closed {
        let close = CloseTicketRequest {
            name: name.clone(),
            etag: now.etag,
            ..Default::default()
        };
        client.close_ticket(close).await.unwrap();
    }
    name
}

/// A request is checked and a complaint analysed before anybody works on it.
async fn judged(caller: &Caller, ticket: Ticket, values: &mut Values) -> Ticket {
    let mut client = HandlingServiceClient::new(caller.clone());
    let (name, etag) = (ticket.name.clone(), ticket.etag.clone());
    let answer = match ticket.kind() {
        TicketKind::ServiceRequest => {
            let request = CheckLegitimacyRequest {
                name,
                etag,
                legitimacy: Legitimacy::Granted.into(),
                reason: values.text(),
                ..Default::default()
            };
            client.check_legitimacy(request).await
        }
        TicketKind::Complaint => {
            let request = AnalyseComplaintRequest {
                name,
                etag,
                nature: ComplaintNature::Privacy.into(),
                gravity: Gravity::Grave.into(),
                analysis: values.text(),
                ..Default::default()
            };
            client.analyse_complaint(request).await
        }
        _ => return ticket,
    };
    answer.unwrap().into_inner()
}

/// The customer is satisfied at the third attempt, which the head was told of.
async fn complained(caller: &Caller, mut ticket: Ticket, values: &mut Values) -> Ticket {
    use ResultAnswer::{Satisfied, Unsatisfied};
    let mut handling = HandlingServiceClient::new(caller.clone());
    for answer in [Unsatisfied, Unsatisfied, Satisfied] {
        let answer = AnswerResultRequest {
            name: ticket.name.clone(),
            etag: ticket.etag.clone(),
            answer: answer.into(),
            words: values.text(),
            ..Default::default()
        };
        ticket = handling.answer_result(answer).await.unwrap().into_inner();
        if ticket.state() == TicketState::Open {
            let resolve = ResolveTicketRequest {
                name: ticket.name.clone(),
                etag: ticket.etag.clone(),
                resolution: values.text(),
                ..Default::default()
            };
            let answer = tickets(caller).resolve_ticket(resolve).await;
            ticket = answer.unwrap().into_inner();
        }
    }
    let summary = SummariseComplaintRequest {
        name: ticket.name,
        etag: ticket.etag,
        cause: values.text(),
        improvement: values.text(),
        ..Default::default()
    };
    let answer = handling.summarise_complaint(summary).await;
    answer.unwrap().into_inner()
}

/// The customer is compensated, by two people, and paid.
async fn compensated(
    suite: &TestSuite,
    caller: &Caller,
    ticket: Ticket,
    values: &mut Values,
) -> Ticket {
    let administrator = suite.caller("han.bing");
    let mut rules = HandlingServiceClient::new(administrator.clone());
    let known = rules.get_handling_rules(GetHandlingRulesRequest {}).await;
    let known = known.unwrap().into_inner();
    let mut definition = known.versions[0].definition.clone().unwrap();
    definition.compensations = vec![CompensationRule {
        gravity: Gravity::Grave.into(),
        currency: "CNY".into(),
        granted_units: 100,
        approved_units: 0,
    }];
    let revise = ReviseHandlingRulesRequest {
        etag: known.etag,
        definition: Some(definition),
        reason: "补偿标准".into(),
        ..Default::default()
    };
    rules.revise_handling_rules(revise).await.unwrap();
    let caller = &caller.after(&administrator);
    let mut maker = CompensationServiceClient::new(caller.clone());
    let mut offered = ticket.clone();
    // The first goes by the rule; together with it the second takes approval.
    for units in [47, 4711] {
        let offer = OfferCompensationRequest {
            name: ticket.name.clone(),
            etag: offered.etag,
            amount: Some(Money {
                currency_code: "CNY".into(),
                units,
                nanos: 0,
            }),
            reason: values.text(),
            ..Default::default()
        };
        offered = maker.offer_compensation(offer).await.unwrap().into_inner();
    }
    let head = suite.caller_for("zhou.ting", "complaint").after(caller);
    let decide = DecideOnCompensationRequest {
        name: ticket.name.clone(),
        etag: offered.etag,
        number: 2,
        approve: true,
        reason: values.text(),
        ..Default::default()
    };
    let mut decider = CompensationServiceClient::new(head.clone());
    let decided = decider.decide_on_compensation(decide).await;
    let pay = RecordCompensationPaymentRequest {
        name: ticket.name,
        etag: decided.unwrap().into_inner().etag,
        number: 2,
        reference: values.text(),
        ..Default::default()
    };
    let mut payer = CompensationServiceClient::new(caller.after(&head));
    let paid = payer.record_compensation_payment(pay).await;
    paid.unwrap().into_inner()
}

/// Every resolution was asked about: the surveys, with their tickets. The customer of the
/// first answers, is not satisfied, and is visited.
async fn surveyed(
    suite: &TestSuite,
    caller: &Caller,
    values: &mut Values,
) -> Vec<(String, String)> {
    let all = surveys::listed(caller, "").await;
    let first = all.last().unwrap();
    let issued = surveys::issue(caller, first, Channel::Phone).await.unwrap();
    let given = surveys::give(caller, &issued.token, (2, 1), &values.text()).await;
    given.unwrap();
    let head = suite.caller("zhang.min").after(caller);
    let due = surveys::listed(&head, "visit = DUE").await;
    let visited = surveys::visit(&head, &due[0], &values.text(), "").await;
    assert_eq!(visited.unwrap().ticket, first.ticket);
    let _ = caller.after(&head);
    let names = all.into_iter().map(|one| (one.name, one.ticket));
    names.collect()
}

/// Customers are told that their tickets are resolved; of one somebody says how.
async fn told(caller: &Caller, values: &mut Values) -> Vec<(String, String)> {
    let all = notices::listed(caller, "").await.unwrap();
    let marked = notices::sent(caller, &all[0], &values.text(), &values.text()).await;
    marked.unwrap();
    let names = all.into_iter().map(|one| (one.name, one.ticket));
    names.collect()
}

/// The customer calls, and sends a file.
async fn conversed(
    suite: &TestSuite,
    caller: &Caller,
    ticket: Ticket,
    values: &mut Values,
) -> Ticket {
    let content = format!("{}{}", values.text(), values.text());
    let name = format!("{}.txt", values.text());
    let request = announced(&ticket.name, &name, "text/plain", content.as_bytes());
    let file = put(caller, request, content.as_bytes()).await.unwrap();
    let reply = ReplyToTicketRequest {
        name: ticket.name,
        etag: ticket.etag,
        direction: Direction::In as i32,
        body: values.text(),
        attachments: vec![file.name],
        channel: Channel::Phone as i32,
        call_start_time: Some(time::to_proto(suite.clock.now() - Duration::from_secs(90))),
        call_end_time: Some(time::to_proto(suite.clock.now() - Duration::from_secs(9))),
        recording: values.text(),
        ..Default::default()
    };
    let mut client = tickets(caller);
    client.reply_to_ticket(reply).await.unwrap().into_inner()
}

/// Two tickets are inspected. Of one two inspectors think differently and a third decides, the
/// agent objects and somebody else decides on that; of the other the second has not scored it,
/// so that there is no result. What there is, who sees it whole, and what is known of it.
async fn inspected(
    suite: &TestSuite,
    caller: &Caller,
    facts: &BTreeMap<String, RowFacts>,
    values: &mut Values,
) -> Vec<(String, Caller, RowFacts)> {
    let judge = name("employees", employee_id("zhao.lei"));
    inspections::staffed(suite, |rules| rules.deciders.push(judge)).await;
    let quality = |login: &str| suite.caller_for(login, "quality").after(caller);
    let [gao, ding] = ["gao.yuan", "ding.lan"].map(quality);
    let deciders = ["sun.li", "zhao.lei"].map(quality);
    let mut all = Vec::new();
    let mut known = |task: &InspectionTask, reader: &Caller, login: &str| {
        let id = parse_name(&task.customer, "customers");
        let facts = RowFacts {
            customer: id,
            duty: vec![employee_id(login)],
            ..RowFacts::default()
        };
        all.push((task.name.clone(), reader.clone(), facts));
    };
    let tickets: Vec<(&String, &RowFacts)> = facts
        .iter()
        .filter(|(name, facts)| {
            let inspected = ["guo.jing", "hu.tao"].map(|login| Some(employee_id(login)));
            name.starts_with("tickets/") && inspected.contains(&facts.owner)
        })
        .collect();
    for (ticket, facts) in &tickets {
        inspections::order(&gao, ticket, true).await.unwrap();
        let (_, first) = given(&[&gao], ticket, InspectionTaskKind::Inspect).await;
        let (_, second) = given(&[&ding], ticket, InspectionTaskKind::Inspect).await;
        let scored = complete(&gao, sheet(&first, 4, values)).await.unwrap();
        known(&scored, &gao, "gao.yuan");
        if facts.owner == Some(employee_id("hu.tao")) {
            known(&second, &ding, "ding.lan");
            continue;
        }
        let scored = complete(&ding, sheet(&second, 1, values)).await.unwrap();
        known(&scored, &ding, "ding.lan");
    }
    let (ticket, facts) = tickets
        .iter()
        .find(|(_, facts)| facts.owner == Some(employee_id("guo.jing")))
        .unwrap();
    let both: Vec<&Caller> = deciders.iter().collect();
    let who = |caller: &Caller| match std::ptr::eq(caller, &raw const deciders[0]) {
        true => "sun.li",
        false => "zhao.lei",
    };
    let (decider, third) = given(&both, ticket, InspectionTaskKind::Decide).await;
    let scored = complete(decider, sheet(&third, 3, values)).await.unwrap();
    known(&scored, decider, who(decider));
    let agent = quality("guo.jing").after(decider);
    let mut results = inspections::listed(&agent, "").await.inspections;
    let result = results.remove(0);
    let appealed = inspections::appeal(&agent, &result, &values.text(), "").await;
    let (decider, last) = given(&both, ticket, InspectionTaskKind::Appeal).await;
    let upheld = inspections::upheld(&last, &values.text());
    let decided = inspections::decide(decider, upheld).await.unwrap();
    known(&decided, decider, who(decider));
    let head = quality("zhou.ting").after(decider);
    let facts = RowFacts {
        duty: Vec::new(),
        ..(*facts).clone()
    };
    all.push((appealed.unwrap().name, head, facts));
    all
}

/// So many points of each norm, each with a comment of its own.
fn sheet(task: &InspectionTask, points: i32, values: &mut Values) -> CompleteInspectionTaskRequest {
    let mut request = inspections::sheet(task, points, "");
    for comment in &mut request.comments {
        comment.text = values.text();
    }
    request
}

/// Places an order, which is reviewed and, if so, cancelled.
async fn follow(
    suite: &TestSuite,
    caller: &Caller,
    order: Order,
    cancelled: bool,
    values: &mut Values,
) -> String {
    let name = place(caller, order).await.name;
    let mut client = orders(caller);
    let review = RecordReviewRequest {
        name: name.clone(),
        review: Some(Review {
            score: 3,
            comment: values.text(),
            arrived: true,
            external_ref: format!("WORD-{name}"),
            ..Default::default()
        }),
        ..Default::default()
    };
    client.record_review(review).await.unwrap();
    if cancelled {
        let stage = RecordStageRequest {
            name: name.clone(),
            stage: OrderStage::Cancelled as i32,
            occurred_time: Some(time::to_proto(suite.clock.now())),
            ..Default::default()
        };
        client.record_stage(stage).await.unwrap();
    }
    name
}

/// Two tickets are offered to the complaints desk, of which one is declined: the offers, with
/// the customers of their tickets.
async fn offered(
    suite: &TestSuite,
    caller: &Caller,
    names: &[String],
    department: Uuid,
    values: &mut Values,
) -> Vec<(String, String)> {
    let mut giver = HandOverServiceClient::new(caller.clone());
    let mut offers = Vec::new();
    for name in names {
        let name = name.clone();
        let ticket = tickets(caller).get_ticket(GetTicketRequest { name }).await;
        let ticket = ticket.unwrap().into_inner();
        let request = OfferTicketRequest {
            name: ticket.name,
            etag: ticket.etag,
            department: format!("departments/{department}"),
            reason: values.text(),
            ..Default::default()
        };
        let offer = giver.offer_ticket(request).await.unwrap().into_inner();
        offers.push((offer.name, offer.customer));
    }
    let head = suite.caller("zhou.ting").after(caller);
    let decline = DeclineOfferRequest {
        name: offers[0].0.clone(),
        etag: "r1".into(),
        reason: values.text(),
        ..Default::default()
    };
    let mut receiver = HandOverServiceClient::new(head);
    receiver.decline_offer(decline).await.unwrap();
    offers
}
