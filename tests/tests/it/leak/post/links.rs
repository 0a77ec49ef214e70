//! Links: there for whoever sees both tickets, and for nobody else.

use super::{Door, Post};
use crate::leak::{
    calls::{request, string},
    schema::{self, text},
};

impl Post<'_> {
    pub(super) async fn links(&self, door: &Door<'_>) {
        let visible = |name: &str| {
            let known = self.leak.known.iter().find(|one| one.name == name);
            known.is_some_and(|one| door.clearance(one, self.leak.now).is_some())
        };
        let all = self.known("kefu.ticket.v1.Ticket");
        for one in all.filter(|one| visible(&one.name)) {
            let asked = request(&door.descriptor.input(), &[("parent", string(&one.name))]);
            let answer = self.send(door, asked).await;
            let mut shown = Vec::new();
            for message in answer.messages(&door.descriptor.output()) {
                let links = message.get_field_by_name("links").unwrap();
                let links = schema::messages(&links).into_iter();
                shown.extend(links.map(|link| (text(link, "from"), text(link, "to"))));
            }
            let links = self.leak.links.iter();
            let its = links.filter(|(from, to)| [from, to].contains(&&one.name));
            let expected: Vec<_> = its
                .filter(|(from, to)| visible(from) && visible(to))
                .cloned()
                .collect();
            if shown != expected {
                self.find(
                    door,
                    format_args!(
                        "{} is linked as {shown:?}, the oracle says {expected:?}",
                        one.name
                    ),
                );
            }
        }
    }
}
