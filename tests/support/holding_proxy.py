"""Stands between larder and its server, and holds an export's lanes back, each until a file is there: for tests/scenarios/lost_leader.sh.

    holding_proxy.py SOCKET FOLDER

It listens on a free port of 127.0.0.1, prints it, and passes on to the Unix socket SOCKET what comes, and back; but
    - what the server answers to the leader's first COPY only once there is FOLDER/leader, and nothing after it;
    - what asks for another lane's locks only once there is FOLDER/lane; that it waits for this is told by FOLDER/lane_waits.
"""
import os
import select
import socket
import sys
import threading
import time

SOCKET, FOLDER = sys.argv[1], sys.argv[2]
READY_IN_TRANSACTION = b"Z\0\0\0\5T"


def wait_for(name):
    while not os.path.exists(os.path.join(FOLDER, name)):
        time.sleep(0.02)


def end_with_answer(client, server):
    """The leader has its answer whole, and learns no more of the server until it asks."""
    answer = b""
    while not answer.endswith(READY_IN_TRANSACTION):
        answer += server.recv(65536)
    wait_for("leader")
    client.sendall(answer)
    client.recv(1)


def serve(client):
    leads = False
    with client, socket.socket(socket.AF_UNIX) as server:
        server.connect(SOCKET)
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                if source is server:
                    client.sendall(data)
                    continue
                leads = leads or b"pg_export_snapshot" in data
                if b"larder_lock" in data:
                    open(os.path.join(FOLDER, "lane_waits"), "w").close()
                    wait_for("lane")
                server.sendall(data)
                if leads and b"COPY " in data:
                    end_with_answer(client, server)
                    return


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
