//! An article for one department's own people, of which nobody else finds, counts or reads
//! anything; what tickets lend to the knowledge base is shown as tickets are.

use kefu_access::{RowFacts, SubjectKind};
use kefu_access_control::seed::department_id;
use kefu_contracts::{policy::DataClass, ticket::Article};
use kefu_testkit::{TestSuite, employee_id};
use prost_reflect::DynamicMessage;
use tonic::Code;

use super::{Door, Post};
use crate::{
    knowledge::{article, department, published},
    leak::{
        calls::{NOBODY, request, string},
        schema::number,
        search::{Canaries, Canary},
        values::Values,
    },
};

/// Whose article it is, who wrote it, and who publishes it.
const DESK: &str = "technical_support";
const WRITER: &str = "ma.chao";
const PUBLISHER: &str = "he.xiaoyan";

/// The article and what is in it.
pub(in crate::leak) struct Secret {
    name: String,
    pub(in crate::leak) canaries: Canaries,
    facts: RowFacts,
}

impl Secret {
    /// Made through the gateway, and published.
    pub(in crate::leak) async fn make(suite: &TestSuite, values: &mut Values) -> Self {
        let texts = [values.text(), values.text(), values.text()];
        let one = Article {
            department: department(DESK),
            departments: vec![department(DESK)],
            keywords: vec![texts[1].clone()],
            ..article(&texts[0], &texts[2])
        };
        let (writer, publisher) = (suite.caller(WRITER), suite.caller(PUBLISHER));
        let name = published(&writer, &publisher, one).await.name;
        let canaries = texts.map(|text| Canary {
            record: name.clone(),
            copies: Vec::new(),
            field: "Article".into(),
            class: DataClass::System,
            hidden: text,
        });
        Self {
            name,
            canaries: Canaries::new(canaries.to_vec()),
            facts: RowFacts {
                department: Some(department_id(DESK)),
                owner: Some(employee_id(WRITER)),
                ..RowFacts::default()
            },
        }
    }
}

impl Post<'_> {
    /// Whether the method shows this post the article: at the desk by scope, to readers by
    /// their own department, and nowhere else.
    fn reads_secret(&self, door: &Door<'_>) -> bool {
        let Some(context) = door.context else {
            return false;
        };
        let secret = &self.leak.secret;
        match door.method.permission {
            "ticket.articles.get" | "ticket.articles.list" => {
                door.clearance_of(&secret.facts, self.leak.now).is_some()
            }
            "ticket.articles.read" => {
                let subject = &context.subject;
                subject.kind == SubjectKind::Employee
                    && subject.departments.contains(&department_id(DESK))
            }
            _ => false,
        }
    }

    /// Nothing of the article is in an answer to somebody else.
    pub(super) fn check_secret(&self, door: &Door<'_>, bytes: &[u8], asked: &DynamicMessage) {
        let found = self.leak.secret.canaries.found(bytes);
        if !found.is_empty() && !self.reads_secret(door) {
            self.find(
                door,
                format_args!("an article of others LEAKS, asked by {asked}"),
            );
        }
    }

    pub(super) async fn knowledge(&self, door: &Door<'_>) {
        let input = door.descriptor.input();
        let secret = &self.leak.secret;
        let absent = format!("articles/{NOBODY}");
        match input.name() {
            // Two characters are enough to be found by, and are no canary where they are noted.
            "SearchArticlesRequest" => {
                for canary in &secret.canaries.all {
                    let part: String = canary.hidden.chars().take(2).collect();
                    let asked = request(&input, &[("query", string(part))]);
                    self.check_counted(door, asked).await;
                }
            }
            "ListArticlesRequest" => self.check_counted(door, DynamicMessage::new(input)).await,
            "ReadArticleRequest" | "GetArticleRequest" | "ListArticleVersionsRequest" => {
                let field = match input.get_field_by_name("name") {
                    Some(_) => "name",
                    None => "article",
                };
                let ask = |name: &str| request(&input, &[(field, string(name))]);
                let nothing = self.send(door, ask(&absent)).await;
                let answer = self.send(door, ask(&secret.name)).await;
                if !self.reads_secret(door) {
                    self.check_hidden(door, &secret.name, &answer, &absent, &nothing);
                } else if answer.code() != Code::Ok {
                    self.find(door, format_args!("it is theirs: {:?}", answer.code()));
                }
            }
            "ListArticleSourcesRequest" | "MeasureArticlesRequest" => {
                let asked = request(&input, &[("article", string(&secret.name))]);
                self.send(door, asked).await;
            }
            "ListTicketArticlesRequest" => self.get(door, "parent").await,
            "ProposeArticleRequest" => {
                let absent = format!("tickets/{NOBODY}");
                let ask = |name: &str| request(&input, &[("ticket", string(name))]);
                let nothing = self.send(door, ask(&absent)).await;
                for one in self.known("kefu.ticket.v1.Ticket") {
                    let answer = self.send(door, ask(&one.name)).await;
                    if door.clearance(one, self.leak.now).is_none() {
                        self.check_hidden(door, &one.name, &answer, &absent, &nothing);
                    }
                }
            }
            _ => {}
        }
    }

    /// There is one article to whom it is for, and none to anybody else.
    async fn check_counted(&self, door: &Door<'_>, asked: DynamicMessage) {
        let written = asked.to_string();
        let answer = self.send(door, asked).await;
        let page = answer.messages(&door.descriptor.output()).pop();
        let counted = page.map(|page| number(&page, "total_size"));
        let expected = i64::from(self.reads_secret(door));
        if counted != Some(expected) {
            self.find(
                door,
                format_args!("{written} counts {counted:?}, the oracle {expected}"),
            );
        }
    }
}
