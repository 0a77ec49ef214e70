-- With a merge of files (kind 11, merged) is kept whose the absorbed file is now: that of the last one of the chain, where
-- its survivor was merged in its turn (store/merges.rs). So far it was the absorbed file's own id. Of a file that was
-- destroyed since nothing of its merge is left; counted anew, figures know it again (kefu figures rebuild).
WITH RECURSIVE merged_file AS MATERIALIZED (
    SELECT generation, at, id, subject_id FROM fact WHERE kind = 11 AND merged AND subject_id IS NOT NULL
), way (generation, at, id, whose, length) AS (
    SELECT generation, at, id, subject_id, 1 FROM merged_file
    UNION ALL
    SELECT w.generation, w.at, w.id, m.subject_id, w.length + 1
    FROM way w JOIN merged_file m ON m.generation = w.generation AND m.id = w.whose
    -- Nobody makes circles; if there is one, this ends.
    WHERE w.length < 100
), ending AS (
    SELECT DISTINCT ON (generation, id) generation, at, id, whose FROM way ORDER BY generation, id, length DESC
)
UPDATE fact f SET customer_id = ending.whose FROM ending
WHERE f.generation = ending.generation AND f.kind = 11 AND f.at = ending.at AND f.id = ending.id AND f.part = 0;
