-- The secret that coins are tossed under for those who get aggregates only (domain/perturbation): made once
-- and for all, and never changed. Under another one the same questions would have other answers, and both
-- together would tell more than one.
CREATE TABLE perturbation (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    seed bigint NOT NULL
);
INSERT INTO perturbation (seed)
SELECT ('x' || encode(substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 8), 'hex'))::bit(64)::bigint;
