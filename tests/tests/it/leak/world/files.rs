//! Customers' files, drafts, and what hangs on files.

use kefu_access::{Purpose, RowFacts};
use kefu_contracts::{
    google::r#type::Date,
    profile::{
        Address, AssignDataRequestRequest, Consent, ConsentDecision, ContactKind, ContactPerson,
        CopyForm, CreateDraftRequest, Credibility, Customer, CustomerType, DataRequest,
        DataRequestKind, Email, FulfilDataRequestRequest, IntakeChannel, Mismatch, Phone,
        RecordConsentRequest, ReturnCustomerRequest, ReturnReason, Sex, SourceChannel, SourceHand,
        UpdateCustomerRequest, VerificationCheck, VerificationOutcome,
        consent_service_client::ConsentServiceClient,
    },
};
use kefu_service::fields::parse_name;
use kefu_testkit::{Caller, TestSuite, employee_id};
use prost_types::FieldMask;
use uuid::Uuid;

use super::{World, employee};
use crate::{
    data_requests::{ask, asked, copied, data_requests},
    leak::values::Values,
    records::{customers, enter, intake, said_consent},
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

/// All of them, and a draft; the names of the files.
pub(super) async fn enter_all(
    suite: &TestSuite,
    world: &mut World,
    values: &mut Values,
) -> Vec<String> {
    let maker = world.maker.clone();
    let mut files = Vec::new();
    for (at, (code, owner, consents)) in CUSTOMERS.iter().enumerate() {
        let department = world.departments[*code];
        let mut one = customer(values, at == ENTERPRISE);
        one.department = format!("departments/{department}");
        one.owner = owner.map(employee).unwrap_or_default();
        one.external_ref = format!("CRM-{at}");
        let entered = match at {
            RETURNED => returned(suite, &maker, one, values).await,
            CHANGED => changed(&maker, enter(&maker, one).await, values).await,
            _ => enter(&maker, one).await,
        };
        let facts = RowFacts {
            department: Some(department),
            owner: owner.map(employee_id),
            customer: parse_name(&entered.name, "customers"),
            duty: Vec::new(),
            consents: consents.to_vec(),
        };
        for purpose in *consents {
            let statement = consent(&maker, &entered.name, *purpose, values).await;
            world.hanging.push(statement);
        }
        world.facts.insert(entered.name.clone(), facts);
        files.push(entered.name);
    }
    let verified = verified(suite, &maker, &files, values).await;
    world.hanging.extend(verified);
    let requested = requested(suite, &maker, &files, values).await;
    world.hanging.extend(requested);
    let department = world.departments["call_centre"];
    let draft = draft(suite, values, department).await;
    let facts = RowFacts {
        department: Some(department),
        customer: parse_name(&draft, "customers"),
        ..RowFacts::default()
    };
    world.facts.insert(draft, facts);
    files
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
