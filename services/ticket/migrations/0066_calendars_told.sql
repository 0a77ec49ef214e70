-- Of which revision the journal says all versions: others measure by them.
ALTER TABLE calendar ADD COLUMN told_revision bigint NOT NULL DEFAULT 0;
