"""etc/zcasync.conf: what it can say, and that every mistake in it gets an answer."""

import dataclasses
import re
from pathlib import Path

import pytest

from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
from zcasync.instance.settings import Configuration, Settings, load

ROOT = Path(__file__).resolve().parent.parent.parent
MAIN = "<zodb>\n<mappingstorage>\n</mappingstorage>\n</zodb>\n"
SECOND = MAIN.replace("<zodb>", "<zodb zc.async>")


def loaded(tmp_path: Path, text: str | bytes) -> Configuration:
    """What a file with this text says."""
    file = tmp_path / "etc" / "zcasync.conf"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(Home(tmp_path))


def problem_of(tmp_path: Path, text: str | bytes) -> str:
    """The one-line problem that a file with this text has."""
    with pytest.raises(ConfigurationError) as raised:
        loaded(tmp_path, text)
    [problem] = raised.value.problems
    assert str(tmp_path / "etc" / "zcasync.conf") in problem
    assert "\n" not in problem
    return problem


def test_without_a_file_the_embedded_default_holds(tmp_path: Path) -> None:
    configuration = load(Home(tmp_path))

    assert configuration == Configuration(Settings())
    assert configuration.is_embedded
    assert not configuration.has_second
    assert configuration.settings.grace_period == 25.0


def test_an_empty_file_says_the_same(tmp_path: Path) -> None:
    assert loaded(tmp_path, "# nothing\n") == Configuration(Settings())


def test_every_setting_can_be_set(tmp_path: Path) -> None:
    fields = [field.name for field in dataclasses.fields(Settings)]
    several = {
        "import_path": ("/app", "/lib"),
        "allow": ("app.jobs", "entry-points app"),
        "resolve_conflicts": ("counters", "shop.Stock"),
    }
    values = (
        {name: 7 + n for n, name in enumerate(fields)}
        | {
            "spare": False,
            "ephemeral": True,
            "isolate": "job",
            "main_database": "site",
            "queues": "mail:2",
        }
        | {"log": "-", "log_format": "json"}
        | {"application": "tests.jobs.application:nothing", "databases": "application"}
        | several
    )
    lines = [
        f"{name.replace('_', '-')} {one}"
        for name, value in values.items()
        for one in (value if isinstance(value, tuple) else [value])
    ]
    text = "\n".join(["<zcasync>", *lines, "</zcasync>"])
    settings = loaded(tmp_path, named("site") + text).settings

    assert dataclasses.asdict(settings) == values
    assert set(Settings.HELP) == set(fields), "zcasync check explains each"


def test_a_setting_that_is_not_set_keeps_its_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "<zcasync>\nchildren 0\n</zcasync>").settings

    assert settings == Settings(children=0)


def named(name: str) -> str:
    """The section of a database with a name."""
    return MAIN.replace("<zodb>", f"<zodb {name}>")


def marking(name: str) -> str:
    """The setting that marks the main one."""
    return f"<zcasync>\nmain-database {name}\n</zcasync>\n"


@pytest.mark.parametrize(
    ("text", "main"),
    [
        (MAIN, ""),
        (SECOND + named("site"), "site"),
        (named("catalog") + named("main") + named("mail"), "main"),
        (named("catalog") + MAIN + SECOND, ""),
        (named("a") + named("b") + SECOND + marking("b"), "b"),
        (named("main") + MAIN + marking("main"), "main"),
        (named("main") + named("site") + marking("site"), "site"),
        (named("a").replace("\n<map", "\ndatabase-name main\n<map") + named("b"), "main"),
        (named("Site") + named("b") + marking("Site"), "site"),
        (named("x").replace("\n<map", "\ndatabase-name Foo\n<map") + MAIN + marking("Foo"), "Foo"),
        (SECOND + marking("zc.async"), "zc.async"),
    ],
)
def test_the_main_one_of_several_databases_is_named_or_marked(
    tmp_path: Path, text: str, main: str
) -> None:
    found = loaded(tmp_path, text).main_database

    assert (found.config.database_name or found.name or "") == main


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            named("a") + named("b") + SECOND,
            "which of the databases 'a' and 'b' is the main one is not said: mark it in <zcasync> "
            "with `main-database NAME`, or let its section be <zodb main>",
        ),
        (named("main") + MAIN, "which of the databases 'main' and '(no name)' is the main one"),
        (
            named("a") + named("b") + marking("c"),
            "main-database names 'c', and the <zodb> sections are 'a' and 'b'",
        ),
        (marking("c"), "main-database names 'c', and the <zodb> sections are none"),
        (named("a") + SECOND + marking("zc.async"), "which is the one that holds the data manager"),
    ],
)
def test_where_the_main_database_is_not_known_the_problem_says_how_to_mark_it(
    tmp_path: Path, text: str, problem: str
) -> None:
    assert problem in problem_of(tmp_path, text)


def test_databases_are_read(tmp_path: Path) -> None:
    one = loaded(tmp_path, MAIN)
    two = loaded(tmp_path, SECOND + MAIN)

    assert (one.is_embedded, one.has_second, len(one.databases)) == (False, False, 1)
    assert (two.is_embedded, two.has_second, len(two.databases)) == (False, True, 2)


def test_another_file_can_be_named(tmp_path: Path) -> None:
    loaded(tmp_path, "<zcasync>\nchildren 1\n</zcasync>")
    other = tmp_path / "other.conf"
    other.write_text("<zcasync>\nchildren 2\n</zcasync>")

    assert load(Home(tmp_path), other).settings.children == 2
    with pytest.raises(ConfigurationError, match=re.escape(f"{tmp_path / 'no'} cannot be read")):
        load(Home(tmp_path), tmp_path / "no")


@pytest.mark.parametrize("name", ["zcasync.conf", "zcasync-two-databases.conf"])
def test_the_samples_can_be_loaded(tmp_path: Path, name: str) -> None:
    configuration = load(Home(tmp_path), ROOT / "etc" / name)

    assert configuration.has_second == (name != "zcasync.conf")


def test_memory_has_units(tmp_path: Path) -> None:
    text = "<zcasync>\nmemory-limit 2GB\nrecycle-memory 300mb\n</zcasync>\n"
    settings = loaded(tmp_path, text).settings

    assert (settings.memory_limit, settings.recycle_memory) == (2 * 2**30, 300 * 2**20)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("children many", "many"),
        ("children -1", "'-1' is less than 0"),
        ("children 1.5", "1.5"),
        ("output-lines -5", "'-5' is less than 0"),
        ("poll-seconds 0", "'0' is not a number of seconds above 0"),
        ("poll-seconds -1", "'-1' is not a number of seconds above 0"),
        ("poll-seconds nan", "'nan' is not a number of seconds above 0"),
        ("grace-period inf", "'inf' is not a number of seconds above 0"),
        ("ping-interval soon", "soon"),
        ("childern 2", "childern"),
        ("resolve-conflicts shop:Stock", "shop:Stock"),
        ("children 1\nchildren 2", "children"),
        ("spare perhaps", "perhaps"),
        ("memory-limit 0", "'0' is not a number of bytes above 0"),
        ("memory-limit much", "much"),
        ("isolate queue", "'queue' is neither none nor job"),
        ("log syslog", "'syslog' is neither file nor -, which is standard error"),
        ("log-format xml", "'xml' is neither text nor json"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, lines: str, expected: str) -> None:
    assert expected in problem_of(tmp_path, f"<zcasync>\n{lines}\n</zcasync>\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<zcasync>\nchildren 1\n", "unclosed"),
        ("<zcasync>\n</zodb>\n", "unbalanced section end"),
        ("</zcasync>\n", "zcasync"),
        ("nonsense 1\n", "nonsense"),
        ("<nonsense>\n</nonsense>\n", "nonsense"),
        ("<zcasync>\n</zcasync>\n<zcasync>\n</zcasync>\n", "zcasync"),
        ("<zodb>\n</zodb>\n", "the section of database 'main' names no storage"),
        ("<zodb>\n<nostorage>\n</nostorage>\n</zodb>\n", "nostorage"),
        ("<zodb>\n<filestorage>\n</filestorage>\n</zodb>\n", "path"),
        ("%import no.such.package\n", "no.such.package"),
        ("%import zcasync\n", "zcasync"),
        ("%include no-such-file.conf\n", "no-such-file.conf"),
        ("%define\n", "define"),
        ("<zcasync>\nchildren $UNDEFINED\n</zcasync>\n", "UNDEFINED"),
        (b"<zcasync>\n# \xff\xfe\n</zcasync>\n", "cannot be read"),
        (b"\x00\x01\x02", ""),
    ],
)
def test_a_file_that_makes_no_sense_is_one_problem_in_one_line(
    tmp_path: Path, text: str | bytes, expected: str
) -> None:
    assert expected in problem_of(tmp_path, text)


def test_a_folder_in_its_place_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "etc" / "zcasync.conf").mkdir(parents=True)

    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(Home(tmp_path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MAIN + MAIN, ["there are two databases named '(no name)'"]),
        (SECOND, ["there is no main database beside zc.async: add a section, <zodb main>"]),
        (MAIN + SECOND + SECOND, ["section names must not be re-used"]),
        (
            MAIN + named("a").replace("\n<map", "\ndatabase-name b\n<map") + named("b"),
            ["there are two databases named 'b'"],
        ),
    ],
    ids=["two mains", "no main", "two seconds", "one by its other name"],
)
def test_databases_that_do_not_go_together_are_named_all_at_once(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    try:
        loaded(tmp_path, text)
    except ConfigurationError as error:
        problems = error.problems
    assert len(problems) == len(expected)
    for problem, part in zip(problems, expected, strict=True):
        assert part in problem


def test_options_of_the_command_line_replace_settings() -> None:
    configuration = Configuration(Settings(children=1))

    changed = configuration.with_settings(children=3, grace_period=None)
    assert changed.settings == Settings(children=3)
    assert configuration.with_settings(queues="mail:2").settings == Settings(
        children=1, queues="mail:2"
    )
    assert configuration.settings.children == 1
    with pytest.raises(ConfigurationError) as raised:
        configuration.with_settings(children=-1, grace_period=-2.0)
    assert raised.value.problems == [
        "children must not be negative: -1",
        "grace_period must not be negative: -2.0",
    ]


def test_folders_to_import_from_are_named_from_the_home_on(tmp_path: Path) -> None:
    text = "<zcasync>\n import-path jobs\n import-path /srv/app\n import-path ../lib\n</zcasync>"
    found = loaded(tmp_path, text).settings.import_path
    assert found == (f"{tmp_path}/jobs", "/srv/app", f"{tmp_path.parent}/lib")
    with pytest.raises(ConfigurationError, match="line of its own"):
        loaded(tmp_path, "<zcasync>\n import-path /a:/b\n</zcasync>")


@pytest.mark.parametrize(
    ("var", "folder"), [("", "{home}/var"), ("var /srv/caches", "/srv/caches")]
)
def test_a_client_keeps_its_cache_in_the_home_and_not_where_it_was_started(
    tmp_path: Path, var: str, folder: str
) -> None:
    client = f"<zeoclient>\nserver /nowhere/zeo.sock\nclient front\n{var}\n</zeoclient>"
    [database] = loaded(tmp_path, f"<zodb>\n{client}\n</zodb>\n").databases

    assert database.config.storage.config.var == folder.format(home=tmp_path)


def test_a_client_within_another_storage_does_so_too(tmp_path: Path) -> None:
    client = "<zeoclient>\nserver /nowhere/zeo.sock\nclient front\n</zeoclient>"
    inner = f"<demostorage>\n{client}\n<mappingstorage changes>\n</mappingstorage>\n</demostorage>"
    text = f"<zodb>\n<blobstorage>\nblob-dir blobs\n{inner}\n</blobstorage>\n</zodb>\n"
    [database] = loaded(tmp_path, text).databases

    [found, _] = database.config.storage.config.base.config.factories
    assert found.config.var == f"{tmp_path}/var"


def test_a_storage_of_anybodys_own_needs_nothing_but_to_be_opened(tmp_path: Path) -> None:
    text = "%import tests.instance.bare\n<zodb>\n<barestorage>\n</barestorage>\n</zodb>\n"
    [database] = loaded(tmp_path, text).databases

    assert database.config.storage.open() == "opened"


# certificates


def with_tls(server: str = "db:8100", **files: object) -> str:
    """A client with TLS."""
    lines = "".join(f"{name} {value}\n" for name, value in files.items())
    client = f"<clientstorage>\nserver {server}\n<ssl>\n{lines}</ssl>\n</clientstorage>"
    return f"%import ZEO\n<zodb>\n{client}\n</zodb>\n"


@pytest.mark.parametrize("missing", ["certificate", "key", "authenticate"])
def test_a_missing_file_of_tls_is_named_with_what_to_do(tmp_path: Path, missing: str) -> None:
    files = {}
    for name in ("certificate", "key", "authenticate"):
        files[name] = tmp_path / f"{name}.pem"
        if name != missing:
            files[name].touch()

    problem = problem_of(tmp_path, with_tls(**files))

    assert f"in <ssl>, {missing} {files[missing]}: there is no file {files[missing]}" in problem
    assert "zcasync certificates" in problem
    assert "line " in problem
    assert "cannot be read" not in problem


def test_files_of_tls_that_are_none_are_named(tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_text("no certificate")

    problem = problem_of(tmp_path, with_tls(certificate=file))

    assert f"in <ssl>, these cannot be used together: certificate {file} (" in problem


BROUGHT = """
<zodb content>
  <zeoclient>
    server 127.0.0.1:8100
  </zeoclient>
</zodb>
<zodb catalog>
  <zeoclient>
    server 127.0.0.1:8101
  </zeoclient>
</zodb>
"""
BRINGS = "<zcasync>\napplication tests.jobs.application:mounted own.conf\n{}</zcasync>\n"
ASKED = "databases application\n"


def test_an_application_brings_its_databases_the_first_is_the_main_one(tmp_path: Path) -> None:
    (tmp_path / "own.conf").write_text(BROUGHT)

    found = loaded(tmp_path, BRINGS.format(ASKED))

    assert [one.name for one in found.databases] == ["content", "catalog"]
    assert found.main_database.name == "content"
    assert not found.is_embedded
    marked = loaded(tmp_path, BRINGS.format(f"{ASKED}main-database catalog\n"))
    assert marked.main_database.name == "catalog"


def test_an_application_of_ones_own_is_not_loaded_unless_it_is_asked_for_databases(
    tmp_path: Path,
) -> None:
    assert loaded(tmp_path, "<zcasync>\napplication no.such:one\n</zcasync>").is_embedded


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BRINGS.format(ASKED) + named("catalog"), "'catalog' is in etc/zcasync.conf and in"),
        (BRINGS.format(ASKED).replace("own.conf", "none.conf"), "cannot say which databases"),
        ("<zcasync>\napplication no.such:one\ndatabases application\n</zcasync>", "no module"),
        (
            "<zcasync>\napplication tests.jobs.application:set_up\ndatabases application\n"
            "</zcasync>",
            "brings no databases",
        ),
        ("<zcasync>\napplication nothing\n</zcasync>", "is not the name of an application"),
        ("<zcasync>\napplication a.b 'c\n</zcasync>", "No closing quotation"),
    ],
)
def test_an_application_that_cannot_say_its_databases_is_a_problem_in_words(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "own.conf").write_text(BROUGHT)

    with pytest.raises(ConfigurationError, match=told):
        loaded(tmp_path, text)


def test_an_application_that_is_given_to_the_supervisor_alone_is_noted(tmp_path: Path) -> None:
    home, name = Home(tmp_path), "myapp.jobs:set_up 'etc/my app.ini'"
    note = load(home, application=name).note
    assert note is not None
    assert "given by --application alone" in note
    assert f"write `application {name}` into <zcasync> of etc/zcasync.conf" in note

    loaded(tmp_path, f"<zcasync>\napplication  {name}\n</zcasync>")
    configuration = load(home, application=name)
    assert configuration.settings.application == name
    assert configuration.note is None
    assert load(home).note is None
