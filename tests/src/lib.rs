//! What crosses services: journeys through the gateway, figures, processes, and
//! the table of clauses. The tests are in `tests/it`.
