"""Types, and the edges of their values, as texts that their input functions take. None is NULL."""

BYTES = ''.join('%02x' % byte for byte in range(256))
TEXTS = ['', ' ', '\\N', '\\', '\\\\', '\\.', '\\.\n', 'NULL', 'null', '"', "'", ',', '{}', '{', '(', ')', ';', '\n', '\r', '\r\n', '\t', '\b\f\v', '\x01\x7f', '\\n',
         '\\x41', '\\101', ' spaces ', 'a|b,c;d"e\'f', '%s', 'ä', 'ÿ', 'Straße', '\u2028', '\ufeffx', '日本', '😋', '\U0010ffff', 'e\u0301', 'é', 'İıſ', 'ﷺ', '-', '$$']
DATES = ['infinity', '-infinity', '4713-11-24 BC', '0001-01-01 BC', '0001-01-01', '1582-10-15', '1970-01-01', '2000-02-29', '2024-12-31', '9999-12-31', '294276-12-31']
CLOCKS = ['00:00', '24:00:00', '23:59:59.999999', '12:34:56.7', '00:00:00.000001']
ZONES = ['+00', '+15:59:59', '-15:59:59', '+05:30', '-00:00:01']


def stamps(zone):
    return ['infinity', '-infinity', '4713-11-25 00:00:00%s BC' % zone, '0044-03-15 12:00:00.5%s BC' % zone, '1883-11-18 12:03:57%s' % zone,
            '1999-12-31 23:59:59.999999%s' % zone, '2021-03-28 02:30%s' % zone, '294276-12-31 23:59:59.999999%s' % zone, 'epoch']


class Encoding:
    """What the database can hold. In SQL_ASCII any byte is text: those that are no UTF-8 are written as they are."""

    def __init__(self, name):
        self.name = name
        self._codec = {'LATIN1': 'latin-1', 'WIN1252': 'cp1252', 'EUC_JP': 'euc_jp'}.get(name, 'utf-8')
        self.texts = [text for text in TEXTS if self.holds(text)]
        if name == 'SQL_ASCII':
            self.texts += [bytes(sequence).decode('utf-8', 'surrogateescape') for sequence in ([0xff, 0xfe], [0x80], [0xc3], [0xe9, 0x5c], range(0x80, 0x100))]

    def length(self, text):
        """As the server counts: in SQL_ASCII every byte is a character."""
        return len(text.encode('utf-8', 'surrogateescape')) if self.name == 'SQL_ASCII' else len(text)

    def holds(self, text):
        try:
            text.encode(self._codec)
        except UnicodeError:
            return False
        # Their tables of Japanese and of Windows do not agree in every character.
        return self.name in ('UTF8', 'SQL_ASCII', 'LATIN1') or text.isascii()


class Type:
    """A type by its SQL name. What a value is made of stands in the edges, or in make(dice)."""

    def __init__(self, name, edges=(), make=None, nullable=True, family='', delimiter=',', storage='x'):
        self.name, self.edges, self.make = name, list(edges), make
        self.nullable, self.family, self.delimiter = nullable, family, delimiter
        self.storage = storage

    def value(self, dice):
        if self.nullable and dice.once_in(6):
            return None
        return self.make(dice) if self.make and (not self.edges or dice.once_in(3)) else dice.pick(self.edges)


def digits(dice, count):
    return str(dice.between(1, 9)) + ''.join(str(dice.below(10)) for _ in range(count - 1))


def some_number(dice):
    number = digits(dice, dice.between(1, 30))
    return dice.pick(['', '-']) + number + dice.pick(['', '.' + digits(dice, dice.between(1, 20)), 'e%d' % dice.between(-200, 200)])


def some_float(dice):
    return '%s%se%d' % (dice.pick(['', '-']), digits(dice, 17), dice.between(-330, 285))


def some_bytes(dice):
    return '\\x' + ''.join('%02x' % dice.below(256) for _ in range(dice.pick([0, 1, 7, 300])))


def some_time(dice):
    return '%04d-%02d-%02d %02d:%02d:%02d.%06d' % (dice.between(1, 9999), dice.between(1, 12), dice.between(1, 28), dice.below(24), dice.below(60), dice.below(60), dice.below(1000000))


def some_text(encoding):
    def make(dice):
        text = ''.join(dice.pick(encoding.texts) for _ in range(dice.between(1, 6)))
        return text * (2000 if dice.once_in(40) else 1)
    return make


def json_of(dice, depth=0):
    kind = dice.below(8 if depth < 3 else 6)
    if kind > 5:
        parts = [json_of(dice, depth + 1) for _ in range(dice.below(4))]
        return '[%s]' % ', '.join(parts) if kind == 6 else '{%s}' % ','.join('"k%d" : %s' % (dice.below(5), part) for part in parts)
    return ['null', 'true', '-0.0', '1.10e5', '"\\\\ \\" \\n \\u0041"', '123456789012345678901234567890.5'][kind]


def some_vector(dice):
    return ' '.join("'%s':%d%s" % (dice.pick(['a', "it''s", ' ', '\\\\', 'B']), dice.between(1, 16383), dice.pick(['', 'A', 'B', 'D'])) for _ in range(dice.below(5)))


def simple_types(encoding, server):
    """Every built-in type that the server has; texts as the encoding holds them."""
    text, texts = some_text(encoding), encoding.texts
    short = [t for t in texts if encoding.length(t) <= 3]
    chars = [t for t in texts if len(t.encode('utf-8', 'surrogateescape')) <= 1]
    infinite = ['Infinity', '-Infinity'] if server >= 14 else []
    types = [
        Type('smallint', ['0', '-1', '-32768', '32767'], family='number'),
        Type('integer', ['0', '-1', '-2147483648', '2147483647'], family='number'),
        Type('bigint', ['0', '-1', '-9223372036854775808', '9223372036854775807'], family='number'),
        Type('numeric', ['NaN', '0', '-0.000', '1.10', '0e-16383', '1e131071', '1e-16383', '9' * 1000, '0.' + '0' * 999 + '1', '-%s.%s' % ('8' * 500, '7' * 500)] + infinite, some_number, storage='m'),
        Type('numeric(38,10)', ['NaN', '0', '9' * 28 + '.' + '9' * 10, '-0.0000000001'], storage='m'),
        Type('numeric(1000,500)', ['0', '9' * 500 + '.' + '9' * 500], storage='m'),
        Type('real', ['NaN', 'Infinity', '-Infinity', '-0', '0', '1e-45', '1.1754944e-38', '3.4028235e38', '0.1', '16777217']),
        Type('double precision', ['NaN', 'Infinity', '-Infinity', '-0', '0', '5e-324', '2.2250738585072014e-308', '1.7976931348623157e308', '0.1', '0.30000000000000004'], some_float),
        Type('money', ['0', '-92233720368547758.08', '92233720368547758.07', '1234.5']),
        Type('boolean', ['true', 'false']),
        Type('text', texts, text, family='text'),
        Type('character varying', texts, text, family='text'),
        Type('character varying(3)', short, family='text'),
        Type('character(4)', short, family='char'),
        Type('character', chars, family='char'),
        Type('name', short),
        Type('"char"', [t for t in chars if t != '\\'], storage='p'),
        Type('bytea', ['\\x', '\\x00', '\\x5c', '\\x0a', '\\x' + BYTES, '\\x' + BYTES * 20], some_bytes, family='bytes'),
        Type('date', DATES, lambda dice: some_time(dice)[:10], family='date'),
        Type('time', CLOCKS), Type('time(2) without time zone', CLOCKS),
        Type('time with time zone', [clock + zone for clock in CLOCKS for zone in ZONES]),
        Type('timestamp', stamps(''), some_time), Type('timestamp(0)', stamps('')[:-2], some_time),
        Type('timestamp with time zone', stamps('') + stamps('+00') + stamps('-07:52:58')[1:-2], some_time, family='moment'),
        Type('interval', ['0', '178000000 years', '-178000000 years', '1 mon -1 day 00:00:00.000001', '-1 year -2 mons +3 days -04:05:06.7', '2147483647 days', '-2147483648 days',
                          '2562047788:00:54.775807', '24:00'] + (['infinity', '-infinity'] if server >= 17 else [])),
        Type('interval hour to second(1)', ['01:02:03.45', '-1000:00']), Type('interval year to month', ['5 years', '-1 mons']),
        Type('uuid', ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}']),
        Type('json', ['null', '""', '{"a" :  1, "a": 2}', ' [1 , 2]\n', '{"\\u0041": "\\"\\\\"}'], json_of), Type('jsonb', ['null', '""', '{"a": 1.10, "b": 1e400}', '[]', '{}'], json_of),
        Type('jsonpath', ['$', 'strict $.a[*] ? (@.b == "\\"")', '$."odd key"']),
        Type('inet', ['0.0.0.0/0', '255.255.255.255', '::', '::ffff:1.2.3.4/97', '10.1.2.3/8', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/1']),
        Type('cidr', ['0.0.0.0/0', '10.0.0.0/8', '::/0', '2001:db8::/32', '1.2.3.4/32']), Type('macaddr', ['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff']), Type('macaddr8', ['08:00:2b:01:02:03:04:05']),
        Type('bit', ['0', '1']), Type('bit(9)', ['000000000', '101010101', '111111111']), Type('bit varying', ['', '1', '10101', '1' * 1000]), Type('bit varying(5)', ['', '10101']),
        Type('point', ['(0,0)', '(-0,NaN)', '(1e300,-Infinity)']), Type('line', ['{1,-1,0}', '{0,1,-5e-324}']), Type('lseg', ['[(0,0),(1,1)]', '[(1,2),(1,2)]']),
        Type('box', ['(2,2),(0,0)', '(Infinity,1),(-1,-1)'], delimiter=';'), Type('path', ['[(0,0),(1,NaN)]', '((0,0),(1,1),(2,0))', '[(1,1)]']), Type('polygon', ['((0,0),(1,1),(2,0))', '((1,1))']),
        Type('circle', ['<(0,0),Infinity>', '<(1,1),0>']),
        Type('tsvector', ['', "'it''s':1A,2B ' ':3", "a:16383"], some_vector), Type('tsquery', ['', "'a b' & !c:*A <3> 'd'''", 'a | (b & !!c)', "'\\\\'"]),
        Type('oid', ['0', '4294967295']), Type('xid8', ['0', '18446744073709551615']), Type('pg_lsn', ['0/0', 'FFFFFFFF/FFFFFFFF']), Type('pg_snapshot', ['1:3:1,2', '10:10:']), Type('tid', ['(0,0)', '(4294967295,65535)']),
        Type('oidvector', ['', '0 4294967295'], storage='p'), Type('int2vector', ['', '-32768 0 32767'], storage='p'),
        Type('regclass', ['pg_class', '-', 'pg_catalog.pg_type', '4294967295']), Type('regtype', ['integer', '-', 'text[]']), Type('regrole', ['postgres', 'fid_owner', '"fid ""odd"" role"'], family='role'),
        Type('regproc', ['pg_catalog.pg_sleep', '-']), Type('regprocedure', ['now()', 'pg_catalog.lower(text)']), Type('regnamespace', ['pg_catalog', 'public']), Type('regcollation', ['"C"', '"POSIX"']),
        Type('regoper', ['pg_catalog.||/', '0']), Type('regoperator', ['+(integer,integer)']), Type('regconfig', ['simple', 'english']), Type('regdictionary', ['simple']),
        Type('aclitem', ['=r/postgres', 'fid_reader=r*w/fid_owner'], storage='p'),
        Type('int4range', ['empty', '(,)', '[1,5)', '[-2147483648,)']), Type('int8range', ['empty', '[-9223372036854775808,0)', '(,9223372036854775806]']),
        Type('numrange', ['empty', '(,1.50]', '[NaN,NaN]', '[-1e1000,1e-1000)', '(,)']), Type('daterange', ['empty', '[-infinity,infinity)', '[2024-01-01,2024-02-01)', '(,)']),
        Type('tsrange', ['empty', '["2024-01-01 00:00:00","2024-01-01 00:00:01"]', '[infinity,infinity]']), Type('tstzrange', ['empty', '[-infinity,infinity]', '["2024-01-01 00:00:00+05:30",)'], family='span'),
    ]
    if server >= 14:
        types += [Type('int4multirange', ['{}', '{[1,2),[5,9)}', '{(,)}']), Type('nummultirange', ['{}', '{[-0.10,NaN]}', '{(,1),[2,2]}']), Type('datemultirange', ['{}', '{[2024-01-01,2024-01-02),[5874897-12-30,)}']),
                  Type('tsmultirange', ['{}', '{(-infinity,infinity)}']), Type('tstzmultirange', ['{}', '{["2024-01-01 00:00:00+05:30",)}']), Type('int8multirange', ['{}', '{[-9223372036854775808,0),[5,6)}'])]
    return types


def xml_type(encoding):
    return Type('xml', ['', '<a/>', '<a b="c">&lt;x\n</a>', 'text<!-- c --><b/>', '<![CDATA[<&]]>'] + (['<ä>ß</ä>'] if encoding.name == 'UTF8' else []))
