-- The question after delivery, and complaints that name an order (OP-3.4.5).

ALTER TABLE purchase_order
    -- As in kefu.order.v1.Confirmation.
    ADD COLUMN confirmation smallint NOT NULL DEFAULT 0;

-- What came of asking, where it is no review.
CREATE TABLE confirmation_attempt (
    id              uuid PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES purchase_order,
    customer_id     uuid NOT NULL,
    outcome         smallint NOT NULL,
    attempted_at    timestamptz NOT NULL,
    actor_id        uuid NOT NULL,
    actor_is_system boolean NOT NULL,
    -- What was said, sealed under the customer's key.
    sealed          bytea NOT NULL
);
CREATE INDEX confirmation_attempt_of_order ON confirmation_attempt (order_id, attempted_at, id);
CREATE INDEX confirmation_attempt_by_customer ON confirmation_attempt (customer_id);

-- Complaints that name an order, from the journal of tickets.
CREATE TABLE order_complaint (
    ticket_id   uuid PRIMARY KEY,
    order_id    uuid NOT NULL REFERENCES purchase_order,
    customer_id uuid NOT NULL,
    opened_at   timestamptz NOT NULL
);
CREATE INDEX order_complaint_of_order ON order_complaint (order_id, opened_at, ticket_id);
CREATE INDEX order_complaint_by_customer ON order_complaint (customer_id);
