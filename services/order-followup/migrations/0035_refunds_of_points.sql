-- What goes back of an order's money takes its share of the points that the order earned (OP-3.3).

ALTER TABLE case_payment_reference
    -- None: of no order, or no refund.
    ADD COLUMN order_id uuid REFERENCES purchase_order,
    -- Nanos of the order's currency.
    ADD COLUMN refunded numeric(38, 0) NOT NULL DEFAULT 0,
    ADD CONSTRAINT refunds_of_orders CHECK (refunded >= 0 AND (order_id IS NOT NULL OR refunded = 0));
CREATE INDEX case_payment_reference_by_order ON case_payment_reference (order_id) WHERE order_id IS NOT NULL;
