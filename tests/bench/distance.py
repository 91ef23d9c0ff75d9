"""A relay farther away: listens on a free port of loopback and lets every byte arrive at PORT, and back, DELAY s late.

    python3 distance.py PORT DELAY

Whatever is on the way is held in memory: who sends mail waits for an answer before it sends much more.
"""

import asyncio
import sys


class End(asyncio.Protocol):
    """One side of a connection; what comes in here leaves at `other`, later."""

    def __init__(self, delay, other=None):
        self.loop, self.delay, self.other, self.last = asyncio.get_running_loop(), delay, other, 0.0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.later(lambda: self.other.transport.write(data))

    def eof_received(self):
        self.later(lambda: self.other.transport.can_write_eof() and self.other.transport.write_eof())
        return True  # the other direction stays open

    def connection_lost(self, _):
        if self.other:
            self.later(lambda: self.other.transport.close())

    def later(self, act):
        # Never two at the same instant, so that everything keeps its order.
        self.last = max(self.loop.time() + self.delay, self.last + 1e-6)
        self.loop.call_at(self.last, act)


class Near(End):
    """The side of who connects here."""

    def __init__(self, delay, port):
        super().__init__(delay)
        self.port = port

    def connection_made(self, transport):
        super().connection_made(transport)
        transport.pause_reading()
        self.connecting = self.loop.create_task(self.connect())

    async def connect(self):
        _, self.other = await self.loop.create_connection(lambda: End(self.delay, self), "127.0.0.1", self.port)
        self.transport.resume_reading()


async def serve(port, delay):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Near(delay, port), "127.0.0.1", 0, backlog=1_024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
