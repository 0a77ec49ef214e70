-- Whether an order was late is a fact of its own, one for each order (domain/fact: kind 15). What was kept of each
-- occasion (kind 6, of sort 1) becomes that.
DO $$
DECLARE
    needed record;
BEGIN
    FOR needed IN
        SELECT DISTINCT generation, date_trunc('month', at AT TIME ZONE 'UTC')::date AS month
        FROM fact WHERE kind = 6 AND sort = 1
    LOOP
        PERFORM make_partition(needed.generation, 15::smallint, needed.month);
    END LOOP;
END
$$;

WITH late AS (
    SELECT DISTINCT ON (f.generation, f.id) f.generation, f.id, f.at, f.customer_id, f.department_id, p.position
    FROM fact f
    JOIN fact_place p ON p.generation = f.generation AND p.kind = f.kind AND p.id = f.id AND p.part = f.part
    WHERE f.kind = 6 AND f.sort = 1
    ORDER BY f.generation, f.id, p.position DESC
), told AS (
    INSERT INTO fact (generation, kind, at, id, part, customer_id, department_id, merged)
    SELECT generation, 15, at, id, 0, customer_id, department_id, false FROM late
)
INSERT INTO fact_place (generation, kind, id, part, at, revision, position)
SELECT generation, 15, id, 0, at, 0, position FROM late;

DELETE FROM fact_place p USING fact f
WHERE f.kind = 6 AND f.sort = 1
  AND p.generation = f.generation AND p.kind = f.kind AND p.id = f.id AND p.part = f.part;
DELETE FROM fact WHERE kind = 6 AND sort = 1;
