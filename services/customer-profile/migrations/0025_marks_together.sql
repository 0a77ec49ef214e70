-- Name and address looked for together are found by one index: who has both parts of a frequent name and of a
-- frequent road is told by going through the rarer of them, not by all of each.
DROP INDEX customer_name_marks;
DROP INDEX customer_address_marks;
CREATE INDEX customer_marks ON customer USING gin (name_marks, address_marks) WITH (fastupdate = off);
