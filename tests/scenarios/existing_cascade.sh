#!/usr/bin/env bash
# What --existing rows does to rows of other tables through their foreign keys: it is counted, allowed or forbidden, and can be taken back.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"
server_start one

it "rows of other tables that ON UPDATE would change are counted, it takes --allow-cascade, and the undo archive has them"
new_database mail
sql mail "CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, code text UNIQUE, name text, tag text GENERATED ALWAYS AS (upper(name)) STORED UNIQUE);
    CREATE TABLE nulled (n int PRIMARY KEY, email text REFERENCES users (email) ON UPDATE SET NULL);
    CREATE TABLE followed (n int PRIMARY KEY, email text REFERENCES users (email) ON UPDATE CASCADE);
    CREATE TABLE reset (n int PRIMARY KEY, email text DEFAULT 'none' REFERENCES users (email) ON UPDATE SET DEFAULT);
    CREATE TABLE tagged (n int PRIMARY KEY, tag text REFERENCES users (tag) ON UPDATE NO ACTION);
    CREATE TABLE by_code (n int PRIMARY KEY, code text REFERENCES users (code) ON UPDATE CASCADE);
    INSERT INTO users VALUES (0, 'none', 'n', 'none'), (1, 'old', 'c', 'a'); INSERT INTO by_code VALUES (1, 'c')"
expect_exit 0 larder export -t users -d mail -o users.tar --no-record -q
sql mail "UPDATE users SET email = 'new' WHERE id = 1; INSERT INTO nulled VALUES (1, 'new'), (2, 'new'); INSERT INTO followed VALUES (1, 'new'); INSERT INTO reset VALUES (1, 'new')"
found()
{
    sql mail "SELECT (SELECT string_agg(coalesce(email, 'null'), ' ' ORDER BY n) FROM nulled), (SELECT email FROM followed), (SELECT email FROM reset), (SELECT email FROM users WHERE id = 1)"
}
expect_exit 1 larder restore users.tar -d mail --existing rows --into-source mail
expect_stderr 'nulled (foreign key "nulled_email_fkey") would get null in 2 rows'
expect_stderr 'followed (foreign key "followed_email_fkey") would get other values in 1 row'
expect_stderr 'reset (foreign key "reset_email_fkey") would get the default in 1 row'
expect_unsaid "1 rows"
expect_unsaid by_code
expect_equal "what is there" "new new|new|new|new" "$(found)"
expect_exit 1 larder restore users.tar -d mail --existing rows --into-source mail --preview
expect_stdout 'would get null in 2 rows'
expect_exit 0 larder restore users.tar -d mail --existing rows --into-source mail --allow-cascade --undo mail.tar -q
expect_equal "what is there" "null null|old|none|old" "$(found)"
expect_exit 0 larder restore mail.tar -d mail --existing rows --into-source mail --no-undo -q
expect_equal "what is there" "new new|new|new|new" "$(found)"

it "a change that no foreign key passes on asks for nothing; of a generated column any change counts"
sql mail "UPDATE users SET email = 'old', name = 'b' WHERE id = 1"
expect_exit 0 larder restore users.tar -d mail --existing rows --into-source mail --no-undo -q
sql mail "CREATE TABLE shouted (n int PRIMARY KEY, tag text REFERENCES users (tag) ON UPDATE CASCADE); UPDATE users SET name = 'b' WHERE id = 1; INSERT INTO shouted VALUES (1, 'B')"
expect_exit 1 larder restore users.tar -d mail --existing rows --into-source mail --no-undo
expect_stderr 'shouted (foreign key "shouted_tag_fkey") would get other values in 1 row'

it "a preview lists what the restore would fail for, as an obstacle, with the changes"
new_database shop
sql shop "CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE lines (item text, \"order\" int REFERENCES orders ON DELETE CASCADE); INSERT INTO orders VALUES (1)"
expect_exit 0 larder export -t orders -d shop -o orders.tar --no-record -q
sql shop "INSERT INTO orders VALUES (2); INSERT INTO lines VALUES ('x', 2), ('y', 2)"
orders=(larder restore orders.tar -d shop --existing rows --into-source shop)
expect_exit 1 "${orders[@]}" --preview
expect_stdout "to remove"
expect_stderr "accept it with --allow-cascade"
expect_stderr "1 thing stands in the way of this restore; nothing was touched"
expect_unsaid "nothing stands in the way"
expect_exit 1 "${orders[@]}" --preview --json
expect_json '[.findings[] | .kind + " " + .object] | join(", ")' 'foreign key "public"."orders"'
expect_json '.changes[0].removed' 1
expect_exit 0 "${orders[@]}" --preview --allow-cascade --json
expect_json '.findings | length' 0
expect_exit 0 "${orders[@]}" --preview --allow-cascade
expect_stdout "nothing stands in the way; nothing was touched"
sql shop "CREATE TABLE kept (\"order\" int PRIMARY KEY REFERENCES orders); INSERT INTO kept VALUES (2)"
expect_exit 1 "${orders[@]}" --preview --allow-cascade
expect_stderr "remove the rows that forbid it"
sql shop "DROP TABLE kept"

it "tables without a primary key that it changes are named, since the undo archive's rows do not go back by themselves"
sql shop "CREATE TABLE details (id int PRIMARY KEY REFERENCES orders ON DELETE CASCADE); CREATE TABLE scribbles (detail int REFERENCES details ON DELETE CASCADE);
    INSERT INTO details VALUES (2); INSERT INTO scribbles VALUES (2)"
expect_exit 1 "${orders[@]}"
expect_stderr 'lines (foreign key "lines_order_fkey") would lose 2 rows, and has no primary key to put them back by'
expect_exit 0 "${orders[@]}" --allow-cascade --undo orders_undo.tar
expect_stderr 'public."lines" has no primary key'
expect_stderr 'public."scribbles" has no primary key'
expect_exit 1 larder restore orders_undo.tar -d shop --existing rows --into-source shop --no-undo
expect_stderr 'no primary key'
expect_exit 0 larder restore orders_undo.tar -d shop --existing rows --into-source shop --no-undo -t '*.*' -t '!public."lines"' -t '!public."scribbles"' -q
expect_exit 0 larder restore orders_undo.tar -d shop --into-schema beside --into-source shop -t lines -q
expect_query shop "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM details), (SELECT count(*) FROM beside.lines)" "2|1|2"

it "what keys pass on among tables that are restored together is made good, by the archive's rows and without their triggers"
new_database reborn
sql reborn "CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE, code text UNIQUE); CREATE TABLE owned (id int PRIMARY KEY, email text REFERENCES people (email) ON DELETE CASCADE, code text REFERENCES people (code) ON UPDATE CASCADE);
    CREATE TABLE parts (id int PRIMARY KEY, owned int REFERENCES owned ON DELETE CASCADE); CREATE TABLE loose (id int PRIMARY KEY, m int, email text REFERENCES people (email) ON DELETE SET NULL);
    CREATE TABLE monthly (id int, m int, email text REFERENCES people (email) ON DELETE SET NULL, PRIMARY KEY (id, m)) PARTITION BY LIST (m); CREATE TABLE monthly_1 PARTITION OF monthly FOR VALUES IN (1);
    INSERT INTO people VALUES (1, 'a', 'x'), (2, 'b', 'y'); INSERT INTO owned VALUES (1, 'a', 'x'), (2, 'b', 'y'); INSERT INTO parts VALUES (1, 1), (2, 2); INSERT INTO loose VALUES (1, 1, 'a'); INSERT INTO monthly VALUES (1, 1, 'a');
    CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN RAISE 'a trigger fires'; END\$\$"
expect_exit 0 larder export -t 'public.*' -d reborn -o reborn.tar --no-record -q
archived=$(digests_of reborn)
for options in --no-verify ""; do
    sql reborn "DELETE FROM people WHERE id = 1; INSERT INTO people VALUES (11, 'a', 'x'); INSERT INTO owned VALUES (1, 'a', 'x'); INSERT INTO parts VALUES (1, 1);
        UPDATE loose SET email = 'a'; UPDATE monthly SET email = 'a'; UPDATE people SET code = 'z' WHERE id = 2; UPDATE people SET code = 'y' WHERE id = 11"
    sql reborn "CREATE TRIGGER fires BEFORE INSERT OR UPDATE OR DELETE ON owned FOR EACH ROW EXECUTE FUNCTION fires(); CREATE TRIGGER fires BEFORE DELETE ON parts FOR EACH ROW EXECUTE FUNCTION fires()"
    before=$(digests_of reborn)
    expect_exit 0 larder restore reborn.tar -d reborn --existing rows --into-source reborn --undo "before$options.tar" -q ${options:+"$options"}
    expect_equal "what is there" "$archived" "$(digests_of reborn)"
    expect_exit 0 larder restore "before$options.tar" -d reborn --existing rows --into-source reborn --no-undo -q
    expect_equal "what was there" "$before" "$(digests_of reborn)"
    expect_exit 0 larder restore reborn.tar -d reborn --existing rows --into-source reborn --no-undo -q
    sql reborn "DROP TRIGGER fires ON owned; DROP TRIGGER fires ON parts"
done

it "keys whose columns sort by different rules are followed, too"
new_database rules
sql rules 'CREATE TABLE sorted (id text COLLATE "C" PRIMARY KEY); CREATE TABLE refers (id int PRIMARY KEY, word text COLLATE ucs_basic REFERENCES sorted)'
expect_exit 0 larder export -t sorted -d rules -o rules.tar --no-record -q
sql rules "INSERT INTO sorted VALUES ('a'); INSERT INTO refers VALUES (1, 'a')"
expect_exit 1 larder restore rules.tar -d rules --existing rows --into-source rules --no-undo
expect_stderr 'refers (foreign key "refers_word_fkey") forbids it with 1 row'
