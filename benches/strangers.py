#!/usr/bin/env python3
"""What strangers, who have no secret, make `ingest` take: peaks of its memory, as it is shipped.

    benches/strangers.py target/release/ingest

It runs with the allocator's settings of the image (from the Dockerfile) and, where control groups can be made here, within the
limit of the pod (from k8s/base/ingest.yaml) and without swap. Each scenario begins with a new process. Every webhook that GitHub
documents is sent with its signature while strangers hold connections, and has to be answered.
"""

import concurrent.futures
import hashlib
import hmac
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECRET = "0123456789abcdef0123456789abcdef"
NAME = "ai-agent-strangers"
WRONG = f"x-hub-signature-256: sha256={'0' * 64}\r\n"
HEAD = "POST /webhook/github HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-github-event: issues\r\nx-github-delivery: d\r\n"


def image_settings():
    return dict(re.findall(r"\b(MALLOC_\w+)=(\w+)", (ROOT / "Dockerfile").read_text()))


def pod_limit():
    """In MiB."""
    text = (ROOT / "k8s/base/ingest.yaml").read_text()
    return int(re.search(r"limits:\n(?: +\w+: .*\n)*? +memory: (\d+)Mi", text)[1])


def make_group(limit):
    """The list of processes of a control group with the limit of the pod; none where it cannot be made."""
    root = pathlib.Path("/sys/fs/cgroup")
    # Of the second version, and of the first.
    for parent, file in [(root, "memory.max"), (root / "memory", "memory.limit_in_bytes")]:
        if not (parent / "cgroup.procs").exists():
            continue
        try:
            group = parent / NAME
            group.mkdir(exist_ok=True)
            (group / file).write_text(str(limit << 20))
        except OSError:
            continue
        swap = group / "memory.swap.max"
        if swap.exists():
            swap.write_text("0")
        if int((group / file).read_text()) == limit << 20:
            return group / "cgroup.procs"
    return None


class Ingest:
    def __init__(self, program, group, more):
        environment = {
            "AGENT_LISTEN": "127.0.0.1:0",
            "AGENT_WEBHOOK_SECRETS": SECRET,
            "AGENT_AMQP_URL": "amqp://127.0.0.1:1/agents",
            # Nothing is published: what is measured is the way up to that.
            "AGENT_TRIGGER_LABEL": "no-such-label",
            "AGENT_GENERATED_LABEL": "no-such-label-either",
            **image_settings(),
            **more,
        }
        enter = (lambda: group.write_text(str(os.getpid()))) if group else None
        self.process = subprocess.Popen(
            [program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=enter
        )
        for line in self.process.stdout:
            if found := re.search(r'"address":"127\.0\.0\.1:(\d+)"', line):
                self.port = int(found[1])
                break
        else:
            sys.exit("ingest does not start")
        # What it says further is not read here, and must not block it.
        os.set_blocking(self.process.stdout.fileno(), False)
        self.drain = concurrent.futures.ThreadPoolExecutor(1)
        self.drain.submit(self.read)

    def read(self):
        while self.process.poll() is None:
            try:
                os.read(self.process.stdout.fileno(), 1 << 16)
            except BlockingIOError:
                time.sleep(0.01)

    def peak(self):
        """In MiB; none of a process that was killed."""
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
            return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024
        except (OSError, TypeError):
            return None

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def post(self, data):
        """The status of the answer, 0 where there is none."""
        with self.connect() as stream:
            try:
                stream.sendall(data)
            except OSError:
                pass
            try:
                answer = stream.recv(4096)
                return int(answer.split()[1]) if answer else 0
            except OSError:
                return 0

    def close(self):
        is_alive = self.process.poll() is None
        self.process.kill()
        self.process.wait()
        self.drain.shutdown()
        return is_alive


def genuine():
    """Every documented webhook that is at hand, with its head."""
    for file in sorted((ROOT / "tests/fixtures/github/webhooks").glob("*/*.json")):
        body = file.read_bytes()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        head = HEAD.replace("event: issues", f"event: {file.parent.name}")
        yield f"{head}x-hub-signature-256: sha256={signature}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def long_bodies(ingest):
    """Six rounds of eight bodies of 24 MB at once, whose signature is wrong: without one they are not read."""
    length = 24_000_000
    data = f"{HEAD}{WRONG}content-length: {length}\r\n\r\n".encode() + b"x" * length
    peaks = []
    for _ in range(6):
        ingest.forget_peak()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(ingest.post, [data] * 8))
        peaks.append(ingest.peak())
    return peaks


def long_heads(ingest):
    """1,000 heads of 60 KB without an end, and 300 bodies of 2 MB that stop in the middle."""
    head = b"POST /webhook/github HTTP/1.1\r\nhost: x\r\nx-long: " + b"x" * 60_000
    body = f"{HEAD}{WRONG}content-length: 2000000\r\n\r\n".encode() + b"x" * 150_000
    return hold(ingest, [head] * 1_000 + [body] * 300)


def slow_connections(ingest):
    """22 bodies of 2 MB that stop in the middle."""
    body = f"{HEAD}{WRONG}content-length: 2000000\r\n\r\n".encode() + b"x" * 1_000_000
    return hold(ingest, [body] * 22)


def hold(ingest, starts):
    """Opens connections with these starts, and sends what is genuine beside them."""
    held = []
    for start in starts:
        stream = ingest.connect()
        stream.settimeout(1)
        try:
            stream.sendall(start)
        except OSError:
            pass
        held.append(stream)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ingest.post, genuine()))
    good = sum(200 <= answer < 300 for answer in answers)
    return [ingest.peak()], f"{good} of {len(answers)} genuine webhooks answered"


SCENARIOS = [
    ("6 rounds of 8 posts of 24 MB that are signed wrong", long_bodies, {}),
    ("the same with AGENT_MAX_BODY=24MiB", long_bodies, {"AGENT_MAX_BODY": "24MiB"}),
    ("1,000 long heads and 300 slow bodies", long_heads, {}),
    ("22 slow connections", slow_connections, {}),
    ("the same with AGENT_MAX_BODY=24MiB", slow_connections, {"AGENT_MAX_BODY": "24MiB"}),
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    limit = pod_limit()
    group = make_group(limit)
    where = f"within {limit} MiB" if group else f"peaks alone: no control group can be made here (the pod has {limit} MiB)"
    settings = " ".join(f"{name}={value}" for name, value in image_settings().items())
    print(f"{settings}, {where}\n\n| | peak MiB | |\n|---|--:|---|")
    failed = False
    for name, scenario, more in SCENARIOS:
        ingest = Ingest(sys.argv[1], group, more)
        found = scenario(ingest)
        peaks, told = found if isinstance(found, tuple) else (found, "")
        is_alive = ingest.close()
        peaks = ", ".join("killed" if peak is None else f"{peak:.1f}" for peak in peaks)
        print(f"| {name} | {peaks} | {told if is_alive else 'it did not survive'} |", flush=True)
        failed |= not is_alive
    sys.exit(failed)


if __name__ == "__main__":
    main()
