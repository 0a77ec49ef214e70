-- What there is to be had, where the company keeps no inventory of its own (OP-3.4.2).
CREATE TABLE stock (
    id           uuid PRIMARY KEY,
    sku          text NOT NULL UNIQUE,
    on_hand      integer NOT NULL CHECK (on_hand >= 0),
    -- Set aside for orders, whose sealed lines say what for. More than there is only where
    -- pieces were found to be missing.
    reserved     integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    alternatives text[] NOT NULL,
    revision     bigint NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX stock_by_time ON stock (updated_at, id);

ALTER TABLE purchase_order
    -- As in kefu.order.v1.OrderStock.
    ADD COLUMN stock smallint NOT NULL DEFAULT 1;
CREATE INDEX purchase_order_supplied ON purchase_order (customer_id) WHERE stock IN (2, 3, 4);

-- Orders that wait for something, in the order in which they began to.
CREATE TABLE back_order (
    order_id    uuid PRIMARY KEY REFERENCES purchase_order,
    customer_id uuid NOT NULL,
    since       timestamptz NOT NULL,
    -- When it is tried next.
    look_at     timestamptz NOT NULL
);
CREATE INDEX back_order_due ON back_order (look_at, since);

-- What comes about by itself has no actor.
ALTER TABLE stage_event ALTER COLUMN actor_id DROP NOT NULL;
