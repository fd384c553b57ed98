"""The command line `onemerge`: heavy imports happen inside the commands, so that --help answers at once."""

import json
import signal
import sys

import click

from paper_repro.bench_cli import bench
from paper_repro.ledger_cli import looseness, verify
from paper_repro.options import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_REFUTED, as_json
from paper_repro.report_cli import report
from paper_repro.simulate_cli import simulate
from paper_repro.topology_cli import check, compare, scale, topologies
from theory.errors import OnemergeError


class OneSentence(click.Group):
    """A group whose errors are one sentence on stderr and exit code 2, without usage text or traceback."""

    def main(self, *args, **kwargs):
        try:
            code = super().main(*args, **(kwargs | {"standalone_mode": False}))
        except click.ClickException as error:
            fail(error.format_message())
        except OnemergeError as error:
            fail(str(error))
        except (KeyboardInterrupt, click.Abort):
            click.echo("Interrupted; the same command goes on from here.", err=True)
            sys.exit(EXIT_INTERRUPTED)
        sys.exit(code or 0)


def fail(sentence):
    """Print the sentence on stderr and exit with code 2."""
    click.echo(f"onemerge: {sentence}", err=True)
    sys.exit(EXIT_BAD_INPUT)


@click.group(cls=OneSentence, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="onemerge", message="%(version)s")
def main():
    """Check the theory of decentralized learning, and regenerate the figures of arXiv 2507.06542."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@main.command("list")
@as_json
def list_items(as_json):
    """List the figures and tables that can be regenerated, with their claims."""
    from paper_repro.items import ITEMS
    from paper_repro.show import print_items

    records = [
        {
            "item": item.name,
            "title": item.title,
            "paper": item.paper,
            "claims": [{"claim": claim.name, "statement": claim.statement} for claim in item.claims],
        }
        for item in ITEMS.values()
    ]
    click.echo(json.dumps(records, indent=1)) if as_json else print_items(records)


@main.command()
@click.argument("items", nargs=-1)
@click.option("--scale", default="quick", show_default=True, help="quick (embedded data) or paper (its own settings).")
@click.option("--seeds", default=3, show_default=True, help="Number of seeds: 0, 1, ...; at least 3 for a verdict.")
@click.option("--set", "overrides", multiple=True, metavar="runs.FIELD=VALUE", help="Change a field of every run.")
@click.option("--data", metavar="FOLDER", help="Scale paper: folder of the archives, or generated (such images).")
@click.option("--weights", metavar="FOLDER", help="Scale paper: the folder that holds CLIP ViT-B/32.")
@click.option("--project", is_flag=True, help="Scale paper: time a few steps, say how long it would take, run nothing.")
@click.option("--out", help="Folder for figures, tables and runs.  [default: results, or results-paper]")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--jobs", type=int, help="Processes on the CPU  [default: one per core]")
@as_json
def reproduce(items, scale, seeds, overrides, data, weights, project, out, device, jobs, as_json):
    """Regenerate ITEMS (default: all) and judge their claims.

    What is in the output folder already is reused; an interrupted call goes on where it stopped. Exit code 1 when a
    claim is refuted, 2 on bad input.
    """
    from paper_repro.execute import default_jobs
    from paper_repro.reproduce import parse_overrides, reproduce
    from paper_repro.show import print_verdicts, progress
    from sim.store import json_bytes

    if project:
        return projected(items, scale, overrides, device, as_json)
    out = out or ("results" if scale == "quick" else "results-paper")
    with progress() as bar:
        records = reproduce(
            items,
            scale=scale,
            seeds=seeds,
            overrides=parse_overrides(overrides),
            data=data,
            weights=weights,
            folder=out,
            device=device,
            jobs=default_jobs(device) if jobs is None else jobs,
            bar=bar,
        )
    if as_json:
        click.echo(json_bytes(records), nl=False)
    else:
        print_verdicts(records, out)
    verdicts = {claim["verdict"] for record in records for claim in record["claims"]}
    return EXIT_REFUTED if "refuted" in verdicts else 0


def projected(items, scale, overrides, device, as_json):
    """How long the paper's scale would take."""
    from paper_repro.projection import project
    from paper_repro.reproduce import parse_overrides
    from paper_repro.show import print_projection, progress
    from sim.store import json_bytes
    from theory.errors import require

    require(scale == "paper", "--project is for --scale paper: the quick one takes minutes.")
    with progress("kinds of runs") as bar:
        record = project(items, overrides=parse_overrides(overrides), device=device, bar=bar)
    click.echo(json_bytes(record), nl=False) if as_json else print_projection(record, device)


for command in (bench, simulate, check, topologies, compare, scale, verify, looseness, report):
    main.add_command(command)
