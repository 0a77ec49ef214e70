-- With what an order was later than promised first, and for when that was promised, by its own times whenever
-- these were told (OP-3.4.4); NULL: it never was. As it was said last.
ALTER TABLE purchase_order
    ADD COLUMN once_late_at    timestamptz,
    ADD COLUMN once_late_stage smallint NOT NULL DEFAULT 0;

-- What was promised for a moment that went by, and does not stand any more or never stood in the order: by the
-- rules, or before another promise. The first of each stage: where another was not kept, that was not either.
CREATE TABLE missed_promise (
    order_id    uuid NOT NULL REFERENCES purchase_order,
    customer_id uuid NOT NULL,
    stage       smallint NOT NULL,
    promised_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, stage)
);
CREATE INDEX missed_promise_by_customer ON missed_promise (customer_id);

-- Orders of before are looked at once; of destroyed files there is nothing left to look at.
UPDATE purchase_order SET look_at = updated_at WHERE look_at IS NULL AND sealed <> '';
