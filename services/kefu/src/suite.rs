//! How the services of the suite are put together in one process: the same
//! services as in a process each, reached through the same trait.

use std::{sync::Arc, time::Duration};

use kefu_access::{ContextSigner, ContextVerifier};
use kefu_access_control::config::AccessControlConfig;
use kefu_customer_profile::CustomerProfileConfig;
use kefu_gateway::{GatewayConfig, GatewayDeps, Upstreams};
use kefu_order_followup::OrderFollowupConfig;
use kefu_service::{
    clock::Clock,
    core::Deps,
    database::Db,
    error::Fault,
    host::Hosted,
    ids::Ids,
    peer::{Late, Way},
    server::GrpcService,
};
use kefu_ticket::TicketConfig;
use kefu_vault::Vault;

/// What the suite is put together from.
#[derive(Clone)]
pub struct Parts {
    /// Tells the time to every service.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub ids: Ids,
    /// Seals and opens.
    pub vault: Arc<Vault>,
    /// Who may vouch for a call.
    pub verifier: Arc<ContextVerifier>,
    /// The gateway's key.
    pub gateway_signer: Arc<ContextSigner>,
    /// The services' key.
    pub service_signer: Arc<ContextSigner>,
    /// A database for each service.
    pub databases: Databases,
    /// The gateway's rules.
    pub gateway: GatewayConfig,
    /// Access-control's rules.
    pub access_control: AccessControlConfig,
    /// Customer-profile's rules.
    pub customer_profile: CustomerProfileConfig,
    /// Ticket's rules.
    pub ticket: TicketConfig,
    /// Order-followup's rules.
    pub order_followup: OrderFollowupConfig,
    /// Access-control where it is run apart; none: put together with the others.
    pub access_control_apart: Option<GrpcService>,
}

/// A database for each service.
#[derive(Clone)]
pub struct Databases {
    /// access-control
    pub access_control: Db,
    /// customer-profile
    pub customer_profile: Db,
    /// ticket
    pub ticket: Db,
    /// order-followup
    pub order_followup: Db,
    /// analytics
    pub analytics: Db,
}

/// The suite, ready to be run.
pub struct Suite {
    /// The gateway: the only door.
    pub gateway: Hosted,
    /// The services behind it.
    pub services: Vec<Hosted>,
}

impl Parts {
    fn deps(&self, db: &Db) -> Deps {
        Deps {
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            db: db.clone(),
            vault: self.vault.clone(),
            verifier: self.verifier.clone(),
            signer: self.service_signer.clone(),
            // One process, for trying and for tests.
            connectors: Way::Plaintext,
            default_deadline: Duration::from_millis(self.gateway.default_deadline_ms),
            max_deadline: Duration::from_millis(self.gateway.max_deadline_ms),
        }
    }

    /// Access-control alone.
    ///
    /// # Errors
    /// When its configuration cannot be carried out.
    pub fn access_control(&self, peers: kefu_access_control::Peers) -> Result<Hosted, Fault> {
        let deps = self.deps(&self.databases.access_control);
        kefu_access_control::build(self.access_control.clone(), deps, peers)
    }

    /// Puts the suite together. Services that follow each other's journals meet
    /// through places that are filled once all are built.
    ///
    /// # Errors
    /// When a service's configuration cannot be carried out.
    pub fn assemble(self) -> Result<Suite, Fault> {
        let databases = &self.databases;
        let (ticket, orders) = (Late::default(), Late::default());
        let (profiles, figures) = (Late::default(), Late::default());
        let (access, access_control) = match &self.access_control_apart {
            Some(apart) => (apart.clone(), None),
            None => {
                let hosted = self.access_control(kefu_access_control::Peers {
                    customer_profile: profiles.service(),
                    ticket: ticket.service(),
                    order_followup: orders.service(),
                    analytics: figures.service(),
                })?;
                (hosted.service.clone(), Some(hosted))
            }
        };
        let customer_profile = kefu_customer_profile::build(
            self.customer_profile.clone(),
            self.deps(&databases.customer_profile),
            kefu_customer_profile::Peers {
                ticket: ticket.service(),
                order_followup: orders.service(),
                access_control: access.clone(),
            },
        )?;
        let profile = customer_profile.service.clone();
        let tickets = kefu_ticket::build(
            self.ticket.clone(),
            self.deps(&databases.ticket),
            kefu_ticket::Peers {
                customer_profile: profile.clone(),
                access_control: access.clone(),
            },
        )?;
        let order_followup = kefu_order_followup::build(
            self.order_followup.clone(),
            self.deps(&databases.order_followup),
            kefu_order_followup::Peers {
                customer_profile: profile.clone(),
                ticket: ticket.service(),
                access_control: access.clone(),
            },
        )?;
        let analytics = kefu_analytics::build(
            Default::default(),
            self.deps(&databases.analytics),
            kefu_analytics::Peers {
                access_control: access.clone(),
                customer_profile: profile.clone(),
                ticket: ticket.service(),
                order_followup: orders.service(),
            },
        )?;
        profiles.bind(profile.clone());
        ticket.bind(tickets.service.clone());
        orders.bind(order_followup.service.clone());
        figures.bind(analytics.service.clone());
        let upstreams = Upstreams {
            profile,
            ticket: tickets.service.clone(),
            order: order_followup.service.clone(),
            analytics: analytics.service.clone(),
            access,
        };
        let deps = GatewayDeps {
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            signer: self.gateway_signer.clone(),
            identity: self.service_signer.clone(),
        };
        let gateway = kefu_gateway::build(&self.gateway, deps, upstreams)?;
        Ok(Suite {
            gateway,
            services: access_control
                .into_iter()
                .chain([customer_profile, tickets, order_followup, analytics])
                .collect(),
        })
    }
}
