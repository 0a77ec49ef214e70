-- Figures. The connection's search path is the schema `analytics`.
-- Facts from journals, as they are after the latest entry; no personal data.

CREATE TABLE ticket_fact (
    ticket_id          uuid PRIMARY KEY,
    customer_id        uuid,
    department_id      uuid,
    kind               smallint NOT NULL,
    channel            smallint NOT NULL,
    state              smallint NOT NULL,
    priority           smallint NOT NULL,
    received_at        timestamptz NOT NULL,
    -- When it was resolved, or closed without; NULL while there is work to do.
    resolved_at        timestamptz,
    -- 1–5; NULL: not rated.
    satisfaction_score smallint,
    reopen_count       integer NOT NULL,
    revision           bigint NOT NULL
);
CREATE INDEX ticket_fact_by_day ON ticket_fact (received_at);
CREATE INDEX ticket_fact_by_department ON ticket_fact (department_id, received_at);
CREATE INDEX ticket_fact_by_customer ON ticket_fact (customer_id);

CREATE TABLE order_fact (
    order_id      uuid PRIMARY KEY,
    customer_id   uuid,
    department_id uuid,
    stage         smallint NOT NULL,
    placed_at     timestamptz NOT NULL,
    currency      text,
    amount        numeric,
    revision      bigint NOT NULL
);
CREATE INDEX order_fact_by_day ON order_fact (placed_at);
CREATE INDEX order_fact_by_department ON order_fact (department_id, placed_at);
CREATE INDEX order_fact_by_customer ON order_fact (customer_id);

CREATE TABLE review_fact (
    review_id     uuid PRIMARY KEY,
    order_id      uuid,
    customer_id   uuid,
    department_id uuid,
    score         smallint NOT NULL,
    answered_at   timestamptz NOT NULL
);
CREATE INDEX review_fact_by_day ON review_fact (answered_at);
CREATE INDEX review_fact_by_department ON review_fact (department_id, answered_at);
CREATE INDEX review_fact_by_customer ON review_fact (customer_id);

-- How far the figures are true: when the last entry taken in was recorded.
CREATE TABLE source_freshness (
    source      text PRIMARY KEY,
    recorded_at timestamptz NOT NULL
);

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

CREATE TABLE request (
    subject_id     uuid NOT NULL,
    request_id     uuid NOT NULL,
    method         text NOT NULL,
    digest         bytea NOT NULL,
    resource_id    uuid NOT NULL,
    customer_id    uuid,
    answer         bytea NOT NULL,
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (subject_id, request_id)
);

CREATE TABLE consumer_cursor (
    source         text PRIMARY KEY,
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL
);
