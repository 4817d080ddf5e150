"""Everything against numbers that the official code produced.

The folder of cases comes from the environment variable FPA_CASES (default: ../shared/cases beside the project); its
own check_cases.py does the comparing. With FPA_CASES_TABLE=reports/official_cases.csv the measured differences are
written there.

Outputs are compared in float32 and in float64; gradients, and what they lead to, in float64 only. A leaky ReLU has a
kink, and where its input is nearly zero, float32's rounding (another one on every processor) decides the gradient.
"""

import csv
import importlib.util
import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from fpa_nb.datasets import prepare_image
from fpa_nb.gan import Gan, GanConfig, update_ema
from fpa_nb.losses import LOSSES, generator_loss, gradient_penalty
from fpa_nb.lightgan import LightGenerator
from fpa_nb.augmentation import AUGMENTATIONS
from fpa_nb.official import discriminator_from_official, generator_from_official, load_official, official_steps
from fpa_nb.official_settings import official_name, official_state, whole_official_state
from fpa_nb.gallery import slerp

ROOT = Path(__file__).resolve().parent.parent
CASES = Path(os.environ.get("FPA_CASES", ROOT.parent / "shared" / "cases"))
TABLE = os.environ.get("FPA_CASES_TABLE")
FOLDERS = sorted(p.parent for p in CASES.glob("*/case.json")) if (CASES / "check_cases.py").exists() else []

pytestmark = pytest.mark.skipif(not FOLDERS, reason=f"no official cases in {CASES} (set FPA_CASES to their folder)")
measured = []


def of_kind(kind):
    folders = [p for p in FOLDERS if json.loads((p / "case.json").read_text())["kind"] == kind]
    return pytest.mark.parametrize("folder", folders, ids=lambda p: p.name)


@pytest.fixture(scope="module")
def checker():
    spec = importlib.util.spec_from_file_location("check_cases", CASES / "check_cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    if TABLE:
        with open(TABLE, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["case", "what", "difference", "limit", "torch"])
            writer.writerows(measured)


def check(folder, what, difference, limit, dtype=torch.float32):
    difference, what = float(difference), what + (" (float64)" if dtype == torch.float64 else "")
    measured.append([folder.name, what, f"{difference:.1e}", f"{limit:.1e}", torch.__version__.split("+")[0]])
    assert difference <= limit, f"{folder.name}: {what} differs by {difference:.2e}, limit {limit:.2e}"


def build_generator(config, state):
    arguments = {k: v for k, v in config.items() if v is not None}
    model = generator_from_official(
        state, config["image_size"], 1 if config["greyscale"] else 4 if config["transparent"] else 3, arguments
    )
    return model.eval() if config.get("mode") == "eval" or isinstance(model, LightGenerator) else model


class GeneratorAdapter:
    def __init__(self, config, state, dtype):
        self.model, self.dtype = build_generator(config, state).to(dtype), dtype
        if not isinstance(self.model, LightGenerator):
            self.steps = lambda z: official_steps(self.model, z.to(dtype))
            self.named_grads = self._named_grads

    def __call__(self, z):
        return self.model(z.to(self.dtype)).detach()

    def _named_grads(self, z):
        self.model.zero_grad()
        self.model(z.to(self.dtype)).square().mean().backward()
        return {official_name(self.model, n): p.grad for n, p in self.model.named_parameters() if p.grad is not None}

    def variant(self, name, z):
        model, z = self.model, z.to(self.dtype)
        with torch.no_grad():
            if name == "out_train":
                return model.train()(z)
            if name == "intermed":  # officially one update late
                model.config = replace(model.config, supervised_late=True)
                return model.training_images(z)
            if name == "pre_unet_loss_concat":
                model.config = replace(model.config, supervise_canvas=True)
                return model.training_images(z)
            painting = model.paint(z)
            return {"pre_unet": replace(painting, refined=None), "post_unet": painting}[name].images


@of_kind("generator")
def test_generator(checker, folder):
    case = checker.load_json(folder)
    limit = max(1e-5, 50 * case["noise_floor_out"])
    for dtype in (torch.float32, torch.float64):
        result = checker.compare_generator(folder, partial(GeneratorAdapter, dtype=dtype), dtype == torch.float64)
        check(folder, "images", result["out"], limit, dtype)
        if "steps" in result:
            check(folder, "step pictures", result["steps"], limit, dtype)
        for name in case.get("variants", {}):
            check(folder, name, result[f"variant:{name}"], limit, dtype)
    if "grads" in result:
        assert not result["grads"]["missing"]
        grads_limit = max(1e-4, 50 * case.get("noise_floor_grads_rel", 0))
        check(folder, "gradients (relative)", result["grads"]["worst"], grads_limit, torch.float64)


class DiscriminatorOutputs:
    def __init__(self, config, state, dtype):
        self.model, self.dtype = discriminator_from_official(state).to(dtype), dtype

    def forward(self, x):
        output = self.model(x.to(self.dtype))
        return *output.logits, self.model.reconstruction_loss(x.to(self.dtype), output)


class DiscriminatorGradients(DiscriminatorOutputs):
    def input_grad(self, x):
        x = x.to(self.dtype).requires_grad_()
        return torch.autograd.grad(sum(head.sum() for head in self.model(x).logits), x)[0]

    def grads(self, x, which):
        self.model.zero_grad()
        x = x.to(self.dtype).requires_grad_()
        output = self.model(x)
        if which == "loss":
            loss = self.model.reconstruction_loss(x, output)
            (sum(head.mean() for head in output.logits) + loss).backward()
        else:
            gradient_penalty(x, output).backward()
        parameters = dict(self.model.named_parameters())
        grads = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in parameters.items()}
        return official_state(self.model, grads)


@of_kind("discriminator")
def test_discriminator(checker, folder):
    case, data = checker.load_json(folder), checker.load_pt(folder, "data.pt")
    floor = case["noise_floor_rel"]
    for dtype, adapter in ((torch.float32, DiscriminatorOutputs), (torch.float64, DiscriminatorGradients)):
        result = checker.compare_discriminator(folder, partial(adapter, dtype=dtype))
        for name in ("out", "out_32x32", "aux_loss"):
            relative = result[name] / float(data[name].abs().max())
            check(folder, f"{name} (relative)", relative, max(1e-4, 50 * floor[name]), dtype)
    names = {"input_grad_rel": "gradient by the image", "gp_rel": "gradient penalty"}
    for name, what in names.items():
        limit = max(1e-4, 50 * floor[name.removesuffix("_rel")])
        check(folder, f"{what} (relative)", result[name], limit, torch.float64)
    for name, what in (("grads_loss", "losses"), ("grads_gp", "penalty")):
        if name in result:
            assert not result[name]["missing"]
            limit = max(1e-4, 50 * floor[name])
            check(folder, f"gradients of the {what} (relative)", result[name]["worst"], limit, torch.float64)


@of_kind("checkpoint")
def test_checkpoint(checker, folder):
    result = checker.compare_checkpoint(
        folder, lambda path, config, z: load_official(path, arguments=config)(z).detach().clamp(0, 1)
    )
    check(folder, "averaged images", result["ema"], 1e-5)
    assert result["distance_if_G_was_used"] > 0.01


def play_settings(config):
    """The official training arguments of a case, as ours."""
    unet, several = config["model_type"].endswith("_unet"), config.get("use_intermed_loss", 1) > 1
    first_version = config["model_type"].startswith("lstm_delta") and "split" not in config["model_type"]
    return GanConfig(
        loss="pooled_hinge" if unet or (several and config["model_type"] != "base") else "hinge",
        lr=config["lr"],
        ttur_mult=config["ttur_mult"],
        adam_betas=config["betas"],
        penalty_weight=config["gp_weight"],
        penalty_every=config["gp_every"],
        clip=config["clip"] if first_version else 0,
        clip_lstm=config["clip_rnn"] if first_version else 0,
    )


LOGS = {
    "d_loss": "d_loss",
    "g_loss": "g_loss",
    "gp": "penalty",
    "aux": "auxiliary",
    "d_total": "d_total",
    "g_total": "g_total",
}


def replay(config, generator_state, discriminator_state, steps, dtype):
    generator = build_generator(config, generator_state).train().to(dtype)
    discriminator = discriminator_from_official(discriminator_state).to(dtype)
    if config.get("use_intermed_loss", 1) > 1:
        generator.config = replace(generator.config, supervised_late=True)
    gan = Gan(generator, discriminator, play_settings(config))
    history = {name: [] for name in LOGS}
    for step in steps:
        latents = iter([*step["latents_d"], *step["latents_g"]])
        losses = gan.train_step([real.to(dtype) for real in step["real"]], lambda n: next(latents).to(dtype))
        for name, ours in LOGS.items():
            history[name].append(float(losses[ours]))
    models = {"G": generator, "D": discriminator, "GE": gan.ema}
    return history | {name: whole_official_state(model) for name, model in models.items()}


@of_kind("trajectory")
def test_trajectory(checker, folder):
    _, _, _, record = checker.load_trajectory(folder)
    accumulated = any(len(step["real"]) > 1 for step in record["steps"])
    for dtype in (torch.float32, torch.float64):
        result = checker.compare_trajectory(folder, partial(replay, dtype=dtype))
        compared = LOGS if dtype == torch.float64 else ("d_loss", "g_loss", "aux")
        if accumulated:  # the official logs of such a step are those of its last part: the totals decide
            compared = ("d_total", "g_total") if dtype == torch.float64 else ()
        for name in compared:
            wanted = [step[name] for step in record["steps"]]
            errors = zip(result[name]["per_step"], wanted)
            worst = max(error / max(abs(w), 1e-3) for error, w in errors if w is not None)
            check(folder, f"{name}, worst step (relative)", worst, 1e-3, dtype)
    for net in [
        net for net in ("G", "D", "GE") if net in result
    ]:  # Adam makes a whole step of a tiny gradient's rounding
        assert not result[net]["missing"]
        if "mean_over_moved" in result[net]:
            check(folder, f"final {net} / distance moved", result[net]["mean_over_moved"], 1e-2, dtype)
        else:
            what = f"final {net}, summaries of the distance moved"
            check(folder, what, result[f"{net}_quiet"]["worst"], 1e-2, dtype)
            check(folder, f"{net}, what must not move", result[f"{net}_must_not_move"], 0.0, dtype)


@of_kind("ema")
def test_ema_schedule(checker, folder):
    case, record = checker.load_json(folder), checker.load_pt(folder, "record.pt")
    config = case["config"] | {"model_type": case["model_type"]}
    model, average = (build_generator(config, record["start"][part]) for part in ("G", "GE"))
    worst = 0.0
    for step, event in case["events"]:
        before = {name: tensor.clone() for name, tensor in official_state(average).items()}
        if f"step_{step}" in record:
            model = build_generator(config, record[f"step_{step}"]["G"])
        update_ema(average, model, step, GanConfig())
        wanted = before if event == "unchanged" else record[f"step_{step}"]["GE"]
        after = official_state(average)
        worst = max([worst, *(checker.max_abs(after[name], wanted[name]) for name in after)])
    check(folder, "average after every step", worst, 1e-6)


@of_kind("dataset")
def test_dataset(checker, folder):
    def load(path, size, channels=3):
        return torch.from_numpy(prepare_image(Image.open(path), size, channels)).float() / 255

    assert checker.compare_dataset(folder, load)["worst_levels"] == 0
    case, data = checker.load_json(folder), checker.load_pt(folder, "expected.pt")
    for key, size, channels in (("images16_u8", 16, 3), ("grey_u8", case["image_size"], 1)):
        ours = torch.stack([load(folder / "images" / name, size, channels) for name in case["files"]])
        check(folder, f"{key}, levels of 255", checker.max_abs(ours * 255, data[key].float()), 1e-4)
    check(folder, "prepared images, levels of 255", checker.compare_dataset(folder, load)["worst_levels"], 0)


@of_kind("diffaugment")
def test_diffaugment(checker, folder):
    def apply(kinds, x, draws):
        draws = list(draws)
        for kind in kinds.split("+"):
            change, draw = AUGMENTATIONS[kind]
            amounts = [draws.pop(0) for _ in draw(x)]
            x = change(x, *amounts)
        return x

    for name, error in checker.compare_diffaugment(folder, apply).items():
        check(folder, name, error, 1e-6)


@of_kind("losses")
def test_losses(checker, folder):
    functions = {"hinge_bis": LOSSES["pooled_hinge"].discriminator, "generator": generator_loss, "slerp": slerp} | {
        n: loss.discriminator for n, loss in LOSSES.items()
    }
    for name, error in checker.compare_losses(folder, lambda name, *tensors: functions[name](*tensors)).items():
        check(folder, name, error, 1e-5)
