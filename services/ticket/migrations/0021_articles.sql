-- The knowledge base (OP-3.1, CC-2.4): articles, their versions, and what was done with them.
-- The company's text, no customer's data.
CREATE TABLE article (
    id            uuid PRIMARY KEY,
    department_id uuid NOT NULL,
    -- Who began it.
    author_id     uuid NOT NULL,
    -- Number of the last version, and of the one that is read.
    latest        integer NOT NULL,
    published     integer,
    review_due_at timestamptz,
    -- Of all tickets that it was used for; they tell equal finds apart.
    used_count    integer NOT NULL DEFAULT 0,
    helped_count  integer NOT NULL DEFAULT 0,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX article_by_time ON article (updated_at, id);
CREATE INDEX article_review_due ON article (review_due_at) WHERE review_due_at IS NOT NULL;

CREATE TABLE article_version (
    article_id   uuid NOT NULL REFERENCES article,
    number       integer NOT NULL,
    -- As in kefu.ticket.v1.ArticleState.
    state        smallint NOT NULL,
    title        text NOT NULL,
    body         text NOT NULL,
    language     text NOT NULL,
    categories   text[] NOT NULL,
    keywords     text[] NOT NULL,
    audience     smallint NOT NULL,
    -- Empty: all.
    departments  uuid[] NOT NULL,
    valid_from   timestamptz,
    valid_until  timestamptz,
    -- Whoever wrote in it, the last one last: none of them publishes it.
    writers      uuid[] NOT NULL,
    publisher_id uuid,
    published_at timestamptz,
    PRIMARY KEY (article_id, number)
);

CREATE TABLE article_step (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    article_id  uuid NOT NULL REFERENCES article,
    version     integer NOT NULL,
    -- As in kefu.ticket.v1.ArticleAct.
    act         smallint NOT NULL,
    from_state  smallint NOT NULL,
    to_state    smallint NOT NULL,
    actor_id    uuid NOT NULL,
    recorded_at timestamptz NOT NULL,
    reason      text NOT NULL
);
CREATE INDEX article_step_by_article ON article_step (article_id, id);
