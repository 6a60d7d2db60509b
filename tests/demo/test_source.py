"""Source files are found and dealt out, each exactly once."""

from pathlib import Path

from zcasync.demo.source import (
    LARGE_MODULE_BYTES,
    PORTION_BYTES,
    SMALL_MODULES,
    SourceFile,
    portions,
    source_files,
    standard_library,
)


def write(root: Path, name: str, text: str = "pass\n") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_only_the_librarys_own_python_files_are_found(tmp_path: Path) -> None:
    for name in ("b.py", "a/x.py", "a/b/y.py", "a/data.txt", "site-packages/z.py"):
        write(tmp_path, name)
    write(tmp_path, "a/__pycache__/x.py")
    (tmp_path / "folder.py").mkdir()
    assert [file.name for file in source_files(tmp_path)] == ["a/b/y.py", "a/x.py", "b.py"]
    assert source_files(tmp_path)[0].size == len("pass\n")


def test_the_standard_library_is_where_its_modules_come_from() -> None:
    names = {file.name for file in source_files(standard_library())}
    assert {"tokenize.py", "asyncio/tasks.py"} <= names


def test_a_package_and_a_large_module_are_jobs_of_their_own() -> None:
    files = [
        SourceFile("big.py", LARGE_MODULE_BYTES),
        SourceFile("one.py", 10),
        SourceFile("package/__init__.py", 10),
        SourceFile("package/inner/deep.py", LARGE_MODULE_BYTES),
        SourceFile("two.py", 10),
    ]
    dealt = {one.label: [file.name for file in one.files] for one in portions(files)}
    assert dealt == {
        "big.py": ["big.py"],
        SMALL_MODULES: ["one.py", "two.py"],
        "package": ["package/__init__.py", "package/inner/deep.py"],
    }


def test_a_large_package_is_cut_into_parts_and_loses_no_file() -> None:
    third = PORTION_BYTES // 3
    files = [SourceFile(f"package/m{number}.py", third) for number in range(7)]
    files.append(SourceFile("package/z_huge.py", 2 * PORTION_BYTES))
    dealt = portions(files)
    assert [one.label for one in dealt] == [f"package ({n} of 4)" for n in (1, 2, 3, 4)]
    assert [len(one.files) for one in dealt] == [3, 3, 1, 1]
    assert [file for one in dealt for file in one.files] == files
    assert [one.size for one in dealt[:3]] == [3 * third, 3 * third, third]


def test_every_file_of_the_standard_library_is_dealt_out_once() -> None:
    files = source_files(standard_library())
    dealt = portions(files)
    names = [file.name for portion in dealt for file in portion.files]
    assert sorted(names) == [file.name for file in files]
    assert len({portion.label for portion in dealt}) == len(dealt)


def test_no_files_make_no_jobs() -> None:
    assert portions([]) == []
