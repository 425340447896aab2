-- Numbers: eight columns of numeric, short and long, beside a key; half of the rows.
CREATE TABLE ledger (id bigint, amount numeric(12, 2), rate numeric(9, 6), balance numeric(18, 4), tax numeric(5, 3), total numeric, share numeric,
    large numeric(38, 10), exact numeric);
INSERT INTO ledger
SELECT i, (hashint8extended(i, 1) & 1073741823) / 100.0, (hashint8extended(i, 2) & 1048575) / 1000000.0, (hashint8extended(i, 3) & 1099511627775) / 10000.0,
    (i % 25) / 100.0, (hashint8extended(i, 4) & 16777215)::numeric, CASE WHEN i % 10 > 0 THEN (i % 9973)::numeric / 9973 END,
    hashint8extended(i, 5)::numeric * 1000000007 / 1000, hashint8extended(i, 6)::numeric * hashint8extended(i, 7)
FROM generate_series(1, greatest(:rows::bigint / 2, 1)) AS i;
ALTER TABLE ledger ADD PRIMARY KEY (id);
CREATE INDEX ON ledger (balance);
