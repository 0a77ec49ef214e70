//! What a destruction does to each table.

use super::*;

/// Clause CF-10.2: of each table that names customers it is decided what a destruction does
/// to it. Whoever adds one says so in `store/destruction.rs` of customer-profile or in
/// `store/scrub.rs` of its service, and here.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_known_of_every_table_what_a_destruction_does_to_it() {
    let gone = [
        "orders.back_order",
        "orders.campaign_contact",
        "orders.case_payment_reference",
        "orders.customer_consent",
        "orders.customer_key",
        "orders.customer_relation",
        "orders.known_customer",
        "orders.line_account",
        "orders.missed_promise",
        "orders.notice",
        "orders.order_complaint",
        "orders.points_account",
        "orders.points_correction",
        "orders.points_posting",
        "orders.points_reversal",
        "orders.stage_promise",
        "orders.submission",
        "orders.visit",
        "profile.birthday_unmarked",
        "profile.consent",
        "profile.consent_statement",
        "profile.customer_key",
        "profile.data_request",
        "profile.duplicate_due",
        "profile.duplicate_key",
        "profile.duty",
        "profile.file_review",
        "profile.lookup_key",
        "profile.purchase",
        "profile.quality",
        "profile.quality_due",
        "profile.quality_finding",
        "profile.rating",
        "profile.rating_due",
        "profile.rating_statement",
        "profile.revision",
        "profile.standing_check",
        "profile.timeline",
        "profile.verification",
        "ticket.article_source",
        "ticket.article_use",
        "ticket.attachment",
        "ticket.attachment_part",
        "ticket.customer_key",
        "ticket.customer_tier",
        "ticket.known_customer",
        "ticket.mention",
        "ticket.message",
        "ticket.moved_message",
        "ticket.notice",
        "ticket.offer",
        "ticket.text_mark",
        "ticket.text_to_mark",
        "ticket.watcher",
    ];
    // Numbers, times and whose it was, with nothing sealed in it any more.
    let kept = [
        "access.audit_entry",
        "access.borrowing_line",
        "access.journal",
        "access.request",
        "analytics.fact",
        "analytics.journal",
        "analytics.request",
        "orders.after_sales_case",
        "orders.confirmation_attempt",
        "orders.follow_up",
        "orders.journal",
        "orders.purchase_order",
        "orders.request",
        "orders.reservation",
        "orders.review",
        "orders.stage_event",
        "profile.file_number",
        "profile.hold_file",
        "profile.journal",
        "profile.request",
        "profile.tombstone",
        "ticket.assignment",
        "ticket.assignment_time",
        "ticket.clock",
        "ticket.inspection",
        "ticket.inspection_task",
        "ticket.journal",
        "ticket.link",
        "ticket.merge",
        "ticket.request",
        "ticket.state_change",
        "ticket.survey",
        "ticket.ticket",
    ];
    let database = TestDatabase::create().await.unwrap();
    let mut sql = database.connect().await.unwrap();
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT table_schema || '.' || table_name FROM information_schema.columns
         WHERE column_name = 'customer_id' AND table_schema NOT IN ('pg_catalog', 'information_schema')
         ORDER BY 1",
    )
    .fetch_all(&mut sql)
    .await
    .unwrap();
    let mut known: Vec<&str> = gone.into_iter().chain(kept).collect();
    known.sort_unstable();
    assert_eq!(found, known);
}
