//! Articles of the knowledge base: what may stand in one, who reads it, and what is done with it.

pub(crate) mod personal;
pub(crate) mod state;
pub(crate) mod words;

use jiff::Timestamp;
use kefu_contracts::{
    access::SubjectKind,
    ticket::{Article, ArticleAudience, Category, HandlingDefinition},
};
use kefu_service::{error::Violation, fields::Fields};
use uuid::Uuid;

use super::{entry::MEDIUM, is_code};

const TITLE: usize = 200;
const BODY: usize = 50_000;
const KEYWORD: usize = 40;
const MOST_KEYWORDS: usize = 50;
const MOST_CATEGORIES: usize = 20;
const MOST_DEPARTMENTS: usize = 50;

/// The text of a version, read and checked.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) language: String,
    pub(crate) categories: Vec<String>,
    pub(crate) keywords: Vec<String>,
    pub(crate) audience: ArticleAudience,
    pub(crate) departments: Vec<Uuid>,
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) valid_until: Option<Timestamp>,
}

/// Reads what is to stand in a version, and notes every fault of it.
pub(crate) fn content(fields: &mut Fields, article: &Article, now: Timestamp) -> Content {
    company_text(fields, "article.title", &article.title, TITLE);
    company_text(fields, "article.body", &article.body, BODY);
    let language = "article.language";
    fields.ensure(is_code(&article.language), language, Violation::Format);
    let audience = fields.required_enum("article.audience", article.audience);
    few(
        fields,
        "article.categories",
        &article.categories,
        MOST_CATEGORIES,
    );
    few(fields, "article.keywords", &article.keywords, MOST_KEYWORDS);
    for (at, keyword) in article.keywords.iter().enumerate().take(MOST_KEYWORDS) {
        company_text(fields, &format!("article.keywords[{at}]"), keyword, KEYWORD);
    }
    let departments = "article.departments";
    few(fields, departments, &article.departments, MOST_DEPARTMENTS);
    let named = article.departments.iter().take(MOST_DEPARTMENTS);
    let departments = named.enumerate().filter_map(|(at, name)| {
        let place = format_args!("{departments}[{at}]");
        fields.name(place, name, "departments")
    });
    let departments = departments.collect();
    let valid_from = fields.time("article.valid_from_time", article.valid_from_time.as_ref());
    let until = "article.valid_until_time";
    let valid_until = fields.time(until, article.valid_until_time.as_ref());
    let begins = valid_from.unwrap_or(now).max(now);
    fields.ensure(
        valid_until.is_none_or(|end| end > begins),
        until,
        Violation::Contradiction,
    );
    Content {
        title: article.title.clone(),
        body: article.body.clone(),
        language: article.language.clone(),
        categories: article.categories.clone(),
        keywords: article.keywords.clone(),
        audience: audience.unwrap_or_default(),
        departments,
        valid_from,
        valid_until,
    }
}

/// Why something is done, 1–2,000 characters.
pub(crate) fn reason(fields: &mut Fields, reason: &str) {
    company_text(fields, "reason", reason, MEDIUM);
}

/// A text that has to be there, and holds no personal data.
fn company_text(fields: &mut Fields, field: &str, text: &str, most: usize) {
    fields.required_text(field, text, most);
    if let Some(found) = personal::find(text).first() {
        fields.refuse(field, found.violation(text));
    }
}

fn few(fields: &mut Fields, field: &str, all: &[String], most: usize) {
    fields.ensure(all.len() <= most, field, Violation::TooMany(most));
    for (at, one) in all.iter().enumerate().take(most) {
        let twice = all[..at].contains(one);
        fields.ensure(!twice, format_args!("{field}[{at}]"), Violation::Duplicate);
    }
}

/// Notes categories that articles are not filed under: of the company's tree, whatever kind of
/// ticket they are for, and others where the company has others.
pub(crate) fn check_categories(
    fields: &mut Fields,
    rules: &HandlingDefinition,
    categories: &[String],
) {
    for (at, category) in categories.iter().enumerate() {
        let of_it = |one: &&Category| one.id == *category;
        let fits = match rules.categories.iter().find(of_it) {
            Some(found) => !found.archived,
            None => rules.other_categories && is_code(category),
        };
        let place = format_args!("article.categories[{at}]");
        fields.ensure(fits, place, Violation::Unknown);
    }
}

/// What somebody reads: a system stands for the company's pages, which customers look at.
pub(crate) fn audiences(kind: SubjectKind) -> &'static [ArticleAudience] {
    match kind {
        SubjectKind::Employee => &[ArticleAudience::Internal, ArticleAudience::Customer],
        _ => &[ArticleAudience::Customer],
    }
}

/// When what is published now is due to be gone through again.
pub(crate) fn review_due(now: Timestamp, months: u32) -> Timestamp {
    // A month of a calendar has no fixed length; nobody misses a day or two here.
    let days = i64::from(months) * 365 / 12;
    now.checked_add(jiff::SignedDuration::from_hours(24 * days))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use kefu_service::time::to_proto;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_760_000_000, 0);

    fn faults(article: &Article) -> Vec<(String, &'static str)> {
        let mut fields = Fields::new();
        content(&mut fields, article, NOW);
        let faults = fields.finish().err().map(|fault| fault.violations);
        let faults = faults.unwrap_or_default().into_iter();
        faults
            .map(|(field, what)| (field.replace("article.", ""), what.name()))
            .collect()
    }

    fn article() -> Article {
        Article {
            title: "净化器如何更换滤芯".into(),
            body: "1. 断电\n2. 打开后盖".into(),
            language: "zh".into(),
            keywords: vec!["滤芯".into()],
            audience: ArticleAudience::Customer.into(),
            ..Article::default()
        }
    }

    /// Clause OP-3.1: every fault at once, and personal data with its place.
    #[test]
    fn every_fault_of_an_article_is_told_at_once() {
        assert_eq!(faults(&article()), []);
        let wrong = Article {
            title: " ".into(),
            body: "断电\n请致电 138 1234 5678".into(),
            language: "Chinese!".into(),
            keywords: vec!["滤芯".into(), "滤芯".into(), "a@example.com".into()],
            audience: 9,
            departments: vec!["departments/x".into()],
            valid_from_time: Some(to_proto(NOW + jiff::SignedDuration::from_secs(9))),
            valid_until_time: Some(to_proto(NOW + jiff::SignedDuration::from_secs(8))),
            ..article()
        };
        let expected = [
            ("title", "REQUIRED"),
            ("body", "PERSONAL_DATA"),
            ("language", "FORMAT"),
            ("audience", "UNKNOWN_VALUE"),
            ("keywords[1]", "DUPLICATE"),
            ("keywords[2]", "PERSONAL_DATA"),
            ("departments[0]", "RESOURCE_NAME"),
            ("valid_until_time", "CONTRADICTION"),
        ];
        assert_eq!(
            faults(&wrong),
            expected.map(|(field, what)| (field.to_owned(), what))
        );
        let long = Article {
            body: "字".repeat(50_001),
            ..article()
        };
        assert_eq!(faults(&long), [("body".to_owned(), "TOO_LONG")]);
    }
}
