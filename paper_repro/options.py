"""What the commands share: exit codes, the option --json, and sentences on stderr."""

import click

EXIT_REFUTED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130

as_json = click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON (docs/json.md).")


def tell(sentence):
    """Say on stderr what is slow or left out."""
    click.echo(sentence, err=True)
