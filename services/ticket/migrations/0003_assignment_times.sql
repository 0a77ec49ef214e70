-- When a ticket changed hands, where that is not when it was recorded: of transferred records.
CREATE TABLE assignment_time (
    ticket_id   uuid NOT NULL,
    -- Of the assignment.
    revision    bigint NOT NULL,
    customer_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (ticket_id, revision)
);
