"""The options that all services know: one table, from which every place to set them is made.

`pytest_kvfake.settings` says which place wins. Nothing but the standard library is imported here, until somebody
sets an option; and these are plain classes, because two data classes would cost every pytest run 1.5 ms, and two
named tuples 0.7 ms.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_kvfake.errors import OptionError
    from pytest_kvfake.fake import Fake

__all__ = ["OPTIONS", "RANDOM", "Option", "checked", "from_text", "is_near", "unknown"]

RANDOM = "random"
"""As a seed: draw one for the whole run."""

SCOPES = ("function", "class", "module", "package", "session")


class Kind:
    """What the value of an option has to be.

    Attributes:
        wanted: the rule, for people.
        read: makes a value of a text; a ``ValueError`` where that cannot be.
        fits: whether a value keeps the rule.
        choices: all values, where they can be listed.
    """

    __slots__ = ("choices", "fits", "read", "wanted")

    def __init__(
        self,
        wanted: str,
        read: Callable[[str], Any],
        fits: Callable[[Any], bool],
        choices: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self.wanted = wanted
        self.read = read
        self.fits = fits
        self.choices = choices


def _whole(at_least: int = 0, at_most: float = float("inf")) -> Kind:
    limits = f"from {at_least}" + (f" to {at_most}" if at_most != float("inf") else "")

    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and at_least <= value <= at_most

    return Kind(f"a whole number {limits}", int, fits)


def _seconds() -> Kind:
    def fits(value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")

    return Kind("a number of seconds above 0", float, fits)


def _percent() -> Kind:
    def fits(value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 100

    return Kind("a number from 0 to 100", float, fits)


def _text() -> Kind:
    return Kind("a text that is not empty", str, lambda value: isinstance(value, str) and value != "")


def _one_of(choices: Callable[[], Sequence[str]]) -> Kind:
    return Kind("one of", str, lambda value: isinstance(value, str) and value in choices(), choices)


def _dialects() -> Sequence[str]:
    from pytest_kvfake.contract.document import DIALECTS  # only if somebody sets a dialect

    return DIALECTS


def _modes() -> Sequence[str]:
    from pytest_kvfake.engine.conformance import STRICT_MODES  # only if somebody sets a mode

    return STRICT_MODES


_SWITCHED = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _switch() -> Kind:
    def read(text: str) -> bool | None:
        return _SWITCHED.get(text.lower())

    return Kind("one of", read, lambda value: isinstance(value, bool), lambda: tuple(_SWITCHED))


class Option:
    """One option.

    Attributes:
        name: as the marker and `Fake` take it.
        kind: what its value has to be.
        metavar: stands for the value in ``--help``.
        help: one sentence.
        words: texts that mean something besides the values of its kind; not in a marker.
        of_fakes: whether it is an argument of `Fake`; the others are the plugin's.
        ini_only: whether it can be set nowhere else.
        flag: its name on the command line.
        variable: its name in the environment.
        key: its name in ini files.
    """

    __slots__ = ("flag", "help", "ini_only", "key", "kind", "metavar", "name", "of_fakes", "variable", "words")

    def __init__(
        self,
        name: str,
        kind: Kind,
        metavar: str,
        help: str,  # noqa: A002 - argparse's own word
        *,
        words: tuple[str, ...] = (),
        of_fakes: bool = True,
        ini_only: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.metavar = metavar
        self.help = help
        self.words = words
        self.of_fakes = of_fakes
        self.ini_only = ini_only
        self.flag = f"--kvfake-{name.replace('_', '-')}"
        self.variable = f"KVFAKE_{name.upper()}"
        self.key = f"kvfake_{name}"


_TABLE = (
    Option("seed", _whole(), f"N|{RANDOM}", "seed of ids, cursors and draws (default: of the test)", words=(RANDOM,)),
    Option("dialect", _one_of(_dialects), "NAME", "documented (the vendor's pages) or observed (production)"),
    Option("strict", _one_of(_modes), "MODE", "what becomes of requests outside the contract: off, warn, error"),
    Option("host", _text(), "ADDRESS", "address to listen on (default: 127.0.0.1)"),
    Option("port", _whole(0, 65535), "PORT", "port to listen on (default: a free one)"),
    Option("advertised_host", _text(), "HOST", "host in the URLs given out, where it is not the address"),
    Option("wait_limit", _seconds(), "SECONDS", "how long a delay or a hang lasts at the most (default: 10)"),
    Option("journal_entries", _whole(1), "N", "how many exchanges a journal keeps (default: 1000)"),
    Option("journal_body_bytes", _whole(), "BYTES", "how much of a body a journal keeps (default: 64 KiB)"),
    Option("journal_bytes", _whole(), "BYTES", "how much of all bodies a journal keeps (default: 16 MiB)"),
    Option("log", _switch(), "", "print every exchange to stderr as it is decided", of_fakes=False),
    Option("coverage", _switch(), "", "show at the end which documented answers the run has met", of_fakes=False),
    Option("coverage_json", _text(), "PATH", "write that to a JSON file", of_fakes=False),
    Option("coverage_fail_under", _percent(), "PERCENT", "fail the run if it met fewer of them", of_fakes=False),
    Option("coverage_ignore", _text(), "PATTERNS", "answers that do not count, such as cloudflare/*/key_too_long",
           of_fakes=False, ini_only=True),
    Option("scope", _one_of(lambda: SCOPES), "SCOPE", f"how long a fixture's fake lives: {', '.join(SCOPES)}",
           of_fakes=False, ini_only=True),
)  # fmt: skip

OPTIONS: Mapping[str, Option] = {option.name: option for option in _TABLE}


def from_text(option: Option, text: str, *, where: str = "") -> Any:
    """Gives the value that a text stands for.

    Args:
        option: whose value it is.
        text: as somebody wrote it.
        where: the place, for the message.

    Raises:
        OptionError: it stands for none.
    """
    text = text.strip()
    if text in option.words:
        return text
    try:
        value = option.kind.read(text)
    except ValueError:
        value = None
    if not option.kind.fits(value):
        raise _ill_typed(option, text, where)
    return value


def checked(given: Mapping[str, Any], *, where: str, fake: type[Fake[Any]] | None = None) -> dict[str, Any]:
    """Gives options that a test has written as arguments, once each is known and fits; None is not set.

    Args:
        given: the arguments.
        where: the call, for the message.
        fake: whose own options are known too.

    Raises:
        OptionError: one is not; the text names the right one.
    """
    __tracebackhide__ = True
    known = {option.name for option in OPTIONS.values() if option.of_fakes} | _arguments(fake)
    for name, value in given.items():
        if name not in known:
            raise unknown(f"{where}: there is no option {name!r}.", name, known)
        option = OPTIONS.get(name)
        if option is not None and value is not None and not option.kind.fits(value):
            raise _ill_typed(option, value, where)
    return {name: value for name, value in given.items() if value is not None}


def is_near(word: str, known: Iterable[str], *, prefix: str = "") -> bool:
    """Whether a name is a slip of the pen; other people's names may begin like ours, so a prefix does not count."""
    from difflib import get_close_matches  # only if there is an unknown name

    ends = [name.removeprefix(prefix) for name in known]
    return bool(get_close_matches(word.removeprefix(prefix), ends, n=1, cutoff=0.7))


def _arguments(fake: type[Fake[Any]] | None) -> set[str]:
    """The options that only one service knows: what its class and those below it take by name."""
    if fake is None:
        return set()
    made = (vars(ancestor)["__init__"] for ancestor in fake.__mro__ if "__init__" in vars(ancestor))
    taken = [
        parameter
        for init in made
        if inspect.isfunction(init)
        for parameter in inspect.signature(init).parameters.values()
    ]
    return {one.name for one in taken if one.kind in {one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD}} - {"self"}


def _ill_typed(option: Option, value: object, where: str) -> OptionError:
    choices = (*(option.kind.choices or tuple)(), *option.words)
    wanted = option.kind.wanted
    if option.kind.choices is not None:
        wanted = f"{wanted} {', '.join(map(repr, choices))}"
    elif option.words:
        wanted = f"{wanted}, or {', '.join(map(repr, option.words))}"
    near = value if isinstance(value, str) and is_near(value, choices) else ""
    place = f"{where}: " if where else ""
    return unknown(f"{place}{option.name} must be {wanted}, not {value!r}.", near, choices if near else ())


def unknown(message: str, word: str, known: Iterable[str]) -> OptionError:
    """Makes an error that names the right word, or all of them where none is near."""
    from pytest_kvfake.errors import OptionError, did_you_mean  # only if there is an error

    return OptionError(message + did_you_mean(word, known))
