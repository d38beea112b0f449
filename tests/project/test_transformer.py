"""The large-model track's transformer: its checkpoints, its text, its training.

To make the checkpoints anew: `python notebooks/transformer.py` (minutes on one core).
"""

import sys

import pytest

from tests.grading.catalogue import ROOT

torch = pytest.importorskip("torch")
sys.path.insert(0, str(ROOT / "notebooks"))
transformer = pytest.importorskip("transformer")
TEXTS = {"prose": transformer.prose, "code": transformer.code}


@pytest.mark.parametrize("seed", transformer.SEEDS)
def test_a_checkpoint_is_there_and_small(seed):
    path = transformer.CHECKPOINTS / f"transformer-{seed}.pt"
    assert path.stat().st_size < 3_000_000
    state = torch.load(path, weights_only=True)
    assert {p.dtype for p in state.values()} == {torch.float16}


@pytest.mark.parametrize("name", TEXTS)
def test_every_seed_beats_the_5_gram_of_the_same_text(name):
    text = TEXTS[name]()
    both = transformer.both()
    counted = min(transformer.ngram_loss(t, text.validation) for t in (text.train, both.train))
    for seed in transformer.SEEDS:
        assert transformer.loss(transformer.trained(seed), text.validation, 10**6) < counted, seed


@pytest.mark.parametrize("name", TEXTS)
def test_no_paragraph_of_the_validation_text_was_trained_on(name):
    parts = [transformer.decode(part).split("\n\n") for part in TEXTS[name]()]
    long = [{p for p in part if len(p) > 100} for part in parts]
    assert not long[0] & long[1]
    assert 0.05 < len(TEXTS[name]().validation) / len(TEXTS[name]().train) < 0.2


def test_a_few_training_steps_are_the_same_when_repeated():
    texts = tuple(text().train for text in TEXTS.values())

    def weights(seed):
        model = transformer.train(transformer.Transformer(seed=seed), texts, 3, seed=seed)
        return [p.detach() for p in model.parameters()]

    first, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not any(torch.equal(a, b) for a, b in zip(first, other) if a.ndim > 1)


def test_a_5_gram_is_a_distribution():
    text = transformer.prose()
    context = text.validation[:4]
    last = torch.arange(len(transformer.SYMBOLS))
    total = 0.0
    for symbol in last:
        asked = torch.cat([context, symbol[None]])
        total += float(torch.tensor(-transformer.ngram_loss(text.train[:20_000], asked)).exp())
    assert abs(total - 1) < 1e-6


def test_a_closed_gate_silences_one_head():
    model = transformer.Transformer(layers=2)
    tokens = transformer.windows(transformer.prose().validation, 2)
    with torch.no_grad():
        gates = torch.ones(2, 8)
        assert torch.equal(model(tokens), model(tokens, gates))
        gates[1, 3] = 0.0
        closed = model(tokens, gates)
        model.blocks[1].attention.o.weight[:, 48:64] = 0.0
        assert torch.allclose(closed, model(tokens), atol=1e-5)
