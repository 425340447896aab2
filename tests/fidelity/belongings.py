"""What hangs on a table: indexes, constraints, triggers, policies, rules, statistics, settings, comments and grants."""
from names import identifier, literal


class Belongings:
    """One call of hang_on() adds one of them; refer() adds foreign keys once all tables have their rows."""

    def __init__(self, world, tables):
        self._world, self._dice, self._tables = world, world.dice, tables
        self._on_any = [self._comments, self._grants, self._policy, self._trigger, self._rule, self._setting, self._owner]
        self._on_columns = [self._index, self._index, self._check, self._check, self._statistics, self._column_setting, self._identity]

    def hang_on(self, table):
        choices = self._on_any + (self._on_columns * 2 if table.columns else [])
        self._dice.pick(choices)(table)

    def _say(self, text, *values):
        self._world.say(text % values)

    def _constraint(self):
        """Partitions and children inherit them, so no two have one name."""
        return identifier(self._world.names.fresh('constraints', 'k'))

    def _fresh(self, table, plain):
        return identifier(self._world.names.fresh(table.name + plain, plain))

    # ---- Indexes ----

    def _index(self, table):
        dice, key = self._dice, table.key.name
        texts, spans = table.of_family('text'), table.of_family('span')
        whats = ['(%s DESC NULLS LAST)' % key, '((%s %% 3), %s)' % (key, key), 'USING hash (%s)' % key, 'USING brin (%s) WITH (pages_per_range = 16)' % key,
                 '(%s(%s::int)) WHERE %s > 2' % (self._world.positive, key, key), '(%s) INCLUDE (%s)' % (key, (table.reference or table.key).name)]
        for column in texts:
            whats += ['(md5(%s) text_pattern_ops)' % column.name, '(lower(left(%s, 9)) COLLATE "C" NULLS FIRST) WHERE %s IS NOT NULL' % (column.name, column.name)]
        for column in table.columns:
            if column.of.name in ('jsonb', 'tsvector'):
                whats.append('USING gin (%s)' % column.name)
        whats += ['USING gist (%s)' % column.name for column in spans]
        # As a relation its name is one of the schema's.
        name = identifier(self._world.names.fresh(table.schema, 'i'))
        self._say('CREATE INDEX %s ON %s %s', name, table.name, dice.pick(whats))
        self._world.comment('INDEX', '%s.%s' % (identifier(table.schema), name))

    # ---- Constraints ----

    def _check(self, table):
        dice, key = self._dice, table.key.name
        column = dice.pick(table.columns)
        what = dice.pick(['(%s > 0)' % key, '(%s(%s::int) > 0)' % (self._world.positive, key), '(%s IS NULL OR %s IS NOT NULL OR true)' % (column.name, column.name), '(%s < 0) NOT VALID' % key,
                          "(%s <> %s)" % (literal("it's \\ "), literal('%')), '(%s > 0) NO INHERIT' % key])
        if table.kind in ('partitioned', 'branch') and ('NO INHERIT' in what or 'NOT VALID' in what):
            return
        name = self._constraint()
        self._say('ALTER TABLE %s ADD CONSTRAINT %s CHECK %s', table.name, name, what)
        self._world.comment('CONSTRAINT', '%s ON %s' % (name, table.name))

    def _foreign(self, table, target, deferred):
        dice = self._dice
        action = dice.pick(['', ' ON DELETE CASCADE', ' ON DELETE SET NULL ON UPDATE CASCADE', ' ON DELETE RESTRICT', ' ON DELETE SET DEFAULT', ' MATCH FULL'])
        late = ' DEFERRABLE INITIALLY DEFERRED' if deferred else ''
        if table.kind != 'partitioned' and dice.once_in(6):
            late += ' NOT VALID'
        name = self._constraint()
        self._say('ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)%s%s', table.name, name, table.reference.name, target.name, target.key.name, action, late)
        self._world.comment('CONSTRAINT', '%s ON %s' % (name, table.name))

    def refer(self):
        """To any table at all, so that cycles and references to itself come about."""
        targets = [table for table in self._tables if table.target]
        for table in self._tables:
            if table.reference and table.kind in ('plain', 'child', 'partitioned') and targets:
                for target in self._dice.some(targets, self._dice.pick([0, 1, 1, 2])):
                    self._foreign(table, target, self._dice.once_in(3))

    # ---- Triggers, policies, rules ----

    def _trigger(self, table):
        dice, name = self._dice, self._fresh(table, 'tg')
        event = dice.pick(['INSERT', 'UPDATE', 'DELETE', 'INSERT OR DELETE OR UPDATE', 'TRUNCATE'])
        when = ' WHEN (%s)' % dice.pick(['true', "current_user <> 'x'"]) if dice.once_in(3) else ''
        each = 'STATEMENT' if event == 'TRUNCATE' else dice.pick(['ROW', 'STATEMENT'])
        moment = dice.pick(['BEFORE', 'AFTER'])
        transition = ' REFERENCING NEW TABLE AS fresh' if event in ('INSERT', 'UPDATE') and each == 'STATEMENT' and moment == 'AFTER' else ''
        constraint = 'CONSTRAINT ' if moment == 'AFTER' and each == 'ROW' and table.kind == 'plain' and dice.once_in(3) else ''
        deferrable = ' DEFERRABLE INITIALLY DEFERRED' if constraint else ''
        arguments = dice.pick(['', "'a'", literal("it's \\ %") + ', 7'])
        self._say('CREATE %sTRIGGER %s %s %s ON %s%s%s FOR EACH %s%s EXECUTE FUNCTION %s(%s)', constraint, name, moment, event, table.name, deferrable, transition, each, when, self._world.refuse, arguments)
        if dice.once_in(2):
            self._say('ALTER TABLE %s %s TRIGGER %s', table.name, dice.pick(['DISABLE', 'ENABLE ALWAYS', 'ENABLE REPLICA']), name)
        self._world.comment('TRIGGER', '%s ON %s' % (name, table.name))

    def _policy(self, table):
        dice, name = self._dice, self._fresh(table, 'po')
        self._say('CREATE POLICY %s ON %s AS %s FOR %s TO %s USING (%s)', name, table.name, dice.pick(['PERMISSIVE', 'RESTRICTIVE']), dice.pick(['ALL', 'SELECT', 'UPDATE', 'DELETE']),
                  dice.pick(['PUBLIC', 'CURRENT_USER', self._world.role()]), dice.pick(['false', "current_user = 'fid_owner'", 'EXISTS (SELECT FROM %s)' % dice.pick(self._tables).name]))
        self._world.comment('POLICY', '%s ON %s' % (name, table.name))
        self._say('ALTER TABLE %s %s', table.name, dice.pick(['ENABLE ROW LEVEL SECURITY', 'FORCE ROW LEVEL SECURITY', 'ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY']))

    def _rule(self, table):
        dice, name = self._dice, self._fresh(table, 'ru')
        self._say('CREATE RULE %s AS ON %s TO %s DO %s NOTHING', name, dice.pick(['INSERT', 'UPDATE', 'DELETE']), table.name, dice.pick(['ALSO', 'INSTEAD']))
        if dice.once_in(3):
            self._say('ALTER TABLE %s %s RULE %s', table.name, dice.pick(['DISABLE', 'ENABLE ALWAYS', 'ENABLE REPLICA']), name)
        self._world.comment('RULE', '%s ON %s' % (name, table.name))

    # ---- Statistics, settings, owners, grants ----

    def _statistics(self, table):
        columns = [column for column in table.columns if column.of.family in ('text', 'number', 'date') and 'VIRTUAL' not in column.options]
        if len(columns) < 2:
            return
        name = self._world.name('st')
        names = ', '.join(column.name for column in self._dice.some(columns, 2))
        if self._world.server >= 14 and self._dice.once_in(3):
            self._say('CREATE STATISTICS %s ON (%s %% 3) FROM %s', name, table.key.name, table.name)
        else:
            self._say('CREATE STATISTICS %s%s ON %s FROM %s', name, self._dice.pick(['', ' (dependencies)', ' (ndistinct, mcv)']), names, table.name)
        self._world.comment('STATISTICS', name)

    def _setting(self, table):
        dice = self._dice
        if table.kind in ('partitioned', 'branch'):
            return
        what = dice.pick(['SET (fillfactor = 55)', 'SET (autovacuum_vacuum_scale_factor = 0.5)', 'REPLICA IDENTITY FULL', 'REPLICA IDENTITY NOTHING'])
        self._say('ALTER TABLE %s %s', table.name, what)

    def _column_setting(self, table):
        dice = self._dice
        column = dice.pick([column for column in table.columns if 'VIRTUAL' not in column.options])
        whats = ['SET STATISTICS 500', 'SET (n_distinct = -0.5)']
        if column.of.family in ('text', 'bytes', 'array'):
            whats += ['SET STORAGE EXTERNAL', 'SET STORAGE MAIN', 'SET STORAGE PLAIN']
            whats += ['SET COMPRESSION pglz'] if self._world.server >= 14 and not table.inherited else []
        what = dice.pick(whats)
        if table.kind in ('partitioned', 'branch') and 'n_distinct' in what:
            return
        # Children inherit how a value is stored and compressed: what a parent alone has, pg_dump cannot say.
        alone = dice.pick(['', 'ONLY ']) if 'STATISTICS' in what else ''
        self._say('ALTER TABLE %s%s ALTER COLUMN %s %s', alone, table.name, column.name, what)

    def _identity(self, table):
        if 'IDENTITY' in table.key.of.name and table.kind == 'plain':
            self._say('ALTER TABLE %s ALTER COLUMN %s SET GENERATED BY DEFAULT SET INCREMENT 9', table.name, table.key.name)

    def _comments(self, table):
        self._world.comment('TABLE', table.name)
        if table.columns:
            self._world.comment('COLUMN', '%s.%s' % (table.name, self._dice.pick(table.columns).name))

    def _owner(self, table):
        self._world.owned('TABLE', table.name)

    def _grants(self, table):
        self._world.granted('TABLE', table.name, ['SELECT', 'INSERT', 'UPDATE', 'TRIGGER', 'REFERENCES', 'TRUNCATE'])
        if table.columns and self._dice.once_in(2):
            column = self._dice.pick(table.columns).name
            self._say('GRANT %s (%s) ON %s TO %s', self._dice.pick(['SELECT', 'UPDATE', 'REFERENCES']), column, table.name, self._world.role())
