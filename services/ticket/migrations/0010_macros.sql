-- Standard phrases for talking to customers (SG-2.3): the company's, about no customer.
CREATE TABLE macro (
    id            uuid PRIMARY KEY,
    title         text NOT NULL,
    body          text NOT NULL,
    -- As in kefu.ticket.v1.Language.
    language      smallint NOT NULL,
    kinds         smallint[] NOT NULL,
    categories    text[] NOT NULL,
    -- None: for the tickets of all.
    department_id uuid,
    -- What has to be given: keys, and what is asked for by each.
    value_keys    text[] NOT NULL,
    value_titles  text[] NOT NULL,
    -- As in kefu.ticket.v1.MacroState.
    state         smallint NOT NULL,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE INDEX macro_by_time ON macro (created_at, id);

-- Replies that came from one, so that nobody waits for anybody to count them.
CREATE TABLE macro_use (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    macro_id uuid NOT NULL,
    used_at  timestamptz NOT NULL
);
CREATE INDEX macro_use_by_macro ON macro_use (macro_id, used_at);
