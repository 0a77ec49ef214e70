-- A period is told by its last day too: a rule of days may become one of months, whose first day is
-- that of a month. NULL: of before it was kept.
ALTER TABLE exception ADD COLUMN last_day date;
CREATE UNIQUE INDEX exception_once_a_period ON exception (rule, department_id, first_day, last_day) NULLS NOT DISTINCT;
DROP INDEX exception_once;
