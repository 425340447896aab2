"""What all generated objects share: the seed's dice, schemas, roles, and the statements so far."""
from names import Names, identifier, literal

ROLES = ['postgres', 'fid_owner', 'fid_reader', 'fid "odd" role']


class World:
    """name() is a new object's, qualified; say() adds a statement. The roles are the driver's to make."""

    def __init__(self, dice, encoding, server):
        self.dice, self.encoding, self.server = dice, encoding, server
        self.names = Names(dice, encoding)
        self.statements = []
        self.schemas = ['public'] + [self.names.fresh('schemas', 's') for _ in range(dice.between(1, 3))]
        for schema in self.schemas[1:]:
            self.say('CREATE SCHEMA %s' % identifier(schema))
            self.owned('SCHEMA', identifier(schema))
            self.granted('SCHEMA', identifier(schema), ['USAGE', 'CREATE'])
            self.comment('SCHEMA', identifier(schema))
        self._default_privileges()
        self.positive = self._function('f', '(int) RETURNS int LANGUAGE sql IMMUTABLE AS %s' % literal('SELECT abs($1) + 1'), '(int)')
        self.refuse = self._function('f', "() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fired'; END $$", '()')

    def say(self, statement):
        self.statements.append(statement)

    def name(self, plain, schema=None):
        schema = schema or self.dice.pick(self.schemas)
        return '%s.%s' % (identifier(schema), identifier(self.names.fresh(schema, plain)))

    def role(self):
        return identifier(self.dice.pick(ROLES))

    def comment(self, kind, name):
        if self.dice.once_in(3):
            text = ''.join(self.dice.pick(self.encoding.texts) for _ in range(3))
            self.say('COMMENT ON %s %s IS %s' % (kind, name, literal(text or 'x')))

    def owned(self, kind, name):
        if self.dice.once_in(3):
            self.say('ALTER %s %s OWNER TO %s' % (kind, name, self.role()))

    def granted(self, kind, name, privileges, taken=True):
        """Given, and where taken also taken away."""
        for _ in range(self.dice.pick([0, 0, 0, 1, 2])):
            privilege = self.dice.pick(privileges + ['ALL'])
            if taken and self.dice.once_in(4):
                self.say('REVOKE %s ON %s %s FROM %s' % (privilege, kind, name, self.dice.pick(['PUBLIC', self.role()])))
            else:
                self.say('GRANT %s ON %s %s TO %s%s' % (privilege, kind, name, self.role(), self.dice.pick(['', ' WITH GRANT OPTION'])))

    def _function(self, plain, how, arguments):
        name = self.name(plain)
        self.say('CREATE FUNCTION %s%s' % (name, how))
        # The tables' owners call it.
        self.granted('FUNCTION', name + arguments, ['EXECUTE'], taken=False)
        self.comment('FUNCTION', name + arguments)
        return name

    def _default_privileges(self):
        for _ in range(self.dice.pick([0, 0, 1, 2])):
            schema = ' IN SCHEMA %s' % identifier(self.dice.pick(self.schemas))
            self.say('ALTER DEFAULT PRIVILEGES FOR ROLE %s%s GRANT %s TO %s' % (self.role(), schema, self.dice.pick([
                'SELECT ON TABLES', 'ALL ON SEQUENCES', 'EXECUTE ON FUNCTIONS', 'USAGE ON TYPES']), self.role()))
