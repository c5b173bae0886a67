"""The process against its own definition: what it knows, and what it says of what it does not."""

import dataclasses

import numpy as np
import pytest

from seatrial.forecast.residual import UNSEEN, Features, Groups, Residual, Spreads, noise, parts, total


def job(**changes):
    plain = {
        "framework": "f", "year": 2025.0, "accelerator": "H100 SXM", "generation": "Hopper", "fabric": "efa",
        "precision": "bf16", "kind": "dense", "task": "pretrain", "model": (1,), "shares": (0.7, 0.3),
        "layout": (0.0, 0.0),
    }  # fmt: skip
    return Features(**{**plain, **changes})


NEAR = [job(layout=(float(n), 0.0)) for n in range(4)]
OTHERS = [job(framework="g", model=(n,), accelerator="B200", generation="Blackwell") for n in range(3)]


@pytest.fixture
def process():
    return Residual([*NEAR, *OTHERS], np.array([0.2, 0.21, 0.19, 0.2, -0.1, -0.1, -0.1]), Spreads())


def test_a_job_like_measured_ones_is_expected_as_they_were_and_a_strange_one_as_the_model_says(process):
    (near, far), (sure, unsure) = process.expect(
        [
            job(layout=(1.0, 1.0)),
            job(framework="?", accelerator="T4", generation="T4", fabric="?", task="?", model=(9,)),
        ]
    )
    assert near == pytest.approx(0.2, abs=0.02)
    assert abs(far) < 0.1
    assert unsure > 2 * sure


def test_groups_that_nobody_measured_share_nothing_with_one_another(process):
    strange = [job(framework="?", model=(8,)), job(framework="!", model=(9,))]
    together, _ = process.expect(strange)
    apart = [process.expect([one])[0][0] for one in strange]
    assert together.tolist() == pytest.approx(apart)


def test_many_layouts_at_once_are_expected_as_each_alone(process):
    one = job(kind="mixture", year=2024.5)
    shares = np.array([[0.7, 0.3], [0.5, 0.5], [0.0, 1.0]])
    layout = np.array([[0.0, 0.0], [2.0, 1.0], [9.0, 0.0]])
    rows = zip(map(tuple, shares.tolist()), map(tuple, layout.tolist()), strict=True)
    alone, _ = process.expect([dataclasses.replace(one, shares=a, layout=b) for a, b in rows])
    assert process.mean(one, shares, layout) == pytest.approx(alone)
    assert len(set(alone.round(6))) == 3


def test_the_parts_of_the_covariance_add_up(process):
    known = process.jobs
    spreads = Spreads(mixture=1.0)
    assert total(known, known, spreads) == pytest.approx(sum(parts(known, known, spreads).values()))


def test_many_measurements_are_inverted_as_few_are():
    """Above the size from which on it is done by halves, odd sizes among them."""
    jobs = [job(framework=str(n % 7), model=(n % 11,), layout=(float(n % 5), n / 9)) for n in range(195)]
    made = Residual(jobs, np.linspace(-0.2, 0.2, 195), Spreads())
    covariance = total(made.jobs, made.jobs, Spreads()) + np.diag(noise(made.jobs, Spreads()))
    assert made.root.T @ made.root @ covariance == pytest.approx(np.eye(195), abs=1e-8)


def test_leaving_out_says_what_a_process_without_them_says(process):
    mean, spread = process.left_out([0, 2, 5])
    kept = [1, 3, 4, 6]
    jobs, logarithms = [*NEAR, *OTHERS], process.logarithms
    without = Residual([jobs[i] for i in kept], logarithms[kept], Spreads())
    expected, deviation = without.expect([jobs[i] for i in (0, 2, 5)])
    assert mean == pytest.approx(expected, abs=1e-6)
    assert spread == pytest.approx(deviation, rel=1e-6)


def test_a_mixture_of_which_nothing_was_measured_has_a_wider_interval_and_no_other_forecast():
    mixtures = [job(kind="mixture", model=(n,), layout=(float(n % 3), 0.0)) for n in (1, 1, 2)]
    known = Residual([*NEAR, *mixtures], np.array([0.2, 0.21, 0.19, 0.2, 0.3, 0.31, -0.1]), Spreads())
    mean, spread = known.left_out([6])  # the only one of its model
    others = Residual([*NEAR, *mixtures[:2]], known.logarithms[:6], Spreads())
    expected, deviation = others.expect(mixtures[2:])
    assert mean == pytest.approx(expected, abs=1e-6)
    assert spread == pytest.approx(deviation, rel=1e-6)
    for strange, more in ((mixtures[2], UNSEEN**2), (job(model=(9,)), 0.0)):
        groups = Groups([strange], others.jobs)
        across = others.covariance(groups)
        explained = across @ others.root.T @ others.root @ across.T
        own = total(groups, groups, Spreads()) + noise(groups, Spreads()) - explained
        _, deviation = others.expect([strange])
        assert deviation**2 == pytest.approx(own[0] + more)
    _, (again,) = known.left_out([4])  # another one of its model is left
    assert again**2 == pytest.approx(1 / (known.root[:, 4] @ known.root[:, 4]))


def test_effects_and_noise_of_a_mixture_are_larger(process):
    _, (dense, mixture) = process.expect([job(), job(kind="mixture")])
    assert mixture > dense
    alike = Residual(NEAR, np.zeros(4), Spreads(mixture=1.0, framework_kind=0.0, release=0.0))
    _, (dense, mixture) = alike.expect([job(), job(kind="mixture")])
    assert mixture**2 - dense**2 == pytest.approx(Spreads().noise_mixture ** 2 - Spreads().noise ** 2)


def test_old_releases_count_less(process):
    _, (now, later) = process.expect([job(), job(year=2029.0)])
    assert later > now


def test_the_nearest_measurement_is_named_first(process):
    assert process.nearest(job(layout=(2.0, 0.0)))[0] == 2
    assert process.nearest(job(layout=(2.0, 0.0)), count=2) == [2, *process.nearest(job(layout=(2.0, 0.0)))[1:2]]
    lonely = dataclasses.replace(
        job(), framework="?", accelerator="?", generation="?", fabric="?", model=(77,), task="?"
    )
    assert process.nearest(lonely, least=0.5) == []
