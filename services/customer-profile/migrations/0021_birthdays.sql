-- OP-3.3: files are found by the day of the year on which their customers have a birthday, as they
-- are found by other values that are sealed: by keyed hash, in lookup_key. Files that were entered
-- before that wait here to be marked.
CREATE TABLE birthday_unmarked (
    customer_id uuid PRIMARY KEY
);
INSERT INTO birthday_unmarked (customer_id) SELECT id FROM customer WHERE state <> 6;
