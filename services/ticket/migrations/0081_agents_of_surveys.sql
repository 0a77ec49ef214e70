-- Who gave the resolution that is asked about: what is said of an answer says it, whoever has the ticket by then.
-- NULL: nobody, or before this was kept.
ALTER TABLE survey ADD COLUMN agent_id uuid;
