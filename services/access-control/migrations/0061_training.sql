-- Training of staff (OP-4.1, SG-6): courses in revisions, sessions, who is enrolled, results,
-- and who has to take what.

CREATE TABLE course (
    id         uuid PRIMARY KEY,
    -- The revision that counts.
    revision   int NOT NULL CHECK (revision >= 1),
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE INDEX course_list_order ON course (created_at, id);

-- Every revision stays as it was.
CREATE TABLE course_revision (
    course_id       uuid NOT NULL REFERENCES course,
    revision        int NOT NULL,
    title_zh        text NOT NULL,
    title_en        text NOT NULL,
    -- As in kefu.access.v1.CourseKind and ResultMeans.
    kind            smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),
    means           smallint NOT NULL CHECK (means BETWEEN 1 AND 3),
    full_marks      int NOT NULL,
    pass_marks      int NOT NULL CHECK (pass_marks BETWEEN 1 AND full_marks),
    secrecy         boolean NOT NULL,
    -- Of these two 0 is never.
    validity_months int NOT NULL CHECK (validity_months >= 0),
    repeat_months   int NOT NULL CHECK (repeat_months >= 0),
    department_ids  uuid[] NOT NULL,
    role_ids        text[] NOT NULL,
    due_days        int NOT NULL,
    notice_days     int NOT NULL,
    retake_days     int NOT NULL,
    skill           text,
    skill_level     int NOT NULL,
    revised_by      uuid NOT NULL,
    revised_at      timestamptz NOT NULL,
    PRIMARY KEY (course_id, revision),
    CHECK (NOT secrecy OR validity_months >= 1),
    CHECK ((skill IS NULL) = (skill_level = 0))
);

CREATE TABLE training_session (
    id              uuid PRIMARY KEY,
    course_id       uuid NOT NULL REFERENCES course,
    course_revision int NOT NULL,
    trainer_id      uuid NOT NULL REFERENCES employee,
    begins_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL CHECK (ends_at > begins_at),
    place           text NOT NULL,
    seats           int NOT NULL CHECK (seats >= 1),
    -- As in kefu.access.v1.TrainingSessionState.
    state           smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
    cancel_reason   text NOT NULL,
    created_at      timestamptz NOT NULL,
    FOREIGN KEY (course_id, course_revision) REFERENCES course_revision
);
CREATE INDEX training_session_list_order ON training_session (begins_at, id);

CREATE TABLE enrolment (
    id          uuid PRIMARY KEY,
    session_id  uuid NOT NULL REFERENCES training_session,
    employee_id uuid NOT NULL REFERENCES employee,
    -- As in kefu.access.v1.EnrolmentState.
    state       smallint NOT NULL CHECK (state BETWEEN 1 AND 6),
    enrolled_by uuid NOT NULL,
    enrolled_at timestamptz NOT NULL,
    reason      text NOT NULL,
    recorded_by uuid
);
-- Nobody is in a session twice.
CREATE UNIQUE INDEX enrolment_once ON enrolment (session_id, employee_id) WHERE state <> 6;
CREATE INDEX enrolment_list_order ON enrolment (enrolled_at, id);
CREATE INDEX enrolment_of_employee ON enrolment (employee_id);

-- A qualification counts no more when the result it was recorded with is corrected.
ALTER TABLE qualification ADD COLUMN withdrawn_at timestamptz;

-- Every attempt and every correction of one.
CREATE TABLE training_result (
    id               uuid PRIMARY KEY,
    employee_id      uuid NOT NULL REFERENCES employee,
    course_id        uuid NOT NULL REFERENCES course,
    course_revision  int NOT NULL,
    session_id       uuid REFERENCES training_session,
    attempt          int NOT NULL CHECK (attempt >= 1),
    marks            int NOT NULL CHECK (marks >= 0),
    passed           boolean NOT NULL,
    taken_at         timestamptz NOT NULL,
    valid_until      timestamptz,
    -- Nobody examines themselves.
    examiner_id      uuid NOT NULL CHECK (examiner_id <> employee_id),
    recorded_at      timestamptz NOT NULL,
    evidence         text NOT NULL,
    corrects_id      uuid UNIQUE REFERENCES training_result,
    reason           text NOT NULL,
    qualification_id uuid REFERENCES qualification,
    -- Until when the secrecy training held before it.
    held_until       timestamptz,
    superseded       boolean NOT NULL DEFAULT false,
    FOREIGN KEY (course_id, course_revision) REFERENCES course_revision,
    CHECK (passed OR (valid_until IS NULL AND qualification_id IS NULL)),
    CHECK ((corrects_id IS NULL) = (reason = ''))
);
-- Of each attempt one result counts.
CREATE UNIQUE INDEX training_result_counts ON training_result (course_id, employee_id, attempt) WHERE NOT superseded;
CREATE UNIQUE INDEX training_result_of_session ON training_result (session_id, employee_id) WHERE NOT superseded;
CREATE INDEX training_result_list_order ON training_result (recorded_at, id);
CREATE INDEX training_result_of_employee ON training_result (employee_id);

CREATE TABLE training_obligation (
    id          uuid PRIMARY KEY,
    employee_id uuid NOT NULL REFERENCES employee,
    course_id   uuid NOT NULL REFERENCES course,
    -- As in kefu.access.v1: TrainingObligationCause, TrainingObligationState, TrainingObligationEnd.
    cause       smallint NOT NULL CHECK (cause BETWEEN 1 AND 5),
    state       smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
    arose_at    timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    settled_at  timestamptz,
    ended_by    smallint NOT NULL CHECK (ended_by BETWEEN 0 AND 4),
    result_id   uuid REFERENCES training_result,
    CHECK ((state IN (3, 4)) = (settled_at IS NOT NULL)),
    CHECK ((state = 3) = (result_id IS NOT NULL)),
    CHECK ((state = 4) = (ended_by > 0))
);
-- Nobody has to take the same twice at once.
CREATE UNIQUE INDEX training_obligation_open ON training_obligation (course_id, employee_id) WHERE state IN (1, 2);
CREATE INDEX training_obligation_list_order ON training_obligation (due_at, id);
CREATE INDEX training_obligation_of_employee ON training_obligation (employee_id);
