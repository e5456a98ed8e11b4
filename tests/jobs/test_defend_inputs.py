"""What determines the figures of a run with several networks."""

from lsap_cli.jobs.defend_inputs import inputs_of_several
from tests.tiny import make_classifier


def test_networks_of_one_name_do_not_hide_each_other() -> None:
    networks = {"a.toml": make_classifier(seed=1), "b.toml": make_classifier(seed=2), "c.toml": make_classifier(seed=3)}
    networks["c.toml"].name = "other"
    name = networks["a.toml"].name
    inputs = inputs_of_several(networks)
    parameters = {key: value for key, value in inputs.items() if key.startswith("parameters")}
    expected = {f"parameters of {name} (a.toml)", f"parameters of {name} (b.toml)", "parameters of other"}
    assert (set(parameters), len(set(parameters.values()))) == (expected, 3)
    changed = inputs_of_several({**networks, "a.toml": make_classifier(seed=9)})
    assert {key for key in inputs if inputs[key] != changed[key]} == {f"parameters of {name} (a.toml)"}
