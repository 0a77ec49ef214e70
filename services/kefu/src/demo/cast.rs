//! Who plays, and how it is told.

use std::{
    cell::Cell,
    io::{IsTerminal, Write, stdin, stdout},
    time::Duration,
};

use anyhow::Context;
use kefu_access_control::{
    domain::company::Company,
    seed::{EXAMPLE_COMPANY, employee_id},
};
use kefu_service::fields;
use tokio::time::{Instant, sleep};
use tonic::Status;

use crate::client::{Client, ConnectArgs, Refusal};

/// So soon the services have heard of each other, and the gateways of them.
pub(super) const SOON: Duration = Duration::from_secs(2);

/// The stage: a running suite, and the company whose people play.
#[derive(Debug)]
pub(super) struct Stage {
    connect: ConnectArgs,
    company: Company,
    /// Whether each step waits for whoever looks on.
    paced: Cell<bool>,
    begun: Cell<bool>,
}

impl Stage {
    /// The example company at this suite. Each step waits for Enter where somebody sits at a
    /// terminal, unless it is told straight through.
    ///
    /// # Errors
    /// When the example company cannot be read.
    pub(super) fn new(connect: ConnectArgs, straight: bool) -> anyhow::Result<Self> {
        Ok(Self {
            connect,
            company: Company::from_toml(EXAMPLE_COMPANY).context("the example company")?,
            paced: Cell::new(!straight && stdin().is_terminal() && stdout().is_terminal()),
            begun: Cell::new(false),
        })
    }

    /// Somebody of the company, for the purpose of serving a customer.
    pub(super) fn client(&self, login: &str) -> anyhow::Result<Client> {
        self.client_for(login, "service")
    }

    /// Somebody of the company, for this purpose.
    pub(super) fn client_for(&self, login: &str, purpose: &str) -> anyhow::Result<Client> {
        Client::new(&self.connect.of(login), Some(purpose), "en")
    }

    /// `宋悦 (song.yue)`
    pub(super) fn person(&self, login: &str) -> String {
        let mut employees = self.company.employees.iter();
        let title = employees
            .find(|one| one.login == login)
            .map(|one| one.title.as_str());
        format!("{} ({login})", title.unwrap_or_default())
    }

    /// The text with people in place of their resource names.
    pub(super) fn named(&self, text: &str) -> String {
        let employees = self.company.employees.iter();
        employees.fold(text.to_owned(), |text, one| {
            text.replace(&employee(&one.login), &self.person(&one.login))
        })
    }

    /// Asks again for what comes about by itself within the bound.
    pub(super) async fn within<T>(
        &self,
        bound: Duration,
        mut ask: impl AsyncFnMut() -> Result<T, Status>,
    ) -> Result<T, Status> {
        let bound = Instant::now() + bound;
        loop {
            match ask().await {
                Err(_) if Instant::now() < bound => sleep(Duration::from_millis(50)).await,
                answer => return answer,
            }
        }
    }

    /// From here on a clock runs, and nothing waits any more.
    pub(super) fn hurry(&self) {
        self.paced.set(false);
    }

    /// Tells what somebody does, once whoever looks on has seen what was before.
    pub(super) fn tell(&self, login: &str, what: &str) {
        if self.begun.replace(true) && self.paced.get() {
            print!("\n    ⏎ ");
            // What is typed does not matter, nor whether it could be read.
            let _ = stdout()
                .flush()
                .and_then(|()| stdin().read_line(&mut String::new()));
        }
        println!("\n▸ {} {what}", self.person(login));
    }

    /// Tells what came back.
    pub(super) fn show(&self, what: &str) {
        for line in self.named(what).lines() {
            println!("    {line}");
        }
    }

    /// Tells why it was refused.
    pub(super) fn show_refusal(&self, status: &Status) {
        self.show(&format!("✗ {}", Refusal::from(status)));
    }
}

/// `employees/…` of somebody of the example company.
pub(super) fn employee(login: &str) -> String {
    fields::name("employees", employee_id(login))
}
