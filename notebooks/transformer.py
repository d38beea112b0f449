"""The large-model track's model: a small transformer trained on text that ships with Python.

Decoder only: RMSNorm, grouped-query attention with rotary positions, gated MLPs, no biases. It
reads characters of two kinds of text, `prose` (Python's language reference) and `code` (the
standard library's source). Three trained seeds lie in `checkpoints/`;
`python notebooks/transformer.py` trains them again, in minutes on one core.

Both texts differ between versions of Python: compare a loss with the dense model's, measured in
the same run, never with a number from elsewhere.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import math
import re
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import lab
import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"
SEEDS = (0, 1, 2)
CONTEXT = 128
SYMBOLS = "\n" + "".join(map(chr, range(32, 127)))  # printable ASCII
MODULES = (
    "argparse",
    "bdb",
    "calendar",
    "cmd",
    "configparser",
    "contextlib",
    "csv",
    "dataclasses",
    "difflib",
    "fractions",
    "functools",
    "heapq",
    "pprint",
    "queue",
    "random",
    "shlex",
    "shutil",
    "socketserver",
    "statistics",
    "string",
    "tempfile",
    "textwrap",
    "threading",
    "timeit",
)


# ------------------------------------------------------------------------------------- the text


class Text(NamedTuple):
    """A split text: symbols as int64 (characters,)."""

    train: Tensor
    validation: Tensor


def encode(text: str) -> Tensor:
    """The symbols of a text; a tab is four spaces, what is not printable ASCII is left out."""
    places = {symbol: i for i, symbol in enumerate(SYMBOLS)}
    found = [places[c] for c in text.expandtabs(4) if c in places]
    return torch.tensor(found, dtype=torch.int64)


def decode(tokens: Tensor) -> str:
    """The text of symbols."""
    return "".join(SYMBOLS[i] for i in tokens.tolist())


@functools.cache
def prose() -> Text:
    """Python's language reference as it ships in `pydoc_data`: English, 0.4 million characters."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name] for name in sorted(topics))
    return _split(re.split(r"\n\n+(?=[^\n]+\n[*=\-~^\"]{3,}\n)", text))  # at underlined headings


@functools.cache
def code() -> Text:
    """The source of some modules of the standard library, 0.8 million characters."""
    sources = []
    for name in MODULES:
        source = importlib.util.find_spec(name).origin
        sources.append(Path(source).read_text(encoding="utf-8"))
    return _split(re.split(r"\n\n\n+", "\n\n\n".join(sources)))  # classes and functions


@functools.cache
def both() -> Text:
    """Both kinds together, prose first."""
    return Text(*(torch.cat(parts) for parts in zip(prose(), code())))


def _split(sections: list[str]) -> Text:
    """Every paragraph once (the topics repeat many); a tenth of the sections for validation.

    A hash of its first line decides where a section goes, so that another version of Python,
    with a somewhat different text, does not validate on what a checkpoint was trained on.
    """
    seen: set[str] = set()
    parts: tuple[list[str], list[str]] = ([], [])
    for section in sections:
        section = section.strip("\n")
        chosen = zlib.crc32(section.split("\n")[0].encode()) % 10 == 0
        for paragraph in section.split("\n\n"):
            if paragraph not in seen:
                seen.add(paragraph)
                parts[chosen].append(paragraph)
    return Text(*(encode("\n\n".join(part)) for part in parts))


def windows(text: Tensor, count: int, length: int = CONTEXT + 1) -> Tensor:
    """(count, length): that many windows, evenly spread over the text (fewer if it is short)."""
    starts = torch.linspace(0, len(text) - length, min(count, len(text) // length)).long()
    return torch.stack([text[i : i + length] for i in starts.tolist()])


def draw(text: Tensor, count: int, generator: torch.Generator, length: int = CONTEXT + 1) -> Tensor:
    """(count, length): windows at random places."""
    starts = torch.randint(len(text) - length + 1, (count,), generator=generator)
    return text[starts[:, None] + torch.arange(length)]


# ------------------------------------------------------------------------------------ the model


class RmsNorm(nn.Module):
    """x / √(mean of squares), times a scale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.scale, 1e-6)


def rotate(x: Tensor) -> Tensor:
    """Rotary positions for (batch, heads, tokens, head width)."""
    half = x.shape[-1] // 2
    speed = 10_000.0 ** (-torch.arange(half, dtype=x.dtype) / half)
    angle = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * speed
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


def _filled(layer: nn.Module, **weights: Tensor) -> nn.Module:
    layer.load_state_dict({f"{name}.weight": weight for name, weight in weights.items()})
    return layer.requires_grad_(False)


class Attention(nn.Module):
    """Causal attention in which neighbouring query heads share keys and values."""

    def __init__(self, width: int, n_heads: int, n_kv_heads: int, head: int) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads = n_heads, n_kv_heads
        self.q = nn.Linear(width, n_heads * head, bias=False)
        self.k = nn.Linear(width, n_kv_heads * head, bias=False)
        self.v = nn.Linear(width, n_kv_heads * head, bias=False)
        self.o = nn.Linear(n_heads * head, width, bias=False)

    @classmethod
    def of(
        cls, q: Tensor, k: Tensor, v: Tensor, o: Tensor, n_heads: int, n_kv_heads: int
    ) -> Attention:
        """A layer with copies of these matrices."""
        layer = cls(len(o), n_heads, n_kv_heads, len(q) // n_heads)
        return _filled(layer, q=q, k=k, v=v, o=o)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (batch, n_heads, tokens, head), positions included."""

        def split(y: Tensor, n: int) -> Tensor:
            y = y.unflatten(-1, (n, -1)).transpose(1, 2)
            return y.repeat_interleave(self.n_heads // n, dim=1)

        q, k, v = split(self.q(x), self.n_heads), self.k(x), self.v(x)
        return rotate(q), rotate(split(k, self.n_kv_heads)), split(v, self.n_kv_heads)

    def forward(self, x: Tensor, gates: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        q, k, v = self.heads(x)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        if gates is not None:
            y = y * gates[:, None, None]
        return self.o(y.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """down(silu(gate x) · (up x))."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    @classmethod
    def of(cls, gate: Tensor, up: Tensor, down: Tensor) -> Mlp:
        """A layer with copies of these matrices."""
        return _filled(cls(*down.shape), gate=gate, up=up, down=down)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """Attention and MLP, each behind a norm and beside the residual stream."""

    def __init__(self, width: int, n_heads: int, n_kv_heads: int, head: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = RmsNorm(width), RmsNorm(width)
        self.attention = Attention(width, n_heads, n_kv_heads, head)
        self.mlp = Mlp(width, hidden)

    def forward(self, x: Tensor, gates: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.norm1(x), gates, mask)
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """Symbols (batch, tokens) to logits (batch, tokens, symbols)."""

    def __init__(
        self,
        width: int = 128,
        layers: int = 6,
        n_heads: int = 8,
        n_kv_heads: int = 4,
        hidden: int = 384,
        seed: int = 0,
    ) -> None:
        super().__init__()
        with lab.seeded(seed):
            self.embed = nn.Embedding(len(SYMBOLS), width)
            head = width // n_heads
            self.blocks = nn.ModuleList(
                Block(width, n_heads, n_kv_heads, head, hidden) for _ in range(layers)
            )
            self.norm = RmsNorm(width)
            self.unembed = nn.Linear(width, len(SYMBOLS), bias=False)
            for name, p in self.named_parameters():
                if p.ndim == 2:  # what writes into the residual stream starts smaller
                    writes = name.endswith(("o.weight", "down.weight"))
                    nn.init.normal_(p, std=0.04 / math.sqrt(2 * layers) if writes else 0.04)

    def forward(
        self, tokens: Tensor, gates: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """`gates` (layers, heads) weigh the heads; `mask` (tokens, tokens): True = may be read."""
        return self.unembed(self.norm(self.states(tokens, gates, mask)[-1]))

    def states(
        self, tokens: Tensor, gates: Tensor | None = None, mask: Tensor | None = None
    ) -> list[Tensor]:
        """The residual stream before the first block and after each: layers + 1 tensors."""
        states = [self.embed(tokens)]
        for i, block in enumerate(self.blocks):
            states.append(block(states[-1], None if gates is None else gates[i], mask))
        return states


def linears(module: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers inside the blocks, by name: seven a block, no embedding, no head."""
    return {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear) and name != "unembed"
    }


@contextmanager
def recorded(layers: dict[str, nn.Module]) -> Iterator[dict[str, list[Tensor]]]:
    """In this block, what each layer reads is kept: a list of one tensor a call."""
    inputs: dict[str, list[Tensor]] = {name: [] for name in layers}
    hooks = [
        layer.register_forward_pre_hook(
            lambda _, args, name=name: inputs[name].append(args[0].detach())
        )
        for name, layer in layers.items()
    ]
    try:
        yield inputs
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def prune_blocks(
    model: Transformer, batches: list[Tensor], prune: Callable[[str, Tensor, list[Tensor]], Tensor]
) -> Transformer:
    """Prune the linear layers in place, block after block, as Wanda's and SparseGPT's code does.

    `prune(name, weight, inputs)` returns the new weight; inputs are what this layer reads of the
    batches of symbols when the blocks before it are already pruned.
    """
    streams = [model.embed(tokens) for tokens in batches]
    for i, block in enumerate(model.blocks):
        layers = {f"blocks.{i}.{name}": layer for name, layer in linears(block).items()}
        with recorded(layers) as inputs:
            for x in streams:
                block(x)
        for name, layer in layers.items():
            layer.weight.copy_(prune(name, layer.weight.detach(), inputs[name]))
        streams = [block(x) for x in streams]
    return model


# ---------------------------------------------------------------------------- training, measuring


def train(
    model: nn.Module,
    texts: tuple[Tensor, ...],
    steps: int,
    lr: float = 2e-3,
    batch: int = 8,
    seed: int = 0,
    masks: dict[str, Tensor] | None = None,
    teacher: nn.Module | None = None,
    report: Callable[[int], None] | None = None,
) -> nn.Module:
    """Train in place with AdamW, a short warm-up and a cosine down to 0.

    Each step draws `batch` windows, equally many of each text. With a teacher the loss is the
    KL divergence from its predictions. `masks` (True = kept) hold zeros at zero.
    """
    generator = torch.Generator().manual_seed(seed)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95))
    warm = min(50, max(1, steps // 10))

    def rate(step: int) -> float:
        return min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / steps)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    model.train()
    for step in range(steps):
        tokens = torch.cat([draw(text, batch // len(texts), generator) for text in texts])
        logits = model(tokens[:, :-1]).flatten(0, 1)
        if teacher is None:
            loss = F.cross_entropy(logits, tokens[:, 1:].flatten())
        else:
            with torch.no_grad():
                aim = teacher(tokens[:, :-1]).flatten(0, 1).log_softmax(-1)
            loss = F.kl_div(logits.log_softmax(-1), aim, reduction="batchmean", log_target=True)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        lab.apply_masks(model, masks or {})
        if report:
            report(step)
    return model.eval()


@torch.no_grad()
def loss(model: nn.Module, text: Tensor, count: int = 64) -> float:
    """Mean cross-entropy in nats a character over `count` windows spread over the text."""
    total, tokens = 0.0, windows(text, count)
    for part in tokens.split(32):
        logits = model(part[:, :-1]).flatten(0, 1)
        total += F.cross_entropy(logits, part[:, 1:].flatten(), reduction="sum").item()
    return total / tokens[:, 1:].numel()


def perplexity(model: nn.Module, text: Tensor, count: int = 64) -> float:
    """e to the power of the loss, a character."""
    return math.exp(loss(model, text, count))


def ngram_loss(train: Tensor, text: Tensor, n: int = 5, discount: float = 0.85) -> float:
    """Nats a character of an n-gram model, interpolated Kneser-Ney, counted on `train`."""
    learned, read = train.tolist(), text.tolist()
    # The highest order counts occurrences; the lower ones, in how many contexts a symbol came.
    counts: list[dict[tuple, Counter]] = [defaultdict(Counter) for _ in range(n)]
    for i in range(n - 1, len(learned)):
        counts[n - 1][tuple(learned[i - n + 1 : i])][learned[i]] += 1
    for order in range(n - 1, 0, -1):
        for context, following in counts[order].items():
            for symbol in following:
                counts[order - 1][context[1:]][symbol] += 1
    totals = [{c: sum(f.values()) for c, f in table.items()} for table in counts]

    @functools.cache
    def probability(order: int, context: tuple, symbol: int) -> float:
        if order < 0:
            return 1 / len(SYMBOLS)
        lower = probability(order - 1, context[1:], symbol)
        following = counts[order].get(context)
        if not following:
            return lower
        seen = max(following.get(symbol, 0) - discount, 0.0)
        return (seen + discount * len(following) * lower) / totals[order][context]

    places = range(n - 1, len(read))
    logs = [math.log(probability(n - 1, tuple(read[i - n + 1 : i]), read[i])) for i in places]
    return -sum(logs) / len(logs)


# -------------------------------------------------------------------------------- the checkpoints

STEPS = 4000


def trained(seed: int = 0, folder: Path = CHECKPOINTS) -> Transformer:
    """The trained model of a seed: from its checkpoint, or trained now (minutes) and kept."""
    path = folder / f"transformer-{seed}.pt"
    if not path.exists():
        make(seed, folder)
    model = Transformer(seed=seed)
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval().requires_grad_(False)


def make(seed: int, folder: Path = CHECKPOINTS, steps: int = STEPS) -> None:
    """Train one seed and keep it in half precision."""
    began = time.process_time()
    model = Transformer(seed=seed)

    def report(step: int) -> None:
        if (step + 1) % 200 == 0:
            found = [loss(model, text.validation, 64) for text in (prose(), code())]
            spent = time.process_time() - began
            print(
                f"seed {seed} step {step + 1} prose {found[0]:.4f} code {found[1]:.4f}"
                f" CPU {spent:.0f} s",
                flush=True,
            )

    train(model, (prose().train, code().train), steps, seed=seed, report=report)
    folder.mkdir(exist_ok=True)
    state = {name: p.half() for name, p in model.state_dict().items()}
    torch.save(state, folder / f"transformer-{seed}.pt")


def main() -> None:
    """Train the seeds anew and compare them with 5-grams of the same text."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    for seed in asked.seeds:
        make(seed, steps=asked.steps)
    for name, text in {"prose": prose(), "code": code()}.items():
        print(f"{name}: 5-gram {ngram_loss(both().train, text.validation):.4f},", end=" ")
        found = [loss(trained(seed), text.validation, 10**6) for seed in asked.seeds]
        print("model", ", ".join(f"{value:.4f}" for value in found), "nats a character")


if __name__ == "__main__":
    main()
