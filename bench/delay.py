"""Passes connections on to a server's socket, each byte a while later, as a network does that is far away.

delay.py SOCKET MILLISECONDS: listens on a free port of 127.0.0.1, which it prints; a turn to the server and back takes that long.
"""
import asyncio
import sys


async def pass_on(reader, writer, seconds):
    loop = asyncio.get_running_loop()
    late = asyncio.Queue(maxsize=4096)

    async def write():
        while True:
            due, data = await late.get()
            await asyncio.sleep(max(due - loop.time(), 0))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    writing = asyncio.create_task(write())
    data = b"-"
    while data:
        data = await reader.read(1 << 18)
        await late.put((loop.time() + seconds, data))
    await writing


async def serve(path, seconds):
    async def connect(reader, writer):
        from_server, to_server = await asyncio.open_unix_connection(path)
        await asyncio.gather(
            pass_on(reader, to_server, seconds),
            pass_on(from_server, writer, seconds),
            return_exceptions=True)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve(sys.argv[1], float(sys.argv[2]) / 2000))
