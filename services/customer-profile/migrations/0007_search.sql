-- CF-4.2: files are found by any value that is looked up whole, and by words of their names and addresses.
ALTER TABLE phone_index RENAME TO lookup_key;
ALTER INDEX phone_index_by_customer RENAME TO lookup_key_by_customer;

-- Marks of the parts of names (class BASIC) and addresses (class CONTACT), each under a key of its own, so that
-- who is not cleared for one does not find by it. NULL: not marked yet, which a job does.
ALTER TABLE customer
    ADD COLUMN name_marks    bigint[],
    ADD COLUMN address_marks bigint[];
UPDATE customer SET name_marks = '{}', address_marks = '{}' WHERE state = 6;
CREATE INDEX customer_unmarked ON customer (id) WHERE name_marks IS NULL;
-- A search does not wait for what is still to be put into the index.
CREATE INDEX customer_name_marks ON customer USING gin (name_marks) WITH (fastupdate = off);
CREATE INDEX customer_address_marks ON customer USING gin (address_marks) WITH (fastupdate = off);
