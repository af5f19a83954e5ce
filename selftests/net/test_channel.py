#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ppnd-claim as strangers meet it: a WebSocket client that is not ours, raw bytes, and /proc.

The monitor is played here: it answers tickets and hears how each connection ended.
"""
import asyncio
import os
import socket
import struct
import subprocess
import sys
import threading
import time

SELF = os.path.realpath(__file__)
TOP = os.path.dirname(os.path.dirname(os.path.dirname(SELF)))
PROGRAM = os.path.join(os.environ.get("PPN_BUILD", os.path.join(TOP, "build")), "ppnd-claim")
PIN = "ppn.1.pin"
NOBODY = 65534
ENDS = ("ANSWERED LIMIT TIMEOUT GONE UPGRADE FRAME NOISE ORDER SIZE REFUSED FAILED").split()
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ppn.1.pin\r\n\r\n"
)


def upgrade(protocol=PIN, version="13", method="GET"):
    return (
        f"{method} / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: {version}\r\n"
        f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    ).encode()


class Monitor(threading.Thread):
    """ppnd's end of the worker's socket (user/lib/worker.h)."""

    def __init__(self, sock):
        super().__init__(daemon=True)
        self.sock, self.ends, self.tickets, self.broken = sock, {}, 0, None
        self.changed = threading.Condition()

    def run(self):
        while True:
            try:
                packet = self.sock.recv(70000)
            except OSError:
                return
            if not packet:
                return
            kind, conn = packet[0], packet[4:8]
            with self.changed:
                if kind == 2:
                    self.tickets += 1
                    self.sock.send(b"\3\0\0\0" + conn + b"\1\1\0\0" + b"f" * 32 + b"k" * 32)
                elif kind == 8:
                    end = ENDS[packet[8]]
                    self.ends[end] = self.ends.get(end, 0) + 1
                else:
                    self.broken = f"type {kind}"
                self.changed.notify_all()

    def wait_end(self, end, count, seconds=10):
        with self.changed:
            return self.changed.wait_for(lambda: self.ends.get(end, 0) >= count, seconds)

    def count(self, end):
        with self.changed:
            return self.ends.get(end, 0)


class Worker:
    """A running ppnd-claim, on [::1]."""

    def __init__(self, *options):
        listener = socket.socket(socket.AF_INET6)
        listener.bind(("::1", 0))
        listener.listen(128)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = start(listener.fileno(), theirs.fileno(), *options)
        listener.close()
        theirs.close()
        self.monitor = Monitor(ours)
        self.monitor.start()

    def connect(self):
        return socket.create_connection(("::1", self.port), timeout=10)

    def close(self):
        self.monitor.sock.shutdown(socket.SHUT_RDWR)
        self.monitor.sock.close()
        return self.process.wait(10)


def start(listener, monitor, *options):
    def place():
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate((listener, monitor))]
        for at, fd in zip((3, 4), high):
            os.dup2(fd, at)

    return subprocess.Popen(
        [PROGRAM, *options],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=place,
        close_fds=False,
    )


def as_nobody(*options):
    return ("--uid", str(NOBODY), "--gid", str(NOBODY), *options) if os.geteuid() == 0 else options


def hear(sock):
    """All bytes until the peer's end; "reset" instead, if it resets."""
    heard = b""
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            return "reset"
        if not piece:
            sock.close()
            return heard
        heard += piece


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def check(self, name, good, detail=""):
        self.n += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.n} - {name}", flush=True)
        if not good and detail != "":
            print(f"# {detail}", flush=True)

    def equal(self, name, got, wanted):
        self.check(name, got == wanted, f"{got!r} instead of {wanted!r}")

    def end(self):
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)


# ---- a client that is not ours ------------------------------------------------------------------


async def other_client(tap, worker):
    import websockets

    url = f"ws://[::1]:{worker.port}/"
    async with websockets.connect(url, subprotocols=["chat", PIN], max_queue=None) as ws:
        tap.equal("websockets: the subprotocol", ws.subprotocol, PIN)
        headers = ws.response_headers
        tap.equal(
            "websockets: the 101 has these headers and no other",
            sorted(name.lower() for name in headers),
            ["connection", "sec-websocket-accept", "sec-websocket-protocol", "upgrade"],
        )
        hello = await asyncio.wait_for(ws.recv(), 10)
        tap.check("websockets: one binary message of 32 bytes", isinstance(hello, bytes) and len(hello) == 32)
    tap.check("websockets: its close is heard", worker.monitor.wait_end("GONE", 1))

    # websockets ends a message in pieces by an empty frame
    cases = (
        ("junk instead of message 2", b"j" * 500, "NOISE"),
        ("a text message", "text", "FRAME"),
        ("a message above 65,535 bytes", b"x" * 65552, "SIZE"),
        ("a message in four fragments", [b"a", b"b", b"c"], "NOISE"),
        ("a message in five fragments", [b"a", b"b", b"c", b"d"], "FRAME"),
    )
    for name, message, end in cases:
        before = worker.monitor.count(end)
        ws = await websockets.connect(url, subprotocols=[PIN], compression=None)
        await asyncio.wait_for(ws.recv(), 10)
        await ws.send(message)
        try:
            rest = await asyncio.wait_for(ws.recv(), 10)
        except websockets.ConnectionClosed as closed:
            rest = closed.rcvd
        tap.equal(f"websockets: {name}: closed without a word", rest, None)
        await ws.wait_closed()
        tap.check(f"websockets: {name}: counted as {end}", worker.monitor.wait_end(end, before + 1))


# ---- raw bytes ------------------------------------------------------------------------------------


def raw(tap, worker):
    cases = (
        ("TLS", b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03\r\n\r\n"),
        ("plain HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        ("another subprotocol", upgrade("ppn.1.code")),
        ("version 8", upgrade(version="8")),
        ("POST", upgrade(method="POST")),
        ("a head of 9,000 bytes", b"GET / HTTP/1.1\r\nX: " + b"a" * 9000),
        ("bytes before the answer", upgrade() + b"\x82\x80aaaa"),
    )
    for name, request in cases:
        before = worker.monitor.count("UPGRADE")
        sock = worker.connect()
        sock.sendall(request)
        tap.equal(f"raw: {name}: no byte, no reset", hear(sock), b"")
        tap.check(f"raw: {name}: counted", worker.monitor.wait_end("UPGRADE", before + 1))

    sock = worker.connect()
    for byte in upgrade():
        sock.sendall(bytes([byte]))
    heard = sock.recv(len(SWITCH) + 34, socket.MSG_WAITALL)
    tap.equal("raw: an upgrade byte by byte is answered", heard[: len(SWITCH)], SWITCH)
    tap.equal("raw: and one frame of 32 bytes", heard[len(SWITCH) : len(SWITCH) + 2], b"\x82\x20")
    sock.sendall(b"\x89\x80aaaa")
    sock.sendall(b"\x89\x00")
    tap.equal("raw: a ping gets no pong, an unmasked one the end", hear(sock), b"")
    tap.check("raw: counted", worker.monitor.wait_end("FRAME", 3))


def limits(tap, worker):
    socks = [worker.connect() for _ in range(4)]
    for sock in socks:
        sock.sendall(upgrade())
        sock.recv(len(SWITCH) + 34, socket.MSG_WAITALL)
    fifth = worker.connect()
    tap.equal("limits: a fifth connection of one source: no byte", hear(fifth), b"")
    tap.check("limits: counted", worker.monitor.wait_end("LIMIT", 1))
    socks[0].close()
    worker.monitor.wait_end("GONE", 2)
    sixth = worker.connect()
    sixth.sendall(upgrade())
    tap.equal("limits: a place is free again", sixth.recv(len(SWITCH), socket.MSG_WAITALL), SWITCH)
    began = time.monotonic()
    before = worker.monitor.count("TIMEOUT")
    tap.check("limits: the others time out", worker.monitor.wait_end("TIMEOUT", before + 4, 20))
    tap.equal("limits: without a word", [len(hear(s)) for s in socks[1:] + [sixth]], [0, 0, 0, 34])
    tap.check("limits: in their time", time.monotonic() - began < 15)


# ---- the process -----------------------------------------------------------------------------------


def process(tap):
    leak = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(leak, True)
    worker = Worker(*as_nobody())
    sock = worker.connect()
    sock.sendall(upgrade())
    sock.recv(len(SWITCH), socket.MSG_WAITALL)
    seen, pid = status(worker.process.pid), worker.process.pid
    if os.geteuid() == 0:
        tap.equal("process: uid", set(seen["Uid"].split()), {str(NOBODY)})
        tap.equal("process: gid and groups", set((seen["Gid"] + seen["Groups"]).split()), {str(NOBODY)})
        tap.equal("process: no capability", [int(seen[c], 16) for c in ("CapPrm", "CapEff", "CapAmb")], [0] * 3)
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in sorted(os.listdir(f"/proc/{pid}/fd"), key=int)]
        tap.check("process: other descriptors are closed", "/etc/passwd" not in links, links)
    tap.equal("process: no new privileges", seen["NoNewPrivs"], "1")
    os.close(leak)
    sock.close()
    tap.equal("process: ends with the monitor's socket", worker.close(), 0)
    if os.geteuid() == 0:
        tap.equal("process: as root without a user: refused", Worker().process.wait(10), 1)
        tap.equal("process: user 0: refused", Worker("--uid", "0", "--gid", "0").process.wait(10), 1)
    for bad in (["--uid"], ["--uid", "x"], ["--uid", "-1"], ["--no-such"], ["extra"], ["--total-ms", "99999999"]):
        tap.equal(f"process: {' '.join(bad)}: usage", Worker(*bad).process.wait(10), 2)
    null = os.open("/dev/null", os.O_RDONLY)
    tap.equal("process: no sockets where they should be", start(null, null, *as_nobody()).wait(10), 1)
    os.close(null)

    worker = Worker(*as_nobody())
    worker.monitor.sock.send(b"nonsense")
    tap.equal("process: nonsense from the monitor ends it", worker.process.wait(10), 1)


def main():
    if not os.access(PROGRAM, os.X_OK):
        print("1..0 # SKIP no ppnd-claim in the build")
        return
    if os.geteuid() == 0 and "PPN_CHANNEL_WORLD" not in os.environ:
        os.environ["PPN_CHANNEL_WORLD"] = "1"
        script = 'ip link set lo up && exec /usr/bin/python3 "$0"'
        os.execvp("unshare", ["unshare", "-n", "-m", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-ec", script, SELF])
    tap = Tap()
    worker = Worker(*as_nobody("--handshake-ms", "2000"))
    asyncio.run(other_client(tap, worker))
    raw(tap, worker)
    limits(tap, worker)
    tap.equal("the monitor heard nothing it should not", worker.monitor.broken, None)
    tap.equal("the worker is still there", worker.process.poll(), None)
    tap.equal("and ends well", worker.close(), 0)
    process(tap)
    tap.end()


if __name__ == "__main__":
    main()
