"""Identifiers, plain ones and those that need care, and how they and literals are written."""

ODD = ['select', 'Table', 'user', 'NULL', 'default', 'two words', ' leading', 'trailing ', 'quo"te', '"', "it's", "'", 'back\\slash', '\\',
       '\\.', '\\N', 'new\nline', '\n', 'cr\rlf\r\n', 'tab\tx', '\x01', '\x7f', '.hidden', '..', '.', 'a.b', 'a/../b', '/', '~', '%s%d%n', '%',
       '-t', '--', '--\n-- Name: x; Type: TABLE', '/*', '*/', '$1', '$$', '$x$', '${HOME}', '$(id)', '`id`', 'a,b', '(c)', '{}', '[1]', '*', '?',
       ';', '; DROP', ':x', ":'x'", '@', 'a=b', '#', '|', '&', '!', '!t', '^$', 'pg_x', 'MiXed', 'mixed', 'MIXED', 'larder', 'x' * 63, 'X' * 63, 'ünï',
       'Größe', 'ä' * 31, '日本語', '😋', '😋' * 15, '\ufeffbom', '\u202eleft', '\u2028', 'e\u0301', 'İ', '\xa0', '-', '_', '0', '1a', '+', '<>', ',']


def identifier(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    """The text as SQL writes it with standard_conforming_strings; None is NULL."""
    return 'NULL' if text is None else "'" + text.replace("'", "''") + "'"


def shortened(name, ending):
    """The name with the ending, in no more than 63 bytes."""
    while len((name + ending).encode()) > 63:
        name = name[:-1]
    return name + ending


class Names:
    """Hands out names, each once within its scope. Of the odd ones only those that the encoding holds."""

    def __init__(self, dice, encoding):
        self._dice = dice
        self._taken = set()
        self._count = 0
        self._odd = [name for name in ODD if encoding.holds(name)]

    def fresh(self, scope, plain):
        self._count += 1
        name = '%s%d' % (plain, self._count)
        if self._dice.once_in(2):
            name = self._dice.pick(self._odd)
            # The server keeps such names of schemas for itself.
            name = 'not ' + name if scope == 'schemas' and name.startswith('pg_') else name
            if (scope, name) in self._taken or self._dice.once_in(4):
                name = shortened(name, '%d' % self._count)
        self._taken.add((scope, name))
        return name
