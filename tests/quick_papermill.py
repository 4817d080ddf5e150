"""
`fpa_reproduce` without kernels: what the notebooks do, done by function calls.

    python quick_papermill.py ARGUMENT ...
"""

import sys
import warnings

from fpa_nb import reproduce
from fpa_nb.data import prepare
from fpa_nb.fid import choose_extractor
from fpa_nb.launch import fpa_train
from fpa_nb.scoring import Scorer, evaluate, find_subject, note_evaluation


def quick_papermill(job, notebook, parameters, stop):
    """In place of `fpa_nb.reproduce._papermill`."""
    if notebook == "train":
        return fpa_train(parameters)
    p = parameters
    subject = find_subject(p.what, p.checkpoint, p.dataset, p.model, p.name, runs_dir=p.runs_dir)
    first = next(subject.images(1, 1, p.seed))
    data = prepare(subject.dataset, p.data_dir, first.shape[-1], first.shape[1], p.cache_dir)
    scorer = Scorer(data, choose_extractor(p.extractor), p.image_format, seed=p.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few images
        result = evaluate(scorer, subject.images(p.samples, p.batch_size, p.seed), p.replicates)
    note_evaluation(subject, result, p.seed, 1.0)


def run_experiment(job, stop=None):
    """In place of `fpa_nb.reproduce.run_experiment`, in a process of submitit: the digits without kernels."""
    if job.dataset == "digits":
        reproduce._papermill = quick_papermill
    return reproduce.run_experiment(job, stop)


def main(arguments):
    """In place of `fpa_nb.reproduce.main`."""
    reproduce._papermill = quick_papermill
    sys.exit(reproduce.main(arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
