-- The sample database: some 110 bytes a row, half of them in one table of ten.
\ir ../../tests/support/kitchai.sql
