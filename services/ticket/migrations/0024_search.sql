-- SG-5, CC-2.4: tickets are found by words of what was written of them, by their number and by other systems'.

-- By how they begin.
ALTER TABLE ticket
    ALTER COLUMN number       TYPE text COLLATE "C",
    ALTER COLUMN external_ref TYPE text COLLATE "C";

-- A row a text, all of class SERVICE: subject and description (1), resolution (2), each message (3). Those of messages
-- are added and never changed.
CREATE TABLE text_mark (
    ticket_id   uuid NOT NULL,
    customer_id uuid NOT NULL,
    part        smallint NOT NULL,
    -- Marks of its pairs of characters, by which it is found, and of its parts of three and four, by which that is
    -- checked (libs/vault, texts.rs).
    pairs       bigint[] NOT NULL,
    longer      integer[] NOT NULL
);
CREATE INDEX text_mark_by_ticket ON text_mark (ticket_id);
-- A search does not wait for what is still to be put into the index, nor does one writer for what others left.
CREATE INDEX text_mark_pairs ON text_mark USING gin (pairs) WITH (fastupdate = off);

-- Tickets whose texts are to be marked, all of them, by a job: those of before. To mark all anew, put all in.
CREATE TABLE text_to_mark (
    ticket_id   uuid PRIMARY KEY,
    customer_id uuid NOT NULL
);
INSERT INTO text_to_mark
SELECT t.id, t.customer_id FROM ticket t JOIN customer_key k ON k.customer_id = t.customer_id;
