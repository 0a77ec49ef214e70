-- Queues, the people who serve them, and whose a ticket was (SG-2.2, SG-3).
CREATE TABLE queue (
    id            uuid PRIMARY KEY,
    code          text NOT NULL UNIQUE,
    title         text NOT NULL,
    department_id uuid NOT NULL,
    kinds         smallint[] NOT NULL,
    categories    text[] NOT NULL,
    channels      smallint[] NOT NULL,
    languages     text[] NOT NULL,
    skills        text[] NOT NULL,
    strategy      smallint NOT NULL,
    position      integer NOT NULL,
    closed        boolean NOT NULL,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE INDEX queue_by_department ON queue (department_id, position, code);

CREATE TABLE agent (
    employee_id   uuid PRIMARY KEY,
    -- None until somebody said what they can do; their capacity is 0 until then.
    department_id uuid,
    skills        text[] NOT NULL,
    languages     text[] NOT NULL,
    capacity      integer NOT NULL,
    presence      smallint NOT NULL,
    -- When it ends by itself.
    present_until timestamptz NOT NULL,
    -- Departments in which they may serve, as the gateway decided at their last sign of life.
    serves        uuid[] NOT NULL,
    -- Which of all that queues gave was the last one given to them; 0: none.
    routed_seq    bigint NOT NULL
);

CREATE TABLE assignment (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ticket_id       uuid NOT NULL,
    customer_id     uuid NOT NULL,
    from_id         uuid,
    to_id           uuid,
    -- As in kefu.ticket.v1.AssignmentCause.
    cause           smallint NOT NULL,
    recorded_at     timestamptz NOT NULL,
    actor_id        uuid,
    actor_is_system boolean NOT NULL,
    queue_id        uuid,
    -- Revision of the ticket that it makes.
    revision        bigint NOT NULL
);
CREATE INDEX assignment_by_ticket ON assignment (ticket_id, id);

-- Tickets that wait, and those that somebody has: not resolved (4), not closed (5).
CREATE INDEX ticket_waiting ON ticket (department_id, received_at, id) WHERE assignee_id IS NULL AND state < 4;
CREATE INDEX ticket_at_work ON ticket (assignee_id) WHERE assignee_id IS NOT NULL AND state < 4;

-- Whoever holds this row gives tickets out; there is one at a time.
CREATE TABLE routing_turn (
    sole boolean PRIMARY KEY CHECK (sole)
);
INSERT INTO routing_turn (sole) VALUES (true);
