"""A partitioned table and all below it: by range, list and hash, on several levels, some attached later."""
from table import Table

DEPTH = 3


class Partitions:
    """columns: what a primary key has to name. leaves and branches are Tables."""

    def __init__(self, world, root, by):
        self._world, self._dice, self._root, self._by = world, world.dice, root, by
        self.columns, self.has_expression = [], False
        self.parts = []

    def make(self):
        self._root.parts = self.parts
        strategy, clause = self._strategy()
        self._world.say('CREATE TABLE %s (\n    %s)%s' % (self._root.name, ',\n    '.join(column.definition() for column in self._root.columns), clause))
        self._divide(self._root.name, strategy, 1)

    def _strategy(self):
        """One of them, whose columns the key then needs; and its clause."""
        key, by = self._root.key, self._by
        strategy, text, column = self._dice.pick([
            ('range', 'RANGE (%s)' % key.name, key), ('list', 'LIST (%s)' % by.name, by), ('hash', 'HASH (%s)' % key.name, key), ('none', 'LIST (%s)' % by.name, by),
            ('expression', 'LIST ((%s %% 2))' % key.name, key), ('two', 'RANGE (%s, %s COLLATE "C")' % (key.name, by.name), key)])
        needed = [key, by] if strategy == 'two' else [column]
        self.has_expression = self.has_expression or strategy in ('expression', 'two')
        self.columns += [wanted for wanted in needed if wanted not in self.columns]
        return strategy, ' PARTITION BY ' + text

    def _divide(self, parent, strategy, depth):
        bounds = {
            'range': ['FOR VALUES FROM (MINVALUE) TO (5)', 'FOR VALUES FROM (5) TO (20)', 'DEFAULT'],
            'list': ["FOR VALUES IN ('a')", "FOR VALUES IN ('b', 'it''s')", 'DEFAULT'],
            'hash': ['FOR VALUES WITH (MODULUS 2, REMAINDER 0)', 'FOR VALUES WITH (MODULUS 4, REMAINDER 1)', 'FOR VALUES WITH (MODULUS 4, REMAINDER 3)'],
            'none': ['DEFAULT'],
            'expression': ['FOR VALUES IN (0)', 'FOR VALUES IN (1)'],
            'two': ['FOR VALUES FROM (MINVALUE, MINVALUE) TO (7, MAXVALUE)', "FOR VALUES FROM (7, MAXVALUE) TO (20, 'm')", 'DEFAULT']}
        for bound in bounds[strategy]:
            self._part(parent, bound, depth)

    def _part(self, parent, bound, depth):
        dice, say, part = self._dice, self._world.say, Table(self._world, 'part')
        part.columns, part.key = self._root.columns, self._root.key
        strategy, clause = self._strategy() if depth < DEPTH and dice.once_in(4) else (None, '')
        unlogged = 'UNLOGGED ' if not strategy and dice.once_in(10) else ''
        part.kind = 'branch' if strategy else 'unlogged' if unlogged else 'part'
        if dice.once_in(3) and 'IDENTITY' not in self._root.key.of.name:
            columns = [column.definition() for column in dice.shuffled(self._root.columns)]
            say('CREATE %sTABLE %s (gone int, %s)%s; ALTER TABLE %s DROP COLUMN gone' % (unlogged, part.name, ',\n    '.join(columns), clause, part.name))
            say('ALTER TABLE %s ATTACH PARTITION %s %s' % (parent, part.name, bound))
        else:
            say('CREATE %sTABLE %s PARTITION OF %s %s%s' % (unlogged, part.name, parent, bound, clause))
        self.parts.append(part)
        if strategy:
            self._divide(part.name, strategy, depth + 1)
