-- One table only, of the kind that grows fastest: keys, a word, and a moment.
CREATE TABLE events (id uuid, user_id uuid NOT NULL, item_id bigint NOT NULL, kind text NOT NULL, at timestamptz NOT NULL);
INSERT INTO events
SELECT md5('event ' || i)::uuid, md5('user ' || i % 20000)::uuid, i * 7919 % 50000, (ARRAY['view', 'like', 'save', 'share'])[1 + i % 4],
    timestamptz '2024-01-01 00:00:00+00' + i * interval '7.3 seconds'
FROM generate_series(1, :rows::bigint) AS i;
ALTER TABLE events ADD PRIMARY KEY (id);
CREATE INDEX ON events (item_id);
