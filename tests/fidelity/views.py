"""Views, materialised views and functions that look at the tables. A restore fills all materialised views, so none is left empty."""
from names import identifier, literal


class Views:
    def __init__(self, world, tables):
        self._world, self._dice = world, world.dice
        self._seen = [table for table in tables if table.columns]
        self._views = []

    def make_one(self):
        if self._seen:
            self._dice.pick([self._view, self._view, self._of_view, self._materialised, self._function, self._aggregate, self._operator])()

    def _columns(self, table):
        chosen = self._dice.some(table.columns, 3)
        return ', '.join('t.%s AS %s' % (column.name, identifier('v %d' % number)) for number, column in enumerate(chosen))

    def _select(self):
        dice, table = self._dice, self._dice.pick(self._seen)
        if table.primary and table.kind == 'plain' and dice.once_in(3):
            # It needs the primary key, so pg_dump makes it after that.
            return 'SELECT count(*) AS many, %s FROM %s AS t GROUP BY t.%s' % (self._columns(table), table.name, table.key.name)
        ending = dice.pick(['', ' WHERE t.%s > 1' % table.key.name, ' LIMIT 3'])
        return 'SELECT %s FROM %s%s AS t%s' % (self._columns(table), dice.pick(['', 'ONLY ']), table.name, ending)

    def _named(self, kind, name):
        self._world.comment(kind, name)
        self._world.granted('TABLE', name, ['SELECT'])

    def _view(self):
        name = self._world.name('v')
        self._world.say('CREATE VIEW %s%s AS %s' % (name, self._dice.pick(['', '', ' WITH (security_barrier = true)']), self._select()))
        self._named('VIEW', name)
        if self._dice.once_in(3):
            self._world.owned('VIEW', name)
        else:
            self._views.append(name)

    def _of_view(self):
        if self._views:
            name = self._world.name('v')
            self._world.say('CREATE VIEW %s AS SELECT count(*) AS many FROM %s' % (name, self._dice.pick(self._views)))
            self._named('VIEW', name)

    def _materialised(self):
        dice, name = self._dice, self._world.name('mv')
        select = 'SELECT * FROM %s' % dice.pick(self._views) if self._views and dice.once_in(2) else self._select()
        # Which rows a LIMIT takes is not said. What others own it may not see, and then cannot be refreshed anywhere.
        self._world.say('CREATE MATERIALIZED VIEW %s AS SELECT count(*) AS many FROM (%s) AS s' % (name, select))
        if dice.once_in(2):
            self._world.say('CREATE UNIQUE INDEX ON %s (many)' % name)
        self._named('MATERIALIZED VIEW', name)

    def _function(self):
        dice, table = self._dice, self._dice.pick(self._seen)
        name = self._world.name('fn')
        body = 'SELECT count(*) FROM %s' % table.name
        arguments, how = dice.pick([
            ('()', 'RETURNS bigint LANGUAGE sql STABLE AS %s' % literal(body)),
            ('()', 'RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS %s' % literal('BEGIN RETURN (%s); END' % body)),
            ('(a %s)' % table.name, 'RETURNS int LANGUAGE sql AS %s' % literal('SELECT 1')),
            ('()', 'RETURNS SETOF %s LANGUAGE sql ROWS 7 AS %s' % (table.name, literal('SELECT * FROM %s' % table.name)))] + (
            [('()', 'RETURNS bigint LANGUAGE sql BEGIN ATOMIC %s; END' % body)] if self._world.server >= 14 else []))
        self._world.say('CREATE FUNCTION %s%s %s' % (name, arguments, how))
        kind = name + (arguments if arguments == '()' else '(%s)' % table.name)
        self._world.comment('FUNCTION', kind)
        self._world.granted('FUNCTION', kind, ['EXECUTE'])
        self._world.owned('FUNCTION', kind)

    def _aggregate(self):
        name = self._world.name('agg')
        self._world.say("CREATE AGGREGATE %s(int) (SFUNC = int4pl, STYPE = int, INITCOND = '7')" % name)
        self._world.comment('AGGREGATE', name + '(int)')

    def _operator(self):
        symbol = '@#' + '~' * (len(self._world.statements) % 40)
        self._world.say('CREATE OPERATOR %s.%s (RIGHTARG = int, FUNCTION = %s)' % (identifier(self._dice.pick(self._world.schemas)), symbol, self._world.positive))
