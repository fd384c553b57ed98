"""Seconds of calls that take turns in one process."""

import time

import torch


class Clock:
    """(wall, CPU) seconds since it was made or last asked, with the device idle at both ends."""

    def __init__(self, device):
        self.device = device
        self.restart()

    def _now(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter(), time.process_time()

    def restart(self):
        self.started = self._now()

    def lap(self):
        """The seconds, from which on the next lap counts."""
        before, self.started = self.started, self._now()
        return tuple(now - then for now, then in zip(self.started, before, strict=True))


def seconds(device, call):
    """(wall, CPU) seconds of a call."""
    clock = Clock(device)
    call()
    return clock.lap()


def in_turn(device, repetitions, **calls):
    """{name: [(wall, CPU) seconds of a call]}: each is called once to warm up, then all take turns."""
    for call in calls.values():
        call()
    found = {name: [] for name in calls}
    for _ in range(repetitions):
        for name, call in calls.items():
            found[name].append(seconds(device, call))
    return found
