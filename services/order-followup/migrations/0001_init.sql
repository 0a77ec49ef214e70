-- Orders and their follow-up. The connection's search path is the schema `orders`.

-- For people to say on the phone: O1000001. Numbers may have gaps: a taken
-- reference or a lost transaction costs one, and nobody waits for another.
CREATE SEQUENCE order_number AS bigint START WITH 1000001;

CREATE TABLE purchase_order (
    id            uuid PRIMARY KEY,
    number        text NOT NULL UNIQUE DEFAULT 'O' || nextval('order_number'),
    customer_id   uuid NOT NULL,
    stage         smallint NOT NULL,
    -- When the stage was reached, by the event that tells it.
    stage_at      timestamptz NOT NULL,
    department_id uuid NOT NULL,
    owner_id      uuid,
    external_ref  text UNIQUE,
    currency      text NOT NULL,
    -- Lines and total, sealed under the customer's key; reviews are sealed apart.
    sealed        bytea NOT NULL,
    placed_at     timestamptz NOT NULL,
    promised_at   timestamptz,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX purchase_order_by_time ON purchase_order (placed_at, id);
CREATE INDEX purchase_order_by_department ON purchase_order (department_id, placed_at, id);
CREATE INDEX purchase_order_by_customer ON purchase_order (customer_id, placed_at, id);
CREATE INDEX purchase_order_by_owner ON purchase_order (owner_id, placed_at, id) WHERE owner_id IS NOT NULL;

-- OP-3.4.4: what was told about an order, each event once.
CREATE TABLE stage_event (
    order_id        uuid NOT NULL REFERENCES purchase_order,
    customer_id     uuid NOT NULL,
    stage           smallint NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    actor_id        uuid NOT NULL,
    actor_is_system boolean NOT NULL,
    PRIMARY KEY (order_id, stage, occurred_at)
);

-- OP-3.4.5: the customer's word on an order.
CREATE TABLE review (
    id           uuid PRIMARY KEY,
    order_id     uuid NOT NULL REFERENCES purchase_order,
    customer_id  uuid NOT NULL,
    external_ref text,
    score        smallint NOT NULL,
    answered_at  timestamptz NOT NULL,
    -- Comment and whether it arrived, sealed under the customer's key.
    sealed       bytea NOT NULL,
    UNIQUE (order_id, external_ref)
);

-- Customers who have a file, from the journal of customer files.
CREATE TABLE known_customer (
    customer_id uuid PRIMARY KEY
);

CREATE TABLE customer_key (
    customer_id uuid PRIMARY KEY,
    kek_id      text NOT NULL,
    wrapped     bytea NOT NULL,
    created_at  timestamptz NOT NULL
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
