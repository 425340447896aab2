"""Stands between larder and its server, and spoils the way: for tests/faults/moments.bash.

    proxy.py SOCKET HOW BYTES

It listens on a free port of 127.0.0.1, prints it, and passes on to the Unix socket SOCKET what comes, and back. The connection
that passes on the byte with the number BYTES, of all in both directions, meets with HOW, in the middle of a message or not:

    cut     it is reset
    close   it is closed
    stall   it goes on a second later
    hang    it never goes on
    none    nothing

With "delay" every connection waits a thousandth of a second before each 4000 bytes. At the end (SIGTERM) the proxy prints how
many bytes have passed.
"""
import select
import signal
import socket
import struct
import sys
import threading
import time

SOCKET, HOW, BYTES = sys.argv[1], sys.argv[2], int(sys.argv[3])
LOCK = threading.Lock()
passed = 0


def send(target, data):
    """Whether the connection goes on."""
    global passed
    with LOCK:
        place = BYTES - passed
        passed += len(data)
    if HOW == "delay":
        time.sleep(0.001)
    if not 0 < place <= len(data) or HOW in ("none", "delay"):
        target.sendall(data)
        return True
    target.sendall(data[:place])
    while HOW == "hang":
        time.sleep(1)
    if HOW == "stall":
        time.sleep(1)
        target.sendall(data[place:])
    return HOW == "stall"


def serve(client):
    with client, socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(SOCKET)
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(4000 if HOW == "delay" else 65536)
                    if not data:
                        return
                    if not send(server if source is client else client, data):
                        if HOW == "cut":
                            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
        except OSError:
            return  # one of the two has gone


def end(*_):
    print(passed, flush=True)
    sys.exit(0)


signal.signal(signal.SIGTERM, end)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
