"""Types of a database's own (enums, composites, ranges, domains), and arrays of any type."""
from names import identifier, literal
from values import Type


def quoted(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def array_of(of):
    """An array type: NULL and "NULL" as elements, up to three dimensions, lower bounds that are not 1."""
    def element(dice):
        value = of.value(dice)
        return 'NULL' if value is None else quoted(value)

    def level(dice, lengths):
        parts = [level(dice, lengths[1:]) if lengths[1:] else element(dice) for _ in range(lengths[0])]
        return '{' + of.delimiter.join(parts) + '}'

    def make(dice):
        lengths = [dice.between(1, 3) for _ in range(dice.pick([0, 1, 1, 1, 2, 3]))]
        if not lengths:
            return '{}'
        bounds = [dice.between(-3, 3) for _ in lengths]
        ranges = ''.join('[%d:%d]' % (low, low + length - 1) for low, length in zip(bounds, lengths))
        return (ranges + '=' if dice.once_in(3) else '') + level(dice, lengths)

    return Type(of.name + '[]', make=make, family='array')


def composite(name, fields):
    def make(dice):
        values = [of.value(dice) for _, of in fields]
        if values == [None]:
            return '()'
        return '(' + ','.join('' if value is None else quoted(value) for value in values) + ')'

    return Type(name, make=make, family='composite')


class Kinds:
    """Makes types, one at a time, and remembers all that a column may have."""

    def __init__(self, world, simple):
        self._world, self._dice, self._simple = world, world.dice, simple
        self._own = []

    def any(self):
        dice = self._dice
        if self._own and dice.once_in(4):
            found = dice.pick(self._own)
        else:
            found = dice.pick(self._simple)
        # Two types whose arrays the server does not make.
        return array_of(found) if dice.once_in(5) and not found.name.endswith(']') else found

    def named(self, name):
        return next(of for of in self._simple if of.name == name)

    def make_one(self):
        return self._dice.pick([self._enum, self._composite, self._range, self._domain, self._domain])()

    def _create(self, made, plain, how):
        name = self._world.name(plain)
        self._world.say('CREATE %s %s' % ('DOMAIN' if plain == 'd' else 'TYPE', name) + how)
        of = made(name)
        self._own.append(of)
        self._world.comment('DOMAIN' if plain == 'd' else 'TYPE', name)
        self._world.owned('DOMAIN' if plain == 'd' else 'TYPE', name)
        self._world.granted('TYPE', name, ['USAGE'])
        return of

    def _enum(self):
        dice = self._dice
        texts = [text for text in self._world.encoding.texts if len(text.encode('utf-8', 'surrogateescape')) < 63]
        labels = dice.some(texts, dice.between(1, 9))
        of = self._create(lambda name: Type(name, labels, storage='p'), 'e', ' AS ENUM (%s)' % ', '.join(map(literal, labels)))
        added = 'added %d' % dice.below(100)
        self._world.say('ALTER TYPE %s ADD VALUE %s BEFORE %s' % (of.name, literal(added), literal(dice.pick(labels))))
        of.edges.append(added)

    def _composite(self):
        fields = [(self._world.names.fresh('fields%d' % len(self._own), 'f'), self.any()) for _ in range(self._dice.between(1, 4))]
        fields = [(name, of) for name, of in fields if of.nullable] or [('f', self.named('text'))]
        columns = ', '.join('%s %s' % (identifier(name), of.name) for name, of in fields)
        of = self._create(lambda name: composite(name, fields), 'c', ' AS (%s)' % columns)
        if self._dice.once_in(3):
            self._world.say('ALTER TYPE %s ADD ATTRIBUTE gone int; ALTER TYPE %s DROP ATTRIBUTE gone' % (of.name, of.name))

    def _range(self):
        bounds = ['empty', '(,)', '["-1",)', '(,"10")', '["1","1"]', '["1","10"]']
        subtype, edges = self._dice.pick([('double precision', bounds + ['[NaN,NaN]', '[-0,0.1]', '(-Infinity,5e-324)']),
                                          ('text, COLLATION = "C"', bounds + ['["","\\\\"]', '("\'",)']),
                                          ('time', ['empty', '[00:00,24:00:00]'])])
        multirange = ', MULTIRANGE_TYPE_NAME = %s' % self._world.name('mr') if self._world.server >= 14 else ''
        self._create(lambda name: Type(name, edges), 'r', ' AS RANGE (SUBTYPE = %s%s)' % (subtype, multirange))

    def _domain(self):
        dice, names = self._dice, self._world.names
        over = self.any()
        strict = dice.once_in(3)
        checks = dice.some(['CHECK (VALUE IS NULL OR VALUE IS NOT NULL OR true)', 'CONSTRAINT %s CHECK (%s(1) > 0)' % (identifier(names.fresh('domain%d' % len(self._own), 'k')), self._world.positive)], dice.below(3))
        collate = ' COLLATE "C"' if over.family == 'text' and not over.name.startswith('"') and dice.once_in(2) else ''
        default = over.value(dice)
        how = ' AS %s%s%s%s %s' % (over.name, collate, ' DEFAULT ' + literal(default) if default is not None and over.family[:4] != 'role' and dice.once_in(2) else '', ' NOT NULL' if strict else '', ' '.join(checks))

        def value(dice):
            found = over.value(dice)
            while found is None and strict:
                found = over.value(dice)
            return found

        self._create(lambda name: Type(name, make=value, nullable=not strict and over.nullable, family=over.family + ' domain', delimiter=over.delimiter, storage=over.storage), 'd', how)
