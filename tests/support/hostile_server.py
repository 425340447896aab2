"""A server that speaks the protocol and lies: what it answers has nothing to do with what it was asked.

    hostile_server.py KIND [SEED]

It listens on a free port of 127.0.0.1, which it prints, and lets everybody in. KIND is one of:

    random   rows, fields and values by chance, from SEED
    copy     data of a COPY, whatever was asked
    error    an error of two million bytes
"""
import random
import socket
import struct
import sys
import threading

KIND = sys.argv[1]
CHANCE = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
VALUES = [None, b"", b"0", b"1", b"t", b"f", b"r", b"-1", b"2", b"{}", b"{1,2}", b"99999999999999999999", b"x" * 5000,
          b"\x1b[2J\nlarder: all is well", b"\xff\xfe", b"public", b"a b'c\"d", b"UTF8", b"18446744073709551615"]
PID = 1
SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def command_complete(tag):
    return message(b"C", tag + b"\0")


def value(v):
    return struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v


def table(rows, columns):
    fields = b"".join(b"c\0" + struct.pack("!IHIhiH", 0, 0, 25, -1, -1, 0) for _ in range(columns))
    out = message(b"T", struct.pack("!H", columns) + fields)
    for _ in range(rows):
        out += message(b"D", struct.pack("!H", columns) + b"".join(value(CHANCE.choice(VALUES)) for _ in range(columns)))
    return out + command_complete(b"SELECT 1")


def answer(query):
    if query.startswith((b"BEGIN", b"SET", b"COMMIT", b"ROLLBACK")):
        return command_complete(b"SET")
    # That no pooler is between: the process that answers is the one that it says it is.
    if b"pg_backend_pid" in query:
        return message(b"T", struct.pack("!H", 1) + b"c\0" + struct.pack("!IHIhiH", 0, 0, 25, -1, -1, 0)) + message(
            b"D", struct.pack("!H", 1) + value(b"%d" % PID)) + command_complete(b"SELECT 1")
    if KIND == "copy":
        return message(b"H", b"\0\0\0") + message(b"d", b"abc\n") * 100 + message(b"c", b"") + command_complete(b"COPY 1")
    if KIND == "error":
        return message(b"E", b"SERROR\0C42P01\0M" + b"x" * 2000000 + b"\0\0")
    return table(CHANCE.choice([0, 1, 1, 1, 2, 5]), CHANCE.choice([1, 2, 8, 30, 30, 30, 30]))


def greet(connection):
    head = connection.recv(8)
    while struct.unpack("!I", head[4:])[0] in (SSL_REQUEST, GSS_REQUEST):
        connection.sendall(b"N")
        head = connection.recv(8)
    connection.recv(65536)
    settings = {b"server_version": b"15.4", b"client_encoding": b"UTF8", b"standard_conforming_strings": b"on"}
    connection.sendall(message(b"R", struct.pack("!I", 0))
                       + b"".join(message(b"S", k + b"\0" + v + b"\0") for k, v in settings.items())
                       + message(b"K", struct.pack("!II", PID, 2)) + message(b"Z", b"I"))


def reply(kind, body, state):
    """What is sent back to one message; `state` keeps the statement between its parse and its execution."""
    if kind == b"P":
        state["query"] = body.split(b"\0")[1]
        return message(b"1", b"")
    if kind == b"B":
        return message(b"2", b"")
    if kind == b"E":
        return answer(state["query"])
    if kind == b"Q":
        return answer(body.rstrip(b"\0")) + message(b"Z", b"I")
    return message(b"Z", b"I") if kind == b"S" else b""


def serve(connection):
    state, buffer = {"query": b""}, b""
    try:
        greet(connection)
        while data := connection.recv(65536):
            buffer += data
            out = b""
            while len(buffer) >= 5 and len(buffer) > (length := struct.unpack("!I", buffer[1:5])[0]):
                out += reply(buffer[:1], buffer[5:length + 1], state)
                buffer = buffer[length + 1:]
            connection.sendall(out)
    except (OSError, struct.error):
        pass
    connection.close()


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
