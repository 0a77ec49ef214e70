-- The span in which an entry was written (W3C traceparent), where a trace is kept of it: operators
-- find by it what followed from a call. No part of what the entry says.
ALTER TABLE journal ADD COLUMN trace_parent text;
