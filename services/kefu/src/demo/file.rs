//! A file from what a customer wrote of themselves to the archive, and what each post sees of
//! it on the way.

use anyhow::{Context, bail};
use kefu_contracts::{
    common::Channel as ContactChannel,
    profile::{
        ApproveCustomerRequest, CreateDraftRequest, Customer, CustomerType, GetDraftRequest,
        IntakeChannel, ListTimelineRequest, Phone, ReturnCustomerRequest, ReturnReason,
        SubmitCustomerRequest, SubmitDraftRequest, UpdateDraftRequest,
        intake_service_client::IntakeServiceClient, timeline_service_client::TimelineServiceClient,
    },
    ticket::{
        Level, OpenTicketRequest, Ticket, TicketKind, ticket_service_client::TicketServiceClient,
    },
};
use prost_types::FieldMask;
use tonic::{Status, transport::Channel};

use super::{
    cast::{SOON, Stage},
    destruction,
    form::{self, AGENT, get, unexpected},
};
use crate::client::{Client, ConnectArgs, Refusal};

/// The company's web shop: customers enter themselves there.
const SHOP: &str = "webshop";
/// Reviews what agents enter.
const REVIEWER: &str = "lin.na";
/// Of every post somebody, each for what they come for.
const POSTS: [(&str, &str); 9] = [
    (AGENT, "service"),
    ("ma.chao", "service"),
    (REVIEWER, "service"),
    ("zhang.min", "service"),
    ("wu.peng", "sales"),
    ("zheng.xue", "marketing"),
    ("feng.yulan", "administration"),
    ("dong.jie", "audit"),
    ("song.yue", "service"),
];

/// What the story is told.
#[derive(Debug, clap::Args)]
pub(super) struct FileArgs {
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn play(args: FileArgs, straight: bool) -> anyhow::Result<()> {
    let stage = Stage::new(args.connect, straight)?;
    let draft = handed_in(&stage).await?;
    seen(&stage, &draft.name).await?;
    let file = completed(&stage, &draft).await?;
    let file = reviewed(&stage, file).await?;
    served(&stage, &file).await?;
    seen(&stage, &file.name).await?;
    history(&stage, &file.name).await?;
    destruction::play(&stage, &file).await?;
    seen(&stage, &file.name).await
}

fn intake(client: &Client) -> IntakeServiceClient<Channel> {
    IntakeServiceClient::new(client.channel())
}

async fn handed_in(stage: &Stage) -> anyhow::Result<Customer> {
    let example = form::find(stage).await?;
    let example = get(&stage.client(AGENT)?, &example).await;
    let department = example.map_err(|status| unexpected(&status))?.department;
    stage.tell(
        SHOP,
        "hands in what a customer wrote of themselves (CF-3.1): a draft, and no file.",
    );
    let shop = stage.client_for(SHOP, "integration")?;
    let request = CreateDraftRequest {
        customer: Some(Customer {
            r#type: CustomerType::Person.into(),
            display_name: "李小龙".into(),
            id_card: "11010519491231002X".into(),
            intake_channel: IntakeChannel::SelfService.into(),
            department,
            ..Customer::default()
        }),
        request_id: String::new(),
    };
    let draft = intake(&shop).create_draft(shop.request(request)).await;
    let draft = draft.map_err(|status| unexpected(&status))?.into_inner();
    stage.show(&told(&draft));
    Ok(draft)
}

/// What somebody of each post gets who asks for the file, or else for the draft.
async fn seen(stage: &Stage, name: &str) -> anyhow::Result<()> {
    println!("\n▸ Somebody of each post asks for it.");
    for (login, purpose) in POSTS {
        let client = stage.client_for(login, purpose)?;
        let request = GetDraftRequest { name: name.into() };
        let found = match get(&client, name).await {
            Err(refused) => intake(&client)
                .get_draft(client.request(request))
                .await
                .map(|draft| draft.into_inner())
                .map_err(|_| refused),
            found => found,
        };
        let said = match &found {
            Ok(file) => one_line(file),
            Err(status) => format!("✗ {}", reason(status)),
        };
        let who = stage.person(login);
        println!("    {who} for {purpose}: {said}");
    }
    Ok(())
}

fn one_line(file: &Customer) -> String {
    let phones = file.phones.iter().map(|phone| phone.number.as_str());
    let phones: Vec<_> = phones.collect();
    let disclosure = file.disclosure.clone().unwrap_or_default();
    let tier = file.tier().as_str_name();
    format!(
        "{} | {} | ID card {} | {} | by {}",
        file.display_name,
        phones.join(", "),
        file.id_card,
        tier.trim_start_matches("TIER_"),
        disclosure.sources.join(", ")
    )
}

/// The first line of a refusal.
fn reason(status: &Status) -> String {
    let whole = Refusal::from(status).to_string();
    whole.lines().next().unwrap_or_default().to_owned()
}

async fn completed(stage: &Stage, draft: &Customer) -> anyhow::Result<Customer> {
    let agent = stage.client(AGENT)?;
    let submit = |draft: &Customer| SubmitDraftRequest {
        name: draft.name.clone(),
        etag: draft.etag.clone(),
        request_id: String::new(),
    };
    stage.tell(
        AGENT,
        "would make a file of it. Something is missing (CF-3.2).",
    );
    let early = agent.request(submit(draft));
    match intake(&agent).submit_draft(early).await {
        Err(status) => stage.show_refusal(&status),
        Ok(_) => bail!("an incomplete draft became a file"),
    }
    stage.tell(AGENT, "asks the customer, completes it, and hands it in.");
    let request = UpdateDraftRequest {
        customer: Some(Customer {
            phones: vec![Phone {
                number: "139 1234 5678".into(),
                primary: true,
                ..Phone::default()
            }],
            ..draft.clone()
        }),
        update_mask: Some(FieldMask {
            paths: vec!["phones".into()],
        }),
        ..UpdateDraftRequest::default()
    };
    let whole = intake(&agent).update_draft(agent.request(request)).await;
    let whole = whole.map_err(|status| unexpected(&status))?.into_inner();
    let request = agent.request(submit(&whole));
    let file = intake(&agent).submit_draft(request).await;
    let file = file.map_err(|status| unexpected(&status))?.into_inner();
    stage.show(&told(&file));
    Ok(file)
}

async fn reviewed(stage: &Stage, file: Customer) -> anyhow::Result<Customer> {
    let agent = stage.client(AGENT)?;
    let reviewer = stage.client(REVIEWER)?;
    let approve = |file: &Customer| ApproveCustomerRequest {
        name: file.name.clone(),
        etag: file.etag.clone(),
        request_id: String::new(),
    };
    stage.tell(AGENT, "tries to review it as well (CF-3.3).");
    let own = agent.request(approve(&file));
    match intake(&agent).approve_customer(own).await {
        Err(status) => stage.show_refusal(&status),
        Ok(_) => bail!("somebody reviewed what they entered"),
    }
    stage.tell(REVIEWER, "sends it back, with a reason for the field.");
    let request = ReturnCustomerRequest {
        name: file.name.clone(),
        etag: file.etag.clone(),
        reasons: vec![ReturnReason {
            field: "phones".into(),
            text: "请与客户核对电话".into(),
        }],
        request_id: String::new(),
    };
    let back = intake(&reviewer)
        .return_customer(reviewer.request(request))
        .await;
    let back = back.map_err(|status| unexpected(&status))?.into_inner();
    stage.show(&told(&back));
    stage.tell(AGENT, "has asked, and hands it in again.");
    let request = SubmitCustomerRequest {
        name: back.name.clone(),
        etag: back.etag.clone(),
        request_id: String::new(),
    };
    let again = intake(&agent).submit_customer(agent.request(request)).await;
    let again = again.map_err(|status| unexpected(&status))?.into_inner();
    stage.tell(REVIEWER, "puts it into the archive.");
    let request = reviewer.request(approve(&again));
    let archived = intake(&reviewer).approve_customer(request).await;
    let archived = archived.map_err(|status| unexpected(&status))?.into_inner();
    stage.show(&told(&archived));
    Ok(archived)
}

/// Somebody works for the customer.
async fn served(stage: &Stage, file: &Customer) -> anyhow::Result<()> {
    stage.tell(AGENT, "takes a question of the customer's.");
    let agent = stage.client(AGENT)?;
    let request = OpenTicketRequest {
        ticket: Some(Ticket {
            customer: file.name.clone(),
            kind: TicketKind::Consultation.into(),
            channel: ContactChannel::Phone.into(),
            impact: Level::Low.into(),
            urgency: Level::Low.into(),
            subject: "保修期多长".into(),
            ..Ticket::default()
        }),
        request_id: String::new(),
    };
    let mut tickets = TicketServiceClient::new(agent.channel());
    // The file came into being a moment ago: ticket may not have heard of it.
    let opened = stage
        .within(SOON, async || {
            tickets.open_ticket(agent.request(request.clone())).await
        })
        .await;
    let opened = opened.map_err(|status| unexpected(&status))?.into_inner();
    stage.show(&opened.name);
    Ok(())
}

async fn history(stage: &Stage, file: &str) -> anyhow::Result<()> {
    stage.tell(
        "feng.yulan",
        "keeps the archive, and reads the history (CF-2.3).",
    );
    let keeper = stage.client_for("feng.yulan", "administration")?;
    let request = ListTimelineRequest {
        parent: file.to_owned(),
        order_by: "time".into(),
        ..ListTimelineRequest::default()
    };
    let mut timeline = TimelineServiceClient::new(keeper.channel());
    let page = stage
        .within(SOON, async || {
            let page = timeline
                .list_timeline(keeper.request(request.clone()))
                .await?;
            let entries = page.into_inner().entries;
            let heard = entries.iter().any(|entry| entry.ticket.is_some());
            let late = || Status::unavailable("the ticket is not in the history");
            heard.then_some(entries).ok_or_else(late)
        })
        .await;
    for entry in page.map_err(|status| unexpected(&status))? {
        let at = entry.time.context("an entry without a time")?;
        let kind = entry
            .kind()
            .as_str_name()
            .trim_start_matches("TIMELINE_KIND_");
        stage.show(&format!("{at} {kind} {}", entry.act));
    }
    Ok(())
}

/// A file in a line.
fn told(file: &Customer) -> String {
    let state = file.state().as_str_name();
    let reasons = file.return_reasons.iter();
    let reasons = reasons.map(|one| format!("\n  {}: {}", one.field, one.text));
    format!(
        "{} {} {}{}",
        file.name,
        state.trim_start_matches("CUSTOMER_STATE_"),
        file.file_number,
        reasons.collect::<String>()
    )
}
