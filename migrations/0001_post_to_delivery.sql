-- Why: the whole road from a post to its delivery in one schema, so that every
-- question an operator asks is a query. Portable SQL: instants are unix
-- milliseconds, truth is 0 or 1, lists are rows, words are the domain's own.
-- INTEGER PRIMARY KEY is SQLite's name for a 64-bit id it hands out itself; with
-- AUTOINCREMENT never the same twice: links in mails name rows, and must not
-- open another's once theirs is gone.

CREATE TABLE posts (
    id             INTEGER PRIMARY KEY,
    identity       TEXT   NOT NULL UNIQUE,
    feed_id        TEXT   NOT NULL UNIQUE,
    path           TEXT   NOT NULL,
    content_hash   TEXT   NOT NULL,
    title          TEXT   NOT NULL,
    slug           TEXT   NOT NULL,
    url            TEXT   NOT NULL,
    dated          BIGINT NOT NULL,
    author_updated BIGINT,
    edited         BIGINT,
    expires        BIGINT,
    draft          BIGINT NOT NULL,
    language       TEXT,
    words          BIGINT NOT NULL,
    -- Who may read it in full, and where it appears at all.
    access         TEXT   NOT NULL,
    reach          TEXT   NOT NULL,
    -- In the place of its title, in the subject of a mail that it leads.
    mail_subject   TEXT,
    file_size      BIGINT NOT NULL,
    file_modified  BIGINT NOT NULL,
    -- By which rules and version of ours: when these change, its file is read again.
    rendered_by    TEXT   NOT NULL,
    -- Given once when the post became public, for ever: editions are reckoned in it.
    seq            BIGINT UNIQUE,
    public_since   BIGINT,
    -- 0: in the archive before Postroom, or too old when it came: feeds only.
    mailable       BIGINT NOT NULL,
    -- 1: came in a scan so large that an edition with it waits for the operator.
    guarded        BIGINT NOT NULL,
    removed        BIGINT,
    -- Which of the looks that changed anything wrote it last: two with one number are the same post, body and all.
    revision       BIGINT NOT NULL DEFAULT 0,
    -- Last, because it is long: what is asked of all posts stands before it.
    summary        TEXT   NOT NULL
);
CREATE INDEX posts_by_slug ON posts (slug);
CREATE INDEX posts_by_hash ON posts (content_hash);
-- With all that a look at the archive asks of every file, so that it reads no post.
CREATE INDEX posts_by_path ON posts (path, removed, identity, url, file_size, file_modified, rendered_by);
CREATE INDEX posts_by_url ON posts (url);
CREATE INDEX posts_by_date ON posts (dated);
-- With what is asked every second of the newest that has settled.
CREATE INDEX posts_by_seq ON posts (seq, public_since);
-- What time alone makes public or ends: asked every second, answered without a look at any other post.
CREATE INDEX posts_to_come ON posts (dated) WHERE public_since IS NULL AND removed IS NULL AND draft = 0;
CREATE INDEX posts_to_end ON posts (expires, public_since) WHERE expires IS NOT NULL;

-- Apart from the rest, which is read for every change of any post.
CREATE TABLE post_bodies (
    post_id INTEGER PRIMARY KEY REFERENCES posts (id),
    html    TEXT NOT NULL
);

CREATE TABLE post_topics (
    post_id  BIGINT NOT NULL REFERENCES posts (id),
    position BIGINT NOT NULL,
    slug     TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    PRIMARY KEY (post_id, position)
);

CREATE TABLE post_authors (
    post_id  BIGINT NOT NULL REFERENCES posts (id),
    position BIGINT NOT NULL,
    name     TEXT   NOT NULL,
    PRIMARY KEY (post_id, position)
);

-- The newsletters its author named, where some were: ids, known to the settings or not.
CREATE TABLE post_newsletters (
    post_id    BIGINT NOT NULL REFERENCES posts (id),
    position   BIGINT NOT NULL,
    newsletter TEXT   NOT NULL,
    PRIMARY KEY (post_id, position)
);

-- Episodes, films, pictures: what belongs to a post beside its text.
CREATE TABLE post_media (
    post_id  BIGINT NOT NULL REFERENCES posts (id),
    position BIGINT NOT NULL,
    url      TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    bytes    BIGINT,
    seconds  BIGINT,
    PRIMARY KEY (post_id, position)
);

-- One row once the first scan is done: what was there then is the baseline.
CREATE TABLE baselines (
    id      BIGINT PRIMARY KEY,
    set_at  BIGINT NOT NULL,
    -- Looks taken in since: one that began before the last of them saw an older archive.
    looks   BIGINT NOT NULL,
    -- Those of them that changed a post or what is public: when it grows, feeds and pages follow.
    changes BIGINT NOT NULL,
    -- When a large part of the archive changed or vanished in one look: editions
    -- sealed since wait for the operator. NULL once one of them was let go.
    guarded BIGINT
);

-- Files the first scan found and could not read yet, being written or faulty:
-- what they hold was in the archive before Postroom too.
CREATE TABLE baseline_files (path TEXT PRIMARY KEY);

-- What each published file was when it last changed: readers that ask by date
-- alone must not be told "unchanged" after a restart. The id is that of a feed,
-- its first address, kept when it moves.
CREATE TABLE published (
    path     TEXT PRIMARY KEY,
    etag     TEXT   NOT NULL,
    modified BIGINT NOT NULL,
    feed_id  TEXT   NOT NULL
);

-- Feeds of others that posts come from: how far each was read, when it is due.
CREATE TABLE sources (
    url           TEXT PRIMARY KEY,
    -- Where it is asked for: it may have moved for good.
    location      TEXT   NOT NULL,
    etag          TEXT,
    last_modified TEXT,
    rendered_by   TEXT   NOT NULL,
    read_at       BIGINT,
    due           BIGINT NOT NULL,
    failures      BIGINT NOT NULL,
    gone          BIGINT NOT NULL,
    fault         TEXT
);

-- Hubs (WebSub) that have yet to be told of a feed that changed: one row each,
-- until the hub has heard or it is too late to matter.
CREATE TABLE pings (
    hub      TEXT   NOT NULL,
    topic    TEXT   NOT NULL,
    changed  BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    due      BIGINT NOT NULL,
    PRIMARY KEY (hub, topic)
);

-- Mirrored from the settings, so that the ledger can be read without them.
CREATE TABLE newsletters (
    id    TEXT PRIMARY KEY,
    title TEXT NOT NULL
);

-- What is due is a stored row: a restart neither skips nor doubles a slot.
-- next_slot is NULL for the cadence `each`, which follows the posts.
CREATE TABLE schedules (
    newsletter_id TEXT   NOT NULL REFERENCES newsletters (id),
    cadence       TEXT   NOT NULL,
    clock         TEXT   NOT NULL,
    next_slot     BIGINT,
    covered_seq   BIGINT NOT NULL,
    PRIMARY KEY (newsletter_id, cadence)
);

CREATE TABLE subscribers (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    address     TEXT   NOT NULL,
    address_key TEXT   NOT NULL UNIQUE,
    created     BIGINT NOT NULL,
    -- Who has what was theirs, since they moved to an address that was known: both are one person.
    joined      BIGINT REFERENCES subscribers (id)
);
CREATE INDEX subscribers_joined ON subscribers (joined) WHERE joined IS NOT NULL;

CREATE TABLE subscriptions (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    subscriber_id BIGINT NOT NULL REFERENCES subscribers (id),
    newsletter_id TEXT   NOT NULL REFERENCES newsletters (id),
    status        TEXT   NOT NULL,
    cadence       TEXT   NOT NULL,
    -- How often whoever typed a former reader's address asks for: nothing until the reader confirms.
    wish          TEXT,
    -- Of its mails and pages, where its reader chose another than the site's.
    language      TEXT,
    -- The last post sequence number it has been given or was told to skip.
    covered_until BIGINT NOT NULL,
    paused_until  BIGINT,
    created       BIGINT NOT NULL,
    confirmed     BIGINT,
    unsubscribed  BIGINT,
    -- When it last went to another address, in whole seconds: links in older mail manage it no more.
    moved         BIGINT,
    UNIQUE (subscriber_id, newsletter_id)
);
-- Those never confirmed are forgotten after a time.
CREATE INDEX subscriptions_pending ON subscriptions (created) WHERE status = 'pending';
CREATE INDEX subscriptions_due ON subscriptions (newsletter_id, cadence, status, covered_until);

CREATE TABLE subscription_topics (
    subscription_id BIGINT NOT NULL REFERENCES subscriptions (id),
    topic           TEXT   NOT NULL,
    PRIMARY KEY (subscription_id, topic)
);

-- Feeds of single subscribers, with the posts for subscribers in full. The address
-- that is good is the one made then; a row that goes ends it.
CREATE TABLE private_feeds (
    subscription_id BIGINT PRIMARY KEY REFERENCES subscriptions (id),
    issued          BIGINT NOT NULL
);

-- New addresses that were asked for: the old one keeps until the new one says yes.
-- The link that is good is the one made then.
CREATE TABLE address_changes (
    subscriber_id BIGINT PRIMARY KEY REFERENCES subscribers (id),
    address       TEXT   NOT NULL,
    asked         BIGINT NOT NULL
);

-- Addresses readers had before: whoever reads there may take a move back for a
-- time, and whoever is forgotten is forgotten with all of them.
CREATE TABLE moves (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    subscriber_id BIGINT NOT NULL REFERENCES subscribers (id),
    address       TEXT   NOT NULL,
    at            BIGINT NOT NULL,
    -- Whose all of it became, where the new address had a subscriber of its own.
    joined        BIGINT REFERENCES subscribers (id)
);
CREATE INDEX moves_by_subscriber ON moves (subscriber_id);
CREATE INDEX moves_by_joined ON moves (joined) WHERE joined IS NOT NULL;

-- Whom we forgot because they asked: a trace that shows no address, so that no
-- import of an older list brings them back. All are salted with the first salt.
CREATE TABLE erasures (
    trace  TEXT   PRIMARY KEY,
    salt   TEXT   NOT NULL,
    erased BIGINT NOT NULL
);

-- Lists the operator brought, so that the last one can be taken back.
CREATE TABLE imports (
    id            INTEGER PRIMARY KEY,
    newsletter_id TEXT   NOT NULL REFERENCES newsletters (id),
    file          TEXT   NOT NULL,
    at            BIGINT NOT NULL
);

-- Proof of consent: when, from where, which words.
CREATE TABLE consents (
    id              INTEGER PRIMARY KEY,
    subscription_id BIGINT NOT NULL REFERENCES subscriptions (id),
    act             TEXT   NOT NULL,
    at              BIGINT NOT NULL,
    source          TEXT   NOT NULL,
    words           TEXT   NOT NULL,
    network         TEXT,
    -- The list it came with, if it did.
    import_id       BIGINT REFERENCES imports (id)
);
CREATE INDEX consents_by_import ON consents (import_id) WHERE import_id IS NOT NULL;
CREATE INDEX consents_by_subscription ON consents (subscription_id);

-- What a list brought of addresses that must not be mailed, to be taken back with it.
CREATE TABLE import_suppressions (
    import_id   BIGINT NOT NULL REFERENCES imports (id),
    address_key TEXT   NOT NULL,
    PRIMARY KEY (import_id, address_key)
);

-- Addresses that must not be mailed, whatever their subscriptions say.
CREATE TABLE suppressions (
    address_key TEXT   PRIMARY KEY,
    reason      TEXT   NOT NULL,
    detail      TEXT   NOT NULL,
    created     BIGINT NOT NULL
);

CREATE TABLE editions (
    number        INTEGER PRIMARY KEY,
    newsletter_id TEXT   NOT NULL REFERENCES newsletters (id),
    cadence       TEXT   NOT NULL,
    slot          BIGINT NOT NULL,
    newest_seq    BIGINT NOT NULL,
    state         TEXT   NOT NULL,
    reason        TEXT,
    subject       TEXT   NOT NULL,
    -- What its page for everybody is called; NULL where it has none: all it holds goes by mail alone.
    public_subject TEXT,
    -- That page, where it is not the largest variant as it is.
    public_html   TEXT,
    audience      BIGINT NOT NULL,
    sealed        BIGINT NOT NULL,
    -- When the operator last let it go: doubts from before do not stop it again.
    released      BIGINT,
    finished      BIGINT,
    UNIQUE (newsletter_id, cadence, slot)
);

CREATE INDEX editions_sending ON editions (number) WHERE state = 'sending';

-- One rendering inside an edition, frozen: the same posts, in one language, for everyone owed exactly these.
CREATE TABLE variants (
    id      INTEGER PRIMARY KEY,
    edition BIGINT NOT NULL REFERENCES editions (number),
    -- Where it is not the site's: what is filled in for each reader is in it too.
    language TEXT,
    subject TEXT   NOT NULL,
    html    TEXT   NOT NULL,
    text    TEXT   NOT NULL
);
CREATE INDEX variants_by_edition ON variants (edition);

CREATE TABLE variant_posts (
    variant_id BIGINT NOT NULL REFERENCES variants (id),
    position   BIGINT NOT NULL,
    post_id    BIGINT NOT NULL REFERENCES posts (id),
    PRIMARY KEY (variant_id, position)
);
CREATE INDEX variant_posts_by_post ON variant_posts (post_id);

-- One start of the service; a lease belongs to one.
CREATE TABLE runs (
    id      INTEGER PRIMARY KEY,
    version TEXT   NOT NULL,
    started BIGINT NOT NULL,
    -- When it last proved, about once a minute, that the database takes writes.
    seen    BIGINT,
    stopped BIGINT
);

-- What mail waits for while a run goes on, in its own order: told by it, so that
-- every other process can tell the operator.
CREATE TABLE waits (
    run_id   BIGINT NOT NULL REFERENCES runs (id),
    position BIGINT NOT NULL,
    relay    TEXT   NOT NULL,
    domain   TEXT,
    reason   TEXT   NOT NULL,
    until    BIGINT NOT NULL,
    PRIMARY KEY (run_id, position)
);

-- One row while the operator has stopped all sending: no mark is granted then,
-- but for the operator's own test mail.
CREATE TABLE pauses (
    id     BIGINT PRIMARY KEY,
    since  BIGINT NOT NULL,
    -- When it was not the operator.
    reason TEXT
);

-- One row: how far the ledger has come. A file beside the database says the same;
-- a database that is behind it is an older copy that was put back.
CREATE TABLE generations (
    id     BIGINT PRIMARY KEY,
    number BIGINT NOT NULL
);

-- The ledger: a row for every recipient. src/domain/delivery/mod.rs says what each
-- state means. `address` is set only where mail does not go to the subscriber's own, or went to one they had,
-- and `erased` where it did and they are forgotten.
CREATE TABLE deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT   NOT NULL,
    edition         BIGINT REFERENCES editions (number),
    variant_id      BIGINT REFERENCES variants (id),
    subscription_id BIGINT REFERENCES subscriptions (id),
    address         TEXT,
    state           TEXT   NOT NULL,
    attempts        BIGINT NOT NULL,
    uncertain       BIGINT NOT NULL,
    not_before      BIGINT NOT NULL,
    expires         BIGINT NOT NULL,
    run_id          BIGINT,
    reason          TEXT,
    created         BIGINT NOT NULL,
    settled         BIGINT,
    UNIQUE (edition, subscription_id)
);
CREATE INDEX deliveries_to_claim ON deliveries (edition, not_before, id) WHERE state = 'queued';
-- Named by columns a mark does not touch: it costs no index then.
CREATE INDEX deliveries_in_hand ON deliveries (run_id) WHERE run_id IS NOT NULL;
-- By expiry, because every second it is asked whether there is any.
CREATE INDEX deliveries_open ON deliveries (edition, expires) WHERE settled IS NULL;
CREATE INDEX deliveries_doubtful ON deliveries (edition) WHERE uncertain > 0;
CREATE INDEX deliveries_by_subscription ON deliveries (subscription_id);
CREATE INDEX deliveries_by_address ON deliveries (LOWER(address)) WHERE address IS NOT NULL;
-- Every second it is asked which of these few to forget.
CREATE INDEX deliveries_moving ON deliveries (settled) WHERE kind = 'moving';

-- One try to hand a delivery to the relay, kept for ever.
CREATE TABLE attempts (
    id          INTEGER PRIMARY KEY,
    delivery_id BIGINT NOT NULL REFERENCES deliveries (id),
    number      BIGINT NOT NULL,
    run_id      BIGINT NOT NULL,
    relay       TEXT   NOT NULL,
    started     BIGINT NOT NULL,
    ended       BIGINT NOT NULL,
    phase       TEXT   NOT NULL,
    outcome     TEXT   NOT NULL,
    class       TEXT,
    code        BIGINT,
    enhanced    TEXT,
    text        TEXT   NOT NULL
);
CREATE UNIQUE INDEX attempts_by_delivery ON attempts (delivery_id, number);
