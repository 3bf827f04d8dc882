"""The template of the app stack: what every function, event source and answer of the gateway must have."""

import copy
import json

import pytest

from chalicelib.core.http import SECURITY_HEADERS
from chalicelib.core.settings import Settings
from infra import package
from tests.stack import template as data_template

FUNCTIONS = {
    "api": (29, 1024),
    "websocket_connect": (29, 512),
    "websocket_message": (29, 512),
    "websocket_disconnect": (29, 512),
    "on_upload": (120, 3008),
    "on_payment": (30, 512),
    "on_email": (30, 512),
    "on_job": (60, 1024),
    "on_webhook": (30, 512),
    "relay": (30, 512),
    "sweep_outbox": (60, 512),
    "sweep_payments": (60, 512),
    "sweep_orders": (60, 512),
    "sweep_people": (60, 512),
}
QUEUES = {
    "on_upload": "Uploads",
    "on_payment": "Payments",
    "on_email": "Emails",
    "on_job": "Jobs",
    "on_webhook": "Webhooks",
}


def of_type(template, kind):
    return {name: found["Properties"] for name, found in template["Resources"].items() if found["Type"] == kind}


def functions(template):
    """Short name -> properties."""
    found = of_type(template, "AWS::Lambda::Function").values()
    return {each["FunctionName"]["Fn::Sub"].removeprefix("${App}-${Stage}-"): each for each in found}


def mappings(template):
    """Short name of the function -> its event source mapping."""
    names = {
        logical: each["FunctionName"]["Fn::Sub"].removeprefix("${App}-${Stage}-")
        for logical, each in of_type(template, "AWS::Lambda::Function").items()
    }
    found = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    return {names[each["FunctionName"]["Ref"]]: each for each in found}


def test_every_function_has_its_name_time_and_memory(app_template):
    found = {name: (each["Timeout"], each["MemorySize"]) for name, each in functions(app_template).items()}

    assert found == FUNCTIONS


def test_every_function_runs_on_lambdas_python_and_is_traced(app_template):
    for function in functions(app_template).values():
        assert (function["Runtime"], function["Architectures"]) == ("python3.12", ["arm64"])
        assert function["TracingConfig"] == {"Mode": "Active"}


def test_every_function_writes_to_a_group_of_its_own_name_that_forgets(app_template):
    groups = of_type(app_template, "AWS::Logs::LogGroup")

    for name, function in functions(app_template).items():
        group = groups[function["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{App}}-${{Stage}}-{name}"}
    assert {group["RetentionInDays"] for group in groups.values()} == {30}
    assert len(groups) == len(FUNCTIONS) + 2  # and one each for who came to the API and to the websockets


def test_every_function_has_all_settings_and_knows_no_other(app_template):
    required = {f"PIX_{name.upper()}" for name, field in Settings.model_fields.items() if field.is_required()}

    for function in functions(app_template).values():
        variables = function["Environment"]["Variables"]
        given = {name for name in variables if name.startswith("PIX_")}
        assert set(variables) - given == {"PYDANTIC_DISABLE_PLUGINS"}
        assert required <= given
        assert given - {"PIX_PREVIEWS_URL", "PIX_PREVIEWS_KEY_ID"} <= {
            f"PIX_{name.upper()}" for name in Settings.model_fields
        }


def test_every_queue_reports_single_failures_and_waits_six_times_as_long_as_its_reader(app_template):
    parameters = data_template()["Parameters"]
    found = mappings(app_template)

    assert set(found) == {*QUEUES, "relay"}
    for name, queue in QUEUES.items():
        assert found[name]["EventSourceArn"] == {"Ref": f"{queue}QueueArn"}
        assert found[name]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        timeout = functions(app_template)[name]["Timeout"]
        assert parameters[f"{queue}VisibilityTimeout"]["Default"] >= 6 * timeout


def test_payments_keep_executions_free_and_are_never_read_faster(app_template):
    reserved = functions(app_template)["on_payment"]["ReservedConcurrentExecutions"]["Fn::If"][1]

    assert reserved == 20
    assert mappings(app_template)["on_payment"]["ScalingConfig"] == {"MaximumConcurrency": reserved}


def test_the_relay_reads_every_new_fact_and_names_what_it_gives_up(app_template):
    relay = mappings(app_template)["relay"]

    assert relay["StartingPosition"] == "TRIM_HORIZON"
    assert relay["BisectBatchOnFunctionError"] is True
    assert 0 < relay["MaximumRetryAttempts"] <= 10
    assert relay["DestinationConfig"]["OnFailure"]["Destination"] == {"Ref": "RelayFailuresArn"}
    assert [json.loads(each["Pattern"]) for each in relay["FilterCriteria"]["Filters"]] == [{"eventName": ["INSERT"]}]


def test_no_right_is_a_wildcard_and_only_traces_go_anywhere(app_template):
    roles = of_type(app_template, "AWS::IAM::Role")
    statements = [
        statement
        for role in roles.values()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]

    assert len(roles) == len(FUNCTIONS)
    assert len(statements) > len(FUNCTIONS)
    assert [action for statement in statements for action in statement["Action"] if "*" in action] == []
    anywhere = {action for statement in statements if statement["Resource"] == "*" for action in statement["Action"]}
    # A phone and a picture are no resources.
    assert anywhere <= {"rekognition:DetectText", "sns:Publish", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}
    assert not any("ManagedPolicyArns" in role for role in roles.values())


def test_the_stage_throttles_traces_and_logs_nothing_of_a_person(app_template):
    (stage,) = of_type(app_template, "AWS::ApiGateway::Stage").values()
    (settings,) = stage["MethodSettings"]
    line = json.loads(stage["AccessLogSetting"]["Format"])

    assert stage["StageName"] == "api"
    assert stage["TracingEnabled"] is True
    assert settings["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "RequestsAtOnce"}
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("OFF", False)
    assert {"requestId", "method", "resourcePath", "status", "latency", "integrationError"} <= set(line)
    private = ("identity", "$context.path", "querystring", "authorizer", "domain", "header")
    assert [value for value in line.values() if any(word in value for word in private)] == []


def test_websockets_lead_to_their_functions_and_no_other(app_template):
    routes = {each["RouteKey"]: each for each in of_type(app_template, "AWS::ApiGatewayV2::Route").values()}
    integrations = of_type(app_template, "AWS::ApiGatewayV2::Integration")
    names = {logical: each["FunctionName"] for logical, each in of_type(app_template, "AWS::Lambda::Function").items()}

    assert set(routes) == {"$connect", "$default", "$disconnect"}
    for key, short in (("$connect", "connect"), ("$default", "message"), ("$disconnect", "disconnect")):
        target = routes[key]["Target"]["Fn::Join"][1][1]["Ref"]
        function = integrations[target]["IntegrationUri"]["Fn::Sub"][1]["WebsocketHandler"]["Ref"]
        assert names[function] == {"Fn::Sub": f"${{App}}-${{Stage}}-websocket_{short}"}
        assert routes[key].get("AuthorizationType", "NONE") == "NONE"  # the ticket is the function's to prove
    invokers = [
        each
        for each in of_type(app_template, "AWS::Lambda::Permission").values()
        if "WebsocketAPIId" in json.dumps(each)
    ]
    assert {each["FunctionName"]["Ref"] for each in invokers} == {
        name for name, called in names.items() if "websocket" in called["Fn::Sub"]
    }
    assert all("SourceArn" in each for each in invokers)


def test_the_websockets_stage_throttles_and_logs_nothing_of_a_person(app_template):
    (api,) = of_type(app_template, "AWS::ApiGatewayV2::Api").values()
    (stage,) = of_type(app_template, "AWS::ApiGatewayV2::Stage").values()
    settings = stage["DefaultRouteSettings"]
    line = json.loads(stage["AccessLogSettings"]["Format"])

    assert (api["ProtocolType"], api["Name"]) == ("WEBSOCKET", {"Fn::Sub": "${App}-${Stage}-live"})
    assert stage["StageName"] == "api"
    assert stage["AutoDeploy"] is True
    assert not of_type(app_template, "AWS::ApiGatewayV2::Deployment"), "it would keep the first routes for ever"
    assert settings["ThrottlingRateLimit"] == {"Ref": "MessagesPerSecond"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "MessagesAtOnce"}
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("OFF", False)
    assert {"requestId", "route", "status", "integrationError"} <= set(line)
    private = ("identity", "connectionId", "querystring", "authorizer", "domain", "header", "body")
    assert [value for value in line.values() if any(word in value for word in private)] == []


@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", "404", "route_not_found"),
        ("REQUEST_TOO_LARGE", "413", "request_too_large"),
        ("THROTTLED", "429", "too_many_requests"),
        ("WAF_FILTERED", "403", "request_blocked"),
        ("INTEGRATION_TIMEOUT", "504", "timeout"),
        ("DEFAULT_4XX", None, "request_refused"),
        ("DEFAULT_5XX", None, "internal_error"),
    ],
)
def test_the_gateway_answers_in_the_envelope_and_with_the_headers_of_the_app(app_template, case, status, code):
    (api,) = of_type(app_template, "AWS::ApiGateway::RestApi").values()
    response = api["Body"]["x-amazon-apigateway-gateway-responses"][case]
    headers = {
        name.removeprefix("gatewayresponse.header."): value for name, value in response["responseParameters"].items()
    }
    body = json.loads(response["responseTemplates"]["application/json"])

    assert response.get("statusCode") == status
    assert body["error"]["code"] == body["errors"][0]["code"] == code
    assert (body["success"], body["data"], body["requestId"]) == (False, None, "$context.requestId")
    assert set(SECURITY_HEADERS) <= set(headers)
    assert all(value.strip("'").count("'") == 0 for value in headers.values())
    assert "Access-Control-Allow-Credentials" not in headers


def test_every_address_of_the_app_leads_to_the_api_function(app_template):
    (api,) = of_type(app_template, "AWS::ApiGateway::RestApi").values()
    operations = [each for path in api["Body"]["paths"].values() for each in path.values()]

    assert len(operations) > 50
    assert {each["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"] for each in operations} == {
        "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/arn:${AWS::Partition}:lambda:"
        "${AWS::Region}:${AWS::AccountId}:function:${App}-${Stage}-api/invocations"
    }
    assert "/{proxy+}" in api["Body"]["paths"]


def test_every_parameter_of_deploy_is_an_output_of_the_data_stack_or_has_a_default(app_template):
    outputs = set(data_template()["Outputs"])
    asked = {name for name, each in app_template["Parameters"].items() if "Default" not in each}

    assert asked - outputs == {"Stage", "PayNoiUrl", "CodeBucket", "CodeKey"}


def test_the_template_is_small_and_cfn_lint_finds_nothing(app_template_file):
    assert package.too_large_template(app_template_file.stat().st_size) == []
    assert package.lint(app_template_file) == []


def test_the_lint_sees_a_fault(app_template, tmp_path):
    log = copy.deepcopy(app_template["Resources"]["AccessLog"])
    log["Properties"]["RetentionInDays"] = 29
    broken = app_template | {"Resources": {"AccessLog": log}, "Outputs": {}}
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(broken))

    assert any("29" in finding for finding in package.lint(file))
