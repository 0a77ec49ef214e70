-- Which saved selection the rule of a share came from, and which version of it (CF-6.2).
ALTER TABLE share_terms
    ADD COLUMN saved_id      uuid,
    ADD COLUMN saved_version integer,
    ADD CHECK ((saved_id IS NULL) = (saved_version IS NULL)),
    ADD CHECK (saved_id IS NULL OR comparisons IS NOT NULL);
