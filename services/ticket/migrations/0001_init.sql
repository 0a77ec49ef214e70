-- Tickets. The connection's search path is the schema `ticket`.

-- What people say on the phone: T1000001, T1000002, … A number that was drawn
-- by a call that failed is never given again: numbers may have gaps.
CREATE SEQUENCE ticket_number START WITH 1000001;

CREATE TABLE ticket (
    id            uuid PRIMARY KEY,
    number        text NOT NULL UNIQUE,
    customer_id   uuid NOT NULL,
    kind          smallint NOT NULL,
    channel       smallint NOT NULL,
    category      text NOT NULL,
    impact        smallint NOT NULL,
    urgency       smallint NOT NULL,
    priority      smallint NOT NULL,
    state         smallint NOT NULL,
    waiting_for   smallint NOT NULL,
    department_id uuid NOT NULL,
    assignee_id   uuid,
    reopen_count  integer NOT NULL,
    external_ref  text UNIQUE,
    -- Every classified field, sealed by class under the customer's key.
    sealed        bytea NOT NULL,
    received_at   timestamptz NOT NULL,
    resolved_at   timestamptz,
    closed_at     timestamptz,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
-- One for each scope, in the order of lists.
CREATE INDEX ticket_by_time ON ticket (received_at, id);
CREATE INDEX ticket_by_department ON ticket (department_id, received_at, id);
CREATE INDEX ticket_by_assignee ON ticket (assignee_id, received_at, id) WHERE assignee_id IS NOT NULL;
CREATE INDEX ticket_by_customer ON ticket (customer_id, received_at, id);

-- Messages and state changes name their ticket without a foreign key: they are
-- written in the statement or transaction of their ticket alone, and tables that
-- are distributed by customer could not keep one.
CREATE TABLE message (
    id          uuid PRIMARY KEY,
    ticket_id   uuid NOT NULL,
    customer_id uuid NOT NULL,
    direction   smallint NOT NULL,
    -- Whoever wrote or recorded it; none for what a system transferred.
    author_id   uuid,
    occurred_at timestamptz NOT NULL,
    -- The body, sealed under the customer's key.
    sealed      bytea NOT NULL,
    -- Revision of the ticket that brought it: a kept answer shows no later ones.
    revision    bigint NOT NULL
);
CREATE INDEX message_by_ticket ON message (ticket_id, occurred_at, id);

CREATE TABLE state_change (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket_id       uuid NOT NULL,
    customer_id     uuid NOT NULL,
    from_state      smallint NOT NULL,
    to_state        smallint NOT NULL,
    waiting_for     smallint NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    actor_id        uuid NOT NULL,
    actor_is_system boolean NOT NULL,
    revision        bigint NOT NULL
);
CREATE INDEX state_change_by_ticket ON state_change (ticket_id, id);

-- Customers that have a file, from the journal of customer-profile.
CREATE TABLE known_customer (
    customer_id   uuid PRIMARY KEY,
    department_id uuid,
    state         smallint NOT NULL
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
