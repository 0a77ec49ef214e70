-- By which a message came, and the call in which it was said (OP-3.1, IH-3.1).
ALTER TABLE message
    ADD COLUMN channel         smallint NOT NULL DEFAULT 0,
    ADD COLUMN call_started_at timestamptz,
    ADD COLUMN call_ended_at   timestamptz,
    -- Where its recording is found, sealed under the customer's key.
    ADD COLUMN recording       bytea;
