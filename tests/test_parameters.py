"""The parameters cells of the papermill notebooks, against the models that check them."""

import re

import papermill
import pytest

import fpa_nb.parameters as parameters
from conftest import ROOT

MODELS = {
    "train": parameters.TrainParameters,
    "evaluate": parameters.EvaluateParameters,
    "tables": parameters.TablesParameters,
    "benchmark": parameters.BenchmarkParameters,
}


@pytest.mark.parametrize("notebook", MODELS)
def test_help_lists_every_parameter(notebook):
    """What `papermill --help-notebook` lists: each name, its default and its comment, as the model has them."""
    listed = papermill.inspect_notebook(str(ROOT / "nbs" / f"{notebook}.ipynb"))
    fields = MODELS[notebook].model_fields
    assert list(listed) == list(fields)
    for name, field in fields.items():
        default = (
            listed[name]["default"].replace("_", "") if isinstance(field.default, int) else listed[name]["default"]
        )
        assert default in (repr(field.default), f'"{field.default}"'), name
        assert listed[name]["help"] == field.description, name


@pytest.mark.parametrize("notebook", MODELS)
def test_defaults_are_allowed(notebook):
    model = MODELS[notebook]
    defaults = {name: field.default for name, field in model.model_fields.items()}
    assert parameters.checked(model, **defaults) == model()
    for field in model.model_fields.values():
        assert field.description and not re.search("[=#]", field.description)
