"""The package: what gets in, and that each of its limits can refuse."""

import marshal
import sys
import zipfile

import pytest

from infra import package
from infra.package import RELEASE, PackageFailed


def wheel(folder, name, *tags):
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    info.joinpath("WHEEL").write_text("Wheel-Version: 1.0\n" + "".join(f"Tag: {tag}\n" for tag in tags))


@pytest.mark.parametrize(
    "tag",
    [
        "py3-none-any",
        "py2-none-any",
        "cp312-cp312-manylinux_2_28_aarch64",
        "cp312-cp312-manylinux2014_aarch64",
        "cp310-abi3-manylinux_2_17_aarch64",
    ],
)
def test_a_wheel_that_lambda_can_load_fits(tmp_path, tag):
    wheel(tmp_path, "good", tag)

    assert package.unfit_wheels(tmp_path, RELEASE) == []


@pytest.mark.parametrize(
    "tag",
    [
        "cp312-cp312-manylinux_2_28_x86_64",  # another processor
        "cp311-cp311-manylinux_2_28_aarch64",  # another Python
        "cp312-cp312-manylinux_2_34_aarch64",  # a newer Linux
        "cp312-cp312-musllinux_1_2_aarch64",  # another Linux
        "cp312-cp312-macosx_11_0_arm64",
        "py3-none-win_amd64",
        "cp312-cp312-linux_aarch64",  # built here, for nobody knows which Linux
    ],
)
def test_a_wheel_that_lambda_can_not_load_is_named(tmp_path, tag):
    wheel(tmp_path, "good", "py3-none-any")
    wheel(tmp_path, "bad", tag)

    assert package.unfit_wheels(tmp_path, RELEASE) == [f"bad-1.0: {tag}"]


def test_of_a_wheel_for_several_linuxes_one_is_enough(tmp_path):
    wheel(tmp_path, "good", "cp312-cp312-manylinux_2_34_aarch64", "cp312-cp312-manylinux_2_17_aarch64")

    assert package.unfit_wheels(tmp_path, RELEASE) == []


def test_the_target_asks_pip_for_no_newer_linux_than_it_accepts():
    assert RELEASE.platforms[-1] == "manylinux_2_28_aarch64"
    assert all(package._fits(f"cp312-cp312-{platform}", RELEASE) for platform in RELEASE.platforms)


def test_what_belongs_to_development_is_a_stranger():
    theirs = ["app.py", "chalicelib/core/http.py", "chalicelib/notifications/templates/layout.html", "boto3/session.py"]
    ours = ["infra/deploy.py", "tests/conftest.py", ".env", "chalicelib/.hidden", "chalicelib/core/key.pem", "a.pyc"]

    assert package.strangers([*theirs, *ours]) == sorted(ours)


def test_limits_refuse_one_byte_too_many():
    assert package.too_large(package.LARGEST_PACKAGE) == []
    assert package.too_large(package.LARGEST_PACKAGE + 1) != []
    assert package.too_large_template(package.LARGEST_TEMPLATE) == []
    assert package.too_large_template(package.LARGEST_TEMPLATE + 1) != []


def test_addresses_are_counted_as_api_gateway_counts_them():
    paths = {f"/orders/{number}/lines": {} for number in range(139)}  # two each, with / and /orders
    sam = {"Resources": {"RestAPI": {"Properties": {"DefinitionBody": {"paths": paths}}}}}

    assert package.too_many_resources(sam) == []
    paths["/one/more"] = {}
    assert package.too_many_resources(sam) == ["282 nodes of addresses, 280 at most"]


def test_a_finding_stops_the_build():
    package.refuse("nothing", [])
    with pytest.raises(PackageFailed, match=r"not part of the app:\ninfra/deploy.py"):
        package.refuse("not part of the app", ["infra/deploy.py"])


def test_only_the_app_is_staged(tmp_path):
    package.stage(package.ROOT, tmp_path / "staged")

    top = {path.name for path in (tmp_path / "staged").iterdir()}
    assert top == {"app.py", "chalicelib", ".chalice", "requirements.txt"}
    assert (tmp_path / "staged/requirements.txt").read_text() == ""
    assert not list((tmp_path / "staged").rglob("__pycache__"))


def test_the_same_content_is_the_same_zip(tmp_path):
    first = package.write_zip({"b.py": b"b", "a.py": b"a"}, tmp_path / "first.zip")
    second = package.write_zip({"a.py": b"a", "b.py": b"b"}, tmp_path / "second.zip")

    assert package.sha256(first) == package.sha256(second)
    assert zipfile.ZipFile(first).namelist() == ["a.py", "b.py"]


def test_bytecode_is_what_this_python_would_write_wherever_it_is_unpacked(tmp_path):
    code = {
        "app.py": b"def where(): raise KeyError",
        "chalicelib/core/ids.py": b"A = 1",
        "broken.py": b"def",
        "a.txt": b"",
    }
    tag = sys.implementation.cache_tag

    found = package.bytecode(code, package.interpreter("{}.{}".format(*sys.version_info)))

    assert sorted(found) == [f"__pycache__/app.{tag}.pyc", f"chalicelib/core/__pycache__/ids.{tag}.pyc"]
    loaded = marshal.loads(found[f"__pycache__/app.{tag}.pyc"][16:])
    assert loaded.co_filename == "/var/task/app.py"
    assert found[f"__pycache__/app.{tag}.pyc"][4:8] == b"\x01\x00\x00\x00"  # by hash, never checked


def test_without_such_a_python_the_package_is_whole_and_says_what_it_lacks(capsys):
    assert package.interpreter("3.99") is None
    assert package.bytecode({"app.py": b""}, None) == {}
    assert "no bytecode" in capsys.readouterr().out


def test_the_zip_leaves_out_what_pip_wrote_for_this_machine(tmp_path):
    vendored = tmp_path / "vendored"
    for name in ("six.py", "bin/flask", "six-1.0.dist-info/RECORD", "six-1.0.dist-info/METADATA", "six.pyi"):
        file = vendored / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    application = package.write_zip({"app.py": b"", "chalicelib/__pycache__/x.pyc": b""}, tmp_path / "app.zip")

    assert sorted(package.contents(application, vendored)) == ["app.py", "six-1.0.dist-info/METADATA", "six.py"]


def test_pip_that_finds_nothing_leaves_nothing_behind(tmp_path, monkeypatch):
    locked = tmp_path / "requirements.txt"
    locked.write_text("no-such-package-of-ours==1.0 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    with pytest.raises(PackageFailed, match="no-such-package-of-ours"):
        package.vendor(locked, RELEASE, tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []
