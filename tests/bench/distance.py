"""A relay farther away: listens on a free port of loopback and lets every byte arrive at PORT, and back, DELAY s late.

    python3 distance.py PORT DELAY
"""

import asyncio
import sys


async def late(delay, reader, writer):
    """Everything in its order, each piece `delay` after it came."""
    loop, on_the_way = asyncio.get_running_loop(), asyncio.Queue(maxsize=256)

    async def arrive():
        while (piece := await on_the_way.get()) is not None:
            due, data = piece
            if (rest := due - loop.time()) > 0:
                await asyncio.sleep(rest)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    arriving = asyncio.create_task(arrive())
    try:
        while data := await reader.read(262_144):
            await on_the_way.put((loop.time() + delay, data))
    finally:
        await on_the_way.put(None)
        await arriving


async def serve(port, delay):
    async def connected(reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        both = late(delay, reader, far_writer), late(delay, far_reader, writer)
        await asyncio.gather(*both, return_exceptions=True)
        writer.close()
        far_writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1 << 20, backlog=1_024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
