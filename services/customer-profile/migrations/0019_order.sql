-- Files by when they were last changed, for lists in that order.
CREATE INDEX customer_by_change ON customer (updated_at, id);
