"""The commands about topologies: check, topologies, compare, scale; heavy imports happen inside them."""

import json
from functools import cached_property, reduce

import click

from paper_repro.options import EXIT_REFUTED, as_json, tell


class Value(click.ParamType):
    """A number, or whole numbers with commas between, or a name."""

    name = "value"

    def convert(self, value, param, ctx):
        from theory.roster import whole_or_real

        return whole_or_real(value) if isinstance(value, str) else value


class TopologyCommand(click.Command):
    """A command that also takes every parameter of every topology, read from their functions when it is called."""

    @cached_property
    def parameters(self):
        from paper_repro.check import PARAMETERS

        shown = {parameter: ", ".join(names) for parameter, names in PARAMETERS.items()}
        return [click.Option([f"--{name}"], type=Value(), help=f"Of {names}.") for name, names in shown.items()]

    def get_params(self, ctx):
        return [*self.parameters, *super().get_params(ctx)]


def quadratics(spread, dim):
    """The options of `sim.quadratic.Quadratic`, with the defaults of a command."""
    options = (
        click.option(
            "--L", "L", type=float, default=1.0, show_default=True, help="Largest curvature of the mean loss."
        ),
        click.option("--mu", type=float, help="Smallest curvature of the mean loss  [default: L/10]"),
        click.option(
            "--sigma", type=float, default=1.0, show_default=True, help="Root of the variance of the gradient noise."
        ),
        click.option("--zeta", type=float, default=1.0, show_default=True, help="Diversity of the agents' gradients."),
        click.option(
            "--spread", type=float, default=spread, show_default=True, help="Relative difference of Hessians, below 1."
        ),
        click.option("--dim", default=dim, show_default=True, help="Dimension of the models."),
        click.option(
            "--distance", type=float, default=1.0, show_default=True, help="From the common start to the minimizer."
        ),
    )
    return lambda command: reduce(lambda found, option: option(found), reversed(options), command)


@click.command(cls=TopologyCommand)
@click.argument("topology", required=False)
@click.option(
    "--file", help="A graph, a matrix or a sequence of matrices in place of TOPOLOGY; suffixes are in docs/check.md."
)
@click.option(
    "--weights",
    help="A rule such as lazy_metropolis or fdla, see docs/check.md  [default: metropolis, directed uniform]",
)
@quadratics(spread=0.0, dim=10)
@click.option("--lr", type=float, help="Learning rate  [default: 1/(4 R L (1 + spread)), at most 0.1/(L (1 + spread))]")
@click.option("--steps", default=200, show_default=True, help="Steps, each followed by one gossip.")
@click.option("--runs", default=64, show_default=True, help="Independent runs, at least 2.")
@click.option("--order", help="combine_then_adapt instead of adapt_then_combine.")
@click.option("--certify", is_flag=True, help="Enclose the gaps of a fixed matrix in proved intervals (extra rigor).")
@click.option("--plot", help="Write a figure to this .png or .pdf file.")
@click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON (docs/check.md).")
def check(topology, file, as_json, **options):
    """Check TOPOLOGY, or a file, against every bound, beside simulated runs on quadratics.

    Like: onemerge check ring --agents 16. Exit code 1 when a bound whose assumptions are all met is violated, 2 on bad
    input.
    """
    from pathlib import Path

    from paper_repro.check import check_topology
    from paper_repro.show import print_check, progress
    from sim.store import json_bytes
    from theory.errors import require
    from theory.roster import ROSTER

    require((topology is None) != (file is None), f"give either --file or one topology of {', '.join(ROSTER)}")
    given = {name: value for name, value in options.items() if value is not None}
    with progress() as bar:
        record = check_topology(topology or Path(file), bar=bar, tell=tell, **given)
    click.echo(json_bytes(record), nl=False) if as_json else print_check(record)
    return EXIT_REFUTED if record["contradictions"] else 0


@click.command()
@as_json
def topologies(as_json):
    """List everything that can say who hears whom, with its parameters."""
    from paper_repro.show import print_topologies
    from theory.roster import listing

    records = listing()
    click.echo(json.dumps(records, indent=1, ensure_ascii=False)) if as_json else print_topologies(records)


def plot_path(plot, command, words, agents):
    """`plot` itself, or a file in results/ named after what is drawn."""
    import re

    words = [re.sub(r"[^\w.]+", "-", word).strip("-.") for word in words]
    return plot or "_".join(["results/" + command, *words, re.sub(r"\D+", "-", str(agents))])[:200] + ".png"


@click.command()
@click.argument("topologies", nargs=-1, required=True)
@click.option("--agents", type=int, required=True, help="Number of agents of every topology.")
@click.option("--epsilon", type=float, default=0.01, show_default=True, help="Target of the mean squared gradient.")
@quadratics(spread=0.5, dim=5)
@click.option("--decay", type=float, default=0.9, show_default=True, help="γ of the effective number of neighbors.")
@click.option("--runs", default=8, show_default=True, help="Simulated runs at each learning rate, at least 2.")
@click.option("--most", default=10_000, show_default=True, help="Simulated steps at most.")
@click.option("--plot", help="Write the figure to this .png or .pdf file  [default: a name of its own in results/]")
@as_json
def compare(topologies, agents, plot, as_json, **options):
    """Set TOPOLOGIES of one size side by side: costs, rates, steps to ε under every bound and simulated.

    Like: onemerge compare --agents 32 ring torus exponential base-2 random-0.2. A word is a name of `onemerge
    topologies` (or random, matching, base, one-peer, regular, geometric, erdos), then values for what it needs, after
    hyphens or as name:parameter=value,...; or the path of a file.
    """
    from paper_repro.compare import compare_topologies
    from paper_repro.compare.show import print_comparison
    from paper_repro.show import progress
    from sim.store import json_bytes

    given = {name: value for name, value in options.items() if value is not None}
    plot = plot_path(plot, "compare", topologies, agents)
    with progress("steps") as bar:
        record = compare_topologies(topologies, agents, plot=plot, bar=bar, tell=tell, **given)
    click.echo(json_bytes(record), nl=False) if as_json else print_comparison(record)
    click.echo(f"The figure is {plot}.", err=as_json)


@click.command()
@click.argument("topologies", nargs=-1, required=True)
@click.option("--agents", default="8:100000", show_default=True, metavar="SMALLEST:LARGEST", help="Range of sizes.")
@click.option("--points", default=12, show_default=True, help="Sizes of every topology, at least 3.")
@click.option("--time-limit", type=float, default=60.0, show_default=True, help="Seconds for one gap.")
@click.option("--plot", help="Write the figure to this .png or .pdf file  [default: a name of its own in results/]")
@as_json
def scale(topologies, agents, plot, as_json, **options):
    """Draw the gap of static TOPOLOGIES against their size, with fitted slopes beside the known laws.

    Like: onemerge scale ring torus exponential --agents 8:100000.
    """
    from paper_repro.compare.show import print_scaling
    from paper_repro.scale import scale_topologies, span
    from paper_repro.show import progress
    from sim.store import json_bytes

    plot = plot_path(plot, "scale", topologies, agents)
    with progress("sizes") as bar:
        record = scale_topologies(topologies, *span(agents), plot=plot, bar=bar, tell=tell, **options)
    click.echo(json_bytes(record), nl=False) if as_json else print_scaling(record)
    click.echo(f"The figure is {plot}.", err=as_json)
