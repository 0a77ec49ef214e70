-- Facts of all kinds lie in one table, by month and by which time they were counted. What lay
-- here before is in the journals, and is read from them anew.
DROP TABLE ticket_fact;
DROP TABLE order_fact;
DROP TABLE review_fact;
DROP TABLE source_freshness;
DELETE FROM consumer_cursor;

-- Each time that all facts are counted from the journals. One is answered from; another may be
-- under way.
CREATE TABLE generation (
    number     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- 1: being counted; 2: answered from; 3: no longer.
    state      smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    asked_at   timestamptz NOT NULL,
    live_at    timestamptz,
    retired_at timestamptz,
    -- When nothing of it was left.
    cleared_at timestamptz
);
CREATE UNIQUE INDEX generation_at_most_one ON generation (state) WHERE state < 3;

-- Records as the latest entry tells them; no personal data. Which columns a kind has, and what
-- the numbers mean, is in domain/fact.
CREATE TABLE fact (
    generation    integer NOT NULL,
    kind          smallint NOT NULL,
    -- By which it belongs to a day.
    at            timestamptz NOT NULL,
    id            uuid NOT NULL,
    -- Within the record.
    part          integer NOT NULL,
    customer_id   uuid,
    department_id uuid,
    employee_id   uuid,
    subject_id    uuid,
    ended_at      timestamptz,
    seconds       bigint,
    amount        numeric,
    attempt       integer,
    repeats       integer,
    sort          smallint,
    state         smallint,
    channel       smallint,
    priority      smallint,
    outcome       smallint,
    metric        smallint,
    tier          smallint,
    credit        smallint,
    purpose       smallint,
    score         smallint,
    second_score  smallint,
    merged        boolean NOT NULL,
    category      text,
    currency      text,
    PRIMARY KEY (generation, kind, at, id, part)
) PARTITION BY RANGE (generation, kind, at);

-- Where a record's fact lies, and by which entry: one that comes late changes nothing, and one
-- that tells another time takes the fact away from where it was.
CREATE TABLE fact_place (
    generation integer NOT NULL,
    kind       smallint NOT NULL,
    id         uuid NOT NULL,
    part       integer NOT NULL,
    at         timestamptz NOT NULL,
    revision   bigint NOT NULL,
    position   bigint NOT NULL,
    PRIMARY KEY (generation, kind, id, part)
) PARTITION BY LIST (generation);

-- What was shown, counted: quarters of an hour can be put together to days of every time zone.
CREATE TABLE read_count (
    generation integer NOT NULL,
    source     text NOT NULL,
    at         timestamptz NOT NULL,
    purpose    smallint NOT NULL,
    -- Of a customer's record; else of the company's own.
    personal   boolean NOT NULL,
    refused    boolean NOT NULL,
    count      bigint NOT NULL,
    PRIMARY KEY (generation, source, at, purpose, personal, refused)
);

-- The service's role owns no table: what it may do to the tables' shape are these three things.

CREATE FUNCTION begin_generation(asked timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = analytics, pg_temp AS $$
DECLARE
    made integer;
BEGIN
    INSERT INTO generation (state, asked_at) VALUES (1, asked) RETURNING number INTO made;
    EXECUTE format('CREATE TABLE fact_place_%s PARTITION OF fact_place FOR VALUES IN (%s)', made, made);
    RETURN made;
END
$$;

-- Makes the partition of a month where there is none. Attached and not created in place, so that
-- nobody who reads has to wait.
CREATE FUNCTION make_partition(generation integer, kind smallint, month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = analytics, pg_temp AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    name text := format('fact_%s_%s_%s', generation, kind, to_char(first, 'YYYYMM'));
BEGIN
    IF to_regclass('analytics.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('kefu figures: partitions'));
    IF to_regclass('analytics.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE fact INCLUDING ALL)', name);
    EXECUTE format('ALTER TABLE fact ATTACH PARTITION %I FOR VALUES FROM (%s, %s, %L) TO (%s, %s, %L)',
        name, generation, kind, first::timestamp AT TIME ZONE 'UTC',
        generation, kind, (first + interval '1 month') AT TIME ZONE 'UTC');
    RETURN true;
END
$$;

-- Drops some of what a retired generation left; whether there is more.
CREATE FUNCTION clear_generation(old integer, most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = analytics, pg_temp AS $$
DECLARE
    part regclass;
    dropped integer := 0;
BEGIN
    PERFORM FROM generation WHERE number = old AND state = 3 FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM set_config('lock_timeout', '2s', true);
    FOR part IN
        SELECT inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('analytics.fact'::regclass, 'analytics.fact_place'::regclass)
          AND (c.relname LIKE format('fact\_%s\_%%', old) OR c.relname = format('fact_place_%s', old))
        LIMIT most
    LOOP
        EXECUTE format('DROP TABLE %s', part);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped = most;
END
$$;

SELECT begin_generation(now());
UPDATE generation SET state = 2, live_at = asked_at;
