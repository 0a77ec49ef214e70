-- What is not plausible about an order is cleared up before it is carried out (OP-3.4.1).
ALTER TABLE purchase_order
    -- As in kefu.order.v1.OrderIntake; findings and what was cleared up are sealed with the lines.
    ADD COLUMN intake smallint NOT NULL DEFAULT 1;
CREATE INDEX purchase_order_to_clear_up ON purchase_order (placed_at, id) WHERE intake = 2;
