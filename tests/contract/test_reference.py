"""``kvfake contract SERVICE`` says everything that the document says, in Markdown that a person can read."""

import re

import pytest

from pytest_kvfake.__main__ import main
from pytest_kvfake.contract.document import DIALECTS, load
from pytest_kvfake.contract.reference import Reference
from pytest_kvfake.discovery import implemented

services = pytest.mark.parametrize("service", implemented())
in_dialects = pytest.mark.parametrize("dialect", DIALECTS)


def section(text, title):
    """What stands below a heading, up to the next of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,3}} |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[2]


@services
@in_dialects
def test_every_operation_has_a_section_with_its_request_parameters_and_certainty(service, dialect):
    document = load(service, dialect)
    text = str(Reference(document))
    for operation in document.operations.values():
        said = section(text, operation.name)
        assert all(f"`{operation.method} {template}`" in said for template in operation.templates)
        assert all(f"`{parameter.name}`" in said for parameter in operation.parameters)
        assert f"({operation.settings['certainty']}; {operation.settings['source']})" in said
        assert all(re.search(rf"^\| {status} \|", said, re.MULTILINE) for status in operation.raw["responses"])


@services
@in_dialects
def test_every_error_of_an_operation_leads_to_its_section(service, dialect):
    document = load(service, dialect)
    text = str(Reference(document))
    for operation in document.operations.values():
        own = [rule for rule in document.errors_of(operation) if not rule.everywhere]
        said = section(text, operation.name)
        assert all(f"[{rule.name}](#{rule.name}) ({rule.status})" in said for rule in own)
    headings = set(re.findall(r"^#+ (\w+)$", text, re.MULTILINE))
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= headings


@services
@in_dialects
def test_every_error_has_status_code_text_certainty_and_source(service, dialect):
    document = load(service, dialect)
    text = str(Reference(document))
    for rule in document.errors.values():
        said = section(text, rule.name)
        assert said.startswith(f"\n{rule.status}")
        assert rule.code is None or f"code `{rule.code}`" in said
        assert rule.message is None or rule.message in said
        assert f"{rule.when} ({rule.certainty}; {rule.source})" in said
        assert ("Only a fault answers it." in said) is rule.injected


@services
def test_every_limit_has_its_number_unit_and_error(service):
    document = load(service)
    text = str(Reference(document))
    for rule in document.limits.values():
        (row,) = re.findall(rf"^\| `{rule.name}` \|.*$", text, re.MULTILINE)
        assert rule.value is None or f"{rule.value:,} {rule.unit}" in row
        assert rule.error is None or f"(#{rule.error})" in row
        assert rule.certainty in row
        assert rule.source in row


@services
def test_tables_have_as_many_cells_in_each_row_as_in_their_head(service):
    table = 0
    for line in Reference(load(service)):
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (table and cells) or cells == table, line
        table = cells


def test_the_command_prints_the_dialect_that_is_asked_for(capsys):
    assert main(["contract", "cloudflare", "--dialect", "observed"]) == 0
    assert "\nDialect: observed. " in capsys.readouterr().out


def test_an_unknown_service_ends_with_status_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["contract", "cloudfare"])
    assert ended.value.code == 2
    assert "cloudflare" in capsys.readouterr().err


def test_an_unreachable_answer_says_why():
    said = section(str(Reference(load("cloudflare"))), "get_namespace")
    assert "never answers `empty_key` here by itself: A request without a namespace id meets no operation" in said
