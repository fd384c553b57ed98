"""The command `onemerge bench`: the simulator's speed and memory; heavy imports happen inside it."""

import click

from paper_repro.options import as_json, tell


@click.command()
@click.argument("benchmarks", nargs=-1)
@click.option("--quick", is_flag=True, help="Tiny sizes, one repetition: to see that all of it runs, in seconds.")
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@click.option("--threads", default=1, show_default=True, help="Threads of torch on the CPU, for both sides.")
@click.option("--out", metavar="FILE.md", help="Write the table to this markdown file.")
@as_json
def bench(benchmarks, quick, device, threads, out, as_json):
    """Measure BENCHMARKS against other ways to compute the same: mlp, cnn, resnet18, gossip, quadratics, memory.

    Default: those that suit the device; minutes in all, on a machine that does nothing else meanwhile. Exit code 2 on
    bad input; a target that is not met is said in the table.
    """
    from paper_repro.bench.measure import make_setting, measure
    from paper_repro.bench.show import check_out, print_bench, write_table
    from paper_repro.show import progress
    from sim.store import json_bytes

    setting = make_setting(device, threads, quick)
    if out is not None:
        check_out(out)
    with progress("cases") as bar:
        record = measure(benchmarks, setting, bar=bar, tell=tell)
    if out is not None:
        write_table(record, out)
    click.echo(json_bytes(record), nl=False) if as_json else print_bench(record)
    if out is not None:
        click.echo(f"The table is {out}.", err=as_json)
