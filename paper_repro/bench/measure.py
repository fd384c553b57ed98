"""All benchmarks by name, which of them a device gets, and their record."""

import os
from pathlib import Path

import torch

from paper_repro.bench.gossip import gossip
from paper_repro.bench.memory import memory
from paper_repro.bench.networks import cnn, mlp
from paper_repro.bench.quadratics import quadratics
from paper_repro.bench.resnet import resnet18
from paper_repro.bench.row import Setting
from paper_repro.reproduce import processor, revision, versions
from sim.run import pick_device
from sim.threads import cpu_threads
from theory.errors import require

BENCHMARKS = {
    "mlp": mlp,
    "cnn": cnn,
    "resnet18": resnet18,
    "gossip": gossip,
    "quadratics": quadratics,
    "memory": memory,
}
STATUS = Path("/proc/self/status")  # of Linux, from which `memory` reads on a CPU


def make_setting(device, threads, quick):
    """The `Setting` of options as they were given."""
    require(threads >= 1, f"threads must be a whole number of at least 1, not {threads}.")
    return Setting(pick_device(device), threads, quick)


def chosen(names, device):
    """([name of each benchmark to run], [sentence on each that is left out]); no names: all that suit the device."""
    for name in names:
        require(name in BENCHMARKS, f"Unknown benchmark {name!r}; valid: {', '.join(BENCHMARKS)}.")
    reasons = {name: impossible(name, device) for name in dict.fromkeys(names or BENCHMARKS)}
    if not names and device.type == "cpu":
        reasons["resnet18"] = "resnet18 is for a GPU: on a CPU it runs where it is named, at a small size."
    run, left_out = [name for name, why in reasons.items() if not why], [why for why in reasons.values() if why]
    require(run, f"Nothing is left to run: {' '.join(left_out)}")
    return run, left_out


def impossible(name, device):
    """Why a benchmark cannot run on a device, or None."""
    if name == "quadratics" and device.type != "cpu":
        return f"quadratics is left out on {device.type}: its peers are of a CPU."
    if name == "memory" and device.type == "cpu" and not STATUS.exists():
        return f"memory is left out: this system has no {STATUS}, which tells the peak."
    return None


def measure(names, setting, *, bar=lambda done, total: None, tell=lambda sentence: None):
    """The record of benchmarks (none: all that suit the device): where, with what, the rows, and what is left out."""
    names, left_out = chosen(names, setting.device)
    for sentence in left_out:
        tell(sentence)
    rows = []
    with cpu_threads(setting.threads):
        cases = [case for name in names for case in BENCHMARKS[name](setting)]
        for done, case in enumerate(cases):
            bar(done, len(cases))
            rows += case()
        bar(len(cases), len(cases))
    return {
        "command": command(names, setting),
        "hardware": hardware(setting),
        "device": setting.device.type,
        "threads": setting.threads,
        "quick": setting.quick,
        "versions": versions(),
        "revision": revision(),
        "left_out": left_out,
        "rows": [row.record() for row in rows],
    }


def command(names, setting):
    """The command that measures the same."""
    options = f" --device {setting.device.type}" * (setting.device.type != "cpu") + " --quick" * setting.quick
    return f"onemerge bench {' '.join(names)}{options} --threads {setting.threads}"


def hardware(setting):
    """The processor with its cores and the threads used, and the accelerator where one is measured, in words."""
    words = f"{processor()}, {os.cpu_count()} cores, {setting.threads} thread(s)"
    return f"{torch.cuda.get_device_name(setting.device)}; {words}" if setting.device.type == "cuda" else words
