-- Of which credit customers are (IH-8.2), as customer-profile's journal tells when it changes;
-- 2, B, is everybody else.
ALTER TABLE customer_relation ADD COLUMN credit smallint NOT NULL DEFAULT 2;
