"""The operator's commands: what they refuse, and what they never do."""

import json
import secrets
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

from chalicelib.accounts import service as accounts
from chalicelib.core.secrets import Secrets
from chalicelib.organizations.service import DEFAULT
from infra import deploy, make_admin, put_secret, rotate, teardown
from infra.accounts import ACCOUNTS
from infra.aws import Place
from infra.package import Package
from infra.stacks import DeployFailed
from tests import stack

PLACE = Place("thepixstock", "test", region="us-east-1")
PAYNOI = {"key_id": "1", "account": "0800000000", "type": "1"}


@pytest.fixture
def paynoi() -> dict[str, str]:
    return PAYNOI | {"api_key": secrets.token_urlsafe(32)}


@pytest.fixture
def package(tmp_path) -> Package:
    made = Package(tmp_path)
    made.template.write_text(json.dumps({"Parameters": {"PayNoiUrl": {"Type": "String"}}}))
    made.code.write_bytes(b"code")
    return made


# --- deploy -------------------------------------------------------------------------------------------------


def test_a_misspelt_parameter_is_refused(package):
    deploy.refuse_unknown({"PayNoiUrl": "https://x", "MailFrom": "a@example.com"}, ("data", "app"), package)

    with pytest.raises(DeployFailed, match="No stack of data, app has a parameter PaynoiUrl"):
        deploy.refuse_unknown({"PaynoiUrl": "https://x"}, ("data", "app"), package)


def test_an_app_that_was_not_built_is_refused_with_the_command_that_builds_it(tmp_path):
    with pytest.raises(DeployFailed, match="python3 -m infra package"):
        deploy.refuse_unknown({}, ("app",), Package(tmp_path / "nothing"))


def test_without_a_bucket_the_account_comes_first(package):
    with pytest.raises(DeployFailed, match="deploy --stage test --region us-east-1 account"):
        deploy.upload_code(PLACE, "", package)


def test_a_build_is_uploaded_once(aws, package, capsys):
    PLACE.client("s3").create_bucket(Bucket="builds")

    first, second = deploy.upload_code(PLACE, "builds", package), deploy.upload_code(PLACE, "builds", package)

    assert first == second
    assert capsys.readouterr().out.count("uploading") == 1
    assert PLACE.client("s3").get_object(Bucket="builds", Key=first)["Body"].read() == b"code"


def test_stack_and_parameter_names_are_checked_before_aws_is_asked(capsys):
    for words in (["date"], ["data", "--parameter", "MailFrom"]):
        with pytest.raises(SystemExit) as ended:
            deploy.main([*words, "--stage", "test"])
        assert ended.value.code == 2
    assert "no such stack: date" in capsys.readouterr().err


# --- teardown -----------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """What is deleted, in which order."""
    stacks = []

    def delete_stack(_client, stack, pause):
        stacks.append(stack)
        return []

    monkeypatch.setattr(teardown, "delete_stack", delete_stack)
    return stacks


def test_without_a_name_the_data_stands_and_the_last_stack_goes_first(aws, asked):
    assert teardown.main(["--stage", "test", "--region", "us-east-1", "--yes"]) == 0

    assert asked == ["thepixstock-test-edge", "thepixstock-test-alarms", "thepixstock-test-app"]


@pytest.mark.parametrize(("typed", "deleted"), [("prod", 0), ("test", 1)])
def test_the_name_of_the_stage_is_asked_for(aws, asked, monkeypatch, typed, deleted):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: typed)

    teardown.main(["data", "--stage", "test", "--region", "us-east-1"])

    assert len(asked) == deleted


def test_nobody_at_the_terminal_deletes_nothing(aws, asked, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)

    assert teardown.main(["--stage", "test", "--region", "us-east-1"]) == 1
    assert asked == []
    assert "--yes" in capsys.readouterr().err


def test_the_account_is_never_a_stack_to_delete(asked):
    with pytest.raises(SystemExit):
        teardown.main(["account", "--stage", "test"])


# --- secrets ------------------------------------------------------------------------------------------------


def test_new_keys_make_a_whole_secret(paynoi):
    Secrets.model_validate(put_secret.new_keys() | {"paynoi": paynoi})

    assert put_secret.new_keys() != put_secret.new_keys()


def test_a_placeholder_is_refused_and_neither_shown_nor_stored(aws, monkeypatch, tmp_path, capsys):
    stored = PLACE.client("secretsmanager").get_secret_value(SecretId="thepixstock/test/app")["SecretString"]
    file = tmp_path / "paynoi.json"
    file.write_text(json.dumps(PAYNOI | {"api_key": "changeme-changeme-changeme"}))
    monkeypatch.setattr(Place, "outputs", lambda self: {"SecretId": "thepixstock/test/app"})

    with pytest.raises(DeployFailed, match="placeholder") as refused:
        rotate.run(PLACE, rotate.parser().parse_args(["paynoi", "--stage", "test", "--paynoi", str(file)]))

    now = PLACE.client("secretsmanager").get_secret_value(SecretId="thepixstock/test/app")["SecretString"]
    assert now == stored
    assert "changeme" not in str(refused.value) + capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "typed", "kept"),
    [
        ("mobizon", ["", ""], {}),
        (
            "smtp",
            ["mail.shop.example", "", "", "shop", ""],
            {"host": "mail.shop.example", "port": 587, "security": "starttls", "user": "shop"},
        ),
        ("webpush", ["mailto:push@shop.example", ""], {"subject": "mailto:push@shop.example"}),
    ],
)
def test_a_person_is_asked_for_an_account(monkeypatch, name, typed, kept):
    answers, hidden = iter(typed), secrets.token_hex(20)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: next(answers))
    monkeypatch.setattr("getpass.getpass", lambda _question: next(answers) + hidden)

    given = ACCOUNTS[name].given(None)

    assert {field: value for field, value in given.items() if value != hidden and "KEY" not in str(value)} == kept
    assert len(given) == len(kept) + 1  # and the key
    assert next(answers, None) is None


def test_an_account_comes_as_its_makers_give_it_out_without_what_nobody_reads(tmp_path, monkeypatch):
    file = tmp_path / "service-account.json"
    firebase = stack.fresh_secrets()["firebase"]
    file.write_text(json.dumps(firebase | {"type": "service_account", "private_key_id": "1"}))

    assert ACCOUNTS["firebase"].given(file) == firebase
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    with pytest.raises(DeployFailed, match="--firebase FILE"):
        ACCOUNTS["firebase"].given(None)


def test_every_account_that_one_stage_has_can_be_replaced():
    """Others are by organization, or of those who let people log in."""
    kinds = {name: (field.annotation, *get_args(field.annotation)) for name, field in Secrets.model_fields.items()}

    held = {name for name, of in kinds.items() for kind in of if isinstance(kind, type) and issubclass(kind, BaseModel)}
    held = {name for name in held if get_origin(Secrets.model_fields[name].annotation) is not dict}

    assert held == ACCOUNTS.keys()


def test_a_filled_secret_is_not_overwritten(aws, monkeypatch):
    monkeypatch.setattr(Place, "outputs", lambda self: {"SecretId": "thepixstock/test/app"})

    with pytest.raises(DeployFailed, match="filled already"):
        put_secret.put(PLACE, None)


# --- the first admin ----------------------------------------------------------------------------------------


def test_only_a_proven_address_becomes_an_admin(aws, monkeypatch):
    monkeypatch.setattr(make_admin, "use_settings_of", lambda place: None)
    password = secrets.token_urlsafe(12)
    accounts.register(DEFAULT, email="stranger@example.com", password=password, name="Stranger")
    person = accounts.create_user(
        DEFAULT, email="owner@example.com", password=password, name="Owner", roles=["customer"]
    )

    for email in ("nobody@example.com", "stranger@example.com"):
        with pytest.raises(DeployFailed, match="not registered"):
            make_admin.make_admin(PLACE, email)
    make_admin.make_admin(PLACE, "Owner@Example.com")

    assert accounts.get_user(DEFAULT, person.id).roles == {"customer", "admin", "platform_admin"}


def test_a_stage_that_is_not_deployed_has_no_admin(aws):
    with pytest.raises(DeployFailed, match="No function thepixstock-test-api"):
        make_admin.make_admin(PLACE, "owner@example.com")
