//! What is asked: as people at a desk would.

use super::fill::Desk;

/// A question, and the same of texts that lie open.
pub(crate) struct Query {
    pub(crate) filter: String,
    /// None where open text has nothing to say.
    pub(crate) plain: Option<String>,
}

/// A kind of question.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) query: fn(&Desk, usize) -> Query,
}

/// Among the words of about this frequency, in the order of which they are, one of so many characters.
fn word(desk: &Desk, ranks: std::ops::Range<usize>, length: usize, number: usize) -> String {
    let fits = |rank: &usize| {
        let letters = desk.speech.word(*rank).chars();
        letters.clone().count() == length && letters.clone().all(|letter| !letter.is_ascii())
    };
    let fitting: Vec<usize> = ranks.filter(fits).collect();
    desk.speech
        .word(fitting[number * 7 % fitting.len()])
        .to_owned()
}

fn text(word: String) -> Query {
    Query {
        filter: format!("text:{word}"),
        plain: Some(format!("%{word}%")),
    }
}

fn plainly(filter: String) -> Query {
    Query {
        filter,
        plain: None,
    }
}

/// Ranks of the frequent, of what now and then comes up, and of the rare.
const FREQUENT: std::ops::Range<usize> = 0..150;
const MIDDLING: std::ops::Range<usize> = 300..3_000;
const RARE: std::ops::Range<usize> = 8_000..20_000;

pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "two characters, frequent: text:退款",
        query: |desk, number| text(word(desk, FREQUENT, 2, number)),
    },
    Kind {
        name: "two characters, now and then",
        query: |desk, number| text(word(desk, MIDDLING, 2, number)),
    },
    Kind {
        name: "two characters, rare",
        query: |desk, number| text(word(desk, RARE, 2, number)),
    },
    Kind {
        name: "three characters, frequent: text:打印机",
        query: |desk, number| text(word(desk, FREQUENT, 3, number)),
    },
    Kind {
        name: "three characters, now and then",
        query: |desk, number| text(word(desk, MIDDLING, 3, number)),
    },
    Kind {
        name: "three characters, rare",
        query: |desk, number| text(word(desk, RARE, 3, number)),
    },
    Kind {
        name: "four characters, frequent: text:质量问题",
        query: |desk, number| text(word(desk, FREQUENT, 4, number)),
    },
    Kind {
        name: "four characters, now and then",
        query: |desk, number| text(word(desk, MIDDLING, 4, number)),
    },
    Kind {
        name: "four characters, rare",
        query: |desk, number| text(word(desk, RARE, 4, number)),
    },
    Kind {
        name: "two words of one text: text:\"打印机 卡纸\"",
        query: |desk, number| {
            let (one, other) = (
                word(desk, FREQUENT, 3, number),
                word(desk, FREQUENT, 2, number),
            );
            plainly(format!("text:\"{one} {other}\""))
        },
    },
    Kind {
        name: "a frequent and a rare one of the ticket",
        query: |desk, number| {
            let (one, other) = (word(desk, FREQUENT, 2, number), word(desk, RARE, 2, number));
            plainly(format!("text:{one} AND text:{other}"))
        },
    },
    Kind {
        name: "of the subject: subject:退款",
        query: |desk, number| plainly(format!("subject:{}", word(desk, FREQUENT, 2, number))),
    },
    Kind {
        name: "of the solution: resolution:滤芯",
        query: |desk, number| plainly(format!("resolution:{}", word(desk, MIDDLING, 2, number))),
    },
    Kind {
        name: "a Latin beginning: text:laser",
        query: |_, number| {
            let word = ["laser", "blue", "firm", "iphone", "wi-fi"][number % 5];
            text(word.to_owned())
        },
    },
    Kind {
        name: "what nobody said",
        query: |desk, number| {
            let (one, other) = (word(desk, RARE, 2, number), word(desk, RARE, 2, number + 1));
            text(format!("{one}{other}"))
        },
    },
    Kind {
        name: "a number's beginning: number:T10123",
        query: |_, number| plainly(format!("number:T10{}", 100 + number)),
    },
    Kind {
        name: "everything",
        query: |_, _| plainly(String::new()),
    },
];
