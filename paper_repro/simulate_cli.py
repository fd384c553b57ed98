"""The command `onemerge simulate`: any run from the command line; heavy imports happen inside it."""

import json

import click

from paper_repro.options import as_json


@click.command()
@click.argument("problem", default="classification")
@click.option("--method", "methods", multiple=True, metavar="NAME[:FIELD=VALUE,...]", help="A method; one row each.")
@click.option("--against", multiple=True, metavar="NAME[:...]", help="A method to set beside those before.")
@click.option("--set", "texts", multiple=True, metavar="FIELD=VALUE", help="Set a field of all runs.")
@click.option("--seeds", default=3, show_default=True, help="Number of seeds: 0, 1, ...")
@click.option("--probes", help="Names with commas between, like terms,spread.")
@click.option("--probes-every", type=int, help="Rounds between two uses  [default: first and last round]")
@click.option("--out", default="results", show_default=True, help="Folder for the runs.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--jobs", type=int, help="Processes on the CPU  [default: one a method, at most one per core]")
@click.option("--checkpoint-rounds", type=int, help="Also keep a state every so many rounds  [default: every 30 s]")
@click.option("--csv", metavar="FILE", help="Write the tidy table of all rounds to this file.")
@click.option("--list", "listed", is_flag=True, help="List all fields with defaults, methods and probes; run nothing.")
@as_json
def simulate(problem, methods, against, texts, seeds, probes, probes_every, listed, as_json, **options):
    """Simulate PROBLEM: classification (default), quadratic, smooth, logistic or linearnetwork.

    Like: onemerge simulate --method dsgd_one_merge --against fedavg --set lr=0.05 --set agents=32. What is in the
    output folder already is reused; an interrupted call goes on where it stopped. --list shows every field of
    --set. Exit code 2 on bad input.
    """
    from paper_repro.show import progress
    from paper_repro.simulation.meanings import choices
    from paper_repro.simulation.record import simulate_runs
    from paper_repro.simulation.rows import chosen_runs, parse_fields
    from paper_repro.simulation.show import print_fields, print_simulation
    from sim.spec import PROBLEMS
    from sim.store import json_bytes
    from theory.errors import require

    require(problem in PROBLEMS, f"Unknown problem {problem!r}; valid: {', '.join(PROBLEMS)}.")
    if listed:
        click.echo(json.dumps(choices(problem), indent=1, ensure_ascii=False)) if as_json else print_fields(problem)
        return
    shorts = {"probes": probes, "probes_every": probes_every}
    texts += tuple(f"{name}={value}" for name, value in shorts.items() if value is not None)
    runs = chosen_runs(problem, (*(methods or (None,)), *against), parse_fields(texts))
    folder = options.pop("out")
    with progress() as bar:
        record = simulate_runs(runs, seeds, folder, bar=bar, **options)
    click.echo(json_bytes(record), nl=False) if as_json else print_simulation(record)
    if options["csv"]:
        click.echo(f"The table is {options['csv']}.", err=as_json)
