"""q07, autograd and a few lines of torch."""

import torch

ANSWER = """
Pruning alone does not make a network interpretable. A network with ten percent of its weights
still has millions of them, and single units become no clearer: Frankle and Bau found that the
number of interpretable units stays about the same until accuracy itself falls. What pruning can
give is a smaller object to look at: fewer channels or heads, circuits with fewer edges, and by
ablation a measure of what each part contributes. More important is the reverse question: what has
pruning changed? Equal accuracy need not mean equal behaviour. I would compare saliency maps of
the dense and pruned model on the same inputs, say by the overlap of their most important pixels;
compare hidden representations with CKA, layer by layer, to see where they diverge; and look at
the inputs on which groups of dense and pruned models disagree, the pruning identified exemplars.
Those are often rare, badly labelled or difficult ones, so that minorities pay for the
compression; hence accuracy should be reported per class and subgroup. Such measurements have
limits. Saliency is noisy and local, and some methods look alike even for random weights, so
sanity checks are needed. CKA is dominated by large directions. And differing between two training
seeds is the baseline: a pruned model must be compared with the spread among dense ones. None of
them says why a decision was made.
"""


def saliency(model, inputs, classes):
    modes = {module: module.training for module in model.modules()}
    model.eval()
    x = inputs.detach().clone().requires_grad_(True)
    logits = model(x)
    chosen = logits[torch.arange(len(classes)), classes].sum()
    (grad,) = torch.autograd.grad(chosen, x)
    for module, training in modes.items():
        module.training = training
    return grad.abs()


def top_k_overlap(a, b, k):
    top_a = set(a.flatten().topk(k).indices.tolist())
    top_b = set(b.flatten().topk(k).indices.tolist())
    return len(top_a & top_b) / len(top_a | top_b)


def linear_cka(x, y):
    x = x - x.mean(dim=0)
    y = y - y.mean(dim=0)
    cross = torch.linalg.norm(y.T @ x) ** 2
    return (cross / (torch.linalg.norm(x.T @ x) * torch.linalg.norm(y.T @ y))).item()


def pruning_identified_exemplars(dense, pruned):
    def modal(labels):
        result = []
        for column in labels.T:
            result.append(torch.bincount(column).argmax().item())
        return torch.tensor(result)

    return (modal(dense) != modal(pruned)).nonzero().flatten()
