-- Hardly anything: KitchAI's tables with the fewest rows that they take: 65 in ten, 59 of them in the eight of "public".
\set rows 60
\ir ../../tests/support/kitchai.sql
