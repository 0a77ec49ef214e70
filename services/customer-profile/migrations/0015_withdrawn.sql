-- Drafts that were withdrawn are looked for, to be erased when their time is over.
CREATE INDEX customer_withdrawn ON customer (updated_at, id) WHERE state = 5;
