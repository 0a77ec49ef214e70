CREATE TABLE journal (
    position       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    recorded_at    timestamptz NOT NULL,
    actor_id       uuid,
    purpose        smallint NOT NULL,
    request_id     text NOT NULL,
    kind           smallint NOT NULL,
    resource       text NOT NULL,
    customer_id    uuid,
    type           text NOT NULL,
    event          bytea NOT NULL
);
CREATE INDEX journal_reading_order ON journal (transaction_id, position);
CREATE INDEX journal_by_customer ON journal (customer_id, position) WHERE customer_id IS NOT NULL;
