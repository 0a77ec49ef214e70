-- Messages that became tickets of their own (SG-5): they stay with the ticket they were said
-- in, and are shown in both.
CREATE TABLE moved_message (
    message_id  uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    -- The ticket that was split, and the revision that this made.
    from_id     uuid NOT NULL,
    revision    bigint NOT NULL,
    to_id       uuid NOT NULL
);
CREATE INDEX moved_message_by_ticket ON moved_message (to_id);
