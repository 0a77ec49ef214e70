-- A silence is known by its order and minute alone, and is no fact any more once it is over (domain/fact): its end says
-- no stage, so that it lay beside its beginning, which stood for ever. Of a minute what was told last counts.
DELETE FROM fact f USING fact_place p
WHERE f.kind = 6 AND p.generation = f.generation AND p.kind = f.kind AND p.id = f.id AND p.part = f.part
  AND (f.ended_at IS NOT NULL OR EXISTS (
      SELECT FROM fact_place later
      WHERE later.generation = p.generation AND later.kind = p.kind AND later.id = p.id
        AND later.part >> 5 = p.part >> 5 AND later.position > p.position));
DELETE FROM fact_place p USING fact_place later
WHERE p.kind = 6 AND later.generation = p.generation AND later.kind = p.kind AND later.id = p.id
  AND later.part >> 5 = p.part >> 5 AND later.position > p.position;
UPDATE fact SET part = part >> 5 << 5 WHERE kind = 6 AND part & 31 <> 0;
UPDATE fact_place SET part = part >> 5 << 5 WHERE kind = 6 AND part & 31 <> 0;
-- What was counted of them at the end of earlier periods (SG-7) is too much, and nothing tells by how much.
DELETE FROM exception_figure WHERE figure LIKE 'stuck\_orders/%';
