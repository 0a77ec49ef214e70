//! What is asked: as people at a desk would.

use super::people::{Dice, People, given, latin, phone, road, surname};

/// A question, and the same of the names or addresses that lie open.
pub(crate) struct Query {
    pub(crate) filter: String,
    /// Column and pattern; none where open text has nothing to say.
    pub(crate) plain: Option<(&'static str, String)>,
}

/// A kind of question.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) query: fn(&People, usize) -> Query,
}

fn words(field: &'static str, query: &str) -> Query {
    let pattern = query.split(' ').collect::<Vec<_>>().join("%");
    Query {
        filter: format!("{field}:\"{query}\""),
        plain: Some((field, format!("%{pattern}%"))),
    }
}

fn plainly(filter: String) -> Query {
    Query {
        filter,
        plain: None,
    }
}

/// One customer's name.
fn whole_name(people: &People, number: usize) -> String {
    let number = people.some(&mut Dice::of(number + 77));
    people.customer(number).display_name
}

pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "a frequent surname: name:王",
        query: |_, number| words("name", ["王", "李", "张"][number % 3]),
    },
    Kind {
        name: "a surname as it comes: name:周",
        query: |_, number| words("name", surname(&mut Dice::of(number))),
    },
    Kind {
        name: "two characters: name:李伟",
        query: |_, number| {
            let mut dice = Dice::of(number);
            let query = format!("{}{}", surname(&mut dice), given(&mut dice));
            words("name", &query)
        },
    },
    Kind {
        name: "a whole name: name:欧阳建国",
        query: |people, number| words("name", &whole_name(people, number)),
    },
    Kind {
        name: "a Latin beginning: name:joh",
        query: |_, number| {
            let name = latin(&mut Dice::of(number)).to_lowercase();
            let start: String = name.chars().take(3 + number % 3).collect();
            words("name", &start)
        },
    },
    Kind {
        name: "a Latin word with a letter wrong: name:smiht",
        query: |_, number| {
            let mut letters: Vec<char> = latin(&mut Dice::of(number)).chars().collect();
            let last = letters.len() - 1;
            letters.swap(last, last - 1);
            plainly(format!("name:{}", letters.into_iter().collect::<String>()))
        },
    },
    Kind {
        name: "a road: address:科技园",
        query: |_, number| words("address", road(&mut Dice::of(number))),
    },
    Kind {
        name: "a place and a number: address:\"深圳 中山路123号\"",
        query: |_, number| {
            let mut dice = Dice::of(number);
            let road = road(&mut dice);
            plainly(format!("address:\"深圳 {road}路{}号\"", 1 + dice.next(999)))
        },
    },
    Kind {
        name: "name and address: name:王 AND address:中山",
        query: |_, number| {
            let mut dice = Dice::of(number);
            plainly(format!(
                "name:{} AND address:{}",
                surname(&mut dice),
                road(&mut dice)
            ))
        },
    },
    Kind {
        name: "a phone number: phone = +86139…",
        query: |people, number| {
            let number = people.some(&mut Dice::of(number));
            plainly(format!("phone = {}", phone(number)))
        },
    },
    Kind {
        name: "a tag: tag = VIP",
        query: |_, number| {
            let tag = ["VIP", "开发票", "老客户", "重点回访"][number % 4];
            plainly(format!("tag = {tag}"))
        },
    },
    Kind {
        name: "tier and type: tier = GOLD AND type = PERSON",
        query: |_, number| {
            let tier = ["NORMAL", "SILVER", "GOLD", "DIAMOND"][number % 4];
            plainly(format!("tier = {tier} AND type = PERSON"))
        },
    },
    Kind {
        name: "a region: region = 华南",
        query: |_, number| {
            let region = ["华东", "华南", "华北"][number % 3];
            plainly(format!("region = {region}"))
        },
    },
    Kind {
        name: "everything",
        query: |_, _| plainly(String::new()),
    },
];
