"""An SMTP server whose word can be trusted: before it answers 250 to a message, the message is in its journal and
the journal is on the disk. The journal is the ground truth the ledger of Postroom is held to.

    sink.py JOURNAL        prints its port, then obeys lines on standard input:
    pause 0.5              answers each final dot after 0 to 1 second (twice the number at most)
    lose 0.01              takes one message in a hundred and hangs up instead of answering
    refuse 0.01            answers one recipient in a hundred, always the same, with 552 5.2.2

A journal line: when content began, edition, recipient, Message-ID, digest of the content, the link to unsubscribe.
"""

import asyncio
import hashlib
import os
import random
import re
import sys
import time
import zlib

HEADERS = [
    re.compile(rb"^Postroom-Edition: *(\S+)", re.M | re.I),
    re.compile(rb"^Message-ID:\s*(\S+)", re.M | re.I),
    re.compile(rb"^List-Unsubscribe:\s*<([^>\s]+)>", re.M | re.I),
]


class Journal:
    """Lines that wait are written and synced together; whoever added one waits for that."""

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.waiting, self.wake = [], asyncio.Event()

    async def add(self, line):
        done = asyncio.get_running_loop().create_future()
        self.waiting.append((line, done))
        self.wake.set()
        await done

    async def run(self):
        loop = asyncio.get_running_loop()
        while True:
            await self.wake.wait()
            self.wake.clear()
            batch, self.waiting = self.waiting, []
            await loop.run_in_executor(None, self.write, "".join(line for line, _ in batch).encode())
            for _, done in batch:
                done.set_result(None)

    def write(self, text):
        os.write(self.file, text)
        os.fdatasync(self.file)


class Sink:
    def __init__(self, journal):
        self.journal = journal
        self.pause = self.lose = self.refuse = 0.0

    def refuses(self, recipient):
        return zlib.crc32(recipient.encode()) % 10_000 < self.refuse * 10_000

    async def session(self, reader, writer):
        try:
            await self.talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # killed: that is what we are here for
        finally:
            writer.close()

    async def talk(self, reader, writer):
        def say(text):
            writer.write(text.encode() + b"\r\n")

        say("220 sink.test ESMTP")
        recipient = None
        while line := (await reader.readuntil(b"\r\n")).decode(errors="replace"):
            verb = line[:4].upper()
            if verb == "EHLO":
                say("250-sink.test\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME")
            elif verb == "RCPT":
                recipient = line[line.index("<") + 1 : line.index(">")]
                if self.refuses(recipient):
                    recipient = None
                    say("552 5.2.2 mailbox full")
                else:
                    say("250 2.1.5 ok")
            elif verb == "DATA":
                if recipient is None:
                    say("503 5.5.1 no recipient")
                    continue
                say("354 go on")
                if not await self.content(reader, recipient):
                    return
                recipient = None
                say("250 2.0.0 taken")
            elif verb == "QUIT":
                say("221 2.0.0 bye")
                return
            else:
                say("250 2.0.0 ok")

    async def content(self, reader, recipient):
        """Takes a message; false when it is not to be answered."""
        first = await reader.readexactly(1)
        began = time.time()
        content = first + await reader.readuntil(b"\r\n.\r\n")
        head = content[: content.index(b"\r\n\r\n")]
        edition, message_id, leave = (found.group(1).decode() if (found := one.search(head)) else "-" for one in HEADERS)
        digest = hashlib.sha256(content).hexdigest()[:16]
        await self.journal.add(f"{began:.3f}\t{edition}\t{recipient}\t{message_id}\t{digest}\t{leave}\n")
        if self.pause:
            await asyncio.sleep(random.uniform(0, 2 * self.pause))
        return random.random() >= self.lose

    async def obey(self):
        loop = asyncio.get_running_loop()
        orders = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while order := (await orders.readline()).split():
            setattr(self, order[0].decode(), float(order[1]))


async def main(path):
    journal = Journal(path)
    sink = Sink(journal)
    server = await asyncio.start_server(sink.session, "127.0.0.1", 0, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    writing = asyncio.create_task(journal.run())
    await sink.obey()
    writing.cancel()


asyncio.run(main(sys.argv[1]))
