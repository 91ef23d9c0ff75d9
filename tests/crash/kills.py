"""Ends of the process: at every named place, at any moment, and in order."""

import random
import signal
import threading
import time

from blog import Blog, Failed, until
from promise import Figures, audit, finish

# In the way of a message; each dies after a number of passages up to this.
SENDING = {"lease": 8, "mark": 400, "content": 400, "dot": 400, "reply": 400, "ledger": 60, "ledger done": 60, "resend": 1}
# Once or twice an edition, or a run.
RARE = ("seal", "sealed", "finish", "recover", "migrated", "unsubscribe", "unsubscribed")


def leave(blog, reader, left):
    """One click; what was answered 200 is what counts."""
    path = blog.copies.leave[reader].removeprefix("https://news.blog.test")
    if blog.get(path, "List-Unsubscribe=One-Click") == 200:
        left[reader] = time.time()


def at_sending_points(make, times):
    """Dies `times` at each point on the way of a message; one edition for every twenty deaths or so."""
    figures = Figures()
    with make("points") as blog:
        blog.found()
        blog.order("pause", 0.005)
        plan = [(point, random.randint(1, most)) for point, most in SENDING.items() for _ in range(times)]
        random.shuffle(plan)
        # Resending needs doubts: it comes when others have died before.
        plan.sort(key=lambda one: one[0] != "resend")
        while plan:
            if not blog.moving():
                blog.post()
            point, count = plan.pop()
            blog.start(f"{point}:{count}", ready=False)
            settled = lambda: blog.serve.poll() is not None or not working(blog)
            until(300, f"the end at {point}", settled)
            if blog.serve.poll() is None:
                # The edition was over before: again in the next one, sooner.
                blog.stop()
                plan.append((point, max(1, count // 2)))
                if point == "resend":
                    plan.append(("dot", random.randint(1, 100)))
            else:
                figures.crashes += 1
                if blog.serve.returncode != -6:
                    raise Failed(f"at {point} it ended with {blog.serve.returncode}")
        blog.start()
        finish(blog, figures)
        blog.stop()
        audit(blog, figures)
    return figures


def at_rare_points(make, times):
    """Dies at the points passed once in a while: seal, finish, start, leaving."""
    figures, left = Figures(), {}
    with make("rare", 200) as blog:
        blog.run("subscribers", "list", failpoint="migrated:1")
        blog.found()
        blog.post()
        blog.start()
        until(60, "the first edition", lambda: blog.copies.look() >= len(blog.readers))
        blog.stop()
        for point in RARE * times:
            if point in ("seal", "sealed") or not blog.moving():
                blog.post()
            blog.start(f"{point}:1", ready=False)
            if point.startswith("unsubscribe"):
                until(60, "serve to be ready", lambda: blog.get("/readyz") == 200)
                leave(blog, random.choice([one for one in blog.readers if one not in left]), left)
            until(60, f"the end at {point}", lambda: blog.serve.poll() is not None)
            figures.crashes += 1
            if random.random() < 0.5:
                blog.start()
                finish(blog, figures)
                blog.stop()
        settle(blog, figures, left)
    return figures


def settle(blog, figures, left):
    """Lets everything go out once more, stops, and holds the books to the promise."""
    blog.start()
    finish(blog, figures)
    blog.stop()
    left |= {one: float("inf") for one, in blog.rows(GONE) if one not in left}
    audit(blog, figures, left)


# Who left without an answer that reached us.
GONE = """SELECT r.address FROM subscriptions s JOIN subscribers r ON r.id = s.subscriber_id
    WHERE s.status = 'unsubscribed'"""


def at_any_moment(make, times):
    """SIGKILL, some of them during start or seal, while readers leave."""
    figures, left = Figures(), {}
    with make("moments") as blog:
        blog.found()
        blog.post()
        blog.start()
        until(120, "the first edition", lambda: blog.copies.look() >= len(blog.readers))
        finish(blog, figures)
        blog.stop()
        blog.order("pause", 0.005)
        while figures.crashes < times:
            if not blog.moving():
                blog.post()
            before, leaving = blog.copies.look(), None
            if random.random() < 0.15:
                blog.start(ready=False)
                time.sleep(random.uniform(0, 0.6))
            else:
                blog.start()
                target = before + random.randint(1, 600)
                leaving = threading.Thread(target=some_leave, args=(blog, left))
                leaving.start()
                until(60, "some mail", lambda: blog.copies.look() >= target or not working(blog))
            blog.kill()
            if leaving:
                leaving.join()
            figures.crashes += 1
            if random.random() < 0.1:
                figures.worst("resume_seconds", resume(blog))
        settle(blog, figures, left)
    return figures


def working(blog):
    """Whether mail is still to come; a post written after a start that was killed shares an edition with the one before."""
    (mailed,) = blog.rows("SELECT COUNT(DISTINCT post_id) FROM variant_posts")[0]
    return mailed < blog.posts - 1 or blog.moving()


def some_leave(blog, left):
    for _ in range(random.randint(0, 4)):
        reader = random.choice(blog.readers)
        if reader not in left and reader in blog.copies.leave:
            leave(blog, reader, left)
        time.sleep(random.uniform(0, 0.1))


def resume(blog):
    """Seconds from the start after a crash to the first mail the relay takes."""
    if not blog.moving():
        blog.post()
    before, began = blog.copies.look(), time.monotonic()
    blog.start(ready=False)
    until(60, "the first mail after a crash", lambda: blog.copies.look() > before)
    seconds = time.monotonic() - began
    blog.kill()
    return seconds


def in_order(make, times):
    """SIGTERM under load, with a relay that takes up to two seconds to answer: nothing is uncertain."""
    figures = Figures()
    with make("order", 2_000) as blog:
        blog.found()
        blog.order("pause", 1)
        for _ in range(times):
            if not blog.moving():
                blog.post()
            before = blog.copies.look()
            blog.start()
            until(60, "some mail", lambda: blog.copies.look() >= before + random.randint(1, 30))
            seconds = blog.stop()
            if seconds > 75:
                figures.faults.append(f"a stop took {seconds:.0f} s")
            if held := blog.rows("SELECT state, COUNT(*) FROM deliveries WHERE state IN ('leased', 'handing_over', 'uncertain') GROUP BY 1"):
                figures.faults.append(f"after a stop in order: {held}")
        blog.order("pause", 0)
        blog.start()
        finish(blog, figures)
        blog.stop()
        audit(blog, figures)
        if figures["dup_total"]:
            figures.faults.append("a stop in order made second copies")
    return figures


def after_a_halt(make, times):
    """Halted for seconds, as by a machine that sleeps: what falls due afterwards is sent."""
    figures = Figures()
    with make("halt", 50) as blog:
        blog.found()
        blog.start()
        for _ in range(times):
            before = blog.copies.look()
            blog.serve.send_signal(signal.SIGSTOP)
            time.sleep(4)
            blog.serve.send_signal(signal.SIGCONT)
            blog.post()
            until(60, "the edition after a halt", lambda: blog.copies.look() >= before + len(blog.readers))
        finish(blog, figures)
        blog.stop()
        audit(blog, figures)
    return figures


def in_haste(make, times):
    """A second SIGTERM ends it at once; a fault of ours in a task ends all of it, with 101. Both are survived like a kill."""
    figures = Figures()
    with make("haste", 1_000) as blog:
        blog.found()
        blog.order("pause", 5)
        for _ in range(times):
            if not blog.moving():
                blog.post()
            before = blog.copies.look()
            blog.start()
            until(60, "some mail", lambda: blog.copies.look() > before)
            blog.serve.send_signal(signal.SIGTERM)
            until(10, "the stop", lambda: not blog.get("/healthz"))
            began = time.monotonic()
            blog.serve.send_signal(signal.SIGTERM)
            code = blog.serve.wait(timeout=10)
            if code != 130 or time.monotonic() > began + 1:
                figures.faults.append(f"a second SIGTERM ended it with {code} after {time.monotonic() - began:.1f} s")
            blog.start(f"panic at {random.choice(('mark', 'reply', 'lease'))}:1", ready=False)
            code = blog.serve.wait(timeout=60)
            if code != 101:
                figures.faults.append(f"a panic in a task ended it with {code}")
            figures.crashes += 2
        blog.order("pause", 0)
        blog.start()
        finish(blog, figures)
        blog.stop()
        audit(blog, figures)
    return figures
