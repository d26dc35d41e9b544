"""One fake by itself, for a shell or for clients in other languages: ``python -m pytest_kvfake cloudflare``."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from pytest_kvfake import log
from pytest_kvfake.contract.document import services
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
        0 after Ctrl+C or SIGTERM, 1 where the fake cannot be started. A wrong command line exits with 2.
    """
    chosen = _parser().parse_args(arguments)
    try:
        return _serve(chosen)
    except (KVFakeError, OSError) as error:
        print(f"kvfake: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kvfake", description="In-memory fakes of hosted key-value services.", epilog=_EXAMPLE
    )
    commands = parser.add_subparsers(dest="service", metavar="SERVICE", required=True)
    for service in _known():
        command = commands.add_parser(
            service,
            help=f"run a fake of {service} until Ctrl+C",
            description=f"Runs a fake of {service}, prints its address and credentials, and stays until Ctrl+C.",
        )
        for option in _options():
            flag = f"--{option.name.replace('_', '-')}"
            text = option.help.replace("of the test", RANDOM)
            command.add_argument(flag, metavar=option.metavar, type=_typed(option), help=text)
        command.add_argument("--load", metavar="FILE", help="begin with a state that dump() has written")
        command.add_argument("--log", action="store_true", help="print a line for each exchange")
    return parser


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


def _known() -> Iterator[str]:
    """The services that have both a contract and a fake."""
    return (name for name in services() if importlib.util.find_spec(f"pytest_kvfake.{name}") is not None)


def _class_of(service: str) -> type[Fake[Any]]:
    """Gives the one public class of a service's package."""
    package = importlib.import_module(f"pytest_kvfake.{service}")
    public = [getattr(package, name) for name in package.__all__]
    (found,) = [one for one in public if isinstance(one, type) and issubclass(one, Fake)]
    return found


def _serve(chosen: argparse.Namespace) -> int:
    given = {option.name: getattr(chosen, option.name) for option in _options()}
    fake = _class_of(chosen.service)(**{name: value for name, value in given.items() if value is not None})
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
