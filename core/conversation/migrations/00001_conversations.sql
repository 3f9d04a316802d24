-- +goose Up
-- For SQLite and PostgreSQL alike. body is an object's JSON; what else it is found by
-- stands in columns. made orders lists: microseconds since 1970, rising.

CREATE TABLE assistants (
    id    TEXT   NOT NULL PRIMARY KEY,
    owner TEXT   NOT NULL,
    made  BIGINT NOT NULL,
    body  TEXT   NOT NULL
);
CREATE INDEX assistants_owned ON assistants (owner, made, id);
CREATE INDEX assistants_made ON assistants (made, id);

CREATE TABLE threads (
    id      TEXT   NOT NULL PRIMARY KEY,
    owner   TEXT   NOT NULL,
    made    BIGINT NOT NULL,
    changed BIGINT NOT NULL, -- Unix seconds
    body    TEXT   NOT NULL
);
CREATE INDEX threads_owned ON threads (owner, made, id);
CREATE INDEX threads_made ON threads (made, id);

CREATE TABLE messages (
    thread TEXT   NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    id     TEXT   NOT NULL,
    made   BIGINT NOT NULL, -- rising in a thread
    run    TEXT   NOT NULL, -- that wrote it; empty: none
    body   TEXT   NOT NULL,
    PRIMARY KEY (thread, id)
);
CREATE INDEX messages_made ON messages (thread, made, id);
CREATE INDEX messages_run ON messages (thread, run, made, id) WHERE run <> '';

CREATE TABLE runs (
    id         TEXT   NOT NULL PRIMARY KEY,
    thread     TEXT   NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    made       BIGINT NOT NULL,
    unfinished BIGINT NOT NULL, -- 1 or 0
    beat       BIGINT NOT NULL, -- rises whenever the server that works on it says that it lives
    body       TEXT   NOT NULL
);
CREATE INDEX runs_made ON runs (thread, made, id);
CREATE UNIQUE INDEX runs_unfinished ON runs (thread) WHERE unfinished = 1;

CREATE TABLE steps (
    run  TEXT   NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    id   TEXT   NOT NULL,
    made BIGINT NOT NULL,
    body TEXT   NOT NULL,
    PRIMARY KEY (run, id)
);
CREATE INDEX steps_made ON steps (run, made, id);

CREATE TABLE files (
    id      TEXT   NOT NULL PRIMARY KEY,
    owner   TEXT   NOT NULL,
    made    BIGINT NOT NULL,
    purpose TEXT   NOT NULL,
    ready   BIGINT NOT NULL, -- 1; 0: it is being uploaded, or deleted
    kept    BIGINT NOT NULL, -- until when, in Unix seconds; then it is swept
    body    TEXT   NOT NULL
);
CREATE INDEX files_owned ON files (owner, made, id) WHERE ready = 1;
CREATE INDEX files_made ON files (made, id) WHERE ready = 1;
CREATE INDEX files_owned_purpose ON files (owner, purpose, made, id) WHERE ready = 1;
CREATE INDEX files_purpose ON files (purpose, made, id) WHERE ready = 1;
CREATE INDEX files_kept ON files (kept);

CREATE TABLE chunks (
    file TEXT   NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    seq  BIGINT NOT NULL, -- from 0
    data BYTEA  NOT NULL, -- 512 KiB; the last one may be shorter
    PRIMARY KEY (file, seq)
);

CREATE TABLE conversations (
    id    TEXT   NOT NULL PRIMARY KEY,
    owner TEXT   NOT NULL,
    made  BIGINT NOT NULL,
    body  TEXT   NOT NULL
);

CREATE TABLE conversation_items (
    conversation TEXT   NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    id           TEXT   NOT NULL,
    made         BIGINT NOT NULL, -- rising in a conversation
    body         TEXT   NOT NULL,
    PRIMARY KEY (conversation, id)
);
CREATE INDEX conversation_items_made ON conversation_items (conversation, made, id);
CREATE INDEX conversation_items_id ON conversation_items (id); -- that a request refers to

-- A tree is a response that goes on from none, with all those that go on from it.
CREATE TABLE trees (
    id   TEXT   NOT NULL PRIMARY KEY, -- of that first response
    used BIGINT NOT NULL              -- when the last one came, in Unix seconds
);
CREATE INDEX trees_used ON trees (used, id);

CREATE TABLE responses (
    id           TEXT   NOT NULL PRIMARY KEY,
    owner        TEXT   NOT NULL,
    made         BIGINT NOT NULL,
    tree         TEXT   NOT NULL REFERENCES trees (id) ON DELETE CASCADE,
    previous     TEXT   NOT NULL, -- the response that it goes on from; empty: none
    conversation TEXT   NOT NULL, -- that it is in; empty: none
    place        BIGINT NOT NULL, -- made of its first item in the conversation
    body         TEXT   NOT NULL
);
CREATE INDEX responses_tree ON responses (tree);
CREATE INDEX responses_previous ON responses (previous) WHERE previous <> '';
CREATE INDEX responses_conversation ON responses (conversation) WHERE conversation <> '';

CREATE TABLE response_items (
    response TEXT   NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
    seq      BIGINT NOT NULL, -- input from 0, then output
    output   BIGINT NOT NULL, -- 1 or 0
    id       TEXT   NOT NULL,
    body     TEXT   NOT NULL,
    PRIMARY KEY (response, seq)
);
CREATE INDEX response_items_id ON response_items (id); -- that a request refers to
