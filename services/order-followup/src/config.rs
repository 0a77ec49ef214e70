use kefu_service::error::Fault;
use serde::{Deserialize, Serialize};

use crate::{
    connectors::ConnectorConfig,
    domain::{composition::Categories, finding::Plausible},
};

/// Section `order_followup` of the configuration.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrderFollowupConfig {
    /// Most lines of one order, 1–1000.
    pub most_lines: usize,
    /// How long after a system told something of an order it is judged whether it is late or
    /// stuck, as systems tell what happened one by one; 0–3600.
    pub transfer_grace_seconds: u16,
    /// Most pieces of a line that nobody wonders about; more are asked about. 1–1,000,000.
    pub usual_quantity: i32,
    /// Whether a line without a specification is asked about.
    pub specification_required: bool,
    /// Whether an order without a contact of its own is asked about.
    pub contact_required: bool,
    /// Within how many hours what is wrong with an order is seen to; 1–720.
    pub follow_up_hours: u16,
    /// The company's order system (kefu.order.v1.OrderSystemConnectorService).
    pub order_system: ConnectorConfig,
    /// The company's inventory (kefu.order.v1.InventoryConnectorService); the built-in table
    /// where there is none.
    pub inventory: ConnectorConfig,
    /// The company's way to its customers (kefu.order.v1.NoticeConnectorService); people tell
    /// them where there is none.
    pub notices: ConnectorConfig,
    /// By so many hours a follow-up is missed before each next level of escalation; rising,
    /// up to 10.
    pub escalate_after_hours: Vec<u16>,
    /// Open answers that follow a list, of one caller in one process; at least 1.
    pub watch_streams: usize,
    /// A silent one says so often that it lives; 1–300.
    pub watch_heartbeat_seconds: u32,
    /// Categories of products that figures tell (IH-8.1), as they are told; what a line has for a category and
    /// is not among these is told as none. Up to 500, of 1 to 60 characters.
    pub product_categories: Vec<String>,
    /// When customers are asked whether an order arrived.
    pub confirmation: ConfirmationConfig,
}

/// Section `order_followup.confirmation` (OP-3.4.5).
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfirmationConfig {
    /// So many days after delivery the customer is asked, up to 90.
    pub after_days: u8,
    /// What was delivered or said longer ago than so many days is looked after by nobody, 1–365.
    pub within_days: u16,
    /// Who is not reached is tried so often, 1–20…
    pub attempts: u8,
    /// …so many hours apart, 1–720.
    pub retry_hours: u16,
    /// Within so many hours somebody sees to who is not satisfied, 1–720.
    pub dissatisfied_hours: u16,
}

impl Default for ConfirmationConfig {
    fn default() -> Self {
        Self {
            after_days: 3,
            within_days: 30,
            attempts: 3,
            retry_hours: 24,
            dissatisfied_hours: 24,
        }
    }
}

impl ConfirmationConfig {
    fn check(&self) -> Result<(), Fault> {
        let sound = self.after_days <= 90
            && (1..=365).contains(&self.within_days)
            && (1..=20).contains(&self.attempts)
            && (1..=720).contains(&self.retry_hours)
            && (1..=720).contains(&self.dissatisfied_hours);
        match sound {
            true => Ok(()),
            false => Err(Fault::internal(
                "order_followup.confirmation: after_days up to 90, within_days 1–365, attempts 1–20, hours 1–720",
            )),
        }
    }
}

impl Default for OrderFollowupConfig {
    fn default() -> Self {
        Self {
            most_lines: 200,
            transfer_grace_seconds: 60,
            usual_quantity: 100,
            specification_required: true,
            contact_required: false,
            follow_up_hours: 24,
            order_system: ConnectorConfig::default(),
            inventory: ConnectorConfig::default(),
            notices: ConnectorConfig::default(),
            escalate_after_hours: vec![4, 24, 72],
            watch_streams: 16,
            watch_heartbeat_seconds: 15,
            product_categories: Vec::new(),
            confirmation: ConfirmationConfig::default(),
        }
    }
}

impl OrderFollowupConfig {
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if !(1..=1000).contains(&self.most_lines) {
            return Err(Fault::internal(
                "order_followup.most_lines must be from 1 to 1000",
            ));
        }
        if self.transfer_grace_seconds > 3600 {
            return Err(Fault::internal(
                "order_followup.transfer_grace_seconds must be at most 3600",
            ));
        }
        if !(1..=1_000_000).contains(&self.usual_quantity) {
            return Err(Fault::internal(
                "order_followup.usual_quantity must be from 1 to 1,000,000",
            ));
        }
        if !(1..=720).contains(&self.follow_up_hours) {
            return Err(Fault::internal(
                "order_followup.follow_up_hours must be from 1 to 720",
            ));
        }
        for (name, connector) in [
            ("order_system", &self.order_system),
            ("inventory", &self.inventory),
            ("notices", &self.notices),
        ] {
            if let Some(problem) = connector.problem() {
                return Err(Fault::internal(format!("order_followup.{name}: {problem}")));
            }
        }
        if self.watch_streams == 0 {
            return Err(Fault::internal(
                "order_followup.watch_streams must be at least 1",
            ));
        }
        if !(1..=300).contains(&self.watch_heartbeat_seconds) {
            return Err(Fault::internal(
                "order_followup.watch_heartbeat_seconds must be 1 to 300",
            ));
        }
        if let Some(problem) = Categories::problem(&self.product_categories) {
            return Err(Fault::internal(format!(
                "order_followup.product_categories: {problem}"
            )));
        }
        let hours = &self.escalate_after_hours;
        if hours.len() > 10 || !hours.is_sorted_by(|before, after| before < after) {
            return Err(Fault::internal(
                "order_followup.escalate_after_hours must rise, up to 10 times",
            ));
        }
        self.confirmation.check()
    }

    /// What is asked of an order that is taken in.
    pub(crate) fn plausible(&self) -> Plausible {
        Plausible {
            usual_quantity: self.usual_quantity,
            specification: self.specification_required,
            contact: self.contact_required,
        }
    }
}
