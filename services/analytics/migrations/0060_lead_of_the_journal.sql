-- By how much transaction ids in the journal are ahead of the cluster's own. Those of another cluster begin anew: what is
-- written after a restore has to come after all that was written before it (kefu restore puts another number here).
CREATE FUNCTION journal_lead() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 0::bigint';
ALTER TABLE journal ALTER COLUMN transaction_id SET DEFAULT (pg_current_xact_id()::text::bigint + journal_lead());
