"""The direction of the imports: theory ← sim ← figures (of theory only) ← paper_repro."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "theory": {"sim", "figures", "paper_repro", "torch", "pandas", "matplotlib"},
    "sim": {"figures", "paper_repro", "matplotlib.pyplot", "pylab"},
    "figures": {"sim", "paper_repro", "torch", "matplotlib.pyplot", "pylab"},
    "paper_repro": {"matplotlib.pyplot", "pylab"},
}
HEAVY = ("torch", "pandas", "matplotlib", "sklearn", "sympy", "scipy", "networkx")


def imported(source):
    """Dotted names of everything a module imports, wherever in it: "a.b" and "a.b.c" for `from a.b import c`."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def crossed(names, forbidden):
    return {name for name in names for wall in forbidden if name == wall or name.startswith(f"{wall}.")}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_follow_the_arrow(package):
    modules = sorted((ROOT / package).rglob("*.py"))
    assert len(modules) >= 8
    faults = {str(path): crossed(imported(path.read_text()), FORBIDDEN[package]) for path in modules}
    assert not any(faults.values()), {path: names for path, names in faults.items() if names}


@pytest.mark.parametrize(
    ("source", "package"),
    [
        ("import torch.nn as nn", "theory"),
        ("def f():\n    from sim.run import run", "theory"),
        ("from figures import curves", "sim"),
        ("from matplotlib import pyplot as plt", "figures"),
        ("import matplotlib.pyplot", "paper_repro"),
    ],
)
def test_a_crossed_wall_is_seen(source, package):
    assert crossed(imported(source), FORBIDDEN[package])
    assert not crossed(imported("import numpy\nfrom theory.errors import require\nimport matplotlib"), FORBIDDEN["sim"])


def loaded_by(code):
    """The heavy packages that a fresh interpreter has loaded after this code."""
    ask = f"import sys, json\n{code}\nprint()\nprint(json.dumps([n for n in {HEAVY} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_loads_nothing_heavy():
    call = ("from paper_repro.cli import main", "try:", "    main(['--help'])", "except SystemExit as end:")
    assert loaded_by("\n".join((*call, "    assert end.code == 0"))) == set()


def test_theory_loads_no_torch_and_no_pandas():
    modules = [
        path.relative_to(ROOT).with_suffix("") for path in (ROOT / "theory").rglob("*.py") if path.stem != "__init__"
    ]
    code = "\n".join(f"import {'.'.join(module.parts)}" for module in modules)
    assert loaded_by(code) & {"torch", "pandas", "matplotlib", "sklearn"} == set()
