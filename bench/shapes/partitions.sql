-- One table in 36 partitions, a month each, with an index on all of them; the later ones are larger.
CREATE TABLE readings (id bigint NOT NULL, at timestamptz NOT NULL, sensor uuid NOT NULL, value double precision, note text) PARTITION BY RANGE (at);
SELECT format('CREATE TABLE readings_%s PARTITION OF readings FOR VALUES FROM (%L) TO (%L)', to_char(month, 'YYYY_MM'),
    month::date, (month + interval '1 month')::date)
FROM generate_series(timestamp '2022-01-01', timestamp '2024-12-01', interval '1 month') AS month \gexec
INSERT INTO readings
SELECT i, timestamptz '2022-01-02 00:00:00+00' + sqrt(i / :rows::float8) * interval '1090 days', md5('sensor ' || i % 500)::uuid,
    (hashint8extended(i, 1) & 1048575) / 1000.0::float8, CASE WHEN i % 20 = 0 THEN 'checked by ' || i % 31 END
FROM generate_series(1, :rows::bigint) AS i;
ALTER TABLE readings ADD PRIMARY KEY (id, at);
CREATE INDEX ON readings (sensor, at);
