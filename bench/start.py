#!/usr/bin/env python3
"""Measures what a start costs: time until /readyz answers 200 with an existing data folder, resident memory when idle, and
the size of the binary. Medians over the runs.

Usage: bench/start.py [--binary target/release/valetkey] [--runs 15]
"""

from __future__ import annotations

import argparse
import base64
import http.client
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time


def ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--binary", default="target/release/valetkey")
    options.add_argument("--runs", type=int, default=15)
    args = options.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="valetkey-start-"))
    key = base64.b64encode(os.urandom(32)).decode()
    times, memory = [], []
    try:
        for run in range(args.runs + 1):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            environment = {
                "PATH": os.environ["PATH"],
                "VALETKEY_LISTEN": f"127.0.0.1:{port}",
                "VALETKEY_DATA_DIR": str(folder),
                "VALETKEY_MASTER_KEY": key,
                "VALETKEY_BOOTSTRAP_CLIENT_ID": "bench",
                "VALETKEY_BOOTSTRAP_CLIENT_SECRET": key,
            }
            began = time.monotonic()
            server = subprocess.Popen([args.binary, "serve"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not ready(port):
                if server.poll() is not None or time.monotonic() - began > 20:
                    raise SystemExit("the server did not get ready")
                time.sleep(0.001)
            took = time.monotonic() - began
            if run:  # the first start makes the database
                times.append(took * 1000)
                time.sleep(1)
                status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
                memory.append(int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024)
            server.send_signal(signal.SIGTERM)
            server.wait(20)
        print(f"ready after start, existing data: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms of {args.runs}")
        print(f"idle resident memory: median {statistics.median(memory):.1f} MB")
        print(f"binary: {os.path.getsize(args.binary) / 1e6:.1f} MB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
