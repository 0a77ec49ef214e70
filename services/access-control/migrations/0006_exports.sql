-- Exports: encrypted packages for the receivers of a share (CF-6.3).

CREATE TABLE export (
    id             uuid PRIMARY KEY,
    share_id       uuid NOT NULL REFERENCES share,
    receiver_id    uuid NOT NULL REFERENCES employee,
    carrier_id     uuid REFERENCES employee,
    state          text NOT NULL CHECK (state IN ('to_carry_out', 'packaging', 'ready', 'recalled', 'overdue', 'deleted',
                                                  'unused')),
    -- For filters by the contract's numbers.
    state_number   smallint NOT NULL,
    -- The receiver's public key; absent where a passphrase was given, which is kept nowhere.
    recipient      text,
    -- Key of the chunks, wrapped; destroyed with them.
    kek_id         text,
    wrapped        bytea,
    -- Which making of the package counts, and until when it is believed to go on.
    attempt        int NOT NULL,
    claimed_until  timestamptz,
    size_bytes     bigint NOT NULL,
    sha256         bytea,
    recalled_at    timestamptz,
    confirm_by     timestamptz,
    reminders      int NOT NULL,
    -- When time does the next thing to a recalled one.
    next_at        timestamptz,
    confirmed_at   timestamptz,
    statement      text NOT NULL,
    revision       bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    UNIQUE (share_id, receiver_id),
    CHECK ((kek_id IS NULL) = (wrapped IS NULL)),
    CHECK ((state IN ('packaging', 'ready')) = (wrapped IS NOT NULL)),
    CHECK ((state = 'ready') <= (sha256 IS NOT NULL))
);
CREATE INDEX export_list_order ON export (created_at, id);
CREATE INDEX export_by_receiver ON export (receiver_id);
CREATE INDEX export_due ON export (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX export_packaging ON export (claimed_until) WHERE state = 'packaging';

-- The package, sealed once more under its own key.
CREATE TABLE export_chunk (
    export_id    uuid NOT NULL REFERENCES export,
    attempt      int NOT NULL,
    seq          int NOT NULL,
    -- Place of its first byte, and how many there are.
    starts_at    bigint NOT NULL,
    length       int NOT NULL,
    sealed       bytea NOT NULL,
    PRIMARY KEY (export_id, attempt, seq)
);

-- How many records of which kind are in it.
CREATE TABLE export_content (
    export_id    uuid NOT NULL REFERENCES export,
    collection   text NOT NULL,
    record_count bigint NOT NULL,
    PRIMARY KEY (export_id, collection)
);

CREATE TABLE export_download (
    id          uuid PRIMARY KEY,
    export_id   uuid NOT NULL REFERENCES export,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    from_offset bigint NOT NULL,
    -- Reserved to the end of the package until it is known how far it came.
    to_offset   bigint NOT NULL CHECK (to_offset >= from_offset),
    completed   boolean NOT NULL
);
CREATE INDEX export_download_of ON export_download (export_id, started_at);
