-- The customer is told of trouble with an order (OP-3.4.4, SG-2.4). The company's rules, version by
-- version; number 0 is what is shipped, and has no row.
CREATE TABLE notice_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.order.v1.NoticeDefinition.
    definition   bytea NOT NULL
);

-- What customers are told, written in the transaction that finds it.
CREATE TABLE notice (
    id              uuid PRIMARY KEY,
    -- Names the occasion, of which somebody is told once: `late:{order}:shipped:{microseconds}`
    cause           text NOT NULL UNIQUE,
    order_id        uuid NOT NULL REFERENCES purchase_order,
    customer_id     uuid NOT NULL,
    -- As in kefu.order.v1.NoticeEvent.
    event           smallint NOT NULL,
    rules_version   integer NOT NULL,
    rule            text NOT NULL,
    language        smallint NOT NULL,
    -- Empty: any.
    channels        smallint[] NOT NULL,
    -- As in kefu.order.v1.NoticeState.
    state           smallint NOT NULL,
    -- Text, note and reference, sealed under the customer's key.
    sealed          bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    -- How often the connector was asked, and when it is asked next; NULL: never.
    attempts        integer NOT NULL,
    next_attempt_at timestamptz,
    outcome_at      timestamptz,
    channel         smallint NOT NULL,
    -- `employees/…` or `system-accounts/…`; empty: nobody, or the connector.
    marked_by       text NOT NULL,
    revision        bigint NOT NULL
);
CREATE INDEX notice_by_time ON notice (created_at, id);
CREATE INDEX notice_by_order ON notice (order_id, created_at, id);
CREATE INDEX notice_by_customer ON notice (customer_id, created_at, id);
CREATE INDEX notice_to_send ON notice (next_attempt_at) WHERE state = 1 AND next_attempt_at IS NOT NULL;
