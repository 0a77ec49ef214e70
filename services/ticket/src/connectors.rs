//! The company's connector for notices, over gRPC (kefu.ticket.v1, `notice_connector.proto`).
//! Each call has a deadline and is signed like every call between services: a connector can
//! tell who asks.

use std::sync::Arc;

use kefu_contracts::ticket::{
    SendNoticeOutcome, SendNoticeRequest, SendNoticeResponse,
    notice_connector_service_client::NoticeConnectorServiceClient,
};
use kefu_service::{
    connector::{Line, NotTaken},
    core::Core,
    error::Fault,
    fields::name,
    notice::{Answered, Messenger, Taken, Word, taken},
};
use serde::{Deserialize, Serialize};

/// Section `notices`. Without a connector notices are sent by hand.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoticesConfig {
    /// URI of a kefu.ticket.v1.NoticeConnectorService; empty where there is none.
    pub connector_uri: String,
    /// How long one answer is waited for.
    pub timeout_ms: u64,
}

impl Default for NoticesConfig {
    fn default() -> Self {
        Self {
            connector_uri: String::new(),
            timeout_ms: 3_000,
        }
    }
}

impl NoticesConfig {
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self.timeout_ms {
            1..=20_000 => None,
            _ => Some("timeout_ms must be 1 to 20,000"),
        }
    }
}

/// The connector that is configured.
///
/// # Errors
/// When its URI is none.
pub(crate) fn open(
    config: &NoticesConfig,
    core: &Core,
) -> Result<Option<Arc<dyn Messenger>>, Fault> {
    let line = Line::to(&config.connector_uri, config.timeout_ms, core)?;
    Ok(line.map(|line| Arc::new(Connector(line)) as Arc<dyn Messenger>))
}

struct Connector(Line);

#[tonic::async_trait]
impl Messenger for Connector {
    async fn send(&self, word: &Word) -> Result<Taken, NotTaken> {
        let request = self.0.request(SendNoticeRequest {
            notice_id: word.id.to_string(),
            customer: name("customers", word.customer),
            ticket_number: word.number.clone(),
            event: word.event,
            language: word.language,
            channels: word.channels.iter().map(|one| *one as i32).collect(),
            text: word.text.clone(),
        });
        let mut client = NoticeConnectorServiceClient::new(self.0.peer());
        let code = match self.0.heard(client.send_notice(request)).await {
            Ok(answer) => return read(word, answer.into_inner()),
            Err(code) => code,
        };
        tracing::warn!(notice = %word.id, ?code, "connector takes no notice");
        Err(code.into())
    }
}

fn read(word: &Word, answer: SendNoticeResponse) -> Result<Taken, NotTaken> {
    let answered = Answered {
        accepted: answer.outcome() == SendNoticeOutcome::Accepted,
        channel: answer.channel,
        reference: answer.reference,
    };
    taken(word, answered)
}

#[cfg(test)]
mod tests {
    use kefu_contracts::{
        common::Channel,
        ticket::{Language, NoticeEvent},
    };
    use uuid::Uuid;

    use super::*;

    /// Clause SG-2.4: nothing counts as told that was not.
    #[test]
    fn only_answers_that_there_are_are_taken() {
        let word = Word {
            id: Uuid::nil(),
            customer: Uuid::nil(),
            number: "T1000001".into(),
            event: NoticeEvent::Resolved.into(),
            language: Language::ZhCn.into(),
            channels: vec![Channel::Phone],
            text: "已解决".into(),
        };
        let answer = |outcome: SendNoticeOutcome, channel: i32, reference: &str| {
            let answer = SendNoticeResponse {
                outcome: outcome.into(),
                channel,
                reference: reference.into(),
            };
            read(&word, answer).is_ok()
        };
        use SendNoticeOutcome::{Accepted, Refused, Unspecified};
        assert!(answer(Accepted, 1, "sms-1"));
        assert!(answer(Accepted, 0, ""));
        let long = "x".repeat(201);
        for (outcome, channel, reference) in [
            (Unspecified, 1, "r"),
            (Refused, 1, "r"),
            (Accepted, 3, "r"),
            (Accepted, 99, "r"),
            (Accepted, 1, "a\nb"),
            (Accepted, 1, long.as_str()),
        ] {
            assert!(
                !answer(outcome, channel, reference),
                "{outcome:?} {channel} {reference:?}"
            );
        }
    }
}
