-- Others follow what changes, and look ten times a second: between two changes there may be many
-- thousands of entries about who looked.
CREATE INDEX journal_changes ON journal (transaction_id, position) WHERE kind = 1;
