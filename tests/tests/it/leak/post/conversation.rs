//! What belongs to the conversation of a ticket: files and phrases are there exactly where
//! what the customer said is cleared.

use kefu_contracts::policy::DataClass;
use prost_reflect::Value;
use tonic::Code;

use super::{Door, Post};
use crate::leak::{
    calls::{NOBODY, request, string},
    schema::{self, text},
};

const TICKET: &str = "kefu.ticket.v1.Ticket";

impl Post<'_> {
    pub(super) async fn conversation(&self, door: &Door<'_>) {
        match door.descriptor.input().name() {
            "DownloadAttachmentRequest" => self.files(door).await,
            _ => self.phrases(door).await,
        }
    }

    async fn files(&self, door: &Door<'_>) {
        let input = door.descriptor.input();
        let ask = |name: &str| request(&input, &[("name", string(name))]);
        let absent = format!("attachments/{NOBODY}");
        let nothing = self.send(door, ask(&absent)).await;
        for known in self.known(TICKET) {
            let cleared = door.clearance(known, self.leak.now);
            let seen = cleared.is_some_and(|one| one.classes.contains(DataClass::Service));
            let files = known.whole.get_field_by_name("attachments").unwrap();
            for file in schema::messages(&files) {
                let name = text(file, "name");
                let answer = self.send(door, ask(&name)).await;
                match seen {
                    true if answer.code() != Code::Ok => {
                        self.find(door, format_args!("{name} is there: {:?}", answer.code()));
                    }
                    true => {}
                    false => self.check_hidden(door, &name, &answer, &absent, &nothing),
                }
            }
        }
    }

    /// There is no macro in this world, so that a ticket that can be seen is one whose macro is
    /// missed, and any other is missed itself.
    async fn phrases(&self, door: &Door<'_>) {
        let input = door.descriptor.input();
        let ask = |ticket: &str| {
            let fields: [(&str, Value); 2] = [
                ("name", string(format!("macros/{NOBODY}"))),
                ("ticket", string(ticket)),
            ];
            request(&input, &fields)
        };
        let absent = format!("tickets/{NOBODY}");
        let nothing = self.send(door, ask(&absent)).await;
        for known in self.known(TICKET) {
            let answer = self.send(door, ask(&known.name)).await;
            if door.clearance(known, self.leak.now).is_none() {
                self.check_hidden(door, &known.name, &answer, &absent, &nothing);
            }
        }
    }
}
