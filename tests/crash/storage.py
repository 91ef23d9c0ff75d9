"""The machine below: a full disk, a second process, a locked, a damaged, an unsynced database."""

import os
import random
import shutil
import signal
import sqlite3
import struct
import subprocess
import time
from contextlib import contextmanager

from blog import HERE, Failed, until
from kills import GONE, leave, working
from promise import Figures, audit, finish


def finished(blog, figures, left=None):
    """Lets everything go out, stops, and holds the books to the promise."""
    finish(blog, figures)
    blog.stop()
    audit(blog, figures, left)
    return figures


def instances(make, times):
    """Ten started at once: one works, the others say so and end with exit code 3."""
    figures = Figures()
    with make("instances", 1_000) as blog:
        blog.found()
        for _ in range(times):
            blog.post()
            arguments, environment = blog.arguments("serve"), blog.environment()
            started = [subprocess.Popen(arguments, env=environment, stdout=blog.log, stderr=subprocess.PIPE, text=True) for _ in range(10)]
            gone = lambda: [one for one in started if one.poll() is not None]
            until(60, "nine of ten to give up", lambda: len(gone()) >= 9)
            until(120, "the edition to be sent", lambda: not working(blog) and blog.copies.look())
            blog.serve = next((one for one in started if one.poll() is None), None)
            if blog.serve is None:
                raise Failed("none of ten runs")
            for one in gone():
                told = one.stderr.read()
                if one.returncode != 3 or "another Postroom" not in told:
                    figures.faults.append(f"a second instance ended with {one.returncode}: {told}")
            blog.stop()
        blog.start()
        return finished(blog, figures)


def locked(make, times):
    """Another process holds the database for longer than we wait for it, while mail is on its way."""
    figures = Figures()
    with make("locked", 1_000) as blog:
        blog.found()
        blog.order("pause", 0.02)
        for _ in range(times):
            blog.post()
            before = blog.copies.look()
            blog.start()
            until(60, "some mail", lambda: blog.copies.look() > before + 100)
            holder = sqlite3.connect(blog.database, timeout=60, isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            taken = time.monotonic()
            time.sleep(1)
            before = blog.copies.look()
            until(60, "30 s to pass", lambda: time.monotonic() > taken + 30, step=0.5)
            if blog.copies.look() > before:
                figures.faults.append("mail left while its mark could not be written")
            if blog.serve.poll() is not None:
                raise Failed(f"it ended: {blog.serve.returncode}")
            holder.execute("ROLLBACK")
            holder.close()
            finish(blog, figures)
            blog.stop()
        if blog.rows("SELECT 1 FROM attempts WHERE outcome = 'uncertain'"):
            figures.faults.append("a locked database left doubts")
        blog.start()
        return finished(blog, figures)


def disk(make, times):
    """A small file system fills up while mail is on its way, and is emptied again; readers leave all the same."""
    figures, left = Figures(), {}
    with make("disk", 2_000, database="disk/postroom.db") as blog, small_disk(blog.folder / "disk") as (filler, under):
        reserve = blog.database.with_name("postroom.db.reserve")
        try:
            blog.found()
            blog.order("pause", 0.01)
            for _ in range(times):
                blog.post()
                before = blog.copies.look()
                blog.start(under=under)
                until(60, "some mail", lambda: blog.copies.look() > before + random.randint(1, 1_500))
                fill(filler)
                # A write-ahead log has room of its own; then nothing leaves any more, or everything has left.
                until(90, "the disk to be felt", lambda: is_still(blog))
                if blog.serve.poll() is not None:
                    raise Failed(f"it ended: {blog.serve.returncode}")
                leaving = random.sample(sorted(blog.copies.leave.keys() - left.keys()), 3)
                for reader in leaving:
                    leave(blog, reader, left)
                if not under:
                    full(blog, figures, reserve, [reader for reader in leaving if reader not in left])
                if random.random() < 0.5:
                    blog.kill()
                    figures.crashes += 1
                filler.unlink()
                if blog.serve.poll() is not None:
                    blog.start(under=under)
                finish(blog, figures)
                if not under and not (blog.get("/readyz") == 200 and reserve.stat().st_size == 16 << 20):
                    figures.faults.append("with room on the disk the reserve is not back")
                blog.stop()
            if not under:
                nearly_full(blog, figures, filler)
            blog.start()
            return finished(blog, figures, left)
        finally:
            if blog.serve and blog.serve.poll() is None:
                blog.kill()


def full(blog, figures, reserve, refused):
    """What is to be seen of a full disk: the reserve is given up, so that whoever leaves is heard."""
    until(10, "the reserve to be given up", lambda: not reserve.exists())
    until(10, "it not to be ready", lambda: blog.get("/readyz") == 503)
    if refused:
        figures.faults.append(f"with a reserve to give up, {refused} could not leave")
    told = [one["what"] for one in blog.ask("status")["troubles"]]
    if told != ["disk full"]:
        figures.faults.append(f"of the full disk `status` says {told}")


def nearly_full(blog, figures, filler):
    """With little room no edition is begun; with some it is, by itself."""
    fill(filler, keep=24 << 20)
    editions = blog.editions()
    blog.post()
    blog.start(ready=False)
    until(20, "the pages", lambda: blog.get("/healthz") == 200)
    until(20, "the post to be known", lambda: blog.get(f"/posts/post-{blog.posts}") == 200)
    until(10, "it not to be ready", lambda: blog.get("/readyz") == 503)
    told = [one["what"] for one in blog.ask("status")["troubles"]]
    warned = "no edition is begun with less than 32 MiB" in blog.run("check").stdout
    sent = blog.run("send", "posts")
    if told != ["disk nearly full"] or not warned or sent.returncode != 3 or "no edition is begun" not in sent.stderr:
        figures.faults.append(f"of the nearly full disk: {told}, {warned}, {sent.returncode}: {sent.stderr}")
    time.sleep(2)
    if blog.editions() != editions:
        figures.faults.append("an edition was begun on a disk that is nearly full")
    filler.unlink()
    until(20, "the edition to be begun", lambda: blog.editions() == editions + 1)
    finish(blog, figures)
    blog.stop()


@contextmanager
def small_disk(folder):
    """A file system of 64 MiB at `folder`; where none may be mounted, files there that cannot grow while `filler` is."""
    folder.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [*sudo, "mount", "-t", "tmpfs", "-o", f"size=64m,uid={os.getuid()}", "none", folder]
    if shutil.which(mount[0]) is None or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
        print("disk: no file system can be mounted here; growing files are refused instead", flush=True)
        filler = folder / "filler"
        yield filler, ("env", f"LD_PRELOAD={shim()}", f"POWERCUT_FULL={filler}")
        return
    try:
        yield folder / "filler", ()
    finally:
        subprocess.run([*sudo, "umount", "-l", folder], check=True)


def fill(path, keep=0):
    """Takes what room there is but for `keep`, at most what a small disk has."""
    told = os.statvfs(path.parent)
    most = min(64 << 20, told.f_bavail * told.f_frsize) - keep
    with open(path, "wb", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while filler.tell() < most:
                    filler.write(b"x" * size)
            except OSError:
                pass


def shim():
    """The library that stands between the program and its disk."""
    made = HERE.parents[1] / "target/powercut.so"
    subprocess.run(["cc", "-O1", "-fPIC", "-shared", "-o", made, HERE / "powercut.c", "-ldl", "-lpthread"], check=True)
    return made


def is_still(blog):
    before = blog.copies.look()
    time.sleep(1.5)
    return blog.copies.look() == before


def power(make, times):
    """SIGKILL, and then what was not synced is gone: all of it, or all but a part the disk got to by chance."""
    figures, unsynced = Figures(), 0
    under = ("env", f"LD_PRELOAD={shim()}")
    with make("power", 2_000) as blog:
        blog.found()
        blog.order("pause", 0.005)
        while figures.crashes < times:
            if not blog.moving():
                blog.post()
            before = blog.copies.look()
            blog.start(under=under, ready=random.random() < 0.8)
            target = before + random.randint(0, 300)
            until(60, "some mail", lambda: blog.copies.look() >= target or not working(blog))
            if figures.crashes % 2 == 0:
                freeze_before_a_sync(blog)
            blog.kill()
            figures.crashes += 1
            unsynced += cut(blog)
        blog.start()
        finished(blog, figures)
        print(f"power: {unsynced} writes were not synced", flush=True)
        if not unsynced:
            figures.faults.append("there was nothing to take away: the shim does not work")
    return figures


def undos(blog):
    """The database's files, each with the notes of what was written and not synced."""
    for path in (blog.database, blog.database.with_name(blog.database.name + "-wal")):
        undo = path.with_name(path.name + ".undo")
        if undo.exists() and path.exists():
            yield path, undo


def freeze_before_a_sync(blog):
    """Halts it where something is written and not synced: a kill at any moment seldom comes there."""
    for _ in range(500):
        blog.serve.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, blog.serve.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if any(undo.stat().st_size for _, undo in undos(blog)):
            return
        blog.serve.send_signal(signal.SIGCONT)
        time.sleep(0.002)


def cut(blog):
    """Takes back writes of the database's files that were not synced, all or some; how many there were."""
    unsynced = 0
    for path, undo in undos(blog):
        notes = list(read(undo.read_bytes()))
        unsynced += len(notes)
        undo.unlink()
        with open(path, "r+b") as file:
            for offset, size, old, _, _ in reversed(notes):
                file.seek(offset)
                file.write(old)
                file.truncate(size)
            lucky = random.choice((0, 0, 0.5, 0.9))
            for offset, _, _, new, cut_to in notes:
                if random.random() >= lucky:
                    continue
                if cut_to >= 0:
                    file.truncate(cut_to)
                else:
                    file.seek(offset)
                    file.write(new if random.random() < 0.8 else new[: len(new) // 1024 * 512])
    # What several processes share in memory does not outlive the machine.
    blog.database.with_name(blog.database.name + "-shm").unlink(missing_ok=True)
    return unsynced


def read(undo):
    at = 0
    while at + 40 <= len(undo):
        offset, size, old, new, cut_to = struct.unpack_from("<5q", undo, at)
        at += 40
        if at + old + new > len(undo):
            return  # the process was killed while it wrote this note, so the write itself never came
        yield offset, size, undo[at : at + old], undo[at + old : at + old + new], cut_to
        at += old + new


def sync(make, times):
    """The disk fails to sync while mail is on its way: nothing more is written or sent, and a restart goes on."""
    figures = Figures()
    with make("sync", 1_000) as blog:
        broken = blog.folder / "broken"
        under = ("env", f"LD_PRELOAD={shim()}", f"POWERCUT_EIO={broken}")
        blog.found()
        blog.order("pause", 0.01)
        for _ in range(times):
            if not blog.moving():
                blog.post()
            before = blog.copies.look()
            blog.start(under=under)
            until(60, "some mail", lambda: blog.copies.look() > before + random.randint(1, 100))
            broken.touch()
            until(20, "its end", lambda: blog.serve.poll() is not None)
            figures.crashes += 1
            at_end = blog.copies.look()
            if blog.serve.returncode != 4 or "the disk of the database failed" not in said(blog):
                figures.faults.append(f"after a failed sync it ended with {blog.serve.returncode}")
            if broken.read_text():
                figures.faults.append(f"after a failed sync it synced again: {broken.read_text().split()}")
            time.sleep(0.5)
            if blog.copies.look() > at_end:
                figures.faults.append("after a failed sync mail left")
            broken.unlink()
        blog.start()
        return finished(blog, figures)


def said(blog):
    return (blog.folder / "serve.log").read_text()


def network(make, times):
    """A database on a network file system is refused, by the list of mounts that a library makes up."""
    figures = Figures()
    with make("network", 10) as blog:
        mounts = blog.folder / "mounts"
        mounts.write_text(f"22 1 8:1 / / rw - ext4 /dev/sda rw\n40 22 0:45 / {blog.folder} rw - nfs4 box:/srv rw\n")
        under = ("env", f"LD_PRELOAD={shim()}", f"POWERCUT_MOUNTS={mounts}")
        for words in (("serve",), ("check",), ("subscribers", "add", "jane@blog.test"), ("send", "posts")):
            done = subprocess.run([*under, *blog.arguments(*words)], env=blog.environment(), capture_output=True, text=True)
            told = f"database.url: {blog.folder} is on a network file system (nfs4)" in done.stdout + done.stderr
            if not told or done.returncode != (1 if words == ("check",) else 2) or blog.database.exists():
                figures.faults.append(f"{words} on a network file system: {done.returncode}: {done.stdout}{done.stderr}")
    return figures


def log(make, times):
    """Another program reads without end, so that the write-ahead log grows: it is told, and the log is cut back after."""
    figures = Figures()
    with make("log", 100) as blog:
        blog.found()
        blog.start()
        reader = sqlite3.connect(blog.database, timeout=60, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM subscribers").fetchone()
        writer = sqlite3.connect(blog.database, timeout=60, isolation_level=None)
        writer.execute("CREATE TABLE ballast AS SELECT zeroblob(280 << 20) AS bytes")
        until(10, "it not to be ready", lambda: blog.get("/readyz") == 503)
        told = [one["what"] for one in blog.ask("status")["troubles"]]
        if told != ["log growing"] or "write-ahead log has grown" not in said(blog):
            figures.faults.append(f"of a log of 280 MiB `status` says {told}")
        reader.close()
        writer.execute("DROP TABLE ballast")
        writer.close()
        blog.post()
        until(60, "the log to be cut back", lambda: blog.get("/readyz") == 200)
        finish(blog, figures)
        blog.stop()
        blog.start()
        return finished(blog, figures)


def restored(make, times):
    """An older copy of the database is put back: nothing leaves until the operator has said so."""
    figures = Figures()
    with make("restored", 200) as blog:
        blog.found()
        for number in range(times):
            blog.start()
            backup = blog.folder / "backup.db"
            backup.unlink(missing_ok=True)
            blog.rows(f"VACUUM INTO '{backup}'")
            sealed = blog.editions()
            blog.post()
            until(60, "the edition", lambda: blog.editions() > sealed and not blog.moving())
            blog.stop()
            for ending in ("-wal", "-shm"):
                blog.database.with_name(blog.database.name + ending).unlink(missing_ok=True)
            backup.replace(blog.database)
            if number % 2:  # on another machine there is no file beside it
                blog.database.with_name(blog.database.name + ".generation").unlink()
            before = blog.copies.look()
            blog.start()
            until(60, "the edition to be sealed once more", lambda: blog.editions() > sealed)
            blog.stop()
            blog.start()
            time.sleep(2)
            if blog.copies.look() > before:
                figures.faults.append("an older copy of the database sent mail")
            told = blog.run("status").stdout
            if "the database is an older copy" not in told or "To go on: postroom resume" not in told:
                figures.faults.append(f"of an older copy `status` says {told}")
            (edition,) = blog.rows("SELECT MAX(number) FROM editions")[0]
            blog.run("editions", "cancel", str(edition))
            blog.run("resume")
            blog.stop()
            # Its copies belong to an edition this database has cancelled.
            blog.copies.of.pop(edition)
        blog.post()
        blog.start()
        until(60, "the next edition", lambda: blog.copies.look() >= (times + 1) * len(blog.readers))
        return finished(blog, figures)


def damage(make, times):
    """A database with pages overwritten is refused: never repaired, never replaced, never sent from."""
    figures = Figures()
    with make("damage", 500) as blog:
        blog.found()
        blog.post()
        blog.start()
        until(60, "half an edition", lambda: blog.copies.look() > 100)
        blog.kill()
        blog.start()
        blog.stop()
        good = blog.folder / "good.db"
        shutil.copy(blog.database, good)
        for number in range(times):
            shutil.copy(good, blog.database)
            spoil(blog.database, number)
            before, spoilt = blog.copies.look(), blog.database.read_bytes()
            blog.start(ready=False)
            try:
                code = blog.serve.wait(timeout=20)
            except subprocess.TimeoutExpired:
                blog.kill()
                code = "running"
            if code != 4 or blog.copies.look() > before or blog.database.read_bytes() != spoilt:
                figures.faults.append(f"a database damaged as {number}: {code}, {blog.copies.look() - before} mails")
        shutil.copy(good, blog.database)
        blog.start()
        return finished(blog, figures)


def spoil(path, number):
    """The header, the length, or a few pages."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        match number % 4:
            case 0:
                file.write(random.randbytes(100))
            case 1:
                file.truncate(size // 8192 * 4096)
            case _:
                for page in random.sample(range(1, size // 4096), 12):
                    file.seek(page * 4096)
                    file.write(random.randbytes(4096))
