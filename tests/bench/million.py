"""What a large audience costs beside a small one: the import, the seal, memory while it is sent, and a restart."""

import signal
import statistics
import tempfile
import time
from pathlib import Path

from office import Office, Service
from yard import Sink, wait

RESTARTS = 3


def million(options):
    print(f"{'recipients':>12}{'import':>10}{'seal':>10}{'MiB':>8}{'sent':>12}{'rate':>10}   first message after a restart")
    memory = [audience(options, readers) for readers in options.sizes]
    for readers, one in list(zip(options.sizes, memory))[1:]:
        print(f"memory with {readers:,}: {one / memory[0]:.2f} times that with {options.sizes[0]:,}")


def audience(options, readers):
    """Prints a row; the MiB that were resident at most."""
    with tempfile.TemporaryDirectory(prefix="postroom-bench-") as folder, Sink() as sink:
        office = Office(Path(folder), options.binary, sink.port, readers, options.connections[0])
        sealed = office.seal("news", options.kib[-1])
        office.run("resume")
        # While nearly everything is still open: of a run that was killed, and of one that was stopped.
        ways = {"killed": signal.SIGKILL, "stopped": signal.SIGTERM} if readers == max(options.sizes) else {}
        restarts = {name: [restart(office, sink, how) for _ in range(RESTARTS)] for name, how in ways.items()}
        before, start = sink.count, time.monotonic()
        rest = readers - before
        service = Service(office)
        until = time.monotonic() + options.minutes * 60
        wait("the edition", lambda: sink.count >= before + rest or time.monotonic() > until, 86_400)
        sent, lasted = sink.count - before, time.monotonic() - start
        memory = service.memory()
        service.stop()
    row = f"{readers:>12,}{office.imported:>8.1f} s{sealed:>8.1f} s{memory:>8.1f}{sent:>12,}{sent / lasted:>8,.0f}/s   "
    took = (f"{statistics.median(took):.2f} s when it was {name}" for name, took in restarts.items())
    print(row + ", ".join(took), flush=True)
    return memory


def restart(office, sink, how):
    """Seconds from starting the service, after one that sent was ended so, to the first message at the relay."""
    service = Service(office)
    count = sink.count
    wait("a message", lambda: sink.count > count)
    service.stop(how)
    count = sink.count
    service = Service(office)
    wait("the first message", lambda: sink.count > count)
    first = min(at for number, at in sink.times.items() if number > count)
    service.stop()
    return first - service.started
