"""m01 as someone would write it at the whiteboard."""

import torch

ANSWER = """
Large language models have outlier features: a handful of hidden dimensions whose activations are
tens of times larger than the rest. Magnitude pruning ignores the input, so it removes small
weights that are multiplied by these huge features, and the output changes a lot. In a large model
without retraining that is fatal: at 50 percent sparsity the perplexity of LLaMA rises strongly.
Wanda scores a weight by its absolute value times the L2 norm of the input feature it reads. That
is what the removal of this weight alone does to the output, so it is the diagonal approximation
of Optimal Brain Surgeon with a layer-wise Hessian. Scores are compared within one output row,
because every output should keep some inputs, and the comparison between rows would depend on the
scale of the rows. The cost is low: some calibration sequences, one forward pass, a sum of squares
per feature, and a sort. No gradient, no Hessian inverse, no weight update. What it does not give
is a free lunch: unstructured zeros do not make a GPU faster, only 2:4 may, and there the loss is
larger. Nothing is repaired either, so at high sparsity SparseGPT or a bit of fine-tuning wins.
And the calibration text should look like the data the model will see.
"""


def feature_norms(batches):
    total = 0
    for batch in batches:
        flat = batch.reshape(-1, batch.shape[-1])
        total = total + (flat**2).sum(dim=0)
    return torch.sqrt(total)


def wanda_scores(weight, norms):
    return weight.abs() * norms


def wanda_mask(weight, norms, sparsity):
    scores = wanda_scores(weight, norms)
    k = round(float(sparsity) * weight.shape[1])
    order = scores.argsort(dim=1)
    mask = torch.ones_like(weight, dtype=torch.bool)
    mask.scatter_(1, order[:, :k], False)
    return mask


def wanda_nm_mask(weight, norms, n, m):
    scores = wanda_scores(weight, norms)
    mask = torch.zeros_like(weight, dtype=torch.bool)
    for start in range(0, weight.shape[1], m):
        top = scores[:, start : start + m].topk(n, dim=1).indices
        mask.scatter_(1, start + top, True)
    return mask
