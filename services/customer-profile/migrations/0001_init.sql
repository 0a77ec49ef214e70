-- The customer file. The connection's search path is the schema `profile`.

CREATE TABLE customer (
    id            uuid PRIMARY KEY,
    file_number   text NOT NULL UNIQUE,
    type          smallint NOT NULL,
    state         smallint NOT NULL,
    business_line text NOT NULL,
    department_id uuid NOT NULL,
    owner_id      uuid,
    external_ref  text UNIQUE,
    tier          smallint NOT NULL,
    -- Every classified field, sealed by class under the customer's key.
    sealed        bytea NOT NULL,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX customer_by_time ON customer (created_at, id);
CREATE INDEX customer_by_department ON customer (department_id, created_at, id);
CREATE INDEX customer_by_owner ON customer (owner_id) WHERE owner_id IS NOT NULL;

-- CF-4.3: every number a file ever had; the latest stands in customer.
CREATE TABLE file_number (
    number      text PRIMARY KEY,
    customer_id uuid NOT NULL,
    issued_at   timestamptz NOT NULL
);
CREATE TABLE file_number_series (
    prefix text PRIMARY KEY,
    last   bigint NOT NULL
);

-- Equality look-up of sealed values by keyed hash.
CREATE TABLE phone_index (
    customer_id uuid NOT NULL REFERENCES customer,
    blind       bytea NOT NULL,
    PRIMARY KEY (blind, customer_id)
);
CREATE INDEX phone_index_by_customer ON phone_index (customer_id);

-- Who has duty on which file, and by what: an open ticket, an order.
CREATE TABLE duty (
    customer_id uuid NOT NULL,
    subject_id  uuid NOT NULL,
    resource    text NOT NULL,
    PRIMARY KEY (customer_id, subject_id, resource)
);
CREATE INDEX duty_by_resource ON duty (resource);

-- IH-2.1, CC-2.2: consent to exactly one purpose.
CREATE TABLE consent (
    customer_id  uuid NOT NULL REFERENCES customer,
    purpose      smallint NOT NULL,
    given_at     timestamptz NOT NULL,
    PRIMARY KEY (customer_id, purpose)
);

-- CF-2.2: what was bought, from the journal of orders.
CREATE TABLE purchase (
    order_id    uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    currency    text NOT NULL,
    amount      numeric NOT NULL,
    placed_at   timestamptz NOT NULL
);
CREATE INDEX purchase_by_customer ON purchase (customer_id);

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

