"""The commands about claims and bounds: verify, looseness; heavy imports happen inside them."""

import click

from paper_repro.options import EXIT_REFUTED, as_json


@click.command()
@click.argument("claims", nargs=-1)
@click.option("--explain", is_flag=True, help="Print the argument step by step.")
@click.option("--latex", is_flag=True, help="With --explain: formulas as LaTeX.")
@click.option("--tries", default=2000, show_default=True, help="Points of every search.")
@click.option("--runs", default=256, show_default=True, help="Runs of every simulation.")
@click.option("--seed", default=0, show_default=True, help="Seed of searches and simulations.")
@click.option("--out", default="results", show_default=True, help="Folder for the records.")
@click.option("--jobs", type=int, help="Processes  [default: one per core]")
@as_json
def verify(claims, explain, latex, tries, runs, seed, out, jobs, as_json):
    """Give every one of CLAIMS (default: all of the paper) a verdict computed from evidence.

    Like: onemerge verify D.5 --explain. Records in the output folder are reused where nothing changed; an interrupted
    call goes on where it stopped. Exit code 1 when what docs/ledger.md records as proved is not, 2 on bad input.
    """
    from paper_repro.execute import default_jobs
    from paper_repro.ledger import lost, verify
    from paper_repro.ledger.show import print_explanation, print_ledger
    from paper_repro.show import progress
    from sim.store import json_bytes
    from theory.errors import require
    from theory.proof.evidence import Effort

    require(tries >= 1 and runs >= 2, f"tries is {tries} and runs is {runs}; at least 1 and 2 are needed")
    require(seed >= 0, f"seed is {seed}; it must be a whole number of at least 0")
    require(explain or not latex, "--latex goes with --explain")
    with progress("claims") as bar:
        jobs = default_jobs("cpu") if jobs is None else jobs
        records = verify(claims, effort=Effort(tries, runs, seed), folder=out, jobs=jobs, bar=bar)
    gone = lost(records)
    if as_json:
        click.echo(json_bytes(records), nl=False)
    elif explain:
        for record in records:
            print_explanation(record, latex)
    else:
        print_ledger(records, out, gone)
    return EXIT_REFUTED if gone else 0


def numbers(context, option, text):
    """The numbers of "0.1,0.5"."""
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no list of numbers with commas between, such as 0.1,0.5") from None


@click.command()
@click.argument("bounds", nargs=-1)
@click.option("--slems", default="0.1,0.3,0.5,0.7,0.85,0.95", show_default=True, callback=numbers, help="Grid of slem.")
@click.option("--lrs", default="0.01,0.1,0.5", show_default=True, callback=numbers, help="Grid of lr L.")
@click.option("--steps", default=8, show_default=True, help="Steps of the worst case.")
@click.option("--plot", help="Write the figure to this .png or .pdf file  [default: a name of its own in results/]")
@as_json
def looseness(bounds, slems, lrs, steps, plot, as_json):
    """Set BOUNDS beside exact worst cases over slem and learning rate (default: those of the paper and the masters).

    Like: onemerge looseness lemma_d1 corollary_d2 master_consensus. Names are those of docs/bounds.md,
    fields of --json those of docs/verify.md.
    """
    from paper_repro.ledger.loose import loosenesses
    from paper_repro.ledger.show import print_looseness
    from paper_repro.show import progress
    from paper_repro.topology_cli import plot_path
    from sim.store import json_bytes

    plot = plot_path(plot, "looseness", bounds, steps)
    with progress("bounds") as bar:
        rows = loosenesses(bounds, slems, lrs, steps, plot, bar)
    click.echo(json_bytes(rows), nl=False) if as_json else print_looseness(rows)
    click.echo(f"The figure is {plot}.", err=as_json)
