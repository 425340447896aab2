"""What is remembered of a table that was made."""
from names import identifier


class Column:
    def __init__(self, name, of, options='', filled=True, values=None):
        self.bare, self.of, self.options, self.filled, self.values = name, of, options, filled, values
        self.name = identifier(name)

    def definition(self):
        return '%s %s%s' % (self.name, self.of.name, self.options)


class Table:
    """The key's values are 1 to rows. target: whether a foreign key may refer to the key."""

    def __init__(self, world, plain='t'):
        self.schema = world.dice.pick(world.schemas)
        self.name = world.name(plain, self.schema)
        self.columns, self.rows, self.kind = [], 0, 'plain'
        self.key = self.reference = None
        self.unique, self.primary, self.target = [], False, False
        self.parts, self.inherited = [], False

    def of_family(self, family):
        return [column for column in self.columns if column.of.family == family]
