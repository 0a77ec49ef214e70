-- Files of a share by rule instead of by name (CF-6.2). The customers of a rule are put
-- when the last approver agrees.
ALTER TABLE share_terms
    ADD COLUMN comparisons text[],
    ADD COLUMN most_files  int2 CHECK (most_files BETWEEN 1 AND 500),
    ADD CHECK ((comparisons IS NULL) = (most_files IS NULL)),
    ADD CHECK (comparisons IS NOT NULL OR cardinality(customer_ids) > 0);
