"""Times methods of psutil.Process on another process: one name per line in, nanoseconds per call out."""

import sys
import time

import psutil

SLICE_NANOSECONDS = 10_000_000

process = psutil.Process(int(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    method = getattr(process, line.strip())
    calls = 0
    start = time.perf_counter_ns()
    while time.perf_counter_ns() - start < SLICE_NANOSECONDS:
        method()
        calls += 1
    print((time.perf_counter_ns() - start) / calls, flush=True)
