-- What the company's own inventory is asked for (OP-3.4.2): written in the transaction that asks,
-- carried out after it, so that nothing stays aside of which nobody knows. What it is for stands in
-- the sealed lines of the order.
CREATE TABLE reservation (
    -- The same however often the inventory is asked.
    id              uuid PRIMARY KEY,
    order_id        uuid NOT NULL REFERENCES purchase_order,
    customer_id     uuid NOT NULL,
    -- 1 to be reserved, 2 held, 3 to be released, 4 to be consumed, 5 nothing more to be done.
    act             smallint NOT NULL,
    attempts        integer NOT NULL,
    next_attempt_at timestamptz
);
CREATE INDEX reservation_by_order ON reservation (order_id);
CREATE UNIQUE INDEX reservation_asked ON reservation (order_id) WHERE act = 1;
CREATE INDEX reservation_due ON reservation (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
DROP INDEX purchase_order_supplied;
CREATE INDEX purchase_order_supplied ON purchase_order (customer_id) WHERE stock IN (2, 3, 4, 7);
