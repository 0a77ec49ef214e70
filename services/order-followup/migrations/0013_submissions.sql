-- Orders go to the company's order system (OP-3.4.3): written in the transaction that makes an
-- order ready, carried out after it.
CREATE TABLE submission (
    -- The same however often the order system is asked.
    id              uuid PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES purchase_order,
    customer_id     uuid NOT NULL,
    -- As in kefu.order.v1.SubmissionState.
    state           smallint NOT NULL,
    -- Reference and note, sealed under the customer's key.
    sealed          bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    -- Since when it is in a state in which the connector is asked, how often it was, and when it
    -- is asked next; NULL: somebody sees to it by hand.
    asked_since     timestamptz NOT NULL,
    attempts        integer NOT NULL,
    next_attempt_at timestamptz,
    outcome_at      timestamptz,
    -- `employees/…` or `system-accounts/…`; empty: nobody said it.
    marked_by       text NOT NULL,
    revision        bigint NOT NULL
);
-- An order is handed over once.
CREATE UNIQUE INDEX submission_standing ON submission (order_id) WHERE state IN (1, 2, 4);
CREATE INDEX submission_by_order ON submission (order_id);
CREATE INDEX submission_by_customer ON submission (customer_id, created_at, id);
CREATE INDEX submission_by_time ON submission (created_at, id);
CREATE INDEX submission_to_send ON submission (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
