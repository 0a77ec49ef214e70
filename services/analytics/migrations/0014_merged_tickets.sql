-- Tickets that are part of another: counted as that, and never as resolved (CC-1.4).
ALTER TABLE ticket_fact ADD COLUMN merged boolean NOT NULL DEFAULT false;
