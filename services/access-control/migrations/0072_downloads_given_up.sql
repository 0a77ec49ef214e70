-- How far a download was handed on, and until when it is believed to go on without a word: one whose
-- process died is ended by it, with what was handed on. Downloads that began before this was noted
-- have neither.
ALTER TABLE export_download
    ADD COLUMN handed_to  bigint CHECK (handed_to >= from_offset),
    ADD COLUMN held_until timestamptz;
CREATE INDEX export_download_open ON export_download (started_at) WHERE ended_at IS NULL;
