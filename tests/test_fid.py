"""FID against the pytorch-fid command, with the same (random) Inception weights where it looks for them."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import pytorch_fid.inception
import torch
from pytorch_fid.fid_score import compute_statistics_of_path
from torchvision.utils import save_image

from fpa_nb.data import ImageData
from fpa_nb.fid import FeatureStatistics, Moments, frechet_distance, inception
from fpa_nb.scoring import Scorer


@pytest.fixture(scope="module")
def torch_home(tmp_path_factory):
    """A torch home with an Inception network of seeded random weights."""
    home = tmp_path_factory.mktemp("torch_home")
    with (
        patch.object(pytorch_fid.inception, "load_state_dict_from_url", lambda *a, **k: {}),
        patch.object(torch.nn.Module, "load_state_dict", lambda *a, **k: None),
    ):
        torch.manual_seed(0)
        network = pytorch_fid.inception.fid_inception_v3()
    file = home / "hub" / "checkpoints" / Path(pytorch_fid.inception.FID_WEIGHTS_URL).name
    file.parent.mkdir(parents=True)
    torch.save(network.state_dict(), file)
    with patch.dict(os.environ, {"TORCH_HOME": str(home)}):
        os.environ.pop("FPA_INCEPTION", None)
        yield home


def pictures(count, seed):
    coarse = torch.rand(count, 3, 5, 5, generator=torch.Generator().manual_seed(seed)) ** (1 + seed)
    return torch.nn.functional.interpolate(coarse, size=64, mode="bicubic").clamp(0, 1)


def test_fid_equals_the_pytorch_fid_command(torch_home, tmp_path):
    real, painted = pictures(20, 0), pictures(24, 1)
    pixels = (real * 255).round().to(torch.uint8).numpy()
    for name, images in (("real", torch.from_numpy(pixels) / 255), ("painted", painted)):
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            save_image(image, tmp_path / name / f"{i:03d}.jpg")
    options = ["--device", "cpu", "--num-workers", "0", "--batch-size", "12"]
    command = [sys.executable, "-m", "pytorch_fid", tmp_path / "real", tmp_path / "painted", *options]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout
    wanted = float(printed.rsplit("FID:", 1)[1])

    with pytest.raises(ValueError, match="is not the file of the FID weights"):
        inception()
    extractor = inception(other_weights=True)
    assert extractor.name != "fid"  # only the original weights give FID
    data = ImageData("pictures", pixels.shape, "made here", "fingerprint", pixels=pixels)
    scorer = Scorer(data, extractor, cache_dir=tmp_path / "statistics")
    painted_statistics = scorer.gather(painted.split(12))
    ours = frechet_distance(scorer.real, painted_statistics)
    assert ours == pytest.approx(wanted, rel=1e-3)

    files = [tmp_path / f"{name}.npz" for name in ("real", "painted")]  # and its reader reads our statistics
    for file, moments in zip(files, (scorer.real, Moments.of(painted_statistics))):
        moments.save(file)
        mean, covariance = compute_statistics_of_path(str(file), None, 16, 2048, "cpu", 0)
        assert np.array_equal(mean, moments.mean) and np.array_equal(covariance, moments.covariance)


def test_grey_images_are_scored_like_their_rgb_twins(torch_home):
    extractor, images = inception(other_weights=True), pictures(2, 0)[:, :1]
    assert np.allclose(extractor.features(images), extractor.features(images.expand(-1, 3, -1, -1)), atol=1e-6)


def test_fewer_images_than_features():
    """Of 2 048 features and 300 images: singular covariances, and still exact."""
    features = torch.randn(300, 2048, generator=torch.Generator().manual_seed(0)).relu()
    whole = FeatureStatistics().add(features)
    assert abs(frechet_distance(whole, FeatureStatistics().add(features.flip(0)))) < 1e-3
    between = frechet_distance(FeatureStatistics().add(features[:150]), FeatureStatistics().add(features[150:]))
    assert np.isfinite(between) and 10 < between < 2 * float(whole.covariance.trace())
