-- Surveys: whether a customer is satisfied with a resolution (SG-4, OP-3.2).

-- By which channels the customer agreed to be turned to for quality; NULL: never said.
ALTER TABLE known_customer ADD COLUMN survey_channels smallint[];

CREATE TABLE survey (
    id            uuid PRIMARY KEY,
    ticket_id     uuid NOT NULL,
    customer_id   uuid NOT NULL,
    -- Which resolution of the ticket, from 1.
    attempt       integer NOT NULL,
    -- Empty: any.
    channels      smallint[] NOT NULL,
    state         smallint NOT NULL,
    -- SHA-256 of the token that was made last; the token itself is kept nowhere.
    token_hash    bytea UNIQUE,
    invited_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    sent_at       timestamptz,
    answered_at   timestamptz,
    service_score smallint NOT NULL,
    result_score  smallint NOT NULL,
    visit         smallint NOT NULL,
    visited_at    timestamptz,
    -- Reasons, comment and note of the visit, sealed under the customer's key.
    sealed        bytea NOT NULL,
    revision      bigint NOT NULL,
    UNIQUE (ticket_id, attempt)
);
CREATE INDEX survey_by_time ON survey (invited_at, id);
CREATE INDEX survey_by_customer ON survey (customer_id, invited_at, id);
CREATE INDEX survey_answered ON survey (answered_at) WHERE answered_at IS NOT NULL;
CREATE INDEX survey_visit_due ON survey (invited_at, id) WHERE visit = 1;
