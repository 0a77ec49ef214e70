-- CF-2.3: what happened with a customer elsewhere, from the journals of other services.
-- What happened here is in this service's own journal.
CREATE TABLE timeline (
    -- Of the service and the entry's position in its journal.
    id          uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    -- As in kefu.profile.v1.TimelineKind.
    kind        int NOT NULL,
    -- As in kefu.policy.v1.DataClass.
    class       int NOT NULL,
    resource    text NOT NULL,
    act         text NOT NULL,
    actor_id    uuid,
    -- Of tickets.
    category    text NOT NULL,
    event       bytea NOT NULL
);
CREATE INDEX timeline_by_time ON timeline (customer_id, occurred_at, id);

-- CF-9.1: duties are kept when they are over. When those of before began is not known.
ALTER TABLE duty
    DROP CONSTRAINT duty_pkey,
    ADD COLUMN id         uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    ADD COLUMN started_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN ended_at   timestamptz,
    ADD CHECK (ended_at >= started_at);
ALTER TABLE duty
    ALTER COLUMN id DROP DEFAULT,
    ALTER COLUMN started_at DROP DEFAULT;
DROP INDEX duty_by_resource;
CREATE INDEX duty_by_resource ON duty (resource) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX duty_standing ON duty (customer_id, subject_id, resource) WHERE ended_at IS NULL;
CREATE INDEX duty_by_customer ON duty (customer_id, started_at, id);
CREATE INDEX duty_by_subject ON duty (subject_id, started_at, id);
