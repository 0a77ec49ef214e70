-- Which articles were used for which tickets (CC-2.4). The link goes with the ticket's
-- customer; the counts stay.
CREATE TABLE article_use (
    ticket_id     uuid NOT NULL,
    article_id    uuid NOT NULL REFERENCES article,
    customer_id   uuid NOT NULL,
    user_id       uuid NOT NULL,
    used_at       timestamptz NOT NULL,
    -- The company's day of it, under which it is counted.
    used_on       date NOT NULL,
    -- As in kefu.ticket.v1.ArticleHelp.
    help          smallint NOT NULL,
    by_resolution boolean NOT NULL,
    PRIMARY KEY (ticket_id, article_id)
);
CREATE INDEX article_use_by_customer ON article_use (customer_id);

CREATE TABLE article_count (
    article_id       uuid NOT NULL REFERENCES article,
    used_on          date NOT NULL,
    used_count       integer NOT NULL,
    helped_count     integer NOT NULL,
    not_helped_count integer NOT NULL,
    PRIMARY KEY (article_id, used_on)
);

-- Tickets that articles came from.
CREATE TABLE article_source (
    article_id  uuid NOT NULL REFERENCES article,
    ticket_id   uuid NOT NULL,
    customer_id uuid NOT NULL,
    PRIMARY KEY (article_id, ticket_id)
);
CREATE INDEX article_source_by_customer ON article_source (customer_id);

-- Queries that found nothing (SG-8): no word of who asked.
CREATE TABLE knowledge_gap (
    id         uuid PRIMARY KEY,
    query      text NOT NULL UNIQUE,
    -- As in kefu.ticket.v1.KnowledgeGapState.
    state      smallint NOT NULL,
    article_id uuid REFERENCES article,
    reason     text NOT NULL DEFAULT '',
    closer_id  uuid,
    closed_at  timestamptz
);

CREATE TABLE knowledge_gap_day (
    gap_id   uuid NOT NULL REFERENCES knowledge_gap,
    asked_on date NOT NULL,
    count    integer NOT NULL,
    PRIMARY KEY (gap_id, asked_on)
);
