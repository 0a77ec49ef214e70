-- The order that a ticket is about (OP-3.4.5), as it was said when it was opened.
ALTER TABLE ticket ADD COLUMN order_id uuid;
CREATE INDEX ticket_by_order ON ticket (order_id, received_at, id) WHERE order_id IS NOT NULL;
