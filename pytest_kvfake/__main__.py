"""The command ``kvfake``: runs one fake by itself, prints a contract, or holds a live endpoint against it.

::

    kvfake cloudflare --port 8787               for a shell, or for clients in other languages
    kvfake contract cloudflare                  its reference, as Markdown
    kvfake verify cloudflare --base-url URL     the contract cases against a live endpoint
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from pytest_kvfake import log, verify
from pytest_kvfake.contract.document import DIALECTS, load
from pytest_kvfake.contract.reference import Reference
from pytest_kvfake.discovery import fake_class, implemented
from pytest_kvfake.errors import KVFakeError, OptionError
from pytest_kvfake.fake import Fake
from pytest_kvfake.options import OPTIONS, RANDOM, Option, from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["main"]

_EXAMPLE = "Example: %(prog)s cloudflare --port 8787 --dialect observed"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for, and gives the exit status.

    Args:
        arguments: the command line; that of the process unless given.

    Returns:
        0 after Ctrl+C or SIGTERM, 1 where the fake cannot be started; what `verify` gives. A wrong command line
        exits with 2.
    """
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except (KVFakeError, OSError) as error:
        print(f"kvfake: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kvfake", description="In-memory fakes of hosted key-value services.", epilog=_EXAMPLE
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for service in implemented():
        command = commands.add_parser(
            service,
            help=f"run a fake of {service} until Ctrl+C",
            description=f"Runs a fake of {service}, prints its address and credentials, and stays until Ctrl+C.",
        )
        for option in _options():
            flag = f"--{option.name.replace('_', '-')}"
            text = option.help.replace("of the test", RANDOM)
            command.add_argument(flag, metavar=option.metavar, type=_typed(option), help=text)
        command.set_defaults(run=_serve, of=service)
        command.add_argument("--load", metavar="FILE", help="begin with a state that dump() has written")
        command.add_argument("--log", action="store_true", help="print a line for each exchange")
    _add_contract(commands.add_parser("contract", help="print the reference of a service, as Markdown"))
    _add_verify(commands.add_parser("verify", help="run the contract cases against a live endpoint"))
    return parser


def _add_contract(parser: argparse.ArgumentParser) -> None:
    parser.description = "Prints operations, errors and limits of a service with their sources, as Markdown."
    parser.add_argument("of", metavar="SERVICE", choices=implemented(), help=", ".join(implemented()))
    parser.add_argument("--dialect", choices=DIALECTS, default=DIALECTS[0], help="documented unless given")
    parser.set_defaults(run=_print_contract)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.description = "Runs the contract cases against a live endpoint, and removes what it has made."
    parser.epilog = "Exit status: 0 everything agrees, 1 something differs, 2 nothing could be said."
    of = parser.add_subparsers(dest="of", metavar="SERVICE", required=True)
    for service in implemented():
        one = of.add_parser(service, help=f"an endpoint that claims to be {service}")
        verify.add_arguments(one, service)
        one.set_defaults(run=verify.verify)


def _print_contract(chosen: argparse.Namespace) -> int:
    sys.stdout.write(str(Reference(load(chosen.of, chosen.dialect))))
    return 0


def _options() -> list[Option]:
    """What makes sense for a fake that no test verifies."""
    return [option for option in OPTIONS.values() if option.of_fakes and option.name != "strict"]


def _typed(option: Option) -> Callable[[str], Any]:
    def typed(text: str) -> Any:
        try:
            value = from_text(option, text)
        except OptionError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return None if value in option.words else value

    return typed


def _serve(chosen: argparse.Namespace) -> int:
    given = {option.name: getattr(chosen, option.name) for option in _options()}
    fake = fake_class(chosen.of)(**{name: value for name, value in given.items() if value is not None})
    if chosen.load is not None:
        fake.load(chosen.load)
    if chosen.log:
        log.start(sys.stdout)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    fake.start()
    try:
        print("\n".join(_greeting(fake)), flush=True)
        while not stopped.wait(1):  # Windows runs a signal's handler only between two waits
            pass
    finally:
        fake.stop()
    count = len(fake.journal)
    print(f"\nServed {count} request{'' if count == 1 else 's'}.", flush=True)
    return 0


def _greeting(fake: Fake[Any]) -> Iterator[str]:
    yield f"{type(fake).__name__} is running: {fake.dialect}, seed {fake.seed}"
    yield ""
    shown = {"url": fake.url, **_credentials(fake)}
    width = max(map(len, shown))
    yield from (f"  {name:{width}}  {value}" for name, value in shown.items())
    yield ""
    yield from (f"export {name}={_quoted(value)}" for name, value in fake.env.items())
    yield ""
    yield "Press Ctrl+C to stop."


def _credentials(fake: Fake[Any]) -> dict[str, str]:
    """What its clients have to show: the texts that the class of the service, and not `Fake`, has as attributes."""
    own = {name: value for name, value in vars(type(fake)).items() if not name.startswith("_")}
    names = [name for name, value in own.items() if not hasattr(Fake, name) and isinstance(value, (str, property))]
    values = {name: getattr(fake, name) for name in names}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _quoted(text: str) -> str:
    """A text as a shell takes it, always in quotes."""
    quoted = shlex.quote(text)
    return quoted if quoted.startswith("'") else f"'{quoted}'"


if __name__ == "__main__":
    sys.exit(main())
