"""``zcasync certificates``: what a server and its clients on other hosts need for TLS."""

from __future__ import annotations

import click

from zcasync.cli.options import examples, folders, json_option


@click.command(
    "certificates",
    short_help="Make the certificates of a database server and of its hosts.",
    epilog=examples(
        "zcasync certificates tls --server storage.example.org --server 10.0.0.5 "
        "--client worker-1 --client web-1",
        "zcasync certificates tls --client worker-2",
    ),
)
@click.argument("folder", metavar="FOLDER", shell_complete=folders)
@click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="NAME",
    help="A name or address of the database server; again for each that its clients use.",
)
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME",
    help="A host with workers or applications; again for each.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=365,
    show_default=True,
    metavar="N",
    help="How long they are good for.",
)
@json_option
def command(
    folder: str, servers: tuple[str, ...], clients: tuple[str, ...], days: int, as_json: bool
) -> None:
    """Make certificates for TLS between a ZEO server and its clients on other hosts.

    FOLDER gets an authority, where it has none yet, and a folder for each host that is named: copy
    that to the host.  What is named is made anew, so that the same command renews it; the authority
    stays, for ten years.  FOLDER/ca.key belongs on none of these hosts: whoever has it makes
    clients.  Needs the program openssl, 3.0 or later.
    """
    from pathlib import Path

    from zcasync.authority import Authority
    from zcasync.cli.output import print_facts, print_json, print_line
    from zcasync.errors import ConfigurationError

    if not servers and not clients:
        raise click.UsageError("name a --server or a --client", click.get_current_context())
    authority = Authority(Path(folder))
    try:
        is_new = authority.make("zcasync")
        made = [authority.server(servers, days)] if servers else []
        made += [authority.client(name, days) for name in dict.fromkeys(clients)]
    except ConfigurationError as error:  # not of a home
        raise click.UsageError(str(error), click.get_current_context()) from error
    if as_json:
        listed = [
            {
                "host": one.host,
                "kind": one.kind,
                "folder": str(one.folder),
                "ends": one.ends.isoformat(),
            }
            for one in made
        ]
        print_json({"folder": folder, "authority_is_new": is_new, "made": listed})
        return
    if is_new:
        print_line(f"{authority.key} is new: keep it, and keep it from all hosts")
    print_facts(
        (one.host, f"{one.kind}, until {one.ends:%Y-%m-%d}: copy {one.folder} to that host")
        for one in made
    )
