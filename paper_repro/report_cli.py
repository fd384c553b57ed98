"""The command `onemerge report`; heavy imports happen inside it."""

import click

from paper_repro.options import as_json


@click.command()
@click.argument("results", default="results")
@click.option("--out", default="report.html", show_default=True, help="The page, an .html file.")
@click.option("--verify", is_flag=True, help="First compute every claim of the ledger, as onemerge verify does.")
@click.option("--table", is_flag=True, help="Print the table of the items in Markdown instead of writing a page.")
@click.option("--jobs", type=int, help="Processes of --verify  [default: one per core]")
@as_json
def report(results, out, verify, table, jobs, as_json):
    """Write one HTML page about all that onemerge reproduce left in the folder RESULTS (default: results).

    The page needs nothing beside it: figures, settings here and in the paper, verdicts by finding, the ledger of the
    paper's claims, topologies, bytes of every method, and the command that makes each item again. Exit code 2 on bad
    input.
    """
    from paper_repro.execute import default_jobs
    from paper_repro.report import report, table_of
    from paper_repro.report.show import print_report
    from paper_repro.show import progress
    from sim.store import json_bytes

    if table:
        click.echo(table_of(results))
        return
    with progress("claims") as bar:
        record = report(results, out, verify=verify, jobs=default_jobs("cpu") if jobs is None else jobs, bar=bar)
    click.echo(json_bytes(record), nl=False) if as_json else print_report(record)
