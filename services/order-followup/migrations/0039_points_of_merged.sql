-- Points go with a file that becomes part of another, and what its orders earn from then on is
-- posted there (OP-3.3, IH-2.2).
CREATE TABLE account_merge (
    absorbed_id uuid PRIMARY KEY,
    survivor_id uuid NOT NULL CHECK (survivor_id <> absorbed_id),
    merge_id    uuid NOT NULL UNIQUE,
    -- What the account owed that was absorbed.
    owed        bigint NOT NULL CHECK (owed >= 0)
);
CREATE INDEX account_merge_by_survivor ON account_merge (survivor_id);

-- Of postings by which points moved: the merge.
ALTER TABLE points_posting ADD COLUMN merge_id uuid;
CREATE INDEX points_posting_by_merge ON points_posting (merge_id) WHERE merge_id IS NOT NULL;
